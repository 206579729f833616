package s3

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// operation is one thing that S3 clients may ask for here.
type operation struct {
	name   string
	level  level
	method string
	marks  []string // query parameters that single it out
	may    []string // further ones that it knows
	serve  func(*exchange) error
}

type level int

const (
	service level = iota
	bucketLevel
	objectLevel
)

var ofVersion = []string{"versionId"}

var overrides = []string{"response-content-type", "response-content-language", "response-expires", "response-cache-control", "response-content-disposition", "response-content-encoding"}

// operations are tried in order: of two that fit, the one with more marks comes first.
var operations []operation

func init() { // a literal would refer to itself through the handlers
	operations = slices.Concat(configurations(), []operation{
		{"ListBuckets", service, "GET", nil, []string{"prefix", "max-buckets", "bucket-region", "continuation-token"}, (*exchange).listBuckets},

		{"CreateBucket", bucketLevel, "PUT", nil, nil, (*exchange).createBucket},
		{"HeadBucket", bucketLevel, "HEAD", nil, nil, (*exchange).headBucket},
		{"DeleteBucket", bucketLevel, "DELETE", nil, nil, (*exchange).deleteBucket},
		{"GetBucketLocation", bucketLevel, "GET", []string{"location"}, nil, (*exchange).bucketLocation},
		{"ListMultipartUploads", bucketLevel, "GET", []string{"uploads"}, []string{"prefix", "delimiter", "key-marker", "upload-id-marker", "max-uploads", "encoding-type"}, (*exchange).listUploads},
		{"ListObjectVersions", bucketLevel, "GET", []string{"versions"}, []string{"prefix", "delimiter", "key-marker", "version-id-marker", "max-keys", "encoding-type"}, (*exchange).listVersions},
		{"ListObjectsV2", bucketLevel, "GET", []string{"list-type"}, []string{"prefix", "delimiter", "start-after", "continuation-token", "fetch-owner", "max-keys", "encoding-type"}, (*exchange).listObjectsV2},
		{"ListObjects", bucketLevel, "GET", nil, []string{"prefix", "delimiter", "marker", "max-keys", "encoding-type"}, (*exchange).listObjects},
		{"DeleteObjects", bucketLevel, "POST", []string{"delete"}, nil, (*exchange).deleteObjects},

		{"GetObjectTagging", objectLevel, "GET", []string{"tagging"}, ofVersion, (*exchange).getTags},
		{"PutObjectTagging", objectLevel, "PUT", []string{"tagging"}, ofVersion, (*exchange).putTags},
		{"DeleteObjectTagging", objectLevel, "DELETE", []string{"tagging"}, ofVersion, (*exchange).deleteTags},
		{"GetObjectRetention", objectLevel, "GET", []string{"retention"}, ofVersion, (*exchange).getRetention},
		{"PutObjectRetention", objectLevel, "PUT", []string{"retention"}, ofVersion, (*exchange).putRetention},
		{"GetObjectLegalHold", objectLevel, "GET", []string{"legal-hold"}, ofVersion, (*exchange).getHold},
		{"PutObjectLegalHold", objectLevel, "PUT", []string{"legal-hold"}, ofVersion, (*exchange).putHold},
		{"GetObjectAcl", objectLevel, "GET", []string{"acl"}, ofVersion, (*exchange).getObjectACL},
		{"PutObjectAcl", objectLevel, "PUT", []string{"acl"}, ofVersion, (*exchange).putObjectACL},
		{"GetObjectAttributes", objectLevel, "GET", []string{"attributes"}, ofVersion, (*exchange).getAttributes},

		{"UploadPart", objectLevel, "PUT", []string{"partNumber", "uploadId"}, nil, (*exchange).uploadPart},
		{"PutObject", objectLevel, "PUT", nil, nil, (*exchange).putObject},
		{"ListParts", objectLevel, "GET", []string{"uploadId"}, []string{"max-parts", "part-number-marker", "encoding-type"}, (*exchange).listParts},
		{"GetObject", objectLevel, "GET", nil, append([]string{"partNumber", "versionId"}, overrides...), (*exchange).getObject},
		{"HeadObject", objectLevel, "HEAD", nil, append([]string{"partNumber", "versionId"}, overrides...), (*exchange).headObject},
		{"AbortMultipartUpload", objectLevel, "DELETE", []string{"uploadId"}, nil, (*exchange).abortUpload},
		{"DeleteObject", objectLevel, "DELETE", nil, ofVersion, (*exchange).deleteObject},
		{"CreateMultipartUpload", objectLevel, "POST", []string{"uploads"}, nil, (*exchange).createUpload},
		{"CompleteMultipartUpload", objectLevel, "POST", []string{"uploadId"}, nil, (*exchange).completeUpload},
	})
}

// choose finds the operation that a request asks for. A query parameter that the
// operation does not know is refused: it may be a sub-resource, and to take
// DELETE ?tagging for DELETE would be worse than any refusal.
func choose(x *exchange) (*operation, error) {
	at := service
	if x.key != "" {
		at = objectLevel
	} else if x.bucket != "" {
		at = bucketLevel
	}
	switch {
	case at == objectLevel && x.r.Method == "PUT" && x.query.has("partNumber") && !x.query.has("uploadId"):
		return nil, badArgument("partNumber", x.query.get("partNumber"), "This operation does not accept partNumber without uploadId")
	case at == objectLevel && x.r.Method == "GET" && x.query.has("uploads"):
		return nil, refuse("InvalidRequest", "Key is not expected for the GET method ?uploads subresource")
	case at == objectLevel && x.r.Method == "GET" && x.query.has("versions"):
		return nil, refuse("InvalidRequest", "There is no such thing as the ?versions sub-resource for a key")
	}
	for i := range operations {
		op := &operations[i]
		if op.level != at || op.method != x.r.Method || slices.ContainsFunc(op.marks, func(m string) bool { return !x.query.has(m) }) {
			continue
		}
		for _, e := range x.query {
			if !slices.Contains(op.marks, e.name) && !slices.Contains(op.may, e.name) && !ofSignature(e.name) && !isField(strings.ToLower(e.name)) && e.name != "x-id" {
				return nil, unsupported(op.method + " with the query parameter " + strconv.Quote(clip(e.name)))
			}
		}
		return op, nil
	}
	switch x.r.Method {
	case "GET", "HEAD", "PUT", "POST", "DELETE":
		names := make([]string, 0, len(x.query))
		for _, e := range x.query {
			if !ofSignature(e.name) {
				names = append(names, clip(e.name))
			}
		}
		if len(names) == 0 {
			break
		}
		return nil, unsupported(x.r.Method + " with the query parameters " + strconv.Quote(strings.Join(names, " ")) + " on this kind of resource")
	}
	return nil, refuse("MethodNotAllowed", "%s", standard["MethodNotAllowed"])
}

// ofSignature reports whether a query parameter belongs to a presigned URL as such.
func ofSignature(name string) bool {
	switch name {
	case "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Content-Sha256", "X-Amz-Security-Token":
		return true
	}
	return false
}

// locate tells bucket and key from host and path. The path is taken as it is:
// nothing is cleaned, and nobody is redirected.
func (x *exchange) locate() error {
	path := requestPath(x.r)
	if path[0] != '/' {
		return refuse("InvalidURI", "the request's path must begin with a slash")
	}
	rest := path[1:]
	if bucket := x.virtualBucket(); bucket != "" {
		x.bucket, x.key = bucket, rest
	} else {
		var hasKey bool
		x.bucket, x.key, hasKey = strings.Cut(rest, "/")
		if x.bucket == "" && hasKey {
			return refuse("InvalidBucketName", "the path must begin with a bucket's name")
		}
	}
	if x.bucket != "" && !validBucket(x.bucket) {
		f := refuse("InvalidBucketName", "The specified bucket is not valid.")
		f.extra = []element{{"BucketName", strings.ToValidUTF8(clip(x.bucket), "\ufffd")}}
		return f
	}
	if err := checkClimb(x.key); err != nil {
		return err
	}
	return checkKey(x.key)
}

// virtualBucket is the bucket named by the host, or "".
func (x *exchange) virtualBucket() string {
	if x.Domain == "" {
		return ""
	}
	host := x.r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	bucket, ok := strings.CutSuffix(strings.ToLower(host), "."+strings.ToLower(x.Domain))
	if !ok {
		return ""
	}
	return bucket
}

// checkKey refuses keys that S3 has no place for.
func checkKey(key string) error {
	if len(key) > maxKey {
		return tooLongKey(len(key))
	}
	if !utf8.ValidString(key) {
		return refuse("InvalidURI", "the key is not UTF-8")
	}
	return nil
}

func tooLongKey(size int) error {
	f := refuse("KeyTooLongError", "Your key is too long.")
	f.extra = []element{{"Size", strconv.Itoa(size)}, {"MaxSizeAllowed", strconv.Itoa(maxKey)}}
	return f
}

// climbs reports whether a key's relative segments lead above its beginning, which S3
// refuses: of any run of segments from the left, no more may go up than down.
func climbs(key string) bool {
	depth := 0
	for segment := range strings.SplitSeq(key, "/") {
		switch segment {
		case "..":
			if depth--; depth < 0 {
				return true
			}
		case "", ".":
		default:
			depth++
		}
	}
	return false
}

var (
	reservedPrefixes = []string{"xn--", "sthree-", "amzn-s3-demo-"}
	reservedSuffixes = []string{"-s3alias", "--ols-s3", ".mrap", "--x-s3", "--table-s3"}
)

// validBucket applies S3's rules for the names of general-purpose buckets.
func validBucket(name string) bool {
	if len(name) < 3 || len(name) > 63 || strings.Contains(name, "..") || strings.Contains(name, ".-") || strings.Contains(name, "-.") {
		return false
	}
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (c != '-' && c != '.' || i == 0 || i == len(name)-1) {
			return false
		}
	}
	if !strings.ContainsFunc(name, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }) && strings.Count(name, ".") == 3 {
		return false // formatted as an IPv4 address
	}
	return !slices.ContainsFunc(reservedPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }) &&
		!slices.ContainsFunc(reservedSuffixes, func(s string) bool { return strings.HasSuffix(name, s) })
}

// done answers without a body.
func (x *exchange) done(status int) error {
	if status != http.StatusNoContent {
		x.w.Header().Set("Content-Length", "0")
	}
	x.header(status)
	return nil
}

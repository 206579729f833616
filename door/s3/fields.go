package s3

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"strongroom"
	"strongroom/door/sigv4"
	"strongroom/vault"
)

const (
	prefixMeta     = "x-amz-meta-"
	prefixChecksum = "x-amz-checksum-"
	fieldPurpose   = "x-strongroom-purpose"
	fieldTicket    = "x-strongroom-ticket"
	fieldCipher    = "x-amz-server-side-encryption"
	fieldKey       = "x-amz-server-side-encryption-aws-kms-key-id"
	fieldHold      = "x-amz-object-lock-legal-hold"
)

// checksumFields begin like a checksum and are not one.
var checksumFields = []string{"x-amz-checksum-algorithm", "x-amz-checksum-type", "x-amz-checksum-mode"}

// knownFields are the x-amz-* and x-strongroom-* names that mean something here,
// besides x-amz-meta-* and x-amz-checksum-*. Any other is refused.
var knownFields = []string{
	"x-amz-date", "x-amz-content-sha256", "x-amz-decoded-content-length", "x-amz-trailer",
	"x-amz-sdk-checksum-algorithm", "x-amz-mp-object-size", "x-amz-user-agent",
	"x-amz-acl", "x-amz-storage-class", "x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner", "x-amz-transition-default-minimum-object-size", "x-amz-object-ownership", "x-amz-bucket-object-lock-enabled",
	fieldCipher, fieldKey, "x-amz-server-side-encryption-bucket-key-enabled",
	fieldHold, fieldPurpose, fieldTicket, "x-amz-security-token",
}

// readFields gathers what the request says in x-amz-* and x-strongroom-* names. A
// presigned URL carries them as query parameters, so both places count alike.
func (x *exchange) readFields() error {
	x.fields = map[string]string{}
	for name, values := range x.r.Header {
		name = strings.ToLower(name)
		if !strings.HasPrefix(name, "x-amz-") && !strings.HasPrefix(name, "x-strongroom-") {
			continue
		}
		if len(values) > 1 && !strings.HasPrefix(name, prefixMeta) {
			return refuse("InvalidRequest", "the header %s occurs more than once", name)
		}
		x.fields[name] = strings.Join(values, ",")
	}
	for _, e := range x.query {
		if !isField(e.name) {
			continue
		}
		if _, twice := x.fields[e.name]; twice {
			return refuse("InvalidRequest", "%s stands both in a header and in the query", clip(e.name))
		}
		if strings.ContainsFunc(e.name, func(r rune) bool { return !sigv4.IsTokenRune(r) }) || strings.ContainsFunc(e.value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return refuse("InvalidArgument", "a query parameter that stands for a header has characters that a header may not have")
		}
		x.fields[e.name] = strings.TrimSpace(e.value)
	}
	for _, name := range sortedKeys(x.fields) {
		switch {
		case strings.HasPrefix(name, prefixMeta), strings.HasPrefix(name, prefixChecksum), slices.Contains(knownFields, name):
		case strings.HasPrefix(name, "x-amz-server-side-encryption-customer-"):
			return refuse("InvalidArgument", "keys provided by the client (SSE-C) are refused: content here is always sealed to the room's own recipients (aws:kms)")
		default:
			return unsupported("the header " + strconv.Quote(clip(name)))
		}
	}
	return x.checkOwner()
}

// checkOwner refuses a request that expects a bucket to be another account's.
func (x *exchange) checkOwner() error {
	for _, name := range []string{"x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner", "x-amz-source-expected-bucket-owner"} {
		owner, ok := x.fields[name]
		switch {
		case !ok:
		case len(owner) != 12 || strings.ContainsFunc(owner, func(r rune) bool { return r < '0' || r > '9' }):
			return refuse("InvalidBucketOwnerAWSAccountID", "The value of the expected bucket owner parameter must be an AWS account ID")
		case owner != x.room.ID().Account():
			return refuse("AccessDenied", "the bucket belongs to another account than %s says", name)
		}
	}
	return nil
}

// isField reports whether a query parameter stands for a header.
func isField(name string) bool {
	return strings.HasPrefix(name, "x-amz-") || strings.HasPrefix(name, "x-strongroom-")
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// purpose reads why the asker asks. In a header, text is UTF-8, as it is or
// percent-encoded, and a percent sign is written %25; a query parameter has been
// decoded already.
func (x *exchange) purpose() (strongroom.Purpose, error) {
	text, err := x.declared(fieldPurpose, 512)
	if err != nil {
		return strongroom.Purpose{}, err
	}
	ticket, err := x.declared(fieldTicket, 128)
	return strongroom.Purpose{Text: text, Ticket: ticket}, err
}

func (x *exchange) declared(name string, limit int) (string, error) {
	v := x.fields[name]
	if !x.query.has(name) {
		var ok bool
		if v, ok = unescape(v, false); !ok {
			return "", refuse("InvalidArgument", "%s has a percent sign that is not followed by two hexadecimal digits; write a percent sign as %%25", name)
		}
	}
	switch {
	case len(v) > limit:
		return "", refuse("InvalidArgument", "%s is longer than %d bytes", name, limit)
	case !utf8.ValidString(v):
		return "", refuse("InvalidArgument", "%s is not UTF-8", name)
	case strings.ContainsFunc(v, unicode.IsControl):
		return "", refuse("InvalidArgument", "%s has control characters", name)
	}
	return v, nil
}

// wish is what a request that stores says about the object besides its bytes.
type wish struct{ vault.Declared }

// keptHeaders are stored with an object and answered with it.
var keptHeaders = []string{"Content-Type", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires"}

// wishes reads and checks what a store request wants. Whatever it wants that is
// not done here is refused.
func (x *exchange) wishes() (wish, error) {
	var w wish
	if err := x.checkACL(); err != nil {
		return w, err
	}
	if c, ok := x.fields["x-amz-storage-class"]; ok && c != "STANDARD" {
		return w, refuse("InvalidStorageClass", "the storage class you specified is not valid; the only one here is STANDARD")
	}
	if err := x.checkCipher(); err != nil {
		return w, err
	}
	for _, name := range []string{"If-Match", "If-None-Match"} {
		if x.r.Header.Get(name) != "" {
			return w, unsupported("a conditional write (" + name + ")")
		}
	}
	switch x.fields[fieldHold] {
	case "ON":
		w.LegalHold = true
	case "OFF", "":
	default:
		return w, refuse("InvalidArgument", "%s must be ON or OFF", fieldHold)
	}
	w.Headers = map[string]string{}
	for _, name := range keptHeaders {
		v := strings.Join(x.r.Header.Values(name), ", ")
		if name == "Content-Encoding" {
			v = withoutChunked(v)
		}
		if !utf8.ValidString(v) {
			return w, refuse("InvalidArgument", "the header %s is not UTF-8", name)
		}
		if v != "" {
			w.Headers[name] = v
		}
	}
	if w.Headers["Content-Type"] == "" {
		w.Headers["Content-Type"] = "binary/octet-stream"
	}
	w.Meta = map[string]string{}
	size := 0
	for name, value := range x.fields {
		name, ok := strings.CutPrefix(name, prefixMeta)
		if !ok {
			continue
		}
		if name == "" || !utf8.ValidString(value) {
			return w, refuse("InvalidArgument", "user metadata must have a name, and its value must be UTF-8")
		}
		if size += len(name) + len(value); size > maxMeta {
			return w, refuse("MetadataTooLarge", "your metadata headers exceed the maximum allowed metadata size of %d bytes", maxMeta)
		}
		w.Meta[name] = value
	}
	return w, nil
}

func (x *exchange) checkACL() error {
	switch acl := x.fields["x-amz-acl"]; acl {
	case "", "private", "bucket-owner-full-control":
		return nil
	default:
		return refuse("AccessControlListNotSupported", "access control lists are not used here: policy decides; x-amz-acl may be private or bucket-owner-full-control")
	}
}

// checkCipher honours the encryption that is always done here, and refuses any other.
func (x *exchange) checkCipher() error {
	cipher, named := x.fields[fieldCipher]
	key, keyed := x.fields[fieldKey]
	switch {
	case named && cipher != "aws:kms":
		return refuse("InvalidArgument", "the encryption %q is refused: content here is always sealed to the room's recipients, which is written aws:kms", clip(cipher))
	case strings.EqualFold(x.fields["x-amz-server-side-encryption-bucket-key-enabled"], "true"):
		return unsupported("a bucket key (x-amz-server-side-encryption-bucket-key-enabled)")
	case !keyed:
		return nil
	case !named:
		return refuse("InvalidArgument", "%s needs %s: aws:kms", fieldKey, fieldCipher)
	}
	bucket, err := x.room.HeadBucket(x.r.Context(), x.caller, x.bucket)
	if err != nil {
		return fmt.Errorf("finding the bucket's recipient: %w", err)
	}
	if !equal(key, x.room.Recipient(bucket.Custody)) {
		return refuse("InvalidArgument", "the bucket seals to another recipient than the %s you named; leave it out or name the bucket's", fieldKey)
	}
	return nil
}

// sealed says in the answer's headers how content is encrypted.
func (x *exchange) sealed(recipient string) {
	x.w.Header().Set(fieldCipher, "aws:kms")
	if recipient != "" {
		x.w.Header().Set(fieldKey, recipient)
	}
}

// withoutChunked takes aws-chunked, which is about the transfer, out of a Content-Encoding.
func withoutChunked(v string) string {
	var kept []string
	for part := range strings.SplitSeq(v, ",") {
		if part = strings.TrimSpace(part); part != "" && !strings.EqualFold(part, "aws-chunked") {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ", ")
}

// describe sets the headers that tell about an object.
func (x *exchange) describe(o strongroom.Object, recipient string) {
	h := x.w.Header()
	h.Set("ETag", quote(o.ETag))
	h.Set("Last-Modified", o.Modified.UTC().Format(http.TimeFormat))
	h.Set("Accept-Ranges", "bytes")
	for name, value := range o.Headers {
		h.Set(name, value)
	}
	for name, value := range o.Meta {
		h[prefixMeta+name] = []string{value} // clients expect the name as it was, in lower case
	}
	if o.LegalHold {
		h.Set(fieldHold, "ON")
	}
	x.sealed(recipient)
}

func quote(etag string) string { return `"` + etag + `"` }

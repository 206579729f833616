package s3

import (
	"fmt"
	"mime"
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
	fieldLockMode  = "x-amz-object-lock-mode"
	fieldLockUntil = "x-amz-object-lock-retain-until-date"
	fieldBypass    = "x-amz-bypass-governance-retention"
	fieldTags      = "x-amz-tagging"
	fieldSource    = "x-amz-copy-source"
	fieldWanted    = "x-amz-object-attributes"
	prefixGrant    = "x-amz-grant-"
	prefixSource   = fieldSource + "-"
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
	fieldLockMode, fieldLockUntil, fieldBypass, fieldTags, fieldSource, fieldWanted,
	prefixSource + "if-match", prefixSource + "if-none-match", prefixSource + "if-modified-since", prefixSource + "if-unmodified-since", prefixSource + "range",
	"x-amz-metadata-directive", "x-amz-tagging-directive", "x-amz-max-parts", "x-amz-part-number-marker",
	"x-amz-if-match-last-modified-time", "x-amz-if-match-size", "x-amz-if-match-initiated-time",
	prefixGrant + "full-control", prefixGrant + "read", prefixGrant + "read-acp", prefixGrant + "write", prefixGrant + "write-acp",
	"x-amz-request-payer",              // nobody else pays here
	"x-amz-optional-object-attributes", // about restoring from an archive: there is none
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
		if len(values) > 1 && !strings.HasPrefix(name, prefixMeta) && name != fieldWanted {
			return refuse("InvalidRequest", "the header %s occurs more than once", name)
		}
		x.fields[name] = strings.Join(values, ",")
	}
	for _, e := range x.query {
		name := strings.ToLower(e.name) // some clients move a header into the URL as it is written
		if !isField(name) || ofSignature(e.name) {
			continue
		}
		if _, twice := x.fields[name]; twice {
			return refuse("InvalidRequest", "%s stands both in a header and in the query", clip(e.name))
		}
		if strings.ContainsFunc(e.name, func(r rune) bool { return !sigv4.IsTokenRune(r) }) || strings.ContainsFunc(e.value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return refuse("InvalidArgument", "a query parameter that stands for a header has characters that a header may not have")
		}
		x.fields[name] = strings.TrimSpace(e.value)
	}
	return x.checkFields()
}

// checkFields refuses what means nothing here.
func (x *exchange) checkFields() error {
	for _, name := range sortedKeys(x.fields) {
		switch {
		case strings.HasPrefix(name, prefixMeta), strings.HasPrefix(name, prefixChecksum), slices.Contains(knownFields, name):
		case strings.HasPrefix(name, "x-amz-server-side-encryption-customer-"), strings.HasPrefix(name, prefixSource+"server-side-encryption-customer-"):
			return refuse("InvalidArgument", "keys provided by the client (SSE-C) are refused: content here is always sealed to the room's own recipients (aws:kms)")
		case name == "x-amz-website-redirect-location" && !strings.HasPrefix(x.fields[name], "/") && !strings.HasPrefix(x.fields[name], "http://") && !strings.HasPrefix(x.fields[name], "https://"):
			return refuse("InvalidRedirectLocation", "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.")
		default:
			return unsupported("the header " + strconv.Quote(clip(name)))
		}
	}
	if _, ok := x.fields[fieldSource]; ok && !(x.r.Method == http.MethodPut && x.key != "") {
		return badArgument(fieldSource, x.fields[fieldSource], "You can only specify a copy source header for copy requests.")
	}
	return x.checkOwner()
}

// checkOwner refuses a request that expects a bucket to be another account's.
func (x *exchange) checkOwner() error {
	for _, name := range []string{"x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"} {
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

func sortedKeys[V any](m map[string]V) []string {
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
	if !slices.ContainsFunc(x.query, func(e element) bool { return strings.EqualFold(e.name, name) }) {
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

// keptHeaders are stored with an object and answered with it.
var keptHeaders = []string{"Content-Type", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires"}

// wishes reads and checks what a store request wants. Whatever it wants that is
// not done here is refused.
func (x *exchange) wishes() (vault.Declared, error) {
	var w vault.Declared
	if err := x.checkACL(); err != nil {
		return w, err
	}
	if c, ok := x.fields["x-amz-storage-class"]; ok && c != "STANDARD" {
		return w, refuse("InvalidStorageClass", "The storage class you specified is not valid")
	}
	var err error
	if w.Cipher, err = x.checkCipher(); err != nil {
		return w, err
	}
	if w.Tags, err = x.taggingHeader(); err != nil {
		return w, err
	}
	if w.Retention, w.LegalHold, err = x.lockHeaders(); err != nil {
		return w, err
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
	w.Meta, err = userMetadata(x.fields)
	return w, err
}

// userMetadata takes the user metadata out of fields. Values in the manner of RFC 2047
// are text beyond ASCII, and are kept as that text.
func userMetadata(fields map[string]string) (map[string]string, error) {
	meta := map[string]string{}
	size := 0
	for name, value := range fields {
		name, ok := strings.CutPrefix(name, prefixMeta)
		if !ok {
			continue
		}
		if name == "" || !utf8.ValidString(value) {
			return nil, refuse("InvalidArgument", "user metadata must have a name, and its value must be UTF-8")
		}
		if strings.Contains(value, "=?") {
			if text, err := new(mime.WordDecoder).DecodeHeader(value); err == nil && utf8.ValidString(text) {
				value = text
			}
		}
		size += len(name) + len(value)
		meta[name] = value
	}
	if size > maxMeta {
		f := refuse("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
		f.extra = []element{{"Size", strconv.Itoa(size)}, {"MaxSizeAllowed", strconv.Itoa(maxMeta)}}
		return nil, f
	}
	return meta, nil
}

// cannedACLs are those that S3 knows.
var cannedACLs = []string{"private", "bucket-owner-full-control", "public-read", "public-read-write", "authenticated-read", "aws-exec-read", "bucket-owner-read", "log-delivery-write"}

// checkACL refuses an access control list that would grant anything to anybody but the
// bucket's owner.
func (x *exchange) checkACL() error {
	acl, canned := x.fields["x-amz-acl"]
	granted := false
	for name, value := range x.fields {
		if strings.HasPrefix(name, prefixGrant) {
			granted = true
			if name != prefixGrant+"full-control" || strings.ReplaceAll(value, `"`, "") != "id="+x.room.ID().String() {
				return noACLs()
			}
		}
	}
	switch {
	case canned && granted:
		return refuse("InvalidRequest", "Specifying both Canned ACLs and Header Grants is not allowed")
	case !canned, acl == "private", acl == "bucket-owner-full-control":
		return nil
	case slices.Contains(cannedACLs, acl):
		return noACLs()
	}
	return badArgument("x-amz-acl", acl, "")
}

func noACLs() error {
	return refuse("AccessControlListNotSupported", "The bucket does not allow ACLs.")
}

// checkCipher honours the encryption that is always done here, under either of its
// names, and refuses any other.
func (x *exchange) checkCipher() (string, error) {
	cipher, named := x.fields[fieldCipher]
	key, keyed := x.fields[fieldKey]
	switch {
	case named && cipher == "aws:kms:dsse":
		return "", badArgument(fieldCipher, cipher, "two layers of encryption (aws:kms:dsse) are not made here: content is sealed once, to the room's recipients; write aws:kms or AES256")
	case named && cipher != cipherKMS && cipher != cipherS3:
		return "", badArgument(fieldCipher, cipher, "The encryption method specified is not supported")
	case strings.EqualFold(x.fields["x-amz-server-side-encryption-bucket-key-enabled"], "true"):
		return "", unsupported("a bucket key (x-amz-server-side-encryption-bucket-key-enabled)")
	case !keyed:
		return cipher, nil
	case cipher != cipherKMS:
		return "", badArgument(fieldKey, key, "%s needs %s: aws:kms", fieldKey, fieldCipher)
	}
	bucket, err := x.room.HeadBucket(x.r.Context(), x.caller, x.bucket)
	if err != nil {
		return "", fmt.Errorf("finding the bucket's recipient: %w", err)
	}
	if !equal(key, x.room.Recipient(bucket.Custody)) {
		return "", refuse("InvalidArgument", "the bucket seals to another recipient than the %s you named; leave it out or name the bucket's", fieldKey)
	}
	return cipher, nil
}

// sealed says in the answer's headers how content is encrypted.
func (x *exchange) sealed(recipient, cipher string) {
	if cipher == cipherS3 {
		x.w.Header().Set(fieldCipher, cipherS3)
		return
	}
	x.w.Header().Set(fieldCipher, cipherKMS)
	if recipient != "" {
		x.w.Header().Set(fieldKey, recipient)
	}
}

// made sets the headers that tell of a version just stored.
func (x *exchange) made(o strongroom.Object) {
	x.sealed(x.room.Recipient(o.Custody), o.Cipher)
	if o.Versioned && !o.Null {
		x.w.Header().Set("x-amz-version-id", o.VersionName())
	}
	x.tellExpiration(o)
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
	missing := 0
	for name, value := range o.Meta {
		if value, ok := headerText(value); ok && !strings.ContainsFunc(name, func(r rune) bool { return !sigv4.IsTokenRune(r) }) {
			h[prefixMeta+name] = []string{value} // clients expect the name as it was, in lower case
		} else {
			missing++
		}
	}
	if missing > 0 {
		h.Set("x-amz-missing-meta", strconv.Itoa(missing))
	}
	if o.Versioned {
		h.Set("x-amz-version-id", o.VersionName())
	}
	if len(o.Tags) > 0 {
		h.Set("x-amz-tagging-count", strconv.Itoa(len(o.Tags)))
	}
	if o.Retention.Mode != "" {
		h.Set(fieldLockMode, string(o.Retention.Mode))
		h.Set(fieldLockUntil, o.Retention.Until.UTC().Format(lockTime))
	}
	if o.LegalHold {
		h.Set(fieldHold, "ON")
	}
	x.tellExpiration(o)
	x.sealed(recipient, o.Cipher)
}

// headerText writes user metadata as a header may have it: text beyond ASCII in the
// manner of RFC 2047, as S3 does. Control characters have no place in a header.
func headerText(v string) (string, bool) {
	if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return "", false
	}
	return mime.BEncoding.Encode("UTF-8", v), true
}

func quote(etag string) string { return `"` + etag + `"` }

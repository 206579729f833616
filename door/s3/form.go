package s3

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"strongroom"
	"strongroom/door/sigv4"
	"strongroom/vault"
)

const (
	maxForm    = 20 << 10 // bytes of a form apart from its file
	formAhead  = 8 << 10  // what reading a form takes in ahead of what it needs
	maxFields  = 128
	formWindow = 7 * 24 * time.Hour // a signing key is good for as long
)

// isForm reports whether the request is a browser's form: what it says and its
// signature stand in its body, before the file.
func (x *exchange) isForm() bool {
	kind, _, _ := strings.Cut(x.r.Header.Get("Content-Type"), ";")
	return x.r.Method == http.MethodPost && strings.EqualFold(strings.TrimSpace(kind), "multipart/form-data") &&
		x.r.Header.Get("Authorization") == "" && !x.query.has("X-Amz-Signature")
}

// isBucketPost reports whether the request posts to a bucket and to no sub-resource.
func (x *exchange) isBucketPost() bool {
	return x.r.Method == http.MethodPost && len(x.query) == 0 && x.locate() == nil && x.bucket != "" && x.key == ""
}

// form is a form that was read up to its file.
type form struct {
	fields map[string]string // names in lower case
	order  []string
	file   *multipart.Part
	name   string // of the file, as the browser told it
	rest   *formReader
}

// postForm stores the file of a form. The fields before the file are read first, little
// as they may be; the file is taken in once the signature over the form's policy holds
// and everything that the form says is what the policy allows.
func (x *exchange) postForm() error {
	if err := x.locate(); err != nil {
		return err
	}
	if x.bucket == "" || x.key != "" || len(x.query) > 0 {
		return refuse("MethodNotAllowed", "the specified method is not allowed against this resource")
	}
	f, err := x.readForm()
	if err != nil {
		x.Noise("unsigned")
		return err
	}
	if err := x.authenticateForm(f); err != nil {
		return err
	}
	if x.r.Header.Get("Origin") != "" {
		x.tellOrigin(x.room.CORS(x.bucket), x.r.Method, nil)
	}
	if x.key = strings.ReplaceAll(f.fields["key"], "${filename}", f.name); x.key == "" {
		return badArgument("key", "", "User key must have a length greater than 0.")
	}
	f.fields["key"] = x.key
	if err := cmp.Or(checkKey(x.key), checkClimb(x.key)); err != nil {
		return err
	}
	p, err := parsePolicy(f.fields["policy"])
	if err != nil {
		return err
	}
	if err := p.allows(x.bucket, f, x.Now()); err != nil {
		return err
	}
	if err := x.takeForm(f); err != nil {
		return err
	}
	said, err := x.purpose()
	if err != nil {
		return err
	}
	x.caller.Purpose = vault.PurposeOf(said, x.caller.Purpose)
	x.op = &operation{name: "PostObject"}
	release, err := x.room.Enter(x.r.Context())
	if err != nil {
		return err
	}
	defer release()
	return x.storeForm(f, p)
}

// checkClimb refuses a key that leads above its bucket.
func checkClimb(key string) error {
	if climbs(key) {
		return refuse("BadRequest", "An error occurred when parsing the HTTP request.")
	}
	return nil
}

// formReader is a form on its way in; it ends with an error where a form has too many
// bytes before its file.
type formReader struct {
	in   io.Reader
	left int64 // -1 once the file has begun
}

func (r *formReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		f := refuse("MaxPostPreDataLengthExceededError", "Your POST request fields preceding the upload file were too large.")
		f.extra = []element{{"MaxPostPreDataLengthBytes", strconv.Itoa(maxForm)}}
		return 0, f
	}
	if r.left > 0 {
		p = p[:min(int64(len(p)), r.left)]
	}
	n, err := r.in.Read(p)
	if r.left > 0 {
		r.left -= int64(n)
	}
	return n, err
}

func notForm(cause error) error {
	if f, ok := errors.AsType[*failure](cause); ok {
		return f
	}
	f := refuse("MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.")
	f.cause = cause
	return f
}

// readForm reads a form's fields up to the file.
func (x *exchange) readForm() (*form, error) {
	if x.r.ContentLength < 0 {
		return nil, refuse("MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	if x.r.ContentLength > x.MaxObject+maxForm+formAhead {
		return nil, tooLargeFile(x.r.ContentLength, x.MaxObject)
	}
	_, params, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return nil, notForm(err)
	}
	f := &form{fields: map[string]string{}, rest: &formReader{x.paced(), maxForm + formAhead}}
	parts := multipart.NewReader(f.rest, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil, badArgument("file", "", "POST requires exactly one file upload per request.")
		}
		if err != nil {
			return nil, notForm(err)
		}
		name := strings.ToLower(part.FormName())
		if name == "" && part.FileName() != "" {
			return nil, badArgument("file", "", "POST requires exactly one file upload per request.")
		}
		if name == "file" {
			f.file, f.name, f.rest.left = part, part.FileName(), -1
			return f, nil
		}
		value, err := io.ReadAll(part)
		switch {
		case err != nil:
			return nil, notForm(err)
		case name == "" || !utf8.ValidString(name) || !utf8.Valid(value) || len(f.order) == maxFields:
			return nil, notForm(errors.New("a field without a name, or not of text, or too many"))
		case slices.Contains(f.order, name):
			return nil, badArgument(name, "", "a form's field %q occurs more than once", clip(name))
		case (strings.HasPrefix(name, "x-amz-") || strings.HasPrefix(name, "x-strongroom-") || isKept(name)) && bytes.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return nil, badArgument(name, "", "the field %s has characters that a header may not have", clip(name))
		}
		f.order = append(f.order, name)
		f.fields[name] = string(value)
	}
}

func isKept(name string) bool {
	return slices.ContainsFunc(keptHeaders, func(h string) bool { return strings.EqualFold(h, name) })
}

func tooLargeFile(size, most int64) error {
	f := refuse("EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.")
	f.extra = []element{{"ProposedSize", strconv.FormatInt(size, 10)}, {"MaxSizeAllowed", strconv.FormatInt(most, 10)}}
	return f
}

// signedFields are what a form's signature needs.
var signedFields = []string{"x-amz-signature", "x-amz-credential", "x-amz-date", "x-amz-algorithm"}

// authenticateForm believes the signature over a form's policy, or refuses it.
func (x *exchange) authenticateForm(f *form) error {
	policy, policed := f.fields["policy"]
	if _, old := f.fields["awsaccesskeyid"]; old && f.fields["x-amz-signature"] == "" {
		x.Noise("unsigned")
		return refuse("InvalidRequest", "The authorization mechanism you have provided is not supported. Please use %s.", sigv4.Algorithm)
	}
	if !policed && !slices.ContainsFunc(signedFields, func(name string) bool { return f.fields[name] != "" }) {
		x.Noise("unsigned")
		return refuse("AccessDenied", "anonymous requests are not answered; sign the form's policy with %s", sigv4.Algorithm)
	}
	for _, name := range append([]string{"policy"}, signedFields...) {
		if _, there := f.fields[name]; !there || name != "policy" && f.fields[name] == "" {
			x.Noise("unsigned")
			return badArgument(name, "", "Bucket POST must contain a field named '%s'.  If it is specified, please check the order of the fields.", name)
		}
	}
	get := func(name string) string {
		switch name {
		case "X-Amz-Expires":
			return "1"
		case "X-Amz-SignedHeaders":
			return "host"
		case "X-Amz-Signature":
			return emptySHA256 // of the right shape; one of another does not match
		}
		return f.fields[strings.ToLower(name)]
	}
	s, refusal := sigv4.ParsePresigned(get, "s3", time.Hour)
	if refusal != nil {
		x.Noise("unsigned")
		return formRefusal(refusal, f)
	}
	s.Value = f.fields["x-amz-signature"]
	if now := x.Now(); now.Sub(s.Time) > formWindow || s.Time.Sub(now) > 15*time.Minute {
		x.Noise("time")
		return againstPolicy("Policy expired.")
	}
	err := x.believe(&s, func(string) *sigv4.Refusal { return nil }, func(secret string) *sigv4.Refusal {
		want := hex.EncodeToString(sigv4.MAC(sigv4.SigningKey(secret, s.Date, s.Region, "s3"), policy))
		if secret == "" || !equal(s.Value, want) {
			return &sigv4.Refusal{Reason: sigv4.Mismatch, Message: "The request signature we calculated does not match the signature you provided. Check your key and signing method."}
		}
		return nil
	}, func() (string, error) { return f.fields["x-amz-security-token"], nil })
	if err != nil {
		return err
	}
	x.caller.Method = "sigv4-presigned" // whoever has the form may send it
	return nil
}

// formRefusal says of a form's field what is wrong with it.
func formRefusal(r *sigv4.Refusal, f *form) error {
	why, ofCredential := strings.CutPrefix(r.Message, "Error parsing the X-Amz-Credential parameter; ")
	switch {
	case ofCredential:
		return badArgument("x-amz-credential", f.fields["x-amz-credential"], "%s", why)
	case f.fields["x-amz-algorithm"] != sigv4.Algorithm:
		return badArgument("X-Amz-Algorithm", f.fields["x-amz-algorithm"], "Only AWS4-HMAC-SHA256 is supported")
	case strings.HasPrefix(why, "X-Amz-Date"):
		return badArgument("X-Amz-Date", f.fields["x-amz-date"], "X-Amz-Date must be formated via ISO8601 Long format")
	}
	return refuse("InvalidArgument", "%s", why)
}

// takeForm makes fields and headers of a form's fields, as the other operations have them.
func (x *exchange) takeForm(f *form) error {
	x.fields = map[string]string{}
	header := http.Header{}
	for _, name := range f.order {
		value := f.fields[name]
		switch {
		case name == "acl":
			x.fields["x-amz-acl"] = strings.TrimSpace(value)
		case name == "tagging":
			// written as XML here, and read where the rest is
		case name == "content-md5", isKept(name):
			header.Set(name, strings.TrimSpace(value))
		case slices.Contains(signedFields, name), strings.HasPrefix(name, "x-ignore-"):
		case isField(name):
			x.fields[name] = strings.TrimSpace(value)
		}
	}
	x.r.Header = header
	if x.fields["x-amz-trailer"] != "" || x.fields["x-amz-decoded-content-length"] != "" {
		return refuse("InvalidArgument", "a form has no trailer, and its file is not encoded in chunks")
	}
	return x.checkFields()
}

// storeForm stores a form's file and answers as the form wishes.
func (x *exchange) storeForm(f *form, p *policy) error {
	w, err := x.wishes()
	if err != nil {
		return err
	}
	if text, ok := f.fields["tagging"]; ok {
		root, err := parseDocument([]byte(text), "Tagging", 1<<10)
		if err != nil {
			return err
		}
		if w.Tags, err = tagging(root, maxTags); err != nil {
			return err
		}
	}
	most := x.MaxObject
	if p.most >= 0 {
		most = min(most, p.most)
	}
	b := &body{in: &fileReader{in: f.file, least: p.least, most: most}, size: -1}
	if err := b.readMD5(x.r.Header.Values("Content-Md5")); err != nil {
		return err
	}
	if _, err := b.readChecksum(x.fields, false); err != nil {
		return err
	}
	b.byDefault()
	q := vault.PutRequest{Bucket: x.bucket, Key: x.key, Size: -1, Declared: w, AtEOF: b.finish}
	return x.store(b, q, func(o strongroom.Object) error { return x.answerForm(f, o) })
}

// fileReader is a form's file, held against the size that its policy allows.
type fileReader struct {
	in                io.Reader
	least, most, read int64
}

func (r *fileReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.read += int64(n)
	if r.read > r.most {
		return 0, tooLargeFile(r.read, r.most)
	}
	if errors.Is(err, io.EOF) && r.read < r.least {
		f := refuse("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
		f.extra = []element{{"ProposedSize", strconv.FormatInt(r.read, 10)}, {"MinSizeAllowed", strconv.FormatInt(r.least, 10)}}
		return n, f
	}
	return n, err
}

// answerForm says that the file is stored: by sending the browser on, or with a status.
func (x *exchange) answerForm(f *form, o strongroom.Object) error {
	h := x.w.Header()
	if to, err := url.Parse(cmp.Or(f.fields["success_action_redirect"], f.fields["redirect"])); err == nil && to.Host != "" && (to.Scheme == "http" || to.Scheme == "https") {
		q := "bucket=" + sigv4.Escape(x.bucket, false) + "&key=" + sigv4.Escape(x.key, false) + "&etag=" + sigv4.Escape(quote(o.ETag), false)
		if to.RawQuery != "" {
			q = to.RawQuery + "&" + q
		}
		to.RawQuery = q
		h.Set("Location", to.String())
		return x.done(http.StatusSeeOther)
	}
	h.Set("Location", x.location())
	switch f.fields["success_action_status"] {
	case "200":
		return x.done(http.StatusOK)
	case "201":
		var d document
		d.start()
		d.element("PostResponse", func() {
			d.text("Location", x.location())
			d.text("Bucket", x.bucket)
			d.text("Key", x.key)
			d.text("ETag", quote(o.ETag))
		})
		x.answer(http.StatusCreated, &d)
		return nil
	}
	return x.done(http.StatusNoContent)
}

// policy is what whoever signed a form lets it say.
type policy struct {
	expires     time.Time
	conditions  []condition
	least, most int64 // of the file; most is -1 where nothing is said
}

type condition struct {
	operator    string // eq or starts-with
	name, value string
	text        string // as answered
}

func badPolicy(format string, args ...any) error {
	return refuse("InvalidPolicyDocument", "Invalid Policy: "+format, args...)
}

func againstPolicy(format string, args ...any) error {
	return refuse("AccessDenied", "Invalid according to Policy: "+format, args...)
}

// parsePolicy reads a policy document: JSON in base64.
func parsePolicy(encoded string) (*policy, error) {
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, badPolicy("invalid Base64 encoding.")
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, badPolicy("Expecting '{' but found End-of-Input")
	}
	var document map[string]json.RawMessage
	if !utf8.Valid(text) || json.Unmarshal(text, &document) != nil || document == nil {
		return nil, badPolicy("Invalid JSON.")
	}
	for _, name := range sortedKeys(document) {
		if name != "expiration" && name != "conditions" {
			return nil, badPolicy("Unexpected: %q", clip(name))
		}
	}
	p := &policy{most: -1}
	var expiration string
	if raw, ok := document["expiration"]; !ok {
		return nil, badPolicy("Policy missing expiration.")
	} else if json.Unmarshal(raw, &expiration) != nil || raw[0] != '"' {
		return nil, badPolicy("Invalid JSON.")
	}
	if p.expires, err = time.Parse(time.RFC3339, expiration); err != nil {
		return nil, badPolicy("Invalid 'expiration' value: '%s'", clip(expiration))
	}
	var conditions []json.RawMessage
	if raw, ok := document["conditions"]; !ok {
		return nil, badPolicy("Policy missing conditions.")
	} else if raw[0] != '[' || json.Unmarshal(raw, &conditions) != nil {
		return nil, badPolicy("Invalid 'conditions' value: must be a List.")
	}
	for _, raw := range conditions {
		switch raw[0] {
		case '{':
			err = p.simple(raw)
		case '[':
			err = p.listed(raw)
		default:
			err = badPolicy("Invalid condition test: must be a List or Object.")
		}
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

// simple reads a condition of the form {"name": "value"}.
func (p *policy) simple(raw json.RawMessage) error {
	var pair map[string]json.RawMessage
	if json.Unmarshal(raw, &pair) != nil {
		return badPolicy("Invalid JSON.")
	}
	if len(pair) != 1 {
		return badPolicy("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
	}
	for name, rawValue := range pair {
		var value string
		if rawValue[0] != '"' || json.Unmarshal(rawValue, &value) != nil {
			return badPolicy("Invalid Simple-Condition: value must be a string.")
		}
		p.conditions = append(p.conditions, condition{"eq", strings.ToLower(name), value, fmt.Sprintf("[%q, %q, %q]", "eq", "$"+name, value)})
	}
	return nil
}

// listed reads a condition of the form ["operator", …].
func (p *policy) listed(raw json.RawMessage) error {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return badPolicy("Invalid JSON.")
	}
	var operator string
	if len(items) == 0 {
		return badPolicy("Invalid Condition: missing operation identifier.")
	} else if items[0][0] != '"' || json.Unmarshal(items[0], &operator) != nil {
		return badPolicy("Invalid JSON.")
	}
	name := operator
	switch operator = strings.ToLower(operator); operator {
	case "eq", "starts-with", "content-length-range":
	default:
		return badPolicy("Invalid Condition: unknown operation '%s'.", clip(name))
	}
	if len(items) != 3 {
		return badPolicy("Invalid %s: wrong number of arguments.", operator)
	}
	if operator == "content-length-range" {
		least, ok1 := bytesOf(items[1])
		most, ok2 := bytesOf(items[2])
		if !ok1 || !ok2 {
			return badPolicy("Invalid JSON.")
		}
		p.least = max(p.least, least)
		if p.most < 0 || most < p.most {
			p.most = most
		}
		return nil
	}
	c := condition{operator: operator}
	if items[1][0] != '"' || items[2][0] != '"' || json.Unmarshal(items[1], &c.name) != nil || json.Unmarshal(items[2], &c.value) != nil {
		return badPolicy("Invalid JSON.")
	}
	var text bytes.Buffer
	json.Compact(&text, raw)
	c.text = text.String()
	if field, ok := strings.CutPrefix(c.name, "$"); ok {
		c.name = strings.ToLower(field)
	} else {
		c.name = "" // no field is called so: the condition fails
	}
	p.conditions = append(p.conditions, c)
	return nil
}

// bytesOf reads a size, which some write as text.
func bytesOf(raw json.RawMessage) (int64, bool) {
	n, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	return n, err == nil && n >= 0
}

// unbound are the fields that a policy need not name.
var unbound = []string{"policy", "x-amz-signature"}

// allows holds a form against its policy: everything that the form says is named there,
// and is as it says.
func (p *policy) allows(bucket string, f *form, now time.Time) error {
	if !now.Before(p.expires) {
		return againstPolicy("Policy expired.")
	}
	named := map[string]bool{}
	for _, c := range p.conditions {
		value, there := f.fields[c.name]
		if c.name == "bucket" {
			value, there = bucket, true
		}
		there = there && c.name != ""
		if c.operator == "eq" && (!there || value != c.value) || c.operator == "starts-with" && !startsWith(c.name, value, c.value, there) {
			return againstPolicy("Policy Condition failed: %s", c.text)
		}
		named[c.name] = true
	}
	if !named["bucket"] {
		return againstPolicy("Extra input fields: bucket")
	}
	for _, name := range f.order {
		if !named[name] && !slices.Contains(unbound, name) && !strings.HasPrefix(name, "x-ignore-") {
			return againstPolicy("Extra input fields: %s", clip(name))
		}
	}
	return nil
}

// startsWith holds a field against the beginning that a policy wants; of several content
// types each must have it. A field that is not there has the empty beginning.
func startsWith(name, value, prefix string, there bool) bool {
	if !there || name != "content-type" {
		return strings.HasPrefix(value, prefix)
	}
	for v := range strings.SplitSeq(value, ",") {
		if !strings.HasPrefix(strings.TrimSpace(v), prefix) {
			return false
		}
	}
	return true
}

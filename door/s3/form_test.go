package s3

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"mime/multipart"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"strongroom/door/sigv4"
)

// formCall is a form in the making. Each field is allowed by the policy unless omitted
// says otherwise.
type formCall struct {
	fields     [][2]string // in this order; of a field of the signature, what it is instead
	conditions []any       // besides those for the fields
	omit       []string    // fields that the policy does not name, or of the signature that are not sent
	policy     string      // instead of the one made
	signature  string      // beside or instead of the right one
	expires    time.Time
	at         time.Time
	file       string
	name       string // of the file
	noFile     bool
	secret     string
}

func (r real) form(c formCall) (*http.Request, []byte) {
	r.t.Helper()
	at := or(c.at, time.Now()).UTC()
	s := sigv4.Signature{KeyID: r.room.Founded.KeyID, Date: at.Format("20060102"), Region: testRegion, Service: "s3"}
	fields := [][2]string{{"x-amz-algorithm", sigv4.Algorithm}, {"x-amz-credential", s.KeyID + "/" + s.Scope()}, {"x-amz-date", at.Format(sigv4.Stamp)}}
	omitted := func(name string) bool {
		for _, o := range c.omit {
			if strings.EqualFold(o, name) {
				return true
			}
		}
		return false
	}
	conditions := append([]any{}, c.conditions...)
	if !omitted("bucket") {
		conditions = append(conditions, map[string]string{"bucket": "calls"})
	}
	for i, f := range fields {
		for _, g := range c.fields {
			if g[0] == f[0] {
				fields[i] = g
			}
		}
	}
	for _, g := range c.fields {
		if g[0] != "x-amz-algorithm" && g[0] != "x-amz-credential" && g[0] != "x-amz-date" {
			fields = append(fields, g)
		}
	}
	for _, f := range fields {
		if !omitted(f[0]) {
			conditions = append(conditions, []string{"starts-with", "$" + f[0], ""})
		}
	}
	document, err := json.Marshal(map[string]any{"expiration": or(c.expires, time.Now().Add(time.Hour)).UTC().Format("2006-01-02T15:04:05.000Z"), "conditions": conditions})
	if err != nil {
		r.t.Fatal(err)
	}
	policy := or(c.policy, base64.StdEncoding.EncodeToString(document))
	signature := hex.EncodeToString(sigv4.MAC(sigv4.SigningKey(or(c.secret, r.room.Founded.Secret), s.Date, s.Region, "s3"), policy))
	fields = append(fields, [2]string{"policy", policy}, [2]string{"x-amz-signature", signature})

	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		if len(c.omit) > 0 && c.omit[0] == "-"+f[0] {
			continue
		}
		w.WriteField(f[0], f[1])
	}
	if c.signature != "" {
		w.WriteField("x-amz-signature", c.signature)
	}
	if !c.noFile {
		part, _ := w.CreateFormFile("file", or(c.name, "call.wav"))
		part.Write([]byte(c.file))
		w.WriteField("submit", "Upload")
	}
	w.Close()
	q, err := http.NewRequest("POST", r.server.URL+"/calls", bytes.NewReader(b.Bytes()))
	if err != nil {
		r.t.Fatal(err)
	}
	q.Header.Set("Content-Type", w.FormDataContentType())
	return q, b.Bytes()
}

func key(v string, more ...string) [][2]string {
	fields := [][2]string{{"key", v}}
	for i := 0; i < len(more); i += 2 {
		fields = append(fields, [2]string{more[i], more[i+1]})
	}
	return fields
}

func TestForms(t *testing.T) {
	t.Parallel()
	r := openReal(t)
	r.bucket("calls", versioned)
	policy := func(document string) formCall {
		return formCall{fields: key("a"), policy: base64.StdEncoding.EncodeToString([]byte(document))}
	}
	for _, c := range []struct {
		name   string
		form   formCall
		status int
		code   string
		says   string
	}{
		{"stored", formCall{fields: key("a"), file: "content"}, 204, "", ""},
		{"named after the file", formCall{fields: key("in/${filename}"), file: "content", name: "é 1.wav"}, 204, "", ""},
		{"status 200", formCall{fields: key("a", "success_action_status", "200"), file: "content"}, 200, "", ""},
		{"status 201", formCall{fields: key("a", "success_action_status", "201"), file: "content"}, 201, "", "<PostResponse><Location>"},
		{"status that is none of these", formCall{fields: key("a", "success_action_status", "404"), file: "content"}, 204, "", ""},
		{"sent on", formCall{fields: key("a", "success_action_redirect", "https://example.com/done?x=1"), file: "content"}, 303, "", ""},
		{"fields to be ignored", formCall{fields: key("a", "x-ignore-me", "1"), omit: []string{"x-ignore-me"}, file: "content"}, 204, "", ""},
		{"checksum", formCall{fields: key("a", "x-amz-checksum-sha256", sha256Of("content")), file: "content"}, 204, "", ""},
		{"tags", formCall{fields: key("a", "tagging", "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"), file: "content"}, 204, "", ""},
		{"as large as allowed", formCall{fields: key("a"), conditions: []any{[]any{"content-length-range", 7, 7}}, file: "content"}, 204, "", ""},

		{"too large", formCall{fields: key("b"), conditions: []any{[]any{"content-length-range", 0, 6}}, file: "content"}, 400, "EntityTooLarge", "<MaxSizeAllowed>6<"},
		{"too small", formCall{fields: key("b"), conditions: []any{[]any{"content-length-range", "8", "10"}}, file: "content"}, 400, "EntityTooSmall", "<MinSizeAllowed>8<"},
		{"checksum of other content", formCall{fields: key("b", "x-amz-checksum-sha256", sha256Of("other")), file: "content"}, 400, "BadDigest", ""},
		{"tags that are none", formCall{fields: key("b", "tagging", "a=b"), file: "content"}, 400, "MalformedXML", ""},
		{"public", formCall{fields: key("b", "acl", "public-read"), file: "content"}, 400, "AccessControlListNotSupported", ""},
		{"wrong secret", formCall{fields: key("b"), secret: "another secret of some length"}, 403, "SignatureDoesNotMatch", ""},
		{"signed long ago with a key that nobody has", formCall{fields: append(key("b"), [2]string{"x-amz-credential", "AKIANOBODY/20260101/us-east-1/s3/aws4_request"}, [2]string{"x-amz-date", "20260101T000000Z"}), at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}, 403, "AccessDenied", "Policy expired"},
		{"credential that is none", formCall{fields: append(key("b"), [2]string{"x-amz-credential", "mine"})}, 400, "InvalidArgument", "<ArgumentName>x-amz-credential<"},
		{"other algorithm", formCall{fields: append(key("b"), [2]string{"x-amz-algorithm", "AWS4-HMAC-MD5"})}, 400, "InvalidArgument", "Only AWS4-HMAC-SHA256"},
		{"date that is none", formCall{fields: append(key("b"), [2]string{"x-amz-date", "today"})}, 400, "InvalidArgument", "ISO8601"},
		{"signature of another shape", formCall{fields: key("b"), omit: []string{"-x-amz-signature"}, signature: "mine"}, 403, "SignatureDoesNotMatch", ""},
		{"no signature", formCall{fields: key("b"), omit: []string{"-x-amz-signature"}}, 400, "InvalidArgument", "'x-amz-signature'"},
		{"signed with Version 2", formCall{fields: key("b", "AWSAccessKeyId", "AKIAIOSFODNN7EXAMPLE", "signature", "c2lnbmF0dXJl"), omit: []string{"-x-amz-signature"}}, 400, "InvalidRequest", "Please use AWS4-HMAC-SHA256"},
		{"no policy", formCall{fields: key("b"), omit: []string{"-policy"}}, 400, "InvalidArgument", "'policy'"},
		{"no file", formCall{fields: key("b"), noFile: true}, 400, "InvalidArgument", "exactly one file"},
		{"no key", formCall{}, 400, "InvalidArgument", "User key"},
		{"key above the bucket", formCall{fields: key("../${filename}")}, 400, "BadRequest", ""},
		{"field twice", formCall{fields: key("b", "Key", "c")}, 400, "InvalidArgument", "more than once"},
		{"fields of 20 KiB and more", formCall{fields: key("b", "x-amz-meta-a", strings.Repeat("a", maxForm+formAhead))}, 400, "MaxPostPreDataLengthExceededError", ""},
		{"header of two lines", formCall{fields: key("b", "x-amz-meta-a", "a\r\nb")}, 400, "InvalidArgument", "header"},
		{"header that means nothing", formCall{fields: key("b", "x-amz-something-new", "1")}, 501, "NotImplemented", ""},

		{"expired", formCall{fields: key("b"), expires: time.Now().Add(-time.Minute)}, 403, "AccessDenied", "Policy expired"},
		{"signed long ago", formCall{fields: key("b"), at: time.Now().Add(-8 * 24 * time.Hour)}, 403, "AccessDenied", "Policy expired"},
		{"key other than allowed", formCall{fields: key("b"), conditions: []any{[]string{"eq", "$key", "c"}}}, 403, "AccessDenied", "Policy Condition failed: [&#34;eq&#34;,&#34;$key&#34;,&#34;c&#34;]"},
		{"key outside the prefix", formCall{fields: key("b"), conditions: []any{[]string{"starts-with", "$key", "in/"}}}, 403, "AccessDenied", "Policy Condition failed"},
		{"field that is missing", formCall{fields: key("b"), conditions: []any{map[string]string{"x-amz-meta-a": "1"}}}, 403, "AccessDenied", "Policy Condition failed: [&#34;eq&#34;, &#34;$x-amz-meta-a&#34;"},
		{"one content type of two", formCall{fields: key("b", "Content-Type", "text/a,audio/b"), conditions: []any{[]string{"starts-with", "$Content-Type", "text/"}}}, 403, "AccessDenied", "Policy Condition failed"},
		{"field that the policy does not know", formCall{fields: key("b", "x-amz-meta-a", "1"), omit: []string{"x-amz-meta-a"}}, 403, "AccessDenied", "Extra input fields: x-amz-meta-a"},
		{"policy of no bucket", formCall{fields: key("b"), omit: []string{"bucket"}}, 403, "AccessDenied", "Extra input fields: bucket"},
		{"policy of another bucket", formCall{fields: key("b"), conditions: []any{map[string]string{"bucket": "other"}}}, 403, "AccessDenied", "Policy Condition failed"},

		{"policy not in base64", formCall{fields: key("b"), policy: "{}"}, 400, "InvalidPolicyDocument", "Base64"},
		{"policy not in JSON", policy("x"), 400, "InvalidPolicyDocument", "Invalid JSON"},
		{"policy without an end", policy(`{"conditions": []}`), 400, "InvalidPolicyDocument", "missing expiration"},
		{"policy with an end that is none", policy(`{"expiration": "never", "conditions": []}`), 400, "InvalidPolicyDocument", "'expiration'"},
		{"policy without conditions", policy(`{"expiration": "2999-01-01T00:00:00Z"}`), 400, "InvalidPolicyDocument", "missing conditions"},
		{"policy with more", policy(`{"expiration": "2999-01-01T00:00:00Z", "conditions": [], "more": 1}`), 400, "InvalidPolicyDocument", "Unexpected"},
		{"condition of no kind", policy(`{"expiration": "2999-01-01T00:00:00Z", "conditions": [1]}`), 400, "InvalidPolicyDocument", "List or Object"},
		{"condition of another operator", policy(`{"expiration": "2999-01-01T00:00:00Z", "conditions": [["ends-with", "$key", "a"]]}`), 400, "InvalidPolicyDocument", "unknown operation"},
		{"condition of two words", policy(`{"expiration": "2999-01-01T00:00:00Z", "conditions": [["eq", "$key"]]}`), 400, "InvalidPolicyDocument", "wrong number"},
		{"condition of two properties", policy(`{"expiration": "2999-01-01T00:00:00Z", "conditions": [{"a": "1", "b": "2"}]}`), 400, "InvalidPolicyDocument", "exactly one property"},
		{"size that is none", policy(`{"expiration": "2999-01-01T00:00:00Z", "conditions": [["content-length-range", -1, 2]]}`), 400, "InvalidPolicyDocument", "JSON"},
	} {
		q, _ := r.form(c.form)
		a := send(t, q)
		if a.status != c.status || a.code != c.code || !strings.Contains(a.body, c.says) {
			t.Errorf("%s: answered %d %s, want %d %s %q: %s", c.name, a.status, a.code, c.status, c.code, c.says, a.body)
		}
		if c.name == "sent on" {
			if to := a.headers.Get("Location"); !strings.HasPrefix(to, "https://example.com/done?x=1&bucket=calls&key=a&etag=%22") {
				t.Errorf("sent on to %q", to)
			}
		}
	}
	if a := r.want(call{path: "/calls/in/%C3%A9%201.wav"}, 200, ""); a.body != "content" {
		t.Errorf("stored as %q", a.body)
	}
	r.want(call{method: "HEAD", path: "/calls/b"}, 404, "") // nothing that was refused is there

	q, _ := r.form(formCall{fields: key("meta", "x-amz-meta-queue", "billing", "Content-Type", "audio/wav", "x-amz-server-side-encryption", "AES256"), file: "content"})
	a := send(t, q)
	if a.status != 204 || a.headers.Get("ETag") == "" || len(a.headers.Get(versionHeader)) != 32 {
		t.Errorf("answered %d, %v", a.status, a.headers)
	}
	a = r.want(call{method: "HEAD", path: "/calls/meta"}, 200, "")
	r.header(a, "x-amz-meta-queue", "billing")
	r.header(a, "Content-Type", "audio/wav")

	bare, err := http.NewRequest("POST", r.server.URL+"/calls", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	bare.Header.Set("Content-Type", "application/json")
	if a := send(t, bare); a.status != 412 || !strings.Contains(a.body, "multipart/form-data") {
		t.Errorf("a post that is no form: %d %s", a.status, a.body)
	}
	bare, _ = http.NewRequest("POST", r.server.URL+"/calls", strings.NewReader("x"))
	bare.Header.Set("Content-Type", "multipart/form-data")
	if a := send(t, bare); a.code != "MalformedPOSTRequest" {
		t.Errorf("a form without a boundary: %d %s", a.status, a.code)
	}
}

// Of a form whose signature does not hold, the file is not asked for: the answer comes
// while most of it has not been sent.
func TestFormIsRefusedBeforeItsFile(t *testing.T) {
	t.Parallel()
	r := openReal(t)
	r.bucket("calls", nil)
	q, body := r.form(formCall{fields: key("a"), secret: "another secret of some length", file: strings.Repeat("x", 8<<20)})
	conn, err := net.Dial("tcp", r.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	head := "POST /calls HTTP/1.1\r\nHost: x\r\nContent-Type: " + q.Header.Get("Content-Type") + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\nConnection: close\r\n\r\n"
	if _, err := conn.Write(append([]byte(head), body[:32<<10]...)); err != nil {
		t.Fatal(err)
	}
	answered := make([]byte, 12)
	if _, err := conn.Read(answered); err != nil || string(answered) != "HTTP/1.1 403" {
		t.Errorf("answered %q, %v", answered, err)
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add([]byte(`{"expiration": "2999-01-01T00:00:00Z", "conditions": [{"bucket": "calls"}, ["starts-with", "$key", "in/"], ["content-length-range", 1, "2"]]}`))
	f.Add([]byte(`{"expiration": "2999-01-01T00:00:00Z", "conditions": [[], {}, null, ["eq", null, 1]]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		p, err := parsePolicy(base64.StdEncoding.EncodeToString(document))
		checkRefusal(t, err)
		if err != nil {
			return
		}
		// What the policy does not name is never let through.
		said := &form{fields: map[string]string{"key": "k", "x-amz-meta-secret": "s"}, order: []string{"key", "x-amz-meta-secret"}}
		if err := p.allows("calls", said, p.expires.Add(-time.Second)); err == nil {
			named := map[string]bool{}
			for _, c := range p.conditions {
				named[c.name] = true
			}
			if !named["key"] || !named["x-amz-meta-secret"] || !named["bucket"] {
				t.Errorf("a field that is not named is let through: %s", document)
			}
		} else if _, ok := errors.AsType[*failure](err); !ok {
			t.Errorf("not an answer: %v", err)
		}
	})
}

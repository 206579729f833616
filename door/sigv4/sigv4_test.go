package sigv4

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// The vectors are "get-vanilla" and "post-x-www-form-urlencoded" of the suite that AWS
// publishes with the signature's documentation; those of S3 are held by its door.
func TestVectors(t *testing.T) {
	for _, v := range []struct{ method, contentType, body, want string }{
		{"GET", "", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"POST", "application/x-www-form-urlencoded", "Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
	} {
		r, err := http.NewRequest(v.method, "https://example.amazonaws.com/", nil)
		if err != nil {
			t.Fatal(err)
		}
		s := Signature{
			KeyID: "AKIDEXAMPLE", Date: "20150830", Region: "us-east-1", Service: "service", Stamp: "20150830T123600Z",
			Headers: []string{"host", "x-amz-date"}, Payload: Digest(v.body),
		}
		r.Header.Set("X-Amz-Date", s.Stamp)
		if v.contentType != "" {
			r.Header.Set("Content-Type", v.contentType)
			s.Headers = append([]string{"content-type"}, s.Headers...)
		}
		const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
		if s.Sign(r, nil, secret); s.Value != v.want {
			t.Errorf("%s is signed %s, AWS says %s\n%s", v.method, s.Value, v.want, s.CanonicalRequest(r, nil))
		}
		// What was signed reads back and holds, for its service and secret alone.
		r.Header.Set("Authorization", s.Authorization())
		for _, c := range []struct {
			service, secret string
			holds           bool
		}{{"service", secret, true}, {"", secret, true}, {"s3", secret, false}, {"service", secret + "x", false}} {
			claimed, refusal := ReadHeader(r, c.service)
			if refusal == nil {
				claimed.Payload = s.Payload
				refusal = claimed.Verify(r, nil, c.secret)
			}
			if (refusal == nil) != c.holds {
				t.Errorf("for service %q: %v", c.service, refusal)
			}
		}
		if refusal := (&Signature{Value: s.Value, Headers: s.Headers}).Verify(r, nil, "short"); refusal == nil || refusal.Reason != Unusable {
			t.Errorf("a short secret: %v", refusal)
		}
	}
}

func TestServiceOfAHeader(t *testing.T) {
	for header, want := range map[string]string{
		Algorithm + " Credential=AK/20150830/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=" + empty: "sts",
		Algorithm + " Credential=AK/20150830/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=" + empty:  "s3",
		Algorithm + " Credential=AK/20150830/us-east-1/sts/aws4_request, SignedHeaders=host":                     "",
		"AWS AK:sts": "",
		"":           "",
	} {
		if got := Service(header); got != want {
			t.Errorf("%q is for %q, want %q", header, got, want)
		}
	}
}

// What is wrong with a header or a URL is said as AWS says it: clients and people know
// the words.
func TestRefusals(t *testing.T) {
	const credential, rest = "Credential=AK/20150830/us-east-1/s3/aws4_request", ",SignedHeaders=host,Signature=" + empty
	for header, want := range map[string]string{
		"AWS AK:x":                   "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
		Algorithm + " " + credential: "The authorization header is malformed; the authorization header requires three components: Credential, SignedHeaders, and Signature.",
		Algorithm + " " + credential + ",SignedHeaders-host,Signature=" + empty:  `The authorization header is malformed; the authorization component "SignedHeaders-host" is malformed.`,
		Algorithm + " Other=x" + rest:                                            "The authorization header is malformed; missing Credential.",
		Algorithm + " " + credential + ",Other=x,Signature=" + empty:             "The authorization header is malformed; missing SignedHeaders.",
		Algorithm + " " + credential + ",SignedHeaders=host,Other=x":             "The authorization header is malformed; missing Signature.",
		Algorithm + " Credential=AK/20150830/us-east-1/s3/extra/things" + rest:   `The authorization header is malformed; the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`,
		Algorithm + " Credential=AK/20150830/us-east-1/s3/aws_request" + rest:    `The authorization header is malformed; incorrect terminal "aws_request". This endpoint uses "aws4_request".`,
		Algorithm + " Credential=AK/20150830/us-east-1/ec2/aws4_request" + rest:  `The authorization header is malformed; incorrect service "ec2". This endpoint belongs to "s3".`,
		Algorithm + " Credential=AK/3223423234/us-east-1/s3/aws4_request" + rest: `The authorization header is malformed; incorrect date format "3223423234". This date in the credential must be in the format "yyyyMMdd".`,
		Algorithm + " " + credential + rest + "," + credential:                   "The authorization header is malformed; the authorization header requires three components: Credential, SignedHeaders, and Signature.",
		Algorithm + " " + credential + ",SignedHeaders=host," + credential:       "The authorization header is malformed; the authorization header requires three components: Credential, SignedHeaders, and Signature.",
		Algorithm + " " + credential + ",SignedHeaders=b;a,Signature=" + empty:   "The authorization header is malformed; the signed headers must be in ascending order, each once",
	} {
		if _, refusal := ParseAuthorization(header, "s3"); refusal == nil || refusal.Message != want {
			t.Errorf("%s: %v, want %q", header, refusal, want)
		}
	}
	for change, want := range map[string]string{
		"X-Amz-Signature=":                                       "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
		"X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256":                 `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"`,
		"X-Amz-Credential=AK/us-east-1":                          `Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`,
		"X-Amz-Credential=AK/20150831/us-east-1/s3/aws4_request": `Invalid credential date "20150831". This date is not the same as X-Amz-Date: "20150830".`,
		"X-Amz-Date=2015":                                        `X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`,
		"X-Amz-Expires=soon":                                     "X-Amz-Expires should be a number",
		"X-Amz-Expires=-3":                                       "X-Amz-Expires must be non-negative",
		"X-Amz-Expires=604801":                                   "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds",
		"X-Amz-Expires=901":                                      "X-Amz-Expires must be at least 1 and at most 900 seconds here",
		"X-Amz-Expires=0":                                        "X-Amz-Expires must be at least 1 and at most 900 seconds here",
		"X-Amz-Expires=900":                                      "",
	} {
		query := url.Values{
			"X-Amz-Algorithm": {Algorithm}, "X-Amz-Credential": {"AK/20150830/us-east-1/s3/aws4_request"}, "X-Amz-Date": {"20150830T123600Z"},
			"X-Amz-Expires": {"60"}, "X-Amz-SignedHeaders": {"host"}, "X-Amz-Signature": {empty},
		}
		name, value, _ := strings.Cut(change, "=")
		query.Set(name, value)
		_, refusal := ParsePresigned(query.Get, "s3", 15*time.Minute)
		if want == "" && refusal != nil || want != "" && (refusal == nil || refusal.Reason != MalformedQuery || refusal.Message != want) {
			t.Errorf("%s: %v, want %q", change, refusal, want)
		}
	}
}

// Who signed in another way is told what was to be signed, without the token of a session.
func TestMismatch(t *testing.T) {
	r := &http.Request{Method: "GET", Host: "a", URL: &url.URL{Path: "/b"}, Header: http.Header{"X-Amz-Security-Token": {"hidden"}}}
	s := Signature{KeyID: "AK", Date: "20150830", Region: "us-east-1", Service: "s3", Stamp: "20150830T123600Z", Headers: []string{"host", "x-amz-security-token"}, Payload: "UNSIGNED-PAYLOAD", Value: empty}
	refusal := s.Verify(r, func(func(string, string) bool) {}, "a secret that is long enough")
	if refusal == nil || refusal.Reason != Mismatch {
		t.Fatalf("%v", refusal)
	}
	told := map[string]string{}
	for _, d := range refusal.Details {
		told[d[0]] = d[1]
	}
	for name, begins := range map[string]string{
		"AWSAccessKeyId": "AK", "SignatureProvided": empty,
		"StringToSign": "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/s3/aws4_request\n", "StringToSignBytes": "41 57 53 34 2d ",
		"CanonicalRequest": "GET\n/b\n\nhost:a\nx-amz-security-token:…\n", "CanonicalRequestBytes": "47 45 54 0a 2f 62 0a ",
	} {
		if !strings.HasPrefix(told[name], begins) {
			t.Errorf("%s is %q, want %q", name, told[name], begins)
		}
	}
	if bytes, err := hex.DecodeString(strings.ReplaceAll(told["CanonicalRequestBytes"], " ", "")); err != nil || string(bytes) != told["CanonicalRequest"] {
		t.Errorf("the canonical request's bytes are %q, %v", bytes, err)
	}
}

// Without x-amz-date, Date dates a request: in AWS's form, or in that of HTTP.
func TestDates(t *testing.T) {
	const claims = Algorithm + " Credential=AK/20150830/us-east-1/s3/aws4_request, SignedHeaders=date;host, Signature=" + empty
	for _, c := range []struct{ amz, date, want string }{
		{"", "20150830T123600Z", "20150830T123600Z"},
		{"", "Sun, 30 Aug 2015 12:36:00 GMT", "20150830T123600Z"},
		{"20150830T123601Z", "20150830T123600Z", "20150830T123601Z"},
		{"today", "20150830T123600Z", ""},
		{"", "2015-08-30", ""},
		{"", "", ""},
	} {
		r := &http.Request{Header: http.Header{"Authorization": {claims}, "X-Amz-Date": {c.amz}, "Date": {c.date}}}
		s, refusal := ReadHeader(r, "s3")
		if c.want == "" && (refusal == nil || refusal.Reason != Undated) || c.want != "" && (refusal != nil || s.Stamp != c.want || s.Time.Format(Stamp) != c.want) {
			t.Errorf("x-amz-date %q, date %q: %q, %v, want %q", c.amz, c.date, s.Stamp, refusal, c.want)
		}
	}
}

func TestAllSigned(t *testing.T) {
	for _, c := range []struct{ header, signed, want string }{
		{"X-Strongroom-Purpose", "host", "x-strongroom-purpose"},
		{"X-Strongroom-Purpose", "host;x-strongroom-purpose", ""},
		{"X-Amz-Security-Token", "host", "x-amz-security-token"},
		{"User-Agent", "host", ""},
		{"User-Agent", "user-agent", "Host"},
	} {
		s := Signature{Headers: strings.Split(c.signed, ";")}
		refusal := s.AllSigned(&http.Request{Header: http.Header{c.header: {"x"}}}, "x-amz-", "x-strongroom-")
		if c.want == "" && refusal != nil || c.want != "" && (refusal == nil || refusal.Reason != Unsigned || !strings.Contains(fmt.Sprint(refusal.Message, refusal.Details), c.want)) {
			t.Errorf("%s with %s signed: %v", c.header, c.signed, refusal)
		}
	}
}

func FuzzAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + empty)
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/20130524/us-east-1/sts/aws4_request,SignedHeaders=host,Signature=" + empty)
	f.Add("AWS4-HMAC-SHA256 Credential=,SignedHeaders=;,Signature=")
	f.Add("AWS AKIAIOSFODNN7EXAMPLE:abc")
	f.Fuzz(func(t *testing.T, value string) {
		s, refusal := ParseAuthorization(value, "")
		if refusal != nil {
			if refusal.Reason != Malformed && refusal.Reason != Mechanism {
				t.Errorf("the refusal has the reason %d", refusal.Reason)
			}
			return
		}
		if s.KeyID == "" || len(s.Date) != 8 || s.Region == "" || s.Service == "" || len(s.Headers) == 0 || !IsDigest(s.Value) {
			t.Errorf("accepted as %+v", s)
		}
		// What is accepted has one meaning: written out again it reads the same.
		again, refusal := ParseAuthorization(s.Authorization(), s.Service)
		if refusal != nil || again.KeyID != s.KeyID || again.Scope() != s.Scope() || again.Value != s.Value {
			t.Errorf("%+v does not survive being written out: %+v, %v", s, again, refusal)
		}
	})
}

func FuzzPresigned(f *testing.F) {
	f.Add("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=" + empty)
	f.Add("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=" + empty)
	f.Add("X-Amz-Expires=-1&X-Amz-Date=0&&=&%41=%")
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		s, refusal := ParsePresigned(q.Get, "s3", 15*time.Minute)
		if refusal != nil {
			if refusal.Reason != MalformedQuery && refusal.Reason != Mechanism {
				t.Errorf("the refusal has the reason %d", refusal.Reason)
			}
			return
		}
		if s.Expires <= 0 || s.Expires > 15*time.Minute || s.Stamp[:8] != s.Date || s.Service != "s3" || !IsDigest(s.Value) {
			t.Errorf("accepted as %+v", s)
		}
	})
}

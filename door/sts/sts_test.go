package sts

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"strongroom"
	"strongroom/door/sigv4"
	"strongroom/people"
	"strongroom/vault"
)

const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

// room answers sessions that name what they were asked for.
type room struct {
	id     strongroom.ID
	mu     sync.Mutex
	noise  map[string]int
	caller vault.Caller
	name   string
	length time.Duration
	fail   error
	inside int
}

var ines = strongroom.Principal{ID: strongroom.ID{7}, Name: "ines.martin", Kind: strongroom.Person}

func (r *room) ID() strongroom.ID { return r.id }
func (r *room) Noise(kind string) { r.mu.Lock(); r.noise[kind]++; r.mu.Unlock() }

func (r *room) Enter(context.Context, string) (func(), error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inside++
	return func() { r.mu.Lock(); r.inside--; r.mu.Unlock() }, nil
}

func (r *room) Provider(issuer string) (people.Provider, bool) {
	return people.Provider{Issuer: issuer, Audiences: []string{"strongroom"}, Claim: "sub"}, issuer == "https://idp.example"
}

func (r *room) issue(c vault.Caller, name string, length time.Duration) (vault.IssuedSession, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.caller, r.name, r.length = c, name, length
	k := people.AccessKey{ID: "SSNEW", Secret: "new secret", Expires: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	return vault.IssuedSession{AccessKey: k, Token: "new token", Principal: ines}, r.fail
}

func (r *room) StartSession(_ context.Context, c vault.Caller, length time.Duration) (vault.IssuedSession, error) {
	return r.issue(c, "", length)
}

func (r *room) StartWebSession(_ context.Context, c vault.Caller, who people.Identity, name string, length time.Duration) (vault.IssuedSession, error) {
	c.Principal.Name = who.Subject
	return r.issue(c, name, length)
}

// rooms knows a lasting key, a session, and keys that must not be used.
type rooms struct{ all []*room }

func (r rooms) ByAccessKey(_ context.Context, id string) (Room, vault.Credential, error) {
	c := vault.Credential{KeyID: id, Secret: secret, Principal: ines}
	refused := &strongroom.Error{Kind: strongroom.KindDenied, Message: "its principal is suspended"}
	switch id {
	case "LASTING":
		return r.all[0], c, nil
	case "SESSION", "WEB":
		c.Session = &people.Session{Token: people.TokenHash("its token"), Purpose: strongroom.Purpose{Text: "complaint"}}
		if id == "WEB" {
			c.Session.Issuer, c.Session.Name = "https://idp.example", "CASE-1"
		}
		return r.all[0], c, nil
	case "OVER":
		c.Session, c.Expired = &people.Session{Token: people.TokenHash("its token")}, true
		return r.all[0], c, refused
	case "SUSPENDED":
		return r.all[0], c, refused
	case "DOWN":
		return nil, vault.Credential{}, &strongroom.Error{Kind: strongroom.KindUnavailable, Message: "try later", Cause: errors.New("secret detail")}
	}
	return nil, vault.Credential{}, &strongroom.Error{Kind: strongroom.KindDenied, Message: "no such key"}
}

func (r rooms) ByProvider(issuer string, audiences []string) []Room {
	var out []Room
	if issuer == "https://idp.example" && slices.Contains(audiences, "strongroom") {
		for _, one := range r.all {
			out = append(out, one)
		}
	}
	return out
}

// verifier goes by the subject.
type verifier struct{}

func (verifier) Verify(_ context.Context, p people.Provider, token string) (people.Identity, error) {
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	switch {
	case err != nil:
		return people.Identity{}, err
	case strings.Contains(string(payload), "expired"):
		return people.Identity{}, fmt.Errorf("verifying: %w", people.ErrTokenExpired)
	case strings.Contains(string(payload), "unreachable"):
		return people.Identity{}, fmt.Errorf("verifying: %w", people.ErrProvider)
	case strings.Contains(string(payload), "forged"):
		return people.Identity{}, fmt.Errorf("verifying: %w", people.ErrToken)
	}
	return people.Identity{Issuer: p.Issuer, Subject: "user-1", Audience: "strongroom"}, nil
}

type document struct {
	XMLName   xml.Name
	RequestID string                                `xml:"ResponseMetadata>RequestId"`
	Identity  struct{ Arn, UserId, Account string } `xml:"GetCallerIdentityResult"`
	Session   struct{ Credentials credentials }     `xml:"GetSessionTokenResult"`
	Role      assumeRoleResult                      `xml:"AssumeRoleWithWebIdentityResult"`
	Error     struct{ Type, Code, Message string }
	ErrorID   string `xml:"RequestId"`
	status    int
}

// ask is one request.
type ask struct {
	form     string // without Version
	key      string // "" for an unsigned one
	secret   string
	headers  []string // signed
	loose    []string // not signed
	at       time.Time
	sentBody string // instead of what was signed
	path     string
}

func start(t testing.TB, n int) (*httptest.Server, []*room) {
	t.Helper()
	var all []*room
	for i := range n {
		all = append(all, &room{id: strongroom.ID{byte(i + 1)}, noise: map[string]int{}})
	}
	h := New(Config{Rooms: rooms{all}, Verifier: verifier{}, Noise: func(kind string) {
		for _, r := range all {
			r.Noise("nobody's " + kind)
		}
	}})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !Takes(r) {
			http.Error(w, "S3", http.StatusTeapot)
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server, all
}

func (a ask) send(t testing.TB, server *httptest.Server) document {
	t.Helper()
	body := a.form + "&Version=2011-06-15"
	sent := body
	if a.sentBody != "" {
		sent = a.sentBody
	}
	r, err := http.NewRequest("POST", server.URL+"/"+a.path, strings.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if a.key != "" {
		at := a.at
		if at.IsZero() {
			at = time.Now()
		}
		stamp := at.UTC().Format(sigv4.Stamp)
		s := sigv4.Signature{KeyID: a.key, Date: stamp[:8], Region: "us-east-1", Service: "sts", Stamp: stamp, Headers: []string{"content-type", "host", "x-amz-date"}, Payload: sigv4.Digest(body)}
		r.Header.Set("X-Amz-Date", stamp)
		for i := 0; i < len(a.headers); i += 2 {
			r.Header.Set(a.headers[i], a.headers[i+1])
			s.Headers = append(s.Headers, a.headers[i])
		}
		slices.Sort(s.Headers)
		use := secret
		if a.secret != "" {
			use = a.secret
		}
		s.Sign(r, nil, use)
		r.Header.Set("Authorization", s.Authorization())
	}
	for i := 0; i < len(a.loose); i += 2 {
		r.Header.Set(a.loose[i], a.loose[i+1])
	}
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	d := document{status: answer.StatusCode}
	if err := xml.Unmarshal(text, &d); err != nil {
		t.Fatalf("%d %q: %v", answer.StatusCode, text, err)
	}
	id := d.RequestID
	if d.status != 200 {
		id = d.ErrorID
	}
	if d.XMLName.Space != namespace || len(id) != 36 || answer.Header.Get("x-amzn-RequestId") != id || answer.Header.Get("Content-Type") != "text/xml" || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the answer is not as STS's: %v %s", answer.Header, text)
	}
	return d
}

// identityToken is a token as far as the door looks at it.
func identityToken(payload string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
}

const good = `{"iss":"https://idp.example","aud":"strongroom","sub":"user-1"}`

func roleRequest(role, name, payload string, more ...string) string {
	v := url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "RoleArn": {role}, "RoleSessionName": {name}, "WebIdentityToken": {identityToken(payload)}}
	for i := 0; i < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v.Encode()
}

func TestCallerIdentity(t *testing.T) {
	server, all := start(t, 1)
	account := all[0].id.Account()
	for _, c := range []struct {
		ask      ask
		arn, uid string
	}{
		{ask{key: "LASTING"}, "arn:aws:iam::" + account + ":user/ines.martin", ines.ID.String()},
		{ask{key: "SESSION", headers: []string{"x-amz-security-token", "its token"}}, "arn:aws:iam::" + account + ":user/ines.martin", ines.ID.String()},
		{ask{key: "WEB", headers: []string{"x-amz-security-token", "its token"}}, "arn:aws:sts::" + account + ":assumed-role/complaint/CASE-1", ines.ID.String() + ":CASE-1"},
	} {
		c.ask.form = "Action=GetCallerIdentity"
		d := c.ask.send(t, server)
		if d.status != 200 || d.XMLName.Local != "GetCallerIdentityResponse" || d.Identity.Arn != c.arn || d.Identity.UserId != c.uid || d.Identity.Account != account {
			t.Errorf("%s: %d %+v", c.ask.key, d.status, d)
		}
	}
	if len(account) != 12 || strings.Trim(account, "0123456789") != "" || account == (strongroom.ID{2}).Account() {
		t.Errorf("the account is %s", account)
	}
	if all[0].inside != 0 {
		t.Error("a place in the room was not given back")
	}
}

func TestSessionToken(t *testing.T) {
	server, all := start(t, 1)
	for _, c := range []struct {
		form    string
		headers []string
		purpose strongroom.Purpose
		length  time.Duration
	}{
		{"", nil, strongroom.Purpose{}, 12 * time.Hour},
		{"&DurationSeconds=900", []string{"x-strongroom-purpose", "r%C3%A9clamation 50%25", "x-strongroom-ticket", "T-1"}, strongroom.Purpose{Text: "réclamation 50%", Ticket: "T-1"}, 15 * time.Minute},
		{"&DurationSeconds=129600", nil, strongroom.Purpose{}, 36 * time.Hour}, // the room grants less
	} {
		d := ask{form: "Action=GetSessionToken" + c.form, key: "LASTING", headers: c.headers}.send(t, server)
		if d.status != 200 || d.Session.Credentials != (credentials{"SSNEW", "new secret", "new token", "2026-11-22T12:00:00Z"}) {
			t.Errorf("%q: %d %+v", c.form, d.status, d)
		}
		got := all[0].caller
		if got.Purpose != c.purpose || all[0].length != c.length || got.Session != "LASTING" || got.Principal.ID != ines.ID || got.Method != "sigv4" || got.Source != "127.0.0.1" || len(got.RequestID) != 36 {
			t.Errorf("%q: the room is told %+v for %s", c.form, got, all[0].length)
		}
	}
}

func TestAssumeRole(t *testing.T) {
	server, all := start(t, 2)
	other := all[1].id.Account()
	for _, c := range []struct {
		role, name string
		want       strongroom.Purpose
	}{
		{"arn:aws:iam::" + other + ":role/complaint", "CASE-4711", strongroom.Purpose{Text: "complaint", Ticket: "CASE-4711"}},
		{"arn:aws:iam::" + other + ":role/claims/complaint", "botocore-session-1795336124", strongroom.Purpose{Text: "claims/complaint"}},
		{"arn:aws:iam::" + other + ":role/r%C3%A9clamation%2050%25", "1795336124000000000", strongroom.Purpose{Text: "réclamation 50%"}},
	} {
		d := ask{form: roleRequest(c.role, c.name, good, "DurationSeconds", "3600")}.send(t, server)
		if d.status != 200 || d.Role.Credentials.SessionToken != "new token" || d.Role.Subject != "user-1" || d.Role.Audience != "strongroom" || d.Role.Provider != "https://idp.example" ||
			d.Role.User.Arn != "arn:aws:sts::"+other+":assumed-role/"+c.want.Text+"/"+c.name || d.Role.User.ID != ines.ID.String()+":"+c.name {
			t.Errorf("%s: %d %+v", c.role, d.status, d)
		}
		got := all[1].caller
		if got.Purpose != c.want || got.Principal.Name != "user-1" || got.Method != "web-identity" || all[1].name != c.name || all[1].length != time.Hour {
			t.Errorf("%s: the room is told %+v, %q for %s", c.role, got, all[1].name, all[1].length)
		}
	}
	if all[0].caller.RequestID != "" {
		t.Error("another room was asked")
	}
}

func TestRefusals(t *testing.T) {
	server, all := start(t, 2)
	const role = "arn:aws:iam::000000000000:role/complaint"
	mine := "arn:aws:iam::" + all[0].id.Account() + ":role/complaint"
	identity := "Action=GetCallerIdentity"
	big := strings.Repeat("x", maxBody)
	for _, c := range []struct {
		name   string
		ask    ask
		status int
		code   string
		says   string
		noise  string // counted once, in the first room
	}{
		{"no action", ask{form: "a=b", key: "LASTING"}, 400, "MissingAction", "", ""},
		{"another action", ask{form: "Action=AssumeRole", key: "LASTING"}, 400, "InvalidAction", "GetSessionToken", ""},
		{"another version", ask{form: identity, sentBody: identity + "&Version=2010-01-01", key: "LASTING"}, 400, "InvalidAction", "2010-01-01", ""},
		{"a parameter twice", ask{form: identity + "&Action=GetSessionToken", key: "LASTING"}, 400, "ValidationError", "more than once", ""},
		{"a parameter that is not known", ask{form: "Action=GetSessionToken&SerialNumber=1", key: "LASTING"}, 400, "ValidationError", "SerialNumber", ""},
		{"a session policy", ask{form: roleRequest(mine, "xx", good, "Policy", "{}")}, 400, "ValidationError", "Policy", ""},
		{"what is not a form", ask{form: identity + "&%zz=1", key: "LASTING"}, 400, "ValidationError", "", ""},
		{"too many parameters", ask{form: identity + strings.Repeat("&a", 100), key: "LASTING"}, 400, "ValidationError", "64", ""},
		{"a form too large", ask{form: identity + "&a=" + big, key: "LASTING"}, 413, "RequestEntityTooLarge", "65536", ""},
		{"parameters in the URL", ask{form: identity, key: "LASTING", path: "?a=b"}, 400, "ValidationError", "URL", ""},

		{"not signed", ask{form: identity}, 403, "MissingAuthenticationToken", "", "nobody's unsigned"},
		{"an unknown key", ask{form: identity, key: "NOBODY"}, 403, "InvalidClientTokenId", "", "nobody's key"},
		{"a key that must not be used", ask{form: identity, key: "SUSPENDED"}, 403, "InvalidClientTokenId", "suspended", "key"},
		{"the same, to whoever guesses", ask{form: identity, key: "SUSPENDED", secret: "another secret of some length"}, 403, "InvalidClientTokenId", "invalid", "key"},
		{"a wrong secret", ask{form: identity, key: "LASTING", secret: "another secret of some length"}, 403, "SignatureDoesNotMatch", "", "signature"},
		{"another form than was signed", ask{form: identity, key: "LASTING", sentBody: "Action=GetSessionToken&Version=2011-06-15"}, 403, "SignatureDoesNotMatch", "", "signature"},
		{"signed long ago", ask{form: identity, key: "LASTING", at: time.Now().Add(-time.Hour)}, 403, "SignatureDoesNotMatch", "Signature expired", "time"},
		{"a session without its token", ask{form: identity, key: "SESSION"}, 403, "InvalidClientTokenId", "", "token"},
		{"a session with another token", ask{form: identity, key: "SESSION", headers: []string{"x-amz-security-token", "x"}}, 403, "InvalidClientTokenId", "", "token"},
		{"a token with a lasting key", ask{form: identity, key: "LASTING", headers: []string{"x-amz-security-token", "its token"}}, 403, "InvalidClientTokenId", "", "token"},
		{"a session that is over", ask{form: identity, key: "OVER", headers: []string{"x-amz-security-token", "its token"}}, 403, "ExpiredToken", "expired", "key"},
		{"a purpose that is not signed", ask{form: "Action=GetSessionToken", key: "LASTING", loose: []string{"x-strongroom-purpose", "mine"}}, 403, "AccessDenied", "x-strongroom-purpose", "nobody's unsigned"},
		{"a purpose with a lone percent sign", ask{form: "Action=GetSessionToken", key: "LASTING", headers: []string{"x-strongroom-purpose", "50% off"}}, 400, "ValidationError", "%25", ""},
		{"a purpose too long", ask{form: "Action=GetSessionToken", key: "LASTING", headers: []string{"x-strongroom-purpose", strings.Repeat("x", 513)}}, 400, "ValidationError", "512", ""},
		{"too short", ask{form: "Action=GetSessionToken&DurationSeconds=899", key: "LASTING"}, 400, "ValidationError", "900", ""},
		{"too long", ask{form: "Action=GetSessionToken&DurationSeconds=129601", key: "LASTING"}, 400, "ValidationError", "129600", ""},
		{"a room that is down", ask{form: identity, key: "DOWN"}, 503, "ServiceUnavailable", "try later", ""},

		{"no role", ask{form: roleRequest("", "xx", good)}, 400, "ValidationError", "RoleArn", ""},
		{"a user for a role", ask{form: roleRequest("arn:aws:iam::000000000000:user/x", "xx", good)}, 400, "ValidationError", "RoleArn", ""},
		{"a role without a name", ask{form: roleRequest("arn:aws:iam::000000000000:role/", "xx", good)}, 400, "ValidationError", "RoleArn", ""},
		{"a role of blanks", ask{form: roleRequest("arn:aws:iam::000000000000:role/%20", "xx", good)}, 400, "ValidationError", "white space", ""},
		{"a role of two lines", ask{form: roleRequest("arn:aws:iam::000000000000:role/a%0Ab", "xx", good)}, 400, "ValidationError", "control", ""},
		{"a session name of blanks", ask{form: roleRequest(mine, "a b", good)}, 400, "ValidationError", "RoleSessionName", ""},
		{"a token that is none", ask{form: strings.Replace(roleRequest(mine, "xx", good), "WebIdentityToken=e30.", "WebIdentityToken=", 1)}, 400, "InvalidIdentityToken", "JSON Web Token", "nobody's identity"},
		{"a token too long", ask{form: roleRequest(mine, "xx", strings.Repeat("x", maxToken))}, 400, "ValidationError", "20000", ""},
		{"another issuer", ask{form: roleRequest(mine, "xx", `{"iss":"https://elsewhere.example","aud":"strongroom"}`)}, 400, "InvalidIdentityToken", "elsewhere", "nobody's identity"},
		{"another audience", ask{form: roleRequest(mine, "xx", `{"iss":"https://idp.example","aud":["x","y"]}`)}, 400, "InvalidIdentityToken", "audience", "nobody's identity"},
		{"another account", ask{form: roleRequest("arn:aws:iam::111111111111:role/x", "xx", good)}, 400, "InvalidIdentityToken", "", "nobody's identity"},
		{"any of several rooms", ask{form: roleRequest(role, "xx", good)}, 400, "ValidationError", "several rooms", ""},
		{"expired", ask{form: roleRequest(mine, "xx", strings.Replace(good, "user-1", "expired", 1))}, 400, "ExpiredTokenException", "expired", "identity"},
		{"forged", ask{form: roleRequest(mine, "xx", strings.Replace(good, "user-1", "forged", 1))}, 400, "InvalidIdentityToken", "validated", "identity"},
		{"a provider that is down", ask{form: roleRequest(mine, "xx", strings.Replace(good, "user-1", "unreachable", 1))}, 400, "IDPCommunicationError", "try again", "identity"},
		{"a purpose beside the role", ask{form: roleRequest(mine, "xx", good), loose: []string{"x-strongroom-purpose", "mine"}}, 403, "AccessDenied", "x-strongroom-purpose", ""},
		{"a role with a signature", ask{form: roleRequest(mine, "xx", good), key: "LASTING"}, 400, "ValidationError", "not signed", ""},
		{"a role for too long", ask{form: roleRequest(mine, "xx", good, "DurationSeconds", "43201")}, 400, "ValidationError", "43200", ""},
	} {
		before := all[0].noise[c.noise]
		d := c.ask.send(t, server)
		if d.status != c.status || d.Error.Code != c.code || !strings.Contains(strings.ToLower(d.Error.Message), strings.ToLower(c.says)) || strings.Contains(d.Error.Message, "secret detail") || statuses[c.code] != c.status {
			t.Errorf("%s: answered %d %s %q", c.name, d.status, d.Error.Code, d.Error.Message)
		}
		if want := map[bool]string{true: "Receiver", false: "Sender"}[c.status >= 500]; d.Error.Type != want {
			t.Errorf("%s: it is called the fault of the %s", c.name, d.Error.Type)
		}
		if c.noise != "" && all[0].noise[c.noise] != before+1 {
			t.Errorf("%s: %v was counted", c.name, all[0].noise)
		}
	}
	if all[0].caller.RequestID != "" || all[0].inside != 0 {
		t.Error("a session was asked for, or a place in the room was not given back")
	}
}

// What the room refuses is told in STS's terms.
func TestRoomsRefuse(t *testing.T) {
	server, all := start(t, 1)
	for kind, want := range map[strongroom.Kind]struct {
		status int
		code   string
	}{
		strongroom.KindDenied:      {403, "AccessDenied"},
		strongroom.KindBusy:        {400, "Throttling"},
		strongroom.KindUnavailable: {503, "ServiceUnavailable"},
		strongroom.KindDamaged:     {500, "InternalFailure"},
	} {
		all[0].fail = &strongroom.Error{Kind: kind, Message: "for the asker", Cause: errors.New("for the log")}
		d := ask{form: "Action=GetSessionToken", key: "LASTING"}.send(t, server)
		if d.status != want.status || d.Error.Code != want.code || strings.Contains(d.Error.Message, "for the log") {
			t.Errorf("%s: answered %d %s %q", kind, d.status, d.Error.Code, d.Error.Message)
		}
	}
}

// Requests for S3 at the same address stay with S3.
func TestTakes(t *testing.T) {
	authorization := func(service string) string {
		return sigv4.Algorithm + " Credential=AK/20150830/us-east-1/" + service + "/aws4_request, SignedHeaders=host, Signature=" + sigv4.Digest("")
	}
	for _, c := range []struct {
		method, path, kind, authorization string
		want                              bool
	}{
		{"POST", "/", formType, "", true},
		{"POST", "/", formType + "; charset=utf-8", authorization("sts"), true},
		{"POST", "/", formType, authorization("s3"), false},
		{"POST", "/bucket", formType, authorization("sts"), false},
		{"POST", "/?delete", "application/xml", authorization("s3"), false},
		{"POST", "/", "multipart/form-data; boundary=x", "", false},
		{"GET", "/", formType, "", false},
		{"POST", "/", formType, "AWS AK:x", false},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		r.Header.Set("Content-Type", c.kind)
		if c.authorization != "" {
			r.Header.Set("Authorization", c.authorization)
		}
		if got := Takes(r); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func FuzzForm(f *testing.F) {
	f.Add("Action=GetCallerIdentity&Version=2011-06-15")
	f.Add("a=b&a=c")
	f.Add("%41=%&;=+&&")
	f.Fuzz(func(t *testing.T, body string) {
		form, err := parseForm(body)
		if err != nil {
			if _, ours := errors.AsType[*failure](err); !ours {
				t.Errorf("refused with %v", err)
			}
			return
		}
		if len(form) > maxParameters {
			t.Errorf("%d parameters", len(form))
		}
		values := url.Values{}
		for name, value := range form {
			values.Set(name, value)
		}
		again, err := parseForm(values.Encode())
		if err != nil || len(again) != len(form) {
			t.Errorf("%q does not survive being written out: %v", body, err)
		}
		for name, value := range form {
			if again[name] != value {
				t.Errorf("%q becomes %q", value, again[name])
			}
		}
	})
}

func FuzzRole(f *testing.F) {
	f.Add("arn:aws:iam::000000000000:role/complaint", "CASE-4711")
	f.Add("arn:aws:iam::123456789012:role/a/b%20c%25", "botocore-session-1")
	f.Add("arn:aws:iam::1:role/\n", "a b")
	f.Fuzz(func(t *testing.T, arn, name string) {
		account, purpose, err := parseRole(arn)
		if err == nil {
			if len(account) != 12 || purpose == "" || people.CheckPurpose(strongroom.Purpose{Text: purpose}) != nil {
				t.Errorf("%q is account %q, purpose %q", arn, account, purpose)
			}
			if a, p, err := parseRole("arn:aws:iam::" + account + ":role/" + url.PathEscape(purpose)); err != nil || a != account || p != purpose {
				t.Errorf("%q does not survive being written out: %q %q, %v", arn, a, p, err)
			}
		}
		if ticket, err := ticketOf(name); err == nil && (len(name) < 2 || len(name) > 64 || ticket != "" && ticket != name || people.CheckPurpose(strongroom.Purpose{Ticket: ticket}) != nil) {
			t.Errorf("%q is the ticket %q", name, ticket)
		}
	})
}

func FuzzPeek(f *testing.F) {
	f.Add(identityToken(good))
	f.Add(identityToken(`{"iss":"x","aud":["a","b"]}`))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		if issuer, _, err := peek(token); (err == nil) == (issuer == "") {
			t.Errorf("%q is issued by %q, %v", token, issuer, err)
		}
	})
}

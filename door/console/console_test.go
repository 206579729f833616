package console_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"strongroom"
	"strongroom/door"
	"strongroom/door/console"
	"strongroom/vault"
)

const origin = "https://strongroom.example"

// served is a room's console at a public address, without a network.
func served(t testing.TB) (*place, http.Handler) {
	t.Helper()
	p := open(t)
	return p, p.console(t, origin, slog.New(slog.NewTextHandler(p.log, nil)))
}

func request(method, path string, body string) *http.Request {
	r := httptest.NewRequest(method, origin+path, strings.NewReader(body))
	r.Header.Set("Origin", origin)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if strings.HasPrefix(body, "{") {
		r.Header.Set("Content-Type", "application/json")
	} else if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

func answer(h http.Handler, r *http.Request) (*http.Response, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

// Whatever is answered, a page keeps to itself.
func TestHeaders(t *testing.T) {
	_, h := served(t)
	for _, path := range []string{"/", "/setup", "/logon", "/requests", "/healthz", "/nowhere"} {
		got, body := answer(h, request(http.MethodGet, path, ""))
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store", "X-Frame-Options": "DENY",
			"Strict-Transport-Security": "max-age=31536000", "Cross-Origin-Opener-Policy": "same-origin", "Set-Cookie": "",
		} {
			if got.Header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got.Header.Get(name), want)
			}
		}
		policy := got.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %q", path, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s: the policy %q lets other scripts or hosts in", path, policy)
		}
		if strings.Contains(body, "<style") || strings.Contains(body, "style=") || strings.Contains(body, "onclick") || strings.Contains(body, "//cdn") {
			t.Errorf("%s holds what its policy forbids", path)
		}
	}
}

func TestNobodyIsLetIn(t *testing.T) {
	p, h := served(t)
	for _, c := range []struct {
		method, path, location string
		code                   int
	}{
		{http.MethodGet, "/", "/logon", http.StatusSeeOther},
		{http.MethodGet, "/requests", "/logon?next=%2Frequests", http.StatusSeeOther},
		{http.MethodGet, "/people/" + p.Owner.Principal.ID.String(), "/logon?next=%2Fpeople%2F" + p.Owner.Principal.ID.String(), http.StatusSeeOther},
		{http.MethodPost, "/logoff", "/logon", http.StatusSeeOther},
		{http.MethodGet, "/nowhere", "", http.StatusNotFound},
		{http.MethodDelete, "/requests", "", http.StatusNotFound},
	} {
		r := request(c.method, c.path, "")
		r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: "made-up"})
		got, _ := answer(h, r)
		if got.StatusCode != c.code || got.Header.Get("Location") != c.location {
			t.Errorf("%s %s answers %d to %q, want %d to %q", c.method, c.path, got.StatusCode, got.Header.Get("Location"), c.code, c.location)
		}
	}
	for _, c := range []struct{ path, body string }{{"/confirm", `{"act":"approve","id":"x"}`}, {"/setup/begin", `{"token":"00"}`}, {"/logon/finish", `{"ceremony":"x","response":{},"zone":"UTC","next":"/"}`}} {
		if got, body := answer(h, request(http.MethodPost, c.path, c.body)); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s answers %d: %s", c.path, got.StatusCode, body)
		}
	}
}

// A session that was logged on opens pages, and its cookie is nobody else's to read or send.
func TestSessionCookie(t *testing.T) {
	p, h := served(t)
	l := p.logon(t)
	with := func(r *http.Request) *http.Request {
		r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: l.Token})
		return r
	}
	if got, body := answer(h, with(request(http.MethodGet, "/", ""))); got.StatusCode != http.StatusOK || !strings.Contains(body, "owner") {
		t.Fatalf("Today answers %s: %s", got.Status, body)
	}
	// Another site's form does nothing, and a script elsewhere neither.
	foreign := with(request(http.MethodPost, "/logoff", "x=1"))
	foreign.Header.Set("Origin", "https://evil.example")
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	if got, _ := answer(h, foreign); got.StatusCode != http.StatusForbidden {
		t.Errorf("a form of another site answers %s", got.Status)
	}
	got, _ := answer(h, with(request(http.MethodPost, "/logoff", "x=1")))
	if got.StatusCode != http.StatusSeeOther || len(got.Cookies()) != 1 {
		t.Fatalf("logging off answers %s", got.Status)
	}
	k := got.Cookies()[0]
	if k.Name != "__Host-strongroom" || !k.Secure || !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || k.Path != "/" || k.Domain != "" || k.MaxAge >= 0 {
		t.Errorf("the cookie is %+v", k)
	}
	if got, _ := answer(h, with(request(http.MethodGet, "/", ""))); got.StatusCode != http.StatusSeeOther {
		t.Errorf("after logging off Today answers %s", got.Status)
	}
	const over = "Your session is over"
	if _, page := answer(h, with(request(http.MethodGet, "/logon", ""))); !strings.Contains(page, over) {
		t.Errorf("whose session is over reads\n%s", shown(page))
	}
	if _, page := answer(h, request(http.MethodGet, "/logon", "")); strings.Contains(page, over) {
		t.Errorf("who comes for the first time reads\n%s", shown(page))
	}
}

// logon makes a session as though a passkey had been proved.
func (p *place) logon(t testing.TB) vault.Logon {
	t.Helper()
	l, err := p.House.Room.SetUp(t.Context(), p.setupToken(), passkey(1), vault.From{Source: "192.0.2.1", Browser: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Whoever comes by another name is sent to the one that passkeys are made for.
func TestOneName(t *testing.T) {
	_, h := served(t)
	r := request(http.MethodGet, "/requests", "")
	r.Host = "127.0.0.1:7400"
	if got, _ := answer(h, r); got.StatusCode != http.StatusTemporaryRedirect || got.Header.Get("Location") != origin+"/requests" {
		t.Errorf("another name answers %s to %q", got.Status, got.Header.Get("Location"))
	}
	r = request(http.MethodPost, "/logon/begin", "{}")
	r.Host = "rebound.example"
	if got, _ := answer(h, r); got.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a post by another name answers %s", got.Status)
	}
	r = request(http.MethodGet, "/healthz", "")
	r.Host = "10.0.0.1"
	if got, body := answer(h, r); got.StatusCode != http.StatusOK || body != "ok\n" {
		t.Errorf("health by address answers %s", got.Status)
	}
}

func TestFailuresFromOneSource(t *testing.T) {
	p, h := served(t)
	try := func(source string) int {
		r := request(http.MethodPost, "/setup/begin", `{"token":"`+strings.Repeat("ab", 32)+`"}`)
		r.RemoteAddr = source
		got, _ := answer(h, r)
		return got.StatusCode
	}
	for i := range 10 {
		if code := try("192.0.2.7:1234"); code != http.StatusForbidden {
			t.Fatalf("try %d answers %d", i, code)
		}
	}
	if code := try("192.0.2.7:999"); code != http.StatusTooManyRequests {
		t.Errorf("the eleventh try answers %d", code)
	}
	if code := try("192.0.2.8:999"); code != http.StatusForbidden {
		t.Errorf("another source answers %d", code)
	}
	for range 10 {
		try("[2001:db8:1:2::1]:1")
	}
	if code := try("[2001:db8:1:2:ffff::9]:1"); code != http.StatusTooManyRequests {
		t.Errorf("the same network answers %d", code)
	}
	if n := strings.Count(p.noise.String(), "setup refused"); n != 21 {
		t.Errorf("%d tries were counted as noise, want 21", n)
	}
}

func TestAssets(t *testing.T) {
	_, h := served(t)
	_, page := answer(h, request(http.MethodGet, "/logon", ""))
	total := 0
	for _, name := range []string{"console.css", "console.js", "icon.svg"} {
		before, _, ok := strings.Cut(page, name+`"`)
		if !ok {
			t.Fatalf("the page does not name %s", name)
		}
		path := before[strings.LastIndex(before, `"`)+1:] + name
		r := request(http.MethodGet, path, "")
		r.Header.Set("Accept-Encoding", "gzip, br")
		got, body := answer(h, r)
		total += len(body)
		if got.StatusCode != http.StatusOK || !strings.Contains(got.Header.Get("Cache-Control"), "immutable") || got.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s answers %s, %v", path, got.Status, got.Header)
		}
		if got.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			unpacked, err := io.ReadAll(z)
			if _, plain := answer(h, request(http.MethodGet, path, "")); err != nil || string(unpacked) != plain {
				t.Errorf("%s differs packed and plain", path)
			}
		}
	}
	if total > 30<<10 {
		t.Errorf("a page's assets have %d bytes compressed, more than 30 KiB", total)
	}
	if got, _ := answer(h, request(http.MethodGet, "/assets/0000/console.css", "")); got.StatusCode != http.StatusNotFound {
		t.Errorf("an asset by another hash answers %s", got.Status)
	}
}

func TestPreferences(t *testing.T) {
	_, h := served(t)
	for back, want := range map[string]string{"/logon": "/logon", "//evil.example": "/", "https://evil.example": "/", `/\evil.example`: "/", "": "/",
		"/access?by=class&weeks=13": "/access?by=class&weeks=13", "/a?b=//evil.example": "/a", "/a?b#c": "/a", "//evil.example?a=b": "/", "?a=b": "/", "/a?b\r\nc": "/a",
	} {
		got, _ := answer(h, request(http.MethodPost, "/preferences", "language=fr&theme=dark&return="+url.QueryEscape(back)))
		if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != want || len(got.Cookies()) != 2 {
			t.Errorf("%q goes to %q with %v", back, got.Header.Get("Location"), got.Cookies())
		}
	}
	// The switches keep what a page was asked for, and the log-on page where to go on to.
	got, _ := answer(h, request(http.MethodGet, "/access?by=class&weeks=13", ""))
	logon := got.Header.Get("Location")
	if logon != "/logon?next=%2Faccess%3Fby%3Dclass%26weeks%3D13" {
		t.Errorf("log on at %s", logon)
	}
	_, asks := answer(h, request(http.MethodGet, logon, ""))
	back := regexp.MustCompile(`name="return" value="([^"]*)"`).FindStringSubmatch(asks)
	if back == nil || !strings.Contains(asks, `data-next="/access?by=class&amp;weeks=13"`) {
		t.Fatalf("the log-on page forgets where to go on to:\n%s", asks)
	}
	if got, _ := answer(h, request(http.MethodPost, "/preferences", "language=fr&return="+url.QueryEscape(html.UnescapeString(back[1])))); got.Header.Get("Location") != logon {
		t.Errorf("the switch goes to %s, not back to %s", got.Header.Get("Location"), logon)
	}
	r := request(http.MethodGet, "/logon", "")
	r.AddCookie(&http.Cookie{Name: "strongroom-language", Value: "fr"})
	r.AddCookie(&http.Cookie{Name: "strongroom-theme", Value: `dark" onload="x`})
	_, page := answer(h, r)
	if !strings.Contains(page, "Connexion") || !strings.Contains(page, `lang="fr"`) || strings.Contains(page, "onload") || strings.Contains(page, "data-theme") {
		t.Errorf("the page is\n%s", page)
	}
}

func TestBehind(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct{ peer, said, want string }{
		{"192.0.2.1:5", "", "192.0.2.1:5"},
		{"192.0.2.1:5", "198.51.100.7", "192.0.2.1:5"}, // not trusted, not believed
		{"10.0.0.1:5", "198.51.100.7", "198.51.100.7:0"},
		{"10.0.0.1:5", "203.0.113.9, 198.51.100.7, 10.2.3.4", "198.51.100.7:0"}, // what the client made up is left of the last
		{"10.0.0.1:5", "198.51.100.7, nonsense", "10.0.0.1:0"},
		{"10.0.0.1:5", "", "10.0.0.1:0"},
		{"[fd00::1]:5", "2001:db8::7", "[2001:db8::7]:0"},
		{"[::ffff:10.0.0.1]:5", "198.51.100.7", "198.51.100.7:0"},
	} {
		var got string
		h := console.Behind(proxies, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }))
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		if c.said != "" {
			r.Header.Set("X-Forwarded-For", c.said)
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("%s saying %q is taken for %s, want %s", c.peer, c.said, got, c.want)
		}
	}
}

func TestCheckURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://strongroom.example": origin, "https://strongroom.example:443/": origin, "http://localhost:7400": "http://localhost:7400", "https://a.example:8443": "https://a.example:8443",
		"http://strongroom.example": "", "https://192.0.2.1": "", "https://[2001:db8::1]": "", "https://a.example/console": "", "strongroom.example": "", "https://u@a.example": "", "": "", "http://127.0.0.1:7400": "",
	} {
		u, err := console.CheckURL(text)
		if (err == nil) != (want != "") || err == nil && u.String() != want {
			t.Errorf("%q answers %v, %v; want %q", text, u, err, want)
		}
		if err != nil && strongroom.KindOf(err) != strongroom.KindInvalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestReady(t *testing.T) {
	p := open(t)
	var failed []string
	h, err := console.New(console.Config{
		Metrics: http.NotFoundHandler(), URL: origin, Log: slog.New(slog.DiscardHandler), Rooms: []door.Room{{Vault: p.House.Room}}, Noise: func(string) {},
		Ready: []console.Check{
			{Name: "ledger", Ask: func(ctx context.Context) error {
				if _, bounded := ctx.Deadline(); !bounded {
					t.Error("a check that hangs would hang the answer")
				}
				return nil
			}},
			{Name: "disk", Ask: func(context.Context) error { return errors.New("write /srv/secret-path: no space left") }},
		},
		Failed: func(check string, err error) { failed = append(failed, check+": "+err.Error()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	got, body := answer(h, request(http.MethodGet, "/readyz", ""))
	var state map[string]string
	if err := json.Unmarshal([]byte(body), &state); err != nil {
		t.Fatal(err)
	}
	if got.StatusCode != http.StatusServiceUnavailable || state["ledger"] != "ok" || state["disk"] != "failed" || strings.Contains(body, "secret-path") || len(failed) != 1 {
		t.Errorf("answers %s %s, the log is told %v", got.Status, body, failed)
	}
}

package console_test

import (
	"context"
	"html"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"strongroom"
	"strongroom/door"
	"strongroom/door/console"
	"strongroom/internal/housetest"
	"strongroom/internal/oidc"
	"strongroom/internal/oidctest"
	"strongroom/people"
	"strongroom/vault"
)

// trust has the room trust a provider of the test's own, by which people log on.
func (p *place) trust(t *testing.T, url string) *oidctest.Provider {
	t.Helper()
	provider, err := oidctest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(provider.Close)
	provider.Register(oidctest.Client{ID: "strongroom", Secret: "s3cret: of the client%", Redirect: url + people.ReturnPath(provider.Issuer)})
	err = p.House.Room.PutProvider(t.Context(), p.Owner, people.Provider{
		Issuer: provider.Issuer, Audiences: []string{"strongroom"}, Claim: "sub", Client: "strongroom", Secret: "s3cret: of the client%", Label: "Example SSO",
		GroupsClaim: "groups", Groups: []people.ClaimedGroup{{Claimed: "CC Supervisors", Group: "supervisors"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return provider
}

var (
	formOf  = regexp.MustCompile(`action="(/logon/with/[0-9a-f]{16})"`)
	refresh = regexp.MustCompile(`http-equiv="refresh" content="0;url=([^"]*)"`)
)

// away begins a log-on by the provider, and answers the browser's cookie and where it is sent.
func away(t *testing.T, h http.Handler, next string) (*http.Cookie, *url.URL) {
	t.Helper()
	_, page := answer(h, request(http.MethodGet, "/logon", ""))
	m := formOf.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("the log-on page offers no provider:\n%s", page)
	}
	got, body := answer(h, request(http.MethodPost, m[1], "next="+url.QueryEscape(next)+"&zone=Europe/Paris"))
	to := refresh.FindStringSubmatch(body)
	if got.StatusCode != http.StatusOK || to == nil || len(got.Cookies()) != 1 {
		t.Fatalf("going to the provider answers %s, %v:\n%s", got.Status, got.Cookies(), body)
	}
	at, err := url.Parse(html.UnescapeString(to[1]))
	if err != nil {
		t.Fatal(err)
	}
	return got.Cookies()[0], at
}

// logsOn has the provider send the browser back, and answers to where.
func logsOn(t *testing.T, at *url.URL) *url.URL {
	t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	got, err := client.Get(at.String())
	if err != nil {
		t.Fatal(err)
	}
	got.Body.Close()
	back, err := got.Location()
	if err != nil {
		t.Fatalf("the provider answers %s: %v", got.Status, err)
	}
	return back
}

// back brings the provider's answer to the console, as from the provider's page.
func back(h http.Handler, to *url.URL, cookie *http.Cookie) (*http.Response, string) {
	r := request(http.MethodGet, to.RequestURI(), "")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Del("Origin")
	if cookie != nil {
		r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	}
	return answer(h, r)
}

func session(got *http.Response) *http.Cookie {
	for _, k := range got.Cookies() {
		if k.Name == "__Host-strongroom" && k.Value != "" {
			return k
		}
	}
	return nil
}

func TestProvider(t *testing.T) {
	p, h := served(t)
	p.Person(strongroom.Principal{Name: "ines.martin", Aliases: []string{"user-1"}, Groups: []string{"agents"}})
	provider := p.trust(t, origin)
	provider.Sits(map[string]any{"groups": []string{"CC Supervisors", "everybody"}})

	cookie, at := away(t, h, "/requests")
	if cookie.Name != "__Host-strongroom-return" || !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || cookie.MaxAge != 600 || cookie.Domain != "" {
		t.Errorf("the cookie is %+v", cookie)
	}
	q := at.Query()
	if q.Get("code_challenge_method") != "S256" || len(q.Get("state")) < 40 || len(q.Get("nonce")) < 40 || q.Get("redirect_uri") != origin+people.ReturnPath(provider.Issuer) || q.Get("scope") != "openid" {
		t.Errorf("the provider is asked %v", q)
	}
	answered := logsOn(t, at)
	got, body := back(h, answered, cookie)
	k := session(got)
	if got.StatusCode != http.StatusOK || k == nil || k.SameSite != http.SameSiteStrictMode || !strings.Contains(body, `content="0;url=/requests"`) || got.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Fatalf("coming back answers %s with %v:\n%s", got.Status, got.Cookies(), body)
	}
	// The code of a log-on that succeeded is good for nothing any more.
	if got, _ := back(h, answered, cookie); got.StatusCode != http.StatusForbidden || session(got) != nil {
		t.Errorf("an answer brought again answers %s", got.Status)
	}
	who, err := p.House.Room.ConsoleCaller(k.Value)
	if err != nil || who.Holder.Name != "ines.martin" || who.Issuer != provider.Issuer || !slices.Equal(who.Claimed, []string{"CC Supervisors"}) {
		t.Errorf("the session is %+v, %v", who, err)
	}
	r := request(http.MethodGet, "/", "")
	r.AddCookie(k)
	if got, body := answer(h, r); got.StatusCode != http.StatusOK || !strings.Contains(body, "ines.martin") || !strings.Contains(body, "Europe/Paris") && !strings.Contains(body, "UTC") {
		t.Errorf("Today answers %s:\n%s", got.Status, body)
	}
	// The trust ends, and with it the session.
	if err := p.House.Room.RemoveProvider(t.Context(), p.Owner, provider.Issuer); err != nil {
		t.Fatal(err)
	}
	if _, err := p.House.Room.ConsoleCaller(k.Value); err == nil {
		t.Error("the session goes on although its provider is trusted no longer")
	}
	if _, page := answer(h, request(http.MethodGet, "/logon", "")); formOf.MatchString(page) {
		t.Error("the log-on page still offers the provider")
	}
	if log := p.log.String(); strings.Contains(log, answered.Query().Get("code")) || strings.Contains(log, q.Get("state")) || strings.Contains(log, "s3cret") {
		t.Errorf("the log holds a code, a state or a secret:\n%s", log)
	}
}

// What does not fit in every part logs nobody on, says little, and is counted or on record.
func TestProviderRefused(t *testing.T) {
	p, h := served(t)
	ines := p.Person(strongroom.Principal{Name: "ines.martin", Aliases: []string{"user-1"}})
	p.Person(strongroom.Principal{Name: "robot", Kind: strongroom.Workload, Aliases: []string{"user-r"}})
	provider := p.trust(t, origin)
	other, err := oidctest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	with := func(u *url.URL, change map[string]string) *url.URL {
		q := u.Query()
		for name, value := range change {
			if q.Set(name, value); value == "" {
				q.Del(name)
			}
		}
		changed := *u
		changed.RawQuery = q.Encode()
		return &changed
	}
	for _, c := range []struct {
		name   string
		sits   map[string]any
		before func()
		change func(*url.URL, *http.Cookie) (*url.URL, *http.Cookie)
		record string // what the ledger says, or counted as noise
	}{
		{name: "wrong state", change: func(u *url.URL, k *http.Cookie) (*url.URL, *http.Cookie) {
			return with(u, map[string]string{"state": strings.Repeat("A", 43)}), k
		}},
		{name: "no state", change: func(u *url.URL, k *http.Cookie) (*url.URL, *http.Cookie) {
			return with(u, map[string]string{"state": ""}), k
		}},
		{name: "another's cookie", change: func(u *url.URL, k *http.Cookie) (*url.URL, *http.Cookie) {
			theirs, _ := away(t, h, "/")
			return u, theirs
		}},
		{name: "no cookie", change: func(u *url.URL, _ *http.Cookie) (*url.URL, *http.Cookie) { return u, nil }},
		{name: "another issuer", change: func(u *url.URL, k *http.Cookie) (*url.URL, *http.Cookie) {
			return with(u, map[string]string{"iss": other.Issuer}), k
		}},
		{name: "no issuer, where it is promised", change: func(u *url.URL, k *http.Cookie) (*url.URL, *http.Cookie) {
			return with(u, map[string]string{"iss": ""}), k
		}},
		{name: "another provider's address", change: func(u *url.URL, k *http.Cookie) (*url.URL, *http.Cookie) {
			changed := *u
			changed.Path = people.ReturnPath(other.Issuer)
			return &changed, k
		}},
		{name: "a code made up", change: func(u *url.URL, k *http.Cookie) (*url.URL, *http.Cookie) {
			return with(u, map[string]string{"code": "made-up"}), k
		}},
		{name: "somebody else's code", change: func(u *url.URL, k *http.Cookie) (*url.URL, *http.Cookie) {
			_, at := away(t, h, "/")
			return with(u, map[string]string{"code": logsOn(t, at).Query().Get("code")}), k // its verifier is another
		}},
		{name: "refused at the provider", change: func(u *url.URL, k *http.Cookie) (*url.URL, *http.Cookie) {
			return with(u, map[string]string{"code": "", "error": "access_denied"}), k
		}},
		{name: "wrong nonce", sits: map[string]any{"nonce": "another"}},
		{name: "no nonce", sits: map[string]any{"nonce": nil}},
		{name: "another audience", sits: map[string]any{"aud": "somebody-else"}},
		{name: "another issuer's token", sits: map[string]any{"iss": other.Issuer}},
		{name: "expired", sits: map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}},
		{name: "groups that are no list", sits: map[string]any{"groups": map[string]any{"a": 1}}},
		{name: "a stranger", sits: map[string]any{"sub": "user-9"}, record: "it names 0 principals"},
		{name: "a workload", sits: map[string]any{"sub": "user-r"}, record: "a workload does not log on"},
		{name: "suspended", record: "suspended, or past the leaving date", before: func() {
			if _, err := p.House.Room.ChangePrincipal(t.Context(), p.Owner, ines.Principal.Name, func(p *strongroom.Principal) { p.Suspended = true }); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := p.console(t, origin, p.quiet())
			if c.before != nil {
				c.before()
			}
			provider.Sits(c.sits)
			noise := strings.Count(p.noise.String(), "logon refused")
			records := len(p.records(t, vault.KindLogon))
			cookie, at := away(t, h, "/requests")
			to := logsOn(t, at)
			if c.change != nil {
				to, cookie = c.change(to, cookie)
			}
			got, body := back(h, to, cookie)
			if got.StatusCode != http.StatusForbidden || session(got) != nil || !strings.Contains(body, "The log-on was refused") {
				t.Fatalf("answers %s with %v:\n%s", got.Status, got.Cookies(), body)
			}
			if strings.Contains(body, "suspended") || strings.Contains(body, "ines") || strings.Contains(body, provider.Issuer) {
				t.Errorf("the page tells more than that it was refused:\n%s", body)
			}
			found := p.records(t, vault.KindLogon)
			switch {
			case c.record == "" && strings.Count(p.noise.String(), "logon refused") == noise:
				t.Error("nobody counted it")
			case c.record != "" && !slices.ContainsFunc(found[records:], func(e strongroom.Event) bool {
				return strings.Contains(e.Detail, c.record) && e.Outcome == strongroom.Refused
			}):
				t.Errorf("no record says %q: %+v", c.record, found[records:])
			}
			if len(p.House.Room.OwnSessions(ines)) != 0 {
				t.Error("somebody is logged on")
			}
		})
	}
}

// A log-on that takes longer than it may is over; states nobody brings back are bounded.
func TestProviderBounds(t *testing.T) {
	p := open(t)
	clock := time.Now()
	h := p.consoleAt(t, origin, p.quiet(), func() time.Time { return clock })
	p.Person(strongroom.Principal{Name: "ines.martin", Aliases: []string{"user-1"}})
	p.trust(t, origin)
	cookie, at := away(t, h, "/")
	to := logsOn(t, at)
	clock = clock.Add(10 * time.Minute)
	if got, _ := back(h, to, cookie); got.StatusCode != http.StatusForbidden || session(got) != nil {
		t.Errorf("after ten minutes coming back answers %s", got.Status)
	}
	_, page := answer(h, request(http.MethodGet, "/logon", ""))
	path := formOf.FindStringSubmatch(page)[1]
	for range 64 {
		answer(h, request(http.MethodPost, path, "next=/"))
	}
	if got, _ := answer(h, request(http.MethodPost, path, "next=/")); got.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the 65th log-on under way answers %s", got.Status)
	}
	if got, _ := answer(h, request(http.MethodPost, "/logon/with/0000000000000000", "next=/")); got.StatusCode != http.StatusNotFound {
		t.Errorf("a provider that is not there answers %s", got.Status)
	}
	foreign := request(http.MethodPost, path, "next=/")
	foreign.Header.Set("Origin", "https://evil.example")
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	if got, _ := answer(h, foreign); got.StatusCode != http.StatusForbidden {
		t.Errorf("another site begins a log-on: %s", got.Status)
	}
}

// Rooms that ask one provider in the same manner share a button: who somebody is says which
// room, and where that leaves several, none.
func TestProviderOfSeveralRooms(t *testing.T) {
	p, other := open(t), open(t)
	provider := p.trust(t, origin)
	trusted, _ := p.House.Room.Provider(provider.Issuer)
	if err := other.House.Room.PutProvider(t.Context(), other.Owner, trusted); err != nil {
		t.Fatal(err)
	}
	p.Person(strongroom.Principal{Name: "ines.martin", Aliases: []string{"user-1"}})
	other.Person(strongroom.Principal{Name: "tom.keller", Aliases: []string{"user-2"}})
	for _, r := range []*place{p, other} {
		r.Person(strongroom.Principal{Name: "ana.lopes", Aliases: []string{"user-3"}})
	}
	h, err := console.New(console.Config{
		Metrics: http.NotFoundHandler(), URL: origin, Log: slog.New(slog.DiscardHandler), Noise: func(string) {}, Failed: func(string, error) {}, Identities: oidc.New(time.Now),
		Rooms: []door.Room{p.House.Door(), other.House.Door()},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, page := answer(h, request(http.MethodGet, "/logon", "")); len(formOf.FindAllString(page, -1)) != 1 {
		t.Errorf("two rooms of one provider have not one button:\n%s", page)
	}
	for sub, room := range map[string]*place{"user-1": p, "user-2": other, "user-3": nil} {
		provider.Sits(map[string]any{"sub": sub})
		cookie, at := away(t, h, "/")
		got, _ := back(h, logsOn(t, at), cookie)
		k := session(got)
		if room == nil {
			if k != nil || got.StatusCode != http.StatusForbidden {
				t.Errorf("somebody of two rooms is logged on at one: %s", got.Status)
			}
			continue
		}
		if k == nil {
			t.Fatalf("%s is refused: %s", sub, got.Status)
		}
		if _, err := room.House.Room.ConsoleCaller(k.Value); err != nil {
			t.Errorf("%s is not logged on at their room: %v", sub, err)
		}
	}
	// Another room's people leave no trace in this one.
	for _, e := range p.records(t, vault.KindLogon) {
		if strings.Contains(e.Subject+e.Detail, "user-2") {
			t.Errorf("the ledger tells of another room's person: %+v", e)
		}
	}
}

// A site that has somebody's browser bring answers to nothing keeps nobody from logging on.
func TestReturnsOfOtherSitesLockNobodyOut(t *testing.T) {
	p, h := served(t)
	provider := p.trust(t, origin)
	to, err := url.Parse(origin + people.ReturnPath(provider.Issuer) + "?state=x&code=y")
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if got, _ := back(h, to, nil); got.StatusCode != http.StatusForbidden {
			t.Fatalf("an answer without its browser is met with %s", got.Status)
		}
	}
	if got, _ := answer(h, request(http.MethodPost, "/logon/begin", "{}")); got.StatusCode != http.StatusOK {
		t.Errorf("nobody at that address logs on any more: %s", got.Status)
	}
	if strings.Count(p.noise.String(), "logon refused") != 20 {
		t.Error("they are not counted")
	}
}

// A provider that does not answer is said so, and passkeys go on.
func TestProviderAway(t *testing.T) {
	p, h := served(t)
	p.trust(t, origin).Close()
	_, page := answer(h, request(http.MethodGet, "/logon", ""))
	got, body := answer(h, request(http.MethodPost, formOf.FindStringSubmatch(page)[1], "next=/"))
	if got.StatusCode != http.StatusBadGateway || !strings.Contains(body, "does not answer now") || !strings.Contains(body, `id="logon"`) {
		t.Errorf("answers %s:\n%s", got.Status, body)
	}
}

func TestProviderInTheBrowser(t *testing.T) {
	ctx := browser(t)
	p := open(t)
	p.Person(strongroom.Principal{Name: "ines.martin", Aliases: []string{"user-1"}, Groups: []string{"supervisors"}})
	provider := p.trust(t, p.URL)
	provider.Ask()
	do(t, ctx, "opening the log-on page", chromedp.Navigate(p.URL+"/requests"), sees("Log on"), chromedp.WaitVisible(".way button"))
	shots(t, ctx, "logon-provider-en")
	inFrench(t, ctx, func() { shots(t, ctx, "logon-provider-fr") })
	do(t, ctx, "going to the provider", chromedp.Navigate(p.URL+"/requests"), chromedp.WaitVisible(".way button"), chromedp.Click(".way button"), sees("Provider"))
	do(t, ctx, "logging on there", chromedp.Click("#go"), sees("Requests"))
	var at string
	do(t, ctx, "reading the address", chromedp.Location(&at), chromedp.Navigate(p.URL+"/account"), sees("ines.martin"))
	if at != p.URL+"/requests" {
		t.Errorf("the log-on ends at %s", at)
	}
	do(t, ctx, "logging off", chromedp.Click(`form[action="/logoff"] button`), sees("Log on"))
	provider.Sits(map[string]any{"sub": "stranger"})
	do(t, ctx, "a stranger", chromedp.Click(".way button"), sees("Provider"), chromedp.Click("#go"), chromedp.WaitVisible(`//p[@role="alert" and contains(., "refused")]`, chromedp.BySearch))
	shots(t, ctx, "logon-refused-en")
}

// zitadelOP is a provider that others wrote, which is run for this test and never linked.
const zitadelOP = "github.com/zitadel/oidc/v3/example/server@v3.51.17"

func TestForeignProvider(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs another project's provider")
	}
	folder := filepath.Join(os.TempDir(), "strongroom-test-provider")
	build, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	install := exec.CommandContext(build, "go", "install", zitadelOP)
	install.Env = append(os.Environ(), "GOBIN="+folder, "GOFLAGS=-mod=mod")
	install.Dir = t.TempDir()
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("%s cannot be had here: %v\n%s", zitadelOP, err, out)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	free.Close()
	issuer := "http://localhost:" + port + "/"

	ctx := browser(t)
	p := open(t)
	p.Person(strongroom.Principal{Name: "ines.martin", Aliases: []string{"id1"}, Groups: []string{"supervisors"}})
	op := exec.Command(filepath.Join(folder, "server"))
	op.Env = append(os.Environ(), "PORT="+port, "REDIRECT_URI="+p.URL+people.ReturnPath(issuer))
	op.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var log written
	op.Stderr = &log
	if err := op.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { op.Process.Kill(); op.Wait() })
	housetest.Eventually(t, "the provider answers", func() bool {
		got, err := http.Get(issuer + ".well-known/openid-configuration")
		if err == nil {
			got.Body.Close()
		}
		return err == nil
	})
	err = p.House.Room.PutProvider(t.Context(), p.Owner, people.Provider{Issuer: issuer, Audiences: []string{"web"}, Claim: "sub", Client: "web", Secret: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	do(t, ctx, "going to the provider", chromedp.Navigate(p.URL+"/logon"), sees("Log on"), chromedp.WaitVisible(".way button"), chromedp.Click(".way button"), chromedp.WaitVisible("#username"))
	do(t, ctx, "logging on there", chromedp.SendKeys("#username", "test-user@localhost"), chromedp.SendKeys("#password", "verysecure"), chromedp.Click("button[type=submit]"), sees("Nothing waits for you"))
	if page := text(t, ctx); !strings.Contains(page, "ines.martin") {
		t.Errorf("the page shows:\n%s\nthe provider wrote\n%s", page, log.String())
	}
}

// Whatever comes back from outside, nobody is logged on by it, and nothing breaks.
func FuzzReturn(f *testing.F) {
	for _, q := range []string{"", "code=a&state=b", "state=%00&code=%ff", "error=access_denied", "state=a&state=b&code=c&iss=x&iss=y", "%%%", "code=" + strings.Repeat("a", 5000)} {
		f.Add(q, "a cookie")
	}
	h, err := console.New(console.Config{
		Metrics: http.NotFoundHandler(), URL: origin, Log: slog.New(slog.DiscardHandler), Noise: func(string) {}, Failed: func(string, error) {}, Identities: oidc.New(time.Now),
	})
	if err != nil {
		f.Fatal(err)
	}
	n := 0
	f.Fuzz(func(t *testing.T, query, cookie string) {
		r := httptest.NewRequest(http.MethodGet, origin+"/logon/return/0123456789abcdef", nil)
		n++
		r.RemoteAddr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 1).String()
		r.URL.RawQuery = query
		r.AddCookie(&http.Cookie{Name: "__Host-strongroom-return", Value: cookie})
		if got, _ := answer(h, r); got.StatusCode != http.StatusForbidden || session(got) != nil {
			t.Errorf("%q with %q answers %s", query, cookie, got.Status)
		}
	})
}

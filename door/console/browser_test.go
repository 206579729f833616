package console_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"strongroom"
	"strongroom/door"
	"strongroom/door/console"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/internal/oidc"
	"strongroom/ledger"
	"strongroom/vault"
)

// chromium finds a browser: the one that STRONGROOM_CHROMIUM names, or the first of the
// usual names on the PATH.
func chromium(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("STRONGROOM_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("there is no Chromium: install it (scripts/setup does on Debian), or name one in STRONGROOM_CHROMIUM")
	return ""
}

// written is what a server logged.
type written struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// place is a room with its console, served on loopback.
type place struct {
	*housetest.Room
	URL   string
	log   *written
	asked *written // method, path and query of each request
	noise *written

	otherwise func(*door.Room) // changes what the room gives the console; nil for nothing
}

func open(t testing.TB) *place {
	t.Helper()
	p := &place{log: &written{}, asked: &written{}, noise: &written{}}
	log := slog.New(slog.NewTextHandler(io.MultiWriter(p.log, t.Output()), nil))
	p.Room = housetest.New(t, house.Options{Log: log})
	return p.serve(t, log)
}

func (p *place) serve(t testing.TB, log *slog.Logger) *place {
	t.Helper()
	var h http.Handler
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(p.asked, r.Method, r.RequestURI, r.Header.Get("Referer"))
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	p.URL = strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	h = p.console(t, p.URL, log)
	return p
}

// quiet is a log that only the test's own looks read.
func (p *place) quiet() *slog.Logger { return slog.New(slog.NewTextHandler(p.log, nil)) }

func (p *place) console(t testing.TB, url string, log *slog.Logger) http.Handler {
	t.Helper()
	return p.consoleAt(t, url, log, nil)
}

func (p *place) consoleAt(t testing.TB, url string, log *slog.Logger, clock func() time.Time) http.Handler {
	t.Helper()
	room := p.House.Door()
	if p.otherwise != nil {
		p.otherwise(&room)
	}
	h, err := console.New(console.Config{
		Metrics: http.NotFoundHandler(), Failed: func(string, error) {}, URL: url, Log: log,
		Rooms: []door.Room{room}, Identities: oidc.New(time.Now), Clock: clock,
		Noise: func(kind string) { fmt.Fprintln(p.noise, kind); p.House.Room.Noise(kind) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// setupToken is the secret of the owner's set-up link.
func (p *place) setupToken() string {
	_, token, _ := strings.Cut(p.Founded.SetupURL, "#")
	return token
}

// records answers what the ledger's records of a kind say they are about, with what was decided.
func (p *place) records(t *testing.T, kind string) []strongroom.Event {
	t.Helper()
	var out []strongroom.Event
	for r, err := range p.Book.Records(t.Context(), 0, p.Book.Head().Size) {
		if err != nil {
			t.Fatal(err)
		}
		if e := event(t, r); e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

func event(t *testing.T, r ledger.Record) strongroom.Event {
	t.Helper()
	e, err := vault.EventOf(r)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// profile is a folder for a browser, which is removed once the last of its processes is
// done with it.
func profile(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 100 {
			if err = os.RemoveAll(folder); err == nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Logf("the browser's folder is still there: %v", err)
	})
	return folder
}

// browser is a headless Chromium with an authenticator of its own, which verifies its
// user and holds passkeys.
func browser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.UserDataDir(profile(t)), chromedp.Flag("lang", "en"), chromedp.Flag("accept-lang", "en"))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithErrorf(t.Logf))
	t.Cleanup(cancel)
	chromedp.ListenTarget(ctx, func(e any) {
		switch e := e.(type) {
		case *runtime.EventExceptionThrown:
			t.Errorf("the page's script failed: %s", e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			for _, a := range e.Args {
				t.Logf("console: %s", a.Value)
			}
		}
	})
	if err := chromedp.Run(ctx); err != nil { // the browser lives as long as the context of its first run
		t.Fatalf("starting the browser: %v", err)
	}
	do(t, ctx, "making an authenticator", webauthn.Enable(), chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := webauthn.AddVirtualAuthenticator(&webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		}).Do(ctx)
		return err
	}))
	return ctx
}

func do(t *testing.T, ctx context.Context, doing string, actions ...chromedp.Action) {
	t.Helper()
	bounded, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	if err := chromedp.Run(bounded, actions...); err != nil {
		var at, text string
		_ = chromedp.Run(ctx, chromedp.Location(&at), chromedp.Text("body", &text))
		t.Fatalf("%s: %v; the page %s shows:\n%s", doing, err, at, text)
	}
}

// sees waits for a heading.
func sees(heading string) chromedp.Action {
	return chromedp.WaitVisible(fmt.Sprintf(`//h1[contains(normalize-space(.), %q)]`, heading), chromedp.BySearch)
}

func text(t *testing.T, ctx context.Context) string {
	t.Helper()
	var s string
	do(t, ctx, "reading the page", chromedp.Text("body", &s))
	return s
}

// shots looks at the page at two widths, light and dark: nothing scrolls sideways, axe finds
// nothing, and the keyboard comes everywhere. Pictures are kept in the folder that
// STRONGROOM_SCREENSHOTS names, if any.
func shots(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	folder := os.Getenv("STRONGROOM_SCREENSHOTS")
	do(t, ctx, "widening", chromedp.EmulateViewport(1280, 844))
	keyboard(t, ctx, name)
	do(t, ctx, "going back to the top", chromedp.Evaluate(`document.activeElement.blur(); scrollTo(0, 0)`, nil))
	for _, look := range []struct {
		width  int64
		scheme string
		axe    bool
	}{{1280, "light", true}, {1280, "dark", false}, {390, "light", false}, {390, "dark", true}} {
		if !look.axe && folder == "" {
			continue
		}
		var wide int64
		do(t, ctx, "looking", chromedp.EmulateViewport(look.width, 844, chromedp.EmulateScale(1)),
			emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}),
			chromedp.Evaluate(`document.documentElement.scrollWidth`, &wide))
		if wide > look.width {
			t.Errorf("%s is %d px wide on a screen of %d: it scrolls sideways", name, wide, look.width)
		}
		if look.axe {
			axe(t, ctx, fmt.Sprintf("%s, %d px, %s", name, look.width, look.scheme))
		}
		if folder == "" {
			continue
		}
		var picture []byte
		do(t, ctx, "taking a picture", chromedp.FullScreenshot(&picture, 100))
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s-%d-%s.png", name, look.width, look.scheme)), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// inFrench has the page shown in French by its own switch, and back.
func inFrench(t *testing.T, ctx context.Context, look func()) {
	t.Helper()
	change := func(lang string) {
		do(t, ctx, "switching to "+lang, chromedp.EmulateViewport(1280, 900), chromedp.Click(`button[name=language][value=`+lang+`]`), chromedp.WaitVisible(`html[lang=`+lang+`] body`))
	}
	change("fr")
	look()
	change("en")
}

func TestJourney(t *testing.T) {
	ctx := browser(t)
	p := open(t)
	p.Bucket("calls")
	p.Put("calls", "2026/11/20/support-4711.wav", []byte("RIFF…"), map[string]string{"strongroom-queue": "support"})
	ines := p.Person(strongroom.Principal{Name: "ines.martin", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}, Aliases: []string{"genesys-0815"}})
	p.Person(strongroom.Principal{Name: "tom.keller", Groups: []string{"agents"}})
	asked, err := p.House.Room.RequestAccess(t.Context(), ines, vault.AccessRequest{
		Bucket: "calls", Objects: []vault.ObjectName{{Key: "2026/11/20/support-4711.wav"}}, Purpose: strongroom.Purpose{Text: "Customer says she was promised a refund", Ticket: "CASE-4711"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 12 { // so that something alerts
		_, _ = p.Get(ines, "calls", "2026/11/20/support-4711.wav", 0, -1)
	}
	token := p.setupToken()

	// The set-up link makes a passkey, and whoever made it is in.
	do(t, ctx, "opening the set-up link", chromedp.Navigate(p.URL+"/setup#"+token), chromedp.WaitEnabled("#setup"))
	var at string
	do(t, ctx, "reading the address", chromedp.Location(&at))
	if strings.Contains(at, token) {
		t.Error("the link's secret stays in the address bar")
	}
	shots(t, ctx, "setup-en")
	inFrench(t, ctx, func() { do(t, ctx, "waiting", chromedp.WaitEnabled("#setup")); shots(t, ctx, "setup-fr") })
	do(t, ctx, "making a passkey", chromedp.WaitEnabled("#setup"), chromedp.Click("#setup"), sees("Today"))

	// Off, and on again with the passkey alone.
	var cookies string
	do(t, ctx, "logging off", chromedp.EmulateViewport(1280, 900), chromedp.Evaluate(`document.cookie`, &cookies), chromedp.Click(`form[action="/logoff"] button`), sees("Log on"))
	if strings.Contains(cookies, "strongroom=") {
		t.Errorf("a script can read the session's cookie: %q", cookies)
	}
	shots(t, ctx, "logon-en")
	inFrench(t, ctx, func() { shots(t, ctx, "logon-fr") })
	do(t, ctx, "a page without a session", chromedp.Navigate(p.URL+"/requests"), sees("Log on"))
	do(t, ctx, "logging on", chromedp.WaitEnabled("#logon"), chromedp.Click("#logon"), sees("Requests"))
	do(t, ctx, "going to Today", chromedp.Navigate(p.URL+"/"), sees("Today"))
	page := text(t, ctx)
	for _, want := range []string{"ines.martin asks to open", "Customer says she was promised a refund", "CASE-4711"} {
		if !strings.Contains(page, want) {
			t.Errorf("Today does not show %q:\n%s", want, page)
		}
	}
	shots(t, ctx, "today-en")
	inFrench(t, ctx, func() { shots(t, ctx, "today-fr") })
	for _, one := range []struct{ path, name, heading string }{
		{"/requests", "requests", "Requests"}, {"/requests/" + asked.ID.String(), "request", "ines.martin asks to open"},
		{"/alerts", "alerts", "Alerts"}, {"/people", "people", "People"}, {"/people/" + ines.Principal.ID.String(), "person", "ines.martin"}, {"/account", "account", "owner"},
	} {
		do(t, ctx, "opening "+one.path, chromedp.Navigate(p.URL+one.path), sees(one.heading))
		shots(t, ctx, one.name+"-en")
		inFrench(t, ctx, func() { shots(t, ctx, one.name+"-fr") })
	}

	// An alert is looked into and taken on.
	do(t, ctx, "opening an alert", chromedp.Navigate(p.URL+"/alerts"), chromedp.Click(`.lines a.line`), chromedp.WaitVisible(`form[action$="/acknowledge"]`))
	shots(t, ctx, "alert-en")
	inFrench(t, ctx, func() { shots(t, ctx, "alert-fr") })
	do(t, ctx, "acknowledging it", chromedp.SendKeys("#note", "I ask Ines"), chromedp.Click(`form[action$="/acknowledge"] button`), chromedp.WaitVisible(`//p[@role="status"]`, chromedp.BySearch))

	// The request is approved with the passkey.
	do(t, ctx, "approving", chromedp.Navigate(p.URL+"/requests/"+asked.ID.String()), chromedp.WaitVisible(`a[href="/recordings/`+asked.Objects[0].Version.String()+`"]`), chromedp.SendKeys("#comment", "Her supervisor is away"), chromedp.Click(`button[data-act=approve]`),
		chromedp.WaitVisible(`//p[@role="status" and contains(., "You approved")]`, chromedp.BySearch))
	if page := text(t, ctx); !strings.Contains(page, "Her supervisor is away") || !strings.Contains(page, "1 of 1") {
		t.Errorf("the approval does not show:\n%s", page)
	}
	shots(t, ctx, "approved-en")
	if got, err := p.Get(ines, "calls", "2026/11/20/support-4711.wav", 0, -1); err != nil || string(got) != "RIFF…" {
		t.Errorf("after the approval ines.martin reads %q, %v", got, err)
	}
	do(t, ctx, "logging off", chromedp.EmulateViewport(1280, 900), chromedp.Click(`form[action="/logoff"] button`), sees("Log on"))

	var logons, confirms int
	for _, e := range p.records(t, vault.KindLogon) {
		switch {
		case e.Did == "logon" && e.Outcome == strongroom.Permitted:
			logons++
		case e.Did == "passkey-confirm" && e.Outcome == strongroom.Permitted && strings.Contains(e.Detail, asked.ID.String()):
			confirms++
		}
	}
	if offs := len(p.records(t, vault.KindLogoff)); logons != 2 || confirms != 1 || offs != 2 {
		t.Errorf("the ledger has %d log-ons, %d confirmations and %d log-offs, want 2, 1 and 2", logons, confirms, offs)
	}
	for _, out := range []*written{p.log, p.asked} {
		if s := out.String(); strings.Contains(s, token) || strings.Contains(s, "support-4711") || strings.Contains(s, "refund") {
			t.Errorf("a log, an address or a referrer holds a secret or something of content:\n%s", s)
		}
	}
}

package console_test

import (
	"context"
	"errors"
	"html"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"strongroom"
	"strongroom/alert"
	"strongroom/door"
	"strongroom/door/console"
	"strongroom/internal/housetest"
	"strongroom/limit"
	"strongroom/vault"
)

// Today says what is wrong and what was changed, to those who may know.
func TestTodayTells(t *testing.T) {
	p := open(t)
	broken := true
	failed := 0
	h, err := console.New(console.Config{
		Metrics: http.NotFoundHandler(), URL: origin, Log: slog.New(slog.DiscardHandler), Rooms: []door.Room{p.House.Door()}, Noise: func(string) {},
		Ready: []console.Check{
			{Name: "ledger " + p.House.ID.String(), Ask: func(context.Context) error { return nil }},
			{Name: "custodian " + p.House.ID.String(), Ask: func(context.Context) error {
				if broken {
					return errors.New("dial tcp 192.0.2.1: refused")
				}
				return nil
			}},
			{Name: "disk " + strongroom.NewID().String(), Ask: func(context.Context) error { t.Error("another room's check is asked"); return nil }},
		},
		Failed: func(string, error) { failed++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	l := p.logon(t)
	today := func() string {
		r := request(http.MethodGet, "/", "")
		r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: l.Token})
		got, body := answer(h, r)
		if got.StatusCode != http.StatusOK {
			t.Fatalf("Today answers %s", got.Status)
		}
		return body
	}
	page := today()
	for _, want := range []string{"1 part does not answer", "Keys are available", "failing", "Ledger can be written", "Passkey was added"} {
		if !strings.Contains(page, want) {
			t.Errorf("Today does not say %q", want)
		}
	}
	if strings.Contains(page, "192.0.2.1: refused") || failed != 1 {
		t.Errorf("the page tells why a check failed, or it was logged %d times", failed)
	}
	today() // the answer is remembered
	if failed != 1 {
		t.Error("a check is asked at each look")
	}
	p.Person(strongroom.Principal{Name: "ines.martin", Groups: []string{"agents"}})
	page = today()
	if !strings.Contains(page, "Person was added or changed") || !strings.Contains(page, "ines.martin · by owner") || !strings.Contains(page, "S3 key was made") {
		t.Errorf("Today does not tell of a new person:\n%s", page)
	}
	if looks := p.records(t, vault.KindLedgerRead); len(looks) != 3 {
		t.Errorf("%d looks at the ledger are on record, want 3", len(looks))
	}
}

// An alert's page shows its records to those who may read them, and who was told when.
func TestAlertEvidence(t *testing.T) {
	ctx := browser(t)
	p := open(t)
	p.Bucket("calls")
	p.Put("calls", "support-4711.wav", []byte("RIFF"), map[string]string{"strongroom-queue": "support"})
	ines := p.Person(strongroom.Principal{Name: "ines.martin", Groups: []string{"agents"}})
	for range 12 {
		_, _ = p.Get(ines, "calls", "support-4711.wav", 0, -1)
	}
	if err := p.House.Room.Report(t.Context(), p.Owner, "x", "y"); err == nil {
		t.Error("a person reports as a workload")
	}
	begun(t, ctx, p)
	var open []alert.Alert
	grown := func(a alert.Alert) bool { return len(a.Evidence) > 5 }
	housetest.Eventually(t, "somebody is alerted of all of it", func() bool {
		desk, done, err := p.House.Alerts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		open, err = desk.List(t.Context(), p.Owner, 10, alert.Open)
		if err := errors.Join(err, done()); err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(open, grown)
	})
	at := slices.IndexFunc(open, grown)
	do(t, ctx, "opening the alert", chromedp.Navigate(p.URL+"/alerts/"+open[at].ID.String()), chromedp.WaitVisible(`a[href^="/access/proof/"]`))
	if got := text(t, ctx); !strings.Contains(got, "calls/support-4711.wav") || !strings.Contains(got, "ines.martin") || !strings.Contains(got, "refused") {
		t.Errorf("the page shows\n%s", got)
	}
	shots(t, ctx, "alert-evidence-en")
	inFrench(t, ctx, func() { shots(t, ctx, "alert-evidence-fr") })
	do(t, ctx, "Today", chromedp.Navigate(p.URL+"/"), sees("Today"))
	shots(t, ctx, "today-whole-en")
	inFrench(t, ctx, func() { shots(t, ctx, "today-whole-fr") })
}

// Who may change policies reads on Today of which actions none speaks, until one does.
func TestTodayTellsWhatNoPolicySpeaksOf(t *testing.T) {
	p, h := served(t)
	agent := p.invited(t, strongroom.Principal{Name: "tom.keller", Groups: []string{"agents"}}, 2)
	l := p.logon(t)
	told := func(l vault.Logon) bool {
		t.Helper()
		got, page := asked(h, l, http.MethodGet, "/", nil)
		if got.StatusCode != http.StatusOK {
			t.Fatalf("Today answers %s", got.Status)
		}
		return strings.Contains(page, "strongroom limit policy add downloadObject")
	}
	if told(l) {
		t.Error("a new room lacks something")
	}
	now := string(limit.Default().Text())
	if _, err := p.House.Room.PutPolicy(t.Context(), p.Owner, []byte(strings.ReplaceAll(now, "downloadObject", "readMetadata"))); err != nil {
		t.Fatal(err)
	}
	if !told(l) || told(agent) {
		t.Errorf("the owner is told: %v; an agent: %v", told(l), told(agent))
	}
	for lang, want := range map[string]string{
		"en": "Take a copy of an object: strongroom limit policy add downloadObject", "fr": "Emporter une copie d’un objet\u00a0: strongroom limit policy add downloadObject",
	} {
		if _, page := asked(h, l, http.MethodGet, "/", nil, "Accept-Language", lang); !strings.Contains(html.UnescapeString(tags.ReplaceAllString(page, "")), want) {
			t.Errorf("it does not say %q:\n%s", want, shownPlain(page))
		}
	}
	if _, err := p.House.Room.PutPolicy(t.Context(), p.Owner, []byte(now)); err != nil {
		t.Fatal(err)
	}
	if told(l) {
		t.Error("it is still told")
	}
}

// Today says what intake says of its landing place, and what is known of none is not shown
// as good.
func TestTodayTellsOfTheLandingPlace(t *testing.T) {
	p, h := served(t)
	l := p.logon(t)
	look := func() string {
		t.Helper()
		got, page := asked(h, l, http.MethodGet, "/", nil)
		if got.StatusCode != http.StatusOK {
			t.Fatalf("Today answers %s", got.Status)
		}
		return page
	}
	const good, bad = "Landing place is emptied in time", "Something lies in the landing place too long"
	main := func(page string) string { // without the alerts, which say so too
		_, states, _ := strings.Cut(page, `id="states"`)
		states, _, _ = strings.Cut(states, "</section>")
		return states
	}
	if page := look(); strings.Contains(page, good) || strings.Contains(page, bad) {
		t.Errorf("nothing was said of a landing place:\n%s", page)
	}
	first := p.Person(strongroom.Principal{Name: "drain", Kind: strongroom.Workload, Groups: []string{"intake"}})
	second := p.Person(strongroom.Principal{Name: "drain-paris", Kind: strongroom.Workload, Groups: []string{"intake"}})
	report := func(by vault.Caller, kind string) {
		t.Helper()
		if err := p.House.Room.Report(t.Context(), by, kind, "told by the test"); err != nil {
			t.Fatal(err)
		}
	}
	report(first, "landing-overdue")
	report(second, "landing-cleared")
	if page := look(); !strings.Contains(main(page), bad) || strings.Contains(main(page), good) || strings.Contains(page, "Nothing waits for you") {
		t.Errorf("one of two is overdue:\n%s", page)
	}
	report(first, "landing-cleared")
	if page := look(); !strings.Contains(main(page), good) || strings.Contains(main(page), bad) {
		t.Errorf("both are cleared:\n%s", page)
	}
}

// Where the landing place is overdue the page does not say that everything answers.
func TestOverdueIsNotGood(t *testing.T) {
	p := open(t)
	h, err := console.New(console.Config{
		Metrics: http.NotFoundHandler(), URL: origin, Log: slog.New(slog.DiscardHandler), Rooms: []door.Room{p.House.Door()}, Noise: func(string) {}, Failed: func(string, error) {},
		Ready: []console.Check{{Name: "ledger " + p.House.ID.String(), Ask: func(context.Context) error { return nil }}},
	})
	if err != nil {
		t.Fatal(err)
	}
	l := p.logon(t)
	const good = "Everything answers."
	if _, page := asked(h, l, http.MethodGet, "/", nil); !strings.Contains(page, good) {
		t.Errorf("with nothing wrong the page says:\n%s", page)
	}
	drain := p.Person(strongroom.Principal{Name: "drain", Kind: strongroom.Workload, Groups: []string{"intake"}})
	if err := p.House.Room.Report(t.Context(), drain, "landing-overdue", "told by the test"); err != nil {
		t.Fatal(err)
	}
	if _, page := asked(h, l, http.MethodGet, "/", nil); strings.Contains(page, good) || !strings.Contains(page, "Something lies in the landing place too long") {
		t.Errorf("with an overdue landing place the page says:\n%s", page)
	}
}

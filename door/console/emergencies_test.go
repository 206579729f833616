package console_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"strongroom"
	"strongroom/vault"
)

func TestEmergencyPages(t *testing.T) {
	ctx := browser(t)
	p := open(t)
	p.Bucket("calls")
	p.Put("calls", "support-4711.wav", []byte("RIFF…"), map[string]string{"strongroom-kind": "call", "strongroom-queue": "support", "strongroom-agent": "tom.keller", "strongroom-customer": "C-88", "strongroom-started": "2026-03-04T10:00:00Z"})
	ines := p.Person(strongroom.Principal{Name: "ines.martin", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}})
	// Somebody else's, to review.
	o, err := p.House.Room.BreakGlass(t.Context(), ines, strongroom.Purpose{Text: "Threat to life, police on the line", Ticket: "INC-9"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Get(ines, "calls", "support-4711.wav", 0, -1); err != nil {
		t.Fatal(err)
	}
	begun(t, ctx, p)
	at := p.URL + "/emergencies/" + o.ID.String()
	do(t, ctx, "opening a review too early", chromedp.Navigate(at), sees("ines.martin opened"), chromedp.WaitVisible(`//p[contains(., "still runs")]`, chromedp.BySearch))
	if _, err := p.House.Room.MendGlass(t.Context(), ines); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, "from Today", chromedp.Navigate(p.URL+"/"), sees("Today"), chromedp.Click(`a[href="/emergencies/`+o.ID.String()+`"]`), sees("ines.martin opened"))
	var whole string // with what stands on paper alone
	do(t, ctx, "reading all of it", chromedp.Evaluate(`document.body.textContent`, &whole))
	if got := text(t, ctx); !strings.Contains(got, "INC-9") || strings.Contains(got, "support-4711.wav") || !strings.Contains(whole, "calls/support-4711.wav") {
		t.Errorf("the review shows\n%s\nand in all\n%s", got, whole)
	}
	says := func(words ...string) {
		t.Helper()
		said := shownPlain(text(t, ctx))
		for _, want := range words {
			if !strings.Contains(said, want) {
				t.Errorf("the review does not say %q:\n%s", want, said)
			}
		}
	}
	says("Opened", "Call, 4 Mar 2026, 10:00", "support · tom.keller · C-88", "Delivered 7 B")
	shots(t, ctx, "review-en")
	inFrench(t, ctx, func() {
		says("Ouverture", "Appel, 4 mars 2026", "support · tom.keller · C-88")
		shots(t, ctx, "review-fr")
	})
	do(t, ctx, "reviewing", chromedp.SendKeys("#finding", "It was one; the call was needed"), chromedp.Click("button[data-act=review]"), said("The review is done"))

	// One's own: loud, with a banner on every page, until it is ended.
	shots(t, ctx, "emergencies-en")
	inFrench(t, ctx, func() { shots(t, ctx, "emergencies-fr") })
	do(t, ctx, "without being sure", chromedp.SendKeys("#reason", "Fire in the centre"), chromedp.Click("button[data-act=break-glass]"))
	if p.House.Room.OwnOpening(p.Owner) != nil {
		t.Fatal("it opened without the box")
	}
	do(t, ctx, "opening", chromedp.Click("input[name=sure]"), chromedp.SetValue("#minutes", "15"), chromedp.Click("button[data-act=break-glass]"), said("Emergency access is open"), chromedp.WaitVisible(".emergency"), chromedp.WaitVisible(`main a.button[href="/recordings"]`))
	shots(t, ctx, "emergencies-open-en")
	do(t, ctx, "another page", chromedp.Navigate(p.URL+"/requests"), sees("Requests"), chromedp.WaitVisible(".emergency"))
	shots(t, ctx, "banner-en")
	inFrench(t, ctx, func() { shots(t, ctx, "banner-fr") })
	own := p.House.Room.OwnOpening(p.Owner)
	if own == nil || own.Reason != "Fire in the centre" {
		t.Fatalf("the opening is %+v", own)
	}
	do(t, ctx, "ending", chromedp.Click(".emergency button"), said("has ended"))
	if p.House.Room.OwnOpening(p.Owner) != nil {
		t.Error("it goes on")
	}
	do(t, ctx, "one's own review", chromedp.Navigate(p.URL+"/emergencies/"+own.ID.String()), chromedp.WaitVisible(`//p[contains(., "Somebody else reviews it")]`, chromedp.BySearch))
	if s := p.asked.String() + p.log.String(); strings.Contains(s, "Fire") || strings.Contains(s, "4711") {
		t.Errorf("a log or an address says why, or what:\n%s", s)
	}
}

// Without a proof, a time, or the box nothing opens; and nobody reviews their own.
func TestEmergencyRefused(t *testing.T) {
	p, h := served(t)
	l := p.logon(t)
	own, err := p.House.Room.BreakGlass(t.Context(), p.Owner, strongroom.Purpose{Text: "x"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.House.Room.MendGlass(t.Context(), p.Owner); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, body string
		code       int
	}{
		{"/emergencies/open", "reason=x&minutes=30&sure=yes", http.StatusForbidden},
		{"/emergencies/open", "reason=x&minutes=30", http.StatusBadRequest},
		{"/emergencies/open", "reason=x&minutes=999&sure=yes", http.StatusBadRequest},
		{"/emergencies/end", "x=1", http.StatusBadRequest},
		{"/emergencies/" + own.ID.String() + "/review", "finding=fine", http.StatusForbidden},
	} {
		r := request(http.MethodPost, c.path, c.body)
		r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: l.Token})
		if got, body := answer(h, r); got.StatusCode != c.code {
			t.Errorf("%s %s answers %s:\n%s", c.path, c.body, got.Status, body)
		}
	}
	if p.House.Room.OwnOpening(p.Owner) != nil {
		t.Error("something opened")
	}
	if opened := p.records(t, vault.KindBreakGlass); len(opened) != 2 {
		t.Errorf("the ledger has %d records of openings, want 2", len(opened))
	}
}

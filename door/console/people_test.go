package console_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"context"
	"strongroom"
	"strongroom/people"
	"strongroom/vault"
)

// begun sets the first person up in the browser, who is then in.
func begun(t *testing.T, ctx context.Context, p *place) {
	t.Helper()
	do(t, ctx, "setting up", chromedp.Navigate(p.URL+"/setup#"+p.setupToken()), chromedp.WaitEnabled("#setup"), chromedp.Click("#setup"), chromedp.WaitVisible(".frame"))
}

func said(words string) chromedp.Action {
	return chromedp.WaitVisible(fmt.Sprintf(`//p[@role="status" and contains(., %q)]`, words), chromedp.BySearch)
}

func TestPeoplePages(t *testing.T) {
	ctx := browser(t)
	p := open(t)
	p.Bucket("calls")
	ines := p.Person(strongroom.Principal{Name: "ines.martin", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}, Aliases: []string{"genesys-0815"}})
	for _, name := range []string{"tom.keller", "tim.berg", "ana.lopes"} {
		p.Person(strongroom.Principal{Name: name, Groups: []string{"agents"}})
	}
	for i := range 3 {
		p.Put("calls", fmt.Sprint(i), []byte("RIFF"), map[string]string{"strongroom-agent": fmt.Sprintf("agent-%d", i/2)})
	}
	if _, _, err := p.House.Room.CreateToken(t.Context(), p.Owner, vault.TokenRequest{Principal: "tom.keller", Name: "wallboard", Scopes: []people.Scope{people.ScopeAPIRead}, Lifetime: 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	begun(t, ctx, p)

	do(t, ctx, "searching", chromedp.Navigate(p.URL+"/people"), sees("People"), chromedp.SendKeys("#name", "GENESYS-0"), chromedp.Click(".find button"), said("1 of 5 begin"))
	if got := text(t, ctx); !strings.Contains(got, "ines.martin") || strings.Contains(got, "tom.keller") {
		t.Errorf("the search shows\n%s", got)
	}
	shots(t, ctx, "people-search-en")
	do(t, ctx, "opening", chromedp.Navigate(p.URL+"/people"), sees("People"))
	shots(t, ctx, "people-en")
	inFrench(t, ctx, func() { shots(t, ctx, "people-fr") })

	// Links are made once, with the passkey.
	do(t, ctx, "inviting many", chromedp.Navigate(p.URL+"/people/invite"), sees("Invite people"))
	shots(t, ctx, "invite-en")
	inFrench(t, ctx, func() { shots(t, ctx, "invite-fr") })
	do(t, ctx, "inviting many", chromedp.SendKeys("#names", "tom.keller\ntim.berg\nnobody.here\ntom.keller\n"), chromedp.Click(`button[data-act=invite]`), said("shown this once"))
	got := text(t, ctx)
	if links := regexp.MustCompile(regexp.QuoteMeta(p.URL)+`/setup#[0-9a-f]{64}`).FindAllString(got, -1); len(links) != 2 || !strings.Contains(got, "nobody.here") {
		t.Errorf("the page shows %d links, want 2:\n%s", len(links), got)
	}
	shots(t, ctx, "invited-en")
	// A name that nobody has stands there again to be corrected, with what to do.
	do(t, ctx, "correcting a name", chromedp.WaitVisible(`//main[contains(., "Compare the spelling with the list of people")]`, chromedp.BySearch),
		chromedp.SetValue("#names", "nobody.either", chromedp.ByQuery), chromedp.Click(`button[data-act=invite]`), chromedp.WaitVisible(`//main//li[contains(., "nobody.either")]`, chromedp.BySearch))
	var again string
	do(t, ctx, "reading the name again", chromedp.Value("#names", &again, chromedp.ByQuery))
	if got := text(t, ctx); strings.TrimSpace(again) != "nobody.either" || !strings.Contains(got, "Nobody here has this name.") || strings.Contains(got, "strongroom people") {
		t.Errorf("a name that nobody has is answered %q with\n%s", again, got)
	}

	// The proof is for the names that were there when it was asked for.
	do(t, ctx, "inviting others than those of the proof", chromedp.Navigate(p.URL+"/people/invite"), sees("Invite people"), chromedp.SendKeys("#names", "tim.berg"),
		chromedp.Evaluate(`(async () => {
			const form = document.querySelector("form[data-field]");
			form.elements.proof.value = JSON.stringify(await fresh("invite", await bound(form)));
			form.elements.names.value = "ana.lopes";
			form.action = "/people/invite";
			form.submit();
		})()`, nil), chromedp.WaitVisible(`//main[contains(., "passkey was not accepted")]`, chromedp.BySearch))
	all, err := p.House.Room.Accounts(t.Context(), p.Owner)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if a.Principal.Name == "ana.lopes" && !a.Invited.IsZero() {
			t.Error("somebody is invited whom the proof does not cover")
		}
	}
	do(t, ctx, "printing", chromedp.ActionFunc(func(ctx context.Context) error {
		b, _, err := page.PrintToPDF().Do(ctx)
		if err == nil && len(b) < 5000 {
			err = fmt.Errorf("the list prints as %d bytes", len(b))
		}
		return err
	}))

	// One is suspended for a reason, let back in, and a key revoked.
	at := p.URL + "/people/" + ines.Principal.ID.String()
	do(t, ctx, "opening a person", chromedp.EmulateViewport(1280, 900), chromedp.Navigate(at), sees("ines.martin"))
	shots(t, ctx, "person-en")
	inFrench(t, ctx, func() { shots(t, ctx, "person-fr") })
	do(t, ctx, "suspending", chromedp.SendKeys("#reason", "Phone lost in the train"), chromedp.Click(`button[data-act=suspend]`), said("They are suspended"))
	if who, _ := p.House.Room.PrincipalByName("ines.martin"); !who.Suspended {
		t.Error("nobody is suspended")
	}
	do(t, ctx, "letting back in", chromedp.SendKeys("#reason", "Phone found"), chromedp.Click(`button[data-act=resume]`), said("let back in"))
	do(t, ctx, "revoking", chromedp.Click(`button[data-act=revoke-key]`), said("It is revoked"))
	if _, err := p.House.Room.Credential(ines.Session); err == nil {
		t.Error("the key still works")
	}
	do(t, ctx, "inviting one", chromedp.Click(`button[data-act=invite]`), said("shown this once"))
	do(t, ctx, "looking at keys", chromedp.Navigate(p.URL+"/people/keys"), sees("Keys and tokens"))
	shots(t, ctx, "keys-en")
	inFrench(t, ctx, func() { shots(t, ctx, "keys-fr") })

	// An id that nobody has becomes somebody's.
	do(t, ctx, "looking at ids", chromedp.Navigate(p.URL+"/people/unmatched"), sees("Unmatched ids"))
	shots(t, ctx, "unmatched-en")
	inFrench(t, ctx, func() { shots(t, ctx, "unmatched-fr") })
	do(t, ctx, "giving an id", chromedp.SendKeys("#to0", "tom.keller"), chromedp.Click(`form[action$="/give"] button`), said("The id is theirs now"))
	if who, _ := p.House.Room.PrincipalByName("tom.keller"); len(who.Aliases) != 1 || who.Aliases[0] != "agent-0" {
		t.Errorf("tom.keller is also known as %v", who.Aliases)
	}

	reasons := 0
	for _, e := range p.records(t, vault.KindPeople) {
		if e.Question != nil && strings.HasPrefix(e.Question.Context.Purpose.Text, "Phone ") {
			reasons++
		}
	}
	confirms := 0
	for _, e := range p.records(t, vault.KindLogon) {
		if e.Did == "passkey-confirm" && e.Outcome == strongroom.Permitted {
			confirms++
		}
	}
	if reasons != 2 || confirms != 6 {
		t.Errorf("%d records bear the reasons and %d the proofs, want 2 and 6", reasons, confirms)
	}
	for _, out := range []*written{p.log, p.asked} {
		if s := out.String(); strings.Contains(s, "martin") || strings.Contains(s, "genesys") || strings.Contains(s, "agent-0") || strings.Contains(s, "Phone") {
			t.Errorf("a log or an address names somebody:\n%s", s)
		}
	}
}

func TestOwnPasskeysPage(t *testing.T) {
	ctx := browser(t)
	p := open(t)
	begun(t, ctx, p)
	do(t, ctx, "opening", chromedp.Navigate(p.URL+"/account"), sees("owner"), chromedp.WaitEnabled("#add-passkey"))
	shots(t, ctx, "account-one-en")
	do(t, ctx, "another authenticator", chromedp.EmulateViewport(1280, 900), chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := webauthn.AddVirtualAuthenticator(&webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportUsb,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		}).Do(ctx)
		return err
	}))
	do(t, ctx, "adding a passkey", chromedp.Click("#add-passkey"), said("one more passkey"))
	owner := p.Owner.Principal.ID
	if keys := p.House.Room.PasskeysOf(owner); len(keys) != 2 {
		t.Fatalf("there are %d passkeys", len(keys))
	}
	do(t, ctx, "renaming", chromedp.Click(`.beside summary`), chromedp.SetValue("#name0", "Key ring"), chromedp.Click(`form[action$="/rename"] button`), said("new name"))
	shots(t, ctx, "account-en")
	inFrench(t, ctx, func() { shots(t, ctx, "account-fr") })
	second := p.House.Room.PasskeysOf(owner)[1]
	do(t, ctx, "removing", chromedp.Click(`form[data-id="`+second.ID+`"] button`), said("was removed"))
	if keys := p.House.Room.PasskeysOf(owner); len(keys) != 1 || keys[0].Name != "Key ring" {
		t.Errorf("left are %+v", keys)
	}
	if page := text(t, ctx); !strings.Contains(page, "so it stays") {
		t.Errorf("the page does not say that the last one stays:\n%s", page)
	}
}

// Without a fresh proof nothing dangerous is done, whoever asks.
func TestDangerousActsNeedProof(t *testing.T) {
	p, h := served(t)
	ines := p.Person(strongroom.Principal{Name: "ines.martin"})
	l := p.logon(t)
	at := "/people/" + ines.Principal.ID.String()
	send := func(path, body string) (*http.Response, string) {
		r := request(http.MethodPost, path, body)
		r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: l.Token})
		return answer(h, r)
	}
	for path, body := range map[string]string{
		at + "/suspend": "reason=x", at + "/resume": "reason=x&proof=%7B%7D", at + "/invite": "x=1", "/people/invite": "names=ines.martin&proof=null",
		"/people/keys/revoke": "key=" + ines.Session, "/account/passkeys/remove": "key=" + p.House.Room.PasskeysOf(p.Owner.Principal.ID)[0].ID,
		"/account/passkeys/begin": `{"proof":{"ceremony":"x","response":{}}}`, "/account/passkeys/finish": `{"ceremony":"x","response":{}}`,
	} {
		if got, body := send(path, body); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s answers %s:\n%s", path, got.Status, body)
		}
	}
	for path, body := range map[string]string{at + "/suspend": "reason=+", "/people/unmatched/give": "agent=x", "/people/" + p.Owner.Principal.ID.String() + "/suspend": "reason=x", "/people/0/suspend": "reason=x"} {
		if got, body := send(path, body); got.StatusCode != http.StatusBadRequest && got.StatusCode != http.StatusNotFound {
			t.Errorf("%s answers %s:\n%s", path, got.Status, body)
		}
	}
	if who, _ := p.House.Room.PrincipalByName("ines.martin"); who.Suspended || !who.ID.IsZero() && len(p.House.Room.PasskeysOf(p.Owner.Principal.ID)) != 1 {
		t.Error("something was done")
	}
	if _, err := p.House.Room.Credential(ines.Session); err != nil {
		t.Errorf("the key was revoked: %v", err)
	}
}

// Who may not manage people sees nobody, on any of the pages.
func TestPeopleAreForThoseWhoManageThem(t *testing.T) {
	p, h := served(t)
	tom := p.Person(strongroom.Principal{Name: "tom.keller", Groups: []string{"agents"}})
	_, token, err := p.House.Room.Invite(t.Context(), p.Owner, "tom.keller")
	if err != nil {
		t.Fatal(err)
	}
	l, err := p.House.Room.SetUp(t.Context(), token, passkey(2), vault.From{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{http.MethodGet, "/people"}, {http.MethodPost, "/people/search"}, {http.MethodGet, "/people/invite"}, {http.MethodGet, "/people/unmatched"}, {http.MethodGet, "/people/keys"},
		{http.MethodGet, "/people/" + p.Owner.Principal.ID.String()}, {http.MethodPost, "/people/" + tom.Principal.ID.String() + "/suspend"}, {http.MethodPost, "/people/unmatched/give"},
	} {
		r := request(c[0], c[1], "name=owner&agent=x&reason=y")
		if c[0] == http.MethodGet {
			r = request(c[0], c[1], "")
		}
		r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: l.Token})
		if got, body := answer(h, r); got.StatusCode != http.StatusForbidden && got.StatusCode != http.StatusNotFound && got.StatusCode != http.StatusBadRequest || strings.Contains(body, "owner") {
			t.Errorf("%s %s answers %s:\n%s", c[0], c[1], got.Status, body)
		}
	}
}

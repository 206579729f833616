package console_test

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"strongroom"
	"strongroom/internal/housetest"
	"strongroom/limit"
	"strongroom/vault"
)

// as answers requests of whoever logs on with a set-up link of their own.
func (p *place) as(t *testing.T, h http.Handler, who string) func(method, path, body string) (*http.Response, string) {
	t.Helper()
	token := p.setupToken()
	if who != "owner" {
		_, token, _ = p.link(t, who)
	}
	n := byte(len(who) + int(who[0]))
	l, err := p.House.Room.SetUp(t.Context(), token, passkey(n), vault.From{Source: "192.0.2.1", Browser: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return func(method, path, body string) (*http.Response, string) {
		r := request(method, path, body)
		r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: l.Token})
		return answer(h, r)
	}
}

func (p *place) link(t *testing.T, who string) (vault.Invitation, string, error) {
	t.Helper()
	i, token, err := p.House.Room.Invite(t.Context(), p.Owner, who)
	if err != nil {
		t.Fatal(err)
	}
	return i, token, err
}

// follows asks a page until it is no longer one that waits.
func follows(t *testing.T, ask func(method, path, body string) (*http.Response, string), got *http.Response) string {
	t.Helper()
	if got.StatusCode != http.StatusSeeOther {
		t.Fatalf("answers %s", got.Status)
	}
	path := got.Header.Get("Location")
	housetest.Eventually(t, path+" is worked out", func() bool {
		r, body := ask(http.MethodGet, path, "")
		if r.StatusCode != http.StatusOK {
			t.Fatalf("%s answers %s: %s", path, r.Status, body)
		}
		return !strings.Contains(body, "data-running")
	})
	return path
}

var seenField = regexp.MustCompile(`name="seen" value="([0-9a-f]{64})"`)

func edited(text, seen string) string {
	return url.Values{"text": {text}, "seen": {seen}}.Encode()
}

func TestPolicies(t *testing.T) {
	p, h := served(t)
	p.Bucket("calls")
	hostile := "<script>alert(1)</script>\u202e.wav"
	p.Put("calls", hostile, []byte("RIFF…"), map[string]string{"strongroom-queue": "billing", "strongroom-kind": "call"})
	ines := p.Person(strongroom.Principal{Name: "ines.martin", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}})
	p.Person(strongroom.Principal{Name: "audra", Groups: []string{"auditors"}})
	p.Person(strongroom.Principal{Name: "tom", Groups: []string{"agents"}})
	ines.Purpose.Text = "complaint"
	for range 3 {
		if _, err := p.Get(ines, "calls", hostile, 0, -1); err != nil {
			t.Fatal(err)
		}
	}
	owner, auditor, agent := p.as(t, h, "owner"), p.as(t, h, "audra"), p.as(t, h, "tom")

	// Who may read policies reads them; who may not is refused, on record.
	got, page := owner(http.MethodGet, "/policies", "")
	if got.StatusCode != http.StatusOK || !strings.Contains(page, "Members of <b translate=\"no\">supervisors</b> may, given a purpose, open any object") || !strings.Contains(page, "/policies/edit") {
		t.Fatalf("the owner is answered %s: %s", got.Status, page)
	}
	if got, page := auditor(http.MethodGet, "/policies", ""); got.StatusCode != http.StatusOK || strings.Contains(page, "/policies/edit") {
		t.Errorf("an auditor is answered %s, and offered the pen: %v", got.Status, strings.Contains(page, "/policies/edit"))
	}
	for _, path := range []string{"/policies", "/policies/edit", "/policies/usage"} {
		if got, page := agent(http.MethodGet, path, ""); got.StatusCode != http.StatusForbidden && !(path == "/policies/usage" && got.StatusCode == http.StatusForbidden) || strings.Contains(page, "cedar") {
			t.Errorf("%s answers an agent %s", path, got.Status)
		}
	}
	if got, _ := agent(http.MethodGet, "/", ""); got.StatusCode == http.StatusOK {
		if _, page := agent(http.MethodGet, "/", ""); strings.Contains(page, `href="/policies"`) {
			t.Error("an agent is shown the way to policies")
		}
	}
	if got, _ := auditor(http.MethodGet, "/policies/edit", ""); got.StatusCode != http.StatusForbidden {
		t.Errorf("the pen is handed to an auditor: %s", got.Status)
	}

	// A text that is none says where, and keeps what was written.
	_, page = owner(http.MethodGet, "/policies/edit", "")
	seen := seenField.FindStringSubmatch(page)
	if seen == nil {
		t.Fatalf("the page to edit has no hash: %s", page)
	}
	broken := string(limit.Default().Text()) + "\n@id(\"x\") permit (principal, action == Action::\"fly\", resource);\n<b>&"
	got, page = owner(http.MethodPost, "/policies/preview", edited(broken, seen[1]))
	if got.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(page, "column") || !strings.Contains(page, "data-line") || !strings.Contains(page, "&lt;b&gt;&amp;") || strings.Contains(page, "<b>&\n") {
		t.Errorf("a broken text is answered %s: %s", got.Status, page)
	}
	for what, body := range map[string]string{
		"no hash": edited("x", ""), "another hash": edited(string(limit.Default().Text()), strings.Repeat("ab", 32)), "no text": edited("", seen[1]), "too long a text": edited(strings.Repeat("x", 5<<20), seen[1]),
		"many faults": edited(strings.Repeat("permit (principal, action, resource);\n", 500), seen[1]),
	} {
		if got, page := owner(http.MethodPost, "/policies/preview", body); got.StatusCode < 400 || got.StatusCode >= 500 || len(page) > 400<<10 {
			t.Errorf("%s is answered %s, %d bytes", what, got.Status, len(page))
		}
	}
	if got, _ := auditor(http.MethodPost, "/policies/preview", edited(string(limit.Default().Text()), seen[1])); got.StatusCode != http.StatusForbidden {
		t.Errorf("an auditor tries a change: %s", got.Status)
	}

	// The preview says what would have been refused, of whom; nobody else has it.
	text := strings.Replace(string(limit.Default().Text()), "when { resource has queue && principal.supervises.contains(resource.queue) };\n\n@id(\"supervisors-cover", "when { resource.scrubbed };\n\n@id(\"supervisors-cover", 1)
	if text == string(limit.Default().Text()) {
		t.Fatal("the default policies have changed: the test's change comes to nothing")
	}
	got, _ = owner(http.MethodPost, "/policies/preview", edited(strings.ReplaceAll(text, "\n", "\r\n"), seen[1]))
	at := follows(t, owner, got)
	_, page = owner(http.MethodGet, at, "")
	for _, want := range []string{"ines.martin", "asked for more", "&lt;script&gt;", "tightened", "supervisors-replay-their-queues", "queue billing", `data-act="put-policy"`, "<ins>", "<del>"} {
		if want == "tightened" {
			want = "permits more in one place"
		}
		if !strings.Contains(page, want) {
			t.Errorf("the preview does not say %q:\n%s", want, page)
		}
	}
	if strings.Contains(page, "<script>alert") {
		t.Error("an object's name runs in the page")
	}
	for name, other := range map[string]func(string, string, string) (*http.Response, string){"an auditor": auditor, "an agent": agent} {
		if got, page := other(http.MethodGet, at, ""); got.StatusCode != http.StatusBadRequest || strings.Contains(page, "ines.martin") {
			t.Errorf("%s is answered somebody else's preview: %s", name, got.Status)
		}
	}
	for _, id := range []string{"x", strongroom.NewID().String()} {
		if got, _ := owner(http.MethodGet, "/policies/preview/"+id, ""); got.StatusCode != http.StatusBadRequest {
			t.Errorf("a preview that is not there answers %s", got.Status)
		}
	}

	// Without a proof nothing is saved, and the change is not in the address.
	if got, _ := owner(http.MethodPost, at+"/save", "proof="); got.StatusCode != http.StatusForbidden {
		t.Errorf("saving without a proof answers %s", got.Status)
	}
	if got, _ := owner(http.MethodPost, at+"/save", url.Values{"proof": {`{"ceremony":"x","response":{}}`}}.Encode()); got.StatusCode != http.StatusForbidden {
		t.Errorf("saving with a wrong proof answers %s", got.Status)
	}
	if base, _, err := p.House.Room.ReadPolicy(t.Context(), p.Owner); err != nil || string(base) != string(limit.Default().Text()) {
		t.Errorf("the policies have changed: %v", err)
	}

	// Once they changed, the preview says so and offers no saving.
	if _, err := p.House.Room.PutPolicy(t.Context(), p.Owner, append(limit.Default().Text(), "\n@id(\"interns\") forbid (principal in Group::\"interns\", action, resource);\n"...)); err != nil {
		t.Fatal(err)
	}
	if _, page = owner(http.MethodGet, at, ""); !strings.Contains(page, "have changed since") || strings.Contains(page, "put-policy") {
		t.Errorf("a preview of what is no more offers to be saved:\n%s", page)
	}

	// What is granted against what was used, with proposals that lead to a preview.
	housetest.Eventually(t, "usage is worked out", func() bool {
		got, page = owner(http.MethodGet, "/policies/usage", "")
		return !strings.Contains(page, "data-running")
	})
	if got.StatusCode != http.StatusOK || !strings.Contains(page, "ines.martin") || !strings.Contains(page, "less than 30 days") {
		t.Errorf("usage answers %s:\n%s", got.Status, page)
	}
	if got, _ := auditor(http.MethodGet, "/policies/usage", ""); got.StatusCode != http.StatusForbidden {
		t.Errorf("usage answers an auditor %s", got.Status)
	}
	if s := p.log.String() + p.asked.String(); strings.Contains(s, "ines.martin") || strings.Contains(s, "alert(1)") {
		t.Error("a log or an address names somebody or something")
	}
}

// What a task came to is shown no longer than it could be asked for.
func TestTasksEndWithTheRight(t *testing.T) {
	p, h := served(t)
	who := p.Person(strongroom.Principal{Name: "audra", Groups: []string{"auditors"}}).Principal
	ask := p.as(t, h, "audra")
	got, _ := ask(http.MethodPost, "/ledger/check", "")
	at := got.Header.Get("Location")
	if got, page := ask(http.MethodGet, at, ""); got.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %s: %s", at, got.Status, page)
	}
	who.Groups = []string{"agents"}
	if _, err := p.House.Room.PutPrincipal(t.Context(), p.Owner, who); err != nil {
		t.Fatal(err)
	}
	before := len(p.records(t, vault.KindRefusal))
	if got, _ := ask(http.MethodGet, at, ""); got.StatusCode != http.StatusForbidden {
		t.Errorf("without the right it answers %s", got.Status)
	}
	if all := p.records(t, vault.KindRefusal); len(all) != before+1 || all[before].Question == nil || all[before].Question.Action != strongroom.ActionReadLedger || all[before].Question.Principal.Name != "audra" {
		t.Errorf("the refusal is on record as %+v", all[before:])
	}
}

// In a browser: sentences, a fault, a preview, and saving with the passkey.
func TestPoliciesInBrowser(t *testing.T) {
	ctx := browser(t)
	p := open(t)
	p.Bucket("calls")
	ines := p.Person(strongroom.Principal{Name: "ines.martin", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}})
	p.Person(strongroom.Principal{Name: "tom.keller", Groups: []string{"quality", "agents"}})
	for _, key := range []string{"2026/11/20/billing-4711.wav", "2026/11/20/billing-4712.wav", "2026/11/21/billing-4713.wav"} {
		p.Put("calls", key, []byte("RIFF…"), map[string]string{"strongroom-queue": "billing", "strongroom-kind": "call"})
		ines.Purpose = strongroom.Purpose{Text: "Customer says she was promised a refund"}
		if _, err := p.Get(ines, "calls", key, 0, -1); err != nil {
			t.Fatal(err)
		}
	}
	p.Put("calls", "2026/11/21/support-9.wav", []byte("RIFF…"), map[string]string{"strongroom-queue": "support", "strongroom-kind": "call"})
	_, _ = p.Get(ines, "calls", "2026/11/21/support-9.wav", 0, -1)

	do(t, ctx, "setting up", chromedp.Navigate(p.URL+"/setup#"+p.setupToken()), chromedp.WaitEnabled("#setup"), chromedp.Click("#setup"), chromedp.WaitVisible(".tabs"))
	look := func(name string) {
		t.Helper()
		shots(t, ctx, name+"-en")
		axe(t, ctx, name)
		inFrench(t, ctx, func() { shots(t, ctx, name+"-fr") })
	}
	do(t, ctx, "opening the policies", chromedp.Navigate(p.URL+"/policies"), sees("Policies"))
	look("policies")
	do(t, ctx, "opening the pen", chromedp.Click(`a[href="/policies/edit"]`), sees("Change policies"))
	look("policies-edit")

	write := func(change string) chromedp.Action {
		return chromedp.Evaluate(`{ const pen = document.getElementById("text"); `+change+` }`, nil)
	}
	do(t, ctx, "writing what is no policy", write(`pen.value += "\n@id(\"x\")\npermit (principal, action == Action::\"fly\", resource);\n"`), chromedp.Click(`form[action="/policies/preview"] button.main`), chromedp.WaitVisible("#faults"))
	shots(t, ctx, "policies-faults-en")
	axe(t, ctx, "policies-faults")
	var selected string
	do(t, ctx, "going to the fault", chromedp.EmulateViewport(1280, 900), chromedp.Click(`button[data-line]`), chromedp.Evaluate(`document.getElementById("text").value.slice(document.getElementById("text").selectionStart, document.getElementById("text").selectionEnd)`, &selected))
	if !strings.Contains(selected, `@id("x")`) && !strings.Contains(selected, "fly") {
		t.Errorf("the fault's line selects %q", selected)
	}

	do(t, ctx, "changing a policy", chromedp.Navigate(p.URL+"/policies/edit"), sees("Change policies"),
		write(`pen.value = pen.value.replace('@requires("purpose")\npermit (\n  principal in Group::"supervisors",\n  action == Action::"readObject"', '@requires("purpose,ticket")\npermit (\n  principal in Group::"supervisors",\n  action == Action::"readObject"')`),
		chromedp.Click(`form[action="/policies/preview"] button.main`), sees("What the change would have done"))
	page := text(t, ctx)
	for _, want := range []string{"ines.martin", "asked for more", "a ticket", "3", "queue billing", "given a purpose and a ticket"} {
		if !strings.Contains(page, want) {
			t.Errorf("the preview does not show %q:\n%s", want, page)
		}
	}
	do(t, ctx, "unfolding", chromedp.Evaluate(`document.querySelectorAll("td details").forEach(d => d.open = true)`, nil))
	shots(t, ctx, "policies-preview-en")
	axe(t, ctx, "policies-preview")
	inFrench(t, ctx, func() { shots(t, ctx, "policies-preview-fr") })
	do(t, ctx, "saving", chromedp.Click(`button[data-act="put-policy"]`), chromedp.WaitVisible(`//p[@role="status" and contains(., "in force")]`, chromedp.BySearch))
	if base, _, err := p.House.Room.ReadPolicy(context.Background(), p.Owner); err != nil || !strings.Contains(string(base), `@requires("purpose,ticket")`) || strings.Contains(string(base), "\r") {
		t.Errorf("what was saved is not in force: %v", err)
	}
	if _, err := p.Get(ines, "calls", "2026/11/20/billing-4711.wav", 0, -1); err == nil {
		t.Error("without a ticket the call opens still")
	}

	do(t, ctx, "granted against used", chromedp.Navigate(p.URL+"/policies/usage"), sees("Granted against used"), chromedp.WaitVisible("#people"))
	look("policies-usage")
	do(t, ctx, "a proposal", chromedp.EmulateViewport(1280, 900), chromedp.Click(`button[name=proposal]`), sees("What the change would have done"))
	if page := text(t, ctx); !strings.Contains(page, "removed") && !strings.Contains(page, "changed") {
		t.Errorf("a proposal's preview is\n%s", page)
	}
	var confirmed int
	for _, e := range p.records(t, vault.KindLogon) {
		if e.Did == "passkey-confirm" && strings.Contains(e.Detail, "put-policy") {
			confirmed++
		}
	}
	if confirmed != 1 {
		t.Errorf("%d confirmations are on record, want 1", confirmed)
	}
}

// What is mistyped is said in the reader's language; the parser's own words stand apart, as
// a quotation.
func TestMistypedPolicyInFrench(t *testing.T) {
	p, h := served(t)
	token := p.logon(t).Token
	ask := func(method, path, body string) string {
		r := request(method, path, body)
		r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: token})
		r.AddCookie(&http.Cookie{Name: "strongroom-language", Value: "fr"})
		_, page := answer(h, r)
		return page
	}
	seen := seenField.FindStringSubmatch(ask(http.MethodGet, "/policies/edit", ""))
	if seen == nil {
		t.Fatal("the page to edit has no hash")
	}
	page := html.UnescapeString(ask(http.MethodPost, "/policies/preview", edited("@id(\"x\")\npermt (principal, action, resource);", seen[1])))
	said, apart, _ := strings.Cut(page, "<q ")
	if !strings.Contains(said, "«\u00a0permt\u00a0» ne commence pas une politique") || !strings.Contains(said, "Ligne 2, colonne 1") || strings.Contains(said, "unexpected effect") || !strings.Contains(apart, "unexpected effect: permt") {
		t.Errorf("a mistyped word is answered with %s", page)
	}
}

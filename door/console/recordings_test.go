package console_test

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/internal/synth"
	"strongroom/vault"
)

// library is a room with some calls, screens and chats of a contact centre, and ines, who
// supervises one of its queues and may see what the others are about.
func library(t *testing.T) (p *place, ines vault.Caller, own, other strongroom.Object) {
	t.Helper()
	p = open(t)
	p.Bucket("recordings")
	base, err := p.House.Room.PolicyBase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.House.Room.PutPolicy(t.Context(), p.Owner, append(slices.Clone(base), []byte("\n@id(\"supervisors-find-everything\") permit (principal in Group::\"supervisors\", action == Action::\"readMetadata\", resource is Object);\n")...)); err != nil {
		t.Fatal(err)
	}
	var stored []strongroom.Object
	for f := range synth.New(7, 14).Files() {
		o, err := p.House.Room.Put(t.Context(), p.Owner, vault.PutRequest{
			Bucket: "recordings", Key: f.Key, Size: int64(len(f.Body)), Declared: vault.Declared{Meta: f.Meta, Headers: map[string]string{"Content-Type": f.ContentType}},
		}, strings.NewReader(string(f.Body)))
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, o)
	}
	calls := slices.DeleteFunc(stored, func(o strongroom.Object) bool { return o.Attribute("kind") != synth.KindCall })
	own = calls[0]
	other = calls[slices.IndexFunc(calls, func(o strongroom.Object) bool { return o.Attribute("queue") != own.Attribute("queue") })]
	ines = p.Person(strongroom.Principal{Name: "ines.martin", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {own.Attribute("queue")}}})
	return p, ines, own, other
}

// A supervisor finds a call, sees what it is and what was done to it, and asks for what she
// may not open.
func TestFindingRecordings(t *testing.T) {
	ctx := browser(t)
	p, ines, own, other := library(t)
	_, link, err := p.House.Room.Invite(t.Context(), p.Owner, "ines.martin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(ctx context.Context) string {
		var here string
		do(t, ctx, "reading the address", chromedp.Location(&here))
		return here
	}
	do(t, ctx, "setting up", chromedp.Navigate(p.URL+"/setup#"+link), chromedp.WaitEnabled("#setup"), chromedp.Click("#setup"), sees("Nothing waits for you"))
	do(t, ctx, "going to the recordings", chromedp.Click(`nav a[href="/recordings"]`), sees("Recordings"), chromedp.WaitVisible("table.hits"))
	axe(t, ctx, "recordings")
	shots(t, ctx, "recordings-en")
	inFrench(t, ctx, func() { shots(t, ctx, "recordings-fr") })

	// What she looks for stands in the form and on record, and in no address.
	do(t, ctx, "searching", chromedp.EmulateViewport(1280, 900), chromedp.SetValue("#customer", own.Attribute("customer")), chromedp.SetValue("#sort", "audio"), chromedp.Click(".filters button.main"), chromedp.WaitVisible(`//h2[contains(., "Found")]`, chromedp.BySearch))
	here, page := at(ctx), text(t, ctx)
	if !strings.Contains(here, "/searches/") || strings.Contains(here, own.Attribute("customer")) || strings.Contains(here, "?") || !strings.Contains(page, own.Attribute("customer")) {
		t.Errorf("at %s she sees:\n%s", here, page)
	}
	var kept string
	do(t, ctx, "reading the form", chromedp.Value("#customer", &kept), chromedp.Click(`a[href="/recordings/`+own.Version.String()+`"]`), sees("Call of"))
	if kept != own.Attribute("customer") {
		t.Errorf("the form forgot what was said: %q", kept)
	}
	page = text(t, ctx)
	for _, want := range []string{own.Attribute("agent"), own.Attribute("queue"), "Why do you need it?", "Confidential", "declared as call", "Details read", "What you did yourself"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %q:\n%s", want, page)
		}
	}
	if strings.Contains(page, "Stored\n") && strings.Contains(page, "owner") {
		t.Errorf("she sees what others did:\n%s", page)
	}
	const records = `document.querySelectorAll("table.done a[href^='/ledger/records/']").length`
	var led int
	do(t, ctx, "counting ways to the ledger", chromedp.Evaluate(records, &led))
	if led != 0 {
		t.Errorf("%d records lead to a ledger that she may not read", led)
	}
	axe(t, ctx, "recording")
	shots(t, ctx, "recording-en")
	inFrench(t, ctx, func() { shots(t, ctx, "recording-fr") })
	do(t, ctx, "going back", chromedp.EmulateViewport(1280, 900), chromedp.Navigate(here), chromedp.WaitVisible(`//h2[contains(., "Found")]`, chromedp.BySearch))

	// What she may not open says so in one sentence, and lets her ask at once.
	do(t, ctx, "opening another queue's", chromedp.Navigate(p.URL+"/recordings/"+other.Version.String()), sees("Call of"))
	if page = text(t, ctx); !strings.Contains(page, "the approval of another person") {
		t.Errorf("the refusal says:\n%s", page)
	}
	shots(t, ctx, "recording-refused-en")
	inFrench(t, ctx, func() { shots(t, ctx, "recording-refused-fr") })
	do(t, ctx, "asking", chromedp.EmulateViewport(1280, 900), chromedp.SendKeys("#ask-purpose", "Covering for Paul, the customer complained"), chromedp.Click(`form[action$="/request"] button`), sees("ines.martin asks to open"))
	if page = text(t, ctx); !strings.Contains(page, "Your request was sent") || !strings.Contains(page, "Covering for Paul") {
		t.Errorf("the request shows:\n%s", page)
	}

	// Several at once: one box picks all, and what is picked is counted.
	var all, none, three string
	var boxes int
	do(t, ctx, "selecting several", chromedp.Navigate(p.URL+"/recordings"), chromedp.WaitVisible("table.hits"), chromedp.Evaluate(`document.querySelectorAll(".pick input").length`, &boxes),
		chromedp.Click("#pick-all"), chromedp.Text("#picked", &all), chromedp.Click("#pick-all"), chromedp.Evaluate(`document.getElementById("picked").textContent`, &none),
		chromedp.Evaluate(`[...document.querySelectorAll(".pick input")].slice(0, 3).forEach(x => x.click())`, nil), chromedp.Text("#picked", &three))
	if all != fmt.Sprint(boxes, " selected") || none != "" || three != "3 selected" || boxes < 4 {
		t.Errorf("of %d boxes the page counts %q, %q and %q", boxes, all, none, three)
	}
	do(t, ctx, "saying why", chromedp.Click(".askmany summary"), chromedp.SendKeys("#ask-purpose", "Quality round of March"))
	axe(t, ctx, "recordings, selected")
	shots(t, ctx, "recordings-ask-en")
	do(t, ctx, "asking for them", chromedp.EmulateViewport(1280, 900), chromedp.Click(".askmany button.main"), sees("ines.martin asks to open 3 recordings"))
	var asked []vault.Request
	if asked, err = p.House.Room.Requests(t.Context(), ines, vault.RequestsMine, false); err != nil || len(asked) != 2 || len(asked[1].Objects) != 3 {
		t.Fatalf("she asked for %+v, %v", asked, err)
	}

	// Once somebody agreed, the page lets her open it.
	if _, err := p.House.Room.Approve(t.Context(), p.Owner, asked[0].ID, "", 0); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, "looking again", chromedp.Navigate(p.URL+"/recordings/"+other.Version.String()), chromedp.WaitVisible(`form[action$="/open"] #purpose`))
	if got, err := p.Get(ines, "recordings", other.Key, 0, -1); err != nil || int64(len(got)) != other.Size {
		t.Fatal(len(got), err)
	}
	housetest.Eventually(t, "the delivery is on record", func() bool { return len(p.records(t, vault.KindDelivery)) > 0 })
	// Nothing is found: the page says what to do.
	do(t, ctx, "looking for what is not there", chromedp.Navigate(p.URL+"/recordings"), chromedp.SendKeys("#text", "there is none of this"), chromedp.Click(".filters button.main"), chromedp.WaitVisible(".empty"))
	shots(t, ctx, "recordings-none-en")
	do(t, ctx, "logging off", chromedp.EmulateViewport(1280, 900), chromedp.Click(`form[action="/logoff"] button`), sees("Log on"))

	// Who may read usage sees what everybody did.
	do(t, ctx, "the owner sets up", chromedp.Navigate(p.URL+"/setup#"+p.setupToken()), chromedp.WaitEnabled("#setup"), chromedp.Click("#setup"), sees("Today"),
		chromedp.Navigate(p.URL+"/recordings/"+other.Version.String()), sees("Call of"))
	page = text(t, ctx)
	for _, want := range []string{"Stored", "Opened", "Delivered", "all of it", "Access asked for", "Request answered", "Covering for Paul", "ines.martin"} {
		if !strings.Contains(page, want) {
			t.Errorf("the owner's page does not show %q:\n%s", want, page)
		}
	}
	if do(t, ctx, "counting ways to the ledger", chromedp.Evaluate(records, &led)); led < 5 {
		t.Errorf("%d records of the owner's page lead to the ledger", led)
	}
	axe(t, ctx, "recording, with everybody's history")
	shots(t, ctx, "recording-owner-en")
	inFrench(t, ctx, func() { shots(t, ctx, "recording-owner-fr") })
	for _, out := range []*written{p.log, p.asked} {
		if s := out.String(); strings.Contains(s, own.Attribute("customer")) || strings.Contains(s, "Covering") || strings.Contains(s, own.Key) {
			t.Errorf("a log, an address or a referrer holds something of content:\n%s", s)
		}
	}
}

// Whatever a form says, the answer is a page, and what cannot be is refused.
func TestSearchForms(t *testing.T) {
	p, h := served(t)
	p.Bucket("calls")
	o := p.Put("calls", "k.wav", []byte("RIFF"), map[string]string{"strongroom-kind": "call", "strongroom-customer": "C-1"})
	l := p.logon(t)
	ask := func(method, path, body string) (*http.Response, string) {
		r := request(method, path, body)
		r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: l.Token})
		return answer(h, r)
	}
	for _, c := range []struct {
		form url.Values
		code int
		says string
	}{
		{url.Values{"customer": {"c-1"}}, http.StatusSeeOther, ""},
		{url.Values{"from": {"2026-08-03"}, "to": {"2026-08-03"}, "shortest": {"0,5"}, "longest": {"2.5"}}, http.StatusSeeOther, ""},
		{url.Values{"from": {"3 August"}}, http.StatusBadRequest, "A day looks like"},
		{url.Values{"from": {"2026-08-03"}, "to": {"2026-08-02"}}, http.StatusBadRequest, "before the first"},
		{url.Values{"shortest": {"long"}}, http.StatusBadRequest, "number of minutes"},
		{url.Values{"shortest": {"NaN"}}, http.StatusBadRequest, "number of minutes"},
		{url.Values{"longest": {"1e9"}}, http.StatusBadRequest, "number of minutes"},
		{url.Values{"shortest": {"5"}, "longest": {"2"}}, http.StatusBadRequest, "below the least"},
	} {
		got, body := ask(http.MethodPost, "/recordings", c.form.Encode())
		if got.StatusCode != c.code || !strings.Contains(body, c.says) {
			t.Errorf("%v answers %s:\n%s", c.form, got.Status, body)
		}
		if to := got.Header.Get("Location"); c.code == http.StatusSeeOther {
			if page, body := ask(http.MethodGet, to, ""); page.StatusCode != http.StatusOK || !strings.Contains(to, "/searches/") {
				t.Errorf("%s answers %s:\n%s", to, page.Status, body)
			}
		} else if value := c.form.Get("shortest"); !strings.Contains(body, `value="`+value+`"`) {
			t.Errorf("the form forgot %q:\n%s", value, body)
		}
	}
	for _, c := range []struct {
		method, path string
		form         url.Values
		code         int
	}{
		{http.MethodGet, "/recordings/" + o.Version.String(), nil, http.StatusOK},
		{http.MethodGet, "/recordings/" + o.Version.String() + "?before=1", nil, http.StatusOK},
		{http.MethodGet, "/recordings/" + o.Version.String() + "?before=x", nil, http.StatusNotFound},
		{http.MethodGet, "/recordings/" + strongroom.NewID().String(), nil, http.StatusNotFound},
		{http.MethodGet, "/recordings/elsewhere", nil, http.StatusNotFound},
		{http.MethodGet, "/searches/" + strongroom.NewID().String(), nil, http.StatusSeeOther},
		{http.MethodPost, "/recordings", url.Values{"sort": {"tape"}}, http.StatusSeeOther},
		{http.MethodPost, "/searches/all/older", url.Values{"after": {"nowhere"}}, http.StatusSeeOther},
		{http.MethodPost, "/recordings/ask", url.Values{"purpose": {"p"}}, http.StatusBadRequest},
		{http.MethodPost, "/recordings/ask", url.Values{"purpose": {"p"}, "id": {"x"}}, http.StatusBadRequest},
		{http.MethodPost, "/recordings/ask", url.Values{"purpose": {"p"}, "id": {strongroom.NewID().String()}}, http.StatusConflict},
		{http.MethodPost, "/recordings/ask", url.Values{"id": {o.Version.String()}}, http.StatusBadRequest},
		{http.MethodPost, "/recordings/ask", url.Values{"purpose": {"p"}, "until": {"tomorrow"}, "id": {o.Version.String()}}, http.StatusBadRequest},
		{http.MethodPost, "/recordings/" + o.Version.String() + "/request", url.Values{"purpose": {"p"}, "action": {"storeObject"}}, http.StatusBadRequest},
		{http.MethodPost, "/recordings/" + o.Version.String() + "/request", url.Values{"purpose": {"p"}}, http.StatusBadRequest}, // nothing to approve
		{http.MethodPost, "/recordings/" + strongroom.NewID().String() + "/request", url.Values{"purpose": {"p"}}, http.StatusNotFound},
	} {
		if got, body := ask(c.method, c.path, c.form.Encode()); got.StatusCode != c.code {
			t.Errorf("%s %s with %v answers %s:\n%s", c.method, c.path, c.form, got.Status, body)
		}
	}
	// A search is its session's alone.
	got, _ := ask(http.MethodPost, "/recordings", "customer=c-1")
	path := got.Header.Get("Location")
	if got, _ := ask(http.MethodPost, "/logoff", ""); got.StatusCode != http.StatusSeeOther {
		t.Fatal(got.Status)
	}
	if got, _ := ask(http.MethodGet, path, ""); got.StatusCode != http.StatusSeeOther || !strings.HasPrefix(got.Header.Get("Location"), "/logon") {
		t.Errorf("after the session a search answers %s", got.Status)
	}
}

// Of recordings in several buckets, what cannot be asked for leaves the rest, and the page
// says which is which.
func TestAskingForManyGoesOn(t *testing.T) {
	p, h := served(t)
	var ids []string
	for bucket, queue := range map[string]string{"calls": "billing", "archive": "support", "other": "support"} {
		p.Bucket(bucket)
		ids = append(ids, p.Put(bucket, "k.wav", []byte("RIFF"), map[string]string{"strongroom-kind": "call", "strongroom-queue": queue}).Version.String())
	}
	l := p.invited(t, strongroom.Principal{Name: "ines.martin", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}}, 2)
	got, body := asked(h, l, http.MethodPost, "/recordings/ask", url.Values{"purpose": {"complaint 12"}, "id": ids})
	requests, err := p.House.Room.Requests(t.Context(), p.Owner, vault.RequestsWaiting, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range requests {
		if r.Bucket == "calls" || !strings.Contains(body, `href="/requests/`+r.ID.String()+`"`) {
			t.Errorf("the page does not lead to the request for %s:\n%s", r.Bucket, body)
		}
	}
	unmade, _, _ := strings.Cut(body, `id="made"`)
	if got.StatusCode != http.StatusOK || len(requests) != 2 || !strings.Contains(unmade, "Bucket calls") || strings.Contains(unmade, "archive") || strings.Contains(unmade, "other") {
		t.Errorf("%d requests are made, and it answers %s:\n%s", len(requests), got.Status, body)
	}
	if _, page := asked(h, l, http.MethodPost, "/recordings/ask", url.Values{"purpose": {"complaint 12"}, "id": ids}, "Accept-Language", "fr"); !strings.Contains(page, "Non demandés") {
		t.Errorf("in French:\n%s", page)
	}
}

// Who answers for many recordings at once sees what they are, taken together and one by one,
// and what the asker asked for before. Who may know the names alone sees these.
func TestManyStayLegible(t *testing.T) {
	p, h := served(t)
	p.Bucket("calls")
	var names []vault.ObjectName
	for i := range 50 {
		o := p.Put("calls", fmt.Sprintf("d2f1/hour=%02d/0a6b.wav", i), []byte("RIFF"), map[string]string{
			"strongroom-kind": "call", "strongroom-queue": []string{"billing", "support"}[i%2], "strongroom-agent": "tom.keller", "strongroom-customer": fmt.Sprint("C-", i%7), "strongroom-duration": "75",
			"strongroom-started": "2026-03-04T10:00:00Z",
		})
		names = append(names, vault.ObjectName{Key: o.Key})
	}
	caller := p.Person(strongroom.Principal{Name: "ines.martin", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"claims"}}})
	ines, owner := p.logonAs(t, "ines.martin"), p.logon(t)
	ask := func(purpose string, of []vault.ObjectName) string {
		t.Helper()
		q, err := p.House.Room.RequestAccess(t.Context(), caller, vault.AccessRequest{Bucket: "calls", Objects: of, Purpose: strongroom.Purpose{Text: purpose}})
		if err != nil {
			t.Fatal(err)
		}
		return "/requests/" + q.ID.String()
	}
	ask("an earlier complaint", names[:1])
	at := ask("fifty at once", names)
	_, page := asked(h, owner, http.MethodGet, at, nil)
	said := shownPlain(page)
	for _, want := range []string{"asks to open 50 recordings", "Call (50)", "billing (25), support (25)", "tom.keller (50)", "Customers7", "Call, 4 Mar 2026, 10:001:15 · billing · tom.keller · C-0", "Show the other 45", "Asked by ines.martin before", "an earlier complaint"} {
		if !strings.Contains(said, want) {
			t.Errorf("the page does not say %q:\n%s", want, said)
		}
	}
	if strings.Contains(said, "hour=01") || strings.Count(page, "/recordings/") < 50 {
		t.Errorf("the page names keys, or leads to too few of them:\n%s", page)
	}
	if _, page = asked(h, ines, http.MethodGet, at, nil); !strings.Contains(page, "hour=01") || strings.Contains(page, "tom.keller") || !strings.Contains(page, "Of 50 you may see the names only") {
		t.Errorf("she is told what she may not know, or not what she may:\n%s", page)
	}
}

// A request that nobody approved in time says so, with the time, and offers nothing more.
func TestExpiredRequest(t *testing.T) {
	p, _ := served(t)
	h := p.consoleAt(t, origin, p.quiet(), func() time.Time { return time.Now().Add(25 * time.Hour) })
	p.Bucket("calls")
	p.Put("calls", "a.wav", []byte("RIFF"), map[string]string{"strongroom-queue": "billing"})
	caller := p.Person(strongroom.Principal{Name: "ines.martin", Groups: []string{"supervisors"}})
	q, err := p.House.Room.RequestAccess(t.Context(), caller, vault.AccessRequest{Bucket: "calls", Objects: []vault.ObjectName{{Key: "a.wav"}}, Purpose: strongroom.Purpose{Text: "a complaint"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]vault.Logon{"the owner": p.logon(t), "the asker": p.logonAs(t, "ines.martin")} {
		for lang, want := range map[string][]string{
			"en": {"expired", "It was not approved in time.", "Answer by"}, "fr": {"expirée", "Aucun accord n’a été donné à temps.", "Répondre avant"},
		} {
			_, page := asked(h, l, http.MethodGet, "/requests/"+q.ID.String(), nil, "Accept-Language", lang)
			said := shownPlain(page)
			for _, one := range want {
				if !strings.Contains(said, one) {
					t.Errorf("%s is not told %q:\n%s", name, one, said)
				}
			}
			if strings.Contains(page, "/approve") || strings.Contains(page, "/withdraw") {
				t.Errorf("%s is offered an answer:\n%s", name, page)
			}
		}
	}
}

// shownPlain is what a page says, in one line.
func shownPlain(page string) string {
	text := html.UnescapeString(tags.ReplaceAllString(unseen.ReplaceAllString(page, " "), ""))
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "\u00a0", " ")
}

// A form that is longer than a page takes is not read in part, nor taken for an empty one.
func TestTooLongAForm(t *testing.T) {
	p, h := served(t)
	l := p.logon(t)
	before := len(p.records(t, "search"))
	for lang, want := range map[string]string{"en": "at most 262\u00a0kB", "fr": "au plus 262\u00a0ko"} {
		got, page := asked(h, l, http.MethodPost, "/recordings", url.Values{"text": {strings.Repeat("x", 300<<10)}}, "Cookie", "__Host-strongroom="+l.Token+"; strongroom-language="+lang)
		if got.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(page, want) {
			t.Errorf("in %s it is answered %s: %s", lang, got.Status, shown(page))
		}
	}
	if after := len(p.records(t, "search")); after != before {
		t.Errorf("%d searches are on record after it, %d before", after, before)
	}
}

// What the classifier read, and set, stands in the history with its name and in words.
func TestHistoryNamesMachines(t *testing.T) {
	p, h := served(t)
	p.Bucket("papers")
	o := p.Put("papers", "note.txt", []byte(strings.Repeat("I write about the refund that I was promised.\n", 400)+"Please charge my card 4111 1111 1111 1111, expires 07/30."), map[string]string{"strongroom-kind": "document"})
	run := &house.ClassifyRun{ID: strongroom.NewID(), Asked: time.Now().UTC(), Bucket: "papers"}
	if err := p.House.Classify(t.Context(), run); err != nil || run.Tightened != 1 {
		t.Fatalf("%d labels became stricter, %v", run.Tightened, err)
	}
	machine := vault.Caller{Principal: vault.Classifier, Method: "local", Secure: true, RequestID: "1", Purpose: strongroom.Purpose{Text: vault.PurposeClassification}}
	if _, err := p.Get(machine, "papers", "note.txt", 0, -1); err != nil {
		t.Fatal(err)
	}
	l := p.logon(t)
	var page string
	housetest.Eventually(t, "what was delivered is on record", func() bool {
		_, page = asked(h, l, http.MethodGet, "/recordings/"+o.Version.String(), nil)
		return strings.Contains(page, "act-deliver")
	})
	history := page[strings.Index(page, `<table class="done">`):]
	if took := regexp.MustCompile(`(?s)act-deliver.*?class="who"[^>]*>([^<]*)<`).FindStringSubmatch(history); took == nil || took[1] != vault.Classifier.Name {
		t.Errorf("%q took what was delivered:\n%s", took, shown(page))
	}
	if !strings.Contains(history, "Confidential (card number") || !strings.Contains(history, "before that: ") {
		t.Errorf("the history does not say what the label became:\n%s", shown(page))
	}
}

package console_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"strongroom"
	"strongroom/internal/housetest"
	"strongroom/ledger"
	"strongroom/vault"
)

// The list names who acted in every record that somebody's act made, a delivery's too.
func TestLedgerNamesWhoActed(t *testing.T) {
	p, h := served(t)
	p.Bucket("calls")
	p.Put("calls", "one.wav", []byte("RIFF…"), nil)
	if _, err := p.Get(p.Owner, "calls", "one.wav", 0, -1); err != nil {
		t.Fatal(err)
	}
	housetest.Eventually(t, "the delivery is on record", func() bool { return len(p.records(t, vault.KindDelivery)) > 0 })
	p.Person(strongroom.Principal{Name: "audra", Groups: []string{"auditors"}})
	auditor := p.as(t, h, "audra")
	caller := p.Owner
	if _, err := p.House.Room.Search(t.Context(), caller, vault.SearchRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.House.Room.Requests(t.Context(), caller, vault.RequestsMine, false); err != nil {
		t.Fatal(err)
	}
	p.House.Room.FailConfirm(t.Context(), caller, "approve", "it was abandoned")
	q, err := p.House.Room.RequestAccess(t.Context(), p.Person(strongroom.Principal{Name: "ines", Groups: []string{"supervisors"}}),
		vault.AccessRequest{Bucket: "calls", Objects: []vault.ObjectName{{Key: "one.wav"}}, Purpose: strongroom.Purpose{Text: "cover"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.House.Room.Request(t.Context(), caller, q.ID); err != nil {
		t.Fatal(err)
	}
	wanted := map[string]bool{"search": true, "request-list": true, "request-read": true, "passkey-confirm": true, "delivery": true}
	var reader vault.EventReader
	for r, err := range p.Book.Records(t.Context(), 0, p.Book.Head().Size) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := reader.Event(r)
		if err != nil {
			t.Fatal(err)
		}
		if !wanted[e.Did] {
			continue
		}
		delete(wanted, e.Did)
		_, page := auditor(http.MethodGet, fmt.Sprintf("/ledger/records/%d", e.Index), "")
		if !strings.Contains(page, "<dd>owner</dd>") {
			t.Errorf("the record of a %s does not name who did it:\n%s", e.Did, page)
		}
		_, page = auditor(http.MethodGet, fmt.Sprintf("/ledger?from=%d", e.Index), "")
		rows := regexp.MustCompile(`(?s)<tr><td[^>]*><a href="/ledger/records/` + fmt.Sprint(e.Index) + `">.*?</tr>`).FindString(page)
		if !strings.Contains(rows, ">owner</td>") {
			t.Errorf("the list does not name who did %s: %s", e.Did, rows)
		}
	}
	if len(wanted) > 0 {
		t.Errorf("no records of %v", wanted)
	}
}

func TestLedger(t *testing.T) {
	p, h := served(t)
	p.Bucket("calls")
	hostile := "<script>alert(1)</script>\u202e.wav"
	p.Put("calls", hostile, []byte("RIFF…"), nil)
	p.Put("calls", "other.wav", []byte("RIFF…"), nil)
	if _, err := p.Get(p.Owner, "calls", hostile, 0, -1); err != nil {
		t.Fatal(err)
	}
	p.Person(strongroom.Principal{Name: "tom", Groups: []string{"agents"}})
	p.Person(strongroom.Principal{Name: "audra", Groups: []string{"auditors"}})
	auditor, agent := p.as(t, h, "audra"), p.as(t, h, "tom")

	got, page := auditor(http.MethodGet, "/ledger", "")
	if got.StatusCode != http.StatusOK || !strings.Contains(html.UnescapeString(page), p.LedgerKey) || !strings.Contains(page, "audra") || !strings.Contains(page, "<svg") {
		t.Fatalf("an auditor is answered %s: %s", got.Status, page)
	}
	// Who may not read it is refused, on every way to it.
	for _, c := range [][3]string{
		{"GET", "/ledger", ""}, {"GET", "/ledger/records/0", ""}, {"GET", "/ledger/records/0/proof", ""}, {"GET", "/ledger/consistency?from=1&to=2", ""},
		{"POST", "/ledger/bundle", "from=0&to=1"}, {"POST", "/ledger/history", "bucket=calls&key=other.wav"}, {"POST", "/ledger/check", "x=1"},
	} {
		if got, page := agent(c[0], c[1], c[2]); got.StatusCode != http.StatusForbidden || strings.Contains(page, "leaf") {
			t.Errorf("%s %s answers an agent %s", c[0], c[1], got.Status)
		}
	}
	// What is not there, or no number, is refused in words.
	size := p.Book.Head().Size
	for _, c := range [][3]string{
		{"GET", fmt.Sprintf("/ledger/records/%d", size+100), ""}, {"GET", "/ledger/records/-1", ""}, {"GET", "/ledger/records/x/proof", ""}, {"GET", "/ledger/consistency?from=0&to=2", ""},
		{"GET", "/ledger/consistency?from=3&to=2", ""}, {"GET", "/ledger/consistency?from=1&to=99999999999", ""}, {"GET", "/ledger/check/x", ""}, {"GET", "/ledger/check/" + strongroom.NewID().String(), ""},
		{"POST", "/ledger/bundle", "from=5&to=2"}, {"POST", "/ledger/bundle", "from=0&to=999999999"}, {"POST", "/ledger/bundle", "from=x&to=1"}, {"POST", "/ledger/history", "bucket=calls&key="},
		{"POST", "/ledger/history", "bucket=calls&key=" + strings.Repeat("k", 2000)}, {"POST", "/ledger/bundle", "history=x"}, {"POST", "/ledger/bundle", "history=" + strongroom.NewID().String()},
	} {
		if got, page := auditor(c[0], c[1], c[2]); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s %s %.60s answers %s: %s", c[0], c[1], c[2], got.Status, page)
		}
	}
	for _, path := range []string{"/ledger?from=0", "/ledger?from=x", "/ledger?from=-5", "/ledger?from=99999999"} {
		if got, _ := auditor(http.MethodGet, path, ""); got.StatusCode != http.StatusOK {
			t.Errorf("%s answers %s", path, got.Status)
		}
	}
	// Each record shows, whatever stands in it; nothing of it runs.
	found := false
	for i := range size {
		got, page := auditor(http.MethodGet, fmt.Sprintf("/ledger/records/%d", i), "")
		if got.StatusCode != http.StatusOK || strings.Contains(page, "<script>alert") || strings.Contains(page, "\u202e") {
			t.Errorf("record %d answers %s", i, got.Status)
		}
		found = found || strings.Contains(page, "alert(1)")
	}
	if !found {
		t.Error("no record shows the object")
	}

	// Bundles verify elsewhere; an object's history is about it alone.
	verified := func(body string) *ledger.Bundle {
		t.Helper()
		got, text := auditor(http.MethodPost, "/ledger/bundle", body)
		if got.StatusCode != http.StatusOK || !strings.HasPrefix(got.Header.Get("Content-Disposition"), `attachment; filename="strongroom-records-`) || strings.Contains(got.Header.Get("Content-Disposition"), "wav") {
			t.Fatalf("a bundle is answered %s, %v", got.Status, got.Header)
		}
		b, err := ledger.ParseBundle([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if r, err := b.Verify(ledger.Trust{LedgerKey: p.LedgerKey}); err != nil || !r.KeyTrusted {
			t.Errorf("the bundle says %+v, %v", r, err)
		}
		return b
	}
	if b := verified("from=0&to=4"); len(b.Records) != 5 {
		t.Errorf("a range of five has %d records", len(b.Records))
	}
	housetest.Eventually(t, "the delivery is on record", func() bool { return len(p.records(t, vault.KindDelivery)) > 0 })
	seek := func(key string) (id, page string) {
		t.Helper()
		got, _ := auditor(http.MethodPost, "/ledger/history", url.Values{"bucket": {"calls"}, "key": {key}}.Encode())
		at := follows(t, auditor, got)
		_, page = auditor(http.MethodGet, at, "")
		return strings.TrimPrefix(at, "/ledger/history/"), page
	}
	none, page := seek("absent.wav")
	if !strings.Contains(page, "Nothing of the last 90 days") {
		t.Errorf("the history of nothing shows:\n%s", page)
	}
	if got, _ := auditor(http.MethodPost, "/ledger/bundle", "history="+none); got.StatusCode != http.StatusBadRequest {
		t.Errorf("the bundle of nothing answers %s", got.Status)
	}
	mine, page := seek(hostile)
	if !strings.Contains(page, "records of the last 90 days are about it") || strings.Contains(page, "<script>alert") || strings.Contains(page, "\u202e") {
		t.Errorf("the history shows:\n%s", page)
	}
	if got, _ := agent(http.MethodPost, "/ledger/bundle", "history="+mine); got.StatusCode != http.StatusBadRequest {
		t.Errorf("another session is answered %s", got.Status)
	}
	b := verified("history=" + mine)
	kinds := map[string]int{}
	for _, r := range b.Records {
		e := event(t, r.Record)
		if e.Question != nil && e.Question.Resource.Key != hostile {
			t.Errorf("the history has a record about %q", e.Question.Resource.Key)
		}
		kinds[e.Kind]++
	}
	if kinds["store"] != 1 || kinds["release"] != 1 || kinds["delivery"] == 0 {
		t.Errorf("the history has %v", kinds)
	}
	// The reading itself is on record.
	reads := 0
	for _, e := range p.records(t, "ledger-read") {
		if who := e.Principal(); who != nil && who.Name == "audra" && e.Outcome == strongroom.Permitted {
			reads++
		}
	}
	if reads < int(size) {
		t.Errorf("%d readings by the auditor are on record", reads)
	}

	// The whole is recomputed.
	got, _ = auditor(http.MethodPost, "/ledger/check", "x=1")
	at := follows(t, auditor, got)
	if _, page := auditor(http.MethodGet, at, ""); !strings.Contains(page, "make the signed root") {
		t.Errorf("recomputing says\n%s", page)
	}
	if got, _ := agent(http.MethodGet, at, ""); got.StatusCode != http.StatusBadRequest {
		t.Errorf("somebody else's result answers %s", got.Status)
	}
	if s := p.log.String() + p.asked.String(); strings.Contains(s, "alert(1)") || strings.Contains(s, "other.wav") {
		t.Error("a log or an address names an object")
	}
}

// In a browser: the head is kept, a record is verified by the page itself, and whatever is
// altered on the way shows as failing.
func TestLedgerInBrowser(t *testing.T) {
	ctx := browser(t)
	p := open(t)
	p.Bucket("calls")
	ines := p.Person(strongroom.Principal{Name: "ines.martin", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}})
	p.Put("calls", "2026/11/20/billing-4711.wav", []byte("RIFF…"), map[string]string{"strongroom-queue": "billing"})
	ines.Purpose = strongroom.Purpose{Text: "complaint"}
	for range 3 {
		if _, err := p.Get(ines, "calls", "2026/11/20/billing-4711.wav", 0, -1); err != nil {
			t.Fatal(err)
		}
	}
	do(t, ctx, "setting up", chromedp.Navigate(p.URL+"/setup#"+p.setupToken()), chromedp.WaitEnabled("#setup"), chromedp.Click("#setup"), chromedp.WaitVisible(".tabs"))
	do(t, ctx, "opening the ledger", chromedp.Navigate(p.URL+"/ledger"), sees("Ledger"), chromedp.WaitVisible("#continuity.good"))
	shots(t, ctx, "ledger-en")
	axe(t, ctx, "ledger")
	inFrench(t, ctx, func() { do(t, ctx, "waiting", chromedp.WaitVisible("#continuity.good")); shots(t, ctx, "ledger-fr") })
	do(t, ctx, "again", chromedp.Navigate(p.URL+"/ledger"), chromedp.WaitVisible("#continuity.good"))
	if page := text(t, ctx); !strings.Contains(page, "continues what this browser saw") {
		t.Errorf("the second look says\n%s", page)
	}

	// Every record verifies, wherever it stands in the tree.
	var release int64
	size := p.Book.Head().Size
	for i := int64(0); i < size; i++ {
		if e := event(t, mustRecord(t, p, i)); e.Kind == "release" {
			release = i
		}
	}
	for _, i := range []int64{0, 1, size / 2, size - 1, release} {
		do(t, ctx, "verifying", chromedp.Navigate(fmt.Sprintf("%s/ledger/records/%d", p.URL, i)), chromedp.WaitVisible("#recompute"), chromedp.Click("#recompute"), chromedp.WaitVisible("#verdict.good"))
	}
	shots(t, ctx, "ledger-record-en")
	axe(t, ctx, "ledger-record")
	inFrench(t, ctx, func() {
		do(t, ctx, "verifying in French", chromedp.Click("#recompute"), chromedp.WaitVisible("#verdict.good"))
		shots(t, ctx, "ledger-record-fr")
	})

	// Whatever is altered on the way fails.
	for what, alter := range map[string]string{
		"a leaf": `a.leaf = btoa(atob(a.leaf).replace(/.$/s, (c) => String.fromCharCode(c.charCodeAt(0) ^ 1)))`, "evidence": `a.evidence = btoa(atob(a.evidence) + " ")`,
		"the personal part": `a.personal = btoa(atob(a.personal).replace("ines", "anna"))`, "a proof": `a.proof[0] = btoa(atob(a.proof[0]).split("").reverse().join(""))`,
		"a proof cut short": `a.proof.pop()`, "a longer proof": `a.proof.push(a.proof[0])`, "another index": `a.index++`, "another size": `a.size++`,
		"another root": `a.checkpoint = a.checkpoint.replace(/\n[A-Za-z0-9+\/]{43}=\n/, "\n" + btoa("x".repeat(32)) + "\n")`,
	} {
		do(t, ctx, "altering "+what, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(fmt.Sprintf("%s/ledger/records/%d", p.URL, release)), chromedp.WaitVisible("#recompute"),
			chromedp.Evaluate(`{ const real = window.fetch; window.fetch = async (...x) => { const a = await (await real(...x)).json(); if (a.leaf) { `+alter+` } return new Response(JSON.stringify(a)); }; }`, nil),
			chromedp.Click("#recompute"), chromedp.WaitVisible("#verdict.bad"), chromedp.WaitVisible("#steps .bad"))
		if what == "a proof" {
			shots(t, ctx, "ledger-altered-en")
		}
	}
	// A past that is not the one that was seen here shows, too.
	do(t, ctx, "another past", chromedp.Evaluate(fmt.Sprintf(`localStorage.setItem("strongroom-ledger-%s", JSON.stringify({size: 3, root: btoa("x".repeat(32))}))`, p.House.Room.ID), nil),
		chromedp.Navigate(p.URL+"/ledger"), chromedp.WaitVisible("#continuity.bad"))
	var kept string
	do(t, ctx, "what is kept", chromedp.Evaluate(`JSON.stringify(Object.entries(localStorage))`, &kept))
	var entries [][2]string
	if err := json.Unmarshal([]byte(kept), &entries); err != nil || len(entries) != 1 || !strings.Contains(entries[0][1], `"size":3`) || strings.Contains(kept, "ines") {
		t.Errorf("the browser keeps %s", kept)
	}
	do(t, ctx, "recomputing all", chromedp.Click(`form[action="/ledger/check"] button`), sees("The whole ledger"), chromedp.WaitVisible(".tag.approved"))
	shots(t, ctx, "ledger-check-en")
}

func mustRecord(t *testing.T, p *place, i int64) ledger.Record {
	t.Helper()
	r, err := p.Book.Record(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"strongroom"
	"strongroom/know"
	"strongroom/vault"
)

const flowFile = `version: 1
flows:
  - name: calls
    from: {system: "Contact centre platform", supplier: "Voxel & Sons"}
    via: "S3 export, every hour"
    to: {bucket: calls}
    principal: owner
    what: [call]
    owner: ines.martin
  - name: "<script>alert('flow')</script>"
    from: {system: "` + "a very long name of a system that nobody would draw in full, " + `and then some more"}
    via: "` + "SFTP \u202esrevres" + `"
    to: {bucket: documents}
    principal: scanner
    owner: nobody.here
  - name: analytics
    from: {bucket: documents}
    to: {system: "Speech analytics", supplier: "Lexis"}
    principal: lexis
    owner: ines.martin
    since: 2026-01-01
  - name: crm
    from: {system: CRM}
    to: {system: "Data warehouse"}
    via: nightly job
`

// stocked is a room with things in it: some without owner or label.
func stocked(t *testing.T, p *place) {
	t.Helper()
	used(t, p)
	p.Bucket("documents")
	p.Bucket("empty-for-now")
	p.Put("documents", "letter.bin", []byte{0, 1, 2, 3}, map[string]string{"strongroom-kind": "<script>alert(1)</script>"})
	p.Put("documents", "scan \u202egpj.bin", []byte{0, 1, 2, 3, 4}, nil)
	machine := p.Person(strongroom.Principal{Name: "transcriber", Kind: strongroom.Workload, Groups: []string{"data-owners"}})
	machine.Purpose = strongroom.Purpose{Text: "transcription"}
	if _, err := p.Get(machine, "calls", "2026/11/20/00.wav", 0, -1); err != nil {
		t.Logf("the workload is refused: %v", err)
	}
	store, err := p.House.OpenInventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	now := p.House.Room.Clock()
	if _, err := know.ParseFlows("flows.yaml", []byte(flowFile)); err != nil {
		t.Fatal(err)
	}
	if err := store.PutFlows(t.Context(), know.FlowFile{Name: "flows.yaml", Text: []byte(flowFile), Digest: "x", Imported: now.AddDate(0, -1, 0)}); err != nil {
		t.Fatal(err)
	}
	for weeks := 12; weeks > 0; weeks-- {
		row := know.Row{Group: know.Group{Place: "calls", Kind: "call", Label: know.Confidential, Class: "voice"}, Sum: know.Sum{Count: int64(40 - 3*weeks), Bytes: int64(60-3*weeks) * 1_000_000}}
		if err := store.PutSnapshot(t.Context(), know.SnapshotOf(know.RoomScope, now.AddDate(0, 0, -7*weeks), []know.Row{row})); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.PutSource(t.Context(), know.Source{ID: strongroom.NewID(), Name: "old share", Location: "/srv/share"}); err != nil {
		t.Fatal(err)
	}
}

func TestInventory(t *testing.T) {
	p, h := served(t)
	stocked(t, p)
	token := p.logon(t).Token
	get := func(path string) string {
		t.Helper()
		got, body := logged(h, token, http.MethodGet, path, "")
		if got.StatusCode != http.StatusOK {
			t.Fatalf("%s answers %s: %s", path, got.Status, body)
		}
		for _, bad := range []string{"<script>alert", " style=", "\u202e"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s holds %q", path, bad)
			}
		}
		return body
	}
	post := func(path string, form url.Values) (int, string) {
		t.Helper()
		got, body := logged(h, token, http.MethodPost, path, form.Encode())
		return got.StatusCode, got.Header.Get("Location") + body
	}
	page := get("/inventory")
	for _, want := range []string{"documents", "nobody answers for it", "owner not known here", "&lt;script&gt;", "declared, not seen", "seen, not declared", "Voxel &amp; Sons", "empty-for-now", "old share", `role="img"`, "Growth of the room", "What these figures do not cover"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	for _, query := range []string{"?since=2026-11-01", "?since=nonsense", "?since=0001-01-01", "?since=9999-12-31"} {
		get("/inventory" + query)
	}

	// An owner is named in place, on record; nobody is named that there is not.
	for _, form := range []url.Values{
		{"what": {"bucket"}, "name": {"documents"}, "owner": {"nobody.here"}}, {"what": {"bucket"}, "name": {"documents"}, "owner": {"transcriber"}},
		{"what": {"bucket"}, "name": {"documents"}, "owner": {""}}, {"what": {"flow"}, "name": {"calls"}, "owner": {"ines.martin"}}, {"what": {"source"}, "name": {"none"}, "owner": {"ines.martin"}},
		{"what": {"bucket"}, "name": {strings.Repeat("x", 300)}, "owner": {"ines.martin"}},
	} {
		if code, said := post("/inventory/owner", form); code != http.StatusBadRequest {
			t.Errorf("naming %v answers %d %s", form, code, said)
		}
	}
	for what, name := range map[string]string{"bucket": "documents", "source": "old share"} {
		if code, at := post("/inventory/owner", url.Values{"what": {what}, "name": {name}, "owner": {"ines.martin"}}); code != http.StatusSeeOther || at != "/inventory?said=owned" {
			t.Errorf("naming the owner of the %s answers %d to %s", what, code, at)
		}
	}
	b, err := p.House.Room.ReadBucket(t.Context(), p.Owner, "documents", "test")
	if err != nil || len(b.Tags) != 1 || b.Tags[0].Value != "ines.martin" {
		t.Errorf("the bucket has the tags %v, %v", b.Tags, err)
	}

	// So is a label, with a reason.
	path := "/inventory/unlabelled/" + b.ID.String()
	list := get(path)
	_, version, some := strings.Cut(list, `name="version" value="`)
	if !some || strings.Count(list, `name="version"`) != 2 {
		t.Fatalf("the list is:\n%s", list)
	}
	version = version[:32]
	for _, form := range []url.Values{{"version": {version}, "class": {"card"}}, {"version": {version}, "reason": {"x"}}, {"version": {"x"}, "class": {"card"}, "reason": {"x"}}, {"version": {version}, "class": {"<b>"}, "reason": {"x"}}} {
		if code, said := post("/inventory/label", form); code != http.StatusBadRequest {
			t.Errorf("labelling %v answers %d %s", form, code, said)
		}
	}
	if code, at := post("/inventory/label", url.Values{"version": {version}, "bucket": {b.ID.String()}, "class": {"identity"}, "reason": {"a scan of a passport"}}); code != http.StatusSeeOther || at != path+"?said=labelled" {
		t.Errorf("labelling answers %d to %s", code, at)
	}
	if list := get(path); strings.Count(list, `name="version"`) != 1 {
		t.Error("what is labelled is still listed")
	}
	labelled := false
	for _, e := range p.records(t, vault.KindAmend) {
		labelled = labelled || strings.Contains(e.Detail, "a scan of a passport")
	}
	if !labelled {
		t.Error("the label is not on record with its reason")
	}
	if code, at := post("/inventory/classify", url.Values{"bucket": {b.ID.String()}}); code != http.StatusSeeOther || at != "/inventory?said=looking" {
		t.Errorf("having it looked through answers %d to %s", code, at)
	}
	for _, at := range []string{"/inventory/unlabelled/x", "/inventory/unlabelled/" + strongroom.NewID().String()} {
		if got, _ := logged(h, token, http.MethodGet, at, ""); got.StatusCode != http.StatusBadRequest && got.StatusCode != http.StatusNotFound {
			t.Errorf("%s answers %s", at, got.Status)
		}
	}
}

// Whoever may not take inventory sees none of it and changes none of it.
func TestInventoryRefused(t *testing.T) {
	p, h := served(t)
	stocked(t, p)
	p.Person(strongroom.Principal{Name: "mallory", Groups: []string{"agents"}})
	token := p.logonAs(t, "mallory").Token
	for _, path := range []string{"/inventory", "/inventory/unlabelled/" + strongroom.NewID().String()} {
		if got, body := logged(h, token, http.MethodGet, path, ""); got.StatusCode != http.StatusForbidden || strings.Contains(body, "documents") {
			t.Errorf("%s answers %s", path, got.Status)
		}
	}
	for path, form := range map[string]string{"/inventory/owner": "what=bucket&name=documents&owner=mallory", "/inventory/classify": "bucket=" + strongroom.NewID().String()} {
		if got, body := logged(h, token, http.MethodPost, path, form); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s answers %s: %s", path, got.Status, body)
		}
	}
	if _, page := logged(h, token, http.MethodGet, "/", ""); strings.Contains(page, `href="/inventory"`) {
		t.Error("the page is offered to whom it is refused")
	}
}

func TestInventoryInBrowser(t *testing.T) {
	ctx := browser(t)
	p := open(t)
	do(t, ctx, "setting up", chromedp.Navigate(p.URL+"/setup#"+p.setupToken()), chromedp.WaitEnabled("#setup"), chromedp.Click("#setup"), chromedp.WaitVisible(`nav.tabs`),
		chromedp.Navigate(p.URL+"/inventory"), sees("Inventory"))
	shots(t, ctx, "inventory-empty-en")
	stocked(t, p)
	p.counted(t)
	b, err := p.House.Room.ReadBucket(t.Context(), p.Owner, "documents", "test")
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct{ path, name, heading string }{
		{"/inventory?since=" + time.Now().AddDate(0, 0, -30).Format(time.DateOnly), "inventory", "Inventory"}, {"/inventory/unlabelled/" + b.ID.String(), "unlabelled", "Without a label"},
	} {
		do(t, ctx, "opening "+one.path, chromedp.Navigate(p.URL+one.path), sees(one.heading))
		shots(t, ctx, one.name+"-en")
		inFrench(t, ctx, func() { shots(t, ctx, one.name+"-fr") })
	}
	do(t, ctx, "naming an owner", chromedp.EmulateViewport(1280, 900), chromedp.Navigate(p.URL+"/inventory"), sees("Inventory"),
		chromedp.SendKeys(`//form[input[@name="name" and @value="documents"]]//input[@name="owner"]`, "ines.martin", chromedp.BySearch),
		chromedp.Click(`//form[input[@name="name" and @value="documents"]]//button`, chromedp.BySearch), chromedp.WaitVisible(`//p[@role="status" and contains(., "owner is named")]`, chromedp.BySearch))
	if s := p.asked.String(); strings.Contains(s, "documents") || strings.Contains(s, "ines.martin") {
		t.Errorf("an address names something:\n%s", s)
	}
}

// The count is shown for a while, and anew once somebody asks for it or changes something.
func TestInventoryIsCountedAnew(t *testing.T) {
	p, h := served(t)
	p.Bucket("calls")
	p.Put("calls", "a", []byte("x"), nil)
	l := p.logon(t)
	ask := func(method, path string) string {
		r := request(method, path, "")
		r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: l.Token})
		got, page := answer(h, r)
		if got.StatusCode >= http.StatusBadRequest {
			t.Fatalf("%s answers %s", path, got.Status)
		}
		return page
	}
	if page := ask(http.MethodGet, "/inventory"); !strings.Contains(page, "1 object ") {
		t.Errorf("one object is shown as\n%s", page)
	}
	p.Put("calls", "b", []byte("x"), nil)
	before := len(p.records(t, vault.KindInventory))
	if page := ask(http.MethodGet, "/inventory"); !strings.Contains(page, "1 object ") {
		t.Errorf("the count was not kept:\n%s", page)
	}
	if after := len(p.records(t, vault.KindInventory)); after <= before {
		t.Error("a look at a count that was kept left no record")
	}
	ask(http.MethodPost, "/inventory/count")
	if page := ask(http.MethodGet, "/inventory"); !strings.Contains(page, "2 objects ") {
		t.Errorf("counted anew, two objects are shown as\n%s", page)
	}
}

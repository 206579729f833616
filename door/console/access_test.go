package console_test

import (
	"encoding/csv"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"strongroom"
	"strongroom/door"
	"strongroom/internal/housetest"
	"strongroom/internal/rollup"
	"strongroom/ledger"
	"strongroom/monitor"
	"strongroom/vault"
)

// hostile are names that somebody chose badly.
var hostile = []string{`<script>alert("x")</script>`, strings.Repeat("long-queue-name-", 15), "claims\u202e\u2066gnillib", `=HYPERLINK("http://evil.example")`, `"><svg onload=x>`}

// used is a room in which people opened recordings, and were refused some.
func used(t *testing.T, p *place) (ines, tom vault.Caller) {
	t.Helper()
	p.Bucket("calls")
	queues := append([]string{"billing", "support", "sales"}, hostile...)
	for i, queue := range queues {
		p.Put("calls", fmt.Sprintf("2026/11/20/%02d.wav", i), []byte("RIFF…"), map[string]string{"strongroom-queue": queue, "strongroom-kind": "call"})
	}
	ines = p.Person(strongroom.Principal{Name: "ines.martin", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}})
	tom = p.Person(strongroom.Principal{Name: "tom.keller", Groups: []string{"agents"}})
	for i := range queues {
		for range 1 + i%3 {
			if _, err := p.Get(p.Owner, "calls", fmt.Sprintf("2026/11/20/%02d.wav", i), 0, -1); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 3 {
		_, _ = p.Get(tom, "calls", "2026/11/20/01.wav", 0, -1)
	}
	return ines, tom
}

// counted waits until what is on record is counted.
func (p *place) counted(t *testing.T) {
	t.Helper()
	m := p.House.Monitor()
	size := p.Book.Head().Size
	housetest.Eventually(t, "what is on record is counted", func() bool {
		at, err := m.Position(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return at >= size
	})
}

// logged asks as whoever has logged on.
func logged(h http.Handler, token, method, path, body string) (*http.Response, string) {
	r := request(method, path, body)
	r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: token})
	return answer(h, r)
}

var counted = regexp.MustCompile(`<p>What policy grants.*?datetime="([^"]+)"`)

// whenOf is when a page says that it was counted.
func whenOf(page string) string {
	if m := counted.FindStringSubmatch(page); m != nil {
		return m[1]
	}
	return ""
}

func TestAccess(t *testing.T) {
	p, h := served(t)
	_, tom := used(t, p)
	token := p.logon(t).Token
	p.counted(t)
	get := func(path string) string {
		t.Helper()
		got, body := logged(h, token, http.MethodGet, path, "")
		if got.StatusCode != http.StatusOK {
			t.Fatalf("%s answers %s: %s", path, got.Status, body)
		}
		for _, bad := range []string{"<script>alert", "<svg onload", "\u202e", " style="} {
			if strings.Contains(body, bad) && got.Header.Get("Content-Type") != "text/csv; charset=utf-8" {
				t.Errorf("%s holds %q", path, bad)
			}
		}
		return body
	}
	page := get("/access")
	for _, want := range []string{`role="img"`, "billing", "<title id=", "<desc id=", "&lt;script&gt;", "owner", "First time ever", "data-leads="} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	for _, query := range []string{"by=bucket", "by=class&weeks=1", "by=hours&weeks=13", "of=refused", "by=nonsense&weeks=-1&of=x&at=%00"} {
		get("/access?" + query)
	}
	if refused := get("/access?of=refused"); !strings.Contains(refused, "tom") {
		t.Error("who was refused does not show")
	}

	// A field leads to its records, a record to its proof, which verifies elsewhere.
	links := regexp.MustCompile(`id="c0-\d+" href="([^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(links) < 8 {
		t.Fatalf("the map leads to %d lists of records", len(links))
	}
	records := 0
	for _, link := range links {
		path := strings.ReplaceAll(link[1], "&amp;", "&")
		if strings.Contains(path, "billing") || strings.Contains(path, "script") {
			t.Errorf("the address %s names a queue", path)
		}
		list := get(path)
		records += strings.Count(list, "/access/proof/")
		if !strings.Contains(list, "5\u00a0B") && !strings.Contains(list, "7\u00a0B") {
			t.Errorf("%s does not tell what was delivered:\n%s", path, list)
		}
	}
	if records != 15 {
		t.Errorf("the fields lead to %d records, want 15", records)
	}
	list := get(strings.ReplaceAll(links[0][1], "&amp;", "&"))
	index := regexp.MustCompile(`/access/proof/(\d+)`).FindStringSubmatch(list)
	proof := get(index[0])
	bundle, err := ledger.ParseBundle([]byte(proof))
	if err != nil {
		t.Fatal(err)
	}
	if report, err := bundle.Verify(ledger.Trust{LedgerKey: p.LedgerKey}); err != nil || fmt.Sprint(bundle.Records[0].Index) != index[1] {
		t.Errorf("the proof of record %s does not verify: %v, %+v", index[1], err, report)
	}
	if object := regexp.MustCompile(`href="/recordings/[0-9a-f]{32}"`).FindString(list); object == "" {
		t.Error("a record does not lead to its recording")
	}

	// Spreadsheets get text only.
	table, err := csv.NewReader(strings.NewReader(get("/access/table.csv"))).ReadAll()
	if err != nil || len(table) < 9 {
		t.Fatalf("the table is %v, %v", table, err)
	}
	for _, row := range table {
		for _, field := range row {
			if strings.HasPrefix(field, "=") {
				t.Errorf("the field %q is a formula", field)
			}
		}
	}
	// One person's page, by pseudonym and by id.
	if one := get("/access/people/" + tom.Principal.ID.String()); !strings.Contains(one, "Hours of the week") {
		t.Error("the page of one person lacks their week")
	}
	if one := get("/access/people/" + p.Owner.Principal.ID.String() + "?weeks=13"); !strings.Contains(one, "Opened last") || !strings.Contains(one, "2026/11/20/00.wav") {
		t.Error("the page of one person lacks what they opened")
	}
	unused := ""
	housetest.Eventually(t, "unused rights are counted", func() bool {
		unused = get("/access/unused")
		return !strings.Contains(unused, "data-running")
	})
	if !strings.Contains(unused, "ines.martin") || !strings.Contains(unused, "Granted") {
		t.Errorf("rights that nobody used are not told:\n%s", unused)
	}
	// The page shows what was counted last, and when, until somebody has it counted anew.
	scans := func() int { return len(p.records(t, vault.KindLedgerRead)) }
	before := scans()
	if again := get("/access/unused"); whenOf(again) == "" || whenOf(again) != whenOf(unused) || scans() != before {
		t.Errorf("looking again reads the ledger: %q, then %q", whenOf(unused), whenOf(again))
	}
	if got, _ := logged(h, token, http.MethodPost, "/access/unused", ""); got.StatusCode != http.StatusSeeOther {
		t.Errorf("counting anew answers %s", got.Status)
	}
	housetest.Eventually(t, "unused rights are counted anew", func() bool { return !strings.Contains(get("/access/unused"), "data-running") })
	if scans() != before+1 {
		t.Errorf("counting anew read the ledger %d times", scans()-before)
	}
	get("/access/unused?form=csv")
	for _, path := range []string{"/access/people/" + strongroom.NewID().String(), "/access/uses/x", "/access/uses/nobody?at=x", "/access/proof/-1", "/access/proof/999999999", "/access/proof/x"} {
		if got, _ := logged(h, token, http.MethodGet, path, ""); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s answers %s", path, got.Status)
		}
	}
	if got, _ := logged(h, token, http.MethodPost, "/access", "x=1"); got.StatusCode != http.StatusMethodNotAllowed && got.StatusCode != http.StatusNotFound {
		t.Errorf("a post answers %s", got.Status)
	}
	var questions []string
	for _, e := range p.records(t, vault.KindUsageRead) {
		questions = append(questions, e.Detail)
	}
	if all := strings.Join(questions, "\n"); !strings.Contains(all, "overview --by queue --weeks 4 --opened") || !strings.Contains(all, "records ") || !strings.Contains(all, "person ") {
		t.Errorf("on record are the questions %q", questions)
	}
}

// Whoever may not know who accessed what learns nothing, and that they asked is on record.
func TestAccessRefused(t *testing.T) {
	p, h := served(t)
	ines, _ := used(t, p)
	token := p.logonAs(t, ines.Principal.Name).Token
	before := len(p.records(t, "refusal"))
	for _, path := range []string{"/access", "/access/table.csv", "/access/people/" + p.Owner.Principal.ID.String(), "/access/uses/operator", "/access/proof/1", "/access/unused"} {
		got, body := logged(h, token, http.MethodGet, path, "")
		if got.StatusCode != http.StatusForbidden || strings.Contains(body, "billing") {
			t.Errorf("%s answers %s: %s", path, got.Status, body)
		}
	}
	if n := len(p.records(t, "refusal")) - before; n != 6 {
		t.Errorf("%d refusals are on record, want 6", n)
	}
	if _, page := logged(h, token, http.MethodGet, "/", ""); strings.Contains(page, `href="/access"`) {
		t.Error("the page is offered to whom it is refused")
	}
}

// logonAs makes a session of a person whom the owner invites.
func (p *place) logonAs(t *testing.T, name string) vault.Logon {
	t.Helper()
	_, invited, err := p.House.Room.Invite(t.Context(), p.Owner, name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := p.House.Room.SetUp(t.Context(), invited, passkey(7), vault.From{Source: "192.0.2.1", Browser: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// The page of a room with many people and queues: what does not fit is summed up.
func TestAccessOfMany(t *testing.T) {
	p := open(t)
	r, err := rollup.Open(t.Context(), filepath.Join(t.TempDir(), "monitor.db"), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	chance := rand.New(rand.NewPCG(5, 5))
	var events []strongroom.Event
	now := time.Now().UTC().Truncate(time.Millisecond)
	for at := now.AddDate(0, 0, -110); at.Before(now.Add(-time.Hour)); at = at.Add(11 * time.Minute) {
		local := at.Hour()
		if local < 7 || local > 19 && chance.IntN(4) > 0 || at.Weekday() == time.Sunday && chance.IntN(6) > 0 {
			continue
		}
		who := int(chance.ExpFloat64() * 9)
		queue := (who + int(chance.ExpFloat64()*2)) % 28
		if now.Sub(at) < 28*24*time.Hour && who == 3 {
			continue // somebody is away
		}
		if now.Sub(at) < 9*24*time.Hour && chance.IntN(5) == 0 {
			who, queue = 5, 4 // somebody is busy
		}
		actor := fmt.Sprintf("%032x", who)
		e := strongroom.Event{Index: int64(len(events)), Time: at, Kind: "release", Did: "release", Outcome: strongroom.Permitted, Actor: actor, Version: strongroom.NewID(), Lease: strongroom.NewID(),
			Question: &strongroom.Question{Action: strongroom.ActionReadObject, Principal: strongroom.Principal{ID: strongroom.NewID(), Name: fmt.Sprintf("person.%02d", who)},
				Resource: strongroom.Resource{Bucket: "calls", Key: fmt.Sprint(len(events)), Size: 1000, Attributes: map[string]string{"queue": fmt.Sprintf("queue %02d", queue)}, Label: strongroom.Label{Classes: []string{"voice"}}}}}
		if chance.IntN(12) == 0 {
			e.Kind, e.Outcome = "refusal", strongroom.Refused
		}
		events = append(events, e)
	}
	if err := r.Take(t.Context(), events, int64(len(events))); err != nil {
		t.Fatal(err)
	}
	p.otherwise = func(d *door.Room) { d.Monitor = monitor.New(r, time.Now) }
	h := p.console(t, origin, slog.New(slog.DiscardHandler))
	token := p.logon(t).Token
	_, page := logged(h, token, http.MethodGet, "/access?weeks=13", "")
	if rows, fields := strings.Count(page, `<tr><th scope="row"><a href="/access/people/`), strings.Count(page, `<g class="cell `); rows == 0 || rows > 40 || fields > 40*24 || !strings.Contains(page, "all others") {
		t.Errorf("the page has %d people and %d fields", rows, fields)
	}
	if os.Getenv("STRONGROOM_SCREENSHOTS") == "" {
		return
	}
	ctx, q := browser(t), open(t)
	q.otherwise = p.otherwise
	q.serve(t, slog.New(slog.DiscardHandler))
	do(t, ctx, "setting up", chromedp.Navigate(q.URL+"/setup#"+q.setupToken()), chromedp.WaitEnabled("#setup"), chromedp.Click("#setup"), chromedp.WaitVisible(`nav.tabs`))
	for path, name := range map[string]string{"/access": "many", "/access?by=hours&weeks=13": "many-hours", "/access/people/" + fmt.Sprintf("%032x", 5): "many-portrait"} {
		do(t, ctx, "opening "+path, chromedp.Navigate(q.URL+path), chromedp.WaitVisible(`svg.map`))
		shots(t, ctx, name+"-en")
		inFrench(t, ctx, func() { shots(t, ctx, name+"-fr") })
	}
}

func TestAccessInBrowser(t *testing.T) {
	ctx := browser(t)
	p := open(t)
	_, tom := used(t, p)
	p.counted(t)
	do(t, ctx, "setting up", chromedp.Navigate(p.URL+"/setup#"+p.setupToken()), chromedp.WaitEnabled("#setup"), chromedp.Click("#setup"), chromedp.WaitVisible(`nav.tabs`))
	for _, one := range []struct{ path, name, heading string }{
		{"/access", "access", "Who accessed what"}, {"/access?by=hours&weeks=1", "access-hours", "Who accessed what"},
		{"/access/people/" + p.Owner.Principal.ID.String(), "portrait", "owner"}, {"/access/unused", "unused", "Rights that nobody used"},
		{"/access/uses/" + tom.Principal.ID.String() + "?of=refused", "uses", "tom"},
	} {
		do(t, ctx, "opening "+one.path, chromedp.Navigate(p.URL+one.path), sees(one.heading), chromedp.Poll(`!document.querySelector("[data-running]")`, nil, chromedp.WithPollingTimeout(time.Minute)))
		shots(t, ctx, one.name+"-en")
		inFrench(t, ctx, func() { shots(t, ctx, one.name+"-fr") })
	}
	// A click into the picture leads where the table does.
	do(t, ctx, "clicking a field", chromedp.EmulateViewport(1280, 900), chromedp.Navigate(p.URL+"/access"), sees("Who accessed what"),
		chromedp.Evaluate(`document.querySelector("svg.map [data-leads] rect").dispatchEvent(new MouseEvent("click", {bubbles: true}))`, nil), chromedp.WaitVisible(`//a[contains(@href, "/access/proof/")]`, chromedp.BySearch))
	if s := p.asked.String(); strings.Contains(s, "billing") || strings.Contains(s, "tom") {
		t.Errorf("an address names somebody or something:\n%s", s)
	}
}

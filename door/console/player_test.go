package console_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"strongroom"
	"strongroom/door/console"
	"strongroom/internal/housetest"
	"strongroom/internal/synth"
	"strongroom/limit"
	"strongroom/vault"
)

// asked posts a form or gets a path with a session's cookie.
func asked(h http.Handler, l vault.Logon, method, path string, form url.Values, header ...string) (got *http.Response, body string) {
	r := request(method, path, form.Encode())
	r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: l.Token})
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	defer func() {
		if broke := recover(); broke != nil && broke != http.ErrAbortHandler { //nolint:errorlint // the value itself
			panic(broke)
		}
		got, body = w.Result(), w.Body.String()
	}()
	h.ServeHTTP(w, r)
	return
}

// invited logs somebody on as though a passkey had been proved.
func (p *place) invited(t *testing.T, who strongroom.Principal, n byte) vault.Logon {
	t.Helper()
	p.Person(who)
	_, token, err := p.House.Room.Invite(t.Context(), p.Owner, who.Name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := p.House.Room.SetUp(t.Context(), token, passkey(n), vault.From{Source: "192.0.2.1", Browser: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func openOf(t *testing.T, h http.Handler, l vault.Logon, id strongroom.ID, why string) string {
	t.Helper()
	got, body := asked(h, l, http.MethodPost, "/recordings/"+id.String()+"/open", url.Values{"purpose": {why}})
	at := got.Header.Get("Location")
	if got.StatusCode != http.StatusSeeOther || !strings.HasPrefix(at, "/recordings/"+id.String()+"/play/") {
		t.Fatalf("opening answers %s to %q: %s", got.Status, at, body)
	}
	return at
}

var callMeta = map[string]string{"strongroom-queue": "billing", "strongroom-kind": "call", "strongroom-agent": "lea.roux", "strongroom-customer": "C-104233"}

func TestOpeningIsAskedForAndBound(t *testing.T) {
	p, h := served(t)
	p.Bucket("calls")
	content := slices.Repeat([]byte("0123456789"), 1000)
	o := p.Put("calls", "a/one.ogg", append([]byte("OggS"), content...), callMeta)
	other := p.Put("calls", "a/two.ogg", append([]byte("OggS"), content...), callMeta)
	ines := p.invited(t, strongroom.Principal{Name: "ines.martin", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}}, 2)
	tom := p.invited(t, strongroom.Principal{Name: "tom.keller", Groups: []string{"agents"}}, 3)
	zoe := p.invited(t, strongroom.Principal{Name: "zoe.blanc", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"sales"}}}, 4)
	path := "/recordings/" + o.Version.String()

	// Without a purpose, by whoever may not, of what is not there.
	for _, c := range []struct {
		who  vault.Logon
		path string
		why  string
		code int
		says string
	}{
		{ines, path, " ", http.StatusBadRequest, "why you need it"},
		{tom, path, "curious", http.StatusForbidden, "No rule gives it to you"},
		{zoe, path, "covering", http.StatusForbidden, `action="` + path + `/request"`},
		{ines, "/recordings/" + strongroom.NewID().String(), "x", http.StatusNotFound, ""},
		{ines, "/recordings/nonsense", "x", http.StatusNotFound, ""},
		{ines, path, strings.Repeat("x", 5000), http.StatusBadRequest, ""},
	} {
		if got, body := asked(h, c.who, http.MethodPost, c.path+"/open", url.Values{"purpose": {c.why}}); got.StatusCode != c.code || !strings.Contains(body, c.says) {
			t.Errorf("%s for %.20q answers %s: %s", c.path, c.why, got.Status, body)
		}
	}
	at := openOf(t, h, ines, o.Version, "complaint 12")
	media := strings.Replace(at, "/play/", "/media/", 1)
	if got, body := asked(h, ines, http.MethodGet, at, nil); got.StatusCode != http.StatusOK || !strings.Contains(body, "complaint 12") || !strings.Contains(body, media) {
		t.Errorf("the player answers %s: %s", got.Status, body)
	}
	all := "OggS" + string(content)
	for _, c := range []struct {
		said         string
		code         int
		from, length int
		contentRange string
	}{
		{"", 200, 0, len(all), ""},
		{"bytes=0-", 206, 0, len(all), fmt.Sprintf("bytes 0-%d/%d", len(all)-1, len(all))},
		{"bytes=4-9", 206, 4, 6, fmt.Sprintf("bytes 4-9/%d", len(all))},
		{"bytes=-3", 206, len(all) - 3, 3, fmt.Sprintf("bytes %d-%d/%d", len(all)-3, len(all)-1, len(all))},
		{"bytes=10000-99999999", 206, 10000, len(all) - 10000, fmt.Sprintf("bytes 10000-%d/%d", len(all)-1, len(all))},
		{"bytes=0-1,5-6", 200, 0, len(all), ""},
		{"bytes=99999-", 416, 0, 0, fmt.Sprintf("bytes */%d", len(all))},
		{"bytes=9-2", 416, 0, 0, fmt.Sprintf("bytes */%d", len(all))},
	} {
		got, body := asked(h, ines, http.MethodGet, media, nil, "Range", c.said)
		want := all[c.from : c.from+c.length]
		if c.code == 416 {
			want = body
		}
		if got.StatusCode != c.code || got.Header.Get("Content-Range") != c.contentRange || body != want {
			t.Errorf("%q answers %s %q with %d bytes", c.said, got.Status, got.Header.Get("Content-Range"), len(body))
		}
		if c.code < 300 && (got.Header.Get("Content-Type") != "audio/ogg" || got.Header.Get("Content-Disposition") != "inline" || got.Header.Get("Cache-Control") != "no-store" ||
			!strings.Contains(got.Header.Get("Content-Security-Policy"), "sandbox") || got.Header.Get("Content-Length") != fmt.Sprint(c.length)) {
			t.Errorf("%q answers with %v", c.said, got.Header)
		}
	}
	if got, body := asked(h, ines, http.MethodHead, media, nil); got.StatusCode != 200 || got.Header.Get("Content-Length") != fmt.Sprint(len(all)) || body != "" {
		t.Errorf("HEAD answers %s, %v", got.Status, got.Header)
	}

	// Nobody else's session, no other object, no page of its own; and not without asking again.
	for name, c := range map[string]struct {
		who  vault.Logon
		path string
		dest string
		code int
	}{
		"another session":  {zoe, media, "audio", http.StatusNotFound},
		"another object":   {ines, strings.Replace(media, o.Version.String(), other.Version.String(), 1), "audio", http.StatusNotFound},
		"another opening":  {ines, media[:len(media)-1] + "x", "audio", http.StatusNotFound},
		"a page of itself": {ines, media, "document", http.StatusForbidden},
	} {
		if got, body := asked(h, c.who, http.MethodGet, c.path, nil, "Sec-Fetch-Dest", c.dest); got.StatusCode != c.code || strings.Contains(body, "0123456789") {
			t.Errorf("%s: %s", name, got.Status)
		}
	}
	if got, _ := asked(h, zoe, http.MethodGet, at, nil); got.StatusCode != http.StatusGone {
		t.Errorf("another session's player answers %s", got.Status)
	}
	// A copy is another thing than an opening.
	if got, body := asked(h, ines, http.MethodPost, path+"/download", url.Values{"purpose": {"complaint 12"}}); got.StatusCode != http.StatusForbidden || !strings.Contains(body, `value="downloadObject"`) {
		t.Errorf("a download answers %s: %s", got.Status, body)
	}
	owner := p.logon(t)
	if got, _ := asked(h, owner, http.MethodPost, path+"/download", url.Values{"purpose": {""}}); got.StatusCode != http.StatusBadRequest {
		t.Errorf("a download without a purpose answers %s", got.Status)
	}
	got, body := asked(h, owner, http.MethodPost, path+"/download", url.Values{"purpose": {"for the court"}})
	if got.StatusCode != http.StatusOK || body != all || got.Header.Get("Content-Disposition") != `attachment; filename=one.ogg` {
		t.Errorf("a download answers %s, %v", got.Status, got.Header)
	}
	// An approval holds for its purpose, which is offered again.
	sought, err := p.House.Room.RequestAccess(t.Context(), p.caller(t, "zoe.blanc"), vault.AccessRequest{Bucket: "calls", Objects: []vault.ObjectName{{Key: "a/one.ogg"}}, Purpose: strongroom.Purpose{Text: "covering for Ines"}})
	if err == nil {
		_, err = p.House.Room.Approve(t.Context(), p.Owner, sought.ID, "go ahead", 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, body := asked(h, zoe, http.MethodPost, path+"/open", url.Values{"purpose": {"covering"}}); got.StatusCode != http.StatusForbidden || !strings.Contains(body, `value="covering for Ines"`) {
		t.Errorf("with an approval for another purpose: %s: %s", got.Status, body)
	}
	openOf(t, h, zoe, o.Version, "covering for Ines")

	// Whoever is suspended hears no more; the request finds nobody logged on.
	who := p.person(t, "ines.martin")
	who.Suspended = true
	if _, err := p.House.Room.PutPrincipal(t.Context(), p.Owner, who); err != nil {
		t.Fatal(err)
	}
	if got, body := asked(h, ines, http.MethodGet, media, nil); got.StatusCode == http.StatusOK || strings.Contains(body, "0123456789") {
		t.Errorf("after the suspension: %s", got.Status)
	}
	var downloads, refused int
	for _, e := range p.records(t, vault.KindContent) {
		if e.Did == vault.ContentDownload && e.Question.Context.Purpose.Text == "for the court" {
			downloads++
		}
	}
	for _, e := range p.records(t, vault.KindRefusal) {
		if e.Did == string(strongroom.ActionDownload) {
			refused++
		}
	}
	if downloads != 1 || refused != 1 {
		t.Errorf("on record are %d downloads and %d refused", downloads, refused)
	}
}

// caller is somebody as the console knows them.
func (p *place) caller(t *testing.T, name string) vault.Caller {
	t.Helper()
	return vault.Caller{Principal: p.person(t, name), Session: "test", Method: "console", Source: "192.0.2.1", RequestID: "test"}
}

// slow is an answer's reader who does something after the first bytes.
type slow struct {
	*httptest.ResponseRecorder
	then func()
}

func (s *slow) Write(b []byte) (int, error) {
	n, err := s.ResponseRecorder.Write(b)
	if s.then != nil {
		s.then()
		s.then = nil
		time.Sleep(1200 * time.Millisecond)
	}
	return n, err
}

// What is under way breaks off when its session ends, or its person is suspended.
func TestPlayingBreaksOff(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *place, http.Handler, vault.Logon){
		"logging off": func(t *testing.T, _ *place, h http.Handler, l vault.Logon) {
			if got, _ := asked(h, l, http.MethodPost, "/logoff", url.Values{"x": {"1"}}); got.StatusCode != http.StatusSeeOther {
				t.Errorf("logging off answers %s", got.Status)
			}
		},
		"a suspension": func(t *testing.T, p *place, _ http.Handler, _ vault.Logon) {
			who := p.person(t, "ines.martin")
			who.Suspended = true
			if _, err := p.House.Room.PutPrincipal(t.Context(), p.Owner, who); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, h := served(t)
			p.Bucket("calls")
			o := p.Put("calls", "one.ogg", append([]byte("OggS"), make([]byte, 1<<20)...), callMeta)
			l := p.invited(t, strongroom.Principal{Name: "ines.martin", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}}, 2)
			media := strings.Replace(openOf(t, h, l, o.Version, "complaint 12"), "/play/", "/media/", 1)
			r := request(http.MethodGet, media, "")
			r.Header.Set("Range", "bytes=0-")
			r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: l.Token})
			w := &slow{httptest.NewRecorder(), func() { end(t, p, h, l) }}
			func() {
				defer func() {
					if broke := recover(); broke != http.ErrAbortHandler { //nolint:errorlint // the value itself
						t.Errorf("the answer ended with %v", broke)
					}
				}()
				h.ServeHTTP(w, r)
			}()
			if n := w.Body.Len(); n == 0 || n > 256<<10 {
				t.Errorf("%d bytes left", n)
			}
		})
	}
}

func (p *place) person(t *testing.T, name string) strongroom.Principal {
	t.Helper()
	all, err := p.House.Room.Principals(t.Context(), p.Owner)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if one.Name == name {
			return one
		}
	}
	t.Fatalf("there is no %s", name)
	return strongroom.Principal{}
}

// Documents are text, whatever they hold.
func TestDocumentsRunNothing(t *testing.T) {
	p, h := served(t)
	p.Bucket("papers")
	l := p.logon(t)
	for name, c := range map[string]struct {
		content string
		says    []string
	}{
		"page.html":   {"<!doctype html><script>alert(1)</script>", []string{"&lt;script&gt;alert(1)"}},
		"image.svg":   {"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", []string{"&lt;svg"}},
		"data.json":   {`{"a":{"b":"<b>"}}`, []string{"&#34;b&#34;: &#34;&lt;b&gt;&#34;"}},
		"mail.eml":    {"From: a@example.com\nSubject: <i>Hi\nContent-Type: text/html\n\n<p>Dear<script>alert(1)</script> all", []string{"&lt;i&gt;Hi", "Dear all", "written in HTML"}},
		"letter.docx": {string(docx(t, "Dear <b>Sir</b>")), []string{"Dear &lt;b&gt;Sir"}},
		"broken.docx": {"PK\x03\x04nonsense", []string{"not what it seems to be"}},
		"tool.exe":    {"MZ\x00\x01\x02", []string{"cannot be shown here"}},
	} {
		o := p.Put("papers", name, []byte(c.content), nil)
		at := openOf(t, h, l, o.Version, "checking")
		got, body := asked(h, l, http.MethodGet, at, nil)
		for _, want := range append(c.says, "owner ·") {
			if name == "tool.exe" && want == "owner ·" || name == "broken.docx" && want == "owner ·" {
				continue
			}
			if got.StatusCode != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("%s answers %s and does not say %q:\n%s", name, got.Status, want, body)
			}
		}
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "onload='alert") {
			t.Errorf("%s runs", name)
		}
		if got, _ := asked(h, l, http.MethodGet, strings.Replace(at, "/play/", "/media/", 1), nil); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s is given out as it is: %s", name, got.Status)
		}
	}
}

// What was declared on storing counts where the beginning leaves a choice.
func TestDeclaredTypeCounts(t *testing.T) {
	p, h := served(t)
	p.Bucket("calls")
	l := p.logon(t)
	content := []byte("\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2")
	o, err := p.House.Room.Put(t.Context(), p.Owner, vault.PutRequest{
		Bucket: "calls", Key: "one", Size: int64(len(content)), Declared: vault.Declared{Headers: map[string]string{"Content-Type": "audio/mp4"}},
	}, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if _, body := asked(h, l, http.MethodGet, openOf(t, h, l, o.Version, "checking"), nil); !strings.Contains(body, `data-kind="audio"`) {
		t.Errorf("a sound without a picture is shown as one:\n%s", body)
	}
}

// No page of an opening outlives the permission, whatever it is of.
func TestPagesAreAskedForAgain(t *testing.T) {
	p, h := served(t)
	p.Bucket("calls")
	l := p.invited(t, strongroom.Principal{Name: "ines.martin", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}}, 2)
	var pages []string
	for name, content := range map[string]string{"a.pdf": "%PDF-1.7 ...", "b.ogg": "OggS...", "c.txt": "Dear all", "d.bin": "MZ\x00"} {
		pages = append(pages, openOf(t, h, l, p.Put("calls", name, []byte(content), callMeta).Version, "complaint 12"))
	}
	who := p.person(t, "ines.martin")
	who.Attributes = map[string][]string{"supervises": {"sales"}}
	if _, err := p.House.Room.PutPrincipal(t.Context(), p.Owner, who); err != nil {
		t.Fatal(err)
	}
	for _, at := range pages {
		if got, body := asked(h, l, http.MethodGet, at, nil); got.StatusCode != http.StatusForbidden || strings.Contains(body, "complaint 12") {
			t.Errorf("%s answers %s:\n%s", at, got.Status, body)
		}
	}
}

func docx(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("word/document.xml")
	if err == nil {
		escaped := strings.NewReplacer("<", "&lt;", "&", "&amp;").Replace(text)
		_, err = fmt.Fprintf(w, `<?xml version="1.0"?><w:document xmlns:w="w"><w:body>%s</w:body></w:document>`, strings.ReplaceAll("<w:p><w:r><w:t>"+escaped+"</w:t></w:r></w:p>", "\n", "</w:t></w:r></w:p><w:p><w:r><w:t>"))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// paper makes a PDF document of pages, each with a line of text.
func paper(lines ...string) []byte {
	var b bytes.Buffer
	var at []int
	object := func(format string, args ...any) {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n"+format+"\nendobj\n", append([]any{len(at)}, args...)...)
	}
	b.WriteString("%PDF-1.4\n")
	var kids strings.Builder
	for i := range lines {
		fmt.Fprintf(&kids, "%d 0 R ", 4+2*i)
	}
	object("<</Type/Catalog/Pages 2 0 R>>")
	object("<</Type/Pages/Count %d/Kids[%s]>>", len(lines), kids.String())
	object("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
	for i, line := range lines {
		object("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R/Resources<</Font<</F 3 0 R>>>>>>", 5+2*i)
		content := fmt.Sprintf("BT /F 24 Tf 72 720 Td (%s) Tj ET", line)
		object("<</Length %d>>\nstream\n%s\nendstream", len(content), content)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, offset := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b, "trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, start)
	return b.Bytes()
}

// What is played is what the player says, within what can have been.
func TestPlayedIsBounded(t *testing.T) {
	p, h := served(t)
	p.Bucket("calls")
	l := p.logon(t)
	o := p.Put("calls", "one.ogg", []byte("OggS..."), callMeta)
	at := strings.Replace(openOf(t, h, l, o.Version, "checking"), "/play/", "/played/", 1)
	say := func(body string) int {
		r := request(http.MethodPost, at, body)
		r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: l.Token})
		got, _ := answer(h, r)
		return got.StatusCode
	}
	for _, bad := range []string{`{"seconds":-1,"length":2}`, `{"seconds":90000,"length":2}`, `{"seconds":1e400}`, `{"seconds":1,"length":1e9}`, `{"x":1}`, `{`} {
		if code := say(bad); code != http.StatusBadRequest {
			t.Errorf("%s answers %d", bad, code)
		}
	}
	for i := range 40 {
		if code := say(fmt.Sprintf(`{"seconds":%f,"length":20}`, 0.1*float64(i+1))); code != http.StatusOK {
			t.Errorf("report %d answers %d", i, code)
		}
	}
	say(`{"seconds":0.05,"length":20}`)
	var most int64
	records := p.records(t, vault.KindContent)
	for _, e := range records {
		most = max(most, e.Played)
		if e.Did != vault.ContentPlayed || e.Outcome != "" || e.Release == nil || e.Version != o.Version {
			t.Errorf("%+v", e)
		}
	}
	if len(records) != 12 || most != 1200 {
		t.Errorf("%d reports are on record, the most is %d ms", len(records), most)
	}
}

// A report that could not be put on record does not count: the next one is.
func TestPlayedCountsOnceOnRecord(t *testing.T) {
	p, h := served(t)
	p.Bucket("calls")
	l := p.logon(t)
	o := p.Put("calls", "one.ogg", []byte("OggS..."), callMeta)
	at := strings.Replace(openOf(t, h, l, o.Version, "checking"), "/play/", "/played/", 1)
	say := func() int {
		r := request(http.MethodPost, at, `{"seconds":1.5,"length":20}`)
		r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: l.Token})
		got, _ := answer(h, r)
		return got.StatusCode
	}
	policy := limit.Default().Text()
	if _, err := p.House.Room.PutPolicy(t.Context(), p.Owner, append(slices.Clone(policy), "\n@id(\"closed\") forbid (principal, action == Action::\"readObject\", resource);\n"...)); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if code := say(); code != http.StatusForbidden {
			t.Fatalf("a report that policy forbids answers %d", code)
		}
	}
	if _, err := p.House.Room.PutPolicy(t.Context(), p.Owner, policy); err != nil {
		t.Fatal(err)
	}
	if code := say(); code != http.StatusOK {
		t.Fatalf("it answers %d", code)
	}
	if all := p.records(t, vault.KindContent); len(all) != 1 || all[0].Played != 1500 {
		t.Errorf("on record is %+v", all)
	}
}

func FuzzSought(f *testing.F) {
	for _, s := range []string{"bytes=0-", "bytes=-5", "bytes=1-2,3-4", "bytes=5-2", "lines=1", "bytes=99999999999999999999-"} {
		f.Add(s, int64(100))
	}
	f.Fuzz(func(t *testing.T, said string, size int64) {
		if size < 0 {
			return
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Range"] = []string{said}
		status, offset, length := console.Sought(r, size)
		switch status {
		case http.StatusOK:
			if offset != 0 || length != size {
				t.Errorf("%q of %d: the whole is %d and %d", said, size, offset, length)
			}
		case http.StatusPartialContent:
			if offset < 0 || length < 1 || offset+length > size {
				t.Errorf("%q of %d: %d and %d", said, size, offset, length)
			}
		case http.StatusRequestedRangeNotSatisfiable:
		default:
			t.Errorf("%q answers %d", said, status)
		}
	})
}

// A supervisor says why, hears a call, follows its transcript, and the ledger tells apart
// what happened.
func TestPlayerJourney(t *testing.T) {
	ctx := browser(t)
	p := open(t)
	p.Bucket("recordings")
	var call strongroom.Object
	centre := synth.New(4711, 6)
	for file := range centre.Files() {
		kind := file.Meta["strongroom-kind"]
		stem, isWave := strings.CutSuffix(file.Key, ".wav")
		if kind == synth.KindCall && isWave && call.Key == "" && file.Meta["strongroom-language"] == "en" {
			call = p.Put("recordings", file.Key, file.Body, file.Meta)
			call.Key = stem
		} else if call.Key != "" && file.Key == call.Key+"_transcript.json" {
			p.Put("recordings", file.Key, file.Body, file.Meta)
		}
	}
	do(t, ctx, "setting up", chromedp.Navigate(p.URL+"/setup#"+p.setupToken()), chromedp.WaitEnabled("#setup"), chromedp.Click("#setup"), sees("Nothing waits for you"))
	start := func(id strongroom.ID, wait chromedp.Action) {
		t.Helper()
		do(t, ctx, "opening", chromedp.Navigate(p.URL+"/recordings/"+id.String()), chromedp.SendKeys("#purpose", "Customer says she was promised a refund"), chromedp.Click(`form[action$="/open"] button`), wait)
	}
	var at float64
	var speed float64
	var label string
	start(call.Version, chromedp.WaitVisible("#lanes canvas"))
	do(t, ctx, "playing", chromedp.WaitReady(`#figures:not([hidden])`), chromedp.Click("#play"),
		chromedp.Poll(`document.getElementById("media").currentTime > 3.5`, nil, chromedp.WithPollingTimeout(2*time.Minute)),
		chromedp.AttributeValue("#play", "aria-label", &label, nil))
	if label != "Pause" {
		t.Errorf("while it plays the button says %q", label)
	}
	do(t, ctx, "reading the transcript", chromedp.Click(`#transcript form button`), chromedp.WaitVisible("#turns .turn button"), chromedp.WaitVisible(`#turns [aria-current]`),
		chromedp.SendKeys("#find", "the"), chromedp.WaitVisible("#turns mark"))
	do(t, ctx, "by keys", chromedp.Evaluate(`document.activeElement.blur(); document.getElementById("media").pause()`, nil), chromedp.KeyEvent("."), chromedp.KeyEvent("l"), chromedp.KeyEvent("m"),
		chromedp.Evaluate(`document.getElementById("media").currentTime`, &at), chromedp.Evaluate(`document.getElementById("media").playbackRate`, &speed))
	if at < 9 || speed != 1.25 {
		t.Errorf("after the keys it stands at %f with speed %f", at, speed)
	}
	axe(t, ctx, "player")
	shots(t, ctx, "player-en")
	inFrench(t, ctx, func() {
		do(t, ctx, "looking", chromedp.WaitReady(`#figures:not([hidden])`))
		shots(t, ctx, "player-fr")
	})
	var copied int64
	do(t, ctx, "downloading", chromedp.Evaluate(`fetch(document.querySelector("form[action$='/download']").action, {method: "POST", body: new URLSearchParams({purpose: "for the court"})}).then((r) => r.arrayBuffer()).then((b) => b.byteLength)`, &copied,
		func(e *runtime.EvaluateParams) *runtime.EvaluateParams { return e.WithAwaitPromise(true) }))
	if copied != call.Size {
		t.Errorf("the copy has %d bytes, the recording %d", copied, call.Size)
	}
	do(t, ctx, "leaving", chromedp.Navigate(p.URL+"/account"), chromedp.WaitVisible("main"))

	var opened, delivered, played, read, downloaded int
	housetest.Eventually(t, "what was delivered and played is on record", func() bool {
		opened, delivered, played, read, downloaded = 0, 0, 0, 0, 0
		for _, e := range append(p.records(t, "release"), append(p.records(t, vault.KindDelivery), p.records(t, vault.KindContent)...)...) {
			switch {
			case e.Version != call.Version:
			case e.Kind == "release":
				opened++
			case e.Kind == vault.KindDelivery && e.Bytes > 0 && e.Inward > 0:
				delivered++
			case e.Did == vault.ContentPlayed && e.Played >= 3000:
				played++
			case e.Did == vault.ContentTranscript:
				read++
			case e.Did == vault.ContentDownload:
				downloaded++
			}
		}
		return delivered > 0 && played > 0
	})
	if opened != 2 || delivered < 1 || played < 1 || read != 1 || downloaded != 1 { // opened to play, and to download
		t.Errorf("on record are %d openings, %d deliveries, %d reports of playing, %d of reading the transcript, %d downloads", opened, delivered, played, read, downloaded)
	}
	do(t, ctx, "the history", chromedp.Navigate(p.URL+"/recordings/"+call.Version.String()), chromedp.WaitVisible("table.done"))
	shots(t, ctx, "player-history-en")
	if s := p.asked.String() + p.log.String(); strings.Contains(s, "refund") || strings.Contains(s, call.Key) {
		t.Errorf("a log or an address holds something of content:\n%s", s)
	}
}

func TestViewersPages(t *testing.T) {
	ctx := browser(t)
	p := open(t)
	p.Bucket("papers")
	video, err := os.ReadFile("testdata/screen.webm")
	if err != nil {
		t.Fatal(err)
	}
	var picture bytes.Buffer
	drawn := image.NewRGBA(image.Rect(0, 0, 900, 500))
	for i := range drawn.Pix {
		drawn.Pix[i] = byte(200 + i/4%900/20)
	}
	drawn.Set(1, 1, color.Black)
	if err := png.Encode(&picture, drawn); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, "setting up", chromedp.Navigate(p.URL+"/setup#"+p.setupToken()), chromedp.WaitEnabled("#setup"), chromedp.Click("#setup"), sees("Nothing waits for you"))
	for _, c := range []struct {
		name, key string
		content   []byte
		wait      chromedp.Action
	}{
		{"viewer-video", "2026/screen.webm", video, chromedp.Poll(`document.getElementById("media").readyState > 1`, nil)},
		{"viewer-image", "2026/claim.png", picture.Bytes(), chromedp.Poll(`document.querySelector("figure img").naturalWidth == 900`, nil)},
		{"viewer-office", "2026/letter.docx", docx(t, strings.Repeat("Dear Sir or Madam,\nI write about the refund of the 3rd of May, which I was promised on the telephone and have not received.\n", 12)), chromedp.WaitVisible(".paper pre")},
		{"viewer-pdf", "2026/claim.pdf", paper("Dear Sir,", "Yours faithfully"), chromedp.Poll(`document.querySelector(".leaf img").naturalWidth == 1100`, nil, chromedp.WithPollingTimeout(2*time.Minute))},
		{"viewer-mail", "2026/note.eml", []byte("From: =?utf-8?q?In=C3=A9s?= Martin <ines@example.com>\nTo: billing@example.com\nDate: Fri, 20 Nov 2026 10:00:00 +0100\nSubject: My refund\nContent-Type: text/plain\n\nGood morning,\n\nI was promised a refund.\n\nInes\n"), chromedp.WaitVisible(".letter")},
	} {
		if raced && c.name == "viewer-pdf" {
			continue
		}
		o := p.Put("papers", c.key, c.content, map[string]string{"strongroom-queue": "billing"})
		do(t, ctx, "opening "+c.key, chromedp.Navigate(p.URL+"/recordings/"+o.Version.String()), chromedp.SendKeys("#purpose", "Complaint 4711"), chromedp.Click(`form[action$="/open"] button`),
			chromedp.WaitVisible(`.veil`), c.wait)
		if c.name == "viewer-video" {
			do(t, ctx, "playing", chromedp.Click("#play"), chromedp.Poll(`document.getElementById("media").currentTime > 0.5`, nil), chromedp.Click("#play"))
		}
		axe(t, ctx, c.name)
		shots(t, ctx, c.name)
	}
	inFrench(t, ctx, func() { shots(t, ctx, "viewer-mail-fr") })

	// Somebody who may open and not download reads why, and asks for it there.
	p.Person(strongroom.Principal{Name: "ines.martin", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}})
	_, token, err := p.House.Room.Invite(t.Context(), p.Owner, "ines.martin")
	if err != nil {
		t.Fatal(err)
	}
	o := p.Put("papers", "2026/claim.txt", []byte("I was promised a refund.\n"), map[string]string{"strongroom-queue": "billing"})
	do(t, ctx, "logging off", chromedp.EmulateViewport(1280, 900), chromedp.Click(`form[action="/logoff"] button`), sees("Log on"))
	do(t, ctx, "as a supervisor", chromedp.Navigate(p.URL+"/setup#"+token), chromedp.WaitEnabled("#setup"), chromedp.Click("#setup"), chromedp.WaitVisible(".tabs"),
		chromedp.Navigate(p.URL+"/recordings/"+o.Version.String()), chromedp.SendKeys("#purpose", "Complaint 4711"), chromedp.Click(`form[action$="/open"] button`), chromedp.WaitVisible(".paper"),
		chromedp.Click(".take summary"), chromedp.SendKeys(".take #purpose", "For the court of Lyon"), chromedp.Click(`form[action$="/download"] button`), sees("You may not download this"))
	axe(t, ctx, "refused")
	shots(t, ctx, "player-refused-en")
	do(t, ctx, "asking", chromedp.EmulateViewport(1280, 900), chromedp.Click(`form[action$="/request"] button`), sees("ines.martin asks to download"))
}

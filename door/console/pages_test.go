package console_test

import (
	"flag"
	"html"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"strongroom/internal/housetest"
)

var update = flag.Bool("update-pages", false, "write the golden pages anew")

// What differs each time that a page is made.
var varying = []struct {
	what *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`test-[0-9a-z]+`), "ROOM"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d(T[0-9:.]+Z?)?\b`), "DATE"},
	{regexp.MustCompile(`\b[0-9a-f]{32,}\b`), "ID"},
	{regexp.MustCompile(`\b[0-9a-f]{8,}…?`), "HEX"},
	{regexp.MustCompile(`[A-Za-z0-9+/]{40,}=*`), "BASE64"},
	{regexp.MustCompile(`\b(SR|CS|PK)[A-Z0-9]{14,}\b`), "KEY"},
	{regexp.MustCompile(`\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun|lun|mar|mer|jeu|ven|sam|dim)\b\.?`), "DAY"},
	{regexp.MustCompile(`\b\d{1,2}(er)? (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|janv\.|févr\.|mars|avr\.|mai|juin|juil\.|août|sept\.|oct\.|nov\.|déc\.)( \d{4})?`), "DATE"},
	{regexp.MustCompile(`(, | à | )?\b\d{1,2}:\d\d(:\d\d)?\b`), " TIME"},
	{regexp.MustCompile(`(in |dans |il y a )?\b\d+ (min|h|s|days?|jours?|ms)\b( ago)?|\bnow\b|\bmaintenant\b`), "SPAN"},
	{regexp.MustCompile(`localhost:\d+|127\.0\.0\.1:\d+`), "HOST"},
	{regexp.MustCompile(`\b\d{2,}\b`), "N"},
}

var (
	unseen = regexp.MustCompile(`(?s)<(script|style|svg|head)\b.*?</(script|style|svg|head)>`)
	tags   = regexp.MustCompile(`(?s)<[^>]*>`)
)

// shown is what a page says, line by line, without what differs each time.
func shown(page string) string {
	if _, inside, ok := strings.Cut(page, "<main"); ok {
		page, _, _ = strings.Cut("<main"+inside, "<footer")
	}
	text := html.UnescapeString(tags.ReplaceAllString(unseen.ReplaceAllString(page, "\n"), "\n"))
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.Join(strings.Fields(line), " "); line == "" {
			continue
		}
		for _, v := range varying {
			line = v.what.ReplaceAllString(line, v.as)
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n") + "\n"
}

// crawl visits every page that a link leads to, one view of each, and waits for those that
// are being worked out.
func crawl(t testing.TB, get func(at string) (*http.Response, string), visit func(at, pattern string, answered *http.Response, page string)) {
	t.Helper()
	seen, queue := map[string]bool{}, []string{"/"}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		path, _, _ := strings.Cut(at, "?")
		pattern := ids.ReplaceAllString(path, "ID")
		if seen[pattern] {
			continue
		}
		seen[pattern] = true
		var answered *http.Response
		var page string
		housetest.Eventually(t, at+" is worked out", func() bool {
			answered, page = get(at)
			return !strings.Contains(page, "data-running")
		})
		visit(at, pattern, answered, page)
		for _, link := range links.FindAllStringSubmatch(page, -1) {
			queue = append(queue, html.UnescapeString(link[1]))
		}
	}
}

// Every page that a link leads to says what it said when somebody last looked, in both
// languages. With -update-pages it is written down anew, to be read.
func TestGoldenPages(t *testing.T) {
	p, h := served(t)
	p.inhabited(t)
	l := p.logon(t)
	for _, lang := range []string{"en", "fr"} {
		folder := filepath.Join("testdata", "pages", lang)
		got := map[string]string{}
		crawl(t, func(at string) (*http.Response, string) {
			r := request(http.MethodGet, at, "")
			r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: l.Token})
			r.AddCookie(&http.Cookie{Name: "strongroom-language", Value: lang})
			return answer(h, r)
		}, func(at, pattern string, answered *http.Response, page string) {
			if answered.StatusCode != http.StatusOK {
				t.Errorf("%s answers %s: %s", at, answered.Status, shown(page))
				return
			}
			if !strings.HasPrefix(answered.Header.Get("Content-Type"), "text/html") {
				return
			}
			name := strings.Trim(strings.ReplaceAll(pattern, "/", "-"), "-")
			if name == "" {
				name = "today"
			}
			switch got[name] = shown(page); name {
			case "ledger": // who has signed so far differs, and a test of its own reads it
				delete(got, name)
			case "people-keys", "access-people-ID": // keys made within one second come in any order, and any hour may be the one
				got[name] = strings.Join(slices.Sorted(strings.SplitSeq(got[name], "\n")), "\n")
			}
		})
		if *update {
			if err := os.RemoveAll(folder); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			for name, text := range got {
				if err := os.WriteFile(filepath.Join(folder, name+".txt"), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			continue
		}
		files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
		if err != nil || len(files) != len(got) {
			t.Errorf("%s: there are %d pages and %d golden ones, %v", lang, len(got), len(files), err)
		}
		for name, text := range got {
			want, err := os.ReadFile(filepath.Join(folder, name+".txt"))
			if err != nil {
				t.Errorf("a page that nobody has looked at: %v", err)
				continue
			}
			if string(want) != text {
				t.Errorf("%s in %s says otherwise than testdata/pages (go test ./door/console -run Golden -update-pages, and read what changed):\n%s", name, lang, differing(string(want), text))
			}
		}
	}
}

// differing are the first lines that two texts do not share.
func differing(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	var out []string
	for _, line := range a {
		if !slices.Contains(b, line) {
			out = append(out, "- "+line)
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			out = append(out, "+ "+line)
		}
	}
	return strings.Join(out[:min(len(out), 20)], "\n")
}

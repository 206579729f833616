package console

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom/alert"
	"strongroom/vault"
	"strongroom/web"
)

var verb = regexp.MustCompile(`%[a-z]`)

// Every text is there in both languages, with the same gaps to fill in and as many forms.
func TestWordsAreWhole(t *testing.T) {
	total := 0
	for _, some := range texts {
		total += len(some)
	}
	if total != len(words) {
		t.Errorf("%d texts have %d keys: one key has two texts", total, len(words))
	}
	for key, s := range words {
		if s.en == "" || s.fr == "" {
			t.Errorf("%s is %q and %q", key, s.en, s.fr)
		}
		en, fr := strings.Split(s.en, "|"), strings.Split(s.fr, "|")
		if len(en) != len(fr) || len(en) > 2 {
			t.Errorf("%s has %d forms in English and %d in French", key, len(en), len(fr))
		}
		want := verb.FindAllString(en[0], -1)
		for _, form := range append(en, fr...) {
			if got := verb.FindAllString(form, -1); !slices.Equal(got, want) {
				t.Errorf("%s: %q has the gaps %v, and another form %v", key, form, got, want)
			}
		}
	}
}

// Pages are read when they are first shown; none must fail only then.
func TestPagesAreRead(t *testing.T) {
	pages, err := loadPages()
	if err != nil || len(pages) < 10 {
		t.Fatalf("there are %d pages, %v", len(pages), err)
	}
	for _, page := range pages {
		if one, err := page(); err != nil {
			t.Error(err)
		} else if one.Lookup("content") == nil {
			t.Errorf("%s has no content", one.Name())
		}
	}
}

// Every key that a page names is there; and every text is named somewhere.
func TestPagesNameWords(t *testing.T) {
	call := regexp.MustCompile(`\$?\w*(?:\.Page)?\.?(T|N) "([a-z.]+)"`)
	family := regexp.MustCompile(`print "([a-z]+\.)"`)
	used, families := map[string]bool{}, []string{"nav.", "said.", "error.", "logon.", "setup.", "confirm.", "time.", "account.browser", "age.", "bears.", "flow.", "inventory.", "request.becomes", "player.left", "player.right", "player.why", "player.bare", "player.agent", "player.transcript.none", "shown.", "recordings.wrong", "refusal.", "kind.", "class.", "doing.", "asks.", "act.", "language.", "attribute.", "detector.", "voice."}
	names, err := fs.Glob(web.Pages, "pages/*.html")
	if err != nil || len(names) < 10 {
		t.Fatalf("found the pages %v, %v", names, err)
	}
	parts, err := fs.Glob(web.Pages, "pages/parts/*.html")
	if err != nil {
		t.Fatal(err)
	}
	names = append(names, parts...)
	for _, name := range names {
		text, err := fs.ReadFile(web.Pages, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllStringSubmatch(string(text), -1) {
			used[m[2]] = true
			if s, ok := words[m[2]]; !ok || (m[1] == "N") != strings.Contains(s.en, "|") {
				t.Errorf("%s says %s %q, which is %+v", name, m[1], m[2], s)
			}
		}
		for _, m := range family.FindAllStringSubmatch(string(text), -1) {
			families = append(families, m[1])
		}
	}
	for key := range words {
		if !used[key] && !slices.ContainsFunc(families, func(f string) bool { return strings.HasPrefix(key, f) }) && !strings.HasSuffix(key, ".title") {
			t.Errorf("nothing says %s", key)
		}
	}
	for _, action := range vault.Requestable {
		if !known("action." + string(action)) {
			t.Errorf("there is no word for the action %s", action)
		}
	}
	for _, s := range severityOrder {
		if !known("severity." + string(s)) {
			t.Errorf("there is no word for the severity %s", s)
		}
	}
	for _, s := range []alert.State{alert.Open, alert.Acknowledged, alert.Past, alert.Tested} {
		if !known("state." + string(s)) {
			t.Errorf("there is no word for the state %s", s)
		}
	}
}

func TestForms(t *testing.T) {
	at := time.Date(2026, 8, 3, 14, 5, 0, 0, time.UTC)
	for _, c := range []struct{ got, want string }{
		{number("en", 1234567), "1,234,567"}, {number("fr", 1234567), "1\u202f234\u202f567"}, {number("en", -999), "-999"}, {number("en", -1000), "-1,000"}, {number("fr", 0), "0"},
		{day("en", at), "3\u00a0Aug\u00a02026"}, {day("fr", at), "3\u00a0août\u00a02026"},
		{date("en", at), "3\u00a0Aug\u00a02026, 14:05"}, {date("fr", at), "3\u00a0août\u00a02026 à\u00a014:05"},
		{away("en", at.Add(90*time.Minute), at), "in 1 h"}, {away("fr", at.Add(-5*time.Minute), at), "il y a 5 min"}, {away("en", at, at), "now"}, {away("en", at.Add(-72*time.Hour), at), "3 days ago"},
		{sayN("en", "people.sessions", 0), "0 sessions"}, {sayN("fr", "people.sessions", 0), "0 session"}, {sayN("en", "people.sessions", 1), "1 session"}, {sayN("fr", "request.objects", 2), "2 enregistrements"},
		{say("fr", "today.review.line", "ines", "why"), "ines a ouvert un accès d’urgence\u00a0: why"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// The worst alerts are seen first, and of equals the newest, as they came.
func TestWorstFirst(t *testing.T) {
	all := []alert.Alert{{Condition: "a", Severity: alert.Low}, {Condition: "b", Severity: alert.High}, {Condition: "c", Severity: alert.Critical}, {Condition: "d", Severity: alert.High}, {Condition: "e", Severity: alert.Medium}}
	worstFirst(all)
	order := ""
	for _, a := range all {
		order += a.Condition
	}
	if order != "cbdea" {
		t.Errorf("they are in the order %s, want cbdea", order)
	}
}

func TestLanguage(t *testing.T) {
	for accept, want := range map[string]string{
		"": "en", "*": "en", "de": "en", "de,fr": "fr", "fr": "fr", "FR-ca": "fr", "en,fr": "en", "fr,en": "fr",
		"en;q=0.3, fr;q=0.9": "fr", "fr;q=0.3,en": "en", "fr;q=0": "en", "fr; q=0.5": "fr", "fr;q=much": "en", "frisian": "en", ",,;;q": "en",
	} {
		if got := language(accept); got != want {
			t.Errorf("%q answers %s, want %s", accept, got, want)
		}
	}
}

// A challenge is answered once, in time, for what it was made for, by whom it was put to.
func TestCeremonies(t *testing.T) {
	var s ceremonies
	now := time.Now()
	begin := func(act, of string) string {
		id, err := s.begin(ceremony{act: act, of: of}, now)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	good := begin("logon", "a")
	if _, err := s.take(good, "logon", "a", now); err != nil {
		t.Error(err)
	}
	if _, err := s.take(good, "logon", "a", now); err == nil {
		t.Error("a challenge was answered twice")
	}
	for _, c := range []struct {
		act, of string
		at      time.Time
	}{{"approve 1", "a", now}, {"logon", "b", now}, {"logon", "a", now.Add(ceremonyLife)}} {
		id := begin("logon", "a")
		if _, err := s.take(id, c.act, c.of, c.at); err == nil {
			t.Errorf("a challenge to a to log on was taken as %q by %s at %s", c.act, c.of, c.at.Sub(now))
		}
		if _, err := s.take(id, "logon", "a", now); err == nil {
			t.Error("a challenge that was tried wrongly goes on")
		}
	}
	for range ceremoniesPerSource {
		begin("logon", "c")
	}
	if _, err := s.begin(ceremony{of: "c"}, now); err == nil {
		t.Error("one source has challenges without end")
	}
	if _, err := s.begin(ceremony{of: "d"}, now); err != nil {
		t.Errorf("another source is kept out: %v", err)
	}
	if _, err := s.begin(ceremony{of: "c"}, now.Add(ceremonyLife)); err != nil {
		t.Errorf("challenges that nobody answered stay: %v", err)
	}
}

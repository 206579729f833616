package console

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden pages anew")

// serve answers one request of a console with these checks.
func serve(t *testing.T, r *http.Request, checks ...Check) (*http.Response, string, []string) {
	t.Helper()
	var failed []string
	h := New(Config{
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "strongroom_up 1\n") }),
		Ready:   checks,
		S3:      "https://s3.example:7480",
		Failed:  func(check string, err error) { failed = append(failed, check+": "+err.Error()) },
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), w.Body.String(), failed
}

func get(path, accept string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Language", accept)
	return r
}

func TestPages(t *testing.T) {
	for _, c := range []struct{ path, accept, lang, golden string }{
		{"/", "en-GB,en;q=0.9", "en", "landing.en.html"},
		{"/", "fr-FR,fr;q=0.9,en;q=0.8", "fr", "landing.fr.html"},
		{"/setup", "en", "en", "setup.en.html"},
		{"/setup", "fr", "fr", "setup.fr.html"},
	} {
		t.Run(c.golden, func(t *testing.T) {
			answer, body, _ := serve(t, get(c.path, c.accept))
			if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" {
				t.Errorf("answered %s, %s", answer.Status, answer.Header.Get("Content-Type"))
			}
			if got := answer.Header.Get("Content-Language"); got != c.lang {
				t.Errorf("language %q, want %q", got, c.lang)
			}
			if answer.Header.Get("Vary") != "Accept-Language" {
				t.Error("a cache is not told that the page depends on the language")
			}
			path := filepath.Join("testdata", c.golden)
			if *update {
				if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if body != string(want) {
				t.Errorf("the page is not that of %s; run go test -update and look at the difference", path)
			}
		})
	}
}

// Every word of one language has its counterpart in the other, and none is the template's own.
func TestPagesAreWhole(t *testing.T) {
	for _, lang := range []string{"en", "fr"} {
		for word := range words["en"] {
			if words[lang][word] == "" {
				t.Errorf("%s has no %s", lang, word)
			}
		}
		if len(words[lang]) != len(words["en"]) {
			t.Errorf("%s has %d words, en %d", lang, len(words[lang]), len(words["en"]))
		}
	}
	for _, path := range []string{"/", "/setup"} {
		_, body, _ := serve(t, get(path, "fr"))
		for _, word := range []string{"What", "S3", "State", "Health", "Ready", "Metrics"} {
			if english := words["en"][word]; strings.Contains(body, english) {
				t.Errorf("the French %s says %q", path, english)
			}
		}
		for _, foreign := range []string{"<script", "http-equiv", "@import", "url(", "src="} {
			if strings.Contains(body, foreign) {
				t.Errorf("%s holds %q", path, foreign)
			}
		}
	}
}

func TestLanguage(t *testing.T) {
	for accept, want := range map[string]string{
		"": "en", "*": "en", "de": "en", "de,fr": "fr", "fr": "fr", "FR-ca": "fr", "en,fr": "en", "fr,en": "fr",
		"en;q=0.3, fr;q=0.9": "fr", "fr;q=0.3,en": "en", "fr;q=0": "en", "fr; q=0.5": "fr", "fr;q=much": "en",
		"frisian": "en", ",,;;q": "en",
	} {
		if got := language(accept); got != want {
			t.Errorf("%q answers %s, want %s", accept, got, want)
		}
	}
}

// Whatever is answered, a page keeps to itself.
func TestHeaders(t *testing.T) {
	for _, path := range []string{"/", "/setup", "/healthz", "/readyz", "/metrics", "/nowhere"} {
		answer, _, _ := serve(t, get(path, "en"))
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Set-Cookie": "",
		} {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		policy := answer.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %q", path, policy, want)
			}
		}
		if strings.Contains(policy, "script-src") || strings.Contains(policy, "http") {
			t.Errorf("%s: the policy %q lets scripts or other hosts in", path, policy)
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/nowhere", http.StatusNotFound},
		{http.MethodGet, "/setup/more", http.StatusNotFound},
		{http.MethodGet, "/index.html", http.StatusNotFound},
		{http.MethodPost, "/", http.StatusMethodNotAllowed},
		{http.MethodDelete, "/metrics", http.StatusMethodNotAllowed},
		{http.MethodHead, "/", http.StatusOK},
		{http.MethodHead, "/healthz", http.StatusOK},
	} {
		if answer, _, _ := serve(t, httptest.NewRequest(c.method, c.path, nil)); answer.StatusCode != c.want {
			t.Errorf("%s %s answers %d, want %d", c.method, c.path, answer.StatusCode, c.want)
		}
	}
}

func TestHealthAndMetrics(t *testing.T) {
	answer, body, _ := serve(t, get("/healthz", ""))
	if answer.StatusCode != http.StatusOK || body != "ok\n" {
		t.Errorf("health answers %s %q", answer.Status, body)
	}
	// Alive is not ready: a server that cannot store is not to be restarted for it.
	answer, _, _ = serve(t, get("/healthz", ""), Check{"ledger", func(context.Context) error { return errors.New("disk full") }})
	if answer.StatusCode != http.StatusOK {
		t.Errorf("health answers %s while not ready", answer.Status)
	}
	answer, body, _ = serve(t, get("/metrics", ""))
	if answer.StatusCode != http.StatusOK || body != "strongroom_up 1\n" {
		t.Errorf("metrics answer %s %q", answer.Status, body)
	}
}

func TestReady(t *testing.T) {
	fine := Check{"ledger 1", func(context.Context) error { return nil }}
	broken := Check{"disk 1", func(context.Context) error { return errors.New("write /srv/secret-path: no space left") }}
	var deadline bool
	slow := Check{"custodian 1", func(ctx context.Context) error {
		_, deadline = ctx.Deadline()
		return nil
	}}

	answer, body, failed := serve(t, get("/readyz", ""), fine, slow)
	if answer.StatusCode != http.StatusOK || len(failed) != 0 {
		t.Errorf("answers %s, failed %v", answer.Status, failed)
	}
	if got := states(t, answer, body); got["ledger 1"] != "ok" || got["custodian 1"] != "ok" || len(got) != 2 {
		t.Errorf("states %v", got)
	}
	if !deadline {
		t.Error("a check that hangs would hang the answer")
	}

	answer, body, failed = serve(t, get("/readyz", ""), fine, broken, slow)
	if answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("answers %s with a broken disk", answer.Status)
	}
	if got := states(t, answer, body); got["ledger 1"] != "ok" || got["disk 1"] != "failed" || got["custodian 1"] != "ok" {
		t.Errorf("states %v", got)
	}
	if strings.Contains(body, "secret-path") {
		t.Errorf("the page tells the log's error: %s", body)
	}
	if len(failed) != 1 || !strings.Contains(failed[0], "no space left") {
		t.Errorf("the log is told %v", failed)
	}
}

func states(t *testing.T, answer *http.Response, body string) map[string]string {
	t.Helper()
	if got := answer.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q", got)
	}
	var got map[string]string
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

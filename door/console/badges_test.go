package console_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// What waits stays beside the navigation from page to page, until something is done about
// it or some minutes have gone by; and it is not read again for that.
func TestCountsStayBesideTheNavigation(t *testing.T) {
	p := open(t)
	p.inhabited(t)
	l := p.logon(t)
	var later time.Duration
	h := p.consoleAt(t, origin, p.quiet(), func() time.Time { return time.Now().Add(later) })
	get := func(method, path, body string) string {
		t.Helper()
		r := request(method, path, body)
		r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: l.Token})
		got, page := answer(h, r)
		if method == http.MethodGet && got.StatusCode != http.StatusOK {
			t.Fatalf("%s answers %s", path, got.Status)
		}
		return page
	}
	counts := func(page string) int {
		side, _, _ := strings.Cut(page, "<main")
		return strings.Count(side, `class="count"`)
	}
	if n := counts(get(http.MethodGet, "/policies", "")); n != 0 {
		t.Errorf("before anything was read, %d counts stand beside the navigation", n)
	}
	if n := counts(get(http.MethodGet, "/", "")); n != 2 {
		t.Fatalf("Today counts %d things, want a request and an alert", n)
	}
	lists := len(p.records(t, "alert"))
	if lists == 0 {
		t.Fatal("no record says that alerts were read")
	}
	if n := counts(get(http.MethodGet, "/policies", "")); n != 2 {
		t.Errorf("the page after it shows %d counts, want 2", n)
	}
	if more := len(p.records(t, "alert")) - lists; more != 0 {
		t.Errorf("%d records say that alerts were read for a count", more)
	}
	get(http.MethodPost, "/alerts/00000000000000000000000000000001/acknowledge", "note=x")
	if n := counts(get(http.MethodGet, "/policies", "")); n != 1 {
		t.Errorf("after something was done about alerts %d counts are shown, want that of requests alone", n)
	}
	later = 6 * time.Minute
	if n := counts(get(http.MethodGet, "/policies", "")); n != 0 {
		t.Errorf("after some minutes %d counts are shown still", n)
	}
}

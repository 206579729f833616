package api_test

import (
	"net/http"
	"strings"
	"testing"

	"strongroom"
	"strongroom/people"
	"strongroom/vault"
)

// A workload's finding goes on record as theirs, and becomes an alert; a person's, and what
// is no finding, does not.
func TestFindings(t *testing.T) {
	r, c := open(t)
	r.Person(strongroom.Principal{Name: "drain", Kind: strongroom.Workload})
	drain := client{t, c.url, tokenOf(t, r, "drain", people.ScopeAPI)}
	size := r.House.Book.Head().Size
	drain.want(http.StatusNoContent, "POST", "/findings", body{"kind": "landing-overdue", "detail": "3 files since 09:00"}, nil)
	if got := r.House.Book.Head().Size; got != size+1 {
		t.Fatalf("%d records more", got-size)
	}
	record, err := r.House.Book.Record(t.Context(), size)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := vault.EventOf(record); err != nil || e.Kind != vault.KindFinding || e.Did != "landing-overdue" || e.Subject != "drain" || e.Detail != "3 files since 09:00" || e.RequestID == "" {
		t.Errorf("on record is %+v, %v", e, err)
	}
	for name, content := range map[string]body{
		"no kind": {"detail": "x"}, "a kind of several words": {"kind": "a b", "detail": "x"}, "capitals": {"kind": "Release", "detail": "x"},
		"no detail": {"kind": "x", "detail": ""}, "a long detail": {"kind": "x", "detail": strings.Repeat("x", 1025)}, "more": {"kind": "x", "detail": "x", "actor": "owner"},
	} {
		if resp := drain.ask("POST", "/findings", content, nil); resp.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	if resp := drain.ask("POST", "/findings", body{"kind": "x", "detail": "two\nlines"}, nil); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("two lines: %d", resp.StatusCode)
	}
	if got := r.House.Book.Head().Size; got != size+1 {
		t.Errorf("%d records of what is no finding", got-size-1)
	}
	c.want(http.StatusForbidden, "POST", "/findings", body{"kind": "landing-overdue", "detail": "3 files"}, nil) // a person
	client{t, c.url, tokenOf(t, r, "drain", people.ScopeAPIRead)}.want(http.StatusForbidden, "POST", "/findings", body{"kind": "landing-overdue", "detail": "3 files"}, nil)
}

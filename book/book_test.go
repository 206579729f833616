package book

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"reflect"
	"testing"

	"strongroom/ledger"
)

// The digest commits to every field, and to where one ends and the next begins.
func TestDigest(t *testing.T) {
	base := Row{Kind: "kind", ID: "id", Parent: "parent", Tag: "tag", Ref: "ref", Salt: [16]byte{1}, Body: []byte("body")}
	seen := map[string]string{}
	for name, change := range map[string]func(*Row){
		"as it is":       func(*Row) {},
		"kind":           func(r *Row) { r.Kind += "x" },
		"id":             func(r *Row) { r.ID += "x" },
		"parent":         func(r *Row) { r.Parent += "x" },
		"tag":            func(r *Row) { r.Tag += "x" },
		"ref":            func(r *Row) { r.Ref += "x" },
		"salt":           func(r *Row) { r.Salt[15]++ },
		"body":           func(r *Row) { r.Body = []byte("bodyx") },
		"nothing in it":  func(r *Row) { *r = Row{} },
		"a border moved": func(r *Row) { r.Kind, r.ID = "kindi", "d" },
		"tag and ref":    func(r *Row) { r.Tag, r.Ref = r.Ref, r.Tag },
	} {
		r := base
		change(&r)
		if other, ok := seen[r.Digest()]; ok {
			t.Errorf("%q and %q have one digest", name, other)
		}
		seen[r.Digest()] = name
	}
	a, b := NewRow("k", "i", []byte("same")), NewRow("k", "i", []byte("same"))
	if a.Salt == b.Salt || a.Digest() == b.Digest() {
		t.Error("equal rows have one digest, so that the ledger tells which are equal")
	}
}

func record(t *testing.T, index int64, m Marks) ledger.Record {
	t.Helper()
	evidence, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Record{Index: index, Evidence: evidence}
}

func all(rows ...Row) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// State follows the marks that Change itself makes.
func TestState(t *testing.T) {
	a, a2, b := NewRow("k", "a", nil), NewRow("k", "a", []byte("2")), NewRow("k", "b", nil)
	p1, p2, q1 := NewRow("part", "p.1", nil), NewRow("part", "p.2", nil), NewRow("part", "q.1", nil)
	s := NewState()
	for i, c := range []Change{
		{Put: []Row{a, b, p1, p2, q1}},
		{Put: []Row{a2}},
		{Drop: []RowKey{{"k", "b"}, {"k", "never there"}}, DropUnder: []RowKey{{"part", "p"}}},
		{},
		{DropUnder: []RowKey{{"part", "p"}}, Put: []Row{p1}}, // drops come first
	} {
		if err := s.Add(record(t, int64(i), c.Marks())); err != nil {
			t.Fatal(err)
		}
	}
	compare := func(rows iter.Seq2[Row, error]) StateReport {
		t.Helper()
		r, err := s.Compare(t.Context(), rows)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := compare(all(a2, p1, q1)); !r.Sound() || r.Rows != 3 {
		t.Errorf("as recorded: %+v", r)
	}
	for name, c := range map[string]struct {
		rows iter.Seq2[Row, error]
		want StateReport
	}{
		"altered": {all(a, p1, q1), StateReport{Rows: 3, Altered: []RowKey{{"k", "a"}}}},
		"missing": {all(p1), StateReport{Rows: 1, Missing: []RowKey{{"k", "a"}, {"part", "q.1"}}}},
		"extra":   {all(a2, b, p1, q1), StateReport{Rows: 4, Extra: []RowKey{{"k", "b"}}}},
		"none":    {all(), StateReport{Missing: []RowKey{{"k", "a"}, {"part", "p.1"}, {"part", "q.1"}}}},
	} {
		if r := compare(c.rows); r.Sound() || !reflect.DeepEqual(r, c.want) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	unread := compare(func(yield func(Row, error) bool) {
		_ = yield(a2, nil) && yield(Row{}, errors.New("does not open")) && yield(q1, nil)
	})
	if unread.Sound() || len(unread.Unread) != 1 || len(unread.Missing) != 1 {
		t.Errorf("unread: %+v", unread)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Compare(ctx, all(a2)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A record whose evidence is gone, or is no evidence, leaves the state in doubt.
func TestStateNeedsEvidence(t *testing.T) {
	for _, evidence := range []string{"", "{", "[]", `{"rows":{}}`, `{"rows":[1]}`} {
		if err := NewState().Add(ledger.Record{Index: 4, Evidence: []byte(evidence)}); err == nil {
			t.Errorf("%q passed", evidence)
		}
	}
	if err := NewState().Add(ledger.Record{Evidence: []byte(`{"action":"list","rows":null}`)}); err != nil {
		t.Error(err)
	}
}

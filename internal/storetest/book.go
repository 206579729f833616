package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"strongroom"
	"strongroom/book"
	"strongroom/ledger"
)

// Shelf is where books of one kind lie.
type Shelf struct {
	Room   strongroom.ID
	Ledger note.Verifier // of the room's checkpoints
	// Open opens the one book of this shelf, each time as another process would; it is
	// closed when the test ends.
	Open func(t *testing.T) book.Book
	// OpenEpoch begins a new epoch in a book that Open answered.
	OpenEpoch func(context.Context, book.Book, ledger.Entry) (book.Receipt, error)
	// Refresh has a book look for what others committed.
	Refresh func(context.Context, book.Book) error
	// Keep answers a function that puts the records back to what they are now, behind
	// the backs of those who have the book open; nil where that cannot be done.
	Keep func(t *testing.T) (rollBack func())
	// Ahead sets the clock of the shelf's books forward, or back.
	Ahead func(time.Duration)
}

// Book tests what book.Book promises. Each call of shelf answers an empty one.
func Book(t *testing.T, shelf func(t *testing.T) Shelf) {
	for name, test := range map[string]func(*testing.T, Shelf){
		"Rows":         rows,
		"Conditions":   conditions,
		"Refusals":     refusals,
		"Batch":        batch,
		"Concurrency":  concurrency,
		"Proofs":       proofs,
		"Followers":    followers,
		"TwoOpeners":   twoOpeners,
		"Reopening":    reopening,
		"RollBack":     rollBack,
		"Epochs":       epochs,
		"Witnessed":    witnessed,
		"Clock":        clockBehind,
		"Cancellation": cancellation,
		"State":        state,
	} {
		t.Run(name, func(t *testing.T) { test(t, shelf(t)) })
	}
}

// change completes a change with an entry that carries its marks.
func change(c book.Change) book.Change {
	var marks []string
	for _, m := range c.Marks().Rows {
		marks = append(marks, fmt.Sprintf(`{"kind":%q,"id":%q,"digest":%q,"under":%q}`, m.Kind, m.ID, m.Digest, m.Under))
	}
	c.Entries = append(c.Entries, ledger.Entry{Kind: "test", Evidence: fmt.Appendf(nil, `{"rows":[%s]}`, strings.Join(marks, ",")), Personal: []byte(`{"who":"somebody"}`)})
	return c
}

func put(rows ...book.Row) book.Change { return change(book.Change{Put: rows}) }

func row(kind, id, parent, tag, ref, body string) book.Row {
	r := book.NewRow(kind, id, []byte(body))
	r.Parent, r.Tag, r.Ref = parent, tag, ref
	return r
}

func apply(t *testing.T, b book.Book, c book.Change) book.Receipt {
	t.Helper()
	r, err := b.Apply(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func all[T any](t *testing.T, seq iter.Seq2[T, error]) (out []T) {
	t.Helper()
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

func ids(rows []book.Row) string {
	var out []string
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return strings.Join(out, " ")
}

// same reports whether two rows are one.
func same(a, b book.Row) bool { return a.Digest() == b.Digest() }

func rows(t *testing.T, s Shelf) {
	b, ctx := s.Open(t), t.Context()
	odd := "\x00 'quoted' \"and\" – ünïcode;--"
	want := row("k", "a", "p", "t", "ref1", odd)
	apply(t, b, put(want, row("k", "c", "p", "t", "ref1", ""), row("k", "b", "q", "t", "", "x"), row("other", "a", "p", "t", "ref2", "y")))
	if got, err := b.Row(ctx, "k", "a"); err != nil || !same(got, want) || string(got.Body) != odd {
		t.Errorf("a row comes back as %+v, %v", got, err)
	}
	for _, k := range []book.RowKey{{Kind: "k", ID: "z"}, {Kind: "z", ID: "a"}, {Kind: "k", ID: ""}} {
		if _, err := b.Row(ctx, k.Kind, k.ID); !errors.Is(err, book.ErrNoRow) {
			t.Errorf("a row that is not there: %v", err)
		}
	}
	if found, err := b.Find(ctx, "k", "p", "t"); err != nil || ids(found) != "a c" {
		t.Errorf("found %q, %v", ids(found), err)
	}
	if found, err := b.Find(ctx, "k", "p", "other"); err != nil || len(found) != 0 {
		t.Errorf("found %q, %v", ids(found), err)
	}
	if got := ids(all(t, b.Rows(ctx, "k", ""))); got != "a b c" {
		t.Errorf("all of a kind: %q", got)
	}
	if got := ids(all(t, b.Rows(ctx, "k", "p"))); got != "a c" {
		t.Errorf("all of a parent: %q", got)
	}
	if got, err := b.Referring(ctx, "ref1"); err != nil || ids(got) != "a c" {
		t.Errorf("referring: %q, %v", ids(got), err)
	}
	if got, err := b.Referring(ctx, ""); err != nil || len(got) != 0 {
		t.Errorf("referring to nothing: %q, %v", ids(got), err)
	}
	for range b.Rows(ctx, "k", "") {
		break // an iteration that is broken off holds nothing back
	}

	newer := row("k", "a", "q", "u", "", "newer")
	apply(t, b, put(newer))
	if got, err := b.Row(ctx, "k", "a"); err != nil || !same(got, newer) {
		t.Errorf("a row that was replaced: %+v, %v", got, err)
	}
	apply(t, b, change(book.Change{Drop: []book.RowKey{{Kind: "k", ID: "b"}, {Kind: "k", ID: "never there"}}, DropUnder: []book.RowKey{{Kind: "k", ID: "p"}}}))
	if got := ids(all(t, b.Rows(ctx, "k", ""))); got != "a" {
		t.Errorf("after the drops: %q", got)
	}
	if _, err := b.Row(ctx, "other", "a"); err != nil {
		t.Errorf("a row of another kind under the same parent: %v", err)
	}
	// Drops come before puts, so that a key can change hands in one change.
	apply(t, b, change(book.Change{Drop: []book.RowKey{{Kind: "k", ID: "a"}}, Put: []book.Row{row("k", "a", "p", "", "", "again")}}))
	if got, err := b.Row(ctx, "k", "a"); err != nil || string(got.Body) != "again" {
		t.Errorf("dropped and put: %q, %v", got.Body, err)
	}
}

func conditions(t *testing.T, s Shelf) {
	b := s.Open(t)
	apply(t, b, put(row("k", "a", "p", "t", "", ""), row("k", "b", "q", "u", "", ""), row("k", "c", "q", "u", "", "")))
	was, err := b.Row(t.Context(), "k", "a")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		book.Condition
		holds bool
	}{
		{book.Condition{Form: book.Exists, Kind: "k", ID: "a"}, true},
		{book.Condition{Form: book.Exists, Kind: "k", ID: "z"}, false},
		{book.Condition{Form: book.Exists, Kind: "z", ID: "a"}, false},
		{book.Condition{Form: book.Absent, Kind: "k", ID: "a"}, false},
		{book.Condition{Form: book.Absent, Kind: "k", ID: "z"}, true},
		{book.Condition{Form: book.Only, Kind: "k", Parent: "p", Tag: "t", ID: "a"}, true},
		{book.Condition{Form: book.Only, Kind: "k", Parent: "p", Tag: "t", ID: "b"}, false},
		{book.Condition{Form: book.Only, Kind: "k", Parent: "p", Tag: "t", ID: ""}, false},
		{book.Condition{Form: book.Only, Kind: "k", Parent: "p", Tag: "none", ID: ""}, true},
		{book.Condition{Form: book.Only, Kind: "k", Parent: "p", Tag: "none", ID: "a"}, false},
		{book.Condition{Form: book.Only, Kind: "k", Parent: "q", Tag: "u", ID: "b"}, false}, // there are two
		{book.Condition{Form: book.Childless, Kind: "k", Parent: "z"}, true},
		{book.Condition{Form: book.Childless, Kind: "k", Parent: "q"}, false},
		{book.Condition{Form: book.Childless, Kind: "z", Parent: "q"}, true},
		{book.Condition{Form: book.Unchanged, Kind: "k", ID: "a", Salt: was.Salt}, true},
		{book.Condition{Form: book.Unchanged, Kind: "k", ID: "b", Salt: was.Salt}, false},
		{book.Condition{Form: book.Unchanged, Kind: "k", ID: "z", Salt: was.Salt}, false},
		{book.Condition{Form: book.Unchanged, Kind: "k", ID: "a"}, false},
		{book.Condition{Kind: "k", ID: "a"}, false}, // no form: a doubt
	} {
		size := b.Head().Size
		id := strongroom.NewID().String()
		r, err := b.Apply(t.Context(), change(book.Change{Require: []book.Condition{c.Condition}, Put: []book.Row{row("new", id, "", "", "", "")}}))
		_, missing := b.Row(t.Context(), "new", id)
		if c.holds {
			if err != nil || missing != nil || len(r.Records) != 1 {
				t.Errorf("%+v holds: %v, %v", c.Condition, err, missing)
			}
			continue
		}
		broken, ok := errors.AsType[*book.ConditionError](err)
		if !ok || broken.Condition != c.Condition {
			t.Errorf("%+v does not hold: %v", c.Condition, err)
		}
		if !errors.Is(missing, book.ErrNoRow) || b.Head().Size != size || len(r.Records) != 0 {
			t.Errorf("%+v does not hold, and something was written: %v", c.Condition, missing)
		}
	}
}

func refusals(t *testing.T, s Shelf) {
	b := s.Open(t)
	apply(t, b, put(row("k", "a", "", "", "", "first")))
	size := b.Head().Size
	entry := ledger.Entry{Kind: "test", Evidence: []byte(`{}`)}
	for name, c := range map[string]book.Change{
		"rows without an entry": {Put: []book.Row{row("k", "a", "", "", "", "unrecorded")}},
		"nothing at all":        {},
		"no evidence":           {Put: []book.Row{row("k", "a", "", "", "", "unrecorded")}, Entries: []ledger.Entry{{Kind: "test"}}},
		"too much evidence":     {Put: []book.Row{row("k", "a", "", "", "", "unrecorded")}, Entries: []ledger.Entry{{Kind: "test", Evidence: make([]byte, ledger.MaxPayload+1)}}},
		"a kind that is none":   {Put: []book.Row{row("k", "a", "", "", "", "unrecorded")}, Entries: []ledger.Entry{{Kind: "NO KIND\n", Evidence: []byte(`{}`)}}},
		"the second entry":      {Put: []book.Row{row("k", "a", "", "", "", "unrecorded")}, Entries: []ledger.Entry{entry, {Kind: "test"}}},
	} {
		if r, err := b.Apply(t.Context(), c); err == nil || len(r.Records) != 0 {
			t.Errorf("%s was applied: %v", name, r)
		}
		if got, err := b.Row(t.Context(), "k", "a"); err != nil || string(got.Body) != "first" || b.Head().Size != size {
			t.Errorf("%s left a trace: %q, %v", name, got.Body, err)
		}
	}
}

// batch: of the changes that come at once, those that fail abort nobody else.
func batch(t *testing.T, s Shelf) {
	b := s.Open(t)
	const n = 96
	results := make([]error, n)
	atOnce(n, func(i int) {
		id := fmt.Sprintf("%03d", i)
		c := change(book.Change{Put: []book.Row{row("k", id, "", "", "", ""), row("k", id+"+", "", "", "", "")}})
		switch i % 4 {
		case 1:
			c.Require = []book.Condition{{Form: book.Exists, Kind: "k", ID: "never there"}}
		case 2:
			c.Require = []book.Condition{{Form: book.Only, Kind: "k", Tag: "first", ID: ""}}
			c = change(book.Change{Require: c.Require, Put: []book.Row{row("k", id, "", "first", "", "")}})
		case 3:
			c.Entries[0].Evidence = make([]byte, ledger.MaxPayload+1)
		}
		_, results[i] = b.Apply(t.Context(), c)
	})
	won := 0
	for i, err := range results {
		_, broken := errors.AsType[*book.ConditionError](err)
		_, missing := b.Row(t.Context(), "k", fmt.Sprintf("%03d", i))
		switch i % 4 {
		case 0:
			if err != nil || missing != nil {
				t.Errorf("change %d, which was in order: %v, %v", i, err, missing)
			}
		case 1:
			if !broken || missing == nil {
				t.Errorf("change %d, whose condition does not hold: %v, %v", i, err, missing)
			}
		case 2:
			if err == nil {
				won++
			} else if !broken {
				t.Errorf("change %d, of which one may win: %v", i, err)
			}
			if (err == nil) != (missing == nil) {
				t.Errorf("change %d: answered %v, and the row: %v", i, err, missing)
			}
		case 3:
			if err == nil || broken || missing == nil {
				t.Errorf("change %d, which is too large: %v, %v", i, err, missing)
			}
		}
	}
	if won != 1 {
		t.Errorf("%d won the same name", won)
	}
	if got := b.Head().Size; got != n/4+1 {
		t.Errorf("%d records of %d changes that held", got, n/4+1)
	}
}

func concurrency(t *testing.T, s Shelf) {
	b := s.Open(t)
	const writers, each = 64, 10
	var mu sync.Mutex
	at := map[int64]string{}
	atOnce(writers, func(i int) {
		last := int64(-1)
		for j := range each {
			name := fmt.Sprintf(`{"n":"%d/%d"}`, i, j)
			r, err := b.Apply(t.Context(), book.Change{Entries: []ledger.Entry{
				{Kind: "first", Evidence: []byte(name)}, {Kind: "second", Evidence: []byte(name), Personal: []byte(name)}}})
			if err != nil {
				t.Error(err)
				return
			}
			if len(r.Records) != 2 || r.Records[1].Index != r.Records[0].Index+1 || r.Records[0].Index <= last {
				t.Errorf("%s: appended at %d, after %d", name, r.Records[0].Index, last)
			}
			last = r.Records[1].Index
			if r.Head.Size <= last {
				t.Errorf("%s: the head covers %d records, the change ends at %d", name, r.Head.Size, last)
			}
			mu.Lock()
			at[r.Records[0].Index], at[last] = name, name
			mu.Unlock()
		}
	})
	records := all(t, b.Records(t.Context(), 0, b.Head().Size))
	if len(records) != 2*writers*each || len(at) != len(records) {
		t.Fatalf("%d records, %d answered, of %d", len(records), len(at), 2*writers*each)
	}
	for i, r := range records {
		if leaf, err := r.Check(); r.Index != int64(i) || err != nil || leaf.Room != s.Room || string(r.Evidence) != at[int64(i)] {
			t.Fatalf("record %d has index %d and says %s instead of %s, %v", i, r.Index, r.Evidence, at[int64(i)], err)
		}
	}
}

// proofs: every record proves under every later head, and heads under each other.
func proofs(t *testing.T, s Shelf) {
	b, ctx := s.Open(t), t.Context()
	var heads []book.Head
	for n := range 40 {
		var c book.Change
		for range 1 + n*n%29 { // over a full tile of 256
			c.Entries = append(c.Entries, ledger.Entry{Kind: "test", Evidence: []byte(`{}`)})
		}
		heads = append(heads, apply(t, b, c).Head)
	}
	if last := heads[len(heads)-1]; last.Size < 300 || b.Head().Size != last.Size || b.Head().Root != last.Root {
		t.Fatalf("the head is %d, and the last answered %d", b.Head().Size, last.Size)
	}
	for i, h := range heads {
		c, _, err := ledger.OpenCheckpoint(h.Checkpoint, s.Ledger)
		if err != nil || c.Size != h.Size || c.Root != h.Root || c.Origin != ledger.Origin(s.Room, h.Epoch) {
			t.Fatalf("head %d is signed as %+v, %v", i, c, err)
		}
		for _, index := range []int64{0, h.Size / 2, h.Size - 1} {
			r, err := b.Record(ctx, index)
			if err != nil {
				t.Fatal(err)
			}
			p, err := b.ProveInclusion(ctx, h.Size, index)
			if err != nil {
				t.Fatal(err)
			}
			if err := ledger.CheckInclusion(p, h.Size, h.Root, index, r.Hash()); err != nil {
				t.Error(err)
			}
		}
		for _, later := range heads[i:] {
			p, err := b.ProveConsistency(ctx, h.Size, later.Size)
			if err != nil {
				t.Fatal(err)
			}
			if err := ledger.CheckConsistency(p, h.Size, h.Root, later.Size, later.Root); err != nil {
				t.Error(err)
			}
		}
	}
	size := b.Head().Size
	if _, err := b.ProveInclusion(ctx, size+1, 0); err == nil {
		t.Error("a proof in a tree that does not exist")
	}
	if _, err := b.ProveInclusion(ctx, size, size); err == nil {
		t.Error("a proof of a record that does not exist")
	}
	if _, err := b.ProveConsistency(ctx, 1, size+1); err == nil {
		t.Error("a proof of a state that does not exist")
	}
	for _, index := range []int64{-1, size} {
		if _, err := b.Record(ctx, index); err == nil {
			t.Errorf("there is a record %d of %d", index, size)
		}
	}
}

// followers hear of each commit before it is answered, in order, and of nothing else.
func followers(t *testing.T, s Shelf) {
	b := s.Open(t)
	var mu sync.Mutex
	known := map[string]string{} // id → body, as a follower keeps it
	next := int64(0)
	b.Follow(func(c book.Committed) {
		mu.Lock()
		defer mu.Unlock()
		for _, step := range c.Steps {
			for _, k := range step.Drop {
				delete(known, k.ID)
			}
			for _, r := range step.Put {
				known[r.ID] = string(r.Body)
			}
		}
		for _, r := range c.Records {
			if r.Index != next {
				t.Errorf("a follower is told of record %d after %d", r.Index, next-1)
			}
			next = r.Index + 1
		}
	})
	atOnce(16, func(i int) {
		for j := range 20 {
			id := fmt.Sprint(j % 5)
			body := fmt.Sprintf("%d/%d", i, j)
			c := put(row("k", id, "", "", "", body))
			if j%7 == 6 {
				c = change(book.Change{Drop: []book.RowKey{{Kind: "k", ID: id}}})
			}
			r, err := b.Apply(t.Context(), c)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			if next <= r.Records[0].Index {
				t.Errorf("record %d was answered before the followers knew of it", r.Records[0].Index)
			}
			mu.Unlock()
			b.Apply(t.Context(), change(book.Change{Require: []book.Condition{{Form: book.Exists, Kind: "none"}}, Put: []book.Row{row("k", "not applied", "", "", "", "")}}))
		}
	})
	mu.Lock()
	defer mu.Unlock()
	rows := all(t, b.Rows(t.Context(), "k", ""))
	if len(rows) != len(known) {
		t.Errorf("%d rows, the follower knows %d", len(rows), len(known))
	}
	for _, r := range rows {
		if known[r.ID] != string(r.Body) {
			t.Errorf("row %s says %s, the follower knows %s", r.ID, r.Body, known[r.ID])
		}
	}
}

// twoOpeners write by turns and at once; both see all, in one order.
func twoOpeners(t *testing.T, s Shelf) {
	books := []book.Book{s.Open(t), s.Open(t)}
	var mu sync.Mutex
	told := make([][]string, len(books))
	for i, b := range books {
		b.Follow(func(c book.Committed) {
			mu.Lock()
			defer mu.Unlock()
			for _, r := range c.Records {
				told[i] = append(told[i], string(r.Evidence))
			}
			for _, step := range c.Steps {
				for _, k := range step.Touched {
					told[i] = append(told[i], "touched "+k.ID)
				}
			}
		})
	}
	apply(t, books[0], put(row("k", "a", "", "", "", "0")))
	apply(t, books[1], change(book.Change{Require: []book.Condition{{Form: book.Exists, Kind: "k", ID: "a"}}, Put: []book.Row{row("k", "b", "", "", "", "1")}}))
	if !slices.Contains(told[1], "touched a") {
		t.Errorf("the second was told of the first's row as %q", told[1])
	}
	const each = 25
	atOnce(8, func(i int) {
		for j := range each {
			r, err := books[i%2].Apply(t.Context(), book.Change{Entries: []ledger.Entry{{Kind: "test", Evidence: fmt.Appendf(nil, `{"n":"%d/%d"}`, i, j)}}})
			if err != nil {
				t.Error(err)
				return
			}
			p, err := books[i%2].ProveInclusion(t.Context(), r.Head.Size, r.Records[0].Index)
			if err != nil {
				t.Error(err)
			} else if err := ledger.CheckInclusion(p, r.Head.Size, r.Head.Root, r.Records[0].Index, r.Records[0].Hash()); err != nil {
				t.Error(err)
			}
		}
	})
	for _, b := range books {
		within(t, 10*time.Second, "refreshing", func(ctx context.Context) error { return s.Refresh(ctx, b) })
	}
	if a, b := books[0].Head(), books[1].Head(); a.Size != 2+8*each || a.Size != b.Size || a.Root != b.Root || !bytes.Equal(a.Checkpoint, b.Checkpoint) {
		t.Errorf("the heads are %d and %d records", a.Size, b.Size)
	}
	mu.Lock()
	for i := range told {
		told[i] = slices.DeleteFunc(told[i], func(s string) bool { return strings.HasPrefix(s, "touched") })
	}
	if len(told[0]) != 2+8*each || !slices.Equal(told[0], told[1]) {
		t.Errorf("one was told of %d records, the other of %d, or in another order", len(told[0]), len(told[1]))
	}
	mu.Unlock()
	// Of one name that both want, one gets it.
	won := make([]error, 2)
	atOnce(2, func(i int) {
		_, won[i] = books[i].Apply(t.Context(), change(book.Change{
			Require: []book.Condition{{Form: book.Only, Kind: "k", Tag: "name"}}, Put: []book.Row{row("k", fmt.Sprint("w", i), "", "name", "", "")}}))
	})
	if (won[0] == nil) == (won[1] == nil) {
		t.Errorf("both or neither got the name: %v, %v", won[0], won[1])
	}
}

func reopening(t *testing.T, s Shelf) {
	b := s.Open(t)
	for range 300 {
		apply(t, b, put(row("k", strongroom.NewID().String(), "", "", "", "x")))
	}
	again := s.Open(t)
	if a, b := b.Head(), again.Head(); a.Size != b.Size || a.Root != b.Root || a.Epoch != b.Epoch || !bytes.Equal(a.Checkpoint, b.Checkpoint) {
		t.Errorf("opened again, the head is of %d records, epoch %d", b.Size, b.Epoch)
	}
	if n := len(all(t, again.Rows(t.Context(), "k", ""))); n != 300 {
		t.Errorf("%d rows are left", n)
	}
	r := apply(t, again, put(row("k", "next", "", "", "", "")))
	p, err := again.ProveConsistency(t.Context(), b.Head().Size, r.Head.Size)
	if err != nil {
		t.Fatal(err)
	}
	if err := ledger.CheckConsistency(p, b.Head().Size, b.Head().Root, r.Head.Size, r.Head.Root); err != nil {
		t.Error(err)
	}
}

// rollBack: who has signed more records than there are now signs no others in their
// place; nor does who finds others in their place.
func rollBack(t *testing.T, s Shelf) {
	if s.Keep == nil {
		t.Skip("this shelf cannot be rolled back from outside")
	}
	first, second, other := s.Open(t), s.Open(t), s.Open(t)
	apply(t, first, put(row("k", "a", "", "", "", "")))
	back := s.Keep(t)
	apply(t, first, put(row("k", "b", "", "", "", "")))
	apply(t, first, put(row("k", "c", "", "", "", "")))
	within(t, 10*time.Second, "refreshing", func(ctx context.Context) error { return s.Refresh(ctx, second) })
	signed := first.Head()
	if signed.Size != 3 || second.Head().Size != 3 {
		t.Fatalf("the heads are of %d and %d records", signed.Size, second.Head().Size)
	}
	back()
	refuses := func(b book.Book, with string) {
		t.Helper()
		for range 2 { // once in doubt, always
			if r, err := b.Apply(t.Context(), put(row("k", "d", "", "", "", ""))); err == nil {
				t.Errorf("with %s other records there it signed %d, after having signed %d", with, r.Head.Size, signed.Size)
			} else if strongroom.KindOf(err) != strongroom.KindUnavailable {
				t.Errorf("with %s other records there: %v", with, err)
			}
		}
		if b.Head().Root != signed.Root {
			t.Errorf("with %s other records there it shows another head than it signed", with)
		}
	}
	// Another process, which knows nothing of what was lost, makes records in its place.
	for range 2 {
		apply(t, other, put(row("k", "e", "", "", "", "")))
	}
	if n := other.Head().Size; n != 3 {
		t.Fatalf("the other has %d records", n)
	}
	refuses(first, "as many")
	apply(t, other, put(row("k", "f", "", "", "", "")))
	refuses(second, "more")
}

func epochs(t *testing.T, s Shelf) {
	b := s.Open(t)
	apply(t, b, put(row("k", "a", "", "", "", "")))
	old := b.Head()
	if old.Epoch != 1 {
		t.Errorf("the first epoch is %d", old.Epoch)
	}
	entry := ledger.Entry{Kind: ledger.KindEpoch, Evidence: fmt.Appendf(nil, `{"action":"epoch","epoch":2,"continues":{"size":%d,"root":"%s"}}`, old.Size, old.Root)}
	r, err := s.OpenEpoch(t.Context(), b, entry)
	if err != nil {
		t.Fatal(err)
	}
	next := apply(t, b, put(row("k", "b", "", "", "", "")))
	for _, h := range []book.Head{r.Head, next.Head, b.Head(), s.Open(t).Head()} {
		c, _, err := ledger.OpenCheckpoint(h.Checkpoint, s.Ledger)
		if err != nil || h.Epoch != 2 || c.Origin != ledger.Origin(s.Room, 2) {
			t.Errorf("signed as %q, %v", c.Origin, err)
		}
	}
	a := ledger.NewAudit(s.Room)
	for _, r := range all(t, b.Records(t.Context(), 0, b.Head().Size)) {
		if err := a.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	c, _, err := ledger.OpenCheckpoint(b.Head().Checkpoint, s.Ledger)
	if err != nil {
		t.Fatal(err)
	}
	if result, err := a.Finish(c); err != nil || len(result.Epochs) != 2 || result.Epochs[1].Start != old.Size {
		t.Errorf("audited: %+v, %v", result, err)
	}
}

func witnessed(t *testing.T, s Shelf) {
	b, ctx := s.Open(t), t.Context()
	if w, err := b.Witnessed(ctx); err != nil || w != nil {
		t.Errorf("before anybody cosigned: %q, %v", w, err)
	}
	for _, k := range []struct {
		size int64
		note string
		want string
	}{{5, "five", "five"}, {3, "three", "five"}, {9, "nine", "nine"}, {9, "nine again", "nine again"}} {
		if err := b.KeepWitnessed(ctx, k.size, []byte(k.note)); err != nil {
			t.Fatal(err)
		}
		if w, err := b.Witnessed(ctx); err != nil || string(w) != k.want {
			t.Errorf("after %s: %q, %v", k.note, w, err)
		}
	}
	if w, err := s.Open(t).Witnessed(ctx); err != nil || string(w) != "nine again" {
		t.Errorf("opened again: %q, %v", w, err)
	}
}

func clockBehind(t *testing.T, s Shelf) {
	b := s.Open(t)
	apply(t, b, put(row("k", "a", "", "", "", "")))
	s.Ahead(-ledger.MaxClockStep + 10*time.Second)
	apply(t, b, put(row("k", "b", "", "", "", "")))
	s.Ahead(ledger.MaxClockStep - 10*time.Second)
	apply(t, b, put(row("k", "c", "", "", "", "")))
	// Going back a little twice, with a record in between, is going back too far.
	s.Ahead(-ledger.MaxClockStep + 10*time.Second)
	again := s.Open(t)
	for _, b := range []book.Book{b, again} {
		apply(t, b, put(row("k", "d", "", "", "", "")))
		s.Ahead(-20 * time.Second)
		if _, err := b.Apply(t.Context(), put(row("k", "d", "", "", "", ""))); strongroom.KindOf(err) != strongroom.KindUnavailable {
			t.Errorf("with the clock set back twice: %v", err)
		}
		s.Ahead(20 * time.Second)
	}
	s.Ahead(ledger.MaxClockStep - 10*time.Second)
	for _, b := range []book.Book{b, s.Open(t)} {
		s.Ahead(-ledger.MaxClockStep - 10*time.Second)
		if _, err := b.Apply(t.Context(), put(row("k", "d", "", "", "", ""))); strongroom.KindOf(err) != strongroom.KindUnavailable {
			t.Errorf("with the clock behind: %v", err)
		}
		s.Ahead(ledger.MaxClockStep + 10*time.Second)
	}
	apply(t, b, put(row("k", "d", "", "", "", "")))
	a := ledger.NewAudit(s.Room)
	for _, r := range all(t, b.Records(t.Context(), 0, b.Head().Size)) {
		if err := a.Add(r); err != nil {
			t.Errorf("what was signed does not pass an audit: %v", err)
		}
	}
}

// cancellation: who gives up waiting either gets an answer or left nothing.
func cancellation(t *testing.T, s Shelf) {
	b := s.Open(t)
	apply(t, b, put(row("k", "first", "", "", "", "")))
	ctx, cancel := context.WithCancel(t.Context())
	results := make([]error, 64)
	go func() { time.Sleep(time.Millisecond); cancel() }()
	atOnce(len(results), func(i int) {
		_, results[i] = b.Apply(ctx, put(row("k", fmt.Sprint(i), "", "", "", "")))
	})
	apply(t, b, put(row("k", "last", "", "", "", "")))
	for i, err := range results {
		if _, missing := b.Row(t.Context(), "k", fmt.Sprint(i)); (err == nil) != (missing == nil) {
			t.Errorf("change %d was answered %v, and its row: %v", i, err, missing)
		}
	}
}

// state: the rows can be rebuilt from the records, whatever was done.
func state(t *testing.T, s Shelf) {
	b := s.Open(t)
	apply(t, b, put(row("k", "a", "", "", "", "1"), row("part", "u.00001", "u", "", "", ""), row("part", "u.00002", "u", "", "", ""), row("part", "v.00001", "v", "", "", "")))
	apply(t, b, put(row("k", "a", "", "", "", "2"), row("k", "b", "", "", "", "")))
	apply(t, b, change(book.Change{Drop: []book.RowKey{{Kind: "k", ID: "b"}}, DropUnder: []book.RowKey{{Kind: "part", ID: "u"}}}))
	apply(t, b, put(row("part", "u.00001", "u", "", "", "again")))
	want := book.NewState()
	for _, r := range all(t, b.Records(t.Context(), 0, b.Head().Size)) {
		if err := want.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	report, err := want.Compare(t.Context(), b.Rows(t.Context(), "", ""))
	if err != nil || !report.Sound() || report.Rows != 3 {
		t.Errorf("compared: %+v, %v", report, err)
	}
}

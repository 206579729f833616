package house_test

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"strongroom"
	"strongroom/book"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/ledger"
	"strongroom/vault"
)

// memory is a watcher that forgets what it was told in a Take that failed.
type memory struct {
	mu     sync.Mutex
	events []strongroom.Event
	fail   int // how many times to fail
	takes  time.Duration
}

func (m *memory) Position(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.events)), nil
}

func (m *memory) Take(_ context.Context, events []strongroom.Event, next int64) error {
	time.Sleep(m.takes)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail > 0 {
		m.fail--
		return errors.New("the disk is full")
	}
	m.events = append(m.events, events...)
	if next != int64(len(m.events)) {
		return errors.New("events were left out")
	}
	return nil
}

// A watcher is told every record once and in order, those from before it was there, those
// that come while it watches, and those that it could not take at first.
func TestFeed(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	ctx, cancel := context.WithCancel(t.Context())
	w := &memory{fail: 1}
	feed := house.NewFeed(r.House.Book, r.House.Room.Log)
	done := make(chan struct{})
	go func() { defer close(done); feed.Run(ctx, "test", w) }()
	nobody := r.Person(strongroom.Principal{Name: "nobody"})
	for range 20 {
		if _, err := r.House.Room.Put(t.Context(), r.Owner, vault.PutRequest{Bucket: "calls", Key: "a", Size: 1}, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Get(nobody, "calls", "a", 0, -1); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Fatal(err)
	}
	if _, err := r.Get(r.Owner, "calls", "a", 0, -1); err != nil {
		t.Fatal(err)
	}
	housetest.Eventually(t, "every record is told", func() bool {
		n, _ := w.Position(ctx)
		return n >= r.House.Book.Head().Size
	})
	cancel()
	<-done
	var stores, refusals, releases int
	for i, e := range w.events {
		if e.Index != int64(i) || e.Time.IsZero() || e.Kind == "" || e.Did == "" {
			t.Errorf("event %d is %+v", i, e)
		}
		switch {
		case e.Kind == vault.KindStore:
			stores++
		case e.Kind == vault.KindRefusal && e.Outcome == strongroom.Refused && e.Principal().Name == "nobody" && e.Question.Resource.Key == "a":
			refusals++
		case e.Kind == "release" && e.Outcome == strongroom.Permitted && e.Principal().Name == "owner" && !e.Blob.IsZero():
			releases++
		}
	}
	if stores != 20 || refusals != 1 || releases != 1 {
		t.Errorf("%d stores, %d refusals, %d releases of %d events", stores, refusals, releases, len(w.events))
	}
}

// kept is a book that does not change.
type kept struct {
	book.Book
	records []ledger.Record
}

func (k kept) Head() book.Head           { return book.Head{Size: int64(len(k.records))} }
func (kept) Follow(func(book.Committed)) {}
func (k kept) Records(_ context.Context, from, to int64) iter.Seq2[ledger.Record, error] {
	return func(yield func(ledger.Record, error) bool) {
		for _, r := range k.records[from:to] {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// A watcher that is behind rests longer than it works, but not while somebody waits for it;
// who waits for one that cannot go on waits no longer than they want.
func TestFeedAwait(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	var b kept
	for record, err := range r.House.Book.Records(t.Context(), 0, 1) {
		if err != nil {
			t.Fatal(err)
		}
		b.records = slices.Repeat([]ledger.Record{record}, 5000) // five times what is told at once
	}
	r.Stop()
	synctest.Test(t, func(t *testing.T) {
		feed := house.NewFeed(b, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		var work sync.WaitGroup
		defer work.Wait()
		defer cancel()
		w := &memory{takes: time.Second}
		began := time.Now()
		work.Go(func() { feed.Run(ctx, "slow", w) })
		await := func(w *memory, to int64, patience time.Duration, atLeast int64, took time.Duration) {
			t.Helper()
			at, err := feed.Await(ctx, w, to, patience)
			if now := time.Since(began).Round(100 * time.Millisecond); err != nil || at < atLeast || now != took {
				t.Errorf("after %v, not %v, it has taken %d: %v", now, took, at, err)
			}
		}
		time.Sleep(5500 * time.Millisecond) // it worked for a second, rested for four, and works again
		await(w, 1000, time.Minute, 1000, 5500*time.Millisecond)
		await(w, 4000, time.Minute, 4000, 8*time.Second)
		await(w, 5000, 500*time.Millisecond, 4000, 8500*time.Millisecond)

		stuck := &memory{fail: 1 << 30}
		work.Go(func() { feed.Run(ctx, "stuck", stuck) })
		await(stuck, 1, 2*time.Second, 0, 10500*time.Millisecond)
	})
}

// growing is a book that grows, and counts what is read of it.
type growing struct {
	kept
	follow func(book.Committed)
	read   int
}

func (g *growing) Head() book.Head               { return g.kept.Head() }
func (g *growing) Follow(f func(book.Committed)) { g.follow = f }
func (g *growing) Records(ctx context.Context, from, to int64) iter.Seq2[ledger.Record, error] {
	return func(yield func(ledger.Record, error) bool) {
		for r, err := range g.kept.Records(ctx, from, to) {
			g.read++
			if !yield(r, err) {
				return
			}
		}
	}
}

func (g *growing) grow(like ledger.Record, n int) {
	var c book.Committed
	for range n {
		like.Index = int64(len(g.records))
		g.records = append(g.records, like)
		c.Records = append(c.Records, like)
	}
	g.follow(c)
}

// Who keeps up with the ledger is told what was committed without reading it again; who does
// not reads it; both are told the same.
func TestFeedOfWhatIsNew(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	like, err := r.House.Book.Record(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var b growing
	feed := house.NewFeed(&b, slog.New(slog.DiscardHandler))
	var first, second memory
	told := func(w *memory, from int) {
		t.Helper()
		if err := feed.CatchUp(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		for i, e := range w.events[from:] {
			if e.Index != int64(from+i) {
				t.Fatalf("event %d is of record %d", from+i, e.Index)
			}
		}
		if len(w.events) != len(b.records) {
			t.Fatalf("%d events of %d records", len(w.events), len(b.records))
		}
	}
	for range 30 {
		from := len(b.records)
		b.grow(like, 100)
		told(&first, from)
	}
	if b.read > 0 {
		t.Errorf("%d records were read that had just been committed", b.read)
	}
	told(&second, 0)
	from := len(b.records)
	for range 30 { // more than is kept for somebody to read
		b.grow(like, 100)
	}
	told(&first, from)
	told(&second, from)
	b.follow(book.Committed{Records: b.records[:1:1]}) // which is out of order
	told(&first, len(b.records))
}

package house

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"strongroom"
	"strongroom/book"
	"strongroom/ledger"
	"strongroom/vault"
)

// Watcher is told every record of the room's ledger, in order, and keeps how far it has
// come together with what it made of it: a record is told again after a crash unless the
// watcher kept that it had been.
type Watcher interface {
	// Position is the index of the first record that was not taken yet.
	Position(ctx context.Context) (int64, error)
	// Take takes events that follow the position, and keeps next as the new one, in one
	// transaction. An error means that nothing was taken; they are told again. Others are
	// told the same events: none changes them.
	Take(ctx context.Context, events []strongroom.Event, next int64) error
}

// feedBatch is how many records a watcher is told at once, at most.
const feedBatch = 1000

// unreadLimit bounds the records that are kept for watchers to read; each has about 2 KiB.
const unreadLimit = 2048

// Feed tells watchers what the ledger records, each at its own pace.
type Feed struct {
	// Stuck, where not nil, is told of each time that a watcher could not be told something.
	Stuck func(watcher string, from int64)

	book book.Book
	log  *slog.Logger

	mu     sync.Mutex
	arrive chan struct{} // closed when there is more, and made anew
	paces  map[Watcher]*pace
	unread []ledger.Record // the newest, as they were committed, until somebody reads them

	// What was read last, for the other watchers, who are mostly as far: a record is read
	// and decoded once for all of them.
	reading sync.Mutex
	reader  vault.EventReader
	first   int64 // index of the first of read
	read    []strongroom.Event
}

// pace joins a watcher to those who wait for it.
type pace struct {
	hurry chan struct{} // ends one rest
	took  chan struct{} // closed when something was taken, and made anew
}

// NewFeed follows a book.
func NewFeed(b book.Book, log *slog.Logger) *Feed {
	f := &Feed{book: b, log: log, arrive: make(chan struct{}), paces: map[Watcher]*pace{}}
	b.Follow(func(c book.Committed) {
		if len(c.Records) == 0 {
			return
		}
		f.mu.Lock()
		close(f.arrive)
		f.arrive = make(chan struct{})
		if n := len(f.unread); n > 0 && f.unread[n-1].Index+1 != c.Records[0].Index || n+len(c.Records) > unreadLimit {
			f.unread = nil // whoever is that far behind reads the database
		}
		f.unread = append(f.unread, c.Records...)
		f.mu.Unlock()
	})
	return f
}

// fresh answers records from an index on that were committed lately and not read yet, at
// most up to the other; the database has them too.
func (f *Feed) fresh(from, to int64) []ledger.Record {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.unread) == 0 || from < f.unread[0].Index || from > f.unread[len(f.unread)-1].Index {
		return nil
	}
	all := f.unread[from-f.unread[0].Index:]
	n := min(int64(len(all)), to-from)
	if f.unread = all[n:]; len(f.unread) == 0 {
		f.unread = nil
	}
	return all[:n:n]
}

func (f *Feed) more() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.arrive
}

// pace is that of a watcher, with its took of now.
func (f *Feed) pace(w Watcher) pace {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.paces[w]
	if p == nil {
		p = &pace{make(chan struct{}, 1), make(chan struct{})}
		f.paces[w] = p
	}
	return *p
}

func (f *Feed) took(w Watcher) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.paces[w]
	close(p.took)
	p.took = make(chan struct{})
}

// Await answers how far a watcher has come, once it has taken the records before to or
// patience ends. While somebody waits, what is told gathers no longer, and a watcher that is
// behind does not rest.
func (f *Feed) Await(ctx context.Context, w Watcher, to int64, patience time.Duration) (at int64, err error) {
	enough := time.NewTimer(patience)
	defer enough.Stop()
	for {
		p := f.pace(w) // before looking, so that nothing is taken unseen between
		if at, err = w.Position(ctx); err != nil || at >= to || patience <= 0 {
			return at, err
		}
		select {
		case p.hurry <- struct{}{}:
		default: // asked for already
		}
		select {
		case <-p.took:
		case <-enough.C:
			return at, nil
		case <-ctx.Done():
			return at, ctx.Err()
		}
	}
}

// Run tells w until the context ends. What w cannot take is told again after a pause.
func (f *Feed) Run(ctx context.Context, name string, w Watcher) {
	pause := time.Second
	hurry := f.pace(w).hurry
	for ctx.Err() == nil {
		more := f.more() // before looking, so that nothing arrives unseen between
		began := time.Now()
		done, err := f.Step(ctx, w)
		worked := time.Since(began)
		switch {
		case err != nil && ctx.Err() == nil:
			f.log.Error("telling a watcher what the ledger records", "watcher", name, "error", err)
			if f.Stuck != nil {
				from, _ := w.Position(ctx) // 0 where even that is not known
				f.Stuck(name, from)
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			pause = min(2*pause, time.Minute)
		case done:
			pause = time.Second
			select {
			case <-ctx.Done():
			case <-more:
				// What comes within a moment is taken together: each Take is a commit, and
				// those who read and store wait for the same disk.
				rest(ctx, gatherRecords, hurry)
			}
		default:
			pause = time.Second
			f.took(w)
			rest(ctx, max(gatherRecords, share*worked), hurry)
		}
	}
}

const (
	// gatherRecords is how long a watcher's next records gather before it is told, unless
	// somebody waits: an alert is later by that much.
	gatherRecords = 250 * time.Millisecond
	// share is how many times as long as it worked a watcher rests while it is behind, so
	// that those who are served come first.
	share = 4
)

func rest(ctx context.Context, d time.Duration, hurry <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-hurry:
	case <-t.C:
	}
}

// CatchUp tells w everything that is on record now.
func (f *Feed) CatchUp(ctx context.Context, w Watcher) error {
	for {
		if done, err := f.Step(ctx, w); done || err != nil {
			return err
		}
	}
}

// Step tells w the next records, and answers whether there are none left.
func (f *Feed) Step(ctx context.Context, w Watcher) (done bool, err error) {
	from, err := w.Position(ctx)
	if err != nil {
		return false, fmt.Errorf("asking how far it has come: %w", err)
	}
	size := f.book.Head().Size
	if from > size {
		return false, fmt.Errorf("it has taken %d records of a ledger that has %d: rebuild it", from, size)
	}
	if from == size {
		return true, nil
	}
	events, err := f.events(ctx, from, min(from+feedBatch, size))
	if err != nil {
		return false, err
	}
	return false, w.Take(ctx, events, from+int64(len(events)))
}

// events answers records from an index on: all up to the other, or fewer where others have
// read those.
func (f *Feed) events(ctx context.Context, from, to int64) ([]strongroom.Event, error) {
	f.reading.Lock()
	defer f.reading.Unlock()
	if past := from - f.first; past >= 0 && past < int64(len(f.read)) {
		return f.read[past:], nil
	}
	events := make([]strongroom.Event, 0, to-from)
	records := f.book.Records(ctx, from, to)
	if fresh := f.fresh(from, to); fresh != nil {
		to, records = from+int64(len(fresh)), each(fresh)
	}
	for r, err := range records {
		if err != nil {
			return nil, fmt.Errorf("reading records from %d: %w", from, err)
		}
		e, err := f.reader.Event(r)
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	if int64(len(events)) != to-from {
		return nil, fmt.Errorf("records %d to %d are %d: the ledger has a gap", from, to, len(events))
	}
	f.first, f.read = from, events
	return events, nil
}

// each goes through records that are at hand.
func each(records []ledger.Record) iter.Seq2[ledger.Record, error] {
	return func(yield func(ledger.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

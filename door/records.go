package door

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"strongroom"
	"strongroom/ledger"
	"strongroom/monitor"
	"strongroom/vault"
)

// UseRecord is one use, as its record tells it.
type UseRecord struct {
	strongroom.Event
	Action  strongroom.Action // as policy calls it
	Bytes   int64             // delivered
	Told    bool              // Bytes is known
	Holding bool              // its lease has not ended: Bytes may grow
}

// RecordsQuestion asks for the records behind a count.
type RecordsQuestion struct {
	Filter monitor.Filter
	By     string // narrows to a column of a map by that, "" for none
	Column monitor.Column
	Zone   *time.Location
	Before int64 // only records before this one; 0 for the latest
	Most   int   // records
}

// RecordPage are some records, the latest first.
type RecordPage struct {
	Records []UseRecord
	Next    int64 // go on before this one, 0 where there is nothing more
}

// Bounds of what is read for one page of records.
const (
	readMost  = 20_000 // records in all
	aheadMost = 400    // behind a release, for what it delivered
)

// Records finds the records behind a count, without an index of them: the counts of hours
// tell when somebody did something first and last, and records rest in order of time. It is
// decided, and on record, that the ledger is read so far.
func (r *Room) Records(ctx context.Context, who vault.Caller, u Usage, q RecordsQuestion) (RecordPage, error) {
	from, size, err := r.Range(ctx, q.Filter.Since)
	if err != nil {
		return RecordPage{}, err
	}
	if _, err := r.Vault.ReadLedger(ctx, who, from, size); err != nil {
		return RecordPage{}, err
	}
	spots, err := u.Spots(ctx, q.Filter)
	if err != nil {
		return RecordPage{}, err
	}
	s := search{room: r, q: q, size: size}
	if q.Before > 0 && q.Before < size {
		s.size = q.Before
		record, err := r.Vault.Book.Record(ctx, q.Before)
		if err != nil {
			return RecordPage{}, err
		}
		leaf, err := ledger.ParseLeaf(record.Leaf)
		if err != nil {
			return RecordPage{}, err
		}
		s.until = leaf.Time
	}
	s.spots = slices.DeleteFunc(spots, func(x monitor.Spot) bool {
		return x.Count == 0 || q.By != "" && !q.Column.HoldsSpot(q.By, &x, q.Zone) || !s.until.IsZero() && x.First.After(s.until)
	})
	for _, at := range intervals(s.spots) {
		if err := s.read(ctx, at); err != nil {
			return RecordPage{}, err
		}
		if s.stopped > 0 {
			break
		}
	}
	page := RecordPage{Records: s.found, Next: s.stopped}
	for i := range page.Records {
		if err := s.delivered(ctx, &page.Records[i], size); err != nil {
			return page, err
		}
	}
	return page, nil
}

// interval is a time in which records lie, both ends included, to the millisecond.
type interval struct{ first, last time.Time }

// intervals are when the records of spots were, the latest first; none overlaps another.
func intervals(spots []monitor.Spot) []interval {
	var all []interval
	for _, s := range spots {
		if s.Count <= 2 {
			all = append(all, interval{s.First, s.First}, interval{s.Last, s.Last})
		} else {
			all = append(all, interval{s.First, s.Last})
		}
	}
	slices.SortFunc(all, func(a, b interval) int { return cmp.Or(b.last.Compare(a.last), b.first.Compare(a.first)) })
	var out []interval
	for _, x := range all {
		if n := len(out); n > 0 && !x.last.Before(out[n-1].first) {
			if x.first.Before(out[n-1].first) {
				out[n-1].first = x.first
			}
			continue
		}
		out = append(out, x)
	}
	return out
}

// records reads on from a record by growing steps: mostly the first few are all.
func (r *Room) records(ctx context.Context, from, to int64) iter.Seq2[ledger.Record, error] {
	return func(yield func(ledger.Record, error) bool) {
		for step := int64(16); from < to; step = min(step*4, 1024) {
			for record, err := range r.Vault.Book.Records(ctx, from, min(from+step, to)) {
				if !yield(record, err) || err != nil {
					return
				}
			}
			from += step
		}
	}
}

// search reads records of intervals until a page is full.
type search struct {
	room    *Room
	q       RecordsQuestion
	spots   []monitor.Spot
	size    int64     // records from here on are not looked at
	until   time.Time // of the record at size, zero for none
	reader  vault.EventReader
	spent   int
	found   []UseRecord
	stopped int64 // go on before this one
}

// read adds what is found in an interval, the latest first.
func (s *search) read(ctx context.Context, at interval) error {
	from, _, err := s.room.Range(ctx, at.first)
	if err != nil {
		return err
	}
	var found []UseRecord
	for record, err := range s.room.records(ctx, from, s.size) {
		if err != nil {
			return err
		}
		s.spent++
		e, err := s.reader.Event(record)
		if err != nil {
			return err
		}
		if e.Time.Truncate(time.Millisecond).After(at.last) {
			break
		}
		for _, c := range monitor.Counts(&e) {
			if s.q.Filter.Lets(&c) && (s.q.By == "" || s.q.Column.Holds(s.q.By, &c, s.q.Zone)) {
				found = append(found, UseRecord{Event: e, Action: c.Action})
				break
			}
		}
	}
	slices.Reverse(found)
	s.found = append(s.found, found...)
	switch {
	case len(s.found) > s.q.Most:
		s.found = s.found[:s.q.Most]
		s.stopped = s.found[s.q.Most-1].Index
	case s.spent >= readMost:
		s.stopped = max(1, from)
	}
	return nil
}

// delivered adds what a release delivered: what was counted, where its hour has no other;
// else what its deliveries say, as far as they follow soon.
func (s *search) delivered(ctx context.Context, u *UseRecord, size int64) error {
	if u.Kind != "release" {
		u.Told = u.Outcome == strongroom.Refused
		return nil
	}
	at := u.Time.Truncate(time.Millisecond)
	for _, spot := range s.spots {
		if spot.Count == 1 && spot.First.Equal(at) && (spot.Actor == u.Actor || spot.Actor == monitor.Everybody) {
			u.Bytes, u.Told = spot.Bytes, true
			return nil
		}
	}
	for record, err := range s.room.records(ctx, u.Index+1, min(size, u.Index+aheadMost)) {
		if err != nil {
			return err
		}
		e, err := s.reader.Event(record)
		if err != nil {
			return err
		}
		if e.Release != nil && *e.Release == u.Index && monitor.IsDelivery(&e) {
			u.Bytes, u.Told, u.Holding = e.Bytes, true, !e.Final
			if e.Final {
				return nil
			}
		}
	}
	return nil
}

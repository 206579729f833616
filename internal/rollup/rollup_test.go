package rollup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/rollup"
	"strongroom/monitor"
)

var key = []byte("0123456789abcdef0123456789abcdef")

func open(t testing.TB, path string) *rollup.Rollups {
	t.Helper()
	r, err := rollup.Open(t.Context(), path, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func lifeOf(seed uint64, n int64) []strongroom.Event {
	l := newLife(seed, 40, 150, 20, n)
	var out []strongroom.Event
	for e, more := l.next(); more; e, more = l.next() {
		out = append(out, e)
	}
	return out
}

// However the records arrive, in batches of any size, told again after crashes in the
// middle of a batch, or by two processes, the counts are those of telling them once.
func TestAnyBatches(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			events := lifeOf(seed, 3000)
			once := open(t, filepath.Join(t.TempDir(), "once.db"))
			if err := once.Take(ctx, events, int64(len(events))); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "monitor.db")
			rnd := rand.New(rand.NewPCG(seed, 2))
			by := []*rollup.Rollups{open(t, path), open(t, path)}
			for {
				r := by[rnd.IntN(2)]
				at, err := r.Position(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if at == int64(len(events)) {
					break
				}
				// Some that were counted already may come once more.
				from := max(0, at-rnd.Int64N(50))
				to := min(at+1+rnd.Int64N(400), int64(len(events)))
				switch rnd.IntN(5) {
				case 0: // it crashes in the middle
					dying, cancel := context.WithTimeout(ctx, time.Duration(rnd.IntN(20))*time.Millisecond)
					r.Take(dying, events[from:to], to)
					cancel()
				case 1: // the process ends
					if err := r.Close(); err != nil {
						t.Fatal(err)
					}
					by[slices.Index(by, r)] = open(t, path)
				default:
					if err := r.Take(ctx, events[from:to], to); err != nil {
						t.Fatal(err)
					}
				}
			}
			if differ, err := by[0].Compare(ctx, once, nil); err != nil || len(differ) > 0 {
				t.Errorf("the counts differ: %v %v", differ, err)
			}
		})
	}
}

// Compare finds any table that differs.
func TestCompareFinds(t *testing.T) {
	ctx := t.Context()
	events := lifeOf(1, 2000)
	a, b := open(t, filepath.Join(t.TempDir(), "a.db")), open(t, filepath.Join(t.TempDir(), "b.db"))
	if err := a.Take(ctx, events, 2000); err != nil {
		t.Fatal(err)
	}
	// One release fewer, the same number of records.
	less := slices.Clone(events)
	i := slices.IndexFunc(less, func(e strongroom.Event) bool { return e.Kind == "release" })
	less[i] = strongroom.Event{Index: less[i].Index, Time: less[i].Time, Kind: "ledger-read", Did: "export", Actor: "operator"}
	if err := b.Take(ctx, less, 2000); err != nil {
		t.Fatal(err)
	}
	differ, err := a.Compare(ctx, b, nil)
	if err != nil || !slices.Contains(differ, "cell") || !slices.Contains(differ, "use") {
		t.Errorf("a release that is missing shows in %v, %v", differ, err)
	}
	if err := a.Replace(ctx, b); err != nil {
		t.Fatal(err)
	}
	if differ, err := a.Compare(ctx, b, nil); err != nil || len(differ) > 0 {
		t.Errorf("what was replaced still differs: %v %v", differ, err)
	}
	// And it goes on from there.
	more := strongroom.Event{Index: 2000, Time: events[1999].Time.Add(time.Hour), Kind: "ledger-read", Did: "export", Actor: "operator"}
	for _, r := range []*rollup.Rollups{a, b} {
		if err := r.Take(ctx, []strongroom.Event{more}, 2001); err != nil {
			t.Fatal(err)
		}
	}
	if differ, err := a.Compare(ctx, b, nil); err != nil || len(differ) > 0 {
		t.Errorf("after one more record: %v %v", differ, err)
	}
}

// brute answers Uses without rollups.
func brute(events []strongroom.Event, f monitor.Filter) map[string]int64 {
	out := map[string]int64{}
	since, until := f.Since.Truncate(time.Hour), f.Until.Add(time.Hour-time.Nanosecond).Truncate(time.Hour)
	for i := range events {
		for _, c := range monitor.Counts(&events[i]) {
			switch {
			case !f.Since.IsZero() && c.Time.Before(since), !f.Until.IsZero() && !c.Time.Before(until),
				f.Action != "" && c.Action != f.Action, f.Outcome != "" && c.Outcome != f.Outcome, f.Queue != "" && c.Queue != f.Queue,
				f.Class != "" && !slices.Contains(c.Classes, f.Class), f.Group != "" && !slices.Contains(c.Groups, f.Group),
				f.Actor != "" && f.Actor != monitor.Everybody && c.Actor != f.Actor:
				continue
			}
			who := c.Actor
			if f.Actor == monitor.Everybody {
				who = monitor.Everybody
			}
			if f.Bare {
				c.Bucket, c.Queue, c.Classes, c.Groups = "", "", nil, nil
			}
			if f.Actor == monitor.Everybody && f.Group == "" {
				c.Groups = nil
			}
			out[fmt.Sprint(who, c.Action, c.Outcome, c.Bucket, c.Queue, c.Classes, c.Groups, c.Untold)] += c.N
		}
	}
	return out
}

// Whatever the window and the filter, the sums are those of the records.
func TestWindows(t *testing.T) {
	ctx := t.Context()
	events := lifeOf(3, 4000)
	r := open(t, filepath.Join(t.TempDir(), "monitor.db"))
	if err := r.Take(ctx, events, 4000); err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(9, 9))
	first, last := events[0].Time, events[3999].Time
	for n := range 150 {
		var f monitor.Filter
		if n%4 > 0 {
			f.Since = first.Add(time.Duration(rnd.Int64N(int64(last.Sub(first)))) - 12*time.Hour)
		}
		if n%4 > 1 {
			f.Until = f.Since.Add(time.Duration(rnd.Int64N(int64(15 * 24 * time.Hour))))
		}
		switch n % 7 {
		case 1:
			f.Actor = monitor.Everybody
		case 2:
			f.Actor = events[rnd.IntN(100)].Actor
		case 3:
			f.Class, f.Action = "voice", strongroom.ActionReadObject
		case 4:
			f.Outcome, f.Queue = strongroom.Refused, "billing"
		case 5:
			f.Group = "quality"
		case 6:
			f.Bare, f.Action = true, strongroom.ActionReadObject
		case 0:
			f.Group, f.Actor = "agents", monitor.Everybody
		}
		uses, err := r.Uses(ctx, f)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int64{}
		var total int64
		for _, u := range uses {
			got[fmt.Sprint(u.Actor, u.Action, u.Outcome, u.Bucket, u.Queue, u.Classes, u.Groups, u.Untold)] += u.Count
			total += u.Count
			if u.First.After(u.Last) || !f.Since.IsZero() && u.First.Before(f.Since.Truncate(time.Hour)) {
				t.Errorf("%+v: a use from %s to %s", f, u.First, u.Last)
			}
		}
		want := brute(events, f)
		if len(got) != len(want) {
			t.Errorf("%+v: %d uses, want %d", f, len(got), len(want))
		}
		for k, v := range want {
			if got[k] != v {
				t.Errorf("%+v: %s is %d, want %d", f, k, got[k], v)
			}
		}
		hours, err := r.Hours(ctx, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hours {
			total -= h.Count
		}
		if total != 0 {
			t.Errorf("%+v: the hours' sum is off by %d", f, total)
		}
	}
}

// deliveries of one lease, as they are told, and what then counts as delivered.
func TestDelivered(t *testing.T) {
	const size = 1000
	p := strongroom.Principal{ID: strongroom.NewID(), Name: "a", Kind: strongroom.Person}
	version, lease := strongroom.NewID(), strongroom.NewID()
	at := time.Date(2026, 8, 3, 9, 0, 0, 0, time.UTC)
	release := strongroom.Event{Time: at, Kind: "release", Did: "release", Outcome: strongroom.Permitted, Actor: "p", Version: version, Lease: lease,
		Question: &strongroom.Question{Principal: p, Action: strongroom.ActionReadObject, Resource: strongroom.Resource{Bucket: "b", Key: "k", Version: version, Size: size}}}
	delivery := func(bytes int64, final bool) strongroom.Event {
		return strongroom.Event{Time: at.Add(time.Hour), Kind: "delivery", Did: "delivery", Actor: "p", Version: version, Lease: lease, Bytes: bytes, Final: final}
	}
	resume := release
	resume.Kind = "lease-resume"
	erased := release
	erased.Question, erased.Erased = nil, true
	for _, c := range []struct {
		name   string
		events []strongroom.Event
		want   int64
	}{
		{"never closed", []strongroom.Event{release}, size},
		{"whole", []strongroom.Event{release, delivery(size, true)}, size},
		{"broken off", []strongroom.Event{release, delivery(10, true)}, 10},
		{"nothing", []strongroom.Event{release, delivery(0, true)}, 0},
		{"so far", []strongroom.Event{release, delivery(10, false)}, size},
		{"so far, with repeats", []strongroom.Event{release, delivery(2500, false)}, 2500},
		{"totals, not sums", []strongroom.Event{release, delivery(100, false), delivery(300, false), delivery(700, true)}, 700},
		{"a late one after the last", []strongroom.Event{release, delivery(700, true), delivery(300, false)}, 700},
		{"resumed", []strongroom.Event{release, delivery(100, false), resume, delivery(50, true)}, size},
		{"resumed, with repeats", []strongroom.Event{release, resume, delivery(3000, true)}, 3000},
		{"erased, never closed, size unknown", []strongroom.Event{erased}, 0},
		{"erased, closed", []strongroom.Event{erased, delivery(400, true)}, 400},
		{"of no known release", []strongroom.Event{delivery(400, true)}, 0},
	} {
		for _, apart := range []bool{false, true} {
			r := open(t, filepath.Join(t.TempDir(), "monitor.db"))
			for i := range c.events {
				c.events[i].Index = int64(i)
				if apart {
					if err := r.Take(t.Context(), c.events[i:i+1], int64(i+1)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if !apart {
				if err := r.Take(t.Context(), c.events, int64(len(c.events))); err != nil {
					t.Fatal(err)
				}
			}
			for _, f := range []monitor.Filter{{}, {Actor: monitor.Everybody}, {Since: at, Until: at.Add(30 * time.Minute)}} {
				uses, err := r.Uses(t.Context(), f)
				var got int64
				for _, u := range uses {
					got += u.Bytes
				}
				if err != nil || got != c.want {
					t.Errorf("%s (apart: %t, %+v): %d bytes, want %d, %v", c.name, apart, f, got, c.want, err)
				}
			}
			if c.events[0].Question != nil {
				uses, err := r.UsesOf(t.Context(), "b", "k", 10)
				if err != nil || len(uses) != 1 || uses[0].Bytes != c.want || uses[0].Opened != 1 || uses[0].Version != version || uses[0].Key != "k" {
					t.Errorf("%s (apart: %t): the object's uses are %+v, %v", c.name, apart, uses, err)
				}
			}
		}
	}
}

// What an erasure took is no longer in the rollups: they are counted again.
func TestErasure(t *testing.T) {
	ctx := t.Context()
	events := lifeOf(4, 1000)
	path := filepath.Join(t.TempDir(), "monitor.db")
	r := open(t, path)
	if err := r.Take(ctx, events, 1000); err != nil {
		t.Fatal(err)
	}
	erasure := strongroom.Event{Index: 1000, Time: events[999].Time, Kind: "erasure", Did: "erase"}
	if err := r.Take(ctx, []strongroom.Event{erasure}, 1001); err != nil {
		t.Fatal(err)
	}
	if at, err := r.Position(ctx); err != nil || at != 0 {
		t.Fatalf("after an erasure the rollups begin at %d, %v", at, err)
	}
	for i := range events {
		events[i].Question, events[i].Erased = nil, true
	}
	told := append(events, erasure)
	if err := r.Take(ctx, told, 1001); err != nil {
		t.Fatal(err)
	}
	if at, err := r.Position(ctx); err != nil || at != 1001 {
		t.Fatalf("told again, the rollups are at %d, %v", at, err)
	}
	actors, err := r.Actors(ctx)
	if err != nil || len(actors) == 0 {
		t.Fatal(len(actors), err)
	}
	for _, a := range actors {
		if a.Name != "" {
			t.Errorf("%s is still called %s", a.Actor, a.Name)
		}
	}
	uses, err := r.Uses(ctx, monitor.Filter{Actor: monitor.Everybody})
	var untold, bucket int64
	for _, u := range uses {
		if u.Untold {
			untold += u.Count
		}
		if u.Bucket != "" {
			bucket++
		}
	}
	if err != nil || untold < 800 || bucket != 0 {
		t.Errorf("%d acts count as untold, %d name a bucket, %v", untold, bucket, err)
	}
}

// Rollups of another format are begun anew by opening them.
func TestFormat(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "monitor.db")
	r := open(t, path)
	if err := r.Take(ctx, lifeOf(5, 100), 100); err != nil {
		t.Fatal(err)
	}
	if err := rollup.SetFormat(ctx, r, 99); err != nil {
		t.Fatal(err)
	}
	r.Close()
	r = open(t, path)
	if at, err := r.Position(ctx); err != nil || at != 0 {
		t.Fatalf("rollups of format 99 are at %d, %v", at, err)
	}
	if err := r.Take(ctx, lifeOf(5, 100), 100); err != nil {
		t.Fatal(err)
	}
}

// The file tells no name; with another room's key it opens none.
func TestSealed(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "monitor.db")
	r := open(t, path)
	if err := r.Take(ctx, lifeOf(5, 2000), 2000); err != nil {
		t.Fatal(err)
	}
	r.Close()
	for _, file := range []string{path, path + "-wal"} {
		content, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"person.", "recordings", "documents", "calls/2026", "billing", "voice", "supervisors", "agents"} {
			if bytes.Contains(content, []byte(name)) {
				t.Errorf("%s holds %q", filepath.Base(file), name)
			}
		}
	}
	other, err := rollup.Open(ctx, path, bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Uses(ctx, monitor.Filter{}); err == nil {
		t.Error("another room's key opens the names")
	}
}

// Names that are made up without end do not grow the rollups without end.
func TestManyNames(t *testing.T) {
	ctx := t.Context()
	r := open(t, filepath.Join(t.TempDir(), "monitor.db"))
	var events []strongroom.Event
	add := func(outcome, bucket string) {
		events = append(events, strongroom.Event{Index: int64(len(events)), Time: time.Date(2026, 8, 3, 9, 0, 0, 0, time.UTC), Kind: "list", Did: "list", Actor: "p", Outcome: outcome,
			Question: &strongroom.Question{Action: strongroom.ActionListObjects, Resource: strongroom.Resource{Bucket: bucket}}})
	}
	for i := range 3000 {
		add(strongroom.Refused, fmt.Sprint("guess-", i))
	}
	add(strongroom.Permitted, "real")
	if err := r.Take(ctx, events, int64(len(events))); err != nil {
		t.Fatal(err)
	}
	uses, err := r.Uses(ctx, monitor.Filter{})
	if err != nil || len(uses) > 1100 {
		t.Fatalf("%d uses, %v", len(uses), err)
	}
	of := map[string]int64{}
	for _, u := range uses {
		of[u.Bucket] += u.Count
	}
	if of["(other)"] < 1900 || of["real"] != 1 {
		t.Errorf("%d count as other, %d as the real bucket's", of["(other)"], of["real"])
	}
}

// What was left out is found, and nothing is counted.
func TestGap(t *testing.T) {
	ctx := t.Context()
	events := lifeOf(6, 100)
	r := open(t, filepath.Join(t.TempDir(), "monitor.db"))
	for _, c := range []struct {
		events []strongroom.Event
		next   int64
	}{{events[1:], 100}, {events[:50], 100}, {append(slices.Clone(events[:10]), events[11:]...), 100}} {
		if err := r.Take(ctx, c.events, c.next); err == nil {
			t.Errorf("%d events up to %d were taken", len(c.events), c.next)
		}
	}
	if uses, err := r.Uses(ctx, monitor.Filter{}); err != nil || len(uses) > 0 {
		t.Errorf("%d uses, %v", len(uses), err)
	}
}

// A trace has the records about a version, the last first, and goes on where one ended.
func TestTrace(t *testing.T) {
	events := lifeOf(3, 3000)
	r := open(t, filepath.Join(t.TempDir(), "a.db"))
	want := map[strongroom.ID][]int64{}
	for i := range events {
		if v := monitor.About(&events[i]); !v.IsZero() {
			want[v] = append([]int64{events[i].Index}, want[v]...)
		}
	}
	for from := 0; from < len(events); from += 700 {
		if err := r.Take(t.Context(), events[from:min(from+700, len(events))], int64(min(from+700, len(events)))); err != nil {
			t.Fatal(err)
		}
	}
	if len(want) < 10 {
		t.Fatalf("the records are about %d versions only", len(want))
	}
	want[strongroom.NewID()] = nil
	for version, records := range want {
		var got []int64
		for before := int64(1 << 62); ; {
			page, err := r.Trace(t.Context(), version, before, 7)
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, page...); len(page) < 7 {
				break
			}
			before = page[6]
		}
		if !slices.Equal(got, records) {
			t.Fatalf("the trace of %s is %v, want %v", version, got, records)
		}
	}
}

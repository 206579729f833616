package rollup_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/rollup"
	"strongroom/monitor"
)

// TestScale builds the rollups of many records and asks every kind of question of them.
// STRONGROOM_MONITOR_EVENTS says how many; `make monitor-scale` runs it with ten million.
func TestScale(t *testing.T) {
	total, err := strconv.ParseInt(os.Getenv("STRONGROOM_MONITOR_EVENTS"), 10, 64)
	if err != nil {
		t.Skip("STRONGROOM_MONITOR_EVENTS is not a number of records: see `make monitor-scale`")
	}
	const people, days, batch = 1000, 90, 10_000
	objects := int(total / 50)
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "monitor.db")
	r, err := rollup.Open(ctx, path, key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	l := newLife(1, people, objects, days, total)
	var events []strongroom.Event
	var spent, worked time.Duration
	for n := int64(0); ; {
		e, more := l.next()
		if more {
			events = append(events, e)
			n++
		}
		if len(events) == batch || !more && len(events) > 0 {
			began, used := time.Now(), processor(t)
			if err := r.Take(ctx, events, n); err != nil {
				t.Fatal(err)
			}
			spent += time.Since(began)
			worked += processor(t) - used
			events = events[:0]
			if n%(total/10) < batch {
				t.Logf("%d records: %.0f a second so far", n, float64(n)/spent.Seconds())
			}
		}
		if !more {
			break
		}
	}
	var bytes int64
	for _, f := range []string{path, path + "-wal"} {
		if s, err := os.Stat(f); err == nil {
			bytes += s.Size()
		}
	}
	t.Logf("%d records of %d people, %d objects, %d days counted in %s: %.0f a second (%.0f a second of processor time), in batches of %d; %d MiB",
		total, people, objects, days, spent.Round(time.Second), float64(total)/spent.Seconds(), float64(total)/worked.Seconds(), batch, bytes>>20)

	m := monitor.New(r, func() time.Time { return l.start.Add(l.length) })
	rnd := rand.New(rand.NewPCG(7, 7))
	someone := func() string { return actorOf(l.people[rnd.IntN(people)]) }
	sometime := func() time.Time { return l.start.Add(time.Duration(rnd.Int64N(int64(l.length)))) }
	window := func() (since, until time.Time) {
		a, b := sometime(), sometime()
		if b.Before(a) {
			a, b = b, a
		}
		return a, b
	}
	drain := func(f monitor.Filter) error {
		_, err := r.Uses(ctx, f)
		return err
	}
	who := func(f monitor.Filter) error {
		_, err := m.Who(ctx, f)
		return err
	}
	overview := func(by string, weeks int) error {
		_, err := m.Overview(ctx, monitor.OverviewQuestion{Until: l.start.Add(l.length), Weeks: weeks, By: by, Outcome: strongroom.Permitted, Zone: time.UTC})
		return err
	}
	for _, q := range []struct {
		name string
		ask  func() error
	}{
		{"usage, all time", func() error { return drain(monitor.Filter{}) }},
		{"who, all time", func() error { return who(monitor.Filter{}) }},
		{"who, any window", func() error { a, b := window(); return who(monitor.Filter{Since: a, Until: b}) }},
		{"who, 89 days and some hours", func() error {
			return who(monitor.Filter{Since: l.start.Add(9 * time.Hour), Until: l.start.Add(l.length - 5*time.Hour)})
		}},
		{"who, 89 days, one bucket", func() error {
			return who(monitor.Filter{Since: l.start.Add(9 * time.Hour), Until: l.start.Add(l.length - 5*time.Hour), Bucket: "recordings"})
		}},
		{"who, any window, one class", func() error {
			a, b := window()
			return who(monitor.Filter{Since: a, Until: b, Class: "card"})
		}},
		{"what, all time", func() error { return drain(monitor.Filter{Actor: monitor.Everybody}) }},
		{"what, any window", func() error {
			a, b := window()
			return drain(monitor.Filter{Actor: monitor.Everybody, Since: a, Until: b})
		}},
		{"when, all time", func() error { _, err := r.Hours(ctx, monitor.Filter{}); return err }},
		{"when, all time, one queue", func() error { _, err := r.Hours(ctx, monitor.Filter{Queue: "billing"}); return err }},
		{"when, any window, refused", func() error {
			a, b := window()
			_, err := r.Hours(ctx, monitor.Filter{Since: a, Until: b, Outcome: strongroom.Refused})
			return err
		}},
		{"when, one person", func() error { _, err := r.Hours(ctx, monitor.Filter{Actor: someone()}); return err }},
		{"often, one person, 12 weeks", func() error { _, err := m.Usual(ctx, someone(), sometime(), 12); return err }},
		{"often, a group, 12 weeks", func() error { _, err := m.UsualOfGroup(ctx, "agents", sometime(), 12); return err }},
		{"often, everybody, 12 weeks", func() error { _, err := m.Often(ctx, sometime(), 12); return err }},
		{"person, all time", func() error { return drain(monitor.Filter{Actor: someone()}) }},
		{"person, any window", func() error { a, b := window(); return drain(monitor.Filter{Actor: someone(), Since: a, Until: b}) }},
		{"person, latest objects", func() error { _, err := r.ObjectsOf(ctx, someone(), 20); return err }},
		{"object", func() error {
			o := l.objects[rnd.IntN(len(l.objects))]
			_, err := r.UsesOf(ctx, o.Bucket, o.Key, 1000)
			return err
		}},
		{"in this hour", func() error { _, err := m.InHour(ctx, someone(), sometime()); return err }},
		{"distinct objects, 1 day", func() error {
			_, err := m.Distinct(ctx, someone(), l.start.Add(l.length-24*time.Hour))
			return err
		}},
		{"distinct objects, ever", func() error { _, err := m.Distinct(ctx, someone(), time.Time{}); return err }},
		{"overview, 1 week, queues", func() error { return overview(monitor.ByQueue, 1) }},
		{"overview, 4 weeks, classes", func() error { return overview(monitor.ByClass, 4) }},
		{"overview, 13 weeks, queues", func() error { return overview(monitor.ByQueue, 13) }},
		{"overview, 13 weeks, hours", func() error { return overview(monitor.ByHours, 13) }},
		{"spots of one cell, 13 weeks", func() error {
			_, err := m.Spots(ctx, monitor.Filter{Since: l.start, Until: l.start.Add(l.length), Actor: someone(), Queue: "billing", Action: strongroom.ActionReadObject})
			return err
		}},
		{"first touch of a class", func() error { _, _, err := m.Seen(ctx, someone(), "card"); return err }},
	} {
		var took, work []time.Duration
		for range 20 {
			began, used := time.Now(), processor(t)
			if err := q.ask(); err != nil {
				t.Fatalf("%s: %v", q.name, err)
			}
			took, work = append(took, time.Since(began)), append(work, processor(t)-used)
		}
		slices.Sort(took)
		slices.Sort(work)
		t.Logf("%-30s p50 %8.1f ms   max %8.1f ms   processor p50 %8.1f ms   max %8.1f ms", q.name,
			ms(took[len(took)/2]), ms(took[len(took)-1]), ms(work[len(work)/2]), ms(work[len(work)-1]))
		if most := work[len(work)-1]; most > time.Second {
			t.Errorf("%s took %s of processor time", q.name, most)
		}
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// processor is how long this process has had a processor, which tells more than the clock
// on a machine that others use too.
func processor(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

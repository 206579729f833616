package alert_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"strongroom/alert"
)

// BenchmarkTake holds batches of a thousand events of a thousand people, each with habits,
// against the whole table, in a store on the disk.
func BenchmarkTake(b *testing.B) {
	s := &story{at: monday}
	const batch, people = 1000, 1000
	for n := range 50 * batch {
		s.at = s.at.Add(40 * time.Millisecond)
		p := person(fmt.Sprintf("p%04d", (n*7919)%people))
		p.Attributes = map[string][]string{"queues": {"billing"}}
		if n%10 == 0 {
			s.refusal(p)
		} else {
			s.release(p, byte(n%40), "billing", "voice")
		}
	}
	settings, err := alert.Default()
	if err != nil {
		b.Fatal(err)
	}
	settings.Hours = &alert.Hours{Zone: time.UTC, Days: [7]bool{true, true, true, true, true, true, true}, From: 0, To: 24*60 - 1}
	store := openStore(b, b.TempDir(), 0)
	e := newEngine(b, store, &clock{at: s.at}, &inbox{}, alert.Setup{Settings: settings})
	at, taken := 0, 0
	began := processorTime(b)
	for b.Loop() {
		if at == len(s.events) { // the same again, an hour and more later
			at = 0
			for i := range s.events {
				s.events[i].Index += int64(len(s.events))
				s.events[i].Time = s.events[i].Time.Add(time.Hour)
			}
		}
		events := s.events[at : at+batch]
		if err := e.Take(b.Context(), events, events[batch-1].Index+1); err != nil {
			b.Fatal(err)
		}
		at += batch
		taken += batch
	}
	b.ReportMetric(float64(taken)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64((processorTime(b)-began).Microseconds())/float64(taken), "cpu-µs/event")
}

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

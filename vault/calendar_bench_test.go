package vault_test

import (
	"runtime"
	"testing"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

// What a calendar, and a run in which nothing is due, cost for each version stored.
func BenchmarkRetention(b *testing.B) {
	const objects = 100_000
	clock := clockAt(epoch)
	r := housetest.New(b, house.Options{Clock: clock.now})
	r.Bucket("calls")
	r.Fill("calls", objects, epoch)
	r.Configure("calls", lifecycleOf(strongroom.LifecycleRule{ID: "years", Days: 3650}))
	if _, err := r.Room.PutRetention(b.Context(), r.Owner, vault.RetentionRule{Name: "mifid2", Class: "voice", Minimum: vault.Period{Years: 5}, Basis: "b"}, ""); err != nil {
		b.Fatal(err)
	}
	if _, err := r.Room.PlaceHold(b.Context(), r.Owner, vault.Hold{Attribute: "customer", Value: "7", Matter: "m", Reason: "r"}); err != nil {
		b.Fatal(err)
	}
	var before, after runtime.MemStats
	for name, do := range map[string]func() error{
		"Calendar": func() error {
			_, err := r.Room.Calendar(b.Context(), r.Owner, vault.CalendarRequest{})
			return err
		},
		"Holds": func() error {
			_, err := r.Room.Holds(b.Context(), r.Owner, vault.HoldsRequest{})
			return err
		},
		"IdleRun": func() error {
			_, err := r.Room.RunLifecycle(b.Context(), vault.LifecycleRequest{})
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			runtime.GC()
			runtime.ReadMemStats(&before)
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/objects, "ns/version")
			b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/(1<<20), "MiB-kept")
		})
	}
}

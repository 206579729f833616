package vault_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"strongroom"
	"strongroom/book"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/ledger"
	"strongroom/vault"
)

// stored puts rows of so many objects into a bucket as if they had been stored, without
// their content.
func stored(b *testing.B, r *housetest.Room, bucket string, n int) {
	b.Helper()
	buckets, err := r.Room.ListBuckets(b.Context(), r.Owner)
	if err != nil {
		b.Fatal(err)
	}
	for from := 0; from < n; from += 400 {
		var change book.Change
		for i := from; i < min(n, from+400); i++ {
			o := strongroom.Object{
				Bucket: bucket, Key: fmt.Sprintf("2026/11/%02d/call-%08d.wav", i%28, i), Version: strongroom.NewID(), Blob: strongroom.NewID(), Custody: "standard",
				Size: 480044, ETag: "x-1", Modified: epoch.Add(time.Duration(i) * time.Minute), Null: true, Sequence: 1,
				Headers: map[string]string{"Content-Type": "audio/wav"}, Meta: map[string]string{"strongroom-queue": "billing", "strongroom-customer": fmt.Sprint(i % 9000)},
				Label: strongroom.Label{Confidential: true, Classes: []string{"voice"}, Reasons: []string{"its type was declared as audio/…"}},
			}
			body, err := json.Marshal(o)
			if err != nil {
				b.Fatal(err)
			}
			row := book.NewRow("object", o.Version.String(), body)
			row.Parent, row.Tag, row.Ref = buckets[0].ID.String(), fmt.Sprintf("%032x", i), o.Blob.String()
			change.Put = append(change.Put, row)
		}
		evidence, err := json.Marshal(vault.Evidence{Action: "store", Marks: change.Marks()})
		if err != nil {
			b.Fatal(err)
		}
		change.Entries = []ledger.Entry{{Kind: vault.KindStore, Evidence: evidence}}
		if _, err := r.Book.Apply(b.Context(), change); err != nil {
			b.Fatal(err)
		}
	}
}

// What a calendar, and a run in which nothing is due, cost for each version stored.
func BenchmarkRetention(b *testing.B) {
	const objects = 100_000
	clock := clockAt(epoch)
	r := housetest.New(b, house.Options{Clock: clock.now})
	r.Bucket("calls")
	stored(b, r, "calls", objects)
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

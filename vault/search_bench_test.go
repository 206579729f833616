package vault_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"strongroom"
	"strongroom/book"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/ledger"
	"strongroom/vault"
)

// storedCalls puts rows of calls into a bucket, with nothing behind them.
func storedCalls(b testing.TB, r *housetest.Room, bucket string, n int) {
	b.Helper()
	buckets, err := r.Room.ListBuckets(b.Context(), r.Owner)
	if err != nil {
		b.Fatal(err)
	}
	for from := 0; from < n; from += 400 {
		var change book.Change
		for i := from; i < min(n, from+400); i++ {
			began := epoch.Add(-time.Duration(i) * time.Minute)
			o := strongroom.Object{
				Bucket: bucket, Key: fmt.Sprintf("8c1f0c5e-5d6b-4d2a-9d3c-0c8d5e6f7a8b/year=%d/month=%02d/day=%02d/hour=%02d/conversation_id=%032x/%032x.wav", began.Year(), began.Month(), began.Day(), began.Hour(), i/2, i),
				Version: strongroom.NewID(), Blob: strongroom.NewID(), Custody: "standard", Size: 480044, ETag: "x-1", Modified: began.Add(time.Minute), Null: true, Sequence: 1,
				Headers: map[string]string{"Content-Type": "audio/wav"},
				Meta: map[string]string{
					"strongroom-kind": "call", "strongroom-queue": fmt.Sprint("queue-", i%20), "strongroom-agent": fmt.Sprint("agent-", i%500), "strongroom-customer": fmt.Sprint("C-", i%30_000), "strongroom-language": "en",
					"strongroom-conversation": fmt.Sprintf("%032x", i/2), "strongroom-recorded-at": began.Format(time.RFC3339), "strongroom-duration": fmt.Sprint(i % 1200),
				},
				Label: strongroom.Label{Confidential: true, Classes: []string{"participants", "voice"}, Reasons: []string{"declared as call"}},
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

// A page of what is looked for among 100,000 calls, decided on and recorded: how long the
// slowest in a hundred takes.
func BenchmarkSearch(b *testing.B) {
	const objects = 100_000
	clock := clockAt(epoch)
	r := housetest.New(b, house.Options{Clock: clock.now})
	r.Bucket("calls")
	storedCalls(b, r, "calls", objects)
	supervisor := r.Person(strongroom.Principal{Name: "ines", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"queue-7"}}})
	agent := r.Person(strongroom.Principal{Name: "agent-77", Groups: []string{"agents"}})
	nobody := r.Person(strongroom.Principal{Name: "newcomer"})
	for _, c := range []struct {
		name string
		who  vault.Caller
		q    vault.SearchRequest
	}{
		{"owner", r.Owner, vault.SearchRequest{}},
		{"supervisor", supervisor, vault.SearchRequest{}},
		{"supervisor-customer", supervisor, vault.SearchRequest{Customer: "C-7"}},
		{"supervisor-text-found-last", supervisor, vault.SearchRequest{Text: fmt.Sprintf("%032x", objects-13)}},
		{"supervisor-nothing", supervisor, vault.SearchRequest{Customer: "there is none"}},
		{"supervisor-all-conditions", supervisor, vault.SearchRequest{Queue: "queue-7", Agent: "agent-4", Customer: "c-1", Class: "voice", Label: vault.LabelConfidential, Sort: vault.SortAudio, Shortest: time.Minute, Longest: time.Hour, Text: "conversation wav"}},
		{"agent", agent, vault.SearchRequest{}},
		{"agent-by-name", agent, vault.SearchRequest{Agent: "agent-77"}},
		{"nobody", nobody, vault.SearchRequest{}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			before := processTime()
			for b.Loop() {
				began := time.Now()
				if _, err := r.Room.Search(b.Context(), c.who, c.q); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			b.ReportMetric(float64((processTime()-before).Microseconds())/1000/float64(len(took)), "cpu-ms/op")
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// processTime is what this process has used of the processors.
func processTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

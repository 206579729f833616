package house_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"strongroom"
	"strongroom/book"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/ledger"
	"strongroom/limit"
	"strongroom/vault"
)

// decisions puts n decisions on record, as the vault writes those of reads: of 200 people
// of 20 queues on 10,000 objects.
func decisions(t testing.TB, b book.Book, n int) {
	t.Helper()
	now := time.Now().UTC()
	var people []strongroom.Principal
	for i := range 200 {
		group := []string{"agents", "supervisors", "quality", "data-owners"}[i%4]
		people = append(people, strongroom.Principal{
			ID: strongroom.NewID(), Name: fmt.Sprintf("person.%d", i), Kind: strongroom.Person, Groups: []string{group}, Aliases: []string{fmt.Sprint(4000 + i)},
			Attributes: map[string][]string{"queues": {fmt.Sprintf("queue-%d", i%20)}, "supervises": {fmt.Sprintf("queue-%d", i%20)}, "site": {"Lyon"}},
		})
	}
	entry := func(i int) ledger.Entry {
		p := people[i%len(people)]
		q := strongroom.Question{
			Action: strongroom.ActionReadObject, Principal: p,
			Resource: strongroom.Resource{
				Bucket: "recordings", Key: fmt.Sprintf("2026/11/%02d/call-%d.wav", i%28, i%10_000), Version: strongroom.NewID(), Custody: "standard", Size: 1 << 20, Created: now.Add(-time.Hour),
				Attributes: map[string]string{"queue": fmt.Sprintf("queue-%d", i*7%20), "agent": fmt.Sprint(4000 + i%200), "kind": "call", "customer": "c-4711", "conversation": "0d9f"},
				Label:      strongroom.Label{Confidential: true, Classes: []string{"voice"}, Reasons: []string{"declared as call"}},
			},
			Context: strongroom.Context{Time: now, Purpose: strongroom.Purpose{Text: "customer complaint", Ticket: "CASE-4711"}, Source: "192.0.2.7", Method: "sigv4", Secure: true},
		}
		d := limit.Default().Decide(q)
		e := vault.Evidence{Action: string(q.Action), Decision: "deny", Actor: fmt.Sprintf("%064d", i%200), PolicySet: d.PolicySet, Policies: d.Policies}
		kind := vault.KindRefusal
		if d.Permit {
			kind, e.Decision = "release", "permit"
		}
		evidence, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		personal, err := json.Marshal(vault.Personal{Question: &q, Decision: &d, Session: "SRABCDEFGHIJ", RequestID: "4711"})
		if err != nil {
			t.Fatal(err)
		}
		return ledger.Entry{Kind: kind, Evidence: evidence, Personal: personal}
	}
	var next atomic.Int64
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for i := next.Add(50) - 50; i < int64(n); i = next.Add(50) - 50 {
				change := book.Change{}
				for j := i; j < min(i+50, int64(n)); j++ {
					change.Entries = append(change.Entries, entry(int(j)))
				}
				if _, err := b.Apply(t.Context(), change); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
}

// Every record is told exactly once, whatever page it is on.
func TestScan(t *testing.T) {
	r := housetest.New(t, house.Options{})
	decisions(t, r.House.Book, 2500)
	size := r.House.Book.Head().Size
	for _, from := range []int64{0, 1, 999, size - 1, size} {
		var mu sync.Mutex
		seen := map[int64]int{}
		told := 0
		err := house.Scan(t.Context(), r.House.Book, from, size, func(e *strongroom.Event) {
			mu.Lock()
			defer mu.Unlock()
			seen[e.Index]++
		}, func(n int) { mu.Lock(); defer mu.Unlock(); told += n })
		if err != nil || int64(len(seen)) != size-from || int64(told) != size-from {
			t.Fatalf("from %d of %d: %d records, told of %d, %v", from, size, len(seen), told, err)
		}
		for i, n := range seen {
			if n != 1 || i < from {
				t.Fatalf("record %d was told %d times", i, n)
			}
		}
	}
	if err := house.Scan(t.Context(), r.House.Book, 0, size+1, func(*strongroom.Event) {}, nil); err == nil {
		t.Error("a record that does not exist was not missed")
	}
	if first, err := house.FirstSince(t.Context(), r.House.Book, time.Now().Add(-time.Hour)); err != nil || first != 0 {
		t.Errorf("the first within the hour is %d, %v", first, err)
	}
	if first, err := house.FirstSince(t.Context(), r.House.Book, time.Now().Add(time.Hour)); err != nil || first != size {
		t.Errorf("the first of the next hour is %d of %d, %v", first, size, err)
	}
}

// BenchmarkReplayRoom decides what is on record again: the whole of limit replay, over 50,000
// records or STRONGROOM_REPLAY_RECORDS.
func BenchmarkReplayRoom(b *testing.B) {
	r := housetest.New(b, house.Options{})
	n := 50_000
	if text := os.Getenv("STRONGROOM_REPLAY_RECORDS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	decisions(b, r.House.Book, n)
	path := r.House.Path
	r.Stop() // as beside a server whose watchers have come as far as the ledger
	_, kept, err := house.OpenBook(b.Context(), path, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer kept.Close()
	size := kept.Head().Size
	next, err := limit.Parse(append(limit.Default().Text(), '\n'))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		replay := limit.NewReplay(next, limit.Default())
		if err := house.Scan(b.Context(), kept, 0, size, replay.Take, nil); err != nil {
			b.Fatal(err)
		}
		if report := replay.Report(); report.Same < int64(n) {
			b.Fatalf("%+v", report)
		}
	}
	b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

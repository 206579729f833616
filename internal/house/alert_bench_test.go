package house_test

import (
	"encoding/json"
	"fmt"
	"syscall"
	"testing"
	"time"

	"strongroom"
	"strongroom/alert"
	"strongroom/book"
	"strongroom/internal/alertstore"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/ledger"
	"strongroom/vault"
)

// BenchmarkAlertFeed tells the conditions what is on record of a thousand people: reading and
// checking the records, and everything that alerting does with them but sending.
func BenchmarkAlertFeed(b *testing.B) {
	r := housetest.New(b, house.Options{})
	const n, people = 20_000, 1000
	now := time.Now().UTC()
	for i := 0; i < n; i += 100 {
		var change book.Change
		for j := i; j < i+100; j++ {
			p := strongroom.Principal{ID: strongroom.ID{1, byte(j % people), byte(j % people >> 8)}, Name: fmt.Sprintf("person.%d", j%people), Kind: strongroom.Person, Groups: []string{"agents"},
				Attributes: map[string][]string{"queues": {"billing"}}}
			q := strongroom.Question{Action: strongroom.ActionReadObject, Principal: p, Resource: strongroom.Resource{
				Bucket: "recordings", Key: fmt.Sprintf("call-%d.wav", j), Version: strongroom.NewID(), Attributes: map[string]string{"queue": "billing", "kind": "call"},
				Label: strongroom.Label{Confidential: true, Classes: []string{"voice"}},
			}, Context: strongroom.Context{Time: now, Purpose: strongroom.Purpose{Text: "complaint"}, Method: "sigv4", Secure: true}}
			e, kind := vault.Evidence{Action: string(q.Action), Decision: "permit", Actor: fmt.Sprintf("%032d", j%people), Version: q.Resource.Version}, "release"
			if j%10 == 0 {
				e.Decision, kind = "deny", vault.KindRefusal
			}
			evidence, err := json.Marshal(e)
			if err != nil {
				b.Fatal(err)
			}
			personal, err := json.Marshal(vault.Personal{Question: &q, Decision: &strongroom.Decision{Permit: kind == "release"}})
			if err != nil {
				b.Fatal(err)
			}
			change.Entries = append(change.Entries, ledger.Entry{Kind: kind, Evidence: evidence, Personal: personal})
		}
		if _, err := r.House.Book.Apply(b.Context(), change); err != nil {
			b.Fatal(err)
		}
	}
	size := r.House.Book.Head().Size
	feed := house.NewFeed(r.House.Book, r.House.Room.Log)
	d := desk(b, r)
	m, err := r.House.OpenMonitor(b.Context()) // the server's own watchers come first
	if err != nil {
		b.Fatal(err)
	}
	for behind := size; behind > 0; {
		if behind, err = m.CatchUp(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		b.Fatal(err)
	}
	for at := int64(0); at < size; {
		time.Sleep(100 * time.Millisecond)
		if at, err = d.Engine.Position(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	began := processorTime(b)
	for b.Loop() {
		store, err := alertstore.Open(b.Context(), b.TempDir()+"/alerts.db", make([]byte, 32), 0)
		if err != nil {
			b.Fatal(err)
		}
		c := d.Engine.Config
		c.Store = store
		if err := feed.CatchUp(b.Context(), alert.New(c)); err != nil {
			b.Fatal(err)
		}
		if err := store.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64((processorTime(b)-began).Microseconds())/float64(size)/float64(b.N), "cpu-µs/event")
}

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

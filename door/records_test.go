package door_test

import (
	"fmt"
	"testing"
	"time"

	"strongroom"
	"strongroom/door"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/ledger"
	"strongroom/monitor"
	"strongroom/vault"
)

// The records behind a count are found page by page, each once, the latest first, with
// what each delivered; and evidence of one verifies elsewhere.
func TestRecords(t *testing.T) {
	p := housetest.New(t, house.Options{})
	p.Bucket("calls")
	for i := range 5 {
		p.Put("calls", fmt.Sprint(i), make([]byte, 100+i), map[string]string{"strongroom-queue": []string{"billing", "support"}[i%2]})
	}
	agent := p.Person(strongroom.Principal{Name: "agent", Groups: []string{"agents"}})
	for i := range 37 {
		if _, err := p.Get(p.Owner, "calls", fmt.Sprint(i%5), 0, -1); err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 {
			_, _ = p.Get(agent, "calls", "1", 0, -1)
		}
	}
	housetest.Eventually(t, "what was delivered is on record", func() bool {
		delivered := 0
		for r, err := range p.Book.Records(t.Context(), 0, p.Book.Head().Size) {
			if err != nil {
				t.Fatal(err)
			}
			if e, err := vault.EventOf(r); err != nil {
				t.Fatal(err)
			} else if monitor.IsDelivery(&e) {
				delivered++
			}
		}
		return delivered == 37
	})
	room := p.House.Door()
	u, err := room.Usage(t.Context(), p.Owner, "testing", 20*time.Second)
	if err != nil || u.AsOf.Behind > 0 {
		t.Fatalf("counted up to %+v, %v", u.AsOf, err)
	}
	actor, known := u.ActorOf(p.Owner.Principal.ID)
	if !known || u.Name(actor) != "owner" || !u.Known(actor) || u.Known("nobody such") {
		t.Fatalf("the owner is %q, %v", actor, known)
	}
	billing := monitor.Column{Name: "billing"}
	for _, c := range []struct {
		name   string
		by     string
		column monitor.Column
		actors []string
		want   int
	}{
		{"all of the owner's", "", monitor.Column{}, []string{actor}, 37},
		{"the owner's of a queue", monitor.ByQueue, billing, []string{actor}, 22},
		{"of a queue that is none", monitor.ByQueue, monitor.Column{Sort: monitor.None}, []string{actor}, 0},
		{"nobody's", "", monitor.Column{}, []string{}, 0},
	} {
		q := door.RecordsQuestion{Filter: monitor.Filter{Since: time.Now().Add(-time.Hour), Actors: c.actors, Action: strongroom.ActionReadObject, Outcome: strongroom.Permitted}, By: c.by, Column: c.column, Zone: time.UTC, Most: 4}
		n, last := 0, p.Book.Head().Size
		for pages := 0; ; pages++ {
			page, err := room.Records(t.Context(), p.Owner, u, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Records {
				if r.Index >= last || r.Kind != "release" || r.Actor != actor {
					t.Fatalf("%s: record %d of %s follows %d", c.name, r.Index, r.Kind, last)
				}
				if !r.Told || r.Bytes < 100 || r.Bytes > 104 {
					t.Errorf("%s: record %d delivered %d (known: %v)", c.name, r.Index, r.Bytes, r.Told)
				}
				last = r.Index
				n++
			}
			if page.Next == 0 || pages > 50 {
				break
			}
			q.Before = page.Next
		}
		if n != c.want {
			t.Errorf("%s: %d records, want %d", c.name, n, c.want)
		}
	}
	if _, err := room.Records(t.Context(), agent, u, door.RecordsQuestion{Filter: monitor.Filter{Since: time.Now().Add(-time.Hour)}, Most: 4}); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("whoever may not read the ledger gets %v", err)
	}

	bundle, err := room.Bundle(t.Context(), 0, []int64{3, 5}, room.ReadRecord(p.Owner))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bundle.Verify(ledger.Trust{LedgerKey: p.LedgerKey}); err != nil {
		t.Error(err)
	}
	if _, err := room.Bundle(t.Context(), 0, []int64{1 << 40}, room.ReadRecord(p.Owner)); strongroom.KindOf(err) != strongroom.KindInvalid {
		t.Errorf("evidence of a record that there is not: %v", err)
	}
	if _, err := room.Bundle(t.Context(), 0, []int64{3}, room.ReadRecord(agent)); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("evidence for whom may not read the ledger: %v", err)
	}
}

package vault_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

// An inventory tells every version once, its key only where asked, and is on record before
// it is answered.
func TestInventory(t *testing.T) {
	clock := clockAt(epoch)
	r := housetest.New(t, house.Options{Clock: clock.now})
	r.Bucket("calls")
	r.Bucket("empty")
	r.Configure("calls", func(b *strongroom.Bucket) { b.Versioning = strongroom.VersioningEnabled })
	r.Put("calls", "a.wav", []byte("first"), map[string]string{"strongroom-kind": "call", "strongroom-queue": "billing", "intake-source": "s3://export", "note": "private"})
	second := r.Put("calls", "a.wav", []byte("second one"), map[string]string{"strongroom-kind": "call"})
	gone := r.Put("calls", "gone.txt", []byte("x"), nil)
	if _, err := r.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: "gone.txt"}}); err != nil {
		t.Fatal(err)
	}
	take := func(req vault.InventoryRequest) (vault.InventoryTaken, []vault.Stored) {
		t.Helper()
		var all []vault.Stored
		taken, err := r.Room.Inventory(t.Context(), r.Owner, req, func(s vault.Stored) error { all = append(all, s); return nil })
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(all, func(a, b vault.Stored) int { return int(a.Size - b.Size) })
		return taken, all
	}
	from := r.Book.Head().Size
	taken, all := take(vault.InventoryRequest{Meta: []string{"intake-source"}})
	if taken.Versions != 3 || taken.Markers != 1 || taken.Unread != 0 || len(taken.Buckets) != 2 || taken.Buckets[0].Name != "calls" || len(all) != 3 {
		t.Fatalf("%+v, %d versions", taken, len(all))
	}
	old, now := all[1], all[2]
	if old.Size != 5 || old.Current || old.Attributes["queue"] != "billing" || old.Attributes["kind"] != "call" || old.Meta["intake-source"] != "s3://export" || len(old.Meta) != 1 {
		t.Errorf("the older version: %+v", old)
	}
	if now.Version != second.Version || !now.Current || !now.Label.Confidential || now.Custody != vault.StandardCustody || !now.Created.Equal(epoch) || now.Bucket != taken.Buckets[0].ID {
		t.Errorf("the current version: %+v", now)
	}
	if all[0].Version != gone.Version || all[0].Current {
		t.Errorf("what a delete marker hides: %+v", all[0])
	}
	for _, s := range all {
		if s.Key != "" {
			t.Errorf("the key %q was told unasked", s.Key)
		}
	}
	if told := ofKind(records(t, r, from), vault.KindInventory); len(told) != 1 || told[0].evidence.Action != vault.InventoryTake || told[0].evidence.Decision != "permit" {
		t.Errorf("on record: %+v", told)
	}
	if _, all = take(vault.InventoryRequest{Keys: true}); all[2].Key != "a.wav" {
		t.Errorf("with keys: %+v", all[2])
	}

	// Who may not, learns nothing, on record; the rows go on being told until visit ends it.
	agent := r.Person(strongroom.Principal{Name: "agent", Groups: []string{"agents"}})
	from = r.Book.Head().Size
	_, err := r.Room.Inventory(t.Context(), agent, vault.InventoryRequest{}, func(vault.Stored) error { t.Error("told"); return nil })
	if strongroom.KindOf(err) != strongroom.KindDenied || len(ofKind(records(t, r, from), vault.KindRefusal)) != 1 {
		t.Errorf("an agent: %v", err)
	}
	enough := errors.New("enough")
	if _, err := r.Room.Measure(t.Context(), func(vault.Stored) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("visit's error: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	_, err = r.Room.Measure(ended, func(vault.Stored) error { cancel(); return nil })
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
}

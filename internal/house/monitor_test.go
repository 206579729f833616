package house_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/internal/rollup"
	"strongroom/monitor"
	"strongroom/vault"
)

// What is done at the door of a real room is what monitoring tells: while the server feeds
// it, beside the server, without one, and when it is made again.
func TestMonitor(t *testing.T) {
	r := housetest.New(t, house.Options{})
	ctx := t.Context()
	r.Bucket("calls")
	r.Bucket("documents")
	ines := r.Person(strongroom.Principal{Name: "ines.martin", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}})
	ines.Purpose.Text = "complaint 12"
	omar := r.Person(strongroom.Principal{Name: "omar.haddad", Groups: []string{"agents"}})
	content := make([]byte, 200_000)
	object := r.Put("calls", "1.wav", content, map[string]string{"strongroom-queue": "billing"})
	r.Put("calls", "2.wav", content, map[string]string{"strongroom-queue": "claims"})
	for range 3 {
		if _, err := r.Get(ines, "calls", "1.wav", 0, -1); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := r.Get(ines, "calls", "2.wav", 0, -1); strongroom.KindOf(err) != strongroom.KindDenied {
			t.Fatal(err)
		}
	}
	for range 40 { // beyond the rate at which refusals are recorded one by one
		if _, err := r.Get(omar, "calls", "1.wav", 0, -1); strongroom.KindOf(err) != strongroom.KindDenied {
			t.Fatal(err)
		}
	}
	names, err := r.House.Room.ReadUsage(ctx, r.Owner, "who")
	if err != nil {
		t.Fatal(err)
	}
	actor := func(name string) string {
		a, known := names.Actor(name)
		if !known {
			t.Fatalf("%s has no pseudonym", name)
		}
		return a
	}
	counts := func(m *monitor.Monitor, f monitor.Filter) (n, bytes int64) {
		t.Helper()
		uses, err := m.Uses(ctx, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range uses {
			n, bytes = n+u.Count, bytes+u.Bytes
		}
		return n, bytes
	}
	check := func(m *monitor.Monitor) {
		t.Helper()
		opened := monitor.Filter{Actor: actor("ines.martin"), Action: strongroom.ActionReadObject, Outcome: strongroom.Permitted}
		if n, bytes := counts(m, opened); n != 3 || bytes != 3*int64(len(content)) {
			t.Errorf("ines.martin opened %d with %d bytes", n, bytes)
		}
		opened.Queue = "claims"
		if n, _ := counts(m, opened); n != 0 {
			t.Errorf("ines.martin opened %d of claims", n)
		}
		opened.Outcome = strongroom.Refused
		if n, _ := counts(m, opened); n != 2 {
			t.Errorf("ines.martin was refused %d of claims", n)
		}
		if n, err := m.Distinct(ctx, actor("ines.martin"), time.Now().Add(-time.Hour)); err != nil || n != 1 {
			t.Errorf("ines.martin opened %d objects, %v", n, err)
		}
		if n, err := m.Between(ctx, actor("ines.martin"), time.Now().Add(-2*time.Hour), time.Now()); err != nil || n != 3 {
			t.Errorf("%d releases to ines.martin, %v", n, err)
		}
		if _, ok, err := m.Seen(ctx, actor("ines.martin"), "no such class"); err != nil || ok {
			t.Errorf("ines.martin opened something of no such class: %v", err)
		}
		for _, class := range object.Label.Classes {
			if first, ok, err := m.Seen(ctx, actor("ines.martin"), class); err != nil || !ok || time.Since(first) > time.Hour {
				t.Errorf("ines.martin first opened a %s at %s, %t, %v", class, first, ok, err)
			}
		}
		uses, err := m.UsesOf(ctx, "calls", "1.wav", 10)
		if err != nil {
			t.Fatal(err)
		}
		by := map[string]monitor.ObjectUse{}
		for _, u := range uses {
			by[u.Actor] = u
		}
		if u := by[actor("ines.martin")]; u.Opened != 3 || u.Bytes != 3*int64(len(content)) || u.Version != object.Version {
			t.Errorf("1.wav was used by ines.martin: %+v", u)
		}
		if u := by[actor("omar.haddad")]; u.Opened != 0 || u.Refused < 20 || u.Bytes != 0 {
			t.Errorf("1.wav was used by omar.haddad: %+v", u)
		}
	}
	// The server's own.
	served := r.House.Monitor()
	housetest.Eventually(t, "all records are counted", func() bool {
		at, err := served.Position(ctx)
		if err != nil {
			t.Fatal(err)
		}
		n, bytes := counts(served, monitor.Filter{Actor: actor("ines.martin"), Action: strongroom.ActionReadObject, Outcome: strongroom.Permitted})
		return at == r.House.Book.Head().Size && n == 3 && bytes == 3*int64(len(content))
	})
	check(served)
	// Beside it, as a command does.
	info, err := house.Find(r.Dir, r.Founded.Room.String())
	if err != nil {
		t.Fatal(err)
	}
	beside := func(do func(*house.Monitoring)) {
		t.Helper()
		h, err := house.Open(ctx, r.Dir, info, house.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close(ctx)
		m, err := h.OpenMonitor(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		do(m)
	}
	beside(func(m *house.Monitoring) {
		if behind, err := m.CatchUp(ctx, nil); err != nil || behind > 0 {
			t.Fatal(behind, err)
		}
		check(m.Monitor)
		again, err := m.Rebuild(ctx, nil)
		if err != nil || len(again.Differ) > 0 || again.Records < 10 {
			t.Errorf("made again beside the server: %+v, %v", again, err)
		}
	})
	r.Stop() // which records what was counted of refusals
	database := filepath.Join(house.Path(r.Dir, info), "monitor.db")
	beside(func(m *house.Monitoring) {
		if behind, err := m.CatchUp(ctx, nil); err != nil || behind > 0 {
			t.Fatal(behind, err)
		}
		check(m.Monitor)
		if n, _ := counts(m.Monitor, monitor.Filter{Actor: actor("omar.haddad"), Outcome: strongroom.Refused}); n != 40 {
			t.Errorf("omar.haddad was refused %d times, not 40", n)
		}
	})
	// Without them, they are made from the ledger.
	for _, end := range []string{"", "-wal", "-shm"} {
		os.Remove(database + end)
	}
	beside(func(m *house.Monitoring) {
		var told int64
		if behind, err := m.CatchUp(ctx, func(done, of int64) { told = done }); err != nil || behind > 0 || told == 0 {
			t.Fatal(behind, told, err)
		}
		check(m.Monitor)
		// Counts that are not the ledger's are found, and put right.
		at, err := m.Position(ctx)
		if err != nil {
			t.Fatal(err)
		}
		key, err := rollupsOfNothing(t, filepath.Join(t.TempDir(), "wrong.db"), at)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Rollups.Replace(ctx, key); err != nil {
			t.Fatal(err)
		}
		again, err := m.Rebuild(ctx, nil)
		if err != nil || len(again.Differ) == 0 {
			t.Errorf("wrong counts made again: %+v, %v", again, err)
		}
		check(m.Monitor)
	})
}

// rollupsOfNothing have counted so many records that told nothing.
func rollupsOfNothing(t *testing.T, path string, n int64) (*rollup.Rollups, error) {
	r, err := rollup.Open(t.Context(), path, make([]byte, 32))
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { r.Close() })
	var events []strongroom.Event
	for i := range n {
		events = append(events, strongroom.Event{Index: i, Time: time.Now(), Kind: "delivery"})
	}
	return r, r.Take(t.Context(), events, n)
}

// A copy that somebody took along is counted as that, beside the opening that it needed.
func TestDownloadsAreCounted(t *testing.T) {
	r := housetest.New(t, house.Options{})
	ctx := t.Context()
	r.Bucket("calls")
	r.Put("calls", "1.wav", []byte("RIFF"), nil)
	o, err := r.House.Room.Download(ctx, r.Owner, vault.GetRequest{Bucket: "calls", Key: "1.wav", Plan: func(o strongroom.Object) (int64, int64, error) { return 0, o.Size, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.WriteTo(&bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	m, size := r.House.Monitor(), r.House.Book.Head().Size
	housetest.Eventually(t, "all records are counted", func() bool {
		at, err := m.Position(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return at >= size
	})
	people, err := m.Who(ctx, monitor.Filter{Bucket: "calls"})
	if err != nil || len(people) != 1 {
		t.Fatal(people, err)
	}
	if p := people[0]; p.Opened != 1 || p.Downloaded != 1 || p.Other != 0 || p.Stored != 1 {
		t.Errorf("it is counted as %+v", p.Sums)
	}
	uses, err := m.UsesOf(ctx, "calls", "1.wav", 10)
	if err != nil || len(uses) != 1 || uses[0].Opened != 1 || uses[0].Downloaded != 1 || uses[0].Other != 1 {
		t.Errorf("the object was used %+v, %v", uses, err)
	}
}

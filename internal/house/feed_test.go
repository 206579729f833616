package house_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

// memory is a watcher that forgets what it was told in a Take that failed.
type memory struct {
	mu     sync.Mutex
	events []strongroom.Event
	fail   int // how many times to fail
}

func (m *memory) Position(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.events)), nil
}

func (m *memory) Take(_ context.Context, events []strongroom.Event, next int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail > 0 {
		m.fail--
		return errors.New("the disk is full")
	}
	m.events = append(m.events, events...)
	if next != int64(len(m.events)) {
		return errors.New("events were left out")
	}
	return nil
}

// A watcher is told every record once and in order, those from before it was there, those
// that come while it watches, and those that it could not take at first.
func TestFeed(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	ctx, cancel := context.WithCancel(t.Context())
	w := &memory{fail: 1}
	feed := house.NewFeed(r.House.Book, r.House.Room.Log)
	done := make(chan struct{})
	go func() { defer close(done); feed.Run(ctx, "test", w) }()
	nobody := r.Person(strongroom.Principal{Name: "nobody"})
	for range 20 {
		if _, err := r.House.Room.Put(t.Context(), r.Owner, vault.PutRequest{Bucket: "calls", Key: "a", Size: 1}, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Get(nobody, "calls", "a", 0, -1); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Fatal(err)
	}
	if _, err := r.Get(r.Owner, "calls", "a", 0, -1); err != nil {
		t.Fatal(err)
	}
	housetest.Eventually(t, "every record is told", func() bool {
		n, _ := w.Position(ctx)
		return n >= r.House.Book.Head().Size
	})
	cancel()
	<-done
	var stores, refusals, releases int
	for i, e := range w.events {
		if e.Index != int64(i) || e.Time.IsZero() || e.Kind == "" || e.Did == "" {
			t.Errorf("event %d is %+v", i, e)
		}
		switch {
		case e.Kind == vault.KindStore:
			stores++
		case e.Kind == vault.KindRefusal && e.Outcome == strongroom.Refused && e.Principal().Name == "nobody" && e.Question.Resource.Key == "a":
			refusals++
		case e.Kind == "release" && e.Outcome == strongroom.Permitted && e.Principal().Name == "owner" && !e.Blob.IsZero():
			releases++
		}
	}
	if stores != 20 || refusals != 1 || releases != 1 {
		t.Errorf("%d stores, %d refusals, %d releases of %d events", stores, refusals, releases, len(w.events))
	}
}

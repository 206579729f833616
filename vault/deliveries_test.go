package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"strongroom/book"
	"strongroom/ledger"
)

// noted is a book that notes the kinds of each change, and fails while told to.
type noted struct {
	book.Book
	mu      sync.Mutex
	fail    error
	changes []string
	size    int64
}

func (b *noted) Apply(_ context.Context, c book.Change) (book.Receipt, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return book.Receipt{}, b.fail
	}
	var kinds []string
	var r book.Receipt
	for _, e := range c.Entries {
		kinds = append(kinds, e.Kind)
		r.Records = append(r.Records, ledger.Record{Index: b.size, Evidence: []byte(e.Kind)})
		b.size++
	}
	b.changes = append(b.changes, strings.Join(kinds, " "))
	return r, nil
}

func (b *noted) set(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = err
}

// want fails the test unless the changes were these.
func (b *noted) want(t *testing.T, changes ...string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if got, want := strings.Join(b.changes, "; "), strings.Join(changes, "; "); got != want {
		t.Errorf("the changes were %q, want %q", got, want)
	}
}

func deliveryRoom() (*Room, *noted) {
	b := &noted{}
	return &Room{Config: Config{Book: b, Log: slog.New(slog.DiscardHandler)}, ended: make(chan struct{})}, b
}

func entries(kinds ...string) (out []ledger.Entry) {
	for _, k := range kinds {
		out = append(out, ledger.Entry{Kind: k})
	}
	return out
}

// A delivery goes with the next release, and the release's receipt is its own.
func TestDeliveriesRideAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, b := deliveryRoom()
		r.deliveries.record(r, entries("d1")...)
		r.deliveries.record(r, entries("d2")...)
		receipt, err := r.deliveries.along(t.Context(), r, ledger.Entry{Kind: "release"})
		if err != nil || len(receipt.Records) != 1 || receipt.Records[0].Index != 2 || string(receipt.Records[0].Evidence) != "release" {
			t.Errorf("the receipt is %+v, %v", receipt, err)
		}
		if receipt, err = r.deliveries.along(t.Context(), r, ledger.Entry{Kind: "alone"}); err != nil || len(receipt.Records) != 1 || receipt.Records[0].Index != 3 {
			t.Errorf("the receipt of one without company is %+v, %v", receipt, err)
		}
		time.Sleep(10 * deliveryWait)
		r.work.Wait()
		b.want(t, "d1 d2 release", "alone")
	})
}

// Without a release they are written by themselves, soon; when the room closes, at once.
func TestDeliveriesWaitShortly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, b := deliveryRoom()
		r.deliveries.record(r, entries("d1")...)
		time.Sleep(deliveryWait / 2)
		r.deliveries.record(r, entries("d2")...)
		b.want(t)
		time.Sleep(deliveryWait/2 + time.Millisecond)
		synctest.Wait()
		b.want(t, "d1 d2")

		r.deliveries.record(r, entries("d3")...)
		began := time.Now()
		close(r.ended)
		r.work.Wait()
		if waited := time.Since(began); waited != 0 {
			t.Errorf("closing waited %s", waited)
		}
		r.deliveries.record(r, entries("d4")...)
		r.work.Wait()
		b.want(t, "d1 d2", "d3", "d4")
	})
}

// A release that cannot be recorded takes no delivery down with it.
func TestDeliveriesOutliveAFailedRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, b := deliveryRoom()
		broken := errors.New("broken")
		r.deliveries.record(r, entries("d1")...)
		b.set(broken)
		if _, err := r.deliveries.along(t.Context(), r, ledger.Entry{Kind: "release"}); !errors.Is(err, broken) {
			t.Errorf("the release: %v", err)
		}
		b.set(nil)
		time.Sleep(2 * deliveryWait)
		r.work.Wait()
		b.want(t, "d1")
	})
}

// However many there are, one release carries a bounded number, and none is lost.
func TestDeliveriesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, b := deliveryRoom()
		const n = 3*deliveryRide + 5
		for i := range n {
			r.deliveries.record(r, entries(fmt.Sprint("d", i))...)
		}
		if _, err := r.deliveries.along(t.Context(), r, ledger.Entry{Kind: "release"}); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * deliveryWait)
		r.work.Wait()
		seen := 0
		for _, c := range b.changes {
			kinds := strings.Fields(c)
			if len(kinds) > deliveryRide+1 {
				t.Errorf("a change has %d records", len(kinds))
			}
			for _, k := range kinds {
				if k != "release" {
					if k != fmt.Sprint("d", seen) {
						t.Errorf("%s stands where d%d was to be", k, seen)
					}
					seen++
				}
			}
		}
		if seen != n {
			t.Errorf("%d of %d deliveries are on record", seen, n)
		}
	})
}

package vault

import (
	"context"
	"sync"
	"time"

	"strongroom/book"
	"strongroom/ledger"
)

// deliveries are records of what was delivered, on their way to the ledger. They wait a
// moment for a release to go there with: a commit of its own for each would cost a read
// its third.
type deliveries struct {
	mu      sync.Mutex
	waiting []ledger.Entry
	due     bool // somebody is going to write those that nobody takes along
}

const (
	// deliveryWait is how long a delivery waits for company at most.
	deliveryWait = 20 * time.Millisecond
	// deliveryRide bounds how many go with one release.
	deliveryRide = 64
)

// record has an entry written soon.
func (d *deliveries) record(r *Room, entries ...ledger.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = append(d.waiting, entries...)
	if d.due || len(d.waiting) == 0 {
		return
	}
	d.due = true
	r.work.Go(func() {
		wait := time.NewTimer(deliveryWait)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-r.ended: // the room closes
		}
		d.mu.Lock()
		rest := d.waiting
		d.waiting, d.due = nil, false
		d.mu.Unlock()
		d.write(r, rest)
	})
}

func (d *deliveries) write(r *Room, entries []ledger.Entry) {
	for len(entries) > 0 {
		n := min(len(entries), deliveryRide)
		if _, err := r.Book.Apply(context.Background(), book.Change{Entries: entries[:n:n]}); err != nil {
			r.Log.Error("recording deliveries", "room", r.ID, "deliveries", n, "error", err)
		}
		entries = entries[n:]
	}
}

// along applies a change of that entry alone, together with deliveries that wait, and
// answers what is its own of the receipt.
func (d *deliveries) along(ctx context.Context, r *Room, e ledger.Entry) (book.Receipt, error) {
	d.mu.Lock()
	n := min(len(d.waiting), deliveryRide)
	entries := append(make([]ledger.Entry, 0, n+1), d.waiting[:n]...)
	if d.waiting = d.waiting[n:]; len(d.waiting) == 0 {
		d.waiting = nil
	}
	d.mu.Unlock()
	receipt, err := r.Book.Apply(ctx, book.Change{Entries: append(entries, e)})
	if err != nil {
		d.record(r, entries...)
		return book.Receipt{}, err
	}
	receipt.Records = receipt.Records[n:]
	return receipt, nil
}

package house

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"strongroom"
	"strongroom/internal/rollup"
	"strongroom/monitor"
	"strongroom/vault"
)

// Monitoring answers who accessed what, when and how often, from rollups that lie in the
// room's folder.
type Monitoring struct {
	*monitor.Monitor
	Rollups *rollup.Rollups
	house   *House
	unlock  func() error // of whoever feeds, nil where another does
}

// Monitor is the monitoring of a room that is being served, for those who watch beside it;
// nil where the room is not served.
func (h *House) Monitor() *monitor.Monitor {
	if m, served := watcher[*Monitoring](h); served {
		return m.Monitor
	}
	return nil
}

// counted waits until monitoring has counted the records before to, or patience ends.
func (h *House) counted(ctx context.Context, to int64, patience time.Duration) (at int64, err error) {
	m, served := watcher[*Monitoring](h)
	if !served {
		return 0, nil
	}
	return h.feed.Await(ctx, m, to, patience)
}

// openMonitor opens the rollups for the server, which feeds them.
func openMonitor(ctx context.Context, h *House, _ Options) (Watcher, error) {
	m, err := h.OpenMonitor(ctx)
	if err != nil {
		return nil, err
	}
	// A command that is feeding them has the lock, and ends soon. What two feed is
	// counted once.
	if unlock, err := lock(m.lockPath()); err == nil {
		m.unlock = unlock
	}
	return m, nil
}

// OpenMonitor opens the rollups beside whoever serves the room, as far as they have come.
// The caller closes them.
func (h *House) OpenMonitor(ctx context.Context) (*Monitoring, error) {
	r, err := rollup.Open(ctx, filepath.Join(h.Path, "monitor.db"), h.key)
	if err != nil {
		return nil, err
	}
	m := &Monitoring{monitor.New(r, h.Room.Clock), r, h, nil}
	if err := m.begin(ctx, r); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return m, nil
}

// begin has rollups of a ledger that was longer once start again.
func (m *Monitoring) begin(ctx context.Context, r *rollup.Rollups) error {
	at, err := r.Position(ctx)
	if err != nil {
		return err
	}
	size := m.house.Book.Head().Size
	if at > size {
		m.house.Room.Log.Warn("the rollups have counted more records than the ledger has, and are made again", "room", m.house.ID, "counted", at, "records", size)
		if err := r.Reset(ctx); err != nil {
			return err
		}
		at = 0
	}
	if at == 0 {
		return r.Begin(ctx, size)
	}
	return nil
}

func (m *Monitoring) lockPath() string { return filepath.Join(m.house.Path, "monitor.lock") }

// Take implements Watcher.
func (m *Monitoring) Take(ctx context.Context, events []strongroom.Event, next int64) error {
	return m.Rollups.Take(ctx, events, next)
}

// Close closes the rollups.
func (m *Monitoring) Close() error {
	err := m.Rollups.Close()
	if m.unlock != nil {
		err = errors.Join(err, m.unlock())
	}
	return err
}

// Progress is told how many records were counted so far, of how many.
type Progress func(done, of int64)

// behindPatience is how long a question waits for whoever feeds the rollups.
const behindPatience = 10 * time.Second

// CatchUp has the rollups count what is on record now: where a server feeds them it waits
// for it, for a while, else it feeds them itself. It answers how many records are still
// not counted.
func (m *Monitoring) CatchUp(ctx context.Context, p Progress) (behind int64, err error) {
	size := m.house.Book.Head().Size
	patience := time.NewTimer(behindPatience)
	defer patience.Stop()
	for {
		at, err := m.Position(ctx)
		if err != nil || at >= size {
			return 0, err
		}
		if unlock, err := lock(m.lockPath()); err == nil {
			err = m.feed(ctx, m.Rollups, size, p)
			return 0, errors.Join(err, unlock())
		} else if strongroom.KindOf(err) != strongroom.KindConflict {
			return 0, err
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-patience.C:
			return size - at, nil
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// bulk is how many records are counted at once where there are many: neighbours share
// cells, so more at once cost less each.
const bulk = 10_000

// feed tells rollups the records from where they are up to one, that one excluded: the
// next are read while some are counted.
func (m *Monitoring) feed(ctx context.Context, r *rollup.Rollups, to int64, p Progress) error {
	type told struct {
		events []strongroom.Event
		next   int64
		err    error
	}
	for {
		from, err := r.Position(ctx)
		if err != nil || from >= to {
			return err
		}
		ctx, stop := context.WithCancel(ctx)
		batches := make(chan told)
		go func() {
			defer close(batches)
			for at := from; at < to; {
				next := min(at+bulk, to)
				events, err := m.read(ctx, at, next)
				select {
				case batches <- told{events, next, err}:
				case <-ctx.Done():
					return
				}
				if err != nil {
					return
				}
				at = next
			}
		}()
		for b := range batches {
			if err = b.err; err == nil {
				err = r.Take(ctx, b.events, b.next)
			}
			if err != nil {
				break
			}
			if p != nil {
				p(b.next, to)
			}
			// An erasure has everything told again.
			if at, e := r.Position(ctx); e != nil || at < b.next {
				err = e
				break
			}
		}
		stop()
		for range batches { // until the reader has ended
		}
		if err != nil {
			return err
		}
	}
}

func (m *Monitoring) read(ctx context.Context, from, to int64) ([]strongroom.Event, error) {
	events := make([]strongroom.Event, 0, to-from)
	for r, err := range m.house.Book.Records(ctx, from, to) {
		if err != nil {
			return nil, fmt.Errorf("reading records from %d: %w", from, err)
		}
		e, err := vault.EventOf(r)
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

// Rebuilt is what making the rollups again found.
type Rebuilt struct {
	Records int64    `json:"records"`
	Differ  []string `json:"differ,omitempty"` // tables of the old rollups that were not as the ledger has it; they were replaced
}

// Rebuild makes the rollups again from the ledger beside the old ones, compares, and puts
// the new in the place of old ones that differ. One that was broken off goes on where it was.
func (m *Monitoring) Rebuild(ctx context.Context, p Progress) (out Rebuilt, err error) {
	path := filepath.Join(m.house.Path, "monitor.new.db")
	unlock, err := lock(path + ".lock")
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	fresh, err := rollup.Open(ctx, path, m.house.key)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, fresh.Close()) }()
	if err := m.begin(ctx, fresh); err != nil {
		return out, err
	}
	if err := m.feed(ctx, fresh, m.house.Book.Head().Size, p); err != nil {
		return out, err
	}
	// The old ones must have come as far as the new.
	for {
		at, err := fresh.Position(ctx)
		if err != nil {
			return out, err
		}
		have, err := m.Position(ctx)
		if err != nil {
			return out, err
		}
		if have >= at {
			break
		}
		behind, err := m.CatchUp(ctx, p)
		if err != nil {
			return out, err
		}
		if behind > 0 {
			return out, &strongroom.Error{Kind: strongroom.KindBusy, Message: fmt.Sprintf("the server still has %d records to count", behind), Hint: "run it again when the server has caught up; what is done stays done"}
		}
	}
	out.Differ, err = m.Rollups.Compare(ctx, fresh, func(ctx context.Context, to int64) error { return m.feed(ctx, fresh, to, nil) })
	if err != nil {
		return out, err
	}
	if out.Records, err = fresh.Position(ctx); err != nil {
		return out, err
	}
	if len(out.Differ) > 0 {
		if err := m.Rollups.Replace(ctx, fresh); err != nil {
			return out, err
		}
	}
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return out, fmt.Errorf("removing the new rollups: %w", err)
		}
	}
	return out, nil
}

package vault

import (
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// UseStore keeps when keys and tokens were last used, outside the book: it is no ground
// for a decision, and a row and a record for each use would cost more than the use. Ids
// are keyed hashes.
type UseStore interface {
	// KeepUses keeps these times, each unless a later one is kept.
	KeepUses(ctx context.Context, at map[string]time.Time) error
	Uses(ctx context.Context) (map[string]time.Time, error)
}

// useFlush is how often uses are kept, in seconds: a crash loses as much.
const useFlush = 60

// uses is when keys and tokens were used, to the second.
type uses struct {
	last sync.Map // id → *use
}

type use struct {
	at, kept atomic.Int64 // seconds since 1970
}

func (u *uses) note(id string, now time.Time) {
	one, ok := u.last.Load(id)
	if !ok {
		one, _ = u.last.LoadOrStore(id, &use{})
	}
	if at := &one.(*use).at; at.Load() < now.Unix() {
		at.Store(now.Unix())
	}
}

// useRow is the id under which the use of a key or token is kept.
func (r *Room) useRow(id string) string { return mac(r.tagKey, "use", id) }

// flushUses keeps what has changed since the last time.
func (r *Room) flushUses(ctx context.Context) error {
	if r.Uses == nil {
		return nil
	}
	changed := map[string]time.Time{}
	var all []*use
	r.uses.last.Range(func(id, v any) bool {
		if u := v.(*use); u.at.Load() > u.kept.Load() {
			changed[r.useRow(id.(string))] = time.Unix(u.at.Load(), 0)
			all = append(all, u)
		}
		return true
	})
	if len(changed) == 0 {
		return nil
	}
	before := r.Clock().Unix() - 1 // a use in this very second may come after
	if err := r.Uses.KeepUses(ctx, changed); err != nil {
		return err
	}
	for _, u := range all {
		u.kept.Store(min(u.at.Load(), before))
	}
	return nil
}

// LastUsed answers when keys and tokens were last used, by id, to the second; those that
// are not in it were not used, as far as is known. What another process did in the last
// minute is not known yet.
func (r *Room) LastUsed(ctx context.Context) (map[string]time.Time, error) {
	kept := map[string]time.Time{}
	if r.Uses != nil {
		var err error
		if kept, err = r.Uses.Uses(ctx); err != nil {
			return nil, unavailable("when keys were last used cannot be read", err)
		}
	}
	out := map[string]time.Time{}
	add := func(id string) {
		at := kept[r.useRow(id)]
		if u, ok := r.uses.last.Load(id); ok {
			if here := time.Unix(u.(*use).at.Load(), 0); here.After(at) {
				at = here
			}
		}
		if !at.IsZero() {
			out[id] = at.UTC()
		}
	}
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	for id := range maps.Keys(r.state.ring.keys) {
		add(id)
	}
	for id := range maps.Keys(r.state.ring.tokens) {
		add(id)
	}
	for id := range maps.Keys(r.state.ring.logons.sessions) {
		add(id)
	}
	return out, nil
}

// tendPeople does what is due by the clock about people, every second.
func (r *Room) tendPeople(ctx context.Context, n int) error {
	err := r.noticeLeavers(ctx)
	if n%useFlush == 0 {
		err = errors.Join(err, r.flushUses(ctx))
	}
	return err
}

package console

import (
	"maps"
	"strings"
	"sync"
	"time"
)

const (
	// badgesFor is how long what a session was shown to wait for it stays beside the
	// navigation, on pages that do not read it.
	badgesFor = 5 * time.Minute
	// badgesMost bounds of how many sessions that is remembered.
	badgesMost = 4096
)

// badges are the counts that sessions were shown last. To read requests, alerts and reviews
// is on record, so a page that is about something else does not read them for a count.
type badges struct {
	mu  sync.Mutex
	all map[string]map[string]badge // by session, then by section
}

type badge struct {
	n  int
	at time.Time
}

// note keeps what a session was shown.
func (b *badges) note(session, section string, n int, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		b.all = map[string]map[string]badge{}
	}
	if b.all[session] == nil {
		if len(b.all) >= badgesMost {
			maps.DeleteFunc(b.all, func(_ string, seen map[string]badge) bool { b.fresh(seen, now); return len(seen) == 0 })
		}
		if len(b.all) >= badgesMost {
			return
		}
		b.all[session] = map[string]badge{}
	}
	b.all[session][section] = badge{n, now}
}

// fresh drops what was shown too long ago.
func (b *badges) fresh(seen map[string]badge, now time.Time) {
	maps.DeleteFunc(seen, func(_ string, one badge) bool { return now.Sub(one.at) >= badgesFor || now.Before(one.at) })
}

// beside puts what a session was shown lately beside its navigation.
func (b *badges) beside(nav []place, session string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := b.all[session]
	b.fresh(seen, now)
	for i := range nav {
		nav[i].Count = seen[nav[i].Section].n
	}
}

// acted forgets what a session was shown of the part in which it does something.
func (b *badges) acted(nav []place, session, path string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, one := range nav {
		if strings.HasPrefix(path, one.Path+"/") {
			delete(b.all[session], one.Section)
		}
	}
}

package scim

import (
	"sync"
	"time"
)

// A listing of several pages is one state of the directory: what the first page was cut
// from is kept for the others, so that nothing is skipped or told twice however it changes
// meanwhile. Positions count from the first page's state for pageLife after it.
const (
	pageLife  = 5 * time.Minute
	pagesKept = 8
)

type pages struct {
	mu   sync.Mutex
	kept map[string]listing
}

type listing struct {
	found []document
	at    time.Time
}

func (p *pages) find(query string, now time.Time) ([]document, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l, ok := p.kept[query]
	if !ok || now.Sub(l.at) >= pageLife || now.Before(l.at) {
		return nil, false
	}
	return l.found, true
}

// keep keeps a listing in the place of the oldest.
func (p *pages) keep(query string, found []document, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept == nil {
		p.kept = map[string]listing{}
	}
	delete(p.kept, query)
	for len(p.kept) >= pagesKept {
		oldest := ""
		for q, l := range p.kept {
			if oldest == "" || l.at.Before(p.kept[oldest].at) {
				oldest = q
			}
		}
		delete(p.kept, oldest)
	}
	p.kept[query] = listing{found, now}
}

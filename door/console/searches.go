package console

import (
	"sync"
	"time"

	"strongroom"
	"strongroom/vault"
)

// Bounds on searches kept.
const (
	searchLife        = 12 * time.Hour
	searchesMost      = 4096 // of all rooms
	searchesInSession = 64
	searchesOfEach    = 256 // of one person, whatever sessions they have
)

// searches keep what people look for, so that the address of what they found names
// nothing of it. They lie in memory: after a restart one searches anew.
type searches struct {
	most  int
	mu    sync.Mutex
	kept  map[strongroom.ID]kept
	order []strongroom.ID // the oldest first
}

// kept is one search of one session. What its form said is kept as it was said.
type kept struct {
	by, before strongroom.ID // before is the search for the page before
	session    string
	asked      vault.SearchRequest
	form       searchForm
	at         time.Time
}

// keep answers the name of a search. The oldest makes room: first one of the same session,
// or of the same person, where those have their share.
func (s *searches) keep(k kept) strongroom.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = map[strongroom.ID]kept{}
	}
	n, first, own, firstOwn := 0, -1, 0, -1
	for i, id := range s.order {
		if s.kept[id].session == k.session {
			if n++; first < 0 {
				first = i
			}
		}
		if s.kept[id].by == k.by {
			if own++; firstOwn < 0 {
				firstOwn = i
			}
		}
	}
	switch {
	case n >= searchesInSession:
		s.drop(first)
	case own >= searchesOfEach:
		s.drop(firstOwn)
	case len(s.order) >= s.most:
		s.drop(0)
	}
	id := strongroom.NewID()
	s.kept[id] = k
	s.order = append(s.order, id)
	return id
}

func (s *searches) drop(i int) {
	delete(s.kept, s.order[i])
	s.order = append(s.order[:i], s.order[i+1:]...)
}

// find answers a search to the session that made it.
func (s *searches) find(id strongroom.ID, session string, now time.Time) (kept, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.kept[id]
	return k, ok && k.session == session && now.Before(k.at.Add(searchLife))
}

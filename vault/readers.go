package vault

import (
	"sync"

	"strongroom"
)

// readers counts who reads each blob, so that one that was deleted or replaced
// meanwhile is erased only when the last of them is done.
type readers struct {
	mu  sync.Mutex
	now map[strongroom.ID]*reading
}

type reading struct {
	using int
	ended chan struct{}
}

// enter counts somebody in, and answers how to count them out. Whoever enters looks
// once more whether a row still names the blob: if it does, it is not erased before
// they leave.
func (s *readers) enter(blob strongroom.ID) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == nil {
		s.now = map[strongroom.ID]*reading{}
	}
	r := s.now[blob]
	if r == nil {
		r = &reading{ended: make(chan struct{})}
		s.now[blob] = r
	}
	r.using++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.using--; r.using == 0 {
			delete(s.now, blob)
			close(r.ended)
		}
	}
}

// gone waits until nobody reads the blob, which no row names any more.
func (s *readers) gone(blob strongroom.ID) {
	s.mu.Lock()
	r := s.now[blob]
	s.mu.Unlock()
	if r != nil {
		<-r.ended
	}
}

// any reports whether somebody reads the blob.
func (s *readers) any(blob strongroom.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now[blob] != nil
}

// BeingRead reports whether somebody reads the blob that a sealed file belongs to.
func (r *Room) BeingRead(file string) bool {
	blob, err := strongroom.ParseID(file[:min(len(file), 32)])
	return err == nil && r.readers.any(blob)
}

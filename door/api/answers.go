package api

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Bounds on the answers that are kept for repeated writes. The change itself happens once
// however little is kept here: see vault.Once.
const (
	keptAnswers = 4096
	keptBytes   = 32 << 20
	keptAnswer  = 64 << 10
	keptFor     = 24 * time.Hour
)

// answers keeps what writes with an Idempotency-Key were answered.
type answers struct {
	mu    sync.Mutex
	slots map[string]*slot
	order []string // oldest first
	bytes int
}

// slot is one write's answer, once it has one.
type slot struct {
	asked  [32]byte
	began  time.Time
	done   chan struct{}
	status int // 0: not to be repeated from here
	header http.Header
	body   []byte
}

// begin answers the slot of a write and whether it is the first under its name; or nil
// where the name was used for something else.
func (a *answers) begin(name string, asked [32]byte, now time.Time) (*slot, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.slots == nil {
		a.slots = map[string]*slot{}
	}
	if s := a.slots[name]; s != nil && now.Sub(s.began) < keptFor {
		if s.asked != asked {
			return nil, false
		}
		return s, false
	}
	s := &slot{asked: asked, began: now, done: make(chan struct{})}
	a.drop(name)
	a.slots[name] = s
	a.order = append(a.order, name)
	for len(a.order) > keptAnswers {
		a.drop(a.order[0])
	}
	return s, true
}

func (a *answers) drop(name string) {
	if s := a.slots[name]; s != nil {
		a.bytes -= len(s.body)
		delete(a.slots, name)
	}
	for i, n := range a.order {
		if n == name {
			a.order = append(a.order[:i:i], a.order[i+1:]...)
			break
		}
	}
}

// end keeps an answer. One that failed for a while, and one that was cut off, is given up:
// the next try is a first one.
func (a *answers) end(name string, s *slot, r *recorder) {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer close(s.done)
	if r.status == 0 || r.status >= 500 || r.status == http.StatusTooManyRequests || r.status == http.StatusConflict || len(r.body) > keptAnswer {
		if a.slots[name] == s {
			a.drop(name)
		}
		return
	}
	s.status, s.header, s.body = r.status, r.Header().Clone(), r.body
	if a.slots[name] == s {
		a.bytes += len(s.body)
	}
	for a.bytes > keptBytes && len(a.order) > 0 {
		a.drop(a.order[0])
	}
}

// replay answers as the first write was, when that has been.
func (s *slot) replay(ctx context.Context, w http.ResponseWriter) {
	select {
	case <-s.done:
	case <-ctx.Done():
		return
	}
	if s.status == 0 {
		w.Header().Set("Retry-After", "1")
		http.Error(w, `{"status":409,"kind":"conflict","detail":"the first request under this Idempotency-Key did not succeed; try again"}`, http.StatusConflict)
		return
	}
	for name, values := range s.header {
		w.Header()[name] = values
	}
	w.Header().Set("Idempotency-Replayed", "true")
	w.WriteHeader(s.status)
	_, _ = w.Write(s.body)
}

// recorder passes an answer on and remembers it.
type recorder struct {
	http.ResponseWriter
	status int
	body   []byte
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	if len(r.body) <= keptAnswer {
		r.body = append(r.body, p...)
	}
	return r.ResponseWriter.Write(p)
}

package keyserver

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"strongroom/seal"
)

const (
	// recentFor is how long a key server that is not asked remembers at least what it
	// worked out; twice that is the longest.
	recentFor = 30 * time.Second
	// recentLimit bounds what it remembers of each kind, twice over.
	recentLimit = 256
)

// recent is a small memory of what is dear to work out and was asked for a moment ago.
// It holds nothing that the private keys, which are in memory all the time, do not
// give, and it answers nothing by itself: every use has been proved and recorded like
// the first. What nobody asks for is forgotten after recentFor to twice that.
type recent[K comparable, V any] struct {
	mu          sync.Mutex
	now, before map[K]V
	turning     bool
}

func (r *recent[K, V]) get(key K) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v, ok := r.now[key]; ok {
		return v, true
	}
	v, ok := r.before[key]
	if ok {
		r.keep(key, v)
	}
	return v, ok
}

func (r *recent[K, V]) put(key K, v V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(key, v)
}

func (r *recent[K, V]) keep(key K, v V) {
	if len(r.now) >= recentLimit {
		r.before, r.now = r.now, nil
	}
	if r.now == nil {
		r.now = map[K]V{}
	}
	r.now[key] = v
	if !r.turning {
		r.turning = true
		time.AfterFunc(recentFor, r.turn)
	}
}

// turn forgets what was not asked for since the last turn.
func (r *recent[K, V]) turn() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before, r.now = r.now, nil
	if r.turning = len(r.before) > 0; r.turning {
		time.AfterFunc(recentFor, r.turn)
	}
}

// wrapped names a stanza together with all that it must be bound to.
type wrapped [sha256.Size]byte

func nameOf(s seal.Stanza, b seal.Binding) wrapped {
	h := sha256.New()
	var n [8]byte
	for _, field := range [][]byte{[]byte(s.Type), []byte(s.Recipient), s.Enc, s.Body, b.Room[:], b.Blob[:], []byte(b.Custody)} {
		binary.BigEndian.PutUint64(n[:], uint64(len(field)))
		h.Write(n[:])
		h.Write(field)
	}
	return wrapped(h.Sum(nil))
}

// open opens a stanza, or knows what it opened to a moment ago.
func (s *Server) open(identity *seal.Identity, stanza seal.Stanza, b seal.Binding) (seal.DataKey, error) {
	name := nameOf(stanza, b)
	if key, ok := s.keys.get(name); ok {
		return key, nil
	}
	key, err := identity.Unwrap(stanza, b)
	if err == nil {
		s.keys.put(name, key)
	}
	return key, err
}

// sealTo seals to an ephemeral key. Many releases name the same, and share what its
// channel cost.
func (s *Server) sealTo(public, info, plaintext []byte) ([]byte, error) {
	c, ok := s.channels.get(string(public))
	if !ok {
		var err error
		if c, err = seal.NewChannel(public); err != nil {
			return nil, err
		}
		s.channels.put(string(public), c)
	}
	return c.Seal(info, plaintext)
}

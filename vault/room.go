// Package vault is the one door to plaintext. Every way to content runs through
// it and in the same order: identify, decide, record, unseal. The record of a
// release is durable before the key is asked for, the key is asked for with
// proof of that record, and a chunk leaves only after it was verified. Whatever
// fails on the way, nothing is released; refusals are records too. Stores take
// the same door inward: sealed as they stream, durable, then one commit of row and
// record, then the answer.
package vault

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"strongroom"
	"strongroom/book"
	"strongroom/release"
)

// Custodian gives data keys against proof of release. A *keyserver.Server is one,
// in this process or on another machine.
type Custodian interface {
	Advance(ctx context.Context, r release.AdvanceRequest) (release.AdvanceResponse, error)
	Unwrap(ctx context.Context, r release.UnwrapRequest) (release.UnwrapResponse, error)
}

// Decider answers questions by one policy set.
type Decider interface {
	Decide(q strongroom.Question) strongroom.Decision
	Hash() string
}

// Compile makes a Decider of a policy set's text, or says what is wrong with it.
type Compile func(text []byte) (Decider, error)

// Classify labels content by how it begins and what was declared about it.
type Classify func(head []byte, declaredType string, meta map[string]string) strongroom.Label

// Erase has sealed files removed, now or later, surviving a restart.
type Erase func(ctx context.Context, names []string) error

// Config is what a room needs. Every field without a comment is required.
type Config struct {
	ID              strongroom.ID
	Name            string
	Server          strongroom.ID // of this content server, the same after a restart
	Key             []byte        // the room key, 32 bytes
	Ledger          note.Verifier
	Book            book.Book
	Blobs           Blobs
	Custodian       Custodian
	Compile         Compile
	Classify        Classify
	TranslatePolicy TranslatePolicy // of bucket policies
	Erase           Erase
	Clock           func() time.Time
	Log             *slog.Logger
	Concurrent      int // requests at once, 0 means 256
	// Tickets makes the asker of a ticket system; nil has no ticket be good where one is set.
	Tickets func(TicketSetting) (Tickets, error)
	Uses    UseStore // when keys were last used; nil forgets it with the process
}

// Room is one organisation's content, rights and ledger. No method reaches another
// room's.
type Room struct {
	Config
	tagKey, actorKey, etagKey []byte

	state      state
	leases     leases
	deliveries deliveries
	readers    readers
	remembered remembered
	merges     merges
	noise      noise
	requesting requesting
	slots      chan struct{}
	shares     shares
	rates      rates
	uses       uses

	witnessed atomic.Int64 // what the custodian is known to have witnessed

	work  sync.WaitGroup // leases not ended, deliveries and erasures under way
	stop  context.CancelFunc
	ended chan struct{}
}

// Open opens a room on its book and reads what decisions trust.
func Open(ctx context.Context, c Config) (*Room, error) {
	if c.Concurrent == 0 {
		c.Concurrent = 256
	}
	r := &Room{Config: c, slots: make(chan struct{}, c.Concurrent), ended: make(chan struct{})}
	if err := r.deriveKeys(); err != nil {
		return nil, err
	}
	r.shares.limit = max(1, c.Concurrent/4)
	r.state.init()
	c.Book.Follow(r.follow)
	c.Book.Follow(r.remembered.follow)
	if err := r.load(ctx); err != nil {
		return nil, fmt.Errorf("reading room %s: %w", c.ID, err)
	}
	if err := r.recallUses(ctx); err != nil {
		return nil, fmt.Errorf("reading the sessions of room %s: %w", c.ID, err)
	}
	if err := r.recoverLeases(ctx); err != nil {
		return nil, fmt.Errorf("reading the leases of room %s: %w", c.ID, err)
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	go r.tend(background)
	return r, nil
}

func (r *Room) deriveKeys() error {
	for label, key := range map[string]*[]byte{"tag": &r.tagKey, "actor": &r.actorKey, "etag": &r.etagKey} {
		k, err := hkdf.Key(sha256.New, r.Key, nil, "strongroom/vault/v1/"+label, 32)
		if err != nil {
			return fmt.Errorf("deriving the room's keys: %w", err)
		}
		*key = k
	}
	return nil
}

// Close ends every lease as soon as nobody reads from it, records what was delivered,
// and waits for that until the context ends.
func (r *Room) Close(ctx context.Context) error {
	r.stop()
	<-r.ended
	err := r.leases.closeAll(ctx, r)
	done := make(chan struct{})
	go func() { r.work.Wait(); close(done) }()
	select {
	case <-done:
		return errors.Join(err, r.flushNoise(ctx), r.flushUses(ctx))
	case <-ctx.Done():
		return errors.Join(err, fmt.Errorf("waiting for the last records of room %s: %w", r.ID, ctx.Err()))
	}
}

// tend does what is due by the clock: lease ends, counts of noise, and changes that
// other processes made to the book.
func (r *Room) tend(ctx context.Context) {
	defer close(r.ended)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if refresher, ok := r.Book.(interface{ Refresh(context.Context) error }); ok {
			if err := refresher.Refresh(ctx); err != nil && ctx.Err() == nil {
				r.Log.Error("looking for changes by other processes", "room", r.ID, "error", err)
			}
		}
		r.leases.tick(ctx, r)
		if err := r.tendPeople(ctx, n); err != nil && ctx.Err() == nil {
			r.Log.Error("looking after people who left", "room", r.ID, "error", err)
		}
		if n%60 == 0 {
			if err := r.tendAsking(ctx); err != nil && ctx.Err() == nil {
				r.Log.Error("ending requests", "room", r.ID, "error", err)
			}
			if _, err := r.EndSessions(ctx); err != nil && ctx.Err() == nil {
				r.Log.Error("ending sessions of the console", "room", r.ID, "error", err)
			}
			if _, err := r.DropSessions(ctx); err != nil && ctx.Err() == nil {
				r.Log.Error("dropping expired sessions", "room", r.ID, "error", err)
			}
		}
		if n%3600 == 0 {
			if err := r.forgetOnce(ctx); err != nil && ctx.Err() == nil {
				r.Log.Error("forgetting what was done once", "room", r.ID, "error", err)
			}
		}
		if n%10 == 0 {
			if err := r.flushNoise(ctx); err != nil && ctx.Err() == nil {
				r.Log.Error("recording refused noise", "room", r.ID, "error", err)
			}
		}
	}
}

// mac is a keyed hash over fields with their lengths, as 32 hexadecimal digits.
func mac(key []byte, fields ...string) string {
	h := hmac.New(sha256.New, key)
	for _, f := range fields {
		fmt.Fprintf(h, "%d:", len(f))
		h.Write([]byte(f))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// tag finds an object's or upload's row by its name without storing the name.
func (r *Room) tag(bucket strongroom.ID, key string) string {
	return mac(r.tagKey, bucket.String(), key)
}

// actor is the pseudonym of a principal in evidence.
func (r *Room) actor(id strongroom.ID) string { return mac(r.actorKey, id.String()) }

// Enter takes one of the room's slots, so that a flood in one room leaves the
// others theirs, and one principal at most a quarter of them, so that one client
// leaves its neighbours theirs.
func (r *Room) Enter(_ context.Context, session string) (func(), error) {
	r.state.mu.RLock()
	if k, known := r.state.ring.keys[session]; known {
		session = k.Principal.String() // who could make sessions without end
	}
	r.state.mu.RUnlock()
	busy := &strongroom.Error{Kind: strongroom.KindBusy, Message: "this room serves as many requests as it may", Hint: "slow down and try again"}
	if !r.shares.take(session) {
		return nil, busy
	}
	select {
	case r.slots <- struct{}{}:
		return func() { <-r.slots; r.shares.give(session) }, nil
	default:
		r.shares.give(session)
		return nil, busy
	}
}

// shares bounds how many slots one session may hold.
type shares struct {
	mu    sync.Mutex
	limit int
	held  map[string]int
}

func (s *shares) take(session string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		s.held = map[string]int{}
	}
	if s.held[session] >= s.limit {
		return false
	}
	s.held[session]++
	return true
}

func (s *shares) give(session string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[session]--; s.held[session] <= 0 {
		delete(s.held, session)
	}
}

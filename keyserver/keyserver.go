// Package keyserver holds private keys and gives a data key only against proof:
// that a permitted, fresh release of exactly this blob stands in a ledger
// consistent with every state it has witnessed. It uses each release once, puts
// what it does on a ledger of its own before it answers, and refusals too.
// Embedded in the content server it makes the same checks, but protects against
// nobody who is root there; on a machine of the keys' owner it does.
package keyserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"strongroom"
	"strongroom/book"
	"strongroom/ledger"
	"strongroom/release"
	"strongroom/seal"
)

// Kinds of record in the key ledger.
const (
	KindUnwrap  = "unwrap"
	KindRefused = "unwrap-refused"
	KindAdvance = "advance"
)

// Config is what a key server needs.
type Config struct {
	Room       strongroom.ID    // the one room it serves
	RoomLedger note.Verifier    // the key that signs that room's checkpoints
	Book       book.Book        // its own ledger
	Identities []*seal.Identity // the private keys
	Cosigner   note.Signer      // witnesses checkpoints
	Clock      func() time.Time
	// PerMinute bounds the unwrappings of any one minute; 0 means no bound.
	PerMinute int
}

// Server is a key server.
type Server struct {
	Config
	identities map[string]*seal.Identity

	verifying sync.Mutex
	last      atomic.Pointer[verified] // the checkpoint verified last

	keys     recent[wrapped, seal.DataKey]
	channels recent[string, *seal.Channel] // by public key

	mu       sync.Mutex
	newest   Tree               // the newest witnessed state
	durable  Tree               // the newest that stands in the key ledger
	ring     []Tree             // the last verified states, newest last
	used     map[string]*use    // by leaf hash of the release record, in hex, for as long as it is fresh: a restored ledger gives an index again
	leases   map[int64]*granted // by index of the release record, until the lease ends
	minute   int64
	inMinute int

	refusalMinute     int64
	refusals, skipped int
}

// Tree is a state of the room's ledger that the key server has witnessed.
type Tree struct {
	Size  int64     `json:"size"`
	Root  tlog.Hash `json:"root"`
	Epoch uint32    `json:"epoch"`
}

type use struct {
	request [sha256.Size]byte
	at      time.Time
	done    chan struct{}
	answer  release.UnwrapResponse
	err     error
}

// granted is as much of a release as a resumption must agree with. There is one for
// every release of a quarter of an hour, or of a recording's double length, so it is
// small.
type granted struct {
	blob, lease strongroom.ID
	actor       string
	expires     int64
	resumed     map[strongroom.ID]bool // servers that resumed it; nil until one does
}

func (g *granted) resume(server strongroom.ID) {
	if g.resumed == nil {
		g.resumed = map[strongroom.ID]bool{}
	}
	g.resumed[server] = true
}

const ringSize = 512

// evidence of a record in the key ledger.
type evidence struct {
	Action    string            `json:"action"`
	Room      strongroom.ID     `json:"room"`
	Tree      *Tree             `json:"tree,omitempty"`      // the room's state this was checked against
	Witnessed *Tree             `json:"witnessed,omitempty"` // a newer state that the same request brought
	Index     *int64            `json:"index,omitempty"`
	Leaf      string            `json:"leaf,omitempty"` // hex leaf hash of the release record
	Recipient string            `json:"recipient,omitempty"`
	Request   string            `json:"request,omitempty"` // hex SHA-256
	Reason    string            `json:"reason,omitempty"`
	Skipped   int               `json:"skipped,omitempty"` // refusals since the last recorded one that were only counted
	Release   *release.Evidence `json:"release,omitempty"`
}

// Open opens a key server on its book, and recovers from its own ledger what it
// has witnessed and which releases it has used.
func Open(ctx context.Context, c Config) (*Server, error) {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	s := &Server{Config: c, identities: map[string]*seal.Identity{}, used: map[string]*use{}, leases: map[int64]*granted{}}
	for _, id := range c.Identities {
		s.identities[id.Recipient().ID()] = id
	}
	if len(s.identities) == 0 {
		return nil, errors.New("a key server needs at least one private key")
	}
	if err := s.recover(ctx); err != nil {
		return nil, fmt.Errorf("reading the key ledger: %w", err)
	}
	return s, nil
}

// recover reads the key ledger backwards, page by page, until everything older can
// matter no more: no lease can still run, and a witnessed state is known.
func (s *Server) recover(ctx context.Context) error {
	now := s.Clock()
	const page = 1000
	for to := s.Book.Head().Size; to > 0; to -= page {
		var oldest time.Time
		for r, err := range s.Book.Records(ctx, max(0, to-page), to) {
			if err != nil {
				return err
			}
			leaf, err := r.Check()
			if err != nil {
				return err
			}
			if oldest.IsZero() {
				oldest = leaf.Time
			}
			if leaf.Kind != KindUnwrap && leaf.Kind != KindAdvance {
				continue
			}
			var e evidence
			if err := json.Unmarshal(r.Evidence, &e); err != nil {
				return fmt.Errorf("record %d: %w", r.Index, err)
			}
			s.newest = e.newest(s.newest)
			if e.Index == nil || e.Release == nil {
				continue
			}
			if now.Sub(leaf.Time) <= 2*release.Freshness {
				u := &use{at: leaf.Time, done: make(chan struct{}), err: errUsed}
				close(u.done)
				s.used[e.Leaf] = u
			}
			s.remember(*e.Index, *e.Release)
		}
		if now.Sub(oldest) > release.MaxLease && s.newest.Size > 0 {
			break
		}
	}
	if s.newest.Size > 0 {
		s.ring, s.durable = append(s.ring, s.newest), s.newest
	}
	return nil
}

// newest returns the newest of the states that the evidence names and the one given.
func (e evidence) newest(than Tree) Tree {
	for _, t := range []*Tree{e.Tree, e.Witnessed} {
		if t != nil && t.after(than) {
			than = *t
		}
	}
	return than
}

// Newest returns the newest state that a key ledger says was witnessed, and whether
// there is one.
func Newest(ctx context.Context, b book.Book) (Tree, bool, error) {
	const page = 1000
	for to := b.Head().Size; to > 0; to -= page {
		var newest Tree
		for r, err := range b.Records(ctx, max(0, to-page), to) {
			if err != nil {
				return Tree{}, false, err
			}
			var e evidence
			if err := json.Unmarshal(r.Evidence, &e); err != nil {
				return Tree{}, false, fmt.Errorf("record %d: %w", r.Index, err)
			}
			newest = e.newest(newest)
		}
		if newest.Size > 0 {
			return newest, true, nil
		}
	}
	return Tree{}, false, nil
}

func (t Tree) after(u Tree) bool {
	return t.Epoch > u.Epoch || t.Epoch == u.Epoch && t.Size > u.Size
}

// remember keeps what a later resumption must agree with.
func (s *Server) remember(index int64, e release.Evidence) {
	if e.Action == release.KindRelease {
		g := s.leases[index]
		if g == nil {
			g = &granted{}
			s.leases[index] = g
		}
		g.blob, g.lease, g.actor, g.expires = e.Blob, e.Lease, strings.Clone(e.Actor), e.Expires
		return
	}
	g := s.leases[*e.Resumes]
	if g == nil {
		g = &granted{}
		s.leases[*e.Resumes] = g
	}
	g.resume(e.Server)
}

var errUsed = &release.Refusal{Code: "used", Message: "this release has been used: a key is given once for each"}

func refuse(code, format string, args ...any) error {
	return &release.Refusal{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Witnessed returns the size of the newest witnessed state.
func (s *Server) Witnessed() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest.Size
}

// Advance verifies and records a newer state of the room's ledger, and cosigns it.
func (s *Server) Advance(ctx context.Context, req release.AdvanceRequest) (release.AdvanceResponse, error) {
	v, err := s.advance(req)
	if err != nil {
		return release.AdvanceResponse{}, s.refused(ctx, nil, err)
	}
	if !s.isDurable(v.tree) { // asking again about a known state is no event
		if _, err := s.record(ctx, KindAdvance, evidence{Action: KindAdvance, Room: s.Room, Tree: &v.tree}); err != nil {
			return release.AdvanceResponse{}, err
		}
		s.setDurable(v.tree)
	}
	return s.cosign(v)
}

// isDurable reports whether a state this new stands in the key ledger.
func (s *Server) isDurable(t Tree) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !t.after(s.durable)
}

func (s *Server) setDurable(t Tree) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.after(s.durable) {
		s.durable = t
	}
}

// advance moves the newest state in memory. It is durable once the record that
// follows it is: nothing is answered before.
func (s *Server) advance(req release.AdvanceRequest) (verified, error) {
	v, err := s.verify(req.Checkpoint)
	if err != nil {
		return verified{}, err
	}
	t, epoch := v.tree, v.tree.Epoch
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.newest.Size > 0 && epoch != s.newest.Epoch:
		return verified{}, refuse("epoch", "the ledger was opened anew as epoch %d, this key server witnesses epoch %d: its owner has to adopt the new one first", epoch, s.newest.Epoch)
	case t.Size == s.newest.Size:
		if t.Root != s.newest.Root {
			return verified{}, refuse("fork", "the ledger shows two roots for %d records: it was forked", t.Size)
		}
		return v, nil
	case req.From != s.newest.Size || t.Size < s.newest.Size:
		return verified{}, &release.BehindError{Size: s.newest.Size}
	}
	if s.newest.Size > 0 {
		if err := ledger.CheckConsistency(req.Proof, s.newest.Size, s.newest.Root, t.Size, t.Root); err != nil {
			return verified{}, refuse("fork", "the ledger is not a continuation of what was witnessed at %d records: %v", s.newest.Size, err)
		}
	}
	s.newest = t
	s.ring = append(s.ring, t)
	if len(s.ring) > ringSize {
		s.ring = append(s.ring[:0], s.ring[len(s.ring)-ringSize/2:]...)
	}
	return v, nil
}

// verified is a checkpoint whose signature holds.
type verified struct {
	text     []byte
	note     *note.Note
	tree     Tree
	cosigned *cosigned
}

// cosigned is a checkpoint's cosignature, made once.
type cosigned struct {
	once sync.Once
	text []byte
	err  error
}

// verify checks a checkpoint's signature. Requests that arrive together mostly bear
// the same checkpoint, so the last good one is known by its bytes.
func (s *Server) verify(checkpoint []byte) (verified, error) {
	if last := s.last.Load(); last != nil && bytes.Equal(last.text, checkpoint) {
		return *last, nil
	}
	s.verifying.Lock() // of those who bear the same, one verifies it
	defer s.verifying.Unlock()
	if last := s.last.Load(); last != nil && bytes.Equal(last.text, checkpoint) {
		return *last, nil
	}
	c, n, err := ledger.OpenCheckpoint(checkpoint, s.RoomLedger)
	if err != nil {
		return verified{}, refuse("checkpoint", "the checkpoint does not verify: %v", err)
	}
	room, epoch, err := ledger.ParseOrigin(c.Origin)
	if err != nil || room != s.Room {
		return verified{}, refuse("room", "the checkpoint is of another room")
	}
	v := verified{bytes.Clone(checkpoint), n, Tree{Size: c.Size, Root: c.Root, Epoch: epoch}, &cosigned{}}
	s.last.Store(&v)
	return v, nil
}

// Adopt accepts a new epoch of the room's ledger, which a restore from backup
// opened: an act of the keys' owner, on record.
func (s *Server) Adopt(ctx context.Context, checkpoint []byte) error {
	c, _, err := ledger.OpenCheckpoint(checkpoint, s.RoomLedger)
	if err != nil {
		return fmt.Errorf("reading the checkpoint to adopt: %w", err)
	}
	room, epoch, err := ledger.ParseOrigin(c.Origin)
	if err != nil || room != s.Room {
		return errors.New("the checkpoint to adopt is of another room")
	}
	s.mu.Lock()
	old := s.newest.Epoch
	s.mu.Unlock()
	if epoch <= old {
		return fmt.Errorf("epoch %d is not newer than epoch %d, which this key server witnesses", epoch, old)
	}
	t := Tree{Size: c.Size, Root: c.Root, Epoch: epoch}
	if _, err := s.record(ctx, KindAdvance, evidence{Action: "adopt", Room: s.Room, Tree: &t}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest, s.durable, s.ring = t, t, []Tree{t}
	return nil
}

// cosign answers the checkpoint cosigned. The caller has made the state durable.
func (s *Server) cosign(v verified) (release.AdvanceResponse, error) {
	v.cosigned.once.Do(func() { v.cosigned.text, v.cosigned.err = note.Sign(v.note, s.Cosigner) })
	if v.cosigned.err != nil {
		return release.AdvanceResponse{}, fmt.Errorf("cosigning: %w", v.cosigned.err)
	}
	return release.AdvanceResponse{Size: v.tree.Size, Checkpoint: v.cosigned.text}, nil
}

// Unwrap gives the data key sealed to the request's ephemeral key, after the record
// of it is durable. A byte-identical retry gets the same answer.
func (s *Server) Unwrap(ctx context.Context, req release.UnwrapRequest) (release.UnwrapResponse, error) {
	digest, err := req.Digest()
	if err != nil {
		return release.UnwrapResponse{}, err
	}
	var advanced *verified
	if req.Advance != nil {
		v, err := s.advance(*req.Advance)
		// Another request may have brought the same or a newer state already; whether
		// the proof's own tree is known is what counts.
		if _, behind := errors.AsType[*release.BehindError](err); err != nil && !behind {
			return release.UnwrapResponse{}, s.refused(ctx, &digest, err)
		} else if err == nil {
			advanced = &v
		}
	}
	t, err := s.witnessed(req.Size)
	if err != nil {
		return release.UnwrapResponse{}, err // asked again with the right proof; no refusal
	}
	e, err := release.Check(req, s.Room, t.Root, s.Clock())
	if err != nil {
		return release.UnwrapResponse{}, s.refused(ctx, &digest, refuse("proof", "%v", err))
	}
	hash := req.Record.Hash()
	leaf := hex.EncodeToString(hash[:])
	u, first, err := s.reserve(leaf, digest, e)
	if err != nil {
		return release.UnwrapResponse{}, s.refused(ctx, &digest, err)
	}
	if !first {
		<-u.done
		return u.answer, u.err
	}
	u.answer, u.err = s.unwrap(ctx, req, e, t, advanced, leaf, digest)
	if u.err != nil {
		s.forget(leaf, e)
	} else if advanced != nil {
		// The cosignature follows the durable record that names the state.
		if a, err := s.cosign(*advanced); err == nil {
			u.answer.Advance = &a
		}
	}
	close(u.done)
	return u.answer, u.err
}

func (s *Server) witnessed(size int64) (Tree, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.ring) - 1; i >= 0; i-- {
		if s.ring[i].Size == size {
			return s.ring[i], nil
		}
	}
	return Tree{}, &release.BehindError{Size: s.newest.Size}
}

// reserve takes the one use of a release. It answers an earlier identical request's
// use with first false.
func (s *Server) reserve(leaf string, digest [sha256.Size]byte, e release.Evidence) (u *use, first bool, err error) {
	now := s.Clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.used[leaf]; u != nil {
		if u.request == digest {
			return u, false, nil
		}
		return nil, false, errUsed
	}
	if e.Action == release.KindResume {
		g := s.leases[*e.Resumes]
		switch {
		case g == nil || g.lease.IsZero():
			return nil, false, refuse("resume", "the release to resume was never used here")
		case g.blob != e.Blob || g.actor != e.Actor || g.lease != e.Lease || g.expires != e.Expires:
			return nil, false, refuse("resume", "a resumption must be of the same blob, actor and lease")
		case now.UnixMilli() >= e.Expires:
			return nil, false, refuse("resume", "the lease to resume has ended")
		case g.resumed[e.Server]:
			return nil, false, refuse("resume", "this server has resumed this lease before")
		}
	}
	if m := now.Unix() / 60; m != s.minute {
		s.minute, s.inMinute = m, 0
		s.prune(now)
	}
	if s.PerMinute > 0 && s.inMinute >= s.PerMinute {
		return nil, false, refuse("rate", "the owner's limit of %d keys a minute is reached", s.PerMinute)
	}
	s.inMinute++
	if e.Action == release.KindResume {
		s.leases[*e.Resumes].resume(e.Server)
	}
	u = &use{request: digest, at: now, done: make(chan struct{})}
	s.used[leaf] = u
	return u, true, nil
}

func (s *Server) prune(now time.Time) {
	for leaf, u := range s.used {
		if now.Sub(u.at) > 2*release.Freshness+time.Minute {
			delete(s.used, leaf)
		}
	}
	for index, g := range s.leases {
		if now.UnixMilli() > g.expires {
			delete(s.leases, index)
		}
	}
}

// forget gives a use back after nothing was put on record for it.
func (s *Server) forget(leaf string, e release.Evidence) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.used, leaf)
	if e.Action == release.KindResume {
		if g := s.leases[*e.Resumes]; g != nil {
			delete(g.resumed, e.Server)
		}
	}
}

func (s *Server) unwrap(ctx context.Context, req release.UnwrapRequest, e release.Evidence, t Tree, advanced *verified, leaf string, digest [sha256.Size]byte) (release.UnwrapResponse, error) {
	identity := s.identities[req.Stanza.Recipient]
	if identity == nil {
		return release.UnwrapResponse{}, s.refused(ctx, &digest, refuse("recipient", "this key server does not hold the private key of recipient %s", req.Stanza.Recipient))
	}
	key, err := s.open(identity, req.Stanza, seal.Binding{Room: s.Room, Blob: e.Blob, Custody: e.Custody})
	if err != nil {
		return release.UnwrapResponse{}, s.refused(ctx, &digest, refuse("stanza", "the stanza does not open for the blob and custody class that the record names"))
	}
	sealed, err := s.sealTo(req.Ephemeral, release.SealInfo(req.Record), key[:])
	if err != nil {
		return release.UnwrapResponse{}, s.refused(ctx, &digest, refuse("ephemeral", "the ephemeral key is not usable: %v", err))
	}
	newest := t
	var witnessed *Tree
	if advanced != nil && advanced.tree.after(t) {
		newest, witnessed = advanced.tree, &advanced.tree
	}
	receipt, err := s.record(ctx, KindUnwrap, evidence{
		Action: KindUnwrap, Room: s.Room, Tree: &t, Witnessed: witnessed, Index: &req.Record.Index, Leaf: leaf,
		Recipient: req.Stanza.Recipient, Request: hex.EncodeToString(digest[:]), Release: &e,
	})
	if err != nil {
		return release.UnwrapResponse{}, err
	}
	s.setDurable(newest)
	s.mu.Lock()
	s.remember(req.Record.Index, e)
	s.mu.Unlock()
	return release.UnwrapResponse{
		Sealed:  sealed,
		Receipt: release.Receipt{Index: receipt.Records[0].Index, Checkpoint: receipt.Head.Checkpoint},
	}, nil
}

func (s *Server) record(ctx context.Context, kind string, e evidence) (book.Receipt, error) {
	payload, err := json.Marshal(e)
	if err != nil {
		return book.Receipt{}, fmt.Errorf("encoding a key record: %w", err)
	}
	r, err := s.Book.Apply(ctx, book.Change{Entries: []ledger.Entry{{Kind: kind, Evidence: payload}}})
	if err != nil {
		return book.Receipt{}, fmt.Errorf("writing the key ledger: %w", err)
	}
	return r, nil
}

// refused puts a refusal on record and returns it. A flood of refusals is counted
// instead of filling the ledger; a refusal that cannot be recorded stays one.
func (s *Server) refused(ctx context.Context, digest *[sha256.Size]byte, err error) error {
	r, ok := errors.AsType[*release.Refusal](err)
	if !ok {
		return err
	}
	const perMinute = 120
	s.mu.Lock()
	if m := s.Clock().Unix() / 60; m != s.refusalMinute {
		s.refusalMinute, s.refusals = m, 0
	}
	s.refusals++
	if s.refusals > perMinute {
		s.skipped++
		s.mu.Unlock()
		return err
	}
	skipped := s.skipped
	s.skipped = 0
	s.mu.Unlock()
	e := evidence{Action: KindRefused, Room: s.Room, Reason: r.Code, Skipped: skipped}
	if digest != nil {
		e.Request = hex.EncodeToString(digest[:])
	}
	if _, failed := s.record(ctx, KindRefused, e); failed != nil {
		return errors.Join(err, failed)
	}
	return err
}

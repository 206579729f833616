package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"strongroom"
	"strongroom/book"
	"strongroom/ledger"
	"strongroom/release"
	"strongroom/seal"
)

const (
	shortestLease = 15 * time.Minute
	// idle is how long a shared lease rests before what it delivered so far is put on
	// record.
	idle = 5 * time.Second
	// rangeLimit bounds the ranges that one delivery record names; beyond it close
	// ones are joined, which only ever claims more than was delivered.
	rangeLimit = 256
)

// lease is the time in which one release may be served from. The data key lives in
// its reader and nowhere else.
type lease struct {
	id        strongroom.ID
	object    objectBody
	actor     string
	recipient string
	release   int64 // index of the record
	unwrap    int64 // index in the key holder's ledger
	expires   time.Time

	reader *seal.Reader
	blob   BlobReader // what reader reads; ours to close

	asked   asked // what was permitted, to be asked again when the lease is renewed
	began   time.Time
	resumed bool       // a former life of this server delivered nobody knows how much
	renewal sync.Mutex // of whoever renews it

	mu       sync.Mutex
	using    int
	retired  bool // takes nobody in any more, and ends when nobody uses it
	lastUse  time.Time
	bytes    int64
	inward   int64 // read, and not delivered
	ranges   [][2]int64
	recorded int64 // bytes when last put on record
	ended    bool
}

// leaseKey is what range reads must share to share a lease.
type leaseKey struct {
	version   strongroom.ID
	principal strongroom.ID
	session   string
	purpose   strongroom.Purpose
	source    string // so that a link that went astray shows as a release of its own
	method    string
	secure    bool
	opening   strongroom.ID // so that what is read behind broken glass shows as a release of its own
}

func leaseKeyOf(version strongroom.ID, session string, q strongroom.Question) leaseKey {
	return leaseKey{version, q.Principal.ID, session, q.Context.Purpose, q.Context.Source, q.Context.Method, q.Context.Secure, q.Context.BreakGlass}
}

type leases struct {
	mu        sync.Mutex
	shared    map[leaseKey]*leaseSlot
	resumable map[leaseKey]resumable
	cosigned  *release.AdvanceResponse // not yet kept

	ephemeral *seal.Ephemeral // of releases made now
	made      time.Time       // when it was
	uses      int
}

// ephemeralLife and ephemeralUses bound how many answers one ephemeral key opens.
const (
	ephemeralLife = 30 * time.Second
	ephemeralUses = 1 << 16
)

// answerTo returns the ephemeral key that a release made now asks to be answered to.
func (s *leases) answerTo(now time.Time) (*seal.Ephemeral, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := now.Sub(s.made); s.ephemeral == nil || age < 0 || age >= ephemeralLife || s.uses >= ephemeralUses {
		e, err := seal.NewEphemeral()
		if err != nil {
			return nil, err
		}
		s.ephemeral, s.made, s.uses = e, now, 0
	}
	s.uses++
	return s.ephemeral, nil
}

// leaseSlot lets many ranges that arrive at once wait for one release.
type leaseSlot struct {
	ready chan struct{}
	lease *lease
	err   error
}

// resumable is a lease of this server's former life that has not ended.
type resumable struct {
	index    int64
	began    time.Time
	evidence release.Evidence
}

// enterLease returns the lease to read by: one of its own for a whole read, a
// shared one for a range.
func (r *Room) enterLease(ctx context.Context, a asked, o objectBody, whole bool) (*lease, error) {
	if whole {
		return r.openLease(ctx, a, o, false, nil)
	}
	key := leaseKeyOf(o.Version, a.caller.Session, a.question)
	for {
		r.leases.mu.Lock()
		if r.leases.shared == nil {
			r.leases.shared = map[leaseKey]*leaseSlot{}
		}
		slot := r.leases.shared[key]
		if slot == nil {
			slot = &leaseSlot{ready: make(chan struct{})}
			r.leases.shared[key] = slot
			surplus := r.leases.surplus(key.principal)
			var former *resumable
			if f, ok := r.leases.resumable[key]; ok {
				former = &f
				delete(r.leases.resumable, key)
			}
			r.leases.mu.Unlock()
			for _, l := range surplus {
				r.retire(l)
			}
			l, err := r.openShared(ctx, a, o, former)
			r.leases.mu.Lock()
			slot.lease, slot.err = l, err
			r.leases.mu.Unlock()
			if err != nil {
				r.leases.drop(key, slot)
			}
			close(slot.ready)
			return l, err
		}
		r.leases.mu.Unlock()
		select {
		case <-slot.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if slot.err != nil {
			if ctx.Err() == nil && (errors.Is(slot.err, context.Canceled) || errors.Is(slot.err, context.DeadlineExceeded)) {
				continue // whoever opened it went away; open it for ourselves
			}
			return nil, slot.err
		}
		if slot.lease.enter(r.Clock()) {
			return slot.lease, nil
		}
		r.leases.drop(key, slot)
		r.retire(slot.lease)
	}
}

func (r *Room) openShared(ctx context.Context, a asked, o objectBody, former *resumable) (*lease, error) {
	if former != nil && former.evidence.Blob == o.Blob && r.Clock().UnixMilli() < former.evidence.Expires {
		l, err := r.openLease(ctx, a, o, true, former)
		if _, refused := errors.AsType[*release.Refusal](err); !refused {
			return l, err
		}
	}
	return r.openLease(ctx, a, o, true, nil)
}

// enter joins a request to the lease unless it has ended.
func (l *lease) enter(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.retired || !now.Before(l.expires) {
		return false
	}
	l.using++
	return true
}

// retire has a lease take nobody in any more. It ends at once, or when the last who
// reads from it leaves.
func (r *Room) retire(l *lease) {
	l.mu.Lock()
	l.retired = true
	unused := l.using == 0
	l.mu.Unlock()
	if unused {
		r.endLease(l)
	}
}

// A shared lease holds a data key and open files, so only so many rest at once: of a
// room, and of one principal, whatever sessions they make.
const (
	restingLeases          = 256
	restingPrincipalLeases = 64
)

// surplus takes out of the table the leases that have rested longest beyond the
// bounds, for the caller to retire. The caller holds s.mu.
func (s *leases) surplus(principal strongroom.ID) []*lease {
	type resting struct {
		key  leaseKey
		slot *leaseSlot
		at   time.Time
	}
	var all, own []resting
	for key, slot := range s.shared {
		if slot.lease == nil {
			continue
		}
		slot.lease.mu.Lock()
		if slot.lease.using == 0 {
			all = append(all, resting{key, slot, slot.lease.lastUse})
			if key.principal == principal {
				own = append(own, all[len(all)-1])
			}
		}
		slot.lease.mu.Unlock()
	}
	var out []*lease
	for _, g := range []struct {
		resting []resting
		most    int
	}{{own, restingPrincipalLeases}, {all, restingLeases}} {
		if len(g.resting) < g.most {
			continue
		}
		slices.SortFunc(g.resting, func(a, b resting) int { return a.at.Compare(b.at) })
		for _, r := range g.resting[:len(g.resting)-g.most+1] {
			if s.shared[r.key] == r.slot {
				delete(s.shared, r.key)
				out = append(out, r.slot.lease)
			}
		}
	}
	return out
}

func (s *leases) drop(key leaseKey, slot *leaseSlot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shared[key] == slot {
		delete(s.shared, key)
	}
}

// openLease is where plaintext begins: record, prove, unwrap, unseal.
func (r *Room) openLease(ctx context.Context, a asked, o objectBody, shared bool, former *resumable) (*lease, error) {
	if former == nil {
		if err := r.withinRate(ctx, a); err != nil {
			return nil, err
		}
	}
	ephemeral, err := r.leases.answerTo(r.Clock())
	if err != nil {
		return nil, unavailable("no key could be made for this release", err)
	}
	e := release.Evidence{
		Action: release.KindRelease, Decision: "permit", Actor: r.actor(a.question.Principal.ID),
		Lease: strongroom.NewID(), Expires: r.Clock().Add(leaseFor(o.Object)).UnixMilli(),
		Blob: o.Blob, Version: o.Version, Custody: o.Custody, Server: r.Server,
		Ephemeral: release.EphemeralHash(ephemeral.PublicKey()),
		PolicySet: a.decision.PolicySet, Policies: someOf(a.decision.Policies),
	}
	if former != nil {
		e.Action, e.Lease, e.Expires, e.Resumes = release.KindResume, former.evidence.Lease, former.evidence.Expires, &former.index
	}
	personal := a.personal()
	personal.Shared = shared
	entry, err := newEntry(e.Action, e, &personal)
	if err != nil {
		return nil, unavailable("the release could not be recorded", err)
	}
	receipt, err := r.deliveries.along(ctx, r, entry) // P1: durable, or nothing follows
	if err != nil {
		return nil, unavailable("the release could not be recorded, so nothing is released", err)
	}
	l := &lease{
		id: e.Lease, object: o, actor: e.Actor, release: receipt.Records[0].Index,
		expires: time.UnixMilli(e.Expires), retired: !shared, resumed: former != nil, using: 1, lastUse: r.Clock(),
		began: r.Clock(), asked: a,
	}
	if former != nil {
		l.began = former.began
	}
	var key seal.DataKey
	if !shared {
		err = r.stillThere(ctx, o)
	}
	if err == nil {
		key, err = r.askForKey(ctx, receipt, o, ephemeral, l) // P2: no proof, no key
	}
	if err == nil {
		l.reader, l.blob, err = r.unseal(ctx, o, key)
	}
	if err != nil {
		if former == nil { // nothing was delivered: say so, or the lease counts as delivered whole
			r.recordDelivery(l, true)
		}
		return nil, err
	}
	r.work.Add(1) // until endLease
	return l, nil
}

func leaseFor(o strongroom.Object) time.Duration {
	seconds, err := strconv.ParseFloat(o.Attribute("duration"), 64)
	if err != nil || seconds < 0 {
		return shortestLease
	}
	return min(max(shortestLease, time.Duration(2*seconds)*time.Second), release.MaxLease)
}

// askForKey has the custodian unwrap the object's data key against proof of the
// release that the receipt is for.
func (r *Room) askForKey(ctx context.Context, receipt book.Receipt, o objectBody, ephemeral *seal.Ephemeral, l *lease) (seal.DataKey, error) {
	record := receipt.Records[0]
	for i, stanza := range o.Stanzas {
		answer, err := r.unwrap(ctx, release.UnwrapRequest{Stanza: stanza, Record: record, Ephemeral: ephemeral.PublicKey()}, receipt.Head)
		if refusal, ok := errors.AsType[*release.Refusal](err); ok {
			if refusal.Code == "recipient" && i+1 < len(o.Stanzas) {
				continue // another key holder's stanza
			}
			kind, message := strongroom.KindUnavailable, "the holder of the keys did not give the key"
			if refusal.Code == "rate" {
				kind, message = strongroom.KindBusy, "the owner of the keys limits how many are given, and the limit is reached"
			}
			return seal.DataKey{}, &strongroom.Error{Kind: kind, Message: message, Hint: "try again shortly; the reason is in the operator's log", Cause: err}
		}
		if err != nil {
			return seal.DataKey{}, unavailable("the holder of the keys cannot be reached, so nothing is released", err)
		}
		opened, err := ephemeral.Open(answer.Sealed, release.SealInfo(record))
		if err != nil || len(opened) != len(seal.DataKey{}) {
			return seal.DataKey{}, unavailable("the key that was given does not open", err)
		}
		l.recipient, l.unwrap = stanza.Recipient, answer.Receipt.Index
		return seal.DataKey(opened), nil
	}
	return seal.DataKey{}, unavailable("the object is sealed to nobody", errors.New("no stanzas"))
}

// unwrap finds a state that the custodian has witnessed, or brings it to one, and
// asks with the proof under it.
func (r *Room) unwrap(ctx context.Context, req release.UnwrapRequest, head book.Head) (release.UnwrapResponse, error) {
	known := r.witnessed.Load()
	var err error
	for range 8 {
		req.Size, req.Advance = head.Size, nil
		if known > req.Record.Index && known <= r.Book.Head().Size {
			req.Size = known
		} else {
			a := release.AdvanceRequest{Checkpoint: head.Checkpoint, From: known}
			if known > 0 {
				if a.Proof, err = r.Book.ProveConsistency(ctx, known, head.Size); err != nil {
					return release.UnwrapResponse{}, fmt.Errorf("proving that the ledger continues: %w", err)
				}
			}
			req.Advance = &a
		}
		if req.Proof, err = r.Book.ProveInclusion(ctx, req.Size, req.Record.Index); err != nil {
			return release.UnwrapResponse{}, fmt.Errorf("proving that the release is on record: %w", err)
		}
		var answer release.UnwrapResponse
		answer, err = r.Custodian.Unwrap(ctx, req)
		if behind, ok := errors.AsType[*release.BehindError](err); ok {
			known = behind.Size
			continue
		}
		if err == nil && answer.Advance != nil {
			r.advanced(ctx, *answer.Advance)
		}
		return answer, err
	}
	return release.UnwrapResponse{}, err
}

// advanced notes what the custodian witnessed, and keeps the cosigned checkpoint.
func (r *Room) advanced(ctx context.Context, a release.AdvanceResponse) {
	for {
		known := r.witnessed.Load()
		if a.Size <= known {
			return
		}
		if r.witnessed.CompareAndSwap(known, a.Size) {
			break
		}
	}
	r.leases.mu.Lock()
	defer r.leases.mu.Unlock()
	r.leases.cosigned = &a
}

// Witness has the custodian witness and cosign the newest head, where it has not
// yet, and keeps the cosigned checkpoint.
func (r *Room) Witness(ctx context.Context) error {
	known := r.witnessed.Load()
	for range 4 {
		head := r.Book.Head()
		if head.Size == 0 {
			return nil
		}
		req := release.AdvanceRequest{Checkpoint: head.Checkpoint, From: known}
		var err error
		if known > 0 && known < head.Size {
			if req.Proof, err = r.Book.ProveConsistency(ctx, known, head.Size); err != nil {
				return fmt.Errorf("proving that the ledger continues: %w", err)
			}
		}
		a, err := r.Custodian.Advance(ctx, req)
		if behind, ok := errors.AsType[*release.BehindError](err); ok {
			known = behind.Size
			continue
		}
		if err != nil {
			return fmt.Errorf("having the head witnessed: %w", err)
		}
		r.advanced(ctx, a)
		return r.keepWitnessed(ctx)
	}
	return errors.New("the witness moves on faster than it is asked")
}

// keepWitnessed writes the newest cosigned checkpoint.
func (r *Room) keepWitnessed(ctx context.Context) error {
	r.leases.mu.Lock()
	a := r.leases.cosigned
	r.leases.cosigned = nil
	r.leases.mu.Unlock()
	if a == nil {
		return nil
	}
	return r.Book.KeepWitnessed(ctx, a.Size, a.Checkpoint)
}

// unseal makes the reader of an object from its data key.
func (r *Room) unseal(ctx context.Context, o objectBody, key seal.DataKey) (*seal.Reader, BlobReader, error) {
	failed := func(err error) (*seal.Reader, BlobReader, error) {
		if !isDamage(err) {
			return nil, nil, unavailable("what is stored of this object cannot be read now", err)
		}
		return nil, nil, r.damaged(o, "what is stored of this object is missing or does not verify", err)
	}
	blob, err := r.Blobs.Open(ctx, o.Blob.String())
	if err != nil {
		return failed(err)
	}
	header := seal.Header{Room: r.ID, Blob: o.Blob, Custody: o.Custody}
	var reader *seal.Reader
	if len(o.Segments) == 0 {
		reader, err = seal.Open(blob, header, key)
	} else {
		reader, err = seal.OpenSegmented(blob, header, key, func(p seal.ManifestPart) (seal.Source, error) {
			// The lease outlives the request that opened it.
			return r.Blobs.Open(context.WithoutCancel(ctx), segmentName(o.Blob, p))
		})
	}
	if err != nil {
		blob.Close()
		return failed(err)
	}
	if reader.Size() != o.Size {
		reader.Close()
		blob.Close()
		return failed(&seal.DamagedError{Chunk: -1, Reason: fmt.Sprintf("it holds %d bytes, the object's row says %d", reader.Size(), o.Size)})
	}
	return reader, blob, nil
}

// leaveLease takes a request out of its lease and notes what it delivered.
func (r *Room) leaveLease(l *lease, offset, written int64, inward bool) {
	l.mu.Lock()
	l.using--
	l.lastUse = r.Clock()
	switch {
	case inward:
		l.inward += written
	case written > 0:
		l.bytes += written
		l.ranges = addRange(l.ranges, offset, offset+written)
	}
	end := l.retired && l.using == 0
	l.mu.Unlock()
	if end {
		r.endLease(l)
	}
}

// endLease forgets the key and puts the final delivery on record.
func (r *Room) endLease(l *lease) {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return
	}
	l.ended = true
	l.mu.Unlock()
	defer r.work.Done()
	if err := errors.Join(l.reader.Close(), l.blob.Close()); err != nil {
		r.Log.Warn("closing a blob", "room", r.ID, "error", err)
	}
	r.recordDelivery(l, true)
}

// recordDelivery puts what a lease delivered on record, off the request's way. A
// record that cannot be written leaves the lease open in the ledger, which then
// counts it as delivered whole.
func (r *Room) recordDelivery(l *lease, final bool) {
	l.mu.Lock()
	e := Evidence{
		Action: KindDelivery, Actor: l.actor, Blob: l.object.Blob, Version: l.object.Version, Custody: l.object.Custody,
		Lease: l.id, Release: &l.release, Bytes: l.bytes, Inward: l.inward, Ranges: l.ranges[:len(l.ranges):len(l.ranges)], Final: final,
		Whole: covers(l.ranges, l.object.Size),
	}
	e.Resumed = l.resumed
	if l.recipient != "" {
		e.Unwrap = &l.unwrap
	}
	l.recorded = l.bytes
	l.mu.Unlock()
	entry, err := newEntry(KindDelivery, e, nil)
	if err != nil {
		r.Log.Error("recording a delivery", "room", r.ID, "error", err)
		return
	}
	r.deliveries.record(r, entry)
}

// guard passes on what is read for as long as it may be: the lease runs or is renewed,
// who reads is neither suspended nor without their key, and what others approved or an
// emergency opened is not over. It asks at each write, about people once a second.
type guard struct {
	ctx   context.Context
	w     io.Writer
	room  *Room
	lease *lease
	asked asked
	next  time.Time
}

func (g *guard) Write(p []byte) (int, error) {
	now := g.room.Clock()
	if !now.Before(g.next) {
		if err := g.room.stillWelcome(g.asked.caller); err != nil {
			g.room.recordRefusal(g.ctx, g.room.decide(g.asked.caller, strongroom.ActionReadObject, g.asked.question.Resource), "a read under way was broken off: "+err.Error())
			return 0, err
		}
		if err := g.stillApproved(); err != nil {
			return 0, err
		}
		g.next = now.Add(time.Second)
	}
	if err := g.room.renew(g.ctx, g.lease, g.asked); err != nil {
		return 0, err
	}
	return g.w.Write(p)
}

// stillApproved asks policy again where it permitted because others approved, or behind
// broken glass: a lease does not outlast either.
func (g *guard) stillApproved() error {
	c := &g.asked.question.Context
	if c.Request.IsZero() && c.BreakGlass.IsZero() {
		return nil
	}
	again := g.room.decide(g.asked.caller, strongroom.ActionReadObject, resourceOf(g.lease.object.Object))
	if again.decision.Permit {
		return nil
	}
	g.room.recordRefusal(g.ctx, again, "a read under way was broken off: the approval or the opening that permitted it is over")
	return denied(again)
}

// stillWelcome looks whether whoever began to read may still be served at all.
func (r *Room) stillWelcome(c Caller) error {
	p, known := r.principal(c.Principal.ID)
	now := r.Clock()
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	if !known || p.Suspended || !p.Expires.IsZero() && !now.Before(p.Expires) {
		return &strongroom.Error{Kind: strongroom.KindDenied, Message: "you are no longer among those who may read here"}
	}
	if t, isToken := r.state.ring.tokens[c.Session]; isToken && r.state.ring.tokenUsable(t, p, now) != nil {
		return &strongroom.Error{Kind: strongroom.KindDenied, Message: "the token is no longer valid"}
	}
	if k, isKey := r.state.ring.keys[c.Session]; isKey && r.state.ring.usable(k, p, now) != nil {
		return &strongroom.Error{Kind: strongroom.KindDenied, Message: "the access key is no longer valid"}
	}
	return nil
}

// renew prolongs a lease that is over while somebody still reads: policy is asked
// again, and the answer is on record before another byte leaves. No lease is renewed
// beyond MaxLease.
func (r *Room) renew(ctx context.Context, l *lease, a asked) error {
	over := func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return !r.Clock().Before(l.expires)
	}
	if !over() {
		return nil
	}
	l.renewal.Lock()
	defer l.renewal.Unlock()
	if !over() {
		return nil // somebody else renewed it
	}
	again := r.decide(a.caller, strongroom.ActionReadObject, resourceOf(l.object.Object))
	if !again.decision.Permit {
		return r.refuse(ctx, again)
	}
	ends := r.Clock().Add(leaseFor(l.object.Object))
	if last := l.began.Add(release.MaxLease); ends.After(last) {
		ends = last
	}
	if !r.Clock().Before(ends) {
		r.recordRefusal(ctx, again, "a read under way was broken off: its lease has reached the longest time")
		return &strongroom.Error{Kind: strongroom.KindDenied, Message: fmt.Sprintf("one release is served for %s at most", release.MaxLease), Hint: "ask again for the rest"}
	}
	e := r.evidence(KindRenewal, again)
	e.Blob, e.Version, e.Custody, e.Lease, e.Release = l.object.Blob, l.object.Version, l.object.Custody, l.id, &l.release
	if err := r.note(ctx, KindRenewal, e, again); err != nil {
		return unavailable("the renewal could not be recorded, so no more is released", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expires = ends
	return nil
}

// tick ends leases whose time is over and records what idle ones delivered.
func (s *leases) tick(ctx context.Context, r *Room) {
	now := r.Clock()
	s.mu.Lock()
	var over, report []*lease
	for key, slot := range s.shared {
		l := slot.lease
		if l == nil {
			continue // being opened
		}
		l.mu.Lock()
		switch {
		case !now.Before(l.expires):
			over = append(over, l)
			delete(s.shared, key)
		case l.using > 0:
		case l.bytes > l.recorded && now.Sub(l.lastUse) >= idle:
			report = append(report, l)
		}
		l.mu.Unlock()
	}
	for key, f := range s.resumable {
		if now.UnixMilli() >= f.evidence.Expires {
			delete(s.resumable, key)
		}
	}
	s.mu.Unlock()
	for _, l := range over {
		r.retire(l)
	}
	for _, l := range report {
		r.recordDelivery(l, false)
	}
	if err := r.keepWitnessed(ctx); err != nil && ctx.Err() == nil {
		r.Log.Error("keeping the witnessed checkpoint", "room", r.ID, "error", err)
	}
}

func (s *leases) closeAll(ctx context.Context, r *Room) error {
	s.mu.Lock()
	var all []*lease
	for _, slot := range s.shared {
		if slot.lease != nil {
			all = append(all, slot.lease)
		}
	}
	s.shared = nil
	s.mu.Unlock()
	for _, l := range all {
		r.retire(l)
	}
	return r.keepWitnessed(ctx)
}

// recoverLeases finds the shared leases of this server's former life that have not
// ended, so that their next range read resumes them instead of asking for a key as
// if nothing had been released.
func (r *Room) recoverLeases(ctx context.Context) error {
	now := r.Clock()
	found := map[strongroom.ID]leaseKey{}
	r.leases.resumable = map[leaseKey]resumable{}
	size := r.Book.Head().Size
	from := size
	const page = 1000
	for from > 0 { // back to where no lease can still run
		from = max(0, from-page)
		first, err := r.Book.Record(ctx, from)
		if err != nil {
			return err
		}
		leaf, err := ledger.ParseLeaf(first.Leaf)
		if err != nil {
			return fmt.Errorf("record %d: %w", from, err)
		}
		if now.Sub(leaf.Time) > release.MaxLease {
			break
		}
	}
	for record, err := range r.Book.Records(ctx, from, size) {
		if err != nil {
			return err
		}
		leaf, err := ledger.ParseLeaf(record.Leaf)
		if err != nil {
			return fmt.Errorf("record %d: %w", record.Index, err)
		}
		switch leaf.Kind {
		case release.KindRelease:
			e, err := release.ParseEvidence(leaf.Kind, record.Evidence)
			var p Personal
			if err != nil || json.Unmarshal(record.Personal, &p) != nil || p.Question == nil {
				continue
			}
			if key, most := r.limited(p.Session); most > 0 && now.Sub(leaf.Time) < time.Hour {
				r.rates.take(key, leaf.Time, most) // what a key caused before the restart counts too
			}
			if !p.Shared ||
				e.Server != r.Server || now.UnixMilli() >= e.Expires {
				continue
			}
			key := leaseKeyOf(e.Version, p.Session, *p.Question)
			r.leases.resumable[key] = resumable{record.Index, leaf.Time, e}
			found[e.Lease] = key
		case release.KindResume:
			if e, err := release.ParseEvidence(leaf.Kind, record.Evidence); err == nil {
				delete(r.leases.resumable, found[e.Lease]) // once is all the key holder grants
			}
		case KindDelivery:
			var e Evidence
			if json.Unmarshal(record.Evidence, &e) == nil && e.Final {
				delete(r.leases.resumable, found[e.Lease])
			}
		}
	}
	return nil
}

// addRange adds [from, to) to sorted, disjoint ranges, into a new slice.
func addRange(ranges [][2]int64, from, to int64) [][2]int64 {
	out := make([][2]int64, 0, len(ranges)+1)
	placed := false
	for _, g := range ranges {
		switch {
		case g[1] < from:
			out = append(out, g)
		case to < g[0]:
			if !placed {
				out = append(out, [2]int64{from, to})
				placed = true
			}
			out = append(out, g)
		default:
			from, to = min(from, g[0]), max(to, g[1])
		}
	}
	if !placed {
		out = append(out, [2]int64{from, to})
	}
	for len(out) > rangeLimit { // join the two that lie closest
		best := 1
		for i := 2; i < len(out); i++ {
			if out[i][0]-out[i-1][1] < out[best][0]-out[best-1][1] {
				best = i
			}
		}
		out[best-1][1] = out[best][1]
		out = append(out[:best], out[best+1:]...)
	}
	return out
}

func covers(ranges [][2]int64, size int64) bool {
	return size == 0 || len(ranges) == 1 && ranges[0] == [2]int64{0, size}
}

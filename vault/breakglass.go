package vault

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"strongroom"
	"strongroom/book"
	"strongroom/ledger"
	"strongroom/people"
	"strongroom/release"
)

// Kinds of record: the glass broken or mended, and a look at what was done behind it.
const (
	KindBreakGlass = "break-glass"
	KindReview     = "review"
)

// Bounds on openings.
const (
	MaxOpening     = 4 * time.Hour
	DefaultOpening = time.Hour
	// MaxUnreviewed is how many openings of one person may wait for review.
	MaxUnreviewed = 3
	// ReviewWithin is when a review is overdue, from the opening's end.
	ReviewWithin = 72 * time.Hour
	// openingRest is how long a reviewed opening's row stays; its records stay anyway.
	openingRest = 90 * 24 * time.Hour
	// reviewedActs bounds the acts that one review tells one by one.
	reviewedActs = 10_000
)

// Opening is a time in which one person is permitted what policy keeps for emergencies.
type Opening struct {
	ID       strongroom.ID `json:"id"`
	By       strongroom.ID `json:"by"`
	Name     string        `json:"name"`
	Reason   string        `json:"reason"`
	Ticket   string        `json:"ticket,omitempty"`
	Opened   time.Time     `json:"opened"`
	Until    time.Time     `json:"until"`
	Mended   time.Time     `json:"mended,omitzero"` // ended by the opener before that
	From     int64         `json:"from"`            // no earlier record is of anything done behind it
	Slot     int           `json:"slot"`            // of the opener's, until it is reviewed
	Reviewed *Review       `json:"reviewed,omitempty"`
}

// Review is what somebody else found.
type Review struct {
	By      strongroom.ID `json:"by"`
	Name    string        `json:"name"`
	At      time.Time     `json:"at"`
	Finding string        `json:"finding"`
}

// End is when the opening ends or ended.
func (o *Opening) End() time.Time {
	if !o.Mended.IsZero() {
		return o.Mended
	}
	return o.Until
}

func (o *Opening) runs(now time.Time) bool { return !now.Before(o.Opened) && now.Before(o.End()) }

// Overdue reports whether a review has waited too long.
func (o *Opening) Overdue(now time.Time) bool {
	return o.Reviewed == nil && !now.Before(o.End().Add(ReviewWithin))
}

// slotID names one of the places that the unreviewed openings of a principal take. It
// stands in evidence, which is never erased, so it does not tell the principal.
func (r *Room) slotID(opener strongroom.ID, slot int) string {
	return mac(r.tagKey, rowSlot, opener.String(), strconv.Itoa(slot))
}

// BreakGlass opens a time in which the caller is permitted what policy keeps for
// emergencies. The purpose is why; for is how long, 0 for an hour.
func (r *Room) BreakGlass(ctx context.Context, c Caller, why strongroom.Purpose, lasting time.Duration) (Opening, error) {
	lasting = cmp.Or(lasting, DefaultOpening)
	if lasting < time.Minute || lasting > MaxOpening {
		return Opening{}, bad("", "the glass is broken for a minute to %s", MaxOpening)
	}
	if strings.TrimSpace(why.Text) == "" {
		return Opening{}, bad("say why with --reason; it goes on record, and somebody reviews it", "the glass is broken for a reason, and none was given")
	}
	if err := people.CheckPurpose(why); err != nil {
		return Opening{}, bad("", "%v", err)
	}
	c.Purpose = why
	r.requesting.mu.Lock()
	defer r.requesting.mu.Unlock()
	for range 16 {
		a := r.decide(c, strongroom.ActionBreakGlass, strongroom.Resource{})
		if !a.decision.Permit {
			return Opening{}, r.refuse(ctx, a)
		}
		who, now := a.question.Principal, r.Clock().UTC()
		running, waiting := r.openingsOf(who, now)
		if running != nil {
			return Opening{}, bad("use it, or end it with `strongroom limit break-glass --end`", "you have broken the glass already: opening %s runs until %s", running.ID, running.Until.Format(time.RFC3339))
		}
		o := Opening{
			ID: strongroom.NewID(), By: who.ID, Name: who.Name, Reason: why.Text, Ticket: why.Ticket,
			Opened: now, Until: now.Add(lasting), From: r.Book.Head().Size, Slot: -1,
		}
		for slot := range MaxUnreviewed {
			_, err := r.Book.Row(ctx, rowSlot, r.slotID(who.ID, slot))
			if errors.Is(err, book.ErrNoRow) {
				o.Slot = slot
				break
			} else if err != nil {
				return Opening{}, unavailable("the room's database cannot be read now", err)
			}
		}
		if o.Slot < 0 || waiting >= MaxUnreviewed {
			message := fmt.Sprintf("%d times that you broke the glass have not been reviewed", MaxUnreviewed)
			r.recordRefusal(ctx, a, message)
			return Opening{}, &strongroom.Error{Kind: strongroom.KindDenied, Message: message, Hint: "ask somebody who may review them (`strongroom limit reviews`)"}
		}
		put, err := row(rowOpening, o.ID.String(), o)
		var slot book.Row
		if err == nil {
			slot, err = row(rowSlot, r.slotID(who.ID, o.Slot), o.ID)
		}
		if err != nil {
			return Opening{}, unavailable("the opening's row could not be made", err)
		}
		p := a.personal()
		p.Subject, p.Detail = o.ID.String(), fmt.Sprintf("until %s; reason: %s", o.Until.Format(time.RFC3339), why.Text)
		_, err = r.apply(ctx, KindBreakGlass, r.evidence("break-glass-open", a), p, book.Change{
			Require: []book.Condition{{Form: book.Absent, Kind: rowSlot, ID: slot.ID}},
			Put:     []book.Row{put, slot},
		})
		if _, changed := errors.AsType[*book.ConditionError](err); changed {
			continue // another process took the slot
		}
		if err != nil {
			return Opening{}, unavailable("it could not be recorded, so the glass is whole", err)
		}
		r.Log.Warn("the glass was broken", "room", r.ID, "opening", o.ID, "until", o.Until)
		return o, nil
	}
	return Opening{}, conflict(errors.New("another opening came first with every attempt"))
}

// openingsOf answers the opening of this account's that runs, and how many of the same
// person's, whatever the account, nobody has reviewed.
func (r *Room) openingsOf(who strongroom.Principal, now time.Time) (running *Opening, waiting int) {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	for by, ids := range r.state.asking.byOpener {
		opener, known := r.state.principals[by]
		if !known {
			opener = strongroom.Principal{ID: by}
		}
		if !samePerson(who, opener) {
			continue
		}
		waiting += len(ids)
		for _, id := range ids {
			if o := r.state.asking.openings[id]; by == who.ID && r.state.runs(&o, now) {
				running = &o
			}
		}
	}
	return running, waiting
}

// OwnOpening answers the opening of the caller's that runs, or nil, for a door that says so.
func (r *Room) OwnOpening(c Caller) *Opening {
	running, _ := r.openingsOf(c.Principal, r.Clock().UTC())
	return running
}

// stillOpen reports whether an opening runs.
func (r *Room) stillOpen(o *Opening, now time.Time) bool {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	return r.state.runs(o, now)
}

// MendGlass ends the caller's opening before its time.
func (r *Room) MendGlass(ctx context.Context, c Caller) (Opening, error) {
	for range 16 {
		now := r.Clock().UTC()
		running, _ := r.openingsOf(c.Principal, now)
		if running == nil {
			return Opening{}, bad("", "you have not broken the glass, or its time is over")
		}
		o, same, err := r.openingRow(ctx, running.ID)
		if err != nil {
			return o, err
		}
		if !o.Mended.IsZero() {
			return o, nil // by another process
		}
		o.Mended = now
		p := Personal{By: o.Name, Session: c.Session, RequestID: c.RequestID, Subject: o.ID.String(), Detail: "by " + o.Name}
		err = r.putOpening(ctx, KindBreakGlass, Evidence{Action: "break-glass-end", Actor: r.actor(o.By)}, p, o, book.Change{Require: []book.Condition{same}})
		if _, changed := errors.AsType[*book.ConditionError](err); !changed {
			return o, err
		}
	}
	return Opening{}, conflict(errors.New("the opening changed with every attempt"))
}

func (r *Room) putOpening(ctx context.Context, kind string, e Evidence, p Personal, o Opening, change book.Change) error {
	put, err := row(rowOpening, o.ID.String(), o)
	if err != nil {
		return unavailable("the opening's row could not be made", err)
	}
	change.Put = append(change.Put, put)
	_, err = r.apply(ctx, kind, e, p, change)
	if _, changed := errors.AsType[*book.ConditionError](err); err == nil || changed {
		return err
	}
	return unavailable("it could not be recorded, so nothing was changed", err)
}

func (r *Room) openingRow(ctx context.Context, id strongroom.ID) (Opening, book.Condition, error) {
	was, err := r.Book.Row(ctx, rowOpening, id.String())
	if errors.Is(err, book.ErrNoRow) {
		return Opening{}, book.Condition{}, bad("see `strongroom limit reviews`", "there is no opening %s", id)
	}
	var o Opening
	if err == nil {
		o, err = decode[Opening](was)
	}
	if err != nil {
		return o, book.Condition{}, unavailable("the opening's row cannot be read", err)
	}
	return o, book.Condition{Form: book.Unchanged, Kind: rowOpening, ID: was.ID, Salt: was.Salt}, nil
}

// Act is one thing done behind broken glass, or tried there.
type Act struct {
	Index    int64         `json:"index"`
	Time     time.Time     `json:"time"`
	Kind     string        `json:"kind"` // of the record
	Action   string        `json:"action"`
	Permit   bool          `json:"permit"`
	Bucket   string        `json:"bucket,omitempty"`
	Key      string        `json:"key,omitempty"`
	Version  strongroom.ID `json:"version,omitzero"`
	Policies []string      `json:"policies,omitempty"`
	Bytes    int64         `json:"bytes,omitempty"` // delivered, of a release; with repeats
	Source   string        `json:"source,omitempty"`
}

// Behind is what was done behind one opening, as the ledger has it.
type Behind struct {
	Opening
	Releases int   `json:"releases"`
	Refusals int   `json:"refusals"`
	Other    int   `json:"other"`   // metadata reads, listings …
	Objects  int   `json:"objects"` // different versions opened
	Bytes    int64 `json:"bytes"`   // delivered, with repeats
	// Unended is of how many releases no last delivery is on record, so that Bytes may lack
	// theirs: they run still, or the server ended before it wrote it.
	Unended int `json:"unended,omitempty"`
	// Erased counts records of the opener's in that time whose personal part is gone, so
	// that they do not say whether they belong here.
	Erased int   `json:"erased,omitempty"`
	Acts   []Act `json:"acts,omitempty"`
	// Untold is how many acts there are beyond those that Acts tells.
	Untold int `json:"untold,omitempty"`

	versions map[strongroom.ID]bool
	releases map[int64]int // index of a release's record → its place in Acts, or -1
}

func (b *Behind) what() string {
	return fmt.Sprintf("%d releases of %d objects, %d bytes; %d refusals; %d other acts", b.Releases, b.Objects, b.Bytes, b.Refusals, b.Other)
}

// Reviews lists the openings that nobody has reviewed, or all of them, with sums of what
// was done behind each, on record: the overdue first, then the oldest.
func (r *Room) Reviews(ctx context.Context, c Caller, all bool) ([]Behind, error) {
	a := r.decide(c, strongroom.ActionReviewAccess, strongroom.Resource{})
	if !a.decision.Permit {
		return nil, r.refuse(ctx, a)
	}
	var out []*Behind
	r.state.mu.RLock()
	for _, o := range r.state.asking.openings {
		if all || o.Reviewed == nil {
			out = append(out, &Behind{Opening: o})
		}
	}
	r.state.mu.RUnlock()
	if err := r.administer(ctx, a, KindReview, "review-list", "", book.Change{}); err != nil {
		return nil, err
	}
	now := r.Clock().UTC()
	slices.SortFunc(out, func(a, b *Behind) int {
		if x, y := a.Overdue(now), b.Overdue(now); x != y {
			if x {
				return -1
			}
			return 1
		}
		return cmp.Or(a.Opened.Compare(b.Opened), strings.Compare(a.ID.String(), b.ID.String()))
	})
	if err := r.lookBehind(ctx, out); err != nil {
		return nil, err
	}
	told := make([]Behind, len(out))
	for i, b := range out {
		b.Acts = nil
		told[i] = *b
	}
	return told, nil
}

// ReviewOf shows one opening and each act behind it, on record.
func (r *Room) ReviewOf(ctx context.Context, c Caller, id strongroom.ID) (Behind, error) {
	return r.reviewOf(ctx, c, id, func(*Behind) (int, error) { return 0, nil })
}

// reviewOf is ReviewOf; beside answers of how many objects more is told beside the acts.
func (r *Room) reviewOf(ctx context.Context, c Caller, id strongroom.ID, beside func(*Behind) (int, error)) (Behind, error) {
	a := r.decide(c, strongroom.ActionReviewAccess, strongroom.Resource{})
	if !a.decision.Permit {
		return Behind{}, r.refuse(ctx, a)
	}
	o, _, err := r.openingRow(ctx, id)
	if err != nil {
		return Behind{}, err
	}
	b := &Behind{Opening: o}
	if err := r.lookBehind(ctx, []*Behind{b}); err != nil {
		return Behind{}, err
	}
	e, p := r.evidence("review-read", a), a.personal()
	p.Subject = id.String()
	if e.Names, err = beside(b); err != nil {
		return Behind{}, err
	}
	if _, err := r.apply(ctx, KindReview, e, p, book.Change{}); err != nil {
		return Behind{}, unavailable("the look could not be recorded, so nothing is shown", err)
	}
	return *b, nil
}

// FinishReview ends the review of an opening with what was found. Nobody reviews their
// own, and nobody one that still runs.
func (r *Room) FinishReview(ctx context.Context, c Caller, id strongroom.ID, finding string) (Behind, error) {
	if err := checkText("a finding", finding, 2048); err != nil {
		return Behind{}, err
	}
	for range 16 {
		a := r.decide(c, strongroom.ActionReviewAccess, strongroom.Resource{})
		if !a.decision.Permit {
			return Behind{}, r.refuse(ctx, a)
		}
		o, same, err := r.openingRow(ctx, id)
		if err != nil {
			return Behind{}, err
		}
		who, now := a.question.Principal, r.Clock().UTC()
		opener, known := r.principal(o.By)
		if !known {
			opener = strongroom.Principal{ID: o.By, Name: o.Name}
		}
		switch {
		case samePerson(who, opener):
			r.recordRefusal(ctx, a, "the opening is their own")
			return Behind{}, &strongroom.Error{Kind: strongroom.KindDenied, Message: "nobody reviews what they did themselves", Hint: "ask somebody else who may review access"}
		case o.Reviewed != nil:
			return Behind{}, bad("", "%s reviewed it at %s", o.Reviewed.Name, o.Reviewed.At.Format(time.RFC3339))
		case r.stillOpen(&o, now):
			return Behind{}, bad("", "the glass is still broken, until %s: review it afterwards", o.End().Format(time.RFC3339))
		}
		b := &Behind{Opening: o}
		if err := r.lookBehind(ctx, []*Behind{b}); err != nil {
			return Behind{}, err
		}
		b.Reviewed = &Review{By: who.ID, Name: who.Name, At: now, Finding: finding}
		p := a.personal()
		p.Subject, p.Detail = id.String(), "of "+o.Name+": "+b.what()+"; finding: "+finding
		err = r.putOpening(ctx, KindReview, r.evidence("review-done", a), p, b.Opening, book.Change{
			Require: []book.Condition{same}, Drop: []book.RowKey{{Kind: rowSlot, ID: r.slotID(o.By, o.Slot)}},
		})
		if _, changed := errors.AsType[*book.ConditionError](err); !changed {
			return *b, err
		}
	}
	return Behind{}, conflict(errors.New("the opening changed with every attempt"))
}

// lookBehind reads from the ledger what was done behind the openings, in one pass. Most
// records are another actor's, which their evidence tells without being read as a whole.
func (r *Room) lookBehind(ctx context.Context, all []*Behind) error {
	size := r.Book.Head().Size
	from, last := size, time.Time{}
	actors := map[string]bool{}
	byID := map[strongroom.ID]*Behind{}
	for _, b := range all {
		b.versions, b.releases = map[strongroom.ID]bool{}, map[int64]int{}
		actors[r.actor(b.By)], byID[b.ID] = true, b
		from = min(from, b.From)
		// What was released to its end may be delivered for as long as a lease lasts.
		if end := b.End().Add(release.MaxLease + time.Hour); end.After(last) {
			last = end
		}
	}
	delivered := map[strongroom.ID]int64{} // by lease: each delivery tells the total so far
	for record, err := range r.Book.Records(ctx, from, size) {
		if err != nil {
			return unavailable("the ledger cannot be read now", err)
		}
		actor := ""
		for a := range actors {
			if bytes.Contains(record.Evidence, []byte(a)) {
				actor = a
			}
		}
		if actor == "" {
			if leaf, err := ledger.ParseLeaf(record.Leaf); err == nil && leaf.Time.After(last) {
				break
			}
			continue
		}
		e, err := EventOf(record)
		if err != nil {
			return unavailable("the ledger cannot be read", err)
		}
		if e.Time.After(last) {
			break
		}
		if e.Kind == KindDelivery && e.Release != nil {
			more := e.Bytes - delivered[e.Lease]
			delivered[e.Lease] = e.Bytes
			for _, b := range all {
				if at, ours := b.releases[*e.Release]; ours {
					b.Bytes += more
					if e.Final {
						b.Unended--
					}
					if at >= 0 {
						b.Acts[at].Bytes += more
					}
				}
			}
			continue
		}
		if e.Question == nil {
			for _, b := range all {
				if e.Erased && actor == r.actor(b.By) && !e.Time.Before(b.Opened) && e.Time.Before(b.End()) {
					b.Erased++
				}
			}
			continue
		}
		b := byID[e.Question.Context.BreakGlass]
		if b == nil {
			continue
		}
		b.add(&e)
	}
	return nil
}

// add takes in one record of what was done behind the opening.
func (b *Behind) add(e *strongroom.Event) {
	at := -1
	if len(b.Acts) < reviewedActs {
		q := e.Question
		at = len(b.Acts)
		b.Acts = append(b.Acts, Act{
			Index: e.Index, Time: e.Time, Kind: e.Kind, Action: e.Did, Permit: e.Outcome == strongroom.Permitted,
			Bucket: q.Resource.Bucket, Key: q.Resource.Key, Version: q.Resource.Version, Policies: e.Policies, Source: q.Context.Source,
		})
	} else {
		b.Untold++
	}
	switch e.Kind {
	case release.KindRelease:
		b.Releases++
		b.Unended++
		b.versions[e.Version] = true
		b.Objects = len(b.versions)
		b.releases[e.Index] = at
	case KindRefusal:
		b.Refusals++
	default:
		b.Other++
	}
}

// DropOpenings removes the rows of openings that were reviewed long ago, on record.
func (r *Room) DropOpenings(ctx context.Context) (int, error) {
	before := r.Clock().Add(-openingRest)
	var change book.Change
	r.state.mu.RLock()
	for id, o := range r.state.asking.openings {
		if o.Reviewed != nil && o.Reviewed.At.Before(before) && len(change.Drop) < requestBatch {
			change.Require = append(change.Require, book.Condition{Form: book.Exists, Kind: rowOpening, ID: id.String()})
			change.Drop = append(change.Drop, book.RowKey{Kind: rowOpening, ID: id.String()})
		}
	}
	r.state.mu.RUnlock()
	if len(change.Drop) == 0 {
		return 0, nil
	}
	_, err := r.apply(ctx, KindReview, Evidence{Action: "review-drop"}, Personal{Detail: fmt.Sprintf("%d openings that were reviewed long ago", len(change.Drop))}, change)
	if _, changed := errors.AsType[*book.ConditionError](err); changed {
		return 0, nil // another process was faster
	}
	return len(change.Drop), err
}

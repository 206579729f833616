package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/btree"

	"strongroom"
	"strongroom/book"
	"strongroom/ledger"
	"strongroom/people"
)

// What records call a change of a principal. A deactivation is one that takes somebody
// from active to suspended or past their leaving date, whatever else it changes.
const (
	actionPut        = "principal-put"
	actionDeactivate = "principal-deactivate"
	actionActivate   = "principal-activate"
)

func (r *Room) principalTag(name string) string { return mac(r.tagKey, "principal", name) }

func noPrincipal(name string) error {
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no principal %q", name), Hint: "see `strongroom people ls`"}
}

// PrincipalByName finds a principal for those who manage people.
func (r *Room) PrincipalByName(name string) (strongroom.Principal, bool) {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	p, ok := r.state.principals[r.state.names[name]]
	return p, ok
}

// everybody is the principals in order of name.
func (r *Room) everybody() []strongroom.Principal {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	out := make([]strongroom.Principal, 0, len(r.state.principals))
	for _, p := range r.state.principals {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b strongroom.Principal) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Principals lists the principals in order of name, on record.
func (r *Room) Principals(ctx context.Context, c Caller) ([]strongroom.Principal, error) {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return nil, r.refuse(ctx, a)
	}
	out := r.everybody()
	if err := r.administer(ctx, a, KindPeople, "principal-list", "", book.Change{}); err != nil {
		return nil, err
	}
	return out, nil
}

// PutPrincipal writes a principal: a new one where p.ID is zero, else one in the place of
// all that is there (see ChangePrincipal).
func (r *Room) PutPrincipal(ctx context.Context, c Caller, p strongroom.Principal) (strongroom.Principal, error) {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return p, r.refuse(ctx, a)
	}
	if p.ID.IsZero() {
		return r.alterOne(ctx, a, alteration{new: p})
	}
	for range 16 {
		was, err := r.Book.Row(ctx, rowPrincipal, p.ID.String())
		if errors.Is(err, book.ErrNoRow) {
			return p, noPrincipal(p.ID.String())
		} else if err != nil {
			return p, unavailable("the principal's row cannot be read", err)
		}
		kept, err := r.alterOne(ctx, a, alteration{was: &was, new: p})
		if strongroom.KindOf(err) != strongroom.KindConflict || errors.Is(err, ErrTaken) {
			return kept, err
		}
	}
	return p, conflict(errors.New("the principal changed with every attempt"))
}

// ChangePrincipal changes a principal, by name, as the database has it: of two changes at
// once neither undoes the other.
func (r *Room) ChangePrincipal(ctx context.Context, c Caller, name string, change func(*strongroom.Principal)) (strongroom.Principal, error) {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return strongroom.Principal{}, r.refuse(ctx, a)
	}
	for range 16 {
		was, p, err := r.principalRow(ctx, name)
		if err != nil {
			return strongroom.Principal{}, err
		}
		id := p.ID
		change(&p)
		p.ID, p.Name = id, name
		kept, err := r.alterOne(ctx, a, alteration{was: &was, new: p})
		if strongroom.KindOf(err) != strongroom.KindConflict {
			return kept, err
		}
	}
	return strongroom.Principal{}, conflict(errors.New("the principal changed with every attempt"))
}

// principalRow reads a principal's row by name.
func (r *Room) principalRow(ctx context.Context, name string) (book.Row, strongroom.Principal, error) {
	rows, err := r.Book.Find(ctx, rowPrincipal, "", r.principalTag(name))
	if err != nil {
		return book.Row{}, strongroom.Principal{}, unavailable("the principal's row cannot be read", err)
	}
	if len(rows) != 1 {
		return book.Row{}, strongroom.Principal{}, noPrincipal(name)
	}
	p, err := decode[strongroom.Principal](rows[0])
	if err != nil {
		return book.Row{}, p, unavailable("the principal's row cannot be read", err)
	}
	return rows[0], p, nil
}

// ErrTaken is wrapped by the error of a change that would give a principal or a group a
// name that another has.
var ErrTaken = errors.New("the name is taken")

func taken(format string, args ...any) error {
	return &strongroom.Error{Kind: strongroom.KindConflict, Message: fmt.Sprintf(format, args...), Cause: ErrTaken}
}

// alteration is one principal as it is and as it is to be.
type alteration struct {
	was     *book.Row // nil where it is new
	new     strongroom.Principal
	why     string        // for the record, besides what it shows
	forGood bool          // of a deactivation: its access keys and tokens never come back
	entry   *people.Entry // of the source that provisions it, where it is written too
	// What else changes with it, under the same record.
	require []book.Condition
	put     []book.Row
	drop    []book.RowKey
}

func (r *Room) alterOne(ctx context.Context, a asked, one alteration) (strongroom.Principal, error) {
	kept, err := r.alter(ctx, a, KindPeople, []alteration{one})
	if err != nil {
		return one.new, err
	}
	return kept[0], nil
}

// part is one record of a change that has several, with what it writes.
type part struct {
	kind     string
	evidence Evidence
	personal Personal
	change   book.Change // without entries
}

// commit applies all parts as one change or none of them. Each record bears the marks of
// what belongs to it.
func (r *Room) commit(ctx context.Context, parts []part) error {
	var all book.Change
	for i, p := range parts {
		if i == 0 {
			if err := r.onceOnly(ctx, &p.change); err != nil {
				return err
			}
		}
		p.evidence.Marks = p.change.Marks()
		e, err := newEntry(p.kind, p.evidence, &p.personal)
		if err != nil {
			return unavailable("the record could not be made, so nothing was changed", err)
		}
		if len(e.Evidence) > ledger.MaxPayload {
			return unavailable("the record is too long, so nothing was changed", fmt.Errorf("%d bytes of evidence", len(e.Evidence)))
		}
		all.Entries = append(all.Entries, e)
		all.Require = append(all.Require, p.change.Require...)
		all.Drop = append(all.Drop, p.change.Drop...)
		all.Put = append(all.Put, p.change.Put...)
	}
	_, err := r.commitOnce(ctx, all)
	if _, ok := errors.AsType[*book.ConditionError](err); ok {
		return conflict(err)
	}
	if err != nil {
		return unavailable("it could not be recorded, so nothing was changed", err)
	}
	return nil
}

// alter writes principals, all or none, with one record each, and with that of what
// else is given. Whoever is deactivated by it has no session and no lease afterwards.
func (r *Room) alter(ctx context.Context, a asked, kind string, all []alteration, beside ...part) ([]strongroom.Principal, error) {
	now := r.Clock().UTC()
	kept := make([]strongroom.Principal, len(all))
	names := map[string]bool{}
	parts := slices.Clone(beside)
	var ended []strongroom.ID
	for i, one := range all {
		p := one.new
		var old strongroom.Principal
		if one.was != nil {
			var err error
			if old, err = decode[strongroom.Principal](*one.was); err != nil {
				return nil, unavailable("the principal's row cannot be read", err)
			}
			p.ID = old.ID
		} else {
			p.ID = strongroom.NewID()
		}
		if err := people.Check(&p); err != nil {
			return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: err.Error()}
		}
		if names[p.Name] {
			return nil, taken("there are two principals %q", p.Name)
		}
		names[p.Name] = true
		if have, known := r.PrincipalByName(p.Name); known && have.ID != p.ID {
			return nil, taken("there is another principal %q", p.Name)
		}
		row, err := row(rowPrincipal, p.ID.String(), p)
		if err != nil {
			return nil, unavailable("the principal's row could not be made", err)
		}
		row.Tag = r.principalTag(p.Name)
		if all[i].entry != nil {
			entry, err := entryRow(p.ID, *all[i].entry)
			if err != nil {
				return nil, err
			}
			one.put = append(slices.Clone(one.put), entry)
		}
		one := part{kind: kind, evidence: r.evidence(actionPut, a), personal: a.personal(), change: book.Change{
			Require: one.require, Drop: one.drop, Put: append([]book.Row{row}, one.put...),
		}}
		if all[i].was == nil || old.Name != p.Name {
			one.change.Require = append(one.change.Require, book.Condition{Form: book.Only, Kind: rowPrincipal, Tag: row.Tag})
		}
		if was := all[i].was; was != nil {
			one.change.Require = append(one.change.Require, book.Condition{Form: book.Unchanged, Kind: rowPrincipal, ID: was.ID, Salt: was.Salt})
		}
		one.personal.Subject, one.personal.Detail = p.Name, all[i].why
		switch {
		case all[i].was == nil:
		case people.Active(old, now) && !people.Active(p, now), all[i].forGood:
			if err := r.depart(ctx, &one, p, now, all[i].forGood); err != nil {
				return nil, err
			}
			ended = append(ended, p.ID)
		case !people.Active(old, now) && people.Active(p, now):
			one.evidence.Action = actionActivate
		}
		if all[i].was != nil && old.Name != p.Name {
			one.personal.Detail = strings.TrimPrefix(one.personal.Detail+"; renamed from "+old.Name, "; ")
		}
		parts = append(parts, one)
		kept[i] = p
	}
	if err := r.commit(ctx, parts); err != nil {
		return nil, err
	}
	for _, id := range ended {
		r.endLeasesOf(id)
	}
	return kept, nil
}

func entryRow(id strongroom.ID, e people.Entry) (book.Row, error) {
	row, err := row(rowEntry, id.String(), e)
	if err != nil {
		return row, unavailable("the entry's row could not be made", err)
	}
	return row, nil
}

// departure is the row that a deactivation leaves beside the principal: sessions that
// were made before it are over for good, and so are keys and tokens that were made before
// the last one for good.
type departure struct {
	At   time.Time `json:"at"`
	Keys time.Time `json:"keys_until,omitzero"`
}

// depart makes a part the record of a deactivation, which says how much it ended. Leases
// are those of this process; one that serves the room beside it ends its own within
// seconds, and each has a record of its own.
func (r *Room) depart(ctx context.Context, one *part, p strongroom.Principal, now time.Time, forGood bool) error {
	// Every change of a departure but the notice of a leaving date, which keeps what is for
	// good, comes with one of its principal's row, which the caller requires unchanged.
	d, err := r.departed(ctx, p.ID)
	if err != nil {
		return err
	}
	if d.At = now; forGood {
		d.Keys = now
	}
	row, err := row(rowDeparture, p.ID.String(), d)
	if err != nil {
		return unavailable("the departure's row could not be made", err)
	}
	one.change.Put = append(one.change.Put, row)
	one.evidence.Action, one.evidence.Counts = actionDeactivate, r.holdings(p, now)
	why := "suspended"
	switch {
	case forGood:
		why = "removed; its access keys and tokens stay ended"
	case !p.Suspended:
		why = "the leaving date is reached: " + p.Expires.Format(time.RFC3339)
	}
	one.personal.Detail = strings.TrimPrefix(one.personal.Detail+"; "+why, "; ")
	return nil
}

// departed reads the last departure of a principal, as the database has it; the zero one
// where there was none.
func (r *Room) departed(ctx context.Context, id strongroom.ID) (departure, error) {
	was, err := r.Book.Row(ctx, rowDeparture, id.String())
	if errors.Is(err, book.ErrNoRow) {
		return departure{}, nil
	}
	var d departure
	if err == nil {
		d, err = decode[departure](was)
	}
	if err != nil {
		return d, unavailable("the departure's row cannot be read", err)
	}
	return d, nil
}

// holdings counts what a principal could use until now.
func (r *Room) holdings(p strongroom.Principal, now time.Time) map[string]int64 {
	counts := map[string]int64{"keys": 0, "sessions": 0, "tokens": 0, "leases": r.leases.countOf(p.ID)}
	p.Suspended, p.Expires = false, time.Time{} // what it had before
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	for _, k := range r.state.ring.keys {
		switch {
		case k.Principal != p.ID || r.state.ring.usable(k, p, now) != nil:
		case k.Session != nil:
			counts["sessions"]++
		default:
			counts["keys"]++
		}
	}
	for _, s := range r.state.ring.logons.sessions {
		if s.Principal == p.ID && r.state.ring.over(s, p, r.passkeyRow(s.Passkey), r.seen(s), now) == nil {
			counts["sessions"]++
		}
	}
	for _, t := range r.state.ring.tokens {
		if t.Principal == p.ID && r.state.ring.tokenUsable(t, p, now) == nil {
			counts["tokens"]++
		}
	}
	return counts
}

// noticeLeavers records, once, that somebody's leaving date has passed, and ends the
// leases of everybody who was deactivated, also by another process.
func (r *Room) noticeLeavers(ctx context.Context) error {
	now := r.Clock().UTC()
	r.state.mu.Lock()
	ended := r.state.ring.ended
	r.state.ring.ended = nil
	var due []strongroom.ID
	for _, p := range r.state.principals {
		if p.Suspended || p.Expires.IsZero() || now.Before(p.Expires) {
			continue
		}
		if d, gone := r.state.ring.departures[p.ID]; !gone || d.At.Before(p.Expires) {
			due = append(due, p.ID)
		}
	}
	r.state.mu.Unlock()
	for _, id := range ended {
		r.endLeasesOf(id)
	}
	var errs []error
	for _, id := range due {
		errs = append(errs, r.recordLeaver(ctx, id, now))
	}
	return errors.Join(errs...)
}

// recordLeaver records that a leaving date was reached, unless another process has.
func (r *Room) recordLeaver(ctx context.Context, id strongroom.ID, now time.Time) error {
	was, err := r.Book.Row(ctx, rowPrincipal, id.String())
	if err != nil {
		return err
	}
	p, err := decode[strongroom.Principal](was)
	if err != nil {
		return err
	}
	if p.Suspended || p.Expires.IsZero() || now.Before(p.Expires) {
		return nil // changed meanwhile
	}
	one := part{kind: KindPeople, personal: Personal{Subject: p.Name}, change: book.Change{
		Require: []book.Condition{{Form: book.Unchanged, Kind: rowPrincipal, ID: was.ID, Salt: was.Salt}},
	}}
	before, err := r.Book.Row(ctx, rowDeparture, id.String())
	switch {
	case errors.Is(err, book.ErrNoRow):
		one.change.Require = append(one.change.Require, book.Condition{Form: book.Absent, Kind: rowDeparture, ID: id.String()})
	case err != nil:
		return err
	default:
		if d, err := decode[departure](before); err != nil || !d.At.Before(p.Expires) {
			return err
		}
		one.change.Require = append(one.change.Require, book.Condition{Form: book.Unchanged, Kind: rowDeparture, ID: id.String(), Salt: before.Salt})
	}
	if err := r.depart(ctx, &one, p, now, false); err != nil {
		return err
	}
	if err := r.commit(ctx, []part{one}); strongroom.KindOf(err) != strongroom.KindConflict {
		return err
	}
	return nil
}

// countOf is how many leases of range reads a principal holds in this process.
func (s *leases) countOf(principal strongroom.ID) (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.shared {
		if key.principal == principal {
			n++
		}
	}
	return n
}

// endLeasesOf has the leases of a principal take nobody in any more. Those that nobody
// reads from end at once; a read under way is broken off by its guard.
func (r *Room) endLeasesOf(principal strongroom.ID) {
	var over []*lease
	r.leases.mu.Lock()
	for key, slot := range r.leases.shared {
		if key.principal == principal && slot.lease != nil {
			over = append(over, slot.lease)
			delete(r.leases.shared, key)
		}
	}
	for key := range r.leases.resumable {
		if key.principal == principal {
			delete(r.leases.resumable, key)
		}
	}
	r.leases.mu.Unlock()
	for _, l := range over {
		r.retire(l)
	}
}

// Unmatched is an agent's id that objects bear and that is no principal's name or alias.
type Unmatched struct {
	Agent   string    `json:"agent"`
	Objects int       `json:"objects"` // versions that bear it
	First   time.Time `json:"first"`   // when the first of them was stored
	Last    time.Time `json:"last"`
}

// UnmatchedLimit bounds the ids that one answer tells; Others counts the rest.
const UnmatchedLimit = 10_000

// UnmatchedAgents lists the ids in the attribute agent of the room's objects, older
// versions included, that belong to nobody, the most frequent first, on record. others
// is how many versions bear ids beyond the limit.
func (r *Room) UnmatchedAgents(ctx context.Context, c Caller) (found []Unmatched, others int, err error) {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return nil, 0, r.refuse(ctx, a)
	}
	known := map[string]bool{}
	for _, p := range r.everybody() {
		known[p.Name] = true
		for _, alias := range p.Aliases {
			known[alias] = true
		}
	}
	var trees []*btree.BTreeG[*entry]
	r.state.mu.Lock() // copying a tree writes to it
	for _, by := range []map[strongroom.ID]*btree.BTreeG[*entry]{r.state.index, r.state.history} {
		for _, tree := range by {
			trees = append(trees, tree.Copy())
		}
	}
	r.state.mu.Unlock()
	seen, unmatched := map[shared]*Unmatched{}, 0 // nil for who is known
	for _, tree := range trees {
		tree.Scan(func(e *entry) bool {
			u, met := seen[e.agent]
			if !met {
				if agent := e.agent.Value(); agent != "" && !known[agent] {
					if unmatched == UnmatchedLimit {
						others++
						return true
					}
					unmatched++
					u = &Unmatched{Agent: agent, First: e.modified, Last: e.modified}
				}
				seen[e.agent] = u
			}
			if u == nil {
				return true
			}
			u.Objects++
			if e.modified.Before(u.First) {
				u.First = e.modified
			}
			if e.modified.After(u.Last) {
				u.Last = e.modified
			}
			return true
		})
	}
	for _, u := range seen {
		if u != nil {
			found = append(found, *u)
		}
	}
	slices.SortFunc(found, func(a, b Unmatched) int {
		if a.Objects != b.Objects {
			return b.Objects - a.Objects
		}
		return strings.Compare(a.Agent, b.Agent)
	})
	e := r.evidence("principal-unmatched", a)
	e.Names = len(found)
	if err := r.note(ctx, KindPeople, e, a); err != nil {
		return nil, 0, unavailable("it could not be recorded, so nothing is shown", err)
	}
	return found, others, nil
}

// PrincipalByID finds a principal for a door to which they prove who they are.
func (r *Room) PrincipalByID(id strongroom.ID) (strongroom.Principal, bool) {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	p, ok := r.state.principals[id]
	return p, ok
}

// People counts the principals that are people or vendors' and active, for a page that
// says when there is only one.
func (r *Room) People() (n int) {
	now := r.Clock()
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	for _, p := range r.state.principals {
		if p.Kind != strongroom.Workload && people.Active(p, now) {
			n++
		}
	}
	return n
}

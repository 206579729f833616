package vault

import (
	"errors"
	"slices"
	"strings"
	"time"

	"strongroom"
	"strongroom/book"
)

// Kinds of row of what people ask for beyond what policy gives them.
const (
	rowRequest = "request"
	rowBounds  = "request-bounds" // id "current"
	rowOpening = "break-glass"
	rowSlot    = "break-glass-slot" // one per opening that nobody has reviewed
	rowTickets = "ticket-check"     // id "current"
)

var askingRows = []string{rowRequest, rowBounds, rowOpening, rowTickets}

const currentAsking = "current"

// asking is what requests, broken glass and the ticket system add to decisions. It is
// part of the state, under the state's lock.
type asking struct {
	requests map[strongroom.ID]Request
	byAsker  map[strongroom.ID][]strongroom.ID
	// live has the requests that somebody approved, by asker and what is asked: a read by
	// anybody else costs one look-up, whatever others ask.
	live map[strongroom.ID]map[wanted][]strongroom.ID
	open int // requests that have not ended

	openings map[strongroom.ID]Opening
	byOpener map[strongroom.ID][]strongroom.ID // openings that nobody has reviewed

	bounds RequestBounds
	desk   *ticketDesk // nil where the room asks no ticket system
}

// wanted is what an approval is for.
type wanted struct {
	action  strongroom.Action
	version strongroom.ID
}

func (s *asking) init() {
	s.requests = map[strongroom.ID]Request{}
	s.byAsker = map[strongroom.ID][]strongroom.ID{}
	s.live = map[strongroom.ID]map[wanted][]strongroom.ID{}
	s.openings = map[strongroom.ID]Opening{}
	s.byOpener = map[strongroom.ID][]strongroom.ID{}
	s.bounds = DefaultBounds
}

// learn takes a row in. Requests and openings do not change once taken in: what a
// changed row says takes their place.
func (s *asking) learn(r *Room, row book.Row) error {
	switch row.Kind {
	case rowRequest:
		q, err := decode[Request](row)
		if err != nil {
			return err
		}
		if q.ID.String() != row.ID {
			return errors.New("it bears another request's id")
		}
		s.forgetRequest(q.ID)
		s.requests[q.ID] = q
		s.byAsker[q.Asker] = append(s.byAsker[q.Asker], q.ID)
		if q.Ended != nil {
			return nil
		}
		s.open++
		if len(q.Approvals) == 0 {
			return nil
		}
		if s.live[q.Asker] == nil {
			s.live[q.Asker] = map[wanted][]strongroom.ID{}
		}
		for _, o := range q.Objects {
			w := wanted{q.Action, o.Version}
			s.live[q.Asker][w] = append(s.live[q.Asker][w], q.ID)
		}
	case rowOpening:
		o, err := decode[Opening](row)
		if err != nil {
			return err
		}
		if o.ID.String() != row.ID {
			return errors.New("it bears another opening's id")
		}
		s.forgetOpening(o.ID)
		s.openings[o.ID] = o
		if o.Reviewed == nil {
			s.byOpener[o.By] = append(s.byOpener[o.By], o.ID)
		}
	case rowBounds:
		b, err := decode[RequestBounds](row)
		if err != nil {
			return err
		}
		s.bounds = b
	case rowTickets:
		t, err := decode[TicketSetting](row)
		if err != nil {
			return err
		}
		s.desk = newTicketDesk(r, t)
	}
	return nil
}

func (s *asking) forget(k book.RowKey) {
	switch id, err := strongroom.ParseID(k.ID); {
	case k.Kind == rowRequest && err == nil:
		s.forgetRequest(id)
	case k.Kind == rowOpening && err == nil:
		s.forgetOpening(id)
	case k.Kind == rowBounds:
		s.bounds = DefaultBounds
	case k.Kind == rowTickets:
		s.desk = nil
	}
}

func (s *asking) forgetRequest(id strongroom.ID) {
	q, known := s.requests[id]
	if !known {
		return
	}
	delete(s.requests, id)
	takeOut(s.byAsker, q.Asker, id)
	if q.Ended == nil {
		s.open--
	}
	for w := range s.live[q.Asker] {
		takeOut(s.live[q.Asker], w, id)
	}
	if len(s.live[q.Asker]) == 0 {
		delete(s.live, q.Asker)
	}
}

func (s *asking) forgetOpening(id strongroom.ID) {
	if o, known := s.openings[id]; known {
		delete(s.openings, id)
		takeOut(s.byOpener, o.By, id)
	}
}

// takeOut takes an id out of a list of a map, and an empty list out of the map.
func takeOut[K comparable](lists map[K][]strongroom.ID, at K, id strongroom.ID) {
	left := slices.DeleteFunc(lists[at], func(other strongroom.ID) bool { return other == id })
	if lists[at] = left; len(left) == 0 {
		delete(lists, at)
	}
}

// fill adds to a question's context the approvals and the broken glass that the asker
// has, and where the asker does not say why, the purpose that was approved or for which
// the glass was broken. The caller holds the state's lock.
func (s *state) fill(q *strongroom.Question) {
	now, c := q.Context.Time, &q.Context
	for _, id := range s.asking.byOpener[q.Principal.ID] {
		if o := s.asking.openings[id]; s.runs(&o, now) {
			c.BreakGlass = id
		}
	}
	if lists := s.asking.live[q.Principal.ID]; lists != nil && !q.Resource.Version.IsZero() {
		var best Request
		for _, id := range lists[wanted{q.Action, q.Resource.Version}] {
			r := s.asking.requests[id]
			if r.Bucket != q.Resource.Bucket || !r.covers(c.Purpose) || !r.becomes(q) || s.departedSince(r.Asker, r.Asked) {
				continue
			}
			by := s.holding(&r, q.Principal, now)
			if len(by) > len(c.Approvals) || len(by) == len(c.Approvals) && len(by) > 0 && r.Asked.After(best.Asked) {
				best, c.Approvals = r, by
			}
		}
		if len(c.Approvals) > 0 {
			c.Request, c.Purpose = best.ID, best.Purpose
		}
	}
	if c.BreakGlass.IsZero() {
		return
	}
	if o := s.asking.openings[c.BreakGlass]; strings.TrimSpace(c.Purpose.Text) == "" && strings.TrimSpace(c.Purpose.Ticket) == "" {
		c.Purpose = strongroom.Purpose{Text: o.Reason, Ticket: o.Ticket}
	}
}

// runs reports whether an opening runs: a deactivation of its opener ended it for good.
func (s *state) runs(o *Opening, now time.Time) bool {
	return o.runs(now) && !s.departedSince(o.By, o.Opened)
}

// departedSince reports whether a principal was deactivated at that time or later.
func (s *state) departedSince(id strongroom.ID, at time.Time) bool {
	d, gone := s.ring.departures[id]
	return gone && !at.After(d.At)
}

// holding lists who approved a request and still counts: they are there, neither
// suspended nor expired nor were since they approved, different people, and nobody is the
// asker.
func (s *state) holding(q *Request, asker strongroom.Principal, now time.Time) []strongroom.ID {
	var people []strongroom.Principal
	for _, a := range q.Approvals {
		p, known := s.principals[a.By]
		if !known || p.Suspended || !p.Expires.IsZero() && !now.Before(p.Expires) || now.Before(a.At) || !now.Before(a.Ends) || s.departedSince(a.By, a.At) || samePerson(p, asker) {
			continue
		}
		if !slices.ContainsFunc(people, func(other strongroom.Principal) bool { return samePerson(p, other) }) {
			people = append(people, p)
		}
	}
	var ids []strongroom.ID
	for _, p := range people {
		ids = append(ids, p.ID)
	}
	return ids
}

// samePerson reports whether two accounts are one person's, as far as their aliases tell.
func samePerson(a, b strongroom.Principal) bool {
	if a.ID == b.ID {
		return true
	}
	return goesBy(b, a.Name) || slices.ContainsFunc(a.Aliases, func(name string) bool { return goesBy(b, name) })
}

// goesBy reports whether a name is an account's, or an alias of it.
func goesBy(p strongroom.Principal, name string) bool {
	return name != "" && (strings.EqualFold(name, p.Name) || slices.ContainsFunc(p.Aliases, func(alias string) bool { return strings.EqualFold(name, alias) }))
}

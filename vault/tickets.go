package vault

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"strongroom"
	"strongroom/book"
)

// Tickets is a ticket system that the room asks.
type Tickets interface {
	// Check answers what the ticket system says of a ticket that a principal names. An
	// error means that it did not answer, or not as agreed; it holds no secret.
	Check(ctx context.Context, ticket string, p strongroom.Principal) (strongroom.TicketState, error)
}

// TicketSetting is how the ticket system is asked.
type TicketSetting struct {
	URL    string    `json:"url"`
	Secret []byte    `json:"secret,omitempty"` // with which the questions are signed
	Set    time.Time `json:"set"`
}

// Format keeps the secret out of logs whatever verb is used.
func (t TicketSetting) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "ticket check at %s", t.Origin()) }

// Origin is where the ticket system is, without the rest of its address, which may hold
// a token.
func (t TicketSetting) Origin() string {
	u, err := url.Parse(t.URL)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

const (
	// ticketPatience is how long an asker waits for the ticket system, others' questions
	// before theirs included.
	ticketPatience = 3 * time.Second
	// ticketMemory is how long an answer counts; ticketSilence how long it counts that
	// there was none, so that a dead ticket system does not cost each read its patience.
	ticketMemory  = time.Minute
	ticketSilence = 5 * time.Second
	// ticketAnswers bounds the answers that are remembered, good ones and others apart, so
	// that no flood of bad tickets makes good ones forgotten.
	ticketAnswers = 4096
	// ticketAsking is how many questions are under way at once.
	ticketAsking = 16

	// MinTicketSecret and MaxTicketSecret bound the secret, in bytes.
	MinTicketSecret = 32
	MaxTicketSecret = 256
)

// ticketDesk asks the ticket system and remembers what it said.
type ticketDesk struct {
	room    *Room
	tickets Tickets // nil where the setting cannot be used
	slots   chan struct{}

	mu      sync.Mutex
	good    map[ticketKey]ticketAnswer
	other   map[ticketKey]ticketAnswer
	flights map[ticketKey]*ticketFlight
}

type ticketKey struct {
	ticket    string
	principal strongroom.ID
}

type ticketAnswer struct {
	state strongroom.TicketState
	until time.Time
}

// ticketFlight is a question under way, for which many may wait.
type ticketFlight struct {
	done  chan struct{}
	state strongroom.TicketState
}

func newTicketDesk(r *Room, t TicketSetting) *ticketDesk {
	d := &ticketDesk{
		room: r, slots: make(chan struct{}, ticketAsking),
		good: map[ticketKey]ticketAnswer{}, other: map[ticketKey]ticketAnswer{}, flights: map[ticketKey]*ticketFlight{},
	}
	if r.Tickets == nil || t.URL == "" {
		return d
	}
	tickets, err := r.Tickets(t)
	if err != nil {
		r.Log.Error("the ticket system's setting cannot be used, so no ticket is good", "room", r.ID, "error", err)
		return d
	}
	d.tickets = tickets
	return d
}

// decide answers a question by a policy set. The ticket system is asked only where the
// answer depends on what it says; what it said stands in the question.
func (d *ticketDesk) decide(policy Decider, q *strongroom.Question) strongroom.Decision {
	ticket := strings.TrimSpace(q.Context.Purpose.Ticket)
	if d == nil || ticket == "" {
		return policy.Decide(*q)
	}
	q.Context.Ticket = strongroom.TicketUnasked
	unasked := policy.Decide(*q)
	if unasked.Permit || len(unasked.Errors) > 0 {
		return unasked
	}
	q.Context.Ticket = strongroom.TicketGood
	good := policy.Decide(*q)
	if good.Permit == unasked.Permit && sameObligations(good.Missing, unasked.Missing) {
		q.Context.Ticket = strongroom.TicketUnasked
		return unasked
	}
	if q.Context.Ticket = d.state(ticket, q.Principal); q.Context.Ticket == strongroom.TicketGood {
		return good
	}
	return policy.Decide(*q)
}

func sameObligations(a, b []strongroom.Obligation) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// state answers what the ticket system says, or said within the last minute.
func (d *ticketDesk) state(ticket string, p strongroom.Principal) strongroom.TicketState {
	key := ticketKey{ticket, p.ID}
	ctx, cancel := context.WithTimeout(context.Background(), ticketPatience)
	defer cancel()
	d.mu.Lock()
	now := d.room.Clock()
	for _, answers := range []map[ticketKey]ticketAnswer{d.good, d.other} {
		if a, ok := answers[key]; ok && now.Before(a.until) {
			d.mu.Unlock()
			return a.state
		}
	}
	if f := d.flights[key]; f != nil {
		d.mu.Unlock()
		select {
		case <-f.done:
			return f.state
		case <-ctx.Done():
			return strongroom.TicketUnreachable
		}
	}
	f := &ticketFlight{done: make(chan struct{}), state: strongroom.TicketUnreachable}
	d.flights[key] = f
	d.mu.Unlock()
	defer func() { // also where the adapter panics, nobody waits for ever
		d.mu.Lock()
		delete(d.flights, key)
		d.remember(key, f.state)
		d.mu.Unlock()
		close(f.done)
	}()
	state, err := d.ask(ctx, ticket, p)
	if err != nil {
		d.room.Log.Error("the ticket system did not answer, so the ticket is not good", "room", d.room.ID, "error", err)
		return f.state
	}
	f.state = state
	return f.state
}

func (d *ticketDesk) ask(ctx context.Context, ticket string, p strongroom.Principal) (strongroom.TicketState, error) {
	if d.tickets == nil {
		return "", errors.New("its setting cannot be used")
	}
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return "", errors.New("it has too many questions to answer already")
	}
	state, err := d.tickets.Check(ctx, ticket, p)
	if err != nil {
		return "", err
	}
	switch state {
	case strongroom.TicketGood, strongroom.TicketUnknown, strongroom.TicketClosed, strongroom.TicketNotYours:
		return state, nil
	}
	return "", fmt.Errorf("it answered %q", state)
}

// remember keeps an answer. The caller holds d.mu.
func (d *ticketDesk) remember(key ticketKey, state strongroom.TicketState) {
	delete(d.good, key)
	delete(d.other, key)
	answers, until := d.other, d.room.Clock().Add(ticketMemory)
	switch state {
	case strongroom.TicketGood:
		answers = d.good
	case strongroom.TicketUnreachable:
		until = d.room.Clock().Add(ticketSilence)
	}
	if len(answers) >= ticketAnswers {
		now := d.room.Clock()
		for k, a := range answers {
			if !now.Before(a.until) {
				delete(answers, k)
			}
		}
		for k := range answers { // any: what is forgotten is asked again
			if len(answers) < ticketAnswers {
				break
			}
			delete(answers, k)
		}
	}
	answers[key] = ticketAnswer{state, until}
}

// CheckTicketURL says what is wrong with the address of a ticket system, or nil: https,
// or http on this machine alone.
func CheckTicketURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > 2048:
		return errors.New("the ticket system's address is no URL of up to 2,048 bytes")
	case u.Host == "" || u.Opaque != "" || u.Hostname() == "":
		return errors.New("the ticket system's address names no host")
	case u.User != nil:
		return errors.New("the ticket system's address holds a user or a password; the signature proves who asks")
	case u.Fragment != "":
		return errors.New("the ticket system's address has a fragment, which is never sent")
	case u.Scheme == "https":
	case u.Scheme == "http" && IsLoopback(u.Hostname()):
	default:
		return errors.New("the ticket system is asked over https; http is for this machine itself")
	}
	return nil
}

// IsLoopback reports whether a host's name can only mean this machine.
func IsLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// SetTickets has the room ask a ticket system from now on, signing with the secret.
func (r *Room) SetTickets(ctx context.Context, c Caller, address string, secret []byte) error {
	a := r.decide(c, strongroom.ActionManagePolicy, strongroom.Resource{})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	if err := CheckTicketURL(address); err != nil {
		return bad("", "%v", err)
	}
	if len(secret) < MinTicketSecret || len(secret) > MaxTicketSecret {
		return bad("let the command make one", "the signing secret has %d to %d bytes, this has %d", MinTicketSecret, MaxTicketSecret, len(secret))
	}
	setting := TicketSetting{URL: address, Secret: secret, Set: r.Clock().UTC()}
	put, err := row(rowTickets, currentAsking, setting)
	if err != nil {
		return unavailable("the row could not be made", err)
	}
	return r.administer(ctx, a, KindPolicy, "tickets-set", setting.Origin(), book.Change{Put: []book.Row{put}})
}

// RemoveTickets has the room ask no ticket system any more: any ticket will do again.
func (r *Room) RemoveTickets(ctx context.Context, c Caller) error {
	a := r.decide(c, strongroom.ActionManagePolicy, strongroom.Resource{})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	if _, err := r.Book.Row(ctx, rowTickets, currentAsking); errors.Is(err, book.ErrNoRow) {
		return bad("", "the room asks no ticket system")
	}
	return r.administer(ctx, a, KindPolicy, "tickets-remove", "", book.Change{
		Require: []book.Condition{{Form: book.Exists, Kind: rowTickets, ID: currentAsking}},
		Drop:    []book.RowKey{{Kind: rowTickets, ID: currentAsking}},
	})
}

// TicketSystem answers which ticket system the room asks, by its origin and without the
// secret, on record; the zero setting where it asks none.
func (r *Room) TicketSystem(ctx context.Context, c Caller) (TicketSetting, error) {
	a := r.decide(c, strongroom.ActionReadPolicy, strongroom.Resource{})
	if !a.decision.Permit {
		return TicketSetting{}, r.refuse(ctx, a)
	}
	var t TicketSetting
	was, err := r.Book.Row(ctx, rowTickets, currentAsking)
	if err == nil {
		t, err = decode[TicketSetting](was)
	}
	if err != nil && !errors.Is(err, book.ErrNoRow) {
		return TicketSetting{}, unavailable("the ticket system's row cannot be read", err)
	}
	t.URL, t.Secret = t.Origin(), nil
	return t, r.administer(ctx, a, KindPolicy, "tickets-read", "", book.Change{})
}

// TryTicket asks the ticket system about a ticket in somebody's name, on record, for
// those who set it up.
func (r *Room) TryTicket(ctx context.Context, c Caller, ticket, principal string) (strongroom.TicketState, error) {
	a := r.decide(c, strongroom.ActionManagePolicy, strongroom.Resource{})
	if !a.decision.Permit {
		return "", r.refuse(ctx, a)
	}
	if err := checkText("a ticket", ticket, 128); err != nil {
		return "", err
	}
	p, known := r.PrincipalByName(principal)
	if !known {
		return "", noPrincipal(principal)
	}
	r.state.mu.RLock()
	desk := r.state.asking.desk
	r.state.mu.RUnlock()
	if desk == nil {
		return "", bad("see `strongroom limit tickets set --help`", "the room asks no ticket system")
	}
	if err := r.administer(ctx, a, KindPolicy, "tickets-try", ticket+" in the name of "+principal, book.Change{}); err != nil {
		return "", err
	}
	asking, cancel := context.WithTimeout(ctx, ticketPatience)
	defer cancel()
	state, err := desk.ask(asking, ticket, p)
	if err != nil {
		return strongroom.TicketUnreachable, &strongroom.Error{Kind: strongroom.KindUnavailable, Message: "the ticket system did not answer as agreed", Hint: "docs/approvals.md says what it is asked and how it answers", Cause: err}
	}
	return state, nil
}

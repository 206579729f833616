package alert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"strongroom"
	"strongroom/vault"
)

// Config is what an Engine needs. Every field without a comment is required.
type Config struct {
	Room     strongroom.ID
	RoomName string
	Store    Store
	Sender   Sender
	// Setup answers what the room says about alerting, as it is now.
	Setup func(context.Context) (Setup, error)
	Usage Usage // nil: what is usual is what the engine itself has counted
	// Policies says of changes of policy whether they permit more.
	Policies Policies
	// Gone is told of a channel whose other side has ended it.
	Gone  func(ctx context.Context, channel, why string) error
	Clock func() time.Time
	Log   *slog.Logger
}

// Policies judges changes of policy.
type Policies interface {
	// Loosens reports whether the change that an event tells of permits more than before, or
	// may, and in what way, without names of people and objects.
	Loosens(ctx context.Context, change *strongroom.Event) (looser bool, detail string, err error)
}

// Engine holds the conditions against records and trouble, and sends what is to be sent.
type Engine struct {
	Config
	troubles chan trouble
	wake     chan struct{}

	mu      sync.Mutex
	setup   *Setup // as it was read last
	stale   bool   // it has changed since
	shouted map[string]time.Time
	unheard int // troubles that came faster than they could be counted

	// Of Take alone: what was counted up to a position, and when old rows were dropped.
	counted  *tallies
	usual    map[string]usualHour
	position int64
	lastDrop time.Time
}

type trouble struct {
	kind, detail string
	at           time.Time
}

// New returns an engine. Run has it send.
func New(c Config) *Engine {
	return &Engine{Config: c, troubles: make(chan trouble, 64), wake: make(chan struct{}, 1), shouted: map[string]time.Time{}}
}

// Position is the index of the first record that was not taken yet.
func (e *Engine) Position(ctx context.Context) (int64, error) {
	next, _, err := e.Store.Position(ctx)
	return next, err
}

// Changed has what the room says about alerting read anew.
func (e *Engine) Changed() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stale = true
}

// now answers what the room says about alerting. Where it cannot be read, what was read
// last holds.
func (e *Engine) now(ctx context.Context) (*Setup, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.setup != nil && !e.stale {
		return e.setup, nil
	}
	s, err := e.Setup(ctx)
	switch {
	case err == nil:
		e.setup, e.stale = &s, false
	case e.setup != nil && ctx.Err() == nil:
		e.Log.Error("alert: what the room says about alerting cannot be read, so what it said before holds", "error", err)
	default:
		return nil, fmt.Errorf("reading what the room says about alerting: %w", err)
	}
	return e.setup, nil
}

// Take holds events against the conditions. What fires, whom to tell and the new position
// become durable together. Not safe for concurrent use.
func (e *Engine) Take(ctx context.Context, events []strongroom.Event, next int64) error {
	if slices.ContainsFunc(events, func(v strongroom.Event) bool { return v.Kind == vault.KindAlert }) {
		e.Changed()
	}
	setup, err := e.now(ctx)
	if err != nil {
		return err
	}
	looser, err := e.judge(ctx, setup, events)
	if err != nil {
		return err
	}
	// What is remembered holds only where nothing else moved the position, and is good no
	// longer where the transaction fails.
	t := e.counted
	e.counted = nil
	err = e.Store.Change(ctx, func(tx Tx) error {
		at, began, err := tx.Position()
		if err != nil {
			return err
		}
		if len(events) > 0 && events[0].Index != at {
			return fmt.Errorf("record %d was told, and %d is the next one", events[0].Index, at)
		}
		if now := e.Clock(); now.Sub(e.lastDrop) > time.Hour {
			if err := dropOld(tx, now); err != nil {
				return err
			}
			e.lastDrop, t = now, nil
		}
		if t == nil || e.position != at || t.weight > maxWeight {
			t = newTallies()
		}
		t.begin(tx, e.Clock())
		for i := range events {
			if err := e.observe(ctx, tx, t, setup, &events[i], looser, events[i].Index < began); err != nil {
				return fmt.Errorf("record %d: %w", events[i].Index, err)
			}
		}
		if err := t.write(); err != nil {
			return err
		}
		return tx.SetPosition(next)
	})
	if err != nil {
		return err
	}
	t.tx = nil
	e.counted, e.position = t, next
	e.nudge()
	return nil
}

const (
	// kept is how long what was counted, alerts that are done and messages are kept.
	kept = 400 * 24 * time.Hour
	// maxDone and maxMessages bound how many alerts that are done, and messages that were
	// sent or given up, are kept: the newest.
	maxDone, maxMessages = 100_000, 1_000_000
)

// dropOld forgets what is over for long, or too much of it. An alert that is open stays,
// and one of which a message is still to be sent: there is one at most of each condition
// for each principal.
func dropOld(tx Tx, now time.Time) error {
	return errors.Join(tx.DropTallies(now.Add(-kept)), tx.DropDone(now.Add(-kept), maxDone, maxMessages))
}

// nudge has Run look for what is to be sent.
func (e *Engine) nudge() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// judge answers of the changes of policy among events that permit more, or may, how. It is
// done before the transaction, since it takes as long as many decisions do.
func (e *Engine) judge(ctx context.Context, setup *Setup, events []strongroom.Event) (map[int64]string, error) {
	c, _ := setup.Settings.condition(policyLoosened)
	if c.Off {
		return nil, nil
	}
	_, began, err := e.Store.Position(ctx)
	if err != nil {
		return nil, err
	}
	looser := map[int64]string{}
	for i := range events {
		ev := &events[i]
		if ev.Index < began || !c.On.matches(ev) || ev.Outcome != strongroom.Permitted {
			continue
		}
		loose, how, err := e.Policies.Loosens(ctx, ev)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil: // in doubt it does
			e.Log.Error("alert: whether a change of policy permits more cannot be told, so it counts as doing so", "record", ev.Index, "error", err)
			looser[ev.Index] = "it could not be told whether it does; the server's log says why"
		case loose:
			looser[ev.Index] = how
		}
	}
	return looser, nil
}

const policyLoosened = "policy-loosened"

// observe holds one event against every condition.
func (e *Engine) observe(ctx context.Context, tx Tx, t *tallies, setup *Setup, ev *strongroom.Event, looser map[int64]string, past bool) error {
	if ev.Kind == vault.KindFinding && ev.Did == landingCleared {
		return cleared(tx, ev)
	}
	if ev.Kind == vault.KindAlert && ev.Did == vault.ActAcknowledge && ev.Outcome == strongroom.Permitted {
		return e.acknowledged(tx, ev)
	}
	opens := ev.Kind == "release" && ev.Outcome == strongroom.Permitted && ev.Actor != ""
	var habits *profile
	if opens {
		var err error
		if habits, err = t.profile(ev.Actor); err != nil {
			return err
		}
	}
	for i := range setup.Settings.Conditions {
		c := &setup.Settings.Conditions[i]
		if c.Off || len(c.Trouble) > 0 || !c.On.matches(ev) || !c.holds(ev, &setup.Settings, habits) {
			continue
		}
		how, loose := looser[ev.Index]
		if c.Where == PolicyLoosened && !loose {
			continue
		}
		subject := ""
		if c.Per == PerActor {
			subject = ev.Actor
		}
		w, err := t.window(c.ID, subject)
		if err != nil {
			return err
		}
		h := hit{At: ev.Time.UnixMilli(), Record: ev.Index}
		switch c.Measure {
		case Objects:
			h.Object = objectOf(ev)
		case Counts:
			for _, n := range ev.Counts {
				h.N += n
			}
		}
		seen := w.add(h, c.Window, c.Measure)
		limit, usual, err := e.limit(ctx, c, seen, ev, habits)
		if err != nil {
			return err
		}
		if seen < limit {
			continue
		}
		f := finding{condition: c, subject: subject, hits: w.Hits, seen: seen, limit: limit, usual: usual, past: past, at: ev.Time}
		if p := ev.Principal(); p != nil && c.Per == PerActor {
			f.person, f.principal = p.Name, p.ID
		}
		if c.Where != FirstTouch && ev.Kind != "release" && ev.Kind != "refusal" {
			f.names = ev.Subject
		}
		switch {
		case ev.Kind == vault.KindFinding:
			f.detail = ev.Detail
		case c.Where == PolicyLoosened:
			f.detail = how
		}
		w.Hits = nil // from here on anew
		if err := e.raise(tx, setup, f); err != nil {
			return err
		}
	}
	if opens {
		habits.learn(ev)
	}
	return nil
}

// holds reports whether what a condition wants besides holds of an event.
func (c *Condition) holds(ev *strongroom.Event, s *Settings, habits *profile) bool {
	p := ev.Principal()
	switch c.Where {
	case Always, PolicyLoosened: // which is judged beforehand
		return true
	case OutOfHours:
		return s.Hours != nil && !s.Hours.Hold(ev.Time)
	case PolicyFails:
		return ev.Decision != nil && len(ev.Decision.Errors) > 0
	}
	if p == nil { // erased, or nobody's
		return false
	}
	switch c.Where {
	case OutsideQueue:
		queue := ev.Question.Resource.Attributes["queue"]
		own := append(slices.Clone(p.Attributes["queues"]), p.Attributes["supervises"]...)
		return queue != "" && len(own) > 0 && !slices.Contains(own, queue)
	case FirstTouch:
		if habits == nil || habits.First == 0 || ev.Time.UnixMilli()-habits.First < time.Duration(c.Learn).Milliseconds() {
			return false
		}
		return slices.ContainsFunc(classesOf(ev), func(class string) bool { _, known := habits.Classes[class]; return !known })
	case PastLeaving:
		return !p.Expires.IsZero() && !ev.Time.Before(p.Expires)
	case Suspended:
		return p.Suspended
	}
	return false
}

// finding is a condition that fires.
type finding struct {
	condition     *Condition
	subject       string
	person, names string
	principal     strongroom.ID
	hits          []hit
	seen, limit   int64
	usual         *float64
	past          bool
	detail        string
	at            time.Time
}

// grown is how many times as often something fires, after it was acknowledged, for people
// to be told again.
const grown = 5

// raise makes an alert of a finding, or counts up the one that is open.
func (e *Engine) raise(tx Tx, setup *Setup, f finding) error {
	c, now := f.condition, e.Clock().UTC()
	have, err := tx.Newest(c.ID, f.subject)
	if err != nil && !errors.Is(err, ErrNone) {
		return err
	}
	first := time.UnixMilli(f.hits[0].At).UTC()
	within := err == nil && f.at.Before(have.First.Add(time.Duration(c.Window)))
	switch {
	case err == nil && (have.State == Open || have.State == Past && f.past && within || have.State == Acknowledged && within):
		have.count(f)
		switch {
		case have.State == Past:
		case have.State == Acknowledged && have.Found >= grown*have.FoundThen:
			have.State, have.Acked = Open, nil
			have.Round++
			if err := e.tell(tx, setup, &have, now); err != nil {
				return err
			}
		case have.State == Open && now.Sub(have.Told) >= time.Duration(c.Remind):
			have.Round++
			if err := e.tell(tx, setup, &have, now); err != nil {
				return err
			}
		}
		return tx.PutAlert(have)
	}
	a := Alert{
		ID:        alertID(e.Room, c.ID, f.subject, first, f.hits[0].Record),
		Condition: c.ID, Severity: c.Severity, State: Open, Subject: f.subject, Person: f.person, Principal: f.principal,
		First: first, Threshold: f.limit, Usual: f.usual, Window: c.Window, Names: f.names,
		Why: c.Says, Blind: c.Blind.fill(0, 0, nil, c.Window, c.Learn),
	}
	a.count(f)
	if f.past {
		a.State = Past
		return tx.PutAlert(a)
	}
	if err := e.tell(tx, setup, &a, now); err != nil {
		return err
	}
	return tx.PutAlert(a)
}

// count takes a finding into an alert.
func (a *Alert) count(f finding) {
	a.Found++
	a.Last = f.at.UTC()
	for _, h := range f.hits {
		if h.Record >= 0 && len(a.Evidence) < maxEvidence && !slices.Contains(a.Evidence, h.Record) {
			a.Evidence = append(a.Evidence, h.Record)
		}
	}
	a.add(f.detail)
	if f.seen > a.Seen {
		a.Seen, a.Threshold, a.Usual = f.seen, f.limit, f.usual
		a.Why = f.condition.Says.fill(a.Seen, a.Threshold, a.Usual, f.condition.Window, f.condition.Learn)
	}
}

// maxDetail bounds what an alert says besides, in bytes.
const maxDetail = 2048

// add says something besides, once.
func (a *Alert) add(detail string) {
	switch {
	case detail == "" || strings.Contains(a.Detail, detail) || len(a.Detail)+len(detail) > maxDetail:
	case a.Detail == "":
		a.Detail = detail
	default:
		a.Detail += "; " + detail
	}
}

const (
	landingOverdue = "landing-overdue" // the condition, and what intake calls it
	landingCleared = "landing-cleared"
)

// cleared says in the alert of a landing place, while that is open, that the trouble is
// over. Somebody takes it on all the same: what lay there was in the clear meanwhile.
func cleared(tx Tx, ev *strongroom.Event) error {
	a, err := tx.Newest(landingOverdue, "")
	if errors.Is(err, ErrNone) || err == nil && a.State != Open {
		return nil
	} else if err != nil {
		return err
	}
	a.add(ev.Detail)
	return tx.PutAlert(a)
}

// acknowledged takes into the alert what the ledger says about it.
func (e *Engine) acknowledged(tx Tx, ev *strongroom.Event) error {
	id, err := strongroom.ParseID(ev.Subject)
	if err != nil || ev.Actor == "" {
		return nil // its personal part was erased, or it is of no alert
	}
	ack := Ack{At: ev.Time.UTC(), Note: ev.Detail, Record: ev.Index}
	p := ev.Principal()
	if p != nil {
		ack.By = p.Name
	}
	err = acknowledge(tx, id, ack, ev.Actor, p)
	if errors.Is(err, ErrNone) {
		return nil
	}
	return err
}

// acknowledge ends that people are told of an alert. Whoever it is about cannot, whatever
// the ledger says.
func acknowledge(tx Tx, id strongroom.ID, ack Ack, actor string, p *strongroom.Principal) error {
	a, err := tx.Alert(id)
	if err != nil {
		return err
	}
	if a.State != Open || actor != "" && actor == a.Subject || p != nil && !a.Principal.IsZero() && p.ID == a.Principal {
		return nil
	}
	// What is on its way already goes on: whoever is quick with acknowledging must not
	// keep the others from hearing of it.
	a.State, a.Acked, a.FoundThen, a.Due = Acknowledged, &ack, a.Found, time.Time{}
	return tx.PutAlert(a)
}

// Trouble reports that the server failed at something: TroubleLedger, TroubleCustody or
// TroubleWatch. It never waits.
func (e *Engine) Trouble(kind, detail string) {
	select {
	case e.troubles <- trouble{kind, short(strings.ToValidUTF8(detail, "")), e.Clock()}:
	default:
		e.mu.Lock()
		e.unheard++
		e.mu.Unlock()
	}
}

// takeTrouble counts a trouble. Where even that cannot be kept, every channel is told
// straight away, once an hour.
func (e *Engine) takeTrouble(ctx context.Context, tr trouble) {
	e.Changed() // the record of a change may still be on its way here
	setup, err := e.now(ctx)
	if err != nil {
		e.Log.Error("alert: trouble", "kind", tr.kind, "error", err)
		return
	}
	err = e.Store.Change(ctx, func(tx Tx) error {
		t := newTallies()
		t.begin(tx, tr.at)
		for i := range setup.Settings.Conditions {
			c := &setup.Settings.Conditions[i]
			if c.Off || !slices.Contains(c.Trouble, tr.kind) {
				continue
			}
			w, err := t.window(c.ID, "")
			if err != nil {
				return err
			}
			seen := w.add(hit{At: tr.at.UnixMilli(), Record: -1}, c.Window, Events)
			if seen < c.Threshold {
				continue
			}
			f := finding{condition: c, hits: w.Hits, seen: seen, limit: c.Threshold, detail: tr.detail, at: tr.at}
			w.Hits = nil
			if err := e.raise(tx, setup, f); err != nil {
				return err
			}
		}
		return t.write()
	})
	if err == nil {
		e.nudge()
		return
	}
	if ctx.Err() != nil {
		return
	}
	e.Log.Error("alert: trouble could not be kept, so every channel is told now", "kind", tr.kind, "error", err)
	e.shout(ctx, setup, tr)
}

// shout tells every channel of a trouble without a durable row.
func (e *Engine) shout(ctx context.Context, setup *Setup, tr trouble) {
	if last, ever := e.shouted[tr.kind]; ever && tr.at.Sub(last) < time.Hour {
		return
	}
	e.shouted[tr.kind] = tr.at
	for _, c := range setup.Settings.Conditions {
		if c.Off || !slices.Contains(c.Trouble, tr.kind) {
			continue
		}
		a := Alert{ID: alertID(e.Room, c.ID, "", tr.at, -1), Condition: c.ID, Severity: c.Severity, State: Open, First: tr.at.UTC()}
		for _, name := range setup.names() {
			ch, _ := setup.channel(name, false)
			if err := e.send(ctx, setup, ch, a, Delivery{}); err != nil {
				e.Log.Error("alert: a channel could not be told", "channel", name, "error", err)
			}
		}
	}
}

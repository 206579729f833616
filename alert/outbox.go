package alert

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"strongroom"
	"strongroom/jobs"
)

const (
	// sendTime bounds one attempt, claimTime how long others leave a message to whoever
	// tries it.
	sendTime, claimTime = 30 * time.Second, time.Minute
	// tooOften is after how many failures the next channel is tried beside.
	tooOften = 3
	// giveUp is how long a message is tried.
	giveUp = 24 * time.Hour
	// longestPause lies between two attempts, at most.
	longestPause = 15 * time.Minute
	// batch is how many messages are claimed at once.
	batch = 16
)

// tell begins a round: it adds the messages of the first level that has somebody on duty,
// and says when the next level is told.
func (e *Engine) tell(tx Tx, setup *Setup, a *Alert, now time.Time) error {
	a.Told, a.Level, a.Due = now, 0, time.Time{}
	if a.Condition == alertingChanged {
		for _, c := range setup.Channels {
			if !c.Retired.IsZero() && now.Sub(c.Retired) < stillTold {
				if err := addDelivery(tx, a, Target{Channels: []string{c.Name}}, now); err != nil {
					return err
				}
			}
		}
	}
	return e.tellFrom(tx, setup, a, 0, now)
}

const alertingChanged = "alerting-changed"

// tellFrom tells a level, or the next one after it that has somebody to tell. Where none
// has, everyone is told.
func (e *Engine) tellFrom(tx Tx, setup *Setup, a *Alert, level int, now time.Time) error {
	levels := 0
	if setup.Rota != nil {
		levels = len(setup.Rota.Levels)
	}
	var targets []Target
	for ; level < levels; level++ {
		if targets = a.unsuspected(setup.Rota.On(level, now, a.Severity, setup.names())); len(targets) > 0 {
			break
		}
	}
	a.Due = time.Time{}
	switch {
	case level < levels:
		if level+1 < levels {
			a.Due = now.Add(time.Duration(setup.Rota.Levels[level+1].After - setup.Rota.Levels[level].After))
		} else if setup.Rota.Repeat > 0 {
			a.Due = now.Add(time.Duration(setup.Rota.Repeat))
		}
	case a.Level == 0 && a.Told.Equal(now): // nobody of any level: the last resort
		level = levels
		for _, name := range setup.names() {
			targets = append(targets, Target{Channels: []string{name}})
		}
	}
	a.Level = level
	for _, t := range targets {
		if err := addDelivery(tx, a, t, now); err != nil {
			return err
		}
	}
	return nil
}

// unsuspected leaves out whom the alert is about.
func (a *Alert) unsuspected(targets []Target) []Target {
	return slices.DeleteFunc(targets, func(t Target) bool { return t.Person != "" && t.Person == a.Person })
}

// addDelivery adds a message to a target's first channel. Its id is the same whenever it
// is added again.
func addDelivery(tx Tx, a *Alert, t Target, now time.Time) error {
	name := fmt.Sprintf("strongroom/delivery/v1/%s/%d/%d/%d:%s/%s", a.ID, a.Round, a.Level, len(t.Person), t.Person, t.Channels[0])
	sum := sha256.Sum256([]byte(name))
	return tx.AddDelivery(Delivery{
		ID: strongroom.ID(sum[:16]), Alert: a.ID, Round: a.Round, Level: a.Level, Person: t.Person,
		Channel: t.Channels[0], Rest: t.Channels[1:], State: ToSend, Made: now, Due: now,
	})
}

// Run counts trouble, escalates and sends until the context ends.
func (e *Engine) Run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-e.troubles:
			e.takeTrouble(ctx, t)
			continue
		case <-e.wake:
		case <-tick.C:
		}
		if err := e.Work(ctx); err != nil && ctx.Err() == nil {
			e.Log.Error("alert: sending what is to be sent", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Second):
			}
		}
	}
}

// Work escalates and sends everything that is due, once.
func (e *Engine) Work(ctx context.Context) error {
	for {
		now := e.Clock().UTC()
		waiting, err := e.Store.Waiting(ctx, now)
		if err != nil || !waiting {
			return err
		}
		if err := e.escalate(ctx, now); err != nil {
			return err
		}
		if n, err := e.sendDue(ctx, strongroom.ID{}); err != nil || n == 0 {
			return err
		}
	}
}

// escalate tells the next level of alerts that nobody has acknowledged.
func (e *Engine) escalate(ctx context.Context, now time.Time) error {
	setup, err := e.now(ctx)
	if err != nil {
		return err
	}
	return e.Store.Change(ctx, func(tx Tx) error {
		due, err := tx.DueAlerts(now, 100)
		if err != nil {
			return err
		}
		for _, a := range due {
			last := setup.Rota == nil || a.Level+1 >= len(setup.Rota.Levels)
			switch {
			case !last:
				err = e.tellFrom(tx, setup, &a, a.Level+1, now)
			case setup.Rota != nil && setup.Rota.Repeat > 0 && a.Round < maxRepeats:
				a.Round++
				a.Due = now.Add(time.Duration(setup.Rota.Repeat))
				for _, name := range setup.names() {
					err = errors.Join(err, addDelivery(tx, &a, Target{Channels: []string{name}}, now))
				}
			default:
				a.Due = time.Time{}
			}
			if err == nil {
				err = tx.PutAlert(a)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// sendDue tries what is due, of one alert or, with the zero id, of any, and answers how
// many messages that were.
func (e *Engine) sendDue(ctx context.Context, alert strongroom.ID) (int, error) {
	setup, err := e.now(ctx)
	if err != nil {
		return 0, err
	}
	var claimed []Delivery
	var alerts []Alert
	err = e.Store.Change(ctx, func(tx Tx) error {
		claimed, alerts = nil, nil
		now := e.Clock().UTC()
		var err error
		if claimed, err = tx.Claim(now, now.Add(claimTime), batch, alert); err != nil {
			return err
		}
		for _, d := range claimed {
			a, err := tx.Alert(d.Alert)
			if err != nil {
				return err
			}
			alerts = append(alerts, a)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	problems := make([]error, len(claimed))
	var work sync.WaitGroup
	for i, d := range claimed {
		work.Go(func() {
			c, known := setup.channel(d.Channel, alerts[i].Condition == alertingChanged)
			if !known {
				problems[i] = &Refusal{Err: fmt.Errorf("there is no channel %q any more", d.Channel)}
				return
			}
			problems[i] = e.send(ctx, setup, c, alerts[i], d)
		})
	}
	work.Wait()
	if ctx.Err() != nil {
		return len(claimed), ctx.Err()
	}
	for i, d := range claimed {
		if err := e.settle(ctx, setup, d, problems[i]); err != nil {
			return len(claimed), err
		}
	}
	return len(claimed), nil
}

func (e *Engine) send(ctx context.Context, setup *Setup, c Channel, a Alert, d Delivery) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	return e.Sender.Send(ctx, c, setup.message(a, d, e.RoomName, c.Language))
}

// settle keeps what became of an attempt.
func (e *Engine) settle(ctx context.Context, setup *Setup, d Delivery, problem error) error {
	refusal, refused := errors.AsType[*Refusal](problem)
	if refused && refusal.Gone && e.Gone != nil {
		if err := e.Gone(ctx, d.Channel, problem.Error()); err != nil {
			e.Log.Error("alert: a channel that has ended was not taken away", "channel", d.Channel, "error", err)
		}
		e.Changed()
	}
	return e.Store.Change(ctx, func(tx Tx) error {
		now := e.Clock().UTC()
		d, err := tx.Delivery(d.ID) // as it is by now
		if err != nil {
			return err
		}
		d.Attempts++
		d.Problem = ""
		next := false
		switch {
		case problem == nil:
			d.State, d.Done = Sent, now
		default:
			d.Problem = short(problem.Error())
			e.Log.Warn("alert: a message was not delivered", "alert", d.Alert, "channel", d.Channel, "attempt", d.Attempts, "error", problem)
			d.Due = now.Add(min(jobs.Pause(d.Attempts-1), longestPause))
			next = d.Attempts == tooOften
			if refused || now.Sub(d.Made) > giveUp {
				next = next || d.Attempts < tooOften
				if d.State == ToSend {
					d.State, d.Done = Failed, now
				}
			}
		}
		if err := tx.PutDelivery(d); err != nil || !next {
			return err
		}
		a, err := tx.Alert(d.Alert)
		if err != nil || a.State != Open {
			return err
		}
		if len(d.Rest) > 0 {
			b := a
			b.Round, b.Level = d.Round, d.Level
			return addDelivery(tx, &b, Target{d.Person, d.Rest}, now)
		}
		// Nobody is left to try for this person: the next level need not wait, unless
		// somebody else of this one was reached, or is being tried.
		all, err := tx.Deliveries(a.ID)
		if err != nil {
			return err
		}
		if d.Round != a.Round || d.Level != a.Level || slices.ContainsFunc(all, func(o Delivery) bool {
			return o.Round == a.Round && o.Level == a.Level && (o.State == Sent || o.State == ToSend && o.Attempts < tooOften)
		}) || setup.Rota == nil || a.Level+1 >= len(setup.Rota.Levels) {
			return nil
		}
		a.Due = now
		return tx.PutAlert(a)
	})
}

// Test makes a test alert and tries to send it by these channels, until each message was
// sent or given up, or the context ends; it answers what became of each.
func (e *Engine) Test(ctx context.Context, channels []string) (Alert, []Delivery, error) {
	e.Changed()
	now := e.Clock().UTC()
	a := Alert{
		ID: strongroom.NewID(), Condition: "test", Severity: Low, State: Tested, First: now, Last: now, Told: now,
		Why:   Words{"Somebody asked whether messages arrive.", "Quelqu’un a demandé si les messages arrivent."},
		Blind: Words{"Whether anybody reads them.", "Si quelqu’un les lit."},
	}
	err := e.Store.Change(ctx, func(tx Tx) error {
		for _, name := range channels {
			if err := addDelivery(tx, &a, Target{Channels: []string{name}}, now); err != nil {
				return err
			}
		}
		return tx.PutAlert(a)
	})
	if err != nil {
		return a, nil, err
	}
	for {
		// Whoever serves the room tries them too; a message is claimed by one of both.
		if _, err := e.sendDue(ctx, a.ID); err != nil && ctx.Err() == nil {
			return a, nil, err
		}
		deliveries, err := e.Store.Deliveries(context.WithoutCancel(ctx), a.ID)
		if err != nil {
			return a, nil, err
		}
		done := !slices.ContainsFunc(deliveries, func(d Delivery) bool { return d.State == ToSend && d.Attempts < tooOften })
		if done || ctx.Err() != nil {
			return a, deliveries, nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

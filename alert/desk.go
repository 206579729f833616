package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"strongroom"
	"strongroom/people"
	"strongroom/vault"
)

// What the vault calls the settings of alerting.
const (
	settingChannel    = "channel"
	settingRota       = "rota"
	settingConditions = "conditions"
	settingVAPID      = "vapid"
)

// SetupOf reads what a room says about alerting. A setting that cannot be read is left
// out, and said: a room that is half told is better than one that is not.
func SetupOf(ctx context.Context, r *vault.Room) (Setup, error) {
	settings, err := Default()
	out := Setup{Settings: settings}
	if err != nil {
		return out, err
	}
	all, err := r.AlertSettings(ctx)
	if err != nil {
		return out, err
	}
	for _, s := range all {
		var err error
		switch s.What {
		case settingChannel:
			var c Channel
			if err = json.Unmarshal(s.Body, &c); err == nil {
				c.Retired = s.Retired
				if owner, known := r.PrincipalByID(c.Owner); !c.Owner.IsZero() && (!known || !people.Active(owner, r.Clock())) {
					continue // whoever may not come in is told nothing
				}
				out.Channels = append(out.Channels, c)
			}
		case settingVAPID:
			err = json.Unmarshal(s.Body, &out.VAPID)
		case settingRota:
			if s.Retired.IsZero() {
				out.Rota, err = ParseRota("the rota", s.Body)
			}
			if err != nil {
				out.Rota = nil // everyone is told at once
			}
		case settingConditions:
			if !s.Retired.IsZero() {
				continue
			}
			var is Settings
			if is, err = ParseSettings("the conditions", s.Body); err == nil {
				out.Settings = is
			}
		}
		if err != nil {
			r.Log.Error("alert: a setting cannot be used", "setting", s.What, "name", s.Name, "error", err)
		}
	}
	return out, nil
}

// Desk is where people meet alerts: every answer is decided and on record first.
type Desk struct {
	Room   *vault.Room
	Engine *Engine
	// Check says why a channel's address would be refused.
	Check func(Channel) error
	// NewVAPID makes the key pair by which push services know the room.
	NewVAPID func() (VAPID, error)
}

// List answers the newest alerts, at most n, of these states or of any.
func (d *Desk) List(ctx context.Context, c vault.Caller, n int, states ...State) ([]Alert, error) {
	if err := d.Room.ReadAlerts(ctx, c, fmt.Sprintf("the newest %d", n)); err != nil {
		return nil, err
	}
	return d.Engine.Store.Alerts(ctx, n, states...)
}

// Show answers one alert with its deliveries.
func (d *Desk) Show(ctx context.Context, c vault.Caller, id strongroom.ID) (Alert, []Delivery, error) {
	if err := d.Room.ReadAlerts(ctx, c, "alert "+id.String()); err != nil {
		return Alert{}, nil, err
	}
	a, err := d.Engine.Store.Alert(ctx, id)
	if err != nil {
		return a, nil, noAlert(id, err)
	}
	deliveries, err := d.Engine.Store.Deliveries(ctx, id)
	return a, deliveries, err
}

func noAlert(id strongroom.ID, err error) error {
	if errors.Is(err, ErrNone) {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no alert %s", id), Hint: "see `strongroom alert ls`"}
	}
	return err
}

// Acknowledge takes an alert on, in the caller's name; nobody is told of it any further.
// Whoever it is about is refused.
func (d *Desk) Acknowledge(ctx context.Context, c vault.Caller, id strongroom.ID, note string) (Alert, error) {
	a, err := d.Engine.Store.Alert(ctx, id)
	if err != nil && !errors.Is(err, ErrNone) {
		return a, err
	}
	about := a.Subject
	if err != nil || a.State != Open {
		// Whether there is such an alert is told to those only who may read them.
		if err := d.Room.ReadAlerts(ctx, c, "alert "+id.String()); err != nil {
			return Alert{}, err
		}
		if err != nil {
			return a, noAlert(id, err)
		}
		if a.Acked != nil {
			return a, &strongroom.Error{Kind: strongroom.KindConflict, Message: fmt.Sprintf("%s has acknowledged it, at %s", a.Acked.By, a.Acked.At.Format(time.RFC3339))}
		}
		return a, &strongroom.Error{Kind: strongroom.KindConflict, Message: "nobody was told of this alert, so there is nothing to acknowledge"}
	}
	record, err := d.Room.AcknowledgeAlert(ctx, c, id, about, note)
	if err != nil {
		return a, err
	}
	// Whoever watches the ledger does the same; here it is done already when the answer is
	// given, and where nobody serves the room.
	err = d.Engine.Store.Change(ctx, func(tx Tx) error {
		return acknowledge(tx, id, Ack{At: d.Engine.Clock().UTC(), By: c.Principal.Name, Note: note, Record: record}, "", &c.Principal)
	})
	if err != nil {
		return a, err
	}
	return d.Engine.Store.Alert(ctx, id)
}

// Test sends a test alert by these channels, or by all, and answers what became of it.
func (d *Desk) Test(ctx context.Context, c vault.Caller, channels []string) (Alert, []Delivery, error) {
	setup, err := SetupOf(ctx, d.Room)
	if err != nil {
		return Alert{}, nil, err
	}
	if len(channels) == 0 {
		channels = setup.names()
	}
	if err := d.Room.TestAlert(ctx, c, channels); err != nil {
		return Alert{}, nil, err
	}
	for _, name := range channels {
		if _, known := setup.channel(name, false); !known {
			return Alert{}, nil, noChannel(name)
		}
	}
	if len(channels) == 0 {
		return Alert{}, nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: "the room has no channel, so nobody is told of any alert", Hint: "see `strongroom alert channel add --help`"}
	}
	return d.Engine.Test(ctx, channels)
}

func noChannel(name string) error {
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no channel %q", short(name)), Hint: "see `strongroom alert channel ls`"}
}

// Setup answers what the room says about alerting, without secrets.
func (d *Desk) Setup(ctx context.Context, c vault.Caller) (Setup, error) {
	if err := d.Room.ReadAlerts(ctx, c, "channels, rota and conditions"); err != nil {
		return Setup{}, err
	}
	setup, err := SetupOf(ctx, d.Room)
	for i := range setup.Channels {
		ch := &setup.Channels[i]
		ch.URL, ch.Secret, ch.P256dh, ch.Auth = ch.Address(), "", "", ""
	}
	setup.VAPID.Private = ""
	return setup, err
}

// AddChannel adds a channel under a name that no other bears.
func (d *Desk) AddChannel(ctx context.Context, c vault.Caller, ch Channel) error {
	invalid := func(format string, args ...any) error {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case !nameForm(ch.Name):
		return invalid("a channel's name has 1 to 64 letters, digits, dots, dashes or underscores")
	case !slices.Contains(ChannelKinds, ch.Kind):
		return invalid("a channel is one of webhook, email, ntfy and webpush")
	case ch.Language != English && ch.Language != French:
		return invalid("messages are in en or fr")
	case ch.Kind == Webhook && len(ch.Secret) < 24:
		return invalid("a webhook is signed with a secret of at least 24 characters")
	case len(ch.Secret) > 4096 || strings.ContainsFunc(ch.Secret, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return invalid("a secret is one line of at most 4096 bytes")
	case ch.Kind == Email && (len(ch.To) == 0 || len(ch.To) > 50 || ch.From == ""):
		return invalid("an e-mail channel needs from whom and to whom (at most 50)")
	case len(ch.URL) > 2048:
		return invalid("an address has at most 2048 bytes")
	}
	if err := d.Check(ch); err != nil {
		return invalid("the channel %s cannot be used: %v", ch.Name, err)
	}
	if ch.Kind == WebPush {
		put := func(ctx context.Context, c vault.Caller, s vault.AlertSetting) error {
			return d.Room.PutAlertSetting(ctx, c, s, true)
		}
		if err := d.ensureVAPID(ctx, c, put); err != nil {
			return err
		}
	}
	body, err := json.Marshal(ch)
	if err != nil {
		return err
	}
	return d.Room.PutAlertSetting(ctx, c, vault.AlertSetting{What: settingChannel, Name: ch.Name, Body: body}, true)
}

func nameForm(name string) bool {
	return name != "" && len(name) <= 64 && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_')
	})
}

// ensureVAPID makes the room's key pair for push services, once.
func (d *Desk) ensureVAPID(ctx context.Context, c vault.Caller, put func(context.Context, vault.Caller, vault.AlertSetting) error) error {
	setup, err := SetupOf(ctx, d.Room)
	if err != nil || setup.VAPID.Public != "" {
		return err
	}
	keys, err := d.NewVAPID()
	if err != nil {
		return fmt.Errorf("making the key pair for push services: %w", err)
	}
	body, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	err = put(ctx, c, vault.AlertSetting{What: settingVAPID, Name: "current", Body: body})
	if strongroom.KindOf(err) == strongroom.KindConflict {
		return nil // somebody else was faster
	}
	return err
}

// RemoveChannel takes a channel away.
func (d *Desk) RemoveChannel(ctx context.Context, c vault.Caller, name string) error {
	return d.Room.RemoveAlertSetting(ctx, c, settingChannel, name)
}

// SetRota puts a rota in force; its people and channels must be the room's.
func (d *Desk) SetRota(ctx context.Context, c vault.Caller, file string, text []byte) (*Rota, error) {
	r, err := ParseRota(file, text)
	if err != nil {
		return nil, err
	}
	setup, err := SetupOf(ctx, d.Room)
	if err != nil {
		return nil, err
	}
	// It is decided before it is told whose names the room knows.
	if err := d.Room.ReadAlerts(ctx, c, "people and channels of a rota"); err != nil {
		return nil, err
	}
	unknown := r.Unknown(
		func(name string) bool { _, known := d.Room.PrincipalByName(name); return known },
		func(name string) bool { _, known := setup.channel(name, false); return known })
	if len(unknown) > 0 {
		return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: file + ": " + strings.Join(unknown, "; "), Hint: "the rota in force stays"}
	}
	return r, d.Room.PutAlertSetting(ctx, c, vault.AlertSetting{What: settingRota, Name: "current", Body: text}, false)
}

// SetConditions puts a room's own file of conditions in force.
func (d *Desk) SetConditions(ctx context.Context, c vault.Caller, file string, text []byte) (Settings, error) {
	s, err := ParseSettings(file, text)
	if err != nil {
		return s, err
	}
	return s, d.Room.PutAlertSetting(ctx, c, vault.AlertSetting{What: settingConditions, Name: "current", Body: text}, false)
}

// Told answers who is told of an alert of a severity made at a time, level by level.
func (s *Setup) Told(at time.Time, severity Severity) [][]Target {
	if s.Rota == nil {
		var all []Target
		for _, name := range s.names() {
			all = append(all, Target{Channels: []string{name}})
		}
		return [][]Target{all}
	}
	var out [][]Target
	for level, l := range s.Rota.Levels {
		out = append(out, s.Rota.On(level, at.Add(time.Duration(l.After)), severity, s.names()))
	}
	return out
}

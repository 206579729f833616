package alert

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"strongroom"
)

// ChannelKind is a way on which a message leaves the house.
type ChannelKind string

const (
	Webhook ChannelKind = "webhook"
	Email   ChannelKind = "email"
	Ntfy    ChannelKind = "ntfy"
	WebPush ChannelKind = "webpush"
)

// ChannelKinds are all there are.
var ChannelKinds = []ChannelKind{Webhook, Email, Ntfy, WebPush}

// Channel is one place that messages go to.
type Channel struct {
	Name     string      `json:"name"`
	Kind     ChannelKind `json:"kind"`
	Language Language    `json:"language"`
	// Retired is when it was taken away: for a day it is still told that alerting was
	// changed, and nothing else.
	Retired time.Time `json:"retired,omitzero"`

	URL    string `json:"url,omitempty"`    // of a webhook, an ntfy topic, a push subscription
	Secret string `json:"secret,omitempty"` // webhook: signing key; ntfy: token; e-mail: password. Never shown
	CA     string `json:"ca,omitempty"`     // PEM: who besides the machine's own authorities may vouch for the server

	Server   string   `json:"server,omitempty"` // e-mail: host:port
	Implicit bool     `json:"implicit_tls,omitempty"`
	User     string   `json:"user,omitempty"`
	From     string   `json:"from,omitempty"`
	To       []string `json:"to,omitempty"`

	P256dh string `json:"p256dh,omitempty"` // web push: the subscription's keys, base64url
	Auth   string `json:"auth,omitempty"`

	// Owner is whose device it is, and Device what that calls itself, where somebody added
	// it for themselves.
	Owner  strongroom.ID `json:"owner,omitzero"`
	Device string        `json:"device,omitempty"`

	// Web push, filled in from the room's own when it is sent.
	VAPID   VAPID  `json:"-"`
	Contact string `json:"-"`
}

// VAPID is the key pair by which push services know the room, base64url.
type VAPID struct {
	Public  string `json:"public"`
	Private string `json:"private"`
}

// Address says where a channel leads, without what is secret in it.
func (c *Channel) Address() string {
	if c.Kind == Email {
		return fmt.Sprintf("%s by %s", strings.Join(c.To, ", "), c.Server)
	}
	return originOf(c.URL) + "/…" // whoever knows the rest could send, or read
}

// Message is what leaves the house: no person, object or customer.
type Message struct {
	ID        strongroom.ID // of the alert
	Notice    string        // the same whenever this very message is sent again
	Condition string
	Severity  Severity
	Room      string
	Link      string // "" where the room's address is not known
	Language  Language
	Title     string // one line
	Body      string
	Test      bool
	Again     bool      // a reminder or an escalation
	Time      time.Time // when the alert was made
}

// Sender sends a message by a channel. It returns nil once the other side said that it has
// it; a *Refusal where trying again is of no use.
type Sender interface {
	Send(ctx context.Context, c Channel, m Message) error
}

// Refusal is an answer that will not change.
type Refusal struct {
	Gone bool // the subscription is over
	Err  error
}

func (r *Refusal) Error() string { return r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }

// Setup is what a room says about alerting.
type Setup struct {
	Settings Settings
	Rota     *Rota // nil where there is none: everyone is told at once
	Channels []Channel
	VAPID    VAPID
}

// channel finds one by its name; retired ones where asked to.
func (s *Setup) channel(name string, retired bool) (Channel, bool) {
	for _, c := range s.Channels {
		if c.Name == name && (retired || c.Retired.IsZero()) {
			c.VAPID, c.Contact = s.VAPID, s.contact()
			return c, true
		}
	}
	return Channel{}, false
}

func (s *Setup) contact() string {
	if s.Settings.Contact == "" && len(s.Settings.PublicURL) > 6 && s.Settings.PublicURL[:6] == "https:" {
		return s.Settings.PublicURL
	}
	return s.Settings.Contact
}

// names are the channels in use.
func (s *Setup) names() []string {
	var out []string
	for _, c := range s.Channels {
		if c.Retired.IsZero() {
			out = append(out, c.Name)
		}
	}
	return out
}

// stillTold is for how long a channel that was taken away is told of changes to alerting.
const stillTold = 24 * time.Hour

// message is an alert in the words that may leave the house.
func (s *Setup) message(a Alert, d Delivery, room string, l Language) Message {
	m := Message{
		ID: a.ID, Notice: fmt.Sprintf("%s.%d.%d", a.ID, d.Round, d.Level), Condition: a.Condition, Severity: a.Severity, Room: room, Language: l,
		Test: a.State == Tested, Again: d.Round+d.Level > 0, Time: a.First,
	}
	if s.Settings.PublicURL != "" {
		m.Link = s.Settings.PublicURL + "/alerts/" + a.ID.String()
	}
	c, _ := s.Settings.condition(a.Condition)
	name := c.Name
	if m.Test {
		name = Words{"Test: messages arrive here", "Essai : les messages arrivent ici"}
	}
	severity := map[Severity]Words{Low: {"low", "faible"}, Medium: {"medium", "moyenne"}, High: {"high", "élevée"}, Critical: {"critical", "critique"}}[a.Severity]
	say := func(w Words) string { return w.In(l) }
	m.Title = fmt.Sprintf("%s · %s", room, say(name))
	m.Body = fmt.Sprintf("%s\n\n%s: %s\n%s: %s\n%s: %s\n", say(name),
		say(Words{"Severity", "Gravité"}), say(severity), say(Words{"Room", "Salle"}), room, say(Words{"Alert", "Alerte"}), a.ID)
	if m.Again {
		m.Body += say(Words{"Nobody has acknowledged it so far, or it goes on.", "Personne ne l’a encore prise en charge, ou elle continue."}) + "\n"
	}
	if m.Link != "" {
		m.Body += "\n" + m.Link + "\n"
	}
	return m
}

// originOf is the scheme and host of a URL.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

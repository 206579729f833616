package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"strongroom"
	"strongroom/alert"
	"strongroom/internal/house"
	"strongroom/vault"
)

type alertCommand struct {
	Ls         alertLs         `cmd:"" help:"List alerts, the newest first."`
	Show       alertShow       `cmd:"" help:"Show an alert: why, the evidence, who was told."`
	Ack        alertAck        `cmd:"" help:"Take an alert on; nobody is told of it any further."`
	Test       alertTest       `cmd:"" help:"Send a test alert and say what became of it on each channel."`
	Channel    alertChannel    `cmd:"" help:"Channels that messages leave by: add, list, remove."`
	Rota       alertRota       `cmd:"" help:"Who is told, and who next: set, show, check."`
	Conditions alertConditions `cmd:"" help:"Which actions alert: list, set."`
}

// atDesk meets the room's alerts in the name of the access key set.
func (f roomFlags) atDesk(ctx context.Context, do func(*alert.Desk, vault.Caller) error) error {
	return f.acting(ctx, func(h *house.House, who vault.Caller) error {
		desk, done, err := h.Alerts(ctx)
		if err != nil {
			return err
		}
		defer done()
		return do(desk, who)
	})
}

type alertLs struct {
	roomFlags
	State string `help:"Only of this state: open, acknowledged, past or test." enum:"open,acknowledged,past,test," default:""`
	Most  int    `help:"How many, at most." default:"50"`
	JSON  bool   `help:"Print JSON."`
}

func (c alertLs) Run(ctx context.Context, out output) error {
	if c.Most < 1 || c.Most > 10_000 {
		return invalid("--most is from 1 to 10000")
	}
	return c.atDesk(ctx, func(d *alert.Desk, who vault.Caller) error {
		var states []alert.State
		if c.State != "" {
			states = append(states, alert.State(c.State))
		}
		all, err := d.List(ctx, who, c.Most, states...)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(append([]alert.Alert{}, all...))
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ALERT\tSEVERITY\tCONDITION\tABOUT\tFOUND\tFIRST\tSTATE")
		for _, a := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", a.ID, a.Severity, a.Condition, about(a), a.Found, a.First.Format(time.RFC3339), alertState(a))
		}
		return w.Flush()
	})
}

func about(a alert.Alert) string {
	switch {
	case a.Person != "":
		return a.Person
	case a.Subject != "":
		return a.Subject[:min(8, len(a.Subject))] + "…"
	}
	return "the room"
}

func alertState(a alert.Alert) string {
	switch {
	case a.Acked != nil:
		return "acknowledged by " + a.Acked.By
	case a.State == alert.Past:
		return "past: nobody was told"
	case a.State == alert.Open && a.Level > 0:
		return fmt.Sprintf("open, level %d", a.Level+1)
	}
	return string(a.State)
}

type alertShow struct {
	roomFlags
	ID       string `arg:"" help:"Id of the alert."`
	Language string `help:"Language of the sentences: en or fr." enum:"en,fr" default:"en"`
	JSON     bool   `help:"Print JSON."`
}

func (c alertShow) Run(ctx context.Context, out output) error {
	id, err := alertID(c.ID)
	if err != nil {
		return err
	}
	return c.atDesk(ctx, func(d *alert.Desk, who vault.Caller) error {
		a, deliveries, err := d.Show(ctx, who, id)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(struct {
				alert.Alert
				Deliveries []alert.Delivery `json:"deliveries"`
			}{a, append([]alert.Delivery{}, deliveries...)})
		}
		in := func(w alert.Words) string { return w.In(alert.Language(c.Language)) }
		lines := [][2]string{
			{"alert", a.ID.String()}, {"condition", a.Condition + ", " + string(a.Severity)}, {"about", about(a)}, {"state", alertState(a)},
			{"why", in(a.Why)}, {"changed", a.Names}, {"detail", a.Detail}, {"found", fmt.Sprintf("%s, from %s to %s", times(a.Found), a.First.Format(time.RFC3339), a.Last.Format(time.RFC3339))},
			{"records", strings.Trim(fmt.Sprint(a.Evidence), "[]")}, {"not looked at", in(a.Blind)},
		}
		if a.Acked != nil {
			lines = append(lines, [2]string{"acknowledged", fmt.Sprintf("%s by %s, record %d %s", a.Acked.At.Format(time.RFC3339), a.Acked.By, a.Acked.Record, a.Acked.Note)})
		}
		if !a.Due.IsZero() {
			lines = append(lines, [2]string{"next level", a.Due.Format(time.RFC3339)})
		}
		for _, l := range lines {
			if l[1] != "" {
				out.printf("%-14s%s\n", l[0], strings.TrimSpace(l[1]))
			}
		}
		if len(deliveries) == 0 {
			out.printf("%-14s%s\n", "told", "nobody")
			return nil
		}
		return told(out, deliveries)
	})
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// told prints what became of messages.
func told(out output, deliveries []alert.Delivery) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CHANNEL\tOF\tROUND\tLEVEL\tATTEMPTS\tOUTCOME")
	for _, d := range deliveries {
		outcome := string(d.State)
		switch {
		case d.State == alert.Sent:
			outcome += " " + d.Done.Format(time.RFC3339)
		case d.Problem != "":
			outcome += ": " + d.Problem
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\n", d.Channel, d.Person, d.Round+1, d.Level+1, d.Attempts, outcome)
	}
	return w.Flush()
}

func alertID(text string) (strongroom.ID, error) {
	id, err := strongroom.ParseID(text)
	if err != nil {
		return id, invalid("%q is no id of an alert: %v", text, err)
	}
	return id, nil
}

type alertAck struct {
	roomFlags
	ID   string `arg:"" help:"Id of the alert."`
	Note string `help:"What you make of it, or what you do about it."`
}

func (alertAck) Help() string {
	return `Your name and the note go on record. Nobody acknowledges an alert about themselves. An alert that goes on for long after, or five
times as often as when it was acknowledged, is told again.

Example:
  strongroom alert ack 5f0c… --note "her last day, handed over with the team lead"`
}

func (c alertAck) Run(ctx context.Context, out output) error {
	id, err := alertID(c.ID)
	if err != nil {
		return err
	}
	return c.atDesk(ctx, func(d *alert.Desk, who vault.Caller) error {
		a, err := d.Acknowledge(ctx, who, id, c.Note)
		if err != nil {
			return err
		}
		out.printf("%s: %s, record %d\n", a.ID, alertState(a), a.Acked.Record)
		return nil
	})
}

type alertTest struct {
	roomFlags
	Channel []string      `help:"Channel. May be repeated; all of them where left out."`
	Wait    time.Duration `help:"How long to wait for the outcome." default:"45s"`
	JSON    bool          `help:"Print JSON."`
}

// alertNotSent is the exit status of a test that did not arrive everywhere.
const alertNotSent = exitError(3)

func (alertTest) Help() string {
	return `The message goes the way that alerts go, and says that it is a test. Exit status 3 where a channel has not taken it.

Examples:
  strongroom alert test
  strongroom alert test --channel soc --channel ines-phone`
}

func (c alertTest) Run(ctx context.Context, out output) error {
	return c.atDesk(ctx, func(d *alert.Desk, who vault.Caller) error {
		waiting, cancel := context.WithTimeout(ctx, c.Wait)
		defer cancel()
		a, deliveries, err := d.Test(waiting, who, c.Channel)
		if err != nil {
			return err
		}
		if c.JSON {
			err = out.json(map[string]any{"alert": a.ID, "deliveries": deliveries})
		} else {
			err = told(out, deliveries)
		}
		for _, d := range deliveries {
			if err == nil && d.State != alert.Sent {
				err = alertNotSent
			}
		}
		return err
	})
}

type alertChannel struct {
	Add alertChannelAdd `cmd:"" help:"Add a channel."`
	Ls  alertChannelLs  `cmd:"" help:"List the channels."`
	Rm  alertChannelRm  `cmd:"" help:"Remove a channel; for a day it is still told that alerting was changed."`
}

type alertChannelAdd struct {
	roomFlags
	Name     string   `arg:"" help:"Name of the channel."`
	Kind     string   `arg:"" enum:"webhook,email,ntfy,webpush" help:"What it is: webhook, email, ntfy or webpush."`
	URL      string   `help:"Where a webhook goes, or an ntfy topic: https, or http on this machine." placeholder:"URL"`
	Secret   string   `help:"File with the secret, - for standard input: a webhook's signing key, an ntfy token, a mail password." placeholder:"FILE"`
	CA       string   `name:"ca" help:"File with a certificate authority, PEM, that may vouch for the server besides the machine's own." placeholder:"FILE"`
	Language string   `enum:"en,fr" default:"en" help:"Language of the messages: en or fr."`
	Server   string   `help:"Mail server; STARTTLS is required." placeholder:"HOST:PORT"`
	Implicit bool     `name:"implicit-tls" help:"The mail server speaks TLS from the first byte (port 465)."`
	User     string   `help:"Name to log on to the mail server with."`
	From     string   `help:"From whom the mail is." placeholder:"ADDRESS"`
	To       []string `help:"To whom it goes. May be repeated." placeholder:"ADDRESS"`
	// A subscription's endpoint is itself a secret.
	Subscription string `help:"File with a browser's push subscription as JSON, - for standard input." placeholder:"FILE"`
}

func (alertChannelAdd) Help() string {
	return `Secrets come from a file or standard input, rest sealed and are never shown. Removing and adding anew changes one.

Examples:
  openssl rand -hex 32 | tee hook.key | strongroom alert channel add soc webhook --url https://soc.example/hooks/strongroom --secret -
  strongroom alert channel add mail email --server smtp.example:587 --user robot --secret smtp.key --from alerts@example.com --to soc@example.com
  strongroom alert channel add ines-phone ntfy --url https://ntfy.example/alerts-ines --secret token.key --language fr
  strongroom alert channel add ines-browser webpush --subscription subscription.json`
}

func (c alertChannelAdd) Run(ctx context.Context, out output) error {
	ch := alert.Channel{
		Name: c.Name, Kind: alert.ChannelKind(c.Kind), Language: alert.Language(c.Language), URL: c.URL,
		Server: c.Server, Implicit: c.Implicit, User: c.User, From: c.From, To: c.To,
	}
	secret, err := fileOrInput(c.Secret, 8<<10)
	if err != nil {
		return err
	}
	ch.Secret = strings.TrimSpace(string(secret))
	authority, err := fileOrInput(c.CA, 64<<10)
	if err != nil {
		return err
	}
	ch.CA = string(authority)
	if ch.Kind == alert.WebPush {
		text, err := fileOrInput(c.Subscription, 16<<10)
		if err != nil {
			return err
		}
		var s struct {
			Endpoint string `json:"endpoint"`
			Keys     struct {
				P256dh string `json:"p256dh"`
				Auth   string `json:"auth"`
			} `json:"keys"`
		}
		if err := json.Unmarshal(text, &s); err != nil || s.Endpoint == "" {
			return invalid("--subscription is no push subscription: a JSON object with endpoint and keys, as PushSubscription.toJSON() gives it")
		}
		ch.URL, ch.P256dh, ch.Auth = s.Endpoint, s.Keys.P256dh, s.Keys.Auth
	}
	return c.atDesk(ctx, func(d *alert.Desk, who vault.Caller) error {
		if err := d.AddChannel(ctx, who, ch); err != nil {
			return err
		}
		out.printf("%s: %s to %s\n", ch.Name, ch.Kind, ch.Address())
		return nil
	})
}

// fileOrInput reads a file, standard input where it is -, and nothing where it is "".
func fileOrInput(name string, most int64) ([]byte, error) {
	switch name {
	case "":
		return nil, nil
	case "-":
		return readBounded(os.Stdin, most)
	}
	return readFile(name, most)
}

type alertChannelLs struct {
	roomFlags
	JSON bool `help:"Print JSON."`
}

func (c alertChannelLs) Run(ctx context.Context, out output) error {
	return c.atDesk(ctx, func(d *alert.Desk, who vault.Caller) error {
		setup, err := d.Setup(ctx, who)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(map[string]any{"channels": append([]alert.Channel{}, setup.Channels...), "vapid_public_key": setup.VAPID.Public})
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "CHANNEL\tKIND\tLANGUAGE\tTO\tSTATE")
		for _, ch := range setup.Channels {
			state := "in use"
			if !ch.Retired.IsZero() {
				state = "removed " + ch.Retired.Format(time.RFC3339)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", ch.Name, ch.Kind, ch.Language, ch.Address(), state)
		}
		return w.Flush()
	})
}

type alertChannelRm struct {
	roomFlags
	Name string `arg:"" help:"Name of the channel."`
}

func (c alertChannelRm) Run(ctx context.Context, out output) error {
	return c.atDesk(ctx, func(d *alert.Desk, who vault.Caller) error {
		if err := d.RemoveChannel(ctx, who, c.Name); err != nil {
			return err
		}
		out.printf("%s is removed\n", c.Name)
		return nil
	})
}

type alertRota struct {
	Set   alertRotaSet   `cmd:"" help:"Put a rota in force."`
	Show  alertRotaShow  `cmd:"" help:"Say who is told, level by level, of an alert made at a time."`
	Check alertRotaCheck `cmd:"" help:"Check a file of rotas, touching no room."`
}

type alertRotaSet struct {
	roomFlags
	File string `arg:"" help:"File of rotas, - for standard input."`
}

func (c alertRotaSet) Run(ctx context.Context, out output) error {
	text, err := fileOrInput(c.File, 256<<10)
	if err != nil {
		return err
	}
	return c.atDesk(ctx, func(d *alert.Desk, who vault.Caller) error {
		r, err := d.SetRota(ctx, who, c.File, text)
		if err != nil {
			return err
		}
		return rotaChecked(out, c.File, r)
	})
}

type alertRotaCheck struct {
	File string `arg:"" help:"File of rotas, - for standard input."`
}

func (c alertRotaCheck) Run(out output) error {
	text, err := fileOrInput(c.File, 256<<10)
	if err != nil {
		return err
	}
	r, err := alert.ParseRota(c.File, text)
	if err != nil {
		return err
	}
	return rotaChecked(out, c.File, r)
}

// rotaChecked says what a rota is, and when nobody is on duty in the week to come.
func rotaChecked(out output, file string, r *alert.Rota) error {
	out.printf("%s: %s, %s\n", file, persons(len(r.People)), count(len(r.Levels), "level"))
	for _, g := range r.Gaps(time.Now().UTC()) {
		out.printf("finding: the first level tells nobody from %s to %s; the next one is told at once then\n", g.From.Format(time.RFC3339), g.To.Format(time.RFC3339))
	}
	return nil
}

func persons(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

type alertRotaShow struct {
	roomFlags
	At       string `help:"Time, as in 2026-11-02T22:00:00Z; now where left out." placeholder:"TIME"`
	Severity string `enum:"low,medium,high,critical" default:"high" help:"Severity of the alert: low, medium, high or critical."`
}

func (c alertRotaShow) Run(ctx context.Context, out output) error {
	at := time.Now()
	if c.At != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, c.At); err != nil {
			return invalid("--at %q is no time such as 2026-11-02T22:00:00Z", c.At)
		}
	}
	return c.atDesk(ctx, func(d *alert.Desk, who vault.Caller) error {
		setup, err := d.Setup(ctx, who)
		if err != nil {
			return err
		}
		if setup.Rota == nil {
			out.printf("there is no rota: every channel is told at once\n")
		}
		for level, targets := range setup.Told(at, alert.Severity(c.Severity)) {
			after := "at once"
			if level > 0 {
				after = "after " + setup.Rota.Levels[level].After.String()
			}
			var names []string
			for _, t := range targets {
				names = append(names, t.Describe())
			}
			if len(names) == 0 {
				names = []string{"nobody"}
			}
			out.printf("level %d, %s: %s\n", level+1, after, strings.Join(names, "; "))
		}
		return nil
	})
}

type alertConditions struct {
	Ls  alertConditionsLs  `cmd:"" help:"List the conditions as they hold in the room."`
	Set alertConditionsSet `cmd:"" help:"Put the room's own file of working hours and changed conditions in force."`
}

type alertConditionsLs struct {
	roomFlags
	JSON bool `help:"Print JSON."`
}

func (c alertConditionsLs) Run(ctx context.Context, out output) error {
	return c.atDesk(ctx, func(d *alert.Desk, who vault.Caller) error {
		setup, err := d.Setup(ctx, who)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(setup.Settings.Conditions)
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "CONDITION\tSEVERITY\tFROM\tWITHIN\tPER\tSTATE")
		for _, k := range setup.Settings.Conditions {
			from := fmt.Sprintf("%d %s", k.Threshold, k.Measure)
			if k.Factor > 0 {
				from += fmt.Sprintf(", or %g × usual from %d on", k.Factor, k.Least)
			}
			state := "on"
			if idle := setup.Settings.Idle(k); k.Off {
				state = "off"
			} else if idle != "" {
				state = "not looked at: " + idle
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Severity, from, k.Window, k.Per, state)
		}
		return w.Flush()
	})
}

type alertConditionsSet struct {
	roomFlags
	File string `arg:"" help:"File of settings, - for standard input."`
}

func (alertConditionsSet) Help() string {
	return `The file says the room's working hours, where the console is reached, and what of the conditions is otherwise here:

  public_url: https://strongroom.example
  hours: {time_zone: Europe/Paris, days: [mon-fri], from: "07:30", to: "20:00"}
  conditions:
    - {id: bulk-releases, threshold: 80, usual: {factor: 8, least: 20}}
    - {id: first-touch, off: true}

It takes the place of the one before as a whole; what it does not name is as it was made.`
}

func (c alertConditionsSet) Run(ctx context.Context, out output) error {
	text, err := fileOrInput(c.File, 256<<10)
	if err != nil {
		return err
	}
	return c.atDesk(ctx, func(d *alert.Desk, who vault.Caller) error {
		s, err := d.SetConditions(ctx, who, c.File, text)
		if err != nil {
			return err
		}
		off := 0
		for _, k := range s.Conditions {
			if k.Off {
				off++
			}
		}
		out.printf("%s, %d of them off\n", count(len(s.Conditions), "condition"), off)
		return nil
	})
}

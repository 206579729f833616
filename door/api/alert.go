package api

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"

	"strongroom/alert"
)

// mostAlerts bounds what lists of alerts reach back to.
const mostAlerts = 10_000

func atDesk[T any](ctx context.Context, s session, do func(*alert.Desk) (T, error)) (*answer[T], error) {
	if s.room.Alerts == nil {
		return nil, notHere("alerting")
	}
	desk, done, err := s.room.Alerts(ctx)
	if err != nil {
		return nil, err
	}
	out, err := do(desk)
	if e := done(); err == nil {
		err = e
	}
	return answering(out, err)
}

// told is an alert and who was told of it.
type told struct {
	alert.Alert
	Deliveries []alert.Delivery `json:"deliveries"`
}

// channel is a way for messages to leave, without what is secret in it.
type channel struct {
	Name     string            `json:"name"`
	Kind     alert.ChannelKind `json:"kind"`
	Language alert.Language    `json:"language"`
	Address  string            `json:"address" doc:"Where it leads, without what is secret in it."`
	Retired  time.Time         `json:"retired,omitzero" required:"false" doc:"When it was taken away; for a day it is still told that alerting was changed."`
}

func channelOf(c alert.Channel) channel {
	return channel{c.Name, c.Kind, c.Language, c.Address(), c.Retired}
}

// newChannel is a channel to add. What is secret of it is written and never read.
type newChannel struct {
	Name     string            `json:"name" minLength:"1" maxLength:"64"`
	Kind     alert.ChannelKind `json:"kind" enum:"webhook,email,ntfy,webpush"`
	Language alert.Language    `json:"language,omitempty" enum:"en,fr" default:"en"`
	URL      string            `json:"url,omitempty" maxLength:"2048" doc:"Of a webhook, an ntfy topic, a push subscription."`
	Secret   string            `json:"secret,omitempty" maxLength:"4096" doc:"A webhook's signing key, an ntfy token, a mail password; never answered."`
	CA       string            `json:"ca,omitempty" maxLength:"65536" doc:"PEM: who besides the machine's own authorities may vouch for the server."`
	Server   string            `json:"server,omitempty" maxLength:"256" doc:"Mail server, host:port."`
	Implicit bool              `json:"implicit_tls,omitempty"`
	User     string            `json:"user,omitempty" maxLength:"256"`
	From     string            `json:"from,omitempty" maxLength:"256"`
	To       []string          `json:"to,omitempty" maxItems:"50"`
	P256dh   string            `json:"p256dh,omitempty" maxLength:"256" doc:"Web push: of the subscription's keys; never answered."`
	Auth     string            `json:"auth,omitempty" maxLength:"256" doc:"The same."`
}

// condition is a condition and why it tells nothing, where it does not.
type condition struct {
	alert.Condition
	Idle string `json:"idle,omitempty" doc:"Why it tells nothing although it is on."`
}

// level is who is told at one level.
type level struct {
	After   alert.Duration `json:"after" doc:"The alert was made."`
	Targets []alert.Target `json:"targets"`
}

type duty struct {
	Rota   bool    `json:"rota" doc:"Without a rota every channel is told at once."`
	Levels []level `json:"levels"`
}

type alertingFile struct {
	Text string `json:"text" minLength:"1" maxLength:"262144" doc:"YAML, as docs/alerts.md describes it."`
}

type checkedRota struct {
	People int         `json:"people"`
	Levels int         `json:"levels"`
	Gaps   []alert.Gap `json:"gaps" doc:"When in the week to come the first level tells nobody; the next one is told at once then."`
}

// channels is one page of channels.
type channels struct {
	Public string `json:"vapid_public_key,omitempty" doc:"By which browsers subscribe to the room's pushes; none before the first such channel."`
	Page[channel]
}

func (d *service) alerts() {
	handle(d, operation{method: "GET", path: "/alerts", summary: "Alerts, the newest first, of the newest 10,000", section: "alert"},
		func(ctx context.Context, s session, in *struct {
			Paging
			State alert.State `query:"state" enum:"open,acknowledged,past,test"`
		}) (*answer[Page[alert.Alert]], error) {
			var states []alert.State
			if in.State != "" {
				states = append(states, in.State)
			}
			return atDesk(ctx, s, func(desk *alert.Desk) (Page[alert.Alert], error) {
				all, err := desk.List(ctx, s.caller, mostAlerts, states...)
				if err != nil {
					return Page[alert.Alert]{}, err
				}
				return listed(all, in.Paging, func(a alert.Alert) string {
					return fmt.Sprintf("%020d %s", math.MaxInt64-a.First.UnixNano(), a.ID)
				})
			})
		})
	handle(d, operation{method: "GET", path: "/alerts/{id}", summary: "One alert: why, the evidence, who was told", section: "alert"},
		func(ctx context.Context, s session, in *ByID) (*answer[told], error) {
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			return atDesk(ctx, s, func(desk *alert.Desk) (told, error) {
				a, deliveries, err := desk.Show(ctx, s.caller, id)
				return told{a, append([]alert.Delivery{}, deliveries...)}, err
			})
		})
	handle(d, operation{method: "POST", path: "/alerts/{id}/acknowledge", summary: "Take an alert on; nobody is told of it any further", section: "alert"},
		func(ctx context.Context, s session, in *struct {
			ByID
			Body struct {
				Note string `json:"note,omitempty" maxLength:"1024" doc:"What you make of it, or what you do about it."`
			}
		}) (*answer[alert.Alert], error) {
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			return atDesk(ctx, s, func(desk *alert.Desk) (alert.Alert, error) {
				return desk.Acknowledge(ctx, s.caller, id, in.Body.Note)
			})
		})
	handle(d, operation{method: "POST", path: "/alerting/test", summary: "Send a test alert and say what became of it on each channel", section: "alert"},
		func(ctx context.Context, s session, in *struct {
			Body struct {
				Channels []string `json:"channels,omitempty" maxItems:"1000" doc:"All where left out."`
				Wait     int      `json:"wait_seconds,omitempty" minimum:"1" maximum:"60" default:"45" doc:"How long to wait for the outcome."`
			}
		}) (*answer[told], error) {
			return atDesk(ctx, s, func(desk *alert.Desk) (told, error) {
				ctx, cancel := context.WithTimeout(ctx, time.Duration(in.Body.Wait)*time.Second)
				defer cancel()
				a, deliveries, err := desk.Test(ctx, s.caller, in.Body.Channels)
				return told{a, append([]alert.Delivery{}, deliveries...)}, err
			})
		})

	handle(d, operation{method: "GET", path: "/alerting/channels", summary: "Channels that messages leave by, in order of name, without secrets", section: "alert"},
		func(ctx context.Context, s session, in *struct{ Paging }) (*answer[channels], error) {
			return atDesk(ctx, s, func(desk *alert.Desk) (channels, error) {
				setup, err := desk.Setup(ctx, s.caller)
				if err != nil {
					return channels{}, err
				}
				shown := make([]channel, 0, len(setup.Channels))
				for _, c := range setup.Channels {
					shown = append(shown, channelOf(c))
				}
				page, err := listed(shown, in.Paging, func(c channel) string { return c.Name })
				return channels{setup.VAPID.Public, page}, err
			})
		})
	handle(d, operation{method: "POST", path: "/alerting/channels", summary: "Add a channel; what is secret of it is never answered", section: "alert", status: http.StatusCreated},
		func(ctx context.Context, s session, in *struct{ Body newChannel }) (*answer[channel], error) {
			b := in.Body
			c := alert.Channel{
				Name: b.Name, Kind: b.Kind, Language: b.Language, URL: b.URL, Secret: b.Secret, CA: b.CA, Server: b.Server, Implicit: b.Implicit,
				User: b.User, From: b.From, To: b.To, P256dh: b.P256dh, Auth: b.Auth,
			}
			return atDesk(ctx, s, func(desk *alert.Desk) (channel, error) {
				return channelOf(c), desk.AddChannel(ctx, s.caller, c)
			})
		})
	handle(d, operation{method: "DELETE", path: "/alerting/channels/{name}", summary: "Remove a channel", section: "alert", status: http.StatusNoContent},
		func(ctx context.Context, s session, in *Named) (*none, error) {
			_, err := atDesk(ctx, s, func(desk *alert.Desk) (none, error) {
				return none{}, desk.RemoveChannel(ctx, s.caller, in.Name)
			})
			return &none{}, err
		})
	handle(d, operation{method: "GET", path: "/alerting/conditions", summary: "Which actions alert, as it holds in the room, in order of id", section: "alert"},
		func(ctx context.Context, s session, in *struct{ Paging }) (*answer[Page[condition]], error) {
			return atDesk(ctx, s, func(desk *alert.Desk) (Page[condition], error) {
				setup, err := desk.Setup(ctx, s.caller)
				if err != nil {
					return Page[condition]{}, err
				}
				return conditionsOf(setup.Settings, in.Paging)
			})
		})
	handle(d, operation{method: "PUT", path: "/alerting/conditions", summary: "Put the room's own file of working hours and changed conditions in force", section: "alert"},
		func(ctx context.Context, s session, in *struct{ Body alertingFile }) (*answer[Page[condition]], error) {
			return atDesk(ctx, s, func(desk *alert.Desk) (Page[condition], error) {
				settings, err := desk.SetConditions(ctx, s.caller, "the file", []byte(in.Body.Text))
				if err != nil {
					return Page[condition]{}, err
				}
				return conditionsOf(settings, Paging{Limit: len(settings.Conditions)})
			})
		})
	handle(d, operation{method: "GET", path: "/alerting/rota", summary: "Who is told, level by level, of an alert made at a time", section: "alert"},
		func(ctx context.Context, s session, in *struct {
			At       time.Time      `query:"at" doc:"Now where left out."`
			Severity alert.Severity `query:"severity" enum:"low,medium,high,critical" default:"high"`
		}) (*answer[duty], error) {
			at := in.At
			if at.IsZero() {
				at = s.room.Vault.Clock()
			}
			return atDesk(ctx, s, func(desk *alert.Desk) (duty, error) {
				setup, err := desk.Setup(ctx, s.caller)
				if err != nil {
					return duty{}, err
				}
				out := duty{Rota: setup.Rota != nil, Levels: []level{}}
				for i, targets := range setup.Told(at, in.Severity) {
					one := level{Targets: append([]alert.Target{}, targets...)}
					if setup.Rota != nil {
						one.After = setup.Rota.Levels[i].After
					}
					out.Levels = append(out.Levels, one)
				}
				return out, nil
			})
		})
	handle(d, operation{method: "PUT", path: "/alerting/rota", summary: "Put a rota in force", section: "alert"},
		func(ctx context.Context, s session, in *struct{ Body alertingFile }) (*answer[checkedRota], error) {
			return atDesk(ctx, s, func(desk *alert.Desk) (checkedRota, error) {
				r, err := desk.SetRota(ctx, s.caller, "the file", []byte(in.Body.Text))
				if err != nil {
					return checkedRota{}, err
				}
				return checkedRota{len(r.People), len(r.Levels), append([]alert.Gap{}, r.Gaps(s.room.Vault.Clock().UTC())...)}, nil
			})
		})
}

func conditionsOf(s alert.Settings, p Paging) (Page[condition], error) {
	shown := make([]condition, 0, len(s.Conditions))
	for _, c := range s.Conditions {
		one := condition{Condition: c}
		if !c.Off {
			one.Idle = s.Idle(c)
		}
		shown = append(shown, one)
	}
	return listed(shown, p, func(c condition) string { return c.ID })
}

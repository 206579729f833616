package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"strongroom"
	"strongroom/door"
	"strongroom/door/console"
	"strongroom/internal/house"
	"strongroom/vault"
)

// consoleFlags say how browsers reach the server.
type consoleFlags struct {
	PublicURL      string   `name:"public-url" env:"STRONGROOM_PUBLIC_URL" help:"Where browsers reach the console. It fixes the name that passkeys are made for: https, unless that is localhost. Without it, localhost at the console's port." placeholder:"URL"`
	TrustedProxies []string `env:"STRONGROOM_TRUSTED_PROXIES" help:"Networks of the proxies in front, whose X-Forwarded-For is believed. May be repeated." placeholder:"CIDR"`
}

func (f consoleFlags) proxies() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range f.TrustedProxies {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: "--trusted-proxies: " + err.Error(), Hint: "give networks such as 10.0.0.0/8 or 192.0.2.7/32"}
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// url is where browsers reach the console that listens at an address.
func (f consoleFlags) url(scheme string, at net.Addr) (string, error) {
	text := f.PublicURL
	if text == "" {
		text = fmt.Sprintf("%s://localhost:%d", scheme, at.(*net.TCPAddr).Port)
	}
	u, err := console.CheckURL(text)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// pages answers what people see in a browser.
func (f consoleFlags) pages(s *server, metrics http.Handler, url string, clock func() time.Time, noise func(string), identities console.Identities) (http.Handler, error) {
	var rooms []door.Room
	for _, h := range s.houses {
		rooms = append(rooms, h.Door())
	}
	return console.New(console.Config{
		Metrics: metrics, Ready: s.checks(), Rooms: rooms, URL: url, Log: s.log, Noise: noise, Clock: clock, Identities: identities,
		Failed: func(check string, err error) { s.log.Error("not ready", "check", check, "error", err) },
	})
}

type peopleInvite struct {
	roomFlags
	Names   []string `arg:"" name:"name" help:"Names of the people."`
	Console string   `env:"STRONGROOM_PUBLIC_URL" default:"http://localhost:7400" help:"Where people open the console, as serve's --public-url says." placeholder:"URL"`
	JSON    bool     `help:"Print JSON."`
}

func (peopleInvite) Help() string {
	return `Prints one set-up link for each person, once. A link is good for seven days and for one passkey; a new one takes the place of the last.
For somebody who has passkeys the link is a recovery: when it is used, those passkeys and all sessions end. Nobody makes one for themselves.

Examples:
  strongroom people invite ines.martin paul.roy --console https://strongroom.example.com
  strongroom people invite --json $(cut -d, -f1 new-staff.csv)`
}

func (c peopleInvite) Run(ctx context.Context, out output) error {
	u, err := console.CheckURL(c.Console)
	if err != nil {
		return err
	}
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		type link struct {
			Name     string    `json:"name"`
			URL      string    `json:"setup_url"`
			Ends     time.Time `json:"ends"`
			Recovery bool      `json:"recovery,omitempty"`
		}
		links := []link{}
		var failed error
		for _, name := range c.Names {
			i, token, err := h.Room.Invite(ctx, who, name)
			if err != nil {
				failed = fmt.Errorf("%s: %w", name, err) // what was made so far is printed: it cannot be shown again
				break
			}
			links = append(links, link{name, u.String() + "/setup#" + token, i.Ends, i.Recovery})
		}
		if c.JSON {
			if err := out.json(links); err != nil {
				return err
			}
			return failed
		}
		for _, l := range links {
			note := ""
			if l.Recovery {
				note = ", and ends the passkeys and sessions so far"
			}
			out.printf("%s  %s\n  good until %s%s\n", l.Name, l.URL, l.Ends.Format(time.RFC3339), note)
		}
		return failed
	})
}

// notReachable warns where nobody could log on.
func (f consoleFlags) notReachable(log *slog.Logger, at net.Addr) {
	if ip := at.(*net.TCPAddr).IP; f.PublicURL == "" && !ip.IsLoopback() {
		log.Warn("the console listens for other machines, but without --public-url people log on at localhost only", "address", at.String())
	}
}

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"os"

	"strongroom/internal/house"
	"strongroom/vault"
)

type ticketsCommand struct {
	Show   ticketsShow   `cmd:"" default:"withargs" help:"Which ticket system is asked."`
	Set    ticketsSet    `cmd:"" help:"Have a ticket system asked from now on."`
	Try    ticketsTry    `cmd:"" help:"Ask it about a ticket in somebody's name."`
	Remove ticketsRemove `cmd:"" help:"Have none asked any more: any ticket will do again."`
}

type ticketsShow struct {
	roomFlags
	JSON bool `help:"Print JSON."`
}

func (c ticketsShow) Run(ctx context.Context, out output) error {
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		t, err := h.Room.TicketSystem(ctx, who)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(t)
		}
		if t.URL == "" {
			out.printf("no ticket system is asked: any ticket will do\n")
			return nil
		}
		out.printf("%s is asked, since %s\n", t.URL, stamp(t.Set))
		return nil
	})
}

type ticketsSet struct {
	roomFlags
	URL    string `name:"url" required:"" help:"Where the questions go: https, or http on this machine." placeholder:"URL"`
	Secret bool   `help:"Read the signing secret from standard input, one line of 32 to 256 bytes; where left out one is made and shown this once."`
}

func (ticketsSet) Help() string {
	return `From then on a policy's @requires("ticket") is met only by a ticket that exists, is open and is assigned to the asker. While the
ticket system cannot be reached, it is not met. docs/approvals.md says what is asked, how it is signed and how to answer.

Examples:
  strongroom limit tickets set --url https://tickets.example.com/strongroom
  strongroom limit tickets set --url https://tickets.example.com/strongroom --secret < secret.txt`
}

func (c ticketsSet) Run(ctx context.Context, out output) error {
	var secret []byte
	if c.Secret {
		text, err := readBounded(os.Stdin, vault.MaxTicketSecret+2)
		if err != nil {
			return invalid("reading the signing secret from standard input: %v", err)
		}
		secret = bytes.TrimRight(text, "\r\n")
	} else {
		var made [32]byte
		rand.Read(made[:])
		secret = []byte(base64.RawURLEncoding.EncodeToString(made[:]))
	}
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		if err := h.Room.SetTickets(ctx, who, c.URL, secret); err != nil {
			return err
		}
		out.printf("%s is asked about tickets from now on\n", vault.TicketSetting{URL: c.URL}.Origin())
		if !c.Secret {
			out.printf("signing secret, shown this once: %s\n", secret)
		}
		return nil
	})
}

type ticketsTry struct {
	roomFlags
	Ticket    string `arg:"" help:"Ticket."`
	Principal string `required:"" help:"Name of whoever would name it."`
}

func (c ticketsTry) Run(ctx context.Context, out output) error {
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		state, err := h.Room.TryTicket(ctx, who, c.Ticket, c.Principal)
		if err != nil {
			return err
		}
		out.printf("%s\n", state)
		return nil
	})
}

type ticketsRemove struct{ roomFlags }

func (c ticketsRemove) Run(ctx context.Context, out output) error {
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		if err := h.Room.RemoveTickets(ctx, who); err != nil {
			return err
		}
		out.printf("no ticket system is asked any more\n")
		return nil
	})
}

package api

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"time"

	"strongroom"
	"strongroom/vault"
)

// ticketSystem is the ticket system that the room asks. Its secret is answered once, by
// the request that had it made.
type ticketSystem struct {
	URL    string    `json:"url,omitempty" doc:"Its origin; none where no ticket system is asked, so that any ticket will do."`
	Set    time.Time `json:"set,omitzero" required:"false"`
	Secret string    `json:"secret,omitempty" doc:"What the questions are signed with, where it was made here; shown this once."`
}

func (d *service) tickets() {
	handle(d, operation{method: "GET", path: "/limit/tickets", summary: "Which ticket system is asked", section: "limit"},
		func(ctx context.Context, s session, _ *none) (*answer[ticketSystem], error) {
			t, err := s.room.Vault.TicketSystem(ctx, s.caller)
			return answering(ticketSystem{URL: t.URL, Set: t.Set}, err)
		})
	handle(d, operation{method: "PUT", path: "/limit/tickets", summary: "Have a ticket system asked from now on", section: "limit"},
		func(ctx context.Context, s session, in *struct {
			Body struct {
				URL    string `json:"url" minLength:"1" maxLength:"2048" doc:"https, or http on the server's own machine."`
				Secret string `json:"secret,omitempty" minLength:"32" maxLength:"256" doc:"What the questions are signed with; made and answered once where left out."`
			}
		}) (*answer[ticketSystem], error) {
			out, secret := ticketSystem{}, in.Body.Secret
			if secret == "" {
				var made [32]byte
				rand.Read(made[:])
				secret = base64.RawURLEncoding.EncodeToString(made[:])
				out.Secret = secret
			}
			if err := s.room.Vault.SetTickets(ctx, s.caller, in.Body.URL, []byte(secret)); err != nil {
				return nil, err
			}
			out.URL, out.Set = vault.TicketSetting{URL: in.Body.URL}.Origin(), s.room.Vault.Clock().UTC()
			return answering(out, nil)
		})
	handle(d, operation{method: "DELETE", path: "/limit/tickets", summary: "Have no ticket system asked any more: any ticket will do again", section: "limit", status: http.StatusNoContent},
		func(ctx context.Context, s session, _ *none) (*none, error) {
			return &none{}, s.room.Vault.RemoveTickets(ctx, s.caller)
		})
	type tried struct {
		State strongroom.TicketState `json:"state"`
	}
	handle(d, operation{method: "POST", path: "/limit/tickets/try", summary: "Ask the ticket system about a ticket in somebody's name", section: "limit"},
		func(ctx context.Context, s session, in *struct {
			Body struct {
				Ticket    string `json:"ticket" minLength:"1" maxLength:"128"`
				Principal string `json:"principal" minLength:"1" maxLength:"128"`
			}
		}) (*answer[tried], error) {
			state, err := s.room.Vault.TryTicket(ctx, s.caller, in.Body.Ticket, in.Body.Principal)
			return answering(tried{state}, err)
		})
}

package house

import (
	"time"

	"strongroom"
	"strongroom/internal/tickets"
	"strongroom/vault"
)

// ticketsOf has the vault ask a room's ticket system, once one is set.
func ticketsOf(room strongroom.ID, clock func() time.Time) func(vault.TicketSetting) (vault.Tickets, error) {
	return func(t vault.TicketSetting) (vault.Tickets, error) { return tickets.New(room, t, clock) }
}

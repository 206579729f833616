package house

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"strongroom/internal/inventory"
	"strongroom/know"
	"strongroom/vault"
)

// OpenInventory opens what is known of a room's data, inside and outside, beside whoever
// serves the room.
func (h *House) OpenInventory(ctx context.Context) (*inventory.Store, error) {
	return inventory.Open(ctx, filepath.Join(h.Path, "inventory.db"), h.key)
}

// inventory is what is known of the room's data for whoever asks: in a room that is being
// served the store that is fed, which stays open.
func (h *House) inventory(ctx context.Context) (know.Store, func() error, error) {
	if s, served := watcher[*stocktaker](h); served {
		return s.Store, func() error { return nil }, nil
	}
	s, err := h.OpenInventory(ctx)
	if err != nil {
		return nil, nil, err
	}
	return s, s.Close, nil
}

// CatchUp tells a watcher everything that is on record now.
func (h *House) CatchUp(ctx context.Context, w Watcher) error {
	return (&Feed{book: h.Book, log: slog.New(slog.DiscardHandler)}).CatchUp(ctx, w)
}

// stocktaker follows who stores and reads what where, and takes an inventory of the room
// once a day, so that there is something to compare with.
type stocktaker struct {
	*inventory.Store
	room  *vault.Room
	clock func() time.Time
	log   *slog.Logger
}

func openStocktaker(ctx context.Context, h *House, o Options) (Watcher, error) {
	s, err := h.OpenInventory(ctx)
	if err != nil {
		return nil, err
	}
	return &stocktaker{s, h.Room, o.Clock, o.Log}, nil
}

// Run takes an inventory where the last is a day old, looking once an hour: a room that is
// served for less than that takes none.
func (s *stocktaker) Run(ctx context.Context) {
	hourly := time.NewTicker(time.Hour)
	defer hourly.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hourly.C:
		}
		if err := s.takeDue(ctx); err != nil && !errors.Is(err, context.Canceled) {
			s.log.Warn("taking the daily inventory", "room", s.room.ID, "error", err)
		}
	}
}

func (s *stocktaker) takeDue(ctx context.Context) error {
	now := s.clock().UTC()
	last, found, err := s.SnapshotBefore(ctx, know.RoomScope, now)
	if err != nil || found && now.Sub(last.At) < 24*time.Hour {
		return err
	}
	i, err := know.Measured(ctx, s.room)
	if err != nil {
		return err
	}
	return s.PutSnapshot(ctx, know.SnapshotOf(know.RoomScope, i.At, i.Rows))
}

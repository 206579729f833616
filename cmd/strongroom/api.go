package main

import (
	"context"
	"log/slog"
	"net/http"

	"strongroom/door"
	"strongroom/door/api"
	"strongroom/internal/house"
	"strongroom/vault"
)

// programs answers what programs ask under /api/v1/.
func programs(houses []*house.House, log *slog.Logger, noise func(string)) http.Handler {
	return api.New(api.Config{Rooms: roomsAPI(houses), Log: log, Noise: noise})
}

// roomsAPI is the rooms as the JSON API asks for them.
type roomsAPI []*house.House

func (r roomsAPI) ByToken(ctx context.Context, presented string) (door.Room, vault.TokenCredential, error) {
	h, c, err := byToken(ctx, r, presented)
	if h == nil {
		return door.Room{}, c, err
	}
	return h.Door(), c, err
}

package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"strongroom"
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

func (r roomsAPI) ByToken(ctx context.Context, presented string) (api.Room, vault.TokenCredential, error) {
	h, c, err := byToken(ctx, r, presented)
	if h == nil {
		return api.Room{}, c, err
	}
	return api.Room{
		Vault: h.Room,
		Range: func(ctx context.Context, since time.Time) (from, to int64, err error) {
			from, err = house.FirstSince(ctx, h.Book, since)
			return from, h.Book.Head().Size, err
		},
		Scan: func(ctx context.Context, from, to int64, take func(*strongroom.Event)) error {
			return house.Scan(ctx, h.Book, from, to, take, nil)
		},
	}, c, err
}

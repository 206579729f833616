package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"strongroom"
	"strongroom/door/scim"
	"strongroom/internal/house"
	"strongroom/vault"
)

// provisioning answers what directories ask under /scim/v2/.
func provisioning(houses []*house.House, log *slog.Logger, noise func(string)) http.Handler {
	return scim.New(scim.Config{Rooms: roomsSCIM(houses), Log: log, Noise: noise})
}

// roomsSCIM is the rooms as the SCIM door asks for them.
type roomsSCIM []*house.House

func (r roomsSCIM) ByToken(ctx context.Context, presented string) (scim.Room, vault.TokenCredential, error) {
	h, c, err := byToken(ctx, r, presented)
	if h == nil {
		return nil, c, err
	}
	return h.Room, c, err
}

// byToken finds the room that a token belongs to; nil where it is no room's.
func byToken(ctx context.Context, houses []*house.House, presented string) (*house.House, vault.TokenCredential, error) {
	for _, h := range houses {
		c, err := h.Room.TokenCaller(ctx, presented)
		if !errors.Is(err, vault.ErrNoToken) {
			return h, c, err
		}
	}
	return nil, vault.TokenCredential{}, &strongroom.Error{Kind: strongroom.KindDenied, Message: "this token does not exist, or is no longer valid", Cause: vault.ErrNoToken}
}

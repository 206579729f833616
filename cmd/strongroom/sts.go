package main

import (
	"context"
	"net/http"
	"slices"

	"strongroom"
	"strongroom/door/sts"
	"strongroom/internal/house"
	"strongroom/vault"
)

// withSessions has requests for STS answered by its door, at the address of S3.
func withSessions(s3, sessions http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sts.Takes(r) {
			sessions.ServeHTTP(w, r)
			return
		}
		s3.ServeHTTP(w, r)
	})
}

// roomsSTS is the rooms as the STS door asks for them.
type roomsSTS []*house.House

func (r roomsSTS) ByAccessKey(ctx context.Context, keyID string) (sts.Room, vault.Credential, error) {
	room, c, err := rooms3(r).ByAccessKey(ctx, keyID)
	if room == nil {
		return nil, c, err
	}
	return roomSTS{room.(room3).Room}, c, err
}

func (r roomsSTS) ByProvider(issuer string, audiences []string) []sts.Room {
	var out []sts.Room
	for _, h := range r {
		p, trusted := h.Room.Provider(issuer)
		if trusted && slices.ContainsFunc(audiences, func(a string) bool { return slices.Contains(p.Audiences, a) }) {
			out = append(out, roomSTS{h.Room})
		}
	}
	return out
}

type roomSTS struct{ *vault.Room }

func (r roomSTS) ID() strongroom.ID { return r.Room.Config.ID }

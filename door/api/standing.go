package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"strongroom/people"
)

// directory is what of people and keys a directory, an identity provider and a machine
// have to do with.
func (d *service) directory() {
	handle(d, operation{method: "POST", path: "/keys/{id}/expire", summary: "Have an access key end at a time; an end can be brought forward, never put off", section: "keys", status: http.StatusNoContent},
		func(ctx context.Context, s session, in *struct {
			KeyID
			Body struct {
				At time.Time `json:"at"`
			}
		}) (*none, error) {
			if in.Body.At.IsZero() {
				return nil, invalid("the year 1 stands for no end at all")
			}
			return &none{}, s.room.Vault.ExpireKey(ctx, s.caller, in.ID, in.Body.At)
		})
	handle(d, operation{method: "PUT", path: "/keys/{id}/purpose", summary: "Give a machine's access key a standing purpose, with an end and a rate", section: "keys"},
		func(ctx context.Context, s session, in *struct {
			KeyID
			Body people.Standing
		}) (*answer[people.Standing], error) {
			return answering(in.Body, s.room.Vault.SetStanding(ctx, s.caller, in.ID, &in.Body))
		})
	handle(d, operation{method: "DELETE", path: "/keys/{id}/purpose", summary: "Take an access key's standing purpose away", section: "keys", status: http.StatusNoContent},
		func(ctx context.Context, s session, in *KeyID) (*none, error) {
			return &none{}, s.room.Vault.SetStanding(ctx, s.caller, in.ID, nil)
		})

	handle(d, operation{method: "GET", path: "/directory", summary: "Which groups a directory may hand out", section: "people"},
		func(ctx context.Context, s session, _ *none) (*answer[people.DirectorySettings], error) {
			return answering(s.room.Vault.DirectorySettings(ctx, s.caller))
		})
	handle(d, operation{method: "PUT", path: "/directory", summary: "Say which groups a directory may hand out", section: "people"},
		func(ctx context.Context, s session, in *struct {
			Body struct {
				Allow   []string `json:"allow,omitempty" maxItems:"256" doc:"Groups that it may give although they are protected."`
				Protect []string `json:"protect,omitempty" maxItems:"256" doc:"Groups that it may not give besides those that are protected anyway."`
			}
		}) (*answer[people.DirectorySettings], error) {
			settings := people.DirectorySettings{Allow: in.Body.Allow, Protect: in.Body.Protect}
			return answering(settings, s.room.Vault.PutDirectorySettings(ctx, s.caller, settings))
		})

	handle(d, operation{method: "GET", path: "/providers", summary: "The identity providers whose tokens the room takes, in order of issuer", section: "people"},
		func(ctx context.Context, s session, in *struct{ Paging }) (*answer[Page[people.Provider]], error) {
			all, err := s.room.Vault.Providers(ctx, s.caller)
			if err != nil {
				return nil, err
			}
			return answering(listed(all, in.Paging, func(p people.Provider) string { return p.Issuer }))
		})
	handle(d, operation{method: "PUT", path: "/providers", summary: "Trust an identity provider, or change how one is trusted", section: "people"},
		func(ctx context.Context, s session, in *struct{ Body people.Provider }) (*answer[people.Provider], error) {
			kept := in.Body
			kept.Secret = "" // it is told to nobody
			return answering(kept, s.room.Vault.PutProvider(ctx, s.caller, in.Body))
		})
	handle(d, operation{method: "DELETE", path: "/providers", summary: "Trust an identity provider no longer; sessions that it vouched for end", section: "people", status: http.StatusNoContent},
		func(ctx context.Context, s session, in *struct {
			Issuer string `query:"issuer" required:"true" maxLength:"2048"`
		}) (*none, error) {
			return &none{}, s.room.Vault.RemoveProvider(ctx, s.caller, strings.TrimSpace(in.Issuer))
		})
}

package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"strongroom"
	"strongroom/people"
	"strongroom/vault"
)

// Named is an operation on one principal.
type Named struct {
	Name string `path:"name" maxLength:"128" doc:"Name of the principal."`
}

// principalBody is what of a principal can be written.
type principalBody struct {
	Kind       strongroom.PrincipalKind `json:"kind" enum:"person,workload,vendor"`
	Groups     []string                 `json:"groups,omitempty" maxItems:"256"`
	Attributes map[string][]string      `json:"attributes,omitempty"`
	Aliases    []string                 `json:"aliases,omitempty" maxItems:"64" doc:"The same person's ids on other platforms."`
	Expires    time.Time                `json:"expires,omitzero" required:"false" doc:"Last moment of the principal; none where left out."`
}

func (d *service) people() {
	handle(d, operation{method: "GET", path: "/principals", summary: "The principals, in order of name", section: "people"},
		func(ctx context.Context, s session, in *struct{ Paging }) (*answer[Page[strongroom.Principal]], error) {
			all, err := s.room.Vault.Principals(ctx, s.caller)
			if err != nil {
				return nil, err
			}
			return answering(paged(all, in.Paging, func(p strongroom.Principal) string { return p.Name }))
		})
	handle(d, operation{method: "GET", path: "/principals/{name}", summary: "One principal", section: "people"},
		func(ctx context.Context, s session, in *Named) (*answer[strongroom.Principal], error) {
			all, err := s.room.Vault.Principals(ctx, s.caller)
			if err != nil {
				return nil, err
			}
			for _, p := range all {
				if p.Name == in.Name {
					return answering(p, nil)
				}
			}
			return nil, notThere("there is no principal " + in.Name)
		})
	handle(d, operation{method: "PUT", path: "/principals/{name}", summary: "Add a principal, or replace one", section: "people"},
		func(ctx context.Context, s session, in *struct {
			Named
			Body principalBody
		}) (*answer[strongroom.Principal], error) {
			want := strongroom.Principal{Name: in.Name, Kind: in.Body.Kind, Groups: in.Body.Groups, Attributes: in.Body.Attributes, Aliases: in.Body.Aliases, Expires: in.Body.Expires}
			if _, known := s.room.Vault.PrincipalByName(in.Name); !known {
				return answering(s.room.Vault.PutPrincipal(ctx, s.caller, want))
			}
			return answering(s.room.Vault.ChangePrincipal(ctx, s.caller, in.Name, func(p *strongroom.Principal) {
				want.Suspended = p.Suspended // only resume ends a suspension
				*p = want
			}))
		})
	for _, do := range []struct {
		path, summary string
		suspended     bool
	}{
		{"/principals/{name}/suspend", "Suspend a principal: sessions, keys and tokens end with it", true},
		{"/principals/{name}/resume", "End a suspension", false},
	} {
		handle(d, operation{method: "POST", path: do.path, summary: do.summary, section: "people"},
			func(ctx context.Context, s session, in *Named) (*answer[strongroom.Principal], error) {
				return answering(s.room.Vault.ChangePrincipal(ctx, s.caller, in.Name, func(p *strongroom.Principal) { p.Suspended = do.suspended }))
			})
	}
	handle(d, operation{method: "GET", path: "/unmatched", summary: "Ids of agents that recordings bear and that no principal has", section: "people"},
		func(ctx context.Context, s session, _ *none) (*answer[unmatched], error) {
			found, others, err := s.room.Vault.UnmatchedAgents(ctx, s.caller)
			return answering(unmatched{found, others}, err)
		})
}

type unmatched struct {
	Items  []vault.Unmatched `json:"items"`
	Others int               `json:"others" doc:"How many versions bear ids that are not listed."`
}

func notThere(message string) error {
	return &Problem{Status: http.StatusNotFound, Title: http.StatusText(http.StatusNotFound), Kind: "not-found", Detail: message}
}

// accessKey is a key as the API shows it: without its secret, but for the answer that
// made it.
type accessKey struct {
	ID        string           `json:"id"`
	Secret    string           `json:"secret,omitempty" doc:"Shown this once."`
	Principal strongroom.ID    `json:"principal"`
	Created   time.Time        `json:"created"`
	Expires   time.Time        `json:"expires,omitzero" required:"false"`
	Revoked   time.Time        `json:"revoked,omitzero" required:"false"`
	Session   bool             `json:"session,omitempty" doc:"Temporary, of a session."`
	Standing  *people.Standing `json:"standing,omitempty"`
	Used      time.Time        `json:"last_used,omitzero" required:"false"`
	State     string           `json:"state,omitempty" doc:"In lists: valid, or why it is not."`
}

func keyOf(k people.AccessKey) accessKey {
	return accessKey{ID: k.ID, Secret: k.Secret, Principal: k.Principal, Created: k.Created, Expires: k.Expires, Revoked: k.Revoked, Session: k.Session != nil, Standing: k.Standing}
}

// token is an API token as the API shows it.
type token struct {
	people.Token
	Secret string    `json:"token,omitempty" doc:"What is presented; shown this once."`
	Used   time.Time `json:"last_used,omitzero" required:"false"`
	State  string    `json:"state,omitempty" doc:"In lists: valid, or why it is not."`
}

// inUse answers the principals by id, and when keys and tokens were last used.
func (d *service) inUse(ctx context.Context, s session) (map[strongroom.ID]strongroom.Principal, map[string]time.Time, error) {
	all, err := s.room.Vault.Principals(ctx, s.caller)
	if err != nil {
		return nil, nil, err
	}
	used, err := s.room.Vault.LastUsed(ctx)
	by := make(map[strongroom.ID]strongroom.Principal, len(all))
	for _, p := range all {
		by[p.ID] = p
	}
	return by, used, err
}

// stateOf says in a word or few whether a key or token is good.
func stateOf(usable error) string {
	if usable != nil {
		return usable.Error()
	}
	return "valid"
}

// KeyID is an operation on one key or token.
type KeyID struct {
	ID string `path:"id" maxLength:"64"`
}

// lasting is how long something made here is to be valid.
func lasting(days int) time.Duration { return time.Duration(days) * 24 * time.Hour }

func (d *service) keys() {
	handle(d, operation{method: "GET", path: "/keys", summary: "The access keys, in order of id", section: "keys"},
		func(ctx context.Context, s session, in *struct{ Paging }) (*answer[Page[accessKey]], error) {
			all, err := s.room.Vault.AccessKeys(ctx, s.caller)
			if err != nil {
				return nil, err
			}
			by, used, err := d.inUse(ctx, s)
			if err != nil {
				return nil, err
			}
			shown := make([]accessKey, 0, len(all))
			for _, k := range all {
				k.Secret = ""
				one := keyOf(k)
				one.Used, one.State = used[k.ID], stateOf(k.Usable(by[k.Principal], s.room.Vault.Clock()))
				if _, err := s.room.Vault.Credential(k.ID); err != nil && one.State == "valid" {
					one.State = "what it was made with is not valid any more"
				}
				shown = append(shown, one)
			}
			return answering(paged(shown, in.Paging, func(k accessKey) string { return k.ID }))
		})
	handle(d, operation{method: "POST", path: "/keys", summary: "Make an access key; its secret is answered this once", section: "keys", status: http.StatusCreated},
		func(ctx context.Context, s session, in *struct {
			Body struct {
				Principal string `json:"principal" maxLength:"128"`
				Days      int    `json:"days,omitempty" minimum:"0" maximum:"3660" doc:"How long it is valid; without end where 0 or left out."`
			}
		}) (*answer[accessKey], error) {
			k, err := s.room.Vault.CreateKey(ctx, s.caller, in.Body.Principal, lasting(in.Body.Days))
			return answering(keyOf(k), err)
		})
	handle(d, operation{method: "POST", path: "/keys/{id}/rotate", summary: "Make another key; the old one ends after a time", section: "keys", status: http.StatusCreated},
		func(ctx context.Context, s session, in *struct {
			KeyID
			Body struct {
				GraceHours int `json:"grace_hours,omitempty" minimum:"0" maximum:"720" default:"24"`
			}
		}) (*answer[accessKey], error) {
			created, _, err := s.room.Vault.RotateKey(ctx, s.caller, in.ID, time.Duration(in.Body.GraceHours)*time.Hour)
			return answering(keyOf(created), err)
		})
	handle(d, operation{method: "DELETE", path: "/keys/{id}", summary: "Revoke an access key", section: "keys", status: http.StatusNoContent},
		func(ctx context.Context, s session, in *KeyID) (*none, error) {
			return &none{}, s.room.Vault.RevokeKey(ctx, s.caller, in.ID)
		})

	handle(d, operation{method: "GET", path: "/tokens", summary: "The API tokens, in order of id", section: "keys"},
		func(ctx context.Context, s session, in *struct{ Paging }) (*answer[Page[token]], error) {
			all, err := s.room.Vault.Tokens(ctx, s.caller)
			if err != nil {
				return nil, err
			}
			by, used, err := d.inUse(ctx, s)
			if err != nil {
				return nil, err
			}
			shown := make([]token, 0, len(all))
			for _, t := range all {
				t.Hash = ""
				shown = append(shown, token{Token: t, Used: used[t.ID], State: stateOf(t.Usable(by[t.Principal], s.room.Vault.Clock()))})
			}
			sortBy(shown, func(t token) string { return t.ID })
			return answering(paged(shown, in.Paging, func(t token) string { return t.ID }))
		})
	handle(d, operation{method: "POST", path: "/tokens", summary: "Make an API token; what is presented is answered this once", section: "keys", status: http.StatusCreated},
		func(ctx context.Context, s session, in *struct {
			Body struct {
				Principal string         `json:"principal" maxLength:"128"`
				Name      string         `json:"name" minLength:"1" maxLength:"64" doc:"What it is for."`
				Scopes    []people.Scope `json:"scopes" minItems:"1" maxItems:"3"`
				Days      int            `json:"days" minimum:"1" maximum:"366"`
			}
		}) (*answer[token], error) {
			t, presented, err := s.room.Vault.CreateToken(ctx, s.caller, vault.TokenRequest{Principal: in.Body.Principal, Name: in.Body.Name, Scopes: in.Body.Scopes, Lifetime: lasting(in.Body.Days)})
			t.Hash = ""
			return answering(token{Token: t, Secret: presented}, err)
		})
	handle(d, operation{method: "DELETE", path: "/tokens/{id}", summary: "Revoke an API token", section: "keys", status: http.StatusNoContent},
		func(ctx context.Context, s session, in *KeyID) (*none, error) {
			return &none{}, s.room.Vault.RevokeToken(ctx, s.caller, strings.TrimSpace(in.ID))
		})
}

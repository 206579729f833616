package console

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"strongroom"
	"strongroom/people"
)

func keySection() section {
	return section{name: "keys", routes: map[string]func(*visit) error{
		"GET /people/keys":         (*visit).keys,
		"POST /people/keys/revoke": (*visit).revokeKey,
	}}
}

// keysMost is how many keys, and how many tokens, the page shows.
const keysMost = 500

type keyRow struct {
	people.AccessKey
	Holder strongroom.Principal
	State  string // active, revoked, expired or idle
	Used   time.Time
}

type tokenRow struct {
	people.Token
	Holder strongroom.Principal
	State  string
	Used   time.Time
}

// keysOf answers the keys and tokens of somebody, or everybody's: first those that work,
// the longest unused first.
func (v *visit) keysOf(id *strongroom.ID) ([]keyRow, []tokenRow, error) {
	ctx, room := v.r.Context(), v.room.Vault
	keys, err := room.AccessKeys(ctx, v.caller)
	if err != nil {
		return nil, nil, err
	}
	all, err := room.Tokens(ctx, v.caller)
	if err != nil {
		return nil, nil, err
	}
	used, err := room.LastUsed(ctx)
	if err != nil {
		return nil, nil, err
	}
	now := v.c.Clock()
	state := func(holder strongroom.Principal, revoked, expires time.Time) string {
		switch {
		case !revoked.IsZero():
			return "revoked"
		case !expires.IsZero() && !now.Before(expires):
			return "expired"
		case !people.Active(holder, now):
			return "idle"
		}
		return "active"
	}
	var out []keyRow
	for _, k := range keys {
		if k.Session != nil || id != nil && k.Principal != *id {
			continue
		}
		holder, _ := room.PrincipalByID(k.Principal)
		out = append(out, keyRow{k, holder, state(holder, k.Revoked, k.Expires), used[k.ID]})
	}
	var tokens []tokenRow
	for _, t := range all {
		if id != nil && t.Principal != *id {
			continue
		}
		holder, _ := room.PrincipalByID(t.Principal)
		tokens = append(tokens, tokenRow{t, holder, state(holder, t.Revoked, t.Expires), used[t.ID]})
	}
	order := func(as, bs string, au, bu time.Time) int {
		working := func(s string) int {
			if s == "active" {
				return 0
			}
			return 1
		}
		return cmp.Or(working(as)-working(bs), au.Compare(bu))
	}
	slices.SortStableFunc(out, func(a, b keyRow) int { return order(a.State, b.State, a.Used, b.Used) })
	slices.SortStableFunc(tokens, func(a, b tokenRow) int { return order(a.State, b.State, a.Used, b.Used) })
	return out, tokens, nil
}

type keysData struct {
	Keys       []keyRow
	Tokens     []tokenRow
	More, Lots int // keys and tokens that are not shown
}

func (v *visit) keys() error {
	var d keysData
	var err error
	if d.Keys, d.Tokens, err = v.keysOf(nil); err != nil {
		return err
	}
	d.More, d.Lots = max(0, len(d.Keys)-keysMost), max(0, len(d.Tokens)-keysMost)
	d.Keys, d.Tokens = d.Keys[:len(d.Keys)-d.More], d.Tokens[:len(d.Tokens)-d.Lots]
	v.page.Title = "keys.title"
	return v.show("keys", "people", d)
}

// revokeKey ends an access key or a token, whose id is in the form.
func (v *visit) revokeKey() error {
	id := v.r.PostFormValue("key")
	if err := v.confirmedFor("revoke-key", id); err != nil {
		return err
	}
	var err error
	if v.r.PostFormValue("kind") == "token" {
		err = v.room.Vault.RevokeToken(v.r.Context(), v.caller, id)
	} else {
		err = v.room.Vault.RevokeKey(v.r.Context(), v.caller, id)
	}
	if err != nil {
		return err
	}
	to := "/people/keys"
	if back := v.r.PostFormValue("return"); strings.HasPrefix(back, "/people/") {
		to = within(back)
	}
	return v.back(to, "revoked")
}

// Scopes are a token's, as they are written.
func (p *page) Scopes(t people.Token) string {
	var out []string
	for _, s := range t.Scopes {
		out = append(out, string(s))
	}
	return strings.Join(out, ", ")
}

var keyWords = map[string]said{
	"keys.title":    {"Keys and tokens", "Clés et jetons"},
	"keys.lead":     {"What programs prove themselves with: first those that work, the longest unused on top.", "Ce que les programmes utilisent pour s’identifier : d’abord ce qui fonctionne, le plus longtemps inutilisé en tête."},
	"keys.none":     {"No access key. Make one with", "Aucune clé S3. Créez-en une avec"},
	"keys.no.token": {"No API token. Make one with", "Aucun jeton d’API. Créez-en un avec"},
	"keys.whose":    {"Whose", "À qui"},
	"keys.what":     {"For", "Usage"},
	"keys.until":    {"Until", "Jusqu’au"},
	"keys.endless":  {"without end", "sans fin"},
	"keys.more":     {"%s more is not shown|%s more are not shown", "%s de plus n’est pas affiché|%s de plus ne sont pas affichés"},
	"key.active":    {"active", "active"},
	"key.revoked":   {"revoked", "révoquée"},
	"key.expired":   {"expired", "expirée"},
	"key.idle":      {"holder inactive", "titulaire inactif"},
}

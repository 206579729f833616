package console

import (
	"strconv"
	"time"

	"strongroom"
	"strongroom/people"
	"strongroom/vault"
)

// peoplePerPage is how many people one page lists.
const peoplePerPage = 100

func peopleSection() section {
	return section{
		name: "people", path: "/people",
		offered: func(v *visit) bool { return v.room.Vault.Offers(v.caller, strongroom.ActionManagePeople) },
		routes: map[string]func(*visit) error{
			"GET /people":                    (*visit).people,
			"GET /people/{id}":               (*visit).person,
			"POST /people/{id}/sessions/end": (*visit).endTheirs,
		},
	}
}

type peopleData struct {
	Rows         []personRow
	Total        int
	Before, Next int // page numbers, 0 for none
}

type personRow struct {
	vault.Account
	State string // active, suspended or left
}

func (v *visit) stateOf(p strongroom.Principal) string {
	switch {
	case p.Suspended:
		return "suspended"
	case !people.Active(p, v.c.Clock()):
		return "left"
	}
	return "active"
}

func (v *visit) people() error {
	all, err := v.room.Vault.Accounts(v.r.Context(), v.caller)
	if err != nil {
		return err
	}
	at, err := strconv.Atoi(v.r.URL.Query().Get("page"))
	if err != nil || at < 1 || (at-1)*peoplePerPage >= len(all) {
		at = 1
	}
	d := peopleData{Total: len(all), Before: at - 1}
	if at*peoplePerPage < len(all) {
		d.Next = at + 1
	}
	for _, a := range all[(at-1)*peoplePerPage : min(at*peoplePerPage, len(all))] {
		d.Rows = append(d.Rows, personRow{Account: a, State: v.stateOf(a.Principal)})
	}
	return v.show("people", "people", d)
}

type keyRow struct {
	people.AccessKey
	State string // active, revoked or expired
	Used  time.Time
}

type personData struct {
	personRow
	Keys []keyRow
	Self bool
}

func (v *visit) person() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	all, err := v.room.Vault.Accounts(v.r.Context(), v.caller)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Principal.ID != id {
			continue
		}
		d := personData{personRow: personRow{Account: a, State: v.stateOf(a.Principal)}, Self: id == v.who.Holder.ID}
		if d.Keys, err = v.keysOf(id); err != nil {
			return err
		}
		v.page.Title = "person.title"
		return v.show("person", "people", d)
	}
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.nowhere.message")}
}

func (v *visit) keysOf(id strongroom.ID) ([]keyRow, error) {
	keys, err := v.room.Vault.AccessKeys(v.r.Context(), v.caller)
	if err != nil {
		return nil, err
	}
	used, err := v.room.Vault.LastUsed(v.r.Context())
	if err != nil {
		return nil, err
	}
	var out []keyRow
	now := v.c.Clock()
	for _, k := range keys {
		if k.Principal != id || k.Session != nil {
			continue
		}
		row := keyRow{k, "active", used[k.ID]}
		switch {
		case !k.Revoked.IsZero():
			row.State = "revoked"
		case !k.Expires.IsZero() && !now.Before(k.Expires):
			row.State = "expired"
		}
		out = append(out, row)
	}
	return out, nil
}

// endTheirs ends all console sessions of a person.
func (v *visit) endTheirs() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	all, err := v.room.Vault.Accounts(v.r.Context(), v.caller)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Principal.ID != id {
			continue
		}
		for _, s := range a.Sessions {
			if s.ID == v.who.ID {
				continue
			}
			if err := v.room.Vault.EndSession(v.r.Context(), v.caller, s.ID); err != nil {
				return err
			}
		}
	}
	return v.back("/people/"+id.String(), "ended")
}

var peopleWords = map[string]said{
	"people.lead":       {"%s person who may be known here|%s people who may be known here", "%s personne connue ici|%s personnes connues ici"},
	"people.name":       {"Name", "Nom"},
	"people.groups":     {"Groups", "Groupes"},
	"people.state":      {"State", "État"},
	"people.logon":      {"Log-on", "Connexion"},
	"people.logon.none": {"none yet", "pas encore"},
	"people.logon.keys": {"%s passkey|%s passkeys", "%s clé d’accès|%s clés d’accès"},
	"people.invited":    {"invited until %s", "invitation valable jusqu’au %s"},
	"people.sessions":   {"%s session|%s sessions", "%s session|%s sessions"},
	"people.leaves":     {"Leaves", "Départ"},
	"people.before":     {"Previous page", "Page précédente"},
	"people.next":       {"Next page", "Page suivante"},
	"people.invite":     {"Invite people with", "Invitez des personnes avec"},
	"people.active":     {"active", "actif"},
	"people.suspended":  {"suspended", "suspendu"},
	"people.left":       {"has left", "parti"},
	"people.no.groups":  {"no group", "aucun groupe"},
	"person.title":      {"Person", "Personne"},
	"person.aliases":    {"Also known as", "Autres identifiants"},
	"person.keys":       {"S3 access keys", "Clés S3"},
	"person.keys.none":  {"No access key.", "Aucune clé S3."},
	"person.key":        {"Key", "Clé"},
	"person.made":       {"Made", "Créée"},
	"person.used":       {"Last used", "Dernier usage"},
	"person.never":      {"not known", "inconnu"},
	"person.sessions":   {"Sessions of the console", "Sessions de la console"},
	"person.end":        {"End all sessions", "Mettre fin à toutes les sessions"},
	"person.nosessions": {"Not logged on now.", "Pas connecté en ce moment."},
}

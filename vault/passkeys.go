package vault

import (
	"context"
	"errors"
	"slices"
	"strings"

	"strongroom"
	"strongroom/book"
	"strongroom/people"
)

const actPasskeyRename = "passkey-rename"

// own is a part that the caller does to a passkey of theirs.
func (r *Room) own(c Caller, act, subject, detail string, change book.Change) part {
	return part{
		kind: KindPeople, evidence: Evidence{Action: act, Decision: strongroom.Permitted, Actor: r.actor(c.Principal.ID)},
		personal: Personal{By: c.Principal.Name, Session: c.Session, RequestID: c.RequestID, Subject: subject, Detail: detail}, change: change,
	}
}

// AddPasskey gives the caller one more passkey, which the door has verified, beside those
// they have.
func (r *Room) AddPasskey(ctx context.Context, c Caller, key people.Passkey) (people.Passkey, error) {
	have := r.PasskeysOf(c.Principal.ID)
	switch {
	case len(have) == 0:
		return key, bad("ask somebody who manages people for a set-up link", "a first passkey comes by a set-up link")
	case len(have) >= passkeyLimit:
		return key, bad("remove one that you do not use any more", "you have %d passkeys, and there may be no more", len(have))
	}
	key.Principal, key.Created = c.Principal.ID, r.Clock().UTC()
	if err := people.CheckPasskey(&key); err != nil {
		return key, bad("", "%v", err)
	}
	put, err := row(rowPasskey, r.passkeyRow(key.ID), key)
	if err != nil {
		return key, unavailable("the passkey's row could not be made", err)
	}
	return key, r.commit(ctx, []part{r.own(c, actPasskeyAdd, c.Principal.Name+" "+key.ID, "by themselves, beside those they have", book.Change{
		Require: []book.Condition{{Form: book.Exists, Kind: rowPrincipal, ID: c.Principal.ID.String()}, {Form: book.Absent, Kind: rowPasskey, ID: put.ID}},
		Put:     []book.Row{put},
	})})
}

// ownPasskey reads a passkey of the caller's as it is kept.
func (r *Room) ownPasskey(ctx context.Context, c Caller, id string) (people.Passkey, book.Row, error) {
	none := bad("", "there is no such passkey of yours")
	was, err := r.Book.Row(ctx, rowPasskey, r.passkeyRow(id))
	if errors.Is(err, book.ErrNoRow) {
		return people.Passkey{}, was, none
	}
	var key people.Passkey
	if err == nil {
		key, err = decode[people.Passkey](was)
	}
	if err != nil {
		return key, was, unavailable("the passkey's row cannot be read", err)
	}
	if key.Principal != c.Principal.ID || !key.Revoked.IsZero() {
		return key, was, none
	}
	return key, was, nil
}

// RenamePasskey has a passkey of the caller's called otherwise.
func (r *Room) RenamePasskey(ctx context.Context, c Caller, id, name string) error {
	name = people.CleanLine(name, 64)
	if name == "" {
		return bad("", "a passkey needs a name")
	}
	for range 16 {
		key, was, err := r.ownPasskey(ctx, c, id)
		if err != nil {
			return err
		}
		key.Name = name
		put, err := row(rowPasskey, was.ID, key)
		if err != nil {
			return unavailable("the passkey's row could not be made", err)
		}
		err = r.commit(ctx, []part{r.own(c, actPasskeyRename, c.Principal.Name+" "+key.ID, name, book.Change{
			Require: []book.Condition{{Form: book.Unchanged, Kind: rowPasskey, ID: was.ID, Salt: was.Salt}}, Put: []book.Row{put},
		})})
		if strongroom.KindOf(err) != strongroom.KindConflict {
			return err
		}
	}
	return conflict(errors.New("the passkey changed with every attempt"))
}

// RevokePasskey ends a passkey of the caller's, and with it the sessions that it made:
// never the last one, unless an identity provider vouched for the session in which they
// ask.
func (r *Room) RevokePasskey(ctx context.Context, c Caller, id string) error {
	for range 16 {
		key, was, err := r.ownPasskey(ctx, c, id)
		if err != nil {
			return err
		}
		require := []book.Condition{{Form: book.Unchanged, Kind: rowPasskey, ID: was.ID, Salt: was.Salt}}
		rest := slices.DeleteFunc(r.PasskeysOf(c.Principal.ID), func(k people.Passkey) bool { return k.ID == id })
		if len(rest) == 0 && !r.vouched(c) {
			return bad("add another one first", "this is your last passkey, and without it you could not log on")
		}
		if len(rest) > 0 { // it must be there still when this one goes
			other, err := r.Book.Row(ctx, rowPasskey, r.passkeyRow(rest[0].ID))
			if err != nil {
				return unavailable("the passkey's row cannot be read", err)
			}
			if now, err := decode[people.Passkey](other); err != nil || !now.Revoked.IsZero() {
				continue
			}
			require = append(require, book.Condition{Form: book.Unchanged, Kind: rowPasskey, ID: other.ID, Salt: other.Salt})
		}
		key.Revoked = r.Clock().UTC()
		put, err := row(rowPasskey, was.ID, key)
		if err != nil {
			return unavailable("the passkey's row could not be made", err)
		}
		parts := []part{r.own(c, actPasskeyRevoke, c.Principal.Name+" "+key.ID, "by themselves", book.Change{Require: require, Put: []book.Row{put}})}
		for _, s := range r.consoleSessionsOf(c.Principal.ID) {
			if s.Passkey == key.ID {
				parts = append(parts, r.endPart(s, c.Principal, "its passkey was removed"))
			}
		}
		err = r.commit(ctx, parts)
		if strongroom.KindOf(err) != strongroom.KindConflict {
			return err
		}
	}
	return conflict(errors.New("the passkeys changed with every attempt"))
}

// vouched reports whether an identity provider that people still log on with vouched for
// the caller's session.
func (r *Room) vouched(c Caller) bool {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	s, known := r.state.ring.logons.sessions[c.Session]
	p, trusted := r.state.ring.providers[s.Issuer]
	return known && s.Principal == c.Principal.ID && s.Issuer != "" && trusted && p.Client != ""
}

// NameAgent gives somebody an id under which recordings know them, for those who manage
// people: what was stored before is theirs by it too.
func (r *Room) NameAgent(ctx context.Context, c Caller, name, agent string) (strongroom.Principal, error) {
	agent = strings.TrimSpace(agent)
	return r.ChangePrincipal(ctx, c, name, func(p *strongroom.Principal) {
		if !slices.Contains(p.Aliases, agent) {
			p.Aliases = append(slices.Clone(p.Aliases), agent)
		}
	})
}

package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"strongroom"
	"strongroom/book"
	"strongroom/people"
)

// keyRow is the id of an access key's row: the key's own id is known to whoever uses
// it, and a row's id stands in evidence, which is never erased.
func (r *Room) keyRow(keyID string) string { return mac(r.tagKey, "access-key", keyID) }

// AccessKeys lists the access keys without their secrets, on record.
func (r *Room) AccessKeys(ctx context.Context, c Caller) ([]people.AccessKey, error) {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return nil, r.refuse(ctx, a)
	}
	r.state.mu.RLock()
	var out []people.AccessKey
	for _, k := range r.state.ring.keys {
		k.Secret = ""
		if k.Session != nil {
			told := *k.Session
			told.Token, k.Session = "", &told
		}
		out = append(out, k)
	}
	r.state.mu.RUnlock()
	slices.SortFunc(out, func(a, b people.AccessKey) int { return strings.Compare(a.ID, b.ID) })
	if err := r.administer(ctx, a, KindAccessKey, "access-key-list", "", book.Change{}); err != nil {
		return nil, err
	}
	return out, nil
}

// CreateKey makes an access key of a principal; its secret is answered this once.
func (r *Room) CreateKey(ctx context.Context, c Caller, name string, lifetime time.Duration) (people.AccessKey, error) {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return people.AccessKey{}, r.refuse(ctx, a)
	}
	p, known := r.PrincipalByName(name)
	if !known {
		return people.AccessKey{}, noPrincipal(name)
	}
	k := people.NewAccessKey(p.ID, r.Clock(), lifetime)
	row, err := row(rowAccessKey, r.keyRow(k.ID), k)
	if err != nil {
		return k, unavailable("the key's row could not be made", err)
	}
	err = r.administer(ctx, a, KindAccessKey, "access-key-create", name+" "+k.ID, book.Change{
		Require: []book.Condition{{Form: book.Exists, Kind: rowPrincipal, ID: p.ID.String()}, {Form: book.Absent, Kind: rowAccessKey, ID: row.ID}},
		Put:     []book.Row{row},
	})
	if err != nil {
		return people.AccessKey{}, err
	}
	return k, nil
}

// RevokeKey ends an access key from the next request on; its row stays.
func (r *Room) RevokeKey(ctx context.Context, c Caller, keyID string) error {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	return r.changeKey(ctx, a, keyID, "access-key-revoke", func(k *people.AccessKey) (string, error) {
		if k.Revoked.IsZero() {
			k.Revoked = r.Clock().UTC()
		}
		return k.ID, nil
	})
}

// changeKey changes an access key as the database has it, so that of two changes at once
// neither undoes the other. The change answers what the record calls it.
func (r *Room) changeKey(ctx context.Context, a asked, keyID, action string, change func(*people.AccessKey) (string, error)) error {
	for range 16 {
		was, k, err := r.keyAsKept(ctx, keyID)
		if err != nil {
			return err
		}
		subject, err := change(&k)
		if err != nil {
			return err
		}
		row, err := row(rowAccessKey, was.ID, k)
		if err != nil {
			return unavailable("the key's row could not be made", err)
		}
		err = r.administer(ctx, a, KindAccessKey, action, subject, book.Change{
			Require: []book.Condition{{Form: book.Unchanged, Kind: rowAccessKey, ID: was.ID, Salt: was.Salt}},
			Put:     []book.Row{row},
		})
		if strongroom.KindOf(err) != strongroom.KindConflict {
			return err
		}
	}
	return conflict(errors.New("the key changed with every attempt"))
}

// MaxGrace is the longest that a rotated key goes on beside its successor.
const MaxGrace = 30 * 24 * time.Hour

// RotateKey makes another key for the same principal, with the standing purpose of the
// old one and as long a life as that had, and has the old one expire after grace. Both
// happen or neither. The new secret is answered this once. While both are valid each has
// the standing purpose's rate.
func (r *Room) RotateKey(ctx context.Context, c Caller, keyID string, grace time.Duration) (created, old people.AccessKey, err error) {
	none := people.AccessKey{}
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return none, none, r.refuse(ctx, a)
	}
	if grace < 0 || grace > MaxGrace {
		return none, none, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("the old key goes on for at most %d days", int(MaxGrace.Hours()/24))}
	}
	for range 16 {
		was, k, err := r.keyAsKept(ctx, keyID)
		if err != nil {
			return none, none, err
		}
		now := r.Clock().UTC()
		switch {
		case k.Session != nil:
			return none, none, &strongroom.Error{Kind: strongroom.KindInvalid, Message: "a session is not rotated: it ends", Hint: "rotate the access key itself"}
		case !k.Revoked.IsZero() || !k.Expires.IsZero() && !now.Before(k.Expires):
			return none, none, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%s has ended already", k.ID), Hint: "make a new key with `strongroom key create`"}
		}
		var lifetime time.Duration
		if !k.Expires.IsZero() {
			lifetime = k.Expires.Sub(k.Created)
		}
		next := people.NewAccessKey(k.Principal, now, lifetime)
		next.Standing = k.Standing
		if end := now.Add(grace); k.Expires.IsZero() || end.Before(k.Expires) {
			k.Expires = end
		}
		before, err := row(rowAccessKey, was.ID, k)
		if err != nil {
			return none, none, unavailable("the key's row could not be made", err)
		}
		after, err := row(rowAccessKey, r.keyRow(next.ID), next)
		if err != nil {
			return none, none, unavailable("the key's row could not be made", err)
		}
		p, _ := r.principal(k.Principal)
		subject := fmt.Sprintf("%s %s, in the place of %s, which ends on %s", p.Name, next.ID, k.ID, k.Expires.Format(time.RFC3339))
		err = r.administer(ctx, a, KindAccessKey, "access-key-rotate", subject, book.Change{
			Require: []book.Condition{
				{Form: book.Unchanged, Kind: rowAccessKey, ID: was.ID, Salt: was.Salt},
				{Form: book.Exists, Kind: rowPrincipal, ID: k.Principal.String()},
				{Form: book.Absent, Kind: rowAccessKey, ID: after.ID},
			},
			Put: []book.Row{before, after},
		})
		if strongroom.KindOf(err) == strongroom.KindConflict {
			continue
		}
		k.Secret = ""
		return next, k, err
	}
	return none, none, conflict(errors.New("the key changed with every attempt"))
}

// ExpireKey has an access key end at a time, at most when it would end anyway: what has
// an end is not prolonged.
func (r *Room) ExpireKey(ctx context.Context, c Caller, keyID string, at time.Time) error {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	return r.changeKey(ctx, a, keyID, "access-key-expire", func(k *people.AccessKey) (string, error) {
		if !k.Expires.IsZero() && at.After(k.Expires) {
			return "", &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%s ends on %s already, and is not prolonged", k.ID, k.Expires.Format(time.RFC3339)), Hint: "rotate it: `strongroom key rotate`"}
		}
		k.Expires = at.UTC()
		return fmt.Sprintf("%s at %s", k.ID, k.Expires.Format(time.RFC3339)), nil
	})
}

// keyAsKept reads an access key as the database has it.
func (r *Room) keyAsKept(ctx context.Context, keyID string) (book.Row, people.AccessKey, error) {
	was, err := r.Book.Row(ctx, rowAccessKey, r.keyRow(keyID))
	if errors.Is(err, book.ErrNoRow) {
		return was, people.AccessKey{}, noKey(keyID)
	} else if err != nil {
		return was, people.AccessKey{}, unavailable("the key's row cannot be read", err)
	}
	k, err := decode[people.AccessKey](was)
	if err != nil {
		return was, k, unavailable("the key's row cannot be read", err)
	}
	return was, k, nil
}

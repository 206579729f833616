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

// KindToken is the kind of record of what is done about API tokens.
const KindToken = "token"

func (r *Room) tokenRow(id string) string { return mac(r.tagKey, "api-token", id) }

// TokenRequest asks for a token.
type TokenRequest struct {
	Principal string // name of who it acts as
	Name      string // what it is for
	Scopes    []people.Scope
	Lifetime  time.Duration // at most people.MaxToken
}

// TokenCredential is a token that was proved, and whose it is. It is an answer for one
// request: the next asks again.
type TokenCredential struct {
	people.Token // without its hash
	Holder       strongroom.Principal
}

// Caller is who asks with the token. The door adds where from and how.
func (t TokenCredential) Caller() Caller {
	return Caller{Principal: t.Holder, Session: t.ID, Method: MethodToken}
}

// MethodToken is how a caller with a token was known.
const MethodToken = "token"

// CreateToken makes an API token; what is presented is answered this once.
func (r *Room) CreateToken(ctx context.Context, c Caller, req TokenRequest) (people.Token, string, error) {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return people.Token{}, "", r.refuse(ctx, a)
	}
	p, known := r.PrincipalByName(req.Principal)
	if !known {
		return people.Token{}, "", noPrincipal(req.Principal)
	}
	t, presented, err := people.NewToken(p.ID, req.Name, req.Scopes, r.Clock(), req.Lifetime)
	if err != nil {
		return people.Token{}, "", &strongroom.Error{Kind: strongroom.KindInvalid, Message: err.Error()}
	}
	row, err := row(rowToken, r.tokenRow(t.ID), t)
	if err != nil {
		return people.Token{}, "", unavailable("the token's row could not be made", err)
	}
	subject := fmt.Sprintf("%s %s (%s), scopes %s, until %s", p.Name, t.ID, t.Name, scopesOf(t), t.Expires.Format(time.RFC3339))
	err = r.administer(ctx, a, KindToken, "token-create", subject, book.Change{
		Require: []book.Condition{{Form: book.Exists, Kind: rowPrincipal, ID: p.ID.String()}, {Form: book.Absent, Kind: rowToken, ID: row.ID}},
		Put:     []book.Row{row},
	})
	if err != nil {
		return people.Token{}, "", err
	}
	t.Hash = ""
	return t, presented, nil
}

func scopesOf(t people.Token) string {
	var names []string
	for _, s := range t.Scopes {
		names = append(names, string(s))
	}
	return strings.Join(names, " ")
}

// Tokens lists the API tokens without their hashes, on record.
func (r *Room) Tokens(ctx context.Context, c Caller) ([]people.Token, error) {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return nil, r.refuse(ctx, a)
	}
	var out []people.Token
	r.state.mu.RLock()
	for _, t := range r.state.ring.tokens {
		t.Hash = ""
		out = append(out, t)
	}
	r.state.mu.RUnlock()
	slices.SortFunc(out, func(a, b people.Token) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	if err := r.administer(ctx, a, KindToken, "token-list", "", book.Change{}); err != nil {
		return nil, err
	}
	return out, nil
}

// RevokeToken ends a token from the next request on; its row stays.
func (r *Room) RevokeToken(ctx context.Context, c Caller, id string) error {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	for range 16 {
		was, err := r.Book.Row(ctx, rowToken, r.tokenRow(id))
		if errors.Is(err, book.ErrNoRow) {
			return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no token %q", shorten(id)), Hint: "see `strongroom token ls`"}
		} else if err != nil {
			return unavailable("the token's row cannot be read", err)
		}
		t, err := decode[people.Token](was)
		if err != nil {
			return unavailable("the token's row cannot be read", err)
		}
		if t.Revoked.IsZero() {
			t.Revoked = r.Clock().UTC()
		}
		row, err := row(rowToken, was.ID, t)
		if err != nil {
			return unavailable("the token's row could not be made", err)
		}
		err = r.administer(ctx, a, KindToken, "token-revoke", t.ID+" ("+t.Name+")", book.Change{
			Require: []book.Condition{{Form: book.Unchanged, Kind: rowToken, ID: was.ID, Salt: was.Salt}},
			Put:     []book.Row{row},
		})
		if strongroom.KindOf(err) != strongroom.KindConflict {
			return err
		}
	}
	return conflict(errors.New("the token changed with every attempt"))
}

// ErrNoToken is wrapped by the error of TokenCaller for what is no token of this room.
// Nobody has proved anything: the door counts it as noise.
var ErrNoToken = errors.New("no token of this room")

// TokenCaller answers whose token is presented. What is unknown or wrong is refused
// alike, and in the same time; why a token is not valid any more is told to whoever
// shows its secret.
func (r *Room) TokenCaller(_ context.Context, presented string) (TokenCredential, error) {
	unknown := &strongroom.Error{Kind: strongroom.KindDenied, Message: "this token does not exist, or is no longer valid", Cause: ErrNoToken}
	id, secret, ok := people.ParseToken(presented)
	if !ok {
		return TokenCredential{}, unknown
	}
	now := r.Clock()
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	t, ok := r.state.ring.tokens[id]
	if !t.Proves(secret) || !ok {
		return TokenCredential{}, unknown
	}
	p, ok := r.state.principals[t.Principal]
	if !ok {
		return TokenCredential{}, unknown
	}
	if err := r.state.ring.tokenUsable(t, p, now); err != nil {
		return TokenCredential{}, &strongroom.Error{Kind: strongroom.KindDenied, Message: "this token is not valid: " + err.Error(), Hint: "ask for a new one"}
	}
	t.Hash = ""
	r.uses.note(t.ID, now)
	return TokenCredential{Token: t, Holder: p}, nil
}

func (k *keyring) tokenUsable(t people.Token, p strongroom.Principal, now time.Time) error {
	if d, gone := k.departures[p.ID]; gone && !t.Created.After(d.Keys) {
		return errors.New("it ended when its principal was deactivated")
	}
	return t.Usable(p, now)
}

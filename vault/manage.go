package vault

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"strongroom"
	"strongroom/book"
	"strongroom/ledger"
	"strongroom/people"
	"strongroom/seal"
)

// Founding is what a new room begins with.
type Founding struct {
	Key       []byte // the room key
	Custody   string
	Recipient []seal.Recipient // of the custody class, the custodian's first
	Policy    []byte           // Cedar text, compiled before
	Hash      string           // of the policy set
	Owner     strongroom.Principal
	AccessKey people.AccessKey
	// Invitation is the SHA-256 of the one-time token with which the owner sets up
	// log-on to the console.
	Invitation     [32]byte
	InvitationEnds time.Time
}

// Found writes a new room's first record: its recipients, policy, first person and
// that person's access key.
func Found(ctx context.Context, b book.Book, f Founding) error {
	if b.Head().Size != 0 {
		return errors.New("the room's ledger has begun already")
	}
	if err := people.Check(&f.Owner); err != nil {
		return err
	}
	r := &Room{Config: Config{Key: f.Key, Book: b}}
	if err := r.deriveKeys(); err != nil {
		return err
	}
	var change book.Change
	put := func(kind, id, tag string, body any) error {
		row, err := row(kind, id, body)
		row.Tag = tag
		change.Put = append(change.Put, row)
		return err
	}
	var errs []error
	for _, recipient := range f.Recipient {
		errs = append(errs, put(rowRecipient, recipient.ID(), "", recipientBody{f.Custody, recipient.String()}))
	}
	errs = append(errs,
		put(rowPolicySet, f.Hash, "", policySetBody{string(f.Policy)}),
		put(rowPolicy, currentPolicy, "", policyBody{Hash: f.Hash}),
		put(rowPrincipal, f.Owner.ID.String(), r.principalTag(f.Owner.Name), f.Owner),
		put(rowAccessKey, r.keyRow(f.AccessKey.ID), "", f.AccessKey),
		put(rowInvitation, hex.EncodeToString(f.Invitation[:]), "", invitationBody{f.Owner.ID, f.InvitationEnds}))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	_, err := r.apply(ctx, KindGenesis, Evidence{Action: KindGenesis, PolicySet: f.Hash, Custody: f.Custody},
		Personal{Subject: f.Owner.Name, Detail: "the room's first person, with access key " + f.AccessKey.ID}, change)
	return err
}

// keyRow is the id of an access key's row: the key's own id is known to whoever uses
// it, and a row's id stands in evidence, which is never erased.
func (r *Room) keyRow(keyID string) string { return mac(r.tagKey, "access-key", keyID) }

func (r *Room) principalTag(name string) string { return mac(r.tagKey, "principal", name) }

// PutPrincipal writes a principal: a new one where p.ID is zero, else one in the place of
// all that is there (see ChangePrincipal).
func (r *Room) PutPrincipal(ctx context.Context, c Caller, p strongroom.Principal) (strongroom.Principal, error) {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return p, r.refuse(ctx, a)
	}
	if err := people.Check(&p); err != nil {
		return p, &strongroom.Error{Kind: strongroom.KindInvalid, Message: err.Error()}
	}
	tag, same := r.principalTag(p.Name), ""
	change := book.Change{}
	if p.ID.IsZero() {
		p.ID = strongroom.NewID()
	} else {
		old, known := r.principal(p.ID)
		if !known {
			return p, noPrincipal(p.ID.String())
		}
		if old.Name == p.Name {
			same = p.ID.String()
		}
		change.Require = append(change.Require, book.Condition{Form: book.Exists, Kind: rowPrincipal, ID: p.ID.String()})
	}
	row, err := row(rowPrincipal, p.ID.String(), p)
	if err != nil {
		return p, unavailable("the principal's row could not be made", err)
	}
	row.Tag = tag
	change.Require = append(change.Require, book.Condition{Form: book.Only, Kind: rowPrincipal, Tag: tag, ID: same})
	change.Put = []book.Row{row}
	return p, r.administer(ctx, a, KindPeople, "principal-put", p.Name, change)
}

// ChangePrincipal changes a principal, by name, as the database has it: of two changes at
// once neither undoes the other.
func (r *Room) ChangePrincipal(ctx context.Context, c Caller, name string, change func(*strongroom.Principal)) (strongroom.Principal, error) {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return strongroom.Principal{}, r.refuse(ctx, a)
	}
	for range 16 {
		rows, err := r.Book.Find(ctx, rowPrincipal, "", r.principalTag(name))
		if err != nil {
			return strongroom.Principal{}, unavailable("the principal's row cannot be read", err)
		}
		if len(rows) != 1 {
			return strongroom.Principal{}, noPrincipal(name)
		}
		was := rows[0]
		p, err := decode[strongroom.Principal](was)
		if err != nil {
			return p, unavailable("the principal's row cannot be read", err)
		}
		id := p.ID
		change(&p)
		if p.ID, p.Name = id, name; people.Check(&p) != nil {
			return p, &strongroom.Error{Kind: strongroom.KindInvalid, Message: people.Check(&p).Error()}
		}
		row, err := row(rowPrincipal, was.ID, p)
		if err != nil {
			return p, unavailable("the principal's row could not be made", err)
		}
		row.Tag = was.Tag
		err = r.administer(ctx, a, KindPeople, "principal-put", name, book.Change{
			Require: []book.Condition{{Form: book.Unchanged, Kind: rowPrincipal, ID: was.ID, Salt: was.Salt}},
			Put:     []book.Row{row},
		})
		if strongroom.KindOf(err) != strongroom.KindConflict {
			return p, err
		}
	}
	return strongroom.Principal{}, conflict(errors.New("the principal changed with every attempt"))
}

func noPrincipal(name string) error {
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no principal %q", name), Hint: "see `strongroom people ls`"}
}

// administer commits a permitted act of administration.
func (r *Room) administer(ctx context.Context, a asked, kind, action, subject string, change book.Change) error {
	p := a.personal()
	p.Subject = subject
	_, err := r.apply(ctx, kind, r.evidence(action, a), p, change)
	if _, ok := errors.AsType[*book.ConditionError](err); ok {
		return conflict(err)
	}
	if err != nil {
		return unavailable("it could not be recorded, so nothing was changed", err)
	}
	return nil
}

// PrincipalByName finds a principal for those who manage people.
func (r *Room) PrincipalByName(name string) (strongroom.Principal, bool) {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	p, ok := r.state.principals[r.state.names[name]]
	return p, ok
}

// Principals lists the principals in order of name, on record.
func (r *Room) Principals(ctx context.Context, c Caller) ([]strongroom.Principal, error) {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return nil, r.refuse(ctx, a)
	}
	r.state.mu.RLock()
	var out []strongroom.Principal
	for _, p := range r.state.principals {
		out = append(out, p)
	}
	r.state.mu.RUnlock()
	slices.SortFunc(out, func(a, b strongroom.Principal) int { return strings.Compare(a.Name, b.Name) })
	if err := r.administer(ctx, a, KindPeople, "principal-list", "", book.Change{}); err != nil {
		return nil, err
	}
	return out, nil
}

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
		was, err := r.Book.Row(ctx, rowAccessKey, r.keyRow(keyID))
		if errors.Is(err, book.ErrNoRow) {
			return noKey(keyID)
		} else if err != nil {
			return unavailable("the key's row cannot be read", err)
		}
		k, err := decode[people.AccessKey](was)
		if err != nil {
			return unavailable("the key's row cannot be read", err)
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

// PolicyInForce returns the hash of the policy set in force.
func (r *Room) PolicyInForce() (string, error) {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	if r.state.policy == nil {
		return "", fmt.Errorf("no policy set is in force: %w", r.state.policyErr)
	}
	return r.state.policy.Hash(), nil
}

// ReadLedger returns the records from ≤ index < to with their personal parts, after
// putting on record that they were read.
func (r *Room) ReadLedger(ctx context.Context, c Caller, from, to int64) (iter.Seq2[ledger.Record, error], error) {
	a := r.decide(c, strongroom.ActionReadLedger, strongroom.Resource{})
	if !a.decision.Permit {
		return nil, r.refuse(ctx, a)
	}
	p := a.personal()
	p.Detail = fmt.Sprintf("records %d to %d", from, to)
	if _, err := r.apply(ctx, KindLedgerRead, r.evidence(KindLedgerRead, a), p, book.Change{}); err != nil {
		return nil, unavailable("reading the ledger could not be recorded, so nothing is shown", err)
	}
	return r.Book.Records(ctx, from, to), nil
}

// NoteOperator puts on record what somebody with access to the room's own files did
// through a command that asks for no log-on: it shows nothing personal and changes
// nothing, but is seen.
func (r *Room) NoteOperator(ctx context.Context, kind, action, detail string) error {
	_, err := r.apply(ctx, kind, Evidence{Action: action, Actor: "operator"}, Personal{Detail: detail}, book.Change{})
	if err != nil {
		return unavailable("it could not be recorded, so nothing is shown", err)
	}
	return nil
}

// ResourceOf returns what policies see of an object, for a question asked beforehand.
func (r *Room) ResourceOf(ctx context.Context, bucket, key string) (strongroom.Resource, error) {
	b, exists := r.bucket(bucket)
	if !exists {
		return strongroom.Resource{Bucket: bucket, Key: key}, noBucket(bucket)
	}
	o, err := r.current(ctx, b, key)
	if errors.Is(err, book.ErrNoRow) {
		return strongroom.Resource{Bucket: bucket, Key: key, Custody: b.Custody}, notFound(true, bucket, key)
	}
	return resourceOf(o.Object), err
}

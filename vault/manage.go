package vault

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
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
		put(rowInvitation, hex.EncodeToString(f.Invitation[:]), "", invitationBody{Principal: f.Owner.ID, Ends: f.InvitationEnds}))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	_, err := r.apply(ctx, KindGenesis, Evidence{Action: KindGenesis, PolicySet: f.Hash, Custody: f.Custody},
		Personal{Subject: f.Owner.Name, Detail: "the room's first person, with access key " + f.AccessKey.ID}, change)
	return err
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

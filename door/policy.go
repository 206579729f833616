package door

import (
	"context"
	"time"

	"strongroom"
	"strongroom/limit"
	"strongroom/vault"
)

// Window is how far back replays and usage look where nobody says.
const Window = 90 * 24 * time.Hour

// NotHere says that a room has no such thing.
func NotHere(what string) error {
	return &strongroom.Error{Kind: strongroom.KindUnsupported, Message: "this server has no " + what}
}

// InForce compiles the policies in force, those of buckets included.
func (r *Room) InForce(ctx context.Context) (*limit.Set, error) {
	hash, err := r.Vault.PolicyInForce()
	if err != nil {
		return nil, err
	}
	return r.set(ctx, hash)
}

func (r *Room) set(ctx context.Context, hash string) (*limit.Set, error) {
	text, err := r.Vault.PolicySet(ctx, hash)
	if err != nil {
		return nil, err
	}
	return limit.Parse(text)
}

// Sets compiles the policies in force, and those that would be if text took the place of
// what is no bucket's.
func (r *Room) Sets(ctx context.Context, text string) (current, next *limit.Set, err error) {
	if _, err := limit.Parse([]byte(text)); err != nil {
		return nil, nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: err.Error(), Cause: err}
	}
	if current, err = r.InForce(ctx); err != nil {
		return nil, nil, err
	}
	whole, err := r.Vault.PolicyIf(ctx, []byte(text))
	if err != nil {
		return nil, nil, err
	}
	if next, err = limit.Parse(whole); err != nil {
		return nil, nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: "beside the policies that buckets have: " + err.Error(), Cause: err}
	}
	return current, next, nil
}

// ScanSince tells take what is on record since then, Window ago where that is zero, after
// putting on record that it is read.
func (r *Room) ScanSince(ctx context.Context, who vault.Caller, since time.Time, take func(*strongroom.Event)) error {
	if r.Scan == nil {
		return NotHere("reading of records")
	}
	if since.IsZero() {
		since = r.Vault.Clock().Add(-Window)
	}
	from, to, err := r.Range(ctx, since)
	if err != nil {
		return err
	}
	if _, err := r.Vault.ReadLedger(ctx, who, from, to); err != nil {
		return err
	}
	return r.Scan(ctx, from, to, take)
}

// Rights is what is granted, held against what was used.
type Rights struct {
	*limit.Usage
	Report limit.UsageReport
	Base   *limit.Set // what is no bucket's
	Hash   string     // of all that is in force
}

// Unused holds what is granted against what was used since then, for whoever may know all
// of it.
func (r *Room) Unused(ctx context.Context, who vault.Caller, since time.Time) (Rights, error) {
	if r.Scan == nil {
		return Rights{}, NotHere("usage")
	}
	out := Rights{Usage: limit.NewUsage()}
	people, err := r.Vault.Principals(ctx, who)
	if err != nil {
		return Rights{}, err
	}
	text, hash, err := r.Vault.ReadPolicy(ctx, who)
	if err != nil {
		return Rights{}, err
	}
	out.Hash = hash
	if out.Base, err = limit.Parse(text); err != nil {
		return Rights{}, err
	}
	set, err := r.InForce(ctx)
	if err != nil {
		return Rights{}, err
	}
	if err := out.SeeStored(ctx, r.Vault, who); err != nil {
		return Rights{}, err
	}
	if err := r.ScanSince(ctx, who, since, out.Take); err != nil {
		return Rights{}, err
	}
	out.Report = out.Usage.Unused(set, people, r.Vault.Clock().UTC(), func(hash string) (*limit.Set, error) {
		if hash == set.Hash() {
			return set, nil
		}
		return r.set(ctx, hash)
	})
	return out, nil
}

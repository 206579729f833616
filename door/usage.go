package door

import (
	"cmp"
	"context"
	"time"

	"strongroom"
	"strongroom/monitor"
	"strongroom/vault"
)

// AsOf says up to which record an answer counts.
type AsOf struct {
	Records int64 `json:"records"`
	Behind  int64 `json:"behind,omitempty" doc:"Records that are not counted yet."`
}

// Usage is one permitted question about who accessed what.
type Usage struct {
	*monitor.Monitor
	AsOf   AsOf
	names  vault.UsageNames
	actors map[string]monitor.Actor
}

// Usage asks the vault, in words, and waits so long until what was on record before is
// counted. There is to be a Monitor.
func (r *Room) Usage(ctx context.Context, who vault.Caller, question string, patience time.Duration) (Usage, error) {
	u := Usage{Monitor: r.Monitor, actors: map[string]monitor.Actor{}}
	size := r.Vault.Book.Head().Size
	var err error
	if u.names, err = r.Vault.ReadUsage(ctx, who, question); err != nil {
		return u, err
	}
	if u.AsOf.Records, err = r.Counted(ctx, size, patience); err != nil {
		return u, err
	}
	u.AsOf.Behind = max(0, size-u.AsOf.Records)
	all, err := u.Actors(ctx)
	for _, x := range all {
		u.actors[x.Actor] = x
	}
	return u, err
}

// Name is what to call an actor; "" is nobody, whom no record names.
func (u Usage) Name(actor string) string {
	if p, known := u.names.Principal(actor); known {
		return p.Name
	}
	return cmp.Or(u.actors[actor].Name, actor)
}

// Principal is who an actor is now, among those whom the room knows.
func (u Usage) Principal(actor string) (strongroom.Principal, bool) { return u.names.Principal(actor) }

// Tag stands for a name where the name itself must not stand.
func (u Usage) Tag(what, name string) string { return u.names.Tag(what, name) }

// Known reports whether the records name an actor, or the room knows one by it.
func (u Usage) Known(actor string) bool {
	_, recorded := u.actors[actor]
	_, known := u.names.Principal(actor)
	return recorded || known
}

// Actor finds the pseudonym of a name, or takes the pseudonym itself; false where there
// is no such principal, and no record names one.
func (u Usage) Actor(name string) (string, bool) {
	if actor, known := u.names.Actor(name); known {
		return actor, true
	}
	if _, known := u.actors[name]; known && name != "" {
		return name, true
	}
	for _, x := range u.actors {
		if x.Name == name && name != "" {
			return x.Actor, true
		}
	}
	return "", false
}

// ActorOf finds the pseudonym of a principal by id.
func (u Usage) ActorOf(id strongroom.ID) (string, bool) { return u.names.ActorOf(id) }

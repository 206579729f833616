package know

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"strongroom"
	"strongroom/vault"
)

// CatchUp tells a store everything that is on record now.
type CatchUp func(context.Context, Store) error

// Gathered is all that is known of a room's data and of what lies outside, taken at once.
type Gathered struct {
	Inventory
	States []SourceState
	All    []Row // the room's own, and what the last scans of sources found
	Flows  []Joined
	Owners []Ownership // what nobody answers for first

	taken Inventory // as it was taken of the room alone
	from  provenance
}

// Gather takes an inventory of a room on somebody's behalf, joins flows to it, and tells
// who answers for what. New counts what is from after since. With an earlier inventory of
// the room that is taken over, on record as a look at it; everything else is as it is now.
func Gather(ctx context.Context, room *vault.Room, st Store, c vault.Caller, catchUp CatchUp, since time.Time, earlier *Gathered) (Gathered, error) {
	var g Gathered
	from := provenance{}
	var err error
	if earlier != nil {
		if err := room.NoteInventory(ctx, c, vault.InventoryLook, "inventory", "of "+earlier.At.UTC().Format(time.RFC3339)); err != nil {
			return g, err
		}
		g.taken, from = earlier.taken, earlier.from
	} else if g.taken, err = own(room.Clock(), since, func(visit func(vault.Stored) error) (vault.InventoryTaken, error) {
		return room.Inventory(ctx, c, vault.InventoryRequest{Meta: []string{intakeSource}}, func(s vault.Stored) error {
			from.see(s)
			return visit(s)
		})
	}); err != nil {
		return g, err
	}
	g.Inventory, g.from = g.taken, from
	if g.States, err = SourceStates(ctx, st, room.Clock()); err != nil {
		return g, err
	}
	g.NotLookedAt = append(NotLookedAt(g.States), g.NotLookedAt...)
	g.All = slices.Clone(g.Rows)
	for _, state := range g.States {
		g.All = append(g.All, state.Rows()...)
	}
	if err := room.NoteInventory(ctx, c, vault.InventoryLook, "flows", ""); err != nil {
		return g, err
	}
	flows, imported, err := declared(ctx, st)
	if err != nil {
		return g, err
	}
	streams, err := seen(ctx, st, catchUp)
	if err != nil {
		return g, err
	}
	from.add(streams)
	g.Flows = Join(flows, imported, streams, scanned(g.States), room.Clock())
	g.Owners = ownerships(room, g.Inventory, g.States, flows)
	return g, nil
}

// Flows joins what was declared with what is seen by now, on somebody's behalf.
func Flows(ctx context.Context, room *vault.Room, st Store, c vault.Caller, catchUp CatchUp) ([]Joined, error) {
	if err := room.NoteInventory(ctx, c, vault.InventoryLook, "flows", ""); err != nil {
		return nil, err
	}
	streams, err := seen(ctx, st, catchUp)
	if err != nil {
		return nil, err
	}
	if err := Provenance(ctx, room, c, streams); err != nil {
		return nil, err
	}
	flows, imported, err := declared(ctx, st)
	if err != nil {
		return nil, err
	}
	states, err := SourceStates(ctx, st, room.Clock())
	if err != nil {
		return nil, err
	}
	return Join(flows, imported, streams, scanned(states), room.Clock()), nil
}

// Owners are the buckets, sources and declared flows with who answers for them, what
// nobody answers for first.
func Owners(ctx context.Context, room *vault.Room, st Store, c vault.Caller) ([]Ownership, error) {
	i, err := Own(ctx, room, c, time.Time{})
	if err != nil {
		return nil, err
	}
	states, err := SourceStates(ctx, st, room.Clock())
	if err != nil {
		return nil, err
	}
	flows, _, err := declared(ctx, st)
	if err != nil {
		return nil, err
	}
	return ownerships(room, i, states, flows), nil
}

// declared are the flows of the file that was taken in last, and when that was.
func declared(ctx context.Context, st Store) ([]Flow, time.Time, error) {
	file, found, err := st.Flows(ctx)
	if err != nil || !found {
		return nil, time.Time{}, err
	}
	flows, err := ParseFlows(file.Name, file.Text)
	return flows, file.Imported, err
}

func seen(ctx context.Context, st Store, catchUp CatchUp) ([]Stream, error) {
	if catchUp != nil {
		if err := catchUp(ctx, st); err != nil {
			return nil, err
		}
	}
	return st.Seen(ctx)
}

func scanned(states []SourceState) (out []Scanned) {
	for _, state := range states {
		one := Scanned{Source: state.Source, Scanned: state.Last != nil}
		if state.Last != nil {
			one.Entries, one.Newest = state.Last.Entries, Total(state.Last.Rows).Newest
		}
		out = append(out, one)
	}
	return out
}

func ownerships(room *vault.Room, i Inventory, states []SourceState, flows []Flow) []Ownership {
	all := []Ownership{}
	add := func(what, name, owner string, rows []Row) {
		o := Ownership{What: what, Name: name, Owner: owner}
		for _, r := range rows {
			if r.Place != name {
				continue
			}
			o.Count, o.Bytes = o.Count+r.Count, o.Bytes+r.Bytes
			if r.Label == Unknown {
				o.Unknown += r.Count
			}
		}
		o.Stand(room.PrincipalByName, room.Clock())
		all = append(all, o)
	}
	for _, b := range i.Taken.Buckets {
		add("bucket", b.Name, OwnerOf(b), i.Rows)
	}
	for _, state := range states {
		add("source", state.Name, state.Owner, state.Rows())
	}
	for _, f := range flows {
		add("flow", f.Name, f.Owner, nil)
	}
	SortOwners(all)
	return all
}

// What a name may turn out not to be.
var (
	ErrNobody   = errors.New("no principal has that name")
	ErrNoSource = errors.New("no source has that name")
)

// MayOwn refuses an owner that nobody could ask; "" is nobody, and may be.
func MayOwn(room *vault.Room, owner string) error {
	if owner == "" {
		return nil
	}
	switch p, known := room.PrincipalByName(owner); {
	case !known:
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no principal %q", owner), Hint: "see `strongroom people ls`", Cause: ErrNobody}
	case p.Kind != strongroom.Person:
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%s is a %s, and an owner is a person", owner, p.Kind)}
	}
	return nil
}

// SetOwner names the person who answers for a bucket or a source, nobody where owner is "".
// It is decided and on record before it is told whose names the room knows.
func SetOwner(ctx context.Context, room *vault.Room, st Store, c vault.Caller, what, name, owner string) error {
	switch what {
	case "bucket":
		if _, err := room.ReadBucket(ctx, c, name, "owner"); err != nil {
			return err
		}
		if err := MayOwn(room, owner); err != nil {
			return err
		}
		return SetBucketOwner(ctx, room, c, name, owner)
	case "source":
		if err := room.NoteInventory(ctx, c, vault.InventorySource, name, fmt.Sprintf("owner %q", owner)); err != nil {
			return err
		}
		if err := MayOwn(room, owner); err != nil {
			return err
		}
		all, err := st.Sources(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(one Source) bool { return one.Name == name })
		if i < 0 {
			return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no source %q", name), Hint: "see `strongroom know sources`", Cause: ErrNoSource}
		}
		all[i].Owner = owner
		return st.PutSource(ctx, all[i])
	}
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "an owner is named of a bucket or a source; a flow's stands in its file"}
}

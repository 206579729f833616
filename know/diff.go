package know

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"
)

// Snapshot is the sums of a scope at a time: of the room's own buckets (RoomScope), or of a
// source (its id). Ages are left out, since time alone changes them.
type Snapshot struct {
	Scope string    `json:"scope"`
	At    time.Time `json:"at"`
	Rows  []Row     `json:"rows"`
}

// RoomScope is the scope of the room's own buckets.
const RoomScope = "room"

// SnapshotOf makes a snapshot of rows.
func SnapshotOf(scope string, at time.Time, rows []Row) Snapshot {
	return Snapshot{Scope: scope, At: at, Rows: Fold(rows, []string{"place", "kind", "label", "class", "owner"})}
}

// What became of a group.
const (
	Appeared = "appeared"
	Vanished = "vanished"
	Grew     = "grew"
	Shrank   = "shrank"
)

// Change is what became of a group between two snapshots.
type Change struct {
	What   string `json:"what"`
	Group         // without age and owner
	Before Sum    `json:"before"`
	After  Sum    `json:"after"`
}

// Diff is what changed, the appeared first.
type Diff struct {
	Scopes  []Compared `json:"scopes"`
	Changes []Change   `json:"changes"`
}

// Compared says of a scope which times are compared.
type Compared struct {
	Scope string    `json:"scope"`
	From  time.Time `json:"from,omitzero"` // zero where there is no earlier snapshot, so that nothing is compared
	To    time.Time `json:"to"`
	// Later says that the earliest snapshot is younger than what was asked for.
	Later bool `json:"later,omitempty"`
}

// Compare adds to a diff what became of a scope since the newest snapshot that is as old as
// since.
func (d *Diff) Compare(ctx context.Context, st Store, now Snapshot, name string, since time.Time) error {
	was, found, err := st.SnapshotBefore(ctx, now.Scope, since)
	if err != nil {
		return err
	}
	c := Compared{Scope: name, To: now.At}
	if found && was.At.Before(now.At) {
		c.From, c.Later = was.At, was.At.After(since)
		d.Changes = append(d.Changes, changes(was, now)...)
		slices.SortStableFunc(d.Changes, func(a, b Change) int {
			return cmp.Or(cmp.Compare(changeRank(a.What), changeRank(b.What)), a.compare(b.Group))
		})
	}
	d.Scopes = append(d.Scopes, c)
	return nil
}

func changeRank(what string) int {
	return slices.Index([]string{Appeared, Vanished, Shrank, Grew}, what)
}

func changes(was, now Snapshot) []Change {
	by := []string{"place", "kind", "label", "class"}
	before, after := map[Group]Sum{}, map[Group]Sum{}
	for _, r := range Fold(was.Rows, by) {
		before[r.Group] = r.Sum
	}
	for _, r := range Fold(now.Rows, by) {
		after[r.Group] = r.Sum
	}
	var out []Change
	for g, a := range after {
		b, had := before[g]
		switch {
		case !had:
			out = append(out, Change{Appeared, g, b, a})
		case a.Count < b.Count:
			out = append(out, Change{Shrank, g, b, a})
		case a.Count > b.Count || a.Bytes != b.Bytes:
			out = append(out, Change{Grew, g, b, a})
		}
	}
	for g := range maps.Keys(before) {
		if _, has := after[g]; !has {
			out = append(out, Change{Vanished, g, before[g], Sum{}})
		}
	}
	return out
}

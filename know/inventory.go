package know

import (
	"context"
	"fmt"
	"slices"
	"time"

	"strongroom"
	"strongroom/vault"
)

// OwnerTag is the tag of a bucket that names its owner: the tag is part of the bucket's
// row, so the ledger tells who set it, and S3 clients can too.
const OwnerTag = "owner"

// Inventory is what there is, inside and outside, as far as it is known.
type Inventory struct {
	At    time.Time `json:"at"`
	Since time.Time `json:"since"` // what New counts from
	Rows  []Row     `json:"rows"`  // the least known first
	// Empty are buckets without an object.
	Empty []string `json:"empty_buckets,omitempty"`
	// NotLookedAt says what these figures do not cover.
	NotLookedAt []string `json:"not_looked_at"`

	Taken vault.InventoryTaken `json:"taken"`
}

// Own takes the inventory of a room's own buckets on somebody's behalf. New counts what is
// from after since.
func Own(ctx context.Context, room *vault.Room, c vault.Caller, since time.Time) (Inventory, error) {
	return own(room.Clock(), since, func(visit func(vault.Stored) error) (vault.InventoryTaken, error) {
		return room.Inventory(ctx, c, vault.InventoryRequest{}, visit)
	})
}

// Measured is the same, taken by the room itself.
func Measured(ctx context.Context, room *vault.Room) (Inventory, error) {
	return own(room.Clock(), time.Time{}, func(visit func(vault.Stored) error) (vault.InventoryTaken, error) { return room.Measure(ctx, visit) })
}

func own(now, since time.Time, take func(func(vault.Stored) error) (vault.InventoryTaken, error)) (Inventory, error) {
	// Names and owners of buckets come with the answer, so groups are made by id first.
	type key struct {
		bucket           strongroom.ID
		kind, label, age string
		class            string
	}
	sums := map[key]*Sum{}
	taken, err := take(func(s vault.Stored) error {
		label, class := labelOf(s.Label)
		k := key{s.Bucket, orUnknown(s.Attributes["kind"]), label, Age(s.Created, now), class}
		if sums[k] == nil {
			if len(sums) >= maxGroups {
				k = key{bucket: s.Bucket, kind: Unknown, label: Unknown, class: Unknown}
			}
			if sums[k] == nil {
				sums[k] = &Sum{}
			}
		}
		sums[k].add(s.Size, s.Created, since)
		return nil
	})
	if err != nil {
		return Inventory{}, err
	}
	i := Inventory{At: taken.At, Since: since, Taken: taken, NotLookedAt: []string{"the content of the room's objects: labels are as given when they were stored, or since"}}
	buckets := map[strongroom.ID]vault.StoredBucket{}
	holds := map[strongroom.ID]bool{}
	for _, b := range taken.Buckets {
		buckets[b.ID] = b
	}
	t := Tally{}
	for k, s := range sums {
		holds[k.bucket] = true
		b := buckets[k.bucket]
		if b.Name == "" {
			b.Name = k.bucket.String() // its row does not open
		}
		t.of(Group{Place: b.Name, Kind: k.kind, Label: k.label, Class: k.class, Age: k.age, Owner: OwnerOf(b)}).merge(*s)
	}
	i.Rows = t.Rows()
	for _, b := range taken.Buckets {
		if !holds[b.ID] {
			i.Empty = append(i.Empty, b.Name)
		}
	}
	if taken.Unread > 0 {
		i.NotLookedAt = append(i.NotLookedAt, fmt.Sprintf("%d rows of the room's database that do not open: see `strongroom ledger verify --state`", taken.Unread))
	}
	if taken.Uploads > 0 {
		i.NotLookedAt = append(i.NotLookedAt, fmt.Sprintf("what %d unfinished uploads have brought so far", taken.Uploads))
	}
	return i, nil
}

// OwnerOf is the owner that a bucket's tag names, or "".
func OwnerOf(b vault.StoredBucket) string {
	for _, t := range b.Tags {
		if t.Key == OwnerTag {
			return t.Value
		}
	}
	return ""
}

// intakeSource is the user metadata in which intake keeps where it took an object from.
const intakeSource = "intake-source"

// provenance is where intake took from what it stored in a bucket, by the intake's name.
type provenance map[stored][]string

type stored struct {
	bucket strongroom.ID
	by     string
}

func (p provenance) see(s vault.Stored) {
	if source := s.Meta[intakeSource]; source != "" {
		k := stored{s.Bucket, s.Attributes["intake"]}
		if len(p[k]) < maxKinds && !slices.Contains(p[k], source) {
			p[k] = append(p[k], source)
		}
	}
}

func (p provenance) add(streams []Stream) {
	for i := range streams {
		s := &streams[i]
		if s.Direction == Into {
			s.Sources = union(s.Sources, p[stored{s.BucketID, s.Principal}])
		}
	}
}

// Provenance adds to streams where intake took from what they stored, as the objects that
// are there now say.
func Provenance(ctx context.Context, room *vault.Room, c vault.Caller, streams []Stream) error {
	from := provenance{}
	_, err := room.Inventory(ctx, c, vault.InventoryRequest{Meta: []string{intakeSource}}, func(s vault.Stored) error {
		from.see(s)
		return nil
	})
	from.add(streams)
	return err
}

package limit

import (
	"context"

	"strongroom"
	"strongroom/vault"
)

// SeeStored adds what there is in a room, by its inventory and so on record, for whoever
// may take one: a right to what nobody asked for is then granted, and unused.
func (u *Usage) SeeStored(ctx context.Context, room *vault.Room, who vault.Caller) error {
	byBucket := map[strongroom.ID][]strongroom.Resource{}
	type sort struct {
		bucket strongroom.ID
		Shape
	}
	seen := map[sort]int{}
	taken, err := room.Inventory(ctx, who, vault.InventoryRequest{}, func(s vault.Stored) error {
		r := strongroom.Resource{
			Key: "an object", Version: s.Version, Custody: s.Custody, Size: s.Size, Created: s.Created, Attributes: s.Attributes, Label: s.Label, LegalHold: s.Hold, Scrubbed: s.Scrubbed,
		}
		if at := (sort{s.Bucket, ShapeOf(r)}); seen[at] < perShape {
			seen[at]++
			byBucket[s.Bucket] = append(byBucket[s.Bucket], r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	u.See(strongroom.Resource{})
	for _, b := range taken.Buckets {
		u.See(strongroom.Resource{Bucket: b.Name, Custody: b.Custody})
		for _, r := range byBucket[b.ID] {
			r.Bucket = b.Name
			u.See(r)
		}
	}
	return nil
}

package know

import (
	"cmp"
	"context"
	"slices"
	"time"

	"strongroom"
	"strongroom/vault"
)

// States of an owner, in the order in which they are shown.
const (
	NoOwner      = "no owner"
	OwnerUnknown = "no such principal"
	OwnerGone    = "suspended or expired"
	OwnerMachine = "not a person"
	Owned        = "owned"
)

var ownerStates = []string{NoOwner, OwnerUnknown, OwnerGone, OwnerMachine, Owned}

// Ownership is who answers for a thing.
type Ownership struct {
	State   string `json:"state"`
	What    string `json:"what"` // bucket, source or flow
	Name    string `json:"name"`
	Owner   string `json:"owner,omitempty"`
	Count   int64  `json:"count"`
	Bytes   int64  `json:"bytes"`
	Unknown int64  `json:"unlabelled"` // of Count, how many bear no label
}

// Stand says how an owner stands: lookup finds a principal by name.
func (o *Ownership) Stand(lookup func(string) (strongroom.Principal, bool), now time.Time) {
	p, known := lookup(o.Owner)
	switch {
	case o.Owner == "":
		o.State = NoOwner
	case !known:
		o.State = OwnerUnknown
	case p.Suspended || !p.Expires.IsZero() && now.After(p.Expires):
		o.State = OwnerGone
	case p.Kind != strongroom.Person:
		o.State = OwnerMachine
	default:
		o.State = Owned
	}
}

// SortOwners puts first what nobody answers for, and of that what is least labelled.
func SortOwners(all []Ownership) {
	slices.SortFunc(all, func(a, b Ownership) int {
		return cmp.Or(cmp.Compare(slices.Index(ownerStates, a.State), slices.Index(ownerStates, b.State)),
			cmp.Compare(b.Unknown, a.Unknown), cmp.Compare(a.What, b.What), cmp.Compare(a.Name, b.Name))
	})
}

// SetBucketOwner writes the tag that names a bucket's owner, or takes it away where owner is "".
func SetBucketOwner(ctx context.Context, room *vault.Room, c vault.Caller, bucket, owner string) error {
	return room.ConfigureBucket(ctx, c, bucket, "owner", func(b *strongroom.Bucket) error {
		tags := make([]strongroom.Tag, 0, len(b.Tags)+1)
		for _, t := range b.Tags {
			if t.Key != OwnerTag {
				tags = append(tags, t)
			}
		}
		if owner != "" {
			tags = append(tags, strongroom.Tag{Key: OwnerTag, Value: owner})
		}
		if len(tags) > 50 {
			return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "the bucket has 50 tags already, as many as S3 allows", Hint: "remove one"}
		}
		b.Tags = tags
		return nil
	})
}

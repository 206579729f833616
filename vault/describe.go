package vault

import (
	"context"
	"slices"
	"strings"
	"time"

	"strongroom"
)

// Described is all that may be known of a version without opening it.
type Described struct {
	Object   strongroom.Object
	Labelled Labelling
	Opens    Opens
	Missing  []strongroom.Obligation // what opening it still needs
	// Purpose is what an approval or broken glass of the asker is for, by which it opens, zero
	// where it opens by neither.
	Purpose strongroom.Purpose
	Kept    []Kept
	// Others are the other versions of its key that the asker may see, the newest first, at
	// most versionsDescribed.
	Others []strongroom.Object
	// Conversation has what else of it the asker may see, at most MaxFound.
	Conversation []Hit
}

// Kept is why a version can be neither deleted nor replaced now.
type Kept struct {
	Why   string // KeptByLegalHold and so on
	Rule  string
	Until time.Time // zero: until it is lifted
}

// Sort is what sort of content it is, TookPlace when it took place, or was stored, and
// Duration how long it lasts, 0 where that is not known: all as far as whoever stored it said.
func (d *Described) Sort() string {
	return sortOf(d.Object.Attribute("kind"), d.Object.Headers["Content-Type"])
}

func (d *Described) TookPlace() time.Time { return tookPlace(&d.Object) }

func (d *Described) Duration() time.Duration { return lasts(&d.Object) }

// NeedsTicket reports whether opening it needs a ticket.
func (d *Described) NeedsTicket() bool {
	return slices.Contains(d.Missing, strongroom.ObligeTicket)
}

// versionsDescribed bounds the other versions of one answer.
const versionsDescribed = 50

// Describe answers what may be known of a version without opening it, on record as a
// metadata read that says how many others are told of beside it. Whatever it was located by,
// only the version asked for is answered.
func (r *Room) Describe(ctx context.Context, c Caller, id strongroom.ID) (Described, error) {
	var d Described
	bucket, key, version, ok := r.Locate(id)
	if !ok {
		return d, noVersion()
	}
	o, err := r.identify(ctx, c, strongroom.ActionReadMetadata, bucket, key, version)
	if err != nil {
		return d, err
	}
	if o.Version != id {
		return d, noVersion()
	}
	a := r.decide(c, strongroom.ActionReadMetadata, resourceOf(o.Object))
	if !a.decision.Permit {
		return d, r.refuse(ctx, a)
	}
	if !r.mayOpen(c, o.Object) {
		o.hideChecksums()
	}
	r.foretell(&o.Object)
	d.Object = o.Object
	d.Opens, d.Missing = r.opens(c, resourceOf(o.Object))
	if d.Opens == OpensFreely {
		d.Purpose = r.decide(c, strongroom.ActionReadObject, resourceOf(o.Object)).question.Context.Purpose
	}
	if o.Labelled != nil {
		d.Labelled = *o.Labelled
	}
	rules, _, err := r.keepingNow()
	if err != nil {
		return Described{}, err
	}
	for _, k := range r.keepers(rules, &o.Object, r.Clock()) {
		d.Kept = append(d.Kept, Kept{Why: k.why, Rule: k.rule.Name, Until: k.until})
	}
	if d.Others, err = r.otherVersions(ctx, c, o); err != nil {
		return Described{}, err
	}
	if d.Conversation, err = r.conversationOf(c, o); err != nil {
		return Described{}, err
	}
	if err := r.noteMetadataRead(ctx, a, o, len(d.Others)+len(d.Conversation)); err != nil {
		return Described{}, err
	}
	return d, nil
}

// otherVersions are those of the same key that the asker may see.
func (r *Room) otherVersions(ctx context.Context, c Caller, of objectBody) ([]strongroom.Object, error) {
	b, exists := r.bucket(of.Bucket)
	if !exists {
		return nil, noBucket(of.Bucket)
	}
	var out []strongroom.Object
	for _, kind := range []string{rowObject, rowVersion, rowNull} {
		rows, err := r.Book.Find(ctx, kind, b.ID.String(), r.tag(b.ID, of.Key))
		if err != nil {
			return nil, unavailable("the room's database cannot be read now", err)
		}
		for _, row := range rows {
			o, err := readObject(row)
			if err != nil {
				return nil, unavailable("the object's row cannot be read", err)
			}
			if o.Version == of.Version || o.Key != of.Key || o.Marker {
				continue
			}
			o.Versioned, o.ByVersion = b.Versioning != strongroom.Unversioned, true
			if !r.decide(c, strongroom.ActionReadMetadata, resourceOf(o.Object)).decision.Permit {
				continue
			}
			o.hideChecksums()
			out = append(out, o.Object)
		}
	}
	slices.SortFunc(out, func(x, y strongroom.Object) int {
		if x.Sequence > y.Sequence {
			return -1
		}
		return 1
	})
	return out[:min(len(out), versionsDescribed)], nil
}

// conversationOf is what else of a version's conversation the asker may see, in the order
// of time.
func (r *Room) conversationOf(c Caller, of objectBody) ([]Hit, error) {
	conversation := of.Attribute("conversation")
	if conversation == "" {
		return nil, nil
	}
	s, err := r.sight(c)
	if err != nil {
		return nil, err
	}
	const around = 36 * time.Hour // what belongs together took place together
	at := tookPlace(&of.Object)
	r.state.mu.Lock() // copying a tree writes to it
	all := r.state.finds.Copy()
	r.state.mu.Unlock()
	var out []Hit
	all.Ascend(&found{at: at.Add(around).UnixNano()}, func(f *found) bool {
		if f.conversation.Value() == conversation && f.version != of.Version && s.shows(f) {
			name := s.bucket(f.bucket).name
			h := f.told(name)
			h.Opens, _ = r.opens(c, f.resource(name))
			out = append(out, h)
		}
		return f.at > at.Add(-around).UnixNano() && len(out) < MaxFound && s.decisions < decisionsMost
	})
	slices.SortFunc(out, func(a, b Hit) int {
		if n := a.At.Compare(b.At); n != 0 {
			return n
		}
		return strings.Compare(a.Key, b.Key)
	})
	return out, nil
}

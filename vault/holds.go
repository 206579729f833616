package vault

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"strongroom"
	"strongroom/book"
)

// KindHold is the record of a hold placed or lifted, and of a look at holds.
const KindHold = "hold"

// Attributes that a hold may name: x-amz-meta-strongroom-conversation and so on.
var HoldAttributes = []string{"conversation", "customer", "case"}

// Hold keeps what it names from being deleted or replaced until it is lifted: one key of
// a bucket, or one version of it, or whatever bears an attribute. It covers what is
// stored later too.
type Hold struct {
	ID        strongroom.ID `json:"id"`
	Bucket    string        `json:"bucket,omitempty"`
	Key       string        `json:"key,omitempty"`
	Version   string        `json:"version,omitempty"`   // as S3 clients name it; "" for every version of the key
	Attribute string        `json:"attribute,omitempty"` // conversation, customer or case, in the place of a key
	Value     string        `json:"value,omitempty"`
	Matter    string        `json:"matter"` // what it is for: a court's or the legal department's reference
	Reason    string        `json:"reason"`
	TwoPeople bool          `json:"two_people,omitempty"` // lifting takes two different people
	Placed    time.Time     `json:"placed"`
	By        string        `json:"by"`
	Asked     *Lifting      `json:"asked,omitempty"` // by the first of two people
	Lifted    *Lifting      `json:"lifted,omitempty"`
}

// Lifting is who lifts a hold, when and why.
type Lifting struct {
	At     time.Time     `json:"at"`
	By     string        `json:"by"`
	ByID   strongroom.ID `json:"by_id"`
	Reason string        `json:"reason"`
}

// LiftTogether is how long the first of two people waits for the second.
const LiftTogether = 7 * 24 * time.Hour

// holdTarget is what a hold names, as versions are looked up by.
type holdTarget struct{ bucket, key, version, attribute, value string }

func (h *Hold) target() holdTarget {
	return holdTarget{h.Bucket, h.Key, h.Version, h.Attribute, h.Value}
}

// What says what a hold is on.
func (h *Hold) What() string {
	switch {
	case h.Attribute != "":
		return h.Attribute + " " + h.Value
	case h.Version != "":
		return h.Bucket + "/" + h.Key + " version " + h.Version
	}
	return h.Bucket + "/" + h.Key
}

// targets are what a hold on this version may name.
func targets(o *strongroom.Object) []holdTarget {
	out := []holdTarget{{bucket: o.Bucket, key: o.Key}, {bucket: o.Bucket, key: o.Key, version: o.VersionName()}}
	for _, name := range HoldAttributes {
		if value := o.Attribute(name); value != "" {
			out = append(out, holdTarget{attribute: name, value: value})
		}
	}
	return out
}

// heldBy reports whether a hold keeps a version. It costs a look-up for each of what a
// hold could name, however many there are.
func (r *Room) heldBy(o *strongroom.Object) bool {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	if len(r.state.keeping.active) == 0 {
		return false
	}
	return slices.ContainsFunc(targets(o), func(t holdTarget) bool { return len(r.state.keeping.active[t]) > 0 })
}

// holdsOn answers the holds that keep a version.
func (r *Room) holdsOn(o *strongroom.Object) []strongroom.ID {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	if len(r.state.keeping.active) == 0 {
		return nil
	}
	var out []strongroom.ID
	for _, t := range targets(o) {
		out = append(out, r.state.keeping.active[t]...)
	}
	return out
}

func (h *Hold) check() error {
	invalid := func(message string) error {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: message}
	}
	byKey, byAttribute := h.Bucket != "" || h.Key != "" || h.Version != "", h.Attribute != "" || h.Value != ""
	switch {
	case byKey == byAttribute:
		return invalid("a hold is on a key, or on one conversation, customer or case")
	case byKey && (h.Bucket == "" || h.Key == ""):
		return invalid("a hold on an object names its bucket and key")
	case byAttribute && !slices.Contains(HoldAttributes, h.Attribute):
		return invalid("a hold is on a conversation, a customer or a case")
	}
	if byAttribute {
		if err := checkText("what a hold is on", h.Value, 1024); err != nil {
			return err
		}
	}
	if err := checkText("the matter of a hold", h.Matter, 128); err != nil {
		return err
	}
	return checkText("the reason of a hold", h.Reason, 1024)
}

// mayHold decides about a hold. One on an attribute concerns objects of any bucket and
// key: the question names them *, which no bucket can be called.
func (r *Room) mayHold(ctx context.Context, c Caller, h Hold) (asked, error) {
	resource := strongroom.Resource{Bucket: "*", Key: "*", Custody: StandardCustody, Attributes: map[string]string{h.Attribute: h.Value}}
	if h.Attribute == "" {
		b, exists := r.bucket(h.Bucket)
		resource = strongroom.Resource{Bucket: h.Bucket, Key: h.Key, ByVersion: h.Version != "", Custody: cmp.Or(b.Custody, StandardCustody)}
		if exists {
			if o, err := r.version(ctx, b, h.Key, h.Version); err == nil {
				resource = resourceOf(o.Object)
			}
		}
	}
	resources := []strongroom.Resource{resource}
	if b, exists := r.bucket(h.Bucket); exists && h.Key != "" && h.Version == "" {
		// It holds every version of the key: who puts a fitting one on top has no more say
		// over the others.
		for _, kind := range []string{rowVersion, rowNull} {
			rows, err := r.Book.Find(ctx, kind, b.ID.String(), r.tag(b.ID, h.Key))
			if err != nil {
				return asked{}, unavailable("the room's database cannot be read now", err)
			}
			for _, row := range rows {
				o, err := readObject(row)
				if err != nil {
					return asked{}, unavailable("the object's row cannot be read", err)
				}
				resources = append(resources, resourceOf(o.Object))
			}
		}
	}
	var a asked
	for _, resource := range resources {
		if a = r.decide(c, strongroom.ActionHoldObject, resource); !a.decision.Permit {
			return a, r.refuse(ctx, a)
		}
	}
	return a, nil
}

// PlaceHold places a hold.
func (r *Room) PlaceHold(ctx context.Context, c Caller, h Hold) (Hold, error) {
	if err := h.check(); err != nil {
		return h, err
	}
	a, err := r.mayHold(ctx, c, h)
	if err != nil {
		return h, err
	}
	if b, exists := r.bucket(h.Bucket); h.Bucket != "" && !exists {
		return h, noBucket(h.Bucket)
	} else if h.Version != "" {
		if o, err := r.version(ctx, b, h.Key, h.Version); err != nil || o.Marker {
			return h, noVersion()
		}
	}
	h.ID, h.Placed, h.By, h.Asked, h.Lifted = strongroom.NewID(), r.Clock().UTC(), a.question.Principal.Name, nil, nil
	return h, r.rewriteKeeping(func(k *keeping) (book.Change, error) {
		k.count.Holds++
		row, err := r.holdRow(h)
		return book.Change{Put: []book.Row{row}}, err
	}, func(change book.Change) error {
		return r.keepRecord(ctx, a, KindHold, "hold-place", h.ID.String(), h.What()+"; matter: "+h.Matter+because(h.Reason), change)
	})
}

func (r *Room) holdRow(h Hold) (book.Row, error) {
	row, err := row(rowHold, h.ID.String(), h)
	row.Tag = mac(r.tagKey, rowHold, h.Bucket, h.Key, h.Version, h.Attribute, h.Value)
	return row, err
}

// LiftHold lifts a hold. Where that takes two people, the first one's call is kept for a
// week and nothing is lifted until another person's; the answer's Lifted says whether it
// was. The row of a lifted hold stays.
func (r *Room) LiftHold(ctx context.Context, c Caller, id strongroom.ID, reason string) (Hold, error) {
	r.state.mu.RLock()
	h, known := r.state.keeping.holds[id]
	r.state.mu.RUnlock()
	if !known { // the same refusal for who may not know
		h = Hold{Attribute: HoldAttributes[0]}
	}
	a, err := r.mayHold(ctx, c, h)
	if err != nil {
		return Hold{}, err
	}
	if !known {
		return Hold{}, noHold(id)
	}
	if err := checkReason("a hold is to be lifted", reason); err != nil {
		return Hold{}, err
	}
	by := &Lifting{At: r.Clock().UTC(), By: a.question.Principal.Name, ByID: a.question.Principal.ID, Reason: reason}
	action := ""
	err = r.rewriteKeeping(func(k *keeping) (book.Change, error) {
		h = k.holds[id]
		if h.Lifted != nil {
			return book.Change{}, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("hold %s was lifted at %s", id, h.Lifted.At.Format(time.RFC3339))}
		}
		first := h.Asked
		if first != nil && by.At.Sub(first.At) > LiftTogether {
			first = nil
		}
		if h.TwoPeople && (first == nil || first.ByID == by.ByID) {
			action, h.Asked = "hold-lift-ask", by
		} else {
			action, h.Lifted = "hold-lift", by
		}
		row, err := r.holdRow(h)
		return book.Change{Put: []book.Row{row}}, err
	}, func(change book.Change) error {
		return r.keepRecord(ctx, a, KindHold, action, id.String(), h.What()+"; matter: "+h.Matter+because(reason), change)
	})
	return h, err
}

func noHold(id strongroom.ID) error {
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no hold %s", id), Hint: "see `strongroom hold ls`"}
}

// Held counts versions that something keeps.
type Held struct {
	Versions int64     `json:"versions"`
	Bytes    int64     `json:"bytes"`
	Oldest   time.Time `json:"oldest,omitzero"` // when the oldest of them was stored
}

func (h *Held) add(o *strongroom.Object) {
	h.Versions++
	h.Bytes += o.Size
	if h.Oldest.IsZero() || o.Modified.Before(h.Oldest) {
		h.Oldest = o.Modified
	}
}

// HoldsRequest asks what is under hold.
type HoldsRequest struct {
	Lifted bool // answer holds that were lifted too
	// Each, where not nil, is told of every version under hold, with the holds on it; the
	// asker must be permitted to list every bucket. Its error ends the listing.
	Each func(o strongroom.Object, holds []strongroom.ID) error
	Step func() // called for each version looked at
}

// HoldReport is a hold and what it keeps.
type HoldReport struct {
	Hold
	Held
}

// Holds is what is under hold.
type Holds struct {
	Holds []HoldReport `json:"holds"`      // in order of placing
	Lock  Held         `json:"legal_hold"` // versions under object lock's legal hold
	All   Held         `json:"all"`        // under either; a version counts once
}

// Holds answers every hold, what each keeps, and what object lock's legal holds keep,
// on record. Holds name customers and cases, so they are for those who may read the
// names in the ledger.
func (r *Room) Holds(ctx context.Context, c Caller, req HoldsRequest) (Holds, error) {
	a := r.decide(c, strongroom.ActionReadLedger, strongroom.Resource{})
	if !a.decision.Permit {
		return Holds{}, r.refuse(ctx, a)
	}
	if req.Each != nil {
		if err := r.mayName(ctx, c, ""); err != nil {
			return Holds{}, err
		}
	}
	if _, _, err := r.keepingNow(); err != nil {
		return Holds{}, err
	}
	if err := r.keepRecord(ctx, a, KindHold, "hold-list", "", "", book.Change{}); err != nil {
		return Holds{}, err
	}
	counts := map[strongroom.ID]*HoldReport{}
	r.state.mu.RLock()
	for id, h := range r.state.keeping.holds {
		if h.Lifted == nil || req.Lifted {
			counts[id] = &HoldReport{Hold: h}
		}
	}
	r.state.mu.RUnlock()
	var report Holds
	for _, b := range r.bucketsByName("") {
		err := r.walk(ctx, b, func(page []walked) error {
			for _, w := range page {
				if req.Step != nil {
					req.Step()
				}
				if w.marker {
					continue
				}
				o, err := r.walkedRow(ctx, w)
				if err != nil {
					return err
				}
				if o == nil {
					continue
				}
				holds := r.holdsOn(&o.Object)
				for _, id := range holds {
					if h := counts[id]; h != nil {
						h.add(&o.Object)
					}
				}
				if o.LegalHold {
					report.Lock.add(&o.Object)
				}
				if len(holds) == 0 && !o.LegalHold {
					continue
				}
				report.All.add(&o.Object)
				if req.Each != nil {
					if err := req.Each(o.Object, holds); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return report, err
		}
	}
	for _, h := range counts {
		report.Holds = append(report.Holds, *h)
	}
	slices.SortFunc(report.Holds, func(a, b HoldReport) int {
		return cmp.Or(a.Placed.Compare(b.Placed), cmp.Compare(a.ID.String(), b.ID.String()))
	})
	return report, nil
}

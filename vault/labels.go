package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"strongroom"
	"strongroom/book"
)

// Classifier is the workload that opens texts to label them. Policy has to permit it like
// anybody else, and it never sets a label that is less strict.
var Classifier = strongroom.Principal{
	ID: strongroom.ID([]byte("strongroom-class")), Name: "strongroom-classifier", Kind: strongroom.Workload,
}

// PurposeClassification is the purpose that the Classifier names.
const PurposeClassification = "classification"

// Labelling tells where a version's label comes from, when it is not what storing gave it.
type Labelling struct {
	By   string        `json:"by"` // name of the principal
	ByID strongroom.ID `json:"by_id"`
	At   time.Time     `json:"at"`
	// Override: somebody set it and said why. What the classifier finds does not change it.
	Override bool   `json:"override,omitempty"`
	Reason   string `json:"reason,omitempty"`
	// Detectors is the version of the detectors that looked through the content last, "" for none.
	Detectors string `json:"detectors,omitempty"`
}

// Relabelling changes what a version's label says.
type Relabelling struct {
	Bucket, Key, Version string
	// Of is the version that whoever asks has seen under that name, or zero: what took its
	// place since is another.
	Of strongroom.ID
	// Confidential and Classes take the place of what the label says; nil leaves it.
	Confidential *bool
	Classes      []string
	Reason       string // why, at most 512 bytes; required unless Judged is there
	// Judged is what the classifier found, which is joined to the label.
	Judged *Judged
}

// Judged is the label that detectors of some version give.
type Judged struct {
	Of        strongroom.ID // the version that was read; what took its place since is another
	Label     strongroom.Label
	Detectors string
}

// Bounds of a label that somebody sets.
const (
	maxClasses     = 32
	maxLabelReason = 512
	maxReasons     = 48
)

const setReason = "set: " // begins the reason that an override leaves

func (x *Relabelling) check() error {
	wrong := func(format string, args ...any) error {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf(format, args...)}
	}
	if x.Judged == nil && strings.TrimSpace(x.Reason) == "" {
		return wrong("a label is set for a reason, and none is given")
	}
	if len(x.Reason) > maxLabelReason {
		return wrong("the reason has %d bytes, it may have %d", len(x.Reason), maxLabelReason)
	}
	return checkClasses(x.Classes)
}

func checkClasses(classes []string) error {
	wrong := func(format string, args ...any) error {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf(format, args...)}
	}
	if len(classes) > maxClasses {
		return wrong("a label may have %d classes, these are %d", maxClasses, len(classes))
	}
	for _, c := range classes {
		if c == "" || len(c) > 32 || strings.Trim(c, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return wrong("a class has 1 to 32 lower-case letters, digits and hyphens, not %q", c)
		}
	}
	return nil
}

// NewLabel is what is to be said of a label; nil leaves it as it is.
type NewLabel struct {
	Confidential *bool    `json:"confidential,omitempty"`
	Classes      []string `json:"classes,omitzero"` // none is another thing than nothing said
}

// of answers what a label becomes, without reasons.
func (n NewLabel) of(l strongroom.Label) strongroom.Label {
	to := strongroom.Label{Confidential: l.Confidential, Classes: l.Classes}
	if n.Confidential != nil {
		to.Confidential = *n.Confidential
	}
	if n.Classes != nil {
		to.Classes = slices.Compact(slices.Sorted(slices.Values(n.Classes)))
	}
	return to
}

// asStrict reports whether two labels ask for the same.
func asStrict(a, b strongroom.Label) bool { return !looser(a, b) && !looser(b, a) }

// looser reports whether a label asks for less than another.
func looser(to, from strongroom.Label) bool {
	return from.Confidential && !to.Confidential || slices.ContainsFunc(from.Classes, func(c string) bool { return !slices.Contains(to.Classes, c) })
}

// of answers what becomes of a label.
func (x *Relabelling) of(o objectBody) (strongroom.Label, Labelling) {
	var l Labelling
	if o.Labelled != nil {
		l = *o.Labelled
	}
	if x.Judged != nil {
		l.Detectors = x.Judged.Detectors
		if l.Override {
			return o.Label, l
		}
		to := join(x.Judged.Label, o.Label)
		if !looser(x.Judged.Label, o.Label) { // it explains every class, so older reasons may go
			to.Reasons = x.Judged.Label.Reasons
		}
		to.Reasons = to.Reasons[:min(len(to.Reasons), maxReasons)]
		return to, l
	}
	to := NewLabel{x.Confidential, x.Classes}.of(o.Label)
	to.Reasons = []string{setReason + x.Reason}
	for _, r := range o.Label.Reasons {
		if !strings.HasPrefix(r, setReason) && len(to.Reasons) < maxReasons {
			to.Reasons = append(to.Reasons, r)
		}
	}
	l.Override, l.Reason = true, x.Reason
	return to, l
}

// Relabel changes a version's label and answers it as it is then. What is as strict or
// stricter is decided as relabel, what is less strict as loosenLabel. One commit holds the label and
// its record.
func (r *Room) Relabel(ctx context.Context, c Caller, x Relabelling) (strongroom.Object, Labelling, error) {
	if err := x.check(); err != nil {
		return strongroom.Object{}, Labelling{}, err
	}
	for range 16 {
		o, err := r.identify(ctx, c, strongroom.ActionRelabel, x.Bucket, x.Key, x.Version)
		if err != nil {
			return strongroom.Object{}, Labelling{}, err
		}
		if x.Judged != nil && x.Judged.Of != o.Version || !x.Of.IsZero() && x.Of != o.Version {
			return strongroom.Object{}, Labelling{}, noVersion() // a version's name may be null, whatever is stored there
		}
		to, l := x.of(o)
		action := strongroom.ActionRelabel
		if looser(to, o.Label) {
			action, c.to = strongroom.ActionLoosenLabel, &strongroom.Label{Confidential: to.Confidential, Classes: to.Classes}
		}
		a := r.decide(c, action, resourceOf(o.Object))
		if !a.decision.Permit {
			return strongroom.Object{}, Labelling{}, r.refuse(ctx, a)
		}
		b, exists := r.bucket(x.Bucket)
		if !exists {
			return strongroom.Object{}, Labelling{}, noBucket(x.Bucket)
		}
		l.By, l.ByID, l.At = a.question.Principal.Name, a.question.Principal.ID, r.Clock().UTC()
		if x.Judged != nil && o.Labelled != nil && o.Labelled.Override {
			l.By, l.ByID, l.At = o.Labelled.By, o.Labelled.ByID, o.Labelled.At
		}
		condition, was := o.unchanged(), nameOf(o.Label)
		o.Label, o.Labelled = to, &l
		row, err := r.objectRow(b, o, o.kind == rowObject)
		if err != nil {
			return strongroom.Object{}, Labelling{}, err
		}
		e, p := r.evidence(string(action), a), a.personal()
		e.Bucket, e.Blob, e.Version, e.Custody = b.ID, o.Blob, o.Version, o.Custody
		p.Detail = fmt.Sprintf("%s, was %s", nameOf(to), was)
		if x.Judged != nil {
			p.Detail += ", by detectors " + x.Judged.Detectors
		} else {
			p.Detail += ": " + x.Reason
		}
		_, err = r.apply(ctx, KindAmend, e, p, book.Change{Require: []book.Condition{condition}, Put: []book.Row{row}})
		if _, changed := errors.AsType[*book.ConditionError](err); changed {
			continue
		}
		if err != nil {
			return strongroom.Object{}, Labelling{}, unavailable("the label could not be recorded, so it was not changed", err)
		}
		return o.Object, l, nil
	}
	return strongroom.Object{}, Labelling{}, conflict(errors.New("the object changed with every attempt"))
}

// LabelOf answers a version with its label and where that comes from, on record as a
// metadata read. A Labelling without a name: the label is what storing gave it.
func (r *Room) LabelOf(ctx context.Context, c Caller, bucket, key, version string) (strongroom.Object, Labelling, error) {
	o, err := r.identify(ctx, c, strongroom.ActionReadMetadata, bucket, key, version)
	if err != nil {
		return strongroom.Object{}, Labelling{}, err
	}
	a := r.decide(c, strongroom.ActionReadMetadata, resourceOf(o.Object))
	if !a.decision.Permit {
		return strongroom.Object{}, Labelling{}, r.refuse(ctx, a)
	}
	if err := r.noteMetadataRead(ctx, a, o, 0); err != nil {
		return strongroom.Object{}, Labelling{}, err
	}
	if !r.mayOpen(c, o.Object) {
		o.hideChecksums()
	}
	if o.Labelled == nil {
		return o.Object, Labelling{}, nil
	}
	return o.Object, *o.Labelled, nil
}

// MayClassify decides whether somebody may have a bucket, or with "" every bucket, looked
// through for labels, and puts that on record. Whoever may set stricter labels may.
func (r *Room) MayClassify(ctx context.Context, c Caller, bucket, prefix string) error {
	all := r.bucketsByName(bucket)
	if bucket != "" && len(all) == 0 {
		return noBucket(bucket)
	}
	for _, b := range all {
		a := r.decide(c, strongroom.ActionRelabel, strongroom.Resource{Bucket: b.Name, Key: prefix + "*", Custody: b.Custody, Created: r.Clock().UTC()})
		if !a.decision.Permit {
			return r.refuse(ctx, a)
		}
		e := r.evidence("classification-run", a)
		e.Bucket = b.ID
		if err := r.note(ctx, KindAmend, e, a); err != nil {
			return unavailable("the run could not be recorded, so it does not begin", err)
		}
	}
	return nil
}

// ToClassify tells every version with content in a bucket, or with "" in every bucket, in order of key,
// with where its label comes from. It is for the Classifier: what policy does not let it read the
// metadata of is only counted, in the answer.
func (r *Room) ToClassify(ctx context.Context, bucket, prefix string, each func(strongroom.Object, Labelling) error) (refused int64, err error) {
	c := Caller{Principal: Classifier, Method: "local", Secure: true, Purpose: strongroom.Purpose{Text: PurposeClassification}}
	for _, b := range r.bucketsByName(bucket) {
		err := r.walk(ctx, b, func(page []walked) error {
			for _, w := range page {
				if w.marker || !strings.HasPrefix(w.key, prefix) {
					continue
				}
				o, err := r.walkedRow(ctx, w)
				if err != nil {
					return err
				}
				if o == nil {
					continue
				}
				if !r.decide(c, strongroom.ActionReadMetadata, resourceOf(o.Object)).decision.Permit {
					refused++
					continue
				}
				var l Labelling
				if o.Labelled != nil {
					l = *o.Labelled
				}
				if err := each(o.Object, l); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return refused, err
		}
	}
	return refused, nil
}

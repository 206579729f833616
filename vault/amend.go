package vault

import (
	"context"
	"errors"

	"strongroom"
	"strongroom/book"
)

// KindAmend is the record of a change to what is known of a version: tags, hold,
// retention. Its content stays.
const KindAmend = "amend"

// SetTags gives a version, "" being the current one, these tags in the place of those
// it had.
func (r *Room) SetTags(ctx context.Context, c Caller, bucket, key, version string, tags []strongroom.Tag) (strongroom.Object, error) {
	return r.amend(ctx, c, strongroom.ActionTagObject, "tags", bucket, key, version, func(_ bucketRow, o *objectBody, _ *asked) error {
		o.Tags = tags
		return nil
	})
}

// SetLegalHold places or lifts a version's legal hold.
func (r *Room) SetLegalHold(ctx context.Context, c Caller, bucket, key, version string, on bool) (strongroom.Object, error) {
	what := "legal-hold-lift"
	if on {
		what = "legal-hold"
	}
	return r.amend(ctx, c, strongroom.ActionHoldObject, what, bucket, key, version, func(b bucketRow, o *objectBody, _ *asked) error {
		if b.Lock == nil && (on || !o.LegalHold) { // a copy may have brought one along
			return noLock()
		}
		o.LegalHold, o.HoldSet = on, true
		return nil
	})
}

// SetRetention retains a version until a time, or lets it go. Retention that is active
// can be made longer; shorter, or of another mode, only where it is governance retention,
// and by those who may bypass it.
func (r *Room) SetRetention(ctx context.Context, c Caller, bucket, key, version string, to strongroom.Retention, bypass bool) (strongroom.Object, error) {
	return r.amend(ctx, c, strongroom.ActionRetainObject, "retention", bucket, key, version, func(b bucketRow, o *objectBody, a *asked) error {
		if b.Lock == nil {
			return noLock()
		}
		was := o.Retention
		if was.Active(r.Clock()) && (to.Mode != was.Mode || to.Until.Before(was.Until)) {
			if err := r.mayBypass(ctx, c, *o, bypass, a); err != nil {
				return err
			}
		}
		o.Retention = to
		return nil
	})
}

// amend changes a version's row in its place.
func (r *Room) amend(ctx context.Context, c Caller, action strongroom.Action, what, bucket, key, version string, change func(bucketRow, *objectBody, *asked) error) (strongroom.Object, error) {
	for range 16 {
		o, err := r.identify(ctx, c, action, bucket, key, version)
		if err != nil {
			return strongroom.Object{}, err
		}
		a := r.decide(c, action, resourceOf(o.Object))
		if !a.decision.Permit {
			return strongroom.Object{}, r.refuse(ctx, a)
		}
		b, exists := r.bucket(bucket)
		if !exists {
			return strongroom.Object{}, noBucket(bucket)
		}
		condition := o.unchanged()
		if err := change(b, &o, &a); err != nil {
			return strongroom.Object{}, err
		}
		row, err := r.objectRow(b, o, o.kind == rowObject)
		if err != nil {
			return strongroom.Object{}, err
		}
		e := r.evidence(what, a)
		e.Bucket, e.Blob, e.Version, e.Custody = b.ID, o.Blob, o.Version, o.Custody
		beside, err := r.beside(a, e)
		if err != nil {
			return strongroom.Object{}, err
		}
		_, err = r.apply(ctx, KindAmend, e, a.personal(), book.Change{Require: []book.Condition{condition}, Put: []book.Row{row}}, beside...)
		if _, changed := errors.AsType[*book.ConditionError](err); changed {
			continue
		}
		if err != nil {
			return strongroom.Object{}, unavailable("the change could not be recorded, so nothing was changed", err)
		}
		return o.Object, nil
	}
	return strongroom.Object{}, conflict(errors.New("the object changed with every attempt"))
}

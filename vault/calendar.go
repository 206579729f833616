package vault

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"strongroom"
	"strongroom/book"
)

// What stands in the place of a day or month in a calendar.
const (
	WhenHeld  = "held"  // until a hold is lifted
	WhenNever = "never" // no rule has it deleted
)

// CalendarRequest asks when what is stored now will be deleted for good.
type CalendarRequest struct {
	Bucket   string    // only this one
	From, To time.Time // only what is deleted from ≤ t < to; the zero time is no bound
	ByDay    bool      // sums by day, else by month
	// Each, where not nil, is told of every version, in order of bucket and key; the asker
	// must be permitted to list the buckets. Its error ends the calendar.
	Each func(CalendarEntry) error
	Step func() // called for each version looked at
}

// CalendarEntry is the end of one version.
type CalendarEntry struct {
	Bucket  string    `json:"bucket"`
	Key     string    `json:"key"`
	Version string    `json:"version"`
	Stored  time.Time `json:"stored"`
	Size    int64     `json:"size"`
	Label   string    `json:"label"`
	ending
}

// ending is when a version is deleted and by what, and what keeps it until then.
type ending struct {
	Ends time.Time `json:"ends,omitzero"` // zero where nothing has it deleted, or a hold keeps it
	By   string    `json:"by,omitempty"`
	Rule string    `json:"rule,omitempty"`
	Kept string    `json:"kept,omitempty"` // what keeps it longer than the rule, or for how long it is not known
	Why  string    `json:"why,omitempty"`  // it has no end
}

// CalendarSum counts the versions that end in the same way.
type CalendarSum struct {
	When     string `json:"when"` // a month, 2031-07, or a day, 2031-07-14; or held, or never
	Bucket   string `json:"bucket"`
	Label    string `json:"label"`
	By       string `json:"by,omitempty"`
	Rule     string `json:"rule,omitempty"`
	Kept     string `json:"kept,omitempty"`
	Why      string `json:"why,omitempty"`
	Versions int64  `json:"versions"`
	Bytes    int64  `json:"bytes"`
}

// Calendar is what becomes of everything that is stored, as the rules stand.
type Calendar struct {
	At       time.Time     `json:"at"`
	Sums     []CalendarSum `json:"sums"`
	Versions int64         `json:"versions"`
	Bytes    int64         `json:"bytes"`
	Overdue  int64         `json:"overdue"`   // versions that the next run deletes
	SetAside int64         `json:"set_aside"` // versions whose maximum is shorter than a minimum
}

// Calendar answers when every version will be deleted for good, and by which rule, what
// keeps it longer, and what has no end at all, on record. It holds sums in memory and no
// versions.
func (r *Room) Calendar(ctx context.Context, c Caller, req CalendarRequest) (Calendar, error) {
	a := r.decide(c, strongroom.ActionReadPolicy, strongroom.Resource{})
	if !a.decision.Permit {
		return Calendar{}, r.refuse(ctx, a)
	}
	if _, exists := r.bucket(req.Bucket); req.Bucket != "" && !exists {
		return Calendar{}, noBucket(req.Bucket)
	}
	if req.Each != nil {
		if err := r.mayName(ctx, c, req.Bucket); err != nil {
			return Calendar{}, err
		}
	}
	rules, _, err := r.keepingNow()
	if err != nil {
		return Calendar{}, err
	}
	if err := r.keepRecord(ctx, a, KindRetention, "retention-calendar", req.Bucket, "", book.Change{}); err != nil {
		return Calendar{}, err
	}
	x := calendar{Room: r, CalendarRequest: req, rules: rules, sums: map[CalendarSum]*[2]int64{}}
	x.out.At = r.Clock().UTC()
	for _, b := range r.bucketsByName(req.Bucket) {
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
				if err := x.add(&b.Bucket, &o.Object, w.standing); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return x.out, err
		}
	}
	for sum, n := range x.sums {
		sum.Versions, sum.Bytes = n[0], n[1]
		x.out.Sums = append(x.out.Sums, sum)
	}
	slices.SortFunc(x.out.Sums, func(a, b CalendarSum) int {
		return cmp.Or(cmp.Compare(a.When, b.When), cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Label, b.Label),
			cmp.Compare(a.By, b.By), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Kept, b.Kept), cmp.Compare(a.Why, b.Why))
	})
	return x.out, nil
}

type calendar struct {
	*Room
	CalendarRequest
	rules []RetentionRule
	out   Calendar
	sums  map[CalendarSum]*[2]int64
}

func (x *calendar) add(b *strongroom.Bucket, o *strongroom.Object, at standing) error {
	end := x.endOf(b, o, at)
	var when string
	form := "2006-01"
	if x.ByDay {
		form = "2006-01-02"
	}
	switch {
	case end.Why != "":
		when = WhenNever
	case end.Ends.IsZero():
		when = WhenHeld
	default:
		if !x.From.IsZero() && end.Ends.Before(x.From) || !x.To.IsZero() && !end.Ends.Before(x.To) {
			return nil
		}
		when = end.Ends.Format(form)
		if !x.out.At.Before(end.Ends) {
			x.out.Overdue++
		}
	}
	x.out.Versions++
	x.out.Bytes += o.Size
	label := nameOf(o.Label)
	key := CalendarSum{When: when, Bucket: b.Name, Label: label, By: end.By, Rule: end.Rule, Kept: end.Kept, Why: end.Why}
	n := x.sums[key]
	if n == nil {
		n = new([2]int64)
		x.sums[key] = n
	}
	n[0]++
	n[1] += o.Size
	if x.Each == nil {
		return nil
	}
	return x.Each(CalendarEntry{Bucket: b.Name, Key: o.Key, Version: o.VersionName(), Stored: o.Modified, Size: o.Size, Label: label, ending: end})
}

// nameOf is a label in a word or few.
func nameOf(l strongroom.Label) string {
	name := ClassNonConfidential
	if l.Confidential {
		name = ClassConfidential
	}
	classes := slices.Sorted(slices.Values(l.Classes))
	return strings.TrimSuffix(name+" "+strings.Join(classes, "+"), " ")
}

// endOf answers the end of a version, if nothing happens meanwhile but what rules do.
func (x *calendar) endOf(b *strongroom.Bucket, o *strongroom.Object, at standing) ending {
	now := x.out.At
	own, room := lifecycle(b, o, at), retention(x.rules, o, at)
	if room.setAside {
		x.out.SetAside++
	}
	why := "nobody decided"
	switch {
	case own.act == HideVersion && b.Versioning == strongroom.VersioningSuspended && o.Null:
		own.act = RemoveVersion // the delete marker takes its place
	case own.act == HideVersion:
		older := *o
		older.Latest, older.Succeeded = false, latest(own.due, now)
		if own = lifecycle(b, &older, standing{}); own.due.IsZero() {
			why = "its bucket's rule hides it, and none deletes what is hidden"
		}
	case own.due.IsZero() && !o.Latest:
		for i := range b.Lifecycle {
			if rule := &b.Lifecycle[i]; filters(rule, o) && rule.NoncurrentDays > 0 && at.newer < rule.NoncurrentKeep {
				why = fmt.Sprintf("it is among the %d newest older versions, which rule %s keeps", rule.NoncurrentKeep, rule.ID)
			}
		}
	}
	v := earliest(own, room)
	end := ending{Ends: v.due, By: v.by, Rule: v.rule}
	if v.due.Year() > 9999 {
		v.due = time.Time{}
	}
	if v.due.IsZero() {
		end = ending{Why: why}
	} else {
		end.Ends = latest(v.due, now) // what is overdue ends with the next run
	}
	for _, k := range x.keepers(x.rules, o, now) {
		if k.until.IsZero() {
			end.Ends, end.Kept, end.Why = time.Time{}, k.why, ""
			return end
		}
		if !end.Ends.IsZero() && k.until.After(end.Ends) {
			end.Ends, end.Kept = k.until, k.why
		}
	}
	return end
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// Stored counts the versions and delete markers of the room, to show by how far work on
// all of them is.
func (r *Room) Stored() int64 {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	return int64(len(r.state.versions))
}

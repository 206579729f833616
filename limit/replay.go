package limit

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"strongroom"
)

// Replay decides recorded questions again by another policy set, and gathers what would
// have come out differently: for whom, on which object, how often. It is safe for
// concurrent use.
type Replay struct {
	next, current *Set

	mu     sync.Mutex
	report ReplayReport
	rows   map[changeKey]*Change
}

// maxChanges bounds the rows that a replay keeps apart; what comes besides is counted.
const maxChanges = 100_000

// ReplayReport is what a policy set would have changed. Every recorded decision is in
// exactly one of Same, Already, Refused, Asked and Permitted.
type ReplayReport struct {
	PolicySet string    `json:"policy_set"` // hex SHA-256 of the set that was tried
	From      time.Time `json:"from,omitzero"`
	To        time.Time `json:"to,omitzero"` // of the first and the last decision
	Decisions int64     `json:"decisions"`
	Same      int64     `json:"same"`
	Refused   int64     `json:"refused"`   // was permitted, and would have been refused
	Asked     int64     `json:"asked"`     // was permitted, and would have been asked for more
	Permitted int64     `json:"permitted"` // was refused, and would have been permitted
	// Already comes out as the new set has it under the set in force as well: what the
	// change would not change.
	Already int64 `json:"already"`

	// What cannot be said.
	Erased  int64 `json:"not_replayable"` // decisions whose personal part was erased
	Counted int64 `json:"counted_only"`   // refusals that were counted rather than recorded

	Changes []Change `json:"changes"`              // most frequent first
	Beyond  int64    `json:"changes_beyond"`       // decisions that differ and whose rows are not kept
	Errors  []string `json:"evaluation,omitempty"` // what the new set could not evaluate, at most ten
}

// Change is what would have come out differently for one person and one object.
type Change struct {
	What      string                  `json:"what"` // refused, asked or permitted
	Principal string                  `json:"principal"`
	Action    strongroom.Action       `json:"action"`
	Bucket    string                  `json:"bucket,omitempty"`
	Key       string                  `json:"key,omitempty"`
	Shape     Shape                   `json:"shape"`              // the sort of object
	Missing   []strongroom.Obligation `json:"missing,omitempty"`  // what would have been asked for
	Policies  []string                `json:"policies,omitempty"` // that would have decided
	Count     int64                   `json:"count"`
	First     time.Time               `json:"first"`
	Last      time.Time               `json:"last"`
}

type changeKey struct {
	what        string
	principal   strongroom.ID
	action      strongroom.Action
	bucket, key string
}

// NewReplay returns a replay of next beside the set in force.
func NewReplay(next, current *Set) *Replay {
	return &Replay{next: next, current: current, report: ReplayReport{PolicySet: next.Hash(), Changes: []Change{}}, rows: map[changeKey]*Change{}}
}

// decided reports whether an event is a decision on record, and whether it can be made again.
func decided(e *strongroom.Event) (decision, replayable bool) {
	if e.Question != nil && e.Decision != nil {
		return true, true
	}
	return e.Outcome != "" && e.Erased, false
}

// beyondRate is what a count of refusals beyond the recorded rate says, whatever the action.
const beyondRate = " refused beyond the recorded rate to "

// Take decides the question of an event again.
func (r *Replay) Take(e *strongroom.Event) {
	decision, replayable := decided(e)
	if !replayable {
		var counted int64
		for kind, n := range e.Counts {
			if strings.Contains(kind, beyondRate) {
				counted += n
			}
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if decision {
			r.report.Decisions++
			r.report.Erased++
		}
		r.report.Counted += counted
		return
	}
	now := r.next.Decide(*e.Question)
	what := ""
	switch was := e.Decision.Permit; {
	case was && !now.Permit && len(now.Missing) > 0 && len(now.Errors) == 0:
		what = "asked"
	case was && !now.Permit:
		what = "refused"
	case !was && now.Permit:
		what = "permitted"
	}
	already := what != "" && r.current.Decide(*e.Question).Permit == now.Permit

	r.mu.Lock()
	defer r.mu.Unlock()
	p := &r.report
	p.Decisions++
	if p.From.IsZero() || e.Time.Before(p.From) {
		p.From = e.Time
	}
	if e.Time.After(p.To) {
		p.To = e.Time
	}
	for _, fault := range now.Errors {
		if len(p.Errors) < 10 && !slices.Contains(p.Errors, fault) {
			p.Errors = append(p.Errors, fault)
		}
	}
	switch {
	case what == "":
		p.Same++
		return
	case already:
		p.Already++
		return
	case what == "asked":
		p.Asked++
	case what == "refused":
		p.Refused++
	case what == "permitted":
		p.Permitted++
	}
	q := e.Question
	key := changeKey{what, q.Principal.ID, q.Action, q.Resource.Bucket, q.Resource.Key}
	row := r.rows[key]
	if row == nil {
		if len(r.rows) >= maxChanges {
			p.Beyond++
			return
		}
		row = &Change{What: what, Principal: q.Principal.Name, Action: q.Action, Bucket: q.Resource.Bucket, Key: q.Resource.Key, Shape: ShapeOf(q.Resource), First: e.Time}
		r.rows[key] = row
	}
	row.Count++
	if e.Time.Before(row.First) {
		row.First = e.Time
	}
	if !e.Time.Before(row.Last) {
		row.Last, row.Missing, row.Policies = e.Time, now.Missing, now.Policies
	}
}

// Report answers what was gathered so far.
func (r *Replay) Report() ReplayReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.report
	out.Errors = slices.Clone(out.Errors)
	out.Changes = make([]Change, 0, len(r.rows))
	for _, row := range r.rows {
		out.Changes = append(out.Changes, *row)
	}
	slices.SortFunc(out.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.What, b.What), cmp.Compare(a.Principal, b.Principal),
			cmp.Compare(a.Action, b.Action), cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Key, b.Key))
	})
	return out
}

// ClassChange is what would have come out differently for one person and one sort of
// object.
type ClassChange struct {
	What      string
	Principal string
	Action    strongroom.Action
	Shape     Shape
	Missing   []strongroom.Obligation
	Count     int64 // decisions
	Objects   int   // of which each differs
	Examples  []Change
	Last      time.Time
}

// ByClass gathers the changes by person and sort of object, most frequent first, each with
// at most so many examples.
func (r ReplayReport) ByClass(examples int) []ClassChange {
	type key struct {
		what, principal string
		action          strongroom.Action
		shape           Shape
	}
	rows := map[key]*ClassChange{}
	var out []*ClassChange
	for _, c := range r.Changes {
		k := key{c.What, c.Principal, c.Action, c.Shape}
		row := rows[k]
		if row == nil {
			row = &ClassChange{What: c.What, Principal: c.Principal, Action: c.Action, Shape: c.Shape, Missing: c.Missing}
			rows[k] = row
			out = append(out, row)
		}
		row.Count += c.Count
		row.Objects++
		if len(row.Examples) < examples {
			row.Examples = append(row.Examples, c)
		}
		if c.Last.After(row.Last) {
			row.Last = c.Last
		}
	}
	slices.SortStableFunc(out, func(a, b *ClassChange) int { return cmp.Compare(b.Count, a.Count) })
	all := make([]ClassChange, len(out))
	for i, row := range out {
		all[i] = *row
	}
	return all
}

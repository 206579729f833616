package iam

import "slices"

// Scoped is the answer for a whole set of resources.
type Scoped struct {
	// Certain is the part that is allowed whatever is not known. Possible is the part that
	// is allowed if what is not known turns out for it: unknown conditions met on what
	// allows, not met on what denies. Their Example says whether they have members.
	Certain, Possible Set
	// Because are the statements that speak of some of the resources and hold, or may: those
	// that allow and those that deny.
	Because []Because
	// Missing are the kinds of policy that were not supplied, or have faults.
	Missing []PolicyKind
}

// Residual are the conditions whose outcome is not known of the statements that count, each
// once.
func (s *Scoped) Residual() []Condition {
	var out []Condition
	for _, b := range s.Because {
		for _, o := range b.Conditions {
			if o.Met == Maybe && !slices.ContainsFunc(out, o.Condition.equal) {
				out = append(out, o.Condition)
			}
		}
	}
	return out
}

var sets = calculus[Set]{all: Everything(), and: Set.Intersect, or: Set.Union}

// Scope asks for every resource of a set at once: which of them the principal may use, for
// certain and at most. The resources must be of one account (q.Account) and of one kind:
// objects, keys, roles …; ResourcePattern writes their set.
func Scope(q Question, resources Set, p Policies) Scoped {
	e := newEvaluation(&q, &p, q.Account)
	e.required = resources.requirePolicy(e.action)
	var out Scoped
	if q.Principal.Kind == Root && e.action == "sts:assumerole" {
		return out
	}
	for _, fixed := range unchangeable {
		if slices.Contains(fixed.actions, e.action) {
			resources = resources.Minus(fixed.resources)
		}
	}
	var last pair[Set]
	certain, possible, denied := gather(&sets, e,
		func(s *Compound) pair[Set] {
			sure, most := s.region(&e.asked)
			last.possible = most.Intersect(resources)
			if last.certain = last.possible; !s.isFixed {
				last.certain = sure.Intersect(resources)
			}
			return last
		},
		func(b Because) {
			if b.Holds == No || last.possible.None() {
				return
			}
			if b.Holds == Maybe {
				b.Conditions = b.Statement.outcomes(&e.asked)
			}
			b.Resource = Maybe
			if !last.certain.None() {
				b.Resource = Yes
			}
			out.Because = append(out.Because, b)
		})
	sure, most := between(&sets, e, e.same(q.Account), &certain, &possible)
	out.Certain = sure.Intersect(resources).Minus(denied.possible)
	out.Possible = most.Intersect(resources).Minus(denied.certain)
	slices.Sort(e.missing)
	out.Missing = slices.Compact(e.missing)
	return out
}

// requirePolicy says that the set is of resources whose own policy must allow the action.
func (s Set) requirePolicy(action string) bool {
	for _, t := range s.terms {
		if slices.ContainsFunc(t.in, func(p Pattern) bool { return requiresPolicy(action, p.text) }) {
			return true
		}
	}
	return false
}

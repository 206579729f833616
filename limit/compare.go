package limit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"
	tree "github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"strongroom"
)

// Verdict says which way a change of policy goes.
type Verdict string

const (
	Loosened  Verdict = "loosened"  // something is permitted, or asks for less, that was not
	Tightened Verdict = "tightened" // something is not permitted any more, or asks for more
	Both      Verdict = "both"
	Neither   Verdict = "neither"
)

// Loose reports whether more is permitted than before.
func (v Verdict) Loose() bool { return v == Loosened || v == Both }

// Comparison is what a change of policy comes to.
type Comparison struct {
	Verdict Verdict `json:"verdict"`
	// Shown: some question is answered more freely. Where the verdict is loose and this is
	// false, the text alone says that it may be: a forbid went or became narrower, a permit
	// came or reaches further.
	Shown    bool     `json:"shown"`
	Recorded Answers  `json:"recorded"` // questions on record
	Possible Answers  `json:"possible"` // what sorts of people could ask of sorts of resources
	Wider    []string `json:"wider"`    // policies whose text may loosen, at most twenty
	Narrower []string `json:"narrower"` // policies whose text may tighten, at most twenty
	Beyond   int      `json:"beyond"`   // possible questions that were not looked at, being too many
}

// Answers counts questions by how their answer changes.
type Answers struct {
	Asked     int `json:"asked"`
	Loosened  int `json:"loosened"`
	Tightened int `json:"tightened"`
}

const (
	maxPossible = 50_000 // questions that are made up
	maxSorts    = 200    // of people, and of resources
	maxCovers   = 2_000_000
	maxNamed    = 20
)

// Compare holds two policy sets against each other, by deciding: questions on record, and
// what the sorts of people in them, and those that changed policies name, could ask of the
// sorts of resources in them. Only questions that a changed policy can concern are decided;
// the others are answered as before. It does not see conditions on the network address, the
// time of day and exact names but through the text.
func Compare(old, new *Set, recorded []strongroom.Question, now time.Time) Comparison {
	c := Comparison{Verdict: Neither, Wider: []string{}, Narrower: []string{}}
	gone, come := changedPolicies(old, new)
	if len(gone)+len(come) == 0 {
		return c
	}
	loose, tight := c.byText(old, new, gone, come)
	before, after := indexOf(gone), indexOf(come)
	ask := func(to *Answers, q *strongroom.Question) {
		if len(before.candidates(q)) == 0 && len(after.candidates(q)) == 0 {
			return
		}
		to.Asked++
		l, t := differ(old.Decide(*q), new.Decide(*q))
		if l {
			to.Loosened++
		}
		if t {
			to.Tightened++
		}
	}
	for i := range recorded {
		ask(&c.Recorded, &recorded[i])
	}
	for q := range possibleOf(recorded, slices.Concat(gone, come), now) {
		if c.Possible.Asked >= maxPossible {
			c.Beyond++
			continue
		}
		ask(&c.Possible, &q)
	}
	c.Shown = c.Recorded.Loosened+c.Possible.Loosened > 0
	loose = loose || c.Shown
	tight = tight || c.Recorded.Tightened+c.Possible.Tightened > 0
	switch {
	case loose && tight:
		c.Verdict = Both
	case loose:
		c.Verdict = Loosened
	case tight:
		c.Verdict = Tightened
	}
	return c
}

// Sentence says what was found, without names of people or objects.
func (c Comparison) Sentence() string {
	var says []string
	if c.Shown {
		says = append(says, fmt.Sprintf("%d of %d questions on record and %d of %d possible ones are answered more freely", c.Recorded.Loosened, c.Recorded.Asked, c.Possible.Loosened, c.Possible.Asked))
	} else if c.Verdict.Loose() {
		says = append(says, fmt.Sprintf("by its text it may permit more, though none of %d questions on record and %d possible ones shows it", c.Recorded.Asked, c.Possible.Asked))
	}
	if len(c.Wider) > 0 {
		says = append(says, "wider: "+strings.Join(c.Wider, ", "))
	}
	if n := c.Recorded.Tightened + c.Possible.Tightened; n > 0 || len(c.Narrower) > 0 {
		says = append(says, fmt.Sprintf("it tightens as well (%d answers)", n))
	}
	if c.Beyond > 0 {
		says = append(says, fmt.Sprintf("%d possible questions were not looked at", c.Beyond))
	}
	return strings.Join(says, "; ")
}

// differ compares two answers: whether the second is freer in some way, and stricter.
func differ(was, is strongroom.Decision) (looser, tighter bool) {
	rank := func(d strongroom.Decision) int {
		switch {
		case d.Permit:
			return 2
		case len(d.Missing) > 0 && len(d.Errors) == 0:
			return 1
		}
		return 0
	}
	if a, b := rank(was), rank(is); a != b || a != 1 {
		return b > a, b < a
	}
	return !meets(is.Missing, was.Missing), !meets(was.Missing, is.Missing)
}

// meets reports whether whoever meets a has met b too.
func meets(a, b []strongroom.Obligation) bool {
	return !slices.ContainsFunc(b, func(o strongroom.Obligation) bool {
		return !slices.ContainsFunc(a, func(other strongroom.Obligation) bool {
			return kindOf(other) == kindOf(o) && other.Approvals() >= o.Approvals()
		})
	})
}

// changedPolicies are those of each set that the other does not have, whatever they are called.
func changedPolicies(old, new *Set) (gone, come []*policy) {
	only := func(of, besides *Set) (out []*policy) {
		known := map[string]bool{}
		for _, p := range besides.policies {
			known[p.meaning()] = true
		}
		for _, p := range of.policies {
			if !known[p.meaning()] {
				out = append(out, p)
			}
		}
		slices.SortFunc(out, func(a, b *policy) int { return strings.Compare(a.id, b.id) })
		return out
	}
	return only(old, new), only(new, old)
}

// meaning is a policy without what only people read of it.
func (p *policy) meaning() string {
	return fmt.Sprintf("%s\n%s", bare((*ast.Policy)(p.compiled.AST())), p.requires)
}

// bare writes a policy without annotations.
func bare(p *ast.Policy) string {
	plain := *p
	plain.Annotations, plain.Position = nil, ast.Position{}
	return string(cedar.NewPolicyFromAST((*tree.Policy)(&plain)).MarshalCedar())
}

// indexOf finds those of some policies that can concern a question.
func indexOf(some []*policy) *Set {
	s := &Set{index: map[scope][]*policy{}}
	for _, p := range some {
		for _, at := range scopesOf(p.compiled) {
			s.index[at] = append(s.index[at], p)
		}
	}
	return s
}

// byText says what the text of the changes may do, without deciding anything.
func (c *Comparison) byText(old, new *Set, gone, come []*policy) (loose, tight bool) {
	wider := func(p *policy, why string) { loose = true; c.Wider = listed(c.Wider, p, why) }
	narrower := func(p *policy, why string) { tight = true; c.Narrower = listed(c.Narrower, p, why) }
	left, forms := maxCovers, map[*Set][]form{}
	covered := func(p *policy, by *Set) bool {
		if forms[by] == nil {
			for _, other := range by.policies {
				forms[by] = append(forms[by], formOf(other))
			}
		}
		mine := formOf(p)
		return slices.ContainsFunc(forms[by], func(other form) bool {
			left--
			return left >= 0 && other.covers(mine) // in doubt it is not
		})
	}
	for _, p := range come {
		switch permit := p.compiled.Effect() == cedar.Permit; {
		case covered(p, old):
		case permit:
			wider(p, "permit")
		default:
			narrower(p, "forbid")
		}
	}
	for _, p := range gone {
		switch permit := p.compiled.Effect() == cedar.Permit; {
		case covered(p, new):
		case permit:
			narrower(p, "permit")
		default:
			wider(p, "forbid")
		}
	}
	return loose, tight
}

func listed(list []string, p *policy, why string) []string {
	if len(list) < maxNamed {
		list = append(list, why+" "+p.id)
	}
	return list
}

// form is what of a policy can be compared without deciding.
type form struct {
	effect     cedar.Effect
	principal  ast.IsPrincipalScopeNode
	resource   ast.IsResourceScopeNode
	actions    []strongroom.Action
	conditions []string // all of which have to hold
	requires   []strongroom.Obligation
}

func formOf(p *policy) form {
	parsed := (*ast.Policy)(p.compiled.AST())
	f := form{effect: p.compiled.Effect(), principal: parsed.Principal, resource: parsed.Resource, requires: p.requires}
	for _, at := range scopesOf(p.compiled) {
		f.actions = append(f.actions, at.action)
	}
	for _, condition := range parsed.Conditions {
		parts := []ast.IsNode{condition.Body}
		if condition.Condition == ast.ConditionWhen {
			parts = conjuncts(condition.Body, nil)
		}
		for _, part := range parts {
			one := ast.Permit()
			one.Conditions = []ast.ConditionType{{Condition: condition.Condition, Body: part}}
			f.conditions = append(f.conditions, bare(one))
		}
	}
	return f
}

// covers reports whether f surely matches all that g matches, and asks for no more.
func (f form) covers(g form) bool {
	if f.effect != g.effect || !meets(g.requires, f.requires) {
		return false
	}
	if _, all := f.principal.(ast.ScopeTypeAll); !all && f.principal != g.principal {
		return false
	}
	if _, all := f.resource.(ast.ScopeTypeAll); !all && f.resource != g.resource {
		return false
	}
	for _, a := range g.actions {
		if !slices.Contains(f.actions, a) {
			return false
		}
	}
	for _, condition := range f.conditions {
		if !slices.Contains(g.conditions, condition) {
			return false
		}
	}
	return true
}

// possibleOf makes up what sorts of people could ask of sorts of resources.
func possibleOf(recorded []strongroom.Question, changed []*policy, now time.Time) func(func(strongroom.Question) bool) {
	people := map[string]strongroom.Principal{}
	var sorts []string
	add := func(p strongroom.Principal) {
		encoded, err := json.Marshal([]any{p.Kind, slices.Sorted(slices.Values(p.Groups)), p.Attributes})
		if _, known := people[string(encoded)]; err != nil || known || len(people) >= maxSorts {
			return
		}
		people[string(encoded)] = p
		sorts = append(sorts, string(encoded))
	}
	for _, p := range changed { // those first, whom it is about
		for _, at := range scopesOf(p.compiled) {
			for _, kind := range []strongroom.PrincipalKind{strongroom.Person, strongroom.Workload} {
				some := strongroom.Principal{ID: strongroom.ID{1}, Name: "somebody", Kind: kind}
				switch {
				case at.group:
					some.Groups = []string{at.principal}
				case at.principal != "":
					some.Name = at.principal
				}
				add(some)
			}
		}
	}
	shapes := map[Shape]int{{}: 1}
	resources := []strongroom.Resource{{}}
	place := func(r strongroom.Resource) {
		s := ShapeOf(r)
		if shapes[s] < 2 && len(resources) < maxSorts {
			shapes[s]++
			resources = append(resources, r)
		}
	}
	for i := range recorded {
		if p := recorded[i].Principal; !p.Suspended && (p.Expires.IsZero() || now.Before(p.Expires)) {
			add(p)
		}
		r := recorded[i].Resource
		place(r)
		if r.Key != "" {
			place(strongroom.Resource{Bucket: r.Bucket, Custody: r.Custody})
		}
	}
	variants := []func(*strongroom.Question){
		func(*strongroom.Question) {},
		func(q *strongroom.Question) { q.Context.Purpose = strongroom.Purpose{} },
		func(q *strongroom.Question) { q.Context.Approvals = []strongroom.ID{{2}} },
		func(q *strongroom.Question) { q.Context.BreakGlass = strongroom.ID{3} },
	}
	return func(yield func(strongroom.Question) bool) {
		for _, action := range actionNames() {
			kinds := roomSchema().Actions[types.NewEntityUID(typeAction, types.String(action))].AppliesTo.Resources
			for _, sort := range sorts {
				for _, r := range resources {
					if !slices.Contains(kinds, typeOf(r)) {
						continue
					}
					for i, vary := range variants {
						q := possible(people[sort], strongroom.Action(action), r, false, now)
						vary(&q)
						if !yield(q) {
							return
						}
						if i == 0 && r.Key != "" { // the same of what bears their own name
							if !yield(possible(people[sort], strongroom.Action(action), r, true, now)) {
								return
							}
						}
					}
				}
			}
		}
	}
}

func typeOf(r strongroom.Resource) types.EntityType {
	switch {
	case r.Bucket == "":
		return typeRoom
	case r.Key == "":
		return typeBucket
	}
	return typeObject
}

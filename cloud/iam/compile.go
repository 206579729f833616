package iam

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Compiled is a policy that has been made ready for many questions. It does not change, so
// one may serve every principal that has the policy, at the same time.
type Compiled struct {
	*Policy
	statements []*Compound
	unsure     bool // it has faults by which it may say more than its statements do
}

// Compound is a statement that has been made ready.
type Compound struct {
	*Statement
	Policy     *Policy
	actions    []Pattern // in lower case
	resources  []resource
	fixed      Set // the resources, where no variable stands in them
	isFixed    bool
	conditions []condition
}

type resource struct {
	text    template
	pattern Pattern // without variables
}

// Compile makes a policy ready. What it finds wrong with conditions joins the policy's
// Faults, in a copy: a statement that cannot be evaluated is left out, and makes whatever
// depends on the policy Unknown. One that allows by a name or a value that nothing can have
// allows nothing by it.
func Compile(p *Policy) *Compiled {
	own := *p
	own.Faults = slices.Clip(own.Faults)
	c := &Compiled{Policy: &own, unsure: len(p.Faults) > 0}
	variables := p.Version == "2012-10-17"
	for i := range own.Statements {
		s := &own.Statements[i]
		out := &Compound{Statement: s, Policy: &own}
		fault := func(element string, err error) {
			own.Faults = append(own.Faults, Fault{p.Name, fmt.Sprintf("Statement[%d].%s", s.Index, element), err.Error()})
		}
		ok := true
		for j := range s.Conditions {
			cond, err := compileCondition(&s.Conditions[j], variables)
			if err != nil {
				fault("Condition", err)
				// A value that is not what the operator compares equals nothing: who is allowed
				// something by it is not allowed. "*" may be more than an ARN to AWS.
				_, unread := errors.AsType[errValue](err)
				ok = ok && unread && s.Allow && !cond.negated && !slices.Contains(s.Conditions[j].Values, "*")
			}
			out.conditions = append(out.conditions, cond)
		}
		for _, text := range s.Resources {
			if text != "*" && !strings.HasPrefix(text, "arn:") && !strings.HasPrefix(text, "*") {
				fault("Resource", fmt.Errorf("%q is neither an ARN nor *", text))
				if s.Allow && !s.NotResources {
					continue // no resource is called so
				}
				ok = false
			}
			if strings.HasPrefix(text, "arn:") && strings.Count(text, ":") < 5 && s.Principals == nil && (s.Allow && !s.NotResources || !strings.ContainsAny(text, "*?")) {
				text += ":*" // a policy of an identity may leave parts out (IAM User Guide, "JSON policy elements: Resource")
			}
			r := resource{text: compileTemplate(text, variables)}
			if !r.text.wellPlaced() {
				fault("Resource", fmt.Errorf("%q: variables stand in the last part of an ARN only", text))
				ok = false
			}
			if !r.text.variable {
				r.pattern = newPattern(parts(r.text.tokens(nil)), text)
			}
			out.resources = append(out.resources, r)
		}
		if s.Principals != nil {
			for _, name := range s.Principals.AWS {
				if name != "*" && strings.ContainsAny(name, "*?") {
					fault("Principal", fmt.Errorf("%q: a principal's name takes no wildcards beside * alone", name))
					ok = ok && s.Allow && !s.Principals.Not // nobody is called so
				}
			}
		}
		if !ok {
			c.unsure = true
			continue
		}
		for _, a := range s.Actions {
			out.actions = append(out.actions, ActionPattern(a))
		}
		if !slices.ContainsFunc(out.resources, func(r resource) bool { return r.text.variable }) {
			out.fixed, _ = out.region(nil)
			out.isFixed = true
		}
		c.statements = append(c.statements, out)
	}
	return c
}

// Statements are the policy's that could be understood.
func (c *Compiled) Statements() []*Compound { return c.statements }

// String names a statement: user alice, inline policy p1: Statement[2] "ReadCalls".
func (s *Compound) String() string {
	text := fmt.Sprintf("%s: Statement[%d]", s.Policy.Name, s.Index)
	if s.Sid != "" {
		text += fmt.Sprintf(" %q", s.Sid)
	}
	return text
}

// Concerns says whether the statement speaks of an action, which is in lower case.
func (s *Compound) Concerns(action string) bool {
	for i := range s.actions {
		if s.actions[i].Match(action) {
			return !s.NotActions
		}
	}
	return s.NotActions
}

// ActionSet is the set of actions that the statement speaks of, in lower case.
func (s *Compound) ActionSet() Set {
	if s.NotActions {
		return Everything().Minus(Of(s.actions...))
	}
	return Of(s.actions...)
}

// region is the set of resources that a statement speaks of: for certain, and at most,
// where a variable's value is not known. Nil asks for a statement without variables.
func (s *Compound) region(a *asked) (certain, possible Set) {
	if s.isFixed {
		return s.fixed, s.fixed
	}
	var sure, may []Pattern
	for i := range s.resources {
		r := &s.resources[i]
		if !r.text.variable {
			sure, may = append(sure, r.pattern), append(may, r.pattern)
			continue
		}
		tokens, there := r.text.fill(a)
		switch {
		case there == Yes:
			p := newPattern(parts(tokens), plain(tokens))
			sure, may = append(sure, p), append(may, p)
		case there == Maybe || s.NotResources:
			// Without a value it matches nothing, and makes the statement invalid.
			tokens = r.text.tokens([]rune{anyRun})
			may = append(may, newPattern(parts(tokens), r.text.String()))
		}
	}
	switch {
	case s.NotResources:
		return Everything().Minus(Of(may...)), Everything().Minus(Of(sure...))
	case s.Resources == nil:
		return Everything(), Everything() // a trust policy is about its own role
	}
	return Of(sure...), Of(may...)
}

// covers says whether the statement speaks of a resource.
func (s *Compound) covers(resource string, a *asked) Truth {
	if s.Resources == nil {
		return Yes
	}
	out := No
	for i := range s.resources {
		r := &s.resources[i]
		if !r.text.variable {
			out = max(out, truth(r.pattern.Match(resource)))
			continue
		}
		tokens, there := r.text.fill(a)
		switch {
		case there == Yes:
			out = max(out, truth(newPattern(parts(tokens), "").Match(resource)))
		case there == Maybe || s.NotResources:
			if newPattern(parts(r.text.tokens([]rune{anyRun})), "").Match(resource) {
				out = max(out, Maybe)
			}
		}
	}
	if s.NotResources {
		return out.Not()
	}
	return out
}

// met says whether all conditions hold.
func (s *Compound) met(a *asked) Truth {
	out := Yes
	for i := range s.conditions {
		if out = min(out, s.conditions[i].holds(a)); out == No {
			break
		}
	}
	return out
}

// names says how the statement names a principal, which an identity's own policies need not:
// for certain, and at most.
func (s *Compound) names(p *Principal, boundary Truth) (certain, possible match) {
	if !s.Principals.Not {
		if s.Principals.Anyone && !s.Allow {
			return matchSelf, matchSelf
		}
		return s.Principals.named(p)
	}
	excepted := s.Principals.excepted(p)
	switch {
	case !s.Allow && (p.Kind == User || p.Kind == Role):
		// NotPrincipal denies whoever has a permissions boundary, listed or not.
		excepted = min(excepted, boundary.Not())
	case s.Allow:
		switch certain, _ := s.Principals.named(p); {
		case excepted == Maybe && certain >= matchSource:
			return matchNone, matchAccount // itself it is left out, so at most its account is meant
		case certain == matchAccount:
			return matchNone, matchSelf
		}
	}
	if excepted == No {
		certain = matchSelf
	}
	if excepted != Yes {
		possible = matchSelf
	}
	return certain, possible
}

// String is the template as it was written, in lower-case keys.
func (t *template) String() string {
	var b strings.Builder
	for _, p := range t.pieces {
		if p.key != "" {
			b.WriteString("${" + p.key + "}")
			continue
		}
		b.WriteString(plain(p.tokens))
	}
	return b.String()
}

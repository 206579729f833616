package account

import (
	"fmt"

	"strongroom/cloud/iam"
)

// finishPolicies names what policies say and AWS does not know: actions, by the list that
// comes with the program, and elements that a policy of its kind does not have. Each document
// is looked at once, under the first of its names; AWS's own are newer than the list at times
// and are left out.
func (l *Loader) finishPolicies() {
	type text struct {
		first    *iam.Statement
		identity bool
	}
	seen := map[text]bool{}
	known := map[string]bool{}
	note := func(p *iam.Policy, s *iam.Statement, element, format string, args ...any) {
		(&document{l: l}).fault(fmt.Sprintf("%s: Statement[%d].%s", p.Name, s.Index, element), format, args...)
	}
	look := func(p *iam.Policy, identity bool) {
		if p == nil || len(p.Statements) == 0 || seen[text{&p.Statements[0], identity}] {
			return
		}
		seen[text{&p.Statements[0], identity}] = true
		for i := range p.Statements {
			s := &p.Statements[i]
			for _, action := range s.Actions {
				ok, asked := known[action]
				if !asked {
					ok = iam.Known(action)
					known[action] = ok
				}
				if ok {
					continue
				}
				more := ""
				if near := iam.Suggest(action); near != "" {
					more = "; did it mean " + near + "?"
				}
				note(p, s, "Action", "%q is no action of AWS's list of %s%s", action, iam.CatalogueVersion(), more)
			}
			if identity && s.Principals != nil {
				note(p, s, "Principal", "a policy of an identity has none, and IAM takes no such policy: what it permits is unknown")
			}
			if identity && s.Resources == nil {
				note(p, s, "Resource", "it is missing, and IAM takes no such policy: what it permits is unknown")
			}
		}
	}
	all := func(lists ...[]Attached) {
		for _, list := range lists {
			for _, x := range list {
				if x.ARN == "" {
					look(x.Policy, true)
				}
			}
		}
	}
	for _, u := range l.a.Users {
		all(u.Inline)
	}
	for _, r := range l.a.Roles {
		all(r.Inline)
		look(r.Trust, false)
	}
	for _, g := range l.a.Groups {
		all(g.Inline)
	}
	for _, m := range l.a.Managed {
		if !m.AWS {
			for _, v := range m.Versions {
				look(v.Policy, true)
			}
			look(m.Policy, true)
		}
	}
	for _, b := range l.a.Buckets {
		look(b.Policy.V, false)
	}
	for _, p := range l.a.AccessPoints {
		look(p.Policy.V, false)
	}
	for _, k := range l.a.Keys {
		look(k.Policy.V, false)
	}
	if o := l.a.Organization.V; o != nil {
		for _, level := range o.Levels {
			for _, x := range append(level.SCPs.V, level.RCPs.V...) {
				look(x.Policy, false)
			}
		}
	}
}

package reach

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"strongroom/cloud/iam"
)

// list is who can do something: classes, each with how surely. Lists do not change and are
// interned: the same list is the same pointer.
type list struct {
	id      int
	entries []entry // by class
}

type entry struct {
	class int32
	level Certainty
}

var none = &list{}

func (l *list) of(class int) Certainty {
	i, ok := slices.BinarySearchFunc(l.entries, int32(class), func(e entry, c int32) int { return cmp.Compare(e.class, c) })
	if !ok {
		return No
	}
	return l.entries[i].level
}

// intern makes a list of entries, which are sorted by class.
func (e *engine) intern(entries []entry) *list {
	if len(entries) == 0 {
		return none
	}
	key := make([]byte, 0, 5*len(entries))
	for _, x := range entries {
		key = binary.LittleEndian.AppendUint32(key, uint32(x.class))
		key = append(key, byte(x.level))
	}
	l := e.lists[string(key)]
	if l == nil {
		l = &list{id: len(e.lists) + 1, entries: slices.Clip(entries)}
		e.lists[string(key)] = l
	}
	return l
}

// and is who can do both.
func (e *engine) and(a, b *list) *list {
	if a == b {
		return a
	}
	if a == none || b == none {
		return none
	}
	if a.id > b.id {
		a, b = b, a
	}
	key := [2]int{a.id, b.id}
	if l := e.both[key]; l != nil {
		return l
	}
	var out []entry
	for i, j := 0, 0; i < len(a.entries) && j < len(b.entries); {
		x, y := a.entries[i], b.entries[j]
		switch {
		case x.class < y.class:
			i++
		case x.class > y.class:
			j++
		default:
			out = append(out, entry{x.class, min(x.level, y.level)})
			i, j = i+1, j+1
		}
	}
	l := e.intern(out)
	e.both[key] = l
	return l
}

// or is who can do either.
func (e *engine) or(a, b *list) *list {
	if a == b || b == none {
		return a
	}
	if a == none {
		return b
	}
	if a.id > b.id {
		a, b = b, a
	}
	key := [2]int{a.id, b.id}
	if l := e.either[key]; l != nil {
		return l
	}
	out := make([]entry, 0, len(a.entries)+len(b.entries))
	i, j := 0, 0
	for i < len(a.entries) && j < len(b.entries) {
		x, y := a.entries[i], b.entries[j]
		switch {
		case x.class < y.class:
			out = append(out, x)
			i++
		case x.class > y.class:
			out = append(out, y)
			j++
		default:
			out = append(out, entry{x.class, max(x.level, y.level)})
			i, j = i+1, j+1
		}
	}
	out = append(append(out, a.entries[i:]...), b.entries[j:]...)
	l := e.intern(out)
	e.either[key] = l
	return l
}

func (e *engine) fromMap(m map[int32]Certainty) *list {
	out := make([]entry, 0, len(m))
	for _, c := range slices.Sorted(maps.Keys(m)) {
		if m[c] != No {
			out = append(out, entry{c, m[c]})
		}
	}
	return e.intern(out)
}

// capped is a list with no surer entries than a level.
func (e *engine) capped(l *list, level Certainty) *list {
	if level == Certain || l == none {
		return l
	}
	if level == No {
		return none
	}
	out := slices.Clone(l.entries)
	for i := range out {
		out[i].level = min(out[i].level, level)
	}
	return e.intern(out)
}

// allow is what a class may do with one action, on which resources.
type allow struct {
	certain, possible, unknown iam.Set
}

func (a *allow) nobody() bool { return a.possible.None() && a.unknown.None() }

// on says how surely a resource is among them.
func (a *allow) on(arn string) Certainty {
	switch {
	case a.certain.Has(arn):
		return Certain
	case a.possible.Has(arn):
		return Possible
	case a.unknown.Has(arn):
		return Unknown
	}
	return No
}

// some says how surely any of a set is among them.
func (a *allow) some(s iam.Set) Certainty {
	if a.nobody() {
		return No
	}
	switch {
	case exists(a.certain.Intersect(s)) == iam.Yes:
		return Certain
	case exists(a.possible.Intersect(s)) != iam.No:
		return Possible
	case exists(a.unknown.Intersect(s)) != iam.No:
		return Unknown
	}
	return No
}

func exists(s iam.Set) iam.Truth { return s.Some() }

// group is classes that may do the same with an action.
type group struct {
	allow
	classes []int32
	docs    []*iam.Compiled // that speak of the action
	rest    string          // what else tells the group from others
}

// question is one step's question about a class, but for the resource.
func (e *engine) question(c *class, action string, given map[string]string, owner string) iam.Question {
	q := iam.Question{Principal: c.rep.who, Action: action, Account: owner, Context: e.base, PrincipalManages: e.manages, ResourceManages: e.manages}
	if len(given) > 0 {
		q.Context = e.base.Clone()
		for k, v := range given {
			if v == "" {
				q.Context.Set(k) // absent
				continue
			}
			q.Context.Set(k, v)
			if strings.EqualFold(k, "aws:CalledVia") {
				q.Context.Set("aws:ViaAWSService", "true")
			}
		}
	}
	if owner != e.a.ID {
		q.ResourceManages = iam.No
	}
	if c.rep.who.Account != e.a.ID {
		q.PrincipalManages = iam.No
	}
	return q
}

// policies are those that bind a class in a step, without the resource's.
func (e *engine) policies(c *class, action string, strict bool) iam.Policies {
	p := iam.Policies{Boundary: c.bound, Session: iam.Supplied(), Endpoint: iam.Supplied(), SCPs: e.scps, RCPs: e.rcps, Resource: iam.Supplied(), Grants: iam.Supplied()}
	if c.rep.who.Account != e.a.ID {
		p.SCPs = iam.Levels{Known: true}
	}
	p.Identity.Known = strict || len(c.rep.unsure) == 0
	from := c.slots
	if strict {
		from = c.strict
	}
	for _, s := range from {
		if e.says(s, action) {
			p.Identity.Policies = append(p.Identity.Policies, s)
		}
	}
	return p
}

// scope asks what a class may do, given the resource's own policies.
func (e *engine) scope(c *class, action string, given map[string]string, resources iam.Set, owner string, with func(p *iam.Policies, strict bool)) allow {
	q := e.question(c, action, given, owner)
	loose := e.policies(c, strings.ToLower(action), false)
	if with != nil {
		with(&loose, false)
	}
	l := iam.Scope(q, resources, loose)
	out := allow{certain: l.Certain, possible: l.Possible}
	if slices.Contains(l.Missing, iam.IdentityPolicy) || slices.Contains(l.Missing, iam.ResourcePolicy) {
		strict := e.policies(c, strings.ToLower(action), true)
		if with != nil {
			with(&strict, true)
		}
		out.unknown = l.Possible
		out.possible = iam.Scope(q, resources, strict).Possible
	}
	return out
}

// groups are what everybody may do with an action by their own policies. Those who act and
// may do nothing of it are in groups too: a resource's own policy may let them.
func (e *engine) groups(action string, given map[string]string) []*group {
	key := needKey(action, given)
	if g, ok := e.needs[key]; ok {
		return g
	}
	lower := strings.ToLower(action)
	by := map[string]*group{}
	var out []*group
	ceilings := false
	for _, l := range append(slices.Clone(e.scps.Layers), e.rcps.Layers...) {
		for _, c := range l.Policies {
			ceilings = ceilings || e.aboutWho(c, lower)
		}
	}
	var docs []byte
	for _, c := range e.classes {
		if !c.rep.acts() {
			continue
		}
		docs = docs[:0]
		who := ceilings
		speaks := len(c.rep.unsure) > 0
		for i, s := range c.slots {
			if e.says(s, lower) {
				speaks = true
				docs = binary.AppendVarint(docs, int64(e.document(c.rep.slots[i].policy)))
				who = who || e.aboutWho(s, lower)
			}
		}
		rest := len(docs)
		docs = append(docs, '|', byte(c.rep.who.Kind))
		if len(c.rep.unsure) > 0 {
			docs = append(docs, '?')
		}
		if !c.bound.Known {
			docs = append(docs, "|?"...)
		}
		for _, b := range c.bound.Policies {
			docs = fmt.Appendf(docs, "|%p", b)
			who = who || e.aboutWho(b, lower)
		}
		if c.rep.who.Account != e.a.ID || c.rep.role != nil && c.rep.role.ServiceLinked() || who {
			docs = append(append(docs, '|'), c.sign...)
		}
		g := by[string(docs)]
		if g == nil {
			g = &group{rest: string(docs[rest:])}
			for _, s := range c.slots {
				if e.says(s, lower) {
					g.docs = append(g.docs, s)
				}
			}
			if speaks {
				g.allow = e.scope(c, action, given, iam.Everything(), e.a.ID, nil)
			}
			by[string(docs)] = g
			out = append(out, g)
		}
		g.classes = append(g.classes, int32(c.id))
	}
	e.needs[key] = out
	return out
}

// aboutWho says whether what a policy says of an action depends on who asks.
func (e *engine) aboutWho(c *iam.Compiled, action string) bool {
	m := e.whoCounts[c]
	if m == nil {
		m = map[string]bool{}
		e.whoCounts[c] = m
	}
	v, ok := m[action]
	if !ok {
		v = slices.ContainsFunc(c.Statements(), func(s *iam.Compound) bool { return s.Concerns(action) && asksWho(s.Statement) })
		m[action] = v
	}
	return v
}

// asksWho says whether a statement depends on more of a principal than its name in the
// Principal element.
func asksWho(s *iam.Statement) bool {
	for _, c := range s.Conditions {
		k := strings.ToLower(c.Key)
		if strings.HasPrefix(k, "aws:principal") || strings.HasPrefix(k, "aws:user") || k == "kms:calleraccount" {
			return true
		}
		if slices.ContainsFunc(c.Values, func(v string) bool { return strings.Contains(v, "${") }) {
			return true
		}
	}
	return slices.ContainsFunc(s.Resources, func(v string) bool { return strings.Contains(v, "${") })
}

func needKey(action string, given map[string]string) string {
	key := strings.ToLower(action)
	for _, k := range slices.Sorted(maps.Keys(given)) {
		key += "|" + k + "=" + given[k]
	}
	return key
}

// whoOn is who may do an action on one resource, by their own policies.
func (e *engine) whoOn(action string, given map[string]string, arn string) *list {
	key := needKey(action, given) + "\x00" + arn
	if l := e.members[key]; l != nil {
		return l
	}
	var out []entry
	for _, g := range e.groups(action, given) {
		if g.nobody() {
			continue
		}
		if level := g.on(arn); level != No {
			for _, c := range g.classes {
				out = append(out, entry{c, level})
			}
		}
	}
	slices.SortFunc(out, func(a, b entry) int { return cmp.Compare(a.class, b.class) })
	l := e.intern(out)
	e.members[key] = l
	return l
}

// whoSome is who may do an action on any resource of a pattern; "" is any at all.
func (e *engine) whoSome(action string, given map[string]string, pattern string) *list {
	key := needKey(action, given) + "\x01" + pattern
	if l := e.members[key]; l != nil {
		return l
	}
	s := iam.Everything()
	if pattern != "" {
		s = iam.Of(iam.ResourcePattern(pattern))
	}
	var out []entry
	for _, g := range e.groups(action, given) {
		if g.nobody() {
			continue
		}
		if level := g.some(s); level != No {
			for _, c := range g.classes {
				out = append(out, entry{c, level})
			}
		}
	}
	slices.SortFunc(out, func(a, b entry) int { return cmp.Compare(a.class, b.class) })
	l := e.intern(out)
	e.members[key] = l
	return l
}

// whoWith is who may do an action on resources that have a policy of their own, of those on
// a list. Only those are asked whom their own policies or the resource's could let, and one
// for all who are alike.
func (e *engine) whoWith(key, action string, given map[string]string, resources iam.Set, owner string, among *list, resource []*iam.Policy, with func(p *iam.Policies, strict bool)) *list {
	if among == none {
		return none
	}
	key = needKey(action, given) + "\x02" + strconv.Itoa(among.id) + "\x02" + key
	if l := e.members[key]; l != nil {
		return l
	}
	named := map[int32]bool{}
	anyone, who := false, false
	for _, p := range resource {
		for i := range p.Statements {
			s := &p.Statements[i]
			if s.Principals == nil {
				continue
			}
			who = who || asksWho(s)
			if s.Principals.Anyone || s.Principals.Not || len(s.Principals.CanonicalUser) > 0 {
				anyone = anyone || s.Allow
			}
			for _, list := range [][]string{s.Principals.AWS, s.Principals.Service, s.Principals.Federated} {
				for _, name := range list {
					e.candidates(name, named)
				}
			}
		}
		anyone = anyone || len(p.Faults) > 0
	}
	levels := make([]Certainty, len(e.classes))
	ask := func(c int32) Certainty {
		a := e.scope(e.classes[c], action, given, resources, owner, with)
		return a.some(resources)
	}
	in := e.table(among)
	grouped := make([]bool, len(e.classes))
	signs := map[string]Certainty{}
	lower := strings.ToLower(action)
	touched := map[*iam.Compiled]int{} // its number among those that touch, or -1
	var alike []byte
	for _, g := range e.groups(action, given) {
		// Only policies that speak of these resources tell groups apart here.
		alike = append(alike[:0], g.rest...)
		some := false
		for _, d := range g.docs {
			n, ok := touched[d]
			if !ok {
				n = -1
				if e.touches(d, lower, resources) {
					n = len(touched)
				}
				touched[d] = n
			}
			if n >= 0 {
				some = true
				alike = binary.AppendVarint(append(alike, '|'), int64(n))
			}
		}
		first := e.classes[g.classes[0]].rep
		granted := anyone || some || first.principal.Kind == External || len(first.unsure) > 0
		var level Certainty
		asked := false
		for _, c := range g.classes {
			grouped[c] = true
			if in[c] == No || !granted && !named[c] {
				continue
			}
			switch {
			case named[c] || first.principal.Kind == External:
				levels[c] = ask(c)
			case who:
				sign := string(alike) + "#" + e.classes[c].sign
				l, ok := signs[sign]
				if !ok {
					l = ask(c)
					signs[sign] = l
				}
				levels[c] = l
			default:
				if !asked {
					l, ok := signs[string(alike)]
					if !ok {
						l = ask(c)
						signs[string(alike)] = l
					}
					level, asked = l, true
				}
				levels[c] = level
			}
		}
	}
	for _, x := range among.entries {
		if !grouped[x.class] {
			levels[x.class] = ask(x.class) // those whose rights no policy of their own tells
		}
	}
	var out []entry
	for c, level := range levels {
		if level != No {
			out = append(out, entry{int32(c), level})
		}
	}
	l := e.intern(out)
	e.members[key] = l
	return l
}

// table is a list by class.
func (e *engine) table(l *list) []Certainty {
	if t, ok := e.tables[l]; ok && len(t) == len(e.classes) {
		return t
	}
	t := make([]Certainty, len(e.classes))
	for _, x := range l.entries {
		t[x.class] = x.level
	}
	if l == e.acting {
		e.tables[l] = t
	}
	return t
}

// touches says whether what a policy says of an action can be about some of the resources.
func (e *engine) touches(c *iam.Compiled, action string, resources iam.Set) bool {
	if len(c.Policy.Faults) > 0 {
		return true
	}
	for _, s := range c.Statements() {
		if !s.Concerns(action) {
			continue
		}
		if s.NotResources || s.Resources == nil {
			return true
		}
		about, ok := e.about[s.Statement]
		if !ok {
			for _, r := range s.Resources {
				if strings.Contains(r, "${") {
					about = iam.Everything()
					break
				}
				about = about.Union(iam.Of(iam.ResourcePattern(r)))
			}
			e.about[s.Statement] = about
		}
		if !about.Intersect(resources).None() {
			return true
		}
	}
	return false
}

// candidates adds the classes that a name could mean.
func (e *engine) candidates(name string, to map[int32]bool) {
	for _, c := range e.byName[e.nameOf(name)] {
		to[c] = true
	}
}

package reach

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
)

const (
	maxMade       = 16  // new roles, and new users, that policies tell apart by name
	maxBoundaries = 8   // with which they are made
	maxMadeGroups = 200 // that new users are looked at in
	maxTaken      = 64  // names that are tried for one that is not taken
)

// newPrincipal is a role or a user that is not there, and that somebody can make. One stands for all
// whom policies do not tell apart.
type newPrincipal struct {
	kind     string  // "new-role", "new-user"
	names    iam.Set // the ARNs that it may have
	boundary string  // that it is made with, "" for none
	tagged   bool    // with tags of its maker's choice
	bare     bool    // without a policy of its own
	group    *account.Group
	// ways are the rules' alternatives, with what the boundary and the tags ask besides.
	ways []*alternative
}

var ofItsName = Text{
	"it is made with a name that lets it take its own boundary away",
	"il est créé sous un nom qui lui permet de retirer sa propre limite",
}

// newcomers adds the roles and users that somebody can make: with every right that their
// boundary leaves, with a group's, or with none but what others' policies let their name or
// tags do.
func (e *engine) newcomers() {
	if e.a.ID == "" {
		return
	}
	boundaries := append([]string{""}, e.boundaries()...)
	var waiting, users []*newPrincipal
	for _, kind := range []string{"new-role", "new-user"} {
		for _, names := range e.names(kind) {
			for _, tagged := range []bool{false, true} {
				if tagged && len(e.tagKeys) == 0 {
					continue
				}
				for _, b := range boundaries {
					m := &newPrincipal{kind: kind, names: names, boundary: b, tagged: tagged}
					if waiting = append(waiting, m); tagged || len(e.principalValues) > 0 {
						waiting = append(waiting, &newPrincipal{kind: kind, names: names, boundary: b, tagged: tagged, bare: true})
					}
				}
				if kind == "new-user" {
					users = append(users, &newPrincipal{kind: kind, names: names, tagged: tagged})
				}
			}
		}
	}
	for _, m := range waiting {
		e.waysOf(m, boundaries)
	}
	// Who was made can make others.
	for n := len(waiting) + 1; n > len(waiting); {
		n = len(waiting)
		waiting = slices.DeleteFunc(waiting, e.newcomer)
		if len(waiting) < n && len(waiting) > 0 {
			e.everybody()
			clear(e.needs)
			clear(e.kept.members)
		}
	}
	for _, m := range users {
		e.inGroups(m, boundaries)
	}
}

// inGroups adds new users in groups, for those who can make a user but not give it every right.
func (e *engine) inGroups(m *newPrincipal, boundaries []string) {
	makers := func(m newPrincipal) *list {
		l := none
		e.waysOf(&m, boundaries)
		for _, alt := range m.ways {
			l = e.or(l, e.makers(alt, &m))
		}
		return l
	}
	wide, in := makers(*m), *m
	in.group = &account.Group{}
	var only []int
	for _, x := range makers(in).entries {
		if wide.of(int(x.class)) < x.level {
			only = append(only, int(x.class))
		}
	}
	n := 0
	for _, g := range e.a.Groups {
		l := e.whoOn("iam:AddUserToGroup", nil, g.ARN)
		if !slices.ContainsFunc(only, func(c int) bool { return l.of(c) != No }) {
			continue
		}
		if n++; n > maxMadeGroups {
			e.faults = append(e.faults, fmt.Sprintf("somebody can make users in more groups than were looked at (%d)", maxMadeGroups))
			break
		}
		own := *m
		own.group = g
		e.waysOf(&own, boundaries)
		e.newcomer(&own)
	}
}

// rights says what an alternative lets a newcomer do: whatever its maker likes, what a group
// may, or nothing of its own.
func (alt *alternative) rights() (all, group bool) {
	for _, n := range alt.need {
		all = all || strings.HasSuffix(n.Action, "RolePolicy") || strings.HasSuffix(n.Action, "UserPolicy")
		group = group || slices.Contains(n.On, "groups")
	}
	return all, group
}

// waysOf finds how a newcomer is made.
func (e *engine) waysOf(m *newPrincipal, boundaries []string) {
	for _, alt := range e.alts {
		if alt.rule.Target != m.kind {
			continue
		}
		if all, group := alt.rights(); group != (m.group != nil) || !group && all == m.bare {
			continue
		}
		m.ways = append(m.ways, e.making(alt, m, m.boundary, false))
		if m.boundary != "" {
			continue
		}
		for _, b := range boundaries { // made with a boundary, which is then taken away
			if b != "" {
				m.ways = append(m.ways, e.making(alt, m, b, true))
			}
		}
	}
}

// newcomer adds one, if anybody can make it.
func (e *engine) newcomer(m *newPrincipal) bool {
	if !slices.ContainsFunc(m.ways, func(alt *alternative) bool { return e.makers(alt, m) != none }) {
		return false
	}
	arn, _ := e.free(m.kind, m.names)
	arn = cmp.Or(arn, e.plain(m.kind))
	p := &actor{who: iam.Principal{Account: e.a.ID, Tags: map[string]string{}, Organization: e.organization}}
	if m.kind == "new-role" {
		p.who.Kind, p.who.RoleARN = iam.Role, arn
		p.principal = Principal{Kind: Role, ARN: arn, Name: last(arn)}
	} else {
		p.who.Kind, p.who.ARN = iam.User, arn
		p.principal = Principal{Kind: User, ARN: arn, Name: last(arn)}
	}
	if m.tagged {
		p.who.Tags = nil
	}
	p.root = p
	a := &actor{principal: p.principal, who: p.who, base: p, mods: fmt.Sprintf("made:%s:%v:%v", m.boundary, m.tagged, m.bare), made: m}
	switch {
	case m.group != nil:
		a.mods += ":" + m.group.ARN
		e.groupSlots(a, m.group)
	case !m.bare:
		a.slots = []slot{{anything, Source{Kind: "builtin", Owner: arn}}}
	}
	if m.boundary != "" {
		a.boundary = &account.Attached{ARN: m.boundary, Name: last(m.boundary)}
		if held := e.managed(m.boundary); held != nil {
			for _, v := range held.Versions {
				if v.Default {
					a.boundary.Policy = v.Policy
				}
			}
		}
	}
	e.add(a)
	e.classOf(a)
	e.fresh = append(e.fresh, a)
	return true
}

// making is an alternative of a rule, as somebody is made with a boundary.
func (e *engine) making(alt *alternative, m *newPrincipal, boundary string, lifted bool) *alternative {
	e.makings++
	out := &alternative{id: len(e.alts) + e.makings, rule: alt.rule, n: alt.n}
	entity := "User"
	if m.kind == "new-role" {
		entity = "Role"
	}
	for _, n := range alt.need {
		if n.Action != "" && slices.Contains(n.On, "target") {
			own := maps.Clone(n.Given)
			if own == nil {
				own = map[string]string{}
			}
			// The policies that are put on it are put there while it has the boundary, or no more.
			own["iam:PermissionsBoundary"] = boundary
			if lifted && n.Action != "iam:Create"+entity {
				own["iam:PermissionsBoundary"] = ""
			}
			n.Given = own
		}
		out.need = append(out.need, n)
	}
	if lifted {
		out.need = append(out.need, Need{Action: "iam:Delete" + entity + "PermissionsBoundary", On: []string{"target"}})
	}
	if m.tagged {
		out.need = append(out.need, Need{Action: "iam:Tag" + entity, On: []string{"target"}})
	}
	for i := range out.need {
		if out.need[i].Action != "" {
			out.ordered = append(out.ordered, &out.need[i])
		}
	}
	return out
}

// aboutTarget are the needs of an alternative that are about the newcomer itself.
func (alt *alternative) aboutTarget() []*Need {
	var out []*Need
	for _, n := range alt.ordered {
		if slices.Contains(n.On, "target") {
			out = append(out, n)
		}
	}
	return out
}

// makers are who can do everything of an alternative that is done to the newcomer, to one of
// the same name.
func (e *engine) makers(alt *alternative, m *newPrincipal) *list {
	on := alt.aboutTarget()
	needs := make([]*need, len(on))
	for i, n := range on {
		needs[i] = e.need(n.Action, n.Given)
	}
	levels := make([]Certainty, len(e.classes))
	known := map[string]Certainty{}
	var key []byte
classes:
	for _, x := range e.acting.entries {
		key = key[:0]
		for i, n := range needs {
			id := n.in[x.class]
			if id == 0 || on[i].Policy == "" && n.groups[id-1].nobody() {
				continue classes
			}
			key = binary.AppendUvarint(key, uint64(id))
		}
		level, ok := known[string(key)]
		if !ok {
			level, _ = e.mayName(e.classes[x.class], on, m)
			known[string(key)] = level
		}
		levels[x.class] = level
	}
	return e.fromLevels(levels)
}

// mayName is how surely somebody can do all that is asked to a newcomer, and a name that it
// then has.
func (e *engine) mayName(c *class, on []*Need, m *newPrincipal) (Certainty, string) {
	certain, possible, unknown := m.names, m.names, m.names
	for _, n := range on {
		need := e.need(n.Action, n.Given)
		may := need.groups[need.in[c.id]-1].allow
		if n.Policy == "rewritten" {
			may = e.scope(c, n.Action, n.Given, m.names, e.a.ID, trustful)
		}
		certain, possible = certain.Intersect(may.certain), possible.Intersect(may.possible)
		unknown = unknown.Intersect(may.possible.Union(may.unknown))
		if unknown.None() {
			return No, ""
		}
	}
	if name, some := e.free(m.kind, certain); some == iam.Yes {
		return Certain, name
	}
	if name, some := e.free(m.kind, possible); some != iam.No {
		return Possible, name
	}
	if name, some := e.free(m.kind, unknown); some != iam.No {
		return Unknown, name
	}
	return No, ""
}

// nameFor is a name of whom somebody makes by a step.
func (e *engine) nameFor(a *actor, r *ref) string {
	_, name := e.mayName(a.class, r.alt.aboutTarget(), r.to.made)
	return cmp.Or(name, r.to.arn)
}

// trustful has a role trust whoever asks.
func trustful(p *iam.Policies, _ bool) { p.Resource = iam.Supplied(trusting) }

// plain is the name of a newcomer that may have any.
func (e *engine) plain(kind string) string {
	return e.arn("iam", "", strings.TrimPrefix(kind, "new-")+"/"+kind)
}

// free says whether a set has a name that nobody has yet, and which.
func (e *engine) free(kind string, s iam.Set) (string, iam.Truth) {
	key := kind + " " + s.Key()
	f, ok := e.freeNames[key]
	if !ok {
		f.name, f.some = e.findFree(kind, s)
		e.freeNames[key] = f
	}
	return f.name, f.some
}

// freeName is what free answers.
type freeName struct {
	name string
	some iam.Truth
}

func (e *engine) findFree(kind string, s iam.Set) (string, iam.Truth) {
	for range maxTaken {
		name, some := s.Example()
		if some != iam.Yes {
			return "", some
		}
		for _, plain := range []string{e.plain(kind), name + "new", name} {
			if e.byARN[plain] == nil && s.Has(plain) {
				return plain, iam.Yes
			}
		}
		s = s.Minus(iam.Of(iam.Literal(name)))
	}
	return "", iam.Maybe
}

// waysToMade are the steps that make a newcomer and lead to it.
func (e *engine) waysToMade(t *actor, add func(*ref)) {
	for _, alt := range t.made.ways {
		to := &target{kind: t.made.kind, arn: t.principal.ARN, actor: t, made: t.made}
		r := &ref{alt: alt, to: to, cap: Certain, who: e.makers(alt, t.made)}
		for i := range alt.need {
			n := &alt.need[i]
			if n.Assume != nil {
				r.cap, r.notes = Possible, append(r.notes, *n.Assume)
			}
			for _, on := range n.On {
				switch {
				case on == "target":
				case on == "groups":
					r.who = e.and(r.who, e.whoOn(n.Action, n.Given, t.made.group.ARN))
					r.via = t.made.group.ARN
				default:
					r.who = e.and(r.who, e.whoForAs(alt, n, on, to, r.who))
				}
			}
		}
		if r.who != none {
			add(r)
		}
	}
	if t.made.boundary != "" {
		return
	}
	for _, f := range e.fresh { // the same, who takes its boundary away itself
		if m := f.made; m.boundary == "" || m.kind != t.made.kind || m.tagged != t.made.tagged || m.bare != t.made.bare || f.principal.ARN != t.principal.ARN {
			continue
		}
		for _, alt := range e.alts {
			if alt.rule.Gives != "unbounded" || strings.Contains(alt.need[0].Action, "User") != (t.made.kind == "new-user") {
				continue
			}
			need := e.need(alt.need[0].Action, nil)
			may := need.groups[need.in[f.class.id]-1].allow
			r := &ref{alt: alt, to: &target{kind: strings.TrimPrefix(t.made.kind, "new-"), arn: f.principal.ARN, actor: f}, cap: may.some(t.made.names), only: f, who: none}
			if exists(t.made.names.Minus(may.certain)) != iam.No && r.cap > Unknown {
				r.cap, r.notes = Possible, []Text{ofItsName}
			}
			if r.cap != No {
				if name, some := e.free(t.made.kind, t.made.names.Intersect(may.possible)); some == iam.Yes {
					r.to.arn = name
				}
				add(r)
			}
		}
	}
}

// names are the sets of names of newcomers that policies tell apart.
func (e *engine) names(kind string) []iam.Set {
	entity := strings.TrimPrefix(kind, "new-") + "/"
	sets := []iam.Set{iam.Of(iam.ResourcePattern(e.arn("iam", "", entity+"?*")))}
	if kind == "new-role" { // whose paths are the services' own (IAM User Guide, "IAM identifiers")
		for _, own := range []string{"aws-service-role/*", "aws-reserved/*"} {
			sets[0] = sets[0].Minus(iam.Of(iam.ResourcePattern("arn:*:iam::*:role/" + own)))
		}
	}
	asked := slices.Clone(e.principalValues)
	for _, p := range e.spared {
		asked = append(asked, p.String())
	}
	slices.Sort(asked)
	for _, v := range slices.Compact(asked) {
		if strings.Contains(v, "${") || e.byARN[v] != nil {
			continue
		}
		if !strings.HasPrefix(v, "arn:") && !strings.HasPrefix(v, "*") {
			if kind != "new-user" || strings.Contains(v, ":") { // the name of a user, else an id, which nobody chooses
				continue
			}
			v = e.arn("iam", "", entity+v)
		}
		with := iam.Of(iam.NewPattern(v))
		var next []iam.Set
		for _, s := range sets {
			for _, part := range []iam.Set{s.Minus(with), s.Intersect(with)} {
				if exists(part) != iam.No {
					next = append(next, part)
				}
			}
		}
		if len(next) > maxMade {
			e.faults = append(e.faults, fmt.Sprintf("policies tell new principals apart by more names than are looked at (%d): what they let a new %s do was looked at for some", maxMade, strings.TrimSuffix(entity, "/")))
			break
		}
		sets = next
	}
	return sets
}

// boundaries are the policies that conditions ask to be the boundary of whom somebody makes.
func (e *engine) boundaries() []string {
	found := map[string]bool{}
	read := func(p *iam.Policy) {
		for i := range p.Statements {
			for _, c := range p.Statements[i].Conditions {
				if !strings.EqualFold(c.Key, "iam:PermissionsBoundary") {
					continue
				}
				for _, v := range c.Values {
					if !strings.ContainsAny(v, "*?$") {
						found[v] = true
						continue
					}
					like := iam.NewPattern(v)
					for _, m := range e.a.Managed {
						if like.Match(m.ARN) {
							found[m.ARN] = true
						}
					}
				}
			}
		}
	}
	for _, d := range e.documents {
		read(d.Policy)
	}
	for _, l := range e.scps.Layers {
		for _, c := range l.Policies {
			read(c.Policy)
		}
	}
	delete(found, "")
	out := slices.Sorted(maps.Keys(found))
	if len(out) > maxBoundaries {
		e.faults = append(e.faults, fmt.Sprintf("new principals were looked at with %d of the %d boundaries that policies ask of them", maxBoundaries, len(out)))
		out = out[:maxBoundaries]
	}
	return out
}

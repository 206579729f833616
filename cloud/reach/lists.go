package reach

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"strongroom/cloud/iam"
)

// list is who can do something: classes, each with how surely. Lists do not change and are
// interned: the same list is the same pointer.
type list struct {
	id       int
	entries  []entry     // by class
	fleeting bool        // of one right alone
	levels   []Certainty // by class, once it was asked for
}

// byClass is how surely each class is of a list. It is kept with lists of most classes.
func (e *engine) byClass(l *list) []Certainty {
	if len(l.levels) == len(e.classes) {
		return l.levels
	}
	levels := make([]Certainty, len(e.classes))
	for _, x := range l.entries {
		levels[x.class] = x.level
	}
	if !l.fleeting && 2*len(l.entries) > len(e.classes) {
		l.levels = levels
	}
	return levels
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

// memo is what was worked out of lists.
type memo struct {
	lists        map[uint64][]*list // by a hash of the entries
	both, either map[[2]int]*list
	members      map[string]*list
	details      map[detailKey]*detail
}

func newMemo() *memo {
	return &memo{map[uint64][]*list{}, map[[2]int]*list{}, map[[2]int]*list{}, map[string]*list{}, map[detailKey]*detail{}}
}

// forget lets go of what was worked out for one right alone: lists of who may do something to
// one bucket are long, and no use for the next.
func (e *engine) forget() {
	e.fleeting = newMemo()
}

// keeping runs something whose lists are for good.
func (e *engine) keeping(f func()) {
	was := e.fleeting
	e.fleeting = nil
	defer func() { e.fleeting = was }()
	f()
}

// memo is where what is worked out now belongs.
func (e *engine) memo() *memo {
	if e.fleeting != nil {
		return e.fleeting
	}
	return e.kept
}

// lookup finds what was worked out, for good or for now.
func lookup[K comparable, V any](e *engine, in func(*memo) map[K]V, k K) (V, bool) {
	if v, ok := in(e.kept)[k]; ok || e.fleeting == nil {
		return v, ok
	}
	v, ok := in(e.fleeting)[k]
	return v, ok
}

func members(m *memo) map[string]*list { return m.members }
func both(m *memo) map[[2]int]*list    { return m.both }
func either(m *memo) map[[2]int]*list  { return m.either }

// intern makes a list of entries, which are sorted by class.
func (e *engine) intern(entries []entry) *list {
	if len(entries) == 0 {
		return none
	}
	h := uint64(len(entries))
	for _, x := range entries {
		h = (h ^ uint64(x.class)<<2 ^ uint64(x.level)) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	for _, m := range []*memo{e.kept, e.fleeting} {
		if m == nil {
			continue
		}
		for _, l := range m.lists[h] {
			if slices.Equal(l.entries, entries) {
				return l
			}
		}
	}
	e.made++
	l := &list{id: e.made, entries: slices.Clone(entries), fleeting: e.fleeting != nil}
	m := e.memo()
	m.lists[h] = append(m.lists[h], l)
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
	if l, ok := lookup(e, both, key); ok {
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
	e.memo().both[key] = l
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
	if l, ok := lookup(e, either, key); ok {
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
	e.memo().either[key] = l
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

// any says how surely there is any resource among them.
func (a *allow) any() Certainty {
	switch {
	case exists(a.certain) == iam.Yes:
		return Certain
	case exists(a.possible) != iam.No:
		return Possible
	case exists(a.unknown) != iam.No:
		return Unknown
	}
	return No
}

func exists(s iam.Set) iam.Truth { return s.Some() }

// group is classes that may do the same with an action.
type group struct {
	allow
	id      int32 // one more than its index
	classes []int32
	docs    []int32 // of the need's, those that the group has
	always  bool
	outside bool  // of another account
	rest    int32 // a number of what else tells the group from others
	bound   iam.Layer
}

// aboutPlace says that one of a need's policies speaks of a place; everywhere if it has none.
type aboutPlace struct {
	doc int32
	place
	everywhere bool
}

// need is an action under given conditions, and what everybody may do with it.
type need struct {
	groups []*group
	live   []*group // that may do any of it by their own policies
	docs   []*iam.Compiled
	about  []aboutPlace         // what their statements about the action are about
	having [][]*group           // by policy
	always []*group             // whom a resource's policy may let though it names nobody
	in     []int32              // by class: one more than the index of its group
	silent []int32              // classes without a group: no policy of theirs tells of the action
	lists  map[string]*list     // by how surely each of live is among them
	shared map[string]Certainty // what was answered of one bucket and is so of others
	texts  map[string]int32     // numbers of long texts that stand in keys
}

// number is a text's number, the same for the same text.
func (n *need) number(text []byte) int32 {
	if n.texts == nil {
		n.texts = map[string]int32{}
	}
	i, ok := n.texts[string(text)]
	if !ok {
		i = int32(len(n.texts))
		n.texts[string(text)] = i
	}
	return i
}

// question is one step's question about a class, but for the resource.
func (e *engine) question(c *class, action string, given map[string]string, owner string) iam.Question {
	q := iam.Question{Principal: c.rep.who, Action: action, Account: owner, Context: e.base, PrincipalManages: e.manages, ResourceManages: e.manages}
	switch c.rep.who.Kind {
	case iam.Role:
	case iam.Service:
		q.Context = e.serving
	default:
		q.Context = e.lasting
	}
	if e.asksRegion && given[requestedRegion] == "" && e.global(action) {
		q.Context = q.Context.Clone()
		q.Context.Set(requestedRegion, "us-east-1")
	}
	if len(given) > 0 {
		q.Context = q.Context.Clone()
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
	if owner == "" && c.rep.principal.Kind == External {
		q.Account = "another" // of the principal's, whatever its number
	}
	if owner != e.a.ID {
		q.ResourceManages = iam.No
	}
	if c.rep.who.Account != e.a.ID {
		q.PrincipalManages = iam.No
	}
	return q
}

// global says that an action is one of a service with one endpoint, which lies in us-east-1.
// "IAM calls are always made to the us-east-1 Region" (IAM User Guide, "AWS global condition
// context keys", aws:RequestedRegion). PassRole is no call, but asked within another service's.
func (e *engine) global(action string) bool {
	service, _, _ := strings.Cut(action, ":")
	return cmp.Or(e.a.Partition, "aws") == "aws" && (strings.EqualFold(service, "iam") && !strings.EqualFold(action, "iam:PassRole") || strings.EqualFold(service, "organizations"))
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
	if _, told := given[issueTime]; e.asksIssue && c.rep.who.Kind != iam.Role && !told {
		// With lasting credentials, or with temporary ones.
		ask := func(v string) allow {
			asked := maps.Clone(given)
			if asked == nil {
				asked = map[string]string{}
			}
			asked[issueTime] = v
			return e.scope(c, action, asked, resources, owner, with)
		}
		x, y := ask(""), ask(e.now.UTC().Format(time.RFC3339))
		return allow{x.certain.Intersect(y.certain), x.possible.Union(y.possible), x.unknown.Union(y.unknown)}
	}
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
	return e.need(action, given).groups
}

func (e *engine) need(action string, given map[string]string) *need {
	key := needKey(action, given)
	if g, ok := e.needs[key]; ok {
		return g
	}
	lower := strings.ToLower(action)
	by := map[string]*group{}
	out := &need{in: make([]int32, len(e.classes)), lists: map[string]*list{}, shared: map[string]Certainty{}}
	number := map[*iam.Compiled]int32{}
	var ceilings []asked
	for _, l := range append(slices.Clone(e.scps.Layers), e.rcps.Layers...) {
		for _, c := range l.Policies {
			if q := e.aboutWho(c, lower); q != nil {
				ceilings = append(ceilings, *q)
			}
		}
	}
	says := make([]bool, len(e.documents))
	for i, d := range e.documents {
		says[i] = len(d.Policy.Faults) > 0 || slices.ContainsFunc(d.Statements(), func(s *iam.Compound) bool { return s.Concerns(lower) })
	}
	var docs []byte
	var who []asked
	for _, c := range e.classes {
		if !c.rep.acts() {
			continue
		}
		docs = docs[:0]
		who := append(who[:0], ceilings...)
		speaks := len(c.rep.unsure) > 0
		for i, s := range c.slots {
			if says[c.docs[i]] {
				speaks = true
				docs = binary.AppendVarint(docs, int64(c.docs[i]))
				if q := e.aboutWho(s, lower); q != nil {
					who = append(who, *q)
				}
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
			if q := e.aboutWho(b, lower); q != nil {
				who = append(who, *q)
			}
		}
		if c.rep.who.Account != e.a.ID || c.rep.role != nil && c.rep.role.ServiceLinked() {
			docs = append(append(docs, '|'), c.sign...)
		}
		for _, q := range who {
			docs = e.answer(docs, c, q)
		}
		g := by[string(docs)]
		if g == nil {
			g = &group{rest: out.number(docs[rest:]), bound: c.bound, outside: c.rep.principal.Kind == External}
			for i, s := range c.slots {
				if says[c.docs[i]] {
					n, ok := number[s]
					if !ok {
						n = int32(len(out.docs))
						number[s] = n
						out.docs, out.having = append(out.docs, s), append(out.having, nil)
						out.about = append(out.about, e.places(s, lower, n)...)
					}
					g.docs, out.having[n] = append(g.docs, n), append(out.having[n], g)
				}
			}
			if speaks {
				g.allow = e.scope(c, action, given, iam.Everything(), e.a.ID, nil)
			}
			by[string(docs)] = g
			out.groups = append(out.groups, g)
			if !g.nobody() {
				out.live = append(out.live, g)
			}
			g.id = int32(len(out.groups))
			if g.always = g.outside || len(c.rep.unsure) > 0; g.always {
				out.always = append(out.always, g)
			}
		}
		g.classes = append(g.classes, int32(c.id))
		out.in[c.id] = g.id
	}
	for c, g := range out.in {
		if g == 0 {
			out.silent = append(out.silent, int32(c))
		}
	}
	e.needs[key] = out
	return out
}

// aboutWho is what a policy asks of who asks, where it speaks of an action; nil for nothing.
func (e *engine) aboutWho(c *iam.Compiled, action string) *asked {
	m := e.whoCounts[c]
	if m == nil {
		m = map[string]*asked{}
		e.whoCounts[c] = m
	}
	v, ok := m[action]
	if !ok {
		var q asked
		any := false
		for _, s := range c.Statements() {
			if s.Concerns(action) {
				any = e.ask(&q, s.Statement) || any
			}
		}
		if any {
			v = &q
		}
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
	if l, ok := lookup(e, members, key); ok {
		return l
	}
	l := e.whoLive(e.need(action, given), func(g *group) Certainty { return g.on(arn) })
	e.kept.members[key] = l
	return l
}

// whoSome is who may do an action on any resource of a pattern; "" is any at all.
func (e *engine) whoSome(action string, given map[string]string, pattern string) *list {
	key := needKey(action, given) + "\x01" + pattern
	if l, ok := lookup(e, members, key); ok {
		return l
	}
	s := iam.Everything()
	if pattern != "" {
		s = iam.Of(iam.ResourcePattern(pattern))
	}
	l := e.whoLive(e.need(action, given), func(g *group) Certainty { return g.some(s) })
	e.kept.members[key] = l
	return l
}

// whoLive is the list of those whose groups may. Most resources differ for nobody, so lists
// are found by what the groups answer.
func (e *engine) whoLive(n *need, level func(*group) Certainty) *list {
	key := make([]byte, len(n.live))
	some := false
	for i, g := range n.live {
		key[i] = byte(level(g))
		some = some || key[i] != 0
	}
	if !some {
		return none
	}
	if l := n.lists[string(key)]; l != nil {
		return l
	}
	levels := make([]Certainty, len(e.classes))
	for i, g := range n.live {
		for _, c := range g.classes {
			levels[c] = Certainty(key[i])
		}
	}
	var l *list
	e.keeping(func() { l = e.fromLevels(levels) })
	n.lists[string(key)] = l
	return l
}

// fromLevels is a list of levels by class.
func (e *engine) fromLevels(levels []Certainty) *list {
	out := e.entries[:0]
	for c, level := range levels {
		if level != No {
			out = append(out, entry{int32(c), level})
		}
	}
	e.entries = out
	return e.intern(out)
}

// place is a set of resources, and the text with which all of them begin.
type place struct {
	set    iam.Set
	prefix string
	own    bool // of one bucket or key: who may do what there is no use for the next
	loose  bool // it stands for what is not known exactly: a variable
	// kin is the same of any bucket whose policy says the same of it, to those it does not
	// name, and of no other; "" where that is not known.
	kin string
}

func literally(arn string) place { return place{set: iam.Of(iam.Literal(arn)), prefix: arn} }

func (p place) ofOne() place {
	p.own = true
	return p
}

func pattern(text string) place {
	return place{set: iam.Of(iam.ResourcePattern(text)), prefix: begins(text)}
}

// begins is the text before the first wildcard.
func begins(pattern string) string {
	if i := strings.IndexAny(pattern, "*?"); i >= 0 {
		return pattern[:i]
	}
	return pattern
}

// asked is what some policies ask about principals beside their names.
type asked struct {
	whole  bool  // more than what follows
	values []int // of the engine's principalValues
	tags   []string
}

// asks is what the statements of resources' policies ask about principals, and whether they do.
func (e *engine) asks(policies []*iam.Policy) (out asked, any bool) {
	for _, p := range policies {
		for i := range p.Statements {
			if s := &p.Statements[i]; s.Principals != nil {
				any = e.ask(&out, s) || any
			}
		}
	}
	return out, any
}

// ask adds what a statement asks about principals, if it does.
func (e *engine) ask(q *asked, s *iam.Statement) bool {
	if !asksWho(s) {
		return false
	}
	variable := func(v string) bool { return strings.Contains(v, "${") }
	q.whole = q.whole || slices.ContainsFunc(s.Resources, variable)
	for _, c := range s.Conditions {
		k := strings.ToLower(c.Key)
		tag, tagged := strings.CutPrefix(k, "aws:principaltag/")
		q.whole = q.whole || slices.ContainsFunc(c.Values, variable)
		switch {
		case k == "aws:principalarn" || k == "aws:userid" || k == "aws:username":
			for _, v := range c.Values {
				i, ok := slices.BinarySearch(e.principalValues, v)
				if ok {
					q.values = append(q.values, i)
				}
				q.whole = q.whole || !ok
			}
		case tagged:
			q.tags = append(q.tags, tag)
		case k == "aws:principalaccount" || k == "aws:principalorgid" || k == "kms:calleraccount":
			// the same for all of the account's
		case strings.HasPrefix(k, "aws:principal") || strings.HasPrefix(k, "aws:user"):
			q.whole = true
		}
	}
	return true
}

// answer is what a class answers to what is asked of it.
func (e *engine) answer(to []byte, c *class, q asked) []byte {
	to = append(to, '#')
	if q.whole {
		return append(to, c.sign...)
	}
	for _, v := range q.values {
		yes := byte('n')
		if slices.Contains(c.matches, v) {
			yes = 'y'
		}
		to = append(to, yes)
	}
	for _, tag := range q.tags {
		if c.rep.who.Tags == nil {
			to = append(to, "|?"...)
		}
		for k, v := range c.rep.who.Tags {
			if strings.EqualFold(k, tag) {
				to = fmt.Appendf(to, "|%q", v)
			}
		}
	}
	return to
}

// whoWith is who may do an action on resources that have a policy of their own, of those on
// a list. Only those are asked whom their own policies or the resource's could let, and one
// for all who are alike.
func (e *engine) whoWith(key, action string, given map[string]string, resources place, owner string, among *list, resource []*iam.Policy, with func(p *iam.Policies, strict bool)) *list {
	if among == none {
		return none
	}
	key = needKey(action, given) + "\x02" + strconv.Itoa(among.id) + "\x02" + key
	if l, ok := lookup(e, members, key); ok {
		return l
	}
	named := map[int32]bool{}
	anyone := false
	for _, p := range resource {
		for i := range p.Statements {
			s := &p.Statements[i]
			if s.Principals == nil {
				continue
			}
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
	asks, who := e.asks(resource)
	ask := func(c int32) Certainty {
		a := e.scope(e.classes[c], action, given, resources.set, owner, with)
		return a.any()
	}
	levels, in := make([]Certainty, len(e.classes)), e.byClass(among)
	signs := map[string]Certainty{}
	n := e.need(action, nil) // who is alike is so under any conditions
	touched := make([]bool, len(n.docs))
	var relations []relation
	if resources.kin != "" {
		relations = make([]relation, len(n.docs))
	}
	for i := range n.about {
		p := &n.about[i]
		switch {
		case relations != nil:
			touched[p.doc] = relations[p.doc].add(p, &resources) || touched[p.doc]
		case !touched[p.doc]:
			touched[p.doc] = p.everywhere || p.overlaps(&resources)
		}
	}
	kin := e.newKinship(n, resources, action, given, touched, relations)
	isNamed := func(c int32) bool { return len(named) > 0 && named[c] }
	var alike []byte
	for _, g := range n.concerned(touched, anyone) {
		// Only policies that speak of these resources tell groups apart here.
		alike = binary.AppendVarint(alike[:0], int64(g.rest))
		for _, d := range g.docs {
			if touched[d] {
				alike = binary.AppendVarint(append(alike, '|'), int64(d))
			}
		}
		rest := len(alike)
		var level Certainty
		known := false
		for _, c := range g.classes {
			switch {
			case in[c] == No || isNamed(c):
			case g.outside:
				levels[c] = ask(c)
			case known && !who:
				levels[c] = level
			default:
				if alike = alike[:rest]; who {
					alike = e.answer(alike, e.classes[c], asks)
				}
				l, ok := signs[string(alike)]
				if !ok {
					l = kin.or(g, alike, func() Certainty { return ask(c) })
					signs[string(alike)] = l
				}
				levels[c], level, known = l, l, true
			}
		}
	}
	for c := range named {
		if in[c] != No {
			levels[c] = ask(c)
		}
	}
	for _, c := range n.silent {
		if in[c] != No && !isNamed(c) {
			levels[c] = ask(c)
		}
	}
	if resources.own || among.fleeting {
		l := e.fromLevels(levels)
		e.memo().members[key] = l
		return l
	}
	var l *list
	e.keeping(func() {
		l = e.fromLevels(levels)
		e.kept.members[key] = l
	})
	return l
}

// concerned are the groups that some policy lets, or may: their own, or the resource's.
func (n *need) concerned(touched []bool, anyone bool) []*group {
	if anyone {
		return n.groups
	}
	out := slices.Clone(n.always)
	seen := make([]bool, len(n.groups)+1)
	for d, yes := range touched {
		if !yes {
			continue
		}
		for _, g := range n.having[d] {
			if !seen[g.id] && !g.always {
				seen[g.id] = true
				out = append(out, g)
			}
		}
	}
	return out
}

// places are what the statements of a policy that speak of an action are about.
func (e *engine) places(c *iam.Compiled, action string, doc int32) []aboutPlace {
	if len(c.Policy.Faults) > 0 {
		return []aboutPlace{{doc: doc, place: place{loose: true}, everywhere: true}}
	}
	var out []aboutPlace
	for _, s := range c.Statements() {
		if !s.Concerns(action) {
			continue
		}
		if s.NotResources || s.Resources == nil {
			return []aboutPlace{{doc: doc, place: place{loose: true}, everywhere: true}}
		}
		about, ok := e.about[s.Statement]
		if !ok {
			for _, r := range s.Resources {
				if strings.Contains(r, "${") {
					all := pattern("*")
					all.loose = true
					about = append(about, all)
					continue
				}
				about = append(about, pattern(r))
			}
			e.about[s.Statement] = about
		}
		for _, p := range about {
			out = append(out, aboutPlace{doc, p, p.prefix == "" && p.set.Has("*")})
		}
	}
	return out
}

// overlaps says whether some resource may be in both.
func (p *place) overlaps(q *place) bool {
	n := min(len(p.prefix), len(q.prefix))
	// What differs does so at its end more often than at its beginning.
	if n > 0 && p.prefix[n-1] != q.prefix[n-1] || p.prefix[:n] != q.prefix[:n] {
		return false
	}
	return !p.set.Intersect(q.set).None()
}

// candidates adds the classes that a name could mean.
func (e *engine) candidates(name string, to map[int32]bool) {
	for _, c := range e.byName[e.nameOf(name)] {
		to[c] = true
	}
}

package trail

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"strongroom/cloud/iam"
)

// Report is what an account grants against what a trail shows.
type Report struct {
	Account   string   `json:"account"`
	Catalogue string   `json:"catalogue"` // the version of the list of actions that grants are counted by
	Reading   *Reading `json:"reading,omitempty"`
	Window    Window   `json:"window"`
	// Principals are the account's users and roles, by ARN.
	Principals []Principal `json:"principals"`
	// Others are whom the trail shows beside them; those with most events first.
	Others []Other `json:"others"`
	// OthersUnlisted counts events of others beyond the first ten thousand.
	OthersUnlisted int64 `json:"othersUnlisted,omitempty"`
	// Missing are the inputs about the account that were not supplied and bear on this.
	Missing []string `json:"missing,omitempty"`
	// Faults are what is wrong in the account's files.
	Faults []string `json:"faults,omitempty"`
}

// Principal is a user or role: what it is granted, and what it used.
type Principal struct {
	ARN      string    `json:"arn"`
	Kind     string    `json:"kind"` // "user", "role"
	Created  time.Time `json:"created,omitzero"`
	Policies []Source  `json:"policies"`
	Boundary string    `json:"boundary,omitempty"`
	// Unknown says why it may be granted more, or less, than is counted here.
	Unknown []Text `json:"unknown,omitempty"`

	// Granted counts the actions that its policies allow on anything, whatever their
	// conditions; Used those of them that were used, Unlogged those of which this trail
	// would not show a use, and Never those that it would, and does not.
	Granted  int `json:"granted"`
	Used     int `json:"used"`
	Unlogged int `json:"unlogged"`
	Never    int `json:"never"`

	First time.Time `json:"first,omitzero"` // its first and last use of any right
	Last  time.Time `json:"last,omitzero"`

	Services []ServiceUse `json:"services"`
	Uses     []ActionUse  `json:"uses"`
	// Refused is what it asked for and was refused.
	Refused []ActionUse `json:"refused,omitempty"`
	// Beside is what it used although its policies, as they are now, do not allow it: a
	// resource's policy may, or the policies have changed.
	Beside []ActionUse `json:"beside,omitempty"`
	// Unused are the parts of its policies that nothing in the window needed.
	Unused []Grant `json:"unused,omitempty"`
}

// ServiceUse is a service whose actions a principal is granted.
type ServiceUse struct {
	Service  string    `json:"service"`
	Granted  int       `json:"granted"`
	Used     int       `json:"used"`
	Unlogged int       `json:"unlogged"`
	Last     time.Time `json:"last,omitzero"`
}

// ActionUse is how an action was used, or refused.
type ActionUse struct {
	Action   string `json:"action"`
	PassedTo string `json:"passedTo,omitempty"`
	Count    int64  `json:"count"`
	// Failed counts those of them that failed for another reason than a lack of rights:
	// whether there was the right, an event does not say.
	Failed int64     `json:"failed,omitempty"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	// Resources are at most twenty; On counts them all, up to five hundred.
	Resources []string `json:"resources,omitempty"`
	On        int      `json:"on"`
	// NotSaid: some events do not say on which resource.
	NotSaid bool `json:"notSaid,omitempty"`
	// Undocumented: AWS's list has no such action; events are named so all the same.
	Undocumented bool `json:"undocumented,omitempty"`
	// Perhaps: no event needed it for certain.
	Perhaps bool             `json:"perhaps,omitempty"`
	Errors  map[string]int64 `json:"errors,omitempty"`
}

// Grant is one action pattern of a statement.
type Grant struct {
	Policy    string `json:"policy"`
	Statement int    `json:"statement"`
	Sid       string `json:"sid,omitempty"`
	Action    string `json:"action"`
	// Unlogged: the trail would not show any use of it.
	Unlogged bool `json:"unlogged,omitempty"`
}

// catalogue is the list of actions, numbered.
type catalogue struct {
	actions  []*iam.Action
	lower    []string
	number   map[string]int
	from, to map[string]int   // the numbers of a service's actions
	data     map[string][]int // what each row of dataEvents stands for
}

var catalogued = sync.OnceValue(func() *catalogue {
	c := &catalogue{actions: iam.Expand("*"), number: map[string]int{}, from: map[string]int{}, to: map[string]int{}, data: map[string][]int{}}
	for i, a := range c.actions {
		l := strings.ToLower(a.Name)
		svc, _, _ := strings.Cut(l, ":")
		c.lower = append(c.lower, l)
		c.number[l] = i
		for _, pattern := range actions().DataEvents {
			if fits(pattern, a.Name) {
				c.data[pattern] = append(c.data[pattern], i)
			}
		}
		if _, ok := c.from[svc]; !ok {
			c.from[svc] = i
		}
		c.to[svc] = i + 1
	}
	return c
})

// actionSet is a set of the catalogue's actions.
type actionSet []uint64

func newActionSet() actionSet           { return make(actionSet, len(catalogued().actions)/64+1) }
func (s actionSet) has(i int) bool      { return s[i/64]&(1<<(i%64)) != 0 }
func (s actionSet) put(i int)           { s[i/64] |= 1 << (i % 64) }
func (s actionSet) union(o actionSet)   { zip(s, o, func(a, b uint64) uint64 { return a | b }) }
func (s actionSet) meet(o actionSet)    { zip(s, o, func(a, b uint64) uint64 { return a & b }) }
func (s actionSet) without(o actionSet) { zip(s, o, func(a, b uint64) uint64 { return a &^ b }) }

func zip(s, o actionSet, f func(a, b uint64) uint64) {
	for i := range s {
		s[i] = f(s[i], o[i])
	}
}

// granter works out which actions statements speak of, each once.
type granter struct {
	of       map[*iam.Compound]actionSet
	compiled map[*iam.Policy]*iam.Compiled
}

func (g *granter) statement(s *iam.Compound) actionSet {
	if set, ok := g.of[s]; ok {
		return set
	}
	c := catalogued()
	set := newActionSet()
	try := func(from, to int) {
		for i := from; i < to; i++ {
			if s.Concerns(c.lower[i]) {
				set.put(i)
			}
		}
	}
	whole := s.NotActions
	for _, a := range s.Actions {
		svc, _, _ := strings.Cut(strings.ToLower(a), ":")
		whole = whole || strings.ContainsAny(svc, "*?")
	}
	if whole {
		try(0, len(c.actions))
	} else {
		for _, a := range s.Actions {
			svc, _, _ := strings.Cut(strings.ToLower(a), ":")
			try(c.from[svc], c.to[svc])
		}
	}
	g.of[s] = set
	return set
}

// grants are the actions that policies allow on anything: whatever the conditions of what
// allows, without what is denied on everything without condition.
func (g *granter) grants(policies []*iam.Compiled) actionSet {
	set := newActionSet()
	for _, p := range policies {
		for _, s := range p.Statements() {
			if s.Allow {
				set.union(g.statement(s))
			}
		}
	}
	for _, p := range policies {
		for _, s := range p.Statements() {
			if !s.Allow && len(s.Conditions) == 0 && !s.NotResources && slices.Contains(s.Resources, "*") {
				set.without(g.statement(s))
			}
		}
	}
	return set
}

// holderGrants is what a holder's policies and boundary leave.
func (g *granter) holderGrants(h *holder) actionSet {
	set := g.grants(h.policies)
	if h.boundary != nil {
		c, ok := g.compiled[h.boundary]
		if !ok {
			c = iam.Compile(h.boundary)
			g.compiled[h.boundary] = c
		}
		set.meet(g.grants([]*iam.Compiled{c}))
	}
	return set
}

// Report says what came of the survey. With names, of these principals only: ARNs.
func (s *Survey) Report(names ...string) *Report {
	r := &Report{Account: s.account.ID, Catalogue: iam.CatalogueVersion(), Window: s.window(), OthersUnlisted: s.unlisted, Principals: []Principal{}, Others: []Other{}}
	for _, o := range s.others {
		r.Others = append(r.Others, *o)
	}
	slices.SortFunc(r.Others, func(a, b Other) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.Who, b.Who))
	})
	for _, m := range s.account.Missing {
		if m.Input == "authorization-details" || m.Input == "account" {
			r.Missing = append(r.Missing, m.Input+": "+m.Why)
		}
	}
	for _, f := range s.account.Faults {
		r.Faults = append(r.Faults, strings.Join(slices.DeleteFunc([]string{f.File, f.Path, f.What}, func(s string) bool { return s == "" }), ": "))
	}
	g := &granter{map[*iam.Compound]actionSet{}, map[*iam.Policy]*iam.Compiled{}}
	for _, h := range s.order {
		if len(names) > 0 && !slices.Contains(names, h.own.ARN) {
			continue
		}
		r.Principals = append(r.Principals, s.principal(h, g))
	}
	slices.SortFunc(r.Principals, func(a, b Principal) int { return cmp.Compare(a.ARN, b.ARN) })
	return r
}

func (s *Survey) principal(h *holder, g *granter) Principal {
	c := catalogued()
	p := Principal{ARN: h.own.ARN, Kind: h.kind, Created: h.own.Created, Policies: h.sources, Unknown: h.unknown, Services: []ServiceUse{}, Uses: actionUses(h.uses), Refused: actionUses(h.refused), Beside: actionUses(h.beside)}
	if h.own.Boundary != nil {
		p.Boundary = h.own.Boundary.Name
	}
	if p.Policies == nil {
		p.Policies = []Source{}
	}
	granted := g.holderGrants(h)
	hidden := newActionSet()
	for _, policy := range h.policies {
		for _, st := range policy.Statements() {
			if st.Allow {
				s.hidden(st, func(_ string, numbers []int, _ bool) {
					for _, i := range numbers {
						hidden.put(i)
					}
				})
			}
		}
	}
	last := map[int]time.Time{}
	for k, t := range h.uses {
		p.First, p.Last = earlier(p.First, t.first), later(p.Last, t.last)
		if i, ok := c.number[strings.ToLower(k.action)]; ok && !t.perhaps {
			last[i] = later(last[i], t.last)
		}
	}
	services := map[string]*ServiceUse{}
	for i, a := range c.actions {
		if !granted.has(i) {
			continue
		}
		u := services[a.Service]
		if u == nil {
			u = &ServiceUse{Service: a.Service}
			services[a.Service] = u
		}
		u.Granted++
		p.Granted++
		switch at, used := last[i]; {
		case used:
			u.Used++
			p.Used++
			u.Last = later(u.Last, at)
		case hidden.has(i):
			u.Unlogged++
			p.Unlogged++
		default:
			p.Never++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(services)) {
		p.Services = append(p.Services, *services[name])
	}
	for _, policy := range h.policies {
		for _, st := range policy.Statements() {
			if !st.Allow {
				continue
			}
			for _, a := range st.Actions {
				pattern := iam.ActionPattern(a)
				used := false
				for action := range h.kept[st] {
					used = used || st.NotActions || pattern.Match(strings.ToLower(action))
				}
				if used {
					continue
				}
				if st.NotActions {
					a = "every action but " + strings.Join(st.Actions, ", ")
				}
				p.Unused = append(p.Unused, Grant{st.Policy.Name, st.Index, st.Sid, a, !st.NotActions && Unlogged(a) && !s.logged(st, strings.SplitN(a, ":", 2)[0])})
				if st.NotActions {
					break
				}
			}
		}
	}
	return p
}

func actionUses(m map[useKey]*tally) []ActionUse {
	out := []ActionUse{}
	for k, t := range m {
		u := ActionUse{Action: k.action, PassedTo: k.passedTo, Count: t.count, Failed: t.failed, First: t.first, Last: t.last, Resources: t.on.list(), On: len(t.on.arns), NotSaid: t.on.unknown, Perhaps: t.perhaps}
		u.Resources = u.Resources[:min(20, len(u.Resources))]
		_, known := catalogued().number[strings.ToLower(k.action)]
		u.Undocumented = !known
		if len(t.codes) > 0 {
			u.Errors = t.codes
		}
		out = append(out, u)
	}
	slices.SortFunc(out, func(a, b ActionUse) int {
		return cmp.Or(cmp.Compare(a.Action, b.Action), cmp.Compare(a.PassedTo, b.PassedTo))
	})
	return out
}

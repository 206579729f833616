package reach

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"

	"strongroom/cloud/account"
)

var withCredentials = Text{
	"whoever has that principal’s credentials takes part, or the same person has them too",
	"le titulaire des identifiants de ce principal participe, ou la même personne les a aussi",
}

var versionToCome = Text{
	"a version with wider rights comes to exist: the export holds only the one in force",
	"une version aux droits plus larges vient à exister : l’export ne contient que celle en vigueur",
}

// waysTo are the steps that lead to an actor, in the order of the rules.
func (e *engine) waysTo(t *actor) []*ref {
	if t.seen {
		return t.in
	}
	t.seen = true
	x := t.origin()
	add := func(r *ref) { t.in = append(t.in, r) }
	try := func(alt *alternative, to *target, level Certainty) *ref {
		r, ok := e.step(alt, to)
		if !ok {
			return nil
		}
		r.cap = min(r.cap, level)
		if r.cap == No {
			return nil
		}
		return r
	}
	switch {
	case t.base != nil:
		e.waysToChanged(t, x, add, try)
	case t.principal.Kind == Role:
		e.waysToRole(t, add, try, "be")
	case t.principal.Kind == User:
		for _, alt := range e.alts {
			if alt.rule.Target == "user" && alt.rule.Gives == "be" {
				if r := try(alt, &target{kind: "user", arn: t.principal.ARN, actor: t}, Certain); r != nil {
					add(r)
				}
			}
		}
	case t.principal.Kind == Federated:
		for _, alt := range e.alts {
			if alt.rule.Gives == "be" && (alt.rule.Target == "saml-provider" && strings.Contains(t.principal.ARN, ":saml-provider/") || alt.rule.Target == "oidc-provider" && strings.Contains(t.principal.ARN, ":oidc-provider/")) {
				if r := try(alt, &target{kind: alt.rule.Target, arn: t.principal.ARN, actor: t}, Certain); r != nil {
					add(r)
				}
			}
		}
	}
	return t.in
}

func (e *engine) waysToRole(t *actor, add func(*ref), try func(*alternative, *target, Certainty) *ref, gives string) {
	r := t.role
	for _, alt := range e.alts {
		rule := alt.rule
		if rule.Gives != gives {
			continue
		}
		if rule.Target == "role" {
			level := Certain
			if len(rule.Trusts) > 0 {
				level = No
				for _, s := range rule.Trusts {
					level = max(level, e.trust(r, s))
				}
			}
			if rule.TrustsProvider != "" && !trustsProvider(r, rule.TrustsProvider) {
				continue
			}
			if level == No {
				continue
			}
			to := &target{kind: "role", arn: r.ARN, actor: t, role: r.ARN}
			if ref := try(alt, to, level); ref != nil {
				ref.via = ""
				if rule.Group == "new" && len(r.Profiles) > 0 && slices.Contains(rule.Trusts, "ec2.amazonaws.com") {
					ref.via = r.Profiles[0]
				}
				add(ref)
			}
			continue
		}
		for _, to := range e.heldBy(r, rule.Target) {
			to.actor = t
			if ref := try(alt, to, Certain); ref != nil {
				add(ref)
			}
		}
	}
}

func trustsProvider(r *account.Role, prefix string) bool {
	if r.Trust == nil {
		return false
	}
	for _, s := range r.Trust.Statements {
		if s.Allow && s.Principals != nil {
			for _, f := range s.Principals.Federated {
				if strings.HasPrefix(last(f), prefix) {
					return true
				}
			}
		}
	}
	return false
}

// heldBy are the things of a kind that hold a role; where no input lists them, one that may
// exist.
func (e *engine) heldBy(r *account.Role, kind string) []*target {
	var out []*target
	switch kind {
	case "image-user", "layer-user":
		for _, w := range e.workloads[r.ARN] {
			if kind == "layer-user" && w.Function != nil {
				for _, l := range w.Function.Layers {
					if arnAccount(l) == e.a.ID {
						out = append(out, &target{kind: w.Kind, arn: w.ARN, workload: w, role: r.ARN, pattern: l[:strings.LastIndexByte(l, ':')]})
					}
				}
			}
			var images []string
			if w.Task != nil {
				images = append(images, w.Task.Images...)
			}
			if w.Function != nil && w.Function.Image != "" {
				images = append(images, w.Function.Image)
			}
			for _, i := range images {
				// An image that is named by its digest is what it is, whoever pushes another.
				if kind == "image-user" && strings.HasPrefix(i, e.a.ID+".dkr.ecr.") && !strings.Contains(i, "@sha256:") {
					host, repo, _ := strings.Cut(i, "/")
					repo, _, _ = strings.Cut(repo, ":")
					region := strings.Split(host, ".")[3]
					arn := e.arn("ecr", region, "repository/"+repo)
					out = append(out, &target{kind: w.Kind, arn: w.ARN, workload: w, role: r.ARN, pattern: arn, resource: e.repository(arn)})
				}
			}
		}
		return out
	case "ec2:launch-template":
		for _, l := range e.a.LaunchTemplates {
			if slices.ContainsFunc(l.Versions, func(v account.TemplateVersion) bool {
				return v.Profile != "" && slices.ContainsFunc(r.Profiles, func(p string) bool { return p == v.Profile || last(p) == last(v.Profile) })
			}) {
				out = append(out, &target{kind: kind, arn: e.arn("ec2", l.Region, "launch-template/"+l.ID), template: l, role: r.ARN})
			}
		}
	default:
		for _, w := range e.workloads[r.ARN] {
			if w.Kind == kind {
				out = append(out, &target{kind: kind, arn: w.ARN, workload: w, role: r.ARN})
			}
		}
	}
	k, ok := kinds[kind]
	if ok && len(out) == 0 && len(k.lacks(e)) > 0 {
		trusted := k.service == "" && e.trust(r, "cloudformation.amazonaws.com") != No || k.service != "" && e.trust(r, k.service) != No
		if strings.HasPrefix(kind, "ec2:") && len(r.Profiles) == 0 {
			trusted = false
		}
		if trusted {
			out = append(out, &target{kind: kind, pattern: e.fill(e.rules.Things[kind]), role: r.ARN})
		}
	}
	return out
}

// repository is a repository of images; one that no input lists has a policy that nobody
// knows.
func (e *engine) repository(arn string) *account.Resource {
	for _, r := range e.a.Resources {
		if r.ARN == arn {
			return r
		}
	}
	if e.known("repositories") {
		return nil
	}
	return &account.Resource{Kind: "ecr:repository", ARN: arn}
}

// waysToChanged are the steps that make a principal what it is after a change.
func (e *engine) waysToChanged(t, x *actor, add func(*ref), try func(*alternative, *target, Certainty) *ref) {
	if t.data {
		e.waysToRole(t, add, try, t.mods)
		return
	}
	from := t.base // whom it was just before
	write := func(r *ref) {
		if r == nil {
			return
		}
		if level := min(r.who.of(from.class.id), r.cap); level != No && from.acts() {
			self := *r
			self.only, self.cap = from, level
			add(&self)
		}
		if from != x {
			return
		}
		// The same principal also becomes the one whose policies it wrote.
		if become := e.becomes(x); become != none {
			if both := e.and(r.who, become); both != none {
				two := *r
				two.who, two.next = both, r
				add(&two)
			}
		}
		other := *r
		other.cap = min(r.cap, Possible)
		other.notes = append(slices.Clone(r.notes), withCredentials)
		other.others = true
		// Whoever only lifts what keeps another from it has not got there: the route is
		// told, and is no way of theirs. (Else a further Deny would add ways.)
		other.helps = !strings.HasPrefix(t.mods, "wide") && !strings.HasPrefix(t.mods, "joined")
		add(&other)
	}
	mod, of, _ := strings.Cut(t.mods, ":")
	for _, alt := range e.alts {
		rule := alt.rule
		kind := "user"
		if x.role != nil {
			kind = "role"
		}
		at := func() *target { return &target{kind: kind, arn: x.principal.ARN, actor: x} }
		switch {
		case mod == "unbounded" && rule.Gives == "unbounded", mod == "undenied" && rule.Gives == "undenied":
			n := alt.need[0].Action
			if strings.Contains(n, "User") != (x.user != nil) {
				continue
			}
			if mod == "undenied" && (of == "managed" != strings.Contains(n, "Detach") || of == "inline" != strings.Contains(n, "Delete") || of == "group" != strings.Contains(n, "RemoveUser")) {
				continue
			}
			write(try(alt, at(), Certain))
		case mod == "retagged" && rule.Gives == "retagged":
			if rule.Target == "principal" {
				if strings.Contains(alt.need[0].Action, "User") == (x.user != nil) {
					write(try(alt, at(), Certain))
				}
			} else if x.role != nil { // whoever assumes it, with tags of their choice
				if r := try(alt, &target{kind: "role", arn: x.role.ARN, actor: x, role: x.role.ARN}, Certain); r != nil {
					r.via = ""
					add(r)
				}
			}
		case mod == "joined" && rule.Gives == "join":
			for _, g := range e.a.Groups {
				if g.ARN == of {
					write(try(alt, &target{kind: "group", arn: of, group: g, actor: x}, Certain))
				}
			}
		case mod == "wide" && (rule.Gives == "rights" || rule.Gives == "version"):
			switch rule.Target {
			case kind:
				if of != "" || rule.TrustsProvider != "" && (x.role == nil || !trustsProvider(x.role, rule.TrustsProvider)) {
					continue
				}
				write(try(alt, at(), Certain))
			case "group":
				if of != "" || x.user == nil {
					continue
				}
				groups := x.user.Groups
				if strings.HasPrefix(from.mods, "joined:") {
					for _, g := range e.a.Groups {
						if g.ARN == from.mods[len("joined:"):] {
							groups = append(slices.Clip(groups), g)
						}
					}
				}
				for _, g := range groups {
					write(try(alt, &target{kind: "group", arn: g.ARN, group: g, actor: x}, Certain))
				}
			case "policy":
				seen := map[string]bool{}
				for _, s := range from.slots {
					if s.source.Kind != "managed" || seen[s.source.Owner] || of != "" && of != s.source.Owner {
						continue
					}
					seen[s.source.Owner] = true
					m := e.managed(s.source.Owner)
					if m == nil || m.AWS {
						continue
					}
					r := try(alt, &target{kind: "policy", arn: m.ARN, policy: m, actor: x}, Certain)
					if r != nil && rule.Gives == "version" {
						level, note := widest(m)
						r.cap = min(r.cap, level)
						if note != nil {
							r.notes = append(slices.Clone(r.notes), *note)
						}
					}
					write(r)
				}
			}
		}
	}
}

// widest says what switching a policy's version brings.
func widest(m *account.Managed) (Certainty, *Text) {
	for _, v := range m.Versions {
		if v.Default || v.Policy == nil {
			continue
		}
		for _, s := range v.Policy.Statements {
			if s.Allow && slices.Contains(s.Actions, "*") && slices.Contains(s.Resources, "*") && len(s.Conditions) == 0 {
				return Certain, nil
			}
		}
	}
	if len(m.Versions) > 1 {
		return Possible, &Text{"one of its other versions grants what is needed", "une de ses autres versions accorde ce qu’il faut"}
	}
	return Possible, &versionToCome
}

func (e *engine) managed(arn string) *account.Managed {
	i, ok := slices.BinarySearchFunc(e.a.Managed, arn, func(m *account.Managed, arn string) int { return cmp.Compare(m.ARN, arn) })
	if ok {
		return e.a.Managed[i]
	}
	for _, m := range e.a.Managed {
		if m.ARN == arn {
			return m
		}
	}
	return nil
}

// becomes is who can become somebody in one step.
func (e *engine) becomes(x *actor) *list {
	l := none
	for _, r := range e.waysTo(x) {
		if r.only == nil && r.next == nil {
			l = e.or(l, e.capped(r.who, r.cap))
		}
	}
	return l
}

// edge is a step of somebody to somebody else, or to what is asked about.
type edge struct {
	ref   *ref
	to    *actor // nil: the right
	level Certainty
	n     int // steps to the end
}

type state struct {
	edge
	done bool
}

// hub is one step that many take to many: once its takers are told of one of the places it
// leads to, the others are only kept for further chains.
type hub struct {
	ref     *ref
	targets []hubTarget
	told    [Certain + 1]int
}

type hubTarget struct {
	ref *ref
	to  *actor
	st  edge // of to
}

type hubKey struct {
	alt, list, length int
	cap               Certainty
}

// pass is the search for one right: from whom, in how many steps, how surely.
type pass struct {
	e        *engine
	right    Right
	goal     []*ref
	states   []state
	hubs     map[hubKey]*hub
	inOrder  []*hub
	byClass  [][]*hub
	personal map[*actor][]edge
	queue    queue
	chains   int
	helpers  []hubTarget // steps that help somebody else
}

type item struct {
	level Certainty
	n, id int
}

type queue []item

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	a, b := q[i], q[j]
	if a.level != b.level {
		return a.level > b.level
	}
	if a.n != b.n {
		return a.n < b.n
	}
	return a.id < b.id
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(item)) }
func (q *queue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}

// search runs Dijkstra's algorithm backwards from the right: surer ways first, then shorter.
func (e *engine) search(right Right, goal []*ref, chains int) *pass {
	p := &pass{e: e, right: right, goal: goal, states: make([]state, len(e.actors)), hubs: map[hubKey]*hub{}, byClass: make([][]*hub, len(e.classes)), personal: map[*actor][]edge{}, chains: chains}
	for _, r := range goal {
		for _, x := range r.who.entries {
			for _, a := range e.classes[x.class].members {
				ed := edge{r, nil, min(x.level, r.cap), r.length()}
				// What S3 may replicate with a role, the role cannot read by itself.
				replicated := r.alt.rule.By == "replication"
				if !replicated {
					p.relax(a, ed)
				}
				if right.Kind != ReadBucket {
					continue
				}
				// A service reads; it rewrites no policy first.
				if d := e.dataOf[a]; d != nil && r.alt.rule.Group == "direct" {
					p.relax(d, ed)
				}
				if d := e.replicaOf[a]; d != nil && (replicated || r.alt.rule.ID == "s3-get-version") {
					p.relax(d, ed)
				}
			}
		}
	}
	for p.queue.Len() > 0 {
		it := heap.Pop(&p.queue).(item)
		s := &p.states[it.id]
		if s.done || s.level != it.level || s.n != it.n {
			continue
		}
		s.done = true
		t := e.actors[it.id]
		for _, r := range e.waysTo(t) {
			if r.only != nil {
				ed := edge{r, t, min(r.cap, s.level), s.n + r.length()}
				p.personal[r.only] = append(p.personal[r.only], ed)
				p.relax(r.only, ed)
				continue
			}
			if r.helps {
				p.helpers = append(p.helpers, hubTarget{r, t, s.edge})
				continue
			}
			k := hubKey{r.alt.id, r.who.id, r.length(), r.cap}
			h := p.hubs[k]
			if h == nil {
				h = &hub{ref: r}
				p.hubs[k] = h
				p.inOrder = append(p.inOrder, h)
				for _, x := range r.who.entries {
					if e.classes[x.class].told {
						p.byClass[x.class] = append(p.byClass[x.class], h)
					}
				}
			}
			if len(h.targets) <= p.chains {
				h.targets = append(h.targets, hubTarget{r, t, s.edge})
			}
			if h.told[s.level] >= 2 {
				continue
			}
			h.told[s.level]++
			n := s.n + r.length()
			for _, x := range r.who.entries {
				level := min(x.level, r.cap, s.level)
				for _, a := range e.classes[x.class].members {
					if !p.states[a.id].done && a.root != t.root {
						p.relax(a, edge{r, t, level, n})
					}
				}
			}
		}
	}
	return p
}

func (p *pass) relax(a *actor, ed edge) {
	s := &p.states[a.id]
	if s.done || s.level > ed.level || s.level == ed.level && (s.n <= ed.n) && s.level != No {
		return
	}
	s.edge = ed
	heap.Push(&p.queue, item{ed.level, ed.n, a.id})
}

// ways are the first steps that somebody has, the best first.
func (p *pass) ways(a *actor) []edge {
	var out []edge
	for _, r := range p.goal {
		if level := r.who.of(a.class.id); level != No {
			out = append(out, edge{r, nil, min(level, r.cap), r.length()})
		}
	}
	out = append(out, p.personal[a]...)
	for _, h := range p.byClass[a.class.id] {
		for _, t := range h.targets {
			if t.to.origin() == a.origin() {
				continue
			}
			out = append(out, edge{t.ref, t.to, min(t.ref.who.of(a.class.id), t.ref.cap, t.st.level), t.st.n + t.ref.length()})
		}
	}
	slices.SortStableFunc(out, func(x, y edge) int {
		return cmp.Or(-cmp.Compare(x.level, y.level), cmp.Compare(x.n, y.n), cmp.Compare(p.e.ruleAt[x.ref.alt.rule], p.e.ruleAt[y.ref.alt.rule]), cmp.Compare(x.ref.alt.id, y.ref.alt.id), cmp.Compare(name(x.to), name(y.to)), cmp.Compare(x.ref.via, y.ref.via))
	})
	return out
}

func name(a *actor) string {
	if a == nil {
		return ""
	}
	return a.principal.ARN + "|" + a.mods
}

// visits says whether the best way from somebody goes through a principal.
func (p *pass) visits(from *actor, x *actor) bool {
	for from != nil {
		if from.origin() == x {
			return true
		}
		from = p.states[from.id].to
	}
	return false
}

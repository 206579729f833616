package reach

import (
	"cmp"
	mathbits "math/bits"
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
	was := e.fleeting
	e.fleeting = nil
	defer func() {
		e.fleeting = was
		for _, r := range t.in {
			r.size = r.length()
			switch {
			case r.only != nil:
				t.alone = append(t.alone, r)
			case r.helps:
				t.helped = append(t.helped, r)
			default:
				r.hub = e.hubOf(r)
				t.hubs = append(t.hubs, inHub{r.hub.id, r})
				if r.anybody {
					t.open = append(t.open, r)
				}
			}
		}
	}()
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
	case t.made != nil:
		e.waysToMade(t, add)
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
				if _, name, _ := strings.Cut(f, "-provider/"); strings.HasPrefix(name, prefix) {
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

// hub is one step that many take to many: the steps of one alternative by the same people, as
// surely and as long, wherever they lead. A thousand steps are a few dozen hubs.
type hub struct {
	id  int32
	ref *ref
	// who are the actors who can take it, by how surely at least.
	who [Certain + 1]bits
}

// hubAt is a hub that a class is among the takers of.
type hubAt struct {
	hub   *hub
	level Certainty
}

// landed is what a search knows of a hub. Once its takers are told of one of the places it
// leads to, the others are only kept for further chains.
type landed struct {
	targets []hubTarget
	told    [Certain + 1]int
}

type hubTarget struct {
	ref *ref
	to  *actor
	st  edge // of to
}

// inHub is a step to somebody, and the hub that it is of.
type inHub struct {
	hub int32
	ref *ref
}

type hubKey struct {
	alt, list, length int
	cap               Certainty
}

// hubOf finds the hub of a step, or makes it.
func (e *engine) hubOf(r *ref) *hub {
	k := hubKey{r.alt.id, r.who.id, r.length(), r.cap}
	h := e.hubs[k]
	if h != nil {
		return h
	}
	h = &hub{id: int32(len(e.hubs)), ref: r}
	e.hubs[k] = h
	if e.hubsOf == nil {
		e.hubsOf = make([][]hubAt, len(e.classes))
	}
	for _, x := range r.who.entries {
		level := min(x.level, r.cap)
		c := e.classes[x.class]
		for l := Unknown; l <= level; l++ {
			if h.who[l] == nil {
				h.who[l] = newBits(len(e.actors))
			}
			for _, a := range c.members {
				h.who[l].set(a.id)
			}
		}
		if c.told {
			e.hubsOf[x.class] = append(e.hubsOf[x.class], hubAt{h, level})
		}
	}
	return h
}

// bits is a set of small numbers.
type bits []uint64

func newBits(n int) bits      { return make(bits, (n+63)/64) }
func (b bits) set(i int)      { b[i>>6] |= 1 << (i & 63) }
func (b bits) has(i int) bool { return b[i>>6]&(1<<(i&63)) != 0 }

// pass is the search for one right: from whom, in how many steps, how surely. The next search
// takes its room.
type pass struct {
	e        *engine
	right    Right
	goal     []*ref
	states   []state // by actor
	hubs     []landed
	full     []uint8  // by hub, a bit for each certainty: nothing more is to be told of it
	inOrder  []*hub   // those that lead to the right
	personal [][]edge // by actor
	chains   int
	helpers  []hubTarget // steps that help somebody else

	settled bits
	queue   [Certain + 1][][]pending // by certainty and length
}

// pending is a step that leads on to what is settled: that of one actor, or of all of a hub.
type pending struct {
	actor *actor
	hub   *hub
	edge  edge
}

// search runs Dijkstra's algorithm backwards from the right: surer ways first, then shorter.
// Lengths are small numbers, so the queue is a list for each; those who take one step are
// settled together, as sets.
func (e *engine) search(right Right, goal []*ref, chains int) *pass {
	p := e.pass
	if p == nil || len(p.states) != len(e.actors) {
		p = &pass{e: e, states: make([]state, len(e.actors)), settled: newBits(len(e.actors)), personal: make([][]edge, len(e.actors))}
		e.pass = p
	}
	clear(p.states)
	clear(p.settled)
	for i, own := range p.personal {
		if len(own) > 0 {
			p.personal[i] = own[:0]
		}
	}
	for _, h := range p.inOrder {
		x := &p.hubs[h.id]
		x.targets, x.told = x.targets[:0], [Certain + 1]int{}
		p.full[h.id] = 0
	}
	p.right, p.goal, p.chains, p.inOrder, p.helpers = right, goal, chains, p.inOrder[:0], p.helpers[:0]
	for _, r := range goal {
		n := r.length()
		// What S3 may replicate with a role, the role cannot read by itself. A service reads;
		// it rewrites no policy first.
		replicated := r.alt.rule.By == "replication"
		replicates := right.Kind == ReadBucket && (replicated || r.alt.rule.ID == "s3-get-version")
		reads := right.Kind == ReadBucket && r.alt.rule.Group == "direct"
		for _, x := range r.who.entries {
			ed := edge{r, nil, min(x.level, r.cap), n}
			c := e.classes[x.class]
			if !replicated {
				for _, id := range c.ids {
					p.relax(id, ed)
				}
			}
			for _, a := range c.served {
				if d := a.reader; d != nil && reads {
					p.relax(int32(d.id), ed)
				}
				if d := a.replica; d != nil && replicates {
					p.relax(int32(d.id), ed)
				}
			}
		}
	}
	for i := range p.states {
		if ed := p.states[i].edge; ed.level != No {
			p.push(pending{actor: e.actors[i], edge: ed})
		}
	}
	var fresh []*actor
	for level := Certain; level > No; level-- {
		for n := 0; n < len(p.queue[level]); n++ {
			fresh = fresh[:0]
			for _, q := range p.queue[level][n] {
				if q.actor != nil {
					if !p.settled.has(q.actor.id) {
						p.settled.set(q.actor.id)
						p.states[q.actor.id] = state{q.edge, true}
						fresh = append(fresh, q.actor)
					}
					continue
				}
				root := q.edge.to.root
				for i, w := range q.hub.who[level] {
					for w &^= p.settled[i]; w != 0; w &= w - 1 {
						a := e.actors[i<<6+mathbits.TrailingZeros64(w)]
						if a.root == root {
							continue
						}
						p.settled.set(a.id)
						p.states[a.id] = state{q.edge, true}
						fresh = append(fresh, a)
					}
				}
			}
			p.queue[level][n] = p.queue[level][n][:0]
			slices.SortFunc(fresh, func(x, y *actor) int { return x.id - y.id })
			for _, t := range fresh {
				p.expand(t)
			}
		}
	}
	return p
}

// expand tells those who can take a step to somebody that it leads to the right.
func (p *pass) expand(t *actor) {
	s := p.states[t.id].edge
	e := p.e
	e.waysTo(t)
	for _, r := range t.alone {
		ed := edge{r, t, min(r.cap, s.level), s.n + r.size}
		p.personal[r.only.id] = append(p.personal[r.only.id], ed)
		if !p.settled.has(r.only.id) {
			p.push(pending{actor: r.only, edge: ed})
		}
	}
	for _, r := range t.helped {
		p.helpers = append(p.helpers, hubTarget{r, t, s})
	}
	for _, in := range t.hubs {
		for len(p.hubs) <= int(in.hub) {
			p.hubs, p.full = append(p.hubs, landed{}), append(p.full, 0)
		}
		if p.full[in.hub]&(1<<s.level) != 0 {
			continue
		}
		r := in.ref
		h, x := r.hub, &p.hubs[in.hub]
		if len(x.targets) == 0 {
			p.inOrder = append(p.inOrder, h)
		}
		if len(x.targets) <= p.chains {
			x.targets = append(x.targets, hubTarget{r, t, s})
		}
		if x.told[s.level] < 2 {
			x.told[s.level]++
			for l := s.level; l > No; l-- {
				if h.who[l] != nil {
					p.push(pending{hub: h, edge: edge{r, t, l, s.n + r.size}})
				}
			}
		}
		if x.told[s.level] == 2 && len(x.targets) > p.chains {
			p.full[in.hub] |= 1 << s.level
		}
	}
}

func (p *pass) push(x pending) {
	q := &p.queue[x.edge.level]
	for len(*q) <= x.edge.n {
		*q = append(*q, nil)
	}
	(*q)[x.edge.n] = append((*q)[x.edge.n], x)
}

// relax notes a step to the right itself, if it is the best so far.
func (p *pass) relax(actor int32, ed edge) {
	s := &p.states[actor]
	if s.level > ed.level || s.level == ed.level && s.n <= ed.n && s.level != No {
		return
	}
	s.edge = ed
}

// ways are the first steps that somebody has, the best first.
func (p *pass) ways(a *actor) []edge {
	var out []edge
	p.each(a, func(ed edge) { out = append(out, ed) })
	slices.SortStableFunc(out, p.e.byWay)
	return out
}

// each tells of the first steps that somebody has.
func (p *pass) each(a *actor, of func(edge)) {
	for _, r := range p.goal {
		if level := r.who.of(a.class.id); level != No {
			of(edge{r, nil, min(level, r.cap), r.length()})
		}
	}
	for _, ed := range p.personal[a.id] {
		of(ed)
	}
	for _, h := range p.e.takes(a) {
		for _, t := range p.landed(h.hub) {
			if t.to.origin() != a.origin() {
				of(edge{t.ref, t.to, min(h.level, t.st.level), t.st.n + t.ref.size})
			}
		}
	}
}

// byWay orders first steps: surer, shorter, then by rules and names.
func (e *engine) byWay(x, y edge) int {
	if c := cmp.Or(-cmp.Compare(x.level, y.level), cmp.Compare(x.n, y.n)); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(e.ruleAt[x.ref.alt.rule], e.ruleAt[y.ref.alt.rule]), cmp.Compare(x.ref.alt.id, y.ref.alt.id), cmp.Compare(name(x.to), name(y.to)), cmp.Compare(x.ref.via, y.ref.via))
}

// takes are the hubs that an actor is among the takers of.
func (e *engine) takes(a *actor) []hubAt {
	if e.hubsOf == nil {
		return nil
	}
	return e.hubsOf[a.class.id]
}

// landed are the first few places that a hub leads to and that lead to the right.
func (p *pass) landed(h *hub) []hubTarget {
	if int(h.id) >= len(p.hubs) {
		return nil
	}
	return p.hubs[h.id].targets
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

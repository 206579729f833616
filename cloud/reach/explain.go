package reach

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
)

// detail is why a class may take a step.
type detail struct {
	name       string // the ARN of whom the step makes
	acts       []Act
	conditions []Condition
	missing    []string
}

// detailKey is who takes which step to what.
type detailKey struct {
	alt, class   int
	arn, pattern string
	bucket       *account.Bucket
	actor        *actor // where members of the class differ in what their policies are called
}

func details(m *memo) map[detailKey]*detail { return m.details }

// situation is what one action of a step is asked about, as whoFor asks.
type situation struct {
	text  string // of the resource
	set   iam.Set
	owner string
	given map[string]string
	// tagged says that they hold the resource's tags, without which they are untagged.
	tagged   bool
	untagged map[string]string
	with     func(p *iam.Policies, strict bool)
	// source is where the resource's own policy is; input what holds it, of access points.
	source Source
	input  string
}

// situations are the questions that one action of a step is: through an access point S3 asks
// the point and the bucket behind it (Amazon S3 User Guide, "Configuring IAM policies for using
// access points").
func (e *engine) situations(n *Need, on string, t *target) []situation {
	if on == "target" {
		n = e.inRegion(n, arnRegion(t.arn))
	}
	out := []situation{e.situation(n, on, t)}
	if given := e.tagged(n, t); given != nil && on == "target" {
		s := &out[0]
		s.untagged, s.tagged = s.given, true
		if s.given = given; t.bucket != nil {
			maps.Copy(s.given, s.untagged)
		}
	}
	switch on {
	case "access-point objects", "supporting objects", "new access-point objects":
		if t.bucket == nil {
			break
		}
		behind := e.situation(&Need{Action: n.Action, Given: out[0].given}, "objects", &target{kind: "bucket", arn: t.bucket.ARN, bucket: t.bucket})
		out = append(out, behind)
	}
	return out
}

func (e *engine) situation(n *Need, on string, t *target) situation {
	s := situation{owner: e.a.ID, given: n.Given}
	text := func(p string) situation {
		s.text, s.set = p, iam.Of(iam.ResourcePattern(p))
		return s
	}
	exact := func(arn string) situation {
		s.text, s.set = arn, iam.Of(iam.Literal(arn))
		return s
	}
	bucket := func(b *account.Bucket, resources string) situation {
		s.text, s.set = resources, e.inBucket(resources).set
		s.source = Source{Kind: "bucket", Owner: b.ARN}
		s.given = e.direct(b, n.Given)
		block := e.block(b)
		s.with = func(p *iam.Policies, strict bool) {
			switch n.Policy {
			case "rewritten":
				p.Resource = iam.Supplied(toAnyone)
			case "deleted":
				p.Resource = iam.Supplied()
			default:
				p.Resource, p.Bucket = e.resource(b.Policy, strict), block
			}
		}
		return s
	}
	which, thing, _ := strings.Cut(on, " ")
	switch {
	case on == "target" && t.made != nil:
		if n.Policy == "rewritten" {
			s.source, s.with = Source{Kind: "builtin", Owner: t.actor.principal.ARN}, trustful
		}
		return exact(t.arn)
	case on == "groups" && t.made != nil:
		return exact(t.made.group.ARN)
	case on == "target" && t.kind == "role" && n.Policy != "":
		exact(t.arn)
		s.source = Source{Kind: "trust", Owner: t.arn}
		s.with = func(p *iam.Policies, _ bool) {
			p.Resource = iam.Supplied(trusting)
			if n.Policy == "trust" {
				p.Resource = e.resource(account.Is(t.actor.role.Trust), false)
			}
		}
		return s
	case on == "target" && t.kind == "lambda:function" && n.Policy == "rewritten":
		if text(t.pattern); t.arn != "" {
			exact(t.arn)
		}
		s.source = Source{Kind: "function", Owner: t.arn}
		s.with = func(p *iam.Policies, _ bool) { p.Resource = iam.Supplied(toAnyone) }
		return s
	case on == "target" && t.key != nil:
		exact(t.arn)
		s.owner = cmp.Or(arnAccount(t.arn), e.a.ID)
		s.source = Source{Kind: "key", Owner: t.arn}
		if t.bucket != nil && n.Action == "kms:Decrypt" && n.Policy == "" {
			s.given = map[string]string{"aws:ViaAWSService": "true"}
			maps.Copy(s.given, n.Given)
			if t.bucket.Region != "" {
				s.given["kms:ViaService"] = "s3." + t.bucket.Region + ".amazonaws.com"
			}
		}
		var grants []*iam.Compiled
		for _, g := range t.key.Grants.V {
			grants = append(grants, iam.Compile(iam.GrantPolicy(iam.KeyGrant{ID: g.ID, Grantee: g.Grantee, Operations: g.Operations, Subset: g.Subset, Equals: g.Equals})))
		}
		s.with = func(p *iam.Policies, strict bool) {
			p.Resource = e.resource(t.key.Policy, strict)
			if n.Policy == "rewritten" {
				p.Resource = iam.Supplied(toAnyone)
			}
			p.Grants = iam.Layer{Known: t.key.Grants.Known || strict, Policies: grants}
		}
		return s
	case on == "target" && t.arn == "":
		return text(t.pattern)
	case on == "target" && t.resource != nil, on == "repository" && t.resource != nil:
		exact(t.resource.ARN)
		s.source = Source{Kind: "resource", Owner: t.resource.ARN}
		s.with = func(p *iam.Policies, strict bool) { p.Resource = e.resource(t.resource.Policy, strict) }
		return s
	case on == "target" && t.workload != nil && t.workload.Policy.V != nil:
		exact(t.arn)
		s.source = Source{Kind: "function", Owner: t.arn}
		s.with = func(p *iam.Policies, _ bool) { p.Resource = iam.Supplied(e.compile(t.workload.Policy.V)) }
		return s
	case on == "target":
		return exact(t.arn)
	case on == "any":
		return text("*")
	case on == "any-role":
		return text(e.arn("iam", "", "role/*"))
	case on == "any-user":
		return text(e.arn("iam", "", "user/*"))
	case on == "any-object":
		return text("arn:*:s3:::*/*")
	case on == "role" && t.role != "":
		return exact(t.role)
	case on == "role":
		return text(e.arn("iam", "", "role/*"))
	case on == "groups":
		return text(e.arn("iam", "", "group/*"))
	case on == "bucket" && t.bucket == nil:
		for _, b := range e.asked() {
			return bucket(b, b.ARN)
		}
		return text("arn:*:s3:::*")
	case on == "bucket":
		return bucket(t.bucket, t.bucket.ARN)
	case on == "objects", on == "log objects", on == "state objects":
		return bucket(t.bucket, t.bucket.ARN+"/*")
	case on == "access-point objects", on == "supporting objects":
		p := t.point
		if on == "supporting objects" {
			for _, x := range e.a.AccessPoints {
				if x.ARN == p.Supporting || x.Name == last(p.Supporting) {
					p = x
				}
			}
		}
		text(p.ARN + "/object/*")
		s.source = Source{Kind: "access-point", Owner: p.ARN}
		s.input = accessPointPolicy(p)
		s.given = e.throughPoint(p, n.Given)
		s.with = func(ps *iam.Policies, strict bool) {
			ps.Resource, ps.Bucket = e.resource(p.Policy, strict), e.blocked(p.PublicAccess)
			if n.Policy == "rewritten" {
				ps.Resource = iam.Supplied(toAnyone)
			}
		}
		return s
	case on == "new access-point objects":
		text(e.arn("s3", "*", "accesspoint/*/object/*"))
		s.given = e.throughNew(t.bucket, n.Given)
		s.with = func(p *iam.Policies, _ bool) { p.Resource = iam.Supplied(toAnyone) }
		return s
	case on == "repository", on == "layer":
		return text(t.pattern)
	case which == "new", which == "existing":
		return text(e.fill(e.rules.Things[thing]))
	}
	return text("*")
}

var inputOfPolicy = map[iam.PolicyKind]string{
	iam.ServiceControl: "organization-scps", iam.ResourceControl: "organization-rcps",
	iam.IdentityPolicy: "authorization-details", iam.BoundaryPolicy: "authorization-details",
}

// policyOf is the input that holds the policy of a resource.
func policyOf(arn string) string {
	a, _ := iam.ParseARN(arn)
	return map[string]string{"ecr": "repository-policy", "secretsmanager": "secret-policy", "backup": "backup-vault-policy"}[a.Service]
}

// why says by which statements somebody may do the actions of an alternative to a target.
func (e *engine) why(a *actor, r *ref) *detail {
	key := detailKey{alt: r.alt.id, class: a.class.id, arn: r.to.arn, pattern: r.to.pattern, bucket: r.to.bucket}
	if len(a.class.members) > 1 && slices.ContainsFunc(a.slots, func(s slot) bool { return s.source.Kind != "managed" }) {
		key.actor = a
	}
	if d, ok := lookup(e, details, key); ok {
		return d
	}
	d, to := &detail{}, r.to
	if to.made != nil {
		own := *to
		d.name = e.nameFor(a, r)
		own.arn, to = d.name, &own
	}
	needs := r.alt.need
	if r.alt.rule.By == "root" && r.to.bucket == nil { // its rule is about buckets
		if needs = nil; r.to.key != nil {
			needs = []Need{{Action: "kms:Decrypt", On: []string{"target"}}}
		}
	}
	for i := range needs {
		n := &needs[i]
		if n.Action == "" {
			continue
		}
		for _, on := range n.On {
			for _, s := range e.situations(n, on, to) {
				act := Act{Action: n.Action, Resource: s.text}
				because, conditions, missing, granted := e.because(a, n.Action, s, &act)
				if !granted && s.tagged {
					s.given = s.untagged
					because, conditions, missing, granted = e.because(a, n.Action, s, &act)
				}
				if !granted && n.Otherwise != nil {
					d.conditions = append(d.conditions, Condition{Note: n.Otherwise})
					continue
				}
				act.Because = because
				d.acts = append(d.acts, act)
				for _, c := range conditions {
					if !slices.ContainsFunc(d.conditions, func(x Condition) bool { return sameCondition(x, c) }) {
						d.conditions = append(d.conditions, c)
					}
				}
				d.missing = append(d.missing, missing...)
			}
		}
	}
	slices.Sort(d.missing)
	d.missing = slices.Compact(d.missing)
	if r.hub != nil || r.only != nil {
		e.kept.details[key] = d
	} else {
		e.memo().details[key] = d
	}
	return d
}

func sameCondition(a, b Condition) bool {
	return a.Operator == b.Operator && a.Key == b.Key && a.Deny == b.Deny && slices.Equal(a.Values, b.Values) && (a.Note == nil) == (b.Note == nil) && (a.Note == nil || *a.Note == *b.Note)
}

// part notes on an act of what part of its resources it is, where it is not of all.
func (act *Act) part(s situation, sc *iam.Scoped) {
	act.Only, act.Except = nil, nil
	if s.source.Kind != "bucket" && s.source.Kind != "access-point" {
		return
	}
	// Of what is certain, if any is.
	let, sure := sc.Certain, exists(sc.Certain) == iam.Yes
	if !sure {
		let = sc.Possible
	}
	if let.Includes(s.set) != iam.No {
		return
	}
	add := func(to *[]string, st *iam.Statement) {
		for _, r := range st.Resources {
			if !slices.Contains(*to, r) && exists(iam.Of(iam.ResourcePattern(r)).Intersect(s.set)) != iam.No {
				*to = append(*to, r)
			}
		}
	}
	for _, b := range sc.Because {
		st := b.Statement.Statement
		switch {
		case b.Holds == iam.No || b.Principal == iam.No || st.Allow && sure && b.Holds != iam.Yes:
		case !st.Allow && (sure || b.Holds == iam.Yes) && !st.NotResources:
			add(&act.Except, st)
		case st.Allow && st.NotResources:
			add(&act.Except, st)
		case st.Allow && !slices.ContainsFunc(st.Resources, func(r string) bool { return iam.Of(iam.ResourcePattern(r)).Includes(s.set) == iam.Yes }):
			add(&act.Only, st)
		}
	}
	const most = 5
	act.Only, act.Except = act.Only[:min(len(act.Only), most)], act.Except[:min(len(act.Except), most)]
}

// because is who said so: of each kind of policy the statements that allow, and the
// conditions that neither a statement settles nor the snapshot. What part of its resources they
// let is noted on the act.
func (e *engine) because(a *actor, action string, s situation, act *Act) (out []Because, conditions []Condition, missing []string, granted bool) {
	q := e.question(a.class, action, s.given, s.owner)
	p := e.policies(a.class, strings.ToLower(action), false)
	if s.with != nil {
		s.with(&p, false)
	}
	sc := iam.Scope(q, s.set, p)
	granted = exists(sc.Possible) != iam.No
	act.part(s, &sc)
	for _, m := range sc.Missing {
		switch in := inputOfPolicy[m]; {
		case in != "":
			missing = append(missing, in)
		case s.source.Kind == "bucket":
			missing = append(missing, "bucket-policy")
		case s.source.Kind == "key":
			missing = append(missing, "key-policy")
		case s.source.Kind == "access-point":
			missing = append(missing, s.input)
		case s.source.Kind == "resource":
			missing = append(missing, policyOf(s.source.Owner))
		}
	}
	type kind struct {
		kind  iam.PolicyKind
		level int
	}
	// What a resource leaves to the account's identities is nothing to one whose own policies
	// allow nothing.
	own := slices.ContainsFunc(sc.Because, func(b iam.Because) bool {
		return b.Kind == iam.IdentityPolicy && b.Statement.Allow && b.Holds != iam.No
	})
	idle := func(b iam.Because) bool {
		return !own && !slices.Contains(sc.Missing, iam.IdentityPolicy) && b.Kind == iam.ResourcePolicy && a.who.Kind != iam.Root && e.delegates(b.Statement.Statement)
	}
	settled := map[kind]bool{}
	for _, b := range sc.Because {
		if b.Statement.Allow && b.Holds == iam.Yes && b.Resource != iam.No && !idle(b) {
			settled[kind{b.Kind, b.Level}] = true
		}
	}
	for _, b := range sc.Because {
		if b.Holds == iam.No || b.Principal == iam.No || idle(b) {
			continue
		}
		k := kind{b.Kind, b.Level}
		if b.Statement.Allow {
			if settled[k] && b.Holds != iam.Yes {
				continue
			}
			switch b.Kind {
			case iam.ServiceControl, iam.ResourceControl, iam.BoundaryPolicy, iam.EndpointPolicy:
				if b.Holds == iam.Yes {
					continue // a ceiling that lets everything through explains nothing
				}
			}
			out = append(out, e.cite(a, b, s))
		}
		if b.Holds == iam.Maybe {
			for _, o := range b.Conditions {
				if o.Met != iam.Maybe {
					continue
				}
				conditions = append(conditions, Condition{Operator: o.Condition.Operator, Key: o.Condition.Key, Values: o.Condition.Values, Deny: !b.Statement.Allow, Settable: settable(o.Condition.Key)})
			}
		}
	}
	if len(out) > 4 {
		out = out[:4]
	}
	return out, conditions, missing, granted
}

// delegates says that a resource's statement names the account alone, whose identities' own
// policies then decide. (IAM User Guide, "AWS JSON policy elements: Principal".)
func (e *engine) delegates(s *iam.Statement) bool {
	p := s.Principals
	return s.Allow && p != nil && !p.Anyone && !p.Not && len(p.AWS) > 0 && !slices.ContainsFunc(p.AWS, func(name string) bool {
		return name != e.a.ID && name != e.arn("iam", "", "root")
	})
}

// settable says that whoever makes the request chooses a key's value.
func settable(key string) bool {
	k := strings.ToLower(key)
	return strings.HasPrefix(k, "aws:requesttag/") || k == "aws:tagkeys" || k == "aws:requestedregion" || k == "aws:securetransport" || k == "aws:useragent" || k == "aws:referer" || k == "sts:rolesessionname" || k == "sts:externalid" || strings.HasPrefix(k, "ec2:instancetype")
}

func (e *engine) cite(a *actor, b iam.Because, s situation) Because {
	out := Because{Policy: b.Statement.Policy.Name, Statement: b.Statement.Index, Sid: b.Statement.Sid, Effect: "Allow"}
	if !b.Statement.Allow {
		out.Effect = "Deny"
	}
	switch b.Kind {
	case iam.IdentityPolicy:
		for i, c := range a.class.slots {
			if c.Policy == b.Statement.Policy && i < len(a.slots) {
				out.Policy, out.Source = a.slots[i].policy.Name, a.slots[i].source
				break
			}
		}
	case iam.ResourcePolicy:
		out.Source = s.source
		if strings.HasPrefix(out.Policy, "grant ") {
			out.Source.Kind = "grant"
		}
	case iam.BoundaryPolicy:
		out.Source.Kind = "boundary"
		if a.boundary != nil {
			out.Source.Owner = a.boundary.ARN
		}
	case iam.ServiceControl:
		out.Source.Kind = "scp"
	case iam.ResourceControl:
		out.Source.Kind = "rcp"
	}
	return out
}

// node is somebody's place in a chain.
func node(a *actor) Node {
	if a.made != nil {
		return Node{Kind: AtNew, ARN: a.principal.ARN}
	}
	if a.base == nil || a.data {
		return Node{Kind: AtPrincipal, ARN: a.principal.ARN}
	}
	return Node{Kind: AtRights, ARN: a.principal.ARN}
}

// steps writes one edge, from where somebody is.
func (e *engine) steps(right Right, a *actor, from Node, ed edge) []Step {
	to := Node{Kind: AtRight, ARN: right.Target, Right: right.Kind}
	var out []Step
	r := ed.ref
	if ed.to != nil {
		switch to = node(ed.to); {
		case ed.to.made != nil && r.to.made != nil:
			to.ARN = e.why(a, r).name
		case ed.to.made != nil: // somebody who was made takes the boundary away
			to = Node{Kind: AtRights, ARN: from.ARN}
		}
	}
	if r.first != nil && r.first.alt.rule.ID != "kms-decrypt" {
		k := Node{Kind: AtRight, ARN: r.first.to.arn, Right: UseKey}
		out = append(out, e.write(a, r.first, from, k, r.first.cap))
	}
	level := ed.level // of a step to the right itself
	switch {
	case r.only != nil:
		level = r.cap
	case ed.to != nil:
		level = min(r.who.of(a.class.id), r.cap)
	}
	s := e.write(a, r, from, to, level)
	if r.first != nil && r.first.alt.rule.ID == "kms-decrypt" {
		d := e.why(a, r.first)
		s.Actions = append(slices.Clip(s.Actions), d.acts...)
		for _, c := range d.conditions {
			if min(r.first.who.of(a.class.id), r.first.cap) == Certain {
				break // whatever they come to
			}
			if !slices.ContainsFunc(s.Conditions, func(x Condition) bool { return sameCondition(x, c) }) {
				s.Conditions = append(slices.Clip(s.Conditions), c)
			}
		}
		s.Missing = union(s.Missing, d.missing)
	}
	out = append(out, s)
	if r.next != nil {
		// The policy was written; now its principal is taken on.
		x := ed.to.origin()
		s.To = Node{Kind: AtRights, ARN: x.principal.ARN}
		best, how := No, (*ref)(nil)
		for _, b := range e.waysTo(x) {
			if b.only != nil || b.next != nil {
				continue
			}
			if l := min(b.who.of(a.class.id), b.cap); l > best {
				best, how = l, b
			}
		}
		if how != nil {
			become := e.write(a, how, from, to, best)
			out = append(out, become)
		}
	}
	return out
}

func (e *engine) write(a *actor, r *ref, from, to Node, level Certainty) Step {
	d := e.why(a, r)
	s := Step{From: from, Rule: r.alt.rule.ID, Title: r.alt.rule.Title, To: to, Actions: d.acts, Via: r.via, ViaUnknown: r.unknown, Certainty: level, Missing: union(slices.Clone(d.missing), r.missing)}
	if s.Via == s.To.ARN || s.Via == s.From.ARN && r.only == nil {
		s.Via = ""
	}
	if level != Certain {
		s.Conditions = append(s.Conditions, d.conditions...)
	}
	for i := range r.notes {
		s.Conditions = append(s.Conditions, Condition{Note: &r.notes[i]})
	}
	return s
}

func union(a, b []string) []string {
	out := append(slices.Clip(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

// chainsOf are the best few chains of somebody, one for each rule first.
func (p *pass) chainsOf(a *actor) []Chain {
	var out []Chain
	ways := p.ways(a)
	taken := map[int]bool{}
	rules := map[string]bool{}
	for round := range 2 {
		for i, ed := range ways {
			if len(out) == p.chains {
				break
			}
			if taken[i] || round == 0 && rules[ed.ref.alt.rule.ID] || ed.to != nil && ed.to.origin() != a.origin() && p.visits(ed.to, a.origin()) {
				continue
			}
			if round == 1 && ed.level < out[0].Certainty {
				continue
			}
			taken[i], rules[ed.ref.alt.rule.ID] = true, true
			c := p.chain(a, ed)
			if slices.ContainsFunc(out, func(x Chain) bool { return x.ID == c.ID }) {
				continue
			}
			out = append(out, c)
		}
	}
	if len(out) == 0 { // whatever there is leads back to whoever it is
		out = append(out, p.chain(a, p.states[a.id].edge))
	}
	slices.SortStableFunc(out, func(x, y Chain) int { return -cmp.Compare(x.Certainty, y.Certainty) })
	return out
}

// first is the first of chainsOf.
func (p *pass) first(a *actor) Chain {
	s := p.states[a.id].edge
	var best edge
	consider := func(ed edge) {
		if ed.level != s.level || ed.n != s.n || ed.to != nil && ed.to.origin() != a.origin() && p.visits(ed.to, a.origin()) {
			return
		}
		if best.ref == nil || p.e.byWay(ed, best) < 0 {
			best = ed
		}
	}
	p.each(a, consider)
	if best.ref == nil {
		return p.chainsOf(a)[0]
	}
	return p.chain(a, best)
}

func (p *pass) chain(a *actor, ed edge) Chain {
	c := Chain{Certainty: ed.level}
	at := node(a)
	for range 64 {
		c.Steps = append(c.Steps, p.e.steps(p.right, a, at, ed)...)
		if ed.to == nil {
			break
		}
		at = c.Steps[len(c.Steps)-1].To
		a = ed.to
		ed = p.states[a.id].edge
	}
	h := sha256.New()
	made := "" // whose name is one of many
	for _, s := range c.Steps {
		if s.To.Kind == AtNew {
			made = s.To.ARN
		}
		for _, n := range []*Node{&s.From, &s.To} {
			if made != "" && n.ARN == made {
				n.ARN = "new"
			}
		}
		fmt.Fprintf(h, "%s|%s|%s|%s|%s\n", s.From.ARN, s.Rule, s.To.Kind, s.To.ARN, s.Via)
		c.Missing = union(c.Missing, s.Missing)
	}
	c.ID = hex.EncodeToString(h.Sum(nil)[:8])
	return c
}

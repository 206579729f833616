package reach

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
)

// ref is a step to somewhere: who can take it, by which alternative of which rule, through
// what.
type ref struct {
	alt  *alternative
	to   *target
	who  *list
	only *actor // the one who can, where it is not a class
	cap  Certainty

	notes   []Text
	missing []string
	// first is a step that is taken before, by the same principal: the key's policy before
	// the bucket is read; next is one after: becoming whose policy was written.
	first, next *ref
	unknown     bool // what it goes through was not supplied
	helps       bool // it only lifts what keeps another from it
	anybody     bool // it takes nobody in particular
	others      bool // it takes the credentials of the one whose policies it changes
	via         string
	size        int  // its length, once it is a step to somebody
	hub         *hub // the same, where it is one
}

// length is what a step counts: itself and those that go with it, and what has to be assumed
// for it, so that of two ways the one that needs less luck comes first: before all, one that is
// open to anybody.
func (r *ref) length() int {
	n := 2 + len(r.notes)
	if r.first != nil && r.first.alt.rule.ID != "kms-decrypt" {
		n += 2 + len(r.first.notes)
	}
	if r.next != nil {
		n += 2
	}
	if r.others {
		n += 4
	}
	if r.anybody {
		n--
	}
	return n
}

// maxJoins is how many pairs of a user and a group that others can put together are looked at.
const maxJoins = 1000

// variants adds, for everybody whose policies somebody may be able to change, who they are
// then.
func (e *engine) variants() {
	base := slices.Clone(e.actors)
	grown := func(a *actor, mods string) *actor {
		v := &actor{principal: a.principal, who: a.who, user: a.user, role: a.role, boundary: a.boundary, base: a, mods: mods, unsure: a.unsure}
		e.add(v)
		return v
	}
	denies := func(s slot) bool {
		return slices.ContainsFunc(s.policy.Statements, func(st iam.Statement) bool { return !st.Allow })
	}
	wide := func(a *actor, mods string, without func(slot) bool) *actor {
		v := grown(a, mods)
		v.slots = []slot{{anything, Source{Kind: "builtin", Owner: a.principal.ARN}}}
		for _, s := range a.slots {
			if denies(s) && s.policy != anything && (without == nil || !without(s)) {
				v.slots = append(v.slots, s)
			}
		}
		e.classOf(v)
		return v
	}
	// Somebody's policies count as changeable where they can change them themselves, or
	// somebody can who is no administrator: administrators become whom they like anyway.
	admins := make([]bool, len(e.classes))
	for _, r := range e.goalAdmin() {
		for _, x := range r.who.entries {
			admins[x.class] = true
		}
	}
	if e.root != nil {
		admins[e.root.class.id] = true
	}
	some := map[*list]bool{}
	changes := func(l *list, a *actor) bool {
		if l.of(a.class.id) != No || l != none && e.excepted(a) {
			return true
		}
		v, ok := some[l]
		if !ok {
			v = slices.ContainsFunc(l.entries, func(x entry) bool { return int(x.class) < len(admins) && !admins[x.class] })
			some[l] = v
		}
		return v
	}
	can := func(a *actor, arn string, actions ...string) bool {
		return slices.ContainsFunc(actions, func(action string) bool { return changes(e.whoOn(action, nil, arn), a) })
	}
	for _, a := range base {
		if a.user == nil && a.role == nil || a.role != nil && a.role.ServiceLinked() {
			continue
		}
		arn := a.principal.ARN
		writable, unbound := false, false
		lift := map[string]bool{}
		if a.user != nil {
			writable = can(a, arn, "iam:PutUserPolicy", "iam:AttachUserPolicy")
			for _, g := range a.user.Groups {
				writable = writable || can(a, g.ARN, "iam:PutGroupPolicy", "iam:AttachGroupPolicy")
				lift["group"] = lift["group"] || can(a, g.ARN, "iam:RemoveUserFromGroup")
			}
			unbound = can(a, arn, "iam:DeleteUserPermissionsBoundary", "iam:PutUserPermissionsBoundary")
			lift["managed"], lift["inline"] = can(a, arn, "iam:DetachUserPolicy"), can(a, arn, "iam:DeleteUserPolicy")
		} else {
			writable = can(a, arn, "iam:PutRolePolicy", "iam:AttachRolePolicy")
			for _, r := range e.rules.Rules {
				writable = writable || r.TrustsProvider != "" && r.Gives == "rights" && trustsProvider(a.role, r.TrustsProvider)
			}
			unbound = can(a, arn, "iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary")
			lift["managed"], lift["inline"] = can(a, arn, "iam:DetachRolePolicy"), can(a, arn, "iam:DeleteRolePolicy")
		}
		version := map[string]bool{}
		for _, s := range a.slots {
			if s.source.Kind == "managed" && can(a, s.source.Owner, "iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion") {
				writable, version[s.source.Owner] = true, true
			}
		}
		// lifted are an actor without its boundary or without some denials, which it, or
		// whoever it is by then, takes away.
		var lifted func(f *actor, depth int, anyhow bool) []*actor
		lifted = func(f *actor, depth int, anyhow bool) []*actor {
			if depth == 0 {
				return nil
			}
			var out []*actor
			if f.boundary != nil && (unbound || anyhow) {
				v := grown(f, "unbounded")
				v.slots, v.boundary = slices.Clone(f.slots), nil
				e.classOf(v)
				out = append(out, v)
			}
			for _, k := range []string{"managed", "inline", "group"} {
				if !lift[k] && !anyhow || !slices.ContainsFunc(f.slots, func(s slot) bool { return denies(s) && slotKind(s, a) == k }) {
					continue
				}
				v := grown(f, "undenied:"+k)
				for _, s := range f.slots {
					if !denies(s) || slotKind(s, a) != k {
						v.slots = append(v.slots, s)
					}
				}
				e.classOf(v)
				out = append(out, v)
			}
			for _, v := range slices.Clone(out) {
				out = append(out, lifted(v, depth-1, anyhow)...)
			}
			return out
		}
		for _, f := range append([]*actor{a}, lifted(a, 2, false)...) {
			if !writable {
				continue
			}
			lifted(wide(f, "wide", nil), 2, true)
			for _, s := range f.slots {
				if s.source.Kind == "managed" && denies(s) && version[s.source.Owner] {
					lifted(wide(f, "wide:"+s.source.Owner, func(x slot) bool { return x.source == s.source }), 2, true)
				}
			}
		}
	}
	// Those whose tags policies ask for, and somebody may change them.
	for _, a := range base {
		if len(e.tagKeys) == 0 || a.user == nil && a.role == nil || a.role != nil && a.role.ServiceLinked() {
			continue
		}
		changed := a.user != nil && can(a, a.principal.ARN, "iam:TagUser", "iam:UntagUser") ||
			a.role != nil && can(a, a.principal.ARN, "iam:TagRole", "iam:UntagRole")
		if !changed && a.role != nil && a.role.Trust != nil {
			changed = slices.ContainsFunc(e.compile(a.role.Trust).Statements(), func(s *iam.Compound) bool {
				return s.Allow && s.Concerns("sts:tagsession")
			})
		}
		if changed {
			v := grown(a, "retagged")
			v.slots, v.who.Tags = slices.Clone(a.slots), nil
			e.classOf(v)
		}
	}
	// Users who join groups. To whom everything is allowed it brings no more than the first,
	// which says that they can. Where somebody can put whom they like into which group they
	// like, each with each is too many: the groups are looked at then with one user each,
	// beside those who join by themselves.
	free := func(a *actor) bool {
		return slices.ContainsFunc(a.slots, func(s slot) bool {
			return slices.ContainsFunc(s.policy.Statements, func(st iam.Statement) bool {
				return st.Allow && !st.NotActions && !st.NotResources && slices.Contains(st.Actions, "*") && slices.Contains(st.Resources, "*") && len(st.Conditions) == 0
			})
		})
	}
	type join struct {
		a    *actor
		g    *account.Group
		self bool
	}
	var joins []join
	others, did := 0, map[*actor]bool{}
	for _, g := range e.a.Groups {
		l := e.whoOn("iam:AddUserToGroup", nil, g.ARN)
		for _, a := range base {
			if l == none || a.user == nil || slices.Contains(a.user.Groups, g) || !changes(l, a) {
				continue
			}
			self := l.of(a.class.id) != No
			if self && free(a) {
				if did[a] {
					continue
				}
				did[a] = true
			}
			if !self && !e.excepted(a) {
				others++
				if others > maxJoins && len(joins) > 0 && joins[len(joins)-1].g == g && !joins[len(joins)-1].self {
					continue
				}
			}
			joins = append(joins, join{a, g, self})
		}
	}
	for _, j := range joins {
		v := grown(j.a, "joined:"+j.g.ARN)
		v.slots = slices.Clone(j.a.slots)
		e.groupSlots(v, j.g)
		e.classOf(v)
		wide(v, "wide", nil)
	}
	if others > maxJoins {
		e.faults = append(e.faults, fmt.Sprintf("somebody can put users into groups in %d ways: what a user's rights allow only together with a group's was looked at for some of them", others))
	}
	e.newcomers()
	clear(e.needs)
	clear(e.kept.members)
}

// excepted says that a denial of a resource's or the organization's leaves the principal out,
// or that a key names it, so that it may be let where an administrator is not.
func (e *engine) excepted(a *actor) bool {
	v, ok := e.exceptions[a]
	if !ok {
		v = slices.ContainsFunc(e.spared, func(p iam.Pattern) bool {
			return p.Match(a.principal.ARN) || a.who.ID != "" && (p.Match(a.who.ID) || p.Match(a.who.ID+":x")) || p.Match(a.principal.Name)
		})
		e.exceptions[a] = v
	}
	return v
}

func slotKind(s slot, a *actor) string {
	switch {
	case s.source.Kind == "group-inline":
		return "group"
	case strings.HasSuffix(s.source.Kind, "-inline"):
		return "inline"
	case a.user != nil && !slices.ContainsFunc(a.user.Attached, func(p account.Attached) bool { return p.ARN == s.source.Owner }):
		return "group"
	}
	return "managed"
}

// step works out who can take an alternative to a target. The notes and missing inputs are
// those of its facts and assumptions.
func (e *engine) step(alt *alternative, t *target) (*ref, bool) {
	r := &ref{alt: alt, to: t, cap: Certain, via: t.arn, who: e.doers(alt.rule)}
	if t.arn == "" {
		r.via, r.unknown, r.cap = t.pattern, true, Unknown
		if k, ok := kinds[t.kind]; ok {
			r.missing = append(r.missing, k.lacks(e)...)
		} else {
			r.missing = append(r.missing, "trails") // the one thing besides that stands for others
		}
	}
	// Facts first: they are cheap.
	for i := range alt.need {
		n := &alt.need[i]
		switch {
		case n.Is != "":
			f := e.holds(n.Is, t)
			if f.level == No {
				if f.missing != "" {
					e.missing[f.missing] = true
				}
				return nil, false
			}
			r.cap = min(r.cap, f.level)
			r.anybody = r.anybody || n.Is == "subject-open"
			if f.note != nil {
				r.notes = append(r.notes, *f.note)
			}
			if f.missing != "" {
				r.missing = append(r.missing, f.missing)
			}
		case n.Assume != nil:
			r.cap = min(r.cap, Possible)
			r.notes = append(r.notes, *n.Assume)
		}
	}
	for _, n := range alt.ordered {
		for _, on := range n.On {
			l := e.whoFor(alt, n, on, t, r.who)
			if n.Otherwise != nil {
				l = e.or(l, e.capped(e.acting, Possible))
			}
			if r.who = e.and(r.who, l); r.who == none {
				return nil, false
			}
		}
	}
	// Nobody knows of anything that there is for the step to be done to.
	if !slices.ContainsFunc(r.who.entries, func(x entry) bool { return x.level > Unknown }) {
		for _, n := range alt.ordered {
			for _, on := range n.On {
				if which, thing, _ := strings.Cut(on, " "); which == "existing" {
					r.missing = append(r.missing, kinds[thing].lacks(e)...)
				}
			}
		}
	}
	return r, true
}

// whoFor is who may do one action of a step where the rule says.
func (e *engine) whoFor(alt *alternative, n *Need, on string, t *target, among *list) *list {
	if on == "target" {
		n = e.inRegion(n, arnRegion(t.arn))
	}
	if on == "target" && t.key == nil && t.arn != "" {
		return e.byTags(n, t, func(n *Need) *list { return e.whoForAs(alt, n, on, t, among) })
	}
	return e.whoForAs(alt, n, on, t, among)
}

// whoForAs is whoFor with the condition keys that the step gives and no others.
func (e *engine) whoForAs(alt *alternative, n *Need, on string, t *target, among *list) *list {
	which, thing, _ := strings.Cut(on, " ")
	switch {
	case on == "target" && t.kind == "role" && n.Policy == "trust":
		return e.whoAssumes(t.actor, n, among)
	case on == "target" && t.kind == "role" && n.Policy == "rewritten":
		return e.whoWith("rewritten trust", n.Action, n.Given, pattern(e.arn("iam", "", "role/*")), e.a.ID, among, []*iam.Policy{trusting.Policy}, func(p *iam.Policies, _ bool) {
			p.Resource = iam.Supplied(trusting)
		})
	case on == "target" && t.kind == "lambda:function" && n.Policy == "rewritten":
		in := pattern(cmp.Or(t.arn, t.pattern))
		if t.arn != "" {
			in = literally(t.arn)
		}
		return e.whoWith("rewritten function "+cmp.Or(t.arn, t.pattern), n.Action, n.Given, in, e.a.ID, among, []*iam.Policy{toAnyone.Policy}, func(p *iam.Policies, _ bool) {
			p.Resource = iam.Supplied(toAnyone)
		})
	case t.key != nil && on == "target":
		return e.whoKey(n, t.key, among, nil)
	case on == "target" && t.arn == "":
		return e.whoSome(n.Action, n.Given, t.pattern)
	case on == "target" && t.resource != nil, on == "repository" && t.resource != nil:
		return e.whoResource(n, t.resource, among)
	case on == "target" && t.workload != nil && t.workload.Policy.V != nil:
		return e.whoWith(t.arn, n.Action, n.Given, literally(t.arn), e.a.ID, among, []*iam.Policy{t.workload.Policy.V}, func(p *iam.Policies, _ bool) {
			p.Resource = iam.Supplied(e.compile(t.workload.Policy.V))
		})
	case on == "target":
		return e.whoOn(n.Action, n.Given, t.arn)
	case on == "any":
		return e.whoSome(n.Action, n.Given, "")
	case on == "any-role":
		return e.whoSome(n.Action, n.Given, e.arn("iam", "", "role/*"))
	case on == "any-user":
		return e.whoSome(n.Action, n.Given, e.arn("iam", "", "user/*"))
	case on == "any-object":
		return e.whoSome(n.Action, n.Given, "arn:*:s3:::*/*")
	case on == "role":
		if t.role == "" {
			return e.whoSome(n.Action, n.Given, e.arn("iam", "", "role/*"))
		}
		return e.whoOn(n.Action, n.Given, t.role)
	case on == "groups":
		if t.actor == nil || t.actor.user == nil {
			return none
		}
		l := none
		for _, g := range t.actor.user.Groups {
			l = e.or(l, e.whoOn(n.Action, n.Given, g.ARN))
		}
		return l
	case on == "bucket":
		if t.bucket == nil { // of a role that reads: any of the buckets that are asked about
			l := none
			for _, b := range e.asked() {
				l = e.or(l, e.whoBucket(n, b, b.ARN, among))
			}
			return l
		}
		return e.whoBucket(n, t.bucket, t.bucket.ARN, among)
	case on == "objects":
		return e.whoBucket(n, t.bucket, t.bucket.ARN+"/*", among)
	case on == "log objects", on == "state objects":
		return e.whoBucket(n, t.bucket, t.bucket.ARN+"/*", among)
	case on == "access-point objects":
		return e.whoPoint(n, t.point, t.bucket, among)
	case on == "supporting objects":
		for _, p := range e.a.AccessPoints {
			if p.ARN == t.point.Supporting || p.Name == last(t.point.Supporting) {
				return e.whoPoint(n, p, t.bucket, among)
			}
		}
		return none
	case on == "new access-point objects":
		given := e.throughNew(t.bucket, n.Given)
		point := e.whoWith("new access point", n.Action, given, pattern(e.arn("s3", "*", "accesspoint/*/object/*")), e.a.ID, e.doers(alt.rule), []*iam.Policy{toAnyone.Policy}, func(p *iam.Policies, _ bool) {
			p.Resource = iam.Supplied(toAnyone)
		})
		return e.and(e.and(among, point), e.whoBucket(&Need{Action: n.Action, Given: given}, t.bucket, t.bucket.ARN+"/*", among))
	case on == "repository", on == "layer":
		return e.whoOn(n.Action, n.Given, t.pattern)
	case which == "new":
		return e.whoSome(n.Action, n.Given, e.fill(e.rules.Things[thing]))
	case which == "existing":
		l := none
		for _, w := range e.a.Workloads {
			if w.Kind == thing {
				l = e.or(l, e.whoOn(n.Action, n.Given, w.ARN))
			}
		}
		for _, r := range e.a.Resources {
			if r.Kind == thing {
				l = e.or(l, e.whoResource(n, r, among))
			}
		}
		if len(kinds[thing].lacks(e)) > 0 {
			l = e.or(l, e.capped(e.whoSome(n.Action, n.Given, e.fill(e.rules.Things[thing])), Unknown))
		}
		return l
	}
	return none
}

// whoResource is who may do an action on something that has a policy of its own.
func (e *engine) whoResource(n *Need, r *account.Resource, among *list) *list {
	var policies []*iam.Policy
	if r.Policy.V != nil {
		policies = append(policies, r.Policy.V)
	}
	return e.whoWith(r.ARN, n.Action, n.Given, literally(r.ARN), e.a.ID, among, policies, func(p *iam.Policies, strict bool) {
		p.Resource = e.resource(r.Policy, strict)
	})
}

// doers are those whose steps a rule is about.
func (e *engine) doers(r *Rule) *list {
	if r.By == "" {
		return e.acting
	}
	key := r.By + "|" + r.Service
	if l := e.by[key]; l != nil {
		return l
	}
	m := map[int32]Certainty{}
	is := by(r)
	for _, c := range e.classes {
		if is(c) {
			m[int32(c.id)] = Certain
		}
	}
	l := e.fromMap(m)
	e.by[key] = l
	return l
}

// by says whose classes a rule is about.
func by(r *Rule) func(*class) bool {
	return func(c *class) bool {
		k := c.rep.principal.Kind
		switch r.By {
		case "anonymous":
			return k == Anonymous || c.rep.principal.ARN == anyAccount
		case "outsider":
			return c.rep.principal.ARN == anyAccount
		case "replication":
			return k == Role
		case "everybody":
			return k == Everybody
		case "root":
			return k == Root
		case "service":
			return k == Service && (r.Service == "" && c.rep.principal.ARN != "cloudfront.amazonaws.com" || c.rep.principal.ARN == r.Service)
		case "federated":
			return k == Federated
		}
		return c.rep.acts()
	}
}

// whoAssumes is who may assume a role as its trust stands.
func (e *engine) whoAssumes(to *actor, n *Need, among *list) *list {
	r := to.role
	if r.Trust == nil {
		return e.capped(e.whoOn(n.Action, n.Given, r.ARN), Unknown)
	}
	key := "trust|" + r.ARN
	if len(r.Trust.Statements) > 0 {
		key = "trust|" + strconv.Itoa(e.document(r.Trust))
		if e.ownTrust(r.Trust) {
			key += r.ARN
		}
	}
	return e.whoWith(key, n.Action, n.Given, literally(r.ARN), e.a.ID, among, []*iam.Policy{r.Trust}, func(p *iam.Policies, _ bool) {
		p.Resource = iam.Supplied(e.compile(r.Trust))
	})
}

// ownTrust says that identities' policies may decide beside the trust policy.
func (e *engine) ownTrust(p *iam.Policy) bool {
	return slices.ContainsFunc(p.Statements, func(s iam.Statement) bool {
		return s.Principals != nil && (s.Principals.Anyone || s.Principals.Not || len(s.Principals.AWS) > 0)
	})
}

// block is what S3 knows of a bucket beside its policy.
func (e *engine) block(b *account.Bucket) *iam.Bucket {
	return e.blocked(b.PublicAccess)
}

// blocked is what a public-access block, with the account's, makes of a policy that lets
// everybody in.
func (e *engine) blocked(own account.Value[account.PublicAccess]) *iam.Bucket {
	out := &iam.Bucket{ACL: iam.Supplied(), Enforced: iam.Yes}
	three := func(v account.Value[account.PublicAccess], of func(account.PublicAccess) bool) iam.Truth {
		switch {
		case !v.Known:
			return iam.Maybe
		case of(v.V):
			return iam.Yes
		}
		return iam.No
	}
	restrict := func(p account.PublicAccess) bool { return p.Restrict }
	out.RestrictPublic = max(three(own, restrict), three(e.a.PublicAccess, restrict))
	if own.Known && own.V.Restrict || e.a.PublicAccess.Known && e.a.PublicAccess.V.Restrict {
		out.RestrictPublic = iam.Yes
	}
	return out
}

// through are the condition keys of a request that comes through an access point of the
// account, besides those given. (Amazon S3 User Guide, "Configuring IAM policies for using
// access points".)
func through(account string, given map[string]string) map[string]string {
	out := map[string]string{"s3:DataAccessPointAccount": account}
	maps.Copy(out, given)
	return out
}

// throughNew are the same for an access point that somebody makes: it lies where its bucket does.
func (e *engine) throughNew(b *account.Bucket, given map[string]string) map[string]string {
	out := through(e.a.ID, given)
	if e.asksRegion && b != nil && b.Region != "" {
		out[requestedRegion] = b.Region
	}
	return out
}

// throughPoint are the same for one access point.
func (e *engine) throughPoint(p *account.AccessPoint, given map[string]string) map[string]string {
	out := through(arnAccount(p.ARN), given)
	if r := arnRegion(p.ARN); e.asksRegion && r != "" {
		out[requestedRegion] = r
	}
	out["s3:DataAccessPointArn"] = p.ARN
	out["s3:AccessPointNetworkOrigin"] = "Internet"
	if p.VPC != "" {
		out["s3:AccessPointNetworkOrigin"] = "VPC"
	}
	return out
}

// requestedRegion is a key with the region that a request is made in: the resource's, where that
// lies in one.
const requestedRegion = "aws:RequestedRegion"

// inRegion is an action that is asked for in a region, where policies ask about that.
func (e *engine) inRegion(n *Need, region string) *Need {
	if !e.asksRegion || region == "" || strings.ContainsAny(region, "*?") || n.Given[requestedRegion] != "" {
		return n
	}
	in := *n
	in.Given = map[string]string{requestedRegion: region}
	maps.Copy(in.Given, n.Given)
	return &in
}

func arnRegion(arn string) string {
	a, _ := iam.ParseARN(arn)
	return a.Region
}

// direct are the condition keys of a request to a bucket: it has none of an access point's,
// unless they are given.
func (e *engine) direct(b *account.Bucket, given map[string]string) map[string]string {
	if given["s3:DataAccessPointAccount"] != "" {
		return given
	}
	out := map[string]string{"s3:DataAccessPointAccount": "", "s3:DataAccessPointArn": "", "s3:AccessPointNetworkOrigin": ""}
	if e.asksRegion && b.Region != "" {
		out[requestedRegion] = b.Region
	}
	maps.Copy(out, given)
	return out
}

// whoBucket is who may do an action on a bucket or its objects.
func (e *engine) whoBucket(n *Need, b *account.Bucket, resources string, among *list) *list {
	key := resources + "|" + n.Policy
	policies := []*iam.Policy{}
	if n.Policy == "" && b.Policy.V != nil {
		policies = append(policies, b.Policy.V)
	}
	if n.Policy == "rewritten" {
		policies = append(policies, toAnyone.Policy)
	}
	block := e.block(b)
	in := e.inBucket(resources).ofOne()
	in.kin = kin(b, resources, n.Policy, block)
	return e.whoWith(key, n.Action, e.direct(b, n.Given), in, e.a.ID, among, policies, func(p *iam.Policies, strict bool) {
		switch n.Policy {
		case "rewritten":
			p.Resource = iam.Supplied(toAnyone)
		case "deleted":
			p.Resource = iam.Supplied()
		default:
			p.Resource = e.resource(b.Policy, strict)
			p.Bucket = block
		}
	})
}

// inBucket is the set of a bucket's objects, or the bucket. A wildcard at the end of an ARN's
// part goes on beyond it, so what is granted on access points' ARNs in all regions is also
// granted on objects with such a name ("x:123456789012:accesspoint/…"): there are none, and
// the grant is not about the bucket.
func (e *engine) inBucket(resources string) place {
	p := pattern(resources)
	if e.points && strings.HasSuffix(resources, "/*") {
		p.set = p.set.Minus(iam.Of(iam.ResourcePattern(resources + ":accesspoint/*")))
	}
	return p
}

// resource is a resource's own policy as a layer; strictly, one that was not supplied grants
// nothing (and denies nothing).
func (e *engine) resource(v account.Value[*iam.Policy], strict bool) iam.Layer {
	switch {
	case v.V != nil && strict:
		return iam.Supplied(e.strictly(e.compile(v.V)))
	case v.V != nil:
		return iam.Supplied(e.compile(v.V))
	case v.Known || strict:
		return iam.Supplied()
	}
	return iam.Layer{}
}

// whoPoint is who may read through an access point: its policy and the bucket's must let.
func (e *engine) whoPoint(n *Need, p *account.AccessPoint, b *account.Bucket, among *list) *list {
	var policies []*iam.Policy
	if n.Policy == "rewritten" {
		policies = append(policies, toAnyone.Policy)
	} else if p.Policy.V != nil {
		policies = append(policies, p.Policy.V)
	}
	given := e.throughPoint(p, n.Given)
	point := e.whoWith(p.ARN+"|"+n.Policy, n.Action, given, pattern(p.ARN+"/object/*").ofOne(), e.a.ID, among, policies, func(ps *iam.Policies, strict bool) {
		if n.Policy == "rewritten" {
			ps.Resource = iam.Supplied(toAnyone)
		} else {
			ps.Resource, ps.Bucket = e.resource(p.Policy, strict), e.blocked(p.PublicAccess)
		}
	})
	in := &Need{Action: n.Action, Given: given}
	if b == nil {
		return point
	}
	bucket := e.whoBucket(in, b, b.ARN+"/*", among)
	return e.and(point, bucket)
}

// whoKeyAs is whoKey with the condition keys that the step gives and no others.
func (e *engine) whoKeyAs(n *Need, k *account.Key, among *list, b *account.Bucket) *list {
	given := e.inRegion(n, arnRegion(k.ARN)).Given
	key := k.ARN + "|" + n.Policy
	if b != nil {
		given = map[string]string{}
		maps.Copy(given, e.inRegion(n, arnRegion(k.ARN)).Given)
		if b.Region != "" {
			given["kms:ViaService"] = "s3." + b.Region + ".amazonaws.com"
		}
		given["aws:ViaAWSService"] = "true"
		key += "|" + b.Region
	}
	var policies []*iam.Policy
	if n.Policy == "rewritten" {
		policies = append(policies, toAnyone.Policy)
	} else if k.Policy.V != nil {
		policies = append(policies, k.Policy.V)
	}
	var grants []*iam.Compiled
	for _, g := range k.Grants.V {
		p := iam.GrantPolicy(iam.KeyGrant{ID: g.ID, Grantee: g.Grantee, Operations: g.Operations, Subset: g.Subset, Equals: g.Equals})
		policies = append(policies, p)
		grants = append(grants, iam.Compile(p))
	}
	return e.whoWith(key, n.Action, given, literally(k.ARN).ofOne(), cmp.Or(arnAccount(k.ARN), e.a.ID), among, policies, func(p *iam.Policies, strict bool) {
		if n.Policy == "rewritten" {
			p.Resource = iam.Supplied(toAnyone)
		} else {
			p.Resource = e.resource(k.Policy, strict)
		}
		p.Grants = iam.Layer{Known: k.Grants.Known || strict, Policies: grants}
	})
}

func arnAccount(arn string) string {
	a, ok := iam.ParseARN(arn)
	if !ok {
		return ""
	}
	return a.Account
}

// asked are the buckets that the question is about.
func (e *engine) asked() []*account.Bucket {
	if e.inQuestion == nil {
		for _, name := range e.q.Buckets {
			if b := e.bucket(name); b != nil {
				e.inQuestion = append(e.inQuestion, b)
			}
		}
	}
	return e.inQuestion
}

func (e *engine) bucket(name string) *account.Bucket {
	if e.buckets == nil {
		e.buckets = map[string]*account.Bucket{}
		for _, b := range slices.Backward(e.a.Buckets) {
			e.buckets[b.Name], e.buckets[b.ARN] = b, b
		}
	}
	return e.buckets[name]
}

package reach

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
)

// actor is somebody who takes steps: a principal, or a principal as a step has changed it.
type actor struct {
	id        int
	principal Principal
	who       iam.Principal
	user      *account.User
	role      *account.Role

	slots    []slot
	unsure   []string // why it may have more rights than its slots hold
	boundary *account.Attached

	// base is whom it was before steps changed it, and how they did; nil and "" for a
	// principal as it stands.
	base   *actor
	mods   string
	root   *actor
	made   *newPrincipal // where it is not there, and somebody can make it
	absent bool          // an identity provider that there is not, and that somebody may make
	data   bool          // only what the role itself reads counts, as when a service reads with it

	reader, replica *actor // who a service is that reads, or replicates, with the role

	class *class
	in    []*ref // the steps that lead here, once worked out
	seen  bool   // in is worked out
	// The same by what they are: of one who can, of those who only help, of many.
	alone, helped []*ref
	hubs          []inHub
	open          []*ref // those of hubs that are open to anybody
}

// slot is one policy of an actor, and where it stands.
type slot struct {
	policy *iam.Policy
	source Source
}

// class is actors whose rights are the same, whatever is asked: same policies, named in the
// same places, and alike in everything that conditions ask about. One speaks for all.
type class struct {
	id      int
	rep     *actor
	members []*actor
	ids     []int32         // of the members
	served  []*actor        // the members with whom a service reads or replicates
	told    bool            // a finding may be about a member
	slots   []*iam.Compiled // in the order of the representative's slots
	docs    []int32         // the slots' numbers among the engine's documents
	strict  []*iam.Compiled // the same without what could not be understood
	bound   iam.Layer
	matches []int  // of the engine's principalValues
	sign    string // everything beside policies and places that tells classes apart
}

// acts says whether an actor takes the steps of rules that do not say by whom.
func (a *actor) acts() bool {
	switch a.principal.Kind {
	case User, Role, External, Root:
		return !a.data
	}
	return false
}

// origin is who the actor was before any step.
func (a *actor) origin() *actor { return a.root }

// issueTime is a key that only temporary credentials have. A role's are as young as need be;
// whether a user signs with any is not known. (IAM User Guide, "AWS global condition context
// keys".)
const issueTime = "aws:tokenissuetime"

// elsewhere is what another account gives its own: no document that anybody here could point
// at, so that no statement of it is named.
var elsewhere = &iam.Policy{Name: "the other account’s own policies, which nobody here sees", Version: "2012-10-17",
	Statements: []iam.Statement{{Index: -1, Allow: true, Actions: []string{"*"}, Resources: []string{"*"}}}}

// anything is what a policy says after somebody wrote it who wants everything.
var anything = &iam.Policy{Name: "a policy that the chain writes", Version: "2012-10-17",
	Statements: []iam.Statement{{Sid: "Anything", Allow: true, Actions: []string{"*"}, Resources: []string{"*"}}}}

// toAnyone is what a resource's policy says after somebody wrote it.
var toAnyone = iam.Compile(&iam.Policy{Name: "a policy that the chain writes", Version: "2012-10-17",
	Statements: []iam.Statement{{Sid: "Anyone", Allow: true, Principals: &iam.Principals{Anyone: true, AWS: []string{"*"}}, Actions: []string{"*"}, Resources: []string{"*"}}}})

// trusting is a trust policy that was written to trust whoever asks.
var trusting = iam.Compile(&iam.Policy{Name: "a policy that the chain writes", Version: "2012-10-17",
	Statements: []iam.Statement{{Sid: "Anyone", Allow: true, Principals: &iam.Principals{Anyone: true, AWS: []string{"*"}}, Actions: []string{"sts:AssumeRole"}}}})

// engine answers one question about one account.
type engine struct {
	a     *account.Account
	q     Question
	rules *Rules
	now   time.Time

	actors   []*actor
	root     *actor   // the root user; nil where the account's number is not known
	everyone *actor   // whom something that was not supplied may let
	reported []*actor // whom findings are about
	byARN    map[string]*actor
	classes  []*class
	acting   *list // classes of those who act

	scps, rcps        iam.Levels
	manages           iam.Truth
	organization      string
	compiled          map[*iam.Statement]*iam.Compiled
	stricts           map[*iam.Compiled]*iam.Compiled
	concerns          map[*iam.Compiled]map[string]bool
	base, lasting     iam.Context // of a role's session; of others, who may sign with lasting credentials
	serving           iam.Context // of a service's request
	tagKeys           map[string]bool
	resourceTags      map[string]bool // condition keys on the tags of resources, that policies ask for
	spared            []iam.Pattern   // of those whom denials leave out, or keys name
	exceptions        map[*actor]bool
	principalValues   []string // patterns that conditions hold principals against
	principalPatterns []iam.Pattern
	contexts          []string // what policies ask of kms:EncryptionContext:aws:s3:arn
	asksIssue         bool     // some policy asks when credentials were issued
	asksRegion        bool     // some policy asks which region a request is made in
	points            bool     // some policy speaks of access points' ARNs, and so of objects too
	ownNames          bool     // some condition needs each principal by itself
	named             map[string][]int
	workloads         map[string][]*account.Workload // by role
	needs             map[string]*need
	kept, fleeting    *memo   // for good, and for one right
	made              int     // lists
	entries           []entry // room for one
	about             map[*iam.Statement][]place
	trusts            map[string]Certainty
	classByKey        map[string]*class
	alts              []*alternative
	progress          func(phase string, done, total int)
	stmtIDs           map[*iam.Statement]int
	byName            map[string][]int32 // classes by the names that policies have for their members
	missing           map[string]bool
	ruleAt            map[*Rule]int
	whoCounts         map[*iam.Compiled]map[string]*asked
	documents         []*iam.Compiled // of principals
	docIDs            map[*iam.Compiled]int32
	admins            map[int32]bool // classes of administrators
	by                map[string]*list
	hubs              map[hubKey]*hub
	hubsOf            [][]hubAt                  // by class
	pass              *pass                      // the last search
	buckets           map[string]*account.Bucket // by name and ARN
	inQuestion        []*account.Bucket
	makings           int                 // alternatives of making somebody
	fresh             []*actor            // whom somebody can make
	freeNames         map[string]freeName // by kind and set
	contents          []*account.Bucket   // these, and where S3 replicates them to
	faults            []string            // what was too much to look at
}

// alternative is one way to fulfil a rule.
type alternative struct {
	id      int
	rule    *Rule
	n       int
	need    []Need
	ordered []*Need // its actions, those first that are told without a resource's policy
}

func newEngine(a *account.Account, q Question, rules *Rules) *engine {
	e := &engine{a: a, q: q, rules: rules, byARN: map[string]*actor{},
		compiled: map[*iam.Statement]*iam.Compiled{}, stricts: map[*iam.Compiled]*iam.Compiled{}, concerns: map[*iam.Compiled]map[string]bool{},
		tagKeys: map[string]bool{}, resourceTags: map[string]bool{}, named: map[string][]int{},
		workloads: map[string][]*account.Workload{}, needs: map[string]*need{},
		kept: newMemo(), about: map[*iam.Statement][]place{}, trusts: map[string]Certainty{},
		classByKey: map[string]*class{}, stmtIDs: map[*iam.Statement]int{}, missing: map[string]bool{}, byName: map[string][]int32{},
		ruleAt: map[*Rule]int{}, whoCounts: map[*iam.Compiled]map[string]*asked{}, docIDs: map[*iam.Compiled]int32{}, by: map[string]*list{}, exceptions: map[*actor]bool{}, hubs: map[hubKey]*hub{}, freeNames: map[string]freeName{}}
	e.now = a.Taken
	if e.now.IsZero() {
		e.now = time.Now()
	}
	e.base.Set("aws:CurrentTime", e.now.UTC().Format(time.RFC3339))
	e.base.Set("aws:EpochTime", fmt.Sprint(e.now.Unix()))
	e.base.Set("aws:SecureTransport", "true")
	e.base.Set("aws:ViaAWSService", "false")
	e.base.Set("aws:CalledVia")
	// Whoever asks speaks the newest that S3 does, which nobody is refused for.
	e.base.Set("s3:TlsVersion", "1.3")
	e.serving = e.base.Clone()
	// These are there "only if the call to your resource is made directly by an AWS service
	// principal" (IAM User Guide, "AWS global condition context keys", aws:SourceArn).
	for _, k := range []string{"aws:SourceArn", "aws:SourceAccount", "aws:SourceOrgID", "aws:SourceOrgPaths"} {
		e.base.Set(k)
	}
	e.lasting = e.base.Clone()
	e.base.Set(issueTime, e.now.UTC().Format(time.RFC3339))
	for at, r := range rules.Rules {
		e.ruleAt[r] = at
		for i, need := range r.Alternatives {
			a := &alternative{id: len(e.alts), rule: r, n: i, need: need}
			for i := range need {
				if need[i].Action != "" {
					a.ordered = append(a.ordered, &need[i])
				}
			}
			slices.SortStableFunc(a.ordered, func(x, y *Need) int { return dearness(x) - dearness(y) })
			e.alts = append(e.alts, a)
		}
	}
	for _, w := range a.Workloads {
		for _, r := range w.Roles {
			e.workloads[r] = append(e.workloads[r], w)
		}
	}
	e.binding()
	return e
}

// binding reads what the organization lays over the account.
func (e *engine) binding() {
	org := e.a.Organization
	switch {
	case !org.Known:
		e.manages = iam.Maybe
		e.missing["organization"] = true
		return
	case org.V == nil:
		e.scps, e.rcps = iam.Levels{Known: true}, iam.Levels{Known: true}
		return
	}
	e.organization = org.V.ID
	switch {
	case org.V.Management == "":
		e.manages = iam.Maybe
	case org.V.Management == e.a.ID:
		e.manages = iam.Yes
	}
	levels := func(enabled account.Value[bool], input string, of func(*account.Level) account.Value[[]account.Attached]) iam.Levels {
		if enabled.Known && !enabled.V {
			return iam.Levels{Known: true}
		}
		out := iam.Levels{Known: enabled.Known && len(org.V.Levels) > 0}
		for i := range org.V.Levels {
			l := &org.V.Levels[i]
			v := of(l)
			layer := iam.Layer{Known: v.Known}
			for _, p := range v.V {
				if p.Policy == nil {
					layer.Known = false
					continue
				}
				layer.Policies = append(layer.Policies, e.compile(p.Policy))
			}
			out.Layers = append(out.Layers, layer)
			if !layer.Known {
				e.missing[input] = true
			}
		}
		if !out.Known {
			e.missing[input] = true
		}
		return out
	}
	e.scps = levels(org.V.SCPs, "organization-scps", func(l *account.Level) account.Value[[]account.Attached] { return l.SCPs })
	e.rcps = levels(org.V.RCPs, "organization-rcps", func(l *account.Level) account.Value[[]account.Attached] { return l.RCPs })
}

func (e *engine) compile(p *iam.Policy) *iam.Compiled {
	if len(p.Statements) == 0 {
		return iam.Compile(p)
	}
	key := &p.Statements[0]
	c := e.compiled[key]
	if c == nil || len(c.Policy.Faults) == 0 && len(p.Faults) > 0 {
		c = iam.Compile(p)
		e.compiled[key] = c
	}
	return c
}

// strict is a policy as if it said nothing beside what could be understood of it.
func (e *engine) strictly(c *iam.Compiled) *iam.Compiled {
	if len(c.Policy.Faults) == 0 {
		return c
	}
	s := e.stricts[c]
	if s == nil {
		kept := *c.Policy
		kept.Faults, kept.Statements = nil, nil
		for _, st := range c.Statements() {
			kept.Statements = append(kept.Statements, *st.Statement)
		}
		s = iam.Compile(&kept)
		e.stricts[c] = s
	}
	return s
}

// says tells whether a policy has a statement about an action.
func (e *engine) says(c *iam.Compiled, action string) bool {
	m := e.concerns[c]
	if m == nil {
		m = map[string]bool{}
		e.concerns[c] = m
	}
	v, ok := m[action]
	if !ok {
		v = len(c.Policy.Faults) > 0 || slices.ContainsFunc(c.Statements(), func(s *iam.Compound) bool { return s.Concerns(action) })
		m[action] = v
	}
	return v
}

// people finds everybody who could take a step.
func (e *engine) people() {
	add := func(a *actor) *actor {
		if old := e.byARN[a.principal.ARN]; old != nil {
			return old
		}
		e.add(a)
		e.byARN[a.principal.ARN] = a
		return a
	}
	for _, u := range e.a.Users {
		a := &actor{user: u, who: iam.Principal{Kind: iam.User, ARN: u.ARN, Account: e.a.ID, ID: u.ID, Tags: tags(u.Tags), Organization: e.organization}}
		a.principal = Principal{Kind: User, ARN: u.ARN, Name: u.Name, Created: when(u.Created)}
		e.identity(a, &u.Identity, "user")
		for _, g := range u.Groups {
			e.groupSlots(a, g)
		}
		add(a)
	}
	for _, r := range e.a.Roles {
		a := &actor{role: r, who: iam.Principal{Kind: iam.Role, RoleARN: r.ARN, Account: e.a.ID, ID: r.ID, Tags: tags(r.Tags), Organization: e.organization}}
		a.principal = Principal{Kind: Role, ARN: r.ARN, Name: r.Name, Created: when(r.Created)}
		e.identity(a, &r.Identity, "role")
		add(a)
	}
	if e.a.ID != "" {
		arn := e.arn("iam", "", "root")
		e.root = add(&actor{principal: Principal{Kind: Root, ARN: arn, Name: "root"}, who: iam.Principal{Kind: iam.Root, ARN: arn, Account: e.a.ID, Organization: e.organization},
			slots: []slot{{anything, Source{Kind: "builtin", Owner: arn}}}})
	}
	for _, p := range e.a.Providers {
		add(&actor{principal: Principal{Kind: Federated, ARN: p.ARN, Name: last(p.ARN), Created: when(p.Created)}, who: iam.Principal{Kind: iam.Provider, ARN: p.ARN, Account: e.a.ID}})
	}
	add(&actor{principal: Principal{Kind: Anonymous, ARN: "*", Name: "anybody"}, who: iam.Principal{Kind: iam.Anonymous}})
	// Whoever else the account's own policies name.
	for _, p := range e.resourcePolicies() {
		for i := range p.Statements {
			who := p.Statements[i].Principals
			if who == nil || !p.Statements[i].Allow {
				continue
			}
			for _, name := range who.AWS {
				e.outsider(name, add)
			}
			for _, name := range who.Federated {
				if e.byARN[name] == nil && !strings.ContainsAny(name, "*?") {
					if pr, err := iam.ParsePrincipal(name); err == nil {
						add(&actor{principal: Principal{Kind: Federated, ARN: name, Name: last(name)}, who: pr, absent: e.absent(name)})
					} else {
						add(&actor{principal: Principal{Kind: Federated, ARN: name, Name: last(name)}, who: iam.Principal{Kind: iam.Provider, ARN: name}})
					}
				}
			}
			for _, name := range who.Service {
				add(&actor{principal: Principal{Kind: Service, ARN: name, Name: name}, who: iam.Principal{Kind: iam.Service, ARN: name}})
			}
			if who.Anyone {
				e.outsider("*", add)
			}
		}
	}
	for _, k := range e.a.Keys {
		for _, g := range k.Grants.V {
			if strings.HasPrefix(g.Grantee, "arn:") {
				e.outsider(g.Grantee, add)
			} else if g.Grantee != "" {
				add(&actor{principal: Principal{Kind: Service, ARN: g.Grantee, Name: g.Grantee}, who: iam.Principal{Kind: iam.Service, ARN: g.Grantee}})
			}
		}
	}
	for _, f := range e.q.From {
		e.outsider(f, add)
	}
	for _, b := range e.holding() {
		if objectLists(b).level != No {
			e.outsider("*", add)
		}
	}
	for _, b := range e.asked() {
		for _, c := range e.replicas(b) {
			if c.bucket == nil {
				e.outsider(strings.Replace(e.receiver(c.rule), anyAccount, "*", 1), add)
			}
		}
	}
	e.everyone = add(&actor{principal: Principal{Kind: Everybody, ARN: e.arn("iam", "", "*"), Name: "everybody"}, who: iam.Principal{Kind: iam.User, ARN: e.arn("iam", "", "user/anybody"), Account: e.a.ID}})
}

// anyAccount stands for whatever account is not this one.
const anyAccount = "any-account"

// outsider makes an actor of a principal of another account, unless it is one of this.
func (e *engine) outsider(name string, add func(*actor) *actor) {
	arn, id := name, ""
	switch {
	case name == "*":
		arn, id = anyAccount, "000000000000"
	case len(name) == 12 && strings.Trim(name, "0123456789") == "":
		arn, id = "arn:"+cmp.Or(e.a.Partition, "aws")+":iam::"+name+":root", name
	default:
		parsed, ok := iam.ParseARN(name)
		if !ok || parsed.Account == "" {
			return
		}
		id = parsed.Account
		if id == e.a.ID && parsed.Service == "sts" || id == e.a.ID && strings.HasPrefix(parsed.Resource, "assumed-role/") {
			return
		}
	}
	if id == e.a.ID || e.byARN[arn] != nil {
		return
	}
	a := &actor{principal: Principal{Kind: External, ARN: arn, Name: arn}}
	a.slots = []slot{{elsewhere, Source{Kind: "builtin", Owner: arn}}}
	if p, err := iam.ParsePrincipal(arn); err == nil && p.Kind != iam.Root {
		a.who = p
	} else {
		// Somebody in the account who is not named by name.
		a.who = iam.Principal{Kind: iam.User, ARN: "arn:" + cmp.Or(e.a.Partition, "aws") + ":iam::" + id + ":user/anybody", Account: id}
	}
	add(a)
}

func (e *engine) add(a *actor) {
	a.id = len(e.actors)
	if a.root = a; a.base != nil {
		a.root = a.base.root
	}
	e.actors = append(e.actors, a)
}

func (e *engine) identity(a *actor, i *account.Identity, kind string) {
	a.unsure = append(a.unsure, i.Unknown...)
	a.boundary = i.Boundary
	for _, p := range i.Inline {
		e.slot(a, p, Source{Kind: kind + "-inline", Owner: i.ARN, Name: p.Name})
	}
	for _, p := range i.Attached {
		e.slot(a, p, Source{Kind: "managed", Owner: p.ARN})
	}
}

func (e *engine) groupSlots(a *actor, g *account.Group) {
	a.unsure = append(a.unsure, g.Unknown...)
	for _, p := range g.Inline {
		e.slot(a, p, Source{Kind: "group-inline", Owner: g.ARN, Name: p.Name})
	}
	for _, p := range g.Attached {
		e.slot(a, p, Source{Kind: "managed", Owner: p.ARN})
	}
}

func (e *engine) slot(a *actor, p account.Attached, s Source) {
	if p.Policy == nil {
		a.unsure = append(a.unsure, "policy "+cmp.Or(p.ARN, p.Name))
		return
	}
	a.slots = append(a.slots, slot{p.Policy, s})
}

// resourcePolicies are the policies that name principals.
func (e *engine) resourcePolicies() []*iam.Policy {
	var out []*iam.Policy
	add := func(p *iam.Policy) {
		if p != nil {
			out = append(out, p)
		}
	}
	for _, r := range e.a.Roles {
		add(r.Trust)
	}
	for _, b := range e.a.Buckets {
		add(b.Policy.V)
	}
	for _, p := range e.a.AccessPoints {
		add(p.Policy.V)
	}
	for _, k := range e.a.Keys {
		add(k.Policy.V)
	}
	for _, w := range e.a.Workloads {
		add(w.Policy.V)
	}
	for _, r := range e.a.Resources {
		add(r.Policy.V)
	}
	return out
}

// overlaps says whether a text for access points' ARNs also matches those of objects.
func (e *engine) overlaps(resource string) bool {
	return strings.Contains(resource, ":accesspoint/") && exists(iam.Of(iam.ResourcePattern(resource)).Intersect(iam.Of(iam.ResourcePattern("arn:"+cmp.Or(e.a.Partition, "aws")+":s3:::*")))) != iam.No
}

// classify puts actors with the same rights together.
func (e *engine) classify() {
	// What conditions anywhere ask about principals.
	keys := func(p *iam.Policy) {
		for i := range p.Statements {
			s := &p.Statements[i]
			e.points = e.points || slices.ContainsFunc(s.Resources, e.overlaps)
			for _, c := range s.Conditions {
				k := strings.ToLower(c.Key)
				switch {
				case strings.Contains(k, ":resourcetag/"):
					if _, _, ok := resourceTag(k); ok {
						e.resourceTags[k] = true
					}
				case k == issueTime:
					e.asksIssue = true
				case strings.EqualFold(k, requestedRegion):
					e.asksRegion = true
				case k == objectContext:
					e.contexts = append(e.contexts, c.Values...)
				case strings.HasPrefix(k, "aws:principaltag/"):
					e.tagKeys[k[len("aws:principaltag/"):]] = true
				case k == "aws:principalarn" || k == "aws:userid" || k == "aws:username":
					for _, v := range c.Values {
						if strings.Contains(v, "${") {
							e.ownNames = true
						}
						e.principalValues = append(e.principalValues, v)
					}
				}
				for _, v := range c.Values {
					e.variables(v)
				}
			}
		}
	}
	n := 0
	for _, p := range e.resourcePolicies() {
		keys(p)
		for i := range p.Statements {
			s := &p.Statements[i]
			if s.Principals == nil {
				continue
			}
			if _, ok := e.stmtIDs[s]; ok {
				continue
			}
			n++
			e.stmtIDs[s] = n
			for _, list := range [][]string{s.Principals.AWS, s.Principals.CanonicalUser} {
				for _, name := range list {
					e.named[e.nameOf(name)] = append(e.named[e.nameOf(name)], n)
				}
			}
		}
	}
	for _, k := range e.a.Keys {
		for _, g := range k.Grants.V {
			n++
			e.named[e.nameOf(g.Grantee)] = append(e.named[e.nameOf(g.Grantee)], n)
			for _, pair := range []map[string]string{g.Subset, g.Equals} {
				if v := pair["aws:s3:arn"]; v != "" {
					e.contexts = append(e.contexts, v)
				}
			}
		}
	}
	for _, l := range append(slices.Clone(e.scps.Layers), e.rcps.Layers...) {
		for _, c := range l.Policies {
			keys(c.Policy)
		}
	}
	seen := map[*iam.Statement]bool{}
	for _, a := range e.actors {
		for _, s := range a.slots {
			if len(s.policy.Statements) > 0 && !seen[&s.policy.Statements[0]] {
				seen[&s.policy.Statements[0]] = true
				keys(s.policy)
			}
		}
		if a.boundary != nil && a.boundary.Policy != nil {
			keys(a.boundary.Policy)
		}
	}
	// Whom a denial of a resource's or the organization's leaves out, and whom a key names:
	// its policy and grants alone decide who may use it.
	var spared []string
	spare := func(p *iam.Policy, key bool) {
		if p == nil {
			return
		}
		for i := range p.Statements {
			s := &p.Statements[i]
			if s.Allow && !key {
				continue
			}
			if s.Principals != nil && s.Principals.Not != s.Allow && !s.Principals.Anyone {
				spared = append(spared, s.Principals.AWS...)
			}
			for _, c := range s.Conditions {
				if k := strings.ToLower(c.Key); k == "aws:principalarn" || k == "aws:userid" || k == "aws:username" {
					spared = append(spared, c.Values...)
				}
			}
		}
	}
	for _, b := range e.a.Buckets {
		spare(b.Policy.V, false)
	}
	for _, k := range e.a.Keys {
		spare(k.Policy.V, true)
		for _, g := range k.Grants.V {
			spared = append(spared, g.Grantee)
		}
	}
	for _, l := range append(slices.Clone(e.scps.Layers), e.rcps.Layers...) {
		for _, c := range l.Policies {
			spare(c.Policy, false)
		}
	}
	slices.Sort(spared)
	for _, v := range slices.Compact(spared) {
		e.spared = append(e.spared, iam.NewPattern(v))
	}
	slices.Sort(e.contexts)
	e.contexts = slices.Compact(e.contexts)
	slices.Sort(e.principalValues)
	e.principalValues = slices.Compact(e.principalValues)
	for _, v := range e.principalValues {
		e.principalPatterns = append(e.principalPatterns, iam.NewPattern(v))
	}
	for _, a := range e.actors {
		e.classOf(a)
	}
}

// variables notes what a text with policy variables asks about principals.
func (e *engine) variables(v string) {
	if i := strings.Index(strings.ToLower(v), "${aws:principaltag/"); i >= 0 {
		rest := v[i+len("${aws:principaltag/"):]
		if j := strings.IndexAny(rest, "},"); j >= 0 {
			e.tagKeys[strings.ToLower(rest[:j])] = true
		}
	}
}

// nameOf is the ARN by which the account knows whom a policy names.
func (e *engine) nameOf(name string) string {
	if p, ok := iam.ParseARN(name); ok && p.Service == "sts" && strings.HasPrefix(p.Resource, "assumed-role/") {
		role, _, _ := strings.Cut(strings.TrimPrefix(p.Resource, "assumed-role/"), "/")
		return "session:" + p.Account + ":" + role
	}
	return name
}

func (e *engine) classOf(a *actor) *class {
	// Slots in one order, so that members of a class agree on it.
	slices.SortStableFunc(a.slots, func(x, y slot) int { return cmp.Compare(e.document(x.policy), e.document(y.policy)) })
	var key strings.Builder
	fmt.Fprintf(&key, "%d|%d|%s|%v|", a.who.Kind, len(a.unsure), a.who.Account, a.data)
	personal := a.who.Kind != iam.User && a.who.Kind != iam.Role || e.ownNames || a == e.everyone
	for _, s := range a.slots {
		fmt.Fprintf(&key, "%d,", e.document(s.policy))
		personal = personal || e.hasVariables(s.policy)
	}
	if a.boundary != nil {
		if a.boundary.Policy == nil {
			key.WriteString("|b?" + a.boundary.ARN)
		} else {
			fmt.Fprintf(&key, "|b%d", e.document(a.boundary.Policy))
		}
	}
	if a.role != nil && a.role.ServiceLinked() {
		key.WriteString("|linked")
	}
	origin := a.origin()
	names := []string{origin.principal.ARN, a.who.ID}
	if a.who.Kind == iam.Role {
		names = append(names, "session:"+a.who.Account+":"+a.who.Name())
	}
	var ids []int
	for _, name := range names {
		if name != "" {
			ids = append(ids, e.named[name]...)
		}
	}
	slices.Sort(ids)
	fmt.Fprintf(&key, "|n%v|", ids)
	signed := key.Len()
	fmt.Fprintf(&key, "%d|%s|%v|", a.who.Kind, a.who.Account, a.role != nil && a.role.ServiceLinked())
	var matches []int
	for i, v := range e.principalValues {
		p := e.principalPatterns[i]
		for _, name := range names {
			if name != "" && (p.Match(name) || p.Match(name+":x") || v == a.who.Name()) {
				fmt.Fprintf(&key, "%d;", i)
				matches = append(matches, i)
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(e.tagKeys)) {
		for tag, v := range a.who.Tags {
			if strings.EqualFold(tag, k) {
				fmt.Fprintf(&key, "|%s=%q", k, v)
			}
		}
		if a.who.Tags == nil {
			key.WriteString("|?")
		}
	}
	if personal {
		key.WriteString("|" + origin.principal.ARN)
	}
	c := e.classByKey[key.String()]
	if c == nil {
		c = &class{id: len(e.classes), rep: a, matches: matches, sign: key.String()[signed:], bound: iam.Supplied()}
		for _, s := range a.slots {
			compiled := e.compile(s.policy)
			id, ok := e.docIDs[compiled]
			if !ok {
				id = int32(len(e.documents))
				e.docIDs[compiled] = id
				e.documents = append(e.documents, compiled)
			}
			c.slots, c.docs = append(c.slots, compiled), append(c.docs, id)
			c.strict = append(c.strict, e.strictly(compiled))
		}
		if a.boundary != nil {
			if a.boundary.Policy == nil {
				c.bound = iam.Layer{}
				e.missing["authorization-details"] = true
			} else {
				c.bound = iam.Supplied(e.compile(a.boundary.Policy))
			}
		}
		e.classes = append(e.classes, c)
		e.classByKey[key.String()] = c
	}
	for _, name := range names {
		if name != "" && !slices.Contains(e.byName[name], int32(c.id)) {
			e.byName[name] = append(e.byName[name], int32(c.id))
		}
	}
	c.members, c.ids = append(c.members, a), append(c.ids, int32(a.id))
	c.told = c.told || a.base == nil && !a.absent
	a.class = c
	return c
}

// document numbers policies by what they say.
func (e *engine) document(p *iam.Policy) int {
	if len(p.Statements) == 0 {
		return -1
	}
	id, ok := e.stmtIDs[&p.Statements[0]]
	if !ok {
		id = len(e.stmtIDs) + 1_000_000
		e.stmtIDs[&p.Statements[0]] = id
	}
	return id
}

func (e *engine) hasVariables(p *iam.Policy) bool {
	for i := range p.Statements {
		s := &p.Statements[i]
		for _, list := range [][]string{s.Resources, s.Actions} {
			for _, v := range list {
				if strings.Contains(v, "${aws:") {
					return true
				}
			}
		}
		for _, c := range s.Conditions {
			for _, v := range c.Values {
				if strings.Contains(v, "${aws:") {
					return true
				}
			}
		}
	}
	return false
}

func (e *engine) arn(service, region, resource string) string {
	account := e.a.ID
	return "arn:" + cmp.Or(e.a.Partition, "aws") + ":" + service + ":" + region + ":" + account + ":" + resource
}

func (e *engine) fill(pattern string) string {
	return strings.NewReplacer("{partition}", cmp.Or(e.a.Partition, "aws"), "{account}", cmp.Or(e.a.ID, "*")).Replace(pattern)
}

func tags(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func last(arn string) string { return arn[strings.LastIndexAny(arn, "/:")+1:] }

// dearness is how much work it is to say who may do an action.
func dearness(n *Need) int {
	for _, on := range n.On {
		if on == "bucket" || strings.HasSuffix(on, "objects") {
			return 1
		}
	}
	return 0
}

// known says whether an input was supplied, whole. One that is about each of some things is,
// where there are none.
func (e *engine) known(input string) bool {
	return e.a.Known(input) || !slices.ContainsFunc(e.a.Missing, func(m account.Missing) bool { return m.Input == input })
}

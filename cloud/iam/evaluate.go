package iam

import (
	"fmt"
	"slices"
	"strings"
)

// Layer is the policies of one kind that bind a request. The zero value was not supplied:
// they may allow or deny anything. A layer that is Known and has none is absent.
type Layer struct {
	Known    bool
	Policies []*Compiled
}

// Supplied is a layer of which everything is known.
func Supplied(policies ...*Compiled) Layer { return Layer{true, policies} }

// Levels are an organisation's policies that bind an account, a layer for each of root,
// organisational units and account. The zero value was not supplied. No layers: none bind.
type Levels struct {
	Known  bool
	Layers []Layer
}

// Policies are all that bind one request.
type Policies struct {
	Identity Layer  // the principal's own and its groups': managed and inline
	Resource Layer  // the resource's: a bucket's, a key's, a role's trust
	Boundary Layer  // the principal's permissions boundary, one policy
	Session  Layer  // what the session was limited to when it began
	Endpoint Layer  // the VPC endpoint's that the request comes through; absent where it comes through none
	SCPs     Levels // of the principal's account
	RCPs     Levels // of the resource's account

	// Grants are a KMS key's, as GrantPolicy writes them. They count for keys only.
	Grants Layer
	// Bucket is what S3 knows beside policies. Nil is a bucket whose ACLs are disabled and
	// that blocks no public access, as S3 makes them today but for the block.
	Bucket *Bucket
}

// Question is what is asked, but for the resource.
type Question struct {
	Principal Principal
	Action    string // service:Name, in any letter case
	Account   string // the resource's owner; "" where its ARN says it, or it is not known
	Context   Context
	// PrincipalManages and ResourceManages say whether the principal's and the resource's
	// account manage their organisation, whose policies then do not bind them. Maybe where
	// that is not known.
	PrincipalManages Truth
	ResourceManages  Truth
}

// Request is one request.
type Request struct {
	Question
	Resource string // an ARN, or * where the action takes no resource
}

// PolicyKind names a layer in answers.
type PolicyKind string

const (
	IdentityPolicy  PolicyKind = "identity policy"
	ResourcePolicy  PolicyKind = "resource policy"
	BoundaryPolicy  PolicyKind = "permissions boundary"
	SessionPolicy   PolicyKind = "session policy"
	EndpointPolicy  PolicyKind = "VPC endpoint policy"
	ServiceControl  PolicyKind = "service control policy"
	ResourceControl PolicyKind = "resource control policy"
)

// Because is a statement that speaks of the action, and whether it holds for the request.
type Because struct {
	Kind      PolicyKind
	Level     int // of an organisation's policies, from the root
	Statement *Compound
	// Holds is Maybe where a condition, a variable or the principal depends on what is not
	// known.
	Holds Truth
	// What it comes from. Resource and Conditions are only looked at where the principal is
	// named.
	Principal, Resource Truth
	Conditions          []Outcome
}

// Outcome is a condition and whether it is met.
type Outcome struct {
	Condition Condition
	Met       Truth
}

// Answer is what AWS would say, and why.
type Answer struct {
	Decision Decision
	// Because are the statements that decided: those that deny, where one does; else those
	// that allow; of an Unknown also those that may count. In the order of the policies.
	Because []Because
	// Considered are all statements that speak of the action, Because included.
	Considered []Because
	// Residual are the conditions on which an Unknown depends, each once.
	Residual []Condition
	// Missing are the kinds of policy that were not supplied, or have faults, of an Unknown.
	Missing []PolicyKind
	// Why says in sentences what decided, beside or instead of statements.
	Why []string
	// Notes say what is odd about the request: an action that is not known, a resource that
	// the action is never asked of.
	Notes []string
}

// Others are the statements considered that did not decide.
func (a *Answer) Others() []Because {
	var out []Because
	for _, b := range a.Considered {
		if !slices.ContainsFunc(a.Because, func(c Because) bool {
			return c.Statement == b.Statement && c.Kind == b.Kind && c.Level == b.Level
		}) {
			out = append(out, b)
		}
	}
	return out
}

// calculus is what the logic of evaluation needs of the things that it is about: truth
// values for one resource, sets for many.
type calculus[T any] struct {
	none, all T
	and, or   func(T, T) T
}

// pair is what is so for certain, and at most.
type pair[T any] struct{ certain, possible T }

// evaluation is one question with its policies.
type evaluation struct {
	*Question
	asked    asked
	policies *Policies
	action   string // in lower case
	service  string
	boundary Truth // whether the principal has a permissions boundary
	required bool  // the resource's own policy must allow: KMS keys, and the trust of roles
	missing  []PolicyKind
}

func newEvaluation(q *Question, p *Policies, account string) *evaluation {
	e := &evaluation{Question: q, policies: p, action: strings.ToLower(q.Action)}
	e.service, _, _ = strings.Cut(e.action, ":")
	e.asked = asked{&q.Principal, account, &q.Context}
	switch {
	case !p.Boundary.Known:
		e.boundary = Maybe
	case len(p.Boundary.Policies) > 0:
		e.boundary = Yes
	}
	return e
}

// grants are what the resource's side grants, by how it names the principal.
type grants[T any] struct{ self, source, account T }

// sides is what each kind of policy lets through.
type sides[T any] struct {
	identity, boundary, session, scp, endpoint T
	resource                                   grants[T]
}

// granted is the logic of evaluation without explicit denials: what is allowed, if the
// resource is the principal's account's or another's. (IAM User Guide, "Policy evaluation
// for requests within a single account", "Cross-account policy evaluation logic".)
func granted[T any](c *calculus[T], e *evaluation, same bool, s *sides[T]) T {
	guard := c.and(s.scp, s.endpoint)
	anyhow := c.or(s.resource.self, c.or(s.resource.source, s.resource.account))
	own := c.and(s.identity, c.and(s.boundary, s.session))
	switch e.Principal.Kind {
	case Anonymous:
		if slices.Contains(signedOnly, e.service) {
			return c.none
		}
		return c.and(s.endpoint, s.resource.self)
	case Service, Provider:
		return c.and(s.endpoint, s.resource.self)
	case Root:
		switch {
		case !same || e.required:
			return c.and(guard, anyhow)
		}
		return guard // it may do everything in its account
	}
	if !same {
		return c.and(guard, c.and(anyhow, own))
	}
	// By name the resource's policy grants alone: to the user or session itself (and to
	// everybody) whatever boundary and session policy leave out, to the role within them.
	direct := c.or(s.resource.self, c.and(s.resource.source, c.and(s.boundary, s.session)))
	if e.required {
		return c.and(guard, c.or(direct, c.and(s.resource.account, own)))
	}
	return c.and(guard, c.or(direct, own))
}

// gather reads all policies. The region function says what of the resources asked for a
// statement speaks of; each statement is told to the visitor, if there is one.
func gather[T any](c *calculus[T], e *evaluation, region func(*Compound) pair[T], visit func(Because)) (certain, possible sides[T], denied pair[T]) {
	p := &e.Principal
	denied = pair[T]{c.none, c.none}
	read := func(kind PolicyKind, level int, l Layer, grant func(*Compound, match, match, pair[T])) (allow pair[T]) {
		allow = pair[T]{c.none, c.none}
		unsure := !l.Known
		for _, policy := range l.Policies {
			unsure = unsure || policy.unsure
			for _, s := range policy.statements {
				if !s.Concerns(e.action) {
					continue
				}
				b := Because{Kind: kind, Level: level, Statement: s, Principal: Yes}
				sure, most := matchSelf, matchSelf
				switch {
				case s.Principals != nil:
					sure, most = s.names(p, e.boundary)
				case kind == ResourcePolicy && s.Allow:
					sure, most = matchNone, matchNone // it names nobody
				case kind == ResourcePolicy:
					sure = matchNone
				}
				if kind == EndpointPolicy && s.Principals != nil && !s.Principals.Anyone && !s.Principals.Not && p.Kind != Root && slices.Contains(gateways, e.service) {
					sure = matchNone
				}
				if kind != ResourcePolicy && (s.Resources == nil || s.Principals != nil && kind != EndpointPolicy && kind != ResourceControl) {
					sure = matchNone // nor is this a policy of its kind
				}
				if most == matchNone {
					b.Principal = No
				} else if sure == matchNone {
					b.Principal = Maybe
				}
				var r pair[T]
				if b.Principal != No {
					r = region(s)
					b.Holds = min(b.Principal, s.met(&e.asked))
				}
				if visit != nil {
					visit(b)
				}
				if b.Holds == No {
					continue
				}
				if b.Holds != Yes {
					r.certain = c.none
				}
				switch {
				case !s.Allow && kind == ResourceControl:
					r = c.bound(e.rcpBinds(s), r)
					fallthrough
				case !s.Allow:
					denied.certain, denied.possible = c.or(denied.certain, r.certain), c.or(denied.possible, r.possible)
				case grant != nil:
					grant(s, sure, most, r)
				default:
					allow.certain, allow.possible = c.or(allow.certain, r.certain), c.or(allow.possible, r.possible)
				}
			}
		}
		if unsure {
			e.missing = append(e.missing, kind)
			allow.possible, denied.possible = c.all, c.all
		}
		return allow
	}
	both := func(kind PolicyKind, l Layer, absent T) pair[T] {
		if l.Known && len(l.Policies) == 0 {
			return pair[T]{absent, absent}
		}
		return read(kind, 0, l, nil)
	}
	set := func(field func(*sides[T]) *T, v pair[T]) {
		*field(&certain), *field(&possible) = v.certain, v.possible
	}
	all := pair[T]{c.all, c.all}

	resourcePolicy := e.policies.Resource
	if p.Kind == Root && slices.Contains(ownPolicy, e.action) && e.same(e.asked.account) == Yes {
		resourcePolicy = Supplied()
	}
	signed := p.Kind == User || p.Kind == Role || p.Kind == FederatedUser
	set(func(s *sides[T]) *T { return &s.identity }, pair[T]{c.none, c.none})
	set(func(s *sides[T]) *T { return &s.boundary }, all)
	set(func(s *sides[T]) *T { return &s.session }, all)
	if signed {
		set(func(s *sides[T]) *T { return &s.identity }, both(IdentityPolicy, e.policies.Identity, c.none))
		if e.action == "sts:getsessiontoken" && p.Kind == User {
			// It needs no permission (STS API Reference, GetSessionToken).
			certain.identity, possible.identity = c.all, c.all
		}
		set(func(s *sides[T]) *T { return &s.boundary }, both(BoundaryPolicy, e.policies.Boundary, c.all))
		// A federated user may do what the session's policy says; without one, nothing of
		// its own.
		absent := c.all
		if p.Kind == FederatedUser {
			absent = c.none
		}
		set(func(s *sides[T]) *T { return &s.session }, both(SessionPolicy, e.policies.Session, absent))
	}
	set(func(s *sides[T]) *T { return &s.endpoint }, both(EndpointPolicy, e.policies.Endpoint, c.all))

	scp := all
	if (signed || p.Kind == Root) && !p.ServiceLinked() && e.PrincipalManages != Yes {
		before := denied
		if !e.policies.SCPs.Known {
			read(ServiceControl, 0, Layer{}, nil)
			scp.certain = c.none
		}
		for i, l := range e.policies.SCPs.Layers {
			allow := read(ServiceControl, i, l, nil)
			scp.certain, scp.possible = c.and(scp.certain, allow.certain), c.and(scp.possible, allow.possible)
		}
		if e.PrincipalManages == Maybe {
			scp.possible, denied.certain = c.all, before.certain
		}
	}
	set(func(s *sides[T]) *T { return &s.scp }, scp)

	if !p.ServiceLinked() && e.ResourceManages != Yes && e.action != "kms:retiregrant" {
		before := denied
		if !e.policies.RCPs.Known && loadCatalogue().rcp[e.service] {
			read(ResourceControl, 0, Layer{}, nil)
		}
		for i, l := range e.policies.RCPs.Layers {
			// RCPFullAWSAccess is always there, so only denials count.
			read(ResourceControl, i, l, nil)
		}
		if e.ResourceManages == Maybe {
			denied.certain = before.certain
		}
	}

	sure, most := grants[T]{c.none, c.none, c.none}, grants[T]{c.none, c.none, c.none}
	add := func(g *grants[T], m match, v T) {
		switch m {
		case matchSelf:
			g.self = c.or(g.self, v)
		case matchSource:
			g.source = c.or(g.source, v)
		case matchAccount:
			g.account = c.or(g.account, v)
		}
	}
	if !resourcePolicy.Known || len(resourcePolicy.Policies) > 0 {
		blocked := e.policies.Bucket.blocks(e, resourcePolicy)
		if a := read(ResourcePolicy, 0, resourcePolicy, func(s *Compound, certain, possible match, v pair[T]) {
			v = c.bound(blocked.Not(), v)
			add(&sure, certain, v.certain)
			add(&most, possible, v.possible)
		}); blocked != Yes {
			most.self = c.or(most.self, a.possible)
		}
	}
	more := func(l Layer) {
		if l.Known && len(l.Policies) == 0 {
			return
		}
		a := read(ResourcePolicy, 0, l, func(s *Compound, certain, possible match, v pair[T]) {
			add(&sure, certain, v.certain)
			add(&most, possible, v.possible)
		})
		most.self = c.or(most.self, a.possible)
	}
	if e.required && e.service == "kms" {
		more(e.policies.Grants)
	}
	if e.service == "s3" && e.policies.Bucket != nil {
		more(e.policies.Bucket.acl(e))
	}
	certain.resource, possible.resource = sure, most
	return certain, possible, denied
}

// bound is what a rule leaves that binds for certain, not at all, or perhaps.
func (c *calculus[T]) bound(binds Truth, v pair[T]) pair[T] {
	if binds != Yes {
		v.certain = c.none
	}
	if binds == No {
		v.possible = c.none
	}
	return v
}

// outcomes says of each condition whether it is met.
func (s *Compound) outcomes(a *asked) []Outcome {
	var out []Outcome
	for i := range s.conditions {
		out = append(out, Outcome{*s.conditions[i].Condition, s.conditions[i].holds(a)})
	}
	return out
}

// rcpBinds says whether a statement of an RCP binds the action. RCPs bind the resources of
// some services (AWS Organizations User Guide, "Resource control policies"), and the list
// grows: one that names a service could be saved because RCPs know it.
func (e *evaluation) rcpBinds(s *Compound) Truth {
	c := loadCatalogue()
	if c.rcp[e.service] || !s.NotActions && slices.ContainsFunc(s.actions, func(p Pattern) bool {
		return strings.HasPrefix(p.Prefix(), e.service+":") && p.Match(e.action)
	}) {
		return Yes
	}
	if _, known := c.services[e.service]; !known {
		return Maybe
	}
	return No
}

var logic = calculus[bool]{
	none: false, all: true,
	and: func(a, b bool) bool { return a && b },
	or:  func(a, b bool) bool { return a || b },
}

// Evaluate says what AWS would answer to one request. An action that takes no resource is
// asked of *, whatever the request says; where policies would refuse it for what the request
// says, that counts.
func Evaluate(r Request, p Policies) Answer {
	resource, notes := fit(r.Action, r.Resource)
	out := evaluate(r, p, resource, r.owner())
	if resource != r.Resource && r.Resource != "*" {
		if other := evaluate(r, p, r.Resource, r.owner()); other.Decision.rank() < out.Decision.rank() {
			out = other
		}
	}
	if len(notes) > 0 {
		out.doubt(r.Action, r.Resource, resource, notes)
	}
	return out
}

// evaluate asks for one resource of an account.
func evaluate(r Request, p Policies, resource, account string) (out Answer) {
	r.Resource = resource
	e := newEvaluation(&r.Question, &p, account)
	e.required = requiresPolicy(e.action, r.Resource)
	if answer, ok := e.special(r.Resource); ok {
		return answer
	}
	certain, possible, denied := gather(&logic, e,
		func(s *Compound) pair[bool] {
			t := s.covers(r.Resource, &e.asked)
			return pair[bool]{t == Yes, t != No}
		},
		func(b Because) {
			if b.Principal != No {
				b.Resource = b.Statement.covers(r.Resource, &e.asked)
				b.Conditions = b.Statement.outcomes(&e.asked)
				b.Holds = min(b.Holds, b.Resource)
			}
			out.Considered = append(out.Considered, b)
		})
	same := e.same(account)
	sure, most := between(&logic, e, same, &certain, &possible)
	e.decide(&out, sure, most, denied)
	e.explain(&out, same, &possible)
	return out
}

// doubt notes what is odd about a request. What AWS is never asked is not allowed: of all of
// an action's resources at once (*) only what a denial of some of them leaves in doubt.
func (a *Answer) doubt(action, asked, resource string, notes []string) {
	a.Notes = notes
	if a.Decision != Allowed || asked != resource {
		return
	}
	if _, known := LookUp(action); !known || asked != "*" || slices.ContainsFunc(a.Considered, func(b Because) bool {
		return !b.Statement.Allow && b.Principal != No && b.Resource != Yes && !slices.ContainsFunc(b.Conditions, func(o Outcome) bool { return o.Met == No })
	}) {
		a.Decision = Unknown
		a.Why = append(a.Why, notes...)
	}
}

// between is granted where it may not be known whose the resource is.
func between[T any](c *calculus[T], e *evaluation, same Truth, certain, possible *sides[T]) (sure, most T) {
	if same == Maybe {
		return c.and(granted(c, e, true, certain), granted(c, e, false, certain)), c.or(granted(c, e, true, possible), granted(c, e, false, possible))
	}
	return granted(c, e, same == Yes, certain), granted(c, e, same == Yes, possible)
}

// owner is the resource's account: as it was given, or as its ARN says. A request for no
// resource is about the principal's own account.
func (r *Request) owner() string {
	if r.Account != "" {
		return r.Account
	}
	if a, ok := ParseARN(r.Resource); ok && isAccount(a.Account) {
		return a.Account
	}
	if r.Resource == "*" {
		return r.Principal.Account
	}
	return ""
}

// same says whether the resource is the principal's account's.
func (e *evaluation) same(account string) Truth {
	switch {
	case e.Principal.Account == "":
		return No
	case account == "":
		return Maybe
	}
	return truth(e.Principal.Account == account)
}

func (e *evaluation) decide(out *Answer, sure, most bool, denied pair[bool]) {
	switch {
	case denied.certain:
		out.Decision = ExplicitlyDenied
	case !most:
		out.Decision = ImplicitlyDenied
	case sure && !denied.possible:
		out.Decision = Allowed
	}
	for _, b := range out.Considered {
		switch out.Decision {
		case ExplicitlyDenied:
			if b.Statement.Allow || b.Holds != Yes || b.Kind == ResourceControl && e.rcpBinds(b.Statement) != Yes {
				continue
			}
		case Allowed:
			if !b.Statement.Allow || b.Holds != Yes {
				continue
			}
		case ImplicitlyDenied:
			if !b.Statement.Allow || b.Holds == No {
				continue
			}
		case Unknown:
			if b.Holds == No {
				continue
			}
			if b.Holds == Maybe {
				for _, o := range b.Conditions {
					if o.Met == Maybe && !slices.ContainsFunc(out.Residual, o.Condition.equal) {
						out.Residual = append(out.Residual, o.Condition)
					}
				}
			}
		}
		out.Because = append(out.Because, b)
	}
	if out.Decision == Unknown {
		slices.Sort(e.missing)
		out.Missing = slices.Compact(e.missing)
	}
}

func (c Condition) equal(d Condition) bool {
	return c.Operator == d.Operator && c.Key == d.Key && slices.Equal(c.Values, d.Values)
}

// explain says what no statement says.
func (e *evaluation) explain(out *Answer, same Truth, possible *sides[bool]) {
	say := func(format string, args ...any) { out.Why = append(out.Why, fmt.Sprintf(format, args...)) }
	if same == Maybe && out.Decision == Unknown {
		say("the resource's account is not known, and whether two accounts must agree depends on it")
	}
	if out.Decision == Unknown {
		for _, m := range out.Missing {
			say("%s: not supplied, or with faults", m)
		}
	}
	if out.Decision != ImplicitlyDenied {
		return
	}
	g := possible.resource
	switch {
	case !possible.scp:
		say("a level of the organisation has no service control policy that allows it")
	case !possible.endpoint:
		say("the VPC endpoint's policy does not allow it")
	case e.Principal.Kind == Anonymous || e.Principal.Kind == Service || e.Principal.Kind == Provider:
		say("the resource's policy does not grant it to %s", map[Kind]string{Anonymous: "anonymous", Service: "the service", Provider: "those whom the provider vouches for"}[e.Principal.Kind])
	case (same == No || e.required) && !g.self && !g.source && !g.account:
		if e.required {
			say("the resource's own policy must grant it, and does not")
		} else {
			say("the resource is another account's, whose policy does not grant it")
		}
	case !possible.identity && same == No:
		say("the resource is another account's, so the principal's own policies must allow it too, and do not")
	case !possible.identity && !g.source:
		say("no identity policy allows it")
	case !possible.boundary:
		say("the permissions boundary does not allow it")
	case !possible.session:
		say("the session's policy does not allow it")
	}
}

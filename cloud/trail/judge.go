package trail

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
)

// Source is a policy that gives a principal its rights, and where it stands.
type Source struct {
	// Kind is "inline", "managed", "group inline" or "group managed".
	Kind string `json:"kind"`
	Name string `json:"name"`
	ARN  string `json:"arn,omitempty"`   // of a managed policy
	From string `json:"group,omitempty"` // the group's name
	// Whole is false where the policy was not supplied or has parts that nobody understands:
	// it is left as it is.
	Whole bool `json:"whole"`

	policy *iam.Policy
}

func (s Source) String() string { return s.Text().EN }

// holder is a user or a role of the account, with what gives it its rights.
type holder struct {
	kind    string // "user", "role"
	own     *account.Identity
	linked  bool // a service-linked role
	as      iam.Principal
	sources []Source
	// boundary is nil where there is none.
	boundary  *iam.Policy
	unbounded bool   // the boundary's policy was not supplied
	unknown   []Text // why it may have more or less than its policies say

	policies []*iam.Compiled // of the whole sources
	owner    iam.Layer       // what the holder's account grants itself
	keys     []string        // the condition keys and variables in them, in lower case, sorted

	uses    map[useKey]*tally
	refused map[useKey]*tally
	beside  map[useKey]*tally
	kept    map[*iam.Compound]map[string]*resources // for each statement, the actions used by it
	judged  map[string]verdict
}

// universal grants everything to the account itself: with it as the resource's own policy,
// the identity's policies alone decide, also where the resource's must agree (keys, roles).
func universal(root string) iam.Layer {
	return iam.Supplied(iam.Compile(&iam.Policy{Name: "the resource's owner", Version: "2012-10-17", Statements: []iam.Statement{{Allow: true,
		Principals: &iam.Principals{AWS: []string{root}}, Actions: []string{"*"}, Resources: []string{"*"}}}}))
}

// verdict is what an identity's own policies say of a use.
type verdict struct {
	decision   iam.Decision
	statements []*iam.Compound // that allow it, or may
	residual   []string        // the conditions on which that depends
}

// judge asks what some policies of an identity say of one use, everything else permitting.
func judge(q iam.Question, resource string, policies []*iam.Compiled, owner iam.Layer) verdict {
	bind := iam.Policies{Identity: iam.Supplied(policies...), Resource: owner, Boundary: iam.Supplied(), Session: iam.Supplied(), Endpoint: iam.Supplied(),
		SCPs: iam.Levels{Known: true}, RCPs: iam.Levels{Known: true}, Grants: iam.Supplied()}
	ask := resource
	if ask == "" {
		ask = "*"
	}
	q.Account = q.Principal.Account
	a := iam.Evaluate(iam.Request{Question: q, Resource: ask}, bind)
	v := verdict{decision: a.Decision}
	for _, b := range a.Because {
		if b.Kind == iam.IdentityPolicy && b.Statement.Allow && b.Holds != iam.No {
			v.statements = append(v.statements, b.Statement)
		}
	}
	for _, c := range a.Residual {
		v.residual = append(v.residual, c.String())
	}
	if len(v.statements) == 0 && v.decision == iam.Unknown {
		v.decision = iam.ImplicitlyDenied // nothing of its own would allow it
	}
	if v.decision == iam.Allowed || v.decision == iam.ExplicitlyDenied || resource != "" && !strings.ContainsAny(resource, "*?") {
		return v
	}
	// Which resource it was is not known: every statement that speaks of the action may
	// have allowed it.
	v = verdict{}
	for _, b := range a.Considered {
		met := iam.Yes
		for _, c := range b.Conditions {
			met = min(met, c.Met)
			if c.Met == iam.Maybe && b.Statement.Allow {
				v.residual = append(v.residual, c.Condition.String())
			}
		}
		if b.Kind == iam.IdentityPolicy && b.Statement.Allow && met != iam.No {
			v.statements = append(v.statements, b.Statement)
		}
	}
	if len(v.statements) == 0 {
		v.decision = iam.ImplicitlyDenied
	}
	return v
}

// narrowest chooses of statements that all allow a use the one that allows least besides:
// one with conditions, one that names its actions and resources.
func narrowest(list []*iam.Compound) *iam.Compound {
	rank := func(s *iam.Compound) int {
		n := 0
		if len(s.Conditions) == 0 {
			n += 4
		}
		if s.NotActions || slices.ContainsFunc(s.Actions, func(a string) bool { return strings.ContainsAny(a, "*?") }) {
			n += 2
		}
		if s.NotResources || slices.Contains(s.Resources, "*") {
			n++
		}
		return n
	}
	return slices.MinFunc(list, func(a, b *iam.Compound) int { return rank(a) - rank(b) })
}

// asks is the question that an event puts, as far as it says.
func asks(h *holder, e *Event, u Use) iam.Question {
	q := iam.Question{Principal: h.as, Action: u.Action}
	p := &q.Principal
	if h.kind == "role" && strings.Contains(e.Identity.ARN, ":assumed-role/") {
		p.ARN = e.Identity.ARN
	}
	c := &q.Context
	c.Set("aws:CurrentTime", e.Time.Format("2006-01-02T15:04:05Z"))
	c.Set("aws:EpochTime", strconv.FormatInt(e.Time.Unix(), 10))
	if e.Region != "" {
		c.Set("aws:RequestedRegion", e.Region)
	}
	through := e.Identity.InvokedBy != ""
	if _, err := netip.ParseAddr(e.Address); err == nil && !through {
		// An address of a private network comes through an endpoint, whose requests have
		// no aws:SourceIp.
		if e.Endpoint == "" {
			c.Set("aws:SourceIp", e.Address)
			c.Set("aws:SourceVpce")
		} else {
			c.Set("aws:SourceIp")
			c.Set("aws:VpcSourceIp", e.Address)
		}
	}
	if e.Endpoint != "" {
		c.Set("aws:SourceVpce", e.Endpoint)
	}
	switch mfa := e.Identity.MFA; {
	case mfa != "":
		c.Set("aws:MultiFactorAuthPresent", mfa)
	case e.Identity.Type == "IAMUser" && !through:
		c.Set("aws:MultiFactorAuthPresent") // long-lived keys have no such key
	}
	if through {
		c.Set("aws:ViaAWSService", "true")
	} else {
		c.Set("aws:ViaAWSService", "false")
		c.Set("aws:CalledVia")
		c.Set("aws:CalledViaFirst")
		c.Set("aws:CalledViaLast")
	}
	if u.PassedTo != "" {
		c.Set("iam:PassedToService", u.PassedTo)
	}
	return q
}

// known are the keys of which asks may tell something that differs between events.
var known = []string{"aws:currenttime", "aws:epochtime", "aws:requestedregion", "aws:sourceip", "aws:vpcsourceip", "aws:sourcevpce", "aws:multifactorauthpresent", "aws:viaawsservice", "aws:calledvia", "aws:calledviafirst", "aws:calledvialast", "aws:userid"}

// signature is what of an event the holder's policies can see, beside action and resource.
func (h *holder) signature(e *Event, u Use) string {
	var b strings.Builder
	b.WriteString(u.Action)
	b.WriteByte(0)
	b.WriteString(u.Resource)
	b.WriteByte(0)
	b.WriteString(u.PassedTo)
	for _, k := range h.keys {
		b.WriteByte(0)
		switch k {
		case "aws:currenttime", "aws:epochtime":
			b.WriteString(e.Time.Format("2006-01-02T15:04:05Z"))
		case "aws:requestedregion":
			b.WriteString(e.Region)
		case "aws:sourceip", "aws:vpcsourceip", "aws:sourcevpce":
			b.WriteString(e.Address)
			b.WriteByte(1)
			b.WriteString(e.Endpoint)
			b.WriteByte(1)
			b.WriteString(e.Identity.InvokedBy)
		case "aws:multifactorauthpresent":
			b.WriteString(e.Identity.MFA)
			b.WriteString(e.Identity.Type)
		case "aws:viaawsservice", "aws:calledvia", "aws:calledviafirst", "aws:calledvialast":
			b.WriteString(e.Identity.InvokedBy)
		case "aws:userid":
			b.WriteString(e.Identity.ARN)
		}
	}
	return b.String()
}

// keysOf are the keys that policies look at and that events tell.
func keysOf(policies []*iam.Compiled) []string {
	var text strings.Builder
	for _, p := range policies {
		for _, s := range p.Statements() {
			for _, c := range s.Conditions {
				text.WriteString(c.Key + " " + strings.Join(c.Values, " ") + " ")
			}
			text.WriteString(strings.Join(s.Resources, " ") + " ")
		}
	}
	lower := strings.ToLower(text.String())
	var out []string
	for _, k := range known {
		if strings.Contains(lower, k) {
			out = append(out, k)
		}
	}
	return out
}

// mostJudged bounds the verdicts of one principal that are kept.
const mostJudged = 1 << 16

// verdict says what the holder's policies say of a use.
func (h *holder) verdict(e *Event, u Use) verdict {
	key := h.signature(e, u)
	v, ok := h.judged[key]
	if !ok {
		v = judge(asks(h, e, u), u.Resource, h.policies, h.owner)
		if len(h.judged) >= mostJudged || h.judged == nil {
			h.judged = map[string]verdict{}
		}
		h.judged[key] = v
	}
	return v
}

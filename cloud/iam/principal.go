package iam

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is what sort of principal asks.
type Kind int8

const (
	Anonymous     Kind = iota // nobody signed the request
	User                      // an IAM user
	Role                      // a session of a role
	Root                      // an account's root user
	FederatedUser             // a session of sts:GetFederationToken
	Provider                  // somebody whom an identity provider vouches for: sts:AssumeRoleWithSAML, …WithWebIdentity
	Service                   // an AWS service, as itself
)

func (k Kind) String() string {
	return [...]string{"anonymous", "user", "role session", "root user", "federated user", "identity provider", "service"}[k]
}

// Principal is who asks.
type Principal struct {
	Kind Kind
	// ARN is what a policy names: a user's, a root user's, a federated user's; of a session
	// arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION, or "" where the session has no name
	// yet; a provider's ARN or domain; a service's name, ec2.amazonaws.com.
	ARN string
	// RoleARN is a session's role: arn:aws:iam::ACCOUNT:role/PATH/NAME.
	RoleARN string
	Account string // 12 digits; "" of a service and of anonymous
	// ID is the unique id of a user (AIDA…) or of a role (AROA…); "" where it is not known.
	ID string
	// UserARN is the user whose credentials asked for a federated user's session, if known.
	UserARN string
	// CanonicalID is the account's canonical user id, which S3 knows; "" if not known.
	CanonicalID string
	// Tags are a principal's own and its session's. Nil is not known, empty is none.
	Tags map[string]string
	// Organization is the account's o-… id; "" if not known.
	Organization string
}

// ParsePrincipal reads who asks: the ARN of a user, a role, a role's session, a federated
// user, a root user or an identity provider, a service's or a provider's domain, or
// "anonymous" (also "*").
func ParsePrincipal(text string) (Principal, error) {
	bad := func(why string) (Principal, error) {
		return Principal{}, fmt.Errorf("%q is not a principal: %s; write an ARN such as arn:aws:iam::111122223333:user/alice, arn:aws:iam::111122223333:role/app, arn:aws:sts::111122223333:assumed-role/app/session, a service such as ec2.amazonaws.com, or anonymous", text, why)
	}
	switch {
	case text == "*" || strings.EqualFold(text, "anonymous"):
		return Principal{Kind: Anonymous}, nil
	case !strings.HasPrefix(text, "arn:"):
		switch {
		case text == "cognito-identity.amazonaws.com" || text == "accounts.google.com" || text == "www.amazon.com" || text == "graph.facebook.com":
			return Principal{Kind: Provider, ARN: text}, nil
		case strings.HasSuffix(text, ".amazonaws.com") || strings.HasSuffix(text, ".amazonaws.com.cn") || strings.HasSuffix(text, ".amazon.com") || strings.HasSuffix(text, ".aws.internal"):
			return Principal{Kind: Service, ARN: text}, nil
		}
		return bad("it is neither an ARN nor a service")
	}
	a, ok := ParseARN(text)
	if !ok {
		return bad("an ARN has six parts")
	}
	if !isAccount(a.Account) {
		return bad("its account is not 12 digits")
	}
	if strings.ContainsAny(text, "*?") {
		return bad("it has wildcards, and one principal asks")
	}
	kind, name, _ := strings.Cut(a.Resource, "/")
	p := Principal{ARN: text, Account: a.Account}
	switch {
	case a.Service == "iam" && a.Resource == "root":
		p.Kind = Root
	case a.Service == "iam" && kind == "user" && name != "":
		p.Kind = User
	case a.Service == "iam" && kind == "role" && name != "":
		p.Kind, p.ARN, p.RoleARN = Role, "", text
	case a.Service == "sts" && kind == "assumed-role":
		role, session, found := strings.Cut(name, "/")
		if !found || role == "" || session == "" {
			return bad("a session is assumed-role/ROLE/SESSION")
		}
		p.Kind, p.RoleARN = Role, "arn:"+a.Partition+":iam::"+a.Account+":role/"+role
	case a.Service == "sts" && kind == "federated-user" && name != "":
		p.Kind = FederatedUser
	case a.Service == "iam" && (kind == "saml-provider" || kind == "oidc-provider") && name != "":
		p.Kind = Provider
	default:
		return bad("it names no user, role, session, federated user, root user or identity provider")
	}
	return p, nil
}

// recognise takes what a request's keys say of the principal: its unique id (aws:userid is
// AIDA… of a user, AROA…:SESSION of a session), and the path of a session's role
// (aws:PrincipalArn). (IAM User Guide, "AWS global condition context keys".)
func (p *Principal) recognise(c Context) {
	if v := c.Values("aws:userid"); len(v) == 1 && (p.Kind == User || p.Kind == Role) {
		p.ID, _, _ = strings.Cut(v[0], ":")
	}
	if v := c.Values("aws:PrincipalArn"); len(v) == 1 && p.Kind == Role {
		if a, ok := ParseARN(v[0]); ok && a.Account == p.Account && a.Service == "iam" && strings.HasPrefix(a.Resource, "role/") && strings.HasSuffix(a.Resource, "/"+p.Name()) {
			p.RoleARN = v[0]
		}
	}
}

// String is what the principal calls itself.
func (p Principal) String() string {
	switch {
	case p.ARN != "":
		return p.ARN
	case p.RoleARN != "":
		return p.RoleARN
	}
	return p.Kind.String()
}

// Name is the last part of a user's or a role's name.
func (p Principal) Name() string {
	arn := p.ARN
	if p.Kind == Role {
		arn = p.RoleARN
	}
	return arn[strings.LastIndexByte(arn, '/')+1:]
}

// Session is the name of a role's session, "" where it has none yet.
func (p Principal) Session() string {
	if p.Kind != Role || p.ARN == "" {
		return ""
	}
	return p.ARN[strings.LastIndexByte(p.ARN, '/')+1:]
}

// ServiceLinked says that the principal is a session of a role that belongs to a service
// (IAM User Guide, "Create a service-linked role"): neither SCPs nor RCPs bind it.
func (p Principal) ServiceLinked() bool {
	return p.Kind == Role && (strings.Contains(p.RoleARN, ":role/aws-service-role/") || p.ARN != "" && p.pathless() && strings.HasPrefix(p.Name(), "AWSServiceRoleFor"))
}

// pathless says that a role's path is not known: a session's ARN does not have it, and the
// roles that AWS makes have one.
func (p Principal) pathless() bool {
	return p.Kind == Role && strings.Count(p.RoleARN, "/") == 1 && (strings.HasPrefix(p.Name(), "AWSServiceRoleFor") || strings.HasPrefix(p.Name(), "AWSReservedSSO_"))
}

// ARN is an ARN's parts: arn:Partition:Service:Region:Account:Resource.
type ARN struct{ Partition, Service, Region, Account, Resource string }

// ParseARN reads an ARN, which may have wildcards.
func ParseARN(text string) (ARN, bool) {
	s := strings.SplitN(text, ":", 6)
	if len(s) != 6 || s[0] != "arn" {
		return ARN{}, false
	}
	return ARN{s[1], s[2], s[3], s[4], s[5]}, true
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// match is how a Principal element names somebody, from not at all to by their own name.
type match int8

const (
	matchNone    match = iota
	matchAccount       // the account: it hands the question to its own policies
	matchSource        // the role, or the user behind a federated user: limited by boundary and session policy
	matchSelf          // the very principal, or everybody
)

// named says how a Principal element (its lists, whatever Not is) names the principal: for
// certain, and at most. The two differ where something about the principal is not known.
// (IAM User Guide, "JSON policy element: Principal".)
func (l *Principals) named(p *Principal) (certain, possible match) {
	is := func(m match, t Truth) {
		if t == Yes {
			certain = max(certain, m)
		}
		if t != No {
			possible = max(possible, m)
		}
	}
	if l.Anyone {
		// Everybody, signed or not. Whether that takes in those whom an identity provider
		// vouches for is not written: they are named by Federated.
		if p.Kind == Provider {
			is(matchSelf, Maybe)
		} else {
			is(matchSelf, Yes)
		}
	}
	switch p.Kind {
	case Service:
		is(matchSelf, truth(slices.Contains(l.Service, p.ARN)))
	case Provider:
		is(matchSelf, truth(slices.Contains(l.Federated, p.ARN)))
	case Anonymous:
	default:
		for _, name := range l.AWS {
			p.namedAs(name, is)
		}
		for _, id := range l.CanonicalUser {
			// An account by the name that S3 has for it.
			if p.CanonicalID == "" {
				is(matchAccount, Maybe)
			} else {
				is(matchAccount, truth(p.CanonicalID == id))
			}
		}
	}
	return certain, possible
}

// namedAs is named for one name.
func (p *Principal) namedAs(name string, is func(match, Truth)) {
	if name == p.Account {
		is(matchAccount, Yes)
		if p.Kind == Root {
			is(matchSelf, Yes)
		}
		return
	}
	if !strings.HasPrefix(name, "arn:") {
		// A unique id stands where a principal that was named has been deleted.
		if p.ID != "" && name == p.ID {
			is(p.self(), Yes)
		}
		return
	}
	a, ok := ParseARN(name)
	if !ok || a.Account != p.Account {
		return
	}
	if a.Service == "iam" && a.Resource == "root" {
		is(matchAccount, Yes)
		if p.Kind == Root {
			is(matchSelf, Yes)
		}
		return
	}
	switch p.Kind {
	case User:
		is(matchSelf, truth(name == p.ARN))
	case FederatedUser:
		is(matchSelf, truth(name == p.ARN))
		if a.Service == "iam" && strings.HasPrefix(a.Resource, "user/") {
			if p.UserARN == "" {
				is(matchSource, Maybe)
			} else {
				is(matchSource, truth(name == p.UserARN))
			}
		}
	case Role:
		switch {
		case a.Service == "iam" && strings.HasPrefix(a.Resource, "role/"):
			// Names of roles are unique in an account, whatever their path.
			is(matchSource, truth(name == p.RoleARN || p.pathless() && a.Resource[strings.LastIndexByte(a.Resource, '/')+1:] == p.Name()))
		case a.Service == "sts" && p.ARN == "":
			if strings.HasPrefix(a.Resource, "assumed-role/"+p.Name()+"/") {
				is(matchSelf, Maybe)
			}
		default:
			is(matchSelf, truth(name == p.ARN))
		}
	}
}

// self is how a principal's unique id names it: a role's names the role.
func (p *Principal) self() match {
	if p.Kind == Role {
		return matchSource
	}
	return matchSelf
}

// excepted says whether a NotPrincipal element leaves the principal out. AWS asks that the
// account be named beside a user; beside a session its role and the account, and "might"
// look for the session itself. Where one is not, the statement may hold, so that is Maybe.
// An account alone excepts its root user only. (IAM User Guide, "JSON policy elements:
// NotPrincipal".)
func (l *Principals) excepted(p *Principal) Truth {
	certain, possible := l.named(p)
	switch {
	case l.Anyone && certain == matchSelf:
		return Yes
	case possible < matchSource:
		return No
	case p.Kind == Service || p.Kind == Provider || p.Kind == Anonymous || p.Kind == Root:
		return max(Maybe, truth(certain == matchSelf))
	}
	var by [matchSelf + 1]bool
	for _, name := range l.AWS {
		p.namedAs(name, func(m match, t Truth) { by[m] = by[m] || t == Yes })
	}
	role, session := p.Kind != Role || by[matchSource], p.Kind == Role && p.ARN == "" || by[matchSelf]
	return max(Maybe, truth(by[matchAccount] && role && session))
}

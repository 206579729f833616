package iam

import (
	"maps"
	"slices"
	"strings"
)

// Context is what is known of the keys of a request. Names of keys have no letter case. The
// zero value knows nothing. What follows from principal and resource (aws:PrincipalArn,
// aws:PrincipalAccount, aws:username, aws:ResourceAccount …) need not be given.
type Context struct {
	values map[string][]string
	// Whole says that a key that is not given is absent. Else nothing is known of it.
	Whole bool
}

// Set gives a key's values. No values says that the request has no such key.
func (c *Context) Set(key string, values ...string) {
	if c.values == nil {
		c.values = map[string][]string{}
	}
	c.values[strings.ToLower(key)] = slices.Clone(values)
}

// Clone is a copy that can be changed by itself.
func (c Context) Clone() Context {
	c.values = maps.Clone(c.values)
	return c
}

// Keys are the keys that were given, in lower case, sorted.
func (c Context) Keys() []string { return slices.Sorted(maps.Keys(c.values)) }

// Values are what was given for a key: none where it is absent, or was not given.
func (c Context) Values(key string) []string { return c.values[strings.ToLower(key)] }

// asked is the part of a request that conditions see.
type asked struct {
	principal *Principal
	account   string // the resource's
	context   *Context
}

func (r *Request) asked() *asked { return &asked{&r.Principal, r.owner(), &r.Context} }

// key gives the values of a key in lower case: Yes with its values, No where the request has
// none, Maybe where that is not known. (IAM User Guide, "AWS global condition context keys".)
func (a *asked) key(key string) ([]string, Truth) {
	if v, ok := a.context.values[key]; ok {
		return v, truth(len(v) > 0)
	}
	if v, t := a.derived(key); t == Yes {
		return []string{v}, Yes
	} else if t == No {
		return nil, No
	}
	if a.context.Whole && !(key == "aws:userid" || key == "aws:principalarn") {
		return nil, No
	}
	return nil, Maybe // every signed request has these two
}

// beginning is a key's value of which only how it begins is known: the aws:userid of a role's
// session is the role's unique id, a colon, and whatever name the session gets. (IAM User Guide,
// "Principal key values".)
func (a *asked) beginning(key string) (Pattern, bool) {
	p := a.principal
	if key != "aws:userid" || p.Kind != Role || p.ID == "" || strings.ContainsAny(p.ID, "*?$") {
		return Pattern{}, false
	}
	return NewPattern(p.ID + ":*"), true
}

// derived is a key that follows from who asks and whose resource it is; Maybe where it does
// not.
func (a *asked) derived(key string) (string, Truth) {
	p := a.principal
	signed := p.Kind != Anonymous && p.Kind != Provider
	some := func(v string) (string, Truth) {
		if v == "" {
			return "", Maybe
		}
		return v, Yes
	}
	switch key {
	case "aws:principalarn":
		switch {
		case p.Kind == Role && p.pathless():
			return "", Maybe
		case p.Kind == Role:
			return some(p.RoleARN)
		case p.Kind == Service || !signed:
			return "", No
		}
		return some(p.ARN)
	case "aws:principalaccount", "kms:calleraccount":
		switch p.Kind {
		case Anonymous:
			if key == "aws:principalaccount" {
				return "anonymous", Yes
			}
			return "", No
		case Service, Provider:
			return "", Maybe
		}
		return some(p.Account)
	case "aws:principaltype":
		switch p.Kind {
		case Anonymous:
			return "Anonymous", Yes
		case User:
			return "User", Yes
		case Role:
			return "AssumedRole", Yes
		case Root:
			return "Account", Yes
		case FederatedUser:
			return "FederatedUser", Yes
		}
	case "aws:principalisawsservice":
		if !signed {
			return "", No
		}
		if p.Kind == Service {
			return "true", Yes
		}
		return "false", Yes
	case "aws:principalservicename":
		if p.Kind == Service {
			return p.ARN, Yes
		}
		return "", No
	case "aws:principalservicenameslist":
		if p.Kind != Service {
			return "", No
		}
	case "aws:principalorgid":
		if !signed {
			return "", No
		}
		return some(p.Organization)
	case "aws:userid":
		switch p.Kind {
		case Anonymous:
			return "anonymous", Yes
		case Root:
			return some(p.Account)
		case User:
			return some(p.ID)
		case Role:
			if p.ID == "" || p.Session() == "" {
				return "", Maybe
			}
			return p.ID + ":" + p.Session(), Yes
		case FederatedUser:
			return p.Account + ":" + p.Name(), Yes
		}
	case "aws:username":
		if p.Kind == User {
			return some(p.Name())
		}
		return "", No
	case "aws:resourceaccount", "s3:resourceaccount":
		return some(a.account)
	default:
		if tag, ok := strings.CutPrefix(key, "aws:principaltag/"); ok {
			if p.Kind == Anonymous || p.Kind == Service {
				return "", No
			}
			if p.Tags == nil {
				return "", Maybe
			}
			for k, v := range p.Tags {
				if strings.EqualFold(k, tag) {
					return v, Yes
				}
			}
			return "", No
		}
	}
	return "", Maybe
}

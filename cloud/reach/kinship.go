package reach

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
)

// Most policies say the same of one bucket as of the next: all of it, or nothing. What somebody
// may do to a bucket is then what others of the same policies may do to a bucket that has the
// same policy but for its name, and is worked out once.

// kin tells a bucket, and which part of it is meant, from those that its policy says something
// else of to somebody whom it does not name. "" is of a policy that speaks of more than the
// bucket, of which nothing can be told.
func kin(b *account.Bucket, resources, policy string, block *iam.Bucket) string {
	out := []byte(strings.TrimPrefix(resources, b.ARN) + "|" + policy)
	if policy != "" { // the same for all
		return string(out)
	}
	out = fmt.Appendf(out, "|%t|%d", b.Policy.Known, block.RestrictPublic)
	p := b.Policy.V
	if p == nil {
		return string(out)
	}
	if len(p.Faults) > 0 {
		return ""
	}
	out = append(out, p.Version...)
	for _, s := range p.Statements {
		if s.Principals == nil {
			return ""
		}
		if namesOnly(s.Principals) && !asksWho(&s) {
			continue
		}
		for _, r := range s.Resources {
			if r != "*" && !strings.HasPrefix(r, b.ARN) || strings.Contains(r, "${") {
				return ""
			}
		}
		said := fmt.Sprintf("|%t %+v %q %t %q %t %q", s.Allow, *s.Principals, s.Actions, s.NotActions, s.Resources, s.NotResources, s.Conditions)
		out = append(out, strings.ReplaceAll(said, b.ARN, "\x00")...)
	}
	return string(out)
}

// namesOnly says that a statement is about users and roles that it names, and about nobody
// else.
func namesOnly(p *iam.Principals) bool {
	return !p.Anyone && !p.Not && len(p.Service)+len(p.Federated)+len(p.CanonicalUser) == 0 &&
		!slices.ContainsFunc(p.AWS, func(name string) bool {
			return !strings.Contains(name, ":role/") && !strings.Contains(name, ":user/") || strings.ContainsAny(name, "*?")
		})
}

// relation is what the places that a policy speaks of are to some resources: of each whether it
// holds all of them or none.
type relation struct {
	signs []byte
	part  bool  // some place holds a part of them, or nobody knows
	id    int32 // one more than the number of the signs, once it is asked for
}

// add notes a place, and says whether it may hold any of them.
func (r *relation) add(p *aboutPlace, resources *place) bool {
	any := p.everywhere || p.overlaps(resources)
	all := any && !p.loose && (p.everywhere || p.set.Includes(resources.set) == iam.Yes)
	switch {
	case all:
		r.signs = append(r.signs, 'a')
	case any:
		r.part = true
	default:
		r.signs = append(r.signs, 'n')
	}
	return any
}

// append adds a number of the signs to a key.
func (r *relation) append(key []byte, n *need) []byte {
	if r.id == 0 {
		r.id = n.number(r.signs) + 1
	}
	return binary.AppendVarint(key, int64(r.id))
}

// kinship remembers across buckets what those may do who are alike.
type kinship struct {
	n         *need
	resources place
	engine    *engine
	action    string
	touched   []bool
	relations []relation
	shared    bool  // something is remembered
	about     int32 // a number of what the bucket's policy and the ceilings say of it
	bounds    map[*iam.Compiled]*relation
	key       []byte // room for one
}

func (e *engine) newKinship(n *need, resources place, action string, given map[string]string, touched []bool, relations []relation) *kinship {
	k := &kinship{n: n, resources: resources, engine: e, action: strings.ToLower(action), touched: touched, relations: relations, bounds: map[*iam.Compiled]*relation{}}
	if resources.kin == "" {
		return k
	}
	prefix := []byte(needKey(action, given) + "\x01" + resources.kin + "\x01")
	for _, l := range append(slices.Clone(e.scps.Layers), e.rcps.Layers...) {
		for _, c := range l.Policies {
			r := k.of(c)
			if r.part {
				return k
			}
			prefix = append(append(prefix, r.signs...), '|')
		}
	}
	k.shared, k.about = true, n.number(prefix)
	return k
}

// of is what a ceiling is to the resources.
func (k *kinship) of(c *iam.Compiled) *relation {
	r := k.bounds[c]
	if r == nil {
		r = &relation{}
		for _, p := range k.engine.places(c, k.action, 0) {
			r.add(&p, &k.resources)
		}
		k.bounds[c] = r
	}
	return r
}

// or is what is remembered of those who are alike in a group, or else what ask says.
func (k *kinship) or(g *group, alike []byte, ask func() Certainty) Certainty {
	if !k.shared {
		return ask()
	}
	key := append(binary.AppendVarint(k.key[:0], int64(k.about)), alike...)
	for _, d := range g.docs {
		if !k.touched[d] {
			continue
		}
		if k.relations[d].part {
			return ask()
		}
		key = k.relations[d].append(key, k.n)
	}
	for _, c := range g.bound.Policies {
		r := k.of(c)
		if r.part {
			return ask()
		}
		key = r.append(key, k.n)
	}
	k.key = key
	l, ok := k.n.shared[string(key)]
	if !ok {
		l = ask()
		k.n.shared[string(key)] = l
	}
	return l
}

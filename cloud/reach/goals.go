package reach

import (
	"slices"
	"strings"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
)

// goal are the steps that end at a right.
func (e *engine) goal(right Right) []*ref {
	switch right.Kind {
	case BeAdmin:
		return e.goalAdmin()
	case UseKey:
		return e.goalKey(right.Target)
	}
	return e.goalBucket(e.bucket(right.Target))
}

// canaries are actions that only administrators have together. No service is called
// strongroom: who may do that may do everything that no policy names.
var canaries = []string{"strongroom:Anything", "iam:PutUserPolicy", "iam:AttachRolePolicy", "s3:GetObject", "ec2:RunInstances", "lambda:CreateFunction"}

func (e *engine) goalAdmin() []*ref {
	to := &target{kind: "account", arn: e.a.ID}
	var out []*ref
	for _, alt := range e.alts {
		switch alt.rule.Gives {
		case "admin":
			l := e.acting
			for _, action := range canaries {
				m := map[int32]Certainty{}
				for _, g := range e.groups(action, nil) {
					level := No
					switch {
					case everything(g.certain):
						level = Certain
					case everything(g.possible):
						level = Possible
					case everything(g.unknown):
						level = Unknown
					}
					for _, c := range g.classes {
						if e.classes[c].rep.principal.Kind != External {
							m[c] = level
						}
					}
				}
				l = e.and(l, e.fromMap(m))
			}
			out = append(out, e.rootRef(to, l)...)
			if l = e.without(l, e.root); l != none {
				out = append(out, &ref{alt: alt, to: to, who: l, cap: Certain})
			}
		}
	}
	return out
}

func everything(s iam.Set) bool {
	if s.None() {
		return false
	}
	// Whatever it leaves out has to be of few things: administrators are often kept from a
	// part (a trail, a role of the organization's).
	return s.Has("*") || s.Has("arn:aws:strongroom:eu-west-1:000000000000:anything/at-all")
}

// rootRef is the root user's way to something, if it is among those who can.
func (e *engine) rootRef(to *target, who *list) []*ref {
	var out []*ref
	for _, alt := range e.alts {
		if alt.rule.By == "root" && alt.n == 0 {
			if l := e.and(e.doers(alt.rule), who); l != none {
				out = append(out, &ref{alt: alt, to: to, who: l, cap: Certain})
			}
		}
	}
	return out
}

// without is a list without somebody.
func (e *engine) without(l *list, a *actor) *list {
	if a == nil || l.of(a.class.id) == No {
		return l
	}
	return e.intern(slices.DeleteFunc(slices.Clone(l.entries), func(x entry) bool { return x.class == int32(a.class.id) }))
}

// rootFirst leaves the root user one way to a right, its own, where it has that. Where it is
// refused that, it takes steps as others do: it may become whom it is not refused.
func (e *engine) rootFirst(goal []*ref) []*ref {
	if e.root == nil || !slices.ContainsFunc(goal, func(r *ref) bool {
		return r.alt.rule.By == "root" && min(r.who.of(e.root.class.id), r.cap) >= Possible
	}) {
		return goal
	}
	var out []*ref
	for _, r := range goal {
		if r.alt.rule.By != "root" && r.who.of(e.root.class.id) != No {
			others := *r
			r = &others
			r.who = e.without(r.who, e.root)
		}
		if r.who != none {
			out = append(out, r)
		}
	}
	return out
}

// accessPointPolicy is the input that holds an access point's policy.
func accessPointPolicy(p *account.AccessPoint) string {
	if p.Kind == "multi-region" {
		return "multi-region-access-point-policy"
	}
	return "access-point-policy"
}

// untold is whom a policy that was not supplied may let, beside those who are found.
func (e *engine) untold(rule string, to *target, missing ...string) []*ref {
	for _, alt := range e.alts {
		if alt.rule.ID == rule {
			l := e.fromMap(map[int32]Certainty{int32(e.everyone.class.id): Unknown})
			return []*ref{{alt: alt, to: to, who: l, cap: Unknown, via: to.arn, missing: missing}}
		}
	}
	return nil
}

func (e *engine) goalKey(arn string) []*ref {
	k := e.key(arn)
	if k == nil {
		k = &account.Key{ARN: arn, ID: last(arn)}
	}
	var out []*ref
	to := &target{kind: "key", arn: k.ARN, key: k}
	for _, alt := range e.alts {
		if alt.rule.Gives == "use" {
			if r, ok := e.step(alt, to); ok {
				if !k.Policy.Known {
					r.missing = append(r.missing, "key-policy")
				}
				out = append(out, r)
			}
		}
	}
	root := e.whoKey(&Need{Action: "kms:Decrypt"}, k, e.doers(&Rule{By: "root"}), nil)
	out = e.rootFirst(append(out, e.rootRef(to, root)...))
	if !k.Policy.Known {
		out = append(out, e.untold("kms-decrypt", to, "key-policy")...)
	}
	return out
}

func (e *engine) key(name string) *account.Key {
	for _, k := range e.a.Keys {
		if k.ARN == name || k.ID == name || strings.HasSuffix(name, ":key/"+k.ID) || k.Aliases.Known && slices.ContainsFunc(k.Aliases.V, func(a string) bool { return a == name || strings.HasSuffix(name, ":"+a) }) {
			return k
		}
	}
	return nil
}

// use says which key reading a bucket takes.
type use struct {
	needed  bool
	managed bool // AWS's own key: every principal of the account may use it through S3
	key     *account.Key
	cap     Certainty
	missing string
	note    *Text
}

func (e *engine) keyOf(b *account.Bucket) use {
	enc := b.Encryption
	switch {
	case !enc.Known:
		return use{cap: Possible, missing: "bucket-encryption", note: &Text{"the bucket’s objects need no key, or one that the principal may use", "les objets du compartiment ne demandent pas de clé, ou une clé que le principal peut utiliser"}}
	case !strings.HasPrefix(enc.V.Algorithm, "aws:kms"):
		return use{cap: Certain}
	case enc.V.Key == "" || strings.HasSuffix(enc.V.Key, "alias/aws/s3"):
		return use{cap: Certain, managed: true}
	}
	k := e.key(enc.V.Key)
	if k == nil {
		arn := enc.V.Key
		if !strings.HasPrefix(arn, "arn:") {
			region := b.Region
			if region == "" {
				region = "*"
			}
			arn = e.arn("kms", region, "key/"+last(arn))
		}
		return use{needed: true, cap: Certain, key: &account.Key{ARN: arn, ID: last(arn)}, missing: "keys"}
	}
	out := use{needed: true, cap: Certain, key: k}
	if k.Manager == "AWS" && len(k.Grants.V) == 0 && !k.Policy.Known {
		return use{cap: Certain, managed: true}
	}
	if !k.Policy.Known {
		out.missing = "key-policy"
	}
	return out
}

func (e *engine) goalBucket(b *account.Bucket) []*ref {
	out := e.goalIn(b, e.keyOf(b))
	for _, c := range e.replicas(b) {
		out = append(out, e.goalReplica(b, c)...)
	}
	return e.rootFirst(out)
}

// goalIn are the steps that read one bucket, by the key that its objects need.
func (e *engine) goalIn(b *account.Bucket, u use) []*ref {
	var reads []*ref
	for _, alt := range e.alts {
		if alt.rule.Gives != "read" {
			continue
		}
		for _, to := range e.doors(alt.rule.Target, b) {
			r, ok := e.step(alt, to)
			if !ok {
				continue
			}
			if to.grant != nil {
				r.who = e.and(r.who, e.grantees(to.grant))
				if r.who == none {
					continue
				}
			}
			if !b.Policy.Known && !rewrites(alt) {
				r.missing = append(slices.Clip(r.missing), "bucket-policy")
			}
			reads = append(reads, r)
		}
	}
	var out []*ref
	for _, r := range reads {
		if u.note != nil {
			r.notes = append(slices.Clip(r.notes), *u.note)
		}
		if u.missing != "" {
			r.missing = append(slices.Clip(r.missing), u.missing)
		}
		r.cap = min(r.cap, u.cap)
		switch {
		case u.managed:
			m := map[int32]Certainty{}
			for _, x := range r.who.entries {
				if e.classes[x.class].rep.who.Account == e.a.ID {
					m[x.class] = x.level
				}
			}
			if r.who = e.fromMap(m); r.who != none {
				out = append(out, r)
			}
			continue
		case !u.needed:
			out = append(out, r)
			continue
		}
		key := &target{kind: "key", arn: u.key.ARN, key: u.key, bucket: b}
		for _, alt := range e.alts {
			if alt.rule.Gives != "use" {
				continue
			}
			// By whatever the reader is: another account, a service, the root user.
			var first *ref
			if alt.rule.ID == "kms-decrypt" {
				first = &ref{alt: alt, to: key, cap: Certain, who: e.whoKey(&alt.need[0], u.key, r.who, b)}
				if !u.key.Policy.Known { // which may let any of its account
					first.who = e.or(first.who, e.capped(e.ofAccount(r.who, arnAccount(u.key.ARN)), Unknown))
				}
			} else if by := r.alt.rule.By; by == "" {
				if first, _ = e.step(alt, key); first != nil && beside[alt.rule.ID] {
					first.cap = min(first.cap, Possible)
					first.notes = append(slices.Clip(first.notes), storedKeys)
				}
			}
			if first == nil || first.who == none {
				continue
			}
			both := e.and(r.who, first.who)
			if both == none {
				continue
			}
			two := *r
			two.who, two.first = both, first
			two.cap = min(r.cap, first.cap)
			out = append(out, &two)
		}
	}
	for _, to := range e.doors("access-point", b) {
		// Whom the point's policy may let and the bucket does.
		if !to.point.Policy.Known && b.Policy.Known {
			everyone := e.fromMap(map[int32]Certainty{int32(e.everyone.class.id): Certain})
			if e.whoBucket(&Need{Action: "s3:GetObject", Given: e.throughPoint(to.point, nil)}, b, b.ARN+"/*", everyone) != none {
				out = append(out, e.untold("s3-access-point", to, accessPointPolicy(to.point))...)
			}
		}
	}
	if !b.Policy.Known {
		missing := []string{"bucket-policy"}
		if u.missing != "" {
			missing = append(missing, u.missing)
		}
		out = append(out, e.untold("s3-get", &target{kind: "bucket", arn: b.ARN, bucket: b}, missing...)...)
	}
	return out
}

// ofAccount are those of a list who are of an account: whom a key's policy lets by itself. Of
// another, "the key policy in the external account" and an identity's own policy must both let
// (AWS KMS Developer Guide, "Allowing users in other accounts to use a KMS key").
func (e *engine) ofAccount(l *list, account string) *list {
	if account == "" {
		return l
	}
	return e.intern(slices.DeleteFunc(slices.Clone(l.entries), func(x entry) bool { return e.classes[x.class].rep.who.Account != account }))
}

// beside are the ways to use a key that decrypt what one has, and which S3 does not go when it
// reads: it asks the object's key itself for kms:Decrypt, treats a multi-Region key as one of a
// single region, and hands out no encrypted data key (Amazon S3 User Guide, "Using server-side
// encryption with AWS KMS keys").
var beside = map[string]bool{"kms-re-encrypt": true, "kms-replicate": true}

var storedKeys = Text{
	"one has the objects as they are stored, with their encrypted data keys, which S3 does not hand out",
	"on a les objets tels qu’ils sont stockés, avec leurs clés de données chiffrées, que S3 ne remet pas",
}

func rewrites(alt *alternative) bool {
	return slices.ContainsFunc(alt.need, func(n Need) bool { return n.Policy == "rewritten" || n.Policy == "deleted" })
}

// doors are the things by which a bucket's objects are read.
func (e *engine) doors(kind string, b *account.Bucket) []*target {
	var out []*target
	switch kind {
	case "bucket":
		return []*target{{kind: "bucket", arn: b.ARN, bucket: b}}
	case "access-point", "object-lambda":
		for _, p := range e.a.AccessPoints {
			is := p.Kind == "object-lambda"
			if is != (kind == "object-lambda") {
				continue
			}
			of := p.Bucket == b.Name || slices.Contains(p.Buckets, b.Name)
			if is {
				for _, s := range e.a.AccessPoints {
					of = of || (s.ARN == p.Supporting || s.Name == last(p.Supporting)) && s.Bucket == b.Name
				}
			}
			if of {
				out = append(out, &target{kind: kind, arn: p.ARN, point: p, bucket: b})
			}
		}
	case "access-grant":
		for i := range e.a.AccessGrants {
			g := &e.a.AccessGrants[i]
			if (strings.HasPrefix(g.Scope, "s3://"+b.Name+"/") || g.Scope == "s3://"+b.Name || g.Scope == "s3://*" || g.Scope == "s3://") && strings.Contains(g.Permission, "READ") {
				out = append(out, &target{kind: kind, arn: g.ARN, grant: g, bucket: b})
			}
		}
	}
	return out
}

func (e *engine) grantees(g *account.AccessGrant) *list {
	m := map[int32]Certainty{}
	for _, c := range e.byName[e.nameOf(g.Grantee)] {
		m[c] = Certain
	}
	return e.fromMap(m)
}

package iam

import (
	"slices"
	"strings"
)

// requiresPolicy says that nothing is allowed unless the resource's own policy says so: a
// KMS key's (KMS Developer Guide, "Key policies": without its permission IAM policies have
// no effect), and a role's trust for assuming it.
func requiresPolicy(action, resource string) bool {
	switch action {
	case "sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity":
		return true
	case "sts:tagsession", "sts:setsourceidentity", "sts:setcontext":
		return strings.Contains(resource, ":role/")
	}
	if !strings.HasPrefix(action, "kms:") {
		return false
	}
	if strings.Contains(resource, ":key/") {
		return true
	}
	a, known := LookUp(action)
	return known && len(a.Resources) > 0 && !a.Takes(resource) // it is about some key, whatever was asked
}

// signedOnly are services that answer no request that nobody signed, whatever a resource's
// policy says. (IAM User Guide, "Policy evaluation logic": authentication is left out for a
// few services only; STS API Reference: what of STS needs no signature is asked by whom an
// identity provider vouches for.)
var signedOnly = []string{"dynamodb", "ec2", "iam", "kms", "organizations", "secretsmanager", "ssm", "sts"}

// gateways are services with gateway endpoints. Their policies name everybody; an account
// there is its root user only, and other names are not foreseen. (AWS PrivateLink Guide,
// "Control access to VPC endpoints using endpoint policies".) S3 has other endpoints, too,
// so such a statement may hold.
var gateways = []string{"dynamodb", "s3"}

// ownPolicy is what the root user of a bucket's account may do whatever the bucket's policy
// says, lest the account lock itself out (S3 API Reference, PutBucketPolicy).
var ownPolicy = []string{"s3:getbucketpolicy", "s3:putbucketpolicy", "s3:deletebucketpolicy"}

// unchangeable are resources that nobody can change through IAM, whatever policies say:
// policies that AWS manages, and roles that belong to a service. (IAM User Guide, "AWS
// managed policies", "Service-linked roles"; IAM Identity Center User Guide, "Permission
// sets".)
var unchangeable = []struct {
	actions   []string
	resources Set
	why       string
}{
	{[]string{"iam:createpolicyversion", "iam:deletepolicy", "iam:deletepolicyversion", "iam:setdefaultpolicyversion", "iam:tagpolicy", "iam:untagpolicy"},
		Of(ResourcePattern("arn:*:iam::aws:policy/*")), "a policy that AWS manages cannot be changed"},
	{[]string{"iam:attachrolepolicy", "iam:deleterole", "iam:deleterolepermissionsboundary", "iam:deleterolepolicy", "iam:detachrolepolicy", "iam:putrolepermissionsboundary", "iam:putrolepolicy", "iam:updateassumerolepolicy", "iam:updaterole"},
		Of(ResourcePattern("arn:*:iam::*:role/aws-service-role/*"), ResourcePattern("arn:*:iam::*:role/aws-reserved/*")), "a role that belongs to a service cannot be changed through IAM"},
}

// special are the answers that no policy gives.
func (e *evaluation) special(resource string) (Answer, bool) {
	never := func(why string) (Answer, bool) {
		return Answer{Decision: ImplicitlyDenied, Why: []string{why}}, true
	}
	switch {
	case e.action == "sts:getcalleridentity" && e.Principal.Kind != Anonymous && e.Principal.Kind != Provider:
		// STS API Reference, GetCallerIdentity: no permissions are required, and an explicit
		// deny does not keep anybody from it.
		return Answer{Decision: Allowed, Why: []string{"sts:GetCallerIdentity needs no permission and cannot be denied"}}, true
	case e.action == "sts:assumerole" && e.Principal.Kind == Root:
		return never("a root user cannot assume roles")
	}
	for _, u := range unchangeable {
		if slices.Contains(u.actions, e.action) && u.resources.Has(resource) {
			return never(u.why)
		}
	}
	return Answer{}, false
}

// KeyGrant is a grant of a KMS key (KMS Developer Guide, "Grants in AWS KMS").
type KeyGrant struct {
	ID         string
	Grantee    string   // an ARN, or a service
	Operations []string // Decrypt, GenerateDataKey …
	// The encryption context of a request must have all of Subset, or be just Equals.
	Subset, Equals map[string]string
}

// GrantPolicy writes a grant as a policy, as evaluation takes it.
func GrantPolicy(g KeyGrant) *Policy {
	s := Statement{Allow: true, Sid: g.ID, Principals: &Principals{}, Resources: []string{"*"}}
	if strings.HasPrefix(g.Grantee, "arn:") {
		s.Principals.AWS = []string{g.Grantee}
	} else {
		s.Principals.Service = []string{g.Grantee}
	}
	for _, o := range g.Operations {
		s.Actions = append(s.Actions, "kms:"+o)
	}
	context := g.Subset
	if g.Equals != nil {
		context = g.Equals
		var keys []string
		for k := range context {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		s.Conditions = append(s.Conditions, Condition{"ForAllValues:StringEquals", "kms:EncryptionContextKeys", keys})
	}
	for k, v := range context {
		s.Conditions = append(s.Conditions, Condition{"StringEquals", "kms:EncryptionContext:" + k, []string{v}})
	}
	slices.SortFunc(s.Conditions, func(a, b Condition) int { return strings.Compare(a.Key, b.Key) })
	return &Policy{Name: "grant " + g.ID, Version: "2008-10-17", Statements: []Statement{s}}
}

// Bucket is what S3 knows of a bucket beside its policy (S3 User Guide, "Blocking public
// access", "Controlling ownership of objects").
type Bucket struct {
	// RestrictPublic is RestrictPublicBuckets, of the bucket or of its account: a public
	// policy then serves services and the bucket's own account only.
	RestrictPublic Truth
	// IgnoreACLs says that public grants of ACLs do not count: IgnorePublicAcls.
	IgnoreACLs Truth
	// Enforced says that ACLs are disabled: BucketOwnerEnforced.
	Enforced Truth
	// ACL are the bucket's and the object's grants, as ACLPolicy writes them.
	ACL Layer
	// ObjectOwner is the account that owns the object, where that is not the bucket's: the
	// bucket's policy then denies, but does not grant. "" is the bucket's owner.
	ObjectOwner string
}

// blocks says whether what the bucket's policy grants is withheld from the principal.
func (b *Bucket) blocks(e *evaluation, policy Layer) Truth {
	if b == nil || e.service != "s3" {
		return No
	}
	if b.ObjectOwner != "" && b.ObjectOwner != e.asked.account && strings.Contains(e.action, "object") {
		return Yes
	}
	if b.RestrictPublic == No || e.Principal.Kind == Service {
		return No
	}
	public := No
	for _, p := range policy.Policies {
		public = max(public, Public(p.Policy))
	}
	if !policy.Known {
		public = Maybe
	}
	return min(b.RestrictPublic, public, e.same(e.asked.account).Not())
}

// acl is the layer of ACLs as far as they count.
func (b *Bucket) acl(e *evaluation) Layer {
	if b.Enforced == Yes {
		return Supplied()
	}
	out := Layer{Known: b.ACL.Known && b.Enforced == No}
	for _, p := range b.ACL.Policies {
		public := slices.ContainsFunc(p.Policy.Statements, func(s Statement) bool { return s.Principals != nil && s.Principals.Anyone })
		if public && b.IgnoreACLs == Yes {
			continue
		}
		if public && b.IgnoreACLs == Maybe || b.Enforced == Maybe {
			out.Known = false
			continue
		}
		out.Policies = append(out.Policies, p)
	}
	return out
}

// ACLGrant is one grant of an ACL (S3 User Guide, "Access control list (ACL) overview").
type ACLGrant struct {
	// Canonical is a canonical user id, or Group is AllUsers, AuthenticatedUsers or
	// LogDelivery.
	Canonical, Group string
	Permission       string // READ, WRITE, READ_ACP, WRITE_ACP, FULL_CONTROL
}

var bucketACL = map[string][]string{
	"READ":      {"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"},
	"WRITE":     {"s3:PutObject"},
	"READ_ACP":  {"s3:GetBucketAcl"},
	"WRITE_ACP": {"s3:PutBucketAcl"},
}

var objectACL = map[string][]string{
	"READ":      {"s3:GetObject", "s3:GetObjectVersion"},
	"READ_ACP":  {"s3:GetObjectAcl", "s3:GetObjectVersionAcl"},
	"WRITE_ACP": {"s3:PutObjectAcl", "s3:PutObjectVersionAcl"},
}

// ACLPolicy writes a grant of the ACL of a bucket, or of an object, as a policy. The
// resources are ARNs: the bucket's, with its objects' for WRITE, or the object's.
func ACLPolicy(name string, g ACLGrant, object bool, resources ...string) *Policy {
	actions := bucketACL
	if object {
		actions = objectACL
	}
	s := Statement{Allow: true, Sid: g.Permission, Principals: &Principals{}, Resources: resources}
	for permission, list := range actions {
		if g.Permission == permission || g.Permission == "FULL_CONTROL" {
			s.Actions = append(s.Actions, list...)
		}
	}
	slices.Sort(s.Actions)
	switch {
	case g.Group == "AllUsers":
		s.Principals.Anyone = true
	case g.Group == "AuthenticatedUsers":
		s.Principals.Anyone = true
		s.Conditions = []Condition{{"Null", "aws:PrincipalArn", []string{"false"}}}
	case g.Group == "LogDelivery":
		s.Principals.Service = []string{"logging.s3.amazonaws.com"}
	default:
		s.Principals.CanonicalUser = []string{g.Canonical}
	}
	return &Policy{Name: name, Version: "2012-10-17", Statements: []Statement{s}}
}

// AccessPoint is an S3 access point (S3 User Guide, "Configuring IAM policies for using access
// points").
type AccessPoint struct {
	ARN    string // arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME
	Origin string // Internet or VPC
	Bucket string // its name
	// BucketAccount owns the bucket; "" where it is not known.
	BucketAccount string
	Policy        Layer
}

// EvaluateThrough says what AWS would answer to a request for an object, "" the bucket itself,
// that comes through an access point. Both must permit it: the access point as any resource
// does, and the bucket by its own policy (p.Resource), which may delegate to access points by
// s3:DataAccessPointAccount or …Arn, or for the bucket's own account by what identity
// policies say of the bucket itself. The answer is that of whichever lets less through.
func EvaluateThrough(r Request, point AccessPoint, key string, p Policies) Answer {
	a, ok := ParseARN(point.ARN)
	if !ok {
		return Answer{Why: []string{point.ARN + " is not the ARN of an access point"}}
	}
	r.Context = r.Context.Clone()
	r.Context.Set("s3:DataAccessPointArn", point.ARN)
	r.Context.Set("s3:DataAccessPointAccount", a.Account)
	if point.Origin != "" {
		r.Context.Set("s3:AccessPointNetworkOrigin", point.Origin)
	}
	inner := p
	inner.Resource, inner.Bucket = point.Policy, nil
	outer := r
	outer.Account, outer.Resource = a.Account, point.ARN
	r.Account, r.Resource = point.BucketAccount, "arn:"+a.Partition+":s3:::"+point.Bucket
	if key != "" {
		outer.Resource += "/object/" + key
		r.Resource += "/" + key
	}
	first, second := Evaluate(outer, inner), Evaluate(r, p)
	if second.Decision == ImplicitlyDenied || second.Decision == Unknown {
		// What the principal may do by itself was asked at the access point. The bucket's
		// policy has to grant it as to another account.
		granted := p
		granted.Identity, granted.Boundary, granted.Session = Supplied(everything), Supplied(), Supplied()
		if r.Account != "" {
			r.Context.Set("aws:ResourceAccount", r.Account)
			r.Context.Set("s3:ResourceAccount", r.Account)
		}
		if by := evaluate(r, granted, r.Resource, "another"); by.Decision == Allowed {
			second = by
		}
	}
	if first.Decision.rank() < second.Decision.rank() {
		return first
	}
	if second.Decision != Allowed && second.Decision != ExplicitlyDenied {
		second.Why = append(second.Why, "the bucket behind the access point must permit it too")
	}
	return second
}

// everything is a policy that allows everything.
var everything = Compile(&Policy{Name: "everything", Version: "2012-10-17", Statements: []Statement{{Allow: true, Actions: []string{"*"}, Resources: []string{"*"}}}})

// fixing are the keys that make a grant to everybody not public, if they are held to fixed
// values (S3 User Guide, "The meaning of public").
var fixing = []string{"aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceowner", "aws:sourceaccount", "aws:principalorgid", "aws:principalarn", "aws:principalaccount", "aws:userid", "aws:sourceip", "aws:vpcsourceip", "s3:x-amz-server-side-encryption-aws-kms-key-id", "s3:dataaccesspointaccount", "s3:dataaccesspointarn"}

// Public says whether S3 takes a bucket's policy for public: a statement allows everybody,
// and no condition holds one of some keys to fixed values.
func Public(p *Policy) Truth {
	out := truth(len(p.Faults) > 0)
	if out == Yes {
		out = Maybe
	}
	for i := range p.Statements {
		s := &p.Statements[i]
		if s.Allow && s.Principals != nil && (s.Principals.Anyone || s.Principals.Not) && !slices.ContainsFunc(s.Conditions, fixes) {
			return Yes
		}
	}
	return out
}

// fixes says whether a condition holds a key to fixed values.
func fixes(c Condition) bool {
	key, op := strings.ToLower(c.Key), strings.ToLower(c.Operator)
	if !slices.Contains(fixing, key) || len(c.Values) == 0 {
		return false
	}
	switch op {
	case "ipaddress":
		return !slices.ContainsFunc(c.Values, func(v string) bool {
			p, ok := prefix(v)
			return !ok || p.Bits() < 8 && p.Addr().Is4() || p.Bits() < 32 && p.Addr().Is6() || !p.IsValid()
		})
	case "stringequals", "stringlike", "arnequals", "arnlike", "stringequalsignorecase", "foranyvalue:stringequals", "foranyvalue:stringlike", "foranyvalue:arnlike", "foranyvalue:arnequals":
		return !slices.ContainsFunc(c.Values, func(v string) bool {
			if strings.Contains(v, "${") {
				return true
			}
			if op == "stringequals" || op == "stringequalsignorecase" || op == "foranyvalue:stringequals" {
				return false
			}
			if key == "s3:dataaccesspointarn" {
				a, ok := ParseARN(v)
				return !ok || !isAccount(a.Account)
			}
			if key == "aws:userid" {
				id, rest, _ := strings.Cut(v, ":")
				return strings.ContainsAny(id, "*?") || rest != "*" && strings.ContainsAny(rest, "*?")
			}
			return strings.ContainsAny(v, "*?")
		})
	}
	return false
}

package account

import (
	"fmt"
	"slices"
	"strings"

	"strongroom/cloud/iam"
)

// policied are the services whose resources can have a policy of their own (IAM User Guide,
// "AWS services that work with IAM"). Of others it is known that there is none.
var policied = []string{"acm-pca", "aoss", "apigateway", "backup", "bedrock", "cloudtrail", "codeartifact", "codebuild", "dsql", "dynamodb", "ecr", "ecr-public", "elasticfilesystem", "es", "events", "execute-api", "glacier", "glue",
	"iot", "kinesis", "kms", "lambda", "lex", "logs", "mediastore", "opensearch", "redshift-serverless", "rekognition", "rolesanywhere", "s3", "s3-object-lambda", "s3-outposts", "s3express", "s3tables", "schemas", "secretsmanager", "serverlessrepo", "ses",
	"signer", "sns", "sqs", "ssm", "ssm-contacts", "ssm-incidents", "vpc-lattice"}

// Request is a request with all that the account's exports say of the policies that bind it.
// What they do not hold is unknown. The request is taken to come through no VPC endpoint,
// and
// a session to have neither a policy nor tags of its own. The principal is as iam.ParsePrincipal reads
// it; an error says that it is none, or none of this account.
func (a *Account) Request(principal, action, resource string) (iam.Request, iam.Policies, error) {
	who, err := iam.ParsePrincipal(principal)
	if err != nil {
		return iam.Request{}, iam.Policies{}, err
	}
	r := iam.Request{Question: iam.Question{Principal: who, Action: action}, Resource: resource}
	p := iam.Policies{Session: iam.Supplied(), Endpoint: iam.Supplied(), Grants: iam.Supplied()}
	if err := a.principal(&r, &p); err != nil {
		return r, p, err
	}
	a.resource(&r, &p)
	manages := func(account string) iam.Truth {
		switch o := a.Organization; {
		case !o.Known || account == "":
			return iam.Maybe
		case o.V == nil:
			return iam.No
		case o.V.Management == "":
			return iam.Maybe
		default:
			if o.V.Management == account {
				return iam.Yes
			}
			return iam.No
		}
	}
	r.PrincipalManages, r.ResourceManages = manages(r.Principal.Account), manages(r.Account)
	if r.Principal.Account == a.ID {
		p.SCPs = a.levels(func(l *Level) Value[[]Attached] { return l.SCPs }, func(o *Organization) Value[bool] { return o.SCPs })
		switch o := a.Organization; {
		case o.Known && o.V != nil:
			r.Principal.Organization = o.V.ID
		case o.Known:
			r.Context.Set("aws:PrincipalOrgID")
			r.Context.Set("aws:PrincipalOrgPaths")
		}
	}
	if r.Account == a.ID {
		p.RCPs = a.levels(func(l *Level) Value[[]Attached] { return l.RCPs }, func(o *Organization) Value[bool] { return o.RCPs })
	}
	return r, p, nil
}

// Evaluate answers a request as Request makes it, with some condition keys known. What comes
// through an access point is asked of the bucket behind it, too.
func (a *Account) Evaluate(principal, action, resource string, context iam.Context) (iam.Answer, error) {
	r, p, err := a.Request(principal, action, resource)
	if err != nil {
		return iam.Answer{}, err
	}
	give := func(r *iam.Request) {
		for _, k := range context.Keys() {
			r.Context.Set(k, context.Values(k)...)
		}
	}
	give(&r)
	arn, _ := iam.ParseARN(resource)
	name, key, found := strings.Cut(strings.TrimPrefix(arn.Resource, "accesspoint/"), "/object/")
	if arn.Service != "s3" || !strings.HasPrefix(arn.Resource, "accesspoint/") || !found && !ofBucket[strings.ToLower(action)] {
		return iam.Evaluate(r, p), nil
	}
	i := slices.IndexFunc(a.AccessPoints, func(ap *AccessPoint) bool { return ap.Name == name && ap.Region == arn.Region })
	if i < 0 {
		out := iam.Evaluate(r, p)
		if out.Decision == iam.Allowed {
			out.Decision, out.Why = iam.Unknown, append(out.Why, "which bucket is behind the access point is not known, and it must permit it too")
		}
		return out, nil
	}
	ap := a.AccessPoints[i]
	behind := "arn:" + arn.Partition + ":s3:::" + ap.Bucket
	if found {
		behind += "/" + key
	}
	if r, p, err = a.Request(principal, action, behind); err != nil {
		return iam.Answer{}, err
	}
	give(&r)
	point := iam.AccessPoint{ARN: "arn:" + arn.Partition + ":s3:" + arn.Region + ":" + arn.Account + ":accesspoint/" + name, Bucket: ap.Bucket, BucketAccount: ap.BucketAccount, Policy: valued(ap.Policy), Origin: "Internet"}
	if ap.VPC != "" {
		point.Origin = "VPC"
	}
	if point.BucketAccount == "" {
		point.BucketAccount = r.Account
	}
	return iam.EvaluateThrough(r, point, key, p), nil
}

// ofBucket are actions that are asked of an access point for its bucket.
var ofBucket = map[string]bool{"s3:listbucket": true, "s3:listbucketversions": true, "s3:listbucketmultipartuploads": true}

// layer is policies as they stand; one that could not be read makes it unknown.
func layer(lists ...[]Attached) iam.Layer {
	out := iam.Supplied()
	for _, list := range lists {
		for _, one := range list {
			if one.Policy == nil {
				out.Known = false
				continue
			}
			out.Policies = append(out.Policies, iam.Compile(one.Policy))
		}
	}
	return out
}

// valued is the layer of a policy that is there, or not, or not known.
func valued(v Value[*iam.Policy]) iam.Layer {
	switch {
	case !v.Known:
		return iam.Layer{}
	case v.V == nil:
		return iam.Supplied()
	}
	return iam.Supplied(iam.Compile(v.V))
}

func (a *Account) principal(r *iam.Request, p *iam.Policies) error {
	who := &r.Principal
	if who.Account != a.ID || who.Account == "" {
		return nil // whose policies these exports do not hold
	}
	identity := func(id *Identity, groups []*Group) {
		who.ID, who.Tags = id.ID, id.Tags
		if who.Tags == nil && len(id.Unknown) == 0 {
			who.Tags = map[string]string{}
		}
		lists := [][]Attached{id.Inline, id.Attached}
		known := len(id.Unknown) == 0
		for _, g := range groups {
			lists = append(lists, g.Inline, g.Attached)
			known = known && len(g.Unknown) == 0
		}
		p.Identity = layer(lists...)
		p.Identity.Known = p.Identity.Known && known
		p.Boundary = iam.Supplied()
		if id.Boundary != nil {
			p.Boundary = layer([]Attached{*id.Boundary})
		}
		p.Boundary.Known = p.Boundary.Known && len(id.Unknown) == 0
	}
	switch who.Kind {
	case iam.User:
		i := slices.IndexFunc(a.Users, func(u *User) bool { return u.ARN == who.ARN })
		if i < 0 {
			return a.nobody(who.ARN, "user")
		}
		identity(&a.Users[i].Identity, a.Users[i].Groups)
	case iam.Role:
		i := slices.IndexFunc(a.Roles, func(role *Role) bool {
			return role.ARN == who.RoleARN || who.ARN != "" && role.Name == who.Name()
		})
		if i < 0 {
			return a.nobody(who.RoleARN, "role")
		}
		who.RoleARN = a.Roles[i].ARN
		identity(&a.Roles[i].Identity, nil)
	case iam.FederatedUser:
		p.Session = iam.Layer{}
	}
	for _, b := range a.Buckets {
		if b.Owner != "" {
			who.CanonicalID = b.Owner
			break
		}
	}
	return nil
}

func (a *Account) nobody(arn, kind string) error {
	if !a.Known("authorization-details") {
		return nil // they may be there
	}
	var near []string
	if kind == "user" {
		for _, u := range a.Users {
			near = append(near, u.ARN)
		}
	} else {
		for _, r := range a.Roles {
			near = append(near, r.ARN)
		}
	}
	hint := fmt.Sprintf("it has %d", len(near))
	want := strings.ToLower(arn[strings.LastIndexByte(arn, '/')+1:])
	for _, n := range near {
		if name := strings.ToLower(n[strings.LastIndexByte(n, '/')+1:]); name == want || strings.Contains(name, want) || strings.Contains(want, name) {
			hint = n + " is there"
			break
		}
	}
	return fmt.Errorf("account %s has no %s %s; %s", a.ID, kind, arn, hint)
}

func (a *Account) resource(r *iam.Request, p *iam.Policies) {
	arn, ok := iam.ParseARN(r.Resource)
	if !ok {
		r.Account, p.Resource = r.Principal.Account, iam.Supplied()
		return
	}
	r.Account = arn.Account
	if !slices.Contains(policied, arn.Service) {
		p.Resource = iam.Supplied()
	}
	switch arn.Service {
	case "s3":
		if point, _, found := strings.Cut(strings.TrimPrefix(arn.Resource, "accesspoint/"), "/"); strings.HasPrefix(arn.Resource, "accesspoint/") && (found || point != "") {
			for _, ap := range a.AccessPoints {
				if ap.Name == point && ap.Region == arn.Region {
					p.Resource = valued(ap.Policy)
				}
			}
			return
		}
		name, _, object := strings.Cut(arn.Resource, "/")
		for _, b := range a.Buckets {
			if b.Name == name {
				r.Account = a.ID
				p.Resource, p.Bucket = valued(b.Policy), a.bucket(b, r, object)
			}
		}
	case "kms":
		for _, k := range a.Keys {
			if k.ARN == r.Resource {
				p.Resource = valued(k.Policy)
				p.Grants = iam.Layer{Known: k.Grants.Known}
				for _, g := range k.Grants.V {
					p.Grants.Policies = append(p.Grants.Policies, iam.Compile(iam.GrantPolicy(iam.KeyGrant{ID: g.ID, Grantee: g.Grantee, Operations: g.Operations, Subset: g.Subset, Equals: g.Equals})))
				}
				return
			}
		}
		p.Grants = iam.Layer{}
	case "iam":
		if strings.HasPrefix(strings.ToLower(r.Action), "sts:") && strings.HasPrefix(arn.Resource, "role/") {
			p.Resource = iam.Layer{}
			for _, role := range a.Roles {
				if role.ARN == r.Resource {
					p.Resource = valued(Value[*iam.Policy]{role.Trust != nil, role.Trust})
				}
			}
		}
	case "ecr", "secretsmanager", "backup":
		for _, x := range a.Resources {
			if x.ARN == r.Resource {
				p.Resource = valued(x.Policy)
			}
		}
	case "lambda":
		for _, w := range a.Workloads {
			if w.ARN == r.Resource && w.Kind == "lambda:function" {
				p.Resource = valued(w.Policy)
			}
		}
	}
}

// bucket is what S3 knows of a bucket beside its policy.
func (a *Account) bucket(b *Bucket, r *iam.Request, object bool) *iam.Bucket {
	either := func(of func(PublicAccess) bool) iam.Truth {
		out := iam.No
		for _, v := range []Value[PublicAccess]{b.PublicAccess, a.PublicAccess} {
			switch {
			case !v.Known:
				out = max(out, iam.Maybe)
			case of(v.V):
				out = iam.Yes
			}
		}
		return out
	}
	out := &iam.Bucket{
		RestrictPublic: either(func(p PublicAccess) bool { return p.Restrict }),
		IgnoreACLs:     either(func(p PublicAccess) bool { return p.IgnoreACLs }),
	}
	switch {
	case !b.Ownership.Known:
		out.Enforced = iam.Maybe
	case b.Ownership.V == "BucketOwnerEnforced":
		out.Enforced = iam.Yes
	}
	// No export holds the ACLs of objects.
	out.ACL.Known = b.ACL.Known && (!object || out.IgnoreACLs == iam.Yes && r.Principal.Account == a.ID)
	for _, g := range b.ACL.V.Grants {
		grant := iam.ACLGrant{Canonical: g.Grantee, Permission: g.Permission}
		if g.Kind == "Group" {
			grant.Group = g.Grantee[strings.LastIndexByte(g.Grantee, '/')+1:]
		}
		resources := []string{b.ARN}
		if g.Permission == "WRITE" || g.Permission == "FULL_CONTROL" {
			resources = append(resources, b.ARN+"/*")
		}
		out.ACL.Policies = append(out.ACL.Policies, iam.Compile(iam.ACLPolicy("ACL of bucket "+b.Name, grant, false, resources...)))
	}
	return out
}

// levels are the organization's policies of one kind.
func (a *Account) levels(of func(*Level) Value[[]Attached], enabled func(*Organization) Value[bool]) iam.Levels {
	if !a.Organization.Known {
		return iam.Levels{}
	}
	out := iam.Levels{Known: true}
	o := a.Organization.V
	if o == nil || enabled(o).Known && !enabled(o).V {
		return out
	}
	for i := range o.Levels {
		v := of(&o.Levels[i])
		l := layer(v.V)
		l.Known = l.Known && v.Known
		out.Layers = append(out.Layers, l)
	}
	if len(o.Levels) == 0 {
		return iam.Levels{}
	}
	return out
}

package account

import (
	"strings"
	"testing"

	"strongroom/cloud/iam"
)

// asked is an account in which requests meet every kind of policy.
func asked(t *testing.T, more ...string) *Account {
	return load(t, append([]string{"details.json", `{"UserDetailList":[
		{"Path":"/","UserName":"ann","UserId":"AIDA1","Arn":"arn:aws:iam::123456789012:user/ann","CreateDate":"2024-03-01T09:00:00+00:00","GroupList":["readers"]},
		{"Path":"/","UserName":"ben","UserId":"AIDA2","Arn":"arn:aws:iam::123456789012:user/ben","CreateDate":"2024-03-01T09:00:00+00:00","GroupList":["readers"],
			"PermissionsBoundary":{"PermissionsBoundaryType":"Policy","PermissionsBoundaryArn":"arn:aws:iam::123456789012:policy/fence"}}],
	"GroupDetailList":[{"Path":"/","GroupName":"readers","GroupId":"AGPA1","Arn":"arn:aws:iam::123456789012:group/readers","CreateDate":"2024-03-01T09:00:00+00:00","AttachedManagedPolicies":[],
		"GroupPolicyList":[{"PolicyName":"read","PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","sts:AssumeRole"],"Resource":"*"}]}}]}],
	"RoleDetailList":[{"Path":"/team/","RoleName":"app","RoleId":"AROA1","Arn":"arn:aws:iam::123456789012:role/team/app","CreateDate":"2024-03-01T09:00:00+00:00","AttachedManagedPolicies":[],"RolePolicyList":[],"InstanceProfileList":[],
		"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}}],
	"Policies":[{"PolicyName":"fence","PolicyId":"ANPA1","Arn":"arn:aws:iam::123456789012:policy/fence","Path":"/","DefaultVersionId":"v1","AttachmentCount":0,"IsAttachable":true,"CreateDate":"2024-03-01T09:00:00+00:00","UpdateDate":"2024-03-01T09:00:00+00:00",
		"PolicyVersionList":[{"VersionId":"v1","IsDefaultVersion":true,"CreateDate":"2024-03-01T09:00:00+00:00","Document":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}}]}],"IsTruncated":false}`}, more...)...)
}

func answer(t *testing.T, a *Account, principal, action, resource string) iam.Answer {
	t.Helper()
	r, p, err := a.Request(principal, action, resource)
	if err != nil {
		t.Fatal(err)
	}
	return iam.Evaluate(r, p)
}

// Requests meet the policies that the exports hold: of groups, boundaries, trust; and what
// they do not hold is unknown.
func TestRequest(t *testing.T) {
	const user = "arn:aws:iam::123456789012:user/"
	without := asked(t)
	alone := asked(t)
	alone.Organization = Is[*Organization](nil)
	for _, c := range []struct {
		a                           *Account
		principal, action, resource string
		want                        iam.Decision
	}{
		{without, user + "ann", "s3:GetObject", "arn:aws:s3:::calls/a", iam.Unknown},
		{alone, user + "ann", "s3:PutObject", "arn:aws:s3:::calls/a", iam.Unknown}, // the bucket is not among the files
		{alone, user + "ann", "sts:AssumeRole", "arn:aws:iam::123456789012:role/team/app", iam.Allowed},
		{alone, user + "ben", "sts:AssumeRole", "arn:aws:iam::123456789012:role/team/app", iam.ImplicitlyDenied},
		{alone, user + "ben", "ec2:RunInstances", "arn:aws:ec2:eu-west-1:123456789012:instance/*", iam.ImplicitlyDenied},
		{alone, "arn:aws:sts::123456789012:assumed-role/app/s", "ec2:DescribeInstances", "*", iam.ImplicitlyDenied},
		{alone, "arn:aws:iam::123456789012:root", "ec2:DescribeInstances", "*", iam.Allowed},
		{alone, "arn:aws:iam::444455556666:user/x", "sts:AssumeRole", "arn:aws:iam::123456789012:role/team/app", iam.ImplicitlyDenied},
	} {
		if got := answer(t, c.a, c.principal, c.action, c.resource); got.Decision != c.want {
			t.Errorf("%s %s %s: %v (%v), want %v", c.principal, c.action, c.resource, got.Decision, got.Why, c.want)
		}
	}
	if _, _, err := alone.Request(user+"anne", "s3:GetObject", "*"); err == nil || !strings.Contains(err.Error(), user+"ann is there") {
		t.Errorf("an unknown user: %v", err)
	}
}

// A bucket's own settings decide beside its policy.
func TestRequestOfBucket(t *testing.T) {
	public := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::calls/*"}]}`
	parsed, err := iam.Parse("bucket calls", []byte(public))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		block Value[PublicAccess]
		acl   Value[string]
		want  iam.Decision
	}{
		{"open", Is(PublicAccess{}), Is("BucketOwnerEnforced"), iam.Allowed},
		{"restricted", Is(PublicAccess{Restrict: true}), Is("BucketOwnerEnforced"), iam.ImplicitlyDenied},
		{"not known", Value[PublicAccess]{}, Is("BucketOwnerEnforced"), iam.Unknown},
		{"ACLs count, and no export holds those of objects", Is(PublicAccess{Restrict: true}), Is(""), iam.Unknown},
	} {
		a := asked(t)
		a.Organization = Is[*Organization](nil)
		a.PublicAccess = Is(PublicAccess{})
		a.Buckets = []*Bucket{{Name: "calls", ARN: "arn:aws:s3:::calls", Policy: Is(parsed), PublicAccess: c.block, Ownership: c.acl, ACL: Is(ACL{})}}
		if got := answer(t, a, "anonymous", "s3:GetObject", "arn:aws:s3:::calls/a"); got.Decision != c.want {
			t.Errorf("%s: %v (%v), want %v", c.name, got.Decision, got.Why, c.want)
		}
	}
}

// What comes through an access point takes the bucket's consent as well.
func TestEvaluateAccessPoint(t *testing.T) {
	parse := func(doc string) Value[*iam.Policy] {
		p, err := iam.Parse("p", []byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		return Is(p)
	}
	const object = "arn:aws:s3:eu-west-1:123456789012:accesspoint/team/object/a.wav"
	names := parse(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/ben"},"Action":"s3:GetObject","Resource":"` + object + `"}]}`)
	for _, c := range []struct {
		name   string
		bucket Value[*iam.Policy]
		known  bool
		want   iam.Decision
	}{
		{"the bucket delegates", parse(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"arn:aws:s3:::calls/*","Condition":{"StringEquals":{"s3:DataAccessPointAccount":"123456789012"}}}]}`), true, iam.Allowed},
		{"the bucket denies", parse(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::calls/*"}]}`), true, iam.ExplicitlyDenied},
		{"the bucket says nothing", Is[*iam.Policy](nil), true, iam.ImplicitlyDenied},
		{"the bucket's policy is not known", Value[*iam.Policy]{}, true, iam.Unknown},
		{"the access point is not known", Is[*iam.Policy](nil), false, iam.Unknown},
	} {
		a := asked(t)
		a.Organization = Is[*Organization](nil)
		a.PublicAccess = Is(PublicAccess{})
		a.Buckets = []*Bucket{{Name: "calls", ARN: "arn:aws:s3:::calls", Policy: c.bucket, PublicAccess: Is(PublicAccess{}), Ownership: Is("BucketOwnerEnforced")}}
		if c.known {
			a.AccessPoints = []*AccessPoint{{Name: "team", Region: "eu-west-1", Bucket: "calls", Policy: names}}
		}
		got, err := a.Evaluate("arn:aws:iam::123456789012:user/ben", "s3:GetObject", object, iam.Context{})
		if err != nil || got.Decision != c.want {
			t.Errorf("%s: %v (%v, %v), want %v", c.name, got.Decision, got.Why, err, c.want)
		}
	}
}

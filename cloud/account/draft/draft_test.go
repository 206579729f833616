package draft_test

import (
	"slices"
	"testing"

	"strongroom/cloud/account"
	"strongroom/cloud/account/draft"
)

// A draft is whole: nothing is missing from it, nothing is wrong with it, and nothing in it
// is passed over.
func TestDraft(t *testing.T) {
	a := draft.New("123456789012")
	content := a.Role("content", "ec2.amazonaws.com").Can(draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*"))
	a.Group("devs").Attach(a.Managed("build", draft.Allow("codebuild:StartBuild", "*")))
	a.User("team/mallory").In("devs").Tag("team", "web").
		Can(draft.Allow("iam:PassRole ec2:RunInstances", "*").If("StringEquals", "aws:RequestedRegion", draft.Region)).
		Bound(a.Managed("edge", draft.Allow("*", "*")))
	key := a.Key("k1")
	a.Bucket("calls", draft.Deny("s3:*", "arn:aws:s3:::calls/*").To("*")).Encrypted("calls", key).Grant("k1", content.ARN, "Decrypt")
	instance := a.Instance("i-1", content.Profile())
	a.Function("report", content.ARN, draft.Allow("lambda:InvokeFunction", "*").To("s3.amazonaws.com"))
	kinds := []string{"ecs:task-definition", "ecs:service", "ecs:task", "codebuild:project", "cloudformation:stack", "cloudformation:stack-set", "glue:dev-endpoint", "glue:job",
		"sagemaker:notebook-instance", "apprunner:service", "batch:job-definition", "states:state-machine", "bedrock-agentcore:code-interpreter"}
	for _, k := range kinds {
		a.Workload(k, "w", content.ARN)
	}
	got := a.Load(t)
	if len(got.Faults) > 0 || len(got.Missing) > 0 || len(got.Ignored) > 0 {
		t.Errorf("faults %v\nmissing %v\nignored %v", got.Faults, got.Missing, got.Ignored)
	}
	u := got.Users[0]
	if u.ARN != "arn:aws:iam::123456789012:user/team/mallory" || u.Groups[0].Attached[0].Policy.Statements[0].Actions[0] != "codebuild:StartBuild" || u.Boundary.Policy == nil || u.Tags["team"] != "web" {
		t.Errorf("the user: %+v", u)
	}
	find := func(kind string) *account.Workload {
		i := slices.IndexFunc(got.Workloads, func(w *account.Workload) bool { return w.Kind == kind })
		if i < 0 {
			t.Fatalf("there is no %s", kind)
		}
		return got.Workloads[i]
	}
	for _, k := range append(kinds, "ec2:instance", "lambda:function") {
		if w := find(k); !slices.Equal(w.Roles, []string{content.ARN}) || len(w.Unknown) > 0 || w.NoRole {
			t.Errorf("%s: %+v", k, w)
		}
	}
	if w := find("ec2:instance"); w.ARN != instance || w.Instance.MetadataV1 != account.Is(false) || !w.Instance.SSM.Known || w.Instance.SSM.V != nil {
		t.Errorf("the instance: %+v %+v", w, w.Instance)
	}
	if p := find("lambda:function").Policy; !p.Known || p.V.Statements[0].Principals.Service[0] != "s3.amazonaws.com" {
		t.Errorf("the function's policy: %+v", p)
	}
	b := got.Buckets[0]
	if b.Region != draft.Region || !b.Policy.Known || b.Policy.V.Statements[0].Allow || b.Encryption.V.Key != key || !b.PublicAccess.V.Restrict || b.Ownership.V != "BucketOwnerEnforced" {
		t.Errorf("the bucket: %+v", b)
	}
	k := got.Keys[0]
	if k.ARN != key || !k.Policy.Known || len(k.Grants.V) != 1 || k.Grants.V[0].Grantee != content.ARN || !k.Aliases.Known {
		t.Errorf("the key: %+v", k)
	}
	if !got.Organization.Known || got.Organization.V != nil {
		t.Errorf("the organization: %+v", got.Organization)
	}
}

// What is left out is missing, by its name, and never empty.
func TestLeftOut(t *testing.T) {
	a := draft.New("123456789012")
	a.Bucket("calls").Bucket("bills")
	a.Key("k1")
	a.Without("bucket-policy", "key-grants", "instances", "organization").Refused("bucket-acl", "calls", "AccessDenied")
	got := a.Load(t)
	for _, in := range []string{"bucket-policy", "key-grants", "instances", "organization"} {
		i := slices.IndexFunc(got.Missing, func(m account.Missing) bool { return m.Input == in })
		if i < 0 || got.Missing[i].Why != "not supplied" || got.Missing[i].Means == "" || got.Missing[i].Command == "" || got.Known(in) {
			t.Errorf("%s is not missing: %v", in, got.Missing)
		}
	}
	if got.Buckets[0].Policy.Known || got.Keys[0].Grants.Known || got.Organization.Known {
		t.Error("what was left out is known")
	}
}

package aws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/cloud/account"
)

var quick = limits{attempts: 4, backoff: time.Millisecond, longest: 5 * time.Millisecond, attempt: time.Minute, rate: 100_000, parallel: 4}

func collect(t *testing.T, o Options) (string, Report, error) {
	t.Helper()
	c, err := newClient(t.Context(), "", "", quick)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var b bytes.Buffer
	r, err := c.Collect(t.Context(), &b, o)
	return b.String(), r, err
}

func load(t *testing.T, snapshot string) *account.Account {
	t.Helper()
	l := account.NewLoader()
	if err := l.Read("snapshot", strings.NewReader(snapshot)); err != nil {
		t.Fatal(err)
	}
	a, err := l.Account()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A snapshot holds what the account has, and says by which error what it could not have.
func TestCollect(t *testing.T) {
	f := newFake(t)
	snapshot, r, err := collect(t, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range f.faults {
		t.Error(x)
	}
	a := load(t, snapshot)
	for _, x := range a.Faults {
		t.Errorf("fault: %v", x)
	}
	if len(r.Refused) != 2 || r.Refused["apprunner-services: AccessDeniedException"] != 1 {
		t.Errorf("refused: %v", r.Refused)
	}
	if r.Account != fakeID || a.ID != fakeID || !slices.Equal(r.Regions, []string{"eu-west-1", "us-west-2"}) {
		t.Errorf("%+v", r)
	}
	var missing []string
	for _, m := range a.Missing {
		missing = append(missing, m.Input+" "+m.Of+m.Region+": "+m.Why)
	}
	want := []string{
		"apprunner-services us-west-2: refused: AccessDeniedException",
		"object-lambda-access-points us-west-2: refused: MethodNotAllowed",
	}
	if !slices.Equal(missing, want) {
		t.Errorf("missing %q", missing)
	}
	u := a.Users[0]
	if u.Name != "ann" || len(u.Groups) != 1 || u.Groups[0].Attached[0].Policy == nil || u.Inline[0].Policy.Statements[0].Resources[0] != "arn:aws:s3:::calls/*" || u.Tags["team"] != "web" || u.Login != account.Is(true) || u.MFA != account.Is(false) {
		t.Errorf("the user: %+v", u)
	}
	if !a.Root.V.MFA || a.Root.V.Keys {
		t.Errorf("the root user: %+v", a.Root)
	}
	calls, plain := a.Buckets[0], a.Buckets[1]
	if calls.Region != "eu-west-1" || plain.Region != "us-west-2" || !calls.Policy.V.Statements[0].Principals.Anyone || !plain.Policy.Known || plain.Policy.V != nil {
		t.Errorf("buckets: %+v %+v", calls, plain)
	}
	if calls.PublicAccess.V.BlockPolicy || !calls.PublicAccess.V.Restrict || calls.ACL.V.Grants[1].Kind != "Group" || calls.Ownership.V != "BucketOwnerEnforced" || calls.Encryption.V.Key != "arn:aws:kms:eu-west-1:123456789012:key/k1" ||
		calls.Versioning.V != "Enabled" || calls.Replication.V.Rules[0].Prefix != "2026/" || calls.Replication.V.Rules[0].Account != "999999999999" || calls.Logging.V.Bucket != "logs" || len(calls.Notify.V) != 2 || calls.Inventories.V[0].Account != "999999999999" || calls.Tags.V["class"] != "confidential" {
		t.Errorf("calls: %+v", calls)
	}
	if !a.PublicAccess.Known || a.PublicAccess.V.Restrict {
		t.Errorf("the account's block: %+v", a.PublicAccess)
	}
	kinds := map[string]*account.AccessPoint{}
	for _, p := range a.AccessPoints {
		kinds[p.Kind] = p
	}
	if p := kinds["s3"]; p.VPC != "vpc-1" || !p.Policy.V.Statements[0].Allow || !p.PublicAccess.V.Restrict || p.Region != "eu-west-1" {
		t.Errorf("the access point: %+v", p)
	}
	if p := kinds["object-lambda"]; p.Supporting != kinds["s3"].ARN || len(p.Functions) != 1 || !p.Policy.Known || p.Policy.V != nil {
		t.Errorf("the Object Lambda access point: %+v", p)
	}
	if p := kinds["multi-region"]; !slices.Equal(p.Buckets, []string{"calls"}) || p.Policy.V == nil || p.ARN != "arn:aws:s3::123456789012:accesspoint/abc.mrap" {
		t.Errorf("the multi-region access point: %+v", p)
	}
	if g := a.AccessGrants; len(g) != 1 || g[0].Scope != "s3://calls/*" {
		t.Errorf("access grants: %+v", g)
	}
	k := a.Keys[0]
	if len(k.Grants.V) != 2 || k.Grants.V[0].Subset["aws:s3:arn"] != "arn:aws:s3:::calls" || !slices.Equal(k.Aliases.V, []string{"alias/calls"}) || k.Manager != "CUSTOMER" || k.Policy.V == nil {
		t.Errorf("the key: %+v", k)
	}
	for _, w := range a.Workloads {
		if w.NoRole && (w.Kind == "transfer:server" || w.Kind == "emr-serverless:application" || w.Kind == "athena:workgroup" && w.Region == "us-west-2") {
			continue
		}
		if !slices.Equal(w.Roles, []string{"arn:aws:iam::123456789012:role/content"}) || len(w.Unknown) > 0 {
			t.Errorf("%s: %+v", w.Kind, w)
		}
	}
	if len(a.Workloads) != 28 {
		t.Errorf("%d workloads", len(a.Workloads))
	}
	i := a.Workloads[slices.IndexFunc(a.Workloads, func(w *account.Workload) bool { return w.Kind == "ec2:instance" })].Instance
	if i.KeyPair != "ops" || i.PublicIP != "198.51.100.1" || i.SecurityGroups[0] != "sg-1" || i.MetadataV1 != account.Is(true) || i.UserData != account.Is(true) || i.SSM.V == nil || i.HopLimit != 2 {
		t.Errorf("the instance: %+v", i)
	}
	if g := a.SecurityGroups[0]; !slices.Equal(g.Ingress[0].CIDRs, []string{"0.0.0.0/0", "::/0"}) || g.Ingress[0].From != 22 || g.Ingress[0].Groups[0] != "sg-2" {
		t.Errorf("the security group: %+v", g)
	}
	if !a.SerialConsole["eu-west-1"] || a.SerialConsole["us-west-2"] || len(a.KeyPairs) != 2 {
		t.Errorf("serial console %v, key pairs %v", a.SerialConsole, a.KeyPairs)
	}
	if l := a.LaunchTemplates[0]; len(l.Versions) != 2 || l.Versions[0].Profile != "content" || !l.Versions[0].UserData || !l.Versions[0].MetadataV1 || l.Versions[1].MetadataV1 {
		t.Errorf("the launch template: %+v", l)
	}
	if s := a.Snapshots[0]; s.Public != account.Is(true) || a.Images[0].Accounts.V[0] != "999999999999" || a.Endpoints[0].Policy.V == nil {
		t.Errorf("shared: %+v %+v %+v", s, a.Images[0], a.Endpoints[0])
	}
	if c := a.Centers; len(c) != 1 || c[0].Owner != "111111111111" || !c[0].Sets.Known || c[0].Sets.V[0].Name != "Operators" || !slices.Equal(c[0].Sets.V[0].Assignments.V, []account.Assignment{{Kind: "GROUP", ID: "g-1"}, {Kind: "USER", ID: "u-1"}}) {
		t.Errorf("Identity Center: %+v", c)
	}
	policies := map[string]bool{}
	for _, r := range a.Resources {
		if !r.Policy.Known {
			t.Errorf("%s: its policy is not known", r.ARN)
		}
		policies[r.ARN] = r.Policy.V != nil
	}
	if want := map[string]bool{
		"arn:aws:ecr:eu-west-1:123456789012:repository/team/web": true, "arn:aws:ecr:us-west-2:123456789012:repository/team/web": false,
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf": true, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:plain-AbCdEf": false,
		"arn:aws:backup:eu-west-1:123456789012:backup-vault:main": true, "arn:aws:backup:eu-west-1:123456789012:backup-vault:bare": false,
	}; !maps.Equal(policies, want) {
		t.Errorf("resources with a policy: %v", policies)
	}
	if b := a.Backups; len(b) != 1 || b[0].Resource != "arn:aws:s3:::calls" || b[0].Last.IsZero() {
		t.Errorf("backups: %+v", b)
	}
	o := a.Organization.V
	if o.Management != "111111111111" || len(o.Levels) != 3 || o.Levels[1].ID != "ou-1" || len(o.Levels[1].SCPs.V) != 1 || o.Levels[1].SCPs.V[0].Policy == nil || !o.Levels[0].RCPs.Known {
		t.Errorf("the organization: %+v", o)
	}
	if x := a.Trails[0]; x.Logging != account.Is(true) || !slices.Equal(x.DataEvents.V, []string{"arn:aws:s3:::calls/"}) {
		t.Errorf("the trail: %+v", x)
	}
	// What may be secret does not get into a file.
	for _, secret := range []string{"hunter2", "c2VjcmV0", "example\""} {
		if i := strings.Index(snapshot, secret); i >= 0 {
			t.Errorf("the snapshot holds %q: …%s…", secret, snapshot[max(0, i-80):i+20])
		}
	}
}

// Everything that is asked is in the policy, and everything in the policy is asked.
func TestPolicy(t *testing.T) {
	f := newFake(t)
	if _, _, err := collect(t, Options{}); err != nil {
		t.Fatal(err)
	}
	f.asked["ecs:DescribeTasks"]++ // the cluster of this account runs none
	var p struct {
		Statement []struct{ Action []string }
	}
	if err := json.Unmarshal(Policy(), &p); err != nil {
		t.Fatal(err)
	}
	if asked := slices.Sorted(maps.Keys(f.asked)); !slices.Equal(asked, p.Statement[0].Action) {
		for _, a := range asked {
			if !slices.Contains(p.Statement[0].Action, a) {
				t.Errorf("asked, and not in the policy: %s", a)
			}
		}
		for _, a := range p.Statement[0].Action {
			if !slices.Contains(asked, a) {
				t.Errorf("in the policy, and not asked: %s", a)
			}
		}
	}
	for _, a := range p.Statement[0].Action {
		_, name, _ := strings.Cut(a, ":")
		if !slices.ContainsFunc([]string{"Get", "List", "Describe", "BatchGet"}, func(verb string) bool { return strings.HasPrefix(name, verb) }) && a != "iam:GenerateCredentialReport" {
			t.Errorf("%s may change something", a)
		}
	}
}

// What passes is asked again; what does not, is not.
func TestRetries(t *testing.T) {
	f := newFake(t)
	f.before = func(w http.ResponseWriter, permission string, n int) bool {
		switch {
		case permission == "ec2:DescribeInstances" && n == 1:
			refuse(w, permission, 503, "RequestLimitExceeded")
		case permission == "kms:ListKeys" && n < 3:
			refuse(w, permission, 400, "ThrottlingException")
		case permission == "s3:GetBucketPolicy" && n == 1:
			w.WriteHeader(500)
		case permission == "lambda:ListFunctions" && n == 1:
			h, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				err = h.Close()
			}
			if err != nil {
				t.Error(err)
			}
		case permission == "ecs:ListClusters":
			refuse(w, permission, 400, "AccessDeniedException")
		default:
			return false
		}
		return true
	}
	snapshot, _, err := collect(t, Options{})
	if err != nil {
		t.Fatal(err)
	}
	a := load(t, snapshot)
	for _, in := range []string{"instances", "keys", "bucket-policy", "functions"} {
		if !a.Known(in) {
			t.Errorf("%s is not known", in)
		}
	}
	if a.Known("clusters") || f.asked["ecs:ListClusters"] != 2 {
		t.Errorf("refused, and asked %d times in two regions", f.asked["ecs:ListClusters"])
	}
}

// A listing of which a later page is refused is not known.
func TestLaterPageRefused(t *testing.T) {
	f := newFake(t)
	f.before = func(w http.ResponseWriter, permission string, n int) bool {
		if permission == "kms:ListGrants" && n == 2 {
			refuse(w, permission, 400, "AccessDeniedException")
			return true
		}
		return false
	}
	snapshot, _, err := collect(t, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if a := load(t, snapshot); a.Known("key-grants", "k1") || a.Keys[0].Grants.Known {
		t.Errorf("half of the grants are taken for all: %+v", a.Keys[0].Grants)
	}
}

// Credentials that AWS takes no more end everything: half a snapshot would look like one.
func TestExpired(t *testing.T) {
	f := newFake(t)
	f.before = func(w http.ResponseWriter, permission string, n int) bool {
		if permission == "s3:GetBucketAcl" {
			refuse(w, permission, 400, "ExpiredToken")
			return true
		}
		return false
	}
	if _, _, err := collect(t, Options{}); err == nil || !strings.Contains(err.Error(), "ExpiredToken") {
		t.Errorf("%v", err)
	}
}

func TestStopped(t *testing.T) {
	f := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.before = func(_ http.ResponseWriter, permission string, _ int) bool {
		if permission == "kms:ListKeys" {
			cancel()
		}
		return false
	}
	c, err := newClient(t.Context(), "", "", quick)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Collect(ctx, &bytes.Buffer{}, Options{}); err == nil {
		t.Error("stopped, and whole")
	}
}

// One bucket and one region are asked where no more is wanted; the others are missing.
func TestSome(t *testing.T) {
	newFake(t)
	snapshot, _, err := collect(t, Options{Buckets: []string{"calls"}, Regions: []string{"eu-west-1"}})
	if err != nil {
		t.Fatal(err)
	}
	a := load(t, snapshot)
	if !a.Known("bucket-policy", "calls") || a.Known("bucket-policy", "plain.name") || a.Known("instances") {
		t.Errorf("missing: %v", a.Missing)
	}
	if !slices.ContainsFunc(a.Missing, func(m account.Missing) bool { return m.Input == "instances" && m.Region == "us-west-2" }) {
		t.Errorf("missing: %v", a.Missing)
	}
}

// A region that the account does not have would look like one in which nothing runs.
func TestNoSuchRegion(t *testing.T) {
	newFake(t)
	_, _, err := collect(t, Options{Regions: []string{"eu-west-1", "eu-wst-1"}})
	e, ok := errors.AsType[*strongroom.Error](err)
	if !ok || !strings.Contains(e.Message, "eu-wst-1") || e.Hint != "it has eu-west-1, us-west-2" {
		t.Errorf("%v", err)
	}
}

// Two snapshots of an account that did not change differ by their time alone.
func TestSameTwice(t *testing.T) {
	newFake(t)
	one, _, err := collect(t, Options{})
	if err != nil {
		t.Fatal(err)
	}
	two, _, err := collect(t, Options{})
	if err != nil {
		t.Fatal(err)
	}
	rest := func(s string) string { _, r, _ := strings.Cut(s, "\n"); return r }
	if rest(one) != rest(two) {
		t.Error("the order of answers differs")
	}
}

func TestEndpoints(t *testing.T) {
	for _, c := range []struct{ service, region, want, signed string }{
		{"iam", "eu-west-1", "https://iam.amazonaws.com", "us-east-1"},
		{"iam", "cn-north-1", "https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1"},
		{"iam", "us-gov-east-1", "https://iam.us-gov.amazonaws.com", "us-gov-west-1"},
		{"organizations", "eu-west-1", "https://organizations.us-east-1.amazonaws.com", "us-east-1"},
		{"s3control", "eu-west-3", "https://123456789012.s3-control.eu-west-3.amazonaws.com", "eu-west-3"},
		{"sagemaker", "eu-west-1", "https://api.sagemaker.eu-west-1.amazonaws.com", "eu-west-1"},
		{"kms", "cn-northwest-1", "https://kms.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"},
		{"bedrock-agentcore", "us-west-2", "https://bedrock-agentcore-control.us-west-2.amazonaws.com", "us-west-2"},
	} {
		s := services[c.service]
		partition := (&Client{}).partition(c.region)
		if got, signed := s.endpoint(c.service, c.region, fakeID, partition), s.signedFor(c.region, partition); got != c.want || signed != c.signed {
			t.Errorf("%s in %s: %s, signed for %s", c.service, c.region, got, signed)
		}
	}
}

// Nothing that a server answers ends the program.
func FuzzAnswer(f *testing.F) {
	for i := range operations {
		f.Add(i, []byte(`<a><b><item>1</item></b></a>`))
		f.Add(i, []byte(`{"a":[{"UserData":"x"}]}`))
	}
	f.Fuzz(func(t *testing.T, i int, body []byte) {
		op := operations[((i%len(operations))+len(operations))%len(operations)]
		answer, err := op.answer(body)
		if err == nil {
			if _, err := json.Marshal(answer); err != nil {
				t.Errorf("%s: %v", op.name, err)
			}
		}
		_ = fmt.Sprint(failed(&http.Response{StatusCode: 400, Header: http.Header{}}, body))
	})
}

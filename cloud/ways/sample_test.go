package ways

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"strongroom/cloud/account"
	"strongroom/cloud/reach"
)

const home = "arn:aws:iam::111122223333:"

// load reads an account from authorization details.
func load(t testing.TB, details string) *account.Account {
	t.Helper()
	file := filepath.Join(t.TempDir(), "authorization-details.json")
	if err := os.WriteFile(file, []byte(details), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := account.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	a.Workloads = append(a.Workloads, &account.Workload{Kind: "ec2:instance", ARN: "arn:aws:ec2:eu-west-1:111122223333:instance/i-1", Name: "i-1", Instance: &account.Instance{ID: "i-1", MetadataV1: account.Is(true)}})
	return a
}

const details = `{
 "UserDetailList": [
  {"UserName": "alice", "UserId": "AIDAA", "Arn": "arn:aws:iam::111122223333:user/alice", "Path": "/", "CreateDate": "2025-01-02T03:04:05Z",
   "UserPolicyList": [{"PolicyName": "p1", "PolicyDocument": {"Version": "2012-10-17", "Statement": [
     {"Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"},
     {"Effect": "Allow", "Action": "s3:Put*", "Resource": "arn:aws:s3:::calls/${aws:username}/*"}]}}],
   "AttachedManagedPolicies": [{"PolicyName": "Deploy", "PolicyArn": "arn:aws:iam::111122223333:policy/Deploy"}]},
  {"UserName": "bob", "UserId": "AIDAB", "Arn": "arn:aws:iam::111122223333:user/bob", "Path": "/", "CreateDate": "2025-06-02T03:04:05Z",
   "AttachedManagedPolicies": [{"PolicyName": "Deploy", "PolicyArn": "arn:aws:iam::111122223333:policy/Deploy"}]}],
 "GroupDetailList": [],
 "RoleDetailList": [
  {"RoleName": "content", "RoleId": "AROAC", "Arn": "arn:aws:iam::111122223333:role/content", "Path": "/", "CreateDate": "2025-02-02T03:04:05Z",
   "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
     {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com", "AWS": ["arn:aws:iam::111122223333:root", "arn:aws:iam::999988887777:root"]}, "Action": "sts:AssumeRole"}]},
   "RolePolicyList": [{"PolicyName": "read", "PolicyDocument": {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::calls/*"}}}]}],
 "Policies": [
  {"PolicyName": "Deploy", "Arn": "arn:aws:iam::111122223333:policy/Deploy", "Path": "/", "PolicyId": "ANPAX", "DefaultVersionId": "v2", "CreateDate": "2024-01-01T00:00:00Z",
   "PolicyVersionList": [
    {"VersionId": "v2", "IsDefaultVersion": true, "CreateDate": "2026-03-04T00:00:00Z", "Document": {"Version": "2012-10-17", "Statement": [
      {"Sid": "All", "Effect": "Allow", "Action": "sts:*", "Resource": "*"}]}},
    {"VersionId": "v1", "IsDefaultVersion": false, "CreateDate": "2024-01-01T00:00:00Z", "Document": {"Version": "2012-10-17", "Statement": []}}]}]
}`

func principal(kind reach.PrincipalKind, name string) reach.Principal {
	return reach.Principal{Kind: kind, ARN: home + string(kind) + "/" + name, Name: name}
}

var calls = reach.Right{Kind: reach.ReadBucket, Target: "arn:aws:s3:::calls"}

func text(s string) reach.Text { return reach.Text{EN: s, FR: s + " (fr)"} }

// direct is a chain of one step: reading.
func direct(p reach.Principal, by reach.Because) reach.Chain {
	return reach.Chain{ID: "c-" + p.Name, Certainty: reach.Certain, Steps: []reach.Step{{
		From: reach.Node{Kind: reach.AtPrincipal, ARN: p.ARN}, Rule: "s3-get", Title: reach.Text{EN: "Read objects", FR: "Lire des objets"},
		To:        reach.Node{Kind: reach.AtRight, ARN: calls.Target, Right: calls.Kind},
		Actions:   []reach.Act{{Action: "s3:GetObject", Resource: "arn:aws:s3:::calls/*", Because: []reach.Because{by}}},
		Certainty: reach.Certain,
	}}}
}

var (
	byInline  = reach.Because{Policy: "user alice, inline policy p1", Statement: 0, Sid: "Read", Effect: "Allow", Source: reach.Source{Kind: "user-inline", Owner: home + "user/alice", Name: "p1"}}
	byManaged = reach.Because{Policy: "policy Deploy", Statement: 0, Sid: "All", Effect: "Allow", Source: reach.Source{Kind: "managed", Owner: home + "policy/Deploy"}}
	byRole    = reach.Because{Policy: "role content, inline policy read", Statement: 0, Effect: "Allow", Source: reach.Source{Kind: "role-inline", Owner: home + "role/content", Name: "read"}}
)

// assume is a chain of two: becoming the role, then reading.
func assume(p reach.Principal) reach.Chain {
	role := principal(reach.Role, "content")
	c := direct(role, byRole)
	return reach.Chain{ID: "a-" + p.Name, Certainty: reach.Possible, Steps: append([]reach.Step{{
		From: reach.Node{Kind: reach.AtPrincipal, ARN: p.ARN}, Rule: "sts-assume", Title: reach.Text{EN: "Assume the role", FR: "Endosser le rôle"},
		To:         reach.Node{Kind: reach.AtPrincipal, ARN: role.ARN},
		Actions:    []reach.Act{{Action: "sts:AssumeRole", Resource: role.ARN, Because: []reach.Because{byManaged}}},
		Certainty:  reach.Possible,
		Conditions: []reach.Condition{{Operator: "IpAddress", Key: "aws:SourceIp", Values: []string{"10.0.0.0/8"}}},
	}}, c.Steps...)}
}

// sample is what is found in the account of details.
func sample() *reach.Result {
	alice, bob := principal(reach.User, "alice"), principal(reach.User, "bob")
	r := &reach.Result{
		Account: "111122223333", Taken: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC),
		Question: reach.Question{Buckets: []string{"calls"}}, Rights: []reach.Right{calls},
		Routes: []reach.Route{
			{Group: "direct", ID: "s3-get", Title: reach.Text{EN: "Read objects", FR: "Lire des objets"}, Status: reach.Open, Effect: "reach", WhoTotal: 1,
				Who: []reach.Taker{{Principal: alice.ARN, Certainty: reach.Certain}}},
			{Group: "direct", ID: "s3-acl", Title: reach.Text{EN: "Read by an access control list", FR: "Lire par une liste"}, Status: reach.NotKnown, Effect: "reach", Missing: []string{"bucket-acl"},
				Why: reach.Text{EN: "the list was not supplied", FR: "la liste n’a pas été fournie"}},
			{Group: "become", ID: "sts-assume", Title: reach.Text{EN: "Assume the role", FR: "Endosser le rôle"}, Status: reach.Open, Effect: "reach", WhoTotal: 1,
				Who: []reach.Taker{{Principal: bob.ARN, Certainty: reach.Possible}}},
			{Group: "become", ID: "saml", Title: reach.Text{EN: "Become the role by SAML", FR: "Prendre le rôle par SAML"}, Status: reach.Closed, Effect: "reach"},
			{Group: "logs", ID: "trail-stop", Title: reach.Text{EN: "Stop the trail", FR: "Arrêter le journal"}, Status: reach.Open, Effect: "cover", WhoTotal: 1,
				Who: []reach.Taker{{Principal: bob.ARN, Certainty: reach.Possible}}},
		},
		Findings: []reach.Finding{
			{Principal: alice, Right: calls, Certainty: reach.Certain, Chains: []reach.Chain{direct(alice, byInline)}},
			{Principal: bob, Right: calls, Certainty: reach.Possible, Chains: []reach.Chain{assume(bob)}, Missing: []string{"organization-scps"}},
		},
		Missing:  []string{"bucket-acl", "organization-scps"},
		Examined: reach.Examined{Principals: 3, Classes: 3, Buckets: 1, Rules: 5},
	}
	return r
}

// many is a result of n principals who go different ways.
func many(n int) *reach.Result {
	r := sample()
	r.Findings = nil
	rules := []string{"s3-get", "sts-assume", "ssm-session", "lambda-code", "pass-role-ec2", "policy-version", "kms-grant", "s3-bucket-policy", "ecs-exec", "iam-access-key", "codebuild-start", "cfn-update", "serial-console", "s3-replicate", "glue-job", "sm-notebook", "saml-provider", "iam-attach"}
	r.Routes = nil
	for i, id := range rules {
		r.Routes = append(r.Routes, reach.Route{Group: []string{"direct", "become", "logon", "policy"}[i%4], ID: id, Title: text("Take the route that is named " + id), Status: reach.Open, Effect: "reach", WhoTotal: n / len(rules)})
	}
	for i := range n {
		p := principal([]reach.PrincipalKind{reach.User, reach.Role}[i%2], fmt.Sprintf("person-%04d-with-a-rather-long-name", i))
		c := direct(p, byInline)
		if rule := rules[(i*i+i/7)%len(rules)]; rule != "s3-get" {
			c = assume(p)
			c.Steps[0].Rule, c.Steps[0].Title = rule, text("Take the route that is named "+rule)
			through := principal(reach.Role, fmt.Sprintf("content-%d", i%13))
			c.Steps[0].To.ARN, c.Steps[1].From.ARN = through.ARN, through.ARN
		}
		certainty := []reach.Certainty{reach.Certain, reach.Certain, reach.Possible, reach.Unknown}[i%4]
		c.Certainty = certainty
		r.Findings = append(r.Findings, reach.Finding{Principal: p, Right: calls, Certainty: certainty, Chains: []reach.Chain{c}})
	}
	return r
}

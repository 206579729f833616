package iam

import (
	"fmt"
	"strings"
	"testing"
)

// policy reads a document that must be right.
func policy(t testing.TB, name, doc string) *Compiled {
	t.Helper()
	p, err := Parse(name, []byte(doc))
	if err != nil || len(p.Faults) > 0 {
		t.Fatal(err, p)
	}
	c := Compile(p)
	if len(c.Faults) > 0 {
		t.Fatal(c.Faults)
	}
	return c
}

func principal(t testing.TB, arn string) Principal {
	t.Helper()
	p, err := ParsePrincipal(arn)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// nothing is policies that are all known to be absent.
func nothing() Policies {
	return Policies{Supplied(), Supplied(), Supplied(), Supplied(), Supplied(), Levels{Known: true}, Levels{Known: true}, Supplied(), nil}
}

func TestScope(t *testing.T) {
	p := nothing()
	p.Identity = Supplied(policy(t, "p", `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::calls/*"},
		{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::notes/*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
		{"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::calls/private/*"},
		{"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::calls/2026/*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}`))
	q := Question{Principal: principal(t, "arn:aws:iam::111122223333:user/alice"), Action: "s3:GetObject", Account: "111122223333"}
	got := Scope(q, Of(ResourcePattern("arn:aws:s3:::*/*")), p)
	for key, want := range map[string][2]bool{
		"calls/a":         {true, true},
		"calls/private/a": {false, false},
		"calls/2026/a":    {false, true},
		"notes/a":         {false, true},
		"other/a":         {false, false},
	} {
		key = "arn:aws:s3:::" + key
		if got.Certain.Has(key) != want[0] || got.Possible.Has(key) != want[1] {
			t.Errorf("%s: certain %v, possible %v, want %v", key, got.Certain, got.Possible, want)
		}
	}
	if len(got.Residual()) != 2 || len(got.Because) != 4 {
		t.Errorf("residual %v because %v", got.Residual(), got.Because)
	}
	if _, some := Scope(q, Of(ResourcePattern("arn:aws:s3:::calls/private/*")), p).Possible.Example(); some != No {
		t.Error("what is denied is possible")
	}
}

// Through an access point both it and the bucket must permit.
func TestEvaluateThrough(t *testing.T) {
	const account = "111122223333"
	delegating := `{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": ["arn:aws:s3:::calls", "arn:aws:s3:::calls/*"], "Condition": {"StringEquals": {"s3:DataAccessPointAccount": "111122223333"}}}}`
	other := `{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "arn:aws:s3:::calls/*", "Condition": {"StringEquals": {"s3:DataAccessPointAccount": "444455556666"}}}}`
	denying := `{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "arn:aws:s3:::calls/*", "Condition": {"StringNotEquals": {"s3:DataAccessPointArn": "arn:aws:s3:eu-west-1:111122223333:accesspoint/other"}}}}`
	named := `{"Statement": {"Effect": "Allow", "Principal": {"AWS": "%s"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:eu-west-1:111122223333:accesspoint/team/object/*"}}`
	byPoint := `{"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:eu-west-1:111122223333:accesspoint/team/object/*"}}`
	byBoth := `{"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}`
	const alice, carol = "arn:aws:iam::111122223333:user/alice", "arn:aws:iam::444455556666:user/carol"
	for _, c := range []struct {
		name, who, identity, point, bucket string
		want                               Decision
	}{
		{"the point names the user, the bucket delegates", alice, "", named, delegating, Allowed},
		{"the point names the user, the bucket says nothing", alice, "", named, "", ImplicitlyDenied},
		{"the point names the user, the bucket delegates to another account", alice, "", named, other, ImplicitlyDenied},
		{"the point names the user, the bucket denies all but another point", alice, "", named, denying, ExplicitlyDenied},
		{"the bucket delegates, nobody names the user", alice, "", "", delegating, ImplicitlyDenied},
		{"identity policies about the point, the bucket delegates", alice, byPoint, "", delegating, Allowed},
		{"identity policies about both", alice, byBoth, "", "", Allowed},
		{"another account, all agree", carol, byPoint, named, delegating, Allowed},
		{"another account, the bucket does not", carol, byBoth, named, "", ImplicitlyDenied},
		{"another account without its own permission", carol, "", named, delegating, ImplicitlyDenied},
	} {
		p := nothing()
		layer := func(doc string) Layer {
			if doc == "" {
				return Supplied()
			}
			return Supplied(policy(t, "p", strings.ReplaceAll(doc, "%s", c.who)))
		}
		p.Identity, p.Resource = layer(c.identity), layer(c.bucket)
		q := Question{Principal: principal(t, c.who), Action: "s3:GetObject", Context: Context{Whole: true}}
		point := AccessPoint{ARN: "arn:aws:s3:eu-west-1:111122223333:accesspoint/team", Origin: "Internet", Bucket: "calls", BucketAccount: account, Policy: layer(c.point)}
		if got := EvaluateThrough(Request{Question: q}, point, "a.wav", p); got.Decision != c.want {
			t.Errorf("%s: %v (%v), want %v", c.name, got.Decision, got.Why, c.want)
		}
	}
}

// A public policy is what S3 takes for one.
func TestPublic(t *testing.T) {
	for condition, want := range map[string]Truth{
		`{}`: Yes,
		`{"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}`:                            No,
		`{"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}`:                                 Yes,
		`{"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "0.0.0.0/1"]}}`:             Yes,
		`{"StringEquals": {"aws:SourceVpc": "vpc-1"}}`:                                 No,
		`{"StringLike": {"aws:SourceVpc": "vpc-*"}}`:                                   Yes,
		`{"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}`:                              Yes,
		`{"StringEquals": {"aws:PrincipalOrgID": "o-1"}}`:                              No,
		`{"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}`:                      Yes,
		`{"StringEquals": {"aws:Referer": "x"}}`:                                       Yes,
		`{"StringLike": {"aws:userid": "AROAX:*"}}`:                                    No,
		`{"StringLike": {"aws:userid": "AROA*"}}`:                                      Yes,
		`{"ArnLike": {"s3:DataAccessPointArn": "arn:aws:s3:*:111122223333:*"}}`:        No,
		`{"ArnLike": {"s3:DataAccessPointArn": "arn:aws:s3:*:*:accesspoint/x"}}`:       Yes,
		`{"StringEquals": {"s3:DataAccessPointAccount": "111122223333"}}`:              No,
		`{"StringEquals": {"aws:SourceVpc": "vpc-1", "aws:Referer": "x"}}`:             No,
		`{"StringEquals": {"aws:Referer": "x"}, "Bool": {"aws:SecureTransport": "1"}}`: Yes,
	} {
		p, err := Parse("p", []byte(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*", "Condition": `+condition+`},
			{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "s3:*", "Resource": "*"}, {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := Public(p); got != want {
			t.Errorf("%s: public %v, want %v", condition, got, want)
		}
	}
}

// Actions are named, and what is nearly one is.
func TestCatalogue(t *testing.T) {
	get, ok := LookUp("S3:getobject")
	if !ok || get.Name != "s3:GetObject" || get.Level != "Read" || !get.Takes("arn:aws:s3:::calls/a") || get.Takes("arn:aws:s3:::calls") || !get.Knows("s3:ExistingObjectTag/team") || get.Knows("s3:prefix") || !get.Knows("aws:SourceIp") {
		t.Errorf("s3:GetObject is %+v", get)
	}
	if list, ok := LookUp("s3:ListAllMyBuckets"); !ok || len(list.Resources) != 0 || !list.Takes("*") {
		t.Errorf("s3:ListAllMyBuckets is %+v", list)
	}
	for wrong, want := range map[string]string{"s3:GetObjct": "s3:GetObject", "s3:getobjects": "s3:GetObject", "kmss:Decrypt": "kms:Decrypt", "zzzzzzzz:Nothing": "", "s3:CompletelyDifferentWords": ""} {
		if got := Suggest(wrong); got != want {
			t.Errorf("%s is nearly %q, want %q", wrong, got, want)
		}
	}
	if got := Expand("kms:ReEncrypt*"); len(got) != 2 || got[0].Name != "kms:ReEncryptFrom" {
		t.Errorf("kms:ReEncrypt* is %v", got)
	}
}

// Too many terms are bounded, and what is left out is not said to be empty.
func TestSetIsBounded(t *testing.T) {
	s := Everything()
	for i := range 40 {
		s = s.Minus(Of(NewPattern(fmt.Sprintf("*%da*", i))).Intersect(Of(NewPattern(fmt.Sprintf("*b%d*", i)))))
	}
	if len(s.terms) > maxTerms {
		t.Errorf("%d terms are kept", len(s.terms))
	}
	if _, some := s.Example(); some == No {
		t.Error("it is said to be empty")
	}
	if all := Everything().Minus(s); all.Has("anything") {
		t.Error("what may be in a set is said to be outside")
	}
}

// TestSessionWithoutAName: of a session whose name is not known, its role's unique id is. What
// conditions on aws:userid say of that is settled, as far as every name would.
func TestSessionWithoutAName(t *testing.T) {
	for condition, want := range map[string]Decision{
		`"StringNotLike": {"aws:userId": ["AROAAPP:*", "111122223333"]}`:   Allowed,
		`"StringNotLike": {"aws:userId": ["AROAOTHER:*", "111122223333"]}`: ExplicitlyDenied,
		`"StringNotLike": {"aws:userId": ["AROA*"]}`:                       Allowed,
		`"StringNotLike": {"aws:userId": ["AROAAPP:i-*"]}`:                 Unknown,
		`"StringNotLike": {"aws:userId": ["AROAAP?:i-*", "AROAAPP:*"]}`:    Allowed,
		`"StringNotEquals": {"aws:userId": ["AROAOTHER:x"]}`:               ExplicitlyDenied,
		`"StringNotEquals": {"aws:userId": ["AROAAPP:x"]}`:                 Unknown,
		`"StringNotEquals": {"aws:userId": ["AROAAPP"]}`:                   ExplicitlyDenied,
		`"StringEqualsIgnoreCase": {"aws:userId": ["aroaother:x"]}`:        Allowed,
		`"StringEqualsIgnoreCase": {"aws:userId": ["aroaapp:x"]}`:          Unknown,
		`"StringEquals": {"aws:userId": ["AIDAX"]}`:                        Allowed,
		`"StringLikeIfExists": {"aws:userId": ["AROAAPP:*"]}`:              ExplicitlyDenied,
		`"ForAnyValue:StringLike": {"aws:userId": ["AROAAPP:*"]}`:          ExplicitlyDenied,
		`"ForAllValues:StringNotLike": {"aws:userId": ["AROAAPP:*"]}`:      Allowed,
		`"StringNotLike": {"aws:userId": ["AROAOTHER:*"], "aws:x": ["a"]}`: Unknown,
		`"StringLike": {"aws:userId": ["${aws:PrincipalTag/id}:*"]}`:       Unknown,
		`"Null": {"aws:userId": "true"}`:                                   Allowed,
	} {
		p := nothing()
		p.Identity = Supplied(policy(t, "own", `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}`))
		p.Resource = Supplied(policy(t, "bucket", `{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::calls/*", "Condition": {`+condition+`}}]}`))
		who := principal(t, "arn:aws:iam::111122223333:role/app")
		who.ID = "AROAAPP"
		got := Evaluate(Request{Question: Question{Principal: who, Action: "s3:GetObject", Account: "111122223333"}, Resource: "arn:aws:s3:::calls/a.wav"}, p)
		if got.Decision != want {
			t.Errorf("%s: %s, not %s", condition, got.Decision, want)
		}
	}
}

package iam

import (
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

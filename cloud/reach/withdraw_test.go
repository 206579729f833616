package reach

import (
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom/cloud/account/draft"
)

// TestWithdraw: what the policy of a bucket or of a key grants somebody is taken back there,
// and nothing else of that policy goes.
func TestWithdraw(t *testing.T) {
	const (
		audit = "arn:aws:iam::999999999999:role/audit"
		ann   = "arn:aws:iam::123456789012:user/ann"
		own   = "arn:aws:iam::123456789012:root"
		vault = "arn:aws:s3:::vault/*"
	)
	read := draft.Allow("s3:GetObject", vault)
	tls := draft.Deny("s3:*", vault).To("*").If("Bool", "aws:SecureTransport", "false")
	bucket := func(policy ...draft.Statement) func(*draft.Account) Question {
		return func(a *draft.Account) Question {
			a.Bucket("vault", policy...)
			return Question{Buckets: []string{"vault"}}
		}
	}
	key := func(policy ...draft.Statement) func(*draft.Account) Question {
		return func(a *draft.Account) Question { return Question{Keys: []string{a.Key("k1", policy...)}} }
	}
	for name, c := range map[string]struct {
		draw func(*draft.Account) Question
		who  string // whose way it is
		op   Op
		kept int // statements that the policy has after it
	}{
		"a role of another account":      {bucket(read.To(audit), tls), audit, RemovePrincipals, 1},
		"alone in the policy":            {bucket(read.To(audit)), audit, RemovePrincipals, 0},
		"another account":                {bucket(read.To("arn:aws:iam::999999999999:root"), tls), "arn:aws:iam::999999999999:root", RemovePrincipals, 1},
		"another account by its number":  {bucket(tls, read.To("999999999999")), "arn:aws:iam::999999999999:root", RemovePrincipals, 1},
		"beside a role of this account":  {bucket(read.To(audit, content), tls), audit, RemovePrincipals, 2},
		"a user of this account":         {bucket(read.To(ann), tls), ann, RemovePrincipals, 1},
		"by two statements":              {bucket(read.To(audit), draft.Allow("s3:GetObject s3:ListBucket", vault, "arn:aws:s3:::vault").To(audit)), audit, AddDeny, 3},
		"any other account":              {bucket(read.To("*").If("StringEquals", "aws:PrincipalOrgID", "o-1"), tls), "any-account", RemoveStatement, 1},
		"all of a key":                   {key(draft.Allow("kms:*", "*").To(own), draft.Allow("kms:*", "*").To(audit)), audit, RemovePrincipals, 1},
		"a key, to another account":      {key(draft.Allow("kms:*", "*").To(own), draft.Allow("kms:Decrypt", "*").To(audit)), audit, RemovePrincipals, 1},
		"a key, two statements, another": {key(draft.Allow("kms:*", "*").To(own), draft.Allow("kms:Decrypt", "*").To(audit), draft.Allow("kms:Decrypt kms:DescribeKey", "*").To(audit)), audit, AddDeny, 4},
	} {
		d := draft.New("123456789012")
		d.Role("content", "ec2.amazonaws.com")
		d.User("ann")
		q := c.draw(d)
		q.From = []string{c.who}
		if c.who == "any-account" {
			q.From = nil
		}
		a := d.Load(t)
		res, err := Analyze(a, q)
		if err != nil {
			t.Fatal(err)
		}
		open := func(res *Result) bool {
			return slices.ContainsFunc(res.Findings, func(f Finding) bool { return f.Principal.ARN == c.who && f.Certainty >= Possible })
		}
		if !open(res) {
			t.Errorf("%s: it has no way to begin with: %v", name, who(res))
			continue
		}
		plan, err := Close(a, res, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(plan.Changes, func(ch Change) bool { return ch.Policy.Kind == "bucket" || ch.Policy.Kind == "key" })
		if at < 0 || plan.Changes[at].Op != c.op {
			t.Errorf("%s: no %s: %+v, left: %+v", name, c.op, plan.Changes, plan.Left)
			continue
		}
		if len(plan.Changes) != 1 && c.who != "any-account" {
			t.Errorf("%s: one change closes it, not %d", name, len(plan.Changes))
		}
		changed, err := Apply(a, plan.Changes)
		if err != nil {
			t.Fatal(err)
		}
		if p := plan.Changes[at].Policy.Policy(changed); len(p.Statements) != c.kept {
			t.Errorf("%s: the policy has %d statements after it, not %d", name, len(p.Statements), c.kept)
		}
		again, err := Analyze(changed, q)
		if err != nil {
			t.Fatal(err)
		}
		if open(again) {
			t.Errorf("%s: the way is still there after %s", name, plan.Changes[at].What.EN)
		}
	}
}

// TestWithdrawKeepsTheKey: what alone lets the account manage its key is never taken out.
func TestWithdrawKeepsTheKey(t *testing.T) {
	d := draft.New("123456789012")
	d.User("ann")
	key := d.Key("k1", draft.Allow("kms:*", "*").To("arn:aws:iam::123456789012:user/ann", "arn:aws:iam::999999999999:role/audit"))
	a := d.Load(t)
	res, err := Analyze(a, Question{Keys: []string{key}})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := Close(a, res, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range plan.Changes {
		if c.Policy.Kind == "key" && c.Op != AddDeny {
			t.Errorf("%s: nobody could manage the key", c.What.EN)
		}
	}
	if !slices.ContainsFunc(plan.Left, func(l Left) bool { return strings.HasSuffix(l.Principal, "role/audit") }) {
		t.Errorf("left: %+v", plan.Left)
	}
}

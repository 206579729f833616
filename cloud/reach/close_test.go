package reach

import (
	"slices"
	"testing"
	"time"

	"strongroom/cloud/account/draft"
)

const content = "arn:aws:iam::123456789012:role/content"

// room is an account with a bucket of recordings that the content servers read, and with
// several people who should not.
func room() *draft.Account {
	a := draft.New("123456789012")
	key := a.Key("k1")
	r := a.Role("content", "ec2.amazonaws.com").Can(
		draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*"), draft.Allow("kms:Decrypt", key))
	profile := r.Profile()
	a.Bucket("calls").Encrypted("calls", key)
	a.Instance("i-1", profile)
	a.User("reader").Can(draft.Allow("s3:GetObject", "arn:aws:s3:::calls/2026/*"), draft.Allow("kms:Decrypt", "*"))
	a.User("keyless").Can(draft.Allow("s3:GetObject", "*"))
	a.User("launcher").Can(draft.Allow("iam:PassRole", content), draft.Allow("ec2:RunInstances", "*"))
	a.User("writer").Can(draft.Allow("iam:PutUserPolicy", "arn:aws:iam::123456789012:user/writer"))
	a.User("clerk").Can(draft.Allow("s3:ListAllMyBuckets", "*"))
	return a
}

var calls = Question{Buckets: []string{"calls"}, Intended: []Intended{{Role: content}}}

func who(res *Result) map[string]Certainty {
	out := map[string]Certainty{}
	for _, f := range res.Findings {
		out[f.Principal.Name] = f.Certainty
	}
	return out
}

func TestRoom(t *testing.T) {
	res, err := Analyze(room().Load(t), calls)
	if err != nil {
		t.Fatal(err)
	}
	got := who(res)
	want := map[string]Certainty{"reader": Certain, "launcher": Certain, "writer": Certain, "root": Certain}
	for name, c := range want {
		if got[name] != c {
			t.Errorf("%s: %s, not %s", name, got[name], c)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: %s; reading takes the key too, and nobody else has a way", name, got[name])
		}
	}
	if len(res.Intended) != 1 || res.Intended[0].Principal.ARN != content || res.Intended[0].Certainty != Certain {
		t.Errorf("intended: %+v", res.Intended)
	}
	for _, r := range res.Routes {
		open := slices.Contains([]string{"s3-get", "root-user", "ec2-run", "user-inline", "kms-decrypt"}, r.ID)
		if open && r.Status != Open {
			t.Errorf("route %s is %s: %s", r.ID, r.Status, r.Why.EN)
		}
		if r.Status == Open && r.WhoTotal == 0 || r.Status == Closed && (r.WhoTotal != 0 || len(r.Missing) > 0) {
			t.Errorf("route %s is %s with %d who can take it, and %q missing", r.ID, r.Status, r.WhoTotal, r.Missing)
		}
	}
}

func TestClose(t *testing.T) {
	a := room().Load(t)
	res, err := Analyze(a, calls)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := Close(a, res, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Changes) == 0 || !plan.Irredundant || !plan.Smallest {
		t.Fatalf("%+v", plan)
	}
	if len(plan.Left) != 1 || plan.Left[0].Principal != "arn:aws:iam::123456789012:root" {
		t.Errorf("left: %+v", plan.Left)
	}
	after := func(changes []Change) map[string]Certainty {
		b, err := Apply(a, changes)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Analyze(b, calls)
		if err != nil {
			t.Fatal(err)
		}
		if len(again.Intended) != 1 || again.Intended[0].Certainty != Certain {
			t.Errorf("the content servers no longer read: %+v", again.Intended)
		}
		out := who(again)
		delete(out, "root")
		return out
	}
	if left := after(plan.Changes); len(left) != 0 {
		t.Errorf("after all changes: %v", left)
	}
	for i, c := range plan.Changes {
		if left := after(slices.Delete(slices.Clone(plan.Changes), i, i+1)); len(left) == 0 {
			t.Errorf("%s is not needed", c.What.EN)
		}
	}
	if still, err := Analyze(a, calls); err != nil || len(who(still)) != len(who(res)) {
		t.Errorf("the account itself was changed: %v, %v", who(still), err)
	}
}

// TestServersAndLogon: what comes to hold the role beside the declared servers is told.
func TestServersAndLogon(t *testing.T) {
	d := room()
	d.List("managed-instances", draft.Document{"InstanceId": "i-1", "PingStatus": "Online"})
	d.User("operator").Can(draft.Allow("ssm:StartSession", "*"))
	q := calls
	q.Intended = []Intended{{Role: content, Servers: []string{"arn:aws:ec2:eu-west-1:123456789012:instance/i-1"}}}
	d.Instance("i-2", "arn:aws:iam::123456789012:instance-profile/content")
	res, err := Analyze(d.Load(t), q)
	if err != nil {
		t.Fatal(err)
	}
	if got := who(res)["operator"]; got != Certain {
		t.Errorf("operator: %s", got)
	}
	if len(res.Logon) != 2 {
		t.Fatalf("%d servers, not 2", len(res.Logon))
	}
	one, two := res.Logon[0], res.Logon[1]
	if !one.Declared || two.Declared {
		t.Errorf("declared: %t, %t; only the first is", one.Declared, two.Declared)
	}
	if one.Shell != Open || two.Shell != Closed {
		t.Errorf("shells: %s (%s), %s (%s)", one.Shell, one.Why.EN, two.Shell, two.Why.EN)
	}
	ssm := one.Ways[slices.IndexFunc(one.Ways, func(w LogonWay) bool { return w.Rule == "ssm-session" })]
	if ssm.Status != Open || len(ssm.Who) != 1 || ssm.Who[0].Principal != "arn:aws:iam::123456789012:user/operator" {
		t.Errorf("%+v", ssm)
	}
	// Without the list of managed instances nobody can say that there is no shell.
	res, err = Analyze(room().Without("managed-instances").Load(t), calls)
	if err != nil {
		t.Fatal(err)
	}
	if res.Logon[0].Shell != NotKnown {
		t.Errorf("without the list of agents: %s", res.Logon[0].Shell)
	}
}

func TestQuestionsThatCannotBeAsked(t *testing.T) {
	a := room().Load(t)
	for _, q := range []Question{{}, {Buckets: []string{"nowhere"}}, {Keys: []string{"nokey"}}, {Admin: true, Chains: 1000},
		{Admin: true, From: []string{"arn:aws:iam::123456789012:user/nobody"}}, {Admin: true, Intended: []Intended{{Role: "arn:aws:iam::123456789012:role/none"}}}} {
		if _, err := Analyze(a, q); err == nil {
			t.Errorf("%+v was answered", q)
		}
	}
}

// TestFromOutside: a supplier's account and a role of it, which the account's own policies
// name or not.
func TestFromOutside(t *testing.T) {
	d := room()
	d.Role("supplier", "arn:aws:iam::444455556666:role/export").Can(draft.Allow("sts:AssumeRole", "*"))
	d.Role("inner", "arn:aws:iam::123456789012:root").Can(draft.Allow("s3:GetObject", "*"), draft.Allow("kms:Decrypt", "*"))
	q := calls
	q.From = []string{"arn:aws:iam::444455556666:role/export", "777788889999"}
	res, err := Analyze(d.Load(t), q)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Findings) != 1 {
		t.Fatalf("%v", who(res))
	}
	f := res.Findings[0]
	if f.Certainty != Certain || len(f.Chains[0].Steps) != 3 {
		t.Errorf("%s by %q; it should go through supplier and inner", f.Certainty, rulesOf(f.Chains))
	}
	// The number of an account means whoever in it the policies name, too.
	for _, from := range []string{"444455556666", "arn:aws:iam::444455556666:root"} {
		q.From = []string{from}
		if res := analyzed(t, d, q); of(res, "arn:aws:iam::444455556666:role/export").Certainty != Certain {
			t.Errorf("from %s: %v", from, who(res))
		}
	}
	q.From = []string{"arn:aws:iam::444455556666:role/another"}
	if res := analyzed(t, d, q); len(res.Findings) != 0 {
		t.Errorf("from another role of that account: %v", who(res))
	}
}

package reach

import (
	"encoding/json"
	"slices"
	"testing"

	"strongroom/cloud/account/draft"
)

func findingOf(t *testing.T, a *draft.Account, q Question, name string) (Finding, bool) {
	t.Helper()
	res, err := Analyze(a.Load(t), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range res.Findings {
		if f.Principal.Name == name {
			check(t, f, f.Chains[0])
			return f, true
		}
	}
	return Finding{}, false
}

// TestDegreesOfCertainty: the same grant, under a condition, and with inputs left out.
func TestDegreesOfCertainty(t *testing.T) {
	read := draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*")
	for name, c := range map[string]struct {
		make func(*draft.Account)
		want Certainty
	}{
		"granted": {func(a *draft.Account) { a.User("eve").Can(read) }, Certain},
		"with MFA": {func(a *draft.Account) {
			a.User("eve").Can(read.If("Bool", "aws:MultiFactorAuthPresent", "true"))
		}, Possible},
		"no service control policies supplied": {func(a *draft.Account) { a.User("eve").Can(read); a.Without("organization") }, Possible},
		"bucket policy not supplied":           {func(a *draft.Account) { a.User("eve").Can(read); a.Without("bucket-policy") }, Possible},
		"encryption not supplied":              {func(a *draft.Account) { a.User("eve").Can(read); a.Without("bucket-encryption") }, Possible},
		"a policy that the export lacks":       {func(a *draft.Account) { a.User("eve").Attach("arn:aws:iam::123456789012:policy/lost") }, Unknown},
		"long over": {func(a *draft.Account) {
			a.User("eve").Can(read.If("DateLessThan", "aws:CurrentTime", "2020-01-01T00:00:00Z"))
		}, No},
		"denied elsewhere in the network": {func(a *draft.Account) {
			a.User("eve").Can(read, draft.Deny("s3:*", "*").If("StringNotEquals", "aws:SourceVpce", "vpce-1"))
		}, Possible},
		"denied": {func(a *draft.Account) { a.User("eve").Can(read, draft.Deny("s3:Get*", "*")) }, No},
		"bounded": {func(a *draft.Account) {
			a.User("eve").Can(read).Bound(a.Managed("bound", draft.Allow("ec2:*", "*")))
		}, No},
		"functions not supplied": {func(a *draft.Account) {
			a.Role("worker", "lambda.amazonaws.com").Can(read)
			a.User("eve").Can(draft.Allow("lambda:UpdateFunctionCode lambda:InvokeFunction", "*"))
			a.Without("functions")
		}, Unknown},
		"no function": {func(a *draft.Account) {
			a.Role("worker", "lambda.amazonaws.com").Can(read)
			a.User("eve").Can(draft.Allow("lambda:UpdateFunctionCode lambda:InvokeFunction", "*"))
		}, No},
	} {
		a := draft.New("123456789012").Bucket("calls")
		c.make(a)
		f, _ := findingOf(t, a, Question{Buckets: []string{"calls"}}, "eve")
		if f.Certainty != c.want {
			t.Errorf("%s: %s, not %s", name, f.Certainty, c.want)
		}
		if f.Certainty == Unknown && len(f.Missing) == 0 {
			t.Errorf("%s: unknown, and nothing is said to be missing", name)
		}
		if f.Certainty == Possible && len(f.Missing) == 0 && len(f.Chains[0].Steps[0].Conditions) == 0 {
			t.Errorf("%s: possible, without a condition or a missing input", name)
		}
	}
}

// TestWrittenPolicies: who may write a policy gets what the ceilings leave.
func TestWrittenPolicies(t *testing.T) {
	put := draft.Allow("iam:PutUserPolicy", "*")
	for name, c := range map[string]struct {
		make func(*draft.Account, *draft.Principal)
		want Certainty
	}{
		"free": {func(a *draft.Account, eve *draft.Principal) { eve.Can(put) }, Certain},
		"bounded": {func(a *draft.Account, eve *draft.Principal) {
			eve.Can(put).Bound(a.Managed("bound", draft.Allow("iam:*", "*"), draft.Deny("iam:*Boundary iam:CreateRole iam:CreateUser", "*")))
		}, No},
		"bounded, and may make others without a boundary": {func(a *draft.Account, eve *draft.Principal) {
			eve.Can(put).Bound(a.Managed("bound", draft.Allow("iam:*", "*"), draft.Deny("iam:*Boundary", "*")))
		}, Certain},
		"bounded, and may lift the boundary": {func(a *draft.Account, eve *draft.Principal) {
			eve.Can(put).Bound(a.Managed("bound", draft.Allow("iam:*", "*")))
		}, Certain},
		"denied by a managed policy that it may then detach": {func(a *draft.Account, eve *draft.Principal) {
			eve.Can(put).Attach(a.Managed("no", draft.Deny("s3:*", "*")))
		}, Certain},
		"denied by a managed policy that keeps itself": {func(a *draft.Account, eve *draft.Principal) {
			eve.Can(put).Attach(a.Managed("no", draft.Deny("s3:* iam:Detach* iam:*Policy* iam:CreateAccessKey iam:*LoginProfile iam:PassRole iam:UpdateAssumeRolePolicy sts:*", "*")))
		}, No},
		"of one group": {func(a *draft.Account, eve *draft.Principal) {
			a.Group("staff")
			eve.In("staff").Can(draft.Allow("iam:AttachGroupPolicy", "arn:aws:iam::123456789012:group/staff"))
		}, Certain},
	} {
		a := draft.New("123456789012").Bucket("calls")
		c.make(a, a.User("eve"))
		f, _ := findingOf(t, a, Question{Buckets: []string{"calls"}}, "eve")
		if f.Certainty != c.want {
			t.Errorf("%s: %s by %q, not %s", name, f.Certainty, rulesOf(f.Chains), c.want)
		}
	}
}

// TestKeys: reading takes the key, and the key's policy may be rewritten.
func TestKeys(t *testing.T) {
	read := draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*")
	for name, c := range map[string]struct {
		key  []draft.Statement
		eve  []draft.Statement
		want Certainty
	}{
		"without the key":                       {nil, []draft.Statement{read}, No},
		"with the key":                          {nil, []draft.Statement{read, draft.Allow("kms:Decrypt", "*")}, Certain},
		"the key's policy does not delegate":    {[]draft.Statement{draft.Allow("kms:*", "*").To("arn:aws:iam::123456789012:role/keeper")}, []draft.Statement{read, draft.Allow("kms:*", "*")}, No},
		"may rewrite the key's policy":          {nil, []draft.Statement{read, draft.Allow("kms:PutKeyPolicy", "*")}, Certain},
		"may give itself a grant":               {nil, []draft.Statement{read, draft.Allow("kms:CreateGrant", "*")}, Certain},
		"the key for other services' requests":  {nil, []draft.Statement{read, draft.Allow("kms:Decrypt", "*").If("StringEquals", "kms:ViaService", "sqs.eu-west-1.amazonaws.com")}, No},
		"the key for requests by way of S3":     {nil, []draft.Statement{read, draft.Allow("kms:Decrypt", "*").If("StringEquals", "kms:ViaService", "s3.eu-west-1.amazonaws.com")}, Certain},
		"may re-encrypt under another key":      {nil, []draft.Statement{read, draft.Allow("kms:ReEncryptFrom", "*")}, Possible},
		"the key alone":                         {nil, []draft.Statement{draft.Allow("kms:Decrypt", "*")}, No},
		"the key, and the bucket's policy":      {nil, []draft.Statement{draft.Allow("kms:Decrypt", "*"), draft.Allow("s3:PutBucketPolicy", "*")}, Certain},
		"objects of a part of the bucket alone": {nil, []draft.Statement{draft.Allow("s3:GetObject", "arn:aws:s3:::calls/reports/*"), draft.Allow("kms:Decrypt", "*")}, Certain},
	} {
		a := draft.New("123456789012")
		if c.key != nil {
			a.Role("keeper", "ec2.amazonaws.com")
		}
		a.Bucket("calls").Encrypted("calls", a.Key("k", c.key...))
		a.User("eve").Can(c.eve...)
		f, _ := findingOf(t, a, Question{Buckets: []string{"calls"}}, "eve")
		if f.Certainty != c.want {
			t.Errorf("%s: %s by %q, not %s", name, f.Certainty, rulesOf(f.Chains), c.want)
		}
	}
}

// TestNamedByAKey: who may become the one whom the key alone lets use it, or who has a grant,
// reads, where an administrator as such does not.
func TestNamedByAKey(t *testing.T) {
	for _, how := range []string{"policy", "grant"} {
		a := draft.New("123456789012")
		a.User("keeper")
		keeper, named := "arn:aws:iam::123456789012:user/keeper", "arn:aws:iam::123456789012:user/keeper"
		if how == "grant" {
			named = "arn:aws:iam::444455556666:user/elsewhere"
		}
		key := a.Key("k", draft.Allow("kms:*", "*").To(named))
		if how == "grant" {
			a.Grant("k", keeper, "Decrypt")
		}
		a.Bucket("calls").Encrypted("calls", key)
		a.User("admin").Can(draft.Allow("*", "*"))
		f, found := findingOf(t, a, Question{Buckets: []string{"calls"}}, "admin")
		if !found || f.Certainty != Certain {
			t.Errorf("named by a %s: an administrator reads by %q, %s", how, rulesOf(f.Chains), f.Certainty)
		}
	}
}

// TestEveryRouteIsListed: each rule has a row, and one that is closed lacks no input.
func TestEveryRouteIsListed(t *testing.T) {
	a := draft.New("123456789012").Bucket("calls")
	q := Question{Buckets: []string{"calls"}}
	whole, err := Analyze(a.Load(t), q)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(DefaultRules().Rules) - 2; len(whole.Routes) != n { // without who is an administrator, which was not asked, and what S3 replicates, where another ends
		t.Errorf("%d routes, not %d", len(whole.Routes), n)
	}
	for _, r := range whole.Routes {
		if r.Status != Closed && r.ID != "root-user" {
			t.Errorf("%s of an account without principals is %s: %s", r.ID, r.Status, r.Why.EN)
		}
	}
	lacking, err := Analyze(draft.New("123456789012").Bucket("calls").Without("functions", "instances", "trails", "bucket-policy").Load(t), q)
	if err != nil {
		t.Fatal(err)
	}
	for id, input := range map[string]string{"lambda-code-invoke": "functions", "ssm-session": "instances", "trail-stop": "trails", "s3-get": "bucket-policy"} {
		i := slices.IndexFunc(lacking.Routes, func(r Route) bool { return r.ID == id })
		if r := lacking.Routes[i]; r.Status != NotKnown || !slices.Contains(r.Missing, input) {
			t.Errorf("%s without %s is %s, missing %q", id, input, r.Status, r.Missing)
		}
	}
}

// TestSameBytes: the same question gives the same answer, byte for byte.
func TestSameBytes(t *testing.T) {
	var first []byte
	for range 3 {
		res, err := Analyze(made(t, 60, 6), Question{Admin: true, Buckets: everyBucket(made(t, 60, 6))})
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(res)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
		} else if string(b) != string(first) {
			t.Fatal("two answers to one question differ")
		}
	}
}

// TestKeyOfAnotherAccount: whoever is not let use a key by their own policies does not use one of
// another account, whatever its policy says.
func TestKeyOfAnotherAccount(t *testing.T) {
	const key = "arn:aws:kms:eu-west-1:444455556666:key/theirs"
	a := draft.New("123456789012").Bucket("calls", draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*").To("arn:aws:iam::444455556666:role/app")).Encrypted("calls", key)
	read := draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*")
	a.User("reads").Can(read)
	a.User("both").Can(read, draft.Allow("kms:Decrypt", key))
	res := analyzed(t, a, Question{})
	for who, want := range map[string]Certainty{"reads": No, "both": Unknown, "arn:aws:iam::444455556666:role/app": Unknown} {
		if got := of(res, who).Certainty; got != want {
			t.Errorf("%s: %s, not %s", who, got, want)
		}
	}
}

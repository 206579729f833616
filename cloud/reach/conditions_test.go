package reach

import (
	"slices"
	"strings"
	"testing"

	"strongroom/cloud/account/draft"
)

const (
	github = "arn:aws:iam::" + truthAccount + ":oidc-provider/token.actions.githubusercontent.com"
	claims = "token.actions.githubusercontent.com:"
)

// federated is a role that reads the calls, and that a provider's subjects take on.
func federated(a *draft.Account, name string, trust draft.Statement) string {
	return a.RoleTrusting(name, trust).Can(draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*")).ARN
}

func web(provider string) draft.Statement {
	return draft.Allow("sts:AssumeRoleWithWebIdentity").To(provider)
}

// The widest trust in a provider is told before narrower ones, whatever their names.
func TestAnySubject(t *testing.T) {
	a := draft.New(truthAccount)
	a.Bucket("calls")
	a.List("oidc-providers", draft.Document{"Arn": github})
	aud := func() draft.Statement {
		return web(github).If("StringEquals", claims+"aud", "sts.amazonaws.com")
	}
	federated(a, "a-narrow", aud().If("StringLike", claims+"sub", "repo:acme/*"))
	federated(a, "b-exact", aud().If("StringEquals", claims+"sub", "repo:acme/calls:ref:refs/heads/main"))
	any := federated(a, "y-any", aud().If("StringLike", claims+"sub", "repo:*"))
	not := federated(a, "y-not", aud().If("StringNotLike", claims+"sub", "repo:other/*"))
	none := federated(a, "z-none", aud())
	res := analyzed(t, a, Question{})
	f := of(res, github)
	if len(f.Chains) == 0 || f.Chains[0].Steps[0].Rule != "oidc-subject" {
		t.Fatalf("the first chain is not that of anybody: %q", rulesOf(f.Chains))
	}
	if to := f.Chains[0].Steps[0].To.ARN; to != any {
		t.Errorf("the first chain leads to %s", to)
	}
	if r := routeOf(t, res, "oidc-subject"); r.Status != Open || !slices.Equal(r.Into, []string{any, not, none}) {
		t.Errorf("%v into %q", r.Status, r.Into)
	}
	for _, r := range res.Routes {
		if r.ID != "oidc-subject" && len(r.Into) > 0 {
			t.Errorf("%s into %q", r.ID, r.Into)
		}
	}
}

// A provider that there is not vouches for nobody, until somebody makes it.
func TestProviderThatThereIsNot(t *testing.T) {
	for _, x := range []struct{ provider, input, create, change, rule string }{
		{github, "oidc-providers", "iam:CreateOpenIDConnectProvider", "iam:AddClientIDToOpenIDConnectProvider", "oidc-provider"},
		{"arn:aws:iam::" + truthAccount + ":saml-provider/corp", "saml-providers", "iam:CreateSAMLProvider", "iam:UpdateSAMLProvider", "saml-provider"},
	} {
		account := func(there bool) *draft.Account {
			a := draft.New(truthAccount)
			a.Bucket("calls")
			action := "sts:AssumeRoleWithWebIdentity"
			if x.rule == "saml-provider" {
				action = "sts:AssumeRoleWithSAML"
			}
			federated(a, "reader", draft.Allow(action).To(x.provider))
			a.User("maker").Can(draft.Allow(x.create, "*"))
			a.User("changer").Can(draft.Allow(x.change, "*"))
			if there {
				a.List(x.input, draft.Document{"Arn": x.provider})
			}
			return a
		}
		res := analyzed(t, account(true), Question{})
		if of(res, x.provider).Certainty < Possible || of(res, "changer").Certainty < Possible || of(res, "maker").Certainty != No {
			t.Errorf("%s is there: %v", x.provider, who(res))
		}
		res = analyzed(t, account(false), Question{})
		if of(res, x.provider).Certainty != No || of(res, "changer").Certainty != No || of(res, "maker").Certainty < Possible {
			t.Errorf("%s is not there: %v", x.provider, who(res))
		}
		if r := routeOf(t, res, x.rule); r.Status != Open || r.WhoTotal == 0 {
			t.Errorf("%s is not there, route %v", x.provider, r.Status)
		}
		if r := routeOf(t, res, "oidc-subject"); r.Status == Open {
			t.Errorf("%s is not there, and anybody there is let in: %q", x.provider, r.Into)
		}
		res = analyzed(t, account(false).Without(x.input), Question{})
		if of(res, x.provider).Certainty < Possible || of(res, "changer").Certainty < Possible {
			t.Errorf("nobody says whether %s is there: %v", x.provider, who(res))
		}
	}
}

// What S3 tells a key about objects is known from the bucket: its ARN, or theirs.
func TestEncryptionContext(t *testing.T) {
	const key = "kms:EncryptionContext:aws:s3:arn"
	a := draft.New(truthAccount)
	a.Bucket("calls")
	read := draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*")
	var own []draft.Statement
	user := func(name, operator string, values ...string) {
		u := a.User(name).Can(read)
		own = append(own, draft.Allow("kms:Decrypt", "*").To(u.ARN).If(operator, key, values...))
	}
	user("both", "StringLike", "arn:aws:s3:::calls*")
	user("bucket", "StringEquals", "arn:aws:s3:::calls")
	user("objects", "ArnLike", "arn:aws:s3:::calls/*")
	user("some", "StringLike", "arn:aws:s3:::*/reports/*")
	user("one", "StringEquals", "arn:aws:s3:::calls/one")
	user("other", "StringLike", "arn:aws:s3:::other*")
	user("elsewhere", "StringEquals", "arn:aws:s3:::other", "arn:aws:s3:::other/x")
	user("not", "StringNotLike", "arn:aws:s3:::calls*")
	user("others", "StringNotLike", "arn:aws:s3:::other*")
	a.User("identity").Can(read, draft.Allow("kms:Decrypt", "*").If("StringLike", key, "arn:aws:s3:::other*"))
	a.User("plain").Can(read, draft.Allow("kms:Decrypt", "*"))
	own = append(own, draft.Allow("kms:*", "*").To(rootARN))
	a.Encrypted("calls", a.Key("k", own...))
	res := analyzed(t, a, Question{})
	for name, want := range map[string]Certainty{"both": Certain, "others": Certain, "plain": Certain, "bucket": Possible, "objects": Possible, "some": Possible, "one": Possible,
		"other": No, "elsewhere": No, "not": No, "identity": No} {
		f := of(res, name)
		if f.Certainty != want {
			t.Errorf("%s: %v, not %v", name, f.Certainty, want)
		}
		if want == Possible && !asks(f, key) {
			t.Errorf("%s: nothing says on what it depends: %+v", name, f.Chains)
		}
	}
}

// Nobody who gives a grant to themselves gives it for a resource of a service's.
func TestGrantForAResource(t *testing.T) {
	a := draft.New(truthAccount)
	a.Bucket("calls")
	read := draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*")
	service, free := a.User("service").Can(read), a.User("free").Can(read)
	grant := draft.Allow("kms:CreateGrant", "*")
	a.Encrypted("calls", a.Key("k", grant.To(service.ARN).If("Bool", "kms:GrantIsForAWSResource", "true"), grant.To(free.ARN)))
	res := analyzed(t, a, Question{})
	if of(res, "service").Certainty != No || of(res, "free").Certainty != Certain {
		t.Errorf("%v", who(res))
	}
}

// Lasting credentials have no time of issue: a user meets a condition on it with temporary ones
// only, a role's session has one.
func TestTimeOfIssue(t *testing.T) {
	const key = "aws:TokenIssueTime"
	a := draft.New(truthAccount)
	a.Bucket("calls")
	read := draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*")
	young := draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*").If("DateGreaterThan", key, "2020-01-01T01:01:01Z")
	old := draft.Deny("*", "*").If("DateLessThan", key, "2020-01-01T00:00:00Z")
	a.User("young").Can(young)
	a.User("late").Can(draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*").If("DateLessThan", key, "2020-01-01T01:01:01Z"))
	a.User("lasting").Can(draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*").If("Null", key, "true"))
	a.User("revoked").Can(read, old)
	role := a.Role("role", rootARN).Can(young, old)
	a.User("taker").Can(draft.Allow("sts:AssumeRole", role.ARN))
	res := analyzed(t, a, Question{})
	for name, want := range map[string]Certainty{"young": Possible, "late": No, "lasting": Possible, "revoked": Certain, "role": Certain, "taker": Certain} {
		f := of(res, name)
		if f.Certainty != want {
			t.Errorf("%s: %v, not %v", name, f.Certainty, want)
		}
		if want == Possible && !asks(f, key) {
			t.Errorf("%s: nothing says on what it depends: %+v", name, f.Chains)
		}
	}
}

// named says whether a chain of a finding names a condition's key.
func asks(f Finding, key string) bool {
	return slices.ContainsFunc(f.Chains, func(c Chain) bool {
		return slices.ContainsFunc(c.Steps, func(s Step) bool {
			return slices.ContainsFunc(s.Conditions, func(x Condition) bool { return strings.EqualFold(x.Key, key) })
		})
	})
}

// TestRegions: a request to a bucket, a key or a server is made in its region, one to IAM in
// us-east-1; where something new is made, whoever makes it chooses.
func TestRegions(t *testing.T) {
	const elsewhere = "eu-central-1"
	build := func(regions ...string) *draft.Account {
		a := draft.New(truthAccount).Bucket("calls")
		a.Encrypted("calls", a.Key("k"))
		use := draft.Allow("s3:GetObject kms:Decrypt", "*")
		app := a.Role("app", "ec2.amazonaws.com", "lambda.amazonaws.com").Can(use)
		app.Profile()
		a.Function("work", app.ARN)
		a.User("reader").Can(use)
		a.User("coder").Can(draft.Allow("lambda:UpdateFunctionCode lambda:InvokeFunction", "*"))
		a.User("starter").Can(draft.Allow("ec2:RunInstances iam:PassRole", "*"))
		a.User("keys").Can(draft.Allow("iam:CreateAccessKey", "*"))
		a.User("points").Can(draft.Allow("s3:CreateAccessPoint s3:PutAccessPointPolicy kms:Decrypt s3:GetObject", "*"))
		return organization(a, draft.Deny("*", "*").If("StringNotEquals", "aws:RequestedRegion", regions...))
	}
	for name, c := range map[string]struct {
		regions []string
		want    map[string]Certainty
	}{
		"where all is, and IAM": {[]string{draft.Region, "us-east-1"}, map[string]Certainty{"app": Certain, "reader": Certain, "coder": Certain, "points": Certain, "starter": Possible, "keys": Certain}},
		"where all is":          {[]string{draft.Region}, map[string]Certainty{"app": Certain, "reader": Certain, "coder": Certain, "points": Certain, "starter": Possible}},
		"elsewhere":             {[]string{elsewhere, "us-east-1"}, map[string]Certainty{}},
	} {
		res := analyzed(t, build(c.regions...), Question{})
		for _, who := range []string{"app", "reader", "coder", "starter", "keys", "points"} {
			if got := of(res, who).Certainty; got != c.want[who] {
				t.Errorf("%s: %s %s, not %s", name, who, got, c.want[who])
			}
		}
	}
	// A bucket whose region nobody supplied may lie anywhere.
	a := build(elsewhere, "us-east-1").Without("bucket-location")
	if got := of(analyzed(t, a, Question{}), "reader").Certainty; got != No { // the key's region is known
		t.Errorf("a bucket of unknown region and a key elsewhere: %s", got)
	}
	a = organization(draft.New(truthAccount).Bucket("calls").Without("bucket-location"), draft.Deny("*", "*").If("StringNotEquals", "aws:RequestedRegion", elsewhere))
	a.User("reader").Can(draft.Allow("s3:GetObject", "*"))
	if got := of(analyzed(t, a, Question{}), "reader").Certainty; got != Possible {
		t.Errorf("a bucket of unknown region: %s", got)
	}
}

// TestTransport: what denies requests without encryption, or with old encryption, denies nobody
// anything.
func TestTransport(t *testing.T) {
	old := draft.Deny("s3:*", "arn:aws:s3:::calls", "arn:aws:s3:::calls/*").To("*").If("NumericLessThan", "s3:TlsVersion", "1.2")
	plain := draft.Deny("s3:*", "arn:aws:s3:::calls", "arn:aws:s3:::calls/*").To("*").If("Bool", "aws:SecureTransport", "false")
	a := draft.New(truthAccount).Bucket("calls", old, plain)
	a.User("reader").Can(draft.Allow("s3:GetObject", "*"))
	if f := of(analyzed(t, a, Question{}), "reader"); f.Certainty != Certain {
		t.Errorf("%s under %+v", f.Certainty, f.Chains[0].Steps[0].Conditions)
	}
}

// TestUserID: a bucket that is closed to all but the unique id of a role is closed to others,
// whatever they call their sessions.
func TestUserID(t *testing.T) {
	a := draft.New(truthAccount)
	app := a.Role("app", "ec2.amazonaws.com").Can(draft.Allow("s3:GetObject", "*"))
	a.Role("other", rootARN).Can(draft.Allow("s3:GetObject", "*"))
	a.User("enters").Can(draft.Allow("sts:AssumeRole", "*"))
	a.Bucket("calls", draft.Deny("s3:*", "arn:aws:s3:::calls", "arn:aws:s3:::calls/*").To("*").If("StringNotLike", "aws:userId", app.ID+":*", truthAccount))
	res := analyzed(t, a, Question{})
	for who, want := range map[string]Certainty{"app": Certain, "other": No, "enters": No, "root": Certain} {
		if got := of(res, who).Certainty; got != want {
			t.Errorf("%s: %s, not %s", who, got, want)
		}
	}
}

// TestParts: a grant on a part of a bucket says of which.
func TestParts(t *testing.T) {
	a := draft.New(truthAccount).Bucket("calls", draft.Deny("s3:GetObject", "arn:aws:s3:::calls/secret/*").To("arn:aws:iam::"+truthAccount+":user/most"))
	a.User("all").Can(draft.Allow("s3:Get*", "*"))
	a.User("some").Can(draft.Allow("s3:GetObject", "*").If("StringEquals", "s3:ExistingObjectTag/open", "yes"),
		draft.Allow("s3:GetObject", "arn:aws:s3:::calls/reports/*", "arn:aws:s3:::*/*SageMaker*", "arn:aws:s3:::site/*"))
	a.User("most").Can(draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*"))
	a.User("rest").Can(draft.Statement{"Effect": "Allow", "Action": "s3:GetObject", "NotResource": []string{"arn:aws:s3:::calls/private/*"}})
	res := analyzed(t, a, Question{})
	for who, want := range map[string][2][]string{
		"all":  {},
		"some": {{"arn:aws:s3:::calls/reports/*", "arn:aws:s3:::*/*SageMaker*"}, nil},
		"most": {nil, {"arn:aws:s3:::calls/secret/*"}},
		"rest": {nil, {"arn:aws:s3:::calls/private/*"}},
	} {
		act := of(res, who).Chains[0].Steps[0].Actions[0]
		if !slices.Equal(act.Only, want[0]) || !slices.Equal(act.Except, want[1]) {
			t.Errorf("%s: only %q, except %q", who, act.Only, act.Except)
		}
	}
}

// TestSourceOfAService: what asks for the resource on whose behalf a service calls lets nobody
// else, and denies to everybody else what it denies without it.
func TestSourceOfAService(t *testing.T) {
	topic := "arn:aws:sns:*:" + truthAccount + ":*"
	let := draft.New(truthAccount).Bucket("calls", draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*").To("*").If("ArnLike", "aws:SourceArn", topic),
		draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*").To("macie.amazonaws.com").If("StringEquals", "aws:SourceAccount", truthAccount))
	let.User("eve")
	res := analyzed(t, let, Question{})
	if of(res, "eve").Certainty != No || of(res, "macie.amazonaws.com").Certainty < Possible {
		t.Errorf("%v", who(res))
	}
	deny := draft.New(truthAccount).Bucket("calls", draft.Deny("s3:GetObject", "arn:aws:s3:::calls/*").To("*").If("StringNotEquals", "aws:SourceAccount", truthAccount))
	deny.User("eve").Can(draft.Allow("s3:GetObject", "*"))
	if got := of(analyzed(t, deny, Question{}), "eve").Certainty; got != No {
		t.Errorf("denied to all but services of the account: %s", got)
	}
	deny = draft.New(truthAccount).Bucket("calls", draft.Deny("s3:GetObject", "arn:aws:s3:::calls/*").To("*").If("StringNotEqualsIfExists", "aws:SourceAccount", truthAccount).If("Null", "aws:SourceAccount", "false"))
	deny.User("eve").Can(draft.Allow("s3:GetObject", "*"))
	if got := of(analyzed(t, deny, Question{}), "eve").Certainty; got != Certain {
		t.Errorf("denied to services of other accounts: %s", got)
	}
	// A service still takes on a role whose trust asks for it.
	a := draft.New(truthAccount).Bucket("calls")
	a.RoleTrusting("app", draft.Allow("sts:AssumeRole").To("lambda.amazonaws.com").If("ArnLike", "aws:SourceArn", "arn:aws:lambda:*:"+truthAccount+":function:*")).Can(draft.Allow("s3:GetObject", "*"))
	a.User("maker").Can(draft.Allow("lambda:CreateFunction lambda:InvokeFunction iam:PassRole", "*"))
	if got := of(analyzed(t, a, Question{}), "maker").Certainty; got < Possible {
		t.Errorf("a role for functions alone: %s", got)
	}
}

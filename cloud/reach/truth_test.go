package reach

import (
	"slices"
	"strings"
	"testing"

	"strongroom/cloud/account/draft"
)

const (
	truthAccount = "123456789012"
	rootARN      = "arn:aws:iam::" + truthAccount + ":root"
)

func analyzed(t *testing.T, a *draft.Account, q Question) *Result {
	t.Helper()
	if len(q.Buckets)+len(q.Keys) == 0 && !q.Admin {
		q.Buckets = []string{"calls"}
	}
	res, err := Analyze(a.Load(t), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range res.Findings {
		for _, c := range f.Chains {
			check(t, f, c)
		}
	}
	return res
}

func routeOf(t *testing.T, res *Result, id string) Route {
	t.Helper()
	for _, r := range res.Routes {
		if r.ID == id {
			return r
		}
	}
	t.Fatalf("there is no route %s", id)
	return Route{}
}

func of(res *Result, name string) Finding {
	for _, f := range res.Findings {
		if f.Principal.Name == name || f.Principal.ARN == name {
			return f
		}
	}
	return Finding{}
}

// organization puts an account into an organization with one service control policy.
func organization(a *draft.Account, scp ...draft.Statement) *draft.Account {
	a.Answer("organization", "", draft.Document{"Organization": draft.Document{"Id": "o-1", "MasterAccountId": "999999999999", "FeatureSet": "ALL"}})
	a.Answer("organization-roots", "", draft.Document{"Roots": []any{draft.Document{"Id": "r-1", "Name": "Root", "PolicyTypes": []any{draft.Document{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}}}}})
	a.Answer("organization-parents", truthAccount, draft.Document{"Parents": []any{draft.Document{"Id": "r-1", "Type": "ROOT"}}})
	attached := draft.Document{"Policies": []any{draft.Document{"Id": "p-1", "Arn": "arn:aws:organizations::999999999999:policy/o-1/service_control_policy/p-1", "Name": "limits", "Type": "SERVICE_CONTROL_POLICY"}}}
	for _, level := range []string{"r-1", truthAccount} {
		a.Answer("organization-scps", level, attached)
		a.Answer("organization-rcps", level, draft.Document{"Policies": []any{}})
	}
	scp = append([]draft.Statement{draft.Allow("*", "*")}, scp...)
	return a.Answer("organization-policy", "p-1", draft.Document{"Policy": draft.Document{"PolicySummary": draft.Document{"Id": "p-1", "Name": "limits", "Type": "SERVICE_CONTROL_POLICY"}, "Content": draft.Policy(scp...)}})
}

// TestRootUser: its route is closed only where it can do nothing at all.
func TestRootUser(t *testing.T) {
	root := draft.Deny("*", "*").If("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:root")
	for name, c := range map[string]struct {
		make func(*draft.Account)
		want Status
		rule string // the first of its chain
	}{
		"as it is": {func(a *draft.Account) {}, Open, "root-user"},
		"a key whose policy names one user": {func(a *draft.Account) {
			keeper := a.User("keeper")
			a.Encrypted("calls", a.Key("k", draft.Allow("kms:*", "*").To(keeper.ARN)))
		}, Open, "user-inline"},
		"a key whose policy names a user who reads": {func(a *draft.Account) {
			keeper := a.User("keeper").Can(draft.Allow("s3:GetObject", "*"))
			a.Encrypted("calls", a.Key("k", draft.Allow("kms:*", "*").To(keeper.ARN)))
		}, Open, "access-key"},
		"a key whose policy names a role for servers": {func(a *draft.Account) {
			app := a.Role("app", "ec2.amazonaws.com").Can(draft.Allow("s3:GetObject", "*"))
			app.Profile()
			a.Encrypted("calls", a.Key("k", draft.Allow("kms:*", "*").To(app.ARN)))
		}, Open, "ec2-run"},
		"reading is denied to the account, changing is not": {func(a *draft.Account) {
			organization(a, draft.Deny("s3:GetObject*", "*"))
		}, Open, "bucket-policy"},
		"reading is denied to the root user, becoming others is not": {func(a *draft.Account) {
			a.User("eve").Can(draft.Allow("s3:GetObject", "*"))
			organization(a, draft.Deny("s3:*", "*").If("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:root"))
		}, Open, "access-key"},
		"S3 is denied to the root user, and nobody is there to become": {func(a *draft.Account) {
			organization(a, draft.Deny("s3:*", "*").If("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:root"))
		}, Open, "new-user"},
		"S3 is denied to the account": {func(a *draft.Account) {
			organization(a, draft.Deny("s3:*", "*"))
		}, NotKnown, ""},
		"everything is denied to the root user": {func(a *draft.Account) { organization(a, root) }, Closed, ""},
		"everything is denied to the root user, and others read": {func(a *draft.Account) {
			a.User("eve").Can(draft.Allow("s3:GetObject", "*"))
			organization(a, root)
		}, Closed, ""},
	} {
		a := draft.New(truthAccount).Bucket("calls")
		c.make(a)
		res := analyzed(t, a, Question{})
		r, f := routeOf(t, res, "root-user"), of(res, "root")
		if r.Status != c.want {
			t.Errorf("%s: %s (%s), not %s", name, r.Status, r.Why.EN, c.want)
		}
		if first := slices.Concat(rulesOf(f.Chains), []string{""})[0]; (c.want == Open) != (f.Certainty >= Possible) || len(f.Chains) > 0 && f.Chains[0].Steps[0].Rule != c.rule {
			t.Errorf("%s: %s by %q, not %s", name, f.Certainty, first, c.rule)
		}
		for _, other := range res.Routes {
			for _, w := range other.Who {
				if w.Principal == rootARN && other.ID != "root-user" {
					t.Errorf("%s: the root user stands under %s too", name, other.ID)
				}
			}
		}
	}
	// Administrative rights are the root user's, unless it is denied them.
	for want, a := range map[Certainty]*draft.Account{Certain: draft.New(truthAccount), No: organization(draft.New(truthAccount), root)} {
		if f := of(analyzed(t, a, Question{Admin: true}), "root"); f.Certainty != want {
			t.Errorf("the root user administers: %s, not %s", f.Certainty, want)
		}
	}
}

// TestObjectLists: who reads by objects' own access control lists, which no export holds.
func TestObjectLists(t *testing.T) {
	block := func(ignore bool) draft.Document {
		return draft.Document{"PublicAccessBlockConfiguration": draft.Document{"BlockPublicAcls": false, "IgnorePublicAcls": ignore, "BlockPublicPolicy": true, "RestrictPublicBuckets": true}}
	}
	owned := func(by string) draft.Document {
		return draft.Document{"OwnershipControls": draft.Document{"Rules": []any{draft.Document{"ObjectOwnership": by}}}}
	}
	for name, c := range map[string]struct {
		make          func(*draft.Account)
		public, other Status
		missing       string
	}{
		"disabled": {func(a *draft.Account) { a.Instead("bucket-public-access-block", "calls", block(false)) }, Closed, Closed, ""},
		"enabled": {func(a *draft.Account) {
			a.Instead("bucket-public-access-block", "calls", block(false)).Instead("bucket-ownership", "calls", owned("ObjectWriter"))
		}, NotKnown, NotKnown, "object-acls"},
		"public ones are ignored": {func(a *draft.Account) { a.Instead("bucket-ownership", "calls", owned("BucketOwnerPreferred")) }, Closed, NotKnown, "object-acls"},
		"ignored in the whole account": {func(a *draft.Account) {
			a.Instead("bucket-public-access-block", "calls", block(false)).Instead("bucket-ownership", "calls", owned("ObjectWriter"))
			a.Answer("account-public-access-block", "", block(true))
		}, Closed, NotKnown, "object-acls"},
		"not supplied": {func(a *draft.Account) {
			a.Instead("bucket-public-access-block", "calls", block(false)).Without("bucket-ownership")
		}, NotKnown, NotKnown, "bucket-ownership"},
		"enabled, under a key of the account's": {func(a *draft.Account) {
			a.Instead("bucket-public-access-block", "calls", block(false)).Instead("bucket-ownership", "calls", owned("ObjectWriter"))
			a.Encrypted("calls", a.Key("k"))
		}, Closed, Closed, ""},
	} {
		a := draft.New(truthAccount).Bucket("calls")
		a.User("eve") // who has no right of her own, and needs one as before
		c.make(a)
		res := analyzed(t, a, Question{})
		for id, want := range map[string]Status{"s3-public": c.public, "s3-acl": c.other} {
			r := routeOf(t, res, id)
			if r.Status != want || want == NotKnown && !slices.Contains(r.Missing, c.missing) {
				t.Errorf("%s: %s is %s, lacking %q; it is %s, for %s", name, id, r.Status, r.Missing, want, c.missing)
			}
		}
		if got := of(res, "anybody").Certainty; (got == Unknown) != (c.public == NotKnown) {
			t.Errorf("%s: anybody %s", name, got)
		}
		if got := of(res, anyAccount).Certainty; (got == Unknown) != (c.other == NotKnown) {
			t.Errorf("%s: any other account %s", name, got)
		}
		if of(res, "eve").Certainty != No {
			t.Errorf("%s: eve, who has no right of her own, is told by name", name)
		}
	}
}

// TestPolicyNotSupplied: whom a bucket's or key's policy may let that nobody supplied.
func TestPolicyNotSupplied(t *testing.T) {
	read := draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*")
	build := func(without ...string) *draft.Account {
		a := draft.New(truthAccount).Bucket("calls")
		a.User("eve")
		a.User("bob").Can(read)
		a.Without(without...)
		return a
	}
	for name, c := range map[string]struct {
		a              *draft.Account
		q              Question
		everybody, bob Certainty
		missing        string
	}{
		"all supplied":           {build(), Question{}, No, Certain, ""},
		"no bucket policy":       {build("bucket-policy"), Question{}, Unknown, Possible, "bucket-policy"},
		"asked of one without":   {build("bucket-policy"), Question{From: []string{"arn:aws:iam::" + truthAccount + ":user/eve"}}, Unknown, No, "bucket-policy"},
		"asked of one with":      {build("bucket-policy"), Question{From: []string{"arn:aws:iam::" + truthAccount + ":user/bob"}}, No, Possible, ""},
		"asked of another":       {build("bucket-policy"), Question{From: []string{"444455556666"}}, No, No, ""},
		"no key policy":          {func() *draft.Account { a := build(); a.Encrypted("calls", a.Key("k")).Without("key-policy"); return a }(), Question{}, No, Unknown, "key-policy"},
		"no key policy, the key": {func() *draft.Account { a := build(); a.Key("k"); return a.Without("key-policy") }(), Question{Keys: []string{"k"}}, Unknown, No, "key-policy"},
	} {
		res := analyzed(t, c.a, c.q)
		f := of(res, "everybody")
		if f.Certainty != c.everybody || f.Certainty == Unknown && !slices.Contains(f.Missing, c.missing) {
			t.Errorf("%s: everybody %s, lacking %q", name, f.Certainty, f.Missing)
		}
		if f := of(res, "bob"); f.Certainty != c.bob {
			t.Errorf("%s: bob %s, lacking %q, not %s", name, f.Certainty, f.Missing, c.bob)
		}
		if c.everybody == Unknown {
			if r := routeOf(t, res, map[bool]string{true: "kms-decrypt", false: "s3-get"}[len(c.q.Keys) > 0]); r.Status == Closed {
				t.Errorf("%s: %s is closed", name, r.ID)
			}
		}
	}
}

// TestServicesReadWithRoles: each service by its own right, and none by another's.
func TestServicesReadWithRoles(t *testing.T) {
	build := func(actions string, services ...string) *draft.Account {
		a := draft.New(truthAccount).Bucket("calls")
		role := a.Role("worker", services...).Can(draft.Allow(actions, "*"))
		a.User("eve").Can(draft.Allow("iam:PassRole", role.ARN), draft.Allow("s3:PutReplicationConfiguration s3:CreateJob glue:CreateCrawler glue:StartCrawler", "*"))
		return a
	}
	all := []string{"s3.amazonaws.com", "batchoperations.s3.amazonaws.com", "glue.amazonaws.com"}
	for name, c := range map[string]struct {
		actions  string
		services []string
		want     []string
	}{
		"replication alone":                {"s3:GetObjectVersionForReplication", all, []string{"replication"}},
		"reading alone":                    {"s3:GetObject", all, []string{"batch-operations", "glue-crawler"}},
		"old versions":                     {"s3:GetObjectVersion", all, []string{"batch-operations", "glue-crawler", "replication"}},
		"replication, trusted by others":   {"s3:GetObjectVersionForReplication", all[1:], nil},
		"changing the policy, not reading": {"s3:PutBucketPolicy", all, nil},
	} {
		var got []string
		for _, chain := range of(analyzed(t, build(c.actions, c.services...), Question{}), "eve").Chains {
			got = append(got, chain.Steps[0].Rule)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != strings.Join(c.want, " ") {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
}

// point adds an access point of a bucket's with a policy, in a network or ("") the internet.
func point(a *draft.Account, name, bucket, vpc string, policy ...draft.Statement) string {
	arn := "arn:aws:s3:eu-west-1:" + truthAccount + ":accesspoint/" + name
	entry := draft.Document{"Name": name, "Bucket": bucket, "BucketAccountId": truthAccount, "AccessPointArn": arn, "NetworkOrigin": "Internet"}
	if vpc != "" {
		entry["NetworkOrigin"], entry["VpcConfiguration"] = "VPC", draft.Document{"VpcId": vpc}
	}
	a.List("access-points", entry)
	detail := draft.Document{"PublicAccessBlockConfiguration": draft.Document{"BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": true, "RestrictPublicBuckets": true}}
	for k, v := range entry {
		detail[k] = v
	}
	a.Answer("access-point", name, detail)
	if len(policy) == 0 {
		a.Refused("access-point-policy", name, "NoSuchAccessPointPolicy")
	} else {
		a.Answer("access-point-policy", name, draft.Document{"Policy": draft.Policy(policy...)})
	}
	return arn
}

// TestAccessPoints: who reads through an access point, by its policy and by the bucket's.
func TestAccessPoints(t *testing.T) {
	const ap = "arn:aws:s3:eu-west-1:" + truthAccount + ":accesspoint/team"
	eve := "arn:aws:iam::" + truthAccount + ":user/eve"
	both := []string{"arn:aws:s3:::calls", "arn:aws:s3:::calls/*"}
	delegated := draft.Allow("*", both...).To("*").If("StringEquals", "s3:DataAccessPointAccount", truthAccount)
	onPoint := draft.Allow("s3:GetObject", ap+"/object/*")
	for name, c := range map[string]struct {
		bucket []draft.Statement
		eve    []draft.Statement
		point  []draft.Statement
		vpc    string
		want   Certainty
	}{
		"the bucket leaves it to its access points":        {[]draft.Statement{delegated}, []draft.Statement{onPoint}, nil, "", Certain},
		"the bucket leaves it to no access point":          {nil, []draft.Statement{onPoint}, nil, "", No},
		"by the bucket's ARN alone":                        {[]draft.Statement{delegated}, []draft.Statement{draft.Allow("s3:GetObject", "arn:aws:s3:::other/*")}, nil, "", No},
		"by the point's policy":                            {[]draft.Statement{delegated}, nil, []draft.Statement{onPoint.To(eve)}, "", Certain},
		"by the point's policy, and the bucket knows none": {nil, nil, []draft.Statement{onPoint.To(eve)}, "", No},
		"denied by the point's policy":                     {[]draft.Statement{delegated}, []draft.Statement{onPoint}, []draft.Statement{draft.Deny("s3:*", ap+"/object/*").To(eve)}, "", No},
		"delegated to another account's points": {[]draft.Statement{draft.Allow("*", both...).To("*").If("StringEquals", "s3:DataAccessPointAccount", "444455556666")},
			[]draft.Statement{onPoint}, nil, "", No},
		"delegated to this point": {[]draft.Statement{draft.Allow("*", both...).To("*").If("ArnLike", "s3:DataAccessPointArn", ap)}, []draft.Statement{onPoint}, nil, "", Certain},
		"delegated to another point": {[]draft.Statement{draft.Allow("*", both...).To("*").If("ArnLike", "s3:DataAccessPointArn", strings.Replace(ap, "team", "other", 1))},
			[]draft.Statement{onPoint}, nil, "", No},
		"the point's policy asks for the point's account":                  {[]draft.Statement{delegated}, nil, []draft.Statement{onPoint.To(eve).If("StringEquals", "s3:DataAccessPointAccount", truthAccount)}, "", Certain},
		"the identity asks for a network":                                  {[]draft.Statement{delegated}, []draft.Statement{onPoint.If("StringEquals", "s3:AccessPointNetworkOrigin", "VPC")}, nil, "", No},
		"in a network":                                                     {[]draft.Statement{delegated}, []draft.Statement{onPoint}, nil, "vpc-1", Possible},
		"points of all regions and names":                                  {[]draft.Statement{delegated}, []draft.Statement{draft.Allow("s3:GetObject", "arn:aws:s3:*:"+truthAccount+":accesspoint/*")}, nil, "", Certain},
		"points of all accounts, and none of the bucket's is delegated to": {nil, []draft.Statement{draft.Allow("s3:GetObject", "arn:aws:s3:*:*:accesspoint/*")}, nil, "", No},
	} {
		a := draft.New(truthAccount).Bucket("calls", c.bucket...)
		point(a, "team", "calls", c.vpc, c.point...)
		u := a.User("eve")
		if len(c.eve) > 0 {
			u.Can(c.eve...)
		}
		f := of(analyzed(t, a, Question{}), "eve")
		if f.Certainty != c.want {
			t.Errorf("%s: %s by %q, not %s", name, f.Certainty, rulesOf(f.Chains), c.want)
		}
		if c.want == No {
			continue
		}
		var kinds []string
		for _, chain := range f.Chains {
			if len(chain.Steps) != 1 || chain.Steps[0].Rule != "s3-access-point" {
				t.Errorf("%s: by %q", name, rulesOf(f.Chains))
			}
			for _, act := range chain.Steps[0].Actions {
				for _, b := range act.Because {
					kinds = append(kinds, b.Source.Kind)
				}
			}
		}
		if !slices.Contains(kinds, "bucket") {
			t.Errorf("%s: the statement of the bucket is not told, only those of %q", name, kinds)
		}
	}
}

// TestAccessPointsNotSupplied: without the list of points, or a point's policy, nothing is closed.
func TestAccessPointsNotSupplied(t *testing.T) {
	both := []string{"arn:aws:s3:::calls", "arn:aws:s3:::calls/*"}
	delegated := draft.Allow("*", both...).To("*").If("StringEquals", "s3:DataAccessPointAccount", truthAccount)
	multi := func(a *draft.Account) {
		a.List("multi-region-access-points", draft.Document{"Name": "world", "Alias": "abc.mrap", "Status": "READY", "PublicAccessBlock": draft.Document{"BlockPublicPolicy": true, "RestrictPublicBuckets": true},
			"Regions": []any{draft.Document{"Bucket": "calls", "BucketAccountId": truthAccount, "Region": "eu-west-1"}}})
	}
	for name, c := range map[string]struct {
		make    func(*draft.Account)
		missing string
	}{
		"a point's policy":              {func(a *draft.Account) { point(a, "team", "calls", ""); a.Without("access-point-policy") }, "access-point-policy"},
		"the list of points":            {func(a *draft.Account) { a.Without("access-points") }, "access-points"},
		"the list of multi-region ones": {func(a *draft.Account) { a.Without("multi-region-access-points") }, "multi-region-access-points"},
		"a multi-region point's policy": {multi, "multi-region-access-point-policy"},
	} {
		a := draft.New(truthAccount).Bucket("calls", delegated)
		a.User("eve")
		c.make(a)
		res := analyzed(t, a, Question{})
		if r := routeOf(t, res, "s3-access-point"); r.Status != NotKnown || !slices.Contains(r.Missing, c.missing) {
			t.Errorf("%s: %s, lacking %q", name, r.Status, r.Missing)
		}
		if strings.HasSuffix(c.missing, "-policy") {
			if f := of(res, "everybody"); f.Certainty != Unknown || !slices.Contains(f.Missing, c.missing) {
				t.Errorf("%s: everybody %s, lacking %q", name, f.Certainty, f.Missing)
			}
		}
	}
	// With both policies a multi-region point is one more.
	a := draft.New(truthAccount).Bucket("calls", delegated)
	a.User("eve").Can(draft.Allow("s3:GetObject", "arn:aws:s3::"+truthAccount+":accesspoint/abc.mrap/object/*"))
	multi(a)
	a.Answer("multi-region-access-point-policy", "world", draft.Document{"Policy": draft.Document{"Established": draft.Document{"Policy": draft.Policy()}}})
	if f := of(analyzed(t, a, Question{}), "eve"); f.Certainty == No || f.Chains[0].Steps[0].Rule != "s3-access-point" {
		t.Errorf("a multi-region access point: %s by %q", f.Certainty, rulesOf(f.Chains))
	}
}

// TestResourceTags: a condition on tags that the export holds is settled by them, unless
// somebody can change them.
func TestResourceTags(t *testing.T) {
	user := func(name string) string { return "arn:aws:iam::" + truthAccount + ":user/" + name }
	read := draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*")
	server := func(tags ...any) func(*draft.Account) {
		return func(a *draft.Account) {
			a.Instance("i-1", a.Role("app", "ec2.amazonaws.com").Can(read).Profile(), draft.Document{"Tags": tags})
			a.List("managed-instances", draft.Document{"InstanceId": "i-1", "PingStatus": "Online"})
		}
	}
	team := func(v string) draft.Document { return draft.Document{"Key": "Team", "Value": v} }
	session := draft.Allow("ssm:StartSession", "*")
	for name, c := range map[string]struct {
		make func(*draft.Account)
		eve  []draft.Statement
		want Certainty
		rule string
	}{
		"the tag is so":                       {server(team("calls")), []draft.Statement{session.If("StringEquals", "ssm:resourceTag/Team", "calls")}, Certain, "ssm-session"},
		"the tag is so, in other letters":     {server(team("calls")), []draft.Statement{session.If("StringLike", "aws:ResourceTag/team", "ca*")}, Certain, "ssm-session"},
		"the tag is another":                  {server(team("web")), []draft.Statement{session.If("StringEquals", "ssm:resourceTag/Team", "calls")}, No, ""},
		"there is no tag":                     {server(), []draft.Statement{session.If("StringEquals", "aws:ResourceTag/Team", "calls")}, No, ""},
		"a key of another service":            {server(team("calls")), []draft.Statement{session.If("StringEquals", "lambda:ResourceTag/Team", "calls")}, Possible, "ssm-session"},
		"an empty tag":                        {server(team("")), []draft.Statement{session.If("StringEquals", "aws:ResourceTag/Team", "calls")}, Possible, "ssm-session"},
		"denied by the tag":                   {server(team("calls")), []draft.Statement{session, draft.Deny("ssm:*", "*").If("StringEquals", "ssm:resourceTag/Team", "calls")}, No, ""},
		"denied by a tag that is another":     {server(team("web")), []draft.Statement{session, draft.Deny("ssm:*", "*").If("StringEquals", "ssm:resourceTag/Team", "calls")}, Certain, "ssm-session"},
		"the tag is another, and she may tag": {server(team("web")), []draft.Statement{session.If("StringEquals", "ssm:resourceTag/Team", "calls"), draft.Allow("ec2:CreateTags", "*")}, Possible, "ssm-session"},
		"the tag is another, and others may tag": {func(a *draft.Account) {
			server(team("web"))(a)
			a.User("tagger").Can(draft.Allow("ec2:CreateTags", "*"))
		},
			[]draft.Statement{session.If("StringEquals", "ssm:resourceTag/Team", "calls")}, Possible, "ssm-session"},
		"the tag is another, and administrators may tag": {func(a *draft.Account) { server(team("web"))(a); a.User("boss").Can(draft.Allow("*", "*")) },
			[]draft.Statement{session.If("StringEquals", "ssm:resourceTag/Team", "calls")}, No, ""},
		"a user's tag": {func(a *draft.Account) { a.User("bob").Tag("Team", "calls").Can(read) },
			[]draft.Statement{draft.Allow("iam:CreateAccessKey", "*").If("StringEquals", "iam:ResourceTag/Team", "calls")}, Certain, "access-key"},
		"a user's tag that is another": {func(a *draft.Account) { a.User("bob").Tag("Team", "web").Can(read) },
			[]draft.Statement{draft.Allow("iam:CreateAccessKey", "*").If("StringEquals", "aws:ResourceTag/Team", "calls")}, No, ""},
		"a role's tag": {func(a *draft.Account) { a.Role("app", rootARN).Tag("Team", "calls").Can(read) },
			[]draft.Statement{draft.Allow("sts:AssumeRole", "*").If("StringEquals", "iam:ResourceTag/Team", "calls")}, Certain, "assume-role"},
		"a passed role's tag that is another": {func(a *draft.Account) { a.Role("app", "lambda.amazonaws.com").Tag("Team", "web").Can(read) },
			[]draft.Statement{draft.Allow("lambda:CreateFunction lambda:InvokeFunction", "*"), draft.Allow("iam:PassRole", "*").If("StringEquals", "aws:ResourceTag/Team", "calls")}, Possible, "lambda-create-invoke"},
		"a key's tag": {func(a *draft.Account) {
			a.Encrypted("calls", a.Key("k")).Instead("key-tags", "k", draft.Document{"Tags": []any{draft.Document{"TagKey": "Team", "TagValue": "calls"}}})
		}, []draft.Statement{read, draft.Allow("kms:Decrypt", "*").If("StringEquals", "aws:ResourceTag/Team", "calls")}, Certain, "s3-get"},
		"a key's tag that is another": {func(a *draft.Account) { a.Encrypted("calls", a.Key("k")) },
			[]draft.Statement{read, draft.Allow("kms:Decrypt", "*").If("StringEquals", "aws:ResourceTag/Team", "calls")}, No, ""},
		"a key's tags that were not supplied": {func(a *draft.Account) { a.Encrypted("calls", a.Key("k")).Without("key-tags") },
			[]draft.Statement{read, draft.Allow("kms:Decrypt", "*").If("StringEquals", "aws:ResourceTag/Team", "calls")}, Possible, "s3-get"},
	} {
		a := draft.New(truthAccount).Bucket("calls")
		c.make(a)
		a.User("eve").Can(c.eve...)
		f := of(analyzed(t, a, Question{From: []string{user("eve")}}), "eve")
		if f.Certainty != c.want || c.want != No && f.Chains[0].Steps[0].Rule != c.rule {
			t.Errorf("%s: %s by %q, not %s by %s", name, f.Certainty, rulesOf(f.Chains), c.want, c.rule)
		}
		if c.want != Certain {
			continue
		}
		for _, act := range f.Chains[0].Steps[0].Actions {
			for _, b := range act.Because {
				if b.Effect != "Allow" {
					t.Errorf("%s: %s is told to be by a %s", name, act.Action, b.Effect)
				}
			}
		}
	}
}

// TestRootUserSaysHow: what the root user does, and no more than it has to.
func TestRootUserSaysHow(t *testing.T) {
	key := func(a *draft.Account) string { return a.Key("k") }
	for name, c := range map[string]struct {
		make func(*draft.Account) Question
		want string
	}{
		"nothing in its way":    {func(a *draft.Account) Question { a.Bucket("calls"); return Question{} }, "s3:GetObject"},
		"with the bucket's key": {func(a *draft.Account) Question { a.Bucket("calls").Encrypted("calls", key(a)); return Question{} }, "s3:GetObject kms:Decrypt"},
		"denied by the bucket": {func(a *draft.Account) Question {
			a.Bucket("calls", draft.Deny("s3:*", "arn:aws:s3:::calls", "arn:aws:s3:::calls/*").To("*"))
			return Question{}
		}, "s3:PutBucketPolicy s3:GetObject"},
		"a key":          {func(a *draft.Account) Question { key(a); return Question{Keys: []string{"k"}} }, "kms:Decrypt"},
		"administration": {func(a *draft.Account) Question { return Question{Admin: true} }, ""},
	} {
		a := draft.New(truthAccount)
		q := c.make(a)
		f := of(analyzed(t, a, q), "root")
		var acts []string
		for _, chain := range f.Chains {
			for _, s := range chain.Steps {
				for _, act := range s.Actions {
					acts = append(acts, act.Action)
				}
			}
		}
		if got := strings.Join(acts, " "); f.Certainty != Certain || got != c.want {
			t.Errorf("%s: %s by %q, not %q", name, f.Certainty, got, c.want)
		}
	}
}

package reach

import (
	"maps"
	"slices"
	"testing"

	"strongroom/cloud/account/draft"
)

// findings are who reaches the calls, with the first rule of the first chain.
func findings(t *testing.T, a *draft.Account) (map[string]Certainty, map[string]string) {
	t.Helper()
	res, err := Analyze(a.Load(t), Question{Buckets: []string{"calls"}})
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]string{}
	for _, f := range res.Findings {
		if len(f.Chains) > 0 {
			by[f.Principal.Name] = f.Chains[0].Steps[0].Rule
		}
	}
	return who(res), by
}

// A condition on a principal's tags keeps out nobody who can choose them.
func TestTagsThatCanBeChosen(t *testing.T) {
	a := draft.New("123456789012")
	a.Bucket("calls")
	read := draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*").If("StringEquals", "aws:PrincipalTag/team", "calls")
	self := "arn:aws:iam::123456789012:user/self"
	a.User("self").Tag("team", "web").Can(read, draft.Allow("iam:TagUser", self))
	a.User("bare").Tag("team", "web").Can(read)
	a.User("calls").Tag("team", "calls").Can(read)
	a.User("other").Tag("team", "web").Can(read, draft.Allow("iam:TagUser", "arn:aws:iam::123456789012:user/nobody"))
	session := "arn:aws:iam::123456789012:role/session"
	assume := draft.Allow("sts:AssumeRole").To("arn:aws:iam::123456789012:user/tagger", "arn:aws:iam::123456789012:user/plain")
	tag := draft.Allow("sts:TagSession").To("arn:aws:iam::123456789012:user/tagger")
	a.RoleTrusting("session", assume, tag).Can(read)
	a.User("tagger").Can(draft.Allow("sts:AssumeRole", session))
	a.User("plain").Can(draft.Allow("sts:AssumeRole", session))
	got, by := findings(t, a)
	want := map[string]Certainty{"self": Possible, "calls": Certain, "tagger": Possible, "root": Certain}
	for name, c := range want {
		if got[name] != c {
			t.Errorf("%s: %s, not %s", name, got[name], c)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: %s by %s; its tags are not for it to choose", name, got[name], by[name])
		}
	}
	if by["self"] != "principal-tags" || by["tagger"] != "session-tags" {
		t.Errorf("by %v", by)
	}
}

// A bucket that leaves access control to the account's access points lets nobody in by itself,
// and one that denies, denies through access points too, those there are and those to come.
func TestAccessPointsAndTheirBucket(t *testing.T) {
	both := []string{"arn:aws:s3:::calls", "arn:aws:s3:::calls/*"}
	a := draft.New("123456789012")
	a.Bucket("calls", draft.Allow("*", both...).To("*").If("StringEquals", "s3:DataAccessPointAccount", "123456789012"))
	got, by := findings(t, a)
	for name, c := range got {
		if name != "root" {
			t.Errorf("delegated, no access point: %s: %s by %s", name, c, by[name])
		}
	}
	maker := []draft.Statement{draft.Allow("s3:CreateAccessPoint", "*"), draft.Allow("s3:PutAccessPointPolicy", "*"),
		draft.Allow("s3:GetObject", "arn:aws:s3:eu-west-1:123456789012:accesspoint/*")}
	a = draft.New("123456789012")
	a.Bucket("calls", draft.Allow("*", both...).To("*").If("StringEquals", "s3:DataAccessPointAccount", "123456789012"))
	a.User("maker").Can(maker...)
	got, by = findings(t, a)
	if got["maker"] != Certain || by["maker"] != "access-point-create" {
		t.Errorf("delegated: %s by %s, not certain by an access point of one's own", got["maker"], by["maker"])
	}
	a = draft.New("123456789012")
	a.Bucket("calls", draft.Deny("s3:*", both...).To("*").If("ArnNotLike", "aws:PrincipalArn", "arn:aws:iam::123456789012:role/content"))
	a.User("maker").Can(append(maker, draft.Allow("s3:GetObject", "*"))...)
	if got, by = findings(t, a); got["maker"] != No {
		t.Errorf("denied by the bucket: %s by %s", got["maker"], by["maker"])
	}
}

// S3 replicates with rights that read nothing by themselves; whoever may set it to work with
// such a role has what it copies.
func TestReplication(t *testing.T) {
	build := func(trusts string, reads ...string) *draft.Account {
		a := draft.New("123456789012")
		a.Bucket("calls")
		rep := "arn:aws:iam::123456789012:role/rep"
		r := a.Role("rep", trusts).Can(draft.Allow("s3:ReplicateObject", "arn:aws:s3:::copy/*"))
		for _, action := range reads {
			r.Inline(action[3:], draft.Policy(draft.Allow(action, "arn:aws:s3:::calls/*")))
		}
		a.User("copier").Can(draft.Allow("s3:PutReplicationConfiguration", "arn:aws:s3:::calls"), draft.Allow("iam:PassRole", rep))
		a.User("passer").Can(draft.Allow("iam:PassRole", rep))
		return a
	}
	got, by := findings(t, build("s3.amazonaws.com", "s3:GetObjectVersionForReplication"))
	if got["copier"] != Possible || by["copier"] != "replication" || got["passer"] != No || got["rep"] != No {
		t.Errorf("%v by %v", got, by)
	}
	if got, by = findings(t, build("s3.amazonaws.com", "s3:GetObjectTagging")); got["copier"] != No {
		t.Errorf("without the right: %v by %v", got, by)
	}
	if got, by = findings(t, build("ec2.amazonaws.com", "s3:GetObjectVersionForReplication")); len(got) != 1 {
		t.Errorf("a role that S3 cannot use: %v by %v", got, by)
	}
}

// TestReplicas: whoever reads a bucket to which the content is replicated reads the content,
// and so does the account whose bucket it is.
func TestReplicas(t *testing.T) {
	const key = "arn:aws:kms:eu-west-1:444455556666:key/theirs"
	build := func(status string, destination draft.Document) *draft.Account {
		a := draft.New(truthAccount).Bucket("calls").Bucket("calls-dr")
		a.Instead("bucket-replication", "calls", draft.Document{"ReplicationConfiguration": draft.Document{"Role": "arn:aws:iam::123456789012:role/rep",
			"Rules": []any{draft.Document{"ID": "all", "Status": status, "Destination": destination}}}})
		a.User("copies").Can(draft.Allow("s3:GetObject", "arn:aws:s3:::calls-dr/*"))
		a.User("opens").Can(draft.Allow("s3:PutBucketPolicy", "arn:aws:s3:::calls-dr"))
		a.User("else").Can(draft.Allow("s3:GetObject", "arn:aws:s3:::site/*"))
		return a
	}
	here := draft.Document{"Bucket": "arn:aws:s3:::calls-dr"}
	away := draft.Document{"Bucket": "arn:aws:s3:::vault", "Account": "444455556666", "AccessControlTranslation": draft.Document{"Owner": "Destination"}}
	const them = "arn:aws:iam::444455556666:root"
	encrypted := func(destination draft.Document) *draft.Account {
		a := build("Enabled", destination)
		return a.Encrypted("calls", a.Key("k"))
	}
	for name, c := range map[string]struct {
		a    *draft.Account
		want map[string]Certainty
	}{
		"in the account":                     {build("Enabled", here), map[string]Certainty{"copies": Certain, "opens": Certain}},
		"in the account, once":               {build("Disabled", here), map[string]Certainty{"copies": Possible, "opens": Possible}},
		"into another account":               {build("Enabled", away), map[string]Certainty{them: Certain}},
		"into another, owner not said":       {build("Enabled", draft.Document{"Bucket": "arn:aws:s3:::vault", "Account": "444455556666"}), map[string]Certainty{them: Possible}},
		"into a bucket of nobody knows whom": {build("Enabled", draft.Document{"Bucket": "arn:aws:s3:::vault"}), map[string]Certainty{anyAccount: Possible}},
		"to a number that is none":           {build("Enabled", draft.Document{"Bucket": "arn:aws:s3:::vault", "Account": "x"}), map[string]Certainty{anyAccount: Possible}},
		"encrypted, and not replicated so":   {encrypted(here), map[string]Certainty{"copies": Possible, "opens": Possible}},
		"encrypted with their key": {encrypted(draft.Document{"Bucket": "arn:aws:s3:::vault", "Account": "444455556666", "AccessControlTranslation": draft.Document{"Owner": "Destination"},
			"EncryptionConfiguration": draft.Document{"ReplicaKmsKeyID": key}}), map[string]Certainty{them: Certain}},
		"encrypted with a key that lets nobody else": {encrypted(draft.Document{"Bucket": "arn:aws:s3:::vault", "Account": "444455556666", "AccessControlTranslation": draft.Document{"Owner": "Destination"},
			"EncryptionConfiguration": draft.Document{"ReplicaKmsKeyID": "arn:aws:kms:eu-west-1:123456789012:key/k"}}), map[string]Certainty{}},
		"in the account, with a key that the reader lacks": {encrypted(draft.Document{"Bucket": "arn:aws:s3:::calls-dr",
			"EncryptionConfiguration": draft.Document{"ReplicaKmsKeyID": "arn:aws:kms:eu-west-1:123456789012:key/k"}}), map[string]Certainty{}},
		"nowhere": {draft.New(truthAccount).Bucket("calls"), map[string]Certainty{}},
	} {
		res := analyzed(t, c.a, Question{})
		got := map[string]Certainty{}
		for _, f := range res.Findings {
			if f.Principal.Kind != Root {
				got[f.Principal.Name] = f.Certainty
			}
		}
		if !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, not %v", name, got, c.want)
		}
	}
	if r := routeOf(t, analyzed(t, draft.New(truthAccount).Bucket("calls").Without("bucket-replication"), Question{}), "replica"); r.Status != NotKnown || !slices.Contains(r.Missing, "bucket-replication") {
		t.Errorf("where the replication is not known: %s, lacking %q", r.Status, r.Missing)
	}
}

// A Deny that binds the account's own principals does not bind those of another account, which
// whoever writes the bucket's policy can let in.
func TestPolicyForAnotherAccount(t *testing.T) {
	a := draft.New("123456789012")
	a.Bucket("calls")
	write := draft.Allow("s3:PutBucketPolicy", "arn:aws:s3:::calls")
	a.User("writer").Can(write)
	a.User("refused").Can(write, draft.Deny("s3:GetObject", "*"))
	a.User("reader").Can(draft.Deny("s3:GetObject", "*"), draft.Allow("s3:GetBucketPolicy", "*"))
	got, by := findings(t, a)
	if got["writer"] != Certain || got["refused"] != Possible || by["refused"] != "bucket-policy" || got["reader"] != No {
		t.Errorf("%v by %v", got, by)
	}
}

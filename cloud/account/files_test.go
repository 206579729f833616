package account

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// details is an export with one user, whose entry's members more sets.
func export(more string) string {
	return `{"UserDetailList":[{"Path":"/","UserName":"ann","UserId":"AIDA1","Arn":"arn:aws:iam::123456789012:user/ann","CreateDate":"2024-03-01T09:00:00+00:00","GroupList":[]` + more + `}],
	"GroupDetailList":[],"RoleDetailList":[],"Policies":[],"IsTruncated":false}`
}

// load reads files, given as names and contents in turn.
func load(t testing.TB, files ...string) *Account {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		p := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a.Faults {
		a.Faults[i].File = strings.TrimPrefix(a.Faults[i].File, dir+"/")
	}
	return a
}

func (a *Account) missing(input, of string) (Missing, bool) {
	i := slices.IndexFunc(a.Missing, func(m Missing) bool { return m.Input == input && m.Of == of })
	if i < 0 {
		return Missing{}, false
	}
	return a.Missing[i], true
}

// faulty says whether a fault of a file says something.
func (a *Account) faulty(file, path, what string) bool {
	return slices.ContainsFunc(a.Faults, func(f Fault) bool { return f.File == file && f.Path == path && strings.Contains(f.What, what) })
}

// What the AWS CLI prints is understood from a folder of files, in any order.
func TestFolder(t *testing.T) {
	a := load(t,
		"iam.json", export(`,"AttachedManagedPolicies":[]`),
		"buckets.json", `{"Buckets":[{"Name":"calls","CreationDate":"2023-01-02T03:04:05+00:00"},{"Name":"bills"}],"Owner":{"ID":"o1"}}`,
		"bucket-policy/calls.json", `{"Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::calls/*\"}]}"}`,
		"bucket-policy/bills.json", "\nAn error occurred (NoSuchBucketPolicy) when calling the GetBucketPolicy operation: The bucket policy does not exist\n",
		"bucket-acl/calls.json", "\nAn error occurred (AccessDenied) when calling the GetBucketAcl operation: Access Denied\n",
		"bucket-tags/calls.json", "aws: [ERROR]: An error occurred (NoSuchTagSet) when calling the GetBucketTagging operation: The TagSet does not exist\n",
		"bucket-acl/bills.json", `{"Owner":{"ID":"o1"},"Grants":[{"Grantee":{"URI":"http://acs.amazonaws.com/groups/global/AllUsers","Type":"Group"},"Permission":"READ"}]}`,
		"bucket-versioning/calls.json", `{"Status":"Enabled"}`,
		"bucket-versioning/bills.json", `{}`,
		"bucket-encryption/calls.json", `{"ServerSideEncryptionConfiguration":{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms","KMSMasterKeyID":"arn:aws:kms:eu-west-1:123456789012:key/k1"},"BucketKeyEnabled":true}]}}`,
		"bucket-replication/calls.json", `{"ReplicationConfiguration":{"Role":"arn:aws:iam::123456789012:role/rep","Rules":[{"ID":"all","Status":"Enabled","Filter":{"And":{"Prefix":"2026/","Tags":[{"Key":"a","Value":"b"}]}},"Destination":{"Bucket":"arn:aws:s3:::far","Account":"999999999999"}}]}}`,
		"regions.json", `{"Regions":[{"RegionName":"eu-west-1","OptInStatus":"opt-in-not-required"},{"RegionName":"eu-west-3","OptInStatus":"opted-in"},{"RegionName":"ap-east-1","OptInStatus":"not-opted-in"}]}`,
		"eu-west-1/instances.json", `{"Reservations":[{"Instances":[{"InstanceId":"i-1","State":{"Code":16,"Name":"running"},"Placement":{"AvailabilityZone":"eu-west-1b"},"KeyName":"ops","MetadataOptions":{"HttpTokens":"optional","HttpEndpoint":"enabled"}}],"OwnerId":"123456789012"}]}`,
		"managed-instances-eu-west-1.json", `{"InstanceInformationList":[{"InstanceId":"i-1","PingStatus":"Online","LastPingDateTime":1700000000.123,"PlatformType":"Linux"}]}`,
		"function-policy/report.json", `{"Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"s3.amazonaws.com\"},\"Action\":\"lambda:InvokeFunction\",\"Resource\":\"*\"}]}","RevisionId":"r"}`,
		"functions/eu-west-1.json", `{"Functions":[{"FunctionName":"report","FunctionArn":"arn:aws:lambda:eu-west-1:123456789012:function:report","Role":"arn:aws:iam::123456789012:role/report","LastModified":"2024-05-01T10:00:00.000+0000"}]}`,
		"key-grants/k1.json", `{"Grants":[]}`,
		"key-policy/k1.json", `{"Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[]}"}`,
		"organization.json", `{"Organization":{"Id":"o-1","MasterAccountId":"111111111111"}}`,
		"organization-parents/123456789012.json", `{"Parents":[{"Id":"ou-1","Type":"ORGANIZATIONAL_UNIT"}]}`,
		"organization-parents/ou-1.json", `{"Parents":[{"Id":"r-1","Type":"ROOT"}]}`,
		"organization-scps/r-1.json", `{"Policies":[{"Id":"p-FullAWSAccess","Arn":"arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess","Name":"FullAWSAccess","Type":"SERVICE_CONTROL_POLICY","AwsManaged":true}]}`,
		"organization-policy/p-FullAWSAccess.json", `{"Policy":{"PolicySummary":{"Id":"p-FullAWSAccess","Name":"FullAWSAccess","Type":"SERVICE_CONTROL_POLICY"},"Content":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}"}}`,
		"credential-report.csv", "user,arn,password_enabled,password_last_used,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date\nann,arn:aws:iam::123456789012:user/ann,true,2026-01-01T00:00:00+00:00,false,true,2025-01-01T00:00:00+00:00,N/A\n",
		"trails.json", `{"trailList":[{"Name":"t","TrailARN":"arn:aws:cloudtrail:eu-west-1:123456789012:trail/t","HomeRegion":"eu-west-1","S3BucketName":"logs","IsMultiRegionTrail":true}]}`,
		"trail-selectors.json", `{"TrailARN":"arn:aws:cloudtrail:eu-west-1:123456789012:trail/t","EventSelectors":[{"ReadWriteType":"All","DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3:::calls/"]}]}]}`,
	)
	for _, f := range a.Faults {
		t.Errorf("fault: %v", f)
	}
	calls, bills := a.Buckets[1], a.Buckets[0]
	if !calls.Policy.Known || !calls.Policy.V.Statements[0].Principals.Anyone || calls.Policy.V.Name != "bucket calls, bucket policy" {
		t.Errorf("the policy of calls: %+v", calls.Policy)
	}
	if !bills.Policy.Known || bills.Policy.V != nil {
		t.Errorf("bills has no policy, and that is known: %+v", bills.Policy)
	}
	if m, _ := a.missing("bucket-acl", "calls"); m.Why != "refused: AccessDenied" || calls.ACL.Known || a.Known("bucket-acl", "calls") || !a.Known("bucket-acl", "bills") {
		t.Errorf("the ACL of calls was refused: %+v %+v", m, calls.ACL)
	}
	if g := bills.ACL.V.Grants; len(g) != 1 || g[0].Grantee != "http://acs.amazonaws.com/groups/global/AllUsers" {
		t.Errorf("the ACL of bills: %+v", g)
	}
	if calls.Versioning != Is("Enabled") || bills.Versioning != Is("") || calls.Encryption.V.Key != "arn:aws:kms:eu-west-1:123456789012:key/k1" || calls.Replication.V.Rules[0].Account != "999999999999" || calls.Replication.V.Rules[0].Prefix != "2026/" {
		t.Errorf("calls: %+v", calls)
	}
	if !calls.Tags.Known || len(calls.Tags.V) > 0 {
		t.Errorf("calls has no tags, and that is known: %+v", calls.Tags)
	}
	if m, _ := a.missing("bucket-encryption", "bills"); m.Why != "not supplied" || !strings.Contains(m.Command, "get-bucket-encryption") {
		t.Errorf("the encryption of bills is missing: %+v", m)
	}
	if m, ok := a.missing("instances", ""); !ok || m.Region != "eu-west-3" {
		t.Errorf("instances are missing in eu-west-3 alone: %+v", a.Missing)
	}
	i := a.Workloads[slices.IndexFunc(a.Workloads, func(w *Workload) bool { return w.Kind == "ec2:instance" })]
	if i.ARN != "arn:aws:ec2:eu-west-1:123456789012:instance/i-1" || i.Instance.MetadataV1 != Is(true) || i.Instance.SSM.V == nil || i.Instance.SSM.V.LastPing.Unix() != 1700000000 || !i.NoRole {
		t.Errorf("the instance: %+v %+v", i, i.Instance)
	}
	f := a.Workloads[slices.IndexFunc(a.Workloads, func(w *Workload) bool { return w.Kind == "lambda:function" })]
	if !f.Policy.Known || f.Policy.V.Statements[0].Principals.Service[0] != "s3.amazonaws.com" {
		t.Errorf("the function: %+v", f)
	}
	k := a.Keys[0]
	if k.ID != "k1" || !k.Grants.Known || len(k.Grants.V) > 0 || !k.Policy.Known {
		t.Errorf("the key: %+v", k)
	}
	o := a.Organization.V
	if o == nil || o.Management != "111111111111" || len(o.Levels) != 3 || o.Levels[0].Kind != "root" || o.Levels[0].SCPs.V[0].Policy.Statements[0].Actions[0] != "*" || o.Levels[2].SCPs.Known {
		t.Errorf("the organization: %+v", o)
	}
	if _, ok := a.missing("organization-scps", "ou-1"); !ok {
		t.Error("the SCPs of the unit are not missing")
	}
	u := a.Users[0]
	if u.Login != Is(true) || u.MFA != Is(false) || len(u.Keys.V) != 1 || !u.Keys.V[0].LastUsed.IsZero() || u.PasswordLastUsed.Year() != 2026 {
		t.Errorf("the user: %+v", u)
	}
	if !slices.Equal(a.Trails[0].DataEvents.V, []string{"arn:aws:s3:::calls/"}) || a.Trails[0].Logging.Known {
		t.Errorf("the trail: %+v", a.Trails[0])
	}
}

// Forms in which the same export comes.
func TestForms(t *testing.T) {
	doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::a+b c/%25/*"}]}`
	quoted := func(s string) string { return fmt.Sprintf("%q", s) }
	policies := func(document string) string {
		return export(`,"UserPolicyList":[{"PolicyName":"p","PolicyDocument":` + document + `}]`)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(policies(doc))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"object":              policies(doc),
		"text":                policies(quoted(doc)),
		"percent-encoded":     policies(quoted(url.PathEscape(doc))),
		"wrapped by the API":  `{"GetAccountAuthorizationDetailsResponse":{"GetAccountAuthorizationDetailsResult":` + policies(doc) + `,"ResponseMetadata":{"RequestId":"1"}}}`,
		"a list of pages":     `[` + policies(doc) + `]`,
		"odd casing":          strings.NewReplacer("UserDetailList", "userDetailList", "PolicyDocument", "policydocument", "UserName", "USERNAME").Replace(policies(doc)),
		"gzipped":             packed.String(),
		"with a mark":         "\ufeff" + policies(doc),
		"two files in one":    policies(doc) + "\n" + policies(doc),
		"times in seconds":    strings.Replace(policies(doc), `"2024-03-01T09:00:00+00:00"`, `1709283600.0`, 1),
		"times with a space":  strings.Replace(policies(doc), `"2024-03-01T09:00:00+00:00"`, `"2024-03-01 09:00:00+00:00"`, 1),
		"an error's words":    strings.Replace(policies(doc), `"UserId"`, `"Note":"An error occurred (AccessDenied) when calling the GetBucketAcl operation","UserId"`, 1),
		"times with Z":        strings.Replace(policies(doc), `"2024-03-01T09:00:00+00:00"`, `"2024-03-01T09:00:00Z"`, 1),
		"members of tomorrow": strings.Replace(policies(doc), `"UserId"`, `"New":{"a":[1,{"b":2}]},"UserId"`, 1),
	} {
		a := load(t, "x.json", text)
		if len(a.Faults) > 0 || len(a.Users) != 1 || len(a.Users[0].Inline) != 1 {
			t.Errorf("%s: %v %+v", name, a.Faults, a.Users)
			continue
		}
		u := a.Users[0]
		if got := u.Inline[0].Policy.Statements[0].Resources[0]; got != "arn:aws:s3:::a+b c/%25/*" {
			t.Errorf("%s: resource %q", name, got)
		}
		if !u.Created.Equal(time.Date(2024, 3, 1, 9, 0, 0, 0, time.UTC)) {
			t.Errorf("%s: made at %v", name, u.Created)
		}
		if name == "members of tomorrow" && a.Ignored["authorization-details: UserDetailList[].New"] != 1 {
			t.Errorf("%s: %v", name, a.Ignored)
		}
	}
}

// What is wrong is named with file and path, and what depends on it is unknown.
func TestBadInput(t *testing.T) {
	cases := []struct {
		name             string
		files            []string
		file, path, what string
		unknown          func(*Account) bool
	}{
		{"malformed JSON", []string{"a.json", export(""), "bucket-policy/calls.json", `{"Policy": nope}`},
			"bucket-policy/calls.json", "", "not JSON",
			func(a *Account) bool { m, _ := a.missing("bucket-policy", "calls"); return m.Why != "" }},
		{"JSON cut off", []string{"authorization-details.json", export("")[:230]},
			"authorization-details.json", "", "not JSON",
			func(a *Account) bool { return !a.Known("authorization-details") }},
		{"two entries for one user", []string{"a.json", export(""), "b.json", export(`,"Tags":[{"Key":"a","Value":"b"}]`)},
			"b.json", "UserDetailList[0]", "is there twice, and the two differ",
			func(a *Account) bool { return len(a.Users) == 1 && len(a.Users[0].Unknown) == 1 }},
		{"a policy that is attached and not there", []string{"a.json", export(`,"AttachedManagedPolicies":[{"PolicyName":"ReadOnlyAccess","PolicyArn":"arn:aws:iam::aws:policy/ReadOnlyAccess"}]`)},
			"", "arn:aws:iam::aws:policy/ReadOnlyAccess", "no file holds it",
			func(a *Account) bool { return a.Users[0].Attached[0].Policy == nil }},
		{"a boundary that is not there", []string{"a.json", export(`,"PermissionsBoundary":{"PermissionsBoundaryType":"Policy","PermissionsBoundaryArn":"arn:aws:iam::123456789012:policy/b"}`)},
			"", "arn:aws:iam::123456789012:policy/b", "no file holds it",
			func(a *Account) bool { return a.Users[0].Boundary != nil && a.Users[0].Boundary.Policy == nil }},
		{"a group that is not there", []string{"a.json", strings.Replace(export(""), `"GroupList":[]`, `"GroupList":["devs"]`, 1)},
			"", "arn:aws:iam::123456789012:user/ann", "in group devs",
			func(a *Account) bool { return len(a.Users[0].Groups[0].Unknown) == 1 }},
		{"an inline policy that is none", []string{"a.json", export(`,"UserPolicyList":[{"PolicyName":"p","PolicyDocument":7}]`)},
			"a.json", "UserDetailList[0].UserPolicyList[0].PolicyDocument", "not a policy",
			func(a *Account) bool { return a.Users[0].Inline[0].Policy == nil && len(a.Users[0].Unknown) == 1 }},
		{"a statement that is none", []string{"a.json", export(`,"UserPolicyList":[{"PolicyName":"p","PolicyDocument":{"Statement":{"Effect":"Maybe","Action":"*","Resource":"*"}}}]`)},
			"a.json", "UserDetailList[0].UserPolicyList[0].PolicyDocument", "neither Allow nor Deny",
			func(a *Account) bool { return len(a.Users[0].Inline[0].Policy.Faults) == 1 }},
		{"a wrong encoding", []string{"a.json", export(`,"UserPolicyList":[{"PolicyName":"p","PolicyDocument":"%7B%zz"}]`)},
			"a.json", "UserDetailList[0].UserPolicyList[0].PolicyDocument", "percent-encoded, and wrongly",
			func(a *Account) bool { return a.Users[0].Inline[0].Policy == nil }},
		{"the wrong kind", []string{"a.json", export(`,"Tags":"none","UserPolicyList":{"a":1}`)},
			"a.json", "UserDetailList[0].UserPolicyList", "is an object, not a list",
			func(a *Account) bool { return len(a.Users[0].Unknown) == 1 }},
		{"no time", []string{"a.json", strings.Replace(export(""), "2024-03-01T09:00:00+00:00", "yesterday", 1)},
			"a.json", "UserDetailList[0].CreateDate", "is not a time",
			func(a *Account) bool { return len(a.Users[0].Unknown) == 1 }},
		{"no ARN", []string{"a.json", strings.Replace(export(""), "arn:aws:iam::123456789012:user/ann", "ann", 1)},
			"a.json", "UserDetailList[0].Arn", "is not an ARN",
			func(a *Account) bool { return len(a.Users) == 0 && !a.Known("authorization-details") }},
		{"a member twice", []string{"a.json", export(`,"Path":"/x/"`)},
			"a.json", "UserDetailList[0].Path", "there twice",
			func(a *Account) bool { return len(a.Users[0].Unknown) == 1 }},
		{"a page without the next", []string{"a.json", strings.Replace(export(""), `"IsTruncated":false`, `"IsTruncated":true,"Marker":"m"`, 1)},
			"", "", "",
			func(a *Account) bool {
				m, _ := a.missing("authorization-details", "")
				return strings.Contains(m.Why, "no page ends it") && !a.Known("authorization-details")
			}},
		{"lists filtered out", []string{"a.json", `{"UserDetailList":[]}`},
			"", "", "",
			func(a *Account) bool {
				_, ok := a.missing("authorization-details", "RoleDetailList")
				return ok && !a.Known("authorization-details")
			}},
		{"an empty file", []string{"a.json", export(""), "bucket-policy/calls.json", "\n"},
			"bucket-policy/calls.json", "", "it is empty",
			func(a *Account) bool { m, _ := a.missing("bucket-policy", "calls"); return m.Why != "" }},
		{"a policy of nobody", []string{"a.json", export(""), "p.json", `{"Policy":"{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"kms:*\",\"Resource\":\"*\",\"Principal\":\"*\"}]}"}`},
			"p.json", "", "nothing says whose",
			func(a *Account) bool { return true }},
		{"another answer", []string{"a.json", export(""), "bucket-policy/calls.json", `{"Buckets":[]}`},
			"bucket-policy/calls.json", "", "no answer of",
			func(a *Account) bool { return !a.Known("bucket-policy", "calls") }},
		{"two policies of one bucket", []string{"a.json", export(""),
			"1/bucket-policy/calls.json", `{"Policy":"{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\",\"Principal\":\"*\"}]}"}`,
			"2/bucket-policy/calls.json", `{"Policy":"{\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"s3:*\",\"Resource\":\"*\",\"Principal\":\"*\"}]}"}`},
			"2/bucket-policy/calls.json", "", "the two differ",
			func(a *Account) bool { return !a.Buckets[0].Policy.Known && !a.Known("bucket-policy", "calls") }},
		{"two accounts", []string{"a.json", export(""), "b.json", strings.ReplaceAll(export(""), "123456789012", "999999999999")},
			"b.json", "UserDetailList[0].Arn", "is of account 999999999999",
			func(a *Account) bool {
				m, _ := a.missing("account", "999999999999")
				return len(a.Users) == 1 && m.Why != ""
			}},
		{"too deep", []string{"a.json", export(`,"Tags":` + strings.Repeat("[", 70) + strings.Repeat("]", 70))},
			"a.json", "UserDetailList[0]", "nested more than",
			func(a *Account) bool { return !a.Known("authorization-details") }},
		{"no default version", []string{"a.json", strings.Replace(export(""), `"Policies":[]`, `"Policies":[{"PolicyName":"p","Arn":"arn:aws:iam::123456789012:policy/p","DefaultVersionId":"v2","PolicyVersionList":[{"VersionId":"v1","IsDefaultVersion":false,"Document":{"Statement":[]}}]}]`, 1)},
			"a.json", "Policies[0]", "the default version (v2) of policy p is missing",
			func(a *Account) bool { return a.Managed[0].Policy == nil && len(a.Managed[0].Versions) == 1 }},
	}
	for _, c := range cases {
		a := load(t, c.files...)
		if c.what != "" && !a.faulty(c.file, c.path, c.what) {
			t.Errorf("%s: faults %v", c.name, a.Faults)
		}
		if !c.unknown(a) {
			t.Errorf("%s: taken as known; missing %v", c.name, a.Missing)
		}
	}
}

// Two files of one account say the same in either order.
func TestOrderOfFiles(t *testing.T) {
	one, two := export(`,"GroupList2":[]`), strings.ReplaceAll(strings.Replace(export(""), "AIDA1", "AIDA2", 1), "ann", "bob")
	x, y := load(t, "1.json", one, "2.json", two), load(t, "1.json", two, "2.json", one)
	if len(x.Users) != 2 || x.Users[0].Name != "ann" || y.Users[0].Name != "ann" || y.Users[1].ID != "AIDA2" {
		t.Errorf("%v, %v", x.Users, y.Users)
	}
}

// Policies that say the same are kept once.
func TestSharedPolicies(t *testing.T) {
	doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	one := `,"UserPolicyList":[{"PolicyName":"p","PolicyDocument":` + doc + `}]`
	a := load(t, "1.json", export(one), "2.json", strings.ReplaceAll(strings.Replace(export(strings.Replace(one, `":"`, `": "`, -1)), "AIDA1", "AIDA2", 1), "ann", "bob"))
	x, y := a.Users[0].Inline[0].Policy, a.Users[1].Inline[0].Policy
	if x == y || &x.Statements[0] != &y.Statements[0] || x.Name != "user ann, inline policy p" || y.Name != "user bob, inline policy p" {
		t.Errorf("%p %p %s %s", x, y, x.Name, y.Name)
	}
}

func TestNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(dir); err == nil {
		t.Error("an empty folder is an account")
	}
	p := filepath.Join(dir, "x.json")
	if err := os.WriteFile(p, []byte(`{"a":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(p); err == nil || !strings.Contains(err.Error(), p) {
		t.Errorf("a file that says nothing: %v", err)
	}
	if _, err := Load(filepath.Join(dir, "none")); err == nil {
		t.Error("a file that is not there is an account")
	}
}

// No bytes crash the loader, and an account that it makes of them has no user or bucket
// without a name.
func FuzzLoad(f *testing.F) {
	for _, s := range []string{export(""), "", "{", "[]", `{"Policy":"{}"}`, "An error occurred (AccessDenied) when calling the GetBucketAcl operation: no",
		`{"snapshot":"strongroom-cloud/1","account":"123456789012"}` + "\n" + `{"input":"bucket-acl","of":"b","answer":{"Grants":[{}]}}` + "\n" + `{"end":1}`,
		`{"Reservations":[{"Instances":[{"InstanceId":"i-1"}]}]}`, `{"Grants":[{"GrantId":"g","KeyId":"arn:aws:kms:eu-west-1:123456789012:key/k"}]}`,
		"user,arn,password_enabled\na,arn:aws:iam::123456789012:user/a,true\n", `{"Functions":[{}]}`, `{"taskDefinition":{"taskDefinitionArn":"a"}}`,
		`{"AutoScalingGroups":[{"AutoScalingGroupName":"g"}]}`, `{"tasks":[{"taskArn":"t"}]}`, "\x1f\x8b"} {
		f.Add("bucket-policy/calls.json", []byte(s))
		f.Add("eu-west-1/x", []byte(s))
	}
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		l := NewLoader()
		if err := l.Read(name, bytes.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		a, err := l.Account()
		if err != nil {
			return
		}
		for _, u := range a.Users {
			if u.ARN == "" || u.Name == "" {
				t.Errorf("a user without a name: %+v", u)
			}
		}
		for _, b := range a.Buckets {
			if b.Name == "" {
				t.Error("a bucket without a name")
			}
		}
	})
}

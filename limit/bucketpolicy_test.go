package limit

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom"
)

var tenants = []string{"alice", "bob", "al*ce", "zoë@example.org"}

func isTenant(name string) bool { return slices.Contains(tenants, name) }

func translated(t testing.TB, text string) Translation {
	t.Helper()
	tr, err := BucketPolicy("calls", []byte(text), isTenant)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return tr
}

// statementWith is a policy of one statement: an Allow to alice of reading
// everything, changed by members that replace its own or, when null, take them out.
func statementWith(t testing.TB, change string) string {
	t.Helper()
	st := map[string]any{
		"Effect": "Allow", "Principal": map[string]any{"AWS": "arn:aws:iam::123456789012:user/alice"},
		"Action": "s3:GetObject", "Resource": "arn:aws:s3:::calls/*",
	}
	var changes map[string]any
	if err := json.Unmarshal([]byte("{"+change+"}"), &changes); err != nil {
		t.Fatalf("%v: %s", err, change)
	}
	for name, v := range changes {
		if st[name] = v; v == nil {
			delete(st, name)
		}
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": st})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Each testdata/bucketpolicy/NAME.json becomes NAME.cedar, byte for byte.
func TestBucketPolicyText(t *testing.T) {
	files, err := filepath.Glob("testdata/bucketpolicy/*.json")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(strings.TrimSuffix(file, "json") + "cedar")
		if err != nil {
			t.Error(err)
		}
		if got := translated(t, string(text)); got.Cedar != string(want) {
			t.Errorf("%s gives\n%s", file, got.Cedar)
		}
	}
}

func TestMalformedBucketPolicy(t *testing.T) {
	const policy = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::calls/*"}}`
	if _, err := BucketPolicy("calls", []byte(policy), isTenant); err != nil {
		t.Fatalf("the policy that the cases change: %v", err)
	}
	const (
		invalid   = "This policy contains invalid Json"
		principal = "Invalid principal in policy"
		action    = "Policy has invalid action"
		resource  = "Policy has invalid resource"
		applies   = "Action does not apply to any resource(s) in statement"
		syntax    = "Invalid policy syntax."
		both      = "Conditions do not apply to combination of actions and resources in statement"
	)
	texts := map[string]struct{ text, want string }{
		"nothing":          {"", "Policies must be valid JSON and the first byte must be '{'"},
		"a blank first":    {" " + policy, "Policies must be valid JSON and the first byte must be '{'"},
		"a list":           {"[" + policy + "]", "Policies must be valid JSON and the first byte must be '{'"},
		"not closed":       {policy[:len(policy)-1], invalid},
		"more behind":      {policy + "{}", invalid},
		"a name twice":     {`{"Version":"2012-10-17",` + policy[1:], invalid},
		"null":             {`{"Version":null}`, invalid},
		"not UTF-8":        {strings.Replace(policy, "Allow", "\xff", 1), invalid},
		"too deep":         {`{"Statement":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`, invalid},
		"too long":         {policy + strings.Repeat(" ", MaxBucketPolicy), "The policy exceeds the maximum allowed document size."},
		"empty":            {"{}", "Missing required field Statement"},
		"no statement":     {`{"Statement":[]}`, "Could not parse the policy: Statement is empty!"},
		"a statement text": {`{"Statement":["x"]}`, syntax},
		"another version":  {strings.Replace(policy, "2012-10-17", "2012-10-18", 1), "The policy must contain a valid version string"},
		"a version number": {strings.Replace(policy, `"2012-10-17"`, "2012", 1), "The policy must contain a valid version string"},
		"an id number":     {`{"Id":1,` + policy[1:], syntax},
		"an unknown field": {`{"Comment":"x",` + policy[1:], "Unknown field Comment"},
	}
	for name, change := range map[string][2]string{
		"unknown in statement":    {`"Why":"x"`, "Unknown field Why"},
		"a sid number":            {`"Sid":1`, syntax},
		"no effect":               {`"Effect":null`, "Missing required field Effect"},
		"another effect":          {`"Effect":"allow"`, "Invalid effect: allow"},
		"no principal":            {`"Principal":null`, "Missing required field Principal"},
		"two principals":          {`"NotPrincipal":"*"`, "Statement cannot contain both Principal and NotPrincipal"},
		"allow but":               {`"Principal":null,"NotPrincipal":{"AWS":"arn:aws:iam::123456789012:user/bob"}`, "Allow with NotPrincipal is not allowed."},
		"an empty principal":      {`"Principal":{}`, "Missing required field Principal cannot be empty!"},
		"principals of nobody":    {`"Principal":{"AWS":[]}`, principal},
		"a text principal":        {`"Principal":"alice"`, principal},
		"a name for an ARN":       {`"Principal":{"AWS":"alice"}`, principal},
		"nobody's ARN":            {`"Principal":{"AWS":"arn:aws:iam::123456789012:user/mallory"}`, principal},
		"one of two unknown":      {`"Principal":{"AWS":["*","arn:aws:iam::123456789012:user/mallory"]}`, principal},
		"a wildcard in an ARN":    {`"Principal":{"AWS":"arn:aws:iam::123456789012:user/al*ce"}`, principal},
		"a wildcard in a path":    {`"Principal":{"AWS":"arn:aws:iam::123456789012:user/*/alice"}`, principal},
		"a group":                 {`"Principal":{"AWS":"arn:aws:iam::123456789012:group/agents"}`, principal},
		"a short account":         {`"Principal":{"AWS":"arn:aws:iam::12345:user/alice"}`, principal},
		"another kind":            {`"Principal":{"GCP":"alice"}`, principal},
		"no action":               {`"Action":null`, "Missing required field Action"},
		"no action in list":       {`"Action":[]`, action},
		"an action number":        {`"Action":1`, action},
		"another service":         {`"Action":"ec2:GetObject"`, action},
		"an unknown action":       {`"Action":["s3:GetObject","s3:GetObjekt"]`, action},
		"no resource":             {`"Resource":null`, "Missing required field Resource"},
		"no ARN":                  {`"Resource":"calls/*"`, resource},
		"another bucket":          {`"Resource":["arn:aws:s3:::calls/*","arn:aws:s3:::mails/*"]`, resource},
		"a longer name":           {`"Resource":"arn:aws:s3:::calls2*"`, resource},
		"no key":                  {`"Resource":"arn:aws:s3:::calls/"`, resource},
		"an account's action":     {`"Action":"s3:ListAllMyBuckets","Resource":"*"`, applies},
		"an action on the bucket": {`"Action":"s3:ListBucket"`, applies},
		"one of two on nothing":   {`"Action":["s3:*","s3:ListBucket"]`, applies},
		"an action on objects":    {`"Resource":"arn:aws:s3:::calls"`, applies},
		"a condition text":        {`"Condition":"x"`, syntax},
		"an operator":             {`"Condition":{"StringSame":{"aws:username":"alice"}}`, "Invalid Condition type : StringSame"},
		"Null if it exists":       {`"Condition":{"NullIfExists":{"aws:username":"true"}}`, "Invalid Condition type : NullIfExists"},
		"a condition key":         {`"Condition":{"StringEquals":{"aws:shoesize":"42"}}`, "Policy has an invalid condition key"},
		"a key with no tag":       {`"Condition":{"StringEquals":{"s3:ExistingObjectTag/":"42"}}`, "Policy has an invalid condition key"},
		"a key of listings":       {`"Condition":{"StringEquals":{"s3:prefix":"x"}}`, both},
		"a key of some":           {`"Action":["s3:ListBucket","s3:GetBucketLocation"],"Resource":"arn:aws:s3:::calls","Condition":{"StringEquals":{"s3:prefix":"x"}}`, both},
		"no address":              {`"Condition":{"IpAddress":{"aws:SourceIp":"office"}}`, "Invalid IP address range: office"},
		"no truth":                {`"Condition":{"Bool":{"aws:SecureTransport":"yes"}}`, syntax},
		"no time":                 {`"Condition":{"DateLessThan":{"aws:CurrentTime":"tomorrow"}}`, syntax},
		"no value":                {`"Condition":{"StringEquals":{"aws:username":[]}}`, syntax},
		"an open variable":        {`"Resource":"arn:aws:s3:::calls/${aws:username"`, syntax},
	} {
		texts[name] = struct{ text, want string }{statementWith(t, change[0]), change[1]}
	}
	for name, tt := range texts {
		tr, err := BucketPolicy("calls", []byte(tt.text), isTenant)
		fault, ok := errors.AsType[*MalformedPolicy](err)
		if !ok || fault.Message != tt.want || tr != (Translation{}) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

func TestUntranslatableBucketPolicy(t *testing.T) {
	for name, change := range map[string][2]string{
		"an account":                     {`"Principal":{"AWS":"arn:aws:iam::123456789012:root"}`, "no principal of this room"},
		"an account's number":            {`"Principal":{"AWS":"123456789012"}`, "no principal of this room"},
		"a role":                         {`"Principal":{"AWS":"arn:aws:iam::123456789012:role/ops/Admin"}`, "no roles"},
		"a session":                      {`"Principal":{"AWS":"arn:aws:sts::123456789012:assumed-role/Admin/alice"}`, "no roles"},
		"a service":                      {`"Principal":{"Service":"cloudtrail.amazonaws.com"}`, "no service"},
		"a canonical id":                 {`"Principal":{"CanonicalUser":"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}`, "canonical"},
		"a federation":                   {`"Principal":{"Federated":"cognito-identity.amazonaws.com"}`, "by name"},
		"all but":                        {`"Effect":"Deny","Principal":null,"NotPrincipal":{"AWS":"arn:aws:iam::123456789012:user/bob"}`, "aws:PrincipalArn"},
		"one character":                  {`"Resource":"arn:aws:s3:::calls/call-?.wav"`, "the wildcard ?"},
		"a variable in everyone's key":   {`"Principal":"*","Resource":"arn:aws:s3:::calls/${aws:username}/*"`, "name the users in Principal"},
		"another variable":               {`"Resource":"arn:aws:s3:::calls/${aws:PrincipalTag/team}/*"`, "${aws:PrincipalTag/team}"},
		"a variable with a default":      {`"Resource":"arn:aws:s3:::calls/${aws:username, 'x'}/*"`, "only ${aws:username}"},
		"tags, allowed alone":            {`"Action":"s3:GetObjectTagging"`, "part of what s3:GetObject give; allow"},
		"tags, denied alone":             {`"Effect":"Deny","Action":"s3:GetObjectTagging"`, "deny those as well"},
		"retention, denied half":         {`"Effect":"Deny","Action":["s3:GetObject","s3:GetObjectRetention"]`, "s3:GetObject and s3:GetObjectVersion"},
		"untagging alone":                {`"Action":"s3:DeleteObjectTagging"`, "s3:PutObjectTagging"},
		"aborting alone":                 {`"Action":"s3:AbortMultipartUpload"`, "s3:PutObject and s3:DeleteObject"},
		"uploads alone":                  {`"Action":"s3:ListBucketMultipartUploads","Resource":"arn:aws:s3:::calls"`, "s3:ListBucket"},
		"one piece of configuration":     {`"Action":"s3:GetBucketVersioning","Resource":"arn:aws:s3:::calls"`, "read as a whole or not at all; name the others as well (s3:GetAccelerateConfiguration,"},
		"one denied":                     {`"Effect":"Deny","Action":"s3:PutBucketTagging","Resource":"arn:aws:s3:::calls"`, "change as a whole"},
		"a tag condition":                {`"Condition":{"StringEquals":{"s3:ExistingObjectTag/team":"x"}}`, "s3:ExistingObjectTag/team"},
		"an ACL condition":               {`"Action":"s3:PutObject","Condition":{"StringEquals":{"s3:x-amz-acl":"private"}}`, "s3:x-amz-acl"},
		"an organisation":                {`"Principal":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}`, "aws:PrincipalOrgID"},
		"a user id":                      {`"Condition":{"StringEquals":{"aws:userid":"AIDAX"}}`, "aws:userid"},
		"a case that does not count":     {`"Condition":{"StringEqualsIgnoreCase":{"aws:username":"ALICE"}}`, "StringEqualsIgnoreCase"},
		"a set":                          {`"Condition":{"ForAllValues:StringEquals":{"aws:username":"alice"}}`, "ForAllValues"},
		"a role's ARN":                   {`"Condition":{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::123456789012:role/Admin"}}`, "name users"},
		"any ARN":                        {`"Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*"}}`, "name users"},
		"an account literally star":      {`"Condition":{"StringEquals":{"aws:PrincipalArn":"arn:aws:iam::*:user/alice"}}`, "name users"},
		"an address as text":             {`"Condition":{"StringLike":{"aws:SourceIp":"192.0.2.*"}}`, "StringLike on aws:SourceIp"},
		"an instant":                     {`"Condition":{"DateEquals":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}}`, "DateEquals"},
		"a time too fine":                {`"Condition":{"DateLessThan":{"aws:CurrentTime":"2026-01-01T00:00:00.0001Z"}}`, "millisecond"},
		"an empty prefix":                {`"Action":"s3:ListBucket","Resource":"arn:aws:s3:::calls","Condition":{"StringEquals":{"s3:prefix":["","x/"]}}`, "empty prefix"},
		"any prefix":                     {`"Action":"s3:ListBucket","Resource":"arn:aws:s3:::calls","Condition":{"StringLike":{"s3:prefix":"*"}}`, "empty prefix"},
		"a prefix if there":              {`"Action":"s3:ListBucket","Resource":"arn:aws:s3:::calls","Condition":{"StringEqualsIfExists":{"s3:prefix":"x/"}}`, "empty prefix"},
		"no prefix":                      {`"Action":"s3:ListBucket","Resource":"arn:aws:s3:::calls","Condition":{"Null":{"s3:prefix":"true"}}`, "empty prefix"},
		"a statement too long":           {`"Resource":[` + strings.TrimSuffix(strings.Repeat(`"arn:aws:s3:::calls/a-rather-long-name*",`, 420), ",") + `]`, "split it"},
		"uploads under a prefix":         {`"Effect":"Deny","Action":"s3:ListBucket*","Resource":"arn:aws:s3:::calls","Condition":{"StringNotLike":{"s3:prefix":"x/*"}}`, "s3:ListBucketMultipartUploads"},
		"a delimiter":                    {`"Action":"s3:ListBucket","Resource":"arn:aws:s3:::calls","Condition":{"StringEquals":{"s3:delimiter":"/"}}`, "s3:delimiter"},
		"a prefix of one letter":         {`"Action":"s3:ListBucket","Resource":"arn:aws:s3:::calls","Condition":{"StringLike":{"s3:prefix":"?"}}`, "the wildcard ?"},
		"everything listed, object part": {`"Action":"s3:List*","Resource":["arn:aws:s3:::calls","arn:aws:s3:::calls/*"]`, "s3:ListMultipartUploadParts"},
	} {
		tr, err := BucketPolicy("calls", []byte(statementWith(t, `"Sid":"Why",`+change[0])), isTenant)
		why, ok := errors.AsType[*UntranslatablePolicy](err)
		if !ok || why.Statement != "Why" || !strings.Contains(why.Reason, change[1]) || tr != (Translation{}) {
			t.Errorf("%s: got %v, want %q", name, err, change[1])
		}
	}
}

// A fault that S3 would find comes before what cannot be said, wherever it stands.
func TestMalformedComesFirst(t *testing.T) {
	_, err := BucketPolicy("calls", []byte(`{"Statement":[
		{"Effect":"Allow","Principal":{"Service":"x.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::calls/*"},
		{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::mails/*"}]}`), isTenant)
	if _, ok := errors.AsType[*MalformedPolicy](err); !ok {
		t.Errorf("got %v", err)
	}
}

func TestPublicBucketPolicy(t *testing.T) {
	for name, tt := range map[string]struct {
		change           string
		public, everyone bool
	}{
		"a user":                          {`"Sid":"x"`, false, false},
		"everyone":                        {`"Principal":"*"`, true, true},
		"everyone in a list":              {`"Principal":{"AWS":["arn:aws:iam::123456789012:user/alice","*"]}`, true, true},
		"everyone denied":                 {`"Effect":"Deny","Principal":"*"`, false, false},
		"from fixed addresses":            {`"Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":["192.0.2.0/24","2001:db8::/32","10.0.0.0/8"]}}`, false, true},
		"from half of all":                {`"Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":["192.0.2.0/24","128.0.0.0/1"]}}`, true, true},
		"from much of IPv6":               {`"Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":"2000::/31"}}`, true, true},
		"from elsewhere":                  {`"Principal":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`, true, true},
		"from fixed addresses if there":   {`"Principal":"*","Condition":{"IpAddressIfExists":{"aws:SourceIp":"192.0.2.0/24"}}`, true, true},
		"over TLS":                        {`"Principal":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}`, true, true},
		"of one ARN":                      {`"Principal":"*","Condition":{"StringEquals":{"aws:PrincipalArn":"arn:aws:iam::123456789012:user/alice"}}`, false, true},
		"of some ARNs":                    {`"Principal":"*","Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::123456789012:user/al*"}}`, true, true},
		"with an ARN":                     {`"Principal":"*","Condition":{"Null":{"aws:PrincipalArn":"false"}}`, true, true},
		"everyone, what is not offered":   {`"Principal":"*","Action":"s3:RestoreObject"`, true, true},
		"everyone, from and over":         {`"Principal":"*","Condition":{"Bool":{"aws:SecureTransport":"true"},"IpAddress":{"aws:SourceIp":"192.0.2.7"}}`, false, true},
		"a name, as anyone may choose it": {`"Principal":"*","Condition":{"StringEquals":{"aws:username":"alice"}}`, true, true},
	} {
		if got := translated(t, statementWith(t, tt.change)); got.Public != tt.public || got.Everyone != tt.everyone {
			t.Errorf("%s: public %v, everyone %v", name, got.Public, got.Everyone)
		}
	}
}

// Times and addresses may be written as AWS lets them be written.
func TestBucketPolicyValues(t *testing.T) {
	for change, want := range map[string]string{
		`"Condition":{"DateLessThan":{"aws:CurrentTime":1767225600}}`:                      `context.time < datetime("2026-01-01T00:00:00.000Z")`,
		`"Condition":{"DateLessThan":{"aws:CurrentTime":"1767225600"}}`:                    `context.time < datetime("2026-01-01T00:00:00.000Z")`,
		`"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2026-01-01"}}`:                 `context.time > datetime("2026-01-01T00:00:00.000Z")`,
		`"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2026-01-01T01:00+01:00"}}`:     `context.time > datetime("2026-01-01T00:00:00.000Z")`,
		`"Condition":{"DateLessThanEquals":{"aws:currenttime":"2026-01-01T00:00:00.25Z"}}`: `context.time <= datetime("2026-01-01T00:00:00.250Z")`,
		`"Condition":{"IpAddress":{"AWS:SourceIP":"192.0.2.7/24"}}`:                        `isInRange(ip("192.0.2.0/24"))`,
		`"Condition":{"IpAddress":{"aws:SourceIp":"2001:db8::7"}}`:                         `isInRange(ip("2001:db8::7/128"))`,
		`"Condition":{"Bool":{"aws:SecureTransport":true}}`:                                `when { context.secure }`,
	} {
		if got := translated(t, statementWith(t, change)).Cedar; !strings.Contains(got, want) {
			t.Errorf("%s gives\n%s", change, got)
		}
	}
	for _, value := range []string{`-1`, `"999999999999999"`, `"0000-01-01"`} {
		_, err := BucketPolicy("calls", []byte(statementWith(t, `"Condition":{"DateLessThan":{"aws:CurrentTime":`+value+`}}`)), isTenant)
		if _, ok := errors.AsType[*MalformedPolicy](err); !ok {
			t.Errorf("%s: got %v", value, err)
		}
	}
	_, err := BucketPolicy("calls", []byte(statementWith(t, `"Condition":{"IpAddress":{"aws:SourceIp":"::ffff:192.0.2.7"}}`)), isTenant)
	if _, ok := errors.AsType[*MalformedPolicy](err); !ok {
		t.Errorf("an IPv4 address in IPv6's clothes: %v", err)
	}
}

func TestBucketPolicyNamesItsStatements(t *testing.T) {
	st := `{"Sid":%q,"Effect":"Deny","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::calls","arn:aws:s3:::calls/*"]}`
	var list []string
	for _, sid := range []string{"Keep", "Keep", "3", "with blanks", strings.Repeat("x", 500), ""} {
		list = append(list, fmt.Sprintf(st, sid))
	}
	set := mustParse(t, permitAll+translated(t, `{"Statement":[`+strings.Join(list, ",")+`]}`).Cedar)
	var ids []string
	for _, p := range set.Policies()[1:] {
		ids = append(ids, strings.TrimPrefix(p.ID, "bucket/calls/"))
	}
	want := []string{"Keep", "Keep.2", "Keep.3", "2", "2.2", "2.3", "3", "3.2", "3.3", "4", "4.2", "4.3", "5", "5.2", "5.3", "6", "6.2", "6.3"}
	if !slices.Equal(ids, want) {
		t.Errorf("got %q", ids)
	}
}

// A policy of every action, allowed on everything, gives all that S3 can do to a
// bucket and no more; opening content still needs a purpose.
func TestWholeBucketPolicy(t *testing.T) {
	set := mustParse(t, translated(t, statementWith(t, `"Action":"s3:*","Resource":["arn:aws:s3:::calls","arn:aws:s3:::calls/*"]`)).Cedar)
	not := map[strongroom.Action]bool{
		strongroom.ActionDownload:     true,
		strongroom.ActionMarkScrubbed: true, strongroom.ActionCreateBucket: true, strongroom.ActionReadLedger: true,
		strongroom.ActionManagePeople: true, strongroom.ActionManagePolicy: true, strongroom.ActionReadPolicy: true,
		strongroom.ActionRelabel: true, strongroom.ActionLoosenLabel: true, strongroom.ActionApproveRequest: true,
		strongroom.ActionTakeInventory: true, strongroom.ActionReadUsage: true, strongroom.ActionBreakGlass: true,
		strongroom.ActionReviewAccess: true, strongroom.ActionReadAlerts: true, strongroom.ActionManageAlerts: true,
	}
	for _, action := range allActions {
		for _, resource := range []strongroom.Resource{{}, {Bucket: "calls"}, {Bucket: "calls", Key: "k"}, {Bucket: "mails"}, {Bucket: "mails", Key: "k"}} {
			q := strongroom.Question{
				Action: action, Principal: strongroom.Principal{Name: "alice", Kind: strongroom.Person}, Resource: resource,
				Context: strongroom.Context{Time: noon, Method: "sigv4"},
			}
			if f, err := set.needs.factsOf(&q); err != nil || f == nil {
				continue // no such question
			}
			plain := set.Decide(q)
			q.Context.Purpose.Text = "complaint 12"
			given := set.Decide(q)
			want := !not[action] && resource.Bucket == "calls"
			if action == strongroom.ActionReadMetadata && resource.Key == "" {
				want = false // S3 has no such thing
			}
			asks := action == strongroom.ActionReadObject || action == strongroom.ActionBypassRetention
			if given.Permit != want || plain.Permit != (want && !asks) {
				t.Errorf("%s on %q %q: %+v, with a purpose %+v", action, resource.Bucket, resource.Key, plain, given)
			}
		}
	}
}

// As in S3, a bucket policy does not stop lifecycle rules.
func TestLifecycleGoesOnWhateverTheBucketPolicyDenies(t *testing.T) {
	denial := translated(t, statementWith(t, `"Effect":"Deny","Principal":"*","Action":"s3:*"`))
	set := mustParse(t, string(defaultText)+denial.Cedar)
	for who, want := range map[string]bool{"lifecycle": true, "owner": false} {
		r := recording("old", lastYear)
		r.Bucket = "calls"
		d := set.Decide(strongroom.Question{
			Action: strongroom.ActionDeleteObject, Principal: people[who], Resource: r,
			Context: strongroom.Context{Time: noon, Method: "local"},
		})
		if d.Permit != want {
			t.Errorf("%s: %+v", who, d)
		}
	}
}

// --- AWS's semantics, told a second time ---------------------------------------

// s3request is a request as S3 evaluates it: the one permission that it needs.
type s3request struct {
	permission string
	user       string
	key        string  // "" for what concerns the bucket
	prefix     *string // of a listing
	source     string
	secure     bool
	time       time.Time
}

// question is what the house asks itself for such a request.
func (r s3request) question() strongroom.Question {
	q := strongroom.Question{
		Principal: strongroom.Principal{ID: id(1), Name: r.user, Kind: strongroom.Person},
		Resource:  strongroom.Resource{Bucket: "calls", Key: r.key, Custody: "machine", Version: unsampled, Created: yesterday},
		Context:   strongroom.Context{Time: r.time, Method: "sigv4", Source: r.source, Secure: r.secure, Purpose: strongroom.Purpose{Text: "complaint 12"}},
	}
	q.Action, q.Resource.ByVersion = asked[r.permission].action, asked[r.permission].byVersion
	if r.prefix != nil {
		q.Resource.Key = *r.prefix
	}
	return q
}

// asked are the permissions that requests need, HEAD being GET without content.
var asked = map[string]struct {
	action    strongroom.Action
	byVersion bool
}{
	"s3:GetObject":                  {strongroom.ActionReadObject, false},
	"s3:GetObjectVersion":           {strongroom.ActionReadObject, true},
	"HEAD s3:GetObject":             {strongroom.ActionReadMetadata, false},
	"HEAD s3:GetObjectVersion":      {strongroom.ActionReadMetadata, true},
	"s3:PutObject":                  {strongroom.ActionStoreObject, false},
	"s3:DeleteObject":               {strongroom.ActionDeleteObject, false},
	"s3:DeleteObjectVersion":        {strongroom.ActionDeleteObject, true},
	"s3:PutObjectTagging":           {strongroom.ActionTagObject, false},
	"s3:PutObjectVersionTagging":    {strongroom.ActionTagObject, true},
	"s3:PutObjectLegalHold":         {strongroom.ActionHoldObject, false},
	"s3:PutObjectRetention":         {strongroom.ActionRetainObject, true},
	"s3:BypassGovernanceRetention":  {strongroom.ActionBypassRetention, true},
	"s3:ListBucket":                 {strongroom.ActionListObjects, false},
	"s3:ListBucketVersions":         {strongroom.ActionListObjects, true},
	"HEAD s3:ListBucket":            {strongroom.ActionListBuckets, false},
	"s3:DeleteBucket":               {strongroom.ActionDeleteBucket, false},
	"s3:GetBucketVersioning":        {strongroom.ActionReadBucket, false},
	"s3:GetLifecycleConfiguration":  {strongroom.ActionReadBucket, false},
	"s3:PutBucketTagging":           {strongroom.ActionConfigureBucket, false},
	"s3:PutEncryptionConfiguration": {strongroom.ActionConfigureBucket, false},
}

var s3permissions = slices.Sorted(maps.Keys(asked))

type awsStatement struct {
	Effect                                   string
	Principal                                any
	Action, NotAction, Resource, NotResource []string
	Condition                                map[string]map[string][]string
}

// answer evaluates statements as AWS documents it. A source that is not known, which
// AWS does not have, counts against the asker.
func (r s3request) answer(version string, statements []awsStatement) (allowed, denied bool) {
	for _, st := range statements {
		if r.fits(version, st) {
			allowed = allowed || st.Effect == "Allow"
			denied = denied || st.Effect == "Deny"
		}
	}
	return allowed && !denied, denied
}

func (r s3request) fits(version string, st awsStatement) bool {
	who := false
	switch p := st.Principal.(type) {
	case string:
		who = p == "*"
	case map[string][]string:
		for _, arn := range p["AWS"] {
			who = who || arn == "*" || strings.HasSuffix(arn, "/"+r.user)
		}
	}
	permission := strings.ToLower(strings.TrimPrefix(r.permission, "HEAD "))
	among := func(patterns []string, of string, fold bool) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			if fold {
				p = strings.ToLower(p)
			}
			return glob(r.expand(version, p), of)
		})
	}
	what := among(st.Action, permission, true)
	if st.NotAction != nil {
		what = !among(st.NotAction, permission, true)
	}
	arn := "arn:aws:s3:::calls"
	if r.key != "" {
		arn += "/" + r.key
	}
	where := among(st.Resource, arn, false)
	if st.NotResource != nil {
		where = !among(st.NotResource, arn, false)
	}
	return who && what && where && r.meets(version, st)
}

// star stands for a wildcard in an expanded pattern, so that a star in a name stays one.
const star, one = '\ue000', '\ue001'

func (r s3request) expand(version, p string) string {
	p = strings.NewReplacer("${*}", "\ue002", "*", string(star), "?", string(one)).Replace(p)
	p = strings.ReplaceAll(p, "\ue002", "${*}")
	if version == "2012-10-17" {
		p = strings.NewReplacer("${aws:username}", r.user, "${*}", "*").Replace(p)
	} else {
		p = strings.ReplaceAll(p, "${*}", "${"+string(star)+"}")
	}
	return p
}

func glob(p, s string) bool {
	pattern, text := []rune(p), []rune(s)
	var match func(i, j int) bool
	match = func(i, j int) bool {
		switch {
		case i == len(pattern):
			return j == len(text)
		case pattern[i] == star:
			return match(i+1, j) || j < len(text) && match(i, j+1)
		}
		return j < len(text) && (pattern[i] == one || pattern[i] == text[j]) && match(i+1, j+1)
	}
	return match(0, 0)
}

func (r s3request) meets(version string, st awsStatement) bool {
	for operator, keys := range st.Condition {
		for key, values := range keys {
			if !r.meetsOne(version, st.Effect, operator, key, values) {
				return false
			}
		}
	}
	return true
}

func (r s3request) meetsOne(version, effect, operator, key string, values []string) bool {
	base, ifExists := strings.CutSuffix(operator, "IfExists")
	var value string
	known := true
	switch key {
	case "aws:SourceIp":
		value, known = r.source, r.source != ""
	case "aws:SecureTransport":
		value = fmt.Sprint(r.secure)
	case "aws:CurrentTime":
		value = r.time.Format(time.RFC3339Nano)
	case "aws:username":
		value = r.user
	case "aws:PrincipalArn":
		value = "arn:aws:iam::123456789012:user/" + r.user
	case "s3:prefix":
		if known = r.prefix != nil && *r.prefix != ""; known {
			value = *r.prefix
		}
	}
	if base == "Null" {
		return slices.Contains(values, fmt.Sprint(!known))
	}
	negated := strings.Contains(base, "Not")
	if !known {
		if key == "aws:SourceIp" && !ifExists {
			return effect == "Deny"
		}
		return ifExists || negated
	}
	return negated != slices.ContainsFunc(values, func(want string) bool {
		switch strings.Replace(base, "Not", "", 1) {
		case "StringEquals":
			return strings.NewReplacer(string(star), "*", string(one), "?").Replace(r.expand(version, want)) == value
		case "StringLike", "ArnLike", "ArnEquals":
			return glob(r.expand(version, want), value)
		case "Bool":
			return want == value
		case "IpAddress":
			if !strings.Contains(want, "/") {
				want += map[bool]string{true: "/128", false: "/32"}[strings.Contains(want, ":")]
			}
			return netip.MustParsePrefix(want).Contains(netip.MustParseAddr(value))
		}
		at, err := time.Parse(time.RFC3339, want)
		if err != nil {
			panic(err)
		}
		return map[string]bool{
			"DateLessThan": r.time.Before(at), "DateLessThanEquals": !r.time.After(at),
			"DateGreaterThan": r.time.After(at), "DateGreaterThanEquals": !r.time.Before(at),
		}[base]
	})
}

func some(r *rand.Rand, from ...string) []string {
	n := 1 + r.IntN(3)
	var out []string
	for range n {
		out = append(out, from[r.IntN(len(from))])
	}
	return out
}

func randomStatement(r *rand.Rand) awsStatement {
	st := awsStatement{Effect: []string{"Allow", "Deny"}[r.IntN(2)], Principal: "*"}
	if r.IntN(3) > 0 {
		st.Principal = map[string][]string{"AWS": some(r, "arn:aws:iam::123456789012:user/alice", "arn:aws:iam::123456789012:user/ops/bob", "arn:aws:iam::123456789012:user/zoë@example.org")}
	}
	both := r.IntN(2) == 0
	actions := []string{"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "S3:deleteobject", "s3:DeleteObject*", "s3:PutObjectTagging",
		"s3:Put?bjectTagging", "s3:PutObjectVersionTagging", "s3:PutObjectLegalHold", "s3:*Retention", "s3:BypassGovernanceRetention", "s3:*", "*", "s3:GetObject*", "s3:RestoreObject"}
	resources := []string{"arn:aws:s3:::calls/*", "arn:aws:s3:::calls/a*", "arn:aws:s3:::calls/a/b.wav", "arn:aws:s3:::call?/*.wav", "arn:aws:s3:::c*lls/a/*",
		"arn:aws:s3:::calls/${aws:username}", "arn:aws:s3:::calls/${aws:username}/*", "arn:aws:s3:::calls/${*}x", "arn:aws:s3:::ca*/b*", "arn:aws:s3:::calls/*/b*v"}
	if both || r.IntN(2) == 0 {
		// What concerns the bucket as well.
		actions = append(actions, "s3:ListBucket", "s3:ListBucketVersions", "s3:List*", "s3:DeleteBucket", "s3:GetBucketLocation", "s3:*", "*")
		whole := []string{"s3:GetBucket*", "s3:GetLifecycleConfiguration", "s3:Get*Configuration", "s3:Put*"}
		if r.IntN(3) == 0 {
			st.Action = append(whole, "s3:ListBucket")
		}
		resources = append(resources, "arn:aws:s3:::calls", "arn:aws:s3:::*", "*", "arn:aws:s3:::call*", "arn:aws:s3:::c*/a*")
	}
	if st.Action == nil && r.IntN(6) == 0 {
		st.NotAction = some(r, "s3:GetObject*", "s3:Put*", "s3:List*", "s3:Get*", "s3:Delete*", "s3:*Object*", "s3:*Bucket*")
	} else if st.Action == nil {
		st.Action = some(r, actions...)
	}
	if r.IntN(5) == 0 {
		st.NotResource = some(r, resources...)
	} else {
		st.Resource = some(r, resources...)
		if both {
			st.Resource = append(st.Resource, "arn:aws:s3:::calls", "arn:aws:s3:::calls/*")
		}
	}
	listing := r.IntN(4) == 0
	if listing {
		st.NotAction, st.NotResource = nil, nil
		st.Action, st.Resource = some(r, "s3:ListBucket", "s3:ListBucketVersions", "s3:*Bucket"), []string{"arn:aws:s3:::calls", "arn:aws:s3:::calls/*"}
		if r.IntN(2) == 0 {
			st.Action, st.NotAction = nil, []string{"s3:*Bucket?*", "s3:*Configuration"} // what objects know, and s3:ListBucket
		}
	}
	for n := r.IntN(3); n > 0 || listing; n-- {
		var operator, key string
		var values []string
		exists := []string{"", "IfExists"}[r.IntN(4)/3]
		not := []string{"", "Not"}[r.IntN(2)]
		kind := r.IntN(8)
		if listing {
			kind, listing = 7, false
		}
		switch kind {
		case 0:
			operator, key, values = not+"IpAddress"+exists, "aws:SourceIp", some(r, "192.0.2.0/24", "192.0.2.7", "2001:db8::/32", "198.51.100.7/8", "0.0.0.0/0")
		case 1:
			operator, key, values = "Bool"+exists, "aws:SecureTransport", some(r, "true", "false")
		case 2:
			operator, key, values = "Date"+[]string{"Less", "Greater"}[r.IntN(2)]+"Than"+[]string{"", "Equals"}[r.IntN(2)]+exists, "aws:CurrentTime", some(r, "2026-03-10T12:00:00Z", "2026-03-10T13:00:00+02:00", "2026-03-10T12:00:00.001Z")
		case 3:
			operator, key, values = "String"+not+[]string{"Equals", "Like"}[r.IntN(2)]+exists, "aws:username", some(r, "alice", "bob", "al*", "*@example.org", "${aws:username}", "al${*}ce")
		case 4:
			operator, key, values = "Arn"+not+[]string{"Equals", "Like"}[r.IntN(2)]+exists, "aws:PrincipalArn", some(r, "arn:aws:iam::123456789012:user/alice", "arn:aws:iam::*:user/b*", "arn:aws:iam::123456789012:user/*")
		case 5:
			operator, key, values = "Null", []string{"aws:SourceIp", "aws:username"}[r.IntN(2)], some(r, "true", "false")
		default:
			operator, key, values = "String"+not+[]string{"Equals", "Like"}[r.IntN(2)]+exists, "s3:prefix", some(r, "a", "a*", "*/b", "home/${aws:username}/*", "${aws:username}", "b*", "*")
		}
		if st.Condition == nil {
			st.Condition = map[string]map[string][]string{}
		}
		if st.Condition[operator] == nil {
			st.Condition[operator] = map[string][]string{}
		}
		st.Condition[operator][key] = values
	}
	return st
}

func randomRequest(r *rand.Rand) s3request {
	q := s3request{
		permission: s3permissions[r.IntN(len(s3permissions))], user: tenants[r.IntN(len(tenants))],
		source: []string{"", "192.0.2.7", "192.0.2.8", "198.51.100.1", "2001:db8::1"}[r.IntN(5)],
		secure: r.IntN(2) == 0,
		time:   noon.Add([]time.Duration{-time.Hour, -time.Millisecond, 0, time.Millisecond}[r.IntN(4)]),
	}
	if strings.Contains(q.permission, "Object") || strings.HasPrefix(q.permission, "s3:Bypass") {
		q.key = []string{"a", "a/b.wav", "b.wav", "alice", "alice/x", "al*ce/x", "*x", "zoë@example.org/ü", "a/\n\"b\\v", "${*}x", "x/bv"}[r.IntN(11)]
	}
	if strings.HasPrefix(q.permission, "s3:ListBucket") {
		prefix := []string{"", "a", "ab", "x/b", "alice", "home/alice/x", "home/bob/", "b"}[r.IntN(8)]
		if q.prefix = &prefix; prefix == "" && r.IntN(2) == 0 {
			q.prefix = nil
		}
	}
	return q
}

// S3 as documented and the translation in Cedar give the same answer to every request.
func TestTranslationAgreesWithS3(t *testing.T) {
	const policies, requests = 400, 50
	r := rand.New(rand.NewPCG(20, 26))
	said, allowed, denied := 0, 0, 0
	for range policies {
		version := []string{"2012-10-17", "2012-10-17", "2008-10-17"}[r.IntN(3)]
		var statements []awsStatement
		var texts []json.RawMessage
		for range 1 + r.IntN(2) {
			st := randomStatement(r)
			statements, texts = append(statements, st), append(texts, st.json(t))
		}
		text, err := json.Marshal(map[string]any{"Version": version, "Statement": texts})
		if err != nil {
			t.Fatal(err)
		}
		tr, err := BucketPolicy("calls", text, isTenant)
		if err != nil {
			if _, ok := errors.AsType[*MalformedPolicy](err); !ok {
				if _, ok := errors.AsType[*UntranslatablePolicy](err); !ok {
					t.Fatalf("%v\n%s", err, text)
				}
			}
			continue
		}
		said++
		alone, beside := mustParse(t, `@id("none") forbid (principal, action, resource is Room);`+"\n"+tr.Cedar), mustParse(t, permitAll+tr.Cedar)
		for range requests {
			req := randomRequest(r)
			q := req.question()
			if q.Action == "" {
				t.Fatalf("no question for %q", req.permission)
			}
			wantAllowed, wantDenied := req.answer(version, statements)
			d, e := alone.Decide(q), beside.Decide(q)
			if d.Permit != wantAllowed || e.Permit == wantDenied || len(d.Errors)+len(e.Errors) > 0 {
				t.Fatalf("S3: allowed %v, denied %v; Cedar alone %+v, beside a permit of everything %+v\n%s\n%+v\n%s", wantAllowed, wantDenied, d, e, text, req, tr.Cedar)
			}
			if wantAllowed {
				allowed++
			}
			if wantDenied {
				denied++
			}
		}
	}
	t.Logf("%d of %d policies translated; %d requests allowed, %d denied", said, policies, allowed, denied)
	if said < policies/4 || allowed < said || denied < said {
		t.Errorf("too little was compared: %d of %d policies translated, %d requests allowed, %d denied", said, policies, allowed, denied)
	}
}

func (st awsStatement) json(t *testing.T) json.RawMessage {
	m := map[string]any{"Effect": st.Effect, "Principal": st.Principal}
	for name, v := range map[string][]string{"Action": st.Action, "NotAction": st.NotAction, "Resource": st.Resource, "NotResource": st.NotResource} {
		if v != nil {
			m[name] = v
		}
	}
	if st.Condition != nil {
		m["Condition"] = st.Condition
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func FuzzBucketPolicy(f *testing.F) {
	files, err := filepath.Glob("testdata/bucketpolicy/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"Statement":{"Effect":"Deny","Principal":{"AWS":["*"]},"NotAction":"s3:?*","NotResource":"arn:aws:s3:::*a?l**s/${*}\"\\\u0000*","Condition":{"StringNotLikeIfExists":{"s3:prefix":["*",1,true]}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		tr, err := BucketPolicy("calls", text, isTenant)
		if err != nil {
			_, malformed := errors.AsType[*MalformedPolicy](err)
			_, unsaid := errors.AsType[*UntranslatablePolicy](err)
			if !malformed && !unsaid || len(err.Error()) > 4<<10 {
				t.Fatalf("an error that nobody can answer: %v", err)
			}
			return
		}
		if tr.Public && !tr.Everyone {
			t.Fatal("public, but granting nothing to everyone")
		}
		if tr.Cedar == "" {
			return
		}
		for _, p := range mustParse(t, tr.Cedar).Policies() {
			if !strings.HasPrefix(p.ID, "bucket/calls/") {
				t.Fatalf("id %q", p.ID)
			}
		}
	})
}

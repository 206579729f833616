// Package synth makes up AWS accounts of any size, the same for the same numbers: for tests,
// for benchmarks, and for whoever wants to repeat their figures.
//
// An account has users in groups, roles that services, people and other accounts take on,
// managed policies that many share and inline ones that few do, wildcards, conditions,
// denials and boundaries, buckets and keys with policies, instances, functions and tasks,
// and an organization whose policies bind it. About one principal in three hundred is an
// administrator; a few more can become one.
package synth

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"strongroom/cloud/account"
)

// Config says how large an account is.
type Config struct {
	Principals int // users and roles together
	Buckets    int
	Seed       uint64
}

// Most is what Write makes at most.
const Most = 1_000_000

const (
	id     = "111122223333"
	region = "eu-west-1"
	made   = "2025-02-03T04:05:06Z"
	page   = 500 // entries of authorization details in one answer
)

type object = map[string]any

// generator holds what later parts name.
type generator struct {
	*rand.Rand
	w        *account.Writer
	c        Config
	teams    []string
	policies []string // ARNs of managed policies
	powerful []string // that permit escalation
	bounds   []string
	groups   []string
	users    []string // ARNs
	roles    []role
	buckets  []string
	keys     []string // ids
	err      error
}

type role struct {
	arn, name, service string // the service that takes it on
	profile            string
}

// Write writes an account as a snapshot (docs/formats/cloud-snapshot.md).
func Write(out io.Writer, c Config) error {
	if c.Principals < 1 || c.Buckets < 1 || c.Principals > Most || c.Buckets > Most {
		return fmt.Errorf("an account has 1 to %d principals and 1 to %d buckets, not %d and %d", Most, Most, c.Principals, c.Buckets)
	}
	w, err := account.NewWriter(out, account.Head{Account: id, Partition: "aws", Taken: time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC),
		Regions: []string{region}, Program: fmt.Sprintf("synthetic: %d principals, %d buckets, seed %d", c.Principals, c.Buckets, c.Seed)})
	if err != nil {
		return err
	}
	g := &generator{Rand: rand.New(rand.NewPCG(c.Seed, 0x737472)), w: w, c: c}
	for i := range max(3, c.Principals/40) {
		g.teams = append(g.teams, fmt.Sprintf("%s%d", []string{"calls", "web", "data", "ops", "pay", "risk", "mail", "lab"}[i%8], i/8))
	}
	g.names()
	g.managed()
	g.principals()
	g.storage()
	g.compute()
	g.surroundings()
	if g.err != nil {
		return g.err
	}
	return w.Close()
}

func (g *generator) answer(input, of string, body any) {
	if g.err == nil {
		g.err = g.w.Answer(account.About{Input: input, Of: of, Region: region}, body)
	}
}

func (g *generator) none(input, of, code string) {
	if g.err == nil {
		g.err = g.w.Refused(account.About{Input: input, Of: of, Region: region}, code, "")
	}
}

// one in n.
func (g *generator) one(n int) bool { return g.IntN(n) == 0 }

func pick[T any](g *generator, list []T) T { return list[g.IntN(len(list))] }

// names are made first: everything refers to everything.
func (g *generator) names() {
	for i := range g.c.Buckets {
		g.buckets = append(g.buckets, fmt.Sprintf("%s-%s-%d", g.teams[i%len(g.teams)], []string{"recordings", "exports", "logs", "assets", "backup"}[i%5], i))
	}
	for i := range max(1, g.c.Buckets/4) {
		g.keys = append(g.keys, fmt.Sprintf("00000000-0000-4000-8000-%012d", i))
	}
	users := g.c.Principals * 55 / 100
	for i := range users {
		g.users = append(g.users, fmt.Sprintf("arn:aws:iam::%s:user/%s/user%05d", id, pick(g, g.teams), i))
	}
	services := []string{"ec2", "lambda", "ecs-tasks", "codebuild", "cloudformation", "glue", "sagemaker", "states"}
	for i := range g.c.Principals - users {
		r := role{name: fmt.Sprintf("%s-role%05d", pick(g, g.teams), i)}
		if g.IntN(10) < 5 {
			r.service = pick(g, services)
		}
		r.arn = "arn:aws:iam::" + id + ":role/" + r.name
		if r.service == "ec2" {
			r.profile = "arn:aws:iam::" + id + ":instance-profile/" + r.name
		}
		g.roles = append(g.roles, r)
	}
	for i := range max(2, g.c.Principals/20) {
		g.groups = append(g.groups, fmt.Sprintf("group%04d", i))
	}
}

// actions are what people and programs usually may do.
var actions = [][]string{
	{"ec2:Describe*"}, {"s3:ListBucket", "s3:GetBucketLocation"}, {"logs:CreateLogStream", "logs:PutLogEvents"}, {"cloudwatch:Get*", "cloudwatch:List*"},
	{"dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"}, {"sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage"}, {"sns:Publish"},
	{"lambda:InvokeFunction"}, {"lambda:List*", "lambda:Get*"}, {"ssm:GetParameter*"}, {"secretsmanager:GetSecretValue"}, {"ecr:Get*", "ecr:BatchGetImage"},
	{"states:StartExecution"}, {"events:PutEvents"}, {"xray:Put*"}, {"iam:Get*", "iam:List*"}, {"kms:DescribeKey", "kms:List*"}, {"athena:*"}, {"glue:Get*"},
	{"cloudformation:Describe*", "cloudformation:List*"}, {"ecs:Describe*", "ecs:List*"}, {"rds:Describe*"}, {"route53:List*"}, {"ec2:StartInstances", "ec2:StopInstances"},
}

// steps are what somebody needs to become somebody else; few have them.
var steps = [][]string{
	{"iam:PassRole", "ec2:RunInstances"}, {"iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"}, {"lambda:UpdateFunctionCode"}, {"ssm:StartSession"}, {"ssm:SendCommand"},
	{"iam:CreateAccessKey"}, {"iam:AttachUserPolicy"}, {"iam:CreatePolicyVersion"}, {"iam:UpdateAssumeRolePolicy"}, {"sts:AssumeRole"}, {"codebuild:StartBuild"}, {"ecs:ExecuteCommand"},
	{"cloudformation:UpdateStack"}, {"iam:PassRole", "ecs:RegisterTaskDefinition", "ecs:RunTask"}, {"iam:PutRolePolicy"}, {"s3:PutBucketPolicy"}, {"kms:CreateGrant"}, {"iam:AddUserToGroup"},
}

func (g *generator) statement(effect string, actions []string, resources ...string) object {
	s := object{"Effect": effect, "Action": actions, "Resource": resources}
	if g.one(7) {
		s["Condition"] = g.condition()
	}
	return s
}

func (g *generator) condition() object {
	switch g.IntN(6) {
	case 0:
		return object{"StringEquals": object{"aws:RequestedRegion": []string{region, "eu-west-3"}}}
	case 1:
		return object{"IpAddress": object{"aws:SourceIp": []string{fmt.Sprintf("10.%d.0.0/16", g.IntN(256))}}}
	case 2:
		return object{"Bool": object{"aws:MultiFactorAuthPresent": "true"}}
	case 3:
		return object{"StringEquals": object{"aws:PrincipalTag/team": pick(g, g.teams)}}
	case 4:
		return object{"StringLike": object{"aws:SourceVpce": "vpce-*"}}
	}
	return object{"StringEqualsIfExists": object{"aws:PrincipalOrgID": "o-synthetic1"}}
}

// content permits reading or writing in buckets: of one, of a prefix of one, of a team's.
func (g *generator) content() object {
	verbs := pick(g, [][]string{{"s3:GetObject"}, {"s3:GetObject", "s3:ListBucket"}, {"s3:Get*", "s3:List*"}, {"s3:PutObject"}, {"s3:*Object"}, {"s3:GetObject", "s3:GetObjectVersion"}})
	b := pick(g, g.buckets)
	where := "arn:aws:s3:::" + b + "/*"
	switch g.IntN(5) {
	case 0:
		where = "arn:aws:s3:::" + b + fmt.Sprintf("/%d/*", 2020+g.IntN(7))
	case 1:
		where = "arn:aws:s3:::" + b[:strings.Index(b, "-")] + "-*/*"
	}
	return g.statement("Allow", verbs, "arn:aws:s3:::"+b, where)
}

func (g *generator) ordinary() []object {
	var out []object
	for range 1 + g.IntN(4) {
		switch g.IntN(6) {
		case 0:
			out = append(out, g.content())
		case 1:
			out = append(out, g.statement("Allow", []string{"kms:Decrypt", "kms:GenerateDataKey*"}, g.key(pick(g, g.keys))))
		default:
			out = append(out, g.statement("Allow", pick(g, actions), "*"))
		}
	}
	if g.one(15) {
		out = append(out, g.statement("Deny", []string{"s3:*"}, "arn:aws:s3:::"+pick(g, g.buckets)+"/*"))
	}
	return out
}

// step is one of the steps, over a team's principals or over all.
func (g *generator) step() object {
	where := "*"
	if !g.one(4) {
		where = "arn:aws:*:*:" + id + ":*" + pick(g, g.teams) + "*"
	}
	return g.statement("Allow", pick(g, steps), where)
}

func (g *generator) key(k string) string {
	return "arn:aws:kms:" + region + ":" + id + ":key/" + k
}

func document(statements ...object) object {
	return object{"Version": "2012-10-17", "Statement": statements}
}

// managed makes the managed policies, and writes them.
func (g *generator) managed() {
	entry := func(arn string, docs ...object) object {
		var versions []object
		for i, d := range docs {
			versions = append(versions, object{"VersionId": fmt.Sprintf("v%d", i+1), "IsDefaultVersion": i == len(docs)-1, "CreateDate": made, "Document": d})
		}
		return object{"PolicyName": arn[strings.LastIndex(arn, "/")+1:], "PolicyId": fmt.Sprintf("ANPA%016d", g.Uint32()), "Arn": arn, "Path": "/",
			"DefaultVersionId": fmt.Sprintf("v%d", len(docs)), "CreateDate": made, "UpdateDate": made, "PolicyVersionList": versions}
	}
	all := []object{
		entry("arn:aws:iam::aws:policy/AdministratorAccess", document(object{"Effect": "Allow", "Action": "*", "Resource": "*"})),
		entry("arn:aws:iam::aws:policy/ReadOnlyAccess", document(object{"Effect": "Allow", "Action": []string{"s3:Get*", "s3:List*", "ec2:Describe*", "iam:Get*", "iam:List*", "kms:List*"}, "Resource": "*"})),
	}
	for i := range max(8, g.c.Principals/10) {
		arn := fmt.Sprintf("arn:aws:iam::%s:policy/policy%05d", id, i)
		docs := []object{document(g.ordinary()...)}
		if g.one(12) {
			docs = append(docs, document(append(g.ordinary(), g.step())...))
			g.powerful = append(g.powerful, arn)
		} else {
			g.policies = append(g.policies, arn)
		}
		all = append(all, entry(arn, docs...))
	}
	for i := range 3 {
		arn := fmt.Sprintf("arn:aws:iam::%s:policy/boundary%d", id, i)
		g.bounds = append(g.bounds, arn)
		all = append(all, entry(arn, document(
			object{"Effect": "Allow", "Action": []string{"s3:*", "ec2:*", "logs:*", "lambda:*", "kms:Decrypt", "sqs:*"}, "Resource": "*"},
			object{"Effect": "Deny", "Action": []string{"iam:*", "organizations:*"}, "Resource": "*"})))
	}
	if len(g.powerful) == 0 {
		g.powerful = g.policies[:1]
	}
	g.details("Policies", all)
}

// details writes authorization details page by page.
func (g *generator) details(list string, entries []object) {
	for len(entries) > 0 {
		n := min(page, len(entries))
		body := object{"UserDetailList": []object{}, "GroupDetailList": []object{}, "RoleDetailList": []object{}, "Policies": []object{}, "IsTruncated": false}
		body[list] = entries[:n]
		g.answer("authorization-details", "", body)
		entries = entries[n:]
	}
}

// grants are what a principal has.
func (g *generator) grants(e object, kind string) object {
	var att, inline []object
	for range 1 + g.IntN(3) {
		arn := pick(g, g.policies)
		if g.one(60) {
			arn = pick(g, g.powerful)
		}
		att = append(att, object{"PolicyArn": arn, "PolicyName": arn[strings.LastIndex(arn, "/")+1:]})
	}
	if g.one(300) {
		att = append(att, object{"PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess", "PolicyName": "AdministratorAccess"})
	} else if g.one(40) {
		att = append(att, object{"PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess", "PolicyName": "ReadOnlyAccess"})
	}
	if g.one(3) {
		statements := g.ordinary()
		if g.one(50) {
			statements = append(statements, g.step())
		}
		inline = append(inline, object{"PolicyName": "inline", "PolicyDocument": document(statements...)})
	}
	e["AttachedManagedPolicies"], e[kind+"PolicyList"] = att, inline
	if kind != "Group" {
		e["Tags"] = []object{{"Key": "team", "Value": pick(g, g.teams)}}
		if g.one(10) {
			e["PermissionsBoundary"] = object{"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": pick(g, g.bounds)}
		}
	}
	return e
}

func (g *generator) principals() {
	var all []object
	for i, name := range g.groups {
		all = append(all, g.grants(object{"Path": "/", "GroupName": name, "GroupId": fmt.Sprintf("AGPA%016d", i), "Arn": "arn:aws:iam::" + id + ":group/" + name, "CreateDate": made}, "Group"))
	}
	g.details("GroupDetailList", all)
	all = nil
	report := strings.Builder{}
	report.WriteString("user,arn,password_enabled,password_last_used,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date\n")
	for i, arn := range g.users {
		name := arn[strings.LastIndex(arn, "/")+1:]
		path := arn[strings.Index(arn, ":user/")+5 : len(arn)-len(name)]
		in := []string{pick(g, g.groups)}
		if other := pick(g, g.groups); other != in[0] && g.one(2) {
			in = append(in, other)
		}
		all = append(all, g.grants(object{"Path": path, "UserName": name, "UserId": fmt.Sprintf("AIDA%016d", i), "Arn": arn, "CreateDate": made, "GroupList": in}, "User"))
		fmt.Fprintf(&report, "%s,%s,%t,N/A,%t,%t,%s,N/A\n", name, arn, g.one(2), g.one(2), g.one(2), made)
	}
	g.details("UserDetailList", all)
	all = nil
	for i, r := range g.roles {
		e := object{"Path": "/", "RoleName": r.name, "RoleId": fmt.Sprintf("AROA%016d", i), "Arn": r.arn, "CreateDate": made, "MaxSessionDuration": 3600,
			"AssumeRolePolicyDocument": g.trust(r), "InstanceProfileList": []object{}, "RoleLastUsed": object{}}
		if g.one(2) {
			e["RoleLastUsed"] = object{"LastUsedDate": "2026-10-20T10:00:00Z", "Region": region}
		}
		if r.profile != "" {
			e["InstanceProfileList"] = []object{{"Path": "/", "InstanceProfileName": r.name, "InstanceProfileId": fmt.Sprintf("AIPA%016d", i), "Arn": r.profile, "CreateDate": made, "Roles": []object{{"Arn": r.arn}}}}
		}
		all = append(all, g.grants(e, "Role"))
	}
	g.details("RoleDetailList", all)
	g.answer("credential-report", "", object{"Content": []byte(report.String()), "ReportFormat": "text/csv"})
}

// trust says who takes a role on.
func (g *generator) trust(r role) object {
	s := object{"Effect": "Allow", "Action": "sts:AssumeRole"}
	switch n := g.IntN(20); {
	case r.service != "":
		s["Principal"] = object{"Service": r.service + ".amazonaws.com"}
	case n < 2:
		s["Principal"] = object{"AWS": "arn:aws:iam::" + id + ":root"}
	case n < 4:
		s["Principal"] = object{"AWS": "arn:aws:iam::444455556666:root"}
		s["Condition"] = object{"StringEquals": object{"sts:ExternalId": fmt.Sprintf("x%d", g.IntN(1000))}}
	case n < 6:
		s["Principal"], s["Action"] = object{"Federated": "arn:aws:iam::" + id + ":saml-provider/people"}, "sts:AssumeRoleWithSAML"
		s["Condition"] = object{"StringEquals": object{"SAML:aud": "https://signin.aws.amazon.com/saml"}}
	case n < 8:
		s["Principal"], s["Action"] = object{"Federated": "arn:aws:iam::" + id + ":oidc-provider/token.example.com"}, "sts:AssumeRoleWithWebIdentity"
		s["Condition"] = object{"StringLike": object{"token.example.com:sub": "repo:" + pick(g, g.teams) + "/*"}}
	case n < 14 && len(g.users) > 0:
		s["Principal"] = object{"AWS": []string{pick(g, g.users), pick(g, g.users)}}
	default:
		s["Principal"] = object{"AWS": []string{pick(g, g.roles).arn}}
	}
	return document(s)
}

func (g *generator) storage() {
	var list []object
	for _, b := range g.buckets {
		list = append(list, object{"Name": b, "CreationDate": made, "BucketRegion": region})
	}
	g.answer("buckets", "", object{"Buckets": list, "Owner": object{"ID": "owner"}})
	for i, b := range g.buckets {
		g.answer("bucket-location", b, object{"LocationConstraint": region})
		g.bucketPolicy(b)
		blocked := !g.one(8)
		g.answer("bucket-public-access-block", b, object{"PublicAccessBlockConfiguration": object{"BlockPublicAcls": blocked, "IgnorePublicAcls": blocked, "BlockPublicPolicy": blocked, "RestrictPublicBuckets": blocked}})
		g.answer("bucket-acl", b, object{"Owner": object{"ID": "owner"}, "Grants": []object{{"Grantee": object{"Type": "CanonicalUser", "ID": "owner"}, "Permission": "FULL_CONTROL"}}})
		g.answer("bucket-ownership", b, object{"OwnershipControls": object{"Rules": []object{{"ObjectOwnership": "BucketOwnerEnforced"}}}})
		if g.one(3) {
			g.answer("bucket-encryption", b, encrypted("aws:kms", g.key(g.keys[i%len(g.keys)])))
		} else {
			g.answer("bucket-encryption", b, encrypted("AES256", ""))
		}
		g.answer("bucket-versioning", b, object{"Status": "Enabled"})
		if g.one(20) {
			g.answer("bucket-replication", b, object{"ReplicationConfiguration": object{"Role": pick(g, g.roles).arn, "Rules": []object{{"ID": "all", "Status": "Enabled", "Destination": object{"Bucket": "arn:aws:s3:::" + pick(g, g.buckets)}}}}})
		} else {
			g.none("bucket-replication", b, "ReplicationConfigurationNotFoundError")
		}
		g.answer("bucket-logging", b, object{})
		g.answer("bucket-notification", b, object{})
		g.answer("bucket-inventory", b, object{"InventoryConfigurationList": []object{}})
		g.answer("bucket-tags", b, object{"TagSet": []object{{"Key": "team", "Value": b[:strings.Index(b, "-")]}}})
	}
	g.none("account-public-access-block", "", "NoSuchPublicAccessBlockConfiguration")
	var points []object
	for i := range g.c.Buckets / 20 {
		points = append(points, object{"Name": fmt.Sprintf("point%d", i), "Bucket": g.buckets[i], "NetworkOrigin": "Internet", "AccessPointArn": fmt.Sprintf("arn:aws:s3:%s:%s:accesspoint/point%d", region, id, i)})
	}
	g.answer("access-points", "", object{"AccessPointList": some(points)})
	for i := range points {
		p := points[i]
		g.answer("access-point", p["Name"].(string), object{"Name": p["Name"], "Bucket": p["Bucket"], "NetworkOrigin": "Internet", "AccessPointArn": p["AccessPointArn"],
			"PublicAccessBlockConfiguration": object{"BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": true, "RestrictPublicBuckets": true}})
		g.answer("access-point-policy", p["Name"].(string), object{"Policy": document(object{"Effect": "Allow", "Principal": object{"AWS": pick(g, g.roles).arn}, "Action": "s3:GetObject", "Resource": p["AccessPointArn"].(string) + "/object/*"})})
	}
	var keys []object
	for _, k := range g.keys {
		keys = append(keys, object{"KeyId": k, "KeyArn": g.key(k)})
	}
	g.answer("keys", "", object{"Keys": keys})
	g.answer("key-aliases", "", object{"Aliases": []object{{"AliasName": "alias/first", "AliasArn": "arn:aws:kms:" + region + ":" + id + ":alias/first", "TargetKeyId": g.keys[0]}}})
	for _, k := range g.keys {
		g.answer("key", k, object{"KeyMetadata": object{"KeyId": k, "Arn": g.key(k), "KeyState": "Enabled", "KeyManager": "CUSTOMER", "KeyUsage": "ENCRYPT_DECRYPT", "Origin": "AWS_KMS", "CreationDate": made}})
		policy := []object{{"Sid": "account", "Effect": "Allow", "Principal": object{"AWS": "arn:aws:iam::" + id + ":root"}, "Action": "kms:*", "Resource": "*"}}
		if g.one(3) {
			policy = append(policy, object{"Sid": "users", "Effect": "Allow", "Principal": object{"AWS": []string{pick(g, g.roles).arn, pick(g, g.roles).arn}}, "Action": []string{"kms:Decrypt", "kms:GenerateDataKey*"}, "Resource": "*"})
		}
		g.answer("key-policy", k, object{"Policy": document(policy...), "PolicyName": "default"})
		grants := []object{}
		if g.one(4) {
			grants = append(grants, object{"KeyId": g.key(k), "GrantId": "grant-" + k, "GranteePrincipal": pick(g, g.roles).arn, "IssuingAccount": "arn:aws:iam::" + id + ":root", "Operations": []string{"Decrypt", "GenerateDataKey"}, "CreationDate": made})
		}
		g.answer("key-grants", k, object{"Grants": grants})
		g.answer("key-tags", k, object{"Tags": []object{}})
	}
}

func encrypted(algorithm, key string) object {
	by := object{"SSEAlgorithm": algorithm}
	if key != "" {
		by["KMSMasterKeyID"] = key
	}
	return object{"ServerSideEncryptionConfiguration": object{"Rules": []object{{"ApplyServerSideEncryptionByDefault": by}}}}
}

func some(list []object) []object {
	if list == nil {
		return []object{}
	}
	return list
}

func (g *generator) bucketPolicy(b string) {
	here := []string{"arn:aws:s3:::" + b, "arn:aws:s3:::" + b + "/*"}
	var policy []object
	if !g.one(3) {
		policy = append(policy, object{"Sid": "tls", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": here, "Condition": object{"Bool": object{"aws:SecureTransport": "false"}}})
	}
	switch g.IntN(8) {
	case 0, 1:
		policy = append(policy, object{"Sid": "readers", "Effect": "Allow", "Principal": object{"AWS": []string{pick(g, g.roles).arn}}, "Action": []string{"s3:GetObject"}, "Resource": here[1]})
	case 2:
		policy = append(policy, object{"Sid": "only", "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject*", "Resource": here[1], "Condition": object{"ArnNotLike": object{"aws:PrincipalArn": []string{pick(g, g.roles).arn, "arn:aws:iam::" + id + ":role/" + g.teams[0] + "-*"}}}})
	case 3:
		policy = append(policy, object{"Sid": "inside", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": here, "Condition": object{"StringNotEquals": object{"aws:SourceVpce": "vpce-1"}}})
	case 4:
		policy = append(policy, object{"Sid": "partner", "Effect": "Allow", "Principal": object{"AWS": "arn:aws:iam::444455556666:root"}, "Action": []string{"s3:GetObject", "s3:ListBucket"}, "Resource": here})
	}
	if len(policy) == 0 {
		g.none("bucket-policy", b, "NoSuchBucketPolicy")
		return
	}
	g.answer("bucket-policy", b, object{"Policy": document(policy...)})
}

// compute makes what runs: for about every third role that a service takes on, something.
func (g *generator) compute() {
	lists := map[string][]object{}
	var instances []string
	var definitions, projects []string
	at := region + ":" + id + ":"
	for i, r := range g.roles {
		if r.service == "" || !g.one(3) {
			continue
		}
		switch r.service {
		case "ec2":
			n := fmt.Sprintf("i-%017d", i)
			e := object{"InstanceId": n, "State": object{"Name": "running"}, "Placement": object{"AvailabilityZone": region + "a"}, "ImageId": "ami-1", "VpcId": "vpc-1", "SubnetId": "subnet-1",
				"PrivateIpAddress": fmt.Sprintf("10.0.%d.%d", i/250%250, i%250), "LaunchTime": made, "IamInstanceProfile": object{"Arn": r.profile}, "SecurityGroups": []object{{"GroupId": fmt.Sprintf("sg-%d", g.IntN(10))}},
				"MetadataOptions": object{"HttpTokens": pick(g, []string{"optional", "required"}), "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 1}}
			if g.one(3) {
				e["KeyName"], e["PublicIpAddress"] = "ops", fmt.Sprintf("198.51.100.%d", i%250)
			}
			lists["instances"] = append(lists["instances"], object{"Instances": []object{e}})
			instances = append(instances, n)
			if g.one(2) {
				lists["managed-instances"] = append(lists["managed-instances"], object{"InstanceId": n, "PingStatus": "Online", "LastPingDateTime": made, "PlatformType": "Linux"})
			}
		case "lambda":
			arn := "arn:aws:lambda:" + at + "function:" + r.name
			lists["functions"] = append(lists["functions"], object{"FunctionName": r.name, "FunctionArn": arn, "Role": r.arn, "Runtime": "python3.13"})
		case "ecs-tasks":
			definitions = append(definitions, r.name)
		case "codebuild":
			projects = append(projects, r.name)
		case "cloudformation":
			lists["stacks"] = append(lists["stacks"], object{"StackName": r.name, "StackId": "arn:aws:cloudformation:" + at + "stack/" + r.name + "/1", "RoleARN": r.arn, "StackStatus": "CREATE_COMPLETE"})
		case "glue":
			lists["glue-jobs"] = append(lists["glue-jobs"], object{"Name": r.name, "Role": r.arn})
		case "sagemaker":
			lists["notebooks"] = append(lists["notebooks"], object{"NotebookInstanceName": r.name})
			g.answer("notebook", r.name, object{"NotebookInstanceName": r.name, "NotebookInstanceArn": "arn:aws:sagemaker:" + at + "notebook-instance/" + r.name, "RoleArn": r.arn, "NotebookInstanceStatus": "InService"})
		case "states":
			arn := "arn:aws:states:" + at + "stateMachine:" + r.name
			lists["state-machines"] = append(lists["state-machines"], object{"name": r.name, "stateMachineArn": arn})
			g.answer("state-machine", arn, object{"name": r.name, "stateMachineArn": arn, "roleArn": r.arn, "status": "ACTIVE"})
		}
	}
	g.answer("instances", "", object{"Reservations": some(lists["instances"])})
	g.answer("managed-instances", "", object{"InstanceInformationList": some(lists["managed-instances"])})
	g.answer("functions", "", object{"Functions": some(lists["functions"])})
	g.answer("stacks", "", object{"Stacks": some(lists["stacks"])})
	g.answer("glue-jobs", "", object{"Jobs": some(lists["glue-jobs"])})
	g.answer("notebooks", "", object{"NotebookInstances": some(lists["notebooks"])})
	g.answer("state-machines", "", object{"stateMachines": some(lists["state-machines"])})
	for _, n := range instances {
		g.answer("instance-user-data", n, object{"InstanceId": n, "UserData": object{}})
	}
	for _, f := range lists["functions"] {
		arn := f["FunctionArn"].(string)
		if g.one(3) {
			g.answer("function-policy", arn, object{"Policy": document(object{"Effect": "Allow", "Principal": object{"Service": "events.amazonaws.com"}, "Action": "lambda:InvokeFunction", "Resource": arn}), "RevisionId": "1"})
		} else {
			g.none("function-policy", arn, "ResourceNotFoundException")
		}
		g.answer("function-urls", arn, object{"FunctionUrlConfigs": []object{}})
	}
	arns := []string{}
	services := []object{}
	cluster := "arn:aws:ecs:" + at + "cluster/main"
	for _, name := range definitions {
		arn := "arn:aws:ecs:" + at + "task-definition/" + name + ":1"
		arns = append(arns, arn)
		services = append(services, object{"serviceArn": "arn:aws:ecs:" + at + "service/main/" + name, "serviceName": name, "clusterArn": cluster, "taskDefinition": arn, "enableExecuteCommand": g.one(3), "status": "ACTIVE", "launchType": "FARGATE"})
		g.answer("task-definition", arn, object{"taskDefinition": object{"taskDefinitionArn": arn, "family": name, "revision": 1, "status": "ACTIVE", "taskRoleArn": "arn:aws:iam::" + id + ":role/" + name}})
	}
	g.answer("task-definition-list", "", object{"taskDefinitionArns": arns})
	g.answer("clusters", "", object{"clusterArns": []string{cluster}})
	g.answer("services", cluster, object{"services": services})
	g.answer("tasks", cluster, object{"tasks": []object{}})
	list := []object{}
	names := []string{}
	for _, name := range projects {
		names = append(names, name)
		list = append(list, object{"name": name, "arn": "arn:aws:codebuild:" + at + "project/" + name, "serviceRole": "arn:aws:iam::" + id + ":role/" + name})
	}
	g.answer("project-list", "", object{"projects": names})
	if len(list) > 0 {
		g.answer("projects", "", object{"projects": list})
	}
}

// surroundings are the organization, the network, and what the account has none of.
func (g *generator) surroundings() {
	g.answer("regions", "", object{"Regions": []object{{"RegionName": region, "OptInStatus": "opt-in-not-required"}}})
	g.answer("account-summary", "", object{"SummaryMap": object{"AccountMFAEnabled": 1, "AccountAccessKeysPresent": 0}})
	g.answer("organization", "", object{"Organization": object{"Id": "o-synthetic1", "MasterAccountId": "999988887777"}})
	g.answer("organization-roots", "", object{"Roots": []object{{"Id": "r-1", "PolicyTypes": []object{{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}, {"Type": "RESOURCE_CONTROL_POLICY", "Status": "ENABLED"}}}}})
	g.answer("organization-parents", id, object{"Parents": []object{{"Id": "ou-1", "Type": "ORGANIZATIONAL_UNIT"}}})
	g.answer("organization-parents", "ou-1", object{"Parents": []object{{"Id": "r-1", "Type": "ROOT"}}})
	full := object{"Id": "p-FullAWSAccess", "Name": "FullAWSAccess", "Type": "SERVICE_CONTROL_POLICY"}
	rcp := object{"Id": "p-RCPFullAWSAccess", "Name": "RCPFullAWSAccess", "Type": "RESOURCE_CONTROL_POLICY"}
	guard := object{"Id": "p-guard", "Name": "guard", "Type": "SERVICE_CONTROL_POLICY"}
	for _, level := range []string{"r-1", "ou-1", id} {
		scps := []object{full}
		if level == "ou-1" {
			scps = append(scps, guard)
		}
		g.answer("organization-scps", level, object{"Policies": scps})
		g.answer("organization-rcps", level, object{"Policies": []object{rcp}})
	}
	all := document(object{"Effect": "Allow", "Action": "*", "Resource": "*"})
	policy := func(summary object, d object) {
		g.answer("organization-policy", summary["Id"].(string), object{"Policy": object{"PolicySummary": summary, "Content": d}})
	}
	policy(full, all)
	policy(rcp, document(object{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}))
	policy(guard, document(object{"Effect": "Deny", "Action": []string{"organizations:LeaveOrganization", "cloudtrail:StopLogging", "cloudtrail:DeleteTrail"}, "Resource": "*"}))

	var open []object
	for i := range 10 {
		from := "10.0.0.0/8"
		if i == 0 {
			from = "0.0.0.0/0"
		}
		open = append(open, object{"GroupId": fmt.Sprintf("sg-%d", i), "GroupName": fmt.Sprintf("group%d", i), "VpcId": "vpc-1", "IpPermissions": []object{{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": []object{{"CidrIp": from}}}}})
	}
	g.answer("security-groups", "", object{"SecurityGroups": open})
	g.answer("key-pairs", "", object{"KeyPairs": []object{{"KeyName": "ops", "KeyPairId": "key-1", "CreateTime": made}}})
	g.answer("vpc-endpoints", "", object{"VpcEndpoints": []object{{"VpcEndpointId": "vpce-1", "VpcId": "vpc-1", "ServiceName": "com.amazonaws." + region + ".s3", "VpcEndpointType": "Gateway", "State": "available", "PolicyDocument": document(object{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"})}}})
	g.answer("serial-console", "", object{"SerialConsoleAccessEnabled": false})
	g.answer("saml-providers", "", object{"SAMLProviderList": []object{{"Arn": "arn:aws:iam::" + id + ":saml-provider/people", "CreateDate": made}}})
	g.answer("oidc-providers", "", object{"OpenIDConnectProviderList": []object{{"Arn": "arn:aws:iam::" + id + ":oidc-provider/token.example.com"}}})
	g.answer("oidc-provider", "token.example.com", object{"Url": "token.example.com", "ClientIDList": []string{"sts.amazonaws.com"}, "CreateDate": made})
	g.answer("trails", "", object{"trailList": []object{{"Name": "main", "TrailARN": "arn:aws:cloudtrail:" + region + ":" + id + ":trail/main", "HomeRegion": region, "S3BucketName": g.buckets[0], "IsMultiRegionTrail": true}}})
	g.answer("trail-status", "main", object{"IsLogging": true})
	g.answer("trail-selectors", "main", object{"TrailARN": "arn:aws:cloudtrail:" + region + ":" + id + ":trail/main", "EventSelectors": []object{}})
	for _, x := range [][2]string{{"instance-profiles", "InstanceProfiles"}, {"trust-anchors", "trustAnchors"}, {"object-lambda-access-points", "ObjectLambdaAccessPointList"},
		{"multi-region-access-points", "AccessPoints"}, {"access-grants", "AccessGrantsList"}, {"instance-connect-endpoints", "InstanceConnectEndpoints"},
		{"launch-templates", "LaunchTemplates"}, {"launch-template-versions", "LaunchTemplateVersions"}, {"auto-scaling-groups", "AutoScalingGroups"},
		{"launch-configurations", "LaunchConfigurations"}, {"images", "Images"}, {"snapshots", "Snapshots"}, {"stack-sets", "Summaries"}, {"dev-endpoints", "DevEndpoints"},
		{"apprunner-services", "ServiceSummaryList"}, {"batch-job-definitions", "jobDefinitions"}, {"data-pipelines", "pipelineIdList"}, {"code-interpreters", "codeInterpreterSummaries"}, {"eks-clusters", "clusters"},
		{"rolesanywhere-profiles", "profiles"}, {"identity-center", "Instances"}, {"repositories", "repositories"}, {"secrets", "SecretList"}, {"protected-resources", "Results"}, {"backup-vaults", "BackupVaultList"}, {"schedules", "Schedules"}, {"datasync-locations", "Locations"},
		{"transfer-servers", "Servers"}, {"emr-clusters", "Clusters"}, {"emr-applications", "applications"}, {"redshift-clusters", "Clusters"}, {"redshift-namespaces", "namespaces"}, {"db-clusters", "DBClusters"}, {"db-instances", "DBInstances"}, {"athena-workgroups", "WorkGroups"}} {
		g.answer(x[0], "", object{x[1]: []object{}})
	}
}

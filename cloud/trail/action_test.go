package trail

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
)

// asked is an event of an API, with its request's parameters and its resources.
func asked(source, name, parameters string, resources ...string) *Event {
	e := &Event{Source: source + ".amazonaws.com", Name: name, Region: "eu-west-1", Type: "AwsApiCall", Recipient: "111122223333"}
	if parameters != "" {
		e.Parameters = []byte(parameters)
	}
	for _, r := range resources {
		e.Resources = append(e.Resources, Resource{ARN: r})
	}
	return e
}

func TestUses(t *testing.T) {
	a := &account.Account{ID: "111122223333", Users: []*account.User{{Identity: account.Identity{Name: "Ines", ARN: "arn:aws:iam::111122223333:user/staff/Ines"}}},
		Profiles: []account.Profile{{Name: "web", ARN: "arn:aws:iam::111122223333:instance-profile/web", Roles: []string{"arn:aws:iam::111122223333:role/app/web"}}},
		Roles:    []*account.Role{{Identity: account.Identity{Name: "etl", ARN: "arn:aws:iam::111122223333:role/jobs/etl"}}}}
	const calls, object = "arn:aws:s3:::calls", "arn:aws:s3:::calls/2026/1.wav"
	for _, c := range []struct {
		event *Event
		want  []string // action, resource, and whom a role is passed to
	}{
		// S3: what is called differently, and what stands on the bucket or on the object.
		{asked("s3", "GetObject", `{"bucketName":"calls","key":"2026/1.wav"}`, object, calls), []string{"s3:GetObject " + object}},
		{asked("s3", "HeadObject", `{"bucketName":"calls","key":"2026/1.wav"}`), []string{"s3:GetObject " + object}},
		{asked("s3", "GetObject", `{"bucketName":"calls","key":"2026/1.wav","versionId":"x"}`), []string{"s3:GetObjectVersion " + object}},
		{asked("s3", "ListObjects", `{"bucketName":"calls","prefix":"2026/"}`, calls), []string{"s3:ListBucket " + calls}},
		{asked("s3", "HeadBucket", `{"bucketName":"calls"}`), []string{"s3:ListBucket " + calls}},
		{asked("s3", "ListBuckets", `{"Host":"s3.amazonaws.com"}`), []string{"s3:ListAllMyBuckets *"}},
		{asked("s3", "GetBucketLifecycle", `{"bucketName":"calls"}`, calls), []string{"s3:GetLifecycleConfiguration " + calls}},
		{asked("s3", "DeleteBucketCors", `{"bucketName":"calls"}`, calls), []string{"s3:PutBucketCORS " + calls}},
		{asked("s3", "UploadPart", `{"bucketName":"calls","key":"2026/1.wav","partNumber":1}`, object, calls), []string{"s3:PutObject " + object}},
		{asked("s3", "PutObject", `{"bucketName":"calls","key":"2026/1.wav","x-amz-acl":"public-read"}`, object, calls), []string{"s3:PutObject " + object, "s3:PutObjectAcl " + object}},
		{asked("s3", "CopyObject", `{"bucketName":"copies","key":"1","x-amz-copy-source":"calls/2026/1%2Ewav?versionId=3"}`), []string{"s3:PutObject arn:aws:s3:::copies/1", "s3:GetObject " + object}},
		{asked("s3", "GetBucketObjectLockConfiguration", `{"bucketName":"calls"}`, object, calls), []string{"s3:GetBucketObjectLockConfiguration " + calls}},
		// Versions in names.
		{asked("lambda", "UpdateFunctionCode20150331v2", `{"functionName":"f"}`), []string{"lambda:UpdateFunctionCode arn:aws:lambda:eu-west-1:111122223333:function:f"}},
		{asked("lambda", "Invoke", `{"functionName":"arn:aws:lambda:eu-west-1:111122223333:function:g"}`), []string{"lambda:InvokeFunction arn:aws:lambda:eu-west-1:111122223333:function:g"}},
		{asked("cloudfront", "CreateDistribution2020_05_31", ``), []string{"cloudfront:CreateDistribution *"}},
		// What an event names beside is not always what policies are asked about.
		{asked("s3", "ListAccessPoints", `{"bucketName":"calls"}`, calls), []string{"s3:ListAccessPoints *"}},
		{asked("ssm", "GetParameter", `{"name":"arn:aws:kms:eu-west-1:111122223333:key/k"}`), []string{"ssm:GetParameter "}},
		// Other prefixes, rights without resources, what needs two, what needs none.
		{asked("monitoring", "DescribeAlarms", ``), []string{"cloudwatch:DescribeAlarms "}},
		{asked("apigateway", "UpdateRestApi", ``), []string{"apigateway:PATCH "}},
		{asked("kms", "ReEncrypt", `{}`, "arn:aws:kms:eu-west-1:111122223333:key/k"), []string{"kms:ReEncryptFrom arn:aws:kms:eu-west-1:111122223333:key/k", "kms:ReEncryptTo arn:aws:kms:eu-west-1:111122223333:key/k"}},
		{asked("sqs", "SendMessageBatch", ``), []string{"sqs:SendMessage "}},
		{asked("ec2", "DescribeInstances", ``), []string{"ec2:DescribeInstances *"}},
		{asked("ec2", "TerminateInstances", `{"instancesSet":{"items":[{"instanceId":"i-1"},{"instanceId":"i-2"}]}}`), []string{"ec2:TerminateInstances arn:aws:ec2:eu-west-1:111122223333:instance/i-1", "ec2:TerminateInstances arn:aws:ec2:eu-west-1:111122223333:instance/i-2"}},
		{asked("ssm", "GetParameters", `{"names":["/a/b","c"]}`), []string{"ssm:GetParameters arn:aws:ssm:eu-west-1:111122223333:parameter/a/b", "ssm:GetParameters arn:aws:ssm:eu-west-1:111122223333:parameter/c"}},
		{asked("secretsmanager", "GetSecretValue", `{"secretId":"db"}`), []string{"secretsmanager:GetSecretValue arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-??????"}},
		{asked("iam", "CreateAccessKey", `{"userName":"ines"}`), []string{"iam:CreateAccessKey arn:aws:iam::111122223333:user/staff/Ines"}},
		{asked("iam", "AttachRolePolicy", `{"roleName":"new","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}`), []string{"iam:AttachRolePolicy arn:aws:iam::111122223333:role/new"}},
		{asked("sts", "AssumeRole", `{"roleArn":"arn:aws:iam::444455556666:role/x"}`), []string{"sts:AssumeRole arn:aws:iam::444455556666:role/x"}},
		{asked("sts", "GetCallerIdentity", ``), nil},
		{&Event{Source: "signin.amazonaws.com", Name: "ConsoleLogin", Type: "AwsConsoleSignIn"}, nil},
		{&Event{Source: "kms.amazonaws.com", Name: "RotateKey", Type: "AwsServiceEvent"}, nil},
		{asked("ecs", "RunTask", `{"taskDefinition":"web:3"}`), []string{"ecs:RunTask ", "iam:PassRole  ecs-tasks.amazonaws.com perhaps"}},
		// Roles handed on.
		{asked("lambda", "CreateFunction20150331", `{"functionName":"f","role":"arn:aws:iam::111122223333:role/etl"}`), []string{"lambda:CreateFunction arn:aws:lambda:eu-west-1:111122223333:function:f", "iam:PassRole arn:aws:iam::111122223333:role/etl lambda.amazonaws.com"}},
		{asked("ec2", "RunInstances", `{"iamInstanceProfile":{"name":"web"}}`), []string{"ec2:RunInstances ", "iam:PassRole arn:aws:iam::111122223333:role/app/web ec2.amazonaws.com"}},
		{asked("ec2", "AssociateIamInstanceProfile", `{"AssociateIamInstanceProfileRequest":{"IamInstanceProfile":{"Arn":"arn:aws:iam::111122223333:instance-profile/web"}}}`), []string{"ec2:AssociateIamInstanceProfile ", "iam:PassRole arn:aws:iam::111122223333:role/app/web ec2.amazonaws.com"}},
		{asked("ec2", "RunInstances", `{"iamInstanceProfile":{"name":"elsewhere"},"tagSpecificationSet":{"items":[{"resourceType":"instance"}]}}`), []string{"ec2:RunInstances ", "ec2:CreateTags ", "iam:PassRole  ec2.amazonaws.com"}},
		{asked("ecs", "RegisterTaskDefinition", `{"taskRoleArn":"arn:aws:iam::111122223333:role/t","executionRoleArn":"arn:aws:iam::111122223333:role/e"}`), []string{"ecs:RegisterTaskDefinition ", "iam:PassRole arn:aws:iam::111122223333:role/t ecs-tasks.amazonaws.com", "iam:PassRole arn:aws:iam::111122223333:role/e ecs-tasks.amazonaws.com"}},
		{asked("ecs", "RunTask", `{"overrides":{"taskRoleArn":"arn:aws:iam::111122223333:role/t"}}`), []string{"ecs:RunTask ", "iam:PassRole arn:aws:iam::111122223333:role/t ecs-tasks.amazonaws.com"}},
		{asked("cloudformation", "CreateStack", `{"stackName":"s","roleARN":"arn:aws:iam::111122223333:role/cfn"}`), []string{"cloudformation:CreateStack arn:aws:cloudformation:eu-west-1:111122223333:stack/s/*", "iam:PassRole arn:aws:iam::111122223333:role/cfn cloudformation.amazonaws.com"}},
		{asked("glue", "CreateJob", `{"name":"j","role":"etl"}`), []string{"glue:CreateJob ", "iam:PassRole arn:aws:iam::111122223333:role/jobs/etl glue.amazonaws.com"}},
		{asked("ec2", "CreateFlowLogs", `{"CreateFlowLogsRequest":{"DeliverLogsPermissionArn":"arn:aws:iam::111122223333:role/flow"}}`), []string{"ec2:CreateFlowLogs ", "iam:PassRole arn:aws:iam::111122223333:role/flow vpc-flow-logs.amazonaws.com"}},
		{asked("iam", "AddRoleToInstanceProfile", `{"roleName":"etl","instanceProfileName":"web"}`), []string{"iam:AddRoleToInstanceProfile arn:aws:iam::111122223333:instance-profile/web", "iam:PassRole arn:aws:iam::111122223333:role/jobs/etl ec2.amazonaws.com"}},
	} {
		var got []string
		for _, u := range NewMapper(a).Uses(c.event) {
			s := u.Action + " " + u.Resource
			if u.PassedTo != "" {
				s += " " + u.PassedTo
			}
			if u.Perhaps {
				s += " perhaps"
			}
			got = append(got, s)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s %s: %q, want %q", c.event.Source, c.event.Name, got, c.want)
		}
	}
}

func TestDenied(t *testing.T) {
	for code, want := range map[string]bool{"": false, "AccessDenied": true, "Client.UnauthorizedOperation": true, "AccessDeniedException": true, "NoSuchBucket": false, "ThrottlingException": false, "ValidationException": false, "KMS.AccessDeniedException": true} {
		if Denied(code) != want {
			t.Errorf("Denied(%q) is %v", code, !want)
		}
	}
}

// TestTable holds that the table says each thing once and in the form that is read.
func TestTable(t *testing.T) {
	table := actions()
	lower := func(list []string) {
		for i, n := range list {
			if n != strings.ToLower(n) || slices.Contains(list[:i], n) {
				t.Errorf("%q is not in lower case, or there twice", n)
			}
		}
	}
	lower(table.Roles.Names)
	lower(table.Roles.Profiles)
	for svc, events := range table.Events {
		for name, rights := range events {
			if len(rights) == 1 && rights[0] == svc+":"+name {
				t.Errorf("%s %s: the row says what the rule says", svc, name)
			}
		}
	}
	exists := func(pattern string) {
		t.Helper()
		if len(iam.Expand(pattern)) == 0 {
			t.Errorf("AWS's list has no %s", pattern)
		}
	}
	for _, events := range table.Events {
		for _, rights := range events {
			for _, r := range rights {
				r, _, _ = strings.Cut(r, " ")
				exists(r)
			}
		}
	}
	for from, to := range table.Versioned {
		exists(from)
		exists(to)
	}
	for _, row := range table.Also {
		exists(row.On)
		exists(row.Action)
	}
	for _, row := range table.MaybePassed {
		exists(row.On)
	}
	for _, row := range table.DataEvents {
		exists(row)
	}
	for _, to := range table.Services {
		exists(to + ":*")
	}
	seen := map[resourceRow]bool{}
	for _, r := range table.Resources {
		exists(r.On)
		if seen[r] || r.ARN == "" || strings.Count(r.ARN, "{") != strings.Count(r.ARN, "}") {
			t.Errorf("%v", r)
		}
		seen[r] = true
	}
}

// TestCorpusUses maps real events: what no rule makes a use of is listed here, so that
// nothing falls out unseen.
func TestCorpusUses(t *testing.T) {
	place, err := Path(corpus(t, "cloudtrail"))
	if err != nil {
		t.Fatal(err)
	}
	m := NewMapper(nil)
	none, passed, unknown, uses := map[string]int{}, map[string]bool{}, map[string]int{}, 0
	undocumented := map[string]int{}
	_, err = Read(t.Context(), []Place{place}, func(e *Event) error {
		list := m.Uses(e)
		if len(list) == 0 {
			none[e.Source+" "+e.Name]++
		}
		for _, u := range list {
			uses++
			if u.PassedTo != "" {
				passed[e.Name+" "+u.Resource+" "+u.PassedTo] = true
			}
			if u.Resource == "" {
				unknown[u.Action]++
			}
			if _, ok := iam.LookUp(u.Action); !ok {
				undocumented[u.Action]++
			}
			if !strings.Contains(u.Action, ":") || strings.ContainsAny(strings.SplitN(u.Action, ":", 2)[1], " *0123456789") {
				t.Errorf("%s %s: %q", e.Source, e.Name, u.Action)
			}
		}
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name := range none {
		switch name {
		case "sts.amazonaws.com GetCallerIdentity", "signin.amazonaws.com ConsoleLogin", "signin.amazonaws.com CheckMfa", "ec2.amazonaws.com SharedSnapshotVolumeCreated",
			"secretsmanager.amazonaws.com StartSecretVersionDelete", "secretsmanager.amazonaws.com EndSecretVersionDelete":
		default:
			t.Errorf("%s is no use: %d times", name, none[name])
		}
	}
	if len(passed) < 8 {
		t.Errorf("roles passed: %v", passed)
	}
	t.Logf("not in AWS's list: %v", undocumented)
	t.Logf("%d uses; roles passed: %v; without a resource: %v", uses, passed, unknown)
}

func FuzzUses(f *testing.F) {
	f.Add("lambda", "CreateFunction20150331", `{"functionName":"f","role":"arn:aws:iam::111122223333:role/etl"}`)
	f.Add("ec2", "RunInstances", `{"iamInstanceProfile":{"name":"web"},"x":[[[{"a":1}]]]}`)
	f.Add("s3", "CopyObject", `{"bucketName":"copies","key":"1","x-amz-copy-source":"calls/%zz"}`)
	f.Fuzz(func(t *testing.T, source, name, parameters string) {
		var v map[string]any
		if len(parameters) > 1<<14 || parameters != "" && json.Unmarshal([]byte(parameters), &v) != nil {
			parameters = "{" // what is cut is no reason to fail
		}
		e := asked(source, name, parameters)
		m := NewMapper(nil)
		if got, again := fmt.Sprint(m.Uses(e)), fmt.Sprint(m.Uses(e)); got != again {
			t.Fatalf("%s, and then %s", got, again)
		}
		if got := m.Uses(e); len(got) > 8*mostResources {
			t.Fatalf("%d uses", len(got))
		}
	})
}

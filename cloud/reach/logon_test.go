package reach

import (
	"slices"
	"strings"
	"testing"

	"strongroom/cloud/account/draft"
)

// TestLogon: each way to a shell on what holds the content's role, or to code of one's own, and
// what closes it.
func TestLogon(t *testing.T) {
	type doc = draft.Document
	read := draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*")
	server := func(more doc, can string, lists map[string]doc) func(*draft.Account) {
		return func(a *draft.Account) {
			app := a.Role("app", "ec2.amazonaws.com").Can(read)
			a.Instance("i-1", app.Profile(), doc{"SecurityGroups": []any{doc{"GroupId": "sg-1"}}}, more)
			for input, entry := range lists {
				a.List(input, entry)
			}
			if can != "" {
				a.User("eve").Can(draft.Allow(can, "*"))
			}
		}
	}
	open := func(port int) map[string]doc {
		return map[string]doc{"security-groups": {"GroupId": "sg-1", "GroupName": "in", "VpcId": "vpc-1", "IpPermissions": []any{doc{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": []any{doc{"CidrIp": "0.0.0.0/0"}}}}}}
	}
	online := map[string]doc{"managed-instances": {"InstanceId": "i-1", "PingStatus": "Online"}}
	endpoint := map[string]doc{"instance-connect-endpoints": {"InstanceConnectEndpointId": "eice-1", "VpcId": "vpc-1", "State": "create-complete"}}
	public := doc{"PublicIpAddress": "203.0.113.7", "KeyName": "ops"}
	workload := func(kind, can string) func(*draft.Account) {
		return func(a *draft.Account) {
			app := a.Role("app", kinds[kind].service).Can(read)
			if kind == "lambda:function" {
				a.Function("f", app.ARN)
			} else {
				a.Workload(kind, "w", app.ARN)
			}
			a.User("eve").Can(draft.Allow(can, "*"))
		}
	}
	for name, c := range map[string]struct {
		make  func(*draft.Account)
		shell Status
		ways  string // those that are not closed, "rule certainty"
	}{
		"nothing":                         {server(nil, "", nil), Closed, ""},
		"a session":                       {server(nil, "ssm:StartSession", online), Open, "ssm-session certain"},
		"no agent":                        {server(nil, "ssm:StartSession ssm:SendCommand", nil), Closed, ""},
		"a command":                       {server(nil, "ssm:SendCommand", online), Open, "ssm-command certain"},
		"an open port and a key pair":     {server(public, "", open(22)), Open, "ssh-open possible"},
		"an open port inside":             {server(doc{"KeyName": "ops"}, "", open(22)), Closed, ""},
		"instance connect":                {server(public, "ec2-instance-connect:SendSSHPublicKey ec2:DescribeInstances", open(22)), Open, "instance-connect certain, ssh-open possible"},
		"instance connect from inside":    {server(nil, "ec2-instance-connect:SendSSHPublicKey ec2:DescribeInstances", open(22)), Open, "instance-connect possible"},
		"instance connect by an endpoint": {server(nil, "ec2-instance-connect:SendSSHPublicKey ec2-instance-connect:OpenTunnel ec2:DescribeInstances", endpoint), Open, "instance-connect certain"},
		"an endpoint, and no port":        {server(nil, "ec2-instance-connect:SendSSHPublicKey", endpoint), Closed, ""},
		"a Windows password by an endpoint": {server(doc{"KeyName": "ops", "Platform": "windows"}, "ec2:GetPasswordData ec2-instance-connect:OpenTunnel", endpoint), Open,
			"tunnel possible, windows-password possible"},
		"the serial console": {func(a *draft.Account) {
			server(nil, "ec2-instance-connect:SendSerialConsoleSSHPublicKey", nil)(a)
			a.Answer("serial-console", "", doc{"SerialConsoleAccessEnabled": true})
		}, Open, "serial-console possible"},
		"the serial console, which is off": {server(nil, "ec2-instance-connect:SendSerialConsoleSSHPublicKey", nil), Closed, ""},
		"user data":                        {server(nil, "ec2:ModifyInstanceAttribute ec2:StopInstances ec2:StartInstances", nil), Open, "ec2-user-data certain"},
		"user data where metadata is off": {server(doc{"MetadataOptions": doc{"HttpEndpoint": "disabled", "HttpTokens": "required"}}, "ec2:ModifyInstanceAttribute ec2:StopInstances ec2:StartInstances", nil),
			Closed, ""},
		"a machine elsewhere": {func(a *draft.Account) {
			a.Role("app", "ssm.amazonaws.com").Can(read)
			a.List("managed-instances", doc{"InstanceId": "mi-0123456789abcdef0", "PingStatus": "Online", "IamRole": "app"})
			a.User("eve").Can(draft.Allow("ssm:SendCommand ec2:ModifyInstanceAttribute ec2:StopInstances ec2:StartInstances ec2-instance-connect:*", "*"))
		}, Open, "ssm-command certain, ssh-open unknown"},
		"a container":                       {workload("ecs:task", "ecs:ExecuteCommand"), Open, "ecs-exec certain"},
		"a container, past ECS Exec":        {workload("ecs:task", "ssm:StartSession"), Open, "ecs-session certain"},
		"a container of a service":          {workload("ecs:service", "ecs:ExecuteCommand"), Open, "ecs-exec-service certain"},
		"a function":                        {workload("lambda:function", "lambda:UpdateFunctionCode lambda:InvokeFunction"), Open, "lambda-code-triggered possible, lambda-code-invoke certain"},
		"a function that one may only read": {workload("lambda:function", "lambda:GetFunction"), Closed, ""},
		"a project":                         {workload("codebuild:project", "codebuild:StartBuild"), Open, "codebuild-start certain"},
		"a notebook":                        {workload("sagemaker:notebook-instance", "sagemaker:CreatePresignedNotebookInstanceUrl"), Open, "sagemaker-presigned certain"},
		"a pod": {func(a *draft.Account) {
			app := a.Role("app", "pods.eks.amazonaws.com").Can(read)
			at := "arn:aws:eks:eu-west-1:" + truthAccount + ":podidentityassociation/main/a-1"
			a.List("eks-clusters", "main")
			a.Answer("pod-identities", "main", doc{"associations": []any{doc{"clusterName": "main", "associationArn": at, "associationId": "a-1"}}})
			a.Answer("pod-identity", "main/a-1", doc{"association": doc{"clusterName": "main", "roleArn": app.ARN, "associationArn": at, "associationId": "a-1"}})
		}, NotKnown, "pod-exec unknown"},
	} {
		a := draft.New(truthAccount).Bucket("calls")
		c.make(a)
		res := analyzed(t, a, Question{Intended: []Intended{{Role: "arn:aws:iam::" + truthAccount + ":role/app"}}})
		var ways []string
		for _, s := range res.Logon {
			if s.Kind == "ecs:task-definition" {
				continue // which is run by others
			}
			if s.Shell != c.shell {
				t.Errorf("%s: %s is %s, not %s", name, s.ARN, s.Shell, c.shell)
			}
			for _, w := range s.Ways {
				if w.Status == Closed {
					continue
				}
				if len(w.Who) == 0 {
					t.Errorf("%s: %s is %s, and by nobody, lacking %q", name, w.Rule, w.Status, w.Missing)
					continue
				}
				ways = append(ways, w.Rule+" "+w.Who[0].Certainty.String())
				if w.Status == NotKnown && len(w.Missing) == 0 {
					t.Errorf("%s: %s is unknown, and nothing is said to be missing", name, w.Rule)
				}
				if w.Who[0].Certainty == Possible && len(w.Who[0].Step.Conditions) == 0 {
					t.Errorf("%s: %s is possible, without a condition", name, w.Rule)
				}
			}
		}
		if got := strings.Join(ways, ", "); got != c.ways {
			t.Errorf("%s: %q, not %q", name, got, c.ways)
		}
		if !slices.ContainsFunc(res.Logon, func(s Server) bool { return len(s.Ways) > 0 }) {
			t.Errorf("%s: no server", name)
		}
	}
}

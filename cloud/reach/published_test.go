package reach

import (
	"slices"
	"strings"
	"testing"

	"strongroom/cloud/account/draft"
)

// weak makes an account in which mallory has a published path's permissions, less one of
// them, and what else the path needs; all they lead to is administrative rights.
func weak(id string, permissions []string, t testing.TB) *draft.Account {
	a := draft.New("123456789012")
	owner := "arn:aws:iam::123456789012:root"
	self := func(p *draft.Principal) *draft.Principal {
		for _, x := range permissions {
			p.Can(draft.Allow(x, "*"))
		}
		return p
	}
	boss := func(trusts ...string) *draft.Principal {
		return a.Role("boss", trusts...).Can(draft.Allow("*", "*"))
	}
	family, number, _ := strings.Cut(id, "-")
	services := map[string]string{"apprunner": "tasks.apprunner.amazonaws.com", "bedrock": "bedrock-agentcore.amazonaws.com", "ecs": "ecs-tasks.amazonaws.com", "ec2instanceconnect": "ec2.amazonaws.com", "ssm": "ec2.amazonaws.com"}
	service := services[family]
	if service == "" {
		service = family + ".amazonaws.com"
	}
	switch {
	case id == "sts-001":
		boss(owner)
		self(a.User("mallory"))
	case id == "cloudformation-003":
		admin := a.Role("sets-admin", "cloudformation.amazonaws.com")
		a.Role("boss", admin.ARN).Can(draft.Allow("*", "*"))
		self(a.User("mallory"))
	case family != "iam":
		b := boss(service)
		profile := b.Profile()
		self(a.User("mallory"))
		existing := map[string]string{"apprunner-002": "apprunner:service", "bedrock-002": "bedrock-agentcore:code-interpreter", "cloudformation-002": "cloudformation:stack", "cloudformation-005": "cloudformation:stack",
			"cloudformation-004": "cloudformation:stack-set", "codebuild-002": "codebuild:project", "codebuild-003": "codebuild:project", "glue-002": "glue:dev-endpoint",
			"sagemaker-004": "sagemaker:notebook-instance", "sagemaker-005": "sagemaker:notebook-instance"}
		if kind := existing[id]; kind != "" {
			a.Workload(kind, "target", b.ARN)
		}
		switch id {
		case "ecs-003", "ecs-004", "ecs-005":
			a.Workload("ecs:service", "other", a.Role("plain", service).ARN)
		case "glue-005", "glue-006":
			a.Workload("glue:job", "other", a.Role("plain", service).ARN)
		case "lambda-003", "lambda-004", "lambda-005":
			a.Function("target", b.ARN)
		case "ec2-004":
			a.List("launch-templates", draft.Document{"LaunchTemplateId": "lt-1", "LaunchTemplateName": "web", "DefaultVersionNumber": 1, "LatestVersionNumber": 1})
			a.List("launch-template-versions", draft.Document{"LaunchTemplateId": "lt-1", "LaunchTemplateName": "web", "VersionNumber": 1, "DefaultVersion": true, "LaunchTemplateData": draft.Document{"IamInstanceProfile": draft.Document{"Arn": profile}}})
		case "ec2-002", "ec2instanceconnect-003", "ssm-001", "ssm-002":
			a.Instance("i-1", profile, draft.Document{"PublicIpAddress": "203.0.113.7", "SecurityGroups": []any{draft.Document{"GroupId": "sg-1"}}})
			a.List("security-groups", draft.Document{"GroupId": "sg-1", "GroupName": "ssh", "VpcId": "vpc-1", "IpPermissions": []any{draft.Document{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": []any{draft.Document{"CidrIp": "0.0.0.0/0"}}}}})
			if family == "ssm" {
				a.List("managed-instances", draft.Document{"InstanceId": "i-1", "PingStatus": "Online"})
			}
		}
	default:
		target := "*"
		can := func(p *draft.Principal) {
			for _, x := range permissions {
				p.Can(draft.Allow(x, target))
			}
		}
		switch number {
		case "001":
			arn := a.Managed("own", append([]draft.Statement{draft.Allow("s3:ListAllMyBuckets", "*")}, allows(permissions)...)...)
			a.User("mallory").Attach(arn)
		case "002", "003", "004", "006":
			b := a.User("boss").Can(draft.Allow("*", "*"))
			switch number {
			case "003":
				a.Answer("access-keys", "boss", draft.Document{"AccessKeyMetadata": []any{
					draft.Document{"UserName": "boss", "AccessKeyId": "AKIA1", "Status": "Active"}, draft.Document{"UserName": "boss", "AccessKeyId": "AKIA2", "Status": "Active"}}})
			case "006":
				b.LogsOn()
			}
			target = b.ARN
			can(a.User("mallory"))
		case "005", "009":
			m := a.Role("mallory", owner)
			target = m.ARN
			can(m)
		case "007", "008":
			m := a.User("mallory")
			target = m.ARN
			can(m)
		case "010", "011":
			g := a.Group("staff")
			target = g.ARN
			can(a.User("mallory").In("staff"))
		case "012":
			target = boss("ec2.amazonaws.com").ARN
			can(a.User("mallory"))
		case "013":
			g := a.Group("admins").Can(draft.Allow("*", "*"))
			target = g.ARN
			can(a.User("mallory"))
		case "014", "017":
			target = a.Role("lever", owner).ARN
			can(a.User("mallory"))
		case "015", "018":
			target = a.User("lever").ARN
			can(a.User("mallory"))
		case "016", "020":
			p := a.Managed("levers", draft.Allow("s3:ListAllMyBuckets", "*"))
			trust := owner
			if number == "020" {
				trust = "ec2.amazonaws.com"
			}
			a.Role("lever", trust).Attach(p)
			can(a.User("mallory"))
		case "019", "021":
			target = a.Role("lever", "ec2.amazonaws.com").ARN
			can(a.User("mallory"))
		default:
			t.Fatalf("%s: no account for it", id)
		}
	}
	return a
}

func allows(permissions []string) []draft.Statement {
	var out []draft.Statement
	for _, p := range permissions {
		out = append(out, draft.Allow(p, "*"))
	}
	return out
}

// mallory is what an analysis found of mallory, without what takes other people's
// credentials.
func mallory(t testing.TB, a *draft.Account) []Chain {
	t.Helper()
	res, err := Analyze(a.Load(t), Question{Admin: true, Chains: 10})
	if err != nil {
		t.Fatal(err)
	}
	var out []Chain
	for _, f := range res.Findings {
		if f.Principal.Name != "mallory" {
			continue
		}
		for _, c := range f.Chains {
			if !slices.ContainsFunc(c.Steps, func(s Step) bool {
				return slices.ContainsFunc(s.Conditions, func(c Condition) bool { return c.Note != nil && *c.Note == withCredentials })
			}) {
				out = append(out, c)
			}
		}
	}
	return out
}

func rulesOf(chains []Chain) []string {
	var out []string
	for _, c := range chains {
		var s []string
		for _, x := range c.Steps {
			s = append(s, x.Rule)
		}
		out = append(out, c.Certainty.String()+" "+strings.Join(s, " "))
	}
	return out
}

// TestPublishedPaths: each of the 65 is found by the rule that covers it, and without any one
// of its permissions it is not. What else may be left then is a path of its own, whose
// permissions are all still there.
func TestPublishedPaths(t *testing.T) {
	covers := map[string]string{}
	for _, r := range DefaultRules().Rules {
		for _, id := range r.Covers {
			covers[id] = r.ID
		}
	}
	paths := published(t)
	for _, p := range paths {
		t.Run(p.ID, func(t *testing.T) {
			var need []string
			for _, r := range p.Permissions.Required {
				need = append(need, r.Permission)
			}
			takes := func(chains []Chain) bool {
				return slices.ContainsFunc(chains, func(c Chain) bool {
					return slices.ContainsFunc(c.Steps, func(s Step) bool { return s.Rule == covers[p.ID] && s.From.ARN == c.Steps[0].From.ARN })
				})
			}
			all := mallory(t, weak(p.ID, need, t))
			if !takes(all) {
				t.Fatalf("not found by rule %s, but %q", covers[p.ID], rulesOf(all))
			}
			for i, gone := range need {
				left := slices.Delete(slices.Clone(need), i, i+1)
				got := mallory(t, weak(p.ID, left, t))
				if gone == "ec2:DescribeInstances" {
					// It only tells what somebody may know anyway: that becomes a condition.
					if len(got) == 0 || got[0].Certainty != Possible {
						t.Errorf("without %s: %q; it should be possible", gone, rulesOf(got))
					}
					continue
				}
				for _, c := range got {
					other := slices.ContainsFunc(paths, func(o path) bool {
						if o.ID == p.ID || !slices.ContainsFunc(c.Steps, func(s Step) bool { return s.Rule == covers[o.ID] }) {
							return false
						}
						return !slices.ContainsFunc(o.Permissions.Required, func(r struct {
							Permission string `json:"permission"`
						}) bool {
							return !slices.Contains(left, r.Permission)
						})
					})
					if !other {
						t.Errorf("without %s: still %q", gone, rulesOf([]Chain{c}))
					}
				}
			}
		})
	}
}

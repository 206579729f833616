package reach

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"strongroom/cloud/account/draft"
)

// held is an account in which mallory may do some actions, and a service reads the bucket with
// a role: through something that holds it, through nothing, or through what nobody supplied.
type held struct {
	rule   string
	kind   string // of what holds the role
	trusts string
	inputs []string // each, left out, leaves the route unknown
	can    []string // what mallory needs; without any one the route is closed
	level  Certainty
	also   func(a *draft.Account) // what else there is
}

var services = []held{
	{"transfer-key", "transfer:user", "transfer.amazonaws.com", []string{"transfer-servers", "transfer-users"}, []string{"transfer:ImportSshPublicKey"}, Certain, nil},
	{"emr-step", "elasticmapreduce:cluster", "ec2.amazonaws.com", []string{"emr-clusters", "emr-cluster"}, []string{"elasticmapreduce:AddJobFlowSteps"}, Certain, nil},
	{"athena-session", "athena:workgroup", "athena.amazonaws.com", []string{"athena-workgroups", "athena-workgroup"}, []string{"athena:StartSession", "athena:StartCalculationExecution"}, Certain, nil},
	{"redshift-query", "redshift:cluster", "redshift.amazonaws.com", []string{"redshift-clusters"}, []string{"redshift:GetClusterCredentials"}, Possible, nil},
	{"redshift-serverless-query", "redshift-serverless:namespace", "redshift.amazonaws.com", []string{"redshift-namespaces"}, []string{"redshift-serverless:GetCredentials"}, Possible, nil},
	{"rds-query", "rds:cluster", "rds.amazonaws.com", []string{"db-clusters"}, []string{"rds:ModifyDBCluster"}, Possible, nil},
	{"rds-query-instance", "rds:db", "rds.amazonaws.com", []string{"db-instances"}, []string{"rds:ModifyDBInstance"}, Possible, nil},
	{"datasync-location", "datasync:location", "datasync.amazonaws.com", []string{"datasync-locations", "datasync-location"}, []string{"datasync:CreateTask", "datasync:StartTaskExecution"}, Possible, nil},
	{"roles-anywhere", "rolesanywhere:profile", "rolesanywhere.amazonaws.com", []string{"rolesanywhere-profiles"}, []string{"rolesanywhere:CreateTrustAnchor"}, Certain, nil},
	// What a new one of could be made with iam:PassRole is found by itself; these change one.
	{"scheduler", "scheduler:schedule", "scheduler.amazonaws.com", []string{"schedules", "schedule"}, []string{"iam:PassRole", "scheduler:UpdateSchedule"}, Certain, nil},
	{"transfer-user", "transfer:user", "transfer.amazonaws.com", []string{"transfer-servers", "transfer-users"}, []string{"iam:PassRole", "transfer:UpdateUser"}, Certain, nil},
	{"rds-import", "rds:db", "rds.amazonaws.com", []string{"db-instances"}, []string{"iam:PassRole", "rds:AddRoleToDBInstance"}, Certain, nil},
	{"emr-serverless", "emr-serverless:application", "emr-serverless.amazonaws.com", []string{"emr-applications"}, []string{"iam:PassRole", "emr-serverless:StartJobRun"}, Certain, nil},
	{"backup-restore", "", "backup.amazonaws.com", []string{"protected-resources"}, []string{"iam:PassRole", "backup:StartRestoreJob"}, Certain, func(a *draft.Account) {
		a.List("protected-resources", draft.Document{"ResourceArn": "arn:aws:s3:::calls", "ResourceType": "S3"})
	}},
	{"backup-copy", "", "backup.amazonaws.com", []string{"backup-vaults"}, []string{"iam:PassRole", "backup:PutBackupVaultAccessPolicy"}, Certain, func(a *draft.Account) {
		a.List("protected-resources", draft.Document{"ResourceArn": "arn:aws:s3:::calls", "ResourceType": "S3"})
		a.Resource("backup:vault", "main")
	}},
}

func (h held) account(there bool, can []string) *draft.Account {
	a := draft.New("123456789012")
	a.Bucket("calls")
	role := a.Role("reader", h.trusts).Can(draft.Allow("s3:GetObject s3:GetObjectVersion", "arn:aws:s3:::calls/*"))
	holds := role.ARN
	if h.kind == "elasticmapreduce:cluster" {
		holds = role.Profile()
	}
	m := a.User("mallory")
	for _, x := range can {
		m.Can(draft.Allow(x, "*"))
	}
	if there && h.kind != "" {
		a.Workload(h.kind, "calls", holds)
	}
	if there && h.also != nil {
		h.also(a)
	}
	return a
}

// status is how a route stands, and how surely mallory takes it.
func status(t *testing.T, a *draft.Account, rule string) (Status, Certainty, []string) {
	t.Helper()
	res, err := Analyze(a.Load(t), Question{Buckets: []string{"calls"}, Chains: 10})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(res.Routes, func(r Route) bool { return r.ID == rule })
	if i < 0 {
		t.Fatalf("no route %s", rule)
	}
	r := res.Routes[i]
	for _, w := range r.Who {
		if strings.HasSuffix(w.Principal, ":user/mallory") {
			return r.Status, w.Certainty, r.Missing
		}
	}
	return r.Status, No, r.Missing
}

// What a service holds a role with is a way to it: found where it is, closed where the account
// has none, unknown where nobody supplied it.
func TestServicesThatHoldRoles(t *testing.T) {
	for _, h := range services {
		t.Run(h.rule, func(t *testing.T) {
			if s, level, _ := status(t, h.account(true, h.can), h.rule); s != Open || level != h.level {
				t.Errorf("it is there: %v, mallory %v; want open, %v", s, level, h.level)
			}
			if s, level, missing := status(t, h.account(false, h.can), h.rule); s != Closed {
				t.Errorf("it is not there: %v (mallory %v, missing %v); want closed", s, level, missing)
			}
			for i := range h.can {
				if s, level, _ := status(t, h.account(true, slices.Delete(slices.Clone(h.can), i, i+1)), h.rule); s != Closed {
					t.Errorf("without %s: %v (mallory %v); want closed", h.can[i], s, level)
				}
			}
			for _, in := range h.inputs {
				s, _, missing := status(t, h.account(true, h.can).Without(in), h.rule)
				if s == Closed || s == NotKnown && !slices.Contains(missing, in) {
					t.Errorf("without %s: %v, missing %v", in, s, missing)
				}
			}
		})
	}
}

// A profile that is disabled gives its role when somebody enables it.
func TestAnywhereDisabled(t *testing.T) {
	h := services[slices.IndexFunc(services, func(h held) bool { return h.rule == "roles-anywhere" })]
	a := h.account(false, h.can)
	a.List("rolesanywhere-profiles", draft.Document{"profileArn": "arn:aws:rolesanywhere:eu-west-1:123456789012:profile/p", "name": "p", "enabled": false, "roleArns": []string{"arn:aws:iam::123456789012:role/reader"}})
	if s, level, _ := status(t, a, h.rule); s != Open || level != Possible {
		t.Errorf("%v, %v", s, level)
	}
}

// A certificate of the account's own authority is worth something where Roles Anywhere trusts
// that authority.
func TestPrivateAuthority(t *testing.T) {
	for source, want := range map[string]Status{"AWS_ACM_PCA": Open, "CERTIFICATE_BUNDLE": Closed, "": Closed} {
		h := held{rule: "roles-anywhere", kind: "rolesanywhere:profile", trusts: "rolesanywhere.amazonaws.com", also: func(a *draft.Account) {
			if source != "" {
				a.List("trust-anchors", draft.Document{"trustAnchorArn": "arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/a", "enabled": true, "source": draft.Document{"sourceType": source}})
			}
		}}
		if s, _, _ := status(t, h.account(true, []string{"acm-pca:IssueCertificate"}), h.rule); s != want {
			t.Errorf("%q: %v", source, s)
		}
	}
}

// Who may assign permission sets becomes their roles, where Identity Center is managed from the
// account.
func TestIdentityCenter(t *testing.T) {
	const set = "arn:aws:sso:::permissionSet/ssoins-1/ps-1"
	type center struct {
		owner, management string
		sets              bool // AWS lists them to the account
		groups            bool
		can               string
	}
	for name, c := range map[string]struct {
		center
		want Status
	}{
		"managed here":         {center{"123456789012", "123456789012", true, false, "sso:CreateAccountAssignment"}, Open},
		"delegated":            {center{"999999999999", "999999999999", true, false, "sso:CreateAccountAssignment"}, Open},
		"no group has it":      {center{"123456789012", "123456789012", true, false, "identitystore:CreateGroupMembership"}, Closed},
		"a group has it":       {center{"123456789012", "123456789012", true, true, "identitystore:CreateGroupMembership"}, Open},
		"of the account alone": {center{"123456789012", "999999999999", false, false, "sso:CreateAccountAssignment"}, Closed},
		"nowhere":              {center{"", "999999999999", false, false, "sso:CreateAccountAssignment"}, Closed},
	} {
		a := draft.New("123456789012")
		a.Bucket("calls")
		a.RoleTrusting("AWSReservedSSO_Readers_0123456789abcdef", draft.Allow("sts:AssumeRoleWithSAML").To("arn:aws:iam::123456789012:saml-provider/AWSSSO_0_DO_NOT_DELETE")).
			Can(draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*"))
		a.User("mallory").Can(draft.Allow(c.can, "*"))
		a.Answer("organization", "", draft.Document{"Organization": draft.Document{"Id": "o-1", "MasterAccountId": c.management}})
		a.Answer("organization-roots", "", draft.Document{"Roots": []any{draft.Document{"Id": "r-1", "PolicyTypes": []any{}}}})
		if c.owner != "" {
			const instance = "arn:aws:sso:::instance/ssoins-1"
			a.List("identity-center", draft.Document{"InstanceArn": instance, "OwnerAccountId": c.owner})
			if c.sets {
				a.Answer("permission-sets", instance, draft.Document{"PermissionSets": []string{set}})
				a.Answer("permission-set", set, draft.Document{"PermissionSet": draft.Document{"Name": "Readers", "PermissionSetArn": set}})
				kind := "USER"
				if c.groups {
					kind = "GROUP"
				}
				a.Answer("permission-set-assignments", set, draft.Document{"AccountAssignments": []any{draft.Document{"AccountId": "123456789012", "PermissionSetArn": set, "PrincipalType": kind, "PrincipalId": "x"}}})
			} else {
				a.Refused("permission-sets", instance, "AccessDeniedException")
			}
		}
		if s, level, missing := status(t, a, "identity-center"); s != c.want {
			t.Errorf("%s: %v, mallory %v, missing %v; want %v", name, s, level, missing, c.want)
		}
	}
}

// Who may push an image that a task with the role runs is let by identity policies or by the
// repository's; an image that is named by its digest, or whose tag nobody may move, is safe.
func TestImagePush(t *testing.T) {
	const outside = "arn:aws:iam::999999999999:root"
	for name, c := range map[string]struct {
		image   string
		mallory []draft.Statement
		policy  []draft.Statement
		still   bool // tags are immutable
		want    map[string]Certainty
	}{
		"identity policy":             {"team/web:1", []draft.Statement{draft.Allow("ecr:PutImage", "*")}, nil, false, map[string]Certainty{"mallory": Possible}},
		"another repository":          {"team/web:1", []draft.Statement{draft.Allow("ecr:PutImage", "arn:aws:ecr:eu-west-1:123456789012:repository/other")}, nil, false, nil},
		"the repository's policy":     {"team/web:1", nil, []draft.Statement{draft.Allow("ecr:PutImage").To(outside)}, false, map[string]Certainty{outside: Possible}},
		"the repository's refuses it": {"team/web:1", []draft.Statement{draft.Allow("ecr:PutImage", "*")}, []draft.Statement{draft.Deny("ecr:PutImage").To("*")}, false, nil},
		"by its digest":               {"team/web@sha256:" + strings.Repeat("0", 64), []draft.Statement{draft.Allow("ecr:PutImage", "*")}, nil, false, nil},
		"immutable tags":              {"team/web:1", []draft.Statement{draft.Allow("ecr:PutImage", "*")}, nil, true, nil},
		"immutable, and changed":      {"team/web:1", []draft.Statement{draft.Allow("ecr:PutImage ecr:PutImageTagMutability", "*")}, nil, true, map[string]Certainty{"mallory": Possible}},
	} {
		a := draft.New("123456789012")
		a.Bucket("calls")
		role := a.Role("reader", "ecs-tasks.amazonaws.com").Can(draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*"))
		arn := "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1"
		a.List("task-definition-list", arn)
		a.Answer("task-definition", arn, draft.Document{"taskDefinition": draft.Document{"taskDefinitionArn": arn, "family": "web", "revision": 1, "taskRoleArn": role.ARN,
			"containerDefinitions": []any{draft.Document{"image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/" + c.image}}}})
		if c.still {
			repository := "arn:aws:ecr:eu-west-1:123456789012:repository/team/web"
			a.List("repositories", draft.Document{"repositoryArn": repository, "repositoryName": "team/web", "imageTagMutability": "IMMUTABLE"})
			a.Refused("repository-policy", repository, "RepositoryPolicyNotFoundException")
		} else {
			a.Resource("ecr:repository", "team/web", c.policy...)
		}
		if m := a.User("mallory"); len(c.mallory) > 0 {
			m.Can(c.mallory...)
		}
		res, err := Analyze(a.Load(t), Question{Buckets: []string{"calls"}})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]Certainty{}
		for _, r := range res.Routes {
			if r.ID == "image-push" {
				for _, w := range r.Who {
					who := w.Principal
					if strings.HasSuffix(who, ":user/mallory") {
						who = "mallory"
					}
					got[who] = w.Certainty
				}
			}
		}
		want := c.want
		if want == nil {
			want = map[string]Certainty{}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v, not %v", name, got, want)
		}
	}
}

// Without the list of repositories nobody knows what their policies say.
func TestImagePushUnknown(t *testing.T) {
	for in, want := range map[string]Status{"": Closed, "repositories": NotKnown, "repository-policy": NotKnown} {
		a := draft.New("123456789012")
		a.Bucket("calls")
		a.Role("reader", "ecs-tasks.amazonaws.com").Can(draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*"))
		a.Resource("ecr:repository", "team/web")
		if in != "" {
			a.Without(in)
		}
		if s, _, missing := status(t, a, "image-push"); s != want || in != "" && !slices.Contains(missing, in) {
			t.Errorf("without %q: %v, missing %v", in, s, missing)
		}
	}
}

// A secret's own policy lets others in, and keeps those out whose own policies permit it.
func TestSecrets(t *testing.T) {
	for name, c := range map[string]struct {
		policy []draft.Statement
		want   Status
		level  Certainty
	}{
		"no policy":             {nil, Open, Certain},
		"it refuses":            {[]draft.Statement{draft.Deny("secretsmanager:*", "*").To("*")}, Closed, No},
		"its policy lets alone": {[]draft.Statement{draft.Allow("secretsmanager:GetSecretValue", "*").To("arn:aws:iam::123456789012:user/mallory")}, Open, Certain},
	} {
		a := draft.New("123456789012")
		a.Bucket("calls")
		m := a.User("mallory")
		if !strings.Contains(name, "alone") {
			m.Can(draft.Allow("secretsmanager:GetSecretValue", "*"))
		}
		a.Resource("secretsmanager:secret", "db", c.policy...)
		if s, level, _ := status(t, a, "secrets"); s != c.want || level != c.level {
			t.Errorf("%s: %v, %v; want %v, %v", name, s, level, c.want, c.level)
		}
	}
	a := draft.New("123456789012").Bucket("calls")
	a.User("mallory").Can(draft.Allow("secretsmanager:GetSecretValue", "*"))
	if s, _, _ := status(t, a, "secrets"); s != Closed {
		t.Errorf("there is no secret: %v", s)
	}
	a.Without("secrets")
	if s, _, missing := status(t, a, "secrets"); s != NotKnown && s != Open || s == NotKnown && !slices.Contains(missing, "secrets") {
		t.Errorf("nobody knows of secrets: %v, missing %v", s, missing)
	}
}

// A listing that was supplied without the descriptions of what it lists closes nothing.
func TestListedAndNotDescribed(t *testing.T) {
	for rule, c := range map[string]struct{ list, description, kind, trusts, can string }{
		"sagemaker-presigned":  {"notebooks", "notebook", "sagemaker:notebook-instance", "sagemaker.amazonaws.com", "sagemaker:CreatePresignedNotebookInstanceUrl"},
		"codebuild-start":      {"project-list", "projects", "codebuild:project", "codebuild.amazonaws.com", "codebuild:StartBuild"},
		"code-interpreter-use": {"code-interpreters", "code-interpreter", "bedrock-agentcore:code-interpreter", "bedrock-agentcore.amazonaws.com", "bedrock-agentcore:*"},
		"apprunner-update":     {"apprunner-services", "apprunner-service", "apprunner:service", "tasks.apprunner.amazonaws.com", "apprunner:UpdateService"},
	} {
		for _, in := range []string{c.list, c.description} {
			h := held{rule: rule, kind: c.kind, trusts: c.trusts}
			if s, _, missing := status(t, h.account(true, []string{c.can}).Without(in), rule); s == Closed || s == NotKnown && !slices.Contains(missing, in) {
				t.Errorf("%s without %s: %v, missing %v", rule, in, s, missing)
			}
		}
	}
}

// TestClusterAccounts: who makes themselves administrators of an EKS cluster get the roles that
// trust its service accounts, and no others.
func TestClusterAccounts(t *testing.T) {
	build := func(provider string) *draft.Account {
		a := draft.New(truthAccount).Bucket("calls")
		arn := "arn:aws:iam::" + truthAccount + ":oidc-provider/" + provider
		a.List("oidc-providers", draft.Document{"Arn": arn})
		a.Answer("oidc-provider", arn, draft.Document{"Url": provider, "ClientIDList": []any{"sts.amazonaws.com"}})
		a.RoleTrusting("api", draft.Allow("sts:AssumeRoleWithWebIdentity").To(arn).If("StringEquals", provider+":sub", "system:serviceaccount:prod:api")).
			Can(draft.Allow("s3:GetObject", "*"))
		a.User("platform").Can(draft.Allow("eks:CreateAccessEntry eks:AssociateAccessPolicy", "*"))
		a.User("half").Can(draft.Allow("eks:CreateAccessEntry", "*"))
		return a
	}
	got, by := findings(t, build("oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"))
	if got["platform"] != Possible || by["platform"] != "eks-access-account" || got["half"] != No {
		t.Errorf("%v by %v", got, by)
	}
	if got, by = findings(t, build("token.actions.githubusercontent.com")); got["platform"] != No {
		t.Errorf("of another provider: %v by %v", got, by)
	}
}

// TestFunctionPolicy: who may replace a function's policy may change its code, unless they are
// denied that; who may add to it is told as somebody who loosens it.
func TestFunctionPolicy(t *testing.T) {
	a := draft.New(truthAccount).Bucket("calls")
	a.Function("work", a.Role("app", "lambda.amazonaws.com").Can(draft.Allow("s3:GetObject", "*")).ARN)
	a.User("grants").Can(draft.Allow("lambda:AddPermission", "*"))
	a.User("puts").Can(draft.Allow("lambda:PutResourcePolicy", "*"))
	a.User("over").Can(draft.Allow("lambda:PutResourcePolicy", "*"), draft.Deny("lambda:UpdateFunctionCode", "*"))
	got, by := findings(t, a)
	for who, want := range map[string]Certainty{"puts": Certain, "over": No} {
		if got[who] != want || want != No && by[who] != "lambda-policy" {
			t.Errorf("%s: %s by %s, not %s", who, got[who], by[who], want)
		}
	}
	if r := routeOf(t, analyzed(t, a, Question{}), "lambda-permission"); r.Status != Open || len(r.Who) != 1 || !strings.HasSuffix(r.Who[0].Principal, "user/grants") {
		t.Errorf("%s: %+v", r.Status, r.Who)
	}
}

// TestEmptyCluster: a cluster that runs nothing is one to run tasks in.
func TestEmptyCluster(t *testing.T) {
	for there, want := range map[bool]Certainty{true: Certain, false: No} {
		a := draft.New(truthAccount).Bucket("calls")
		a.Role("task", "ecs-tasks.amazonaws.com").Can(draft.Allow("s3:GetObject", "*"))
		a.User("runs").Can(draft.Allow("ecs:RegisterTaskDefinition ecs:RunTask iam:PassRole", "*"))
		if there {
			cluster := "arn:aws:ecs:" + draft.Region + ":" + truthAccount + ":cluster/main"
			a.List("clusters", cluster)
			a.Answer("services", cluster, draft.Document{"services": []any{}}).Answer("tasks", cluster, draft.Document{"tasks": []any{}})
		}
		if got, _ := findings(t, a); got["runs"] != want {
			t.Errorf("a cluster: %t; %v", there, got)
		}
	}
}

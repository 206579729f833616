package reach

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strongroom/cloud/account"
)

func corpusAccount(t testing.TB) *account.Account {
	t.Helper()
	corpora(t, "aws-authz/iam-vulnerable-deployed.json")
	dir := os.Getenv("STRONGROOM_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpora")
	}
	a, err := account.Load(filepath.Join(dir, "aws-authz/iam-vulnerable-deployed.json"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// truths are the names of the weak account's principals, and the rule by which each gets
// administrative rights.
var truths = map[string]string{
	"fn1-privesc3-partial": "ec2-run", "fn2-exploitableResourceConstraint": "policy-version", "fn3-exploitableConditionConstraint": "policy-version", "fn4-exploitableNotAction": "ec2-run",
	"privesc-CloudFormationUpdateStack": "cloudformation-update", "privesc-codeBuildCreateProjectPassRole": "codebuild-create", "privesc-ec2InstanceConnect": "instance-connect",
	"privesc-sageMakerCreateNotebookPassRole": "sagemaker-notebook", "privesc-sageMakerCreatePresignedNotebookURL": "sagemaker-presigned", "privesc-sageMakerCreateProcessingJobPassRole": "sagemaker-processing",
	"privesc-sageMakerCreateTrainingJobPassRole": "sagemaker-training", "privesc-sre": "trust-update", "privesc-ssmSendCommand": "ssm-command", "privesc-ssmStartSession": "ssm-session",
	"privesc1-CreateNewPolicyVersion": "policy-version", "privesc10-PutUserPolicy": "user-inline", "privesc11-PutGroupPolicy": "group-inline", "privesc12-PutRolePolicy": "role-inline", "privesc13-AddUserToGroup": "group-join",
	"privesc14-UpdatingAssumeRolePolicy": "trust-update", "privesc15-PassExistingRoleToNewLambdaThenInvoke": "lambda-create-invoke", "privesc16-PassRoleToNewLambdaThenTriggerWithNewDynamo": "lambda-create-event",
	"privesc17-EditExistingLambdaFunctionWithRole": "lambda-code-triggered", "privesc18-PassExistingRoleToNewGlueDevEndpoint": "glue-create-endpoint", "privesc19-UpdateExistingGlueDevEndpoint": "glue-update-endpoint",
	"privesc2-SetExistingDefaultPolicyVersion": "policy-default", "privesc20-PassExistingRoleToCloudFormation": "cloudformation-create", "privesc21-PassExistingRoleToNewDataPipeline": "data-pipeline",
	"privesc3-CreateEC2WithExistingInstanceProfile": "ec2-run", "privesc4-CreateAccessKey": "access-key", "privesc5-CreateLoginProfile": "login-create", "privesc6-UpdateLoginProfile": "login-update",
	"privesc7-AttachUserPolicy": "user-attach", "privesc8-AttachGroupPolicy": "group-attach", "privesc9-AttachRolePolicy": "role-attach",
}

// powerless are two principals whose names say that they can escalate, and who cannot in the
// account as it was deployed: neither has a policy, and no trust policy names them.
var powerless = []string{"privesc-AssumeRole-start-user", "privesc-permissive-role-trust"}

func TestWeakAccount(t *testing.T) {
	a := corpusAccount(t)
	res, err := Analyze(a, Question{Admin: true})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]Finding{}
	for _, f := range res.Findings {
		found[f.Principal.Name] = f
		for _, c := range f.Chains {
			check(t, f, c)
		}
	}
	users, roles := 0, 0
	names := map[string]bool{}
	for _, u := range a.Users {
		names[u.Name] = true
	}
	for _, r := range a.Roles {
		names[r.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f, flagged := found[name]
		switch {
		case strings.HasPrefix(name, "fp"):
			if flagged {
				t.Errorf("%s is flagged: %s by %q", name, f.Certainty, rulesOf(f.Chains))
			}
			continue
		case !strings.HasPrefix(name, "fn") && !strings.HasPrefix(name, "privesc"):
			continue
		case slices.Contains(powerless, name):
			if flagged {
				t.Errorf("%s has no right at all, and is flagged by %q", name, rulesOf(f.Chains))
			}
			continue
		}
		if !flagged {
			t.Errorf("%s is not flagged", name)
			continue
		}
		base := strings.TrimSuffix(strings.TrimSuffix(name, "-user"), "-role")
		if want := truths[base]; want != "" && f.Chains[0].Steps[0].Rule != want {
			t.Errorf("%s: the first chain is %q; it should begin with %s", name, rulesOf(f.Chains[:1]), want)
		}
		if strings.HasSuffix(name, "-user") {
			users++
		} else {
			roles++
		}
	}
	if users != 31+4 || roles != 35+4 {
		t.Errorf("%d users and %d roles are flagged, not 35 and 39", users, roles)
	}
	// The export says nothing of service control policies or of servers.
	for _, f := range res.Findings {
		if f.Certainty == Certain {
			t.Errorf("%s is certain, without the organization's policies", f.Principal.Name)
		}
	}
	if f := found["privesc17-EditExistingLambdaFunctionWithRole-user"]; f.Certainty != Unknown || !slices.Contains(f.Missing, "functions") {
		t.Errorf("editing functions is %s, missing %q; the list of functions was not supplied", f.Certainty, f.Missing)
	}
}

// TestCloseWeakAccount: all ways to administrative rights close but those of administrators,
// the root user, and a role of a service's that nobody changes.
func TestCloseWeakAccount(t *testing.T) {
	a := corpusAccount(t)
	q := Question{Admin: true}
	res, err := Analyze(a, q)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := Close(a, res, DefaultBudget)
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for _, l := range plan.Left {
		left[l.Principal] = true
	}
	changed, err := Apply(a, plan.Changes)
	if err != nil {
		t.Fatal(err)
	}
	after, err := Analyze(changed, q)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range after.Findings {
		if f.Certainty >= Possible && !left[f.Principal.ARN] {
			t.Errorf("%s is still %s by %q", f.Principal.Name, f.Certainty, rulesOf(f.Chains[:1]))
		}
	}
	if len(plan.Changes) == 0 || len(left) > 12 {
		t.Errorf("%d changes, and %d are left", len(plan.Changes), len(left))
	}
}

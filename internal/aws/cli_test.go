package aws

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"strongroom/cloud/account"
)

// The AWS CLI understands what the fake answers, and the files that it prints make the same
// account as the snapshot: neither the fake nor the reading of files is made to fit the
// other. It runs about a hundred commands, a second each.
func TestCommandLine(t *testing.T) {
	if os.Getenv("STRONGROOM_AWSCLI") == "" {
		t.Skip("skipped: STRONGROOM_AWSCLI=1 runs the AWS CLI, for a minute or two")
	}
	f := newFake(t)
	t.Setenv("AWS_DEFAULT_REGION", "eu-west-1")
	snapshot, _, err := collect(t, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := load(t, snapshot)

	dir := t.TempDir()
	type run struct{ file, command string }
	var runs []run
	add := func(region, input, of, command string) {
		name := input + ".json"
		if of != "" {
			name = filepath.Join(input, url.PathEscape(of)+".json")
		}
		if region != "" {
			name = filepath.Join(region, name)
			command += " --region " + region
		}
		runs = append(runs, run{name, command})
	}
	const home = "eu-west-1"
	commands := map[string]string{}
	for _, in := range account.Inputs() {
		commands[in.Name] = strings.ReplaceAll(in.Command, "ACCOUNT", fakeID)
	}
	once := map[string][]string{
		"key": {"k1"}, "key-policy": {"k1"}, "key-grants": {"k1"}, "key-tags": {"k1"}, "function-policy": {"report"}, "function-urls": {"report"},
		"trail-status": {"main"}, "trail-selectors": {"main"}, "organization-policy": {"p-FullAWSAccess"}, "organization-parents": {fakeID, "ou-1"},
		"organization-scps": {fakeID, "ou-1", "r-1"}, "organization-rcps": {fakeID, "ou-1", "r-1"}, "instance-user-data": {"i-1"}, "image-sharing": {"ami-1"}, "snapshot-sharing": {"snap-1"},
		"task-definition": {"arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3"}, "projects": {"build"}, "stack-set": {"set"}, "notebook": {"lab"},
		"apprunner-service": {"arn:aws:apprunner:eu-west-1:123456789012:service/front/1"}, "state-machine": {"arn:aws:states:eu-west-1:123456789012:stateMachine:flow"}, "code-interpreter": {"ci-1"},
		"pod-identities": {"k8s"}, "pod-identity": {"a-1"}, "services": {"arn:aws:ecs:eu-west-1:123456789012:cluster/main"}, "tasks": {"arn:aws:ecs:eu-west-1:123456789012:cluster/main"},
		"permission-sets": {"arn:aws:sso:::instance/ssoins-1"}, "permission-set": {"arn:aws:sso:::permissionSet/ssoins-1/ps-1"}, "permission-set-assignments": {"arn:aws:sso:::permissionSet/ssoins-1/ps-1"},
		"repository-policy": {"team/web"}, "secret-policy": {"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:plain-AbCdEf"},
		"backup-vault-policy": {"main", "bare"}, "schedule": {"report"}, "datasync-location": {"arn:aws:datasync:eu-west-1:123456789012:location/loc-1"}, "transfer-users": {"s-01234567890abcdef"}, "emr-cluster": {"j-1"},
		"athena-workgroup": {"primary"},
	}
	for name, command := range commands {
		switch {
		case strings.Contains(command, "s3control"): // it puts the account's number before the host, which is then none
		case name == "access-keys" || name == "login-profile" || name == "oidc-provider" || name == "credential-report":
		case strings.Contains(command, "BUCKET"):
			for _, b := range []string{"calls", "plain.name"} {
				add("", name, b, strings.Replace(command, "BUCKET", b, 1))
			}
		case len(once[name]) > 0:
			for _, of := range once[name] {
				c := strings.Replace(command, "GROUP", "nights", 1)
				if strings.Contains(c, "--permission-set-arn") {
					c = strings.Replace(c, "ARN", "arn:aws:sso:::instance/ssoins-1", 1)
				}
				for _, hole := range []string{"ARN…", "KEY", "TRAIL", "NAME…", "NAME", "ARN", "ID"} {
					if name == "pod-identity" && hole == "NAME" {
						c = strings.Replace(c, hole, "k8s", 1)
					} else if hole == "ARN…" {
						c = strings.Replace(c, hole, "x", 1)
					} else {
						c = strings.Replace(c, hole, of, 1)
					}
				}
				add(home, name, of, c)
				if name == "repository-policy" || name == "athena-workgroup" { // it has its like in the other region
					add("us-west-2", name, of, c)
				}
			}
		case want.Known(name, "eu-west-1"):
			add("eu-west-1", name, "", command)
			add("us-west-2", name, "", command)
		default:
			add("", name, "", command)
		}
	}
	add("", "oidc-provider", "token.example.com", "aws iam get-open-id-connect-provider --open-id-connect-provider-arn arn:aws:iam::123456789012:oidc-provider/token.example.com")
	add("", "credential-report", "", "aws iam get-credential-report")
	slots := make(chan struct{}, 4)
	var all sync.WaitGroup
	for _, r := range runs {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			word := strings.Fields(strings.ReplaceAll(r.command, "'", ""))
			if word[1] == "emr" { // which does not look at AWS_ENDPOINT_URL
				word = append(word, "--endpoint-url", f.URL)
			}
			out, _ := exec.CommandContext(t.Context(), word[0], word[1:]...).CombinedOutput() // its error is in what it says
			if len(out) == 0 {
				out = []byte("{}")
			}
			p := filepath.Join(dir, r.file)
			if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
				t.Error(err)
			}
			if err := os.WriteFile(p, out, 0o600); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, x := range f.faults {
		t.Error(x)
	}
	got, err := account.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range got.Faults {
		t.Errorf("fault: %v", x)
	}
	for _, x := range got.Missing {
		t.Logf("missing: %v", x)
	}
	ignore := map[string]bool{"Taken": true, "Ignored": true, "Missing": true, "Faults": true, "AccessPoints": true, "AccessGrants": true, "PublicAccess": true}
	g, w := reflect.ValueOf(got).Elem(), reflect.ValueOf(want).Elem()
	for i := range g.NumField() {
		name := g.Type().Field(i).Name
		if ignore[name] || !g.Type().Field(i).IsExported() {
			continue
		}
		x, _ := json.Marshal(g.Field(i).Interface())
		y, _ := json.Marshal(w.Field(i).Interface())
		if string(x) != string(y) {
			t.Errorf("%s\nfrom files:    %s\nfrom snapshot: %s", name, x, y)
		}
	}
}

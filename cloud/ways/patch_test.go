package ways

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"strongroom/cloud/iam"
	"strongroom/cloud/reach"
)

// closing is a plan that changes the account of details in every way that there is.
func closing() reach.Plan {
	user := reach.Source{Kind: "user-inline", Owner: home + "user/alice", Name: "p1"}
	return reach.Plan{
		Irredundant: true, Considered: 9,
		Changes: []reach.Change{
			{ID: "1", Op: reach.RemoveActions, Policy: user, Statement: 0, Actions: []string{"s3:getobject"}, What: text("take s3:GetObject from alice"), Closes: 1},
			{ID: "2", Op: reach.RemoveActions, Policy: user, Statement: 1, Actions: []string{"s3:PutBucketPolicy"}, Resources: []string{"*"}, What: text("deny alice s3:PutBucketPolicy"), Closes: 1},
			{ID: "3", Op: reach.RemoveActions, Policy: reach.Source{Kind: "managed", Owner: home + "policy/Deploy"}, Statement: 0, Actions: []string{"sts:AssumeRole"}, What: text("deny sts:AssumeRole in Deploy"), Closes: 2},
			{ID: "4", Op: reach.TightenTrust, Policy: reach.Source{Kind: "trust", Owner: home + "role/content"}, Statement: 0, Principals: []string{"999988887777"}, What: text("take account 999988887777 out"), Closes: 1},
			{ID: "5", Op: reach.AddDeny, Policy: reach.Source{Kind: "user-inline", Owner: home + "user/bob", Name: "strongroom-deny"}, Statement: -1,
				Document: json.RawMessage(`{"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::calls/${aws:username}/*"}`), What: text("deny bob"), Closes: 1},
			{ID: "6", Op: reach.Set, Target: "arn:aws:ec2:eu-west-1:111122223333:instance/i-1", Setting: "imdsv2", Value: "required", What: text("ask instance i-1 for session tokens")},
		},
	}
}

func TestPatchesMakeThePlansDocuments(t *testing.T) {
	a := load(t, details)
	p := NewPlan(a, closing())
	if len(p.Skipped) > 0 {
		t.Fatalf("%+v", p.Skipped)
	}
	want := map[string]string{
		"user-inline p1":              `{"Statement":[{"Action":["s3:ListBucket"],"Effect":"Allow","Resource":"*","Sid":"Read"},{"Action":"s3:Put*","Effect":"Allow","Resource":"arn:aws:s3:::calls/${aws:username}/*"},{"Action":"s3:PutBucketPolicy","Effect":"Deny","Resource":"*"}],"Version":"2012-10-17"}`,
		"managed ":                    `{"Statement":[{"Action":"sts:*","Effect":"Allow","Resource":"*","Sid":"All"},{"Action":"sts:AssumeRole","Effect":"Deny","Resource":"*"}],"Version":"2012-10-17"}`,
		"trust ":                      `{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111122223333:root"],"Service":"ec2.amazonaws.com"}}],"Version":"2012-10-17"}`,
		"user-inline strongroom-deny": `{"Statement":[{"Action":"s3:GetObject","Effect":"Deny","Resource":"arn:aws:s3:::calls/${aws:username}/*"}],"Version":"2012-10-17"}`,
	}
	for _, d := range p.Documents {
		name := d.Policy.Kind + " " + d.Policy.Name
		if string(d.After) != want[name] {
			t.Errorf("%s:\n%s\nnot\n%s", name, d.After, want[name])
		}
		delete(want, name)
		// The patches alone, in their order, make the same of the account's document.
		doc := []byte("null")
		if !d.Made {
			doc = d.Policy.Policy(a).Document
		}
		for _, c := range p.Changes {
			if c.Policy != d.Policy {
				continue
			}
			var err error
			if doc, err = ApplyPatch(doc, c.Patch); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if !bytes.Equal(doc, d.After) {
			t.Errorf("%s: the patches make\n%s\nnot\n%s", name, doc, d.After)
		}
	}
	if len(want) > 0 {
		t.Errorf("no document: %v", want)
	}
	// Of another document a patch makes nothing.
	if _, err := ApplyPatch([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:ListBucket","s3:GetObject"],"Resource":"*"}]}`), p.Changes[0].Patch); err == nil || !strings.Contains(err.Error(), "another") {
		t.Errorf("a patch was applied to another document than its own: %v", err)
	}
	changed, err := p.Apply(a)
	if err != nil {
		t.Fatal(err)
	}
	if got := changed.Users[1].Inline; len(got) != 1 || got[0].Policy.Statements[0].Allow {
		t.Errorf("bob has %+v", got)
	}
	if len(a.Users[1].Inline) != 0 || len(closing().Changes[0].Policy.Policy(a).Statements[0].Actions) != 2 {
		t.Error("the account itself was changed")
	}
	if got := changed.Workloads[0].Instance.MetadataV1; !got.Known || got.V {
		t.Errorf("the instance's metadata: %+v", got)
	}
	for _, u := range changed.Users {
		if at := u.Attached[0]; len(at.Policy.Statements) != 2 {
			t.Errorf("%s still has the managed policy as it was", u.Name)
		}
	}
}

func TestStatementsThatGoLeaveTheOthersTheirPlaces(t *testing.T) {
	d, err := openDocument([]byte(`{"statement":[{"Sid":"0","action":"a:A","Effect":"Allow"},{"Sid":"1","Action":["a:B","a:C","a:B"],"Effect":"Allow"},{"Sid":"2","NotAction":"a:D","Effect":"Allow"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		func() error { return d.removeActions(0, []string{"A:a"}, nil) },
		func() error { return d.removeActions(1, []string{"a:b"}, nil) },
		func() error { return d.removeActions(2, []string{"a:E"}, nil) },
		func() error { return d.removeStatement(0) }, // gone already
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := string(encode(d.doc)), `{"statement":[{"Action":["a:C"],"Effect":"Allow","Sid":"1"},{"Effect":"Allow","NotAction":["a:D","a:E"],"Sid":"2"}]}`; got != want {
		t.Errorf("%s\nnot\n%s", got, want)
	}
}

func TestPatchesThatDoNotFit(t *testing.T) {
	for name, o := range map[string]Operation{
		"no such member": {Op: "remove", Path: "/b"},
		"no such entry":  {Op: "remove", Path: "/a/7"},
		"leading zero":   {Op: "remove", Path: "/a/00"},
		"no slash":       {Op: "remove", Path: "a"},
		"below a text":   {Op: "remove", Path: "/c/0"},
		"another value":  {Op: "test", Path: "/a/0", Value: json.RawMessage("2")},
		"no value":       {Op: "add", Path: "/a/-"},
		"no operation":   {Op: "move", Path: "/a", Value: json.RawMessage("1")},
		"the whole":      {Op: "remove"},
	} {
		if got, err := ApplyPatch([]byte(`{"a":[1],"c":"x"}`), []Operation{o}); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func FuzzApplyPatch(f *testing.F) {
	f.Add([]byte(`{"a":[1]}`), "remove", "/a/0", []byte("1"))
	f.Add([]byte(`[]`), "add", "/-", []byte("{}"))
	f.Add([]byte(`{"a~/b":{}}`), "replace", "/a~0~1b", []byte("[]"))
	f.Fuzz(func(t *testing.T, doc []byte, op, path string, value []byte) {
		if out, err := ApplyPatch(doc, []Operation{{op, path, value}}); err == nil && !json.Valid(out) {
			t.Errorf("%q", out)
		}
	})
}

// FuzzDocument changes documents that somebody else wrote: what comes of it is one that
// grants nothing more.
func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`), "s3:GetObject")
	f.Add([]byte(`{"Statement":[{"Effect":"Allow","Action":["s3:Get*","s3:GetObject"],"Resource":"*"}]}`), "s3:GetObject")
	f.Add([]byte(`{"Statement":[{"Effect":"Allow","NotAction":[],"Resource":"*"}]}`), "s3:GetObject")
	f.Fuzz(func(t *testing.T, raw []byte, action string) {
		d, err := openDocument(raw)
		if err != nil || d.removeActions(0, []string{action}, nil) != nil {
			return
		}
		after := encode(d.doc)
		applied, err := ApplyPatch(raw, d.ops)
		if err != nil || !bytes.Equal(applied, after) {
			t.Errorf("%v: %s, not %s", err, applied, after)
		}
		before, err := iam.Parse("", raw)
		if err != nil || len(before.Faults) > 0 || len(before.Statements) == 0 || !before.Statements[0].Allow || before.Statements[0].NotActions {
			return
		}
		p, err := iam.Parse("", after)
		if err != nil {
			t.Fatalf("%v: %s", err, after)
		}
		denied := false
		for _, s := range p.Statements {
			for _, a := range s.Actions {
				if wildcard(strings.ToLower(a), strings.ToLower(action)) {
					if !s.Allow {
						denied = true
					} else if s.Index == 0 && !denied && !strings.ContainsAny(a, "*?") && strings.EqualFold(a, action) {
						t.Errorf("%s is still granted by %q: %s", action, a, after)
					}
				}
			}
		}
	})
}

func TestTerraform(t *testing.T) {
	a := load(t, details)
	r := New(a, sample())
	r.Plan = NewPlan(a, closing())
	var b bytes.Buffer
	if err := r.WriteTerraform(&b); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	for _, want := range []string{
		"resource \"aws_iam_user_policy\" \"alice_p1\"", "id = \"alice:p1\"", "resource \"aws_iam_policy\" \"deploy\"", "id = \"arn:aws:iam::111122223333:policy/Deploy\"",
		"resource \"aws_iam_role\" \"content\"", "assume_role_policy", "$${aws:username}", "resource \"aws_iam_user_policy\" \"bob_strongroom_deny\"", "# By hand: ask instance i-1", "not proven",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "bob:strongroom-deny") {
		t.Error("a policy that is not there yet is imported")
	}
	terraform, err := exec.LookPath("terraform")
	if err != nil {
		t.Skip("no terraform here to read it")
	}
	t.Setenv("TF_CLI_CONFIG_FILE", "")
	cmd := exec.Command(terraform, "fmt", "-check", "-diff", "-")
	cmd.Stdin = strings.NewReader(got)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("terraform fmt: %v\n%s", err, out)
	}
	// What Terraform makes of the text is the document.
	for _, d := range r.Plan.Documents {
		v, _ := decode(d.After)
		cmd := exec.Command(terraform, "console")
		cmd.Dir = t.TempDir()
		if err := os.WriteFile(filepath.Join(cmd.Dir, "main.tf"), []byte("locals {\n  x = jsonencode("+hcl(v, "  ")+")\n}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd.Stdin = strings.NewReader("base64encode(local.x)")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("terraform console: %v", err)
		}
		var plain []byte
		if err := json.Unmarshal(bytes.TrimSpace(out), &plain); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		again, err := decode(plain)
		if err != nil || !same(again, v) {
			t.Errorf("%s, not %s", plain, d.After)
		}
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"a":       `"a"`,
		`"\`:      `"\"\\"`,
		"${x}%{y": `"$${x}%%{y"`,
		"$x\n\t":  `"$x\n\t"`,
		"\u202e":  `"\u202e"`,
	} {
		if got := quote(in); got != want {
			t.Errorf("%q is %s, not %s", in, got, want)
		}
	}
}

package iam

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// What AWS accepts is read: single values and lists, elements in any letter case.
func TestParse(t *testing.T) {
	p, err := Parse("user alice, inline policy p1", []byte(`{"version": "2012-10-17", "Statement": {
		"Sid": "Read", "Effect": "Allow", "action": "s3:GetObject", "Resource": ["arn:aws:s3:::calls/*", "arn:aws:s3:::calls"],
		"Principal": {"AWS": ["111122223333", "*"], "Service": "ec2.amazonaws.com"},
		"Condition": {"StringLike": {"aws:PrincipalTag/team": ["a", "b"]}, "Bool": {"aws:SecureTransport": true}, "NumericLessThan": {"s3:max-keys": 10}}}}`))
	if err != nil || len(p.Faults) > 0 {
		t.Fatal(err, p)
	}
	want := []Statement{{Sid: "Read", Allow: true, Actions: []string{"s3:GetObject"}, Resources: []string{"arn:aws:s3:::calls/*", "arn:aws:s3:::calls"},
		Principals: &Principals{Anyone: true, AWS: []string{"111122223333", "*"}, Service: []string{"ec2.amazonaws.com"}},
		Conditions: []Condition{{"Bool", "aws:SecureTransport", []string{"true"}}, {"NumericLessThan", "s3:max-keys", []string{"10"}}, {"StringLike", "aws:PrincipalTag/team", []string{"a", "b"}}}}}
	if !reflect.DeepEqual(p.Statements, want) {
		t.Errorf("read was %+v", p.Statements)
	}
}

// What is wrong is said, with its place; what is right beside it still counts.
func TestFaults(t *testing.T) {
	for doc, want := range map[string]string{
		`{"Statement": [{"Effect": "allow", "Action": "s3:*", "Resource": "*"}]}`:                                   "Statement[0].Effect: \"allow\" is neither Allow nor Deny",
		`{"Statement": [{"Effect": "Allow", "Action": "s3", "Resource": "*"}]}`:                                     `Statement[0].Action: "s3" is not an action`,
		`{"Statement": [{"Effect": "Allow", "Action": "s3:*", "NotAction": "s3:*", "Resource": "*"}]}`:              "Statement[0].NotAction: a statement has Action or NotAction",
		`{"Statement": [{"Effect": "Allow", "Resource": "*"}]}`:                                                     "Statement[0].Action: it is missing",
		`{"Statement": [{"Action": "s3:*", "Resource": "*"}]}`:                                                      "Statement[0].Effect: it is missing",
		`{"Statement": [{"Effect": "Deny", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}`:                 "Statement[0].Effect: it is there twice",
		`{"Statement": [{"Effect": "Allow", "Principal": "alice", "Action": "s3:*", "Resource": "*"}]}`:             `Statement[0].Principal: "alice" is not a principal`,
		`{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": {"a": 1}}]}`:                              `Statement[0].Resource: {"a": 1} is not text`,
		`{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"a": {}}}}]}`: "Statement[0].Condition: Bool: a: {} is not text",
		`{"Statement": [], "Statements": []}`:                                                                       "Statements: a policy has no such element",
		`{"Version": "2012-10-18", "Statement": []}`:                                                                "Version: \"2012-10-18\" is neither",
		`{"Version": "2012-10-17"}`: "Statement: it is missing",
	} {
		p, err := Parse("p", []byte(doc))
		if err != nil || len(p.Faults) == 0 || !strings.Contains(p.Faults[0].String(), want) {
			t.Errorf("%s: %v, want %s", doc, p, want)
		}
	}
	for _, doc := range []string{``, `[]`, `{`, `{"Statement": []}}`, `"*"`, `null`} {
		if p, err := Parse("p", []byte(doc)); err == nil {
			t.Errorf("%s is taken for the policy %+v", doc, p)
		}
	}
}

// corpora is the folder of data that others wrote.
func corpora(t testing.TB, name string) []byte {
	t.Helper()
	folder := os.Getenv("STRONGROOM_CORPORA")
	if folder == "" {
		folder = "../../../shared/corpora"
	}
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Skip("without the corpora: ", err)
	}
	return data
}

// Every document of a real account is read without a fault.
func TestParseAccount(t *testing.T) {
	var account struct {
		Policies []struct {
			Arn               string
			PolicyVersionList []struct{ Document json.RawMessage }
		}
		RoleDetailList []struct{ AssumeRolePolicyDocument json.RawMessage }
	}
	if err := json.Unmarshal(corpora(t, "aws-authz/iam-vulnerable-deployed.json"), &account); err != nil {
		t.Fatal(err)
	}
	n := 0
	read := func(doc []byte) {
		n++
		if p, err := Parse("p", doc); err != nil || len(p.Faults) > 0 || len(p.Statements) == 0 {
			t.Errorf("%s: %v %v", doc, err, p)
		}
	}
	for _, p := range account.Policies {
		for _, v := range p.PolicyVersionList {
			read(v.Document)
		}
	}
	for _, r := range account.RoleDetailList {
		read(r.AssumeRolePolicyDocument)
	}
	if n < 160 {
		t.Errorf("%d documents were read", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"a": true}}}]}`))
	f.Add([]byte(`{"Statement": {"Effect": "Deny", "NotPrincipal": {"AWS": "1"}, "NotAction": ["a:b"], "NotResource": "*"}}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		p, err := Parse("p", doc)
		if err != nil {
			return
		}
		for _, s := range p.Statements {
			if s.Actions == nil {
				t.Errorf("%s: a statement without actions", doc)
			}
		}
	})
}

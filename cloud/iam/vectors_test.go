package iam

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// The vectors are in the form of docs/formats/cloud-simulate.md. Each names the page of
// AWS's documentation that it follows, below docs.aws.amazon.com; what is about the form names
// the page here.
func TestVectors(t *testing.T) {
	var list []json.RawMessage
	for _, name := range []string{"testdata/vectors.json", "testdata/corners.json", "testdata/second.json"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		some, err := SplitSimulations(data)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, some...)
	}
	if len(list) < 1000 {
		t.Errorf("there are only %d vectors", len(list))
	}
	for _, raw := range list {
		var about struct{ Name, Source, Expected string }
		if err := json.Unmarshal(raw, &about); err != nil {
			t.Fatal(err)
		}
		s, err := ParseSimulation(raw)
		if err != nil {
			t.Errorf("%s: %v", about.Name, err)
			continue
		}
		if got := s.Evaluate(); got.Decision.String() != about.Expected {
			t.Errorf("%s: %v, want %s (%s)\n  %v\n  %v", about.Name, got.Decision, about.Expected, about.Source, got.Why, got.Notes)
		}
	}
}

// What is longer than anything of AWS's is not matched, however long a pattern would take.
func TestLongTexts(t *testing.T) {
	simulation := func(resource, action string) error {
		s, err := ParseSimulation([]byte(`{"request": {"principal": "arn:aws:iam::111122223333:user/alice", "action": "s3:GetObject", "resource": "arn:aws:s3:::calls/` + resource + `", "accountId": "111122223333"},
			"identityPolicies": [{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "` + action + `", "Resource": "*"}}]}`))
		if err == nil && s.Evaluate().Decision == Allowed {
			return nil
		}
		if err == nil && len(s.Faults) > 0 {
			return errors.New(s.Faults[0].What)
		}
		return err
	}
	if err := simulation("a", "s3:*"); err != nil {
		t.Fatal(err)
	}
	if err := simulation(strings.Repeat("a", maxResource), "s3:*"); err == nil || !strings.Contains(err.Error(), "request.resource.resource") {
		t.Errorf("a long resource: %v", err)
	}
	if err := simulation("a", "s3:"+strings.Repeat("*", maxText)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a long action: %v", err)
	}
}

// A policy, or a context, in a field that is not known is not passed over: it could deny.
func TestMisplacedFields(t *testing.T) {
	const request = `"request": {"principal": "arn:aws:iam::111122223333:user/alice", "action": "s3:GetObject", "resource": "arn:aws:s3:::calls/a", "accountId": "111122223333"}`
	for field, want := range map[string]string{
		`"scps": [{"Version": "2012-10-17", "Statement": []}]`:             "scps: there is no such field",
		`"guard": "{\"Statement\": {\"Effect\": \"Deny\"}}"`:               "guard: there is no such field",
		`"context": {"aws:SourceVpce": "vpce-1"}`:                          "context: it belongs into request.context",
		`"contextVariables": {"aws:SourceVpce": "vpce-1"}`:                 "contextVariables: it belongs into request.context",
		`"sesionPolicy": {"Statement": []}`:                                "sesionPolicy: there is no such field; sessionPolicy is one",
		`"organisationPolicies": [{"orgIdentifier": "r", "policies": []}]`: "organisationPolicies: there is no such field",
	} {
		if _, err := ParseSimulation([]byte("{" + request + ", " + field + "}")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", field, err, want)
		}
	}
	if s, err := ParseSimulation([]byte("{" + request + `, "ticket": 7}`)); err != nil || len(s.Notes) != 1 {
		t.Errorf("a field that says nothing here: %v %v", s, err)
	}
}

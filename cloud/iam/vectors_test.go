package iam

import (
	"encoding/json"
	"os"
	"testing"
)

// The vectors are in the form of docs/formats/cloud-simulate.md. Each names the page of
// AWS's documentation that it follows, below docs.aws.amazon.com.
func TestVectors(t *testing.T) {
	var list []json.RawMessage
	for _, name := range []string{"testdata/vectors.json", "testdata/corners.json"} {
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

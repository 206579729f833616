package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strongroom/cloud/iam"
)

// Every reason and note that the vectors of cloud/iam bring about has French words.
func TestAnswersInFrench(t *testing.T) {
	files, err := filepath.Glob("../../cloud/iam/testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	fr := answering("fr")
	said := map[string]bool{}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var list []json.RawMessage
		if err := json.Unmarshal(data, &list); err != nil {
			t.Fatal(err)
		}
		for _, raw := range list {
			s, err := iam.ParseSimulation(raw)
			if err != nil {
				t.Fatal(err)
			}
			faults := map[string]bool{} // they cite the policy, in English
			for _, f := range s.Faults {
				faults[f.String()] = true
			}
			a := s.Evaluate()
			for _, text := range append(a.Why, a.Notes...) {
				if !faults[text] {
					said[text] = true
				}
			}
		}
	}
	if len(said) < 30 {
		t.Errorf("only %d sentences", len(said))
	}
	for text := range said {
		if got := fr.sentence(text); got == text || strings.Contains(got, "not supplied") || strings.Contains(got, "%!") {
			t.Errorf("no French: %s", got)
		}
	}
	for _, s := range answerSentences {
		if strings.Count(s[0], "%s") != strings.Count(s[1], "%s") || strings.Contains(s[1], "'") {
			t.Errorf("%q", s[1])
		}
	}
}

package reach

import (
	"os"
	"path/filepath"
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

func TestWeakAccount(t *testing.T) {
	res, err := Analyze(corpusAccount(t), Question{Admin: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range res.Findings {
		if os.Getenv("SHOW") == "" {
			break
		}
		t.Logf("%s %s", f.Principal.Name, f.Certainty)
		for _, c := range f.Chains {
			var s []string
			for _, st := range c.Steps {
				x := st.Rule + "→" + last(st.To.ARN)
				if st.Via != "" {
					x += "(" + last(st.Via) + ")"
				}
				for _, cond := range st.Conditions {
					if cond.Note != nil {
						x += " [" + cond.Note.EN + "]"
					} else {
						x += " [" + cond.Operator + " " + cond.Key + "]"
					}
				}
				s = append(s, x)
			}
			t.Logf("      %s: %s", c.Certainty, strings.Join(s, "; "))
		}
	}
}

package reach

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// corpora is the folder with data that others wrote; tests that need it are skipped without.
func corpora(t testing.TB, name string) []byte {
	t.Helper()
	dir := os.Getenv("STRONGROOM_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpora")
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Skipf("no corpora: %v", err)
	}
	return b
}

// path is one of the 65 published escalation paths.
type path struct {
	ID          string `json:"id"`
	Permissions struct {
		Required []struct {
			Permission string `json:"permission"`
		} `json:"required"`
	} `json:"permissions"`
}

func published(t testing.TB) []path {
	var paths []path
	if err := json.Unmarshal(corpora(t, "escalation-paths/pathfinding-65.json"), &paths); err != nil {
		t.Fatal(err)
	}
	if len(paths) != 65 {
		t.Fatalf("%d paths, not 65", len(paths))
	}
	return paths
}

// TestPublishedPathsHaveRules holds each published path against the rule that covers it:
// every permission of the path that the rule does not name belongs to a further step of
// becoming somebody, which has rules of its own.
func TestPublishedPathsHaveRules(t *testing.T) {
	covered := map[string]*Rule{}
	actions := map[string]bool{}
	for _, r := range DefaultRules().Rules {
		for _, id := range r.Covers {
			if r2 := covered[id]; r2 != nil {
				t.Errorf("%s is covered by %s and %s", id, r2.ID, r.ID)
			}
			covered[id] = r
		}
		for _, a := range r.Alternatives {
			for _, n := range a {
				actions[strings.ToLower(n.Action)] = true
			}
		}
	}
	for _, p := range published(t) {
		r := covered[p.ID]
		if r == nil {
			t.Errorf("%s: no rule covers it", p.ID)
			continue
		}
		delete(covered, p.ID)
		first := false
		for _, q := range p.Permissions.Required {
			if !actions[strings.ToLower(q.Permission)] {
				t.Errorf("%s: no rule names %s", p.ID, q.Permission)
			}
			for _, a := range r.Alternatives {
				for _, n := range a {
					first = first || strings.EqualFold(n.Action, q.Permission)
				}
			}
		}
		if !first {
			t.Errorf("%s: rule %s names none of its permissions", p.ID, r.ID)
		}
	}
	for id, r := range covered {
		t.Errorf("rule %s covers %s, which is not among the published paths", r.ID, id)
	}
}

func TestRulesOnFalseFiles(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"empty":          {"", "empty"},
		"not YAML":       {"{", "yaml"},
		"unknown member": {"ruels: []", "ruels"},
		"no rules":       {"groups: []", "no rules"},
		"group":          {"rules: [{id: a, group: g, title: {en: x, fr: y}, target: role, steps: [{is: agent}], gives: be}]", `"g" is not a group`},
		"language":       {"rules: [{id: a, group: g, title: {en: x}, target: role, steps: [{is: agent}], gives: be}]", "needs en and fr"},
		"action":         {`rules: [{id: a, group: g, target: role, steps: [{action: "s3:*", on: any}], gives: be}]`, `"s3:*" is not one action`},
		"place":          {`rules: [{id: a, group: g, target: role, steps: [{action: "s3:GetObject", on: moon}], gives: be}]`, `"moon"`},
		"fact":           {`rules: [{id: a, group: g, target: role, steps: [{is: sunny}], gives: be}]`, `"sunny"`},
		"two in one":     {`rules: [{id: a, group: g, target: role, steps: [{is: agent, action: "s3:GetObject"}], gives: be}]`, "exactly one of"},
		"gives":          {`rules: [{id: a, group: g, target: role, steps: [{is: agent}], gives: gold}]`, `"gold"`},
	} {
		if _, err := ParseRules([]byte(c.file)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; it should say %s", name, err, c.want)
		}
	}
}

func TestAlternativesAreMultipliedOut(t *testing.T) {
	r, err := ParseRules([]byte(`
groups: [{id: g, title: {en: x, fr: y}}]
things: {t:t: "*"}
rules:
  - id: a
    group: g
    title: {en: x, fr: y}
    target: role
    gives: be
    steps:
      - {action: "a:A", on: any}
      - any: [[{action: "b:B", on: any}], [{action: "b:C", on: any}, {is: agent}]]
      - any: [[{action: "c:D", on: new t:t}], [{is: cluster}]]
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range r.Rules[0].Alternatives {
		s := ""
		for _, n := range a {
			s += n.Action + n.Is + " "
		}
		got = append(got, strings.TrimSpace(s))
	}
	want := "a:A b:B c:D|a:A b:B cluster|a:A b:C agent c:D|a:A b:C agent cluster"
	if strings.Join(got, "|") != want {
		t.Errorf("%q, not %q", got, want)
	}
}

func FuzzParseRules(f *testing.F) {
	f.Add(builtin)
	f.Add([]byte("rules: [{steps: [{any: [[{any: [[]]}]]}]}]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ParseRules(b); err == nil && len(r.Rules) == 0 {
			t.Error("rules without a rule")
		}
	})
}

package limit

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestManual keeps docs/policies.md true: its policies load, its cases pass, and
// it names every action and attribute.
func TestManual(t *testing.T) {
	raw, err := os.ReadFile("../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	manual := string(raw)
	blocks := func(language string) (found []string) {
		for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(manual, -1) {
			found = append(found, m[1])
		}
		return found
	}
	policies, cases := blocks("cedar"), blocks("json")
	if len(policies) == 0 || len(cases) == 0 {
		t.Fatal("the manual shows no policies or no cases")
	}
	for _, text := range policies {
		mustParse(t, text)
	}
	for _, text := range cases {
		list, err := ParseCases([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range RunCases(Default(), list) {
			if r.Fault != "" {
				t.Errorf("%s: %s", r.Name, r.Fault)
			}
		}
	}
	var names []string
	for typ, entity := range roomSchema().Entities {
		if typ != typeGroup {
			names = append(names, string(typ))
		}
		for name := range entity.Shape {
			names = append(names, string(name))
		}
	}
	for uid, action := range roomSchema().Actions {
		names = append(names, string(uid.ID))
		for name := range action.AppliesTo.Context {
			names = append(names, string(name))
		}
	}
	for _, name := range names {
		if !strings.Contains(manual, "`"+name) && !strings.Contains(manual, name+"::") {
			t.Errorf("the manual does not name %s", name)
		}
	}
}

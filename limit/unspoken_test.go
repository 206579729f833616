package limit

import (
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom"
)

// A room that was made before an action existed has no policy for it: that is told, and
// what a new room has for it can be had, for that action alone.
func TestUnspoken(t *testing.T) {
	if all := Default().Unspoken(Default()); len(all) != 0 {
		t.Errorf("the default policies leave out %v of themselves", all)
	}
	old := strings.ReplaceAll(string(Default().Text()), `[Action::"readObject", Action::"downloadObject"]`, `[Action::"readObject"]`)
	from := strings.Index(old, `@id("supervisors-take-copies-with-an-approval")`)
	old = old[:from] + old[from+strings.Index(old[from:], ";\n")+2:]
	set, err := Parse([]byte(old))
	if err != nil {
		t.Fatal(err)
	}
	missing := set.Unspoken(Default())
	if len(missing) != 1 || missing[0].Action != strongroom.ActionDownload ||
		!slices.Equal(missing[0].Policies, []string{"supervisors-take-copies-with-an-approval", "data-owners-read-with-a-purpose"}) {
		t.Fatalf("it leaves out %v", missing)
	}
	ask := func(s *Set, group string, action strongroom.Action) strongroom.Decision {
		return s.Decide(strongroom.Question{
			Action: action, Principal: strongroom.Principal{ID: strongroom.ID{1}, Name: "x", Kind: strongroom.Person, Groups: []string{group}, Attributes: map[string][]string{"supervises": {"billing"}}},
			Resource: strongroom.Resource{Bucket: "calls", Key: "k", Attributes: map[string]string{"queue": "billing"}, Created: time.Now()},
			Context:  strongroom.Context{Time: time.Now(), Method: "console", Secure: true, Purpose: strongroom.Purpose{Text: "for the court"}},
		})
	}
	if d := ask(set, "data-owners", strongroom.ActionDownload); d.Permit {
		t.Fatal("a set that says nothing of an action permits it")
	}
	text, added, err := set.With(Default(), strongroom.ActionDownload)
	if err != nil || !slices.Equal(added, []string{"supervisors-take-copies-with-an-approval", "data-owners-read-with-a-purpose-downloadObject"}) || !strings.HasPrefix(text, strings.TrimSpace(old)) {
		t.Fatalf("added is %v, %v", added, err)
	}
	next, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if left := next.Unspoken(Default()); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
	if d := ask(next, "data-owners", strongroom.ActionDownload); !d.Permit {
		t.Errorf("data owners: %+v", d)
	}
	if d := ask(next, "supervisors", strongroom.ActionDownload); d.Permit || len(d.Missing) == 0 {
		t.Errorf("supervisors: %+v", d)
	}
	if d := ask(next, "agents", strongroom.ActionDownload); d.Permit {
		t.Errorf("agents: %+v", d)
	}
	// Nothing else is permitted by what was added.
	_, written, _ := strings.Cut(text, `@id("data-owners-read-with-a-purpose-downloadObject")`)
	if strings.Contains(written, "readObject") {
		t.Errorf("it permits more:\n%s", written)
	}
	if _, _, err := set.With(Default(), "fly"); err == nil {
		t.Error("an action that there is not is added")
	}

	// A set that forbids all for some says nothing of any; one that names it does.
	for body, speaks := range map[string]bool{
		`forbid (principal in Group::"x", action, resource);`:                             false,
		`forbid (principal in Group::"x", action == Action::"downloadObject", resource);`: true,
		`permit (principal in Group::"x", action, resource);`:                             true,
	} {
		s, err := Parse([]byte(old + "\n@id(\"more\") " + body + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := len(s.Unspoken(Default())) == 0; got != speaks {
			t.Errorf("%s speaks of it: %v", body, got)
		}
	}
}

package console

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"strongroom/alert"
)

// Every act that a record may tell of, as the room's format lists them, is said in both
// languages; and no word is there for one that does not exist.
func TestActsAreSaid(t *testing.T) {
	text, err := os.ReadFile("../../docs/formats/room.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "| kind | action | evidence besides decision and actor | marks |\n")
	if !ok {
		t.Fatal("docs/formats/room.md has no table of records any more")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	word := regexp.MustCompile("`([a-zA-Z-]+)`")
	named := map[string]bool{}
	en, fr := &page{Lang: english}, &page{Lang: french}
	for line := range strings.SplitSeq(table, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || strings.HasPrefix(cells[1], "---") {
			continue
		}
		acts, _, _ := strings.Cut(cells[2], ": ") // what follows explains
		if strings.TrimSpace(acts) == "" {
			acts = cells[1] // the act is the kind
		}
		for _, m := range word.FindAllStringSubmatch(acts, -1) {
			named[m[1]] = true
			e, f := en.Act(m[1]), fr.Act(m[1])
			if e == "" || f == "" || e == f || e == m[1] || f == m[1] {
				t.Errorf("the act %s is said as %q and %q", m[1], e, f)
			}
		}
	}
	if len(named) < 100 {
		t.Errorf("only %d acts were found", len(named))
	}
	for key := range actWords {
		did := strings.TrimPrefix(key, "act.")
		if !named[did] && !strings.Contains(string(text), "`"+did+"`") {
			t.Errorf("no record tells of %s", did)
		}
	}
	if got := fr.Act("what-a-workload-says"); got != "" {
		t.Errorf("an unknown act is said as %q", got)
	}
}

func TestConditionsAreNamed(t *testing.T) {
	all, err := alert.Conditions()
	if err != nil {
		t.Fatal(err)
	}
	en, fr := &page{Lang: english}, &page{Lang: french}
	for _, c := range all {
		if e, f := en.ConditionOf(c.ID), fr.ConditionOf(c.ID); e == c.ID || f == c.ID || e == f {
			t.Errorf("%s is named %q and %q", c.ID, e, f)
		}
	}
	if got := fr.ConditionOf("of-another-version"); got != "of-another-version" {
		t.Errorf("an unknown condition is named %q", got)
	}
}

package classify

import (
	"fmt"
	"strings"
	"testing"
)

// TestExamples holds every row against its own examples: what must be found, exactly, and
// what must not.
func TestExamples(t *testing.T) {
	for i, row := range Detectors() {
		for _, example := range row.Match {
			before, rest, _ := strings.Cut(example, "⟦")
			want, after, _ := strings.Cut(rest, "⟧")
			text := before + want + after
			found := false
			for _, m := range rawFinds(text) {
				if int(m.row) == i && m.start == len(before) && m.end == len(before)+len(want) {
					found = true
				}
			}
			if !found {
				t.Errorf("%s: %q is not found in %q; found: %s", row.ID, want, text, tell(text))
			}
		}
		for _, text := range row.Not {
			for _, m := range rawFinds(text) {
				if int(m.row) == i {
					t.Errorf("%s: %q is found in %q", row.ID, text[m.start:m.end], text)
				}
			}
		}
	}
}

func rawFinds(text string) []match {
	f := finder{engine: theEngine()}
	f.find([]byte(text), 0, len(text))
	return f.matches
}

func tell(text string) (out string) {
	for _, m := range rawFinds(text) {
		out += fmt.Sprintf("%s %q, ", theEngine().rows[m.row].ID, text[m.start:m.end])
	}
	return out
}

// TestSchema shows that a table with a mistake is refused, with the row and the mistake.
func TestSchema(t *testing.T) {
	row := func(change string) string {
		lines := map[string]string{
			"id": "a", "class": "x", "form": "digits", "validator": "card", "lengths": "[12, 19]", "alone": "low",
			"match": `["⟦4111111111111111⟧"]`, "not": `["1"]`,
		}
		name, value, _ := strings.Cut(change, ": ")
		if lines[name] = value; value == "" {
			delete(lines, name)
		}
		text := "detectors:\n  -"
		for _, n := range []string{"id", "class", "form", "validator", "lengths", "keywords", "before", "alone", "near", "match", "not", "colour"} {
			if lines[n] != "" {
				text += " " + n + ": " + lines[n] + "\n   "
			}
		}
		return strings.TrimRight(text, " ")
	}
	if _, err := parseTable([]byte(row("alone: medium"))); err != nil {
		t.Fatalf("a right row: %v", err)
	}
	for change, want := range map[string]string{
		"id: ":                     "needs an id and a class",
		"form: colour":             `no form "colour"`,
		"validator: luck":          `no validator "luck"`,
		"lengths: [19, 12]":        "lengths are",
		"lengths: [12, 99]":        "lengths are",
		"alone: ":                  "a row finds something",
		"near: high":               "keywords and near belong together",
		"keywords: [x]":            "keywords and near belong together",
		"keywords: [$nothing]":     `no keywords "$nothing"`,
		"alone: sure":              "low, medium or high",
		"match: ":                  "brings examples",
		"not: ":                    "brings examples",
		`match: ["4111111111111"]`: "between ⟦ and ⟧",
		"before: 1000":             "within 0 and 128",
		"colour: red":              "field colour not found",
	} {
		if _, err := parseTable([]byte(row(change))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("with %q the error is %v, want one with %q", change, err, want)
		}
	}
	if _, err := parseTable([]byte(row("alone: low") + strings.TrimPrefix(row("alone: low"), "detectors:\n"))); err == nil || !strings.Contains(err.Error(), "there twice") {
		t.Errorf("a row that is there twice: %v", err)
	}
}

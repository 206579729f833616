package limit

import (
	"slices"
	"strings"
	"testing"

	"strongroom"
)

const caseText = `[
  {
    "name": "a supervisor replays a queue of theirs, giving a purpose",
    "question": {
      "action": "readObject",
      "principal": {"name": "ines.martin", "kind": "person", "groups": ["supervisors"], "attributes": {"supervises": ["billing"]}},
      "resource": {"bucket": "recordings", "key": "7.wav", "created": "2026-03-09T12:00:00Z", "attributes": {"queue": "billing"}},
      "context": {"time": "2026-03-10T12:00:00Z", "method": "sigv4", "purpose": {"text": "complaint 12"}}
    },
    "expect": "permit",
    "policies": ["supervisors-replay-their-queues"],
    "missing": []
  },
  {
    "name": "and not without one",
    "question": {
      "action": "readObject",
      "principal": {"name": "ines.martin", "kind": "person", "groups": ["supervisors"], "attributes": {"supervises": ["billing"]}},
      "resource": {"bucket": "recordings", "key": "7.wav", "created": "2026-03-09T12:00:00Z", "attributes": {"queue": "billing"}},
      "context": {"time": "2026-03-10T12:00:00Z", "method": "sigv4"}
    },
    "expect": "deny",
    "missing": ["purpose"]
  }
]`

func TestRunCases(t *testing.T) {
	cases, err := ParseCases([]byte(caseText))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range RunCases(Default(), cases) {
		if r.Fault != "" {
			t.Errorf("%s: %s", r.Name, r.Fault)
		}
	}
	for name, tt := range map[string]struct {
		change func(*Case)
		want   string
	}{
		"verdict":    {func(c *Case) { c.Expect = "deny" }, "expected deny, got permit"},
		"policies":   {func(c *Case) { c.Policies = []string{"x"} }, `expected the policies ["x"]`},
		"no policy":  {func(c *Case) { c.Policies = []string{} }, "expected the policies []"},
		"missing":    {func(c *Case) { c.Missing = []strongroom.Obligation{"ticket"} }, `expected ["ticket"] missing`},
		"other case": {func(c *Case) { c.Question.Resource.Attributes = nil }, "expected permit, got deny: this needs an approval"},
	} {
		c := slices.Clone(cases[:1])
		tt.change(&c[0])
		if got := RunCases(Default(), c)[0].Fault; !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestParseCasesRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ old, new, want string }{
		"unknown field":         {`"expect": "permit"`, `"expects": "permit"`, "expects"},
		"unknown field inside":  {`"groups"`, `"group"`, "group"},
		"no name":               {`"name": "and not without one",`, ``, "case 2 has no name"},
		"a name twice":          {"and not without one", "a supervisor replays a queue of theirs, giving a purpose", "occurs twice"},
		"no expectation":        {`"expect": "deny",`, ``, "write permit or deny"},
		"an odd expectation":    {`"expect": "deny"`, `"expect": "refuse"`, "write permit or deny"},
		"no time":               {`"time": "2026-03-10T12:00:00Z", "method": "sigv4"}`, `"method": "sigv4"}`, "no question.context.time"},
		"an unknown obligation": {`["purpose"]`, `["porpose"]`, "porpose"},
		"something after":       {caseText, caseText + "x", "followed by something else"},
		"nothing":               {caseText, "", "reading the cases"},
		"no cases":              {caseText, "[]", "0 cases"},
		"not a list":            {caseText, "{}", "JSON array"},
		"too much":              {caseText, "[" + strings.Repeat(" ", MaxCasesText), "split the file"},
	} {
		text := strings.Replace(caseText, tt.old, tt.new, 1)
		if text == caseText {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := ParseCases([]byte(text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

func FuzzParseCases(f *testing.F) {
	f.Add(caseText)
	f.Add(`[{"name":"x","expect":"deny","question":{"context":{"time":"2026-03-10T12:00:00Z"}}}]`)
	f.Fuzz(func(t *testing.T, text string) {
		cases, err := ParseCases([]byte(text))
		if err != nil {
			return
		}
		for i, r := range RunCases(Default(), cases) {
			if r.Name != cases[i].Name || (r.Fault == "" && verdict(r.Decision) != cases[i].Expect) {
				t.Fatalf("case %d went unnoticed: %+v", i, r)
			}
			Default().Explain(cases[i].Question, r.Decision, "fr")
		}
	})
}

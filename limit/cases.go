package limit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"strongroom"
)

// What ParseCases accepts.
const (
	MaxCasesText = 4 << 20
	MaxCases     = 10_000
)

// Case is one expectation of a policy set: the answer that a question should
// get. Missing and Policies are compared only where the case has them; an empty
// list expects none.
type Case struct {
	Name     string                  `json:"name"`
	Question strongroom.Question     `json:"question"`
	Expect   string                  `json:"expect"` // permit or deny
	Missing  []strongroom.Obligation `json:"missing"`
	Policies []string                `json:"policies"`
}

// CaseResult is how a case went. Fault is "" when the answer was the one expected,
// and else says what differs.
type CaseResult struct {
	Name     string              `json:"name"`
	Decision strongroom.Decision `json:"decision"`
	Fault    string              `json:"fault,omitempty"`
}

// ParseCases reads a JSON array of cases. Unknown fields, and cases that could
// not fail, are errors.
func ParseCases(text []byte) ([]Case, error) {
	if len(text) > MaxCasesText {
		return nil, fmt.Errorf("the cases have %d bytes, more than the %d allowed; split the file", len(text), MaxCasesText)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var cases []Case
	if err := dec.Decode(&cases); err != nil {
		return nil, fmt.Errorf("reading the cases: %w; give a JSON array of {name, question, expect, missing, policies}", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("the cases are followed by something else; keep one JSON array in the file")
	}
	if len(cases) == 0 || len(cases) > MaxCases {
		return nil, fmt.Errorf("the file has %d cases; give 1 to %d", len(cases), MaxCases)
	}
	names := make(map[string]bool, len(cases))
	for i, c := range cases {
		if c.Name == "" {
			return nil, fmt.Errorf("case %d has no name; say what it shows", i+1)
		}
		if names[c.Name] {
			return nil, fmt.Errorf("case %q occurs twice; give each its own name", c.Name)
		}
		names[c.Name] = true
		if c.Expect != "permit" && c.Expect != "deny" {
			return nil, fmt.Errorf("case %q expects %q; write permit or deny", c.Name, c.Expect)
		}
		if c.Question.Context.Time.IsZero() {
			return nil, fmt.Errorf("case %q has no question.context.time; write one, so that it means the same on any day", c.Name)
		}
		for _, o := range c.Missing {
			if !isObligation(o) {
				return nil, fmt.Errorf("case %q has %q missing; write %s", c.Name, o, obligationNames)
			}
		}
	}
	return cases, nil
}

// RunCases decides each case by set, in order.
func RunCases(set *Set, cases []Case) []CaseResult {
	results := make([]CaseResult, len(cases))
	for i, c := range cases {
		d := set.Decide(c.Question)
		results[i] = CaseResult{Name: c.Name, Decision: d, Fault: c.fault(d)}
	}
	return results
}

func (c *Case) fault(d strongroom.Decision) string {
	if got := verdict(d); got != c.Expect {
		return fmt.Sprintf("expected %s, got %s: %s", c.Expect, got, d.Reason)
	}
	if c.Missing != nil {
		want := slices.SortedFunc(slices.Values(c.Missing), compareObligations)
		if !slices.Equal(want, d.Missing) {
			return fmt.Sprintf("expected %q missing, got %q", want, d.Missing)
		}
	}
	if c.Policies != nil {
		if want := slices.Sorted(slices.Values(c.Policies)); !slices.Equal(want, d.Policies) {
			return fmt.Sprintf("expected the policies %q to decide, got %q", want, d.Policies)
		}
	}
	return ""
}

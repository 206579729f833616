package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"strongroom/cloud/iam"
)

type cloudSimulate struct {
	File string `arg:"" help:"One request with its policies, or a list of them, as JSON; - for standard input." placeholder:"FILE.json"`
	JSON bool   `help:"Print JSON."`
	Lang string `help:"Language of the text: ${enum}." enum:"en,fr" default:"en"`
}

func (cloudSimulate) Help() string {
	return `The answers: Allowed, ImplicitlyDenied (nothing allows it), ExplicitlyDenied (a statement denies it), Unknown (it depends on what the file does not say), each with the statements that decided. A list gives one line of JSON each.
docs/formats/cloud-simulate.md describes the file. What it does not have is absent: no such policy, no such context key.

Exit codes: 0 allowed, 1 denied, 2 bad input, 3 unknown. Of a list: 2 if one is bad input, else 3 if one is unknown, else 1 if one is denied.

Example:
  strongroom cloud simulate request.json`
}

// The exit codes of questions about policies.
const (
	exitDenied  = 1
	exitBad     = 2
	exitUnknown = 3
)

// simulated is an answer as it is printed.
type simulated struct {
	Index    *int             `json:"index,omitempty"` // in a list
	Name     string           `json:"name,omitempty"`
	Result   iam.Decision     `json:"result"`
	Why      []string         `json:"why"`
	Because  []statementShown `json:"because"`
	Others   []statementShown `json:"others,omitempty"` // statements about the action that did not decide
	Residual []conditionShown `json:"residual,omitempty"`
	Missing  []iam.PolicyKind `json:"missing,omitempty"`
	Notes    []string         `json:"notes,omitempty"`
}

// statementShown is a statement and how it came out.
type statementShown struct {
	Kind       iam.PolicyKind   `json:"kind"`
	Level      *int             `json:"level,omitempty"`
	Policy     string           `json:"policy"`
	Statement  int              `json:"statement"` // from 0
	Sid        string           `json:"sid,omitempty"`
	Effect     string           `json:"effect"`
	Holds      string           `json:"holds"`
	Principal  string           `json:"principal,omitempty"` // where the policy names principals
	Resource   string           `json:"resource"`
	Conditions []conditionShown `json:"conditions,omitempty"`
}

type conditionShown struct {
	Operator string   `json:"operator"`
	Key      string   `json:"key"`
	Values   []string `json:"values"`
	Met      string   `json:"met"`
}

// badSimulation is an entry of a list that could not be read.
type badSimulation struct {
	Index int    `json:"index"`
	Error string `json:"error"`
}

func showStatement(b iam.Because) statementShown {
	s := statementShown{Kind: b.Kind, Policy: b.Statement.Policy.Name, Statement: b.Statement.Index, Sid: b.Statement.Sid, Effect: "Deny", Holds: b.Holds.String(), Resource: b.Resource.String()}
	if b.Statement.Allow {
		s.Effect = "Allow"
	}
	if b.Statement.Principals != nil {
		s.Principal = b.Principal.String()
	}
	if b.Kind == iam.ServiceControl || b.Kind == iam.ResourceControl {
		s.Level = &b.Level
	}
	for _, o := range b.Conditions {
		s.Conditions = append(s.Conditions, conditionShown{o.Condition.Operator, o.Condition.Key, o.Condition.Values, o.Met.String()})
	}
	return s
}

func showAnswer(a iam.Answer) simulated {
	s := simulated{Result: a.Decision, Why: a.Why, Because: []statementShown{}, Missing: a.Missing, Notes: a.Notes}
	if s.Why == nil {
		s.Why = []string{}
	}
	for _, b := range a.Because {
		s.Because = append(s.Because, showStatement(b))
	}
	for _, b := range a.Others() {
		s.Others = append(s.Others, showStatement(b))
	}
	for _, c := range a.Residual {
		s.Residual = append(s.Residual, conditionShown{c.Operator, c.Key, c.Values, iam.Maybe.String()})
	}
	return s
}

// exitOf is the code of an answer.
func exitOf(d iam.Decision) int {
	switch d {
	case iam.Allowed:
		return 0
	case iam.Unknown:
		return exitUnknown
	}
	return exitDenied
}

func (c cloudSimulate) Run(ctx context.Context, out output) error {
	data, err := readInput(c.File, iam.MaxSimulations)
	if err != nil {
		fmt.Fprintf(out.errors, "strongroom: reading the simulation: %v\n", err)
		return exitError(exitBad)
	}
	list, err := iam.SplitSimulations(data)
	if err != nil {
		fmt.Fprintf(out.errors, "strongroom: %s: %v\n", c.File, err)
		return exitError(exitBad)
	}
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	worst := 0
	rank := map[int]int{0: 0, exitDenied: 1, exitUnknown: 2, exitBad: 3}
	single := len(list) == 1 && !isList(data)
	for i, raw := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := iam.ParseSimulation(raw)
		if err != nil {
			if rank[exitBad] > rank[worst] {
				worst = exitBad
			}
			if single {
				fmt.Fprintf(out.errors, "strongroom: %s: %v\nhint: docs/formats/cloud-simulate.md describes the file\n", c.File, err)
			} else if err := lines.Encode(badSimulation{i, err.Error()}); err != nil {
				return err
			}
			continue
		}
		answer := s.Evaluate()
		if code := exitOf(answer.Decision); rank[code] > rank[worst] {
			worst = code
		}
		shown := showAnswer(answer)
		shown.Name = s.Name
		switch {
		case !single:
			shown.Index = &i
			err = lines.Encode(shown)
		case c.JSON:
			err = out.json(shown)
		default:
			printVerdict(out, answering(c.Lang), answer.Decision, answer)
		}
		if err != nil {
			return err
		}
	}
	if worst != 0 {
		return exitError(worst)
	}
	return nil
}

func isList(data []byte) bool {
	for _, b := range data {
		switch b {
		case ' ', '\t', '\r', '\n':
			continue
		}
		return b == '['
	}
	return false
}

// printVerdict prints an answer for people: a decision, and why.
func printVerdict(out output, l answering, decision iam.Decision, a iam.Answer) {
	out.printf("%s\n", l.T(decision.String()))
	printReasons(out, l, a)
}

func printReasons(out output, l answering, a iam.Answer) {
	for _, w := range a.Why {
		out.printf("  %s\n", l.sentence(w))
	}
	colon := l.colon()
	print := func(b iam.Because) {
		s := showStatement(b)
		held := map[iam.Truth]string{iam.Yes: "holds", iam.No: "does not hold", iam.Maybe: "may hold"}[b.Holds]
		out.printf("  %s%s%s: %s%s%s\n", l.T(string(b.Kind)), colon, l.statement(b.Statement), s.Effect, colon, l.T(held))
		switch {
		case b.Principal == iam.No:
			out.printf("    %s\n", l.T("the principal is not named"))
		case b.Resource == iam.No:
			out.printf("    %s\n", l.T("it is not about the resource"))
		default:
			for _, o := range b.Conditions {
				met := map[iam.Truth]string{iam.Yes: "met", iam.No: "not met", iam.Maybe: "not known"}[o.Met]
				out.printf("    %s%s%s\n", o.Condition, colon, l.T(met))
			}
		}
	}
	for _, b := range a.Because {
		print(b)
	}
	if others := a.Others(); len(others) > 0 {
		out.printf("  %s%s\n", l.T("also about the action"), strings.TrimRight(colon, " "))
		for _, b := range others {
			print(b)
		}
	}
	for _, n := range a.Notes {
		out.printf("  %s%s%s\n", l.T("note"), colon, l.sentence(n))
	}
}

// readInput reads a file, or standard input, up to a limit.
func readInput(name string, limit int64) ([]byte, error) {
	in := io.Reader(os.Stdin)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, errors.New("it is larger than " + fmt.Sprint(limit>>20) + " MiB")
	}
	return data, nil
}

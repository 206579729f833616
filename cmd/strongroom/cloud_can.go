package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
	"strongroom/cloud/ways"
)

type cloudCan struct {
	Principal string   `required:"" help:"Who: a user or a role of the account by its name, or an ARN of a user, a role, a session, a root user; a service such as ec2.amazonaws.com; anonymous." placeholder:"ARN"`
	Action    string   `required:"" help:"What: service:Name." placeholder:"ACTION"`
	Resource  string   `required:"" help:"On what: an ARN, or * where the action takes no resource." placeholder:"ARN"`
	Context   []string `sep:"none" help:"A condition key and its value, KEY=VALUE; several for several, the same again for several values. Other keys are unknown." placeholder:"KEY=VALUE"`
	cloudAccount
	JSON bool   `help:"Print JSON."`
	Lang string `help:"Language of the text: ${enum}." enum:"en,fr" default:"en"`
}

func (cloudCan) Help() string {
	return `The answers: Allowed, ImplicitlyDenied (nothing allows it), ExplicitlyDenied (a statement denies it), Unknown (it depends on conditions, or on inputs that were not supplied: both are listed).
The request is taken to come through no VPC endpoint, and a session to have neither a policy nor tags of its own.
Reading or writing an object that a customer's key encrypts takes the key as well: where the exports tell of one, both are asked, and the answer is that of whichever permits less.

Exit codes: 0 allowed, 1 denied, 2 bad input, 3 unknown.

Example:
  strongroom cloud can --principal arn:aws:iam::111122223333:user/alice --action s3:GetObject --resource arn:aws:s3:::calls/a.wav --context aws:SecureTransport=true --account exports/`
}

// canAnswer is an answer with what the exports lack.
type canAnswer struct {
	simulated
	Key    *keyShown      `json:"key,omitempty"`    // that encrypts the object
	Inputs []missingInput `json:"inputs,omitempty"` // that could change an Unknown
	Faults []string       `json:"faults,omitempty"` // in the files
}

// keyShown is what the key must permit beside. The result of all is the lesser of both.
type keyShown struct {
	Action   string `json:"action"`
	Resource string `json:"resource"`
	simulated
}

type missingInput struct {
	Input   string `json:"input"`
	Of      string `json:"of,omitempty"`
	Why     string `json:"why"`
	Command string `json:"command,omitempty"`
}

func (c cloudCan) Run(ctx context.Context, out output) error {
	bad := func(err error) error {
		fmt.Fprintln(out.errors, "strongroom:", err)
		return exitError(exitBad)
	}
	if service, name, found := strings.Cut(c.Action, ":"); !found || service == "" || name == "" || strings.ContainsAny(c.Action, "*?") {
		return bad(fmt.Errorf("--action: %q is not an action: service:Name, without wildcards", c.Action))
	}
	if _, ok := iam.ParseARN(c.Resource); !ok && c.Resource != "*" {
		return bad(fmt.Errorf("--resource: %q is neither an ARN nor *", c.Resource))
	}
	keys := map[string][]string{}
	for _, pair := range c.Context {
		key, value, found := strings.Cut(pair, "=")
		if !found || key == "" {
			return bad(fmt.Errorf("--context: %q is not KEY=VALUE", pair))
		}
		keys[strings.ToLower(key)] = append(keys[strings.ToLower(key)], value)
	}
	a, err := c.load()
	if err != nil {
		return bad(err)
	}
	switch named := principalsNamed(a, c.Principal); {
	case len(named) == 0 || c.Principal == "anonymous":
	case len(named) == 1:
		c.Principal = named[0]
	default:
		return bad(fmt.Errorf("--principal: %q is more than one: %s; give the ARN", c.Principal, strings.Join(named, ", ")))
	}
	var known iam.Context
	for k, values := range keys {
		known.Set(k, values...)
	}
	answer, err := a.Evaluate(c.Principal, c.Action, c.Resource, known)
	if err != nil {
		return bad(fmt.Errorf("--principal: %w", err))
	}
	use, err := a.KeyUse(c.Principal, c.Action, c.Resource, known)
	if err != nil {
		return bad(err)
	}
	shown := canAnswer{simulated: showAnswer(answer)}
	decision := answer.Decision
	if decision == iam.Unknown {
		shown.Inputs = lacking(a, answer.Missing, c.Resource)
	}
	if use != nil {
		decision = lesser(decision, use.Answer.Decision)
		shown.Result = decision
		shown.Key = &keyShown{use.Action, use.Key, showAnswer(use.Answer)}
		if use.Answer.Decision == iam.Unknown {
			shown.Inputs = append(shown.Inputs, lacking(a, use.Answer.Missing, use.Key)...)
		}
	}
	for _, f := range a.Faults {
		shown.Faults = append(shown.Faults, fmt.Sprintf("%s: %s: %s", f.File, f.Path, f.What))
	}
	if c.JSON {
		if err := out.json(shown); err != nil {
			return err
		}
	} else {
		c.print(out, decision, answer, use, shown)
	}
	if code := exitOf(decision); code != 0 {
		return exitError(code)
	}
	return nil
}

// print prints the answer for people.
func (c cloudCan) print(out output, decision iam.Decision, answer iam.Answer, use *account.KeyUse, shown canAnswer) {
	l := answering(c.Lang)
	colon := l.colon()
	printVerdict(out, l, decision, answer)
	if use != nil {
		out.printf("%s%s%s\n", l.T("the key that encrypts it must permit %s on %s", use.Action, use.Key), colon, l.T(use.Answer.Decision.String()))
		printReasons(out, l, use.Answer)
	}
	for _, m := range shown.Inputs {
		of := ""
		if m.Of != "" {
			of = " " + l.T("of") + " " + m.Of
		}
		out.printf("  %s%s%s%s%s%s", l.T("lacking"), colon, m.Input, of, colon, ways.Means(m.Input, m.Why, c.Lang))
		if m.Command != "" {
			out.printf("%s%s", strings.ReplaceAll(colon, ":", ";"), m.Command)
		}
		out.printf("\n")
	}
	if n := len(shown.Faults); n > 0 {
		text := l.T("1 fault in the files: %s", shown.Faults[0])
		if n > 1 {
			text = l.T("%d faults in the files, the first: %s", n, shown.Faults[0])
		}
		out.printf("  %s%s%s\n", l.T("note"), colon, text)
	}
}

// lesser is the decision that permits less.
func lesser(a, b iam.Decision) iam.Decision {
	for _, d := range []iam.Decision{iam.ExplicitlyDenied, iam.ImplicitlyDenied, iam.Unknown} {
		if a == d || b == d {
			return d
		}
	}
	return iam.Allowed
}

// holding says which kinds of policy an input holds.
var holding = map[string][]iam.PolicyKind{
	"authorization-details":       {iam.IdentityPolicy, iam.BoundaryPolicy, iam.ResourcePolicy},
	"organization":                {iam.ServiceControl, iam.ResourceControl},
	"organization-parents":        {iam.ServiceControl, iam.ResourceControl},
	"organization-policy":         {iam.ServiceControl, iam.ResourceControl},
	"organization-scps":           {iam.ServiceControl},
	"organization-rcps":           {iam.ResourceControl},
	"buckets":                     {iam.ResourcePolicy},
	"bucket-policy":               {iam.ResourcePolicy},
	"bucket-acl":                  {iam.ResourcePolicy},
	"bucket-ownership":            {iam.ResourcePolicy},
	"bucket-public-access-block":  {iam.ResourcePolicy},
	"account-public-access-block": {iam.ResourcePolicy},
	"access-point-policy":         {iam.ResourcePolicy},
	"keys":                        {iam.ResourcePolicy},
	"key-policy":                  {iam.ResourcePolicy},
	"key-grants":                  {iam.ResourcePolicy},
	"function-policy":             {iam.ResourcePolicy},
}

// inputsOf says which resources an input can be about, by the beginning of its name.
var inputsOf = map[string]string{"bucket": "s3", "account-public": "s3", "access-point": "s3", "key": "kms", "function": "lambda"}

// lacking are the inputs that hold the kinds of policy that an answer lacks.
func lacking(a *account.Account, kinds []iam.PolicyKind, resource string) []missingInput {
	var out []missingInput
	arn, _ := iam.ParseARN(resource)
	for _, m := range a.Missing {
		other := m.Of != "" && !strings.HasPrefix(m.Input, "organization") && !strings.Contains(resource, m.Of)
		for prefix, service := range inputsOf {
			other = other || strings.HasPrefix(m.Input, prefix) && arn.Service != service
		}
		if !other && slices.ContainsFunc(holding[m.Input], func(k iam.PolicyKind) bool { return slices.Contains(kinds, k) }) {
			out = append(out, missingInput{m.Input, m.Of, m.Why, m.Command})
		}
	}
	return out
}

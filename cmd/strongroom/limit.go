package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/limit"
	"strongroom/vault"
)

type limitCommand struct {
	Check   limitCheck   `cmd:"" help:"Would policy permit it? Ends with status 1 if not."`
	Explain limitExplain `cmd:"" help:"Say in a sentence which policy decides, and why."`
	Policy  policyCmd    `cmd:"" help:"List, show, put and test policy sets."`
	Unused  limitUnused  `cmd:"" help:"What is granted against what was used, by person, group, content and policy."`
	Propose limitPropose `cmd:"" help:"Propose, as changes of the policies, to remove what nobody used."`
	Replay  limitReplay  `cmd:"" help:"What other policies would have refused and newly permitted, by what is on record."`

	askingCommands
}

// questionFlags make a question of names.
type questionFlags struct {
	roomFlags
	Principal string   `required:"" help:"Name of the principal."`
	Action    string   `default:"readObject" enum:"readObject, downloadObject, readMetadata, listObjects, storeObject, deleteObject, markScrubbed, createBucket, deleteBucket, listBuckets, readLedger, managePeople, managePolicy, readPolicy, tagObject, holdObject, retainObject, bypassRetention, configureBucket, readBucket, takeInventory, relabel, loosenLabel, readUsage, approveRequest, breakGlass, reviewAccess, readAlerts, manageAlerts" help:"What they would do: ${enum}."`
	Bucket    string   `help:"Bucket."`
	Key       string   `help:"Key of the object; one that is stored brings its attributes."`
	Attribute []string `sep:"none" help:"Attribute of an object that is not stored, such as queue=billing. May be repeated." placeholder:"NAME=VALUE"`
	Purpose   string   `help:"Purpose they would give."`
	Ticket    string   `help:"Ticket they would give."`
	JSON      bool     `help:"Print JSON."`
}

// ask answers the question by the policy in force, on record.
func (f questionFlags) ask(ctx context.Context, h *house.House) (strongroom.Question, strongroom.Decision, *limit.Set, error) {
	fail := func(err error) (strongroom.Question, strongroom.Decision, *limit.Set, error) {
		return strongroom.Question{}, strongroom.Decision{}, nil, err
	}
	if err := h.Room.NoteOperator(ctx, vault.KindPolicy, "policy-ask", operator(fmt.Sprintf("would %s be permitted to %s %s/%s", f.Principal, f.Action, f.Bucket, f.Key))); err != nil {
		return fail(err)
	}
	p, known := h.Room.PrincipalByName(f.Principal)
	if !known {
		return fail(&strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no principal %q", f.Principal), Hint: "see `strongroom people ls`"})
	}
	resource, err := h.Room.ResourceOf(ctx, f.Bucket, f.Key)
	stored := err == nil && f.Key != ""
	if kind := strongroom.KindOf(err); err != nil && kind != strongroom.KindNoBucket && kind != strongroom.KindNoObject {
		return fail(err)
	}
	if len(f.Attribute) > 0 {
		if stored {
			return fail(&strongroom.Error{Kind: strongroom.KindInvalid, Message: "the object is stored and brings its own attributes", Hint: "leave --attribute out, or ask about a key that is not stored"})
		}
		resource.Attributes = map[string]string{}
		for _, a := range f.Attribute {
			name, value, ok := strings.Cut(a, "=")
			if !ok {
				return fail(&strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("--attribute %q is not NAME=VALUE", a)})
			}
			resource.Attributes[name] = value
		}
	}
	if !stored && f.Key != "" {
		resource.Created, resource.Custody = time.Now().UTC(), vault.StandardCustody
	}
	q := strongroom.Question{
		Action: strongroom.Action(f.Action), Principal: p, Resource: resource,
		Context: strongroom.Context{Time: time.Now().UTC(), Method: "sigv4", Secure: true, Purpose: strongroom.Purpose{Text: f.Purpose, Ticket: f.Ticket}},
	}
	set, err := currentSet(ctx, h)
	if err != nil {
		return fail(err)
	}
	return q, set.Decide(q), set, nil
}

func currentSet(ctx context.Context, h *house.House) (*limit.Set, error) {
	hash, err := h.Room.PolicyInForce()
	if err != nil {
		return nil, err
	}
	text, err := h.Room.PolicySet(ctx, hash)
	if err != nil {
		return nil, err
	}
	return limit.Parse(text)
}

type limitCheck struct{ questionFlags }

func (limitCheck) Help() string {
	return `Examples:
  strongroom limit check --principal ines.martin --bucket billing --key 2026/call.wav
  strongroom limit check --principal ines.martin --bucket billing --key x --attribute queue=billing --purpose complaint`
}

func (c limitCheck) Run(ctx context.Context, out output) error {
	return c.with(ctx, func(h *house.House) error {
		_, d, _, err := c.ask(ctx, h)
		if err != nil {
			return err
		}
		if c.JSON {
			err = out.json(d)
		} else if d.Permit {
			out.printf("permit, by %s\n", strings.Join(d.Policies, ", "))
		} else {
			out.printf("deny: %s\n", d.Reason)
		}
		if err == nil && !d.Permit {
			err = exitError(1)
		}
		return err
	})
}

type limitExplain struct {
	questionFlags
	Lang string `default:"en" enum:"en,fr" help:"Language of the sentence: en or fr."`
}

func (c limitExplain) Run(ctx context.Context, out output) error {
	return c.with(ctx, func(h *house.House) error {
		q, d, set, err := c.ask(ctx, h)
		if err != nil {
			return err
		}
		sentence := set.Explain(q, d, c.Lang)
		if c.JSON {
			// What was asked, and not what the room knows of the person and the object.
			return out.json(map[string]any{
				"principal": c.Principal, "action": c.Action, "bucket": c.Bucket, "key": c.Key, "decision": d, "explanation": sentence,
			})
		}
		out.printf("%s\n", sentence)
		return nil
	})
}

type policyCmd struct {
	Ls   policyLs   `cmd:"" help:"List the policies in force."`
	Show policyShow `cmd:"" help:"Print the policy set in force."`
	Put  policyPut  `cmd:"" help:"Put a policy set in force."`
	Add  policyAdd  `cmd:"" help:"Add the policies by which a new room permits an action."`
	Test policyTest `cmd:"" help:"Run cases against a policy set; needs no room with --set."`
}

type policyLs struct {
	roomFlags
	JSON bool `help:"Print JSON."`
}

func (c policyLs) Run(ctx context.Context, out output) error {
	return c.with(ctx, func(h *house.House) error {
		if err := h.Room.NoteOperator(ctx, vault.KindPolicy, "policy-read", operator("listed the policies")); err != nil {
			return err
		}
		set, err := currentSet(ctx, h)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(map[string]any{"policy_set": set.Hash(), "policies": set.Policies()})
		}
		out.printf("policy set %s\n", set.Hash())
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "POLICY\tEFFECT\tASKS FOR")
		for _, p := range set.Policies() {
			fmt.Fprintf(w, "%s\t%s\t%s\n", p.ID, p.Effect, strings.Join(p.Requires, ", "))
		}
		return w.Flush()
	})
}

type policyShow struct{ roomFlags }

func (c policyShow) Run(ctx context.Context, out output) error {
	return c.with(ctx, func(h *house.House) error {
		if err := h.Room.NoteOperator(ctx, vault.KindPolicy, "policy-read", operator("read the policies")); err != nil {
			return err
		}
		set, err := currentSet(ctx, h)
		if err != nil {
			return err
		}
		_, err = out.Write(set.Text())
		return err
	})
}

type policyPut struct {
	roomFlags
	File    string `arg:"" help:"Cedar policies."`
	Purpose string `help:"Why, for the record."`
}

func (policyPut) Help() string {
	return `Done in the name of the access key in the environment. A set that is not valid, or under which you could not change
policies any more, is refused and the one in force stays.

Example:
  strongroom limit policy show > policies.cedar
  strongroom limit policy test cases.json --set policies.cedar
  strongroom limit policy put policies.cedar`
}

func (c policyPut) Run(ctx context.Context, out output) error {
	text, err := readFile(c.File, limit.MaxText)
	if err != nil {
		return err
	}
	return c.with(ctx, func(h *house.House) error {
		who, err := caller(h, strongroom.Purpose{Text: c.Purpose})
		if err != nil {
			return err
		}
		hash, err := h.Room.PutPolicy(ctx, who, text)
		if err != nil {
			return err
		}
		out.printf("policy set %s is in force\n", hash)
		return nil
	})
}

type policyAdd struct {
	roomFlags
	Action  string `arg:"" help:"Action, as strongroom doctor names it."`
	Purpose string `help:"Why, for the record."`
}

func (policyAdd) Help() string {
	return `For a room that was made before the action was known: nobody may do it there until a policy says so. Adds, beside the
policies in force, those by which a new room permits the action, each for that action alone. Done in the name of the access
key in the environment.

Example:
  strongroom limit policy add downloadObject`
}

func (c policyAdd) Run(ctx context.Context, out output) error {
	return c.with(ctx, func(h *house.House) error {
		who, err := caller(h, strongroom.Purpose{Text: c.Purpose})
		if err != nil {
			return err
		}
		text, hash, err := h.Room.ReadPolicy(ctx, who)
		if err != nil {
			return err
		}
		base, err := limit.Parse(text)
		if err != nil {
			return err
		}
		more, added, err := base.With(limit.Default(), strongroom.Action(c.Action))
		if err != nil {
			return &strongroom.Error{Kind: strongroom.KindInvalid, Message: err.Error(), Hint: "`strongroom doctor` names the actions that no policy speaks of"}
		}
		if hash, err = h.Room.PutPolicyOver(ctx, who, []byte(more), hash); err != nil {
			return err
		}
		for _, id := range added {
			out.printf("added %s\n", id)
		}
		out.printf("policy set %s is in force\n", hash)
		return nil
	})
}

// unspoken are the actions that policies of a new room permit, and no policy here speaks of.
func unspoken(ctx context.Context, h *house.House) ([]limit.Unspoken, error) {
	set, err := currentSet(ctx, h)
	if err != nil {
		return nil, err
	}
	return set.Unspoken(limit.Default()), nil
}

type policyTest struct {
	roomFlags
	File string `arg:"" help:"Cases, JSON."`
	Set  string `help:"Policy set to test; the one in force in the room where left out." placeholder:"FILE"`
	JSON bool   `help:"Print JSON."`
}

func (policyTest) Help() string {
	return `A case: {"name": "…", "question": {…}, "expect": "permit" or "deny", "missing": ["purpose"], "policies": ["…"]}.
docs/policies.md has examples. Ends with status 1 if a case comes out otherwise.`
}

func (c policyTest) Run(ctx context.Context, out output) error {
	text, err := readFile(c.File, limit.MaxCasesText)
	if err != nil {
		return err
	}
	cases, err := limit.ParseCases(text)
	if err != nil {
		return fmt.Errorf("reading %s: %w", c.File, err)
	}
	run := func(set *limit.Set) error {
		results := limit.RunCases(set, cases)
		failed := 0
		for _, r := range results {
			if r.Fault != "" {
				failed++
			}
		}
		if c.JSON {
			if err := out.json(results); err != nil {
				return err
			}
		} else {
			for _, r := range results {
				if r.Fault == "" {
					out.printf("ok    %s\n", r.Name)
				} else {
					out.printf("FAIL  %s: %s\n", r.Name, r.Fault)
				}
			}
			out.printf("%d of %s as expected\n", len(results)-failed, count(len(results), "case"))
		}
		if failed > 0 {
			return exitError(1)
		}
		return nil
	}
	if c.Set != "" {
		text, err := readFile(c.Set, limit.MaxText)
		if err != nil {
			return err
		}
		set, err := limit.Parse(text)
		if err != nil {
			return fmt.Errorf("reading %s: %w", c.Set, err)
		}
		return run(set)
	}
	return c.with(ctx, func(h *house.House) error {
		if err := h.Room.NoteOperator(ctx, vault.KindPolicy, "policy-read", operator("tested the policies")); err != nil {
			return err
		}
		set, err := currentSet(ctx, h)
		if err != nil {
			return err
		}
		return run(set)
	})
}

// readFile reads a file of at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := readBounded(f, limit)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return text, nil
}

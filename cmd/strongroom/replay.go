package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/limit"
	"strongroom/vault"
)

// windowFlags say how far back to look.
type windowFlags struct {
	roomFlags
	Since   string `default:"90d" help:"How far back to look: days (90d), hours (12h), or a date (2026-08-01)."`
	Purpose string `help:"Why, for the record."`
	JSON    bool   `help:"Print JSON."`
}

// window reads --since, before now.
func (f windowFlags) window(now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(f.Since, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days, "%d", &n); err == nil && n > 0 && n <= 36500 && fmt.Sprint(n) == days {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(f.Since); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.DateOnly, f.Since); err == nil && t.Before(now) {
		return t, nil
	}
	return time.Time{}, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("--since %q is no time before now", f.Since), Hint: "write 90d, 12h or a date such as 2026-08-01"}
}

// events tells take of everything in the window, on record, in the name of the access key
// that is set.
func (f windowFlags) events(ctx context.Context, h *house.House, who vault.Caller, out output, take func(*strongroom.Event)) error {
	since, err := f.window(time.Now())
	if err != nil {
		return err
	}
	from, err := house.FirstSince(ctx, h.Book, since)
	if err != nil {
		return err
	}
	to := h.Book.Head().Size
	if _, err := h.Room.ReadLedger(ctx, who, from, to); err != nil {
		return err
	}
	progress := newProgress(out.errors, "records read", to-from)
	var mu sync.Mutex
	err = house.Scan(ctx, h.Book, from, to, take, func(n int) {
		mu.Lock()
		defer mu.Unlock()
		progress.add(int64(n))
	})
	progress.done()
	return err
}

type limitReplay struct {
	windowFlags
	File string `arg:"" help:"Cedar policies to try: what limit policy put would be given."`
	Most int    `default:"20" help:"How many lines to print; all with 0."`
}

func (limitReplay) Help() string {
	return `Decides every question on record again under the policies of FILE, and says whom that would have refused or newly permitted, on
which object and how often. Nothing is changed. Done in the name of the access key in the environment, who must be
permitted to read the ledger. Ends with status 1 if anything comes out differently.

Examples:
  strongroom limit replay policies.cedar
  strongroom limit replay policies.cedar --since 30d --json`
}

func (c limitReplay) Run(ctx context.Context, out output) error {
	text, err := readFile(c.File, limit.MaxText)
	if err != nil {
		return err
	}
	if _, err := limit.Parse(text); err != nil {
		return fmt.Errorf("reading %s: %w", c.File, err)
	}
	return c.with(ctx, func(h *house.House) error {
		who, err := caller(h, strongroom.Purpose{Text: c.Purpose})
		if err != nil {
			return err
		}
		current, err := currentSet(ctx, h)
		if err != nil {
			return err
		}
		whole, err := h.Room.PolicyIf(ctx, text)
		if err != nil {
			return err
		}
		next, err := limit.Parse(whole)
		if err != nil {
			return fmt.Errorf("reading %s beside the policies that buckets have: %w", c.File, err)
		}
		replay := limit.NewReplay(next, current)
		if err := c.events(ctx, h, who, out, replay.Take); err != nil {
			return err
		}
		report := replay.Report()
		if c.JSON {
			if err := out.json(report); err != nil {
				return err
			}
		} else {
			printReplay(out, report, c.Most)
		}
		if report.Refused+report.Asked+report.Permitted > 0 {
			return exitError(1)
		}
		return nil
	})
}

func printReplay(out output, r limit.ReplayReport, most int) {
	if r.Decisions == 0 {
		out.printf("no decision is on record in that time\n")
		return
	}
	out.printf("%s made again, from %s to %s:\n", count(r.Decisions, "decision"), r.From.Format(time.DateTime), r.To.Format(time.DateTime))
	out.printf("  %d the same\n  %d would have been refused\n  %d would have been asked for more\n  %d refusals would have been permitted\n", r.Same, r.Refused, r.Asked, r.Permitted)
	if r.Already > 0 {
		out.printf("  %d differ from what was decided then, but the policies in force differ there already\n", r.Already)
	}
	if r.Erased > 0 {
		out.printf("  %d cannot be made again, since their personal part is erased\n", r.Erased)
	}
	if r.Counted > 0 {
		out.printf("  %s beyond the recorded rate were only counted, and are not among these\n", count(r.Counted, "refusal"))
	}
	for _, e := range r.Errors {
		out.printf("  does not evaluate: %s\n", e)
	}
	if len(r.Changes) == 0 {
		return
	}
	out.printf("\n")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WOULD BE\tTIMES\tWHO\tACTION\tWHAT\tLAST\tBY")
	shown := r.Changes
	if most > 0 && len(shown) > most {
		shown = shown[:most]
	}
	for _, change := range shown {
		by := strings.Join(change.Policies, ", ")
		if len(change.Missing) > 0 {
			by = "needs " + joinObligations(change.Missing)
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", change.What, change.Count, change.Principal, change.Action,
			strings.TrimSuffix(change.Bucket+"/"+change.Key, "/"), change.Last.Format(time.DateTime), by)
	}
	w.Flush()
	if rest := len(r.Changes) - len(shown); rest > 0 || r.Beyond > 0 {
		out.printf("and %s more (--most 0, or --json, shows all)\n", count(rest, "line"))
	}
}

func joinObligations(list []strongroom.Obligation) string {
	var words []string
	for _, o := range list {
		words = append(words, string(o))
	}
	return strings.Join(words, ", ")
}

// usage gathers what was used in the window, and what there is to use.
func (f windowFlags) usage(ctx context.Context, out output, do func(*house.House, *limit.Usage, limit.UsageReport) error) error {
	return f.with(ctx, func(h *house.House) error {
		who, err := caller(h, strongroom.Purpose{Text: f.Purpose})
		if err != nil {
			return err
		}
		set, err := currentSet(ctx, h)
		if err != nil {
			return err
		}
		people, err := h.Room.Principals(ctx, who)
		if err != nil {
			return err
		}
		usage := limit.NewUsage()
		if err := usage.SeeStored(ctx, h.Room, who); err != nil {
			return err
		}
		if err := f.events(ctx, h, who, out, usage.Take); err != nil {
			return err
		}
		sets := map[string]*limit.Set{set.Hash(): set}
		report := usage.Unused(set, people, time.Now().UTC(), func(hash string) (*limit.Set, error) {
			if sets[hash] == nil {
				text, err := h.Room.PolicySet(ctx, hash)
				if err != nil {
					return nil, err
				}
				if sets[hash], err = limit.Parse(text); err != nil {
					return nil, err
				}
			}
			return sets[hash], nil
		})
		return do(h, usage, report)
	})
}

type limitUnused struct {
	windowFlags
	Person string `help:"Show the rights of this person, one by one." placeholder:"NAME"`
}

func (limitUnused) Help() string {
	return `Holds what the policies in force grant against what the ledger shows was used: by person, group, sort of content and policy. Done in
the name of the access key in the environment, who must be permitted to read the ledger, manage people and take inventory.

Examples:
  strongroom limit unused
  strongroom limit unused --since 30d --person ines.martin`
}

func (c limitUnused) Run(ctx context.Context, out output) error {
	return c.usage(ctx, out, func(_ *house.House, _ *limit.Usage, r limit.UsageReport) error {
		if c.JSON {
			return out.json(r)
		}
		out.printf("%s from %s to %s, under policy set %.12s…\n\n", count(r.Permits, "use"), r.From.Format(time.DateTime), r.To.Format(time.DateTime), r.PolicySet)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		defer w.Flush()
		if c.Person != "" {
			return c.person(w, r)
		}
		fmt.Fprintln(w, "PERSON\tRIGHTS\tUSED\tUNUSED\tLAST\tGROUPS")
		for _, p := range r.People {
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\n", p.Principal, p.Granted, p.Used, p.Granted-p.Used, when(p.Last), strings.Join(p.Groups, ", "))
		}
		fmt.Fprintln(w, "\nGROUP\tMEMBERS\tACTIVE\tIDLE")
		for _, g := range r.Groups {
			fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", g.Group, g.Members, g.Active, strings.Join(g.Idle, ", "))
		}
		fmt.Fprintln(w, "\nCONTENT\tMAY OPEN\tDID\tLAST")
		for _, class := range r.Classes {
			fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", class.Shape, class.Granted, class.Used, when(class.Last))
		}
		fmt.Fprintln(w, "\nPOLICY\tEFFECT\tPERMITTED\tPEOPLE\tLAST\tIN FORCE AS IT STANDS SINCE")
		for _, p := range r.Policies {
			since := "before the window"
			if !p.Since.IsZero() {
				since = p.Since.Format(time.DateTime)
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\n", p.ID, p.Effect, p.Decided, p.People, when(p.Last), since)
		}
		fmt.Fprintln(w)
		if r.Erased > 0 {
			fmt.Fprintf(w, "%s by somebody whose record is erased: not known whose right they used\n", count(r.Erased, "use"))
		}
		for _, u := range r.Unjudged {
			fmt.Fprintf(w, "not judged: %s\n", u)
		}
		return nil
	})
}

func (c limitUnused) person(w *tabwriter.Writer, r limit.UsageReport) error {
	for _, p := range r.People {
		if p.Principal != c.Person {
			continue
		}
		fmt.Fprintln(w, "ACTION\tWHAT\tUSED\tLAST\tBY")
		for _, right := range p.Rights {
			what := right.Shape.String()
			if right.Own {
				what += ", their own"
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", right.Action, what, right.Used, when(right.Last), strings.Join(right.Policies, ", "))
		}
		return nil
	}
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no active principal %q", c.Person), Hint: "see `strongroom people ls`"}
}

func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format(time.DateTime)
}

type limitPropose struct {
	windowFlags
	Out string `help:"Write the policies with all proposals made to this file, for limit replay and limit policy put." placeholder:"FILE" type:"path"`
}

func (limitPropose) Help() string {
	return `Proposes to remove what nobody used: policies that permitted nothing, actions that nobody took, memberships without use. Forbids, what
came into force within the window, and what lets people and policies be managed stay. Nothing is changed.

Example:
  strongroom limit propose --out smaller.cedar
  strongroom limit replay smaller.cedar
  strongroom limit policy put smaller.cedar --purpose "unused since August"`
}

func (c limitPropose) Run(ctx context.Context, out output) error {
	return c.usage(ctx, out, func(h *house.House, u *limit.Usage, r limit.UsageReport) error {
		text, err := h.Room.PolicyBase(ctx)
		if err != nil {
			return err
		}
		base, err := limit.Parse(text)
		if err != nil {
			return err
		}
		p := u.Propose(base, r)
		if c.Out != "" {
			if err := os.WriteFile(c.Out, []byte(p.Text), 0o600); err != nil {
				return fmt.Errorf("writing the proposed policies: %w", err)
			}
		}
		if c.JSON {
			return out.json(p)
		}
		if p.Caution != "" {
			out.printf("caution: %s\n\n", p.Caution)
		}
		if len(p.Proposals) == 0 {
			out.printf("nothing to propose: every right that can be judged was used\n")
		}
		for i, one := range p.Proposals {
			switch one.Form {
			case "leave-group":
				out.printf("%d. %s can leave %s: %s\n\n", i+1, one.Principal, one.Group, one.Why)
			default:
				out.printf("%d. %s: %s\n%s\n", i+1, one.Policy, one.Why, one.Diff)
			}
		}
		for _, k := range p.Kept {
			out.printf("kept: %s\n", k)
		}
		return nil
	})
}

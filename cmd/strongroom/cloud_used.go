package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"strongroom"
	"strongroom/cloud/account"
	"strongroom/cloud/reach"
	"strongroom/cloud/trail"
	"strongroom/internal/sources"
	"strongroom/limit"
)

// trailFlags say what is read, and about whom.
type trailFlags struct {
	Trail []string `required:"" sep:"none" placeholder:"PATH" help:"CloudTrail files: a folder, a file, or s3://bucket/prefix. Can be given several times."`
	cloudAccount
	Principal []string `sep:"none" placeholder:"ARN" help:"Only this user or role: its ARN or its name. Can be given several times."`
	JSON      bool     `help:"Print JSON."`
}

// survey reads the account and the trail.
func (f trailFlags) survey(ctx context.Context, out output) (*account.Account, *trail.Survey, *trail.Reading, []trail.Place, error) {
	a, err := f.load()
	if err != nil {
		return nil, nil, nil, nil, err
	}
	var places []trail.Place
	for _, location := range f.Trail {
		p, err := sources.OpenTrail(ctx, location)
		if err != nil {
			return nil, nil, nil, nil, err
		}
		places = append(places, p)
	}
	s := trail.New(a)
	r, err := readTrail(ctx, out, "events read", places, s.Add)
	return a, s, r, places, err
}

func readTrail(ctx context.Context, out output, what string, places []trail.Place, take func(*trail.Event)) (*trail.Reading, error) {
	p := newProgress(out.errors, what, 0)
	defer p.done()
	return trail.Read(ctx, places, func(e *trail.Event) error { take(e); return nil }, func(r *trail.Reading) {
		if p.visible && time.Since(p.shown) > 200*time.Millisecond {
			p.shown = time.Now()
			fmt.Fprintf(p.w, "\r%d %s, in %d files, %d MB", r.Events, what, r.Files, r.Bytes/1e6)
		}
	})
}

// named finds the principals that were asked for: all, where none was.
func (f trailFlags) named(a *account.Account) ([]string, error) {
	var all []string
	for _, u := range a.Users {
		all = append(all, u.ARN)
	}
	for _, r := range a.Roles {
		all = append(all, r.ARN)
	}
	slices.Sort(all)
	if len(f.Principal) == 0 {
		return all, nil
	}
	var out []string
	for _, name := range f.Principal {
		n := len(out)
		for _, arn := range all {
			if arn == name || arn[strings.LastIndexByte(arn, '/')+1:] == name {
				out = append(out, arn)
			}
		}
		if len(out) == n {
			return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%q is no user or role of the account's files, which have %s and %s", name, count(len(a.Users), "user"), count(len(a.Roles), "role")), Hint: "without --principal the command lists them all"}
		}
	}
	return out, nil
}

type cloudUsed struct{ trailFlags }

func (cloudUsed) Help() string {
	return `Reads CloudTrail's files and holds what each user and role used against what its policies grant. Nothing is asked of AWS, but for files
that lie in a bucket. What the trail cannot show is said: without data events, for one, nothing tells that a right to read objects is unused.

Examples:
  strongroom cloud used --trail AWSLogs/ --account snapshot.jsonl.gz
  strongroom cloud used --trail s3://my-trail/AWSLogs/111122223333/CloudTrail/?region=eu-west-1 --account authorization-details.json
  strongroom cloud used --trail AWSLogs/ --account exports/ --principal app
  strongroom cloud used --trail AWSLogs/ --account exports/ --json`
}

func (c cloudUsed) Run(ctx context.Context, out output) error {
	a, s, reading, _, err := c.survey(ctx, out)
	if err != nil {
		return err
	}
	names, err := c.named(a)
	if err != nil {
		return err
	}
	r := s.Report(names...)
	r.Reading = reading
	if c.JSON {
		return out.json(r)
	}
	printWindow(out, r.Window, reading)
	if len(c.Principal) > 0 {
		for _, p := range r.Principals {
			printPrincipal(out, p)
		}
	} else if err := printPrincipals(out, r); err != nil {
		return err
	}
	printUnknown(out, r)
	return nil
}

func printWindow(out output, w trail.Window, r *trail.Reading) {
	out.printf("%s in %s", count(r.Events, "event"), count(r.Files, "file"))
	if !w.First.IsZero() {
		out.printf(", from %s to %s", when(w.First), when(w.Last))
	}
	out.printf("\n")
	if r.Duplicates > 0 {
		out.printf("  %s came more than once, and counted once\n", count(r.Duplicates, "event"))
	}
	if r.Malformed+r.Broken > 0 {
		out.printf("  NOT READ: %s, and the rest of %s:\n", count(r.Malformed, "event"), count(r.Broken, "file"))
		for _, f := range r.Faults[:min(10, len(r.Faults))] {
			out.printf("    %s\n", printable(f.String()))
		}
		if len(r.Faults) > 10 {
			out.printf("    … (--json has more)\n")
		}
	}
	for _, n := range w.NotShown {
		out.printf("  %s\n", printable(n))
	}
	out.printf("\n")
}

func printPrincipals(out output, r *trail.Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PRINCIPAL\tGRANTED\tUSED\tNEVER\tUNSEEN\tREFUSED\tLAST USED")
	for _, p := range r.Principals {
		unknown := ""
		if len(p.Unknown) > 0 {
			unknown = "+?"
		}
		var refused int64
		for _, u := range p.Refused {
			refused += u.Count
		}
		_, name, _ := strings.Cut(p.ARN, ":iam::")
		_, name, _ = strings.Cut(name, ":")
		fmt.Fprintf(w, "%s\t%d%s\t%d\t%d\t%d\t%d\t%s\n", name, p.Granted, unknown, p.Used, p.Never, p.Unlogged, refused, when(p.Last))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	out.printf("actions of AWS's list of %s; UNSEEN: granted, and this trail would not show their use; +?: a policy was not supplied or not understood\n", r.Catalogue)
	if len(r.Others) > 0 {
		out.printf("\n")
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NOT OF THE ACCOUNT'S FILES\tEVENTS\tLAST\tWHY")
		const most = 20
		for _, o := range r.Others[:min(most, len(r.Others))] {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", printable(o.Who), o.Events, when(o.Last), printable(o.Why))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if n := len(r.Others) - most; n > 0 {
			out.printf("… and %d more (--json has them)\n", n)
		}
	}
	return nil
}

func printPrincipal(out output, p trail.Principal) {
	out.printf("%s\n", p.ARN)
	for _, s := range p.Policies {
		out.printf("  %s\n", printable(s.String()))
	}
	for _, u := range p.Unknown {
		out.printf("  UNKNOWN: %s\n", printable(u))
	}
	out.printf("  %d actions granted, %d of them used, %d never, %d whose use this trail would not show\n", p.Granted, p.Used, p.Never, p.Unlogged)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	uses := func(title string, list []trail.ActionUse) {
		if len(list) == 0 {
			return
		}
		fmt.Fprintf(w, "\n  %s\tTIMES\tFIRST\tLAST\tON\n", title)
		for _, u := range list {
			name := u.Action
			if u.PassedTo != "" {
				name += " → " + u.PassedTo
			}
			if u.Perhaps {
				name += " (perhaps)"
			}
			if u.Undocumented {
				name += " (not in AWS's list of actions)"
			}
			on := strings.Join(u.Resources[:min(2, len(u.Resources))], " ")
			if u.On > 2 {
				on += fmt.Sprintf(" and %d more", u.On-2)
			}
			if u.NotSaid {
				on = strings.TrimSpace(on + " (not said)")
			}
			fmt.Fprintf(w, "  %s\t%d\t%s\t%s\t%s\n", printable(name), u.Count, when(u.First), when(u.Last), printable(on))
		}
	}
	uses("USED", p.Uses)
	uses("REFUSED", p.Refused)
	uses("USED, AND NOT ALLOWED BY ITS OWN POLICIES AS THEY ARE NOW", p.Beside)
	if len(p.Unused) > 0 {
		fmt.Fprintf(w, "\n  NEVER USED\tBY\n")
		for _, g := range p.Unused {
			by := fmt.Sprintf("%s: Statement[%d]", g.Policy, g.Statement)
			if g.Sid != "" {
				by += fmt.Sprintf(" %q", g.Sid)
			}
			if g.Unlogged {
				by += " (this trail would not show it)"
			}
			fmt.Fprintf(w, "  %s\t%s\n", printable(g.Action), printable(by))
		}
	}
	_ = w.Flush()
	out.printf("\n")
}

func printUnknown(out output, r *trail.Report) {
	for _, m := range r.Missing {
		out.printf("NOT SUPPLIED: %s\n", m)
	}
	for _, f := range r.Faults[:min(10, len(r.Faults))] {
		out.printf("NOT UNDERSTOOD: %s\n", printable(f))
	}
	if n := len(r.Faults) - 10; n > 0 {
		out.printf("… and %d more (--json has them)\n", n)
	}
}

type cloudPropose struct {
	trailFlags
	Exact     bool     `help:"Keep the very resources that were used, rather than buckets, and types whose ids change."`
	Complete  bool     `help:"The trail has all data events: what is not in it was not used. Else rights whose use it would not show are kept."`
	Bucket    []string `sep:"none" placeholder:"NAME" help:"Also say who would no longer reach this bucket's objects. Administrative rights are always asked about."`
	Diff      bool     `help:"Print the proposed policies beside the present ones, line by line."`
	Terraform bool     `help:"Print Terraform text."`
	Out       string   `short:"o" placeholder:"FOLDER" help:"Write each proposed policy as a JSON file into a folder that this makes."`
}

func (cloudPropose) Help() string {
	return `Proposes, for each user and role that used something, policies that keep all that it used in the trail's window, with the conditions and
denials of the present ones, and nothing that these do not grant. The trail is then read again and every event decided again under the
proposal: the table says how many uses are kept, how many nobody can judge, and how many would be refused, which should be none; the
command ends with status 1 if there are any. Nothing is changed.

Examples:
  strongroom cloud propose --trail AWSLogs/ --account snapshot.jsonl.gz
  strongroom cloud propose --trail AWSLogs/ --account exports/ --principal app --diff
  strongroom cloud propose --trail AWSLogs/ --account exports/ --principal app --terraform > app.tf
  strongroom cloud propose --trail AWSLogs/ --account exports/ --exact --complete -o policies/`
}

func (c cloudPropose) Run(ctx context.Context, out output) error {
	a, s, reading, places, err := c.survey(ctx, out)
	if err != nil {
		return err
	}
	names, err := c.named(a)
	if err != nil {
		return err
	}
	var list []*trail.Proposal
	for _, name := range names {
		p, err := s.Propose(name, trail.Options{Exact: c.Exact, Complete: c.Complete})
		if err != nil {
			return err
		}
		list = append(list, p)
	}
	replay := s.NewReplay(list)
	again, err := readTrail(ctx, out, "events decided again", places, replay.Add)
	if err != nil {
		return err
	}
	if c.Out != "" {
		if err := writeProposals(c.Out, list); err != nil {
			return err
		}
	}
	closed, err := trail.Closes(a, list, reach.Question{Buckets: c.Bucket, Admin: true, Chains: 1})
	if err != nil {
		return err
	}
	var refused int64
	for _, p := range list {
		if p.Replayed != nil {
			refused += p.Replayed.Refused
		}
	}
	r := s.Report(names...)
	switch {
	case c.JSON:
		err = out.json(struct {
			Account   string            `json:"account"`
			Reading   *trail.Reading    `json:"reading"`
			Again     *trail.Reading    `json:"replayed"`
			Window    trail.Window      `json:"window"`
			Proposals []*trail.Proposal `json:"proposals"`
			Closes    *trail.Closed     `json:"closes"`
			Missing   []string          `json:"missing,omitempty"`
		}{a.ID, reading, again, r.Window, list, closed, r.Missing})
	case c.Terraform:
		for _, p := range list {
			if p.Nothing == "" {
				out.printf("%s\n", p.Terraform())
			}
		}
	default:
		printWindow(out, r.Window, reading)
		if err = c.print(out, list); err == nil {
			err = c.printClosed(out, closed)
		}
		printUnknown(out, r)
	}
	if err == nil && refused > 0 {
		fmt.Fprintf(out.errors, "strongroom: the proposals would refuse %s that were allowed: do not use them\n", count(refused, "use"))
		err = exitError(1)
	}
	return err
}

func (c cloudPropose) print(out output, list []*trail.Proposal) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PRINCIPAL\tGRANTED\tPROPOSED\tDOCUMENTS\tKEPT\tUNJUDGED\tREFUSED")
	for _, p := range list {
		_, name, _ := strings.Cut(p.Principal, ":iam::")
		_, name, _ = strings.Cut(name, ":")
		if p.Nothing != "" {
			if len(c.Principal) > 0 {
				fmt.Fprintf(w, "%s\tnothing is proposed: %s\n", name, p.Nothing)
			}
			continue
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\n", name, p.GrantedBefore, p.GrantedAfter, len(p.Policies), p.Replayed.Kept, p.Replayed.Unjudged, p.Replayed.Refused)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	nothing := map[string]int{}
	for _, p := range list {
		if p.Nothing != "" {
			nothing[p.Nothing]++
		}
	}
	if len(c.Principal) == 0 {
		for why, n := range nothing {
			out.printf("nothing is proposed for %s: %s\n", count(n, "principal"), why)
		}
		if !c.Diff {
			return nil
		}
	}
	for _, p := range list {
		if p.Nothing != "" {
			continue
		}
		out.printf("\n%s\n", p.Principal)
		for _, s := range p.Replaces {
			out.printf("  in the place of %s\n", printable(s.String()))
		}
		for _, s := range p.Stays {
			out.printf("  beside %s, which nobody could read\n", printable(s.String()))
		}
		for _, n := range p.Notes {
			out.printf("  note: %s\n", n)
		}
		for _, cond := range p.Replayed.Conditions {
			out.printf("  unjudged, since events do not tell: %s\n", cond)
		}
		for _, e := range p.Replayed.Examples {
			out.printf("  WOULD BE REFUSED: %s on %s (event %s)\n", printable(e.Action), printable(e.Resource), printable(e.ID))
		}
		if !c.Diff {
			for _, doc := range p.Policies {
				out.printf("\n%s\n", doc.Name)
				if err := out.json(doc.Document); err != nil {
					return err
				}
			}
			continue
		}
		for _, l := range limit.Diff(p.Present(), p.Proposed(), 3) {
			out.printf("%s %s\n", l.Sign, l.Text)
		}
	}
	return nil
}

func (c cloudPropose) printClosed(out output, closed *trail.Closed) error {
	out.printf("\nwith these policies in force:\n")
	if len(closed.Reached) == 0 {
		out.printf("  nobody reaches less than now\n")
	}
	for _, r := range closed.Reached {
		what := "read " + r.Right.Target
		switch r.Right.Kind {
		case reach.BeAdmin:
			what = "get administrative rights"
		case reach.UseKey:
			what = "use " + r.Right.Target
		}
		out.printf("  %s: %s: %s now, then %s\n", r.Principal, what, r.Before, r.After)
	}
	for _, r := range closed.Routes {
		out.printf("  route %q: %s (%d) now, then %s (%d)\n", r.Title.EN, r.Before, r.WhoBefore, r.After, r.WhoAfter)
	}
	if closed.Remaining > 0 {
		out.printf("  %d more of what principals reach stays as it is: strongroom cloud ways shows how\n", closed.Remaining)
	}
	if n := len(closed.Missing); n > 0 {
		out.printf("  %s not supplied, without which more may be open before and after: %s\n", count(n, "input"), strings.Join(closed.Missing[:min(5, n)], ", ")+map[bool]string{true: " …"}[n > 5])
	}
	return nil
}

// writeProposals writes each document as a file of its own.
func writeProposals(folder string, list []*trail.Proposal) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for _, p := range list {
		for _, doc := range p.Policies {
			b, err := json.MarshalIndent(doc.Document, "", "  ")
			if err != nil {
				return err
			}
			f, err := os.OpenFile(filepath.Join(folder, filepath.Base(doc.Name+".json")), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err != nil {
				return fmt.Errorf("writing a proposal: %w", err)
			}
			if _, err := f.Write(append(b, '\n')); err != nil {
				_ = f.Close()
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
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
	Lang      tongue   `help:"Language of the text: ${enum}." enum:"en,fr" default:"en"`
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
	c.Lang.printWindow(out, r.Window, reading)
	if len(c.Principal) > 0 {
		for _, p := range r.Principals {
			c.Lang.printPrincipal(out, p)
		}
	} else if err := c.Lang.printPrincipals(out, r); err != nil {
		return err
	}
	c.Lang.printUnknown(out, r)
	return nil
}

// tongue is the language of what a command prints: "en" or "fr".
type tongue string

// T chooses between the two.
func (l tongue) T(en, fr string) string {
	return reach.Text{EN: en, FR: fr}.In(string(l))
}

// of is a sentence that may hold what stands in files.
func (l tongue) of(t trail.Text) string { return l.T(printable(t.EN), printable(t.FR)) }

// who names somebody who is none of the account's principals.
func (l tongue) who(name string) string {
	if l == "fr" {
		for _, w := range [][2]string{{"account ", "compte "}, {"person ", "personne "}, {"root user", "utilisateur racine"}} {
			if rest, ok := strings.CutPrefix(name, w[0]); ok {
				name = w[1] + rest
			}
		}
	}
	return printable(name)
}

// N is a number with its noun. In French, 0 and 1 are singular.
func (l tongue) N(n int64, one, many, un, plusieurs string) string {
	if n == 1 || n == 0 && l == "fr" {
		return fmt.Sprintf("%d %s", n, l.T(one, un))
	}
	return fmt.Sprintf("%d %s", n, l.T(many, plusieurs))
}

func (l tongue) events(n int64) string {
	return l.N(n, "event", "events", "événement", "événements")
}
func (l tongue) files(n int64) string { return l.N(n, "file", "files", "fichier", "fichiers") }

func (l tongue) when(t time.Time) string {
	if t.IsZero() {
		return l.T("never", "jamais")
	}
	return when(t)
}

func (l tongue) printWindow(out output, w trail.Window, r *trail.Reading) {
	out.printf(l.T("%s in %s", "%s dans %s"), l.events(r.Events), l.files(r.Files))
	if !w.First.IsZero() {
		out.printf(l.T(", from %s to %s", ", du %s au %s"), when(w.First), when(w.Last))
	}
	out.printf("\n")
	if r.Duplicates > 0 {
		out.printf(l.T("  %s came more than once, and counted once\n", "  %s en plusieurs exemplaires, comptés une fois\n"), l.events(int64(r.Duplicates)))
	}
	if r.Forgot {
		out.printf("  %s\n", l.T("there were more events than ids are remembered: a duplicate far from its like counts twice", "il y avait plus d’événements que d’identifiants retenus : un doublon éloigné de son semblable compte deux fois"))
	}
	if r.Malformed+r.Broken > 0 {
		out.printf(l.T("  NOT READ: %s, and the rest of %s:\n", "  NON LUS : %s, et le reste de %s :\n"), l.events(int64(r.Malformed)), l.files(int64(r.Broken)))
		for _, f := range r.Faults[:min(10, len(r.Faults))] {
			out.printf("    %s\n", l.of(f.Text()))
		}
		if len(r.Faults) > 10 {
			out.printf("    %s\n", l.T("… (--json has more)", "… (--json en a plus)"))
		}
	}
	for _, n := range w.NotShown {
		out.printf("  %s\n", l.of(n))
	}
	out.printf("\n")
}

func (l tongue) printPrincipals(out output, r *trail.Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, l.T("PRINCIPAL\tGRANTED\tUSED\tNEVER\tUNSEEN\tREFUSED\tLAST USED", "IDENTITÉ\tACCORDÉ\tUTILISÉ\tJAMAIS\tINVISIBLE\tREFUSÉ\tDERNIER USAGE"))
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
		fmt.Fprintf(w, "%s\t%d%s\t%d\t%d\t%d\t%d\t%s\n", name, p.Granted, unknown, p.Used, p.Never, p.Unlogged, refused, l.when(p.Last))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	out.printf(l.T("actions of AWS's list of %s; UNSEEN: granted, and this trail would not show their use; +?: a policy was not supplied or not understood\n",
		"actions de la liste d’AWS, version %s ; INVISIBLE : accordées, et ce journal ne montrerait pas leur usage ; +? : une politique n’a pas été fournie ou pas comprise\n"), r.Catalogue)
	if len(r.Others) > 0 {
		out.printf("\n")
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, l.T("NOT OF THE ACCOUNT'S FILES\tEVENTS\tLAST\tWHY", "ABSENT DES FICHIERS DU COMPTE\tÉVÉNEMENTS\tDERNIER\tPOURQUOI"))
		const most = 20
		for _, o := range r.Others[:min(most, len(r.Others))] {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", l.who(o.Who), o.Events, l.when(o.Last), l.of(o.Why))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if n := len(r.Others) - most; n > 0 {
			out.printf(l.T("… and %d more (--json has them)\n", "… et %d de plus (--json les a)\n"), n)
		}
	}
	return nil
}

func (l tongue) printPrincipal(out output, p trail.Principal) {
	out.printf("%s\n", p.ARN)
	for _, s := range p.Policies {
		out.printf("  %s\n", l.of(s.Text()))
	}
	for _, u := range p.Unknown {
		out.printf(l.T("  UNKNOWN: %s\n", "  INCONNU : %s\n"), l.of(u))
	}
	out.printf(l.T("  %d actions granted, %d of them used, %d never, %d whose use this trail would not show\n", "  %d actions accordées, dont %d utilisées, %d jamais, %d dont ce journal ne montrerait pas l’usage\n"), p.Granted, p.Used, p.Never, p.Unlogged)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	uses := func(title string, list []trail.ActionUse) {
		if len(list) == 0 {
			return
		}
		fmt.Fprintf(w, l.T("\n  %s\tTIMES\tFIRST\tLAST\tON\n", "\n  %s\tFOIS\tPREMIER\tDERNIER\tSUR\n"), title)
		for _, u := range list {
			name := u.Action
			if u.PassedTo != "" {
				name += " → " + u.PassedTo
			}
			if u.Perhaps {
				name += l.T(" (perhaps)", " (peut-être)")
			}
			if u.Undocumented {
				name += l.T(" (not in AWS's list of actions)", " (absente de la liste des actions d’AWS)")
			}
			on := strings.Join(u.Resources[:min(2, len(u.Resources))], " ")
			if u.On > 2 {
				on += fmt.Sprintf(l.T(" and %d more", " et %d de plus"), u.On-2)
			}
			if u.NotSaid {
				on = strings.TrimSpace(on + l.T(" (not said)", " (non dit)"))
			}
			fmt.Fprintf(w, "  %s\t%d\t%s\t%s\t%s\n", printable(name), u.Count, l.when(u.First), l.when(u.Last), printable(on))
		}
	}
	uses(l.T("USED", "UTILISÉ"), p.Uses)
	uses(l.T("REFUSED", "REFUSÉ"), p.Refused)
	uses(l.T("USED, AND NOT ALLOWED BY ITS OWN POLICIES AS THEY ARE NOW", "UTILISÉ, ET NON ACCORDÉ PAR SES POLITIQUES ACTUELLES"), p.Beside)
	if len(p.Unused) > 0 {
		fmt.Fprint(w, l.T("\n  NEVER USED\tBY\n", "\n  JAMAIS UTILISÉ\tPAR\n"))
		for _, g := range p.Unused {
			by := fmt.Sprintf("%s: Statement[%d]", g.Policy, g.Statement)
			if g.Sid != "" {
				by += fmt.Sprintf(" %q", g.Sid)
			}
			if g.Unlogged {
				by += l.T(" (this trail would not show it)", " (ce journal ne le montrerait pas)")
			}
			fmt.Fprintf(w, "  %s\t%s\n", printable(g.Action), printable(by))
		}
	}
	_ = w.Flush()
	out.printf("\n")
}

func (l tongue) printUnknown(out output, r *trail.Report) {
	for _, m := range r.Missing {
		out.printf(l.T("NOT SUPPLIED: %s\n", "NON FOURNI : %s\n"), m)
	}
	for _, f := range r.Faults[:min(10, len(r.Faults))] {
		out.printf(l.T("NOT UNDERSTOOD: %s\n", "NON COMPRIS : %s\n"), printable(f))
	}
	if n := len(r.Faults) - 10; n > 0 {
		out.printf(l.T("… and %d more (--json has them)\n", "… et %d de plus (--json les a)\n"), n)
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
			DecidedBy trail.Text        `json:"decidedBy"`
			Closes    *trail.Closed     `json:"closes"`
			Missing   []string          `json:"missing,omitempty"`
		}{a.ID, reading, again, r.Window, list, trail.DecidedBy, closed, r.Missing})
	case c.Terraform:
		for _, p := range list {
			if p.Nothing == nil {
				out.printf("%s\n", p.Terraform())
			}
		}
	default:
		c.Lang.printWindow(out, r.Window, reading)
		if err = c.print(out, list); err == nil {
			err = c.printClosed(out, closed)
		}
		c.Lang.printUnknown(out, r)
	}
	if err == nil && refused > 0 {
		fmt.Fprintf(out.errors, c.Lang.T("strongroom: the proposals would refuse %s that were allowed: do not use them\n", "strongroom : les propositions refuseraient %s qui étaient permis : ne les utilisez pas\n"), c.Lang.N(refused, "use", "uses", "usage", "usages"))
		err = exitError(1)
	}
	return err
}

func (c cloudPropose) print(out output, list []*trail.Proposal) error {
	l := c.Lang
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, l.T("PRINCIPAL\tGRANTED\tPROPOSED\tDOCUMENTS\tKEPT\tUNJUDGED\tREFUSED", "IDENTITÉ\tACCORDÉ\tPROPOSÉ\tDOCUMENTS\tGARDÉS\tINDÉCIS\tREFUSÉS"))
	for _, p := range list {
		_, name, _ := strings.Cut(p.Principal, ":iam::")
		_, name, _ = strings.Cut(name, ":")
		if p.Nothing != nil {
			if len(c.Principal) > 0 {
				fmt.Fprintf(w, l.T("%s\tnothing is proposed: %s\n", "%s\trien n’est proposé : %s\n"), name, l.of(*p.Nothing))
			}
			continue
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\n", name, p.GrantedBefore, p.GrantedAfter, len(p.Policies), p.Replayed.Kept, p.Replayed.Unjudged, p.Replayed.Refused)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	out.printf("%s\n", l.of(trail.DecidedBy))
	nothing := map[string]int64{}
	for _, p := range list {
		if p.Nothing != nil {
			nothing[l.of(*p.Nothing)]++
		}
	}
	if len(c.Principal) == 0 {
		for _, why := range slices.Sorted(maps.Keys(nothing)) {
			out.printf(l.T("nothing is proposed for %s: %s\n", "rien n’est proposé pour %s : %s\n"), l.N(nothing[why], "principal", "principals", "identité", "identités"), why)
		}
		if !c.Diff {
			return nil
		}
	}
	for _, p := range list {
		if p.Nothing != nil {
			continue
		}
		out.printf("\n%s\n", p.Principal)
		for _, s := range p.Replaces {
			out.printf(l.T("  in the place of %s\n", "  à la place de : %s\n"), l.of(s.Text()))
		}
		for _, s := range p.Stays {
			out.printf(l.T("  beside %s, which nobody could read\n", "  à côté de : %s, que personne n’a pu lire\n"), l.of(s.Text()))
		}
		for _, n := range p.Notes {
			out.printf(l.T("  note: %s\n", "  remarque : %s\n"), l.of(n))
		}
		for _, cond := range p.Replayed.Conditions {
			out.printf(l.T("  unjudged, since events do not tell: %s\n", "  indécis, car les événements ne le disent pas : %s\n"), cond)
		}
		for _, e := range p.Replayed.Examples {
			out.printf(l.T("  WOULD BE REFUSED: %s on %s (event %s)\n", "  SERAIT REFUSÉ : %s sur %s (événement %s)\n"), printable(e.Action), printable(e.Resource), printable(e.ID))
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
	l := c.Lang
	out.printf("\n%s\n", l.T("with these policies in force:", "avec ces politiques en vigueur :"))
	if len(closed.Reached) == 0 {
		out.printf("  %s\n", l.T("nobody reaches less than now", "personne n’atteint moins que maintenant"))
	}
	for _, r := range closed.Reached {
		what := l.T("read ", "lire ") + r.Right.Target
		switch r.Right.Kind {
		case reach.BeAdmin:
			what = l.T("get administrative rights", "obtenir des droits d’administration")
		case reach.UseKey:
			what = l.T("use ", "utiliser ") + r.Right.Target
		}
		out.printf(l.T("  %s: %s: %s now, then %s\n", "  %s : %s : %s maintenant, puis %s\n"), r.Principal, what, l.certainty(r.Before), l.certainty(r.After))
	}
	for _, r := range closed.Routes {
		out.printf(l.T("  route \"%s\": %s (%d) now, then %s (%d)\n", "  voie « %s » : %s (%d) maintenant, puis %s (%d)\n"), l.of(r.Title), l.status(r.Before), r.WhoBefore, l.status(r.After), r.WhoAfter)
	}
	if closed.Remaining > 0 {
		out.printf(l.T("  %d more of what principals reach stays as it is: strongroom cloud ways shows how\n", "  %d autres choses que des identités atteignent restent telles quelles : strongroom cloud ways montre comment\n"), closed.Remaining)
	}
	if n := len(closed.Missing); n > 0 {
		out.printf(l.T("  %s not supplied, without which more may be open before and after: %s\n", "  %s manquent, sans quoi davantage peut être ouvert avant et après : %s\n"), l.N(int64(n), "input", "inputs", "entrée", "entrées"), strings.Join(closed.Missing[:min(5, n)], ", ")+map[bool]string{true: " …"}[n > 5])
	}
	return nil
}

func (l tongue) certainty(c reach.Certainty) string {
	return l.T(c.String(), map[reach.Certainty]string{reach.Certain: "certain", reach.Possible: "possible", reach.Unknown: "inconnu", reach.No: "non"}[c])
}

func (l tongue) status(s reach.Status) string {
	return l.T(s.String(), map[reach.Status]string{reach.Open: "ouverte", reach.Closed: "fermée", reach.NotKnown: "inconnue"}[s])
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

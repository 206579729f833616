package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"strongroom/cloud/account"
	"strongroom/cloud/reach"
	"strongroom/cloud/ways"
)

// cloudAccount is where an account is read from.
type cloudAccount struct {
	Account   []string `required:"" help:"Exports of the account: files and folders, a snapshot or answers of the AWS CLI. Repeat it for more." placeholder:"FILE" sep:"none"`
	AccountID string   `name:"account-id" help:"Which account, where the files hold several. Without it, the first that they name; the entries of others are left out, and told." placeholder:"NUMBER"`
}

// load reads the account; what is wrong in its files is in it.
func (c cloudAccount) load() (*account.Account, error) { return c.loadFrom(c.Account) }

func (c cloudAccount) loadFrom(paths []string) (*account.Account, error) {
	a, err := account.LoadOf(c.AccountID, paths...)
	if err != nil {
		return nil, fmt.Errorf("reading the account: %w", err)
	}
	return a, nil
}

// cloudIntended is what is meant to reach the content.
type cloudIntended struct {
	Intended []string `help:"ARN or name of a role that is meant to reach it, from the servers that hold it: told apart from everything else. Repeat it for more. ROLE=SERVER,SERVER names the servers that may hold it; any other that does is a way in." placeholder:"ROLE" sep:"none"`
}

type cloudWays struct {
	cloudAccount
	Bucket []string `help:"A bucket whose content nobody else is to read, by name; * is every bucket of the account. Repeat it for more." placeholder:"NAME"`
	Key    []string `help:"A KMS key that nobody else is to use: ARN, id or alias. Repeat it for more." placeholder:"KEY"`
	Admin  bool     `help:"Ask who can get administrative rights."`
	From   []string `help:"Only what this principal could reach: user or role of the account, or another account (a supplier) by its number. Repeat it for more." placeholder:"PRINCIPAL"`
	cloudIntended

	JSON      string   `help:"Write the report as JSON; - is standard output." placeholder:"FILE"`
	SVG       string   `name:"svg" help:"Write the picture." placeholder:"FILE"`
	HTML      string   `name:"html" help:"Write a page that needs nothing else." placeholder:"FILE"`
	SARIF     string   `name:"sarif" help:"Write SARIF 2.1.0, for a pipeline." placeholder:"FILE"`
	Close     bool     `help:"Say what closes all of it: changes to policies, as JSON patches."`
	Terraform string   `help:"Write those changes as Terraform. Implies --close." placeholder:"FILE"`
	Apply     bool     `help:"Look again at the account as it is after those changes. Implies --close."`
	Since     []string `help:"An earlier snapshot: what has opened, closed or become unknown since. Repeat it for more files of it." placeholder:"FILE" sep:"none"`

	Lang   string `help:"Language of text, picture and page: ${enum}." enum:"en,fr" default:"en"`
	Top    int    `help:"How many ways and changes the text tells in full; 0 is all." default:"20"`
	FailOn string `help:"End with code 4 if anything is open (open), or with 4 or 3 if anything is open or unknown (unknown)." enum:",open,unknown" default:"" placeholder:"open|unknown"`
}

func (cloudWays) Help() string {
	return `Lists every known route to the content of buckets, to keys, or to administrative rights, each open, closed or unknown: who can take it, by which chain, since when at the earliest, and what closes it. Works on files alone and asks nobody anything. Unknown is never counted as closed: what was not supplied is told first, with the command that gets it ("strongroom cloud snapshot" gets it all).

Text goes to standard output unless --json - is there; any number of other forms can be written in the same run. Files are for you alone (mode 0600): they say how content can be reached.

Exit codes: 0 answered; 1 not answered; 2 bad arguments; with --fail-on, 3 something is unknown and nothing open, 4 something is open.

Examples:
  strongroom cloud ways --account snapshot.jsonl.gz --bucket calls
  strongroom cloud ways --account snapshot.jsonl.gz --bucket '*' --intended content-server
  strongroom cloud ways --account authorization-details.json --admin --from alice
  strongroom cloud ways --account exports/ --bucket calls --intended content-server --html ways.html --sarif ways.sarif --fail-on open
  strongroom cloud ways --account today/ --since yesterday/ --bucket calls --json -
  strongroom cloud ways --account exports/ --bucket calls --close --apply --terraform close.tf`
}

// The further exit code of questions about an account.
const exitOpen = 4

// Validate refuses arguments that ask nothing, or for less than a bucket.
func (c cloudWays) Validate() error {
	if len(c.Bucket)+len(c.Key) == 0 && !c.Admin {
		return invalid("nothing is asked: give --bucket, --key or --admin")
	}
	for _, b := range c.Bucket {
		if name := bucketName(b); strings.Contains(name, "/") {
			return invalid("--bucket %s: a bucket is asked for as a whole: --bucket %s", b, name[:strings.Index(name, "/")])
		}
	}
	return nil
}

// bucketName is the name of a bucket, which people also give as a URL or an ARN.
func bucketName(b string) string {
	b = strings.TrimPrefix(b, "s3://")
	if arn, ok := strings.CutPrefix(b, "arn:"); ok {
		if _, name, ok := strings.Cut(arn, ":s3:::"); ok {
			b = name
		}
	}
	return strings.TrimSuffix(b, "/")
}

func (c cloudWays) Run(ctx context.Context, out output) error {
	if os.Getenv("GOGC") == "" {
		// It runs for seconds and ends: memory that is not collected costs nothing, and
		// collecting was a fifth of the time.
		debug.SetGCPercent(400)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(4 << 30) // beyond it, it is collected more often
	}
	a, err := c.load()
	if err != nil {
		return err
	}
	buckets, err := c.buckets(a)
	if err != nil {
		return err
	}
	q := reach.Question{Buckets: buckets, Keys: c.Key, Admin: c.Admin, Chains: 3}
	for _, from := range c.From {
		who, err := principalOf(a, from)
		if err != nil {
			return err
		}
		q.From = append(q.From, who)
	}
	if q.Intended, err = c.intended(a); err != nil {
		return err
	}
	progress := cloudProgress(out.errors)
	defer progress(reach.Progress{})
	q.Progress = progress
	report, result, err := ways.Make(a, q)
	if err != nil {
		return err
	}
	if len(c.Since) > 0 {
		then, err := c.loadFrom(c.Since)
		if err != nil {
			return err
		}
		earlier := q
		if earlier.Buckets, err = c.buckets(then); err != nil {
			return fmt.Errorf("the earlier snapshot: %w", err)
		}
		before, _, err := ways.Make(then, earlier)
		if err != nil {
			return fmt.Errorf("the earlier snapshot: %w", err)
		}
		report.Diff = ways.Compare(before, report, then, a)
	}
	// What was found is told even where nothing was found that closes it.
	var unclosed error
	if c.Close || c.Apply || c.Terraform != "" {
		unclosed = c.close(report, a, result, q)
	}
	progress(reach.Progress{})
	if err := c.write(report, a, out); err != nil {
		return err
	}
	if unclosed != nil {
		return unclosed
	}
	switch {
	case c.FailOn != "" && report.Open():
		return exitError(exitOpen)
	case c.FailOn == "unknown" && report.Unknown():
		return exitError(exitUnknown)
	}
	return nil
}

// buckets are those that the question names: * is all that the account lists.
func (c cloudWays) buckets(a *account.Account) ([]string, error) {
	if !slices.Contains(c.Bucket, "*") {
		names := make([]string, len(c.Bucket))
		for i, b := range c.Bucket {
			names[i] = bucketName(b)
		}
		return names, nil
	}
	if !a.Known("buckets") {
		return nil, invalid("--bucket '*': no list of buckets was supplied: aws s3api list-buckets > buckets.json, or name them")
	}
	out := make([]string, len(a.Buckets))
	for i, b := range a.Buckets {
		out[i] = b.Name
	}
	if len(out) == 0 && len(c.Key) == 0 && !c.Admin {
		return nil, invalid("--bucket '*': the account has no buckets")
	}
	return out, nil
}

// close says what closes the ways that were found, and looks again at the account without them.
func (c cloudWays) close(report *ways.Report, a *account.Account, result *reach.Result, q reach.Question) error {
	plan, err := reach.Close(a, result, reach.DefaultBudget)
	if err != nil {
		return fmt.Errorf("what closes them: %w", err)
	}
	report.Plan = ways.NewPlan(a, *plan)
	if !c.Apply {
		return nil
	}
	changed, err := report.Plan.Apply(a)
	if err != nil {
		return err
	}
	again, _, err := ways.Make(changed, q)
	if err != nil {
		return fmt.Errorf("after the changes: %w", err)
	}
	report.Plan.After = &again.Summary
	return nil
}

// write writes every form that is asked for.
func (c cloudWays) write(report *ways.Report, a *account.Account, out output) error {
	for _, form := range []struct {
		file  string
		write func(io.Writer) error
	}{
		{c.SVG, func(w io.Writer) error { return report.Picture(c.Lang).WriteSVG(w) }},
		{c.HTML, func(w io.Writer) error { return report.WriteHTML(w, c.Lang) }},
		{c.SARIF, func(w io.Writer) error { return report.WriteSARIF(w, c.Lang, c.Account) }},
		{c.Terraform, func(w io.Writer) error { return report.WriteTerraform(w) }},
		{c.JSON, report.WriteJSON},
	} {
		if form.file == "" || form.file == c.Terraform && report.Plan == nil {
			continue
		}
		if form.file == "-" {
			if err := form.write(out); err != nil {
				return err
			}
			continue
		}
		if err := writePrivate(form.file, form.write); err != nil {
			return err
		}
	}
	for _, file := range []string{c.JSON, c.SVG, c.HTML, c.SARIF, c.Terraform} {
		if file == "-" {
			return nil
		}
	}
	return report.WriteText(out, ways.TextOptions{Lang: c.Lang, Top: c.Top})
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(v)
}

// principalOf is the ARN of a principal that somebody names: its ARN, its name, or the number
// of another account.
func principalOf(a *account.Account, name string) (string, error) {
	if strings.HasPrefix(name, "arn:") || len(name) == 12 && strings.Trim(name, "0123456789") == "" {
		return name, nil
	}
	switch found := principalsNamed(a, name); len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", invalid("%q is no user or role of the account: give its name, its ARN, or the number of another account", name)
	default:
		return "", invalid("%q is more than one: %s; give the ARN", name, strings.Join(found, ", "))
	}
}

// principalsNamed are the ARNs of the users and roles of a name, which may say which of the
// two: "alice", "user/alice".
func principalsNamed(a *account.Account, name string) (arns []string) {
	for _, u := range a.Users {
		if u.Name == name || "user "+u.Name == name || "user/"+u.Name == name {
			arns = append(arns, u.ARN)
		}
	}
	for _, r := range a.Roles {
		if r.Name == name || "role "+r.Name == name || "role/"+r.Name == name {
			arns = append(arns, r.ARN)
		}
	}
	return arns
}

// intended reads ROLE or ROLE=SERVER,SERVER.
func (c cloudIntended) intended(a *account.Account) ([]reach.Intended, error) {
	var out []reach.Intended
	for _, one := range c.Intended {
		name, servers, _ := strings.Cut(one, "=")
		role, err := principalOf(a, name)
		if err != nil {
			return nil, err
		}
		i := reach.Intended{Role: role}
		for _, s := range strings.Split(servers, ",") {
			if s == "" {
				continue
			}
			at := slices.IndexFunc(a.Workloads, func(w *account.Workload) bool {
				return w.ARN == s || w.Name == s || strings.HasSuffix(w.ARN, "/"+s) || strings.HasSuffix(w.ARN, ":"+s)
			})
			switch {
			case at >= 0:
				s = a.Workloads[at].ARN
			case !strings.HasPrefix(s, "arn:"):
				return nil, invalid("--intended %s: the account has no server %q: give its id, its name or its ARN", one, s)
			}
			i.Servers = append(i.Servers, s)
		}
		out = append(out, i)
	}
	return out, nil
}

// cloudProgress shows on a terminal how far an analysis is; elsewhere it is silent. A zero
// Progress ends the line.
func cloudProgress(w io.Writer) func(reach.Progress) {
	visible := newProgress(w, "", 0).visible
	var shown time.Time
	return func(p reach.Progress) {
		switch {
		case !visible:
		case p == reach.Progress{}:
			if !shown.IsZero() {
				fmt.Fprint(w, "\r\x1b[K")
			}
			shown = time.Time{}
		case time.Since(shown) > 100*time.Millisecond:
			shown = time.Now()
			fmt.Fprintf(w, "\r\x1b[K%s: %d of %d", p.Phase, p.Done, p.Total)
		}
	}
}

// writePrivate writes a file that nobody else reads, whole or not at all.
func writePrivate(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(cmp.Or(filepath.Dir(path), "."), ".strongroom-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err = write(f); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err = f.Sync(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err = f.Close(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}

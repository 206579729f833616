package main

import (
	"context"
	"io"
	"slices"
	"strings"

	"strongroom/cloud/account"
	"strongroom/cloud/reach"
	"strongroom/cloud/ways"
)

type cloudLogon struct {
	cloudAccount
	cloudIntended

	JSON string `help:"Write the report as JSON; - is standard output." placeholder:"FILE"`
	HTML string `name:"html" help:"Write a page that needs nothing else." placeholder:"FILE"`
	Lang string `help:"Language of text and page: ${enum}." enum:"en,fr" default:"en"`
	Top  int    `help:"How many servers the text tells; 0 is all." default:"20"`

	FailOn string `help:"End with code 4 if a server can be logged on to (open), or with 4 or 3 if that or unknown (unknown)." enum:",open,unknown" default:"" placeholder:"open|unknown"`
}

func (cloudLogon) Help() string {
	return `Servers without remote log-on: yes, no, or not known, and because of what. For every instance, task, function and the like that may hold the role (--intended; every role that something holds, where none is given), each way to a shell or to code of one's own on it: Systems Manager, Instance Connect, the serial console, key pairs and open ports, user data, commands in containers. Each is open (who), closed or unknown (what is missing).

Text goes to standard output unless --json - is there. Files are for you alone (mode 0600).

Exit codes: 0 answered; 1 not answered; 2 bad arguments; with --fail-on, 3 something is unknown and nothing open, 4 something is open.

Examples:
  strongroom cloud logon --account snapshot.jsonl.gz --intended content-server
  strongroom cloud logon --account exports/ --intended content-server --html logon.html --fail-on unknown`
}

func (c cloudLogon) Run(ctx context.Context, out output) error {
	a, err := c.load()
	if err != nil {
		return err
	}
	intended, err := c.intended(a)
	if err != nil {
		return err
	}
	if len(intended) == 0 {
		intended = held(a)
	}
	q := reach.Question{Admin: true, Chains: 1, Intended: intended}
	progress := cloudProgress(out.errors)
	q.Progress = progress
	result, err := reach.Analyze(a, q)
	progress(reach.Progress{})
	if err != nil {
		return err
	}
	roles := []string{}
	for _, i := range intended {
		roles = append(roles, i.Role)
	}
	report := ways.NewLogon(a, result, roles)
	for _, form := range []struct {
		file  string
		write func(io.Writer) error
	}{
		{c.HTML, func(w io.Writer) error { return report.WriteHTML(w, c.Lang) }},
		{c.JSON, func(w io.Writer) error { return writeJSON(w, report) }},
	} {
		switch form.file {
		case "":
		case "-":
			err = form.write(out)
		default:
			err = writePrivate(form.file, form.write)
		}
		if err != nil {
			return err
		}
	}
	if c.JSON != "-" && c.HTML != "-" {
		if err := report.WriteText(out, ways.TextOptions{Lang: c.Lang, Top: c.Top}); err != nil {
			return err
		}
	}
	switch {
	case c.FailOn != "" && report.Without == reach.Open:
		return exitError(exitOpen)
	case c.FailOn == "unknown" && report.Without == reach.NotKnown:
		return exitError(exitUnknown)
	}
	return nil
}

// held are the roles that something in the account runs with.
func held(a *account.Account) []reach.Intended {
	seen := map[string]bool{}
	for _, w := range a.Workloads {
		for _, r := range w.Roles {
			seen[r] = true
		}
	}
	var out []reach.Intended
	for _, r := range a.Roles {
		if seen[r.ARN] {
			out = append(out, reach.Intended{Role: r.ARN})
		}
	}
	slices.SortFunc(out, func(x, y reach.Intended) int { return strings.Compare(x.Role, y.Role) })
	return out
}

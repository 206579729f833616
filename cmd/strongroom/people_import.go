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
	"strongroom/people"
	"strongroom/vault"
)

type peopleImport struct {
	roomFlags
	File              string `arg:"" help:"CSV file, - for standard input."`
	DryRun            bool   `help:"Show what would change, and change nothing."`
	DeactivateMissing bool   `help:"Suspend those whom an earlier import brought and who are not in the file any more."`
	AtMost            int    `default:"25" help:"How many of them at once; more are refused, since the file may have been cut off." placeholder:"N"`
	JSON              bool   `help:"Print JSON."`
}

func (peopleImport) Help() string {
	return `The first line names the columns: name, and any of kind (person, workload, vendor), groups, aliases, active (yes, no), leaves (last
day), manager, vendor, queues, supervises, department, division, organization, cost_center, employee_number, site, and
attribute:NAME for any other. Several values in a cell are separated by |. An empty cell empties what its column says; what has no
column stays as it is. All lines are one change: if one is refused nothing is changed.

Examples:
  strongroom people import staff.csv --dry-run
  strongroom people import staff.csv --deactivate-missing`
}

func (c peopleImport) Run(ctx context.Context, out output) error {
	var text []byte
	var err error
	name := c.File
	if c.File == "-" {
		name = "standard input"
		text, err = readBounded(os.Stdin, people.MaxSheet)
	} else {
		text, err = readFile(c.File, people.MaxSheet)
	}
	if err != nil {
		return err
	}
	sheet, err := people.ReadSheet(name, text)
	if err != nil {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: err.Error(), Hint: "nothing was changed; mend the file and import it again"}
	}
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		all, err := h.Room.ImportPeople(ctx, who, vault.ImportRequest{Sheet: sheet, DeactivateMissing: c.DeactivateMissing, AtMost: c.AtMost, DryRun: c.DryRun})
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(all)
		}
		signs := map[string]string{"add": "+", "change": "~", "deactivate": "-", "activate": "^"}
		counts := map[string]int{}
		for _, one := range all {
			counts[one.What]++
			if sign := signs[one.What]; sign != "" {
				out.printf("%s %s  %s\n", sign, one.Name, strings.Join(one.Changes, "; "))
			}
		}
		did := "imported"
		if c.DryRun {
			did = "nothing was changed; it would be"
		}
		out.printf("%s: %d added, %d changed, %d deactivated, %d activated, %d as they were\n", did, counts["add"], counts["change"], counts["deactivate"], counts["activate"], counts["same"])
		return nil
	})
}

type peopleUnmatched struct {
	roomFlags
	JSON bool `help:"Print JSON."`
}

func (peopleUnmatched) Help() string {
	return `Whoever took a call is known by the attribute agent of its recording. An id that is nobody's name or alias is nobody: the agent does not
hear their own calls, and reports show an id for a name. Add it to its person: strongroom people import, or people put --alias.

Example:
  strongroom people unmatched`
}

func (c peopleUnmatched) Run(ctx context.Context, out output) error {
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		found, others, err := h.Room.UnmatchedAgents(ctx, who)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(map[string]any{"unmatched": append([]vault.Unmatched{}, found...), "others": others})
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "AGENT\tOBJECTS\tFIRST\tLAST")
		for _, u := range found {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", u.Agent, u.Objects, u.First.Format(time.DateOnly), u.Last.Format(time.DateOnly))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if others > 0 {
			out.printf("and %s with still other ids\n", count(others, "object"))
		}
		return nil
	})
}

type peopleAdopt struct {
	roomFlags
	Name string `arg:"" help:"Name of the principal."`
}

func (peopleAdopt) Help() string {
	return `A directory changes only principals that it provisioned. One that is adopted it may rename and suspend, and give and take groups
that it manages; see that it is the same person.

Example:
  strongroom people adopt ines.martin`
}

func (c peopleAdopt) Run(ctx context.Context, out output) error {
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		if err := h.Room.Adopt(ctx, who, c.Name); err != nil {
			return err
		}
		out.printf("the directory has %s\n", c.Name)
		return nil
	})
}

type directoryCommand struct {
	Show directoryShow `cmd:"" help:"Show which groups a directory may hand out although they are protected, and which are protected besides."`
	Set  directorySet  `cmd:"" help:"Set both, in the place of what is set."`
}

type directoryShow struct {
	roomFlags
	JSON bool `help:"Print JSON."`
}

func (c directoryShow) Run(ctx context.Context, out output) error {
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		s, err := h.Room.DirectorySettings(ctx, who)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(s)
		}
		return showDirectory(out, s)
	})
}

func showDirectory(out output, s people.DirectorySettings) error {
	out.printf("allowed although protected: %s\nprotected besides: %s\n", orDash(strings.Join(s.Allow, " ")), orDash(strings.Join(s.Protect, " ")))
	return nil
}

type directorySet struct {
	roomFlags
	Allow   []string `help:"Group that a directory may hand out although it is protected. May be repeated." placeholder:"GROUP"`
	Protect []string `help:"Group that it may not hand out besides those that are protected anyway. May be repeated." placeholder:"GROUP"`
}

func (directorySet) Help() string {
	return `Protected are security-officers, data-owners, platform-administrators and auditors, and every group whose members, by the policy in
force, may manage people, policy or alerts, read the ledger, break glass, review access, or open whatever is stored. A group that only
forbids is not found by itself: protect it here, or a directory could take somebody out of it.

Examples:
  strongroom people directory set --allow auditors
  strongroom people directory set --protect no-recordings`
}

func (c directorySet) Run(ctx context.Context, out output) error {
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		s := people.DirectorySettings{Allow: c.Allow, Protect: c.Protect}
		if err := h.Room.PutDirectorySettings(ctx, who, s); err != nil {
			return err
		}
		return showDirectory(out, s)
	})
}

package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/vault"
)

type retentionCommand struct {
	Put      retentionPut      `cmd:"" help:"Write a retention rule, new or in the place of the one of its name."`
	Ls       retentionLs       `cmd:"" help:"List the retention rules, and where they contradict each other."`
	Rm       retentionRm       `cmd:"" help:"Take a retention rule away."`
	Presets  retentionPresets  `cmd:"" help:"Show the rules that laws and standards suggest; needs no room."`
	Calendar retentionCalendar `cmd:"" help:"When what is stored now will be deleted, by which rule, and what has no end."`
}

// actingFor is acting, for a reason that policy sees as the purpose.
func (f roomFlags) actingFor(ctx context.Context, reason string, do func(*house.House, vault.Caller) error) error {
	return f.with(ctx, func(h *house.House) error {
		who, err := caller(h, strongroom.Purpose{Text: reason})
		if err != nil {
			return err
		}
		return do(h, who)
	})
}

func invalid(format string, args ...any) error {
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf(format, args...)}
}

type retentionPut struct {
	roomFlags
	Name   string `arg:"" help:"Name of the rule."`
	Bucket string `help:"Only this bucket." placeholder:"BUCKET"`
	Class  string `help:"Only this class: voice, screen, card …, confidential or non-confidential." placeholder:"CLASS"`
	Min    string `help:"Keep at least so long after storing: 5y, 18m, 90d, 1y6m." placeholder:"PERIOD"`
	Max    string `help:"Delete after so long, unless something keeps it." placeholder:"PERIOD"`
	Basis  string `help:"The law, contract or decision that the rule rests on." placeholder:"TEXT"`
	Preset string `help:"Begin with one of strongroom retention presets." placeholder:"NAME"`
	Reason string `help:"Why, for the record. Needed where the rule lets more be deleted than before." placeholder:"TEXT"`
}

func (retentionPut) Help() string {
	return `Whoever may change policy may change these rules. A minimum keeps versions from everybody, whatever policy permits. A maximum has
them deleted by the next lifecycle run; look before with strongroom lifecycle run --dry-run.

Examples:
  strongroom retention put calls --preset mifid2 --bucket recordings --class voice
  strongroom retention put cards --class card --max 90d --basis "PCI DSS 3.2.1; decision of 2026-03-01" --reason "decision of the board"`
}

// rule makes the rule of the flags.
func (c retentionPut) rule() (vault.RetentionRule, error) {
	rule := vault.RetentionRule{Name: c.Name, Bucket: c.Bucket, Class: c.Class, Basis: c.Basis}
	if c.Preset != "" {
		presets, err := vault.Presets()
		if err != nil {
			return rule, err
		}
		var found *vault.Preset
		for _, p := range presets {
			if p.Name == c.Preset {
				found = &p
			}
		}
		if found == nil {
			return rule, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no preset %q", c.Preset), Hint: "see `strongroom retention presets`"}
		}
		if found.Needs == "maximum" && c.Max == "" || found.Needs == "minimum" && c.Min == "" {
			return rule, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%s names no figure", found.Basis), Hint: fmt.Sprintf("decide on the %s and give it with --%.3s", found.Needs, found.Needs)}
		}
		rule.Class, rule.Basis = cmp.Or(rule.Class, found.Class), cmp.Or(rule.Basis, found.Basis)
		rule.Minimum, rule.Maximum = found.Minimum, found.Maximum
	}
	for text, period := range map[*string]*vault.Period{&c.Min: &rule.Minimum, &c.Max: &rule.Maximum} {
		if *text == "" {
			continue
		}
		p, err := vault.ParsePeriod(*text)
		if err != nil {
			return rule, invalid("%s", err)
		}
		*period = p
	}
	return rule, nil
}

func (c retentionPut) Run(ctx context.Context, out output) error {
	rule, err := c.rule()
	if err != nil {
		return err
	}
	return c.actingFor(ctx, c.Reason, func(h *house.House, who vault.Caller) error {
		rule, err := h.Room.PutRetention(ctx, who, rule, c.Reason)
		if err != nil {
			return err
		}
		out.printf("retention rule %s: %s\n", rule.Name, rule.Describe())
		return nil
	})
}

type retentionLs struct {
	roomFlags
	JSON bool `help:"Print JSON."`
}

func (c retentionLs) Run(ctx context.Context, out output) error {
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		rules, conflicts, err := h.Room.Retention(ctx, who)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(map[string]any{"rules": append([]vault.RetentionRule{}, rules...), "conflicts": append([]vault.Conflict{}, conflicts...)})
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "RULE\tBUCKET\tCLASS\tAT LEAST\tAT MOST\tSET\tBY\tBASIS")
		for _, r := range rules {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, cmp.Or(r.Bucket, "every"), cmp.Or(r.Class, "any"), cmp.Or(r.Minimum.String(), "-"), cmp.Or(r.Maximum.String(), "-"), day(r.Set), r.By, r.Basis)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		for _, x := range conflicts {
			out.printf("finding: where both apply, the minimum of %s sets the maximum of %s aside\n", x.Minimum, x.Maximum)
		}
		return nil
	})
}

func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.DateOnly)
}

type retentionRm struct {
	roomFlags
	Name   string `arg:"" help:"Name of the rule."`
	Reason string `help:"Why, for the record. Needed for a rule with a minimum." placeholder:"TEXT"`
}

func (c retentionRm) Run(ctx context.Context, out output) error {
	return c.actingFor(ctx, c.Reason, func(h *house.House, who vault.Caller) error {
		if err := h.Room.DropRetention(ctx, who, c.Name, c.Reason); err != nil {
			return err
		}
		out.printf("retention rule %s is gone\n", c.Name)
		return nil
	})
}

type retentionPresets struct {
	JSON bool `help:"Print JSON."`
}

func (c retentionPresets) Run(out output) error {
	presets, err := vault.Presets()
	if err != nil {
		return err
	}
	if c.JSON {
		return out.json(presets)
	}
	for i, p := range presets {
		if i > 0 {
			out.printf("\n")
		}
		out.printf("%s\n  basis     %s\n  says      %s\n", p.Name, p.Basis, p.Says)
		for _, line := range [][2]string{{"class", p.Class}, {"at least", p.Minimum.String()}, {"at most", p.Maximum.String()}, {"you say", p.Needs}, {"consider", p.Consider}} {
			if line[1] != "" {
				out.printf("  %-9s %s\n", line[0], line[1])
			}
		}
	}
	return nil
}

type retentionCalendar struct {
	roomFlags
	Bucket   string `help:"Only this bucket." placeholder:"BUCKET"`
	From     string `help:"Only what is deleted on or after this day or month." placeholder:"DATE"`
	To       string `help:"Only what is deleted before this day or month." placeholder:"DATE"`
	By       string `default:"month" enum:"month,day" help:"Sums by month or day."`
	Versions bool   `help:"Print every version with its end, one a line as JSON, in the place of sums."`
	JSON     bool   `help:"Print JSON."`
}

func (retentionCalendar) Help() string {
	return `Ends are for good: what a lifecycle rule would only hide behind a delete marker ends when a rule for older versions deletes it. Held
is what a hold keeps until it is lifted. Never is what no rule has deleted: nobody decided.

Examples:
  strongroom retention calendar --bucket recordings
  strongroom retention calendar --from 2027-01 --to 2027-07 --by day --json
  strongroom retention calendar --versions | jq 'select(.why)'`
}

// parseDate reads a day, a month, or a time.
func parseDate(flag, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.DateOnly, "2006-01", time.RFC3339} {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, invalid("%s %q is no date: give 2027-03-01, 2027-03, or 2027-03-01T12:00:00Z", flag, s)
}

func (c retentionCalendar) Run(ctx context.Context, out output) error {
	from, err := parseDate("--from", c.From)
	to, errTo := parseDate("--to", c.To)
	if err := errors.Join(err, errTo); err != nil {
		return err
	}
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		p := newProgress(out.errors, "versions", h.Room.Stored())
		req := vault.CalendarRequest{Bucket: c.Bucket, From: from, To: to, ByDay: c.By == "day", Step: p.step}
		lines := bufio.NewWriter(out)
		if c.Versions {
			e := json.NewEncoder(lines)
			req.Each = func(entry vault.CalendarEntry) error { return e.Encode(entry) }
		}
		cal, err := h.Room.Calendar(ctx, who, req)
		p.done()
		if err := errors.Join(err, lines.Flush()); err != nil || c.Versions {
			return err
		}
		if c.JSON {
			cal.Sums = append([]vault.CalendarSum{}, cal.Sums...)
			return out.json(cal)
		}
		return c.table(out, cal)
	})
}

func (c retentionCalendar) table(out output, cal vault.Calendar) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WHEN\tBUCKET\tLABEL\tRULE\tKEPT BY\tVERSIONS\tBYTES")
	for _, s := range cal.Sums {
		rule := s.Why
		if s.Why == "" {
			rule = strings.TrimSpace(s.By + " " + s.Rule)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\n", s.When, s.Bucket, s.Label, cmp.Or(rule, "-"), cmp.Or(s.Kept, "-"), s.Versions, s.Bytes)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	out.printf("%s, %s, as of %s\n", count(cal.Versions, "version"), count(cal.Bytes, "byte"), cal.At.Format(time.RFC3339))
	if cal.Overdue > 0 {
		out.printf("%s past the end, to be deleted by the next run\n", count(cal.Overdue, "version"))
	}
	if cal.SetAside > 0 {
		out.printf("finding: %s with a maximum shorter than a minimum; the minimum holds\n", count(cal.SetAside, "version"))
	}
	return nil
}

package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/monitor"
	"strongroom/vault"
)

type monitorCommand struct {
	Who     monitorWho     `cmd:"" help:"Who did how much, what they were refused, since when and until when."`
	What    monitorWhat    `cmd:"" help:"What was done by bucket, queue and class."`
	When    monitorWhen    `cmd:"" help:"How much was done in each hour of the week."`
	Often   monitorOften   `cmd:"" help:"How often in this hour, beside what is usual for each person and their peers."`
	Person  monitorPerson  `cmd:"" help:"All that is counted of one person."`
	Object  monitorObject  `cmd:"" help:"Who used one object, how often, and when first and last."`
	Rebuild monitorRebuild `cmd:"" help:"Make the counts again from the ledger, and compare."`
}

func (monitorCommand) Help() string {
	return `Everything is counted from the ledger's records. Each question is decided (readUsage) and put on record with its words.

Examples:
  strongroom monitor who --since 7d
  strongroom monitor what --bucket recordings --refused
  strongroom monitor when --tz Europe/Bucharest
  strongroom monitor person ines.martin --since 2026-11-01 --json`
}

// monitorFlags say how to print.
type monitorFlags struct {
	roomFlags
	JSON bool   `help:"Print JSON." xor:"form"`
	CSV  bool   `name:"csv" help:"Print CSV. A cell that begins with =, +, -, @, a tab or a line's end gets an apostrophe before it, so that no spreadsheet takes it for a formula." xor:"form"`
	Tz   string `default:"UTC" help:"Time zone of what is printed and of dates that are given, such as Europe/Paris." placeholder:"ZONE"`
}

// monitorFilter narrows a question.
type monitorFilter struct {
	monitorFlags
	Since   string `help:"From when on: a date, a time, or how long ago, such as 36h or 7d. Whole hours of UTC are counted." placeholder:"WHEN"`
	Until   string `help:"Until when." placeholder:"WHEN"`
	Bucket  string `help:"Only this bucket."`
	Queue   string `help:"Only objects of this queue."`
	Class   string `help:"Only objects whose label has this class, such as voice or card."`
	Action  string `help:"Only this action of policy, such as readObject." placeholder:"ACTION"`
	Refused bool   `help:"Only what was refused."`
}

func (f monitorFlags) zone() (*time.Location, error) {
	zone, err := time.LoadLocation(f.Tz)
	if err != nil || f.Tz == "Local" {
		return nil, invalid("--tz %q is no time zone: give UTC, or a name such as Europe/Paris", f.Tz)
	}
	return zone, nil
}

// question is what was asked, in words, for the record.
func (f monitorFilter) question(words ...string) string {
	for _, flag := range [][2]string{{"since", f.Since}, {"until", f.Until}, {"bucket", f.Bucket}, {"queue", f.Queue}, {"class", f.Class}, {"action", f.Action}} {
		if flag[1] != "" {
			words = append(words, "--"+flag[0], flag[1])
		}
	}
	if f.Refused {
		words = append(words, "--refused")
	}
	return strings.Join(words, " ")
}

// instant reads a time, or how long before now.
func instant(flag, text string, now time.Time, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := parseTime(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	for _, form := range []string{time.DateOnly, "2006-01", "2006-01-02T15:04", time.RFC3339} {
		if t, err := time.ParseInLocation(form, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, invalid("%s %q is no time: give 2026-11-01, 2026-11-01T09:00, 2026-11-01T09:00:00Z, or how long ago, such as 36h or 7d", flag, text)
}

func (f monitorFilter) filter() (out monitor.Filter, err error) {
	zone, err := f.zone()
	if err != nil {
		return out, err
	}
	now := time.Now()
	if out.Since, err = instant("--since", f.Since, now, zone); err != nil {
		return out, err
	}
	if out.Until, err = instant("--until", f.Until, now, zone); err != nil {
		return out, err
	}
	if !out.Until.IsZero() && !out.Since.Before(out.Until) {
		return out, invalid("--since %s is not before --until %s", f.Since, f.Until)
	}
	out.Bucket, out.Queue, out.Class, out.Action = f.Bucket, f.Queue, f.Class, strongroom.Action(f.Action)
	if f.Refused {
		out.Outcome = strongroom.Refused
	}
	return out, nil
}

// asked is one permitted question.
type askedUsage struct {
	*monitor.Monitor
	names  vault.UsageNames
	actors map[string]monitor.Actor
	zone   *time.Location
	asOf   asOf
}

// asOf says up to which record an answer counts.
type asOf struct {
	Records int64 `json:"records"`
	Behind  int64 `json:"behind,omitempty"` // records that are not counted yet
}

// ask asks the vault, catches up with the ledger, and answers.
func (f monitorFlags) ask(ctx context.Context, out output, question string, answer func(askedUsage) error) error {
	zone, err := f.zone()
	if err != nil {
		return err
	}
	return f.acting(ctx, func(h *house.House, who vault.Caller) error {
		names, err := h.Room.ReadUsage(ctx, who, question)
		if err != nil {
			return err
		}
		m, err := h.OpenMonitor(ctx)
		if err != nil {
			return err
		}
		defer m.Close()
		shown, done := catchingUp(out, "records counted")
		behind, err := m.CatchUp(ctx, shown)
		done()
		if err != nil {
			return fmt.Errorf("counting what is on record: %w", err)
		}
		a := askedUsage{m.Monitor, names, map[string]monitor.Actor{}, zone, asOf{Behind: behind}}
		if a.asOf.Records, err = m.Position(ctx); err != nil {
			return err
		}
		all, err := m.Actors(ctx)
		if err != nil {
			return err
		}
		for _, x := range all {
			a.actors[x.Actor] = x
		}
		if behind > 0 {
			fmt.Fprintf(out.errors, "the server has not counted the last %s yet\n", count(behind, "record"))
		}
		return answer(a)
	})
}

// catchingUp shows progress with its rate.
func catchingUp(out output, what string) (house.Progress, func()) {
	var p *progress
	began, first := time.Now(), int64(-1)
	return func(done, of int64) {
			if p == nil {
				p = newProgress(out.errors, what, of)
				first = done
			}
			if seconds := time.Since(began).Seconds(); done > first && seconds > 0 {
				p.what = fmt.Sprintf("%s, %.0f a second", what, float64(done-first)/seconds)
			}
			p.of = of
			p.add(done - p.n)
		}, func() {
			if p != nil {
				p.done()
			}
		}
}

// name is what to call an actor.
func (a askedUsage) name(actor string) string {
	if p, known := a.names.Principal(actor); known {
		return p.Name
	}
	switch {
	case actor == "":
		return "(nobody)"
	case a.actors[actor].Name != "":
		return a.actors[actor].Name
	case actor == "operator":
		return "(operator)"
	}
	return actor
}

// actor finds the pseudonym of a name, or takes the pseudonym itself.
func (a askedUsage) actor(name string) (string, error) {
	if actor, known := a.names.Actor(name); known {
		return actor, nil
	}
	if _, known := a.actors[name]; known && name != "" {
		return name, nil
	}
	for _, x := range a.actors {
		if x.Name == name && name != "" {
			return x.Actor, nil
		}
	}
	return "", &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no principal %q, and no record names one", name), Hint: "see `strongroom monitor who`"}
}

func (a askedUsage) time(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.In(a.zone).Format("2006-01-02 15:04")
}

// table is rows of cells with their titles; bar, where not nil, is drawn beside a row.
type table struct {
	titles []string
	rows   [][]string
	bars   []int64
}

func (t *table) add(bar int64, cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = fmt.Sprint(c)
	}
	t.rows, t.bars = append(t.rows, row), append(t.bars, bar)
}

// print prints a table with bars, or CSV without.
func (t *table) print(out output, asCSV bool) error {
	if asCSV {
		w := csv.NewWriter(out)
		if err := w.Write(t.titles); err != nil {
			return err
		}
		for _, row := range t.rows {
			safe := make([]string, len(row))
			for i, cell := range row {
				safe[i] = monitor.NoFormula(cell)
			}
			if err := w.Write(safe); err != nil {
				return err
			}
		}
		w.Flush()
		return w.Error()
	}
	most := int64(1)
	for _, b := range t.bars {
		most = max(most, b)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.ToUpper(strings.Join(t.titles, "\t")))
	for i, row := range t.rows {
		for j, cell := range row {
			row[j] = printable(cell)
		}
		fmt.Fprintf(w, "%s\t%s\n", strings.Join(row, "\t"), bar(t.bars[i], most))
	}
	return w.Flush()
}

// printable keeps names that people chose from moving a terminal's cursor.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return '\uFFFD'
	}, s)
}

// bar is a bar of at most 20 characters.
func bar(n, most int64) string {
	const long, parts = 20, 8
	filled := int((n*long*parts + most - 1) / most)
	return strings.Repeat("█", filled/parts) + []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}[filled%parts]
}

// size is bytes for people.
func size(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, u := float64(n)/1000, 0
	for ; f >= 999.95; u++ {
		f /= 1000
	}
	return fmt.Sprintf("%.1f %cB", f, units[u])
}

// bytes are exact where a machine reads them.
func (f monitorFlags) bytes(n int64) string {
	if f.CSV {
		return strconv.FormatInt(n, 10)
	}
	return size(n)
}

var sumTitles = []string{"opened", "downloaded", "looked", "listed", "stored", "deleted", "administered", "other", "refused", "untold", "delivered", "first", "last"}

func (f monitorFlags) sums(a askedUsage, s *monitor.Sums) []any {
	return []any{s.Opened, s.Downloaded, s.Looked, s.Listed, s.Stored, s.Deleted, s.Administered, s.Other, s.Refused, s.Untold, f.bytes(s.Delivered), a.time(s.First), a.time(s.Last)}
}

// untoldNote says what the counts cannot tell.
func untoldNote(out output, n int64) {
	if n > 0 {
		out.printf("%d of them are untold: their records do not tell bucket, queue, class and group (any more); they count where only who, what and when is asked\n", n)
	}
}

type monitorWho struct{ monitorFilter }

func (c monitorWho) Run(ctx context.Context, out output) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	return c.ask(ctx, out, c.question("who"), func(a askedUsage) error {
		people, err := a.Who(ctx, f)
		if err != nil {
			return err
		}
		for i, p := range people {
			people[i].Name = a.name(p.Actor.Actor)
		}
		if c.JSON {
			return out.json(map[string]any{"as_of": a.asOf, "who": people})
		}
		t := table{titles: append([]string{"who", "kind"}, sumTitles...)}
		var untold int64
		for _, p := range people {
			t.add(p.All(), append([]any{p.Name, cmp.Or(p.Kind, "-")}, c.sums(a, &p.Sums)...)...)
			untold += p.Untold
		}
		if err := t.print(out, c.CSV); err != nil || c.CSV {
			return err
		}
		untoldNote(out, untold)
		return nil
	})
}

type monitorWhat struct{ monitorFilter }

func (c monitorWhat) Run(ctx context.Context, out output) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	return c.ask(ctx, out, c.question("what"), func(a askedUsage) error {
		things, err := a.What(ctx, f)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(map[string]any{"as_of": a.asOf, "what": things})
		}
		t, untold := c.things(a, things)
		if err := t.print(out, c.CSV); err != nil || c.CSV {
			return err
		}
		untoldNote(out, untold)
		return nil
	})
}

func (f monitorFlags) things(a askedUsage, things []monitor.Thing) (t table, untold int64) {
	t.titles = append([]string{"bucket", "queue", "classes"}, sumTitles...)
	for _, x := range things {
		t.add(x.All(), append([]any{cmp.Or(x.Bucket, "-"), cmp.Or(x.Queue, "-"), cmp.Or(strings.Join(x.Classes, ","), "-")}, f.sums(a, &x.Sums)...)...)
		untold += x.Untold
	}
	return t, untold
}

type monitorWhen struct {
	monitorFilter
	Person string `help:"Only this person." placeholder:"NAME"`
	SVG    string `name:"svg" help:"Draw a heat map into a file instead, - for standard output." placeholder:"FILE" xor:"form"`
}

func (c monitorWhen) Run(ctx context.Context, out output) error {
	words := []string{"when"}
	if c.Person != "" {
		words = append(words, "--person", c.Person)
	}
	f, err := c.filter()
	if err != nil {
		return err
	}
	return c.ask(ctx, out, c.question(words...), func(a askedUsage) error {
		if c.Person != "" {
			if f.Actor, err = a.actor(c.Person); err != nil {
				return err
			}
		}
		w, err := a.When(ctx, f, a.zone)
		switch {
		case err != nil:
			return err
		case c.SVG == "-":
			out.printf("%s", w.SVG())
			return nil
		case c.SVG != "":
			return os.WriteFile(c.SVG, []byte(w.SVG()), 0o600)
		case c.JSON:
			return out.json(map[string]any{"as_of": a.asOf, "when": w})
		case c.CSV:
			t := table{titles: []string{"day", "hour", "count", "refused"}}
			for day, hours := range w.Counts {
				for hour, n := range hours {
					t.add(0, monitor.Weekdays[day], hour, n, w.Refused[day][hour])
				}
			}
			return t.print(out, true)
		}
		printWeek(out, w)
		return nil
	})
}

// printWeek prints the hours of a week as shades.
func printWeek(out output, w monitor.Week) {
	shades := []rune(" ░▒▓█")
	out.printf("     00    03    06    09    12    15    18    21       all  refused  %s\n", w.Zone)
	for day, hours := range w.Counts {
		var line strings.Builder
		var all, refused int64
		for hour, n := range hours {
			shade := shades[0]
			if n > 0 {
				shade = shades[1+(n*3)/max(w.Most, 1)]
			}
			line.WriteString(strings.Repeat(string(shade), 2))
			all, refused = all+n, refused+w.Refused[day][hour]
		}
		out.printf("%s  %s %8d %8d\n", monitor.Weekdays[day], line.String(), all, refused)
	}
	out.printf("%d in all; █ is up to %d in one hour of the week\n", w.Total, w.Most)
}

type monitorOften struct {
	monitorFlags
	At     string `help:"An hour of the past instead of this one: a time, or how long ago." placeholder:"WHEN"`
	Weeks  int    `default:"12" help:"How many weeks back to compare with."`
	Person string `help:"Only this person, also where there was nothing." placeholder:"NAME"`
}

func (monitorOften) Help() string {
	return `Compares the releases of one hour with those of the same hour in the weeks before: the middle value, the one that 95 of 100 do not exceed, and the most.
Peers are those who were in the same groups when they did anything in those weeks. Weeks before somebody's first release do not count.`
}

// pace is a line of the answer.
type pace struct {
	Who string `json:"who"`
	monitor.Pace
	Peers []peers `json:"peers,omitempty"`
}

type peers struct {
	Group string `json:"group"`
	strongroom.Baseline
}

func (c monitorOften) Run(ctx context.Context, out output) error {
	if c.Weeks < 1 || c.Weeks > 520 {
		return invalid("--weeks %d is not between 1 and 520", c.Weeks)
	}
	question := fmt.Sprintf("often --weeks %d", c.Weeks)
	if c.At != "" {
		question += " --at " + c.At
	}
	if c.Person != "" {
		question += " --person " + c.Person
	}
	zone, err := c.zone()
	if err != nil {
		return err
	}
	at, err := instant("--at", c.At, time.Now(), zone)
	if err != nil {
		return err
	}
	if at.IsZero() {
		at = time.Now()
	}
	return c.ask(ctx, out, question, func(a askedUsage) error {
		all, err := a.paces(ctx, c.Person, at, c.Weeks)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(map[string]any{"as_of": a.asOf, "often": all})
		}
		hour := at.UTC().Truncate(time.Hour).In(a.zone)
		slot := fmt.Sprintf("%s %s–%sh", hour.Weekday(), hour.Format("15"), hour.Add(time.Hour).Format("15"))
		if c.CSV {
			t := table{titles: []string{"who", "hour", "count", "median", "p95", "most", "weeks"}}
			for _, p := range all {
				t.add(0, p.Who, hour.Format(time.RFC3339), p.Count, p.Baseline.Median, p.Baseline.P95, p.Baseline.Most, p.Baseline.Weeks)
			}
			return t.print(out, true)
		}
		if len(all) == 0 {
			out.printf("no release in the hour of %s\n", a.time(hour))
		}
		for _, p := range all {
			out.printf("%s: %d in the hour of %s; %s\n", p.Who, p.Count, a.time(hour), usually(p.Baseline, slot))
			for _, g := range p.Peers {
				out.printf("  %s: %s\n", g.Group, usually(g.Baseline, slot))
			}
		}
		return nil
	})
}

func usually(b strongroom.Baseline, slot string) string {
	if b.Weeks == 0 {
		return "nothing to compare with yet"
	}
	return fmt.Sprintf("usually %d, 95 of 100 times at most %d, at most %d on %s (%s)", b.Median, b.P95, b.Most, slot, count(b.Weeks, "week"))
}

// paces are those of everybody who was released anything in the hour, or of one.
func (a askedUsage) paces(ctx context.Context, name string, at time.Time, weeks int) ([]pace, error) {
	var paces []monitor.Pace
	if name == "" {
		var err error
		if paces, err = a.Often(ctx, at, weeks); err != nil {
			return nil, err
		}
	} else {
		actor, err := a.actor(name)
		if err != nil {
			return nil, err
		}
		p := monitor.Pace{Actor: actor}
		if p.Count, err = a.InHour(ctx, actor, at); err != nil {
			return nil, err
		}
		if p.Baseline, err = a.Usual(ctx, actor, at, weeks); err != nil {
			return nil, err
		}
		paces = append(paces, p)
	}
	uses, err := a.Uses(ctx, monitor.Filter{Since: at, Until: at.Add(time.Nanosecond), Action: strongroom.ActionReadObject, Outcome: strongroom.Permitted})
	if err != nil {
		return nil, err
	}
	groups := map[string][]string{}
	for _, u := range uses {
		groups[u.Actor] = append(groups[u.Actor], u.Groups...)
	}
	usual := map[string]strongroom.Baseline{}
	out := []pace{}
	for _, p := range paces {
		line := pace{Who: a.name(p.Actor), Pace: p}
		slices.Sort(groups[p.Actor])
		for _, g := range slices.Compact(groups[p.Actor]) {
			if _, known := usual[g]; !known {
				if usual[g], err = a.UsualOfGroup(ctx, g, at, weeks); err != nil {
					return nil, err
				}
			}
			line.Peers = append(line.Peers, peers{g, usual[g]})
		}
		out = append(out, line)
	}
	return out, nil
}

type monitorPerson struct {
	monitorFilter
	Name string `arg:"" help:"Name of the principal, or a pseudonym."`
}

func (c monitorPerson) Run(ctx context.Context, out output) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	return c.ask(ctx, out, c.question("person", c.Name), func(a askedUsage) error {
		if f.Actor, err = a.actor(c.Name); err != nil {
			return err
		}
		d, err := a.Dossier(ctx, f, 20, a.zone)
		if err != nil {
			return err
		}
		d.Name = a.name(f.Actor)
		if c.JSON {
			return out.json(map[string]any{"as_of": a.asOf, "person": d})
		}
		t, untold := c.things(a, d.Things)
		if c.CSV {
			return t.print(out, true)
		}
		if d.All() == 0 {
			out.printf("%s: nothing on record\n", d.Name)
			return nil
		}
		out.printf("%s (%s): %d in all, %d refused, %s delivered, %s, first %s, last %s\n", d.Name, cmp.Or(d.Kind, "unknown"), d.All(), d.Refused,
			size(d.Delivered), count(d.Distinct, "object")+" opened", a.time(d.First), a.time(d.Last))
		for _, g := range d.Groups {
			out.printf("in %s at the time\n", strings.Join(g, ", "))
		}
		out.printf("\n")
		if err := t.print(out, false); err != nil {
			return err
		}
		untoldNote(out, untold)
		out.printf("\n")
		printWeek(out, d.Week)
		printDays(out, d.Days)
		if len(d.Latest) > 0 && d.Latest[0].Opened > 0 {
			out.printf("\nopened last:\n")
			objects := table{titles: []string{"bucket", "key", "version", "opened", "refused", "delivered", "first", "last opened"}}
			for _, u := range d.Latest {
				if u.Opened > 0 {
					objects.add(0, cmp.Or(u.Bucket, "-"), cmp.Or(u.Key, "-"), u.Version, u.Opened, u.Refused, size(u.Bytes), a.time(u.First), a.time(u.Latest))
				}
			}
			return objects.print(out, false)
		}
		return nil
	})
}

// printDays prints the last days as a line of blocks.
func printDays(out output, days []monitor.Day) {
	days = days[max(0, len(days)-60):]
	if len(days) < 2 {
		return
	}
	most := slices.MaxFunc(days, func(x, y monitor.Day) int { return cmp.Compare(x.Count, y.Count) }).Count
	blocks := []rune("▁▂▃▄▅▆▇█")
	var line strings.Builder
	for _, d := range days {
		line.WriteRune(blocks[d.Count*int64(len(blocks)-1)/max(most, 1)])
	}
	out.printf("%s %s %s, a day each, at most %d\n", days[0].Day, line.String(), days[len(days)-1].Day, most)
}

type monitorObject struct {
	monitorFlags
	Object  string `arg:"" help:"BUCKET/KEY." placeholder:"BUCKET/KEY"`
	Refused bool   `help:"Only those who were refused."`
}

func (monitorObject) Help() string {
	return "Of all time: uses of single objects are not kept by the hour. Names are found whether or not the object is still there."
}

// mostUses bounds how many lines are told of one object.
const mostUses = 10_000

func (c monitorObject) Run(ctx context.Context, out output) error {
	bucket, key, ok := strings.Cut(c.Object, "/")
	if !ok || key == "" {
		return invalid("%q is not BUCKET/KEY", c.Object)
	}
	question := "object " + c.Object
	if c.Refused {
		question += " --refused"
	}
	return c.ask(ctx, out, question, func(a askedUsage) error {
		uses, err := a.UsesOf(ctx, bucket, key, mostUses)
		if err != nil {
			return err
		}
		type line struct {
			Who string `json:"who"`
			monitor.ObjectUse
		}
		lines := []line{}
		for _, u := range uses {
			if !c.Refused || u.Refused > 0 {
				lines = append(lines, line{a.name(u.Actor), u})
			}
		}
		if c.JSON {
			return out.json(map[string]any{"as_of": a.asOf, "object": lines})
		}
		t := table{titles: []string{"who", "version", "opened", "downloaded", "other", "refused", "delivered", "first", "last", "last opened"}}
		for _, l := range lines {
			t.add(l.Opened, l.Who, l.Version, l.Opened, l.Downloaded, l.Other, l.Refused, c.bytes(l.Bytes), a.time(l.First), a.time(l.Last), a.time(l.Latest))
		}
		if len(lines) == 0 && !c.CSV {
			out.printf("no record tells of %s\n", printable(c.Object))
			return nil
		}
		return t.print(out, c.CSV)
	})
}

type monitorRebuild struct {
	roomFlags
	JSON bool `help:"Print JSON."`
}

func (monitorRebuild) Help() string {
	return `The counts are made anew beside the old ones and compared table by table. Old ones that differ are replaced, beside a running server too, and the
command ends with code 1. Broken off, it goes on where it was. It shows nothing personal and is on record as the operator's.`
}

func (c monitorRebuild) Run(ctx context.Context, out output) error {
	return c.with(ctx, func(h *house.House) error {
		if err := h.Room.NoteOperator(ctx, vault.KindUsageRead, "usage-rebuild", operator("made the counts of monitoring again")); err != nil {
			return err
		}
		m, err := h.OpenMonitor(ctx)
		if err != nil {
			return err
		}
		defer m.Close()
		shown, done := catchingUp(out, "records counted")
		began := time.Now()
		again, err := m.Rebuild(ctx, shown)
		done()
		if err != nil {
			return err
		}
		if c.JSON {
			if err := out.json(again); err != nil {
				return err
			}
		} else if len(again.Differ) == 0 {
			out.printf("%s counted again in %s: every table is the same\n", count(again.Records, "record"), time.Since(began).Round(time.Millisecond))
		} else {
			out.printf("%s counted again in %s: these tables differed and were replaced: %s\n", count(again.Records, "record"), time.Since(began).Round(time.Millisecond), strings.Join(again.Differ, ", "))
		}
		if len(again.Differ) > 0 {
			return exitError(1)
		}
		return nil
	})
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"strongroom"
	"strongroom/alert"
	"strongroom/internal/house"
	"strongroom/know"
	"strongroom/limit"
	"strongroom/monitor"
)

// answers prints what the five steps have to say after those weeks.
func (l *life) answers(ctx context.Context) error {
	l.printf("\nwhat the five steps say after %s\n", demoWeeks)
	for _, step := range []struct {
		name   string
		answer func(context.Context, *tabwriter.Writer) error
	}{{"know", l.known}, {"classify", l.classified}, {"monitor", l.monitored}, {"limit", l.limited}, {"alert", l.alerted}} {
		l.printf("\n%s\n", step.name)
		var text bytes.Buffer
		w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
		if err := errors.Join(step.answer(ctx, w), w.Flush()); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		if _, err := (indent{l.output}).Write(text.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func (l *life) known(ctx context.Context, w *tabwriter.Writer) error {
	i, err := know.Own(ctx, l.house.Room, l.owner, time.Now().AddDate(0, 0, -1))
	if err != nil {
		return err
	}
	for _, r := range know.Fold(i.Rows, []string{"kind", "owner"}) {
		fmt.Fprintf(w, "%s\t%s\t%s\towner %s\n", dimension(r, "kind"), count(r.Count, "object"), know.Bytes(r.Bytes), dimension(r, "owner"))
	}
	s, err := l.house.OpenInventory(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	was, _, err := s.SnapshotBefore(ctx, know.RoomScope, time.Now().AddDate(0, 0, -demoDays))
	if err != nil {
		return err
	}
	before := know.Total(was.Rows)
	fmt.Fprintf(w, "on %s\t%s\t%s\n", was.At.Format(time.DateOnly), count(before.Count, "object"), know.Bytes(before.Bytes))
	flows, err := know.Flows(ctx, l.house.Room, s, l.owner, l.house.Door().CatchUp)
	if err != nil {
		return err
	}
	states := map[string]int{}
	for _, f := range flows {
		states[string(f.State)]++
	}
	for _, state := range slices.Sorted(maps.Keys(states)) {
		fmt.Fprintf(w, "flows\t%s\t%d\n", state, states[state])
	}
	return nil
}

func (l *life) classified(ctx context.Context, w *tabwriter.Writer) error {
	if err := l.house.Room.MayClassify(ctx, l.owner, l.bucket, ""); err != nil {
		return err
	}
	run := &house.ClassifyRun{ID: strongroom.NewID(), Asked: time.Now().UTC(), Bucket: l.bucket}
	if err := l.house.Classify(ctx, run); err != nil {
		return err
	}
	fmt.Fprintf(w, "looked through\t%s of text\t%d labels became stricter\n", count(run.Scanned, "file"), run.Tightened)
	i, err := know.Own(ctx, l.house.Room, l.owner, time.Now())
	if err != nil {
		return err
	}
	labels, classes := map[string]int64{}, map[string]int64{}
	for _, r := range know.Fold(i.Rows, []string{"label", "class"}) {
		labels[dimension(r, "label")] += r.Count
		for class := range strings.SplitSeq(dimension(r, "class"), "+") {
			classes[class] += r.Count
		}
	}
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(w, "%s\t%s\n", label, count(labels[label], "object"))
	}
	var list []string
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		list = append(list, fmt.Sprintf("%s %d", class, classes[class]))
	}
	fmt.Fprintf(w, "classes\t%s\n", strings.Join(list, ", "))
	return nil
}

func (l *life) monitored(ctx context.Context, w *tabwriter.Writer) error {
	m := l.house.Monitor()
	if err := l.caughtUp(ctx, m.Position); err != nil {
		return err
	}
	names, err := l.house.Room.ReadUsage(ctx, l.owner, "who, for the demonstration")
	if err != nil {
		return err
	}
	people, err := m.Who(ctx, monitor.Filter{})
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "WHO\tOPENED\tREFUSED\tDELIVERED\tLAST")
	shown := 0
	for _, p := range people {
		if p.Opened+p.Refused == 0 || shown == 8 {
			continue
		}
		shown++
		name := p.Name
		if q, ok := names.Principal(p.Actor.Actor); ok {
			name = q.Name
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\n", name, p.Opened, p.Refused, know.Bytes(p.Delivered), p.Last.Format(time.DateTime))
	}
	o, err := m.Overview(ctx, monitor.OverviewQuestion{Until: time.Now(), Weeks: 1, By: monitor.ByQueue, Outcome: strongroom.Permitted, Zone: time.UTC})
	if err != nil {
		return err
	}
	for _, far := range o.Movers {
		if q, ok := names.Principal(far.Actor); ok && q.Kind == strongroom.Person {
			fmt.Fprintf(w, "furthest from usual this week\t%d\tusual %.1f\t%s\n", far.Count, far.Usual, q.Name)
			break
		}
	}
	return nil
}

// caughtUp waits until a watcher has been told everything that is on record now.
func (l *life) caughtUp(ctx context.Context, position func(context.Context) (int64, error)) error {
	size := l.house.Book.Head().Size
	for range 600 {
		at, err := position(ctx)
		if err != nil || at >= size {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("what watches the ledger did not catch up within 30 seconds")
}

func (l *life) limited(ctx context.Context, w *tabwriter.Writer) error {
	set, err := currentSet(ctx, l.house)
	if err != nil {
		return err
	}
	people, err := l.house.Room.Principals(ctx, l.owner)
	if err != nil {
		return err
	}
	size := l.house.Book.Head().Size
	if _, err := l.house.Room.ReadLedger(ctx, l.owner, 0, size); err != nil {
		return err
	}
	usage := limit.NewUsage()
	if err := usage.SeeStored(ctx, l.house.Room, l.owner); err != nil {
		return err
	}
	if err := house.Scan(ctx, l.house.Book, 0, size, usage.Take, nil); err != nil {
		return err
	}
	report := usage.Unused(set, people, time.Now().UTC(), func(hash string) (*limit.Set, error) {
		text, err := l.house.Room.PolicySet(ctx, hash)
		if err != nil {
			return nil, err
		}
		return limit.Parse(text)
	})
	granted, used := 0, 0
	for _, p := range report.People {
		granted, used = granted+p.Granted, used+p.Used
	}
	proposed := usage.Propose(set, report)
	forms := map[string]int{}
	for _, p := range proposed.Proposals {
		forms[p.Form]++
	}
	fmt.Fprintf(w, "%d rights are granted to %d people and machines; %d were used\n", granted, len(report.People), used)
	fmt.Fprintf(w, "never used: %s, %s of others, %s in groups\n", count(forms["remove-policy"], "permit"), count(forms["narrow-actions"], "action list"), count(forms["leave-group"], "membership"))
	requests, err := l.house.Room.Requests(ctx, l.owner, "all", true)
	if err != nil {
		return err
	}
	for _, q := range requests {
		fmt.Fprintf(w, "asked for an approval: %s, for %q: %s\n", q.AskerName, q.Purpose.Text, q.Status(time.Now()))
	}
	reviews, err := l.house.Room.Reviews(ctx, l.owner, true)
	if err != nil {
		return err
	}
	for _, b := range reviews {
		reviewed := "nobody has reviewed it yet"
		if b.Reviewed != nil {
			reviewed = fmt.Sprintf("reviewed by %s: %s", b.Reviewed.Name, b.Reviewed.Finding)
		}
		fmt.Fprintf(w, "glass broken: %s, %s, opened %s; %s\n", b.Name, b.Opened.Format(time.DateTime), count(b.Objects, "object"), reviewed)
	}
	return nil
}

func (l *life) alerted(ctx context.Context, w *tabwriter.Writer) error {
	desk, done, err := l.house.Alerts(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := l.caughtUp(ctx, desk.Engine.Position); err != nil {
		return err
	}
	all, err := desk.List(ctx, l.owner, 200)
	if err != nil {
		return err
	}
	type row struct{ condition, about string }
	found := map[row]int{}
	severity := map[row]alert.Severity{}
	var rows []row
	for _, a := range all {
		r := row{a.Condition, about(a)}
		if found[r] == 0 {
			rows = append(rows, r)
		}
		found[r] += a.Found
		severity[r] = a.Severity
	}
	slices.SortFunc(rows, func(a, b row) int {
		if n := strings.Compare(string(severity[b]), string(severity[a])); n != 0 {
			return n
		}
		return strings.Compare(a.condition+a.about, b.condition+b.about)
	})
	fmt.Fprintln(w, "SEVERITY\tCONDITION\tABOUT\tFOUND")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\n", severity[r], r.condition, r.about, found[r])
	}
	return nil
}

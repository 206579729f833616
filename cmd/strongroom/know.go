package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"path"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"strongroom"
	"strongroom/classify"
	"strongroom/internal/house"
	"strongroom/internal/inventory"
	"strongroom/internal/sources"
	"strongroom/know"
	"strongroom/vault"
)

type knowCommand struct {
	Ls      knowLs      `cmd:"" help:"What there is, inside and outside: counts, bytes, ages, labels, owners; the unknown first."`
	Scan    knowScan    `cmd:"" help:"Look at sources outside where they lie; the cost is estimated first."`
	Sources knowSources `cmd:"" help:"Sources outside: list, add, remove."`
	Flows   knowFlows   `cmd:"" help:"What sends what where: as declared, beside what is seen."`
	Owners  knowOwners  `cmd:"" help:"Who answers for what; what nobody answers for first."`
	Diff    knowDiff    `cmd:"" help:"What appeared, grew, shrank or vanished since."`
}

// scanClassifier labels what a scan reads: by its name's type and by what its beginning holds.
func scanClassifier() know.Classifier { return byContent{} }

type byContent struct{}

func (byContent) Classify(_ context.Context, name string, head io.Reader) (strongroom.Label, error) {
	j, err := classify.Judge(head, -1, scannedBytes, mime.TypeByExtension(path.Ext(name)), nil, nil)
	return j.Label, err
}

// scannedBytes bounds what of one file a scan looks at.
const scannedBytes = 1 << 20

// knowing opens the room and what is known of its data, in the name of the access key set.
func (f roomFlags) knowing(ctx context.Context, do func(*house.House, vault.Caller, *inventory.Store) error) error {
	return f.acting(ctx, func(h *house.House, who vault.Caller) error {
		s, err := h.OpenInventory(ctx)
		if err != nil {
			return err
		}
		return errors.Join(do(h, who, s), s.Close())
	})
}

// parseSince reads a time span before now, or a time.
func parseSince(s string, now time.Time) (time.Time, error) {
	if d, err := know.ParseInterval(s); err == nil {
		return now.Add(-d), nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("--since %q is no time", s), Hint: "give 24h, 7d, 2026-11-01 or 2026-11-01T09:00:00Z"}
}

type knowLs struct {
	roomFlags
	By    []string `default:"place,kind,label,class,owner" enum:"place,kind,label,class,age,owner" help:"What is counted apart: place, kind, label, class, age, owner." placeholder:"DIMENSION"`
	Since string   `default:"24h" help:"Count as new what is from after then: a time span or a day." placeholder:"SPAN|DAY"`
	JSON  bool     `help:"Print JSON."`
}

func (knowLs) Help() string {
	return `Objects are told by their rows and never opened. Sources outside are told as their last scan found them.

Examples:
  strongroom know ls
  strongroom know ls --by class,age --since 7d
  strongroom know ls --json`
}

func (c knowLs) Run(ctx context.Context, out output) error {
	return c.knowing(ctx, func(h *house.House, who vault.Caller, s *inventory.Store) error {
		since, err := parseSince(c.Since, h.Room.Clock())
		if err != nil {
			return err
		}
		i, err := know.Own(ctx, h.Room, who, since)
		if err != nil {
			return err
		}
		if err := s.PutSnapshot(ctx, know.SnapshotOf(know.RoomScope, i.At, i.Rows)); err != nil {
			return err
		}
		states, err := know.SourceStates(ctx, s, h.Room.Clock())
		if err != nil {
			return err
		}
		all := i.Rows
		for _, state := range states {
			all = append(all, state.Rows()...)
		}
		total := know.Total(all)
		i.NotLookedAt = append(know.NotLookedAt(states), i.NotLookedAt...)
		i.Rows = know.Fold(all, c.By)
		if c.JSON {
			return out.json(struct {
				know.Inventory
				Sources []know.SourceState `json:"sources"`
			}{i, states})
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, d := range c.By {
			fmt.Fprintf(w, "%s\t", strings.ToUpper(d))
		}
		fmt.Fprintln(w, "COUNT\tSIZE\tNEW\tOLDEST\tNEWEST")
		for _, r := range i.Rows {
			for _, d := range c.By {
				fmt.Fprintf(w, "%s\t", dimension(r, d))
			}
			fmt.Fprintf(w, "%d\t%s\t%d\t%s\t%s\n", r.Count, know.Bytes(r.Bytes), r.New, day(r.Oldest), day(r.Newest))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		out.printf("%s in all, %s; %d new in the room since %s\n", count(total.Count, "object"), know.Bytes(total.Bytes), total.New, since.UTC().Format(time.DateTime))
		if len(i.Empty) > 0 {
			out.printf("empty: %s\n", strings.Join(i.Empty, ", "))
		}
		printNotLooked(out, i.NotLookedAt)
		return nil
	})
}

func dimension(r know.Row, d string) string {
	switch d {
	case "kind":
		return r.Kind
	case "label":
		return r.Label
	case "class":
		return r.Class
	case "age":
		return r.Age
	case "owner":
		return cmp.Or(shown(r.Owner), "NONE")
	}
	if r.Outside {
		return shown(r.Place) + " (outside)"
	}
	return shown(r.Place)
}

// shown keeps what others named from moving the cursor.
func shown(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '�'
		}
		return r
	}, s)
}

func printNotLooked(out output, what []string) {
	if len(what) == 0 {
		return
	}
	out.printf("not looked at:\n")
	for _, n := range what {
		out.printf("  %s\n", shown(n))
	}
}

type knowScan struct {
	roomFlags
	Source   []string `arg:"" help:"Names of sources, or their locations: a folder, or s3://bucket/prefix?endpoint=…&region=…&profile=…." placeholder:"SOURCE"`
	Estimate bool     `help:"Say what it would cost, and scan nothing."`
	Rate     string   `help:"Requests a second at most: listing pages, files looked at, contents read; such as 50/s." placeholder:"N/s"`
	Sample   string   `help:"Read the beginning of so many, drawn by chance: a share or a number." placeholder:"P%|N"`
	Resume   bool     `help:"Go on where a scan broke off, with its sample; where none did, begin."`
	Progress bool     `help:"Show progress also where it is not a terminal."`
	JSON     bool     `help:"Print JSON."`
}

func (knowScan) Help() string {
	return fmt.Sprintf(`Nothing is changed there, and only labels and counts are kept here. Without --sample contents are not read. Of an entry drawn the first
%d KiB are read; shares are given as 95 %% intervals, and what was not read is unknown. Credentials of a bucket come from where the AWS
tools find them (a profile, the environment); the room's access key from STRONGROOM_ACCESS_KEY_ID and STRONGROOM_SECRET_ACCESS_KEY.
A location that was not declared is declared under its own name.

Examples:
  strongroom know scan /srv/share --estimate
  strongroom know scan share --sample 2%% --rate 200/s
  strongroom know scan 's3://archive/2024/?profile=audit' --sample 400
  strongroom know scan share --resume`, know.HeadBytes>>10)
}

// scanned is what a scan answers.
type scanned struct {
	know.Source
	Estimate *know.Estimate `json:"estimate,omitempty"`
	Scan     *know.Scan     `json:"scan,omitempty"`
	Shares   []know.Share   `json:"shares,omitempty"`
}

func (c knowScan) Run(ctx context.Context, out output) error {
	var rate float64
	if c.Rate != "" {
		n, err := fmt.Sscanf(c.Rate, "%f/s", &rate)
		if err != nil || n != 1 || !(rate > 0 && rate <= 1e6) || !strings.HasSuffix(c.Rate, "/s") {
			return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("--rate %q is no rate", c.Rate), Hint: "give requests a second, such as 50/s or 0.5/s"}
		}
	}
	sample, err := know.ParseSample(c.Sample)
	if err != nil {
		return err
	}
	return c.knowing(ctx, func(h *house.House, who vault.Caller, s *inventory.Store) error {
		all := []scanned{}
		for _, name := range c.Source {
			one, err := c.one(ctx, out, h, who, s, name, rate, sample)
			if err != nil {
				return err
			}
			all = append(all, one)
		}
		if c.JSON {
			return out.json(all)
		}
		return nil
	})
}

// source finds a source by name or location; one that is not declared has no id.
func findSource(ctx context.Context, s *inventory.Store, name string) (know.Source, error) {
	all, err := s.Sources(ctx)
	if err != nil {
		return know.Source{}, err
	}
	if i := slices.IndexFunc(all, func(one know.Source) bool { return one.Name == name }); i >= 0 {
		return all[i], nil
	}
	if !strings.ContainsAny(name, "/.") {
		return know.Source{}, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no source %q", name), Hint: "see `strongroom know sources`; a folder here is ./" + name}
	}
	location, err := sources.Location(name)
	if err != nil {
		return know.Source{}, err
	}
	if i := slices.IndexFunc(all, func(one know.Source) bool { return one.Location == location }); i >= 0 {
		return all[i], nil
	}
	return know.Source{Name: location, Location: location}, nil
}

func (c knowScan) one(ctx context.Context, out output, h *house.House, who vault.Caller, s *inventory.Store, name string, rate float64, sample know.Sample) (scanned, error) {
	source, err := findSource(ctx, s, name)
	if err != nil {
		return scanned{}, err
	}
	detail := "sample: " + sample.String()
	if c.Estimate {
		detail = "an estimate of its cost"
	} else if c.Resume {
		detail = "going on"
	}
	if err := h.Room.NoteInventory(ctx, who, vault.InventoryScan, source.Name, detail); err != nil {
		return scanned{}, err
	}
	if source.ID.IsZero() && !c.Estimate {
		source.ID, source.Declared = strongroom.NewID(), h.Room.Clock().UTC()
		if len(source.Name) > know.MaxName {
			return scanned{}, &strongroom.Error{Kind: strongroom.KindInvalid, Message: "the location is too long to be a name", Hint: "declare it with `strongroom know sources add NAME LOCATION`"}
		}
		if err := declare(ctx, h, who, s, source); err != nil {
			return scanned{}, err
		}
	}
	pacer := know.NewPacer(rate)
	place, err := sources.Open(ctx, source.Location, pacer)
	if err != nil {
		return scanned{}, err
	}
	defer place.Close()
	result := scanned{Source: source}
	states, err := know.SourceStates(ctx, s, h.Room.Clock())
	if err != nil {
		return result, err
	}
	var last, unfinished *know.Scan
	for _, state := range states {
		if state.ID == source.ID {
			last, unfinished = state.Last, state.Unfinished
		}
	}
	resumes := c.Resume && unfinished != nil && !c.Estimate
	if !resumes {
		e, err := know.Cost(ctx, source, place, pacer, sample, rate, last)
		if err != nil {
			return result, err
		}
		result.Estimate = &e
		if c.Estimate {
			if !c.JSON {
				out.printf("%s\n", shown(e.String()))
			}
			return result, nil
		}
		fmt.Fprintln(out.errors, shown(e.String()))
		if unfinished != nil {
			fmt.Fprintf(out.errors, "the scan of %s that broke off after %s is dropped; --resume would have gone on with it\n", shown(source.Name), entries(unfinished.Entries))
		}
	} else {
		fmt.Fprintf(out.errors, "%s: going on after %s, sample: %s\n", shown(source.Name), entries(unfinished.Entries), unfinished.Sample)
	}
	show, done := c.progress(out, source.Name)
	result.Scan, err = know.RunScan(ctx, source, know.ScanConfig{
		Store: s, Place: place, Pacer: pacer, Classifier: scanClassifier(), Sample: sample, Resume: c.Resume, Clock: h.Room.Clock, Step: show,
	})
	done()
	if err != nil {
		if result.Scan != nil {
			err = fmt.Errorf("%w (%s counted are kept: --resume goes on)", err, entries(result.Scan.Entries))
		}
		return result, err
	}
	result.Shares = result.Scan.Shares(source.Name)
	if err := s.PutSnapshot(ctx, know.SnapshotOf(source.ID.String(), result.Scan.Updated, result.Scan.Rows)); err != nil {
		return result, err
	}
	if !c.JSON {
		printScan(out, source, result)
	}
	return result, nil
}

func entries(n int64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

func printScan(out output, source know.Source, r scanned) {
	s := r.Scan
	out.printf("%s: %s, %s; %d read, %s; %s\n", shown(source.Name), entries(s.Entries), know.Bytes(s.Bytes), s.Read, know.Bytes(s.ReadSize), count(s.Requests, "request"))
	for _, share := range r.Shares {
		out.printf("  %s\n", shown(share.String()))
	}
	if source.Owner == "" {
		out.printf("  nobody owns it: strongroom know owners set 'source:%s' PERSON\n", shown(source.Name))
	}
	state := know.SourceState{Source: source, State: know.ScannedNow, Last: s}
	var not []string
	for _, n := range know.NotLookedAt([]know.SourceState{state}) {
		not = append(not, strings.TrimPrefix(n, "source "+source.Name+": "))
	}
	printNotLooked(out, append(not, s.Outside...))
	for t, n := range s.Troubles {
		for _, e := range n.Examples[:min(3, len(n.Examples))] {
			out.printf("  for example %s %s\n", t, shown(e))
		}
	}
}

// progress shows how far a scan is: in one line that changes on a terminal, and where asked
// to elsewhere in a line every so often.
func (c knowScan) progress(out output, name string) (show func(know.Progress), done func()) {
	terminal := false
	if f, ok := out.errors.(*os.File); ok {
		info, err := f.Stat()
		terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	if !terminal && !c.Progress {
		return nil, func() {}
	}
	var last time.Time
	every := 200 * time.Millisecond
	if !terminal {
		every = 5 * time.Second
	}
	show = func(p know.Progress) {
		if time.Since(last) < every {
			return
		}
		last = time.Now()
		line := fmt.Sprintf("%s: %s, %s, %s", shown(name), p.Phase, entries(p.Entries), know.Bytes(p.Bytes))
		if p.Drawn > 0 {
			line += fmt.Sprintf(", %d of %d read", p.Read, p.Drawn)
		}
		line += ", " + count(p.Requests, "request")
		if terminal {
			fmt.Fprintf(out.errors, "\r\x1b[K%s", line)
		} else {
			fmt.Fprintln(out.errors, line)
		}
	}
	return show, func() {
		if terminal {
			fmt.Fprint(out.errors, "\r\x1b[K")
		}
	}
}

type knowSources struct {
	Ls  sourcesLs  `cmd:"" default:"withargs" help:"List the sources, those that were not looked at first."`
	Add sourcesAdd `cmd:"" help:"Declare a source, or change one."`
	Rm  sourcesRm  `cmd:"" help:"Forget a source with its scans; nothing changes there."`
}

// declare keeps a source, on record.
func declare(ctx context.Context, h *house.House, who vault.Caller, s *inventory.Store, source know.Source) error {
	if err := know.CheckSource(source); err != nil {
		return err
	}
	if err := know.MayOwn(h.Room, source.Owner); err != nil {
		return err
	}
	if err := h.Room.NoteInventory(ctx, who, vault.InventorySource, source.Name, fmt.Sprintf("at %s, owner %q, interval %s", source.Location, source.Owner, source.Interval)); err != nil {
		return err
	}
	return s.PutSource(ctx, source)
}

// mayOwn refuses an owner that nobody could ask.
type sourcesLs struct {
	roomFlags
	JSON bool `help:"Print JSON."`
}

func (c sourcesLs) Run(ctx context.Context, out output) error {
	return c.knowing(ctx, func(h *house.House, who vault.Caller, s *inventory.Store) error {
		if err := h.Room.NoteInventory(ctx, who, vault.InventoryLook, "sources", ""); err != nil {
			return err
		}
		states, err := know.SourceStates(ctx, s, h.Room.Clock())
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(states)
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "STATE\tSOURCE\tOWNER\tEVERY\tLAST SCAN\tENTRIES\tSIZE\tLOCATION")
		for _, state := range states {
			last, n, size := "never", "-", "-"
			if state.Last != nil {
				last, n, size = state.Last.Updated.UTC().Format(time.DateTime), fmt.Sprint(state.Last.Entries), know.Bytes(state.Last.Bytes)
			}
			every := "-"
			if state.Interval > 0 {
				every = state.Interval.String()
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", state.State, shown(state.Name), cmp.Or(shown(state.Owner), "NONE"), every, last, n, size, shown(state.Location))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		for _, state := range states {
			for _, share := range state.Shares {
				out.printf("%s: %s\n", shown(state.Name), shown(share.String()))
			}
		}
		printNotLooked(out, know.NotLookedAt(states))
		return nil
	})
}

type sourcesAdd struct {
	roomFlags
	Name     string `arg:"" help:"Name of the source."`
	Location string `arg:"" help:"Folder, or s3://bucket/prefix?endpoint=…&region=…&profile=…; no secret stands in it."`
	Owner    string `help:"The person who answers for it." placeholder:"PERSON"`
	Every    string `help:"How often it is to be scanned; a scan that is older is overdue." placeholder:"SPAN"`
}

func (sourcesAdd) Help() string {
	return `Nothing is scanned by itself: a timer of the machine runs strongroom know scan, with credentials that the room's server need not have.

Examples:
  strongroom know sources add share /srv/share --owner ines.martin --every 7d
  strongroom know sources add archive 's3://archive/calls/?profile=audit&region=eu-west-3'`
}

func (c sourcesAdd) Run(ctx context.Context, out output) error {
	location, err := sources.Location(c.Location)
	if err != nil {
		return err
	}
	var every time.Duration
	if c.Every != "" {
		if every, err = know.ParseInterval(c.Every); err != nil {
			return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("--every %q is no time span", c.Every), Hint: "give 24h or 7d"}
		}
	}
	return c.knowing(ctx, func(h *house.House, who vault.Caller, s *inventory.Store) error {
		source := know.Source{ID: strongroom.NewID(), Name: c.Name, Location: location, Owner: c.Owner, Interval: every, Declared: h.Room.Clock().UTC()}
		all, err := s.Sources(ctx)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(all, func(one know.Source) bool { return one.Name == c.Name }); i >= 0 {
			source.ID, source.Declared = all[i].ID, all[i].Declared
			if all[i].Location != location {
				return &strongroom.Error{Kind: strongroom.KindConflict, Message: fmt.Sprintf("the source %q lies at %s", c.Name, all[i].Location), Hint: "give the new one another name, or remove the old one first"}
			}
		}
		if err := declare(ctx, h, who, s, source); err != nil {
			return err
		}
		out.printf("%s: %s, owner %s\n", shown(source.Name), shown(source.Location), cmp.Or(source.Owner, "NONE"))
		return nil
	})
}

type sourcesRm struct {
	roomFlags
	Name string `arg:"" help:"Name of the source."`
}

func (c sourcesRm) Run(ctx context.Context, out output) error {
	return c.knowing(ctx, func(h *house.House, who vault.Caller, s *inventory.Store) error {
		source, err := findSource(ctx, s, c.Name)
		if err != nil {
			return err
		}
		if source.ID.IsZero() {
			return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no source %q", c.Name), Hint: "see `strongroom know sources`"}
		}
		if err := h.Room.NoteInventory(ctx, who, vault.InventorySource, source.Name, "removed"); err != nil {
			return err
		}
		if err := s.DropSource(ctx, source.ID); err != nil {
			return err
		}
		out.printf("%s is forgotten\n", shown(source.Name))
		return nil
	})
}

type knowFlows struct {
	roomFlags
	File string `help:"Take in this file of flows, in the place of the last." placeholder:"FILE"`
	JSON bool   `xor:"form" help:"Print JSON."`
	Dot  bool   `xor:"form" help:"Print a graph for Graphviz."`
}

func (knowFlows) Help() string {
	return `What is seen and was never declared stands first, then what was declared and is not seen. What a file holds is described in docs/know.md.

Examples:
  strongroom know flows --file flows.yaml
  strongroom know flows --dot | dot -Tsvg > flows.svg`
}

func (c knowFlows) Run(ctx context.Context, out output) error {
	var text []byte
	var err error
	if c.File != "" {
		if text, err = readFile(c.File, know.MaxFlowFile); err != nil {
			return err
		}
		if _, err := know.ParseFlows(c.File, text); err != nil {
			return err
		}
	}
	return c.knowing(ctx, func(h *house.House, who vault.Caller, s *inventory.Store) error {
		if c.File != "" {
			f := know.FlowFile{Name: c.File, Text: text, Digest: fmt.Sprintf("%x", sha256.Sum256(text)), Imported: h.Room.Clock().UTC(), By: who.Principal.Name}
			if err := h.Room.NoteInventory(ctx, who, vault.InventoryFlows, c.File, "SHA-256 "+f.Digest); err != nil {
				return err
			}
			if err := s.PutFlows(ctx, f); err != nil {
				return err
			}
		}
		joined, err := know.Flows(ctx, h.Room, s, who, h.Door().CatchUp)
		if err != nil {
			return err
		}
		switch {
		case c.JSON:
			return out.json(joined)
		case c.Dot:
			out.printf("%s", know.Dot(joined))
			return nil
		}
		return printFlows(out, joined)
	})
}

func printFlows(out output, joined []know.Joined) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STATE\tFLOW\tFROM\tTO\tCOUNT\tLAST\tOWNER\tREMARK")
	for _, j := range joined {
		var remarks []string
		if !j.Missing.IsZero() {
			remarks = append(remarks, "since "+day(j.Missing))
		}
		if len(j.Beyond) > 0 {
			remarks = append(remarks, "carries also "+strings.Join(j.Beyond, ", "))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", j.State, cmp.Or(shown(j.Name), "-"), shown(j.From.String()), shown(j.To.String()), j.Count, day(j.Last),
			cmp.Or(shown(j.Owner), "NONE"), shown(strings.Join(remarks, "; ")))
	}
	if len(joined) == 0 {
		fmt.Fprintln(w, "(nothing is declared, and nothing was seen)")
	}
	return w.Flush()
}

type knowOwners struct {
	Ls    ownersLs    `cmd:"" default:"withargs" help:"List who answers for what; what nobody answers for first."`
	Set   ownersSet   `cmd:"" help:"Name the person who answers for a bucket or source."`
	Clear ownersClear `cmd:"" help:"Take an owner away."`
}

type ownersLs struct {
	roomFlags
	JSON bool `help:"Print JSON."`
}

func (c ownersLs) Run(ctx context.Context, out output) error {
	return c.knowing(ctx, func(h *house.House, who vault.Caller, s *inventory.Store) error {
		all, err := know.Owners(ctx, h.Room, s, who)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(all)
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "STATE\tWHAT\tNAME\tOWNER\tCOUNT\tSIZE\tWITHOUT A LABEL")
		for _, o := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%d\n", o.State, o.What, shown(o.Name), cmp.Or(shown(o.Owner), "NONE"), o.Count, know.Bytes(o.Bytes), o.Unknown)
		}
		return w.Flush()
	})
}

type ownersSet struct {
	roomFlags
	What   string `arg:"" help:"bucket:NAME or source:NAME; a flow's owner stands in its file."`
	Person string `arg:"" help:"Name of the person."`
}

func (ownersSet) Help() string {
	return `The owner of a bucket is its tag "owner", which S3 clients see and may set too. Setting it is a change of the bucket's configuration
(configureBucket); naming a source's owner is part of taking inventory (takeInventory). Both are recorded.

Examples:
  strongroom know owners set bucket:recordings ines.martin
  strongroom know owners set source:share ines.martin`
}

func (c ownersSet) Run(ctx context.Context, out output) error {
	return c.setOwner(ctx, out, c.What, c.Person)
}

type ownersClear struct {
	roomFlags
	What string `arg:"" help:"bucket:NAME or source:NAME."`
}

func (c ownersClear) Run(ctx context.Context, out output) error {
	return c.setOwner(ctx, out, c.What, "")
}

func (f roomFlags) setOwner(ctx context.Context, out output, what, person string) error {
	kind, name, _ := strings.Cut(what, ":")
	switch {
	case kind == "flow":
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "a flow's owner stands in the file of flows", Hint: "write it there and take the file in with `strongroom know flows --file`"}
	case name == "" || kind != "bucket" && kind != "source":
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%q is neither bucket:NAME nor source:NAME", what)}
	}
	return f.knowing(ctx, func(h *house.House, who vault.Caller, s *inventory.Store) error {
		if err := know.SetOwner(ctx, h.Room, s, who, kind, name, person); err != nil {
			return err
		}
		out.printf("%s %s: owner %s\n", kind, shown(name), cmp.Or(person, "NONE"))
		return nil
	})
}

type knowDiff struct {
	roomFlags
	Since string `default:"24h" help:"Compare with what was there then: a time span or a day." placeholder:"SPAN|DAY"`
	JSON  bool   `help:"Print JSON."`
}

func (knowDiff) Help() string {
	return `Compared with the newest earlier inventory that is as old. One is kept of each ls, diff and scan, and once a day while the room is served.

Examples:
  strongroom know diff
  strongroom know diff --since 2026-11-01`
}

func (c knowDiff) Run(ctx context.Context, out output) error {
	return c.knowing(ctx, func(h *house.House, who vault.Caller, s *inventory.Store) error {
		since, err := parseSince(c.Since, h.Room.Clock())
		if err != nil {
			return err
		}
		i, err := know.Own(ctx, h.Room, who, since)
		if err != nil {
			return err
		}
		states, err := know.SourceStates(ctx, s, h.Room.Clock())
		if err != nil {
			return err
		}
		d := know.Diff{Changes: []know.Change{}}
		now := know.SnapshotOf(know.RoomScope, i.At, i.Rows)
		if err := d.Compare(ctx, s, now, "the room", since); err != nil {
			return err
		}
		for _, state := range states {
			if state.Last == nil {
				continue
			}
			if err := d.Compare(ctx, s, know.SnapshotOf(state.ID.String(), state.Last.Updated, state.Rows()), "source "+state.Name, since); err != nil {
				return err
			}
		}
		if err := s.PutSnapshot(ctx, now); err != nil {
			return err
		}
		if c.JSON {
			return out.json(struct {
				know.Diff
				NotLookedAt []string `json:"not_looked_at"`
			}{d, append(know.NotLookedAt(states), i.NotLookedAt...)})
		}
		return printDiff(out, d, know.NotLookedAt(states))
	})
}

func printDiff(out output, d know.Diff, not []string) error {
	for _, s := range d.Scopes {
		switch {
		case s.From.IsZero():
			out.printf("%s: nothing to compare with yet; from now on there is\n", shown(s.Scope))
		case s.Later:
			out.printf("%s: compared with the earliest inventory there is, of %s\n", shown(s.Scope), s.From.UTC().Format(time.DateTime))
		default:
			out.printf("%s: compared with %s\n", shown(s.Scope), s.From.UTC().Format(time.DateTime))
		}
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(d.Changes) > 0 {
		fmt.Fprintln(w, "CHANGE\tPLACE\tKIND\tLABEL\tCLASS\tCOUNT\tSIZE")
	}
	for _, c := range d.Changes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d → %d\t%s → %s\n", c.What, dimension(know.Row{Group: c.Group}, "place"), shown(c.Kind), c.Label, shown(c.Class),
			c.Before.Count, c.After.Count, know.Bytes(c.Before.Bytes), know.Bytes(c.After.Bytes))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(d.Changes) == 0 {
		out.printf("nothing changed in what was counted\n")
	}
	printNotLooked(out, not)
	return nil
}

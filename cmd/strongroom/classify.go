package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"strongroom"
	"strongroom/classify"
	"strongroom/internal/house"
	"strongroom/vault"
)

type classifyCommand struct {
	Files     classifyFiles     `cmd:"" default:"withargs" help:"Look through files, without any room: what is found where, and the label. The default."`
	Detectors classifyDetectors `cmd:"" help:"List what is looked for."`
	Explain   classifyExplain   `cmd:"" help:"Say why an object has its label, and who set it."`
	Carry     classifyRun       `cmd:"" name:"run" help:"Look through stored texts with the detectors of now; labels only become stricter."`
	Set       classifySet       `cmd:"" help:"Set an object's label, with a reason. Less strict takes a second person."`
}

type classifyFiles struct {
	Files []string `arg:"" name:"file" help:"Files, - for standard input."`
	Show  string   `default:"none" enum:"none,masked,full" help:"Show what was found: none, masked (first and last character) or full." placeholder:"HOW"`
	Type  string   `help:"Media type, as if the file were stored with it." placeholder:"TYPE"`
	JSON  bool     `help:"Print JSON."`
}

func (classifyFiles) Help() string {
	return `Offsets are in bytes and in characters (Unicode code points) from the beginning; what was found is not copied into the output unless --show asks for it.
That nothing is found does not show that a file is not confidential.

Examples:
  strongroom classify transcript.txt
  strongroom classify --json --show masked *.txt
  cat chat.json | strongroom classify -`
}

// mostSpans is how many finds of one file are listed.
const mostSpans = 100_000

// shownSpan is a find as it is printed.
type shownSpan struct {
	classify.Span
	Text string `json:"text,omitempty"`
}

// fileJudgement is what looking through one file came to.
type fileJudgement struct {
	File string `json:"file"`
	classify.Judgement
	Spans   []shownSpan `json:"spans"`
	LeftOff int64       `json:"spans_left_off,omitempty"`
}

func (c classifyFiles) Run(ctx context.Context, out output) error {
	all := []fileJudgement{}
	for _, name := range c.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := c.look(name)
		if err != nil {
			return fmt.Errorf("looking through %s: %w", name, err)
		}
		if !c.JSON {
			if err := f.table(out, c.Show != "none"); err != nil {
				return err
			}
			continue
		}
		all = append(all, f)
	}
	if c.JSON {
		return out.json(all)
	}
	return nil
}

func (c classifyFiles) look(name string) (fileJudgement, error) {
	f := fileJudgement{File: name, Spans: []shownSpan{}}
	content, size := io.Reader(os.Stdin), int64(-1)
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return f, err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return f, err
		}
		if info.IsDir() {
			return f, invalid("it is a folder; name the files in it")
		}
		if content = file; info.Mode().IsRegular() {
			size = info.Size()
		}
	}
	var err error
	f.Judgement, err = classify.Judge(content, size, 1<<62, c.Type, nil, func(s *classify.Span, text []byte) error {
		if len(f.Spans) == mostSpans {
			f.LeftOff++
			return nil
		}
		shown := shownSpan{Span: *s}
		switch c.Show {
		case "masked":
			shown.Text = classify.Mask(text)
		case "full":
			shown.Text = string(text)
		}
		f.Spans = append(f.Spans, shown)
		return nil
	})
	return f, err
}

func (f fileJudgement) table(out output, show bool) error {
	out.printf("%s: %s\n", f.File, labelName(f.Label))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, s := range f.Spans {
		head, text := "", ""
		if show {
			head, text = "\tTEXT", fmt.Sprintf("\t%q", s.Text)
		}
		if i == 0 {
			fmt.Fprintln(w, "  BYTES\tCHARACTERS\tDETECTOR\tCLASS\tCONFIDENCE"+head)
		}
		fmt.Fprintf(w, "  %d–%d\t%d–%d\t%s\t%s\t%s%s\n", s.Start, s.End, s.StartChar, s.EndChar, s.Detector, s.Class, s.Confidence, text)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if f.LeftOff > 0 {
		out.printf("  and %d more\n", f.LeftOff)
	}
	for _, reason := range f.Label.Reasons {
		out.printf("  %s\n", reason)
	}
	return nil
}

// labelName is a label in a few words.
func labelName(l strongroom.Label) string {
	name := "Non-confidential"
	if l.Confidential {
		name = "Confidential"
	}
	if len(l.Classes) > 0 {
		name += " (" + strings.Join(l.Classes, ", ") + ")"
	}
	return name
}

type classifyDetectors struct {
	JSON bool `help:"Print JSON."`
}

func (c classifyDetectors) Run(out output) error {
	all := classify.Detectors()
	if c.JSON {
		return out.json(all)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DETECTOR\tCLASS\tFORM\tALONE\tWITH KEYWORD\tLANGUAGES")
	for _, d := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", d.ID, d.Class, d.Form, d.Alone, d.Near, strings.Join(d.Languages, ","))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	out.printf("version %s\n", classify.Version())
	return nil
}

// objectArg names one object.
type objectArg struct {
	Object  string `arg:"" help:"The object, as BUCKET/KEY."`
	Version string `help:"This version of it, not the current one." placeholder:"ID"`
}

func (a objectArg) split() (bucket, key string, err error) {
	bucket, key, ok := strings.Cut(a.Object, "/")
	if !ok || bucket == "" || key == "" {
		return "", "", invalid("%q is not BUCKET/KEY", a.Object)
	}
	return bucket, key, nil
}

type classifyExplain struct {
	roomFlags
	objectArg
	JSON bool `help:"Print JSON."`
}

func (classifyExplain) Help() string {
	return `This reads metadata: policy decides whether you may, and it is on record.

Examples:
  strongroom classify explain recordings/2026/call-7.wav`
}

// explained is an object's label and where it comes from.
type explained struct {
	Object    string           `json:"object"`
	Version   string           `json:"version"`
	Label     strongroom.Label `json:"label"`
	Labelling *vault.Labelling `json:"labelling,omitempty"`
}

func (c classifyExplain) Run(ctx context.Context, out output) error {
	bucket, key, err := c.split()
	if err != nil {
		return err
	}
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		o, l, err := h.Room.LabelOf(ctx, who, bucket, key, c.Version)
		if err != nil {
			return err
		}
		return explain(out, c.JSON, o, l)
	})
}

func explain(out output, asJSON bool, o strongroom.Object, l vault.Labelling) error {
	if asJSON {
		e := explained{Object: o.Bucket + "/" + o.Key, Version: o.VersionName(), Label: o.Label}
		if l.By != "" {
			e.Labelling = &l
		}
		return out.json(e)
	}
	out.printf("%s/%s, version %s: %s\n", o.Bucket, o.Key, o.VersionName(), labelName(o.Label))
	for _, reason := range o.Label.Reasons {
		out.printf("  %s\n", reason)
	}
	switch {
	case l.By == "":
		out.printf("labelled when it was stored, %s, by how it begins and what was declared\n", o.Modified.UTC().Format(time.RFC3339))
	case l.Override:
		out.printf("set by %s, %s: %s\n", l.By, l.At.UTC().Format(time.RFC3339), l.Reason)
	default:
		out.printf("labelled by %s, %s\n", l.By, l.At.UTC().Format(time.RFC3339))
	}
	switch l.Detectors {
	case "":
		out.printf("the detectors of now have not looked through its content\n")
	case classify.Version():
		out.printf("the detectors of now have looked at it\n")
	default:
		out.printf("detectors %s have looked at it; those of now are %s\n", l.Detectors, classify.Version())
	}
	return nil
}

type classifySet struct {
	roomFlags
	objectArg
	Confidential    bool     `xor:"strict" help:"It is confidential."`
	NonConfidential bool     `xor:"strict" help:"It is not confidential."`
	Class           []string `help:"Class; together they take the place of those it has. May be repeated." placeholder:"CLASS"`
	Reason          string   `required:"" help:"Why, for the label and the record." placeholder:"TEXT"`
	Purpose         string   `help:"Purpose, where policy asks for one." placeholder:"TEXT"`
	Ticket          string   `help:"Ticket, where policy asks for one." placeholder:"TICKET"`
	JSON            bool     `help:"Print JSON."`
}

func (classifySet) Help() string {
	return `A stricter label is set at once. A less strict one, which is not confidential any more or has a class less, takes what policy asks for: of a new
room a purpose and somebody else's approval. What is set here is not changed by strongroom classify run; what that finds besides, it tells.

Examples:
  strongroom classify set docs/flyer.txt --class text --class health --reason "a diagnosis on page 2"
  strongroom limit request docs/flyer.txt --action loosenLabel --non-confidential --purpose "published last year"
  strongroom classify set docs/flyer.txt --non-confidential --reason "published last year"`
}

func (c classifySet) Run(ctx context.Context, out output) error {
	bucket, key, err := c.split()
	if err != nil {
		return err
	}
	x := vault.Relabelling{Bucket: bucket, Key: key, Version: c.Version, Classes: c.Class, Reason: c.Reason}
	if c.Confidential || c.NonConfidential {
		x.Confidential = &c.Confidential
	} else if len(c.Class) == 0 {
		return invalid("give --confidential, --non-confidential or --class")
	}
	return c.with(ctx, func(h *house.House) error {
		who, err := caller(h, strongroom.Purpose{Text: c.Purpose, Ticket: c.Ticket})
		if err != nil {
			return err
		}
		o, l, err := h.Room.Relabel(ctx, who, x)
		if err != nil {
			return err
		}
		return explain(out, c.JSON, o, l)
	})
}

// classifyIncomplete is the exit status of a run that could not look at all it was to.
const classifyIncomplete = exitError(3)

type classifyRun struct {
	roomFlags
	Bucket string `help:"Only this bucket." placeholder:"BUCKET"`
	Prefix string `help:"Only keys that begin so." placeholder:"PREFIX"`
	Since  string `help:"Only what was stored from then on." placeholder:"DATE"`
	Again  bool   `help:"Also what the detectors of now have looked at already."`
	DryRun bool   `help:"Change no label, and say what would become of them. Content is opened, on record, all the same."`
	JSON   bool   `help:"Print JSON."`
}

func (classifyRun) Help() string {
	return `Texts are opened by the workload strongroom-classifier with the purpose classification, which policy has to permit; each opening is on record.
Recordings and pictures are confidential by nature and are not opened. Labels only become stricter; what may be loosened is proposed. Where a server serves
the room it does the work, and this shows how far it is; else this opens the room itself. What is broken off goes on. Exits with status 3 where something
could not be looked at.

Examples:
  strongroom classify run --dry-run
  strongroom classify run --bucket chats --since 2026-01-01`
}

func (c classifyRun) Run(ctx context.Context, out output) error {
	since, err := parseDate("--since", c.Since)
	if err != nil {
		return err
	}
	if c.Prefix != "" && c.Bucket == "" {
		return invalid("--prefix is of one --bucket")
	}
	info, err := c.find()
	if err != nil {
		return err
	}
	options := house.Options{Serve: true, Log: slog.New(slog.NewTextHandler(out.errors, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	h, err := house.Open(ctx, c.Data, info, options)
	served := strongroom.KindOf(err) == strongroom.KindConflict
	if served {
		options.Serve = false
		h, err = house.Open(ctx, c.Data, info, options)
	}
	if err != nil {
		return err
	}
	x, err := c.follow(ctx, out, h, house.ClassifyRun{Bucket: c.Bucket, Prefix: c.Prefix, Since: since, Again: c.Again, Dry: c.DryRun})
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := errors.Join(err, h.Close(closing)); err != nil {
		return err
	}
	return c.report(out, x)
}

// follow asks for the run and waits for its end.
func (c classifyRun) follow(ctx context.Context, out output, h *house.House, x house.ClassifyRun) (*house.ClassifyRun, error) {
	who, err := caller(h, strongroom.Purpose{})
	if err != nil {
		return nil, err
	}
	asked, err := h.AskClassify(ctx, who, x)
	if err != nil {
		return nil, err
	}
	p := newProgress(out.errors, "versions", h.Room.Stored())
	defer p.done()
	for seen := int64(0); ; {
		x, err := h.ClassifyRun(asked.ID)
		if err != nil {
			return nil, err
		}
		if x.State == house.ClassifyDone || x.State == house.ClassifyFailed {
			return x, nil
		}
		p.add(x.Seen - seen)
		seen = x.Seen
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("run %s goes on when the room is served: %w", asked.ID, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c classifyRun) report(out output, x *house.ClassifyRun) error {
	if c.JSON {
		if err := out.json(x); err != nil {
			return err
		}
	} else {
		c.table(out, x)
	}
	if x.State == house.ClassifyFailed {
		return fmt.Errorf("the run was broken off: %s", x.Problem)
	}
	if x.Failed+x.Refused > 0 {
		return classifyIncomplete
	}
	return nil
}

func (c classifyRun) table(out output, x *house.ClassifyRun) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, n := range x.Notes {
		if i == 0 {
			fmt.Fprintln(w, "WHAT\tOBJECT\tVERSION\tWHY")
		}
		fmt.Fprintf(w, "%s\t%s/%s\t%s\t%s\n", n.Kind, n.Bucket, n.Key, n.Version, n.Text)
	}
	w.Flush()
	if x.More > 0 {
		out.printf("and %d more\n", x.More)
	}
	did := "became stricter"
	if x.Dry {
		did = "would become stricter"
	}
	out.printf("%s: %d looked through (%d bytes) by detectors %s, of which %s %s\n", count(x.Seen, "version"), x.Scanned, x.Bytes, x.Detectors, count(x.Tightened, "label"), did)
	out.printf("not opened: %d recordings and pictures, confidential by nature; %d that these detectors had looked at\n", x.Media, x.Current)
	out.printf("not looked at: what %d say, which detectors cannot read; the rest of %d that are too long; %d refused by policy; %d failed\n", x.Unread, x.Partly, x.Refused, x.Failed)
	for _, id := range slices.Sorted(maps.Keys(x.Found)) {
		out.printf("found %s %d times\n", id, x.Found[id])
	}
}

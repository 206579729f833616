package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"strongroom"
	"strongroom/internal/frontdoor"
	"strongroom/internal/house"
	"strongroom/internal/landing"
	"strongroom/know/intake"
	"strongroom/vault"
)

type intakeCommand struct {
	Drain   intakeRun     `cmd:"" name:"run" help:"Empty a landing place into a bucket of the room, and go on doing so."`
	Check   intakeCheck   `cmd:"" help:"Show what a mapping makes of keys, touching nothing."`
	Mapping intakeMapping `cmd:"" help:"List the built-in mappings, or print one."`
}

// intakeFailed is the exit status of a run that went well and has findings.
const intakeFailed = exitError(3)

type intakeRun struct {
	roomFlags
	Source  string `required:"" help:"What to empty: s3://bucket/prefix?endpoint=…&region=…&profile=…, or file:///folder." placeholder:"URL"`
	Mapping string `required:"" help:"What the files are: a built-in mapping or a file." placeholder:"NAME|FILE"`
	Into    string `help:"Bucket of the room to store in, unless the mapping names it." placeholder:"BUCKET"`
	Queue   string `help:"SQS queue on which the source announces what arrives; a hint only." placeholder:"URL"`

	Door      string `help:"S3 address of the server that serves the room; without it this process opens the room itself." placeholder:"URL"`
	Principal string `help:"With --door, the name of the principal whose access key is set." placeholder:"NAME"`
	API       string `help:"With --door, address of the server's API, to have what is overdue alert; the token is in STRONGROOM_TOKEN." placeholder:"URL"`

	Once           bool          `help:"End when nothing more can be taken now."`
	JSON           bool          `help:"Print reports as JSON, one a line."`
	FailOnFindings bool          `help:"Exit with status 3 where there were findings."`
	Workers        int           `default:"4" help:"Files under way at once."`
	Window         int           `default:"100000" help:"Keys held in memory at once."`
	Wait           time.Duration `default:"-1s" help:"How long a recording waits for its metadata, in place of the mapping's."`
	Settle         time.Duration `default:"-1s" help:"Leave what changed less than so long ago; 30s for a folder, else 0s, where left out."`
	Old            time.Duration `default:"15m" help:"What has been there longer is a finding."`
	Interval       time.Duration `default:"1m" help:"Time between two listings."`
}

func (intakeRun) Help() string {
	return `Each recording is stored, read back through the front door and compared; only then are it and its metadata deleted at the
source, every version of them. It can be ended at any instant and started again. The room's access key comes from
STRONGROOM_ACCESS_KEY_ID and STRONGROOM_SECRET_ACCESS_KEY, of a workload in the group intake; the source's credentials from where
the AWS tools find them. What is overdue is told to the room once when it begins and once when it is over, and alerts there: by a
process that opens the room itself always, through a door with --api and a token of the workload (scope api) in STRONGROOM_TOKEN.

Examples:
  strongroom intake run --source s3://genesys-export --mapping genesys-cloud --into recordings --door https://strongroom.example:7480 --principal drain \
    --api https://strongroom.example:7400
  strongroom intake run --source 's3://export/calls?endpoint=https://minio.example:9000' --mapping my.json --into recordings --once --json
  strongroom intake run --source file:///srv/export --mapping plain --into recordings --once --fail-on-findings`
}

func readMapping(name string) (*intake.Mapping, error) {
	if !strings.ContainsAny(name, `/\`) && !strings.HasSuffix(name, ".json") {
		return intake.Named(name)
	}
	text, err := readFile(name, 1<<20)
	if err != nil {
		return nil, err
	}
	m, err := intake.ParseMapping(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

func (c intakeRun) Run(ctx context.Context, out output) error {
	mapping, err := readMapping(c.Mapping)
	if err != nil {
		return err
	}
	source, err := landing.Open(ctx, c.Source)
	if err != nil {
		return err
	}
	var queue intake.Queue
	if c.Queue != "" {
		if queue, err = c.openQueue(ctx); err != nil {
			return err
		}
	}
	if c.Settle < 0 {
		c.Settle = 0
		if source.Bucket() == "" {
			c.Settle = 30 * time.Second
		}
	}
	config := intake.Config{
		Source: source, Mapping: mapping, Into: c.Into, Queue: queue, Log: slog.New(slog.NewTextHandler(out.errors, nil)),
		Workers: c.Workers, Window: c.Window, Wait: c.Wait, Settle: c.Settle, Old: c.Old, Interval: c.Interval,
	}
	if c.API != "" {
		if c.Door == "" {
			return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "--api goes with --door: a process that opens the room itself tells it without"}
		}
		if config.Reports, err = frontdoor.OpenFindings(c.API, os.Getenv("STRONGROOM_TOKEN")); err != nil {
			return err
		}
	}
	if c.Door != "" {
		id, key := credentials()
		if c.Principal == "" {
			return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "--door needs --principal: what is stored says who stored it, and that is whose access key is set"}
		}
		door, err := frontdoor.Open(frontdoor.Config{URL: c.Door, KeyID: id, Secret: key, Principal: c.Principal, Purpose: intake.Purpose})
		if err != nil {
			return err
		}
		config.Store = door
		return c.drain(ctx, out, config)
	}
	return c.inside(ctx, out, func(h *house.House) error {
		who, err := caller(h, strongroom.Purpose{Text: intake.Purpose})
		if err != nil {
			return err
		}
		room, err := intake.Inside(h.Room, func() (vault.Caller, error) {
			now, err := h.Room.Credential(who.Session)
			fresh := who
			fresh.Principal = now.Principal
			return fresh, err
		})
		if err != nil {
			return err
		}
		config.Store, config.Reports = room, room
		return c.drain(ctx, out, config)
	})
}

func (c intakeRun) openQueue(ctx context.Context) (intake.Queue, error) {
	region, profile, plain := landing.Flags(c.Source)
	return landing.OpenSQS(ctx, c.Queue, region, profile, plain, nil)
}

// inside opens the room as whoever serves it does, since reading back needs its keys.
func (c intakeRun) inside(ctx context.Context, out output, do func(*house.House) error) error {
	info, err := c.find()
	if err != nil {
		return err
	}
	h, err := house.Open(ctx, c.Data, info, house.Options{Serve: true, Log: slog.New(slog.NewTextHandler(out.errors, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if strongroom.KindOf(err) == strongroom.KindConflict {
		return &strongroom.Error{
			Kind: strongroom.KindConflict, Message: fmt.Sprintf("room %q is being served by another process", info.Name),
			Hint: "give --door with that server's S3 address, and --principal", Cause: err,
		}
	} else if err != nil {
		return err
	}
	err = do(h)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return errors.Join(err, h.Close(closing))
}

func (c intakeRun) drain(ctx context.Context, out output, config intake.Config) error {
	i, err := intake.New(config)
	if err != nil {
		return err
	}
	stop := watchIntake(out, i)
	found := false
	show := func(r intake.Report, err error) {
		found = found || len(r.Counts) > 0
		if c.Once || r.Files+r.Metadata+r.Deleted > 0 || len(r.Counts) > 0 {
			c.show(out, r)
		}
		if err != nil && !c.Once {
			report(out.errors, err)
		}
	}
	if c.Once {
		var r intake.Report
		r, err = i.Once(ctx)
		stop()
		show(r, err)
	} else {
		err = i.Run(ctx, show)
		stop()
	}
	if err == nil && found && c.FailOnFindings {
		return intakeFailed
	}
	return err
}

// shownFindings bounds what is printed of findings for people; the log and the JSON have
// more.
const shownFindings = 20

func (c intakeRun) show(out output, r intake.Report) {
	if c.JSON {
		if err := json.NewEncoder(out).Encode(r); err != nil {
			report(out.errors, err)
		}
		return
	}
	out.printf("%s: %s and %s stored and read back, %.1f MB in %.1f s (%.1f MB/s); %s deleted there, %d left, %d waiting\n",
		r.Source, count(r.Files, "recording"), count(r.Metadata, "metadata file"), float64(r.Bytes)/1e6, r.Seconds,
		float64(r.Bytes)/1e6/max(r.Seconds, 0.001), count(r.Deleted, "version"), r.Left, r.Waiting)
	if r.Resumed > 0 {
		out.printf("%s stored already, found to be the same\n", count(r.Resumed, "file"))
	}
	for n, f := range r.Findings {
		if n == shownFindings {
			out.printf("… %d more\n", len(r.Findings)-n)
			break
		}
		out.printf("finding  %-9s %s: %s\n", f.Kind, f.Key, f.Detail)
	}
	var sums []string
	for _, kind := range slices.Sorted(maps.Keys(r.Counts)) {
		sums = append(sums, fmt.Sprintf("%d %s", r.Counts[kind], kind))
	}
	if len(sums) > 0 {
		out.printf("findings: %s\n", strings.Join(sums, ", "))
	}
}

// watchIntake shows how far an intake is: on a terminal in one line that changes, elsewhere
// in a line every half minute while something goes.
func watchIntake(out output, i *intake.Intake) (stop func()) {
	f, _ := out.errors.(*os.File)
	terminal := false
	if f != nil {
		info, err := f.Stat()
		terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	every := 30 * time.Second
	if terminal {
		every = 500 * time.Millisecond
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		last, when := i.Progress(), time.Now()
		for {
			select {
			case <-done:
				if terminal {
					fmt.Fprint(out.errors, "\r\x1b[K")
				}
				return
			case <-tick.C:
			}
			p := i.Progress()
			seconds := time.Since(when).Seconds()
			if p.Files == last.Files && p.Bytes == last.Bytes && !terminal {
				when = time.Now()
				continue
			}
			line := progressLine(p, float64(p.Files-last.Files)/seconds, float64(p.Bytes-last.Bytes)/seconds)
			if terminal {
				fmt.Fprintf(out.errors, "\r\x1b[K%s", line)
				if seconds < 5 {
					continue // the rate is over the last seconds, not the last half
				}
			} else {
				fmt.Fprintln(out.errors, line)
			}
			last, when = p, time.Now()
		}
	}()
	return func() { close(done); <-ended }
}

func progressLine(p intake.Progress, files, bytes float64) string {
	line := fmt.Sprintf("%d files, %.1f MB taken; %.0f files/s, %.1f MB/s; %d files, %.1f MB left", p.Files, float64(p.Bytes)/1e6, files, bytes/1e6, p.FilesLeft, float64(p.AllLeft)/1e6)
	var eta float64
	if files > 0 {
		eta = float64(p.FilesLeft) / files
	}
	if bytes > 0 {
		eta = max(eta, float64(p.AllLeft)/bytes)
	}
	if eta > 0 {
		line += fmt.Sprintf(", about %s", time.Duration(eta*float64(time.Second)).Round(time.Second))
	}
	if p.Oldest > 0 {
		line += fmt.Sprintf("; the oldest was there for %s", p.Oldest.Round(time.Second))
	}
	return line
}

type intakeCheck struct {
	Mapping string   `required:"" help:"A built-in mapping or a file." placeholder:"NAME|FILE"`
	Into    string   `help:"Bucket of the room." placeholder:"BUCKET"`
	Sample  []string `sep:"none" help:"A key, or a file or folder with the layout of the source, whose contents are then read. May be repeated." placeholder:"KEY|FILE"`
	Keys    string   `help:"File with a key a line, - for standard input." placeholder:"FILE"`
	JSON    bool     `help:"Print JSON."`
}

func (intakeCheck) Help() string {
	return `Nothing is asked of any source or room. Where a sample is a file here its content serves for the attributes; a
folder is walked, and keys are as seen from it. It fails where a key is unknown to the mapping or an attribute cannot be used.

Examples:
  strongroom intake check --mapping genesys-cloud --sample ./export
  aws s3api list-objects-v2 --bucket export --query 'Contents[].[Key]' --output text | strongroom intake check --mapping my.json --keys -`
}

// maxSamples bounds what is checked at once.
const maxSamples = 100_000

func (c intakeCheck) Run(out output) error {
	mapping, err := readMapping(c.Mapping)
	if err != nil {
		return err
	}
	samples, err := c.samples(mapping.Limits.MetadataBytes)
	if err != nil {
		return err
	}
	if len(samples) == 0 {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "there is nothing to check", Hint: "give --sample or --keys"}
	}
	all := mapping.Explain(c.Into, samples)
	bad := 0
	for _, e := range all {
		if e.As == "unknown" || len(e.Problems) > 0 {
			bad++
		}
	}
	if c.JSON {
		err = out.json(all)
	} else {
		for _, e := range all {
			printExplained(out, e)
		}
		out.printf("%s, %d of them unknown or with problems\n", count(len(all), "key"), bad)
	}
	if err == nil && bad > 0 {
		return intakeFailed
	}
	return err
}

func printExplained(out output, e intake.Explained) {
	out.printf("%s\n  %s", e.Key, e.As)
	if e.Rule != "" {
		out.printf(" by %s", e.Rule)
	}
	out.printf("\n")
	if e.Destination != "" {
		out.printf("  to %s\n", strings.TrimPrefix(e.Bucket+"/"+e.Destination, "/"))
	}
	for _, k := range e.JoinedWith {
		out.printf("  joined with %s\n", k)
	}
	if e.Unjoined {
		out.printf("  no metadata among the samples: it would wait, then be taken as unjoined\n")
	}
	for _, name := range slices.Sorted(maps.Keys(e.Attributes)) {
		out.printf("  %s%s: %s\n", strongroom.AttributePrefix, name, e.Attributes[name])
	}
	for _, p := range e.Problems {
		out.printf("  problem: %s\n", p)
	}
}

func (c intakeCheck) samples(limit int64) ([]intake.Sample, error) {
	var out []intake.Sample
	read := func(path, key string) error {
		if len(out) == maxSamples {
			return fmt.Errorf("there are more than %d samples", maxSamples)
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		s := intake.Sample{Key: filepath.ToSlash(key)}
		if info.Size() <= limit {
			if s.Content, err = readFile(path, limit); err != nil {
				return err
			}
		}
		out = append(out, s)
		return nil
	}
	for _, sample := range c.Sample {
		info, err := os.Stat(sample)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			out = append(out, intake.Sample{Key: sample})
		case err != nil:
			return nil, err
		case info.IsDir():
			err = filepath.WalkDir(sample, func(path string, d fs.DirEntry, err error) error {
				if err != nil || !d.Type().IsRegular() {
					return err
				}
				key, err := filepath.Rel(sample, path)
				if err != nil {
					return err
				}
				return read(path, key)
			})
			if err != nil {
				return nil, fmt.Errorf("reading %s: %w", sample, err)
			}
		default:
			if err := read(sample, filepath.Clean(sample)); err != nil {
				return nil, fmt.Errorf("reading %s: %w", sample, err)
			}
		}
	}
	if c.Keys == "" {
		return out, nil
	}
	const limitOfKeys = 128 << 20
	var text []byte
	var err error
	if c.Keys == "-" {
		text, err = readBounded(os.Stdin, limitOfKeys)
	} else {
		text, err = readFile(c.Keys, limitOfKeys)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the keys: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if lines.Text() == "" {
			continue
		}
		if len(out) == maxSamples {
			return nil, fmt.Errorf("there are more than %d keys", maxSamples)
		}
		out = append(out, intake.Sample{Key: lines.Text()})
	}
	return out, lines.Err()
}

type intakeMapping struct {
	Name string `arg:"" optional:"" help:"Built-in mapping to print."`
}

func (c intakeMapping) Run(out output) error {
	if c.Name != "" {
		text, err := intake.Text(c.Name)
		if err != nil {
			return err
		}
		_, err = out.Write(text)
		return err
	}
	for _, name := range intake.BuiltIn() {
		m, err := intake.Named(name)
		if err != nil {
			return err
		}
		out.printf("%-16s %s\n", m.Name, m.Comment[0])
	}
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/synth"
	"strongroom/vault"
)

type demoCommand struct {
	Data    string `help:"Folder for the room, which must not hold one; a temporary one that goes away at the end where left out." placeholder:"DIR"`
	Calls   int    `default:"60" help:"How many calls, 1 to 10,000."`
	S3      string `name:"s3" default:"127.0.0.1:7480" help:"Address of the S3 endpoint." placeholder:"ADDR"`
	Console string `default:"127.0.0.1:7400" help:"Address of the console." placeholder:"ADDR"`
	Exit    bool   `help:"End after the demonstration instead of serving on."`
}

func (demoCommand) Help() string {
	return `Where an address is taken another port is found. Everything is synthetic, and so is the
history: its records bear times of the six weeks before, by a clock that is set while it is made.

Examples:
  strongroom demo
  strongroom demo --exit
  strongroom demo --data demo-data --calls 200`
}

const demoBucket = "recordings"

func (c demoCommand) Run(ctx context.Context, out output) (err error) {
	if c.Calls < 1 || c.Calls > 10_000 {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "--calls is 1 to 10,000"}
	}
	dir := c.Data
	if dir == "" {
		if dir, err = os.MkdirTemp("", "strongroom-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	until := time.Now().UTC().Truncate(time.Hour)
	clock := &demoClock{at: until.AddDate(0, 0, -demoBefore-demoDays)}
	serve := serveCommand{clock: clock.now, Data: dir, S3: freeUnless(c.S3), Console: freeUnless(c.Console), MaxPresign: 15 * time.Minute, Concurrent: 256}
	founded, err := house.Found(ctx, house.Founding{Dir: dir, Name: "demo", Owner: "claire.fontaine", Console: "http://localhost:" + port(serve.Console), Clock: clock.now})
	if err != nil {
		return err
	}
	level := new(slog.LevelVar) // the story is told below, not in the log
	level.Set(slog.LevelError)
	s, err := serve.start(ctx, slog.New(slog.NewTextHandler(out.errors, &slog.HandlerOptions{Level: level})))
	if err != nil {
		return err
	}
	d := demo{output: out, house: s.houses[0], founded: founded, server: s, dir: dir, bucket: demoBucket}
	if err := d.show(ctx, c.Calls, clock, until); err != nil {
		return errors.Join(err, s.close())
	}
	level.Set(slog.LevelWarn)
	if c.Exit {
		return s.close()
	}
	d.next()
	return s.wait(ctx)
}

// freeUnless returns addr, or where something listens on it already an address of the
// same host with a free port.
func freeUnless(addr string) string {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		host, _, _ := net.SplitHostPort(addr)
		if l, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
			return addr
		}
	}
	defer l.Close()
	return l.Addr().String()
}

// port is that of an address.
func port(addr string) string {
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "7400"
	}
	return p
}

type demo struct {
	output
	house   *house.House
	founded house.Founded
	server  *server
	dir     string
	bucket  string
	sample  strongroom.Object // the call that is asked for
	told    *life             // what went before
}

func (d *demo) show(ctx context.Context, calls int, clock *demoClock, until time.Time) error {
	owner, err := d.as(d.founded.KeyID, "setting up the demonstration")
	if err != nil {
		return err
	}
	d.printf("room %s in %s\n\n", d.founded.Room, d.dir)
	if err := d.fill(ctx, owner, calls, clock, until); err != nil {
		return err
	}
	supervisor, err := d.supervisor(ctx, owner)
	if err != nil {
		return err
	}
	d.printf("\n%s supervises queue %s and asks for %s\n", supervisor.Principal.Name, d.sample.Attribute("queue"), d.short(d.sample.Key))

	d.printf("\n1. without saying why\n")
	from := d.house.Book.Head().Size
	_, err = d.read(ctx, supervisor)
	if strongroom.KindOf(err) != strongroom.KindDenied {
		return fmt.Errorf("the read should have been refused, but: %v", err)
	}
	d.printf("   refused: %v\n", err)
	if err := d.records(ctx, from); err != nil {
		return err
	}

	supervisor.Purpose = strongroom.Purpose{Text: "customer complaint", Ticket: "CASE-4711"}
	d.printf("\n2. for %q, ticket %s\n", supervisor.Purpose.Text, supervisor.Purpose.Ticket)
	from = d.house.Book.Head().Size
	n, err := d.read(ctx, supervisor)
	if err != nil {
		return fmt.Errorf("the read should have been permitted: %w", err)
	}
	d.printf("   permitted: %d bytes read and verified\n", n)
	if err := d.records(ctx, from); err != nil {
		return err
	}

	d.printf("\n3. the ledger, recomputed from its records\n")
	if err := d.house.Room.Witness(ctx); err != nil {
		return err
	}
	info, b, err := house.AuditBook(ctx, d.house.Path)
	if err != nil {
		return err
	}
	defer b.Close()
	v, err := verifyRoom(ctx, d.house.Path, info, b, nil, true, output{io.Discard, io.Discard})
	if err != nil {
		return err
	}
	v.print(output{indent{d.output}, d.errors})
	if len(v.Problems) > 0 || !v.State.Sound() {
		return errors.New("the ledger does not verify")
	}
	return d.told.answers(ctx)
}

// as returns the caller that an access key proves.
func (d *demo) as(keyID, purpose string) (vault.Caller, error) {
	c, err := d.house.Room.Credential(keyID)
	return vault.Caller{Principal: c.Principal, Session: keyID, Method: "local", RequestID: strongroom.NewID().String(), Purpose: strongroom.Purpose{Text: purpose}}, err
}

// fill lets the synthetic contact centre work for some weeks.
func (d *demo) fill(ctx context.Context, owner vault.Caller, calls int, clock *demoClock, until time.Time) error {
	start := time.Now()
	l, err := d.live(ctx, clock, owner, calls, until)
	if err != nil {
		return err
	}
	var counts []string
	for kind, n := range l.kinds {
		counts = append(counts, fmt.Sprintf("%d %s", n, plural(kind, n)))
	}
	slices.Sort(counts)
	d.printf("%s of a synthetic contact centre, %s, made up in %.1f s: %d people, %d files of %.1f MB stored (%s), %d opened, %s\n",
		demoWeeks, l.centre.Organisation, time.Since(start).Seconds(), len(l.centre.People()), l.files, float64(l.size)/1e6, strings.Join(counts, ", "), l.opened, count(l.refused, "refusal"))
	d.told = l
	if n := len(l.waiting.Objects); n > 0 {
		d.printf("%s, who looks into complaints, asked to open %d calls at once: the request waits in the console\n", l.waiting.AskerName, n)
	}
	d.printf("all that is on record before now was made up just now, with a clock that ran through those weeks\n")
	d.printf("each is sealed to %s (ML-KEM-768 with X25519), and each has its record\n", d.house.Room.Recipient(vault.StandardCustody))
	return nil
}

func plural(kind string, n int) string {
	if n == 1 || kind == synth.KindMetadata {
		return kind
	}
	return kind + "s"
}

// supervisor returns one who supervises the sample's queue.
func (d *demo) supervisor(ctx context.Context, owner vault.Caller) (vault.Caller, error) {
	all, err := d.house.Room.Principals(ctx, owner)
	if err != nil {
		return vault.Caller{}, err
	}
	for _, p := range all {
		if slices.Contains(p.Groups, "supervisors") && slices.Contains(p.Attributes["supervises"], d.sample.Attribute("queue")) {
			k, err := d.house.Room.CreateKey(ctx, owner, p.Name, 24*time.Hour)
			if err != nil {
				return vault.Caller{}, err
			}
			return d.as(k.ID, "")
		}
	}
	return vault.Caller{}, fmt.Errorf("nobody supervises queue %q", d.sample.Attribute("queue"))
}

func (d *demo) read(ctx context.Context, c vault.Caller) (int64, error) {
	opened, err := d.house.Room.Open(ctx, c, vault.GetRequest{Bucket: d.sample.Bucket, Key: d.sample.Key, Plan: func(o strongroom.Object) (int64, int64, error) {
		return 0, o.Size, nil
	}})
	if err != nil {
		return 0, err
	}
	n, err := opened.WriteTo(io.Discard)
	return n, errors.Join(err, opened.Close())
}

// records prints the records from an index on, waiting for that of a delivery, which
// is written off the reader's way.
func (d *demo) records(ctx context.Context, from int64) error {
	for range 100 {
		if size := d.house.Book.Head().Size; size > from {
			last, err := d.house.Book.Record(ctx, size-1)
			if err != nil {
				return err
			}
			if leaf, err := last.Check(); err != nil || leaf.Kind != "release" {
				break
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	for r, err := range d.house.Book.Records(ctx, from, d.house.Book.Head().Size) {
		if err != nil {
			return err
		}
		s, err := show(r, true)
		if err != nil {
			return err
		}
		d.printf("   record %d  %s  %s: %s\n", s.Index, s.Time.Format(time.TimeOnly), s.Kind, d.short(s.line()))
		short, err := shorten(s.Evidence)
		if err != nil {
			return err
		}
		d.printf("     %s\n", short)
	}
	return nil
}

// short leaves the folders out of the sample's key.
func (d *demo) short(text string) string {
	return strings.ReplaceAll(text, d.sample.Key, "…/"+path.Base(d.sample.Key))
}

// shorten is evidence in one line, long digests cut.
func shorten(evidence json.RawMessage) (string, error) {
	var m map[string]any
	if err := json.Unmarshal(evidence, &m); err != nil {
		return "", err
	}
	for k, v := range m {
		if s, ok := v.(string); ok && len(s) > 16 && k != "action" {
			m[k] = s[:12] + "…"
		}
	}
	out, err := json.Marshal(m)
	return string(out), err
}

// indent sets each line in by three spaces.
type indent struct{ w io.Writer }

func (i indent) Write(p []byte) (int, error) {
	text := "   " + strings.ReplaceAll(strings.TrimSuffix(string(p), "\n"), "\n", "\n   ") + "\n"
	_, err := io.WriteString(i.w, text)
	return len(p), err
}

// next prints the commands to try against the demonstration.
func (d *demo) next() {
	program, err := os.Executable()
	if err != nil || strings.Contains(program, string(filepath.Separator)+"go-build") {
		program = "go run ./cmd/strongroom"
	}
	d.printf(`
serving   S3 %s   console %s   (Ctrl-C ends it)

the console, filled: open this link once and register a passkey, then log on
  %s

try next, in another terminal:

  export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s AWS_REGION=us-east-1
  aws --endpoint-url %s s3 ls --recursive --summarize s3://%s/ | tail -5
  curl -s -o call.wav "$(%s presign --endpoint %s --purpose "trying it out" 's3://%s/%s')"
  %s ledger tail --data %s -n 5 --purpose "trying it out"
  %s limit explain --data %s --principal %s --bucket %s --key '%s'
  %s know ls --data %s
  %s monitor who --data %s
  %s limit propose --data %s
  %s alert ls --data %s
  %s ledger verify --data %s --state
  %s ledger redecide --data %s
`, d.server.s3URL, d.server.consoleURL, d.founded.SetupURL, d.founded.KeyID, d.founded.Secret, d.server.s3URL, d.bucket,
		program, d.server.s3URL, d.bucket, d.sample.Key, program, d.dir, program, d.dir, d.sample.Attribute("agent"), d.bucket, d.sample.Key,
		program, d.dir, program, d.dir, program, d.dir, program, d.dir,
		program, d.dir, program, d.dir)
}

// Command soak runs the built server under a mixed load for a time that is given, an
// hour unless told otherwise, and then says whether anything gave way. Client
// processes of its own store, read, list, copy and delete, and others read and write
// slowly, break off, lie about lengths, replay and guess. It samples memory, goroutines,
// open files, ledger and disk, and at the end compares every object, the files with the
// rows, and the ledger with itself. It ends by itself, prints Markdown, and fails if a
// limit did not hold. Everything runs on loopback in a folder that it removes.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"strongroom/internal/bench/lean"
)

// course is how a soak is to run.
type course struct {
	length time.Duration
	rate   float64 // requests a second of all who mean well together
	parts  int     // of the one very large upload
	binary string
	dir    string
}

func main() {
	isWorker := flag.Bool("worker", false, "be a client process: read what to do from standard input")
	var c course
	flag.DurationVar(&c.length, "for", time.Hour, "how `long`")
	flag.Float64Var(&c.rate, "rate", 150, "requests a `second` of those who mean well")
	flag.IntVar(&c.parts, "parts", -1, "`number` of 5 MiB parts of one very large upload; below 0 means 10,000 in a soak of half an hour or more with the disk for it, else none")
	flag.StringVar(&c.binary, "strongroom", "", "soak this `program` instead of building one")
	flag.StringVar(&c.dir, "dir", "", "`folder` for the data (default: the temporary one)")
	flag.Parse()
	var err error
	if *isWorker {
		err = work(os.Stdin, os.Stdout)
	} else {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = c.run(ctx, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// worker processes and what each is about.
var roles = []string{"good", "good", "rough"}

func (c course) run(ctx context.Context, out io.Writer) (err error) {
	temp, err := os.MkdirTemp(c.dir, "strongroom-soak-")
	if err != nil {
		return fmt.Errorf("making the folder for the data: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	if c.binary == "" {
		c.binary = filepath.Join(temp, "strongroom")
		build := exec.CommandContext(ctx, "go", "build", "-o", c.binary, "strongroom/cmd/strongroom")
		if said, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building strongroom: %w: %s", err, said)
		}
	}
	s, err := startServer(ctx, c.binary, filepath.Join(temp, "data"))
	if err != nil {
		return err
	}
	defer s.kill()
	r := &report{course: c, started: time.Now()}

	watch := s.watch()
	if err := c.load(ctx, s, r); err != nil {
		return err
	}
	c.large(s, r)
	c.settle(ctx, s, r)
	r.samples = watch()
	r.end(c, s)
	r.print(out)
	return r.verdict()
}

// settle waits until what the rough clients left has been cut off, and erasures are
// done: a pace window, the longest delivery, and some more.
func (c course) settle(ctx context.Context, s *server, r *report) {
	first := s.calm
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(time.Second) {
		last, err := s.sample(false)
		if err == nil && last.goroutines <= first.goroutines+spareGoroutines && s.filesMatchRows(ctx) == nil {
			return
		}
	}
}

// load runs the client processes to their end and gathers what they tell.
func (c course) load(ctx context.Context, s *server, r *report) error {
	var all sync.WaitGroup
	var mu sync.Mutex
	var wrong error
	keys := make([]accessKey, len(roles))
	for i := range keys {
		var err error
		if keys[i], err = s.key(ctx); err != nil {
			return err
		}
	}
	ends := time.Now().Add(c.length)
	r.started = time.Now()
	for i, role := range roles {
		key := keys[i]
		t := task{Endpoint: lean.Endpoint{Address: s.address, KeyID: key.ID, Secret: key.Secret}, Role: role, Number: i, Ends: ends, Rate: c.rate / float64(len(roles)-1)}
		all.Go(func() {
			err := t.process(ctx, func(told telling) {
				mu.Lock()
				defer mu.Unlock()
				r.take(told)
			})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				wrong = errors.Join(wrong, fmt.Errorf("client %d (%s): %w", i, role, err))
			}
		})
	}
	all.Wait()
	return wrong
}

// process runs the task in a process of its own, and passes on what it tells.
func (t task) process(ctx context.Context, tell func(telling)) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	in, err := json.Marshal(t)
	if err != nil {
		return err
	}
	p := exec.CommandContext(ctx, self, "-worker")
	p.Stdin = strings.NewReader(string(in))
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said strings.Builder
	p.Stderr = &said
	lines, err := p.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	d := json.NewDecoder(lines)
	for {
		var told telling
		if err = d.Decode(&told); err != nil {
			break
		}
		tell(told)
	}
	if err != io.EOF {
		err = fmt.Errorf("reading what it tells: %w", err)
	} else {
		err = nil
	}
	if ended := p.Wait(); ended != nil {
		err = errors.Join(err, fmt.Errorf("%w: %s", ended, said.String()))
	}
	return err
}

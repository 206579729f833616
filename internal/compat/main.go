// Command compat runs public S3 test suites against a room that Strongroom serves, and
// against other S3 servers beside it: the client-side suite of versitygw, case by case,
// and minio-go's functional tests, function by function. The suites are installed at
// fixed versions and only run; nothing of them is part of the program. What Strongroom
// misses must stand in reasons.txt with its reason: a miss without one fails the run,
// and so does a case that passes although it is listed. With -write the figures and the
// reasons become the table in docs/s3-compatibility.md.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

//go:embed reasons.txt
var reasonsText string

// plan is what a run does.
type plan struct {
	strongroom string   // program; empty means that one is built
	cache      string   // folder in which suites and peers are installed
	servers    []string // ours is "strongroom"
	suites     []string
	only       *regexp.Regexp
	timeout    time.Duration // of each case
	page       string        // to write
	results    string        // file to write every outcome to
	jobs       int           // cases side by side
	earlier    string        // file with outcomes of servers that are not run now

	room, keyID, secret string // that is copied for each server, and the access key there
}

func main() {
	var p plan
	flag.StringVar(&p.strongroom, "strongroom", "", "run this `program` instead of building one")
	flag.StringVar(&p.cache, "cache", defaultCache(), "`folder` in which suites and peers are installed")
	servers := flag.String("servers", strings.Join(serverNames, ","), "servers to run against, with commas; with none, -earlier alone is told")
	suites := flag.String("suites", strings.Join(suiteNames, ","), "suites to run, with commas")
	only := flag.String("run", "", "only the cases that match this `expression`; the table is then neither checked for completeness nor written")
	flag.DurationVar(&p.timeout, "timeout", 2*time.Minute, "longest time of one case")
	flag.StringVar(&p.page, "write", "", "write the table into this `page`")
	flag.StringVar(&p.results, "results", "", "write every outcome, with what the case said, to this `file`")
	flag.StringVar(&p.earlier, "earlier", "", "take the outcomes of servers that are not run from this `file`, which -results wrote")
	flag.IntVar(&p.jobs, "jobs", 2, "`cases` to run side by side, each with a server of its own")
	flag.Parse()
	comma := func(r rune) bool { return r == ',' }
	p.servers, p.suites = strings.FieldsFunc(*servers, comma), strings.FieldsFunc(*suites, comma)
	if *only != "" {
		e, err := regexp.Compile(*only)
		if err != nil {
			fmt.Fprintln(os.Stderr, "compat: -run:", err)
			os.Exit(2)
		}
		p.only = e
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := p.run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		os.Exit(1)
	}
}

// defaultCache is the folder in which the benchmark keeps its peers: they are the same.
func defaultCache() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "strongroom-bench")
}

func (p plan) run(ctx context.Context, out io.Writer) (err error) {
	known, err := parseReasons(reasonsText)
	if err != nil {
		return fmt.Errorf("reading reasons.txt: %w", err)
	}
	for _, name := range p.servers {
		if !slices.Contains(serverNames, name) {
			return fmt.Errorf("-servers: there is no server %q, but %s", name, strings.Join(serverNames, ", "))
		}
	}
	for _, name := range p.suites {
		if !slices.Contains(suiteNames, name) {
			return fmt.Errorf("-suites: there is no suite %q, but %s", name, strings.Join(suiteNames, ", "))
		}
	}
	if p.page != "" && (p.only != nil || len(p.servers) < len(serverNames) && p.earlier == "" || len(p.suites) < len(suiteNames)) {
		return errors.New("-write needs a whole run: leave -run, -servers and -suites out")
	}
	var earlier []result
	if p.earlier != "" {
		if earlier, err = readResults(p.earlier); err != nil {
			return err
		}
		earlier = slices.DeleteFunc(earlier, func(r result) bool { return slices.Contains(p.servers, r.server) })
	}
	temp, err := os.MkdirTemp("", "strongroom-compat-")
	if err != nil {
		return fmt.Errorf("making the folder for the data: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	if p.strongroom == "" && slices.Contains(p.servers, ours) {
		p.strongroom = filepath.Join(temp, "strongroom")
		if err := command(ctx, "", nil, "go", "build", "-o", p.strongroom, "strongroom/cmd/strongroom"); err != nil {
			return fmt.Errorf("building strongroom: %w", err)
		}
	}
	if slices.Contains(p.servers, ours) {
		p.room = filepath.Join(temp, "room")
		if p.keyID, p.secret, err = foundRoom(ctx, p.strongroom, p.room); err != nil {
			return err
		}
	}
	told := &output{Writer: out, results: io.Discard}
	if p.results != "" {
		var f *os.File
		if f, err = os.Create(p.results); err != nil {
			return fmt.Errorf("making the file for the results: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		told.results = f
	}
	results := earlier
	for _, name := range p.suites {
		suite, err := installSuite(ctx, name, p.cache, temp)
		if err != nil {
			return fmt.Errorf("installing the suite %s: %w", name, err)
		}
		for _, server := range p.servers {
			r, err := p.runSuite(ctx, told, suite, server, temp)
			if err != nil {
				return fmt.Errorf("running %s against %s: %w", name, server, err)
			}
			results = append(results, r)
		}
	}
	var wrong []string
	for _, r := range results {
		fmt.Fprintf(out, "%s: %s passes %d of %d\n", r.suite, r.server, r.passed(), len(r.outcomes))
		if r.server == ours {
			wrong = append(wrong, known.objections(r, p.only == nil)...)
		}
	}
	for _, w := range wrong {
		fmt.Fprintln(out, w)
	}
	if p.page != "" {
		if err := writePage(p.page, results, known); err != nil {
			return err
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%d cases are not as reasons.txt says: mend what they found, or write down why it is so", len(wrong))
	}
	return nil
}

// runSuite runs a suite's cases, some side by side, each on a server of its own. Where a
// case leaves something behind, the next gets a fresh server: cases name their buckets
// alike.
func (p plan) runSuite(ctx context.Context, out *output, s suite, name, temp string) (result, error) {
	started := time.Now()
	var names []string
	for _, c := range s.cases() {
		if p.only == nil || p.only.MatchString(c) {
			names = append(names, c)
		}
	}
	outcomes := make([]outcome, len(names))
	var next atomic.Int64
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	for range min(p.jobs, len(names)) {
		all.Go(func() {
			w := worker{plan: p, suite: s, server: name, temp: temp}
			defer w.discard()
			for n := int(next.Add(1)) - 1; n < len(names) && ctx.Err() == nil; n = int(next.Add(1)) - 1 {
				o, err := w.run(ctx, names[n])
				if err == nil {
					outcomes[n] = o
					err = out.tell(s.name(), name, o)
				}
				if err != nil {
					stop(err)
				}
			}
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return result{}, context.Cause(ctx)
	}
	fmt.Fprintf(out, "%s against %s took %s\n", s.name(), name, time.Since(started).Round(time.Second))
	return result{s.name(), name, outcomes}, nil
}

// worker runs one case after the other.
type worker struct {
	plan
	suite  suite
	server string
	temp   string
	at     *server
}

func (w *worker) discard() {
	if w.at != nil {
		w.at.discard()
		w.at = nil
	}
}

func (w *worker) run(ctx context.Context, name string) (o outcome, err error) {
	for _, variant := range variants(w.suite) {
		if w.at != nil && (w.at.variant != variant && w.server == "versitygw" || !w.at.clean(ctx)) {
			w.discard()
		}
		if w.at == nil {
			if w.at, err = startServer(ctx, w.server, variant, w.plan, w.temp); err != nil {
				return o, err
			}
		}
		w.at.variant = variant
		got := w.suite.run(ctx, name, w.at, w.timeout)
		if err := ctx.Err(); err != nil {
			return o, err
		}
		if variant == versioned || got.passed {
			o = got // what the first said tells more
		}
		if o.passed {
			break
		}
	}
	return o, nil
}

// output is where the run tells how it goes: misses to whoever watches, every outcome to
// a file, a line each: server, suite, pass or miss, case, what it said.
type output struct {
	io.Writer
	mu      sync.Mutex
	results io.Writer
}

func (w *output) tell(suite, server string, o outcome) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	word := "pass"
	if !o.passed {
		word = "miss"
		fmt.Fprintf(w, "%s %s: %s: %s\n", server, suite, o.name, o.said)
	}
	if _, err := fmt.Fprintln(w.results, strings.Join([]string{server, suite, word, o.name, o.said}, "\t")); err != nil {
		return fmt.Errorf("writing the results: %w", err)
	}
	return nil
}

// readResults reads what an earlier run wrote.
func readResults(path string) ([]result, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading earlier results: %w", err)
	}
	var results []result
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 5)
		if len(f) != 5 {
			return nil, fmt.Errorf("reading earlier results: %s has a line that is none: %q", path, line)
		}
		at := slices.IndexFunc(results, func(r result) bool { return r.server == f[0] && r.suite == f[1] })
		if at < 0 {
			at = len(results)
			results = append(results, result{suite: f[1], server: f[0]})
		}
		results[at].outcomes = append(results[at].outcomes, outcome{f[3], f[2] == "pass", f[4]})
	}
	return results, nil
}

// command runs a program and says its last words where it fails.
func command(ctx context.Context, dir string, env []string, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), env...)
	if said, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, lastLines(string(said), 5))
	}
	return nil
}

func lastLines(said string, n int) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}

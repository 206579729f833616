// Command bench measures Strongroom against its performance budget, in one run on
// one machine beside what it is compared with: raw fsync on the same file system,
// and other S3 servers under the same client. It prints each limit, what was
// measured, the ratio, and whether the limit is met. Servers and clients run in
// processes of their own over loopback; every server that it starts it also ends.
// A peer that cannot be installed is named, and the run goes on without it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"strongroom/internal/disk"
)

// plan is how much is measured.
type plan struct {
	rounds    int           // of each throughput cell; servers take turns
	cell      time.Duration // how long one cell lasts
	benchtime string        // of each Go benchmark
	peers     []string
	large     int64    // bytes of the one large upload
	listed    int      // keys to list
	install   bool     // peers that are missing
	only      []string // what the requests' names contain, beside peers; none: all
}

// plans by set: the budget, or every kind of request beside every peer.
var plans = map[string]struct{ whole, short plan }{
	"budget": {
		whole: plan{rounds: 3, cell: 3 * time.Second, benchtime: "3s", peers: []string{"minio", "versitygw"}, large: 1 << 30, install: true},
		short: plan{rounds: 1, cell: time.Second, benchtime: "500ms", peers: []string{"minio"}, large: 256 << 20},
	},
	"peers": {
		whole: plan{rounds: 3, cell: 1500 * time.Millisecond, peers: []string{"minio", "versitygw"}, large: 1 << 30, listed: 100_000, install: true},
		short: plan{rounds: 1, cell: 700 * time.Millisecond, peers: []string{"minio", "versitygw"}, large: 256 << 20, listed: 10_000},
	},
}

func main() {
	isClient := flag.Bool("client", false, "be the client process: read a job from standard input")
	set := flag.String("set", "budget", "what to measure: `budget`, or peers for every kind of request beside other servers")
	isShort := flag.Bool("short", false, "measure less: the budget in under a minute, peers in under two")
	binary := flag.String("strongroom", "", "measure this `program` instead of building one")
	peers := flag.String("peers", defaultPeers(), "`folder` in which peers are installed; empty means no peers")
	dir := flag.String("dir", "", "`folder` for the data, on the file system to be measured (default: the temporary one)")
	only := flag.String("only", "", "beside peers, put only the requests whose name contains one of these `words`, separated by commas (\"PUT 10 MiB,parts\")")
	flag.Parse()
	if *isClient {
		if err := runClient(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench client:", err)
			os.Exit(1)
		}
		return
	}
	of, known := plans[*set]
	if !known {
		fmt.Fprintf(os.Stderr, "bench: there is no set %q; give budget or peers\n", *set)
		os.Exit(2)
	}
	p := of.whole
	if *isShort {
		p = of.short
	}
	if *only != "" {
		if *set != "peers" {
			fmt.Fprintln(os.Stderr, "bench: -only goes with -set peers; the budget is measured whole")
			os.Exit(2)
		}
		p.only = strings.Split(*only, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *set, p, *binary, *peers, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func defaultPeers() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "strongroom-bench")
}

func run(ctx context.Context, out io.Writer, set string, p plan, binary, peers, dir string) (err error) {
	started := time.Now()
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp(dir, "strongroom-bench-")
	if err != nil {
		return fmt.Errorf("making the folder for the data: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	disk.Spread(temp) // or some pay for what builds removed beside their files
	if binary == "" {
		binary = filepath.Join(temp, "strongroom")
		if err := command(ctx, root, nil, "go", "build", "-o", binary, "./cmd/strongroom"); err != nil {
			return fmt.Errorf("building strongroom: %w", err)
		}
	}
	fmt.Fprintf(out, "machine: %s\n", machine())
	r := &report{}

	var servers []*server
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.stop())
		}
	}()
	ours, ready, err := startStrongroom(ctx, binary, filepath.Join(temp, "room"))
	if err != nil {
		return err
	}
	servers = append(servers, ours)
	r.add(row{what: "first run: init and ready", limit: "≤ 2 s", measured: fmt.Sprintf("%.2f s", ready.Seconds()), ratio: ready.Seconds() / 2, met: ready <= 2*time.Second})
	for _, name := range p.peers {
		s, err := startPeer(ctx, name, peers, filepath.Join(temp, name), p.install)
		if err != nil {
			fmt.Fprintf(out, "without %s: %v\n", name, err)
			continue
		}
		servers = append(servers, s)
	}

	if set == "peers" {
		if err := besidePeers(ctx, out, p, servers); err != nil {
			return err
		}
		for _, s := range servers {
			fmt.Fprintf(out, "%s: %s\n", s.name, s.durability(ctx, temp))
		}
		fmt.Fprintf(out, "\nload average at the end %s; took %s\n", loadAverage(), time.Since(started).Round(time.Second))
		return nil
	}
	if err := microbenchmarks(ctx, root, temp, p, r); err != nil {
		return err
	}
	if err := throughput(ctx, out, p, servers, r); err != nil {
		return err
	}
	for _, s := range servers {
		fmt.Fprintf(out, "%s: %s\n", s.name, s.durability(ctx, temp))
	}
	if err := memory(ctx, out, p, servers, r); err != nil {
		return err
	}
	fmt.Fprintln(out)
	r.print(out)
	fmt.Fprintf(out, "\nload average at the end %s; took %s\n", loadAverage(), time.Since(started).Round(time.Second))
	return nil
}

func moduleRoot(ctx context.Context) (string, error) {
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	path := strings.TrimSpace(string(mod))
	if err != nil || path == "" || path == os.DevNull {
		return "", errors.New("run it inside Strongroom's source tree: it builds what it measures")
	}
	return filepath.Dir(path), nil
}

// command runs a program to its end; what it said is in the error.
func command(ctx context.Context, dir string, env []string, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), env...)
	said, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(name), err, lastLines(said, 3))
	}
	return nil
}

func lastLines(b []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " / ")
}

func machine() string {
	model := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d × %s, %s, load average at the start %s", runtime.NumCPU(), model, runtime.Version(), loadAverage())
}

func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(b), " ")
	return one
}

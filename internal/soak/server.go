package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"strongroom/book"
	"strongroom/internal/bench/lean"
	"strongroom/internal/house"
)

// server is the running strongroom.
type server struct {
	binary, data     string
	address, console string
	owner            accessKey
	process          *exec.Cmd
	said             bytes.Buffer
	ended            chan error
	calm             sample // before the load
}

type accessKey struct {
	ID     string `json:"s3_access_key_id"`
	Secret string `json:"s3_secret_access_key"`
}

const bucket = "soak"

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func startServer(ctx context.Context, binary, data string) (*server, error) {
	s := &server{binary: binary, data: data, ended: make(chan error, 1)}
	var err error
	if s.address, err = freeAddress(); err != nil {
		return nil, err
	}
	if s.console, err = freeAddress(); err != nil {
		return nil, err
	}
	printed, err := exec.CommandContext(ctx, binary, "init", "--data", data, "--json").Output()
	if err != nil {
		return nil, fmt.Errorf("making a room: %w", err)
	}
	if err := json.Unmarshal(printed, &s.owner); err != nil {
		return nil, fmt.Errorf("reading what init printed: %w", err)
	}
	s.process = exec.Command(binary, "serve", "--data", data, "--s3", s.address, "--console", s.console)
	s.process.Stdout, s.process.Stderr = &s.said, &s.said
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.process.Start(); err != nil {
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	go func() { s.ended <- s.process.Wait() }()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if answer, err := http.Get("http://" + s.console + "/readyz"); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(deadline) {
			s.kill()
			return nil, fmt.Errorf("the server was not ready after 20 s: %s", s.said.String())
		}
	}
	c, err := s.dial()
	if err == nil {
		_, err = c.Do(lean.Request{Method: "PUT", Path: "/" + bucket})
		c.Close()
	}
	if err == nil {
		s.calm, err = s.sample(true)
	}
	if err != nil {
		s.kill()
	}
	return s, err
}

func (s *server) kill() {
	s.process.Process.Kill()
}

// stop ends the server as an operator would, and answers how long it took.
func (s *server) stop() (time.Duration, error) {
	began := time.Now()
	s.process.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-s.ended:
		return time.Since(began), err
	case <-time.After(40 * time.Second):
		s.kill()
		return time.Since(began), errors.New("it did not end after 40 s")
	}
}

func (s *server) dial() (*lean.Caller, error) {
	return lean.Dial(lean.Endpoint{Address: s.address, KeyID: s.owner.ID, Secret: s.owner.Secret}, "soak")
}

// command runs strongroom beside the server.
func (s *server) command(ctx context.Context, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, s.binary, append(args, "--data", s.data)...)
	c.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+s.owner.ID, "AWS_SECRET_ACCESS_KEY="+s.owner.Secret)
	var said bytes.Buffer
	c.Stderr = &said
	printed, err := c.Output()
	if err != nil {
		err = fmt.Errorf("strongroom %s: %w: %s%s", strings.Join(args, " "), err, printed, said.Bytes())
	}
	return printed, err
}

// key makes one more access key of the room's owner, and waits until the server,
// which is another process, has seen it.
func (s *server) key(ctx context.Context) (accessKey, error) {
	var k accessKey
	printed, err := s.command(ctx, "key", "create", "owner", "--json")
	if err == nil {
		err = json.Unmarshal(printed, &k)
	}
	if err != nil {
		return k, err
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		c, err := lean.Dial(lean.Endpoint{Address: s.address, KeyID: k.ID, Secret: k.Secret}, "soak")
		if err != nil {
			return k, err
		}
		a, err := c.Do(lean.Request{Method: "HEAD", Path: "/" + bucket})
		c.Close()
		if err == nil && a.OK() {
			return k, nil
		}
		if time.Now().After(deadline) {
			return k, fmt.Errorf("the server does not know a new access key after 10 s: %s", word(a, err))
		}
	}
}

// sample is the server at one moment.
type sample struct {
	at         time.Time
	resident   int64 // bytes
	live       int64 // bytes of the heap that the last collection left, about
	goroutines int
	files      int   // open
	records    int64 // in the ledger
	disk       int64 // bytes under the data folder; 0 where it was not looked at
	processor  time.Duration
}

func (s *server) sample(disk bool) (sample, error) {
	now := sample{at: time.Now()}
	answer, err := http.Get("http://" + s.console + "/metrics")
	if err != nil {
		return now, fmt.Errorf("asking for the server's figures: %w", err)
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		name, _, _ = strings.Cut(name, "{")
		v, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "process_resident_memory_bytes":
			now.resident = int64(v)
		case "go_memstats_next_gc_bytes":
			now.live = int64(v) / 2
		case "go_goroutines":
			now.goroutines = int(v)
		case "process_open_fds":
			now.files = int(v)
		case "strongroom_ledger_records":
			now.records = int64(v)
		case "process_cpu_seconds_total":
			now.processor = time.Duration(v * float64(time.Second))
		}
	}
	if now.resident == 0 || now.goroutines == 0 {
		return now, errors.New("the server's figures are not complete")
	}
	if disk {
		now.disk = s.disk()
	}
	return now, nil
}

// disk is what the data takes.
func (s *server) disk() int64 {
	var sum int64
	filepath.WalkDir(s.data, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				sum += info.Size()
			}
		}
		return nil // files come and go
	})
	return sum
}

// watch samples until the function that it returns is called.
func (s *server) watch() func() []sample {
	var all []sample
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for n := 0; ; n++ {
			if now, err := s.sample(n%30 == 0); err == nil {
				all = append(all, now)
			}
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	return func() []sample { close(stop); <-stopped; return all }
}

// peak is the most memory that the server ever had, in bytes.
func (s *server) peak() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kibibytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kibibytes << 10, err
		}
	}
	return 0, errors.New("the system does not tell a process's peak memory")
}

// filesMatchRows says how the sealed files differ from what the rows name, if they do.
func (s *server) filesMatchRows(ctx context.Context) error {
	rooms, err := house.Rooms(s.data)
	if err != nil || len(rooms) != 1 {
		return fmt.Errorf("finding the room: %d rooms, %w", len(rooms), err)
	}
	path := house.Path(s.data, rooms[0])
	_, b, err := house.AuditBook(ctx, path)
	if err != nil {
		return fmt.Errorf("opening the room's book: %w", err)
	}
	defer b.Close()
	named, err := namedFiles(ctx, b)
	if err != nil {
		return err
	}
	var extra []string
	err = filepath.WalkDir(filepath.Join(path, "blobs"), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "journal" {
			return fs.SkipDir // copies, for after a crash
		}
		if err != nil || d.IsDir() {
			return err
		}
		if !named[d.Name()] {
			extra = append(extra, d.Name())
		}
		delete(named, d.Name())
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("walking the sealed files: %w", err)
	case len(extra) > 0:
		return fmt.Errorf("%d sealed files that no row names, such as %s", len(extra), extra[0])
	case len(named) > 0:
		for name := range named {
			return fmt.Errorf("%d sealed files are missing, such as %s", len(named), name)
		}
	}
	return nil
}

// namedFiles are the names of the sealed files that objects, uploads and their parts need.
func namedFiles(ctx context.Context, b book.Book) (map[string]bool, error) {
	type segment struct {
		Number  int    `json:"number"`
		Attempt string `json:"attempt"`
	}
	named, uploads := map[string]bool{}, map[string]string{}
	for _, kind := range []string{"object", "upload", "part"} {
		for row, err := range b.Rows(ctx, kind, "") {
			var body struct {
				segment
				Segments []segment `json:"segments"`
			}
			if err = errors.Join(err, json.Unmarshal(row.Body, &body)); err != nil {
				return nil, fmt.Errorf("reading a row of kind %s: %w", kind, err)
			}
			switch {
			case kind == "part":
				row.Ref, body.Segments = uploads[row.Parent], []segment{body.segment}
			case row.Ref == "":
				continue // nothing lies behind it
			case kind == "upload":
				uploads[row.ID] = row.Ref
				named[row.Ref+".stanzas"] = true
			default:
				named[row.Ref], named[row.Ref+".stanzas"] = true, true
			}
			for _, g := range body.Segments {
				named[fmt.Sprintf("%s.%d.%s", row.Ref, g.Number, g.Attempt)] = true
			}
		}
	}
	return named, nil
}

// verify has the stopped room's ledgers recomputed, and its rows.
func (s *server) verify(ctx context.Context) (string, error) {
	printed, err := s.command(ctx, "ledger", "verify", "--state")
	lines := strings.Split(strings.TrimSpace(string(printed)), "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return l == "" }), "; "), err
}

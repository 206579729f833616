package crash_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"strongroom/internal/house"
)

// program is the binary as it is shipped, built once.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "strongroom")
	out, err := exec.Command("go", "build", "-o", path, "strongroom/cmd/strongroom").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return path, nil
})

// scratch is a folder for as long as the tests run.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "strongroom-crash-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// command prepares a run of the program.
func command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(path, args...)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + scratch}
	return c
}

// initRoom makes a room by the command that people use.
func initRoom(t testing.TB, data string) house.Founded {
	t.Helper()
	c := command(t, "init", "--data", data, "--json")
	var problems bytes.Buffer
	c.Stderr = &problems
	out, err := c.Output()
	if err != nil {
		t.Fatalf("init: %v\n%s", err, problems.Bytes())
	}
	var f house.Founded
	if err := json.Unmarshal(out, &f); err != nil {
		t.Fatalf("init printed %q: %v", out, err)
	}
	return f
}

// server is a running `strongroom serve`.
type server struct {
	t           testing.TB
	process     *exec.Cmd
	s3, console string
	expected    atomic.Bool // to end
	ended       chan struct{}
	mu          sync.Mutex
	log         bytes.Buffer
}

// Write takes the server's log.
func (s *server) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

func (s *server) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.log.String()
	return text[:min(6000, len(text))]
}

// launch starts the program without waiting for it to be ready. What it answers
// before it ends is read from the channel: the addresses, or nothing.
func launch(t testing.TB, data string) (*server, <-chan bool) {
	t.Helper()
	s := &server{t: t, process: command(t, "serve", "--data", data, "--s3", "127.0.0.1:0", "--console", "127.0.0.1:0"), ended: make(chan struct{})}
	s.process.Stderr = s
	out, err := s.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan bool, 1)
	go func() {
		defer close(s.ended)
		defer close(ready)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			switch f := strings.Fields(lines.Text()); {
			case len(f) == 2 && f[0] == "S3":
				s.s3 = f[1]
			case len(f) == 2 && f[0] == "console":
				s.console = f[1]
				ready <- true
			}
		}
		s.process.Wait() // how it ended is in process.ProcessState
		if !s.expected.Load() {
			t.Errorf("serve ended by itself: %v\n%s", s.process.ProcessState, s.logged())
		}
	}()
	t.Cleanup(s.kill)
	return s, ready
}

// start starts the program and waits until it serves.
func start(t testing.TB, data string) *server {
	t.Helper()
	s, ready := launch(t, data)
	select {
	case ok := <-ready:
		if !ok {
			t.Fatalf("serve ended: %v\n%s", s.process.ProcessState, s.logged())
		}
	case <-time.After(60 * time.Second):
		t.Fatalf("serve is not ready after a minute\n%s", s.logged())
	}
	return s
}

// kill ends the program as a crash does.
func (s *server) kill() {
	s.expected.Store(true)
	s.process.Process.Signal(syscall.SIGKILL) // fails where it has ended already
	<-s.ended
}

// stop ends the program gracefully.
func (s *server) stop() {
	s.t.Helper()
	s.expected.Store(true)
	s.process.Process.Signal(syscall.SIGTERM)
	<-s.ended
	if !s.process.ProcessState.Success() {
		s.t.Errorf("serve ended with %v\n%s", s.process.ProcessState, s.logged())
	}
}

// healthy reports whether the program is alive and answers.
func (s *server) healthy() error {
	answer, err := http.Get(s.console + "/healthz")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != 200 {
		return fmt.Errorf("/healthz answers %s", answer.Status)
	}
	return nil
}

// client sends each request once and never again.
type client struct {
	minio.Core
	transport *http.Transport
}

const (
	bucket  = "calls"
	purpose = "crash test"
	// smallestPart is the least size of every part but the last.
	smallestPart = 5 << 20
)

func connect(t testing.TB, s *server, f house.Founded) *client {
	t.Helper()
	at, err := url.Parse(s.s3)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 16, ResponseHeaderTimeout: 30 * time.Second}
	c, err := minio.NewCore(at.Host, &minio.Options{
		Creds: credentials.NewStaticV4(f.KeyID, f.Secret, ""), Transport: transport,
		Region: "us-east-1", BucketLookup: minio.BucketLookupPath, MaxRetries: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{*c, transport}
}

// status is what the server answered, 0 where it did not.
func status(err error) int {
	if err == nil {
		return 200
	}
	if e, ok := errors.AsType[minio.ErrorResponse](err); ok {
		return e.StatusCode
	}
	return 0
}

func (c *client) put(ctx context.Context, key string, content []byte) error {
	_, err := c.PutObject(ctx, bucket, key, bytes.NewReader(content), int64(len(content)), "", "", minio.PutObjectOptions{})
	return err
}

func (c *client) remove(ctx context.Context, key string) error {
	return c.RemoveObject(ctx, bucket, key, minio.RemoveObjectOptions{})
}

// get reads an object, or a range of it (to < 0: to the end), and returns what
// arrived, also where it broke off.
func (c *client) get(ctx context.Context, key, ticket string, from, to int64, pause time.Duration) ([]byte, error) {
	var o minio.GetObjectOptions
	o.Set("x-strongroom-purpose", purpose)
	o.Set("x-strongroom-ticket", ticket)
	if to >= 0 {
		if err := o.SetRange(from, to-1); err != nil {
			return nil, err
		}
	}
	body, _, _, err := c.GetObject(ctx, bucket, key, o)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var got bytes.Buffer
	if pause == 0 {
		_, err = io.Copy(&got, body)
		return got.Bytes(), err
	}
	for {
		if _, err := io.CopyN(&got, body, 64<<10); err == io.EOF {
			return got.Bytes(), nil
		} else if err != nil {
			return got.Bytes(), err
		}
		time.Sleep(pause)
	}
}

// list returns the sizes of all objects.
func (c *client) list(ctx context.Context) (map[string]int64, error) {
	found := map[string]int64{}
	after := ""
	for {
		page, err := c.ListObjectsV2(bucket, "", after, "", "", 1000)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			found[o.Key] = o.Size
			after = o.Key
		}
		if !page.IsTruncated {
			return found, ctx.Err()
		}
	}
}

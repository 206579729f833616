package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const bucket = "benchmark"

// server is a running S3 server that this program started.
type server struct {
	name string
	mode string // durability by its own word, and key mode
	endpoint
	process *exec.Cmd
	said    *bytes.Buffer
	ended   chan error
}

// start starts a program and waits until url answers.
func start(ctx context.Context, name string, c *exec.Cmd, url string) (*server, error) {
	s := &server{name: name, process: c, said: &bytes.Buffer{}, ended: make(chan error, 1)}
	c.Stdout, c.Stderr = s.said, s.said
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() { s.ended <- c.Wait() }()
	quick := &http.Client{Timeout: time.Second}
	for deadline := time.Now().Add(20 * time.Second); ; {
		if answer, err := quick.Get(url); err == nil {
			answer.Body.Close()
			if answer.StatusCode < 500 {
				return s, nil
			}
		}
		select {
		case err := <-s.ended:
			return nil, fmt.Errorf("%s ended at once: %w: %s", name, err, lastLines(s.said.Bytes(), 3))
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), s.stop())
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("%s was not ready after 20 s", name), s.stop())
		}
	}
}

// stop ends the server that start started, by its process alone.
func (s *server) stop() error {
	s.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(10 * time.Second):
		s.process.Process.Kill()
		<-s.ended
	}
	return nil
}

// freeAddress names a loopback port that nobody uses.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// startStrongroom makes a room and serves it; the time runs from the first command to
// readiness.
func startStrongroom(ctx context.Context, binary, data string) (*server, time.Duration, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, 0, err
	}
	console, err := freeAddress()
	if err != nil {
		return nil, 0, err
	}
	began := time.Now()
	printed, err := exec.CommandContext(ctx, binary, "init", "--data", data, "--json").Output()
	if err != nil {
		return nil, 0, fmt.Errorf("making a room: %w", err)
	}
	var made struct {
		KeyID  string `json:"s3_access_key_id"`
		Secret string `json:"s3_secret_access_key"`
	}
	if err := json.Unmarshal(printed, &made); err != nil {
		return nil, 0, fmt.Errorf("reading what init printed: %w", err)
	}
	s, err := start(ctx, "strongroom", exec.Command(binary, "serve", "--data", data, "--s3", address, "--console", console), "http://"+console+"/readyz")
	if err != nil {
		return nil, 0, err
	}
	took := time.Since(began)
	s.endpoint = endpoint{address, made.KeyID, made.Secret}
	s.mode = "every object under a data key of its own, wrapped with ML-KEM-768 + X25519; each GET decided, recorded and proved to the embedded custodian"
	return s, took, s.makeBucket(ctx)
}

// seals tells the servers that encrypt what they store.
func (s *server) seals() bool { return s.name != "versitygw" }

// makeBucket tries for a while: some servers call themselves ready before they are.
func (s *server) makeBucket(ctx context.Context) error {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		_, err := job{endpoint: s.endpoint, Action: "bucket", Bucket: bucket}.do(ctx)
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
	}
}

// peers are programs that anybody can install from their source, at a fixed version.
var peers = map[string]string{
	"minio":     "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c",
	"versitygw": "github.com/versity/versitygw/cmd/versitygw@v1.8.0",
}

// startPeer installs a peer where it is missing, if it may, and starts it.
func startPeer(ctx context.Context, name, folder, data string, install bool) (*server, error) {
	if folder == "" {
		return nil, errors.New("no folder for peers is given")
	}
	program := filepath.Join(folder, name)
	if _, err := os.Stat(program); err != nil {
		if !install {
			return nil, fmt.Errorf("it is not in %s; a run without -short installs it there", folder)
		}
		fmt.Fprintf(os.Stderr, "installing %s, which takes a few minutes once\n", peers[name])
		patience, cancel := context.WithTimeout(ctx, 15*time.Minute)
		defer cancel()
		if err := command(patience, "", []string{"GOBIN=" + folder, "GOFLAGS=-mod=mod"}, "go", "install", peers[name]); err != nil {
			return nil, fmt.Errorf("it cannot be installed: %w", err)
		}
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	e := endpoint{address, "benchmark", base64.RawURLEncoding.EncodeToString(secret)}
	var s *server
	switch name {
	case "minio":
		c := exec.Command(program, "server", "--quiet", "--address", address, data)
		c.Env = append(os.Environ(), "MINIO_ROOT_USER="+e.KeyID, "MINIO_ROOT_PASSWORD="+e.Secret, "MINIO_BROWSER=off",
			"MINIO_KMS_SECRET_KEY=benchmark:"+base64.StdEncoding.EncodeToString(secret), "MINIO_KMS_AUTO_ENCRYPTION=on")
		s, err = start(ctx, name, c, "http://"+address+"/minio/health/ready")
		if err == nil {
			s.mode = "one drive, no parity; SSE-KMS for every object by one key in its own environment; no policy per person, no record"
		}
	case "versitygw":
		c := exec.Command(program, "--quiet", "--keep-alive", "--access", e.KeyID, "--secret", e.Secret, "--port", address, "posix", data)
		s, err = start(ctx, name, c, "http://"+address+"/")
		if err == nil {
			s.mode = "plain files: no encryption, no policy per person, no record"
		}
	}
	if err != nil {
		return nil, err
	}
	s.endpoint = e
	if err := s.makeBucket(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// processorTime is what the server has used so far.
func (s *server) processorTime() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(b, []byte(") "))
	fields := strings.Fields(string(rest))
	if len(fields) < 13 {
		return 0, errors.New("reading a process's time: the line is too short")
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	return time.Duration(user+system) * tick, errors.Join(err1, err2)
}

// forgetPeak begins a new peak of resident memory; peak reads it, in bytes.
func (s *server) forgetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.process.Process.Pid), []byte("5"), 0)
}

func (s *server) peak() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kibibytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kibibytes << 10, err
		}
	}
	return 0, errors.New("the system does not tell a process's peak memory")
}

// durability watches the server store a few objects, and says what it asked of the
// disk for them.
func (s *server) durability(ctx context.Context, temp string) string {
	const objects = 20
	strace, err := exec.LookPath("strace")
	if err != nil {
		return s.mode + "; strace is not here to tell what it syncs"
	}
	trace := filepath.Join(temp, s.name+".strace")
	c := exec.Command(strace, "-f", "-qq", "-e", "trace=fsync,fdatasync,sync_file_range,syncfs,openat", "-o", trace, "-p", strconv.Itoa(s.process.Process.Pid))
	if err := c.Start(); err != nil {
		return s.mode + "; strace did not start: " + err.Error()
	}
	time.Sleep(300 * time.Millisecond) // until it is attached to every thread
	_, err = job{endpoint: s.endpoint, Action: "put", Bucket: bucket, Prefix: "traced/", Size: 1 << 20, Callers: 1, Count: objects}.do(ctx)
	c.Process.Signal(syscall.SIGINT)
	c.Wait()
	if err != nil {
		return s.mode + "; " + err.Error()
	}
	seen, err := os.ReadFile(trace)
	if err != nil {
		return s.mode + "; the trace cannot be read"
	}
	syncs, synchronous, direct := 0, 0, 0
	for line := range strings.Lines(string(seen)) {
		switch {
		case strings.Contains(line, "resumed>"):
		case strings.Contains(line, "openat("):
			if strings.Contains(line, "O_SYNC") || strings.Contains(line, "O_DSYNC") {
				synchronous++
			}
			if strings.Contains(line, "O_DIRECT") && !strings.Contains(line, "O_DIRECTORY") {
				direct++
			}
		case strings.Contains(line, "sync"):
			syncs++
		}
	}
	per := func(n int) float64 { return float64(n) / objects }
	return fmt.Sprintf("%s; per PUT of 1 MiB by one caller %.1f fsync or fdatasync, %.1f files opened O_SYNC, %.1f O_DIRECT", s.mode, per(syncs), per(synchronous), per(direct))
}

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
	"syscall"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const ours = "strongroom"

// serverNames are the servers that there are, ours first.
var serverNames = []string{ours, "minio", "versitygw"}

// modules are what can be installed from its source, at a fixed version.
var modules = map[string]string{
	"minio":     "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c",
	"versitygw": "github.com/versity/versitygw/cmd/versitygw@v1.8.0",
}

// install makes sure that a program is in the cache, and returns its path.
func install(ctx context.Context, name, cache string) (string, error) {
	program := filepath.Join(cache, name)
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	fmt.Fprintf(os.Stderr, "installing %s, which takes a few minutes once\n", modules[name])
	patience, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	if err := command(patience, "", []string{"GOBIN=" + cache, "GOFLAGS=-mod=mod"}, "go", "install", modules[name]); err != nil {
		return "", fmt.Errorf("%s cannot be installed: %w", name, err)
	}
	return program, nil
}

// server is a running S3 server that this program started, on a folder of its own.
type server struct {
	variant           string
	address           string
	accessKey, secret string
	dir               string
	process           *exec.Cmd
	said              bytes.Buffer
	ended             chan struct{}
}

// versioned and unversioned are the two ways to run versitygw's suite, which has a flag
// for servers that keep versions and cases for those that do not; versitygw itself keeps
// versions in every bucket or in none. A case passes on a server if it passes in one.
const versioned, unversioned = "", "unversioned"

func variants(s suite) []string {
	if s.name() == "versitygw" {
		return []string{versioned, unversioned}
	}
	return []string{versioned}
}

// startServer starts a server that holds nothing.
func startServer(ctx context.Context, name, variant string, p plan, temp string) (*server, error) {
	dir, err := os.MkdirTemp(temp, name+"-")
	if err != nil {
		return nil, fmt.Errorf("making the folder for %s: %w", name, err)
	}
	s := &server{variant: variant, dir: dir, ended: make(chan struct{})}
	if s.address, err = freeAddress(); err != nil {
		return nil, fmt.Errorf("finding a port: %w", err)
	}
	ready := "http://" + s.address + "/"
	switch name {
	case ours:
		ready, err = s.prepareStrongroom(ctx, p)
	case "minio":
		ready += "minio/health/ready"
		err = s.prepareMinio(ctx, p.cache)
	case "versitygw":
		err = s.prepareVersity(ctx, p.cache)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s.process.Stdout, s.process.Stderr = &s.said, &s.said
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.process.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", name, err), os.RemoveAll(dir))
	}
	go func() {
		s.process.Wait()
		close(s.ended)
	}()
	return s, s.await(ctx, name, ready)
}

// purpose is the standing purpose of the key that the suites use: their clients have no
// way to say why they read.
var purpose = []string{"--purpose", "S3 compatibility suites", "--expires", "1d", "--rate", "100000/h"}

// foundRoom makes the room whose copies the cases are run against: as init makes it, with
// a workload of the group data-owners whose access key has a standing purpose.
func foundRoom(ctx context.Context, program, dir string) (keyID, secret string, err error) {
	type key struct {
		ID     string `json:"s3_access_key_id"`
		Secret string `json:"s3_secret_access_key"`
	}
	var owner, suite key
	for _, step := range []struct {
		args func() []string
		into *key
	}{
		{func() []string { return []string{"init", "--json"} }, &owner},
		{func() []string {
			return []string{"people", "put", "suites", "--kind", "workload", "--group", "data-owners"}
		}, nil},
		{func() []string { return []string{"key", "create", "suites", "--json"} }, &suite},
		{func() []string { return append([]string{"key", "purpose", suite.ID}, purpose...) }, nil},
	} {
		args := append(step.args(), "--data", dir)
		c := exec.CommandContext(ctx, program, args...)
		c.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+owner.ID, "AWS_SECRET_ACCESS_KEY="+owner.Secret)
		var said bytes.Buffer
		c.Stderr = &said
		printed, err := c.Output()
		if err != nil {
			return "", "", fmt.Errorf("making a room: strongroom %s: %w: %s", args[0], err, lastLines(said.String(), 2))
		}
		if step.into != nil {
			if err := json.Unmarshal(printed, step.into); err != nil {
				return "", "", fmt.Errorf("making a room: reading what strongroom %s printed: %w", args[0], err)
			}
		}
	}
	return suite.ID, suite.Secret, nil
}

// prepareStrongroom copies the room and serves the copy.
func (s *server) prepareStrongroom(ctx context.Context, p plan) (ready string, err error) {
	console, err := freeAddress()
	if err != nil {
		return "", fmt.Errorf("finding a port: %w", err)
	}
	s.accessKey, s.secret = p.keyID, p.secret
	data := filepath.Join(s.dir, "room")
	if err := command(ctx, "", nil, "cp", "-a", p.room, data); err != nil {
		return "", fmt.Errorf("copying the room: %w", err)
	}
	s.process = exec.Command(p.strongroom, "serve", "--data", data, "--s3", s.address, "--console", console, "--max-presign", "168h")
	return "http://" + console + "/readyz", nil
}

func (s *server) prepareMinio(ctx context.Context, cache string) error {
	program, err := install(ctx, "minio", cache)
	if err != nil {
		return err
	}
	s.invent()
	key := make([]byte, 32)
	rand.Read(key)
	s.process = exec.Command(program, "server", "--quiet", "--address", s.address, filepath.Join(s.dir, "data"))
	s.process.Env = append(os.Environ(), "MINIO_ROOT_USER="+s.accessKey, "MINIO_ROOT_PASSWORD="+s.secret, "MINIO_BROWSER=off",
		"MINIO_KMS_SECRET_KEY=compat:"+base64.StdEncoding.EncodeToString(key))
	return nil
}

func (s *server) prepareVersity(ctx context.Context, cache string) error {
	program, err := install(ctx, "versitygw", cache)
	if err != nil {
		return err
	}
	s.invent()
	data, versions := filepath.Join(s.dir, "data"), filepath.Join(s.dir, "versions")
	for _, d := range []string{data, versions} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return fmt.Errorf("making a folder for versitygw: %w", err)
		}
	}
	args := []string{"--quiet", "--keep-alive", "--access", s.accessKey, "--secret", s.secret, "--port", s.address, "posix"}
	if s.variant == versioned {
		args = append(args, "--versioning-dir", versions)
	}
	s.process = exec.Command(program, append(args, data)...)
	return nil
}

// invent makes an access key for a server that is told its key.
func (s *server) invent() { s.accessKey, s.secret = "compat"+rand.Text()[:10], rand.Text() }

// await waits until the server answers.
func (s *server) await(ctx context.Context, name, url string) error {
	quick := &http.Client{Timeout: time.Second}
	for deadline := time.Now().Add(30 * time.Second); ; {
		if answer, err := quick.Get(url); err == nil {
			answer.Body.Close()
			if answer.StatusCode < 500 && s.clean(ctx) {
				return nil
			}
		}
		select {
		case <-s.ended:
			s.discard()
			return fmt.Errorf("%s ended at once: %s", name, lastLines(s.said.String(), 3))
		case <-ctx.Done():
			s.discard()
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.discard()
			return fmt.Errorf("%s was not ready after 30 s", name)
		}
	}
}

// clean says whether the server answers and holds no bucket.
func (s *server) clean(ctx context.Context) bool {
	select {
	case <-s.ended:
		return false
	default:
	}
	c, err := minio.New(s.address, &minio.Options{Creds: credentials.NewStaticV4(s.accessKey, s.secret, ""), Region: "us-east-1", MaxRetries: 1})
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	buckets, err := c.ListBuckets(ctx)
	return err == nil && len(buckets) == 0
}

// discard ends the server, by its process alone, and removes what it kept.
func (s *server) discard() {
	s.process.Process.Kill()
	<-s.ended
	os.RemoveAll(s.dir)
}

// freeAddress names a loopback port that nobody uses.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

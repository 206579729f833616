package s3store_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom"
	"strongroom/internal/s3store"
)

// server is an S3 server that is not ours, in a process of its own.
type server struct {
	endpoint, keyID, secret string
	stop                    func()
}

func (s *server) credentials() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(s.keyID, s.secret, "")
}

func (s *server) client() *s3.Client {
	return s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &s.endpoint, UsePathStyle: true, Credentials: s.credentials()})
}

// bucket makes a bucket of the test's own.
func (s *server) bucket(t testing.TB) string {
	t.Helper()
	name := "b" + strongroom.NewID().String()
	if _, err := s.client().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	return name
}

func (s *server) place(bucket string) s3store.Config {
	return s3store.Config{
		Location:    s3store.Location{Bucket: bucket, Prefix: "under/here", Region: "us-east-1", Endpoint: s.endpoint},
		Room:        strongroom.NewID(),
		Credentials: s.credentials(),
	}
}

// peer is how a server is had: from its source, at one version, installed once.
type peer struct {
	name, source string
	command      func(program, address, data string, s *server) *exec.Cmd
	once         sync.Once
	running      *server
	why          error
}

var peers = map[string]*peer{
	"minio": {name: "minio", source: "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c", command: func(program, address, data string, s *server) *exec.Cmd {
		c := exec.Command(program, "server", "--quiet", "--address", address, data)
		c.Env = append(os.Environ(), "MINIO_ROOT_USER="+s.keyID, "MINIO_ROOT_PASSWORD="+s.secret, "MINIO_BROWSER=off")
		return c
	}},
	"versitygw": {name: "versitygw", source: "github.com/versity/versitygw/cmd/versitygw@v1.8.0", command: func(program, address, data string, s *server) *exec.Cmd {
		versions := data + "-versions"
		if err := os.MkdirAll(versions, 0o700); err != nil {
			panic(err)
		}
		c := exec.Command(program, "--quiet", "--keep-alive", "--port", address, "posix", "--versioning-dir", versions, data)
		c.Env = append(os.Environ(), "ROOT_ACCESS_KEY_ID="+s.keyID, "ROOT_SECRET_ACCESS_KEY="+s.secret)
		return c
	}},
}

// start answers the running server, or skips the test with the reason why there is none.
func start(t testing.TB, name string) *server {
	t.Helper()
	p := peers[name]
	p.once.Do(func() { p.running, p.why = p.start() })
	if p.why != nil {
		t.Skipf("no %s to test against: %v", name, p.why)
	}
	return p.running
}

func (p *peer) start() (*server, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(cache, "strongroom-bench")
	program := filepath.Join(folder, p.name)
	if _, err := os.Stat(program); err != nil {
		if testing.Short() {
			return nil, fmt.Errorf("it is not in %s, and a short run installs nothing", folder)
		}
		patience, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
		defer cancel()
		install := exec.CommandContext(patience, "go", "install", p.source)
		install.Dir = os.TempDir()
		install.Env = append(os.Environ(), "GOBIN="+folder, "GOFLAGS=-mod=mod")
		if said, err := install.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("it cannot be installed: %w: %s", err, said[max(0, len(said)-300):])
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	l.Close()
	data, err := os.MkdirTemp("", "s3store-"+p.name+"-")
	if err != nil {
		return nil, err
	}
	secret := make([]byte, 24)
	rand.Read(secret)
	s := &server{endpoint: "http://" + address, keyID: "testing", secret: base64.RawURLEncoding.EncodeToString(secret)}
	c := p.command(program, address, data, s)
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	s.stop = func() {
		c.Process.Kill()
		<-ended
		os.RemoveAll(data)
		os.RemoveAll(data + "-versions")
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		select {
		case err := <-ended:
			return nil, fmt.Errorf("it ended at once: %w: %.300s", errors.Join(err, os.RemoveAll(data)), said.String())
		default:
		}
		answer, err := http.Get(s.endpoint + "/")
		if err != nil {
			continue
		}
		answer.Body.Close()
		if answer.StatusCode >= 500 {
			continue
		}
		if _, err := s.client().ListBuckets(context.Background(), &s3.ListBucketsInput{}); err == nil {
			return s, nil
		}
	}
	s.stop()
	return nil, errors.New("it was not ready after 20 s")
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, p := range peers {
		if p.running != nil {
			p.running.stop()
		}
	}
	os.Exit(code)
}

package sources_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/internal/sources"
	"strongroom/know"
)

// The S3 server is MinIO, which is not ours; `make bench-peers` puts it where it is looked
// for. Without it the tests that need it are skipped, with a message.
var peer minio

type minio struct {
	start    sync.Once
	process  *exec.Cmd
	endpoint string
	problem  string
	dir      string
}

const user, secret = "scanning-test", "scanning-test-secret"

func (p *minio) stop() {
	if p.process != nil {
		p.process.Process.Kill()
		p.process.Wait()
		os.RemoveAll(p.dir)
	}
}

func (p *minio) launch() {
	cache, err := os.UserCacheDir()
	if err != nil {
		p.problem = err.Error()
		return
	}
	program := filepath.Join(cache, "strongroom-bench", "minio")
	if _, err := os.Stat(program); err != nil {
		p.problem = program + " is not there; `make bench-peers` installs it"
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.problem = err.Error()
		return
	}
	address := l.Addr().String()
	l.Close()
	if p.dir, err = os.MkdirTemp("", "strongroom-sources-"); err != nil {
		p.problem = err.Error()
		return
	}
	c := exec.Command(program, "server", "--quiet", "--address", address, p.dir)
	c.Env = append(os.Environ(), "MINIO_ROOT_USER="+user, "MINIO_ROOT_PASSWORD="+secret, "MINIO_BROWSER=off")
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		p.problem = err.Error()
		return
	}
	p.process, p.endpoint = c, "http://"+address
	for range 400 {
		if r, err := http.Get(p.endpoint + "/minio/health/ready"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.problem = "minio was not ready after 20 s"
}

func newBucket(t testing.TB, name string) *s3.Client {
	t.Helper()
	peer.start.Do(peer.launch)
	if peer.problem != "" {
		t.Skip("MinIO: " + peer.problem)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", user)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("AWS_REGION", "us-east-1")
	credentials := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: user, SecretAccessKey: secret}, nil
	})
	client := s3.New(s3.Options{BaseEndpoint: &peer.endpoint, UsePathStyle: true, Region: "us-east-1", Credentials: credentials})
	for i := range 100 { // it calls itself ready before it is
		_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
		if err == nil {
			break
		} else if i == 99 {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return client
}

// A bucket of a real server is counted and sampled in place, across pages and kills; only
// what lies under the prefix, whatever keys look like.
func TestBucket(t *testing.T) {
	client := newBucket(t, "share")
	put := func(key, content string) {
		t.Helper()
		if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("share"), Key: &key, Body: strings.NewReader(content)}); err != nil {
			t.Error(err)
		}
	}
	const objects = 1100 // more than a page
	var work sync.WaitGroup
	for w := range 8 {
		work.Go(func() {
			for i := w; i < objects-5; i += 8 {
				content := "plain"
				if i%10 == 0 {
					content = "secret"
				}
				put(fmt.Sprintf("calls/%04d.txt", i), content)
			}
		})
	}
	work.Wait()
	for _, odd := range []string{"calls/a+b&c=d?e#f%20g%2Fh.txt", "calls/été 顧客.txt", "calls/with spaces  and .txt", "calls/.txt"} {
		put(odd, "secret")
	}
	put("calls/empty.txt", "")
	put("other/not-counted.txt", "secret")
	location := "s3://share/calls/?" + url.Values{"endpoint": {peer.endpoint}}.Encode()
	_, source, path := declared(t, location)
	random := rand.New(rand.NewPCG(5, 6))
	killed := 0
	var scan *know.Scan
	for round := 0; scan == nil && round < 30; round++ {
		c := childConfig{Database: path, Location: location, Source: source, Sample: "100%", KillAt: 1 + random.IntN(900)}
		if round > 8 {
			c.KillAt = 0
		}
		if scan = run(t, c); scan == nil {
			killed++
		}
	}
	want := int64((objects-5+9)/10 + 4)
	if l := scan.Looked["text"]; scan.Entries != objects || l.Drawn != objects || l.Classes["credential"] != want || l.Unreadable != 0 || killed == 0 {
		t.Errorf("killed %d times: %d entries, %+v; want %d and %d", killed, scan.Entries, l, objects, want)
	}
	for _, share := range scan.Shares("share") {
		if !share.Exact {
			t.Errorf("%+v", share)
		}
	}

	// The estimate counts what there is, and says what its price rests on.
	pacer := know.NewPacer(0)
	place, err := sources.Open(t.Context(), location, pacer)
	if err != nil {
		t.Fatal(err)
	}
	defer place.Close()
	e, err := know.Cost(t.Context(), source, place, pacer, know.Sample{Percent: 10}, 50, nil)
	if err != nil || !e.Exact || e.Entries != objects || e.ListRequests != 2 || e.ReadRequests != 110 || e.Spent != 2 || e.Seconds < 2 || e.Dollars <= 0 || !strings.Contains(e.Assumption, "us-east-1") {
		t.Errorf("%v: %+v", err, e)
	}

	// Credentials that the server does not know: its word, no secret, and nothing counted.
	t.Setenv("AWS_SECRET_ACCESS_KEY", "something-else")
	_, err = scanHere(t, mustStore(t, path), source, nil)
	if err == nil || !strings.Contains(err.Error(), "SignatureDoesNotMatch") || strings.Contains(err.Error(), "something-else") {
		t.Errorf("wrong credentials: %v", err)
	}
}

package landing_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/internal/landing"
	"strongroom/know/intake"
	"strongroom/vault"
)

// The S3 server is MinIO, which is not ours; `make bench-peers` puts it where it is
// looked for. Without it the tests that need it are skipped, with a message.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		child()
		return
	}
	code := m.Run()
	peer.stop()
	os.Exit(code)
}

var peer minio

type minio struct {
	start    sync.Once
	process  *exec.Cmd
	endpoint string
	problem  string
	dir      string
}

const user, secret = "landing-test", "landing-test-secret"

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
	if p.dir, err = os.MkdirTemp("", "strongroom-landing-"); err != nil {
		p.problem = err.Error()
		return
	}
	c := exec.Command(program, "server", "--quiet", "--address", address, p.dir)
	c.Env = append(os.Environ(), "MINIO_ROOT_USER="+user, "MINIO_ROOT_PASSWORD="+secret, "MINIO_BROWSER=off",
		"MINIO_KMS_SECRET_KEY=landing:"+"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		p.problem = err.Error()
		return
	}
	p.process, p.endpoint = c, "http://"+address
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if r, err := http.Get(p.endpoint + "/minio/health/ready"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
	}
	p.problem = "minio was not ready after two minutes"
}

var credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: user, SecretAccessKey: secret}, nil
})

// bucket is a landing bucket at the server.
type bucket struct {
	t      testing.TB
	name   string
	client *s3.Client
}

func newBucket(t testing.TB, name string, versioned bool) *bucket {
	t.Helper()
	peer.start.Do(peer.launch)
	if peer.problem != "" {
		t.Skip("MinIO: " + peer.problem)
	}
	b := &bucket{t, name, s3.New(s3.Options{BaseEndpoint: &peer.endpoint, UsePathStyle: true, Region: "us-east-1", Credentials: credentials})}
	housetest.Eventually(t, "the bucket is made", func() bool { // it calls itself ready before it is
		_, err := b.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
		return err == nil
	})
	if versioned {
		b.versioning(types.BucketVersioningStatusEnabled)
	}
	return b
}

func (b *bucket) versioning(status types.BucketVersioningStatus) {
	b.t.Helper()
	_, err := b.client.PutBucketVersioning(b.t.Context(), &s3.PutBucketVersioningInput{Bucket: &b.name, VersioningConfiguration: &types.VersioningConfiguration{Status: status}})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bucket) put(key string, content []byte, change ...func(*s3.PutObjectInput)) {
	b.t.Helper()
	in := &s3.PutObjectInput{Bucket: &b.name, Key: &key, Body: bytes.NewReader(content)}
	for _, f := range change {
		f(in)
	}
	if _, err := b.client.PutObject(b.t.Context(), in); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bucket) source(endpoint string) *landing.S3 {
	b.t.Helper()
	if endpoint == "" {
		endpoint = peer.endpoint
	}
	s, err := landing.OpenS3(b.t.Context(), landing.S3Config{Bucket: b.name, Endpoint: endpoint, Region: "us-east-1", Credentials: credentials})
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// left counts what is in the bucket: every version and every marker.
func (b *bucket) left() (n int) {
	b.t.Helper()
	p := s3.NewListObjectVersionsPaginator(b.client, &s3.ListObjectVersionsInput{Bucket: &b.name})
	for p.HasMorePages() {
		page, err := p.NextPage(b.t.Context())
		if err != nil {
			b.t.Fatal(err)
		}
		n += len(page.Versions) + len(page.DeleteMarkers)
	}
	return n
}

// room is a real room with the intake's principal.
func room(t testing.TB) (*housetest.Room, intake.Store) {
	r := housetest.New(t, house.Options{})
	r.Bucket("recordings")
	c := r.Person(strongroom.Principal{Name: "drain-1", Kind: strongroom.Workload, Groups: []string{"intake"}})
	c.Method = "local"
	s, err := intake.Inside(r.House.Room, func() (vault.Caller, error) { return c, nil })
	if err != nil {
		t.Fatal(err)
	}
	return r, s
}

func drain(t testing.TB, source intake.Source, store intake.Store, change ...func(*intake.Config)) intake.Report {
	t.Helper()
	m, err := intake.Named("plain")
	if err != nil {
		t.Fatal(err)
	}
	c := intake.Config{Source: source, Store: store, Mapping: m, Into: "recordings", Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, f := range change {
		f(&c)
	}
	i, err := intake.New(c)
	if err != nil {
		t.Fatal(err)
	}
	r, err := i.Once(t.Context())
	if err != nil {
		t.Error(err)
	}
	return r
}

func holds(t testing.TB, r *housetest.Room, key string, want []byte) {
	t.Helper()
	got, err := r.Get(r.Owner, "recordings", key, 0, -1)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, want %d: %v", key, len(got), len(want), err)
	}
}

// stored lists all keys of the room's bucket.
func stored(t testing.TB, r *housetest.Room) []string {
	t.Helper()
	var out []string
	for after := ""; ; {
		page, err := r.House.Room.List(t.Context(), r.Owner, vault.ListRequest{Bucket: "recordings", After: after, Max: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Objects {
			out = append(out, o.Key)
		}
		if after = page.Next; after == "" {
			return out
		}
	}
}

var awkward = []string{
	"a b+c%2F.wav", "é/ü/漢字.wav", "x\"y'<&>.wav", "trailing /x.wav", "tilde~2.wav", "dot/./x.wav", strings.Repeat("long", 60) + ".wav",
}

// TestBuckets drains buckets as they come: with versions, without, and with versions
// that were switched off again; with contents of several kinds and keys that careless
// code breaks on.
func TestBuckets(t *testing.T) {
	for _, kind := range []string{"unversioned", "versioned", "suspended"} {
		t.Run(kind, func(t *testing.T) {
			b := newBucket(t, "kinds-"+kind, kind != "unversioned")
			r, store := room(t)
			want := map[string][]byte{"empty": {}, "one": {1}, "exact": bytes.Repeat([]byte("x"), 64<<10), "large": bytes.Repeat([]byte("0123456789abcdef"), 600<<10/16*10)}
			for i, key := range awkward {
				if strings.Contains(key, "/./") {
					continue // MinIO has no such keys
				}
				want[key] = fmt.Appendf(nil, "content %d", i)
			}
			for key, content := range want {
				b.put(key, content, func(in *s3.PutObjectInput) {
					in.ContentType = aws.String("audio/wav")
					in.Metadata = map[string]string{"queue": "billing", "language": mime.BEncoding.Encode("UTF-8", "français")}
					in.Tagging = aws.String("agent=lea&customer=C-1")
				})
			}
			if kind == "suspended" {
				b.versioning(types.BucketVersioningStatusSuspended)
				b.put("null", []byte("a null version"))
				want["null"] = []byte("a null version")
				b.put("both", []byte("null beside a version"))
				want["both"] = []byte("null beside a version")
			}
			report := drain(t, b.source(""), store)
			if len(report.Counts) > 0 || b.left() != 0 {
				t.Fatalf("%d versions left, %+v", b.left(), report)
			}
			for key, content := range want {
				holds(t, r, key, content)
			}
			if got := stored(t, r); len(got) != len(want) {
				t.Errorf("stored %q", got)
			}
			o, err := r.House.Room.Head(t.Context(), r.Owner, "recordings", "one", "")
			if err != nil || o.Attribute("queue") != "billing" || o.Attribute("language") != "français" || o.Attribute("agent") != "lea" || o.Attribute("customer") != "C-1" || o.Headers["Content-Type"] != "audio/wav" {
				t.Errorf("%+v, %v", o, err)
			}
		})
	}
}

// TestEveryVersionIsTaken: contents that were written over or deleted in the landing
// bucket are recordings too.
func TestEveryVersionIsTaken(t *testing.T) {
	b := newBucket(t, "versions", true)
	r, store := room(t)
	b.put("a.wav", []byte("first"))
	b.put("a.wav", []byte("other"))
	b.put("a.wav", []byte("first"))
	b.put("b.wav", []byte("hidden"))
	if _, err := b.client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b.name, Key: aws.String("b.wav")}); err != nil {
		t.Fatal(err)
	}
	report := drain(t, b.source(""), store)
	if report.Counts[intake.FindingDeleted] != 1 || len(report.Counts) != 1 || b.left() != 0 || report.Deleted != 5 {
		t.Errorf("%d left, %+v", b.left(), report)
	}
	if got := stored(t, r); !slices.Equal(got, []string{"a.wav", "a~2.wav", "b.wav"}) {
		t.Errorf("stored %q", got)
	}
	holds(t, r, "a.wav", []byte("first"))
	holds(t, r, "a~2.wav", []byte("other"))
	holds(t, r, "b.wav", []byte("hidden"))
}

// late is a source into which somebody writes just before each deletion.
type late struct {
	intake.Source
	before func(key string)
}

func (l *late) Delete(ctx context.Context, key string, versions []intake.Version) error {
	l.before(key)
	return l.Source.Delete(ctx, key, versions)
}

// TestWrittenOverBeforeDeletion: with versions and without, what arrives between reading
// and deleting stays, and is taken as well.
func TestWrittenOverBeforeDeletion(t *testing.T) {
	for _, versioned := range []bool{false, true} {
		t.Run(fmt.Sprint("versioned=", versioned), func(t *testing.T) {
			b := newBucket(t, fmt.Sprint("late-", versioned), versioned)
			r, store := room(t)
			b.put("a.wav", []byte("first"))
			var once sync.Once
			l := &late{b.source(""), func(key string) { once.Do(func() { b.put(key, []byte("second")) }) }}
			drain(t, l, store)
			if b.left() > 0 { // where the deletion went through it is for the next time
				drain(t, l, store)
			}
			if b.left() != 0 {
				t.Errorf("%d versions left", b.left())
			}
			holds(t, r, "a.wav", []byte("first"))
			holds(t, r, "a~2.wav", []byte("second"))
		})
	}
}

// TestNullMarker: in a bucket whose versions were switched off, a deletion leaves a marker
// that shares its name with whatever is written next. So it stays, and is not taken for
// something left; what is written in its place meanwhile is not lost.
func TestNullMarker(t *testing.T) {
	suspended := func(t *testing.T, name string) *bucket {
		b := newBucket(t, name, true)
		b.put("a.wav", []byte("first"))
		b.versioning(types.BucketVersioningStatusSuspended)
		if _, err := b.client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b.name, Key: aws.String("a.wav")}); err != nil {
			t.Fatal(err)
		}
		return b
	}
	t.Run("left", func(t *testing.T) {
		b := suspended(t, "null-left")
		r, store := room(t)
		report := drain(t, b.source(""), store)
		if report.Counts[intake.FindingDeleted] != 1 || len(report.Counts) != 1 || report.Deleted != 1 || report.Left != 0 || b.left() != 1 {
			t.Errorf("%d left, %+v", b.left(), report)
		}
		holds(t, r, "a.wav", []byte("first"))
		if report = drain(t, b.source(""), store); len(report.Counts) != 0 || report.Left != 0 || report.Oldest != 0 || report.Deleted != 0 {
			t.Errorf("again: %+v", report)
		}
		// Beneath a version that came later it says nothing of that one's age either.
		b.versioning(types.BucketVersioningStatusEnabled)
		b.put("a.wav", []byte("second"))
		if report = drain(t, b.source(""), store); len(report.Counts) != 0 || report.Deleted != 1 || report.Left != 0 {
			t.Errorf("with a version after it: %+v", report)
		}
		holds(t, r, "a~2.wav", []byte("second"))
	})
	t.Run("written over", func(t *testing.T) {
		b := suspended(t, "null-over")
		r, store := room(t)
		var once sync.Once
		l := &late{b.source(""), func(key string) { once.Do(func() { b.put(key, []byte("second")) }) }}
		drain(t, l, store)
		drain(t, l, store)
		holds(t, r, "a.wav", []byte("first"))
		holds(t, r, "a~2.wav", []byte("second"))
		if b.left() != 0 {
			t.Errorf("%d versions left", b.left())
		}
	})
}

// TestAlteredOnTheWay: a proxy between changes one byte of a recording. Nothing is
// stored and nothing deleted, whether the bucket tells a digest (plain) or none (KMS).
func TestAlteredOnTheWay(t *testing.T) {
	b := newBucket(t, "altered", true)
	content := bytes.Repeat([]byte("sound of a call "), 20_000)
	b.put("plain.wav", content)
	b.put("kms.wav", content, func(in *s3.PutObjectInput) {
		in.ServerSideEncryption, in.SSEKMSKeyId = types.ServerSideEncryptionAwsKms, aws.String("landing")
		in.ChecksumAlgorithm = ""
	})
	upstream, err := url.Parse(peer.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	gets, stop := 0, false
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(upstream); r.Out.Host = r.In.Host },
		ModifyResponse: func(r *http.Response) error {
			mu.Lock()
			defer mu.Unlock()
			if !strings.HasSuffix(r.Request.URL.Path, ".wav") || r.Request.Method != http.MethodGet || r.Request.URL.Query().Has("tagging") || stop {
				return nil
			}
			gets++
			at, body := int64(100_000+gets), r.Body
			r.Body = struct {
				io.Reader
				io.Closer
			}{readerFunc(func(p []byte) (int, error) {
				n, err := body.Read(p)
				if at >= 0 && at < int64(n) {
					p[at] ^= 0x20
				}
				at -= int64(n)
				return n, err
			}), body}
			return nil
		},
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: proxy}
	go server.Serve(l)
	defer server.Close()
	r, store := room(t)
	source := b.source("http://" + l.Addr().String())
	report := drain(t, source, store)
	if report.Counts[intake.FindingAltered] != 2 || b.left() != 2 || report.Deleted != 0 || gets < 2 {
		t.Errorf("%d left, %d bodies altered, %+v", b.left(), gets, report)
	}
	if got := stored(t, r); len(got) != 0 {
		t.Errorf("stored %q", got)
	}
	mu.Lock()
	stop = true
	mu.Unlock()
	drain(t, source, store)
	holds(t, r, "plain.wav", content)
	holds(t, r, "kms.wav", content)
	if b.left() != 0 {
		t.Errorf("%d left", b.left())
	}
}

// TestGateway drains a server of another make, which keeps files in a folder and no
// versions.
func TestGateway(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	program := filepath.Join(cache, "strongroom-bench", "versitygw")
	if _, err := os.Stat(program); err != nil {
		t.Skipf("%s is not there; `make bench-peers` installs it", program)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	c := exec.Command(program, "--quiet", "--access", user, "--secret", secret, "--port", address, "posix", t.TempDir())
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Wait()
	defer c.Process.Kill()
	endpoint, name := "http://"+address, "gateway"
	b := &bucket{t, name, s3.New(s3.Options{BaseEndpoint: &endpoint, UsePathStyle: true, Region: "us-east-1", Credentials: credentials})}
	for i := range 200 {
		_, err := b.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
		if err == nil {
			break
		} else if i == 199 {
			t.Skipf("it does not keep files here: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	r, store := room(t)
	want := map[string][]byte{"a/one.wav": []byte("one"), "a/b c é.wav": []byte("two"), "large.wav": bytes.Repeat([]byte("0123456789abcdef"), 60_000)}
	for key, content := range want {
		b.put(key, content)
	}
	var once sync.Once
	source := &late{b.source(endpoint), func(key string) { once.Do(func() { b.put(key, []byte("written over")) }) }}
	report := drain(t, source, store, func(c *intake.Config) { c.Wait, c.Workers = 0, 1 })
	for item, err := range source.List(t.Context(), "") {
		if err != nil || !strings.HasSuffix(item.Key, "/") {
			t.Errorf("left: %+v, %v", item, err)
		}
	}
	for key, content := range want {
		holds(t, r, key, content)
	}
	if got := stored(t, r); len(got) != 4 || report.Counts[intake.FindingChanged] != 1 {
		t.Errorf("stored %q, %+v", got, report)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestListing: pages, versions and markers come as keys, each once and whole.
func TestListing(t *testing.T) {
	b := newBucket(t, "listing", true)
	const keys = 340
	var work sync.WaitGroup
	for w := range 8 {
		work.Go(func() {
			for i := w; i < keys; i += 8 {
				key := fmt.Sprintf("k/%04d é.wav", i)
				for v := range 3 {
					b.put(key, []byte{byte(v)})
				}
			}
		})
	}
	work.Wait()
	seen := map[string]bool{}
	for item, err := range b.source("").List(t.Context(), "k/") {
		if err != nil {
			t.Fatal(err)
		}
		if seen[item.Key] || len(item.Versions) != 3 || item.Versions[2].Modified.Before(item.Versions[0].Modified) {
			t.Errorf("%+v", item)
		}
		seen[item.Key] = true
	}
	if len(seen) != keys || !seen["k/0007 é.wav"] {
		t.Errorf("%d keys", len(seen))
	}
}

// TestOpenRefuses: an address that says too much, or would say too much on the way.
func TestOpenRefuses(t *testing.T) {
	for source, want := range map[string]string{
		"s3://bucket?endpoint=http://minio.example:9000": "recordings would cross the network readable",
		"s3://key:secret@bucket/x":                       "it is no URL, or it has a user",
		"s3://bucket?secret=x":                           `no parameter "secret"`,
		"s3:///x":                                        "names no bucket",
		"ftp://x/y":                                      "neither s3 nor file",
		"file://host/x":                                  "a folder is file:///path",
		"s3://bucket?endpoint=https://user:pw@minio:9000": "names no user",
	} {
		_, err := landing.Open(t.Context(), source)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", source, err)
		}
		if err != nil && strings.Contains(err.Error(), "key:secret") {
			t.Errorf("%s: the message repeats a secret: %v", source, err)
		}
	}
}

// TestFolderStaysInside: no link leads out of a folder, and a key does not either.
func TestFolderStaysInside(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink(outside, filepath.Join(dir, "link")), os.Symlink(filepath.Dir(outside), filepath.Join(dir, "folder")), syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600)); err != nil {
		t.Fatal(err)
	}
	f, err := landing.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	for item, err := range f.List(t.Context(), "") {
		t.Errorf("listed %+v, %v", item, err)
	}
	info, err := os.Stat(outside)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"link", "folder/outside", "../" + filepath.Base(filepath.Dir(outside)) + "/outside", "/etc/passwd", "pipe"} {
		v := intake.Version{Size: info.Size(), Modified: info.ModTime()}
		if c, err := f.Open(t.Context(), key, v); err == nil {
			c.Close()
			t.Errorf("%s was opened", key)
		}
		if err := f.Delete(t.Context(), key, []intake.Version{v}); err == nil && key != "/etc/passwd" && !strings.HasPrefix(key, "..") {
			t.Errorf("%s was deleted", key)
		}
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
}

// BenchmarkDrain measures how fast a bucket goes, from listing to deletion: what is
// uploaded is not counted.
func BenchmarkDrain(b *testing.B) {
	for _, c := range []struct{ files, size, workers int }{{2000, 100 << 10, 8}, {2000, 100 << 10, 32}, {20, 50 << 20, 8}} {
		b.Run(fmt.Sprintf("%dx%dKiB-by-%d", c.files, c.size>>10, c.workers), func(b *testing.B) {
			for n := 0; b.Loop(); n++ {
				b.StopTimer()
				landing := newBucket(b, fmt.Sprintf("bench-%d-%d-%d", c.files, c.workers, n), false)
				content := make([]byte, c.size)
				var work sync.WaitGroup
				for w := range 4 {
					work.Go(func() {
						for i := w; i < c.files; i += 4 {
							landing.put(fmt.Sprintf("calls/%05d.wav", i), content)
						}
					})
				}
				work.Wait()
				_, store := room(b)
				b.StartTimer()
				began := time.Now()
				report := drain(b, landing.source(""), store, func(x *intake.Config) { x.Wait, x.Workers = 0, c.workers })
				took := time.Since(began).Seconds()
				b.StopTimer()
				if report.Files != c.files || len(report.Counts) > 0 {
					b.Fatalf("%+v", report)
				}
				b.ReportMetric(float64(c.files)/took, "files/s")
				b.ReportMetric(float64(c.files)*float64(c.size)/1e6/took, "MB/s")
				var memory syscall.Rusage
				if err := syscall.Getrusage(syscall.RUSAGE_SELF, &memory); err == nil {
					b.ReportMetric(float64(memory.Maxrss)/1024, "peak-MiB")
				}
				b.StartTimer()
			}
		})
	}
}

package sources_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/inventory"
	"strongroom/internal/sources"
	"strongroom/know"
)

const childVariable = "STRONGROOM_TEST_SCAN"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		child()
		return
	}
	code := m.Run()
	peer.stop()
	os.Exit(code)
}

var roomKey = bytes.Repeat([]byte{7}, 32)

// byText finds the word secret.
type byText struct{}

func (byText) Classify(_ context.Context, _ string, head io.Reader) (strongroom.Label, error) {
	text, err := io.ReadAll(head)
	l := strongroom.Label{Confidential: true}
	if bytes.Contains(text, []byte("secret")) {
		l.Classes = []string{"credential"}
	}
	return l, err
}

type childConfig struct {
	Database, Location string
	Source             know.Source
	Sample             string
	KillAt             int // the step at which it kills itself; 0 means never
	Uid                int // whom to become first; 0 for nobody else
}

// steps kills the process at the n-th thing that it does.
type steps struct{ left int }

func (s *steps) step() {
	if s.left--; s.left == 0 {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

type steppedPlace struct {
	know.Place
	*steps
}

func (p steppedPlace) Walk(ctx context.Context, after string) iter.Seq2[know.Entry, error] {
	return func(yield func(know.Entry, error) bool) {
		for e, err := range p.Place.Walk(ctx, after) {
			p.step()
			if !yield(e, err) {
				return
			}
		}
	}
}

func (p steppedPlace) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	p.step()
	return p.Place.Open(ctx, name)
}

type steppedStore struct {
	know.Store
	*steps
}

func (s steppedStore) Checkpoint(ctx context.Context, scan *know.Scan, drawn []know.Drawn, most int64) error {
	s.step()
	err := s.Store.Checkpoint(ctx, scan, drawn, most)
	s.step()
	return err
}

// child scans as the command does, and prints the scan.
func child() {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	var c childConfig
	fail(json.Unmarshal([]byte(os.Getenv(childVariable)), &c))
	ctx := context.Background()
	if c.Uid != 0 {
		fail(errors.Join(syscall.Setgroups(nil), syscall.Setgid(c.Uid), syscall.Setuid(c.Uid)))
	}
	store, err := inventory.Open(ctx, c.Database, roomKey)
	fail(err)
	sample, err := know.ParseSample(c.Sample)
	fail(err)
	pacer := know.NewPacer(0)
	place, err := sources.Open(ctx, c.Location, pacer)
	fail(err)
	s := &steps{c.KillAt}
	scan, err := know.RunScan(ctx, c.Source, know.ScanConfig{
		Store: steppedStore{store, s}, Place: steppedPlace{place, s}, Pacer: pacer, Classifier: byText{}, Sample: sample, Resume: true, Clock: time.Now, Every: 25,
	})
	fail(err)
	fail(json.NewEncoder(os.Stdout).Encode(scan))
}

// run runs the child; it answers nil where the child was killed.
func run(t *testing.T, c childConfig) *know.Scan {
	t.Helper()
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), childVariable+"="+string(encoded), "AWS_ACCESS_KEY_ID="+user, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true", "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL && c.KillAt > 0 {
		return nil
	}
	if err != nil {
		t.Fatalf("%v: %s", err, problems.String())
	}
	var scan know.Scan
	if err := json.Unmarshal(out.Bytes(), &scan); err != nil {
		t.Fatal(err)
	}
	return &scan
}

// declared makes a store with a source in it.
func declared(t testing.TB, location string) (*inventory.Store, know.Source, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "inventory.db")
	s, err := inventory.Open(t.Context(), path, roomKey)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	source := know.Source{ID: strongroom.NewID(), Name: "share", Location: location}
	if err := s.PutSource(t.Context(), source); err != nil {
		t.Fatal(err)
	}
	return s, source, path
}

func locationOf(t testing.TB, folder string) string {
	t.Helper()
	l, err := sources.Location(folder)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func write(t testing.TB, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tree writes files of which every third holds a secret; it answers how many and how large.
func tree(t testing.TB, root string, n int) (size int64) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		content := strings.Repeat("x", random.IntN(50))
		if i%3 == 0 {
			content += "secret"
		}
		depth := random.IntN(3)
		name := fmt.Sprintf("f%d.txt", i)
		for range depth {
			name = fmt.Sprintf("%c%d/", 'a'+random.IntN(3), random.IntN(3)) + name
		}
		write(t, filepath.Join(root, name), content)
		size += int64(len(content))
	}
	// A name that is no UTF-8, and ones between which the order of names and paths differs.
	write(t, filepath.Join(root, "a0\xff.txt"), "secret")
	write(t, filepath.Join(root, "a0-b.txt"), "xx")
	return size + 8
}

// A scan that is killed again and again, at any step, counts in the end what one that is
// not killed counts: it neither skips nor repeats, in listing and in reading.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills many processes")
	}
	const files = 302
	root := t.TempDir()
	size := tree(t, root, files-2)
	random := rand.New(rand.NewPCG(3, 4))
	for _, sample := range []string{"100%", "40"} {
		_, source, path := declared(t, locationOf(t, root))
		killed := 0
		var scan *know.Scan
		for round := 0; scan == nil && round < 60; round++ {
			c := childConfig{Database: path, Location: source.Location, Source: source, Sample: sample, KillAt: 1 + random.IntN(120)}
			if round > 40 {
				c.KillAt = 0
			}
			if scan = run(t, c); scan == nil {
				killed++
			}
		}
		if killed < 4 || scan == nil || scan.Resumed == 0 {
			t.Fatalf("killed %d times, and then %+v", killed, scan)
		}
		if scan.Entries != files || scan.Bytes != size || scan.Phase != know.PhaseDone {
			t.Errorf("sample %s, killed %d times: %d entries of %d bytes, %s; want %d of %d", sample, killed, scan.Entries, scan.Bytes, scan.Phase, files, size)
		}
		l := scan.Looked["text"]
		if sample == "100%" && (l.Drawn != files || l.Classes["credential"] != 101 || l.Classes[know.NoClass] != files-101 || scan.Read != files) {
			t.Errorf("sample %s: %+v, %d read", sample, l, scan.Read)
		}
		if sample == "40" && (l.Drawn != 40 || l.Classes["credential"]+l.Classes[know.NoClass] != 40 || scan.Read != 40) {
			t.Errorf("sample %s: %+v, %d read", sample, l, scan.Read)
		}
	}
}

func scanHere(t testing.TB, s know.Store, source know.Source, change func(*know.ScanConfig)) (*know.Scan, error) {
	t.Helper()
	c := know.ScanConfig{Store: s, Pacer: know.NewPacer(0), Classifier: byText{}, Clock: time.Now}
	place, err := sources.Open(t.Context(), source.Location, c.Pacer)
	if err != nil {
		t.Fatal(err)
	}
	defer place.Close()
	c.Place = place
	if change != nil {
		change(&c)
	}
	return know.RunScan(t.Context(), source, c)
}

// Nothing outside the folder is counted or read, and what keeps something from being looked
// at is counted instead of ending the scan.
func TestFolderTroubles(t *testing.T) {
	root := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside.txt")
	write(t, outside, "secret of somebody else")
	write(t, filepath.Join(root, "in.txt"), "plain")
	write(t, filepath.Join(root, "closed", "never.txt"), "secret")
	write(t, filepath.Join(root, "unreadable.txt"), "secret")
	for from, to := range map[string]string{"link.txt": outside, "folder": filepath.Dir(outside), "up": ".."} {
		if err := os.Symlink(to, filepath.Join(root, from)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(root, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"closed", "unreadable.txt"} {
		if err := os.Chmod(filepath.Join(root, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(root, "closed"), 0o700) })
	_, source, path := declared(t, locationOf(t, root))
	c := childConfig{Database: path, Location: source.Location, Source: source, Sample: "100%"}
	if os.Getuid() == 0 { // whom nothing is closed to
		c.Uid = 65534
		for _, folder := range []string{filepath.Dir(path), filepath.Dir(filepath.Dir(path)), root} {
			if err := os.Chmod(folder, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		files, err := filepath.Glob(path + "*")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := os.Chown(f, c.Uid, c.Uid); err != nil {
				t.Fatal(err)
			}
		}
	}
	scan := run(t, c)
	if scan.Entries != 2 || scan.Bytes != 11 {
		t.Errorf("%d entries of %d bytes", scan.Entries, scan.Bytes)
	}
	for trouble, n := range map[know.Trouble]int64{know.TroubleLink: 3, know.TroubleSpecial: 1, know.TroublePermission: 2} {
		if got := scan.Troubles[trouble]; got == nil || got.Count != n {
			t.Errorf("%s: %+v, want %d", trouble, got, n)
		}
	}
	// One of two could not be read: the share of what holds a credential may be a half.
	for _, share := range scan.Shares("share") {
		if share.Exact || share.Unreadable != 1 || share.High < 0.5 || share.Class != know.NoClass {
			t.Errorf("%+v", share)
		}
	}
}

// Another file system under the folder is told, not entered.
func TestFolderDevices(t *testing.T) {
	var root, mounted syscall.Stat_t
	if syscall.Stat("/dev", &root) != nil || syscall.Stat("/dev/pts", &mounted) != nil || root.Dev == mounted.Dev {
		t.Skip("there is no file system mounted at /dev/pts here")
	}
	f, err := sources.OpenFolder("/dev", know.NewPacer(0))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seen := map[string]know.Trouble{}
	for e, err := range f.Walk(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		seen[e.Name] = e.Trouble
	}
	if seen["pts"] != know.TroubleDevice || seen["null"] != know.TroubleSpecial || seen["pts/ptmx"] != "" {
		t.Errorf("%+v", seen)
	}
}

// A folder larger than what is held at once is walked in order, each name once, from any
// name on.
func TestFolderLarge(t *testing.T) {
	const files = 3000
	root := t.TempDir()
	for i := range files {
		f, err := os.OpenFile(filepath.Join(root, fmt.Sprintf("%06d", (i*7919)%files)), os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	f, err := sources.OpenFolder(root, know.NewPacer(0))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.SetWindow(700)
	for _, from := range []int{-1, 0, 698, 699, 700, 2998, 2999} {
		after, next := "", 0
		if from >= 0 {
			after, next = fmt.Sprintf("%06d", from), from+1
		}
		for e, err := range f.Walk(t.Context(), after) {
			if err != nil || e.Name != fmt.Sprintf("%06d", next) {
				t.Fatalf("%+v %v, want %06d", e, err, next)
			}
			next++
		}
		if next != files {
			t.Errorf("ended at %d", next)
		}
	}
}

// endless is a source with so many entries, made up as they are asked for.
type endless struct {
	know.Place
	entries int
}

func (e endless) Walk(_ context.Context, _ string) iter.Seq2[know.Entry, error] {
	return func(yield func(know.Entry, error) bool) {
		for i := range e.entries {
			if !yield(know.Entry{Name: fmt.Sprintf("%c/%09d.txt", 'a'+i*26/e.entries, i), Size: 10, Modified: time.Unix(1.7e9, 0)}, nil) {
				return
			}
		}
	}
}

func (endless) Open(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("x")), nil
}

// Memory does not grow with what is there.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it counts a million entries")
	}
	s, source, _ := declared(t, locationOf(t, t.TempDir()))
	place, err := sources.Open(t.Context(), source.Location, know.NewPacer(0))
	if err != nil {
		t.Fatal(err)
	}
	defer place.Close()
	var most uint64
	scan, err := know.RunScan(t.Context(), source, know.ScanConfig{
		Store: s, Place: endless{place, 1_000_000}, Pacer: know.NewPacer(0), Classifier: byText{}, Sample: know.Sample{Number: 100}, Clock: time.Now, Every: 20_000,
		Step: func(know.Progress) {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if scan.Entries != 1_000_000 || scan.Looked["text"].Drawn != 100 || most > 32<<20 {
		t.Errorf("%d entries, %+v, %d bytes of heap", scan.Entries, scan.Looked["text"], most)
	}
	t.Logf("at most %.1f MiB of heap", float64(most)/(1<<20))
}

// Two at once: the one that began later goes on, the other stops and counts nothing.
func TestTakenOver(t *testing.T) {
	root := t.TempDir()
	tree(t, root, 60)
	s, source, _ := declared(t, locationOf(t, root))
	var second *know.Scan
	_, err := scanHere(t, s, source, func(c *know.ScanConfig) {
		c.Every = 20
		c.Step = func(p know.Progress) {
			if second == nil && p.Entries >= 20 {
				second = &know.Scan{}
				var err error
				if second, err = scanHere(t, s, source, func(c *know.ScanConfig) { c.Resume = true }); err != nil {
					t.Error(err)
				}
			}
		}
	})
	if !errors.Is(err, know.ErrTakenOver) {
		t.Errorf("the first: %v", err)
	}
	if second.Entries != 62 || second.Resumed != 1 {
		t.Errorf("the second: %+v", second)
	}
}

// What is told to stop keeps what it counted, and the rate holds.
func TestStoppedAndPaced(t *testing.T) {
	root := t.TempDir()
	tree(t, root, 60)
	s, source, _ := declared(t, locationOf(t, root))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	pacer := know.NewPacer(100)
	place, err := sources.Open(t.Context(), source.Location, pacer)
	if err != nil {
		t.Fatal(err)
	}
	defer place.Close()
	scan, err := know.RunScan(ctx, source, know.ScanConfig{Store: s, Place: place, Pacer: pacer, Clock: time.Now, Every: 1000})
	if !errors.Is(err, context.DeadlineExceeded) || scan.Entries == 0 || scan.Entries > 40 {
		t.Fatalf("stopped: %v, %d entries", err, scan.Entries)
	}
	scan, err = scanHere(t, s, source, func(c *know.ScanConfig) { c.Resume = true })
	if err != nil || scan.Entries != 62 {
		t.Fatalf("gone on with: %v, %+v", err, scan)
	}
	if n, allowed := pacer.Requests(), int64(100*time.Since(began).Seconds())+2; n > allowed {
		t.Errorf("%d requests where %d were allowed", n, allowed)
	}
}

// The sample of a number is drawn evenly, however names begin, and shares hold the truth.
func TestSample(t *testing.T) {
	root := t.TempDir()
	for i := range 900 {
		content := "plain"
		if i < 300 {
			content = "secret"
		}
		write(t, filepath.Join(root, fmt.Sprintf("%d/%03d.txt", i/300, i)), content)
	}
	s, source, _ := declared(t, locationOf(t, root))
	within, rounds := 0, 40
	for range rounds {
		scan, err := scanHere(t, s, source, func(c *know.ScanConfig) { c.Sample = know.Sample{Number: 60}; c.Every = 100 })
		if err != nil {
			t.Fatal(err)
		}
		shares := scan.Shares("share")
		if i := slices.IndexFunc(shares, func(s know.Share) bool { return s.Class == "credential" }); i >= 0 && shares[i].Low <= 1./3 && 1./3 <= shares[i].High && shares[i].Drawn == 60 {
			within++
		}
	}
	if within < rounds*8/10 { // of 40 at 95 %, fewer than 32 happens once in 100,000 times
		t.Errorf("the truth lay within %d of %d intervals of 95 %%", within, rounds)
	}
}

func TestLocations(t *testing.T) {
	for _, given := range []string{"s3://", "s3://b?secret=x", "s3://key:secret@bucket/x", "http://x/", "file:///x#y", "s3://b?endpoint=http://10.1.2.3:9000", "s3://b?endpoint=ftp://x", "s3://b?region=a&region=b"} {
		if l, err := sources.Location(given); err == nil || strings.Contains(err.Error(), "key:secret") {
			t.Errorf("%s: %q, %v", given, l, err)
		}
	}
	for given, want := range map[string]string{"/srv/a b": "file:///srv/a%20b", "s3://b/p/?profile=audit": "s3://b/p/?profile=audit", "s3://b?endpoint=http://127.0.0.1:9": "s3://b?endpoint=http://127.0.0.1:9"} {
		if l, err := sources.Location(given); err != nil || l != want {
			t.Errorf("%s: %q, %v", given, l, err)
		}
	}
}

func mustStore(t testing.TB, path string) *inventory.Store {
	t.Helper()
	s, err := inventory.Open(t.Context(), path, roomKey)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

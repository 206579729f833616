package intake_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/internal/landing"
	"strongroom/internal/synth"
	"strongroom/know/intake"
	"strongroom/vault"
)

// room is a real room with a bucket, and the store of an intake's principal.
func room(t *testing.T) (*housetest.Room, *intake.Room) {
	r := housetest.New(t, house.Options{})
	r.Bucket("recordings")
	return r, storeOf(t, r, "drain-1")
}

func storeOf(t *testing.T, r *housetest.Room, name string) *intake.Room {
	c := r.Person(strongroom.Principal{Name: name, Kind: strongroom.Workload, Groups: []string{"intake"}})
	c.Method = "local"
	s, err := intake.Inside(r.House.Room, func() (vault.Caller, error) { return c, nil })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type centre struct {
	t      *testing.T
	room   *housetest.Room
	store  intake.Store
	dir    string
	source intake.Source
	config intake.Config
}

func newCentre(t *testing.T, mapping string) *centre {
	r, store := room(t)
	dir := t.TempDir()
	source, err := landing.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := intake.Named(mapping)
	if err != nil {
		m, err = intake.ParseMapping([]byte(mapping))
	}
	if err != nil {
		t.Fatal(err)
	}
	return &centre{t, r, store, dir, source, intake.Config{
		Source: source, Store: store, Mapping: m, Into: "recordings", Wait: -1,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}}
}

// file puts a file into the landing folder, as old as said.
func (c *centre) file(name, content string, age time.Duration) {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		c.t.Fatal(err)
	}
	when := time.Now().Add(-age)
	if err := os.Chtimes(path, when, when); err != nil {
		c.t.Fatal(err)
	}
}

// left lists the files in the landing folder.
func (c *centre) left() []string {
	var out []string
	err := filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(c.dir, path)
			out = append(out, name)
		}
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

func (c *centre) once(change ...func(*intake.Config)) intake.Report {
	c.t.Helper()
	r, err := c.try(change...)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

func (c *centre) try(change ...func(*intake.Config)) (intake.Report, error) {
	c.t.Helper()
	config := c.config
	for _, f := range change {
		f(&config)
	}
	i, err := intake.New(config)
	if err != nil {
		c.t.Fatal(err)
	}
	return i.Once(c.t.Context())
}

// stored lists what the room holds.
func (c *centre) stored() map[string]*strongroom.Object {
	c.t.Helper()
	page, err := c.room.House.Room.List(c.t.Context(), c.room.Owner, vault.ListRequest{Bucket: "recordings", Max: 1000})
	if err != nil {
		c.t.Fatal(err)
	}
	out := map[string]*strongroom.Object{}
	for _, o := range page.Objects {
		full, err := c.room.House.Room.Head(c.t.Context(), c.room.Owner, "recordings", o.Key, "")
		if err != nil {
			c.t.Fatal(err)
		}
		out[o.Key] = &full
	}
	return out
}

func (c *centre) holds(key, want string) {
	c.t.Helper()
	got, err := c.room.Get(c.room.Owner, "recordings", key, 0, -1)
	if err != nil || string(got) != want {
		c.t.Errorf("%s holds %q, %v; want %q", key, got, err, want)
	}
}

func (c *centre) counts(r intake.Report, want map[string]int) {
	c.t.Helper()
	if fmt.Sprint(r.Counts) != fmt.Sprint(want) {
		c.t.Errorf("findings: %v, want %v\n%+v", r.Counts, want, r.Findings)
	}
}

// TestTakesAnExport drains what a platform exported: every byte is in the room with the
// attributes that policies rely on, and nothing is left.
func TestTakesAnExport(t *testing.T) {
	c := newCentre(t, "genesys-cloud")
	want := map[string][]byte{}
	world := synth.New(7, 4)
	for f := range world.Files() {
		if !strings.Contains(f.Key, "/conversation_id=") {
			continue // papers come another way
		}
		c.file(f.Key, string(f.Body), time.Hour)
		want[f.Key] = f.Body
	}
	r := c.once()
	stored := c.stored()
	if len(stored) != len(want) || len(want) < 8 {
		t.Fatalf("%d files came, %d are stored", len(want), len(stored))
	}
	for key, body := range want {
		c.holds(key, string(body))
		if o := stored[key]; o.Attribute("queue") == "" || o.Attribute("agent") == "" || o.Attribute("conversation") == "" || o.Attribute("started") == "" || o.Attribute("intake") != "drain-1" {
			t.Errorf("%s: %v", key, o.Meta)
		}
	}
	if left := c.left(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if r.Files+r.Metadata != len(want) || r.Deleted != len(want) || r.Left != 0 || r.Counts["old"] != len(want) || len(r.Counts) != 1 {
		t.Errorf("report: %+v", r)
	}
	if again := c.once(); again.Files != 0 || len(again.Counts) != 0 {
		t.Errorf("a second run: %+v", again)
	}
}

const genesysFolder = "org/year=2026/month=11/day=20/hour=09/conversation_id=c-1/"

const recording = "0b6b1f0e-6a7c-4b0e-9a55-0f3b6a1c2d3e"

// TestWaitsForMetadata: a recording waits, then comes without; what comes later stays as
// a finding.
func TestWaitsForMetadata(t *testing.T) {
	c := newCentre(t, "genesys-cloud")
	c.file(genesysFolder+recording+".wav", "sound", time.Minute)
	r := c.once()
	c.counts(r, map[string]int{})
	if r.Files != 0 || r.Waiting != 1 || len(c.stored()) != 0 || len(c.left()) != 1 {
		t.Fatalf("%+v", r)
	}
	c.file(genesysFolder+recording+".wav", "sound", 11*time.Minute)
	r = c.once()
	c.counts(r, map[string]int{"unjoined": 1})
	if o := c.stored()[genesysFolder+recording+".wav"]; o.Attribute("unjoined") != "true" || o.Attribute("conversation") != "c-1" {
		t.Errorf("stored %+v", o)
	}
	c.file(genesysFolder+recording+"_metadata.json", `{"queue":"billing"}`, 11*time.Minute)
	c.counts(c.once(), map[string]int{"alone": 1})
	if left := c.left(); len(left) != 1 || len(c.stored()) != 1 {
		t.Errorf("left: %q", left)
	}
}

// TestMetadataThatCannotBeUsed counts as missing, and is kept all the same.
func TestMetadataThatCannotBeUsed(t *testing.T) {
	c := newCentre(t, "genesys-cloud")
	c.file(genesysFolder+recording+".wav", "sound", 11*time.Minute)
	c.file(genesysFolder+recording+"_metadata.json", `{"queue":`+strings.Repeat("[", 100), time.Minute)
	c.counts(c.once(), map[string]int{"metadata": 1, "unjoined": 1})
	c.holds(genesysFolder+recording+"_metadata.json", `{"queue":`+strings.Repeat("[", 100))
	if left := c.left(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestUnknownFilesStay, whatever their age.
func TestUnknownFilesStay(t *testing.T) {
	c := newCentre(t, "genesys-cloud")
	c.file("payroll.xlsx", "salaries", time.Hour)
	if err := os.Symlink("/etc/passwd", filepath.Join(c.dir, "link")); err != nil {
		t.Fatal(err)
	}
	c.counts(c.once(), map[string]int{"unknown": 1})
	if left := c.left(); len(left) != 2 || len(c.stored()) != 0 {
		t.Errorf("left %q", left)
	}
}

// TestSettle: what somebody may still be writing is left alone.
func TestSettle(t *testing.T) {
	c := newCentre(t, "plain")
	c.file("a.wav", "half", time.Second)
	wait := func(x *intake.Config) { x.Wait = 0; x.Settle = time.Minute }
	if r := c.once(wait); r.Files != 0 || r.Waiting != 1 {
		t.Errorf("%+v", r)
	}
	c.file("a.wav", "whole", 2*time.Minute)
	c.once(wait)
	c.holds("a.wav", "whole")
}

// TestSameKeyAgain: the same content twice is one object, another content is kept beside
// it, and neither replaces what the room holds.
func TestSameKeyAgain(t *testing.T) {
	c := newCentre(t, "plain")
	now := func(x *intake.Config) { x.Wait = 0 }
	for range 2 {
		c.file("day/a.wav", "first", time.Minute)
		c.once(now)
	}
	for range 2 {
		c.file("day/a.wav", "other", time.Minute)
		c.once(now)
	}
	c.holds("day/a.wav", "first")
	c.holds("day/a~2.wav", "other")
	if n := len(c.stored()); n != 2 || len(c.left()) != 0 {
		t.Errorf("%d objects, %d files left", n, len(c.left()))
	}
}

// TestSomebodyElsesKey: what another put under the key is neither read nor replaced.
func TestSomebodyElsesKey(t *testing.T) {
	c := newCentre(t, "plain")
	c.room.Put("recordings", "a.wav", []byte("theirs"), nil)
	c.file("a.wav", "ours", time.Minute)
	c.once(func(x *intake.Config) { x.Wait = 0 })
	c.holds("a.wav", "theirs")
	c.holds("a~2.wav", "ours")
}

// TestVersionedBucket: keys are not stored over in a bucket that keeps versions either.
func TestVersionedBucket(t *testing.T) {
	c := newCentre(t, "plain")
	if err := c.room.House.Room.ConfigureBucket(t.Context(), c.room.Owner, "recordings", "versioning", func(b *strongroom.Bucket) error {
		b.Versioning = strongroom.VersioningEnabled
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c.file("a.wav", "sound", time.Minute)
		c.once(func(x *intake.Config) { x.Wait = 0 })
	}
	page, err := c.room.House.Room.ListVersions(t.Context(), c.room.Owner, vault.ListVersionsRequest{Bucket: "recordings", Max: 10})
	if err != nil || len(page.Versions) != 1 {
		t.Errorf("%+v, %v", page, err)
	}
}

// faulty is a folder, and a room, that misbehave on purpose.
type faulty struct {
	intake.Source
	intake.Store
	open    func(c *intake.Content) *intake.Content
	read    func(w io.Writer) io.Writer
	before  func() // each deletion
	deletes atomic.Int64
}

func (f *faulty) Name() string { return f.Source.Name() }

func (f *faulty) Open(ctx context.Context, key string, v intake.Version) (*intake.Content, error) {
	c, err := f.Source.Open(ctx, key, v)
	if err == nil && f.open != nil {
		c = f.open(c)
	}
	return c, err
}

func (f *faulty) Delete(ctx context.Context, key string, versions []intake.Version) error {
	f.deletes.Add(1)
	if f.before != nil {
		f.before()
	}
	return f.Source.Delete(ctx, key, versions)
}

type faultyStore struct{ *faulty }

func (f faultyStore) Name() string { return f.Store.Name() }

func (f faultyStore) Read(ctx context.Context, bucket, key string, w io.Writer) error {
	if f.read != nil {
		w = f.read(w)
	}
	return f.Store.Read(ctx, bucket, key, w)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func flipping(r io.ReadCloser, at int64) io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{readerFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		if at >= 0 && at < int64(n) {
			p[at] ^= 1
		}
		at -= int64(n)
		return n, err
	}), r}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestNothingInDoubtIsDeleted: whatever goes wrong between the source and the room, the
// source keeps what it has, and the room holds nothing that differs.
func TestNothingInDoubtIsDeleted(t *testing.T) {
	content := strings.Repeat("sound ", 50_000)
	for _, c := range []struct {
		name, finding string
		stored        int
		set           func(*faulty)
	}{
		{"one of two readings is altered", "altered", 0, func(f *faulty) {
			n := 0
			f.open = func(c *intake.Content) *intake.Content {
				if n++; n%2 == 1 {
					c.ReadCloser = flipping(c.ReadCloser, 299_999)
				}
				return c
			}
		}},
		{"it ends early", "altered", 0, func(f *faulty) {
			f.open = func(c *intake.Content) *intake.Content {
				c.ReadCloser = struct {
					io.Reader
					io.Closer
				}{io.LimitReader(c.ReadCloser, 299_999), c.ReadCloser}
				return c
			}
		}},
		{"it is longer than listed", "altered", 0, func(f *faulty) {
			f.open = func(c *intake.Content) *intake.Content {
				c.ReadCloser = struct {
					io.Reader
					io.Closer
				}{io.MultiReader(c.ReadCloser, strings.NewReader("x")), c.ReadCloser}
				return c
			}
		}},
		{"the connection breaks at the last byte", "failed", 0, func(f *faulty) {
			f.open = func(c *intake.Content) *intake.Content {
				c.ReadCloser = struct {
					io.Reader
					io.Closer
				}{io.MultiReader(c.ReadCloser, readerFunc(func([]byte) (int, error) { return 0, errors.New("reset") })), c.ReadCloser}
				return c
			}
		}},
		{"it reads back altered", "mismatch", 1, func(f *faulty) {
			f.read = func(w io.Writer) io.Writer {
				return writerFunc(func(p []byte) (int, error) {
					q := bytes.Clone(p)
					q[0] ^= 1
					return w.Write(q)
				})
			}
		}},
		{"it does not read back", "failed", 1, func(f *faulty) {
			f.read = func(io.Writer) io.Writer {
				return writerFunc(func([]byte) (int, error) { return 0, errors.New("gone") })
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newCentre(t, "plain")
			s.file("a.wav", content, time.Minute)
			f := &faulty{Source: s.source, Store: s.store}
			c.set(f)
			r := s.once(func(x *intake.Config) { x.Source, x.Store, x.Wait = f, faultyStore{f}, 0 })
			s.counts(r, map[string]int{c.finding: 1})
			if f.deletes.Load() != 0 || len(s.left()) != 1 || len(s.stored()) != c.stored {
				t.Errorf("%d deletions, %d left, %d stored", f.deletes.Load(), len(s.left()), len(s.stored()))
			}
			// Once the trouble is over it is taken, once.
			r = s.once(func(x *intake.Config) { x.Wait = 0 })
			s.counts(r, map[string]int{})
			s.holds("a.wav", content)
			if len(s.left()) != 0 || len(s.stored()) != 1 || r.Resumed != c.stored {
				t.Errorf("%d left, %d stored, %+v", len(s.left()), len(s.stored()), r)
			}
		})
	}
}

// TestChangedBeforeDeletion: what is written over after it was read stays, and is taken
// as well.
func TestChangedBeforeDeletion(t *testing.T) {
	s := newCentre(t, "plain")
	s.file("a.wav", "first", time.Minute)
	f := &faulty{Source: s.source, Store: s.store}
	f.before = func() {
		f.before = nil
		s.file("a.wav", "other", time.Second)
	}
	r := s.once(func(x *intake.Config) { x.Source, x.Wait = f, 0 })
	s.counts(r, map[string]int{"changed": 1})
	s.holds("a.wav", "first")
	s.holds("a~2.wav", "other")
	if len(s.left()) != 0 || r.Files != 2 {
		t.Errorf("%q left, %+v", s.left(), r)
	}
}

// TestTwoAtOnce: two intakes of one principal on one source store each file once.
func TestTwoAtOnce(t *testing.T) {
	s := newCentre(t, "plain")
	const n = 60
	for i := range n {
		s.file(fmt.Sprintf("%02d.wav", i), strings.Repeat(fmt.Sprint(i), 1000), time.Minute)
	}
	both := make(chan intake.Report, 2)
	for range 2 {
		go func() {
			i, err := intake.New(s.config)
			if err != nil {
				t.Error(err)
			}
			r, err := i.Once(t.Context())
			if err != nil {
				t.Error(err)
			}
			both <- r
		}()
	}
	a, b := <-both, <-both
	if got := len(s.stored()); got != n || len(s.left()) != 0 {
		t.Errorf("%d stored, %d left: %+v %+v", got, len(s.left()), a.Counts, b.Counts)
	}
}

// TestRefused: without the right nothing is stored and nothing deleted, and it ends soon.
func TestRefused(t *testing.T) {
	s := newCentre(t, "plain")
	for i := range 100 {
		s.file(fmt.Sprintf("%02d.wav", i), "x", time.Minute)
	}
	c := s.room.Person(strongroom.Principal{Name: "somebody", Kind: strongroom.Workload})
	store, err := intake.Inside(s.room.House.Room, func() (vault.Caller, error) { return c, nil })
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.try(func(x *intake.Config) { x.Store, x.Wait, x.Workers = store, 0, 1 })
	if strongroom.KindOf(err) != strongroom.KindDenied || r.Counts["refused"] == 0 || r.Counts["refused"] > 30 || len(s.left()) != 100 {
		t.Errorf("%v, %+v, %d left", err, r.Counts, len(s.left()))
	}
	_, err = s.try(func(x *intake.Config) { x.Into, x.Wait = "nowhere", 0 })
	if strongroom.KindOf(err) != strongroom.KindNoBucket || len(s.left()) != 100 {
		t.Errorf("%v, %d left", err, len(s.left()))
	}
}

// TestSmallWindow: a backlog larger than the window is taken in turns, and joined all
// the same.
func TestSmallWindow(t *testing.T) {
	c := newCentre(t, `{"name":"x","join":["n"],"metadata":"expected","wait":"10m","files":[
		{"as":"metadata","key":"zz/{n}.json"},{"as":"recording","key":"aa/{n}.wav"}],"attributes":{"queue":{"json":"/queue"}}}`)
	for i := range 12 {
		c.file(fmt.Sprintf("aa/%02d.wav", i), fmt.Sprint("sound ", i), 11*time.Minute)
		c.file(fmt.Sprintf("zz/%02d.json", i), `{"queue":"billing"}`, 11*time.Minute)
	}
	r := c.once(func(x *intake.Config) { x.Window = 5 })
	c.counts(r, map[string]int{})
	if left := c.left(); len(left) > 0 || r.Files != 12 || r.Metadata != 12 {
		t.Errorf("left %q, %+v", left, r)
	}
	for key, o := range c.stored() {
		if o.Attribute("queue") != "billing" {
			t.Errorf("%s: %v", key, o.Meta)
		}
	}
}

// troubled is a source some of whose keys cannot be opened.
type troubled struct {
	intake.Source
	broken func(key string) bool
	opened map[string]int
}

func (s *troubled) Open(ctx context.Context, key string, v intake.Version) (*intake.Content, error) {
	s.opened[key]++
	if s.broken(key) {
		return nil, errors.New("it was stored under a key that is gone")
	}
	return s.Source.Open(ctx, key, v)
}

// TestUnreadableFilesStopNothing: however many of the oldest files cannot be read, the
// others are taken. Each is tried again after a time that grows, and is a finding until
// then; one that was written anew is tried at once.
func TestUnreadableFilesStopNothing(t *testing.T) {
	c := newCentre(t, "plain")
	const broken = 25
	for n := range broken {
		c.file(fmt.Sprintf("broken-%02d.wav", n), "lost", 2*time.Hour)
	}
	c.file("good.wav", "sound", 90*time.Minute)
	source := &troubled{c.source, func(key string) bool { return strings.HasPrefix(key, "broken") }, map[string]int{}}
	now := time.Now()
	c.config.Source, c.config.Workers, c.config.Old = source, 1, 24*time.Hour
	c.config.Clock = func() time.Time { return now }
	i, err := intake.New(c.config)
	if err != nil {
		t.Fatal(err)
	}
	once := func() intake.Report {
		t.Helper()
		r, err := i.Once(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	tried := func(want int) {
		t.Helper()
		if n := source.opened["broken-07.wav"]; n != want {
			t.Errorf("it was tried %d times, want %d", n, want)
		}
	}
	c.counts(once(), map[string]int{"failed": broken})
	c.holds("good.wav", "sound")
	tried(1)
	c.counts(once(), map[string]int{"failed": broken})
	tried(1)
	now = now.Add(61 * time.Second)
	c.counts(once(), map[string]int{"failed": broken})
	tried(2)
	now = now.Add(61 * time.Second)
	once()
	tried(2)
	for range 8 {
		now = now.Add(15*time.Minute + time.Second)
		once()
	}
	tried(10)

	source.broken = func(string) bool { return false }
	c.file("broken-07.wav", "found", time.Hour)
	c.counts(once(), map[string]int{"failed": broken - 1})
	c.holds("broken-07.wav", "found")
	now = now.Add(15*time.Minute + time.Second)
	c.counts(once(), map[string]int{})
	if left := c.left(); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}

// TestUnreadableFilesAndAWindow: what cannot be read takes no room in the window.
func TestUnreadableFilesAndAWindow(t *testing.T) {
	c := newCentre(t, "plain")
	for n := range 9 {
		c.file(fmt.Sprintf("broken-%d.wav", n), "lost", time.Hour)
	}
	c.file("good.wav", "sound", time.Hour)
	c.config.Source = &troubled{c.source, func(key string) bool { return strings.HasPrefix(key, "broken") }, map[string]int{}}
	c.once(func(x *intake.Config) { x.Window, x.Workers = 4, 1 })
	c.holds("good.wav", "sound")
}

// choosy is a store that refuses some of what it is given.
type choosy struct {
	intake.Store
	refuse func(intake.Object) error
	puts   atomic.Int64 // refused
}

func (s *choosy) Put(ctx context.Context, o intake.Object, body io.Reader) error {
	if err := s.refuse(o); err != nil {
		s.puts.Add(1)
		return err
	}
	return s.Store.Put(ctx, o, body)
}

// TestOneBucketsTrouble: where keys say which bucket they go to, one that is missing or
// that policy closes is a finding of its files. It keeps the others from nothing, and is
// not asked for without end.
func TestOneBucketsTrouble(t *testing.T) {
	for _, c := range []struct {
		name    string
		refuse  func(intake.Object) error
		finding string
		puts    int64
	}{
		{"missing", func(intake.Object) error { return nil }, "failed", 0},
		{"refused", func(o intake.Object) error {
			if o.Bucket == "closed" {
				return &strongroom.Error{Kind: strongroom.KindDenied, Message: "policy says no"}
			}
			return nil
		}, "refused", 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newCentre(t, `{"name":"sites","into":{"bucket":"{site}","key":"{file}"},"files":[{"key":"{site}/{file:path}","as":"recording"}]}`)
			for n := range 30 {
				s.file(fmt.Sprintf("closed/%02d.wav", n), "x", 10*time.Minute)
			}
			s.file("recordings/good.wav", "sound", time.Minute)
			store := &choosy{Store: s.store, refuse: c.refuse}
			r := s.once(func(x *intake.Config) { x.Into, x.Store, x.Workers = "", store, 1 })
			s.counts(r, map[string]int{c.finding: 30})
			s.holds("good.wav", "sound")
			if n := store.puts.Load(); n != c.puts || len(s.left()) != 30 {
				t.Errorf("refused %d times, %d left", n, len(s.left()))
			}
		})
	}
}

// TestRoomsTrouble ends a listing; the next begins with what has not been tried.
func TestRoomsTrouble(t *testing.T) {
	s := newCentre(t, "plain")
	for n := range 25 {
		s.file(fmt.Sprintf("bad-%02d.wav", n), "x", 10*time.Minute)
	}
	s.file("good.wav", "sound", time.Minute)
	store := &choosy{Store: s.store, refuse: func(o intake.Object) error {
		if strings.HasPrefix(o.Key, "bad") {
			return &strongroom.Error{Kind: strongroom.KindUnavailable, Message: "the disk is full"}
		}
		return nil
	}}
	s.config.Store, s.config.Workers, s.config.Wait = store, 1, 0
	i, err := intake.New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Once(t.Context()); strongroom.KindOf(err) != strongroom.KindUnavailable || store.puts.Load() != 20 || len(s.stored()) != 0 {
		t.Fatalf("%v after %d failures", err, store.puts.Load())
	}
	if _, err := i.Once(t.Context()); strongroom.KindOf(err) != strongroom.KindUnavailable {
		t.Errorf("%v", err)
	}
	s.holds("good.wav", "sound")
	// Nothing has to wait once the room is well.
	store.refuse = func(intake.Object) error { return nil }
	if r, err := i.Once(t.Context()); err != nil || r.Files != 25 || len(s.left()) != 0 {
		t.Errorf("%v, %+v", err, r)
	}
}

const legs = `{"name":"legs","join":["call"],"metadata":"expected","wait":"1s","attributes":{"queue":{"json":"/queue"}},"files":[
	{"as":"recording","key":"{call}/{leg}.wav"},{"as":"metadata","key":"{call}/about.json"}]}`

// TestSharedMetadataStays until the last recording that is there was taken with it, be
// that one not yet whole or not to be read for a time.
func TestSharedMetadataStays(t *testing.T) {
	setting := func(t *testing.T) *centre {
		c := newCentre(t, legs)
		c.file("c-1/a.wav", "first leg", time.Hour)
		c.file("c-1/b.wav", "second leg", 10*time.Second)
		c.file("c-1/about.json", `{"queue":"billing"}`, time.Hour)
		c.config.Settle, c.config.Old = time.Minute, 24*time.Hour
		return c
	}
	first := func(t *testing.T, c *centre, r intake.Report) {
		t.Helper()
		if left := c.left(); !slices.Equal(left, []string{"c-1/about.json", "c-1/b.wav"}) || r.Files != 1 || r.Left != 2 {
			t.Errorf("left %q, %+v", left, r)
		}
	}
	last := func(t *testing.T, c *centre) {
		t.Helper()
		stored := c.stored()
		for _, key := range []string{"c-1/a.wav", "c-1/b.wav"} {
			if o := stored[key]; o == nil || o.Attribute("queue") != "billing" || o.Attribute("unjoined") != "" {
				t.Errorf("%s: %+v", key, o)
			}
		}
		if left := c.left(); len(stored) != 3 || len(left) != 0 {
			t.Errorf("%d stored, left %q", len(stored), left)
		}
	}
	settled := func(x *intake.Config) { x.Settle = 0 }
	t.Run("settling", func(t *testing.T) {
		c := setting(t)
		r := c.once()
		first(t, c, r)
		c.counts(r, map[string]int{})
		c.counts(c.once(), map[string]int{}) // nor is it metadata without a recording meanwhile
		c.counts(c.once(settled), map[string]int{})
		last(t, c)
	})
	t.Run("hinted", func(t *testing.T) {
		c := setting(t)
		c.config.Source = renamed{c.source}
		c.config.Queue = &hints{messages: []intake.Message{{Body: []byte(
			`{"source":"aws.s3","detail-type":"Object Created","detail":{"bucket":{"name":"landing"},"object":{"key":"c-1/a.wav"}}}`)}}}
		first(t, c, c.once())
		c.once(settled)
		last(t, c)
	})
	t.Run("unreadable", func(t *testing.T) {
		c := setting(t)
		now, broken := time.Now(), true
		c.config.Source = &troubled{c.source, func(key string) bool { return broken && key == "c-1/b.wav" }, map[string]int{}}
		c.config.Clock, c.config.Settle, c.config.Workers = func() time.Time { return now }, 0, 1
		i, err := intake.New(c.config)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			r, err := i.Once(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c.counts(r, map[string]int{"failed": 1})
			if left := c.left(); !slices.Equal(left, []string{"c-1/about.json", "c-1/b.wav"}) {
				t.Fatalf("left %q", left)
			}
		}
		now, broken = now.Add(2*time.Minute), false
		if r, err := i.Once(t.Context()); err != nil || len(r.Counts) > 0 {
			t.Errorf("%v, %+v", err, r)
		}
		last(t, c)
	})
}

// TestSettlingMetadata: a recording is not taken without metadata that is just arriving.
func TestSettlingMetadata(t *testing.T) {
	c := newCentre(t, legs)
	c.file("c-1/a.wav", "sound", time.Hour)
	c.file("c-1/about.json", `{"que`, 10*time.Second)
	c.config.Settle, c.config.Old = time.Minute, 24*time.Hour
	if r := c.once(); r.Files != 0 || r.Waiting != 2 || len(r.Counts) > 0 {
		t.Errorf("%+v", r)
	}
	c.file("c-1/about.json", `{"queue":"billing"}`, 2*time.Minute)
	c.counts(c.once(), map[string]int{})
	if o := c.stored()["c-1/a.wav"]; o.Attribute("queue") != "billing" {
		t.Errorf("%+v", o)
	}
}

// hints is a queue in memory.
type hints struct {
	messages []intake.Message
	done     []string
}

func (h *hints) Receive(ctx context.Context, wait time.Duration) ([]intake.Message, error) {
	out := h.messages
	h.messages = nil
	if out == nil && wait > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return out, nil
}

func (h *hints) Done(_ context.Context, messages []intake.Message) error {
	for _, m := range messages {
		h.done = append(h.done, m.Receipt)
	}
	return nil
}

type renamed struct{ intake.Source }

func (renamed) Bucket() string { return "landing" }

// TestHints: a hint has its recording and the metadata beside it taken at once; one that
// lies does nothing.
func TestHints(t *testing.T) {
	c := newCentre(t, "genesys-cloud")
	const other = "7626da7f-e083-4085-b77a-85bfea18fe24"
	for _, id := range []string{recording, other} {
		c.file(genesysFolder+id+".wav", "sound", time.Minute)
		c.file(genesysFolder+id+"_metadata.json", `{"queue":"billing"}`, time.Minute)
	}
	event := func(bucket, key string) intake.Message {
		return intake.Message{Receipt: key, Body: fmt.Appendf(nil, `{"source":"aws.s3","detail-type":"Object Created","detail":{"bucket":{"name":%q},"object":{"key":%q}}}`, bucket, key)}
	}
	q := &hints{messages: []intake.Message{
		event("landing", "org/conversation_id=c-9/"+recording+".wav"), event("elsewhere", genesysFolder+other+".wav"),
		event("landing", "../../etc/passwd"), {Body: []byte("garbage"), Receipt: "garbage"}, event("landing", genesysFolder+recording+"_metadata.json"),
	}}
	config := c.config
	config.Source, config.Queue, config.Interval = renamed{c.source}, q, time.Hour
	i, err := intake.New(config)
	if err != nil {
		t.Fatal(err)
	}
	// Everything is old enough to be listed, so a first listing is made to find nothing.
	for _, name := range c.left() {
		if err := os.Rename(filepath.Join(c.dir, name), filepath.Join(c.dir, filepath.Base(name))+".hidden"); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var reports []intake.Report
	err = i.Run(ctx, func(r intake.Report, err error) {
		if err != nil {
			t.Error(err)
		}
		reports = append(reports, r)
		if len(reports) == 1 {
			for _, name := range c.left() {
				if err := os.Rename(filepath.Join(c.dir, name), filepath.Join(c.dir, genesysFolder, strings.TrimSuffix(name, ".hidden"))); err != nil {
					t.Fatal(err)
				}
			}
			return
		}
		stop()
	})
	if err != nil || len(reports) != 2 {
		t.Fatal(err, len(reports))
	}
	if r := reports[1]; r.Files != 1 || r.Metadata != 1 || r.Passes != 0 {
		t.Errorf("%+v", r)
	}
	if got := c.stored(); len(got) != 2 || got[genesysFolder+recording+".wav"].Attribute("queue") != "billing" {
		t.Errorf("stored %v", got)
	}
	if len(q.done) != 5 {
		t.Errorf("removed from the queue: %q", q.done)
	}
	left := c.left()
	if len(left) != 2 || !slices.ContainsFunc(left, func(s string) bool { return strings.Contains(s, other) }) {
		t.Errorf("left %q", left)
	}
}

package crash_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"strongroom/internal/powercut"
)

// rounds is how many rounds to run: few by default, and for a long run as many as
// STRONGROOM_CRASH_ROUNDS says of kills, and a share of them of the others.
func rounds(t testing.TB, short, share int) int {
	t.Helper()
	text := os.Getenv("STRONGROOM_CRASH_ROUNDS")
	if text == "" {
		return short
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("STRONGROOM_CRASH_ROUNDS=%s is no number of rounds", text)
	}
	return max(short, n/share)
}

// randomness gives each round its own; STRONGROOM_CRASH_SEED gives all of them others.
func randomness(t testing.TB, round int) *rand.Rand {
	t.Helper()
	seed := uint64(1)
	if text := os.Getenv("STRONGROOM_CRASH_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("STRONGROOM_CRASH_SEED=%s is no number", text)
		}
	}
	return rand.New(rand.NewPCG(seed, uint64(round)))
}

func millis(r *rand.Rand, from, to int) time.Duration {
	return time.Duration(from+r.IntN(to-from)) * time.Millisecond
}

func (a tally) minus(b tally) string {
	return fmt.Sprintf("%d writes and %d parts of %d uploads acknowledged, %d reads delivered, %d writes refused",
		a.writes-b.writes, a.parts-b.parts, a.uploads-b.uploads, a.reads-b.reads, a.refused-b.refused)
}

// era is for how many rounds one room is used.
const era = 25

// TestKill kills the server at random instants: under load, while it starts, and
// while it recovers from the last time.
func TestKill(t *testing.T) {
	t.Parallel()
	n := rounds(t, 4, 1)
	for first := 0; first < n; first += era {
		t.Run(fmt.Sprint("from round ", first), func(t *testing.T) {
			v, s, c := found(t, filepath.Join(t.TempDir(), "data"))
			for round := first; round < min(n, first+era) && !t.Failed(); round++ {
				r := randomness(t, round)
				before := v.journal.tally
				l := startLoad(t, c, v.journal, r.Uint64(), 6, false)
				unwatch := watch(t, v.data, v.checkpoints, l)
				l.until(r.IntN(150), r)
				l.crashing()
				s.kill()
				l.wait()
				unwatch()
				for range r.IntN(3) { // again, before it is ready or just after
					again, _ := launch(t, v.data)
					time.Sleep(millis(r, 1, 150))
					again.kill()
				}
				s, c = v.inspect(t, r)
				t.Logf("round %d: %s", round, v.journal.tally.minus(before))
			}
		})
	}
}

// disk mounts the layer on a backing folder for as long as the test runs, or until
// it is taken away.
func disk(t *testing.T, backing string) (*powercut.FS, string, func()) {
	t.Helper()
	return slowDisk(t, backing, 0)
}

// slowDisk is a disk on which every fsync takes a while.
func slowDisk(t *testing.T, backing string, delay time.Duration) (*powercut.FS, string, func()) {
	t.Helper()
	if err := powercut.Available(); err != nil {
		t.Skip(err)
	}
	at := filepath.Join(t.TempDir(), "mountpoint")
	for _, folder := range []string{backing, at} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	layer, err := powercut.Mount(backing, at, powercut.Options{SyncDelay: delay})
	if err != nil {
		t.Fatal(err)
	}
	mounted := true
	unmount := func() {
		if mounted {
			mounted = false
			if err := layer.Unmount(); err != nil {
				t.Errorf("unmounting: %v", err)
			}
		}
	}
	t.Cleanup(unmount)
	return layer, at, unmount
}

// cut stops the power and returns some of the disks that there can be afterwards.
func (v *survivor) cut(t *testing.T, layer *powercut.FS, states int, r *rand.Rand) []*survivor {
	t.Helper()
	var out []*survivor
	for range states {
		next, folder := *v, filepath.Join(t.TempDir(), "disk")
		if err := layer.Cut(folder, r.Uint64()); err != nil {
			t.Fatal(err)
		}
		next.data, next.journal = filepath.Join(folder, "data"), v.journal.clone()
		out = append(out, &next)
	}
	return out
}

// inspectAll holds each of the disks against the journal, and leaves the first.
func inspectAll(t *testing.T, survivors []*survivor, r *rand.Rand) (first *survivor, backing string) {
	t.Helper()
	for i, v := range survivors {
		s, _ := v.inspect(t, r)
		if r.IntN(2) == 0 {
			s.stop()
		}
		s.kill()
		if i > 0 && !t.Failed() {
			if err := os.RemoveAll(filepath.Dir(v.data)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return survivors[0], filepath.Dir(survivors[0].data)
}

// TestPowerCut cuts the power at random instants, under load and while the server
// starts, and opens several of the disks that there could be afterwards. The next
// round goes on with one of them.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	n := rounds(t, 3, 6)
	for first := 0; first < n; first += era {
		t.Run(fmt.Sprint("from round ", first), func(t *testing.T) {
			backing := filepath.Join(t.TempDir(), "backing")
			layer, at, unmount := disk(t, backing)
			v, s, c := found(t, filepath.Join(at, "data"))
			for round := first; round < min(n, first+era) && !t.Failed(); round++ {
				r := randomness(t, round)
				before := v.journal.tally
				if round > first { // the server is yet to be started on the last survivor
					layer, at, unmount = disk(t, backing)
					v.data = filepath.Join(at, "data")
					if round%3 == 2 {
						freeze(t, layer, 1+r.IntN(100))
					}
					var ready <-chan bool
					s, ready = launch(t, v.data)
					s.expected.Store(round%3 == 2)
					if <-ready {
						c = connect(t, s, v.founded)
					} else {
						c = nil
					}
				}
				if round%3 == 1 {
					freeze(t, layer, 1+r.IntN(1500))
				}
				how := "while the server started"
				if c != nil {
					how = "under load"
					l := startLoad(t, c, v.journal, r.Uint64(), 6, round%3 != 0)
					unwatch := watch(t, v.data, v.checkpoints, l)
					if round%3 == 0 {
						l.until(r.IntN(150), r)
						l.crashing()
					} else {
						waitFor(l.refusals, 5*time.Second)
						time.Sleep(millis(r, 1, 50)) // what is answered now must hold too
					}
					freeze(t, layer, 0)
					l.crashing()
					s.kill()
					l.wait()
					unwatch()
				}
				s.kill()
				survivors := v.cut(t, layer, rounds(t, 2, 75), r)
				unmount()
				if err := os.RemoveAll(backing); err != nil {
					t.Fatal(err)
				}
				v, backing = inspectAll(t, survivors, r)
				t.Logf("round %d, cut %s: %s", round, how, v.journal.tally.minus(before))
			}
		})
	}
}

// freeze stops the power after so many more changes of the disk.
func freeze(t testing.TB, layer *powercut.FS, changes int) {
	t.Helper()
	if err := layer.FreezeAfter(changes); err != nil {
		t.Fatal(err)
	}
}

func waitFor(c <-chan struct{}, most time.Duration) {
	select {
	case <-c:
	case <-time.After(most):
	}
}

// TestInit cuts the power as soon as init has printed the secret that is shown only
// once, and after the first object.
func TestInit(t *testing.T) {
	t.Parallel()
	layer, at, unmount := disk(t, filepath.Join(t.TempDir(), "backing"))
	v := &survivor{data: filepath.Join(at, "data"), checkpoints: t.TempDir(), journal: newJournal()}
	v.founded = initRoom(t, v.data)
	freeze(t, layer, 0)
	for seed := range uint64(6) {
		folder := filepath.Join(t.TempDir(), "disk")
		if err := layer.Cut(folder, seed); err != nil {
			t.Fatal(err)
		}
		s := start(t, filepath.Join(folder, "data"))
		c := connect(t, s, v.founded)
		if err := c.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
			t.Error(err)
		}
		s.stop()
	}
	unmount()
}

// TestFirstObject cuts the power right after the first object of a new room.
func TestFirstObject(t *testing.T) {
	t.Parallel()
	layer, at, unmount := disk(t, filepath.Join(t.TempDir(), "backing"))
	v, s, c := found(t, filepath.Join(at, "data"))
	l := &load{t: t, c: c, journal: v.journal}
	first := value{seeds.Add(1), 100_000}
	if !l.write("put", names[0], first, func() error { return c.put(t.Context(), names[0], first.content()) }) {
		return
	}
	freeze(t, layer, 0)
	s.kill()
	survivors := v.cut(t, layer, rounds(t, 3, 30), randomness(t, 0))
	unmount()
	inspectAll(t, survivors, randomness(t, 0))
}

// TestFullDisk fills the disk under a server: it refuses with 503, shows nothing by
// halves, stays alive, and goes on when there is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	layer, at, _ := disk(t, filepath.Join(t.TempDir(), "backing"))
	v, s, c := found(t, filepath.Join(at, "data"))
	ctx := t.Context()
	l := &load{t: t, c: c, journal: v.journal, refusals: make(chan struct{}, 1)}
	for i, size := range []int{10, 100_000, 3 << 20} {
		content := value{seeds.Add(1), size}
		l.write("put", names[i], content, func() error { return c.put(ctx, names[i], content.content()) })
	}
	u := &upload{key: names[4], value: value{seeds.Add(1), 200_000}, cuts: []int{200_000}, etags: map[int]string{}, unsure: map[int]bool{}}
	var err error
	if u.id, err = c.NewMultipartUpload(ctx, bucket, u.key, minio.PutObjectOptions{}); err == nil {
		err = l.putPart(ctx, u, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		if err := layer.SetFull(true); err != nil {
			t.Fatal(err)
		}
		// The database may overwrite what it has no more use for: until it cannot, what
		// is stored and read is on record as ever.
		l.failing = true
		for r := rand.New(rand.NewPCG(1, 1)); len(l.refusals) == 0; {
			l.read(ctx, r, names[1])
		}
		<-l.refusals
		l.failing = false
		for _, op := range []struct {
			what string
			do   func() error
		}{
			{"a small put", func() error { return c.put(ctx, names[3], []byte("small")) }},
			{"a large put", func() error { return c.put(ctx, names[3], make([]byte, 2<<20)) }},
			{"an overwrite", func() error { return c.put(ctx, names[0], []byte("other")) }},
			{"a deletion", func() error { return c.remove(ctx, names[1]) }},
			{"a new upload", func() error {
				_, err := c.NewMultipartUpload(ctx, bucket, names[3], minio.PutObjectOptions{})
				return err
			}},
			{"a part", func() error {
				_, err := c.PutObjectPart(ctx, bucket, u.key, u.id, 1, bytes.NewReader(u.part(1)), 200_000, minio.PutObjectPartOptions{})
				return err
			}},
			{"completing", func() error {
				_, err := c.CompleteMultipartUpload(ctx, bucket, u.key, u.id, u.list(), minio.PutObjectOptions{})
				return err
			}},
			{"aborting", func() error { return c.AbortMultipartUpload(ctx, bucket, u.key, u.id) }},
			{"a listing", func() error { _, err := c.list(ctx); return err }},
			{"a read", func() error {
				body, err := c.get(ctx, names[0], "none", 0, -1, 0)
				if len(body) > 0 {
					t.Errorf("%d bytes were released with the disk full", len(body))
				}
				return err
			}},
			{"a read of a range", func() error {
				body, err := c.get(ctx, names[1], "none", 70_000, 80_000, 0)
				if len(body) > 0 {
					t.Errorf("%d bytes were released with the disk full", len(body))
				}
				return err
			}},
		} {
			if err := op.do(); status(err) != 503 {
				t.Errorf("round %d, with the disk full: %s: status %d, %v", round, op.what, status(err), err)
			}
		}
		if err := s.healthy(); err != nil {
			t.Errorf("with the disk full: %v", err)
		}
		if err := layer.SetFull(false); err != nil {
			t.Fatal(err)
		}
		v.objects(t, l) // no refused request has left a trace
		content := value{seeds.Add(1), 300_000}
		l.write("put with room again", names[3], content, func() error { return c.put(ctx, names[3], content.content()) })
		l.write("delete with room again", names[3], absent, func() error { return c.remove(ctx, names[3]) })
	}
	l.journal.uploads[u.id] = u // its part is still there
	v.multiparts(t, l, rand.New(rand.NewPCG(1, 1)))
	v.objects(t, l)
	s.stop()
	s, _ = v.inspect(t, randomness(t, 0))
	s.stop()
}

// TestFailingSync has every fsync fail for moments, under load, and then takes the
// server away: half of the time by a kill, with everything that was written still
// in memory, half of the time by a power cut.
func TestFailingSync(t *testing.T) {
	t.Parallel()
	n := rounds(t, 2, 3)
	for first := 0; first < n; first += era {
		t.Run(fmt.Sprint("from round ", first), func(t *testing.T) {
			backing := filepath.Join(t.TempDir(), "backing")
			layer, at, unmount := disk(t, backing)
			v, s, c := found(t, filepath.Join(at, "data"))
			for round := first; round < min(n, first+era) && !t.Failed(); round++ {
				r := randomness(t, round)
				before := v.journal.tally
				if c == nil {
					layer, at, unmount = disk(t, backing)
					v.data = filepath.Join(at, "data")
					s = start(t, v.data)
					c = connect(t, s, v.founded)
				}
				l := startLoad(t, c, v.journal, r.Uint64(), 1+r.IntN(4), true)
				unwatch := watch(t, v.data, v.checkpoints, l)
				fail := func(on bool) {
					if err := layer.FailSync(on); err != nil {
						t.Error(err)
					}
				}
				for range 5 + r.IntN(20) {
					time.Sleep(time.Duration(r.IntN(60_000)) * time.Microsecond)
					fail(true)
					time.Sleep(time.Duration(r.IntN(15_000)) * time.Microsecond)
					fail(false)
				}
				waitFor(l.refusals, 0) // of before
				fail(true)
				waitFor(l.refusals, 5*time.Second)
				fail(r.IntN(2) == 0)
				time.Sleep(millis(r, 0, 30))
				l.crashing()
				if round%2 == 0 {
					s.kill()
					fail(false)
					l.wait()
					unwatch()
					s, c = v.inspect(t, r)
				} else {
					freeze(t, layer, 0)
					s.kill()
					l.wait()
					unwatch()
					survivors := v.cut(t, layer, rounds(t, 2, 75), r)
					unmount()
					v, backing = inspectAll(t, survivors, r)
					c = nil
				}
				t.Logf("round %d: %s", round, v.journal.tally.minus(before))
			}
		})
	}
}

// TestNothingWithoutSync has every fsync fail for good: nothing is acknowledged,
// and nothing is released.
func TestNothingWithoutSync(t *testing.T) {
	t.Parallel()
	layer, at, _ := disk(t, filepath.Join(t.TempDir(), "backing"))
	v, s, c := found(t, filepath.Join(at, "data"))
	ctx := t.Context()
	l := &load{t: t, c: c, journal: v.journal}
	content := value{seeds.Add(1), 100_000}
	l.write("put", names[0], content, func() error { return c.put(ctx, names[0], content.content()) })
	if err := layer.FailSync(true); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for what, err := range map[string]error{
			"a put":       c.put(ctx, names[1], []byte("small")),
			"a large put": c.put(ctx, names[1], make([]byte, 1<<20)),
			"a deletion":  c.remove(ctx, names[0]),
		} {
			if status(err) != 503 {
				t.Errorf("with fsync failing, %s: status %d, %v", what, status(err), err)
			}
		}
		if body, err := c.get(ctx, names[0], "none", 0, -1, 0); len(body) > 0 || status(err) != 503 {
			t.Errorf("with fsync failing, a read: %d bytes, status %d, %v", len(body), status(err), err)
		}
	}
	if err := layer.FailSync(false); err != nil {
		t.Fatal(err)
	}
	v.objects(t, l)
	s.kill()
	s, _ = v.inspect(t, randomness(t, 0))
	s.stop()
}

// TestRestartAfterFailedSync restarts the server on a file system where an fsync had
// failed, and cuts the power after the next object: what the system still has in
// memory, but never wrote, must not come between the objects.
func TestRestartAfterFailedSync(t *testing.T) {
	t.Parallel()
	layer, at, unmount := disk(t, filepath.Join(t.TempDir(), "backing"))
	v, s, c := found(t, filepath.Join(at, "data"))
	ctx := t.Context()
	if err := layer.FailSync(true); err != nil {
		t.Fatal(err)
	}
	if err := c.MakeBucket(ctx, "other", minio.MakeBucketOptions{}); status(err) != 503 {
		t.Fatalf("with fsync failing, making a bucket: status %d, %v", status(err), err)
	}
	s.kill()
	if err := layer.FailSync(false); err != nil {
		t.Fatal(err)
	}
	s = start(t, v.data)
	c = connect(t, s, v.founded)
	l := &load{t: t, c: c, journal: v.journal}
	for i := range 5 {
		content := value{seeds.Add(1), 1000}
		l.write("put", names[i], content, func() error { return c.put(ctx, names[i], content.content()) })
	}
	v.objects(t, l)
	freeze(t, layer, 0)
	s.kill()
	survivors := v.cut(t, layer, rounds(t, 3, 30), randomness(t, 0))
	unmount()
	inspectAll(t, survivors, randomness(t, 0))
}

// TestCommitInDoubt has the fsync of a commit fail, and no other, and kills the
// server a little later. Whether the commit happened is then for the next server to
// find out: either there is no object, or all of it.
func TestCommitInDoubt(t *testing.T) {
	t.Parallel()
	const delay = 15 * time.Millisecond
	layer, at, _ := slowDisk(t, filepath.Join(t.TempDir(), "backing"), delay)
	v, s, c := found(t, filepath.Join(at, "data"))
	ctx := t.Context()
	came, all := 0, rounds(t, 2, 20)
	for n := range all {
		l := &load{t: t, c: c, journal: v.journal}
		key := fmt.Sprint("doubt/", n)
		content := value{seeds.Add(1), 1000}
		do := func() error { return c.put(ctx, key, content.content()) }
		if n%2 == 1 { // the same for a part: the object is completed after the restart
			u := &upload{key: key, value: content, cuts: []int{1000}, etags: map[int]string{}, unsure: map[int]bool{}}
			var err error
			if u.id, err = c.NewMultipartUpload(ctx, bucket, key, minio.PutObjectOptions{}); err != nil {
				t.Fatal(err)
			}
			v.journal.uploads[u.id] = u
			do = func() error { return l.putPart(ctx, u, 1) }
		}
		w := v.journal.begin(key, content)
		if err := layer.FailSyncOf("content.db-wal"); err != nil {
			t.Fatal(err)
		}
		err := do()
		if err := layer.FailSync(false); err != nil {
			t.Fatal(err)
		}
		if err == nil || !strings.Contains(err.Error(), "ledger") {
			t.Fatalf("a commit whose fsync failed: %v", err)
		}
		v.journal.refuse(w)
		time.Sleep(20 * delay) // what the server does about it
		s.kill()
		s, c = v.inspect(t, randomness(t, n))
		if held := v.journal.possible(key, v.journal.now(), v.journal.now()); held[0] != absent {
			came++
		}
	}
	t.Logf("%d commits were in doubt, %d of them had happened", all, came)
}

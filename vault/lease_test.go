package vault_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/release"
	"strongroom/vault"
)

func releases(t testing.TB, r *housetest.Room, from int64) int {
	t.Helper()
	return len(ofKind(records(t, r, from), release.KindRelease))
}

// Ranges of one object by one asker share a release; whole reads have one each.
func TestRangesShareARelease(t *testing.T) {
	c := &custodian{}
	r := stocked(t, house.Options{Wrap: c.wrap})
	want := content(t, 400_000)
	r.Put("calls", "b", want, nil)
	from := r.Book.Head().Size
	atOnce(32, func(i int) {
		got, err := r.Get(r.Owner, "calls", "b", int64(i)*12_000, 12_000)
		if err != nil || !bytes.Equal(got, want[i*12_000:(i+1)*12_000]) {
			t.Errorf("range %d: %d bytes, %v", i, len(got), err)
		}
	})
	if n, u := releases(t, r, from), c.unwraps.Load(); n != 1 || u != 1 {
		t.Fatalf("32 ranges took %d releases and %d keys", n, u)
	}

	from = r.Book.Head().Size
	atOnce(4, func(int) {
		if got, err := r.Get(r.Owner, "calls", "b", 0, -1); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
	if n := releases(t, r, from); n != 4 {
		t.Fatalf("4 whole reads took %d releases", n)
	}
	for _, d := range deliveries(t, r, from, 4) {
		if !d.Whole || !d.Final || d.Bytes != int64(len(want)) || !slices.Equal(d.Ranges, [][2]int64{{0, int64(len(want))}}) || d.Unwrap == nil {
			t.Errorf("a whole read is recorded as %+v", d)
		}
		if release, err := r.Book.Record(t.Context(), *d.Release); err != nil {
			t.Error(err)
		} else if leaf, err := release.Check(); err != nil || leaf.Kind != "release" {
			t.Errorf("its release is record %d: %v, %v", *d.Release, leaf.Kind, err)
		}
	}

	// Another purpose, another key, another person, another version: another release.
	r.Put("calls", "c", want, nil)
	purpose, session := r.Owner, r.Owner
	purpose.Purpose.Text = "something else"
	session.Session = "another"
	person := r.Person(strongroom.Principal{Name: "second", Groups: []string{"data-owners"}})
	person.Purpose, person.Session = r.Owner.Purpose, r.Owner.Session
	for name, ask := range map[string]func() ([]byte, error){
		"purpose": func() ([]byte, error) { return r.Get(purpose, "calls", "b", 1, 9) },
		"session": func() ([]byte, error) { return r.Get(session, "calls", "b", 1, 9) },
		"person":  func() ([]byte, error) { return r.Get(person, "calls", "b", 1, 9) },
		"object":  func() ([]byte, error) { return r.Get(r.Owner, "calls", "c", 1, 9) },
	} {
		from = r.Book.Head().Size
		if _, err := ask(); err != nil {
			t.Fatal(err)
		}
		if n := releases(t, r, from); n != 1 {
			t.Errorf("another %s took %d releases", name, n)
		}
	}
	r.Put("calls", "b", want, nil)
	from = r.Book.Head().Size
	if _, err := r.Get(r.Owner, "calls", "b", 1, 9); err != nil {
		t.Fatal(err)
	}
	if n := releases(t, r, from); n != 1 {
		t.Errorf("another version took %d releases", n)
	}
}

// What ranges delivered is recorded when the lease has been idle, and as final at its
// end; then the next range is a new release.
func TestLeaseEndsAndIsRenewed(t *testing.T) {
	var c clock
	r := stocked(t, house.Options{Clock: c.now})
	want := content(t, 100_000)
	r.Put("calls", "b", want, map[string]string{"strongroom-duration": "1200"}) // twice that is 40 minutes
	from := r.Book.Head().Size
	get := func(offset, length int64) {
		t.Helper()
		if got, err := r.Get(r.Owner, "calls", "b", offset, length); err != nil || !bytes.Equal(got, want[offset:offset+length]) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
	get(10, 20)
	get(20, 30)
	get(90_000, 10_000)
	get(90_000, 10_000)
	c.advance(6 * time.Second)
	so := deliveries(t, r, from, 1)[0]
	if so.Final || so.Whole || so.Bytes != 20_050 || !slices.Equal(so.Ranges, [][2]int64{{10, 50}, {90_000, 100_000}}) {
		t.Errorf("so far: %+v", so)
	}
	c.advance(39 * time.Minute)
	get(0, 10)
	if n := releases(t, r, from); n != 1 {
		t.Fatalf("within the lease, %d releases", n)
	}

	c.advance(2 * time.Minute)
	get(50, 10) // whether the clock's tick came first or not
	found := ofKind(records(t, r, from), release.KindRelease)
	if len(found) != 2 {
		t.Fatalf("after the lease, %d releases", len(found))
	}
	var final []vault.Evidence
	housetest.Eventually(t, "the first lease's final record", func() bool {
		final = nil
		for _, k := range ofKind(records(t, r, from), vault.KindDelivery) {
			if k.evidence.Final {
				final = append(final, k.evidence)
			}
		}
		return len(final) > 0
	})
	if len(final) != 1 || *final[0].Release != found[0].Index || final[0].Bytes != 20_060 ||
		!slices.Equal(final[0].Ranges, [][2]int64{{0, 50}, {90_000, 100_000}}) {
		t.Errorf("in the end: %+v", final)
	}
	first, _ := release.ParseEvidence("release", found[0].Evidence)
	leaf, err := found[0].Check()
	if lease := time.UnixMilli(first.Expires).Sub(leaf.Time); err != nil || lease < 39*time.Minute || lease > 41*time.Minute {
		t.Errorf("the lease lasts %v, %v", lease, err)
	}
}

// A lease that ends while somebody reads from it serves them to the end, and then is
// recorded as final, though another has taken its place.
func TestLeaseEndsInUse(t *testing.T) {
	var c clock
	r := stocked(t, house.Options{Clock: c.now})
	want := content(t, 300_000)
	r.Put("calls", "b", want, nil)
	from := r.Book.Head().Size
	slow, err := r.Room.Open(t.Context(), r.Owner, vault.GetRequest{Bucket: "calls", Key: "b", Plan: span(1, 200_000)})
	if err != nil {
		t.Fatal(err)
	}
	c.advance(16 * time.Minute)
	if _, err := r.Get(r.Owner, "calls", "b", 5, 5); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	_, err = slow.WriteTo(&got)
	if err := errors.Join(err, slow.Close()); err != nil || !bytes.Equal(got.Bytes(), want[1:200_001]) {
		t.Fatalf("%d bytes, %v", got.Len(), err)
	}
	if d := deliveries(t, r, from, 1)[0]; !d.Final || d.Bytes != 200_000 {
		t.Errorf("recorded as %+v", d)
	}
	if n := releases(t, r, from); n != 2 {
		t.Errorf("%d releases", n)
	}
}

// A client that goes away leaves a record of how much it got.
func TestBrokenOffReadIsRecorded(t *testing.T) {
	r := stocked(t, house.Options{})
	r.Put("calls", "b", content(t, 300_000), nil)
	for _, got := range []int{0, 1, 65_536, 100_000} {
		from := r.Book.Head().Size
		o, err := r.Room.Open(t.Context(), r.Owner, vault.GetRequest{Bucket: "calls", Key: "b", Plan: whole})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.WriteTo(&breaksOff{got}); !errors.Is(err, errGone) {
			t.Errorf("after %d bytes: %v", got, err)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		d := deliveries(t, r, from, 1)[0]
		if !d.Final || d.Whole || d.Bytes != int64(got) {
			t.Errorf("%d bytes are recorded as %+v", got, d)
		}
		if got > 0 && !slices.Equal(d.Ranges, [][2]int64{{0, int64(got)}}) {
			t.Errorf("%d bytes are recorded as %v", got, d.Ranges)
		}
	}
}

// One who waits for somebody else's release does not suffer when that one goes away.
func TestOpenerGoesAway(t *testing.T) {
	hold := make(chan struct{})
	c := &custodian{}
	var once sync.Once
	ctx, cancel := context.WithCancel(t.Context())
	c.before = func(release.UnwrapRequest) (err error) {
		once.Do(func() {
			close(hold)
			<-ctx.Done()
			err = ctx.Err()
		})
		return err
	}
	r := stocked(t, house.Options{Wrap: c.wrap})
	var all sync.WaitGroup
	all.Go(func() {
		_, err := r.Room.Open(ctx, r.Owner, vault.GetRequest{Bucket: "calls", Key: "call.wav", Plan: span(1, 2)})
		if err == nil {
			t.Error("the one who went away was served")
		}
	})
	<-hold
	all.Go(func() {
		if got, err := r.Get(r.Owner, "calls", "call.wav", 1, 2); err != nil || string(got) != "n " {
			t.Errorf("the one who waited: %q, %v", got, err)
		}
	})
	time.Sleep(20 * time.Millisecond)
	cancel()
	all.Wait()
}

// After the process ended, the next range resumes the lease: one linked record, one
// key. After it ended again there is a new release, and after a proper stop too.
func TestLeaseResumes(t *testing.T) {
	r := stocked(t, house.Options{})
	want := content(t, 100_000)
	r.Put("calls", "b", want, nil)
	if _, err := r.Get(r.Owner, "calls", "b", 10, 20); err != nil {
		t.Fatal(err)
	}
	first := ofKind(records(t, r, 0), release.KindRelease)[0]
	given, _ := release.ParseEvidence("release", first.Evidence)

	second := housetest.Open(t, abandon(t, r), house.Options{})
	from := second.Book.Head().Size
	atOnce(8, func(i int) {
		if got, err := second.Get(second.Owner, "calls", "b", int64(i), 50); err != nil || !bytes.Equal(got, want[i:i+50]) {
			t.Errorf("after a restart: %d bytes, %v", len(got), err)
		}
	})
	resumed := ofKind(records(t, second, from), release.KindResume)
	if len(resumed) != 1 || releases(t, second, from) != 0 {
		t.Fatalf("after a restart: %d resumptions, %d releases", len(resumed), releases(t, second, from))
	}
	e, err := release.ParseEvidence(release.KindResume, resumed[0].Evidence)
	if err != nil || e.Resumes == nil || *e.Resumes != first.Index || e.Lease != given.Lease || e.Expires != given.Expires || e.Actor != given.Actor || e.Blob != given.Blob {
		t.Errorf("the resumption %+v does not continue %+v: %v", e, given, err)
	}
	if e.Ephemeral == given.Ephemeral {
		t.Error("it uses the same ephemeral key")
	}

	third := housetest.Open(t, abandon(t, second), house.Options{})
	from = third.Book.Head().Size
	if _, err := third.Get(third.Owner, "calls", "b", 10, 20); err != nil {
		t.Fatal(err)
	}
	if n, m := releases(t, third, from), len(ofKind(records(t, third, from), release.KindResume)); n != 1 || m != 0 {
		t.Errorf("after a second restart: %d releases, %d resumptions", n, m)
	}
	third.Stop()
	fourth := housetest.Open(t, third, house.Options{})
	from = fourth.Book.Head().Size
	if _, err := fourth.Get(fourth.Owner, "calls", "b", 10, 20); err != nil {
		t.Fatal(err)
	}
	if n := releases(t, fourth, from); n != 1 {
		t.Errorf("after a stop: %d releases", n)
	}
}

// A lease is not resumed for somebody else, nor by somebody suspended meanwhile.
func TestLeaseResumesForItsOwn(t *testing.T) {
	r := stocked(t, house.Options{})
	person := r.Person(strongroom.Principal{Name: "second", Groups: []string{"data-owners"}})
	person.Purpose = r.Owner.Purpose
	for _, c := range []vault.Caller{r.Owner, person} {
		if _, err := r.Get(c, "calls", "call.wav", 1, 2); err != nil {
			t.Fatal(err)
		}
	}
	again := housetest.Open(t, abandon(t, r), house.Options{})
	p := person.Principal
	p.Suspended = true
	if _, err := again.Room.PutPrincipal(t.Context(), again.Owner, p); err != nil {
		t.Fatal(err)
	}
	_, err := again.Get(person, "calls", "call.wav", 1, 2)
	wantKind(t, err, strongroom.KindDenied)
	other := again.Owner
	other.Session = "another key"
	from := again.Book.Head().Size
	if _, err := again.Get(other, "calls", "call.wav", 1, 2); err != nil {
		t.Fatal(err)
	}
	if n := releases(t, again, from); n != 1 {
		t.Errorf("another key took %d releases", n)
	}
}

// Close waits for who still reads, and what they got is on record.
func TestCloseWaitsForReaders(t *testing.T) {
	r := stocked(t, house.Options{})
	r.Put("calls", "b", content(t, 300_000), nil)
	for _, plan := range []func(strongroom.Object) (int64, int64, error){whole, span(1, 250_000)} {
		o, err := r.Room.Open(t.Context(), r.Owner, vault.GetRequest{Bucket: "calls", Key: "b", Plan: plan})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(50 * time.Millisecond)
			if n, err := o.WriteTo(&bytes.Buffer{}); err != nil || n != o.Length {
				t.Errorf("%d bytes, %v", n, err)
			}
			o.Close()
		}()
	}
	path, from := r.Path, r.Book.Head().Size
	r.Stop()
	_, b, err := house.OpenBook(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	found := deliveries(t, &housetest.Room{House: &house.House{Book: b}}, from, 2)
	if found[0].Bytes+found[1].Bytes != 550_000 || !found[0].Final || !found[1].Final {
		t.Errorf("recorded as %+v", found)
	}
}

// Damage on the disk: the read breaks off before the bad chunk, and the log says so.
func TestDamageOnDisk(t *testing.T) {
	const chunk = 65_536
	flip := func(at int64) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var b [1]byte
			if _, err := f.ReadAt(b[:], at); err != nil {
				t.Fatal(err)
			}
			b[0] ^= 1
			if _, err := f.WriteAt(b[:], at); err != nil {
				t.Fatal(err)
			}
		}
	}
	var log lockedBuffer
	r := stocked(t, house.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	want := content(t, 4*chunk+1000)
	path := func(o strongroom.Object) string {
		return filepath.Join(r.Path, "blobs", o.Blob.String()[:2], o.Blob.String())
	}
	for name, c := range map[string]struct {
		harm func(*testing.T, string)
		most int64 // bytes that may leave
	}{
		"a bit of the third chunk": {flip(3*chunk - 100), 2 * chunk},
		"a bit of the first chunk": {flip(300), 0},
		"a bit of the header":      {flip(9), 0},
		"a bit of the last chunk":  {flip(4*chunk + 300), 0}, // the last one is checked before anything leaves
		"its end is cut off": {func(t *testing.T, path string) {
			if err := os.Truncate(path, 2*chunk); err != nil {
				t.Fatal(err)
			}
		}, 0},
		"the file is gone": {func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, 0},
		"another object's file": {func(t *testing.T, path string) {
			files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "..", "*", "*.other"))
			if err != nil || len(files) != 1 {
				t.Fatal(files, err)
			}
			if err := os.Rename(files[0], path); err != nil {
				t.Fatal(err)
			}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := r.Put("calls", "b", want, nil)
			if strings.Contains(name, "another") {
				other := path(r.Put("calls", "c", want, nil))
				if err := os.Rename(other, other+".other"); err != nil {
					t.Fatal(err)
				}
			}
			c.harm(t, path(o))
			from := r.Book.Head().Size
			got, err := r.Get(r.Owner, "calls", "b", 0, -1)
			wantKind(t, err, strongroom.KindDamaged)
			if int64(len(got)) > c.most || !bytes.Equal(got, want[:len(got)]) {
				t.Errorf("%d bytes left, and at most %d may", len(got), c.most)
			}
			if d := deliveries(t, r, from, 1)[0]; d.Bytes != int64(len(got)) || d.Whole || !d.Final {
				t.Errorf("%d bytes left, and the record says %+v", len(got), d)
			}
			if !strings.Contains(log.String(), o.Blob.String()) {
				t.Errorf("the log does not name the blob: %s", log.String())
			}
		})
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

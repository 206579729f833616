package s3store_test

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom"
	"strongroom/internal/s3store"
	"strongroom/vault"
)

func content(n int) []byte {
	b := make([]byte, n)
	crand.Read(b)
	return b
}

func store(ctx context.Context, b vault.Blobs, name string, content []byte) error {
	w, err := b.Create(ctx, name)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write(content); err != nil {
		return err
	}
	return w.Commit()
}

func fetch(ctx context.Context, b vault.Blobs, name string) ([]byte, error) {
	r, err := b.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	out, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err == nil && int64(len(out)) != r.Size() {
		err = fmt.Errorf("%d bytes of %d", len(out), r.Size())
	}
	return out, err
}

func listed(t *testing.T, b vault.Blobs) (names []string) {
	t.Helper()
	for f, err := range b.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return names
}

// uploads counts what is half-made under a key.
func (s *server) uploads(t *testing.T, bucket, key string) int {
	t.Helper()
	out, err := s.client().ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket, Prefix: &key})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Uploads)
}

// Whatever goes wrong once or twice on the way, a blob is stored whole, read whole and
// removed, and nothing is left half-made.
func TestFaultsThatPass(t *testing.T) {
	s := start(t, "minio")
	const large = s3store.PartSize + 1000
	sizes := map[string]int{"put": 100_000, "begin": large, "part": large, "complete": large, "head": large, "get": 100_000, "large get": large}
	for kind, faults := range map[string][]fault{
		"put":       {slowDown, internalError, resetBefore, resetAfter, stall, corruptSent},
		"begin":     {resetBefore},
		"part":      {slowDown, resetAfter, corruptSent},
		"complete":  {internalError, resetBefore, resetAfter},
		"head":      {slowDown},
		"get":       {slowDown, resetBefore, resetAfter, truncate, stall, corruptGot},
		"large get": {truncate},
		"delete":    {slowDown, resetAfter},
		"list":      {internalError, resetAfter},
	} {
		for _, f := range faults {
			t.Run(kind+"/"+string(f), func(t *testing.T) {
				t.Parallel()
				bucket := s.bucket(t)
				p := newProxy(t, s, twice(strings.TrimPrefix(kind, "large "), f))
				b := p.open(t, s.place(bucket))
				name, want := strongroom.NewID().String(), content(max(1000, sizes[kind]))
				if err := store(t.Context(), b, name, want); err != nil {
					t.Fatal(err)
				}
				if got, err := fetch(t.Context(), b, name); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes came back as %d, %v", len(want), len(got), err)
				}
				if got := listed(t, b); !slices.Equal(got, []string{name}) {
					t.Errorf("listed: %q", got)
				}
				if n := s.uploads(t, bucket, b.Key(name)); n != 0 {
					t.Errorf("%d uploads are left", n)
				}
				if err := b.Remove(t.Context(), name); err != nil {
					t.Error(err)
				}
				if got := listed(t, b); len(got) != 0 {
					t.Errorf("removed, and listed: %q", got)
				}
			})
		}
	}
}

// What goes wrong every time is given up after a bounded number of attempts, with an
// error that says what, which blob, where and why; and nothing is to be seen of it.
func TestFaultsThatStay(t *testing.T) {
	s := start(t, "minio")
	for _, c := range []struct {
		kind string
		f    fault
		size int
		says string
	}{
		{"put", slowDown, 1000, "SlowDown"},
		{"put", internalError, 1000, "InternalError"},
		{"put", resetBefore, 1000, "connection"},
		{"put", stall, 1000, "nothing moved"},
		{"put", corruptSent, 1000, "XAmzContentSHA256Mismatch"},
		{"put", denied, 1000, "AccessDenied"},
		{"begin", slowDown, s3store.PartSize + 1, "SlowDown"},
		{"part", internalError, s3store.PartSize + 1, "InternalError"},
		{"complete", slowDown, s3store.PartSize + 1, "SlowDown"},
		{"head", denied, s3store.PartSize + 1, "asking for what was stored"},
	} {
		t.Run(c.kind+"/"+string(c.f), func(t *testing.T) {
			t.Parallel()
			bucket := s.bucket(t)
			p := newProxy(t, s, always(c.kind, c.f))
			b := p.open(t, s.place(bucket))
			name := strongroom.NewID().String()
			began := time.Now()
			err := store(t.Context(), b, name, content(c.size))
			if err == nil {
				t.Fatal("it is acknowledged")
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("it took %v", took)
			}
			for _, want := range []string{name, bucket, p.URL, c.says} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
			if strings.Contains(err.Error(), s.secret) {
				t.Error("the error tells the secret")
			}
			most := 5
			if c.kind == "part" {
				most = 5 * 3 // parts that were under way together
			}
			if n := p.count(c.kind); n > most {
				t.Errorf("%d attempts", n)
			}
			p.set(nil)
			if c.kind == "head" {
				return // it is there, whole, and was not acknowledged
			}
			if got := listed(t, b); len(got) != 0 {
				t.Errorf("listed: %q", got)
			}
			if _, err := fetch(t.Context(), b, name); !errors.Is(err, vault.ErrNoBlob) {
				t.Errorf("read: %v", err)
			}
			if n := s.uploads(t, bucket, b.Key(name)); n != 0 {
				t.Errorf("%d uploads are left", n)
			}
		})
	}
}

// A bucket that is not there, or that lets nobody in, is never taken for a blob that is
// not there: that would be damage.
func TestNoBucketIsNoMissingBlob(t *testing.T) {
	s := start(t, "minio")
	missing, err := s3store.OpenHasty(t.Context(), s.place("nobody-made-this"))
	if err != nil {
		t.Fatal(err)
	}
	p := newProxy(t, s, always("get", denied))
	for what, b := range map[string]*s3store.Blobs{"no bucket": missing, "denied": p.open(t, s.place(s.bucket(t)))} {
		if _, err := b.Open(t.Context(), strongroom.NewID().String()); err == nil || errors.Is(err, vault.ErrNoBlob) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for f, err := range missing.List(t.Context()) {
		if err == nil {
			t.Errorf("listed: %v", f)
		}
	}
}

// The answer to the request that completed a blob is lost every time: the blob is there,
// and is acknowledged.
func TestLostCompletion(t *testing.T) {
	s := start(t, "minio")
	p := newProxy(t, s, always("complete", resetAfter))
	b := p.open(t, s.place(s.bucket(t)))
	name, want := strongroom.NewID().String(), content(s3store.PartSize+1)
	if err := store(t.Context(), b, name, want); err != nil {
		t.Fatal(err)
	}
	if got, err := fetch(t.Context(), b, name); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// A network at its worst: whatever is acknowledged can be read whole, and whatever can
// be seen is whole.
func TestNothingHalfDone(t *testing.T) {
	s := start(t, "minio")
	const seed = 7
	random := rand.New(rand.NewPCG(seed, seed))
	all := []fault{slowDown, internalError, resetBefore, resetAfter, truncate, corruptSent}
	p := newProxy(t, s, func(string, int) fault {
		if random.IntN(100) < 35 {
			return all[random.IntN(len(all))]
		}
		return none
	})
	place := s.place(s.bucket(t))
	b := p.open(t, place)
	var mu sync.Mutex
	written, acknowledged := map[string][]byte{}, 0
	sure := map[string]bool{}
	var work sync.WaitGroup
	for i := range 4 {
		work.Go(func() {
			for j := range 4 {
				size := 20_000
				if (i+j)%3 == 0 {
					size = 5<<20 + 5000
				}
				name, want := strongroom.NewID().String(), content(size)
				mu.Lock()
				written[name] = want
				mu.Unlock()
				err := store(t.Context(), b, name, want)
				mu.Lock()
				if err == nil {
					acknowledged++
					sure[name] = true
				}
				mu.Unlock()
			}
		})
	}
	work.Wait()
	p.set(nil)
	if acknowledged < 3 {
		t.Errorf("%d of %d were stored in spite of it all", acknowledged, len(written))
	}
	for _, name := range listed(t, b) {
		got, err := fetch(t.Context(), b, name)
		if err != nil || !bytes.Equal(got, written[name]) {
			t.Errorf("%s is to be seen with %d of %d bytes, %v", name, len(got), len(written[name]), err)
		}
		delete(sure, name)
	}
	if len(sure) > 0 {
		t.Errorf("%d of %d acknowledged blobs are not there", len(sure), acknowledged)
	}
}

// An end of the context ends whatever is under way, at once, with its cause.
func TestContextEnds(t *testing.T) {
	s := start(t, "minio")
	p := newProxy(t, s, func(string, int) fault { return stall })
	place := s.place(s.bucket(t))
	place.Location.Endpoint = p.URL
	b, err := s3store.Open(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	name := strongroom.NewID().String()
	for what, do := range map[string]func(context.Context) error{
		"store":  func(ctx context.Context) error { return store(ctx, b, name, []byte("x")) },
		"open":   func(ctx context.Context) error { _, err := b.Open(ctx, name); return err },
		"remove": func(ctx context.Context) error { return b.Remove(ctx, name) },
		"list": func(ctx context.Context) error {
			for _, err := range b.List(ctx) {
				return err
			}
			return nil
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		began := time.Now()
		err := do(ctx)
		if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("%s ended after %v", what, took)
		}
		cancel()
	}
}

// A writer whose bucket stands still takes no more than it may hold.
func TestWriterIsBounded(t *testing.T) {
	s := start(t, "minio")
	p := newProxy(t, s, always("part", stall))
	place := s.place(s.bucket(t))
	place.Location.Endpoint = p.URL
	b, err := s3store.Open(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w, err := b.Create(ctx, strongroom.NewID().String())
	if err != nil {
		t.Fatal(err)
	}
	var taken atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		chunk := make([]byte, 64<<10)
		for range 64 << 20 / len(chunk) {
			n, err := w.Write(chunk)
			taken.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	eventually(t, "three parts are not under way", func() bool { return p.count("part") == 3 })
	time.Sleep(50 * time.Millisecond)
	if n := taken.Load(); n > 3*s3store.PartSize {
		t.Errorf("it took %d bytes", n)
	}
	cancel()
	<-ended
	if err := w.Commit(); err == nil {
		t.Error("it was committed")
	}
	w.Abort()
}

// A read whose stream breaks off goes on where it was, and an answer that is not what
// was asked for is refused.
func TestReadingGoesOn(t *testing.T) {
	s := start(t, "minio")
	place := s.place(s.bucket(t))
	p := newProxy(t, s, nil)
	b := p.open(t, place)
	name, want := strongroom.NewID().String(), content(7<<20)
	if err := store(t.Context(), b, name, want); err != nil {
		t.Fatal(err)
	}
	p.set(func(kind string, n int) fault {
		if kind == "get" && n <= 4 {
			return truncate
		}
		return none
	})
	if got, err := fetch(t.Context(), b, name); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if n := p.count("get"); n != 5 {
		t.Errorf("%d requests for four breaks", n)
	}
	p.set(nil)
	r, err := b.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p.set(always("get", otherRange))
	if n, err := r.ReadAt(make([]byte, 1000), 3<<20); err == nil {
		t.Errorf("another range is taken for the one asked for: %d bytes", n)
	}
	p.set(always("get", truncate))
	if n, err := r.ReadAt(make([]byte, 1000), 4<<20); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("what breaks off every time reads as %d bytes, %v", n, err)
	}
	if n := p.count("get"); n > 6 {
		t.Errorf("%d requests", n)
	}
}

// Somebody puts another object, or none, in the place of one that is being read.
func TestSwapUnderAReader(t *testing.T) {
	s := start(t, "minio")
	bucket := s.bucket(t)
	b, err := s3store.OpenHasty(t.Context(), s.place(bucket))
	if err != nil {
		t.Fatal(err)
	}
	name, want := strongroom.NewID().String(), content(7<<20)
	if err := store(t.Context(), b, name, want); err != nil {
		t.Fatal(err)
	}
	r, err := b.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	key := b.Key(name)
	other := content(len(want))
	if _, err := s.client().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(other), ContentLength: aws.Int64(int64(len(other)))}); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 1000)
	if n, err := r.ReadAt(buffer, 4<<20); err == nil || !strings.Contains(err.Error(), "replaced while it was read") {
		t.Errorf("replaced, it reads %d bytes, %v", n, err)
	}
	if err := b.Remove(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if n, err := r.ReadAt(buffer, 5<<20); !errors.Is(err, vault.ErrNoBlob) {
		t.Errorf("removed, it reads %d bytes, %v", n, err)
	}
}

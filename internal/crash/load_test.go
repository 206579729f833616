package crash_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

// names are the keys that all workers share.
var names = func() []string {
	out := []string{"calls/../etc/passwd", "a//b", "réclamation 50%.wav", "dir/", "dir/x"}
	for i := range 19 {
		out = append(out, fmt.Sprintf("2026/11/%02d.wav", i))
	}
	return out
}()

// seeds makes contents unique over all rounds.
var seeds atomic.Uint64

// load is what clients do to one server until it goes away.
type load struct {
	t       testing.TB
	c       *client
	journal *journal
	failing bool // the disk is: requests may be refused at any time

	stopping atomic.Bool // the crash is near: whatever fails now is part of it
	refusals chan struct{}
	done     sync.WaitGroup
	stop     context.CancelFunc
}

// startLoad lets workers loose. Small bodies keep a round short.
func startLoad(t testing.TB, c *client, j *journal, random uint64, workers int, failing bool) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{t: t, c: c, journal: j, failing: failing, stop: cancel, refusals: make(chan struct{}, 1)}
	for w := range workers {
		l.done.Go(func() {
			r := rand.New(rand.NewPCG(random, uint64(w)))
			for ctx.Err() == nil && l.step(ctx, r) {
			}
		})
	}
	return l
}

// until waits until so many requests were answered, whatever the machine's speed,
// and then a moment more.
func (l *load) until(answers int, r *rand.Rand) {
	count := func() int {
		l.journal.mu.Lock()
		defer l.journal.mu.Unlock()
		a := l.journal.tally
		return a.writes + a.reads + a.parts + a.uploads + a.refused
	}
	for target, end := count()+answers, time.Now().Add(5*time.Second); count() < target && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(time.Duration(r.IntN(20_000)) * time.Microsecond)
}

// crashing says that the crash comes now.
func (l *load) crashing() { l.stopping.Store(true) }

// wait ends the load and waits for the workers.
func (l *load) wait() {
	l.stop()
	l.done.Wait()
}

// failed judges an error; it reports whether there was one that ends the worker.
// Before the crash nothing may fail, and a failing disk is told by 503 (or by a body
// that breaks off).
func (l *load) failed(what string, err error) bool {
	if err == nil {
		return false
	}
	if l.stopping.Load() {
		return true
	}
	code := status(err)
	switch {
	case l.failing && code == 503:
		select {
		case l.refusals <- struct{}{}:
		default:
		}
		return false
	case l.failing && code == 0: // the server was cut off by itself
		return true
	}
	// The server may have gone between the answer and now.
	time.Sleep(100 * time.Millisecond)
	if !l.stopping.Load() {
		l.t.Errorf("%s: %v (status %d)", what, err, code)
	}
	return true
}

func size(r *rand.Rand) int {
	switch r.IntN(10) {
	case 0:
		return r.IntN(2)
	case 1, 2, 3, 4:
		return r.IntN(4 << 10)
	case 5:
		return 64<<10 - 2 + r.IntN(5) // around one chunk
	case 6, 7, 8:
		return 64<<10 + r.IntN(256<<10)
	default:
		return 1<<20 + r.IntN(2<<20)
	}
}

// step does one thing and reports whether to go on.
func (l *load) step(ctx context.Context, r *rand.Rand) bool {
	key := names[r.IntN(len(names))]
	switch n := r.IntN(100); {
	case n < 45:
		v := value{seeds.Add(1), size(r)}
		return l.write("put "+key, key, v, func() error { return l.c.put(ctx, key, v.content()) })
	case n < 78:
		return l.read(ctx, r, key)
	case n < 91:
		return l.write("delete "+key, key, absent, func() error { return l.c.remove(ctx, key) })
	case n < 94:
		return l.list(ctx)
	default:
		return l.multipart(ctx, r, key)
	}
}

func (l *load) write(what, key string, v value, do func() error) bool {
	w := l.journal.begin(key, v)
	err := do()
	switch {
	case err == nil:
		l.journal.acknowledge(w)
	case status(err) != 0:
		l.journal.refuse(w)
	}
	return !l.failed(what, err)
}

// read reads an object or a range of it, some slowly, and holds what arrives
// against what the key can hold.
func (l *load) read(ctx context.Context, r *rand.Rand, key string) bool {
	from, to := int64(0), int64(-1)
	if r.IntN(3) == 0 {
		from = r.Int64N(100 << 10)
		to = from + 1 + r.Int64N(100<<10)
	}
	pause := time.Duration(0)
	if r.IntN(4) == 0 {
		pause = 5 * time.Millisecond
	}
	ticket := fmt.Sprintf("ticket-%d", seeds.Add(1))
	begun := l.journal.now()
	body, err := l.c.get(ctx, key, ticket, from, to, pause)
	ended := l.journal.now()
	if len(body) > 0 {
		l.journal.delivered(read{key, ticket, int64(len(body))})
	}
	possible := l.journal.possible(key, begun, ended)
	what := fmt.Sprintf("get %s from %d to %d", key, from, to)
	switch code := status(err); {
	case code == 404:
		if !slices.Contains(possible, absent) {
			l.t.Errorf("%s: there is nothing, but there must be one of %v", what, possible)
		}
		return true
	case code == 416 && to >= 0:
		if !slices.ContainsFunc(possible, func(v value) bool { return int64(v.size) <= from }) {
			l.t.Errorf("%s: it is shorter than any of %v", what, possible)
		}
		return true
	case err == nil || len(body) > 0:
		length := int64(-1)
		if to >= 0 {
			length = to - from
		}
		if _, ok := match(possible, body, from, length, err != nil); !ok {
			l.t.Errorf("%s: %d bytes came that are of none of %v", what, len(body), possible)
		}
	}
	return !l.failed(what, err)
}

// list holds a listing against what the keys can hold.
func (l *load) list(ctx context.Context) bool {
	begun := l.journal.now()
	found, err := l.c.list(ctx)
	ended := l.journal.now()
	if err != nil {
		return !l.failed("list", err)
	}
	for _, key := range names {
		possible := l.journal.possible(key, begun, ended)
		n, listed := found[key]
		if !listed {
			n = -1
		}
		if !slices.ContainsFunc(possible, func(v value) bool { return int64(v.size) == n }) {
			l.t.Errorf("listed %s with %d bytes, possible are %v", key, n, possible)
		}
	}
	return true
}

// multipart uploads in parts, in any order, some of them twice; some uploads are
// left open, some aborted.
func (l *load) multipart(ctx context.Context, r *rand.Rand, key string) bool {
	u := &upload{key: key, etags: map[int]string{}, unsure: map[int]bool{}}
	if r.IntN(2) == 0 {
		u.cuts = []int{smallestPart, smallestPart + 1 + r.IntN(300<<10)}
	} else {
		u.cuts = []int{1 + r.IntN(300<<10)}
	}
	u.value = value{seeds.Add(1), u.cuts[len(u.cuts)-1]}
	what := "multipart " + key
	var err error
	if u.id, err = l.c.NewMultipartUpload(ctx, bucket, key, minio.PutObjectOptions{}); err != nil {
		return !l.failed(what, err)
	}
	l.journal.mu.Lock()
	l.journal.uploads[u.id] = u
	l.journal.tally.uploads++
	l.journal.mu.Unlock()
	order := r.Perm(len(u.cuts))
	if r.IntN(3) == 0 {
		order = append(order, order[0])
	}
	for _, i := range order {
		if err := l.putPart(ctx, u, i+1); err != nil {
			return !l.failed(what, err)
		}
	}
	switch r.IntN(6) {
	case 0:
		return true
	case 1:
		l.end(u, false)
		if err := l.c.AbortMultipartUpload(ctx, bucket, key, u.id); err != nil {
			return !l.failed(what, err)
		}
		l.end(u, true)
		return true
	}
	return l.write(what, key, u.value, func() error { return l.complete(ctx, u) })
}

func (l *load) putPart(ctx context.Context, u *upload, n int) error {
	l.journal.mu.Lock()
	u.unsure[n] = true
	l.journal.mu.Unlock()
	content := u.part(n)
	p, err := l.c.PutObjectPart(ctx, bucket, u.key, u.id, n, bytes.NewReader(content), int64(len(content)), minio.PutObjectPartOptions{})
	if err != nil {
		return err
	}
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	u.etags[n] = p.ETag
	delete(u.unsure, n)
	l.journal.tally.parts++
	return nil
}

func (l *load) complete(ctx context.Context, u *upload) error {
	l.end(u, false)
	if _, err := l.c.CompleteMultipartUpload(ctx, bucket, u.key, u.id, u.list(), minio.PutObjectOptions{}); err != nil {
		return err
	}
	l.end(u, true)
	return nil
}

func (u *upload) list() []minio.CompletePart {
	var parts []minio.CompletePart
	for n := range u.cuts {
		parts = append(parts, minio.CompletePart{PartNumber: n + 1, ETag: u.etags[n+1]})
	}
	return parts
}

// end notes that an upload is being completed or aborted, or has been.
func (l *load) end(u *upload, acknowledged bool) {
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	if acknowledged {
		delete(l.journal.uploads, u.id)
	} else {
		u.ending = true
	}
}

// watch keeps checkpoints, as an auditor elsewhere would, until the load ends. It
// answers how to wait for it.
func watch(t testing.TB, data, folder string, l *load) func() {
	var done sync.WaitGroup
	ended := make(chan struct{})
	done.Go(func() {
		for n := 0; ; n++ {
			out, err := command(t, "ledger", "head", "--data", data).Output()
			if err != nil && !l.stopping.Load() && !l.failing {
				t.Errorf("ledger head: %v", err)
			}
			if err == nil {
				keep(t, folder, out)
			}
			select {
			case <-ended:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	return func() { close(ended); done.Wait() }
}

var kept atomic.Int64

// keep writes a checkpoint where no crash reaches it.
func keep(t testing.TB, folder string, checkpoint []byte) {
	if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("checkpoint-%09d", kept.Add(1))), checkpoint, 0o600); err != nil {
		t.Error(err)
	}
}

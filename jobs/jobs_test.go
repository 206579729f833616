package jobs

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"strongroom"
)

// memory is a queue that a test can break.
type memory struct {
	mu     sync.Mutex
	jobs   []Job
	broken bool
	asked  int // how often Due was called
}

var errBroken = errors.New("the disk is full")

func (m *memory) Add(_ context.Context, jobs ...Job) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return errBroken
	}
	m.jobs = append(m.jobs, jobs...)
	return nil
}

func (m *memory) Due(_ context.Context, now time.Time, n int) ([]Job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	var due []Job
	for _, j := range m.jobs {
		if !j.Due.After(now) {
			due = append(due, j)
		}
	}
	slices.SortStableFunc(due, func(a, b Job) int { return cmp.Compare(a.Due.UnixNano(), b.Due.UnixNano()) })
	return due[:min(n, len(due))], nil
}

func (m *memory) Done(_ context.Context, id strongroom.ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return errBroken
	}
	m.jobs = slices.DeleteFunc(m.jobs, func(j Job) bool { return j.ID == id })
	return nil
}

func (m *memory) Retry(_ context.Context, id strongroom.ID, due time.Time, problem string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return errBroken
	}
	for i := range m.jobs {
		if m.jobs[i].ID == id {
			m.jobs[i].Due, m.jobs[i].Problem = due, problem
			m.jobs[i].Attempts++
		}
	}
	return nil
}

func (m *memory) left() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.jobs)
}

// run runs a runner in a bubble of its own time.
func run(t *testing.T, q *memory, handle Handler, test func(*testing.T, *Runner)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		r := NewRunner(q, map[string]Handler{"erase": handle}, slog.New(slog.NewTextHandler(t.Output(), nil)))
		done := make(chan struct{})
		go func() { r.Run(ctx); close(done) }()
		test(t, r)
		stop()
		<-done
	})
}

func TestJobsAreDoneOnce(t *testing.T) {
	q := &memory{}
	var did [][]byte
	run(t, q, func(_ context.Context, body []byte) error { did = append(did, body); return nil }, func(t *testing.T, r *Runner) {
		for _, body := range []string{"one", "two", "three"} {
			start := time.Now()
			if err := r.Add(t.Context(), "erase", []byte(body)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if q.left() != 0 || time.Since(start) > 0 {
				t.Errorf("%s was not done at once", body)
			}
		}
		time.Sleep(time.Hour)
		if got := bytes.Join(did, []byte(" ")); string(got) != "one two three" {
			t.Errorf("done: %q", got)
		}
	})
}

// A job that fails is tried again, with growing pauses, until it succeeds; the others do
// not wait for it.
func TestJobsThatFailAreRetried(t *testing.T) {
	q := &memory{}
	var at []time.Time
	others := 0
	handle := func(_ context.Context, body []byte) error {
		if string(body) == "other" {
			others++
			return nil
		}
		at = append(at, time.Now())
		if len(at) < 7 {
			return errors.New("not yet")
		}
		return nil
	}
	run(t, q, handle, func(t *testing.T, r *Runner) {
		for _, body := range []string{"fails", "other"} {
			if err := r.Add(t.Context(), "erase", []byte(body)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if others != 1 {
			t.Error("another job waits for the one that fails")
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if len(at) != 7 || q.left() != 0 {
			t.Fatalf("%d attempts, %d jobs left", len(at), q.left())
		}
		for i := 1; i < len(at); i++ { // looked at every five seconds at the latest
			if pause := at[i].Sub(at[i-1]); pause < Pause(i-1) || pause > Pause(i-1)+5*time.Second {
				t.Errorf("attempt %d came after %v", i+1, pause)
			}
		}
	})
}

// A job that was added before the process ended is done after it started anew.
func TestJobsSurviveARestart(t *testing.T) {
	q := &memory{}
	run(t, q, func(context.Context, []byte) error { return errors.New("no") }, func(t *testing.T, r *Runner) {
		if err := r.Add(t.Context(), "erase", []byte("x")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
	})
	if q.left() != 1 {
		t.Fatal("the job is lost")
	}
	did := 0
	run(t, q, func(context.Context, []byte) error { did++; return nil }, func(t *testing.T, _ *Runner) {
		time.Sleep(time.Minute)
		synctest.Wait()
	})
	if did != 1 || q.left() != 0 {
		t.Errorf("done %d times, %d left", did, q.left())
	}
}

// While the queue cannot be written nothing is acknowledged, and what is due is not
// done again and again without a pause.
func TestQueueThatCannotBeWritten(t *testing.T) {
	q := &memory{}
	did := 0
	run(t, q, func(context.Context, []byte) error { did++; return nil }, func(t *testing.T, r *Runner) {
		q.mu.Lock()
		q.jobs = []Job{{ID: strongroom.NewID(), Kind: "erase", Due: time.Now()}}
		q.broken = true
		q.mu.Unlock()
		if err := r.Add(t.Context(), "erase", nil); !errors.Is(err, errBroken) {
			t.Errorf("acknowledged: %v", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if did < 2 || did > 15 {
			t.Errorf("done %d times in a minute", did)
		}
		q.mu.Lock()
		q.broken = false
		q.mu.Unlock()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if q.left() != 0 {
			t.Error("it is not done afterwards")
		}
	})
}

func TestUnknownKinds(t *testing.T) {
	q := &memory{jobs: []Job{{ID: strongroom.NewID(), Kind: "from a later version"}}}
	run(t, q, func(context.Context, []byte) error { return nil }, func(t *testing.T, r *Runner) {
		if err := r.Add(t.Context(), "unheard-of", nil); err == nil {
			t.Error("a job that nobody does was acknowledged")
		}
		synctest.Wait()
		if q.left() != 1 {
			t.Error("a job that this version does not know was thrown away")
		}
	})
}

func TestPause(t *testing.T) {
	last := time.Duration(0)
	for attempts := range 100 {
		p := Pause(attempts)
		if p < last || p < time.Second || p > time.Hour {
			t.Errorf("after %d failures: %v", attempts, p)
		}
		last = p
	}
	if Pause(0) != time.Second || Pause(3) != 8*time.Second || last != time.Hour {
		t.Errorf("%v, %v … %v", Pause(0), Pause(3), last)
	}
}

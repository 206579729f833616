package console

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"strongroom"
)

// Bounds on what is worked out for people while they wait.
const (
	tasksMost    = 64 // of all rooms
	tasksPer     = 4  // of one session; the oldest gives way
	tasksRunning = 2  // of one person, whatever sessions they have
	taskLife     = 30 * time.Minute
	taskLongest  = 10 * time.Minute
	taskPatience = 900 * time.Millisecond // a page waits so long for what is nearly done
)

// task is something that takes longer than a page may: what it comes to is kept for a
// while, for the session that asked and nobody else.
type task struct {
	ID    strongroom.ID
	kind  string
	of    string // the session
	by    strongroom.ID
	began time.Time
	stop  context.CancelFunc

	Done  atomic.Int64 // records looked at so far
	Total atomic.Int64

	finished chan struct{}
	result   any // once finished
	err      error
}

// running reports whether a task goes on still after a moment of patience.
func (t *task) running(ctx context.Context) bool {
	timer := time.NewTimer(taskPatience)
	defer timer.Stop()
	select {
	case <-t.finished:
		return false
	case <-ctx.Done():
	case <-timer.C:
	}
	return true
}

// far is how many records were looked at, and of how many. Those that came since the task
// began are looked at as well, and do not count.
func (t *task) far() (done, total int64) {
	total = t.Total.Load()
	return min(t.Done.Load(), total), total
}

func (t *task) over() bool {
	select {
	case <-t.finished:
		return true
	default:
		return false
	}
}

// tasks are those of one room.
type tasks struct {
	most int
	mu   sync.Mutex
	all  []*task // oldest first
}

// start begins a task for a session of somebody.
func (s *tasks) start(kind, session string, by strongroom.ID, now time.Time, do func(ctx context.Context, t *task) (any, error)) (*task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear(now)
	own, running := 0, 0
	for _, t := range s.all {
		if t.of == session {
			own++
		}
		if t.by == by && !t.over() {
			running++
		}
	}
	if running >= tasksRunning {
		return nil, &strongroom.Error{Kind: strongroom.KindBusy, Message: "two such tasks of yours are under way", Hint: "wait for one of them"}
	}
	for own >= tasksPer && s.drop(func(t *task) bool { return t.of == session && t.over() }) {
		own--
	}
	if len(s.all) >= s.most && !s.drop((*task).over) {
		return nil, &strongroom.Error{Kind: strongroom.KindBusy, Message: "too many such tasks are under way", Hint: "wait a few minutes"}
	}
	ctx, stop := context.WithTimeout(context.Background(), taskLongest)
	t := &task{ID: strongroom.NewID(), kind: kind, of: session, by: by, began: now, stop: stop, finished: make(chan struct{})}
	s.all = append(s.all, t)
	go func() {
		defer stop()
		defer close(t.finished)
		defer func() { // no server ends for what one page asked
			if broken := recover(); broken != nil {
				t.err = fmt.Errorf("a task broke off: %v\n%s", broken, debug.Stack())
			}
		}()
		t.result, t.err = do(ctx, t)
	}()
	return t, nil
}

// drop forgets the oldest of which that holds.
func (s *tasks) drop(which func(*task) bool) bool {
	for i, t := range s.all {
		if which(t) {
			t.stop()
			s.all = append(s.all[:i:i], s.all[i+1:]...)
			return true
		}
	}
	return false
}

func (s *tasks) clear(now time.Time) {
	for s.drop(func(t *task) bool { return !now.Before(t.began.Add(taskLife)) }) {
	}
}

// find answers a session's own task.
func (s *tasks) find(id strongroom.ID, kind, session string, now time.Time) (*task, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear(now)
	for _, t := range s.all {
		if t.ID == id && t.kind == kind && t.of == session {
			return t, true
		}
	}
	return nil, false
}

// newest answers a session's newest task of a kind, if it is not older than that.
func (s *tasks) newest(kind, session string, now time.Time, within time.Duration) (*task, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear(now)
	for i := len(s.all) - 1; i >= 0; i-- {
		if t := s.all[i]; t.kind == kind && t.of == session && now.Before(t.began.Add(within)) {
			return t, true
		}
	}
	return nil, false
}

// task answers the visitor's task that the path names.
func (v *visit) task(kind string) (*task, error) {
	id, err := v.id()
	if err != nil {
		return nil, err
	}
	t, ok := v.keeps.tasks.find(id, kind, v.who.ID, v.c.Clock())
	if !ok {
		return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.task.gone")}
	}
	return t, v.still(kind)
}

// taskNeeds is what somebody has to be permitted still who is shown what a task came to.
var taskNeeds = map[string][]strongroom.Action{
	"preview": {strongroom.ActionReadPolicy, strongroom.ActionReadLedger},
	"usage":   {strongroom.ActionReadPolicy, strongroom.ActionReadLedger, strongroom.ActionManagePeople, strongroom.ActionTakeInventory},
	"check":   {strongroom.ActionReadLedger},
	"history": {strongroom.ActionReadLedger},
}

// still refuses what a task came to, on record, to those who could not begin it any more.
func (v *visit) still(kind string) error {
	return v.room.Vault.Still(v.r.Context(), v.caller, taskNeeds[kind]...)
}

// taskData is how far a task is.
type taskData struct {
	Path        string // of the page to look at again
	Done, Total int64
}

// waiting shows how far a task is.
func (v *visit) waiting(t *task, section, title, path string) error {
	v.page.Title = title
	done, total := t.far()
	return v.show("task", section, taskData{path, done, total})
}

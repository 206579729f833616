package console

import (
	"context"
	"testing"
	"time"

	"strongroom"
)

// What is worked out for one session is found by it alone, for a while; and nobody fills
// the server with it.
func TestTasks(t *testing.T) {
	s := tasks{most: 12}
	now := time.Now()
	quick := func(context.Context, *task) (any, error) { return "done", nil }
	start := func(of string) *task {
		t.Helper()
		x, err := s.start("preview", of, strongroom.ID{1}, now, quick)
		if err != nil {
			t.Fatal(err)
		}
		<-x.finished
		return x
	}
	x := start("a")
	if got, ok := s.find(x.ID, "preview", "a", now); !ok || got.result != "done" {
		t.Error("a session does not find its task")
	}
	for _, c := range []struct {
		kind, of string
		at       time.Time
	}{{"usage", "a", now}, {"preview", "b", now}, {"preview", "a", now.Add(taskLife)}} {
		if _, ok := s.find(x.ID, c.kind, c.of, c.at); ok {
			t.Errorf("a preview of a is found as %s of %s after %s", c.kind, c.of, c.at.Sub(now))
		}
	}
	first := start("b")
	for range tasksPer {
		start("b")
	}
	if _, ok := s.find(first.ID, "preview", "b", now); ok {
		t.Error("the oldest of a session does not give way")
	}
	if newest, ok := s.newest("preview", "b", now, time.Minute); !ok || newest.ID == first.ID {
		t.Error("the newest is not found")
	}

	hold := make(chan struct{})
	slow := func(ctx context.Context, x *task) (any, error) {
		x.Total.Store(10)
		x.Done.Store(3)
		<-hold
		return nil, ctx.Err()
	}
	for range tasksRunning {
		if _, err := s.start("usage", "c", strongroom.ID{2}, now, slow); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.start("usage", "another session", strongroom.ID{2}, now, quick); strongroom.KindOf(err) != strongroom.KindBusy {
		t.Errorf("one more of somebody beside those under way: %v", err)
	}
	going, _ := s.newest("usage", "c", now, time.Minute)
	if !going.running(t.Context()) || going.over() {
		t.Error("what goes on is over")
	}
	for i := range s.most {
		s.start("usage", "d"+string(rune('a'+i)), strongroom.ID{3, byte(i)}, now, slow)
	}
	if len(s.all) > s.most {
		t.Errorf("%d tasks are kept", len(s.all))
	}
	if _, err := s.start("usage", "e", strongroom.ID{4}, now, slow); strongroom.KindOf(err) != strongroom.KindBusy {
		t.Errorf("one more than all: %v", err)
	}
	close(hold)
	<-going.finished
	if going.err != nil {
		t.Error(going.err)
	}
}

// What breaks off in a task ends the task and not the server.
func TestTaskIsNeverFurtherThanItsEnd(t *testing.T) {
	var one task
	one.Total.Store(100)
	one.Done.Store(40)
	if done, total := one.far(); done != 40 || total != 100 {
		t.Errorf("it is at %d of %d, want 40 of 100", done, total)
	}
	one.Done.Store(104) // four records came meanwhile
	if done, total := one.far(); done != 100 || total != 100 {
		t.Errorf("it is at %d of %d, want 100 of 100", done, total)
	}
}

func TestTaskBreaks(t *testing.T) {
	s := tasks{most: 1}
	x, err := s.start("check", "a", strongroom.ID{1}, time.Now(), func(context.Context, *task) (any, error) { panic("odd") })
	if err != nil {
		t.Fatal(err)
	}
	if <-x.finished; x.err == nil || x.result != nil {
		t.Errorf("it came to %v, %v", x.result, x.err)
	}
}

// However much is on record about an object, what is remembered of it is bounded, and so
// said.
func TestHistoryIsBounded(t *testing.T) {
	scanned := func(n int) *aboutObject {
		a := &aboutObject{bucket: "calls", key: "k"}
		q := &strongroom.Question{Resource: strongroom.Resource{Bucket: "calls", Key: "k"}}
		err := a.read(t.Context(), func(take func(*strongroom.Event)) error {
			for i := range int64(n) {
				release := i
				take(&strongroom.Event{Index: 2 * i, Question: q})
				take(&strongroom.Event{Index: 2*i + 1, Release: &release}) // of something else, mostly
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := scanned(10); a.tooMany || len(a.indexes) != 10+5 { // every other number is a decision's
		t.Errorf("%d records, too many: %v", len(a.indexes), a.tooMany)
	}
	if a := scanned(bundleMost); !a.tooMany || len(a.indexes) != 0 {
		t.Errorf("with what was delivered: %d records, too many: %v", len(a.indexes), a.tooMany)
	}
	if a := scanned(10 * bundleMost); !a.tooMany || len(a.indexes) != 0 {
		t.Errorf("%d records, too many: %v", len(a.indexes), a.tooMany)
	}
}

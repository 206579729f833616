package alert_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"strongroom"
	"strongroom/alert"
	"strongroom/internal/alertstore"
)

var (
	roomID  = strongroom.ID{1, 2, 3}
	roomKey = []byte("0123456789abcdef0123456789abcdef")
	monday  = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
)

// clock is a time that tests set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) pass(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.at = c.at.Add(d) }

// inbox is where messages arrive.
type inbox struct {
	mu       sync.Mutex
	messages []alert.Message
	by       []string
	fail     func(channel string, n int) error // nil: none does; n counts attempts on the channel from 0
	tries    map[string]int
}

func (i *inbox) Send(_ context.Context, c alert.Channel, m alert.Message) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.tries == nil {
		i.tries = map[string]int{}
	}
	n := i.tries[c.Name]
	i.tries[c.Name]++
	if i.fail != nil {
		if err := i.fail(c.Name, n); err != nil {
			return err
		}
	}
	i.messages, i.by = append(i.messages, m), append(i.by, c.Name)
	return nil
}

// told is how often each alert was told on each channel.
func (i *inbox) told() map[string]int {
	i.mu.Lock()
	defer i.mu.Unlock()
	out := map[string]int{}
	for k, m := range i.messages {
		out[m.ID.String()+" "+i.by[k]]++
	}
	return out
}

func openStore(t testing.TB, dir string, before int64) *alertstore.Store {
	t.Helper()
	s, err := alertstore.Open(t.Context(), filepath.Join(dir, "alerts.db"), roomKey, before)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newEngine(t testing.TB, s alert.Store, c *clock, to alert.Sender, setup alert.Setup) *alert.Engine {
	t.Helper()
	if setup.Settings.Conditions == nil {
		var err error
		if setup.Settings, err = alert.Default(); err != nil {
			t.Fatal(err)
		}
	}
	return alert.New(alert.Config{
		Room: roomID, RoomName: "main", Store: s, Sender: to, Clock: c.now,
		Setup:    func(context.Context) (alert.Setup, error) { return setup, nil },
		Policies: judges{},
		Log:      slog.New(slog.DiscardHandler),
	})
}

// judges takes changes of policy for looser whose subject says so.
type judges struct{}

func (judges) Loosens(_ context.Context, change *strongroom.Event) (bool, string, error) {
	if change.Subject == "unreadable" {
		return false, "", errors.New("it cannot be read")
	}
	return change.Subject == "looser", "permit all", nil
}

// story makes events, each a record.
type story struct {
	at     time.Time
	events []strongroom.Event
}

func (s *story) add(e strongroom.Event) *strongroom.Event {
	e.Index, e.Time = int64(len(s.events)), s.at
	s.events = append(s.events, e)
	return &s.events[len(s.events)-1]
}

func person(name string) strongroom.Principal {
	id := strongroom.ID{}
	copy(id[:], name)
	return strongroom.Principal{ID: id, Name: name, Kind: strongroom.Person}
}

func (s *story) release(p strongroom.Principal, object byte, queue string, classes ...string) *strongroom.Event {
	q := &strongroom.Question{Action: strongroom.ActionReadObject, Principal: p, Resource: strongroom.Resource{
		Bucket: "calls", Key: "secret-key", Attributes: map[string]string{"queue": queue}, Label: strongroom.Label{Confidential: true, Classes: classes},
	}}
	return s.add(strongroom.Event{Kind: "release", Did: "release", Outcome: strongroom.Permitted, Actor: "actor-of-" + p.Name, Question: q, Version: strongroom.ID{object, 1, 1, 1, 1, 1, 1}})
}

func (s *story) refusal(p strongroom.Principal) *strongroom.Event {
	q := &strongroom.Question{Action: strongroom.ActionReadObject, Principal: p, Resource: strongroom.Resource{Bucket: "calls", Key: "secret-key"}}
	return s.add(strongroom.Event{Kind: "refusal", Did: "readObject", Outcome: strongroom.Refused, Actor: "actor-of-" + p.Name, Question: q})
}

// take tells an engine all of a story that it has not taken, in batches of n.
func (s *story) take(ctx context.Context, e *alert.Engine, n int) error {
	for {
		at, err := e.Position(ctx)
		if err != nil {
			return err
		}
		if at == int64(len(s.events)) {
			return nil
		}
		to := min(at+int64(n), int64(len(s.events)))
		if err := e.Take(ctx, s.events[at:to], to); err != nil {
			return err
		}
	}
}

var errPower = errors.New("the power went")

// mortal is a store whose process dies at its nth change: before it, or after it is
// durable and before anybody is told.
type mortal struct {
	alert.Store
	left  int
	after bool
	dead  bool
}

func (m *mortal) Change(ctx context.Context, do func(alert.Tx) error) error {
	if m.dead {
		return errPower
	}
	if m.left--; m.left > 0 {
		return m.Store.Change(ctx, do)
	}
	m.dead = true
	if m.after {
		if err := m.Store.Change(ctx, do); err != nil {
			return err
		}
	}
	return errPower
}

// A process may die before or after any change of the store: nothing that was found is
// lost, nothing is counted twice, every channel is told, and repeats bear the same id.
func TestDeathAtEveryStep(t *testing.T) {
	var s story
	s.at = monday
	p, q := person("ines"), person("otto")
	p.Attributes = map[string][]string{"queues": {"billing"}}
	for i := range 25 {
		s.at = s.at.Add(7 * time.Second)
		s.refusal(q)
		s.release(p, byte(i), []string{"billing", "loans"}[i%2])
		if i == 20 {
			s.add(strongroom.Event{Kind: "break-glass", Did: "break-glass-open", Actor: "actor-of-ines"})
		}
	}
	setup := alert.Setup{Channels: []alert.Channel{{Name: "one", Kind: alert.Webhook}, {Name: "two", Kind: alert.Webhook}}}
	run := func(t *testing.T, die int, after bool) (alerts map[string]string, told map[string]int, died bool) {
		dir, c := t.TempDir(), &clock{at: s.at}
		box := &inbox{fail: func(channel string, n int) error {
			if channel == "two" && n%3 != 2 {
				return errors.New("busy")
			}
			return nil
		}}
		store := openStore(t, dir, 0)
		m := &mortal{Store: store, left: die, after: after}
		for range 100 {
			e := newEngine(t, m, c, box, setup)
			err := s.take(t.Context(), e, 7)
			if err == nil {
				err = e.Work(t.Context())
			}
			if err != nil && !errors.Is(err, errPower) {
				t.Fatal(err)
			}
			if m.dead { // another process opens what is there
				died = true
				if err := store.Close(); err != nil {
					t.Fatal(err)
				}
				store = openStore(t, dir, 0)
				m = &mortal{Store: store, left: 1 << 30}
			}
			c.pass(2 * time.Minute)
			if pending, err := store.Waiting(t.Context(), c.now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			} else if next, _ := e.Position(t.Context()); err == nil && !pending && next == int64(len(s.events)) {
				break
			}
		}
		all, err := store.Alerts(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		alerts = map[string]string{}
		for _, a := range all {
			alerts[a.ID.String()] = fmt.Sprint(a.Condition, a.Found, a.Seen, a.Evidence, a.State)
		}
		return alerts, box.told(), died
	}
	want, told, _ := run(t, 1<<30, false)
	if len(want) != 3 || len(told) != 6 {
		t.Fatalf("without a death: %v, told %v", want, told)
	}
	deaths := 0
	for _, after := range []bool{false, true} {
		for die := 1; ; die++ {
			got, told, died := run(t, die, after)
			if !died {
				break
			}
			deaths++
			if !maps.Equal(got, want) {
				t.Fatalf("dead at change %d (after: %v): %v, want %v", die, after, got, want)
			}
			for id := range want {
				for _, channel := range []string{"one", "two"} {
					if told[id+" "+channel] == 0 {
						t.Fatalf("dead at change %d (after: %v): channel %s was not told of %s", die, after, channel, want[id])
					}
				}
			}
			if len(told) != 6 {
				t.Fatalf("dead at change %d: other ids were told: %v", die, slices.Sorted(maps.Keys(told)))
			}
		}
	}
	if deaths < 20 {
		t.Errorf("only %d deaths", deaths)
	}
	t.Logf("%d deaths", deaths)
}

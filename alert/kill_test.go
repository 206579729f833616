package alert_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"strongroom/alert"
	"strongroom/internal/alertstore"
	"strongroom/internal/push"
)

// childVariable has this binary take events and send messages instead of testing.
const childVariable = "STRONGROOM_ALERT_CHILD"

type childConfig struct {
	Dir, URL string
	Events   int // of the story, for now
}

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const childSecret = "a secret for webhooks of tests only"

var childChannels = []string{"one", "two"}

// longStory is refusals and releases of many people, the same whenever it is told.
func longStory(n int) *story {
	s := &story{at: monday}
	r := rand.New(rand.NewPCG(4, 4))
	for len(s.events) < n {
		s.at = s.at.Add(time.Second)
		p := person(fmt.Sprintf("p%03d", len(s.events)/80*4+r.IntN(4)))
		p.Attributes = map[string][]string{"queues": {"billing"}}
		if r.IntN(20) == 0 {
			s.release(p, byte(r.IntN(256)), "loans")
		} else {
			s.refusal(p)
		}
	}
	return s
}

// child takes what there is of the story and sends what comes of it, until nothing is left
// of either: as a server that is started again and again.
func child() error {
	var c childConfig
	if err := json.Unmarshal([]byte(os.Getenv(childVariable)), &c); err != nil {
		return err
	}
	ctx := context.Background()
	store, err := alertstore.Open(ctx, filepath.Join(c.Dir, "alerts.db"), roomKey, 0)
	if err != nil {
		return err
	}
	if err := store.Unclaim(ctx); err != nil {
		return err
	}
	settings, err := alert.Default()
	if err != nil {
		return err
	}
	setup := alert.Setup{Settings: settings}
	for _, name := range childChannels {
		setup.Channels = append(setup.Channels, alert.Channel{Name: name, Kind: alert.Webhook, Language: alert.English, URL: c.URL + "/" + name, Secret: childSecret})
	}
	e := alert.New(alert.Config{
		Room: roomID, RoomName: "main", Store: store, Sender: push.Sender{Clock: time.Now}, Clock: time.Now,
		Setup: func(context.Context) (alert.Setup, error) { return setup, nil }, Log: slog.New(slog.DiscardHandler),
	})
	sending, stop := context.WithCancel(ctx)
	defer stop()
	var work sync.WaitGroup
	work.Go(func() { e.Run(sending) })
	fmt.Println("ready")
	if err := longStory(c.Events).take(ctx, e, 5); err != nil {
		return err
	}
	for {
		all, err := store.Alerts(ctx, 1_000_000)
		if err != nil {
			return err
		}
		left := 0
		for _, a := range all {
			messages, err := store.Deliveries(ctx, a.ID)
			if err != nil {
				return err
			}
			for _, d := range messages {
				if d.State == alert.ToSend {
					left++
				}
			}
		}
		if left == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	work.Wait()
	return store.Close()
}

// ear is the other side of the webhooks. It answers slowly, and now and then not at all.
type ear struct {
	mu     sync.Mutex
	random *rand.Rand
	told   map[string]int    // alert and channel → how often
	notice map[string]string // webhook-id and channel → the alert that it was for
	wrong  []string

	fuse int // messages to come before the one at which whoever sends it is killed
	kill func()
}

// burn answers whether it is time to kill.
func (e *ear) burn() func() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fuse--; e.fuse == 0 {
		return e.kill
	}
	return func() {}
}

func (e *ear) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil {
		return // killed while it sent
	}
	e.mu.Lock()
	pause, busy := time.Duration(e.random.IntN(20))*time.Millisecond, e.random.IntN(10) == 0
	e.mu.Unlock()
	defer e.burn()() // before it is answered
	time.Sleep(pause)
	if busy {
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	var hook push.Hook
	id := r.Header.Get("webhook-id")
	seconds, numeric := strconv.ParseInt(r.Header.Get("webhook-timestamp"), 10, 64)
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := json.Unmarshal(body, &hook); err != nil || numeric != nil || id == "" || id != hook.Notice || r.Header.Get("Idempotency-Key") != id ||
		r.Header.Get("webhook-signature") != push.Sign(childSecret, id, time.Unix(seconds, 0), body) {
		e.wrong = append(e.wrong, fmt.Sprintf("%s, as %q: %s", r.URL.Path, id, body))
		return
	}
	on := id + " " + r.URL.Path
	if was, again := e.notice[on]; again && was != hook.Alert.String() {
		e.wrong = append(e.wrong, fmt.Sprintf("%s was for %s, and then for %s", on, was, hook.Alert))
	}
	e.notice[on] = hook.Alert.String()
	e.told[hook.Alert.String()+" "+r.URL.Path]++
}

// facts are what an alert says, without when it was told.
func alertFacts(t *testing.T, s *alertstore.Store) map[string]string {
	t.Helper()
	all, err := s.Alerts(t.Context(), 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, a := range all {
		out[a.ID.String()] = fmt.Sprint(a.Condition, a.Subject, a.Found, a.Seen, a.Evidence, a.First, a.Last, a.State)
	}
	return out
}

// A process that takes events and sends messages is killed at any moment, again and again:
// in the end every alert has reached every channel, repeats bear the same ids, and the
// alerts are those of a process that nobody killed. STRONGROOM_CRASH_ROUNDS makes it longer.
func TestKilledAnywhere(t *testing.T) {
	rounds := 32
	if v := os.Getenv("STRONGROOM_CRASH_ROUNDS"); v != "" {
		var err error
		if rounds, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	listener := &ear{random: rand.New(rand.NewPCG(seed, 1)), told: map[string]int{}, notice: map[string]string{}}
	server := httptest.NewServer(listener)
	t.Cleanup(server.Close)
	c := childConfig{Dir: t.TempDir(), URL: server.URL}
	kills := 0
	for kills < rounds {
		c.Events += 100 // the room goes on meanwhile
		patience, fuse := time.Duration(random.Int64N(int64(300*time.Millisecond))), 0
		if random.IntN(2) == 0 {
			patience, fuse = 5*time.Second, 1+random.IntN(12)
		}
		if runChild(t, c, patience, listener, fuse) {
			kills++ // else it was through before
		}
	}
	if runChild(t, c, 0, listener, 0) {
		t.Fatal("it was killed, and nobody did it")
	}
	got := alertFacts(t, openStore(t, c.Dir, 0))

	quiet := openStore(t, t.TempDir(), 0)
	e := newEngine(t, quiet, &clock{at: monday}, &inbox{}, alert.Setup{})
	if err := longStory(c.Events).take(t.Context(), e, 1000); err != nil {
		t.Fatal(err)
	}
	want := alertFacts(t, quiet)
	if !maps.Equal(got, want) {
		for id, is := range got {
			if want[id] != is {
				t.Errorf("%s is %q, and without kills %q", id, is, want[id])
			}
		}
		t.Fatalf("%d alerts, and without kills %d", len(got), len(want))
	}
	listener.mu.Lock()
	defer listener.mu.Unlock()
	messages, repeats := 0, 0
	for id := range want {
		for _, name := range childChannels {
			n := listener.told[id+" /"+name]
			if n == 0 {
				t.Errorf("%s was not told of %s", name, want[id])
			}
			messages += n
			repeats += max(0, n-1)
		}
	}
	if len(listener.told) != len(want)*len(childChannels) || len(listener.notice) != len(listener.told) {
		t.Errorf("%d alerts on %d channels were told as %d, under %d ids", len(want), len(childChannels), len(listener.told), len(listener.notice))
	}
	for _, w := range listener.wrong {
		t.Error(w)
	}
	if repeats == 0 {
		t.Error("nobody was ever killed between a message and its answer")
	}
	t.Logf("%d kills, %d alerts of %d records, %d messages, %d of them repeats", kills, len(want), c.Events, messages, repeats)
}

// runChild runs the process. With patience it is killed so long after it began its work,
// and with a fuse at that message. It answers whether that was before it had ended.
func runChild(t *testing.T, c childConfig, patience time.Duration, e *ear, fuse int) (killed bool) {
	t.Helper()
	config, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), childVariable+"="+string(config), "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	e.fuse, e.kill = fuse, func() { cmd.Process.Kill() }
	e.mu.Unlock()
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err == nil && patience > 0 {
		stop := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		defer stop.Stop()
	}
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL && patience > 0 && ctx.Err() == nil {
		return true
	}
	if err != nil {
		t.Fatalf("it ended: %v: %s", err, problems.String())
	}
	return false
}

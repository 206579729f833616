package landing_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/internal/landing"
	"strongroom/know/intake"
	"strongroom/vault"
)

// childVariable holds what the process that is to be killed needs to know.
const childVariable = "STRONGROOM_TEST_INTAKE"

type childConfig struct {
	Dir, Room, Key   string
	Bucket, Endpoint string
	KillAt           int // the step at which it kills itself; 0 means never
}

// steps kills the process at the n-th thing that it does.
type steps struct {
	intake.Source
	left int
}

func (s *steps) step() {
	if s.left--; s.left == 0 {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func (s *steps) List(ctx context.Context, prefix string) iter.Seq2[intake.Item, error] {
	s.step()
	return s.Source.List(ctx, prefix)
}

func (s *steps) Open(ctx context.Context, key string, v intake.Version) (*intake.Content, error) {
	s.step()
	c, err := s.Source.Open(ctx, key, v)
	if err != nil {
		return nil, err
	}
	body := c.ReadCloser
	c.ReadCloser = struct {
		io.Reader
		io.Closer
	}{readerFunc(func(p []byte) (int, error) { s.step(); return body.Read(p) }), body}
	return c, nil
}

func (s *steps) Delete(ctx context.Context, key string, versions []intake.Version) error {
	// One by one, so that it can end between two.
	for _, v := range versions {
		s.step()
		if err := s.Source.Delete(ctx, key, []intake.Version{v}); err != nil {
			return err
		}
		s.step()
	}
	return nil
}

type storeSteps struct {
	intake.Store
	*steps
}

func (s storeSteps) Name() string { return s.Store.Name() }

func (s storeSteps) Put(ctx context.Context, o intake.Object, body io.Reader) error {
	s.step()
	err := s.Store.Put(ctx, o, body)
	s.step()
	return err
}

func (s storeSteps) Read(ctx context.Context, bucket, key string, w io.Writer) error {
	s.step()
	err := s.Store.Read(ctx, bucket, key, w)
	s.step()
	return err
}

// child empties the bucket once, as the command does.
func child() {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var c childConfig
	if err := json.Unmarshal([]byte(os.Getenv(childVariable)), &c); err != nil {
		fail(err)
	}
	ctx := context.Background()
	info, err := house.Find(c.Dir, c.Room)
	if err != nil {
		fail(err)
	}
	h, err := house.Open(ctx, c.Dir, info, house.Options{Serve: true})
	if err != nil {
		fail(err)
	}
	store, err := intake.Inside(h.Room, func() (vault.Caller, error) {
		k, err := h.Room.Credential(c.Key)
		return vault.Caller{Principal: k.Principal, Session: c.Key, Method: "local"}, err
	})
	if err != nil {
		fail(err)
	}
	source, err := landing.OpenS3(ctx, landing.S3Config{Bucket: c.Bucket, Endpoint: c.Endpoint, Region: "us-east-1", Credentials: credentials})
	if err != nil {
		fail(err)
	}
	mapping, err := intake.Named("genesys-cloud")
	if err != nil {
		fail(err)
	}
	s := &steps{Source: source, left: c.KillAt}
	i, err := intake.New(intake.Config{
		Source: s, Store: storeSteps{store, s}, Mapping: mapping, Into: "recordings", Workers: 1,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fail(err)
	}
	r, err := i.Once(ctx)
	if err != nil {
		fail(err)
	}
	if len(r.Counts) > 0 {
		fail(fmt.Errorf("findings: %+v", r.Findings))
	}
	if err := h.Close(ctx); err != nil {
		fail(err)
	}
	fmt.Println(-s.left, "steps,", r.Resumed, "resumed")
}

// TestKilledAtAnyStep: a process that is killed again and again, at any step, leaves in
// the end each recording in the room once, byte for byte, joined with its metadata, and
// nothing at the source. STRONGROOM_CRASH_ROUNDS makes it longer.
func TestKilledAtAnyStep(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 3
	}
	if v := os.Getenv("STRONGROOM_CRASH_ROUNDS"); v != "" {
		var err error
		if rounds, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	buckets := []*bucket{newBucket(t, "crash-plain", false), newBucket(t, "crash-versioned", true)}
	r := housetest.New(t, house.Options{})
	r.Bucket("recordings")
	key := r.Person(strongroom.Principal{Name: "drain-1", Kind: strongroom.Workload, Groups: []string{"intake"}}).Session
	r.Stop()

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	want := map[string][]byte{}
	kills, resumed := 0, 0
	for round := range rounds {
		b := buckets[round%2]
		for n := range 2 {
			folder := fmt.Sprintf("org/year=2026/month=11/day=20/hour=09/conversation_id=c-%d-%d/", round, n)
			id := fmt.Sprintf("%08x-0000-4000-8000-%012x", round, n)
			sound := make([]byte, []int{0, 1, 64 << 10, 200_000}[random.IntN(4)])
			for k := range sound {
				sound[k] = byte(random.Uint32())
			}
			about := fmt.Appendf(nil, `{"queue":"billing","conversationId":"c-%d-%d"}`, round, n)
			b.put(folder+id+".wav", sound)
			b.put(folder+id+"_metadata.json", about)
			want[folder+id+".wav"], want[folder+id+"_metadata.json"] = sound, about
		}
		for attempt := 0; ; attempt++ {
			c := childConfig{r.Dir, r.Founded.Room.String(), key, b.name, peer.endpoint, 0}
			var patience time.Duration
			switch {
			case attempt >= 3:
			case attempt == 0:
				c.KillAt = 1 + random.IntN(25)
			case random.IntN(3) == 0:
				patience = time.Duration(50+random.IntN(700)) * time.Millisecond
			default:
				c.KillAt = 1 + random.IntN(60)
			}
			out, killed := runChild(t, c, patience)
			if !killed {
				var n, found int
				if _, err := fmt.Sscanf(out, "%d steps, %d resumed", &n, &found); err != nil {
					t.Fatalf("it printed %q: %v", out, err)
				}
				resumed += found
				break
			}
			kills++
		}
		if n := b.left(); n != 0 {
			t.Fatalf("round %d: %d versions left at the source", round, n)
		}
	}
	r = housetest.Open(t, r, house.Options{})
	got := stored(t, r)
	for key, content := range want {
		holds(t, r, key, content)
		if !slices.Contains(got, key) {
			t.Errorf("%s is not listed", key)
		}
		o, err := r.House.Room.Head(t.Context(), r.Owner, "recordings", key, "")
		if err != nil || o.Attribute("queue") != "billing" || o.Attribute("unjoined") != "" {
			t.Errorf("%s: %v, %v", key, o.Meta, err)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d objects are stored, %d came", len(got), len(want))
	}
	t.Logf("%d rounds, %d kills, %d files found stored already", rounds, kills, resumed)
	if kills < rounds {
		t.Errorf("only %d kills in %d rounds", kills, rounds)
	}
}

// runChild runs the process; with patience it is killed from outside after so long.
func runChild(t *testing.T, c childConfig, patience time.Duration) (printed string, killed bool) {
	t.Helper()
	config, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(config), "GORACE=atexit_sleep_ms=0")
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if patience > 0 {
		stop := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		defer stop.Stop()
	}
	err = cmd.Wait()
	if err == nil {
		return out.String(), false
	}
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() && s.Signal() == syscall.SIGKILL && ctx.Err() == nil {
		return "", true
	}
	t.Fatalf("it ended: %v: %s", err, problems.String())
	return "", false
}

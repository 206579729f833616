package synth_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"strongroom/cloud/account"
	"strongroom/cloud/account/synth"
)

func load(t testing.TB, c synth.Config) (*account.Account, int) {
	t.Helper()
	var b bytes.Buffer
	if err := synth.Write(&b, c); err != nil {
		t.Fatal(err)
	}
	n := b.Len()
	l := account.NewLoader()
	if err := l.Read("synthetic", &b); err != nil {
		t.Fatal(err)
	}
	a, err := l.Account()
	if err != nil {
		t.Fatal(err)
	}
	return a, n
}

// A synthetic account is whole, right, and of the size that was asked for.
func TestWrite(t *testing.T) {
	for _, c := range []synth.Config{{1, 1, 1}, {100, 10, 1}, {1000, 100, 1}, {1000, 100, 2}} {
		a, _ := load(t, c)
		if len(a.Users)+len(a.Roles) != c.Principals || len(a.Buckets) != c.Buckets {
			t.Errorf("%+v: %d users, %d roles, %d buckets", c, len(a.Users), len(a.Roles), len(a.Buckets))
		}
		if len(a.Faults) > 0 || len(a.Missing) > 0 {
			t.Errorf("%+v: faults %v, missing %v", c, a.Faults, a.Missing)
		}
		for _, w := range a.Workloads {
			if len(w.Unknown) > 0 {
				t.Errorf("%+v: %+v", c, w)
			}
		}
	}
}

// The same numbers make the same bytes, another seed others.
func TestSeed(t *testing.T) {
	digest := func(c synth.Config) string {
		h := sha256.New()
		if err := synth.Write(h, c); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%x", h.Sum(nil))
	}
	one := digest(synth.Config{Principals: 300, Buckets: 30, Seed: 1})
	if one != digest(synth.Config{Principals: 300, Buckets: 30, Seed: 1}) {
		t.Error("the same seed makes another account")
	}
	if one == digest(synth.Config{Principals: 300, Buckets: 30, Seed: 2}) {
		t.Error("another seed makes the same account")
	}
}

// The order in which answers come changes nothing.
func TestOrder(t *testing.T) {
	var b bytes.Buffer
	if err := synth.Write(&b, synth.Config{Principals: 120, Buckets: 12, Seed: 3}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	read := func() string {
		l := account.NewLoader()
		if err := l.Read("synthetic", strings.NewReader(strings.Join(lines, "\n")+"\n")); err != nil {
			t.Fatal(err)
		}
		a, err := l.Account()
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	want := read()
	chance := rand.New(rand.NewPCG(1, 1))
	for range 10 {
		between := lines[1 : len(lines)-1]
		chance.Shuffle(len(between), func(i, j int) { between[i], between[j] = between[j], between[i] })
		if got := read(); got != want {
			i := 0
			for got[i] == want[i] {
				i++
			}
			t.Fatalf("in another order:\n%s\nnot\n%s", got[max(0, i-200):min(len(got), i+100)], want[max(0, i-200):min(len(want), i+100)])
		}
	}
}

func TestTooMany(t *testing.T) {
	for _, c := range []synth.Config{{0, 1, 1}, {1, 0, 1}, {synth.Most + 1, 1, 1}} {
		if err := synth.Write(&bytes.Buffer{}, c); err == nil {
			t.Errorf("%+v: made", c)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{100, 300, 1000, 3000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var text bytes.Buffer
			if err := synth.Write(&text, synth.Config{Principals: n, Buckets: max(10, n/10), Seed: 1}); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(text.Len()))
			var held uint64
			start := processor(b)
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				l := account.NewLoader()
				if err := l.Read("synthetic", bytes.NewReader(text.Bytes())); err != nil {
					b.Fatal(err)
				}
				a, err := l.Account()
				if err != nil {
					b.Fatal(err)
				}
				l = nil
				runtime.GC()
				runtime.ReadMemStats(&after)
				held = after.HeapAlloc - before.HeapAlloc
				runtime.KeepAlive(a)
			}
			b.ReportMetric(float64((processor(b)-start).Milliseconds())/float64(b.N), "ms-processor/op")
			b.ReportMetric(float64(held)/(1<<20), "MiB-held")
		})
	}
}

// processor is the processor time of this process so far.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

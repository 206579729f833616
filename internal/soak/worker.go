package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"strongroom/internal/bench/lean"
)

// task is what one client process is to do.
type task struct {
	lean.Endpoint
	Role   string // good or rough
	Number int
	Ends   time.Time
	Rate   float64 // requests a second, of a good one
}

// telling is what a client process tells: figures each minute, and at its end which
// objects must be there.
type telling struct {
	Minute     int                  `json:"minute"`
	Figures    map[string]*figures  `json:"figures,omitempty"`
	Unexpected []string             `json:"unexpected,omitempty"`
	Objects    map[string]synthetic `json:"objects,omitempty"`
}

// figures are of one operation in one minute.
type figures struct {
	Times histogram      `json:"times"`
	Codes map[string]int `json:"codes"` // answers, by status and code
}

// histogram counts durations in buckets of a tenth more each.
type histogram map[int]int

const (
	shortestTime = 20 * time.Microsecond
	bucketRatio  = 1.1
)

func (h histogram) add(d time.Duration) {
	i := 0
	for at := float64(shortestTime); at < float64(d); at *= bucketRatio {
		i++
	}
	h[i]++
}

func (h histogram) merge(other histogram) {
	for i, n := range other {
		h[i] += n
	}
}

func (h histogram) count() int {
	sum := 0
	for _, n := range h {
		sum += n
	}
	return sum
}

// at is the time below which that share of the requests stayed, a tenth too much at most.
func (h histogram) at(share float64) time.Duration {
	var buckets []int
	for i := range h {
		buckets = append(buckets, i)
	}
	slices.Sort(buckets)
	left := int(share * float64(h.count()))
	for _, i := range buckets {
		if left -= h[i]; left < 0 || i == buckets[len(buckets)-1] {
			at := float64(shortestTime)
			for range i {
				at *= bucketRatio
			}
			return time.Duration(at)
		}
	}
	return 0
}

// synthetic is content that can be made again: of a seed, and as many bytes.
type synthetic struct {
	Seed uint64 `json:"seed"`
	Size int64  `json:"size"`
}

func (s synthetic) bytes() []byte {
	var seed [32]byte
	for i := range 8 {
		seed[i] = byte(s.Seed >> (8 * i))
	}
	b := make([]byte, s.Size)
	rand.NewChaCha8(seed).Read(b)
	return b
}

// log gathers what the callers of one process see.
type log struct {
	started time.Time
	out     *json.Encoder

	mu         sync.Mutex
	minute     int
	figures    map[string]*figures
	unexpected []string
}

// note counts one request. What it came to must be among the expected.
func (l *log) note(operation string, began time.Time, came string, expected ...string) {
	took := time.Since(began)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.figures == nil {
		l.figures = map[string]*figures{}
	}
	f := l.figures[operation]
	if f == nil {
		f = &figures{Times: histogram{}, Codes: map[string]int{}}
		l.figures[operation] = f
	}
	f.Times.add(took)
	f.Codes[came]++
	if !slices.Contains(expected, came) && len(l.unexpected) < 20 {
		l.unexpected = append(l.unexpected, fmt.Sprintf("%s at %s: %s, expected one of %q", operation, began.UTC().Format(time.TimeOnly), came, expected))
	}
}

// tell hands over the figures gathered since the last time.
func (l *log) tell(objects map[string]synthetic) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := telling{Minute: l.minute, Figures: l.figures, Unexpected: l.unexpected, Objects: objects}
	l.minute, l.figures, l.unexpected = l.minute+1, nil, nil
	return l.out.Encode(t)
}

// work is the client process.
func work(in io.Reader, out io.Writer) error {
	var t task
	if err := json.NewDecoder(in).Decode(&t); err != nil {
		return fmt.Errorf("reading the task: %w", err)
	}
	l := &log{started: time.Now(), out: json.NewEncoder(out)}
	stop := make(chan struct{})
	var clock sync.WaitGroup
	clock.Go(func() {
		minute := time.NewTicker(time.Minute)
		defer minute.Stop()
		for {
			select {
			case <-minute.C:
				l.tell(nil)
			case <-stop:
				return
			}
		}
	})
	var objects map[string]synthetic
	if t.Role == "good" {
		objects = t.good(l)
	} else {
		objects = t.rough(l)
	}
	close(stop)
	clock.Wait()
	return l.tell(objects)
}

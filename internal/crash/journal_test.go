package crash_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// value is what a key holds: nothing, or content that its seed and size determine.
type value struct {
	seed uint64
	size int // -1: nothing
}

var absent = value{size: -1}

func (v value) String() string {
	if v == absent {
		return "nothing"
	}
	return fmt.Sprintf("content %d of %d bytes", v.seed, v.size)
}

// content is a stream of random bytes of its own for each seed.
func (v value) content() []byte {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], v.seed)
	out := make([]byte, v.size)
	rand.NewChaCha8(seed).Read(out)
	return out
}

// write is one request that changes what a key holds.
type write struct {
	value        value
	begun, ended int64
	acknowledged bool
}

// under way, or broken off by the crash: it may yet happen
const never = math.MaxInt64

// read is a request that delivered content.
type read struct {
	key, ticket string
	bytes       int64 // that reached the client
}

// upload is a multipart upload that was begun and acknowledged.
type upload struct {
	key, id string
	value   value
	cuts    []int          // where each part ends
	etags   map[int]string // of the parts that were acknowledged
	unsure  map[int]bool   // parts sent again without an answer
	ending  bool           // completed or aborted without an answer
}

func (u *upload) part(n int) []byte {
	from := 0
	if n > 1 {
		from = u.cuts[n-2]
	}
	return u.value.content()[from:u.cuts[n-1]]
}

// journal is what a client knows of its own requests.
type journal struct {
	mu      sync.Mutex
	clock   int64
	writes  map[string][]*write
	reads   []read
	uploads map[string]*upload
	tally   tally
}

type tally struct{ writes, reads, uploads, parts, refused int }

func newJournal() *journal {
	return &journal{writes: map[string][]*write{}, uploads: map[string]*upload{}}
}

func (j *journal) now() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.clock++
	return j.clock
}

// begin notes that a write was sent.
func (j *journal) begin(key string, v value) *write {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.clock++
	w := &write{value: v, begun: j.clock, ended: never}
	j.writes[key] = append(j.writes[key], w)
	return w
}

// acknowledge notes that a write was answered with success.
func (j *journal) acknowledge(w *write) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.clock++
	w.ended, w.acknowledged = j.clock, true
	j.tally.writes++
}

// refuse notes that a write was answered with an error: it may have happened, but
// it is over.
func (j *journal) refuse(w *write) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.clock++
	w.ended = j.clock
	j.tally.refused++
}

// possible returns what a key can be seen to hold by somebody who looked between
// two instants: each value whose write had begun by then and was not followed by
// an acknowledged one that was over before.
func (j *journal) possible(key string, from, to int64) []value {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := append([]*write{{value: absent, acknowledged: true}}, j.writes[key]...)
	var out []value
	for _, x := range all {
		if x.begun > to || slices.ContainsFunc(all, func(y *write) bool {
			return y.acknowledged && y.begun > x.ended && y.ended < from
		}) {
			continue
		}
		out = append(out, x.value)
	}
	return out
}

// settle notes what a key was found to hold when nobody was writing.
func (j *journal) settle(key string, v value) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.clock++
	j.writes[key] = []*write{{value: v, begun: j.clock, ended: j.clock, acknowledged: true}}
}

func (j *journal) keys() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Sorted(maps.Keys(j.writes))
}

func (j *journal) delivered(r read) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.reads = append(j.reads, r)
	j.tally.reads++
}

// clone copies the journal, for another state after the same crash.
func (j *journal) clone() *journal {
	j.mu.Lock()
	defer j.mu.Unlock()
	c := &journal{clock: j.clock, writes: map[string][]*write{}, reads: slices.Clone(j.reads), uploads: map[string]*upload{}, tally: j.tally}
	for key, all := range j.writes {
		for _, w := range all {
			copied := *w
			c.writes[key] = append(c.writes[key], &copied)
		}
	}
	for id, u := range j.uploads {
		copied := *u
		copied.etags, copied.unsure = maps.Clone(u.etags), maps.Clone(u.unsure)
		c.uploads[id] = &copied
	}
	return c
}

// match finds the value of which the body is the whole content, or the part from an
// offset on. A body that was broken off may be shorter than it should.
func match(all []value, body []byte, offset, length int64, brokenOff bool) (value, bool) {
	for _, v := range all {
		if v == absent || offset > int64(v.size) {
			continue
		}
		want := v.content()[offset:]
		if length >= 0 {
			want = want[:min(length, int64(len(want)))]
		}
		if bytes.Equal(body, want) || brokenOff && bytes.HasPrefix(want, body) {
			return v, true
		}
	}
	return absent, false
}

// TestJournal holds the journal to what it must tell apart: a checker that permits
// too much would find nothing.
func TestJournal(t *testing.T) {
	a, b, c := value{1, 100}, value{2, 200}, value{3, 300}
	tests := []struct {
		name string
		do   func(j *journal)
		want []value
	}{
		{"nothing was written", func(*journal) {}, []value{absent}},
		{"an acknowledged write is there", func(j *journal) { j.acknowledge(j.begin("k", a)) }, []value{a}},
		{"a write under way may have happened", func(j *journal) { j.begin("k", a) }, []value{absent, a}},
		{"a refused write may have happened", func(j *journal) { j.refuse(j.begin("k", a)) }, []value{absent, a}},
		{"a later write replaces", func(j *journal) { j.acknowledge(j.begin("k", a)); j.acknowledge(j.begin("k", b)) }, []value{b}},
		{"an acknowledged deletion stays", func(j *journal) { j.acknowledge(j.begin("k", a)); j.acknowledge(j.begin("k", absent)) }, []value{absent}},
		{"writes at the same time end either way", func(j *journal) {
			x, y := j.begin("k", a), j.begin("k", b)
			j.acknowledge(x)
			j.acknowledge(y)
		}, []value{a, b}},
		{"one that was refused before an acknowledged one began is gone", func(j *journal) {
			j.refuse(j.begin("k", a))
			j.acknowledge(j.begin("k", b))
		}, []value{b}},
		{"one under way since before may come last", func(j *journal) {
			j.begin("k", a)
			j.acknowledge(j.begin("k", b))
			j.begin("k", c)
		}, []value{a, b, c}},
		{"what was found is what is there", func(j *journal) { j.begin("k", a); j.settle("k", b) }, []value{b}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			j := newJournal()
			test.do(j)
			now := j.now()
			if got := j.possible("k", now, now); !slices.Equal(got, test.want) {
				t.Errorf("possible are %v, want %v", got, test.want)
			}
			if got := j.clone().possible("k", now, now); !slices.Equal(got, test.want) {
				t.Errorf("possible in a copy are %v, want %v", got, test.want)
			}
		})
	}
	for _, body := range []struct {
		content   []byte
		offset    int64
		brokenOff bool
		want      bool
	}{
		{b.content(), 0, false, true},
		{b.content()[:150], 0, false, false},
		{b.content()[:150], 0, true, true},
		{b.content()[50:], 50, false, true},
		{b.content()[51:], 50, false, false},
		{append(b.content(), 0), 0, true, false},
		{c.content(), 0, false, false},
	} {
		if _, ok := match([]value{absent, a, b}, body.content, body.offset, -1, body.brokenOff); ok != body.want {
			t.Errorf("%d bytes from %d (broken off: %t): matched %t, want %t", len(body.content), body.offset, body.brokenOff, ok, body.want)
		}
	}
}

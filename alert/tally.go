package alert

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"strongroom"
)

// window is what one condition has counted about one subject lately.
type window struct {
	Hits   []hit `json:"h"`
	weight int
}

type hit struct {
	At     int64  `json:"t"`           // milliseconds since 1970
	Record int64  `json:"r"`           // index, -1 for none
	Object string `json:"o,omitempty"` // of which a repeat counts once
	N      int64  `json:"n,omitempty"` // counts more than one
}

// add counts a hit, forgets those that are too old, and answers the measure. An object
// that is in the window already counts once.
func (w *window) add(h hit, length Duration, m Measure) int64 {
	w.Hits = slices.DeleteFunc(w.Hits, func(o hit) bool {
		return o.At <= h.At-time.Duration(length).Milliseconds() || m == Objects && o.Object == h.Object
	})
	w.Hits = append(w.Hits, h)
	var n int64
	for _, o := range w.Hits {
		n += max(1, o.N)
	}
	return n
}

// profile is what is known of a principal's habits.
type profile struct {
	First   int64            `json:"f"` // milliseconds: the first release
	Hour    int64            `json:"h"` // since 1970: the hour that is being counted
	Now     []string         `json:"n"` // objects opened in it, at most maxThreshold
	Past    []int            `json:"p"` // how many were opened in each earlier hour with any, the newest last
	Classes map[string]int64 `json:"c"` // class of data → record that first touched it
	weight  int
}

const (
	// pastHours is how many active hours a profile remembers, and leastHours how many
	// there must be before it says what is usual.
	pastHours, leastHours = 200, 20
	maxClasses            = 256
)

// usual is the median of the hours remembered.
func (p *profile) usual() (float64, bool) {
	if len(p.Past) < leastHours {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(p.Past))
	n := len(sorted)
	return float64(sorted[(n-1)/2]+sorted[n/2]) / 2, true
}

// learn takes a release into the profile, after it was judged.
func (p *profile) learn(e *strongroom.Event) {
	if p.First == 0 {
		p.First = e.Time.UnixMilli()
	}
	if hour := e.Time.Unix() / 3600; hour > p.Hour {
		if len(p.Now) > 0 {
			p.Past = append(p.Past, len(p.Now))
			p.Past = p.Past[max(0, len(p.Past)-pastHours):]
		}
		p.Hour, p.Now = hour, nil
	}
	if o := objectOf(e); len(p.Now) < maxThreshold && !slices.Contains(p.Now, o) {
		p.Now = append(p.Now, o)
	}
	for _, class := range classesOf(e) {
		if _, known := p.Classes[class]; !known && len(p.Classes) < maxClasses {
			if p.Classes == nil {
				p.Classes = map[string]int64{}
			}
			p.Classes[class] = e.Index
		}
	}
}

// objectOf tells objects apart without their names.
func objectOf(e *strongroom.Event) string {
	id := e.Version
	if id.IsZero() {
		id = e.Blob
	}
	return id.String()[:12]
}

func classesOf(e *strongroom.Event) []string {
	if e.Question == nil {
		return nil
	}
	return e.Question.Resource.Label.Classes
}

// Usage answers what is usual for a principal: how many releases to them there were in the
// same hour of the week as at, in so many weeks before it. Package monitor does.
type Usage interface {
	Usual(ctx context.Context, actor string, at time.Time, weeks int) (strongroom.Baseline, error)
}

const (
	// usualWeeks is how far back it is looked, and leastWeeks what must be known for it to
	// count.
	usualWeeks, leastWeeks = 12, 4
)

// limit is from which measure on a condition fires for somebody, and what is usual for
// them where that is known and matters.
func (e *Engine) limit(ctx context.Context, c *Condition, seen int64, ev *strongroom.Event, p *profile) (int64, *float64, error) {
	if c.Factor == 0 || p == nil || seen < min(c.Least, c.Threshold) {
		return c.Threshold, nil, nil
	}
	usual, known := p.usual()
	if e.Usage != nil {
		b, err := e.usualOf(ctx, ev.Actor, ev.Time)
		if err != nil {
			return 0, nil, fmt.Errorf("asking what is usual: %w", err)
		}
		if b.Weeks >= leastWeeks {
			usual, known = float64(b.P95), true
		}
	}
	if !known {
		return c.Threshold, nil, nil
	}
	return min(c.Threshold, max(c.Least, int64(math.Ceil(c.Factor*usual)))), &usual, nil
}

// usualHour is what monitoring said of an hour of somebody's.
type usualHour struct {
	hour int64 // since 1970
	is   strongroom.Baseline
}

// maxUsual bounds how many of them are remembered.
const maxUsual = 20_000

// usualOf asks what is usual, once an hour for each principal: it is of the same hour in
// weeks that are over.
func (e *Engine) usualOf(ctx context.Context, actor string, at time.Time) (strongroom.Baseline, error) {
	hour := at.Unix() / 3600
	if known, ok := e.usual[actor]; ok && known.hour == hour {
		return known.is, nil
	}
	b, err := e.Usage.Usual(ctx, actor, at, usualWeeks)
	if err != nil {
		return b, err
	}
	if e.usual == nil || len(e.usual) >= maxUsual {
		e.usual = map[string]usualHour{}
	}
	e.usual[actor] = usualHour{hour, b}
	return b, nil
}

// tallies are those that one transaction touches, and those that earlier ones did: read
// once, written when they are touched.
type tallies struct {
	tx       Tx
	at       time.Time
	windows  map[[2]string]*window
	profiles map[string]*profile
	touched  map[[2]string]any // condition and subject → the window or profile
	weight   int               // of all that is remembered
}

// maxWeight bounds what is remembered between transactions, in numbers and hits: some 50 MB.
const maxWeight = 500_000

func newTallies() *tallies {
	return &tallies{windows: map[[2]string]*window{}, profiles: map[string]*profile{}}
}

// begin has a transaction use what earlier ones remember.
func (t *tallies) begin(tx Tx, at time.Time) {
	t.tx, t.at, t.touched = tx, at, map[[2]string]any{}
}

const profileTally = "profile" // in the place of a condition's id

func (t *tallies) window(condition, subject string) (*window, error) {
	return tallyOf(t, t.windows, [2]string{condition, subject}, condition, subject)
}

func (t *tallies) profile(actor string) (*profile, error) {
	return tallyOf(t, t.profiles, actor, profileTally, actor)
}

func tallyOf[K comparable, V any](t *tallies, known map[K]*V, key K, condition, subject string) (*V, error) {
	if v := known[key]; v != nil {
		t.touched[[2]string{condition, subject}] = v
		return v, nil
	}
	v := new(V)
	body, err := t.tx.Tally(condition, subject)
	if err != nil && !errors.Is(err, ErrNone) {
		return nil, err
	}
	if err == nil {
		if err := json.Unmarshal(body, v); err != nil {
			return nil, fmt.Errorf("reading what %s has counted: %w", condition, err)
		}
	}
	known[key] = v
	t.touched[[2]string{condition, subject}] = v
	return v, nil
}

// write puts what was touched, in the order in which it lies in the store.
func (t *tallies) write() error {
	order := slices.SortedFunc(maps.Keys(t.touched), func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	for _, key := range order {
		v := t.touched[key]
		body, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if err := t.tx.PutTally(key[0], key[1], t.at, body); err != nil {
			return err
		}
		switch v := v.(type) {
		case *window:
			t.weigh(&v.weight, 1+len(v.Hits))
		case *profile:
			t.weigh(&v.weight, 1+len(v.Now)+len(v.Past)+len(v.Classes))
		}
	}
	return nil
}

func (t *tallies) weigh(was *int, is int) {
	t.weight += is - *was
	*was = is
}

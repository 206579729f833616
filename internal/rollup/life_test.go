package rollup_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"strongroom"
)

// life makes up what the ledger of a contact centre tells: people at work by day and
// mostly on weekdays, recordings stored as calls end and opened mostly soon after.
type life struct {
	rand    *rand.Rand
	people  []strongroom.Principal
	objects []strongroom.Resource
	many    int // objects in the end
	start   time.Time
	length  time.Duration
	total   int64 // events
	index   int64
	queue   []strongroom.Event // due next
	open    []strongroom.Event // releases whose lease rests
}

var lifeQueues = []string{"billing", "claims", "complaints", "sales", "support", "vip", "fraud", "retention"}

func newLife(seed uint64, people, objects int, days int, total int64) *life {
	l := &life{rand: rand.New(rand.NewPCG(seed, 1)), many: objects, total: total,
		start: time.Date(2026, 8, 3, 0, 0, 0, 0, time.UTC), length: time.Duration(days) * 24 * time.Hour}
	for i := range people {
		p := strongroom.Principal{ID: l.id(1, i), Name: fmt.Sprintf("person.%d", i), Kind: strongroom.Person, Groups: []string{"agents"}}
		switch {
		case i%50 == 0:
			p.Kind, p.Groups = strongroom.Workload, []string{"recorders"}
		case i%50 < 6:
			p.Groups = []string{"supervisors"}
		case i%50 < 9:
			p.Groups = []string{"quality", "agents"}
		case i%50 == 9:
			p.Kind, p.Groups = strongroom.Vendor, []string{"vendors"}
		}
		l.people = append(l.people, p)
	}
	return l
}

func (l *life) id(kind byte, n int) (id strongroom.ID) {
	id[0] = kind
	binary.BigEndian.PutUint64(id[1:], uint64(n)*0x9e3779b97f4a7c15) // spread, as random ids are
	binary.BigEndian.PutUint32(id[12:], uint32(n))
	return id
}

func actorOf(p strongroom.Principal) string { return fmt.Sprintf("%x", p.ID[:]) }

// time spreads the records over working hours, in order.
func (l *life) time() time.Time {
	share := float64(l.index) / float64(l.total)
	days := float64(l.length / (24 * time.Hour))
	whole := int(share * days)
	within := share*days - float64(whole)
	from, long := 7.0, 13.0 // of the day
	return l.start.Add(time.Duration(whole)*24*time.Hour + time.Duration((from+within*long)*float64(time.Hour))).Truncate(time.Millisecond)
}

// next answers the next event, false after the last.
func (l *life) next() (strongroom.Event, bool) {
	if l.index >= l.total {
		return strongroom.Event{}, false
	}
	var e strongroom.Event
	if len(l.queue) > 0 {
		e, l.queue = l.queue[0], l.queue[1:]
	} else {
		e = l.make()
	}
	e.Index, e.Time = l.index, l.time()
	if e.Question != nil {
		e.Question.Context.Time = e.Time
	}
	if e.Kind == "release" {
		l.follow(e)
	}
	l.index++
	return e, true
}

func (l *life) follow(e strongroom.Event) {
	size := e.Question.Resource.Size
	release := e.Index
	d := strongroom.Event{Kind: "delivery", Did: "delivery", Actor: e.Actor, Version: e.Version, Lease: e.Lease, Release: &release, Bytes: size, Final: true, Whole: true}
	switch n := l.rand.IntN(100); {
	case n < 80: // whole, at once
		l.queue = append(l.queue, d)
	case n < 95: // by ranges: partial deliveries, and the end later
		d.Bytes, d.Final, d.Whole = size/3, false, false
		l.queue = append(l.queue, d)
		l.open = append(l.open, d)
	case n < 97: // resumed after a restart
		r := e
		r.Kind, r.Did = "lease-resume", "lease-resume"
		d.Bytes = size / 2
		l.queue = append(l.queue, r, d)
	} // and some never end
}

func (l *life) make() strongroom.Event {
	if n := len(l.open); n > 0 && (n > 200 || l.rand.IntN(8) == 0) {
		d := l.open[0]
		l.open = l.open[1:]
		d.Bytes, d.Final = d.Bytes*2, true
		return d
	}
	p := &l.people[l.rand.IntN(len(l.people))]
	e := strongroom.Event{Outcome: strongroom.Permitted, Actor: actorOf(*p), Question: &strongroom.Question{Principal: *p}}
	stored := int(float64(l.many) * float64(l.index) / float64(l.total))
	if len(l.objects) <= stored {
		i := len(l.objects)
		r := strongroom.Resource{Bucket: "recordings", Key: fmt.Sprintf("calls/2026/%07d.wav", i), Version: l.id(2, i), Size: 100_000 + l.rand.Int64N(9_000_000),
			Attributes: map[string]string{"queue": lifeQueues[l.rand.IntN(len(lifeQueues))]},
			Label:      strongroom.Label{Confidential: true, Classes: []string{"voice"}}}
		switch {
		case i%10 == 0:
			r.Bucket, r.Label.Classes = "documents", []string{"identity", "health"}
		case i%25 == 0:
			r.Label.Classes = []string{"voice", "card"}
		}
		l.objects = append(l.objects, r)
		p = &l.people[0]
		e.Actor, e.Question.Principal, e.Question.Action, e.Question.Resource = actorOf(*p), *p, strongroom.ActionStoreObject, r
		e.Kind, e.Did, e.Version, e.Bytes = "store", "store", r.Version, r.Size
		return e
	}
	// Mostly what is new: the distance from the newest is exponential, a tail is anywhere.
	// And nearly always of one's own queue.
	var r strongroom.Resource
	for range 30 {
		i := len(l.objects) - 1 - int(l.rand.ExpFloat64()*float64(l.many)/100)
		if l.rand.IntN(20) == 0 || i < 0 {
			i = l.rand.IntN(len(l.objects))
		}
		if r = l.objects[i]; r.Attributes["queue"] == lifeQueues[int(p.ID[15])%len(lifeQueues)] {
			break
		}
	}
	e.Question.Resource, e.Version = r, r.Version
	e.Question.Action = strongroom.ActionReadObject
	switch n := l.rand.IntN(100); {
	case n < 45:
		e.Kind, e.Did, e.Lease = "release", "release", l.id(3, int(l.index))
	case n < 75:
		e.Kind, e.Did, e.Question.Action = "metadata-read", "metadata-read", strongroom.ActionReadMetadata
	case n < 85:
		e.Kind, e.Did, e.Question.Action, e.Version = "list", "list", strongroom.ActionListObjects, strongroom.ID{}
		e.Question.Resource = strongroom.Resource{Bucket: r.Bucket}
	case n < 93:
		e.Kind, e.Did, e.Outcome, e.Version = "refusal", string(strongroom.ActionReadObject), strongroom.Refused, strongroom.ID{}
	case n < 96:
		e.Kind, e.Did, e.Question.Action = "amend", "tags", strongroom.ActionTagObject
	case n < 97:
		e.Kind, e.Did, e.Question, e.Erased = "metadata-read", "metadata-read", nil, true
	case n < 98:
		return strongroom.Event{Kind: "noise", Did: "noise", Counts: map[string]int64{"unsigned": 3, "readObject refused beyond the recorded rate to " + e.Actor: 40}}
	case n < 99:
		return strongroom.Event{Kind: "ledger-read", Did: "export", Actor: "operator"}
	default:
		e.Kind, e.Did, e.Question.Action, e.Version = "people", "principal-list", strongroom.ActionManagePeople, strongroom.ID{}
		e.Question.Resource = strongroom.Resource{}
	}
	return e
}

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"strongroom"
	"strongroom/internal/synth"
	"strongroom/know"
	"strongroom/limit"
	"strongroom/vault"
)

// The demonstration's room has had weeks of ordinary work, and then two in which things
// happened. All of it is made up.
const (
	demoBefore = 28 // days
	demoDays   = 14 // of what happened
	demoWeeks  = "six weeks"
	demoCount  = 4 // days from one inventory to the next
)

// demoHours are those of a working day in which people of the demonstration work.
var demoHours = []int{9, 10, 11, 12, 15}

// demoFlows is what the demonstration declares of what sends what where: two flows that are
// seen, and one that is not. That the scrubber stores copies is seen, and nobody declares it.
const demoFlows = `version: 1
flows:
  - name: platform-export
    from: { system: contact-centre-platform, supplier: example-platform }
    via: export bucket
    to: { bucket: %[1]s }
    principal: %[2]s
    what: [call, screen, chat, transcript, metadata, document]
    owner: %[2]s
    why: calls are kept for complaints
    every: 2d
  - name: transcription
    from: { bucket: %[1]s }
    via: S3
    to: { system: transcriber, supplier: example-transcription }
    what: [call]
    owner: %[2]s
    why: scrubbed copies are transcribed
  - name: quality-extract
    from: { bucket: %[1]s }
    to: { system: quality-board, supplier: example-analytics }
    owner: %[2]s
    why: agreed in the contract, not begun
`

// demoPolicies are what the owner of the demonstration's room lets the people who look into
// complaints do, beside what a new room permits.
const demoPolicies = `
// --- Complaints -----------------------------------------------------------

@id("complaints-find-calls-of-every-queue")
@description("What a call is (not what was said in it), to tell which ones a complaint is about.")
permit (
  principal in Group::"complaints",
  action == Action::"readMetadata",
  resource is Object
);

@id("complaints-replay-with-an-approval")
@description("A call that a complaint is about, when somebody who answers for it approves.")
@requires("purpose,approval")
permit (
  principal in Group::"complaints",
  action == Action::"readObject",
  resource is Object
);
`

// complaint is what whoever looks into complaints asked for last, of so many calls at most.
var complaint = strongroom.Purpose{Text: "complaints about how cancellations were handled", Ticket: "CASE-4812"}

const complaintCalls = 8

// demoClock is the room's clock: the time of what is being told, and the real one
// afterwards.
type demoClock struct {
	mu sync.Mutex
	at time.Time // zero for the real time
}

func (c *demoClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		return time.Now()
	}
	return c.at
}

// set moves the clock, never backwards; the zero time lets it run by itself.
func (c *demoClock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.IsZero() || t.After(c.at) {
		c.at = t
	}
}

// life is some weeks of a contact centre on their way through the door.
type life struct {
	*demo
	clock  *demoClock
	centre *synth.Centre
	roles  synth.Roles
	owner  vault.Caller
	keys   map[string]string // by principal
	at     map[string]netip.Addr

	stored  []synth.Stored
	kinds   map[string]int
	files   int
	size    int64
	opened  int
	refused int

	request  strongroom.ID // asked for last
	waiting  vault.Request // for an answer, of several calls; zero in a centre of few
	breaking strongroom.ID // glass broken last
	urgent   string        // who broke it, until they open something
}

// live lets the people of the centre work for some weeks.
func (d *demo) live(ctx context.Context, clock *demoClock, owner vault.Caller, calls int, until time.Time) (*life, error) {
	l := &life{
		demo: d, clock: clock, centre: synth.Within(4711, calls, (demoBefore+demoDays)*24*time.Hour), owner: owner, keys: map[string]string{}, at: map[string]netip.Addr{}, kinds: map[string]int{},
	}
	l.centre.Until = until
	l.roles = l.centre.Roles(owner.Principal.Name)
	if _, err := d.house.Room.CreateBucket(ctx, owner, vault.BucketRequest{Name: d.bucket}); err != nil {
		return nil, err
	}
	if _, err := d.house.Room.PutPolicy(ctx, owner, append(limit.Default().Text(), demoPolicies...)); err != nil {
		return nil, err
	}
	if err := l.hire(ctx); err != nil {
		return nil, err
	}
	if err := l.workingHours(ctx); err != nil {
		return nil, err
	}
	next, stop := iter.Pull(l.centre.Documents())
	defer stop()
	calling := l.centre.Calls
	if err := l.declare(ctx); err != nil {
		return nil, err
	}
	first := until.AddDate(0, 0, -demoBefore-demoDays)
	for h := first; h.Before(until); h = h.Add(time.Hour) {
		clock.set(h)
		since := int(h.Sub(first).Hours())
		day := since/24 - demoBefore
		if since%(demoCount*24) == 0 {
			if err := l.count(ctx); err != nil {
				return nil, err
			}
		}
		for len(calling) > 0 && l.centre.Start(&calling[0]).Before(h.Add(time.Hour)) {
			if err := l.arrive(ctx, &calling[0]); err != nil {
				return nil, err
			}
			calling = calling[1:]
		}
		if h.Hour()%12 == 9 {
			if f, more := next(); more {
				if err := l.store(ctx, owner, f, h); err != nil {
					return nil, err
				}
			}
		}
		if working := h.Hour() >= 8 && h.Hour() < 18; working && !slices.Contains(demoHours, h.Hour()) {
			continue
		}
		for _, a := range l.centre.Hour(l.roles, h, day, demoDays, l.stored) {
			clock.set(a.At)
			if err := l.do(ctx, a); err != nil {
				return nil, fmt.Errorf("%s, %s: %s %s: %w", a.At.Format(time.DateTime), a.Who, a.Do, a.Key, err)
			}
		}
	}
	for f, more := next(); more; f, more = next() {
		if err := l.store(ctx, owner, f, until); err != nil {
			return nil, err
		}
	}
	if err := l.complain(ctx); err != nil {
		return nil, err
	}
	clock.set(time.Time{})
	return l, nil
}

// complain has somebody who looks into complaints ask for the newest calls that they may not
// hear otherwise. It waits for an answer.
func (l *life) complain(ctx context.Context) error {
	var calls []vault.ObjectName
	for _, s := range slices.Backward(l.stored) {
		if s.Kind == synth.KindCall && !s.Sampled && !s.Scrubbed && len(calls) < complaintCalls {
			calls = append(calls, vault.ObjectName{Key: s.Key})
		}
	}
	if len(calls) < 2 {
		return nil
	}
	who, err := l.caller(l.roles.Quality[0].Name, strongroom.Purpose{})
	if err != nil {
		return err
	}
	l.waiting, err = l.house.Room.RequestAccess(ctx, who, vault.AccessRequest{Bucket: l.bucket, Objects: calls, Purpose: complaint})
	return err
}

// declare says what sends what where.
func (l *life) declare(ctx context.Context) error {
	text := fmt.Appendf(nil, demoFlows, l.bucket, l.owner.Principal.Name)
	if _, err := know.ParseFlows("flows.yaml", text); err != nil {
		return err
	}
	s, err := l.house.OpenInventory(ctx)
	if err != nil {
		return err
	}
	f := know.FlowFile{Name: "flows.yaml", Text: text, Digest: fmt.Sprintf("%x", sha256.Sum256(text)), Imported: l.clock.now().UTC(), By: l.owner.Principal.Name}
	err = l.house.Room.NoteInventory(ctx, l.owner, vault.InventoryFlows, f.Name, "SHA-256 "+f.Digest)
	if err == nil {
		err = s.PutFlows(ctx, f)
	}
	return errors.Join(err, s.Close())
}

// count takes an inventory, as a room that is served does every day.
func (l *life) count(ctx context.Context) error {
	i, err := know.Measured(ctx, l.house.Room)
	if err != nil {
		return err
	}
	s, err := l.house.OpenInventory(ctx)
	if err != nil {
		return err
	}
	return errors.Join(s.PutSnapshot(ctx, know.SnapshotOf(know.RoomScope, i.At, i.Rows)), s.Close())
}

// hire makes the principals and their keys: the staff, and the machines beside them.
func (l *life) hire(ctx context.Context) error {
	people := append(l.centre.People(), strongroom.Principal{Name: "scrubber", Kind: strongroom.Workload, Groups: []string{"scrubbers"}})
	for i, p := range people {
		p.ID = strongroom.ID{} // the room gives ids of its own
		if slices.Contains(p.Groups, "quality") {
			p.Groups = append(p.Groups, "complaints")
		}
		if _, err := l.house.Room.PutPrincipal(ctx, l.owner, p); err != nil {
			return fmt.Errorf("adding %s: %w", p.Name, err)
		}
		k, err := l.house.Room.CreateKey(ctx, l.owner, p.Name, 0)
		if err != nil {
			return fmt.Errorf("a key for %s: %w", p.Name, err)
		}
		l.keys[p.Name] = k.ID
		l.at[p.Name] = netip.AddrFrom4([4]byte{198, 51, 100, byte(10 + i)}) // RFC 5737
	}
	l.keys[l.owner.Principal.Name] = l.founded.KeyID
	l.at[l.owner.Principal.Name] = netip.AddrFrom4([4]byte{198, 51, 100, 2})
	return nil
}

// workingHours says when people of the centre are at work, for what alerts out of hours.
func (l *life) workingHours(ctx context.Context) error {
	desk, done, err := l.house.Alerts(ctx)
	if err != nil {
		return err
	}
	_, err = desk.SetConditions(ctx, l.owner, "hours", []byte(`hours: {time_zone: UTC, days: [mon-fri], from: "07:30", to: "18:30"}`+"\n"))
	return errors.Join(err, done())
}

// caller is somebody at their place, or in the evening somewhere else.
func (l *life) caller(name string, p strongroom.Purpose) (vault.Caller, error) {
	c, err := l.house.Room.Credential(l.keys[name])
	if err != nil && c.Principal.Name == "" {
		return vault.Caller{}, err
	}
	from := l.at[name]
	if h := l.clock.now().Hour(); h < 7 || h > 18 {
		b := from.As4()
		from = netip.AddrFrom4([4]byte{203, 0, 113, b[3]})
	}
	return vault.Caller{
		Principal: c.Principal, Session: l.keys[name], Method: "sigv4", Source: from.String(), Secure: true, RequestID: strongroom.NewID().String(), Purpose: p,
	}, nil
}

// arrive stores what the platform exports of a call, and of some a copy made safe to share.
func (l *life) arrive(ctx context.Context, call *synth.Call) error {
	at := l.centre.Start(call).Add(call.Duration + 3*time.Minute)
	l.clock.set(at)
	for f := range l.centre.CallFiles(call) {
		if err := l.store(ctx, l.owner, f, at); err != nil {
			return err
		}
		if f.ContentType != "audio/wav" || len(l.stored)%4 != 0 {
			continue
		}
		copied := f
		copied.Key = strings.TrimSuffix(f.Key, ".wav") + "-scrubbed.wav"
		copied.Meta = map[string]string{}
		for name, value := range f.Meta {
			copied.Meta[name] = value
		}
		copied.Meta[strongroom.AttributePrefix+"scrubbed"] = "true"
		copied.Body = slices.Concat(f.Body[:44], make([]byte, len(f.Body)-44)) // silence
		scrubber, err := l.caller("scrubber", strongroom.Purpose{})
		if err != nil {
			return err
		}
		if err := l.store(ctx, scrubber, copied, at.Add(time.Minute)); err != nil {
			return err
		}
	}
	return nil
}

func (l *life) store(ctx context.Context, who vault.Caller, f synth.File, at time.Time) error {
	o, err := l.house.Room.Put(ctx, who, vault.PutRequest{
		Bucket: l.bucket, Key: f.Key, Size: int64(len(f.Body)),
		Declared: vault.Declared{Meta: f.Meta, Headers: map[string]string{"Content-Type": f.ContentType}},
	}, bytes.NewReader(f.Body))
	if err != nil {
		return fmt.Errorf("storing %q: %w", f.Key, err)
	}
	l.files, l.size = l.files+1, l.size+o.Size
	l.kinds[o.Attribute("kind")]++
	l.stored = append(l.stored, synth.Stored{
		Key: o.Key, Kind: o.Attribute("kind"), Queue: o.Attribute("queue"), Agent: o.Attribute("agent"), At: at,
		Sampled: limit.Sampled(o.Version), Scrubbed: o.Scrubbed,
	})
	if l.sample.Key == "" && o.Attribute("kind") == synth.KindCall && strings.HasSuffix(o.Key, ".wav") {
		l.sample = o
	}
	return nil
}

// do lets somebody act. A refusal is part of the story; anything else that fails is not.
func (l *life) do(ctx context.Context, a synth.Act) error {
	if a.Do == synth.Answer && l.request.IsZero() || a.Do == synth.Review && l.breaking.IsZero() {
		return nil // in a centre of few calls there was nothing to ask for
	}
	who, err := l.caller(a.Who, a.Purpose)
	if err != nil {
		return err
	}
	room := l.house.Room
	switch a.Do {
	case synth.Find:
		_, err = room.Head(ctx, who, l.bucket, a.Key, "")
	case synth.Open:
		from := l.house.Book.Head().Size
		if err = l.open(ctx, who, a.Key); err == nil {
			l.opened++
		}
		if err == nil && a.Who == l.urgent { // before the clock goes on, since a review tells what was delivered in its time
			l.urgent, err = "", l.delivered(ctx, from)
		}
	case synth.List:
		_, err = room.List(ctx, who, vault.ListRequest{Bucket: l.bucket, Max: 100})
	case synth.Leave:
		_, err = room.ChangePrincipal(ctx, who, l.roles.Leaver.Name, func(p *strongroom.Principal) { p.Suspended = true })
	case synth.Ask:
		var q vault.Request
		q, err = room.RequestAccess(ctx, who, vault.AccessRequest{Bucket: l.bucket, Objects: []vault.ObjectName{{Key: a.Key}}, Purpose: a.Purpose})
		l.request = q.ID
	case synth.Answer:
		_, err = room.Approve(ctx, who, l.request, "", 0)
	case synth.BreakGlass:
		var o vault.Opening
		o, err = room.BreakGlass(ctx, who, a.Purpose, 0)
		l.breaking, l.urgent = o.ID, a.Who
	case synth.Review:
		_, err = room.FinishReview(ctx, who, l.breaking, a.Purpose.Text)
	}
	if kind := strongroom.KindOf(err); kind == strongroom.KindDenied {
		l.refused++
		return nil
	}
	return err
}

// delivered waits until the delivery of what was released since a record is on record.
func (l *life) delivered(ctx context.Context, from int64) error {
	for began := time.Now(); time.Since(began) < 30*time.Second; time.Sleep(10 * time.Millisecond) {
		for r, err := range l.house.Book.Records(ctx, from, l.house.Book.Head().Size) {
			if err != nil {
				return err
			}
			if e, err := vault.EventOf(r); err != nil {
				return err
			} else if e.Kind == vault.KindDelivery && e.Release != nil && *e.Release >= from {
				return nil
			}
		}
	}
	return errors.New("what an emergency delivered does not come on record")
}

func (l *life) open(ctx context.Context, who vault.Caller, key string) error {
	opened, err := l.house.Room.Open(ctx, who, vault.GetRequest{Bucket: l.bucket, Key: key, Plan: func(o strongroom.Object) (int64, int64, error) {
		return 0, o.Size, nil
	}})
	if err != nil {
		return err
	}
	_, err = opened.WriteTo(io.Discard)
	return errors.Join(err, opened.Close())
}

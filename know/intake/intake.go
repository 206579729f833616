// Package intake empties a landing place into a room: it takes each recording that a
// platform exported, with what its metadata file says of it, stores it through the front
// door, reads it back the same way, and deletes it at the source only when the two are
// byte for byte the same. It keeps no state of its own: the source's listing says what
// is left, and what a stored object says of its origin tells a restart what is done.
// So an end at any instant loses nothing and stores nothing twice, and a second process
// beside it does no harm. What a file is, and what becomes of it, is a Mapping: data.
package intake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"strongroom"
)

// Config is what an intake needs. Source, Store, Mapping and Log are required.
type Config struct {
	Source  Source
	Store   Store
	Mapping *Mapping
	Into    string // bucket; "" where the mapping names it
	Queue   Queue  // hints, or nil
	// Reports is told when something has been at the source for longer than Old, and when
	// nothing is any more; nil where nobody is to be told.
	Reports Reporter
	Log     *slog.Logger

	Workers  int           // files under way at once; 0 means 4
	Window   int           // keys held in memory at once; 0 means 100,000
	Wait     time.Duration // for metadata, in place of the mapping's; negative means the mapping's
	Settle   time.Duration // what changed less than so long ago is left for the next time
	Old      time.Duration // what stays longer is a finding; 0 means 15 minutes
	Interval time.Duration // between listings; 0 means a minute
	Clock    func() time.Time
}

// Intake is one process's work on one source.
type Intake struct {
	Config
	counts counts
	// hidden are versions of metadata that were looked for in the room in vain, and when,
	// so that they do not leave a refusal on record with every listing.
	mu     sync.Mutex
	hidden map[string]time.Time
	// troubles are what went wrong, by version: they come last when next there is a choice.
	troubles map[string]trouble
	stretch  stretch // of Once and Run alone
}

// New checks a configuration.
func New(c Config) (*Intake, error) {
	if c.Workers == 0 {
		c.Workers = 4
	}
	if c.Window == 0 {
		c.Window = 100_000
	}
	if c.Old == 0 {
		c.Old = 15 * time.Minute
	}
	if c.Interval == 0 {
		c.Interval = time.Minute
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Wait < 0 {
		c.Wait = time.Duration(c.Mapping.Wait)
	}
	switch {
	case c.Workers < 1 || c.Workers > 256:
		return nil, invalid("1 to 256 files can be under way at once")
	case c.Window < 1 || c.Window > 10_000_000:
		return nil, invalid("the window is 1 to 10,000,000 keys")
	case c.Into == "" && c.Mapping.Into.Bucket == "":
		return nil, invalid("neither the command nor the mapping says which bucket to store in")
	}
	return &Intake{Config: c, hidden: map[string]time.Time{}, troubles: map[string]trouble{}}, nil
}

func invalid(message string) error {
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: message}
}

// held is an item that the mapping has recognised.
type held struct {
	Item
	file
	failed int // times that it could not be taken
	// It is there, and not to be taken now: it changed just now, or could not be read.
	settling, putOff bool
}

func (h held) newest() Version { return h.Versions[len(h.Versions)-1] }

// group is everything that is joined by the same captures.
type group struct {
	recordings, metadata []held
	// siblings that are there, and not to be taken now
	laterRecordings, laterMetadata int
	failed                         int
	oldest                         time.Time
}

// Once empties the source: it lists and takes until a listing brings nothing more that
// can be taken now. The report covers all of it.
func (i *Intake) Once(ctx context.Context) (Report, error) {
	r := i.begin()
	if i.Queue != nil {
		if err := i.drainHints(ctx, r); err != nil {
			i.Log.Warn("reading hints; the listing finds everything all the same", "error", err)
		}
	}
	changes := 0
	for {
		p, err := i.pass(ctx, r)
		if p.again.Load() {
			changes++
		}
		more := p.truncated && p.removed.Load()+p.putOff.Load() > 0
		if err != nil || changes > 10 || !p.again.Load() && !more {
			if err == nil && i.stretch.on {
				i.lookAgain(ctx)
			}
			return i.end(r), err
		}
	}
}

// lookAgain lists once more, for nothing but to see whether something is still overdue.
func (i *Intake) lookAgain(ctx context.Context) {
	p := &pass{tally: i.begin()}
	if _, err := i.list(ctx, p); err != nil {
		if ctx.Err() == nil {
			i.Log.Warn("looking whether something is still overdue", "error", err)
		}
		return
	}
	p.overdue.least = p.truncated
	i.tellOverdue(ctx, p.overdue)
}

// Run empties the source again and again until the context ends, as hints come and as
// intervals pass. A listing that fails is tried again; each is given to report.
func (i *Intake) Run(ctx context.Context, report func(Report, error)) error {
	for ctx.Err() == nil {
		r := i.begin()
		p, err := i.pass(ctx, r)
		if ctx.Err() != nil {
			return nil
		}
		report(i.end(r), err)
		if err == nil && p.truncated && p.removed.Load() > 0 {
			continue
		}
		i.rest(ctx, p.again.Load(), report)
	}
	return nil
}

// soon is the shortest rest between two listings.
const soon = 5 * time.Second

// rest waits out the interval, taking first what hints name.
func (i *Intake) rest(ctx context.Context, hurry bool, report func(Report, error)) {
	interval := i.Interval
	if hurry {
		interval = min(interval, soon)
	}
	next := time.Now().Add(interval)
	for left := interval; left > 0 && ctx.Err() == nil; left = time.Until(next) {
		if i.Queue == nil {
			sleep(ctx, left)
			return
		}
		messages, err := i.Queue.Receive(ctx, min(left, 20*time.Second))
		if err != nil {
			if ctx.Err() == nil {
				i.Log.Warn("reading hints; the listing finds everything all the same", "error", err)
				sleep(ctx, min(left, 10*time.Second))
			}
			continue
		}
		if len(messages) == 0 {
			continue
		}
		r := i.begin()
		again, err := i.hinted(ctx, r, messages)
		if again && time.Until(next) > soon {
			next = time.Now().Add(soon)
		}
		if ctx.Err() == nil && (err != nil || r.Files > 0 || len(r.Counts) > 0) {
			report(i.end(r), err)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// pass is one listing and what became of it.
type pass struct {
	*tally
	truncated bool         // the source holds more than the window
	again     atomic.Bool  // something was not as listed, or not to be found without a listing
	removed   atomic.Int64 // files gone from the source
	putOff    atomic.Int64 // files that the source did not give
	halted    atomic.Pointer[error]
	setbacks  setbacks
	overdue   overdue // as it was listed
}

func (i *Intake) pass(ctx context.Context, r *tally) (*pass, error) {
	p := &pass{tally: r}
	r.Passes++
	groups, err := i.list(ctx, p)
	if err != nil {
		return p, fmt.Errorf("listing %s: %w", i.Source.Name(), err)
	}
	p.overdue.least = p.truncated
	i.tellOverdue(ctx, p.overdue)
	return p, i.work(ctx, p, groups)
}

// list reads the source into groups: what has failed least first, and of that the oldest.
func (i *Intake) list(ctx context.Context, p *pass) ([]*group, error) {
	joined := map[string]*group{}
	var groups []*group
	now := i.Clock()
	p.Left, p.Oldest, p.Waiting = 0, 0, 0
	i.counts.listed(0, 0, true)
	n := 0
	for item, err := range i.Source.List(ctx, i.Source.Prefix()) {
		if err != nil {
			return nil, err
		}
		h, ok := i.sort(p, item, now)
		if !ok {
			continue
		}
		if h.join == "" && (h.settling || h.putOff) {
			continue
		}
		if h.putOff {
			// It is held for its siblings' sake. Were it counted, what cannot be read could
			// fill the window for good.
		} else if n++; n > i.Window {
			p.truncated = true
			break
		}
		g := joined[h.join]
		if g == nil || h.join == "" {
			g = &group{oldest: h.Versions[0].Modified}
			groups = append(groups, g)
			if h.join != "" {
				joined[h.join] = g
			}
		}
		g.add(h)
		if !h.settling && !h.putOff {
			i.counts.listed(1, h.size(), false)
		}
	}
	i.counts.oldest.Store(int64(p.Oldest * float64(time.Second)))
	slices.SortStableFunc(groups, func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.failed, b.failed), a.oldest.Compare(b.oldest))
	})
	return groups, nil
}

func (g *group) add(h held) {
	later := h.settling || h.putOff
	switch metadata := h.rule.As == AsMetadata; {
	case metadata && later:
		g.laterMetadata++
	case metadata:
		g.metadata = append(g.metadata, h)
	case later:
		g.laterRecordings++
	default:
		g.recordings = append(g.recordings, h)
	}
	g.failed = max(g.failed, h.failed)
	if m := h.Versions[0].Modified; m.Before(g.oldest) {
		g.oldest = m
	}
}

// sort says what an item is, and notes what is wrong with it.
func (i *Intake) sort(p *pass, item Item, now time.Time) (held, bool) {
	if len(item.Versions) == 0 || item.Key[len(item.Key)-1] == '/' && item.size() == 0 {
		return held{}, false // the placeholder of a folder
	}
	f, known := i.Mapping.recognise(item.Key)
	age := now.Sub(item.Versions[0].Modified)
	switch {
	case !known:
		if age > i.Old {
			p.overdue.add(item.Versions[0].Modified)
		}
		p.find(FindingUnknown, item.Key, "no rule of the mapping knows this key, so it stays", item.Versions[0].Modified)
		return held{}, false
	case f.rule.As == AsLeave:
		return held{}, false
	}
	p.left(age)
	if age > i.Old {
		p.overdue.add(item.Versions[0].Modified)
		p.find(FindingOld, item.Key, fmt.Sprintf("it has been in the landing place for %s", age.Round(time.Second)), item.Versions[0].Modified)
	}
	return i.weigh(p, held{Item: item, file: f}), true
}

// weigh says whether an item is to be taken now.
func (i *Intake) weigh(p *pass, h held) held {
	now := i.Clock()
	if now.Sub(h.newest().Modified) < i.Settle {
		p.wait()
		h.settling = true
		return h
	}
	t := i.troubleOf(h)
	h.failed = t.times
	if t.reads != nil && (t.reads == p.tally || now.Before(t.until)) {
		h.putOff = true
		p.find(t.kind, h.Key, fmt.Sprintf("tried %d times, and again after %s: %s", t.times, t.until.UTC().Format(time.RFC3339), t.detail), time.Time{})
	}
	return h
}

// size is what is to be read of it.
func (m Item) size() (n int64) {
	for _, v := range m.Versions {
		n += v.Size
	}
	return n
}

// work takes groups, several at once, and stops where the trouble is not theirs.
func (i *Intake) work(ctx context.Context, p *pass, groups []*group) error {
	next := make(chan *group)
	var workers sync.WaitGroup
	for range min(i.Workers, max(1, len(groups))) {
		workers.Go(func() {
			for g := range next {
				if p.halted.Load() == nil && ctx.Err() == nil {
					i.take(ctx, p, g)
				}
			}
		})
	}
	for _, g := range groups {
		next <- g
	}
	close(next)
	workers.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	if halted := p.halted.Load(); halted != nil {
		return *halted
	}
	return nil
}

// take takes one group: recordings first, then their metadata, and only then does
// anything go at the source.
func (i *Intake) take(ctx context.Context, p *pass, g *group) {
	slices.SortFunc(g.metadata, func(a, b held) int { return cmp.Compare(a.Key, b.Key) })
	if len(g.recordings) == 0 {
		for _, m := range g.metadata {
			if g.laterRecordings > 0 {
				p.wait()
			} else {
				i.alone(ctx, p, m)
			}
		}
		return
	}
	documents := i.documents(ctx, p, g)
	if documents == nil && p.truncated {
		// Its metadata may lie beyond the window.
		if more, _, _, err := i.partners(ctx, g.recordings[0], AsMetadata); err == nil && len(more) > 0 {
			for _, m := range more {
				g.add(i.weigh(p, m))
			}
			documents = i.documents(ctx, p, g)
		}
	}
	if g.laterMetadata > 0 {
		for range g.recordings {
			p.wait()
		}
		return
	}
	var taken []held
	left := g.laterRecordings
	for _, r := range g.recordings {
		if documents == nil && i.Mapping.hasMetadata && i.Clock().Sub(r.newest().Modified) < i.Wait {
			p.wait()
			left++
			continue
		}
		unjoined := documents == nil && i.Mapping.Metadata == "expected"
		err := i.takeItem(ctx, p, r, func(c *Content, tags map[string]string) map[string]string {
			return i.describe(p, r, facts{r.captures, documents, c.Headers, tags}, unjoined, false)
		})
		if !i.settled(ctx, p, r, err) {
			left++
			continue
		}
		if unjoined {
			p.find(FindingUnjoined, r.Key, "taken without metadata, and marked so: none came in time", r.newest().Modified)
		}
		taken = append(taken, r)
	}
	if len(taken) == 0 {
		return
	}
	for _, m := range g.metadata {
		err := i.takeItem(ctx, p, m, func(c *Content, tags map[string]string) map[string]string {
			return i.describe(p, m, facts{m.captures, documents, c.Headers, tags}, false, false)
		})
		if !i.settled(ctx, p, m, err) {
			return // a recording that goes would leave its metadata without one
		}
	}
	for _, r := range taken {
		if !i.remove(ctx, p, r) {
			left++
		}
	}
	if left == 0 {
		for _, m := range g.metadata {
			if i.unneeded(ctx, p, m) {
				i.remove(ctx, p, m)
			}
		}
	}
}

// unneeded reports whether no recording is left at the source that metadata belongs to.
// Where the listing did not show everything, the source is asked.
func (i *Intake) unneeded(ctx context.Context, p *pass, m held) bool {
	if !p.truncated {
		return true
	}
	recordings, complete, _, err := i.partners(ctx, m, AsRecording)
	return err == nil && complete && len(recordings) == 0
}

// alone handles metadata whose recording is not there: what is left of a group whose
// recordings went before a crash, or early, or without hope.
func (i *Intake) alone(ctx context.Context, p *pass, m held) {
	if !i.unneeded(ctx, p, m) {
		return // its recording lies beyond the window
	}
	age := i.Clock().Sub(m.newest().Modified)
	if limit := time.Duration(i.Mapping.Alone); limit > 0 && age > limit {
		documents := i.documents(ctx, p, &group{metadata: []held{m}})
		err := i.takeItem(ctx, p, m, func(c *Content, tags map[string]string) map[string]string {
			return i.describe(p, m, facts{m.captures, documents, c.Headers, tags}, false, true)
		})
		if i.settled(ctx, p, m, err) {
			i.remove(ctx, p, m)
		}
		return
	}
	stored, err := i.isStored(ctx, p, m)
	switch {
	case err != nil:
		i.settled(ctx, p, m, err)
	case stored:
		i.remove(ctx, p, m)
	case age < i.Wait:
		p.wait()
	default:
		p.find(FindingAlone, m.Key, "metadata without a recording, so it stays", m.newest().Modified)
	}
}

// documents reads the metadata of a group. What cannot be read is a finding, and counts
// as missing.
func (i *Intake) documents(ctx context.Context, p *pass, g *group) []any {
	var out []any
	for _, m := range g.metadata {
		v := m.newest()
		if v.Marker {
			continue
		}
		text, err := i.readAll(ctx, m.Key, v, i.Mapping.Limits.MetadataBytes)
		var document any
		if err == nil {
			document, err = i.Mapping.parseMetadata(text)
		}
		if err != nil {
			if ctx.Err() == nil {
				p.find(FindingMetadata, m.Key, "the metadata cannot be used: "+err.Error(), v.Modified)
			}
			continue
		}
		out = append(out, document)
	}
	return out
}

// describe is what is stored with an object: attributes first, then its origin, within
// what S3 allows.
func (i *Intake) describe(p *pass, h held, from facts, unjoined, alone bool) map[string]string {
	attributes, problems := i.Mapping.attributes(h.rule, from)
	if unjoined {
		attributes["unjoined"] = "true"
	}
	if alone {
		attributes["taken-alone"] = "true"
	}
	for {
		meta := map[string]string{strongroom.AttributePrefix + "intake": i.Store.Name(), metaSource: limitName(i.Source.Name())}
		longest := ""
		for name, value := range attributes {
			meta[strongroom.AttributePrefix+name] = value
			if len(value) > len(attributes[longest]) {
				longest = name
			}
		}
		if sizeOf(meta) <= maxUserMetadata-128 { // what provenance adds
			for _, problem := range problems {
				p.find(FindingMetadata, h.Key, problem, h.newest().Modified)
			}
			return meta
		}
		delete(attributes, longest)
		problems = append(problems, fmt.Sprintf("attribute %s was left out: all together are longer than an object may have", longest))
	}
}

func limitName(s string) string {
	if len(s) > MaxAttribute {
		return s[:MaxAttribute]
	}
	return s
}

func sizeOf(meta map[string]string) (n int) {
	for name, value := range meta {
		n += len(name) + len(value)
	}
	return n
}

// remove deletes at the source what has been stored and read back.
func (i *Intake) remove(ctx context.Context, p *pass, h held) bool {
	if h.newest().Marker && len(h.Versions) > 1 {
		p.find(FindingDeleted, h.Key, "somebody had deleted it at the source before it was taken; its versions were taken all the same", h.newest().Modified)
	}
	if !i.settled(ctx, p, h, atSource(i.Source.Delete(ctx, h.Key, h.Versions))) {
		return false
	}
	i.forget(h)
	p.gone(h)
	p.removed.Add(1)
	i.counts.done(h.size())
	return true
}

// drainHints takes what the queue names before anything else.
func (i *Intake) drainHints(ctx context.Context, r *tally) error {
	for range 100 {
		messages, err := i.Queue.Receive(ctx, 0)
		if err != nil || len(messages) == 0 {
			return err
		}
		if _, err := i.hinted(ctx, r, messages); err != nil {
			return err
		}
	}
	return nil
}

// maxPartners bounds what one hint can have listed.
const maxPartners = 100

// hinted takes what messages name, as far as the source lists it, and removes the
// messages: whatever became of it, the next listing finds what is left. It reports
// whether that listing should come soon.
func (i *Intake) hinted(ctx context.Context, r *tally, messages []Message) (again bool, err error) {
	p := &pass{tally: r}
	var groups []*group
	seen := map[string]bool{}
	for _, m := range messages {
		notices, err := ParseNotices(m.Body)
		if err != nil {
			i.Log.Warn("a message on the queue is ignored", "error", err)
			continue
		}
		for _, n := range notices {
			if len(seen) >= maxNotices || n.Bucket != i.Source.Bucket() || seen[n.Key] {
				continue
			}
			seen[n.Key] = true
			if g := i.groupOf(ctx, p, n.Key); g != nil {
				groups = append(groups, g)
			}
		}
	}
	// Two hints may name two files of one group.
	var once []*group
	first := map[string]bool{}
	for _, g := range groups {
		if key := g.recordings[0].Key; !first[key] {
			first[key] = true
			once = append(once, g)
		}
	}
	r.Hints += len(seen)
	err = i.work(ctx, p, once)
	return p.again.Load(), errors.Join(err, i.Queue.Done(ctx, messages))
}

// groupOf finds a hinted key and what belongs to it; nil where there is no recording.
func (i *Intake) groupOf(ctx context.Context, p *pass, key string) *group {
	f, known := i.Mapping.recognise(key)
	if !known || f.rule.As == AsLeave || len(key) < len(i.Source.Prefix()) || key[:len(i.Source.Prefix())] != i.Source.Prefix() {
		return nil
	}
	g := &group{oldest: i.Clock()}
	for _, as := range []string{AsRecording, AsMetadata} {
		more, complete, sure, err := i.partners(ctx, held{Item: Item{Key: key}, file: f}, as)
		if err != nil {
			i.Log.Warn("looking for what a hint names; the listing finds it all the same", "error", err)
			return nil
		}
		if !complete || !sure { // only a listing shows what belongs together
			p.again.Store(true)
			return nil
		}
		for _, h := range more {
			g.add(i.weigh(p, h))
		}
	}
	if len(g.recordings) == 0 {
		return nil
	}
	slices.SortFunc(g.recordings, func(a, b held) int { return cmp.Compare(a.Key, b.Key) })
	return g
}

// partners lists what is joined to h and is a recording, or metadata; h itself too,
// where it is there and is one. It is complete where the captures of h say how each
// such key begins, down to what joins them; and sure where nothing of that was a guess,
// such as that they lie in one folder.
func (i *Intake) partners(ctx context.Context, h held, as string) (out []held, complete, sure bool, err error) {
	complete, sure = true, true
	seen := map[string]bool{}
	look := func(prefix string) error {
		if len(prefix) < len(i.Source.Prefix()) {
			prefix = i.Source.Prefix()
		}
		listed := 0
		for item, err := range i.Source.List(ctx, prefix) {
			if err != nil {
				return err
			}
			if listed++; listed > maxPartners {
				complete = false
				return nil
			}
			f, ok := i.Mapping.recognise(item.Key)
			if !ok || f.rule.As != as || seen[item.Key] || len(item.Versions) == 0 || item.Key != h.Key && (h.join == "" || f.join != h.join) {
				continue
			}
			seen[item.Key] = true
			out = append(out, held{Item: item, file: f})
		}
		return nil
	}
	if h.join == "" {
		err = look(h.Key)
		return out, complete, sure, err
	}
	asked := map[string]bool{}
	for k := range i.Mapping.Files {
		r := &i.Mapping.Files[k]
		if r.As != as || !r.pattern.hasAll(i.Mapping.Join) {
			continue
		}
		prefix, certain := r.pattern.prefix(h.captures, i.Mapping.Join)
		sure = sure && certain
		if prefix == "" {
			complete = false
			continue
		}
		if asked[prefix] {
			continue
		}
		asked[prefix] = true
		if err := look(prefix); err != nil {
			return nil, false, false, err
		}
	}
	return out, complete, sure, nil
}

package disk

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	journalFolder = "journal"
	// smallLimit is the largest content that goes through the journal, in bytes: a sealed
	// blob of one chunk, and every sidecar.
	smallLimit = 65 << 10
	// segmentLimit is when a segment is full, in bytes; at most two of them are in use.
	segmentLimit = 32 << 20
	// segmentAge is how long a segment goes on before its files are made durable.
	segmentAge = 10 * time.Second
	// growth is by how much a segment becomes larger at once: overwriting is cheaper to
	// make durable than growing.
	growth = 1 << 20
	// goneLimit is how many removals wait for the next frame.
	goneLimit = 10_000
	// healFirst and healMost bound the time between attempts to go on after a failure.
	healFirst, healMost = 20 * time.Millisecond, time.Minute
)

// journal makes small blobs durable, many at once: their content is appended to a
// segment, and their own files are made durable later, all together.
type journal struct {
	blobs  *Blobs
	folder string
	limit  int64         // segmentLimit, or less in tests
	age    time.Duration // segmentAge, or less in tests

	// gate is held shared by whoever changes what a name leads to, and alone to start anew.
	gate sync.RWMutex
	// writing is held by whoever writes to the current segment, or exchanges it.
	writing sync.Mutex
	buffer  []byte // of writing

	mu      sync.Mutex // guards everything below
	changed sync.Cond  // a name is free again, an old segment done, or broken is set
	busy    map[string]struct{}
	queue   []*commit
	leading bool // somebody takes care of the queue
	now     *segment
	old     *segment            // being made superfluous
	gone    map[string]struct{} // removed, which the next frame tells
	spare   *segment
	next    uint64
	broken  error
	stop    chan struct{} // closed: no more commits
	healed  chan struct{} // closed when nobody heals
}

// segment is a file of the journal in use.
type segment struct {
	f    *os.File
	path string
	id   segmentID

	// Of whoever writes.
	end    int64 // everything before is durable
	size   int64 // of the file, as far as it was written for this purpose before
	frames uint32
	since  time.Time
	timer  *time.Timer

	names   map[string]struct{} // with an entry here; guarded by journal.mu
	settled bool                // nobody makes its files durable any more; guarded by journal.mu
	unseen  sync.WaitGroup      // commits that are durable here, whose files do not all bear their names yet
}

// entry says something of a name.
type entry struct {
	kind    entryKind
	name    string
	content []byte
}

// commit is entries that wait for a frame, in which they come together.
type commit struct {
	entries []entry
	in      *segment      // where they are, once durable
	answer  chan *outcome // nil: take care of the queue
}

func (c *commit) size() (n int) {
	for _, e := range c.entries {
		n += entryHead + len(e.name) + len(e.content)
	}
	return n
}

type outcome struct{ err error }

var errClosed = errors.New("the blobs are closed")

func newJournal(b *Blobs, folder string, next uint64) *journal {
	j := &journal{
		blobs: b, folder: folder, limit: segmentLimit, age: segmentAge, next: next,
		busy: map[string]struct{}{}, gone: map[string]struct{}{}, stop: make(chan struct{}), healed: make(chan struct{}),
	}
	j.changed.L = &j.mu
	close(j.healed)
	return j
}

// enter has names to itself: what is done to one name is in the journal in the order
// in which it is done to the file.
func (j *journal) enter(names ...string) {
	j.gate.RLock()
	j.mu.Lock()
	defer j.mu.Unlock()
	for slices.ContainsFunc(names, func(name string) bool { _, taken := j.busy[name]; return taken }) {
		j.changed.Wait()
	}
	for _, name := range names {
		j.busy[name] = struct{}{}
	}
}

func (j *journal) leave(names ...string) {
	j.mu.Lock()
	for _, name := range names {
		delete(j.busy, name)
	}
	j.changed.Broadcast()
	j.mu.Unlock()
	j.gate.RUnlock()
}

// knows reports whether replaying would do something to the name. The caller has entered it.
func (j *journal) knows(name string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, known := j.gone[name]
	for _, s := range []*segment{j.now, j.old} {
		if s != nil && !known {
			_, known = s.names[name]
		}
	}
	return known
}

// removed is told of a name that is about to be removed. It need not be durable: the
// next frame tells it. The caller has entered the name.
func (j *journal) removed(name string) {
	if !j.knows(name) {
		return
	}
	j.mu.Lock()
	many := len(j.gone) >= goneLimit && j.broken == nil
	if !many {
		j.gone[name] = struct{}{}
	}
	j.mu.Unlock()
	if many {
		if s, err := j.append(entry{kind: entryGone, name: name}); err == nil {
			s.unseen.Done()
		}
	}
}

// append makes entries durable, together with those of others. The caller has entered
// the names, and tells unseen of the segment when all that was put bears its name.
func (j *journal) append(entries ...entry) (*segment, error) {
	c := &commit{entries: entries, answer: make(chan *outcome, 1)}
	j.mu.Lock()
	if err := j.refusal(); err != nil {
		j.mu.Unlock()
		return nil, err
	}
	j.queue = append(j.queue, c)
	follow := j.leading
	j.leading = true
	j.mu.Unlock()
	if follow {
		if o := <-c.answer; o != nil {
			return c.in, o.err
		}
	}
	j.lead()
	o := <-c.answer
	return c.in, o.err
}

// refusal says why nothing can be appended; mu is held.
func (j *journal) refusal() error {
	select {
	case <-j.stop:
		return errClosed
	default:
	}
	if j.broken != nil {
		return fmt.Errorf("small blobs cannot be made durable until what is there has been written again: %w", j.broken)
	}
	return nil
}

// lead writes one frame, with the leader's own entry among others, and leaves the rest of
// the queue to the first who waits.
func (j *journal) lead() {
	// Where processors are short, those who are about to ask do so first.
	runtime.Gosched()
	j.writing.Lock()
	j.mu.Lock()
	n, bytes := 0, 0
	for n < len(j.queue) && bytes < batchLimit {
		bytes += j.queue[n].size()
		n++
	}
	batch := j.queue[:n:n]
	j.queue = j.queue[n:]
	j.mu.Unlock()
	err := j.write(batch, bytes)
	j.writing.Unlock()
	j.mu.Lock()
	if len(j.queue) > 0 {
		j.queue[0].answer <- nil
	} else {
		j.queue, j.leading = nil, false
	}
	j.mu.Unlock()
	o := &outcome{err}
	for _, c := range batch {
		c.answer <- o
	}
}

// write makes a frame of a batch durable. The caller holds writing.
func (j *journal) write(batch []*commit, bytes int) error {
	s, err := j.segmentFor(bytes)
	if err != nil {
		return err
	}
	j.mu.Lock()
	var gone map[string]struct{}
	if len(j.gone) > 0 {
		gone, j.gone = j.gone, map[string]struct{}{}
	}
	for name := range gone {
		s.names[name] = struct{}{}
	}
	for _, c := range batch {
		for _, e := range c.entries {
			s.names[e.name] = struct{}{}
		}
	}
	j.mu.Unlock()
	b := beginFrame(j.buffer[:0])
	for name := range gone {
		b = appendEntry(b, entryGone, name, nil)
	}
	for _, c := range batch {
		for _, e := range c.entries {
			b = appendEntry(b, e.kind, e.name, e.content)
		}
	}
	b = endFrame(b, s.id, s.frames)
	end := s.end + int64(len(b))
	if end > s.size {
		b = append(b, make([]byte, growth)...)
	}
	if j.buffer = b; cap(b) > 4*batchLimit {
		j.buffer = nil
	}
	broken := false
	_, err = s.f.WriteAt(b, s.end)
	if err != nil {
		// Nothing was acknowledged, and the next frame goes to the same place.
		err = fmt.Errorf("writing to the journal: %w", full(err))
	} else if err = dataSync(s.f); err != nil {
		err, broken = fmt.Errorf("making the journal durable: %w", full(err)), true
	}
	if err != nil {
		j.mu.Lock()
		for name := range gone {
			j.gone[name] = struct{}{}
		}
		j.mu.Unlock()
		if broken {
			j.fail(err)
		}
		return err
	}
	if s.frames == 0 {
		s.since = time.Now()
		s.timer = time.AfterFunc(j.age, j.turn)
	}
	s.size = max(s.size, s.end+int64(len(b)))
	s.end = end
	s.frames++
	for _, c := range batch {
		c.in = s
	}
	s.unseen.Add(len(batch))
	return nil
}

// segmentFor is the segment that so many more bytes go to. The caller holds writing.
func (j *journal) segmentFor(bytes int) (*segment, error) {
	j.mu.Lock()
	s, broken := j.now, j.broken
	j.mu.Unlock()
	if broken != nil {
		return nil, broken
	}
	if s != nil && s.end+int64(bytes) > j.limit && s.frames > 0 {
		if err := j.exchange(true); err != nil {
			return nil, err
		}
		s = nil
	}
	if s != nil {
		return s, nil
	}
	s, err := j.newSegment()
	if err != nil {
		return nil, err
	}
	j.mu.Lock()
	j.now = s
	j.mu.Unlock()
	return s, nil
}

// exchange ends the current segment and has its files made durable, once those of the
// one before are. The caller holds writing.
func (j *journal) exchange(wait bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for wait && j.old != nil && j.broken == nil {
		j.changed.Wait()
	}
	if j.broken != nil || j.now == nil || j.old != nil {
		return j.broken
	}
	j.old, j.now = j.now, nil
	j.old.timer.Stop()
	go j.settle(j.old)
	return nil
}

// turn exchanges a segment that is old enough.
func (j *journal) turn() {
	j.writing.Lock()
	defer j.writing.Unlock()
	j.mu.Lock()
	s, waits := j.now, j.old != nil
	j.mu.Unlock()
	switch {
	case s == nil || s.frames == 0 || j.isClosed():
	case waits || time.Since(s.since) < j.age:
		s.timer.Reset(max(j.age-time.Since(s.since), j.age/8))
	default:
		j.exchange(false) // where it is broken, healing takes care of the segment
	}
}

func (j *journal) isClosed() bool {
	select {
	case <-j.stop:
		return true
	default:
		return false
	}
}

// newSegment makes an empty segment, of a spare one where there is one.
func (j *journal) newSegment() (s *segment, err error) {
	if _, err := os.Stat(j.folder); err != nil {
		if err := os.MkdirAll(j.folder, 0o700); err != nil {
			return nil, fmt.Errorf("making the journal's folder: %w", full(err))
		}
		if err := SyncFolder(filepath.Dir(j.folder)); err != nil {
			return nil, err
		}
	}
	j.mu.Lock()
	s, j.spare = j.spare, nil
	j.mu.Unlock()
	if s == nil {
		if s, err = j.createSpare(); err != nil {
			return nil, err
		}
	}
	s.id = newSegmentID(j.next)
	j.next++
	path := filepath.Join(j.folder, s.id.name())
	if err = os.Rename(s.path, path); err == nil {
		s.path = path
		err = SyncFolder(j.folder)
	}
	if err != nil {
		s.f.Close()
		os.Remove(s.path)
		return nil, fmt.Errorf("making a segment of the journal: %w", full(err))
	}
	s.end, s.frames, s.names = 0, 0, map[string]struct{}{}
	return s, nil
}

// createSpare makes a file, locked for as long as it is open: whoever finds a segment
// that is not locked knows that its writer is gone.
func (j *journal) createSpare() (*segment, error) {
	path := filepath.Join(j.folder, spareName(newSegmentID(j.next)))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making a segment of the journal: %w", full(err))
	}
	if err := again(func() error { return unix.Flock(int(f.Fd()), unix.LOCK_EX) }); err != nil {
		f.Close()
		os.Remove(path)
		return nil, fmt.Errorf("locking a segment of the journal: %w", err)
	}
	return &segment{f: f, path: path}, nil
}

// settle makes the files of a segment durable, and then the segment spare.
func (j *journal) settle(s *segment) {
	s.unseen.Wait()
	err := j.blobs.syncNames(s.f, s.names) // names changes no more
	if err == nil {
		err = j.retire(s)
	}
	if err != nil {
		j.fail(err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err == nil {
		for name := range j.gone { // what no segment tells of needs no word of its end
			if _, now := names(j.now)[name]; !now {
				delete(j.gone, name)
			}
		}
	}
	// After a failure the segment stays for healing, which waits for this.
	s.settled = true
	if err == nil {
		j.old = nil
	}
	j.changed.Broadcast()
}

func names(s *segment) map[string]struct{} {
	if s == nil {
		return nil
	}
	return s.names
}

// retire takes a segment's name away durably, and keeps the file to use it again.
func (j *journal) retire(s *segment) error {
	path := filepath.Join(j.folder, spareName(s.id))
	if err := os.Rename(s.path, path); err != nil {
		return fmt.Errorf("ending a segment of the journal: %w", err)
	}
	s.path = path
	if err := SyncFolder(j.folder); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.spare == nil {
		j.spare = &segment{f: s.f, path: s.path, size: s.size}
		return nil
	}
	s.f.Close()
	os.Remove(s.path)
	return nil
}

func spareName(id segmentID) string { return "spare-" + hex.EncodeToString(id[:]) }

// fail has no more commits accepted until everything that only the journal has for sure
// was written anew: after an fsync that failed, what the system has in memory proves
// nothing.
func (j *journal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken == nil {
		j.broken, j.healed = err, make(chan struct{})
		go j.heal(j.healed)
	}
	j.changed.Broadcast()
}

// heal tries again and again to start anew.
func (j *journal) heal(ended chan<- struct{}) {
	defer close(ended)
	for wait := healFirst; ; wait = min(2*wait, healMost) {
		select {
		case <-j.stop:
			return
		case <-time.After(wait):
		}
		if j.startAnew() == nil {
			return
		}
	}
}

// startAnew writes every file that the segments tell of again, durably, and drops them.
func (j *journal) startAnew() error {
	j.gate.Lock() // nobody has a commit under way
	defer j.gate.Unlock()
	j.writing.Lock()
	defer j.writing.Unlock()
	j.mu.Lock()
	for j.old != nil && !j.old.settled {
		j.changed.Wait()
	}
	var all []found
	for _, s := range []*segment{j.old, j.now} {
		if s != nil {
			all = append(all, found{f: s.f, path: s.path, id: s.id, end: s.end})
		}
	}
	gone := j.gone
	j.mu.Unlock()
	if err := j.blobs.replay(all, gone); err != nil {
		return err
	}
	if err := drop(j.folder, all); err != nil {
		return err
	}
	j.mu.Lock()
	j.now, j.old, j.broken = nil, nil, nil
	clear(j.gone)
	j.changed.Broadcast()
	j.mu.Unlock()
	return nil
}

// close makes the files of everything durable and leaves no segment.
func (j *journal) close() error {
	j.mu.Lock()
	if j.isClosed() {
		j.mu.Unlock()
		return nil
	}
	close(j.stop)
	healed := j.healed
	j.mu.Unlock()
	<-healed
	j.gate.Lock() // waits for whoever was under way
	//lint:ignore SA2001 the wait is the point
	j.gate.Unlock()
	j.writing.Lock()
	j.mu.Lock()
	for j.old != nil && !j.old.settled {
		j.changed.Wait()
	}
	s := j.now
	if last := s != nil && s.frames > 0 && j.broken == nil; last {
		s.timer.Stop()
		j.old, j.now = s, nil
		j.mu.Unlock()
		j.settle(s)
		j.mu.Lock()
	}
	left := j.old != nil || j.now != nil
	healed = j.healed
	j.mu.Unlock()
	j.writing.Unlock()
	<-healed
	var err error
	if left {
		err = j.startAnew()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.spare != nil {
		j.spare.f.Close()
		err = errors.Join(err, os.Remove(j.spare.path))
		j.spare = nil
	}
	return err
}

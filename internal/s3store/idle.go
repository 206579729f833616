package s3store

import (
	"container/list"
	"io"
	"sync"
	"time"
)

// idle is what the readers of a room keep for their next read: streams at the place where
// the last read ended, and small blobs. It is bounded for all of them together, and each
// thing is kept for a short while only; the least recently used goes first. Its lock
// guards what the readers keep in it.
type idle struct {
	mu    sync.Mutex
	kept  list.List // of *kept, the least recently used first
	held  int64
	limit int64
}

// kept is a stream, or the whole of a small blob.
type kept struct {
	owner   *reader
	stream  *stream
	content []byte
	cost    int64
	after   time.Duration
	element *list.Element // nil once it is no longer kept
	timer   *time.Timer
}

// streamCost is what an idle stream counts: the kernel reads ahead for it.
const streamCost = 512 << 10

// keepStream and keepContent keep what the reader's next read may want.
func (r *reader) keepStream(s *stream) {
	r.b.idle.keep(&kept{owner: r, stream: s, cost: streamCost, after: r.b.limits.pause})
}

func (r *reader) keepContent(content []byte) {
	r.b.idle.keep(&kept{owner: r, content: content, cost: max(int64(len(content)), 1<<10), after: r.b.limits.idle})
}

// keep keeps something for a reader, unless that is closed.
func (i *idle) keep(k *kept) {
	i.mu.Lock()
	var dropped []io.Closer
	if k.owner.closed {
		dropped = append(dropped, k)
	} else {
		k.element = i.kept.PushBack(k)
		k.timer = time.AfterFunc(k.after, func() { i.expire(k) })
		k.owner.keeps = append(k.owner.keeps, k)
		i.held += k.cost
	}
	for i.held > i.limit {
		oldest := i.kept.Front().Value.(*kept)
		i.forget(oldest)
		dropped = append(dropped, oldest)
	}
	i.mu.Unlock()
	for _, d := range dropped {
		d.Close()
	}
}

// forget takes something out; i.mu is held.
func (i *idle) forget(k *kept) {
	k.timer.Stop()
	i.kept.Remove(k.element)
	k.element = nil
	i.held -= k.cost
	for n, other := range k.owner.keeps {
		if other == k {
			k.owner.keeps = append(k.owner.keeps[:n], k.owner.keeps[n+1:]...)
			return
		}
	}
}

func (i *idle) expire(k *kept) {
	i.mu.Lock()
	mine := k.element != nil
	if mine {
		i.forget(k)
	}
	i.mu.Unlock()
	if mine {
		k.Close()
	}
}

// content answers the small blob that a reader keeps, or nil.
func (i *idle) content(r *reader) []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, k := range r.keeps {
		if k.content != nil {
			i.kept.MoveToBack(k.element)
			k.timer.Reset(k.after)
			return k.content
		}
	}
	return nil
}

// stream takes the stream out that stands nearest before a place, if one stands near.
func (i *idle) stream(r *reader, off int64) *stream {
	i.mu.Lock()
	defer i.mu.Unlock()
	var best *kept
	for _, k := range r.keeps {
		if k.stream != nil && k.stream.at <= off && off-k.stream.at <= skip && (best == nil || k.stream.at > best.stream.at) {
			best = k
		}
	}
	if best == nil {
		return nil
	}
	i.forget(best)
	return best.stream
}

// close drops all that a reader keeps.
func (i *idle) close(r *reader) {
	i.mu.Lock()
	r.closed = true
	dropped := append([]*kept(nil), r.keeps...)
	for _, k := range dropped {
		i.forget(k)
	}
	i.mu.Unlock()
	for _, k := range dropped {
		k.Close()
	}
}

func (k *kept) Close() error {
	if k.stream != nil {
		return k.stream.Close()
	}
	return nil
}

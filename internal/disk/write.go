package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"strongroom/vault"
)

// temporaryPath is a new name for what is being written.
func (b *Blobs) temporaryPath(folder string) string {
	return filepath.Join(folder, temporary+b.run+"-"+strconv.FormatUint(b.n.Add(1), 36))
}

// Create starts writing a blob.
func (b *Blobs) Create(_ context.Context, name string) (vault.BlobWriter, error) {
	dir, err := b.folder(name)
	if err != nil {
		return nil, err
	}
	w := &writer{b: b, dir: dir, name: name}
	if b.journal == nil {
		err = w.spill()
	}
	return w, err
}

// writer holds a blob in memory for as long as it is small.
type writer struct {
	b      *Blobs
	dir    *folder
	name   string
	buffer *[]byte // from buffers; nil before the first write
	f      *largeFile
	done   bool
	err    error // of the first write that failed: nothing is committed after it
}

// buffers hold small blobs while they are written.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

var errDone = errors.New("the blob was committed or given up already")

func (w *writer) Write(p []byte) (n int, err error) {
	if w.done {
		return 0, errDone
	}
	if w.err != nil {
		return 0, w.err
	}
	defer func() { w.err = err }()
	if w.f == nil && len(w.content())+len(p) <= smallLimit {
		if w.buffer == nil {
			w.buffer = buffers.Get().(*[]byte)
		}
		*w.buffer = append(*w.buffer, p...)
		return len(p), nil
	}
	if w.f == nil {
		if err := w.spill(); err != nil {
			return 0, err
		}
	}
	if n, err = w.f.Write(p); err != nil {
		err = fmt.Errorf("writing a blob: %w", full(err))
	}
	return n, err
}

func (w *writer) content() []byte {
	if w.buffer == nil {
		return nil
	}
	return *w.buffer
}

// release gives the buffer back.
func (w *writer) release() {
	if w.buffer != nil {
		*w.buffer = (*w.buffer)[:0]
		buffers.Put(w.buffer)
		w.buffer = nil
	}
}

// spill goes on in a temporary file, for what is not small or has no journal.
func (w *writer) spill() error {
	f, err := os.OpenFile(w.b.temporaryPath(w.dir.path), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("creating a blob: %w", full(err))
	}
	w.f = &largeFile{File: f}
	_, err = w.f.Write(w.content())
	w.release()
	if err != nil {
		return fmt.Errorf("writing a blob: %w", full(err))
	}
	return nil
}

func (w *writer) Commit() error {
	switch {
	case w.done:
		return errDone
	case w.err != nil:
		w.Abort()
		return w.err
	case w.f == nil:
		return w.b.commitSmall(w)
	}
	return w.commitLarge()
}

// CommitTogether commits two blobs, small ones at the cost of one.
func (b *Blobs) CommitTogether(one, other vault.BlobWriter) error {
	v, ok1 := one.(*writer)
	w, ok2 := other.(*writer)
	if ok1 && ok2 && v.b == b && w.b == b && v.f == nil && w.f == nil && v.err == nil && w.err == nil && !v.done && !w.done && v.name != w.name {
		return b.commitSmall(v, w)
	}
	second := make(chan error, 1)
	go func() { second <- other.Commit() }()
	return errors.Join(one.Commit(), <-second)
}

// commitSmall writes files under temporary names, makes the contents durable in the
// journal, and renames the files, which are made durable later.
func (b *Blobs) commitSmall(writers ...*writer) (err error) {
	temps, names, entries := make([]string, 0, 2), make([]string, 0, 2), make([]entry, 0, 2)
	defer func() {
		for _, w := range writers {
			w.Abort() // of which the buffer is left
		}
		if err != nil {
			for _, temp := range temps {
				os.Remove(temp)
			}
		}
	}()
	for _, w := range writers {
		temp := b.temporaryPath(w.dir.path)
		if err := writeNew(temp, w.content()); err != nil {
			return err
		}
		temps, names, entries = append(temps, temp), append(names, w.name), append(entries, entry{entryPut, w.name, w.content()})
	}
	j := b.journal
	j.enter(names...)
	defer j.leave(names...)
	s, err := j.append(entries...)
	if err != nil {
		return err
	}
	defer s.unseen.Done()
	for i, w := range writers {
		if err := rename(temps[i], filepath.Join(w.dir.path, w.name)); err != nil {
			return fmt.Errorf("naming a blob: %w", full(err))
		}
	}
	return nil
}

// commitLarge: what is pending, fsync(file), close, rename, fsync(folder). After a failed fsync the
// kernel may have dropped the dirty pages, so the file is given up, never retried.
func (w *writer) commitLarge() error {
	defer w.Abort()
	if err := w.f.end(); err != nil {
		return fmt.Errorf("writing a blob: %w", full(err))
	}
	if err := w.f.Sync(); err != nil {
		return fmt.Errorf("making a blob durable: %w", full(err))
	}
	temp := w.f.Name()
	if err := w.f.Close(); err != nil {
		return fmt.Errorf("closing a blob: %w", full(err))
	}
	j := w.b.journal
	if j != nil {
		j.enter(w.name)
		defer j.leave(w.name)
	}
	if err := rename(temp, filepath.Join(w.dir.path, w.name)); err != nil {
		return fmt.Errorf("naming a blob: %w", full(err))
	}
	w.done = true
	if err := w.dir.sync(); err != nil {
		return fmt.Errorf("making a blob's name durable: %w", full(err))
	}
	if j != nil && j.knows(w.name) {
		// Or replaying would put back what the name led to before.
		s, err := j.append(entry{kind: entryElsewhere, name: w.name})
		if err == nil {
			s.unseen.Done()
		}
		return err
	}
	return nil
}

func (w *writer) Abort() {
	if w.done {
		return
	}
	w.done = true
	w.release()
	if w.f != nil {
		w.f.release()
		w.f.Close()
		os.Remove(w.f.Name())
	}
}

var (
	_ vault.Blobs    = (*Blobs)(nil)
	_ vault.Together = (*Blobs)(nil)
)

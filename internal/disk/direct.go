package disk

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// directSize is how much is written past the system's memory at a time, in bytes. What
	// a file begins with, up to here, goes through it.
	directSize = 1 << 20
	// directAlign is what place, length and memory of such a write are multiples of, in
	// bytes: no disk has larger blocks.
	directAlign = 4 << 10
	// directWriters is how many files at most are written so at a time, which bounds the
	// memory for all rooms; the others go through the system's, as do file systems that
	// know nothing of this.
	directWriters = 16
)

// directBuffers are the free ones; nil stands for one that was not made yet.
var directBuffers = sync.OnceValue(func() chan []byte {
	free := make(chan []byte, directWriters)
	for range directWriters {
		free <- nil
	}
	return free
})

// newBuffer makes a buffer that begins where a disk can take it from: a page's beginning.
// It is not the garbage collector's, which would let as much again be used meanwhile.
func newBuffer() ([]byte, error) {
	return unix.Mmap(-1, 0, directSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

// largeFile writes a new file from its beginning to its end.
type largeFile struct {
	*os.File
	at      int64  // where the next byte goes that the file was not given yet
	pending []byte // gathered for there, at the front of a buffer of directBuffers; nil while what comes is written at once
	never   bool   // the file system refused
}

func (f *largeFile) Write(p []byte) (written int, err error) {
	for len(p) > 0 && err == nil {
		if f.pending == nil && f.at > 0 && f.at%directSize == 0 {
			f.begin()
		}
		var n int
		if f.pending == nil {
			n, err = f.WriteAt(p[:min(int64(len(p)), directSize-f.at%directSize)], f.at)
			f.at += int64(n)
		} else {
			n = min(len(p), directSize-len(f.pending))
			f.pending = append(f.pending, p[:n]...)
			if len(f.pending) == directSize {
				err = f.flush(directSize)
			}
		}
		p, written = p[n:], written+n
	}
	return written, err
}

// begin goes on past the system's memory, if the file system can and a buffer is free.
func (f *largeFile) begin() {
	if f.never {
		return
	}
	select {
	case b := <-directBuffers():
		var err error
		if b == nil {
			b, err = newBuffer()
		}
		if err == nil {
			err = f.direct(true)
		}
		if f.never = err != nil; f.never {
			directBuffers() <- b
			return
		}
		f.pending = b[:0]
	default:
	}
}

func (f *largeFile) direct(on bool) error {
	flags := 0
	if on {
		flags = unix.O_DIRECT
	}
	return again(func() error {
		_, err := unix.FcntlInt(f.Fd(), unix.F_SETFL, flags)
		return err
	})
}

// flush writes the first n of the pending bytes, a multiple of directAlign, and keeps the
// rest. It names the place of each write: one that was cut short is not gone on with from
// where it ended, which need not be a place that a disk can write to.
func (f *largeFile) flush(n int) error {
	_, err := f.WriteAt(f.pending[:n], f.at)
	if errors.Is(err, unix.EINVAL) { // told only now that it cannot
		f.never = true
		return f.plain()
	}
	if err != nil {
		return err
	}
	f.at += int64(n)
	f.pending = f.pending[:copy(f.pending, f.pending[n:])]
	return nil
}

// plain writes what is pending through the system's memory, as all that comes next.
func (f *largeFile) plain() error {
	defer f.release()
	if err := f.direct(false); err != nil {
		return err
	}
	n, err := f.WriteAt(f.pending, f.at)
	f.at += int64(n)
	return err
}

// end writes what is pending: the last block, of which a part is left, through the
// system's memory.
func (f *largeFile) end() error {
	if f.pending == nil {
		return nil
	}
	if err := f.flush(len(f.pending) &^ (directAlign - 1)); err != nil || f.pending == nil {
		return err
	}
	return f.plain()
}

// release gives the buffer back.
func (f *largeFile) release() {
	if f.pending != nil {
		directBuffers() <- f.pending[:0]
		f.pending = nil
	}
}

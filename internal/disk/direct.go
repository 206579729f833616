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
	// bytes. Of a disk with larger blocks the end of a file goes through the system's memory.
	directAlign = 4 << 10
	// directWriters is how many files at most are written so at a time, which bounds the
	// memory for all rooms; the others go through the system's, as do file systems that
	// know nothing of this.
	directWriters = 16
)

// pieces are buffers of directSize. The one that was used last is taken first, so that no
// more are in memory than were ever in use at once.
type pieces struct {
	mu    sync.Mutex
	free  [][]byte
	taken int
}

var directPieces pieces

// take answers a buffer that begins where a disk can take it from: at a page. It is not
// the garbage collector's, which would let as much again be used meanwhile. Where as many
// are in use as may be, or there is no memory, it answers nil.
func (s *pieces) take() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.free)
	switch {
	case s.taken == directWriters:
		return nil
	case n == 0:
		b, err := unix.Mmap(-1, 0, directSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return nil
		}
		s.free, n = append(s.free, b), 1
	}
	b := s.free[n-1]
	s.free = s.free[:n-1]
	s.taken++
	return b
}

func (s *pieces) give(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, b[:directSize])
	s.taken--
}

// largeFile writes a new file from its beginning to its end.
type largeFile struct {
	*os.File
	at      int64  // where the next byte goes that the file was not given yet
	pending []byte // gathered for there, at the front of one of directPieces; nil while what comes is written at once
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
	b := directPieces.take()
	if b == nil {
		return
	}
	if f.never = f.direct(true) != nil; f.never {
		directPieces.give(b)
		return
	}
	f.pending = b[:0]
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
// rest. Where the file system says only now that it cannot, or a write that was cut short
// would go on from a place that a disk cannot write to, all of them are written again, from
// the same place, through the system's memory.
func (f *largeFile) flush(n int) error {
	_, err := f.WriteAt(f.pending[:n], f.at)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
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
		directPieces.give(f.pending)
		f.pending = nil
	}
}

package seal

import (
	"crypto/cipher"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"sync"
)

// Source is a stored file: a blob, a manifest or a segment. Size must not change
// while it is in use, and ReadAt must be safe for concurrent calls.
type Source interface {
	io.ReaderAt
	Size() int64
}

const (
	readChunks   = 4 // sealed chunks fetched with one ReadAt
	maxOpenParts = 4 // segments kept open by a Reader that nobody is reading from
)

type readBuffers struct {
	sealed [readChunks * sealedChunk]byte
	plain  [ChunkSize]byte
	aad    chunkAAD
}

var readPool = sync.Pool{New: func() any { return new(readBuffers) }}

// Reader gives out the plaintext of a blob, each chunk verified before a byte of
// it leaves. It is safe for concurrent use.
type Reader struct {
	size     int64
	keys     *keySchedule
	segments []segment
	open     func(ManifestPart) (Source, error) // nil in a single blob

	mu     sync.Mutex
	opened []*segment // those whose source is open, the least recently used first
	closed bool
}

// segment is a run of chunks under one key. In a segmented blob its source is
// opened when it is first needed.
type segment struct {
	part  ManifestPart
	start int64 // plaintext offset within the blob
	base  int64 // offset of the first chunk within its source

	users   int        // guarded by Reader.mu
	opening sync.Mutex // guards src and aead until they are set
	src     Source
	aead    cipher.AEAD
}

// Open opens a single blob. The header must be the one wanted, the key must be
// the one that the header commits to, and the last chunk must verify as the
// last, so that the size is authentic. Failures of these are a *DamagedError.
// The source stays the caller's to close.
func Open(src Source, want Header, key DataKey) (*Reader, error) {
	want.Layout = Single
	keys, err := newKeySchedule(want, key)
	if err != nil {
		return nil, fmt.Errorf("opening a blob: %w", err)
	}
	var start [HeaderSize + CommitmentSize]byte
	if src.Size() < int64(len(start)) {
		return nil, damaged("it has %d bytes, fewer than its header", src.Size())
	}
	if err := readFull(src, start[:], 0); err != nil {
		return nil, atChunk(err, 0, -1, "reading the header")
	}
	if err := keys.checkStart(start[:]); err != nil {
		return nil, err
	}
	size, err := PlainSize(src.Size())
	if err != nil {
		return nil, err
	}
	aead, err := keys.payload()
	if err != nil {
		return nil, err
	}
	r := &Reader{size: size, segments: []segment{{
		part: ManifestPart{Size: size}, base: HeaderSize + CommitmentSize, src: src, aead: aead,
	}}}
	buffers := readPool.Get().(*readBuffers)
	defer buffers.release()
	last := chunks(size) - 1
	if _, err := r.segments[0].writeChunks(io.Discard, buffers, last*ChunkSize, size); err != nil {
		return nil, err
	}
	return r, nil
}

// OpenSegmented opens a multipart blob by its manifest, which is read at once
// and stays the caller's to close. Header and key are checked as Open does, and
// the list of parts, with their sizes, is authentic. A part's file is asked for
// through part when it is first needed, must have exactly the listed size, is
// closed again (where it is an io.Closer) when others are needed more, and at
// the latest by Close.
func OpenSegmented(manifest Source, want Header, key DataKey, part func(ManifestPart) (Source, error)) (*Reader, error) {
	want.Layout = Segmented
	keys, err := newKeySchedule(want, key)
	if err != nil {
		return nil, fmt.Errorf("opening a manifest: %w", err)
	}
	parts, err := openManifest(manifest, keys)
	if err != nil {
		return nil, err
	}
	r := &Reader{keys: keys, open: part, segments: make([]segment, len(parts))}
	for i, p := range parts {
		r.segments[i].part = p
		r.segments[i].start = r.size
		r.size += p.Size
	}
	return r, nil
}

// checkStart compares header and commitment with what they must be.
func (s *keySchedule) checkStart(b []byte) error {
	if [HeaderSize]byte(b) != s.header {
		return damaged("its header is not the one expected (format version, layout, room, blob id, custody class)")
	}
	commitment, err := s.derive(labelCommitment)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(b[HeaderSize:], commitment) != 1 {
		return damaged("the data key is not the one that it was sealed under")
	}
	return nil
}

// Size returns the number of plaintext bytes.
func (r *Reader) Size() int64 { return r.size }

// WriteRangeTo writes the n plaintext bytes from off to w and returns how many
// it wrote. Where a chunk fails verification it stops before that chunk with a
// *DamagedError; what was written until then is authentic.
func (r *Reader) WriteRangeTo(w io.Writer, off, n int64) (int64, error) {
	if off < 0 || n < 0 || off > r.size || n > r.size-off {
		return 0, fmt.Errorf("reading %d bytes from %d: the blob has %d bytes", n, off, r.size)
	}
	buffers := readPool.Get().(*readBuffers)
	defer buffers.release()
	// The first segment that ends after off; those without content never do.
	i := sort.Search(len(r.segments), func(i int) bool {
		return r.segments[i].start+r.segments[i].part.Size > off
	})
	end, written := off+n, int64(0)
	for ; off+written < end; i++ {
		s := &r.segments[i]
		if err := r.acquire(s); err != nil {
			return written, err
		}
		from := off + written - s.start
		m, err := s.writeChunks(w, buffers, from, min(end-s.start, s.part.Size))
		r.release(s)
		written += m
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// writeChunks writes the plaintext from offset from to end, both within the
// segment, to w. It always verifies at least one chunk: the one that from is in.
func (s *segment) writeChunks(w io.Writer, buffers *readBuffers, from, end int64) (written int64, err error) {
	count := chunks(s.part.Size)
	for chunk := from / ChunkSize; ; {
		fetch := min(readChunks, max(1, (end+ChunkSize-1)/ChunkSize-chunk))
		sealed := buffers.sealed[:min(fetch*sealedChunk, SegmentSize(s.part.Size)-chunk*sealedChunk)]
		if err := readFull(s.src, sealed, s.base+chunk*sealedChunk); err != nil {
			return written, atChunk(err, s.part.Number, chunk, "reading sealed bytes")
		}
		for len(sealed) > 0 {
			aad := buffers.aad.set(s.part.Number, chunk, chunk == count-1)
			n := min(len(sealed), sealedChunk)
			plain, err := s.aead.Open(buffers.plain[:0], nil, sealed[:n], aad)
			if err != nil {
				return written, &DamagedError{Part: s.part.Number, Chunk: chunk, Reason: "its bytes fail verification"}
			}
			start := chunk * ChunkSize
			m, err := w.Write(plain[from-start : min(end-start, int64(len(plain)))])
			written += int64(m)
			if err != nil {
				return written, fmt.Errorf("writing plaintext: %w", err)
			}
			sealed = sealed[n:]
			chunk++
			from = chunk * ChunkSize
		}
		if from >= end {
			return written, nil
		}
	}
}

// acquire makes a segment ready and keeps it so until release.
func (r *Reader) acquire(s *segment) error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return errors.New("reading a blob: the reader is closed")
	}
	s.users++
	r.mu.Unlock()
	if r.open == nil {
		return nil
	}
	s.opening.Lock()
	defer s.opening.Unlock()
	if s.src != nil {
		return nil
	}
	src, aead, err := r.openSegment(s.part)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		s.users--
		return err
	}
	s.src, s.aead = src, aead
	r.opened = append(r.opened, s)
	r.closeUnused()
	return nil
}

func (r *Reader) openSegment(p ManifestPart) (Source, cipher.AEAD, error) {
	aead, err := r.keys.part(p.Number, p.Attempt)
	if err != nil {
		return nil, nil, err
	}
	src, err := r.open(p)
	if err != nil {
		return nil, nil, fmt.Errorf("opening part %d: %w", p.Number, err)
	}
	if got, want := src.Size(), SegmentSize(p.Size); got != want {
		closeSource(src)
		return nil, nil, &DamagedError{Part: p.Number, Chunk: -1, Reason: fmt.Sprintf("its file has %d bytes instead of %d", got, want)}
	}
	return src, aead, nil
}

func (r *Reader) release(s *segment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.users--
	if r.open == nil {
		return
	}
	if i := slices.Index(r.opened, s); i >= 0 {
		copy(r.opened[i:], r.opened[i+1:])
		r.opened[len(r.opened)-1] = s
	}
	r.closeUnused()
}

// closeUnused closes idle segments beyond maxOpenParts, or all of them once the
// reader is closed. r.mu is held: no idle segment can gain a user meanwhile.
func (r *Reader) closeUnused() error {
	var errs []error
	excess := len(r.opened) - maxOpenParts
	if r.closed {
		excess = len(r.opened)
	}
	r.opened = slices.DeleteFunc(r.opened, func(s *segment) bool {
		if excess <= 0 || s.users > 0 {
			return false
		}
		errs = append(errs, closeSource(s.src))
		s.src, s.aead = nil, nil
		excess--
		return true
	})
	return errors.Join(errs...)
}

// Close closes the parts that are open; those being read close when their read
// ends. Reads that start later fail.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if err := r.closeUnused(); err != nil {
		return fmt.Errorf("closing parts: %w", err)
	}
	return nil
}

func closeSource(src Source) error {
	if c, ok := src.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// release gives the buffers back without the plaintext.
func (b *readBuffers) release() {
	clear(b.plain[:])
	readPool.Put(b)
}

var errShort = errors.New("the file ends early")

// readFull fills b from off, and answers errShort where the file ends first.
func readFull(src Source, b []byte, off int64) error {
	n, err := src.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return errShort
	}
	return err
}

func atChunk(err error, part int, chunk int64, doing string) error {
	if err == errShort {
		return &DamagedError{Part: part, Chunk: chunk, Reason: "the file ends early"}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

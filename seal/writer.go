package seal

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"strongroom"
)

// Writer seals what is written to it. It holds one chunk back until it knows
// whether that is the last, so nothing is complete before Close.
type Writer struct {
	w             io.Writer
	aead          cipher.AEAD
	segment       int
	chunk         int64 // index of the next chunk
	aad           chunkAAD
	prefix        []byte // header and commitment, which leave with the first chunk
	buffers       *writeBuffers
	filled        int
	plain, sealed int64
	closed        bool
	err           error // the first failure; everything after it fails too
}

type writeBuffers struct {
	plain  [ChunkSize]byte
	sealed [HeaderSize + CommitmentSize + sealedChunk]byte
}

var writePool = sync.Pool{New: func() any { return new(writeBuffers) }}

// chunkAAD is what a chunk is tied to besides its key: segment (4 bytes), index
// (8) and whether it is the last of the segment (1).
type chunkAAD [13]byte

func (a *chunkAAD) set(segment int, chunk int64, final bool) []byte {
	binary.BigEndian.PutUint32(a[0:], uint32(segment))
	binary.BigEndian.PutUint64(a[4:], uint64(chunk))
	a[12] = 0
	if final {
		a[12] = 1
	}
	return a[:]
}

// NewWriter starts a single blob on w. The caller must Close it; what stands in
// w before is not a blob.
func NewWriter(w io.Writer, h Header, key DataKey) (*Writer, error) {
	h.Layout = Single
	keys, err := newKeySchedule(h, key)
	if err != nil {
		return nil, fmt.Errorf("sealing a blob: %w", err)
	}
	commitment, err := keys.derive(labelCommitment)
	if err != nil {
		return nil, fmt.Errorf("sealing a blob: %w", err)
	}
	aead, err := keys.payload()
	if err != nil {
		return nil, fmt.Errorf("sealing a blob: %w", err)
	}
	out := newWriter(w, aead, 0)
	out.prefix = append(keys.header[:], commitment...)
	return out, nil
}

// NewPartWriter starts the segment file of one attempt at one part, 1 ≤ part ≤
// MaxParts. Two attempts at the same part never share a key.
func NewPartWriter(w io.Writer, h Header, key DataKey, part int, attempt strongroom.ID) (*Writer, error) {
	if err := checkPart(part, attempt); err != nil {
		return nil, fmt.Errorf("sealing a part: %w", err)
	}
	h.Layout = Segmented
	keys, err := newKeySchedule(h, key)
	if err != nil {
		return nil, fmt.Errorf("sealing part %d: %w", part, err)
	}
	aead, err := keys.part(part, attempt)
	if err != nil {
		return nil, fmt.Errorf("sealing part %d: %w", part, err)
	}
	return newWriter(w, aead, part), nil
}

func newWriter(w io.Writer, aead cipher.AEAD, segment int) *Writer {
	return &Writer{w: w, aead: aead, segment: segment, buffers: writePool.Get().(*writeBuffers)}
}

// Plain returns the number of bytes written so far, Sealed how many of them and
// of the format's own have left; after Close, the size of the sealed file.
func (w *Writer) Plain() int64  { return w.plain }
func (w *Writer) Sealed() int64 { return w.sealed }

// Write seals p, some of it perhaps later.
func (w *Writer) Write(p []byte) (int, error) {
	if w.closed {
		return 0, errors.New("sealing: the writer is closed")
	}
	if w.err != nil {
		return 0, w.err
	}
	if int64(len(p)) > MaxSize-w.plain {
		w.err = fmt.Errorf("sealing: a blob holds at most %d bytes", int64(MaxSize))
		return 0, w.err
	}
	written := 0
	for len(p) > 0 {
		if w.filled == ChunkSize {
			w.sealChunk(w.buffers.plain[:], false)
			w.filled = 0
		}
		var n int
		if w.filled == 0 && len(p) > ChunkSize {
			n = ChunkSize
			w.sealChunk(p[:n], false)
		} else {
			n = copy(w.buffers.plain[w.filled:], p)
			w.filled += n
		}
		if w.err != nil {
			return written, w.err
		}
		p = p[n:]
		written += n
		w.plain += int64(n)
	}
	return written, nil
}

// Close seals the last chunk. It does not close the writer beneath. After an
// error the file is void and must be thrown away.
func (w *Writer) Close() error {
	if w.closed {
		return w.err
	}
	w.closed = true
	if w.err == nil {
		w.sealChunk(w.buffers.plain[:w.filled], true)
	}
	clear(w.buffers.plain[:])
	writePool.Put(w.buffers)
	w.buffers = nil
	return w.err
}

func (w *Writer) sealChunk(p []byte, final bool) {
	if w.err != nil {
		return
	}
	out := append(w.buffers.sealed[:0], w.prefix...)
	w.prefix = nil
	out = w.aead.Seal(out, nil, p, w.aad.set(w.segment, w.chunk, final))
	n, err := w.w.Write(out)
	w.sealed += int64(n)
	if err == nil && n != len(out) {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.err = fmt.Errorf("writing sealed bytes: %w", err)
		return
	}
	w.chunk++
}

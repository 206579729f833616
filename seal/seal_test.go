package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"strongroom"
)

// A fixed room, so that failures repeat.
var (
	testHeader = Header{
		Room:    strongroom.ID{0: 0xA0, 15: 1},
		Blob:    strongroom.ID{0: 0xB0, 15: 2},
		Custody: "recordings",
	}
	testBinding = Binding{testHeader.Room, testHeader.Blob, testHeader.Custody}
	testKey     = DataKey{0: 7, 31: 9}
)

// file is a Source that counts what is open.
type file struct {
	*bytes.Reader
	closed func()
}

func (f file) Close() error {
	if f.closed != nil {
		f.closed()
	}
	return nil
}

func source(b []byte) Source { return file{Reader: bytes.NewReader(b)} }

func plaintext(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func sealBlob(t testing.TB, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, testHeader, testKey)
	if err != nil {
		t.Fatal(err)
	}
	finish(t, w, plain)
	if w.Plain() != int64(len(plain)) || w.Sealed() != int64(out.Len()) {
		t.Fatalf("the writer counted %d plain and %d sealed bytes, there are %d and %d", w.Plain(), w.Sealed(), len(plain), out.Len())
	}
	return out.Bytes()
}

func finish(t testing.TB, w *Writer, plain []byte) {
	t.Helper()
	if n, err := w.Write(plain); n != len(plain) || err != nil {
		t.Fatalf("Write: %d of %d, %v", n, len(plain), err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func readAll(t testing.TB, r *Reader) []byte {
	t.Helper()
	var got bytes.Buffer
	if n, err := r.WriteRangeTo(&got, 0, r.Size()); err != nil || n != r.Size() {
		t.Fatalf("reading everything: %d of %d bytes, %v", n, r.Size(), err)
	}
	return got.Bytes()
}

var borderSizes = []int{
	0, 1, 2, ChunkSize - 1, ChunkSize, ChunkSize + 1, 2*ChunkSize - 1, 2 * ChunkSize, 2*ChunkSize + 1,
	readChunks*ChunkSize - 1, readChunks * ChunkSize, readChunks*ChunkSize + 1, 2*readChunks*ChunkSize + 12345,
}

func TestSingleBlobRoundTrip(t *testing.T) {
	for _, size := range borderSizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			plain := plaintext(size)
			sealed := sealBlob(t, plain)
			if int64(len(sealed)) != SealedSize(int64(size)) {
				t.Fatalf("SealedSize says %d, the blob has %d bytes", SealedSize(int64(size)), len(sealed))
			}
			if n, err := PlainSize(int64(len(sealed))); err != nil || n != int64(size) {
				t.Fatalf("PlainSize says %d, %v", n, err)
			}
			r, err := Open(source(sealed), testHeader, testKey)
			if err != nil {
				t.Fatal(err)
			}
			if got := readAll(t, r); !bytes.Equal(got, plain) {
				t.Fatal("what came back differs")
			}
		})
	}
}

func TestSizesThatNoBlobHas(t *testing.T) {
	for _, size := range []int64{-1, 0, SealedSize(0) - 1, SealedSize(ChunkSize) + 1, SealedSize(ChunkSize) + Overhead, SealedSize(MaxSize) + 1, 1<<63 - 1} {
		if n, err := PlainSize(size); err == nil {
			t.Errorf("PlainSize(%d) = %d, want an error", size, n)
		}
	}
	for _, size := range []int64{0, 1, ChunkSize, ChunkSize + 1, MaxSize} {
		if n, err := PlainSize(SealedSize(size)); err != nil || n != size {
			t.Errorf("PlainSize(SealedSize(%d)) = %d, %v", size, n, err)
		}
	}
}

// The way content is cut into writes does not show in the chunks.
func TestWritesOfAnySize(t *testing.T) {
	plain := plaintext(3*ChunkSize + 77)
	for _, step := range []int{1 << 10, ChunkSize - 1, ChunkSize, ChunkSize + 1, 2*ChunkSize + 5} {
		var out bytes.Buffer
		w, err := NewWriter(&out, testHeader, testKey)
		if err != nil {
			t.Fatal(err)
		}
		for rest := plain; len(rest) > 0; {
			n := min(step, len(rest))
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := Open(source(out.Bytes()), testHeader, testKey)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(readAll(t, r), plain) {
			t.Fatalf("writing %d bytes at a time: what came back differs", step)
		}
	}
}

func TestAFailedWriteStaysFailed(t *testing.T) {
	full := errors.New("disk full")
	w, err := NewWriter(writerFunc(func(p []byte) (int, error) { return 0, full }), testHeader, testKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plaintext(2*ChunkSize + 1)); !errors.Is(err, full) {
		t.Fatalf("Write: %v", err)
	}
	if _, err := w.Write([]byte{1}); !errors.Is(err, full) {
		t.Fatalf("the next Write: %v", err)
	}
	if err := w.Close(); !errors.Is(err, full) {
		t.Fatalf("Close: %v", err)
	}
	if err := w.Close(); !errors.Is(err, full) {
		t.Fatalf("Close again: %v", err)
	}
	short, _ := NewWriter(writerFunc(func(p []byte) (int, error) { return len(p) - 1, nil }), testHeader, testKey)
	if err := short.Close(); !errors.Is(err, io.ErrShortWrite) {
		t.Fatalf("a short write: %v", err)
	}
	if _, err := short.Write([]byte{1}); err == nil {
		t.Fatal("a closed writer accepts bytes")
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// parts is a segmented blob in memory.
type parts struct {
	manifest []byte
	list     []ManifestPart
	files    map[ManifestPart][]byte
	plain    []byte

	mu            sync.Mutex
	open, maxOpen int
}

func sealParts(t testing.TB, h Header, key DataKey, sizes ...int) *parts {
	t.Helper()
	p := &parts{files: map[ManifestPart][]byte{}}
	for i, size := range sizes {
		m := ManifestPart{Number: 3*i + 1, Attempt: strongroom.ID{1, byte(i)}, Size: int64(size)}
		var out bytes.Buffer
		w, err := NewPartWriter(&out, h, key, m.Number, m.Attempt)
		if err != nil {
			t.Fatal(err)
		}
		plain := plaintext(size + i)[i:]
		finish(t, w, plain)
		if got := SegmentSize(m.Size); got != int64(out.Len()) || w.Sealed() != got {
			t.Fatalf("SegmentSize says %d, the segment has %d bytes and the writer counted %d", got, out.Len(), w.Sealed())
		}
		p.list = append(p.list, m)
		p.files[m] = out.Bytes()
		p.plain = append(p.plain, plain...)
	}
	var out bytes.Buffer
	if err := WriteManifest(&out, h, key, p.list); err != nil {
		t.Fatal(err)
	}
	if ManifestSize(len(sizes)) != int64(out.Len()) {
		t.Fatalf("ManifestSize says %d, the manifest has %d bytes", ManifestSize(len(sizes)), out.Len())
	}
	p.manifest = out.Bytes()
	return p
}

func (p *parts) part(m ManifestPart) (Source, error) {
	b, ok := p.files[m]
	if !ok {
		return nil, errors.New("no such file")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open++
	p.maxOpen = max(p.maxOpen, p.open)
	return file{bytes.NewReader(b), func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.open--
	}}, nil
}

func TestSegmentedBlobRoundTrip(t *testing.T) {
	for _, sizes := range [][]int{{0}, {5}, {0, 0, 0}, {ChunkSize, 1, 0, ChunkSize + 1, 0}, {10, 20, 30, 40, 50, 60, 70, 80}} {
		t.Run(fmt.Sprint(sizes), func(t *testing.T) {
			p := sealParts(t, testHeader, testKey, sizes...)
			r, err := OpenSegmented(source(p.manifest), testHeader, testKey, p.part)
			if err != nil {
				t.Fatal(err)
			}
			if got := readAll(t, r); !bytes.Equal(got, p.plain) {
				t.Fatal("what came back differs")
			}
			if p.maxOpen > maxOpenParts+1 {
				t.Errorf("%d parts were open at once", p.maxOpen)
			}
			if err := r.Close(); err != nil || p.open != 0 {
				t.Errorf("after Close, %d parts are open (%v)", p.open, err)
			}
			if _, err := r.WriteRangeTo(io.Discard, 0, min(1, r.Size())); err == nil && r.Size() > 0 {
				t.Error("a closed reader reads")
			}
		})
	}
}

func TestRanges(t *testing.T) {
	sealed := sealBlob(t, plaintext(6*ChunkSize+99))
	single, err := Open(source(sealed), testHeader, testKey)
	if err != nil {
		t.Fatal(err)
	}
	p := sealParts(t, testHeader, testKey, 3, 2*ChunkSize, 0, ChunkSize+1, 7, 100, 4*ChunkSize, 1)
	segmented, err := OpenSegmented(source(p.manifest), testHeader, testKey, p.part)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		r     *Reader
		plain []byte
	}{"single": {single, plaintext(6*ChunkSize + 99)}, "segmented": {segmented, p.plain}} {
		t.Run(name, func(t *testing.T) {
			size := int64(len(c.plain))
			// Many readers at once, as range requests of one lease come.
			var wg sync.WaitGroup
			for g := range 8 {
				wg.Go(func() {
					random := rand.New(rand.NewPCG(1, uint64(g)))
					for range 40 {
						off := random.Int64N(size + 1)
						n := random.Int64N(size - off + 1)
						if random.IntN(2) == 0 {
							off = min(off/ChunkSize*ChunkSize, size)
							n = min(n, size-off, ChunkSize)
						}
						var got bytes.Buffer
						if m, err := c.r.WriteRangeTo(&got, off, n); err != nil || m != n {
							t.Errorf("range %d+%d: %d bytes, %v", off, n, m, err)
						} else if !bytes.Equal(got.Bytes(), c.plain[off:off+n]) {
							t.Errorf("range %d+%d differs", off, n)
						}
					}
				})
			}
			wg.Wait()
			for _, bad := range [][2]int64{{-1, 1}, {0, -1}, {0, size + 1}, {size + 1, 0}, {size, 1}, {1, 1<<63 - 1}} {
				if n, err := c.r.WriteRangeTo(io.Discard, bad[0], bad[1]); err == nil || n != 0 {
					t.Errorf("range %v: %d bytes, %v; want an error", bad, n, err)
				}
			}
			if err := c.r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	if p.open != 0 {
		t.Errorf("%d parts are still open", p.open)
	}
}

// leaves opens a blob, reads all of it, and answers what left and the error.
func leaves(sealed []byte, want Header, key DataKey) ([]byte, error) {
	r, err := Open(source(sealed), want, key)
	if err != nil {
		return nil, err
	}
	var got bytes.Buffer
	n, err := r.WriteRangeTo(&got, 0, r.Size())
	if n != int64(got.Len()) {
		return nil, fmt.Errorf("it says that %d bytes left, %d did", n, got.Len())
	}
	return got.Bytes(), err
}

// checkRefused demands a DamagedError and that nothing but whole, authentic
// chunks left.
func checkRefused(t *testing.T, what string, got []byte, err error, plain []byte) {
	t.Helper()
	if damage, ok := errors.AsType[*DamagedError](err); !ok {
		t.Errorf("%s: error %v, want a *DamagedError", what, err)
	} else if damage.Chunk > 0 && int64(len(got)) > damage.Chunk*ChunkSize {
		t.Errorf("%s: %d bytes left although chunk %d is damaged", what, len(got), damage.Chunk)
	}
	if len(got)%ChunkSize != 0 || !bytes.HasPrefix(plain, got) {
		t.Errorf("%s: %d bytes left that are not whole authentic chunks", what, len(got))
	}
}

func TestEveryFlippedBitOfASmallBlob(t *testing.T) {
	plain := []byte("hello")
	sealed := sealBlob(t, plain)
	for bit := range len(sealed) * 8 {
		sealed[bit/8] ^= 1 << (bit % 8)
		got, err := leaves(sealed, testHeader, testKey)
		checkRefused(t, fmt.Sprintf("bit %d", bit), got, err, nil)
		sealed[bit/8] ^= 1 << (bit % 8)
	}
	if got, err := leaves(sealed, testHeader, testKey); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("unchanged: %q, %v", got, err)
	}
}

func TestFlippedBitsOfAnyChunk(t *testing.T) {
	plain := plaintext(6*ChunkSize + 10)
	sealed := sealBlob(t, plain)
	for chunk := range 7 {
		start := HeaderSize + CommitmentSize + chunk*sealedChunk
		for _, at := range []int{start, start + 12, min(start+sealedChunk, len(sealed)) - 1} {
			sealed[at] ^= 0x10
			got, err := leaves(sealed, testHeader, testKey)
			checkRefused(t, fmt.Sprintf("byte %d", at), got, err, plain)
			if chunk < 6 && len(got) != chunk*ChunkSize {
				t.Errorf("byte %d: %d bytes left, want the %d good chunks before it", at, len(got), chunk)
			}
			sealed[at] ^= 0x10
		}
	}
}

func TestTruncatedReorderedSpliced(t *testing.T) {
	plain := plaintext(3*ChunkSize + 10)
	sealed := sealBlob(t, plain)
	again := sealBlob(t, plain) // the same key, header and content
	other := Header{Room: testHeader.Room, Blob: strongroom.ID{0xEE}, Custody: testHeader.Custody}
	var out bytes.Buffer
	w, err := NewWriter(&out, other, testKey)
	if err != nil {
		t.Fatal(err)
	}
	finish(t, w, plain)
	foreign := out.Bytes()

	const start = HeaderSize + CommitmentSize
	chunk := func(b []byte, i int) []byte { return b[start+i*sealedChunk : min(start+(i+1)*sealedChunk, len(b))] }
	build := func(first []byte, rest ...[]byte) []byte {
		return append(bytes.Clone(first[:start]), bytes.Join(rest, nil)...)
	}
	cases := map[string][]byte{
		"nothing":                    {},
		"swapped chunks":             build(sealed, chunk(sealed, 1), chunk(sealed, 0), chunk(sealed, 2), chunk(sealed, 3)),
		"repeated chunk":             build(sealed, chunk(sealed, 0), chunk(sealed, 0), chunk(sealed, 2), chunk(sealed, 3)),
		"a chunk too many":           build(sealed, chunk(sealed, 0), chunk(sealed, 1), chunk(sealed, 2), chunk(sealed, 2), chunk(sealed, 3)),
		"first chunk missing":        build(sealed, chunk(sealed, 1), chunk(sealed, 2), chunk(sealed, 3)),
		"last chunk moved down":      build(sealed, chunk(sealed, 0), chunk(sealed, 1), chunk(sealed, 3)),
		"only the last chunk":        build(sealed, chunk(sealed, 3)),
		"a byte too many":            append(bytes.Clone(sealed), 0),
		"a chunk of another blob":    build(sealed, chunk(sealed, 0), chunk(foreign, 1), chunk(sealed, 2), chunk(sealed, 3)),
		"the header of another blob": append(bytes.Clone(foreign[:HeaderSize]), sealed[HeaderSize:]...),
		"another blob's commitment":  append(append(bytes.Clone(sealed[:HeaderSize]), foreign[HeaderSize:start]...), sealed[start:]...),
		"another blob":               foreign,
	}
	for border := 0; border < len(sealed); border += sealedChunk {
		for _, at := range []int{border - 1, border, border + 1, border + start - 1, border + start, border + start + 1, border + start + Overhead} {
			if at >= 0 && at < len(sealed) {
				cases[fmt.Sprintf("cut at %d", at)] = sealed[:at]
			}
		}
	}
	for name, b := range cases {
		got, err := leaves(b, testHeader, testKey)
		checkRefused(t, name, got, err, plain)
	}
	// Two sealings of one blob under one key share it: their chunks at the same
	// place are interchangeable, which is why a blob id is used once only.
	mixed := build(sealed, chunk(sealed, 0), chunk(again, 1), chunk(sealed, 2), chunk(sealed, 3))
	if got, err := leaves(mixed, testHeader, testKey); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("the same chunk of the same blob: %v", err)
	}
}

func TestOpenedAsSomethingElse(t *testing.T) {
	sealed := sealBlob(t, []byte("hello"))
	change := func(f func(h *Header, k *DataKey)) (Header, DataKey) {
		h, k := testHeader, testKey
		f(&h, &k)
		return h, k
	}
	for name, f := range map[string]func(h *Header, k *DataKey){
		"another room":          func(h *Header, _ *DataKey) { h.Room[3]++ },
		"another blob":          func(h *Header, _ *DataKey) { h.Blob[3]++ },
		"another custody class": func(h *Header, _ *DataKey) { h.Custody = "recording" },
		"another key":           func(_ *Header, k *DataKey) { k[5]++ },
	} {
		h, k := change(f)
		got, err := leaves(sealed, h, k)
		checkRefused(t, name, got, err, nil)
	}
	p := sealParts(t, testHeader, testKey, 5)
	if got, err := leaves(p.manifest, testHeader, testKey); err == nil {
		t.Errorf("a manifest opened as a single blob: %d bytes", len(got))
	}
	if _, err := OpenSegmented(source(sealed), testHeader, testKey, p.part); err == nil {
		t.Error("a single blob opened as a manifest")
	}
}

// A file that shrinks after it was opened is damage, not the end of content.
func TestFileThatShrinks(t *testing.T) {
	sealed := sealBlob(t, plaintext(6*ChunkSize))
	src := &shrinking{b: sealed}
	r, err := Open(src, testHeader, testKey)
	if err != nil {
		t.Fatal(err)
	}
	src.b = sealed[:len(sealed)-sealedChunk-1]
	var got bytes.Buffer
	_, err = r.WriteRangeTo(&got, 0, r.Size())
	checkRefused(t, "shrunk", got.Bytes(), err, plaintext(6*ChunkSize))
	src.err = errors.New("input/output error")
	if _, err := r.WriteRangeTo(io.Discard, 0, r.Size()); !errors.Is(err, src.err) {
		t.Errorf("a failing disk: %v", err)
	} else if _, ok := errors.AsType[*DamagedError](err); ok {
		t.Error("a failing disk is reported as damaged content")
	}
}

type shrinking struct {
	b   []byte
	err error
}

func (s *shrinking) Size() int64 { return int64(len(s.b)) }
func (s *shrinking) ReadAt(p []byte, off int64) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	return bytes.NewReader(s.b).ReadAt(p, off)
}

func TestDamagedSegments(t *testing.T) {
	const size = ChunkSize + 9
	fresh := func() *parts { return sealParts(t, testHeader, testKey, size, size, size) }
	otherBlob := testHeader
	otherBlob.Blob[5]++
	for name, harm := range map[string]func(p *parts){
		"segments swapped": func(p *parts) {
			p.files[p.list[1]], p.files[p.list[2]] = p.files[p.list[2]], p.files[p.list[1]]
		},
		"the chunks of a segment swapped between parts": func(p *parts) {
			copy(p.files[p.list[1]], p.files[p.list[0]][:sealedChunk])
		},
		"another attempt at the part": func(p *parts) {
			var out bytes.Buffer
			w, err := NewPartWriter(&out, testHeader, testKey, p.list[1].Number, strongroom.NewID())
			if err != nil {
				t.Fatal(err)
			}
			finish(t, w, plaintext(size))
			p.files[p.list[1]] = out.Bytes()
		},
		"the part of another blob": func(p *parts) {
			p.files[p.list[1]] = sealParts(t, otherBlob, testKey, size, size, size).files[p.list[1]]
		},
		"a segment cut at a chunk": func(p *parts) { p.files[p.list[1]] = p.files[p.list[1]][:sealedChunk] },
		"an empty segment":         func(p *parts) { p.files[p.list[1]] = nil },
		"a longer segment":         func(p *parts) { p.files[p.list[1]] = append(p.files[p.list[1]], 0) },
		"a single blob's chunks": func(p *parts) {
			p.files[p.list[1]] = sealBlob(t, plaintext(size))[HeaderSize+CommitmentSize:]
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := fresh()
			harm(p)
			r, err := OpenSegmented(source(p.manifest), testHeader, testKey, p.part)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			var got bytes.Buffer
			_, err = r.WriteRangeTo(&got, 0, r.Size())
			damage, ok := errors.AsType[*DamagedError](err)
			if !ok || damage.Part != p.list[1].Number {
				t.Errorf("error %v, want damage in part %d", err, p.list[1].Number)
			}
			if !bytes.Equal(got.Bytes(), p.plain[:size]) {
				t.Errorf("%d bytes left, want the %d of the good part before", got.Len(), size)
			}
			// The parts around the damaged one stay readable.
			got.Reset()
			if _, err := r.WriteRangeTo(&got, 0, size); err != nil || !bytes.Equal(got.Bytes(), p.plain[:size]) {
				t.Errorf("the good part before: %v", err)
			}
		})
	}
	p := fresh()
	delete(p.files, p.list[0])
	r, err := OpenSegmented(source(p.manifest), testHeader, testKey, p.part)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.WriteRangeTo(io.Discard, 0, r.Size()); err == nil || n != 0 {
		t.Errorf("a missing part: %d bytes, %v", n, err)
	}
}

func TestEveryFlippedBitOfAManifest(t *testing.T) {
	p := sealParts(t, testHeader, testKey, 3, 4)
	for bit := range len(p.manifest) * 8 {
		p.manifest[bit/8] ^= 1 << (bit % 8)
		if _, err := OpenSegmented(source(p.manifest), testHeader, testKey, p.part); err == nil {
			t.Fatalf("bit %d flipped: it opens", bit)
		}
		p.manifest[bit/8] ^= 1 << (bit % 8)
	}
	for n := range p.manifest {
		if _, err := OpenSegmented(source(p.manifest[:n]), testHeader, testKey, p.part); err == nil {
			t.Fatalf("cut to %d bytes: it opens", n)
		}
	}
	otherKey := testKey
	otherKey[1]++
	if _, err := OpenSegmented(source(p.manifest), testHeader, otherKey, p.part); err == nil {
		t.Fatal("another key opens it")
	}
}

func TestListsThatAreNoManifest(t *testing.T) {
	a := strongroom.ID{1}
	many := make([]ManifestPart, MaxParts+1)
	for i := range many {
		many[i] = ManifestPart{Number: i + 1, Attempt: a}
	}
	for name, list := range map[string][]ManifestPart{
		"none":            nil,
		"part 0":          {{0, a, 1}},
		"part 10001":      {{MaxParts + 1, a, 1}},
		"twice":           {{1, a, 1}, {1, a, 1}},
		"descending":      {{2, a, 1}, {1, a, 1}},
		"no attempt":      {{1, strongroom.ID{}, 1}},
		"negative size":   {{1, a, -1}},
		"too large":       {{1, a, MaxSize + 1}},
		"too large a sum": {{1, a, MaxSize}, {2, a, 1}},
		"too many":        many,
	} {
		if err := WriteManifest(io.Discard, testHeader, testKey, list); err == nil {
			t.Errorf("%s: a manifest was written", name)
		}
	}
	if err := WriteManifest(io.Discard, testHeader, testKey, many[:MaxParts]); err != nil {
		t.Errorf("%d parts: %v", MaxParts, err)
	}
}

func TestHeadersThatAreRefused(t *testing.T) {
	good := sealBlob(t, nil)
	if h, err := ReadHeader(bytes.NewReader(good)); err != nil || h != testHeader {
		t.Fatalf("ReadHeader: %+v, %v", h, err)
	}
	if h, err := ReadHeader(bytes.NewReader(sealParts(t, testHeader, testKey, 1).manifest)); err != nil || h.Layout != Segmented {
		t.Fatalf("ReadHeader of a manifest: %+v, %v", h, err)
	}
	for name, change := range map[string]func(b []byte){
		"magic":              func(b []byte) { b[0] = 's' },
		"version":            func(b []byte) { b[offVersion] = 2 },
		"suite":              func(b []byte) { b[offSuite] = 2 },
		"chunk size":         func(b []byte) { b[offChunk] = 17 },
		"layout":             func(b []byte) { b[offLayout] = 2 },
		"no room":            func(b []byte) { clear(b[offRoom:offBlob]) },
		"no blob":            func(b []byte) { clear(b[offBlob:offCustody]) },
		"no custody":         func(b []byte) { clear(b[offCustody:offReserved]) },
		"custody too long":   func(b []byte) { b[offCustody] = 64 },
		"custody with space": func(b []byte) { b[offCustody+1] = ' ' },
		"padding":            func(b []byte) { b[offReserved-1] = 'a' },
		"reserved":           func(b []byte) { b[HeaderSize-1] = 1 },
	} {
		b := bytes.Clone(good[:HeaderSize])
		change(b)
		if h, err := ReadHeader(bytes.NewReader(b)); err == nil {
			t.Errorf("%s: read as %+v", name, h)
		}
	}
	if _, err := ReadHeader(bytes.NewReader(good[:HeaderSize-1])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a short header: %v", err)
	}
}

func TestWhatMayNotBeSealed(t *testing.T) {
	for name, c := range map[string]struct {
		h Header
		k DataKey
	}{
		"no room":     {Header{Blob: testHeader.Blob, Custody: "a"}, testKey},
		"no blob":     {Header{Room: testHeader.Room, Custody: "a"}, testKey},
		"no custody":  {Header{Room: testHeader.Room, Blob: testHeader.Blob}, testKey},
		"bad custody": {Header{Room: testHeader.Room, Blob: testHeader.Blob, Custody: "A"}, testKey},
		"no key":      {testHeader, DataKey{}},
	} {
		if _, err := NewWriter(io.Discard, c.h, c.k); err == nil {
			t.Errorf("%s: NewWriter accepts it", name)
		}
		if _, err := NewPartWriter(io.Discard, c.h, c.k, 1, strongroom.ID{1}); err == nil {
			t.Errorf("%s: NewPartWriter accepts it", name)
		}
		if err := WriteManifest(io.Discard, c.h, c.k, []ManifestPart{{1, strongroom.ID{1}, 1}}); err == nil {
			t.Errorf("%s: WriteManifest accepts it", name)
		}
	}
	for _, part := range []int{-1, 0, MaxParts + 1} {
		if _, err := NewPartWriter(io.Discard, testHeader, testKey, part, strongroom.ID{1}); err == nil {
			t.Errorf("part %d is accepted", part)
		}
	}
	if _, err := NewPartWriter(io.Discard, testHeader, testKey, 1, strongroom.ID{}); err == nil {
		t.Error("a part without an attempt is accepted")
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	key := DataKey([]byte("0123456789abcdef0123456789abcdef"))
	identity, err := GenerateIdentity(TypeMLKEM768X25519)
	if err != nil {
		t.Fatal(err)
	}
	text, err := identity.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	seed, _ := identity.key.bytes()
	ephemeral, err := NewEphemeral()
	if err != nil {
		t.Fatal(err)
	}
	scalar, _ := ephemeral.key.Bytes()
	blob, err := Open(source(sealBlob(t, nil)), testHeader, testKey)
	if err != nil {
		t.Fatal(err)
	}
	var printed bytes.Buffer
	for _, v := range []any{key, &key, struct{ K DataKey }{key}, []DataKey{key}, identity, *identity, struct{ I *Identity }{identity}, ephemeral, blob} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&printed, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&printed, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&printed, nil)).Info("m", "v", v)
		if b, err := json.Marshal(v); err == nil {
			printed.Write(b)
		}
	}
	secretText := string(text[strings.LastIndex(string(text), ":")+1 : len(text)-1])
	for name, secret := range map[string][]byte{"data key": key[:], "private key": seed, "ephemeral key": scalar, "derived": testKey[:]} {
		for _, form := range []string{string(secret), fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), strings.Trim(fmt.Sprint(secret), "[]"), strings.Trim(fmt.Sprintf("%#v", secret), "[]byte{}"), secretText} {
			if bytes.Contains(printed.Bytes(), []byte(form)) {
				t.Errorf("the %s is printed as %q", name, form)
			}
		}
	}
	if !bytes.Contains(printed.Bytes(), []byte(redacted)) || !bytes.Contains(printed.Bytes(), []byte(identity.Recipient().ID())) {
		t.Error("the placeholders are missing")
	}
}

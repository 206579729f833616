package disk

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"strongroom"
	"strongroom/vault"
)

func begin(t *testing.T, b *Blobs, name string) vault.BlobWriter {
	t.Helper()
	w, err := b.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// flags are those of the open file beneath a writer.
func flags(t *testing.T, w vault.BlobWriter) int {
	t.Helper()
	n, err := unix.FcntlInt(w.(*writer).f.Fd(), unix.F_GETFL, 0)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// wholeAgain reads a file through the system's memory and past it: both are what was written.
func wholeAgain(t *testing.T, path string, want []byte) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 2 {
		if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes came back of %d, %v; they differ", len(got), len(want), err)
		}
		unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) // what the disk has, next
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever its length, and in whatever pieces it comes, a large blob is what was written.
func TestLargeBlobs(t *testing.T) {
	b := kept(t, t.TempDir())
	content := some(3*directSize + 2*directAlign + 7)
	for _, size := range []int{
		smallLimit + 1, directSize - 1, directSize, directSize + 1, directSize + directAlign - 1, directSize + directAlign, directSize + directAlign + 1,
		2*directSize - 1, 2 * directSize, 2*directSize + 1, 3*directSize + 2*directAlign, len(content),
	} {
		for _, piece := range []int{64<<10 + 16, 1000, 2*directSize + 3} {
			name := strongroom.NewID().String()
			w := begin(t, b, name)
			for rest := content[:size]; len(rest) > 0; {
				n := min(piece, len(rest))
				if written, err := w.Write(rest[:n]); err != nil || written != n {
					t.Fatalf("%d of %d bytes were written, %v", written, n, err)
				}
				rest = rest[n:]
			}
			if err := w.Commit(); err != nil {
				t.Fatalf("%d bytes in pieces of %d: %v", size, piece, err)
			}
			wholeAgain(t, filepath.Join(b.root, name[:2], name), content[:size])
		}
	}
}

// So many are written past the system's memory at once, and no more; the others are too.
func TestDirectWritersAreBounded(t *testing.T) {
	b := kept(t, t.TempDir())
	content := some(2*directSize + 5)
	var writers []vault.BlobWriter
	var names []string
	direct := 0
	for range directWriters + 3 {
		name := strongroom.NewID().String()
		w := begin(t, b, name)
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		if flags(t, w)&unix.O_DIRECT != 0 {
			direct++
		}
		writers, names = append(writers, w), append(names, name)
	}
	switch direct {
	case 0:
		t.Log("this file system does not write past the system's memory")
	case directWriters:
	default:
		t.Errorf("%d of %d are written past the system's memory, not %d", direct, len(writers), directWriters)
	}
	for i, w := range writers {
		if i%2 == 0 {
			w.Abort()
			continue
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		wholeAgain(t, filepath.Join(b.root, names[i][:2], names[i]), content)
	}
	if n := directPieces.taken; n != 0 {
		t.Errorf("%d buffers did not come back", n)
	}
}

// A file system that refuses such a write only when it comes gets it through the system's
// memory, at the same place.
func TestDirectIsRefused(t *testing.T) {
	for _, size := range []int{directSize - 100, directSize} {
		file, err := os.OpenFile(filepath.Join(t.TempDir(), "file"), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		first, second := some(directSize), some(2*directSize)
		f := &largeFile{File: file}
		if _, err := f.Write(first); err != nil {
			t.Fatal(err)
		}
		buffer := make([]byte, directSize+1)[1:1] // no disk can read from there
		if err := f.direct(true); err != nil {
			t.Skip("this file system does not write past the system's memory")
		}
		directPieces.take()
		f.pending = buffer
		if _, err := f.Write(second[:size]); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(second[size:]); err != nil {
			t.Fatal(err)
		}
		if err := f.end(); err != nil {
			t.Fatal(err)
		}
		if !f.never {
			t.Error("it was not refused")
		}
		wholeAgain(t, file.Name(), append(first, second...))
		directPieces.free = nil // the foreign one is among them
	}
}

// After a write that failed nothing is committed, whatever its caller goes on with.
func TestFailedWriteIsNotCommitted(t *testing.T) {
	root := t.TempDir()
	b := kept(t, root)
	w := begin(t, b, strongroom.NewID().String())
	content := some(2*directSize - 5)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.(*writer).f.Close(); err != nil { // what is written from now on fails
		t.Fatal(err)
	}
	if _, err := w.Write(content); err == nil {
		t.Fatal("a write to a closed file succeeded")
	}
	if n, err := w.Write(content[:1]); n != 0 || err == nil {
		t.Errorf("behind a write that failed %d bytes were taken, %v", n, err)
	}
	if err := w.Commit(); err == nil {
		t.Error("a blob with a hole was committed")
	}
	if n := count(t, root); n != 0 || directPieces.taken != 0 {
		t.Errorf("%d files are left, and %d buffers in use", n, directPieces.taken)
	}
}

func BenchmarkLargeBlob(b *testing.B) {
	blobs := kept(b, b.TempDir())
	chunk := some(64<<10 + 16)
	for _, size := range []int{1 << 20, 16 << 20} {
		b.Run(fmt.Sprintf("%dMiB", size>>20), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				name := strongroom.NewID().String()
				w, err := blobs.Create(b.Context(), name)
				if err != nil {
					b.Fatal(err)
				}
				for range size / len(chunk) {
					if _, err := w.Write(chunk); err != nil {
						b.Fatal(err)
					}
				}
				if err := w.Commit(); err != nil {
					b.Fatal(err)
				}
				remove(b, blobs, name)
			}
		})
	}
}

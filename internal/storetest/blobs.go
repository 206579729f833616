package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/vault"
)

// Blobs tests what vault.Blobs promises. Each call of shelf answers an empty place, as a
// function that opens it each time as another process would.
func Blobs(t *testing.T, shelf func(t *testing.T) (open func(t *testing.T) vault.Blobs)) {
	for name, test := range map[string]func(*testing.T, func(*testing.T) vault.Blobs){
		"Commit":      blobCommit,
		"Abort":       blobAbort,
		"Replace":     blobReplace,
		"Remove":      blobRemove,
		"List":        blobList,
		"Access":      blobAccess,
		"Concurrency": blobConcurrency,
		"Names":       blobNames,
		"Large":       blobLarge,
		"Outlives":    blobOutlives,
	} {
		t.Run(name, func(t *testing.T) { test(t, shelf(t)) })
	}
}

func store(t *testing.T, b vault.Blobs, name string, content []byte) {
	t.Helper()
	w, err := b.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, b vault.Blobs, name string) ([]byte, error) {
	t.Helper()
	r, err := b.Open(t.Context(), name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	content, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()+1))
	if err == nil && int64(len(content)) != r.Size() {
		err = fmt.Errorf("it has %d bytes and says %d", len(content), r.Size())
	}
	return content, err
}

func names(t *testing.T, b vault.Blobs) (out []string) {
	t.Helper()
	for f, err := range b.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f.Name)
	}
	slices.Sort(out)
	return out
}

func content(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// blobCommit: a blob is there for everybody once Commit answered, and not before.
func blobCommit(t *testing.T, open func(*testing.T) vault.Blobs) {
	b, other := open(t), open(t)
	for _, size := range []int{0, 1, 100_000} {
		name, want := strongroom.NewID().String(), content(size)
		w, err := b.Create(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for chunk := range slices.Chunk(want, 1000) {
			if n, err := w.Write(chunk); err != nil || n != len(chunk) {
				t.Fatal(n, err)
			}
		}
		for _, b := range []vault.Blobs{b, other} {
			if _, err := read(t, b, name); !errors.Is(err, vault.ErrNoBlob) {
				t.Errorf("before it is committed: %v", err)
			}
			if slices.Contains(names(t, b), name) {
				t.Error("it is listed before it is committed")
			}
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		w.Abort() // does nothing any more
		for _, b := range []vault.Blobs{b, other, open(t)} {
			if got, err := read(t, b, name); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes came back as %d, %v", size, len(got), err)
			}
		}
	}
}

func blobAbort(t *testing.T, open func(*testing.T) vault.Blobs) {
	b := open(t)
	kept := strongroom.NewID().String()
	store(t, b, kept, []byte("kept"))
	for _, name := range []string{strongroom.NewID().String(), kept} {
		w, err := b.Create(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("never")); err != nil {
			t.Fatal(err)
		}
		w.Abort()
		w.Abort()
		if err := w.Commit(); err == nil {
			t.Error("it was committed after it was aborted")
		}
	}
	if got, err := read(t, b, kept); err != nil || string(got) != "kept" {
		t.Errorf("what was there reads as %q, %v", got, err)
	}
	if got := names(t, b); !slices.Equal(got, []string{kept}) {
		t.Errorf("left: %q", got)
	}
}

// blobReplace: a blob is replaced as a whole; who reads the old one goes on doing so.
func blobReplace(t *testing.T, open func(*testing.T) vault.Blobs) {
	b := open(t)
	name := strongroom.NewID().String()
	old, newer := content(200_000), content(100)
	store(t, b, name, old)
	r, err := b.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	store(t, b, name, newer)
	if got, err := read(t, b, name); err != nil || !bytes.Equal(got, newer) {
		t.Errorf("replaced, it reads as %d bytes, %v", len(got), err)
	}
	if got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size())); err == nil && !bytes.Equal(got, old) {
		t.Errorf("who had it open reads %d bytes that are neither", len(got))
	}
	if got := names(t, b); !slices.Equal(got, []string{name}) {
		t.Errorf("listed: %q", got)
	}
}

func blobRemove(t *testing.T, open func(*testing.T) vault.Blobs) {
	b := open(t)
	name, other := strongroom.NewID().String(), strongroom.NewID().String()
	store(t, b, name, []byte("x"))
	store(t, b, other, []byte("y"))
	for range 2 {
		if err := b.Remove(t.Context(), name); err != nil {
			t.Error(err)
		}
		if _, err := b.Open(t.Context(), name); !errors.Is(err, vault.ErrNoBlob) {
			t.Errorf("removed: %v", err)
		}
	}
	if got := names(t, b); !slices.Equal(got, []string{other}) {
		t.Errorf("listed: %q", got)
	}
	store(t, b, name, []byte("again"))
	if got, err := read(t, b, name); err != nil || string(got) != "again" {
		t.Errorf("%q, %v", got, err)
	}
}

func blobList(t *testing.T, open func(*testing.T) vault.Blobs) {
	b := open(t)
	if got := names(t, b); len(got) != 0 {
		t.Errorf("an empty place lists %q", got)
	}
	want := map[string]int64{}
	start := time.Now().Add(-time.Minute)
	for i := range 60 {
		name := strongroom.NewID().String()
		for _, suffix := range []string{"", ".stanzas", ".1." + strongroom.NewID().String()} {
			store(t, b, name+suffix, make([]byte, i))
			want[name+suffix] = int64(i)
		}
	}
	seen := 0
	for f, err := range b.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if size, ok := want[f.Name]; !ok || size != f.Size {
			t.Errorf("%s is listed with %d bytes", f.Name, f.Size)
		}
		if f.Modified.Before(start) || f.Modified.After(time.Now().Add(time.Minute)) {
			t.Errorf("%s is of %v", f.Name, f.Modified)
		}
		seen++
	}
	if seen != len(want) {
		t.Errorf("%d of %d are listed", seen, len(want))
	}
	for range b.List(t.Context()) {
		break
	}
}

// blobAccess: any place, by several at once, to the end and not beyond.
func blobAccess(t *testing.T, open func(*testing.T) vault.Blobs) {
	b := open(t)
	name, want := strongroom.NewID().String(), content(500_000)
	store(t, b, name, want)
	r, err := b.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Size() != int64(len(want)) {
		t.Errorf("its size is %d", r.Size())
	}
	atOnce(16, func(i int) {
		buffer := make([]byte, 10_000)
		for j := range 10 {
			at := (i*31_000 + j*47_000) % (len(want) - len(buffer))
			if n, err := r.ReadAt(buffer, int64(at)); n != len(buffer) || err != nil || !bytes.Equal(buffer, want[at:at+n]) {
				t.Errorf("at %d: %d bytes, %v", at, n, err)
			}
		}
	})
	buffer := make([]byte, 100)
	if n, err := r.ReadAt(buffer, int64(len(want)-60)); n != 60 || err != io.EOF || !bytes.Equal(buffer[:n], want[len(want)-60:]) {
		t.Errorf("over the end: %d bytes, %v", n, err)
	}
	if n, err := r.ReadAt(buffer, int64(len(want)+5)); n != 0 || err != io.EOF {
		t.Errorf("beyond the end: %d bytes, %v", n, err)
	}
}

func blobConcurrency(t *testing.T, open func(*testing.T) vault.Blobs) {
	b := open(t)
	one := strongroom.NewID().String() // what everybody writes
	atOnce(32, func(i int) {
		for range 4 {
			name, want := strongroom.NewID().String(), bytes.Repeat([]byte{byte(i)}, 5000)
			store(t, b, name, want)
			store(t, b, one, want)
			if got, err := read(t, b, name); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			got, err := read(t, b, one)
			if err != nil || len(got) != 5000 || !bytes.Equal(got, bytes.Repeat(got[:1], 5000)) {
				t.Errorf("what all write is a mixture: %v", err)
			}
			if err := b.Remove(t.Context(), name); err != nil {
				t.Error(err)
			}
		}
	})
	if got := names(t, b); !slices.Equal(got, []string{one}) {
		t.Errorf("left: %q", got)
	}
}

// blobLarge: what no store keeps in memory as a whole is written in bursts of any size,
// seen by nobody before it is committed, replaced and aborted as a whole, and read in
// order, from the end, from the middle, and by several at once.
func blobLarge(t *testing.T, open func(*testing.T) vault.Blobs) {
	b, other := open(t), open(t)
	name, want := strongroom.NewID().String(), content(12<<20+77)
	w, err := b.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for at, n := 0, 1; at < len(want); at, n = at+n, n*3%2_000_003 {
		n = min(n, len(want)-at)
		if m, err := w.Write(want[at : at+n]); m != n || err != nil {
			t.Fatal(m, err)
		}
	}
	if _, err := read(t, other, name); !errors.Is(err, vault.ErrNoBlob) {
		t.Errorf("before it is committed: %v", err)
	}
	if got := names(t, other); len(got) != 0 {
		t.Errorf("before it is committed, listed: %q", got)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("it can be written to after it was committed")
	}
	if got, err := read(t, other, name); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes came back as %d, %v", len(want), len(got), err)
	}
	aborted, err := b.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := aborted.Write(content(11 << 20)); err != nil {
		t.Fatal(err)
	}
	aborted.Abort()
	if err := aborted.Commit(); err == nil {
		t.Error("it was committed after it was aborted")
	}
	r, err := other.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Size() != int64(len(want)) {
		t.Errorf("its size is %d", r.Size())
	}
	check := func(buffer []byte, at int) {
		if n, err := r.ReadAt(buffer, int64(at)); n != len(buffer) || err != nil && err != io.EOF || !bytes.Equal(buffer, want[at:at+n]) {
			t.Errorf("%d bytes at %d: %d, %v", len(buffer), at, n, err)
		}
	}
	check(make([]byte, 100), 0)
	check(make([]byte, 65_000), len(want)-65_000)
	atOnce(6, func(i int) {
		buffer := make([]byte, 262_256)
		at := i * len(want) / 7
		for range 5 {
			check(buffer, at)
			at += len(buffer)
		}
	})
	end := make([]byte, 200)
	if n, err := r.ReadAt(end, int64(len(want)-60)); n != 60 || err != io.EOF || !bytes.Equal(end[:n], want[len(want)-60:]) {
		t.Errorf("over the end: %d bytes, %v", n, err)
	}
	shorter := content(6 << 20)
	store(t, b, name, shorter)
	if got, err := read(t, other, name); err != nil || !bytes.Equal(got, shorter) {
		t.Errorf("replaced, it reads as %d bytes, %v", len(got), err)
	}
	for at := 0; at < len(want); at += 1 << 20 {
		got := make([]byte, 1000)
		if n, err := r.ReadAt(got[:min(len(got), len(want)-at)], int64(at)); err == nil && !bytes.Equal(got[:n], want[at:at+n]) {
			t.Fatalf("who had it open reads something else at %d", at)
		}
	}
}

// blobOutlives: a reader outlives the request that opened it.
func blobOutlives(t *testing.T, open func(*testing.T) vault.Blobs) {
	b := open(t)
	for _, size := range []int{1000, 6 << 20} {
		name, want := strongroom.NewID().String(), content(size)
		store(t, b, name, want)
		ctx, cancel := context.WithCancel(t.Context())
		r, err := b.Open(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d of %d bytes, %v", len(got), size, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if _, err := r.ReadAt(make([]byte, 10), 0); err == nil {
			t.Error("it reads on after it was closed")
		}
	}
}

// blobNames: only names that the vault makes become places.
func blobNames(t *testing.T, open func(*testing.T) vault.Blobs) {
	b := open(t)
	id := strongroom.NewID().String()
	for _, name := range []string{"", "..", "../" + id, id + "/x", id + "/../../x", id + ".", id + ".a/b", strings.ToUpper(id) + "G", id[:31], "/" + id, id + ".x.y.z", id + "\x00", "a\n" + id} {
		if w, err := b.Create(t.Context(), name); err == nil {
			w.Abort()
			t.Errorf("%q can be created", name)
		}
		if r, err := b.Open(t.Context(), name); err == nil {
			r.Close()
			t.Errorf("%q can be opened", name)
		}
		if err := b.Remove(t.Context(), name); err == nil {
			t.Errorf("%q can be removed", name)
		}
	}
}

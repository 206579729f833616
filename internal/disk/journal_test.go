package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"strongroom"
	"strongroom/vault"
)

func put(t testing.TB, b *Blobs, name string, content []byte) {
	t.Helper()
	if err := tryPut(b, name, content); err != nil {
		t.Fatal(err)
	}
}

func tryPut(b *Blobs, name string, content []byte) error {
	w, err := b.Create(context.Background(), name)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write(content); err != nil {
		return err
	}
	return w.Commit()
}

func remove(t testing.TB, b *Blobs, name string) {
	t.Helper()
	if err := b.Remove(context.Background(), name); err != nil {
		t.Fatal(err)
	}
}

// kept opens a folder for writing whose journal stays as it is while a test copies it.
func kept(t testing.TB, root string) *Blobs {
	t.Helper()
	b, err := Open(root, true)
	if err != nil {
		t.Fatal(err)
	}
	b.journal.age = time.Hour
	t.Cleanup(func() { b.Close() })
	return b
}

// holds is what a name leads to, or nil.
func holds(t testing.TB, b *Blobs, name string) []byte {
	t.Helper()
	r, err := b.Open(context.Background(), name)
	if errors.Is(err, vault.ErrNoBlob) {
		return nil
	} else if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	content, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil || int64(len(content)) != r.Size() {
		t.Fatalf("%s: %d of %d bytes, %v", name, len(content), r.Size(), err)
	}
	return content
}

func some(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

func segments(t testing.TB, root string) (paths []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, journalFolder, "segment-*"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// crashed copies a folder as a crash leaves it that took every file of a blob, or what
// spoil makes of it, and has nobody hold the journal.
func crashed(t testing.TB, root string, spoil func(content []byte) []byte) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "after")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil || d.IsDir() {
			return errors.Join(err, os.MkdirAll(filepath.Join(to, rel), 0o700))
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(rel, journalFolder) {
			if spoil == nil {
				return nil
			}
			content = spoil(content)
		}
		return os.WriteFile(filepath.Join(to, rel), content, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// What was committed is there after a crash that took its files, or left something else
// under their names: for who only reads, and for the next writer, whose files are whole.
func TestReplay(t *testing.T) {
	root := t.TempDir()
	b := kept(t, root)
	want := map[string][]byte{}
	for i := range 20 {
		name := strongroom.NewID().String()
		want[name], want[name+".stanzas"] = some(i*i*150), some(100)
		put(t, b, name, want[name])
		put(t, b, name+".stanzas", want[name+".stanzas"])
	}
	twice, gone, back, grown, shrunk := strongroom.NewID().String(), strongroom.NewID().String(), strongroom.NewID().String(), strongroom.NewID().String(), strongroom.NewID().String()
	put(t, b, twice, []byte("first"))
	put(t, b, twice, []byte("second"))
	want[twice] = []byte("second")
	put(t, b, gone, []byte("gone"))
	remove(t, b, gone)
	put(t, b, back, []byte("gone"))
	remove(t, b, back)
	put(t, b, back, []byte("back"))
	want[back] = []byte("back")
	put(t, b, shrunk, some(100_000))
	put(t, b, shrunk, []byte("small"))
	want[shrunk] = []byte("small")
	put(t, b, grown, []byte("small"))
	large := some(100_000)
	put(t, b, grown, large)
	if len(segments(t, root)) != 1 {
		t.Fatalf("segments: %q", segments(t, root))
	}
	for what, spoil := range map[string]func([]byte) []byte{
		"missing": nil,
		"empty":   func([]byte) []byte { return nil },
		"short":   func(b []byte) []byte { return b[:len(b)/2] },
		"zeros":   func(b []byte) []byte { return make([]byte, len(b)) },
		"longer":  func(b []byte) []byte { return append(b, "x"...) },
		"right":   func(b []byte) []byte { return b },
	} {
		t.Run(what, func(t *testing.T) {
			after := crashed(t, root, func(content []byte) []byte {
				if len(content) == len(large) || spoil == nil {
					return content // durable by itself
				}
				return spoil(content)
			})
			if spoil == nil {
				for name := range want {
					if err := os.Remove(filepath.Join(after, name[:2], name)); err != nil {
						t.Fatal(err)
					}
				}
			}
			check := func(b *Blobs) {
				t.Helper()
				for name, content := range want {
					if got := holds(t, b, name); !bytes.Equal(got, content) {
						t.Errorf("%s holds %d bytes, not the %d that were committed", name, len(got), len(content))
					}
				}
				if got := holds(t, b, grown); !bytes.Equal(got, large) {
					t.Errorf("what was stored large after it was small holds %d bytes", len(got))
				}
				if got := holds(t, b, gone); got != nil {
					t.Errorf("what was removed holds %q", got)
				}
				listed := 0
				for f, err := range b.List(t.Context()) {
					if err != nil {
						t.Fatal(err)
					}
					if content := want[f.Name]; f.Name != grown && int64(len(content)) != f.Size {
						t.Errorf("%s is listed with %d bytes, and has %d", f.Name, f.Size, len(content))
					}
					listed++
				}
				if listed != len(want)+1 {
					t.Errorf("%d blobs are listed, and %d are there", listed, len(want)+1)
				}
			}
			before := count(t, after)
			reader := open(t, after, false)
			check(reader)
			if n := count(t, after); n != before {
				t.Errorf("a reader left %d files of %d", n, before)
			}
			past := time.Now().Add(-48 * time.Hour)
			if err := os.Chtimes(segments(t, after)[0], past, past); err != nil {
				t.Fatal(err)
			}
			writer := open(t, after, true)
			if info, err := os.Stat(filepath.Join(after, twice[:2], twice)); err != nil || info.ModTime().After(past.Add(time.Minute)) {
				t.Errorf("a blob that no row may name is as young as the replay, %v", err)
			}
			check(writer)
			check(reader) // what it found in the journal is in files now
			if left := segments(t, after); len(left) > 0 {
				t.Errorf("replayed, and left: %q", left)
			}
			check(open(t, after, false))
			put(t, writer, twice, []byte("third"))
			if got := holds(t, reader, twice); string(got) != "third" {
				t.Errorf("who opened before the replay reads %q", got)
			}
		})
	}
}

// The words of a removal go into the journal with the next blob: replaying does not bring
// back what was removed before it.
func TestReplayRemoval(t *testing.T) {
	root := t.TempDir()
	b := kept(t, root)
	gone := strongroom.NewID().String()
	put(t, b, gone, []byte("x"))
	remove(t, b, gone)
	put(t, b, strongroom.NewID().String(), []byte("y"))
	after := crashed(t, root, nil)
	if err := os.WriteFile(filepath.Join(after, gone[:2], gone), nil, 0o600); err != nil { // the disk forgot the removal
		t.Fatal(err)
	}
	for _, writer := range []bool{false, true} {
		if got := holds(t, open(t, after, writer), gone); got != nil {
			t.Errorf("removed, it holds %q (writer: %v)", got, writer)
		}
	}
}

// A crash in the middle of a write leaves part of a frame, which nobody was told of.
func TestTornTail(t *testing.T) {
	root := t.TempDir()
	b := kept(t, root)
	first, last := strongroom.NewID().String(), strongroom.NewID().String()
	put(t, b, first, some(5000))
	put(t, b, last, some(5000))
	want := holds(t, b, first)
	after := crashed(t, root, nil)
	path := segments(t, after)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const frame = 2 * block // of 5000 bytes
	for cut := frame; cut < 2*frame; cut += 509 {
		torn := bytes.Clone(whole)
		clear(torn[cut:])
		if cut%2 == 0 {
			torn = torn[:cut]
		}
		at := crashed(t, after, nil)
		if err := os.WriteFile(segments(t, at)[0], torn, 0o600); err != nil {
			t.Fatal(err)
		}
		b := open(t, at, true)
		if got := holds(t, b, first); !bytes.Equal(got, want) {
			t.Fatalf("cut at %d: the blob before holds %d bytes", cut, len(got))
		}
		if got := holds(t, b, last); len(got) != 0 && len(got) != 5000 {
			t.Fatalf("cut at %d: half a blob came back, %d bytes", cut, len(got))
		}
	}
}

// Damage before a whole frame takes what was acknowledged: that is told, not passed over.
func TestDamage(t *testing.T) {
	root := t.TempDir()
	b := kept(t, root)
	for range 3 {
		put(t, b, strongroom.NewID().String(), some(5000))
	}
	for _, at := range []int{0, 20, 40, 70, 5000, 2*block + 5, 3*block + 1} {
		after := crashed(t, root, nil)
		path := segments(t, after)[0]
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		content[at] ^= 1
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, writer := range []bool{false, true} {
			_, err := Open(after, writer)
			e, ok := errors.AsType[*strongroom.Error](err)
			if !ok || e.Kind != strongroom.KindDamaged || !strings.Contains(e.Message, path) || e.Hint == "" {
				t.Errorf("byte %d changed: %v", at, err)
			}
		}
		if err := os.Rename(path, filepath.Join(t.TempDir(), "kept")); err != nil {
			t.Fatal(err)
		}
		open(t, after, true) // as the hint says
	}
}

// A segment that another version wrote is not taken for an empty one.
func TestForeignSegment(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, journalFolder), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, journalFolder, "segment-2-00"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, writer := range []bool{false, true} {
		if _, err := Open(root, writer); strongroom.KindOf(err) != strongroom.KindDamaged {
			t.Errorf("%v", err)
		}
	}
}

// A segment that somebody writes to is left to them.
func TestSegmentInUse(t *testing.T) {
	root := t.TempDir()
	b := open(t, root, true)
	name := strongroom.NewID().String()
	put(t, b, name, []byte("first"))
	reader := open(t, root, false)
	other := open(t, root, true)
	if len(segments(t, root)) != 1 {
		t.Fatalf("segments: %q", segments(t, root))
	}
	put(t, b, name, []byte("second"))
	for _, b := range []*Blobs{b, reader, other} {
		if got := holds(t, b, name); string(got) != "second" {
			t.Errorf("%q", got)
		}
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// Segments that are full or old are replaced, and their files used again; closing leaves
// none, and nothing can be stored after it.
func TestTurns(t *testing.T) {
	root := t.TempDir()
	b := open(t, root, true)
	b.journal.limit, b.journal.age = 40<<10, 50*time.Millisecond
	want := map[string][]byte{}
	for range 100 {
		name := strongroom.NewID().String()
		want[name] = some(3000)
		put(t, b, name, want[name])
		if n := len(segments(t, root)); n > 2 {
			t.Fatalf("%d segments are in use", n)
		}
	}
	if next := b.journal.next; next < 10 {
		t.Errorf("%d segments were used for 300 kB, each of 40 KiB", next)
	}
	for deadline := time.Now().Add(10 * time.Second); len(segments(t, root)) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("an old segment stays: %q", segments(t, root))
		}
	}
	files, err := os.ReadDir(filepath.Join(root, journalFolder))
	if err != nil || len(files) > 2 {
		t.Errorf("%d files are kept to be used again, %v", len(files), err)
	}
	last := strongroom.NewID().String()
	want[last] = []byte("last")
	put(t, b, last, want[last])
	if err := errors.Join(b.Close(), b.Close()); err != nil {
		t.Error(err)
	}
	if files, err := os.ReadDir(filepath.Join(root, journalFolder)); err != nil || len(files) > 0 {
		t.Errorf("closed, %d files are left, %v", len(files), err)
	}
	if err := tryPut(b, strongroom.NewID().String(), []byte("x")); err == nil {
		t.Error("something was stored after closing")
	}
	for name, content := range want {
		if got := holds(t, b, name); !bytes.Equal(got, content) {
			t.Errorf("%d bytes of %d", len(got), len(content))
		}
	}
}

// Many at once share an fsync, and everything that was acknowledged is in the journal.
func TestTogether(t *testing.T) {
	root := t.TempDir()
	b := kept(t, root)
	var mu sync.Mutex
	want := map[string][]byte{}
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for range 8 {
				name, content := strongroom.NewID().String(), some(i*50)
				if err := tryPut(b, name, content); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				want[name] = content
				mu.Unlock()
			}
		})
	}
	all.Wait()
	b.journal.writing.Lock()
	frames := b.journal.now.frames
	b.journal.writing.Unlock()
	if frames > 300 {
		t.Errorf("%d writes were made durable for %d blobs of 64 callers", frames, len(want))
	}
	replayed := open(t, crashed(t, root, nil), true)
	for name, content := range want {
		if got := holds(t, replayed, name); !bytes.Equal(got, content) {
			t.Errorf("%d bytes of %d", len(got), len(content))
		}
	}
}

// What is not small goes to a file as it comes, and small ones hold no more than they may.
func TestSmallIsBounded(t *testing.T) {
	root := t.TempDir()
	b := open(t, root, true)
	for _, size := range []int{smallLimit, smallLimit + 1} {
		w, err := b.Create(t.Context(), strongroom.NewID().String())
		if err != nil {
			t.Fatal(err)
		}
		for range size {
			if _, err := w.Write([]byte{1}); err != nil {
				t.Fatal(err)
			}
		}
		if n := count(t, root); n != size-smallLimit {
			t.Errorf("%d bytes make %d files before they are committed", size, n)
		}
		w.Abort()
		if n := count(t, root); n != 0 {
			t.Errorf("%d files are left", n)
		}
	}
}

// A full disk refuses, and is no reason to go on refusing.
func TestJournalFull(t *testing.T) {
	root := t.TempDir()
	b := kept(t, root)
	put(t, b, strongroom.NewID().String(), []byte("x"))
	j := b.journal
	good := j.now.f
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer full.Close()
	j.now.f = full
	err = tryPut(b, strongroom.NewID().String(), []byte("y"))
	if strongroom.KindOf(err) != strongroom.KindUnavailable {
		t.Errorf("%v", err)
	}
	j.now.f = good
	name := strongroom.NewID().String()
	put(t, b, name, []byte("z"))
	if got := holds(t, open(t, crashed(t, root, nil), true), name); string(got) != "z" {
		t.Errorf("%q", got)
	}
}

// FuzzSegment has segments read that anybody may have written.
func FuzzSegment(f *testing.F) {
	id := segmentID{7: 7, 15: 9} // the same in every process that fuzzes
	name := strings.Repeat("0a", 16)
	var whole []byte
	for i := range 3 {
		b := beginFrame(nil)
		b = appendEntry(b, entryPut, name, bytes.Repeat([]byte{byte(i)}, i*3000))
		b = appendEntry(b, entryGone, name+".stanzas", nil)
		whole = append(whole, endFrame(b, id, uint32(i))...)
	}
	f.Add(whole)
	f.Add(whole[:block])
	f.Add(whole[:len(whole)-block-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) >= 24 {
			copy(content[8:24], id[:])
		}
		entries := 0
		err := readSegment(bytes.NewReader(content), int64(len(content)), id, func(kind entryKind, name string, at int64, body []byte) error {
			entries++
			if !nameForm.MatchString(name) || len(body) > smallLimit || !bytes.Equal(content[at:at+int64(len(body))], body) {
				return fmt.Errorf("entry %q of %d bytes at %d", name, len(body), at)
			}
			return nil
		})
		if err != nil && strings.HasPrefix(err.Error(), "entry ") {
			t.Error(err)
		}
		if len(content) < frameHead && entries > 0 {
			t.Error("entries come from nothing")
		}
	})
}

func TestAtLeast(t *testing.T) {
	for release, want := range map[string]bool{"6.18.44-fc": true, "5.8.0": true, "5.8": true, "5.7.19-generic": false, "5.10.0-28-amd64": true, "4.19.0": false, "": false, "x.y": false, "6.x": false} {
		if got := atLeast(release, 5, 8); got != want {
			t.Errorf("%q: %v", release, got)
		}
	}
}

// A segment stays until everything it tells of bears its name: only then can the files be
// made durable.
func TestSegmentWaitsForNames(t *testing.T) {
	root := t.TempDir()
	b := kept(t, root)
	j, name := b.journal, strongroom.NewID().String()
	j.enter(name)
	s, err := j.append(entry{entryPut, name, []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	j.writing.Lock()
	err = j.exchange(false)
	j.writing.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	if n := len(segments(t, root)); n != 1 {
		t.Errorf("%d segments are left while a blob has no name yet", n)
	}
	if err := writeNew(filepath.Join(root, name[:2], name), []byte("x")); err != nil {
		t.Fatal(err)
	}
	s.unseen.Done()
	j.leave(name)
	for deadline := time.Now().Add(10 * time.Second); len(segments(t, root)) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the segment stays")
		}
	}
}

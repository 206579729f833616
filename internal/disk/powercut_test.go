package disk

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/powercut"
)

// layer mounts a disk that forgets.
func layer(t *testing.T) (*powercut.FS, string) {
	t.Helper()
	if err := powercut.Available(); err != nil {
		t.Skip(err)
	}
	backing, at := t.TempDir(), t.TempDir()
	fs, err := powercut.Mount(backing, at, powercut.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fs.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return fs, at
}

// history is what was done to one name, by one caller.
type history struct {
	name     string
	sure     []byte   // what it held when last an operation was acknowledged; nil: nothing
	possible [][]byte // what else it may hold, since a removal need not last
}

// act does something to the name, and reports whether that was acknowledged.
func (h *history) act(b *Blobs, r *rand.Rand) bool {
	if r.IntN(4) == 0 {
		h.possible = append(h.possible, h.sure, nil)
		if b.Remove(context.Background(), h.name) != nil {
			return false
		}
		h.sure = nil
		return true
	}
	content := some(1 + r.IntN(6000))
	switch r.IntN(40) {
	case 0, 1, 2, 3:
		content = some(smallLimit + 1 + r.IntN(1000))
	case 4:
		content = some(2*directSize + r.IntN(5000))
	}
	h.possible = append(h.possible, content)
	if tryPut(b, h.name, content) != nil {
		return false
	}
	h.sure, h.possible = content, nil
	return true
}

func (h *history) admits(content []byte) bool {
	for _, p := range append(h.possible, h.sure) {
		if bytes.Equal(p, content) && (p == nil) == (content == nil) {
			return true
		}
	}
	return false
}

// work has callers do things to names of their own until the power fails or stop is closed.
func work(b *Blobs, seed uint64, stop <-chan struct{}) (all []*history, wait func()) {
	var group sync.WaitGroup
	for i := range 6 {
		var own []*history
		for range 5 {
			own = append(own, &history{name: strongroom.NewID().String()})
		}
		all = append(all, own...)
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if !own[r.IntN(len(own))].act(b, r) {
					return
				}
			}
		})
	}
	return all, group.Wait
}

func (h *history) String() string {
	return fmt.Sprintf("%s, %d bytes for sure, %d other states", h.name, len(h.sure), len(h.possible))
}

// TestPowerCut cuts the power while small and large blobs are stored, replaced and removed
// by several, segments are exchanged and their files made durable, at any change of the
// disk. Whatever the disk forgot, the next writer and whoever reads before it find every
// name as it was acknowledged.
func TestPowerCut(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(round), 1))
			fs, at := layer(t)
			root := filepath.Join(at, "blobs")
			if err := os.Mkdir(root, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := SyncFolder(at); err != nil {
				t.Fatal(err)
			}
			b := open(t, root, true)
			b.journal.limit, b.journal.age = 100<<10, 30*time.Millisecond
			if err := fs.FreezeAfter(100 + r.IntN(4000)); err != nil {
				t.Fatal(err)
			}
			stop := make(chan struct{})
			all, wait := work(b, uint64(round), stop)
			wait()
			for state := range uint64(3) {
				after := filepath.Join(t.TempDir(), "disk")
				if err := fs.Cut(after, r.Uint64()); err != nil {
					t.Fatal(err)
				}
				root := filepath.Join(after, "blobs")
				reader, err := Open(root, false)
				if err != nil {
					t.Fatal(err)
				}
				check := func(who string, b *Blobs) {
					t.Helper()
					for _, h := range all {
						if got := holds(t, b, h.name); !h.admits(got) {
							t.Errorf("state %d, %s: %v, holds %d bytes (nil: %v)", state, who, h, len(got), got == nil)
						}
					}
				}
				check("reader", reader)
				check("writer", open(t, root, true))
				check("reader, after the replay", reader)
				check("reader of what was replayed", open(t, root, false))
			}
			close(stop)
			b.Close() // gives up: the power is off
		})
	}
}

// TestPowerCutWhileReplaying cuts the power again while the journal is replayed.
func TestPowerCutWhileReplaying(t *testing.T) {
	root := t.TempDir()
	b := kept(t, root)
	want := map[string][]byte{}
	for range 40 {
		name := strongroom.NewID().String()
		want[name] = some(2000)
		put(t, b, name, []byte("before"))
		put(t, b, name, want[name])
	}
	for round := range uint64(6) {
		fs, at := layer(t)
		if err := os.CopyFS(filepath.Join(at, "blobs"), os.DirFS(crashed(t, root, nil))); err != nil {
			t.Fatal(err)
		}
		for _, pattern := range []string{"", "blobs", "blobs/*", "blobs/journal/*"} {
			paths, err := filepath.Glob(filepath.Join(at, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range paths {
				if err := SyncFolder(path); err != nil { // a file as well as a folder
					t.Fatal(err)
				}
			}
		}
		if err := fs.FreezeAfter(int(round*round) * 12); err != nil {
			t.Fatal(err)
		}
		if b, err := Open(filepath.Join(at, "blobs"), true); err == nil {
			b.Close()
		}
		after := filepath.Join(t.TempDir(), "disk")
		if err := fs.Cut(after, round); err != nil {
			t.Fatal(err)
		}
		b := open(t, filepath.Join(after, "blobs"), true)
		for name, content := range want {
			if got := holds(t, b, name); !bytes.Equal(got, content) {
				t.Errorf("round %d: %s holds %d bytes", round, name, len(got))
			}
		}
	}
}

// TestFailingSync has fsync fail for a moment, once while the journal is written to and
// once while the files of a segment are made durable. Nothing is acknowledged meanwhile;
// then everything that was acknowledged is written again, and the store goes on.
func TestFailingSync(t *testing.T) {
	for _, what := range []string{"journal", "files"} {
		t.Run(what, func(t *testing.T) {
			fs, at := layer(t)
			root := filepath.Join(at, "blobs")
			if err := os.Mkdir(root, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := SyncFolder(at); err != nil {
				t.Fatal(err)
			}
			b := open(t, root, true)
			want := map[string][]byte{}
			gone := strongroom.NewID().String()
			for range 20 {
				name := strongroom.NewID().String()
				want[name] = some(1000)
				put(t, b, name, want[name])
			}
			put(t, b, gone, []byte("gone"))
			remove(t, b, gone)
			if err := fs.FailSync(true); err != nil {
				t.Fatal(err)
			}
			if what == "files" {
				b.journal.writing.Lock()
				err := b.journal.exchange(false)
				b.journal.writing.Unlock()
				for deadline := time.Now().Add(5 * time.Second); err == nil && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
					b.journal.mu.Lock()
					err = b.journal.broken
					b.journal.mu.Unlock()
				}
				if err == nil {
					t.Fatal("nobody noticed that the files could not be made durable")
				}
			}
			for range 3 {
				if err := tryPut(b, strongroom.NewID().String(), []byte("x")); err == nil {
					t.Error("with fsync failing, something was acknowledged")
				}
			}
			if err := fs.FailSync(false); err != nil {
				t.Fatal(err)
			}
			name := strongroom.NewID().String()
			want[name] = []byte("again")
			for deadline := time.Now().Add(20 * time.Second); tryPut(b, name, want[name]) != nil; time.Sleep(50 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("it goes on refusing")
				}
			}
			if got := holds(t, b, gone); got != nil {
				t.Errorf("what was removed is back: %q", got)
			}
			for seed := range uint64(4) {
				after := filepath.Join(t.TempDir(), "disk")
				if err := fs.Cut(after, seed); err != nil {
					t.Fatal(err)
				}
				b := open(t, filepath.Join(after, "blobs"), true)
				for name, content := range want {
					if got := holds(t, b, name); !bytes.Equal(got, content) {
						t.Errorf("seed %d: %s holds %d bytes of %d", seed, name, len(got), len(content))
					}
				}
			}
		})
	}
}

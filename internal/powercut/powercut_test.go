//go:build linux

package powercut_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"strongroom/internal/powercut"
)

// mount gives a fresh layer over a backing folder with the files given.
func mount(t testing.TB, opt powercut.Options, files map[string]string) (*powercut.FS, string) {
	t.Helper()
	if err := powercut.Available(); err != nil {
		t.Skip(err)
	}
	folder := t.TempDir()
	backing, at := filepath.Join(folder, "backing"), filepath.Join(folder, "mountpoint")
	check(t, os.Mkdir(backing, 0o755))
	check(t, os.Mkdir(at, 0o755))
	for name, content := range files {
		check(t, os.MkdirAll(filepath.Dir(filepath.Join(backing, name)), 0o755))
		check(t, os.WriteFile(filepath.Join(backing, name), []byte(content), 0o644))
	}
	layer, err := powercut.Mount(backing, at, opt)
	check(t, err)
	t.Cleanup(func() {
		if err := layer.Unmount(); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	return layer, at
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put writes a file, and makes its content durable if synced.
func put(t testing.TB, path, content string, synced bool) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	check(t, err)
	_, err = f.WriteString(content)
	check(t, err)
	if synced {
		check(t, f.Sync())
	}
	check(t, f.Close())
}

func syncFolder(t testing.TB, path string) {
	t.Helper()
	f, err := os.Open(path)
	check(t, err)
	check(t, f.Sync())
	check(t, f.Close())
}

// states cuts with many seeds and counts the trees found, each written as
// "name=content" lines.
func states(t testing.TB, layer *powercut.FS, seeds int) map[string]int {
	t.Helper()
	found := map[string]int{}
	for seed := range seeds {
		target := filepath.Join(t.TempDir(), "after")
		check(t, layer.Cut(target, uint64(seed)))
		var lines []string
		check(t, filepath.WalkDir(target, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			name, _ := filepath.Rel(target, path)
			lines = append(lines, name+"="+string(content))
			return err
		}))
		check(t, os.RemoveAll(target))
		found[strings.Join(lines, "\n")]++
	}
	return found
}

// sorted is for messages.
func sorted(found map[string]int) string {
	var all []string
	for state, n := range found {
		if len(state) > 200 {
			state = state[:200] + "…"
		}
		all = append(all, fmt.Sprintf("%d× %q", n, state))
	}
	slices.Sort(all)
	return strings.Join(all[:min(len(all), 20)], "\n")
}

// TestWhatSurvives runs an action over the durable files a="old", d/b="durable"
// and says which trees the seeds must all find, and that they find no other.
func TestWhatSurvives(t *testing.T) {
	const untouched = "a=old\nd/b=durable"
	tests := []struct {
		name string
		do   func(t *testing.T, at string)
		want []string
	}{
		{"nothing is done", func(t *testing.T, at string) {}, []string{untouched}},
		{"a file and its folder are synced", func(t *testing.T, at string) {
			put(t, at+"/new", "content", true)
			syncFolder(t, at)
		}, []string{untouched + "\nnew=content"}},
		{"a file is synced, its folder is not", func(t *testing.T, at string) {
			put(t, at+"/new", "content", true)
		}, []string{untouched, untouched + "\nnew=content"}},
		{"a folder within a new folder is synced", func(t *testing.T, at string) {
			check(t, os.Mkdir(at+"/new", 0o755))
			put(t, at+"/new/c", "content", true)
			syncFolder(t, at+"/new")
		}, []string{untouched, untouched + "\nnew/c=content"}},
		{"a rename in one folder", func(t *testing.T, at string) {
			put(t, at+"/tmp", "new", true)
			syncFolder(t, at)
			check(t, os.Rename(at+"/tmp", at+"/a"))
		}, []string{"a=old\nd/b=durable\ntmp=new", "a=new\nd/b=durable"}},
		{"a rename and a sync of the folder", func(t *testing.T, at string) {
			put(t, at+"/tmp", "new", true)
			check(t, os.Rename(at+"/tmp", at+"/a"))
			syncFolder(t, at)
		}, []string{"a=new\nd/b=durable"}},
		{"a move between folders, one of them synced", func(t *testing.T, at string) {
			check(t, os.Rename(at+"/a", at+"/d/c"))
			syncFolder(t, at+"/d")
		}, []string{untouched, "d/b=durable\nd/c=old"}},
		{"a move between folders, both synced", func(t *testing.T, at string) {
			check(t, os.Rename(at+"/a", at+"/d/c"))
			syncFolder(t, at+"/d")
			syncFolder(t, at)
		}, []string{"d/b=durable\nd/c=old"}},
		{"a synced change that needs a move which waits for another folder", func(t *testing.T, at string) {
			check(t, os.Rename(at+"/a", at+"/d/c"))
			check(t, os.Rename(at+"/d/c", at+"/d/e"))
			syncFolder(t, at+"/d")
		}, []string{"d/b=durable\nd/e=old"}},
		{"two independent removals may happen in either order", func(t *testing.T, at string) {
			check(t, os.Remove(at+"/a"))
			put(t, at+"/new", "content", true)
		}, []string{untouched, untouched + "\nnew=content", "d/b=durable", "d/b=durable\nnew=content"}},
		{"a removal", func(t *testing.T, at string) {
			check(t, os.Remove(at+"/a"))
		}, []string{untouched, "d/b=durable"}},
		{"a removal and a sync", func(t *testing.T, at string) {
			check(t, os.Remove(at+"/a"))
			syncFolder(t, at)
		}, []string{"d/b=durable"}},
		{"a removed folder", func(t *testing.T, at string) {
			check(t, os.RemoveAll(at+"/d"))
			syncFolder(t, at)
		}, []string{"a=old"}},
		{"a folder is moved", func(t *testing.T, at string) {
			check(t, os.Rename(at+"/d", at+"/e"))
			put(t, at+"/e/c", "content", true)
			syncFolder(t, at+"/e")
		}, []string{"a=old\nd/b=durable\nd/c=content", "a=old\ne/b=durable\ne/c=content"}},
		{"a hard link", func(t *testing.T, at string) {
			check(t, os.Link(at+"/a", at+"/z"))
			syncFolder(t, at)
			put(t, at+"/z", "new", true)
		}, []string{"a=new\nd/b=durable\nz=new"}},
		{"a short overwrite", func(t *testing.T, at string) {
			put(t, at+"/a", "N", false)
		}, []string{untouched, "a=Nld\nd/b=durable", "a=\x00ld\nd/b=durable"}},
		{"a truncation", func(t *testing.T, at string) {
			check(t, os.Truncate(at+"/a", 1))
		}, []string{untouched, "a=o\nd/b=durable"}},
		{"a truncation and a sync", func(t *testing.T, at string) {
			check(t, os.Truncate(at+"/a", 1))
			put(t, at+"/a", "", true)
		}, []string{"a=o\nd/b=durable"}},
		{"an overwrite under O_DSYNC", func(t *testing.T, at string) {
			f, err := os.OpenFile(at+"/a", os.O_WRONLY|syscall.O_DSYNC, 0)
			check(t, err)
			defer f.Close()
			_, err = f.WriteString("new")
			check(t, err)
		}, []string{"a=new\nd/b=durable"}},
		{"closing and sync(2) make nothing durable", func(t *testing.T, at string) {
			check(t, os.Truncate(at+"/a", 0))
			syscall.Sync()
		}, []string{untouched, "a=\nd/b=durable"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			layer, at := mount(t, powercut.Options{}, map[string]string{"a": "old", "d/b": "durable"})
			test.do(t, at)
			found := states(t, layer, 40)
			for _, want := range test.want {
				if found[want] == 0 {
					t.Errorf("no seed found %q", want)
				}
				delete(found, want)
			}
			if len(found) > 0 {
				t.Errorf("some seeds found\n%s", sorted(found))
			}
		})
	}
}

func TestUnsyncedContentIsLostOrTorn(t *testing.T) {
	layer, at := mount(t, powercut.Options{}, map[string]string{"base": strings.Repeat("-", 12000)})
	put(t, at+"/new", "", true)
	syncFolder(t, at)
	put(t, at+"/new", strings.Repeat("N", 10000), false)
	f, err := os.OpenFile(at+"/base", os.O_RDWR, 0)
	check(t, err)
	defer f.Close()
	_, err = f.WriteAt(bytes.Repeat([]byte("B"), 4000), 3000)
	check(t, err)

	kinds := map[string]int{}
	for state := range states(t, layer, 200) {
		base, fresh, _ := strings.Cut(strings.TrimPrefix(state, "base="), "\nnew=")
		if len(base) != 12000 || strings.Trim(base[:3000]+base[7000:], "-") != "" {
			t.Fatal("bytes that nobody wrote have changed")
		}
		part := base[3000:7000]
		n, old, zeros := strings.Count(part, "B"), strings.Count(part, "-"), strings.Count(part, "\x00")
		switch {
		case n+old+zeros != 4000:
			t.Fatalf("the overwritten part reads %q", part)
		case zeros > 0:
			kinds["overwrite: zeros"]++
		case n == 4000:
			kinds["overwrite: kept"]++
		case n == 0:
			kinds["overwrite: lost"]++
		case strings.HasPrefix(part, strings.Repeat("B", n)):
			kinds["overwrite: prefix"]++
		default:
			kinds["overwrite: scattered"]++
		}
		n = strings.Count(fresh, "N")
		switch {
		case n+strings.Count(fresh, "\x00") != len(fresh):
			t.Fatalf("the new file reads %q", fresh)
		case n == 10000:
			kinds["new: kept"]++
		case n == 0:
			kinds["new: lost"]++
		case n == len(fresh):
			kinds["new: prefix"]++
		default:
			kinds["new: holes"]++
		}
	}
	for _, kind := range []string{"overwrite: kept", "overwrite: lost", "overwrite: prefix", "overwrite: scattered", "overwrite: zeros", "new: kept", "new: lost", "new: prefix", "new: holes"} {
		if kinds[kind] == 0 {
			t.Errorf("no seed of 200 found %q; found %v", kind, kinds)
		}
	}
}

func TestSameSeedSameState(t *testing.T) {
	layer, at := mount(t, powercut.Options{}, nil)
	for i := range 20 {
		put(t, fmt.Sprintf("%s/%d", at, i), strings.Repeat("x", 1000*i), i%2 == 0)
	}
	if first, second := states(t, layer, 5), states(t, layer, 5); len(first) != 5 || sorted(first) != sorted(second) {
		t.Error("the same seeds found other states")
	}
}

func TestAfterTheCutEverythingFails(t *testing.T) {
	layer, at := mount(t, powercut.Options{}, map[string]string{"a": "old"})
	f, err := os.OpenFile(at+"/a", os.O_RDWR, 0)
	check(t, err)
	defer f.Close()
	check(t, layer.Cut(filepath.Join(t.TempDir(), "after"), 1))
	b := make([]byte, 3)
	for name, err := range map[string]error{
		"writing":  second(f.WriteAt([]byte("new"), 0)),
		"reading":  second(f.ReadAt(b, 0)),
		"syncing":  f.Sync(),
		"cutting":  f.Truncate(0),
		"looking":  second(os.Stat(at + "/a")),
		"listing":  second(os.ReadDir(at)),
		"opening":  second(os.Open(at + "/a")),
		"making":   os.Mkdir(at+"/d", 0o755),
		"renaming": os.Rename(at+"/a", at+"/b"),
		"removing": os.Remove(at + "/a"),
	} {
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := layer.Cut(at+"/after", 1); err == nil {
		t.Error("a target within the mount was taken")
	}
	if err := layer.Cut(filepath.Dir(at), 1); err == nil {
		t.Error("a target that is not empty was taken")
	}
}

func second[T any](_ T, err error) error { return err }

func TestFreezeAfter(t *testing.T) {
	layer, at := mount(t, powercut.Options{}, nil)
	before, err := layer.Changes()
	check(t, err)
	put(t, at+"/a", "first", true) // create, write, sync
	syncFolder(t, at)
	after, err := layer.Changes()
	check(t, err)
	if after-before != 4 {
		t.Errorf("%d changes were counted, not 4", after-before)
	}
	check(t, layer.FreezeAfter(2))
	put(t, at+"/b", "second", false) // create, write
	if err := os.Truncate(at+"/b", 0); !errors.Is(err, syscall.EIO) {
		t.Errorf("the third change: %v", err)
	}
	if found := states(t, layer, 30); found["a=first"] == 0 || found["a=first\nb=second"] == 0 {
		t.Errorf("found\n%s", sorted(found))
	}
}

func TestFullDisk(t *testing.T) {
	layer, at := mount(t, powercut.Options{}, map[string]string{"a": strings.Repeat("o", 8192)})
	f, err := os.OpenFile(at+"/a", os.O_RDWR, 0)
	check(t, err)
	defer f.Close()
	check(t, layer.SetFull(true))
	_, err = f.WriteAt([]byte("overwrite"), 100)
	check(t, err)
	_, past := f.WriteAt([]byte("x"), 8192)
	n, err := unix.Pwrite(int(f.Fd()), make([]byte, 200), 8092)
	if n != 100 || err != nil {
		t.Errorf("writing across the end wrote %d bytes: %v", n, err)
	}
	for name, err := range map[string]error{
		"writing past the end": past,
		"making a file":        second(os.Create(at + "/b")),
		"making a folder":      os.Mkdir(at+"/d", 0o755),
	} {
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v", name, err)
		}
	}
	check(t, f.Sync())
	check(t, layer.SetFull(false))
	_, err = f.WriteAt([]byte("x"), 8192)
	check(t, err)
}

func TestFailedSyncLetsGo(t *testing.T) {
	const old, fresh = "a=" + "oooo", "a=" + "nnnn"
	for _, again := range []bool{false, true} {
		layer, at := mount(t, powercut.Options{}, map[string]string{"a": "oooo"})
		f, err := os.OpenFile(at+"/a", os.O_RDWR, 0)
		check(t, err)
		write := func() { _, err := f.WriteAt([]byte("nnnn"), 0); check(t, err) }
		write()
		check(t, layer.FailSync(true))
		if err := f.Sync(); !errors.Is(err, syscall.EIO) {
			t.Errorf("the failing sync: %v", err)
		}
		check(t, layer.FailSync(false))
		if again {
			write()
		}
		check(t, f.Sync())
		found := states(t, layer, 30)
		f.Close()
		if lost := found[old] > 0; lost == again || found[fresh] == 0 {
			t.Errorf("written again %v: found\n%s", again, sorted(found))
		}
	}
}

func TestUnmountLeavesEverything(t *testing.T) {
	if err := powercut.Available(); err != nil {
		t.Skip(err)
	}
	backing, at := t.TempDir(), t.TempDir()
	layer, err := powercut.Mount(backing, at, powercut.Options{})
	check(t, err)
	put(t, at+"/a", "content", false)
	check(t, layer.Unmount())
	if content, err := os.ReadFile(backing + "/a"); string(content) != "content" || err != nil {
		t.Errorf("the backing folder has %q: %v", content, err)
	}
	if left, err := os.ReadDir(at); len(left) > 0 || err != nil {
		t.Errorf("the mount point has %v: %v", left, err)
	}
}

func TestLocks(t *testing.T) {
	_, at := mount(t, powercut.Options{}, map[string]string{"a": "old"})
	one, err := os.OpenFile(at+"/a", os.O_RDWR, 0)
	check(t, err)
	defer one.Close()
	two, err := os.OpenFile(at+"/a", os.O_RDWR, 0)
	check(t, err)
	defer two.Close()
	check(t, syscall.Flock(int(one.Fd()), syscall.LOCK_EX))
	if err := syscall.Flock(int(two.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("a second flock: %v", err)
	}
	// Open-file-description locks tell two descriptors of one process apart.
	lock := unix.Flock_t{Type: unix.F_WRLCK, Len: 1}
	check(t, unix.FcntlFlock(one.Fd(), unix.F_OFD_SETLK, &lock))
	if err := unix.FcntlFlock(two.Fd(), unix.F_OFD_SETLK, &lock); !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("a second fcntl lock: %v", err)
	}
}

func TestMappedMemoryIsShared(t *testing.T) {
	layer, at := mount(t, powercut.Options{}, map[string]string{"a": strings.Repeat("o", 8192)})
	var maps [2][]byte
	for i := range maps {
		f, err := os.OpenFile(at+"/a", os.O_RDWR, 0)
		check(t, err)
		maps[i], err = syscall.Mmap(int(f.Fd()), 0, 8192, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
		check(t, err)
		defer syscall.Munmap(maps[i])
		defer f.Close()
	}
	maps[0][10] = 'n'
	if maps[1][10] != 'n' {
		t.Error("one mapping does not show what was written by another")
	}
	check(t, unix.Msync(maps[0], unix.MS_SYNC))
	if content, err := os.ReadFile(at + "/a"); err != nil || content[10] != 'n' {
		t.Errorf("reading does not show what was written to memory: %v", err)
	}
	if found := states(t, layer, 10); len(found) != 1 {
		t.Errorf("memory that was synced is not durable: found\n%s", sorted(found))
	}
	_ = maps[1][5000] // not touched before: must not kill the test
}

func TestManyAtOnce(t *testing.T) {
	layer, at := mount(t, powercut.Options{}, nil)
	start := time.Now()
	var wait sync.WaitGroup
	const workers, rounds = 8, 25
	for w := range workers {
		wait.Go(func() {
			folder := fmt.Sprintf("%s/%d", at, w)
			if err := os.Mkdir(folder, 0o755); err != nil {
				t.Error(err)
				return
			}
			for i := range rounds {
				put(t, fmt.Sprintf("%s/tmp", folder), strings.Repeat("x", 20000), true)
				if err := os.Rename(folder+"/tmp", fmt.Sprintf("%s/%d", folder, i)); err != nil {
					t.Error(err)
				}
				syncFolder(t, folder)
			}
		})
	}
	wait.Wait()
	syncFolder(t, at)
	t.Logf("%d syncs in %v", 2*workers*rounds, time.Since(start))
	found := states(t, layer, 3)
	if len(found) != 1 {
		t.Errorf("%d states after everything was synced", len(found))
	}
	for state := range found {
		if n := strings.Count(state, "="); n != workers*rounds {
			t.Errorf("%d files survive, not %d", n, workers*rounds)
		}
	}
}

func BenchmarkSync(b *testing.B) {
	_, at := mount(b, powercut.Options{}, nil)
	f, err := os.Create(at + "/a")
	check(b, err)
	defer f.Close()
	data := make([]byte, 4096)
	for b.Loop() {
		_, err := f.WriteAt(data, 0)
		check(b, err)
		check(b, f.Sync())
	}
}

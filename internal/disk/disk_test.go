package disk

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"strongroom"
	"strongroom/internal/storetest"
	"strongroom/vault"
)

func TestDisk(t *testing.T) {
	storetest.Blobs(t, func(t *testing.T) func(*testing.T) vault.Blobs {
		root := t.TempDir()
		return func(t *testing.T) vault.Blobs {
			t.Helper()
			b, err := Open(root, true)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
	})
}

func open(t *testing.T, root string, clean bool) *Blobs {
	t.Helper()
	b, err := Open(root, clean)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func create(t *testing.T, b *Blobs, name string) vault.BlobWriter {
	t.Helper()
	w, err := b.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("content")); err != nil {
		t.Fatal(err)
	}
	return w
}

func count(t *testing.T, root string) (n int) {
	t.Helper()
	err := filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What a crash left half-written is removed by who is alone there, and by nobody else.
func TestCleaning(t *testing.T) {
	root := t.TempDir()
	b := open(t, root, true)
	if err := create(t, b, strongroom.NewID().String()).Commit(); err != nil {
		t.Fatal(err)
	}
	half := create(t, b, strongroom.NewID().String())
	if _, err := half.Write(make([]byte, smallLimit)); err != nil { // too much for memory
		t.Fatal(err)
	}
	if err := b.journal.close(); err != nil {
		t.Fatal(err)
	}
	open(t, root, false)
	if n := count(t, root); n != 2 {
		t.Fatalf("%d files, a whole and a half-written one", n)
	}
	open(t, root, true)
	if n := count(t, root); n != 1 {
		t.Errorf("%d files are left of a whole and a half-written one", n)
	}
	if err := half.Commit(); err == nil {
		t.Error("what was removed was committed")
	}
	for f, err := range b.List(t.Context()) {
		if err != nil || f.Size != 7 {
			t.Errorf("%+v, %v", f, err)
		}
	}
}

// Only their owner may read sealed files.
func TestPermissions(t *testing.T) {
	root := filepath.Join(t.TempDir(), "blobs")
	if err := create(t, open(t, root, true), strongroom.NewID().String()).Commit(); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What does not belong there is not listed as a blob.
func TestStrangersAreNotListed(t *testing.T) {
	root := t.TempDir()
	b := open(t, root, true)
	for _, name := range []string{"notes.txt", temporary + "x", strongroom.NewID().String() + "~"} {
		if err := os.WriteFile(filepath.Join(root, "ab", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for f, err := range b.List(t.Context()) {
		t.Errorf("listed: %+v, %v", f, err)
	}
}

// A listing ends with its context.
func TestListingEnds(t *testing.T) {
	b := open(t, t.TempDir(), true)
	if err := create(t, b, strongroom.NewID().String()).Commit(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range b.List(ctx) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("it goes on: %v", err)
		}
	}
}

// A full disk is told as one, and as something that passes.
func TestFull(t *testing.T) {
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		err := full(&fs.PathError{Op: "write", Path: "/rooms/secret", Err: cause})
		e, ok := errors.AsType[*strongroom.Error](err)
		if !ok || e.Kind != strongroom.KindUnavailable || e.Hint == "" || strings.Contains(e.Error(), "/rooms") || !errors.Is(err, cause) {
			t.Errorf("%v is told as %v", cause, err)
		}
	}
	if err := full(syscall.EIO); strongroom.KindOf(err) != "" {
		t.Errorf("another failure is told as %v", err)
	}
}

func TestFree(t *testing.T) {
	if n, err := Free(t.TempDir()); err != nil || n <= 0 {
		t.Errorf("%d bytes are free, %v", n, err)
	}
}

// Whoever only reads changes nothing: a backup may lie on a read-only disk.
func TestReadingMakesNothing(t *testing.T) {
	root := t.TempDir()
	b := open(t, root, false)
	for f, err := range b.List(t.Context()) {
		t.Errorf("an empty folder lists %+v, %v", f, err)
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 0 {
		t.Errorf("%d entries were made, %v", len(entries), err)
	}
}

// The folders of blobs lie far from each other where the file system can place them so.
func TestSpread(t *testing.T) {
	flags := func(path string) (uint32, error) {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		return unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	}
	root := filepath.Join(t.TempDir(), "blobs")
	b, err := Open(root, true)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var s unix.Statfs_t
	if err := unix.Statfs(root, &s); err != nil {
		t.Fatal(err)
	}
	if s.Type != unix.EXT4_SUPER_MAGIC {
		t.Skip("this file system is not ext4")
	}
	if got, err := flags(root); err != nil || got&topDirectory == 0 {
		t.Errorf("the attributes of the folder of blobs are %x (%v), without T", got, err)
	}
	if got, err := flags(filepath.Join(root, "00")); err != nil || got&topDirectory != 0 {
		t.Errorf("the attributes of a folder of it are %x (%v), with T", got, err)
	}
}

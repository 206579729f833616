// Package disk keeps sealed blobs as files of one folder. A blob becomes visible
// under its name only when all of it is durable. A large one is written under a
// temporary name, fsynced, renamed, and the folder fsynced. A small one is made durable
// in a journal, together with others, then named; its file is made durable later, and
// after a crash the next writer writes it again from the journal. A crash at any point
// leaves either the whole blob or something that the next Open removes. Names are
// those the vault makes (hexadecimal, dots); no name that a person chose ever
// becomes a path. docs/design/small-blobs.md has the journal's reasons.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"strongroom"
	"strongroom/vault"
)

var nameForm = regexp.MustCompile(`^[0-9a-f]{32}(\.[0-9a-z]{1,48}){0,2}$`)

const temporary = ".tmp-"

// Blobs is a folder of sealed blobs in 256 subfolders, with a journal of small ones.
type Blobs struct {
	root string
	n    atomic.Uint64
	run  string

	folders map[string]*folder // fixed after Open
	journal *journal           // of the writer
	overlay overlay            // of everybody else
}

// folder groups the fsyncs of one subfolder: renames that arrive while one is
// under way share the next.
type folder struct {
	path    string
	mu      sync.Mutex
	running bool
	waiting []chan error
}

// Open opens the folder. The only writer has its subfolders made, what a crash left
// half-written removed, and the journal that it left replayed; everybody else changes
// nothing, may be on a read-only disk, and finds in the journal what nobody replayed yet.
func Open(root string, writer bool) (_ *Blobs, err error) {
	b := &Blobs{root: root, run: strongroom.NewID().String()[:8], folders: map[string]*folder{}}
	if writer {
		if err := os.MkdirAll(root, 0o700); err != nil {
			return nil, fmt.Errorf("making a blob folder: %w", err)
		}
		Spread(root)
	}
	for i := range 256 {
		name := fmt.Sprintf("%02x", i)
		path := filepath.Join(root, name)
		if writer {
			if err := os.MkdirAll(path, 0o700); err != nil {
				return nil, fmt.Errorf("making a blob folder: %w", err)
			}
			if err := removeStale(path); err != nil {
				return nil, err
			}
		}
		b.folders[name] = &folder{path: path}
	}
	if !writer {
		b.overlay, err = readOverlay(root)
		return b, err
	}
	if err := SyncFolder(root); err != nil {
		return nil, err
	}
	return b, b.takeOver()
}

// Close makes durable by itself what only the journal makes durable so far. What is
// stored or removed afterwards fails; reading goes on.
func (b *Blobs) Close() error {
	if b.journal == nil {
		b.overlay.close()
		return nil
	}
	return b.journal.close()
}

func removeStale(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("looking for half-written blobs: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), temporary) {
			continue
		}
		if err := os.Remove(filepath.Join(path, e.Name())); err != nil {
			return fmt.Errorf("removing a half-written blob: %w", err)
		}
	}
	return nil
}

func (b *Blobs) folder(name string) (*folder, error) {
	if !nameForm.MatchString(name) {
		return nil, fmt.Errorf("%q is no blob name", name)
	}
	return b.folders[name[:2]], nil
}

// sync makes the folder's entries durable. The fsync that answers a caller began
// after the call.
func (d *folder) sync() error {
	done := make(chan error, 1)
	d.mu.Lock()
	d.waiting = append(d.waiting, done)
	if !d.running {
		d.running = true
		go d.work()
	}
	d.mu.Unlock()
	return <-done
}

func (d *folder) work() {
	for {
		d.mu.Lock()
		batch := d.waiting
		d.waiting = nil
		if len(batch) == 0 {
			d.running = false
			d.mu.Unlock()
			return
		}
		d.mu.Unlock()
		err := SyncFolder(d.path)
		for _, done := range batch {
			done <- err
		}
	}
}

// SyncFolder makes the names in a folder durable.
func SyncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening a folder to fsync it: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("fsync of a folder: %w", err)
	}
	return nil
}

// Open opens a blob for reading at any place.
func (b *Blobs) Open(_ context.Context, name string) (vault.BlobReader, error) {
	dir, err := b.folder(name)
	if err != nil {
		return nil, err
	}
	if l, ok := b.overlay.of(name); ok {
		return l.open()
	}
	f, err := os.Open(filepath.Join(dir.path, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("opening a blob: %w", vault.ErrNoBlob)
	} else if err != nil {
		return nil, fmt.Errorf("opening a blob: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("measuring a blob: %w", err)
	}
	return reader{File: f, size: info.Size()}, nil
}

type reader struct {
	*os.File
	size int64
}

func (r reader) Size() int64 { return r.size }

// Remove removes a blob; one that is not there is no error. The removal need not
// be durable: a blob that nothing refers to is swept again.
func (b *Blobs) Remove(_ context.Context, name string) error {
	dir, err := b.folder(name)
	if err != nil {
		return err
	}
	if j := b.journal; j != nil {
		j.enter(name)
		defer j.leave(name)
		j.removed(name)
	}
	if err := os.Remove(filepath.Join(dir.path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing a blob: %w", err)
	}
	return nil
}

// List goes through the names and ages of all blobs.
func (b *Blobs) List(ctx context.Context) iter.Seq2[vault.BlobFile, error] {
	return func(yield func(vault.BlobFile, error) bool) {
		seen := map[string]struct{}{} // of the overlay
		for i := range 256 {
			if !b.listFolder(ctx, filepath.Join(b.root, fmt.Sprintf("%02x", i)), seen, yield) {
				return
			}
		}
		for name := range b.overlay {
			if _, twice := seen[name]; twice {
				continue
			}
			if l, ok := b.overlay.of(name); ok && l.kind == entryPut && !yield(l.file(name), ctx.Err()) {
				return
			}
		}
	}
}

func (b *Blobs) listFolder(ctx context.Context, path string, seen map[string]struct{}, yield func(vault.BlobFile, error) bool) bool {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true // nothing was ever written here
	} else if err != nil {
		return yield(vault.BlobFile{}, fmt.Errorf("listing blobs: %w", err))
	}
	defer f.Close()
	for {
		entries, err := f.ReadDir(1024)
		for _, e := range entries {
			info, err := e.Info()
			if err != nil || !nameForm.MatchString(e.Name()) {
				continue // vanished meanwhile, or a temporary file
			}
			file := vault.BlobFile{Name: e.Name(), Size: info.Size(), Modified: info.ModTime()}
			if l, ok := b.overlay.of(e.Name()); ok {
				seen[e.Name()] = struct{}{}
				if l.kind == entryGone {
					continue
				}
				file = l.file(e.Name())
			}
			if !yield(file, ctx.Err()) {
				return false
			}
		}
		if errors.Is(err, io.EOF) {
			return true
		} else if err != nil {
			return yield(vault.BlobFile{}, fmt.Errorf("listing blobs: %w", err))
		}
	}
}

// Free returns the bytes that can still be written to a folder's file system.
func Free(path string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, fmt.Errorf("asking for free space: %w", err)
	}
	return int64(s.Bavail) * s.Bsize, nil
}

// full turns "no space left" into the error that a person sees.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &strongroom.Error{
			Kind:    strongroom.KindUnavailable,
			Message: "the room's disk is full, so nothing was stored",
			Hint:    "try again once the operator has made room",
			Cause:   err,
		}
	}
	return err
}

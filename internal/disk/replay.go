package disk

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"strongroom/vault"
)

// found is a segment to be read.
type found struct {
	f    *os.File
	path string
	id   segmentID
	end  int64     // read no further
	mod  time.Time // when it was last written to; zero while it is in use
}

// latest is the newest entry of a name.
type latest struct {
	kind entryKind
	in   *found
	at   int64
	size int64
}

func (l latest) read() ([]byte, error) {
	content := make([]byte, l.size)
	if _, err := l.in.f.ReadAt(content, l.at); err != nil {
		return nil, fmt.Errorf("reading %s: %w", l.in.path, err)
	}
	return content, nil
}

// open opens the blob for reading.
func (l latest) open() (vault.BlobReader, error) {
	if l.kind == entryGone {
		return nil, fmt.Errorf("opening a blob: %w", vault.ErrNoBlob)
	}
	content, err := l.read()
	if err != nil {
		return nil, err
	}
	m := &inMemory{}
	m.Reset(content)
	return m, nil
}

func (l latest) file(name string) vault.BlobFile {
	return vault.BlobFile{Name: name, Size: l.size, Modified: l.in.mod}
}

// leftBehind opens the segments whose writer is gone, oldest first, and answers the
// highest number that any segment has. One that somebody writes to is left out: what it
// tells of has its own file.
func leftBehind(folder string) (all []found, highest uint64, err error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	} else if err != nil {
		return nil, 0, fmt.Errorf("looking for the journal of small blobs: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "segment-") {
			continue
		}
		path := filepath.Join(folder, e.Name())
		id, ok := parseSegmentName(e.Name())
		if !ok {
			closeAll(all)
			return nil, 0, damaged(path, errors.New("its name is none that this version of the program gives"))
		}
		highest = max(highest, id.number())
		f, info, err := openIdle(path)
		if err != nil {
			closeAll(all)
			return nil, 0, err
		} else if f != nil {
			all = append(all, found{f: f, path: path, id: id, end: info.Size(), mod: info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b found) int { return cmp.Compare(a.id.number(), b.id.number()) })
	return all, highest, nil
}

// openIdle opens a file of the journal, or answers nil where somebody writes to it or
// it is gone.
func openIdle(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	} else if err != nil {
		return nil, nil, fmt.Errorf("opening the journal of small blobs: %w", err)
	}
	err = again(func() error { return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) })
	if err == unix.EWOULDBLOCK {
		f.Close()
		return nil, nil, nil
	}
	var info fs.FileInfo
	if err == nil {
		err = unix.Flock(int(f.Fd()), unix.LOCK_UN)
	}
	if err == nil {
		info, err = f.Stat()
	}
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("looking whether somebody writes to %s: %w", path, err)
	}
	return f, info, nil
}

func closeAll(all []found) {
	for _, s := range all {
		s.f.Close()
	}
}

// newest reads segments, oldest first: of several entries of a name the last one counts.
func newest(all []found) (map[string]latest, error) {
	names := map[string]latest{}
	for i := range all {
		s := &all[i]
		err := readSegment(io.NewSectionReader(s.f, 0, s.end), s.end, s.id, func(kind entryKind, name string, at int64, content []byte) error {
			names[name] = latest{kind, s, at, int64(len(content))}
			return nil
		})
		if err != nil {
			return nil, damaged(s.path, err)
		}
	}
	return names, nil
}

// replay writes every file that segments tell of, durably. It compares nothing: that the
// system shows the right content does not prove that the disk has it. Names that are gone
// since are left alone.
func (b *Blobs) replay(all []found, gone map[string]struct{}) error {
	if len(all) == 0 {
		return nil
	}
	names, err := newest(all)
	if err != nil {
		return err
	}
	touched := map[string]struct{}{}
	for name, l := range names {
		if _, skip := gone[name]; skip || l.kind == entryElsewhere {
			continue
		}
		path := filepath.Join(b.root, name[:2], name)
		touched[name] = struct{}{}
		if l.kind == entryGone {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("removing a blob again: %w", err)
			}
			continue
		}
		content, err := l.read()
		if err != nil {
			return err
		}
		temp := b.temporaryPath(filepath.Dir(path))
		if err := writeNew(temp, content); err != nil {
			return err
		}
		if err := rename(temp, path); err != nil {
			return fmt.Errorf("naming a blob: %w", full(err))
		}
		if !l.in.mod.IsZero() { // what no row names is to be swept when it would have been
			if err := os.Chtimes(path, l.in.mod, l.in.mod); err != nil {
				return fmt.Errorf("giving a blob its age: %w", err)
			}
		}
	}
	return b.syncNames(all[0].f, touched)
}

// drop removes segments that nobody needs any more.
func drop(folder string, all []found) error {
	if len(all) == 0 {
		return nil
	}
	for _, s := range all {
		if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a segment of the journal: %w", err)
		}
	}
	if err := SyncFolder(folder); err != nil {
		return err
	}
	closeAll(all)
	return nil
}

// takeOver replays what a crash left in the journal, and begins one.
func (b *Blobs) takeOver() error {
	folder := filepath.Join(b.root, journalFolder)
	all, highest, err := leftBehind(folder)
	if err != nil {
		return err
	}
	if err = b.replay(all, nil); err == nil {
		err = drop(folder, all)
	}
	if err == nil {
		err = removeSpares(folder)
	}
	if err != nil {
		closeAll(all)
		return err
	}
	b.journal = newJournal(b, folder, highest+1)
	return nil
}

// removeSpares removes the spare segments whose writer is gone.
func removeSpares(folder string) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("looking for spare segments of the journal: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "spare-") {
			continue
		}
		path := filepath.Join(folder, e.Name())
		f, _, err := openIdle(path)
		if err != nil {
			return err
		} else if f == nil {
			continue
		}
		f.Close()
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("removing a spare segment of the journal: %w", err)
		}
	}
	return nil
}

// overlay is what a reader finds in segments that nobody replayed yet.
type overlay map[string]latest

// of answers the newest entry of a name, while its segment is there: once a writer has
// replayed it the file tells.
func (o overlay) of(name string) (latest, bool) {
	l, ok := o[name]
	if !ok || l.kind == entryElsewhere {
		return l, false
	}
	var s unix.Stat_t
	if err := unix.Fstat(int(l.in.f.Fd()), &s); err != nil || s.Nlink == 0 {
		return l, false
	}
	return l, true
}

func readOverlay(root string) (overlay, error) {
	all, _, err := leftBehind(filepath.Join(root, journalFolder))
	if err != nil || len(all) == 0 {
		return nil, err
	}
	o, err := newest(all)
	if err != nil {
		closeAll(all)
	}
	return o, err
}

// close closes the segments.
func (o overlay) close() {
	for _, l := range o {
		l.in.f.Close() // several times the same, which is no harm
	}
}

// inMemory is a small blob of a segment, read as a whole.
type inMemory struct {
	bytes.Reader
	closed atomic.Bool
}

func (m *inMemory) ReadAt(p []byte, at int64) (int, error) {
	if m.closed.Load() {
		return 0, fs.ErrClosed
	}
	return m.Reader.ReadAt(p, at)
}

func (m *inMemory) Close() error {
	m.closed.Store(true)
	return nil
}

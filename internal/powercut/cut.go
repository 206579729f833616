//go:build linux

package powercut

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

const sector = 512 // the least that a drive writes at once

// mood is how a seed treats what is not durable.
type mood int

const (
	dropAll mood = iota
	keepAll
	inOrder // what came first is kept, the next is torn, the rest dropped
	byItself
	moods
)

// cut freezes the disk and writes to target, which must be empty or absent, a
// state in which the disk could be found. It can be called again for another
// state of the same instant.
func (d *disk) cut(target string, seed uint64) error {
	d.mu.Lock()
	d.frozen = true
	d.mu.Unlock()
	// Without the lock, so that a target within the mount fails instead of waiting for us.
	if err := os.MkdirAll(target, 0o755); err != nil {
		return fmt.Errorf("making the target folder: %w", err)
	}
	if there, err := os.ReadDir(target); err != nil || len(there) > 0 {
		return errors.Join(fmt.Errorf("the target folder %s is not empty", target), err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	random := rand.New(rand.NewPCG(seed, 0))
	s := survivors{disk: d, random: random, folders: map[*node]map[string]*node{}, written: map[*node]string{}}
	// A quarter of the seeds treat all files and folders alike.
	s.common = random.IntN(4) == 0
	s.mood = mood(random.IntN(int(moods)))
	s.chooseChanges()
	if err := s.writeFolder(d.root, target); err != nil {
		return fmt.Errorf("writing what survives: %w", err)
	}
	return nil
}

// survivors is one state after a power cut in the making.
type survivors struct {
	*disk
	random  *rand.Rand
	common  bool // mood holds for everything
	mood    mood
	folders map[*node]map[string]*node // entries that survive
	written map[*node]string           // where in the target a node stands
}

// nextMood is the mood for the next file, or for the folders.
func (s *survivors) nextMood() mood {
	if s.common {
		return s.mood
	}
	return mood(s.random.IntN(int(moods)))
}

// chance is how likely a single thing survives when each goes its own way.
func (s *survivors) chance() float64 { return 0.1 + 0.8*s.random.Float64() }

func (s *survivors) entries(folder *node) map[string]*node {
	if s.folders[folder] == nil {
		s.folders[folder] = maps.Clone(folder.kept)
	}
	return s.folders[folder]
}

// chooseChanges settles which changes to folders survive.
func (s *survivors) chooseChanges() {
	how, chance, most := s.nextMood(), s.chance(), s.random.IntN(len(s.pending)+1)
	lost := map[place]struct{}{}
	for i, c := range s.pending {
		drop := c.touches(lost) || c.barrier && len(lost) > 0
		switch how {
		case dropAll:
			drop = true
		case inOrder:
			drop = drop || i >= most
		case byItself:
			drop = drop || s.random.Float64() > chance
		}
		for p, n := range c.sets {
			if drop {
				lost[p] = struct{}{}
			} else {
				put(s.entries(p.folder), p.name, n)
			}
		}
	}
}

func (s *survivors) writeFolder(folder *node, path string) error {
	entries := s.entries(folder)
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		n, at := entries[name], filepath.Join(path, name)
		if first, again := s.written[n]; again && n.kind != syscall.S_IFDIR {
			if err := os.Link(first, at); err != nil {
				return err
			}
			continue
		}
		s.written[n] = at
		var err error
		switch n.kind {
		case syscall.S_IFDIR:
			if err = os.Mkdir(at, 0o700); err == nil {
				err = s.writeFolder(n, at)
			}
		case syscall.S_IFLNK:
			if err = os.Symlink(n.link, at); err == nil {
				continue
			}
		default:
			err = s.writeFile(n, at)
		}
		if err == nil {
			err = os.Chmod(at, fs.FileMode(n.perm&0o777))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeFile puts the durable content at path, then what survives of the writes since.
func (s *survivors) writeFile(n *node, path string) (err error) {
	if err := s.open(n); err != nil {
		return err
	}
	defer s.close(n)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := n.file.Stat()
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, io.NewSectionReader(n.file, 0, info.Size())); err != nil {
		return err
	}
	for p, image := range n.earlier {
		if _, err := f.WriteAt(image, p*page); err != nil {
			return err
		}
	}
	for _, p := range slices.Sorted(maps.Keys(n.doubt)) {
		if s.random.IntN(2) == 0 {
			continue
		}
		image := make([]byte, page)
		copy(image, n.doubt[p])
		if _, err := f.WriteAt(image, p*page); err != nil {
			return err
		}
	}
	if err := f.Truncate(n.size); err != nil {
		return err
	}
	how, chance, most := s.nextMood(), s.chance(), s.random.IntN(len(n.writes)+1)
	for i, w := range n.writes {
		switch {
		case how == dropAll, how == inOrder && i > most:
			continue
		case how == keepAll, how == inOrder && i < most, how == byItself && s.random.Float64() < chance:
			err = apply(f, w)
		default:
			err = s.tear(f, w)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func apply(f *os.File, w write) error {
	if w.data == nil {
		return f.Truncate(w.offset)
	}
	_, err := f.WriteAt(w.data, w.offset)
	return err
}

// tear lets part of a write survive, or none.
func (s *survivors) tear(f *os.File, w write) error {
	how := s.random.IntN(4)
	if w.data == nil || how == 0 {
		return nil
	}
	if how == 1 {
		_, err := f.WriteAt(w.data[:s.random.IntN(len(w.data)+1)], w.offset)
		return err
	}
	data := w.data
	for at := w.offset; len(data) > 0; {
		n := min(int(sector-at%sector), len(data))
		part := data[:n]
		outcome := s.random.IntN(how) // 2: kept or dropped; 3: or zeros
		if outcome == 2 {
			part = make([]byte, n)
		}
		if outcome != 0 {
			if _, err := f.WriteAt(part, at); err != nil {
				return err
			}
		}
		at, data = at+int64(n), data[n:]
	}
	return nil
}

//go:build linux

package powercut

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const page = 4096 // the grain in which earlier content is remembered

// disk is the model: the live tree in the backing folder, and beside it, in
// memory, what of it is not durable yet.
type disk struct {
	backing string

	mu       sync.RWMutex // guards everything below and every node
	root     *node
	last     uint64    // highest inode number given out
	pending  []*change // to folders, not durable yet, oldest first
	frozen   bool
	full     bool
	failSync bool
	failName string // of the files whose syncs fail; "" is all
	changes  int    // made so far, syncs included
	left     int    // changes until the disk freezes by itself; -1: never
}

// place is one name in a folder.
type place struct {
	folder *node
	name   string
}

// node is a file, folder or symbolic link.
type node struct {
	number uint64
	kind   uint32 // S_IFREG, S_IFDIR or S_IFLNK
	perm   uint32
	names  map[place]struct{} // where it is now; more than one for hard links
	file   *os.File           // the backing file, while open or removed
	opens  int

	live, kept map[string]*node // of a folder: entries as they are, and as they are durable
	link       string           // of a symbolic link

	// Of a file: the durable content is the live one with earlier laid over it,
	// cut or stretched to size.
	size    int64
	earlier map[int64][]byte // pages as they are durable, by number; only those changed since
	writes  []write          // since the last sync, oldest first
	failed  int              // how many of writes a failed sync has let go of
	doubt   map[int64][]byte // pages that a failed sync let go of, as they were before
}

// write is one write, or a truncation to offset if data is nil.
type write struct {
	offset int64
	data   []byte
}

// change is one atomic change to one or two folders.
type change struct {
	sets    map[place]*node    // what each name leads to afterwards; nil: nothing
	waits   map[*node]struct{} // folders yet to be synced
	barrier bool               // moves a folder: comes after everything before it
}

// openDisk takes what stands in the backing folder for durable.
func openDisk(backing string) (*disk, error) {
	d := &disk{backing: backing, left: -1}
	d.root = d.newNode(syscall.S_IFDIR, 0o755)
	known := map[uint64]*node{} // files with several names, by backing inode
	var read func(folder *node, path string) error
	read = func(folder *node, path string) error {
		entries, err := os.ReadDir(path)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			var st syscall.Stat_t
			at := filepath.Join(path, entry.Name())
			if err := syscall.Lstat(at, &st); err != nil {
				return err
			}
			n := known[st.Ino]
			if n == nil {
				n = d.newNode(st.Mode&syscall.S_IFMT, st.Mode&0o7777)
				n.size = st.Size
				switch n.kind {
				case syscall.S_IFREG:
					known[st.Ino] = n
				case syscall.S_IFLNK:
					if n.link, err = os.Readlink(at); err != nil {
						return err
					}
				case syscall.S_IFDIR:
					if err := read(n, at); err != nil {
						return err
					}
				default:
					return fmt.Errorf("%s is neither file, folder nor symbolic link", at)
				}
			}
			set(folder, entry.Name(), n)
			folder.kept[entry.Name()] = n
		}
		return nil
	}
	if err := read(d.root, backing); err != nil {
		return nil, fmt.Errorf("reading the backing folder: %w", err)
	}
	return d, nil
}

func (d *disk) newNode(kind, perm uint32) *node {
	d.last++
	n := &node{number: d.last, kind: kind, perm: perm, names: map[place]struct{}{}}
	if kind == syscall.S_IFDIR {
		n.live, n.kept = map[string]*node{}, map[string]*node{}
	}
	return n
}

// set makes a live name lead to n, or to nothing.
func set(folder *node, name string, n *node) {
	if old := folder.live[name]; old != nil {
		delete(old.names, place{folder, name})
		delete(folder.live, name)
	}
	if n != nil {
		folder.live[name] = n
		n.names[place{folder, name}] = struct{}{}
	}
}

// path is where the backing folder has n, or "" if n was removed. (The kernel
// asks for nothing inside a removed folder.)
func (d *disk) path(n *node) string {
	if n == d.root {
		return d.backing
	}
	for p := range n.names {
		if folder := d.path(p.folder); folder != "" {
			return filepath.Join(folder, p.name)
		}
	}
	return ""
}

// change admits one change, or answers why not.
func (d *disk) change() error {
	if d.left == 0 {
		d.frozen = true
	}
	if d.frozen {
		return syscall.EIO
	}
	if d.left > 0 {
		d.left--
	}
	d.changes++
	return nil
}

// open makes sure that n.file is there.
func (d *disk) open(n *node) (err error) {
	if n.file != nil {
		return nil
	}
	n.file, err = os.OpenFile(d.path(n), os.O_RDWR, 0)
	return err
}

// close lets go of n.file when nobody has it open. A removed file stays open:
// its name may come back; the runtime closes it when nothing leads to it any more.
func (d *disk) close(n *node) {
	if n.opens == 0 && n.file != nil && len(n.names) > 0 {
		n.file.Close()
		n.file = nil
	}
}

// remember saves, before they change, the durable pages from one offset to another.
func (n *node) remember(from, to int64) error {
	to = min(to, n.size)
	for p := from / page; p*page < to; p++ {
		if _, saved := n.earlier[p]; saved {
			continue
		}
		image := make([]byte, page)
		if _, err := n.file.ReadAt(image, p*page); err != nil && err != io.EOF {
			return err
		}
		if n.earlier == nil {
			n.earlier = map[int64][]byte{}
		}
		n.earlier[p] = image
	}
	return nil
}

// allocated is how many bytes from offset on can be overwritten in place.
func (n *node) allocated(offset int64, length int) (int, error) {
	info, err := n.file.Stat()
	if err != nil {
		return 0, err
	}
	end := min(offset+int64(length), info.Size())
	if end <= offset {
		return 0, nil
	}
	hole, err := unix.Seek(int(n.file.Fd()), offset, unix.SEEK_HOLE)
	if err != nil {
		return 0, err
	}
	return int(max(min(hole, end)-offset, 0)), nil
}

func (d *disk) write(n *node, data []byte, offset int64, synced bool) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change(); err != nil {
		return 0, err
	}
	if d.full {
		room, err := n.allocated(offset, len(data))
		if err != nil {
			return 0, err
		}
		if room == 0 {
			return 0, syscall.ENOSPC
		}
		data = data[:room]
	}
	if err := n.remember(offset, offset+int64(len(data))); err != nil {
		return 0, err
	}
	if _, err := n.file.WriteAt(data, offset); err != nil {
		return 0, err
	}
	n.writes = append(n.writes, write{offset, slices.Clone(data)})
	if synced {
		return len(data), d.settle(n)
	}
	return len(data), nil
}

func (d *disk) truncate(n *node, size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change(); err != nil {
		return err
	}
	if err := d.open(n); err != nil {
		return err
	}
	defer d.close(n)
	if err := n.remember(size, n.size); err != nil {
		return err
	}
	if err := n.file.Truncate(size); err != nil {
		return err
	}
	n.writes = append(n.writes, write{offset: size})
	return nil
}

// sync makes a file's content durable, or a folder's names.
func (d *disk) sync(n *node) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change(); err != nil {
		return err
	}
	if n.kind == syscall.S_IFDIR {
		if d.fails(n) {
			return syscall.EIO
		}
		d.settleFolder(n)
		return nil
	}
	if err := d.open(n); err != nil {
		return err
	}
	defer d.close(n)
	return d.settle(n)
}

// settle makes a file's content durable. When syncs fail, the pages written are
// taken for clean all the same, as Linux does: a later sync that succeeds does not
// make them durable, unless they have been written again.
func (d *disk) settle(n *node) error {
	if d.fails(n) {
		n.failed = len(n.writes)
		return syscall.EIO
	}
	info, err := n.file.Stat()
	if err != nil {
		return err
	}
	for i, w := range n.writes {
		for p := w.offset / page; p*page < w.offset+int64(len(w.data)); p++ {
			_, known := n.doubt[p]
			switch {
			case i >= n.failed:
				delete(n.doubt, p)
			case !known:
				if n.doubt == nil {
					n.doubt = map[int64][]byte{}
				}
				n.doubt[p] = n.earlier[p] // nil, hence zeros, beyond the durable end
			}
		}
	}
	n.size, n.earlier, n.writes, n.failed = info.Size(), nil, nil, 0
	return nil
}

// fails reports whether a sync is to fail.
func (d *disk) fails(n *node) bool {
	if !d.failSync || d.failName == "" {
		return d.failSync
	}
	for p := range n.names {
		if p.name == d.failName {
			return true
		}
	}
	return false
}

// settleFolder makes durable what waited for this folder alone, and what that
// cannot be without.
func (d *disk) settleFolder(folder *node) {
	durable := make([]bool, len(d.pending))
	needed, everything := map[place]struct{}{}, false
	for i, c := range slices.Backward(d.pending) {
		delete(c.waits, folder)
		durable[i] = len(c.waits) == 0 || everything || c.touches(needed)
		if durable[i] {
			everything = everything || c.barrier
			for p := range c.sets {
				needed[p] = struct{}{}
			}
		}
	}
	var rest []*change
	for i, c := range d.pending {
		if !durable[i] {
			rest = append(rest, c)
			continue
		}
		for p, n := range c.sets {
			put(p.folder.kept, p.name, n)
		}
	}
	d.pending = rest
}

// touches reports whether the change is to one of these names.
func (c *change) touches(names map[place]struct{}) bool {
	for p := range c.sets {
		if _, ok := names[p]; ok {
			return true
		}
	}
	return false
}

func put(entries map[string]*node, name string, n *node) {
	if n == nil {
		delete(entries, name)
	} else {
		entries[name] = n
	}
}

// record notes a change to folders that has just been made live.
func (d *disk) record(barrier bool, sets map[place]*node) {
	c := &change{sets: sets, waits: map[*node]struct{}{}, barrier: barrier}
	for p, n := range sets {
		set(p.folder, p.name, n)
		c.waits[p.folder] = struct{}{}
	}
	d.pending = append(d.pending, c)
}

// add makes a new name: make makes it in the backing folder.
func (d *disk) add(folder *node, name string, n *node, make func(path string) error) error {
	if err := d.change(); err != nil {
		return err
	}
	if folder.live[name] != nil {
		return syscall.EEXIST
	}
	if d.full {
		return syscall.ENOSPC
	}
	if err := make(filepath.Join(d.path(folder), name)); err != nil {
		return err
	}
	d.record(false, map[place]*node{{folder, name}: n})
	return nil
}

// create makes a file and opens it.
func (d *disk) create(folder *node, name string, perm uint32) (*node, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.newNode(syscall.S_IFREG, perm)
	err := d.add(folder, name, n, func(path string) (err error) {
		n.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, fs.FileMode(perm))
		return err
	})
	if err != nil {
		return nil, err
	}
	n.opens++
	return n, nil
}

func (d *disk) mkdir(folder *node, name string, perm uint32) (*node, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.newNode(syscall.S_IFDIR, perm)
	return n, d.add(folder, name, n, func(path string) error { return syscall.Mkdir(path, perm) })
}

func (d *disk) symlink(folder *node, name, link string) (*node, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.newNode(syscall.S_IFLNK, 0o777)
	n.link = link
	return n, d.add(folder, name, n, func(path string) error { return os.Symlink(link, path) })
}

func (d *disk) hardLink(n, folder *node, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.add(folder, name, n, func(path string) error {
		old := d.path(n)
		if old == "" {
			return syscall.ENOENT
		}
		return os.Link(old, path)
	})
}

// keep holds on to the content of what is about to lose its name.
func (d *disk) keep(n *node) error {
	if n == nil || n.kind != syscall.S_IFREG {
		return nil
	}
	return d.open(n)
}

func (d *disk) remove(folder *node, name string, rmdir bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change(); err != nil {
		return err
	}
	n := folder.live[name]
	switch {
	case n == nil:
		return syscall.ENOENT
	case rmdir && n.kind != syscall.S_IFDIR:
		return syscall.ENOTDIR
	case !rmdir && n.kind == syscall.S_IFDIR:
		return syscall.EISDIR
	case len(n.live) > 0:
		return syscall.ENOTEMPTY
	}
	if err := d.keep(n); err != nil {
		return err
	}
	unlink := syscall.Unlink
	if rmdir {
		unlink = syscall.Rmdir
	}
	if err := unlink(filepath.Join(d.path(folder), name)); err != nil {
		return err
	}
	d.record(false, map[place]*node{{folder, name}: nil})
	d.close(n)
	return nil
}

func (d *disk) rename(from *node, name string, to *node, newName string, replace bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change(); err != nil {
		return err
	}
	n, old := from.live[name], to.live[newName]
	switch {
	case n == nil:
		return syscall.ENOENT
	case old != nil && !replace:
		return syscall.EEXIST
	case n == old: // also two names of one file: POSIX has it do nothing
		return nil
	}
	if err := d.keep(old); err != nil {
		return err
	}
	if err := syscall.Rename(filepath.Join(d.path(from), name), filepath.Join(d.path(to), newName)); err != nil {
		return err
	}
	d.record(n.kind == syscall.S_IFDIR, map[place]*node{{from, name}: nil, {to, newName}: n})
	if old != nil {
		d.close(old)
	}
	return nil
}

// setMode and setTimes count as durable at once.
func (d *disk) setMode(n *node, perm uint32) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change(); err != nil {
		return err
	}
	n.perm = perm
	return syscall.Chmod(d.path(n), perm)
}

func (d *disk) setTimes(n *node, accessed, modified unix.Timespec) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change(); err != nil {
		return err
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, d.path(n), []unix.Timespec{accessed, modified}, unix.AT_SYMLINK_NOFOLLOW)
}

// lookup finds a live name.
func (d *disk) lookup(folder *node, name string) (*node, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.frozen {
		return nil, syscall.EIO
	}
	if n := folder.live[name]; n != nil {
		return n, nil
	}
	return nil, syscall.ENOENT
}

func (d *disk) list(folder *node) (map[string]*node, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.frozen {
		return nil, syscall.EIO
	}
	return maps.Clone(folder.live), nil
}

// stat answers the attributes, with our inode number and count of names.
func (d *disk) stat(n *node) (st syscall.Stat_t, err error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.frozen {
		return st, syscall.EIO
	}
	if n.file != nil {
		err = syscall.Fstat(int(n.file.Fd()), &st)
	} else {
		err = syscall.Lstat(d.path(n), &st)
	}
	st.Ino = n.number
	return st, err
}

// openFile counts one more user of n.
func (d *disk) openFile(n *node) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.frozen {
		return syscall.EIO
	}
	if err := d.open(n); err != nil {
		return err
	}
	n.opens++
	return nil
}

func (d *disk) release(n *node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n.opens--
	d.close(n)
}

// read serves also a frozen disk: memory mapped from a file must not raise
// SIGBUS in the test. Reads by system call ask for the attributes first, and fail.
func (d *disk) read(n *node, into []byte, offset int64) (int, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	count, err := n.file.ReadAt(into, offset)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return count, err
}

//go:build linux

package powercut

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"syscall"
	"time"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// mounted serves a disk at a mount point. Nothing is cached by the kernel but
// file content, so that a frozen disk is seen at once; locks are the kernel's.
func mounted(d *disk, mountpoint string, opt Options) (*fuse.Server, error) {
	options := &gofs.Options{
		MountOptions: fuse.MountOptions{
			FsName:        "powercut",
			Name:          "powercut",
			DirectMount:   true,
			DisableXAttrs: true,
			Options:       []string{"default_permissions"},
		},
		NullPermissions: true,
		RootStableAttr:  &gofs.StableAttr{Ino: d.root.number},
	}
	return gofs.Mount(mountpoint, &inode{disk: d, node: d.root, delay: opt.SyncDelay}, options)
}

// inode is a node as the FUSE library wants it: it translates, and decides nothing.
type inode struct {
	gofs.Inode
	disk  *disk
	node  *node
	delay time.Duration
}

// handle is one open file.
type handle struct {
	synced bool // O_SYNC or O_DSYNC: each write is durable
}

func code(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	if errors.Is(err, fs.ErrNotExist) {
		return syscall.ENOENT
	}
	return syscall.EIO
}

// child is the inode of a node just found or made.
func (i *inode) child(ctx context.Context, n *node, out *fuse.EntryOut) (*gofs.Inode, syscall.Errno) {
	st, err := i.disk.stat(n)
	if err != nil {
		return nil, code(err)
	}
	out.Attr.FromStat(&st)
	return i.NewInode(ctx, &inode{disk: i.disk, node: n, delay: i.delay}, gofs.StableAttr{Mode: n.kind, Ino: n.number}), 0
}

func (i *inode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofs.Inode, syscall.Errno) {
	n, err := i.disk.lookup(i.node, name)
	if err != nil {
		return nil, code(err)
	}
	return i.child(ctx, n, out)
}

func (i *inode) Getattr(_ context.Context, _ gofs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	st, err := i.disk.stat(i.node)
	out.Attr.FromStat(&st)
	return code(err)
}

func (i *inode) Setattr(ctx context.Context, f gofs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		if err := i.disk.truncate(i.node, int64(size)); err != nil {
			return code(err)
		}
	}
	if mode, ok := in.GetMode(); ok {
		if err := i.disk.setMode(i.node, mode&0o7777); err != nil {
			return code(err)
		}
	}
	accessed, setAccessed := in.GetATime()
	modified, setModified := in.GetMTime()
	if setAccessed || setModified {
		stamp := func(t time.Time, set bool) unix.Timespec {
			if !set {
				return unix.Timespec{Nsec: unix.UTIME_OMIT}
			}
			return unix.NsecToTimespec(t.UnixNano())
		}
		if err := i.disk.setTimes(i.node, stamp(accessed, setAccessed), stamp(modified, setModified)); err != nil {
			return code(err)
		}
	}
	return i.Getattr(ctx, f, out)
}

func newHandle(flags uint32) *handle { return &handle{synced: flags&syscall.O_DSYNC != 0} }

func (i *inode) Open(_ context.Context, flags uint32) (gofs.FileHandle, uint32, syscall.Errno) {
	if err := i.disk.openFile(i.node); err != nil {
		return nil, 0, code(err)
	}
	// The kernel has cut the file for O_TRUNC already, by Setattr.
	return newHandle(flags), fuse.FOPEN_KEEP_CACHE, 0
}

func (i *inode) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*gofs.Inode, gofs.FileHandle, uint32, syscall.Errno) {
	n, err := i.disk.create(i.node, name, mode&0o7777)
	if err != nil {
		return nil, nil, 0, code(err)
	}
	child, errno := i.child(ctx, n, out)
	if errno != 0 {
		i.disk.release(n)
		return nil, nil, 0, errno
	}
	return child, newHandle(flags), fuse.FOPEN_KEEP_CACHE, 0
}

func (i *inode) Release(context.Context, gofs.FileHandle) syscall.Errno {
	i.disk.release(i.node)
	return 0
}

func (i *inode) Read(_ context.Context, _ gofs.FileHandle, into []byte, offset int64) (fuse.ReadResult, syscall.Errno) {
	n, err := i.disk.read(i.node, into, offset)
	return fuse.ReadResultData(into[:n]), code(err)
}

func (i *inode) Write(_ context.Context, f gofs.FileHandle, data []byte, offset int64) (uint32, syscall.Errno) {
	h, ok := f.(*handle)
	n, err := i.disk.write(i.node, data, offset, ok && h.synced)
	return uint32(n), code(err)
}

// Fsync is of a file or a folder.
func (i *inode) Fsync(context.Context, gofs.FileHandle, uint32) syscall.Errno {
	time.Sleep(i.delay)
	return code(i.disk.sync(i.node))
}

func (i *inode) Readdir(context.Context) (gofs.DirStream, syscall.Errno) {
	entries, err := i.disk.list(i.node)
	if err != nil {
		return nil, code(err)
	}
	var out []fuse.DirEntry
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		out = append(out, fuse.DirEntry{Name: name, Mode: entries[name].kind, Ino: entries[name].number})
	}
	return gofs.NewListDirStream(out), 0
}

func (i *inode) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*gofs.Inode, syscall.Errno) {
	n, err := i.disk.mkdir(i.node, name, mode&0o7777)
	if err != nil {
		return nil, code(err)
	}
	return i.child(ctx, n, out)
}

func (i *inode) Symlink(ctx context.Context, link, name string, out *fuse.EntryOut) (*gofs.Inode, syscall.Errno) {
	n, err := i.disk.symlink(i.node, name, link)
	if err != nil {
		return nil, code(err)
	}
	return i.child(ctx, n, out)
}

func (i *inode) Link(ctx context.Context, target gofs.InodeEmbedder, name string, out *fuse.EntryOut) (*gofs.Inode, syscall.Errno) {
	n := target.(*inode).node
	if err := i.disk.hardLink(n, i.node, name); err != nil {
		return nil, code(err)
	}
	return i.child(ctx, n, out)
}

func (i *inode) Readlink(context.Context) ([]byte, syscall.Errno) {
	return []byte(i.node.link), 0
}

func (i *inode) Unlink(_ context.Context, name string) syscall.Errno {
	return code(i.disk.remove(i.node, name, false))
}

func (i *inode) Rmdir(_ context.Context, name string) syscall.Errno {
	return code(i.disk.remove(i.node, name, true))
}

func (i *inode) Rename(_ context.Context, name string, folder gofs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if flags&^unix.RENAME_NOREPLACE != 0 {
		return syscall.EINVAL
	}
	return code(i.disk.rename(i.node, name, folder.(*inode).node, newName, flags == 0))
}

func (i *inode) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	var st syscall.Statfs_t
	if err := syscall.Statfs(i.disk.backing, &st); err != nil {
		return code(err)
	}
	out.FromStatfsT(&st)
	i.disk.mu.RLock()
	defer i.disk.mu.RUnlock()
	if i.disk.full {
		out.Bavail, out.Bfree = 0, 0
	}
	if i.disk.frozen {
		return syscall.EIO
	}
	return 0
}

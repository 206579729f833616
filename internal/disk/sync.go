package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// again repeats a system call that a signal interrupted.
func again(do func() error) error {
	for {
		if err := do(); err != unix.EINTR {
			return err
		}
	}
}

// writeNew makes a file that only its owner may read, without making it durable. The
// system is called directly: os.File costs a small file a third more.
func writeNew(path string, content []byte) error {
	var fd int
	err := again(func() (err error) {
		fd, err = unix.Open(path, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return fmt.Errorf("creating a blob: %w", full(err))
	}
	for len(content) > 0 && err == nil {
		err = again(func() error {
			n, err := unix.Write(fd, content)
			content = content[max(n, 0):]
			return err
		})
	}
	if e := unix.Close(fd); err == nil && e != unix.EINTR {
		err = e
	}
	if err != nil {
		unix.Unlink(path)
		return fmt.Errorf("writing a blob: %w", full(err))
	}
	return nil
}

// topDirectory is the attribute T of chattr(1), FS_TOPDIR_FL.
const topDirectory = 0x00020000

// Spread has a file system place the folders that will be made in a folder far from each
// other, if it can. ext4 places them side by side otherwise, and looks, for each new file,
// past all that were removed there within the last minutes.
func Spread(path string) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	if flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS); err == nil && flags&topDirectory == 0 {
		unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(flags|topDirectory))
	}
}

// rename gives a file its name, in place of another's. (os.Rename looks first whether the
// new name is a folder's.)
func rename(from, to string) error {
	return again(func() error { return unix.Rename(from, to) })
}

// dataSync makes a file's content durable, and its size, and nothing else of it.
func dataSync(f *os.File) error {
	return again(func() error { return unix.Fdatasync(int(f.Fd())) })
}

// wholeFileSystem says whether one syncfs(2) makes everything on a file's file system
// durable and tells when that failed: so do these file systems since Linux 5.8. Others
// may do nothing at all, such as those in user space.
func wholeFileSystem(f *os.File) bool {
	var s unix.Statfs_t
	if again(func() error { return unix.Fstatfs(int(f.Fd()), &s) }) != nil {
		return false
	}
	switch uint32(s.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC:
		return syncfsTells()
	}
	return false
}

var syncfsTells = sync.OnceValue(func() bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	return atLeast(unix.ByteSliceToString(u.Release[:]), 5, 8)
})

// atLeast compares a kernel's release, such as 6.1.0-13-amd64.
func atLeast(release string, major, minor int) bool {
	first, rest, _ := strings.Cut(release, ".")
	second := rest
	if i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		second = rest[:i]
	}
	a, err1 := strconv.Atoi(first)
	b, err2 := strconv.Atoi(second)
	return err1 == nil && err2 == nil && (a > major || a == major && b >= minor)
}

// syncNames makes files and their names durable, as far as they are there. The segment
// was open before they were written, so that syncfs of it tells their failures too.
func (b *Blobs) syncNames(segment *os.File, names map[string]struct{}) error {
	if wholeFileSystem(segment) {
		if err := again(func() error { return unix.Syncfs(int(segment.Fd())) }); err != nil {
			return fmt.Errorf("making blobs durable: %w", full(err))
		}
		return nil
	}
	folders := map[string]struct{}{}
	for name := range names {
		path := filepath.Join(b.root, name[:2], name)
		folders[filepath.Dir(path)] = struct{}{}
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		} else if err != nil {
			return fmt.Errorf("making a blob durable: %w", err)
		}
		err = f.Sync()
		f.Close()
		if err != nil {
			return fmt.Errorf("making a blob durable: %w", full(err))
		}
	}
	for folder := range folders {
		if err := SyncFolder(folder); err != nil {
			return err
		}
	}
	return nil
}

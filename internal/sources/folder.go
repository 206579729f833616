package sources

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"strongroom/know"
)

// Folder is a folder with everything under it on the same file system. Symbolic links are
// not followed, and nothing outside is ever opened.
type Folder struct {
	root   *os.Root
	device uint64
	pacer  *know.Pacer
	window int
}

// OpenFolder opens a folder.
func OpenFolder(name string, pacer *know.Pacer) (*Folder, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("opening the folder: %w", err)
	}
	f := &Folder{root: root, pacer: pacer, window: window}
	info, err := root.Stat(".")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the folder: %w", err), root.Close())
	}
	f.device = deviceOf(info)
	return f, nil
}

func deviceOf(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Dev)
	}
	return 0
}

// Close implements know.Place.
func (f *Folder) Close() error { return f.root.Close() }

// Describe implements know.Place.
func (f *Folder) Describe() []string {
	return []string{"what is written while the scan runs, under names that it has passed", "what symbolic links point to, and other file systems mounted under the folder"}
}

// PerRequest implements know.Place: looking at a file counts as a request.
func (f *Folder) PerRequest() int64 { return 1 }

// Priced implements know.Place.
func (f *Folder) Priced() bool { return false }

const (
	// maxDepth is how many folders within one another are followed.
	maxDepth = 200
	// window is how many names of a folder are held at once. A larger folder is read
	// several times, each time for the names that come next.
	window = 50_000
)

// Walk implements know.Place: in order of name within each folder, a folder's content where
// its name stands.
func (f *Folder) Walk(ctx context.Context, after string) iter.Seq2[know.Entry, error] {
	return func(yield func(know.Entry, error) bool) {
		var rest []string
		if after != "" {
			rest = strings.Split(after, "/")
		}
		w := walk{Folder: f, ctx: ctx, yield: yield}
		w.folder(".", rest, 0)
	}
}

type walk struct {
	*Folder
	ctx   context.Context
	yield func(know.Entry, error) bool
}

func (w *walk) trouble(name string, t know.Trouble, detail string) bool {
	return w.yield(know.Entry{Name: name, Trouble: t, Detail: detail}, nil)
}

// failed tells of an error about one name, which ends nothing else.
func (w *walk) failed(name string, err error) bool {
	if w.ctx.Err() != nil {
		w.yield(know.Entry{}, w.ctx.Err())
		return false
	}
	t := know.TroubleError
	if errors.Is(err, fs.ErrPermission) {
		t = know.TroublePermission
	}
	return w.trouble(name, t, reason(err))
}

// reason is an error without the path, which stands beside it already.
func reason(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Op + ": " + e.Err.Error()
	}
	return err.Error()
}

// folder walks one folder, going on behind the path rest; it answers whether to go on.
func (w *walk) folder(name string, rest []string, depth int) bool {
	if depth > maxDepth {
		return w.trouble(name, know.TroubleDeep, "")
	}
	last, begun := "", false
	if len(rest) > 0 {
		// What rest goes into comes again, so that the walk descends.
		last, begun = rest[0], true
		if len(rest) > 1 && !w.child(name, rest[0], rest[1:], depth) {
			return false
		}
	}
	for {
		names, more, err := w.names(name, last, begun)
		if errors.Is(err, fs.ErrNotExist) {
			return true // it went meanwhile
		} else if err != nil {
			return w.failed(name, err)
		}
		for _, n := range names {
			if !w.child(name, n, nil, depth) {
				return false
			}
			last, begun = n, true
		}
		if !more {
			return true
		}
	}
}

// child tells of one name in a folder.
func (w *walk) child(folder, name string, rest []string, depth int) bool {
	full := path.Join(folder, name)
	if err := w.pacer.Wait(w.ctx); err != nil {
		w.yield(know.Entry{}, err)
		return false
	}
	info, err := w.root.Lstat(filepath.FromSlash(full))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true
	case err != nil:
		return w.failed(full, err)
	case info.IsDir() && deviceOf(info) != w.device:
		return w.trouble(full, know.TroubleDevice, "")
	case info.IsDir():
		return w.folder(full, rest, depth+1)
	case len(rest) > 0:
		return true // it was a folder when the walk was there
	case info.Mode()&fs.ModeSymlink != 0:
		return w.trouble(full, know.TroubleLink, "")
	case !info.Mode().IsRegular():
		return w.trouble(full, know.TroubleSpecial, info.Mode().Type().String())
	}
	return w.yield(know.Entry{Name: full, Size: info.Size(), Modified: info.ModTime()}, nil)
}

// names are the first names of a folder behind last, in order, and whether there are more.
func (w *walk) names(folder, last string, begun bool) (names []string, more bool, err error) {
	d, err := w.root.OpenFile(filepath.FromSlash(folder), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil, false, err
	}
	defer d.Close()
	var least greatestFirst
	for {
		if err := w.ctx.Err(); err != nil {
			return nil, false, err
		}
		some, err := d.Readdirnames(1024)
		for _, n := range some {
			switch {
			case begun && n <= last:
			case len(least) < w.window:
				heap.Push(&least, n)
			case more && n >= least[0]:
			default:
				more = true
				if n < least[0] {
					least[0] = n
					heap.Fix(&least, 0)
				}
			}
		}
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, false, err
		}
	}
	slices.SortFunc(least, cmp.Compare[string])
	return least, more, nil
}

// greatestFirst is a heap of names.
type greatestFirst []string

func (g greatestFirst) Len() int           { return len(g) }
func (g greatestFirst) Less(i, j int) bool { return g[i] > g[j] }
func (g greatestFirst) Swap(i, j int)      { g[i], g[j] = g[j], g[i] }
func (g *greatestFirst) Push(x any)        { *g = append(*g, x.(string)) }
func (g *greatestFirst) Pop() any {
	old := *g
	x := old[len(old)-1]
	*g = old[:len(old)-1]
	return x
}

// Open implements know.Place.
func (f *Folder) Open(_ context.Context, name string) (io.ReadCloser, error) {
	file, err := f.root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err == nil {
		var info fs.FileInfo
		if info, err = file.Stat(); err == nil && info.Mode().IsRegular() && deviceOf(info) == f.device {
			return file, nil
		}
		file.Close()
		if err == nil {
			return nil, &know.Troubled{Trouble: know.TroubleGone, Cause: errors.New("it is no plain file there any more")}
		}
	}
	t := know.TroubleError
	switch {
	case errors.Is(err, fs.ErrPermission):
		t = know.TroublePermission
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ELOOP):
		t = know.TroubleGone
	}
	return nil, &know.Troubled{Trouble: t, Cause: errors.New(reason(err))}
}

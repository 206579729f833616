package landing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"strongroom/know/intake"
)

// Folder is a folder of files. Links and whatever is no plain file are passed over, and
// nothing outside the folder is ever opened. A file's state is its inode, its size and
// the time of its last change; what is written within the clock tick of a change looks
// unchanged, so files are best left to settle.
type Folder struct {
	root *os.Root
	name string
}

var _ intake.Source = (*Folder)(nil)

// OpenFolder opens a folder.
func OpenFolder(path string) (*Folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("finding the folder: %w", err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("opening the folder: %w", err)
	}
	return &Folder{root, "file://" + filepath.ToSlash(path)}, nil
}

// Name implements intake.Source.
func (f *Folder) Name() string { return f.name }

// Bucket implements intake.Source.
func (f *Folder) Bucket() string { return "" }

// Prefix implements intake.Source.
func (f *Folder) Prefix() string { return "" }

func versionOf(info fs.FileInfo) intake.Version {
	v := intake.Version{Size: info.Size(), Modified: info.ModTime()}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		v.ETag = strconv.FormatUint(s.Ino, 16)
	}
	return v
}

// List implements intake.Source.
func (f *Folder) List(ctx context.Context, prefix string) iter.Seq2[intake.Item, error] {
	return func(yield func(intake.Item, error) bool) {
		// Only the folder that the prefix names needs to be walked.
		start := "."
		if i := strings.LastIndex(prefix, "/"); i > 0 {
			start = prefix[:i]
		}
		if !fs.ValidPath(start) {
			return
		}
		err := fs.WalkDir(f.root.FS(), start, func(name string, d fs.DirEntry, err error) error {
			if err == nil {
				err = ctx.Err()
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil // it went while the folder was being read
			}
			if err != nil {
				return err
			}
			if !d.Type().IsRegular() || !strings.HasPrefix(name, prefix) {
				return nil
			}
			info, err := d.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			} else if err != nil {
				return err
			}
			if !yield(intake.Item{Key: name, Versions: []intake.Version{versionOf(info)}}, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(intake.Item{}, err)
		}
	}
}

// open opens a plain file that is as it was listed.
func (f *Folder) open(key string, v intake.Version) (*os.File, error) {
	if !fs.ValidPath(key) {
		return nil, intake.ErrGone
	}
	file, err := f.root.OpenFile(filepath.FromSlash(key), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, intake.ErrGone
	} else if err != nil {
		return nil, err
	}
	if err := unchanged(file, v); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func unchanged(file *os.File, v intake.Version) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if now := versionOf(info); !info.Mode().IsRegular() || now.Size != v.Size || !now.Modified.Equal(v.Modified) || now.ETag != v.ETag {
		return intake.ErrChanged
	}
	return nil
}

// still is a file that must be the same at its end as it was at its beginning.
type still struct {
	*os.File
	version intake.Version
}

func (s *still) Read(p []byte) (int, error) {
	n, err := s.File.Read(p)
	if err == io.EOF {
		if changed := unchanged(s.File, s.version); changed != nil {
			return n, changed
		}
	}
	return n, err
}

// Open implements intake.Source.
func (f *Folder) Open(_ context.Context, key string, v intake.Version) (*intake.Content, error) {
	file, err := f.open(key, v)
	if err != nil {
		return nil, err
	}
	return &intake.Content{ReadCloser: &still{file, v}, Size: v.Size}, nil
}

// Delete implements intake.Source.
func (f *Folder) Delete(_ context.Context, key string, versions []intake.Version) error {
	for _, v := range versions {
		file, err := f.open(key, v)
		if errors.Is(err, intake.ErrGone) {
			continue
		} else if err != nil {
			return err
		}
		err = f.root.Remove(filepath.FromSlash(key))
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("deleting at the source: %w", err)
		}
	}
	return nil
}

// Tags implements intake.Source.
func (f *Folder) Tags(context.Context, string, intake.Version) (map[string]string, error) {
	return nil, nil
}

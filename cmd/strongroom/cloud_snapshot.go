package main

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// writeSnapshot writes a file whole or not at all: to a temporary one beside it, readable by
// its owner alone, which then takes the name. It answers the size.
func writeSnapshot(name string, write func(io.Writer) error) (size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*") // mode 0600
	if err != nil {
		return 0, fmt.Errorf("the snapshot cannot be written: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	var to io.WriteCloser = f
	if strings.HasSuffix(name, ".gz") {
		to = gzip.NewWriter(f)
	}
	err = write(to)
	if to != io.WriteCloser(f) && err == nil {
		err = to.Close()
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		size, err = f.Seek(0, io.SeekEnd)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	return size, err
}

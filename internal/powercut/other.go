//go:build !linux

package powercut

import "errors"

var errLinux = errors.New("the power-cut layer needs Linux")

// FS is a mounted layer.
type FS struct{}

func Available() error                           { return errLinux }
func Mount(string, string, Options) (*FS, error) { return nil, errLinux }
func (*FS) Cut(string, uint64) error             { return errLinux }
func (*FS) SetFull(bool) error                   { return errLinux }
func (*FS) FailSync(bool) error                  { return errLinux }
func (*FS) FailSyncOf(string) error              { return errLinux }
func (*FS) FreezeAfter(int) error                { return errLinux }
func (*FS) Changes() (int, error)                { return 0, errLinux }
func (*FS) Unmount() error                       { return errLinux }

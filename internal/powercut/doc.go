// Package powercut is a file system for tests that forgets, as a machine does
// whose power fails, everything that was written but not yet made durable.
// File content is durable once fsync or fdatasync of that file has returned (or
// the write itself, under O_SYNC and O_DSYNC); a name (created, linked, renamed,
// removed) once fsync of its folder has, and of both folders for a move between
// two. Nothing else makes anything durable: not closing, not sync(2), not fsync
// of the file for its own name. Permissions, owners and times are not modelled
// and count as durable at once.
//
// Cut builds one of the states that a disk could be in afterwards. What is
// durable is always there. Of the rest, every write is by itself kept, dropped,
// cut off at any byte, scattered in sectors of 512 bytes, or replaced by zeros in
// part; bytes that no write touched never change (SQLite calls this powersafe
// overwrite and relies on it). Truncations count as writes. A change to a folder
// is by itself kept or dropped, and is atomic; it never survives without the
// earlier changes to the same names, nor the move of a folder without everything
// before it. Some seeds drop all of it, and some keep all of it.
//
// The layer is a FUSE file system served by a process of its own (the test's
// executable, started again), so that a page fault in memory which the test has
// mapped from it cannot wait for a server that the garbage collector has stopped.
// It keeps unsynced writes in memory, and needs Linux, /dev/fuse and the right to mount.
package powercut

import "time"

// Options adjust a mount.
type Options struct {
	SyncDelay time.Duration // how long every fsync takes
}

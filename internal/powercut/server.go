//go:build linux

package powercut

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// serverVariable, in the environment, makes a test's executable serve a disk
// instead of running tests.
const serverVariable = "STRONGROOM_POWERCUT_SERVER"

// The server reads requests and writes responses, each a JSON value, on the two
// descriptors after standard error. When the requests end, so does it.
const requestFile, responseFile = 3, 4

type request struct {
	Do         string // mount (first), cut, full, fail-sync, freeze-after, changes or unmount (last)
	Backing    string
	Mountpoint string
	Options    Options
	Target     string
	Seed       uint64
	On         bool
	Count      int
}

type response struct {
	Error string
	Count int
}

func init() {
	if os.Getenv(serverVariable) == "" {
		return
	}
	// An interrupt is for the test; what it leaves is cleared away here.
	signal.Ignore(os.Interrupt)
	syscall.Umask(0) // the kernel has taken the caller's mask off already
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "powercut:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve() error {
	requests := json.NewDecoder(os.NewFile(requestFile, "requests"))
	responses := json.NewEncoder(os.NewFile(responseFile, "responses"))
	answer := func(count int, err error) error {
		r := response{Count: count}
		if err != nil {
			r.Error = err.Error()
		}
		return responses.Encode(r)
	}
	var first request
	if err := requests.Decode(&first); err != nil {
		return fmt.Errorf("reading what to mount: %w", err)
	}
	d, err := openDisk(first.Backing)
	if err != nil {
		return answer(0, err)
	}
	server, err := mounted(d, first.Mountpoint, first.Options)
	if err != nil {
		return answer(0, fmt.Errorf("mounting on %s: %w", first.Mountpoint, err))
	}
	unmount := func() error {
		// Files still open keep a detached mount alive, until this process is gone.
		if unix.Unmount(first.Mountpoint, unix.MNT_DETACH) == nil {
			return nil
		}
		return server.Unmount() // by fusermount, for those who may not do it themselves
	}
	if err := answer(0, nil); err != nil {
		return errors.Join(err, unmount())
	}
	for {
		var r request
		if err := requests.Decode(&r); err != nil {
			return unmount() // the test has ended
		}
		var count int
		var err error
		switch r.Do {
		case "cut":
			err = d.cut(r.Target, r.Seed)
		case "full", "fail-sync", "freeze-after", "changes":
			count = d.adjust(r)
		case "unmount":
			return answer(0, unmount())
		default:
			err = fmt.Errorf("unknown request %q", r.Do)
		}
		if err := answer(count, err); err != nil {
			return errors.Join(err, unmount())
		}
	}
}

// adjust changes how the disk behaves, and answers the number of changes so far.
func (d *disk) adjust(r request) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch r.Do {
	case "full":
		d.full = r.On
	case "fail-sync":
		d.failSync, d.failName = r.On, r.Target
	case "freeze-after":
		d.left = r.Count
	}
	return d.changes
}

//go:build linux

package powercut

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// FS is a mounted layer. Its methods may be called from several goroutines.
type FS struct {
	mountpoint string
	server     *exec.Cmd
	mu         sync.Mutex // one request at a time
	requests   *os.File
	responses  *os.File
	decoder    *json.Decoder
}

// Available answers nil if a layer can be mounted here, having tried it, or else
// the reason why not, for a test to skip with.
func Available() error { return available() }

var available = sync.OnceValue(func() error {
	if err := unix.Access("/dev/fuse", unix.R_OK|unix.W_OK); err != nil {
		return fmt.Errorf("the power-cut layer needs /dev/fuse: %w", err)
	}
	folder, err := os.MkdirTemp("", "powercut-")
	if err != nil {
		return fmt.Errorf("trying the power-cut layer: %w", err)
	}
	defer os.RemoveAll(folder)
	backing, mountpoint := filepath.Join(folder, "backing"), filepath.Join(folder, "mountpoint")
	if err := errors.Join(os.Mkdir(backing, 0o700), os.Mkdir(mountpoint, 0o700)); err != nil {
		return fmt.Errorf("trying the power-cut layer: %w", err)
	}
	fs, err := Mount(backing, mountpoint, Options{})
	if err != nil {
		return fmt.Errorf("the power-cut layer cannot be mounted here: %w", err)
	}
	return fs.Unmount()
})

// Mount shows the tree in the folder backing at mountpoint, an empty folder
// elsewhere. What stands in backing is durable; what is changed through the mount
// is changed there too, and nobody else may. Unmount when done.
func Mount(backing, mountpoint string, opt Options) (*FS, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding the executable to serve with: %w", err)
	}
	requestsOut, requests, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe to the server: %w", err)
	}
	defer requestsOut.Close()
	responses, responsesIn, err := os.Pipe()
	if err != nil {
		requests.Close()
		return nil, fmt.Errorf("making a pipe from the server: %w", err)
	}
	defer responsesIn.Close()
	server := exec.Command(executable)
	// The race detector would sleep for a second at the server's end.
	server.Env = append(os.Environ(), serverVariable+"=1", "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	server.Stderr = os.Stderr
	server.ExtraFiles = []*os.File{requestsOut, responsesIn} // requestFile and responseFile
	if err := server.Start(); err != nil {
		requests.Close()
		responses.Close()
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	f := &FS{mountpoint: mountpoint, server: server, requests: requests, responses: responses, decoder: json.NewDecoder(responses)}
	if _, err := f.ask(request{Do: "mount", Backing: backing, Mountpoint: mountpoint, Options: opt}); err != nil {
		return nil, errors.Join(err, f.end())
	}
	return f, nil
}

func (f *FS) ask(r request) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := json.NewEncoder(f.requests).Encode(r); err != nil {
		return 0, fmt.Errorf("asking the server to %s: %w", r.Do, err)
	}
	var got response
	if err := f.decoder.Decode(&got); err != nil {
		return 0, fmt.Errorf("asking the server to %s: %w", r.Do, err)
	}
	if got.Error != "" {
		return 0, errors.New(got.Error)
	}
	return got.Count, nil
}

// end waits for the server, which ends when it can be asked no more.
func (f *FS) end() error {
	return errors.Join(f.requests.Close(), f.server.Wait(), f.responses.Close())
}

// Cut stops the power at this instant: whatever is asked of the mount from now on
// fails with EIO, for good (except that mapped memory stays readable). It then
// writes to the folder target, which must be absent or empty, one of the states
// that the disk could be in; the same seed chooses the same one, as far as the
// same was done. Call it again for other states of the same instant.
func (f *FS) Cut(target string, seed uint64) error {
	_, err := f.ask(request{Do: "cut", Target: target, Seed: seed})
	return err
}

// SetFull makes the disk full, or no longer: what needs new room (writing past
// the end or into a hole, a new name) fails with ENOSPC; overwriting does not.
func (f *FS) SetFull(full bool) error {
	_, err := f.ask(request{Do: "full", On: full})
	return err
}

// FailSync makes every fsync fail with EIO, or no longer. As on Linux, what a
// failed fsync should have made durable no later fsync does either, unless it is
// written again.
func (f *FS) FailSync(fail bool) error {
	_, err := f.ask(request{Do: "fail-sync", On: fail})
	return err
}

// FailSyncOf makes every fsync of files of one name fail, as FailSync does of all.
func (f *FS) FailSyncOf(name string) error {
	_, err := f.ask(request{Do: "fail-sync", On: true, Target: name})
	return err
}

// FreezeAfter stops the power by itself once that many more changes and syncs
// have been made; a negative number takes it back. Cut then builds the states.
func (f *FS) FreezeAfter(changes int) error {
	_, err := f.ask(request{Do: "freeze-after", Count: changes})
	return err
}

// Changes is the number of changes and syncs so far, to choose from for FreezeAfter.
func (f *FS) Changes() (int, error) { return f.ask(request{Do: "changes"}) }

// Unmount takes the layer away, as a clean shutdown does: the backing folder has
// everything that was written. Close files and databases on it first.
func (f *FS) Unmount() error {
	_, err := f.ask(request{Do: "unmount"})
	if err != nil { // the server is gone; its mount may not be
		err = errors.Join(err, unix.Unmount(f.mountpoint, unix.MNT_DETACH))
	}
	return errors.Join(err, f.end())
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"strongroom"
	"strongroom/internal/house"
)

type doctorCommand struct {
	roomFlags
	S3   string `name:"s3" help:"Address the S3 endpoint is, or will be, served on." placeholder:"ADDR"`
	TLS  bool   `help:"The endpoint speaks TLS."`
	JSON bool   `help:"Print JSON."`
}

func (doctorCommand) Help() string {
	return `Looks at the machine, the data folder and, where blobs lie in one, the bucket; it changes nothing, and removes what it
writes to try. Each line is safe, UNSAFE or unknown; unknown is never
counted as safe. Ends with status 1 if anything is unsafe.

Examples:
  strongroom doctor --data /srv/strongroom --s3 0.0.0.0:7480 --tls
  strongroom doctor --data /srv/strongroom --json`
}

// finding is one line of the doctor's. State has three values.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"` // safe, unsafe, unknown
	Why   string `json:"why"`
	Do    string `json:"do,omitempty"`
}

func safe(check, why string, args ...any) finding {
	return finding{check, "safe", fmt.Sprintf(why, args...), ""}
}

func unsafe(check, do, why string, args ...any) finding {
	return finding{check, "unsafe", fmt.Sprintf(why, args...), do}
}

func unknown(check, why string, args ...any) finding {
	return finding{check, "unknown", fmt.Sprintf(why, args...), ""}
}

func (c doctorCommand) Run(ctx context.Context, out output) error {
	info, err := c.find()
	if err != nil {
		return err
	}
	path := house.Path(c.Data, info)
	findings := slices.Concat(
		bucket(ctx, info), permissions(path), keysBeside(path), durability(path), space(path), clock(ctx, path), memory(), c.transport(), identity(), c.policies(ctx, info),
	)
	bad, dark := 0, 0
	for _, f := range findings {
		switch f.State {
		case "unsafe":
			bad++
		case "unknown":
			dark++
		}
	}
	if c.JSON {
		if err := out.json(findings); err != nil {
			return err
		}
	} else {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, f := range findings {
			state := f.State
			if state == "unsafe" {
				state = "UNSAFE"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", state, f.Check, f.Why)
			if f.Do != "" {
				fmt.Fprintf(w, "\t\tdo: %s\n", f.Do)
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
		out.printf("%s, %d unsafe, %d unknown\n", count(len(findings), "check"), bad, dark)
	}
	if bad > 0 {
		return exitError(1)
	}
	return nil
}

// bucket: where blobs lie in one, it must do all that a room needs, and be nobody else's.
func bucket(ctx context.Context, info house.Info) []finding {
	b, err := house.OpenBucket(ctx, info)
	if err != nil {
		return []finding{unsafe("bucket", "correct room.json or the environment", "%v", err)}
	}
	if b == nil {
		return nil
	}
	if err := b.Probe(ctx); err != nil {
		if e, ok := errors.AsType[*strongroom.Error](err); ok {
			return []finding{unsafe("bucket", e.Hint, "%s: %v", e.Message, e.Cause)}
		}
		return []finding{unsafe("bucket", "look at the bucket and the credentials", "%v", err)}
	}
	out := []finding{safe("bucket", "a probe was stored in %s, read, listed and removed", b.Location())}
	if err := b.Claimed(ctx, info.Blobs.Claim); err != nil {
		why := err.Error()
		if e, ok := errors.AsType[*strongroom.Error](err); ok {
			why = e.Message
		}
		out = append(out, unsafe("bucket's claim", "serve one copy of the room only", "%s", why))
	} else {
		out = append(out, safe("bucket's claim", "the blobs belong to this copy of the room"))
	}
	e, err := b.Exposure(ctx)
	if err != nil {
		return append(out, unknown("bucket's privacy", "%v", err))
	}
	for _, way := range e.Public {
		out = append(out, unsafe("bucket's privacy", "take the public access away", "%s", way))
	}
	for _, what := range e.Unknown {
		out = append(out, unknown("bucket's privacy", "%s", what))
	}
	if len(e.Public) == 0 && len(e.Unknown) == 0 {
		out = append(out, safe("bucket's privacy", "who has no credentials is refused an object and a listing, and no policy is public"))
	}
	if e.Versions {
		out = append(out, safe("bucket's versions", "it keeps versions, and erasing removes all of an object's"))
	}
	return out
}

// permissions: nothing of the room may be open to others than its owner.
func permissions(path string) []finding {
	var open []string
	foreign := 0
	err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return nil // a blob that vanished meanwhile
		}
		if info.Mode().Perm()&0o077 != 0 {
			open = append(open, p)
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() {
			foreign++
		}
		return nil
	})
	var out []finding
	switch {
	case err != nil:
		out = append(out, unknown("permissions", "the room's folder cannot be read: %v", err))
	case len(open) > 0:
		first, others := open[0], ""
		if len(open) > 1 {
			others = " and " + count(len(open)-1, "more path")
		}
		out = append(out, unsafe("permissions", fmt.Sprintf("chmod -R go= %s", path), "open to other users of this machine: %s%s", first, others))
	default:
		out = append(out, safe("permissions", "only the owner can open the room's files"))
	}
	if err == nil && foreign > 0 {
		out = append(out, unsafe("ownership", fmt.Sprintf("chown -R the serving user %s", path), "%s of another user than this one", count(foreign, "file")))
	} else if err == nil {
		out = append(out, safe("ownership", "every file belongs to this user"))
	}
	return out
}

// policies: an action that is new since the room was made is denied, safely, until a policy
// speaks of it.
func (c doctorCommand) policies(ctx context.Context, info house.Info) []finding {
	h, err := house.Open(ctx, c.Data, info, house.Options{})
	if err != nil {
		return []finding{unknown("policies", "the room cannot be opened: %v", err)}
	}
	defer h.Close(context.WithoutCancel(ctx))
	silent, err := unspoken(ctx, h)
	if err != nil {
		return []finding{unknown("policies", "what is in force cannot be read: %v", err)}
	}
	if len(silent) == 0 {
		return []finding{safe("policies", "every action that a new room's policies permit is spoken of")}
	}
	var out []finding
	for _, one := range silent {
		f := safe("policies", "no policy speaks of %s, so nobody may do it", one.Action)
		f.Do = fmt.Sprintf("if that is not meant: strongroom limit policy add %s", one.Action)
		out = append(out, f)
	}
	return out
}

func keysBeside(path string) []finding {
	var out []finding
	keys, err := filepath.Glob(filepath.Join(path, "custodian", "keys", "*.key"))
	switch {
	case err != nil:
		out = append(out, unknown("private keys", "the custodian's folder cannot be read: %v", err))
	case len(keys) > 0:
		out = append(out, unsafe("private keys", "keep those who administer this machine few; a key server that the keys' owner runs elsewhere is not part of this version",
			"the custodian is embedded: whoever is root here has key and data, so P2 does not hold against them"))
	default:
		out = append(out, safe("private keys", "no private key lies beside the data"))
	}
	if _, err := os.Stat(filepath.Join(path, "secrets", "room.key")); err == nil {
		out = append(out, unsafe("room key", "keep backups and the database where this folder is not", "the key that seals names and metadata lies on the same file system as the database"))
	}
	return out
}

// durability times fsync, and looks for file systems that lose it.
func durability(path string) []finding {
	var out []finding
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		out = append(out, unknown("file system", "it cannot be asked: %v", err))
	} else {
		switch s.Type {
		case 0x01021994, 0x858458f6: // tmpfs, ramfs
			out = append(out, unsafe("file system", "move the data folder to a disk", "the data folder is in memory: nothing in it survives a power cut"))
		case 0x6969, 0xff534d42, 0xfe534d42: // nfs, cifs, smb2
			out = append(out, unsafe("file system", "use a local disk", "the data folder is on a network file system, where SQLite's locks and fsync are not to be relied on"))
		case 0x794c7630: // overlayfs
			out = append(out, unknown("file system", "the data folder is on an overlay, as in a container: whether it outlives the container cannot be seen from inside"))
		default:
			out = append(out, safe("file system", "local (type 0x%x)", s.Type))
		}
	}
	f, err := os.CreateTemp(path, ".doctor-*")
	if err != nil {
		return append(out, unknown("fsync", "no file can be made: %v", err))
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var times []time.Duration
	for range 20 {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return append(out, unknown("fsync", "nothing can be written: %v", err))
		}
		start := time.Now()
		if err := f.Sync(); err != nil {
			return append(out, unsafe("fsync", "look at the disk and the kernel's log", "fsync fails: %v", err))
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	median, worst := times[len(times)/2].Round(time.Microsecond), times[len(times)-1].Round(time.Microsecond)
	switch {
	case median > 50*time.Millisecond:
		out = append(out, unsafe("fsync", "give the room a faster disk", "fsync takes %s (worst of %d: %s): every store and release waits for it", median, len(times), worst))
	case median < 20*time.Microsecond:
		out = append(out, unknown("fsync", "fsync takes %s, faster than disks are: either the disk has a protected cache, or something does not write through", median))
	default:
		out = append(out, safe("fsync", "takes %s (worst of %d: %s)", median, len(times), worst))
	}
	return out
}

func space(path string) []finding {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return []finding{unknown("disk space", "it cannot be asked: %v", err)}
	}
	free, all := int64(s.Bavail)*s.Bsize, int64(s.Blocks)*s.Bsize
	if free < 1<<30 || free*20 < all {
		return []finding{unsafe("disk space", "make room: a full disk refuses every store and release", "%d MiB are free of %d MiB", free>>20, all>>20)}
	}
	return []finding{safe("disk space", "%d GiB are free", free>>30)}
}

// clock compares this clock with the newest record, and asks the kernel whether
// something keeps it right.
func clock(ctx context.Context, path string) []finding {
	var out []finding
	_, b, err := house.AuditBook(ctx, path)
	if err != nil {
		out = append(out, unknown("clock", "the ledger cannot be read: %v", err))
	} else {
		defer b.Close()
		if r, err := b.Record(ctx, b.Head().Size-1); err != nil {
			out = append(out, unknown("clock", "the newest record cannot be read: %v", err))
		} else if leaf, err := r.Check(); err != nil && leaf.Time.IsZero() {
			out = append(out, unknown("clock", "the newest record cannot be read: %v", err))
		} else if behind := time.Until(leaf.Time); behind > time.Second {
			out = append(out, unsafe("clock", "correct the clock", "it is %s behind the newest record", behind.Round(time.Second)))
		} else {
			out = append(out, safe("clock", "not behind the newest record"))
		}
	}
	var t syscall.Timex
	state, err := syscall.Adjtimex(&t)
	const unsynchronised = 0x40
	switch {
	case err != nil:
		out = append(out, unknown("clock synchronisation", "the kernel cannot be asked: %v", err))
	case state == 5 || t.Status&unsynchronised != 0:
		out = append(out, unsafe("clock synchronisation", "run chrony or another NTP client", "the kernel says that nothing keeps the clock right"))
	default:
		out = append(out, safe("clock synchronisation", "the kernel says that the clock is kept right"))
	}
	return out
}

func memory() []finding {
	var out []finding
	if swaps, err := os.ReadFile("/proc/swaps"); err != nil {
		out = append(out, unknown("swap", "the kernel cannot be asked: %v", err))
	} else if strings.Count(string(swaps), "\n") > 1 {
		out = append(out, unsafe("swap", "turn swap off, or encrypt it", "data keys in memory may be written to swap"))
	} else {
		out = append(out, safe("swap", "there is none"))
	}
	if pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern"); err != nil {
		out = append(out, unknown("core dumps", "the kernel cannot be asked: %v", err))
	} else {
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit); err != nil {
			out = append(out, unknown("core dumps", "the limit cannot be asked: %v", err))
		} else if limit.Cur == 0 && !strings.HasPrefix(string(pattern), "|") {
			out = append(out, safe("core dumps", "none are written"))
		} else {
			out = append(out, unsafe("core dumps", "set the limit to 0 (LimitCORE=0) and pipe core_pattern nowhere", "a crash may write data keys to a core dump"))
		}
	}
	return out
}

func (c doctorCommand) transport() []finding {
	switch {
	case c.S3 == "":
		return []finding{unknown("transport", "give --s3 (and --tls) to have it judged")}
	case c.TLS:
		return []finding{safe("transport", "TLS on %s", c.S3)}
	case strings.HasPrefix(c.S3, "127.") || strings.HasPrefix(c.S3, "localhost:") || strings.HasPrefix(c.S3, "[::1]"):
		return []finding{safe("transport", "plain HTTP, on loopback only (%s)", c.S3)}
	}
	return []finding{unsafe("transport", "serve with --tls-cert and --tls-key", "plain HTTP on %s shows content and purposes to the network", c.S3)}
}

func identity() []finding {
	if os.Geteuid() == 0 {
		return []finding{unsafe("user", "serve as a user of its own", "this runs as root")}
	}
	return []finding{safe("user", "not root")}
}

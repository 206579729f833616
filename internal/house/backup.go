package house

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"strongroom"
	"strongroom/book"
	"strongroom/internal/disk"
	"strongroom/ledger"
	"strongroom/vault"
)

// Copied says what a backup holds, or what a restore made of it.
type Copied struct {
	Room    strongroom.ID `json:"room"`
	Records int64         `json:"records"`
	Epoch   uint32        `json:"epoch"`
	Files   int           `json:"files"`
	Bytes   int64         `json:"bytes"`
	// BlobsAt is the bucket that the sealed blobs stay in, where they are not in the copy.
	BlobsAt string `json:"blobs_at,omitempty"`
}

// isKey says which of a room's files are secret.
func isKey(name string) bool {
	return strings.HasPrefix(name, "secrets/") || strings.HasPrefix(name, "custodian/keys/") ||
		strings.HasPrefix(name, "custodian/") && strings.HasSuffix(name, ".key")
}

// Backup copies the room in a folder to another while it is served. The database
// comes first, at one instant; every blob it names was durable before and is not
// erased before the copy is done. Blobs that lie in a bucket stay there, and are not part
// of the copy.
func Backup(ctx context.Context, path, to string, keys bool, by string, step func()) (Copied, error) {
	var c Copied
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return c, &strongroom.Error{Kind: strongroom.KindConflict, Message: fmt.Sprintf("%s exists already", to), Hint: "name a folder that does not"}
	}
	unlock, err := lock(filepath.Join(path, "erase.lock"))
	if err != nil {
		return c, fmt.Errorf("another backup is running: %w", err)
	}
	defer unlock()
	partial := to + ".partial"
	if err := os.MkdirAll(partial, 0o700); err != nil {
		return c, err
	}
	fail := func(err error) (Copied, error) { return c, errors.Join(err, os.RemoveAll(partial)) }
	if err := noteBackup(ctx, path, keys, by); err != nil {
		return fail(err)
	}
	info, b, err := AuditBook(ctx, path)
	if err != nil {
		return fail(err)
	}
	c.Room, c.Records, c.Epoch = info.ID, b.Head().Size, b.Head().Epoch
	if info.Blobs != nil {
		c.BlobsAt = info.Blobs.At
	}
	err = errors.Join(b.Snapshot(ctx, filepath.Join(partial, "content.db")), b.Close())
	if err != nil {
		return fail(err)
	}
	custodian, err := AuditCustodian(ctx, path)
	if err == nil {
		if err = os.MkdirAll(filepath.Join(partial, "custodian"), 0o700); err == nil {
			err = custodian.Snapshot(ctx, filepath.Join(partial, "custodian", "custodian.db"))
		}
		err = errors.Join(err, custodian.Close())
	}
	if errors.Is(err, fs.ErrNotExist) {
		if own, globErr := filepath.Glob(filepath.Join(path, "custodian", "keys", "*.key")); globErr != nil || len(own) > 0 {
			return fail(errNoCustodianLedger(filepath.Join(path, "custodian", "custodian.db")))
		}
	} else if err != nil {
		return fail(fmt.Errorf("copying the custodian: %w", err))
	}
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(path, p)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if strings.HasPrefix(name, "blobs/") {
			return nil // copied below
		}
		if skipped(name) || !keys && isKey(name) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := copyFile(p, filepath.Join(partial, name))
		c.Files++
		c.Bytes += n
		step()
		return err
	})
	if err == nil && info.Blobs == nil {
		err = copyBlobs(ctx, filepath.Join(path, "blobs"), filepath.Join(partial, "blobs"), &c, step)
	}
	if err != nil {
		return fail(err)
	}
	if err := syncTree(partial); err != nil {
		return fail(err)
	}
	if err := os.Rename(partial, to); err != nil {
		return fail(err)
	}
	return c, disk.SyncFolder(filepath.Dir(filepath.Clean(to)))
}

// copyBlobs copies the blobs of a folder as whoever reads them sees them: after a crash
// some may be whole only in the journal of small blobs, which the copy needs no more.
func copyBlobs(ctx context.Context, from, to string, c *Copied, step func()) error {
	blobs, err := disk.Open(from, false)
	if err != nil {
		return err
	}
	defer blobs.Close()
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for f, err := range blobs.List(ctx) {
		if err != nil {
			return err
		}
		blob, err := blobs.Open(ctx, f.Name)
		if err != nil {
			return err
		}
		n, err := writeCopy(io.NewSectionReader(blob, 0, blob.Size()), filepath.Join(to, f.Name[:2], f.Name))
		if err := errors.Join(err, blob.Close()); err != nil {
			return err
		}
		c.Files++
		c.Bytes += n
		step()
	}
	return nil
}

// noteBackup puts on record that a copy of everything is about to be made, and
// whether it can be read: no record, no copy.
func noteBackup(ctx context.Context, path string, keys bool, by string) error {
	_, b, err := OpenBook(ctx, path, nil)
	if err != nil {
		return err
	}
	defer b.Close()
	evidence, err := json.Marshal(map[string]any{"action": "backup", "actor": "operator", "keys": keys})
	if err != nil {
		return err
	}
	what := "without its keys"
	if keys {
		what = "with its keys"
	}
	personal, err := json.Marshal(vault.Personal{Detail: by + ", " + what})
	if err != nil {
		return err
	}
	if _, err := b.Apply(ctx, book.Change{Entries: []ledger.Entry{{Kind: "backup", Evidence: evidence, Personal: personal}}}); err != nil {
		return fmt.Errorf("recording the backup: %w", err)
	}
	return nil
}

// skipped are the files that a backup leaves out: databases, which are copied
// otherwise, operational data, locks, and blobs that are being written.
func skipped(name string) bool {
	base := filepath.Base(name)
	return strings.Contains(base, ".db") || strings.HasSuffix(base, ".lock") || strings.HasPrefix(base, ".")
}

// copyFile copies a file durably, for its owner only.
func copyFile(from, to string) (int64, error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	return writeCopy(in, to)
}

func writeCopy(in io.Reader, to string) (int64, error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return 0, err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	return n, errors.Join(err, out.Close())
}

// Restoration says what to restore, and where.
type Restoration struct {
	From, Dir string
	Keys      string // where the backup has none
	OldHead   []byte // the newest checkpoint known of the lost room, or nil
	Step      func()
	// TakeBlobs takes blobs that lie in a bucket from the room that was copied, which can
	// then no longer be served.
	TakeBlobs bool
}

// Restore makes a room of a backup and opens a new epoch of its ledger.
func Restore(ctx context.Context, r Restoration) (Copied, error) {
	var c Copied
	info, err := readInfo(r.From)
	if err != nil {
		return c, fmt.Errorf("%s is no backup: %w", r.From, err)
	}
	c.Room = info.ID
	if info.Blobs != nil {
		c.BlobsAt = info.Blobs.At
		if !r.TakeBlobs {
			return c, &strongroom.Error{
				Kind:    strongroom.KindConflict,
				Message: fmt.Sprintf("the sealed blobs of room %s are not in the backup: they lie in %s, and only one copy of the room can have them", info.ID, info.Blobs.At),
				Hint:    "stop the room that was copied for good, if it still runs, and give --take-blobs; it can then no longer be served",
			}
		}
	}
	path := Path(r.Dir, info)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return c, &strongroom.Error{Kind: strongroom.KindConflict, Message: fmt.Sprintf("%s holds room %s already", r.Dir, info.ID), Hint: "restore into another data folder, and keep the old one for the audit"}
	}
	temp := filepath.Join(roomsDir(r.Dir), "."+info.ID.String())
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return c, err
	}
	fail := func(err error) (Copied, error) { return c, errors.Join(err, os.RemoveAll(temp)) }
	copyTree := func(from string, want func(name string) bool) error {
		return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			name, err := filepath.Rel(from, p)
			if err != nil || !want(filepath.ToSlash(name)) {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			n, err := copyFile(p, filepath.Join(temp, name))
			c.Files++
			c.Bytes += n
			r.Step()
			return err
		})
	}
	if err := copyTree(r.From, func(string) bool { return true }); err != nil {
		return fail(err)
	}
	if r.Keys != "" {
		if err := copyTree(r.Keys, isKey); err != nil {
			return fail(err)
		}
	}
	if _, err := os.Stat(filepath.Join(temp, "secrets", "room.key")); err != nil {
		return fail(&strongroom.Error{Kind: strongroom.KindInvalid, Message: "the backup was made without its keys", Hint: "give --keys with a folder that has the room's secrets/ and custodian/", Cause: err})
	}
	last, err := lastRecord(ctx, temp)
	if err != nil {
		return fail(err)
	}
	if err := openEpoch(ctx, info, temp, r.OldHead, &c); err != nil {
		return fail(err)
	}
	if info.Blobs != nil {
		if err := claimBlobs(ctx, info, temp, last); err != nil {
			return fail(fmt.Errorf("taking the blobs over: %w", err))
		}
	}
	if err := syncTree(temp); err != nil {
		return fail(err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fail(err)
	}
	return c, disk.SyncFolder(roomsDir(r.Dir))
}

// lastRecord is when the newest record of a room was made.
func lastRecord(ctx context.Context, path string) (time.Time, error) {
	_, b, err := AuditBook(ctx, path)
	if err != nil {
		return time.Time{}, err
	}
	defer b.Close()
	r, err := b.Record(ctx, b.Head().Size-1)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the newest record: %w", err)
	}
	leaf, err := r.Check()
	if missing, ok := errors.AsType[*ledger.MissingPartError](err); ok && missing.Part == ledger.PartPersonal {
		return time.Time{}, &strongroom.Error{
			Kind: strongroom.KindInvalid, Message: "the room's key does not open its newest record: it is another room's key, or the record was altered",
			Hint: "give --keys with the folder that has this room's secrets/ and custodian/", Cause: err,
		}
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the newest record: %w", err)
	}
	return leaf.Time, nil
}

// openEpoch appends the first record of a new epoch to a restored book and has the
// embedded custodian adopt it.
func openEpoch(ctx context.Context, info Info, path string, oldHead []byte, c *Copied) error {
	_, b, err := OpenBook(ctx, path, nil)
	if err != nil {
		return err
	}
	defer b.Close()
	head := b.Head()
	change := ledger.EpochChange{Action: ledger.KindEpoch, Epoch: head.Epoch + 1, Continues: ledger.Head{Size: head.Size, Root: head.Root}}
	if oldHead != nil {
		key, err := ledger.ParseVerifier(info.LedgerKey)
		if err != nil {
			return err
		}
		old, _, err := ledger.OpenCheckpoint(oldHead, key)
		if err != nil {
			return fmt.Errorf("reading the old head: %w", err)
		}
		change.OldHead = &ledger.Head{Size: old.Size, Root: old.Root}
	}
	evidence, err := json.Marshal(change)
	if err != nil {
		return err
	}
	receipt, err := b.OpenEpoch(ctx, ledger.Entry{Kind: ledger.KindEpoch, Evidence: evidence})
	if err != nil {
		return fmt.Errorf("opening a new epoch: %w", err)
	}
	c.Records, c.Epoch = receipt.Head.Size, receipt.Head.Epoch
	h := House{Info: info, Path: path}
	defer h.closeParts()
	if h.Ledger, err = ledger.ParseVerifier(info.LedgerKey); err != nil {
		return err
	}
	custodian, err := h.openCustodian(ctx, Options{Clock: time.Now})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the keys are elsewhere, and so is who adopts
	} else if err != nil {
		return fmt.Errorf("opening the custodian: %w", err)
	}
	if err := custodian.Adopt(ctx, receipt.Head.Checkpoint); err != nil {
		return fmt.Errorf("having the custodian adopt the new epoch: %w", err)
	}
	return nil
}

package vault_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"strongroom"
	"strongroom/internal/housetest"
	"strongroom/ledger"
	"strongroom/release"
	"strongroom/vault"
)

// clock is a clock that a test sets forward or back.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// kept is a record with its parts read.
type kept struct {
	ledger.Record
	kind     string
	evidence vault.Evidence
	personal vault.Personal
}

// records returns the records of the room's ledger from an index on.
func records(t testing.TB, r *housetest.Room, from int64) []kept {
	t.Helper()
	var out []kept
	for record, err := range r.Book.Records(context.Background(), from, r.Book.Head().Size) {
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := record.Check()
		if err != nil {
			t.Fatal(err)
		}
		k := kept{Record: record, kind: leaf.Kind}
		if leaf.Kind != release.KindRelease && leaf.Kind != release.KindResume {
			if err := json.Unmarshal(record.Evidence, &k.evidence); err != nil {
				t.Fatal(err)
			}
		}
		if record.Personal != nil {
			if err := json.Unmarshal(record.Personal, &k.personal); err != nil {
				t.Fatal(err)
			}
		}
		out = append(out, k)
	}
	return out
}

// ofKind keeps the records of one kind.
func ofKind(all []kept, kind string) []kept {
	var out []kept
	for _, k := range all {
		if k.kind == kind {
			out = append(out, k)
		}
	}
	return out
}

// deliveries waits until so many delivery records stand after an index.
func deliveries(t testing.TB, r *housetest.Room, from int64, n int) []vault.Evidence {
	t.Helper()
	var out []vault.Evidence
	housetest.Eventually(t, fmt.Sprintf("%d delivery records", n), func() bool {
		out = nil
		for _, k := range ofKind(records(t, r, from), vault.KindDelivery) {
			out = append(out, k.evidence)
		}
		return len(out) >= n
	})
	if len(out) > n {
		t.Fatalf("%d delivery records where %d were to be: %+v", len(out), n, out)
	}
	return out
}

// otherHand is a connection to the room's database from outside.
func otherHand(t testing.TB, r *housetest.Room) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(r.Path, "content.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// breakLedger makes every append to the ledger fail in the database itself, until
// mend is called.
func breakLedger(t testing.TB, r *housetest.Room) (mend func()) {
	t.Helper()
	db := otherHand(t, r)
	if _, err := db.Exec("CREATE TRIGGER broken BEFORE INSERT ON record BEGIN SELECT RAISE(FAIL, 'disk I/O error'); END"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := db.Exec("DROP TRIGGER broken"); err != nil {
			t.Fatal(err)
		}
	}
}

// custodian stands between the vault and the room's custodian.
type custodian struct {
	vault.Custodian
	down    atomic.Bool
	unwraps atomic.Int64
	before  func(release.UnwrapRequest) error
}

var errDown = errors.New("connection refused")

func (c *custodian) wrap(real vault.Custodian) vault.Custodian {
	c.Custodian = real
	return c
}

func (c *custodian) Advance(ctx context.Context, r release.AdvanceRequest) (release.AdvanceResponse, error) {
	if c.down.Load() {
		return release.AdvanceResponse{}, errDown
	}
	return c.Custodian.Advance(ctx, r)
}

func (c *custodian) Unwrap(ctx context.Context, r release.UnwrapRequest) (release.UnwrapResponse, error) {
	if c.down.Load() {
		return release.UnwrapResponse{}, errDown
	}
	if c.before != nil {
		if err := c.before(r); err != nil {
			return release.UnwrapResponse{}, err
		}
	}
	a, err := c.Custodian.Unwrap(ctx, r)
	if err == nil {
		c.unwraps.Add(1)
	}
	return a, err
}

// span plans a range.
func span(offset, length int64) func(strongroom.Object) (int64, int64, error) {
	return func(strongroom.Object) (int64, int64, error) { return offset, length, nil }
}

func whole(o strongroom.Object) (int64, int64, error) { return 0, o.Size, nil }

// wantKind fails the test unless err is of the kind.
func wantKind(t testing.TB, err error, kind strongroom.Kind) {
	t.Helper()
	if strongroom.KindOf(err) != kind {
		t.Fatalf("want an error of kind %q, have %q: %v", kind, strongroom.KindOf(err), err)
	}
}

// files lists the sealed files of the room.
func files(t testing.TB, r *housetest.Room) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(filepath.Join(r.Path, "blobs"), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted meanwhile
		}
		if err == nil && d.IsDir() && d.Name() == "journal" {
			return fs.SkipDir // copies, for after a crash
		}
		if err == nil && !d.IsDir() {
			out = append(out, d.Name())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// keys lists the names that the room shows in a bucket.
func keys(t testing.TB, r *housetest.Room, bucket string) string {
	t.Helper()
	page, err := r.Room.List(context.Background(), r.Owner, vault.ListRequest{Bucket: bucket, Max: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range page.Objects {
		names = append(names, o.Key)
	}
	return strings.Join(names, " ")
}

// breaksOff is a client that goes away after so many bytes.
type breaksOff struct{ left int }

var errGone = errors.New("the client went away")

func (w *breaksOff) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.left -= n
	if n < len(p) {
		return n, errGone
	}
	return n, nil
}

// abandon copies a room's data folder as it lies while the room is still open: what a
// process that was killed leaves behind.
func abandon(t testing.TB, r *housetest.Room) *housetest.Room {
	t.Helper()
	dir := t.TempDir()
	err := filepath.WalkDir(r.Dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != r.Dir {
			return nil // the room goes on removing blobs
		} else if err != nil {
			return err
		}
		rel, err := filepath.Rel(r.Dir, path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(to, 0o700)
		case strings.HasSuffix(path, "-shm"): // shared memory dies with the machine
			return nil
		}
		if err := copyFile(path, to); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return &housetest.Room{Dir: dir, Founded: r.Founded}
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// atOnce runs f n times at the same time and waits.
func atOnce(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

func drain(seq iter.Seq2[ledger.Record, error]) (n int, err error) {
	for _, e := range seq {
		if e != nil {
			return n, e
		}
		n++
	}
	return n, nil
}

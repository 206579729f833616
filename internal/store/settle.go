package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	sqlitedriver "modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"

	"strongroom"
	"strongroom/book"
)

// inDoubt tells that a commit which failed may have happened. SQLite writes what makes
// a commit last, and then syncs: where that fails, the next process to open the log
// finds the commit in it. A full disk shows before, in writing.
func inDoubt(err error) error {
	if e, ok := errors.AsType[*sqlitedriver.Error](err); ok && e.Code()&0xff == sqlitelib.SQLITE_FULL {
		return err
	}
	return errors.Join(book.ErrInDoubt, err)
}

// Settle makes durable what a former process left in doubt; whoever is to be the only
// writer calls it before the first change. After an fsync that failed the system may
// take for clean what never reached the disk, and SQLite would go on after such frames
// of its log: then a power cut lost them, and with them all that was committed after.
// So everything in the log is written to the database anew, and the log begins afresh.
// Its name is made durable too, since SQLite passes over an error in doing so.
func (b *Book) Settle(ctx context.Context) error { return settle(ctx, b.writer, b.readers) }

// Settle is the same for the operational database.
func (q *Queue) Settle(ctx context.Context) error { return settle(ctx, q.writer, q.readers) }

func settle(ctx context.Context, writer, readers *sql.DB) error {
	var busy, frames, written int
	err := writer.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &written)
	if err != nil {
		return fmt.Errorf("writing the database's log out: %w", err)
	}
	if busy != 0 {
		return &strongroom.Error{
			Kind: strongroom.KindConflict, Message: "another process reads the room's database without a pause",
			Hint: "a command such as `strongroom ledger verify` is running: start the server when it has ended",
		}
	}
	// SQLite removes the log with the last connection that closes. This one stays open
	// in the pool, so that the writer can throw its own away and the log keeps its name.
	var path string
	if err := readers.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path); err != nil {
		return fmt.Errorf("finding the database's folder: %w", err)
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("opening a folder to fsync it: %w", err)
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil {
		return fmt.Errorf("fsync of a folder: %w", err)
	}
	return nil
}

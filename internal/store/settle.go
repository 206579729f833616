package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Settle makes durable what a former process left in doubt; whoever is to be the only
// writer calls it before the first change. After an fsync that failed the system may
// take for clean what never reached the disk, and SQLite would go on after such frames
// of its log: then a power cut lost them, and with them all that was committed after.
// So everything in the log is written to the database anew, and the log begins afresh.
func (b *Book) Settle(ctx context.Context) error { return settle(ctx, b.writer) }

// Settle is the same for the operational database.
func (q *Queue) Settle(ctx context.Context) error { return settle(ctx, q.writer) }

func settle(ctx context.Context, db *sql.DB) error {
	var busy, frames, written int
	err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &written)
	if err == nil && busy != 0 {
		err = errors.New("another process reads or writes it all the time")
	}
	if err != nil {
		return fmt.Errorf("writing the database's log out: %w", err)
	}
	return nil
}

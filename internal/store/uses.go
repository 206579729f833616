package store

import (
	"context"
	"time"
)

// KeepUses keeps when keys and tokens were last used, by keyed hashes of their ids: a time
// replaces an earlier one.
func (q *Queue) KeepUses(ctx context.Context, at map[string]time.Time) error {
	tx, err := q.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for id, t := range at {
		if _, err := tx.ExecContext(ctx, "INSERT INTO key_use (id, at) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET at = excluded.at WHERE excluded.at > key_use.at",
			id, t.Unix()); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// Uses answers what KeepUses kept.
func (q *Queue) Uses(ctx context.Context) (map[string]time.Time, error) {
	rows, err := q.readers.QueryContext(ctx, "SELECT id, at FROM key_use")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]time.Time{}
	for rows.Next() {
		var id string
		var at int64
		if err := rows.Scan(&id, &at); err != nil {
			return nil, err
		}
		out[id] = time.Unix(at, 0).UTC()
	}
	return out, rows.Err()
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"strongroom"
	"strongroom/jobs"
)

// Queue is a jobs.Queue in the operational database.
type Queue struct{ writer, readers *sql.DB }

// OpenSQLiteQueue opens the operational database, creating it where there is none.
func OpenSQLiteQueue(ctx context.Context, path string) (*Queue, error) {
	w, r, err := openSQLite(path)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, w, sqlite, opsMigrations, "ops"); err != nil {
		w.Close()
		r.Close()
		return nil, fmt.Errorf("opening the job queue %s: %w", path, err)
	}
	return &Queue{w, r}, nil
}

// Close closes the database.
func (q *Queue) Close() error { return errors.Join(q.writer.Close(), q.readers.Close()) }

// Add implements jobs.Queue.
func (q *Queue) Add(ctx context.Context, add ...jobs.Job) error {
	tx, err := q.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, j := range add {
		if _, err := tx.ExecContext(ctx, "INSERT INTO job (id, kind, body, due, attempts, problem) VALUES ($1, $2, $3, $4, 0, '')",
			j.ID.String(), j.Kind, j.Body, j.Due.UnixMilli()); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// Due implements jobs.Queue.
func (q *Queue) Due(ctx context.Context, now time.Time, n int) ([]jobs.Job, error) {
	rows, err := q.readers.QueryContext(ctx, "SELECT id, kind, body, due, attempts, problem FROM job WHERE due <= $1 ORDER BY due, id LIMIT $2", now.UnixMilli(), n)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []jobs.Job
	for rows.Next() {
		var j jobs.Job
		var id string
		var due int64
		if err := rows.Scan(&id, &j.Kind, &j.Body, &due, &j.Attempts, &j.Problem); err != nil {
			return nil, err
		}
		if j.ID, err = strongroom.ParseID(id); err != nil {
			return nil, fmt.Errorf("reading a job: %w", err)
		}
		j.Due = time.UnixMilli(due)
		out = append(out, j)
	}
	return out, rows.Err()
}

// Done implements jobs.Queue.
func (q *Queue) Done(ctx context.Context, id strongroom.ID) error {
	_, err := q.writer.ExecContext(ctx, "DELETE FROM job WHERE id = $1", id.String())
	return err
}

// Retry implements jobs.Queue.
func (q *Queue) Retry(ctx context.Context, id strongroom.ID, due time.Time, problem string) error {
	_, err := q.writer.ExecContext(ctx, "UPDATE job SET due = $2, attempts = attempts + 1, problem = $3 WHERE id = $1", id.String(), due.UnixMilli(), problem)
	return err
}

var _ jobs.Queue = (*Queue)(nil)

package inventory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"strongroom"
	"strongroom/know"
)

func (s *Store) scanRow(scan *know.Scan) (finished bool, body []byte, err error) {
	body, err = s.seal(scan, "scan "+scan.ID.String())
	return scan.Phase == know.PhaseDone, body, err
}

// BeginScan implements know.Store.
func (s *Store) BeginScan(ctx context.Context, scan *know.Scan) error {
	finished, body, err := s.scanRow(scan)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM scan WHERE source = ? AND finished = 0", scan.Source.String()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO scan (id, source, runner, finished, updated, body) VALUES (?, ?, ?, ?, ?, ?)",
			scan.ID.String(), scan.Source.String(), scan.Runner.String(), finished, scan.Updated.UnixMilli(), body)
		return err
	})
}

// TakeOver implements know.Store.
func (s *Store) TakeOver(ctx context.Context, source, runner strongroom.ID) (out *know.Scan, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		var id string
		var body []byte
		err := tx.QueryRowContext(ctx, "SELECT id, body FROM scan WHERE source = ? AND finished = 0 ORDER BY updated DESC LIMIT 1", source.String()).Scan(&id, &body)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		} else if err != nil {
			return err
		}
		var scan know.Scan
		if err := s.unseal(body, "scan "+id, &scan); err != nil {
			return err
		}
		scan.Runner = runner
		if _, body, err = s.scanRow(&scan); err != nil {
			return err
		}
		out = &scan
		_, err = tx.ExecContext(ctx, "UPDATE scan SET runner = ?, body = ? WHERE id = ?", runner.String(), body, id)
		return err
	})
	return out, err
}

// Checkpoint implements know.Store.
func (s *Store) Checkpoint(ctx context.Context, scan *know.Scan, drawn []know.Drawn, most int64) error {
	finished, body, err := s.scanRow(scan)
	if err != nil {
		return err
	}
	id := scan.ID.String()
	return s.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "UPDATE scan SET finished = ?, updated = ?, body = ? WHERE id = ? AND runner = ? AND finished = 0",
			finished, scan.Updated.UnixMilli(), body, id, scan.Runner.String())
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return errors.Join(err, know.ErrTakenOver)
		}
		for _, d := range drawn {
			if d.Decided {
				_, err = tx.ExecContext(ctx, "UPDATE drawn SET decided = 1 WHERE scan = ? AND rank = ?", id, int64(d.Rank))
			} else {
				var sealed []byte
				if sealed, err = s.seal(drawnBody{[]byte(d.Name), d.Size}, drawnName(id, d.Rank)); err == nil {
					_, err = tx.ExecContext(ctx, "INSERT OR IGNORE INTO drawn (scan, rank, decided, type, body) VALUES (?, ?, 0, ?, ?)", id, int64(d.Rank), d.Type, sealed)
				}
			}
			if err != nil {
				return err
			}
		}
		if most > 0 && scan.Phase != know.PhaseDone && len(drawn) > 0 && !drawn[0].Decided {
			if _, err := tx.ExecContext(ctx, "DELETE FROM drawn WHERE scan = ?1 AND rank > (SELECT rank FROM drawn WHERE scan = ?1 ORDER BY rank LIMIT 1 OFFSET ?2)", id, most-1); err != nil {
				return err
			}
		}
		if finished {
			// Whose content was read is needed no more, nor are older scans.
			if _, err := tx.ExecContext(ctx, "DELETE FROM drawn WHERE scan = ?", id); err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, "DELETE FROM scan WHERE source = ? AND id <> ?", scan.Source.String(), id)
		}
		return err
	})
}

type drawnBody struct {
	Name []byte `json:"name"` // need not be UTF-8
	Size int64  `json:"size"`
}

func drawnName(scan string, rank uint64) string { return fmt.Sprintf("drawn %s %d", scan, rank) }

// Threshold implements know.Store.
func (s *Store) Threshold(ctx context.Context, scan strongroom.ID, most int64) (uint64, error) {
	var rank int64
	err := s.readers.QueryRowContext(ctx, "SELECT rank FROM drawn WHERE scan = ? ORDER BY rank LIMIT 1 OFFSET ?", scan.String(), most-1).Scan(&rank)
	if errors.Is(err, sql.ErrNoRows) {
		return math.MaxInt64 + 1, nil
	}
	return uint64(rank), err
}

// Undecided implements know.Store.
func (s *Store) Undecided(ctx context.Context, scan strongroom.ID, n int) ([]know.Drawn, error) {
	var out []know.Drawn
	err := s.all(ctx, func(read func(...any) error) error {
		var d know.Drawn
		var rank int64
		var sealed []byte
		if err := read(&rank, &d.Type, &sealed); err != nil {
			return err
		}
		d.Rank = uint64(rank)
		var b drawnBody
		if err := s.unseal(sealed, drawnName(scan.String(), d.Rank), &b); err != nil {
			return err
		}
		d.Name, d.Size = string(b.Name), b.Size
		out = append(out, d)
		return nil
	}, "SELECT rank, type, body FROM drawn WHERE scan = ? AND decided = 0 ORDER BY rank LIMIT ?", scan.String(), n)
	return out, err
}

// DrawnByType implements know.Store.
func (s *Store) DrawnByType(ctx context.Context, scan strongroom.ID) (map[string]int64, error) {
	out := map[string]int64{}
	err := s.all(ctx, func(read func(...any) error) error {
		var t string
		var n int64
		if err := read(&t, &n); err != nil {
			return err
		}
		out[t] = n
		return nil
	}, "SELECT type, count(*) FROM drawn WHERE scan = ? GROUP BY type", scan.String())
	return out, err
}

// Scans implements know.Store.
func (s *Store) Scans(ctx context.Context) ([]*know.Scan, error) {
	var out []*know.Scan
	err := s.all(ctx, func(read func(...any) error) error {
		var id string
		var body []byte
		if err := read(&id, &body); err != nil {
			return err
		}
		var scan know.Scan
		if err := s.unseal(body, "scan "+id, &scan); err != nil {
			return err
		}
		out = append(out, &scan)
		return nil
	}, "SELECT id, body FROM scan ORDER BY finished DESC, updated")
	return out, err
}

package inventory

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"strongroom"
	"strongroom/know"
)

// Sources implements know.Store.
func (s *Store) Sources(ctx context.Context) ([]know.Source, error) {
	out := []know.Source{}
	err := s.all(ctx, func(scan func(...any) error) error {
		var id string
		var body []byte
		if err := scan(&id, &body); err != nil {
			return err
		}
		var source know.Source
		if err := s.unseal(body, "source "+id, &source); err != nil {
			return err
		}
		out = append(out, source)
		return nil
	}, "SELECT id, body FROM source")
	slices.SortFunc(out, func(a, b know.Source) int { return cmp.Compare(a.Name, b.Name) })
	return out, err
}

// PutSource implements know.Store.
func (s *Store) PutSource(ctx context.Context, source know.Source) error {
	id := source.ID.String()
	body, err := s.seal(source, "source "+id)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		var others, all int
		err := tx.QueryRowContext(ctx, "SELECT count(CASE WHEN tag = ? THEN 1 END), count(*) FROM source WHERE id <> ?", s.tag("source", source.Name), id).Scan(&others, &all)
		switch {
		case err != nil:
			return err
		case others > 0:
			return &strongroom.Error{Kind: strongroom.KindConflict, Message: fmt.Sprintf("there is a source %q already", source.Name), Hint: "see `strongroom know sources`"}
		case all >= know.MaxSources:
			return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there are %d sources already, as many as are kept", all), Hint: "remove those that are no more with `strongroom know sources rm`"}
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO source (id, tag, body) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET tag = excluded.tag, body = excluded.body", id, s.tag("source", source.Name), body)
		return err
	})
}

// DropSource implements know.Store.
func (s *Store) DropSource(ctx context.Context, id strongroom.ID) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM source WHERE id = ?", id.String())
		_, other := tx.ExecContext(ctx, "DELETE FROM snapshot WHERE scope = ?", id.String())
		return errors.Join(err, other)
	})
}

// PutFlows implements know.Store.
func (s *Store) PutFlows(ctx context.Context, f know.FlowFile) error {
	body, err := s.seal(flowBody{f, f.Text}, "flows")
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO flows (id, body) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body", body)
		return err
	})
}

type flowBody struct {
	know.FlowFile
	Content []byte `json:"content"`
}

// Flows implements know.Store.
func (s *Store) Flows(ctx context.Context) (know.FlowFile, bool, error) {
	var body []byte
	err := s.readers.QueryRowContext(ctx, "SELECT body FROM flows WHERE id = 1").Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return know.FlowFile{}, false, nil
	} else if err != nil {
		return know.FlowFile{}, false, err
	}
	var f flowBody
	err = s.unseal(body, "flows", &f)
	f.Text = f.Content
	return f.FlowFile, err == nil, err
}

// Snapshots of the last hour are kept one a minute, of the last days (hourly) one an hour,
// older ones one a day, and none longer than longest.
const (
	hourly  = 7 * 24 * time.Hour
	longest = 400 * 24 * time.Hour
)

// PutSnapshot implements know.Store.
func (s *Store) PutSnapshot(ctx context.Context, snap know.Snapshot) error {
	at := snap.At.UnixMilli()
	body, err := s.seal(snap, fmt.Sprintf("snapshot %s %d", snap.Scope, at))
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO snapshot (scope, at, body) VALUES (?, ?, ?) ON CONFLICT (scope, at) DO UPDATE SET body = excluded.body", snap.Scope, at, body); err != nil {
			return err
		}
		// The first of each minute, hour or day stays, and the newest.
		for _, thin := range []struct {
			older, every time.Duration
		}{{time.Minute, time.Minute}, {time.Hour, time.Hour}, {hourly, 24 * time.Hour}} {
			if _, err := tx.ExecContext(ctx, `DELETE FROM snapshot WHERE scope = ?1 AND at < ?2 AND at NOT IN
				(SELECT min(at) FROM snapshot WHERE scope = ?1 GROUP BY at / ?3)`, snap.Scope, at-thin.older.Milliseconds(), thin.every.Milliseconds()); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM snapshot WHERE scope = ? AND at < ?", snap.Scope, at-longest.Milliseconds())
		return err
	})
}

// SnapshotBefore implements know.Store.
func (s *Store) SnapshotBefore(ctx context.Context, scope string, at time.Time) (know.Snapshot, bool, error) {
	var when int64
	var body []byte
	err := s.readers.QueryRowContext(ctx, `SELECT at, body FROM snapshot WHERE scope = ?1 AND at = coalesce(
		(SELECT max(at) FROM snapshot WHERE scope = ?1 AND at <= ?2), (SELECT min(at) FROM snapshot WHERE scope = ?1))`, scope, at.UnixMilli()).Scan(&when, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return know.Snapshot{}, false, nil
	} else if err != nil {
		return know.Snapshot{}, false, err
	}
	var snap know.Snapshot
	err = s.unseal(body, fmt.Sprintf("snapshot %s %d", scope, when), &snap)
	return snap, err == nil, err
}

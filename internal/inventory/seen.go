package inventory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"strongroom"
	"strongroom/know"
)

// Position implements know.Store.
func (s *Store) Position(ctx context.Context) (int64, error) {
	var n int64
	err := s.readers.QueryRowContext(ctx, "SELECT value FROM state WHERE name = 'position'").Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return n, err
}

// Take implements know.Store. Several processes may tell the same events: what is behind
// the position counts once.
func (s *Store) Take(ctx context.Context, events []strongroom.Event, next int64) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		var position int64
		err := tx.QueryRowContext(ctx, "SELECT value FROM state WHERE name = 'position'").Scan(&position)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		for len(events) > 0 && events[0].Index < position {
			events = events[1:]
		}
		if next <= position {
			return nil
		}
		if len(events) > 0 && events[0].Index != position {
			return fmt.Errorf("record %d was told, and %d is next", events[0].Index, position)
		}
		for _, stream := range know.StreamsOf(events) {
			if err := s.merge(ctx, tx, stream); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO state (name, value) VALUES ('position', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", next)
		return err
	})
}

func (s *Store) merge(ctx context.Context, tx *sql.Tx, stream know.Stream) error {
	tag := s.tag("stream", stream.Key())
	var body []byte
	err := tx.QueryRowContext(ctx, "SELECT body FROM stream WHERE tag = ?", tag).Scan(&body)
	if err == nil {
		var have know.Stream
		if err := s.unseal(body, "stream "+tag, &have); err != nil {
			return err
		}
		have.Merge(stream)
		stream = have
	} else if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if body, err = s.seal(stream, "stream "+tag); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO stream (tag, body) VALUES (?, ?) ON CONFLICT (tag) DO UPDATE SET body = excluded.body", tag, body)
	return err
}

// Seen implements know.Store.
func (s *Store) Seen(ctx context.Context) ([]know.Stream, error) {
	var out []know.Stream
	err := s.all(ctx, func(read func(...any) error) error {
		var tag string
		var body []byte
		if err := read(&tag, &body); err != nil {
			return err
		}
		var stream know.Stream
		if err := s.unseal(body, "stream "+tag, &stream); err != nil {
			return err
		}
		out = append(out, stream)
		return nil
	}, "SELECT tag, body FROM stream ORDER BY tag")
	return out, err
}

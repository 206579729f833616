// Package alertstore keeps a room's alerts in a SQLite file of their own: what is counted,
// what fired, what is to be sent, and how far the ledger was watched, changed together in
// one transaction that is on the disk before it is answered. SQL holds ids, pseudonyms,
// states and times; everything else rests sealed under a key derived from the room key.
// All of it but acknowledgements and deliveries can be made again from the ledger.
package alertstore

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the "sqlite" driver

	"strongroom"
	"strongroom/alert"
)

//go:embed schema/*.sql
var migrations embed.FS

// Store is an alert.Store in a SQLite file.
type Store struct {
	writer, readers *sql.DB
	aead            cipher.AEAD
	// Of the writer: what is asked most.
	tally, putTally *sql.Stmt
}

// Open opens the file, making it where there is none. Of a new one, the first so many
// records of the ledger were there before anybody watched.
func Open(ctx context.Context, path string, roomKey []byte, before int64) (*Store, error) {
	if len(roomKey) != 32 {
		return nil, errors.New("a room key has 32 bytes")
	}
	key, err := hkdf.Key(sha256.New, roomKey, nil, "strongroom/alert/v1/store", 32)
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("making a cipher: %w", err)
	}
	s := &Store{}
	if s.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, fmt.Errorf("making a cipher: %w", err)
	}
	if err := s.open(ctx, path, before); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the alerts %s: %w", path, err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string, before int64) error {
	// Made here, since SQLite would let others read it.
	if f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
		if err := f.Close(); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	open := func(extra string, connections int) (*sql.DB, error) {
		q := "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(ON)" + extra
		db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q}).String())
		if err == nil {
			db.SetMaxOpenConns(connections)
			db.SetMaxIdleConns(connections)
		}
		return db, err
	}
	var err error
	// Immediate: a transaction that reads and then writes must not meet another process's.
	if s.writer, err = open("&_txlock=immediate", 1); err != nil {
		return err
	}
	if s.readers, err = open("&_pragma=query_only(1)", 4); err != nil {
		return err
	}
	folder, err := fs.Sub(migrations, "schema")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, s.writer, folder)
	if err != nil {
		return err
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if have > want {
		return fmt.Errorf("it has schema version %d, this strongroom knows only up to %d; use the newer strongroom that wrote it", have, want)
	}
	if have < want {
		if _, err := p.Up(ctx); err != nil {
			return err
		}
	}
	if _, err = s.writer.ExecContext(ctx, "INSERT INTO watched (only, position, began) VALUES (1, 0, $1) ON CONFLICT DO NOTHING", before); err != nil {
		return err
	}
	if s.tally, err = s.writer.PrepareContext(ctx, "SELECT body FROM tally WHERE condition = $1 AND subject = $2"); err != nil {
		return err
	}
	s.putTally, err = s.writer.PrepareContext(ctx, `INSERT INTO tally (condition, subject, at, body) VALUES ($1, $2, $3, $4)
		ON CONFLICT (condition, subject) DO UPDATE SET at = excluded.at, body = excluded.body`)
	return err
}

// Unclaim lets what somebody was trying be tried by others at once: whoever served the
// room before is gone.
func (s *Store) Unclaim(ctx context.Context) error {
	_, err := s.writer.ExecContext(ctx, "UPDATE delivery SET claimed = 0 WHERE state = 'to-send'")
	return err
}

// Close closes the file.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.writer, s.readers} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

func (s *Store) seal(v any, row string) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return s.aead.Seal(nil, nil, plain, []byte(row)), nil
}

func (s *Store) unseal(sealed []byte, row string, v any) error {
	plain, err := s.aead.Open(nil, nil, sealed, []byte(row))
	if err != nil {
		return fmt.Errorf("the %s does not open: it was altered, moved, or belongs to another room key", row)
	}
	return json.Unmarshal(plain, v)
}

// Change implements alert.Store.
func (s *Store) Change(ctx context.Context, do func(alert.Tx) error) error {
	t, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a change of the alerts: %w", err)
	}
	defer t.Rollback()
	if err := do(&tx{s, ctx, t}); err != nil {
		return err
	}
	if err := t.Commit(); err != nil {
		return fmt.Errorf("keeping a change of the alerts: %w", err)
	}
	return nil
}

// query is what a transaction and a connection have in common.
type query interface {
	QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row
}

// Position implements alert.Store.
func (s *Store) Position(ctx context.Context) (next, began int64, err error) {
	return position(ctx, s.readers)
}

func position(ctx context.Context, q query) (next, began int64, err error) {
	err = q.QueryRowContext(ctx, "SELECT position, began FROM watched").Scan(&next, &began)
	return next, began, err
}

// Alert implements alert.Store.
func (s *Store) Alert(ctx context.Context, id strongroom.ID) (alert.Alert, error) {
	return s.one(ctx, s.readers, "WHERE id = $1", id.String())
}

// Alerts implements alert.Store.
func (s *Store) Alerts(ctx context.Context, n int, states ...alert.State) ([]alert.Alert, error) {
	wanted, err := json.Marshal(states)
	if err != nil {
		return nil, err
	}
	return s.many(ctx, s.readers, "WHERE $1 OR state IN (SELECT value FROM json_each($2)) ORDER BY first DESC, id LIMIT $3", len(states) == 0, string(wanted), n)
}

// Deliveries implements alert.Store.
func (s *Store) Deliveries(ctx context.Context, id strongroom.ID) ([]alert.Delivery, error) {
	return s.deliveries(ctx, s.readers, "WHERE alert = $1 ORDER BY made, id", id.String())
}

// Waiting implements alert.Store.
func (s *Store) Waiting(ctx context.Context, now time.Time) (bool, error) {
	var some bool
	err := s.readers.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM delivery WHERE state = 'to-send' AND due <= $1 AND claimed <= $1)
		OR EXISTS (SELECT 1 FROM alert WHERE due > 0 AND due <= $1 AND state = 'open')`, now.UnixMilli()).Scan(&some)
	return some, err
}

func (s *Store) one(ctx context.Context, q query, where string, args ...any) (alert.Alert, error) {
	all, err := s.many(ctx, q, where, args...)
	if err == nil && len(all) == 0 {
		err = alert.ErrNone
	}
	if err != nil {
		return alert.Alert{}, err
	}
	return all[0], nil
}

func (s *Store) many(ctx context.Context, q query, where string, args ...any) ([]alert.Alert, error) {
	return collect[alert.Alert](ctx, s, q, "alert", "SELECT id, body FROM alert "+where, args...)
}

func (s *Store) deliveries(ctx context.Context, q query, where string, args ...any) ([]alert.Delivery, error) {
	return collect[alert.Delivery](ctx, s, q, "delivery", "SELECT id, body FROM delivery "+where, args...)
}

// collect reads rows of an id and a sealed body.
func collect[T any](ctx context.Context, s *Store, q query, what, statement string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		var id string
		var body []byte
		var v T
		if err := rows.Scan(&id, &body); err != nil {
			return nil, err
		}
		if err := s.unseal(body, what+" "+id, &v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// tx is one transaction.
type tx struct {
	s   *Store
	ctx context.Context
	*sql.Tx
}

func (t *tx) exec(statement string, args ...any) error {
	_, err := t.ExecContext(t.ctx, statement, args...)
	return err
}

func (t *tx) Position() (next, began int64, err error) { return position(t.ctx, t.Tx) }

func (t *tx) SetPosition(next int64) error {
	return t.exec("UPDATE watched SET position = $1", next)
}

func (t *tx) Tally(condition, subject string) ([]byte, error) {
	var sealed []byte
	err := t.StmtContext(t.ctx, t.s.tally).QueryRowContext(t.ctx, condition, subject).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, alert.ErrNone
	} else if err != nil {
		return nil, err
	}
	var body json.RawMessage
	return body, t.s.unseal(sealed, tallyRow(condition, subject), &body)
}

func tallyRow(condition, subject string) string { return "tally " + condition + " " + subject }

func (t *tx) PutTally(condition, subject string, at time.Time, body []byte) error {
	sealed, err := t.s.seal(json.RawMessage(body), tallyRow(condition, subject))
	if err != nil {
		return err
	}
	_, err = t.StmtContext(t.ctx, t.s.putTally).ExecContext(t.ctx, condition, subject, at.UnixMilli(), sealed)
	return err
}

func (t *tx) DropTallies(before time.Time) error {
	return t.exec("DELETE FROM tally WHERE at < $1", before.UnixMilli())
}

// dropAtOnce bounds how many rows of a sort one call drops, so that no transaction takes long.
const dropAtOnce = 20_000

func (t *tx) DropDone(before time.Time, alerts, messages int) error {
	err := t.exec(`DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE state <> 'to-send' AND (made < $1
		OR made < (SELECT made FROM delivery WHERE state <> 'to-send' ORDER BY made DESC LIMIT 1 OFFSET $2)) ORDER BY made LIMIT $3)`,
		before.UnixMilli(), messages-1, dropAtOnce)
	if err != nil {
		return err
	}
	const done = `SELECT id FROM alert WHERE state <> 'open' AND (first < $1
		OR first < (SELECT first FROM alert WHERE state <> 'open' ORDER BY first DESC LIMIT 1 OFFSET $2))
		AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.alert = alert.id AND delivery.state = 'to-send') ORDER BY first LIMIT $3`
	for _, statement := range []string{"DELETE FROM delivery WHERE alert IN (" + done + ")", "DELETE FROM alert WHERE id IN (" + done + ")"} {
		if err := t.exec(statement, before.UnixMilli(), alerts-1, dropAtOnce); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) Alert(id strongroom.ID) (alert.Alert, error) {
	return t.s.one(t.ctx, t.Tx, "WHERE id = $1", id.String())
}

func (t *tx) Newest(condition, subject string) (alert.Alert, error) {
	return t.s.one(t.ctx, t.Tx, "WHERE condition = $1 AND subject = $2 ORDER BY first DESC, id LIMIT 1", condition, subject)
}

func (t *tx) PutAlert(a alert.Alert) error {
	sealed, err := t.s.seal(a, "alert "+a.ID.String())
	if err != nil {
		return err
	}
	return t.exec("INSERT OR REPLACE INTO alert (id, condition, subject, state, first, due, body) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		a.ID.String(), a.Condition, a.Subject, string(a.State), a.First.UnixMilli(), millis(a.Due), sealed)
}

// millis is 0 for no time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func (t *tx) DueAlerts(now time.Time, n int) ([]alert.Alert, error) {
	return t.s.many(t.ctx, t.Tx, "WHERE due > 0 AND due <= $1 AND state = 'open' ORDER BY due, id LIMIT $2", now.UnixMilli(), n)
}

func (t *tx) AddDelivery(d alert.Delivery) error { return t.putDelivery(d, "IGNORE") }
func (t *tx) PutDelivery(d alert.Delivery) error { return t.putDelivery(d, "REPLACE") }

// putDelivery leaves it to nobody: whoever put it is done with it.
func (t *tx) putDelivery(d alert.Delivery, or string) error {
	sealed, err := t.s.seal(d, "delivery "+d.ID.String())
	if err != nil {
		return err
	}
	return t.exec("INSERT OR "+or+" INTO delivery (id, alert, state, made, due, claimed, body) VALUES ($1, $2, $3, $4, $5, 0, $6)",
		d.ID.String(), d.Alert.String(), string(d.State), d.Made.UnixMilli(), millis(d.Due), sealed)
}

func (t *tx) Delivery(id strongroom.ID) (alert.Delivery, error) {
	all, err := t.s.deliveries(t.ctx, t.Tx, "WHERE id = $1", id.String())
	if err == nil && len(all) == 0 {
		err = alert.ErrNone
	}
	if err != nil {
		return alert.Delivery{}, err
	}
	return all[0], nil
}

func (t *tx) Deliveries(id strongroom.ID) ([]alert.Delivery, error) {
	return t.s.deliveries(t.ctx, t.Tx, "WHERE alert = $1 ORDER BY made, id", id.String())
}

func (t *tx) Claim(now, until time.Time, n int, id strongroom.ID) ([]alert.Delivery, error) {
	due, err := t.s.deliveries(t.ctx, t.Tx, "WHERE state = 'to-send' AND due <= $1 AND claimed <= $1 AND ($2 OR alert = $3) ORDER BY due, id LIMIT $4",
		now.UnixMilli(), id.IsZero(), id.String(), n)
	for _, d := range due {
		if err == nil {
			err = t.exec("UPDATE delivery SET claimed = $2 WHERE id = $1", d.ID.String(), until.UnixMilli())
		}
	}
	return due, err
}

var _ alert.Store = (*Store)(nil)

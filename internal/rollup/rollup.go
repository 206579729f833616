// Package rollup keeps the counts of package monitor in a SQLite database of the room's
// folder. What people named rests sealed under a key of the room; SQL holds ids, keyed
// hashes, pseudonyms, counts and times.
package rollup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"sync"

	_ "modernc.org/sqlite" // the "sqlite" driver

	"strongroom/monitor"
)

// format is the version of what is counted and how it is kept. Rollups of another one
// are made again.
const format = 4

const schema = `
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
-- A bucket, a queue, a set of classes or of groups.
CREATE TABLE name (
    id     INTEGER NOT NULL PRIMARY KEY,
    topic  INTEGER NOT NULL,
    hash   BLOB NOT NULL, -- keyed
    sealed BLOB NOT NULL,
    UNIQUE (topic, hash)
);
CREATE TABLE actor (
    id        INTEGER NOT NULL PRIMARY KEY, -- 0 is not in here: it is everybody
    pseudonym TEXT NOT NULL UNIQUE,
    sealed    BLOB -- the principal, where a record told
);
-- All that a cell tells apart besides when and who; 0 is no name. A bare one tells no
-- names apart: each actor has cells of both kinds for the same records. The cells of
-- everybody tell no groups apart.
CREATE TABLE facet (
    id      INTEGER NOT NULL PRIMARY KEY,
    bare    INTEGER NOT NULL,
    action  TEXT NOT NULL,
    refused INTEGER NOT NULL,
    untold  INTEGER NOT NULL,
    bucket  INTEGER NOT NULL,
    queue   INTEGER NOT NULL,
    classes INTEGER NOT NULL,
    groups  INTEGER NOT NULL
);
-- grain 0 is all time, 1 a week from Monday, 2 a day, 3 an hour, all UTC; start counts
-- them from 1970.
CREATE TABLE cell (
    grain INTEGER NOT NULL,
    start INTEGER NOT NULL,
    actor INTEGER NOT NULL,
    facet INTEGER NOT NULL,
    n     INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    first INTEGER NOT NULL, -- milliseconds since 1970, as all times
    last  INTEGER NOT NULL,
    PRIMARY KEY (grain, start, actor, facet)
) WITHOUT ROWID;
CREATE TABLE object (
    id      INTEGER NOT NULL PRIMARY KEY,
    version BLOB NOT NULL UNIQUE,
    tag     BLOB, -- keyed hash of bucket and key, where a record told
    sealed  BLOB, -- bucket and key
    size    INTEGER NOT NULL
);
CREATE INDEX object_tag ON object (tag) WHERE tag IS NOT NULL;
CREATE TABLE use (
    object  INTEGER NOT NULL,
    actor   INTEGER NOT NULL,
    opened  INTEGER NOT NULL,
    downloaded INTEGER NOT NULL,
    other   INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    bytes   INTEGER NOT NULL,
    first   INTEGER NOT NULL,
    last    INTEGER NOT NULL,
    latest  INTEGER NOT NULL, -- opening, 0 where there is none
    PRIMARY KEY (object, actor)
) WITHOUT ROWID;
CREATE INDEX use_latest ON use (actor, latest);
-- Which records are about an object.
CREATE TABLE trace (
    object INTEGER NOT NULL,
    record INTEGER NOT NULL,
    PRIMARY KEY (object, record)
) WITHOUT ROWID;
-- Leases that have not ended.
CREATE TABLE lease (
    id      BLOB NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   INTEGER NOT NULL,
    facet   INTEGER NOT NULL,
    object  INTEGER NOT NULL,
    size    INTEGER NOT NULL,
    counted INTEGER NOT NULL,
    resumed INTEGER NOT NULL
) WITHOUT ROWID;
`

// tables in the order in which they may be emptied.
var tables = []string{"meta", "name", "actor", "facet", "cell", "object", "use", "trace", "lease"}

// Rollups are monitor.Rollups in one database file. Several processes may have it open,
// and more than one may Take: what was counted is not counted again.
type Rollups struct {
	path            string
	writer, readers *sql.DB
	keys            keys

	mu   sync.Mutex // of Take
	dims *dims      // as this process left the database, nil where it did not

	seen struct {
		sync.Mutex
		*lookup
	}
}

var _ monitor.Rollups = (*Rollups)(nil)

// Open opens the rollups of a room, made anew where there are none, or those of another
// format. The room key has 32 bytes.
func Open(ctx context.Context, path string, roomKey []byte) (*Rollups, error) {
	k, err := deriveKeys(roomKey)
	if err != nil {
		return nil, err
	}
	if err := create(path); err != nil {
		return nil, err
	}
	r := &Rollups{path: path, keys: k}
	open := func(extra string, connections int) (*sql.DB, error) {
		// What is lost in a power cut is told again, so a commit need not wait for the disk.
		q := "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=secure_delete(ON)&_pragma=cache_size(-32768)" + extra
		db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q}).String())
		if err != nil {
			return nil, fmt.Errorf("opening %s: %w", path, err)
		}
		db.SetMaxOpenConns(connections)
		db.SetMaxIdleConns(connections)
		return db, nil
	}
	if r.writer, err = open("&_txlock=immediate&_pragma=wal_autocheckpoint(4000)", 1); err != nil {
		return nil, err
	}
	if r.readers, err = open("&_pragma=query_only(1)", 4); err != nil {
		r.writer.Close()
		return nil, err
	}
	if err := r.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the rollups %s: %w", path, err), r.Close())
	}
	return r, nil
}

// create makes an empty file that only its owner may open.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("making a database: %w", err)
	}
	return f.Close()
}

// Close closes the database.
func (r *Rollups) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget()
	return errors.Join(r.readers.Close(), r.writer.Close())
}

// prepare makes the schema where it is missing or of another format.
func (r *Rollups) prepare(ctx context.Context) error {
	version, err := r.version(ctx, r.readers)
	if err != nil || version == format {
		return err
	}
	tx, err := r.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if version, err = r.version(ctx, tx); err != nil || version == format {
		return err // another process made it meanwhile
	}
	rows, err := tx.QueryContext(ctx, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
	if err != nil {
		return err
	}
	var old []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return errors.Join(err, rows.Close())
		}
		old = append(old, name)
	}
	if err := rows.Close(); err != nil {
		return err
	}
	for _, name := range old {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("DROP TABLE %q", name)); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, schema+fmt.Sprintf("PRAGMA user_version = %d;", format)); err != nil {
		return err
	}
	return tx.Commit()
}

func (r *Rollups) version(ctx context.Context, on querier) (v int, err error) {
	err = on.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v)
	return v, err
}

// Reset forgets all counts, so that everything is told again.
func (r *Rollups) Reset(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	tx, err := r.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := empty(ctx, tx); err != nil {
		return err
	}
	r.forget()
	return tx.Commit()
}

// Begin is told how many records the ledger has before the first is told: what was erased
// of those is gone from them already, so that erasure records among them mean no rebuild.
func (r *Rollups) Begin(ctx context.Context, size int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.writer.ExecContext(ctx, "INSERT INTO meta SELECT 'heed', $1 WHERE NOT EXISTS (SELECT 1 FROM meta WHERE name = 'position') ON CONFLICT DO UPDATE SET value = max(value, excluded.value)", size)
	return err
}

// empty deletes all but how often that was done and which erasures were heeded.
func empty(ctx context.Context, tx *sql.Tx) error {
	for _, t := range tables[1:] {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+t); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM meta WHERE name = 'position'; INSERT INTO meta VALUES ('generation', 1) ON CONFLICT DO UPDATE SET value = value + 1")
	return err
}

// querier is a database, a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// meta reads a number, 0 where there is none.
func meta(ctx context.Context, on querier, name string) (v int64, err error) {
	err = on.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = ?", name).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return v, err
}

// Position implements monitor.Rollups.
func (r *Rollups) Position(ctx context.Context) (int64, error) {
	return meta(ctx, r.readers, "position")
}

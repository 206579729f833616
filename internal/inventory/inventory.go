// Package inventory keeps what know finds out about one room in a SQLite file of its own,
// inventory.db: sources, scans and what they drew, snapshots, the file of flows, and the
// streams that the ledger showed. All of it can be lost without losing a fact that
// decisions rely on.
package inventory

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	_ "modernc.org/sqlite" // the "sqlite" driver

	"strongroom/know"
)

//go:embed schema.sql
var schema string

// version is the schema's. An older file is thrown away and made anew by whoever opens it
// once there is another.
const version = 1

// Store is a know.Store.
type Store struct {
	writer, readers *sql.DB
	aead            cipher.AEAD
	tagKey          []byte
}

var _ know.Store = (*Store)(nil)

// Open opens the file, making it where there is none. key is the room key.
func Open(ctx context.Context, path string, key []byte) (*Store, error) {
	if len(key) != 32 {
		return nil, errors.New("a room key has 32 bytes")
	}
	s := &Store{}
	sealKey, err := hkdf.Key(sha256.New, key, nil, "strongroom/inventory/v1/seal", 32)
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	if s.tagKey, err = hkdf.Key(sha256.New, key, nil, "strongroom/inventory/v1/tag", 32); err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	block, err := aes.NewCipher(sealKey)
	if err != nil {
		return nil, fmt.Errorf("making a cipher: %w", err)
	}
	if s.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, fmt.Errorf("making a cipher: %w", err)
	}
	if err := s.open(ctx, path); err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, errors.Join(err, s.Close()))
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string) (err error) {
	// SQLite itself would let others read it. A file that exists is not touched: closing a
	// descriptor of it would drop this process's locks on it.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	open := func(extra string, connections int) (*sql.DB, error) {
		q := "_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(ON)&_pragma=foreign_keys(ON)" + extra
		db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q}).String())
		if err == nil {
			db.SetMaxOpenConns(connections)
			db.SetMaxIdleConns(connections)
		}
		return db, err
	}
	if s.writer, err = open("", 1); err != nil {
		return err
	}
	if s.readers, err = open("&_pragma=query_only(1)", 4); err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		var have int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
			return err
		}
		if have > version {
			return fmt.Errorf("it has schema version %d, this strongroom knows only up to %d; use the newer strongroom that wrote it", have, version)
		}
		if have == version {
			return nil
		}
		if _, err := tx.ExecContext(ctx, schema); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
		return err
	})
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

// write runs a transaction.
func (s *Store) write(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// tag is a keyed hash of a name.
func (s *Store) tag(of, name string) string {
	h := hmac.New(sha256.New, s.tagKey)
	fmt.Fprintf(h, "%s\x00%s", of, name)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// seal seals a value as JSON; what names the row that it belongs to.
func (s *Store) seal(v any, what string) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return s.aead.Seal(nil, nil, plain, []byte(what)), nil
}

func (s *Store) unseal(sealed []byte, what string, v any) error {
	plain, err := s.aead.Open(nil, nil, sealed, []byte(what))
	if err != nil {
		return errors.New("a sealed field of inventory.db does not open: it was altered, moved, or belongs to another room key")
	}
	return json.Unmarshal(plain, v)
}

// all reads rows of a query with one function each.
func (s *Store) all(ctx context.Context, each func(scan func(...any) error) error, query string, args ...any) error {
	rows, err := s.readers.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

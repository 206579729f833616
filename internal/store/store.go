// Package store keeps books in SQL: the one schema, its migrations, and the
// writer that turns many changes into one durable commit. SQLite and PostgreSQL
// differ only in opening, locking and dialect. What people named or wrote rests
// sealed under the room key; whoever administers the database, or holds a backup
// of it, sees random ids, digests, sizes of sealed fields and times.
package store

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the "sqlite" driver

	"strongroom/book"
)

//go:embed content/*.sql
var contentMigrations embed.FS

//go:embed ops/*.sql
var opsMigrations embed.FS

// dialect is all in which the two databases differ.
type dialect struct {
	goose    goose.Dialect
	begin    string // starts a transaction that will write
	lockHead string // appended to the SELECT of the head
}

var sqlite = dialect{goose: goose.DialectSQLite3, begin: "BEGIN IMMEDIATE"}

// openSQLite opens a database file twice: one connection that writes, several that
// only read. WAL with synchronous=FULL: a commit is on the disk before it returns.
// secure_delete: what was dropped is overwritten, not left in free pages.
func openSQLite(path string) (writer, readers *sql.DB, err error) {
	if err := create(path); err != nil {
		return nil, nil, err
	}
	open := func(extra string, connections int) (*sql.DB, error) {
		q := "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(ON)" + extra
		db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q}).String())
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(connections)
		db.SetMaxIdleConns(connections)
		return db, nil
	}
	if writer, err = open("", 1); err != nil {
		return nil, nil, fmt.Errorf("opening %s: %w", path, err)
	}
	if readers, err = open("&_pragma=query_only(1)", 8); err != nil {
		writer.Close()
		return nil, nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return writer, readers, nil
}

// create makes an empty database file that only its owner may open; SQLite itself
// would let others read it, and gives the files beside it the mode of this one. A
// file that exists is not touched: closing a descriptor of it would drop the locks
// that this process holds on it.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("making a database: %w", err)
	}
	return f.Close()
}

// openSQLiteReading opens a database file for reading only.
func openSQLiteReading(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "mode=ro&_pragma=busy_timeout(10000)"}).String())
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return db, nil
}

// migrate brings the schema up to this version, and refuses one from the future.
func migrate(ctx context.Context, db *sql.DB, d dialect, migrations embed.FS, folder string) error {
	sub, err := fs.Sub(migrations, folder)
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	p, err := goose.NewProvider(d.goose, db, sub)
	if err != nil {
		return fmt.Errorf("preparing the migrations: %w", err)
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("reading the schema's version: %w", err)
	}
	if have > want {
		return fmt.Errorf("the database has schema version %d, this strongroom knows only up to %d; use the newer strongroom that wrote it", have, want)
	}
	if have == want {
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bringing the schema from version %d to %d: %w", have, want, err)
	}
	return nil
}

// sealer seals fields of the database under a key of their own: AES-256-GCM with
// random nonces, the rest of the row as additional data.
type sealer struct{ aead cipher.AEAD }

func newSealer(roomKey []byte, label string) (sealer, error) {
	if len(roomKey) != 32 {
		return sealer{}, errors.New("a room key has 32 bytes")
	}
	key, err := hkdf.Key(sha256.New, roomKey, nil, "strongroom/store/v1/"+label, 32)
	if err != nil {
		return sealer{}, fmt.Errorf("deriving a key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, fmt.Errorf("making a cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return sealer{}, fmt.Errorf("making a cipher: %w", err)
	}
	return sealer{aead}, nil
}

func (s sealer) seal(plain, additional []byte) []byte {
	return s.aead.Seal(nil, nil, plain, additional)
}

func (s sealer) open(sealed, additional []byte) ([]byte, error) {
	plain, err := s.aead.Open(nil, nil, sealed, additional)
	if err != nil {
		return nil, errors.New("a sealed field does not open: it was altered, moved, or belongs to another room key")
	}
	return plain, nil
}

// rowContext is the additional data of a row's body: every other column, each with
// its length.
func rowContext(r *book.Row) []byte {
	b := append([]byte(nil), r.Salt[:]...)
	for _, field := range []string{r.Kind, r.ID, r.Parent, r.Tag, r.Ref} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
		b = append(b, field...)
	}
	return b
}

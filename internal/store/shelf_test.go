package store_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"strongroom"
	"strongroom/book"
	"strongroom/internal/store"
	"strongroom/internal/storetest"
	"strongroom/ledger"
)

// shelf is a place for books opened by open, and reached beside them through db.
func shelf(t *testing.T, db *sql.DB, open func(context.Context, store.Config) (*store.Book, error)) storetest.Shelf {
	t.Helper()
	room := strongroom.NewID()
	secret, public, err := ledger.GenerateKey(ledger.KeyName(room))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ledger.ParseSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := ledger.ParseVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	var ahead atomic.Int64
	config := store.Config{Room: room, Key: make([]byte, 32), Signer: signer, Ledger: verifier,
		Clock: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}
	return storetest.Shelf{
		Room: room, Ledger: verifier,
		Open: func(t *testing.T) book.Book {
			t.Helper()
			b, err := open(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := b.Close(); err != nil {
					t.Error(err)
				}
			})
			return b
		},
		OpenEpoch: func(ctx context.Context, b book.Book, e ledger.Entry) (book.Receipt, error) {
			return b.(*store.Book).OpenEpoch(ctx, e)
		},
		Refresh: func(ctx context.Context, b book.Book) error { return b.(*store.Book).Refresh(ctx) },
		Keep: func(t *testing.T) func() {
			t.Helper()
			var size int64
			var checkpoint []byte
			if err := db.QueryRow("SELECT size, checkpoint FROM head").Scan(&size, &checkpoint); err != nil {
				t.Fatal(err)
			}
			return func() {
				tx, err := db.Begin()
				if err != nil {
					t.Fatal(err)
				}
				defer tx.Rollback()
				if _, err := tx.Exec("DELETE FROM record WHERE idx >= $1", size); err != nil {
					t.Fatal(err)
				}
				if _, err := tx.Exec("UPDATE head SET size = $1, checkpoint = $2", size, checkpoint); err != nil {
					t.Fatal(err)
				}
				if err := tx.Commit(); err != nil {
					t.Fatal(err)
				}
			}
		},
		Ahead: func(d time.Duration) { ahead.Add(int64(d)) },
	}
}

func TestSQLiteBook(t *testing.T) {
	storetest.Book(t, func(t *testing.T) storetest.Shelf {
		path := filepath.Join(t.TempDir(), "book with spaces and ? in its name.db")
		db, err := sql.Open("sqlite", "file:"+filepath.Dir(path)+"/book%20with%20spaces%20and%20%3F%20in%20its%20name.db?_pragma=busy_timeout(10000)")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return shelf(t, db, func(ctx context.Context, c store.Config) (*store.Book, error) { return store.OpenSQLite(ctx, path, c) })
	})
}

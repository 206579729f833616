package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"strongroom"
	"strongroom/book"
	"strongroom/ledger"
)

// TestSettle writes the log out when a book is taken over, and keeps the log's name
// whatever becomes of the writer's connection.
func TestSettle(t *testing.T) {
	room := strongroom.NewID()
	private, public, err := ledger.GenerateKey(ledger.KeyName(room))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ledger.ParseSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := ledger.ParseVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "content.db")
	config := Config{Room: room, Key: make([]byte, 32), Signer: signer, Ledger: verifier}
	former, err := OpenSQLite(t.Context(), path, config)
	if err != nil {
		t.Fatal(err)
	}
	apply := func(b *Book) {
		t.Helper()
		if _, err := b.Apply(context.Background(), book.Change{Entries: []ledger.Entry{{Kind: "test", Evidence: []byte(`{}`)}}}); err != nil {
			t.Fatal(err)
		}
	}
	logSize := func() int64 {
		t.Helper()
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	apply(former) // and it goes on as if it had been killed: its log stays
	b, err := OpenSQLite(t.Context(), path, config)
	if err != nil {
		t.Fatal(err)
	}
	if logSize() == 0 {
		t.Fatal("there is nothing to write out: the test finds nothing")
	}
	if err := b.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := logSize(); n != 0 {
		t.Errorf("the log still has %d bytes", n)
	}
	if err := former.Close(); err != nil {
		t.Fatal(err)
	}
	apply(b)
	for range 3 {
		b.session.discard()
		b.session = nil
		if _, err := os.Stat(path + "-wal"); errors.Is(err, fs.ErrNotExist) {
			t.Error("the log went with the writer's connection")
		}
		apply(b)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

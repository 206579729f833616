package store

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"strongroom"
	"strongroom/book"
	"strongroom/ledger"
)

// A row that was dropped is gone from the file too: an upload's row holds the upload's
// data key, and a salt that outlived its row would confirm guesses of what it held.
func TestADroppedRowLeavesNothingInTheFile(t *testing.T) {
	room := strongroom.NewID()
	text, public, err := ledger.GenerateKey(ledger.KeyName(room))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ledger.ParseSigner(text)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := ledger.ParseVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "content.db")
	b, err := OpenSQLite(t.Context(), path, Config{Room: room, Key: make([]byte, 32), Signer: signer, Ledger: verifier})
	if err != nil {
		t.Fatal(err)
	}
	apply := func(c book.Change) {
		t.Helper()
		c.Entries = []ledger.Entry{{Kind: "test", Evidence: []byte("{}")}}
		if _, err := b.Apply(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	row, kept := book.NewRow("upload", "dropped", make([]byte, 600)), book.NewRow("upload", "kept", make([]byte, 600))
	apply(book.Change{Put: []book.Row{row, kept}})
	apply(book.Change{Drop: []book.RowKey{{Kind: row.Kind, ID: row.ID}}})
	if err := b.Close(); err != nil { // the last to close writes the log out and removes it
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(file, kept.Salt[:]) {
		t.Error("the row that was kept is not in the file: this test looks in the wrong place")
	}
	if bytes.Contains(file, row.Salt[:]) {
		t.Error("the row that was dropped can still be read in the file")
	}
}

package store

import (
	"fmt"
	"path/filepath"
	"testing"

	"strongroom"
	"strongroom/book"
	"strongroom/ledger"
)

// What an audit reads agrees with itself while others go on writing.
func TestHoldReadsOneState(t *testing.T) {
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
	config := Config{Room: room, Key: make([]byte, 32), Signer: signer, Ledger: verifier}
	path := filepath.Join(t.TempDir(), "content.db")
	b, err := OpenSQLite(t.Context(), path, config)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	write := func(n int) {
		t.Helper()
		_, err := b.Apply(t.Context(), book.Change{
			Put:     []book.Row{book.NewRow("object", fmt.Sprint(n), []byte("{}"))},
			Entries: []ledger.Entry{{Kind: "test", Evidence: []byte("{}")}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	audit, err := AuditSQLite(t.Context(), path, config)
	if err != nil {
		t.Fatal(err)
	}
	defer audit.Close()
	for n := range 3 {
		write(n)
	}
	if err := audit.Hold(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		write(100 + n)
		last, err := audit.Last(t.Context())
		rows, unread := collect(audit.Rows(t.Context(), "", ""))
		if err != nil || unread != nil || last != 3 || len(rows) != 3 || audit.Head().Size != 3 {
			t.Fatalf("after %d more writes the audit sees %d records, %d rows and a head of %d, want 3 of each: %v, %v", n+1, last, len(rows), audit.Head().Size, err, unread)
		}
	}
}

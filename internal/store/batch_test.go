package store

import (
	"path/filepath"
	"testing"

	"strongroom"
	"strongroom/book"
	"strongroom/ledger"
)

// Where the database gives up a whole transaction in the middle of a batch, as SQLite
// does after an I/O error, nothing of the batch remains, and the room goes on.
func TestATransactionThatWasGivenUpLeavesNothing(t *testing.T) {
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
	b, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "content.db"), Config{Room: room, Key: make([]byte, 32), Signer: signer, Ledger: verifier})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := b.writer.ExecContext(t.Context(), `CREATE TRIGGER giving_up BEFORE INSERT ON book_row WHEN NEW.id = 'bad' BEGIN SELECT RAISE(ROLLBACK, 'given up'); END`); err != nil {
		t.Fatal(err)
	}
	put := func(id string) book.Change {
		return book.Change{Put: []book.Row{book.NewRow("test", id, []byte("{}"))}, Entries: []ledger.Entry{{Kind: "test", Evidence: []byte("{}")}}}
	}
	var batch []*pending
	for _, id := range []string{"before", "bad", "after"} {
		batch = append(batch, &pending{change: put(id), done: make(chan struct{})})
	}
	b.commit(batch)
	for _, p := range batch {
		if p.err == nil || strongroom.KindOf(p.err) != strongroom.KindUnavailable {
			t.Errorf("%s: %v, want unavailable", p.change.Put[0].ID, p.err)
		}
	}
	if _, err := b.Apply(t.Context(), put("later")); err != nil {
		t.Fatalf("the room does not go on: %v", err)
	}
	rows, err := collect(b.Rows(t.Context(), "", ""))
	last, lastErr := b.Last(t.Context())
	if err != nil || lastErr != nil || len(rows) != 1 || last != 1 || b.Head().Size != 1 {
		t.Errorf("%d rows, %d records, head %d, want 1 of each: %v, %v", len(rows), last, b.Head().Size, err, lastErr)
	}
}

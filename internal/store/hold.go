package store

import (
	"context"
	"fmt"

	"strongroom/ledger"
)

// Hold has an audit read one state from now on, the newest there is, whatever others
// commit meanwhile. It is for books that AuditSQLite opened, and for the short part of
// an audit that needs it: while it lasts the database's log cannot be written out.
func (b *Book) Hold(ctx context.Context) error {
	b.readers.SetMaxOpenConns(1) // of a transaction there is one connection
	if _, err := b.readers.ExecContext(ctx, "BEGIN"); err != nil {
		return fmt.Errorf("beginning to read one state: %w", err)
	}
	head, err := b.readHead(ctx, b.readers)
	if err != nil {
		return err
	}
	b.state.Store(&snapshot{head: head, edge: ledger.NewEdge()})
	return nil
}

package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
)

// statements prepares each query once: parsing it anew would cost a small commit as
// much as its fsync. Queries must be constants of the program.
type statements struct {
	on interface {
		PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}

	mu       sync.Mutex
	prepared map[string]*sql.Stmt
}

func (s *statements) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.prepared[query]; st != nil {
		return st, nil
	}
	st, err := s.on.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if s.prepared == nil {
		s.prepared = map[string]*sql.Stmt{}
	}
	s.prepared[query] = st
	return st, nil
}

func (s *statements) exec(ctx context.Context, query string, args ...any) error {
	st, err := s.statement(ctx, query)
	if err != nil {
		return err
	}
	_, err = st.ExecContext(ctx, args...)
	return err
}

func (s *statements) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := s.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

func (s *statements) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	st, err := s.statement(ctx, query)
	if err != nil {
		return s.on.QueryRowContext(ctx, query, args...) // a Row that carries the error
	}
	return st.QueryRowContext(ctx, args...)
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, st := range s.prepared {
		errs = append(errs, st.Close())
	}
	s.prepared = nil
	return errors.Join(errs...)
}

// session is the writer's one connection.
type session struct {
	statements
	conn *sql.Conn
}

func newSession(ctx context.Context, db *sql.DB) (*session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("getting the connection: %w", err)
	}
	return &session{statements{on: conn}, conn}, nil
}

func (s *session) close() error { return errors.Join(s.statements.close(), s.conn.Close()) }

// discard throws the connection away, so that the next session has another. The
// statements end before it: SQLite cannot end them after.
func (s *session) discard() {
	s.statements.close()
	s.conn.Raw(func(any) error { return driver.ErrBadConn }) // closes the connection
	s.conn.Close()
}

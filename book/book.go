// Package book is the contract between those who decide and whoever keeps the
// rows: trusted rows and ledger records change together or not at all. A Row's
// digest stands in the evidence of the record that wrote it, so the whole
// trusted state can be rebuilt from the ledger and compared, whatever the kind
// of row. Both the vault and the key server keep their books through it;
// internal/store implements it.
package book

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/tlog"

	"strongroom/ledger"
)

// Row is one fact that decisions trust. Kind and ID name it; Parent and Tag find
// it (Tag is a keyed hash where the name itself is confidential); Ref is the
// blob it keeps alive. Body is sealed at rest, everything else is in the clear.
type Row struct {
	Kind, ID, Parent, Tag, Ref string
	Salt                       [16]byte
	Body                       []byte
	// Value is what Body encodes, where whoever put the row says: it saves those who follow
	// the book in the same process decoding it. It is not kept, and no part of the digest.
	Value any
}

// NewRow returns a row with a fresh salt.
func NewRow(kind, id string, body []byte) Row {
	r := Row{Kind: kind, ID: id, Body: body}
	rand.Read(r.Salt[:])
	return r
}

// Digest commits to the whole row: SHA-256 over a label, the salt and each field
// with its length (u64, big-endian). The salt dies with the row, so the digest
// left in the ledger says nothing about what an erased row held.
func (r Row) Digest() string {
	h := sha256.New()
	h.Write([]byte("strongroom/row/v1\x00"))
	h.Write(r.Salt[:])
	var n [8]byte
	for _, field := range [][]byte{[]byte(r.Kind), []byte(r.ID), []byte(r.Parent), []byte(r.Tag), []byte(r.Ref), r.Body} {
		binary.BigEndian.PutUint64(n[:], uint64(len(field)))
		h.Write(n[:])
		h.Write(field)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Mark is how a record's evidence names a row that it wrote (Digest set) or
// dropped (Digest empty), or a family of rows that it dropped (Under set).
type Mark struct {
	Kind   string `json:"kind"`
	ID     string `json:"id,omitempty"`
	Digest string `json:"digest,omitempty"`
	Under  string `json:"under,omitempty"` // dropped: every row of this kind with this parent
}

// Marks is the part of every record's evidence that speaks of rows.
type Marks struct {
	Rows []Mark `json:"rows,omitempty"`
}

// RowKey names a row.
type RowKey struct{ Kind, ID string }

// Condition is what must hold for a Change to apply. Exactly one form is used:
// Exists or Absent (a row by Kind and ID), Only (the rows of Kind, Parent and Tag
// are exactly the one named ID, or none where ID is ""), Childless (no row of
// Kind has this Parent), Unchanged (the row by Kind and ID is still the one with
// this Salt: nobody has written it since it was read).
type Condition struct {
	Form                  ConditionForm
	Kind, ID, Parent, Tag string
	Salt                  [16]byte
}

// ConditionForm tells the forms of a Condition apart.
type ConditionForm int

const (
	Exists ConditionForm = iota + 1
	Absent
	Only
	Childless
	Unchanged
)

// Change is applied as a whole or not at all. Its entries must carry the marks of
// the rows it puts and drops; Apply refuses a change that writes rows without an
// entry.
type Change struct {
	Require   []Condition
	Drop      []RowKey
	DropUnder []RowKey // ID names the parent: all its rows of that kind go
	Put       []Row    // after the drops
	Entries   []ledger.Entry
}

// Marks returns the marks that the entries of the change have to carry, each of them once.
func (c *Change) Marks() Marks {
	var m Marks
	for _, k := range c.Drop {
		m.Rows = append(m.Rows, Mark{Kind: k.Kind, ID: k.ID})
	}
	for _, u := range c.DropUnder {
		m.Rows = append(m.Rows, Mark{Kind: u.Kind, Under: u.ID})
	}
	for _, r := range c.Put {
		m.Rows = append(m.Rows, Mark{Kind: r.Kind, ID: r.ID, Digest: r.Digest()})
	}
	return m
}

// Receipt proves that a change is durable: its records as appended, and the head
// that covers them.
type Receipt struct {
	Records []ledger.Record
	Head    Head
}

// Head is a signed state of the ledger.
type Head struct {
	Epoch      uint32
	Size       int64
	Root       tlog.Hash
	Checkpoint []byte // signed note
}

// ConditionError says which condition of a change did not hold. Nothing of the
// change was applied.
type ConditionError struct{ Condition Condition }

func (e *ConditionError) Error() string {
	return fmt.Sprintf("a condition on %s rows no longer holds", e.Condition.Kind)
}

// ErrNoRow says that there is no such row.
var ErrNoRow = errors.New("no such row")

// ErrInDoubt is wrapped by an error of Apply after which the change may turn out to
// have happened, at the latest when the book is opened again: the database reached the
// point of committing, and could not make sure of it. What the change refers to must stay.
var ErrInDoubt = errors.New("whether the change was made is in doubt")

// Book is one room's, or one key server's, rows and ledger.
type Book interface {
	// Apply makes the change and its records durable, or returns an error and
	// leaves no trace of it. An error other than a ConditionError means that
	// nothing may be released or acknowledged.
	Apply(ctx context.Context, c Change) (Receipt, error)

	// Row returns one row, or ErrNoRow.
	Row(ctx context.Context, kind, id string) (Row, error)
	// Find returns the rows of a kind with this parent and tag.
	Find(ctx context.Context, kind, parent, tag string) ([]Row, error)
	// Rows goes through the rows of a kind (with this parent, where not ""), in
	// order of id.
	Rows(ctx context.Context, kind, parent string) iter.Seq2[Row, error]
	// Referring returns the rows that refer to the blob.
	Referring(ctx context.Context, ref string) ([]Row, error)

	// Head returns the newest durable head.
	Head() Head
	// Record returns one record as stored; its parts may be missing.
	Record(ctx context.Context, index int64) (ledger.Record, error)
	// Records goes through the records from ≤ index < to.
	Records(ctx context.Context, from, to int64) iter.Seq2[ledger.Record, error]
	// ProveInclusion and ProveConsistency prove against the tree of that size,
	// at most the head's.
	ProveInclusion(ctx context.Context, size, index int64) ([]tlog.Hash, error)
	ProveConsistency(ctx context.Context, from, to int64) ([]tlog.Hash, error)

	// Witnessed returns the newest checkpoint that a witness cosigned, as a signed
	// note, or nil; KeepWitnessed keeps one unless a newer is kept already.
	Witnessed(ctx context.Context) ([]byte, error)
	KeepWitnessed(ctx context.Context, size int64, checkpoint []byte) error

	// Follow registers a function that is told, in commit order, of the rows
	// that each commit wrote and dropped, those of other processes included, and
	// of the records. It runs on the writer's goroutine before the change is
	// answered, and must be quick.
	Follow(func(Committed))
}

// Committed is one durable commit: the changes it held, in order.
type Committed struct {
	Steps   []Step
	Records []ledger.Record
}

// Step is one change of a commit. Where another process made it, the rows it put are
// named in Touched only, and may have changed again since.
type Step struct {
	Drop      []RowKey
	DropUnder []RowKey
	Put       []Row
	Touched   []RowKey
}

package vault

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// ErrNoBlob says that no blob has that name.
var ErrNoBlob = errors.New("no such blob")

// Blobs keeps sealed bytes. Names are made by the vault: a blob's id, which may be
// followed by a part and attempt, or by "stanzas". A committed blob is never
// changed, only replaced as a whole or removed.
type Blobs interface {
	Create(ctx context.Context, name string) (BlobWriter, error)
	// Open returns ErrNoBlob (wrapped) where there is none.
	Open(ctx context.Context, name string) (BlobReader, error)
	// Remove succeeds also where there is none.
	Remove(ctx context.Context, name string) error
	List(ctx context.Context) iter.Seq2[BlobFile, error]
}

// BlobWriter writes one blob. After Commit returns nil the blob is durable and
// visible; until then it is neither. After a Write that failed there is nothing to do but
// Abort, which does nothing after Commit.
type BlobWriter interface {
	io.Writer
	Commit() error
	Abort()
}

// Together is what Blobs may do besides: commit two of their writers at less than the
// cost of two. After an error either, both or none may be durable.
type Together interface {
	CommitTogether(one, other BlobWriter) error
}

// BlobReader reads one blob at any place.
type BlobReader interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// BlobFile is one name in a listing.
type BlobFile struct {
	Name     string
	Size     int64
	Modified time.Time
}

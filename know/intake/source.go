package intake

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// Source is the landing place. Its listing is the truth; it changes while it is read.
type Source interface {
	// Name identifies it in provenance and messages: s3://bucket, file:///folder. It is the
	// same after a restart.
	Name() string
	// Bucket is the name that notifications give it, or "".
	Bucket() string
	// Prefix is how every key taken from it begins, or "".
	Prefix() string
	// List yields each key that begins with prefix and has something to take or to remove,
	// with all that lies under it.
	List(ctx context.Context, prefix string) iter.Seq2[Item, error]
	// Open reads one version: exactly the one listed, or ErrChanged, or ErrGone.
	Open(ctx context.Context, key string, v Version) (*Content, error)
	// Delete removes exactly these versions, the oldest first, but for those that stay. One
	// that is no longer what was listed stays too, and the error is ErrChanged.
	Delete(ctx context.Context, key string, versions []Version) error
	// Tags reads the tags of a version; nil where there are none.
	Tags(ctx context.Context, key string, v Version) (map[string]string, error)
}

var (
	// ErrChanged says that a key no longer holds what was listed.
	ErrChanged = errors.New("the source changed meanwhile")
	// ErrGone says that nothing lies there any more.
	ErrGone = errors.New("it is gone from the source")
)

// Item is a key with everything that lies under it.
type Item struct {
	Key      string
	Versions []Version // the oldest first
}

// Version is one state of a key. Where a source has no versions, ID is "" and the other
// fields tell one state from another.
type Version struct {
	ID       string
	Marker   bool // somebody deleted the key here
	Stays    bool // a marker that no deletion can tell from what takes its place
	Size     int64
	Modified time.Time
	ETag     string // without quotes
}

// Content is a version being read. Reading to the end fails where a checksum that the
// source declared does not hold.
type Content struct {
	io.ReadCloser
	Size        int64
	ContentType string
	Headers     map[string]string // user metadata, names in lower case
	// Checked says that a checksum of the source covers all of the content. Where it is
	// false intake reads the source twice.
	Checked bool
}

// Store is the room that things go to, through its front door and as one principal.
type Store interface {
	// Name of the principal.
	Name() string
	// Put stores under a key that names nothing. An error from body ends it with nothing
	// stored. The error is ErrExists where the key is known to name something already.
	Put(ctx context.Context, o Object, body io.Reader) error
	// Head answers an object's size and metadata, or ErrHidden where there is none that
	// this principal may see.
	Head(ctx context.Context, bucket, key string) (Object, error)
	// Read writes all of an object.
	Read(ctx context.Context, bucket, key string, w io.Writer) error
}

var (
	// ErrExists says that the key names something already.
	ErrExists = errors.New("the key names an object already")
	// ErrHidden says that there is no object, or none that the asker may see.
	ErrHidden = errors.New("there is no object that may be seen")
)

// Object is what intake says and learns of an object in the room.
type Object struct {
	Bucket, Key string
	Size        int64
	ContentType string
	Meta        map[string]string
}

// Queue brings hints.
type Queue interface {
	// Receive answers at most ten messages, waiting at most so long for the first.
	Receive(ctx context.Context, wait time.Duration) ([]Message, error)
	// Done removes messages.
	Done(ctx context.Context, messages []Message) error
}

// Message is one entry of a queue.
type Message struct {
	Body    []byte
	Receipt string
}

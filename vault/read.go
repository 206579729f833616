package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"strongroom"
	"strongroom/book"
	"strongroom/seal"
)

// Open is the way to content. The order is the promise: identify what is meant,
// decide, put the release on record, ask for the key with proof of that record,
// and only then hand out a reader that verifies each chunk before it leaves.
func (r *Room) Open(ctx context.Context, c Caller, req GetRequest) (*Opened, error) {
	for range 16 {
		o, err := r.open(ctx, c, req)
		if !errors.Is(err, errReplaced) {
			return o, err
		}
	}
	return nil, conflict(errors.New("the object was replaced with every attempt"))
}

// errReplaced says that the object was replaced or deleted while it was being opened.
var errReplaced = errors.New("the object was replaced")

func (r *Room) open(ctx context.Context, c Caller, req GetRequest) (*Opened, error) {
	object, err := r.identify(ctx, c, strongroom.ActionReadObject, req.Bucket, req.Key)
	if err != nil {
		return nil, err
	}
	a := r.decide(c, strongroom.ActionReadObject, resourceOf(object.Object))
	if !a.decision.Permit {
		return nil, r.refuse(ctx, a)
	}
	offset, length, err := req.Plan(object.Object)
	if err != nil {
		if unrecorded := r.noteMetadataRead(ctx, a, object); unrecorded != nil {
			return nil, unrecorded
		}
		return nil, err
	}
	leave := r.readers.enter(object.Blob)
	if rows, err := r.Book.Referring(ctx, object.Blob.String()); err != nil || len(rows) == 0 {
		leave()
		if err != nil {
			return nil, unavailable("the room's database cannot be read now", err)
		}
		return nil, errReplaced
	}
	l, err := r.enterLease(ctx, a, object, offset == 0 && length == object.Size)
	if err != nil {
		leave()
		return nil, err
	}
	out := &opened{room: r, lease: l, offset: offset, length: length, leave: leave,
		out: &guard{ctx: ctx, room: r, lease: l, asked: a, next: r.Clock().Add(time.Second)}}
	return &Opened{Object: object.Object, Recipient: l.recipient, Offset: offset, Length: length, WriterTo: out, Closer: out}, nil
}

// opened is one request's share of a lease.
type opened struct {
	room           *Room
	lease          *lease
	offset, length int64
	written        int64
	leave          func() // from the blob's readers
	out            *guard
}

// WriteTo writes the range asked for. It ends before the first chunk that does not
// verify.
func (o *opened) WriteTo(w io.Writer) (int64, error) {
	o.out.w = w
	n, err := o.lease.reader.WriteRangeTo(o.out, o.offset, o.length)
	o.written += n
	if isDamage(err) {
		return n, o.room.damaged(o.lease.object, "what is stored of this object is missing or does not verify, so the answer was broken off", err)
	}
	return n, err
}

// isDamage tells stored bytes that are missing or altered from a disk that cannot be
// read just now, and from a client that went away.
func isDamage(err error) bool {
	_, altered := errors.AsType[*seal.DamagedError](err)
	return altered || errors.Is(err, ErrNoBlob)
}

// damaged tells the operator that stored bytes are missing or do not verify.
func (r *Room) damaged(o objectBody, message string, cause error) error {
	r.Log.Error("a stored blob is damaged", "room", r.ID, "blob", o.Blob, "error", cause)
	return &strongroom.Error{Kind: strongroom.KindDamaged, Message: message, Cause: cause}
}

// Close puts on record what was delivered.
func (o *opened) Close() error {
	o.room.leaveLease(o.lease, o.offset, o.written)
	o.leave()
	return nil
}

// Head answers an object's metadata, on record as a metadata read.
func (r *Room) Head(ctx context.Context, c Caller, bucket, key string) (strongroom.Object, error) {
	object, err := r.identify(ctx, c, strongroom.ActionReadMetadata, bucket, key)
	if err != nil {
		return strongroom.Object{}, err
	}
	a := r.decide(c, strongroom.ActionReadMetadata, resourceOf(object.Object))
	if !a.decision.Permit {
		return strongroom.Object{}, r.refuse(ctx, a)
	}
	if err := r.noteMetadataRead(ctx, a, object); err != nil {
		return strongroom.Object{}, err
	}
	if !r.mayOpen(c, object.Object) {
		object.Checksums = nil // a digest of the content would confirm a guess at it
	}
	return object.Object, nil
}

// mayOpen reports whether policy lets the asker open the object, at most after they
// have said why.
func (r *Room) mayOpen(c Caller, o strongroom.Object) bool {
	d := r.decide(c, strongroom.ActionReadObject, resourceOf(o)).decision
	if d.Permit {
		return true
	}
	for _, m := range d.Missing {
		if m != strongroom.ObligePurpose && m != strongroom.ObligeTicket {
			return false
		}
	}
	return len(d.Missing) > 0
}

func (r *Room) noteMetadataRead(ctx context.Context, a asked, o objectBody) error {
	e := r.evidence(KindMetadataRead, a)
	e.Blob, e.Version, e.Custody = o.Blob, o.Version, o.Custody
	if err := r.note(ctx, KindMetadataRead, e, a); err != nil {
		return unavailable("the read could not be recorded, so nothing is shown", err)
	}
	return nil
}

// identify finds the object. Whether it exists is told only to those who may list
// its bucket; to everybody else an absent object is a refusal, on record as one.
func (r *Room) identify(ctx context.Context, c Caller, action strongroom.Action, bucket, key string) (objectBody, error) {
	b, ok := r.bucket(bucket)
	if ok {
		object, err := r.current(ctx, b, key)
		if err == nil || !errors.Is(err, book.ErrNoRow) {
			return object, err
		}
	}
	a := r.decide(c, strongroom.ActionListObjects, strongroom.Resource{Bucket: bucket, Custody: b.Custody})
	if !a.decision.Permit {
		// A policy that would let the asker read this object if it existed is as good:
		// there is nothing that it could not have told.
		a = r.decide(c, action, strongroom.Resource{Bucket: bucket, Key: key, Custody: b.Custody})
	}
	if !a.decision.Permit {
		return objectBody{}, r.refuse(ctx, a)
	}
	if err := r.noteMetadataRead(ctx, a, objectBody{}); err != nil {
		return objectBody{}, err
	}
	return objectBody{}, notFound(ok, bucket, key)
}

func notFound(bucketExists bool, bucket, key string) error {
	if !bucketExists {
		return noBucket(bucket)
	}
	return &strongroom.Error{Kind: strongroom.KindNoObject, Message: fmt.Sprintf("there is no object %q in bucket %s", key, bucket)}
}

func noBucket(name string) error {
	return &strongroom.Error{Kind: strongroom.KindNoBucket, Message: fmt.Sprintf("there is no bucket %q", name)}
}

// current reads the row of the object that a key names now, or wraps book.ErrNoRow.
func (r *Room) current(ctx context.Context, b strongroom.Bucket, key string) (objectBody, error) {
	rows, err := r.Book.Find(ctx, rowObject, b.ID.String(), r.tag(b.ID, key))
	if err != nil {
		return objectBody{}, unavailable("the room's database cannot be read now", err)
	}
	switch len(rows) {
	case 0:
		return objectBody{}, book.ErrNoRow
	case 1:
	default: // which of them is meant is in doubt
		return objectBody{}, unavailable("the room's database names several objects by this key", errors.New("run `strongroom ledger verify --state`"))
	}
	o, err := decode[objectBody](rows[0])
	if err != nil {
		return objectBody{}, unavailable("the object's row cannot be read", err)
	}
	return o, nil
}

// resourceOf is what policies see of an object.
func resourceOf(o strongroom.Object) strongroom.Resource {
	attributes := map[string]string{}
	for name, value := range o.Meta {
		if a, ok := strings.CutPrefix(name, strongroom.AttributePrefix); ok {
			attributes[a] = value
		}
	}
	return strongroom.Resource{
		Bucket: o.Bucket, Key: o.Key, Version: o.Version, Custody: o.Custody, Size: o.Size, Created: o.Modified,
		Attributes: attributes, Label: o.Label, LegalHold: o.LegalHold, Scrubbed: o.Scrubbed,
	}
}

package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
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
	for attempt := range 16 {
		o, err := r.open(ctx, c, req, attempt == 0)
		if !errors.Is(err, errReplaced) {
			return o, err
		}
	}
	return nil, conflict(errors.New("the object was replaced with every attempt"))
}

// errReplaced says that the object was changed, replaced or deleted while it was being
// opened, or since it was remembered.
var errReplaced = errors.New("the object was replaced")

// open opens a version. It may go by what is remembered of it only as far as a release
// or a range whose row is looked at again: a refusal, or a plan that fails, is answered
// from the row itself.
func (r *Room) open(ctx context.Context, c Caller, req GetRequest, mayRemember bool) (*Opened, error) {
	object, recalled, err := r.recall(ctx, c, strongroom.ActionReadObject, req.Bucket, req.Key, req.Version, mayRemember)
	if err != nil {
		return nil, err
	}
	a := r.decide(c, strongroom.ActionReadObject, resourceOf(object.Object))
	if !a.decision.Permit {
		if recalled {
			return nil, errReplaced
		}
		return nil, r.refuse(ctx, a)
	}
	offset, length, err := req.Plan(object.Object)
	if err != nil && recalled {
		return nil, errReplaced
	} else if err != nil {
		if unrecorded := r.noteMetadataRead(ctx, a, object, 0); unrecorded != nil {
			return nil, unrecorded
		}
		return nil, err
	}
	leave := r.readers.enter(object.Blob)
	whole := offset == 0 && length == object.Size && !req.Shared
	if !whole { // which may share a lease that is there; a whole read's row is looked at after its release
		if rows, err := r.Book.Referring(ctx, object.Blob.String()); err != nil || !object.among(rows) {
			leave()
			if err != nil {
				return nil, unavailable("the room's database cannot be read now", err)
			}
			return nil, errReplaced
		}
	}
	l, err := r.enterLease(ctx, a, object, whole)
	if err != nil {
		leave()
		return nil, err
	}
	out := &opened{room: r, lease: l, offset: offset, length: length, inward: req.Inward, leave: leave,
		out: &guard{ctx: ctx, room: r, lease: l, asked: a, next: r.Clock().Add(time.Second)}}
	r.foretell(&object.Object)
	return &Opened{Object: object.Object, Recipient: l.recipient, Lease: l.id, Release: l.release, Offset: offset, Length: length, WriterTo: out, Closer: out}, nil
}

// opened is one request's share of a lease.
type opened struct {
	room           *Room
	lease          *lease
	offset, length int64
	written        int64
	inward         bool
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
	o.room.leaveLease(o.lease, o.offset, o.written, o.inward)
	o.leave()
	return nil
}

// Head answers the metadata of a version, "" being the current one, on record as a
// metadata read.
func (r *Room) Head(ctx context.Context, c Caller, bucket, key, version string) (strongroom.Object, error) {
	o, err := r.head(ctx, c, bucket, key, version, true)
	if errors.Is(err, errReplaced) {
		o, err = r.head(ctx, c, bucket, key, version, false)
	}
	return o, err
}

// head may go by what is remembered of a version, but answers nothing of it before its
// row was looked at again; a refusal is answered from the row itself.
func (r *Room) head(ctx context.Context, c Caller, bucket, key, version string, mayRemember bool) (strongroom.Object, error) {
	object, recalled, err := r.recall(ctx, c, strongroom.ActionReadMetadata, bucket, key, version, mayRemember)
	if err != nil {
		return strongroom.Object{}, err
	}
	a := r.decide(c, strongroom.ActionReadMetadata, resourceOf(object.Object))
	if !a.decision.Permit {
		if recalled {
			return strongroom.Object{}, errReplaced
		}
		return strongroom.Object{}, r.refuse(ctx, a)
	}
	if err := r.noteMetadataRead(ctx, a, object, 0); err != nil {
		return strongroom.Object{}, err
	}
	if recalled {
		if err := r.stillThere(ctx, object); err != nil {
			return strongroom.Object{}, err
		}
	}
	if !r.mayOpen(c, object.Object) {
		object.hideChecksums()
	}
	r.foretell(&object.Object)
	return object.Object, nil
}

// recall finds a version by what is remembered of it, if it may and there is something,
// or else identifies it and remembers that.
func (r *Room) recall(ctx context.Context, c Caller, action strongroom.Action, bucket, key, version string, mayRemember bool) (o objectBody, recalled bool, err error) {
	b, ok := r.bucket(bucket)
	if mayRemember && ok && version == "" {
		if o, recalled = r.remembered.find(b, key); recalled {
			return o, true, nil
		}
	}
	at := r.remembered.at()
	if o, err = r.identify(ctx, c, action, bucket, key, version); err == nil {
		r.remembered.keep(at, b, o)
	}
	return o, false, err
}

// hideChecksums takes out what would confirm a guess at the content.
func (o *objectBody) hideChecksums() {
	o.Checksums, o.ChecksumType = nil, ""
	o.Parts = slices.Clone(o.Parts)
	for i := range o.Parts {
		o.Parts[i].Checksums = nil
	}
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

// noteMetadataRead records that a version was told of, and so many beside it.
func (r *Room) noteMetadataRead(ctx context.Context, a asked, o objectBody, names int) error {
	e := r.evidence(KindMetadataRead, a)
	e.Blob, e.Version, e.Custody, e.Names = o.Blob, o.Version, o.Custody, names
	if err := r.note(ctx, KindMetadataRead, e, a); err != nil {
		return unavailable("the read could not be recorded, so nothing is shown", err)
	}
	return nil
}

// identify finds a version of an object. Whether it exists is told only to those who
// may list its bucket; to everybody else an absent object is a refusal, on record as
// one.
func (r *Room) identify(ctx context.Context, c Caller, action strongroom.Action, bucket, key, version string) (objectBody, error) {
	b, ok := r.bucket(bucket)
	var marker *objectBody
	if ok {
		object, err := r.version(ctx, b, key, version)
		switch {
		case err == nil && !object.Marker, err != nil && !errors.Is(err, book.ErrNoRow):
			return object, err
		case err == nil:
			marker = &object
		}
	}
	a := r.decide(c, strongroom.ActionListObjects, strongroom.Resource{Bucket: bucket, Custody: b.Custody})
	if !a.decision.Permit {
		// A policy that would let the asker read this object if it existed is as good:
		// there is nothing that it could not have told.
		a = r.decide(c, action, strongroom.Resource{Bucket: bucket, Key: key, ByVersion: version != "", Custody: b.Custody})
	}
	if !a.decision.Permit {
		return objectBody{}, r.refuse(ctx, a)
	}
	if err := r.noteMetadataRead(ctx, a, objectBody{}, 0); err != nil {
		return objectBody{}, err
	}
	switch {
	case marker != nil && version != "":
		return objectBody{}, &MarkerError{marker.Object, &strongroom.Error{Kind: strongroom.KindMarker, Message: "the version is a delete marker, which has no content"}}
	case marker != nil:
		return objectBody{}, &MarkerError{marker.Object, notFound(ok, bucket, key).(*strongroom.Error)}
	case ok && version != "":
		return objectBody{}, noVersion()
	}
	return objectBody{}, notFound(ok, bucket, key)
}

func noVersion() error {
	return &strongroom.Error{Kind: strongroom.KindNoVersion, Message: "there is no such version of the object"}
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

// version reads a version of a key: the one named, or with "" the current one. It may be
// a delete marker. If there is none the error wraps book.ErrNoRow.
func (r *Room) version(ctx context.Context, b bucketRow, key, version string) (objectBody, error) {
	switch version {
	case "":
		return r.current(ctx, b, key)
	case "null":
		o, err := r.current(ctx, b, key)
		if err == nil && !o.Null {
			o, err = r.only(ctx, rowNull, b, key)
		}
		o.ByVersion = true
		return o, err
	}
	id, err := strongroom.ParseID(version)
	if err != nil {
		return objectBody{}, &strongroom.Error{Kind: strongroom.KindInvalid, Message: "invalid version id specified"}
	}
	row, err := r.Book.Row(ctx, rowObject, id.String())
	if errors.Is(err, book.ErrNoRow) {
		row, err = r.Book.Row(ctx, rowVersion, id.String())
	}
	if errors.Is(err, book.ErrNoRow) {
		return objectBody{}, err
	} else if err != nil {
		return objectBody{}, unavailable("the room's database cannot be read now", err)
	}
	o, err := readObject(row)
	if err != nil {
		return objectBody{}, unavailable("the object's row cannot be read", err)
	}
	if row.Parent != b.ID.String() || o.Key != key || o.Null {
		return objectBody{}, book.ErrNoRow
	}
	o.Versioned, o.ByVersion = b.Versioning != strongroom.Unversioned, true
	return o, nil
}

// current reads the row of the version that a key names now, which may be a delete
// marker. If there is none the error wraps book.ErrNoRow.
func (r *Room) current(ctx context.Context, b bucketRow, key string) (objectBody, error) {
	return r.only(ctx, rowObject, b, key)
}

// only reads the one row of a kind that a key may have.
func (r *Room) only(ctx context.Context, kind string, b bucketRow, key string) (objectBody, error) {
	rows, err := r.Book.Find(ctx, kind, b.ID.String(), r.tag(b.ID, key))
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
	o, err := readObject(rows[0])
	if err != nil {
		return objectBody{}, unavailable("the object's row cannot be read", err)
	}
	o.Versioned = b.Versioning != strongroom.Unversioned
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
		Bucket: o.Bucket, Key: o.Key, Version: o.Version, ByVersion: o.ByVersion, Custody: o.Custody, Size: o.Size, Created: o.Modified,
		Attributes: attributes, Label: o.Label, LegalHold: o.LegalHold, Scrubbed: o.Scrubbed,
	}
}

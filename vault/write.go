package vault

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"

	"strongroom"
	"strongroom/book"
	"strongroom/seal"
)

// MaxObject is the largest object stored by one request, in bytes; larger ones come
// in parts, at most MaxUpload together.
const (
	MaxObject = 5 << 30
	MaxUpload = 5 << 40
)

// sniffLength is how much of the content's beginning classification sees.
const sniffLength = 4096

// Put stores an object: sealed as it streams, durable, then one commit of its row
// and record. No private key is needed (P5). An object that the key named before is
// replaced in the same commit.
func (r *Room) Put(ctx context.Context, c Caller, req PutRequest, body io.Reader) (strongroom.Object, error) {
	b, err := r.mayStore(ctx, c, req.Bucket, req.Key, req.Meta, req.LegalHold)
	if err != nil {
		return strongroom.Object{}, err
	}
	if req.Size > MaxObject {
		return strongroom.Object{}, tooLarge()
	}
	o := strongroom.Object{
		Bucket: b.Name, Key: req.Key, Version: strongroom.NewID(), Blob: strongroom.NewID(), Custody: b.Custody,
		Headers: req.Headers, Meta: req.Meta, LegalHold: req.LegalHold, Scrubbed: claimsScrubbed(req.Meta),
	}
	to, err := r.wrapTo(b.Custody)
	if err != nil {
		return strongroom.Object{}, unavailable("nothing can be sealed for this bucket", err)
	}
	key := seal.NewDataKey()
	var stanzas []seal.Stanza
	whole := false // the body has come, and files are being made durable
	s, err := r.sealBlob(ctx, o.Blob.String(), func(w io.Writer) (*seal.Writer, error) {
		return seal.NewWriter(w, seal.Header{Room: r.ID, Blob: o.Blob, Custody: o.Custody}, key)
	}, body, req.Size, req.AtEOF, func() (err error) {
		whole = true
		stanzas, err = r.writeSidecar(ctx, o.Blob, o.Custody, key, to)
		return err
	})
	if err != nil {
		if whole {
			err = errors.Join(err, r.discard(o.Blob))
		}
		return strongroom.Object{}, err
	}
	o.Size, o.Checksums = s.plain, s.checksums
	o.ETag = r.etag(o.Blob.String(), 1)
	o.Label = r.Classify(s.head, req.Headers["Content-Type"], req.Meta)
	stored, err := r.place(ctx, c, b, objectBody{Object: o, Digest: s.digest, Stanzas: stanzas}, book.Change{})
	if err != nil {
		return strongroom.Object{}, r.undo(err, filesOf(o.Blob, nil))
	}
	return stored, nil
}

// etag is opaque: a digest of the plaintext would confirm a guess. Its form is that of
// a multipart upload's, since clients take any other 32 digits for an MD5.
func (r *Room) etag(name string, parts int) string {
	return fmt.Sprintf("%s-%d", mac(r.etagKey, name), parts)
}

func tooLarge() error {
	return &strongroom.Error{Kind: strongroom.KindTooLarge, Message: "an object stored by one request has at most 5 GiB", Hint: "upload it in parts"}
}

// claimsScrubbed reads the storer's claim that this is a copy made safe to share.
func claimsScrubbed(meta map[string]string) bool {
	return meta[strongroom.AttributePrefix+"scrubbed"] == "true"
}

// mayStore decides before the first byte of the body is read.
func (r *Room) mayStore(ctx context.Context, c Caller, bucket, key string, meta map[string]string, hold bool) (strongroom.Bucket, error) {
	b, exists := r.bucket(bucket)
	o := strongroom.Object{Bucket: bucket, Key: key, Custody: b.Custody, Meta: meta, LegalHold: hold, Scrubbed: claimsScrubbed(meta), Modified: r.Clock().UTC()}
	actions := []strongroom.Action{strongroom.ActionStoreObject}
	if o.Scrubbed {
		actions = append(actions, strongroom.ActionMarkScrubbed)
	}
	for _, action := range actions {
		if a := r.decide(c, action, resourceOf(o)); !a.decision.Permit {
			return b, r.refuse(ctx, a)
		}
	}
	if !exists {
		return b, noBucket(bucket)
	}
	_, err := r.mayReplace(ctx, c, b, key)
	return b, err
}

// mayReplace decides whether the object that a key names now, if any, may give way.
func (r *Room) mayReplace(ctx context.Context, c Caller, b strongroom.Bucket, key string) (*objectBody, error) {
	old, err := r.current(ctx, b, key)
	if errors.Is(err, book.ErrNoRow) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	a := r.decide(c, strongroom.ActionDeleteObject, resourceOf(old.Object))
	if !a.decision.Permit {
		return nil, r.refuse(ctx, a)
	}
	if old.LegalHold {
		return nil, r.held(ctx, a)
	}
	return &old, nil
}

// held refuses what the policy would have permitted.
func (r *Room) held(ctx context.Context, a asked) error {
	r.recordRefusal(ctx, a, "legal hold")
	return &strongroom.Error{Kind: strongroom.KindHeld, Message: "the object is under legal hold, so it can be neither deleted nor replaced"}
}

// sealed is what sealing one body found out.
type sealed struct {
	plain     int64
	head      []byte
	digest    string // hex SHA-256 of what was written
	checksums map[string]string
}

// sealBlob streams a body into a blob that is durable when it returns. The function
// beside, where not nil, runs once the body has come whole, while the blob is made
// durable, and has ended when sealBlob returns. If anything fails before it starts,
// nothing is left.
func (r *Room) sealBlob(ctx context.Context, name string, open func(io.Writer) (*seal.Writer, error), body io.Reader, size int64, atEOF AtEOF, beside func() error) (sealed, error) {
	w, err := r.Blobs.Create(ctx, name)
	if err != nil {
		return sealed{}, unavailable("nothing can be stored now", err)
	}
	defer w.Abort()
	digest := newDigester(w)
	sw, err := open(digest)
	if err != nil {
		return sealed{}, unavailable("nothing can be sealed now", err)
	}
	head := make([]byte, sniffLength)
	n, err := io.ReadFull(body, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return sealed{}, err
	}
	s := sealed{head: head[:n]}
	if _, err := sw.Write(s.head); err != nil {
		return sealed{}, unavailable("nothing can be stored now", err)
	}
	limit := int64(MaxObject)
	if size >= 0 {
		limit = size
	}
	if err == nil {
		// One byte more than announced is enough to know that there is too much.
		if _, err := io.Copy(writeFailure{sw}, io.LimitReader(body, limit-int64(n)+1)); err != nil {
			return sealed{}, err
		}
	}
	s.plain = sw.Plain()
	switch {
	case s.plain > limit && size < 0:
		return sealed{}, tooLarge()
	case size >= 0 && s.plain != size:
		return sealed{}, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%d bytes were announced and %d came, so nothing was stored", size, s.plain)}
	}
	if atEOF != nil {
		if s.checksums, err = atEOF(); err != nil {
			return sealed{}, err
		}
	}
	if err := ctx.Err(); err != nil {
		return sealed{}, err
	}
	if err := sw.Close(); err != nil {
		return sealed{}, unavailable("nothing can be stored now", err)
	}
	other := make(chan error, 1)
	if beside == nil {
		other <- nil
	} else {
		go func() { other <- beside() }()
	}
	err = w.Commit()
	if e := <-other; err == nil && e != nil {
		return sealed{}, e
	} else if err != nil {
		return sealed{}, unavailable("nothing can be stored now", err)
	}
	s.digest = digest.sum()
	return s, nil
}

// digester hashes what passes through it.
type digester struct {
	w io.Writer
	h hash.Hash
}

func newDigester(w io.Writer) *digester { return &digester{w: w, h: sha256.New()} }

func (d *digester) sum() string { return hex.EncodeToString(d.h.Sum(nil)) }

func (d *digester) Write(p []byte) (int, error) {
	d.h.Write(p)
	return d.w.Write(p)
}

// writeFailure tells a failing disk from a failing body.
type writeFailure struct{ w io.Writer }

func (w writeFailure) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil {
		err = unavailable("nothing can be stored now", err)
	}
	return n, err
}

func sidecarName(blob strongroom.ID) string { return blob.String() + ".stanzas" }

func segmentName(blob strongroom.ID, p seal.ManifestPart) string {
	return fmt.Sprintf("%s.%d.%s", blob, p.Number, p.Attempt)
}

// writeSidecar wraps the data key to each recipient and makes the sidecar durable:
// with it and a private key the blob can be recovered without the database.
func (r *Room) writeSidecar(ctx context.Context, blob strongroom.ID, custody string, key seal.DataKey, to []seal.Recipient) ([]seal.Stanza, error) {
	binding := seal.Binding{Room: r.ID, Blob: blob, Custody: custody}
	var stanzas []seal.Stanza
	for _, recipient := range to {
		stanza, err := recipient.Wrap(key, binding)
		if err != nil {
			return nil, unavailable("the data key could not be wrapped", err)
		}
		stanzas = append(stanzas, stanza)
	}
	encoded, err := seal.Sidecar{Room: r.ID, Blob: blob, Custody: custody, Stanzas: stanzas}.Marshal()
	if err != nil {
		return nil, unavailable("the sidecar could not be made", err)
	}
	w, err := r.Blobs.Create(ctx, sidecarName(blob))
	if err != nil {
		return nil, unavailable("nothing can be stored now", err)
	}
	defer w.Abort()
	if _, err := w.Write(encoded); err != nil {
		return nil, unavailable("nothing can be stored now", err)
	}
	if err := w.Commit(); err != nil {
		return nil, unavailable("nothing can be stored now", err)
	}
	return stanzas, nil
}

// discard removes a blob that never got a row. What fails here the sweep finds.
func (r *Room) discard(blob strongroom.ID) error {
	return r.Erase(context.Background(), filesOf(blob, nil))
}

// undo removes the files of a change that failed, and returns why it did. Where the
// change may have happened all the same they stay, for a sweep to find out.
func (r *Room) undo(failed error, names []string) error {
	if errors.Is(failed, book.ErrInDoubt) {
		return failed
	}
	return errors.Join(failed, r.Erase(context.Background(), names))
}

// place commits an object's row under its key, in the place of whatever the key
// named, together with the rest of the change. Several who store under one key at
// once all succeed, one after the other.
func (r *Room) place(ctx context.Context, c Caller, b strongroom.Bucket, o objectBody, rest book.Change) (strongroom.Object, error) {
	o.Modified = r.Clock().UTC()
	for range 16 {
		old, err := r.mayReplace(ctx, c, b, o.Key)
		if err != nil {
			return strongroom.Object{}, err
		}
		if o.Scrubbed {
			if a := r.decide(c, strongroom.ActionMarkScrubbed, resourceOf(o.Object)); !a.decision.Permit {
				return strongroom.Object{}, r.refuse(ctx, a)
			}
		}
		a := r.decide(c, strongroom.ActionStoreObject, resourceOf(o.Object))
		if !a.decision.Permit {
			return strongroom.Object{}, r.refuse(ctx, a)
		}
		change := book.Change{
			Require:   slices.Clone(rest.Require),
			Drop:      slices.Clone(rest.Drop),
			DropUnder: slices.Clone(rest.DropUnder),
		}
		row, err := row(rowObject, o.Version.String(), o)
		if err != nil {
			return strongroom.Object{}, unavailable("the object's row could not be made", err)
		}
		row.Parent, row.Tag, row.Ref = b.ID.String(), r.tag(b.ID, o.Key), o.Blob.String()
		oldVersion := ""
		if old != nil {
			oldVersion = old.Version.String()
			change.Drop = append(change.Drop, book.RowKey{Kind: rowObject, ID: oldVersion})
		}
		change.Require = append(change.Require,
			book.Condition{Form: book.Exists, Kind: rowBucket, ID: b.ID.String()},
			book.Condition{Form: book.Only, Kind: rowObject, Parent: row.Parent, Tag: row.Tag, ID: oldVersion})
		change.Put = []book.Row{row}
		e := r.evidence(KindStore, a)
		e.Bucket, e.Blob, e.Version, e.Custody, e.Digest, e.Bytes = b.ID, o.Blob, o.Version, o.Custody, o.Digest, o.Size
		_, err = r.apply(ctx, KindStore, e, a.personal(), change)
		if broken, ok := errors.AsType[*book.ConditionError](err); ok {
			if broken.Condition.Form == book.Only {
				continue // somebody stored or deleted under this key meanwhile
			}
			return strongroom.Object{}, conflict(err)
		}
		if err != nil {
			return strongroom.Object{}, unavailable("the store could not be recorded, so nothing was stored", err)
		}
		if old != nil {
			r.eraseUnlessUsed(*old)
		}
		return o.Object, nil
	}
	return strongroom.Object{}, conflict(errors.New("the key changed with every attempt"))
}

func conflict(cause error) error {
	return &strongroom.Error{Kind: strongroom.KindConflict, Message: "somebody else changed it at the same moment", Hint: "look again and retry", Cause: cause}
}

// eraseUnlessUsed removes the sealed bytes of a deleted object, unless another row
// names the same blob.
func (r *Room) eraseUnlessUsed(o objectBody) {
	ctx := context.Background()
	r.work.Go(func() {
		rows, err := r.Book.Referring(ctx, o.Blob.String())
		if err == nil && len(rows) == 0 {
			r.readers.gone(o.Blob)
			err = r.Erase(ctx, filesOf(o.Blob, o.Segments))
		}
		if err != nil {
			r.Log.Error("erasing a blob; the next sweep will", "room", r.ID, "blob", o.Blob, "error", err)
		}
	})
}

// Delete deletes each key. One that names nothing is no error.
func (r *Room) Delete(ctx context.Context, c Caller, bucket string, keys []string) ([]DeleteResult, error) {
	b, exists := r.bucket(bucket)
	if len(keys) == 0 {
		return nil, nil
	}
	if !exists {
		if a := r.decide(c, strongroom.ActionDeleteObject, strongroom.Resource{Bucket: bucket, Key: keys[0]}); !a.decision.Permit {
			return nil, r.refuse(ctx, a)
		}
		return nil, noBucket(bucket)
	}
	results := make([]DeleteResult, len(keys))
	const together = 16
	slots := make(chan struct{}, together)
	for i, key := range keys {
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			results[i] = DeleteResult{Key: key, Err: r.deleteOne(ctx, c, b, key)}
		}()
	}
	for range together {
		slots <- struct{}{}
	}
	return results, nil
}

func (r *Room) deleteOne(ctx context.Context, c Caller, b strongroom.Bucket, key string) error {
	for range 16 {
		o, err := r.current(ctx, b, key)
		absent := errors.Is(err, book.ErrNoRow)
		if err != nil && !absent {
			return err
		}
		resource := strongroom.Resource{Bucket: b.Name, Key: key, Custody: b.Custody}
		if !absent {
			resource = resourceOf(o.Object)
		}
		a := r.decide(c, strongroom.ActionDeleteObject, resource)
		if !a.decision.Permit {
			return r.refuse(ctx, a)
		}
		if o.LegalHold {
			return r.held(ctx, a)
		}
		e := r.evidence(KindDelete, a)
		e.Bucket = b.ID
		if absent {
			return r.note(ctx, KindDelete, e, a)
		}
		e.Blob, e.Version, e.Custody = o.Blob, o.Version, o.Custody
		id := o.Version.String()
		_, err = r.apply(ctx, KindDelete, e, a.personal(), book.Change{
			Require: []book.Condition{{Form: book.Only, Kind: rowObject, Parent: b.ID.String(), Tag: r.tag(b.ID, key), ID: id}},
			Drop:    []book.RowKey{{Kind: rowObject, ID: id}},
		})
		if _, changed := errors.AsType[*book.ConditionError](err); changed {
			continue
		}
		if err != nil {
			return unavailable("the deletion could not be recorded, so nothing was deleted", err)
		}
		r.eraseUnlessUsed(o)
		return nil
	}
	return conflict(errors.New("the key changed with every attempt"))
}

// Sweep has sealed files erased that no row names, nobody reads, and that were written
// before the time given: what a crash between blob and commit left behind. It returns
// how many. The time must lie far enough back that no store under way can be that old.
func (r *Room) Sweep(ctx context.Context, before time.Time) (int, error) {
	removed := 0
	for f, err := range r.Blobs.List(ctx) {
		if err != nil {
			return removed, fmt.Errorf("sweeping blobs: %w", err)
		}
		if !f.Modified.Before(before) {
			continue
		}
		used, err := r.fileUsed(ctx, f.Name)
		if err != nil {
			return removed, fmt.Errorf("sweeping blobs: %w", err)
		}
		if used {
			continue
		}
		// Not removed here: a backup may be copying what a row named when it began.
		if err := r.Erase(ctx, []string{f.Name}); err != nil {
			return removed, fmt.Errorf("sweeping blobs: %w", err)
		}
		removed++
	}
	return removed, nil
}

// fileUsed reports whether a file belongs to a blob that a row names or somebody
// reads; of a row a segment must be one that its object or upload lists.
func (r *Room) fileUsed(ctx context.Context, name string) (bool, error) {
	blob, err := strongroom.ParseID(name[:32])
	if err != nil {
		return false, err
	}
	rows, err := r.Book.Referring(ctx, blob.String())
	if err != nil {
		return false, err
	}
	for _, row := range rows {
		switch row.Kind {
		case rowObject:
			o, err := decode[objectBody](row)
			if err != nil {
				return false, err
			}
			if slices.Contains(filesOf(blob, o.Segments), name) {
				return true, nil
			}
		case rowUpload:
			parts, err := r.parts(ctx, row.ID)
			if err != nil {
				return false, err
			}
			if slices.Contains(filesOf(blob, segmentsOf(parts)), name) {
				return true, nil
			}
		}
	}
	return r.readers.any(blob), nil
}

// filesOf names every file of a blob.
func filesOf(blob strongroom.ID, segments []seal.ManifestPart) []string {
	names := []string{blob.String(), sidecarName(blob)}
	for _, s := range segments {
		names = append(names, segmentName(blob, s))
	}
	return names
}

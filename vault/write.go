package vault

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"slices"
	"time"

	"strongroom"
	"strongroom/book"
	"strongroom/ledger"
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
// and record. No private key is needed (P5). What the key named before gives way in the
// same commit: it is replaced or, where versioning is enabled, kept as an older version.
func (r *Room) Put(ctx context.Context, c Caller, req PutRequest, body io.Reader) (strongroom.Object, error) {
	return r.put(ctx, c, req, nil, body)
}

// put stores an object that may be a copy of another.
func (r *Room) put(ctx context.Context, c Caller, req PutRequest, from *strongroom.Object, body io.Reader) (strongroom.Object, error) {
	o := strongroom.Object{Bucket: req.Bucket, Key: req.Key, Version: strongroom.NewID(), Blob: strongroom.NewID()}
	req.Declared.on(&o)
	b, err := r.mayStore(ctx, c, &o, req.Precondition, from)
	if err != nil {
		return strongroom.Object{}, err
	}
	if req.Size > MaxObject {
		return strongroom.Object{}, tooLarge()
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
	}, body, req.Size, req.AtEOF, func() (sidecar BlobWriter, err error) {
		whole = true
		sidecar, stanzas, err = r.sealSidecar(ctx, o.Blob, o.Custody, key, to)
		return sidecar, err
	})
	if err != nil {
		if whole {
			err = errors.Join(err, r.discard(o.Blob))
		}
		return strongroom.Object{}, err
	}
	o.Size, o.Checksums = s.plain, s.checksums
	if len(o.Checksums) > 0 {
		o.ChecksumType = cmp.Or(req.ChecksumType, "full_object")
	}
	o.ETag = r.etag(o.Blob.String(), 1)
	o.Label = r.Classify(s.head, req.Headers["Content-Type"], req.Meta)
	if from != nil {
		o.Label = join(from.Label, o.Label)
	}
	stored, err := r.place(ctx, c, b.Name, placing{object: objectBody{Object: o, Digest: s.digest, Stanzas: stanzas}, precondition: req.Precondition, from: from})
	if err != nil {
		return strongroom.Object{}, r.undo(err, filesOf(o.Blob, nil))
	}
	return stored, nil
}

// on puts what was declared on an object.
func (d Declared) on(o *strongroom.Object) {
	o.Headers, o.Meta, o.Tags, o.Cipher = d.Headers, d.Meta, d.Tags, d.Cipher
	o.LegalHold, o.Retention = d.LegalHold, d.Retention
	o.Scrubbed = claimsScrubbed(d.Meta)
}

// join is the label of content that bears both.
func join(a, b strongroom.Label) strongroom.Label {
	both := strongroom.Label{Confidential: a.Confidential || b.Confidential}
	for _, l := range []strongroom.Label{a, b} {
		for _, c := range l.Classes {
			if !slices.Contains(both.Classes, c) {
				both.Classes = append(both.Classes, c)
			}
		}
		for _, reason := range l.Reasons {
			if !slices.Contains(both.Reasons, reason) {
				both.Reasons = append(both.Reasons, reason)
			}
		}
	}
	return both
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

// mayStore decides before the first byte of the body is read, and completes the object
// with what its bucket says.
func (r *Room) mayStore(ctx context.Context, c Caller, o *strongroom.Object, p Precondition, from *strongroom.Object) (bucketRow, error) {
	b, exists := r.bucket(o.Bucket)
	o.Custody, o.Modified = b.Custody, r.Clock().UTC()
	if o.Cipher = cmp.Or(o.Cipher, b.Cipher); o.Cipher == "aws:kms" {
		o.Cipher = ""
	}
	if _, err := r.decideStore(ctx, c, *o, from); err != nil {
		return b, err
	}
	if !exists {
		return b, noBucket(o.Bucket)
	}
	if b.Lock == nil && (o.LegalHold || o.Retention.Mode != "") {
		return b, noLock()
	}
	_, err := r.succeed(ctx, c, b, *o, p, nil, p == Precondition{})
	return b, err
}

func noLock() error {
	return &strongroom.Error{Kind: strongroom.KindNoLock, Message: "the bucket has no object lock"}
}

// decideStore asks about everything that storing this object does. What a copy has from
// its source is not asked about again.
func (r *Room) decideStore(ctx context.Context, c Caller, o strongroom.Object, from *strongroom.Object) (asked, error) {
	var actions []strongroom.Action
	if o.Scrubbed && (from == nil || !from.Scrubbed) {
		actions = append(actions, strongroom.ActionMarkScrubbed)
	}
	if len(o.Tags) > 0 {
		actions = append(actions, strongroom.ActionTagObject)
	}
	if o.LegalHold {
		actions = append(actions, strongroom.ActionHoldObject)
	}
	if o.Retention.Mode != "" {
		actions = append(actions, strongroom.ActionRetainObject)
	}
	var also []asked
	for _, action := range actions {
		a := r.decide(c, action, resourceOf(o))
		if !a.decision.Permit {
			return a, r.refuse(ctx, a)
		}
		also = append(also, a)
	}
	a := r.decide(c, strongroom.ActionStoreObject, resourceOf(o))
	if !a.decision.Permit {
		return a, r.refuse(ctx, a)
	}
	a.also = also
	return a, nil
}

// succeed works out what becomes of a key's versions when a new one becomes current,
// adds it to the change, if there is one, and numbers and completes the object. It
// answers the versions that are dropped, for their blobs to be erased. Trusting, it does
// not ask the database about a key of which the state knows nothing: the change requires
// that the database has nothing either.
func (r *Room) succeed(ctx context.Context, c Caller, b bucketRow, o strongroom.Object, p Precondition, change *succession, trusting bool) ([]objectBody, error) {
	var old objectBody
	err := book.ErrNoRow
	if !trusting || !r.state.new(b.ID, o.Key) {
		old, err = r.current(ctx, b, o.Key)
	}
	exists := err == nil
	if err != nil && !errors.Is(err, book.ErrNoRow) {
		return nil, err
	}
	if err := p.check(b.Name, o.Key, old.Object, exists && !old.Marker); err != nil {
		return nil, err
	}
	if change == nil {
		change = &succession{}
	}
	tag := r.tag(b.ID, o.Key)
	change.Require = append(change.Require, b.unchanged())
	if !exists {
		change.Require = append(change.Require, book.Condition{Form: book.Only, Kind: rowObject, Parent: b.ID.String(), Tag: tag})
	} else {
		change.Require = append(change.Require, old.unchanged())
		change.Drop = append(change.Drop, book.RowKey{Kind: rowObject, ID: old.Version.String()})
	}
	change.sequence, change.null = old.Sequence+1, b.Versioning != strongroom.VersioningEnabled
	var dropped []objectBody
	if change.null && exists && old.Null {
		dropped = append(dropped, old)
	} else if exists {
		older := old
		older.Succeeded = o.Modified
		row, err := r.objectRow(b, older, false)
		if err != nil {
			return nil, err
		}
		change.Put = append(change.Put, row)
	}
	if change.null && b.Versioning == strongroom.VersioningSuspended && !old.Null {
		null, err := r.only(ctx, rowNull, b, o.Key)
		if err == nil {
			dropped = append(dropped, null)
			change.Require = append(change.Require, null.unchanged())
			change.Drop = append(change.Drop, book.RowKey{Kind: rowNull, ID: null.Version.String()})
		} else if !errors.Is(err, book.ErrNoRow) {
			return nil, err
		} else {
			change.Require = append(change.Require, book.Condition{Form: book.Only, Kind: rowNull, Parent: b.ID.String(), Tag: tag})
		}
	}
	for _, gone := range dropped {
		if !gone.Marker {
			a, kept, err := r.mayDelete(ctx, c, gone, false)
			if err != nil {
				return nil, err
			}
			change.also = append(change.also, a)
			change.Require = append(change.Require, kept)
		}
	}
	return dropped, nil
}

// new reports whether nothing is known of a key: neither that it names a version nor that
// it ever did.
func (s *state) new(bucket strongroom.ID, key string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	index, history := s.index[bucket], s.history[bucket]
	if index == nil || history == nil {
		return false
	}
	if _, named := index.Get(&entry{key: key}); named {
		return false
	}
	unknown := true
	history.Ascend(&entry{key: key, sequence: math.MaxUint64}, func(e *entry) bool {
		unknown = e.key != key
		return false
	})
	return unknown
}

// succession is a change that makes a version current.
type succession struct {
	book.Change
	sequence uint64
	null     bool
	also     []asked // decisions on deleting what it replaces for good
}

// check holds a write's precondition against the current version.
func (p Precondition) check(bucket, key string, old strongroom.Object, exists bool) error {
	switch {
	case p.IfNoneMatch && exists, p.IfMatch != "" && exists && !matches(p.IfMatch, old):
		return &strongroom.Error{Kind: strongroom.KindPrecondition, Message: "at least one of the pre-conditions you specified did not hold"}
	case p.IfMatch != "" && !exists:
		return notFound(true, bucket, key)
	}
	return nil
}

func matches(etag string, o strongroom.Object) bool { return etag == "*" || etag == o.ETag }

// mayDelete decides whether a version may be deleted, and whether anything that nobody
// may set aside keeps it. The condition has to hold of the change that deletes it.
func (r *Room) mayDelete(ctx context.Context, c Caller, o objectBody, bypass bool) (asked, book.Condition, error) {
	resource := resourceOf(o.Object)
	a := r.decide(c, strongroom.ActionDeleteObject, resource)
	if o.LegalHold { // whoever could delete it otherwise is told what keeps it
		resource.LegalHold = false
		if a.decision.Permit || r.decide(c, strongroom.ActionDeleteObject, resource).decision.Permit {
			return a, book.Condition{}, r.held(ctx, a, "legal hold", "the object is under legal hold, so it can be neither deleted nor replaced")
		}
	}
	if !a.decision.Permit {
		return a, book.Condition{}, r.refuse(ctx, a)
	}
	if o.Retention.Active(r.Clock()) {
		if err := r.mayBypass(ctx, c, o, bypass, &a); err != nil {
			return a, book.Condition{}, err
		}
	}
	kept, err := r.mayEnd(ctx, a, o)
	return a, kept, err
}

// mayBypass decides about what would set aside retention that is active, beside a.
func (r *Room) mayBypass(ctx context.Context, c Caller, o objectBody, bypass bool, a *asked) error {
	if o.Retention.Mode != strongroom.Governance || !bypass {
		return r.held(ctx, *a, "retention", "the object is retained until "+o.Retention.Until.UTC().Format(time.RFC3339)+" by object lock")
	}
	other := r.decide(c, strongroom.ActionBypassRetention, resourceOf(o.Object))
	if !other.decision.Permit {
		return r.refuse(ctx, other)
	}
	a.also = append(a.also, other)
	return nil
}

// held refuses what the policy would have permitted.
func (r *Room) held(ctx context.Context, a asked, why, message string) error {
	r.recordRefusal(ctx, a, why)
	return &strongroom.Error{Kind: strongroom.KindHeld, Message: message}
}

// sealed is what sealing one body found out.
type sealed struct {
	plain     int64
	head      []byte
	digest    string // hex SHA-256 of what was written
	checksums map[string]string
}

// sealBlob streams a body into a blob that is durable when it returns, and with it the
// blob that beside writes, where that is not nil. It runs once the body has come whole,
// and has ended when sealBlob returns. If anything fails before it starts, nothing is left.
func (r *Room) sealBlob(ctx context.Context, name string, open func(io.Writer) (*seal.Writer, error), body io.Reader, size int64, atEOF AtEOF, beside func() (BlobWriter, error)) (sealed, error) {
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
	if err := r.makeDurable(w, s.plain, beside); err != nil {
		return sealed{}, err
	}
	s.digest = digest.sum()
	return s, nil
}

// few is how many bytes of content are made durable no later by beginning before the
// stanzas beside them are there: then both are made durable at once, where that can be.
const few = 64 << 10

// makeDurable commits a blob and the one beside it.
func (r *Room) makeDurable(w BlobWriter, plain int64, beside func() (BlobWriter, error)) error {
	if beside == nil {
		if err := w.Commit(); err != nil {
			return unavailable("nothing can be stored now", err)
		}
		return nil
	}
	if both, ok := r.Blobs.(Together); ok && plain <= few {
		other, err := beside()
		if err != nil {
			return err
		}
		defer other.Abort()
		if err := both.CommitTogether(w, other); err != nil {
			return unavailable("nothing can be stored now", err)
		}
		return nil
	}
	ended := make(chan error, 1)
	go func() {
		other, err := beside()
		if err == nil {
			err = commitBeside(other)
		}
		ended <- err
	}()
	err := w.Commit()
	if e := <-ended; err == nil && e != nil {
		return e
	} else if err != nil {
		return unavailable("nothing can be stored now", err)
	}
	return nil
}

func commitBeside(w BlobWriter) error {
	defer w.Abort()
	if err := w.Commit(); err != nil {
		return unavailable("nothing can be stored now", err)
	}
	return nil
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

// writeSidecar makes the sidecar durable: with it and a private key the blob can be
// recovered without the database.
func (r *Room) writeSidecar(ctx context.Context, blob strongroom.ID, custody string, key seal.DataKey, to []seal.Recipient) ([]seal.Stanza, error) {
	w, stanzas, err := r.sealSidecar(ctx, blob, custody, key, to)
	if err != nil {
		return nil, err
	}
	return stanzas, commitBeside(w)
}

// sealSidecar wraps the data key to each recipient and writes the sidecar, which is yet
// to be committed.
func (r *Room) sealSidecar(ctx context.Context, blob strongroom.ID, custody string, key seal.DataKey, to []seal.Recipient) (BlobWriter, []seal.Stanza, error) {
	binding := seal.Binding{Room: r.ID, Blob: blob, Custody: custody}
	var stanzas []seal.Stanza
	for _, recipient := range to {
		stanza, err := recipient.Wrap(key, binding)
		if err != nil {
			return nil, nil, unavailable("the data key could not be wrapped", err)
		}
		stanzas = append(stanzas, stanza)
	}
	encoded, err := seal.Sidecar{Room: r.ID, Blob: blob, Custody: custody, Stanzas: stanzas}.Marshal()
	if err != nil {
		return nil, nil, unavailable("the sidecar could not be made", err)
	}
	w, err := r.Blobs.Create(ctx, sidecarName(blob))
	if err != nil {
		return nil, nil, unavailable("nothing can be stored now", err)
	}
	if _, err := w.Write(encoded); err != nil {
		w.Abort()
		return nil, nil, unavailable("nothing can be stored now", err)
	}
	return w, stanzas, nil
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

// placing is an object about to become the current version of its key.
type placing struct {
	object       objectBody
	precondition Precondition
	change       book.Change        // what else happens with it
	from         *strongroom.Object // what it is a copy of
	beside       *ledger.Entry      // a record beside the store's
}

// place commits an object's row under its key, as the current version. Several who
// store under one key at once all succeed, one after the other.
func (r *Room) place(ctx context.Context, c Caller, bucket string, p placing) (strongroom.Object, error) {
	o := p.object
	o.Modified = r.Clock().UTC()
	for attempt := range 16 {
		b, exists := r.bucket(bucket)
		if !exists || b.Custody != o.Custody {
			return strongroom.Object{}, noBucket(bucket)
		}
		o.LegalHold, o.Retention = p.object.LegalHold, p.object.Retention
		if b.Lock == nil && o.Retention.Mode != "" {
			return strongroom.Object{}, noLock()
		}
		change := succession{Change: book.Change{
			Require:   slices.Clone(p.change.Require),
			Drop:      slices.Clone(p.change.Drop),
			DropUnder: slices.Clone(p.change.DropUnder),
		}}
		dropped, err := r.succeed(ctx, c, b, o.Object, p.precondition, &change, attempt == 0 && p.precondition == Precondition{})
		if err != nil {
			return strongroom.Object{}, err
		}
		a, err := r.decideStore(ctx, c, o.Object, p.from)
		if err != nil {
			return strongroom.Object{}, err
		}
		if o.Retention.Mode == "" && b.Lock != nil {
			o.Retention = b.Lock.From(o.Modified)
		}
		o.LegalHold = o.LegalHold || p.from != nil && p.from.LegalHold
		o.Sequence, o.Null = change.sequence, change.null
		row, err := r.objectRow(b, o, true)
		if err != nil {
			return strongroom.Object{}, err
		}
		change.Put = append(change.Put, row)
		e := r.evidence(KindStore, a)
		e.Bucket, e.Blob, e.Version, e.Custody, e.Digest, e.Bytes = b.ID, o.Blob, o.Version, o.Custody, o.Digest, o.Size
		a.also = append(a.also, change.also...)
		beside, err := r.beside(a, e)
		if err != nil {
			return strongroom.Object{}, err
		}
		_, err = r.apply(ctx, KindStore, e, a.personal(), change.Change, append([]*ledger.Entry{p.beside}, beside...)...)
		if broken, ok := errors.AsType[*book.ConditionError](err); ok {
			if slices.Contains(p.change.Require, broken.Condition) {
				return strongroom.Object{}, err
			}
			continue // somebody changed the bucket, or stored or deleted under this key meanwhile
		}
		if err != nil {
			return strongroom.Object{}, unavailable("the store could not be recorded, so nothing was stored", err)
		}
		for _, gone := range dropped {
			r.eraseUnlessUsed(gone)
		}
		o.Versioned, o.Latest = b.Versioning != strongroom.Unversioned, true
		r.foretell(&o.Object)
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
	if o.Marker {
		return
	}
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

// Delete deletes what each request names. One that names nothing is no error.
func (r *Room) Delete(ctx context.Context, c Caller, bucket string, requests []DeleteRequest) ([]DeleteResult, error) {
	_, exists := r.bucket(bucket)
	if len(requests) == 0 {
		return nil, nil
	}
	if !exists {
		if a := r.decide(c, strongroom.ActionDeleteObject, strongroom.Resource{Bucket: bucket, Key: requests[0].Key, ByVersion: requests[0].Version != ""}); !a.decision.Permit {
			return nil, r.refuse(ctx, a)
		}
		return nil, noBucket(bucket)
	}
	results := make([]DeleteResult, len(requests))
	const together = 16
	slots := make(chan struct{}, together)
	for i, q := range requests {
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			results[i] = r.deleteOne(ctx, c, bucket, q)
		}()
	}
	for range together {
		slots <- struct{}{}
	}
	return results, nil
}

func (r *Room) deleteOne(ctx context.Context, c Caller, bucket string, q DeleteRequest) DeleteResult {
	result := DeleteResult{Key: q.Key, Version: q.Version}
	for range 16 {
		b, exists := r.bucket(bucket)
		if !exists {
			result.Err = noBucket(bucket)
			return result
		}
		var err error
		if q.Version == "" && b.Versioning != strongroom.Unversioned {
			result.MarkerVersion, err = r.mark(ctx, c, b, q)
			result.Marker = err == nil
		} else {
			var gone objectBody
			gone, err = r.deleteVersion(ctx, c, b, q)
			if result.Marker = err == nil && gone.Marker; result.Marker {
				result.MarkerVersion = gone.VersionName()
			}
		}
		if _, changed := errors.AsType[*book.ConditionError](err); !changed {
			result.Err = err
			return result
		}
	}
	result.Err = conflict(errors.New("the key changed with every attempt"))
	return result
}

func (q DeleteRequest) conditional() bool {
	return q.IfMatch != "" || q.IfModified != nil || q.IfSize != nil
}

// check holds the conditions of a deletion against what would be deleted.
func (q DeleteRequest) check(o strongroom.Object) error {
	if q.conditional() && o.Marker || q.IfMatch != "" && !matches(q.IfMatch, o) ||
		q.IfModified != nil && !q.IfModified.Equal(o.Modified.Truncate(time.Second)) ||
		q.IfSize != nil && *q.IfSize != o.Size {
		return &strongroom.Error{Kind: strongroom.KindPrecondition, Message: "at least one of the pre-conditions you specified did not hold"}
	}
	return nil
}

// mark makes a delete marker the current version of a key. What the key named stays as
// an older version, hence may be under hold or retained.
func (r *Room) mark(ctx context.Context, c Caller, b bucketRow, q DeleteRequest) (string, error) {
	old, err := r.current(ctx, b, q.Key)
	absent := errors.Is(err, book.ErrNoRow)
	if err != nil && !absent {
		return "", err
	}
	o := objectBody{Object: strongroom.Object{
		Bucket: b.Name, Key: q.Key, Version: strongroom.NewID(), Custody: b.Custody, Modified: r.Clock().UTC(), Marker: true,
	}}
	if err := q.house.still(b, old); err != nil {
		return "", err
	}
	hides := !absent && !old.Marker
	resource := resourceOf(o.Object)
	if hides {
		resource = resourceOf(old.Object)
		resource.LegalHold = false
	}
	a := r.decide(c, strongroom.ActionDeleteObject, resource)
	if !a.decision.Permit {
		return "", r.refuse(ctx, a)
	}
	if absent && q.conditional() {
		return "", notFound(true, b.Name, q.Key)
	} else if err := q.check(old.Object); !absent && err != nil {
		return "", err
	}
	var change succession
	dropped, err := r.succeed(ctx, c, b, o.Object, Precondition{}, &change, false)
	if err != nil {
		return "", err
	}
	o.Sequence, o.Null = change.sequence, change.null
	row, err := r.objectRow(b, o, true)
	if err != nil {
		return "", err
	}
	change.Put = append(change.Put, row)
	action, p := q.house.as("delete-marker", a.personal())
	e := r.evidence(action, a)
	e.Bucket, e.Version, e.Custody = b.ID, o.Version, o.Custody
	a.also = change.also
	beside, err := r.beside(a, e)
	if err != nil {
		return "", err
	}
	if _, err = r.apply(ctx, KindDelete, e, p, change.Change, beside...); err != nil {
		return "", deletion(err)
	}
	for _, gone := range dropped {
		r.eraseUnlessUsed(gone)
	}
	return o.VersionName(), nil
}

func deletion(err error) error {
	if _, changed := errors.AsType[*book.ConditionError](err); changed {
		return err
	}
	return unavailable("the deletion could not be recorded, so nothing was deleted", err)
}

// deleteVersion deletes a version for good. Where it was the current one the newest of
// the older versions takes its place.
func (r *Room) deleteVersion(ctx context.Context, c Caller, b bucketRow, q DeleteRequest) (objectBody, error) {
	o, err := r.version(ctx, b, q.Key, q.Version)
	if errors.Is(err, book.ErrNoRow) && q.house != nil {
		return o, errNotDue
	} else if errors.Is(err, book.ErrNoRow) {
		a := r.decide(c, strongroom.ActionDeleteObject, strongroom.Resource{Bucket: b.Name, Key: q.Key, ByVersion: q.Version != "", Custody: b.Custody})
		if !a.decision.Permit {
			return o, r.refuse(ctx, a)
		}
		e := r.evidence(KindDelete, a)
		e.Bucket = b.ID
		if err := r.note(ctx, KindDelete, e, a); err != nil || !q.conditional() {
			return o, err
		}
		return o, notFound(true, b.Name, q.Key)
	} else if err != nil {
		return o, err
	}
	if err := q.house.still(b, o); err != nil {
		return o, err
	}
	a, kept, err := r.mayDelete(ctx, c, o, q.Bypass)
	if err != nil {
		return o, err
	}
	if err := q.check(o.Object); err != nil {
		return o, err
	}
	change := book.Change{
		Require: []book.Condition{b.unchanged(), o.unchanged(), kept},
		Drop:    []book.RowKey{{Kind: o.kind, ID: o.Version.String()}},
	}
	if o.kind == rowObject && b.Versioning != strongroom.Unversioned {
		if err := r.promote(ctx, b, o, &change); err != nil {
			return o, err
		}
	}
	action, p := q.house.as(KindDelete, a.personal())
	e := r.evidence(action, a)
	e.Bucket, e.Blob, e.Version, e.Custody = b.ID, o.Blob, o.Version, o.Custody
	beside, err := r.beside(a, e)
	if err != nil {
		return o, err
	}
	if _, err = r.apply(ctx, KindDelete, e, p, change, beside...); err != nil {
		return o, deletion(err)
	}
	r.eraseUnlessUsed(o)
	return o, nil
}

// promote makes the newest version behind a current one that goes the current one.
func (r *Room) promote(ctx context.Context, b bucketRow, o objectBody, change *book.Change) error {
	var next *book.Row
	if newest, any, known := r.state.newestBehind(b.ID, o); known && !any {
		return nil
	} else if known {
		row, err := r.Book.Row(ctx, newest.kind, newest.version.String())
		if err == nil {
			next = &row
		} else if !errors.Is(err, book.ErrNoRow) {
			return unavailable("the room's database cannot be read now", err)
		}
	}
	if next == nil {
		// The state is behind what the database says, or ahead of it: ask the database.
		var most uint64
		for _, kind := range []string{rowVersion, rowNull} {
			rows, err := r.Book.Find(ctx, kind, b.ID.String(), r.tag(b.ID, o.Key))
			if err != nil {
				return unavailable("the room's database cannot be read now", err)
			}
			for _, row := range rows {
				older, err := readObject(row)
				if err != nil {
					return unavailable("the object's row cannot be read", err)
				}
				if older.Sequence > most {
					most, next = older.Sequence, &row
				}
			}
		}
		if next == nil {
			return nil
		}
	}
	older, err := readObject(*next)
	if err != nil {
		return unavailable("the object's row cannot be read", err)
	}
	change.Require = append(change.Require, older.unchanged())
	change.Drop = append(change.Drop, book.RowKey{Kind: next.Kind, ID: next.ID})
	older.Succeeded = time.Time{}
	row, err := r.objectRow(b, older, true)
	if err != nil {
		return err
	}
	change.Put = append(change.Put, row)
	return nil
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
		case rowObject, rowVersion, rowNull:
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
			// Completed since, the parts are an object's now.
			if _, err := r.Book.Row(ctx, rowUpload, row.ID); errors.Is(err, book.ErrNoRow) {
				return true, nil
			} else if err != nil {
				return false, err
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

package vault

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"strongroom"
	"strongroom/book"
	"strongroom/seal"
)

// SmallestPart is the least size of every part but the last, in bytes.
const SmallestPart = 5 << 20

// CreateUpload begins a multipart upload: one data key for all of it, wrapped to the
// recipients at once and, until it is completed, to a key of the upload's own, so
// that parts need no unwrap at the custodian.
func (r *Room) CreateUpload(ctx context.Context, c Caller, req UploadRequest) (Upload, error) {
	o := strongroom.Object{Bucket: req.Bucket, Key: req.Key}
	req.Declared.on(&o)
	b, err := r.mayStore(ctx, c, &o, Precondition{}, nil)
	if err != nil {
		return Upload{}, err
	}
	to, err := r.wrapTo(b.Custody)
	if err != nil {
		return Upload{}, unavailable("nothing can be sealed for this bucket", err)
	}
	u := uploadBody{
		Upload: Upload{
			ID: strongroom.NewID(), Bucket: b.Name, Key: req.Key, Started: r.Clock().UTC(), Initiator: c.Principal,
			ChecksumAlgorithm: req.ChecksumAlgorithm, ChecksumType: req.ChecksumType, Custody: b.Custody, Cipher: o.Cipher,
		},
		BucketID: b.ID, Blob: strongroom.NewID(), UploadKey: make([]byte, 32),
		Headers: req.Headers, Meta: req.Meta, Tags: req.Tags, LegalHold: req.LegalHold, Retention: req.Retention,
	}
	rand.Read(u.UploadKey)
	key := seal.NewDataKey()
	if u.Wrapped, err = seal.WrapUploadKey([32]byte(u.UploadKey), key, seal.Binding{Room: r.ID, Blob: u.Blob, Custody: u.Custody}); err != nil {
		return Upload{}, unavailable("the upload's key could not be wrapped", err)
	}
	if u.Stanzas, err = r.writeSidecar(ctx, u.Blob, u.Custody, key, to); err != nil {
		return Upload{}, err
	}
	row, err := row(rowUpload, u.ID.String(), u)
	if err != nil {
		return Upload{}, unavailable("the upload's row could not be made", err)
	}
	row.Parent, row.Tag, row.Ref = b.ID.String(), r.tag(b.ID, req.Key), u.Blob.String()
	a := r.decide(c, strongroom.ActionStoreObject, u.resource())
	if !a.decision.Permit {
		return Upload{}, errors.Join(r.refuse(ctx, a), r.discard(u.Blob))
	}
	e := r.evidence("upload-create", a)
	e.Bucket, e.Blob, e.Custody = b.ID, u.Blob, u.Custody
	_, err = r.apply(ctx, KindUpload, e, a.personal(), book.Change{
		Require: []book.Condition{{Form: book.Exists, Kind: rowBucket, ID: b.ID.String()}},
		Put:     []book.Row{row},
	})
	if err != nil {
		return Upload{}, r.undo(uploadError(err), filesOf(u.Blob, nil))
	}
	return u.Upload, nil
}

func (u uploadBody) declared() Declared {
	return Declared{Headers: u.Headers, Meta: u.Meta, Tags: u.Tags, LegalHold: u.LegalHold, Retention: u.Retention, Cipher: u.Cipher}
}

func (u uploadBody) resource() strongroom.Resource {
	o := strongroom.Object{Bucket: u.Bucket, Key: u.Key, Custody: u.Custody, Modified: u.Started}
	u.declared().on(&o)
	return resourceOf(o)
}

// upload finds an upload in progress and decides the action on it. Whoever began it
// may always do with it what storing permits.
func (r *Room) upload(ctx context.Context, c Caller, action strongroom.Action, bucket, key string, id strongroom.ID) (uploadBody, asked, error) {
	row, err := r.Book.Row(ctx, rowUpload, id.String())
	if err != nil && !errors.Is(err, book.ErrNoRow) {
		return uploadBody{}, asked{}, unavailable("the room's database cannot be read now", err)
	}
	var u uploadBody
	found := err == nil
	if found {
		if u, err = decode[uploadBody](row); err != nil {
			return u, asked{}, unavailable("the upload's row cannot be read", err)
		}
		found = u.Bucket == bucket && u.Key == key
	}
	resource := strongroom.Resource{Bucket: bucket, Key: key}
	if found {
		resource = u.resource()
		if u.Initiator.ID == c.Principal.ID {
			action = strongroom.ActionStoreObject
		}
	}
	a := r.decide(c, action, resource)
	if !a.decision.Permit {
		return u, a, r.refuse(ctx, a)
	}
	if _, exists := r.bucket(bucket); !exists {
		return u, a, noBucket(bucket)
	} else if !found {
		return u, a, noUpload()
	}
	if action == strongroom.ActionStoreObject && claimsScrubbed(u.Meta) {
		if b := r.decide(c, strongroom.ActionMarkScrubbed, resource); !b.decision.Permit {
			return u, b, r.refuse(ctx, b)
		}
	}
	return u, a, nil
}

func noUpload() error {
	return &strongroom.Error{Kind: strongroom.KindNoUpload, Message: "there is no such upload: it was completed, aborted or never begun"}
}

func uploadError(err error) error {
	if broken, ok := errors.AsType[*book.ConditionError](err); ok {
		if broken.Condition.Kind == rowUpload {
			return noUpload()
		}
		return conflict(err)
	}
	return unavailable("it could not be recorded, so nothing was stored", err)
}

func partID(upload strongroom.ID, number int) string { return fmt.Sprintf("%s.%05d", upload, number) }

// PutPart stores one part. A part that was stored before under this number is
// replaced.
func (r *Room) PutPart(ctx context.Context, c Caller, req PartRequest, body io.Reader) (Part, error) {
	return r.putPart(ctx, c, req, nil, body)
}

// putPart stores a part that may be copied from an object, known when the body has been
// read.
func (r *Room) putPart(ctx context.Context, c Caller, req PartRequest, from *strongroom.Object, body io.Reader) (Part, error) {
	if req.Number < 1 || req.Number > seal.MaxParts {
		return Part{}, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("a part number is 1 to %d", seal.MaxParts)}
	}
	if req.Size > MaxObject {
		return Part{}, tooLarge()
	}
	u, a, err := r.upload(ctx, c, strongroom.ActionStoreObject, req.Bucket, req.Key, req.Upload)
	if err != nil {
		return Part{}, err
	}
	if req.Announced != nil {
		if err := req.Announced(u.Upload); err != nil {
			return Part{}, err
		}
	}
	key, err := seal.UnwrapUploadKey([32]byte(u.UploadKey), u.Wrapped, seal.Binding{Room: r.ID, Blob: u.Blob, Custody: u.Custody})
	if err != nil {
		return Part{}, unavailable("the upload's key does not open", err)
	}
	p := partBody{Part: Part{Number: req.Number, Custody: u.Custody, Cipher: u.Cipher}, Attempt: strongroom.NewID()}
	name := segmentName(u.Blob, seal.ManifestPart{Number: p.Number, Attempt: p.Attempt})
	header := seal.Header{Room: r.ID, Blob: u.Blob, Custody: u.Custody}
	s, err := r.sealBlob(ctx, name, func(w io.Writer) (*seal.Writer, error) {
		return seal.NewPartWriter(w, header, key, p.Number, p.Attempt)
	}, body, req.Size, req.AtEOF, nil)
	if err != nil {
		return Part{}, err
	}
	p.Size, p.Checksums, p.Digest, p.Modified = s.plain, s.checksums, s.digest, r.Clock().UTC()
	p.ETag = r.etag(name, 1)
	if from != nil {
		p.Label, p.LegalHold = &from.Label, from.LegalHold
	}
	id := partID(u.ID, p.Number)
	defer r.merges.shared(u.ID)()
	replaced, err := r.Book.Row(ctx, rowPart, id)
	if err != nil && !errors.Is(err, book.ErrNoRow) {
		return Part{}, errors.Join(unavailable("the room's database cannot be read now", err), r.Erase(context.WithoutCancel(ctx), []string{name}))
	}
	row, err := row(rowPart, id, p)
	if err != nil {
		return Part{}, unavailable("the part's row could not be made", err)
	}
	row.Parent = u.ID.String()
	e := r.evidence("upload-part", a)
	e.Bucket, e.Blob, e.Custody, e.Digest, e.Bytes = u.BucketID, u.Blob, u.Custody, p.Digest, p.Size
	_, err = r.apply(ctx, KindPart, e, a.personal(), book.Change{
		Require: []book.Condition{{Form: book.Exists, Kind: rowUpload, ID: u.ID.String()}},
		Put:     []book.Row{row},
	})
	if err != nil {
		return Part{}, r.undo(uploadError(err), []string{name})
	}
	if replaced.ID != "" {
		if old, err := decode[partBody](replaced); err == nil {
			r.eraseSegments(ctx, u.Blob, []seal.ManifestPart{{Number: old.Number, Attempt: old.Attempt}})
		}
	}
	return p.Part, nil
}

func (r *Room) eraseSegments(ctx context.Context, blob strongroom.ID, segments []seal.ManifestPart) {
	if len(segments) == 0 {
		return
	}
	if err := r.Erase(context.WithoutCancel(ctx), filesOf(blob, segments)[2:]); err != nil {
		r.Log.Error("erasing segments; the next sweep will", "room", r.ID, "blob", blob, "error", err)
	}
}

// parts returns an upload's parts in order of number.
func (r *Room) parts(ctx context.Context, upload string) ([]partBody, error) {
	var parts []partBody
	for row, err := range r.Book.Rows(ctx, rowPart, upload) {
		if err != nil {
			return nil, err
		}
		p, err := decode[partBody](row)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	slices.SortFunc(parts, func(a, b partBody) int { return cmp.Compare(a.Number, b.Number) })
	return parts, nil
}

func segmentsOf(parts []partBody) []seal.ManifestPart {
	var segments []seal.ManifestPart
	for _, p := range parts {
		segments = append(segments, seal.ManifestPart{Number: p.Number, Attempt: p.Attempt, Size: p.Size})
	}
	return segments
}

// merges keeps the completion of an upload apart from whatever else changes its
// files: while the manifest is made of some parts none of them is replaced, and
// nobody makes another. Only one process serves a room, so a lock in memory is enough.
type merges struct {
	mu    sync.Mutex
	locks map[strongroom.ID]*mergeLock
}

type mergeLock struct {
	sync.RWMutex
	using int
}

func (m *merges) enter(upload strongroom.ID) *mergeLock {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locks == nil {
		m.locks = map[strongroom.ID]*mergeLock{}
	}
	l := m.locks[upload]
	if l == nil {
		l = &mergeLock{}
		m.locks[upload] = l
	}
	l.using++
	return l
}

func (m *merges) leave(upload strongroom.ID, l *mergeLock) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.using--; l.using == 0 {
		delete(m.locks, upload)
	}
}

// shared is taken to put a part on record, alone to complete; both answer how to give
// it back.
func (m *merges) shared(upload strongroom.ID) func() {
	l := m.enter(upload)
	l.RLock()
	return func() { l.RUnlock(); m.leave(upload, l) }
}

func (m *merges) alone(upload strongroom.ID) func() {
	l := m.enter(upload)
	l.Lock()
	return func() { l.Unlock(); m.leave(upload, l) }
}

// Complete makes the object of the parts named: an authenticated manifest orders
// them, and no content is written again.
func (r *Room) Complete(ctx context.Context, c Caller, req CompleteRequest) (strongroom.Object, error) {
	defer r.merges.alone(req.Upload)()
	u, _, err := r.upload(ctx, c, strongroom.ActionStoreObject, req.Bucket, req.Key, req.Upload)
	if strongroom.KindOf(err) == strongroom.KindNoUpload {
		return r.completed(ctx, req, err)
	} else if err != nil {
		return strongroom.Object{}, err
	}
	stored, err := r.parts(ctx, u.ID.String())
	if err != nil {
		return strongroom.Object{}, unavailable("the upload's parts cannot be read", err)
	}
	chosen, unused, err := choose(stored, req.Parts)
	if err != nil {
		return strongroom.Object{}, err
	}
	o := objectBody{Stanzas: u.Stanzas, Segments: segmentsOf(chosen), Upload: u.ID, Object: strongroom.Object{
		Bucket: u.Bucket, Key: u.Key, Version: strongroom.NewID(), Blob: u.Blob, Custody: u.Custody,
		ETag: r.etag(u.Blob.String(), len(chosen)),
	}}
	u.declared().on(&o.Object)
	faces := make([]Part, len(chosen))
	for i, p := range chosen {
		faces[i] = p.Part
		part := strongroom.ObjectPart{Number: p.Number, Size: p.Size}
		if u.ChecksumAlgorithm != "" { // else they may differ from part to part, and nobody asked to keep them
			part.Checksums = p.Checksums
		}
		o.Parts = append(o.Parts, part)
		o.Size += p.Size
	}
	if o.Size > MaxUpload {
		return strongroom.Object{}, tooLarge()
	}
	if req.Announced != nil {
		if err := req.Announced(u.Upload); err != nil {
			return strongroom.Object{}, err
		}
	}
	if req.Checksums != nil {
		if o.Checksums, o.ChecksumType, err = req.Checksums(faces); err != nil {
			return strongroom.Object{}, err
		}
	}
	// The first part's beginning is sealed already; what was declared decides the label.
	o.Label = r.Classify(nil, u.Headers["Content-Type"], u.Meta)
	var from *strongroom.Object
	for _, p := range chosen {
		if p.Label != nil {
			o.Label = join(o.Label, *p.Label)
			from = &strongroom.Object{LegalHold: p.LegalHold || from != nil && from.LegalHold}
		}
	}
	key, err := seal.UnwrapUploadKey([32]byte(u.UploadKey), u.Wrapped, seal.Binding{Room: r.ID, Blob: u.Blob, Custody: u.Custody})
	if err != nil {
		return strongroom.Object{}, unavailable("the upload's key does not open", err)
	}
	if o.Digest, err = r.writeManifest(ctx, u, key, o.Segments); err != nil {
		return strongroom.Object{}, err
	}
	id := u.ID.String()
	done, err := r.place(ctx, c, u.Bucket, placing{object: o, precondition: req.Precondition, from: from, change: book.Change{
		Require:   []book.Condition{{Form: book.Exists, Kind: rowUpload, ID: id}, {Form: book.Exists, Kind: rowBucket, ID: u.BucketID.String()}},
		Drop:      []book.RowKey{{Kind: rowUpload, ID: id}},
		DropUnder: []book.RowKey{{Kind: rowPart, ID: id}},
	}})
	if _, gone := errors.AsType[*book.ConditionError](err); gone {
		return strongroom.Object{}, noUpload()
	}
	if err != nil {
		return strongroom.Object{}, err
	}
	r.eraseSegments(ctx, u.Blob, segmentsOf(unused))
	return done, nil
}

// completed answers a completion asked for again, whose first answer may have been lost:
// the object, where the key still names it and the parts asked for are those that it is
// made of. Otherwise there is no such upload.
func (r *Room) completed(ctx context.Context, req CompleteRequest, noUpload error) (strongroom.Object, error) {
	b, exists := r.bucket(req.Bucket)
	if !exists {
		return strongroom.Object{}, noBucket(req.Bucket)
	}
	o, err := r.current(ctx, b, req.Key)
	if errors.Is(err, book.ErrNoRow) || err == nil && (o.Upload != req.Upload || len(o.Segments) != len(req.Parts)) {
		return strongroom.Object{}, noUpload
	} else if err != nil {
		return strongroom.Object{}, err
	}
	for i, p := range req.Parts {
		s := o.Segments[i]
		if s.Number != p.Number || r.etag(segmentName(o.Blob, s), 1) != strings.Trim(p.ETag, `"`) {
			return strongroom.Object{}, noUpload
		}
	}
	return o.Object, nil
}

// choose matches the parts asked for against those stored.
func choose(stored []partBody, asked []CompletePart) (chosen, unused []partBody, err error) {
	if len(asked) == 0 {
		return nil, nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: "an upload is completed from at least one part"}
	}
	byNumber := map[int]partBody{}
	for _, p := range stored {
		byNumber[p.Number] = p
	}
	for i, want := range asked {
		if i > 0 && want.Number <= asked[i-1].Number {
			return nil, nil, &strongroom.Error{Kind: strongroom.KindPartOrder, Message: "the parts must be listed in ascending order"}
		}
		p, ok := byNumber[want.Number]
		if !ok || p.ETag != strings.Trim(want.ETag, `"`) {
			return nil, nil, &strongroom.Error{Kind: strongroom.KindInvalidPart, Message: fmt.Sprintf("part %d was not uploaded, or its ETag differs", want.Number)}
		}
		if p.Size < SmallestPart && i < len(asked)-1 {
			return nil, nil, &strongroom.Error{Kind: strongroom.KindPartTooSmall, Message: fmt.Sprintf("part %d has %d bytes; every part but the last has at least %d", p.Number, p.Size, SmallestPart)}
		}
		chosen = append(chosen, p)
		delete(byNumber, want.Number)
	}
	for _, p := range byNumber {
		unused = append(unused, p)
	}
	return chosen, unused, nil
}

func (r *Room) writeManifest(ctx context.Context, u uploadBody, key seal.DataKey, segments []seal.ManifestPart) (digest string, err error) {
	w, err := r.Blobs.Create(ctx, u.Blob.String())
	if err != nil {
		return "", unavailable("nothing can be stored now", err)
	}
	defer w.Abort()
	d := newDigester(w)
	if err := seal.WriteManifest(d, seal.Header{Room: r.ID, Blob: u.Blob, Custody: u.Custody}, key, segments); err != nil {
		return "", unavailable("the manifest could not be written", err)
	}
	if err := w.Commit(); err != nil {
		return "", unavailable("nothing can be stored now", err)
	}
	return d.sum(), nil
}

// Abort ends an upload and removes its parts.
func (r *Room) Abort(ctx context.Context, c Caller, bucket, key string, upload strongroom.ID) error {
	u, a, err := r.upload(ctx, c, strongroom.ActionDeleteObject, bucket, key, upload)
	if err != nil {
		return err
	}
	return r.abort(ctx, u, a, nil)
}

// abort puts on record, and carries out, that an upload ends.
func (r *Room) abort(ctx context.Context, u uploadBody, a asked, house *houseDeletion) error {
	parts, err := r.parts(ctx, u.ID.String())
	if err != nil {
		return unavailable("the upload's parts cannot be read", err)
	}
	id := u.ID.String()
	action, p := house.as("upload-abort", a.personal())
	e := r.evidence(action, a)
	e.Bucket, e.Blob, e.Custody = u.BucketID, u.Blob, u.Custody
	_, err = r.apply(ctx, KindUpload, e, p, book.Change{
		Require:   []book.Condition{{Form: book.Exists, Kind: rowUpload, ID: id}},
		Drop:      []book.RowKey{{Kind: rowUpload, ID: id}},
		DropUnder: []book.RowKey{{Kind: rowPart, ID: id}},
	})
	if err != nil {
		return uploadError(err)
	}
	if err := r.Erase(context.WithoutCancel(ctx), filesOf(u.Blob, segmentsOf(parts))); err != nil {
		r.Log.Error("erasing an aborted upload; the next sweep will", "room", r.ID, "blob", u.Blob, "error", err)
	}
	return nil
}

// ListParts lists an upload's parts after a number, on record as a metadata read.
func (r *Room) ListParts(ctx context.Context, c Caller, bucket, key string, upload strongroom.ID, after, most int) (PartPage, error) {
	u, a, err := r.upload(ctx, c, strongroom.ActionReadMetadata, bucket, key, upload)
	if err != nil {
		return PartPage{}, err
	}
	parts, err := r.parts(ctx, u.ID.String())
	if err != nil {
		return PartPage{}, unavailable("the upload's parts cannot be read", err)
	}
	page := PartPage{Upload: u.Upload}
	for _, p := range parts {
		if a.question.Action != strongroom.ActionStoreObject {
			p.Checksums = nil // for whoever uploads; to others a digest would confirm a guess
		}
		if p.Number <= after {
			continue
		}
		if len(page.Parts) == most {
			page.Truncated = true
			break
		}
		page.Parts = append(page.Parts, p.Part)
	}
	e := r.evidence("list-parts", a)
	e.Bucket, e.Blob, e.Names = u.BucketID, u.Blob, len(page.Parts)
	if err := r.note(ctx, KindMetadataRead, e, a); err != nil {
		return PartPage{}, unavailable("the listing could not be recorded", err)
	}
	return page, nil
}

// ListUploads lists a bucket's uploads in progress, on record as a listing.
func (r *Room) ListUploads(ctx context.Context, c Caller, req ListUploadsRequest) (UploadPage, error) {
	b, a, err := r.mayList(ctx, c, req.Bucket, req.Prefix, false)
	if err != nil {
		return UploadPage{}, err
	}
	var all []Upload
	for row, err := range r.Book.Rows(ctx, rowUpload, b.ID.String()) {
		if err != nil {
			return UploadPage{}, unavailable("the room's database cannot be read now", err)
		}
		u, err := decode[uploadBody](row)
		if err != nil {
			return UploadPage{}, unavailable("an upload's row cannot be read", err)
		}
		if strings.HasPrefix(u.Key, req.Prefix) {
			all = append(all, u.Upload)
		}
	}
	order := func(a, b Upload) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), a.Started.Compare(b.Started), strings.Compare(a.ID.String(), b.ID.String()))
	}
	slices.SortFunc(all, order)
	page := UploadPage{}
	marker := slices.IndexFunc(all, func(u Upload) bool { return u.ID == req.AfterUpload })
	for i, u := range all {
		if u.Key < req.AfterKey || u.Key == req.AfterKey && req.AfterKey != "" && (req.AfterUpload.IsZero() || i <= marker) {
			continue
		}
		prefix, rolled := rollUp(u.Key, req.Prefix, req.Delimiter)
		if rolled && (prefix <= req.AfterKey || slices.Contains(page.Prefixes, prefix)) {
			continue
		}
		if len(page.Uploads)+len(page.Prefixes) == req.Max {
			page.Truncated = true
			break
		}
		if rolled {
			page.Prefixes = append(page.Prefixes, prefix)
		} else {
			page.Uploads = append(page.Uploads, u)
		}
	}
	e := r.evidence("list-uploads", a)
	e.Bucket, e.Names = b.ID, len(page.Uploads)
	if err := r.note(ctx, KindList, e, a); err != nil {
		return UploadPage{}, unavailable("the listing could not be recorded", err)
	}
	return page, nil
}

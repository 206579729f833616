package s3

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"strongroom"
	"strongroom/vault"
)

const (
	testKey    = "AKIAIOSFODNN7EXAMPLE"
	testSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	testRegion = "us-east-1"
)

// fakeRoom keeps bytes in maps. It stores only what AtEOF let pass.
type fakeRoom struct {
	Room // what no test here asks of it: see the tests on a real room
	id   strongroom.ID

	mu       sync.Mutex
	buckets  map[string]strongroom.Bucket
	objects  map[string]map[string]*fakeObject
	uploads  map[strongroom.ID]*fakeUpload
	noise    map[string]int
	callers  []vault.Caller
	fail     map[string]error // operation → what it answers
	purpose  bool             // reading needs one
	damage   int64            // bytes after which an open breaks off, if > 0
	inside   int
	released int
	closed   int
	onOpen   func(context.Context)
	ended    chan error // gets the error of each Put's read
}

type fakeObject struct {
	strongroom.Object
	data []byte
}

type fakeUpload struct {
	vault.Upload
	q     vault.UploadRequest
	parts map[int]*fakePart
}

type fakePart struct {
	vault.Part
	data []byte
}

func newFakeRoom() *fakeRoom {
	return &fakeRoom{
		id:      strongroom.NewID(),
		buckets: map[string]strongroom.Bucket{},
		objects: map[string]map[string]*fakeObject{},
		uploads: map[strongroom.ID]*fakeUpload{},
		noise:   map[string]int{},
		fail:    map[string]error{},
		ended:   make(chan error, 64),
	}
}

func (f fakeRooms) Sole(context.Context) Room { return f.room }

func (r *fakeRoom) CORS(string) []strongroom.CORSRule { return nil }

// fakeRooms knows one good key and one that is revoked.
type fakeRooms struct{ room *fakeRoom }

func (f fakeRooms) ByAccessKey(_ context.Context, id string) (Room, vault.Credential, error) {
	c := vault.Credential{KeyID: id, Secret: testSecret, Principal: strongroom.Principal{ID: strongroom.ID{1}, Name: "ines.martin", Kind: strongroom.Person}}
	switch id {
	case testKey:
		return f.room, c, nil
	case "REVOKED":
		return f.room, c, &strongroom.Error{Kind: strongroom.KindDenied, Message: "the access key was revoked", Hint: "ask a data owner for a new one"}
	case "DOWN":
		return nil, vault.Credential{}, &strongroom.Error{Kind: strongroom.KindUnavailable, Message: "the room is being restored"}
	case "BROKEN":
		return nil, vault.Credential{}, fmt.Errorf("secret detail of the disk")
	}
	return nil, vault.Credential{}, &strongroom.Error{Kind: strongroom.KindDenied, Message: "no such key"}
}

func (r *fakeRoom) ID() strongroom.ID               { return r.id }
func (r *fakeRoom) Recipient(custody string) string { return "recipient-of-" + custody }

func (r *fakeRoom) Noise(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noise[kind]++
}

func (r *fakeRoom) Enter(context.Context) (func(), error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fail["Enter"]; err != nil {
		return nil, err
	}
	r.inside++
	return func() { r.mu.Lock(); r.inside--; r.released++; r.mu.Unlock() }, nil
}

// begin locks the room, notes the caller, and answers what the test planned.
func (r *fakeRoom) begin(c vault.Caller, op, bucket string) (func(), error) {
	r.mu.Lock()
	r.callers = append(r.callers, c)
	err := r.fail[op]
	if _, ok := r.buckets[bucket]; err == nil && bucket != "" && !ok {
		err = &strongroom.Error{Kind: strongroom.KindNoBucket, Message: "the bucket does not exist"}
	}
	return r.mu.Unlock, err
}

func (r *fakeRoom) CreateBucket(_ context.Context, c vault.Caller, q vault.BucketRequest) (strongroom.Bucket, error) {
	name := q.Name
	done, err := r.begin(c, "CreateBucket", "")
	defer done()
	if err != nil {
		return strongroom.Bucket{}, err
	}
	if _, ok := r.buckets[name]; ok {
		return strongroom.Bucket{}, &strongroom.Error{Kind: strongroom.KindBucketExists, Message: "the bucket exists already"}
	}
	r.buckets[name] = strongroom.Bucket{ID: strongroom.NewID(), Name: name, Custody: "machine", Created: time.Now()}
	r.objects[name] = map[string]*fakeObject{}
	return r.buckets[name], nil
}

func (r *fakeRoom) HeadBucket(_ context.Context, c vault.Caller, name string) (strongroom.Bucket, error) {
	done, err := r.begin(c, "HeadBucket", name)
	defer done()
	return r.buckets[name], err
}

func (r *fakeRoom) DeleteBucket(_ context.Context, c vault.Caller, name string) error {
	done, err := r.begin(c, "DeleteBucket", name)
	defer done()
	if err != nil {
		return err
	}
	if len(r.objects[name]) > 0 {
		return &strongroom.Error{Kind: strongroom.KindNotEmpty, Message: "the bucket is not empty"}
	}
	delete(r.buckets, name)
	return nil
}

func (r *fakeRoom) ListBuckets(_ context.Context, c vault.Caller) ([]strongroom.Bucket, error) {
	done, err := r.begin(c, "ListBuckets", "")
	defer done()
	return slices.Collect(maps.Values(r.buckets)), err
}

// take reads a body as the vault does: to its end, then AtEOF.
func (r *fakeRoom) take(body io.Reader, size int64, end vault.AtEOF) ([]byte, map[string]string, error) {
	data, err := io.ReadAll(body)
	select {
	case r.ended <- err:
	default:
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the content: %w", err)
	}
	if size >= 0 && int64(len(data)) != size {
		return nil, nil, fmt.Errorf("%d bytes instead of %d", len(data), size)
	}
	sums, err := end()
	return data, sums, err
}

func (r *fakeRoom) Put(_ context.Context, c vault.Caller, q vault.PutRequest, body io.Reader) (strongroom.Object, error) {
	done, err := r.begin(c, "Put", q.Bucket)
	done()
	if err != nil {
		return strongroom.Object{}, err
	}
	data, sums, err := r.take(body, q.Size, q.AtEOF)
	if err != nil {
		return strongroom.Object{}, err
	}
	return r.keep(q.Bucket, q.Key, data, q.Headers, q.Meta, sums, q.LegalHold, nil), nil
}

func (r *fakeRoom) keep(bucket, key string, data []byte, headers, meta, sums map[string]string, hold bool, parts []strongroom.ObjectPart) strongroom.Object {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := strongroom.Object{
		Bucket: bucket, Key: key, Version: strongroom.NewID(), Blob: strongroom.NewID(), Custody: "machine",
		Size: int64(len(data)), ETag: strongroom.NewID().String(), Modified: time.Now(),
		Headers: headers, Meta: meta, Checksums: sums, Parts: parts, LegalHold: hold,
	}
	r.objects[bucket][key] = &fakeObject{o, data}
	return o
}

func (r *fakeRoom) find(bucket, key string) (*fakeObject, error) {
	o, ok := r.objects[bucket][key]
	if !ok {
		return nil, &strongroom.Error{Kind: strongroom.KindNoObject, Message: "the object does not exist"}
	}
	return o, nil
}

func (r *fakeRoom) Open(ctx context.Context, c vault.Caller, q vault.GetRequest) (*vault.Opened, error) {
	if r.onOpen != nil {
		r.onOpen(ctx)
	}
	done, err := r.begin(c, "Open", q.Bucket)
	defer done()
	if err != nil {
		return nil, err
	}
	if r.purpose && c.Purpose.Text == "" {
		return nil, &strongroom.Error{Kind: strongroom.KindDenied, Message: "this recording opens only with a purpose",
			Hint: "send x-strongroom-purpose", Missing: []strongroom.Obligation{strongroom.ObligePurpose}}
	}
	o, err := r.find(q.Bucket, q.Key)
	if err != nil {
		return nil, err
	}
	offset, length, err := q.Plan(o.Object)
	if err != nil {
		return nil, err
	}
	r.released++
	return &vault.Opened{
		Object: o.Object, Recipient: "opened-by-7", Offset: offset, Length: length,
		WriterTo: &fakeContent{r, o.data[offset : offset+length]}, Closer: fakeClose{r},
	}, nil
}

type fakeContent struct {
	room *fakeRoom
	data []byte
}

func (f *fakeContent) WriteTo(w io.Writer) (int64, error) {
	data := f.data
	var broken error
	if d := f.room.damage; d > 0 && int64(len(data)) >= d {
		data = data[:d-1]
		broken = &strongroom.Error{Kind: strongroom.KindDamaged, Message: "stored bytes fail verification"}
	}
	var total int64
	for len(data) > 0 {
		n, err := w.Write(data[:min(len(data), 64<<10)])
		total += int64(n)
		if err != nil {
			return total, err
		}
		data = data[n:]
	}
	return total, broken
}

type fakeClose struct{ room *fakeRoom }

func (f fakeClose) Close() error {
	f.room.mu.Lock()
	defer f.room.mu.Unlock()
	f.room.closed++
	return nil
}

func (r *fakeRoom) Head(_ context.Context, c vault.Caller, bucket, key, _ string) (strongroom.Object, error) {
	done, err := r.begin(c, "Head", bucket)
	defer done()
	if err != nil {
		return strongroom.Object{}, err
	}
	o, err := r.find(bucket, key)
	if err != nil {
		return strongroom.Object{}, err
	}
	return o.Object, nil
}

func (r *fakeRoom) Delete(_ context.Context, c vault.Caller, bucket string, requests []vault.DeleteRequest) ([]vault.DeleteResult, error) {
	done, err := r.begin(c, "Delete", bucket)
	defer done()
	if err != nil {
		return nil, err
	}
	var results []vault.DeleteResult
	for _, q := range requests {
		k := q.Key
		result := vault.DeleteResult{Key: k}
		if o := r.objects[bucket][k]; o != nil && o.LegalHold {
			result.Err = &strongroom.Error{Kind: strongroom.KindHeld, Message: "the object is under legal hold"}
		} else {
			delete(r.objects[bucket], k)
		}
		results = append(results, result)
	}
	return results, nil
}

// roll walks sorted names as a listing does.
func roll(names []string, prefix, delimiter, after string, max int) (entries []string, isPrefix []bool, next string) {
	for _, n := range names {
		if !strings.HasPrefix(n, prefix) || n <= after {
			continue
		}
		entry, rolled := n, false
		if delimiter != "" {
			if i := strings.Index(n[len(prefix):], delimiter); i >= 0 {
				entry, rolled = n[:len(prefix)+i+len(delimiter)], true
			}
		}
		if rolled && (entry <= after || len(entries) > 0 && entries[len(entries)-1] == entry) {
			continue
		}
		if len(entries) == max {
			return entries, isPrefix, entries[max-1]
		}
		entries, isPrefix = append(entries, entry), append(isPrefix, rolled)
	}
	return entries, isPrefix, ""
}

func (r *fakeRoom) List(_ context.Context, c vault.Caller, q vault.ListRequest) (vault.ListPage, error) {
	done, err := r.begin(c, "List", q.Bucket)
	defer done()
	if err != nil {
		return vault.ListPage{}, err
	}
	var page vault.ListPage
	entries, rolled, next := roll(slices.Sorted(maps.Keys(r.objects[q.Bucket])), q.Prefix, q.Delimiter, q.After, q.Max)
	for i, e := range entries {
		if rolled[i] {
			page.Prefixes = append(page.Prefixes, e)
		} else {
			page.Objects = append(page.Objects, r.objects[q.Bucket][e].Object)
		}
	}
	page.Next = next
	return page, nil
}

func (r *fakeRoom) CreateUpload(_ context.Context, c vault.Caller, q vault.UploadRequest) (vault.Upload, error) {
	done, err := r.begin(c, "CreateUpload", q.Bucket)
	defer done()
	if err != nil {
		return vault.Upload{}, err
	}
	u := &fakeUpload{vault.Upload{
		ID: strongroom.NewID(), Bucket: q.Bucket, Key: q.Key, Started: time.Now(), Initiator: c.Principal,
		ChecksumAlgorithm: q.ChecksumAlgorithm, ChecksumType: q.ChecksumType, Custody: "machine",
	}, q, map[int]*fakePart{}}
	r.uploads[u.ID] = u
	return u.Upload, nil
}

func (r *fakeRoom) findUpload(id strongroom.ID, bucket, key string) (*fakeUpload, error) {
	u, ok := r.uploads[id]
	if !ok || u.Bucket != bucket || u.Key != key {
		return nil, &strongroom.Error{Kind: strongroom.KindNoUpload, Message: "the upload does not exist"}
	}
	return u, nil
}

func (r *fakeRoom) PutPart(_ context.Context, c vault.Caller, q vault.PartRequest, body io.Reader) (vault.Part, error) {
	done, err := r.begin(c, "PutPart", q.Bucket)
	if err == nil {
		var u *fakeUpload
		if u, err = r.findUpload(q.Upload, q.Bucket, q.Key); err == nil && q.Announced != nil {
			err = q.Announced(u.Upload)
		}
	}
	done()
	if err != nil {
		return vault.Part{}, err
	}
	data, sums, err := r.take(body, q.Size, q.AtEOF)
	if err != nil {
		return vault.Part{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	u, err := r.findUpload(q.Upload, q.Bucket, q.Key)
	if err != nil {
		return vault.Part{}, err
	}
	p := vault.Part{Number: q.Number, ETag: strongroom.NewID().String(), Size: int64(len(data)), Modified: time.Now(), Checksums: sums, Custody: "machine"}
	u.parts[q.Number] = &fakePart{p, data}
	return p, nil
}

func (r *fakeRoom) Complete(_ context.Context, c vault.Caller, q vault.CompleteRequest) (strongroom.Object, error) {
	done, err := r.begin(c, "Complete", q.Bucket)
	var u *fakeUpload
	if err == nil {
		u, err = r.findUpload(q.Upload, q.Bucket, q.Key)
	}
	done()
	if err != nil {
		return strongroom.Object{}, err
	}
	var parts []vault.Part
	var sizes []strongroom.ObjectPart
	var data bytes.Buffer
	for _, want := range q.Parts {
		p := u.parts[want.Number]
		if p == nil || p.ETag != want.ETag {
			return strongroom.Object{}, &strongroom.Error{Kind: strongroom.KindInvalidPart, Message: "a part is missing"}
		}
		parts, sizes = append(parts, p.Part), append(sizes, strongroom.ObjectPart{Number: p.Number, Size: p.Size, Checksums: p.Checksums})
		data.Write(p.data)
	}
	if err := q.Announced(u.Upload); err != nil {
		return strongroom.Object{}, err
	}
	sums, kind, err := q.Checksums(parts)
	if err != nil {
		return strongroom.Object{}, err
	}
	o := r.keep(q.Bucket, q.Key, data.Bytes(), u.q.Headers, u.q.Meta, sums, u.q.LegalHold, sizes)
	r.mu.Lock()
	r.objects[q.Bucket][q.Key].ChecksumType = kind
	delete(r.uploads, q.Upload)
	r.mu.Unlock()
	return o, nil
}

func (r *fakeRoom) Abort(_ context.Context, c vault.Caller, bucket, key string, id strongroom.ID) error {
	done, err := r.begin(c, "Abort", bucket)
	defer done()
	if err != nil {
		return err
	}
	if _, err := r.findUpload(id, bucket, key); err != nil {
		return err
	}
	delete(r.uploads, id)
	return nil
}

func (r *fakeRoom) ListParts(_ context.Context, c vault.Caller, bucket, key string, id strongroom.ID, after, max int) (vault.PartPage, error) {
	done, err := r.begin(c, "ListParts", bucket)
	defer done()
	if err != nil {
		return vault.PartPage{}, err
	}
	u, err := r.findUpload(id, bucket, key)
	if err != nil {
		return vault.PartPage{}, err
	}
	page := vault.PartPage{Upload: u.Upload}
	for _, n := range slices.Sorted(maps.Keys(u.parts)) {
		if n <= after {
			continue
		}
		if len(page.Parts) == max {
			page.Truncated = true
			break
		}
		page.Parts = append(page.Parts, u.parts[n].Part)
	}
	return page, nil
}

func (r *fakeRoom) ListUploads(_ context.Context, c vault.Caller, q vault.ListUploadsRequest) (vault.UploadPage, error) {
	done, err := r.begin(c, "ListUploads", q.Bucket)
	defer done()
	if err != nil {
		return vault.UploadPage{}, err
	}
	var all []*fakeUpload
	for _, u := range r.uploads {
		if u.Bucket == q.Bucket && strings.HasPrefix(u.Key, q.Prefix) {
			all = append(all, u)
		}
	}
	slices.SortFunc(all, func(a, b *fakeUpload) int {
		if c := strings.Compare(a.Key, b.Key); c != 0 {
			return c
		}
		return strings.Compare(a.ID.String(), b.ID.String())
	})
	var page vault.UploadPage
	for _, u := range all {
		if u.Key < q.AfterKey || u.Key == q.AfterKey && (q.AfterUpload.IsZero() || u.ID.String() <= q.AfterUpload.String()) {
			continue
		}
		if len(page.Uploads) == q.Max {
			page.Truncated = true
			break
		}
		page.Uploads = append(page.Uploads, u.Upload)
	}
	return page, nil
}

// stored is everything that became visible.
func (r *fakeRoom) stored() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, b := range r.objects {
		n += len(b)
	}
	for _, u := range r.uploads {
		n += len(u.parts)
	}
	return n
}

func (r *fakeRoom) heard(kind string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.noise[kind]
}

// callerOf is who the tests are when they fill the room behind the door's back.
func (r *fakeRoom) callerOf() vault.Caller { return vault.Caller{Session: testKey} }

func (r *fakeRoom) lastCaller() vault.Caller {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.callers[len(r.callers)-1]
}

package s3

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"strongroom"
	"strongroom/door/sigv4"
	"strongroom/vault"
)

// partNumber reads the number of a part.
func partNumber(v string) (int, error) {
	n, err := strconv.ParseUint(v, 10, 31)
	if err != nil || n < 1 || n > maxParts {
		return 0, badArgument("partNumber", v, "Part number must be an integer between 1 and %d, inclusive.", maxParts)
	}
	return int(n), nil
}

// upload reads the id of the upload that the request is about; one that is no id names
// no upload.
func (x *exchange) upload() (strongroom.ID, error) {
	id, err := strongroom.ParseID(x.query.get("uploadId"))
	if err != nil {
		// No upload has such an id. Whether the asker may know more is for the room to say.
		return strongroom.ID{}, nil
	}
	return id, nil
}

func (x *exchange) createUpload() error {
	if err := x.noContent(); err != nil {
		return err
	}
	w, err := x.wishes()
	if err != nil {
		return err
	}
	algorithm, kind, err := announcedChecksum(x.fields)
	if err != nil {
		return err
	}
	u, err := x.room.CreateUpload(x.r.Context(), x.caller, vault.UploadRequest{
		Bucket: x.bucket, Key: x.key, Declared: w,
		ChecksumAlgorithm: algorithm, ChecksumType: kind,
	})
	if err != nil {
		return lockWanted(err)
	}
	x.sealed(x.room.Recipient(u.Custody), u.Cipher)
	if algorithm != "" {
		x.w.Header().Set("x-amz-checksum-algorithm", strings.ToUpper(algorithm))
		x.w.Header().Set("x-amz-checksum-type", strings.ToUpper(kind))
	}
	var d document
	d.root("InitiateMultipartUploadResult", func() {
		d.text("Bucket", x.bucket)
		d.text("Key", x.key)
		d.text("UploadId", u.ID.String())
	})
	x.answer(http.StatusOK, &d)
	return nil
}

// announcedChecksum reads the algorithm and type that an upload's parts will have.
func announcedChecksum(fields map[string]string) (algorithm, kind string, err error) {
	named, ok := fields["x-amz-checksum-algorithm"]
	kind, typed := fields["x-amz-checksum-type"]
	if kind = strings.ToLower(kind); typed && kind != composite && kind != fullObject {
		return "", "", refuse("InvalidRequest", "Value for x-amz-checksum-type header is invalid.")
	}
	if !ok {
		if typed {
			return "", "", refuse("InvalidRequest", "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
		}
		return "", "", nil
	}
	c := checksumNamed(named)
	if c == nil {
		return "", "", refuse("InvalidRequest", "%s", noSuchChecksum)
	}
	if !typed {
		kind = c.preset
	}
	if !c.allows(kind) {
		return "", "", refuse("InvalidRequest", "The %s checksum type cannot be used with the %s checksum algorithm.", strings.ToUpper(kind), c.name)
	}
	return c.name, kind, nil
}

func (x *exchange) uploadPart() error {
	number, err := partNumber(x.query.get("partNumber"))
	if err != nil {
		return err
	}
	id, err := x.upload()
	if err != nil {
		return err
	}
	if _, ok := x.fields[fieldSource]; ok {
		return x.uploadPartCopy(number, id)
	}
	b, err := x.content(x.MaxObject)
	if err != nil {
		return err
	}
	p, err := x.room.PutPart(x.r.Context(), x.caller, vault.PartRequest{
		Bucket: x.bucket, Key: x.key, Upload: id, Number: number, Size: b.size, AtEOF: b.finish,
		Announced: b.partOf,
	}, b)
	if err != nil {
		return b.explain(err)
	}
	x.sealed(x.room.Recipient(p.Custody), p.Cipher)
	x.w.Header().Set("ETag", quote(p.ETag))
	x.tellChecksums(p.Checksums, "")
	return x.done(http.StatusOK)
}

// partOf holds the checksum of a part against what its upload announced.
func (b *body) partOf(u vault.Upload) error {
	c := checksumNamed(u.ChecksumAlgorithm)
	switch {
	case c == nil:
		b.byDefault()
	case b.sum == nil && u.ChecksumType == fullObject:
		b.compute(c)
	case b.sum != c:
		actual := "null"
		if b.sum != nil {
			actual = strings.ToUpper(b.sum.name)
		}
		return refuse("InvalidRequest", "Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", strings.ToUpper(c.name), actual)
	}
	return nil
}

func (x *exchange) completeUpload() error {
	id, err := x.upload()
	if err != nil {
		return err
	}
	precondition, err := x.precondition()
	if err != nil {
		return err
	}
	want, err := x.takeClaims()
	if err != nil {
		return err
	}
	data, _, err := x.document(maxDocument)
	if err != nil {
		return err
	}
	if want.parts, err = parseComplete(data); err != nil {
		return err
	}
	q := vault.CompleteRequest{
		Bucket: x.bucket, Key: x.key, Upload: id,
		Announced: want.announced, Checksums: want.check, Precondition: precondition,
	}
	for _, p := range want.parts {
		q.Parts = append(q.Parts, vault.CompletePart{Number: p.number, ETag: p.etag})
	}
	return x.patiently(func(ctx context.Context) (func(*document), error) {
		o, err := x.room.Complete(ctx, x.caller, q)
		if err != nil {
			return nil, conflicting(err, precondition)
		}
		return func(d *document) {
			if !x.begun {
				x.made(o)
			}
			d.within("CompleteMultipartUploadResult", func() {
				d.text("Location", x.location())
				d.text("Bucket", x.bucket)
				d.text("Key", x.key)
				d.text("ETag", quote(o.ETag))
				d.sums(o.Checksums, o.ChecksumType)
			})
		}, nil
	})
}

// location is the URL at which the object can be asked for.
func (x *exchange) location() string {
	scheme := "http://"
	if x.r.TLS != nil {
		scheme = "https://"
	}
	path := "/" + x.bucket + "/" + x.key
	if x.virtualBucket() != "" {
		path = "/" + x.key
	}
	return scheme + x.r.Host + sigv4.Escape(path, true)
}

// completion is what a CompleteMultipartUpload claims about the parts and the whole.
type completion struct {
	parts     []completedPart
	size      int64     // of the whole, or -1
	sum       *checksum // of the whole, or nil
	sumValue  string
	kind      string    // checksum type, or ""
	algorithm *checksum // what the upload announced, or nil
}

type completedPart struct {
	number int
	etag   string
	sums   map[string]string
}

// takeClaims reads what the headers claim about the whole object. Here x-amz-checksum-*
// speaks of the object and not of the body, so it is taken out of the fields.
func (x *exchange) takeClaims() (*completion, error) {
	w := &completion{size: -1}
	for i := range checksums {
		c := &checksums[i]
		v, ok := x.fields[prefixChecksum+c.name]
		if !ok {
			continue
		}
		if w.sum != nil {
			return nil, refuse("InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		digest, parts, counted := strings.Cut(v, "-")
		if n, ok := digits(parts); c.decode(digest) == nil || counted && (!ok || n < 1) {
			return nil, refuse("InvalidRequest", "Value for %s header is invalid.", prefixChecksum+c.name)
		}
		w.sum, w.sumValue = c, v
		delete(x.fields, prefixChecksum+c.name)
	}
	switch v := strings.ToLower(x.fields["x-amz-checksum-type"]); v {
	case "", composite, fullObject:
		w.kind = v
	default:
		return nil, refuse("InvalidRequest", "Value for x-amz-checksum-type header is invalid.")
	}
	if v, ok := x.fields["x-amz-mp-object-size"]; ok {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return nil, refuse("InvalidRequest", "Value for x-amz-mp-object-size header is invalid: '%s'", clip(v))
		}
		if n < 0 {
			return nil, refuse("InvalidRequest", "Value for x-amz-mp-object-size header is less than zero: '%d'", n)
		}
		w.size = n
	}
	return w, nil
}

// announced takes in what the client said when it began the upload.
func (w *completion) announced(u vault.Upload) error {
	if w.kind != "" && u.ChecksumType != "" && w.kind != u.ChecksumType {
		return refuse("InvalidRequest", "The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", strings.ToUpper(u.ChecksumType))
	}
	if w.algorithm = checksumNamed(u.ChecksumAlgorithm); u.ChecksumType != "" {
		w.kind = u.ChecksumType
	}
	return nil
}

// check compares the claims with the stored parts, and answers the whole's checksum and
// its type.
func (w *completion) check(stored []vault.Part) (map[string]string, string, error) {
	if len(stored) != len(w.parts) {
		return nil, "", errors.New("the parts found are not the parts asked for")
	}
	var size int64
	for i, p := range stored {
		size += p.Size
		if err := w.checkPart(w.parts[i], p); err != nil {
			return nil, "", err
		}
	}
	if w.size >= 0 && w.size != size {
		return nil, "", refuse("InvalidRequest", "The provided 'x-amz-mp-object-size' header value %d does not match what was computed: %d", w.size, size)
	}
	c, kind := w.chosen(stored), w.kind
	if c == nil {
		return nil, "", nil
	}
	if kind == "" || w.algorithm == nil && !c.allows(kind) {
		if kind = c.preset; w.algorithm == nil && c.allows(fullObject) {
			kind = fullObject // as S3's own checksum is
		}
	}
	whole := c.whole(kind, stored)
	switch {
	case whole == "" && w.algorithm == nil && w.sum == nil:
		return nil, "", nil
	case whole == "":
		return nil, "", refuse("InvalidRequest", "the %s of the whole cannot be made: a part was uploaded without it", strings.ToUpper(c.name))
	case w.sum != nil && (w.sum != c || !sameChecksum(w.sumValue, whole)):
		return nil, "", refuse("BadDigest", "The %s you specified did not match the calculated checksum.", strings.ToUpper(w.sum.name))
	}
	return map[string]string{c.name: whole}, kind, nil
}

// chosen is the algorithm of the whole's checksum: what the upload announced, what this
// request names, or else what the parts have.
func (w *completion) chosen(stored []vault.Part) *checksum {
	if w.algorithm != nil || w.sum != nil {
		return cmp.Or(w.algorithm, w.sum)
	}
	for i := range checksums {
		if _, ok := stored[0].Checksums[checksums[i].name]; ok {
			return &checksums[i]
		}
	}
	return nil
}

// checkPart holds what a completion says of a part against the part.
func (w *completion) checkPart(claims completedPart, p vault.Part) error {
	for name, claimed := range claims.sums {
		v, ok := p.Checksums[name]
		switch {
		case ok && !equal(v, claimed):
			return &strongroom.Error{Kind: strongroom.KindInvalidPart, Message: "the checksum given for a part is not that of the part which was uploaded"}
		case !ok && w.algorithm != nil:
			return refuse("BadDigest", "The %s you specified for part %d did not match what we received.", name, p.Number)
		}
	}
	if w.algorithm != nil && w.kind == composite && claims.sums[w.algorithm.name] == "" {
		return refuse("InvalidRequest", "The upload was created using a %s checksum. The complete request must include the checksum for each part. It was missing for part %d in the request.", w.algorithm.name, p.Number)
	}
	return nil
}

// sameChecksum compares a claimed checksum of a whole; "-N" may be left out of it.
func sameChecksum(claimed, value string) bool {
	if !strings.Contains(claimed, "-") {
		value, _, _ = strings.Cut(value, "-")
	}
	return equal(claimed, value)
}

// parseComplete reads the body of CompleteMultipartUpload.
func parseComplete(data []byte) ([]completedPart, error) {
	root, err := parseDocument(data, "CompleteMultipartUpload", 1+8*maxParts)
	if err != nil {
		return nil, err
	}
	children, err := root.branch()
	if err != nil {
		return nil, err
	}
	var parts []completedPart
	for _, c := range children {
		if c.name != "Part" {
			return nil, malformed("CompleteMultipartUpload may hold Part only")
		}
		if len(parts) == maxParts {
			return nil, malformed("it names more than 10000 parts")
		}
		p, err := parsePart(c)
		if err != nil {
			return nil, err
		}
		if len(parts) > 0 && parts[len(parts)-1].number >= p.number {
			return nil, refuse("InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.")
		}
		parts = append(parts, p)
	}
	if len(parts) == 0 {
		return nil, malformed("it names no part")
	}
	return parts, nil
}

func parsePart(n *node) (completedPart, error) {
	p := completedPart{sums: map[string]string{}}
	fields, err := n.branch()
	if err != nil {
		return p, err
	}
	seen := map[string]bool{}
	for _, f := range fields {
		v, err := f.leaf()
		if err != nil {
			return p, err
		}
		if seen[f.name] {
			return p, malformed("a Part has two elements " + f.name)
		}
		seen[f.name] = true
		switch f.name {
		case "PartNumber":
			n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
			switch {
			case errors.Is(err, strconv.ErrSyntax):
				return p, malformed("PartNumber is not a number")
			case n < 1:
				return p, badArgument("PartNumber", v, "PartNumber must be >= 1")
			case n > maxParts:
				return p, badArgument("PartNumber", v, "PartNumber must be <= %d", maxParts)
			}
			p.number = int(n)
		case "ETag":
			p.etag = strings.Trim(strings.TrimSpace(v), `"`)
		default:
			c := checksumTagged(f.name)
			if c == nil {
				return p, malformed("a Part may hold PartNumber, ETag and checksums only")
			}
			if c.decode(v) == nil || len(p.sums) > 0 {
				return p, badArgument("Checksum", v, "Invalid Base64 or multiple checksums present in request")
			}
			p.sums[c.name] = v
		}
	}
	if p.number == 0 || p.etag == "" || len(p.etag) > 128 {
		return p, malformed("a Part needs a PartNumber and an ETag")
	}
	return p, nil
}

func checksumTagged(tag string) *checksum {
	for i := range checksums {
		if checksums[i].tag == tag {
			return &checksums[i]
		}
	}
	return nil
}

func (x *exchange) abortUpload() error {
	if err := x.noContent(); err != nil {
		return err
	}
	id, err := x.upload()
	if err != nil {
		return err
	}
	if v, ok := x.fields["x-amz-if-match-initiated-time"]; ok {
		t, err := http.ParseTime(v)
		if err != nil {
			return badArgument("x-amz-if-match-initiated-time", v, "The time must be a date as HTTP has it")
		}
		page, err := x.room.ListParts(x.r.Context(), x.caller, x.bucket, x.key, id, 0, 1)
		if err != nil {
			return err
		}
		if !page.Upload.Started.Truncate(time.Second).Equal(t) {
			return preconditionFailed("x-amz-if-match-initiated-time")
		}
	}
	if err := x.room.Abort(x.r.Context(), x.caller, x.bucket, x.key, id); err != nil {
		return err
	}
	return x.done(http.StatusNoContent)
}

func (x *exchange) listParts() error {
	if err := x.noContent(); err != nil {
		return err
	}
	id, err := x.upload()
	if err != nil {
		return err
	}
	limit, err := x.count("max-parts", maxPage)
	if err != nil {
		return err
	}
	after, err := x.marker()
	if err != nil {
		return err
	}
	name, err := x.names()
	if err != nil {
		return err
	}
	page, err := x.room.ListParts(x.r.Context(), x.caller, x.bucket, x.key, id, after, max(limit, 1))
	if err != nil {
		return err
	}
	if limit == 0 {
		page.Parts, page.Truncated = nil, false
	}
	var d document
	d.root("ListPartsResult", func() {
		d.text("Bucket", x.bucket)
		d.text("Key", name(x.key))
		d.text("UploadId", id.String())
		x.initiator(&d, page.Upload)
		d.number("PartNumberMarker", int64(after))
		next := 0
		if n := len(page.Parts); n > 0 {
			next = page.Parts[n-1].Number
		}
		d.number("NextPartNumberMarker", int64(next)) // S3 tells it of the last page too
		d.number("MaxParts", int64(limit))
		d.boolean("IsTruncated", page.Truncated)
		for _, p := range page.Parts {
			d.element("Part", func() {
				d.number("PartNumber", int64(p.Number))
				d.time("LastModified", p.Modified)
				d.text("ETag", quote(p.ETag))
				d.number("Size", p.Size)
				d.sums(p.Checksums, "")
			})
		}
	})
	x.answer(http.StatusOK, &d)
	return nil
}

// marker is the number of the part after which a listing goes on.
func (x *exchange) marker() (int, error) {
	return atLeast0("part-number-marker", x.query.get("part-number-marker"), 0)
}

// initiator writes who began an upload, and how its checksum will be.
func (x *exchange) initiator(d *document, u vault.Upload) {
	d.element("Initiator", func() {
		d.text("ID", u.Initiator.ID.String())
		d.text("DisplayName", u.Initiator.Name)
	})
	x.owner(d, "Owner")
	d.text("StorageClass", "STANDARD")
	if u.ChecksumAlgorithm != "" {
		d.text("ChecksumAlgorithm", strings.ToUpper(u.ChecksumAlgorithm))
		d.text("ChecksumType", strings.ToUpper(u.ChecksumType))
	}
}

func (x *exchange) listUploads() error {
	if err := x.noContent(); err != nil {
		return err
	}
	limit, err := x.count("max-uploads", maxPage)
	if err != nil {
		return err
	}
	name, err := x.names()
	if err != nil {
		return err
	}
	q := vault.ListUploadsRequest{
		Bucket: x.bucket, Prefix: x.query.get("prefix"), Delimiter: x.query.get("delimiter"),
		AfterKey: x.query.get("key-marker"), Max: max(limit, 1),
	}
	mark := x.query.get("upload-id-marker")
	if mark != "" && q.AfterKey != "" { // without a key the id means nothing, as S3 has it
		if q.AfterUpload, err = strongroom.ParseID(mark); err != nil {
			return badArgument("upload-id-marker", mark, "Invalid uploadId marker")
		}
	}
	page, err := x.room.ListUploads(x.r.Context(), x.caller, q)
	if err != nil {
		return err
	}
	if limit == 0 {
		page = vault.UploadPage{}
	}
	var d document
	d.root("ListMultipartUploadsResult", func() {
		d.text("Bucket", x.bucket)
		d.text("KeyMarker", name(q.AfterKey))
		d.text("UploadIdMarker", mark)
		key, id := lastOf(page) // S3 tells it of the last page too
		d.text("NextKeyMarker", name(key))
		d.text("NextUploadIdMarker", id)
		d.text("Prefix", name(q.Prefix))
		if q.Delimiter != "" {
			d.text("Delimiter", name(q.Delimiter))
		}
		d.number("MaxUploads", int64(limit))
		if x.query.has("encoding-type") {
			d.text("EncodingType", "url")
		}
		d.boolean("IsTruncated", page.Truncated)
		for _, u := range page.Uploads {
			d.element("Upload", func() {
				d.text("Key", name(u.Key))
				d.text("UploadId", u.ID.String())
				x.initiator(&d, u)
				d.time("Initiated", u.Started)
			})
		}
		for _, p := range page.Prefixes {
			d.element("CommonPrefixes", func() { d.text("Prefix", name(p)) })
		}
	})
	x.answer(http.StatusOK, &d)
	return nil
}

// lastOf is where a page of uploads ended: at an upload, or at a rolled-up prefix.
func lastOf(page vault.UploadPage) (key, id string) {
	if n := len(page.Uploads); n > 0 {
		key, id = page.Uploads[n-1].Key, page.Uploads[n-1].ID.String()
	}
	if n := len(page.Prefixes); n > 0 && page.Prefixes[n-1] > key {
		key, id = page.Prefixes[n-1], ""
	}
	return key, id
}

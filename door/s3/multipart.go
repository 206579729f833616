package s3

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"strongroom"
	"strongroom/door/sigv4"
	"strongroom/vault"
)

// partNumber reads the number of a part.
func partNumber(v string) (int, error) {
	n, err := strconv.ParseUint(v, 10, 31)
	if err != nil || n < 1 || n > maxParts {
		return 0, refuse("InvalidArgument", "part number must be an integer between 1 and %d, inclusive", maxParts)
	}
	return int(n), nil
}

// upload reads the id of the upload that the request is about.
func (x *exchange) upload() (strongroom.ID, error) {
	id, err := strongroom.ParseID(x.query.get("uploadId"))
	if err != nil {
		return id, refuse("NoSuchUpload", "the specified upload does not exist; the upload id may be invalid, or the upload may have been aborted or completed")
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
		Bucket: x.bucket, Key: x.key, Declared: w.Declared,
		ChecksumAlgorithm: algorithm, ChecksumType: kind,
	})
	if err != nil {
		return err
	}
	x.sealed(x.room.Recipient(u.Custody))
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
	wanted, typed := fields["x-amz-checksum-type"]
	if !ok {
		if typed {
			return "", "", refuse("InvalidRequest", "x-amz-checksum-type needs x-amz-checksum-algorithm")
		}
		return "", "", nil
	}
	c := checksumNamed(named)
	if c == nil {
		return "", "", refuse("InvalidRequest", "checksum algorithm provided is unsupported; try one of CRC32, CRC32C, CRC64NVME, SHA1, SHA256")
	}
	kind = c.preset
	switch {
	case !typed:
	case strings.EqualFold(wanted, composite) && c.name != "crc64nvme":
		kind = composite
	case strings.EqualFold(wanted, fullObject) && c.poly != 0:
		kind = fullObject
	default:
		return "", "", refuse("InvalidRequest", "the checksum type cannot be used with %s", strings.ToUpper(c.name))
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
	b, err := x.content(x.MaxObject)
	if err != nil {
		return err
	}
	p, err := x.room.PutPart(x.r.Context(), x.caller, vault.PartRequest{
		Bucket: x.bucket, Key: x.key, Upload: id, Number: number, Size: b.size, AtEOF: b.finish,
	}, b)
	if err != nil {
		return b.explain(err)
	}
	x.sealed(x.room.Recipient(p.Custody))
	x.w.Header().Set("ETag", quote(p.ETag))
	for name, value := range p.Checksums {
		x.w.Header().Set(prefixChecksum+name, value)
	}
	return x.done(http.StatusOK)
}

func (x *exchange) completeUpload() error {
	id, err := x.upload()
	if err != nil {
		return err
	}
	for _, name := range []string{"If-Match", "If-None-Match"} {
		if x.r.Header.Get(name) != "" {
			return unsupported("a conditional write (" + name + ")")
		}
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
		Announced: want.announced, Checksums: want.check,
	}
	for _, p := range want.parts {
		q.Parts = append(q.Parts, vault.CompletePart{Number: p.number, ETag: p.etag})
	}
	o, err := x.room.Complete(x.r.Context(), x.caller, q)
	if err != nil {
		return err
	}
	x.sealed(x.room.Recipient(o.Custody))
	var d document
	d.root("CompleteMultipartUploadResult", func() {
		d.text("Location", x.location())
		d.text("Bucket", x.bucket)
		d.text("Key", x.key)
		d.text("ETag", quote(o.ETag))
		for _, c := range checksums {
			if v, ok := o.Checksums[c.name]; ok {
				d.text(c.tag, v)
				d.text("ChecksumType", checksumKind(v))
			}
		}
	})
	x.answer(http.StatusOK, &d)
	return nil
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
	kind      string // checksum type, or ""
	algorithm string // what the upload announced
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
			return nil, refuse("InvalidRequest", "expecting a single x-amz-checksum- header; multiple checksum types are not allowed")
		}
		digest, _, _ := strings.Cut(v, "-")
		if c.decode(digest) == nil {
			return nil, refuse("InvalidRequest", "value for %s header is invalid", prefixChecksum+c.name)
		}
		w.sum, w.sumValue = c, v
		delete(x.fields, prefixChecksum+c.name)
	}
	switch v := x.fields["x-amz-checksum-type"]; {
	case v == "":
	case strings.EqualFold(v, composite):
		w.kind = composite
	case strings.EqualFold(v, fullObject):
		w.kind = fullObject
	default:
		return nil, refuse("InvalidRequest", "x-amz-checksum-type must be COMPOSITE or FULL_OBJECT")
	}
	if v, ok := x.fields["x-amz-mp-object-size"]; ok {
		n, err := strconv.ParseUint(v, 10, 62)
		if err != nil {
			return nil, refuse("InvalidArgument", "x-amz-mp-object-size must be a number of bytes")
		}
		w.size = int64(n)
	}
	return w, nil
}

// announced takes in what the client said when it began the upload.
func (w *completion) announced(u vault.Upload) error {
	if w.kind != "" && u.ChecksumType != "" && w.kind != u.ChecksumType {
		return refuse("InvalidRequest", "the upload was created with the checksum type %s", strings.ToUpper(u.ChecksumType))
	}
	w.algorithm = u.ChecksumAlgorithm
	if u.ChecksumType != "" {
		w.kind = u.ChecksumType
	}
	return nil
}

// check compares the claims with the stored parts, and answers the whole's checksums.
func (w *completion) check(stored []vault.Part) (map[string]string, error) {
	if len(stored) != len(w.parts) {
		return nil, errors.New("the parts found are not the parts asked for")
	}
	var size int64
	for i, p := range stored {
		size += p.Size
		for name, claimed := range w.parts[i].sums {
			if v, ok := p.Checksums[name]; ok && !equal(v, claimed) || !ok && w.algorithm == name {
				return nil, refuse("InvalidPart", "the checksum given for part %d is not that of the part which was uploaded", p.Number)
			}
		}
	}
	if w.size >= 0 && w.size != size {
		return nil, refuse("InvalidRequest", "the provided x-amz-mp-object-size does not match the size of the parts")
	}
	c := w.chosen()
	if c == nil {
		return nil, nil
	}
	kind := w.kind
	if kind == "" {
		kind = c.preset
	}
	whole := c.whole(kind, stored)
	if whole == "" {
		return nil, refuse("InvalidRequest", "the %s of the whole cannot be made: a part was uploaded without it, or its checksum type does not allow it", strings.ToUpper(c.name))
	}
	if w.sum != nil && (w.sum != c || !sameChecksum(w.sumValue, whole)) {
		return nil, refuse("BadDigest", "the %s you specified did not match the calculated checksum", strings.ToUpper(w.sum.name))
	}
	return map[string]string{c.name: whole}, nil
}

// chosen is the algorithm of the whole's checksum: what the upload announced, what
// this request names, or else nothing.
func (w *completion) chosen() *checksum {
	if w.algorithm != "" {
		return checksumNamed(w.algorithm)
	}
	return w.sum
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
			return nil, refuse("InvalidPartOrder", "the list of parts was not in ascending order; parts must be ordered by part number")
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
			if p.number, err = partNumber(strings.TrimSpace(v)); err != nil {
				return p, err
			}
		case "ETag":
			p.etag = strings.Trim(strings.TrimSpace(v), `"`)
		default:
			c := checksumTagged(f.name)
			if c == nil || c.decode(v) == nil {
				return p, malformed("a Part may hold PartNumber, ETag and checksums in base64 only")
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
		if page.Truncated && len(page.Parts) > 0 {
			d.number("NextPartNumberMarker", int64(page.Parts[len(page.Parts)-1].Number))
		}
		d.number("MaxParts", int64(limit))
		d.boolean("IsTruncated", page.Truncated)
		for _, p := range page.Parts {
			d.element("Part", func() {
				d.number("PartNumber", int64(p.Number))
				d.time("LastModified", p.Modified)
				d.text("ETag", quote(p.ETag))
				d.number("Size", p.Size)
				for _, c := range checksums {
					if v, ok := p.Checksums[c.name]; ok {
						d.text(c.tag, v)
					}
				}
			})
		}
	})
	x.answer(http.StatusOK, &d)
	return nil
}

// marker is the number of the part after which a listing goes on.
func (x *exchange) marker() (int, error) {
	v := x.query.get("part-number-marker")
	if v == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(v, 10, 31)
	if err != nil {
		return 0, refuse("InvalidArgument", "part-number-marker must be an integer between 0 and 2147483647")
	}
	return int(n), nil
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
			return refuse("InvalidArgument", "invalid upload-id-marker")
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
		if page.Truncated {
			key, id := lastOf(page)
			d.text("NextKeyMarker", name(key))
			d.text("NextUploadIdMarker", id)
		}
		d.text("Prefix", name(q.Prefix))
		if q.Delimiter != "" {
			d.text("Delimiter", name(q.Delimiter))
		}
		d.number("MaxUploads", int64(limit))
		if x.query.get("encoding-type") != "" {
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

package s3

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"strongroom"
	"strongroom/vault"
)

func (x *exchange) putObject() error {
	if _, ok := x.fields[fieldSource]; ok {
		return x.copyObject()
	}
	w, err := x.wishes()
	if err != nil {
		return err
	}
	p, err := x.precondition()
	if err != nil {
		return err
	}
	b, err := x.content(x.MaxObject)
	if err != nil {
		return err
	}
	b.byDefault()
	return x.store(b, vault.PutRequest{Bucket: x.bucket, Key: x.key, Size: b.size, Declared: w, Precondition: p, AtEOF: b.finish}, func(o strongroom.Object) error {
		return x.done(http.StatusOK)
	})
}

// store puts an object and sets the headers of the answer.
func (x *exchange) store(b *body, q vault.PutRequest, answer func(strongroom.Object) error) error {
	o, err := x.room.Put(x.r.Context(), x.caller, q, b)
	if err != nil {
		return b.explain(lockWanted(conflicting(err, q.Precondition)))
	}
	x.made(o)
	x.w.Header().Set("ETag", quote(o.ETag))
	x.tellChecksums(o.Checksums, o.ChecksumType)
	return answer(o)
}

// tellChecksums sets the headers of an object's checksums.
func (x *exchange) tellChecksums(sums map[string]string, kind string) {
	for name, value := range sums {
		x.w.Header().Set(prefixChecksum+name, value)
	}
	if len(sums) > 0 && kind != "" {
		x.w.Header().Set("x-amz-checksum-type", strings.ToUpper(kind))
	}
}

// version reads which version of the object the request is about; "" is the current one.
func (x *exchange) version() (string, error) {
	v := x.query.get("versionId") // some clients send it empty where they mean none
	if v == "" {
		return "", nil
	}
	return versionNamed("versionId", v)
}

// versionNamed reads a version's id. One that another server may have made, long and of
// letters, digits and hyphens, names no version here; anything else cannot be an id.
func versionNamed(name, v string) (string, error) {
	if _, err := strongroom.ParseID(v); err == nil || v == "null" {
		return v, nil
	}
	if len(v) >= 20 && len(v) <= maxKey && !strings.ContainsFunc(v, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '-')
	}) {
		return strongroom.ID{}.String(), nil
	}
	return "", badArgument(name, v, "Invalid version id specified")
}

func (x *exchange) getObject() error {
	version, changes, err := x.asked()
	if err != nil {
		return err
	}
	var p plan
	opened, err := x.room.Open(x.r.Context(), x.caller, vault.GetRequest{
		Bucket: x.bucket, Key: x.key, Version: version,
		Plan: func(o strongroom.Object) (int64, int64, error) {
			var err error
			p, err = x.decide(o)
			return p.offset, p.length, err
		},
	})
	if err != nil {
		return err
	}
	return x.deliver(opened, p, changes)
}

// asked reads what a GET or HEAD asks for, apart from what depends on the object.
func (x *exchange) asked() (version string, changes map[string]string, err error) {
	if err := x.noContent(); err != nil {
		return "", nil, err
	}
	if version, err = x.version(); err != nil {
		return "", nil, err
	}
	if err := x.wantedPart(); err != nil {
		return "", nil, err
	}
	if v, ok := x.fields[fieldCipher]; ok { // as S3 has it: a client that sends it means a write
		return "", nil, badArgument(fieldCipher, v, "%s header is not supported for this operation.", fieldCipher)
	}
	changes, err = x.overridden()
	return version, changes, err
}

// deliver streams opened content. The answer's header leaves with the first byte,
// so that what fails before is still answered as an error; what fails later breaks
// the connection, and the client sees that bytes are missing.
func (x *exchange) deliver(opened *vault.Opened, p plan, changes map[string]string) error {
	defer func() { // whatever happens: the lease ends with it
		if err := opened.Close(); err != nil {
			x.Log.Error("closing a release failed", "request", x.id, "cause", causes(err))
		}
	}()
	out := &delivery{x: x, status: p.status, prepare: func() {
		x.outline(opened.Object, opened.Recipient, p, changes)
		// What is released is released to the asker: no cache on the way may keep it,
		// whatever the storer or the asker would have it say.
		x.w.Header().Set("Cache-Control", "private, no-store")
	}}
	out.to = &pacedWriter{x.w, newPace(x.control.SetWriteDeadline, x.PaceWindow, x.PaceBytes, x.r.ProtoMajor >= 2)}
	return out.run(opened, p)
}

// delivery is the answer's body; it sends the header before the first byte.
type delivery struct {
	x       *exchange
	prepare func()
	status  int
	to      io.Writer
}

func (d *delivery) run(opened *vault.Opened, p plan) error {
	if opened.Offset != p.offset || opened.Length != p.length {
		return errors.New("the content opened is not the range that was asked for")
	}
	n, err := opened.WriteTo(d)
	if err == nil && n != p.length {
		err = fmt.Errorf("the content ended after %d of %d bytes", n, p.length)
	}
	if err == nil {
		d.begin()
	}
	return err
}

func (d *delivery) begin() {
	if !d.x.begun {
		d.prepare()
		d.x.header(d.status)
	}
}

func (d *delivery) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	d.begin()
	n, err := d.to.Write(b)
	if err != nil {
		// The client went away or is too slow: its affair, and no fault of ours.
		err = &failure{code: "RequestTimeout", message: "the answer could not be sent", cause: err}
	}
	return n, err
}

// outline sets the headers of an answer to GET or HEAD.
func (x *exchange) outline(o strongroom.Object, recipient string, p plan, changes map[string]string) {
	x.describe(o, recipient)
	h := x.w.Header()
	for name, value := range changes {
		h.Set(name, value)
	}
	h.Set("Content-Length", strconv.FormatInt(p.length, 10))
	if p.partial != "" {
		h.Set("Content-Range", p.partial)
	}
	if p.parts > 0 {
		h.Set("x-amz-mp-parts-count", strconv.Itoa(p.parts))
	}
	if !strings.EqualFold(x.fields["x-amz-checksum-mode"], "ENABLED") {
		return
	}
	// The object's checksums are of all of it: beside a range they would only mislead.
	switch {
	case p.part != nil:
		x.tellChecksums(p.part.Checksums, o.ChecksumType)
	case p.length == o.Size:
		x.tellChecksums(o.Checksums, o.ChecksumType)
	}
}

// overridden reads the response-* parameters.
func (x *exchange) overridden() (map[string]string, error) {
	changes := map[string]string{}
	for _, name := range overrides {
		v, ok := x.query.find(name)
		if !ok {
			continue
		}
		if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, refuse("InvalidArgument", "%s has characters that a header may not have", name)
		}
		changes[strings.TrimPrefix(name, "response-")] = v
	}
	return changes, nil
}

func (x *exchange) headObject() error {
	version, changes, err := x.asked()
	if err != nil {
		return err
	}
	o, err := x.room.Head(x.r.Context(), x.caller, x.bucket, x.key, version)
	if err != nil {
		return err
	}
	p, err := x.decide(o)
	if err != nil {
		return err
	}
	x.outline(o, x.room.Recipient(o.Custody), p, changes)
	x.header(p.status)
	return nil
}

func (x *exchange) deleteObject() error {
	if err := x.noContent(); err != nil {
		return err
	}
	q, err := x.deletion()
	if err != nil {
		return err
	}
	results, err := x.room.Delete(x.r.Context(), x.caller, x.bucket, []vault.DeleteRequest{q})
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Err != nil {
			return conflicting(r.Err, vault.Precondition{IfMatch: q.IfMatch})
		}
		if version := cmp.Or(r.MarkerVersion, x.query.get("versionId")); version != "" {
			x.w.Header().Set("x-amz-version-id", version)
		}
		if r.Marker {
			x.w.Header().Set("x-amz-delete-marker", "true")
		}
	}
	return x.done(http.StatusNoContent)
}

// deletion reads what a DELETE asks for.
func (x *exchange) deletion() (q vault.DeleteRequest, err error) {
	q = vault.DeleteRequest{Key: x.key, Bypass: x.bypass()}
	if q.Version, err = x.version(); err != nil {
		return q, err
	}
	for _, name := range []string{"If-None-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		if x.r.Header.Get(name) != "" {
			return q, unsupportedHeader(name, "")
		}
	}
	q.IfMatch = strings.Trim(strings.TrimSpace(x.r.Header.Get("If-Match")), `"`)
	if v, ok := x.fields["x-amz-if-match-last-modified-time"]; ok {
		t, err := http.ParseTime(v)
		if err != nil {
			return q, badArgument("x-amz-if-match-last-modified-time", v, "The time must be a date as HTTP has it")
		}
		q.IfModified = &t
	}
	if v, ok := x.fields["x-amz-if-match-size"]; ok {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 0 {
			return q, badArgument("x-amz-if-match-size", v, "The size must be a number of bytes")
		}
		q.IfSize = &n
	}
	return q, nil
}

func (x *exchange) deleteObjects() error {
	data, b, err := x.document(maxDocument)
	if err != nil {
		return err
	}
	if !b.told {
		return refuse("InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
	}
	requests, quiet, err := parseDelete(data)
	if err != nil {
		return err
	}
	results := make([]vault.DeleteResult, len(requests))
	var good []vault.DeleteRequest
	at := map[string]int{} // where in good a request stands that may occur more than once
	where := make([]int, len(requests))
	for i, q := range requests {
		where[i] = -1
		if err := cmp.Or(checkKey(q.Key), q.wrong); err != nil {
			results[i] = vault.DeleteResult{Key: q.Key, Version: q.asked, Err: err}
			continue
		}
		name := q.Version + "/" + q.Key
		j, known := at[name]
		if !known || q.conditional {
			j = len(good)
			at[name] = j
			q.Bypass = x.bypass()
			good = append(good, q.DeleteRequest)
		}
		where[i] = j
	}
	if len(good) > 0 {
		done, err := x.room.Delete(x.r.Context(), x.caller, x.bucket, good)
		if err != nil {
			return err
		}
		for i, j := range where {
			if j >= 0 {
				results[i] = done[j]
				results[i].Version = requests[i].asked
			}
		}
	}
	var d document
	d.root("DeleteResult", func() {
		for _, r := range results {
			if r.Err == nil {
				if !quiet {
					d.deleted(r)
				}
				continue
			}
			f := asFailure(r.Err)
			if f.httpStatus() == http.StatusInternalServerError {
				x.Log.Error("deleting one of several objects failed", "request", x.id, "cause", causes(r.Err))
			}
			d.element("Error", func() {
				d.text("Key", r.Key)
				if r.Version != "" {
					d.text("VersionId", r.Version)
				}
				d.text("Code", f.code)
				d.text("Message", f.message)
			})
		}
	})
	x.answer(http.StatusOK, &d)
	return nil
}

func (d *document) deleted(r vault.DeleteResult) {
	d.element("Deleted", func() {
		d.text("Key", r.Key)
		if r.Version != "" {
			d.text("VersionId", r.Version)
		}
		if r.Marker {
			d.boolean("DeleteMarker", true)
			d.text("DeleteMarkerVersionId", r.MarkerVersion)
		}
	})
}

// deletionOf is one object that DeleteObjects names.
type deletionOf struct {
	vault.DeleteRequest
	asked       string // the version as it was named
	conditional bool
	wrong       error // why it cannot be done; the others can
}

// parseDelete reads the body of DeleteObjects.
func parseDelete(data []byte) (requests []deletionOf, quiet bool, err error) {
	root, err := parseDocument(data, "Delete", 2+6*maxDelete)
	if err != nil {
		return nil, false, err
	}
	children, err := root.branch()
	if err != nil {
		return nil, false, err
	}
	for _, c := range children {
		switch c.name {
		case "Quiet":
			v, err := c.leaf()
			if err != nil || v != "true" && v != "false" {
				return nil, false, malformed("Quiet must be true or false")
			}
			quiet = v == "true"
		case "Object":
			q, err := parseDeleteObject(c)
			if err != nil {
				return nil, false, err
			}
			if requests = append(requests, q); len(requests) > maxDelete {
				return nil, false, malformed("it names more than 1000 objects")
			}
		default:
			return nil, false, malformed("Delete may hold Object and Quiet only")
		}
	}
	if len(requests) == 0 {
		return nil, false, malformed("it names no object")
	}
	return requests, quiet, nil
}

func parseDeleteObject(n *node) (q deletionOf, err error) {
	fields, err := n.fields("Key", "VersionId", "ETag", "LastModifiedTime", "Size")
	if err != nil {
		return q, err
	}
	if q.Key = fields["Key"]; q.Key == "" {
		return q, malformed("an Object has no Key")
	}
	if q.asked = fields["VersionId"]; q.asked != "" {
		if q.Version, err = versionNamed("VersionId", q.asked); err != nil {
			q.wrong = refuse("NoSuchVersion", "The specified version does not exist.")
		}
	}
	q.IfMatch = strings.Trim(strings.TrimSpace(fields["ETag"]), `"`)
	if v, ok := fields["LastModifiedTime"]; ok {
		t, err := http.ParseTime(strings.TrimSpace(v))
		if err != nil {
			if t, ok = parseTime(v); !ok {
				return q, malformed("LastModifiedTime is not a time")
			}
			t = t.Truncate(time.Second)
		}
		q.IfModified = &t
	}
	if v, ok := fields["Size"]; ok {
		size, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		if err != nil {
			return q, malformed("Size is not a number")
		}
		q.IfSize = &size
	}
	q.conditional = q.IfMatch != "" || q.IfModified != nil || q.IfSize != nil
	return q, nil
}

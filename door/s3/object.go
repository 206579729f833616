package s3

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"strongroom"
	"strongroom/vault"
)

func (x *exchange) putObject() error {
	w, err := x.wishes()
	if err != nil {
		return err
	}
	b, err := x.content(x.MaxObject)
	if err != nil {
		return err
	}
	o, err := x.room.Put(x.r.Context(), x.caller, vault.PutRequest{
		Bucket: x.bucket, Key: x.key, Size: b.size,
		Declared: w.Declared, AtEOF: b.finish,
	}, b)
	if err != nil {
		return b.explain(err)
	}
	x.sealed(x.room.Recipient(o.Custody))
	x.w.Header().Set("ETag", quote(o.ETag))
	x.tellChecksums(o.Checksums)
	return x.done(http.StatusOK)
}

// tellChecksums sets the headers of an object's checksums.
func (x *exchange) tellChecksums(sums map[string]string) {
	for name, value := range sums {
		x.w.Header().Set(prefixChecksum+name, value)
		x.w.Header().Set("x-amz-checksum-type", checksumKind(value))
	}
}

func (x *exchange) getObject() error {
	if err := x.noContent(); err != nil {
		return err
	}
	changes, err := x.overridden()
	if err != nil {
		return err
	}
	var p plan
	opened, err := x.room.Open(x.r.Context(), x.caller, vault.GetRequest{
		Bucket: x.bucket, Key: x.key,
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
	// The checksums are of the whole object: beside a part of it they would only mislead.
	if strings.EqualFold(x.fields["x-amz-checksum-mode"], "ENABLED") && p.status == http.StatusOK {
		x.tellChecksums(o.Checksums)
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
	if err := x.noContent(); err != nil {
		return err
	}
	changes, err := x.overridden()
	if err != nil {
		return err
	}
	o, err := x.room.Head(x.r.Context(), x.caller, x.bucket, x.key, "")
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
	for _, name := range []string{"If-Match", "If-None-Match"} {
		if x.r.Header.Get(name) != "" {
			return unsupported("a conditional delete (" + name + ")")
		}
	}
	results, err := x.room.Delete(x.r.Context(), x.caller, x.bucket, []vault.DeleteRequest{{Key: x.key}})
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Err != nil {
			return r.Err
		}
	}
	return x.done(http.StatusNoContent)
}

func (x *exchange) deleteObjects() error {
	data, b, err := x.document(maxDocument)
	if err != nil {
		return err
	}
	if !b.told {
		return refuse("InvalidRequest", "missing required header for this request: Content-MD5 or x-amz-checksum-*")
	}
	keys, quiet, err := parseDelete(data)
	if err != nil {
		return err
	}
	var wrong []vault.DeleteResult
	var good []vault.DeleteRequest
	seen := map[string]bool{}
	for _, k := range keys {
		if err := checkKey(k); err != nil {
			wrong = append(wrong, vault.DeleteResult{Key: k, Err: err})
		} else if !seen[k] {
			seen[k] = true
			good = append(good, vault.DeleteRequest{Key: k})
		}
	}
	var results []vault.DeleteResult
	if len(good) > 0 {
		if results, err = x.room.Delete(x.r.Context(), x.caller, x.bucket, good); err != nil {
			return err
		}
	}
	var d document
	d.root("DeleteResult", func() {
		for _, r := range append(results, wrong...) {
			if r.Err == nil {
				if !quiet {
					d.element("Deleted", func() { d.text("Key", r.Key) })
				}
				continue
			}
			f := asFailure(r.Err)
			if f.httpStatus() == http.StatusInternalServerError {
				x.Log.Error("deleting one of several objects failed", "request", x.id, "cause", causes(r.Err))
			}
			d.element("Error", func() {
				d.text("Key", r.Key)
				d.text("Code", f.code)
				d.text("Message", f.message)
			})
		}
	})
	x.answer(http.StatusOK, &d)
	return nil
}

// parseDelete reads the body of DeleteObjects.
func parseDelete(data []byte) (keys []string, quiet bool, err error) {
	root, err := parseDocument(data, "Delete", 2+4*maxDelete)
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
			key, err := parseDeleteObject(c)
			if err != nil {
				return nil, false, err
			}
			if keys = append(keys, key); len(keys) > maxDelete {
				return nil, false, malformed("it names more than 1000 objects")
			}
		default:
			return nil, false, malformed("Delete may hold Object and Quiet only")
		}
	}
	if len(keys) == 0 {
		return nil, false, malformed("it names no object")
	}
	return keys, quiet, nil
}

func parseDeleteObject(n *node) (string, error) {
	fields, err := n.branch()
	if err != nil {
		return "", err
	}
	key := ""
	for _, f := range fields {
		switch f.name {
		case "Key":
			v, err := f.leaf()
			if err != nil {
				return "", err
			}
			if key != "" {
				return "", malformed("an Object has more than one Key")
			}
			key = v
		case "VersionId", "ETag", "LastModifiedTime", "Size":
			return "", unsupported(f.name + " in DeleteObjects")
		default:
			return "", malformed("an Object may hold a Key only")
		}
	}
	if key == "" {
		return "", malformed("an Object has no Key")
	}
	return key, nil
}

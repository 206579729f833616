package s3

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"strongroom"
	"strongroom/vault"
)

// copySource reads what is to be copied: bucket and key, percent-encoded, with or
// without a slash before them, and perhaps a version.
func (x *exchange) copySource() error {
	raw := x.fields[fieldSource]
	path, version, versioned := strings.Cut(raw, "?versionId=")
	decoded, ok := unescape(path, true)
	if !ok || !utf8.ValidString(decoded) {
		return badArgument(fieldSource, raw, "Invalid copy source encoding")
	}
	if !versioned {
		decoded, version, versioned = strings.Cut(decoded, "?versionId=")
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(decoded, "/"), "/")
	switch {
	case !validBucket(bucket):
		return badArgument(fieldSource, raw, "Invalid copy source bucket name")
	case key == "" || checkKey(key) != nil || climbs(key):
		return badArgument(fieldSource, key, "Invalid copy source object key")
	case versioned:
		var err error
		if version, err = versionNamed("versionId", version); err != nil {
			return err
		}
	}
	x.source = &vault.Source{Bucket: bucket, Key: key, Version: version}
	return x.noContent()
}

// sourceHolds applies the conditions of a copy to its source. What is unchanged is no
// less refused here.
func (x *exchange) sourceHolds(o strongroom.Object) error {
	c := conditions{
		match: x.fields[prefixSource+"if-match"], noneMatch: x.fields[prefixSource+"if-none-match"],
		modified: x.fields[prefixSource+"if-modified-since"], unmodified: x.fields[prefixSource+"if-unmodified-since"],
	}
	if t, err := http.ParseTime(c.modified); err == nil && t.After(x.Now()) {
		c.modified = "" // S3 passes over a time that is still to come
	}
	if name, _ := c.broken(o); name != "" {
		return preconditionFailed(prefixSource + name)
	}
	return nil
}

// directive reads whether something is copied or replaced.
func (x *exchange) directive(name, what string) (replace bool, err error) {
	switch v := x.fields[name]; v {
	case "", "COPY":
		return false, nil
	case "REPLACE":
		return true, nil
	default:
		return false, badArgument(name, v, "Unknown %s directive.", what)
	}
}

func (x *exchange) copyObject() error {
	if err := x.copySource(); err != nil {
		return x.orNoBucket(err)
	}
	w, err := x.wishes()
	if err != nil {
		return err
	}
	q := vault.CopyRequest{Bucket: x.bucket, Key: x.key, Declared: w, Sum: sum}
	if q.ReplaceMeta, err = x.directive("x-amz-metadata-directive", "metadata"); err != nil {
		return err
	}
	if q.ReplaceTags, err = x.directive("x-amz-tagging-directive", "tagging"); err != nil {
		return err
	}
	if q.Precondition, err = x.precondition(); err != nil {
		return err
	}
	if name, ok := x.fields["x-amz-checksum-algorithm"]; ok {
		c := checksumNamed(name)
		if c == nil {
			return refuse("InvalidRequest", "%s", noSuchChecksum)
		}
		q.Algorithm = c.name
	}
	_, ciphered := x.fields[fieldCipher]
	_, classed := x.fields["x-amz-storage-class"] // naming the one that it has is enough for S3
	changes := q.ReplaceMeta || ciphered || classed || q.Algorithm != ""
	q.Source = *x.source
	q.Source.Plan = func(o strongroom.Object) (int64, int64, error) {
		if o.Bucket == x.bucket && o.Key == x.key && x.source.Version == "" && !changes {
			return 0, 0, refuse("InvalidRequest", "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
		}
		return 0, o.Size, x.sourceHolds(o)
	}
	return x.patiently(func(ctx context.Context) (func(*document), error) {
		done, err := x.room.Copy(ctx, x.caller, q)
		if err != nil {
			return nil, lockWanted(conflicting(err, q.Precondition))
		}
		o := done.Object
		return func(d *document) {
			if !x.begun {
				x.made(o)
				x.copied(done.Source)
			}
			d.within("CopyObjectResult", func() {
				d.text("ETag", quote(o.ETag))
				d.time("LastModified", o.Modified)
				d.sums(o.Checksums, o.ChecksumType)
			})
		}, nil
	})
}

// copied says in the answer's headers which version was copied.
func (x *exchange) copied(source strongroom.Object) {
	if source.Versioned {
		x.w.Header().Set(prefixSource+"version-id", source.VersionName())
	}
}

// uploadPartCopy stores a range of an object as a part.
func (x *exchange) uploadPartCopy(number int, id strongroom.ID) error {
	if err := x.copySource(); err != nil {
		return x.orNoBucket(err)
	}
	spec, ranged := x.fields[prefixSource+"range"]
	var first, last int64
	if ranged {
		var ok bool
		if first, last, ok = copyRange(spec); !ok {
			return badArgument(prefixSource+"range", spec, "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
		}
	}
	q := vault.PartCopyRequest{Bucket: x.bucket, Key: x.key, Upload: id, Number: number, Source: *x.source, Sum: sum}
	q.Source.Plan = func(o strongroom.Object) (int64, int64, error) {
		if err := x.sourceHolds(o); err != nil {
			return 0, 0, err
		}
		switch {
		case !ranged && o.Size > x.MaxObject:
			return 0, 0, refuse("InvalidRequest", "The specified copy source is larger than the maximum allowable size for a copy source: %d", x.MaxObject)
		case !ranged:
			return 0, o.Size, nil
		case last >= o.Size:
			return 0, 0, badArgument(prefixSource+"range", spec, "Range specified is not valid for source object of size: %d", o.Size)
		case last-first >= x.MaxObject:
			return 0, 0, refuse("InvalidRequest", "The specified copy range is larger than the maximum allowable size for a copy source: %d", x.MaxObject)
		}
		return first, last - first + 1, nil
	}
	return x.patiently(func(ctx context.Context) (func(*document), error) {
		p, source, err := x.room.CopyPart(ctx, x.caller, q)
		if err != nil {
			return nil, err
		}
		return func(d *document) {
			if !x.begun {
				x.sealed(x.room.Recipient(p.Custody), p.Cipher)
				x.copied(source)
			}
			d.within("CopyPartResult", func() {
				d.text("ETag", quote(p.ETag))
				d.time("LastModified", p.Modified)
				d.sums(p.Checksums, "")
			})
		}, nil
	})
}

// copyRange reads bytes=first-last: both must be there, and be numbers.
func copyRange(v string) (first, last int64, ok bool) {
	spec, ok := strings.CutPrefix(v, "bytes=")
	from, to, dash := strings.Cut(spec, "-")
	first, ok1 := digits(from)
	last, ok2 := digits(to)
	return first, last, ok && dash && ok1 && ok2 && first <= last
}

// patiently does work that may take longer than a client waits in silence: after a
// while the answer begins with 200 and white space, as S3 has it, and an error then
// stands in the document.
func (x *exchange) patiently(work func(context.Context) (func(*document), error)) error {
	ctx, cancel := context.WithCancel(x.r.Context())
	defer cancel()
	type outcome struct {
		answer func(*document)
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		answer, err := work(ctx)
		done <- outcome{answer, err}
	}()
	signs := time.NewTicker(x.Patience)
	defer signs.Stop()
	for {
		select {
		case o := <-done:
			return x.conclude(o.answer, o.err)
		case <-signs.C:
			if !x.begun {
				x.w.Header().Set("Content-Type", "application/xml")
				x.header(http.StatusOK)
				var d document
				d.start()
				x.w.Write(d.b)
			}
			x.control.SetWriteDeadline(time.Now().Add(x.PaceWindow))
			if _, err := io.WriteString(x.w, " "); err != nil {
				cancel() // the client has gone: its work ends
				o := <-done
				return x.conclude(o.answer, o.err)
			}
			x.control.Flush()
		}
	}
}

// conclude ends what patiently began.
func (x *exchange) conclude(answer func(*document), err error) error {
	var d document
	switch {
	case !x.begun && err != nil:
		return err
	case !x.begun:
		d.start()
		answer(&d)
		x.answer(http.StatusOK, &d)
		return nil
	case err != nil:
		f := asFailure(err)
		if status := f.httpStatus(); status >= 500 && status != http.StatusNotImplemented {
			x.Log.Error("s3 request failed after its answer had begun", "request", x.id, "code", f.code, "cause", causes(err))
		}
		x.describeFailure(&d, f)
	default:
		answer(&d)
	}
	x.w.Write(d.b) // an error here means that the client has gone
	return nil
}

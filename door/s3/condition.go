package s3

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"strongroom"
)

// plan is what a GET or HEAD wants of an object, once the object is known.
type plan struct {
	status         int // 200 or 206
	offset, length int64
	partial        string // Content-Range, or ""
	parts          int    // x-amz-mp-parts-count, or 0
}

// decide applies the request's conditions, then its range.
func (x *exchange) decide(o strongroom.Object) (plan, error) {
	if err := checkConditions(x.r.Header, o); err != nil {
		return plan{}, err
	}
	whole := plan{status: http.StatusOK, length: o.Size}
	if v, ok := x.query.find("partNumber"); ok {
		return partPlan(v, x.r.Header.Get("Range"), o)
	}
	spec := x.r.Header.Get("Range")
	if spec == "" || !rangeStillHolds(x.r.Header.Get("If-Range"), o) {
		return whole, nil
	}
	offset, length, kind := parseRange(spec, o.Size)
	switch kind {
	case rangeIgnored:
		return whole, nil
	case rangeOutside:
		f := refuse("InvalidRange", "the requested range is not satisfiable")
		f.extra = []element{{"RangeRequested", strings.ToValidUTF8(clip(spec), "\ufffd")}, {"ActualObjectSize", strconv.FormatInt(o.Size, 10)}}
		f.headers = map[string]string{"Content-Range": "bytes */" + strconv.FormatInt(o.Size, 10)}
		return plan{}, f
	}
	return plan{status: http.StatusPartialContent, offset: offset, length: length, partial: contentRange(offset, length, o.Size)}, nil
}

func contentRange(offset, length, size int64) string {
	return "bytes " + strconv.FormatInt(offset, 10) + "-" + strconv.FormatInt(offset+length-1, 10) + "/" + strconv.FormatInt(size, 10)
}

// partPlan is the range of one part of a multipart object. Any object is its own part 1.
func partPlan(number, spec string, o strongroom.Object) (plan, error) {
	n, err := partNumber(number)
	if err != nil {
		return plan{}, err
	}
	if spec != "" {
		return plan{}, refuse("InvalidRequest", "cannot specify both a Range header and partNumber")
	}
	parts := o.Parts
	if len(parts) == 0 {
		parts = []strongroom.ObjectPart{{Number: 1, Size: o.Size}}
	}
	p := plan{status: http.StatusPartialContent, parts: len(o.Parts)}
	at := slices.IndexFunc(parts, func(part strongroom.ObjectPart) bool { return part.Number == n })
	if at < 0 {
		return plan{}, refuse("InvalidPartNumber", "the requested partnumber is not satisfiable")
	}
	p.length = parts[at].Size
	for _, part := range parts[:at] {
		p.offset += part.Size
	}
	if p.length == 0 {
		return plan{status: http.StatusOK, length: o.Size, parts: len(o.Parts)}, nil
	}
	p.partial = contentRange(p.offset, p.length, o.Size)
	return p, nil
}

type rangeKind int

const (
	rangeIgnored rangeKind = iota // not one range of bytes: S3 then answers the whole object
	rangeOutside
	rangeWithin
)

// parseRange reads a Range header that asks for one range of an object of size bytes.
func parseRange(spec string, size int64) (offset, length int64, kind rangeKind) {
	unit, spec, ok := strings.Cut(spec, "=")
	first, last, dash := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || !dash || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return 0, 0, rangeIgnored
	}
	from, fromOK := digits(first)
	to, toOK := digits(last)
	switch {
	case first == "" && toOK: // the last bytes
		if to == 0 || size == 0 {
			return 0, 0, rangeOutside
		}
		length = min(to, size)
		return size - length, length, rangeWithin
	case !fromOK, last != "" && !toOK, last != "" && to < from:
		return 0, 0, rangeIgnored
	case from >= size:
		return 0, 0, rangeOutside
	case last == "" || to >= size:
		to = size - 1
	}
	return from, to - from + 1, rangeWithin
}

// digits reads a number; one too large for any object counts as the largest.
func digits(s string) (int64, bool) {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 1<<63 - 1, true
	}
	return n, true
}

// checkConditions follows RFC 9110, section 13.2.2.
func checkConditions(h http.Header, o strongroom.Object) error {
	modified := o.Modified.Truncate(time.Second)
	if v := h.Get("If-Match"); v != "" {
		if !matches(v, o.ETag) {
			return preconditionFailed("If-Match")
		}
	} else if t, err := http.ParseTime(h.Get("If-Unmodified-Since")); err == nil && modified.After(t) {
		return preconditionFailed("If-Unmodified-Since")
	}
	if v := h.Get("If-None-Match"); v != "" {
		if matches(v, o.ETag) {
			return notModified(o)
		}
	} else if t, err := http.ParseTime(h.Get("If-Modified-Since")); err == nil && !modified.After(t) {
		return notModified(o)
	}
	return nil
}

func preconditionFailed(name string) *failure {
	f := refuse("PreconditionFailed", "at least one of the pre-conditions you specified did not hold")
	f.extra = []element{{"Condition", name}}
	return f
}

func notModified(o strongroom.Object) *failure {
	f := refuse("NotModified", "the object has not been modified")
	f.headers = map[string]string{"ETag": quote(o.ETag), "Last-Modified": o.Modified.UTC().Format(http.TimeFormat)}
	return f
}

// matches reports whether etag is in a list of entity tags; quotes may be missing, as S3 allows.
func matches(list, etag string) bool {
	for v := range strings.SplitSeq(list, ",") {
		v = strings.TrimPrefix(strings.TrimSpace(v), "W/")
		if v == "*" || strings.Trim(v, `"`) == etag {
			return true
		}
	}
	return false
}

// rangeStillHolds reports whether If-Range, if any, names the object as it is now.
func rangeStillHolds(v string, o strongroom.Object) bool {
	if v == "" || v == quote(o.ETag) {
		return true
	}
	t, err := http.ParseTime(v)
	return err == nil && o.Modified.Truncate(time.Second).Equal(t)
}

package s3

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"strongroom"
	"strongroom/vault"
)

// plan is what a GET or HEAD wants of an object, once the object is known.
type plan struct {
	status         int // 200 or 206
	offset, length int64
	partial        string // Content-Range, or ""
	parts          int    // x-amz-mp-parts-count, or 0
	part           *strongroom.ObjectPart
}

// decide applies the request's conditions, then its range.
func (x *exchange) decide(o strongroom.Object) (plan, error) {
	if err := checkConditions(x.r.Header, o); err != nil {
		return plan{}, err
	}
	whole := plan{status: http.StatusOK, length: o.Size}
	if v, ok := x.query.find("partNumber"); ok {
		return partPlan(v, o)
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
		f := refuse("InvalidRange", "The requested range is not satisfiable")
		f.extra = []element{{"RangeRequested", strings.ToValidUTF8(clip(spec), "\ufffd")}, {"ActualObjectSize", strconv.FormatInt(o.Size, 10)}}
		f.headers = map[string]string{"Content-Range": "bytes */" + strconv.FormatInt(o.Size, 10)}
		return plan{}, f
	}
	return plan{status: http.StatusPartialContent, offset: offset, length: length, partial: contentRange(offset, length, o.Size)}, nil
}

func contentRange(offset, length, size int64) string {
	return "bytes " + strconv.FormatInt(offset, 10) + "-" + strconv.FormatInt(offset+length-1, 10) + "/" + strconv.FormatInt(size, 10)
}

// wantedPart refuses a partNumber that is none, or stands beside a range.
func (x *exchange) wantedPart() error {
	v, ok := x.query.find("partNumber")
	if !ok {
		return nil
	}
	if _, err := partNumber(v); err != nil {
		return err
	}
	if x.r.Header.Get("Range") != "" {
		return refuse("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
	}
	return nil
}

// partPlan is the range of one part of a multipart object. Any object is its own part 1.
func partPlan(number string, o strongroom.Object) (plan, error) {
	n, err := partNumber(number)
	if err != nil {
		return plan{}, err
	}
	parts := o.Parts
	if len(parts) == 0 {
		parts = []strongroom.ObjectPart{{Number: 1, Size: o.Size}}
	}
	p := plan{status: http.StatusPartialContent, parts: len(o.Parts)}
	at := slices.IndexFunc(parts, func(part strongroom.ObjectPart) bool { return part.Number == n })
	if at < 0 {
		f := refuse("InvalidPartNumber", "The requested partnumber is not satisfiable.")
		f.extra = []element{{"ActualPartCount", strconv.Itoa(len(parts))}, {"PartNumberRequested", strconv.Itoa(n)}}
		return plan{}, f
	}
	p.length = parts[at].Size
	for _, part := range parts[:at] {
		p.offset += part.Size
	}
	if p.parts > 0 {
		p.part = &parts[at]
	}
	if p.length == 0 {
		p.status, p.offset = http.StatusOK, 0
		return p, nil
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
	first, last, dash := strings.Cut(spec, "-")
	if !ok || !dash || !strings.EqualFold(unit, "bytes") {
		return 0, 0, rangeIgnored
	}
	from, fromOK := digits(first)
	to, toOK := digits(last)
	switch {
	case first == "" && toOK: // the last bytes
		if to == 0 {
			return 0, 0, rangeOutside
		} else if size == 0 {
			return 0, 0, rangeIgnored
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

// conditions are what a request demands of an object before it is read.
type conditions struct{ match, noneMatch, modified, unmodified string }

// broken names the condition that o does not meet, following RFC 9110, section 13.2.2;
// unchanged says that it is because the asker has the object already.
func (c conditions) broken(o strongroom.Object) (name string, unchanged bool) {
	modified := o.Modified.Truncate(time.Second)
	if c.match != "" {
		if !matches(c.match, o.ETag, true) {
			return "If-Match", false
		}
	} else if t, err := http.ParseTime(c.unmodified); err == nil && modified.After(t) {
		return "If-Unmodified-Since", false
	}
	if c.noneMatch != "" {
		if matches(c.noneMatch, o.ETag, false) {
			return "If-None-Match", true
		}
	} else if t, err := http.ParseTime(c.modified); err == nil && !modified.After(t) {
		return "If-Modified-Since", true
	}
	return "", false
}

// checkConditions applies the conditions of a GET or HEAD.
func checkConditions(h http.Header, o strongroom.Object) error {
	list := func(name string) string { return strings.Join(h.Values(name), ",") }
	c := conditions{list("If-Match"), list("If-None-Match"), h.Get("If-Modified-Since"), h.Get("If-Unmodified-Since")}
	name, unchanged := c.broken(o)
	switch {
	case unchanged:
		return notModified(o)
	case name != "":
		return preconditionFailed(name)
	}
	return nil
}

func preconditionFailed(name string) *failure {
	f := refuse("PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
	f.extra = []element{{"Condition", name}}
	return f
}

func notModified(o strongroom.Object) *failure {
	f := refuse("NotModified", "Not Modified")
	f.headers = map[string]string{"ETag": quote(o.ETag), "Last-Modified": o.Modified.UTC().Format(http.TimeFormat)}
	if o.Versioned {
		f.headers["x-amz-version-id"] = o.VersionName()
	}
	for _, name := range []string{"Cache-Control", "Expires"} {
		if v := o.Headers[name]; v != "" {
			f.headers[name] = v
		}
	}
	return f
}

// matches reports whether etag is in a list of entity tags; quotes may be missing, as S3
// allows. A weak tag is only ever as good as a strong one where equivalence is enough.
func matches(list, etag string, strong bool) bool {
	for v := range strings.SplitSeq(list, ",") {
		v = strings.TrimSpace(v)
		if weak, ok := strings.CutPrefix(v, "W/"); ok && strong {
			continue
		} else if ok {
			v = weak
		}
		if v == "*" || strings.Trim(v, `"`) == etag {
			return true
		}
	}
	return false
}

// precondition reads what a write demands of what its key names now.
func (x *exchange) precondition() (vault.Precondition, error) {
	match, noneMatch := x.r.Header.Values("If-Match"), x.r.Header.Values("If-None-Match")
	for _, name := range []string{"If-Modified-Since", "If-Unmodified-Since"} {
		if x.r.Header.Get(name) != "" {
			return vault.Precondition{}, unsupportedHeader(name, "")
		}
	}
	switch {
	case len(match) > 0 && len(noneMatch) > 0:
		return vault.Precondition{}, unsupportedHeader("If-Match,If-None-Match", "Multiple conditional request headers present in the request")
	case len(noneMatch) > 0 && strings.Join(noneMatch, ",") != "*":
		return vault.Precondition{}, unsupportedHeader("If-None-Match", "We don\\'t accept the provided value of If-None-Match header for this API")
	case len(match) > 0 && strings.ContainsAny(strings.Join(match, ","), ", *"):
		return vault.Precondition{}, unsupportedHeader("If-Match", "We don\\'t accept the provided value of If-Match header for this API")
	case len(match) > 0:
		return vault.Precondition{IfMatch: strings.Trim(match[0], `"`)}, nil
	}
	return vault.Precondition{IfNoneMatch: len(noneMatch) > 0}, nil
}

// conflicting says of a conditional write, where it failed, which condition it was.
func conflicting(err error, p vault.Precondition) error {
	name := "If-Match"
	if p.IfNoneMatch {
		name = "If-None-Match"
	}
	switch k := strongroom.KindOf(err); {
	case k == strongroom.KindPrecondition:
		return preconditionFailed(name)
	case k == strongroom.KindConflict && (p.IfNoneMatch || p.IfMatch != ""):
		f := refuse("ConditionalRequestConflict", "The conditional request cannot succeed due to a conflicting operation against this resource.")
		f.extra = []element{{"Condition", name}}
		f.cause = err
		return f
	}
	return err
}

// rangeStillHolds reports whether If-Range, if any, names the object as it is now.
func rangeStillHolds(v string, o strongroom.Object) bool {
	if v == "" || v == quote(o.ETag) {
		return true
	}
	t, err := http.ParseTime(v)
	return err == nil && o.Modified.Truncate(time.Second).Equal(t)
}

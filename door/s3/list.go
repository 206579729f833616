package s3

import (
	"encoding/base64"
	"net/http"
	"strings"
	"unicode/utf8"

	"strongroom"
	"strongroom/door/sigv4"
	"strongroom/vault"
)

// count reads a number of entries from the query: at most most, which is also the default.
func (x *exchange) count(name string, most int) (int, error) {
	n, err := atLeast0(name, x.query.get(name), most)
	return min(n, most), err
}

// names decodes the parameters that are keys or parts of keys, and answers the
// function that writes such text as the client wants it.
func (x *exchange) names() (func(string) string, error) {
	for _, name := range []string{"prefix", "delimiter", "marker", "start-after", "key-marker"} {
		if v := x.query.get(name); !utf8.ValidString(v) || len(v) > maxKey {
			return nil, badArgument(name, v, "%s is not UTF-8, or longer than the %d bytes of a key", name, maxKey)
		}
	}
	v, ok := x.query.find("encoding-type")
	switch {
	case !ok:
		return func(s string) string { return s }, nil
	case v == "url":
		return func(s string) string { return sigv4.Escape(s, true) }, nil
	}
	return nil, badArgument("encoding-type", v, "Invalid Encoding Method specified in Request")
}

// makeToken makes the opaque token of a continued listing.
func makeToken(after string) string { return base64.RawURLEncoding.EncodeToString([]byte("1" + after)) }

// token reads the continuation token, or answers "".
func (x *exchange) token() (string, error) {
	v, ok := x.query.find("continuation-token")
	if !ok {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(v)
	after, known := strings.CutPrefix(string(b), "1")
	if err != nil || !known || !utf8.ValidString(after) || len(after) > maxKey {
		return "", badArgument("continuation-token", v, "The continuation token provided is incorrect")
	}
	return after, nil
}

func (x *exchange) listObjects() error {
	after := x.query.get("marker")
	return x.list(after, func(d *document, name func(string) string, page vault.ListPage) {
		d.text("Marker", name(after))
		if page.Next != "" && x.query.get("delimiter") != "" {
			d.text("NextMarker", name(page.Next))
		}
	}, true)
}

func (x *exchange) listObjectsV2() error {
	if x.query.get("list-type") != "2" {
		return unsupported("list-type other than 2")
	}
	after, err := x.token()
	if err != nil {
		return err
	}
	start, started := x.query.find("start-after")
	token, continued := x.query.find("continuation-token")
	if !continued {
		after = start
	}
	return x.list(after, func(d *document, name func(string) string, page vault.ListPage) {
		d.number("KeyCount", int64(len(page.Objects)+len(page.Prefixes)))
		if started {
			d.text("StartAfter", name(start))
		}
		if continued {
			d.text("ContinuationToken", token)
		}
		if page.Next != "" {
			d.text("NextContinuationToken", makeToken(page.Next))
		}
	}, x.query.get("fetch-owner") == "true")
}

// list answers both versions of ListObjects; place writes what differs: how a listing is continued.
func (x *exchange) list(after string, place func(*document, func(string) string, vault.ListPage), owners bool) error {
	if err := x.noContent(); err != nil {
		return err
	}
	limit, err := x.count("max-keys", maxPage)
	if err != nil {
		return err
	}
	name, err := x.names()
	if err != nil {
		return err
	}
	prefix, delimiter := x.query.get("prefix"), x.query.get("delimiter")
	// A page of nothing is asked for all the same: the room decides whether there is an answer.
	page, err := x.room.List(x.r.Context(), x.caller, vault.ListRequest{
		Bucket: x.bucket, Prefix: prefix, Delimiter: delimiter, After: after, Max: max(limit, 1),
	})
	if err != nil {
		return err
	}
	if limit == 0 {
		page = vault.ListPage{}
	}
	var d document
	d.root("ListBucketResult", func() {
		d.text("Name", x.bucket)
		d.text("Prefix", name(prefix))
		if delimiter != "" {
			d.text("Delimiter", name(delimiter))
		}
		d.number("MaxKeys", int64(limit))
		if x.query.has("encoding-type") {
			d.text("EncodingType", "url")
		}
		d.boolean("IsTruncated", page.Next != "")
		place(&d, name, page)
		for _, o := range page.Objects {
			d.element("Contents", func() { x.entry(&d, o, name, owners) })
		}
		for _, p := range page.Prefixes {
			d.element("CommonPrefixes", func() { d.text("Prefix", name(p)) })
		}
	})
	x.answer(http.StatusOK, &d)
	return nil
}

func (x *exchange) entry(d *document, o strongroom.Object, name func(string) string, owners bool) {
	d.text("Key", name(o.Key))
	d.time("LastModified", o.Modified)
	d.text("ETag", quote(o.ETag))
	d.algorithms(o)
	d.number("Size", o.Size)
	d.text("StorageClass", "STANDARD")
	if owners {
		x.owner(d, "Owner")
	}
}

// algorithms names an object's checksums.
func (d *document) algorithms(o strongroom.Object) {
	for _, c := range checksums {
		if _, ok := o.Checksums[c.name]; ok {
			d.text("ChecksumAlgorithm", strings.ToUpper(c.name))
		}
	}
	if len(o.Checksums) > 0 && o.ChecksumType != "" {
		d.text("ChecksumType", strings.ToUpper(o.ChecksumType))
	}
}

package s3

import (
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"strongroom"
	"strongroom/vault"
)

const maxTags = 10 // of an object

// taggingHeader reads the tags that a store or a copy declares.
func (x *exchange) taggingHeader() ([]strongroom.Tag, error) {
	v, ok := x.fields[fieldTags]
	if !ok {
		return nil, nil
	}
	return parseTagging(v)
}

// parseTagging reads tags in the form of a URL's query.
func parseTagging(v string) ([]strongroom.Tag, error) {
	invalid := func() error {
		return badArgument(fieldTags, v, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	}
	var tags []strongroom.Tag
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(v, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, ok1 := unescape(name, true)
		value, ok2 := unescape(value, true)
		if !ok1 || !ok2 || name == "" || seen[name] || !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, invalid()
		}
		seen[name] = true
		tags = append(tags, strongroom.Tag{Key: name, Value: value})
	}
	return checkTags(tags, maxTags)
}

func (x *exchange) getTags() error {
	o, err := x.metadata()
	if err != nil {
		return ofMarker(err)
	}
	var d document
	d.root("Tagging", func() {
		d.element("TagSet", func() { d.tags(o.Tags) })
	})
	x.answer(http.StatusOK, &d)
	return nil
}

func (x *exchange) putTags() error {
	version, err := x.version()
	if err != nil {
		return err
	}
	root, err := x.parsed("Tagging")
	if err != nil {
		return x.orNoBucket(err)
	}
	tags, err := tagging(root, maxTags)
	if err != nil {
		return err
	}
	return ofMarker(x.amended(http.StatusOK)(x.room.SetTags(x.r.Context(), x.caller, x.bucket, x.key, version, tags)))
}

func (x *exchange) deleteTags() error {
	if err := x.noContent(); err != nil {
		return err
	}
	version, err := x.version()
	if err != nil {
		return err
	}
	return ofMarker(x.amended(http.StatusNoContent)(x.room.SetTags(x.r.Context(), x.caller, x.bucket, x.key, version, nil)))
}

// ofMarker says of tags what S3 says where a key names a delete marker: there is one, and
// it has none.
func ofMarker(err error) error {
	m, ok := errors.AsType[*vault.MarkerError](err)
	if !ok {
		return err
	}
	f := refuse("MethodNotAllowed", "%s", standard["MethodNotAllowed"])
	f.headers = map[string]string{}
	f.tellMarker(m.Marker)
	return f
}

// metadata answers the version that a request without a body is about.
func (x *exchange) metadata() (strongroom.Object, error) {
	if err := x.noContent(); err != nil {
		return strongroom.Object{}, err
	}
	version, err := x.version()
	if err != nil {
		return strongroom.Object{}, err
	}
	o, err := x.room.Head(x.r.Context(), x.caller, x.bucket, x.key, version)
	if err == nil && o.Versioned {
		x.w.Header().Set("x-amz-version-id", o.VersionName())
	}
	return o, err
}

// amended answers a change to what is known of a version.
func (x *exchange) amended(status int) func(strongroom.Object, error) error {
	return func(o strongroom.Object, err error) error {
		if err != nil {
			return err
		}
		if o.Versioned {
			x.w.Header().Set("x-amz-version-id", o.VersionName())
		}
		return x.done(status)
	}
}

// orNoBucket prefers, over what is wrong with a request, that its bucket does not exist.
func (x *exchange) orNoBucket(err error) error {
	if _, none := x.room.HeadBucket(x.r.Context(), x.caller, x.bucket); strongroom.KindOf(none) == strongroom.KindNoBucket {
		return none
	}
	return err
}

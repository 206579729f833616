package s3

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"strongroom"
)

var attributes = []string{"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"}

func (x *exchange) getAttributes() error {
	o, err := x.metadata()
	if err != nil {
		return err
	}
	wanted, err := wantedAttributes(x.fields[fieldWanted])
	if err != nil {
		return err
	}
	most, err := atLeast0("max-parts", x.fields["x-amz-max-parts"], maxPage)
	if err != nil {
		return err
	}
	after, err := atLeast0("part-number-marker", x.fields["x-amz-part-number-marker"], 0)
	if err != nil {
		return err
	}
	if err := checkConditions(x.r.Header, o); err != nil {
		return err
	}
	x.w.Header().Set("Last-Modified", o.Modified.UTC().Format(http.TimeFormat))
	var d document
	d.root("GetObjectAttributesResponse", func() {
		if wanted["ETag"] {
			d.text("ETag", o.ETag)
		}
		if wanted["Checksum"] && len(o.Checksums) > 0 {
			d.element("Checksum", func() { d.sums(o.Checksums, o.ChecksumType) })
		}
		if wanted["ObjectParts"] && len(o.Parts) > 0 {
			d.element("ObjectParts", func() { d.parts(o, after, min(most, maxPage)) })
		}
		if wanted["StorageClass"] {
			d.text("StorageClass", "STANDARD")
		}
		if wanted["ObjectSize"] {
			d.number("ObjectSize", o.Size)
		}
	})
	x.answer(http.StatusOK, &d)
	return nil
}

// wantedAttributes reads the list of attributes asked for.
func wantedAttributes(list string) (map[string]bool, error) {
	wanted := map[string]bool{}
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !slices.Contains(attributes, name) {
			return nil, badArgument(fieldWanted, name, "Invalid attribute name specified.")
		}
		wanted[name] = true
	}
	if len(wanted) == 0 {
		return nil, refuse("InvalidRequest", "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
	}
	return wanted, nil
}

// parts lists an object's parts with their checksums; where the parts have none, as S3
// does, only how many there are.
func (d *document) parts(o strongroom.Object, after, most int) {
	d.number("PartsCount", int64(len(o.Parts)))
	if !slices.ContainsFunc(o.Parts, func(p strongroom.ObjectPart) bool { return len(p.Checksums) > 0 }) {
		return
	}
	rest := o.Parts[:0:0]
	for _, p := range o.Parts {
		if p.Number > after {
			rest = append(rest, p)
		}
	}
	page := rest[:min(len(rest), most)]
	d.number("PartNumberMarker", int64(after))
	next := 0
	if n := len(page); n > 0 {
		next = page[n-1].Number
	}
	d.number("NextPartNumberMarker", int64(next))
	d.number("MaxParts", int64(most))
	d.boolean("IsTruncated", len(page) < len(rest))
	for _, p := range page {
		d.element("Part", func() {
			d.number("PartNumber", int64(p.Number))
			d.number("Size", p.Size)
			d.sums(p.Checksums, "")
		})
	}
}

// atLeast0 reads a number that clients may leave out.
func atLeast0(name, v string, preset int) (int, error) {
	if v == "" {
		return preset, nil
	}
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil {
		return 0, badArgument(name, v, "Provided %s not an integer or within integer range", v)
	}
	if n < 0 {
		return 0, badArgument(name, v, "Argument %s must be an integer between 0 and 2147483647", v)
	}
	return int(n), nil
}

func (x *exchange) getObjectACL() error {
	if _, err := x.metadata(); err != nil {
		return err
	}
	x.answerACL()
	return nil
}

// putObjectACL accepts the list that there is, of an object that there is.
func (x *exchange) putObjectACL() error {
	version, err := x.version()
	if err != nil {
		return err
	}
	if err := x.sameACL(); err != nil {
		return err
	}
	if _, err := x.room.Head(x.r.Context(), x.caller, x.bucket, x.key, version); err != nil {
		return err
	}
	return x.done(http.StatusOK)
}

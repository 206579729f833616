package s3

import (
	"net/http"

	"strongroom"
	"strongroom/vault"
)

func (x *exchange) listVersions() error {
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
	q := vault.ListVersionsRequest{
		Bucket: x.bucket, Prefix: x.query.get("prefix"), Delimiter: x.query.get("delimiter"),
		AfterKey: x.query.get("key-marker"), Max: max(limit, 1),
	}
	marker, marked := x.query.find("version-id-marker")
	switch {
	case marked && marker == "" && q.AfterKey != "":
		return badArgument("version-id-marker", "", "A version-id marker cannot be empty.")
	case marker != "" && q.AfterKey == "":
		return badArgument("version-id-marker", marker, "A version-id marker cannot be specified without a key marker.")
	case marker != "":
		if q.AfterVersion, err = versionNamed("version-id-marker", marker); err != nil {
			return err
		}
	}
	page, err := x.room.ListVersions(x.r.Context(), x.caller, q)
	if err != nil {
		return err
	}
	if limit == 0 {
		page = vault.VersionPage{}
	}
	var d document
	d.root("ListVersionsResult", func() {
		d.text("Name", x.bucket)
		d.text("Prefix", name(q.Prefix))
		d.text("KeyMarker", name(q.AfterKey))
		d.text("VersionIdMarker", marker)
		if page.Truncated {
			d.text("NextKeyMarker", name(page.NextKey))
			if page.NextVersion != "" {
				d.text("NextVersionIdMarker", page.NextVersion)
			}
		}
		d.number("MaxKeys", int64(limit))
		if q.Delimiter != "" {
			d.text("Delimiter", name(q.Delimiter))
		}
		if x.query.has("encoding-type") {
			d.text("EncodingType", "url")
		}
		d.boolean("IsTruncated", page.Truncated)
		for _, o := range page.Versions {
			x.versionEntry(&d, o, name)
		}
		for _, p := range page.Prefixes {
			d.element("CommonPrefixes", func() { d.text("Prefix", name(p)) })
		}
	})
	x.answer(http.StatusOK, &d)
	return nil
}

func (x *exchange) versionEntry(d *document, o strongroom.Object, name func(string) string) {
	kind := "Version"
	if o.Marker {
		kind = "DeleteMarker"
	}
	d.element(kind, func() {
		d.text("Key", name(o.Key))
		d.text("VersionId", o.VersionName())
		d.boolean("IsLatest", o.Latest)
		d.time("LastModified", o.Modified)
		if !o.Marker {
			d.text("ETag", quote(o.ETag))
			d.algorithms(o)
			d.number("Size", o.Size)
		}
		x.owner(d, "Owner")
		if !o.Marker {
			d.text("StorageClass", "STANDARD")
		}
	})
}

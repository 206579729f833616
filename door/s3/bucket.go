package s3

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"strongroom"
	"strongroom/vault"
)

func (x *exchange) createBucket() error {
	if err := x.checkACL(); err != nil {
		return err
	}
	switch v, named := x.fields["x-amz-object-ownership"]; {
	case !named, v == ownerEnforced:
	case v == "BucketOwnerPreferred", v == "ObjectWriter":
		return unsupported("an object ownership that brings access control lists into use (" + v + ")")
	default:
		return badArgument("x-amz-object-ownership", "", "invalid x-amz-object-ownership header: %s", clip(v))
	}
	q := vault.BucketRequest{Name: x.bucket}
	if v := x.fields["x-amz-bucket-object-lock-enabled"]; strings.EqualFold(v, "true") {
		q.Lock = true
	} else if v != "" && !strings.EqualFold(v, "false") {
		return refuse("InvalidArgument", "x-amz-bucket-object-lock-enabled must be true or false")
	}
	data, _, err := x.document(maxBucket)
	if err != nil {
		return err
	}
	if len(data) > 0 {
		if q.Tags, err = checkCreateBucket(data); err != nil {
			return err
		}
	}
	b, err := x.room.CreateBucket(x.r.Context(), x.caller, q)
	if err != nil {
		return err
	}
	x.w.Header().Set("Location", "/"+b.Name)
	x.w.Header().Set("x-amz-bucket-arn", "arn:aws:s3:::"+b.Name)
	return x.done(http.StatusOK)
}

// checkCreateBucket reads the body of CreateBucket, and answers the bucket's tags. Any
// location is accepted: a room is in one place, and clients only repeat the region they
// were told to use.
func checkCreateBucket(data []byte) (tags []strongroom.Tag, err error) {
	root, err := parseDocument(data, "CreateBucketConfiguration", 256)
	if err != nil {
		return nil, err
	}
	children, err := root.branch()
	if err != nil {
		return nil, err
	}
	for _, c := range children {
		switch c.name {
		case "LocationConstraint":
			if _, err := c.leaf(); err != nil {
				return nil, err
			}
		case "Tags":
			set, err := c.branch()
			if err != nil {
				return nil, err
			}
			if tags, err = tagSet(set, maxBucketTags); err != nil {
				return nil, err
			}
		case "Location", "Bucket":
			return nil, unsupported(c.name + " in CreateBucketConfiguration")
		default:
			return nil, malformed("CreateBucketConfiguration may hold a LocationConstraint and Tags only")
		}
	}
	return tags, nil
}

func (x *exchange) headBucket() error {
	if err := x.noContent(); err != nil {
		return err
	}
	if _, err := x.room.HeadBucket(x.r.Context(), x.caller, x.bucket); err != nil {
		return err
	}
	x.w.Header().Set("x-amz-bucket-region", x.Region)
	return x.done(http.StatusOK)
}

func (x *exchange) deleteBucket() error {
	if err := x.noContent(); err != nil {
		return err
	}
	if err := x.room.DeleteBucket(x.r.Context(), x.caller, x.bucket); err != nil {
		if strongroom.KindOf(err) == strongroom.KindNotEmpty {
			if b, hidden := x.room.HeadBucket(x.r.Context(), x.caller, x.bucket); hidden == nil && b.Versioning != strongroom.Unversioned {
				return refuse("BucketNotEmpty", "%s You must delete all versions in the bucket.", standard["BucketNotEmpty"])
			}
		}
		return err
	}
	return x.done(http.StatusNoContent)
}

func (x *exchange) bucketLocation() error {
	if err := x.noContent(); err != nil {
		return err
	}
	if _, err := x.room.HeadBucket(x.r.Context(), x.caller, x.bucket); err != nil {
		return err
	}
	var d document
	d.root("LocationConstraint", func() {
		if x.Region != "us-east-1" { // which S3 writes as nothing
			d.b = appendText(d.b, x.Region)
		}
	})
	x.answer(http.StatusOK, &d)
	return nil
}

func (x *exchange) listBuckets() error {
	if err := x.noContent(); err != nil {
		return err
	}
	limit := maxBuckets
	if v := x.query.get("max-buckets"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > maxBuckets {
			return badArgument("max-buckets", v, "Argument max-buckets must be an integer between 1 and %d", maxBuckets)
		}
		limit = n
	}
	after, err := x.token()
	if err != nil {
		return err
	}
	buckets, err := x.room.ListBuckets(x.r.Context(), x.caller)
	if err != nil {
		return err
	}
	prefix := x.query.get("prefix")
	if region := x.query.get("bucket-region"); region != "" && region != x.Region {
		buckets = nil
	}
	buckets = slices.DeleteFunc(slices.Clone(buckets), func(b strongroom.Bucket) bool {
		return !strings.HasPrefix(b.Name, prefix) || b.Name <= after
	})
	slices.SortFunc(buckets, func(a, b strongroom.Bucket) int { return strings.Compare(a.Name, b.Name) })
	next := ""
	if len(buckets) > limit {
		buckets = buckets[:limit]
		next = buckets[limit-1].Name
	}
	chosen := slices.ContainsFunc([]string{"prefix", "max-buckets", "bucket-region", "continuation-token"}, x.query.has)
	var d document
	d.root("ListAllMyBucketsResult", func() {
		x.owner(&d, "Owner")
		d.element("Buckets", func() {
			for _, b := range buckets {
				d.element("Bucket", func() {
					d.text("Name", b.Name)
					d.time("CreationDate", b.Created)
					if chosen { // S3 tells it only then
						d.text("BucketRegion", x.Region)
					}
				})
			}
		})
		if prefix != "" {
			d.text("Prefix", prefix)
		}
		if next != "" {
			d.text("ContinuationToken", makeToken(next))
		}
	})
	x.answer(http.StatusOK, &d)
	return nil
}

// owner names the room: in S3's terms it owns every object.
func (x *exchange) owner(d *document, name string) {
	d.element(name, func() {
		d.text("ID", x.room.ID().String())
		d.text("DisplayName", x.room.ID().String())
	})
}

package vault

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"strongroom"
	"strongroom/book"
)

// StandardCustody is the custody class of a bucket made without naming one.
const StandardCustody = "standard"

// CreateBucket makes a bucket.
func (r *Room) CreateBucket(ctx context.Context, c Caller, req BucketRequest) (strongroom.Bucket, error) {
	a := r.decide(c, strongroom.ActionCreateBucket, strongroom.Resource{Bucket: req.Name, Custody: StandardCustody})
	if !a.decision.Permit {
		return strongroom.Bucket{}, r.refuse(ctx, a)
	}
	b := strongroom.Bucket{ID: strongroom.NewID(), Name: req.Name, Custody: StandardCustody, Created: r.Clock().UTC(), Tags: req.Tags}
	if req.Lock {
		b.Versioning, b.Lock = strongroom.VersioningEnabled, &strongroom.LockRule{}
	}
	row, err := r.bucketRow(b)
	if err != nil {
		return b, err
	}
	e := r.evidence("bucket-create", a)
	e.Bucket, e.Custody = b.ID, b.Custody
	_, err = r.apply(ctx, KindBucket, e, a.personal(), book.Change{
		Require: []book.Condition{{Form: book.Only, Kind: rowBucket, Tag: row.Tag}},
		Put:     []book.Row{row},
	})
	if _, exists := errors.AsType[*book.ConditionError](err); exists {
		return b, &strongroom.Error{Kind: strongroom.KindBucketExists, Message: "a bucket of this name exists already"}
	}
	if err != nil {
		return b, unavailable("the bucket could not be recorded, so it was not made", err)
	}
	return b, nil
}

func (r *Room) bucketRow(b strongroom.Bucket) (book.Row, error) {
	row, err := row(rowBucket, b.ID.String(), b)
	if err != nil {
		return row, unavailable("the bucket's row could not be made", err)
	}
	row.Tag = mac(r.tagKey, "bucket", b.Name)
	return row, nil
}

// ReadBucket answers a bucket's configuration, on record as a metadata read: what says
// which part of it was asked for.
func (r *Room) ReadBucket(ctx context.Context, c Caller, name, what string) (strongroom.Bucket, error) {
	b, exists := r.bucket(name)
	a := r.decide(c, strongroom.ActionReadBucket, strongroom.Resource{Bucket: name, Custody: b.Custody})
	if !a.decision.Permit {
		return strongroom.Bucket{}, r.refuse(ctx, a)
	}
	e, p := r.evidence("read-bucket", a), a.personal()
	e.Bucket, p.Detail = b.ID, what
	if _, err := r.apply(ctx, KindMetadataRead, e, p, book.Change{}); err != nil {
		return strongroom.Bucket{}, unavailable("the read could not be recorded", err)
	}
	if !exists {
		return strongroom.Bucket{}, noBucket(name)
	}
	return b.Bucket, nil
}

// ConfigureBucket changes a bucket's configuration: what says which part of it, and
// change is given the bucket as it is. Its error ends the request and is returned
// unchanged. Identity and policy are not changed here.
func (r *Room) ConfigureBucket(ctx context.Context, c Caller, name, what string, change func(*strongroom.Bucket) error) error {
	for range 16 {
		b, exists := r.bucket(name)
		a := r.decide(c, strongroom.ActionConfigureBucket, strongroom.Resource{Bucket: name, Custody: b.Custody})
		if !a.decision.Permit {
			return r.refuse(ctx, a)
		}
		if !exists {
			return noBucket(name)
		}
		changed := b.Bucket
		if err := change(&changed); err != nil {
			return err
		}
		changed.ID, changed.Name, changed.Custody, changed.Created, changed.Policy = b.ID, b.Name, b.Custody, b.Created, b.Policy
		if err := mayBecome(b.Bucket, changed); err != nil {
			return err
		}
		row, err := r.bucketRow(changed)
		if err != nil {
			return err
		}
		e, p := r.evidence("bucket-configure", a), a.personal()
		e.Bucket, p.Detail = b.ID, what
		_, err = r.apply(ctx, KindBucket, e, p, book.Change{Require: []book.Condition{b.unchanged()}, Put: []book.Row{row}})
		if _, conflicts := errors.AsType[*book.ConditionError](err); conflicts {
			continue
		}
		if err != nil {
			return unavailable("the change could not be recorded, so nothing was changed", err)
		}
		return nil
	}
	return conflict(errors.New("the bucket changed with every attempt"))
}

// CORS answers what a bucket lets browsers do. It is not put on record: every answer to
// a browser tells it.
func (r *Room) CORS(bucket string) []strongroom.CORSRule {
	b, _ := r.bucket(bucket)
	return b.CORS
}

// mayBecome refuses changes that would break what versions rely on.
func mayBecome(was, is strongroom.Bucket) error {
	bad := func(message string) error {
		return &strongroom.Error{Kind: strongroom.KindBadState, Message: message}
	}
	switch {
	case was.Versioning != strongroom.Unversioned && is.Versioning == strongroom.Unversioned:
		return bad("versioning can be suspended, not taken back")
	case was.Lock != nil && is.Lock == nil:
		return bad("object lock cannot be taken back")
	case was.Lock != nil && is.Versioning != strongroom.VersioningEnabled:
		return bad("an Object Lock configuration is present on this bucket, so the versioning state cannot be changed")
	case is.Lock != nil && is.Versioning != strongroom.VersioningEnabled:
		return bad("versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
	}
	return nil
}

// HeadBucket answers whether a bucket exists, to those who may list it.
func (r *Room) HeadBucket(ctx context.Context, c Caller, name string) (strongroom.Bucket, error) {
	b, exists := r.bucket(name)
	var a asked
	for _, action := range []strongroom.Action{strongroom.ActionListObjects, strongroom.ActionListBuckets} {
		if a = r.decide(c, action, strongroom.Resource{Bucket: name, Custody: b.Custody}); a.decision.Permit {
			break
		}
	}
	if !a.decision.Permit {
		return b.Bucket, r.refuse(ctx, a)
	}
	e := r.evidence("head-bucket", a)
	e.Bucket = b.ID
	if err := r.note(ctx, KindMetadataRead, e, a); err != nil {
		return b.Bucket, unavailable("the read could not be recorded", err)
	}
	if !exists {
		return b.Bucket, noBucket(name)
	}
	return b.Bucket, nil
}

// DeleteBucket removes an empty bucket. Uploads in progress there are aborted.
func (r *Room) DeleteBucket(ctx context.Context, c Caller, name string) error {
	b, exists := r.bucket(name)
	a := r.decide(c, strongroom.ActionDeleteBucket, strongroom.Resource{Bucket: name, Custody: b.Custody})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	if !exists {
		return noBucket(name)
	}
	id := b.ID.String()
	if r.holdsVersions(b) {
		return notEmpty()
	}
	for row, err := range r.Book.Rows(ctx, rowUpload, id) {
		if err != nil {
			return unavailable("the room's database cannot be read now", err)
		}
		u, err := decode[uploadBody](row)
		if err != nil {
			return unavailable("an upload's row cannot be read", err)
		}
		if err := r.abort(ctx, u, a, nil); err != nil && strongroom.KindOf(err) != strongroom.KindNoUpload {
			return err
		}
	}
	e := r.evidence("bucket-delete", a)
	e.Bucket = b.ID
	change := book.Change{Require: []book.Condition{b.unchanged()}, Drop: []book.RowKey{{Kind: rowBucket, ID: id}}}
	for _, kind := range []string{rowObject, rowVersion, rowNull, rowUpload} {
		change.Require = append(change.Require, book.Condition{Form: book.Childless, Kind: kind, Parent: id})
	}
	if b.Policy != nil {
		if err := r.withoutPolicy(ctx, b, &change); err != nil {
			return err
		}
	}
	_, err := r.apply(ctx, KindBucket, e, a.personal(), change)
	if broken, ok := errors.AsType[*book.ConditionError](err); ok {
		switch broken.Condition.Form {
		case book.Exists:
			return noBucket(name)
		case book.Unchanged:
			return conflict(err)
		}
		return notEmpty()
	}
	if err != nil {
		return unavailable("the deletion could not be recorded, so nothing was deleted", err)
	}
	return nil
}

func notEmpty() error {
	return &strongroom.Error{Kind: strongroom.KindNotEmpty, Message: "the bucket is not empty", Hint: "delete its objects first, all versions of them"}
}

// holdsVersions reports whether a bucket has any version or delete marker.
func (r *Room) holdsVersions(b bucketRow) bool {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	return r.state.index[b.ID].Len()+r.state.history[b.ID].Len() > 0
}

// ListBuckets lists the buckets of the room in order of name.
func (r *Room) ListBuckets(ctx context.Context, c Caller) ([]strongroom.Bucket, error) {
	a := r.decide(c, strongroom.ActionListBuckets, strongroom.Resource{})
	if !a.decision.Permit {
		return nil, r.refuse(ctx, a)
	}
	r.state.mu.RLock()
	var out []strongroom.Bucket
	for _, b := range r.state.buckets {
		out = append(out, b.Bucket)
	}
	r.state.mu.RUnlock()
	slices.SortFunc(out, func(a, b strongroom.Bucket) int { return cmp.Compare(a.Name, b.Name) })
	e := r.evidence("list-buckets", a)
	e.Names = len(out)
	if err := r.note(ctx, KindList, e, a); err != nil {
		return nil, unavailable("the listing could not be recorded", err)
	}
	return out, nil
}

func (r *Room) mayList(ctx context.Context, c Caller, bucket, prefix string, versions bool) (bucketRow, asked, error) {
	b, exists := r.bucket(bucket)
	a := r.decide(c, strongroom.ActionListObjects, strongroom.Resource{Bucket: bucket, Custody: b.Custody, Key: prefix, ByVersion: versions})
	if !a.decision.Permit {
		return b, a, r.refuse(ctx, a)
	}
	if !exists {
		return b, a, noBucket(bucket)
	}
	return b, a, nil
}

// List lists names; the page is on record before it is answered.
func (r *Room) List(ctx context.Context, c Caller, req ListRequest) (ListPage, error) {
	b, a, err := r.mayList(ctx, c, req.Bucket, req.Prefix, false)
	if err != nil {
		return ListPage{}, err
	}
	page := r.list(b, req)
	e := r.evidence(KindList, a)
	e.Bucket, e.Names = b.ID, len(page.Objects)
	if err := r.note(ctx, KindList, e, a); err != nil {
		return ListPage{}, unavailable("the listing could not be recorded", err)
	}
	return page, nil
}

func (r *Room) list(b bucketRow, req ListRequest) ListPage {
	r.state.mu.Lock() // copying a tree writes to it
	tree := r.state.index[b.ID]
	if tree == nil {
		r.state.mu.Unlock()
		return ListPage{}
	}
	tree = tree.Copy() // copy-on-write: a snapshot that others need not wait for
	r.state.mu.Unlock()

	var page ListPage
	last := ""
	from := max(req.Prefix, req.After)
	for {
		resume := "" // where to go on after rolling up a prefix
		tree.Ascend(&entry{key: from}, func(e *entry) bool {
			if !strings.HasPrefix(e.key, req.Prefix) {
				return e.key < req.Prefix // past them all, or not there yet
			}
			if e.key <= req.After {
				return true
			}
			prefix, rolled := rollUp(e.key, req.Prefix, req.Delimiter)
			if rolled && prefix <= req.After {
				resume = prefix
				return false
			}
			if len(page.Objects)+len(page.Prefixes) == req.Max {
				page.Next = last
				return false
			}
			if rolled {
				page.Prefixes = append(page.Prefixes, prefix)
				last, resume = prefix, prefix
				return false
			}
			page.Objects = append(page.Objects, e.object(b))
			last = e.key
			return true
		})
		if resume == "" {
			return page
		}
		if from = greaterThanAll(resume); from == "" {
			return page
		}
	}
}

// rollUp returns the common prefix under which a delimiter rolls a key up.
func rollUp(key, prefix, delimiter string) (string, bool) {
	if delimiter == "" {
		return "", false
	}
	if i := strings.Index(key[len(prefix):], delimiter); i >= 0 {
		return key[:len(prefix)+i+len(delimiter)], true
	}
	return "", false
}

// greaterThanAll returns the least string greater than every string that starts with prefix,
// or "" if there is none.
func greaterThanAll(prefix string) string {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			return prefix[:i] + string([]byte{prefix[i] + 1})
		}
	}
	return ""
}

package strongroom

import "time"

// Versioning says what storing under a key that is taken does to what was there.
type Versioning string

const (
	Unversioned         Versioning = ""          // it is replaced; every version is the null version
	VersioningEnabled   Versioning = "Enabled"   // it is kept as an older version
	VersioningSuspended Versioning = "Suspended" // only the null version is replaced
)

// Bucket is a container of objects with one custody class, and what its owner
// configured.
type Bucket struct {
	ID      ID        `json:"id"`
	Name    string    `json:"name"`
	Custody string    `json:"custody"`
	Created time.Time `json:"created"`

	Versioning Versioning      `json:"versioning,omitempty"`
	Lock       *LockRule       `json:"lock,omitempty"` // object lock; nil where it is not enabled
	Tags       []Tag           `json:"tags,omitempty"`
	Lifecycle  []LifecycleRule `json:"lifecycle,omitempty"`
	CORS       []CORSRule      `json:"cors,omitempty"`
	Cipher     string          `json:"cipher,omitempty"` // default encryption as configured: AES256 or aws:kms; "" means aws:kms
	// Access is the public access block: see AccessBlock.
	Access *PublicAccessBlock `json:"access,omitempty"`
	Policy *BucketPolicy      `json:"policy,omitempty"`
}

// Tag is a name and value that people gave a bucket or an object.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// LockMode is how firmly an object version is retained.
type LockMode string

const (
	Governance LockMode = "GOVERNANCE" // who may bypass retention may shorten it
	Compliance LockMode = "COMPLIANCE" // nobody may
)

// LockRule is a bucket's object lock with the default retention of new versions, none
// where Mode is "". Exactly one of Days and Years is set otherwise.
type LockRule struct {
	Mode  LockMode `json:"mode,omitempty"`
	Days  int      `json:"days,omitempty"`
	Years int      `json:"years,omitempty"`
}

// From is the retention of a version stored at a time.
func (l LockRule) From(stored time.Time) Retention {
	if l.Mode == "" {
		return Retention{}
	}
	return Retention{Mode: l.Mode, Until: stored.AddDate(l.Years, 0, l.Days)}
}

// Retention keeps an object version from being deleted until a time.
type Retention struct {
	Mode  LockMode  `json:"mode,omitempty"` // "" means none
	Until time.Time `json:"until,omitzero"`
}

// Active reports whether the retention still stands.
func (r Retention) Active(now time.Time) bool { return r.Mode != "" && now.Before(r.Until) }

// LifecycleRule has objects deleted by themselves: those that its filter matches, by
// its actions. Zero values mean that a part is not there.
type LifecycleRule struct {
	ID      string `json:"id"`
	Enabled bool   `json:"enabled"`

	Prefix  string `json:"prefix,omitempty"`
	Tags    []Tag  `json:"tags,omitempty"`         // all of them
	Larger  *int64 `json:"larger_than,omitempty"`  // bytes
	Smaller *int64 `json:"smaller_than,omitempty"` // bytes
	Outer   bool   `json:"outer,omitempty"`        // the prefix stands in the rule itself, as in the older form

	Days            int       `json:"days,omitempty"` // after the current version was stored
	Date            time.Time `json:"date,omitzero"`
	ExpiredMarkers  bool      `json:"expired_markers,omitempty"`   // delete markers with nothing behind them
	NoncurrentDays  int       `json:"noncurrent_days,omitempty"`   // after a version was succeeded
	NoncurrentKeep  int       `json:"noncurrent_keep,omitempty"`   // newest older versions that stay all the same
	AbortUploadDays int       `json:"abort_upload_days,omitempty"` // after an upload began
}

// CORSRule says which web origins a browser lets use the bucket, and how.
type CORSRule struct {
	ID      string   `json:"id,omitempty"`
	Origins []string `json:"origins"` // at most one * in each
	Methods []string `json:"methods"`
	Headers []string `json:"headers,omitempty"` // at most one * in each
	Expose  []string `json:"expose,omitempty"`
	MaxAge  *int     `json:"max_age,omitempty"` // seconds
}

// PublicAccessBlock is a bucket's public access block. There is no access without a
// key here; BlockPolicy refuses policies that grant to everybody in the room.
type PublicAccessBlock struct {
	BlockACLs       bool `json:"block_acls"`
	IgnoreACLs      bool `json:"ignore_acls"`
	BlockPolicy     bool `json:"block_policy"`
	RestrictBuckets bool `json:"restrict_buckets"`
	None            bool `json:"none,omitempty"` // it was taken away
}

// AccessBlock answers the bucket's public access block, nil where it was taken away. A
// new bucket blocks everything.
func (b *Bucket) AccessBlock() *PublicAccessBlock {
	switch {
	case b.Access == nil:
		return &PublicAccessBlock{BlockACLs: true, IgnoreACLs: true, BlockPolicy: true, RestrictBuckets: true}
	case b.Access.None:
		return nil
	}
	return b.Access
}

// BucketPolicy is a bucket policy as it was given, and what it was translated to.
type BucketPolicy struct {
	Text   string `json:"text"`  // AWS policy language, JSON
	Cedar  string `json:"cedar"` // part of the room's policy set as long as the bucket has it
	Public bool   `json:"public,omitempty"`
}

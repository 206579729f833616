package limit

import (
	"strings"

	"strongroom"
)

// level is what an S3 permission is about.
type level int

const (
	onObject level = iota
	onBucket
	onAccount // no bucket's policy governs it
)

// which versions a right is about.
type which int

const (
	everyVersion which = iota
	currentVersion
	namedVersion
)

// right is what a permission is worth here.
type right struct {
	action strongroom.Action
	on     level
	which  which
}

// permission is one of S3's. What it is worth here stands in one of three fields;
// where none is set, there is no such operation in this house and naming it
// changes nothing.
type permission struct {
	name  string
	level level
	// gives are rights that stand for this permission alone.
	gives []right
	// class is a right that stands for several permissions together: only a
	// statement that names all of them can be said.
	class strongroom.Action
	// within are permissions whose rights include this one, so that it cannot be
	// told apart from them. An Allow may name it beside one of them; a Deny, beside
	// all of them.
	within []string
	prefix bool // the condition key s3:prefix applies
}

func object(action strongroom.Action, w which) right { return right{action, onObject, w} }
func bucketWide(action strongroom.Action, w which) right {
	return right{action, onBucket, w}
}

// permissions are all of S3's that a bucket's policy may name, and those of an
// account that a wildcard may meet.
var permissions = func() []*permission {
	all := []*permission{
		{name: "GetObject", gives: []right{object(strongroom.ActionReadObject, currentVersion), object(strongroom.ActionReadMetadata, currentVersion)}},
		{name: "GetObjectVersion", gives: []right{object(strongroom.ActionReadObject, namedVersion), object(strongroom.ActionReadMetadata, namedVersion)}},
		{name: "PutObject", gives: []right{object(strongroom.ActionStoreObject, everyVersion)}},
		{name: "DeleteObject", gives: []right{object(strongroom.ActionDeleteObject, currentVersion)}},
		{name: "DeleteObjectVersion", gives: []right{object(strongroom.ActionDeleteObject, namedVersion)}},
		{name: "PutObjectTagging", gives: []right{object(strongroom.ActionTagObject, currentVersion)}},
		{name: "PutObjectVersionTagging", gives: []right{object(strongroom.ActionTagObject, namedVersion)}},
		{name: "PutObjectLegalHold", gives: []right{object(strongroom.ActionHoldObject, everyVersion)}},
		{name: "PutObjectRetention", gives: []right{object(strongroom.ActionRetainObject, everyVersion)}},
		{name: "BypassGovernanceRetention", gives: []right{object(strongroom.ActionBypassRetention, everyVersion)}},

		{name: "GetObjectTagging", within: []string{"GetObject"}},
		{name: "GetObjectAttributes", within: []string{"GetObject"}},
		{name: "GetObjectAcl", within: []string{"GetObject"}},
		{name: "GetObjectVersionTagging", within: []string{"GetObjectVersion"}},
		{name: "GetObjectVersionAttributes", within: []string{"GetObjectVersion"}},
		{name: "GetObjectVersionAcl", within: []string{"GetObjectVersion"}},
		{name: "GetObjectRetention", within: []string{"GetObject", "GetObjectVersion"}},
		{name: "GetObjectLegalHold", within: []string{"GetObject", "GetObjectVersion"}},
		{name: "DeleteObjectTagging", within: []string{"PutObjectTagging"}},
		{name: "DeleteObjectVersionTagging", within: []string{"PutObjectVersionTagging"}},
		{name: "AbortMultipartUpload", within: []string{"PutObject", "DeleteObject"}},
		{name: "ListMultipartUploadParts", within: []string{"PutObject", "GetObject"}},

		{name: "ListBucket", level: onBucket, prefix: true, gives: []right{bucketWide(strongroom.ActionListObjects, currentVersion), bucketWide(strongroom.ActionListBuckets, everyVersion)}},
		{name: "ListBucketVersions", level: onBucket, prefix: true, gives: []right{bucketWide(strongroom.ActionListObjects, namedVersion)}},
		{name: "DeleteBucket", level: onBucket, gives: []right{bucketWide(strongroom.ActionDeleteBucket, everyVersion)}},
		{name: "ListBucketMultipartUploads", level: onBucket, within: []string{"ListBucket"}},
		{name: "GetBucketLocation", level: onBucket, within: []string{"ListBucket"}},
		{name: "DeleteBucketPolicy", level: onBucket, within: []string{"PutBucketPolicy"}},
	}
	list := func(level level, class strongroom.Action, names string) {
		for name := range strings.FieldsSeq(names) {
			all = append(all, &permission{name: name, level: level, class: class})
		}
	}
	list(onBucket, strongroom.ActionReadBucket, `
		GetAccelerateConfiguration GetBucketAcl GetBucketCORS GetBucketLogging GetBucketNotification
		GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy GetBucketPolicyStatus
		GetBucketPublicAccessBlock GetBucketRequestPayment GetBucketTagging GetBucketVersioning GetBucketWebsite
		GetEncryptionConfiguration GetLifecycleConfiguration GetReplicationConfiguration`)
	list(onBucket, strongroom.ActionConfigureBucket, `
		PutBucketAcl PutBucketCORS PutBucketObjectLockConfiguration PutBucketOwnershipControls PutBucketPolicy
		PutBucketPublicAccessBlock PutBucketTagging PutBucketVersioning PutEncryptionConfiguration
		PutLifecycleConfiguration`)
	// Not offered, whoever asks.
	list(onBucket, "", `
		CreateBucket DeleteBucketWebsite GetAnalyticsConfiguration GetIntelligentTieringConfiguration
		GetInventoryConfiguration GetMetricsConfiguration PutAccelerateConfiguration PutAnalyticsConfiguration
		PutBucketLogging PutBucketNotification PutBucketRequestPayment PutBucketWebsite
		PutIntelligentTieringConfiguration PutInventoryConfiguration PutMetricsConfiguration PutReplicationConfiguration`)
	list(onObject, "", `
		GetObjectTorrent GetObjectVersionForReplication GetObjectVersionTorrent InitiateReplication
		ObjectOwnerOverrideToBucketOwner PutObjectAcl PutObjectVersionAcl ReplicateDelete ReplicateObject
		ReplicateTags RestoreObject`)
	list(onAccount, "", `
		CreateAccessPoint CreateJob DescribeJob GetAccountPublicAccessBlock ListAccessPoints ListAllMyBuckets ListJobs
		PutAccountPublicAccessBlock`)
	return all
}()

// named lists the permissions that an Action element names. As in AWS, case does
// not count, * is any text and ? any one character.
func named(element string) []*permission {
	pattern, ok := "*", element == "*"
	if !ok {
		if len(element) < 3 || !strings.EqualFold(element[:3], "s3:") {
			return nil
		}
		pattern = strings.ToLower(element[3:])
	}
	var out []*permission
	for _, p := range permissions {
		if wildcard(pattern).matches(strings.ToLower(p.name)) {
			out = append(out, p)
		}
	}
	return out
}

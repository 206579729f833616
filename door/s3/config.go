package s3

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"strongroom"
)

const (
	maxConfiguration = 1 << 20 // bytes of an XML body that configures a bucket
	maxPolicy        = 20 << 10
	maxBucketTags    = 50
)

// configurations are the operations on what a bucket's owner configures.
func configurations() []operation {
	return []operation{
		{"GetBucketVersioning", bucketLevel, "GET", []string{"versioning"}, nil, (*exchange).getVersioning},
		{"PutBucketVersioning", bucketLevel, "PUT", []string{"versioning"}, nil, (*exchange).putVersioning},
		{"GetObjectLockConfiguration", bucketLevel, "GET", []string{"object-lock"}, nil, (*exchange).getLockRule},
		{"PutObjectLockConfiguration", bucketLevel, "PUT", []string{"object-lock"}, nil, (*exchange).putLockRule},
		{"GetBucketTagging", bucketLevel, "GET", []string{"tagging"}, nil, (*exchange).getBucketTags},
		{"PutBucketTagging", bucketLevel, "PUT", []string{"tagging"}, nil, (*exchange).putBucketTags},
		{"DeleteBucketTagging", bucketLevel, "DELETE", []string{"tagging"}, nil, (*exchange).deleteBucketTags},
		{"GetBucketEncryption", bucketLevel, "GET", []string{"encryption"}, nil, (*exchange).getEncryption},
		{"PutBucketEncryption", bucketLevel, "PUT", []string{"encryption"}, nil, (*exchange).putEncryption},
		{"DeleteBucketEncryption", bucketLevel, "DELETE", []string{"encryption"}, nil, (*exchange).deleteEncryption},
		{"GetBucketPolicy", bucketLevel, "GET", []string{"policy"}, nil, (*exchange).getPolicy},
		{"PutBucketPolicy", bucketLevel, "PUT", []string{"policy"}, nil, (*exchange).putPolicy},
		{"DeleteBucketPolicy", bucketLevel, "DELETE", []string{"policy"}, nil, (*exchange).deletePolicy},
		{"GetBucketPolicyStatus", bucketLevel, "GET", []string{"policyStatus"}, nil, (*exchange).policyStatus},
		{"GetPublicAccessBlock", bucketLevel, "GET", []string{"publicAccessBlock"}, nil, (*exchange).getAccessBlock},
		{"PutPublicAccessBlock", bucketLevel, "PUT", []string{"publicAccessBlock"}, nil, (*exchange).putAccessBlock},
		{"DeletePublicAccessBlock", bucketLevel, "DELETE", []string{"publicAccessBlock"}, nil, (*exchange).deleteAccessBlock},
		{"GetBucketOwnershipControls", bucketLevel, "GET", []string{"ownershipControls"}, nil, (*exchange).getOwnership},
		{"PutBucketOwnershipControls", bucketLevel, "PUT", []string{"ownershipControls"}, nil, (*exchange).putOwnership},
		{"GetBucketAcl", bucketLevel, "GET", []string{"acl"}, nil, (*exchange).getBucketACL},
		{"PutBucketAcl", bucketLevel, "PUT", []string{"acl"}, nil, (*exchange).putBucketACL},
		{"GetBucketCors", bucketLevel, "GET", []string{"cors"}, nil, (*exchange).getCORS},
		{"PutBucketCors", bucketLevel, "PUT", []string{"cors"}, nil, (*exchange).putCORS},
		{"DeleteBucketCors", bucketLevel, "DELETE", []string{"cors"}, nil, (*exchange).deleteCORS},
		{"GetBucketLifecycleConfiguration", bucketLevel, "GET", []string{"lifecycle"}, nil, (*exchange).getLifecycle},
		{"PutBucketLifecycleConfiguration", bucketLevel, "PUT", []string{"lifecycle"}, nil, (*exchange).putLifecycle},
		{"DeleteBucketLifecycle", bucketLevel, "DELETE", []string{"lifecycle"}, nil, (*exchange).deleteLifecycle},
		{"GetBucketRequestPayment", bucketLevel, "GET", []string{"requestPayment"}, nil, (*exchange).getPayer},
		{"PutBucketRequestPayment", bucketLevel, "PUT", []string{"requestPayment"}, nil, (*exchange).putPayer},
		{"GetBucketLogging", bucketLevel, "GET", []string{"logging"}, nil, emptyConfiguration("BucketLoggingStatus")},
		{"GetBucketAccelerateConfiguration", bucketLevel, "GET", []string{"accelerate"}, nil, emptyConfiguration("AccelerateConfiguration")},
	}
}

// read answers the bucket's configuration, for an operation without a body.
func (x *exchange) read() (strongroom.Bucket, error) {
	if err := x.noContent(); err != nil {
		return strongroom.Bucket{}, err
	}
	return x.room.ReadBucket(x.r.Context(), x.caller, x.bucket, x.op.name)
}

// configure changes the bucket's configuration and answers with the status.
func (x *exchange) configure(status int, change func(*strongroom.Bucket) error) error {
	if err := x.room.ConfigureBucket(x.r.Context(), x.caller, x.bucket, x.op.name, change); err != nil {
		return err
	}
	return x.done(status)
}

// remove is configure for an operation without a body.
func (x *exchange) remove(change func(*strongroom.Bucket)) error {
	if err := x.noContent(); err != nil {
		return err
	}
	return x.configure(http.StatusNoContent, func(b *strongroom.Bucket) error { change(b); return nil })
}

// parsed reads an XML body whose root is name.
func (x *exchange) parsed(name string) (*node, error) {
	data, _, err := x.document(maxConfiguration)
	if err != nil {
		return nil, err
	}
	return parseDocument(data, name, 1<<15)
}

// emptyConfiguration answers what is never configured here, to those who may read the
// bucket's configuration.
func emptyConfiguration(root string) func(*exchange) error {
	return func(x *exchange) error {
		if _, err := x.read(); err != nil {
			return err
		}
		var d document
		d.root(root, func() {})
		x.answer(http.StatusOK, &d)
		return nil
	}
}

func (x *exchange) getVersioning() error {
	b, err := x.read()
	if err != nil {
		return err
	}
	var d document
	d.root("VersioningConfiguration", func() {
		if b.Versioning != strongroom.Unversioned {
			d.text("Status", string(b.Versioning))
		}
	})
	x.answer(http.StatusOK, &d)
	return nil
}

func (x *exchange) putVersioning() error {
	root, err := x.parsed("VersioningConfiguration")
	if err != nil {
		return err
	}
	fields, err := root.fields("Status", "MfaDelete")
	if err != nil {
		return err
	}
	if fields["MfaDelete"] != "" && fields["MfaDelete"] != "Disabled" {
		return unsupported("MfaDelete")
	}
	status := strongroom.Versioning(fields["Status"])
	switch status {
	case strongroom.VersioningEnabled, strongroom.VersioningSuspended:
	case "":
		return refuse("IllegalVersioningConfigurationException", "the versioning configuration specified in the request is invalid: it has no Status")
	default:
		return malformed("Status must be Enabled or Suspended")
	}
	return x.configure(http.StatusOK, func(b *strongroom.Bucket) error {
		b.Versioning = status
		return nil
	})
}

func (x *exchange) getLockRule() error {
	b, err := x.read()
	if err != nil {
		return err
	}
	if b.Lock == nil {
		return refuse("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket.")
	}
	var d document
	d.root("ObjectLockConfiguration", func() {
		d.text("ObjectLockEnabled", "Enabled")
		if b.Lock.Mode == "" {
			return
		}
		d.element("Rule", func() {
			d.element("DefaultRetention", func() {
				d.text("Mode", string(b.Lock.Mode))
				if b.Lock.Days > 0 {
					d.number("Days", int64(b.Lock.Days))
				} else {
					d.number("Years", int64(b.Lock.Years))
				}
			})
		})
	})
	x.answer(http.StatusOK, &d)
	return nil
}

func (x *exchange) putLockRule() error {
	root, err := x.parsed("ObjectLockConfiguration")
	if err != nil {
		return err
	}
	rule, err := lockRule(root)
	if err != nil {
		return err
	}
	return x.configure(http.StatusOK, func(b *strongroom.Bucket) error {
		b.Lock = rule
		return nil
	})
}

// lockRule reads the body of PutObjectLockConfiguration.
func lockRule(root *node) (*strongroom.LockRule, error) {
	children, err := root.branch()
	if err != nil {
		return nil, err
	}
	rule, enabled := &strongroom.LockRule{}, false
	for _, c := range children {
		switch c.name {
		case "ObjectLockEnabled":
			v, err := c.leaf()
			if err != nil || v != "Enabled" {
				return nil, malformed("ObjectLockEnabled must be Enabled")
			}
			enabled = true
		case "Rule":
			inside, err := c.branch()
			if err != nil || len(inside) != 1 || inside[0].name != "DefaultRetention" {
				return nil, malformed("a Rule holds one DefaultRetention")
			}
			fields, err := inside[0].fields("Mode", "Days", "Years")
			if err != nil {
				return nil, err
			}
			if rule.Mode = strongroom.LockMode(fields["Mode"]); rule.Mode != strongroom.Governance && rule.Mode != strongroom.Compliance {
				return nil, malformed("Mode must be GOVERNANCE or COMPLIANCE")
			}
			days, years := fields["Days"], fields["Years"]
			if (days == "") == (years == "") {
				return nil, malformed("a DefaultRetention has either Days or Years")
			}
			n, err := strconv.Atoi(days + years)
			switch {
			case err != nil:
				return nil, malformed("Days and Years are numbers")
			case n <= 0:
				return nil, refuse("InvalidArgument", "Default retention period must be a positive integer value.")
			case days != "" && n > 36500 || years != "" && n > 100:
				return nil, refuse("InvalidArgument", "default retention period too large")
			case days != "":
				rule.Days = n
			default:
				rule.Years = n
			}
		default:
			return nil, malformed("ObjectLockConfiguration may hold ObjectLockEnabled and a Rule only")
		}
	}
	if !enabled {
		return nil, malformed("it has no ObjectLockEnabled")
	}
	return rule, nil
}

func (x *exchange) getBucketTags() error {
	b, err := x.read()
	if err != nil {
		return err
	}
	if len(b.Tags) == 0 {
		return refuse("NoSuchTagSet", "The TagSet does not exist.")
	}
	var d document
	d.root("Tagging", func() {
		d.element("TagSet", func() { d.tags(b.Tags) })
	})
	x.answer(http.StatusOK, &d)
	return nil
}

func (d *document) tags(tags []strongroom.Tag) {
	for _, t := range tags {
		d.element("Tag", func() {
			d.text("Key", t.Key)
			d.text("Value", t.Value)
		})
	}
}

func (x *exchange) putBucketTags() error {
	root, err := x.parsed("Tagging")
	if err != nil {
		return err
	}
	tags, err := tagging(root, maxBucketTags)
	if err != nil {
		return err
	}
	return x.configure(http.StatusNoContent, func(b *strongroom.Bucket) error {
		b.Tags = tags
		return nil
	})
}

func (x *exchange) deleteBucketTags() error {
	return x.remove(func(b *strongroom.Bucket) { b.Tags = nil })
}

// tagging reads a Tagging document of at most so many tags.
func tagging(root *node, most int) ([]strongroom.Tag, error) {
	children, err := root.branch()
	if err != nil || len(children) != 1 || children[0].name != "TagSet" {
		return nil, malformed("Tagging holds one TagSet")
	}
	set, err := children[0].branch()
	if err != nil {
		return nil, err
	}
	return tagSet(set, most)
}

// tagSet reads Tag elements, answered in order of key.
func tagSet(set []*node, most int) ([]strongroom.Tag, error) {
	var tags []strongroom.Tag
	for _, c := range set {
		if c.name != "Tag" {
			return nil, malformed("a TagSet may hold Tags only")
		}
		fields, err := c.fields("Key", "Value")
		if err != nil {
			return nil, err
		}
		tags = append(tags, strongroom.Tag{Key: fields["Key"], Value: fields["Value"]})
	}
	return checkTags(tags, most)
}

// checkTags holds tags against S3's limits and puts them in order of key.
func checkTags(tags []strongroom.Tag, most int) ([]strongroom.Tag, error) {
	if len(tags) > most {
		if most == maxBucketTags {
			return nil, refuse("BadRequest", "Bucket tag count cannot be greater than %d", most)
		}
		return nil, refuse("BadRequest", "Object tags cannot be greater than %d", most)
	}
	slices.SortStableFunc(tags, func(a, b strongroom.Tag) int { return strings.Compare(a.Key, b.Key) })
	for i, t := range tags {
		switch {
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:") && most == maxBucketTags:
			return nil, invalidTag("System tags cannot be added/updated by requester", t.Key)
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return nil, invalidTag("Your TagKey cannot be prefixed with aws:", t.Key)
		case t.Key == "" || utf8.RuneCountInString(t.Key) > 128 || !tagText(t.Key):
			return nil, invalidTag("The TagKey you have provided is invalid", t.Key)
		case utf8.RuneCountInString(t.Value) > 256 || !tagText(t.Value):
			f := invalidTag("The TagValue you have provided is invalid", t.Key)
			f.extra = append(f.extra, element{"TagValue", strings.ToValidUTF8(t.Value[:min(len(t.Value), maxKey)], "\ufffd")})
			return nil, f
		case i > 0 && tags[i-1].Key == t.Key:
			return nil, invalidTag("Cannot provide multiple Tags with the same key", t.Key)
		}
	}
	return tags, nil
}

// invalidTag says which tag is wrong, and how.
func invalidTag(message, key string) *failure {
	f := refuse("InvalidTag", "%s", message)
	f.extra = []element{{"TagKey", strings.ToValidUTF8(key[:min(len(key), maxKey)], "\ufffd")}}
	return f
}

// tagText reports whether a tag has letters, digits, spaces and _ . : / = + - @ only.
func tagText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsSpace(r) && !strings.ContainsRune("_.:/=+-@", r)
	})
}

func (x *exchange) getEncryption() error {
	b, err := x.read()
	if err != nil {
		return err
	}
	var d document
	d.root("ServerSideEncryptionConfiguration", func() {
		d.element("Rule", func() {
			d.element("ApplyServerSideEncryptionByDefault", func() {
				if b.Cipher == cipherS3 {
					d.text("SSEAlgorithm", cipherS3)
					return
				}
				d.text("SSEAlgorithm", cipherKMS)
				d.text("KMSMasterKeyID", x.room.Recipient(b.Custody))
			})
			d.boolean("BucketKeyEnabled", false)
		})
	})
	x.answer(http.StatusOK, &d)
	return nil
}

// Names of server-side encryption. Content is sealed alike under both: to the
// recipients of its custody class.
const (
	cipherS3  = "AES256"
	cipherKMS = "aws:kms"
)

func (x *exchange) putEncryption() error {
	root, err := x.parsed("ServerSideEncryptionConfiguration")
	if err != nil {
		return err
	}
	cipher, key, err := encryption(root)
	if err != nil {
		return err
	}
	return x.configure(http.StatusOK, func(b *strongroom.Bucket) error {
		if key != "" && !equal(key, x.room.Recipient(b.Custody)) {
			return refuse("InvalidArgument", "the bucket seals to another recipient than the KMSMasterKeyID you named; leave it out or name the bucket's")
		}
		b.Cipher = cipher
		return nil
	})
}

// encryption reads the body of PutBucketEncryption.
func encryption(root *node) (cipher, key string, err error) {
	rules, err := root.branch()
	if err != nil || len(rules) != 1 || rules[0].name != "Rule" {
		return "", "", malformed("ServerSideEncryptionConfiguration holds one Rule")
	}
	parts, err := rules[0].branch()
	if err != nil {
		return "", "", err
	}
	for _, p := range parts {
		switch p.name {
		case "ApplyServerSideEncryptionByDefault":
			fields, err := p.fields("SSEAlgorithm", "KMSMasterKeyID")
			if err != nil {
				return "", "", err
			}
			cipher, key = fields["SSEAlgorithm"], fields["KMSMasterKeyID"]
		case "BucketKeyEnabled":
			if v, err := p.leaf(); err != nil || v != "true" && v != "false" {
				return "", "", malformed("BucketKeyEnabled must be true or false")
			} else if v == "true" {
				return "", "", unsupported("a bucket key (BucketKeyEnabled): every object has a data key of its own")
			}
		case "BlockedEncryptionTypes":
			return "", "", unsupported(p.name)
		default:
			return "", "", malformed("a Rule may hold ApplyServerSideEncryptionByDefault and BucketKeyEnabled only")
		}
	}
	switch {
	case cipher != cipherS3 && cipher != cipherKMS:
		return "", "", malformed("SSEAlgorithm must be AES256 or aws:kms")
	case cipher == cipherS3 && key != "":
		return "", "", refuse("InvalidArgument", "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms")
	}
	return cipher, key, nil
}

func (x *exchange) deleteEncryption() error {
	return x.remove(func(b *strongroom.Bucket) { b.Cipher = "" })
}

func (x *exchange) getPolicy() error {
	b, err := x.read()
	if err != nil {
		return err
	}
	if b.Policy == nil {
		return noPolicy()
	}
	h := x.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b.Policy.Text)))
	x.header(http.StatusOK)
	x.w.Write([]byte(b.Policy.Text))
	return nil
}

func noPolicy() error {
	return refuse("NoSuchBucketPolicy", "The bucket policy does not exist.")
}

func (x *exchange) putPolicy() error {
	data, _, err := x.document(maxPolicy)
	if f := (*failure)(nil); err != nil {
		if f = asFailure(err); f.code == "MalformedXML" {
			return refuse("InvalidArgument", "the policy is larger than %d bytes", maxPolicy)
		}
		return err
	}
	if len(data) == 0 {
		return refuse("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'")
	}
	if err := x.room.SetBucketPolicy(x.r.Context(), x.caller, x.bucket, data); err != nil {
		return err
	}
	return x.done(http.StatusNoContent)
}

func (x *exchange) deletePolicy() error {
	if err := x.noContent(); err != nil {
		return err
	}
	if err := x.room.SetBucketPolicy(x.r.Context(), x.caller, x.bucket, nil); err != nil {
		return err
	}
	return x.done(http.StatusNoContent)
}

func (x *exchange) policyStatus() error {
	b, err := x.read()
	if err != nil {
		return err
	}
	if b.Policy == nil {
		return noPolicy()
	}
	var d document
	d.root("PolicyStatus", func() { d.boolean("IsPublic", b.Policy.Public) })
	x.answer(http.StatusOK, &d)
	return nil
}

func (x *exchange) getAccessBlock() error {
	b, err := x.read()
	if err != nil {
		return err
	}
	block := b.AccessBlock()
	if block == nil {
		return refuse("NoSuchPublicAccessBlockConfiguration", "the public access block configuration was not found")
	}
	var d document
	d.root("PublicAccessBlockConfiguration", func() {
		d.boolean("BlockPublicAcls", block.BlockACLs)
		d.boolean("IgnorePublicAcls", block.IgnoreACLs)
		d.boolean("BlockPublicPolicy", block.BlockPolicy)
		d.boolean("RestrictPublicBuckets", block.RestrictBuckets)
	})
	x.answer(http.StatusOK, &d)
	return nil
}

func (x *exchange) putAccessBlock() error {
	root, err := x.parsed("PublicAccessBlockConfiguration")
	if err != nil {
		return err
	}
	fields, err := root.fields("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
	if err != nil {
		return err
	}
	is := map[string]bool{}
	for name, v := range fields {
		if is[name], err = strconv.ParseBool(strings.ToLower(v)); err != nil {
			return malformed(name + " must be true or false")
		}
	}
	return x.configure(http.StatusOK, func(b *strongroom.Bucket) error {
		b.Access = &strongroom.PublicAccessBlock{
			BlockACLs: is["BlockPublicAcls"], IgnoreACLs: is["IgnorePublicAcls"],
			BlockPolicy: is["BlockPublicPolicy"], RestrictBuckets: is["RestrictPublicBuckets"],
		}
		return nil
	})
}

func (x *exchange) deleteAccessBlock() error {
	return x.remove(func(b *strongroom.Bucket) { b.Access = &strongroom.PublicAccessBlock{None: true} })
}

const ownerEnforced = "BucketOwnerEnforced"

func (x *exchange) getOwnership() error {
	if _, err := x.read(); err != nil {
		return err
	}
	var d document
	d.root("OwnershipControls", func() {
		d.element("Rule", func() { d.text("ObjectOwnership", ownerEnforced) })
	})
	x.answer(http.StatusOK, &d)
	return nil
}

func (x *exchange) putOwnership() error {
	root, err := x.parsed("OwnershipControls")
	if err != nil {
		return err
	}
	rules, err := root.branch()
	if err != nil || len(rules) != 1 || rules[0].name != "Rule" {
		return malformed("OwnershipControls holds one Rule")
	}
	fields, err := rules[0].fields("ObjectOwnership")
	if err != nil {
		return err
	}
	switch fields["ObjectOwnership"] {
	case ownerEnforced:
		return x.configure(http.StatusOK, func(*strongroom.Bucket) error { return nil })
	case "BucketOwnerPreferred", "ObjectWriter":
		return unsupported("an object ownership that brings access control lists into use (" + fields["ObjectOwnership"] + "): policy decides here, and BucketOwnerEnforced")
	}
	return malformed("ObjectOwnership must be BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter")
}

func (x *exchange) getBucketACL() error {
	if _, err := x.read(); err != nil {
		return err
	}
	x.answerACL()
	return nil
}

// answerACL answers the access control list that everything has where ownership is
// enforced: full control of the owner, the room.
func (x *exchange) answerACL() {
	id := x.room.ID().String()
	var d document
	d.root("AccessControlPolicy", func() {
		x.owner(&d, "Owner")
		d.element("AccessControlList", func() {
			d.element("Grant", func() {
				d.b = append(d.b, `<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">`...)
				d.text("ID", id)
				d.text("DisplayName", id)
				d.b = append(d.b, "</Grantee>"...)
				d.text("Permission", "FULL_CONTROL")
			})
		})
	})
	x.answer(http.StatusOK, &d)
}

func (x *exchange) putBucketACL() error {
	if err := x.sameACL(); err != nil {
		return err
	}
	return x.configure(http.StatusOK, func(*strongroom.Bucket) error { return nil })
}

// sameACL refuses an access control list, by header or body, that would change
// anything: what it asks for must be what there is.
func (x *exchange) sameACL() error {
	if err := x.checkACL(); err != nil {
		return err
	}
	data, _, err := x.document(maxConfiguration)
	if err != nil {
		return err
	}
	_, canned := x.fields["x-amz-acl"]
	switch {
	case canned && len(data) > 0:
		return refuse("UnexpectedContent", "this request does not support content")
	case canned:
		return nil
	case len(data) == 0:
		return refuse("MissingSecurityHeader", "your request was missing a required header: x-amz-acl, or an access control list as its body")
	}
	root, err := parseDocument(data, "AccessControlPolicy", 1024)
	if err != nil {
		return err
	}
	if !ownersOnly(root, x.room.ID().String()) {
		return refuse("AccessControlListNotSupported", "The bucket does not allow ACLs.")
	}
	return nil
}

// ownersOnly reports whether an access control list grants full control to the owner
// and nothing else.
func ownersOnly(root *node, owner string) bool {
	granted := false
	for _, c := range root.children {
		switch c.name {
		case "Owner":
			for _, f := range c.children {
				if f.name == "ID" && string(f.text) != owner {
					return false
				}
			}
		case "AccessControlList":
			for _, g := range c.children {
				for _, f := range g.children {
					switch {
					case f.name == "Permission" && string(f.text) != "FULL_CONTROL":
						return false
					case f.name == "Grantee":
						for _, id := range f.children {
							if id.name == "ID" && string(id.text) == owner {
								granted = true
							} else if id.name != "DisplayName" && id.name != "ID" || id.name == "ID" {
								return false
							}
						}
					}
				}
			}
		}
	}
	return granted
}

func (x *exchange) getPayer() error {
	if _, err := x.read(); err != nil {
		return err
	}
	var d document
	d.root("RequestPaymentConfiguration", func() { d.text("Payer", "BucketOwner") })
	x.answer(http.StatusOK, &d)
	return nil
}

func (x *exchange) putPayer() error {
	root, err := x.parsed("RequestPaymentConfiguration")
	if err != nil {
		return err
	}
	fields, err := root.fields("Payer")
	if err != nil {
		return err
	}
	switch fields["Payer"] {
	case "BucketOwner":
		return x.configure(http.StatusOK, func(*strongroom.Bucket) error { return nil })
	case "Requester":
		return unsupported("a requester who pays")
	}
	return malformed("Payer must be BucketOwner or Requester")
}

// fields reads an element that holds only leaves of the names given, each at most once.
func (n *node) fields(names ...string) (map[string]string, error) {
	children, err := n.branch()
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for _, c := range children {
		if !slices.Contains(names, c.name) {
			return nil, malformed(n.name + " may not hold " + clip(c.name))
		}
		if _, twice := fields[c.name]; twice {
			return nil, malformed(n.name + " holds " + c.name + " twice")
		}
		if fields[c.name], err = c.leaf(); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

// parseTime reads a time as XML documents have it (ISO 8601).
func parseTime(v string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, strings.TrimSpace(v)); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

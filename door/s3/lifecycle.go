package s3

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"strongroom"
)

const maxRules = 1000

func (x *exchange) getLifecycle() error {
	b, err := x.read()
	if err != nil {
		return err
	}
	if len(b.Lifecycle) == 0 {
		return refuse("NoSuchLifecycleConfiguration", "the lifecycle configuration does not exist")
	}
	var d document
	d.root("LifecycleConfiguration", func() {
		for _, r := range b.Lifecycle {
			d.element("Rule", func() { d.lifecycleRule(r) })
		}
	})
	x.w.Header().Set("x-amz-transition-default-minimum-object-size", "all_storage_classes_128K")
	x.answer(http.StatusOK, &d)
	return nil
}

func (d *document) lifecycleRule(r strongroom.LifecycleRule) {
	d.text("ID", r.ID)
	if r.Outer {
		d.text("Prefix", r.Prefix)
	} else {
		d.element("Filter", func() { d.lifecycleFilter(r) })
	}
	if r.Enabled {
		d.text("Status", "Enabled")
	} else {
		d.text("Status", "Disabled")
	}
	if r.Days > 0 || !r.Date.IsZero() || r.ExpiredMarkers {
		d.element("Expiration", func() {
			switch {
			case r.Days > 0:
				d.number("Days", int64(r.Days))
			case !r.Date.IsZero():
				d.time("Date", r.Date)
			default:
				d.boolean("ExpiredObjectDeleteMarker", true)
			}
		})
	}
	if r.NoncurrentDays > 0 {
		d.element("NoncurrentVersionExpiration", func() {
			d.number("NoncurrentDays", int64(r.NoncurrentDays))
			if r.NoncurrentKeep > 0 {
				d.number("NewerNoncurrentVersions", int64(r.NoncurrentKeep))
			}
		})
	}
	if r.AbortUploadDays > 0 {
		d.element("AbortIncompleteMultipartUpload", func() { d.number("DaysAfterInitiation", int64(r.AbortUploadDays)) })
	}
}

func (d *document) lifecycleFilter(r strongroom.LifecycleRule) {
	parts := len(r.Tags)
	for _, there := range []bool{r.Prefix != "", r.Larger != nil, r.Smaller != nil} {
		if there {
			parts++
		}
	}
	inside := func() {
		if r.Prefix != "" || parts == 0 {
			d.text("Prefix", r.Prefix)
		}
		d.tags(r.Tags)
		if r.Larger != nil {
			d.number("ObjectSizeGreaterThan", *r.Larger)
		}
		if r.Smaller != nil {
			d.number("ObjectSizeLessThan", *r.Smaller)
		}
	}
	if parts > 1 {
		d.element("And", inside)
	} else {
		inside()
	}
}

func (x *exchange) putLifecycle() error {
	if v, ok := x.fields["x-amz-transition-default-minimum-object-size"]; ok && v != "all_storage_classes_128K" && v != "varies_by_storage_class" {
		return refuse("InvalidRequest", "invalid TransitionDefaultMinimumObjectSize found: %s", clip(v))
	}
	root, err := x.parsed("LifecycleConfiguration")
	if err != nil {
		return err
	}
	rules, err := lifecycle(root)
	if err != nil {
		return err
	}
	return x.configure(http.StatusOK, func(b *strongroom.Bucket) error {
		b.Lifecycle = rules
		return nil
	})
}

func (x *exchange) deleteLifecycle() error {
	return x.remove(func(b *strongroom.Bucket) { b.Lifecycle = nil })
}

// tellExpiration says when a rule of the bucket has an object expire, if one has.
func (x *exchange) tellExpiration(o strongroom.Object) {
	if !o.Expires.IsZero() {
		x.w.Header().Set("x-amz-expiration", fmt.Sprintf("expiry-date=%q, rule-id=%q", o.Expires.UTC().Format(http.TimeFormat), url.PathEscape(o.ExpiresBy)))
	}
}

// lifecycle reads the body of PutBucketLifecycleConfiguration.
func lifecycle(root *node) ([]strongroom.LifecycleRule, error) {
	children, err := root.branch()
	if err != nil {
		return nil, err
	}
	if len(children) == 0 || len(children) > maxRules {
		return nil, malformed("a lifecycle configuration has 1 to " + strconv.Itoa(maxRules) + " rules")
	}
	var rules []strongroom.LifecycleRule
	seen := map[string]bool{}
	for _, c := range children {
		if c.name != "Rule" {
			return nil, malformed("LifecycleConfiguration may hold Rules only")
		}
		r, err := lifecycleRule(c)
		if err != nil {
			return nil, err
		}
		if r.ID == "" {
			r.ID = strongroom.NewID().String()
		}
		if seen[r.ID] {
			return nil, refuse("InvalidArgument", "rule ID must be unique. Found same ID for more than one rule")
		}
		seen[r.ID] = true
		rules = append(rules, r)
	}
	return rules, nil
}

func lifecycleRule(n *node) (strongroom.LifecycleRule, error) {
	var r strongroom.LifecycleRule
	children, err := n.branch()
	if err != nil {
		return r, err
	}
	status, filtered := "", false
	seen := map[string]bool{}
	for _, c := range children {
		if seen[c.name] && c.name != "Transition" && c.name != "NoncurrentVersionTransition" {
			return r, malformed("a Rule holds " + clip(c.name) + " twice")
		}
		seen[c.name] = true
		switch c.name {
		case "ID":
			if r.ID, err = c.leaf(); err == nil && utf8.RuneCountInString(r.ID) > maxRuleID {
				err = refuse("InvalidArgument", "ID length should not exceed allowed limit of %d", maxRuleID)
			}
		case "Status":
			status, err = c.leaf()
		case "Prefix":
			r.Outer = true
			r.Prefix, err = c.leaf()
		case "Filter":
			filtered = true
			err = lifecycleFilter(c, &r, false)
		case "Expiration":
			err = expiration(c, &r)
		case "NoncurrentVersionExpiration":
			err = noncurrent(c, &r)
		case "AbortIncompleteMultipartUpload":
			r.AbortUploadDays, err = days(c, "DaysAfterInitiation", "AbortIncompleteMultipartUpload")
		case "Transition", "NoncurrentVersionTransition":
			return r, refuse("InvalidStorageClass", "%s is not supported: the only storage class here is STANDARD", c.name)
		default:
			return r, malformed("a Rule may not hold " + clip(c.name))
		}
		if err != nil {
			return r, err
		}
	}
	switch {
	case status != "Enabled" && status != "Disabled":
		return r, malformed("the Status of a Rule must be Enabled or Disabled")
	case r.Outer == filtered:
		return r, malformed("a Rule has either a Filter or, in the older form, a Prefix")
	case len(r.Prefix) > maxKey:
		return r, refuse("InvalidRequest", "the maximum size of a prefix is %d", maxKey)
	case !seen["Expiration"] && !seen["NoncurrentVersionExpiration"] && !seen["AbortIncompleteMultipartUpload"]:
		return r, refuse("InvalidRequest", "at least one action needs to be specified in a rule")
	case r.AbortUploadDays > 0 && (len(r.Tags) > 0 || r.Larger != nil || r.Smaller != nil):
		return r, refuse("InvalidRequest", "AbortIncompleteMultipartUpload cannot be specified with Tags or object sizes")
	case r.ExpiredMarkers && len(r.Tags) > 0:
		return r, refuse("InvalidRequest", "ExpiredObjectDeleteMarker cannot be specified with Tags")
	case r.Larger != nil && r.Smaller != nil && *r.Larger+1 >= *r.Smaller:
		return r, refuse("InvalidRequest", "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'")
	}
	r.Enabled = status == "Enabled"
	return r, nil
}

// lifecycleFilter reads a Filter, or the And in it.
func lifecycleFilter(n *node, r *strongroom.LifecycleRule, and bool) error {
	children, err := n.branch()
	if err != nil {
		return err
	}
	if !and && len(children) > 1 {
		return malformed("a Filter has one condition, or several in an And")
	}
	seen := map[string]bool{}
	var tags []*node
	for _, c := range children {
		if seen[c.name] && c.name != "Tag" {
			return malformed("a Filter holds " + clip(c.name) + " twice")
		}
		seen[c.name] = true
		switch {
		case c.name == "Prefix":
			r.Prefix, err = c.leaf()
		case c.name == "Tag":
			tags = append(tags, c)
		case c.name == "ObjectSizeGreaterThan":
			r.Larger, err = size(c)
		case c.name == "ObjectSizeLessThan":
			r.Smaller, err = size(c)
		case c.name == "And" && !and:
			if len(c.children) < 2 {
				return malformed("an And has at least two conditions")
			}
			err = lifecycleFilter(c, r, true)
		default:
			return malformed("a Filter may not hold " + clip(c.name))
		}
		if err != nil {
			return err
		}
	}
	if len(tags) > 0 {
		r.Tags, err = tagSet(tags, maxBucketTags)
	}
	return err
}

func size(n *node) (*int64, error) {
	v, err := n.leaf()
	if err != nil {
		return nil, err
	}
	bytes, err := strconv.ParseInt(v, 10, 64)
	if err != nil || bytes < 0 {
		return nil, refuse("InvalidArgument", "%s must be a number of bytes", n.name)
	}
	return &bytes, nil
}

func expiration(n *node, r *strongroom.LifecycleRule) error {
	fields, err := n.fields("Days", "Date", "ExpiredObjectDeleteMarker")
	if err != nil {
		return err
	}
	if len(fields) != 1 {
		return malformed("an Expiration has one of Days, Date and ExpiredObjectDeleteMarker")
	}
	if v, ok := fields["Days"]; ok {
		r.Days, err = positive(v, "'Days' for Expiration action")
		return err
	}
	if v, ok := fields["Date"]; ok {
		at, ok := parseTime(v)
		if !ok {
			return malformed("Date is not a time")
		}
		if !at.Equal(at.Truncate(24 * time.Hour)) {
			return refuse("InvalidArgument", "'Date' must be at midnight GMT")
		}
		r.Date = at
		return nil
	}
	switch fields["ExpiredObjectDeleteMarker"] {
	case "true":
		r.ExpiredMarkers = true
	case "false":
	default:
		return malformed("ExpiredObjectDeleteMarker must be true or false")
	}
	return nil
}

func noncurrent(n *node, r *strongroom.LifecycleRule) error {
	fields, err := n.fields("NoncurrentDays", "NewerNoncurrentVersions")
	if err != nil {
		return err
	}
	v, ok := fields["NoncurrentDays"]
	if !ok {
		return malformed("a NoncurrentVersionExpiration has NoncurrentDays")
	}
	if r.NoncurrentDays, err = positive(v, "'NoncurrentDays' for NoncurrentVersionExpiration action"); err != nil {
		return err
	}
	if v, ok := fields["NewerNoncurrentVersions"]; ok {
		if r.NoncurrentKeep, err = positive(v, "'NewerNoncurrentVersions' for NoncurrentVersionExpiration action"); err == nil && r.NoncurrentKeep > 100 {
			err = refuse("InvalidArgument", "'NewerNoncurrentVersions' must be at most 100")
		}
	}
	return err
}

func days(n *node, name, action string) (int, error) {
	fields, err := n.fields(name)
	if err != nil {
		return 0, err
	}
	return positive(fields[name], "'"+name+"' for "+action+" action")
}

func positive(v, what string) (int, error) {
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n <= 0 {
		return 0, refuse("InvalidArgument", "%s must be a positive integer", what)
	}
	return int(n), nil
}

package reach

import (
	"maps"
	"slices"
	"strings"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
)

// resourceTag splits a condition key about a resource's tag, in lower case: aws:ResourceTag/team,
// ssm:resourceTag/team.
func resourceTag(key string) (service, tag string, ok bool) {
	service, tag, ok = strings.Cut(key, ":resourcetag/")
	return service, tag, ok && tag != ""
}

// tagsOf are the tags of what a step is done to, where the export holds all of them.
func (e *engine) tagsOf(t *target) (map[string]string, bool) {
	switch w := t.workload; {
	case w != nil && w.Kind == "ec2:instance":
		return w.Tags, w.State != "" && w.Instance != nil && strings.HasPrefix(w.Instance.ID, "i-") && len(w.Unknown) == 0
	case w != nil:
		// Of the rest, these come with their tags; others where somebody asked for them too.
		return w.Tags, w.Kind != "datapipeline:pipeline" && (len(w.Tags) > 0 || w.Kind == "codebuild:project" || w.Kind == "cloudformation:stack")
	case t.key != nil:
		return t.key.Tags.V, t.key.Tags.Known
	case t.kind == "role" && t.actor != nil && t.actor.role != nil:
		return t.actor.role.Tags, len(t.actor.role.Unknown) == 0
	case t.kind == "user" && t.actor != nil && t.actor.user != nil:
		return t.actor.user.Tags, len(t.actor.user.Unknown) == 0
	}
	return nil, false
}

// tagged are the condition keys of one action of a step, with those that policies ask about
// the target's tags; nil where there are none or the tags are not known.
func (e *engine) tagged(n *Need, t *target) map[string]string {
	// "You cannot use the tag on an IAM role to control access to who can pass that role" (IAM
	// User Guide, "Granting a user permissions to pass a role to an AWS service"): what becomes
	// of such a condition is not written.
	if len(e.resourceTags) == 0 || strings.EqualFold(n.Action, "iam:PassRole") {
		return nil
	}
	tags, known := e.tagsOf(t)
	if !known {
		return nil
	}
	service, _, _ := strings.Cut(strings.ToLower(n.Action), ":")
	instance := t.workload != nil && t.workload.Kind == "ec2:instance"
	var out map[string]string
	for key := range e.resourceTags {
		s, tag, _ := resourceTag(key)
		if s != "aws" && s != service && !(s == "ec2" && instance) && !(s == "iam" && t.kind == "role") {
			continue
		}
		values := []string{}
		for k, v := range tags {
			if strings.EqualFold(k, tag) {
				values = append(values, v)
			}
		}
		if len(values) > 1 || len(values) == 1 && values[0] == "" {
			continue // told apart by letter case alone, or empty: left open
		}
		if out == nil {
			if out = maps.Clone(n.Given); out == nil {
				out = map[string]string{}
			}
		}
		out[key] = strings.Join(values, "") // none: the key is absent
	}
	return out
}

// byTags is who may do an action of a step to a target, by its tags as they are; and, where
// somebody who is no administrator can change them, possibly by any others.
func (e *engine) byTags(n *Need, t *target, who func(*Need) *list) *list {
	given := e.tagged(n, t)
	if given == nil {
		return who(n)
	}
	now := *n
	now.Given = given
	l := who(&now)
	if most := who(n); most != l && e.retaggable(t) {
		return e.or(l, e.capped(most, Possible))
	}
	return l
}

// taggers are the actions that change tags, by the service of the resource.
var taggers = map[string][]string{
	"ec2:instance": {"ec2:CreateTags", "ec2:DeleteTags"},
	"role":         {"iam:TagRole", "iam:UntagRole"},
	"user":         {"iam:TagUser", "iam:UntagUser"},
	"key":          {"kms:TagResource", "kms:UntagResource"},
	// These take tags with each change of the resource.
	"codebuild:project":    {"codebuild:UpdateProject"},
	"cloudformation:stack": {"cloudformation:UpdateStack", "cloudformation:CreateChangeSet"},
}

// retaggable says whether somebody who is no administrator can change a target's tags.
func (e *engine) retaggable(t *target) bool {
	kind := t.kind
	if t.workload != nil {
		kind = t.workload.Kind
	}
	actions, ok := taggers[kind]
	if !ok {
		service, _, _ := strings.Cut(kind, ":")
		actions = []string{service + ":TagResource", service + ":UntagResource"}
	}
	return slices.ContainsFunc(actions, func(action string) bool {
		var l *list
		if t.key != nil {
			l = e.whoKeyAs(&Need{Action: action}, t.key, e.acting, nil)
		} else {
			l = e.whoOn(action, nil, t.arn)
		}
		return slices.ContainsFunc(l.entries, func(x entry) bool {
			c := e.classes[x.class]
			return c.told && c.rep != e.root && !e.administrator(c.rep)
		})
	})
}

// objectContext is what S3 tells a key about what it decrypts: the object's ARN, or the bucket's
// where that has a bucket key. Which one is decided when an object is stored, so a bucket may
// hold objects of both. (Amazon S3 User Guide, "Using server-side encryption with AWS KMS keys",
// "Encryption context".)
const objectContext = "kms:encryptioncontext:aws:s3:arn"

// maxContexts is how many values policies may ask of it; beyond that it is left open.
const maxContexts = 32

// whoKeyOf is whoKeyAs for a bucket's objects, by what S3 tells the key about them: surely who
// may with either, possibly who may with one, or with some object's.
func (e *engine) whoKeyOf(n *Need, k *account.Key, among *list, b *account.Bucket) *list {
	as := func(arn string) *list {
		with := *n
		if with.Given = maps.Clone(n.Given); with.Given == nil {
			with.Given = map[string]string{}
		}
		with.Given[objectContext] = arn
		return e.whoKeyAs(&with, k, among, b)
	}
	objects := iam.Of(iam.NewPattern(b.ARN + "/*"))
	bucket, any := as(b.ARN), as(b.ARN+"/strongroom-any-object")
	for _, v := range e.contexts {
		if strings.Contains(v, "${") {
			return e.whoKeyAs(n, k, among, b)
		}
		if arn, some := iam.Of(iam.NewPattern(v)).Intersect(objects).Example(); some == iam.Yes {
			any = e.or(any, as(arn))
		}
	}
	return e.or(e.and(bucket, any), e.capped(e.or(bucket, any), Possible))
}

// whoKey is who may do something with a key; for the objects of a bucket, if one is given.
func (e *engine) whoKey(n *Need, k *account.Key, among *list, b *account.Bucket) *list {
	return e.byTags(n, &target{kind: "key", arn: k.ARN, key: k}, func(n *Need) *list {
		if b != nil && len(e.contexts) > 0 && len(e.contexts) <= maxContexts {
			return e.whoKeyOf(n, k, among, b)
		}
		return e.whoKeyAs(n, k, among, b)
	})
}

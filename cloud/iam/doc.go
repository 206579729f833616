// Package iam evaluates AWS policies: identity, resource, boundary, session, organisation,
// endpoint and trust policies, for one request or for whole sets of resources, in three
// values. What it was not given makes an answer Unknown, never a yes or a no.
//
// It is pure: it reads no file and knows no account. Semantics follow the IAM User Guide
// (docs.aws.amazon.com/IAM/latest/UserGuide): "Policy evaluation logic", "IAM JSON policy
// elements: reference", "Condition operators" and "Global condition context keys".
package iam

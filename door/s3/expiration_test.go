package s3

import (
	"net/http"
	"testing"
	"time"

	"strongroom"
)

// Whoever stores, looks at or reads an object is told when a rule has it expire.
func TestExpirationIsTold(t *testing.T) {
	t.Parallel()
	r := openReal(t)
	r.bucket("calls", func(b *strongroom.Bucket) {
		versioned(b)
		b.Lifecycle = []strongroom.LifecycleRule{
			{ID: "two weeks", Enabled: true, Prefix: "tmp/", Days: 14},
			{ID: "later", Enabled: true, Days: 90, Tags: []strongroom.Tag{{Key: "kind", Value: "call"}}},
			{ID: "off", Days: 1},
		}
	})
	due := func(days int) string {
		return time.Now().UTC().AddDate(0, 0, days+1).Truncate(24 * time.Hour).Format(http.TimeFormat)
	}
	weeks, later := `expiry-date="`+due(14)+`", rule-id="two%20weeks"`, `expiry-date="`+due(90)+`", rule-id="later"`
	r.header(r.put("/calls/a", "x"), "x-amz-expiration", "")
	r.header(r.put("/calls/b", "x", "x-amz-tagging", "kind=call"), "x-amz-expiration", later)
	stored := r.put("/calls/tmp/a", "x", "x-amz-tagging", "kind=call")
	r.header(stored, "x-amz-expiration", weeks)
	r.header(r.want(call{method: "PUT", path: "/calls/tmp/b", headers: []string{"x-amz-copy-source", "/calls/a"}}, 200, ""), "x-amz-expiration", weeks)
	for _, method := range []string{"GET", "HEAD"} {
		r.header(r.want(call{method: method, path: "/calls/tmp/a"}, 200, ""), "x-amz-expiration", weeks)
	}
	// An older version does not expire by a rule for what is current.
	r.put("/calls/tmp/a", "y")
	r.header(r.want(call{path: "/calls/tmp/a?versionId=" + stored.headers.Get(versionHeader)}, 200, ""), "x-amz-expiration", "")
}

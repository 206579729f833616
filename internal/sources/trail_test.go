package sources_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/cloud/trail"
	"strongroom/internal/sources"
)

// A trail is read where it lies, whole files of any size, and nothing beside its prefix.
func TestTrailInBucket(t *testing.T) {
	client := newBucket(t, "trails")
	put := func(key string, body []byte) {
		t.Helper()
		if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("trails"), Key: &key, Body: bytes.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
	}
	file := func(from, to int) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		fmt.Fprint(z, `{"Records":[`)
		for i := from; i < to; i++ {
			if i > from {
				fmt.Fprint(z, ",")
			}
			fmt.Fprintf(z, `{"eventID":"%d","eventTime":"2026-11-02T08:15:30Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","userAgent":%q}`, i, strings.Repeat(fmt.Sprint(i), 200))
		}
		fmt.Fprint(z, `]}`)
		z.Close()
		return b.Bytes()
	}
	put("AWSLogs/1/CloudTrail/eu-west-1/2026/11/02/a.json.gz", file(0, 5000))
	put("AWSLogs/1/CloudTrail/eu-west-1/2026/11/03/b.json.gz", file(4990, 5010))
	put("AWSLogs/1/CloudTrail/eu-west-1/2026/11/03/c.txt", []byte("nothing"))
	put("AWSLogs/1/CloudTrail-Digest/eu-west-1/2026/11/03/d.json.gz", []byte("digest"))
	put("other/e.json.gz", file(6000, 6100))
	place, err := sources.OpenTrail(t.Context(), "s3://trails/AWSLogs/?"+url.Values{"endpoint": {peer.endpoint}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	r, err := trail.Read(t.Context(), []trail.Place{place}, func(*trail.Event) error { n++; return nil }, nil)
	if err != nil || n != 5010 || r.Duplicates != 10 || r.Files != 2 || r.PassedOver != 1 || len(r.Faults) != 0 {
		t.Errorf("%d events, %+v, %v", n, r, err)
	}
	missing, err := sources.OpenTrail(t.Context(), "s3://no-such-bucket/?"+url.Values{"endpoint": {peer.endpoint}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := trail.Read(t.Context(), []trail.Place{missing}, func(*trail.Event) error { return nil }, nil); err == nil || !strings.Contains(err.Error(), "NoSuchBucket") || !strings.Contains(err.Error(), "s3://no-such-bucket/") {
		t.Errorf("a bucket that is not there: %v", err)
	}
	if _, err := sources.OpenTrail(t.Context(), "s3://user:secret@trails/"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a secret in the location: %v", err)
	}
}

package sources

import (
	"context"
	"io"
	"iter"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/cloud/trail"
	"strongroom/know"
)

// OpenTrail opens where files of a trail lie: a path, or s3://bucket/prefix with the
// parameters that a source takes. It asks a server nothing yet.
func OpenTrail(ctx context.Context, location string) (trail.Place, error) {
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "s3" {
		return trail.Path(location)
	}
	if u.User != nil || u.Fragment != "" {
		return nil, bad(location, "it has a user or a fragment")
	}
	s, err := openS3(ctx, u, know.NewPacer(0))
	if err != nil {
		return nil, err
	}
	return trailBucket{s}, nil
}

// trailBucket is a prefix of a bucket with files of a trail.
type trailBucket struct{ s *S3 }

func (b trailBucket) String() string { return "s3://" + b.s.bucket + "/" + b.s.prefix }

func (b trailBucket) Files(ctx context.Context) iter.Seq2[trail.File, error] {
	return func(yield func(trail.File, error) bool) {
		for entry, err := range b.s.Walk(ctx, "") {
			if err == nil && !trail.HoldsEvents(entry.Name) {
				continue
			}
			if !yield(trail.File{Name: entry.Name, Size: entry.Size}, err) || err != nil {
				return
			}
		}
	}
}

func (b trailBucket) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	key := b.s.prefix + name
	out, err := b.s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.s.bucket, Key: &key})
	if err != nil {
		cancel(nil)
		return nil, explained(err)
	}
	body := &watched{ReadCloser: out.Body, cancel: cancel}
	body.timer = time.AfterFunc(stall, func() { cancel(errStalled) })
	return body, nil
}

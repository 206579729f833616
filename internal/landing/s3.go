package landing

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"strongroom/know/intake"
)

// stall is how long a body may bring nothing before it is given up.
const stall = time.Minute

// S3 is a bucket, or what lies under a prefix of it.
type S3 struct {
	client         *s3.Client
	bucket, prefix string
	// versioned: the server lists versions. Where it does not, a key has one state, told
	// from another by ETag, size and time.
	versioned bool
	// keeps: the bucket keeps versions now, or did; a null version is then removed by that
	// name, so that nothing takes its place.
	keeps bool
}

var _ intake.Source = (*S3)(nil)

// S3Config says which bucket, and how to reach it.
type S3Config struct {
	Bucket, Prefix string
	Endpoint       string // "" means AWS
	Region         string // "" means what the AWS tools would take, or us-east-1
	Profile        string // of the AWS configuration
	Plain          bool   // plain HTTP to another machine is meant
	Credentials    aws.CredentialsProvider
}

func openS3(ctx context.Context, u *url.URL) (*S3, error) {
	c := S3Config{Bucket: u.Host, Prefix: strings.TrimPrefix(u.Path, "/")}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, bad(u.String(), "its parameters cannot be read")
	}
	for name, values := range query {
		if len(values) != 1 {
			return nil, bad(u.String(), "a parameter stands twice")
		}
		switch v := values[0]; name {
		case "endpoint":
			c.Endpoint = v
		case "region":
			c.Region = v
		case "profile":
			c.Profile = v
		case "plain":
			c.Plain = v == "true"
		default:
			return nil, bad(u.String(), fmt.Sprintf("there is no parameter %q", name))
		}
	}
	return OpenS3(ctx, c)
}

// OpenS3 opens a bucket.
func OpenS3(ctx context.Context, c S3Config) (*S3, error) {
	if c.Bucket == "" {
		return nil, bad("s3://"+c.Prefix, "it names no bucket")
	}
	loaded, err := loadConfig(ctx, c.Region, c.Profile, c.Credentials)
	if err != nil {
		return nil, err
	}
	if c.Endpoint != "" {
		if err := checkEndpoint(c.Endpoint, c.Plain); err != nil {
			return nil, err
		}
	}
	s := &S3{bucket: c.Bucket, prefix: c.Prefix}
	s.client = s3.NewFromConfig(loaded, func(o *s3.Options) {
		if c.Endpoint != "" {
			o.BaseEndpoint = aws.String(c.Endpoint)
			o.UsePathStyle = true
		}
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenSupported
		o.DisableLogOutputChecksumValidationSkipped = true // intake then reads twice
	})
	return s, s.look(ctx)
}

func loadConfig(ctx context.Context, region, profile string, credentials aws.CredentialsProvider) (aws.Config, error) {
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.ResponseHeaderTimeout = stall
		t.MaxIdleConnsPerHost = 64
		t.DisableCompression = true // bytes as they lie there
	})
	options := []func(*config.LoadOptions) error{config.WithHTTPClient(client)}
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	if profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	if credentials != nil {
		options = append(options, config.WithCredentialsProvider(credentials))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return loaded, fmt.Errorf("reading the AWS configuration: %w", err)
	}
	if loaded.Region == "" {
		loaded.Region = "us-east-1"
	}
	return loaded, nil
}

// look finds out whether the server lists versions and whether the bucket keeps them.
func (s *S3) look(ctx context.Context) error {
	_, err := s.client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &s.bucket, Prefix: &s.prefix, MaxKeys: aws.Int32(1)})
	switch {
	case err == nil:
		s.versioned = true
	case !slices.Contains([]string{"NotImplemented", "MethodNotAllowed", "XNotImplemented", "InvalidArgument"}, code(err)):
		return fmt.Errorf("looking at s3://%s: %w", s.bucket, err)
	}
	status, err := s.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &s.bucket})
	// Who may not ask takes the bucket for one that keeps versions: then the null version
	// is removed by name, which is right in either.
	s.keeps = s.versioned && (err != nil || status.Status != "")
	return nil
}

func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// Name implements intake.Source.
func (s *S3) Name() string { return "s3://" + s.bucket }

// Bucket implements intake.Source.
func (s *S3) Bucket() string { return s.bucket }

// Prefix implements intake.Source.
func (s *S3) Prefix() string { return s.prefix }

// List implements intake.Source.
func (s *S3) List(ctx context.Context, prefix string) iter.Seq2[intake.Item, error] {
	if s.versioned {
		return s.listVersions(ctx, prefix)
	}
	return s.listObjects(ctx, prefix)
}

// decoder undoes the encoding that was asked for, if the server did it.
func decoder(t types.EncodingType) func(*string) (string, error) {
	if t != types.EncodingTypeUrl {
		return func(s *string) (string, error) { return aws.ToString(s), nil }
	}
	return func(s *string) (string, error) { return url.QueryUnescape(aws.ToString(s)) }
}

func (s *S3) listObjects(ctx context.Context, prefix string) iter.Seq2[intake.Item, error] {
	return func(yield func(intake.Item, error) bool) {
		in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix, EncodingType: types.EncodingTypeUrl}
		for {
			page, err := s.client.ListObjectsV2(ctx, in)
			if err != nil {
				yield(intake.Item{}, err)
				return
			}
			decode := decoder(page.EncodingType)
			for _, o := range page.Contents {
				key, err := decode(o.Key)
				if err != nil {
					yield(intake.Item{}, fmt.Errorf("reading a key: %w", err))
					return
				}
				if !yield(intake.Item{Key: key, Versions: []intake.Version{{
					Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified), ETag: strings.Trim(aws.ToString(o.ETag), `"`),
				}}}, nil) {
					return
				}
			}
			if !aws.ToBool(page.IsTruncated) || page.NextContinuationToken == nil {
				return
			}
			in.ContinuationToken = page.NextContinuationToken
		}
	}
}

// listVersions merges versions and delete markers, which a server tells apart, into keys.
func (s *S3) listVersions(ctx context.Context, prefix string) iter.Seq2[intake.Item, error] {
	type entry struct {
		key     string
		latest  bool
		version intake.Version
	}
	return func(yield func(intake.Item, error) bool) {
		in := &s3.ListObjectVersionsInput{Bucket: &s.bucket, Prefix: &prefix, EncodingType: types.EncodingTypeUrl}
		var current intake.Item // versions in the order listed, the newest first
		flush := func() bool {
			if len(current.Versions) == 0 {
				return true
			}
			slices.Reverse(current.Versions)
			item := current
			current = intake.Item{}
			// Of the markers that stay only the newest says something: that the key was deleted.
			last := len(item.Versions) - 1
			newest := item.Versions[last]
			item.Versions = slices.DeleteFunc(item.Versions, func(v intake.Version) bool { return v.Stays })
			if len(item.Versions) == 0 {
				return true
			}
			if newest.Stays {
				item.Versions = append(item.Versions, newest)
			}
			return yield(item, nil)
		}
		for {
			page, err := s.client.ListObjectVersions(ctx, in)
			if err != nil {
				yield(intake.Item{}, err)
				return
			}
			decode := decoder(page.EncodingType)
			var entries []entry
			for _, v := range page.Versions {
				key, e := decode(v.Key)
				err = errors.Join(err, e)
				entries = append(entries, entry{key, aws.ToBool(v.IsLatest), intake.Version{
					ID: aws.ToString(v.VersionId), Size: aws.ToInt64(v.Size), Modified: aws.ToTime(v.LastModified), ETag: strings.Trim(aws.ToString(v.ETag), `"`),
				}})
			}
			for _, v := range page.DeleteMarkers {
				key, e := decode(v.Key)
				err = errors.Join(err, e)
				entries = append(entries, entry{key, aws.ToBool(v.IsLatest), marker(aws.ToString(v.VersionId), aws.ToTime(v.LastModified))})
			}
			if err != nil {
				yield(intake.Item{}, fmt.Errorf("reading a key: %w", err))
				return
			}
			slices.SortStableFunc(entries, func(a, b entry) int {
				if a.key != b.key {
					return strings.Compare(a.key, b.key)
				}
				if a.latest != b.latest {
					if a.latest {
						return -1
					}
					return 1
				}
				return b.version.Modified.Compare(a.version.Modified)
			})
			for _, e := range entries {
				if e.key != current.Key && !flush() {
					return
				}
				current.Key = e.key
				current.Versions = append(current.Versions, e.version)
			}
			if !aws.ToBool(page.IsTruncated) || page.NextKeyMarker == nil {
				flush()
				return
			}
			// Markers come encoded like keys.
			after, err := decode(page.NextKeyMarker)
			if err != nil {
				yield(intake.Item{}, fmt.Errorf("reading a marker: %w", err))
				return
			}
			in.KeyMarker, in.VersionIdMarker = &after, page.NextVersionIdMarker
		}
	}
}

// versionID is how a version is named in a request; nil where there are no versions.
func (s *S3) versionID(v intake.Version) *string {
	if v.ID == "" || v.ID == "null" && !s.keeps {
		return nil
	}
	return &v.ID
}

// marker is a delete marker. A null one bears the same name as an object that is written
// in its place, so deleting it by that name could delete a recording, however late one
// looks: it stays. It holds nothing.
func marker(id string, modified time.Time) intake.Version {
	v := intake.Version{ID: id, Marker: true, Modified: modified}
	v.Stays = !fixed(v)
	return v
}

// fixed reports whether the version can never be another.
func fixed(v intake.Version) bool { return v.ID != "" && v.ID != "null" }

// Open implements intake.Source.
func (s *S3) Open(ctx context.Context, key string, v intake.Version) (*intake.Content, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	in := &s3.GetObjectInput{Bucket: &s.bucket, Key: &key, VersionId: s.versionID(v), ChecksumMode: types.ChecksumModeEnabled}
	if !fixed(v) && v.ETag != "" {
		in.IfMatch = aws.String(`"` + v.ETag + `"`)
	}
	out, err := s.client.GetObject(ctx, in)
	if err != nil {
		cancel(nil)
		return nil, gone(err)
	}
	if !fixed(v) && !same(v, out.ETag, out.ContentLength, out.LastModified) {
		out.Body.Close()
		cancel(nil)
		return nil, intake.ErrChanged
	}
	c := &intake.Content{
		Size: aws.ToInt64(out.ContentLength), ContentType: aws.ToString(out.ContentType), Headers: map[string]string{},
	}
	for name, value := range out.Metadata {
		if text, err := words.DecodeHeader(value); err == nil {
			value = text // S3 answers what is not ASCII in encoded words
		}
		c.Headers[strings.ToLower(name)] = value
	}
	body := &watched{ReadCloser: out.Body, cancel: cancel}
	body.timer = time.AfterFunc(stall, func() { cancel(fmt.Errorf("nothing came for %s", stall)) })
	if used, ok := s3.GetChecksumValidationMetadata(out.ResultMetadata); ok && len(used.AlgorithmsUsed) > 0 {
		c.Checked = true
	}
	// An ETag is the MD5 where the object came in one piece and was not encrypted with a
	// key of its own.
	if sum, err := hex.DecodeString(aws.ToString(trimmed(out.ETag))); err == nil && len(sum) == md5.Size &&
		out.SSECustomerAlgorithm == nil && (out.ServerSideEncryption == "" || out.ServerSideEncryption == types.ServerSideEncryptionAes256) {
		body.md5, body.want = md5.New(), sum
		c.Checked = true
	}
	c.ReadCloser = body
	return c, nil
}

var words mime.WordDecoder

func trimmed(etag *string) *string { return aws.String(strings.Trim(aws.ToString(etag), `"`)) }

// same compares what a response says with what was listed; a response tells times to the
// second.
func same(v intake.Version, etag *string, size *int64, modified *time.Time) bool {
	return *trimmed(etag) == v.ETag && aws.ToInt64(size) == v.Size && aws.ToTime(modified).Truncate(time.Second).Equal(v.Modified.Truncate(time.Second))
}

func gone(err error) error {
	if e, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		switch e.HTTPStatusCode() {
		case http.StatusNotFound:
			return fmt.Errorf("%w: %w", intake.ErrGone, err)
		case http.StatusPreconditionFailed:
			return fmt.Errorf("%w: %w", intake.ErrChanged, err)
		}
	}
	return err
}

// watched is a body that must keep coming, and must have the MD5 announced.
type watched struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
	timer  *time.Timer
	md5    hash.Hash
	want   []byte
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.timer.Reset(stall)
	if w.md5 != nil {
		w.md5.Write(p[:n])
		if err == io.EOF && string(w.md5.Sum(nil)) != string(w.want) {
			return n, fmt.Errorf("%w: its MD5 is not the ETag", intake.ErrAltered)
		}
	}
	if err != nil && err != io.EOF && strings.Contains(err.Error(), "checksum did not match") {
		err = fmt.Errorf("%w: %w", intake.ErrAltered, err)
	}
	return n, err
}

func (w *watched) Close() error {
	w.timer.Stop()
	defer w.cancel(nil)
	return w.ReadCloser.Close()
}

// Delete implements intake.Source. Versions with an id of their own go by that id; what
// can be overwritten goes only as long as it is what was listed: the server is asked
// just before and, where it has no versions, told as well. A marker that can be
// overwritten stays.
func (s *S3) Delete(ctx context.Context, key string, versions []intake.Version) error {
	var named []types.ObjectIdentifier
	for _, v := range versions {
		if v.Marker && !fixed(v) {
			continue
		}
		if fixed(v) {
			named = append(named, types.ObjectIdentifier{Key: &key, VersionId: &v.ID})
			continue
		}
		if err := s.deleteIfSame(ctx, key, v); err != nil {
			return err
		}
	}
	if len(named) == 1 {
		_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key, VersionId: named[0].VersionId})
		return deleting(err)
	}
	for some := range slices.Chunk(named, 1000) {
		out, err := s.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &s.bucket, Delete: &types.Delete{Objects: some, Quiet: aws.Bool(true)}})
		if err != nil {
			return deleting(err)
		}
		for _, e := range out.Errors {
			if c := aws.ToString(e.Code); c != "NoSuchVersion" && c != "NoSuchKey" {
				return fmt.Errorf("deleting a version at the source: %s: %s", c, aws.ToString(e.Message))
			}
		}
	}
	return nil
}

func deleting(err error) error {
	err = gone(err)
	if err == nil || errors.Is(err, intake.ErrGone) {
		return nil
	}
	return fmt.Errorf("deleting at the source: %w", err)
}

func (s *S3) deleteIfSame(ctx context.Context, key string, v intake.Version) error {
	head, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key, VersionId: s.versionID(v)})
	if err = gone(err); errors.Is(err, intake.ErrGone) {
		return nil
	} else if err != nil {
		return fmt.Errorf("looking at the source before deleting there: %w", err)
	}
	if !same(v, head.ETag, head.ContentLength, head.LastModified) {
		return intake.ErrChanged
	}
	in := &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key, VersionId: s.versionID(v)}
	if in.VersionId == nil && v.ETag != "" {
		in.IfMatch = aws.String(`"` + v.ETag + `"`)
	}
	_, err = s.client.DeleteObject(ctx, in)
	return deleting(err)
}

// Tags implements intake.Source.
func (s *S3) Tags(ctx context.Context, key string, v intake.Version) (map[string]string, error) {
	out, err := s.client.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &s.bucket, Key: &key, VersionId: s.versionID(v)})
	switch code(err) {
	case "":
	case "NotImplemented", "MethodNotAllowed", "NoSuchTagSet", "NoSuchTagSetError":
		return nil, nil // this server has none
	case "AccessDenied":
		return nil, nil // without the right to read tags there are none for us
	}
	if err != nil {
		return nil, gone(err)
	}
	tags := map[string]string{}
	for _, t := range out.TagSet {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags, nil
}

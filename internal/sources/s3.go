package sources

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"strongroom/know"
)

// stall is how long an answer, or a body, may bring nothing before it is given up.
const stall = time.Minute

// S3 is a bucket, or what lies under a prefix of it.
type S3 struct {
	client         *s3.Client
	bucket, prefix string
	pacer          *know.Pacer
}

// S3Config says which bucket, and how to reach it.
type S3Config struct {
	Bucket, Prefix string
	Endpoint       string // "" means AWS
	Region         string // "" means what the AWS tools would take, or us-east-1
	Profile        string // of the AWS configuration
	Plain          bool   // plain HTTP to another machine is meant
	Credentials    aws.CredentialsProvider
}

func parseS3(u *url.URL) (S3Config, error) {
	c := S3Config{Bucket: u.Host, Prefix: strings.TrimPrefix(u.Path, "/")}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return c, bad(u.String(), "its parameters cannot be read")
	}
	for name, values := range query {
		if len(values) != 1 {
			return c, bad(u.String(), "a parameter stands twice")
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
			return c, bad(u.String(), fmt.Sprintf("there is no parameter %q", name))
		}
	}
	if c.Bucket == "" {
		return c, bad(u.String(), "it names no bucket")
	}
	if c.Endpoint != "" {
		at, err := url.Parse(c.Endpoint)
		if err != nil || at.Host == "" || at.User != nil || at.Scheme != "http" && at.Scheme != "https" {
			return c, bad(u.String(), "its endpoint is no address of a server: it begins with http:// or https:// and names no user")
		}
		if ip := net.ParseIP(at.Hostname()); at.Scheme == "http" && !c.Plain && at.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return c, bad(u.String(), "its endpoint is plain HTTP, and what is read would cross the network readable: use https, or say plain=true if that network is yours")
		}
	}
	return c, nil
}

func openS3(ctx context.Context, u *url.URL, pacer *know.Pacer) (*S3, error) {
	c, err := parseS3(u)
	if err != nil {
		return nil, err
	}
	return OpenS3(ctx, c, pacer)
}

// OpenS3 opens a bucket. It asks the server nothing yet.
func OpenS3(ctx context.Context, c S3Config, pacer *know.Pacer) (*S3, error) {
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.ResponseHeaderTimeout = stall
		t.DisableCompression = true // bytes as they lie there
	})
	options := []func(*config.LoadOptions) error{config.WithHTTPClient(client)}
	if c.Region != "" {
		options = append(options, config.WithRegion(c.Region))
	}
	if c.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(c.Profile))
	}
	if c.Credentials != nil {
		options = append(options, config.WithCredentialsProvider(c.Credentials))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("reading the AWS configuration: %w", err)
	}
	if loaded.Region == "" {
		loaded.Region = "us-east-1"
	}
	s := &S3{bucket: c.Bucket, prefix: c.Prefix, pacer: pacer}
	s.client = s3.NewFromConfig(loaded, func(o *s3.Options) {
		if c.Endpoint != "" {
			o.BaseEndpoint = aws.String(c.Endpoint)
			o.UsePathStyle = true
		}
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired // only a beginning is read
		o.DisableLogOutputChecksumValidationSkipped = true
	})
	return s, nil
}

// Close implements know.Place.
func (s *S3) Close() error { return nil }

// Describe implements know.Place.
func (s *S3) Describe() []string {
	return []string{"older versions, delete markers and unfinished uploads of the bucket", "what is written while the scan runs, under keys that it has passed"}
}

// PerRequest implements know.Place.
func (s *S3) PerRequest() int64 { return 1000 }

// Priced implements know.Place.
func (s *S3) Priced() bool { return true }

// Walk implements know.Place: in order of key. Names are keys behind the prefix.
func (s *S3) Walk(ctx context.Context, after string) iter.Seq2[know.Entry, error] {
	return func(yield func(know.Entry, error) bool) {
		in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &s.prefix, EncodingType: types.EncodingTypeUrl}
		last := ""
		if after != "" {
			last = s.prefix + after
			in.StartAfter = &last
		}
		fail := func(err error) { yield(know.Entry{}, err) }
		for {
			if err := s.pacer.Wait(ctx); err != nil {
				fail(err)
				return
			}
			page, err := s.client.ListObjectsV2(ctx, in)
			if err != nil {
				fail(explained(err))
				return
			}
			for _, o := range page.Contents {
				key := aws.ToString(o.Key)
				if page.EncodingType == types.EncodingTypeUrl {
					if key, err = url.QueryUnescape(key); err != nil {
						fail(fmt.Errorf("reading a key: %w", err))
						return
					}
				}
				if key <= last && last != "" || !strings.HasPrefix(key, s.prefix) {
					// Going on after a break relies on the order.
					fail(errors.New("the server does not list keys in order, or not those asked for, so that nothing would say which were counted"))
					return
				}
				last = key
				name := strings.TrimPrefix(key, s.prefix)
				if name == "" {
					continue // the prefix itself, a marker that some tools write
				}
				if !yield(know.Entry{Name: name, Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified)}, nil) {
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

// explained puts a server's word before what the SDK makes of it.
func explained(err error) error {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return fmt.Errorf("the server answers %s: %s", e.ErrorCode(), e.ErrorMessage())
	}
	return err
}

// Open implements know.Place.
func (s *S3) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	key := s.prefix + name
	// One byte more than is read tells whether there is more.
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key, Range: aws.String(fmt.Sprintf("bytes=0-%d", know.HeadBytes))})
	if err != nil {
		defer cancel(nil)
		t := know.TroubleError
		if e, ok := errors.AsType[smithy.APIError](err); ok {
			switch e.ErrorCode() {
			case "InvalidRange": // it is empty
				return io.NopCloser(strings.NewReader("")), nil
			case "AccessDenied", "Forbidden":
				t = know.TroublePermission
			case "NoSuchKey", "NotFound":
				t = know.TroubleGone
			case "InvalidObjectState":
				t = know.TroubleArchived
			}
			err = explained(err)
		} else if _, ok := errors.AsType[*awshttp.ResponseError](err); !ok {
			return nil, err
		}
		return nil, &know.Troubled{Trouble: t, Cause: err}
	}
	b := &watched{ReadCloser: out.Body, cancel: cancel}
	b.timer = time.AfterFunc(stall, func() { cancel(errStalled) })
	return b, nil
}

var errStalled = fmt.Errorf("nothing came for %s", stall)

// watched is a body that must keep coming.
type watched struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.timer.Reset(stall)
	return n, err
}

func (w *watched) Close() error {
	w.timer.Stop()
	defer w.cancel(nil)
	return w.ReadCloser.Close()
}

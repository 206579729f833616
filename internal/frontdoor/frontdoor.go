// Package frontdoor reaches a room that another process serves, through its S3 door and
// as one access key, for programs that store and read back. It sends a body once and
// never again by itself: whoever stores looks first what is there. What the door
// refuses comes back as the errors that a room in the same process would give.
package frontdoor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"strongroom"
	"strongroom/know/intake"
)

// Door is a room's S3 door.
type Door struct {
	client *s3.Client
	name   string
}

var _ intake.Store = (*Door)(nil)

// Config says where the door is and who knocks.
type Config struct {
	URL        string // https://strongroom.example:7480
	KeyID      string
	Secret     string
	Principal  string // whose access key it is
	Purpose    string // given with each read
	Plain      bool   // plain HTTP to another machine is meant
	HTTPClient *http.Client
}

// Open prepares to reach a door; nothing is sent yet.
func Open(c Config) (*Door, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil, invalid(fmt.Sprintf("%q is no address of an S3 door: it begins with http:// or https:// and names no user", c.URL))
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && !c.Plain && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, invalid(c.URL + " is plain HTTP: content would cross the network readable")
	}
	if c.KeyID == "" || c.Secret == "" {
		return nil, invalid("an access key of the room is needed")
	}
	client := c.HTTPClient
	if client == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = 64
		transport.ResponseHeaderTimeout = 5 * time.Minute
		transport.DisableCompression = true
		transport.ExpectContinueTimeout = 10 * time.Second
		client = &http.Client{Transport: transport}
	}
	credentials := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: c.KeyID, SecretAccessKey: c.Secret, Source: "strongroom"}, nil
	})
	return &Door{name: c.Principal, client: s3.New(s3.Options{
		BaseEndpoint: &c.URL, Region: "us-east-1", UsePathStyle: true, Credentials: credentials, HTTPClient: client,
		// The door says no before the body is sent, and would cut off one under way.
		ContinueHeaderThresholdBytes: 64 << 10,
		RequestChecksumCalculation:   aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation:   aws.ResponseChecksumValidationWhenRequired,
		APIOptions: []func(*middleware.Stack) error{
			smithyhttp.AddHeaderValue("X-Strongroom-Purpose", url.PathEscape(c.Purpose)),
		},
	})}, nil
}

func invalid(message string) error {
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: message}
}

var words mime.WordDecoder

// Name implements intake.Store.
func (d *Door) Name() string { return d.name }

// Put implements intake.Store.
func (d *Door) Put(ctx context.Context, o intake.Object, body io.Reader) error {
	in := &s3.PutObjectInput{
		Bucket: &o.Bucket, Key: &o.Key, Body: body, ContentLength: &o.Size, Metadata: o.Meta, IfNoneMatch: aws.String("*"),
	}
	if o.ContentType != "" {
		in.ContentType = &o.ContentType
	}
	_, err := d.client.PutObject(ctx, in, func(options *s3.Options) {
		options.RetryMaxAttempts = 1 // the body comes once
		options.APIOptions = append(options.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
	})
	if _, answered := errors.AsType[smithy.APIError](err); err != nil && !answered && ctx.Err() == nil {
		// The answer was lost on the way: to a body that was stored, or to one that was
		// refused and cut off. Either way it shows whether there is an object.
		if _, headErr := d.Head(ctx, o.Bucket, o.Key); headErr == nil {
			return fmt.Errorf("%w: %w", intake.ErrExists, err)
		}
	}
	return translate(err)
}

// Head implements intake.Store.
func (d *Door) Head(ctx context.Context, bucket, key string) (intake.Object, error) {
	out, err := d.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	if e, ok := errors.AsType[*awshttp.ResponseError](err); ok && (e.HTTPStatusCode() == http.StatusForbidden || e.HTTPStatusCode() == http.StatusNotFound) {
		return intake.Object{}, fmt.Errorf("%w: %w", intake.ErrHidden, translate(err))
	}
	if err != nil {
		return intake.Object{}, translate(err)
	}
	o := intake.Object{Bucket: bucket, Key: key, Size: aws.ToInt64(out.ContentLength), Meta: map[string]string{}}
	for name, value := range out.Metadata {
		if text, err := words.DecodeHeader(value); err == nil {
			value = text // S3 answers what is not ASCII in encoded words
		}
		o.Meta[strings.ToLower(name)] = value
	}
	return o, nil
}

// Read implements intake.Store.
func (d *Door) Read(ctx context.Context, bucket, key string, w io.Writer) error {
	out, err := d.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return translate(err)
	}
	defer out.Body.Close()
	n, err := io.Copy(w, out.Body)
	if err == nil && n != aws.ToInt64(out.ContentLength) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// kinds translates the door's error codes back.
var kinds = map[string]strongroom.Kind{
	"AccessDenied": strongroom.KindDenied, "InvalidAccessKeyId": strongroom.KindDenied, "SignatureDoesNotMatch": strongroom.KindDenied,
	"NoSuchBucket": strongroom.KindNoBucket, "NoSuchKey": strongroom.KindNoObject, "EntityTooLarge": strongroom.KindTooLarge,
	"OperationAborted": strongroom.KindConflict, "ConditionalRequestConflict": strongroom.KindConflict, "SlowDown": strongroom.KindBusy,
	"ServiceUnavailable": strongroom.KindUnavailable, "InternalError": strongroom.KindUnavailable,
}

func translate(err error) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return fmt.Errorf("asking the room's door: %w", err)
	}
	if e.ErrorCode() == "PreconditionFailed" {
		return intake.ErrExists
	}
	kind := kinds[e.ErrorCode()]
	if kind == "" {
		return fmt.Errorf("asking the room's door: %s: %s", e.ErrorCode(), e.ErrorMessage())
	}
	return &strongroom.Error{Kind: kind, Message: "the room's door says: " + e.ErrorMessage()}
}

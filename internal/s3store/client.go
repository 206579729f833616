package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// limits bound what a request may cost.
type limits struct {
	attempts int           // of one request
	backoff  time.Duration // the longest pause between two; each is random up to its bound
	stall    time.Duration // no byte sent or received while one is waited for
	attempt  time.Duration // a whole attempt, unless its answer is a blob
	idle     time.Duration // for which a small blob is kept for its reader's next read
	pause    time.Duration // for which a stream is kept: some servers lock the object meanwhile
	held     int64         // bytes that idle readers keep together
	page     int32         // names asked for at once
}

var usual = limits{
	attempts: 5, backoff: 5 * time.Second, stall: 20 * time.Second, attempt: 5 * time.Minute,
	idle: 10 * time.Second, pause: time.Second, held: 64 << 20, page: 1000,
}

// The room's own access key has the AWS names in the environment of most commands, so the
// bucket's can have names of their own.
const (
	envKeyID   = "STRONGROOM_BLOBS_ACCESS_KEY_ID"
	envSecret  = "STRONGROOM_BLOBS_SECRET_ACCESS_KEY"
	envSession = "STRONGROOM_BLOBS_SESSION_TOKEN"
)

// client makes the two clients: with the credentials of the environment or the machine's
// role, and as nobody.
func client(ctx context.Context, l Location, given aws.CredentialsProvider, lim limits) (known, nobody *s3.Client, err error) {
	options := []func(*config.LoadOptions) error{config.WithRegion(l.Region), config.WithLogger(logging.Nop{})} // what matters is in the errors
	if given == nil && os.Getenv(envKeyID) != "" {
		given = credentials.NewStaticCredentialsProvider(os.Getenv(envKeyID), os.Getenv(envSecret), os.Getenv(envSession))
	}
	if given != nil {
		options = append(options, config.WithCredentialsProvider(given))
	}
	c, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the configuration for %s: %w", l.where(), err)
	}
	attempts := &attempts{limits: lim, next: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		MaxIdleConnsPerHost:   128,
		IdleConnTimeout:       15 * time.Second,
		ReadBufferSize:        32 << 10,
		WriteBufferSize:       32 << 10,
		DisableCompression:    true,
	}}
	// One retryer for all requests: its tokens bound how many are tried again at once.
	retryer := retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff = lim.attempts, lim.backoff
		o.Retryables = append(o.Retryables, retry.RetryableErrorCode{Codes: map[string]struct{}{
			// What came is not what was sent, or came in part: something on the way.
			"BadDigest": {}, "XAmzContentSHA256Mismatch": {}, "IncompleteBody": {},
			"InternalError": {}, "ServiceUnavailable": {}, "OperationAborted": {},
		}})
	})
	known = s3.NewFromConfig(c, func(o *s3.Options) {
		o.BaseEndpoint = nil // never that of the environment: it may be this very room's
		if l.Endpoint != "" {
			o.BaseEndpoint = &l.Endpoint
		}
		o.UsePathStyle = l.Endpoint != ""
		o.Region = l.Region
		o.HTTPClient = attempts
		o.Retryer = retryer
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired // the writer has them
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.DisableLogOutputChecksumValidationSkipped = true
		if l.Owner != "" {
			o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue("X-Amz-Expected-Bucket-Owner", l.Owner))
		}
	})
	o := known.Options()
	o.Credentials = aws.AnonymousCredentials{}
	return known, s3.New(o), nil
}

// attempts sends one attempt of a request, and gives it up when nothing moves.
type attempts struct {
	limits
	next http.RoundTripper
}

// streamed marks the requests whose answer is read as slowly as its reader likes.
type streamed struct{}

func streaming(ctx context.Context) context.Context { return context.WithValue(ctx, streamed{}, true) }

// maxAnswer bounds an answer that is no blob.
const maxAnswer = 16 << 20

// stalledError is a time-out of an attempt, not of its request.
type stalledError struct{ after time.Duration }

func (e stalledError) Error() string   { return fmt.Sprintf("nothing moved for %v", e.after) }
func (e stalledError) Timeout() bool   { return true }
func (e stalledError) Temporary() bool { return true }

func (a *attempts) Do(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	w := &watch{after: a.stall}
	w.timer = time.AfterFunc(a.stall, func() { cancel(stalledError{a.stall}) })
	whole := time.AfterFunc(a.attempt, func() { cancel(stalledError{a.attempt}) })
	r = r.WithContext(ctx)
	sent := make(chan struct{})
	if r.Body == nil || r.Body == http.NoBody {
		close(sent)
	} else {
		// A retry by the transport itself would read a body that is no longer at its start.
		r.GetBody = nil
		r.Body = &sendBody{ReadCloser: r.Body, watch: w, closed: sync.OnceFunc(func() { close(sent) })}
	}
	end := func() {
		w.timer.Stop()
		whole.Stop()
		cancel(context.Canceled)
		<-sent // whoever goes on has the body to themselves
	}
	answer, err := a.next.RoundTrip(r)
	if err != nil {
		if stalled, ok := errors.AsType[stalledError](context.Cause(ctx)); ok {
			err = stalled
		}
		end()
		return nil, err
	}
	w.timer.Stop()
	body := &receiveBody{body: answer.Body, ctx: ctx, watch: w, end: sync.OnceFunc(end), left: maxAnswer}
	if r.Context().Value(streamed{}) != nil && answer.StatusCode < 300 {
		whole.Stop()
		body.left = 1 << 62
	}
	answer.Body = body
	return answer, nil
}

// watch is a timer that runs while a byte is waited for.
type watch struct {
	after time.Duration
	timer *time.Timer
}

type sendBody struct {
	io.ReadCloser
	watch  *watch
	closed func()
}

func (b *sendBody) Read(p []byte) (int, error) {
	b.watch.timer.Reset(b.watch.after)
	return b.ReadCloser.Read(p)
}

func (b *sendBody) Close() error {
	defer b.closed()
	return b.ReadCloser.Close()
}

type receiveBody struct {
	body  io.ReadCloser
	ctx   context.Context
	watch *watch
	end   func()
	left  int64
}

func (b *receiveBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the answer is longer than any is")
	}
	b.watch.timer.Reset(b.watch.after)
	n, err := b.body.Read(p[:min(int64(len(p)), b.left)])
	b.watch.timer.Stop()
	b.left -= int64(n)
	if err != nil && err != io.EOF {
		if stalled, ok := errors.AsType[stalledError](context.Cause(b.ctx)); ok {
			err = stalled
		}
	}
	return n, err
}

func (b *receiveBody) Close() error {
	err := b.body.Close()
	b.end()
	return err
}

// code is the error code that the server answered, or its status where it gave none.
func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

func status(err error) int {
	if e, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return e.HTTPStatusCode()
	}
	return 0
}

// absent: the object is not there. A bucket that is not there is another matter.
func absent(err error) bool {
	c := code(err)
	return c == "NoSuchKey" || c == "NotFound" && status(err) == http.StatusNotFound
}

package aws

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"strongroom"
)

// limits bound what asking costs.
type limits struct {
	attempts int           // of one request
	backoff  time.Duration // the first pause between two; doubles, is random, and has a bound
	longest  time.Duration
	attempt  time.Duration // one attempt
	rate     int           // requests a second
	parallel int
}

var usual = limits{attempts: 6, backoff: 200 * time.Millisecond, longest: 20 * time.Second, attempt: time.Minute, rate: 25, parallel: 8}

const maxAnswer = 60 << 20 // one answer; a line of a snapshot takes 64 MiB

// Client asks with the credentials that the AWS SDK finds: environment, profile, role of the
// machine.
type Client struct {
	config   aws.Config
	limits   limits
	http     *http.Client
	signer   *v4.Signer
	tick     <-chan time.Time
	stop     func()
	mu       sync.Mutex
	requests int
}

// New finds credentials and a region. Close ends it.
func New(ctx context.Context, profile, region string) (*Client, error) {
	return newClient(ctx, profile, region, usual)
}

func newClient(ctx context.Context, profile, region string, l limits) (*Client, error) {
	options := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{})}
	if profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	c, err := config.LoadDefaultConfig(ctx, options...)
	if e, ok := errors.AsType[config.SharedConfigProfileNotExistError](err); ok {
		return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("the AWS configuration has no profile %q", e.Profile), Hint: "aws configure list-profiles lists those that it has"}
	}
	if err != nil {
		return nil, fmt.Errorf("reading the AWS configuration: %w", err)
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.Credentials == nil {
		return nil, noCredentials("none are configured")
	}
	if _, err := c.Credentials.Retrieve(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		why := err.Error()
		if strings.Contains(why, "no EC2 IMDS role found") { // the last place that the SDK looks in
			why = "none in the environment, in the profile, or of this machine"
		}
		return nil, noCredentials(why)
	}
	t := time.NewTicker(time.Second / time.Duration(l.rate))
	return &Client{
		config: c, limits: l, signer: v4.NewSigner(), tick: t.C, stop: t.Stop,
		http: &http.Client{
			Transport: &http.Transport{
				Proxy:               http.ProxyFromEnvironment,
				DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
				TLSHandshakeTimeout: 10 * time.Second,
				MaxIdleConnsPerHost: l.parallel,
				IdleConnTimeout:     15 * time.Second,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func noCredentials(why string) error {
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "no AWS credentials: " + why,
		Hint: "log in (aws sso login, aws login) and name the profile by --profile or AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; aws sts get-caller-identity says whether AWS takes them"}
}

// Close lets go of what the client holds.
func (c *Client) Close() {
	c.stop()
	c.http.CloseIdleConnections()
}

// failure is an error that AWS answered.
type failure struct {
	code, message string
	status        int
}

func (f *failure) Error() string {
	if f.message == "" {
		return f.code
	}
	return f.code + ": " + f.message
}

// noEndpoint is the code where AWS's names have none for a service in a region: the service
// is not there.
const noEndpoint = "NoSuchEndpoint"

// ask makes one request, again where that may help, and answers its body.
func (c *Client) ask(ctx context.Context, op operation, region string, account string, params params) ([]byte, error) {
	var last error
	for attempt := range c.limits.attempts {
		if attempt > 0 {
			pause := min(c.limits.longest, c.limits.backoff<<(attempt-1))
			select {
			case <-time.After(pause/2 + part(pause/2)):
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		select {
		case <-c.tick:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		body, err := c.once(ctx, op, region, account, params)
		if err == nil {
			return body, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		last = err
		if f, ok := errors.AsType[*failure](err); ok && !f.passes() {
			return nil, err
		}
		if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
			return nil, &failure{code: noEndpoint, message: e.Name}
		}
	}
	if _, ok := errors.AsType[*failure](last); ok {
		return nil, last
	}
	return nil, fmt.Errorf("%s of %s in %s, asked %d times: %w", op.name, op.service, region, c.limits.attempts, last)
}

// part is a random part of a pause, so that those who were refused together do not come back
// together.
func part(of time.Duration) time.Duration {
	var b [2]byte
	_, _ = rand.Read(b[:]) // it never fails
	return of / 1000 * time.Duration(binary.BigEndian.Uint16(b[:])%1000)
}

// passes says whether asking again may help.
func (f *failure) passes() bool {
	switch f.code {
	case "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException", "TooManyRequestsException", "RequestLimitExceeded",
		"BandwidthLimitExceeded", "LimitExceededException", "SlowDown", "PriorRequestNotComplete", "TransactionInProgressException", "EC2ThrottledException",
		"InternalError", "InternalFailure", "InternalServiceError", "ServiceUnavailable", "RequestTimeout", "RequestTimeoutException", "ReportInProgress":
		return true
	}
	return f.status >= 500 || f.status == http.StatusTooManyRequests
}

// advice is what helps where AWS does not take the credentials.
func (f *failure) advice() string {
	switch {
	case strings.Contains(f.code, "Expired"):
		return "log in again (aws sso login, or new session keys), and make the snapshot anew"
	case f.code == "RequestTimeTooSkewed":
		return "set this machine's clock, and make the snapshot anew"
	case f.code == "InvalidClientTokenId" || f.code == "UnrecognizedClientException" || f.code == "InvalidAccessKeyId":
		return "the access key does not exist, is not active, or is of another partition: in China and GovCloud say --region, such as cn-north-1 or us-gov-west-1"
	}
	return "aws sts get-caller-identity says whether AWS takes them"
}

// ends says whether nothing further can be asked.
func (f *failure) ends() bool {
	switch f.code {
	case "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure",
		"RequestTimeTooSkewed", "RequestExpired", "IncompleteSignature", "MissingAuthenticationToken":
		return true
	}
	return false
}

func (c *Client) once(ctx context.Context, op operation, region, account string, params params) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.limits.attempt)
	defer cancel()
	r, payload, err := c.request(ctx, op, region, account, params)
	if err != nil {
		return nil, err
	}
	given, err := c.config.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, &failure{code: "ExpiredToken", message: "the credentials cannot be had: " + err.Error()}
	}
	sum := sha256.Sum256(payload)
	hash := hex.EncodeToString(sum[:])
	s := services[op.service]
	if s.protocol == restXML {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	err = c.signer.SignHTTP(ctx, given, r, hash, s.signing(op.service), s.signedFor(region, c.partition(region)), time.Now(), func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = op.service == "s3"
	})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.requests++
	c.mu.Unlock()
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxAnswer {
		return nil, &failure{code: "TooLarge", message: fmt.Sprintf("an answer of more than %d MiB", maxAnswer>>20)}
	}
	if answer.StatusCode >= 300 {
		return nil, failed(answer, body)
	}
	return body, nil
}

// request builds a request in the protocol of the operation's service.
func (c *Client) request(ctx context.Context, op operation, region, account string, p params) (*http.Request, []byte, error) {
	s := services[op.service]
	base := s.endpoint(op.service, region, account, c.partition(region))
	if c.config.BaseEndpoint != nil {
		base = strings.TrimSuffix(*c.config.BaseEndpoint, "/")
	}
	method, path := http.MethodPost, "/"
	var payload []byte
	query := url.Values{}
	header := http.Header{}
	switch s.protocol {
	case queryXML:
		form := url.Values{"Action": {op.name}, "Version": {s.version}}
		for k, v := range p {
			if list, ok := v.([]string); ok {
				for i, e := range list {
					form.Set(fmt.Sprintf("%s.%d", k, i+1), e)
				}
				continue
			}
			form.Set(k, fmt.Sprint(v))
		}
		payload = []byte(form.Encode())
		header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	case targetJSON:
		if p == nil {
			p = params{}
		}
		var err error
		if payload, err = json.Marshal(p); err != nil {
			return nil, nil, err
		}
		header.Set("Content-Type", "application/x-amz-json-"+s.version)
		header.Set("X-Amz-Target", s.target+"."+op.name)
	default:
		method, path = op.method, op.path
		rest := params{}
		for k, v := range p {
			if hole := "{" + k + "}"; strings.Contains(path, hole) {
				path = strings.ReplaceAll(path, hole, url.PathEscape(fmt.Sprint(v)))
			} else {
				rest[k] = v
			}
		}
		if i := strings.IndexByte(path, '?'); i >= 0 {
			fixed, err := url.ParseQuery(path[i+1:])
			if err != nil {
				return nil, nil, err
			}
			query, path = fixed, path[:i]
		}
		if method == http.MethodPost {
			var err error
			if payload, err = json.Marshal(rest); err != nil {
				return nil, nil, err
			}
			header.Set("Content-Type", "application/json")
		} else {
			for k, v := range rest {
				query.Set(k, fmt.Sprint(v))
			}
		}
		if op.service == "s3control" {
			header.Set("X-Amz-Account-Id", account)
		}
	}
	target := base + path
	if len(query) > 0 {
		target += "?" + strings.ReplaceAll(query.Encode(), "+", "%20")
	}
	r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(payload))
	if err != nil {
		return nil, nil, err
	}
	r.Header = header
	r.Header.Set("User-Agent", "strongroom")
	return r, payload, nil
}

// failed reads AWS's error in the forms of its protocols.
func failed(answer *http.Response, body []byte) *failure {
	f := &failure{status: answer.StatusCode}
	if e, err := readXML(body); err == nil {
		for _, at := range []string{"", "Error", "Errors/Error"} {
			if x := e.at(at); x != nil && x.value("Code") != "" {
				f.code, f.message = x.value("Code"), x.value("Message")
			}
		}
	} else {
		var j map[string]any
		_ = json.Unmarshal(body, &j)
		for k, v := range j {
			s, _ := v.(string)
			switch strings.ToLower(k) {
			case "__type", "code":
				f.code = s
			case "message":
				f.message = s
			}
		}
		if h := answer.Header.Get("X-Amzn-Errortype"); h != "" {
			f.code = h
		}
		f.code, _, _ = strings.Cut(f.code, ":")
		f.code = f.code[strings.LastIndex(f.code, "#")+1:]
	}
	if f.code == "" {
		f.code = fmt.Sprintf("HTTP%d", answer.StatusCode)
	}
	return f
}

// partition is that of a region.
func (c *Client) partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

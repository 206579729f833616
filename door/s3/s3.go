// Package s3 speaks the S3 protocol to the outside and asks the rest of the house
// through two small interfaces, Rooms and Room. It authenticates (AWS Signature
// Version 4 by header or presigned URL), translates, and streams; it decides
// nothing and keeps nothing. What it does not support it refuses by name, never
// ignores. Everything that comes from outside is bounded, and no byte of a body
// is read before the request's signature has been checked and the room has been
// asked.
package s3

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"strongroom"
	"strongroom/door/sigv4"
	"strongroom/vault"
)

// Rooms finds the room that an access key belongs to.
type Rooms interface {
	// ByAccessKey answers the room and the credential of keyID. An unknown key is
	// an error of KindDenied. For a key that is known but not to be used (expired,
	// revoked, its principal suspended) the room and the credential may stand
	// beside such an error: then only a caller who proves the secret is told why.
	ByAccessKey(ctx context.Context, keyID string) (Room, vault.Credential, error)
	// Sole answers the room, if there is only one: a browser's preflight request names
	// no key.
	Sole(ctx context.Context) Room
}

// Room is one room as this door needs it. Its errors are of strongroom.Error
// kinds; errors that a PutRequest's reader, an AtEOF or a Plan returned come back
// in the chain.
type Room interface {
	ID() strongroom.ID
	// Recipient is the id of the key pair that content of a custody class is sealed to.
	Recipient(custody string) string

	CreateBucket(ctx context.Context, c vault.Caller, q vault.BucketRequest) (strongroom.Bucket, error)
	HeadBucket(ctx context.Context, c vault.Caller, name string) (strongroom.Bucket, error)
	DeleteBucket(ctx context.Context, c vault.Caller, name string) error
	ListBuckets(ctx context.Context, c vault.Caller) ([]strongroom.Bucket, error)
	// ReadBucket answers a bucket's configuration, ConfigureBucket changes it: what is
	// the part of it that is read or changed, for the record. An error of change ends
	// the request and is returned unchanged.
	ReadBucket(ctx context.Context, c vault.Caller, name, what string) (strongroom.Bucket, error)
	ConfigureBucket(ctx context.Context, c vault.Caller, name, what string, change func(*strongroom.Bucket) error) error
	// SetBucketPolicy translates and puts in force a bucket policy; no text removes it.
	SetBucketPolicy(ctx context.Context, c vault.Caller, name string, text []byte) error

	Put(ctx context.Context, c vault.Caller, q vault.PutRequest, body io.Reader) (strongroom.Object, error)
	Copy(ctx context.Context, c vault.Caller, q vault.CopyRequest) (vault.Copied, error)
	Open(ctx context.Context, c vault.Caller, q vault.GetRequest) (*vault.Opened, error)
	Head(ctx context.Context, c vault.Caller, bucket, key, version string) (strongroom.Object, error)
	Delete(ctx context.Context, c vault.Caller, bucket string, q []vault.DeleteRequest) ([]vault.DeleteResult, error)
	List(ctx context.Context, c vault.Caller, q vault.ListRequest) (vault.ListPage, error)
	ListVersions(ctx context.Context, c vault.Caller, q vault.ListVersionsRequest) (vault.VersionPage, error)
	SetTags(ctx context.Context, c vault.Caller, bucket, key, version string, tags []strongroom.Tag) (strongroom.Object, error)
	SetLegalHold(ctx context.Context, c vault.Caller, bucket, key, version string, on bool) (strongroom.Object, error)
	SetRetention(ctx context.Context, c vault.Caller, bucket, key, version string, to strongroom.Retention, bypass bool) (strongroom.Object, error)

	CreateUpload(ctx context.Context, c vault.Caller, q vault.UploadRequest) (vault.Upload, error)
	PutPart(ctx context.Context, c vault.Caller, q vault.PartRequest, body io.Reader) (vault.Part, error)
	CopyPart(ctx context.Context, c vault.Caller, q vault.PartCopyRequest) (vault.Part, strongroom.Object, error)
	Complete(ctx context.Context, c vault.Caller, q vault.CompleteRequest) (strongroom.Object, error)
	Abort(ctx context.Context, c vault.Caller, bucket, key string, upload strongroom.ID) error
	ListParts(ctx context.Context, c vault.Caller, bucket, key string, upload strongroom.ID, after, max int) (vault.PartPage, error)
	ListUploads(ctx context.Context, c vault.Caller, q vault.ListUploadsRequest) (vault.UploadPage, error)

	// CORS answers a bucket's rules for browsers, which its answers tell anyway.
	CORS(bucket string) []strongroom.CORSRule

	// Noise counts a request that named this room's key and was not believed. It must be cheap.
	Noise(kind string)
	// Enter takes one place under the room's limit of requests at once, or answers KindBusy.
	Enter(ctx context.Context) (release func(), err error)
}

// Config says how the door stands. Only Rooms is required; every other zero value
// means the default named beside it.
type Config struct {
	Rooms Rooms

	Domain     string        // base domain of virtual-host style addresses, "" for path style only
	Region     string        // what bucket locations answer; default us-east-1
	MaxPresign time.Duration // longest life of a presigned URL; default 15 minutes
	MaxObject  int64         // most bytes of one PutObject or UploadPart; default 5 GiB

	// A client that sends or takes fewer than PaceBytes in PaceWindow of waiting for
	// it is cut off; default 128 KiB in 30 seconds.
	PaceBytes  int64
	PaceWindow time.Duration

	// A client that waits for a copy or for an upload to be completed is given a sign of
	// life this often; default 10 seconds.
	Patience time.Duration

	Now   func() time.Time  // default time.Now
	Log   *slog.Logger      // causes of answers in the 500s; default none
	Noise func(kind string) // counts unauthenticated requests that name no room; default none
}

const (
	maxKey      = 1024    // bytes of a key
	maxMeta     = 2 << 10 // bytes of user metadata, names and values
	maxDocument = 4 << 20 // bytes of an XML body; 10,000 parts with SHA-256 checksums need 2 MiB
	maxBucket   = 1 << 20 // bytes of CreateBucket's XML body
	maxParts    = 10_000
	maxDelete   = 1000
	maxPage     = 1000
	maxBuckets  = 10_000 // of one listing
	maxQuery    = 64     // query parameters
)

type door struct {
	Config
	host string // x-amz-id-2: tells one start of the server from another
}

// New returns the handler of the S3 endpoint.
func New(c Config) http.Handler {
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.MaxPresign == 0 {
		c.MaxPresign = 15 * time.Minute
	}
	if c.MaxObject == 0 {
		c.MaxObject = 5 << 30
	}
	if c.PaceBytes == 0 {
		c.PaceBytes = 128 << 10
	}
	if c.PaceWindow == 0 {
		c.PaceWindow = 30 * time.Second
	}
	if c.Patience == 0 {
		c.Patience = 10 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Noise == nil {
		c.Noise = func(string) {}
	}
	return &door{Config: c, host: strongroom.NewID().String()}
}

// exchange is one request on its way through the door.
type exchange struct {
	*door
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	id      string
	begun   bool // the answer's header has left

	query       query
	fields      map[string]string // x-amz-* and x-strongroom-*, from headers or query, names in lower case
	bucket, key string
	source      *vault.Source // of a copy
	op          *operation

	signed sigv4.Signature
	room   Room
	caller vault.Caller
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{door: d, w: w, r: r, control: http.NewResponseController(w), id: strongroom.NewID().String()}
	came := time.Now()
	// A request may expect to be asked for its body where it has none, as botocore's for
	// an empty object does. net/http asks only for bodies; unasked, botocore misreads
	// the connection's next answer and waits for it in vain.
	if r.ContentLength == 0 && r.ProtoMajor == 1 && strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		w.WriteHeader(http.StatusContinue)
	}
	x.startClock()
	h := w.Header()
	h.Set("x-amz-request-id", x.id)
	h.Set("x-amz-id-2", d.host)
	if err := x.serve(); err != nil {
		x.evenOut(err, came)
		x.fail(err)
	}
}

// serve is the whole path of a request: read what it says about itself, believe
// its signature or refuse, take a place in the room, and let the operation ask.
func (x *exchange) serve() error {
	var err error
	if x.query, err = parseQuery(x.r.URL.RawQuery); err != nil {
		return err
	}
	if x.r.Method == http.MethodOptions {
		return x.preflight(x.r.Context())
	}
	if x.isForm() {
		return x.postForm()
	}
	if err := x.authenticate(); err != nil {
		return err
	}
	if err := x.locate(); err != nil {
		return err
	}
	if x.bucket != "" && x.r.Header.Get("Origin") != "" {
		x.tellOrigin(x.room.CORS(x.bucket), x.r.Method, nil)
	}
	if err := x.readFields(); err != nil {
		return err
	}
	said, err := x.purpose()
	if err != nil {
		return err
	}
	x.caller.Purpose = vault.PurposeOf(said, x.caller.Purpose)
	if x.op, err = choose(x); err != nil {
		return err
	}
	release, err := x.room.Enter(x.r.Context())
	if err != nil {
		return err
	}
	defer release()
	return x.op.serve(x)
}

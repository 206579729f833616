package vault

import (
	"io"
	"time"

	"strongroom"
	"strongroom/people"
)

// Caller is an authenticated asker, as a door established it.
type Caller struct {
	Principal strongroom.Principal
	Session   string // what a lease is bound to besides the principal: for S3 the access key id
	Method    string // sigv4, sigv4-presigned, token, console, local
	Source    string // network address without port
	Secure    bool   // the connection is TLS
	RequestID string
	Purpose   strongroom.Purpose
	Endpoint  string // how the asker reached this server, for advice; "" if not known
	// Authenticated is when a person proved who they are, of a session of the console.
	Authenticated time.Time

	to *strongroom.Label // what a label is to become, of a decision about that
}

// AtEOF is called once when the body has been read to its end; it returns the
// checksums that the door has verified (algorithm in lower case → base64), or
// the error that makes the store void. A nil AtEOF means none.
type AtEOF func() (map[string]string, error)

// Declared is what whoever stores says about an object besides its bytes.
type Declared struct {
	Headers   map[string]string
	Meta      map[string]string
	Tags      []strongroom.Tag
	LegalHold bool
	Retention strongroom.Retention
	Cipher    string // AES256, aws:kms, or "" for the bucket's
}

// Precondition is what must hold of the current version for a write to happen. Its
// failure is KindPrecondition, or KindNoObject where IfMatch finds nothing.
type Precondition struct {
	IfMatch     string // ETag without quotes, or "*": there is an object, and this is it
	IfNoneMatch bool   // there is no object
}

// PutRequest is one object to store.
type PutRequest struct {
	Bucket, Key string
	Size        int64 // plaintext bytes if the client said, else -1
	Declared
	Precondition Precondition
	ChecksumType string // of what AtEOF answers: full_object unless said
	AtEOF        AtEOF
}

// GetRequest asks for content. Plan is called once the policy has let the asker
// see the metadata and before anything is released: it answers the range wanted
// (offset and length in plaintext bytes), or an error (a failed condition, an
// unsatisfiable range) that ends the request and is returned unchanged.
type GetRequest struct {
	Bucket, Key string
	Version     string // a version's id, "null", or "" for the current one
	Plan        func(strongroom.Object) (offset, length int64, err error)
	// Shared has a read of the whole share a lease as reads of ranges do: of somebody who
	// comes back for more of it.
	Shared bool
	// Inward says that what is read does not leave the server, only what is made of it: how
	// loud it is, or of which form. It is on record beside what was delivered.
	Inward bool
}

// Source names what is copied. Plan, where not nil, is called with it before
// anything is copied; its error ends the request and is returned unchanged.
type Source struct {
	Bucket, Key, Version string
	Plan                 func(strongroom.Object) (offset, length int64, err error)
}

// CopyRequest stores a copy of the whole of another object version: whoever asks must
// be permitted to open it. Within a custody class the copy shares the sealed bytes.
type CopyRequest struct {
	Bucket, Key string
	Source      Source
	// What of Declared replaces the source's: headers and metadata, and tags. Legal
	// hold, retention and cipher are always the request's own; a source's legal hold
	// comes along.
	ReplaceMeta, ReplaceTags bool
	Declared
	Precondition Precondition
	// Algorithm asks for a checksum. If the source has none of it, or the copy has to
	// be sealed anew, Sum wraps the plaintext on its way.
	Algorithm string
	Sum       Sum
}

// Sum wraps content on its way to be sealed, so that AtEOF answers its checksum by an
// algorithm ("" where nobody chose one).
type Sum func(algorithm string, content io.Reader) (io.Reader, AtEOF)

// Copied is a copy, and what it was made of.
type Copied struct {
	Object, Source strongroom.Object
}

// PartCopyRequest stores a range of an object version as a part: a release of the
// range, read by the server itself.
type PartCopyRequest struct {
	Bucket, Key string
	Upload      strongroom.ID
	Number      int
	Source      Source // Plan is required
	Sum         Sum    // by the upload's algorithm
}

// MarkerError answers a read that meets a delete marker. It wraps an Error of
// KindNoObject (the current version is the marker) or KindMarker (it was named).
type MarkerError struct {
	Marker strongroom.Object
	Err    *strongroom.Error
}

func (e *MarkerError) Error() string { return e.Err.Error() }
func (e *MarkerError) Unwrap() error { return e.Err }

// Opened is content on its way out. WriteTo writes exactly Length bytes, each
// verified before it leaves, or fails; Close records what was delivered and must
// be called once.
type Opened struct {
	Object         strongroom.Object
	Recipient      string // id of the key pair that opened it
	Lease          strongroom.ID
	Release        int64 // index of its record
	Offset, Length int64

	io.WriterTo
	io.Closer
}

// ListRequest asks for names. After is exclusive. With a delimiter, names that
// share a prefix up to it are rolled into one entry, which counts as one; a
// rolled-up prefix that is not greater than After is skipped as a whole.
type ListRequest struct {
	Bucket, Prefix, Delimiter, After string
	Max                              int // 1 to 1000
}

// ListPage is a page of names in ascending UTF-8 byte order. Of checksums it tells the
// algorithms, without their values.
type ListPage struct {
	Objects  []strongroom.Object
	Prefixes []string
	Next     string // what to pass as After to go on; "" when this was the last page
}

// ListVersionsRequest asks for all versions, after (AfterKey, AfterVersion) exclusive;
// without AfterVersion all versions of AfterKey are skipped.
type ListVersionsRequest struct {
	Bucket, Prefix, Delimiter, AfterKey, AfterVersion string
	Max                                               int // 1 to 1000
}

// VersionPage is a page of versions and delete markers in order of key, each key's
// newest first.
type VersionPage struct {
	Versions             []strongroom.Object
	Prefixes             []string
	NextKey, NextVersion string // what to pass as After* to go on
	Truncated            bool
}

// DeleteRequest deletes one version, or, with Version "", what the key names: where
// versioning is or was enabled that leaves a delete marker.
type DeleteRequest struct {
	Key, Version string
	Bypass       bool // governance retention, for those who may
	// Conditions on what would be deleted, "" and nil for none: they do not hold of a
	// delete marker, and with nothing there the answer is KindNoObject. IfMatch is an
	// ETag without quotes, or "*".
	IfMatch    string
	IfModified *time.Time // its time of storing, to the second
	IfSize     *int64

	house *houseDeletion // where a lifecycle or retention rule deletes
}

// DeleteResult is what became of one DeleteRequest.
type DeleteResult struct {
	Key, Version string // as asked
	// Marker: a delete marker was made, or was what was deleted; MarkerVersion names it.
	Marker        bool
	MarkerVersion string
	Err           error // nil also when there was nothing to delete, as S3 has it
}

// BucketRequest makes a bucket.
type BucketRequest struct {
	Name string
	Lock bool // object lock, and with it versioning, enabled from the beginning
	Tags []strongroom.Tag
}

// Upload is a multipart upload in progress.
type Upload struct {
	ID        strongroom.ID        `json:"id"`
	Bucket    string               `json:"bucket"`
	Key       string               `json:"key"`
	Started   time.Time            `json:"started"`
	Initiator strongroom.Principal `json:"initiator"`
	// ChecksumAlgorithm (lower case, "" if none) and ChecksumType ("composite" or
	// "full_object") are what the client announced.
	ChecksumAlgorithm string `json:"checksum_algorithm,omitempty"`
	ChecksumType      string `json:"checksum_type,omitempty"`
	Custody           string `json:"custody"` // custody class of the bucket, hence of the object to be
	Cipher            string `json:"cipher,omitempty"`
}

// UploadRequest starts a multipart upload.
type UploadRequest struct {
	Bucket, Key string
	Declared
	ChecksumAlgorithm, ChecksumType string
}

// PartRequest is one part of an upload, 1 ≤ Number ≤ 10,000.
type PartRequest struct {
	Bucket, Key string
	Upload      strongroom.ID
	Number      int
	Size        int64 // plaintext bytes if the client said, else -1
	// Announced, where not nil, is given the upload before the content is read; an error
	// ends the request and is returned unchanged.
	Announced func(Upload) error
	AtEOF     AtEOF
}

// Part is a stored part.
type Part struct {
	Number    int               `json:"number"`
	ETag      string            `json:"etag"` // opaque, without quotes
	Size      int64             `json:"size"`
	Modified  time.Time         `json:"modified"`
	Checksums map[string]string `json:"checksums,omitempty"`
	Custody   string            `json:"custody"` // custody class that it is sealed to
	Cipher    string            `json:"cipher,omitempty"`
}

// CompleteRequest names the parts in ascending order. Checksums are what the
// finished object shall bear; the door has checked them against the parts'.
type CompleteRequest struct {
	Bucket, Key string
	Upload      strongroom.ID
	Parts       []CompletePart
	// Announced, where not nil, is given the upload before Checksums is called; an
	// error ends the request.
	Announced func(Upload) error
	// Checksums, where not nil, is given the stored parts in the order asked for
	// and answers the object's checksums and their type, or the error that refuses them.
	Checksums    func([]Part) (sums map[string]string, kind string, err error)
	Precondition Precondition
}

// CompletePart is one line of a CompleteRequest.
type CompletePart struct {
	Number int
	ETag   string
}

// PartPage and UploadPage are pages of a listing; Next* name the last entry
// returned when Truncated.
type PartPage struct {
	Upload    Upload
	Parts     []Part
	Truncated bool
}

// UploadPage lists uploads in order of key, then time.
type UploadPage struct {
	Uploads   []Upload
	Prefixes  []string
	Truncated bool
}

// ListUploadsRequest asks for uploads in progress after (AfterKey, AfterUpload).
type ListUploadsRequest struct {
	Bucket, Prefix, Delimiter, AfterKey string
	AfterUpload                         strongroom.ID
	Max                                 int
}

// Credential is an access key together with whose it is, as a door needs it to
// check a signature. Secret must not be logged or kept.
type Credential struct {
	KeyID     string
	Secret    string
	Principal strongroom.Principal
	Purpose   strongroom.Purpose // why the key is used where the request does not say
	Session   *people.Session    // of a temporary key: ProvesToken must hold as well
	Expired   bool               // the session has reached its end
}

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
	Method    string // sigv4, sigv4-presigned, local
	Source    string // network address without port
	Secure    bool   // the connection is TLS
	RequestID string
	Purpose   strongroom.Purpose
	Endpoint  string // how the asker reached this server, for advice; "" if not known
}

// AtEOF is called once when the body has been read to its end; it returns the
// checksums that the door has verified (algorithm in lower case → base64), or
// the error that makes the store void. A nil AtEOF means none.
type AtEOF func() (map[string]string, error)

// PutRequest is one object to store.
type PutRequest struct {
	Bucket, Key string
	Size        int64 // plaintext bytes if the client said, else -1
	Headers     map[string]string
	Meta        map[string]string
	LegalHold   bool
	AtEOF       AtEOF
}

// GetRequest asks for content. Plan is called once the policy has let the asker
// see the metadata and before anything is released: it answers the range wanted
// (offset and length in plaintext bytes), or an error (a failed condition, an
// unsatisfiable range) that ends the request and is returned unchanged.
type GetRequest struct {
	Bucket, Key string
	Plan        func(strongroom.Object) (offset, length int64, err error)
}

// Opened is content on its way out. WriteTo writes exactly Length bytes, each
// verified before it leaves, or fails; Close records what was delivered and must
// be called once.
type Opened struct {
	Object         strongroom.Object
	Recipient      string // id of the key pair that opened it
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

// ListPage is a page of names in ascending UTF-8 byte order.
type ListPage struct {
	Objects  []strongroom.Object
	Prefixes []string
	Next     string // what to pass as After to go on; "" when this was the last page
}

// DeleteResult is what became of one key.
type DeleteResult struct {
	Key string
	Err error // nil also when there was nothing to delete, as S3 has it
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
}

// UploadRequest starts a multipart upload.
type UploadRequest struct {
	Bucket, Key                     string
	Headers                         map[string]string
	Meta                            map[string]string
	LegalHold                       bool
	ChecksumAlgorithm, ChecksumType string
}

// PartRequest is one part of an upload, 1 ≤ Number ≤ 10,000.
type PartRequest struct {
	Bucket, Key string
	Upload      strongroom.ID
	Number      int
	Size        int64 // plaintext bytes if the client said, else -1
	AtEOF       AtEOF
}

// Part is a stored part.
type Part struct {
	Number    int               `json:"number"`
	ETag      string            `json:"etag"` // opaque, without quotes
	Size      int64             `json:"size"`
	Modified  time.Time         `json:"modified"`
	Checksums map[string]string `json:"checksums,omitempty"`
	Custody   string            `json:"custody"` // custody class that it is sealed to
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
	// and answers the object's checksums, or the error that refuses them.
	Checksums func([]Part) (map[string]string, error)
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

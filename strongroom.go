// Package strongroom holds the nouns that every part of the house shares: rooms,
// principals, objects, labels, questions and decisions, and the error that a
// person sees. It does no I/O and imports nothing but the standard library, so
// that two parts which must not know each other can still speak of the same
// things.
package strongroom

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ID is a random 128-bit identifier: of a room, a blob, a principal, a lease, a
// request. It carries no meaning and so may stand where names may not. Its
// text form is 32 lower-case hexadecimal digits.
type ID [16]byte

// NewID returns a fresh random ID.
func NewID() ID {
	var id ID
	rand.Read(id[:]) // never fails since Go 1.24: it aborts the program instead
	return id
}

// ParseID reads the text form of an ID; upper case is refused, so that one ID
// has one spelling.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 32 {
		return ID{}, fmt.Errorf("an id has 32 hexadecimal digits, this has %d characters", len(s))
	}
	for i := range len(s) {
		if c := s[i]; !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return ID{}, fmt.Errorf("an id has lower-case hexadecimal digits only; character %d is not one", i+1)
		}
	}
	hex.Decode(id[:], []byte(s))
	return id, nil
}

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Account is the number that stands for a room, by its id, where AWS has an account's:
// twelve digits.
func (id ID) Account() string {
	sum := sha256.Sum256([]byte("strongroom/sts/v1/account\x00" + id.String()))
	return fmt.Sprintf("%012d", 1+binary.BigEndian.Uint64(sum[:8])%999_999_999_999)
}

// IsZero reports whether id was never set.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText and UnmarshalText give an ID its text form in JSON.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

func (id *ID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseID(string(b))
	return err
}

// PrincipalKind tells persons, machines and suppliers apart.
type PrincipalKind string

const (
	Person   PrincipalKind = "person"
	Workload PrincipalKind = "workload"
	Vendor   PrincipalKind = "vendor"
)

// Principal is who asks: a person, a workload or a vendor's identity.
type Principal struct {
	ID         ID                  `json:"id"`
	Name       string              `json:"name"` // unique within the room, as people write it: "ines.martin"
	Kind       PrincipalKind       `json:"kind"`
	Groups     []string            `json:"groups,omitempty"`
	Attributes map[string][]string `json:"attributes,omitempty"` // queues, supervises, vendor …
	Aliases    []string            `json:"aliases,omitempty"`    // ids of the same person on other platforms
	Suspended  bool                `json:"suspended,omitempty"`
	Expires    time.Time           `json:"expires,omitzero"`
}

// Purpose is why somebody wants something.
type Purpose struct {
	Text   string `json:"text,omitempty"`   // a code or free text, at most 512 bytes
	Ticket string `json:"ticket,omitempty"` // at most 128 bytes
}

// Label says whether content is confidential, of what classes, and why.
type Label struct {
	Confidential bool     `json:"confidential"`
	Classes      []string `json:"classes,omitempty"` // voice, screen, card, health, identity, credential …
	Reasons      []string `json:"reasons,omitempty"`
}

// Object is one stored version, or a delete marker: what a decision and a door need
// to know of it. Bucket, Key and everything under Meta are names that people chose,
// and are sealed wherever they rest.
type Object struct {
	Bucket    string            `json:"bucket"`
	Key       string            `json:"key"`
	Version   ID                `json:"version"`
	Blob      ID                `json:"blob"`
	Custody   string            `json:"custody"` // custody class
	Size      int64             `json:"size"`    // plaintext bytes
	ETag      string            `json:"etag"`    // opaque, without quotes; never a digest of the plaintext
	Modified  time.Time         `json:"modified"`
	Headers   map[string]string `json:"headers,omitempty"`   // Content-Type, Cache-Control … as the client gave them
	Meta      map[string]string `json:"meta,omitempty"`      // x-amz-meta-*, names in lower case without the prefix
	Checksums map[string]string `json:"checksums,omitempty"` // algorithm in lower case (crc32, sha256 …) → base64, as checked on arrival
	// ChecksumType is composite or full_object, "" where there is no checksum.
	ChecksumType string       `json:"checksum_type,omitempty"`
	Parts        []ObjectPart `json:"parts,omitempty"`  // of a multipart upload
	Cipher       string       `json:"cipher,omitempty"` // encryption asked for: AES256, or "" for aws:kms
	Tags         []Tag        `json:"tags,omitempty"`   // in order of key
	Label        Label        `json:"label"`
	LegalHold    bool         `json:"legal_hold,omitempty"`
	HoldSet      bool         `json:"hold_set,omitempty"` // the legal hold was placed or lifted at some time
	Retention    Retention    `json:"retention,omitzero"`
	Scrubbed     bool         `json:"scrubbed,omitempty"` // a copy made safe to share

	Sequence uint64 `json:"sequence,omitempty"` // orders the versions of a key; the greatest is current
	Null     bool   `json:"null,omitempty"`     // the null version: stored while versioning was not enabled
	Marker   bool   `json:"marker,omitempty"`   // a delete marker: no content
	// Succeeded is when a newer version took its place, for versions that are not current.
	Succeeded time.Time `json:"succeeded,omitzero"`

	// Filled in by answers, not kept.
	Latest    bool `json:"-"` // the current version of its key
	Versioned bool `json:"-"` // versioning is or was enabled in its bucket
	ByVersion bool `json:"-"` // the asker named this version
	// Expires is when a lifecycle rule of the bucket has it expire, which is ExpiresBy.
	Expires   time.Time `json:"-"`
	ExpiresBy string    `json:"-"`
}

// VersionName is a version's id as S3 clients see it.
func (o *Object) VersionName() string {
	if o.Null {
		return "null"
	}
	return o.Version.String()
}

// ObjectPart is one part of an object that was uploaded in parts.
type ObjectPart struct {
	Number    int               `json:"number"`
	Size      int64             `json:"size"` // plaintext bytes
	Checksums map[string]string `json:"checksums,omitempty"`
}

// AttributePrefix starts the user metadata that policies may rely on:
// x-amz-meta-strongroom-queue: billing gives the object the attribute "queue".
const AttributePrefix = "strongroom-"

// Attribute returns what the storer declared under AttributePrefix+name, or "".
func (o *Object) Attribute(name string) string { return o.Meta[AttributePrefix+name] }

// Action is one thing that policy permits or denies.
type Action string

const (
	ActionReadObject   Action = "readObject"     // open content
	ActionDownload     Action = "downloadObject" // a copy by the console: whoever may open does not by that take copies along
	ActionReadMetadata Action = "readMetadata"   // HEAD, attributes, part and upload listings
	ActionListObjects  Action = "listObjects"    // names in a bucket
	ActionStoreObject  Action = "storeObject"    // new content, by one request or in parts
	ActionDeleteObject Action = "deleteObject"   // also what overwriting does to the old version
	ActionMarkScrubbed Action = "markScrubbed"   // declare content a scrubbed copy
	ActionCreateBucket Action = "createBucket"
	ActionDeleteBucket Action = "deleteBucket"
	ActionListBuckets  Action = "listBuckets"
	ActionReadLedger   Action = "readLedger"   // the personal parts of records
	ActionManagePeople Action = "managePeople" // principals and access keys
	ActionManagePolicy Action = "managePolicy"
	ActionReadPolicy   Action = "readPolicy"

	ActionTagObject       Action = "tagObject"       // an object's tags
	ActionHoldObject      Action = "holdObject"      // place or lift a legal hold
	ActionRetainObject    Action = "retainObject"    // an object's retention
	ActionBypassRetention Action = "bypassRetention" // go past retention in governance mode
	ActionConfigureBucket Action = "configureBucket"
	ActionReadBucket      Action = "readBucket" // a bucket's configuration

	ActionTakeInventory  Action = "takeInventory"  // what is stored and generated where, and where it flows
	ActionRelabel        Action = "relabel"        // a label that is as strict or stricter
	ActionLoosenLabel    Action = "loosenLabel"    // a label that is less strict
	ActionReadUsage      Action = "readUsage"      // who accessed what, when and how often
	ActionApproveRequest Action = "approveRequest" // somebody else's request
	ActionBreakGlass     Action = "breakGlass"     // open a time in which emergencies are permitted
	ActionReviewAccess   Action = "reviewAccess"   // what somebody else did behind broken glass
	ActionReadAlerts     Action = "readAlerts"     // and acknowledge them
	ActionManageAlerts   Action = "manageAlerts"   // conditions, channels, rotas
)

// Obligation is something a permit still asks of the asker.
type Obligation string

const (
	ObligePurpose      Obligation = "purpose"
	ObligeTicket       Obligation = "ticket"
	ObligeApproval     Obligation = "approval"      // by one other person; see ObligeApprovals
	ObligeScrubbedCopy Obligation = "scrubbed-copy" // the raw object is out; a scrubbed copy is in
)

// MaxQuorum bounds how many approvals a policy may ask for.
const MaxQuorum = 9

// ObligeApprovals asks for approvals by so many different people: "approval" for one,
// "approval:2" for two. n is 1 to MaxQuorum.
func ObligeApprovals(n int) Obligation {
	if n == 1 {
		return ObligeApproval
	}
	return ObligeApproval + Obligation(fmt.Sprintf(":%d", n))
}

// Approvals answers how many approvals o asks for, 0 where it is about something else.
func (o Obligation) Approvals() int {
	rest, ok := strings.CutPrefix(string(o), string(ObligeApproval))
	switch {
	case ok && rest == "":
		return 1
	case ok && len(rest) == 2 && rest[0] == ':' && rest[1] >= '2' && rest[1] <= '0'+MaxQuorum:
		return int(rest[1] - '0')
	}
	return 0
}

// Resource is what a question is about: an object, a bucket (Key empty), or the
// room itself (Bucket empty too).
type Resource struct {
	Bucket     string            `json:"bucket,omitempty"`
	Key        string            `json:"key,omitempty"`
	Version    ID                `json:"version,omitzero"`
	ByVersion  bool              `json:"by_version,omitempty"` // the asker named the version, or lists versions; else it is what the key names now
	Custody    string            `json:"custody,omitempty"`
	Size       int64             `json:"size,omitempty"`
	Created    time.Time         `json:"created,omitzero"`
	Attributes map[string]string `json:"attributes,omitempty"` // queue, agent, kind, customer, conversation …
	Label      Label             `json:"label,omitzero"`
	LegalHold  bool              `json:"legal_hold,omitempty"`
	Scrubbed   bool              `json:"scrubbed,omitempty"`
}

// Context is how and when somebody asks.
type Context struct {
	Time      time.Time `json:"time"`
	Purpose   Purpose   `json:"purpose,omitzero"`
	Approvals []ID      `json:"approvals,omitempty"` // principals who approved Request
	Source    string    `json:"source,omitempty"`    // network address, without port
	Method    string    `json:"method"`              // sigv4, sigv4-presigned, token, console, local
	Secure    bool      `json:"secure,omitempty"`    // TLS

	// Authenticated is when a person proved who they are, of a session of the console.
	Authenticated time.Time `json:"authenticated,omitzero"`

	// To is what the label is to become, of loosenLabel: others approve that and no other.
	To         *Label      `json:"to,omitempty"`
	Request    ID          `json:"request,omitzero"`       // whose approvals these are
	BreakGlass ID          `json:"break_glass,omitzero"`   // the opening that the asker made and that runs
	Ticket     TicketState `json:"ticket_state,omitempty"` // what the ticket system says of the ticket, where one is asked
}

// TicketState is what a ticket system says of a ticket and whoever names it. Without a
// ticket system it is "", and any ticket will do; with one, only TicketGood will.
type TicketState string

const (
	TicketUnasked     TicketState = "unasked"     // nothing depended on it
	TicketGood        TicketState = "good"        // it exists, is open, and is the asker's
	TicketUnknown     TicketState = "unknown"     // there is no such ticket
	TicketClosed      TicketState = "closed"      // it exists and is not open
	TicketNotYours    TicketState = "not-yours"   // it is open and somebody else's
	TicketUnreachable TicketState = "unreachable" // the ticket system did not answer, or not as agreed
)

// Question is all that a decision depends on; it goes into the record, so that
// every decision can be made again later.
type Question struct {
	Action    Action    `json:"action"`
	Principal Principal `json:"principal"`
	Resource  Resource  `json:"resource"`
	Context   Context   `json:"context"`
}

// Decision answers a Question.
type Decision struct {
	Permit    bool         `json:"permit"`
	Policies  []string     `json:"policies,omitempty"` // ids of the policies that decided, sorted
	PolicySet string       `json:"policy_set"`         // hex SHA-256 of the set's text
	Missing   []Obligation `json:"missing,omitempty"`  // what would turn the refusal into a permit
	Errors    []string     `json:"errors,omitempty"`   // evaluation errors; any of them denies
	Reason    string       `json:"reason"`             // one English sentence for the asker, naming no policy's inside
}

// Kind sorts the errors that doors translate.
type Kind string

const (
	KindInvalid      Kind = "invalid" // the request is malformed
	KindDenied       Kind = "denied"  // policy, or a doubt, says no
	KindNoBucket     Kind = "no-bucket"
	KindNoObject     Kind = "no-object"
	KindNotPolicy    Kind = "not-a-policy" // a bucket policy that the AWS policy language does not have
	KindNoVersion    Kind = "no-version"
	KindMarker       Kind = "marker"       // the version named is a delete marker
	KindPrecondition Kind = "precondition" // a condition of the request does not hold
	KindBadState     Kind = "bad-state"    // the bucket's state does not allow it
	KindNoUpload     Kind = "no-upload"
	KindNoLock       Kind = "no-lock"       // the bucket has no object lock
	KindBucketExists Kind = "bucket-exists" // and is owned by the asker's room
	KindNotEmpty     Kind = "not-empty"
	KindInvalidPart  Kind = "invalid-part" // a part that is missing or whose ETag differs
	KindPartOrder    Kind = "part-order"
	KindPartTooSmall Kind = "part-too-small"
	KindTooLarge     Kind = "too-large"
	KindConflict     Kind = "conflict"    // somebody else changed it meanwhile: try again
	KindRepeated     Kind = "repeated"    // it was done already, under the same idempotency key
	KindHeld         Kind = "held"        // object lock: legal hold or retention
	KindKept         Kind = "kept"        // the room's retention rules, or a hold
	KindUnavailable  Kind = "unavailable" // ledger, custodian or disk: try again later
	KindBusy         Kind = "busy"        // this room's limit is reached: slow down
	KindDamaged      Kind = "damaged"     // stored bytes fail verification
	KindUnsupported  Kind = "unsupported"
)

// Error is an error with a sentence for the person who asked and, apart from
// it, a cause for the operator's log. The sentence never tells more than the
// asker may know.
type Error struct {
	Kind    Kind
	Message string       // for the asker; lower case, no full stop
	Hint    string       // what to do next, or ""
	Missing []Obligation // of a refusal that an obligation would lift
	Cause   error        // for the log only
}

func (e *Error) Error() string {
	if e.Hint != "" {
		return e.Message + "; " + e.Hint
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Cause }

// KindOf returns the Kind of the first Error in err's chain, or "" if there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

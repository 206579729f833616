// Package release is the language between the content side and whoever holds the
// keys: the canonical evidence of a release, the request to unwrap a data key
// against proof that this release stands in the ledger, and the verification of
// that proof. It touches no network and no disk, so both sides, and an auditor,
// run the very same checks.
package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"strongroom"
	"strongroom/ledger"
	"strongroom/seal"
)

// Kinds of record that a key may be given for.
const (
	KindRelease = "release"
	KindResume  = "lease-resume"
)

// Freshness is how far a release record's time may stand from the key holder's
// clock, either way.
const Freshness = 60 * time.Second

// MaxLease bounds how long one release may be served from.
const MaxLease = 12 * time.Hour

// Evidence is the evidence of a release or resumption, and nothing else may stand
// in it. It names nobody: Actor is a pseudonym under a key of the room.
type Evidence struct {
	Action    string        `json:"action"`   // KindRelease or KindResume, as the leaf's kind
	Decision  string        `json:"decision"` // "permit"
	Actor     string        `json:"actor"`
	Lease     strongroom.ID `json:"lease"`
	Expires   int64         `json:"expires"` // of the lease, ms since 1970
	Blob      strongroom.ID `json:"blob"`
	Version   strongroom.ID `json:"version"`
	Custody   string        `json:"custody"`
	Server    strongroom.ID `json:"server"`    // the content server that will hold the key
	Ephemeral string        `json:"ephemeral"` // hex SHA-256 of the ephemeral public key
	PolicySet string        `json:"policy_set"`
	Policies  []string      `json:"policies"`
	Resumes   *int64        `json:"resumes,omitempty"` // index of the release that a resumption continues
}

// Encode returns the evidence as it is put on record.
func (e Evidence) Encode() ([]byte, error) { return json.Marshal(e) }

// ParseEvidence reads evidence strictly: unknown or trailing parts are an error,
// and so is anything that is not a permitted release.
func ParseEvidence(kind string, payload []byte) (Evidence, error) {
	var e Evidence
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return Evidence{}, fmt.Errorf("reading the evidence of a release: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Evidence{}, errors.New("the evidence of a release has something after its end")
	}
	switch {
	case e.Action != kind || (kind != KindRelease && kind != KindResume):
		return Evidence{}, fmt.Errorf("a record of kind %q is no release", kind)
	case e.Decision != "permit":
		return Evidence{}, errors.New("the record is not of a permitted release")
	case (kind == KindResume) != (e.Resumes != nil):
		return Evidence{}, errors.New("a resumption names the release that it continues, and only a resumption does")
	case e.Blob.IsZero() || e.Lease.IsZero() || e.Version.IsZero() || e.Server.IsZero() || e.Actor == "":
		return Evidence{}, errors.New("the evidence of a release lacks blob, version, lease, server or actor")
	}
	return e, seal.CheckCustody(e.Custody)
}

// EphemeralHash is how evidence names an ephemeral public key.
func EphemeralHash(public []byte) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:])
}

// AdvanceRequest brings the key holder from the newest state it has witnessed to a
// newer one. The key holder thereby becomes a witness, and cosigns.
type AdvanceRequest struct {
	Checkpoint []byte         `json:"checkpoint"` // signed note
	From       int64          `json:"from"`       // size that the proof starts at: what the key holder knows
	Proof      tlog.TreeProof `json:"proof"`
}

// AdvanceResponse is the key holder's newest witnessed state, cosigned.
type AdvanceResponse struct {
	Size       int64  `json:"size"`
	Checkpoint []byte `json:"checkpoint"` // the same note with the key holder's cosignature added
}

// BehindError refuses a request whose proof starts elsewhere than at the newest
// witnessed state.
type BehindError struct{ Size int64 }

func (e *BehindError) Error() string {
	return fmt.Sprintf("the newest witnessed state has %d records: prove consistency from there", e.Size)
}

// Refusal says why a key was not given. Code is a stable word for machines: used,
// resume, rate, proof, fork, epoch, checkpoint, room, recipient, stanza, ephemeral.
type Refusal struct{ Code, Message string }

func (r *Refusal) Error() string { return r.Message }

// UnwrapRequest asks for a data key.
type UnwrapRequest struct {
	Stanza    seal.Stanza      `json:"stanza"`
	Record    ledger.Record    `json:"record"`
	Size      int64            `json:"size"` // of the witnessed tree that the proof leads to
	Proof     tlog.RecordProof `json:"proof"`
	Ephemeral []byte           `json:"ephemeral"` // public key, sealed to in the answer
	// Advance, where not nil, is carried out first: a new release then costs one
	// call and one durable write at the key holder instead of two.
	Advance *AdvanceRequest `json:"advance,omitempty"`
}

var encodings = sync.Pool{New: func() any { return new([]byte) }}

// Digest is the SHA-256 of the request's JSON, by which a key holder knows it again.
func (r UnwrapRequest) Digest() ([sha256.Size]byte, error) {
	buffer := encodings.Get().(*[]byte)
	defer encodings.Put(buffer)
	encoded, err := r.appendJSON((*buffer)[:0])
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("encoding the request: %w", err)
	}
	digest := sha256.Sum256(encoded)
	clear(encoded) // somebody's name and purpose
	*buffer = encoded
	return digest, nil
}

// appendJSON appends the request's JSON, byte for byte that of encoding/json. It is
// written out by hand, since a request is encoded for every release.
func (r UnwrapRequest) appendJSON(b []byte) ([]byte, error) {
	for _, s := range []string{r.Stanza.Type, r.Stanza.Recipient} {
		if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' || strings.ContainsRune(`"\<>&`, c) }) {
			encoded, err := json.Marshal(r)
			return append(b, encoded...), err
		}
	}
	e := &r.Record
	b = append(b, `{"stanza":{"type":"`...)
	b = append(append(b, r.Stanza.Type...), `","recipient":"`...)
	b = append(append(b, r.Stanza.Recipient...), `","enc":`...)
	b = append(appendBytes(b, r.Stanza.Enc), `,"body":`...)
	b = append(appendBytes(b, r.Stanza.Body), `},"record":{"index":`...)
	b = append(strconv.AppendInt(b, e.Index, 10), `,"leaf":`...)
	b = appendBytes(b, e.Leaf)
	for _, part := range []struct {
		name  string
		bytes []byte
	}{{"evidence", e.Evidence}, {"evidence_salt", e.EvidenceSalt}, {"personal", e.Personal}, {"personal_salt", e.PersonalSalt}} {
		if len(part.bytes) > 0 {
			b = append(append(append(b, `,"`...), part.name...), `":`...)
			b = appendBytes(b, part.bytes)
		}
	}
	b = append(strconv.AppendInt(append(b, `},"size":`...), r.Size, 10), `,"proof":`...)
	b = append(appendHashes(b, r.Proof), `,"ephemeral":`...)
	b = appendBytes(b, r.Ephemeral)
	if a := r.Advance; a != nil {
		b = appendBytes(append(b, `,"advance":{"checkpoint":`...), a.Checkpoint)
		b = append(strconv.AppendInt(append(b, `,"from":`...), a.From, 10), `,"proof":`...)
		b = append(appendHashes(b, a.Proof), '}')
	}
	return append(b, '}'), nil
}

func appendBytes(b, value []byte) []byte {
	if value == nil {
		return append(b, "null"...)
	}
	return append(base64.StdEncoding.AppendEncode(append(b, '"'), value), '"')
}

func appendHashes(b []byte, list []tlog.Hash) []byte {
	if list == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendBytes(b, list[i][:])
	}
	return append(b, ']')
}

// UnwrapResponse is the data key, sealed to the ephemeral key, and what the key
// holder put on its own record.
type UnwrapResponse struct {
	Sealed  []byte           `json:"sealed"`
	Receipt Receipt          `json:"receipt"`
	Advance *AdvanceResponse `json:"advance,omitempty"`
}

// Receipt names the record of an unwrapping in the key holder's own ledger.
type Receipt struct {
	Index      int64  `json:"index"`
	Checkpoint []byte `json:"checkpoint"` // of the key holder's ledger, covering Index
}

// SealInfo binds a sealed answer to the very record it was given for.
func SealInfo(r ledger.Record) []byte {
	h := r.Hash()
	return append([]byte("strongroom/unwrap/v1\x00"), h[:]...)
}

// Check verifies everything about the request that needs no state: the record's
// commitments, its place in the tree with that root, that it is a fresh permitted
// release in this room, and that the ephemeral key is the one it names. The caller
// must have verified root itself, and checks use and limits.
func Check(req UnwrapRequest, room strongroom.ID, root tlog.Hash, now time.Time) (Evidence, error) {
	leaf, err := req.Record.Check()
	if err != nil {
		return Evidence{}, fmt.Errorf("checking the record: %w", err)
	}
	if leaf.Room != room {
		return Evidence{}, errors.New("the record is of another room")
	}
	if err := ledger.CheckInclusion(req.Proof, req.Size, root, req.Record.Index, req.Record.Hash()); err != nil {
		return Evidence{}, fmt.Errorf("checking the inclusion proof: %w", err)
	}
	if age := now.Sub(leaf.Time); age > Freshness || age < -Freshness {
		return Evidence{}, fmt.Errorf("the record's time is %s away from this clock, more than %s: it is stale, or a clock is wrong", age.Round(time.Second).Abs(), Freshness)
	}
	e, err := ParseEvidence(leaf.Kind, req.Record.Evidence)
	if err != nil {
		return Evidence{}, err
	}
	if EphemeralHash(req.Ephemeral) != e.Ephemeral {
		return Evidence{}, errors.New("the ephemeral key is not the one the record names")
	}
	if lease := time.UnixMilli(e.Expires).Sub(leaf.Time); lease > MaxLease {
		return Evidence{}, fmt.Errorf("the lease is longer than %s", MaxLease)
	}
	return e, nil
}

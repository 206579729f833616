package ledger

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"strongroom"

	"golang.org/x/mod/sumdb/tlog"
)

// Part is one of the two payloads of a record.
type Part string

const (
	// PartEvidence is what stays while retention lasts: pseudonymous actor, blob,
	// action, decision.
	PartEvidence Part = "evidence"
	// PartPersonal is what may be erased: names, keys, free text.
	PartPersonal Part = "personal"
)

// Kinds of record that verification itself understands.
const (
	KindErasure = "erasure" // evidence is an Erasure
	KindEpoch   = "epoch"   // evidence is an EpochChange
)

// Entry is what a caller wants recorded. The payloads are JSON by convention;
// this package does not look into them, save those of the kinds above. Evidence
// is required; a Personal of length 0 means that there is none.
type Entry struct {
	Kind     string
	Evidence []byte
	Personal []byte
}

// Record is a leaf at its place with the payloads and salts that open its
// commitments. An erased part is empty, and so is its salt.
type Record struct {
	Index        int64  `json:"index"`
	Leaf         []byte `json:"leaf"`
	Evidence     []byte `json:"evidence,omitempty"`
	EvidenceSalt []byte `json:"evidence_salt,omitempty"`
	Personal     []byte `json:"personal,omitempty"`
	PersonalSalt []byte `json:"personal_salt,omitempty"`
}

// MissingPartError says that a payload which the leaf commits to is not there.
// It is in order only when a later erasure record names it.
type MissingPartError struct {
	Index int64
	Part  Part
}

func (e *MissingPartError) Error() string {
	return fmt.Sprintf("record %d: the %s part is missing", e.Index, e.Part)
}

// AlteredError says that a record is not what was once recorded.
type AlteredError struct {
	Index int64
	What  string
}

func (e *AlteredError) Error() string { return fmt.Sprintf("record %d: %s", e.Index, e.What) }

// NewRecord commits to e's payloads under fresh salts.
func NewRecord(index int64, epoch uint32, at time.Time, room strongroom.ID, e Entry) (Record, error) {
	var salts [2 * SaltSize]byte
	rand.Read(salts[:]) // never fails since Go 1.24: it aborts the program instead
	return newRecord(index, epoch, at, room, e, salts[:SaltSize:SaltSize], salts[SaltSize:])
}

func newRecord(index int64, epoch uint32, at time.Time, room strongroom.ID, e Entry, evidenceSalt, personalSalt []byte) (Record, error) {
	if index < 0 || index >= MaxSize {
		return Record{}, fmt.Errorf("a record's index lies between 0 and %d", MaxSize-1)
	}
	if len(e.Evidence) == 0 {
		return Record{}, errors.New("a record has evidence")
	}
	if len(e.Evidence) > MaxPayload || len(e.Personal) > MaxPayload {
		return Record{}, fmt.Errorf("each part of a record has at most %d bytes, these have %d and %d", MaxPayload, len(e.Evidence), len(e.Personal))
	}
	r := Record{Index: index, Evidence: e.Evidence, EvidenceSalt: evidenceSalt}
	l := Leaf{Epoch: epoch, Time: at, Room: room, Kind: e.Kind, Evidence: Commit(PartEvidence, evidenceSalt, e.Evidence)}
	if len(e.Personal) > 0 {
		r.Personal, r.PersonalSalt = e.Personal, personalSalt
		l.Personal = Commit(PartPersonal, personalSalt, e.Personal)
	}
	var err error
	if r.Leaf, err = l.Encode(); err != nil {
		return Record{}, fmt.Errorf("encoding the leaf: %w", err)
	}
	return r, nil
}

// Commit is the commitment to a payload: HMAC-SHA256 under the salt, over a label
// that keeps the two parts apart and the payload.
func Commit(part Part, salt, payload []byte) [32]byte {
	mac := hmac.New(sha256.New, salt)
	mac.Write([]byte("strongroom/ledger/v1/" + string(part) + "\x00"))
	mac.Write(payload)
	return [32]byte(mac.Sum(nil))
}

// Hash is the record's leaf hash in the tree.
func (r Record) Hash() tlog.Hash { return LeafHash(r.Leaf) }

// Check reads the leaf and checks what is there of the payloads against it. An
// *AlteredError means that the record cannot be trusted; a *MissingPartError that
// the leaf, which is returned too, and the other part are as they were recorded.
func (r Record) Check() (Leaf, error) {
	l, missing, err := r.open()
	if err != nil {
		return Leaf{}, err
	}
	if len(missing) == 0 {
		return l, nil
	}
	errs := make([]error, len(missing))
	for i, part := range missing {
		errs[i] = &MissingPartError{r.Index, part}
	}
	return l, errors.Join(errs...)
}

func (r Record) open() (l Leaf, missing []Part, err error) {
	if r.Index < 0 || r.Index >= MaxSize {
		return Leaf{}, nil, &AlteredError{r.Index, "the index is out of range"}
	}
	l, err = ParseLeaf(r.Leaf)
	if err != nil {
		return Leaf{}, nil, &AlteredError{r.Index, err.Error()}
	}
	parts := [...]struct {
		part          Part
		payload, salt []byte
		commitment    [32]byte
		committed     bool
	}{
		{PartEvidence, r.Evidence, r.EvidenceSalt, l.Evidence, true},
		{PartPersonal, r.Personal, r.PersonalSalt, l.Personal, l.HasPersonal()},
	}
	for _, p := range parts {
		switch {
		case len(p.payload) == 0 && len(p.salt) != 0:
			return Leaf{}, nil, &AlteredError{r.Index, fmt.Sprintf("the %s part has a salt but no payload", p.part)}
		case len(p.payload) == 0 && p.committed:
			missing = append(missing, p.part)
		case len(p.payload) == 0:
		case !p.committed:
			return Leaf{}, nil, &AlteredError{r.Index, fmt.Sprintf("there is a %s part to which the leaf does not commit", p.part)}
		case len(p.salt) != SaltSize:
			return Leaf{}, nil, &AlteredError{r.Index, fmt.Sprintf("the salt of the %s part has %d bytes instead of %d", p.part, len(p.salt), SaltSize)}
		case len(p.payload) > MaxPayload:
			return Leaf{}, nil, &AlteredError{r.Index, fmt.Sprintf("the %s part has more than %d bytes", p.part, MaxPayload)}
		default:
			got := Commit(p.part, p.salt, p.payload)
			if subtle.ConstantTimeCompare(got[:], p.commitment[:]) != 1 {
				return Leaf{}, nil, &AlteredError{r.Index, fmt.Sprintf("the %s part is not the one recorded", p.part)}
			}
		}
	}
	return l, missing, nil
}

// PartOf names one part of one record.
type PartOf struct {
	Index int64 `json:"index"`
	Part  Part  `json:"part"`
}

// Erasure is the evidence of a record of KindErasure: the parts of earlier records
// that were removed. Other fields beside these are the caller's own.
type Erasure struct {
	Action  string   `json:"action"` // "erase"
	Records []PartOf `json:"records"`
}

// Head is a size and the root at that size.
type Head struct {
	Size int64     `json:"size"`
	Root tlog.Hash `json:"root"`
}

// EpochChange is the evidence of a record of KindEpoch, the first of a new epoch.
type EpochChange struct {
	Action    string `json:"action"` // "epoch"
	Epoch     uint32 `json:"epoch"`
	Continues Head   `json:"continues"`          // what the restored ledger held
	OldHead   *Head  `json:"old_head,omitempty"` // the last head known before the loss
}

// Package seal turns content into sealed blobs and back. A blob is encrypted in
// chunks under a data key of its own, and the data key is wrapped to public keys
// (recipients), so that storing needs no private key and only reading does. Any
// range can be read without the rest; every chunk is verified before one byte of
// it leaves; truncation, reordering, splicing, a swapped header, a wrong key and
// any flipped bit are found. The formats are written up, with test vectors, in
// docs/formats/sealed-blob.md. The package does no I/O of its own and every
// primitive it uses runs under GODEBUG=fips140=only.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"strongroom"
)

const redacted = "[secret]"

// DataKey is the secret that one blob is sealed under (its DEK). It prints as
// "[secret]" and refuses to be marshalled.
type DataKey [32]byte

// NewDataKey returns a fresh random key.
func NewDataKey() DataKey {
	var k DataKey
	rand.Read(k[:]) // never fails: it aborts the program instead
	return k
}

// String returns a placeholder, never the key.
func (DataKey) String() string { return redacted }

// GoString returns a placeholder, never the key.
func (DataKey) GoString() string { return redacted }

// Format prints a placeholder whatever the verb, %x and %d included.
func (DataKey) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// MarshalText refuses, which keeps keys out of JSON and of logs.
func (DataKey) MarshalText() ([]byte, error) {
	return nil, errors.New("a data key is never written out unwrapped")
}

// Binding is what a wrapped data key is tied to: it opens for this blob of this
// room and custody class, and for no other.
type Binding struct {
	Room, Blob strongroom.ID
	Custody    string
}

func (b Binding) check() error {
	if b.Room.IsZero() {
		return errors.New("the room is not set")
	}
	if b.Blob.IsZero() {
		return errors.New("the blob id is not set")
	}
	return CheckCustody(b.Custody)
}

// encode returns the canonical bytes that cryptography binds a wrapped key to:
// each field after its length, so that no two bindings share an encoding. The
// label and the kind keep the uses of one key apart.
func (b Binding) encode(label, kind string) []byte {
	return lengthPrefixed([]byte(label), []byte(kind), b.Room[:], b.Blob[:], []byte(b.Custody))
}

// CheckCustody says what is wrong with the name of a custody class: it has 1 to
// 63 characters out of a-z, 0-9 and '-'.
func CheckCustody(class string) error {
	if class == "" {
		return errors.New("the custody class is not set")
	}
	if len(class) > maxCustody {
		return fmt.Errorf("the custody class has %d characters, at most %d are allowed", len(class), maxCustody)
	}
	if !isName(class) {
		return errors.New("the custody class has characters other than a-z, 0-9 and -")
	}
	return nil
}

func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return s != ""
}

func lengthPrefixed(fields ...[]byte) []byte {
	var out []byte
	for _, f := range fields {
		out = binary.BigEndian.AppendUint16(out, uint16(len(f)))
		out = append(out, f...)
	}
	return out
}

// The labels under which keys are derived from a data key.
const (
	labelCommitment = "strongroom sealed-blob v1 commitment"
	labelPayload    = "strongroom sealed-blob v1 payload"
	labelPart       = "strongroom sealed-blob v1 part"
	labelManifest   = "strongroom sealed-blob v1 manifest"
)

// keySchedule derives everything that depends on a data key and a header. It is
// only handled by pointer, so that printing what holds it prints an address.
type keySchedule struct {
	header [HeaderSize]byte
	hash   [sha256.Size]byte
	prk    []byte
}

func newKeySchedule(h Header, key DataKey) (*keySchedule, error) {
	if key == (DataKey{}) {
		return nil, errors.New("the data key is not set")
	}
	header, err := h.encode()
	if err != nil {
		return nil, err
	}
	s := &keySchedule{header: header, hash: sha256.Sum256(header[:])}
	if s.prk, err = hkdf.Extract(sha256.New, key[:], s.hash[:]); err != nil {
		return nil, fmt.Errorf("deriving the keys: %w", err)
	}
	return s, nil
}

func (s *keySchedule) derive(info string) ([]byte, error) {
	k, err := hkdf.Expand(sha256.New, s.prk, info, 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the keys: %w", err)
	}
	return k, nil
}

// payload returns the cipher of the only segment of a single blob.
func (s *keySchedule) payload() (cipher.AEAD, error) {
	k, err := s.derive(labelPayload)
	if err != nil {
		return nil, err
	}
	return newAEAD(k)
}

// part returns the cipher of one attempt at one part.
func (s *keySchedule) part(number int, attempt strongroom.ID) (cipher.AEAD, error) {
	info := binary.BigEndian.AppendUint32([]byte(labelPart), uint32(number))
	k, err := s.derive(string(append(info, attempt[:]...)))
	if err != nil {
		return nil, err
	}
	return newAEAD(k)
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("setting up the cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("setting up the cipher: %w", err)
	}
	return aead, nil
}

// DamagedError says that stored bytes fail verification, and where. Nothing of
// the damaged chunk has left.
type DamagedError struct {
	Part   int   // number of the part, 0 in a single blob
	Chunk  int64 // index of the chunk in its segment, -1 where the damage is not in a chunk
	Reason string
}

func (e *DamagedError) Error() string {
	where := "the sealed blob is damaged"
	if e.Part > 0 {
		where += fmt.Sprintf(" in part %d", e.Part)
	}
	if e.Chunk >= 0 {
		where += fmt.Sprintf(" at chunk %d", e.Chunk)
	}
	return where + ": " + e.Reason + "; restore this file from a replica or a backup"
}

func damaged(reason string, args ...any) error {
	return &DamagedError{Chunk: -1, Reason: fmt.Sprintf(reason, args...)}
}

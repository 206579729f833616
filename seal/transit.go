package seal

import (
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"fmt"
	"io"
)

const (
	labelUploadKey = "strongroom upload key v1"
	labelEphemeral = "strongroom ephemeral v1"

	maxInfo = 0xFFFF // its length has two bytes
)

// WrapUploadKey wraps the data key of an upload in progress under a 32-byte
// secret that the content servers hold until the upload completes, so that any
// of them can seal further parts.
func WrapUploadKey(upload [32]byte, key DataKey, b Binding) ([]byte, error) {
	if upload == [32]byte{} || key == (DataKey{}) {
		return nil, errors.New("wrapping an upload's data key: a key is not set")
	}
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("wrapping an upload's data key: %w", err)
	}
	aead, err := newAEAD(upload[:])
	if err != nil {
		return nil, fmt.Errorf("wrapping an upload's data key: %w", err)
	}
	return aead.Seal(nil, nil, key[:], b.encode(labelUploadKey, "")), nil
}

// UnwrapUploadKey opens what WrapUploadKey returned for exactly b.
func UnwrapUploadKey(upload [32]byte, wrapped []byte, b Binding) (DataKey, error) {
	if upload == [32]byte{} {
		return DataKey{}, errors.New("unwrapping an upload's data key: the upload key is not set")
	}
	if err := b.check(); err != nil {
		return DataKey{}, fmt.Errorf("unwrapping an upload's data key: %w", err)
	}
	aead, err := newAEAD(upload[:])
	if err != nil {
		return DataKey{}, fmt.Errorf("unwrapping an upload's data key: %w", err)
	}
	raw, err := aead.Open(nil, nil, wrapped, b.encode(labelUploadKey, ""))
	if err != nil || len(raw) != len(DataKey{}) {
		return DataKey{}, errors.New("unwrapping an upload's data key: it is damaged, or belongs to another upload key, room, blob or custody class")
	}
	return DataKey(raw), nil
}

// Ephemeral is a key pair for one answer of a key server: the release's record
// names its public key's hash, and only its holder can open the answer. It is
// DHKEM(P-256), which costs less than half of a hybrid and is FIPS-approved; the answer
// lives for one exchange, and where it crosses a network TLS 1.3 with its own
// post-quantum hybrid protects it from being kept and broken later.
type Ephemeral struct{ key hpke.PrivateKey }

// NewEphemeral makes a key pair.
func NewEphemeral() (*Ephemeral, error) {
	k, err := hpke.DHKEM(ecdh.P256()).GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("making an ephemeral key: %w", err)
	}
	return &Ephemeral{k}, nil
}

// PublicKey returns the 65 bytes of the uncompressed point.
func (e *Ephemeral) PublicKey() []byte { return e.key.PublicKey().Bytes() }

// Format prints a placeholder, never the key.
func (Ephemeral) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// Open opens what SealTo made for this key and info.
func (e *Ephemeral) Open(sealed, info []byte) ([]byte, error) {
	if len(info) > maxInfo {
		return nil, errors.New("opening what was sealed to an ephemeral key: info is too long")
	}
	plain, err := hpke.Open(e.key, hpke.HKDFSHA256(), hpke.AES256GCM(), lengthPrefixed([]byte(labelEphemeral), info), sealed)
	if err != nil {
		return nil, fmt.Errorf("opening what was sealed to an ephemeral key: %w", err)
	}
	return plain, nil
}

// SealTo seals plaintext to an ephemeral public key. Info, at most 65,535 bytes,
// must be the same when it is opened.
func SealTo(public, info, plaintext []byte) ([]byte, error) {
	if len(info) > maxInfo {
		return nil, errors.New("sealing to an ephemeral key: info is too long")
	}
	key, err := hpke.DHKEM(ecdh.P256()).NewPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("sealing to an ephemeral key: %w", err)
	}
	out, err := hpke.Seal(key, hpke.HKDFSHA256(), hpke.AES256GCM(), lengthPrefixed([]byte(labelEphemeral), info), plaintext)
	if err != nil {
		return nil, fmt.Errorf("sealing to an ephemeral key: %w", err)
	}
	return out, nil
}

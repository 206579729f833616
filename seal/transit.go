package seal

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"fmt"
	"io"
	"sync"
)

const (
	labelUploadKey = "strongroom upload key v1"
	labelEphemeral = "strongroom ephemeral v2"
	labelAnswer    = "strongroom answer v2"

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

// Ephemeral is a key pair for the answers of a key server: a release's record names
// its public key's hash, and only its holder can open the answer. One pair serves the
// releases of a short time, which its holder bounds; each answer has a key of its own.
// It is DHKEM(P-256), which costs less than half of a hybrid and is FIPS-approved; an
// answer lives for one exchange, and where it crosses a network TLS 1.3 with its own
// post-quantum hybrid protects it from being kept and broken later. It is safe for
// concurrent use.
type Ephemeral struct {
	key    hpke.PrivateKey
	public []byte
	seen   *encapsulations
}

// encapsulations are those opened last: a key server makes one for a public key and
// seals many answers with it.
type encapsulations struct {
	mu   sync.Mutex
	next int
	kept [4]struct {
		bytes    [encapsulationSize]byte
		exporter exporter
	}
}

// exporter derives the keys of single answers. HPKE's Sender and Recipient are two.
type exporter interface {
	Export(context string, length int) ([]byte, error)
}

const (
	encapsulationSize = 65
	answerOverhead    = encapsulationSize + 12 + 16 // and the nonce and the tag
)

// NewEphemeral makes a key pair.
func NewEphemeral() (*Ephemeral, error) {
	k, err := hpke.DHKEM(ecdh.P256()).GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("making an ephemeral key: %w", err)
	}
	return newEphemeral(k), nil
}

func newEphemeral(k hpke.PrivateKey) *Ephemeral {
	return &Ephemeral{key: k, public: k.PublicKey().Bytes(), seen: &encapsulations{}}
}

// PublicKey returns the 65 bytes of the uncompressed point.
func (e *Ephemeral) PublicKey() []byte { return bytes.Clone(e.public) }

// Format prints a placeholder, never the key.
func (Ephemeral) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// Open opens what a Channel to this key sealed for info.
func (e *Ephemeral) Open(sealed, info []byte) ([]byte, error) {
	if len(info) > maxInfo {
		return nil, errors.New("opening what was sealed to an ephemeral key: info is too long")
	}
	if len(sealed) < answerOverhead {
		return nil, errors.New("opening what was sealed to an ephemeral key: it is too short")
	}
	from, err := e.exporter([encapsulationSize]byte(sealed))
	if err != nil {
		return nil, fmt.Errorf("opening what was sealed to an ephemeral key: %w", err)
	}
	aead, err := answerCipher(from, info)
	if err != nil {
		return nil, fmt.Errorf("opening what was sealed to an ephemeral key: %w", err)
	}
	plain, err := aead.Open(nil, nil, sealed[encapsulationSize:], nil)
	if err != nil {
		return nil, errors.New("opening what was sealed to an ephemeral key: it is damaged, or was sealed to another key or for something else")
	}
	return plain, nil
}

// exporter opens an encapsulation, or answers one that it has opened before.
func (e *Ephemeral) exporter(b [encapsulationSize]byte) (exporter, error) {
	e.seen.mu.Lock()
	defer e.seen.mu.Unlock()
	for _, k := range e.seen.kept {
		if k.exporter != nil && k.bytes == b {
			return k.exporter, nil
		}
	}
	r, err := hpke.NewRecipient(b[:], e.key, hpke.HKDFSHA256(), hpke.ExportOnly(), lengthPrefixed([]byte(labelEphemeral)))
	if err != nil {
		return nil, err
	}
	k := &e.seen.kept[e.seen.next]
	k.bytes, k.exporter = b, r
	e.seen.next = (e.seen.next + 1) % len(e.seen.kept)
	return r, nil
}

// Channel is a key server's side of an ephemeral key: one encapsulation to it, under
// which any number of answers are sealed, each under a key of its own. It is safe for
// concurrent use.
type Channel struct {
	encapsulation []byte
	exporter      exporter
}

// NewChannel makes an encapsulation to an ephemeral public key.
func NewChannel(public []byte) (*Channel, error) {
	key, err := hpke.DHKEM(ecdh.P256()).NewPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("sealing to an ephemeral key: %w", err)
	}
	enc, sender, err := hpke.NewSender(key, hpke.HKDFSHA256(), hpke.ExportOnly(), lengthPrefixed([]byte(labelEphemeral)))
	if err != nil {
		return nil, fmt.Errorf("sealing to an ephemeral key: %w", err)
	}
	return &Channel{enc, sender}, nil
}

// Format prints a placeholder, never what keys are derived from.
func (Channel) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// Seal seals plaintext. Info, at most 65,535 bytes, must be the same when it is opened.
func (c *Channel) Seal(info, plaintext []byte) ([]byte, error) {
	if len(info) > maxInfo {
		return nil, errors.New("sealing to an ephemeral key: info is too long")
	}
	aead, err := answerCipher(c.exporter, info)
	if err != nil {
		return nil, fmt.Errorf("sealing to an ephemeral key: %w", err)
	}
	return aead.Seal(bytes.Clone(c.encapsulation), nil, plaintext, nil), nil
}

// answerCipher is the cipher of the one answer that info names.
func answerCipher(from exporter, info []byte) (cipher.AEAD, error) {
	key, err := from.Export(string(lengthPrefixed([]byte(labelAnswer), info)), 32)
	if err != nil {
		return nil, err
	}
	return newAEAD(key)
}

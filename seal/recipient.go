package seal

import (
	"crypto/hpke"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// The types of key pairs that a data key can be wrapped to. The hybrids resist a
// quantum computer as long as either of their halves holds.
const (
	TypeMLKEM768X25519 = "hpke-mlkem768-x25519" // the default
	TypeMLKEM768P256   = "hpke-mlkem768-p256"
	TypeRSA3072        = "rsa-3072-oaep-sha256" // for key stores that know nothing newer
)

const (
	recipientPrefix = "strongroom-recipient:"
	identityPrefix  = "strongroom-identity:"
	labelRecipient  = "strongroom recipient v1"
	labelStanza     = "strongroom stanza v1"

	maxKeyText = 16 << 10
)

// scheme is one type of key pair.
type scheme interface {
	generate() (privateKey, error)
	parsePublic([]byte) (publicKey, error)
	parsePrivate([]byte) (privateKey, error)
}

type publicKey interface {
	bytes() []byte
	wrap(key DataKey, info []byte) (enc, body []byte, err error)
}

type privateKey interface {
	bytes() ([]byte, error)
	public() publicKey
	unwrap(enc, body, info []byte) ([]byte, error)
}

var schemes = map[string]scheme{
	TypeMLKEM768X25519: hpkeScheme{hpke.MLKEM768X25519()},
	TypeMLKEM768P256:   hpkeScheme{hpke.MLKEM768P256()},
	TypeRSA3072:        rsaScheme{},
}

func schemeOf(kind string) (scheme, error) {
	s, ok := schemes[kind]
	if !ok {
		return nil, fmt.Errorf("unknown key type %.64q; the types are %s, %s and %s", kind, TypeMLKEM768X25519, TypeMLKEM768P256, TypeRSA3072)
	}
	return s, nil
}

// Recipient is a public key that data keys are wrapped to. The zero value wraps
// nothing.
type Recipient struct {
	kind, id string
	key      publicKey
}

func newRecipient(kind string, key publicKey) Recipient {
	sum := sha256.Sum256(lengthPrefixed([]byte(labelRecipient), []byte(kind), key.bytes()))
	return Recipient{kind: kind, id: hex.EncodeToString(sum[:16]), key: key}
}

// ParseRecipient reads what String wrote.
func ParseRecipient(s string) (Recipient, error) {
	kind, raw, err := splitKey(s, recipientPrefix)
	if err != nil {
		return Recipient{}, fmt.Errorf("reading a recipient: %w", err)
	}
	sch, err := schemeOf(kind)
	if err != nil {
		return Recipient{}, fmt.Errorf("reading a recipient: %w", err)
	}
	key, err := sch.parsePublic(raw)
	if err != nil {
		return Recipient{}, fmt.Errorf("reading a recipient of type %s: %w", kind, err)
	}
	return newRecipient(kind, key), nil
}

// String returns "strongroom-recipient:TYPE:KEY", the key in unpadded URL-safe
// base64.
func (r Recipient) String() string {
	if r.key == nil {
		return recipientPrefix
	}
	return recipientPrefix + r.kind + ":" + base64.RawURLEncoding.EncodeToString(r.key.bytes())
}

// ID returns 32 hexadecimal digits that name the key in stanzas and records.
func (r Recipient) ID() string { return r.id }

// Type returns one of the Type constants.
func (r Recipient) Type() string { return r.kind }

// Wrap seals the data key to the recipient so that it opens for b only.
func (r Recipient) Wrap(key DataKey, b Binding) (Stanza, error) {
	if r.key == nil {
		return Stanza{}, errors.New("wrapping a data key: the recipient is not set")
	}
	if key == (DataKey{}) {
		return Stanza{}, errors.New("wrapping a data key: the data key is not set")
	}
	if err := b.check(); err != nil {
		return Stanza{}, fmt.Errorf("wrapping a data key: %w", err)
	}
	enc, body, err := r.key.wrap(key, b.encode(labelStanza, r.kind))
	if err != nil {
		return Stanza{}, fmt.Errorf("wrapping a data key to recipient %s: %w", r.id, err)
	}
	return Stanza{Type: r.kind, Recipient: r.id, Enc: enc, Body: body}, nil
}

// Identity is a private key. It prints as its recipient's id only; MarshalText is
// the one way to get the key out.
type Identity struct {
	recipient Recipient
	key       privateKey
}

// GenerateIdentity makes a key pair of one of the Type constants.
func GenerateIdentity(kind string) (*Identity, error) {
	sch, err := schemeOf(kind)
	if err != nil {
		return nil, fmt.Errorf("making a key pair: %w", err)
	}
	key, err := sch.generate()
	if err != nil {
		return nil, fmt.Errorf("making a key pair of type %s: %w", kind, err)
	}
	return &Identity{newRecipient(kind, key.public()), key}, nil
}

// ParseIdentity reads what MarshalText wrote: one line with the key; lines that
// are empty or start with # are passed over.
func ParseIdentity(text []byte) (*Identity, error) {
	if len(text) > maxKeyText {
		return nil, fmt.Errorf("reading a private key: the file has %d bytes, at most %d are expected", len(text), maxKeyText)
	}
	found := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if found != "" {
			return nil, errors.New("reading a private key: the file has more than one; keep one key in a file")
		}
		found = line
	}
	if found == "" {
		return nil, errors.New("reading a private key: the file has none")
	}
	kind, raw, err := splitKey(found, identityPrefix)
	if err != nil {
		return nil, fmt.Errorf("reading a private key: %w", err)
	}
	sch, err := schemeOf(kind)
	if err != nil {
		return nil, fmt.Errorf("reading a private key: %w", err)
	}
	key, err := sch.parsePrivate(raw)
	if err != nil {
		return nil, fmt.Errorf("reading a private key of type %s: %w", kind, err)
	}
	return &Identity{newRecipient(kind, key.public()), key}, nil
}

// MarshalText returns the text file that holds the private key, with the
// recipient in a comment.
func (i *Identity) MarshalText() ([]byte, error) {
	raw, err := i.key.bytes()
	if err != nil {
		return nil, fmt.Errorf("writing a private key: %w", err)
	}
	return fmt.Appendf(nil, "# private key %s: whoever has this file can open what is sealed to it\n# %s\n%s%s:%s\n",
		i.recipient.id, i.recipient, identityPrefix, i.recipient.kind, base64.RawURLEncoding.EncodeToString(raw)), nil
}

// MarshalJSON refuses: a key that stands in a struct must not leave by accident.
func (i Identity) MarshalJSON() ([]byte, error) {
	return nil, errors.New("a private key is not written as JSON")
}

// Recipient returns the public key.
func (i *Identity) Recipient() Recipient { return i.recipient }

// String returns the recipient's id, never the key.
func (i Identity) String() string { return "identity " + i.recipient.id }

// Format prints what String returns, whatever the verb.
func (i Identity) Format(f fmt.State, _ rune) { io.WriteString(f, i.String()) }

// LogValue logs what String returns.
func (i Identity) LogValue() slog.Value { return slog.StringValue(i.String()) }

// Unwrap opens a stanza that was wrapped to this identity for exactly b.
func (i *Identity) Unwrap(s Stanza, b Binding) (DataKey, error) {
	if s.Type != i.recipient.kind || s.Recipient != i.recipient.id {
		return DataKey{}, fmt.Errorf("unwrapping a data key: the stanza is for recipient %.32q, this is %s", s.Recipient, i.recipient.id)
	}
	if err := b.check(); err != nil {
		return DataKey{}, fmt.Errorf("unwrapping a data key: %w", err)
	}
	raw, err := i.key.unwrap(s.Enc, s.Body, b.encode(labelStanza, s.Type))
	if err != nil {
		return DataKey{}, fmt.Errorf("unwrapping a data key with %s: the stanza is damaged or belongs to another room, blob or custody class: %w", i.recipient.id, err)
	}
	if len(raw) != len(DataKey{}) {
		return DataKey{}, fmt.Errorf("unwrapping a data key with %s: the stanza holds %d bytes instead of %d", i.recipient.id, len(raw), len(DataKey{}))
	}
	return DataKey(raw), nil
}

// splitKey takes PREFIX TYPE ":" BASE64 apart and insists on its one spelling.
func splitKey(s, prefix string) (kind string, raw []byte, err error) {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return "", nil, fmt.Errorf("it does not start with %q", prefix)
	}
	if len(s) > maxKeyText {
		return "", nil, fmt.Errorf("it has %d characters, at most %d are expected", len(s), maxKeyText)
	}
	kind, text, ok := strings.Cut(rest, ":")
	if !ok {
		return "", nil, errors.New("it has no type")
	}
	raw, err = base64.RawURLEncoding.DecodeString(text)
	// The decoder passes over line breaks and stray bits, hence the comparison.
	if err != nil || base64.RawURLEncoding.EncodeToString(raw) != text {
		return "", nil, errors.New("the key is not unpadded URL-safe base64")
	}
	return kind, raw, nil
}

// hpkeScheme is RFC 9180 in base mode with HKDF-SHA256 and AES-256-GCM; the
// binding is its info.
type hpkeScheme struct{ kem hpke.KEM }

type hpkePublic struct{ key hpke.PublicKey }

type hpkePrivate struct{ key hpke.PrivateKey }

func (s hpkeScheme) generate() (privateKey, error) {
	k, err := s.kem.GenerateKey()
	return hpkePrivate{k}, err
}

func (s hpkeScheme) parsePublic(b []byte) (publicKey, error) {
	k, err := s.kem.NewPublicKey(b)
	return hpkePublic{k}, err
}

func (s hpkeScheme) parsePrivate(b []byte) (privateKey, error) {
	k, err := s.kem.NewPrivateKey(b)
	return hpkePrivate{k}, err
}

func (p hpkePublic) bytes() []byte { return p.key.Bytes() }

func (p hpkePublic) wrap(key DataKey, info []byte) (enc, body []byte, err error) {
	enc, sender, err := hpke.NewSender(p.key, hpke.HKDFSHA256(), hpke.AES256GCM(), info)
	if err != nil {
		return nil, nil, err
	}
	body, err = sender.Seal(nil, key[:])
	return enc, body, err
}

func (p hpkePrivate) bytes() ([]byte, error) { return p.key.Bytes() }

func (p hpkePrivate) public() publicKey { return hpkePublic{p.key.PublicKey()} }

func (p hpkePrivate) unwrap(enc, body, info []byte) ([]byte, error) {
	r, err := hpke.NewRecipient(enc, p.key, hpke.HKDFSHA256(), hpke.AES256GCM(), info)
	if err != nil {
		return nil, err
	}
	return r.Open(nil, body)
}

// rsaScheme wraps in two steps, since key stores that decrypt OAEP take no
// label: OAEP wraps a random key, which wraps the data key with the binding as
// additional data.
type rsaScheme struct{}

type rsaPublic struct {
	key *rsa.PublicKey
	der []byte // PKIX
}

type rsaPrivate struct{ key *rsa.PrivateKey }

const rsaBits = 3072

func (rsaScheme) generate() (privateKey, error) {
	k, err := rsa.GenerateKey(rand.Reader, rsaBits)
	return rsaPrivate{k}, err
}

func (rsaScheme) parsePublic(b []byte) (publicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(b)
	if err != nil {
		return nil, errors.New("the key is not a public key in PKIX form")
	}
	k, ok := parsed.(*rsa.PublicKey)
	if !ok || k.N.BitLen() != rsaBits || k.E != 65537 {
		return nil, errors.New("the key is not an RSA key of 3072 bits with exponent 65537")
	}
	if again, err := x509.MarshalPKIXPublicKey(k); err != nil || string(again) != string(b) {
		return nil, errors.New("the key is not in canonical PKIX form")
	}
	return rsaPublic{k, b}, nil
}

func (rsaScheme) parsePrivate(b []byte) (privateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(b)
	if err != nil {
		return nil, errors.New("the key is not a valid private key in PKCS #8 form")
	}
	k, ok := parsed.(*rsa.PrivateKey)
	if !ok || k.N.BitLen() != rsaBits || k.E != 65537 {
		return nil, errors.New("the key is not an RSA key of 3072 bits with exponent 65537")
	}
	return rsaPrivate{k}, nil
}

func (p rsaPublic) bytes() []byte { return p.der }

func (p rsaPublic) wrap(key DataKey, info []byte) (enc, body []byte, err error) {
	var between [32]byte
	rand.Read(between[:])
	if enc, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, p.key, between[:], nil); err != nil {
		return nil, nil, err
	}
	aead, err := newAEAD(between[:])
	if err != nil {
		return nil, nil, err
	}
	return enc, aead.Seal(nil, nil, key[:], info), nil
}

func (p rsaPrivate) bytes() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(p.key) }

func (p rsaPrivate) public() publicKey {
	der, err := x509.MarshalPKIXPublicKey(&p.key.PublicKey)
	if err != nil {
		panic("seal: an RSA public key cannot be marshalled: " + err.Error()) // no RSA key is refused
	}
	return rsaPublic{&p.key.PublicKey, der}
}

func (p rsaPrivate) unwrap(enc, body, info []byte) ([]byte, error) {
	between, err := rsa.DecryptOAEP(sha256.New(), nil, p.key, enc, nil)
	if err != nil {
		return nil, err
	}
	if len(between) != 32 {
		return nil, errors.New("the wrapping key has the wrong length")
	}
	aead, err := newAEAD(between)
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, nil, body, info)
}

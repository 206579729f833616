package ledger

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// The C2SP signature type of a timestamped Ed25519 cosignature.
const algCosignature = 4

const cosignatureSize = 8 + ed25519.SignatureSize

// GenerateCosignerKey makes a key pair with which a witness cosigns checkpoints.
// Both are text; the first must be kept secret. A key that signs checkpoints must
// never be used to cosign them.
func GenerateCosignerKey(name string) (cosignerKey, witnessKey string, err error) {
	if err := checkKeyName(name); err != nil {
		return "", "", fmt.Errorf("making a witness key: %w", err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("making a witness key: %w", err)
	}
	return "PRIVATE+KEY+" + encodeKey(name, public, private.Seed()), encodeKey(name, public, public), nil
}

// encodeKey returns name, key ID and key as a note key has them.
func encodeKey(name string, public ed25519.PublicKey, key []byte) string {
	return fmt.Sprintf("%s+%08x+%s", name, cosignerHash(name, public),
		base64.StdEncoding.EncodeToString(append([]byte{algCosignature}, key...)))
}

func cosignerHash(name string, public ed25519.PublicKey) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"+string(rune(algCosignature))), public...))
	return binary.BigEndian.Uint32(sum[:])
}

func checkKeyName(name string) error {
	if name == "" || strings.ContainsAny(name, "+\n") || len(strings.Fields(name)) != 1 || strings.TrimSpace(name) != name {
		return errors.New("a key's name is not empty and has no spaces and no plus sign")
	}
	return nil
}

// decodeKey reads what encodeKey wrote.
func decodeKey(s string) (name string, id uint32, key []byte, err error) {
	name, rest, _ := strings.Cut(s, "+")
	hex, b64, _ := strings.Cut(rest, "+")
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || len(hex) != 8 || checkKeyName(name) != nil {
		return "", 0, nil, errors.New("it has not the form NAME+ID+KEY")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(b64)
	if err != nil || len(raw) != 1+ed25519.PublicKeySize { // a seed is as long
		return "", 0, nil, errors.New("it does not hold 33 bytes in base64")
	}
	if raw[0] != algCosignature {
		return "", 0, nil, fmt.Errorf("its type is %d; a witness key is of type %d", raw[0], algCosignature)
	}
	return name, uint32(n), raw[1:], nil
}

// ParseCosigner reads the secret key of a witness. What it makes signs a note's
// text together with the time that now tells; a cosigner must sign only checkpoints
// whose consistency with all earlier ones it has checked.
func ParseCosigner(cosignerKey string, now func() time.Time) (note.Signer, error) {
	rest, ok := strings.CutPrefix(cosignerKey, "PRIVATE+KEY+")
	if !ok {
		return nil, errors.New("reading a witness's secret key: it does not start with PRIVATE+KEY+")
	}
	name, id, seed, err := decodeKey(rest)
	if err != nil {
		return nil, fmt.Errorf("reading a witness's secret key: %w", err)
	}
	private := ed25519.NewKeyFromSeed(seed)
	if cosignerHash(name, private.Public().(ed25519.PublicKey)) != id {
		return nil, errors.New("reading a witness's secret key: its ID does not belong to it")
	}
	return &cosigner{name, id, private, now}, nil
}

type cosigner struct {
	name    string
	id      uint32
	private ed25519.PrivateKey
	now     func() time.Time
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.id }

func (c *cosigner) Sign(text []byte) ([]byte, error) {
	if _, err := parseCheckpoint(string(text)); err != nil {
		return nil, fmt.Errorf("cosigning: %w", err)
	}
	at := c.now().Unix()
	if at < 0 {
		return nil, errors.New("cosigning: the clock stands before 1970")
	}
	sig := binary.BigEndian.AppendUint64(make([]byte, 0, cosignatureSize), uint64(at))
	return append(sig, ed25519.Sign(c.private, cosignedMessage(uint64(at), text))...), nil
}

func cosignedMessage(at uint64, text []byte) []byte {
	return append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", at), text...)
}

// ParseWitness reads the public key of a witness.
func ParseWitness(witnessKey string) (note.Verifier, error) {
	name, id, public, err := decodeKey(witnessKey)
	if err != nil {
		return nil, fmt.Errorf("reading a witness's public key: %w", err)
	}
	if cosignerHash(name, public) != id {
		return nil, errors.New("reading a witness's public key: its ID does not belong to it")
	}
	return &witness{name, id, public}, nil
}

type witness struct {
	name   string
	id     uint32
	public ed25519.PublicKey
}

func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.id }

func (w *witness) Verify(text, sig []byte) bool {
	if len(sig) != cosignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	return at>>63 == 0 && ed25519.Verify(w.public, cosignedMessage(at, text), sig[8:])
}

// Cosignature is one witness's statement that, at Time, the checkpoint was the
// largest it knew and consistent with all it had seen before.
type Cosignature struct {
	Witness string    `json:"witness"`
	Time    time.Time `json:"time"`
}

// Cosignatures lists the cosignatures among a note's verified signatures. A
// checkpoint is witnessed when there is at least one by a witness that the reader
// knows.
func Cosignatures(n *note.Note, witnesses ...note.Verifier) []Cosignature {
	var list []Cosignature
	for _, s := range n.Sigs {
		for _, w := range witnesses {
			if s.Name != w.Name() || s.Hash != w.KeyHash() {
				continue
			}
			raw, err := base64.StdEncoding.DecodeString(s.Base64)
			if err != nil || len(raw) != 4+cosignatureSize {
				continue
			}
			at := int64(binary.BigEndian.Uint64(raw[4:]))
			list = append(list, Cosignature{Witness: s.Name, Time: time.Unix(at, 0).UTC()})
		}
	}
	return list
}

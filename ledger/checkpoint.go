package ledger

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"strongroom"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// MaxCheckpoint is the size of the longest signed checkpoint that is read.
const MaxCheckpoint = 64 << 10

// Checkpoint is a ledger's size and root at one moment (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
}

// KeyName is the name of the key that signs the checkpoints of a room.
func KeyName(room strongroom.ID) string { return "strongroom/" + room.String() }

// Origin is the first line of the checkpoints of a room in an epoch.
func Origin(room strongroom.ID, epoch uint32) string {
	return KeyName(room) + "/" + strconv.FormatUint(uint64(epoch), 10)
}

// ParseOrigin takes an Origin apart.
func ParseOrigin(origin string) (strongroom.ID, uint32, error) {
	rest, ok := strings.CutPrefix(origin, "strongroom/")
	id, digits, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 {
		return strongroom.ID{}, 0, errors.New("the origin is not that of a room's ledger: it has the form strongroom/ROOM/EPOCH")
	}
	room, err := strongroom.ParseID(id)
	if err != nil {
		return strongroom.ID{}, 0, fmt.Errorf("reading the room of the origin: %w", err)
	}
	epoch, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || epoch == 0 || digits != strconv.FormatUint(epoch, 10) {
		return strongroom.ID{}, 0, errors.New("the epoch of the origin is not a number from 1 without leading zeros")
	}
	return room, uint32(epoch), nil
}

// GenerateKey makes a key pair that signs checkpoints. Both are text; the first
// must be kept secret.
func GenerateKey(name string) (signerKey, verifierKey string, err error) {
	s, v, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", "", fmt.Errorf("making a ledger key: %w", err)
	}
	if _, err := note.NewVerifier(v); err != nil {
		return "", "", errors.New("making a ledger key: a key's name has no spaces and no plus sign")
	}
	return s, v, nil
}

// ParseSigner reads the secret key that signs checkpoints.
func ParseSigner(signerKey string) (note.Signer, error) {
	s, err := note.NewSigner(signerKey)
	if err != nil {
		return nil, errors.New("reading the ledger's signing key: it is not an Ed25519 note key")
	}
	return s, nil
}

// ParseVerifier reads the public key that checks a ledger's checkpoints.
func ParseVerifier(verifierKey string) (note.Verifier, error) {
	v, err := note.NewVerifier(verifierKey)
	if err != nil {
		return nil, fmt.Errorf("reading the ledger's public key: %w", err)
	}
	return v, nil
}

// Sign returns the signed text of a checkpoint.
func Sign(c Checkpoint, signers ...note.Signer) ([]byte, error) {
	if len(signers) == 0 {
		return nil, errors.New("signing a checkpoint: there is no key to sign with")
	}
	text := c.text()
	if parsed, err := parseCheckpoint(text); err != nil || parsed != c {
		return nil, fmt.Errorf("signing a checkpoint: %w", errors.Join(errors.New("it is malformed"), err))
	}
	signed, err := note.Sign(&note.Note{Text: text}, signers...)
	if err != nil {
		return nil, fmt.Errorf("signing a checkpoint: %w", err)
	}
	return signed, nil
}

// OpenCheckpoint reads a signed checkpoint. It must bear a valid signature of the
// ledger's key, and no invalid one of a witness given; those that signed stand in
// the note's Sigs. Other signatures are kept, unverified, in the note, so that
// note.Sign adds a cosignature to all that is there. Lines that extend the
// checkpoint stay in the note's text and are otherwise ignored.
func OpenCheckpoint(signed []byte, ledgerKey note.Verifier, witnesses ...note.Verifier) (Checkpoint, *note.Note, error) {
	if len(signed) > MaxCheckpoint {
		return Checkpoint{}, nil, fmt.Errorf("opening a checkpoint: it has more than %d bytes", MaxCheckpoint)
	}
	if ledgerKey == nil {
		return Checkpoint{}, nil, errors.New("opening a checkpoint: the ledger's key is not given")
	}
	n, err := note.Open(signed, note.VerifierList(append([]note.Verifier{ledgerKey}, witnesses...)...))
	if err != nil {
		return Checkpoint{}, nil, fmt.Errorf("opening a checkpoint: %w", err)
	}
	if !signedBy(n, ledgerKey) {
		return Checkpoint{}, nil, errors.New("opening a checkpoint: the ledger's key has not signed it")
	}
	c, err := parseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, nil, fmt.Errorf("opening a checkpoint: %w", err)
	}
	// One room's key must not speak for another room.
	if name := ledgerKey.Name(); c.Origin != name && !strings.HasPrefix(c.Origin, name+"/") {
		return Checkpoint{}, nil, errors.New("opening a checkpoint: its origin does not belong to the key that signed it")
	}
	return c, n, nil
}

func signedBy(n *note.Note, v note.Verifier) bool {
	for _, s := range n.Sigs {
		if s.Name == v.Name() && s.Hash == v.KeyHash() {
			return true
		}
	}
	return false
}

func (c Checkpoint) text() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + c.Root.String() + "\n"
}

func parseCheckpoint(text string) (Checkpoint, error) {
	body, ok := strings.CutSuffix(text, "\n")
	lines := strings.Split(body, "\n")
	if !ok || len(lines) < 3 {
		return Checkpoint{}, errors.New("a checkpoint has at least three lines")
	}
	for _, line := range lines {
		if line == "" {
			return Checkpoint{}, errors.New("a checkpoint has no empty line")
		}
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || size > MaxSize || lines[1] != strconv.FormatInt(size, 10) {
		return Checkpoint{}, errors.New("the size of a checkpoint is a decimal number without leading zeros")
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil || root.String() != lines[2] {
		return Checkpoint{}, errors.New("the root of a checkpoint is 32 bytes in base64")
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: root}, nil
}

// ReadCheckpoint opens a signed checkpoint by keys in text, and answers which of the
// witnesses cosigned it.
func ReadCheckpoint(signed []byte, verifierKey string, witnessKeys []string) (Checkpoint, []Cosignature, error) {
	key, err := ParseVerifier(verifierKey)
	if err != nil {
		return Checkpoint{}, nil, fmt.Errorf("reading the ledger's key: %w", err)
	}
	var witnesses []note.Verifier
	for _, k := range witnessKeys {
		w, err := ParseWitness(k)
		if err != nil {
			return Checkpoint{}, nil, fmt.Errorf("reading a witness's key: %w", err)
		}
		witnesses = append(witnesses, w)
	}
	c, n, err := OpenCheckpoint(signed, key, witnesses...)
	if err != nil {
		return Checkpoint{}, nil, fmt.Errorf("the signed head does not verify: %w", err)
	}
	return c, Cosignatures(n, witnesses...), nil
}

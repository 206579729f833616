// Package ledger is a room's tamper-evident record of what happened: canonical
// leaves with two salted commitments, an RFC 6962 Merkle tree over them, signed
// checkpoints that witnesses cosign, proofs, and the routines that verify all of
// it again from the records alone. Whoever keeps one earlier checkpoint finds any
// later change to the past, a deleted last record included. The commitments hide
// what they cover, so that personal parts can be erased without breaking the tree,
// and a part that is missing without its erasure record is found. The package
// does no I/O of its own; docs/formats/ledger.md is its specification.
package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"strongroom"

	"golang.org/x/mod/sumdb/tlog"
)

// Limits of one record.
const (
	MaxKind    = 32       // bytes of a kind
	MaxPayload = 64 << 10 // bytes of each part
	SaltSize   = 32       // bytes of each salt
)

// MaxSize bounds the number of records in a ledger, and so what a hostile proof
// or checkpoint can ask for.
const MaxSize = int64(1) << 48

const (
	leafFormat    = 1
	leafFixed     = 1 + 4 + 8 + 16 + 1 + 32 + 32 // a leaf without its kind
	maxUnixMillis = 253402300799999              // the last millisecond of the year 9999
)

// Leaf is the part of a record that stays for ever and is hashed into the tree.
// It says when, in which room and of what kind; what happened stands behind the
// commitments. Personal is all zero when there is no personal part.
type Leaf struct {
	Epoch    uint32 // from 1; rises when a ledger was restored from a backup
	Time     time.Time
	Room     strongroom.ID
	Kind     string // 1 to 32 of a-z, 0-9 and '-'
	Evidence [32]byte
	Personal [32]byte
}

// HasPersonal reports whether the leaf commits to a personal part.
func (l Leaf) HasPersonal() bool { return l.Personal != [32]byte{} }

// Encode returns the only encoding that l has. Time is cut to milliseconds.
func (l Leaf) Encode() ([]byte, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	b := make([]byte, 0, leafFixed+len(l.Kind))
	b = append(b, leafFormat)
	b = binary.BigEndian.AppendUint32(b, l.Epoch)
	b = binary.BigEndian.AppendUint64(b, uint64(l.Time.UnixMilli()))
	b = append(b, l.Room[:]...)
	b = append(b, byte(len(l.Kind)))
	b = append(b, l.Kind...)
	b = append(b, l.Evidence[:]...)
	return append(b, l.Personal[:]...), nil
}

// ParseLeaf reads the encoding of a leaf and refuses every other byte string.
func ParseLeaf(b []byte) (Leaf, error) {
	if len(b) < leafFixed+1 {
		return Leaf{}, fmt.Errorf("a leaf has at least %d bytes, this has %d", leafFixed+1, len(b))
	}
	if b[0] != leafFormat {
		return Leaf{}, fmt.Errorf("unknown leaf format %d", b[0])
	}
	kind := int(b[29])
	if len(b) != leafFixed+kind {
		return Leaf{}, fmt.Errorf("a leaf whose kind has %d bytes has %d bytes, this has %d", kind, leafFixed+kind, len(b))
	}
	millis := binary.BigEndian.Uint64(b[5:])
	if millis > maxUnixMillis {
		return Leaf{}, errors.New("the time of a leaf is beyond the year 9999")
	}
	l := Leaf{
		Epoch: binary.BigEndian.Uint32(b[1:]),
		Time:  time.UnixMilli(int64(millis)).UTC(),
		Room:  strongroom.ID(b[13:29]),
		Kind:  string(b[30 : 30+kind]),
	}
	copy(l.Evidence[:], b[30+kind:])
	copy(l.Personal[:], b[62+kind:])
	return l, l.check()
}

func (l Leaf) check() error {
	if l.Epoch == 0 {
		return errors.New("a leaf's epoch starts at 1")
	}
	if ms := l.Time.UnixMilli(); ms < 0 || ms > maxUnixMillis {
		return errors.New("a leaf's time lies between the years 1970 and 9999")
	}
	if l.Room.IsZero() {
		return errors.New("a leaf names its room")
	}
	if len(l.Kind) < 1 || len(l.Kind) > MaxKind {
		return fmt.Errorf("a leaf's kind has 1 to %d characters, this has %d", MaxKind, len(l.Kind))
	}
	for i := range len(l.Kind) {
		if c := l.Kind[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return fmt.Errorf("a leaf's kind has only a-z, 0-9 and '-'; character %d is not one", i+1)
		}
	}
	if l.Evidence == [32]byte{} {
		return errors.New("a leaf commits to its evidence")
	}
	return nil
}

// LeafHash is the RFC 6962 hash of an encoded leaf.
func LeafHash(leaf []byte) tlog.Hash { return tlog.RecordHash(leaf) }

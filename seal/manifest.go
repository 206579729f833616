package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"strongroom"
)

const (
	manifestFixed = HeaderSize + CommitmentSize + 4 + sha256.Size
	manifestEntry = 4 + 16 + 8
)

// ManifestPart names one segment of a blob: the part's number, which attempt at
// it counts, and how much plaintext it holds.
type ManifestPart struct {
	Number  int           `json:"number"`
	Attempt strongroom.ID `json:"attempt"`
	Size    int64         `json:"size"` // plaintext bytes
}

func checkPart(number int, attempt strongroom.ID) error {
	if number < 1 || number > MaxParts {
		return fmt.Errorf("part numbers run from 1 to %d, this is %d", MaxParts, number)
	}
	if attempt.IsZero() {
		return errors.New("the attempt is not set")
	}
	return nil
}

func checkParts(parts []ManifestPart) error {
	if len(parts) < 1 || len(parts) > MaxParts {
		return fmt.Errorf("a manifest has 1 to %d parts, this has %d", MaxParts, len(parts))
	}
	before, total := 0, int64(0)
	for _, p := range parts {
		if err := checkPart(p.Number, p.Attempt); err != nil {
			return err
		}
		if p.Number <= before {
			return fmt.Errorf("parts stand in ascending order, %d follows %d", p.Number, before)
		}
		if p.Size < 0 || p.Size > MaxSize-total {
			return fmt.Errorf("part %d has an impossible size: a blob holds at most %d bytes", p.Number, int64(MaxSize))
		}
		before, total = p.Number, total+p.Size
	}
	return nil
}

// ManifestSize returns the size of a manifest of that many parts.
func ManifestSize(parts int) int64 { return manifestFixed + int64(parts)*manifestEntry }

// WriteManifest writes, in one Write, the authenticated list that makes segments
// a blob. Part numbers must ascend; they need not be consecutive.
func WriteManifest(w io.Writer, h Header, key DataKey, parts []ManifestPart) error {
	if err := checkParts(parts); err != nil {
		return fmt.Errorf("writing a manifest: %w", err)
	}
	h.Layout = Segmented
	keys, err := newKeySchedule(h, key)
	if err != nil {
		return fmt.Errorf("writing a manifest: %w", err)
	}
	commitment, err := keys.derive(labelCommitment)
	if err != nil {
		return fmt.Errorf("writing a manifest: %w", err)
	}
	out := make([]byte, 0, ManifestSize(len(parts)))
	out = append(append(out, keys.header[:]...), commitment...)
	list := len(out)
	out = binary.BigEndian.AppendUint32(out, uint32(len(parts)))
	for _, p := range parts {
		out = binary.BigEndian.AppendUint32(out, uint32(p.Number))
		out = append(out, p.Attempt[:]...)
		out = binary.BigEndian.AppendUint64(out, uint64(p.Size))
	}
	tag, err := keys.manifestTag(out[list:])
	if err != nil {
		return fmt.Errorf("writing a manifest: %w", err)
	}
	if _, err := w.Write(append(out, tag...)); err != nil {
		return fmt.Errorf("writing a manifest: %w", err)
	}
	return nil
}

func (s *keySchedule) manifestTag(list []byte) ([]byte, error) {
	k, err := s.derive(labelManifest)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, k)
	mac.Write(s.hash[:])
	mac.Write(list)
	return mac.Sum(nil), nil
}

// openManifest returns the parts that a manifest lists, once everything about
// it is verified.
func openManifest(src Source, keys *keySchedule) ([]ManifestPart, error) {
	size := src.Size()
	if size < ManifestSize(1) || size > ManifestSize(MaxParts) || (size-manifestFixed)%manifestEntry != 0 {
		return nil, damaged("no manifest has %d bytes", size)
	}
	b := make([]byte, size)
	if err := readFull(src, b, 0); err != nil {
		return nil, atChunk(err, 0, -1, "reading the manifest")
	}
	if err := keys.checkStart(b[:HeaderSize+CommitmentSize]); err != nil {
		return nil, err
	}
	list, tag := b[HeaderSize+CommitmentSize:size-sha256.Size], b[size-sha256.Size:]
	want, err := keys.manifestTag(list)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(tag, want) {
		return nil, damaged("the list of parts fails verification")
	}
	if count := binary.BigEndian.Uint32(list); int64(count) != (size-manifestFixed)/manifestEntry {
		return nil, damaged("the manifest announces %d parts, which its size denies", count)
	}
	var parts []ManifestPart
	for e := list[4:]; len(e) > 0; e = e[manifestEntry:] {
		p := ManifestPart{Number: int(binary.BigEndian.Uint32(e)), Size: int64(binary.BigEndian.Uint64(e[20:]))}
		copy(p.Attempt[:], e[4:])
		parts = append(parts, p)
	}
	if err := checkParts(parts); err != nil {
		return nil, damaged("the list of parts is malformed: %v", err)
	}
	return parts, nil
}

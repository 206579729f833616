package disk

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"

	"strongroom"
)

// A segment is a file of frames, one for each write that was made durable; the next was
// begun only after that. A frame begins at a multiple of block, so that writing it
// touches no byte of an earlier one, not even in its sector:
//
//	 0  magic (8)
//	 8  the segment's id (16), which stands in its name too
//	24  number of the frame in the segment, from 0 (4)
//	28  length of the entries, in bytes (4)
//	32  SHA-256 of the 32 bytes above and the entries
//	64  entries, each: kind (1), length of the name (1), length of the content (4),
//	    name, content
//
// Numbers are big-endian. Frames of another id are what the file held before it was used
// again. docs/design/small-blobs.md says why it is so.
const (
	block     = 4096
	frameHead = 64
	entryHead = 6
	// A frame has at most the words of goneLimit removals, then a batch, which ends with the
	// commit that reaches batchLimit.
	batchLimit = 1 << 20
	maxFrame   = 4 << 20
)

var magic = [8]byte([]byte("strjnl1\n"))

var segmentForm = regexp.MustCompile(`^segment-1-([0-9a-f]{32})$`)

// entryKind says what is true of a name since the entry.
type entryKind byte

const (
	entryPut       entryKind = 1 // it has this content
	entryGone      entryKind = 2 // it is removed
	entryElsewhere entryKind = 3 // its file was made durable by itself
)

// segmentID is a number that grows (8 bytes) and randomness (8).
type segmentID [16]byte

func newSegmentID(number uint64) (id segmentID) {
	binary.BigEndian.PutUint64(id[:], number)
	rand.Read(id[8:])
	return id
}

func (id segmentID) number() uint64 { return binary.BigEndian.Uint64(id[:]) }

func (id segmentID) name() string { return "segment-1-" + hex.EncodeToString(id[:]) }

func parseSegmentName(name string) (id segmentID, ok bool) {
	m := segmentForm.FindStringSubmatch(name)
	if m == nil {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(m[1]))
	return id, err == nil
}

// beginFrame begins a frame in an empty buffer; appendEntry and endFrame go on with it.
func beginFrame(b []byte) []byte { return append(b, make([]byte, frameHead)...) }

func appendEntry(b []byte, kind entryKind, name string, content []byte) []byte {
	b = append(b, byte(kind), byte(len(name)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(content)))
	b = append(b, name...)
	return append(b, content...)
}

// endFrame fills in the head and pads to a whole number of blocks.
func endFrame(b []byte, id segmentID, number uint32) []byte {
	copy(b, magic[:])
	copy(b[8:], id[:])
	binary.BigEndian.PutUint32(b[24:], number)
	binary.BigEndian.PutUint32(b[28:], uint32(len(b)-frameHead))
	sum := frameSum(b)
	copy(b[32:], sum[:])
	if over := len(b) % block; over > 0 {
		b = append(b, make([]byte, block-over)...)
	}
	return b
}

func frameSum(b []byte) (sum [32]byte) {
	h := sha256.New()
	h.Write(b[:32])
	h.Write(b[frameHead:])
	h.Sum(sum[:0])
	return sum
}

// frameAt reads the frame at an offset into the buffer, and answers its number and
// entries; not ok where no whole frame of this segment begins there.
func frameAt(f io.ReaderAt, size, offset int64, id segmentID, buffer []byte) (number uint32, entries, grown []byte, ok bool, err error) {
	buffer = append(buffer[:0], make([]byte, frameHead)...)
	if n, err := f.ReadAt(buffer, offset); n < frameHead {
		if err == io.EOF {
			err = nil
		}
		return 0, nil, buffer, false, err
	}
	length := binary.BigEndian.Uint32(buffer[28:])
	if !bytes.Equal(buffer[:8], magic[:]) || !bytes.Equal(buffer[8:24], id[:]) || length > maxFrame || int64(length) > size-offset-frameHead {
		return 0, nil, buffer, false, nil
	}
	buffer = append(buffer, make([]byte, length)...)
	if n, err := f.ReadAt(buffer[frameHead:], offset+frameHead); n < int(length) {
		if err == io.EOF {
			err = nil
		}
		return 0, nil, buffer, false, err
	}
	if frameSum(buffer) != [32]byte(buffer[32:frameHead]) {
		return 0, nil, buffer, false, nil
	}
	return binary.BigEndian.Uint32(buffer[24:]), buffer[frameHead:], buffer, true, nil
}

// readSegment calls each for every entry of every whole frame, in order, with where in
// the file its content stands; the content is good until each returns. What follows the
// last whole frame was never acknowledged, unless a later frame is whole: then something
// damaged the segment, which is an error.
func readSegment(f io.ReaderAt, size int64, id segmentID, each func(kind entryKind, name string, at int64, content []byte) error) error {
	var buffer []byte
	var offset int64
	for number := uint32(0); ; number++ {
		at, entries, grown, ok, err := frameAt(f, size, offset, id, buffer)
		if buffer = grown; err != nil {
			return fmt.Errorf("reading a segment: %w", err)
		}
		if !ok || at != number {
			break
		}
		length := int64(frameHead + len(entries))
		for rest := entries; len(rest) > 0; {
			kind, name, content, after, err := parseEntry(rest)
			if err != nil {
				return fmt.Errorf("at byte %d: %w", offset+length-int64(len(rest)), err)
			}
			if err := each(kind, name, offset+length-int64(len(after)+len(content)), content); err != nil {
				return err
			}
			rest = after
		}
		offset += (length + block - 1) / block * block
	}
	for later := offset; later < size; later += block {
		_, _, grown, ok, err := frameAt(f, size, later, id, buffer)
		if buffer = grown; err != nil {
			return fmt.Errorf("reading a segment: %w", err)
		}
		if ok {
			return fmt.Errorf("the frame at byte %d is damaged, and the one at byte %d, which was written after it, is whole", offset, later)
		}
	}
	return nil
}

var errEntry = errors.New("an entry is malformed though the frame's digest is right, so another version of the program wrote it")

func parseEntry(b []byte) (kind entryKind, name string, content, rest []byte, err error) {
	if len(b) < entryHead {
		return 0, "", nil, nil, errEntry
	}
	kind = entryKind(b[0])
	nameLength, contentLength := int(b[1]), binary.BigEndian.Uint32(b[2:])
	b = b[entryHead:]
	if uint64(len(b)) < uint64(nameLength)+uint64(contentLength) || contentLength > smallLimit {
		return 0, "", nil, nil, errEntry
	}
	name, content, rest = string(b[:nameLength]), b[nameLength:nameLength+int(contentLength)], b[nameLength+int(contentLength):]
	if !nameForm.MatchString(name) || kind < entryPut || kind > entryElsewhere || kind != entryPut && len(content) > 0 {
		return 0, "", nil, nil, errEntry
	}
	return kind, name, content, rest, nil
}

// damaged tells a person about a segment that cannot be replayed.
func damaged(path string, err error) error {
	return &strongroom.Error{
		Kind:    strongroom.KindDamaged,
		Message: fmt.Sprintf("the journal of small blobs %s is damaged: %v", path, err),
		Hint: "the blobs stored in the last seconds before the crash may exist only there: keep a copy of the file, look at the disk, and restore the room from a backup; " +
			"or move the file out of the folder to go on with the files as they are, and have `strongroom ledger verify --state` and a read of each recent object tell what is missing",
		Cause: err,
	}
}

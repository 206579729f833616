package seal

import (
	"errors"
	"fmt"
	"io"

	"strongroom"
)

// Sizes of the format, in bytes unless they say otherwise.
const (
	HeaderSize     = 128
	CommitmentSize = 32
	ChunkSize      = 1 << chunkBits // plaintext in every chunk but the last
	Overhead       = 12 + 16        // nonce and tag of a chunk
	MaxParts       = 10_000         // parts in a segmented blob
	MaxSize        = 1 << 48        // plaintext in a blob: 2³² chunks, the most that random nonces allow a key

	chunkBits   = 16
	sealedChunk = ChunkSize + Overhead
	maxCustody  = 63
)

const (
	magic         = "SRSEALED"
	formatVersion = 1
	suiteAES256   = 1 // HKDF-SHA256, AES-256-GCM with random nonces, HMAC-SHA256

	offVersion  = 8
	offSuite    = 9
	offChunk    = 10
	offLayout   = 11
	offRoom     = 12
	offBlob     = 28
	offCustody  = 44 // length, then up to 63 characters, zero-padded
	offReserved = 108
)

// Layout says how a blob's chunks are stored.
type Layout uint8

const (
	Single    Layout = 0 // header, commitment and chunks in one file
	Segmented Layout = 1 // a manifest, and a file of chunks for each part
)

func (l Layout) String() string {
	switch l {
	case Single:
		return "single"
	case Segmented:
		return "segmented"
	}
	return fmt.Sprintf("layout %d", uint8(l))
}

// Header is the clear start of a blob or manifest. It is authenticated: every
// key is derived from its hash. ReadHeader fills Layout; functions that take a
// Header ignore it, since each writes or opens one layout only.
type Header struct {
	Layout     Layout
	Room, Blob strongroom.ID
	Custody    string
}

func (h Header) encode() ([HeaderSize]byte, error) {
	if err := (Binding{h.Room, h.Blob, h.Custody}).check(); err != nil {
		return [HeaderSize]byte{}, err
	}
	var b [HeaderSize]byte
	copy(b[:], magic)
	b[offVersion] = formatVersion
	b[offSuite] = suiteAES256
	b[offChunk] = chunkBits
	b[offLayout] = byte(h.Layout)
	copy(b[offRoom:], h.Room[:])
	copy(b[offBlob:], h.Blob[:])
	b[offCustody] = byte(len(h.Custody))
	copy(b[offCustody+1:], h.Custody)
	return b, nil
}

func parseHeader(b [HeaderSize]byte) (Header, error) {
	if string(b[:len(magic)]) != magic {
		return Header{}, errors.New("this is not a sealed blob: it does not start with " + magic)
	}
	if b[offVersion] != formatVersion {
		return Header{}, fmt.Errorf("the sealed blob has format version %d, this program reads version %d; use a newer one", b[offVersion], formatVersion)
	}
	if b[offSuite] != suiteAES256 || b[offChunk] != chunkBits {
		return Header{}, fmt.Errorf("the sealed blob has cipher suite %d with chunks of 2^%d bytes, this program knows suite %d with 2^%d only", b[offSuite], b[offChunk], suiteAES256, chunkBits)
	}
	h := Header{Layout: Layout(b[offLayout])}
	if h.Layout != Single && h.Layout != Segmented {
		return Header{}, fmt.Errorf("the sealed blob has the unknown %v", h.Layout)
	}
	copy(h.Room[:], b[offRoom:])
	copy(h.Blob[:], b[offBlob:])
	if n := int(b[offCustody]); n <= maxCustody {
		h.Custody = string(b[offCustody+1:][:n])
	}
	// A header has one encoding: what is not zero in the padding or in the
	// reserved bytes, or a name that may not be written, makes this differ.
	if again, err := h.encode(); err != nil {
		return Header{}, fmt.Errorf("the header of the sealed blob is malformed: %w", err)
	} else if again != b {
		return Header{}, errors.New("the header of the sealed blob is malformed: bytes that must be zero are not")
	}
	return h, nil
}

// ReadHeader reads HeaderSize bytes from r and checks their form. Nothing in
// them is authenticated until Open or OpenSegmented has succeeded with them.
func ReadHeader(r io.Reader) (Header, error) {
	var b [HeaderSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return Header{}, fmt.Errorf("reading the header of the sealed blob: %w", err)
	}
	return parseHeader(b)
}

func chunks(plain int64) int64 {
	return max(1, (plain+ChunkSize-1)/ChunkSize)
}

// SegmentSize returns the size of a segment file with that much plaintext.
func SegmentSize(plain int64) int64 { return plain + chunks(plain)*Overhead }

// SealedSize returns the size of a single blob with that much plaintext.
func SealedSize(plain int64) int64 { return HeaderSize + CommitmentSize + SegmentSize(plain) }

// PlainSize returns how much plaintext a single blob of that size holds, or an
// error if no blob has that size.
func PlainSize(sealed int64) (int64, error) {
	body := sealed - HeaderSize - CommitmentSize
	if body < Overhead {
		return 0, damaged("it has %d bytes, fewer than an empty blob", sealed)
	}
	if body > SegmentSize(MaxSize) {
		return 0, damaged("it has %d bytes, more than a blob can have", sealed)
	}
	plain := body - (body+sealedChunk-1)/sealedChunk*Overhead
	if plain < 0 || SegmentSize(plain) != body {
		return 0, damaged("no blob has %d bytes: its end is missing", sealed)
	}
	return plain, nil
}

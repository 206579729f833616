package s3

import (
	"cmp"
	"crypto/fips140"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/minio/crc64nvme"
	"github.com/zeebo/xxh3"

	"strongroom/vault"
)

// byDefault is the checksum that content gets which came without one, as in S3.
const byDefault = "crc64nvme"

const noSuchChecksum = "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64]"

// checksum is one of the algorithms that S3 clients may choose.
type checksum struct {
	name   string // as in x-amz-checksum-<name>
	size   int
	new    func() hash.Hash
	poly   uint64 // of a CRC, reflected; 0 for digests
	tag    string // as in ChecksumCRC32
	preset string // type of a multipart object's checksum if the client names none
}

const (
	composite  = "composite"
	fullObject = "full_object"
)

var checksums = []checksum{
	{"crc32", 4, func() hash.Hash { return crc32.NewIEEE() }, crc32.IEEE, "ChecksumCRC32", composite},
	{"crc32c", 4, func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) }, crc32.Castagnoli, "ChecksumCRC32C", composite},
	{"crc64nvme", 8, func() hash.Hash { return crc64nvme.New() }, crc64nvme.NVME, "ChecksumCRC64NVME", fullObject},
	{"sha1", 20, func() hash.Hash { return foreign(sha1.New) }, 0, "ChecksumSHA1", composite},
	{"sha256", 32, sha256.New, 0, "ChecksumSHA256", composite},
	{"sha512", 64, sha512.New, 0, "ChecksumSHA512", composite},
	{"md5", 16, newMD5, 0, "ChecksumMD5", composite},
	{"xxhash64", 8, func() hash.Hash { return xxhash.New() }, 0, "ChecksumXXHASH64", composite},
	{"xxhash3", 8, func() hash.Hash { return xxh3.New() }, 0, "ChecksumXXHASH3", composite},
	{"xxhash128", 16, func() hash.Hash { return xxh3.New128() }, 0, "ChecksumXXHASH128", composite},
}

// checksumNamed finds an algorithm by name in any case, or nil.
func checksumNamed(name string) *checksum {
	for i := range checksums {
		if strings.EqualFold(checksums[i].name, name) {
			return &checksums[i]
		}
	}
	return nil
}

// decode reads a base64 value of the algorithm's size, or answers nil.
func (c *checksum) decode(v string) []byte {
	b, err := base64.StdEncoding.Strict().DecodeString(v)
	if err != nil || len(b) != c.size {
		return nil
	}
	return b
}

// foreignHash is a hash that FIPS 140 does not know. It guards nothing here: a
// client asks that its own checksum be compared, and that is all.
type foreignHash struct{ hash.Hash }

func foreign(new func() hash.Hash) hash.Hash {
	var h hash.Hash
	fips140.WithoutEnforcement(func() { h = new() })
	return foreignHash{h}
}

func (f foreignHash) Write(p []byte) (n int, err error) {
	fips140.WithoutEnforcement(func() { n, err = f.Hash.Write(p) })
	return n, err
}

func (f foreignHash) Sum(b []byte) (sum []byte) {
	fips140.WithoutEnforcement(func() { sum = f.Hash.Sum(b) })
	return sum
}

func newMD5() hash.Hash { return foreign(md5.New) }

// combine makes the CRC of two runs of bytes from the CRC of each and the length
// of the second: a(x)·x^(8·length) + b(x) modulo the polynomial.
func (c *checksum) combine(a, b uint64, length int64) uint64 {
	top := uint64(1) << (8*c.size - 1)
	multiply := func(a, b uint64) (p uint64) {
		for m := top; m != 0; m >>= 1 {
			if a&m != 0 {
				p ^= b
			}
			if b&1 != 0 {
				b = b>>1 ^ c.poly
			} else {
				b >>= 1
			}
		}
		return p
	}
	power, shift := top>>8, top // x^8, and x^0
	for n := length; n > 0; n >>= 1 {
		if n&1 != 0 {
			shift = multiply(power, shift)
		}
		power = multiply(power, power)
	}
	return multiply(shift, a) ^ b
}

// whole makes a multipart object's checksum from those of its parts, as S3 does:
// the digest of the parts' digests with the number of parts, or the CRC of all bytes.
// It is "" if a part has no checksum of the algorithm, or if a digest of all bytes
// is wanted, which the parts' digests do not give.
func (c *checksum) whole(kind string, parts []vault.Part) string {
	if kind == fullObject && c.poly == 0 {
		return ""
	}
	h := c.new()
	var crc uint64
	for i, p := range parts {
		sum := c.decode(p.Checksums[c.name])
		if sum == nil {
			return ""
		}
		if kind == composite {
			h.Write(sum)
			continue
		}
		var wide [8]byte
		copy(wide[8-c.size:], sum)
		if v := binary.BigEndian.Uint64(wide[:]); i == 0 {
			crc = v
		} else {
			crc = c.combine(crc, v, p.Size)
		}
	}
	if kind == composite {
		return base64.StdEncoding.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(parts))
	}
	var wide [8]byte
	binary.BigEndian.PutUint64(wide[:], crc)
	return base64.StdEncoding.EncodeToString(wide[8-c.size:])
}

// allows reports whether a multipart object's checksum may be of this type.
func (c *checksum) allows(kind string) bool {
	if kind == composite {
		return c.preset == composite
	}
	return c.poly != 0
}

// sum is the vault.Sum of copies: content on its way, and its checksum at the end.
func sum(algorithm string, content io.Reader) (io.Reader, vault.AtEOF) {
	c := checksumNamed(cmp.Or(algorithm, byDefault))
	h := c.new()
	return io.TeeReader(content, h), func() (map[string]string, error) {
		return map[string]string{c.name: base64.StdEncoding.EncodeToString(h.Sum(nil))}, nil
	}
}

// sums writes checksums and their type, as the results of several operations have them.
func (d *document) sums(values map[string]string, kind string) {
	for _, c := range checksums {
		if v, ok := values[c.name]; ok {
			d.text(c.tag, v)
		}
	}
	if len(values) > 0 && kind != "" {
		d.text("ChecksumType", strings.ToUpper(kind))
	}
}

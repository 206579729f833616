package s3

import (
	"encoding/binary"
	"hash"
	"hash/crc64"
	"sync"
)

// polyNVME is the polynomial of CRC-64/NVME, reflected.
const polyNVME = 0x9a6c9329ac4bc9b5

// tablesNVME answers tables for sixteen bytes at a time: hash/crc64 makes its own for
// eight anew with every write, for any polynomial but its two.
var tablesNVME = sync.OnceValue(func() *[16]crc64.Table {
	var t [16]crc64.Table
	t[0] = *crc64.MakeTable(polyNVME)
	for i := range t[0] {
		for j := 1; j < len(t); j++ {
			v := t[j-1][i]
			t[j][i] = t[0][byte(v)] ^ v>>8
		}
	}
	return &t
})

// crcNVME is a hash.Hash of CRC-64/NVME.
type crcNVME struct {
	sum    uint64
	tables *[16]crc64.Table
}

func newCRC64() hash.Hash { return &crcNVME{tables: tablesNVME()} }

func (c *crcNVME) Write(p []byte) (int, error) {
	t, n, v := c.tables, len(p), ^c.sum
	for ; len(p) >= 16; p = p[16:] {
		v ^= binary.LittleEndian.Uint64(p)
		w := binary.LittleEndian.Uint64(p[8:])
		v = t[15][byte(v)] ^ t[14][byte(v>>8)] ^ t[13][byte(v>>16)] ^ t[12][byte(v>>24)] ^
			t[11][byte(v>>32)] ^ t[10][byte(v>>40)] ^ t[9][byte(v>>48)] ^ t[8][v>>56] ^
			t[7][byte(w)] ^ t[6][byte(w>>8)] ^ t[5][byte(w>>16)] ^ t[4][byte(w>>24)] ^
			t[3][byte(w>>32)] ^ t[2][byte(w>>40)] ^ t[1][byte(w>>48)] ^ t[0][w>>56]
	}
	for _, b := range p {
		v = t[0][byte(v)^b] ^ v>>8
	}
	c.sum = ^v
	return n, nil
}

func (c *crcNVME) Sum(b []byte) []byte { return binary.BigEndian.AppendUint64(b, c.sum) }
func (c *crcNVME) Reset()              { c.sum = 0 }
func (c *crcNVME) Size() int           { return 8 }
func (c *crcNVME) BlockSize() int      { return 16 }

package synth

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"math/bits"
	"slices"
)

const flacBlock = 4096 // samples of one channel in a frame; the last frame may be shorter

// oggFLAC packs interleaved 16-bit stereo samples as FLAC (RFC 9639) in an Ogg
// container (RFC 3533), one frame to a page: fixed predictors and Rice codes,
// which is what the format's fastest encoders do.
func oggFLAC(samples []int16, serial uint32) []byte {
	pages := ogg{serial: serial}
	info := streamInfo(samples)
	// Mapping version 1.0, and one header packet after this one.
	pages.add(slices.Concat([]byte("\x7fFLAC\x01\x00\x00\x01fLaC\x00\x00\x00\x22"), info), 0, false)
	comment := binary.LittleEndian.AppendUint32(nil, 10)
	comment = append(comment, "strongroom"...)
	comment = binary.LittleEndian.AppendUint32(comment, 0)
	pages.add(append([]byte{0x84, 0, 0, byte(len(comment))}, comment...), 0, false)

	left, right := make([]int32, len(samples)/2), make([]int32, len(samples)/2)
	for i := range left {
		left[i], right[i] = int32(samples[2*i]), int32(samples[2*i+1])
	}
	for n, at := 0, 0; at < len(left); n++ {
		end := min(at+flacBlock, len(left))
		pages.add(flacFrame(n, left[at:end], right[at:end]), uint64(end), end == len(left))
		at = end
	}
	return pages.out.Bytes()
}

// ogg writes pages of one logical stream.
type ogg struct {
	out      bytes.Buffer
	serial   uint32
	sequence uint32
}

// add writes a packet, of less than 65,025 bytes, as a page of its own.
func (o *ogg) add(packet []byte, granule uint64, last bool) {
	var flags byte
	if o.sequence == 0 {
		flags |= 2
	}
	if last {
		flags |= 4
	}
	page := append([]byte("OggS\x00"), flags)
	page = binary.LittleEndian.AppendUint64(page, granule)
	page = binary.LittleEndian.AppendUint32(page, o.serial)
	page = binary.LittleEndian.AppendUint32(page, o.sequence)
	page = append(page, 0, 0, 0, 0) // the sum, below
	page = append(page, byte(len(packet)/255+1))
	page = append(page, bytes.Repeat([]byte{255}, len(packet)/255)...)
	page = append(page, byte(len(packet)%255))
	page = append(page, packet...)
	binary.LittleEndian.PutUint32(page[22:], oggCRC.of(page))
	o.out.Write(page)
	o.sequence++
}

// cyclic is an unreflected cyclic redundancy sum, from 0, of the width in bits
// (hash/crc32 has reflected ones only).
type cyclic struct {
	width int
	table [256]uint32
}

var (
	oggCRC  = newCyclic(32, 0x04c11db7)
	headCRC = newCyclic(8, 0x07)
	bodyCRC = newCyclic(16, 0x8005)
)

func newCyclic(width int, polynomial uint32) *cyclic {
	c := &cyclic{width: width}
	for i := range c.table {
		sum := uint32(i) << 24
		for range 8 {
			carry := sum>>31 == 1
			if sum <<= 1; carry {
				sum ^= polynomial << (32 - width)
			}
		}
		c.table[i] = sum
	}
	return c
}

func (c *cyclic) of(data []byte) uint32 {
	var sum uint32 // in the highest bits
	for _, b := range data {
		sum = sum<<8 ^ c.table[byte(sum>>24)^b]
	}
	return sum >> (32 - c.width)
}

func streamInfo(samples []int16) []byte {
	var w bitWriter
	w.put(flacBlock, 16)
	w.put(flacBlock, 16)
	w.put(0, 24) // smallest and largest frame: not told
	w.put(0, 24)
	w.put(sampleRate, 20)
	w.put(2-1, 3)
	w.put(16-1, 5)
	w.put(uint64(len(samples)/2), 36)
	raw := make([]byte, 0, 2*len(samples))
	for _, s := range samples {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(s))
	}
	sum := md5.Sum(raw) // the format asks for MD5
	return append(w.bytes, sum[:]...)
}

func flacFrame(number int, channels ...[]int32) []byte {
	var w bitWriter
	size := len(channels[0])
	w.put(0b11111111111110, 14)
	w.put(0, 2) // reserved; fixed block size
	if size == flacBlock {
		w.put(0b1100, 4)
	} else {
		w.put(0b0111, 4) // told below
	}
	w.put(0b0100, 4) // 8 kHz
	w.put(uint64(len(channels)-1), 4)
	w.put(0b100, 3) // 16 bits
	w.put(0, 1)
	w.bytes = append(w.bytes, string(rune(number))...) // numbers are coded as UTF-8 codes characters
	if size != flacBlock {
		w.put(uint64(size-1), 16)
	}
	w.put(uint64(headCRC.of(w.bytes)), 8)
	for _, channel := range channels {
		w.subframe(channel)
	}
	w.align()
	w.put(uint64(bodyCRC.of(w.bytes)), 16)
	return w.bytes
}

type bitWriter struct {
	bytes []byte
	free  int // unused low bits of the last byte
}

func (w *bitWriter) put(value uint64, width int) {
	for width > 0 {
		if w.free == 0 {
			w.bytes, w.free = append(w.bytes, 0), 8
		}
		n := min(width, w.free)
		width -= n
		w.free -= n
		w.bytes[len(w.bytes)-1] |= byte(value>>width&(1<<n-1)) << w.free
	}
}

func (w *bitWriter) align() { w.free = 0 }

// subframe codes one channel with whichever of the five fixed predictors leaves least.
func (w *bitWriter) subframe(samples []int32) {
	residual := slices.Clone(samples)
	best, order, least := slices.Clone(residual), 0, magnitude(residual)
	for o := 1; o <= 4 && o < len(samples); o++ {
		for i := len(residual) - 1; i >= o; i-- {
			residual[i] -= residual[i-1]
		}
		if m := magnitude(residual[o:]); m < least {
			best, order, least = slices.Clone(residual), o, m
		}
	}
	w.put(0, 1)
	w.put(uint64(0b001000|order), 6)
	w.put(0, 1) // no wasted bits
	for _, s := range samples[:order] {
		w.put(uint64(uint16(s)), 16)
	}
	w.put(0, 2) // Rice parameters of four bits

	parts := 0 // as a power of two
	for parts < 4 && len(samples)%(2<<parts) == 0 && len(samples)>>(parts+1) > order {
		parts++
	}
	w.put(uint64(parts), 4)
	each := len(samples) >> parts
	for part := range 1 << parts {
		w.rice(best[max(part*each, order) : (part+1)*each])
	}
}

func magnitude(values []int32) (sum uint64) {
	for _, v := range values {
		sum += uint64(max(v, -v))
	}
	return sum
}

// rice codes a partition with the parameter that suits its mean.
func (w *bitWriter) rice(values []int32) {
	mean := 2 * magnitude(values) / uint64(max(len(values), 1))
	k := min(max(bits.Len64(mean)-1, 0), 14)
	w.put(uint64(k), 4)
	for _, v := range values {
		folded := uint64(uint32(v<<1 ^ v>>31))
		for range folded >> k {
			w.put(0, 1)
		}
		w.put(1, 1)
		w.put(folded&(1<<k-1), k)
	}
}

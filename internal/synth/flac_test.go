package synth

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// The decoder here reads what RFC 9639 and RFC 3533 say, sharing nothing with
// the encoder; sums are computed another way (bit by bit over a message padded
// with zeros).

func TestOggFLACOfAnySamples(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	shapes := map[string]func(i int) int16{
		"silence":   func(int) int16 { return 0 },
		"constant":  func(int) int16 { return -32768 },
		"extremes":  func(i int) int16 { return [2]int16{-32768, 32767}[i/2%2] },
		"noise":     func(int) int16 { return int16(random.Uint32()) },
		"ramp":      func(i int) int16 { return int16(i) },
		"parabola":  func(i int) int16 { return int16(i * i / 100) },
		"one click": func(i int) int16 { return int16(i / 5000 % 2 * 30000) },
	}
	for name, shape := range shapes {
		for _, n := range []int{1, 2, 3, 5, 100, 4096, 4097} {
			samples := make([]int16, 2*n)
			for i := range samples {
				samples[i] = shape(i)
			}
			if got := readOggFLAC(t, oggFLAC(samples, 9)); !slices.Equal(got, samples) {
				t.Errorf("%s, %d samples: decodes to something else", name, n)
			}
		}
	}
}

type bitReader struct {
	t    *testing.T
	data []byte
	at   int // in bits
}

func (r *bitReader) get(width int) uint64 {
	var v uint64
	for range width {
		if r.at/8 >= len(r.data) {
			r.t.Fatal("the frame ends too soon")
		}
		v = v<<1 | uint64(r.data[r.at/8]>>(7-r.at%8)&1)
		r.at++
	}
	return v
}

func (r *bitReader) signed(width int) int64 {
	return int64(r.get(width)<<(64-width)) >> (64 - width)
}

func remainder(data []byte, polynomial uint64, width int) uint64 {
	var sum uint64
	for _, b := range append(slices.Clone(data), make([]byte, width/8)...) {
		for i := range 8 {
			sum = sum<<1 | uint64(b>>(7-i)&1)
			if sum>>width&1 == 1 {
				sum ^= 1<<width | polynomial
			}
		}
	}
	return sum
}

func readOggFLAC(t *testing.T, b []byte) []int16 {
	t.Helper()
	var packets [][]byte
	var granules []uint64
	for n := uint32(0); len(b) > 0; n++ {
		if len(b) < 27 || string(b[:5]) != "OggS\x00" {
			t.Fatalf("page %d is none", n)
		}
		segments := int(b[26])
		size := 0
		for _, s := range b[27 : 27+segments] {
			size += int(s)
		}
		page := slices.Clone(b[:27+segments+size])
		b = b[len(page):]
		want := binary.LittleEndian.Uint32(page[22:])
		copy(page[22:26], make([]byte, 4))
		if got := remainder(page, 0x04c11db7, 32); uint32(got) != want {
			t.Fatalf("page %d: the sum is %08x, want %08x", n, got, want)
		}
		var flags byte
		if n == 0 {
			flags = 2
		}
		if len(b) == 0 {
			flags |= 4
		}
		if page[5] != flags || binary.LittleEndian.Uint32(page[18:]) != n || page[26+segments] == 255 {
			t.Fatalf("page %d: flags %x, sequence %d", n, page[5], binary.LittleEndian.Uint32(page[18:]))
		}
		packets = append(packets, page[27+segments:])
		granules = append(granules, binary.LittleEndian.Uint64(page[6:]))
	}
	if len(packets) < 3 || len(packets[0]) != 51 || !bytes.HasPrefix(packets[0], []byte("\x7fFLAC\x01\x00\x00\x01fLaC\x00\x00\x00\x22")) {
		t.Fatalf("the first of %d packets is %q", len(packets), packets[0])
	}
	comment := packets[1]
	if comment[0] != 0x84 || int(comment[3]) != len(comment)-4 {
		t.Fatalf("the comment is %q", comment)
	}
	info := &bitReader{t: t, data: packets[0][17:]}
	for _, field := range []struct {
		width int
		want  uint64
	}{{16, 4096}, {16, 4096}, {24, 0}, {24, 0}, {20, 8000}, {3, 1}, {5, 15}} {
		if got := info.get(field.width); got != field.want {
			t.Fatalf("the stream information says %d, want %d", got, field.want)
		}
	}
	total := info.get(36)

	var samples []int16
	for n, packet := range packets[2:] {
		samples = append(samples, readFrame(t, packet, n)...)
		if granules[2+n] != uint64(len(samples)/2) {
			t.Fatalf("frame %d ends at %d, its page says %d", n, len(samples)/2, granules[2+n])
		}
	}
	raw := new(bytes.Buffer)
	binary.Write(raw, binary.LittleEndian, samples)
	if sum := md5.Sum(raw.Bytes()); total != uint64(len(samples)/2) || !bytes.Equal(sum[:], packets[0][35:]) {
		t.Fatalf("%d samples and their sum are not what the stream information says", len(samples)/2)
	}
	return samples
}

func readFrame(t *testing.T, packet []byte, number int) []int16 {
	t.Helper()
	r := &bitReader{t: t, data: packet}
	if r.get(16) != 0xfff8 {
		t.Fatal("a frame has no sync code")
	}
	sizeCode := r.get(4)
	if r.get(4) != 4 || r.get(4) != 1 || r.get(4) != 8 {
		t.Fatal("a frame is not 8 kHz stereo of 16 bits")
	}
	if number > 127 || r.get(8) != uint64(number) {
		t.Fatal("a frame has the wrong number")
	}
	size := 4096
	switch sizeCode {
	case 12:
	case 7:
		size = int(r.get(16)) + 1
	default:
		t.Fatalf("size code %d", sizeCode)
	}
	if sum := remainder(packet[:r.at/8], 0x07, 8); sum != r.get(8) {
		t.Fatal("a frame's header has the wrong sum")
	}
	out := make([]int16, 2*size)
	for channel := range 2 {
		kind := r.get(8)
		order := int(kind>>1) - 8
		if kind&1 != 0 || order < 0 || order > 4 {
			t.Fatalf("subframe type %08b", kind)
		}
		values := make([]int64, 0, size)
		for range order {
			values = append(values, r.signed(16))
		}
		if r.get(2) != 0 {
			t.Fatal("another coding of residuals")
		}
		parts := int(r.get(4))
		if size%(1<<parts) != 0 {
			t.Fatal("partitions do not divide the block")
		}
		for part := range 1 << parts {
			k := int(r.get(4))
			if k == 15 {
				t.Fatal("an escape code")
			}
			for len(values) < (part+1)*(size>>parts) {
				var high uint64
				for r.get(1) == 0 {
					high++
				}
				folded := high<<k | r.get(k)
				residual := int64(folded>>1) ^ -int64(folded&1)
				v := func(back int) int64 { return values[len(values)-back] }
				switch order {
				case 1:
					residual += v(1)
				case 2:
					residual += 2*v(1) - v(2)
				case 3:
					residual += 3*v(1) - 3*v(2) + v(3)
				case 4:
					residual += 4*v(1) - 6*v(2) + 4*v(3) - v(4)
				}
				values = append(values, residual)
			}
		}
		for i, v := range values {
			if v != int64(int16(v)) {
				t.Fatalf("sample %d is %d", i, v)
			}
			out[2*i+channel] = int16(v)
		}
	}
	r.at = (r.at + 7) &^ 7
	if sum := remainder(packet[:r.at/8], 0x8005, 16); sum != r.get(16) || r.at != 8*len(packet) {
		t.Fatal("a frame has the wrong sum, or bytes after it")
	}
	return out
}

package s3

import (
	"encoding/base64"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"strongroom/vault"
)

func execSelf(t *testing.T, run string, env ...string) *exec.Cmd {
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+run, "-test.count=1")
	c.Env = append(os.Environ(), env...)
	return c
}

// The check values are those of the catalogues: each algorithm over "123456789".
func TestChecksumValues(t *testing.T) {
	for name, want := range map[string]string{
		"crc32":     "y/Q5Jg==",
		"crc32c":    "4waSgw==",
		"crc64nvme": "rosUhgp5mIg=",
		"sha1":      "98O8HYCOBHMq32eZZczDTKeuNEE=",
		"sha256":    "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=", "sha512": "2eZ2LdHI6vbWGzxhkvxAjU1tXxF20MKRabwk5xw/J0rSf81YEbMT1oH35V7ALXPUmclUVba1u1A6z1dPuo/+hQ==", "md5": "JfnnlDI7RTiF9RgfG2JNCw==",
		// As xxhsum 0.8 has them.
		"xxhash64": "jLhB20DmroM=", "xxhash3": "ctyxi2ehff8=", "xxhash128": "MxGUd+3l3NXpcWQnaB1YYA==",
	} {
		c := checksumNamed(name)
		h := c.new()
		h.Write([]byte("123456789"))
		if got := base64.StdEncoding.EncodeToString(h.Sum(nil)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		if c.decode(want) == nil || c.decode(want[1:]) != nil || c.decode(want+"=") != nil {
			t.Errorf("%s: a value is read wrongly", name)
		}
	}
	if checksumNamed("CRC32C") == nil || checksumNamed("md4") != nil {
		t.Error("algorithms are found wrongly")
	}
	h := newMD5()
	h.Write([]byte("123456789"))
	if got := base64.StdEncoding.EncodeToString(h.Sum(nil)); got != "JfnnlDI7RTiF9RgfG2JNCw==" {
		t.Errorf("MD5: %s", got)
	}
}

func TestChecksumOfParts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 100_003)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	sum := func(c *checksum, b []byte) string {
		h := c.new()
		h.Write(b)
		return base64.StdEncoding.EncodeToString(h.Sum(nil))
	}
	for i := range checksums {
		c := &checksums[i]
		var parts []vault.Part
		var digests []byte
		for from, number := 0, 1; from < len(data) || number == 2; number++ {
			size := min(len(data)-from, []int{1, 0, 70_000, 12_345}[number%4])
			p := vault.Part{Number: number, Size: int64(size), Checksums: map[string]string{c.name: sum(c, data[from:from+size])}}
			parts = append(parts, p)
			digests = append(digests, c.decode(p.Checksums[c.name])...)
			from += size
		}
		if c.poly != 0 {
			if got, want := c.whole(fullObject, parts), sum(c, data); got != want {
				t.Errorf("%s of %d parts combined: %s, want %s", c.name, len(parts), got, want)
			}
		}
		if got := c.whole(composite, parts); !strings.HasPrefix(got, sum(c, digests)+"-") {
			t.Errorf("%s composite: %s", c.name, got)
		}
		if c.poly == 0 && c.whole(fullObject, parts) != "" {
			t.Errorf("%s cannot be combined, and is", c.name)
		}
		parts[1].Checksums = nil
		if c.whole(composite, parts) != "" || c.whole(fullObject, parts) != "" {
			t.Errorf("%s: a part without a checksum is passed over", c.name)
		}
	}
	// Combining with nothing changes nothing.
	c := checksumNamed("crc32")
	crc := uint64(binary.BigEndian.Uint32(c.decode(sum(c, data))))
	if c.combine(crc, 0, 0) != crc {
		t.Error("combining with an empty part changes the CRC")
	}
}

func TestCompletionClaims(t *testing.T) {
	c := checksumNamed("crc32")
	a, b := "y/Q5Jg==", "AAAAAA==" // of "123456789" and of nothing
	stored := []vault.Part{{Number: 1, Size: 9, Checksums: map[string]string{"crc32": a}}, {Number: 2, Checksums: map[string]string{"crc32": b}}}
	whole := c.whole(composite, stored)
	claim := func(sums ...string) []completedPart {
		var out []completedPart
		for i := range stored {
			p := completedPart{number: i + 1, etag: "x", sums: map[string]string{}}
			if i < len(sums) {
				p.sums["crc32"] = sums[i]
			}
			out = append(out, p)
		}
		return out
	}
	for _, v := range []struct {
		name string
		w    completion
		u    vault.Upload
		want string
		code string
	}{
		{"nothing announced, nothing claimed", completion{size: -1, parts: claim()}, vault.Upload{}, a, ""},
		{"announced composite", completion{size: 9, parts: claim(a, b)}, vault.Upload{ChecksumAlgorithm: "crc32", ChecksumType: composite}, whole, ""},
		{"announced full", completion{size: -1, parts: claim()}, vault.Upload{ChecksumAlgorithm: "crc32", ChecksumType: fullObject}, a, ""},
		{"claimed and right", completion{size: -1, parts: claim(a, b), sum: c, sumValue: whole}, vault.Upload{ChecksumAlgorithm: "crc32", ChecksumType: composite}, whole, ""},
		{"claimed and wrong", completion{size: -1, parts: claim(), sum: c, sumValue: b}, vault.Upload{ChecksumAlgorithm: "crc32", ChecksumType: fullObject}, "", "BadDigest"},
		{"another algorithm claimed", completion{size: -1, parts: claim(), sum: checksumNamed("crc32c"), sumValue: b}, vault.Upload{ChecksumAlgorithm: "crc32", ChecksumType: fullObject}, "", "BadDigest"},
		{"type other than announced", completion{size: -1, parts: claim(), kind: fullObject}, vault.Upload{ChecksumAlgorithm: "crc32", ChecksumType: composite}, "", "InvalidRequest"},
		{"digest of the whole wanted from digests of parts", completion{size: -1, parts: claim(), sum: checksumNamed("sha256"), sumValue: b, kind: fullObject}, vault.Upload{}, "", "InvalidRequest"},
		{"part's checksum wrong", completion{size: -1, parts: claim(b)}, vault.Upload{}, "", "InvalidPart"},
		{"size wrong", completion{size: 10, parts: claim()}, vault.Upload{}, "", "InvalidRequest"},
		{"announced and a part without", completion{size: -1, parts: claim()}, vault.Upload{ChecksumAlgorithm: "sha256", ChecksumType: composite}, "", "InvalidRequest"},
	} {
		var got map[string]string
		err := v.w.announced(v.u)
		if err == nil {
			got, _, err = v.w.check(stored)
		}
		code := ""
		if err != nil {
			code = asFailure(err).code
		}
		if got["crc32"] != v.want || code != v.code {
			t.Errorf("%s: %v, %v; want %q, %s", v.name, got, err, v.want, v.code)
		}
	}
}

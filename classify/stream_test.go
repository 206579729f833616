package classify

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
	"unicode/utf8"
)

// scan gathers the finds of a text, read in chunks of a size.
func scan(t testing.TB, r io.Reader, chunk int) ([]Span, Extent) {
	t.Helper()
	s := NewScanner()
	s.chunk = chunk
	var out []Span
	e, err := s.Scan(r, func(s *Span, _ []byte) error { out = append(out, *s); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return out, e
}

// smallest is the least chunk that a scanner gets on with.
const smallest = maxSpan + 1024

// medley is a text of examples, words, accents, spaces of all widths and broken bytes.
func medley(r *rand.Rand, length int) []byte {
	var pieces []string
	for _, row := range Detectors() {
		for _, m := range row.Match {
			pieces = append(pieces, strings.NewReplacer("⟦", "", "⟧", "").Replace(m))
		}
		pieces = append(pieces, row.Not...)
		pieces = append(pieces, row.Keywords...)
	}
	pieces = append(pieces, " ", "\n", " ", "\u00a0", "\u202f", "é", "日本", "🎧", "\xff", "\x80\x80\x80\x80", "\xe2\x80", ",", ". ", "-", "1", "12", "a", "@")
	var b bytes.Buffer
	for b.Len() < length {
		b.WriteString(pieces[r.IntN(len(pieces))])
		if r.IntN(3) > 0 {
			b.WriteByte(' ')
		}
		if r.IntN(400) == 0 { // a long stretch of one thing
			b.WriteString(strings.Repeat(pieces[r.IntN(len(pieces))], r.IntN(2000)))
		}
	}
	return b.Bytes()
}

// TestChunks: reading in pieces finds what reading the whole at once does, no find lost at
// a border and none told twice.
func TestChunks(t *testing.T) {
	for seed := range uint64(5) {
		text := medley(rand.New(rand.NewPCG(seed, 1)), 120<<10)
		want, whole := scan(t, bytes.NewReader(text), len(text)+10)
		if len(want) < 100 {
			t.Fatalf("seed %d: only %d finds", seed, len(want))
		}
		for _, chunk := range []int{smallest, smallest + 1, smallest + 777, 3 * smallest} {
			got, extent := scan(t, bytes.NewReader(text), chunk)
			if extent != whole || extent.Bytes != int64(len(text)) || extent.Chars != int64(utf8.RuneCount(text)) {
				t.Fatalf("seed %d, chunks of %d: looked at %+v, want %+v", seed, chunk, extent, whole)
			}
			if i := slices.IndexFunc(want, func(s Span) bool { return !slices.Contains(got, s) }); i >= 0 {
				t.Fatalf("seed %d, chunks of %d: %+v is lost: %q", seed, chunk, want[i], text[want[i].Start:want[i].End])
			}
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, chunks of %d: %d finds, want %d", seed, chunk, len(got), len(want))
			}
		}
		for i, s := range want {
			if s.Start >= s.End || i > 0 && s.Start < want[i-1].End {
				t.Fatalf("seed %d: finds %+v and %+v", seed, want[max(0, i-1)], s)
			}
			if n := utf8.RuneCount(text[:s.Start]); int64(n) != s.StartChar {
				t.Fatalf("seed %d: %+v: %d characters stand before it", seed, s, n)
			}
			if n := utf8.RuneCount(text[:s.End]); int64(n) != s.EndChar {
				t.Fatalf("seed %d: %+v: %d characters stand before its end", seed, s, n)
			}
		}
	}
}

// TestBorder moves one find over the border of two chunks, byte by byte.
func TestBorder(t *testing.T) {
	const find = "carte 4111 1111 1111 1111"
	for i := range 3 * len(find) {
		text := strings.Repeat(".", smallest-2*len(find)+i) + " " + find + " " + strings.Repeat(". ", smallest*2)
		got, _ := scan(t, strings.NewReader(text), smallest)
		start := int64(strings.Index(text, "4111"))
		if len(got) != 1 || got[0].Start != start || got[0].End != start+19 || got[0].Confidence != High {
			t.Fatalf("at %d: %+v", i, got)
		}
	}
}

// TestReaders: it does not matter in what pieces the text comes.
func TestReaders(t *testing.T) {
	text := medley(rand.New(rand.NewPCG(7, 7)), 60<<10)
	want, _ := scan(t, bytes.NewReader(text), smallest)
	for name, r := range map[string]io.Reader{
		"byte by byte": iotest.OneByteReader(bytes.NewReader(text)),
		"halves":       iotest.HalfReader(bytes.NewReader(text)),
		"end with it":  iotest.DataErrReader(bytes.NewReader(text)),
	} {
		if got, _ := scan(t, r, smallest); !slices.Equal(got, want) {
			t.Errorf("%s: %d finds, want %d", name, len(got), len(want))
		}
	}
	s := NewScanner()
	_, err := s.Scan(io.MultiReader(strings.NewReader("hello"), iotest.ErrReader(io.ErrClosedPipe)), func(*Span, []byte) error { return nil })
	if err != io.ErrClosedPipe {
		t.Errorf("a reader that fails: %v", err)
	}
}

// TestUTF16: offsets are those of the text as it is stored.
func TestUTF16(t *testing.T) {
	text := "Zoé 🎧 écrit à zoe@example.fr, carte 4111\u00a01111\u202f1111 1111 🎧🎧 tél. 06 12 34 56 78"
	want := Text([]byte(text))
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		stored := []byte{0xFF, 0xFE}
		if order == binary.BigEndian {
			stored = []byte{0xFE, 0xFF}
		}
		for _, u := range utf16.Encode([]rune(text)) {
			stored = append(stored, 0, 0)
			order.PutUint16(stored[len(stored)-2:], u)
		}
		got, extent := scan(t, iotest.OneByteReader(bytes.NewReader(stored)), smallest)
		if extent != (Extent{Bytes: int64(len(stored)), Chars: int64(utf8.RuneCountInString(text)), Encoding: UTF16}) {
			t.Errorf("looked at %+v of %d bytes", extent, len(stored))
		}
		if len(got) != len(want) || len(got) < 3 {
			t.Fatalf("%d finds, want %d", len(got), len(want))
		}
		for i := range got {
			var part []uint16
			for j := got[i].Start; j < got[i].End; j += 2 {
				part = append(part, order.Uint16(stored[j:]))
			}
			if was := text[want[i].Start:want[i].End]; string(utf16.Decode(part)) != was || got[i].StartChar != want[i].StartChar || got[i].EndChar != want[i].EndChar {
				t.Errorf("%+v is %q, want %q", got[i], string(utf16.Decode(part)), was)
			}
		}
	}
	// Half a pair, and half a unit: what is left of the text is looked at all the same.
	got, _ := scan(t, bytes.NewReader([]byte("\xff\xfe\x3d\xd8a\x00@\x00b\x00.\x00f\x00r\x00x")), smallest)
	if len(got) != 1 || got[0].Start != 4 {
		t.Errorf("broken UTF-16: %+v", got)
	}
}

// TestMask: what is shown of a find does not give it away.
func TestMask(t *testing.T) {
	for text, want := range map[string]string{"4111111111111111": "4••••••••••••••1", "123": "•••", "1234567": "•••••••", "élodie.é": "é••••••é", strings.Repeat("x", 900): "x" + strings.Repeat("•", 20) + "x"} {
		if got := Mask([]byte(text)); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

// TestAllocations: looking allocates nothing once a scanner is warm.
func TestAllocations(t *testing.T) {
	text := medley(rand.New(rand.NewPCG(3, 3)), 600<<10)
	s, r := NewScanner(), bytes.NewReader(nil)
	ignore := func(*Span, []byte) error { return nil }
	if n := testing.AllocsPerRun(3, func() {
		r.Reset(text)
		if _, err := s.Scan(r, ignore); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%g allocations for %d bytes", n, len(text))
	}
}

func FuzzScan(f *testing.F) {
	for _, row := range Detectors() {
		for _, text := range append(row.Match, row.Not...) {
			f.Add([]byte(strings.NewReplacer("⟦", "", "⟧", "").Replace(text)), uint16(3))
		}
	}
	f.Add([]byte("\xff\xfea\x00@\x00"), uint16(0))
	f.Fuzz(func(t *testing.T, text []byte, pad uint16) {
		// The text stands at and over the border of two chunks.
		long := slices.Concat(bytes.Repeat([]byte(". "), (smallest-int(pad)%600)/2), text, bytes.Repeat([]byte(" ."), smallest))
		want, whole := scan(t, bytes.NewReader(long), len(long)+10)
		got, extent := scan(t, bytes.NewReader(long), smallest)
		if !slices.Equal(got, want) || extent != whole {
			t.Fatalf("in pieces %v, at once %v", got, want)
		}
		for _, s := range want {
			if s.Start < 0 || s.End > int64(len(long)) || s.Start >= s.End || !utf8.RuneStart(long[s.Start]) {
				t.Fatalf("%+v", s)
			}
			if int64(utf8.RuneCount(long[:s.Start])) != s.StartChar || int64(utf8.RuneCount(long[:s.End])) != s.EndChar {
				t.Fatalf("characters of %+v", s)
			}
		}
		for _, s := range Text(text) {
			if s.End > int64(len(text)) {
				t.Fatalf("%+v of %d bytes", s, len(text))
			}
		}
	})
}

// FuzzValidators: whatever stands in a text, and wherever a validator is asked, it answers
// a place within the text and not too far away.
func FuzzValidators(f *testing.F) {
	f.Add([]byte("né le 3 mars 1980, 12 bis rue de la Paix, FR76 3000"), 3, 5)
	f.Add([]byte("-----BEGIN PRIVATE KEY-----"), 5, 5)
	f.Fuzz(func(t *testing.T, text []byte, cue, length int) {
		if cue < 0 || length < 1 || cue >= len(text) || length > len(text)-cue || length > 64 {
			return
		}
		for name, v := range textValidators {
			for _, at := range []int{cue, cue + length} {
				if at == len(text) && name != "name" {
					continue
				}
				if start, end := v(text, cue, at); end > start && (start < 0 || end > len(text) || start < cue-lookBehind || end-start > maxSpan+lookBehind) {
					t.Fatalf("%s at %d answers %d to %d of %d bytes", name, cue, start, end, len(text))
				}
			}
		}
		e := finder{engine: theEngine(), to: len(text)}
		for i := range text {
			if isDigit(text[i]) && !wordBefore(text, i) {
				e.digits(text, i)
			}
		}
		for _, m := range e.matches {
			if m.start < 0 || m.end > len(text) || m.start >= m.end {
				t.Fatalf("%+v of %d bytes", m, len(text))
			}
		}
	})
}

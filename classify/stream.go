package classify

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Span is a find in a text: where it is and of what kind, never what it says. Offsets
// count from the beginning, Start included and End not.
type Span struct {
	Detector   string     `json:"detector"`
	Class      string     `json:"class"`
	Confidence Confidence `json:"confidence"`
	Keyword    bool       `json:"keyword,omitempty"` // a keyword of the detector stands nearby
	Start      int64      `json:"start"`             // bytes, as the text is stored
	End        int64      `json:"end"`
	StartChar  int64      `json:"start_char"` // Unicode code points; a byte that is no UTF-8 counts as one
	EndChar    int64      `json:"end_char"`
}

// Encodings that Scan tells.
const (
	UTF8  = "utf-8"
	UTF16 = "utf-16" // told by its byte order mark
)

// Extent is how much was looked at.
type Extent struct {
	Bytes    int64  `json:"bytes"`
	Chars    int64  `json:"chars"`
	Encoding string `json:"encoding"`
}

// Scanner looks for what the table lists, in texts of any length and with bounded memory.
// It may be used for one text after another, by one goroutine at a time.
type Scanner struct {
	find   finder
	buffer []byte
	chunk  int // bytes of text looked at at a time

	pending   match // the surest of the finds that overlap, so far
	have      bool
	units     bool // offsets count UTF-16
	base      int64
	at        int // in the buffer: what was counted
	chars     int64
	surrogate int64 // characters of two UTF-16 units among them
	span      Span
}

const chunkSize = 256 << 10

// NewScanner answers a scanner that goes by the whole table.
func NewScanner() *Scanner { return &Scanner{find: finder{engine: theEngine()}, chunk: chunkSize} }

// Found is told a span and the text it covers, which holds until it returns: whoever keeps it
// or shows it has been asked to.
type Found func(s *Span, text []byte) error

// Scan reads a text to its end and tells every find in order. Finds do not overlap: of
// those that would the surest is told, then the longest.
func (s *Scanner) Scan(text io.Reader, found Found) (Extent, error) {
	s.have, s.units, s.base, s.at, s.chars, s.surrogate = false, false, 0, 0, 0, 0
	if s.buffer == nil {
		s.buffer = make([]byte, s.chunk+lookBehind+lookAhead+utf8.UTFMax)
	}
	n, err := io.ReadFull(text, s.buffer[:2])
	switch {
	case n == 2 && (s.buffer[0] == 0xFF && s.buffer[1] == 0xFE || s.buffer[0] == 0xFE && s.buffer[1] == 0xFF):
		s.units = true
		text, n = &utf16Reader{from: text, big: s.buffer[0] == 0xFE}, 0
	case err != nil && !ended(err):
		return Extent{}, err
	}
	from := 0 // what begins before was told
	for eof := false; !eof; {
		m, err := io.ReadFull(text, s.buffer[n:])
		n += m
		if eof = ended(err); err != nil && !eof {
			return s.extent(n), err
		}
		to := n
		if !eof {
			to = n - lookAhead
			for back := 0; back < 3 && to > from && s.buffer[to]&0xC0 == 0x80; back++ {
				to--
			}
		}
		s.find.find(s.buffer[:n], from, to)
		for i := range s.find.matches {
			if err := s.take(&s.find.matches[i], found); err != nil {
				return s.extent(n), err
			}
		}
		if eof {
			break
		}
		// What is pending stays in the buffer as long as something may take its place.
		drop := to - lookBehind
		if s.have {
			if s.pending.end <= to {
				if err := s.tell(found); err != nil {
					return s.extent(n), err
				}
			} else {
				drop = min(drop, s.pending.start)
			}
		}
		drop = s.boundary(drop)
		s.count(drop)
		copy(s.buffer, s.buffer[drop:n])
		n, from = n-drop, to-drop
		s.at -= drop
		s.base += int64(drop)
		s.pending.start, s.pending.end = s.pending.start-drop, s.pending.end-drop
	}
	if s.have {
		if err := s.tell(found); err != nil {
			return s.extent(n), err
		}
	}
	return s.extent(n), nil
}

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// boundary is the last place not behind i where no character is cut.
func (s *Scanner) boundary(i int) int {
	j := i
	for back := 0; back < 3 && j > 0 && s.buffer[j]&0xC0 == 0x80; back++ {
		j--
	}
	if s.buffer[j]&0xC0 == 0x80 {
		return i
	}
	return j
}

// take holds a find against what is pending.
func (s *Scanner) take(m *match, found Found) error {
	switch {
	case !s.have:
	case m.start >= s.pending.end:
		if err := s.tell(found); err != nil {
			return err
		}
	case !surer(&s.pending, m):
		return nil
	}
	s.pending, s.have = *m, true
	return nil
}

// tell tells what is pending.
func (s *Scanner) tell(found Found) error {
	m := &s.pending
	s.have = false
	row := &s.find.rows[m.row]
	s.span = Span{Detector: row.ID, Class: row.Class, Confidence: m.confidence, Keyword: m.near}
	s.count(m.start)
	s.span.Start, s.span.StartChar = s.offset(), s.chars
	s.count(m.end)
	s.span.End, s.span.EndChar = s.offset(), s.chars
	return found(&s.span, s.buffer[m.start:m.end])
}

// count counts the characters up to a place in the buffer.
func (s *Scanner) count(to int) {
	if to <= s.at {
		return
	}
	t := s.buffer[s.at:to]
	s.at = to
	for i := 0; i < len(t); s.chars++ {
		if t[i] < utf8.RuneSelf {
			i++
			continue
		}
		_, size := utf8.DecodeRune(t[i:])
		if i += size; size == 4 {
			s.surrogate++
		}
	}
}

// offset is where the counted text ends, in bytes as it is stored.
func (s *Scanner) offset() int64 {
	if s.units {
		return 2 + 2*(s.chars+s.surrogate)
	}
	return s.base + int64(s.at)
}

func (s *Scanner) extent(n int) Extent {
	s.count(n)
	e := Extent{Bytes: s.offset(), Chars: s.chars, Encoding: UTF8}
	if s.units {
		e.Encoding = UTF16
	}
	return e
}

// Text looks through a text in memory.
func Text(text []byte) []Span {
	var out []Span
	_, err := NewScanner().Scan(bytes.NewReader(text), func(s *Span, _ []byte) error {
		out = append(out, *s)
		return nil
	})
	if err != nil { // a reader in memory has none
		panic(err)
	}
	return out
}

// Mask shows that something is there: its first and last character, and as many dots as
// there are characters between, at most 20. Of what is short nothing is shown.
func Mask(text []byte) string {
	n := utf8.RuneCount(text)
	if n < 8 {
		return strings.Repeat("•", n)
	}
	first, _ := utf8.DecodeRune(text)
	last, _ := utf8.DecodeLastRune(text)
	return string(first) + strings.Repeat("•", min(n-2, 20)) + string(last)
}

// utf16Reader reads UTF-16 as UTF-8. What is no character becomes U+FFFD.
type utf16Reader struct {
	from io.Reader
	big  bool
	raw  [4096]byte
	n    int // bytes of raw that are waiting
	out  []byte
	keep [3 * 4096]byte
	err  error
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		u.fill()
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

func (u *utf16Reader) fill() {
	n, err := u.from.Read(u.raw[u.n:])
	u.n, u.err = u.n+n, err
	unit := func(i int) rune {
		if u.big {
			return rune(u.raw[i])<<8 | rune(u.raw[i+1])
		}
		return rune(u.raw[i+1])<<8 | rune(u.raw[i])
	}
	out, i := u.keep[:0], 0
	for i+2 <= u.n {
		r := unit(i)
		if utf16.IsSurrogate(r) {
			if i+4 > u.n && u.err == nil {
				break
			}
			if i+4 <= u.n {
				if pair := utf16.DecodeRune(r, unit(i+2)); pair != utf8.RuneError {
					out, i = utf8.AppendRune(out, pair), i+4
					continue
				}
			}
			r = utf8.RuneError
		}
		out, i = utf8.AppendRune(out, r), i+2
	}
	if u.err != nil && i < u.n { // half a unit
		out, i = utf8.AppendRune(out, utf8.RuneError), u.n
	}
	u.n = copy(u.raw[:], u.raw[i:u.n])
	u.out = out
}

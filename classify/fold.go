package classify

import "strings"

// Kinds of byte, as the scanner steps over them.
const (
	other  = iota
	letter // also what stands in a letter of several bytes
	digit
	at
	sign // the first byte of a character that is no letter: U+0080 to U+00BF, U+2000 to U+2FFF, U+10000 on
)

var kinds = func() (k [256]uint8) {
	for b := range 256 {
		switch {
		case isLetter(byte(b)):
			k[b] = letter
		case isDigit(byte(b)):
			k[b] = digit
		case b == '@':
			k[b] = at
		case b == 0xC2 || b == 0xE2 || b >= 0xF0:
			k[b] = sign
		case b >= 0x80:
			k[b] = letter
		}
	}
	return k
}()

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }
func isDigit(b byte) bool  { return b >= '0' && b <= '9' }
func isAlnum(b byte) bool  { return isLetter(b) || isDigit(b) }
func isUpper(b byte) bool  { return b >= 'A' && b <= 'Z' }

func lower(b byte) byte {
	if isUpper(b) {
		return b | 0x20
	}
	return b
}

// signLength is how many bytes a character has whose first byte is a sign.
func signLength(b byte) int {
	switch {
	case b == 0xC2:
		return 2
	case b == 0xE2:
		return 3
	}
	return 4
}

// pastSign steps over a character that is no letter; it never steps over a byte that
// begins another.
func pastSign(t []byte, i int) int {
	end := min(i+signLength(t[i]), len(t))
	for i++; i < end && t[i]&0xC0 == 0x80; i++ {
	}
	return i
}

// wordBefore reports whether what stands before i is part of a word: a letter or a digit.
func wordBefore(t []byte, i int) bool {
	for d := 1; d <= 4 && d <= i; d++ {
		b := t[i-d]
		if b < 0x80 {
			if d == 1 {
				return isAlnum(b) && !(escapes(b) && i > 1 && t[i-2] == '\\')
			}
			return true // stray bytes count as letters
		}
		if b&0xC0 != 0x80 {
			return kinds[b] != sign || d > signLength(b)
		}
	}
	return i > 0
}

// escapes reports whether a letter stands for a space or the end of a line behind a backslash.
func escapes(b byte) bool { return b == 'n' || b == 'r' || b == 't' }

// wordAt reports whether a word goes on at i.
func wordAt(t []byte, i int) bool {
	return i < len(t) && (kinds[t[i]] == letter || kinds[t[i]] == digit)
}

// symbols is how many the trie tells apart: letters, digits, space, and five signs.
const symbols = 26 + 10 + 1 + 5 + 1

// symbolOf maps folded bytes to symbols; 0 is what no keyword contains.
var symbolOf = func() (s [256]uint8) {
	n := uint8(1)
	for _, b := range []byte("abcdefghijklmnopqrstuvwxyz0123456789 '.:&\x01") {
		s[b] = n
		n++
	}
	return s
}()

// plain are the letters U+00C0 to U+00FF without their accents; a space stands for what
// has no plain form.
const plain = "aaaaaaaceeeeiiiidnooooo ouuuuy saaaaaaaceeeeiiiidnooooo ouuuuy y"

// foldAt reads one character as keywords are compared: in lower case, without accents,
// every kind of space, hyphen and underscore as a space, every apostrophe as one. The
// byte is 0 for what no keyword contains; size is the bytes read, accents that stand
// by themselves included.
func foldAt(t []byte, i int) (b byte, size int) {
	c := t[i]
	switch {
	case c < 0x80:
		b, size = lower(c), 1
		if c == '_' || c == '-' || c == '\t' || c == '\n' || c == '\r' {
			b = ' '
		}
	case c == 0xC2 && i+1 < len(t):
		size = 2
		switch t[i+1] {
		case 0xA0:
			b = ' '
		case 0xB0: // the degree sign of n°
			b = 1
		}
	case c == 0xC3 && i+1 < len(t) && t[i+1]&0xC0 == 0x80:
		b, size = plain[t[i+1]-0x80], 2
		if b == ' ' {
			b = 0
		}
	case c == 0xE2 && i+2 < len(t) && t[i+1] == 0x80:
		size = 3
		switch l := t[i+2]; {
		case l >= 0x80 && l <= 0x8A, l == 0xAF: // spaces of every width
			b = ' '
		case l >= 0x90 && l <= 0x93: // hyphens and dashes
			b = ' '
		case l == 0x98 || l == 0x99:
			b = '\''
		}
	default:
		return 0, 1
	}
	for n := 0; n < 2 && i+size+1 < len(t) && (t[i+size] == 0xCC && t[i+size+1]&0xC0 == 0x80 || t[i+size] == 0xCD && t[i+size+1] >= 0x80 && t[i+size+1] <= 0xAF); n++ {
		size += 2
	}
	return b, size
}

// normal is a keyword of the table as it is compared.
func normal(keyword string) []byte {
	t := []byte(strings.TrimSuffix(keyword, "*"))
	var out []byte
	for i := 0; i < len(t); {
		b, size := foldAt(t, i)
		if b == 0 || symbolOf[b] == 0 {
			return nil
		}
		out = append(out, b)
		i += size
	}
	return out
}

// gapAt is the length of a space or of what stands for one, or 0.
func gapAt(t []byte, i int) int {
	if i >= len(t) {
		return 0
	}
	switch t[i] {
	case ' ', '\t', '\n', '\r':
		return 1
	case 0xC2, 0xE2:
		if b, size := foldAt(t, i); b == ' ' {
			return size
		}
	}
	return 0
}

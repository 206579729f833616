package classify

import (
	"bytes"
	"math/bits"
)

const (
	maxDigits = 34 // of a number
	maxGroups = 8  // a NIR has seven, a telephone number with its country's code and a 0 in brackets too
)

// number is a run of digits with separators within it, from one of its groups to another.
type number struct {
	text       []byte // all of it: what stands around the number can be looked at
	start, end int
	digits     [maxDigits]byte // '0' to '9'; of Corsican department codes also 'A' and 'B'
	n          int
	groups     [maxGroups]uint8 // digits of each
	gaps       [maxGroups]byte  // what separates a group from the next: its first byte, ' ' for every kind of space
	g          int
	plus       bool // a + stands before it
	corsican   bool
}

// form reports whether the groups have these lengths.
func (d *number) form(lengths ...uint8) bool {
	if d.g != len(lengths) {
		return false
	}
	for i, l := range lengths {
		if d.groups[i] != l {
			return false
		}
	}
	return true
}

// even reports whether all gaps are alike.
func (d *number) even() bool {
	for i := 1; i < d.g-1; i++ {
		if d.gaps[i] != d.gaps[0] {
			return false
		}
	}
	return true
}

// joined reports whether the number goes on, before it with a letter or digit, behind it
// with a digit.
func (d *number) joined() bool {
	t := d.text
	joins := func(b byte) bool { return b == '.' || b == '-' || b == '/' || b == '_' }
	return d.start >= 2 && joins(t[d.start-1]) && isAlnum(t[d.start-2]) ||
		d.end+1 < len(t) && joins(t[d.end]) && isDigit(t[d.end+1])
}

// gap is what separates groups of digits: up to three spaces, points, hyphens, slashes
// or brackets, of which one may be a slash. It answers the length and the first byte,
// and 0 where no digit follows.
func gap(t []byte, i int) (length int, first byte) {
	start := i
	for n := 0; n < 3 && i < len(t); n++ {
		b, size := t[i], 1
		switch b {
		case ' ', '.', '-', '/', '(', ')':
		case 0xC2, 0xE2:
			folded, l := foldAt(t, i)
			if folded != ' ' {
				return 0, 0
			}
			b, size = ' ', l
			if l == 3 && t[i+2] >= 0x90 && t[i+2] <= 0x93 {
				b = '-'
			}
		default:
			return 0, 0
		}
		if first == 0 {
			first = b
		}
		i += size
		if i < len(t) && isDigit(t[i]) {
			return i - start, first
		}
	}
	return 0, 0
}

// digits tries every number that begins with the group of digits at i.
func (f *finder) digits(t []byte, i int) {
	d := &f.number
	*d = number{text: t, start: i}
	d.plus = i > 0 && t[i-1] == '+' || i > 1 && t[i-1] == '(' && t[i-2] == '+'
	for single := 0; d.g < maxGroups; {
		began := i
		for i < len(t) && d.n < maxDigits && isDigit(t[i]) {
			d.digits[d.n] = t[i]
			d.n++
			i++
		}
		if i < len(t) && isDigit(t[i]) {
			return
		}
		if d.n == 6 && d.digits[5] == '2' && i < len(t) && (t[i]|0x20 == 'a' || t[i]|0x20 == 'b') { // 2A and 2B
			d.digits[d.n], d.corsican = t[i]&^0x20, true
			d.n++
			for i++; i < len(t) && d.n < maxDigits && isDigit(t[i]); i++ {
				d.digits[d.n] = t[i]
				d.n++
			}
		}
		d.groups[d.g] = uint8(i - began)
		if d.g++; i-began == 1 {
			if single++; single > 4 { // a row of digits, not a number in groups
				return
			}
		}
		d.end = i
		if wordAt(t, i) {
			if end := extension(t, i); end > i {
				d.end = end
				f.try(d, f.phones)
			}
			return
		}
		f.try(d, ^uint64(0))
		length, first := gap(t, i)
		if length == 0 {
			return
		}
		d.gaps[d.g-1] = first
		i += length
	}
}

// extension is where a telephone's extension ends that begins at i: x and up to six digits.
func extension(t []byte, i int) int {
	if t[i]|0x20 != 'x' {
		return i
	}
	end := take(t, i+1, 6, isDigit)
	if end == i+1 || wordAt(t, end) {
		return i
	}
	return end
}

// try holds a number against those of some rows that are of its length.
func (f *finder) try(d *number, some uint64) {
	for rows := f.byLength[d.n] & some; rows != 0; rows &= rows - 1 {
		row := bits.TrailingZeros64(rows)
		if f.rows[row].Whole && d.joined() {
			continue
		}
		if f.numbers[row](d) {
			start := d.start
			if d.plus {
				if start--; d.text[start] == '(' {
					start--
				}
			} else if start > 0 && d.text[start-1] == '(' && bytes.IndexByte(d.text[start:d.end], ')') > 0 {
				start--
			}
			f.add(start, d.end, row, false)
		}
	}
}

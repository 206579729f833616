package classify

import (
	"math/bits"
)

// hit is a keyword that was seen.
type hit struct {
	start, end int
	word       uint16 // index into the engine's keywords
}

// match is a find before its surroundings were looked at.
type match struct {
	start, end int
	row        uint8
	near       bool
	confidence Confidence
}

// finder looks through one text, or one buffer of a longer one. Its slices are used
// again, so that looking allocates nothing once they have grown.
type finder struct {
	*engine
	hits    []hit
	matches []match
	number  number

	from, to int // where finds are wanted
	behind   int // hits before this one are too far from what comes
}

// find gathers what begins in t[from:to], in order of start. What a find is told by lies
// within lookBehind and lookAhead of its start, so that the finds of a buffer are those of
// the whole text.
func (f *finder) find(t []byte, from, to int) {
	f.hits, f.matches = f.hits[:0], f.matches[:0]
	f.from, f.to, f.behind = from, to, 0
	f.pass(t, max(0, from-lookBehind/2), min(len(t), to+maxSpan+2*maxWindow))
	sortByStart(f.matches)
	kept := f.matches[:0]
	for _, m := range f.matches {
		row := &f.rows[m.row]
		if m.near = m.near || f.nearby(&m, row); m.near {
			m.confidence = row.Near
		} else {
			m.confidence = row.Alone
		}
		if m.confidence != 0 {
			kept = append(kept, m)
		}
	}
	f.matches = kept
}

// add keeps a find that begins where finds are wanted.
func (f *finder) add(start, end, row int, near bool) {
	if end > start && start >= f.from && start < f.to && end-start <= maxSpan {
		f.matches = append(f.matches, match{start: start, end: end, row: uint8(row), near: near})
	}
}

// sortByStart sorts what is nearly in order: a find begins near the place that had it
// tried, so that each goes past few others.
func sortByStart(all []match) {
	for i := 1; i < len(all); i++ {
		if m := all[i]; m.start < all[i-1].start {
			j := i
			for ; j > 0 && all[j-1].start > m.start; j-- {
				all[j] = all[j-1]
			}
			all[j] = m
		}
	}
}

// surer reports whether of two finds that overlap the second takes the first one's place.
func surer(a, b *match) bool {
	return b.confidence > a.confidence || b.confidence == a.confidence && (b.end-b.start > a.end-a.start || b.end-b.start == a.end-a.start && b.row < a.row)
}

// nearby reports whether a keyword of the row stands before or after the find.
func (f *finder) nearby(m *match, row *Detector) bool {
	if row.Near == 0 {
		return false
	}
	bit := uint64(1) << m.row
	for f.behind < len(f.hits) && f.hits[f.behind].end < m.start-maxWindow {
		f.behind++
	}
	for i := f.behind; i < len(f.hits) && f.hits[i].start <= m.end+row.After; i++ {
		h := &f.hits[i]
		if f.keywords[h.word].near&bit == 0 {
			continue
		}
		if h.end <= m.start && m.start-h.end <= row.Before || h.start >= m.end && h.start-m.end <= row.After {
			return true
		}
	}
	return false
}

// pass goes over t[from:to] once: it notes keywords, and tries numbers, tokens and the sign @.
func (f *finder) pass(t []byte, from, to int) {
	i := from
	if from > 0 && from < to && t[from-1] == '\\' && escapes(t[from]) {
		i++
	}
	if from > 0 && i == from && wordBefore(t, from) {
		for i < to && wordAt(t, i) { // the rest of a word that began before
			i++
		}
	}
	for i < to {
		switch kinds[t[i]] {
		case other:
			if t[i] == '\\' && i+1 < len(t) && escapes(t[i+1]) { // as JSON writes the ends of lines
				i++
			}
			i++
		case letter:
			start := i
			if f.may(t, i) {
				f.words(t, i)
			}
			for i++; i < len(t) && kinds[t[i]] == letter; i++ {
			}
			if i-start <= 4 && i < len(t) && t[start] < 0x80 && (t[i] != ' ' || i-start == 2) && tokenFollows(t, start, i) {
				f.token(t, start)
			}
			for i < len(t) && (kinds[t[i]] == letter || kinds[t[i]] == digit) {
				i++
			}
		case digit:
			f.digits(t, i)
			for i++; i < len(t) && (kinds[t[i]] == letter || kinds[t[i]] == digit); i++ {
			}
		case at:
			for rows := f.ats; rows != 0; rows &= rows - 1 {
				row := bits.TrailingZeros64(rows)
				start, end := f.texts[row](t, i, i)
				f.add(start, end, row, false)
			}
			i++
		default:
			i = pastSign(t, i)
		}
	}
}

// tokenFollows reports whether letters are followed by a digit, at once or, where they
// are two as in a country's code, after a space.
func tokenFollows(t []byte, start, end int) bool {
	if isDigit(t[end]) {
		return true
	}
	gap := gapAt(t, end)
	return gap > 0 && end-start == 2 && end+gap < len(t) && isDigit(t[end+gap])
}

func (f *finder) token(t []byte, at int) {
	for rows := f.tokens; rows != 0; rows &= rows - 1 {
		row := bits.TrailingZeros64(rows)
		start, end := f.texts[row](t, at, at)
		f.add(start, end, row, false)
	}
}

// words notes the keywords that begin at i.
func (f *finder) words(t []byte, i int) {
	start, at := i, uint16(0)
	for length := 0; length <= maxKeyword && i < len(t); length++ {
		b, size := foldAt(t, i)
		s := symbolOf[b]
		if s == 0 {
			return
		}
		next := f.nodes[at].next[s]
		if next == 0 {
			return
		}
		at = next
		if i += size; b == ' ' { // several count as one
			for range 3 {
				i += gapAt(t, i)
			}
		}
		n := &f.nodes[at]
		if n.stem != 0 {
			f.hit(t, start, i, n.stem-1)
		}
		if n.word == 0 {
			continue
		}
		end := i
		if end < len(t) && t[end]|0x20 == 's' { // the plural
			end++
		}
		if !wordAt(t, end) || end > i && !wordAt(t, i) {
			f.hit(t, start, end, n.word-1)
		}
	}
}

// hit notes a keyword, and tries the rows that go by it.
func (f *finder) hit(t []byte, start, end int, word uint16) {
	k := &f.keywords[word]
	if k.near != 0 {
		f.hits = append(f.hits, hit{start, end, word})
	}
	if start >= f.to+maxKeyword {
		return
	}
	for rows := k.prefix | k.after; rows != 0; rows &= rows - 1 {
		row := bits.TrailingZeros64(rows)
		at := end
		if k.prefix&(1<<row) != 0 {
			at = start
		}
		from, to := f.texts[row](t, start, at)
		f.add(from, to, row, true)
	}
}

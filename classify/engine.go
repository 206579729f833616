package classify

import (
	"slices"
	"strings"
	"sync"
)

// engine is a table made ready for scanning; it does not change.
type engine struct {
	rows     []Detector
	byLength [maxDigits + 1]uint64 // digits of a number → rows
	phones   uint64                // rows of telephone numbers, which may have an extension
	tokens   uint64                // rows of the form token
	ats      uint64                // rows of the form at
	numbers  []numberValidator     // by row
	texts    []textValidator       // by row
	keywords []keyword
	nodes    []node
	gate     [1 << 18 / 64]uint64 // the first three symbols that keywords begin with, six bits each
}

// keyword is what stands at the end of a path through the trie.
type keyword struct {
	near   uint64 // rows that are surer with it nearby
	prefix uint64 // rows of the form prefix
	after  uint64 // rows of the form after
	stem   bool   // the word may go on
	length int    // folded bytes
}

// node is a place in the trie of keywords.
type node struct {
	next [symbols]uint16
	word uint16 // 1 + index of the keyword that ends here, 0 for none
	stem uint16 // the same, of the keyword whose word may go on
}

var theEngine = sync.OnceValue(func() *engine {
	rows, err := parseTable(tableText)
	if err != nil {
		panic(err) // the table is part of the program, and a test reads it
	}
	return newEngine(rows)
})

// Detectors answers the table.
func Detectors() []Detector { return slices.Clone(theEngine().rows) }

func newEngine(rows []Detector) *engine {
	e := &engine{rows: rows, nodes: make([]node, 1)}
	for i := range rows {
		row, bit := &rows[i], uint64(1)<<i
		e.numbers = append(e.numbers, numberValidators[row.Validator])
		e.texts = append(e.texts, textValidators[row.Validator])
		switch row.Form {
		case "digits":
			if strings.HasPrefix(row.Validator, "phone") {
				e.phones |= bit
			}
			for n := row.Lengths[0]; n <= row.Lengths[1]; n++ {
				e.byLength[n] |= bit
			}
		case "token":
			e.tokens |= bit
		case "at":
			e.ats |= bit
		}
		for _, word := range row.Keywords {
			k := e.keyword(word)
			switch row.Form {
			case "prefix":
				k.prefix |= bit
			case "after":
				k.after |= bit
			default:
				k.near |= bit
			}
		}
	}
	return e
}

// keyword finds or makes a keyword's place in the trie.
func (e *engine) keyword(text string) *keyword {
	folded := normal(text)
	stem := len(text) > 0 && text[len(text)-1] == '*'
	e.open(folded, stem)
	at := uint16(0)
	for _, b := range folded {
		s := symbolOf[b]
		next := e.nodes[at].next[s]
		if next == 0 {
			next = uint16(len(e.nodes))
			e.nodes = append(e.nodes, node{})
			e.nodes[at].next[s] = next
		}
		at = next
	}
	end := &e.nodes[at].word
	if stem {
		end = &e.nodes[at].stem
	}
	if *end == 0 {
		e.keywords = append(e.keywords, keyword{stem: stem, length: len(folded)})
		*end = uint16(len(e.keywords))
	}
	return &e.keywords[*end-1]
}

// open lets through the gate what a keyword begins with. Behind a short one any symbol may
// come that is not part of its word, and an s.
func (e *engine) open(folded []byte, stem bool) {
	let := func(a, b, c uint8) {
		i := uint32(a)<<12 | uint32(b)<<6 | uint32(c)
		e.gate[i/64] |= 1 << (i % 64)
	}
	s := make([]uint8, 0, len(folded))
	for _, b := range folded {
		s = append(s, symbolOf[b])
	}
	for i := range uint8(symbols) {
		if ends := stem || i == symbolOf['s'] || i == 0 || i > symbolOf['9']; !ends && len(s) < 3 {
			continue
		}
		switch len(s) {
		case 1:
			for j := range uint8(symbols) {
				let(s[0], i, j)
			}
		case 2:
			let(s[0], s[1], i)
		default:
			let(s[0], s[1], s[2])
		}
	}
}

// may reports whether a keyword may begin at i, where a word does.
func (e *engine) may(t []byte, i int) bool {
	if i+2 >= len(t) {
		return true
	}
	a, b, c := t[i], t[i+1], t[i+2]
	if a|b|c >= 0x80 {
		return true
	}
	at := uint32(asciiSymbol[a])<<12 | uint32(asciiSymbol[b])<<6 | uint32(asciiSymbol[c])
	return e.gate[at/64]&(1<<(at%64)) != 0
}

// asciiSymbol is the symbol of a byte after folding.
var asciiSymbol = func() (s [256]uint8) {
	for b := range 128 {
		folded, _ := foldAt([]byte{byte(b)}, 0)
		s[b] = symbolOf[folded]
	}
	return s
}()

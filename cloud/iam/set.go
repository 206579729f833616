package iam

import (
	"encoding/binary"
	mathbits "math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

// Pattern is one text of AWS's with wildcards: * is any run of characters, ? any one. In the
// first five parts of an ARN a wildcard stays within its part, except that a * which ends a
// part may go on beyond it (IAM User Guide, "JSON policy element: Resource", "Wildcards in
// resources"); in an ARN's last part, and in everything that is no ARN, it matches any
// character, : and / included.
type Pattern struct {
	tokens  []rune
	text    string // as it was written, for people
	prefix  string // the literal text before the first wildcard
	rest    []rune // the tokens from there on
	bounded bool   // has a partRun
}

// Tokens beside characters.
const (
	anyRun  rune = -1 - iota // *
	anyOne                   // ?
	partRun                  // * within a part: no colon
	partOne                  // ? within a part
)

// AnyPattern matches everything.
var AnyPattern = NewPattern("*")

// NewPattern reads wildcards without the rules of ARNs' parts, as in a condition's value.
func NewPattern(text string) Pattern { return newPattern([]rune(tokenize(text)), text) }

// ActionPattern reads an action with wildcards. Actions have no letter case.
func ActionPattern(text string) Pattern { return NewPattern(strings.ToLower(text)) }

// ResourcePattern reads a resource with wildcards.
func ResourcePattern(text string) Pattern { return newPattern(parts(tokenize(text)), text) }

// Literal is the pattern of one text, whose * and ? stand for themselves.
func Literal(text string) Pattern { return newPattern([]rune(text), text) }

func newPattern(tokens []rune, text string) Pattern {
	p := Pattern{text: text}
	p.tokens = tokens[:0:0]
	for _, t := range tokens {
		if (t == anyRun || t == partRun) && len(p.tokens) > 0 && p.tokens[len(p.tokens)-1] == t {
			continue
		}
		p.tokens = append(p.tokens, t)
	}
	first := slices.IndexFunc(p.tokens, func(r rune) bool { return r < 0 })
	if first < 0 {
		first = len(p.tokens)
	}
	p.prefix, p.rest = string(p.tokens[:first]), p.tokens[first:]
	p.bounded = slices.Contains(p.rest, partRun)
	return p
}

func tokenize(text string) []rune {
	out := make([]rune, 0, len(text))
	for _, r := range text {
		switch r {
		case '*':
			r = anyRun
		case '?':
			r = anyOne
		}
		out = append(out, r)
	}
	return out
}

// parts keeps the wildcards of an ARN's first five parts within their part.
func parts(tokens []rune) []rune {
	if len(tokens) < 4 || string(tokens[:4]) != "arn:" {
		return tokens
	}
	colons := 0
	for i, t := range tokens {
		switch {
		case t == ':':
			colons++
		case colons >= 5:
			return tokens
		case t == anyOne:
			tokens[i] = partOne
		case t == anyRun && i+1 < len(tokens) && tokens[i+1] != ':':
			tokens[i] = partRun
		}
	}
	return tokens
}

// String is the pattern as it was written.
func (p Pattern) String() string { return p.text }

// IsLiteral says that the pattern has one member, which is it.
func (p Pattern) IsLiteral() (string, bool) {
	return p.prefix, len(p.rest) == 0
}

// Prefix is the text that every member begins with.
func (p Pattern) Prefix() string { return p.prefix }

// Match says whether a text is a member.
func (p Pattern) Match(text string) bool {
	if !strings.HasPrefix(text, p.prefix) {
		return false
	}
	text = text[len(p.prefix):]
	rest := p.rest
	switch {
	case len(rest) == 0:
		return text == ""
	case len(rest) == 1 && rest[0] == anyRun:
		return true
	case p.bounded:
		return matchParts(rest, text)
	}
	// Only the last * needs to be tried again: whatever an earlier one took, it can take less.
	at, star, mark := 0, -1, 0
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case at < len(rest) && rest[at] == anyRun:
			star, mark = at, i
			at++
		case at < len(rest) && (rest[at] == r || rest[at] == anyOne || rest[at] == partOne && r != ':'):
			at++
			i += size
		case star >= 0:
			_, size = utf8.DecodeRuneInString(text[mark:])
			mark += size
			i, at = mark, star+1
		default:
			return false
		}
	}
	for at < len(rest) && rest[at] == anyRun {
		at++
	}
	return at == len(rest)
}

// matchParts is Match where a run may be bounded: every position is followed at once.
func matchParts(tokens []rune, text string) bool {
	here := newBits(len(tokens) + 1)
	here.add(tokens, 0)
	for _, r := range text {
		if here = here.step(tokens, r); here.empty() {
			return false
		}
	}
	return here.has(len(tokens))
}

// bits are positions in a pattern.
type bits []uint64

func newBits(n int) bits      { return make(bits, (n+63)/64) }
func (b bits) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }
func (b bits) empty() bool    { return !slices.ContainsFunc(b, func(w uint64) bool { return w != 0 }) }
func isRun(t rune) bool       { return t == anyRun || t == partRun }
func takes(t, r rune) bool    { return t == r || t == anyRun || t == anyOne || t < 0 && r != ':' }
func (b bits) appendTo(key []byte) []byte {
	for _, w := range b {
		key = binary.LittleEndian.AppendUint64(key, w)
	}
	return key
}

// add adds a position, and those that a run reaches without taking anything.
func (b bits) add(tokens []rune, at int) {
	for {
		b[at/64] |= 1 << (at % 64)
		if at == len(tokens) || !isRun(tokens[at]) {
			return
		}
		at++
	}
}

func (b bits) step(tokens []rune, r rune) bits {
	next := make(bits, len(b))
	for at, t := range tokens {
		if b.has(at) && takes(t, r) {
			if isRun(t) {
				next.add(tokens, at)
			} else {
				next.add(tokens, at+1)
			}
		}
	}
	return next
}

// covers says that every member of q is one of p. It may miss some: exact is Set.Includes.
func (p Pattern) covers(q Pattern) bool {
	if !strings.HasPrefix(q.prefix, p.prefix) {
		return false
	}
	rest, other := p.rest, q.tokens[len(p.tokens)-len(p.rest):]
	if len(rest) == 1 && rest[0] == anyRun {
		return true
	}
	if len(q.rest) == 0 {
		return p.Match(q.prefix)
	}
	// What ends in a character covers only what ends in it.
	if last, end := rest[max(len(rest)-1, 0):], q.rest[len(q.rest)-1]; len(last) == 0 || last[0] >= 0 && last[0] != end {
		return false
	}
	if len(rest) < 64 {
		return coversSmall(rest, other)
	}
	here := newBits(len(rest) + 1)
	here.add(rest, 0)
	for _, t := range other {
		next := newBits(len(rest) + 1)
		for at, mine := range rest {
			if !here.has(at) {
				continue
			}
			switch {
			case mine == anyRun:
				next.add(rest, at)
			case mine == partRun && (t == partRun || t == partOne || t >= 0 && t != ':'):
				next.add(rest, at)
			case mine == t && !isRun(t), mine == anyOne && !isRun(t), mine == partOne && t >= 0 && t != ':':
				next.add(rest, at+1)
			}
		}
		if here = next; here.empty() {
			return false
		}
	}
	return here.has(len(rest))
}

// coversSmall is covers where the positions fit into a word.
func coversSmall(rest, other []rune) bool {
	reach := func(set uint64, at int) uint64 {
		for {
			set |= 1 << at
			if at == len(rest) || !isRun(rest[at]) {
				return set
			}
			at++
		}
	}
	here := reach(0, 0)
	for _, t := range other {
		next := uint64(0)
		for left := here; left != 0; left &= left - 1 {
			at := mathbits.TrailingZeros64(left)
			if at == len(rest) {
				continue
			}
			switch mine := rest[at]; {
			case mine == anyRun, mine == partRun && (t == partRun || t == partOne || t >= 0 && t != ':'):
				next = reach(next, at)
			case mine == t && !isRun(t), mine == anyOne && !isRun(t), mine == partOne && t >= 0 && t != ':':
				next = reach(next, at+1)
			}
		}
		if here = next; here == 0 {
			return false
		}
	}
	return here&(1<<len(rest)) != 0
}

// apart says that two patterns have no member in common. It may miss some.
func (p Pattern) apart(q Pattern) bool {
	n := min(len(p.prefix), len(q.prefix))
	if p.prefix[:n] != q.prefix[:n] {
		return true
	}
	if text, ok := p.IsLiteral(); ok {
		return !q.Match(text)
	}
	if text, ok := q.IsLiteral(); ok {
		return !p.Match(text)
	}
	for i, j := len(p.tokens)-1, len(q.tokens)-1; i >= 0 && j >= 0; i, j = i-1, j-1 {
		a, b := p.tokens[i], q.tokens[j]
		if isRun(a) || isRun(b) {
			return false
		}
		if a >= 0 && b >= 0 && a != b {
			return true
		}
	}
	return false
}

// Set is a set of texts: a union of terms, each of which is what all of some patterns have
// and none of others. The zero value is empty. Sets are values: no operation changes one.
type Set struct {
	terms []term
	// more says that there may be members beyond the terms, which were too many to keep.
	more bool
}

// Operations multiply terms. A result with more than these, and more than what came in, is
// cut off there, and says that there may be more.
const maxTerms = 256

type term struct{ in, out []Pattern }

// Of is the union of patterns.
func Of(patterns ...Pattern) Set {
	var s Set
	for _, p := range patterns {
		s = s.Union(Set{terms: []term{{in: []Pattern{p}}}})
	}
	return s
}

// Everything is the set of all texts.
func Everything() Set { return Of(AnyPattern) }

// None says that a set is empty for certain, without work; a set for which it says no may
// still be.
func (s Set) None() bool { return len(s.terms) == 0 && !s.more }

// Has says whether a text is a member.
func (s Set) Has(text string) bool {
	return slices.ContainsFunc(s.terms, func(t term) bool {
		for _, p := range t.in {
			if !p.Match(text) {
				return false
			}
		}
		return !slices.ContainsFunc(t.out, func(p Pattern) bool { return p.Match(text) })
	})
}

// all says that the set is plainly everything.
func (s Set) all() bool {
	if len(s.terms) != 1 || len(s.terms[0].in) != 1 || len(s.terms[0].out) > 0 {
		return false
	}
	p := &s.terms[0].in[0]
	return p.prefix == "" && len(p.rest) == 1 && p.rest[0] == anyRun
}

// Union has the members of both.
func (s Set) Union(other Set) Set {
	if s.None() || other.all() {
		return other
	}
	if other.None() || s.all() {
		return s
	}
	out := Set{slices.Clip(s.terms), s.more || other.more}
	for _, t := range other.terms {
		out.add(t, len(s.terms)+len(other.terms))
	}
	return out
}

// add adds a term to a set that is being made, of at most some.
func (s *Set) add(t term, most int) {
	switch {
	case s.more && len(s.terms) >= most:
	case slices.ContainsFunc(s.terms, func(u term) bool { return u.covers(t) }):
	case len(s.terms) >= most:
		s.more = true
	default:
		s.terms = append(s.terms, t)
	}
}

// Intersect has the members that both have.
func (s Set) Intersect(other Set) Set {
	if s.None() || other.all() {
		return s
	}
	if other.None() || s.all() {
		return other
	}
	out := Set{more: s.more || other.more}
	most := max(maxTerms, len(s.terms), len(other.terms))
	for _, a := range s.terms {
		for _, b := range other.terms {
			if t, ok := a.and(b); ok {
				if out.add(t, most); out.more && len(out.terms) >= most {
					return out
				}
			}
		}
	}
	return out
}

// Minus has the members that the other lacks.
func (s Set) Minus(other Set) Set {
	if s.None() || other.all() {
		return Set{}
	}
	if other.more {
		return Set{more: true} // nothing is left for certain
	}
	most := max(maxTerms, len(s.terms))
	for _, b := range other.terms {
		left := Set{more: s.more}
		for _, a := range s.terms {
			// What is not in b lacks one of b's, or has one that b has not.
			for _, p := range b.in {
				if t, ok := a.and(term{out: []Pattern{p}}); ok {
					left.add(t, most)
				}
			}
			for _, p := range b.out {
				if t, ok := a.and(term{in: []Pattern{p}}); ok {
					left.add(t, most)
				}
			}
		}
		s = left
	}
	return s
}

// covers says that every member of u is one of t. It may miss some, and of long terms it
// does not look: it saves terms, no answer depends on it.
func (t term) covers(u term) bool {
	if len(t.in)+len(t.out) > 8 {
		return false
	}
	for _, p := range t.in {
		if !slices.ContainsFunc(u.in, p.covers) {
			return false
		}
	}
	for _, p := range t.out {
		if !slices.ContainsFunc(u.out, func(q Pattern) bool { return q.covers(p) }) && !slices.ContainsFunc(u.in, p.apart) {
			return false
		}
	}
	return true
}

// and is what both terms have, without what says nothing, and whether it can have members.
func (t term) and(u term) (term, bool) {
	if len(t.in) == 1 && len(u.in) == 1 && len(t.out)+len(u.out) == 0 {
		switch p, q := &t.in[0], &u.in[0]; {
		case q.covers(*p):
			return t, true
		case p.covers(*q):
			return u, true
		case p.apart(*q):
			return term{}, false
		}
		return term{in: []Pattern{t.in[0], u.in[0]}}, true
	}
	out := term{in: slices.Clip(t.in), out: slices.Clip(t.out)}
	for _, p := range u.in {
		if slices.ContainsFunc(out.in, func(q Pattern) bool { return p.covers(q) }) {
			continue
		}
		if slices.ContainsFunc(out.in, p.apart) {
			return term{}, false
		}
		out.in = append(slices.DeleteFunc(slices.Clone(out.in), func(q Pattern) bool { return q.covers(p) }), p)
	}
	for _, p := range u.out {
		if !slices.ContainsFunc(out.out, func(q Pattern) bool { return q.covers(p) }) {
			out.out = append(slices.DeleteFunc(slices.Clone(out.out), func(q Pattern) bool { return p.covers(q) }), p)
		}
	}
	kept := out.out[:0:0]
	for _, p := range out.out {
		if slices.ContainsFunc(out.in, p.covers) {
			return term{}, false
		}
		if !slices.ContainsFunc(out.in, p.apart) {
			kept = append(kept, p)
		}
	}
	out.out = kept
	return out, true
}

// Some says whether the set has a member, as Example does, at once for simple sets.
func (s Set) Some() Truth {
	for _, t := range s.terms {
		if len(t.in) <= 1 && len(t.out) == 0 {
			return Yes
		}
	}
	_, found := s.Example()
	return found
}

// maxSearch bounds the work of one question about a set, in steps of one position: patterns
// can be written whose common members would take longer to find than anybody waits.
const maxSearch = 1 << 20

// Example says whether the set has a member, and gives a shortest one of a term. It is exact,
// except that Maybe says that finding out would take too long.
func (s Set) Example() (string, Truth) {
	found := No
	if s.more {
		found = Maybe
	}
	for _, t := range s.terms {
		text, ok := t.example()
		if ok == Yes {
			return text, Yes
		}
		found = max(found, ok)
	}
	return "", found
}

// Includes says whether every member of the other is one of this, exactly as Example does.
func (s Set) Includes(other Set) Truth {
	_, more := other.Minus(s).Example()
	return more.Not()
}

// Equal says whether both have the same members.
func (s Set) Equal(other Set) Truth { return min(s.Includes(other), other.Includes(s)) }

// Key is the same for sets of the same terms in the same order, and for no others.
func (s Set) Key() string {
	var b []byte
	for _, t := range s.terms {
		for _, list := range [][]Pattern{t.in, t.out} {
			b = binary.AppendUvarint(b, uint64(len(list)))
			for _, p := range list {
				b = binary.AppendUvarint(b, uint64(len(p.tokens)))
				for _, r := range p.tokens {
					b = binary.AppendVarint(b, int64(r))
				}
			}
		}
	}
	if s.more {
		return string(b) + "more"
	}
	return string(b)
}

// String is the set for people: "a ∩ b, but c".
func (s Set) String() string {
	var terms []string
	for _, t := range s.terms {
		var in, out []string
		for _, p := range t.in {
			in = append(in, p.text)
		}
		for _, p := range t.out {
			out = append(out, p.text)
		}
		text := strings.Join(in, " ∩ ")
		if len(out) > 0 {
			text += " but " + strings.Join(out, ", ")
		}
		terms = append(terms, text)
	}
	if len(terms) == 0 {
		return "nothing"
	}
	return strings.Join(terms, "; ")
}

// example searches the product of the patterns' automata for a shortest member. A pattern
// that must match is followed at one position, chosen as it goes; one that must not, at all
// of them at once.
func (t term) example() (string, Truth) {
	in := t.in
	if len(in) == 0 {
		in = []Pattern{AnyPattern}
	}
	if text, ok := in[0].IsLiteral(); ok {
		return text, truth(Set{terms: []term{t}}.Has(text))
	}
	letters := alphabet(in, t.out)

	type state struct {
		at   []int  // a position in each of in
		outs []bits // the positions in each of t.out
		from int    // the state before, -1 at the start
		by   rune
	}
	start := state{at: make([]int, len(in)), from: -1}
	for _, p := range t.out {
		b := newBits(len(p.tokens) + 1)
		b.add(p.tokens, 0)
		start.outs = append(start.outs, b)
	}
	states, seen, budget := []state{}, map[string]bool{}, maxSearch
	cost := len(in)
	for _, p := range t.out {
		cost += len(p.tokens)
	}
	var key []byte
	visit := func(s state) bool {
		key = key[:0]
		for _, at := range s.at {
			key = binary.AppendUvarint(key, uint64(at))
		}
		for _, b := range s.outs {
			key = b.appendTo(key)
		}
		budget -= len(key)
		if seen[string(key)] {
			return false
		}
		seen[string(key)] = true
		states = append(states, s)
		return true
	}
	// settle visits a state and those that it reaches without taking a character.
	var settle func(s state)
	settle = func(s state) {
		if budget <= 0 || !visit(s) {
			return
		}
		for i, at := range s.at {
			if at < len(in[i].tokens) && isRun(in[i].tokens[at]) {
				next := s
				next.at = slices.Clone(s.at)
				next.at[i]++
				settle(next)
			}
		}
	}
	settle(start)
	for n := 0; n < len(states); n++ {
		s := states[n]
		done := true
		for i, at := range s.at {
			done = done && at == len(in[i].tokens)
		}
		for i, b := range s.outs {
			done = done && !b.has(len(t.out[i].tokens))
		}
		if done {
			var text []rune
			for ; s.from >= 0; s = states[s.from] {
				text = append(text, s.by)
			}
			slices.Reverse(text)
			return string(text), Yes
		}
		choices := letters
		for i, at := range s.at {
			if at < len(in[i].tokens) && in[i].tokens[at] >= 0 {
				choices = in[i].tokens[at : at+1]
			}
		}
		for _, r := range choices {
			if budget--; budget <= 0 {
				return "", Maybe
			}
			next := state{at: make([]int, len(in)), from: n, by: r}
			ok := true
			for i, at := range s.at {
				if at == len(in[i].tokens) || !takes(in[i].tokens[at], r) {
					ok = false
					break
				}
				next.at[i] = at
				if !isRun(in[i].tokens[at]) {
					next.at[i]++
				}
			}
			if !ok {
				continue
			}
			budget -= cost
			for i, b := range s.outs {
				next.outs = append(next.outs, b.step(t.out[i].tokens, r))
			}
			settle(next)
		}
	}
	if budget <= 0 {
		return "", Maybe
	}
	return "", No
}

// alphabet is every character that a pattern names, and one that none does: all others
// behave as it does. The unnamed one comes first, so that examples look like examples.
func alphabet(in, out []Pattern) []rune {
	var letters []rune
	for _, patterns := range [][]Pattern{in, out} {
		for _, p := range patterns {
			for _, t := range p.tokens {
				if t >= 0 {
					letters = append(letters, t)
				}
				if t == partRun || t == partOne {
					letters = append(letters, ':')
				}
			}
		}
	}
	slices.Sort(letters)
	letters = slices.Compact(letters)
	other := 'x'
	for _, found := slices.BinarySearch(letters, other); found; _, found = slices.BinarySearch(letters, other) {
		other++
	}
	return append([]rune{other}, letters...)
}

package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// node is a JSON value. Names of members are folded to lower case: AWS's tools and languages
// differ in it (PolicyDocument, policyDocument), and nothing here differs by case alone.
type node struct {
	kind    kind
	text    string // of a string, a number or a truth value
	raw     []byte
	members []member
	items   []*node
	whole   bool // somebody read it as it stands: a policy document
}

type member struct {
	name  string // as written
	fold  string
	value *node
	used  bool
}

type kind byte

const (
	null kind = iota
	text
	number
	truth
	list
	object
)

func (k kind) String() string {
	return [...]string{"null", "text", "a number", "true or false", "a list", "an object"}[k]
}

// maxDepth bounds nesting; AWS's deepest answers have about a dozen levels.
const maxDepth = 64

// tree reads raw, which is one JSON value and nothing else.
func tree(raw []byte) (*node, error) {
	if !json.Valid(raw) {
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, err
		}
		return nil, errors.New("it is not JSON")
	}
	p := parser{b: raw}
	p.space()
	return p.value(0)
}

// parser makes nodes of what is known to be valid.
type parser struct {
	b  []byte
	at int
}

func (p *parser) space() {
	for p.at < len(p.b) && (p.b[p.at] == ' ' || p.b[p.at] == '\n' || p.b[p.at] == '\t' || p.b[p.at] == '\r') {
		p.at++
	}
}

func (p *parser) value(depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("at byte %d: it is nested more than %d levels deep", p.at, maxDepth)
	}
	n := &node{}
	start := p.at
	switch p.b[p.at] {
	case '{':
		n.kind = object
		p.at++
		for p.space(); p.b[p.at] != '}'; p.space() {
			if p.b[p.at] == ',' {
				p.at++
				p.space()
			}
			name := p.string()
			p.space()
			p.at++ // the colon
			p.space()
			v, err := p.value(depth + 1)
			if err != nil {
				return nil, err
			}
			n.members = append(n.members, member{name: name, fold: strings.ToLower(name), value: v})
		}
		p.at++
	case '[':
		n.kind = list
		p.at++
		for p.space(); p.b[p.at] != ']'; p.space() {
			if p.b[p.at] == ',' {
				p.at++
				p.space()
			}
			v, err := p.value(depth + 1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, v)
		}
		p.at++
	case '"':
		n.kind = text
		n.text = p.string()
	default:
		for p.at < len(p.b) && strings.IndexByte(" \n\t\r,]}", p.b[p.at]) < 0 {
			p.at++
		}
		n.text = string(p.b[start:p.at])
		switch n.text {
		case "null":
			n.text = ""
		case "true", "false":
			n.kind = truth
		default:
			n.kind = number
		}
	}
	n.raw = p.b[start:p.at]
	return n, nil
}

func (p *parser) string() string {
	start := p.at
	plain := true
	for p.at++; p.b[p.at] != '"'; p.at++ {
		if p.b[p.at] == '\\' {
			p.at++
			plain = false
		} else if p.b[p.at] >= 0x80 {
			plain = false // it may be no UTF-8
		}
	}
	p.at++
	if plain {
		return string(p.b[start+1 : p.at-1])
	}
	var s string
	_ = json.Unmarshal(p.b[start:p.at], &s)
	return s
}

// place is where a value stands in a file.
type place struct {
	up    *place
	name  string
	index int
}

func (p *place) String() string { return p.write(true) }

// pattern leaves the indexes out.
func (p *place) pattern() string { return p.write(false) }

func (p *place) write(indexes bool) string {
	if p == nil {
		return ""
	}
	s := p.up.write(indexes)
	if p.name == "" {
		if indexes {
			return s + "[" + strconv.Itoa(p.index) + "]"
		}
		return s + "[]"
	}
	if s == "" {
		return p.name
	}
	return s + "." + p.name
}

// value is a node in its place. Reading it with the wrong kind is a fault, and marks its
// file's object as not wholly understood.
type value struct {
	d  *document
	at *place
	n  *node // nil: it is not there
}

func (v value) is(k kind) bool { return v.n != nil && v.n.kind == k }

// there says whether there is a value, and not null.
func (v value) there() bool { return v.n != nil && v.n.kind != null }

func (v value) fault(format string, args ...any) {
	v.d.bad = true
	v.d.fault(v.at.String(), format, args...)
}

// lost is a fault for which an entry is left out, so that the input it is of is not whole.
func (v value) lost(format string, args ...any) {
	v.d.lost = true
	v.fault(format, args...)
}

// want says whether the value is there and of a kind; another kind is a fault.
func (v value) want(k kind) bool {
	if !v.there() {
		return false
	}
	if v.n.kind != k {
		v.fault("%s is %s, not %s", short(v.n.raw), v.n.kind, k)
		return false
	}
	return true
}

// get is a member of an object, by its name in any case.
func (v value) get(name string) value {
	out := value{v.d, &place{up: v.at, name: name}, nil}
	if v.n == nil || v.n.kind != object {
		return out
	}
	for i := range v.n.members {
		m := &v.n.members[i]
		if !strings.EqualFold(m.name, name) {
			continue
		}
		if out.n != nil {
			if !m.used {
				m.used = true
				out.fault("it is there twice")
			}
			continue
		}
		m.used = true
		out.at.name = m.name
		out.n = m.value
	}
	return out
}

// first is the first of several names that is there.
func (v value) first(names ...string) value {
	for _, name := range names {
		if m := v.get(name); m.there() {
			return m
		}
	}
	return v.get(names[0])
}

func (v value) text() string {
	if !v.there() {
		return ""
	}
	if v.n.kind == number || v.n.kind == truth {
		return v.n.text
	}
	if !v.want(text) {
		return ""
	}
	return v.n.text
}

// flag reads true or false, as JSON has them or as text.
func (v value) flag() bool {
	if !v.there() {
		return false
	}
	if v.n.kind == truth || v.n.kind == text {
		switch strings.ToLower(v.n.text) {
		case "true":
			return true
		case "false":
			return false
		}
	}
	v.fault("%s is neither true nor false", short(v.n.raw))
	return false
}

func (v value) int() int {
	if !v.there() {
		return 0
	}
	if v.n.kind == number || v.n.kind == text {
		if f, err := strconv.ParseFloat(v.n.text, 64); err == nil && f == float64(int64(f)) {
			return int(f)
		}
	}
	v.fault("%s is not a whole number", short(v.n.raw))
	return 0
}

// items are the members of a list, in their places.
func (v value) items() []value {
	if !v.want(list) {
		return nil
	}
	out := make([]value, len(v.n.items))
	for i, n := range v.n.items {
		out[i] = value{v.d, &place{up: v.at, index: i}, n}
	}
	return out
}

// objects are the items of a list that are objects; others are faults.
func (v value) objects() []value {
	all := v.items()
	out := all[:0]
	for _, i := range all {
		if i.n.kind != object {
			i.lost("%s is %s, not an object", short(i.n.raw), i.n.kind)
			continue
		}
		out = append(out, i)
	}
	return out
}

func (v value) texts() []string {
	var out []string
	for _, i := range v.items() {
		if s := i.text(); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// pairs reads a map of texts.
func (v value) pairs() map[string]string {
	if !v.want(object) {
		return nil
	}
	out := map[string]string{}
	for _, m := range v.n.members {
		out[m.name] = v.get(m.name).text()
	}
	return out
}

// tags reads tags in any of the forms that AWS's services print: a list of Key and Value,
// of TagKey and TagValue, or a map.
func (v value) tags() map[string]string {
	if !v.there() {
		return nil
	}
	if v.n.kind == object {
		return v.pairs()
	}
	var out map[string]string
	for _, t := range v.objects() {
		if out == nil {
			out = map[string]string{}
		}
		k := t.first("Key", "TagKey")
		if !k.there() {
			t.fault("a tag without a key")
			continue
		}
		if _, twice := out[k.text()]; twice {
			k.fault("the tag %q is there twice", k.text())
		}
		out[k.text()] = t.first("Value", "TagValue").text()
	}
	return out
}

var timeForms = []string{time.RFC3339Nano, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05.999999Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05", "2006-01-02T15:04:05", time.DateOnly, time.RFC1123}

// time reads a moment in the forms that AWS's tools print: ISO 8601 with T or a space, and
// seconds since 1970.
func (v value) time() time.Time {
	if !v.there() {
		return time.Time{}
	}
	if v.n.kind == number {
		f, err := strconv.ParseFloat(v.n.text, 64)
		if err == nil && f > 1e11 && f < 1e14 { // milliseconds, as lambda and codebuild have them at times
			f /= 1000
		}
		if err == nil && f >= 0 && f < 1e11 {
			sec := int64(f)
			return time.Unix(sec, int64((f-float64(sec))*1e3)*1e6).UTC()
		}
	}
	if v.n.kind == text {
		for _, form := range timeForms {
			if t, err := time.Parse(form, v.n.text); err == nil {
				return t.UTC()
			}
		}
	}
	v.fault("%s is not a time", short(v.n.raw))
	return time.Time{}
}

// rest counts the members that nobody asked for.
func (v value) rest() {
	if v.n == nil || v.n.whole {
		return
	}
	switch v.n.kind {
	case object:
		for i := range v.n.members {
			m := &v.n.members[i]
			at := &place{up: v.at, name: m.name}
			if !m.used {
				v.d.ignore(at)
				continue
			}
			value{v.d, at, m.value}.rest()
		}
	case list:
		for i, n := range v.n.items {
			value{v.d, &place{up: v.at, index: i}, n}.rest()
		}
	}
}

// short is the beginning of what somebody wrote, for a message.
func short(raw []byte) string {
	const most = 60
	s := strings.ToValidUTF8(string(raw), "?")
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return s
}

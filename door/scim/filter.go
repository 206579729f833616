package scim

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of a filter.
const (
	maxFilter = 4096 // bytes
	maxDepth  = 16   // parentheses, brackets and not, one in the other
	maxTerms  = 128
)

// filter is a parsed filter of RFC 7644 §3.4.2.2.
type filter interface {
	holds(values) bool
	String() string
}

// values finds what an attribute's path names in what is looked at: all values of it.
type values interface {
	find(target) []any
}

type (
	both    struct{ a, b filter }
	either  struct{ a, b filter }
	not     struct{ f filter }
	compare struct {
		path  target
		name  string // as it is written canonically
		op    string // eq ne co sw ew gt ge lt le pr
		value any    // string, bool, json.Number or nil
		at    time.Time
	}
	// within asks whether one value of a complex attribute has it all.
	within struct {
		path target
		name string
		f    filter
	}
)

func (f both) holds(v values) bool   { return f.a.holds(v) && f.b.holds(v) }
func (f either) holds(v values) bool { return f.a.holds(v) || f.b.holds(v) }
func (f not) holds(v values) bool    { return !f.f.holds(v) }

func (f both) String() string   { return "(" + f.a.String() + " and " + f.b.String() + ")" }
func (f either) String() string { return "(" + f.a.String() + " or " + f.b.String() + ")" }
func (f not) String() string    { return "not (" + f.f.String() + ")" }
func (f within) String() string { return f.name + "[" + f.f.String() + "]" }

func (f compare) String() string {
	if f.op == "pr" {
		return f.name + " pr"
	}
	encoded, _ := json.Marshal(f.value) // strings, numbers, booleans and nil always encode
	return f.name + " " + f.op + " " + string(encoded)
}

func (f within) holds(v values) bool {
	for _, one := range v.find(f.path) {
		if d, ok := one.(document); ok && f.f.holds(inside(d)) {
			return true
		}
	}
	return false
}

func (f compare) holds(v values) bool {
	found := v.find(f.path)
	if f.op == "pr" {
		for _, have := range found {
			if present(have) {
				return true
			}
		}
		return false
	}
	if f.op == "ne" {
		equal := f
		equal.op = "eq"
		return !equal.holds(v)
	}
	if f.value == nil {
		for _, have := range found {
			if present(have) {
				return false
			}
		}
		return true
	}
	for _, have := range found {
		if f.matches(have) {
			return true
		}
	}
	return false
}

// compared is the attribute whose values are compared: the sub-attribute, or the attribute;
// of a complex one its value.
func (p target) compared() (attribute, bool) {
	switch {
	case p.sub != nil:
		return *p.sub, true
	case p.attribute.kind == complexly:
		return find(p.attribute.sub, "value")
	}
	return p.attribute, true
}

func (f compare) matches(have any) bool {
	if d, ok := have.(document); ok {
		have = d["value"]
	}
	a, _ := f.path.compared()
	switch want := f.value.(type) {
	case bool:
		b, ok := have.(bool)
		return ok && f.op == "eq" && b == want
	case string:
		s, ok := have.(string)
		if !ok {
			return false
		}
		if a.kind == moment {
			at, err := time.Parse(time.RFC3339, s)
			return err == nil && ordered(f.op, at.Compare(f.at))
		}
		if !a.exact {
			s, want = strings.ToLower(s), strings.ToLower(want)
		}
		switch f.op {
		case "co":
			return strings.Contains(s, want)
		case "sw":
			return strings.HasPrefix(s, want)
		case "ew":
			return strings.HasSuffix(s, want)
		}
		return ordered(f.op, strings.Compare(s, want))
	}
	return false
}

func ordered(op string, c int) bool {
	switch op {
	case "eq":
		return c == 0
	case "gt":
		return c > 0
	case "ge":
		return c >= 0
	case "lt":
		return c < 0
	case "le":
		return c <= 0
	}
	return false
}

func present(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case document:
		return len(v) > 0
	}
	return true
}

// resource is a whole resource as filters look at it.
type resource struct {
	doc document
	t   resourceType
}

func (r resource) find(p target) []any {
	at := r.doc
	if p.extension {
		at, _ = at[r.t.extension].(document)
	}
	v, ok := at[p.attribute.name]
	if !ok {
		return nil
	}
	all, multi := v.([]any)
	if !multi {
		all = []any{v}
	}
	if p.sub == nil {
		return all
	}
	var out []any
	for _, one := range all {
		if d, ok := one.(document); ok {
			if v, ok := d[p.sub.name]; ok {
				out = append(out, v)
			}
		}
	}
	return out
}

// inside is one value of a complex attribute as the filter in brackets looks at it.
type inside document

func (d inside) find(p target) []any {
	if v, ok := d[p.attribute.name]; ok {
		return []any{v}
	}
	return nil
}

// parser reads filters and the paths of patches.
type parser struct {
	text  string
	at    int
	t     resourceType
	in    []attribute // the sub-attributes that may be named, inside brackets
	depth int
	terms int
}

// parseFilter reads a filter on resources of a type.
func parseFilter(s string, t resourceType) (filter, error) {
	if len(s) > maxFilter || !utf8.ValidString(s) {
		return nil, fmt.Errorf("a filter has at most %d bytes of UTF-8", maxFilter)
	}
	p := &parser{text: s, t: t}
	f, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.space(); p.at < len(p.text) {
		return nil, p.fail("this is more than a filter")
	}
	return f, nil
}

// path is a patch's: an attribute, perhaps with a filter on its values, perhaps with a
// sub-attribute.
type path struct {
	target
	filter filter // nil for none
}

// parsePath reads a patch's path.
func parsePath(s string, t resourceType) (path, error) {
	if len(s) > maxFilter || !utf8.ValidString(s) {
		return path{}, fmt.Errorf("a path has at most %d bytes of UTF-8", maxFilter)
	}
	p := &parser{text: s, t: t}
	p.space()
	start := p.at
	name := p.name()
	var out path
	var ok bool
	if out.target, ok = t.resolve(name); !ok {
		p.at = start
		return path{}, p.fail("%q is no attribute of a %s", clip(name), t.name)
	}
	if p.at < len(p.text) && p.text[p.at] == '[' {
		if out.sub != nil || out.attribute.kind != complexly || !out.attribute.multi {
			return path{}, p.fail("a filter in brackets stands after an attribute with several values")
		}
		var err error
		if out.filter, err = p.brackets(out.attribute); err != nil {
			return path{}, err
		}
		if p.at < len(p.text) && p.text[p.at] == '.' {
			p.at++
			name := p.name()
			sub, ok := find(out.attribute.sub, name)
			if !ok {
				return path{}, p.fail("%s has no %q", out.attribute.name, clip(name))
			}
			out.sub = &sub
		}
	}
	if p.space(); p.at < len(p.text) {
		return path{}, p.fail("this is more than a path")
	}
	return out, nil
}

func (p *parser) fail(format string, args ...any) error {
	return fmt.Errorf("at character %d: %s", utf8.RuneCountInString(p.text[:p.at])+1, fmt.Sprintf(format, args...))
}

func (p *parser) space() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
}

// enter counts depth; the caller subtracts it again.
func (p *parser) enter() error {
	if p.depth++; p.depth > maxDepth {
		return p.fail("more than %d levels, one in the other", maxDepth)
	}
	return nil
}

// word reads a keyword, in any case, and the end of the word behind it.
func (p *parser) word(w string) bool {
	p.space()
	end := p.at + len(w)
	if end > len(p.text) || !strings.EqualFold(p.text[p.at:end], w) || end < len(p.text) && nameByte(p.text[end]) {
		return false
	}
	p.at = end
	return true
}

func (p *parser) or() (filter, error) {
	f, err := p.and()
	for err == nil && p.word("or") {
		var g filter
		g, err = p.and()
		f = either{f, g}
	}
	return f, err
}

func (p *parser) and() (filter, error) {
	f, err := p.term()
	for err == nil && p.word("and") {
		var g filter
		g, err = p.term()
		f = both{f, g}
	}
	return f, err
}

func (p *parser) term() (filter, error) {
	if p.terms++; p.terms > maxTerms {
		return nil, p.fail("more than %d comparisons", maxTerms)
	}
	p.space()
	negated := false
	before := p.at
	if p.word("not") {
		if p.space(); p.at >= len(p.text) || p.text[p.at] != '(' {
			p.at = before // an attribute that is called so, or a mistake
		} else {
			negated = true
		}
	}
	if p.at < len(p.text) && p.text[p.at] == '(' {
		p.at++
		if err := p.enter(); err != nil {
			return nil, err
		}
		f, err := p.or()
		if err != nil {
			return nil, err
		}
		p.depth--
		if p.space(); p.at >= len(p.text) || p.text[p.at] != ')' {
			return nil, p.fail("a closing parenthesis is missing")
		}
		p.at++
		if negated {
			return not{f}, nil
		}
		return f, nil
	}
	return p.comparison()
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(":._-$", c) >= 0
}

func (p *parser) name() string {
	start := p.at
	for p.at < len(p.text) && nameByte(p.text[p.at]) {
		p.at++
	}
	return p.text[start:p.at]
}

func (p *parser) comparison() (filter, error) {
	start := p.at
	name := p.name()
	if name == "" {
		return nil, p.fail("the name of an attribute is missing")
	}
	var at target
	var ok bool
	written := ""
	if p.in != nil {
		if at.attribute, ok = find(p.in, name); ok {
			written = at.attribute.name
		}
	} else if at, ok = p.t.resolve(name); ok {
		written = at.name(p.t)
	}
	if !ok {
		p.at = start
		return nil, p.fail("%q is no attribute here", clip(name))
	}
	if p.at < len(p.text) && p.text[p.at] == '[' {
		if p.in != nil || at.sub != nil || at.attribute.kind != complexly {
			return nil, p.fail("brackets stand after an attribute that has others in it")
		}
		f, err := p.brackets(at.attribute)
		if err != nil {
			return nil, err
		}
		// Directories also write emails[type eq "work"].value eq "…", which is no filter of
		// the RFC's: one value that is both.
		if p.at < len(p.text) && p.text[p.at] == '.' {
			p.at++
			outer := p.in
			p.in = at.attribute.sub
			g, err := p.comparison()
			p.in = outer
			if err != nil {
				return nil, err
			}
			f = both{f, g}
		}
		return within{at, written, f}, nil
	}
	f := compare{path: at, name: written}
	p.space()
	opAt := p.at
	f.op = strings.ToLower(p.name())
	switch f.op {
	case "pr":
		return f, nil
	case "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le":
	default:
		p.at = opAt
		return nil, p.fail("an operator is missing: eq, ne, co, sw, ew, gt, ge, lt, le or pr")
	}
	p.space()
	valueAt := p.at
	var err error
	if f.value, err = p.value(); err != nil {
		return nil, err
	}
	a, simple := at.compared()
	wrong := func(format string, args ...any) (filter, error) {
		p.at = valueAt
		return nil, p.fail(format, args...)
	}
	equality := f.op == "eq" || f.op == "ne"
	switch v := f.value.(type) {
	case nil:
		if !equality {
			return wrong("null goes with eq and ne only")
		}
	case bool:
		if a.kind != boolean || !equality {
			return wrong("%s is not compared with true or false so", written)
		}
	case string:
		switch {
		case !simple || a.kind == boolean:
			return wrong("%s is not compared with text", written)
		case a.kind == moment:
			if f.at, err = time.Parse(time.RFC3339, v); err != nil {
				return wrong("%s is compared with a time such as 2026-11-22T08:00:00Z", written)
			}
			if f.op == "co" || f.op == "sw" || f.op == "ew" {
				return wrong("a time is not compared by %s", f.op)
			}
		}
	default:
		return wrong("nothing here is a number")
	}
	return f, nil
}

// brackets reads a filter on the values of one attribute.
func (p *parser) brackets(a attribute) (filter, error) {
	p.at++ // [
	if err := p.enter(); err != nil {
		return nil, err
	}
	outer := p.in
	p.in = a.sub
	f, err := p.or()
	p.in = outer
	if err != nil {
		return nil, err
	}
	p.depth--
	if p.space(); p.at >= len(p.text) || p.text[p.at] != ']' {
		return nil, p.fail("a closing bracket is missing")
	}
	p.at++
	return f, nil
}

// value reads true, false, null, a number or a text in quotes, as JSON writes them.
func (p *parser) value() (any, error) {
	if p.at < len(p.text) && p.text[p.at] == '"' {
		end := p.at + 1
		for end < len(p.text) && p.text[end] != '"' {
			if p.text[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(p.text) {
			return nil, p.fail("the closing quote is missing")
		}
		var s string
		if err := json.Unmarshal([]byte(p.text[p.at:end+1]), &s); err != nil {
			return nil, p.fail("this is no text as JSON writes it")
		}
		p.at = end + 1
		return s, nil
	}
	start := p.at
	for p.at < len(p.text) && (nameByte(p.text[p.at]) || p.text[p.at] == '+') {
		p.at++
	}
	switch word := p.text[start:p.at]; strings.ToLower(word) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil
	default:
		var n json.Number
		if word == "" || json.Unmarshal([]byte(word), &n) != nil {
			p.at = start
			return nil, p.fail("a value is missing: text in double quotes, true, false or null")
		}
		return n, nil
	}
}

// pairs are the comparisons of a filter that only says, joined by and, what text
// attributes are equal to: what a value has that somebody adds under it.
func pairs(f filter) (document, bool) {
	switch f := f.(type) {
	case compare:
		if f.op == "eq" && f.value != nil && f.path.sub == nil {
			return document{f.path.attribute.name: f.value}, true
		}
	case both:
		a, ok := pairs(f.a)
		b, also := pairs(f.b)
		if ok && also {
			for name, v := range b {
				a[name] = v
			}
			return a, true
		}
	}
	return nil, false
}

func clip(s string) string {
	if len(s) > 64 {
		s = strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}

package intake

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What a capture may hold, by the word after its colon.
var captureForms = map[string]string{
	"segment": `[^/]+`, // the default: anything within one folder
	"path":    `.+`,    // folders too
	"word":    `[A-Za-z0-9-]+`,
	"digits":  `[0-9]+`,
	"hex":     `[0-9A-Fa-f]+`,
	"uuid":    `[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}`,
}

var (
	captureName  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	alternatives = regexp.MustCompile(`^[A-Za-z0-9_-]+(\|[A-Za-z0-9_-]+)+$`)
)

const (
	maxPattern  = 512
	maxCaptures = 16
)

// piece is a literal, or a capture where name is set.
type piece struct{ literal, name, form string }

// pieces splits a template such as "calls/{day:digits}/{recording}.wav".
func pieces(template string) ([]piece, error) {
	if template == "" || len(template) > maxPattern {
		return nil, fmt.Errorf("%q is empty or longer than %d bytes", clip(template), maxPattern)
	}
	var out []piece
	captures := 0
	for rest := template; rest != ""; {
		open := strings.IndexAny(rest, "{}")
		if open < 0 {
			out = append(out, piece{literal: rest})
			break
		}
		if rest[open] == '}' {
			return nil, fmt.Errorf("%q has a } without its {", clip(template))
		}
		if open > 0 {
			out = append(out, piece{literal: rest[:open]})
		}
		inside, after, closed := strings.Cut(rest[open+1:], "}")
		if !closed {
			return nil, fmt.Errorf("%q has a { without its }", clip(template))
		}
		name, form, given := strings.Cut(inside, ":")
		if !captureName.MatchString(name) {
			return nil, fmt.Errorf("%q in %q is no name: a lower-case letter, then letters, digits or _", clip(name), clip(template))
		}
		if !given {
			form = ""
		} else if captureForms[form] == "" && !alternatives.MatchString(form) {
			return nil, fmt.Errorf("{%s} in %q is of no form that is known: segment, path, word, digits, hex, uuid, or a choice such as wav|mp3", clip(inside), clip(template))
		}
		if captures++; captures > maxCaptures {
			return nil, fmt.Errorf("%q has more than %d captures", clip(template), maxCaptures)
		}
		out = append(out, piece{name: name, form: form})
		rest = after
	}
	return out, nil
}

// pattern recognises keys and takes them apart.
type pattern struct {
	pieces     []piece
	expression *regexp.Regexp
	groups     []string // name of each group
}

func newPattern(template string) (*pattern, error) {
	ps, err := pieces(template)
	if err != nil {
		return nil, err
	}
	p := &pattern{pieces: ps}
	var b strings.Builder
	b.WriteString(`\A`)
	for _, c := range ps {
		if c.name == "" {
			b.WriteString(regexp.QuoteMeta(c.literal))
			continue
		}
		form := captureForms["segment"]
		if f, ok := captureForms[c.form]; ok {
			form = f
		} else if c.form != "" {
			form = c.form // alternatives of letters and digits
		}
		b.WriteString("(" + form + ")")
		p.groups = append(p.groups, c.name)
	}
	b.WriteString(`\z`)
	if p.expression, err = regexp.Compile(b.String()); err != nil {
		return nil, fmt.Errorf("compiling %q: %w", clip(template), err)
	}
	return p, nil
}

// match takes a key apart. A name that stands twice must hold the same twice.
func (p *pattern) match(key string) (map[string]string, bool) {
	found := p.expression.FindStringSubmatch(key)
	if found == nil {
		return nil, false
	}
	out := make(map[string]string, len(p.groups)+1)
	for i, name := range p.groups {
		if was, twice := out[name]; twice && was != found[i+1] {
			return nil, false
		}
		out[name] = found[i+1]
	}
	return out, true
}

func (p *pattern) has(name string) bool { return slices.Contains(p.groups, name) }

func (p *pattern) hasAll(names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return !p.has(name) })
}

// prefix is how every key begins that the pattern matches and that is joined to one with
// these captures. What comes after the last capture that joins may differ between the two.
// What comes before it and joins nothing is taken to be the same; sure says that there is
// none of it.
func (p *pattern) prefix(captures map[string]string, join []string) (prefix string, sure bool) {
	joins := func(c piece) bool { return slices.Contains(join, c.name) }
	var b strings.Builder
	sure = true
	for k, c := range p.pieces {
		if c.name == "" {
			b.WriteString(c.literal)
			continue
		}
		v, ok := captures[c.name]
		if !ok || !slices.ContainsFunc(p.pieces[k:], joins) {
			break
		}
		sure = sure && joins(c)
		b.WriteString(v)
	}
	return b.String(), sure
}

// expand fills a template; every name must be there.
func expand(template []piece, captures map[string]string) string {
	var b strings.Builder
	for _, c := range template {
		if c.name == "" {
			b.WriteString(c.literal)
		} else {
			b.WriteString(captures[c.name])
		}
	}
	return b.String()
}

// clip bounds what a message quotes.
func clip(s string) string {
	if len(s) > 128 {
		s = strings.ToValidUTF8(s[:128], "") + "…"
	}
	return s
}

package iam

import (
	"slices"
	"strings"
)

// template is a text in which policy variables stand: ${aws:username}, with a default
// ${aws:PrincipalTag/team, 'none'}, and the three that stand for characters: ${*} ${?} ${$}.
// (IAM User Guide, "IAM policy elements: Variables and tags".)
type template struct {
	pieces   []piece
	literal  string // the text where no variable stands in it
	variable bool   // a key stands in it
}

type piece struct {
	tokens  []rune // characters and wildcards, or
	key     string // a key in lower case
	instead string // where the key is absent
	has     bool   // there is a default
}

// compileTemplate reads a text. Policies older than 2012-10-17 have no variables.
func compileTemplate(text string, variables bool) template {
	var t template
	if !variables || !strings.Contains(text, "${") {
		return template{pieces: []piece{{tokens: tokenize(text)}}, literal: text}
	}
	var plainText strings.Builder
	rest := text
	add := func(tokens []rune) {
		if n := len(t.pieces); n > 0 && t.pieces[n-1].key == "" {
			t.pieces[n-1].tokens = append(t.pieces[n-1].tokens, tokens...)
			return
		}
		t.pieces = append(t.pieces, piece{tokens: tokens})
	}
	for rest != "" {
		before, after, found := strings.Cut(rest, "${")
		add(tokenize(before))
		plainText.WriteString(before)
		if !found {
			break
		}
		name, next, closed := strings.Cut(after, "}")
		if !closed {
			add(tokenize("${" + after))
			plainText.WriteString("${" + after)
			break
		}
		rest = next
		if strings.TrimSpace(name) == "" {
			add(tokenize("${" + name + "}"))
			plainText.WriteString("${" + name + "}")
			continue
		}
		if name == "*" || name == "?" || name == "$" {
			add([]rune(name)) // the character, no wildcard
			plainText.WriteString(name)
			continue
		}
		p := piece{key: name}
		if key, instead, found := strings.Cut(name, ","); found {
			instead = strings.TrimSpace(instead)
			if len(instead) >= 2 && instead[0] == '\'' && instead[len(instead)-1] == '\'' {
				p.key, p.instead, p.has = key, instead[1:len(instead)-1], true
			}
		}
		p.key = strings.ToLower(strings.TrimSpace(p.key))
		t.pieces = append(t.pieces, p)
		t.variable = true
	}
	t.literal = plainText.String()
	return t
}

// wellPlaced says that no key stands before an ARN's fifth colon, where AWS takes none.
func (t *template) wellPlaced() bool {
	colons := 0
	for _, p := range t.pieces {
		if p.key != "" {
			return colons >= 5
		}
		for _, r := range p.tokens {
			if r == ':' {
				colons++
			}
		}
	}
	return true
}

// fill puts values in the place of variables: their characters stand for themselves. No says
// that a variable has no value (or several: only keys with one can be variables), Maybe that
// one is not known.
func (t *template) fill(a *asked) ([]rune, Truth) {
	var out []rune
	there := Yes
	for _, p := range t.pieces {
		if p.key == "" {
			out = append(out, p.tokens...)
			continue
		}
		v, known := a.key(p.key)
		switch {
		case known == Yes && len(v) == 1:
			out = append(out, []rune(v[0])...)
		case known == No && p.has:
			out = append(out, []rune(p.instead)...)
		case known == Yes:
			there = min(there, No)
		default:
			there = min(there, known)
		}
	}
	return out, there
}

// tokens are a template's, with what stands for each variable.
func (t *template) tokens(variable []rune) []rune {
	var out []rune
	for _, p := range t.pieces {
		if p.key != "" {
			out = append(out, variable...)
			continue
		}
		out = append(out, p.tokens...)
	}
	return out
}

// plain is text of tokens whose wildcards stand for themselves.
func plain(tokens []rune) string {
	out := slices.Clone(tokens)
	for i, t := range out {
		switch t {
		case anyRun:
			out[i] = '*'
		case anyOne:
			out[i] = '?'
		}
	}
	return string(out)
}

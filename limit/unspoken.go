package limit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"strongroom"
)

// Unspoken is an action of which a set says nothing, so that nobody may do it; whether that
// is meant, the set does not tell.
type Unspoken struct {
	Action   strongroom.Action
	Policies []string // of the other set, that permit it, in the order of its text
}

// Unspoken answers the actions that policies of another set permit and that no policy of s
// speaks of, in order of their names. To forbid every action is to speak of none.
func (s *Set) Unspoken(of *Set) []Unspoken {
	spoken := map[strongroom.Action]bool{}
	for _, p := range s.policies {
		if _, every := (*ast.Policy)(p.compiled.AST()).Action.(ast.ScopeTypeAll); every && p.compiled.Effect() == cedar.Forbid {
			continue
		}
		for _, at := range scopesOf(p.compiled) {
			spoken[at.action] = true
		}
	}
	found := map[strongroom.Action][]string{}
	for _, face := range of.Policies() {
		if face.Effect != "permit" {
			continue
		}
		for _, at := range scopesOf(of.policies[face.ID].compiled) {
			if !spoken[at.action] && !slices.Contains(found[at.action], face.ID) {
				found[at.action] = append(found[at.action], face.ID)
			}
		}
	}
	var out []Unspoken
	for action, policies := range found {
		out = append(out, Unspoken{action, policies})
	}
	slices.SortFunc(out, func(a, b Unspoken) int { return cmp.Compare(a.Action, b.Action) })
	return out
}

// With answers the text of s and, for one action, the policies by which another set permits
// it: each for that action alone, under a name that s has not. It is an error where there
// is none.
func (s *Set) With(of *Set, action strongroom.Action) (text string, added []string, err error) {
	var b strings.Builder
	b.WriteString(strings.TrimRight(s.text, " \t\r\n"))
	b.WriteByte('\n')
	for _, face := range of.Policies() {
		speaks := slices.ContainsFunc(scopesOf(of.policies[face.ID].compiled), func(at scope) bool { return at.action == action })
		if face.Effect != "permit" || !speaks {
			continue
		}
		one := of.policyText(face.ID)
		if at, list, ok := actionList(one); ok {
			one = one[:at] + actionScope([]string{string(action)}) + one[at+len(list):]
		}
		id := face.ID
		for n := 1; s.policies[id] != nil; n++ {
			if id = face.ID + "-" + string(action); n > 1 {
				id += fmt.Sprintf("-%d", n)
			}
		}
		one = strings.Replace(one, fmt.Sprintf("@id(%q)", face.ID), fmt.Sprintf("@id(%q)", id), 1)
		b.WriteByte('\n')
		b.WriteString(one)
		b.WriteByte('\n')
		added = append(added, id)
	}
	if len(added) == 0 {
		return "", nil, fmt.Errorf("no policy that a new room starts with permits %q", action)
	}
	if _, err := Parse([]byte(b.String())); err != nil {
		return "", nil, fmt.Errorf("the policies with those for %s: %w", action, err)
	}
	return b.String(), added, nil
}

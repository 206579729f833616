package limit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"strongroom"
)

// Piece is a part of a Sentence: words, or a name or text that the policy gives, or Cedar.
type Piece struct {
	Text string `json:"text"`
	Form string `json:"form,omitempty"` // "" for words, PieceName or PieceCode
}

// Forms of a Piece that are not words.
const (
	PieceName = "name"
	PieceCode = "code" // what no words say truly stands as Cedar
)

// Sentence is a policy as people read it.
type Sentence []Piece

// String is the sentence as plain text, with Cedar between backquotes.
func (s Sentence) String() string {
	var b strings.Builder
	for _, p := range s {
		if p.Form == PieceCode {
			b.WriteString("`" + p.Text + "`")
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

// Sentence reads a policy of the set as a sentence, in English ("en") or French ("fr"): who
// may or may never do what, with what, and when. It says what the policy says and no more;
// conditions for which there are no true words stand in it as Cedar. It is empty where the
// set has no such policy. Any other language is answered in English.
func (s *Set) Sentence(id, lang string) Sentence {
	p := s.policies[id]
	if p == nil {
		return nil
	}
	t, ok := tongues[lang]
	if !ok {
		t = &inEnglish
	}
	return merged((&telling{t: t, p: (*ast.Policy)(p.compiled.AST()), requires: p.requires}).whole(p.compiled))
}

// telling is the reading of one policy.
type telling struct {
	t        *tongue
	p        *ast.Policy
	requires []strongroom.Obligation
	kinds    []types.EntityType // of resources that the policy can concern
}

func words(text string) Sentence { return Sentence{{Text: text}} }
func cedarText(text string) Sentence {
	return Sentence{{Text: text, Form: PieceCode}}
}

// fill puts parts into the gaps {0}, {1} … of a text.
func fill(text string, parts ...Sentence) Sentence {
	var out Sentence
	for {
		i := strings.IndexByte(text, '{')
		if i < 0 {
			return append(out, Piece{Text: text})
		}
		out = append(out, Piece{Text: text[:i]})
		out = append(out, parts[text[i+1]-'0']...)
		text = text[i+3:]
	}
}

func merged(s Sentence) Sentence {
	var out Sentence
	for _, p := range s {
		switch {
		case p.Text == "":
		case len(out) > 0 && p.Form == "" && out[len(out)-1].Form == "":
			out[len(out)-1].Text += p.Text
		default:
			out = append(out, p)
		}
	}
	if len(out) > 0 && out[0].Form == "" {
		first := []rune(out[0].Text)
		out[0].Text = string(unicode.ToUpper(first[0])) + string(first[1:])
	}
	return out
}

// series joins a list as a sentence does: a, b and c.
func series(list []Sentence, last string) Sentence {
	var out Sentence
	for i, s := range list {
		switch {
		case i == 0:
		case i == len(list)-1:
			out = append(out, Piece{Text: " " + last + " "})
		default:
			out = append(out, Piece{Text: ", "})
		}
		out = append(out, s...)
	}
	return out
}

// plainName reports whether a name can stand in a sentence as it is.
func plainName(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("._@-/", c)
	})
}

// quotable reports whether a text can stand between quotation marks and be nothing else.
func quotable(s string) bool {
	return s != "" && len(s) <= 256 && strings.TrimSpace(s) == s && !strings.ContainsFunc(s, func(c rune) bool {
		return !unicode.IsPrint(c) || strings.ContainsRune("“”„«»\"`\\", c)
	})
}

func entityName(uid types.EntityUID) Sentence {
	if id := string(uid.ID); plainName(id) {
		return Sentence{{Text: id, Form: PieceName}}
	}
	return cedarText(string(uid.MarshalCedar()))
}

func (r *telling) quoted(s types.String) Sentence {
	if quotable(string(s)) {
		return fill(r.t.quote, Sentence{{Text: string(s), Form: PieceName}})
	}
	return cedarText(string(s.MarshalCedar()))
}

func (r *telling) whole(compiled *cedar.Policy) Sentence {
	permit := r.p.Effect == ast.EffectPermit
	who, ok := r.who(permit)
	what, understood := r.what(permit)
	if !ok || !understood {
		text := r.t.permitsText
		if !permit {
			text = r.t.forbidsText
		}
		out := fill(text, cedarText(oneLine(bare(r.p))))
		if len(r.requires) > 0 {
			out = append(out, fill(r.t.givenText, r.given(r.requires))...)
		}
		return append(out, Piece{Text: "."})
	}
	out := who
	var must, never []saying
	asked := slices.Clone(r.requires)
	if i := slices.Index(asked, strongroom.ObligeScrubbedCopy); i >= 0 {
		asked = slices.Delete(asked, i, i+1)
		must = append(must, saying{s: words(r.t.facts["resource.scrubbed"][0])})
	}
	if len(asked) > 0 {
		out = append(out, fill(r.t.given, r.given(asked))...)
	}
	out = append(out, Piece{Text: " "})
	out = append(out, what...)
	for _, c := range r.p.Conditions {
		if c.Condition == ast.ConditionUnless {
			never = append(never, r.alternatives(c.Body)...)
			continue
		}
		for _, n := range r.needed(conjuncts(c.Body, nil)) {
			if not, ok := n.(ast.NodeTypeNot); ok {
				never = append(never, r.alternatives(not.Arg)...)
			} else {
				must = append(must, r.say(n))
			}
		}
	}
	out = append(out, r.clauses(r.t.provided, r.t.and, must, both)...)
	out = append(out, r.clauses(r.t.unless, r.t.or, never, either)...)
	return append(out, Piece{Text: "."})
}

// given names what has to be given, which is not the scrubbed copy.
func (r *telling) given(list []strongroom.Obligation) Sentence {
	return words(voices[r.t.lang].obligations(list))
}

// who says whom a policy concerns, and that they may, or never may.
func (r *telling) who(permit bool) (Sentence, bool) {
	side := 0
	if !permit {
		side = 1
	}
	var uid types.EntityUID
	switch of := r.p.Principal.(type) {
	case ast.ScopeTypeAll:
		return words(r.t.everybody[side]), true
	case ast.ScopeTypeIs:
		return words(r.t.everybody[side]), of.Type == typePrincipal
	case ast.ScopeTypeEq:
		uid = of.Entity
		if uid.Type == typeGroup {
			return nil, false
		}
	case ast.ScopeTypeIn:
		uid = of.Entity
	case ast.ScopeTypeIsIn:
		if uid = of.Entity; of.Type != typePrincipal {
			return nil, false
		}
	}
	switch uid.Type {
	case typeGroup:
		return fill(r.t.members[side], entityName(uid)), true
	case typePrincipal:
		return fill(r.t.somebody[side], entityName(uid)), true
	}
	return nil, false
}

// place is what resources of one type a policy concerns.
type place struct {
	kind types.EntityType
	noun Sentence // "any object in the bucket calls"
}

// places says what a policy concerns, by the type of resource.
func (r *telling) places(permit bool) ([]place, bool) {
	side := 0
	if !permit {
		side = 1
	}
	any := func(kind types.EntityType) place { return place{kind, words(r.t.any[kind][side])} }
	one := func(uid types.EntityUID) (place, bool) {
		if uid.Type == typeRoom {
			return place{typeRoom, words(r.t.any[typeRoom][side])}, uid.ID == "room"
		}
		text, ok := r.t.one[uid.Type]
		if !ok {
			return place{}, false
		}
		return place{uid.Type, fill(text, entityName(uid))}, true
	}
	within := func(uid types.EntityUID) place {
		return place{typeObject, fill(r.t.within[side], entityName(uid))}
	}
	switch of := r.p.Resource.(type) {
	case ast.ScopeTypeAll:
		return []place{any(typeObject), any(typeBucket), any(typeRoom)}, true
	case ast.ScopeTypeIs:
		if _, known := r.t.any[of.Type]; !known {
			return nil, false
		}
		return []place{any(of.Type)}, true
	case ast.ScopeTypeEq:
		p, ok := one(of.Entity)
		return []place{p}, ok
	case ast.ScopeTypeIn:
		p, ok := one(of.Entity)
		if ok && of.Entity.Type == typeBucket {
			return []place{within(of.Entity), p}, true
		}
		return []place{p}, ok
	case ast.ScopeTypeIsIn:
		if of.Type == typeObject && of.Entity.Type == typeBucket {
			return []place{within(of.Entity)}, true
		}
		p, ok := one(of.Entity)
		return []place{p}, ok && of.Type == of.Entity.Type
	}
	return nil, false
}

// what says the actions, and with what.
func (r *telling) what(permit bool) (Sentence, bool) {
	side, and := 0, r.t.and
	if !permit {
		side, and = 1, r.t.or
	}
	places, ok := r.places(permit)
	if !ok {
		return nil, false
	}
	var actions []types.EntityUID
	switch of := r.p.Action.(type) {
	case ast.ScopeTypeAll:
		for _, p := range places {
			r.kinds = append(r.kinds, p.kind)
		}
		if len(places) == 3 {
			return words(r.t.anything[side]), true
		}
		var nouns []Sentence
		for _, p := range places {
			nouns = append(nouns, p.noun)
		}
		return fill(r.t.anythingWith[side], series(nouns, r.t.or)), true
	case ast.ScopeTypeEq:
		actions = []types.EntityUID{of.Entity}
	case ast.ScopeTypeIn:
		actions = []types.EntityUID{of.Entity}
	case ast.ScopeTypeInSet:
		actions = of.Entities
	}
	var groups []Sentence
	said := 0
	for _, p := range places {
		var acts []Sentence
		for i, uid := range actions {
			if slices.Contains(actions[:i], uid) || !slices.Contains(roomSchema().Actions[uid].AppliesTo.Resources, p.kind) {
				continue
			}
			act, known := r.t.acts[strongroom.Action(uid.ID)]
			switch {
			case !known:
				return nil, false
			case p.kind == typeRoom:
				acts = append(acts, words(act.room))
			case len(acts) == 0:
				acts = append(acts, fill(r.t.contracted(act.first, p.noun)))
			default:
				acts = append(acts, words(act.next))
			}
			if t := acts[len(acts)-1]; len(t) == 1 && t[0].Text == "" {
				return nil, false
			}
			said++
		}
		if len(acts) > 0 {
			r.kinds = append(r.kinds, p.kind)
			groups = append(groups, series(acts, and))
		}
	}
	if said == 0 {
		return nil, false
	}
	out := groups[0]
	for _, g := range groups[1:] {
		out = append(out, Piece{Text: r.t.further[side]})
		out = append(out, g...)
	}
	return out, true
}

// How a clause is joined from others.
const (
	single = iota
	both
	either
)

// saying is a condition in words.
type saying struct {
	s    Sentence
	join int
}

// within puts a clause between brackets where it would be read otherwise.
func (c saying) within(join int) Sentence {
	if c.join == single || c.join == join {
		return c.s
	}
	return append(append(words("("), c.s...), Piece{Text: ")"})
}

// clauses are the conditions behind an "if" or "unless".
func (r *telling) clauses(lead [2]string, last string, list []saying, join int) Sentence {
	if len(list) == 0 {
		return nil
	}
	var parts []Sentence
	for i, c := range list {
		s := c.s
		if len(list) > 1 {
			s = c.within(join)
		}
		switch {
		case i == 0:
			s = r.led(lead[0], s)
		case lead[1] != "":
			s = r.led(lead[1], s)
		}
		parts = append(parts, s)
	}
	return append(words(", "), series(parts, last)...)
}

// led puts a conjunction before a saying, elided where the language does so.
func (r *telling) led(lead string, s Sentence) Sentence {
	if r.t.elide != nil && s[0].Form == "" {
		lead = r.t.elide(lead, s[0].Text)
	} else {
		lead += " "
	}
	return append(words(lead), s...)
}

// alternatives lists what is joined by "or".
func (r *telling) alternatives(n ast.IsNode) []saying {
	switch n := n.(type) {
	case ast.NodeTypeOr:
		return append(r.alternatives(n.Left), r.alternatives(n.Right)...)
	case ast.NodeTypeAnd:
		if parts := r.needed(conjuncts(n, nil)); len(parts) == 1 {
			return r.alternatives(parts[0])
		}
	}
	return []saying{r.say(n)}
}

// needed leaves out of a conjunction what only asks whether something is there that
// another part speaks of: "its queue is billing" says that it has one.
func (r *telling) needed(list []ast.IsNode) []ast.IsNode {
	var out []ast.IsNode
	for i, n := range list {
		if what := presence(n); what != "" && slices.ContainsFunc(list[i+1:], func(m ast.IsNode) bool { return presumes(m, what) }) {
			continue
		}
		out = append(out, n)
	}
	return out
}

// presence answers what a condition asks the presence of, or "".
func presence(n ast.IsNode) string {
	switch n := n.(type) {
	case ast.NodeTypeHas:
		if of, ok := n.Arg.(ast.NodeTypeVariable); ok {
			return string(of.Name) + "." + string(n.Value)
		}
	case ast.NodeTypeHasTag:
		return tagOf(n.BinaryNode)
	}
	return ""
}

// tagOf names a tag of the principal or the resource, or answers "".
func tagOf(n ast.BinaryNode) string {
	of, ok := n.Left.(ast.NodeTypeVariable)
	if !ok {
		return ""
	}
	if name, ok := valueOf[types.String](n.Right); ok {
		return string(of.Name) + " tag " + string(name)
	}
	return ""
}

func valueOf[T types.Value](n ast.IsNode) (v T, ok bool) {
	if value, is := n.(ast.NodeValue); is {
		v, ok = value.Value.(T)
	}
	return v, ok
}

// presumes reports whether a condition, as it is put in words, cannot be true of somebody
// or something without what is named.
func presumes(n ast.IsNode, what string) bool {
	switch n := n.(type) {
	case ast.NodeTypeAnd:
		return presumes(n.Left, what) || presumes(n.Right, what)
	case ast.NodeTypeOr:
		return presumes(n.Left, what) && presumes(n.Right, what)
	case ast.NodeTypeEquals, ast.NodeTypeContains, ast.NodeTypeContainsAny, ast.NodeTypeContainsAll, ast.NodeTypeLike,
		ast.NodeTypeLessThan, ast.NodeTypeLessThanOrEqual, ast.NodeTypeGreaterThan, ast.NodeTypeGreaterThanOrEqual, ast.NodeTypeExtensionCall:
		found := false
		ast.Inspect(ast.NewNode(n), func(m ast.IsNode) bool {
			switch m := m.(type) {
			case ast.NodeTypeAccess:
				if of, ok := m.Arg.(ast.NodeTypeVariable); ok && string(of.Name)+"."+string(m.Value) == what {
					found = true
				}
			case ast.NodeTypeGetTag:
				found = found || tagOf(m.BinaryNode) == what
			}
			return true
		})
		return found
	}
	return false
}

// say puts a condition in words, as Cedar where there are none.
func (r *telling) say(n ast.IsNode) saying {
	switch n := n.(type) {
	case ast.NodeTypeAnd:
		parts := r.needed(conjuncts(n, nil))
		if len(parts) == 1 {
			return r.say(parts[0])
		}
		var list []Sentence
		for _, part := range parts {
			list = append(list, r.say(part).within(both))
		}
		return saying{series(list, r.t.and), both}
	case ast.NodeTypeOr:
		var list []Sentence
		for _, c := range r.alternatives(n) {
			list = append(list, c.within(either))
		}
		return saying{series(list, r.t.or), either}
	case ast.NodeTypeNot:
		if s := r.negated(n.Arg); s != nil {
			return saying{s: s}
		}
		inner := r.say(n.Arg)
		return saying{s: fill(r.t.not, r.led(r.t.that, inner.within(single)))}
	}
	if s := r.atom(n); s != nil {
		return saying{s: s}
	}
	return saying{s: fill(r.t.holds, cedarText(r.cedar(n)))}
}

// cedar is a condition as Cedar.
func (r *telling) cedar(n ast.IsNode) string {
	one := ast.Permit()
	one.Conditions = []ast.ConditionType{{Condition: ast.ConditionWhen, Body: n}}
	text := bare(one)
	from, to := strings.IndexByte(text, '{'), strings.LastIndexByte(text, '}')
	return oneLine(text[from+1 : to])
}

// negated says that something is not so, or answers nil.
func (r *telling) negated(n ast.IsNode) Sentence {
	switch n := n.(type) {
	case ast.NodeTypeNot:
		return nil
	case ast.NodeTypeAccess:
		if text, ok := r.t.facts[path(n)]; ok {
			return words(text[1])
		}
	case ast.NodeTypeHas, ast.NodeTypeHasTag:
		return r.present(n, 1)
	}
	return nil
}

// path names an attribute: "resource.queue", or "".
func path(n ast.IsNode) string {
	a, ok := n.(ast.NodeTypeAccess)
	if !ok {
		return ""
	}
	of, ok := a.Arg.(ast.NodeTypeVariable)
	if !ok {
		return ""
	}
	return string(of.Name) + "." + string(a.Value)
}

// present says that something is there, or with 1 that it is not, or answers nil.
func (r *telling) present(n ast.IsNode, side int) Sentence {
	switch n := n.(type) {
	case ast.NodeTypeHas:
		if text, ok := r.t.terms[presence(n)]; ok {
			return fill(r.t.known[side], words(text))
		}
	case ast.NodeTypeHasTag:
		of, ok := n.Left.(ast.NodeTypeVariable)
		name, isText := valueOf[types.String](n.Right)
		if text, known := r.t.tagged[string(of.Name)]; ok && isText && known {
			return fill(text[side], r.quoted(name))
		}
	}
	return nil
}

func (r *telling) tag(n ast.BinaryNode) Sentence {
	of, ok := n.Left.(ast.NodeTypeVariable)
	name, isText := valueOf[types.String](n.Right)
	text, known := r.t.tags[string(of.Name)]
	if !ok || !isText || !known {
		return nil
	}
	return fill(text, r.quoted(name))
}

// term names a single value, or answers nil.
func (r *telling) term(n ast.IsNode) Sentence {
	switch n := n.(type) {
	case ast.NodeValue:
		switch v := n.Value.(type) {
		case types.String:
			return r.quoted(v)
		case types.Long:
			return Sentence{{Text: strconv.FormatInt(int64(v), 10), Form: PieceName}}
		}
	case ast.NodeTypeAccess:
		at := path(n)
		if text, ok := r.t.terms[at]; ok && !isSet[at] {
			return words(text)
		}
	case ast.NodeTypeGetTag:
		if of, ok := n.Left.(ast.NodeTypeVariable); ok && of.Name == "resource" {
			return r.tag(n.BinaryNode)
		}
	}
	return nil
}

// isSet are the attributes with several values.
var isSet = map[string]bool{"principal.aliases": true, "principal.queues": true, "principal.supervises": true, "resource.classes": true}

// set names a set of values, and how the verb goes with it, or answers nil.
func (r *telling) set(n ast.IsNode) (Sentence, string) {
	switch n := n.(type) {
	case ast.NodeTypeAccess:
		if at := path(n); isSet[at] {
			return words(r.t.terms[at]), r.t.include[1]
		}
	case ast.NodeTypeGetTag:
		if of, ok := n.Left.(ast.NodeTypeVariable); ok && of.Name == "principal" {
			return r.tag(n.BinaryNode), r.t.include[0]
		}
	}
	return nil, ""
}

// elements are the values that a set written in the policy has.
func elements(n ast.IsNode) ([]types.Value, bool) {
	var out []types.Value
	switch n := n.(type) {
	case ast.NodeTypeSet:
		for _, e := range n.Elements {
			v, ok := e.(ast.NodeValue)
			if !ok {
				return nil, false
			}
			out = append(out, v.Value)
		}
	case ast.NodeValue:
		s, ok := n.Value.(types.Set)
		if !ok {
			return nil, false
		}
		out = s.Slice()
		slices.SortFunc(out, func(a, b types.Value) int {
			return strings.Compare(string(a.MarshalCedar()), string(b.MarshalCedar()))
		})
	default:
		return nil, false
	}
	return out, len(out) > 0
}

// texts names the strings of a set, or answers nil.
func (r *telling) texts(n ast.IsNode) []Sentence {
	var out []Sentence
	all, _ := elements(n)
	for _, v := range all {
		s, ok := v.(types.String)
		if !ok {
			return nil
		}
		out = append(out, r.quoted(s))
	}
	return out
}

// uids names the entities of one type in a set, or the one entity.
func uids(n ast.IsNode, kind types.EntityType) []Sentence {
	if one, ok := valueOf[types.EntityUID](n); ok {
		if one.Type != kind {
			return nil
		}
		return []Sentence{entityName(one)}
	}
	var out []Sentence
	all, _ := elements(n)
	for _, v := range all {
		uid, ok := v.(types.EntityUID)
		if !ok || uid.Type != kind {
			return nil
		}
		out = append(out, entityName(uid))
	}
	return out
}

func isVariable(n ast.IsNode, name types.String) bool {
	v, ok := n.(ast.NodeTypeVariable)
	return ok && v.Name == name
}

// atom says a condition that is not joined from others, or answers nil.
func (r *telling) atom(n ast.IsNode) Sentence {
	t := r.t
	switch n := n.(type) {
	case ast.NodeTypeAccess:
		if text, ok := t.facts[path(n)]; ok {
			return words(text[0])
		}
	case ast.NodeTypeHas, ast.NodeTypeHasTag:
		return r.present(n, 0)
	case ast.NodeTypeEquals:
		return r.equals(n.BinaryNode)
	case ast.NodeTypeNotEquals:
		if a, b := r.term(n.Left), r.term(n.Right); a != nil && b != nil {
			return fill(t.differs, a, b)
		}
	case ast.NodeTypeContains:
		return r.contains(n.BinaryNode)
	case ast.NodeTypeContainsAny:
		if of, verb := r.set(n.Left); of != nil {
			if list := r.texts(n.Right); list != nil {
				return fill(verb, of, series(list, t.or))
			}
		}
	case ast.NodeTypeContainsAll:
		if of, verb := r.set(n.Left); of != nil {
			if list := r.texts(n.Right); list != nil {
				return fill(verb, of, series(list, t.and))
			}
		}
	case ast.NodeTypeIn:
		switch {
		case isVariable(n.Left, "principal"):
			if list := uids(n.Right, typeGroup); list != nil {
				return fill(t.isIn, series(list, t.or))
			}
			if list := uids(n.Right, typePrincipal); list != nil {
				return fill(t.theyAre, series(list, t.or))
			}
		case isVariable(n.Left, "resource") && slices.Equal(r.kinds, []types.EntityType{typeObject}):
			if list := uids(n.Right, typeBucket); list != nil {
				return fill(t.liesIn, series(list, t.or))
			}
		}
	case ast.NodeTypeIs:
		if text, ok := t.is[n.EntityType]; ok && isVariable(n.Left, "resource") {
			return words(text)
		}
	case ast.NodeTypeLike:
		return r.like(n)
	case ast.NodeTypeLessThan:
		return r.compared(0, n.BinaryNode)
	case ast.NodeTypeLessThanOrEqual:
		return r.compared(1, n.BinaryNode)
	case ast.NodeTypeGreaterThan:
		return r.compared(2, n.BinaryNode)
	case ast.NodeTypeGreaterThanOrEqual:
		return r.compared(3, n.BinaryNode)
	case ast.NodeTypeExtensionCall:
		if n.Name == "isInRange" && len(n.Args) == 2 && path(n.Args[0]) == "context.source" {
			if ip, ok := address(n.Args[1]); ok {
				return fill(t.comesFrom, Sentence{{Text: ip, Form: PieceName}})
			}
		}
	}
	return nil
}

func (r *telling) equals(n ast.BinaryNode) Sentence {
	t := r.t
	switch {
	case isVariable(n.Left, "principal"):
		if list := uids(n.Right, typePrincipal); list != nil {
			if _, one := valueOf[types.EntityUID](n.Right); one {
				return fill(t.theyAre, list[0])
			}
		}
		return nil
	case isVariable(n.Left, "resource"):
		if uid, ok := valueOf[types.EntityUID](n.Right); ok {
			if text, ok := t.isThe[uid.Type]; ok {
				return fill(text, entityName(uid))
			}
		}
		return nil
	case path(n.Left) == "principal.kind":
		if kind, ok := valueOf[types.String](n.Right); ok {
			if text, ok := t.kindOf[string(kind)]; ok {
				return words(text)
			}
		}
	}
	if a, b := r.term(n.Left), r.term(n.Right); a != nil && b != nil {
		return fill(t.equal, a, b)
	}
	return nil
}

func (r *telling) contains(n ast.BinaryNode) Sentence {
	t := r.t
	if of, verb := r.set(n.Left); of != nil {
		x := r.term(n.Right)
		if x == nil {
			return nil
		}
		if _, is := n.Right.(ast.NodeValue); is {
			return fill(verb, of, x)
		}
		return fill(t.among, x, of)
	}
	if isVariable(n.Right, "principal") {
		if list := uids(n.Left, typePrincipal); list != nil {
			return fill(t.theyAre, series(list, t.or))
		}
		return nil
	}
	if list, x := r.texts(n.Left), r.term(n.Right); list != nil && x != nil {
		return fill(t.equal, x, series(list, t.or))
	}
	return nil
}

// like says a pattern, in words where stars stand at its ends only.
func (r *telling) like(n ast.NodeTypeLike) Sentence {
	of := r.term(n.Arg)
	if of == nil {
		return nil
	}
	pattern := string(n.Value.MarshalCedar())
	inner := pattern[1 : len(pattern)-1]
	front, back := strings.HasPrefix(inner, "*"), strings.HasSuffix(inner, "*") && len(inner) > 1
	middle := strings.TrimPrefix(inner, "*")
	if back {
		middle = strings.TrimSuffix(middle, "*")
	}
	if strings.ContainsAny(middle, `*\`) || !quotable(middle) {
		return fill(r.t.matches, of, cedarText(pattern))
	}
	form := 0
	switch {
	case front && back:
		form = 3
	case front:
		form = 2
	case back:
		form = 1
	}
	return fill(r.t.like[form], of, r.quoted(types.String(middle)))
}

// compared says an order: 0 less, 1 at most, 2 more, 3 at least.
func (r *telling) compared(how int, n ast.BinaryNode) Sentence {
	left, right := n.Left, n.Right
	t := r.t
	if rank(left) < rank(right) {
		left, right, how = right, left, (how+2)%4
	}
	switch {
	case path(left) == "context.time" && isCall(right, "offset"):
		call := right.(ast.NodeTypeExtensionCall)
		if len(call.Args) != 2 || path(call.Args[0]) != "resource.created" {
			return nil
		}
		d, ok := duration(call.Args[1])
		if !ok || d < 0 {
			return nil
		}
		return fill(t.age[how], r.span(d))
	case path(left) == "context.time", path(left) == "resource.created":
		at, ok := moment(right)
		if !ok {
			return nil
		}
		return fill(t.moment[how], words(t.terms[path(left)]), Sentence{{Text: at, Form: PieceName}})
	case isCall(left, "toTime"):
		call := left.(ast.NodeTypeExtensionCall)
		d, ok := duration(right)
		if len(call.Args) != 1 || path(call.Args[0]) != "context.time" || !ok || d < 0 || d >= 24*time.Hour {
			return nil
		}
		return fill(t.hour[how], Sentence{{Text: timeOfDay(d), Form: PieceName}})
	}
	if a, b := r.term(left), r.term(right); a != nil && b != nil {
		return fill(t.order[how], a, b)
	}
	return nil
}

// rank puts what a comparison is about before what it is held against.
func rank(n ast.IsNode) int {
	switch n := n.(type) {
	case ast.NodeValue:
		return 0
	case ast.NodeTypeExtensionCall:
		if n.Name == "toTime" {
			return 4
		}
		return 1
	}
	switch path(n) {
	case "context.time":
		return 4
	case "resource.created":
		return 3
	}
	return 2
}

func isCall(n ast.IsNode, name string) bool {
	call, ok := n.(ast.NodeTypeExtensionCall)
	return ok && string(call.Name) == name
}

// argument is the one text that an extension is made from.
func argument(n ast.IsNode, name string) (string, bool) {
	call, ok := n.(ast.NodeTypeExtensionCall)
	if !ok || string(call.Name) != name || len(call.Args) != 1 {
		return "", false
	}
	s, ok := valueOf[types.String](call.Args[0])
	return string(s), ok
}

func address(n ast.IsNode) (string, bool) {
	if v, ok := valueOf[types.IPAddr](n); ok {
		return v.String(), true
	}
	text, ok := argument(n, "ip")
	if !ok {
		return "", false
	}
	v, err := types.ParseIPAddr(text)
	return v.String(), err == nil
}

func moment(n ast.IsNode) (string, bool) {
	if v, ok := valueOf[types.Datetime](n); ok {
		return v.String(), true
	}
	text, ok := argument(n, "datetime")
	if !ok {
		return "", false
	}
	v, err := types.ParseDatetime(text)
	return v.String(), err == nil
}

func duration(n ast.IsNode) (time.Duration, bool) {
	v, ok := valueOf[types.Duration](n)
	if !ok {
		text, is := argument(n, "duration")
		if !is {
			return 0, false
		}
		var err error
		if v, err = types.ParseDuration(text); err != nil {
			return 0, false
		}
	}
	d, err := v.Duration()
	return d, err == nil
}

// span is a length of time, in the greatest units that say it exactly.
func (r *telling) span(d time.Duration) Sentence {
	var parts []string
	for i, unit := range [...]time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second, time.Millisecond} {
		if n := d / unit; n > 0 {
			one, more, _ := strings.Cut(r.t.units[i], "|")
			if n > 1 {
				one = more
			}
			parts = append(parts, fmt.Sprintf("%d\u00a0%s", n, one))
			d -= n * unit
		}
	}
	if len(parts) == 0 {
		parts = []string{"0\u00a0ms"}
	}
	return words(enumerate(parts, r.t.and))
}

// timeOfDay is a time of day.
func timeOfDay(d time.Duration) string {
	at := time.Time{}.Add(d)
	switch {
	case d%time.Minute == 0:
		return at.Format("15:04")
	case d%time.Second == 0:
		return at.Format("15:04:05")
	}
	return at.Format("15:04:05.000")
}

// Concerns answers whom a policy is for: "group" or "principal" and its name, or "" where it
// is for everybody, or its text alone can say.
func (s *Set) Concerns(id string) (kind, name string) {
	p := s.policies[id]
	if p == nil {
		return "", ""
	}
	var uid types.EntityUID
	switch of := (*ast.Policy)(p.compiled.AST()).Principal.(type) {
	case ast.ScopeTypeEq:
		uid = of.Entity
	case ast.ScopeTypeIn:
		uid = of.Entity
	case ast.ScopeTypeIsIn:
		uid = of.Entity
	}
	switch uid.Type {
	case typeGroup:
		return "group", string(uid.ID)
	case typePrincipal:
		return "principal", string(uid.ID)
	}
	return "", ""
}

// ActionWords says an action in a few words, its name where there are none.
func ActionWords(action strongroom.Action, lang string) string {
	t, ok := tongues[lang]
	if !ok {
		t = &inEnglish
	}
	if act := t.acts[action]; act.room != "" {
		return act.room
	} else if act.next != "" {
		return act.next
	}
	return string(action)
}

// DeedWords says an action with what it is done to, so that two actions differ: "delete a
// bucket", in French "supprimer un compartiment"; its name where there are no words.
func DeedWords(action strongroom.Action, lang string) string {
	t, ok := tongues[lang]
	if !ok {
		t = &inEnglish
	}
	act, of := t.acts[action], roomSchema().Actions[types.NewEntityUID(typeAction, types.String(action))].AppliesTo
	if act.room != "" {
		return act.room
	}
	for _, kind := range []types.EntityType{typeObject, typeBucket} {
		if act.first != "" && of != nil && slices.Contains(of.Resources, kind) {
			var out string
			for _, piece := range fill(t.contracted(act.first, words(t.a[kind]))) {
				out += piece.Text
			}
			return out
		}
	}
	return string(action)
}

// ObligationWords names what would have to be given.
func ObligationWords(list []strongroom.Obligation, lang string) string {
	v, ok := voices[lang]
	if !ok {
		v = &english
	}
	return v.obligations(list)
}

// Actions lists the actions that policies can speak of, in order of their names.
func Actions() []strongroom.Action {
	var out []strongroom.Action
	for _, name := range actionNames() {
		out = append(out, strongroom.Action(name))
	}
	return out
}

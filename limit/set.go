// Package limit decides who may do what, by Cedar policies that the room keeps.
// A Set is a compiled policy set, checked against the schema when it is loaded;
// Decide answers a question from the question alone, without clock or I/O, so
// that every recorded decision can be made again. Whatever no policy permits is
// denied, a forbid outweighs every permit, and a policy that cannot be evaluated
// denies: in Cedar itself a failing forbid would merely stop forbidding.
// Permits may ask something of the asker (a purpose, a ticket, an approval, the
// scrubbed copy); they hold only once that is met.
package limit

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"

	"strongroom"
)

// What Parse accepts. The bounds on one policy keep the depth of recursion,
// in parsing as in evaluation, small.
const (
	MaxText     = 1 << 20
	MaxPolicies = 10_000

	maxPolicyText = 16 << 10
	maxNesting    = 64
	maxChain      = 16 // of a.b.c: "has a.b.c" costs the square of its length
	maxFaults     = 10
)

var (
	//go:embed schema.cedarschema
	schemaText []byte
	//go:embed default.cedar
	defaultText []byte
)

// Set is a compiled policy set. It does not change, and is safe for concurrent use.
type Set struct {
	text     string
	hash     string
	policies map[string]*policy
	index    map[scope][]*policy
	needs    needs
}

// policy is one policy of a set. Position in the text orders candidates.
type policy struct {
	id       string
	line     int
	requires []strongroom.Obligation // in the order of obligationOrder
	facts    []string                // of an object, that it mentions
	compiled *cedar.Policy
}

// scope is where the index keeps a policy; an empty name means any. A policy
// lies under exactly one scope per action it covers.
type scope struct {
	action    strongroom.Action
	group     bool // principal names a group
	principal string
	bucket    string
	queue     string
}

var roomSchema = sync.OnceValue(func() *resolved.Schema {
	var s schema.Schema
	s.SetFilename("schema.cedarschema")
	if err := s.UnmarshalCedar(schemaText); err != nil {
		panic("limit: reading the embedded schema: " + err.Error())
	}
	r, err := s.Resolve()
	if err != nil {
		panic("limit: resolving the embedded schema: " + err.Error())
	}
	return r
})

// Schema returns the Cedar schema that every set is checked against.
func Schema() []byte { return slices.Clone(schemaText) }

var defaultSet = sync.OnceValue(func() *Set {
	s, err := Parse(defaultText)
	if err != nil {
		panic("limit: the embedded default policies: " + err.Error())
	}
	return s
})

// Default returns the set that a new room starts with.
func Default() *Set { return defaultSet() }

// Text returns the policies as they were given to Parse.
func (s *Set) Text() []byte { return []byte(s.text) }

// Hash returns the hexadecimal SHA-256 of the text.
func (s *Set) Hash() string { return s.hash }

// Len returns how many policies the set has.
func (s *Set) Len() int { return len(s.policies) }

// Policy is one policy of a set, as a list shows it.
type Policy struct {
	ID       string   `json:"id"`
	Effect   string   `json:"effect"` // permit or forbid
	Requires []string `json:"requires,omitempty"`
	Line     int      `json:"line"`
}

// Policies lists the policies in the order of the text.
func (s *Set) Policies() []Policy {
	var out []Policy
	for _, p := range s.policies {
		face := Policy{ID: p.id, Effect: "forbid", Line: p.line}
		if p.compiled.Effect() == cedar.Permit {
			face.Effect = "permit"
		}
		for _, r := range p.requires {
			face.Requires = append(face.Requires, string(r))
		}
		out = append(out, face)
	}
	slices.SortFunc(out, func(a, b Policy) int { return cmp.Or(a.Line-b.Line, strings.Compare(a.ID, b.ID)) })
	return out
}

// Written answers a policy of the set as it is written, and what its @description says.
func (s *Set) Written(id string) (text, description string) {
	p := s.policies[id]
	if p == nil {
		return "", ""
	}
	return s.policyText(id), string(p.compiled.Annotations()["description"])
}

// Fault is one thing that is wrong with a text of policies.
type Fault struct {
	Line, Column int // from 1; 0 where not known
	Message      string
	Detail       string // what Cedar's parser said, in its English; "" where it said nothing
}

func (f *Fault) Error() string {
	if f.Detail == "" {
		return f.Message
	}
	return fmt.Sprintf("line %d, column %d: %s (Cedar: %s)", f.Line, f.Column, f.Message, f.Detail)
}

// Faults answers what an error of Parse says, one by one.
func Faults(err error) []Fault {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var out []Fault
		for _, one := range many.Unwrap() {
			out = append(out, Faults(one)...)
		}
		return out
	}
	if f, ok := errors.AsType[*Fault](err); ok {
		if f.Detail != "" {
			return []Fault{*f}
		}
		return []Fault{{Line: f.Line, Column: f.Column, Message: err.Error()}}
	}
	return []Fault{{Message: err.Error()}}
}

func faultAt(line int, format string, args ...any) error {
	return &Fault{Line: line, Message: fmt.Sprintf("line %d: ", line) + fmt.Sprintf(format, args...)}
}

// Parse compiles the policies in text and checks them against the schema. Every
// policy needs an @id of its own; it may have @requires and @description. The
// error lists what is wrong, in which policy and on which line, and what to do.
func Parse(text []byte) (*Set, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("the policies have %d bytes, more than the %d allowed; merge policies that differ only in a name into one that names a group", len(text), MaxText)
	}
	if !utf8.Valid(text) {
		return nil, errors.New("the policies are not valid UTF-8; save the file in UTF-8 and try again")
	}
	if err := checkShape(text); err != nil {
		return nil, err
	}
	list, err := cedar.NewPolicyListFromBytes("", text)
	if err != nil {
		return nil, syntaxFault(text, err)
	}
	if len(list) == 0 {
		return nil, errors.New(`the text holds no policy; to deny everything, say so: @id("nothing") forbid (principal, action, resource);`)
	}

	sum := sha256.Sum256(text)
	s := &Set{
		text:     string(text),
		hash:     hex.EncodeToString(sum[:]),
		policies: make(map[string]*policy, len(list)),
		index:    map[scope][]*policy{},
	}
	check := validate.New(roomSchema())
	var mentioned mentions
	var faults []error
	for i, compiled := range list {
		p, err := newPolicy(compiled, check)
		if err == nil {
			if first, ok := s.policies[p.id]; ok {
				err = fmt.Errorf("line %d has the same @id already; every policy needs its own", first.line)
			}
		}
		if err != nil {
			faults = append(faults, &Fault{Line: compiled.Position().Line, Column: compiled.Position().Column, Message: naming(compiled, i) + ": " + err.Error()})
			if len(faults) == maxFaults {
				faults = append(faults, fmt.Errorf("the rest was not looked at"))
				break
			}
			continue
		}
		s.policies[p.id] = p
		for _, at := range scopesOf(compiled) {
			s.index[at] = append(s.index[at], p)
		}
		mentioned.add(compiled)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	s.needs = mentioned.needs()
	return s, nil
}

// mentions gathers the attributes that policies name, of whatever entity.
type mentions struct {
	names map[types.String]bool
	tags  bool
}

func (m *mentions) add(compiled *cedar.Policy) {
	if m.names == nil {
		m.names = map[types.String]bool{}
	}
	for _, condition := range (*ast.Policy)(compiled.AST()).Conditions {
		ast.Inspect(ast.NewNode(condition.Body), func(n ast.IsNode) bool {
			switch n := n.(type) {
			case ast.NodeTypeAccess:
				m.names[n.Value] = true
			case ast.NodeTypeHas:
				m.names[n.Value] = true
			case ast.NodeTypeGetTag, ast.NodeTypeHasTag:
				m.tags = true
			}
			return true
		})
	}
}

func (m *mentions) needs() needs {
	among := func(all []attribute) (some []attribute) {
		for _, a := range all {
			if m.names[a.name] {
				some = append(some, a)
			}
		}
		return some
	}
	return needs{principal: among(principalAttributes), bucket: among(bucketAttributes), object: among(objectAttributes), tags: m.tags}
}

// checkShape bounds the number of policies, the size of each and how deep its
// brackets nest, before a recursive parser sees them. A semicolon outside
// strings and comments ends a policy.
func checkShape(text []byte) error {
	line, start, depth, chain, policies := 1, 0, 0, 0, 0
	blank := true
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\n':
			line++
			if blank {
				start = i + 1
			}
		case '"':
			blank = false
			for i++; i < len(text) && text[i] != '"'; i++ {
				switch text[i] {
				case '\\':
					i++
				case '\n':
					line++
				}
			}
		case '/':
			if i+1 < len(text) && text[i+1] == '/' {
				for i+1 < len(text) && text[i+1] != '\n' {
					i++
				}
				if blank {
					start = i + 1
				}
			}
		case '.':
			if chain++; chain > maxChain {
				return faultAt(line, "a chain of more than %d names; no attribute lies that deep", maxChain)
			}
		case '(', '[', '{':
			blank, chain = false, 0
			if depth++; depth > maxNesting {
				return faultAt(line, "brackets nest deeper than %d; split the policy", maxNesting)
			}
		case ')', ']', '}':
			depth--
		case ';':
			if policies++; policies > MaxPolicies {
				return faultAt(line, "more than the %d policies allowed; merge policies that differ only in a name into one that names a group", MaxPolicies)
			}
			start, depth, chain, blank = i+1, 0, 0, true
		case ' ', '\t', '\r':
			if blank {
				start = i + 1
			}
		default:
			blank = false
			if !(c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf) {
				chain = 0
			}
		}
		if i-start >= maxPolicyText {
			return faultAt(line, "a policy is longer than the %d bytes allowed; split it", maxPolicyText)
		}
	}
	return nil
}

func naming(p *cedar.Policy, i int) string {
	line := p.Position().Line
	if id := string(p.Annotations()["id"]); validID(id) == nil {
		return fmt.Sprintf("policy %q (line %d)", id, line)
	}
	return fmt.Sprintf("policy %d of the text (line %d)", i+1, line)
}

func newPolicy(compiled *cedar.Policy, check *validate.Validator) (*policy, error) {
	p := &policy{line: compiled.Position().Line, compiled: compiled}
	notes := compiled.Annotations()
	for _, name := range slices.Sorted(annotationNames(notes)) {
		switch name {
		case "id", "requires", "description":
		default:
			return nil, fmt.Errorf("the annotation @%s is not known; use @id, @requires or @description", name)
		}
	}
	id, ok := notes["id"]
	if !ok {
		return nil, errors.New(`it has no @id; put one before it, for instance @id("supervisors-replay-their-queues")`)
	}
	p.id = string(id)
	if err := validID(p.id); err != nil {
		return nil, err
	}
	if requires, ok := notes["requires"]; ok {
		if compiled.Effect() == cedar.Forbid {
			return nil, errors.New("a forbid cannot have @requires; put the condition into its when clause")
		}
		var err error
		if p.requires, err = parseObligations(string(requires)); err != nil {
			return nil, err
		}
	}
	tree := (*ast.Policy)(compiled.AST())
	if err := check.Policy("", tree); err != nil {
		return nil, schemaFault(err)
	}
	if err := checkHas(tree); err != nil {
		return nil, err
	}
	p.facts = factsIn(compiled, p.requires)
	return p, nil
}

func annotationNames(notes cedar.Annotations) iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range notes {
			if !yield(string(name)) {
				return
			}
		}
	}
}

// validID keeps ids short and plain, since they go into records and sentences.
func validID(id string) error {
	plain := func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '/'
	}
	if len(id) == 0 || len(id) > 128 {
		return fmt.Errorf("its @id has %d characters; give it 1 to 128", len(id))
	}
	for i := range len(id) {
		if !plain(id[i]) {
			return errors.New("its @id has other characters than letters, digits, '-', '_', '.' and '/'; leave them out")
		}
	}
	return nil
}

// obligationOrder ranks obligations from the easiest to meet to the hardest; of
// approvals, fewer come before more.
var obligationOrder = []strongroom.Obligation{
	strongroom.ObligePurpose, strongroom.ObligeTicket, strongroom.ObligeApproval, strongroom.ObligeScrubbedCopy,
}

// obligationNames are the words that @requires and cases may use.
const obligationNames = "purpose, ticket, approval, approval:2 to approval:9, or scrubbed-copy"

// kindOf is the obligation without its number.
func kindOf(o strongroom.Obligation) strongroom.Obligation {
	if o.Approvals() > 0 {
		return strongroom.ObligeApproval
	}
	return o
}

func isObligation(o strongroom.Obligation) bool {
	return slices.Contains(obligationOrder, kindOf(o))
}

func parseObligations(list string) ([]strongroom.Obligation, error) {
	var out []strongroom.Obligation
	for name := range strings.SplitSeq(list, ",") {
		o := strongroom.Obligation(strings.TrimSpace(name))
		if !isObligation(o) {
			return nil, fmt.Errorf("@requires names %q; use %s, with commas between", o, obligationNames)
		}
		if slices.ContainsFunc(out, func(other strongroom.Obligation) bool { return kindOf(other) == kindOf(o) }) {
			return nil, fmt.Errorf("@requires names %q twice; name it once", kindOf(o))
		}
		out = append(out, o)
	}
	slices.SortFunc(out, compareObligations)
	return out, nil
}

func compareObligations(a, b strongroom.Obligation) int {
	return cmp.Or(slices.Index(obligationOrder, kindOf(a))-slices.Index(obligationOrder, kindOf(b)), a.Approvals()-b.Approvals())
}

// schemaFault turns what the validator found into one error with advice.
func schemaFault(err error) error {
	lines := strings.Split(err.Error(), "\n")
	slices.Sort(lines)
	lines = slices.Compact(lines)
	if len(lines) > 3 {
		lines = append(lines[:3], fmt.Sprintf("and %d more", len(lines)-3))
	}
	found := strings.Join(lines, "; ")
	switch has := func(part string) bool { return strings.Contains(found, part) }; {
	case has("unrecognized action"):
		return fmt.Errorf("it names an action that there is not; use one of %s (Cedar: %s)", strings.Join(actionNames(), ", "), found)
	case has("unrecognized entity type"):
		return fmt.Errorf("it names a type that there is not; use Principal, Group, Room, Bucket or Object (Cedar: %s)", found)
	case has("applicable action"):
		return fmt.Errorf("its action does not concern such a principal or resource; see which resources it has in the schema (Cedar: %s)", found)
	case has("optional attribute"):
		return fmt.Errorf("it asks for an attribute that may be absent; ask first whether it is there, for instance resource has queue && resource.queue == … (Cedar: %s)", found)
	case has("tag"):
		return fmt.Errorf("it asks for a tag that may be absent; ask first whether it is there, for instance resource.hasTag(…) && resource.getTag(…) == … (Cedar: %s)", found)
	case has("not found"):
		return fmt.Errorf("it asks for an attribute that there is not; use one of the schema, or narrow the resource (resource is Object); others are tags (Cedar: %s)", found)
	}
	return fmt.Errorf("its parts do not fit together; compare their types with the schema (Cedar: %s)", found)
}

// checkHas refuses "resource has queu": Cedar takes it for false, so that a
// misspelt forbid would never forbid.
func checkHas(p *ast.Policy) (err error) {
	for _, condition := range p.Conditions {
		ast.Inspect(ast.NewNode(condition.Body), func(n ast.IsNode) bool {
			has, ok := n.(ast.NodeTypeHas)
			if !ok || err != nil {
				return err == nil
			}
			if of, ok := has.Arg.(ast.NodeTypeVariable); ok && !hasAttribute(string(of.Name), has.Value) {
				err = fmt.Errorf("no %s has an attribute %q; use one that the schema has (others of a principal or an object are tags: resource.hasTag(…))", of.Name, has.Value)
			}
			return err == nil
		})
	}
	return err
}

func hasAttribute(variable string, name types.String) bool {
	for uid, action := range roomSchema().Actions {
		if variable == "context" {
			if _, ok := action.AppliesTo.Context[name]; ok {
				return true
			}
			continue
		}
		of := action.AppliesTo.Resources
		switch variable {
		case "principal":
			of = action.AppliesTo.Principals
		case "action":
			of = []types.EntityType{uid.Type}
		}
		for _, t := range of {
			if _, ok := roomSchema().Entities[t].Shape[name]; ok {
				return true
			}
		}
	}
	return false
}

func actionNames() []string {
	var names []string
	for uid := range roomSchema().Actions {
		names = append(names, string(uid.ID))
	}
	slices.Sort(names)
	return names
}

// scopesOf says where the index keeps p: never narrower than where p can match
// or fail, so that looking at the candidates alone answers as looking at all would.
func scopesOf(compiled *cedar.Policy) []scope {
	p := (*ast.Policy)(compiled.AST())
	var at scope
	name := func(uid types.EntityUID) {
		switch uid.Type {
		case typePrincipal:
			at.principal = string(uid.ID)
		case typeGroup:
			at.principal, at.group = string(uid.ID), true
		}
	}
	switch of := p.Principal.(type) {
	case ast.ScopeTypeEq:
		name(of.Entity)
	case ast.ScopeTypeIn:
		name(of.Entity)
	case ast.ScopeTypeIsIn:
		name(of.Entity)
	}
	place := func(uid types.EntityUID) {
		switch uid.Type {
		case typeBucket:
			at.bucket = string(uid.ID)
		case typeObject:
			at.bucket, _, _ = strings.Cut(string(uid.ID), "/")
		}
	}
	switch of := p.Resource.(type) {
	case ast.ScopeTypeEq:
		place(of.Entity)
	case ast.ScopeTypeIn:
		place(of.Entity)
	case ast.ScopeTypeIsIn:
		place(of.Entity)
	}
	at.queue = queueOf(p)

	var actions []types.EntityUID
	switch of := p.Action.(type) {
	case ast.ScopeTypeEq:
		actions = []types.EntityUID{of.Entity}
	case ast.ScopeTypeIn:
		actions = []types.EntityUID{of.Entity}
	case ast.ScopeTypeInSet:
		actions = of.Entities
	case ast.ScopeTypeAll:
		for uid := range roomSchema().Actions {
			actions = append(actions, uid)
		}
	}
	var all []scope
	for _, uid := range actions {
		at.action = strongroom.Action(uid.ID)
		if !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	return all
}

// queueOf returns the one queue that p can concern, or "": the name in a first
// condition that begins "resource has queue && resource.queue == …". Anything
// after it is then not evaluated for another queue, so cannot fail either.
func queueOf(p *ast.Policy) string {
	if len(p.Conditions) == 0 || p.Conditions[0].Condition != ast.ConditionWhen {
		return ""
	}
	terms := conjuncts(p.Conditions[0].Body, nil)
	if len(terms) < 2 {
		return ""
	}
	onResource := func(n ast.StrOpNode) bool {
		of, ok := n.Arg.(ast.NodeTypeVariable)
		return ok && of.Name == "resource" && n.Value == "queue"
	}
	if has, ok := terms[0].(ast.NodeTypeHas); !ok || !onResource(has.StrOpNode) {
		return ""
	}
	equals, ok := terms[1].(ast.NodeTypeEquals)
	if !ok {
		return ""
	}
	if access, ok := equals.Left.(ast.NodeTypeAccess); !ok || !onResource(access.StrOpNode) {
		return ""
	}
	literal, ok := equals.Right.(ast.NodeValue)
	if !ok {
		return ""
	}
	queue, _ := literal.Value.(types.String)
	return string(queue)
}

// conjuncts lists the operands of a chain of && in the order of evaluation.
func conjuncts(n ast.IsNode, to []ast.IsNode) []ast.IsNode {
	if and, ok := n.(ast.NodeTypeAnd); ok {
		return conjuncts(and.Right, conjuncts(and.Left, to))
	}
	return append(to, n)
}

// candidates are the policies that can concern one question. A policy may occur
// twice when the principal names a group twice.
type candidates []*policy

// All implements cedar.PolicyIterator.
func (c candidates) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, p := range c {
			if !yield(cedar.PolicyID(p.id), p.compiled) {
				return
			}
		}
	}
}

func (s *Set) candidates(q *strongroom.Question) candidates {
	var found candidates
	queue := q.Resource.Attributes["queue"]
	look := func(at scope) {
		found = append(found, s.index[at]...)
		if queue != "" {
			at.queue = queue
			found = append(found, s.index[at]...)
			at.queue = ""
		}
		if q.Resource.Bucket != "" {
			at.bucket = q.Resource.Bucket
			found = append(found, s.index[at]...)
			if queue != "" {
				at.queue = queue
				found = append(found, s.index[at]...)
			}
		}
	}
	look(scope{action: q.Action})
	look(scope{action: q.Action, principal: q.Principal.Name})
	for _, group := range q.Principal.Groups {
		look(scope{action: q.Action, group: true, principal: group})
	}
	return found
}

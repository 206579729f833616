package limit

import (
	"maps"
	"slices"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"strongroom"
)

// Facts of an object that decisions may depend on, besides the attributes of the schema.
const (
	FactTags = "tags" // attributes that the schema does not name
	FactName = "name" // which object it is
)

// DependsOn tells on which facts of an object the answer to a question depends, whatever
// object of whatever bucket it is about, as long as everything else in it stays the same:
// attributes of the schema, FactTags, FactName. The bucket, its custody class and the queue
// always count, and are not told. Where "created" is told and FactName is not, no policy asks
// whether it is there: without it, one that needs it cannot be evaluated.
func (s *Set) DependsOn(q *strongroom.Question) []string {
	facts := map[string]bool{}
	for at, some := range s.index {
		switch {
		case at.action != q.Action:
		case at.principal == "", at.group && slices.Contains(q.Principal.Groups, at.principal), !at.group && at.principal == q.Principal.Name:
			for _, p := range some {
				for _, fact := range p.facts {
					facts[fact] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(facts))
}

// factsIn lists the facts of an object that a policy mentions, and perhaps more.
func factsIn(compiled *cedar.Policy, requires []strongroom.Obligation) []string {
	var m mentions
	m.add(compiled)
	facts := map[string]bool{}
	for _, a := range objectAttributes {
		if m.names[a.name] {
			facts[string(a.name)] = true
		}
	}
	if m.tags {
		facts[FactTags] = true
	}
	if slices.Contains(requires, strongroom.ObligeScrubbedCopy) {
		facts["scrubbed"] = true
	}
	named := func(uid types.EntityUID) {
		if uid.Type == typeObject {
			facts[FactName] = true
		}
	}
	tree := (*ast.Policy)(compiled.AST())
	switch of := tree.Resource.(type) {
	case ast.ScopeTypeEq:
		named(of.Entity)
	case ast.ScopeTypeIn:
		named(of.Entity)
	case ast.ScopeTypeIsIn:
		named(of.Entity)
	}
	for _, condition := range tree.Conditions {
		ast.Inspect(ast.NewNode(condition.Body), func(n ast.IsNode) bool {
			switch n := n.(type) {
			case ast.NodeValue:
				if uid, ok := n.Value.(types.EntityUID); ok {
					named(uid)
				}
			case ast.NodeTypeHas:
				if n.Value == "created" { // whether there is one decides
					facts[FactName] = true
				}
			}
			return true
		})
	}
	return slices.Sorted(maps.Keys(facts))
}

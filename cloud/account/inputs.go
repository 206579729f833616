package account

import (
	"maps"
	"slices"
)

// input is one kind of answer that AWS gives.
type input struct {
	Name    string // stable: docs/cloud.md lists it
	Command string // makes it
	Means   string // what is unknown without it
}

var inputs = map[string]*input{
	"authorization-details": {
		Name:    "authorization-details",
		Command: "aws iam get-account-authorization-details",
		Means:   "who is in the account and what each may do",
	},
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

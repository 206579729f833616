package limit

import (
	"testing"
	"time"

	"strongroom"
)

// TestIntake: the workload that drains an export bucket stores in its own name only, and
// reads back only what it stored, for a week, and for no other reason.
func TestIntake(t *testing.T) {
	workload := strongroom.Principal{ID: id(30), Name: "drain-1", Kind: strongroom.Workload, Groups: []string{"intake"}}
	person := workload
	person.Kind = strongroom.Person
	own := recording("own", noon.Add(-time.Minute), "intake", "drain-1", "queue", "billing")
	const purpose = "intake verification"
	for _, c := range []struct {
		name     string
		who      strongroom.Principal
		action   strongroom.Action
		resource strongroom.Resource
		purpose  string
		want     bool
	}{
		{"stores in its own name", workload, strongroom.ActionStoreObject, own, "", true},
		{"stores in another's", workload, strongroom.ActionStoreObject, recording("x", noon, "intake", "drain-2"), "", false},
		{"stores in nobody's", workload, strongroom.ActionStoreObject, recording("x", noon), "", false},
		{"a person of the group", person, strongroom.ActionStoreObject, own, "", false},
		{"reads back", workload, strongroom.ActionReadObject, own, purpose, true},
		{"looks at what it stored", workload, strongroom.ActionReadMetadata, own, purpose, true},
		{"reads without the purpose", workload, strongroom.ActionReadObject, own, "", false},
		{"reads for another purpose", workload, strongroom.ActionReadObject, own, "curiosity", false},
		{"reads another's", workload, strongroom.ActionReadObject, recording("x", noon, "intake", "drain-2"), purpose, false},
		{"reads what a recorder stored", workload, strongroom.ActionReadObject, recording("x", noon), purpose, false},
		{"reads after a week", workload, strongroom.ActionReadObject, recording("x", noon.Add(-7*24*time.Hour), "intake", "drain-1"), purpose, false},
		{"reads within a week", workload, strongroom.ActionReadObject, recording("x", noon.Add(time.Second-7*24*time.Hour), "intake", "drain-1"), purpose, true},
		{"reads what is not there", workload, strongroom.ActionReadMetadata, resources["absent"], purpose, false},
		{"replaces", workload, strongroom.ActionDeleteObject, own, purpose, false},
		{"lists", workload, strongroom.ActionListObjects, resources["recordings"], purpose, false},
		{"claims a scrubbed copy", workload, strongroom.ActionMarkScrubbed, own, purpose, false},
	} {
		d := Default().Decide(strongroom.Question{
			Action: c.action, Principal: c.who, Resource: c.resource,
			Context: strongroom.Context{Time: noon, Method: "local", Purpose: strongroom.Purpose{Text: c.purpose}},
		})
		if d.Permit != c.want {
			t.Errorf("%s: got %+v", c.name, d)
		}
	}
}

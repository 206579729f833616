package limit

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"strongroom"
)

func TestDependsOn(t *testing.T) {
	s := mustParse(t, `
@id("a") permit (principal in Group::"agents", action == Action::"readMetadata", resource is Object) when { resource has agent && resource.agent == principal.name };
@id("b") permit (principal == Principal::"bob", action, resource is Object) when { resource.hasTag("site") && resource.getTag("site") == "Lyon" };
@id("c") permit (principal, action == Action::"readObject", resource is Object) when { context.time < resource.created.offset(duration("1d")) };
@id("d") permit (principal in Group::"named", action == Action::"readMetadata", resource == Object::"calls/k");
@id("e") permit (principal in Group::"among", action == Action::"readMetadata", resource is Object) when { [Object::"calls/a", Object::"calls/b"].contains(resource) };
`)
	for _, c := range []struct {
		who    strongroom.Principal
		action strongroom.Action
		want   []string
	}{
		{strongroom.Principal{Name: "ann", Groups: []string{"agents"}}, strongroom.ActionReadMetadata, []string{"agent"}},
		{strongroom.Principal{Name: "bob"}, strongroom.ActionReadMetadata, []string{FactTags}},
		{strongroom.Principal{Name: "carol"}, strongroom.ActionReadMetadata, nil},
		{strongroom.Principal{Name: "carol"}, strongroom.ActionReadObject, []string{"created"}},
		{strongroom.Principal{Name: "agents"}, strongroom.ActionReadMetadata, nil},
		{strongroom.Principal{Name: "x", Groups: []string{"named"}}, strongroom.ActionReadMetadata, []string{FactName}},
		{strongroom.Principal{Name: "x", Groups: []string{"among"}}, strongroom.ActionReadMetadata, []string{FactName}},
	} {
		if got := s.DependsOn(&strongroom.Question{Action: c.action, Principal: c.who}); !slices.Equal(got, c.want) {
			t.Errorf("%s of %v depends on %v, want %v", c.action, c.who, got, c.want)
		}
	}
}

// Two objects that agree in what a decision depends on get the same one.
func TestDependsOnEnough(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	groups := []string{"agents", "supervisors", "quality", "vendors", "data-owners", "security-officers", "auditors", "platform-administrators", "recorders"}
	object := func() strongroom.Resource {
		return strongroom.Resource{
			Bucket: pick(r, "calls", "documents"), Key: pick(r, "a", "b"), Version: strongroom.NewID(), Custody: "standard", Size: r.Int64N(9), Created: noon.Add(-time.Duration(r.IntN(60*24)) * time.Hour),
			Attributes: map[string]string{"queue": pick(r, "billing", "support", ""), "agent": pick(r, "p", "q", ""), "kind": pick(r, "call", "screen"), "sample": pick(r, "", "quality"), "vendor": pick(r, "", "v")},
			Label:      strongroom.Label{Confidential: r.IntN(2) == 0, Classes: []string{pick(r, "voice", "card")}}, LegalHold: r.IntN(2) == 0, Scrubbed: r.IntN(2) == 0,
		}
	}
	told := 0
	for range 3000 {
		q := strongroom.Question{
			Action:    pick(r, strongroom.ActionReadMetadata, strongroom.ActionReadObject, strongroom.ActionDeleteObject),
			Principal: strongroom.Principal{ID: strongroom.NewID(), Name: "p", Kind: strongroom.Person, Groups: []string{pick(r, groups...)}, Attributes: map[string][]string{"supervises": {"billing"}, "vendor": {"v"}}},
			Context:   strongroom.Context{Time: noon, Purpose: strongroom.Purpose{Text: pick(r, "", "why")}}, Resource: object(),
		}
		other := q
		other.Resource = object()
		other.Resource.Bucket, other.Resource.Attributes["queue"] = q.Resource.Bucket, q.Resource.Attributes["queue"]
		set := Default()
		for _, fact := range set.DependsOn(&q) {
			switch fact {
			case FactTags:
				for _, tag := range []string{"sample", "vendor"} {
					other.Resource.Attributes[tag] = q.Resource.Attributes[tag]
				}
			case FactName, "key":
				other.Resource.Key = q.Resource.Key
			case "created":
				other.Resource.Created = q.Resource.Created
			case "agent", "kind":
				other.Resource.Attributes[fact] = q.Resource.Attributes[fact]
			case "confidential", "classes":
				other.Resource.Label = q.Resource.Label
			case "legalHold":
				other.Resource.LegalHold = q.Resource.LegalHold
			case "scrubbed":
				other.Resource.Scrubbed = q.Resource.Scrubbed
			case "sampled":
				other.Resource.Version = q.Resource.Version
			}
		}
		a, b := set.Decide(q), set.Decide(other)
		if a.Permit != b.Permit || !slices.Equal(a.Missing, b.Missing) {
			t.Fatalf("%+v and %+v agree in %v and are decided as %+v and %+v", q, other, set.DependsOn(&q), a, b)
		}
		if a.Permit {
			told++
		}
	}
	if told < 100 {
		t.Errorf("only %d questions were permitted: the test tells little", told)
	}
}

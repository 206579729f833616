package limit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go/types"

	"strongroom"
)

func TestParseRefuses(t *testing.T) {
	read := func(condition string) string {
		return `@id("a") permit (principal, action == Action::"readObject", resource) when { ` + condition + ` };`
	}
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "@id(\"p%d\")permit(principal,action,resource);\n", i)
		}
		return b.String()
	}
	// Each says what, where and what to do.
	tests := map[string]struct {
		text string
		want []string
	}{
		"nothing":              {"", []string{"holds no policy", "forbid (principal, action, resource)"}},
		"comments only":        {"// permit\n", []string{"holds no policy"}},
		"syntax":               {"\n\n" + read("resource.size + "), []string{"line 3, column", "stands where a value is expected"}},
		"an open string":       {read(`"abc`), []string{"line 1, column", "does not end on its line"}},
		"no id":                {permitAll + "\npermit (principal, action, resource);", []string{"policy 2 of the text (line 3)", "no @id", "put one before it"}},
		"an empty id":          {`@id permit (principal, action, resource);`, []string{"policy 1 of the text (line 1)", "give it 1 to 128"}},
		"an id of blanks":      {`@id("a b") permit (principal, action, resource);`, []string{"leave them out"}},
		"an id twice":          {permitAll + permitAll, []string{`policy "all" (line 2)`, "line 1 has the same @id", "its own"}},
		"unknown annotation":   {`@id("a") @require("purpose") permit (principal, action, resource);`, []string{`policy "a" (line 1)`, "@require is not known", "@requires"}},
		"unknown obligation":   {`@id("a") @requires("purpose, tickets") permit (principal, action, resource);`, []string{`"tickets"`, "use purpose, ticket, approval, approval:2 to approval:9, or scrubbed-copy"}},
		"no obligation":        {`@id("a") @requires("") permit (principal, action, resource);`, []string{`@requires names ""`}},
		"an obligation twice":  {`@id("a") @requires("ticket,ticket") permit (principal, action, resource);`, []string{"twice"}},
		"a quorum of one":      {`@id("a") @requires("approval:1") permit (principal, action, resource);`, []string{`"approval:1"`, "approval:2 to"}},
		"a quorum of ten":      {`@id("a") @requires("approval:10") permit (principal, action, resource);`, []string{`"approval:10"`}},
		"two quorums":          {`@id("a") @requires("approval,approval:2") permit (principal, action, resource);`, []string{`"approval" twice`}},
		"a number elsewhere":   {`@id("a") @requires("ticket:2") permit (principal, action, resource);`, []string{`"ticket:2"`}},
		"a forbid that asks":   {`@id("a") @requires("ticket") forbid (principal, action, resource);`, []string{"forbid cannot have @requires"}},
		"unknown action":       {`@id("a") permit (principal, action == Action::"openObject", resource);`, []string{`Action::"openObject"`, "use one of", "readObject"}},
		"unknown type":         {`@id("a") permit (principal in Team::"x", action, resource);`, []string{"`Team`", "use Principal, Group"}},
		"unknown in condition": {read(`principal in Team::"x"`), []string{"`Team`"}},
		"unknown attribute":    {read(`principal.team == "x"`), []string{"attribute `team` on entity type `Principal` not found", "the schema"}},
		"unknown has":          {read(`resource has queu`), []string{`"queu"`, "the schema"}},
		"unknown in context":   {read(`context has porpose && context.porpose == "x"`), []string{`"porpose"`}},
		"deeper than any":      {read(`principal has name.first`), []string{"but saw String", "with the schema"}},
		"optional unasked":     {read(`resource.queue == "x"`), []string{"optional attribute `queue`", "ask first", "resource has queue"}},
		"tag unasked":          {read(`resource.getTag("site") == "x"`), []string{"ask first", "hasTag"}},
		"action not for it":    {`@id("a") permit (principal, action == Action::"readObject", resource is Room);`, []string{"applicable action", "schema"}},
		"types differ":         {read(`resource.size == "x"`), []string{"Long", "String"}},
		"no condition":         {read(`resource.size + 1`), []string{"expected Bool"}},
		"not UTF-8":            {read("\"\xff\" == \"\xff\""), []string{"UTF-8"}},
		"too many":             {many(MaxPolicies + 1), []string{"more than the 10000 policies"}},
		"too long":             {strings.Repeat(" ", MaxText+1), []string{"1048577 bytes"}},
		"one too long":         {"\n" + read("true"+strings.Repeat(" && true", maxPolicyText/8)), []string{"line 2", "longer than", "split"}},
		"a long tail":          {permitAll + "@" + strings.Repeat("a", maxPolicyText), []string{"line 2", "longer than"}},
		"too deep":             {read(strings.Repeat("(", maxNesting) + "true" + strings.Repeat(")", maxNesting)), []string{"line 1", "nest deeper"}},
		"a long chain":         {read("context has " + strings.Repeat("a. //\n", maxChain+1) + "a"), []string{"chain of more than 16"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := Parse([]byte(tt.text))
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
			if len(err.Error()) > 8<<10 || time.Since(start) > 5*time.Second {
				t.Errorf("an error of %d bytes after %v", len(err.Error()), time.Since(start))
			}
		})
	}
}

func TestParseNamesEveryFault(t *testing.T) {
	_, err := Parse([]byte(permitAll + `
@id("b") permit (principal, action == Action::"x", resource);
@id("c") permit (principal, action, resource) when { principal.x };
`))
	if err == nil || !strings.Contains(err.Error(), `policy "b" (line 3)`) || !strings.Contains(err.Error(), `policy "c" (line 4)`) || strings.Contains(err.Error(), `"all"`) {
		t.Errorf("got %v", err)
	}
	_, err = Parse([]byte(strings.Repeat("permit (principal, action, resource);\n", 500)))
	if n := strings.Count(err.Error(), "\n"); n != maxFaults {
		t.Errorf("%d lines for 500 faults", n)
	}
}

func TestParseAccepts(t *testing.T) {
	text := strings.Repeat("\n// a comment with \"quotes; and (brackets\n", 2000) +
		`@id("odd") @description("a; \"b\" // c (((") permit (principal, action == Action::"readObject", resource)
		when { resource.key like "a;\"*" || resource.key == "//" || resource.key == "\u{e9}" };` + "\r\n// the end"
	s := mustParse(t, text)
	if s.Len() != 1 {
		t.Errorf("%d policies", s.Len())
	}
	if sum := sha256.Sum256([]byte(text)); s.Hash() != hex.EncodeToString(sum[:]) || string(s.Text()) != text {
		t.Error("hash or text differs from what was given")
	}
	d := s.Decide(reading(func(q *strongroom.Question) { q.Resource.Key = "é" }))
	if !d.Permit || d.PolicySet != s.Hash() || !slices.Equal(d.Policies, []string{"odd"}) {
		t.Errorf("got %+v", d)
	}
	s.Text()[0] = 'x'
	if string(s.Text()) != text {
		t.Error("the set changed through its text")
	}
}

// TestFactsFitTheSchema guards the tables of attributes and the list of actions
// against a schema that says something else.
func TestFactsFitTheSchema(t *testing.T) {
	for typ, table := range map[types.EntityType][]attribute{
		typePrincipal: principalAttributes, typeBucket: bucketAttributes, typeObject: objectAttributes, typeRoom: nil, typeGroup: nil,
	} {
		var names []string
		for _, a := range table {
			names = append(names, string(a.name))
		}
		slices.Sort(names)
		var want []string
		for _, name := range slices.Sorted(maps.Keys(roomSchema().Entities[typ].Shape)) {
			want = append(want, string(name))
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s: the code gives %q, the schema has %q", typ, names, want)
		}
	}
	var actions []string
	for _, a := range allActions {
		actions = append(actions, string(a))
	}
	slices.Sort(actions)
	if !slices.Equal(actions, actionNames()) {
		t.Errorf("actions %q, the schema has %q", actions, actionNames())
	}
}

func FuzzParse(f *testing.F) {
	f.Add(string(defaultText))
	f.Add(permitAll)
	f.Add(`@id("a") forbid (principal in Group::"g", action in [Action::"readObject"], resource is Object in Bucket::"b") unless { if principal has vendor then principal.vendor like "a*" else -1 < resource.size };`)
	f.Add("@id(\"\\\"\") // ;\npermit")
	questions := []strongroom.Question{reading()}
	for _, r := range []string{"room", "recordings", "absent"} {
		questions = append(questions, reading(func(q *strongroom.Question) {
			q.Resource = resources[r]
			q.Action = map[string]strongroom.Action{"room": strongroom.ActionReadPolicy, "recordings": strongroom.ActionListObjects, "absent": strongroom.ActionStoreObject}[r]
		}))
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse([]byte(text))
		if err != nil {
			return
		}
		again, err := Parse(s.Text())
		if err != nil || again.Hash() != s.Hash() || again.Len() != s.Len() {
			t.Fatalf("the text of a set does not give the set again: %v", err)
		}
		for _, q := range questions {
			d := s.Decide(q)
			if d.Permit && (len(d.Policies) == 0 || len(d.Errors) > 0 || len(d.Missing) > 0) {
				t.Fatalf("permitted without a reason: %+v", d)
			}
			if err := Redecide(again, q, d); err != nil {
				t.Fatal(err)
			}
			if other := unsliced(s).Decide(q); Redecide(s, q, other) != nil {
				t.Fatalf("slicing changes the answer: %+v, %+v", d, other)
			}
			s.Explain(q, d, "fr")
		}
	})
}

func TestPoliciesAreListedInTheOrderOfTheText(t *testing.T) {
	listed := Default().Policies()
	if len(listed) < 10 {
		t.Fatalf("the default set lists %d policies", len(listed))
	}
	text, from := string(Default().Text()), 0
	for _, p := range listed {
		at := strings.Index(text[from:], `@id("`+p.ID+`")`)
		if at < 0 {
			t.Fatalf("%s does not follow the policy listed before it", p.ID)
		}
		from += at
	}
}

// Each fault says where it is.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		text  string
		lines [][2]int
	}{
		{"\n\n  permit (principal, action, resource) when { resource.size + };", [][2]int{{3, 63}}},
		{permitAll + "\n@id(\"b\") permit (principal, action == Action::\"fly\", resource);\n  permit (principal, action, resource);", [][2]int{{3, 1}, {4, 3}}},
		{"\npermit (principal, action, resource) when {" + strings.Repeat("(", maxNesting), [][2]int{{2, 0}}},
		{"", [][2]int{{0, 0}}},
	} {
		_, err := Parse([]byte(c.text))
		if err == nil {
			t.Fatalf("%q is accepted", c.text)
		}
		got := Faults(err)
		if len(got) != len(c.lines) {
			t.Fatalf("%q has the faults %+v", c.text, got)
		}
		for i, f := range got {
			if (f.Line != c.lines[i][0]) || (f.Column != c.lines[i][1]) || f.Message == "" {
				t.Errorf("%q: fault %d is %+v, want it at %v", c.text, i, f, c.lines[i])
			}
		}
	}
}

package limit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/limit"
)

const agentsRead = `@id("agents-read") @requires("purpose")
permit (principal in Group::"agents", action in [Action::"readObject", Action::"readMetadata"], resource is Object)
when { resource has queue && principal.queues.contains(resource.queue) };
`

const neverReally = `@id("no-admins")
forbid (principal in Group::"admins", action == Action::"readObject", resource);
`

// questionsOnRecord are some that people asked.
func questionsOnRecord(n int) (out []strongroom.Question) {
	for i := range n {
		out = append(out, strongroom.Question{
			Action: strongroom.ActionReadObject,
			Principal: strongroom.Principal{
				ID: strongroom.ID{9, byte(i)}, Name: fmt.Sprintf("p%d", i%40), Kind: strongroom.Person, Groups: []string{[]string{"agents", "supervisors"}[i%2]},
				Attributes: map[string][]string{"queues": {"billing"}},
			},
			Resource: strongroom.Resource{
				Bucket: "calls", Key: fmt.Sprint("call-", i), Version: strongroom.ID{7, byte(i)}, Custody: "standard", Created: now.Add(-48 * time.Hour),
				Attributes: map[string]string{"kind": "call", "queue": []string{"billing", "loans"}[i/2%2]}, Label: strongroom.Label{Confidential: true},
			},
			Context: strongroom.Context{Time: now, Purpose: strongroom.Purpose{Text: "complaint"}, Method: "sigv4", Secure: true},
		})
	}
	return out
}

var now = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)

func TestCompare(t *testing.T) {
	base := agentsRead + neverReally
	for name, c := range map[string]struct {
		next    string
		verdict limit.Verdict
		shown   bool
		says    string
	}{
		"nothing":                                 {base, limit.Neither, false, ""},
		"comments, order and description":         {"// hello\n" + neverReally + strings.Replace(agentsRead, `@requires`, `@description("as ever") @requires`, 1), limit.Neither, false, ""},
		"other names":                             {strings.ReplaceAll(base, `@id("`, `@id("x-`), limit.Neither, false, ""},
		"a queue less to be in":                   {strings.Replace(base, "&& principal.queues.contains(resource.queue)", `&& resource.queue != ""`, 1), limit.Both, true, "permit agents-read"},
		"the condition gone":                      {strings.Replace(base, "\nwhen { resource has queue && principal.queues.contains(resource.queue) }", "", 1), limit.Loosened, true, "permit agents-read"},
		"no purpose any more":                     {strings.Replace(base, `@requires("purpose")`, "", 1), limit.Loosened, true, "permit agents-read"},
		"an approval more":                        {strings.Replace(base, `@requires("purpose")`, `@requires("purpose, approval")`, 1), limit.Tightened, false, ""},
		"a permit more":                           {base + `@id("all") permit (principal in Group::"supervisors", action == Action::"readObject", resource);`, limit.Loosened, true, "permit all"},
		"a permit for people nobody has seen yet": {base + `@id("night") permit (principal in Group::"night", action == Action::"readObject", resource is Object);`, limit.Loosened, true, "permit night"},
		"a permit that is there already":          {base + `@id("again") @requires("purpose") permit (principal in Group::"agents", action == Action::"readObject", resource is Object) when { resource has queue && principal.queues.contains(resource.queue) };`, limit.Neither, false, ""},
		"a permit less":                           {neverReally, limit.Tightened, false, ""},
		"an action less":                          {strings.Replace(base, `, Action::"readMetadata"]`, "]", 1), limit.Tightened, false, ""},
		"a condition more":                        {strings.Replace(base, "contains(resource.queue) }", `contains(resource.queue) } when { resource.confidential }`, 1), limit.Tightened, false, ""},
		"a forbid less":                           {agentsRead, limit.Loosened, false, "forbid no-admins"}, // nothing permits them anything: only the text shows it
		"a forbid more":                           {base + `@id("none") forbid (principal, action == Action::"readObject", resource);`, limit.Tightened, false, ""},
		"a forbid wider":                          {strings.Replace(base, `principal in Group::"admins"`, "principal", 1), limit.Tightened, false, ""},
		"a permit at an address that nobody has":  {base + `@id("home") permit (principal, action == Action::"readObject", resource is Object) when { context has source && context.source.isInRange(ip("192.0.2.0/24")) };`, limit.Loosened, false, "permit home"},
		"one way and the other":                   {strings.Replace(base, `Group::"agents"`, `Group::"supervisors"`, 1), limit.Both, true, "permit agents-read"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			old, err := limit.Parse([]byte(base))
			if err != nil {
				t.Fatal(err)
			}
			next, err := limit.Parse([]byte(c.next))
			if err != nil {
				t.Fatal(err)
			}
			got := limit.Compare(old, next, questionsOnRecord(80), now)
			if got.Verdict != c.verdict || got.Shown != c.shown || c.says != "" && !slices.Contains(got.Wider, c.says) || c.says == "" && len(got.Wider) > 0 {
				t.Errorf("%+v, want %s (shown %v)", got, c.verdict, c.shown)
			}
			if got.Verdict.Loose() == (got.Sentence() == "") && got.Verdict.Loose() {
				t.Errorf("it says %q", got.Sentence())
			}
			back := limit.Compare(next, old, questionsOnRecord(80), now)
			if mirror := map[limit.Verdict]limit.Verdict{limit.Loosened: limit.Tightened, limit.Tightened: limit.Loosened, limit.Both: limit.Both, limit.Neither: limit.Neither}; back.Verdict != mirror[c.verdict] {
				t.Errorf("back it is %+v", back)
			}
		})
	}
}

// BenchmarkCompare holds the default policies against a change that concerns every read,
// over as many questions as are looked at.
func BenchmarkCompare(b *testing.B) {
	next, err := limit.Parse(append(limit.Default().Text(), `@id("all") permit (principal, action, resource) when { context has source && context.source.isLoopback() };`...))
	if err != nil {
		b.Fatal(err)
	}
	recorded := questionsOnRecord(20_000)
	for b.Loop() {
		if c := limit.Compare(limit.Default(), next, recorded, now); c.Verdict != limit.Loosened {
			b.Fatalf("%+v", c)
		}
	}
}

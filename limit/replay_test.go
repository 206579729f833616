package limit

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom"
)

// event is a decision by set as the ledger has it.
func event(set *Set, index int64, at time.Time, q strongroom.Question) strongroom.Event {
	q.Context.Time = at
	d := set.Decide(q)
	e := strongroom.Event{Index: index, Time: at, Kind: "refusal", Did: string(q.Action), Outcome: strongroom.Refused, Question: &q, Decision: &d, PolicySet: d.PolicySet, Policies: d.Policies}
	if d.Permit {
		e.Kind, e.Outcome = "release", strongroom.Permitted
	}
	return e
}

// history is n decisions of the people and resources of the default policies' test.
func history(n int, seed uint64) []strongroom.Event {
	random := rand.New(rand.NewPCG(seed, 1))
	who, what := slices.Sorted(maps.Keys(people)), slices.Sorted(maps.Keys(resources))
	var out []strongroom.Event
	for i := range n {
		at := noon.Add(time.Duration(i) * time.Minute)
		r := resources[what[random.IntN(len(what))]]
		if !r.Created.IsZero() {
			r.Created = at.AddDate(0, 0, -1)
		}
		q := strongroom.Question{
			Principal: people[who[random.IntN(len(who))]], Resource: r,
			Action:  []strongroom.Action{strongroom.ActionReadObject, strongroom.ActionReadObject, strongroom.ActionReadMetadata, strongroom.ActionStoreObject}[random.IntN(4)],
			Context: strongroom.Context{Method: "sigv4"},
		}
		if r.Key == "" {
			q.Action = []strongroom.Action{strongroom.ActionListObjects, strongroom.ActionReadMetadata}[random.IntN(2)]
			if r.Bucket == "" {
				q.Action = []strongroom.Action{strongroom.ActionListBuckets, strongroom.ActionManagePolicy, strongroom.ActionReadLedger}[random.IntN(3)]
			}
		}
		if random.IntN(2) == 0 {
			q.Context.Purpose.Text = "complaint"
		}
		out = append(out, event(Default(), int64(i), at, q))
	}
	return out
}

// without is the default set without one policy.
func without(t *testing.T, id string) *Set {
	t.Helper()
	d := Default()
	from, to := d.span(id)
	return mustParse(t, d.text[:from]+d.text[to:])
}

func TestReplayNothingChanges(t *testing.T) {
	r := NewReplay(Default(), Default())
	events := history(2000, 1)
	for _, e := range events {
		r.Take(&e)
	}
	report := r.Report()
	if report.Decisions != int64(len(events)) || report.Same != report.Decisions || len(report.Changes) != 0 {
		t.Errorf("the same policies decide otherwise: %+v", report)
	}
}

// What a replay says of each person and object is what deciding every question one by one says.
func TestReplay(t *testing.T) {
	events := history(3000, 2)
	// A forbid goes: some are newly permitted. A permit goes: some are refused. A purpose
	// is asked for where none was.
	set := without(t, "security-officers-never-open-content")
	text := strings.Replace(set.text, `@id("quality-finds-its-sample")`, `@id("quality-finds-its-sample") @requires("ticket")`, 1)
	text = strings.Replace(text, `principal in Group::"recorders",`, `principal in Group::"nobody",`, 1)
	set = mustParse(t, text)

	erased := events[7]
	erased.Question, erased.Decision, erased.Erased, erased.Outcome = nil, nil, true, strongroom.Permitted
	counted := strongroom.Event{Kind: "noise", Counts: map[string]int64{"readObject refused beyond the recorded rate to ab": 5, "unsigned": 3}}
	delivery := strongroom.Event{Kind: "delivery", Bytes: 100}
	r := NewReplay(set, Default())
	for _, e := range append(slices.Clone(events), erased, counted, delivery) {
		r.Take(&e)
	}
	report := r.Report()

	want := map[string]int64{}
	rows := map[string]int64{}
	for _, e := range events {
		now := set.Decide(*e.Question)
		what := "same"
		switch {
		case e.Decision.Permit && !now.Permit && len(now.Missing) > 0:
			what = "asked"
		case e.Decision.Permit && !now.Permit:
			what = "refused"
		case !e.Decision.Permit && now.Permit:
			what = "permitted"
		}
		want[what]++
		if what != "same" {
			rows[fmt.Sprint(what, e.Question.Principal.Name, e.Question.Action, e.Question.Resource.Bucket, e.Question.Resource.Key)]++
		}
	}
	got := map[string]int64{"same": report.Same, "asked": report.Asked, "refused": report.Refused, "permitted": report.Permitted}
	if !maps.Equal(got, want) || want["asked"] == 0 || want["refused"] == 0 || want["permitted"] == 0 {
		t.Errorf("got %v, want %v", got, want)
	}
	if report.Decisions != int64(len(events))+1 || report.Erased != 1 || report.Counted != 5 {
		t.Errorf("%d decisions, %d erased, %d counted only", report.Decisions, report.Erased, report.Counted)
	}
	for _, c := range report.Changes {
		key := fmt.Sprint(c.What, c.Principal, c.Action, c.Bucket, c.Key)
		if rows[key] != c.Count || c.First.After(c.Last) {
			t.Errorf("%+v: want %d", c, rows[key])
		}
		delete(rows, key)
	}
	if len(rows) > 0 {
		t.Errorf("not reported: %v", rows)
	}
}

// What differs from the record because of a change made since is not laid at the new
// policies' door.
func TestReplayAlready(t *testing.T) {
	e := event(Default(), 0, noon, strongroom.Question{
		Action: strongroom.ActionReadMetadata, Principal: people["quality"], Resource: resources["sampled"], Context: strongroom.Context{Method: "sigv4"},
	})
	if !e.Decision.Permit {
		t.Fatal(e.Decision.Reason)
	}
	smaller := without(t, "quality-finds-its-sample")
	r := NewReplay(smaller, smaller)
	r.Take(&e)
	if report := r.Report(); report.Already != 1 || report.Refused != 0 || len(report.Changes) != 0 {
		t.Errorf("%+v", report)
	}
}

func sameSets(hash string) (*Set, error) {
	if hash == Default().Hash() {
		return Default(), nil
	}
	return nil, fmt.Errorf("no set %s", hash)
}

// Whatever is proposed, made all together it refuses nobody anything that they did in the
// window; and it removes what nobody used.
func TestProposalsTakeNothingUsed(t *testing.T) {
	forms := map[string]int{}
	defer func() {
		if forms["narrow-actions"] == 0 || forms["remove-policy"] == 0 {
			t.Errorf("of the forms of proposals came %v", forms)
		}
	}()
	for seed := range uint64(6) {
		events := history([]int{40, 200, 1000}[seed%3], 10+seed)
		u := NewUsage()
		for _, e := range events {
			u.Take(&e)
		}
		report := u.Unused(Default(), slices.Collect(maps.Values(people)), noon, sameSets)
		proposed := u.Propose(Default(), report)
		for _, p := range proposed.Proposals {
			forms[p.Form]++
			text := p.Apply(Default())
			if (text == Default().text) != (p.Diff == "") {
				t.Errorf("%+v comes to\n%s", p, text)
			}
			mustParse(t, text)
		}
		next, err := Parse([]byte(proposed.Text))
		if err != nil {
			t.Fatalf("seed %d: the proposed policies do not compile: %v", seed, err)
		}
		replay := NewReplay(next, Default())
		for _, e := range events {
			replay.Take(&e)
		}
		if r := replay.Report(); r.Refused+r.Asked > 0 || r.Permitted > 0 {
			t.Errorf("seed %d: the proposals would have refused %d, asked %d, permitted %d: %+v", seed, r.Refused, r.Asked, r.Permitted, r.Changes)
		}
		for _, p := range proposed.Proposals {
			if p.Form == "remove-policy" && (next.policies[p.Policy] != nil || report.Policies[slices.IndexFunc(report.Policies, func(u PolicyUse) bool { return u.ID == p.Policy })].Decided != 0) {
				t.Errorf("seed %d: %s is proposed to go", seed, p.Policy)
			}
			if p.Form == "remove-policy" && Default().policies[p.Policy].compiled.Effect() == false {
				t.Errorf("seed %d: the forbid %s is proposed to go", seed, p.Policy)
			}
		}
		for _, keep := range []string{"data-owners-govern-the-room", "administering-is-not-reading", "legal-hold-forbids-deletion"} {
			if next.policies[keep] == nil {
				t.Errorf("seed %d: %s is gone", seed, keep)
			}
		}
		// The very same window finds nothing to propose any more but memberships.
		again := u.Propose(next, u.Unused(next, slices.Collect(maps.Values(people)), noon, func(string) (*Set, error) { return next, nil }))
		for _, p := range again.Proposals {
			if p.Form != "leave-group" {
				t.Errorf("seed %d: proposed again: %+v", seed, p)
			}
		}
	}
}

// What the ledger does not show is not called unused: actions that are decided beside
// another, uses that were erased, what the house does itself, and actions beyond those that
// rights are counted for. Nor is leaving a group proposed that forbids its members something.
func TestProposalsKeepWhatTheLedgerCannotShow(t *testing.T) {
	take := func(name string, action strongroom.Action, r strongroom.Resource) strongroom.Event {
		e := event(Default(), 0, noon, strongroom.Question{Principal: people[name], Action: action, Resource: r, Context: strongroom.Context{Method: "sigv4"}})
		if e.Outcome != strongroom.Permitted {
			t.Fatalf("%s may not %s", name, action)
		}
		return e
	}
	erased := take("owner", strongroom.ActionReadLedger, strongroom.Resource{})
	erased.Question, erased.Decision, erased.Erased = nil, nil, true
	watches := take("auditor", strongroom.ActionReadUsage, strongroom.Resource{})
	for _, history := range [][]strongroom.Event{{watches}, {watches, erased}} {
		u := NewUsage()
		u.See(strongroom.Resource{})
		for _, e := range history {
			u.Take(&e)
		}
		proposed := u.Propose(Default(), u.Unused(Default(), slices.Collect(maps.Values(people)), noon, sameSets))
		next, err := Parse([]byte(proposed.Text))
		if err != nil {
			t.Fatal(err)
		}
		for _, keep := range []string{"machines-tag-what-they-store", "classifier-opens-what-it-classifies", "lifecycle-deletes-what-is-due", "scrubbers-store-and-mark-scrubbed-copies"} {
			if next.policyText(keep) != Default().policyText(keep) {
				t.Errorf("%s is proposed to change", keep)
			}
		}
		if len(history) > 1 && next.policyText("data-owners-govern-the-room") != Default().policyText("data-owners-govern-the-room") {
			t.Error("what decided an erased use is proposed to change")
		}
		for _, p := range proposed.Proposals {
			if p.Form == "leave-group" && (p.Principal == people["auditor"].Name || p.Group == "security-officers" || len(history) > 1) {
				t.Errorf("proposed: %+v", p)
			}
		}
	}
}

// Each diff is one that patch applies, and it then reads as the proposal's own change.
func TestProposalDiffs(t *testing.T) {
	patch, err := exec.LookPath("patch")
	if err != nil {
		t.Skip("there is no patch on this machine")
	}
	u := NewUsage()
	for _, e := range history(60, 3) {
		u.Take(&e)
	}
	proposed := u.Propose(Default(), u.Unused(Default(), nil, noon, sameSets))
	n := 0
	for _, p := range proposed.Proposals {
		if p.Diff == "" {
			continue
		}
		n++
		dir := t.TempDir()
		file := filepath.Join(dir, "policies.cedar")
		if err := os.WriteFile(file, Default().Text(), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(patch, "--fuzz=0", "-p0", "policies.cedar")
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(p.Diff)
		if out, err := cmd.CombinedOutput(); err != nil || bytes.Contains(out, []byte("offset")) {
			t.Fatalf("%s: %v\n%s\n%s", p.Policy, err, out, p.Diff)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		set, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", p.Policy, err)
		}
		if gone := set.policies[p.Policy] == nil; gone != (p.Form == "remove-policy") {
			t.Errorf("%s: %s, and then it is gone: %t", p.Policy, p.Form, gone)
		}
	}
	if n < 5 {
		t.Errorf("only %d diffs", n)
	}
}

// What came into force within the window is too young to be judged.
func TestYoungPoliciesAreKept(t *testing.T) {
	old := without(t, "vendors-see-scrubbed-copies")
	u := NewUsage()
	q := strongroom.Question{Action: strongroom.ActionListBuckets, Principal: people["owner"], Context: strongroom.Context{Method: "sigv4"}}
	first, second := event(old, 0, noon, q), event(Default(), 1, noon.Add(time.Hour), q)
	u.Take(&first)
	u.Take(&second)
	report := u.Unused(Default(), nil, noon, func(hash string) (*Set, error) {
		if hash == old.Hash() {
			return old, nil
		}
		return sameSets(hash)
	})
	for _, p := range report.Policies {
		if young := p.ID == "vendors-see-scrubbed-copies"; young != !p.Since.IsZero() {
			t.Errorf("%s has been in force since %v", p.ID, p.Since)
		}
	}
	for _, p := range u.Propose(Default(), report).Proposals {
		if p.Policy == "vendors-see-scrubbed-copies" {
			t.Error("it is proposed to go, an hour after it came")
		}
	}
}

// What is granted to a person is what the policies permit at best, and what was used is
// what the ledger shows.
func TestUnused(t *testing.T) {
	u := NewUsage()
	for _, r := range resources {
		u.See(r)
	}
	at := noon.Add(time.Hour)
	read := strongroom.Question{Action: strongroom.ActionReadObject, Principal: people["supervisor"], Resource: resources["lea-fresh"], Context: strongroom.Context{Method: "sigv4", Purpose: strongroom.Purpose{Text: "complaint"}}}
	read.Resource.Created = noon
	used := event(Default(), 0, at, read)
	read.Context.Purpose = strongroom.Purpose{}
	refused := event(Default(), 1, at, read)
	u.Take(&used)
	u.Take(&refused)
	report := u.Unused(Default(), []strongroom.Principal{people["supervisor"], people["nobody"], people["agent"]}, noon, sameSets)
	byName := map[string]PersonRights{}
	for _, p := range report.People {
		byName[p.Principal] = p
	}
	ines := byName["ines.martin"]
	if ines.Used != 1 || ines.Granted < 3 || !ines.Last.Equal(at) || report.Permits != 1 {
		t.Errorf("the supervisor: %+v of %d permits", ines, report.Permits)
	}
	for _, r := range ines.Rights {
		if r.Shape.Queue != "billing" && r.Shape.Bucket != "billing" {
			t.Errorf("a right to %+v", r.Shape)
		}
		if r.Used > 0 && (r.Action != strongroom.ActionReadObject || r.Used != 1) {
			t.Errorf("used: %+v", r)
		}
	}
	if n := byName["nadia"]; n.Granted != 0 {
		t.Errorf("nobody's rights: %+v", n)
	}
	lea := byName["lea.roux"]
	own := 0
	for _, r := range lea.Rights {
		if r.Own {
			own++
		}
	}
	if lea.Granted == 0 || own == 0 {
		t.Errorf("the agent's rights: %+v", lea)
	}
}

func BenchmarkReplay(b *testing.B) {
	events := history(4096, 5)
	next := Default()
	for b.Loop() {
		r := NewReplay(next, next)
		for i := range events {
			r.Take(&events[i])
		}
	}
	b.ReportMetric(float64(len(events)*b.N)/b.Elapsed().Seconds(), "decisions/s")
}

// By person and sort of object nothing is lost: counts, objects and the newest time.
func TestReplayByClass(t *testing.T) {
	next := without(t, "quality-replays-its-sample")
	r := NewReplay(next, Default())
	for _, e := range history(3000, 3) {
		r.Take(&e)
	}
	report := r.Report()
	classes := report.ByClass(2)
	var decisions, changed int64
	objects := 0
	for _, c := range classes {
		decisions += c.Count
		objects += c.Objects
		if len(c.Examples) == 0 || len(c.Examples) > 2 || c.Principal == "" || c.Last.IsZero() {
			t.Errorf("a class is %+v", c)
		}
		for _, e := range c.Examples {
			if e.Principal != c.Principal || e.Shape != c.Shape || e.What != c.What || e.Action != c.Action {
				t.Errorf("%+v is an example of %+v", e, c)
			}
		}
	}
	for _, c := range report.Changes {
		changed += c.Count
	}
	if len(classes) == 0 || decisions != changed || objects != len(report.Changes) || decisions != report.Refused+report.Asked+report.Permitted {
		t.Errorf("%d classes of %d decisions and %d objects, of %d and %d", len(classes), decisions, objects, changed, len(report.Changes))
	}
}

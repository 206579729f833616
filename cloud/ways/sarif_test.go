package ways

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"strongroom/cloud/reach"
)

// TestSARIF holds what is written against what SARIF 2.1.0 requires, by the specification's
// section 3: 3.13 (log), 3.14 (run), 3.18-3.19 (tool), 3.49 (rules), 3.27 (results).
func TestSARIF(t *testing.T) {
	r := sample()
	r.Findings = append(r.Findings, reach.Finding{Principal: principal(reach.Role, "eve"), Right: calls, Certainty: reach.Unknown, Chains: []reach.Chain{direct(principal(reach.Role, "eve"), byRole)}, Missing: []string{"bucket-policy"}})
	report := New(load(t, details), r)
	write := func(report *Report) map[string]any {
		var b bytes.Buffer
		if err := report.WriteSARIF(&b, "en", []string{"exports/account.json"}); err != nil {
			t.Fatal(err)
		}
		var log map[string]any
		if err := json.Unmarshal(b.Bytes(), &log); err != nil {
			t.Fatal(err)
		}
		return log
	}
	log := write(report)
	if log["version"] != "2.1.0" || !strings.HasSuffix(log["$schema"].(string), "sarif-schema-2.1.0.json") {
		t.Errorf("version %v, schema %v", log["version"], log["$schema"])
	}
	run := log["runs"].([]any)[0].(map[string]any)
	driver := run["tool"].(map[string]any)["driver"].(map[string]any)
	rules := driver["rules"].([]any)
	if driver["name"] == "" || len(rules) != len(r.Routes) {
		t.Errorf("driver %v with %d rules for %d routes", driver["name"], len(rules), len(r.Routes))
	}
	levels := map[string]string{}
	marks := map[string]bool{}
	for _, x := range run["results"].([]any) {
		res := x.(map[string]any)
		id := res["ruleId"].(string)
		if i := int(res["ruleIndex"].(float64)); rules[i].(map[string]any)["id"] != id {
			t.Errorf("rule %d is not %s", i, id)
		}
		kind, level := res["kind"].(string), res["level"].(string)
		if !slices.Contains([]string{"fail", "open"}, kind) || (kind == "fail") != (level != "none") {
			t.Errorf("%s: kind %s with level %s", id, kind, level)
		}
		message := res["message"].(map[string]any)["text"].(string)
		if message == "" {
			t.Errorf("%s says nothing", id)
		}
		levels[message] = level + " " + kind
		mark := res["partialFingerprints"].(map[string]any)["way/v1"].(string)
		if marks[mark] {
			t.Errorf("two results have the mark %s", mark)
		}
		marks[mark] = true
		uri := res["locations"].([]any)[0].(map[string]any)["physicalLocation"].(map[string]any)["artifactLocation"].(map[string]any)["uri"]
		if uri != "exports/account.json" {
			t.Errorf("%s is at %v", id, uri)
		}
		if flows, ok := res["codeFlows"].([]any); ok && len(flows[0].(map[string]any)["threadFlows"].([]any)[0].(map[string]any)["locations"].([]any)) == 0 {
			t.Errorf("%s has an empty flow", id)
		}
	}
	for message, want := range map[string]string{
		"user alice reads bucket calls (certain)":                            "error fail",
		"user bob reads bucket calls (possible)":                             "warning fail",
		"role eve reads bucket calls (unknown)":                              "none open",
		"Read by an access control list: unknown. the list was not supplied": "none open",
	} {
		if levels[message] != want {
			t.Errorf("%q is %q, not %q, of %v", message, levels[message], want, slices.Sorted(maps.Keys(levels)))
		}
	}
	// The same way keeps its mark when something else changes.
	again := sample()
	again.Findings = again.Findings[1:]
	kept := 0
	for _, x := range write(New(load(t, details), again))["runs"].([]any)[0].(map[string]any)["results"].([]any) {
		if marks[x.(map[string]any)["partialFingerprints"].(map[string]any)["way/v1"].(string)] {
			kept++
		}
	}
	if kept != 2 {
		t.Errorf("%d results kept their marks, not those of bob and of the unknown route", kept)
	}
}

// TestCompareSaysWhatOpenedAndWhy: a statement that is new, one that is gone, a principal that
// is new, and an input that is missing now.
func TestCompareSaysWhatOpenedAndWhy(t *testing.T) {
	then := load(t, strings.Replace(details, `{"Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"},`, "", 1))
	now := load(t, strings.Replace(details, `"sts:*"`, `"sts:GetCallerIdentity"`, 1))
	alice, bob, carol, dave := principal(reach.User, "alice"), principal(reach.User, "bob"), principal(reach.User, "carol"), principal(reach.Role, "content")
	before, after := sample(), sample()
	before.Findings = []reach.Finding{
		{Principal: bob, Right: calls, Certainty: reach.Possible, Chains: []reach.Chain{assume(bob)}},
		{Principal: carol, Right: calls, Certainty: reach.Certain, Chains: []reach.Chain{direct(carol, byRole)}},
		{Principal: dave, Right: calls, Certainty: reach.Certain, Chains: []reach.Chain{direct(dave, byRole)}},
	}
	after.Findings = []reach.Finding{
		{Principal: alice, Right: calls, Certainty: reach.Certain, Chains: []reach.Chain{direct(alice, byInline)}},
		{Principal: dave, Right: calls, Certainty: reach.Unknown, Chains: []reach.Chain{direct(dave, byRole)}, Missing: []string{"bucket-policy"}},
		{Principal: carol, Right: calls, Certainty: reach.Possible, Chains: []reach.Chain{direct(carol, byRole)}},
	}
	before.Routes[1].Status, before.Routes[1].Missing = reach.Closed, nil
	first, second := New(then, before), New(now, after)
	d := Compare(first, second, then, now)
	if len(d.Routes) != 1 || d.Routes[0].ID != "s3-acl" || d.Routes[0].Then != reach.Closed || d.Routes[0].Now != reach.NotKnown {
		t.Errorf("routes: %+v", d.Routes)
	}
	one := func(name string, list []FindingChange, who reach.Principal, kind string) {
		t.Helper()
		if len(list) != 1 || list[0].Principal.ARN != who.ARN {
			t.Errorf("%s: %+v", name, list)
			return
		}
		for _, b := range list[0].Because {
			if b.Kind == kind {
				return
			}
		}
		t.Errorf("%s: because of %+v, not %s", name, list[0].Because, kind)
	}
	one("opened", d.Opened, alice, "statement-new")
	one("closed", d.Closed, bob, "statement-gone")
	one("unknown", d.Unknown, dave, "input-missing")
	one("changed", d.Changed, carol, "untold")
	if b := d.Opened[0].Because[0]; b.Statement == nil || b.Statement.Source.Name != "p1" {
		t.Errorf("it does not say which statement: %+v", b)
	}
	second.Diff = d
	got := printed(t, second, TextOptions{Lang: "en", Top: 20})
	for _, want := range []string{"opened           user alice, reads bucket calls: no → certain", "because statement 1 (Read) of user alice, inline policy p1 is new or was changed", "closed           user bob", "was taken out or changed", "became unknown   role content"} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
	if d := Compare(second, second, now, now); !d.Empty() {
		t.Errorf("nothing changed, and it says %+v", d)
	}
}

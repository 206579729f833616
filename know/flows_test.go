package know

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom"
)

const goodFlows = `version: 1
flows:
  - name: genesys-calls
    from: { system: genesys-cloud, supplier: Genesys }
    via: export bucket acme-export
    to: { bucket: recordings }
    principal: drain
    what: [call, screen]
    owner: ines.martin
    why: calls are kept for complaints
    since: 2026-03-01
    every: 1d
  - name: transcripts
    from: { bucket: recordings }
    to: { system: transcriber, supplier: Verbalio }
  - name: share
    from: { system: crm }
    to: { source: share }
`

func TestParseFlows(t *testing.T) {
	flows, err := ParseFlows("flows.yaml", []byte(goodFlows))
	if err != nil || len(flows) != 3 {
		t.Fatal(flows, err)
	}
	f := flows[0]
	if f.Name != "genesys-calls" || f.From != (End{System: "genesys-cloud", Supplier: "Genesys"}) || f.To.Bucket != "recordings" || f.Principal != "drain" ||
		!slices.Equal(f.What, []string{"call", "screen"}) || f.Every != 24*time.Hour || f.Since.Format(time.DateOnly) != "2026-03-01" || f.Line != 3 {
		t.Errorf("%+v", f)
	}
	if none, err := ParseFlows("f", []byte("version: 1\nflows: []\n")); err != nil || len(none) != 0 {
		t.Error(none, err)
	}
	// What docs/know.md shows is read as it stands there.
	page, err := os.ReadFile("../docs/know.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\n")
	example, _, found := strings.Cut(example, "```")
	if shown, err := ParseFlows("docs/know.md", []byte(example)); err != nil || len(shown) < 3 || !found {
		t.Errorf("the example of the page: %v", err)
	}
}

// Each mistake is told with its place and how to mend it, and nothing is taken.
func TestParseFlowsRefuses(t *testing.T) {
	flow := func(lines string) string { return "version: 1\nflows:\n  - name: a\n" + lines }
	ends := "    from: {system: s}\n    to: {source: x}\n"
	for text, want := range map[string]string{
		"":                                           "f.yaml:1:1: it is empty; begin with",
		"flows: []\n":                                "f.yaml:1:1: it does not say its version; begin with `version: 1`",
		"version: 2\nflows: []\n":                    "f.yaml:1:10: version 2 is not known",
		"version: 1\n":                               "f.yaml:1:1: it has no flows",
		"version: 1\nflows: {}\n":                    "f.yaml:2:8: flows is a set of fields, not a list",
		"version: 1\nversion: 1\nflows: []":          "f.yaml:2:1: the file has the field \"version\" twice",
		"- a\n":                                      "f.yaml:1:1: the file is a list, not fields",
		"version: 1\nflows: []\n---\na: 1":           "there is a second document",
		"version: 1\nflows: [\n":                     "mend the YAML",
		"a: \tb\n\t- c":                              "mend the YAML",
		flow("    form: {system: s}\n"):              "f.yaml:4:5: a flow has no field \"form\"; perhaps \"from\" is meant",
		flow("    xyzzy: 1\n"):                       "there are name, from, to",
		flow("    to: {source: x}\n"):                "f.yaml:3:5: the flow has no from; add `from:`",
		flow("    from: {}\n"):                       "f.yaml:4:11: from names 0 of system, bucket and source; name exactly one",
		flow("    from: {system: s, bucket: b}\n"):   "names 2 of",
		flow("    from: {bucket: b, supplier: z}\n"): "a supplier goes with `system:`",
		flow("    from: shop\n"):                     "f.yaml:4:11: from is \"shop\", not fields",
		flow("    from: {system: s}\n    to: {bucket: b}\n"):                               "nothing says how the ledger would show this flow",
		flow("    from: {bucket: b}\n    to: {bucket: b}\n    principal: p\n"):             "to itself",
		flow(ends + "    principal: p\n"):                                                  "neither end is a bucket",
		flow(ends + "    since: yesterday\n"):                                              "f.yaml:6:12: since is no day: \"yesterday\"; write it as 2026-03-01",
		flow(ends + "    every: soon\n"):                                                   "write 15m, 24h or 7d",
		flow(ends + "    every: 1s\n"):                                                     "every is no time span",
		flow(ends + "    what: call\n"):                                                    "write `what: [call, screen]`",
		flow(ends + "    what: [call, call]\n"):                                            "stands twice",
		flow(ends + "    owner:\n"):                                                        "owner is empty, not a text",
		flow(ends + "    why: \"a\\u0007b\"\n"):                                            "control characters",
		flow(ends + "  - name: a\n" + ends):                                                "the flow \"a\" stands at line 3 already",
		flow("    from: &x {system: s}\n    to: *x\n"):                                     "anchors and aliases are not read",
		"version: 1\nflows:\n  - name: " + strings.Repeat("n", 200) + "\n" + ends:          "name has 200 bytes; it has 1 to 128",
		"version: 1\nflows: []\n#" + strings.Repeat("x", MaxFlowFile):                      "larger than 1048576 bytes",
		"version: 1\nflows: [" + strings.Repeat("{name: a},", MaxFlows+1) + "{name: a}]\n": "there are 2002 flows",
	} {
		flows, err := ParseFlows("f.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || flows != nil {
			t.Errorf("%.80q:\n%v\nwant %s", text, err, want)
		}
	}
	// Several mistakes are told at once, but not without end.
	many := "version: 1\nflows:\n" + strings.Repeat("  - nam: x\n", 100)
	_, err := ParseFlows("f", []byte(many))
	problems, ok := errors.AsType[Problems](err)
	if !ok || len(problems) != maxProblems || problems[1].Line != 4 {
		t.Errorf("%d problems", len(problems))
	}
}

func FuzzParseFlows(f *testing.F) {
	f.Add([]byte(goodFlows))
	f.Add([]byte("version: 1\nflows:\n  - name: &a b\n    from: *a\n"))
	f.Add([]byte("version: 1\nflows: [{from: {system: ~}}]"))
	f.Add([]byte("? [a]\n: b\n"))
	f.Add([]byte("0\n:"))
	f.Add([]byte("%YAML 1.1\n---\n!!binary x: !!set {}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		flows, err := ParseFlows("f.yaml", text)
		if problems, ok := errors.AsType[Problems](err); err != nil {
			if !ok || len(problems) == 0 || flows != nil {
				t.Fatalf("%T %v with %d flows", err, err, len(flows))
			}
			for _, p := range problems {
				if p.Line < 1 || p.What == "" {
					t.Fatalf("%+v", p)
				}
			}
			return
		}
		names := map[string]bool{}
		for _, f := range flows {
			if f.Name == "" || names[f.Name] || f.From == f.To || f.From.String() == "" || f.To.String() == "" || f.Every < 0 {
				t.Fatalf("%+v", f)
			}
			names[f.Name] = true
		}
		if strings.Count(Dot(Join(flows, time.Time{}, nil, nil, time.Time{})), " -> ") < len(flows) {
			t.Fatal("a flow is not drawn")
		}
	})
}

func TestJoin(t *testing.T) {
	flows, err := ParseFlows("flows.yaml", []byte(goodFlows+`  - name: mail
    from: { system: mail, supplier: Acme }
    to: { system: crm }
  - name: from-share
    from: { source: share }
    to: { bucket: documents }
`))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	streams := []Stream{
		{Direction: Into, Bucket: "recordings", Principal: "drain", Kind: "workload", Kinds: []string{"call", "chat"}, Count: 7, Bytes: 70, First: now.AddDate(0, -1, 0), Last: now.Add(-72 * time.Hour)},
		{Direction: OutOf, Bucket: "recordings", Principal: "verbalio-bot", Kind: "vendor", Vendor: "verbalio", Count: 3, Last: now},
		{Direction: OutOf, Bucket: "recordings", Principal: "stranger", Kind: "vendor", Vendor: "Other", Count: 1, Last: now},
		{Direction: Into, Bucket: "documents", Principal: "drain2", Kind: "workload", Sources: []string{"file:///srv/share"}, Count: 2, Last: now},
	}
	sources := []Scanned{
		{Source: Source{Name: "share", Location: "file:///srv/share"}, Entries: 5, Newest: now, Scanned: true},
		{Source: Source{Name: "stray", Location: "file:///srv/stray"}, Entries: 4, Newest: now, Scanned: true},
	}
	states := func(streams []Stream, sources []Scanned) map[string]Joined {
		out := map[string]Joined{}
		for _, j := range Join(flows, now.AddDate(0, 0, -5), streams, sources, now) {
			name := j.Name
			if name == "" {
				name = j.From.String() + " > " + j.To.String()
			}
			out[name] = j
		}
		return out
	}
	all := states(streams, sources)
	for name, want := range map[string]string{
		"genesys-calls": Quiet, "transcripts": SeenAsSaid, "share": SeenAsSaid, "mail": Unseeable, "from-share": SeenAsSaid,
		"bucket recordings > vendor stranger (Other)": SeenOnly, "unknown > source stray": SeenOnly,
	} {
		if all[name].State != want {
			t.Errorf("%s: %q, want %q", name, all[name].State, want)
		}
	}
	if len(all) != 7 {
		t.Errorf("%d flows: %+v", len(all), all)
	}
	if g := all["genesys-calls"]; !slices.Equal(g.Beyond, []string{"chat"}) || !g.Missing.Equal(now.Add(-48*time.Hour)) || g.Count != 7 {
		t.Errorf("%+v", g)
	}
	first := Join(flows, now, streams, sources, now)[0]
	if first.State != SeenOnly {
		t.Errorf("first comes %+v", first)
	}
	// Nothing seen at all: missing since it was declared to be, or since the file was taken in.
	none := states(nil, nil)
	if g := none["genesys-calls"]; g.State != NotSeen || g.Missing.Format(time.DateOnly) != "2026-03-01" {
		t.Errorf("%+v", g)
	}
	if g := none["transcripts"]; g.State != NotSeen || !g.Missing.Equal(now.AddDate(0, 0, -5)) {
		t.Errorf("%+v", g)
	}
	if g := none["share"]; g.State != Unseeable { // it was never scanned
		t.Errorf("%+v", g)
	}
}

func TestOwnership(t *testing.T) {
	now := time.Now()
	people := map[string]strongroom.Principal{
		"ines": {Kind: strongroom.Person}, "gone": {Kind: strongroom.Person, Suspended: true}, "left": {Kind: strongroom.Person, Expires: now.Add(-time.Hour)}, "bot": {Kind: strongroom.Workload},
	}
	var all []Ownership
	for _, owner := range []string{"ines", "left", "gone", "bot", "nobody-known", ""} {
		o := Ownership{What: "bucket", Name: "b-" + owner, Owner: owner}
		o.Stand(func(name string) (strongroom.Principal, bool) { p, ok := people[name]; return p, ok }, now)
		all = append(all, o)
	}
	SortOwners(all)
	var states []string
	for _, o := range all {
		states = append(states, o.State)
	}
	if want := []string{NoOwner, OwnerUnknown, OwnerGone, OwnerGone, OwnerMachine, Owned}; !slices.Equal(states, want) {
		t.Errorf("%v, want %v", states, want)
	}
}

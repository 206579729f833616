package archtest

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
)

// layer is a storey of the house. Imports go downward only.
type layer struct {
	number   int
	packages []string // folders
	reason   string
}

var layers = []layer{
	{0, []string{"."}, "the nouns that everybody shares: they rest on the standard library alone"},
	{1, []string{"seal", "ledger", "cloud/iam"}, "formats and proofs: pure, so that others may rely on them and anybody can check them"},
	{2, []string{"book", "release", "people", "jobs"}, "what vault and key server both know: rows and records that change together, the record of a release, principals, resumable work"},
	{3, []string{"vault", "keyserver"}, "the one door to plaintext and the keys' custodian: what they check must not depend on what looks at it"},
	{4, []string{"limit", "classify", "know", "know/intake", "monitor", "cloud/account", "cloud/account/draft", "cloud/account/synth", "cloud/reach", "cloud/trail", "cloud/ways"}, "each decides or notices one thing; whoever asks declares the interface it needs, and the wiring joins them"},
	{5, []string{"alert"}, "what acts on what the steps before it know"},
	{6, []string{"internal/store", "internal/disk", "internal/oidc", "internal/s3store", "internal/synth", "internal/powercut", "internal/s3clients", "internal/bench/lean", "internal/landing", "internal/frontdoor", "internal/reports", "internal/inventory", "internal/sources", "internal/alertstore", "internal/push", "internal/rollup", "internal/tickets", "internal/aws"}, "adapters implement interfaces that are declared above them"},
	{7, []string{"door", "door/api", "door/s3", "door/console", "door/viewer", "web", "door/sigv4", "door/scim", "door/sts"}, "a door only translates: it reaches storage through the vault and never by itself"},
	{8, []string{"internal/house", "internal/housetest", "internal/storetest", "internal/oidctest", "internal/bench", "internal/compat", "internal/accuracy", "internal/catalogue", "internal/soak", "internal/crash", "cmd/strongroom"}, "wiring: the one place that may know everybody"},
}

// pairs are imports within one layer, each with the reason why it may be.
var pairs = map[[2]string]string{
	{"door/console", "web"}:                  "the pages are files, and the console is what shows them",
	{"door/api", "door"}:                     "what doors ask of a room is said once",
	{"door/console", "door/viewer"}:          "content is read without knowing pages, and shown on them",
	{"door/console", "door"}:                 "what doors ask of a room is said once",
	{"door/s3", "door/sigv4"}:                "a signature is checked in one place, whichever door it knocks at",
	{"door/sts", "door/sigv4"}:               "a signature is checked in one place, whichever door it knocks at",
	{"cmd/strongroom", "internal/house"}:     "the command opens rooms through the wiring",
	{"internal/soak", "internal/house"}:      "the soak compares the files of a room with its rows, as an auditor opens them",
	{"internal/housetest", "internal/house"}: "rooms for tests are wired as real ones are",
}

// confined packages are imported by these folders only, beside tests.
var confined = map[string]struct {
	by     []string
	reason string
}{
	"internal/house":      {[]string{"cmd/strongroom", "internal/housetest", "internal/soak"}, "it knows everybody; whoever imported it would know everybody too"},
	"internal/housetest":  {nil, "it makes rooms for tests, with keys that it shows"},
	"cloud/account/draft": {nil, "it makes accounts for tests"},
	"cloud/account/synth": {[]string{"cmd/strongroom"}, "made-up accounts are for measuring"},
	"internal/oidctest":   {nil, "it signs what no identity provider would"},
	"internal/storetest":  {nil, "it is a suite of tests that stores run"},
	"internal/powercut":   {nil, "a file system that forgets has no place in a program"},
	"internal/s3clients":  {nil, "it drives servers for tests"},
	"internal/synth":      {[]string{"cmd/strongroom"}, "made-up content gets into a room by the demo command only"},
	"internal/bench/lean": {[]string{"internal/bench", "internal/soak"}, "it drives servers to measure them"},
	"internal/bench":      {nil, "it is a command"},
	"internal/soak":       {nil, "it is a command"},
	"internal/compat":     {nil, "it is a command"},
	"internal/accuracy":   {nil, "it is a command"},
	"internal/catalogue":  {nil, "it is a command"},
	"internal/crash":      {nil, "it is a suite of tests"},
	"cmd/strongroom":      {nil, "it is a command"},
}

func layerOf(folder string) (layer, bool) {
	for _, l := range layers {
		if slices.Contains(l.packages, folder) {
			return l, true
		}
	}
	return layer{}, false
}

// objection says why a package's own code may not import another of the module, or
// nothing. Tests may import anything.
func objection(from, to string) string {
	f, ok := layerOf(from)
	if !ok {
		return fmt.Sprintf("%s has no place in the table of layers in internal/archtest/layers_test.go: give it one", from)
	}
	t, ok := layerOf(to)
	if !ok {
		return fmt.Sprintf("%s has no place in the table of layers in internal/archtest/layers_test.go: give it one", to)
	}
	if c, ok := confined[to]; ok && !slices.Contains(c.by, from) {
		who := "tests only"
		if len(c.by) > 0 {
			who = "tests and " + strings.Join(c.by, ", ") + " only"
		}
		return fmt.Sprintf("%s is imported by %s: %s", to, who, c.reason)
	}
	if _, ok := pairs[[2]string{from, to}]; ok {
		return ""
	}
	switch {
	case f.number == 3 && t.number == 3:
		return "vault and keyserver never import each other: both know release, so that neither can lean on the other's word, and the key server can move to its owner's machine"
	case f.number == 7 && t.number == 6:
		return fmt.Sprintf("a door (%s) never imports an adapter (%s): %s", from, to, f.reason)
	case f.number == 4 && t.number == 4 && (path.Dir(from) == to || path.Dir(to) == from || path.Dir(from) != "." && path.Dir(from) == path.Dir(to)):
		return "" // subpackages of one parent
	case t.number < f.number:
		return ""
	}
	return fmt.Sprintf("imports go downward only, and %s (layer %d: %s) is not below %s (layer %d: %s)", to, t.number, t.reason, from, f.number, f.reason)
}

func folderOf(importPath string) (string, bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// TestLayers holds every import of the module's own code against the table.
func TestLayers(t *testing.T) {
	seen := map[string]bool{}
	edges := 0
	for _, f := range files(t) {
		if f.test {
			continue
		}
		seen[f.folder] = true
		if _, ok := layerOf(f.folder); !ok {
			t.Errorf("%s: %s has no place in the table of layers: give it one in internal/archtest/layers_test.go, with its reason", f.name, f.folder)
			continue
		}
		for _, i := range f.syntax.Imports {
			p := unquote(i.Path)
			to, ours := folderOf(p)
			if !ours {
				if f.folder == "." && strings.Contains(strings.SplitN(p, "/", 2)[0], ".") {
					t.Errorf("%s: imports %s: the root package rests on the standard library alone, since everything rests on it", f.at(i), p)
				}
				continue
			}
			edges++
			if why := objection(f.folder, to); why != "" {
				t.Errorf("%s: imports %s: %s", f.at(i), p, why)
			}
		}
	}
	for _, l := range layers {
		for _, p := range l.packages {
			// A package may be all tests.
			if !seen[p] && !slices.ContainsFunc(files(t), func(f *file) bool { return f.folder == p }) {
				t.Errorf("the table of layers names %s, which does not exist: take it out", p)
			}
		}
	}
	if edges < 30 {
		t.Errorf("saw only %d imports within the module", edges)
	}
	if !slices.IsSortedFunc(layers, func(a, b layer) int { return cmp.Compare(a.number, b.number) }) {
		t.Error("the table of layers is out of order")
	}
}

// TestLayersRefuse shows that the table refuses what it is there to refuse.
func TestLayersRefuse(t *testing.T) {
	for _, c := range []struct{ from, to, why string }{
		{".", "seal", "downward only"},
		{"seal", "ledger", "downward only"},
		{"ledger", "release", "downward only"},
		{"vault", "keyserver", "never import each other"},
		{"keyserver", "vault", "never import each other"},
		{"vault", "limit", "downward only"},
		{"vault", "internal/store", "downward only"},
		{"limit", "classify", "downward only"},
		{"door/s3", "internal/store", "never imports an adapter"},
		{"door/s3", "internal/disk", "never imports an adapter"},
		{"door/s3", "door/console", "downward only"},
		{"internal/store", "internal/disk", "downward only"},
		{"internal/store", "internal/house", "knows everybody"},
		{"door/console", "internal/house", "knows everybody"},
		{"vault", "internal/powercut", "tests only"},
		{"cmd/strongroom", "internal/powercut", "tests only"},
		{"cmd/strongroom", "internal/housetest", "tests only"},
		{"internal/house", "internal/synth", "demo command only"},
		{"internal/house", "cmd/strongroom", "is a command"},
		{"secretdoor", "vault", "no place in the table"},
		{"vault", "secretdoor", "no place in the table"},

		{"seal", ".", ""},
		{"vault", "release", ""},
		{"keyserver", "release", ""},
		{"release", "seal", ""},
		{"internal/store", "book", ""},
		{"door/s3", "vault", ""},
		{"internal/house", "keyserver", ""},
		{"cmd/strongroom", "internal/house", ""},
		{"cmd/strongroom", "internal/synth", ""},
	} {
		got := objection(c.from, c.to)
		if (c.why == "") != (got == "") || !strings.Contains(got, c.why) {
			t.Errorf("%s importing %s: the objection is %q, want one with %q", c.from, c.to, got, c.why)
		}
	}
}

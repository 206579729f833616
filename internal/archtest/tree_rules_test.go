package archtest

import (
	"bytes"
	"go/ast"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// words are what no text file of the tree may hold. They are put together here so that
// this file does not hold them.
var words = []struct {
	pattern *regexp.Regexp
	reason  string
	refuse  string
	pass    string
}{
	{
		regexp.MustCompile(`\b(` + strings.Join([]string{"TO" + "DO", "FIX" + "ME", "X" + "XX"}, "|") + `)\b`),
		"what is unfinished is finished, or said in the documents as a limit; not left in the source",
		"// TO" + "DO: check", "mktemp -t aXX" + "XX",
	},
	{
		regexp.MustCompile(`(^|[^A-Za-z0-9_.-])/wo` + `rk/`),
		"a path of one machine means nothing on another",
		"see /wo" + "rk/x", "go/wo" + "rk/x",
	},
	{
		regexp.MustCompile(`(?m)^(<{7}|>{7}) `),
		"a conflict was left in a merge",
		strings.Repeat("<", 7) + " HEAD", "a <<<< b",
	},
}

// TestWords reads every text file of the tree.
func TestWords(t *testing.T) {
	for _, w := range words {
		if !w.pattern.MatchString(w.refuse) || w.pattern.MatchString(w.pass) {
			t.Errorf("%v does not tell %q from %q", w.pattern, w.refuse, w.pass)
		}
	}
	read := 0
	err := walk(func(name string, content []byte) error {
		if !utf8.Valid(content) || bytes.IndexByte(content, 0) >= 0 || name == "go.sum" || strings.Contains(name, "testdata/fuzz/") {
			return nil
		}
		read++
		for _, w := range words {
			for _, at := range w.pattern.FindAllIndex(content, -1) {
				t.Errorf("%s:%d: %q: %s", name, 1+bytes.Count(content[:at[0]], []byte("\n")), content[at[0]:at[1]], w.reason)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if read < 50 {
		t.Errorf("read only %d files", read)
	}
}

// TestEveryFuzzTargetIsFuzzed compares the functions that are fuzz targets with what
// make fuzz finds by itself.
func TestEveryFuzzTargetIsFuzzed(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed, and scripts/fuzz needs it")
	}
	var want []string
	for _, f := range files(t) {
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && isFuzzTarget(f, fn) {
				if !f.test {
					t.Errorf("%s: %s is a fuzz target outside a test file: go test does not see it", f.at(fn), fn.Name.Name)
				}
				folder := "./" + f.folder
				if f.folder == "." {
					folder = "."
				}
				want = append(want, folder+" "+fn.Name.Name)
			}
		}
	}
	c := exec.CommandContext(t.Context(), "bash", "scripts/fuzz", "list")
	c.Dir = root
	out, err := c.Output()
	if err != nil {
		t.Fatalf("scripts/fuzz list: %v", err)
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, target := range want {
		if !slices.Contains(got, target) {
			t.Errorf("make fuzz does not find %s, and a target that is not run finds nothing: write it as func FuzzName(f *testing.F) on one line", target)
		}
	}
	for _, target := range got {
		if !slices.Contains(want, target) {
			t.Errorf("make fuzz runs %s, which is no fuzz target", target)
		}
	}
	if len(want) < 10 {
		t.Errorf("found only %d fuzz targets", len(want))
	}
}

// isFuzzTarget goes by the parameter, so that a target with an unusual name or layout
// is still seen.
func isFuzzTarget(f *file, fn *ast.FuncDecl) bool {
	if fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Fuzz") || len(fn.Type.Params.List) != 1 {
		return false
	}
	star, ok := fn.Type.Params.List[0].Type.(*ast.StarExpr)
	return ok && f.refers(star.X, "testing", "F")
}

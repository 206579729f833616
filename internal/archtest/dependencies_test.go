package archtest

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

var update = flag.Bool("update", false, "write docs/dependencies.txt anew")

// dependency is a row of the tables in docs/dependencies.md.
type dependency struct {
	module  string
	used    []string // folders
	licence string
	reason  string
	tests   bool // of the second table
}

const (
	dependencyPage = "docs/dependencies.md"
	dependencyList = "docs/dependencies.txt"
)

var quoted = regexp.MustCompile("`([^`]+)`")

// pageOfDependencies reads the tables of the page: module | used in | licence | why.
func pageOfDependencies(t *testing.T) map[string]dependency {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, dependencyPage))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]dependency{}
	tests := false
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "## ") {
			tests = strings.Contains(line, "tests")
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		module := quoted.FindStringSubmatch(cells[0])
		if !strings.HasPrefix(line, "| `") || module == nil {
			continue
		}
		if len(cells) != 4 {
			t.Errorf("%s: the row of %s has %d cells, want module, used in, licence, why", dependencyPage, module[1], len(cells))
			continue
		}
		d := dependency{module: module[1], licence: strings.TrimSpace(cells[2]), reason: strings.TrimSpace(cells[3]), tests: tests}
		for _, m := range quoted.FindAllStringSubmatch(cells[1], -1) {
			d.used = append(d.used, m[1])
		}
		if _, twice := rows[d.module]; twice {
			t.Errorf("%s: %s has two rows", dependencyPage, d.module)
		}
		rows[d.module] = d
	}
	return rows
}

func goMod(t *testing.T) *modfile.File {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := modfile.Parse("go.mod", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestDependenciesAreExplained: every direct dependency has a row that says why, where
// it is used, and under which licence; every row has its dependency; and what is for
// tests alone is in no program.
func TestDependenciesAreExplained(t *testing.T) {
	mod := goMod(t)
	for _, r := range mod.Replace {
		t.Errorf("go.mod: replaces %s: what is built would not be what go.mod names; take a released version", r.Old.Path)
	}
	for _, r := range mod.Exclude {
		t.Errorf("go.mod: excludes %s: require a version that works instead", r.Mod.Path)
	}
	rows := pageOfDependencies(t)
	direct := map[string]bool{}
	for _, r := range mod.Require {
		if r.Indirect {
			continue
		}
		direct[r.Mod.Path] = true
		if _, ok := rows[r.Mod.Path]; !ok {
			t.Errorf("go.mod requires %s, which has no row in %s: say what it is for, why neither the standard library nor own code will do, and what is trusted to it", r.Mod.Path, dependencyPage)
		}
	}
	// By module, the folders that import it: in the program's own code, and in tests and
	// what supports them.
	program, tests := map[string]map[string]bool{}, map[string]map[string]bool{}
	for _, f := range files(t) {
		for _, i := range f.syntax.Imports {
			p := unquote(i.Path)
			for m := range direct {
				if p == m || strings.HasPrefix(p, m+"/") {
					used := program
					if f.test || slices.Contains(support, f.folder) {
						used = tests
					}
					if used[m] == nil {
						used[m] = map[string]bool{}
					}
					used[m][f.folder] = true
				}
			}
		}
	}
	for m, d := range rows {
		if !direct[m] {
			t.Errorf("%s: has a row for %s, which go.mod does not require directly: take it out", dependencyPage, m)
			continue
		}
		used := program[m]
		if d.tests {
			used = tests[m]
		}
		if len(used) == 0 {
			t.Errorf("nothing imports %s in the code that its table is about: move its row, or run go mod tidy", m)
		}
		if d.reason == "" || d.licence == "" {
			t.Errorf("%s: the row of %s says no reason or no licence", dependencyPage, m)
		}
		if d.tests && program[m] != nil {
			t.Errorf("%s: %s is in the table for tests, and the program's own code imports it", dependencyPage, m)
		}
		for _, folder := range d.used {
			if !used[folder] {
				t.Errorf("%s: says that %s is used in %s, which does not import it", dependencyPage, m, folder)
			}
		}
		for folder := range used {
			if !slices.Contains(d.used, folder) {
				t.Errorf("%s imports %s: its row in %s does not name that folder; a dependency stays where its reason put it, so that it can be taken out again", folder, m, dependencyPage)
			}
		}
	}
}

// TestModulesInTheBinary keeps the list of everything that is linked into the program,
// so that a new module shows in a diff.
func TestModulesInTheBinary(t *testing.T) {
	versions := map[string]string{}
	for _, p := range goList(t, []string{"GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0"}, "-deps", "./cmd/strongroom") {
		if p.Module != nil && !p.Module.Main {
			versions[p.Module.Path] = p.Module.Version
		}
	}
	var lines []string
	for m, v := range versions {
		lines = append(lines, m+" "+v)
	}
	slices.Sort(lines)
	want := "# Every module linked into the program (linux/amd64). Written by:\n# go test ./internal/archtest -run TestModulesInTheBinary -update\n" + strings.Join(lines, "\n") + "\n"
	name := filepath.Join(root, dependencyList)
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) == want {
		return
	}
	have := strings.Split(string(got), "\n")
	for _, l := range strings.Split(want, "\n") {
		if !slices.Contains(have, l) {
			t.Errorf("in the binary, not in %s: %s", dependencyList, l)
		}
	}
	for _, l := range have {
		if !slices.Contains(strings.Split(want, "\n"), l) {
			t.Errorf("in %s, not in the binary: %s", dependencyList, l)
		}
	}
	t.Errorf("look at what came in, then: go test ./internal/archtest -run TestModulesInTheBinary -update")
}

// Package archtest holds the rules of the house as tests: which package may import
// which, who may unseal, what no package may do, and that the list of dependencies
// and the fuzz targets are complete. Each failure says where, what, and why the rule
// exists. The rules are tables; each has examples that it must refuse and must let
// pass, so that a rule which finds nothing is known to look. The package has no code
// beyond its tests.
package archtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// root is the module's folder as seen from this package's tests.
const root = "../.."

const module = "strongroom"

// file is one Go file of the module, of any build constraint.
type file struct {
	name   string // from the module's root, with slashes
	folder string // its package's folder, "." for the root
	test   bool
	syntax *ast.File
	fset   *token.FileSet
}

// at says where a node is, as an editor understands it.
func (f *file) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.name, f.fset.Position(n.Pos()).Line)
}

// local is the name under which the file knows the package that it imports by
// this path.
func (f *file) local(importPath string) (string, bool) {
	for _, i := range f.syntax.Imports {
		if unquote(i.Path) != importPath {
			continue
		}
		if i.Name != nil {
			return i.Name.Name, true
		}
		base := path.Base(importPath)
		if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
			base = path.Base(path.Dir(importPath))
		}
		return base, true
	}
	return "", false
}

// refers tells whether the node is importPath.name, where name ending in * stands
// for all that begin so.
func (f *file) refers(n ast.Node, importPath, name string) bool {
	s, ok := n.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	if !ok {
		return false
	}
	local, ok := f.local(importPath)
	if !ok || x.Name != local {
		return false
	}
	if prefix, wild := strings.CutSuffix(name, "*"); wild {
		return strings.HasPrefix(s.Sel.Name, prefix)
	}
	return s.Sel.Name == name
}

// each answers the nodes of the file for which is holds.
func (f *file) each(is func(ast.Node) bool) []ast.Node {
	var found []ast.Node
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if n != nil && is(n) {
			found = append(found, n)
		}
		return true
	})
	return found
}

// imports answers the import specifications whose path is one of these, or lies
// below one that ends in a slash.
func (f *file) imports(paths ...string) []ast.Node {
	var found []ast.Node
	for _, i := range f.syntax.Imports {
		p := unquote(i.Path)
		if slices.ContainsFunc(paths, func(want string) bool {
			return p == want || strings.HasSuffix(want, "/") && strings.HasPrefix(p, want)
		}) {
			found = append(found, i)
		}
	}
	return found
}

func unquote(l *ast.BasicLit) string {
	s, err := strconv.Unquote(l.Value)
	if err != nil {
		return l.Value
	}
	return s
}

func parse(name string, source []byte) (*file, error) {
	fset := token.NewFileSet()
	syntax, err := parser.ParseFile(fset, name, source, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	return &file{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), syntax, fset}, nil
}

// skipped are the folders that are not source: version control and what make writes.
var skipped = []string{".git", "bin", ".tools"}

// walk visits every regular file of the module.
func walk(visit func(name string, content []byte) error) error {
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() {
			if slices.Contains(skipped, name) {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return visit(name, content)
	})
}

var parsed = sync.OnceValues(func() ([]*file, error) {
	var all []*file
	err := walk(func(name string, content []byte) error {
		if !strings.HasSuffix(name, ".go") || strings.Contains(name, "testdata/") {
			return nil
		}
		f, err := parse(name, content)
		if err != nil {
			return err
		}
		all = append(all, f)
		return nil
	})
	return all, err
})

// files are all Go files of the module.
func files(t *testing.T) []*file {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d Go files under %s: the walk does not see the module", len(all), root)
	}
	return all
}

// listed is what the go command says of a package.
type listed struct {
	Dir, ImportPath, Export string
	Imports, GoFiles        []string
	IgnoredGoFiles          []string
	Standard                bool
	Module                  *struct {
		Path, Version string
		Main          bool
	}
}

// goList runs go list in the module's root.
func goList(t *testing.T, env []string, args ...string) []listed {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=Dir,ImportPath,Export,Imports,GoFiles,IgnoredGoFiles,Standard,Module"}, args...)...)
	c.Dir = root
	c.Env = append(os.Environ(), env...)
	var complaint bytes.Buffer
	c.Stderr = &complaint
	out, err := c.Output()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", strings.Join(args, " "), err, &complaint)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p listed
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

package archtest

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// keys are the functions that lead from sealed bytes to plaintext, and the only
// places whose own code may refer to them: a folder, or one file.
var keys = []struct {
	function string
	places   []string
	reason   string
}{
	{
		"strongroom/seal.Open", []string{"vault", "cmd/strongroom/recover.go"},
		"exactly two callers unseal: the vault, after the record is durable, and recover, which runs where the private key is",
	},
	{
		"strongroom/seal.OpenSegmented", []string{"vault", "cmd/strongroom/recover.go"},
		"exactly two callers unseal: the vault, after the record is durable, and recover, which runs where the private key is",
	},
	{
		"(*strongroom/seal.Identity).Unwrap", []string{"keyserver", "cmd/strongroom/recover.go"},
		"a data key is unwrapped against proof of its record (keyserver), or by the private key's owner (recover)",
	},
	{
		"strongroom/seal.UnwrapUploadKey", []string{"vault/upload.go"},
		"the key of an unfinished upload serves to add parts, never to read them",
	},
	{
		"(*strongroom/seal.Ephemeral).Open", []string{"vault"},
		"the custodian answers the vault, which made the ephemeral key that the record names",
	},
}

// opening are the results that open content: whatever seal exports that answers one
// of them is a key, or makes a fresh one.
var opening = []string{"strongroom/seal.DataKey", "strongroom/seal.Reader"}

// harmless functions of seal answer a data key that opens nothing as yet.
var harmless = []string{"strongroom/seal.NewDataKey"}

// checked is a package of the module with its types.
type checked struct {
	folder string
	files  []*ast.File
	types  *types.Package
	info   *types.Info
	fset   *token.FileSet
}

// check works out the types of the module's own code (without tests), each package
// from its source, what it imports from what the compiler exported.
func check(t *testing.T) (packages []checked, imp types.Importer) {
	t.Helper()
	exports := map[string]string{}
	var ours []listed
	for _, p := range goList(t, nil, "-export", "-deps", "./...") {
		exports[p.ImportPath] = p.Export
		if p.Module != nil && p.Module.Main && len(p.GoFiles) > 0 {
			ours = append(ours, p)
		}
	}
	fset := token.NewFileSet()
	imp = importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	for _, p := range ours {
		folder, _ := folderOf(p.ImportPath)
		c := checked{folder: folder, fset: fset, info: &types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}}}
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			c.files = append(c.files, f)
		}
		var err error
		if c.types, err = (&types.Config{Importer: imp}).Check(p.ImportPath, fset, c.files, c.info); err != nil {
			t.Fatalf("working out the types of %s: %v", p.ImportPath, err)
		}
		packages = append(packages, c)
	}
	return packages, imp
}

// allowed tells which of the places a file is in.
func allowed(places []string, folder, name string) (string, bool) {
	for _, p := range places {
		if p == folder || p == folder+"/"+name {
			return p, true
		}
	}
	return "", false
}

// TestUnsealing: nobody but the vault and recover gets from sealed bytes to plaintext,
// by whatever name, alias, method value or interface.
func TestUnsealing(t *testing.T) {
	packages, imp := check(t)
	seal, err := imp.Import("strongroom/seal")
	if err != nil {
		t.Fatal(err)
	}
	used := map[[2]string]bool{}
	for _, p := range packages {
		if p.folder == "seal" {
			continue
		}
		for at, object := range p.info.Uses {
			f, ok := object.(*types.Func)
			if !ok {
				continue
			}
			for _, k := range keys {
				if f.FullName() != k.function {
					continue
				}
				position := p.fset.Position(at.Pos())
				place, ok := allowed(k.places, p.folder, filepath.Base(position.Filename))
				if !ok {
					t.Errorf("%s/%s:%d: refers to %s, which is for %s only: %s", p.folder, filepath.Base(position.Filename), position.Line, k.function, strings.Join(k.places, " and "), k.reason)
				}
				used[[2]string{k.function, place}] = true
			}
		}
		// An interface with Unwrap that an Identity fills, or a function value made of it,
		// would let others call it unseen; the value is found above, the interface here.
		identity := types.NewPointer(seal.Scope().Lookup("Identity").Type())
		for expression, value := range p.info.Types {
			i, ok := value.Type.Underlying().(*types.Interface)
			if !ok || !value.IsType() {
				continue
			}
			if unwraps(i) && types.Implements(identity, i) {
				t.Errorf("%s: this interface is filled by *seal.Identity and has Unwrap: whoever is handed one could unwrap unseen", p.fset.Position(expression.Pos()))
			}
		}
	}
	for _, k := range keys {
		for _, place := range k.places {
			if !used[[2]string{k.function, place}] {
				t.Errorf("nothing in %s refers to %s: take the place out of the table in internal/archtest/unseal_test.go", place, k.function)
			}
		}
	}
}

func unwraps(i *types.Interface) bool {
	for m := range i.Methods() {
		if m.Name() == "Unwrap" {
			return true
		}
	}
	return false
}

// TestKeysAreAll: whatever seal exports that answers a data key or a reader of
// plaintext stands in the table of keys.
func TestKeysAreAll(t *testing.T) {
	_, imp := check(t)
	seal, err := imp.Import("strongroom/seal")
	if err != nil {
		t.Fatal(err)
	}
	var functions []*types.Func
	for _, name := range seal.Scope().Names() {
		switch o := seal.Scope().Lookup(name).(type) {
		case *types.Func:
			functions = append(functions, o)
		case *types.TypeName:
			if n, ok := o.Type().(*types.Named); ok {
				for m := range n.Methods() {
					functions = append(functions, m)
				}
			}
		}
	}
	found := 0
	for _, f := range functions {
		if !f.Exported() {
			continue
		}
		for result := range f.Signature().Results().Variables() {
			kind := strings.TrimPrefix(result.Type().String(), "*")
			if !slices.Contains(opening, kind) || slices.Contains(harmless, f.FullName()) {
				continue
			}
			found++
			known := false
			for _, k := range keys {
				known = known || k.function == f.FullName()
			}
			if !known {
				t.Errorf("%s answers %s and is not in the table of keys in internal/archtest/unseal_test.go: say who may call it, and why", f.FullName(), kind)
			}
		}
	}
	if found < 4 {
		t.Errorf("found only %d functions of seal that open anything", found)
	}
}

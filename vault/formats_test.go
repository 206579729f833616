package vault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// constants are the string constants of a folder's files, by name.
func constants(t *testing.T, folder string) (named map[string]string, files []*ast.File) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	named = map[string]string{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		ast.Inspect(f, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok {
				for i, name := range spec.Names {
					if i < len(spec.Values) {
						if text, ok := literal(spec.Values[i]); ok {
							named[name.Name] = text
						}
					}
				}
			}
			return true
		})
	}
	return named, files
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

// section is the part of a document under a heading, up to the next of its level.
func section(t *testing.T, document, heading string) string {
	t.Helper()
	_, rest, ok := strings.Cut(document, "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("there is no section %q", heading)
	}
	part, _, _ := strings.Cut(rest, "\n## ")
	return part
}

// The document of a room's format names every kind of row and of record, and every act that
// the vault puts on record; and no kind that it does not have.
func TestFormatsNameEverything(t *testing.T) {
	text, err := os.ReadFile("../docs/formats/room.md")
	if err != nil {
		t.Fatal(err)
	}
	rows, records := section(t, string(text), "Rows"), section(t, string(text), "Records")
	named, files := constants(t, ".")
	inRelease, _ := constants(t, "../release")
	maps.Copy(named, inRelease)

	first := regexp.MustCompile("(?m)^\\| (`[^|]*`) \\|")
	kinds := func(part, after string) (out []string) {
		_, table, ok := strings.Cut(part, after)
		if !ok {
			t.Fatalf("there is no table %q", after)
		}
		table, _, _ = strings.Cut(table, "\n\n")
		for _, m := range first.FindAllStringSubmatch(table, -1) {
			for k := range strings.SplitSeq(m[1], ",") {
				out = append(out, strings.Trim(strings.TrimSpace(k), "`"))
			}
		}
		return out
	}
	described := map[string][]string{"row": kinds(rows, "\n| kind | id |"), "Kind": kinds(records, "\n| kind | action |")}
	elsewhere := []string{"backup", "epoch"} // records that others write
	for prefix, have := range described {
		var there []string
		for name, kind := range named {
			if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" && strings.ToUpper(rest[:1]) == rest[:1] {
				there = append(there, kind)
				if !slices.Contains(have, kind) {
					t.Errorf("%s (%q) is not described", name, kind)
				}
			}
		}
		if len(there) < 20 {
			t.Errorf("only %d constants begin with %s", len(there), prefix)
		}
		for _, kind := range have {
			if !slices.Contains(there, kind) && !(prefix == "Kind" && slices.Contains(elsewhere, kind)) {
				t.Errorf("%q is described, and the vault has no such %s", kind, prefix)
			}
		}
	}

	acts := map[string]bool{}
	add := func(e ast.Expr) {
		if text, ok := literal(e); ok {
			acts[text] = true
		} else if name, ok := e.(*ast.Ident); ok && named[name.Name] != "" {
			acts[named[name.Name]] = true
		}
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				switch called, ok := n.Fun.(*ast.SelectorExpr); {
				case !ok:
				case called.Sel.Name == "evidence" && len(n.Args) == 2:
					add(n.Args[0])
				case called.Sel.Name == "administer" && len(n.Args) == 6:
					add(n.Args[3])
				}
			case *ast.CompositeLit:
				if of, ok := n.Type.(*ast.Ident); ok && of.Name == "Evidence" {
					for _, e := range n.Elts {
						if kv, ok := e.(*ast.KeyValueExpr); ok && kv.Key.(*ast.Ident).Name == "Action" {
							add(kv.Value)
						}
					}
				}
			}
			return true
		})
	}
	if len(acts) < 60 {
		t.Errorf("only %d acts were found", len(acts))
	}
	for act := range acts {
		if !strings.Contains(records, "`"+act+"`") {
			t.Errorf("the act %q is not described", act)
		}
	}
}

package archtest

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// rule is something that no file it concerns may do.
type rule struct {
	name     string
	reason   string
	concerns func(f *file) bool
	find     func(f *file) []ast.Node
	// Sources by file name: each of refuse must be found, none of pass.
	refuse, pass map[string]string
}

// Support for tests and measuring, which runs in no server.
var support = []string{"internal/accuracy", "internal/archtest", "internal/bench", "internal/bench/lean", "internal/catalogue", "internal/compat", "internal/crash", "internal/housetest", "internal/oidctest", "internal/powercut", "internal/s3clients", "internal/soak", "internal/storetest"}

func program(f *file) bool { return !f.test && !slices.Contains(support, f.folder) }

func everywhere(*file) bool { return true }

func within(folders ...string) func(*file) bool {
	return func(f *file) bool {
		return program(f) && slices.ContainsFunc(folders, func(d string) bool { return f.folder == d || strings.HasPrefix(f.folder, d+"/") })
	}
}

func outside(folders ...string) func(*file) bool {
	in := within(folders...)
	return func(f *file) bool { return program(f) && !in(f) }
}

func importing(paths ...string) func(*file) []ast.Node {
	return func(f *file) []ast.Node { return f.imports(paths...) }
}

func referring(importPath string, names ...string) func(*file) []ast.Node {
	return func(f *file) []ast.Node {
		return f.each(func(n ast.Node) bool {
			return slices.ContainsFunc(names, func(name string) bool { return f.refers(n, importPath, name) })
		})
	}
}

func either(finds ...func(*file) []ast.Node) func(*file) []ast.Node {
	return func(f *file) []ast.Node {
		var all []ast.Node
		for _, find := range finds {
			all = append(all, find(f)...)
		}
		return all
	}
}

func named(name string) func(*file) []ast.Node {
	return func(f *file) []ast.Node {
		return f.each(func(n ast.Node) bool {
			i, ok := n.(*ast.Ident)
			return ok && i.Name == name
		})
	}
}

// callsOf finds calls of a predeclared function.
func callsOf(name string, but func(f *file, c *ast.CallExpr) bool) func(*file) []ast.Node {
	return func(f *file) []ast.Node {
		return f.each(func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok {
				return false
			}
			i, ok := c.Fun.(*ast.Ident)
			return ok && i.Name == name && (but == nil || !but(f, c))
		})
	}
}

var rules = []rule{
	{
		name: "dot imports", reason: "they hide where a name comes from, from readers and from these rules",
		concerns: everywhere,
		find: func(f *file) []ast.Node {
			return f.each(func(n ast.Node) bool {
				i, ok := n.(*ast.ImportSpec)
				return ok && i.Name != nil && i.Name.Name == "."
			})
		},
		refuse: map[string]string{"vault/a.go": `import . "fmt"`},
		pass:   map[string]string{"vault/a.go": `import _ "fmt"`},
	},
	{
		name: "pure packages", reason: "seal and ledger read and write through io alone, so that anybody can rely on them, check them and write them again",
		concerns: within("seal", "ledger"),
		find:     importing("os", "os/", "net", "net/", "database/", "syscall", "io/ioutil", "path/filepath", "plugin"),
		refuse: map[string]string{
			"seal/a.go": `import "os"`, "ledger/a.go": `import "net/http"`, "seal/b.go": `import x "database/sql"`, "ledger/deep/a.go": `import "os/exec"`,
		},
		pass: map[string]string{"seal/a.go": `import "io"`, "seal/a_test.go": `import "os"`, "vault/a.go": `import "os"`},
	},
	{
		name: "no SQL outside the store", reason: "internal/store owns the one schema of what decisions trust, and adapters of derived data a file each; a query elsewhere could span two rooms or write a row without its record",
		concerns: outside("internal/store", "internal/rollup", "internal/alertstore", "internal/inventory"),
		find:     importing("database/sql", "database/sql/", "modernc.org/sqlite", "github.com/jackc/pgx/", "github.com/pressly/goose/"),
		refuse:   map[string]string{"vault/a.go": `import "database/sql"`, "internal/house/a.go": `import _ "modernc.org/sqlite"`},
		pass:     map[string]string{"internal/store/a.go": `import "database/sql"`},
	},
	{
		name: "ciphers in few places", reason: "content is opened by seal, and sealed fields by the store that sealed them, under a key of its own; another place could open either unseen",
		concerns: outside("seal", "internal/store", "internal/rollup", "internal/alertstore", "internal/inventory", "internal/reports"),
		find:     importing("crypto/aes", "crypto/cipher", "crypto/hpke", "crypto/des", "crypto/rc4", "golang.org/x/crypto/"),
		refuse:   map[string]string{"vault/a.go": `import "crypto/aes"`, "cmd/strongroom/a.go": `import "crypto/cipher"`},
		pass:     map[string]string{"seal/a.go": `import "crypto/aes"`, "vault/a.go": `import "crypto/sha256"`},
	},
	{
		name: "predictable chance", reason: "every random byte in the program may become a key, an id or a salt: it comes from crypto/rand (made-up content comes from a seed, on purpose)",
		concerns: outside("internal/synth", "cloud/account/synth"),
		find:     importing("math/rand", "math/rand/"),
		refuse:   map[string]string{"seal/a.go": `import "math/rand"`, "door/s3/a.go": `import "math/rand/v2"`},
		pass:     map[string]string{"seal/a.go": `import "crypto/rand"`, "seal/a_test.go": `import "math/rand/v2"`, "internal/synth/a.go": `import "math/rand/v2"`},
	},
	{
		name: "writing to the terminal", reason: "only commands talk to a terminal; everything else answers, or logs through log/slog, where attributes keep content and secrets apart",
		concerns: outside("cmd"),
		find: either(referring("fmt", "Print*"), referring("os", "Stdout", "Stderr", "Stdin"), importing("log"),
			callsOf("print", nil), callsOf("println", nil)),
		refuse: map[string]string{
			"vault/a.go": `import "fmt"; func f() { fmt.Println("x") }`, "seal/a.go": `import o "os"; var w = o.Stdout`,
			"door/s3/a.go": `import "log"`, "limit/a.go": `func f() { println("x") }`,
		},
		pass: map[string]string{
			"vault/a.go": `import ("fmt"; "log/slog"); var _ = slog.Info; func f() string { return fmt.Sprint("x") }`,
			"cmd/x/a.go": `import "os"; var w = os.Stdout`, "vault/a_test.go": `import "fmt"; func f() { fmt.Println("x") }`,
		},
	},
	{
		name: "ending the process", reason: "a room that stops in the middle leaves leases open; only a command's main decides to end",
		concerns: outside("cmd"),
		find:     referring("os", "Exit"),
		refuse:   map[string]string{"vault/a.go": `import "os"; func f() { os.Exit(1) }`},
		pass:     map[string]string{"cmd/strongroom/a.go": `import "os"; func f() { os.Exit(1) }`},
	},
	{
		name: "panic where requests pass", reason: "one request must not take the room down: every doubt becomes a refusal and a record (http.ErrAbortHandler only breaks off its own connection)",
		concerns: within("vault", "keyserver", "door"),
		find: callsOf("panic", func(f *file, c *ast.CallExpr) bool {
			return len(c.Args) == 1 && f.refers(c.Args[0], "net/http", "ErrAbortHandler")
		}),
		refuse: map[string]string{"vault/a.go": `func f() { panic("x") }`, "door/s3/a.go": `import "net/http"; func f() { panic(http.ErrServerClosed) }`},
		pass:   map[string]string{"door/s3/a.go": `import "net/http"; func f() { panic(http.ErrAbortHandler) }`, "limit/a.go": `func f() { panic("x") }`},
	},
	{
		name: "servers without time limits", reason: "a slow client must not hold a connection for ever: make an http.Server with ReadHeaderTimeout",
		concerns: program,
		find: either(referring("net/http", "ListenAndServe*", "Serve", "ServeTLS"), func(f *file) []ast.Node {
			bare := func(n ast.Node) bool {
				c, ok := n.(*ast.CompositeLit)
				return ok && !slices.ContainsFunc(c.Elts, func(e ast.Expr) bool {
					kv, ok := e.(*ast.KeyValueExpr)
					if !ok {
						return false
					}
					k, ok := kv.Key.(*ast.Ident)
					return ok && k.Name == "ReadHeaderTimeout"
				})
			}
			server := func(e ast.Expr) bool {
				if s, ok := e.(*ast.StarExpr); ok {
					e = s.X
				}
				return e != nil && f.refers(e, "net/http", "Server")
			}
			return f.each(func(n ast.Node) bool {
				c, ok := n.(*ast.CompositeLit)
				if !ok {
					return false
				}
				if server(c.Type) {
					return bare(c)
				}
				if a, ok := c.Type.(*ast.ArrayType); ok && server(a.Elt) {
					return slices.ContainsFunc(c.Elts, func(e ast.Expr) bool { return bare(e) })
				}
				return false
			})
		}),
		refuse: map[string]string{
			"cmd/x/a.go":   `import "net/http"; var s = http.Server{Addr: "x"}`,
			"cmd/x/b.go":   `import "net/http"; var s = []*http.Server{{Addr: "x"}}`,
			"door/s3/a.go": `import "net/http"; var err = http.ListenAndServe("", nil)`,
		},
		pass: map[string]string{
			"cmd/x/a.go": `import "net/http"; var s = http.Server{ReadHeaderTimeout: 1}`,
			"cmd/x/b.go": `import "net/http"; var s []*http.Server; var e = http.ErrServerClosed`,
		},
	},
	{
		name: "unverified certificates", reason: "a connection to nobody in particular protects nothing; tests make a certificate authority of their own",
		concerns: everywhere,
		find:     named("Insecure" + "SkipVerify"),
		refuse:   map[string]string{"door/s3/a_test.go": `import "crypto/tls"; var c = tls.Config{Insecure` + `SkipVerify: true}`},
		pass:     map[string]string{"door/s3/a_test.go": `import "crypto/tls"; var c = tls.Config{ServerName: "x"}`},
	},
	{
		name: "skipping without a word", reason: "a test that is left out says why, or nobody notices what is no longer tested",
		concerns: func(f *file) bool { return f.test || slices.Contains(support, f.folder) },
		find: func(f *file) []ast.Node {
			return f.each(func(n ast.Node) bool {
				c, ok := n.(*ast.CallExpr)
				if !ok {
					return false
				}
				s, ok := c.Fun.(*ast.SelectorExpr)
				return ok && (s.Sel.Name == "SkipNow" || (s.Sel.Name == "Skip" || s.Sel.Name == "Skipf") && len(c.Args) == 0)
			})
		},
		refuse: map[string]string{"seal/a_test.go": `func f(t *testing.T) { t.Skip() }`, "seal/b_test.go": `func f(t *testing.T) { t.SkipNow() }`},
		pass:   map[string]string{"seal/a_test.go": `func f(t *testing.T) { t.Skip("no clock here") }`},
	},
	{
		name: "experiments", reason: "encoding/json/v2 and encoding/json/jsontext need an experiment flag, and would give records a second JSON",
		concerns: everywhere,
		find:     importing("encoding/json/", "github.com/go-json-experiment/"),
		refuse:   map[string]string{"ledger/a.go": `import "encoding/json/v2"`},
		pass:     map[string]string{"ledger/a.go": `import "encoding/json"`},
	},
	{
		name: "unsafe and C", reason: "the binary is static and its memory is checked: no cgo, no unsafe",
		concerns: everywhere,
		find:     importing("unsafe", "C"),
		refuse:   map[string]string{"seal/a.go": `import "unsafe"`, "internal/store/a.go": `import "C"`},
		pass:     map[string]string{"seal/a.go": `import "crypto/subtle"`},
	},
}

// TestRules holds every file of the module against every rule.
func TestRules(t *testing.T) {
	for _, r := range rules {
		t.Run(strings.ReplaceAll(r.name, " ", "-"), func(t *testing.T) {
			concerned := 0
			for _, f := range files(t) {
				if !r.concerns(f) {
					continue
				}
				concerned++
				for _, n := range r.find(f) {
					t.Errorf("%s: %s: %s", f.at(n), r.name, r.reason)
				}
			}
			if concerned == 0 {
				t.Error("the rule concerns no file at all")
			}
		})
	}
}

// TestRulesRefuse shows that every rule finds what it is there to find, and no more.
func TestRulesRefuse(t *testing.T) {
	broken := func(t *testing.T, r rule, name, source string) bool {
		f, err := parse(name, []byte("package x; "+source))
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		return r.concerns(f) && len(r.find(f)) > 0
	}
	for _, r := range rules {
		t.Run(strings.ReplaceAll(r.name, " ", "-"), func(t *testing.T) {
			if len(r.refuse) == 0 || len(r.pass) == 0 {
				t.Error("the rule has no examples")
			}
			for name, source := range r.refuse {
				if !broken(t, r, name, source) {
					t.Errorf("lets pass in %s: %s", name, source)
				}
			}
			for name, source := range r.pass {
				if broken(t, r, name, source) {
					t.Errorf("refuses in %s: %s", name, source)
				}
			}
		})
	}
}

// TestPackageComments: go doc of a package says what it promises.
func TestPackageComments(t *testing.T) {
	said := map[string]string{}
	folders := map[string]*ast.File{}
	for _, f := range files(t) {
		if strings.HasSuffix(f.syntax.Name.Name, "_test") {
			continue
		}
		// What go doc shows stands in a file of the package itself; a package that is all
		// tests says it in one of them.
		if _, ok := folders[f.folder]; !ok || !f.test {
			folders[f.folder] = f.syntax
		}
		if d := f.syntax.Doc; d != nil && (!f.test || f.folder == "internal/archtest" || f.folder == "internal/crash") {
			text := d.Text()
			if strings.HasPrefix(text, "Package "+f.syntax.Name.Name+" ") || f.syntax.Name.Name == "main" && strings.HasPrefix(text, "Command ") {
				if other, ok := said[f.folder]; ok {
					t.Errorf("%s and %s both have a package comment: one place says what the package promises", other, f.name)
				}
				said[f.folder] = f.name
			}
		}
	}
	for folder, syntax := range folders {
		if _, ok := said[folder]; !ok {
			t.Errorf("%s: package %s has no comment that begins with %q: say in two to six sentences what it promises", folder, syntax.Name.Name, "Package "+syntax.Name.Name)
		}
	}
}

// TestBuildTags: the rules about types see what is built for Linux, so nothing else
// may stand behind a build constraint.
func TestBuildTags(t *testing.T) {
	for _, f := range files(t) {
		if f.test || f.folder == "internal/powercut" {
			continue
		}
		for _, c := range f.syntax.Comments {
			if c.Pos() < f.syntax.Package && strings.HasPrefix(c.List[0].Text, "//go:"+"build") {
				t.Errorf("%s: a build constraint: code that is built only sometimes is checked only sometimes (internal/powercut, which needs Linux, excepted)", f.at(c))
			}
		}
		for _, ending := range []string{"_linux.go", "_darwin.go", "_windows.go", "_amd64.go", "_arm64.go"} {
			if strings.HasSuffix(f.name, ending) {
				t.Errorf("%s: built for some systems only: code that is built only sometimes is checked only sometimes", f.name)
			}
		}
	}
}

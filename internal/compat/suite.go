package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// suite is a public test suite that can be run case by case.
type suite interface {
	name() string
	cases() []string
	run(ctx context.Context, name string, at *server, limit time.Duration) outcome
}

var suiteNames = []string{"versitygw", "minio-go"}

// installSuite gets a suite ready to run, in the cache or in temp.
func installSuite(ctx context.Context, name, cache, temp string) (suite, error) {
	if name == "versitygw" {
		return installVersity(ctx, cache)
	}
	return installMinio(ctx, temp)
}

// outcome is what became of one case.
type outcome struct {
	name   string
	passed bool
	said   string // why not
}

// result is what became of a suite's cases on one server.
type result struct {
	suite, server string
	outcomes      []outcome
}

func (r result) passed() (n int) {
	for _, o := range r.outcomes {
		if o.passed {
			n++
		}
	}
	return n
}

// attempt runs one case in a process group of its own, within a time limit.
func attempt(ctx context.Context, limit time.Duration, dir string, env []string, program string, args ...string) (said string, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	c.Dir, c.Env = dir, env
	c.WaitDelay = 5 * time.Second
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	out, err := c.CombinedOutput()
	if ctx.Err() == context.DeadlineExceeded {
		err = fmt.Errorf("not done within %s", limit)
	}
	return string(out), err
}

// bareEnvironment is the environment of a suite's client: nothing of this machine's
// own configuration of S3.
func bareEnvironment(at *server, further ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + at.dir, "TMPDIR=" + at.dir, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=" + at.accessKey, "AWS_SECRET_ACCESS_KEY=" + at.secret, "AWS_REGION=us-east-1",
	}, further...)
}

// versitySuite is `versitygw test CASE`.
type versitySuite struct {
	program string
	names   []string
}

func (versitySuite) name() string      { return "versitygw" }
func (s versitySuite) cases() []string { return s.names }

// ownFace are the functions by which a case of versitygw's suite uses what only versitygw
// has: its program for administrators. Such cases are left out for every server.
var ownFace = []string{"createUsers", "changeBucketsOwner", "listBucketsAdmin", "execCommand", "deleteUser"}

// installVersity installs the suite and takes its cases from its source: those of its full
// flow, with versions and without, but for those that drive its program for administrators.
func installVersity(ctx context.Context, cache string) (suite, error) {
	program, err := install(ctx, "versitygw", cache)
	if err != nil {
		return nil, err
	}
	path, version, _ := strings.Cut(modules["versitygw"], "@")
	dir, err := moduleFolder(ctx, strings.TrimSuffix(path, "/cmd/versitygw")+"@"+version)
	if err != nil {
		return nil, err
	}
	source, err := parseFolder(filepath.Join(dir, "tests", "integration"))
	if err != nil {
		return nil, err
	}
	s := versitySuite{program: program, names: source.casesOf("TestFullFlow", ownFace)}
	s.names = slices.DeleteFunc(s.names, func(c string) bool { return !source.commands[c] }) // some have no command
	if len(s.names) < 100 {
		return nil, fmt.Errorf("the source of %s names %d cases only", modules["versitygw"], len(s.names))
	}
	return s, nil
}

func (s versitySuite) run(ctx context.Context, name string, at *server, limit time.Duration) outcome {
	args := []string{"test", "--endpoint", "http://" + at.address, "--access", at.accessKey, name}
	if at.variant == versioned {
		args = append(args, "--versioning-enabled")
	}
	said, err := attempt(ctx, limit, at.dir, bareEnvironment(at), s.program, args...)
	return versityOutcome(name, said, err)
}

// versityOutcome reads what a case of versitygw's suite printed: PASS or FAIL, in
// colours, with the name and the reason.
func versityOutcome(name, said string, err error) outcome {
	o := outcome{name: name}
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(colours.Replace(line))
		if why, failed := strings.CutPrefix(line, "FAIL "); failed {
			o.said = strings.TrimPrefix(why, name+": ")
		}
		if _, ok := strings.CutPrefix(line, "PASS "); ok {
			o.passed = true
		}
	}
	switch {
	case err == nil && o.passed && o.said == "":
	case o.said != "":
		o.passed = false
	case err != nil:
		o.passed, o.said = false, err.Error()+": "+lastLines(colours.Replace(said), 2)
	default:
		o.said = "it did not say that it passed: " + lastLines(colours.Replace(said), 2)
	}
	o.said = oneLine(o.said)
	return o
}

var colours = strings.NewReplacer("\x1b[0m", "", "\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "", "\x1b[36m", "")

// oneLine makes a message fit a line of a report.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 400 {
		s = string(r[:400]) + "…"
	}
	return s
}

// minioSuite is minio-go's functional tests, each run by itself.
type minioSuite struct {
	program string
	names   []string
}

// minioModule is what the functional tests come with.
const minioModule = "github.com/minio/minio-go/v7@v7.4.1"

func (minioSuite) name() string      { return "minio-go" }
func (s minioSuite) cases() []string { return s.names }

// installMinio builds the functional tests in a module of their own, with a main function
// that runs the one that is asked for instead of all. They are those of full mode over
// plain HTTP: those for TLS have the client bring the key, by SSE-C.
func installMinio(ctx context.Context, temp string) (suite, error) {
	dir, err := moduleFolder(ctx, minioModule)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "functional_tests.go"))
	if err != nil {
		return nil, fmt.Errorf("reading the functional tests: %w", err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "functional_tests.go", text, 0)
	if err != nil {
		return nil, fmt.Errorf("reading the functional tests: %w", err)
	}
	s := minioSuite{program: filepath.Join(temp, "minio-go-functional"), names: functionalTests(file)}
	if len(s.names) < 50 {
		return nil, fmt.Errorf("the source of %s names %d functions only", minioModule, len(s.names))
	}
	var chosen strings.Builder
	chosen.WriteString("package main\n\nimport (\n\t\"log/slog\"\n\t\"os\"\n)\n\nfunc main() {\n" +
		"\tslog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))\n\tmap[string]func(){\n")
	for _, name := range s.names {
		fmt.Fprintf(&chosen, "\t\t%q: %s,\n", name, name)
	}
	chosen.WriteString("\t}[os.Args[1]]()\n}\n")
	module := filepath.Join(temp, "minio-go-functional-source")
	if err := os.Mkdir(module, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder for the functional tests: %w", err)
	}
	path, version, _ := strings.Cut(minioModule, "@")
	for name, content := range map[string]string{
		"go.mod":   "module functional\n\ngo 1.25\n\nrequire " + path + " " + version + "\n",
		"tests.go": strings.NewReplacer("//go:build mint\n", "", "\nfunc main() {", "\nfunc runAll() {").Replace(string(text)),
		"main.go":  chosen.String(),
	} {
		if err := os.WriteFile(filepath.Join(module, name), []byte(content), 0o600); err != nil {
			return nil, fmt.Errorf("writing the functional tests: %w", err)
		}
	}
	env := []string{"GOFLAGS=-mod=mod", "GOWORK=off"}
	if err := command(ctx, module, env, "go", "mod", "tidy"); err != nil {
		return nil, fmt.Errorf("finding what the functional tests need: %w", err)
	}
	if err := command(ctx, module, env, "go", "build", "-o", s.program, "."); err != nil {
		return nil, fmt.Errorf("building the functional tests: %w", err)
	}
	return s, nil
}

func (s minioSuite) run(ctx context.Context, name string, at *server, limit time.Duration) outcome {
	env := bareEnvironment(at, "SERVER_ENDPOINT="+at.address, "ACCESS_KEY="+at.accessKey, "SECRET_KEY="+at.secret,
		"ENABLE_HTTPS=0", "MINT_MODE=full")
	said, err := attempt(ctx, limit, at.dir, env, s.program, name)
	return minioOutcome(name, said, err)
}

// minioOutcome reads the log of one function, a JSON object a line: it passed if it
// ended well and nothing in it failed or was answered as not implemented.
func minioOutcome(name, said string, err error) outcome {
	o := outcome{name: name}
	var misses []string
	for line := range strings.Lines(said) {
		var entry struct{ Function, Status, Alert, Message, Error string }
		if json.Unmarshal([]byte(line), &entry) != nil {
			continue
		}
		if entry.Status == "FAIL" || entry.Status == "NA" {
			misses = append(misses, strings.Join(slices.DeleteFunc([]string{entry.Function, entry.Alert, entry.Message, entry.Error}, func(s string) bool { return s == "" }), ": "))
		}
	}
	switch {
	case len(misses) > 0:
		o.said = misses[0]
	case err != nil:
		o.said = err.Error() + ": " + lastLines(said, 2)
	default:
		o.passed = true // it need not say so: not every function does
	}
	o.said = oneLine(o.said)
	return o
}

// functionalTests are the functions that the tests' main calls in full mode, but for
// those it calls over TLS only.
func functionalTests(file *ast.File) []string {
	var names []string
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Name.Name != "main" {
			continue
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			if branch, ok := n.(*ast.IfStmt); ok {
				if on, ok := branch.Cond.(*ast.Ident); ok && on.Name == "tls" {
					return false
				}
			}
			if call, ok := n.(*ast.CallExpr); ok {
				if f, ok := call.Fun.(*ast.Ident); ok && strings.HasPrefix(f.Name, "test") && !slices.Contains(names, f.Name) {
					names = append(names, f.Name)
				}
			}
			return true
		})
	}
	return names
}

// moduleFolder is where the go command keeps a module's source.
func moduleFolder(ctx context.Context, module string) (string, error) {
	c := exec.CommandContext(ctx, "go", "mod", "download", "-json", module)
	c.Env = append(os.Environ(), "GOWORK=off")
	printed, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("fetching the source of %s: %w", module, err)
	}
	var found struct{ Dir string }
	if err := json.Unmarshal(printed, &found); err != nil {
		return "", fmt.Errorf("fetching the source of %s: %w", module, err)
	}
	if found.Dir == "" {
		return "", fmt.Errorf("fetching the source of %s: the go command names no folder", module)
	}
	return found.Dir, nil
}

// source is what the functions of a package call, and which cases they run.
type source struct {
	calls    map[string][]string
	runs     map[string][]string // by ts.Run(CASE)
	commands map[string]bool     // cases that can be run by themselves: the keys of what GetIntTests returns
}

func newSource() source {
	return source{map[string][]string{}, map[string][]string{}, map[string]bool{}}
}

func parseFolder(dir string) (source, error) {
	s := newSource()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err == nil && len(files) == 0 {
		err = errors.New("there is no Go file")
	}
	if err != nil {
		return s, fmt.Errorf("reading %s: %w", dir, err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return s, fmt.Errorf("reading %s: %w", name, err)
		}
		s.add(file)
	}
	return s, nil
}

func (s source) add(file *ast.File) {
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		in := f.Name.Name
		ast.Inspect(f.Body, func(n ast.Node) bool {
			if pair, ok := n.(*ast.KeyValueExpr); ok && in == "GetIntTests" {
				if key, ok := pair.Key.(*ast.BasicLit); ok {
					s.commands[strings.Trim(key.Value, `"`)] = true
				}
			}
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			switch called := call.Fun.(type) {
			case *ast.Ident:
				s.calls[in] = append(s.calls[in], called.Name)
			case *ast.SelectorExpr:
				if len(call.Args) == 1 && called.Sel.Name == "Run" {
					if c, ok := call.Args[0].(*ast.Ident); ok {
						s.runs[in] = append(s.runs[in], c.Name)
					}
				}
			}
			return true
		})
	}
}

// casesOf are the cases that a function runs, itself or through others, in order, but
// for those that call one of the functions left out.
func (s source) casesOf(in string, leftOut []string) []string {
	var found []string
	seen := map[string]bool{}
	var walk func(string)
	walk = func(in string) {
		if seen[in] {
			return
		}
		seen[in] = true
		for _, c := range s.runs[in] {
			if !slices.Contains(found, c) && !s.reaches(c, leftOut, map[string]bool{}) {
				found = append(found, c)
			}
		}
		for _, called := range s.calls[in] {
			walk(called)
		}
	}
	walk(in)
	return found
}

func (s source) reaches(from string, to []string, seen map[string]bool) bool {
	if slices.Contains(to, from) {
		return true
	}
	if seen[from] {
		return false
	}
	seen[from] = true
	return slices.ContainsFunc(s.calls[from], func(called string) bool { return s.reaches(called, to, seen) })
}

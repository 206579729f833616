package store

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// postgres starts a PostgreSQL of the test's own, reached through a socket in a folder of
// its own, and answers how to run a script in it.
func postgres(t *testing.T) (psql func(script string) (string, error)) {
	t.Helper()
	for _, program := range []string{"initdb", "postgres", "psql"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	dir, err := os.MkdirTemp("", "strongroom-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	as := &syscall.SysProcAttr{}
	if os.Getuid() == 0 { // PostgreSQL does not run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Skip("PostgreSQL does not run as root, and there is no user postgres")
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr, os.Chown(dir, int(uid), int(gid))); err != nil {
			t.Fatal(err)
		}
		as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	command := func(name string, args ...string) *exec.Cmd {
		c := exec.Command(name, args...)
		c.Dir, c.SysProcAttr = dir, as
		c.Env = append(os.Environ(), "HOME="+dir)
		return c
	}
	data := filepath.Join(dir, "data")
	if out, err := command("initdb", "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("making a database: %v\n%s", err, out)
	}
	var log bytes.Buffer
	server := command("postgres", "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off")
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Signal(syscall.SIGINT) // a fast shutdown
		server.Wait()
	})
	psql = func(script string) (string, error) {
		c := command("psql", "-X", "-q", "-h", dir, "-U", "test", "-d", "postgres", "-v", "ON_ERROR_STOP=1")
		c.Stdin = strings.NewReader(script)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := psql("SELECT 1"); err == nil {
			return psql
		} else if time.Now().After(end) {
			server.Process.Kill()
			server.Wait()
			t.Fatalf("PostgreSQL does not answer: %v\n%s", err, log.String())
		}
	}
}

// literals returns the SQL in the package's sources: whole statements, and the conditions
// that are appended to the selection of rows.
func literals(t *testing.T) (statements []string) {
	t.Helper()
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	sources = slices.DeleteFunc(sources, func(s string) bool { return strings.HasSuffix(s, "_test.go") })
	for _, source := range sources {
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			verb, _, _ := strings.Cut(text, " ")
			switch verb {
			case "SELECT", "INSERT", "UPDATE", "DELETE":
				if !strings.Contains(text, "pragma_") { // SQLite's own
					statements = append(statements, text)
				}
			case "WHERE", "ORDER":
				statements = append(statements, rowColumns+text)
			}
			return true
		})
	}
	return statements
}

// The schema and every statement are PostgreSQL's as well as SQLite's.
func TestStatementsArePostgreSQLs(t *testing.T) {
	psql := postgres(t)
	for _, folder := range []string{"content", "ops"} {
		migrations, err := filepath.Glob(filepath.Join(folder, "*.sql"))
		if err != nil || len(migrations) == 0 {
			t.Fatal(migrations, err)
		}
		for _, m := range migrations {
			text, err := os.ReadFile(m)
			if err != nil {
				t.Fatal(err)
			}
			up, _, _ := strings.Cut(string(text), "-- +goose Down")
			if out, err := psql(up); err != nil {
				t.Fatalf("%s: %v\n%s", m, err, out)
			}
		}
	}
	statements := literals(t)
	if len(statements) < 20 {
		t.Fatalf("only %d statements were found", len(statements))
	}
	var script strings.Builder
	for i, s := range append(statements, "SELECT epoch, size, checkpoint FROM head FOR UPDATE") {
		fmt.Fprintf(&script, "PREPARE s%d AS %s;\n", i, s)
	}
	if out, err := psql(script.String()); err != nil {
		t.Errorf("PostgreSQL does not understand a statement: %s", out)
	}
}

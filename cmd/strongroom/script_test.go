package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	randv2 "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"strongroom/internal/oidctest"
)

// The scripts run the program as its users do: as a process of its own, on real
// folders and sockets. Beside it stand an S3 client, an HTTP client and somebody
// with a database tool and bad intentions.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"strongroom": main,
		"s3":         s3Program,
		"fetch":      fetchProgram,
		"tamper":     tamperProgram,
		"assume":     assumeProgram,
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TZ", "UTC")
			e.Setenv("GORACE", "atexit_sleep_ms=0") // else each process ends a second late under -race
			e.Setenv("AWS_REGION", "us-east-1")
			e.Values[serverKey{}] = &background{ended: true}
			e.Values[providerKey{}] = new(*oidctest.Provider)
			e.Setenv("AWS_DEFAULT_REGION", "us-east-1") // what Python calls it
			e.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			e.Setenv("AWS_MAX_ATTEMPTS", "1")
			for _, name := range []string{"PYENV_ROOT", "PYENV_VERSION", "VIRTUAL_ENV", "PYTHONPATH"} { // of whoever has Python there
				e.Setenv(name, os.Getenv(name))
			}
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "boto3" {
				return false, fmt.Errorf("no such condition")
			}
			return hasBoto(), nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"use":         use,
			"as":          as,
			"serve":       serve,
			"shutdown":    shutdown,
			"within":      within,
			"absent":      absent,
			"flip":        flip,
			"random":      random,
			"certificate": certificate,
			"copytree":    copytree,
			"session":     session,
			"provider":    provider,
			"token":       token,
		},
	})
}

// use NAME takes the access key in the JSON that the last command printed, remembers
// it under that name, and acts with it from here on. The room and ledger key that init
// prints become $ROOM and $LEDGER_KEY.
func use(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: use NAME")
	}
	var printed map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &printed))
	text := func(name string) string { s, _ := printed[name].(string); return s }
	ts.Setenv(args[0]+"_ID", text("s3_access_key_id"))
	ts.Setenv(args[0]+"_SECRET", text("s3_secret_access_key"))
	if text("room") != "" {
		ts.Setenv("ROOM", text("room"))
		ts.Setenv("LEDGER_KEY", text("ledger_key"))
		ts.Setenv("SETUP_URL", text("setup_url"))
	}
	as(ts, false, args)
}

// as NAME acts with a remembered access key; as nobody acts with none.
func as(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: as NAME")
	}
	id, secret := ts.Getenv(args[0]+"_ID"), ts.Getenv(args[0]+"_SECRET")
	if args[0] != "nobody" && (id == "" || secret == "") {
		ts.Fatalf("nobody remembered an access key of %s", args[0])
	}
	ts.Setenv("AWS_SESSION_TOKEN", ts.Getenv(args[0]+"_TOKEN"))
	ts.Setenv("AWS_ACCESS_KEY_ID", id)
	ts.Setenv("AWS_SECRET_ACCESS_KEY", secret)
}

// background is the strongroom serve that a script has in the background.
type background struct {
	cmd    *exec.Cmd
	exited chan error
	ended  bool
}

type serverKey struct{}

var listening = regexp.MustCompile(`(?m)^S3 +(\S+)\nconsole +(\S+)$`)

// serve ARGS runs strongroom serve on free ports in the background until stop, and sets
// $S3, $CONSOLE and $AWS_ENDPOINT_URL. What it prints lies in server.stdout and
// server.stderr.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: serve ARGS")
	}
	program, err := exec.LookPath("strongroom")
	ts.Check(err)
	s := ts.Value(serverKey{}).(*background)
	if !s.ended {
		ts.Fatalf("this script's server runs already")
	}
	*s = background{cmd: exec.Command(program, append([]string{"serve", "--s3", "127.0.0.1:0", "--console", "127.0.0.1:0"}, args...)...), exited: make(chan error, 1)}
	s.cmd.Dir = ts.MkAbs(".")
	s.cmd.Env = append(os.Environ(), "GORACE="+ts.Getenv("GORACE"))
	for _, name := range []string{"stdout", "stderr"} {
		f, err := os.Create(ts.MkAbs("server." + name))
		ts.Check(err)
		defer f.Close()
		if name == "stdout" {
			s.cmd.Stdout = f
		} else {
			s.cmd.Stderr = f
		}
	}
	ts.Check(s.cmd.Start())
	go func() { s.exited <- s.cmd.Wait() }()
	ts.Defer(func() {
		if !s.ended {
			s.cmd.Process.Kill()
			<-s.exited
			ts.Logf("server.stderr:\n%s", ts.ReadFile("server.stderr"))
		}
	})
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		printed, err := os.ReadFile(ts.MkAbs("server.stdout"))
		ts.Check(err)
		if m := listening.FindSubmatch(printed); m != nil {
			ts.Setenv("S3", string(m[1]))
			ts.Setenv("AWS_ENDPOINT_URL", string(m[1]))
			ts.Setenv("CONSOLE", string(m[2]))
			return
		}
		select {
		case err := <-s.exited:
			s.ended = true
			ts.Fatalf("serve ended: %v\n%s", err, ts.ReadFile("server.stderr"))
		case <-time.After(50 * time.Millisecond):
		}
	}
	ts.Fatalf("serve did not say where it listens within two minutes")
}

// shutdown (stop is testscript's own: it ends the script) ends the server with SIGTERM, which it must obey in good time and with status 0.
func shutdown(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: shutdown")
	}
	s := ts.Value(serverKey{}).(*background)
	ts.Check(s.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-s.exited:
		s.ended = true
		if err != nil {
			ts.Fatalf("serve did not stop gracefully: %v\n%s", err, ts.ReadFile("server.stderr"))
		}
	case <-time.After(4 * shutdownTime):
		ts.Fatalf("serve did not stop within four times %s", shutdownTime)
	}
}

// within DURATION [!] PROGRAM ARGS runs a program until it succeeds (with ! until it
// fails), at most for ten times as long: the duration is what a quiet machine may take.
func within(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: within DURATION [!] PROGRAM ARGS")
	}
	limit, err := time.ParseDuration(args[0])
	ts.Check(err)
	args = args[1:]
	fails := args[0] == "!"
	if fails {
		args = args[1:]
	}
	for end := time.Now().Add(10 * limit); ; time.Sleep(50 * time.Millisecond) {
		started := time.Now()
		if err := ts.Exec(args[0], args[1:]...); (err != nil) == fails {
			return
		}
		if started.After(end) {
			ts.Fatalf("not within ten times %s", limit)
		}
	}
}

// absent TEXT PATH... fails where the text stands in one of the files, or in a file
// under one of the folders.
func absent(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || args[0] == "" {
		ts.Fatalf("usage: [!] absent TEXT PATH...")
	}
	var found []string
	files := 0
	for _, path := range args[1:] {
		ts.Check(filepath.WalkDir(ts.MkAbs(path), func(p string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			files++
			content, err := os.ReadFile(p)
			if bytes.Contains(content, []byte(args[0])) {
				found = append(found, p)
			}
			return err
		}))
	}
	switch {
	case files == 0:
		ts.Fatalf("there is no file to search")
	case !neg && len(found) > 0:
		ts.Fatalf("found in %s", strings.Join(found, ", "))
	case neg && len(found) == 0:
		ts.Fatalf("not found in %d files", files)
	}
}

// flip FILE PATTERN alters the one byte after the pattern's first match in the file.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE PATTERN")
	}
	path := ts.MkAbs(args[0])
	content, err := os.ReadFile(path)
	ts.Check(err)
	match := regexp.MustCompile(args[1]).FindIndex(content)
	if match == nil || match[1] >= len(content) {
		ts.Fatalf("%s does not match %s", args[0], args[1])
	}
	c := &content[match[1]]
	if *c == 'A' || *c == '1' {
		*c++
	} else if '0' <= *c && *c <= '9' {
		*c = '1'
	} else {
		*c = 'A'
	}
	ts.Check(os.WriteFile(path, content, 0o600))
}

// random FILE BYTES writes bytes that do not compress and are the same in every run.
func random(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: random FILE BYTES")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	content := make([]byte, n)
	randv2.NewChaCha8([32]byte{}).Read(content)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), content, 0o600))
}

// certificate CERT KEY writes a certificate of 127.0.0.1 and its key.
func certificate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: certificate CERT KEY")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

// copytree FROM TO copies a folder with its modes.
func copytree(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: copytree FROM TO")
	}
	from, to := ts.MkAbs(args[0]), ts.MkAbs(args[1])
	ts.Check(filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Mkdir(filepath.Join(to, name), 0o700)
		}
		content, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), content, 0o600)
	}))
}

// Package s3clients drives an S3 endpoint with the clients that people use: boto3,
// the AWS command line, rclone, s3cmd, minio-go and the AWS SDK for Go. It holds one
// suite for all servers, so that the door's own tests and those of the finished server
// ask the same. A client that is not on the machine is skipped with a message that says
// so. The suite makes buckets of its own and removes them again.
package s3clients

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strongroom"
)

// Endpoint is the server to drive and who to be there.
type Endpoint struct {
	URL               string // https://127.0.0.1:7480
	AccessKey, Secret string
	Region            string // default us-east-1
	CAFile            string // PEM of the authority to trust, "" for the system's
	// Purpose and Ticket are given with every read that can carry them.
	Purpose strongroom.Purpose
	// NeedsPurpose says that reading without a purpose is refused: the suite then
	// expects the refusal, and leaves out reads by clients that cannot send one.
	NeedsPurpose bool
	// CredentialProcess is a command line that prints credentials which bring the
	// purpose along, as AWS's credential_process does. Clients that have no way to say
	// why then read with those.
	CredentialProcess string
	// Whole asks for everything: copies, versions, tags, locks and the configuration of
	// buckets, and the clients rclone, s3cmd and the AWS SDK for Go; every client must then
	// be able to read. Without it the suite asks what a door answers that stands before a
	// room with less.
	Whole bool
}

// Run drives e with the clients named, or with all of them: boto3, features (boto3 too),
// aws, rclone, s3cmd, minio-go and aws-sdk-go-v2.
func Run(t *testing.T, e Endpoint, clients ...string) {
	if e.Region == "" {
		e.Region = "us-east-1"
	}
	if e.Purpose.Text == "" {
		e.Purpose = strongroom.Purpose{Text: "réclamation 50%", Ticket: "TICKET-1"}
	}
	if e.Whole && !e.reads() {
		t.Fatal("everything is asked, and there is no credential process for the clients that cannot say why they read")
	}
	for _, client := range []struct {
		name  string
		whole bool
		run   func(*testing.T, Endpoint)
	}{
		{"boto3", false, runBoto}, {"features", true, runFeatures}, {"aws", false, runCommandLine}, {"rclone", true, runRclone},
		{"s3cmd", true, runS3cmd}, {"minio-go", false, runMinio}, {"aws-sdk-go-v2", true, runSDK},
	} {
		if client.whole && !e.Whole || len(clients) > 0 && !slices.Contains(clients, client.name) {
			continue
		}
		t.Run(client.name, func(t *testing.T) {
			t.Parallel()
			client.run(t, e)
		})
	}
}

// reads says whether a client that cannot say why can read nevertheless.
func (e Endpoint) reads() bool { return !e.NeedsPurpose || e.CredentialProcess != "" }

// environment is what botocore's programs are told: the endpoint's credentials, and
// nothing of the machine's own configuration. Where there is a credential process, the
// profile "reader" uses it.
func (e Endpoint) environment(t *testing.T) []string {
	home := t.TempDir()
	env := []string{
		"HOME=" + home, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8",
		"AWS_ACCESS_KEY_ID=" + e.AccessKey, "AWS_SECRET_ACCESS_KEY=" + e.Secret,
		"AWS_DEFAULT_REGION=" + e.Region, "AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1",
		"PYTHONDONTWRITEBYTECODE=1",
	}
	for _, name := range []string{"PYENV_ROOT", "PYENV_VERSION", "VIRTUAL_ENV", "PYTHONPATH"} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	if e.CAFile != "" {
		env = append(env, "AWS_CA_BUNDLE="+e.CAFile)
	}
	return append(env, "AWS_CONFIG_FILE="+e.configFile(t))
}

// configFile writes a shared configuration file as AWS's clients read it.
func (e Endpoint) configFile(t *testing.T) string {
	file := filepath.Join(t.TempDir(), "config")
	// Version 1 of the command line presigns with Signature Version 2 unless it is told.
	text := "[profile reader]\nregion = " + e.Region + "\ns3 =\n  signature_version = s3v4\n"
	if e.CredentialProcess != "" {
		text += "credential_process = " + e.CredentialProcess + "\n"
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// session is what a client signs with that runs no credential process itself: what the
// process prints, or else the access key.
func (e Endpoint) session(t *testing.T) (keyID, secret, token string) {
	t.Helper()
	if e.CredentialProcess == "" {
		return e.AccessKey, e.Secret, ""
	}
	process := exec.CommandContext(t.Context(), "sh", "-c", e.CredentialProcess)
	var complaint bytes.Buffer
	process.Stderr = &complaint
	out, err := process.Output()
	if err != nil {
		t.Fatalf("the credential process: %v\n%s", err, &complaint)
	}
	var printed struct {
		Version                                   int
		AccessKeyID                               string `json:"AccessKeyId"`
		SecretAccessKey, SessionToken, Expiration string
	}
	if err := json.Unmarshal(out, &printed); err != nil || printed.Version != 1 || printed.SessionToken == "" {
		t.Fatalf("the credential process prints no credentials: %v", err)
	}
	return printed.AccessKeyID, printed.SecretAccessKey, printed.SessionToken
}

// program finds a program or skips the test.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not on this machine: its part of the suite is left out", name)
	}
	return path
}

// tool is a client that is a program.
type tool struct {
	t     *testing.T
	path  string
	first []string // arguments before all others
	env   []string
}

func (c tool) run(args ...string) (string, error) {
	run := exec.CommandContext(c.t.Context(), c.path, slices.Concat(c.first, args)...)
	run.Env = c.env
	out, err := run.CombinedOutput()
	return string(out), err
}

func (c tool) must(args ...string) string {
	c.t.Helper()
	out, err := c.run(args...)
	if err != nil {
		c.t.Fatalf("%s %s: %v\n%s", filepath.Base(c.path), strings.Join(args, " "), err, out)
	}
	return out
}

// refused runs what must fail, and say one of the words.
func (c tool) refused(words []string, args ...string) {
	c.t.Helper()
	out, err := c.run(args...)
	if err == nil || !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(out, w) }) {
		c.t.Errorf("%s %s: %v, and it says none of %q:\n%s", filepath.Base(c.path), strings.Join(args, " "), err, words, out)
	}
}

// tree is a folder's files by their path.
type tree map[string][]byte

// write makes the folder hold the tree; what it holds already keeps its time.
func (f tree) write(t *testing.T, dir string) {
	t.Helper()
	for name, content := range f {
		path := filepath.Join(dir, name)
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// compare fails the test where the folder holds anything else than the tree.
func (f tree) compare(t *testing.T, dir, after string) {
	t.Helper()
	found := tree{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err == nil {
			found[name], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if maps.EqualFunc(f, found, bytes.Equal) {
		return
	}
	var wrong []string
	for name, content := range f {
		if got, ok := found[name]; !ok {
			wrong = append(wrong, name+" is missing")
		} else if !bytes.Equal(got, content) {
			wrong = append(wrong, fmt.Sprintf("%s has other bytes (%d instead of %d)", name, len(got), len(content)))
		}
	}
	for name := range found {
		if _, ok := f[name]; !ok {
			wrong = append(wrong, name+" is too many")
		}
	}
	slices.Sort(wrong)
	t.Errorf("%s: %d of %d files are not as they were: %s", after, len(wrong), len(f), strings.Join(wrong[:min(len(wrong), 5)], ", "))
}

package s3clients

import (
	"bytes"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// runCommandLine drives the AWS command line. It has no way to send further
// headers, so where reading needs a purpose only what needs none is asked.
func runCommandLine(t *testing.T, e Endpoint) {
	aws := program(t, "aws")
	bucket := "awscli-" + strings.ToLower(rand.Text()[:12])
	env := e.environment(t)
	run := func(args ...string) (string, error) {
		c := exec.CommandContext(t.Context(), aws, append([]string{"--endpoint-url", e.URL, "--output", "json"}, args...)...)
		c.Env = env
		out, err := c.CombinedOutput()
		return string(out), err
	}
	must := func(args ...string) string {
		t.Helper()
		out, err := run(args...)
		if err != nil {
			t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return out
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "call 1+é.wav")
	data := make([]byte, 9<<20) // beyond the command's threshold for multipart
	rand.Read(data)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}

	must("s3", "mb", "s3://"+bucket)
	must("s3", "cp", file, "s3://"+bucket+"/calls/call 1+é.wav", "--no-progress", "--metadata", "strongroom-queue=billing")
	if out := must("s3", "ls", "--recursive", "s3://"+bucket); !strings.Contains(out, "9437184 calls/call 1+é.wav") {
		t.Errorf("ls does not show the file:\n%s", out)
	}
	if out := must("s3api", "head-object", "--bucket", bucket, "--key", "calls/call 1+é.wav"); !strings.Contains(out, `"ServerSideEncryption": "aws:kms"`) || !strings.Contains(out, `"strongroom-queue": "billing"`) {
		t.Errorf("head-object answers:\n%s", out)
	}
	copied := filepath.Join(dir, "back")
	out, err := run("s3", "cp", "s3://"+bucket+"/calls/call 1+é.wav", copied, "--no-progress")
	if e.NeedsPurpose {
		if err == nil || !strings.Contains(out, "AccessDenied") && !strings.Contains(out, "Forbidden") {
			t.Errorf("reading without a purpose: %v\n%s", err, out)
		}
	} else if back, _ := os.ReadFile(copied); err != nil || !bytes.Equal(back, data) {
		t.Errorf("the file did not come back as it was: %v\n%s", err, out)
	}
	must("s3", "rb", "--force", "s3://"+bucket)
}

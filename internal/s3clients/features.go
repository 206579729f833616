package s3clients

import (
	_ "embed"
	"os/exec"
	"testing"
)

//go:embed features.py
var featuresScript string

// runFeatures drives with boto3 what a bucket can do beside keeping bytes.
func runFeatures(t *testing.T, e Endpoint) { runPython(t, e, featuresScript, "SCRIPT="+featuresScript) }

// runPython runs a script with boto3 against the endpoint.
func runPython(t *testing.T, e Endpoint, script string, env ...string) {
	python := program(t, "python3")
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		t.Skip("boto3 is not installed for python3: its part of the suite is left out")
	}
	c := exec.CommandContext(t.Context(), python, "-c", script)
	c.Env = append(e.environment(t), "ENDPOINT="+e.URL, "PURPOSE="+e.Purpose.Text, "TICKET="+e.Purpose.Ticket)
	c.Env = append(c.Env, env...)
	if e.NeedsPurpose {
		c.Env = append(c.Env, "NEEDS_PURPOSE=1")
	}
	if e.CredentialProcess != "" {
		c.Env = append(c.Env, "READER_PROFILE=reader")
	}
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

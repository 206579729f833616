package s3clients

import (
	_ "embed"
	"os/exec"
	"testing"
)

//go:embed boto.py
var botoScript string

func runBoto(t *testing.T, e Endpoint) {
	python := program(t, "python3")
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		t.Skip("boto3 is not installed for python3: its part of the suite is left out")
	}
	c := exec.CommandContext(t.Context(), python, "-c", botoScript)
	c.Env = append(e.environment(t), "ENDPOINT="+e.URL, "PURPOSE="+e.Purpose.Text, "TICKET="+e.Purpose.Ticket)
	if e.NeedsPurpose {
		c.Env = append(c.Env, "NEEDS_PURPOSE=1")
	}
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

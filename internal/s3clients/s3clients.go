// Package s3clients drives an S3 endpoint with the clients that people use: boto3,
// the AWS command line and minio-go. It holds one suite for all servers, so that the
// door's own tests and those of the finished server ask the same. A client that is
// not on the machine is skipped with a message that says so. The suite makes
// buckets of its own and removes them again.
package s3clients

import (
	"os"
	"os/exec"
	"slices"
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
}

// Run drives e with the clients named, or with all of them: boto3, aws, minio-go.
func Run(t *testing.T, e Endpoint, clients ...string) {
	if e.Region == "" {
		e.Region = "us-east-1"
	}
	if e.Purpose.Text == "" {
		e.Purpose = strongroom.Purpose{Text: "réclamation 50%", Ticket: "TICKET-1"}
	}
	for _, client := range []struct {
		name string
		run  func(*testing.T, Endpoint)
	}{{"boto3", runBoto}, {"aws", runCommandLine}, {"minio-go", runMinio}} {
		if len(clients) > 0 && !slices.Contains(clients, client.name) {
			continue
		}
		t.Run(client.name, func(t *testing.T) {
			t.Parallel()
			client.run(t, e)
		})
	}
}

// environment is what botocore's programs are told: the endpoint's credentials, and
// nothing of the machine's own configuration.
func (e Endpoint) environment(t *testing.T) []string {
	env := []string{
		"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8",
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
	return env
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

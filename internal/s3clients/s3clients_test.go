package s3clients

import (
	"os"
	"testing"
)

// TestEndpoint drives a server that is already running, named in the environment:
// S3_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, S3_NEEDS_PURPOSE=1 where reading
// needs a purpose, S3_CREDENTIAL_PROCESS with a command that brings one, and S3_WHOLE=1 to
// ask for everything.
func TestEndpoint(t *testing.T) {
	e := Endpoint{
		URL: os.Getenv("S3_ENDPOINT"), AccessKey: os.Getenv("AWS_ACCESS_KEY_ID"), Secret: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		CAFile: os.Getenv("AWS_CA_BUNDLE"), NeedsPurpose: os.Getenv("S3_NEEDS_PURPOSE") != "",
		CredentialProcess: os.Getenv("S3_CREDENTIAL_PROCESS"), Whole: os.Getenv("S3_WHOLE") != "",
	}
	if e.URL == "" {
		t.Skip("S3_ENDPOINT names no server to drive")
	}
	Run(t, e)
}

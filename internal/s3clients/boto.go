package s3clients

import (
	_ "embed"
	"testing"
)

//go:embed boto.py
var botoScript string

func runBoto(t *testing.T, e Endpoint) { runPython(t, e, botoScript) }

package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"strongroom/internal/oidctest"
)

// session NAME takes the session that the last command printed as a credential_process
// does, remembers it under that name, and acts with it from here on.
func session(ts *testscript.TestScript, neg bool, args []string) {
	var printed struct {
		Version                                                int
		AccessKeyId, SecretAccessKey, SessionToken, Expiration string
	}
	if neg || len(args) != 1 {
		ts.Fatalf("usage: session NAME")
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &printed))
	if _, err := time.Parse(time.RFC3339, printed.Expiration); err != nil || printed.Version != 1 {
		ts.Fatalf("this is not what a credential_process prints: version %d, %v", printed.Version, err)
	}
	ts.Setenv(args[0]+"_ID", printed.AccessKeyId)
	ts.Setenv(args[0]+"_SECRET", printed.SecretAccessKey)
	ts.Setenv(args[0]+"_TOKEN", printed.SessionToken)
	as(ts, false, args)
}

type providerKey struct{}

// provider starts an identity provider, and sets $ISSUER.
func provider(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: provider")
	}
	p, err := oidctest.New()
	ts.Check(err)
	ts.Defer(p.Close)
	*ts.Value(providerKey{}).(**oidctest.Provider) = p
	ts.Setenv("ISSUER", p.Issuer)
}

// token FILE CLAIMS [ALGORITHM KEY] writes a token for the audience strongroom, with these
// claims changed.
func token(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 && len(args) != 4 {
		ts.Fatalf("usage: token FILE CLAIMS [ALGORITHM KEY]")
	}
	var change map[string]any
	ts.Check(json.Unmarshal([]byte(args[1]), &change))
	if ago, ok := change["expired"].(float64); ok {
		delete(change, "expired")
		change["exp"] = time.Now().Unix() - int64(ago)
	}
	alg, kid := "RS256", "rsa"
	if len(args) == 4 {
		alg, kid = args[2], args[3]
	}
	p := *ts.Value(providerKey{}).(**oidctest.Provider)
	text, err := p.Token(alg, kid, p.Claims("strongroom", change))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// assumeProgram asks for a session with an identity token and prints the answer:
// assume TOKENFILE ROLE NAME.
func assumeProgram() { asProgram(assume) }

func assume(args []string) error {
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	answer, err := (&http.Client{Timeout: 2 * time.Minute}).PostForm(os.Getenv("S3"), url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"},
		"RoleArn": {args[1]}, "RoleSessionName": {args[2]}, "WebIdentityToken": {string(text)},
	})
	if err != nil {
		return err
	}
	return printAnswer(answer)
}

// hasBoto reports whether python3 has boto3.
func hasBoto() bool { return exec.Command("python3", "-c", "import boto3").Run() == nil }

func TestReadKeys(t *testing.T) {
	const file = "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key=B=\n\n[ other ]\nAWS_ACCESS_KEY_ID = C\n; aws_access_key_id = X\naws_secret_access_key = D\n[half]\naws_access_key_id = E\n"
	for _, c := range []struct {
		text, profile, id, secret string
		ok                        bool
	}{
		{file, "default", "A", "B=", true},
		{file, "other", "C", "D", true},
		{file, "half", "E", "", false},
		{file, "none", "", "", false},
		{`{"s3_access_key_id": "A", "s3_secret_access_key": "B", "principal": "ines"}`, "default", "A", "B", true},
		{`{"s3_access_key_id": "A"}`, "default", "A", "", false},
		{"", "default", "", "", false},
	} {
		if id, secret, ok := readKeys(c.text, c.profile); id != c.id || secret != c.secret || ok != c.ok {
			t.Errorf("profile %s: %q %q %v", c.profile, id, secret, ok)
		}
	}
}

func FuzzReadKeys(f *testing.F) {
	f.Add("[default]\naws_access_key_id = A\naws_secret_access_key = B\n", "default")
	f.Add(`{"s3_access_key_id": "A", "s3_secret_access_key": "B"}`, "x")
	f.Add("[a\n=\n[]", "")
	f.Fuzz(func(t *testing.T, text, profile string) {
		if id, secret, ok := readKeys(text, profile); ok != (id != "" && secret != "") {
			t.Errorf("%q: %q %q %v", text, id, secret, ok)
		}
	})
}

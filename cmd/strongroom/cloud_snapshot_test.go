package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strongroom/cloud/account"
)

// Somebody who may do nothing but say who they are gets a snapshot in which everything is
// refused, and one whose credentials end on the way gets none.
func TestCloudSnapshot(t *testing.T) {
	code := "AccessDenied"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case strings.Contains(string(body), "Action=GetCallerIdentity"):
			fmt.Fprint(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/reader</Arn><UserId>AIDA1</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
		case r.Header.Get("X-Amz-Target") != "":
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"__type":"%s"}`, code)
		default:
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `<Error><Code>%s</Code></Error>`, code)
		}
	}))
	defer server.Close()
	dir := t.TempDir()
	for k, v := range map[string]string{"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_REGION": "eu-west-1",
		"AWS_CONFIG_FILE": filepath.Join(dir, "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "none"), "AWS_EC2_METADATA_DISABLED": "true", "AWS_PROFILE": "", "AWS_SESSION_TOKEN": ""} {
		t.Setenv(k, v)
	}
	snapshots := filepath.Join(dir, "snapshots")
	if err := os.Mkdir(snapshots, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(snapshots, "account.jsonl.gz")
	var said, errors bytes.Buffer
	if status := run(t.Context(), []string{"cloud", "snapshot", "--bucket", "calls", "-o", file}, output{&said, &errors}); status != 0 {
		t.Fatalf("status %d: %s", status, &errors)
	}
	if !strings.Contains(said.String(), "account 123456789012, 1 region, 1 answer") || !strings.Contains(said.String(), "bucket-policy: AccessDenied (1 time)") {
		t.Errorf("it says %s", &said)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	a, err := account.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if a.ID != "123456789012" || len(a.Faults) > 0 || a.Known("bucket-policy", "calls") || a.Known("authorization-details") || a.Known("organization") {
		t.Errorf("account %s, faults %v", a.ID, a.Faults)
	}

	said.Reset()
	if status := run(t.Context(), []string{"cloud", "snapshot", "--json", "--bucket", "calls", "-o", file}, output{&said, &errors}); status != 0 {
		t.Fatalf("status %d: %s", status, &errors)
	}
	var summary struct {
		Account string
		Refused []struct {
			Input, Code, Means string
			Times              int
		}
	}
	if err := json.Unmarshal(said.Bytes(), &summary); err != nil || summary.Account != "123456789012" {
		t.Errorf("--json: %v: %s", err, &said)
	}
	if i := slices.IndexFunc(summary.Refused, func(r struct {
		Input, Code, Means string
		Times              int
	}) bool {
		return r.Input == "bucket-policy"
	}); i < 0 || summary.Refused[i].Code != "AccessDenied" || summary.Refused[i].Times != 1 || summary.Refused[i].Means == "" {
		t.Errorf("--json says of what was refused: %+v", summary.Refused)
	}

	code = "ExpiredToken"
	errors.Reset()
	if status := run(t.Context(), []string{"cloud", "snapshot", "-o", filepath.Join(snapshots, "second.jsonl")}, output{&said, &errors}); status == 0 || !strings.Contains(errors.String(), "ExpiredToken") || !strings.Contains(errors.String(), "log in again") {
		t.Errorf("status %d: %s", status, &errors)
	}
	// Nobody has credentials, or a profile of that name.
	for _, args := range [][]string{{"--profile", "nobody"}, {}} {
		t.Setenv("AWS_ACCESS_KEY_ID", "")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "")
		if err := os.Unsetenv("AWS_PROFILE"); err != nil {
			t.Fatal(err)
		}
		errors.Reset()
		status := run(t.Context(), append([]string{"cloud", "snapshot", "-o", filepath.Join(snapshots, "third.jsonl")}, args...), output{&said, &errors})
		want := "no AWS credentials: none in the environment"
		if len(args) > 0 {
			want = `no profile "nobody"`
		}
		if status == 0 || !strings.Contains(errors.String(), want) || !strings.Contains(errors.String(), "hint:") {
			t.Errorf("%v: status %d: %s", args, status, &errors)
		}
	}
	if left, err := os.ReadDir(snapshots); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

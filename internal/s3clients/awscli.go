package s3clients

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// runCommandLine drives the AWS command line. It has no way to send further headers, so
// where reading needs a purpose it reads with the credentials of a credential process,
// or is refused.
func runCommandLine(t *testing.T, e Endpoint) {
	path := program(t, "aws")
	bucket := "awscli-" + strings.ToLower(rand.Text()[:12])
	env := e.environment(t)
	aws := tool{t, path, []string{"--endpoint-url", e.URL, "--output", "json"}, env}
	reader := aws
	if e.CredentialProcess != "" { // a profile counts for more than the environment's key
		reader.first = append(slices.Clone(aws.first), "--profile", "reader")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "call 1+é.wav")
	data := make([]byte, 9<<20) // beyond the command's threshold for multipart
	rand.Read(data)
	tree{"call 1+é.wav": data}.write(t, dir)

	aws.must("s3", "mb", "s3://"+bucket)
	aws.must("s3api", "wait", "bucket-exists", "--bucket", bucket)
	aws.must("s3", "cp", file, "s3://"+bucket+"/calls/call 1+é.wav", "--no-progress", "--metadata", "strongroom-queue=billing")
	if out := aws.must("s3", "ls", "--recursive", "s3://"+bucket); !strings.Contains(out, "9437184 calls/call 1+é.wav") {
		t.Errorf("ls does not show the file:\n%s", out)
	}
	if out := aws.must("s3api", "head-object", "--bucket", bucket, "--key", "calls/call 1+é.wav"); !strings.Contains(out, `"ServerSideEncryption": "aws:kms"`) || !strings.Contains(out, `"strongroom-queue": "billing"`) {
		t.Errorf("head-object answers:\n%s", out)
	}
	if e.NeedsPurpose {
		aws.refused([]string{"AccessDenied", "Forbidden"}, "s3", "cp", "s3://"+bucket+"/calls/call 1+é.wav", filepath.Join(dir, "refused"), "--no-progress")
	}
	if e.reads() {
		back := filepath.Join(dir, "back")
		reader.must("s3", "cp", "s3://"+bucket+"/calls/call 1+é.wav", filepath.Join(back, "call 1+é.wav"), "--no-progress")
		tree{"call 1+é.wav": data}.compare(t, back, "cp down")
	}
	if e.Whole {
		syncWithCommandLine(t, aws, reader, bucket)
		askCommandLine(t, e, aws, reader, bucket)
	}
	aws.must("s3", "rb", "--force", "s3://"+bucket)
	aws.must("s3api", "wait", "bucket-not-exists", "--bucket", bucket)
}

// syncWithCommandLine keeps a folder and a prefix alike, in both directions.
func syncWithCommandLine(t *testing.T, aws, reader tool, bucket string) {
	files := tree{"a.wav": []byte("a"), "sub/b.wav": []byte("b"), "sub/c d.wav": []byte("c"), "empty": {}}
	here, there := filepath.Join(t.TempDir(), "here"), filepath.Join(t.TempDir(), "there")
	files.write(t, here)
	at := "s3://" + bucket + "/sync"
	aws.must("s3", "sync", here, at, "--no-progress")
	if out := aws.must("s3", "sync", here, at, "--no-progress"); out != "" {
		t.Errorf("a second sync has something to do:\n%s", out)
	}
	delete(files, "a.wav")
	files["sub/b.wav"] = []byte("another b")
	if err := os.Remove(filepath.Join(here, "a.wav")); err != nil {
		t.Fatal(err)
	}
	files.write(t, here)
	aws.must("s3", "sync", here, at, "--no-progress", "--delete")
	tree{"stale": []byte("x")}.write(t, there)
	reader.must("s3", "sync", at, there, "--no-progress", "--delete")
	files.compare(t, there, "sync down")
	reader.must("s3", "mv", at+"/empty", at+"/moved", "--no-progress")
	if out := aws.must("s3", "ls", at+"/"); !strings.Contains(out, " moved") || strings.Contains(out, " empty") || !strings.Contains(out, "PRE sub/") {
		t.Errorf("after mv, ls shows:\n%s", out)
	}
}

// askCommandLine uses operations one by one.
func askCommandLine(t *testing.T, e Endpoint, aws, reader tool, bucket string) {
	dir := t.TempDir()
	body := filepath.Join(dir, "body")
	tree{"body": []byte("0123456789")}.write(t, dir)
	// ask runs an operation and reads fields of its answer.
	ask := func(c tool, into any, args ...string) {
		t.Helper()
		out := c.must(append([]string{"s3api", args[0], "--bucket", bucket}, args[1:]...)...)
		if into == nil {
			return
		}
		if err := json.Unmarshal([]byte(out), into); err != nil {
			t.Fatalf("%s answers %q: %v", args[0], out, err)
		}
	}
	var put, head, got struct {
		ETag, VersionID string
		ContentLength   int
		ContentType     string
		TagCount        int
	}
	ask(aws, nil, "put-bucket-versioning", "--versioning-configuration", "Status=Enabled")
	ask(aws, &put, "put-object", "--key", "one", "--body", body, "--content-type", "audio/wav", "--tagging", "case=4711&kind=call")
	ask(aws, &head, "head-object", "--key", "one")
	if head.ETag != put.ETag || head.ContentLength != 10 || head.ContentType != "audio/wav" {
		t.Errorf("head-object answers %+v after %+v", head, put)
	}
	ask(reader, &got, "get-object", "--key", "one", "--range", "bytes=2-4", filepath.Join(dir, "part"))
	tree{"body": []byte("0123456789"), "part": []byte("234")}.compare(t, dir, "get-object with a range")
	if got.TagCount != 2 {
		t.Errorf("get-object counts %d tags", got.TagCount)
	}
	var copied struct{ CopyObjectResult struct{ ETag string } }
	ask(reader, &copied, "copy-object", "--key", "two", "--copy-source", bucket+"/one")
	ask(aws, &head, "head-object", "--key", "two")
	if head.ETag != copied.CopyObjectResult.ETag {
		t.Errorf("the copy has the ETag %s, and copy-object answered %s", head.ETag, copied.CopyObjectResult.ETag)
	}
	var tags struct{ TagSet []struct{ Key, Value string } }
	ask(aws, nil, "put-object-tagging", "--key", "two", "--tagging", "TagSet=[{Key=k,Value=v}]")
	ask(aws, &tags, "get-object-tagging", "--key", "two")
	if len(tags.TagSet) != 1 || tags.TagSet[0].Key != "k" || tags.TagSet[0].Value != "v" {
		t.Errorf("the tags of the copy are %v", tags.TagSet)
	}
	ask(aws, nil, "delete-object", "--key", "one")
	var versions struct {
		Versions      []struct{ Key, VersionID string }
		DeleteMarkers []struct{ Key, VersionID string }
	}
	ask(aws, &versions, "list-object-versions", "--prefix", "one")
	if len(versions.Versions) != 1 || len(versions.DeleteMarkers) != 1 {
		t.Fatalf("the versions of one are %+v", versions)
	}
	ask(aws, nil, "delete-object", "--key", "one", "--version-id", versions.DeleteMarkers[0].VersionID)
	ask(aws, nil, "head-object", "--key", "one")
	ask(aws, nil, "get-bucket-location")
	url := strings.TrimSpace(reader.must("s3", "presign", "s3://"+bucket+"/one", "--expires-in", "60"))
	if status, content := get(t, e, url); status != http.StatusOK || content != "0123456789" {
		t.Errorf("a presigned URL answers %d: %s", status, content)
	}
	ask(aws, &versions, "list-object-versions")
	for _, v := range slices.Concat(versions.Versions, versions.DeleteMarkers) {
		ask(aws, nil, "delete-object", "--key", v.Key, "--version-id", v.VersionID)
	}
}

// transport trusts the endpoint.
func (e Endpoint) transport(t *testing.T) *http.Transport {
	transport := &http.Transport{}
	if e.CAFile != "" {
		pem, err := os.ReadFile(e.CAFile)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
		transport.ForceAttemptHTTP2 = true
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// get follows a URL as a browser would.
func get(t *testing.T, e Endpoint, url string) (status int, content string) {
	t.Helper()
	answer, err := (&http.Client{Transport: e.transport(t)}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

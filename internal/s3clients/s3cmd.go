package s3clients

import (
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// runS3cmd drives s3cmd. It cannot send a header of one's own with a read either, but
// takes a session's token.
func runS3cmd(t *testing.T, e Endpoint) {
	path := program(t, "s3cmd")
	at, err := url.Parse(e.URL)
	if err != nil {
		t.Fatal(err)
	}
	bucket := "s3cmd-" + strings.ToLower(rand.Text()[:12])
	connect := func(keyID, secret, token string) tool {
		config := "[default]\naccess_key = " + keyID + "\nsecret_key = " + secret + "\nhost_base = " + at.Host + "\nhost_bucket = " + at.Host +
			"\nbucket_location = " + e.Region + "\nmultipart_chunk_size_mb = 5\nmax_retries = 1\nprogress_meter = False\ncheck_ssl_hostname = True\n"
		if token != "" {
			config += "access_token = " + token + "\n"
		}
		if at.Scheme == "https" {
			config += "use_https = True\nca_certs_file = " + e.CAFile + "\n"
		} else {
			config += "use_https = False\n"
		}
		file := filepath.Join(t.TempDir(), "s3cfg")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		return tool{t, path, []string{"-c", file}, []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8"}}
	}
	s3cmd := connect(e.AccessKey, e.Secret, "")
	reader := connect(e.session(t))
	files := tree{"a.wav": []byte("a"), "sub/b c.wav": []byte("b"), "sub/é.wav": []byte("é"), "long.wav": make([]byte, 11<<20)}
	rand.Read(files["long.wav"])
	here, there := filepath.Join(t.TempDir(), "here"), filepath.Join(t.TempDir(), "there")
	files.write(t, here)
	if err := os.Mkdir(there, 0o700); err != nil {
		t.Fatal(err)
	}
	root := "s3://" + bucket

	s3cmd.must("mb", root)
	s3cmd.must("put", filepath.Join(here, "long.wav"), root+"/put/long 1.wav")
	if e.NeedsPurpose {
		s3cmd.refused([]string{"403"}, "get", root+"/put/long 1.wav", filepath.Join(t.TempDir(), "refused"))
	}
	got := t.TempDir()
	reader.must("get", root+"/put/long 1.wav", filepath.Join(got, "long.wav"))
	tree{"long.wav": files["long.wav"]}.compare(t, got, "get")
	s3cmd.must("sync", here+"/", root+"/sync/")
	if out := s3cmd.must("ls", "--recursive", root); strings.Count(out, "\n") != 5 || !strings.Contains(out, "s3://"+bucket+"/sync/sub/é.wav") {
		t.Errorf("ls shows:\n%s", out)
	}
	if err := os.Remove(filepath.Join(here, "a.wav")); err != nil {
		t.Fatal(err)
	}
	delete(files, "a.wav")
	files["sub/b c.wav"] = []byte("another")
	files.write(t, here)
	s3cmd.must("sync", "--delete-removed", here+"/", root+"/sync/")
	reader.must("sync", root+"/sync/", there+"/")
	files.compare(t, there, "sync down")
	reader.must("cp", root+"/sync/long.wav", root+"/copy.wav")
	reader.must("mv", root+"/copy.wav", root+"/moved.wav")
	if out := s3cmd.must("ls", root); !strings.Contains(out, "11534336   "+root+"/moved.wav") && !strings.Contains(out, "11534336  "+root+"/moved.wav") {
		t.Errorf("after mv, ls shows:\n%s", out)
	}
	s3cmd.must("info", root+"/moved.wav")
	s3cmd.must("del", root+"/moved.wav")
	s3cmd.must("del", "--recursive", "--force", root)
	s3cmd.must("rb", root)
}

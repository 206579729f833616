package s3clients

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// runRclone copies, checks and syncs 1,000 small files and a large one, up and down.
func runRclone(t *testing.T, e Endpoint) {
	path := program(t, "rclone")
	bucket := "rclone-" + strings.ToLower(rand.Text()[:12])
	connect := func(keyID, secret, token string) tool {
		return tool{t, path, []string{"--retries", "1", "--low-level-retries", "1", "--stats", "0", "--fast-list"}, []string{
			"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "RCLONE_CONFIG=" + os.DevNull, "RCLONE_CA_CERT=" + e.CAFile,
			"RCLONE_TRANSFERS=8", "RCLONE_CHECKERS=16",
			"RCLONE_CONFIG_ROOM_TYPE=s3", "RCLONE_CONFIG_ROOM_PROVIDER=Other", "RCLONE_CONFIG_ROOM_ENDPOINT=" + e.URL,
			"RCLONE_CONFIG_ROOM_REGION=" + e.Region, "RCLONE_CONFIG_ROOM_ACCESS_KEY_ID=" + keyID,
			"RCLONE_CONFIG_ROOM_SECRET_ACCESS_KEY=" + secret, "RCLONE_CONFIG_ROOM_SESSION_TOKEN=" + token,
			"RCLONE_CONFIG_ROOM_CHUNK_SIZE=5M", "RCLONE_CONFIG_ROOM_UPLOAD_CUTOFF=5M",
		}}
	}
	rclone := connect(e.AccessKey, e.Secret, "")
	reader := connect(e.session(t))
	files := tree{}
	for n := range 1000 {
		files[fmt.Sprintf("2026/%02d/call %d é.wav", n%12+1, n)] = []byte(strings.Repeat(fmt.Sprint(n, " "), n%50))
	}
	files["long.wav"] = make([]byte, 12<<20)
	rand.Read(files["long.wav"])
	here, there := filepath.Join(t.TempDir(), "here"), filepath.Join(t.TempDir(), "there")
	files.write(t, here)
	at := "room:" + bucket + "/calls"

	rclone.must("mkdir", "room:"+bucket)
	rclone.must("copy", here, at)
	if out := rclone.must("check", here, at); !strings.Contains(out, "0 differences found") || !strings.Contains(out, "1001 matching files") {
		t.Errorf("check says:\n%s", out)
	}
	if e.NeedsPurpose {
		rclone.refused([]string{"AccessDenied"}, "copy", at+"/long.wav", there)
	}
	reader.must("check", "--download", "--include", "2026/01/**", here, at)
	reader.must("sync", at, there)
	files.compare(t, there, "sync down")

	for n := range 10 {
		name := fmt.Sprintf("2026/%02d/call %d é.wav", n%12+1, n)
		if n < 5 {
			delete(files, name)
			if err := os.Remove(filepath.Join(here, name)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		files[name] = []byte("another")
		files["new/"+name] = []byte("new")
	}
	files.write(t, here)
	rclone.must("sync", here, at)
	if out := rclone.must("sync", here, at, "-v"); !strings.Contains(out, "There was nothing to transfer") {
		t.Errorf("a second sync has something to do:\n%s", out)
	}
	if out := rclone.must("lsf", "-R", "--files-only", at); strings.Count(out, "\n") != len(files) {
		t.Errorf("lsf shows %d files of %d", strings.Count(out, "\n"), len(files))
	}
	reader.must("sync", at, there)
	files.compare(t, there, "the second sync down")
	reader.must("moveto", at+"/long.wav", at+"/moved.wav") // a copy on the server, and a deletion
	if out := rclone.must("lsf", at, "--files-only", "--format", "ps"); out != "moved.wav;12582912\n" {
		t.Errorf("after moveto, lsf shows %q", out)
	}
	rclone.must("purge", "room:"+bucket)
}

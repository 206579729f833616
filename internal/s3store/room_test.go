package s3store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/internal/s3store"
	"strongroom/vault"
)

// inBucket founds a room whose blobs lie in a bucket of that server.
func inBucket(t *testing.T, s *server, bucket string) *housetest.Room {
	t.Helper()
	t.Setenv("STRONGROOM_BLOBS_ACCESS_KEY_ID", s.keyID)
	t.Setenv("STRONGROOM_BLOBS_SECRET_ACCESS_KEY", s.secret)
	// What the environment says for other tools must not lead the room to itself.
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	t.Setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
	t.Setenv("AWS_ACCESS_KEY_ID", "the-rooms-own")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "the-rooms-own")
	return housetest.Found(t, t.TempDir(), func(f *house.Founding) { f.Blobs = "s3://" + bucket + "/sealed?endpoint=" + s.endpoint })
}

func (s *server) keys(t *testing.T, bucket, prefix string) (keys []string) {
	t.Helper()
	out, err := s.client().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out.Contents {
		keys = append(keys, *o.Key)
	}
	return keys
}

// A room whose blobs lie in a bucket stores, reads, erases and sweeps as any other, and
// nothing sealed is on its disk.
func TestRoomInABucket(t *testing.T) {
	for name := range peers {
		t.Run(name, func(t *testing.T) {
			s := start(t, name)
			bucket := s.bucket(t)
			r := housetest.Open(t, inBucket(t, s, bucket), house.Options{})
			r.Bucket("calls")
			blobs := "sealed/rooms/" + r.Founded.Room.String() + "/blobs/"
			wants := map[string][]byte{"small.wav": content(5000), "large.wav": content(11 << 20)}
			for key, want := range wants {
				r.Put("calls", key, want, nil)
			}
			if keys := s.keys(t, bucket, blobs); len(keys) != 4 { // a blob and its sidecar each
				t.Errorf("in the bucket: %q", keys)
			}
			if _, err := os.Stat(filepath.Join(r.Path, "blobs")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the room's folder has blobs of its own: %v", err)
			}
			for key, want := range wants {
				if got, err := r.Get(r.Owner, "calls", key, 0, -1); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: %d bytes, %v", key, len(got), err)
				}
				if got, err := r.Get(r.Owner, "calls", key, 3000, 1000); err != nil || !bytes.Equal(got, want[3000:4000]) {
					t.Errorf("a range of %s: %d bytes, %v", key, len(got), err)
				}
			}
			text, err := os.ReadFile(filepath.Join(r.Path, "room.json"))
			if err != nil || !strings.Contains(string(text), bucket) || strings.Contains(string(text), s.secret) || strings.Contains(string(text), s.keyID) {
				t.Errorf("room.json: %s, %v", text, err)
			}
			// What a crash left: nothing names it.
			left := strongroom.NewID().String()
			if err := store(t.Context(), r.Blobs, left, []byte("left")); err != nil {
				t.Fatal(err)
			}
			if n, err := r.House.Room.Sweep(t.Context(), time.Now().Add(time.Hour)); n != 1 || err != nil {
				t.Errorf("%d were swept, %v", n, err)
			}
			if _, err := r.House.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: "large.wav"}}); err != nil {
				t.Fatal(err)
			}
			eventually(t, "what was erased is still in the bucket", func() bool { return len(s.keys(t, bucket, blobs)) == 2 })
			r.Stop()
			again := housetest.Open(t, r, house.Options{})
			if got, err := again.Get(again.Owner, "calls", "small.wav", 0, -1); err != nil || !bytes.Equal(got, wants["small.wav"]) {
				t.Errorf("opened again: %d bytes, %v", len(got), err)
			}
		})
	}
}

// A backup leaves the blobs where they are. Restoring it takes them from the room that
// was copied, says so first, and erases nothing that came after the backup.
func TestBackupOfARoomInABucket(t *testing.T) {
	s := start(t, "minio")
	bucket := s.bucket(t)
	old := housetest.Open(t, inBucket(t, s, bucket), house.Options{})
	old.Bucket("calls")
	want := content(3000)
	old.Put("calls", "before.wav", want, nil)
	backup := filepath.Join(t.TempDir(), "backup")
	copied, err := house.Backup(t.Context(), old.Path, backup, true, "a test", func() {})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(copied.BlobsAt, bucket) {
		t.Errorf("it is not said where the blobs stay: %+v", copied)
	}
	old.Put("calls", "after.wav", content(2000), nil)
	r := house.Restoration{From: backup, Dir: t.TempDir(), Step: func() {}}
	_, err = house.Restore(t.Context(), r)
	if e, ok := errors.AsType[*strongroom.Error](err); !ok || !strings.Contains(e.Message, bucket) || !strings.Contains(e.Hint, "--take-blobs") {
		t.Fatalf("restored without a word: %v", err)
	}
	if err := old.House.MayErase(t.Context()); err != nil {
		t.Errorf("a restoration that was refused took the blobs all the same: %v", err)
	}
	r.TakeBlobs = true
	if _, err := house.Restore(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := old.House.MayErase(t.Context()); err == nil {
		t.Error("the room that was copied goes on erasing")
	}
	old.Stop()
	info, err := house.Find(old.Dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if h, err := house.Open(t.Context(), old.Dir, info, house.Options{Serve: true}); err == nil {
		h.Close(t.Context())
		t.Error("two copies of one room are served from the same blobs")
	} else if !strings.Contains(err.Error(), "another copy") {
		t.Error(err)
	}
	restored := housetest.Open(t, &housetest.Room{Dir: r.Dir, Founded: old.Founded}, house.Options{})
	if got, err := restored.Get(restored.Owner, "calls", "before.wav", 0, -1); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if n, err := restored.House.Room.Sweep(t.Context(), time.Now().Add(24*time.Hour)); n != 0 || err != nil {
		t.Errorf("%d of what was stored after the backup were swept, %v", n, err)
	}
	blobs, err := house.OpenBlobs(t.Context(), copied.BlobsAt, old.Founded.Room.String())
	if err != nil {
		t.Fatal(err)
	}
	if got := listed(t, blobs); len(got) != 4 {
		t.Errorf("for a recovery there are %q", got)
	}
	if _, err := house.OpenBlobs(t.Context(), copied.BlobsAt, ""); err == nil {
		t.Error("a bucket's blobs are opened without saying whose")
	}
}

// No room is made on, or served from, a bucket that it could not use, or that anybody can
// read.
func TestNoRoomOnABadBucket(t *testing.T) {
	s := start(t, "minio")
	bucket := s.bucket(t)
	r := inBucket(t, s, bucket)
	info, err := house.Find(r.Dir, "")
	if err != nil {
		t.Fatal(err)
	}
	serve := func() error {
		h, err := house.Open(t.Context(), r.Dir, info, house.Options{Serve: true})
		if err == nil {
			err = h.Close(t.Context())
		}
		return err
	}
	if err := serve(); err != nil {
		t.Fatal(err)
	}
	found := func(at string) error {
		_, err := house.Found(t.Context(), house.Founding{Dir: t.TempDir(), Name: "x", Owner: "o", Blobs: at})
		return err
	}
	if err := found("s3://nobody-made-this?endpoint=" + s.endpoint); !strings.Contains(told(err), "NoSuchBucket") {
		t.Errorf("on a bucket that is not there: %v", err)
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::` + bucket + `/*"]}]}`
	if _, err := s.client().PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &policy}); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{"serve": serve(), "found": found("s3://" + bucket + "?endpoint=" + s.endpoint)} {
		if err == nil || !strings.Contains(err.Error(), "open to everybody") {
			t.Errorf("%s on a public bucket: %v", what, err)
		}
	}
	if _, err := s.client().DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STRONGROOM_BLOBS_SECRET_ACCESS_KEY", "wrong-"+s.secret)
	err = serve()
	if said := told(err); strings.Contains(said, s.secret) || !strings.Contains(said, s3store.EnvKeyID) {
		t.Errorf("with wrong credentials: %s", said)
	}
}

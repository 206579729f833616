package vault_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

// TestReadWhileReplaced reads an object of two parts slowly while it is deleted: the
// reader gets all of it, and then its files go.
func TestReadWhileReplaced(t *testing.T) {
	room := housetest.New(t, house.Options{})
	room.Bucket("calls")
	ctx := t.Context()
	u, err := room.Room.CreateUpload(ctx, room.Owner, vault.UploadRequest{Bucket: "calls", Key: "long"})
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	var parts []vault.CompletePart
	for n, size := range []int{vault.SmallestPart, 1000} {
		content := bytes.Repeat([]byte{byte('a' + n)}, size)
		p, err := room.Room.PutPart(ctx, room.Owner, vault.PartRequest{Bucket: "calls", Key: "long", Upload: u.ID, Number: n + 1, Size: int64(size)}, bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, content...)
		parts = append(parts, vault.CompletePart{Number: n + 1, ETag: p.ETag})
	}
	object, err := room.Room.Complete(ctx, room.Owner, vault.CompleteRequest{Bucket: "calls", Key: "long", Upload: u.ID, Parts: parts})
	if err != nil {
		t.Fatal(err)
	}
	files := func() []string {
		found, err := filepath.Glob(filepath.Join(room.Path, "blobs", "*", object.Blob.String()+"*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	before := len(files())
	opened, err := room.Room.Open(ctx, room.Owner, vault.GetRequest{Bucket: "calls", Key: "long", Plan: func(o strongroom.Object) (int64, int64, error) { return 0, o.Size, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if results, err := room.Room.Delete(ctx, room.Owner, "calls", []vault.DeleteRequest{{Key: "long"}}); err != nil || results[0].Err != nil {
		t.Fatal(err, results)
	}
	if _, err := room.Room.Sweep(ctx, time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	time.Sleep(100 * time.Millisecond) // in which the files would go
	if n := len(files()); n != before {
		t.Errorf("of %d files %d are left while somebody reads", before, n)
	}
	var got bytes.Buffer
	if _, err := opened.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%d of %d bytes were read: %v", got.Len(), len(want), err)
	}
	if err := opened.Close(); err != nil {
		t.Fatal(err)
	}
	housetest.Eventually(t, "the files go", func() bool { return len(files()) == 0 })
}

// TestReadersAndWriters has one key stored, deleted and read by many at once: a
// reader finds the whole of some object, or none.
func TestReadersAndWriters(t *testing.T) {
	room := housetest.New(t, house.Options{})
	room.Bucket("calls")
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	var reads, writes atomic.Int64
	all.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			writes.Add(1)
			room.Put("calls", "key", bytes.Repeat([]byte{byte(n)}, 1000), nil)
			if n%5 == 4 {
				if _, err := room.Room.Delete(t.Context(), room.Owner, "calls", []vault.DeleteRequest{{Key: "key"}}); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				got, err := room.Get(room.Owner, "calls", "key", 0, -1)
				var e *strongroom.Error
				switch {
				case errors.As(err, &e) && (e.Kind == strongroom.KindNoObject || e.Kind == strongroom.KindConflict):
				case err != nil:
					t.Errorf("reading: %v", err)
				case len(got) != 1000 || len(bytes.Trim(got, string(got[:1]))) != 0:
					t.Errorf("%d bytes of several objects", len(got))
				default:
					reads.Add(1)
				}
			}
		})
	}
	housetest.Eventually(t, "many reads beside many writes", func() bool { return reads.Load() >= 100 && writes.Load() >= 100 })
}

// What another process deletes stays as long as somebody reads it here.
func TestBeingRead(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	stored := r.Put("calls", "a", []byte("content"), nil)
	file := stored.Blob.String() + ".stanzas"
	if r.Room.BeingRead(file) || r.Room.BeingRead("x") {
		t.Error("nobody reads it yet")
	}
	o, err := r.Room.Open(t.Context(), r.Owner, vault.GetRequest{Bucket: "calls", Key: "a", Plan: whole})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Room.BeingRead(file) || r.Room.BeingRead(strongroom.NewID().String()) {
		t.Error("it is being read, and nothing else is")
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if r.Room.BeingRead(file) {
		t.Error("it has been read")
	}
}

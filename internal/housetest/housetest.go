// Package housetest makes real rooms for tests: SQLite, files, custodian and
// policies as in production, in a folder of the test's own.
package housetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strongroom/book"
	"strongroom/ledger"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/vault"
)

// Room is an open room and its first person.
type Room struct {
	*house.House
	Dir     string
	Founded house.Founded
	Owner   vault.Caller // of the group data-owners, with a purpose
	t       testing.TB
}

// New founds a room in a folder of the test's own and opens it for serving.
func New(t testing.TB, o house.Options) *Room {
	t.Helper()
	return Open(t, Found(t, t.TempDir()), o)
}

// Found founds a room in a folder, otherwise than usual where asked to.
func Found(t testing.TB, dir string, otherwise ...func(*house.Founding)) *Room {
	t.Helper()
	founding := house.Founding{Dir: dir, Name: "test-" + strongroom.NewID().String()[:8], Owner: "owner", Console: "http://localhost:7400", Another: true}
	for _, change := range otherwise {
		change(&founding)
	}
	f, err := house.Found(t.Context(), founding)
	if err != nil {
		t.Fatal(err)
	}
	return &Room{Dir: dir, Founded: f, t: t}
}

// Open opens a founded room; it is closed when the test ends, unless before.
func Open(t testing.TB, r *Room, o house.Options) *Room {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	o.Serve = true
	info, err := house.Find(r.Dir, r.Founded.Room.String())
	if err != nil {
		t.Fatal(err)
	}
	h, err := house.Open(t.Context(), r.Dir, info, o)
	if err != nil {
		t.Fatal(err)
	}
	open := &Room{House: h, Dir: r.Dir, Founded: r.Founded, t: t}
	c, err := h.Room.Credential(r.Founded.KeyID)
	if err != nil {
		t.Fatal(err)
	}
	open.Owner = open.Caller(c, "testing")
	t.Cleanup(open.Stop)
	return open
}

// Caller makes a caller of a credential.
func (r *Room) Caller(c vault.Credential, purpose string) vault.Caller {
	return vault.Caller{
		Principal: c.Principal, Session: c.KeyID, Method: "sigv4", Source: "127.0.0.1", RequestID: "test",
		Purpose: strongroom.Purpose{Text: purpose},
	}
}

// Person adds a person and returns them as a caller without a purpose.
func (r *Room) Person(p strongroom.Principal) vault.Caller {
	r.t.Helper()
	if p.Kind == "" {
		p.Kind = strongroom.Person
	}
	p, err := r.House.Room.PutPrincipal(r.t.Context(), r.Owner, p)
	if err != nil {
		r.t.Fatal(err)
	}
	k, err := r.House.Room.CreateKey(r.t.Context(), r.Owner, p.Name, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.Caller(vault.Credential{KeyID: k.ID, Principal: p}, "")
}

// patience is how long a test waits for what a quiet machine does at once.
const patience = 2 * time.Minute

// Eventually waits until what happens off the test's own way holds; a busy machine may
// take its time over it.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// Stop closes the room; calling it again does nothing.
func (r *Room) Stop() {
	if r.House == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.House.Close(ctx); err != nil {
		r.t.Errorf("closing the room: %v", err)
	}
	r.House = nil
}

// Bucket makes a bucket.
func (r *Room) Bucket(name string) {
	r.t.Helper()
	if _, err := r.House.Room.CreateBucket(r.t.Context(), r.Owner, vault.BucketRequest{Name: name}); err != nil {
		r.t.Fatal(err)
	}
}

// Configure changes a bucket's configuration.
func (r *Room) Configure(name string, change func(*strongroom.Bucket)) {
	r.t.Helper()
	err := r.House.Room.ConfigureBucket(r.t.Context(), r.Owner, name, "test", func(b *strongroom.Bucket) error {
		change(b)
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// Put stores an object as the owner.
func (r *Room) Put(bucket, key string, content []byte, meta map[string]string) strongroom.Object {
	r.t.Helper()
	o, err := r.House.Room.Put(r.t.Context(), r.Owner, vault.PutRequest{Bucket: bucket, Key: key, Size: int64(len(content)), Declared: vault.Declared{Meta: meta}}, bytes.NewReader(content))
	if err != nil {
		r.t.Fatal(err)
	}
	return o
}

// Fill puts rows of so many objects into a bucket as if they had been stored, one each
// minute since then, without their content.
func (r *Room) Fill(bucket string, n int, since time.Time) {
	r.t.Helper()
	b, err := r.House.Room.HeadBucket(r.t.Context(), r.Owner, bucket)
	if err != nil {
		r.t.Fatal(err)
	}
	for from := 0; from < n; from += 400 {
		var change book.Change
		for i := from; i < min(n, from+400); i++ {
			o := strongroom.Object{
				Bucket: bucket, Key: fmt.Sprintf("2026/11/%02d/call-%08d.wav", i%28, i), Version: strongroom.NewID(), Blob: strongroom.NewID(), Custody: "standard",
				Size: 480044, ETag: "x-1", Modified: since.Add(time.Duration(i) * time.Minute), Null: true, Sequence: 1,
				Headers: map[string]string{"Content-Type": "audio/wav"}, Meta: map[string]string{"strongroom-queue": "billing", "strongroom-customer": fmt.Sprint(i % 9000)},
				Label: strongroom.Label{Confidential: true, Classes: []string{"voice"}, Reasons: []string{"its type was declared as audio/…"}},
			}
			body, err := json.Marshal(o)
			if err != nil {
				r.t.Fatal(err)
			}
			row := book.NewRow("object", o.Version.String(), body)
			row.Parent, row.Tag, row.Ref = b.ID.String(), fmt.Sprintf("%032x", i), o.Blob.String()
			change.Put = append(change.Put, row)
		}
		evidence, err := json.Marshal(vault.Evidence{Action: "store", Marks: change.Marks()})
		if err != nil {
			r.t.Fatal(err)
		}
		change.Entries = []ledger.Entry{{Kind: vault.KindStore, Evidence: evidence}}
		if _, err := r.House.Book.Apply(r.t.Context(), change); err != nil {
			r.t.Fatal(err)
		}
	}
}

// Get reads a range of an object; a negative length means to its end.
func (r *Room) Get(c vault.Caller, bucket, key string, offset, length int64) ([]byte, error) {
	o, err := r.House.Room.Open(r.t.Context(), c, vault.GetRequest{Bucket: bucket, Key: key, Plan: func(o strongroom.Object) (int64, int64, error) {
		if length < 0 {
			return offset, o.Size - offset, nil
		}
		return offset, length, nil
	}})
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	_, err = o.WriteTo(&out)
	if e := o.Close(); err == nil {
		err = e
	}
	return out.Bytes(), err
}

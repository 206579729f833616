package reports

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"testing"

	"strongroom"
)

// TestReports: a report comes back as it was, sealed meanwhile, and neither changed, nor under
// another name, nor with another key.
func TestReports(t *testing.T) {
	dir, key := t.TempDir(), bytes.Repeat([]byte{7}, 32)
	f, err := Open(dir, "work", key)
	if err != nil {
		t.Fatal(err)
	}
	id, other := strongroom.NewID(), strongroom.NewID()
	if ids, err := f.IDs(); err != nil || len(ids) != 0 {
		t.Fatal(ids, err)
	}
	for _, want := range []string{"first bucket", "second bucket"} {
		if err := f.Keep(id, want); err != nil {
			t.Fatal(err)
		}
		var got string
		if err := f.Read(id, &got); err != nil || got != want {
			t.Fatal(got, err)
		}
	}
	if ids, err := f.IDs(); err != nil || len(ids) != 1 || ids[0] != id {
		t.Fatal(ids, err)
	}
	sealed, err := os.ReadFile(f.file(id))
	if err != nil || bytes.Contains(sealed, []byte("bucket")) {
		t.Fatal("it lies in the clear", err)
	}
	var got string
	if err := os.WriteFile(f.file(other), sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	if f.Read(other, &got) == nil {
		t.Error("a report under another's name is read")
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if err := os.WriteFile(f.file(other), changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if f.Read(other, &got) == nil {
			t.Fatalf("a report whose byte %d was changed is read", i)
		}
	}
	for _, wrong := range []struct {
		name string
		key  []byte
	}{{"work", bytes.Repeat([]byte{8}, 32)}, {"play", key}} {
		w, err := Open(dir, wrong.name, wrong.key)
		if err != nil {
			t.Fatal(err)
		}
		w.path = f.path
		if w.Read(id, &got) == nil {
			t.Error("a report is read with another key")
		}
	}
	if err := f.Remove(id); err != nil {
		t.Fatal(err)
	}
	if err := f.Read(id, &got); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

package vault_test

import (
	"testing"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

// Whatever becomes of a version, its id leads to it by the name under which it can be read,
// or nowhere.
func TestLocate(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	leads := func(what string, id strongroom.ID, version string) {
		t.Helper()
		bucket, key, name, ok := r.Room.Locate(id)
		if !ok || bucket != "calls" || key != "k" || name != version {
			t.Fatalf("%s: %s leads to %q %q %q, %t", what, id, bucket, key, name, ok)
		}
		if o, err := r.Room.Head(t.Context(), r.Owner, bucket, key, name); err != nil || o.Version != id {
			t.Fatalf("%s: there is %s, %v, where %s is meant", what, o.Version, err, id)
		}
	}
	nowhere := func(what string, id strongroom.ID) {
		t.Helper()
		if bucket, key, name, ok := r.Room.Locate(id); ok || bucket+key+name != "" {
			t.Fatalf("%s: %s leads to %q %q %q", what, id, bucket, key, name)
		}
	}
	null := r.Put("calls", "k", []byte("1"), nil).Version
	leads("stored", null, "")
	r.Configure("calls", func(b *strongroom.Bucket) { b.Versioning = strongroom.VersioningEnabled })
	second := r.Put("calls", "k", []byte("2"), nil).Version
	leads("the null version, succeeded", null, "null")
	leads("current", second, "")
	if err := deleted(r.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: "k"}})); err != nil {
		t.Fatal(err)
	}
	page, err := r.Room.ListVersions(t.Context(), r.Owner, vault.ListVersionsRequest{Bucket: "calls", Max: 10})
	if err != nil || !page.Versions[0].Marker {
		t.Fatal(page, err)
	}
	nowhere("a delete marker", page.Versions[0].Version)
	leads("behind a delete marker", second, second.String())
	r.Stop()
	r = housetest.Open(t, r, house.Options{})
	leads("after a restart", second, second.String())
	leads("after a restart, null", null, "null")
	if err := deleted(r.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: "k", Version: second.String()}})); err != nil {
		t.Fatal(err)
	}
	nowhere("deleted", second)
	nowhere("never stored", strongroom.NewID())
}

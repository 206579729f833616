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

// What is told of a version is told to those who may see it, on record, with what keeps it
// and what belongs to it.
func TestDescribe(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	r.Configure("calls", func(b *strongroom.Bucket) { b.Versioning = strongroom.VersioningEnabled })
	old := r.Put("calls", "k.wav", []byte("1"), about("queue", "support", "kind", "call"))
	o := r.Put("calls", "k.wav", []byte("2"), about("queue", "billing", "kind", "call", "conversation", "c-1"))
	words := r.Put("calls", "k.json", []byte("2"), about("queue", "billing", "kind", "transcript", "conversation", "c-1"))
	r.Put("calls", "other.json", []byte("2"), about("queue", "support", "kind", "transcript", "conversation", "c-1"))
	if _, err := r.Room.PlaceHold(t.Context(), r.Owner, vault.Hold{Attribute: "conversation", Value: "c-1", Matter: "m", Reason: "r"}); err != nil {
		t.Fatal(err)
	}
	ines := r.Person(strongroom.Principal{Name: "ines", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}})
	from := r.Book.Head().Size
	d, err := r.Room.Describe(t.Context(), ines, o.Version)
	if err != nil {
		t.Fatal(err)
	}
	if d.Object.Version != o.Version || d.Opens != vault.OpensForPurpose || len(d.Kept) != 1 || d.Kept[0].Why != vault.KeptByHold {
		t.Errorf("it is described as %+v", d)
	}
	if len(d.Others) != 0 || len(d.Conversation) != 1 || d.Conversation[0].Version != words.Version {
		t.Errorf("beside it she sees %+v and %+v", d.Others, d.Conversation)
	}
	on := records(t, r, from)
	if len(on) != 1 || on[0].kind != vault.KindMetadataRead || on[0].evidence.Version != o.Version || on[0].evidence.Names != 1 {
		t.Errorf("that is on record as %+v", on)
	}
	if d, err := r.Room.Describe(t.Context(), r.Owner, o.Version); err != nil || len(d.Others) != 1 || d.Others[0].Version != old.Version || len(d.Conversation) != 2 {
		t.Errorf("the owner is told %+v, %v", d, err)
	}
	_, err = r.Room.Describe(t.Context(), ines, old.Version)
	wantKind(t, err, strongroom.KindDenied)
	_, err = r.Room.Describe(t.Context(), ines, strongroom.NewID())
	wantKind(t, err, strongroom.KindNoVersion)
	h, err := r.Room.ReadHistory(t.Context(), ines, o.Version)
	if p, known := h.Names.Principal(h.Own); err != nil || h.All || h.Words || !known || p.Name != "ines" {
		t.Errorf("of the history she is told %+v, %v", h, err)
	}
	if h, err := r.Room.ReadHistory(t.Context(), r.Owner, o.Version); err != nil || !h.All || !h.Words {
		t.Errorf("the owner is told %+v, %v", h, err)
	}
	counts, err := r.Room.PolicyBase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Room.PutPolicy(t.Context(), r.Owner, append(counts, []byte("\n@id(\"x\") permit (principal == Principal::\"ines\", action == Action::\"readUsage\", resource);")...)); err != nil {
		t.Fatal(err)
	}
	if h, err := r.Room.ReadHistory(t.Context(), ines, o.Version); err != nil || !h.All || h.Words {
		t.Errorf("who may read usage alone is told %+v, %v", h, err)
	}
}

package vault_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/release"
	"strongroom/vault"
)

// What another process changed shows at once, however lately the object was opened:
// nothing is released on what is remembered of it, and nothing refused.
func TestOpenedAgainAfterAnotherProcess(t *testing.T) {
	guard := &custodian{}
	r := housetest.New(t, house.Options{Wrap: guard.wrap})
	r.Bucket("calls")
	info, err := house.Find(r.Dir, "")
	if err != nil {
		t.Fatal(err)
	}
	beside, err := house.Open(t.Context(), r.Dir, info, house.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close(context.Background())
	replace := func(key string, with []byte) {
		t.Helper()
		if _, err := beside.Room.Put(t.Context(), r.Owner, vault.PutRequest{Bucket: "calls", Key: key, Size: int64(len(with))}, bytes.NewReader(with)); err != nil {
			t.Fatal(err)
		}
	}
	old, young := []byte("as it was first"), []byte("and as it is now, which is longer")
	onlyYoung := func(o strongroom.Object) (int64, int64, error) {
		if o.Size != int64(len(young)) {
			return 0, 0, errors.New("the precondition fails")
		}
		return 0, o.Size, nil
	}
	for name, plan := range map[string]func(strongroom.Object) (int64, int64, error){
		"whole": whole, "a range": span(4, 11), "a precondition": onlyYoung,
	} {
		r.Put("calls", name, old, nil)
		for range 2 {
			if got, err := r.Get(r.Owner, "calls", name, 0, -1); err != nil || !bytes.Equal(got, old) {
				t.Fatalf("%s: at first %q, %v", name, got, err)
			}
		}
		replace(name, young)
		given := guard.unwraps.Load()
		o, err := r.Room.Open(t.Context(), r.Owner, vault.GetRequest{Bucket: "calls", Key: name, Plan: plan})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got bytes.Buffer
		if _, err := o.WriteTo(&got); err != nil {
			t.Fatal(err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		if want := young[o.Offset : o.Offset+o.Length]; !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: %q was released, want %q", name, got.Bytes(), want)
		}
		if n := guard.unwraps.Load() - given; n != 1 {
			t.Errorf("%s: %d keys were given", name, n)
		}

		if _, err := r.Get(r.Owner, "calls", name, 0, -1); err != nil {
			t.Fatal(err)
		}
		if err := deleted(beside.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: name}})); err != nil {
			t.Fatal(err)
		}
		given = guard.unwraps.Load()
		_, err = r.Room.Open(t.Context(), r.Owner, vault.GetRequest{Bucket: "calls", Key: name, Plan: plan})
		wantKind(t, err, strongroom.KindNoObject)
		if n := guard.unwraps.Load() - given; n != 0 {
			t.Errorf("%s: %d keys were given for what is deleted", name, n)
		}
	}
}

// What HEAD tells is what is there when its record is written, whoever changed it.
func TestHeadAgainAfterAnotherProcess(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	info, err := house.Find(r.Dir, "")
	if err != nil {
		t.Fatal(err)
	}
	beside, err := house.Open(t.Context(), r.Dir, info, house.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close(context.Background())
	head := func() (strongroom.Object, error) { return r.Room.Head(t.Context(), r.Owner, "calls", "k", "") }
	r.Put("calls", "k", []byte("old"), nil)
	for range 2 { // the second time by what is remembered
		from := r.Book.Head().Size
		o, err := head()
		if err != nil || o.Size != 3 {
			t.Fatalf("%d bytes, %v", o.Size, err)
		}
		if got := ofKind(records(t, r, from), vault.KindMetadataRead); len(got) != 1 || got[0].evidence.Version != o.Version {
			t.Errorf("the read is on record as %v", got)
		}
	}
	put := func(content string) {
		t.Helper()
		q := vault.PutRequest{Bucket: "calls", Key: "k", Size: int64(len(content))}
		if _, err := beside.Room.Put(t.Context(), r.Owner, q, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	put("which is longer")
	from := r.Book.Head().Size
	o, err := head()
	if err != nil || o.Size != 15 {
		t.Fatalf("after it was replaced: %d bytes, %v", o.Size, err)
	}
	if got := ofKind(records(t, r, from), vault.KindMetadataRead); len(got) == 0 || got[len(got)-1].evidence.Version != o.Version {
		t.Errorf("what was told is not on record: %v", got)
	}
	if _, err := head(); err != nil {
		t.Fatal(err)
	}
	if err := deleted(beside.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: "k"}})); err != nil {
		t.Fatal(err)
	}
	_, err = head()
	wantKind(t, err, strongroom.KindNoObject)
}

// A release that was put on record for what turned out to be replaced is on record as
// having delivered nothing.
func TestReleaseOfWhatWasReplacedDeliversNothing(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	r.Put("calls", "k", []byte("old"), nil)
	if _, err := r.Get(r.Owner, "calls", "k", 0, -1); err != nil {
		t.Fatal(err)
	}
	info, err := house.Find(r.Dir, "")
	if err != nil {
		t.Fatal(err)
	}
	beside, err := house.Open(t.Context(), r.Dir, info, house.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close(context.Background())
	from := r.Book.Head().Size
	if _, err := beside.Room.Put(t.Context(), r.Owner, vault.PutRequest{Bucket: "calls", Key: "k", Size: 3}, bytes.NewReader([]byte("new"))); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Get(r.Owner, "calls", "k", 0, -1); err != nil || string(got) != "new" {
		t.Fatalf("%q, %v", got, err)
	}
	released := ofKind(records(t, r, from), release.KindRelease)
	final := map[int64]vault.Evidence{}
	housetest.Eventually(t, "a final delivery for each release", func() bool {
		for _, k := range ofKind(records(t, r, from), vault.KindDelivery) {
			if k.evidence.Final {
				final[*k.evidence.Release] = k.evidence
			}
		}
		for _, k := range released {
			if _, ok := final[k.Index]; !ok {
				return false
			}
		}
		return true
	})
	for i, k := range released {
		last := i == len(released)-1
		if d := final[k.Index]; (d.Bytes == 3) != last || (d.Unwrap != nil) != last {
			t.Errorf("release %d of %d delivered %d bytes, unwrapped %v", i+1, len(released), d.Bytes, d.Unwrap != nil)
		}
	}
}

package vault_test

import (
	"bytes"
	"crypto/rand"
	"testing"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
)

func content(t testing.TB, n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func TestStoreAndRead(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	for _, size := range []int{0, 1, 65535, 65536, 65537, 300_000} {
		want := content(t, size)
		r.Put("calls", "call.wav", want, nil)
		got, err := r.Get(r.Owner, "calls", "call.wav", 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%d bytes came back changed", size)
		}
	}
	r.Put("calls", "call.wav", []byte("0123456789"), nil)
	got, err := r.Get(r.Owner, "calls", "call.wav", 3, 4)
	if err != nil || string(got) != "3456" {
		t.Fatalf("a range came back as %q, %v", got, err)
	}
}

func TestReadWithoutPurposeIsRefusedAndRecorded(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	r.Put("calls", "call.wav", []byte("hello"), nil)
	c := r.Owner
	c.Purpose = strongroom.Purpose{}
	before := r.Book.Head().Size
	_, err := r.Get(c, "calls", "call.wav", 0, -1)
	if strongroom.KindOf(err) != strongroom.KindDenied {
		t.Fatalf("want a refusal, have %v", err)
	}
	record, err := r.Book.Record(t.Context(), before)
	if err != nil {
		t.Fatal(err)
	}
	if leaf, err := record.Check(); err != nil || leaf.Kind != "refusal" {
		t.Fatalf("the refusal is recorded as %v, %v", leaf.Kind, err)
	}
}

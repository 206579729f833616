package seal

import (
	"bytes"
	"io"
	"os"
	"testing"

	"strongroom"
)

// Seeds are the pinned vectors, so that what must open stays the same from one
// process to the next.

func FuzzReadHeader(f *testing.F) {
	v := loadVectors(f)
	f.Add([]byte(v.Single.Header))
	f.Add([]byte(v.Segmented.Header))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ReadHeader(bytes.NewReader(b))
		if err != nil {
			return
		}
		again, err := h.encode()
		if err != nil || !bytes.Equal(again[:], b[:HeaderSize]) {
			t.Fatalf("%x is read as %+v, which is written as %x (%v)", b[:HeaderSize], h, again, err)
		}
	})
}

// Nothing opens but what was sealed.
func FuzzOpen(f *testing.F) {
	v := loadVectors(f)
	genuine := map[string]bool{}
	for _, b := range v.Single.Blobs {
		f.Add([]byte(b.Sealed))
		genuine[string(b.Sealed)] = true
	}
	big, err := os.ReadFile("testdata/two-chunks.blob")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(big)
	genuine[string(big)] = true
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Open(source(b), v.header(), DataKey(v.DataKey))
		if err != nil {
			return
		}
		var out bytes.Buffer
		n, err := r.WriteRangeTo(&out, 0, r.Size())
		if n != int64(out.Len()) {
			t.Fatalf("%d bytes are counted, %d left", n, out.Len())
		}
		if err == nil && !genuine[string(b)] {
			t.Fatalf("%d bytes that nobody sealed open as %d bytes", len(b), n)
		}
		if err != nil && n%ChunkSize != 0 {
			t.Fatalf("%d bytes of a damaged blob left, which are not whole chunks", n)
		}
	})
}

// The list of parts is signed here, so that the parser behind the signature is
// reached.
func FuzzManifest(f *testing.F) {
	v := loadVectors(f)
	f.Add([]byte(v.Segmented.Manifest[HeaderSize+CommitmentSize:len(v.Segmented.Manifest)-32]), true)
	f.Add([]byte{0, 0, 0, 0}, true)
	lying := bytes.Clone(v.Segmented.Manifest[HeaderSize+CommitmentSize : len(v.Segmented.Manifest)-32])
	lying[3]++ // announces a part more than it lists
	f.Add(lying, true)
	f.Add([]byte(v.Segmented.Manifest), false)
	h := v.header()
	h.Layout = Segmented
	keys, err := newKeySchedule(h, DataKey(v.DataKey))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte, sign bool) {
		if sign {
			tag, err := keys.manifestTag(b)
			if err != nil {
				t.Fatal(err)
			}
			b = bytes.Join([][]byte{v.Segmented.Header, v.Segmented.Commitment, b, tag}, nil)
		}
		r, err := OpenSegmented(source(b), h, DataKey(v.DataKey), func(ManifestPart) (Source, error) {
			return nil, io.ErrClosedPipe
		})
		if err != nil {
			return
		}
		defer r.Close()
		list := make([]ManifestPart, len(r.segments))
		for i := range list {
			list[i] = r.segments[i].part
		}
		var again bytes.Buffer
		if err := WriteManifest(&again, h, DataKey(v.DataKey), list); err != nil || !bytes.Equal(again.Bytes(), b) {
			t.Fatalf("it opens as %v, which is written differently (%v)", list, err)
		}
		if n, err := r.WriteRangeTo(io.Discard, 0, r.Size()); r.Size() > 0 && (err == nil || n != 0) {
			t.Fatalf("without a part, %d bytes left (%v)", n, err)
		}
	})
}

func FuzzParseSidecar(f *testing.F) {
	f.Add([]byte(loadVectors(f).Sidecar))
	f.Add([]byte(`{"version":1,"room":"10","stanzas":[{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSidecar(b)
		if err != nil {
			return
		}
		if again, err := s.Marshal(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%q is written as %q (%v)", b, again, err)
		}
	})
}

func FuzzParseRecipient(f *testing.F) {
	for _, i := range loadVectors(f).Identities {
		f.Add(i.Recipient)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRecipient(s)
		if err != nil {
			return
		}
		if r.String() != s {
			t.Fatalf("%q is written as %q", s, r)
		}
		if _, err := strongroom.ParseID(r.ID()); err != nil {
			t.Fatalf("its id is %q", r.ID())
		}
		// A key may parse and still wrap nothing (a point of low order), but
		// it must say so.
		if s, err := r.Wrap(testKey, testBinding); err == nil && s.check() != nil {
			t.Fatalf("it wraps to a stanza that no sidecar holds: %v", s.check())
		}
	})
}

func FuzzParseIdentity(f *testing.F) {
	for _, i := range loadVectors(f).Identities {
		f.Add([]byte(i.Identity))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := ParseIdentity(b)
		if err != nil {
			return
		}
		text, err := i.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseIdentity(text); err != nil || again.Recipient().String() != i.Recipient().String() {
			t.Fatalf("what it is written as reads as %v, %v", again, err)
		}
	})
}

// No stanza unwraps but the genuine one.
func FuzzUnwrap(f *testing.F) {
	v := loadVectors(f)
	side, err := ParseSidecar([]byte(v.Sidecar))
	if err != nil {
		f.Fatal(err)
	}
	ids := identities(f)
	genuine := map[string]bool{}
	for i, s := range side.Stanzas {
		f.Add(uint8(i), s.Enc, s.Body)
		genuine[s.Type+string(s.Enc)+string(s.Body)] = true
	}
	binding := Binding{v.Room, v.Blob, v.Custody}
	f.Fuzz(func(t *testing.T, which uint8, enc, body []byte) {
		s := side.Stanzas[int(which)%len(side.Stanzas)]
		s.Enc, s.Body = enc, body
		key, err := ids[s.Type].Unwrap(s, binding)
		if err == nil && !genuine[s.Type+string(enc)+string(body)] {
			t.Fatal("a stanza that nobody wrapped unwraps")
		}
		if err != nil && key != (DataKey{}) {
			t.Fatal("a refused stanza gives a key")
		}
	})
}

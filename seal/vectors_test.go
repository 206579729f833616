package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/fips140"
	"crypto/hmac"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"strongroom"
)

// hexBytes is hexadecimal in JSON.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// vectors are the file testdata/vectors.json, which docs/formats/sealed-blob.md
// explains. They are never made anew: every later version must open them.
type vectors struct {
	Room    strongroom.ID `json:"room"`
	Blob    strongroom.ID `json:"blob"`
	Custody string        `json:"custody"`
	DataKey hexBytes      `json:"data_key"`

	Single struct {
		Header     hexBytes `json:"header"`
		HeaderHash hexBytes `json:"header_hash"`
		PRK        hexBytes `json:"prk"`
		Commitment hexBytes `json:"commitment"`
		PayloadKey hexBytes `json:"payload_key"`
		Blobs      []struct {
			Plaintext hexBytes `json:"plaintext"`
			Sealed    hexBytes `json:"sealed"`
		} `json:"blobs"`
	} `json:"single"`

	Segmented struct {
		Header      hexBytes        `json:"header"`
		HeaderHash  hexBytes        `json:"header_hash"`
		PRK         hexBytes        `json:"prk"`
		Commitment  hexBytes        `json:"commitment"`
		ManifestKey hexBytes        `json:"manifest_key"`
		Manifest    hexBytes        `json:"manifest"`
		Parts       []segmentVector `json:"parts"`
	} `json:"segmented"`

	Upload struct {
		Key     hexBytes `json:"key"`
		AAD     hexBytes `json:"aad"`
		Wrapped hexBytes `json:"wrapped"`
	} `json:"upload"`

	Identities []identityVector `json:"identities"`
	Sidecar    string           `json:"sidecar"`

	Ephemeral struct {
		PrivateKey      hexBytes `json:"private_key"`
		PublicKey       hexBytes `json:"public_key"`
		Info            hexBytes `json:"info"`
		HPKEInfo        hexBytes `json:"hpke_info"`
		ExporterContext hexBytes `json:"exporter_context"`
		AnswerKey       hexBytes `json:"answer_key"`
		Sealed          hexBytes `json:"sealed"`
	} `json:"ephemeral"`
}

type segmentVector struct {
	Number    int           `json:"number"`
	Attempt   strongroom.ID `json:"attempt"`
	Key       hexBytes      `json:"key"`
	Plaintext hexBytes      `json:"plaintext"`
	Sealed    hexBytes      `json:"sealed"`
}

type identityVector struct {
	Type      string   `json:"type"`
	Identity  string   `json:"identity"`
	Recipient string   `json:"recipient"`
	ID        string   `json:"id"`
	Info      hexBytes `json:"info"`
}

func loadVectors(t testing.TB) *vectors {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return &v
}

func (v *vectors) header() Header { return Header{Room: v.Room, Blob: v.Blob, Custody: v.Custody} }

// counting is the plaintext of testdata/two-chunks.blob: byte i is i mod 251.
func counting(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

func TestVectorsOpen(t *testing.T) {
	v := loadVectors(t)
	key := DataKey(v.DataKey)
	for i, b := range v.Single.Blobs {
		if got, err := leaves(b.Sealed, v.header(), key); err != nil || !bytes.Equal(got, b.Plaintext) {
			t.Errorf("blob %d: %q, %v", i, got, err)
		}
	}
	big, err := os.ReadFile("testdata/two-chunks.blob")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := leaves(big, v.header(), key); err != nil || !bytes.Equal(got, counting(ChunkSize+1)) {
		t.Errorf("two chunks: %v", err)
	}

	var plain []byte
	files := map[int][]byte{}
	for _, p := range v.Segmented.Parts {
		plain = append(plain, p.Plaintext...)
		files[p.Number] = p.Sealed
	}
	r, err := OpenSegmented(source(v.Segmented.Manifest), v.header(), key, func(p ManifestPart) (Source, error) {
		return source(files[p.Number]), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, r); !bytes.Equal(got, plain) {
		t.Errorf("segmented: %q", got)
	}

	binding := Binding{v.Room, v.Blob, v.Custody}
	if got, err := UnwrapUploadKey([32]byte(v.Upload.Key), v.Upload.Wrapped, binding); err != nil || got != key {
		t.Errorf("upload key: %v", err)
	}
	side, err := ParseSidecar([]byte(v.Sidecar))
	if err != nil {
		t.Fatal(err)
	}
	if len(side.Stanzas) != len(v.Identities) {
		t.Fatalf("%d stanzas for %d identities", len(side.Stanzas), len(v.Identities))
	}
	for i, w := range v.Identities {
		identity, err := ParseIdentity([]byte(w.Identity))
		if err != nil {
			t.Fatal(err)
		}
		r := identity.Recipient()
		if r.String() != w.Recipient || r.ID() != w.ID || r.Type() != w.Type {
			t.Errorf("%s: the recipient is %s", w.Type, r)
		}
		if again, err := identity.MarshalText(); err != nil || string(again) != w.Identity {
			t.Errorf("%s: the identity is written differently (%v)", w.Type, err)
		}
		if !bytes.Equal(binding.encode(labelStanza, w.Type), w.Info) {
			t.Errorf("%s: info differs", w.Type)
		}
		if got, err := identity.Unwrap(side.Stanzas[i], binding); err != nil || got != key {
			t.Errorf("%s: %v", w.Type, err)
		}
	}
	private, err := hpke.NewKEM(0x0010)
	if err != nil {
		t.Fatal(err)
	}
	k, err := private.NewPrivateKey(v.Ephemeral.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	e := newEphemeral(k)
	if !bytes.Equal(e.PublicKey(), v.Ephemeral.PublicKey) {
		t.Error("the ephemeral public key differs")
	}
	if got, err := e.Open(v.Ephemeral.Sealed, v.Ephemeral.Info); err != nil || !bytes.Equal(got, key[:]) {
		t.Errorf("ephemeral: %v", err)
	}
}

// The intermediate values are worked out here from the document, with nothing
// of the package, so that document and package cannot drift apart unseen.
func TestVectorsFollowTheDocument(t *testing.T) {
	// It takes nonces apart with cipher.NewGCM, which FIPS-only mode forbids.
	fips140.WithoutEnforcement(func() { checkDocument(t) })
}

func checkDocument(t *testing.T) {
	v := loadVectors(t)
	equal := func(what string, got, want []byte) {
		t.Helper()
		if !bytes.Equal(got, want) {
			t.Errorf("%s is %x, the vector says %x", what, got, want)
		}
	}
	mac := func(key []byte, parts ...[]byte) []byte {
		h := hmac.New(sha256.New, key)
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	expand := func(prk []byte, info string) []byte { return mac(prk, []byte(info), []byte{1}) }
	open := func(key, sealed, aad []byte) []byte {
		t.Helper()
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := gcm.Open(nil, sealed[:12], sealed[12:], aad)
		if err != nil {
			t.Errorf("with additional data %x: %v", aad, err)
		}
		return plain
	}
	header := func(layout byte) []byte {
		h := append([]byte("SRSEALED"), 1, 1, 16, layout)
		h = append(append(h, v.Room[:]...), v.Blob[:]...)
		h = append(append(h, byte(len(v.Custody))), v.Custody...)
		return append(h, make([]byte, 128-len(h))...)
	}

	h := header(0)
	hash := sha256.Sum256(h)
	prk := mac(hash[:], v.DataKey)
	equal("the header", h, v.Single.Header)
	equal("the header hash", hash[:], v.Single.HeaderHash)
	equal("the PRK", prk, v.Single.PRK)
	equal("the commitment", expand(prk, "strongroom sealed-blob v1 commitment"), v.Single.Commitment)
	payload := expand(prk, "strongroom sealed-blob v1 payload")
	equal("the payload key", payload, v.Single.PayloadKey)
	for _, b := range v.Single.Blobs {
		equal("the start", b.Sealed[:160], append(h, v.Single.Commitment...))
		equal("the plaintext", open(payload, b.Sealed[160:], []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), b.Plaintext)
	}
	big, err := os.ReadFile("testdata/two-chunks.blob")
	if err != nil {
		t.Fatal(err)
	}
	first := open(payload, big[160:160+65564], []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	last := open(payload, big[160+65564:], []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1})
	equal("the plaintext of two chunks", append(first, last...), counting(65537))

	s := v.Segmented
	h = header(1)
	hash = sha256.Sum256(h)
	prk = mac(hash[:], v.DataKey)
	equal("the manifest's header", h, s.Header)
	equal("the manifest's header hash", hash[:], s.HeaderHash)
	equal("the manifest's PRK", prk, s.PRK)
	equal("the manifest's commitment", expand(prk, "strongroom sealed-blob v1 commitment"), s.Commitment)
	equal("the manifest key", expand(prk, "strongroom sealed-blob v1 manifest"), s.ManifestKey)
	list := binary.BigEndian.AppendUint32(nil, uint32(len(s.Parts)))
	for _, p := range s.Parts {
		number := binary.BigEndian.AppendUint32(nil, uint32(p.Number))
		list = append(append(list, number...), p.Attempt[:]...)
		list = binary.BigEndian.AppendUint64(list, uint64(len(p.Plaintext)))
		equal("the part key", expand(prk, "strongroom sealed-blob v1 part"+string(number)+string(p.Attempt[:])), p.Key)
		equal("the part", open(p.Key, p.Sealed, append(number, 0, 0, 0, 0, 0, 0, 0, 0, 1)), p.Plaintext)
	}
	equal("the manifest", bytes.Join([][]byte{h, s.Commitment, list, mac(s.ManifestKey, hash[:], list)}, nil), s.Manifest)

	fields := func(f ...string) (out []byte) {
		for _, s := range f {
			out = append(binary.BigEndian.AppendUint16(out, uint16(len(s))), s...)
		}
		return out
	}
	room, blob := string(v.Room[:]), string(v.Blob[:])
	equal("the upload key's additional data", fields("strongroom upload key v1", "", room, blob, v.Custody), v.Upload.AAD)
	equal("the upload's data key", open(v.Upload.Key, v.Upload.Wrapped, v.Upload.AAD), v.DataKey)
	equal("the ephemeral info", fields("strongroom ephemeral v2"), v.Ephemeral.HPKEInfo)
	equal("the exporter context", fields("strongroom answer v2", string(v.Ephemeral.Info)), v.Ephemeral.ExporterContext)
	equal("the answer", open(v.Ephemeral.AnswerKey, v.Ephemeral.Sealed[65:], nil), v.DataKey)
	for _, i := range v.Identities {
		equal("the info of "+i.Type, fields("strongroom stanza v1", i.Type, room, blob, v.Custody), i.Info)
	}
}

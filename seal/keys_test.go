package seal

import (
	"bytes"
	"crypto/fips140"
	"crypto/hpke"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"strongroom"
)

// identities returns the fixed identity of each type; making an RSA key takes
// longer than everything else here.
func identities(t testing.TB) map[string]*Identity {
	t.Helper()
	out := map[string]*Identity{}
	for _, v := range loadVectors(t).Identities {
		i, err := ParseIdentity([]byte(v.Identity))
		if err != nil {
			t.Fatal(err)
		}
		out[v.Type] = i
	}
	return out
}

func TestEveryTypeOfKeyPair(t *testing.T) {
	for kind, identity := range identities(t) {
		t.Run(kind, func(t *testing.T) {
			text, err := identity.MarshalText()
			if err != nil {
				t.Fatal(err)
			}
			again, err := ParseIdentity(text)
			if err != nil || again.Recipient().ID() != identity.Recipient().ID() {
				t.Fatalf("the written identity reads as %v, %v", again, err)
			}
			if !strings.Contains(string(text), "# "+identity.Recipient().String()+"\n") {
				t.Error("the file does not show the recipient")
			}
			recipient, err := ParseRecipient(identity.Recipient().String())
			if err != nil {
				t.Fatal(err)
			}
			if recipient.ID() != identity.Recipient().ID() || recipient.Type() != kind {
				t.Fatalf("the recipient reads as %s of type %s", recipient.ID(), recipient.Type())
			}
			stanza, err := recipient.Wrap(testKey, testBinding)
			if err != nil {
				t.Fatal(err)
			}
			if key, err := again.Unwrap(stanza, testBinding); err != nil || key != testKey {
				t.Fatalf("unwrapped: %v", err)
			}

			for name, b := range map[string]Binding{
				"room":    {strongroom.ID{1}, testBinding.Blob, testBinding.Custody},
				"blob":    {testBinding.Room, strongroom.ID{1}, testBinding.Custody},
				"custody": {testBinding.Room, testBinding.Blob, "other"},
				"nothing": {},
			} {
				if key, err := identity.Unwrap(stanza, b); err == nil || key != (DataKey{}) {
					t.Errorf("another %s: it unwraps", name)
				}
			}
			for name, field := range map[string]*[]byte{"enc": &stanza.Enc, "body": &stanza.Body} {
				good := *field
				for _, at := range []int{0, len(good) / 2, len(good) - 1} {
					*field = bytes.Clone(good)
					(*field)[at] ^= 1
					if key, err := identity.Unwrap(stanza, testBinding); err == nil || key != (DataKey{}) {
						t.Errorf("byte %d of %s changed: it unwraps", at, name)
					}
				}
				for _, cut := range [][]byte{nil, good[:len(good)-1], append(bytes.Clone(good), 0)} {
					*field = cut
					if key, err := identity.Unwrap(stanza, testBinding); err == nil || key != (DataKey{}) {
						t.Errorf("%s of %d bytes instead of %d: it unwraps", name, len(cut), len(good))
					}
				}
				*field = good
			}
			for other, o := range identities(t) {
				if other != kind {
					relabelled := stanza
					relabelled.Type, relabelled.Recipient = other, o.Recipient().ID()
					if _, err := o.Unwrap(stanza, testBinding); err == nil {
						t.Errorf("%s unwraps it", other)
					}
					if _, err := o.Unwrap(relabelled, testBinding); err == nil {
						t.Errorf("%s unwraps it under its own name", other)
					}
				}
			}
			relabelled := stanza
			relabelled.Recipient = strongroom.ID{1}.String()
			if _, err := identity.Unwrap(relabelled, testBinding); err == nil {
				t.Error("a stanza for somebody else unwraps")
			}
		})
	}
}

func TestGeneratedKeyPairsDiffer(t *testing.T) {
	for _, kind := range []string{TypeMLKEM768X25519, TypeMLKEM768P256} {
		a, err := GenerateIdentity(kind)
		if err != nil {
			t.Fatal(err)
		}
		b, err := GenerateIdentity(kind)
		if err != nil {
			t.Fatal(err)
		}
		stanza, err := a.Recipient().Wrap(testKey, testBinding)
		if err != nil {
			t.Fatal(err)
		}
		if key, err := a.Unwrap(stanza, testBinding); err != nil || key != testKey {
			t.Errorf("%s: %v", kind, err)
		}
		stanza.Recipient = b.Recipient().ID()
		if _, err := b.Unwrap(stanza, testBinding); err == nil {
			t.Errorf("%s: another key pair unwraps it", kind)
		}
	}
	if _, err := GenerateIdentity("rsa-1024"); err == nil {
		t.Error("an unknown type is generated")
	}
}

func TestWrapRefusesWhatIsNotSet(t *testing.T) {
	r := identities(t)[TypeMLKEM768X25519].Recipient()
	if _, err := (Recipient{}).Wrap(testKey, testBinding); err == nil {
		t.Error("the zero recipient wraps")
	}
	if _, err := r.Wrap(DataKey{}, testBinding); err == nil {
		t.Error("the zero key is wrapped")
	}
	if _, err := r.Wrap(testKey, Binding{}); err == nil {
		t.Error("a key is wrapped for no blob")
	}
	if _, err := WrapUploadKey([32]byte{}, testKey, testBinding); err == nil {
		t.Error("the zero upload key wraps")
	}
	if _, err := UnwrapUploadKey([32]byte{}, make([]byte, 60), testBinding); err == nil {
		t.Error("the zero upload key unwraps")
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	good := identities(t)[TypeMLKEM768X25519]
	text, err := good.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	line := string(text[bytes.LastIndexByte(text[:len(text)-1], '\n')+1:])
	recipient := good.Recipient().String()
	for name, s := range map[string]string{
		"empty":        "",
		"only comment": "# nothing\n",
		"two keys":     line + line,
		"recipient":    recipient,
		"unknown type": strings.Replace(line, "x25519", "x448", 1),
		"another type": strings.Replace(line, "x25519:", "x25519:A", 1),
		"RSA by name":  strings.Replace(line, TypeMLKEM768X25519, TypeRSA3072, 1),
		"huge":         line + strings.Repeat("#", maxKeyText),
	} {
		if _, err := ParseIdentity([]byte(s)); err == nil {
			t.Errorf("identity, %s: accepted", name)
		}
	}
	for name, s := range map[string]string{
		"empty":          "",
		"identity":       line,
		"cut":            recipient[:len(recipient)-1],
		"longer":         recipient + "A",
		"padded":         recipient + "=",
		"line break":     recipient + "\n",
		"unknown type":   strings.Replace(recipient, "x25519", "x448", 1),
		"another type":   strings.Replace(recipient, "x25519", "p256", 1),
		"no type":        recipientPrefix,
		"bad modulus":    recipientPrefix + TypeMLKEM768X25519 + ":" + strings.Repeat("_", 1622-1) + "8",
		"point off P256": recipientPrefix + TypeMLKEM768P256 + ":" + strings.Repeat("A", 1666),
	} {
		if _, err := ParseRecipient(s); err == nil {
			t.Errorf("recipient, %s: accepted", name)
		}
	}
}

func TestUploadKey(t *testing.T) {
	upload := [32]byte{4}
	wrapped, err := WrapUploadKey(upload, testKey, testBinding)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := UnwrapUploadKey(upload, wrapped, testBinding); err != nil || key != testKey {
		t.Fatalf("unwrapped: %v", err)
	}
	if _, err := UnwrapUploadKey([32]byte{5}, wrapped, testBinding); err == nil {
		t.Error("another upload key unwraps it")
	}
	other := testBinding
	other.Blob[0]++
	if _, err := UnwrapUploadKey(upload, wrapped, other); err == nil {
		t.Error("it unwraps for another blob")
	}
	for bit := range len(wrapped) * 8 {
		wrapped[bit/8] ^= 1 << (bit % 8)
		if _, err := UnwrapUploadKey(upload, wrapped, testBinding); err == nil {
			t.Errorf("bit %d flipped: it unwraps", bit)
		}
		wrapped[bit/8] ^= 1 << (bit % 8)
	}
}

func TestEphemeral(t *testing.T) {
	e, err := NewEphemeral()
	if err != nil {
		t.Fatal(err)
	}
	channel := func(public []byte) *Channel {
		t.Helper()
		c, err := NewChannel(public)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	sealTo := func(c *Channel, info string) []byte {
		t.Helper()
		sealed, err := c.Seal([]byte(info), testKey[:])
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	c := channel(e.PublicKey())
	sealed := sealTo(c, "release 1")
	if got, err := e.Open(sealed, []byte("release 1")); err != nil || !bytes.Equal(got, testKey[:]) {
		t.Fatalf("opened: %v", err)
	}
	if _, err := e.Open(sealed, []byte("release 2")); err == nil {
		t.Error("it opens for another release")
	}
	for _, b := range [][]byte{nil, sealed[:64], sealed[:65], sealed[:len(sealed)-1], append(bytes.Clone(sealed), 0)} {
		if _, err := e.Open(b, []byte("release 1")); err == nil {
			t.Errorf("%d bytes instead of %d open", len(b), len(sealed))
		}
	}
	for bit := range 8 * len(sealed) {
		sealed[bit/8] ^= 1 << (bit % 8)
		if _, err := e.Open(sealed, []byte("release 1")); err == nil {
			t.Errorf("bit %d flipped: it opens", bit)
		}
		sealed[bit/8] ^= 1 << (bit % 8)
	}
	other, err := NewEphemeral()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open(sealed, []byte("release 1")); err == nil {
		t.Error("another key opens it")
	}

	// One pair takes many answers, of more key servers than it remembers, in any order.
	for round := range 3 {
		for i := range 6 {
			c := channel(e.PublicKey())
			a, b := sealTo(c, "a"), sealTo(c, "b")
			for _, s := range []struct {
				sealed []byte
				info   string
			}{{b, "b"}, {a, "a"}, {sealed, "release 1"}} {
				if got, err := e.Open(s.sealed, []byte(s.info)); err != nil || !bytes.Equal(got, testKey[:]) {
					t.Fatalf("round %d, channel %d, answer %s: %v", round, i, s.info, err)
				}
			}
			if _, err := e.Open(append(bytes.Clone(a[:65]), b[65:]...), []byte("a")); err == nil {
				t.Error("the answer to b opens for a")
			}
			if _, err := e.Open(append(bytes.Clone(a[:65]), sealed[65:]...), []byte("release 1")); err == nil {
				t.Error("an answer opens under another channel's encapsulation")
			}
		}
	}

	long := make([]byte, maxInfo+1)
	if _, err := c.Seal(long, nil); err == nil {
		t.Error("info that is too long is accepted for sealing")
	}
	if _, err := e.Open(sealed, long); err == nil {
		t.Error("info that is too long is accepted for opening")
	}
	for _, public := range [][]byte{nil, make([]byte, 65), e.PublicKey()[:64]} {
		if _, err := NewChannel(public); err == nil {
			t.Errorf("%x is accepted as a public key", public)
		}
	}
}

func TestSidecar(t *testing.T) {
	side := Sidecar{Room: testHeader.Room, Blob: testHeader.Blob, Custody: testHeader.Custody}
	all := identities(t)
	for _, kind := range []string{TypeMLKEM768X25519, TypeMLKEM768P256, TypeRSA3072} {
		s, err := all[kind].Recipient().Wrap(testKey, testBinding)
		if err != nil {
			t.Fatal(err)
		}
		side.Stanzas = append(side.Stanzas, s)
	}
	data, err := side.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseSidecar(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range back.Stanzas {
		if key, err := all[s.Type].Unwrap(s, Binding{back.Room, back.Blob, back.Custody}); err != nil || key != testKey {
			t.Errorf("%s: %v", s.Type, err)
		}
	}

	replace := func(old, new string) []byte {
		if !bytes.Contains(data, []byte(old)) {
			t.Fatalf("the sidecar has no %q", old)
		}
		return bytes.Replace(data, []byte(old), []byte(new), 1)
	}
	for name, b := range map[string][]byte{
		"empty":              nil,
		"null":               []byte("null\n"),
		"no final line end":  data[:len(data)-1],
		"trailing":           append(bytes.Clone(data), '{', '}'),
		"white space":        replace(`"version":1`, `"version": 1`),
		"later version":      replace(`"version":1`, `"version":2`),
		"no version":         replace(`"version":1,`, ``),
		"unknown member":     replace(`"version":1`, `"version":1,"x":1`),
		"repeated member":    replace(`"version":1`, `"version":1,"version":1`),
		"other case":         replace(`"version"`, `"Version"`),
		"custody":            replace(`"recordings"`, `"Recordings"`),
		"room":               replace(testHeader.Room.String(), strings.Repeat("0", 32)),
		"room in upper case": replace(testHeader.Room.String(), strings.ToUpper(testHeader.Room.String())),
		"type":               replace(TypeRSA3072, "RSA"),
		"no type":            replace(TypeRSA3072, ""),
		"recipient":          replace(side.Stanzas[0].Recipient, "me"),
		"same recipient":     replace(side.Stanzas[0].Recipient, side.Stanzas[1].Recipient),
		"no stanzas":         []byte(fmt.Sprintf("{\"version\":1,\"room\":%q,\"blob\":%q,\"custody\":\"a\",\"stanzas\":[]}\n", side.Room, side.Blob)),
		"too long":           append(bytes.Clone(data), bytes.Repeat([]byte(" "), MaxSidecar)...),
	} {
		if _, err := ParseSidecar(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}

	many := side
	many.Stanzas = nil
	for i := range MaxStanzas + 1 {
		s := side.Stanzas[0]
		s.Recipient = strongroom.ID{byte(i)}.String()
		many.Stanzas = append(many.Stanzas, s)
	}
	if _, err := many.Marshal(); err == nil {
		t.Errorf("%d stanzas are accepted", len(many.Stanzas))
	}
	many.Stanzas = many.Stanzas[:MaxStanzas]
	if data, err := many.Marshal(); err != nil {
		t.Errorf("%d stanzas: %v", MaxStanzas, err)
	} else if _, err := ParseSidecar(data); err != nil {
		t.Errorf("%d stanzas: %v", MaxStanzas, err)
	}
}

// The vectors of draft-ietf-hpke-pq for the two hybrids with HKDF-SHA256 pin
// the key encapsulation that stanzas rely on.
func TestHPKEDraftVectors(t *testing.T) {
	// One of them is for ChaCha20-Poly1305, which FIPS-only mode forbids.
	fips140.WithoutEnforcement(func() { checkHPKEDraftVectors(t) })
}

func checkHPKEDraftVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/hpke-pq-draft.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		KEM  uint16 `json:"kem_id"`
		KDF  uint16 `json:"kdf_id"`
		AEAD uint16 `json:"aead_id"`

		Info, SkRm, PkRm, Enc, Aad, Ct, Pt string
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	seen := map[uint16]bool{}
	for _, v := range vectors {
		raw := func(s string) []byte {
			b, err := hex.DecodeString(s)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		kem, err := hpke.NewKEM(v.KEM)
		if err != nil {
			t.Fatal(err)
		}
		kdf, err := hpke.NewKDF(v.KDF)
		if err != nil {
			t.Fatal(err)
		}
		aead, err := hpke.NewAEAD(v.AEAD)
		if err != nil {
			t.Fatal(err)
		}
		private, err := kem.NewPrivateKey(raw(v.SkRm))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(private.PublicKey().Bytes(), raw(v.PkRm)) {
			t.Errorf("KEM %#04x: the public key differs", v.KEM)
		}
		r, err := hpke.NewRecipient(raw(v.Enc), private, kdf, aead, raw(v.Info))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.Open(raw(v.Aad), raw(v.Ct)); err != nil || !bytes.Equal(got, raw(v.Pt)) {
			t.Errorf("KEM %#04x: %v", v.KEM, err)
		}
		seen[v.KEM] = true
	}
	for _, kem := range []hpke.KEM{hpke.MLKEM768X25519(), hpke.MLKEM768P256()} {
		if !seen[kem.ID()] {
			t.Errorf("no vector for KEM %#04x", kem.ID())
		}
	}
}

package ledger

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"strongroom"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type keys struct {
	signer    note.Signer
	verifier  note.Verifier
	public    string
	cosigner  note.Signer
	witness   note.Verifier
	witnessPK string
}

func newKeys(t testing.TB, room strongroom.ID) keys {
	t.Helper()
	var k keys
	secret, public, err := GenerateKey(KeyName(room))
	if err != nil {
		t.Fatal(err)
	}
	k.public = public
	if k.signer, err = ParseSigner(secret); err != nil {
		t.Fatal(err)
	}
	if k.verifier, err = ParseVerifier(public); err != nil {
		t.Fatal(err)
	}
	secret, k.witnessPK, err = GenerateCosignerKey("witness.example/w1")
	if err != nil {
		t.Fatal(err)
	}
	if k.cosigner, err = ParseCosigner(secret, func() time.Time { return testTime }); err != nil {
		t.Fatal(err)
	}
	if k.witness, err = ParseWitness(k.witnessPK); err != nil {
		t.Fatal(err)
	}
	return k
}

func mustSign(t testing.TB, c Checkpoint, signers ...note.Signer) []byte {
	t.Helper()
	signed, err := Sign(c, signers...)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestCheckpointRoundTrip(t *testing.T) {
	k := newKeys(t, testRoom)
	c := Checkpoint{Origin(testRoom, 2), 12345, tlog.Hash{1, 2, 3}}
	got, n, err := OpenCheckpoint(mustSign(t, c, k.signer), k.verifier, k.witness)
	if err != nil || got != c {
		t.Fatalf("got %+v, %v", got, err)
	}
	if len(Cosignatures(n, k.witness)) != 0 {
		t.Fatal("a checkpoint that nobody cosigned is witnessed")
	}
	room, epoch, err := ParseOrigin(got.Origin)
	if err != nil || room != testRoom || epoch != 2 {
		t.Fatalf("the origin reads %v, %d, %v", room, epoch, err)
	}
}

func TestCosignature(t *testing.T) {
	k, stranger := newKeys(t, testRoom), newKeys(t, testRoom)
	c := Checkpoint{Origin(testRoom, 1), 5, tlog.Hash{9}}
	_, n, err := OpenCheckpoint(mustSign(t, c, k.signer), k.verifier)
	if err != nil {
		t.Fatal(err)
	}
	both, err := note.Sign(n, k.cosigner, stranger.cosigner)
	if err != nil {
		t.Fatal(err)
	}
	_, n, err = OpenCheckpoint(both, k.verifier, k.witness)
	if err != nil {
		t.Fatal(err)
	}
	got := Cosignatures(n, k.witness, stranger.witness)
	if len(got) != 1 || got[0].Witness != "witness.example/w1" || !got[0].Time.Equal(testTime.Truncate(time.Second)) {
		t.Fatalf("got %+v", got)
	}
	// The time is signed too: another time must not verify.
	sig, err := k.cosigner.Sign([]byte(c.text()))
	if err != nil || !k.witness.Verify([]byte(c.text()), sig) {
		t.Fatalf("the cosignature does not verify (%v)", err)
	}
	for i := range sig {
		sig[i] ^= 1
		if k.witness.Verify([]byte(c.text()), sig) {
			t.Fatalf("the cosignature verifies with byte %d changed", i)
		}
		sig[i] ^= 1
	}
	if _, err := k.cosigner.Sign([]byte("any text\n")); err == nil {
		t.Fatal("a witness signed something that is no checkpoint")
	}
	// A witness alone does not make a checkpoint of the ledger.
	alone := mustSign(t, c, k.cosigner)
	if _, _, err := OpenCheckpoint(alone, k.verifier, k.witness); err == nil {
		t.Fatal("a checkpoint that only a witness signed was opened")
	}
}

func TestOpenCheckpointRefuses(t *testing.T) {
	k, other := newKeys(t, testRoom), newKeys(t, testRoom)
	neighbour := newKeys(t, strongroom.ID{1})
	root := tlog.Hash{}.String()
	origin := Origin(testRoom, 1)
	sign := func(text string, s note.Signer) []byte {
		signed, err := note.Sign(&note.Note{Text: text}, s)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	good := sign(origin+"\n5\n"+root+"\n", k.signer)
	for name, signed := range map[string][]byte{
		"nothing":              nil,
		"no signature":         []byte(origin + "\n5\n" + root + "\n"),
		"another key":          sign(origin+"\n5\n"+root+"\n", other.signer),
		"size with zeros":      sign(origin+"\n05\n"+root+"\n", k.signer),
		"size with plus":       sign(origin+"\n+5\n"+root+"\n", k.signer),
		"size negative":        sign(origin+"\n-5\n"+root+"\n", k.signer),
		"size too large":       sign(origin+"\n281474976710657\n"+root+"\n", k.signer),
		"root short":           sign(origin+"\n5\nAAAA\n", k.signer),
		"root not canonical":   sign(origin+"\n5\n"+strings.Replace(root, "A=", "B=", 1)+"\n", k.signer),
		"two lines":            sign(origin+"\n5\n", k.signer),
		"empty line":           sign(origin+"\n5\n"+root+"\n\nmore\n", k.signer),
		"another room's":       sign(Origin(strongroom.ID{1}, 1)+"\n5\n"+root+"\n", k.signer),
		"another room's key":   sign(origin+"\n5\n"+root+"\n", neighbour.signer),
		"longer than the most": sign(origin+"\n5\n"+root+"\n"+strings.Repeat("x", MaxCheckpoint)+"\n", k.signer),
		"size edited":          bytes.Replace(good, []byte("\n5\n"), []byte("\n6\n"), 1),
	} {
		if _, _, err := OpenCheckpoint(signed, k.verifier, k.witness); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	c, n, err := OpenCheckpoint(sign(origin+"\n5\n"+root+"\nextension\n", k.signer), k.verifier)
	if err != nil || c.Size != 5 || !strings.HasSuffix(n.Text, "extension\n") {
		t.Errorf("a checkpoint with an extension line: %v", err)
	}
	if _, _, err := OpenCheckpoint(good, nil); err == nil {
		t.Error("a checkpoint was opened without a key")
	}
}

func TestSignRefuses(t *testing.T) {
	k := newKeys(t, testRoom)
	for name, c := range map[string]Checkpoint{
		"no origin":        {"", 1, tlog.Hash{}},
		"origin two lines": {"a\nb", 1, tlog.Hash{}},
		"negative size":    {"a", -1, tlog.Hash{}},
	} {
		if _, err := Sign(c, k.signer); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	if _, err := Sign(Checkpoint{"a", 1, tlog.Hash{}}); err == nil {
		t.Error("signed with no key")
	}
}

func TestKeysOfOneUseDoNotServeTheOther(t *testing.T) {
	secret, public, err := GenerateKey("a")
	if err != nil {
		t.Fatal(err)
	}
	cosecret, copublic, err := GenerateCosignerKey("a")
	if err != nil {
		t.Fatal(err)
	}
	_, e1 := ParseCosigner(secret, time.Now)
	_, e2 := ParseWitness(public)
	_, e3 := ParseSigner(cosecret)
	_, e4 := ParseVerifier(copublic)
	for i, err := range []error{e1, e2, e3, e4} {
		if err == nil {
			t.Errorf("case %d: a key was taken for another use", i)
		} else if strings.Contains(err.Error(), secret[20:]) || strings.Contains(err.Error(), cosecret[20:]) {
			t.Errorf("case %d: the error quotes the key", i)
		}
	}
	for _, name := range []string{"", "a b", "a+b", "a\nb", " a", "a\u00a0b"} {
		if _, _, err := GenerateKey(name); err == nil {
			t.Errorf("a ledger key named %q was made", name)
		}
		if _, _, err := GenerateCosignerKey(name); err == nil {
			t.Errorf("a witness key named %q was made", name)
		}
	}
	if _, err := ParseWitness(strings.Replace(copublic, "a+", "b+", 1)); err == nil {
		t.Error("a witness key was taken under another name")
	}
}

func TestOriginHasOneSpelling(t *testing.T) {
	id := testRoom.String()
	for _, s := range []string{"", "strongroom", "strongroom/" + id, "strongroom/" + id + "/", "strongroom/" + id + "/0",
		"strongroom/" + id + "/01", "strongroom/" + id + "/4294967296", "strongroom/" + strings.ToUpper(id) + "/1", "other/" + id + "/1"} {
		if _, _, err := ParseOrigin(s); err == nil {
			t.Errorf("%q was accepted", s)
		}
	}
}

func TestProofsOfTheEmptyTree(t *testing.T) {
	empty := NewEdge().Root()
	for name, c := range map[string]struct {
		proof        tlog.TreeProof
		oldSize      int64
		oldRoot      tlog.Hash
		newSize      int64
		newRoot      tlog.Hash
		holds, prove bool
	}{
		"empty to empty":       {nil, 0, empty, 0, empty, true, true},
		"empty to five":        {nil, 0, empty, 5, tlog.Hash{7}, true, true},
		"empty with a root":    {nil, 0, tlog.Hash{1}, 5, tlog.Hash{7}, false, true},
		"empty, proof given":   {tlog.TreeProof{{}}, 0, empty, 5, tlog.Hash{7}, false, true},
		"both empty, odd root": {nil, 0, empty, 0, tlog.Hash{7}, false, true},
		"shrinking":            {nil, 5, tlog.Hash{7}, 0, empty, false, false},
		"negative":             {nil, -1, empty, 5, empty, false, false},
	} {
		if err := CheckConsistency(c.proof, c.oldSize, c.oldRoot, c.newSize, c.newRoot); (err == nil) != c.holds {
			t.Errorf("%s: %v", name, err)
		}
		if c.prove && c.newSize > 0 {
			continue
		}
		if _, err := ProveConsistency(c.oldSize, c.newSize, NewEdge().HashReader(nil)); (err == nil) != c.prove {
			t.Errorf("%s: proving: %v", name, err)
		}
	}
}

func FuzzOpenCheckpoint(f *testing.F) {
	v := readVectors(f)
	key, err := ParseVerifier(v.LedgerKey.Public)
	if err != nil {
		f.Fatal(err)
	}
	witness, err := ParseWitness(v.WitnessKey.Public)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(v.Cosigned)
	f.Add(strings.SplitAfter(v.Checkpoint, "=\n")[0])
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := parseCheckpoint(text); err == nil && !strings.HasPrefix(text, c.text()) {
			t.Fatal("a checkpoint was read that is written differently")
		}
		c, n, err := OpenCheckpoint([]byte(text), key, witness)
		if err != nil {
			return
		}
		if c.Size != 3 && c.Size != 7 || hex.EncodeToString(c.Root[:]) != v.Roots[c.Size].Root {
			t.Fatal("a checkpoint that was never signed was opened")
		}
		if got := Cosignatures(n, witness); len(got) > 1 || len(got) == 1 && got[0].Time.Unix() != 1_795_000_010 {
			t.Fatal("a cosignature that was never made was accepted")
		}
	})
}

func FuzzCheckProofs(f *testing.F) {
	f.Add(int64(5), int64(2), []byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"))
	f.Add(int64(1)<<62, int64(1)<<61, []byte{})
	f.Add(MaxSize, MaxSize-1, make([]byte, 48*32))
	f.Add(int64(-1), int64(-1), []byte{})
	f.Fuzz(func(t *testing.T, size, other int64, raw []byte) {
		var proof []tlog.Hash
		for ; len(raw) >= 32; raw = raw[32:] {
			proof = append(proof, tlog.Hash(raw))
		}
		// No proof can lead to these roots, short of a preimage.
		if CheckInclusion(proof, size, tlog.Hash{1}, other, tlog.Hash{2}) == nil {
			t.Fatal("a proof from nowhere holds")
		}
		if CheckConsistency(proof, size, tlog.Hash{1}, other, tlog.Hash{2}) == nil {
			t.Fatal("a proof from nowhere holds")
		}
		none := tlog.HashReaderFunc(func(x []int64) ([]tlog.Hash, error) { return nil, errors.New("none") })
		ProveInclusion(size, other, none)
		ProveConsistency(size, other, none)
	})
}

func BenchmarkSignAndOpen(b *testing.B) {
	k := newKeys(b, testRoom)
	c := Checkpoint{Origin(testRoom, 1), 5, tlog.Hash{9}}
	for b.Loop() {
		signed := mustSign(b, c, k.signer)
		if _, _, err := OpenCheckpoint(signed, k.verifier); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewRecord(b *testing.B) {
	e := Entry{Kind: "release", Evidence: bytes.Repeat([]byte{'e'}, 600), Personal: bytes.Repeat([]byte{'p'}, 300)}
	for b.Loop() {
		r := mustRecord(b, 1, 1, testTime, e)
		r.Hash()
	}
}

func TestReadCheckpoint(t *testing.T) {
	room := strongroom.NewID()
	secret, public, err := GenerateKey(KeyName(room))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ParseSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := Sign(Checkpoint{Origin: Origin(room, 1), Size: 3, Root: tlog.Hash{1}}, signer)
	if err != nil {
		t.Fatal(err)
	}
	_, witness, err := GenerateCosignerKey("witness.example/w1")
	if err != nil {
		t.Fatal(err)
	}
	if c, by, err := ReadCheckpoint(signed, public, []string{witness}); err != nil || c.Size != 3 || len(by) != 0 {
		t.Errorf("a checkpoint without a witness reads as %+v, %v, %v", c, by, err)
	}
	_, other, err := GenerateKey(KeyName(room))
	if err != nil {
		t.Fatal(err)
	}
	for _, keys := range [][2]string{{other, witness}, {"x", witness}, {public, "x"}} {
		if _, _, err := ReadCheckpoint(signed, keys[0], []string{keys[1]}); err == nil {
			t.Errorf("by the keys %q it is read", keys)
		}
	}
}

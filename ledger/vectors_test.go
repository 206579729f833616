package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"strongroom"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const vectorsFile = "testdata/vectors.json"

var update = flag.Bool("update", false, "write testdata/vectors.json anew")

// vectors is what testdata/vectors.json holds; docs/formats/ledger.md explains it.
// Bytes are hexadecimal, save where the format itself has base64.
type vectors struct {
	Records []recordVector `json:"records"`
	Roots   []rootVector   `json:"roots"`

	Inclusion struct {
		Size  int64            `json:"size"`
		Index int64            `json:"index"`
		Proof tlog.RecordProof `json:"proof"`
	} `json:"inclusion"`
	Consistency struct {
		OldSize int64          `json:"old_size"`
		NewSize int64          `json:"new_size"`
		Proof   tlog.TreeProof `json:"proof"`
	} `json:"consistency"`

	LedgerKey struct {
		Seed   string `json:"seed"`
		Public string `json:"public"`
	} `json:"ledger_key"`
	WitnessKey struct {
		Seed   string `json:"seed"`
		Public string `json:"public"`
	} `json:"witness_key"`
	Checkpoint string `json:"checkpoint"`
	Cosigned   string `json:"cosigned"`
	Bundle     string `json:"bundle"`
}

type recordVector struct {
	Epoch        uint32 `json:"epoch"`
	Time         int64  `json:"time_ms"`
	Room         string `json:"room"`
	Kind         string `json:"kind"`
	Evidence     string `json:"evidence"`
	EvidenceSalt string `json:"evidence_salt"`
	Personal     string `json:"personal,omitempty"`
	PersonalSalt string `json:"personal_salt,omitempty"`
	Leaf         string `json:"leaf"`
	LeafHash     string `json:"leaf_hash"`
}

type rootVector struct {
	Size int64  `json:"size"`
	Root string `json:"root"`
}

func makeVectors(t *testing.T) vectors {
	var v vectors
	room, err := strongroom.ParseID("00112233445566778899aabbccddeeff")
	if err != nil {
		t.Fatal(err)
	}
	salt := func(s string) []byte { sum := sha256.Sum256([]byte(s)); return sum[:] }
	b := newBook(t, 0)
	b.checkpoints[0].Origin = Origin(room, 1)
	for i := range int64(7) {
		e := Entry{Kind: "release", Evidence: fmt.Appendf(nil, `{"action":"readObject","n":%d}`, i)}
		if i%2 == 1 {
			e.Personal = fmt.Appendf(nil, `{"name":"person %d"}`, i)
		}
		at := time.UnixMilli(1_795_000_000_000 + 1000*i)
		r, err := newRecord(i, 1, at, room, e, salt(fmt.Sprint("evidence ", i)), salt(fmt.Sprint("personal ", i)))
		if err != nil {
			t.Fatal(err)
		}
		b.put(r)
		hash := r.Hash()
		x := recordVector{1, at.UnixMilli(), room.String(), e.Kind, string(r.Evidence), hex.EncodeToString(r.EvidenceSalt),
			string(r.Personal), hex.EncodeToString(r.PersonalSalt), hex.EncodeToString(r.Leaf), hex.EncodeToString(hash[:])}
		v.Records = append(v.Records, x)
	}
	for i, c := range b.checkpoints {
		v.Roots = append(v.Roots, rootVector{int64(i), hex.EncodeToString(c.Root[:])})
		b.checkpoints[i].Origin = Origin(room, 1)
	}
	reader := b.edge.HashReader(nil)
	v.Inclusion.Size, v.Inclusion.Index = 7, 3
	if v.Inclusion.Proof, err = ProveInclusion(7, 3, reader); err != nil {
		t.Fatal(err)
	}
	v.Consistency.OldSize, v.Consistency.NewSize = 3, 7
	if v.Consistency.Proof, err = ProveConsistency(3, 7, reader); err != nil {
		t.Fatal(err)
	}

	seed := salt("ledger key")
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	if v.LedgerKey.Public, err = note.NewEd25519VerifierKey(KeyName(room), public); err != nil {
		t.Fatal(err)
	}
	v.LedgerKey.Seed = hex.EncodeToString(seed)
	id := v.LedgerKey.Public[len(KeyName(room))+1:][:8]
	signer, err := ParseSigner("PRIVATE+KEY+" + KeyName(room) + "+" + id + "+" + base64.StdEncoding.EncodeToString(append([]byte{1}, seed...)))
	if err != nil {
		t.Fatal(err)
	}
	v.Checkpoint = string(mustSign(t, b.head(), signer))

	seed = salt("witness key")
	public = ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	v.WitnessKey.Seed, v.WitnessKey.Public = hex.EncodeToString(seed), encodeKey("witness.example/w1", public, public)
	cosigner, err := ParseCosigner("PRIVATE+KEY+"+encodeKey("witness.example/w1", public, seed), func() time.Time { return time.Unix(1_795_000_010, 0) })
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseVerifier(v.LedgerKey.Public)
	if err != nil {
		t.Fatal(err)
	}
	_, n, err := OpenCheckpoint([]byte(v.Checkpoint), key)
	if err != nil {
		t.Fatal(err)
	}
	cosigned, err := note.Sign(n, cosigner)
	if err != nil {
		t.Fatal(err)
	}
	v.Cosigned = string(cosigned)
	v.Bundle = string(encode(t, &Bundle{Format: BundleFormat, Room: room, LedgerKey: v.LedgerKey.Public, WitnessKeys: []string{v.WitnessKey.Public},
		Checkpoint: v.Cosigned, Records: []BundledRecord{{b.records[3], v.Inclusion.Proof}},
		Earlier: &BundledEarlier{string(mustSign(t, b.checkpoints[3], signer)), v.Consistency.Proof}}))
	return v
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	text, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestVectors fails when a format changes: what is recorded must stay readable.
func TestVectors(t *testing.T) {
	got, err := json.MarshalIndent(makeVectors(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(vectorsFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	v := readVectors(t)
	if want, err := os.ReadFile(vectorsFile); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the formats are not those of %s (%v)", vectorsFile, err)
	}
	b, err := ParseBundle([]byte(v.Bundle))
	if err != nil {
		t.Fatal(err)
	}
	report, err := b.Verify(Trust{v.LedgerKey.Public, []string{v.WitnessKey.Public}})
	if err != nil || !report.WitnessTrusted || report.Earlier.Size != 3 || report.Witnesses[0].Time.Unix() != 1_795_000_010 {
		t.Fatalf("got %+v, %v", report, err)
	}
}

package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"strongroom"

	"golang.org/x/mod/sumdb/note"
)

// bundleOf bundles some records of b, and the checkpoint of size earlier.
func bundleOf(t testing.TB, b *book, k keys, cosign bool, earlier int64, indexes ...int64) *Bundle {
	t.Helper()
	signed := mustSign(t, b.head(), k.signer)
	if cosign {
		_, n, err := OpenCheckpoint(signed, k.verifier)
		if err != nil {
			t.Fatal(err)
		}
		if signed, err = note.Sign(n, k.cosigner); err != nil {
			t.Fatal(err)
		}
	}
	r := b.edge.HashReader(b.store.full)
	bundle := &Bundle{Format: BundleFormat, Room: testRoom, LedgerKey: k.public, WitnessKeys: []string{k.witnessPK}, Checkpoint: string(signed)}
	for _, i := range indexes {
		p, err := ProveInclusion(b.edge.Size(), i, r)
		if err != nil {
			t.Fatal(err)
		}
		bundle.Records = append(bundle.Records, BundledRecord{b.records[i], p})
	}
	p, err := ProveConsistency(earlier, b.edge.Size(), r)
	if err != nil {
		t.Fatal(err)
	}
	bundle.Earlier = &BundledEarlier{string(mustSign(t, b.checkpoints[earlier], k.signer)), p}
	return bundle
}

func TestBundleVerifiesElsewhere(t *testing.T) {
	k, b := newKeys(t, testRoom), newBook(t, 700)
	b.strip(5)
	text, err := bundleOf(t, b, k, true, 100, 0, 5, 699).Encode()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := ParseBundle(text)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parsed.Verify(Trust{LedgerKey: k.public + "\n", WitnessKeys: []string{k.witnessPK}})
	if err != nil {
		t.Fatal(err)
	}
	if got.Records != 3 || got.Size != 700 || got.Root != b.edge.Root() || got.Epoch != 1 || !got.KeyTrusted ||
		!got.Witnessed || !got.WitnessTrusted || len(got.Witnesses) != 1 || got.Earlier == nil || got.Earlier.Size != 100 ||
		!slices.Equal(got.Missing, []PartOf{{5, PartPersonal}}) {
		t.Errorf("got %+v", got)
	}
	got, err = parsed.Verify(Trust{})
	if err != nil || got.KeyTrusted || got.WitnessTrusted || !got.Witnessed {
		t.Errorf("without trust: %+v, %v", got, err)
	}
	if _, err := parsed.Verify(Trust{LedgerKey: newKeys(t, testRoom).public}); err == nil {
		t.Error("a bundle with another key than the one trusted was accepted")
	}
	parsed, err = ParseBundle(encode(t, bundleOf(t, b, k, false, 0, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parsed.Verify(Trust{WitnessKeys: []string{k.witnessPK}}); err != nil || got.Witnessed || got.WitnessTrusted {
		t.Errorf("unwitnessed: %+v, %v", got, err)
	}
}

func encode(t testing.TB, b *Bundle) []byte {
	t.Helper()
	text, err := b.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestBundleVerifyRefuses(t *testing.T) {
	k, b := newKeys(t, testRoom), newBook(t, 50)
	other := newKeys(t, strongroom.ID{1})
	for name, change := range map[string]func(*Bundle){
		"another room":         func(x *Bundle) { x.Room = strongroom.ID{1} },
		"another room's key":   func(x *Bundle) { x.LedgerKey = other.public },
		"no key":               func(x *Bundle) { x.LedgerKey = "" },
		"payload edited":       func(x *Bundle) { x.Records[0].Evidence = []byte(`{}`) },
		"record forged":        func(x *Bundle) { x.Records[0].Record = mustRecord(t, 3, 1, testTime, testEntry()) },
		"index moved":          func(x *Bundle) { x.Records[0].Index = 4 },
		"index beyond":         func(x *Bundle) { x.Records[0].Index = 50 },
		"index huge":           func(x *Bundle) { x.Records[0].Index = 1 << 62 },
		"proof cut":            func(x *Bundle) { x.Records[0].Proof = x.Records[0].Proof[1:] },
		"record twice":         func(x *Bundle) { x.Records = append(x.Records, x.Records[0]) },
		"checkpoint edited":    func(x *Bundle) { x.Checkpoint = strings.Replace(x.Checkpoint, "\n50\n", "\n51\n", 1) },
		"no checkpoint":        func(x *Bundle) { x.Checkpoint = "" },
		"witness key broken":   func(x *Bundle) { x.WitnessKeys[0] = "w+1+1" },
		"too many witnesses":   func(x *Bundle) { x.WitnessKeys = make([]string, 101) },
		"earlier proof broken": func(x *Bundle) { x.Earlier.Proof = x.Earlier.Proof[1:] },
		"earlier of another":   func(x *Bundle) { x.Earlier.Checkpoint = string(mustSign(t, b.checkpoints[19], k.signer)) },
		"later epoch's record": func(x *Bundle) {
			y := newBook(t, 3)
			y.newEpoch()
			x.Checkpoint = string(mustSign(t, Checkpoint{Origin(testRoom, 1), 4, y.edge.Root()}, k.signer))
			p, err := ProveInclusion(4, 3, y.edge.HashReader(nil))
			if err != nil {
				t.Fatal(err)
			}
			x.Records, x.Earlier = []BundledRecord{{y.records[3], p}}, nil
		},
	} {
		x := bundleOf(t, b, k, true, 20, 3, 7)
		change(x)
		if report, err := x.Verify(Trust{}); err == nil {
			t.Errorf("%s: accepted", name)
		} else if report.Records != 0 || report.KeyTrusted || report.Witnessed {
			t.Errorf("%s: a refused bundle has a report", name)
		}
	}
}

func TestParseBundleRefuses(t *testing.T) {
	good := string(encode(t, bundleOf(t, newBook(t, 3), newKeys(t, testRoom), false, 0, 1)))
	for name, text := range map[string]string{
		"nothing":       "",
		"not JSON":      "strongroom",
		"other format":  strings.Replace(good, "bundle/v1", "bundle/v2", 1),
		"unknown field": strings.Replace(good, `"format"`, `"verified": true, "format"`, 1),
		"two values":    good + "{}",
		"rubbish after": good + "x",
	} {
		if _, err := ParseBundle([]byte(text)); err == nil {
			t.Errorf("%s: read", name)
		}
	}
	if _, err := ParseBundle(make([]byte, MaxBundle+1)); err == nil {
		t.Error("a bundle beyond the limit was read")
	}
}

func FuzzParseBundle(f *testing.F) {
	v := readVectors(f)
	f.Add([]byte(v.Bundle))
	f.Add([]byte(`{"format":"` + BundleFormat + `","records":[{"index":9}],"earlier":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := ParseBundle(text)
		if err != nil {
			return
		}
		b.Verify(Trust{})
		report, err := b.Verify(Trust{v.LedgerKey.Public, []string{v.WitnessKey.Public}})
		if err != nil {
			return
		}
		// The key has signed two checkpoints of the one ledger, and no more.
		if root := v.Roots[report.Size].Root; !report.KeyTrusted || hex.EncodeToString(report.Root[:]) != root {
			t.Fatalf("a forged head of size %d was accepted", report.Size)
		}
		for _, r := range b.Records {
			if hash := r.Hash(); hex.EncodeToString(hash[:]) != v.Records[r.Index].LeafHash {
				t.Fatalf("a forged record %d was accepted", r.Index)
			}
		}
	})
}

func (b *book) all() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for _, r := range b.records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

type files map[string][]byte

func (f files) put(path string, data []byte) error { f[path] = data; return nil }

func (f files) read(path string) ([]byte, error) {
	b, ok := f[path]
	if !ok {
		return nil, errors.New("no such file")
	}
	return b, nil
}

func TestTilesExport(t *testing.T) {
	k, b := newKeys(t, testRoom), newBook(t, 600)
	for size, want := range map[int64][]string{
		0:   {"checkpoint"},
		1:   {"checkpoint", "tile/0/000.p/1", "tile/entries/000.p/1"},
		256: {"checkpoint", "tile/0/000", "tile/1/000.p/1", "tile/entries/000"},
		600: {"checkpoint", "tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/000", "tile/entries/001", "tile/entries/002.p/88"},
	} {
		out := files{}
		if err := ExportTiles(t.Context(), mustSign(t, b.checkpoints[size], k.signer), b.all(), out.put); err != nil {
			t.Fatal(err)
		}
		if got := slices.Sorted(maps.Keys(out)); !slices.Equal(got, want) {
			t.Errorf("size %d: got %v", size, got)
		}
		c, _, err := VerifyTiles(t.Context(), out.read, k.verifier)
		if err != nil || c != b.checkpoints[size] {
			t.Errorf("size %d: %v", size, err)
		}
		for path := range out {
			for _, change := range []func([]byte) []byte{
				func(d []byte) []byte { d[len(d)/2] ^= 1; return d },
				func(d []byte) []byte { return d[:len(d)-1] },
				func(d []byte) []byte { return append(d, 0) },
				func(d []byte) []byte { return nil },
			} {
				bad := maps.Clone(out)
				bad[path] = change(slices.Clone(out[path]))
				if _, _, err := VerifyTiles(t.Context(), bad.read, k.verifier); err == nil {
					t.Errorf("size %d: a changed %s was not found", size, path)
				}
			}
			bad := maps.Clone(out)
			delete(bad, path)
			if _, _, err := VerifyTiles(t.Context(), bad.read, k.verifier); err == nil {
				t.Errorf("size %d: %s is gone and was not missed", size, path)
			}
		}
	}
}

func TestExportRefusesWhatDoesNotFit(t *testing.T) {
	k, b := newKeys(t, testRoom), newBook(t, 20)
	signed := mustSign(t, b.head(), k.signer)
	export := func(ctx context.Context, signed []byte, records iter.Seq2[Record, error]) (files, error) {
		out := files{}
		return out, ExportTiles(ctx, signed, records, out.put)
	}
	short, swapped, forged := *b, *b, *b
	short.records = b.records[:19]
	swapped.records = slices.Clone(b.records)
	swapped.records[3], swapped.records[4] = swapped.records[4], swapped.records[3]
	forged.records = slices.Clone(b.records)
	forged.records[3] = mustRecord(t, 3, 1, testTime, testEntry())
	for name, records := range map[string]iter.Seq2[Record, error]{
		"too few": short.all(),
		"swapped": swapped.all(),
		"forged":  forged.all(),
		"failing": func(yield func(Record, error) bool) { yield(Record{}, errors.New("disk")) },
	} {
		if out, err := export(t.Context(), signed, records); err == nil || out["checkpoint"] != nil {
			t.Errorf("%s: exported", name)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := export(ended, signed, b.all()); !errors.Is(err, context.Canceled) {
		t.Errorf("an export went on after its end: %v", err)
	}
	if _, err := export(t.Context(), []byte("x"), b.all()); err == nil {
		t.Error("exported without a checkpoint")
	}
	failing := func(string, []byte) error { return errors.New("disk full") }
	if err := ExportTiles(t.Context(), signed, b.all(), failing); err == nil {
		t.Error("a write that failed went unnoticed")
	}
}

func TestTilePathsOfLargeNumbers(t *testing.T) {
	for want, got := range map[string]string{
		"tile/0/x001/x234/067":      tilePath("0", 1234067, tileWidth),
		"tile/entries/999":          tilePath("entries", 999, tileWidth),
		"tile/2/x001/000.p/255":     tilePath("2", 1000, 255),
		"tile/entries/x273/112.p/1": tilePath("entries", 273112, 1),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

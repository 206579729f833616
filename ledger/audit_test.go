package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"strongroom"
)

// book is a ledger kept in memory, with the checkpoint of every size.
type book struct {
	t           testing.TB
	epoch       uint32
	records     []Record
	edge        *Edge
	store       tileStore
	checkpoints []Checkpoint
}

func newBook(t testing.TB, n int) *book {
	b := &book{t: t, epoch: 1, edge: NewEdge(), store: tileStore{}}
	b.checkpoints = append(b.checkpoints, Checkpoint{Origin(testRoom, 1), 0, b.edge.Root()})
	for range n {
		b.add(testEntry())
	}
	return b
}

func (b *book) at(i int64) time.Time { return testTime.Add(time.Duration(i) * time.Second) }

func (b *book) add(e Entry) {
	b.t.Helper()
	b.put(mustRecord(b.t, b.edge.Size(), b.epoch, b.at(b.edge.Size()), e))
}

func (b *book) put(r Record) {
	b.records = append(b.records, r)
	b.edge.Append(r.Hash())
	b.store.put(b.edge.TakeFull())
	b.checkpoints = append(b.checkpoints, Checkpoint{Origin(testRoom, b.epoch), b.edge.Size(), b.edge.Root()})
}

func (b *book) head() Checkpoint { return b.checkpoints[len(b.checkpoints)-1] }

// rebuild makes the tree again over records somebody has changed, as one would who
// also holds the signing key.
func (b *book) rebuild() {
	records := b.records
	b.records, b.edge, b.checkpoints = nil, NewEdge(), b.checkpoints[:1:1]
	for _, r := range records {
		b.put(r)
	}
}

func (b *book) newEpoch() {
	b.t.Helper()
	b.epoch++
	evidence, err := json.Marshal(EpochChange{"epoch", b.epoch, Head{b.edge.Size(), b.edge.Root()}, &Head{Size: 99}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.add(Entry{Kind: KindEpoch, Evidence: evidence})
}

func (b *book) erase(parts ...PartOf) {
	b.t.Helper()
	evidence, err := json.Marshal(Erasure{"erase", parts})
	if err != nil {
		b.t.Fatal(err)
	}
	b.add(Entry{Kind: KindErasure, Evidence: evidence})
}

func (b *book) strip(i int) { b.records[i].Personal, b.records[i].PersonalSalt = nil, nil }

func (b *book) audit(head Checkpoint, earlier ...Checkpoint) (Result, error) {
	b.t.Helper()
	a := NewAudit(testRoom)
	for _, c := range earlier {
		if err := a.AddEarlier(c); err != nil {
			b.t.Fatal(err)
		}
	}
	for _, r := range b.records {
		if err := a.Add(r); err != nil {
			if _, again := a.Finish(head); !errors.Is(again, err) {
				b.t.Errorf("the audit forgot its error: %v, then %v", err, again)
			}
			return Result{}, err
		}
	}
	return a.Finish(head)
}

func TestAuditOfAnHonestLedger(t *testing.T) {
	b := newBook(t, 300)
	b.strip(7)
	b.strip(12)
	b.erase(PartOf{7, PartPersonal}, PartOf{12, PartPersonal})
	before := b.head()
	b.newEpoch()
	b.add(testEntry())
	got, err := b.audit(b.head(), b.checkpoints[100], before, b.checkpoints[0], b.head(), b.checkpoints[100])
	if err != nil {
		t.Fatal(err)
	}
	if got.Size != 303 || got.Root != b.head().Root || got.Erased != 2 || got.Matched != 303 {
		t.Errorf("got %+v", got)
	}
	if len(got.Epochs) != 2 || got.Epochs[1].Epoch != 2 || got.Epochs[1].Start != 301 || got.Epochs[1].OldHead == nil {
		t.Errorf("got epochs %+v", got.Epochs)
	}
	if _, err := newBook(t, 0).audit(Checkpoint{Origin(testRoom, 1), 0, NewEdge().Root()}); err != nil {
		t.Errorf("an empty ledger: %v", err)
	}
}

// Each row changes a ledger of 50 records in some way; the checkpoints of the
// unchanged one are what an auditor kept.
func TestAuditNamesTheFirstBadRecord(t *testing.T) {
	for name, c := range map[string]struct {
		change func(b *book)
		bad    int64
		what   string
	}{
		"evidence edited": {func(b *book) { b.records[20].Evidence = []byte(`{}`); b.records[30].Evidence = []byte(`{}`) }, 20, "evidence"},
		"record deleted":  {func(b *book) { b.records = append(b.records[:20], b.records[21:]...) }, 20, "stands in its place"},
		"records swapped": {func(b *book) { b.records[20], b.records[21] = b.records[21], b.records[20] }, 20, "stands in its place"},
		"another room's": {func(b *book) {
			r, err := NewRecord(20, 1, b.at(20), strongroom.ID{5}, testEntry())
			if err != nil {
				b.t.Fatal(err)
			}
			b.records[20] = r
		}, 20, "another room"},
		"clock set back": {func(b *book) {
			b.records[20] = mustRecord(b.t, 20, 1, b.at(19).Add(-MaxClockStep-time.Second), testEntry())
		}, 20, "time"},
		"epoch without a word": {func(b *book) { b.records[20] = mustRecord(b.t, 20, 2, b.at(20), testEntry()) }, 20, "epoch"},
		"epoch that began before": {func(b *book) {
			b.records[20] = mustRecord(b.t, 20, 1, b.at(20), Entry{Kind: KindEpoch, Evidence: []byte(`{}`)})
		}, 20, "epoch"},
		"epoch with other content": {func(b *book) {
			b.records[20] = mustRecord(b.t, 20, 2, b.at(20), Entry{Kind: KindEpoch, Evidence: []byte(`{}`)})
		}, 20, "epoch"},
		"epoch from elsewhere": {func(b *book) {
			b.records[20] = mustRecord(b.t, 20, 2, b.at(20), Entry{Kind: KindEpoch,
				Evidence: []byte(`{"action":"epoch","epoch":2,"continues":{"size":20,"root":"` + b.head().Root.String() + `"}}`)})
		}, 20, "does not continue"},
		"epoch going down": {func(b *book) {
			b.records, b.edge, b.epoch = nil, NewEdge(), 4
			b.add(testEntry())
			b.records = append(b.records, mustRecord(b.t, 1, 3, b.at(1), testEntry()))
		}, 1, "epoch"},
		"erasure of nonsense": {func(b *book) {
			b.records[20] = mustRecord(b.t, 20, 1, b.at(20), Entry{Kind: KindErasure, Evidence: []byte(`[`)})
		}, 20, "erasure"},
	} {
		b := newBook(t, 50)
		head := b.head()
		c.change(b)
		_, err := b.audit(head)
		altered, ok := errors.AsType[*AlteredError](err)
		if !ok || altered.Index != c.bad || !strings.Contains(altered.What, c.what) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestMissingPartsNeedALaterErasureRecord(t *testing.T) {
	personal := func(i int64) PartOf { return PartOf{i, PartPersonal} }
	for name, c := range map[string]struct {
		change func(b *book)
		first  int64 // the first part reported missing; -1 when all is in order
	}{
		"without any":      {func(b *book) { b.strip(5); b.strip(3) }, 3},
		"named":            {func(b *book) { b.strip(5); b.erase(personal(5)) }, -1},
		"named twice":      {func(b *book) { b.strip(5); b.erase(personal(5), personal(5)); b.erase(personal(5)) }, -1},
		"one of two named": {func(b *book) { b.strip(5); b.strip(6); b.erase(personal(5)) }, 6},
		"other part named": {func(b *book) { b.strip(5); b.erase(PartOf{5, PartEvidence}) }, 5},
		"named before":     {func(b *book) { b.erase(personal(11)); b.add(testEntry()); b.strip(11) }, 11},
		"erasure gone too": {func(b *book) {
			b.strip(5)
			b.erase(personal(5))
			b.records[10].Evidence, b.records[10].EvidenceSalt = nil, nil
		}, 5},
		"erasure of itself": {func(b *book) {
			b.add(Entry{Kind: KindErasure, Evidence: []byte(`{"action":"erase","records":[{"index":10,"part":"personal"}]}`), Personal: []byte("x")})
			b.strip(10)
		}, 10},
	} {
		b := newBook(t, 10)
		c.change(b)
		_, err := b.audit(b.head())
		missing, ok := errors.AsType[*MissingPartError](err)
		if c.first < 0 && err != nil || c.first >= 0 && (!ok || missing.Index != c.first) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestEarlierCheckpointsFindWhatTheLedgerHides(t *testing.T) {
	forge := func(b *book, i int64) { b.records[i] = mustRecord(b.t, i, 1, b.at(i), testEntry()) }
	b := newBook(t, 50)
	kept := b.checkpoints

	t.Run("a record replaced, commitments and all", func(t *testing.T) {
		honest := newBook(t, 50)
		kept := honest.checkpoints
		forge(honest, 20)
		honest.rebuild()
		if _, err := honest.audit(honest.head()); err != nil {
			t.Fatalf("without an earlier checkpoint nothing can show: %v", err)
		}
		_, err := honest.audit(honest.head(), kept[10], kept[30])
		if e, ok := errors.AsType[*RootError](err); !ok || e.After != 10 || e.Checkpoint.Size != 30 {
			t.Fatalf("got %v", err)
		}
		_, err = honest.audit(kept[50])
		if _, ok := errors.AsType[*RootError](err); !ok {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("the last record deleted", func(t *testing.T) {
		b := *b
		b.records = b.records[:49]
		for name, err := range map[string]error{
			"by the head":                   second(b.audit(kept[50])),
			"by an earlier, head re-signed": second(b.audit(kept[49], kept[50])),
		} {
			if e, ok := errors.AsType[*TruncatedError](err); !ok || e.Size != 49 {
				t.Errorf("%s: got %v", name, err)
			}
		}
	})
	t.Run("rolled back and grown again", func(t *testing.T) {
		b := newBook(t, 50)
		kept := b.checkpoints
		for i := int64(40); i < 50; i++ {
			forge(b, i)
		}
		b.rebuild()
		if e, ok := errors.AsType[*RootError](second(b.audit(b.head(), kept[45]))); !ok || e.Checkpoint.Size != 45 {
			t.Error("not found")
		}
	})
	t.Run("two checkpoints of one size", func(t *testing.T) {
		other := kept[30]
		other.Root[0] ^= 1
		err := second(b.audit(kept[50], kept[30], other))
		if e, ok := errors.AsType[*RootError](err); !ok || !strings.Contains(e.Error(), "forked") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("restored with loss into a new epoch", func(t *testing.T) {
		for _, grow := range []int{0, 30} { // to less, and to more, than was lost
			b := newBook(t, 50)
			kept := b.checkpoints
			b.records = b.records[:40]
			b.rebuild()
			b.newEpoch()
			for range grow {
				b.add(testEntry())
			}
			got, err := b.audit(b.head(), kept[30], kept[40], kept[45])
			lost, ok := errors.AsType[*LostRecordsError](err)
			if !ok || lost.Checkpoint.Size != 45 || lost.Epoch.Start != 40 || lost.Epoch.Epoch != 2 {
				t.Errorf("got %v", err)
			}
			if _, ok := errors.AsType[*RootError](err); ok || got.Matched != 40 || got.Size != int64(41+grow) {
				t.Errorf("got %+v, %v", got, err)
			}
			if !strings.Contains(err.Error(), "records 40 to 44 were lost by a restore") {
				t.Errorf("got %v", err)
			}
			// What the restore claims to continue is still held to its word.
			if _, ok := errors.AsType[*RootError](second(b.audit(b.head(), Checkpoint{kept[30].Origin, 30, kept[31].Root}))); !ok {
				t.Error("a fork below the restore was not found")
			}
		}
	})
	t.Run("restored without a new epoch", func(t *testing.T) {
		b := newBook(t, 50)
		kept := b.checkpoints
		b.records = b.records[:40]
		b.rebuild()
		if _, ok := errors.AsType[*TruncatedError](second(b.audit(b.head(), kept[45]))); !ok {
			t.Error("not found")
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestAuditHoldsTheHeadToItsWord(t *testing.T) {
	b := newBook(t, 10)
	b.newEpoch()
	for name, head := range map[string]Checkpoint{
		"another room": {Origin(strongroom.ID{1}, 2), 11, b.edge.Root()},
		"no room":      {"example.com/log", 11, b.edge.Root()},
		"old epoch":    {Origin(testRoom, 1), 11, b.edge.Root()},
		"later epoch":  {Origin(testRoom, 3), 11, b.edge.Root()},
		"smaller":      b.checkpoints[10],
	} {
		if _, err := b.audit(head); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	a := NewAudit(testRoom)
	if a.AddEarlier(Checkpoint{Origin(strongroom.ID{1}, 1), 1, b.edge.Root()}) == nil {
		t.Error("an earlier checkpoint of another room was taken")
	}
	if err := a.Add(b.records[0]); err != nil {
		t.Fatal(err)
	}
	if a.AddEarlier(b.checkpoints[1]) == nil {
		t.Error("an earlier checkpoint was taken too late")
	}
}

func BenchmarkAudit(b *testing.B) {
	records := newBook(b, 1000).records
	for b.Loop() {
		a := NewAudit(testRoom)
		for _, r := range records {
			if err := a.Add(r); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "records/s")
}

func ExampleAudit() {
	secret, public, _ := GenerateKey(KeyName(testRoom))
	signer, _ := ParseSigner(secret)
	key, _ := ParseVerifier(public)

	edge := NewEdge()
	record, _ := NewRecord(edge.Size(), 1, time.Now(), testRoom, Entry{Kind: "release", Evidence: []byte(`{}`)})
	edge.Append(record.Hash())
	signed, _ := Sign(Checkpoint{Origin(testRoom, 1), edge.Size(), edge.Root()}, signer)

	checkpoint, _, err := OpenCheckpoint(signed, key)
	if err != nil {
		fmt.Println(err)
		return
	}
	audit := NewAudit(testRoom)
	if err := audit.Add(record); err != nil {
		fmt.Println(err)
		return
	}
	result, err := audit.Finish(checkpoint)
	fmt.Println(result.Size, err)
	// Output: 1 <nil>
}

package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"strongroom"
)

var (
	testRoom = strongroom.ID{0: 0xab, 15: 0xcd}
	testTime = time.Date(2026, 11, 22, 4, 5, 6, 789_000_000, time.UTC)
)

func mustRecord(t testing.TB, index int64, epoch uint32, at time.Time, e Entry) Record {
	t.Helper()
	r, err := NewRecord(index, epoch, at, testRoom, e)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func testEntry() Entry {
	return Entry{Kind: "release", Evidence: []byte(`{"action":"readObject"}`), Personal: []byte(`{"name":"ines.martin"}`)}
}

func TestLeafHasOneEncoding(t *testing.T) {
	r := mustRecord(t, 0, 3, testTime, testEntry())
	l, err := ParseLeaf(r.Leaf)
	if err != nil {
		t.Fatal(err)
	}
	if l.Epoch != 3 || !l.Time.Equal(testTime) || l.Room != testRoom || l.Kind != "release" || !l.HasPersonal() {
		t.Fatalf("the leaf reads %+v", l)
	}
	again, err := l.Encode()
	if err != nil || !bytes.Equal(again, r.Leaf) {
		t.Fatalf("encoding the leaf again gives other bytes (%v)", err)
	}
	change := func(at int, to ...byte) []byte {
		b := bytes.Clone(r.Leaf)
		copy(b[at:], to)
		return b
	}
	for name, b := range map[string][]byte{
		"nothing":          nil,
		"trailing byte":    append(bytes.Clone(r.Leaf), 0),
		"cut":              r.Leaf[:len(r.Leaf)-1],
		"format 2":         change(0, 2),
		"epoch 0":          change(1, 0, 0, 0, 0),
		"far future":       change(5, 1),
		"no room":          change(13, make([]byte, 16)...),
		"kind too short":   change(29, 6),
		"kind too long":    change(29, 33),
		"kind upper case":  change(30, 'R'),
		"kind with a zero": change(31, 0),
		"no evidence":      change(30+7, make([]byte, 32)...),
	} {
		if _, err := ParseLeaf(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestNewRecordRefuses(t *testing.T) {
	ok := testEntry()
	long := bytes.Repeat([]byte{'x'}, MaxPayload+1)
	cases := map[string]struct {
		index int64
		epoch uint32
		at    time.Time
		room  strongroom.ID
		entry Entry
	}{
		"negative index":    {-1, 1, testTime, testRoom, ok},
		"huge index":        {MaxSize, 1, testTime, testRoom, ok},
		"epoch 0":           {0, 0, testTime, testRoom, ok},
		"before 1970":       {0, 1, time.Unix(-1, 0), testRoom, ok},
		"zero time":         {0, 1, time.Time{}, testRoom, ok},
		"no room":           {0, 1, testTime, strongroom.ID{}, ok},
		"no kind":           {0, 1, testTime, testRoom, Entry{Evidence: ok.Evidence}},
		"long kind":         {0, 1, testTime, testRoom, Entry{Kind: strings.Repeat("a", 33), Evidence: ok.Evidence}},
		"spaced kind":       {0, 1, testTime, testRoom, Entry{Kind: "a b", Evidence: ok.Evidence}},
		"no evidence":       {0, 1, testTime, testRoom, Entry{Kind: "release", Personal: ok.Personal}},
		"evidence too long": {0, 1, testTime, testRoom, Entry{Kind: "release", Evidence: long}},
		"personal too long": {0, 1, testTime, testRoom, Entry{Kind: "release", Evidence: ok.Evidence, Personal: long}},
	}
	for name, c := range cases {
		if _, err := NewRecord(c.index, c.epoch, c.at, c.room, c.entry); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRecordSurvivesJSON(t *testing.T) {
	r := mustRecord(t, 7, 1, testTime, testEntry())
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Record
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if _, err := back.Check(); err != nil || back.Hash() != r.Hash() || back.Index != 7 {
		t.Fatalf("the record came back different: %v", err)
	}
}

func TestEqualPayloadsCannotBeRecognised(t *testing.T) {
	a, b := mustRecord(t, 0, 1, testTime, testEntry()), mustRecord(t, 0, 1, testTime, testEntry())
	la, _ := ParseLeaf(a.Leaf)
	lb, _ := ParseLeaf(b.Leaf)
	if la.Evidence == lb.Evidence || la.Personal == lb.Personal {
		t.Fatal("equal payloads have equal commitments")
	}
	if Commit(PartEvidence, a.EvidenceSalt, a.Evidence) == Commit(PartPersonal, a.EvidenceSalt, a.Evidence) {
		t.Fatal("a commitment to one part opens as the other")
	}
}

func TestCheckTellsMissingFromAltered(t *testing.T) {
	erase := func(r *Record) { r.Personal, r.PersonalSalt = nil, nil }
	for name, c := range map[string]struct {
		change  func(*Record)
		missing Part
		altered bool
	}{
		"untouched":             {change: func(r *Record) {}},
		"personal erased":       {change: erase, missing: PartPersonal},
		"evidence erased":       {change: func(r *Record) { r.Evidence, r.EvidenceSalt = nil, nil }, missing: PartEvidence},
		"salt left behind":      {change: func(r *Record) { r.Personal = nil }, altered: true},
		"salt lost":             {change: func(r *Record) { r.PersonalSalt = nil }, altered: true},
		"salt lengthened":       {change: func(r *Record) { r.EvidenceSalt = append(r.EvidenceSalt, 0) }, altered: true},
		"personal edited":       {change: func(r *Record) { r.Personal = []byte(`{"name":"another"}`) }, altered: true},
		"evidence edited":       {change: func(r *Record) { r.Evidence = []byte(`{}`) }, altered: true},
		"erased and edited":     {change: func(r *Record) { erase(r); r.Evidence = []byte(`{}`) }, altered: true},
		"parts exchanged":       {change: func(r *Record) { r.Evidence, r.Personal = r.Personal, r.Evidence }, altered: true},
		"leaf cut":              {change: func(r *Record) { r.Leaf = r.Leaf[1:] }, altered: true},
		"index negative":        {change: func(r *Record) { r.Index = -5 }, altered: true},
		"personal struck":       {change: func(r *Record) { copy(r.Leaf[len(r.Leaf)-32:], make([]byte, 32)) }, altered: true},
		"struck and taken away": {change: func(r *Record) { copy(r.Leaf[len(r.Leaf)-32:], make([]byte, 32)); erase(r) }},
	} {
		r := mustRecord(t, 0, 1, testTime, testEntry())
		hash := r.Hash()
		c.change(&r)
		_, err := r.Check()
		missing, isMissing := errors.AsType[*MissingPartError](err)
		_, isAltered := errors.AsType[*AlteredError](err)
		if isAltered != c.altered || isMissing != (c.missing != "") || isMissing && missing.Part != c.missing || err != nil && !isMissing && !isAltered {
			t.Errorf("%s: got %v", name, err)
		}
		if name == "struck and taken away" && r.Hash() == hash { // what only the tree can tell
			t.Errorf("%s: the leaf hash stayed", name)
		}
	}
}

func FuzzParseLeaf(f *testing.F) {
	r := mustRecord(f, 0, 1, testTime, testEntry())
	f.Add(r.Leaf)
	f.Add(r.Leaf[:94])
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ParseLeaf(b)
		if err != nil {
			return
		}
		again, err := l.Encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("an accepted leaf encodes differently: %v", err)
		}
	})
}

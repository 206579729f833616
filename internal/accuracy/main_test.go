package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAccuracy holds the detectors to what they have reached on the corpora.
func TestAccuracy(t *testing.T) {
	english, err := readEnglish(corpora())
	if os.IsNotExist(err) {
		t.Skip("the corpora are not here: set STRONGROOM_CORPORA to their folder")
	} else if err != nil {
		t.Fatal(err)
	}
	of := func(s share) float64 { return float64(s.part) / float64(s.whole) }
	en := measure("pii/en", english)
	if of(en.coveredRecall) < 0.98 || of(en.coverPre) < 0.99 || of(en.allPre) < 0.98 || of(en.allRecall) < 0.22 {
		t.Errorf("English: covered recall %s, precision %s; all recall %s, precision %s", en.coveredRecall, en.coverPre, en.allRecall, en.allPre)
	}
	french, err := readFrench(corpora())
	if err != nil {
		t.Fatal(err)
	}
	if fr := measure("pii/fr", french); of(fr.allRecall) < 0.58 || of(fr.allPre) < 0.88 {
		t.Errorf("French: recall %s, precision %s", fr.allRecall, fr.allPre)
	}
}

// TestMeasure: the figures are right where they can be computed by hand.
func TestMeasure(t *testing.T) {
	// é is one character of two bytes; the address has 12 characters, and the name 4 that nobody looks for.
	r := measure("hand", []document{
		{"é a@example.fr Anna", []span{{2, 14, "EMAIL_ADDRESS"}, {15, 19, "PERSON"}}},
		{"to b@example.fr", []span{{0, 5, "EMAIL_ADDRESS"}}}, // overlaps, and more is found than known
	})
	if r.coveredRecall != (share{14, 17}) || r.coverPre != (share{14, 24}) || r.allRecall != (share{14, 21}) || r.allPre != (share{14, 24}) {
		t.Errorf("%+v", r)
	}
	if e, o := r.exact["EMAIL_ADDRESS"], r.overlap["EMAIL_ADDRESS"]; *e != (score{1, 2, 2}) || *o != (score{2, 2, 2}) || e.f1().String() != "0.500" || *r.exact["PERSON"] != (score{0, 0, 1}) {
		t.Errorf("%+v %+v", e, o)
	}
	// An answer counts once, however many finds overlap it.
	if n := match([]span{{0, 2, ""}, {2, 4, ""}}, []span{{0, 4, ""}}, false); n != 1 {
		t.Errorf("%d matches", n)
	}
	page := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(page, []byte("a\n"+begin+"old\n"+end+"z\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var tables bytes.Buffer
	r.write(&tables)
	if !strings.Contains(tables.String(), "| EMAIL_ADDRESS | yes | 2 | 2 | 0.500 | 1.000 | 1.000 | 1.000 |") {
		t.Error(tables.String())
	}
	if err := run(&tables, t.TempDir(), page); err == nil {
		t.Error("corpora that are not there")
	}
}

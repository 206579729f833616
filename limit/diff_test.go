package limit

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// What a diff takes from one text and adds to it makes the other; what it shows of an
// unchanged text is nothing.
func TestDiff(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	text := func() string {
		var b strings.Builder
		for range r.IntN(12) {
			b.WriteString([]string{"a\n", "b\n", "c\n", "}\n", "\n"}[r.IntN(5)])
		}
		return b.String()
	}
	for range 3000 {
		before, after := text(), text()
		var was, is strings.Builder
		changes := 0
		for _, l := range Diff(before, after, 100) {
			if l.Sign != "+" {
				was.WriteString(l.Text + "\n")
			}
			if l.Sign != "-" {
				is.WriteString(l.Text + "\n")
			}
			if l.Sign != " " {
				changes++
			}
		}
		if before == after {
			if changes != 0 {
				t.Fatalf("%q differs from itself", before)
			}
			continue
		}
		if was.String() != before || is.String() != after {
			t.Fatalf("from %q to %q: %+v", before, after, Diff(before, after, 100))
		}
		if longest := len(strings.Split(before+after, "\n")); changes > longest {
			t.Fatalf("%d changes from %q to %q", changes, before, after)
		}
	}
	long := strings.Repeat("x\n", 5000)
	got := Diff(long+"a\n"+long, long+"b\n"+long, 2)
	if len(got) != 6 || got[2].Sign != "-" || got[3].Sign != "+" {
		t.Errorf("one line of many gives %+v", got)
	}
	far := Diff("a\n"+long+"b\n", "c\n"+long+"d\n", 1)
	if len(far) != 7 || far[3].Sign != "…" {
		t.Errorf("two lines far apart give %+v", far)
	}
	if got := Diff(strings.Repeat("a\nb\n", 4000), strings.Repeat("c\nd\ne\n", 4000), 0); len(got) != 20_000 {
		t.Errorf("two long texts that share nothing give %d lines", len(got))
	}
}

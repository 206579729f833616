package classify

import (
	"bytes"
	"strings"
	"testing"
)

// TestEffort: no text costs so much more than an ordinary one of its length that it could hold up a server. The bound
// is generous, since other work runs beside tests; the figures are in docs/classification.md.
func TestEffort(t *testing.T) {
	const length = 96 << 10
	cost := func(text []byte) float64 {
		s := NewScanner()
		best := 1e9
		for range 2 {
			began := processor()
			if _, err := s.Scan(bytes.NewReader(text[:length]), func(*Span, []byte) error { return nil }); err != nil {
				t.Fatal(err)
			}
			best = min(best, (processor() - began).Seconds())
		}
		return best
	}
	usual := cost(ordinary(length))
	for _, piece := range []string{
		"http://", "http://a.b/", "www.a.b", "!http://", "eyJ", "eyJa.", "-----BEGIN PRIVATE KEY-----", "password: ", "né le ", "12 rue A ", "token: a1", "FR76 3000 6000 ", "tel 12 34 56 ",
		"a@", "a@b.", "@", "1 ", "12 ", "1.1.1.1.", "11 11 11 ", "4111 1111 ", "Mme A ", "Mme Aa de ", "A'A-A ", "born on ", "1 St. ", "221 A B C Street ", "\u00a01", "é", "\xff", "\\n", "cvv 123 ", "begin ", "x1", "AB 1", "GB82WEST",
	} {
		text := []byte(strings.Repeat(piece, length/len(piece)+1))
		if c := cost(text); c > 120*usual {
			t.Errorf("%q again and again costs %.0f times what an ordinary text does (%.1f MB a second)", piece, c/usual, length/1e6/c)
		} else {
			t.Logf("%q: %.1f", piece, c/usual)
		}
	}
}

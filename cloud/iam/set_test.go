package iam

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// texts over a small alphabet, up to a length.
func textsOf(letters string, length int) []string {
	all, last := []string{""}, []string{""}
	for range length {
		var next []string
		for _, s := range last {
			for _, r := range letters {
				next = append(next, s+string(r))
			}
		}
		all, last = append(all, next...), next
	}
	return all
}

// naive is wildcard matching as it is defined.
func naive(p, s string) bool {
	switch {
	case p == "":
		return s == ""
	case p[0] == '*':
		return naive(p[1:], s) || s != "" && naive(p, s[1:])
	case s == "":
		return false
	}
	return (p[0] == '?' || p[0] == s[0]) && naive(p[1:], s[1:])
}

func randomPattern(r *rand.Rand, letters string) string {
	var b strings.Builder
	for range r.IntN(6) {
		b.WriteByte(letters[r.IntN(len(letters))])
	}
	return b.String()
}

func TestMatchIsAsDefined(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	all := textsOf("ab:", 5)
	for range 2000 {
		p := randomPattern(r, "ab:**?")
		for _, s := range all {
			if got, want := NewPattern(p).Match(s), naive(p, s); got != want {
				t.Fatalf("%q matches %q: %v, want %v", p, s, got, want)
			}
		}
	}
}

// Operations on sets agree with brute force over all short texts. A longer example has to be
// right by the definition.
func TestSetsAgreeWithBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	all := textsOf("abx", 7)
	rounds := 500
	if testing.Short() {
		rounds = 300
	}
	set := func() (Set, []string) {
		var s Set
		var patterns []string
		for range 1 + r.IntN(3) {
			p := randomPattern(r, "aab**?")
			patterns = append(patterns, p)
			s = s.Union(Of(NewPattern(p)))
		}
		return s, patterns
	}
	has := func(patterns []string, s string) bool {
		for _, p := range patterns {
			if naive(p, s) {
				return true
			}
		}
		return false
	}
	for range rounds {
		a, as := set()
		b, bs := set()
		and, minus := a.Intersect(b), a.Minus(b)
		some, left := false, false
		for _, s := range all {
			inA, inB := has(as, s), has(bs, s)
			if a.Has(s) != inA || and.Has(s) != (inA && inB) || minus.Has(s) != (inA && !inB) || a.Union(b).Has(s) != (inA || inB) {
				t.Fatalf("%q and %q disagree about %q", as, bs, s)
			}
			some, left = some || inA && inB, left || inA && !inB
		}
		for what, c := range map[string]struct {
			set  Set
			some bool
		}{"both": {and, some}, "left": {minus, left}} {
			example, found := c.set.Example()
			if found == Maybe || found == No && c.some || found == Yes && (!has(as, example) || has(bs, example) != (what == "both") || !c.some && len(example) <= 7) {
				t.Fatalf("%s of %q and %q: %q, %v, want %v", what, as, bs, example, found, c.some)
			}
			if what == "left" && b.Includes(a) != found.Not() {
				t.Fatalf("%q includes %q: %v", bs, as, b.Includes(a))
			}
		}
	}
}

// Resources: wildcards stay within the parts of an ARN, but for a * at a part's end.
func TestResourcePattern(t *testing.T) {
	for _, c := range []struct {
		pattern, resource string
		want              bool
	}{
		{"*", "arn:aws:s3:::calls/a", true},
		{"*", "*", true},
		{"arn:aws:s3:::*", "*", false},
		{"arn:aws:s3:::calls/*", "arn:aws:s3:::calls/a/b:c", true},
		{"arn:aws:s3:::calls*", "arn:aws:s3:::calls-other/a", true},
		{"arn:aws:s3:::calls/*", "arn:aws:s3:::calls", false},
		{"arn:aws:s3:::c?lls", "arn:aws:s3:::calls", true},
		{"arn:aws:s3:::C?lls", "arn:aws:s3:::calls", false},
		{"arn:aws:s3:*", "arn:aws:s3:::calls/a", true},
		{"arn:aws:s3*", "arn:aws:s3:::calls/a", true},
		{"arn:aws:sns:*:alerts", "arn:aws:sns:eu-west-1:111122223333:alerts", true},
		{"arn:aws:sns:eu-*-1:*:alerts", "arn:aws:sns:eu-west-1:111122223333:alerts", true},
		{"arn:aws:sns:eu-*-1:*:alerts", "arn:aws:sns:eu-west-2:1-1:111122223333:alerts", false},
		{"arn:aws:sns:eu*1:111122223333:alerts", "arn:aws:sns:eu:111122223331:111122223333:alerts", false},
		{"arn:aws:sns:eu-west-?:111122223333:alerts", "arn:aws:sns:eu-west-1:111122223333:alerts", true},
		{"arn:aws:sns:eu-west-1?111122223333:alerts", "arn:aws:sns:eu-west-1:111122223333:alerts", false},
		{"arn:aws:lambda:*:*:function:my*:v?", "arn:aws:lambda:eu-west-1:111122223333:function:my:own:v1", true},
	} {
		p := ResourcePattern(c.pattern)
		if got := p.Match(c.resource); got != c.want {
			t.Errorf("%s matches %s: %v, want %v", c.pattern, c.resource, got, c.want)
		}
		if _, some := Of(p).Intersect(Of(Literal(c.resource))).Example(); some != truth(c.want) {
			t.Errorf("%s has %s in common: %v, want %v", c.pattern, c.resource, some, c.want)
		}
	}
}

// Sets answer in bounded time, whatever patterns are written.
func FuzzSet(f *testing.F) {
	f.Add("arn:aws:s3:::calls/*", "arn:aws:s3:::*/private/*", "*a*")
	f.Add("*a????????????????", "*b????????????????", "*a*b*a*b*a*b*a*b*a*b*")
	f.Add(strings.Repeat("*a?", 40), strings.Repeat("?*b", 40), strings.Repeat("a*", 60))
	f.Add("arn:aws:s?*:e*-1:*:x", "arn:*:*", "**??**")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if len(a)+len(b)+len(c) > 2048 {
			t.Skip("longer than any policy")
		}
		start := time.Now()
		p, q, r := Of(ResourcePattern(a)), Of(NewPattern(b)), Of(ResourcePattern(c))
		for _, s := range []Set{p.Intersect(q), p.Minus(q), p.Intersect(q).Minus(r), p.Union(r).Minus(q)} {
			if example, found := s.Example(); found == Yes && !s.Has(example) {
				t.Errorf("%v has not its example %q", s, example)
			}
		}
		if p.Intersect(q).Minus(p).Minus(q).None() == false {
			t.Errorf("%q and %q: what both have is in neither", a, b)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%q %q %q took %v", a, b, c, took)
		}
	})
}

// TestKey: a set's key is that of no other.
func TestKey(t *testing.T) {
	of := func(p ...Pattern) Set { return Of(p...) }
	sets := []Set{{}, {more: true}, of(NewPattern("a*")), of(Literal("a*")), of(NewPattern("a?")), of(NewPattern("a*"), NewPattern("b")), of(NewPattern("a*")).Minus(of(NewPattern("ab"))),
		of(NewPattern("*a")).Intersect(of(NewPattern("b*"))), of(NewPattern("arn:aws:iam::*:x")), of(ResourcePattern("arn:aws:iam::*y:x")), of(NewPattern("arn:aws:iam::*y:x"))}
	seen := map[string]int{}
	for i, s := range sets {
		if j, ok := seen[s.Key()]; ok {
			t.Errorf("%s and %s have one key", s, sets[j])
		}
		seen[s.Key()] = i
		if s.Key() != s.Minus(Set{}).Key() {
			t.Errorf("%s has two keys", s)
		}
	}
}

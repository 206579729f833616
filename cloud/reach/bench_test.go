package reach

import (
	"bytes"
	"fmt"
	"testing"

	"strongroom/cloud/account"
	"strongroom/cloud/account/synth"
)

// made is a synthetic account, the same for the same numbers.
func made(t testing.TB, principals, buckets int) *account.Account {
	t.Helper()
	var b bytes.Buffer
	if err := synth.Write(&b, synth.Config{Principals: principals, Buckets: buckets, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	l := account.NewLoader()
	if err := l.Read("synthetic", &b); err != nil {
		t.Fatal(err)
	}
	a, err := l.Account()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func everyBucket(a *account.Account) []string {
	var out []string
	for _, b := range a.Buckets {
		out = append(out, b.Name)
	}
	return out
}

// BenchmarkAnalyze asks about every bucket of synthetic accounts, a bucket for each ten
// principals.
func BenchmarkAnalyze(b *testing.B) {
	for _, n := range []int{100, 300, 1000, 3000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			a := made(b, n, n/10)
			q := Question{Buckets: everyBucket(a)}
			b.ReportAllocs()
			var res *Result
			for b.Loop() {
				var err error
				if res, err = Analyze(a, q); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(res.Findings)), "findings")
			b.ReportMetric(float64(res.Examined.Classes), "classes")
		})
	}
}

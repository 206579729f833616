package console_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

var (
	links = regexp.MustCompile(`<a [^>]*href="(/[^"#]*)`)
	ids   = regexp.MustCompile(`\b([0-9a-f]{32,}|[0-9]+)\b`)
)

// inhabited fills a room with something for each page to show.
func (p *place) inhabited(t testing.TB) {
	t.Helper()
	p.Bucket("calls")
	for i := range 3 {
		p.Put("calls", fmt.Sprintf("2026/11/2%d/billing-%d.wav", i, i), []byte("RIFF…"), map[string]string{"strongroom-queue": "billing", "strongroom-agent": "tom.keller"})
	}
	ines := p.Person(strongroom.Principal{Name: "ines.martin", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"support"}}, Aliases: []string{"genesys-0815"}})
	p.Person(strongroom.Principal{Name: "tom.keller", Groups: []string{"agents"}})
	if _, err := p.House.Room.RequestAccess(t.Context(), ines, vault.AccessRequest{
		Bucket: "calls", Objects: []vault.ObjectName{{Key: "2026/11/20/billing-0.wav"}}, Purpose: strongroom.Purpose{Text: "Customer says she was promised a refund", Ticket: "CASE-4711"},
	}); err != nil {
		t.Fatal(err)
	}
	for range 12 { // so that something alerts
		_, _ = p.Get(ines, "calls", "2026/11/20/billing-0.wav", 0, -1)
	}
	if _, err := p.Get(p.Owner, "calls", "2026/11/21/billing-1.wav", 0, -1); err != nil {
		t.Fatal(err)
	}
	desk, done, err := p.House.Alerts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	housetest.Eventually(t, "something alerts", func() bool {
		all, err := desk.List(t.Context(), p.Owner, 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(all) > 0
	})
}

// BenchmarkPages asks for every page that a link leads to, in a room of 100,000 objects,
// and reports the median and the 99th percentile of each in milliseconds: without the
// network, with decisions and records.
func BenchmarkPages(b *testing.B) {
	p, h := served(b)
	p.inhabited(b)
	p.Bucket("archive")
	p.Fill("archive", 100_000, time.Now().AddDate(0, 0, -70))
	l := p.logon(b)
	get := func(at string) (*http.Response, string) {
		r := request(http.MethodGet, at, "")
		r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: l.Token})
		return answer(h, r)
	}
	crawl(b, get, func(at, pattern string, _ *http.Response, _ string) {
		b.Run(pattern, func(b *testing.B) {
			var took []float64
			for b.Loop() {
				began := time.Now()
				if answered, _ := get(at); answered.StatusCode != http.StatusOK {
					b.Fatalf("%s answers %s", at, answered.Status)
				}
				took = append(took, float64(time.Since(began).Microseconds())/1000)
			}
			slices.Sort(took)
			b.ReportMetric(took[len(took)/2], "p50-ms")
			b.ReportMetric(took[min(len(took)-1, len(took)*99/100)], "p99-ms")
		})
	})
}

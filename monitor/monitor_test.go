package monitor_test

import (
	"encoding/xml"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/rollup"
	"strongroom/monitor"
)

// thursday is 2026-08-06, 09:00 UTC.
var thursday = time.Date(2026, 8, 6, 9, 0, 0, 0, time.UTC)

// ledger is what a test has had recorded.
type ledger struct{ events []strongroom.Event }

func (l *ledger) releases(n int, actor string, at time.Time, groups ...string) {
	for i := range n {
		l.events = append(l.events, strongroom.Event{
			Time: at.Add(time.Duration(i) * time.Second), Kind: "release", Did: "release", Outcome: strongroom.Permitted, Actor: actor, Version: strongroom.NewID(), Lease: strongroom.NewID(),
			Question: &strongroom.Question{Action: strongroom.ActionReadObject, Principal: strongroom.Principal{Name: actor, Groups: groups},
				Resource: strongroom.Resource{Bucket: "b", Key: "k", Label: strongroom.Label{Classes: []string{"voice"}}}},
		})
	}
}

func (l *ledger) monitor(t *testing.T, now time.Time) *monitor.Monitor {
	t.Helper()
	r, err := rollup.Open(t.Context(), filepath.Join(t.TempDir(), "monitor.db"), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	for i := range l.events {
		l.events[i].Index = int64(i)
	}
	if err := r.Take(t.Context(), l.events, int64(len(l.events))); err != nil {
		t.Fatal(err)
	}
	return monitor.New(r, func() time.Time { return now })
}

func weeksAgo(n int) time.Time { return thursday.AddDate(0, 0, -7*n) }

// What is usual is what the same hour of the weeks before had, hours without anything
// included, from somebody's first week on, and never the hour itself.
func TestUsual(t *testing.T) {
	var l ledger
	l.releases(50, "anna", weeksAgo(9).Add(30*time.Minute)) // beyond the eight weeks asked for
	for week, n := range map[int]int{8: 2, 7: 2, 6: 3, 5: 0, 4: 2, 3: 6, 2: 1, 1: 2} {
		l.releases(n, "anna", weeksAgo(week).Add(10*time.Minute))
		l.releases(40, "anna", weeksAgo(week).Add(time.Hour)) // another hour
	}
	l.releases(34, "anna", thursday.Add(5*time.Minute))
	l.releases(5, "ben", weeksAgo(2).Add(-3*time.Hour)) // began two weeks ago
	l.releases(4, "ben", weeksAgo(1))
	l.releases(7, "ben", thursday)
	l.releases(1, "carl", thursday) // began today
	m := l.monitor(t, thursday)
	at := thursday.Add(40 * time.Minute)
	for _, c := range []struct {
		actor string
		count int64
		want  strongroom.Baseline
	}{
		{"anna", 34, strongroom.Baseline{Hour: thursday, Weeks: 8, Values: 8, Median: 2, P95: 6, Most: 6}}, // 0 1 2 2 2 2 3 6
		{"ben", 7, strongroom.Baseline{Hour: thursday, Weeks: 2, Values: 2, Median: 0, P95: 4, Most: 4}},   // 0 4
		{"carl", 1, strongroom.Baseline{Hour: thursday}},
		{"dora", 0, strongroom.Baseline{Hour: thursday}},
	} {
		got, err := m.Usual(t.Context(), c.actor, at, 8)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, want %+v, %v", c.actor, got, c.want, err)
		}
		if n, err := m.InHour(t.Context(), c.actor, at); err != nil || n != c.count {
			t.Errorf("%s: %d in the hour, want %d, %v", c.actor, n, c.count, err)
		}
	}
	paces, err := m.Often(t.Context(), at, 8)
	if err != nil || len(paces) != 3 {
		t.Fatalf("%d paces, %v", len(paces), err)
	}
	if p := paces[0]; p.Actor != "anna" || p.Count != 34 || p.Baseline.Most != 6 {
		t.Errorf("furthest above the usual is %+v", p)
	}
	if p := paces[2]; p.Actor != "carl" || p.Above() != 0 {
		t.Errorf("least is known of %+v", p)
	}
}

// Peers are who was in the group in the week that is compared with, not who is today.
func TestUsualOfGroup(t *testing.T) {
	var l ledger
	l.releases(10, "anna", weeksAgo(2), "agents")
	l.releases(1, "ben", weeksAgo(2).Add(26*time.Hour), "agents", "quality") // at work that week, not in that hour
	l.releases(4, "anna", weeksAgo(1), "supervisors")                        // changed groups
	l.releases(2, "ben", weeksAgo(1), "agents")
	l.releases(99, "carl", thursday, "agents")
	m := l.monitor(t, thursday)
	for group, want := range map[string]strongroom.Baseline{
		"agents":      {Hour: thursday, Weeks: 2, Values: 3, Median: 2, P95: 10, Most: 10}, // 0 2 10
		"supervisors": {Hour: thursday, Weeks: 1, Values: 1, Median: 4, P95: 4, Most: 4},
		"quality":     {Hour: thursday, Weeks: 1, Values: 1},
		"nobody":      {Hour: thursday},
	} {
		if got, err := m.UsualOfGroup(t.Context(), group, thursday, 12); err != nil || got != want {
			t.Errorf("%s: %+v, want %+v, %v", group, got, want, err)
		}
	}
}

// The week is that of the zone asked for.
func TestWhen(t *testing.T) {
	var l ledger
	sunday := time.Date(2026, 8, 9, 22, 30, 0, 0, time.UTC) // Monday 01:30 in Bucharest
	l.releases(3, "anna", sunday)
	m := l.monitor(t, sunday)
	zone, err := time.LoadLocation("Europe/Bucharest")
	if err != nil {
		t.Fatal(err)
	}
	w, err := m.When(t.Context(), monitor.Filter{}, zone)
	if err != nil || w.Counts[0][1] != 3 || w.Total != 3 || w.Most != 3 || w.Zone != "Europe/Bucharest" {
		t.Errorf("%+v, %v", w, err)
	}
	if w, err = m.When(t.Context(), monitor.Filter{}, time.UTC); err != nil || w.Counts[6][22] != 3 {
		t.Errorf("%+v, %v", w, err)
	}
	days, err := m.Days(t.Context(), monitor.Filter{}, zone)
	if err != nil || len(days) != 1 || days[0] != (monitor.Day{Day: "2026-08-10", Count: 3}) {
		t.Errorf("%+v, %v", days, err)
	}
	w.Zone = `<script>"&`
	svg := w.SVG()
	d := xml.NewDecoder(strings.NewReader(svg))
	cells := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" {
			cells++
		}
	}
	if cells != 7*24 || !strings.Contains(svg, "Sun 22–23h: 3, of which 0 refused") || strings.Contains(svg, "<script") {
		t.Errorf("%d cells in %s", cells, svg)
	}
}

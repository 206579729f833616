package monitor_test

import (
	"fmt"
	"testing"
	"time"

	"strongroom"
	"strongroom/monitor"
)

func (l *ledger) opened(n int, actor, queue string, at time.Time, classes ...string) {
	l.releases(n, actor, at)
	for i := len(l.events) - n; i < len(l.events); i++ {
		r := &l.events[i].Question.Resource
		r.Attributes, r.Label.Classes = map[string]string{"queue": queue}, classes
	}
}

func overview(t *testing.T, m *monitor.Monitor, by, outcome string, weeks int) monitor.Overview {
	t.Helper()
	o, err := m.Overview(t.Context(), monitor.OverviewQuestion{Until: thursday.Add(90 * time.Minute), Weeks: weeks, By: by, Outcome: outcome, Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func line(o monitor.Overview, actor string) string {
	s := ""
	for _, r := range o.Rows {
		if r.Actor != actor || r.Sort != monitor.Named {
			continue
		}
		s = fmt.Sprintf("%d", r.Total.Count)
		for i, c := range r.Cells {
			s += fmt.Sprintf(" %s%s=%d%s", o.Columns[i].Sort, o.Columns[i].Name, c.Count, c.Stands())
		}
	}
	return s
}

// The map holds a window against the weeks before it, person by person; who is new is
// said to be, and not to be more than usual.
func TestOverview(t *testing.T) {
	var l ledger
	for week := 1; week <= 8; week++ {
		l.opened(10, "anna", "billing", weeksAgo(week), "voice")
		l.opened(20, "ben", "support", weeksAgo(week).Add(time.Hour), "voice", "card")
	}
	now := thursday.Add(-time.Hour)
	l.opened(40, "anna", "billing", now, "voice")
	l.opened(1, "anna", "vip", now.Add(5*time.Minute), "voice", "health")
	l.opened(3, "carl", "billing", now.Add(10*time.Minute), "voice")
	l.opened(2, "carl", "", now.Add(15*time.Minute))
	l.opened(4, "classifier", "billing", now.Add(20*time.Minute), "voice", "health")
	for i := len(l.events) - 4; i < len(l.events); i++ {
		l.events[i].Question.Principal.Kind = strongroom.Workload
	}
	m := l.monitor(t, thursday)
	o := overview(t, m, monitor.ByQueue, strongroom.Permitted, 1)
	for actor, want := range map[string]string{
		"anna": "41 support=0 billing=40more vip=1new none=0", "ben": "0 support=0less billing=0 vip=0 none=0", "carl": "5 support=0 billing=3new vip=0 none=2new", "classifier": "4 support=0 billing=4new vip=0 none=0", "nobody": "",
	} {
		if got := line(o, actor); got != want {
			t.Errorf("%s: %s, want %s", actor, got, want)
		}
	}
	if o.Total.Count != 50 || o.Total.Weeks != 8 || o.Total.Usual != 30 || o.Most != 40 {
		t.Errorf("in all %+v, at most %d", o.Total, o.Most)
	}
	if len(o.Movers) != 2 || o.Movers[0].Actor != "anna" || o.Movers[1].Actor != "ben" || o.Movers[1].Stands() != monitor.Less {
		t.Errorf("movers are %+v", o.Movers)
	}
	got := ""
	for _, f := range o.Firsts {
		got += fmt.Sprintf("%s %s %s %d; ", f.Actor, f.By, f.Name, f.Count)
	}
	if want := "carl class voice 3; carl queue billing 3; anna class health 1; anna queue vip 1; "; got != want {
		t.Errorf("first are %q, want %q", got, want)
	}
	if o.Machines != 3 { // a queue and two classes
		t.Errorf("%d first times of machines are counted apart, want 3", o.Machines)
	}
	o = overview(t, m, monitor.ByClass, strongroom.Permitted, 1)
	if got, want := line(o, "anna"), "41 voice=41more card=0 health=1new none=0"; got != want {
		t.Errorf("by class anna has %s, want %s", got, want)
	}
	o = overview(t, m, monitor.ByHours, strongroom.Permitted, 4)
	if len(o.Columns) != 21 || o.Rows[0].Actor != "anna" || o.Rows[0].Cells[3*3+1].Count != 71 {
		t.Errorf("by hours: %d columns, %+v", len(o.Columns), o.Rows)
	}
	if o = overview(t, m, monitor.ByQueue, strongroom.Refused, 13); len(o.Rows) != 0 || o.Total.Count != 0 {
		t.Errorf("refused were %+v", o.Rows)
	}
}

// Of many people and many queues the map shows 40 × 24, and sums up the others; nothing
// is lost.
func TestOverviewOfMany(t *testing.T) {
	var l ledger
	for i := range 60 {
		l.opened(1+i%3, fmt.Sprintf("p%02d", i), fmt.Sprintf("q%02d", i%30), thursday.Add(-time.Duration(60-i)*time.Minute))
	}
	o := overview(t, l.monitor(t, thursday), monitor.ByQueue, strongroom.Permitted, 1)
	if len(o.Rows) != 40 || len(o.Columns) != 24 || o.Rows[39].Sort != monitor.Rest || o.Rows[39].Many != 21 || o.Columns[23].Sort != monitor.Rest {
		t.Fatalf("%d rows, %d columns, the last %+v, %+v", len(o.Rows), len(o.Columns), o.Rows[39], o.Columns[23])
	}
	var sum, rows int64
	for _, r := range o.Rows {
		rows += r.Total.Count
		for _, c := range r.Cells {
			sum += c.Count
		}
	}
	if sum != 120 || rows != 120 || o.Total.Count != 120 {
		t.Errorf("the cells sum up to %d, the rows to %d, in all %d; want 120", sum, rows, o.Total.Count)
	}
}

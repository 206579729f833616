package monitor

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"strongroom"
)

// What people are held against in a Map.
const (
	ByQueue  = "queue"
	ByBucket = "bucket"
	ByClass  = "class" // of the label; an object of two counts in both
	ByHours  = "hours" // parts of the week
)

// Bounds of an overview.
const (
	mapRows    = 40
	mapColumns = 24
	// compareWeeks is how many weeks before a window it is compared with at most.
	compareWeeks = 12
	moversMost   = 8
	firstsMost   = 200
)

// OverviewQuestion asks what was opened, or refused, in a window, beside the weeks before it.
type OverviewQuestion struct {
	Until   time.Time // rounded up to an hour
	Weeks   int       // how long the window is
	By      string
	Outcome string // Permitted or Refused
	Zone    *time.Location
}

// Overview is who opened what in a window, beside the weeks before.
type Overview struct {
	Since, Until time.Time
	Columns      []Column
	Rows         []MapRow // who did most first; the rest of them last, where there are more
	Most         int64    // of any cell of one person
	Total        Cell
	Hours        []Hour // openings and refusals
	Movers       []Mover
	Firsts       []First // the latest first
	MoreFirsts   int     // that are not among them
	Machines     int     // first openings of workloads, which are not among them either
	Actors       map[string]Actor
	Questions    int // that were asked of the rollups
}

// Sorts of a column or row that is no name.
const (
	Named  = ""
	None   = "none"   // it has none
	Untold = "untold" // the records do not tell
	Rest   = "rest"   // all others
)

// Column is a queue, a bucket, a class, or (ByHours) a part of the week.
type Column struct {
	Sort string
	Name string
	Day  int // 0 is Monday
	Part int // of the day: see PartOf
}

// MapRow is one actor; Actor is "" for nobody and Rest for all who have no row.
type MapRow struct {
	Sort  string
	Actor string
	Many  int // actors, of the rest
	Total Cell
	Cells []Cell // by column
}

// Cell counts a window, beside what as long a time counted in the weeks before it.
type Cell struct {
	Count int64
	Usual float64
	Weeks int // compared with; 0 where there are none
}

// How a count stands to the weeks before it.
const (
	Usual = ""
	More  = "more"
	Less  = "less"
	Fresh = "new" // there was nothing before
)

// Stands tells whether a count is out of the usual: by more than twice the square root of
// what is usual, as counts of unrelated acts rarely are, and by more than one.
func (c Cell) Stands() string {
	room := 2*math.Sqrt(max(c.Usual, 1)) + 1
	switch {
	case c.Count > 0 && (c.Weeks == 0 || c.Usual == 0):
		return Fresh
	case float64(c.Count) > c.Usual+room:
		return More
	case float64(c.Count) < c.Usual-room:
		return Less
	}
	return Usual
}

// Mover is somebody whose count is furthest from their weeks before.
type Mover struct {
	Actor string
	Cell
}

// First is when somebody first opened something of a queue or a class, ever.
type First struct {
	Actor string
	By    string // ByQueue or ByClass
	Name  string
	At    time.Time
	Count int64 // since
}

// Parts of a day, for columns by hours.
const parts = 3

// PartOf answers which part of the day an hour is in: from 00:00, from 07:00, from 19:00.
func PartOf(hour int) int {
	switch {
	case hour < 7:
		return 0
	case hour < 19:
		return 1
	}
	return 2
}

// column finds the columns that a use counts in.
func columnsOf(u *strongroom.Use, by string) []Column {
	if u.Untold {
		return []Column{{Sort: Untold}}
	}
	name := ""
	switch by {
	case ByQueue:
		name = u.Queue
	case ByBucket:
		name = u.Bucket
	case ByClass:
		var out []Column
		for _, c := range u.Classes {
			out = append(out, Column{Name: c})
		}
		if out != nil {
			return out
		}
	}
	if name == "" {
		return []Column{{Sort: None}}
	}
	return []Column{{Name: name}}
}

// table gathers cells: counts of the window and of the weeks before, by actor and column.
type table map[string]map[Column][2]int64

func (t table) add(actor string, c Column, when int, n int64) {
	if t[actor] == nil {
		t[actor] = map[Column][2]int64{}
	}
	sums := t[actor][c]
	sums[when] += n
	t[actor][c] = sums
}

// together asks several questions beside each other.
type together struct {
	group sync.WaitGroup
	mu    sync.Mutex
	err   error
	asked int
}

func (g *together) ask(do func() error) {
	g.asked++
	g.group.Go(func() {
		if err := do(); err != nil {
			g.mu.Lock()
			g.err = cmp.Or(g.err, err)
			g.mu.Unlock()
		}
	})
}

func (g *together) wait() error {
	g.group.Wait()
	return g.err
}

// Overview answers all that a page of who accessed what shows of everybody.
func (m *Monitor) Overview(ctx context.Context, q OverviewQuestion) (Overview, error) {
	o := Overview{Until: q.Until.UTC().Truncate(time.Hour)}
	if o.Until.Before(q.Until) {
		o.Until = o.Until.Add(time.Hour)
	}
	o.Since = o.Until.AddDate(0, 0, -7*q.Weeks)
	before := o.Since.AddDate(0, 0, -7*compareWeeks)
	window := [2]Filter{
		{Since: o.Since, Until: o.Until, Action: strongroom.ActionReadObject, Outcome: q.Outcome},
		{Since: before, Until: o.Since, Action: strongroom.ActionReadObject, Outcome: q.Outcome},
	}
	var g together
	all, ever := table{}, []strongroom.Use(nil)
	var ranked [2][]strongroom.Use
	for when := range window {
		f := window[when]
		f.Bare = true
		g.ask(func() (err error) { ranked[when], err = m.rollups.Uses(ctx, f); return err })
	}
	g.ask(func() (err error) {
		ever, err = m.rollups.Uses(ctx, Filter{Action: strongroom.ActionReadObject, Outcome: strongroom.Permitted})
		return err
	})
	g.ask(func() (err error) {
		o.Hours, err = m.rollups.Hours(ctx, Filter{Since: o.Since, Until: o.Until, Action: strongroom.ActionReadObject})
		return err
	})
	g.ask(func() (err error) { o.Actors, err = m.byPseudonym(ctx); return err })
	sum := table{} // of everybody
	for when, f := range window {
		f.Actor = Everybody
		g.ask(func() error { return m.fill(ctx, sum, &g.mu, f, q, when) })
	}
	if err := g.wait(); err != nil {
		return o, err
	}
	o.Firsts, o.MoreFirsts, o.Machines = firsts(ever, o.Since, o.Actors)

	// Who has a row, and since when there is something to compare with.
	total, began := map[string][2]int64{}, map[string]time.Time{}
	for when, uses := range ranked {
		for _, u := range uses {
			n := total[u.Actor]
			n[when] += u.Count
			total[u.Actor] = n
			earliest(began, u.Actor, u.First)
		}
	}
	for _, u := range ever {
		earliest(began, u.Actor, u.First)
	}
	first := o.Until
	for _, at := range began {
		if at.Before(first) {
			first = at
		}
	}
	weeks := func(actor string) int {
		at, known := began[actor]
		if actor == Everybody {
			at, known = first, true
		}
		if !known {
			return 0
		}
		return weeksBetween(at, o.Since)
	}
	cell := func(n [2]int64, compared int) Cell { return cellOf(n, compared, q.Weeks) }
	shown := slices.SortedFunc(maps.Keys(total), func(a, b string) int {
		return cmp.Or(cmp.Compare(total[b][0], total[a][0]), cmp.Compare(total[b][1], total[a][1]), cmp.Compare(a, b))
	})
	o.Movers = movers(total, weeks, cell)
	rest := 0
	if len(shown) > mapRows {
		rest = len(shown) - (mapRows - 1)
		shown = shown[:mapRows-1]
	}

	var details together
	for when, f := range window {
		f.Actors = shown
		details.ask(func() error { return m.fill(ctx, all, &details.mu, f, q, when) })
	}
	if err := details.wait(); err != nil {
		return o, err
	}
	o.Questions = g.asked + details.asked

	var fold map[Column]Column
	o.Columns, fold = columns(sum[Everybody], q.By)
	whole := [2]int64{}
	for _, n := range total {
		whole[0], whole[1] = whole[0]+n[0], whole[1]+n[1]
	}
	o.Total = cell(whole, weeks(Everybody))
	row := func(r MapRow, cells map[Column][2]int64, n [2]int64, weeks int) {
		r.Total = cell(n, weeks)
		sums := map[Column][2]int64{}
		for c, n := range cells {
			into := sums[fold[c]]
			into[0], into[1] = into[0]+n[0], into[1]+n[1]
			sums[fold[c]] = into
		}
		for _, c := range o.Columns {
			r.Cells = append(r.Cells, cell(sums[c], weeks))
			if r.Sort != Rest {
				o.Most = max(o.Most, sums[c][0])
			}
		}
		o.Rows = append(o.Rows, r)
	}
	left, others := whole, maps.Clone(sum[Everybody])
	for _, actor := range shown {
		row(MapRow{Actor: actor}, all[actor], total[actor], weeks(actor))
		left[0], left[1] = left[0]-total[actor][0], left[1]-total[actor][1]
		for c, n := range all[actor] {
			have := others[c]
			others[c] = [2]int64{max(0, have[0]-n[0]), max(0, have[1]-n[1])}
		}
	}
	if rest > 0 {
		row(MapRow{Sort: Rest, Many: rest}, others, [2]int64{max(0, left[0]), max(0, left[1])}, weeks(Everybody))
	}
	return o, nil
}

// weeksBetween is how many weeks before a window there are to compare with, for whom
// something is counted from a time on.
func weeksBetween(began, since time.Time) int {
	if !began.Before(since) {
		return 0
	}
	return min(compareWeeks, int(math.Ceil(since.Sub(began).Hours()/(7*24))))
}

// cellOf is a cell of a window of so many weeks, of counts of it and of so many weeks before.
func cellOf(n [2]int64, compared, weeks int) Cell {
	c := Cell{Count: n[0], Weeks: compared}
	if compared > 0 {
		c.Usual = float64(n[1]) / float64(compared) * float64(weeks)
	}
	return c
}

func earliest(began map[string]time.Time, actor string, at time.Time) {
	if have, known := began[actor]; !known || at.Before(have) {
		began[actor] = at
	}
}

// fill adds to a table what a filter lets through, by the columns of a question.
func (m *Monitor) fill(ctx context.Context, t table, mu *sync.Mutex, f Filter, q OverviewQuestion, when int) error {
	if q.By == ByHours {
		f.Bare = true
		spots, err := m.rollups.Spots(ctx, f)
		mu.Lock()
		defer mu.Unlock()
		for _, s := range spots {
			t.add(s.Actor, partOfWeek(s.Start, q.Zone), when, s.Count)
		}
		return err
	}
	uses, err := m.rollups.Uses(ctx, f)
	mu.Lock()
	defer mu.Unlock()
	for i := range uses {
		for _, c := range columnsOf(&uses[i], q.By) {
			t.add(uses[i].Actor, c, when, uses[i].Count)
		}
	}
	return err
}

func partOfWeek(at time.Time, zone *time.Location) Column {
	at = at.In(zone)
	return Column{Day: (int(at.Weekday()) + 6) % 7, Part: PartOf(at.Hour())}
}

// columns are those that a map shows, what was used most first and the rest in one, and
// into which of them each goes.
func columns(sums map[Column][2]int64, by string) ([]Column, map[Column]Column) {
	fold := map[Column]Column{}
	if by == ByHours {
		var out []Column
		for day := range 7 {
			for part := range parts {
				c := Column{Day: day, Part: part}
				out, fold[c] = append(out, c), c
			}
		}
		return out, fold
	}
	all := slices.SortedFunc(maps.Keys(sums), func(a, b Column) int {
		return cmp.Or(cmp.Compare(a.Sort, b.Sort), cmp.Compare(sums[b][0]+sums[b][1], sums[a][0]+sums[a][1]), cmp.Compare(a.Name, b.Name))
	})
	var out []Column
	for i, c := range all {
		fold[c] = c
		if len(all) > mapColumns && i >= mapColumns-1 {
			fold[c] = Column{Sort: Rest}
			continue
		}
		out = append(out, c)
	}
	if len(all) > mapColumns {
		out = append(out, Column{Sort: Rest})
	}
	return out, fold
}

// Columns are those that a map of what a filter lets through has.
func (m *Monitor) Columns(ctx context.Context, f Filter, by string) ([]Column, error) {
	uses, err := m.rollups.Uses(ctx, f)
	seen := map[Column]bool{}
	for i := range uses {
		for _, c := range columnsOf(&uses[i], by) {
			seen[c] = true
		}
	}
	return slices.Collect(maps.Keys(seen)), err
}

// movers are those whose counts are furthest from what is usual for them.
func movers(total map[string][2]int64, weeks func(string) int, cell func([2]int64, int) Cell) []Mover {
	var out []Mover
	for actor, n := range total {
		if c := cell(n, weeks(actor)); c.Weeks > 0 && c.Stands() != Usual {
			out = append(out, Mover{actor, c})
		}
	}
	far := func(m Mover) float64 { return math.Abs(float64(m.Count)-m.Usual) / math.Sqrt(max(m.Usual, 1)) }
	slices.SortFunc(out, func(a, b Mover) int { return cmp.Or(cmp.Compare(far(b), far(a)), cmp.Compare(a.Actor, b.Actor)) })
	return out[:min(len(out), moversMost)]
}

// firsts are the first openings since a time of each actor in each queue and class, the
// latest first, and how many there are beside those. Those of workloads are only counted:
// a machine that does its work for the first time tells nothing of people.
func firsts(ever []strongroom.Use, since time.Time, actors map[string]Actor) (list []First, more, machines int) {
	type key struct{ actor, by, name string }
	seen := map[key]*First{}
	for i := range ever {
		u := &ever[i]
		for _, by := range []string{ByQueue, ByClass} {
			for _, c := range columnsOf(u, by) {
				if c.Sort != Named {
					continue
				}
				k := key{u.Actor, by, c.Name}
				if seen[k] == nil {
					seen[k] = &First{Actor: u.Actor, By: by, Name: c.Name, At: u.First}
				}
				seen[k].Count += u.Count
				if u.First.Before(seen[k].At) {
					seen[k].At = u.First
				}
			}
		}
	}
	var out []First
	for _, f := range seen {
		switch {
		case f.At.Before(since):
		case actors[f.Actor].Kind == string(strongroom.Workload):
			machines++
		default:
			out = append(out, *f)
		}
	}
	slices.SortFunc(out, func(a, b First) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Actor, b.Actor), cmp.Compare(a.By, b.By), cmp.Compare(a.Name, b.Name))
	})
	shown := min(len(out), firstsMost)
	return out[:shown], len(out) - shown, machines
}

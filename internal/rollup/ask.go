package rollup

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"strongroom"
	"strongroom/monitor"
)

// lookup is what facets and actors mean, as far as the database had them when it was read.
type lookup struct {
	generation, lastFacet, lastActor, told int64
	facets                                 map[int64]facet
	actors                                 map[int64]monitor.Actor
	ids                                    map[string]int64
}

type facet struct {
	bare            bool
	action          strongroom.Action
	refused, untold bool
	bucket, queue   string
	classes, groups []string
}

func (f *facet) outcome() string {
	if f.refused {
		return strongroom.Refused
	}
	return strongroom.Permitted
}

// view is one state of the database, read by one question.
type view struct {
	*sql.Tx
	*lookup
}

// view begins reading. The caller ends it.
func (r *Rollups) view(ctx context.Context) (view, error) {
	tx, err := r.readers.BeginTx(ctx, nil)
	if err != nil {
		return view{}, err
	}
	l, err := r.lookup(ctx, tx)
	if err != nil {
		tx.Rollback()
		return view{}, fmt.Errorf("reading the rollups: %w", err)
	}
	return view{tx, l}, nil
}

func (r *Rollups) lookup(ctx context.Context, tx querier) (*lookup, error) {
	l := &lookup{facets: map[int64]facet{}, actors: map[int64]monitor.Actor{}, ids: map[string]int64{monitor.Everybody: everybody}}
	err := tx.QueryRowContext(ctx, `SELECT coalesce((SELECT value FROM meta WHERE name = 'generation'), 0), (SELECT coalesce(max(id), 0) FROM facet),
		(SELECT coalesce(max(id), 0) FROM actor), (SELECT count(sealed) FROM actor)`).Scan(&l.generation, &l.lastFacet, &l.lastActor, &l.told)
	if err != nil {
		return nil, err
	}
	r.seen.Lock()
	defer r.seen.Unlock()
	if have := r.seen.lookup; have != nil && have.generation == l.generation && have.lastFacet == l.lastFacet && have.lastActor == l.lastActor && have.told == l.told {
		return have, nil
	}
	names := map[int64]string{}
	if err := each(ctx, tx, "SELECT id, sealed FROM name", func(scan func(...any) error) error {
		var id int64
		var sealed []byte
		if err := scan(&id, &sealed); err != nil {
			return err
		}
		plain, err := r.keys.open("name", id, sealed)
		names[id] = string(plain)
		return err
	}); err != nil {
		return nil, err
	}
	if err := each(ctx, tx, "SELECT id, bare, action, refused, untold, bucket, queue, classes, groups FROM facet", func(scan func(...any) error) error {
		var id, bucket, queue, classes, groups int64
		var f facet
		if err := scan(&id, &f.bare, &f.action, &f.refused, &f.untold, &bucket, &queue, &classes, &groups); err != nil {
			return err
		}
		f.bucket, f.queue, f.classes, f.groups = names[bucket], names[queue], set(names[classes]), set(names[groups])
		l.facets[id] = f
		return nil
	}); err != nil {
		return nil, err
	}
	if err := each(ctx, tx, "SELECT id, pseudonym, sealed FROM actor", func(scan func(...any) error) error {
		var id int64
		var a monitor.Actor
		var sealed []byte
		if err := scan(&id, &a.Actor, &sealed); err != nil {
			return err
		}
		if sealed != nil {
			plain, err := r.keys.open("actor", id, sealed)
			if err != nil {
				return err
			}
			var s sealedActor
			if err := json.Unmarshal(plain, &s); err != nil {
				return err
			}
			a.Principal, a.Name, a.Kind = s.ID, s.Name, s.Kind
		}
		l.actors[id], l.ids[a.Actor] = a, id
		return nil
	}); err != nil {
		return nil, err
	}
	r.seen.lookup = l
	return l, nil
}

// set reads a set of names. One that was counted as otherName is that.
func set(name string) []string {
	var s []string
	if name == "" {
		return nil
	}
	if json.Unmarshal([]byte(name), &s) != nil {
		return []string{name}
	}
	return s
}

// matching answers the facets that a filter lets through, as a condition of SQL on a
// column facet; ok is false where there is none.
func (l *lookup) matching(f monitor.Filter) (condition string, ok bool) {
	condition, n := l.facetsOf(f)
	return condition, n > 0
}

// facetsOf answers the same, and how many they are.
func (l *lookup) facetsOf(f monitor.Filter) (condition string, n int) {
	var ids, bare []int64
	kind := 0
	for id, x := range l.facets {
		if x.bare {
			bare = append(bare, id)
		}
		if x.bare != f.Bare {
			continue
		}
		kind++
		if (f.Action == "" || f.Action == x.action) && (f.Outcome == "" || f.Outcome == x.outcome()) &&
			(f.Bucket == "" || f.Bucket == x.bucket) && (f.Queue == "" || f.Queue == x.queue) &&
			(f.Class == "" || slices.Contains(x.classes, f.Class)) && (f.Group == "" || slices.Contains(x.groups, f.Group)) {
			ids = append(ids, id)
		}
	}
	if !f.Bare && len(ids) == kind {
		return " AND c.facet NOT IN (" + list(bare) + ")", len(ids)
	}
	slices.Sort(ids)
	if len(ids) > fewFacets {
		return " AND +c.facet IN (" + list(ids) + ")", len(ids) // read through: to seek each would take longer
	}
	return " AND c.facet IN (" + list(ids) + ")", len(ids)
}

// fewFacets are so few that each is sought in the key, rather than all of an actor's read.
const fewFacets = 4

func list(ids []int64) string {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(id, 10))
	}
	return b.String()
}

// span is some neighbouring periods of one grain, the last excluded.
type span struct {
	grain    int
	from, to int64
}

// extent answers the first and the last hour that has cells, 0 and -1 where none has.
func (v view) extent(ctx context.Context) (first, last int64, err error) {
	err = v.QueryRowContext(ctx, `SELECT coalesce((SELECT start FROM cell WHERE grain = 3 ORDER BY start LIMIT 1), 0),
		coalesce((SELECT start FROM cell WHERE grain = 3 ORDER BY start DESC LIMIT 1), -1)`).Scan(&first, &last)
	return first, last, err
}

// spans cuts the time of a filter into as few periods as cover it, out of those that have
// cells at all.
func (v view) spans(ctx context.Context, f monitor.Filter) ([]span, error) {
	first, last, err := v.extent(ctx)
	if err != nil {
		return nil, err
	}
	from, to := first, last+1
	if !f.Since.IsZero() {
		from = max(from, floor(f.Since.UnixMilli(), hourLength))
	}
	if !f.Until.IsZero() {
		to = min(to, -floor(-f.Until.UnixMilli(), hourLength))
	}
	switch {
	case from >= to:
		return nil, nil
	case from == first && to == last+1:
		return []span{{allTime, 0, 1}}, nil
	}
	return cut(from, to), nil
}

func floor(a, b int64) int64 {
	if q := a / b; a%b >= 0 {
		return q
	} else {
		return q - 1
	}
}

// cut cuts hours into hours, days, weeks, days and hours.
func cut(from, to int64) []span {
	var out []span
	add := func(grain int, from, to int64) {
		if from < to {
			out = append(out, span{grain, from, to})
		}
	}
	fromDay, toDay := (from+23)/24, to/24 // whole days
	if fromDay >= toDay {
		add(hour, from, to)
		return out
	}
	add(hour, from, fromDay*24)
	fromWeek, toWeek := (fromDay+3+6)/7, (toDay+3)/7 // whole weeks
	if fromWeek >= toWeek {
		add(day, fromDay, toDay)
	} else {
		add(day, fromDay, fromWeek*7-3)
		add(week, fromWeek, toWeek)
		add(day, toWeek*7-3, toDay)
	}
	add(hour, toDay*24, to)
	return out
}

// actors are whose cells are read: those named, or all but everybody's sum.
type actors struct {
	all bool
	ids []int64
}

// whose are the actors of a filter; none where it names some and the records know none of them.
func (v view) whose(f monitor.Filter) actors {
	switch {
	case f.Actor == "" && f.Actors == nil:
		return actors{all: true}
	case f.Actor == monitor.Everybody && f.Group != "":
		return actors{all: true} // the cells of everybody tell no groups
	}
	names := f.Actors
	if f.Actor != "" {
		names = []string{f.Actor}
	}
	var a actors
	for _, name := range names {
		if id, known := v.ids[name]; known {
			a.ids = append(a.ids, id)
		}
	}
	slices.Sort(a.ids)
	a.ids = slices.Compact(a.ids)
	return a
}

// cells is a SELECT of what a filter lets through in one span, as c. The cells of actors
// that are named are looked up period by period; those of all are read in one go, unless
// they are few among many: of a week or day an actor has cells of many facets.
func (s span) cells(columns, condition string, of actors, facets int) string {
	p := fmt.Sprintf("WITH RECURSIVE p(start) AS (SELECT %d UNION ALL SELECT start + 1 FROM p WHERE start < %d) SELECT %s FROM p CROSS JOIN", s.from, s.to-1, columns)
	on := fmt.Sprintf("cell c ON c.grain = %d AND c.start = p.start AND c.actor =", s.grain)
	switch {
	case len(of.ids) == 1:
		return fmt.Sprintf("%s %s %d%s", p, on, of.ids[0], condition)
	case !of.all:
		return fmt.Sprintf("%s json_each('[%s]') a CROSS JOIN %s a.value%s", p, list(of.ids), on, condition)
	case facets <= fewFacets && s.grain != hour:
		return fmt.Sprintf("%s actor a CROSS JOIN %s a.id%s", p, on, condition)
	}
	return fmt.Sprintf("SELECT %s FROM cell c WHERE c.grain = %d AND c.start >= %d AND c.start < %d AND c.actor > 0%s", columns, s.grain, s.from, s.to, condition)
}

// Uses implements monitor.Rollups.
func (r *Rollups) Uses(ctx context.Context, f monitor.Filter) ([]strongroom.Use, error) {
	v, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Rollback()
	condition, facets := v.facetsOf(f)
	gathered := f.Actor == monitor.Everybody && f.Group != ""
	of := v.whose(f)
	if !of.all && len(of.ids) == 0 || facets == 0 {
		return nil, nil
	}
	spans, err := v.spans(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("reading the rollups: %w", err)
	}
	type key struct{ actor, facet int64 }
	sums := map[key]cellSums{}
	for _, s := range spans {
		query := s.cells("c.actor, c.facet, sum(c.n), sum(c.bytes), min(c.first), max(c.last)", condition, of, facets)
		err := each(ctx, v, query+" GROUP BY c.actor, c.facet", func(scan func(...any) error) error {
			var k key
			var c cellSums
			if err := scan(&k.actor, &k.facet, &c.n, &c.bytes, &c.first, &c.last); err != nil {
				return err
			}
			if gathered {
				k.actor = everybody
			}
			if have, ok := sums[k]; ok {
				c = cellSums{have.n + c.n, have.bytes + c.bytes, min(have.first, c.first), max(have.last, c.last)}
			}
			sums[k] = c
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("reading the rollups: %w", err)
		}
	}
	order := make([]key, 0, len(sums))
	for k := range sums {
		order = append(order, k)
	}
	slices.SortFunc(order, func(x, y key) int { return cmp.Or(cmp.Compare(x.actor, y.actor), cmp.Compare(x.facet, y.facet)) })
	out := make([]strongroom.Use, 0, len(order))
	for _, k := range order {
		x, a, c := v.facets[k.facet], v.actors[k.actor], sums[k]
		if k.actor == everybody {
			a = monitor.Actor{Actor: monitor.Everybody}
		}
		out = append(out, strongroom.Use{
			Actor: a.Actor, Principal: a.Principal, Groups: x.groups, Action: x.action, Outcome: x.outcome(), Bucket: x.bucket, Queue: x.queue,
			Classes: x.classes, Untold: x.untold, Count: c.n, First: moment(c.first), Last: moment(c.last), Bytes: c.bytes,
		})
	}
	return out, nil
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Hours implements monitor.Rollups.
func (r *Rollups) Hours(ctx context.Context, f monitor.Filter) ([]monitor.Hour, error) {
	v, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Rollback()
	if f.Actor = cmp.Or(f.Actor, monitor.Everybody); f.Actors != nil {
		f.Actor = ""
	}
	of := v.whose(f)
	all, some, err := v.hours(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("reading the rollups: %w", err)
	}
	if !some || !of.all && len(of.ids) == 0 {
		return nil, nil
	}
	f.Bare = f.Bucket == "" && f.Queue == "" && f.Class == "" && f.Group == ""
	var out []monitor.Hour
	for _, outcome := range []string{strongroom.Permitted, strongroom.Refused} {
		if f.Outcome != "" && f.Outcome != outcome {
			continue
		}
		only := f
		only.Outcome = outcome
		condition, facets := v.facetsOf(only)
		if facets == 0 {
			continue
		}
		err := each(ctx, v, all.cells("c.start, sum(c.n)", condition, of, facets)+" GROUP BY c.start", func(scan func(...any) error) error {
			h := monitor.Hour{Outcome: outcome}
			var start int64
			err := scan(&start, &h.Count)
			h.Start = moment(start * hourLength)
			out = append(out, h)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("reading the rollups: %w", err)
		}
	}
	slices.SortStableFunc(out, func(x, y monitor.Hour) int { return x.Start.Compare(y.Start) })
	return out, nil
}

// hours are those that a filter's time covers, as far as there are cells.
func (v view) hours(ctx context.Context, f monitor.Filter) (all span, some bool, err error) {
	spans, err := v.spans(ctx, f)
	if err != nil || len(spans) == 0 {
		return span{}, false, err
	}
	if spans[0].grain != allTime {
		return span{hour, hoursOf(spans[0]).from, hoursOf(spans[len(spans)-1]).to}, true, nil
	}
	first, last, err := v.extent(ctx)
	return span{hour, first, last + 1}, true, err
}

// Spots implements monitor.Rollups.
func (r *Rollups) Spots(ctx context.Context, f monitor.Filter) ([]monitor.Spot, error) {
	v, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Rollback()
	if f.Actor == "" && f.Actors == nil {
		f.Actor = monitor.Everybody
	}
	of := v.whose(f)
	condition, facets := v.facetsOf(f)
	all, some, err := v.hours(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("reading the rollups: %w", err)
	}
	if !some || facets == 0 || !of.all && len(of.ids) == 0 {
		return nil, nil
	}
	var out []monitor.Spot
	err = each(ctx, v, all.cells("c.start, c.actor, c.facet, c.n, c.bytes, c.first, c.last", condition, of, facets), func(scan func(...any) error) error {
		var start, actor, facet, first, last int64
		var s monitor.Spot
		if err := scan(&start, &actor, &facet, &s.Count, &s.Bytes, &first, &last); err != nil {
			return err
		}
		x := v.facets[facet]
		s.Actor, s.Outcome = v.actors[actor].Actor, x.outcome()
		s.Bucket, s.Queue, s.Classes, s.Untold = x.bucket, x.queue, x.classes, x.untold
		if actor == everybody {
			s.Actor = monitor.Everybody
		}
		s.Start, s.First, s.Last = moment(start*hourLength), moment(first), moment(last)
		out = append(out, s)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the rollups: %w", err)
	}
	slices.SortStableFunc(out, func(x, y monitor.Spot) int { return y.Last.Compare(x.Last) })
	return out, nil
}

// hoursOf are the hours of a span.
func hoursOf(s span) span {
	switch s.grain {
	case week:
		return span{hour, (s.from*7 - 3) * 24, (s.to*7 - 3) * 24}
	case day:
		return span{hour, s.from * 24, s.to * 24}
	}
	return s
}

// Releases implements monitor.Rollups.
func (r *Rollups) Releases(ctx context.Context, actor string, hours []time.Time) (map[string]map[int64]int64, error) {
	out := map[string]map[int64]int64{}
	v, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Rollback()
	id, known := v.ids[actor]
	condition, some := v.matching(monitor.Filter{Action: strongroom.ActionReadObject, Outcome: strongroom.Permitted, Bare: true})
	if actor != "" && !known || !some || len(hours) == 0 {
		return out, nil
	}
	starts := make([]int64, 0, len(hours))
	for _, h := range hours {
		starts = append(starts, floor(h.UnixMilli(), hourLength))
	}
	who := "c.actor > 0"
	if actor != "" {
		who = fmt.Sprintf("c.actor = %d", id)
	}
	query := fmt.Sprintf(`SELECT c.actor, c.start, sum(c.n) FROM json_each(?) h CROSS JOIN cell c ON c.grain = 3 AND c.start = h.value AND %s%s
		GROUP BY c.actor, c.start`, who, condition)
	err = each(ctx, v, query, func(scan func(...any) error) error {
		var by, start, n int64
		if err := scan(&by, &start, &n); err != nil {
			return err
		}
		name := v.actors[by].Actor
		if by == everybody {
			name = monitor.Everybody
		}
		if out[name] == nil {
			out[name] = map[int64]int64{}
		}
		out[name][start*hourLength] = n
		return nil
	}, "["+list(starts)+"]")
	if err != nil {
		return nil, fmt.Errorf("reading the rollups: %w", err)
	}
	return out, nil
}

// Members implements monitor.Rollups.
func (r *Rollups) Members(ctx context.Context, group string, at time.Time) ([]string, error) {
	v, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Rollback()
	condition, some := v.matching(monitor.Filter{Group: group})
	if !some {
		return nil, nil
	}
	var out []string
	query := fmt.Sprintf("SELECT DISTINCT c.actor FROM cell c WHERE c.grain = 1 AND c.start = %d AND c.actor > 0%s ORDER BY c.actor", startOf(week, at.UnixMilli()), condition)
	err = each(ctx, v, query, func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		out = append(out, v.actors[id].Actor)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the rollups: %w", err)
	}
	return out, nil
}

// Distinct implements monitor.Rollups.
func (r *Rollups) Distinct(ctx context.Context, actor string, since time.Time) (n int64, err error) {
	v, err := r.view(ctx)
	if err != nil {
		return 0, err
	}
	defer v.Rollback()
	id, known := v.ids[actor]
	if !known {
		return 0, nil
	}
	from := int64(1) // 0 is never
	if !since.IsZero() {
		from = max(from, since.UnixMilli())
	}
	if err = v.QueryRowContext(ctx, "SELECT count(*) FROM use WHERE actor = ? AND latest >= ?", id, from).Scan(&n); err != nil {
		return 0, fmt.Errorf("reading the rollups: %w", err)
	}
	return n, nil
}

// ObjectsOf implements monitor.Rollups.
func (r *Rollups) ObjectsOf(ctx context.Context, actor string, n int) ([]monitor.ObjectUse, error) {
	v, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Rollback()
	id, known := v.ids[actor]
	if !known {
		return nil, nil
	}
	return r.uses(ctx, v, "u.actor = ? ORDER BY u.latest DESC LIMIT ?", id, n)
}

// Trace implements monitor.Rollups.
func (r *Rollups) Trace(ctx context.Context, version strongroom.ID, before int64, n int) ([]int64, error) {
	rows, err := r.readers.QueryContext(ctx, "SELECT t.record FROM object o JOIN trace t ON t.object = o.id WHERE o.version = ? AND t.record < ? ORDER BY t.record DESC LIMIT ?", version[:], before, n)
	if err != nil {
		return nil, fmt.Errorf("reading the rollups: %w", err)
	}
	defer rows.Close()
	var out []int64
	for rows.Next() {
		var record int64
		if err := rows.Scan(&record); err != nil {
			return nil, fmt.Errorf("reading the rollups: %w", err)
		}
		out = append(out, record)
	}
	return out, rows.Err()
}

// UsesOf implements monitor.Rollups.
func (r *Rollups) UsesOf(ctx context.Context, bucket, key string, n int) ([]monitor.ObjectUse, error) {
	v, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Rollback()
	tag := r.keys.digest("object", bucket, key)
	return r.uses(ctx, v, "u.object IN (SELECT id FROM object WHERE tag = ?) ORDER BY u.last DESC LIMIT ?", tag[:], n)
}

func (r *Rollups) uses(ctx context.Context, v view, which string, args ...any) ([]monitor.ObjectUse, error) {
	var out []monitor.ObjectUse
	err := each(ctx, v, `SELECT o.id, o.version, o.sealed, u.actor, u.opened, u.downloaded, u.other, u.refused, u.bytes, u.first, u.last, u.latest
		FROM use u JOIN object o ON o.id = u.object WHERE `+which, func(scan func(...any) error) error {
		var id, actor, first, last, latest int64
		var version, sealed []byte
		var u monitor.ObjectUse
		if err := scan(&id, &version, &sealed, &actor, &u.Opened, &u.Downloaded, &u.Other, &u.Refused, &u.Bytes, &first, &last, &latest); err != nil {
			return err
		}
		if len(version) != len(u.Version) {
			return errors.New("an object's version is not one")
		}
		u.Version = strongroom.ID(version)
		u.Actor, u.First, u.Last, u.Latest = v.actors[actor].Actor, moment(first), moment(last), moment(latest)
		if sealed != nil {
			plain, err := r.keys.open("object", id, sealed)
			if err != nil {
				return err
			}
			var name [2]string
			if err := json.Unmarshal(plain, &name); err != nil {
				return err
			}
			u.Bucket, u.Key = name[0], name[1]
		}
		out = append(out, u)
		return nil
	}, args...)
	if err != nil {
		return nil, fmt.Errorf("reading the rollups: %w", err)
	}
	return out, nil
}

// Actors implements monitor.Rollups.
func (r *Rollups) Actors(ctx context.Context) ([]monitor.Actor, error) {
	v, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Rollback()
	var out []monitor.Actor
	for id := int64(1); id <= v.lastActor; id++ {
		out = append(out, v.actors[id])
	}
	return out, nil
}

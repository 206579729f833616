package monitor

import (
	"context"
	"slices"
	"time"

	"strongroom"
)

// Portrait is what one actor opened in a window and when, beside the weeks before.
type Portrait struct {
	Actor        string
	Since, Until time.Time
	Sums
	Usual    Cell // of what was opened
	Groups   []string
	Things   []Thing
	Distinct int64 // objects opened since
	Latest   []ObjectUse
	Week     [7][24]Cell // openings by the hour of the week; [0] is Monday
	Hours    []Hour      // openings and refusals
}

// Portrait answers all that a page of one actor shows.
func (m *Monitor) Portrait(ctx context.Context, actor string, until time.Time, weeks, latest int, zone *time.Location) (Portrait, error) {
	p := Portrait{Actor: actor, Until: until.UTC().Truncate(time.Hour)}
	if p.Until.Before(until) {
		p.Until = p.Until.Add(time.Hour)
	}
	p.Since = p.Until.AddDate(0, 0, -7*weeks)
	var g together
	var uses []strongroom.Use
	var before []Hour
	var began time.Time
	var some bool
	g.ask(func() (err error) {
		uses, err = m.rollups.Uses(ctx, Filter{Actors: []string{actor}, Since: p.Since, Until: p.Until})
		return err
	})
	g.ask(func() (err error) {
		p.Hours, err = m.rollups.Hours(ctx, Filter{Actors: []string{actor}, Since: p.Since, Until: p.Until, Action: strongroom.ActionReadObject})
		return err
	})
	g.ask(func() (err error) {
		before, err = m.rollups.Hours(ctx, Filter{Actors: []string{actor}, Since: p.Since.AddDate(0, 0, -7*compareWeeks), Until: p.Since, Action: strongroom.ActionReadObject, Outcome: strongroom.Permitted})
		return err
	})
	g.ask(func() (err error) { began, some, err = m.began(ctx, actor); return err })
	g.ask(func() (err error) { p.Distinct, err = m.rollups.Distinct(ctx, actor, p.Since); return err })
	g.ask(func() (err error) { p.Latest, err = m.rollups.ObjectsOf(ctx, actor, latest); return err })
	if err := g.wait(); err != nil {
		return p, err
	}
	for i := range uses {
		p.Sums.add(&uses[i])
		p.Groups = append(p.Groups, uses[i].Groups...)
	}
	slices.Sort(p.Groups)
	p.Groups = slices.Compact(p.Groups)
	p.Things = things(uses)
	compared := 0
	if some {
		compared = weeksBetween(began, p.Since)
	}
	now, was := weekOf(permitted(p.Hours), zone), weekOf(before, zone)
	p.Usual = cellOf([2]int64{now.Total, was.Total}, compared, weeks)
	for day := range now.Counts {
		for hour := range now.Counts[day] {
			p.Week[day][hour] = cellOf([2]int64{now.Counts[day][hour], was.Counts[day][hour]}, compared, weeks)
		}
	}
	return p, nil
}

func permitted(hours []Hour) []Hour {
	return slices.DeleteFunc(slices.Clone(hours), func(h Hour) bool { return h.Outcome != strongroom.Permitted })
}

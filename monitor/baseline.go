package monitor

import (
	"cmp"
	"context"
	"slices"
	"time"

	"strongroom"
)

// Usual tells how many releases to an actor there were in the same hour of the week as
// at, in the weeks before it, at most that many: hours without any count as 0, and weeks
// before the actor's first release do not count. Hours are those of UTC.
func (m *Monitor) Usual(ctx context.Context, actor string, at time.Time, weeks int) (strongroom.Baseline, error) {
	b := strongroom.Baseline{Hour: at.UTC().Truncate(time.Hour)}
	began, ok, err := m.began(ctx, actor)
	if err != nil || !ok {
		return b, err
	}
	hours := weeksBefore(b.Hour, weeks)
	hours = slices.DeleteFunc(hours, func(h time.Time) bool { return !h.Add(time.Hour).After(began) })
	counts, err := m.rollups.Releases(ctx, actor, hours)
	if err != nil {
		return b, err
	}
	values := make([]int64, 0, len(hours))
	for _, h := range hours {
		values = append(values, counts[actor][h.UnixMilli()])
	}
	return describe(b, values, len(hours)), nil
}

// UsualOfGroup tells the same of the members of a group, each member and week a value.
// Who did anything in a week while recorded as a member was one in it.
func (m *Monitor) UsualOfGroup(ctx context.Context, group string, at time.Time, weeks int) (strongroom.Baseline, error) {
	b := strongroom.Baseline{Hour: at.UTC().Truncate(time.Hour)}
	hours := weeksBefore(b.Hour, weeks)
	counts, err := m.rollups.Releases(ctx, "", hours)
	if err != nil {
		return b, err
	}
	var values []int64
	seen := 0
	for _, h := range hours {
		members, err := m.rollups.Members(ctx, group, h)
		if err != nil {
			return b, err
		}
		if len(members) > 0 {
			seen++
		}
		for _, actor := range members {
			values = append(values, counts[actor][h.UnixMilli()])
		}
	}
	return describe(b, values, seen), nil
}

// began is when an actor was first released something.
func (m *Monitor) began(ctx context.Context, actor string) (first time.Time, ok bool, err error) {
	uses, err := m.rollups.Uses(ctx, Filter{Actors: []string{actor}, Action: strongroom.ActionReadObject, Outcome: strongroom.Permitted, Bare: true})
	for _, u := range uses {
		if !ok || u.First.Before(first) {
			first, ok = u.First, true
		}
	}
	return first, ok, err
}

// weeksBefore are the same hours of the weeks before one.
func weeksBefore(hour time.Time, weeks int) []time.Time {
	var out []time.Time
	for n := 1; n <= min(weeks, mostWeeks); n++ {
		out = append(out, hour.Add(-time.Duration(n)*7*24*time.Hour))
	}
	return out
}

// mostWeeks bounds how far back a baseline looks.
const mostWeeks = 520

func describe(b strongroom.Baseline, values []int64, weeks int) strongroom.Baseline {
	b.Weeks, b.Values = weeks, len(values)
	if len(values) == 0 {
		return b
	}
	slices.Sort(values)
	b.Median, b.P95, b.Most = quantile(values, 50), quantile(values, 95), values[len(values)-1]
	return b
}

// quantile is the nearest rank: the least of the sorted values that at least percent
// hundredths of them do not exceed.
func quantile(sorted []int64, percent int) int64 {
	rank := (len(sorted)*percent + 99) / 100
	return sorted[max(rank, 1)-1]
}

// Pace is how many releases there were to somebody in an hour, beside what is usual.
type Pace struct {
	Actor    string              `json:"actor"`
	Count    int64               `json:"count"`
	Baseline strongroom.Baseline `json:"baseline"`
}

// Above tells by how much the hour is out of the usual: 1 is as many as there ever were
// in the hours compared with; 0 where nothing is known to compare with.
func (p *Pace) Above() float64 {
	if p.Baseline.Weeks == 0 {
		return 0
	}
	return float64(p.Count) / float64(max(p.Baseline.Most, 1))
}

// Often tells of everybody to whom there was a release in the hour that at lies in how
// many there were, beside what is usual for them (see Usual), those furthest above it
// first.
func (m *Monitor) Often(ctx context.Context, at time.Time, weeks int) ([]Pace, error) {
	hour := at.UTC().Truncate(time.Hour)
	before := weeksBefore(hour, weeks)
	counts, err := m.rollups.Releases(ctx, "", append([]time.Time{hour}, before...))
	if err != nil {
		return nil, err
	}
	uses, err := m.rollups.Uses(ctx, Filter{Action: strongroom.ActionReadObject, Outcome: strongroom.Permitted, Bare: true})
	if err != nil {
		return nil, err
	}
	began := map[string]time.Time{}
	for _, u := range uses {
		if first, ok := began[u.Actor]; !ok || u.First.Before(first) {
			began[u.Actor] = u.First
		}
	}
	var out []Pace
	for actor, by := range counts {
		if by[hour.UnixMilli()] == 0 {
			continue
		}
		var values []int64
		for _, h := range before {
			if h.Add(time.Hour).After(began[actor]) {
				values = append(values, by[h.UnixMilli()])
			}
		}
		out = append(out, Pace{actor, by[hour.UnixMilli()], describe(strongroom.Baseline{Hour: hour}, values, len(values))})
	}
	slices.SortFunc(out, func(x, y Pace) int {
		return cmp.Or(cmp.Compare(y.Above(), x.Above()), cmp.Compare(y.Count, x.Count), cmp.Compare(x.Actor, y.Actor))
	})
	return out, nil
}

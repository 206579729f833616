package monitor

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"strongroom"
)

// Sums count what was done, by what it was, and what was refused.
type Sums struct {
	Opened       int64 `json:"opened"`     // releases, and copies within the room
	Downloaded   int64 `json:"downloaded"` // copies that people took along, each beside an opening
	Looked       int64 `json:"looked"`     // at metadata
	Listed       int64 `json:"listed"`
	Stored       int64 `json:"stored"`
	Deleted      int64 `json:"deleted"`
	Administered int64 `json:"administered"` // all else that policy has a name for
	Other        int64 `json:"other"`        // what no policy is asked for
	Refused      int64 `json:"refused"`
	// Untold are those of all above whose records do not tell bucket, queue, class, group:
	// their personal part is erased, or was never there.
	Untold    int64     `json:"untold"`
	Delivered int64     `json:"delivered_bytes"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
}

// All counts everything, refusals included.
func (s *Sums) All() int64 {
	return s.Opened + s.Downloaded + s.Looked + s.Listed + s.Stored + s.Deleted + s.Administered + s.Other + s.Refused
}

func (s *Sums) add(u *strongroom.Use) {
	if u.Untold {
		s.Untold += u.Count
	}
	if s.First.IsZero() || u.First.Before(s.First) {
		s.First = u.First
	}
	if u.Last.After(s.Last) {
		s.Last = u.Last
	}
	if u.Outcome == strongroom.Refused {
		s.Refused += u.Count
		return
	}
	switch u.Action {
	case strongroom.ActionReadObject:
		s.Opened += u.Count
		s.Delivered += u.Bytes
	case strongroom.ActionReadMetadata, strongroom.ActionReadBucket:
		s.Looked += u.Count
	case strongroom.ActionListObjects, strongroom.ActionListBuckets:
		s.Listed += u.Count
	case strongroom.ActionStoreObject:
		s.Stored += u.Count
	case strongroom.ActionDeleteObject:
		s.Deleted += u.Count
	case strongroom.ActionDownload:
		s.Downloaded += u.Count
	case "":
		s.Other += u.Count
	default:
		s.Administered += u.Count
	}
}

// Person is what one actor did.
type Person struct {
	Actor
	Sums
}

// Who sums by actor what a filter lets through, who opened most first. Names are those
// last recorded; "" is nobody, whom no record names.
func (m *Monitor) Who(ctx context.Context, f Filter) ([]Person, error) {
	f.Bare = f.Bucket == "" && f.Queue == "" && f.Class == "" && f.Group == ""
	uses, err := m.rollups.Uses(ctx, f)
	if err != nil {
		return nil, err
	}
	actors, err := m.byPseudonym(ctx)
	if err != nil {
		return nil, err
	}
	by := map[string]*Person{}
	for _, u := range uses {
		p := by[u.Actor]
		if p == nil {
			p = &Person{Actor: actors[u.Actor]}
			p.Actor.Actor = u.Actor
			by[u.Actor] = p
		}
		p.add(&u)
	}
	out := make([]Person, 0, len(by))
	for _, p := range by {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(x, y Person) int {
		return cmp.Or(cmp.Compare(y.Opened, x.Opened), cmp.Compare(y.Refused, x.Refused), cmp.Compare(y.All(), x.All()), cmp.Compare(x.Actor.Actor, y.Actor.Actor))
	})
	return out, nil
}

func (m *Monitor) byPseudonym(ctx context.Context) (map[string]Actor, error) {
	all, err := m.rollups.Actors(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[string]Actor, len(all))
	for _, a := range all {
		out[a.Actor] = a
	}
	return out, nil
}

// Thing is what was done with one sort of object.
type Thing struct {
	Bucket  string   `json:"bucket,omitempty"`
	Queue   string   `json:"queue,omitempty"`
	Classes []string `json:"classes,omitempty"`
	Sums
}

// What sums by bucket, queue and classes what a filter lets through, what was opened most
// first.
func (m *Monitor) What(ctx context.Context, f Filter) ([]Thing, error) {
	f.Actor = cmp.Or(f.Actor, Everybody)
	uses, err := m.rollups.Uses(ctx, f)
	if err != nil {
		return nil, err
	}
	return things(uses), nil
}

func things(uses []strongroom.Use) []Thing {
	by := map[[3]string]*Thing{}
	for _, u := range uses {
		k := [3]string{u.Bucket, u.Queue, strings.Join(u.Classes, "\x00")}
		if by[k] == nil {
			by[k] = &Thing{Bucket: u.Bucket, Queue: u.Queue, Classes: u.Classes}
		}
		by[k].add(&u)
	}
	out := make([]Thing, 0, len(by))
	for _, t := range by {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(x, y Thing) int {
		return cmp.Or(cmp.Compare(y.Opened, x.Opened), cmp.Compare(y.All(), x.All()), cmp.Compare(x.Bucket, y.Bucket), cmp.Compare(x.Queue, y.Queue), slices.Compare(x.Classes, y.Classes))
	})
	return out
}

// Week counts by the hour of the week: [0] is Monday, [0][0] its hour from 00:00. An hour
// of UTC counts where it starts in the zone that was asked for, so in zones that are not
// whole hours from UTC it begins at another minute.
type Week struct {
	Zone    string       `json:"zone"`
	Counts  [7][24]int64 `json:"counts"`
	Refused [7][24]int64 `json:"refused"` // of Counts
	Most    int64        `json:"most"`    // of any hour
	Total   int64        `json:"total"`
}

// When sums by the hour of the week what a filter lets through.
func (m *Monitor) When(ctx context.Context, f Filter, zone *time.Location) (Week, error) {
	hours, err := m.rollups.Hours(ctx, f)
	return weekOf(hours, zone), err
}

func weekOf(hours []Hour, zone *time.Location) Week {
	w := Week{Zone: zone.String()}
	for _, h := range hours {
		at := h.Start.In(zone)
		day, hour := (int(at.Weekday())+6)%7, at.Hour()
		w.Counts[day][hour] += h.Count
		if h.Outcome == strongroom.Refused {
			w.Refused[day][hour] += h.Count
		}
		w.Total += h.Count
		w.Most = max(w.Most, w.Counts[day][hour])
	}
	return w
}

// Day is the count of one day.
type Day struct {
	Day   string `json:"day"` // 2006-01-02
	Count int64  `json:"count"`
}

// Days sums by the day what a filter lets through, days without any included.
func (m *Monitor) Days(ctx context.Context, f Filter, zone *time.Location) ([]Day, error) {
	hours, err := m.rollups.Hours(ctx, f)
	if err != nil || len(hours) == 0 {
		return nil, err
	}
	by := map[string]int64{}
	for _, h := range hours {
		by[h.Start.In(zone).Format(time.DateOnly)] += h.Count
	}
	first, last := hours[0].Start.In(zone), hours[len(hours)-1].Start.In(zone)
	var out []Day
	for d := time.Date(first.Year(), first.Month(), first.Day(), 12, 0, 0, 0, zone); ; d = d.AddDate(0, 0, 1) {
		name := d.Format(time.DateOnly)
		out = append(out, Day{name, by[name]})
		if name >= last.Format(time.DateOnly) {
			return out, nil
		}
	}
}

// Dossier is all that is counted of one actor.
type Dossier struct {
	Person
	Groups   [][]string  `json:"groups"` // sets of groups that were recorded, in alphabetical order
	Things   []Thing     `json:"things"`
	Distinct int64       `json:"distinct_objects"` // opened since the filter's Since, up to now
	Latest   []ObjectUse `json:"latest"`
	Week     Week        `json:"week"`
	Days     []Day       `json:"days"`
}

// Dossier tells what a filter lets through of one actor, and the objects opened last, at
// most n, whatever the filter says besides whom.
func (m *Monitor) Dossier(ctx context.Context, f Filter, n int, zone *time.Location) (Dossier, error) {
	d := Dossier{Groups: [][]string{}}
	uses, err := m.rollups.Uses(ctx, f)
	if err != nil {
		return d, err
	}
	actors, err := m.byPseudonym(ctx)
	if err != nil {
		return d, err
	}
	d.Person.Actor = actors[f.Actor]
	d.Person.Actor.Actor = f.Actor
	for _, u := range uses {
		d.Sums.add(&u)
		if len(u.Groups) > 0 {
			d.Groups = append(d.Groups, u.Groups)
		}
	}
	slices.SortFunc(d.Groups, slices.Compare)
	d.Groups = slices.CompactFunc(d.Groups, slices.Equal)
	d.Things = things(uses)
	if d.Distinct, err = m.rollups.Distinct(ctx, f.Actor, f.Since); err != nil {
		return d, err
	}
	if d.Latest, err = m.rollups.ObjectsOf(ctx, f.Actor, n); err != nil {
		return d, err
	}
	hours, err := m.rollups.Hours(ctx, f)
	if err != nil {
		return d, err
	}
	d.Week = weekOf(hours, zone)
	d.Days, err = m.Days(ctx, f, zone)
	return d, err
}

// NoFormula keeps a spreadsheet from taking a cell for a formula.
func NoFormula(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

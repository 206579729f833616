package console

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"strongroom"
	"strongroom/door"
)

const (
	unusedDays    = 90
	unusedPeople  = 100
	unusedRights  = 12
	unusedRecords = 400_000 // that one page has read: more of them are for a command
)

type unusedData struct {
	Since  time.Time
	Rows   []unusedRow
	More   int
	TooBig bool
}

type unusedRow struct {
	Name                  string
	Granted, Used, Unused int64
	Last                  time.Time
	Count                 int // of what is unused
	Rights                []unusedRight
	More                  int
}

type unusedRight struct{ Action, Shape string }

// accessUnused lists what is granted and nobody used for long, by person.
func (v *visit) accessUnused() error {
	d := unusedData{Since: v.c.Clock().AddDate(0, 0, -unusedDays)}
	if v.room.Scan == nil || v.room.Range == nil {
		return door.NotHere("usage")
	}
	if _, err := v.room.Vault.ReadUsage(v.r.Context(), v.caller, fmt.Sprintf("unused --since %dd", unusedDays)); err != nil {
		return err
	}
	from, to, err := v.room.Range(v.r.Context(), d.Since)
	if err != nil {
		return err
	}
	v.page.Title = "access.unused.title"
	if d.TooBig = to-from > unusedRecords; d.TooBig {
		return v.show("unused", "access", d)
	}
	rights, err := v.room.Unused(v.r.Context(), v.caller, d.Since)
	if err != nil {
		return err
	}
	for _, p := range rights.Report.People {
		row := unusedRow{Name: named(p.Principal), Granted: int64(p.Granted), Used: int64(p.Used), Unused: int64(p.Granted - p.Used), Count: p.Granted - p.Used, Last: p.Last}
		for _, r := range p.Rights {
			if r.Used > 0 {
				continue
			}
			if len(row.Rights) == unusedRights {
				row.More++
				continue
			}
			row.Rights = append(row.Rights, unusedRight{string(r.Action), named(r.Shape.String())})
		}
		if p.Kind == strongroom.Person && row.Unused > 0 {
			d.Rows = append(d.Rows, row)
		}
	}
	slices.SortStableFunc(d.Rows, func(a, b unusedRow) int { return cmp.Or(cmp.Compare(b.Unused, a.Unused), cmp.Compare(a.Name, b.Name)) })
	if v.r.URL.Query().Get("form") == "csv" {
		rows := [][]string{{"person", "granted", "used", "last_use"}}
		for _, r := range d.Rows {
			last := ""
			if !r.Last.IsZero() {
				last = r.Last.UTC().Format(time.RFC3339)
			}
			rows = append(rows, []string{r.Name, fmt.Sprint(r.Granted), fmt.Sprint(r.Used), last})
		}
		return v.table("strongroom-unused.csv", rows)
	}
	d.More = max(0, len(d.Rows)-unusedPeople)
	d.Rows = d.Rows[:len(d.Rows)-d.More]
	return v.show("unused", "access", d)
}

package console

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"strongroom"
	"strongroom/door"
)

const (
	unusedDays   = int(door.Window / (24 * time.Hour))
	unusedPeople = 100
	unusedRights = 12
)

type unusedData struct {
	Since, At time.Time // At is when it was counted
	Rows      []unusedRow
	More      int
}

type unusedRow struct {
	Name                  string
	Granted, Used, Unused int64
	Last                  time.Time
	Count                 int // of what is unused
	Rights                []unusedRight
	More                  int
}

type unusedRight struct{ Action, Shape string } // in words

// accessUnused lists what is granted and nobody used for long, by person, as it was
// counted last.
func (v *visit) accessUnused() error {
	if _, err := v.room.Vault.ReadUsage(v.r.Context(), v.caller, fmt.Sprintf("unused --since %dd", unusedDays)); err != nil {
		return err
	}
	t, err := v.counting(taskLife)
	if err != nil {
		return err
	}
	if t.running(v.r.Context()) {
		return v.waiting(t, "access", "access.unused.title", "/access/unused")
	}
	if t.err != nil {
		return t.err
	}
	held := t.result.(*rights)
	d := unusedData{Since: held.since, At: t.began}
	for _, p := range held.Report.People {
		row := unusedRow{Name: named(p.Principal), Granted: int64(p.Granted), Used: int64(p.Used), Unused: int64(p.Granted - p.Used), Count: p.Granted - p.Used, Last: p.Last}
		for _, r := range p.Rights {
			if r.Used > 0 {
				continue
			}
			if len(row.Rights) == unusedRights {
				row.More++
				continue
			}
			row.Rights = append(row.Rights, unusedRight{v.page.Does(r.Action), named(v.page.Sort(r.Shape))})
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
	v.page.Title = "access.unused.title"
	return v.show("unused", "access", d)
}

// countUnused counts anew.
func (v *visit) countUnused() error {
	if _, err := v.countUsage(); err != nil {
		return err
	}
	http.Redirect(v.w, v.r, "/access/unused", http.StatusSeeOther)
	return nil
}

package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"strongroom"
	"strongroom/book"
	"strongroom/people"
)

// ImportRequest is a file of people to bring into the room.
type ImportRequest struct {
	Sheet people.Sheet
	// DeactivateMissing suspends those whom an earlier import brought and who are not in
	// the file any more, AtMost so many: more are refused, as a file that was cut off.
	DeactivateMissing bool
	AtMost            int
	DryRun            bool // only answer what would change
}

// Imported is what an import does, or would do, with one principal.
type Imported struct {
	Name    string   `json:"name"`
	What    string   `json:"what"` // add, change, deactivate, activate, or same
	Changes []string `json:"changes,omitempty"`
}

// ImportPeople brings a file of people into the room: all of it in one change, or nothing.
// A dry run answers the same and changes nothing but the record that it was asked for.
// Whoever is in the file is from then on one of the file's, unless a directory has them:
// of those the file says only aliases, attributes that the directory does not say, and the
// leaving date.
func (r *Room) ImportPeople(ctx context.Context, c Caller, req ImportRequest) ([]Imported, error) {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return nil, r.refuse(ctx, a)
	}
	for range 16 {
		out, all, err := r.planImport(ctx, c, req)
		if err != nil {
			return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: err.Error(), Hint: "nothing was changed; mend the file and import it again"}
		}
		counts := map[string]int64{}
		for _, o := range out {
			counts[o.What]++
		}
		record := part{kind: KindPeople, evidence: r.evidence("principal-import", a), personal: a.personal()}
		record.evidence.Counts = counts
		record.personal.Subject = shorten(req.Sheet.Name)
		if req.DryRun {
			record.evidence.Action, all = "principal-import-dry-run", nil
		}
		if _, err = r.alter(ctx, a, KindPeople, all, record); strongroom.KindOf(err) != strongroom.KindConflict || errors.Is(err, ErrTaken) {
			return out, err
		}
	}
	return nil, conflict(errors.New("the principals changed with every attempt"))
}

// planImport says what an import changes. Its errors name file, line and column.
func (r *Room) planImport(ctx context.Context, c Caller, req ImportRequest) ([]Imported, []alteration, error) {
	type known struct {
		row book.Row
		p   strongroom.Principal
	}
	have := map[string]known{}
	names := map[string]bool{}
	for row, err := range r.Book.Rows(ctx, rowPrincipal, "") {
		if err != nil {
			return nil, nil, unavailable("the principals' rows cannot be read", err)
		}
		p, err := decode[strongroom.Principal](row)
		if err != nil {
			return nil, nil, unavailable("a principal's row cannot be read", err)
		}
		have[p.Name], names[p.Name] = known{row, p}, true
	}
	r.state.mu.RLock()
	entries := map[strongroom.ID]people.Entry{}
	for id, e := range r.state.ring.directory.entries {
		entries[id] = e
	}
	r.state.mu.RUnlock()
	for _, row := range req.Sheet.Rows {
		names[row.Principal()] = true
	}
	now := r.Clock().UTC()
	var out []Imported
	var all []alteration
	var problems []error
	listed := map[string]bool{}
	for _, line := range req.Sheet.Rows {
		name := line.Principal()
		listed[name] = true
		before, exists := have[name]
		one := alteration{new: strongroom.Principal{Kind: strongroom.Person}, why: "imported from " + shorten(req.Sheet.Name)}
		if exists {
			one.was, one.new = &before.row, before.p
		}
		if err := line.Apply(&one.new); err != nil {
			problems = append(problems, err)
			continue
		}
		if m := one.new.Attributes[people.AttributeManager]; len(m) == 1 && !names[m[0]] {
			problems = append(problems, line.At(people.AttributeManager, "the manager %q is neither here nor in the file; add a line for them, or leave the cell empty", m[0]))
		}
		entry, provisioned := entries[before.p.ID]
		differs := people.Differences(before.p, one.new)
		if exists && provisioned && entry.Source == people.SourceSCIM {
			if column := notOurs(before.p, one.new); column != "" {
				problems = append(problems, line.At(column, "a directory provisions %s, and says their %s; leave the column out, or change it there", name, column))
			}
		} else {
			one.entry = &people.Entry{Source: people.SourceCSV, Created: now, Modified: now}
			if provisioned {
				one.entry.Created = entry.Created
			} else if exists {
				differs = append(differs, "comes from: here → file")
			}
		}
		if !exists {
			out, all = append(out, Imported{Name: name, What: "add", Changes: people.Differences(strongroom.Principal{}, one.new)}), append(all, one)
			continue
		}
		what := "change"
		switch is, was := people.Active(one.new, now), people.Active(before.p, now); {
		case len(differs) == 0:
			out = append(out, Imported{Name: name, What: "same"})
			continue
		case was && !is:
			what = "deactivate"
		case is && !was:
			what = "activate"
		}
		out, all = append(out, Imported{Name: name, What: what, Changes: differs}), append(all, one)
	}
	missing := 0
	if req.DeactivateMissing {
		for _, k := range have {
			if entries[k.p.ID].Source != people.SourceCSV || listed[k.p.Name] || k.p.Suspended {
				continue
			}
			missing++
			if k.p.ID == c.Principal.ID {
				problems = append(problems, fmt.Errorf("%s: %s is not in the file, and that is you: nobody deactivates themselves; add a line", req.Sheet.Name, k.p.Name))
			}
			one := alteration{was: &k.row, new: k.p, why: "no longer in " + shorten(req.Sheet.Name)}
			one.new.Suspended = true
			out, all = append(out, Imported{Name: k.p.Name, What: "deactivate", Changes: people.Differences(k.p, one.new)}), append(all, one)
		}
	}
	if missing > req.AtMost {
		problems = append(problems, fmt.Errorf("%s: %d people are not in the file any more, and at most %d are deactivated at once; see that the file is whole, or say a greater --at-most", req.Sheet.Name, missing, req.AtMost))
	}
	for _, one := range all {
		if one.new.ID == c.Principal.ID && !people.Active(one.new, now) {
			problems = append(problems, fmt.Errorf("%s: the file deactivates %s, and that is you: somebody else must do that", req.Sheet.Name, one.new.Name))
		}
	}
	slices.SortStableFunc(out, func(a, b Imported) int { return strings.Compare(a.Name, b.Name) })
	return out, all, errors.Join(problems...)
}

// notOurs names what a file would change of a principal that a directory says.
func notOurs(old, p strongroom.Principal) string {
	switch {
	case old.Kind != p.Kind:
		return "kind"
	case !slices.Equal(old.Groups, p.Groups):
		return "groups"
	case old.Suspended != p.Suspended:
		return "active"
	}
	for _, name := range directoryAttributes {
		if !slices.Equal(old.Attributes[name], p.Attributes[name]) {
			return name
		}
	}
	return ""
}

// directoryAttributes are what a directory says of a principal.
var directoryAttributes = []string{
	people.AttributeManager, people.AttributeDepartment, people.AttributeDivision, people.AttributeOrganization,
	people.AttributeCostCenter, people.AttributeEmployeeNumber,
}

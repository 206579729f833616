package people

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"strongroom"
)

// Bounds of a file of people.
const (
	MaxSheet     = 16 << 20 // bytes
	MaxSheetRows = 10_000   // what one change of the room holds
	maxProblems  = 20
)

// Sheet is a file of people: one line each, under a line with the names of its columns.
// A column that is there says what the principal has from now on, so that an empty cell
// empties it; what no column says stays as it is.
type Sheet struct {
	Name    string // of the file
	Columns []string
	Rows    []SheetRow
}

// SheetRow is one line.
type SheetRow struct {
	sheet string
	line  int
	cells []cell // in the order of the columns
}

type cell struct {
	column, value string
	line, at      int
}

// sheetColumns are the columns that are no attributes.
var sheetColumns = []string{"name", "kind", "groups", "aliases", "leaves", "active"}

// attributePrefix begins the name of a column with an attribute that has no meaning of
// its own here.
const attributePrefix = "attribute:"

// ReadSheet reads a file of people: UTF-8, separated by commas, or by semicolons as
// spreadsheets write where the comma is the decimal sign. Several values in a cell are
// separated by | . The errors, at most 20 of them, name file, line, column and what to do.
func ReadSheet(name string, text []byte) (Sheet, error) {
	s := Sheet{Name: name}
	if len(text) > MaxSheet {
		return s, fmt.Errorf("%s: has more than %d bytes", name, MaxSheet)
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(text) {
		return s, fmt.Errorf("%s: is not UTF-8; save it as CSV UTF-8", name)
	}
	r := csv.NewReader(bytes.NewReader(text))
	header, _, _ := bytes.Cut(text, []byte("\n"))
	if bytes.Count(header, []byte(";")) > bytes.Count(header, []byte(",")) {
		r.Comma = ';'
	}
	var problems []error
	problem := func(line, column int, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s:%d:%d: %s", name, line, column, fmt.Sprintf(format, args...)))
	}
	names := map[string]int{}
	for first := true; len(problems) < maxProblems; first = false {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			if first {
				problem(1, 1, "the file is empty; its first line names the columns, such as name,groups,aliases")
			}
			break
		}
		if p, ok := errors.AsType[*csv.ParseError](err); ok {
			switch {
			case errors.Is(err, csv.ErrFieldCount):
				problem(p.Line, 1, "has %d cells and the first line %d; quote a cell that has the separator in it", len(record), len(s.Columns))
				continue
			default:
				problem(p.Line, p.Column, "%s; double a quote that belongs to the text, and quote the whole cell", p.Err)
			}
			break
		}
		if err != nil {
			return s, fmt.Errorf("reading %s: %w", name, err)
		}
		if first {
			for i, written := range record {
				line, at := r.FieldPos(i)
				column := strings.ToLower(strings.TrimSpace(written))
				switch {
				case slices.Contains(s.Columns, column):
					problem(line, at, "there are two columns %q", clip(column))
				case strings.HasPrefix(column, attributePrefix):
					if !attributeForm.MatchString(strings.TrimPrefix(column, attributePrefix)) {
						problem(line, at, "%q is no attribute: after %s come 1 to 64 lower-case letters, digits or _", clip(column), attributePrefix)
					}
				case !slices.Contains(sheetColumns, column) && !slices.Contains(Attributes, column):
					problem(line, at, "there is no column %q; there are %s, %s, and %sNAME for any other attribute", clip(written), strings.Join(sheetColumns, ", "), strings.Join(Attributes, ", "), attributePrefix)
				}
				s.Columns = append(s.Columns, column)
			}
			if !slices.Contains(s.Columns, "name") {
				problem(1, 1, "no column is called name, so nobody knows whom the lines are about")
			}
			if len(problems) > 0 {
				break
			}
			continue
		}
		row := SheetRow{sheet: name}
		for i, value := range record {
			line, at := r.FieldPos(i)
			if i == 0 {
				row.line = line
			}
			row.cells = append(row.cells, cell{s.Columns[i], strings.TrimSpace(value), line, at})
		}
		var trial strongroom.Principal
		trial.Kind = strongroom.Person
		if err := row.Apply(&trial); err != nil {
			problems = append(problems, err)
			continue
		}
		if before, twice := names[row.Principal()]; twice {
			problem(row.line, 1, "%q is on line %d already", row.Principal(), before)
		}
		names[row.Principal()] = row.line
		if s.Rows = append(s.Rows, row); len(s.Rows) > MaxSheetRows {
			problem(row.line, 1, "more than %d people; split the file, and give no --deactivate-missing", MaxSheetRows)
			break
		}
	}
	if len(problems) == maxProblems {
		problems = append(problems, fmt.Errorf("%s: and perhaps more", name))
	}
	return s, errors.Join(problems...)
}

// Principal is the name that the line is about.
func (r SheetRow) Principal() string {
	c, _ := r.cell("name")
	return c.value
}

func (r SheetRow) cell(column string) (cell, bool) {
	i := slices.IndexFunc(r.cells, func(c cell) bool { return c.column == column })
	if i < 0 {
		return cell{}, false
	}
	return r.cells[i], true
}

// At makes an error about a column of the line, or about the line where it has no such
// column.
func (r SheetRow) At(column, format string, args ...any) error {
	c, ok := r.cell(column)
	if !ok {
		c.line, c.at = r.line, 1
	}
	return fmt.Errorf("%s:%d:%d: %s", r.sheet, c.line, c.at, fmt.Sprintf(format, args...))
}

// Apply makes a principal what the line says, and validates it.
func (r SheetRow) Apply(p *strongroom.Principal) error {
	attributes := map[string][]string{}
	for name, values := range p.Attributes {
		attributes[name] = values
	}
	p.Attributes = attributes
	for _, c := range r.cells {
		switch c.column {
		case "name":
			p.Name = c.value
		case "kind":
			p.Kind = strongroom.PrincipalKind(strings.ToLower(c.value))
			if c.value == "" {
				p.Kind = strongroom.Person
			}
		case "groups":
			p.Groups = several(c.value)
		case "aliases":
			p.Aliases = several(c.value)
		case "active":
			switch strings.ToLower(c.value) {
			case "yes", "true", "1", "oui", "vrai":
				p.Suspended = false
			case "no", "false", "0", "non", "faux":
				p.Suspended = true
			default:
				return r.At(c.column, "%q does not say whether the person is active; write yes or no", clip(c.value))
			}
		case "leaves":
			end, err := ParseLeaving(c.value)
			if err != nil {
				return r.At(c.column, "%s", err)
			}
			p.Expires = end
		default:
			name := strings.TrimPrefix(c.column, attributePrefix)
			if values := several(c.value); len(values) > 0 {
				p.Attributes[name] = values
			} else {
				delete(p.Attributes, name)
			}
			if err := checkKnown(name, p.Attributes[name]); err != nil {
				return r.At(c.column, "%s", err)
			}
		}
		if err := checkCell(c, p); err != nil {
			return r.At(c.column, "%s", err)
		}
	}
	if err := Check(p); err != nil {
		return r.At("", "%s", err)
	}
	return nil
}

// checkCell validates what one cell says by itself, so that the error names its column.
func checkCell(c cell, p *strongroom.Principal) error {
	trial := strongroom.Principal{Name: "x", Kind: strongroom.Person}
	switch c.column {
	case "name":
		trial.Name = p.Name
	case "kind":
		trial.Kind = p.Kind
	case "groups":
		trial.Groups = p.Groups
	case "aliases":
		trial.Aliases = p.Aliases
	case "leaves", "active":
		return nil
	default:
		name := strings.TrimPrefix(c.column, attributePrefix)
		trial.Attributes = map[string][]string{name: p.Attributes[name]}
	}
	return Check(&trial)
}

// checkKnown validates an attribute that has a meaning here.
func checkKnown(name string, values []string) error {
	switch name {
	case AttributeManager, AttributeVendor, AttributeEmployeeNumber:
		if len(values) > 1 {
			return fmt.Errorf("one %s, not %d", name, len(values))
		}
	}
	return nil
}

// several takes a cell apart at | .
func several(value string) []string {
	var out []string
	for v := range strings.SplitSeq(value, "|") {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}

// ParseLeaving reads a leaving date: the last day (2026-12-31), to whose end in UTC
// somebody may come, or an instant (2026-12-31T18:00:00+01:00); "" is never.
func ParseLeaving(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no leaving date; write the last day as 2026-12-31, or an instant as 2026-12-31T18:00:00+01:00", clip(text))
	}
	return at.UTC(), nil
}

// Leaving is a leaving date as people write it; "" for none.
func Leaving(expires time.Time) string {
	expires = expires.UTC()
	switch {
	case expires.IsZero():
		return ""
	case expires.Equal(expires.Truncate(24 * time.Hour)):
		return expires.AddDate(0, 0, -1).Format(time.DateOnly)
	}
	return expires.Format(time.RFC3339)
}

// Differences says in words what changes from one principal to another, sorted as people
// read them.
func Differences(old, p strongroom.Principal) []string {
	var out []string
	add := func(what, before, after string) {
		if before != after {
			out = append(out, fmt.Sprintf("%s: %s → %s", what, shown(before), shown(after)))
		}
	}
	add("kind", string(old.Kind), string(p.Kind))
	add("groups", strings.Join(old.Groups, " "), strings.Join(p.Groups, " "))
	add("aliases", strings.Join(old.Aliases, " "), strings.Join(p.Aliases, " "))
	var names []string
	for _, attributes := range []map[string][]string{old.Attributes, p.Attributes} {
		for name := range attributes {
			names = append(names, name)
		}
	}
	for _, name := range sortedSet(names) {
		add(name, strings.Join(old.Attributes[name], " "), strings.Join(p.Attributes[name], " "))
	}
	add("leaves", Leaving(old.Expires), Leaving(p.Expires))
	add("active", yes(!old.Suspended), yes(!p.Suspended))
	return out
}

func shown(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

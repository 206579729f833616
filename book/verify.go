package book

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"sort"
	"strings"

	"strongroom/ledger"
)

// StateReport is what comparing the rows with the ledger found.
type StateReport struct {
	Rows    int         `json:"rows"` // rows compared
	Altered []RowKey    `json:"altered,omitempty"`
	Missing []RowKey    `json:"missing,omitempty"` // on record, but not in the database
	Extra   []RowKey    `json:"extra,omitempty"`   // in the database, but not on record
	Unread  []RowUnread `json:"unread,omitempty"`  // present but not to be opened
}

// RowUnread is a row whose body does not open.
type RowUnread struct{ Problem string }

// Sound reports whether every row is as the ledger says.
func (r StateReport) Sound() bool {
	return len(r.Altered)+len(r.Missing)+len(r.Extra)+len(r.Unread) == 0
}

// State rebuilds from records, added in order, which rows there should be.
type State struct {
	rows     map[RowKey]string   // digest
	families map[RowKey][]string // ids of the rows that may be dropped under a parent
}

// NewState returns the state of an empty ledger.
func NewState() *State { return &State{rows: map[RowKey]string{}, families: map[RowKey][]string{}} }

// Add takes a record's marks into the state.
func (s *State) Add(r ledger.Record) error {
	var m Marks
	if err := json.Unmarshal(r.Evidence, &m); err != nil {
		return fmt.Errorf("record %d: reading its marks: %w", r.Index, err)
	}
	for _, mark := range m.Rows {
		key := RowKey{mark.Kind, mark.ID}
		switch {
		case mark.Under != "":
			family := RowKey{mark.Kind, mark.Under}
			for _, id := range s.families[family] {
				delete(s.rows, RowKey{mark.Kind, id})
			}
			delete(s.families, family)
		case mark.Digest == "":
			delete(s.rows, key)
		default:
			s.rows[key] = mark.Digest
			// A member of a family has an id that begins with its parent's and a dot.
			if parent, _, member := strings.Cut(mark.ID, "."); member {
				family := RowKey{mark.Kind, parent}
				s.families[family] = append(s.families[family], mark.ID)
			}
		}
	}
	return nil
}

// Compare compares the rows of a book with the state.
func (s *State) Compare(ctx context.Context, rows iter.Seq2[Row, error]) (StateReport, error) {
	var report StateReport
	seen := make(map[RowKey]bool, len(s.rows))
	for row, err := range rows {
		if ctx.Err() != nil {
			return report, ctx.Err()
		}
		if err != nil {
			report.Unread = append(report.Unread, RowUnread{err.Error()})
			continue
		}
		key := RowKey{row.Kind, row.ID}
		seen[key] = true
		report.Rows++
		if want, ok := s.rows[key]; !ok {
			report.Extra = append(report.Extra, key)
		} else if want != row.Digest() {
			report.Altered = append(report.Altered, key)
		}
	}
	for key := range s.rows {
		if !seen[key] {
			report.Missing = append(report.Missing, key)
		}
	}
	sort.Slice(report.Missing, func(i, j int) bool {
		a, b := report.Missing[i], report.Missing[j]
		return a.Kind < b.Kind || a.Kind == b.Kind && a.ID < b.ID
	})
	return report, nil
}

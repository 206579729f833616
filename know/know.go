// Package know takes the inventory of all data stored and generated: what the room
// itself holds, what lies in folders and buckets outside, which systems and suppliers
// send what where, and who owns each. What is unknown stands first everywhere, and what
// was not looked at is said.
package know

import (
	"cmp"
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"strongroom"
)

// Classifier labels content by its name and how it begins. head ends where no more is to
// be read.
type Classifier interface {
	Classify(ctx context.Context, name string, head io.Reader) (strongroom.Label, error)
}

// Unknown stands where nobody said and nothing shows.
const Unknown = "unknown"

// Labels of a group. What bears no class is confidential only because nothing shows that
// it is not: its label is Unknown.
const (
	Confidential    = "confidential"
	NonConfidential = "non-confidential"
)

// Group is what an inventory counts together.
type Group struct {
	Place   string `json:"place"`             // a bucket of the room, or a source outside
	Outside bool   `json:"outside,omitempty"` // it is a source
	Kind    string `json:"kind"`              // as declared by who stored it; outside, the type that its name tells
	Label   string `json:"label"`
	Class   string `json:"class"` // data classes in order, joined by +
	Age     string `json:"age,omitempty"`
	Owner   string `json:"owner"` // "" for none
}

// unknowns says how much of a group is not known; it orders groups.
func (g Group) unknowns() (n int) {
	for _, s := range []string{g.Owner, g.Label, g.Class, g.Kind} {
		if s == "" || s == Unknown {
			n++
		}
	}
	return n
}

// compare orders what is least known first.
func (g Group) compare(h Group) int {
	return cmp.Or(cmp.Compare(h.unknowns(), g.unknowns()), cmp.Compare(g.Place, h.Place), cmp.Compare(g.Kind, h.Kind),
		cmp.Compare(g.Label, h.Label), cmp.Compare(g.Class, h.Class), cmp.Compare(g.Owner, h.Owner), cmp.Compare(ageRank(g.Age), ageRank(h.Age)))
}

// Sum counts a group: of a bucket object versions, of a source files or keys.
type Sum struct {
	Count    int64     `json:"count"`
	Bytes    int64     `json:"bytes"`
	Oldest   time.Time `json:"oldest,omitzero"`
	Newest   time.Time `json:"newest,omitzero"`
	New      int64     `json:"new"` // of them, how many are from after the time asked about
	NewBytes int64     `json:"new_bytes"`
}

// add counts one thing more.
func (s *Sum) add(bytes int64, from, since time.Time) {
	s.merge(Sum{Count: 1, Bytes: bytes, Oldest: from, Newest: from})
	if !since.IsZero() && from.After(since) {
		s.New++
		s.NewBytes += bytes
	}
}

func (s *Sum) merge(o Sum) {
	if s.Count == 0 || o.Count > 0 && o.Oldest.Before(s.Oldest) {
		s.Oldest = o.Oldest
	}
	if o.Newest.After(s.Newest) {
		s.Newest = o.Newest
	}
	s.Count, s.Bytes, s.New, s.NewBytes = s.Count+o.Count, s.Bytes+o.Bytes, s.New+o.New, s.NewBytes+o.NewBytes
}

// Row is a group with its sum.
type Row struct {
	Group
	Sum
}

// maxGroups bounds what is counted apart; whoever stores chooses kinds freely.
const maxGroups = 20_000

// Tally counts by group, so many groups apart and the rest of each place together.
type Tally map[Group]*Sum

func (t Tally) of(g Group) *Sum {
	s := t[g]
	if s == nil {
		if len(t) >= maxGroups {
			g = Group{Place: g.Place, Outside: g.Outside, Kind: Unknown, Label: Unknown, Class: Unknown, Owner: g.Owner}
			if s = t[g]; s != nil {
				return s
			}
		}
		s = &Sum{}
		t[g] = s
	}
	return s
}

// Rows are the groups, the least known first.
func (t Tally) Rows() []Row {
	out := make([]Row, 0, len(t))
	for _, g := range slices.SortedFunc(maps.Keys(t), Group.compare) {
		out = append(out, Row{g, *t[g]})
	}
	return out
}

// Fold counts rows again by fewer dimensions: place, kind, label, class, age, owner. What
// is left out stands empty in every row; an unknown dimension is ignored.
func Fold(rows []Row, by []string) []Row {
	t := Tally{}
	for _, r := range rows {
		var g Group
		for _, d := range by {
			switch d {
			case "place":
				g.Place, g.Outside = r.Place, r.Outside
			case "kind":
				g.Kind = r.Kind
			case "label":
				g.Label = r.Label
			case "class":
				g.Class = r.Class
			case "age":
				g.Age = r.Age
			case "owner":
				g.Owner = r.Owner
			}
		}
		t.of(g).merge(r.Sum)
	}
	out := make([]Row, 0, len(t))
	for g, s := range t {
		out = append(out, Row{g, *s})
	}
	slices.SortFunc(out, func(a, b Row) int {
		return cmp.Or(cmp.Compare(unknownAmong(b.Group, by), unknownAmong(a.Group, by)), a.compare(b.Group))
	})
	return out
}

func unknownAmong(g Group, by []string) (n int) {
	for _, d := range by {
		v := map[string]string{"kind": g.Kind, "label": g.Label, "class": g.Class, "owner": g.Owner}
		if s, counted := v[d]; counted && (s == "" || s == Unknown) {
			n++
		}
	}
	return n
}

// Total is the sum of rows.
func Total(rows []Row) (s Sum) {
	for _, r := range rows {
		s.merge(r.Sum)
	}
	return s
}

// ages are the bands, the youngest first, each ending before its days.
var ages = []struct {
	name string
	days int
}{{"under a day", 1}, {"under a week", 7}, {"under 30 days", 30}, {"under 90 days", 90}, {"under a year", 365}, {"under 3 years", 3 * 365}, {"under 7 years", 7 * 365}}

const (
	oldestAge = "7 years and more"
	futureAge = "from the future"
)

// Age is the band of what is from a time.
func Age(from, now time.Time) string {
	old := now.Sub(from)
	if old < -time.Hour { // clocks differ a little
		return futureAge
	}
	for _, a := range ages {
		if old < time.Duration(a.days)*24*time.Hour {
			return a.name
		}
	}
	return oldestAge
}

func ageRank(name string) int {
	for i, a := range ages {
		if a.name == name {
			return i + 1
		}
	}
	return map[string]int{"": 0, oldestAge: len(ages) + 1, futureAge: -1}[name]
}

// labelOf is a label as groups bear it.
func labelOf(l strongroom.Label) (label, class string) {
	class = strings.Join(slices.Compact(slices.Sorted(slices.Values(l.Classes))), "+")
	switch {
	case class == "" && l.Confidential:
		return Unknown, Unknown
	case class == "":
		return NonConfidential, "none"
	case l.Confidential:
		return Confidential, class
	}
	return NonConfidential, class
}

func orUnknown(s string) string {
	if s == "" {
		return Unknown
	}
	return s
}

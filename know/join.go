package know

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"strongroom"
	"strongroom/vault"
)

// Directions of a Stream.
const (
	Into  = "into"   // stored in the bucket
	OutOf = "out of" // read from it
)

// Stream is what the ledger shows of one principal and one bucket, in one direction.
// Persons who read are no stream: who accessed what is monitoring's matter.
type Stream struct {
	Direction string        `json:"direction"`
	BucketID  strongroom.ID `json:"bucket_id"`
	Bucket    string        `json:"bucket"`
	Principal string        `json:"principal"` // "" where an erasure took the name
	Kind      string        `json:"principal_kind"`
	Vendor    string        `json:"vendor,omitempty"`
	Kinds     []string      `json:"kinds,omitempty"`   // of what went
	Sources   []string      `json:"sources,omitempty"` // where intake took it from
	Count     int64         `json:"count"`
	Bytes     int64         `json:"bytes"` // stored, or the sizes of what was opened
	First     time.Time     `json:"first"`
	Last      time.Time     `json:"last"`
}

// maxKinds bounds the kinds and sources that a stream names.
const maxKinds = 32

// Key names a stream.
func (s *Stream) Key() string {
	return s.Direction + "\x00" + s.BucketID.String() + s.Bucket + "\x00" + s.Principal
}

// Merge adds what came later, or earlier.
func (s *Stream) Merge(o Stream) {
	if s.First.IsZero() || o.First.Before(s.First) {
		s.First = o.First
	}
	if o.Last.After(s.Last) {
		s.Last = o.Last
	}
	s.Count, s.Bytes = s.Count+o.Count, s.Bytes+o.Bytes
	s.Vendor = cmp.Or(o.Vendor, s.Vendor)
	s.Kinds, s.Sources = union(s.Kinds, o.Kinds), union(s.Sources, o.Sources)
}

func union(a, b []string) []string {
	out := slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
	return out[:min(len(out), maxKinds)]
}

// StreamsOf are the streams that events show, each once.
func StreamsOf(events []strongroom.Event) []Stream {
	seen := map[string]*Stream{}
	for i := range events {
		e := &events[i]
		s := Stream{BucketID: e.Bucket, Count: 1, Bytes: e.Bytes, First: e.Time, Last: e.Time}
		switch {
		case e.Outcome != strongroom.Permitted:
			continue
		case e.Kind == vault.KindStore:
			s.Direction = Into
		case e.Kind == "release":
			s.Direction, s.BucketID = OutOf, strongroom.ID{}
		default:
			continue
		}
		if p := e.Principal(); p != nil {
			s.Principal, s.Kind = p.Name, string(p.Kind)
			if vendor := p.Attributes["vendor"]; len(vendor) == 1 {
				s.Vendor = vendor[0]
			}
			s.Bucket = e.Question.Resource.Bucket
			s.Kinds = []string{orUnknown(e.Question.Resource.Attributes["kind"])}
			if s.Direction == OutOf {
				s.Bytes = e.Question.Resource.Size
			}
		}
		if s.Direction == OutOf && (s.Kind == "" || s.Kind == string(strongroom.Person)) {
			continue
		}
		if have := seen[s.Key()]; have != nil {
			have.Merge(s)
		} else {
			seen[s.Key()] = &s
		}
	}
	out := make([]Stream, 0, len(seen))
	for _, k := range slices.Sorted(maps.Keys(seen)) {
		out = append(out, *seen[k])
	}
	return out
}

// States of a flow, in the order in which they are shown.
const (
	SeenOnly   = "seen, not declared"
	NotSeen    = "declared, not seen"
	Quiet      = "declared, quiet"
	Unseeable  = "declared, cannot be seen from here"
	SeenAsSaid = "declared and seen"
)

var flowStates = []string{SeenOnly, NotSeen, Quiet, Unseeable, SeenAsSaid}

// Joined is a flow with what was seen of it, or what was seen without a flow.
type Joined struct {
	State string `json:"state"`
	Flow
	Streams []Stream  `json:"streams,omitempty"`
	Count   int64     `json:"count"`
	Bytes   int64     `json:"bytes"`
	First   time.Time `json:"first,omitzero"`
	Last    time.Time `json:"last,omitzero"`
	// Since when it is not seen, or quiet.
	Missing time.Time `json:"missing_since,omitzero"`
	// Beyond are kinds that it carries and does not declare.
	Beyond []string `json:"beyond,omitempty"`
}

// Scanned is what is known of a source when flows are joined.
type Scanned struct {
	Source
	Entries int64
	Newest  time.Time
	Scanned bool
}

// Join sets flows that were declared beside what was seen: streams of the ledger and
// sources that were scanned. imported is when the file was taken in.
func Join(flows []Flow, imported time.Time, streams []Stream, sources []Scanned, now time.Time) []Joined {
	var out []Joined
	taken := map[string]bool{}
	named := map[string]bool{}
	for _, f := range flows {
		j := Joined{Flow: f, State: NotSeen}
		for _, s := range streams {
			if carries(f, s, sources) {
				taken[s.Key()] = true
				j.see(s.Count, s.Bytes, s.First, s.Last)
				j.Streams = append(j.Streams, s)
				if len(f.What) > 0 {
					for _, k := range s.Kinds {
						if k != Unknown && !slices.Contains(f.What, k) {
							j.Beyond = union(j.Beyond, []string{k})
						}
					}
				}
			}
		}
		ends := 0
		for _, name := range []string{f.From.Source, f.To.Source} {
			named[name] = true
			for _, s := range sources {
				if s.Name == name && name != "" && s.Scanned {
					ends++
					if s.Entries > 0 && f.From.Bucket == "" && f.To.Bucket == "" {
						j.see(s.Entries, 0, time.Time{}, s.Newest)
					}
				}
			}
		}
		if f.From.Bucket == "" && f.To.Bucket == "" && ends == 0 {
			j.State = Unseeable
		}
		switch {
		case j.Count > 0 && f.Every > 0 && now.Sub(j.Last) > f.Every:
			j.State, j.Missing = Quiet, j.Last.Add(f.Every)
		case j.Count > 0:
			j.State = SeenAsSaid
		case j.State == NotSeen:
			if j.Missing = f.Since; j.Missing.IsZero() {
				j.Missing = imported
			}
		}
		out = append(out, j)
	}
	for _, s := range streams {
		if taken[s.Key()] {
			continue
		}
		who := cmp.Or(s.Principal, "somebody whose name was erased")
		here, there := End{Bucket: cmp.Or(s.Bucket, s.BucketID.String())}, End{System: fmt.Sprintf("%s %s", cmp.Or(s.Kind, "principal"), who), Supplier: s.Vendor}
		f := Flow{From: there, To: here, Principal: s.Principal, What: s.Kinds}
		if s.Direction == OutOf {
			f.From, f.To = here, there
		}
		j := Joined{State: SeenOnly, Flow: f, Streams: []Stream{s}}
		j.see(s.Count, s.Bytes, s.First, s.Last)
		out = append(out, j)
	}
	for _, s := range sources {
		if s.Scanned && s.Entries > 0 && !named[s.Name] {
			j := Joined{State: SeenOnly, Flow: Flow{From: End{System: Unknown}, To: End{Source: s.Name}, Owner: s.Owner}}
			j.see(s.Entries, 0, time.Time{}, s.Newest)
			out = append(out, j)
		}
	}
	slices.SortStableFunc(out, func(a, b Joined) int {
		return cmp.Or(cmp.Compare(slices.Index(flowStates, a.State), slices.Index(flowStates, b.State)),
			cmp.Compare(min(1, len(b.Beyond)), min(1, len(a.Beyond))), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func (j *Joined) see(count, bytes int64, first, last time.Time) {
	j.Count, j.Bytes = j.Count+count, j.Bytes+bytes
	if !first.IsZero() && (j.First.IsZero() || first.Before(j.First)) {
		j.First = first
	}
	if last.After(j.Last) {
		j.Last = last
	}
}

// carries reports whether what was seen is this flow.
func carries(f Flow, s Stream, sources []Scanned) bool {
	here, there := f.To, f.From
	if s.Direction == OutOf {
		here, there = f.From, f.To
	}
	if here.Bucket == "" || here.Bucket != s.Bucket {
		return false
	}
	switch {
	case f.Principal != "":
		return f.Principal == s.Principal
	case there.Supplier != "":
		return strings.EqualFold(there.Supplier, s.Vendor)
	case there.Source != "":
		for _, source := range sources {
			if source.Name == there.Source {
				return slices.ContainsFunc(s.Sources, func(from string) bool { return from == place(source.Location) })
			}
		}
	}
	return false
}

// place is a location as intake names it: without prefix or parameters.
func place(location string) string {
	location, _, _ = strings.Cut(location, "?")
	if rest, ok := strings.CutPrefix(location, "s3://"); ok {
		bucket, _, _ := strings.Cut(rest, "/")
		return "s3://" + bucket
	}
	return strings.TrimSuffix(location, "/")
}

// Dot draws flows as a graph in Graphviz' language: what is not declared is dashed, what is
// not seen dotted.
func Dot(all []Joined) string {
	var b strings.Builder
	b.WriteString("digraph flows {\n  rankdir=LR;\n  node [shape=box];\n")
	for _, j := range all {
		style := map[string]string{SeenOnly: "dashed", NotSeen: "dotted", Quiet: "dotted", Unseeable: "dotted"}[j.State]
		fmt.Fprintf(&b, "  %s -> %s [label=%s, style=%s];\n", dotText(j.From.String()), dotText(j.To.String()), dotText(cmp.Or(j.Name, j.State)), dotText(cmp.Or(style, "solid")))
	}
	b.WriteString("}\n")
	return b.String()
}

func dotText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", " ").Replace(s) + `"`
}

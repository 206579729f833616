package intake

import (
	"maps"
	"slices"
)

// Sample is a key to try a mapping on, with the content where it is known.
type Sample struct {
	Key     string
	Content []byte
}

// Explained is what a mapping makes of a key.
type Explained struct {
	Key         string            `json:"key"`
	As          string            `json:"as"` // recording, metadata, leave, or unknown
	Rule        string            `json:"rule,omitempty"`
	Captures    map[string]string `json:"captures,omitempty"`
	Bucket      string            `json:"bucket,omitempty"`
	Destination string            `json:"destination,omitempty"`
	JoinedWith  []string          `json:"joined_with,omitempty"`
	Attributes  map[string]string `json:"attributes,omitempty"`
	Unjoined    bool              `json:"unjoined,omitempty"` // it would wait, and then be taken without metadata
	Problems    []string          `json:"problems,omitempty"`
}

// Explain shows what would become of samples, touching nothing. User metadata and tags
// are not known here, so attributes that come from them are missing.
func (m *Mapping) Explain(into string, samples []Sample) []Explained {
	files := make([]file, len(samples))
	known := make([]bool, len(samples))
	for i, s := range samples {
		files[i], known[i] = m.recognise(s.Key)
	}
	var out []Explained
	for i, s := range samples {
		e := Explained{Key: s.Key, As: "unknown"}
		if !known[i] {
			out = append(out, e)
			continue
		}
		f := files[i]
		e.As, e.Rule = f.rule.As, f.rule.Key
		e.Captures = maps.Clone(f.captures)
		delete(e.Captures, "key")
		if f.rule.As == AsLeave {
			out = append(out, e)
			continue
		}
		e.Bucket, e.Destination = m.destination(f, into)
		var documents []any
		for k, other := range samples {
			if !known[k] || files[k].rule.As != AsMetadata || k != i && (f.join == "" || files[k].join != f.join) {
				continue
			}
			if k != i {
				e.JoinedWith = append(e.JoinedWith, other.Key)
			}
			if other.Content == nil {
				continue
			}
			if int64(len(other.Content)) > m.Limits.MetadataBytes {
				e.Problems = append(e.Problems, other.Key+": it is larger than the mapping allows")
			} else if document, err := m.parseMetadata(other.Content); err != nil {
				e.Problems = append(e.Problems, other.Key+": "+err.Error())
			} else {
				documents = append(documents, document)
			}
		}
		e.Unjoined = f.rule.As == AsRecording && m.Metadata == "expected" && len(e.JoinedWith) == 0
		var problems []string
		e.Attributes, problems = m.attributes(f.rule, facts{captures: f.captures, metadata: documents})
		e.Problems = append(e.Problems, problems...)
		slices.Sort(e.JoinedWith)
		out = append(out, e)
	}
	return out
}

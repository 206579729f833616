package intake

import (
	"sync"
	"sync/atomic"
	"time"
)

// Kinds of finding.
const (
	FindingOld      = "old"       // longer in the landing place than it may be
	FindingUnknown  = "unknown"   // no rule knows it; never touched
	FindingAlone    = "alone"     // metadata without a recording
	FindingUnjoined = "unjoined"  // a recording that was taken without metadata
	FindingMetadata = "metadata"  // metadata, or an attribute, that cannot be used
	FindingChanged  = "changed"   // it changed while it was being taken
	FindingDeleted  = "deleted"   // somebody deleted it before it was taken
	FindingAltered  = "altered"   // its bytes are not what the source says; not taken
	FindingMismatch = "mismatch"  // read back it was something else; not deleted
	FindingRefused  = "refused"   // policy says no
	FindingTooLarge = "too-large" // more than one object may hold
	FindingName     = "name"      // its key cannot be an object's
	FindingFailed   = "failed"    // anything else; not deleted
)

// Finding is something that somebody should look at.
type Finding struct {
	Kind   string    `json:"kind"`
	Key    string    `json:"key"`
	Detail string    `json:"detail"`
	Since  time.Time `json:"since,omitzero"`
}

// maxFindings bounds how many are told one by one; all are counted.
const maxFindings = 1000

// Report is what became of a source. Left and Oldest are of the newest listing, less
// what was taken since.
type Report struct {
	Source   string         `json:"source"`
	Mapping  string         `json:"mapping"`
	Started  time.Time      `json:"started"`
	Seconds  float64        `json:"seconds"`
	Passes   int            `json:"passes"`
	Hints    int            `json:"hints,omitempty"`
	Files    int            `json:"files"`            // recordings stored and read back
	Metadata int            `json:"metadata"`         // metadata files stored and read back
	Bytes    int64          `json:"bytes"`            // of both
	Resumed  int            `json:"resumed"`          // of both, found stored already
	Deleted  int            `json:"deleted_versions"` // at the source, delete markers included
	Waiting  int            `json:"waiting"`          // for metadata, or to be left alone by whoever writes them
	Left     int            `json:"left"`             // files known to the mapping that stayed
	Oldest   float64        `json:"oldest_seconds"`   // age of the oldest file listed
	Counts   map[string]int `json:"finding_counts"`
	Findings []Finding      `json:"findings"`
}

// tally is a report in the making.
type tally struct {
	Report
	mu   sync.Mutex
	seen map[[2]string]bool
}

func (i *Intake) begin() *tally {
	return &tally{seen: map[[2]string]bool{}, Report: Report{
		Source: i.Source.Name() + prefixed(i.Source.Prefix()), Mapping: i.Mapping.Name, Started: i.Clock().UTC(),
		Counts: map[string]int{}, Findings: []Finding{},
	}}
}

func prefixed(prefix string) string {
	if prefix == "" {
		return ""
	}
	return "/" + prefix
}

// end closes a report and logs its findings, so that they outlive the command.
func (i *Intake) end(r *tally) Report {
	r.Seconds = i.Clock().Sub(r.Started).Seconds()
	for _, f := range r.Findings {
		i.Log.Warn("finding", "kind", f.Kind, "source", r.Source, "key", f.Key, "detail", f.Detail)
	}
	return r.Report
}

// find notes a finding, once for each kind and key.
func (r *tally) find(kind, key, detail string, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := [2]string{kind, key}
	if r.seen[id] {
		return
	}
	if len(r.seen) < 100*maxFindings {
		r.seen[id] = true
	}
	r.Counts[kind]++
	if len(r.Findings) < maxFindings {
		if !since.IsZero() {
			since = since.UTC()
		}
		r.Findings = append(r.Findings, Finding{kind, key, detail, since})
	}
}

func (r *tally) left(age time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Left++
	r.Oldest = max(r.Oldest, age.Seconds())
}

func (r *tally) wait() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Waiting++
}

func (r *tally) stored(h held, v Version, resumed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h.rule.As == AsMetadata {
		r.Metadata++
	} else {
		r.Files++
	}
	r.Bytes += v.Size
	if resumed {
		r.Resumed++
	}
}

func (r *tally) gone(h held) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range h.Versions {
		if !v.Stays {
			r.Deleted++
		}
	}
	r.Left = max(0, r.Left-1)
}

// Progress is how far an intake is, for whoever watches it.
type Progress struct {
	Files, Bytes       int64         // gone from the source since it began
	FilesLeft, AllLeft int64         // of the newest listing, in files and bytes
	Oldest             time.Duration // age of the oldest file when it was listed
}

type counts struct{ files, bytes, filesListed, bytesListed, oldest atomic.Int64 }

func (c *counts) listed(files, bytes int64, anew bool) {
	if anew {
		c.filesListed.Store(0)
		c.bytesListed.Store(0)
	}
	c.filesListed.Add(files)
	c.bytesListed.Add(bytes)
}

func (c *counts) done(bytes int64) {
	c.files.Add(1)
	c.bytes.Add(bytes)
	c.filesListed.Add(-1)
	c.bytesListed.Add(-bytes)
}

// Progress may be asked at any time.
func (i *Intake) Progress() Progress {
	return Progress{
		i.counts.files.Load(), i.counts.bytes.Load(), max(0, i.counts.filesListed.Load()), max(0, i.counts.bytesListed.Load()),
		time.Duration(i.counts.oldest.Load()),
	}
}

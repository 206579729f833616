package know

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"time"

	"strongroom"
)

// Source is a place outside that is scanned where it lies.
type Source struct {
	ID       strongroom.ID `json:"id"`
	Name     string        `json:"name"`
	Location string        `json:"location"`        // s3://… or file:///…, never with a secret
	Owner    string        `json:"owner,omitempty"` // a principal's name
	// Interval is how often it is to be scanned; 0 means that nobody said.
	Interval time.Duration `json:"interval,omitempty"`
	Declared time.Time     `json:"declared"`
}

// Bounds of what is declared.
const (
	MaxName     = 128  // bytes of a source's, system's or flow's name
	MaxLocation = 2048 // bytes
	MaxSources  = 1000
)

// CheckSource refuses a source that cannot be kept.
func CheckSource(s Source) error {
	if err := checkName("a source's name", s.Name); err != nil {
		return err
	}
	switch {
	case s.Location == "" || len(s.Location) > MaxLocation:
		return invalid(fmt.Sprintf("the source %q has no location, or one of more than %d bytes", s.Name, MaxLocation), "for example file:///srv/share, or s3://bucket/prefix")
	case s.Interval < 0 || s.Interval > 0 && s.Interval < time.Minute:
		return invalid(fmt.Sprintf("the source %q has an interval of %s", s.Name, s.Interval), "give one of a minute or more, such as 24h")
	}
	return nil
}

func checkName(what, name string) error {
	if name == "" || len(name) > MaxName {
		return invalid(fmt.Sprintf("%s has 1 to %d bytes, this has %d", what, MaxName, len(name)), "")
	}
	for _, r := range name {
		if r < 0x20 || r == 0x7f || r == 0xfffd {
			return invalid(what+" has no control characters and is UTF-8", "")
		}
	}
	return nil
}

func invalid(message, hint string) error {
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: message, Hint: hint}
}

// Entry is one file or key of a source, or what keeps something from being looked at.
type Entry struct {
	Name     string // with /, as seen from the source
	Size     int64
	Modified time.Time
	Trouble  Trouble // "" for a file or key
	Detail   string  // of a trouble
}

// Trouble is why something was not counted, or not read.
type Trouble string

const (
	TroublePermission Trouble = "permission"   // it may not be read with the rights at hand
	TroubleLink       Trouble = "link"         // symbolic links are not followed
	TroubleSpecial    Trouble = "special"      // a device, socket or pipe
	TroubleDevice     Trouble = "other-device" // another file system is mounted there
	TroubleDeep       Trouble = "too-deep"     // more folders within one another than are followed
	TroubleError      Trouble = "error"        // any other error
	TroubleArchived   Trouble = "archived"     // content that must be restored before it is read
	TroubleGone       Trouble = "gone"         // listed, and not there any more when it was to be read
)

// Troubled is an error of Place.Open that says which trouble it is.
type Troubled struct {
	Trouble Trouble
	Cause   error
}

func (e *Troubled) Error() string { return string(e.Trouble) + ": " + e.Cause.Error() }

// Unwrap implements errors.
func (e *Troubled) Unwrap() error { return e.Cause }

// Place reaches a source.
type Place interface {
	// Walk yields what lies there in one order, always the same, of what follows the name
	// after; "" means all of it. An error ends it. Each request costs one of the pacer's.
	Walk(ctx context.Context, after string) iter.Seq2[Entry, error]
	// Open reads a file or key from its beginning. The error is a *Troubled where it is
	// about this one alone.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// Describe says what a walk does not tell: older versions, links …
	Describe() []string
	// PerRequest is how many entries one request lists.
	PerRequest() int64
	// Priced reports whether requests are paid for.
	Priced() bool
	Close() error
}

// Pacer counts requests and keeps them to a rate.
type Pacer struct {
	every time.Duration // 0 means at once
	next  time.Time
	n     int64
}

// NewPacer allows so many requests a second; 0 means any number.
func NewPacer(rate float64) *Pacer {
	p := &Pacer{}
	if rate > 0 {
		p.every = time.Duration(float64(time.Second) / rate)
	}
	return p
}

// Wait waits until one request more may be made. It is for one goroutine.
func (p *Pacer) Wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.n++
	if p.every == 0 {
		return nil
	}
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	wait := p.next.Sub(now)
	p.next = p.next.Add(p.every)
	// Sleeping is coarse: waits shorter than a tick are gathered.
	if wait < 2*time.Millisecond {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait):
		return nil
	}
}

// Requests is how many were made.
func (p *Pacer) Requests() int64 { return p.n }

// ErrTakenOver says that another process goes on with the scan.
var ErrTakenOver = errors.New("another process has taken over this scan, or began a new one")

// States of a source, in the order in which they are shown.
const (
	NeverScanned = "never scanned"
	BrokenOff    = "broke off"
	Overdue      = "overdue"
	ScannedNow   = "scanned"
)

var sourceStates = []string{NeverScanned, BrokenOff, Overdue, ScannedNow}

// SourceState is how a source stands.
type SourceState struct {
	Source
	State      string  `json:"state"`
	Last       *Scan   `json:"last_scan,omitempty"`  // the last that was finished
	Unfinished *Scan   `json:"unfinished,omitempty"` // one that goes on, or broke off
	Shares     []Share `json:"shares,omitempty"`     // of the last
}

// Rows are what the last scan counted, under the source's name and owner as they are now.
func (s *SourceState) Rows() []Row {
	if s.Last == nil {
		return nil
	}
	rows := make([]Row, len(s.Last.Rows))
	for i, r := range s.Last.Rows {
		r.Place, r.Owner = s.Name, s.Owner
		rows[i] = r
	}
	return rows
}

// SourceStates are the sources that were declared, those that are not looked at first.
func SourceStates(ctx context.Context, st Store, now time.Time) ([]SourceState, error) {
	all, err := st.Sources(ctx)
	if err != nil {
		return nil, err
	}
	scans, err := st.Scans(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]SourceState, 0, len(all))
	for _, source := range all {
		s := SourceState{Source: source, State: NeverScanned}
		for _, scan := range scans {
			switch {
			case scan.Source != source.ID:
			case scan.Phase == PhaseDone:
				s.Last, s.Shares = scan, scan.Shares(source.Name)
			default:
				s.Unfinished = scan
			}
		}
		switch {
		case s.Last == nil && s.Unfinished != nil:
			s.State = BrokenOff
		case s.Last == nil:
		case s.Interval > 0 && now.Sub(s.Last.Updated) > s.Interval:
			s.State = Overdue
		default:
			s.State = ScannedNow
		}
		out = append(out, s)
	}
	slices.SortStableFunc(out, func(a, b SourceState) int {
		return cmp.Compare(slices.Index(sourceStates, a.State), slices.Index(sourceStates, b.State))
	})
	return out, nil
}

// NotLookedAt says what is not known of sources, for whoever reads sums of them.
func NotLookedAt(states []SourceState) (out []string) {
	for _, s := range states {
		switch {
		case s.State != ScannedNow && s.Last == nil:
			out = append(out, fmt.Sprintf("source %s: %s", s.Name, s.State))
			continue
		case s.State == Overdue:
			out = append(out, fmt.Sprintf("source %s: what changed since its scan of %s, which is overdue", s.Name, s.Last.Updated.Format(time.DateTime)))
		}
		for _, t := range slices.Sorted(maps.Keys(s.Last.Troubles)) {
			out = append(out, fmt.Sprintf("source %s: %d × %s", s.Name, s.Last.Troubles[t].Count, t))
		}
		unread := s.Last.Entries - s.Last.Read
		if unread > 0 {
			out = append(out, fmt.Sprintf("source %s: the content of %d of its %d entries", s.Name, unread, s.Last.Entries))
		}
	}
	return out
}

package know

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
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

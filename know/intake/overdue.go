package intake

import (
	"context"
	"fmt"
	"time"
)

// What an intake reports to the room.
const (
	// ReportOverdue says that something lies in the landing place longer than it may.
	ReportOverdue = "landing-overdue"
	// ReportCleared says that nothing does any more.
	ReportCleared = "landing-cleared"
)

// Reporter puts on the room's record what an intake noticed: one of the words above, and a
// sentence that names no file, bucket or person.
type Reporter interface {
	Report(ctx context.Context, kind, detail string) error
}

// stretch is a time in which something was overdue at the source, as the listings show it.
type stretch struct {
	on     bool
	since  time.Time // when what was overdue first began to lie there
	most   int       // how many files, at the most
	told   bool      // that it began
	ending bool      // it is over, and that could not be told yet
}

// overdue is what one listing showed.
type overdue struct {
	n      int
	oldest time.Time
	least  bool // the listing did not show everything
}

func (o *overdue) add(since time.Time) {
	o.n++
	if o.oldest.IsZero() || since.Before(o.oldest) {
		o.oldest = since
	}
}

func (o overdue) count() string {
	switch {
	case o.least:
		return fmt.Sprintf("at least %d files have", o.n)
	case o.n == 1:
		return "1 file has"
	}
	return fmt.Sprintf("%d files have", o.n)
}

// tellOverdue reports when a stretch begins and when it is over, once each. What cannot be
// reported is tried again with the next listing.
func (i *Intake) tellOverdue(ctx context.Context, now overdue) {
	if i.Reports == nil || now.n == 0 && now.least {
		return // what was not listed may be overdue
	}
	s := &i.stretch
	if now.n > 0 {
		if !s.on || s.ending {
			*s = stretch{on: true, since: now.oldest, told: s.on && s.told}
		}
		s.most = max(s.most, now.n)
		if s.told {
			return
		}
		detail := fmt.Sprintf("%s been in the landing place for longer than %s, the oldest since %s", now.count(), i.Old, now.oldest.UTC().Format(time.RFC3339))
		s.told = i.report(ctx, ReportOverdue, detail)
		return
	}
	if !s.on {
		return
	}
	if !s.told { // whoever was not told that it began is told of both at once
		s.told = i.report(ctx, ReportOverdue, fmt.Sprintf("up to %d files had been in the landing place for longer than %s, the oldest since %s", s.most, i.Old, s.since.UTC().Format(time.RFC3339)))
	}
	s.ending = true
	if s.told && i.report(ctx, ReportCleared, fmt.Sprintf("nothing is overdue in the landing place any more; since %s there had been up to %d files", s.since.UTC().Format(time.RFC3339), s.most)) {
		*s = stretch{}
	}
}

func (i *Intake) report(ctx context.Context, kind, detail string) bool {
	err := i.Reports.Report(ctx, kind, detail)
	if err != nil && ctx.Err() == nil {
		i.Log.Warn("what is overdue could not be reported to the room; it is tried again with the next listing", "report", kind, "error", err)
	}
	return err == nil
}

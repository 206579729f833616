package vault

import (
	"context"
	"errors"
	"fmt"
	"math"

	"strongroom"
	"strongroom/book"
)

// KindContent is the record of what was done with content that was opened, beside its
// release and what was delivered.
const KindContent = "content"

// Acts of KindContent.
const (
	ContentPlayed     = "content-played"  // as the player says
	ContentTranscript = "transcript-read" // of the recording that it belongs to
	ContentDownload   = "content-download"
)

// ObjectAt names a version: "" is the current one. Where Is is not zero the name must mean
// that one still.
type ObjectAt struct {
	Bucket, Key, Version string
	Is                   strongroom.ID
}

// Download opens a version for a copy that somebody takes along: they need to be permitted
// that as well as to open it, and it is on record as such before the first byte.
func (r *Room) Download(ctx context.Context, c Caller, req GetRequest) (*Opened, error) {
	var a asked
	refused := errors.New("downloading is not permitted")
	plan := req.Plan
	req.Plan = func(o strongroom.Object) (int64, int64, error) {
		if a = r.decide(c, strongroom.ActionDownload, resourceOf(o)); !a.decision.Permit {
			return 0, 0, refused
		}
		return plan(o)
	}
	o, err := r.Open(ctx, c, req)
	if errors.Is(err, refused) {
		return nil, r.refuse(ctx, a)
	} else if err != nil {
		return nil, err
	}
	e := r.evidence(ContentDownload, a)
	e.Blob, e.Version, e.Custody, e.Lease, e.Release = o.Object.Blob, o.Object.Version, o.Object.Custody, o.Lease, &o.Release
	if err := r.note(ctx, KindContent, e, a); err != nil {
		return nil, errors.Join(unavailable("the download could not be recorded, so nothing is released", err), o.Close())
	}
	return o, nil
}

// OpenTranscript opens the transcript of a recording, on record as that of the recording
// before the first byte. Whoever asks needs to be permitted to open both.
func (r *Room) OpenTranscript(ctx context.Context, c Caller, recording ObjectAt, req GetRequest) (*Opened, error) {
	a, of, err := r.again(ctx, c, recording)
	if err != nil {
		return nil, err
	}
	o, err := r.Open(ctx, c, req)
	if err != nil {
		return nil, err
	}
	e, p := r.evidence(ContentTranscript, a), a.personal()
	e.Blob, e.Version, e.Custody, e.Lease, e.Release = of.Blob, of.Version, of.Custody, o.Lease, &o.Release
	p.Detail = "transcript " + o.Object.Version.String()
	if _, err := r.apply(ctx, KindContent, e, p, book.Change{}); err != nil {
		return nil, errors.Join(unavailable("reading the transcript could not be recorded, so nothing is shown", err), o.Close())
	}
	return o, nil
}

// again decides on opening a version that the asker opened before.
func (r *Room) again(ctx context.Context, c Caller, at ObjectAt) (asked, objectBody, error) {
	of, err := r.identify(ctx, c, strongroom.ActionReadObject, at.Bucket, at.Key, at.Version)
	if err != nil {
		return asked{}, of, err
	}
	if !at.Is.IsZero() && of.Version != at.Is {
		return asked{}, of, noVersion()
	}
	a := r.decide(c, strongroom.ActionReadObject, resourceOf(of.Object))
	if !a.decision.Permit {
		return a, of, r.refuse(ctx, a)
	}
	return a, of, nil
}

// Played is what a player says: milliseconds that it played of a recording that is so long,
// since it was opened.
type Played struct {
	Release        int64 // by which it was opened
	Lease          strongroom.ID
	Millis, Length int64
	Detail         string
}

const (
	// playedMost bounds what a player may say, in milliseconds.
	playedMost = 7 * 24 * 3600 * 1000
	// playedPerHour is how often one person's players are put on record.
	playedPerHour = 240
)

// NotePlayed puts on record what a player says that it played. Nothing proves it: what was
// delivered is a record of its own.
func (r *Room) NotePlayed(ctx context.Context, c Caller, recording ObjectAt, p Played) error {
	if p.Millis < 0 || p.Length < 0 || p.Millis > playedMost || p.Length > playedMost || p.Release < 0 || p.Release > math.MaxInt64/2 {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "no player plays as long as that"}
	}
	a, of, err := r.again(ctx, c, recording)
	if err != nil {
		return err
	}
	if !r.rates.take("played "+c.Principal.ID.String(), r.Clock(), playedPerHour) {
		return &strongroom.Error{Kind: strongroom.KindBusy, Message: fmt.Sprintf("what players say is put on record %d times an hour at most", playedPerHour)}
	}
	e, said := r.evidence(ContentPlayed, a), a.personal()
	e.Decision, e.PolicySet, e.Policies, e.Missing = "", "", nil, nil // nothing was asked for: it is told
	said.Decision, said.Detail = nil, p.Detail
	e.Blob, e.Version, e.Custody, e.Lease, e.Release = of.Blob, of.Version, of.Custody, p.Lease, &p.Release
	e.Played, e.Length = p.Millis, p.Length
	if _, err := r.apply(ctx, KindContent, e, said, book.Change{}); err != nil {
		return unavailable("it could not be recorded", err)
	}
	return nil
}

// Companion answers the current version of the first of some keys of a bucket that is there
// and that policy would let the asker open, at most after they said why. It is for doors
// that offer it beside something else: it permits nothing and is told to nobody.
func (r *Room) Companion(ctx context.Context, c Caller, bucket string, keys []string) (strongroom.Object, bool, error) {
	b, ok := r.bucket(bucket)
	if !ok || len(keys) > 16 {
		return strongroom.Object{}, false, nil
	}
	for _, key := range keys {
		r.state.mu.RLock()
		there := false
		if names := r.state.index[b.ID]; names != nil {
			_, there = names.Get(&entry{key: key})
		}
		r.state.mu.RUnlock()
		if !there {
			continue
		}
		o, err := r.version(ctx, b, key, "")
		switch {
		case strongroom.KindOf(err) == strongroom.KindUnavailable:
			return strongroom.Object{}, false, err
		case err == nil && !o.Marker && r.mayOpen(c, o.Object):
			return o.Object, true, nil
		}
	}
	return strongroom.Object{}, false, nil
}

// Lets reports whether policy would let the caller do something to a version now, at most
// after they said why or others approved, for a page that offers it. Whoever then does it is
// decided upon, and recorded.
func (r *Room) Lets(c Caller, action strongroom.Action, o strongroom.Object) (permitted bool, missing []strongroom.Obligation) {
	d := r.decide(c, action, resourceOf(o)).decision
	return d.Permit, d.Missing
}

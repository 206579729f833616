package intake

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"strongroom"
)

// sourceError marks what went wrong at the source. It is of that file alone, however many
// of its kind there are: the room's trouble ends a listing, a source's never does.
type sourceError struct{ error }

func (e sourceError) Unwrap() error { return e.error }

func atSource(err error) error {
	if err == nil {
		return nil
	}
	return sourceError{err}
}

const (
	// tooMany failures in a row end a pass, or what is done with a bucket: what is wrong is
	// then not a file.
	tooMany = 20
	// What the source does not give is tried again after a minute, then after twice as
	// long each time, up to a quarter of an hour.
	firstDelay, longestDelay = time.Minute, 15 * time.Minute
	// So many are remembered at most, each for so long after it last came up.
	maxTroubles, forgotten = 100_000, time.Hour
)

// trouble is what went wrong with one version, as long as this process lasts.
type trouble struct {
	times int
	last  time.Time
	// Where it was the source's: the report that it was noted in, and until when it is put
	// off.
	reads        *tally
	until        time.Time
	kind, detail string
}

func (i *Intake) troubleOf(h held) trouble {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.troubles) == 0 {
		return trouble{}
	}
	return i.troubles[i.versionDigest(h.Key, h.newest())]
}

func (i *Intake) forget(h held) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.troubles) > 0 {
		delete(i.troubles, i.versionDigest(h.Key, h.newest()))
	}
}

// remember notes a trouble; with a finding it is the source's, and the file is put off.
func (i *Intake) remember(p *pass, h held, f *Finding) {
	now, version := i.Clock(), i.versionDigest(h.Key, h.newest())
	i.mu.Lock()
	defer i.mu.Unlock()
	t, known := i.troubles[version]
	if !known && len(i.troubles) >= maxTroubles {
		for other, t := range i.troubles {
			if now.Sub(t.last) > forgotten {
				delete(i.troubles, other)
			}
		}
		if len(i.troubles) >= maxTroubles {
			return
		}
	}
	t = trouble{times: t.times + 1, last: now}
	if f != nil {
		delay := min(firstDelay<<min(t.times-1, 10), longestDelay)
		t.reads, t.until, t.kind, t.detail = p.tally, now.Add(delay), f.Kind, f.Detail
		p.putOff.Add(1)
	}
	i.troubles[version] = t
}

// setbacks are a pass's failures in the room, in a row.
type setbacks struct {
	mu      sync.Mutex
	all     int
	refused map[string]int // by bucket
	shut    map[string]error
}

func (s *setbacks) over(bucket string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = 0
	delete(s.refused, bucket)
}

// of counts a failure and reports whether it is one too many, for the room or, where the
// keys say which bucket they go to, for that bucket.
func (s *setbacks) of(bucket string, captured bool, err error) (halt bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := strongroom.KindOf(err)
	if kind != strongroom.KindNoBucket && kind != strongroom.KindDenied {
		s.all++
		return s.all >= tooMany
	}
	if s.refused == nil {
		s.refused, s.shut = map[string]int{}, map[string]error{}
	}
	s.refused[bucket]++
	if kind == strongroom.KindDenied && s.refused[bucket] < tooMany {
		return false
	}
	if captured && s.shut[bucket] == nil {
		s.shut[bucket] = fmt.Errorf("not tried again in this listing: %w", err)
	}
	return !captured
}

// isShut is why a bucket is not asked for any more, or nil.
func (s *setbacks) isShut(bucket string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shut[bucket]
}

// settled notes what went wrong with a file, if anything did.
func (i *Intake) settled(ctx context.Context, p *pass, h held, err error) bool {
	bucket, _ := i.Mapping.destination(h.file, i.Into)
	if err == nil {
		p.setbacks.over(bucket)
		return true
	}
	if ctx.Err() != nil {
		return false
	}
	kind := FindingFailed
	switch {
	case errors.Is(err, ErrGone):
		i.forget(h)
		return false // somebody else took it
	case errors.Is(err, ErrChanged):
		p.again.Store(true)
		p.find(FindingChanged, h.Key, "it changed while it was being taken, and is taken again", time.Time{})
		return false
	case errors.Is(err, ErrAltered):
		kind = FindingAltered
	case errors.Is(err, errMismatch):
		kind = FindingMismatch
	case errors.Is(err, errName):
		kind = FindingName
	case strongroom.KindOf(err) == strongroom.KindDenied:
		kind = FindingRefused
	case strongroom.KindOf(err) == strongroom.KindTooLarge:
		kind = FindingTooLarge
	}
	p.find(kind, h.Key, err.Error(), time.Time{})
	_, source := errors.AsType[sourceError](err)
	switch {
	case source:
		i.remember(p, h, &Finding{Kind: kind, Detail: err.Error()})
	case kind == FindingName || kind == FindingTooLarge || errors.Is(err, errCrowded) || p.setbacks.isShut(bucket) != nil:
	default:
		i.remember(p, h, nil)
		if p.setbacks.of(bucket, i.Into == "" && i.Mapping.capturesBucket(), err) {
			halt := fmt.Errorf("taking stopped, since the trouble is not of one file: %w", err)
			p.halted.CompareAndSwap(nil, &halt)
		}
	}
	return false
}

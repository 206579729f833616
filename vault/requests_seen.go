package vault

import (
	"context"
	"errors"
	"slices"

	"strongroom"
	"strongroom/book"
)

// RequestSeen is a request with what its reader may know beside it.
type RequestSeen struct {
	Request
	// What is what each of Objects is, in their order. Of what the reader may not know, and of
	// what is gone, it has bucket, key and version alone, and its Sort is "".
	What []Hit
	// Earlier are requests that the asker made before this one, as far as the reader may see
	// them, the newest first, at most requestsEarlier.
	Earlier []Request
}

const (
	requestsEarlier = 5
	earlierWeighed  = 12 // requests that are looked at for these
)

// SeeRequest shows a request as Request does, with what each of the objects is and what the
// asker asked for earlier: what somebody who answers it wants to know.
func (r *Room) SeeRequest(ctx context.Context, c Caller, id strongroom.ID) (RequestSeen, error) {
	var d RequestSeen
	q, err := r.seeRequest(ctx, c, id, func(q *Request) (names int, err error) {
		if d.What, names, err = r.whatIsAsked(ctx, c, q); err != nil {
			return 0, err
		}
		d.Earlier, err = r.askedEarlier(ctx, c, q)
		return names + len(d.Earlier), err
	})
	if err != nil {
		return RequestSeen{}, err
	}
	d.Request = q
	return d, nil
}

// whatIsAsked is what each object of a request is, and of how many that is told.
func (r *Room) whatIsAsked(ctx context.Context, c Caller, q *Request) (all []Hit, told int, err error) {
	b, exists := r.bucket(q.Bucket)
	for _, requested := range q.Objects {
		h := Hit{Bucket: q.Bucket, Key: requested.Key, Version: requested.Version}
		if exists {
			o, err := r.exactly(ctx, b, requested)
			if err != nil && !errors.Is(err, book.ErrNoRow) {
				return nil, 0, err
			}
			if err == nil && r.decide(c, strongroom.ActionReadMetadata, resourceOf(o.Object)).decision.Permit {
				f := findOf(b.ID, &o.Object)
				h, told = f.told(q.Bucket), told+1
			}
		}
		all = append(all, h)
	}
	return all, told, nil
}

// askedEarlier are requests of the same asker that were made before, as far as Request would
// show them.
func (r *Room) askedEarlier(ctx context.Context, c Caller, q *Request) ([]Request, error) {
	var all, out []Request
	r.state.mu.RLock()
	for _, id := range r.state.asking.byAsker[q.Asker] {
		if one := r.state.asking.requests[id]; one.Asked.Before(q.Asked) {
			all = append(all, one)
		}
	}
	r.state.mu.RUnlock()
	slices.SortFunc(all, func(a, b Request) int { return b.Asked.Compare(a.Asked) })
	review := r.Offers(c, strongroom.ActionReviewAccess)
	for _, one := range all[:min(len(all), earlierWeighed)] {
		may := review || one.Asker == c.Principal.ID
		if !may {
			var err error
			if may, err = r.couldAnswer(ctx, c, &one); err != nil {
				return nil, err
			}
		}
		if may && len(out) < requestsEarlier {
			out = append(out, one)
		}
	}
	return out, nil
}

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
	for _, requested := range q.Objects {
		h, err := r.whatIs(ctx, c, q.Bucket, requested)
		if err != nil {
			return nil, 0, err
		}
		if h.Sort != "" {
			told++
		}
		all = append(all, h)
	}
	return all, told, nil
}

// whatIs is what one version is; of what the reader may not know, and of what is gone, bucket,
// key and version alone.
func (r *Room) whatIs(ctx context.Context, c Caller, bucket string, o Requested) (Hit, error) {
	h, _, _, err := r.weighed(ctx, c, bucket, o)
	return h, err
}

// weighed is whatIs, with what was decided of the version as it was read.
func (r *Room) weighed(ctx context.Context, c Caller, bucket string, o Requested) (h Hit, a asked, body objectBody, err error) {
	h = Hit{Bucket: bucket, Key: o.Key, Version: o.Version}
	b, exists := r.bucket(bucket)
	if !exists {
		return h, a, body, nil
	}
	body, err = r.exactly(ctx, b, o)
	if errors.Is(err, book.ErrNoRow) {
		return h, a, body, nil
	} else if err != nil {
		return h, a, body, err
	}
	if a = r.decide(c, strongroom.ActionReadMetadata, resourceOf(body.Object)); a.decision.Permit {
		h = findOf(entryOf(body.kind, b.ID, &body.Object), &body.Object).told(bucket)
	}
	return h, a, body, nil
}

// ReviewSeen is an opening and the first acts behind it, with what its reader may know of
// their objects.
type ReviewSeen struct {
	Behind
	// What is what the objects of the acts are, by version. Of what the reader may not know,
	// and of what is gone, it has bucket, key and version alone, and its Sort is "".
	What map[strongroom.ID]Hit
}

// SeeReview shows an opening as ReviewOf does, with at most so many acts, and with what
// each of their objects is.
func (r *Room) SeeReview(ctx context.Context, c Caller, id strongroom.ID, most int) (ReviewSeen, error) {
	d := ReviewSeen{What: map[strongroom.ID]Hit{}}
	b, err := r.reviewOf(ctx, c, id, func(b *Behind) (told int, err error) {
		b.Untold += max(0, len(b.Acts)-most)
		b.Acts = b.Acts[:min(len(b.Acts), most)]
		for _, act := range b.Acts {
			if _, known := d.What[act.Version]; known || act.Version.IsZero() {
				continue
			}
			h, err := r.whatIs(ctx, c, act.Bucket, Requested{Key: act.Key, Version: act.Version})
			if err != nil {
				return 0, err
			}
			if d.What[act.Version] = h; h.Sort != "" {
				told++
			}
		}
		return told, nil
	})
	if err != nil {
		return ReviewSeen{}, err
	}
	d.Behind = b
	return d, nil
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

// SeeUsed answers what some versions are, named by bucket, key and version, in their order and
// as far as the reader may know it: of the others, and of what is gone, it has these alone, and
// the Sort is "". That so many were told of is on record as a read of the first one's metadata.
func (r *Room) SeeUsed(ctx context.Context, c Caller, used []Hit) ([]Hit, error) {
	out := make([]Hit, len(used))
	told := 0
	var decided asked
	var first objectBody
	for i, of := range used {
		h, a, body, err := r.weighed(ctx, c, of.Bucket, Requested{Key: of.Key, Version: of.Version})
		if err != nil {
			return nil, unavailable("what was used cannot be read now", err)
		}
		if out[i] = h; h.Sort == "" {
			continue
		}
		if told++; told == 1 {
			decided, first = a, body
		}
	}
	if told == 0 {
		return out, nil
	}
	if err := r.noteMetadataRead(ctx, decided, first, told-1); err != nil {
		return nil, err
	}
	return out, nil
}

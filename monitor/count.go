package monitor

import (
	"maps"
	"slices"
	"strings"
	"time"

	"strongroom"
)

// Count is what one record adds to the rollups.
type Count struct {
	Time    time.Time
	Actor   string                // "" where nobody was proved
	Who     *strongroom.Principal // nil where the record does not tell
	Action  strongroom.Action     // "" where no policy's action fits
	Outcome string
	Untold  bool // no personal part tells bucket, queue, classes, groups, key

	Bucket, Queue   string
	Classes, Groups []string // sorted

	N     int64
	Bytes int64 // stored

	Object strongroom.ID // version, zero where it is about none
	Key    string
	Size   int64         // of the object, 0 where it is not known
	Lease  strongroom.ID // that this opening began, zero for all else
}

// Opened reports whether the count is of openings.
func (c *Count) Opened() bool {
	return c.Action == strongroom.ActionReadObject && c.Outcome == strongroom.Permitted
}

// Downloaded reports whether the count is of copies that people took along.
func (c *Count) Downloaded() bool {
	return c.Action == strongroom.ActionDownload && c.Outcome == strongroom.Permitted
}

// beyondRate is how the vault counts refusals of one principal that it does not record
// one by one: action, these words, pseudonym.
const beyondRate = " refused beyond the recorded rate to "

// Kinds of record that are told apart here, as docs/formats/room.md has them.
const (
	kindRelease  = "release"
	kindResume   = "lease-resume"
	kindRenewal  = "lease-renewal"
	kindDelivery = "delivery"
	kindCopy     = "copy"
	kindStore    = "store"
	kindPart     = "part"
	kindUpload   = "upload"
	kindRefusal  = "refusal"
	kindBeside   = "beside"
	kindNoise    = "noise"
	kindErasure  = "erasure"
	kindRequest  = "request"
	kindContent  = "content"
	didDownload  = "content-download"
	operator     = "operator"
)

// erasedActions are the actions of records whose personal part is gone, by kind.
var erasedActions = map[string]strongroom.Action{
	kindRelease: strongroom.ActionReadObject, kindContent: strongroom.ActionDownload, kindCopy: strongroom.ActionReadObject, kindStore: strongroom.ActionStoreObject,
	"delete": strongroom.ActionDeleteObject, "metadata-read": strongroom.ActionReadMetadata, "list": strongroom.ActionListObjects,
	"people": strongroom.ActionManagePeople, "access-key": strongroom.ActionManagePeople, "policy": strongroom.ActionManagePolicy,
	"ledger-read": strongroom.ActionReadLedger, "usage-read": strongroom.ActionReadUsage,
}

// About answers which version a record is about, where it is about one.
func About(e *strongroom.Event) strongroom.ID {
	if e.Version.IsZero() && e.Question != nil && e.Question.Resource.Key != "" {
		return e.Question.Resource.Version
	}
	return e.Version
}

// Counts tells what an event adds, in an order that depends on nothing but the event.
// Deliveries, renewals and resumptions add to a release that is counted already; parts
// and the beginning of uploads add nothing, since the store that follows does.
func Counts(e *strongroom.Event) []Count {
	switch e.Kind {
	case kindDelivery, kindResume, kindRenewal, kindPart, kindErasure:
		return nil
	case kindContent:
		if e.Did != didDownload {
			return nil // it adds to a release that is counted already
		}
	case kindUpload:
		if e.Outcome != strongroom.Refused {
			return nil
		}
	case kindNoise:
		return noiseCounts(e)
	}
	c := Count{Time: e.Time, Actor: e.Actor, Outcome: e.Outcome, N: 1, Object: e.Version}
	if c.Outcome == "" {
		c.Outcome = strongroom.Permitted // nothing was asked, and it was done
	}
	if e.Kind == kindRelease {
		c.Lease = e.Lease
	}
	if e.Kind == kindStore {
		c.Bytes, c.Size = e.Bytes, e.Bytes
	}
	q := e.Question
	if q == nil {
		c.Untold = e.Erased || e.Actor != "" && e.Actor != operator
		c.Action = erasedActions[e.Kind]
		if e.Kind == kindRefusal || e.Kind == kindBeside {
			c.Action = strongroom.Action(e.Did)
		}
		return []Count{c}
	}
	c.Who, c.Action = &q.Principal, q.Action
	if e.Kind == kindRequest && e.Outcome != strongroom.Refused {
		c.Action, c.Object = "", strongroom.ID{} // to ask for something is not to do it
		c.Groups = sortedSet(q.Principal.Groups)
		return []Count{c}
	}
	c.Groups = sortedSet(q.Principal.Groups)
	c.Bucket, c.Queue, c.Classes = q.Resource.Bucket, q.Resource.Attributes["queue"], sortedSet(q.Resource.Label.Classes)
	if q.Resource.Key != "" {
		if c.Object.IsZero() {
			c.Object = q.Resource.Version
		}
		c.Key, c.Size = q.Resource.Key, max(c.Size, q.Resource.Size)
	}
	return []Count{c}
}

// noiseCounts are the requests that were counted rather than recorded: of nobody, or
// refusals beyond a rate.
func noiseCounts(e *strongroom.Event) []Count {
	var out []Count
	for _, what := range slices.Sorted(maps.Keys(e.Counts)) {
		c := Count{Time: e.Time, Outcome: strongroom.Refused, N: e.Counts[what]}
		if action, actor, ok := strings.Cut(what, beyondRate); ok {
			c.Actor, c.Action, c.Untold = actor, strongroom.Action(action), true
		}
		if c.N > 0 {
			out = append(out, c)
		}
	}
	return out
}

func sortedSet(s []string) []string {
	if len(s) == 0 {
		return nil
	}
	s = slices.Clone(s)
	slices.Sort(s)
	return slices.Compact(s)
}

// Delivered tells by how much the bytes delivered under a lease grow (or shrink) with a
// delivery, and what they are then. A lease counts with the whole object until its last
// delivery is on record, since what an unfinished one delivered is not known; so does
// one that a restart resumed, even then. Before any delivery, a lease counts with size.
func Delivered(counted, size int64, resumed bool, e *strongroom.Event) (now, more int64) {
	now = e.Bytes
	if !e.Final || resumed {
		now = max(now, size)
	}
	return now, now - counted
}

// IsDelivery, IsResumption and IsErasure tell events apart that add to no cell of their own.
func IsDelivery(e *strongroom.Event) bool   { return e.Kind == kindDelivery }
func IsResumption(e *strongroom.Event) bool { return e.Kind == kindResume }
func IsErasure(e *strongroom.Event) bool    { return e.Kind == kindErasure }

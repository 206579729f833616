package console

import (
	"context"
	"slices"
	"time"

	"strongroom"
	"strongroom/release"
	"strongroom/vault"
)

// Bounds on the history of one object.
const (
	historyPage  = 50
	historyReads = 400  // records read for a page
	historyTail  = 2000 // records that nothing has counted yet, looked through
)

// Acts that a history tells apart.
const (
	didOpen       = "open"       // the content was released to somebody
	didDeliver    = "deliver"    // bytes left for them: a fact
	didRead       = "inward"     // bytes were read here and did not leave
	didPlay       = "play"       // what their player says
	didTranscript = "transcript" // its transcript was read
	didDownload   = "download"
	didSee        = "see" // its details, not its content
	didRefuse     = "refuse"
	didAsk        = "ask"
	didAnswer     = "answer"
	didStore      = "store"
	didChange     = "change"
	didDelete     = "delete"
	didBeside     = "beside" // what else had to be permitted for the act before
	didOther      = "other"
)

// done is one line of an object's history.
type done struct {
	Index    int64
	At       time.Time
	Act      string
	Who      string
	Purpose  strongroom.Purpose
	What     strongroom.Action // of a refusal or a request: what was asked for
	Record   string            // what the ledger calls an act that has no line of its own
	Detail   string
	Bytes    int64
	Whole    bool
	Played   time.Duration
	Length   time.Duration
	Times    int // like lines that stand together
	actor    string
	lease    strongroom.ID
	delivers bool
}

// history is what was done to an object, the last first.
type history struct {
	Lines []done
	All   bool  // everybody's part, not the reader's own alone
	Older int64 // goes on before this record, 0 where there is nothing more
	Gap   bool  // some that just happened is not in it yet
}

// history reads what was done to a version before a record.
func (v *visit) history(id strongroom.ID, before int64) (history, error) {
	ctx, room := v.r.Context(), v.room.Vault
	right, err := room.ReadHistory(ctx, v.caller, id)
	h := history{All: right.All}
	if err != nil || v.room.Monitor == nil {
		return h, err
	}
	head := room.Book.Head().Size
	counted, err := v.room.Monitor.Position(ctx)
	if err != nil {
		return h, err
	}
	var indexes []int64
	if before == 0 {
		before = head
		if h.Gap = head-counted > historyTail; !h.Gap {
			if indexes, err = v.uncounted(ctx, id, counted, head); err != nil {
				return h, err
			}
		}
	}
	traced, err := v.room.Monitor.Trace(ctx, id, min(before, counted), historyReads)
	if err != nil {
		return h, err
	}
	indexes = append(indexes, traced...)
	var reader vault.EventReader
	takers := map[int64]taker{}
	read := func(index int64) (strongroom.Event, error) {
		record, err := room.Book.Record(ctx, index)
		if err != nil {
			return strongroom.Event{}, err
		}
		return reader.Event(record)
	}
	took := func(index int64) (taker, error) {
		if t, known := takers[index]; known {
			return t, nil
		}
		e, err := read(index)
		t := taker{actor: e.Actor}
		if e.Question != nil {
			t.name = e.Question.Principal.Name
		}
		takers[index] = t
		return t, err
	}
	for n, index := range indexes {
		if len(h.Lines) == historyPage {
			h.Older = indexes[n-1]
			break
		}
		e, err := read(index)
		if err != nil {
			return h, err
		}
		d := lineOf(&e)
		if d.actor == "" && e.Release != nil { // a delivery is its release's
			t, err := took(*e.Release)
			if err != nil {
				return h, err
			}
			d.actor = t.actor
		}
		if d.actor != right.Own {
			if !right.All {
				continue
			}
			if !right.Words {
				d.Purpose, d.Detail = strongroom.Purpose{}, ""
			}
		}
		if p, known := right.Names.Principal(d.actor); known {
			d.Who = p.Name
		} else if d.Who == "" && e.Release != nil {
			t, err := took(*e.Release)
			if err != nil {
				return h, err
			}
			d.Who = t.name
		}
		if d.Who == "" {
			d.Who = d.actor
		}
		h.add(d)
	}
	if h.Older == 0 && len(traced) == historyReads {
		h.Older = traced[len(traced)-1]
	}
	return h, nil
}

// taker is who took what a release delivered.
type taker struct{ actor, name string }

// uncounted are the records about a version that no count has reached, the last first.
func (v *visit) uncounted(ctx context.Context, id strongroom.ID, from, to int64) (indexes []int64, err error) {
	for record, err := range v.room.Vault.Book.Records(ctx, from, to) {
		if err != nil {
			return nil, err
		}
		e, err := vault.EventOf(record)
		if err != nil {
			return nil, err
		}
		about := e.Version
		if about.IsZero() && e.Question != nil {
			about = e.Question.Resource.Version
		}
		if about == id {
			indexes = append(indexes, e.Index)
		}
	}
	slices.Reverse(indexes)
	return indexes, nil
}

// add appends a line. What a lease delivered is told once, by its last record; looks at
// details that stand together are one line.
func (h *history) add(d done) {
	if d.delivers {
		for _, other := range h.Lines {
			if other.delivers && other.lease == d.lease && other.Act == d.Act {
				return
			}
		}
	}
	if n := len(h.Lines); n > 0 && d.Act == didSee && h.Lines[n-1].Act == didSee && h.Lines[n-1].actor == d.actor {
		h.Lines[n-1].Times++
		return
	}
	d.Times = 1
	h.Lines = append(h.Lines, d)
}

// lineOf says what a record tells of an object.
func lineOf(e *strongroom.Event) done {
	d := done{Index: e.Index, At: e.Time, actor: e.Actor, lease: e.Lease, Record: e.Kind + " " + e.Did}
	if q := e.Question; q != nil {
		d.Who, d.Purpose, d.What = q.Principal.Name, q.Context.Purpose, q.Action
	}
	switch {
	case e.Outcome == strongroom.Refused:
		d.Act = didRefuse
	case e.Kind == release.KindRelease || e.Kind == vault.KindCopy:
		d.Act = didOpen
	case e.Kind == vault.KindDelivery && e.Bytes == 0 && e.Inward > 0:
		d.Act, d.Bytes, d.delivers = didRead, e.Inward, true
	case e.Kind == vault.KindDelivery:
		d.Act, d.Bytes, d.Whole, d.delivers = didDeliver, e.Bytes, e.Whole, true
	case e.Kind == vault.KindContent && e.Did == vault.ContentPlayed:
		d.Act, d.Played, d.Length = didPlay, time.Duration(e.Played)*time.Millisecond, time.Duration(e.Length)*time.Millisecond
	case e.Kind == vault.KindContent && e.Did == vault.ContentTranscript:
		d.Act = didTranscript
	case e.Kind == vault.KindContent && e.Did == vault.ContentDownload:
		d.Act = didDownload
	case e.Kind == vault.KindMetadataRead:
		d.Act = didSee
	case e.Kind == vault.KindRequest:
		d.Act = didAsk
	case e.Kind == vault.KindApproval:
		d.Act, d.Detail = didAnswer, e.Detail
	case e.Kind == vault.KindStore:
		d.Act = didStore
	case e.Kind == vault.KindAmend || e.Kind == vault.KindHold || e.Kind == vault.KindRetention:
		d.Act, d.Detail = didChange, e.Detail
	case e.Kind == vault.KindDelete:
		d.Act = didDelete
	case e.Kind == vault.KindBeside:
		d.Act, d.What = didBeside, strongroom.Action(e.Did)
	default:
		d.Act = didOther
	}
	return d
}

// historyActs are in the order in which the page explains them.
var historyActs = []string{didSee, didOpen, didDeliver, didPlay, didTranscript, didDownload, didRefuse, didAsk, didAnswer, didStore, didChange, didDelete, didRead, didBeside, didOther}

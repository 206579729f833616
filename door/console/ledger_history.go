package console

import (
	"context"
	"net/http"
	"slices"
	"sync"

	"strongroom"
	"strongroom/door"
)

// aboutObject are the records of the last 90 days about one object.
type aboutObject struct {
	bucket, key string
	indexes     []int64
	tooMany     bool // for a bundle
}

// foundData is what a search came to.
type foundData struct {
	ID          strongroom.ID // of the task
	Bucket, Key string
	Found       int // records
	TooMany     bool
}

// seekHistory has the records about an object looked for, by POST so that no name stands
// in an address.
func (v *visit) seekHistory() error {
	bucket, object := v.r.PostFormValue("bucket"), v.r.PostFormValue("key")
	if bucket == "" || object == "" || len(bucket) > 63 || len(object) > 1024 {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.ledger.object")}
	}
	if v.room.Scan == nil {
		return door.NotHere("reading of records")
	}
	if err := v.still("history"); err != nil {
		return err
	}
	room, caller := *v.room, v.caller
	t, err := v.keeps.tasks.start("history", v.who.ID, v.who.Holder.ID, v.c.Clock(), func(ctx context.Context, t *task) (any, error) {
		if err := count(ctx, &room, room.Vault.Clock().Add(-door.Window), t); err != nil {
			return nil, err
		}
		scan := room.Scan
		room.Scan = func(ctx context.Context, from, to int64, take func(*strongroom.Event)) error {
			return scan(ctx, from, to, func(e *strongroom.Event) { t.Done.Add(1); take(e) })
		}
		about := &aboutObject{bucket: bucket, key: object}
		if err := about.read(ctx, func(take func(*strongroom.Event)) error {
			return room.ScanSince(ctx, caller, room.Vault.Clock().Add(-door.Window), take)
		}); err != nil {
			return nil, err
		}
		return about, nil
	})
	if err != nil {
		return err
	}
	http.Redirect(v.w, v.r, "/ledger/history/"+t.ID.String(), http.StatusSeeOther)
	return nil
}

// read finds decisions about the object, and what was delivered under its releases.
func (a *aboutObject) read(ctx context.Context, scan func(take func(*strongroom.Event)) error) error {
	var mu sync.Mutex
	type link struct{ release, index int64 }
	var links []link
	releases := map[int64]bool{}
	err := scan(func(e *strongroom.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch q := e.Question; {
		case q != nil && q.Resource.Bucket == a.bucket && q.Resource.Key == a.key:
			if a.tooMany = a.tooMany || len(releases) >= bundleMost; !a.tooMany {
				a.indexes = append(a.indexes, e.Index)
				releases[e.Index] = true
			}
		case e.Release != nil && len(links) < linksMost:
			links = append(links, link{*e.Release, e.Index})
		}
	})
	if err != nil {
		return err
	}
	for _, l := range links {
		if releases[l.release] {
			a.indexes = append(a.indexes, l.index)
		}
	}
	slices.Sort(a.indexes)
	a.indexes = slices.Compact(a.indexes)
	if a.tooMany = a.tooMany || len(a.indexes) > bundleMost; a.tooMany {
		a.indexes = nil
	}
	return ctx.Err()
}

// ledgerHistory shows how far the search is, or what it found.
func (v *visit) ledgerHistory() error {
	t, err := v.task("history")
	if err != nil {
		return err
	}
	if t.running(v.r.Context()) {
		return v.waiting(t, "ledger", "ledger.history.title", "/ledger/history/"+t.ID.String())
	}
	if t.err != nil {
		return t.err
	}
	v.page.Title = "ledger.history.title"
	about := t.result.(*aboutObject)
	return v.show("ledger-history", "ledger", foundData{t.ID, printable(about.bucket), printable(about.key), len(about.indexes), about.tooMany})
}

// recordsOf are what a search of the visitor's found, for a bundle.
func (v *visit) recordsOf(id string) ([]int64, error) {
	gone := &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.task.gone")}
	task, err := strongroom.ParseID(id)
	if err != nil {
		return nil, gone
	}
	t, ok := v.keeps.tasks.find(task, "history", v.who.ID, v.c.Clock())
	if !ok || !t.over() || t.err != nil {
		return nil, gone
	}
	about := t.result.(*aboutObject)
	if len(about.indexes) == 0 {
		return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.ledger.history")}
	}
	return about.indexes, nil
}

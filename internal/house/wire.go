package house

import (
	"context"
	"fmt"
	"sync"

	"strongroom/alert"
)

// listener is somebody who is told what the ledger records, while the room is served.
type listener struct {
	name string
	// open answers the watcher, which is closed with the room where it has a Close, and
	// where it has a Run works beside the room until the context ends.
	open func(context.Context, *House, Options) (Watcher, error)
}

// listeners is the one list of who listens to whom.
var listeners = []listener{
	{"monitor", openMonitor},
	{"inventory", openStocktaker},
	{"alerts", openAlerts},
}

// listen opens the listeners of a room that is being served.
func (h *House) listen(ctx context.Context, o Options) error {
	h.feed = NewFeed(h.Book, o.Log)
	h.feed.Stuck = func(watcher string, from int64) {
		h.trouble.report(alert.TroubleWatch, fmt.Sprintf("%s could not be told the records from %d on", watcher, from))
	}
	for _, l := range listeners {
		w, err := l.open(ctx, h, o)
		if err != nil {
			return fmt.Errorf("opening the %s: %w", l.name, err)
		}
		if c, ok := w.(interface{ Close() error }); ok {
			h.closers = append(h.closers, c.Close)
		}
		h.watchers = append(h.watchers, named{l.name, w})
	}
	return nil
}

// named is a watcher that is open.
type named struct {
	name string
	Watcher
}

// watch tells the listeners until the context ends.
func (h *House) watch(ctx context.Context) {
	var work sync.WaitGroup
	for _, w := range h.watchers {
		work.Go(func() { h.feed.Run(ctx, w.name, w.Watcher) })
		if r, ok := w.Watcher.(interface{ Run(context.Context) }); ok {
			work.Go(func() { r.Run(ctx) })
		}
	}
	work.Wait()
}

// watcher finds a listener of a room that is being served.
func watcher[W Watcher](h *House) (w W, served bool) {
	for _, one := range h.watchers {
		if w, served = one.Watcher.(W); served {
			return w, true
		}
	}
	return w, false
}

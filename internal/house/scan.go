package house

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"strongroom"
	"strongroom/book"
	"strongroom/ledger"
	"strongroom/vault"
)

// scanPage is how many records one worker of a Scan reads at once.
const scanPage = 1000

// Scan reads the records from ≤ index < to on all processors and tells take of each, in
// no order and from several goroutines at once. Progress, where not nil, is told how many
// were read more, likewise.
func Scan(ctx context.Context, b book.Book, from, to int64, take func(*strongroom.Event), progress func(n int)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	next.Store(from)
	var work sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			var reader vault.EventReader
			for ctx.Err() == nil {
				start := next.Add(scanPage) - scanPage
				if start >= to {
					return
				}
				if err := scan(ctx, b, &reader, start, min(start+scanPage, to), take); err != nil {
					stop(err)
					return
				}
				if progress != nil {
					progress(int(min(start+scanPage, to) - start))
				}
			}
		})
	}
	work.Wait()
	return context.Cause(ctx)
}

func scan(ctx context.Context, b book.Book, reader *vault.EventReader, from, to int64, take func(*strongroom.Event)) error {
	n := int64(0)
	for r, err := range b.Records(ctx, from, to) {
		if err != nil {
			return fmt.Errorf("reading records from %d: %w", from, err)
		}
		e, err := reader.Event(r)
		if err != nil {
			return err
		}
		take(&e)
		n++
	}
	if n != to-from {
		return fmt.Errorf("records %d to %d are %d: the ledger has a gap", from, to, n)
	}
	return ctx.Err()
}

// FirstSince answers the index of the first record that is not older than t, or the
// ledger's size: times on record never go back by more than the clock does.
func FirstSince(ctx context.Context, b book.Book, t time.Time) (int64, error) {
	low, high := int64(0), b.Head().Size
	for low < high {
		middle := low + (high-low)/2
		r, err := b.Record(ctx, middle)
		if err != nil {
			return 0, fmt.Errorf("reading record %d: %w", middle, err)
		}
		leaf, err := ledger.ParseLeaf(r.Leaf)
		if err != nil {
			return 0, fmt.Errorf("reading record %d: %w", middle, err)
		}
		if leaf.Time.Before(t) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

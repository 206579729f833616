// Package storetest holds what every store must promise, as suites of tests: Book for
// whoever keeps rows and records together, Blobs for whoever keeps sealed bytes.
// SQLite and the local disk run them, and whatever comes beside these must pass them
// unchanged. A suite knows nothing of what it tests but the interface.
package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// atOnce runs f n times at the same time and waits.
func atOnce(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

// within fails the test if f does not return in time.
func within(t *testing.T, d time.Duration, what string, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := f(ctx); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", what, err))
	}
}

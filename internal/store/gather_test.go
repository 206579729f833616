package store

import (
	"testing"
	"testing/synctest"
	"time"
)

// A commit waits for company only where there is some, only so long, and for no more
// than share it well.
func TestGather(t *testing.T) {
	for name, c := range map[string]struct {
		around float64
		prompt bool
		queued int           // already when the batch begins
		coming int           // one after the other
		every  time.Duration // from one to the next
		batch  int
		waits  time.Duration
	}{
		"alone":                          {around: 1, batch: 1},
		"of two, one":                    {around: 2, coming: 1, every: time.Microsecond, batch: 1},
		"of three, all":                  {around: 2.5, coming: 2, every: time.Millisecond / 2, batch: 3, waits: time.Millisecond},
		"all come":                       {around: 8, coming: 7, every: 100 * time.Microsecond, batch: 8, waits: 700 * time.Microsecond},
		"all are there":                  {around: 8, queued: 7, coming: 1, every: time.Microsecond, batch: 8},
		"more are there than were about": {around: 3, queued: 99, batch: 100},
		"nobody comes":                   {around: 8, batch: 1, waits: gatherWait},
		"some come too late":             {around: 8, coming: 7, every: 3 * time.Millisecond / 2, batch: 2, waits: gatherWait},
		"a crowd":                        {around: 200, coming: 199, every: time.Microsecond, batch: gatherEnough, waits: (gatherEnough - 1) * time.Microsecond},
		"prompt":                         {around: 8, prompt: true, queued: 1, coming: 6, every: time.Microsecond, batch: 2},
		"a full batch":                   {around: 8, queued: 2 * batchLimit, batch: batchLimit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &Book{Config: Config{Prompt: c.prompt}, queue: make(chan *pending, 4*batchLimit), around: c.around, answered: time.Now()}
				for range c.queued {
					b.queue <- &pending{}
				}
				go func() {
					for range c.coming {
						time.Sleep(c.every)
						b.queue <- &pending{}
					}
				}()
				began := time.Now()
				if got := len(b.gather(&pending{})); got != c.batch {
					t.Errorf("a batch of %d, want %d", got, c.batch)
				}
				if waited := time.Since(began); waited != c.waits {
					t.Errorf("it waited %s, want %s", waited, c.waits)
				}
				time.Sleep(time.Second) // until all have come
			})
		})
	}
}

// Who comes when nobody has come for a while does not wait for the crowd that was there.
func TestGatherAfterCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Book{queue: make(chan *pending, batchLimit), around: 200, answered: time.Now()}
		time.Sleep(leftAfter + time.Nanosecond)
		began := time.Now()
		b.gather(&pending{})
		if waited := time.Since(began); waited != 0 {
			t.Errorf("it waited %s", waited)
		}
	})
}

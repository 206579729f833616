// Package jobs runs work that must outlive the request that asked for it: each
// job is durable before it is acknowledged, runs at least once, and is retried
// with growing pauses until it succeeds. A handler must therefore be idempotent.
// A job's body must name no object, person or right: the queue lies in the
// operational database.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"strongroom"
)

// Job is one piece of work.
type Job struct {
	ID       strongroom.ID
	Kind     string
	Body     []byte
	Due      time.Time
	Attempts int
	Problem  string // of the last attempt
}

// Queue keeps jobs durably.
type Queue interface {
	Add(ctx context.Context, jobs ...Job) error
	// Due returns up to n jobs that are due, oldest first.
	Due(ctx context.Context, now time.Time, n int) ([]Job, error)
	Done(ctx context.Context, id strongroom.ID) error
	Retry(ctx context.Context, id strongroom.ID, due time.Time, problem string) error
}

// Handler does one job of a kind.
type Handler func(ctx context.Context, body []byte) error

// Runner takes jobs from a queue, one at a time.
type Runner struct {
	Queue    Queue
	Handlers map[string]Handler
	Log      *slog.Logger
	wake     chan struct{}
}

// NewRunner returns a runner; Run starts it.
func NewRunner(q Queue, handlers map[string]Handler, log *slog.Logger) *Runner {
	return &Runner{Queue: q, Handlers: handlers, Log: log, wake: make(chan struct{}, 1)}
}

// Add makes a job durable and due now.
func (r *Runner) Add(ctx context.Context, kind string, body []byte) error {
	if r.Handlers[kind] == nil {
		return fmt.Errorf("no handler does jobs of kind %q", kind)
	}
	err := r.Queue.Add(ctx, Job{ID: strongroom.NewID(), Kind: kind, Body: body, Due: time.Now()})
	if err != nil {
		return fmt.Errorf("queueing a job of kind %q: %w", kind, err)
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return nil
}

// Run works until the context ends.
func (r *Runner) Run(ctx context.Context) {
	const poll = 5 * time.Second
	for {
		due, err := r.Queue.Due(ctx, time.Now(), 64)
		if err != nil && ctx.Err() == nil {
			r.Log.Error("jobs: reading the queue", "error", err)
		}
		for _, job := range due {
			err = errors.Join(err, r.do(ctx, job))
		}
		// A queue that cannot be written would answer the same jobs again at once.
		if len(due) > 0 && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-time.After(poll):
		}
	}
}

// do does one job; its error is that of the queue.
func (r *Runner) do(ctx context.Context, job Job) error {
	err := fmt.Errorf("no handler does jobs of kind %q", job.Kind)
	if handle := r.Handlers[job.Kind]; handle != nil {
		err = handle(ctx, job.Body)
	}
	if err == nil {
		err = r.Queue.Done(ctx, job.ID)
	} else if ctx.Err() == nil {
		r.Log.Warn("jobs: will try again", "kind", job.Kind, "attempt", job.Attempts+1, "error", err)
		err = r.Queue.Retry(ctx, job.ID, time.Now().Add(Pause(job.Attempts)), err.Error())
	}
	if err != nil && ctx.Err() == nil {
		r.Log.Error("jobs: writing the queue", "error", err)
	}
	return err
}

// Pause before the attempt after so many failures: a second, doubling, at most an hour.
func Pause(attempts int) time.Duration {
	return min(time.Second<<min(attempts, 12), time.Hour)
}

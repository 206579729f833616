package house

import (
	"context"
	"errors"
	"fmt"
	"time"

	"strongroom/vault"
)

const (
	// firstLifecycle is how long after the start the first run waits, so that a restart
	// is not slowed down by it.
	firstLifecycle = time.Minute
	// clockLeap is how far the clock may have been set since the start. What is past its
	// time by a clock that was set forward is not past its time.
	clockLeap = time.Hour
)

// lifecycle does what is due, again and again.
func (h *House) lifecycle(ctx context.Context, o Options) {
	if o.Lifecycle <= 0 {
		return
	}
	leap := leapOf(o.Clock)
	wait := time.NewTimer(min(firstLifecycle, o.Lifecycle))
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		if err := h.lifecycleOnce(ctx, o, leap()); err != nil && ctx.Err() == nil {
			o.Log.Error("what is due was not deleted, or not all of it", "room", h.ID, "error", err)
		}
		wait.Reset(o.Lifecycle)
	}
}

// leapOf answers by how much a clock has gone otherwise than time has, since now.
func leapOf(clock func() time.Time) func() time.Duration {
	began, then := time.Now(), clock()
	return func() time.Duration { return clock().Round(0).Sub(then.Round(0)) - time.Since(began) }
}

func (h *House) lifecycleOnce(ctx context.Context, o Options, leap time.Duration) error {
	if leap.Abs() > clockLeap {
		return fmt.Errorf("the clock was set by %s since the server started, so nothing is deleted by it: set it right, or restart the server if it is right now", leap.Round(time.Second))
	}
	report, err := h.Room.RunLifecycle(ctx, vault.LifecycleRequest{})
	if report.Done > 0 {
		o.Log.Info("deleted what lifecycle and retention rules say", "room", h.ID, "done", report.Done, "bytes", report.Bytes, "kept", report.Kept)
	}
	if report.Refused > 0 {
		o.Log.Warn("policy refuses what lifecycle and retention rules say", "room", h.ID, "refused", report.Refused)
	}
	if err == nil && report.Failed > 0 {
		err = fmt.Errorf("%d failed, the first because: %w", report.Failed, errors.New(report.Problem))
	}
	return err
}

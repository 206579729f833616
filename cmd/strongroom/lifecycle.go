package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/vault"
)

type lifecycleCommand struct {
	Carry lifecycleRun `cmd:"" name:"run" help:"Delete now what is due, as the server does every hour; or only say what would be."`
	Ls    lifecycleLs  `cmd:"" help:"List the lifecycle rules of the buckets."`
}

// lifecycleFailed is the exit status of a run that could not do all that was due.
const lifecycleFailed = exitError(3)

type lifecycleRun struct {
	roomFlags
	Bucket   string `help:"Only this bucket." placeholder:"BUCKET"`
	DryRun   bool   `help:"Delete nothing, and say what would be."`
	At       string `help:"With --dry-run: as if it were then." placeholder:"DATE"`
	Versions bool   `help:"Print every version, one a line as JSON, in the place of sums."`
	JSON     bool   `help:"Print JSON."`
}

func (lifecycleRun) Help() string {
	return `Does what the lifecycle rules of buckets and the maximums of strongroom retention say is due. Holds, legal holds, object lock and minimums
go before. Exits with status 3 where something due could not be done.

Examples:
  strongroom lifecycle run --dry-run
  strongroom lifecycle run --dry-run --at 2027-01-01 --versions
  strongroom lifecycle run --bucket recordings`
}

func (c lifecycleRun) Run(ctx context.Context, out output) error {
	at, err := parseDate("--at", c.At)
	if err != nil {
		return err
	}
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		p := newProgress(out.errors, "versions", h.Room.Stored())
		req := vault.LifecycleRequest{By: &who, Bucket: c.Bucket, Dry: c.DryRun, At: at, Step: p.step}
		lines := bufio.NewWriter(out)
		if c.Versions {
			e := json.NewEncoder(lines)
			req.Each = func(d vault.LifecycleDeed) error { return e.Encode(d) }
		}
		report, err := h.Room.RunLifecycle(ctx, req)
		p.done()
		if err := errors.Join(err, lines.Flush()); err != nil {
			return err
		}
		switch {
		case c.Versions:
		case c.JSON:
			err = out.json(report)
		default:
			err = c.table(out, report)
		}
		if err == nil && report.Failed > 0 {
			return lifecycleFailed
		}
		return err
	})
}

func (c lifecycleRun) table(out output, r vault.LifecycleReport) error {
	did := "done"
	if r.Dry {
		did = "would be done"
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(r.ByRule) > 0 {
		fmt.Fprintln(w, "BUCKET\tRULE\tDOES\tTIMES\tBYTES")
	}
	for _, t := range r.ByRule {
		fmt.Fprintf(w, "%s\t%s %s\t%s\t%d\t%d\n", t.Bucket, t.By, t.Rule, t.Act, t.Done, t.Bytes)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	out.printf("%d %s as of %s; %s and %s looked at\n", r.Done, did, r.At.Format(time.RFC3339), count(r.Versions, "version"), count(r.Uploads, "upload"))
	for _, why := range slices.Sorted(maps.Keys(r.Kept)) {
		out.printf("%d due and kept by %s\n", r.Kept[why], why)
	}
	if r.SetAside > 0 {
		out.printf("finding: %s past a maximum that a longer minimum goes before\n", count(r.SetAside, "version"))
	}
	if r.Refused > 0 {
		out.printf("%d refused by policy, which has to permit deleteObject to %s\n", r.Refused, vault.Lifecycle.Name)
	}
	if r.Failed > 0 {
		out.printf("%d failed; the first: %s\n", r.Failed, r.Problem)
	}
	return nil
}

type lifecycleLs struct {
	roomFlags
	JSON bool `help:"Print JSON."`
}

func (c lifecycleLs) Run(ctx context.Context, out output) error {
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		all, err := h.Room.LifecycleRules(ctx, who)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(append([]vault.BucketLifecycle{}, all...))
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "BUCKET\tRULE\tSTATE\tON\tDOES")
		for _, b := range all {
			for _, r := range b.Rules {
				state := "enabled"
				if !r.Enabled {
					state = "disabled"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", b.Bucket, r.ID, state, filterOf(r), deedsOf(r, b.Versioning))
			}
		}
		return w.Flush()
	})
}

// filterOf is what a rule is about, in words.
func filterOf(r strongroom.LifecycleRule) string {
	var on []string
	if r.Prefix != "" {
		on = append(on, r.Prefix+"…")
	}
	for _, t := range r.Tags {
		on = append(on, t.Key+"="+t.Value)
	}
	if r.Larger != nil {
		on = append(on, fmt.Sprintf("more than %d bytes", *r.Larger))
	}
	if r.Smaller != nil {
		on = append(on, fmt.Sprintf("fewer than %d bytes", *r.Smaller))
	}
	if len(on) == 0 {
		return "everything"
	}
	return strings.Join(on, ", ")
}

// deedsOf is what a rule does, in words.
func deedsOf(r strongroom.LifecycleRule, v strongroom.Versioning) string {
	expires := "deletes"
	if v != strongroom.Unversioned {
		expires = "hides"
	}
	var does []string
	switch {
	case r.Days > 0:
		does = append(does, fmt.Sprintf("%s %d days after storing", expires, r.Days))
	case !r.Date.IsZero():
		does = append(does, fmt.Sprintf("%s from %s on", expires, day(r.Date)))
	case r.ExpiredMarkers:
		does = append(does, "deletes delete markers that hide nothing")
	}
	if r.NoncurrentDays > 0 {
		text := fmt.Sprintf("deletes older versions %d days after", r.NoncurrentDays)
		if r.NoncurrentKeep > 0 {
			text += fmt.Sprintf(", but the newest %d", r.NoncurrentKeep)
		}
		does = append(does, text)
	}
	if r.AbortUploadDays > 0 {
		does = append(does, fmt.Sprintf("aborts uploads after %d days", r.AbortUploadDays))
	}
	return strings.Join(does, "; ")
}

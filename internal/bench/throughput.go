package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"time"
)

const callers = 8

// cell is one kind of request, measured on each server in turn.
type cell struct {
	action string
	size   int64
}

var cells = []cell{{"put", 1 << 20}, {"get", 1 << 20}, {"put", 10 << 20}, {"get", 10 << 20}}

func (c cell) String() string {
	return fmt.Sprintf("%s %d MiB, %d callers", strings.ToUpper(c.action), c.size>>20, callers)
}

// stored is how many objects of a size there are to get: enough that no two callers
// read the same one at a time, few enough to stay in the page cache.
const stored = 32

// outcome of one cell on one server, over all rounds.
type outcome struct {
	rates     []float64 // MiB/s of each round
	p50, p99  []time.Duration
	processor time.Duration // of the server
	bytes     int64
}

func (o outcome) rate() float64 { return median(o.rates) }

func (o outcome) perGibibyte() float64 {
	return o.processor.Seconds() / (float64(o.bytes) / (1 << 30))
}

func median[T float64 | time.Duration](v []T) T {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// throughput measures the cells. In each round the servers take turns, so that what
// else the machine does falls on all alike.
func throughput(ctx context.Context, out io.Writer, p plan, servers []*server, r *report) error {
	for _, s := range servers {
		for _, size := range []int64{1 << 20, 10 << 20} {
			if _, err := (job{endpoint: s.endpoint, Action: "put", Bucket: bucket, Prefix: readPrefix(size), Size: size, Callers: callers, Count: stored}).do(ctx); err != nil {
				return err
			}
		}
	}
	outcomes := map[cell]map[string]*outcome{}
	for round := range p.rounds {
		for _, c := range cells {
			if outcomes[c] == nil {
				outcomes[c] = map[string]*outcome{}
			}
			for _, s := range servers {
				o := outcomes[c][s.name]
				if o == nil {
					o = &outcome{}
					outcomes[c][s.name] = o
				}
				if err := c.measure(ctx, p, s, round, o); err != nil {
					return err
				}
			}
		}
	}
	for _, c := range cells {
		ours := outcomes[c]["strongroom"]
		for _, s := range servers {
			o := outcomes[c][s.name]
			fmt.Fprintf(out, "%-24s %-10s %7.0f MiB/s  p50 %-8s p99 %-8s server %.2f processor seconds a GiB\n",
				c, s.name, o.rate(), median(o.p50).Round(time.Millisecond/10), median(o.p99).Round(time.Millisecond/10), o.perGibibyte())
			if s.name == "strongroom" {
				continue
			}
			ratio := ours.rate() / o.rate()
			measured := fmt.Sprintf("%.0f against %.0f MiB/s", ours.rate(), o.rate())
			if s.name == "minio" {
				r.add(row{what: c.String(), limit: "≥ 1.0 × minio", measured: measured, ratio: ratio, met: ratio >= 1})
			} else {
				r.add(row{what: c.String() + ", beside " + s.name, measured: fmt.Sprintf("%s, %.2f ×", measured, ratio)})
			}
		}
		if len(servers) == 1 {
			r.add(row{what: c.String(), measured: fmt.Sprintf("%.0f MiB/s, nothing to compare with", ours.rate())})
		}
	}
	return nil
}

func readPrefix(size int64) string { return fmt.Sprintf("read/%d/", size) }

func (c cell) measure(ctx context.Context, p plan, s *server, round int, o *outcome) error {
	syscall.Sync() // nobody pays for what another left unwritten
	j := job{endpoint: s.endpoint, Action: c.action, Bucket: bucket, Size: c.size, Callers: callers, Time: p.cell, Objects: stored}
	j.Prefix = readPrefix(c.size)
	if c.action == "put" {
		j.Prefix = fmt.Sprintf("written/%d/%d/", c.size, round)
	}
	before, err := s.processorTime()
	if err != nil {
		return err
	}
	got, err := j.do(ctx)
	if err != nil {
		return err
	}
	after, err := s.processorTime()
	if err != nil {
		return err
	}
	o.rates = append(o.rates, got.mebibytes())
	o.p50, o.p99 = append(o.p50, got.P50), append(o.p99, got.P99)
	o.processor += after - before
	o.bytes += got.Bytes
	return nil
}

const memoryLimit = 100 << 20

// memory measures each server's peak while large objects pass through it.
func memory(ctx context.Context, out io.Writer, p plan, servers []*server, r *report) error {
	const size = 100 << 20
	for _, s := range servers {
		cases := []struct {
			what string
			job  job
		}{
			{"8 × 100 MiB in", job{Action: "put", Prefix: "large/", Size: size, Callers: callers, Count: callers}},
			{"8 × 100 MiB out", job{Action: "get", Prefix: "large/", Size: size, Callers: callers, Count: callers, Objects: callers}},
			{fmt.Sprintf("one upload of %d MiB", p.large>>20), job{Action: "put", Prefix: "huge/", Size: p.large, Callers: 1, Count: 1}},
			{fmt.Sprintf("one upload of %d MiB in parts", p.large>>20), job{Action: "put", Prefix: "parts/", Size: p.large, Callers: 1, Count: 1, Parts: true}},
		}
		for _, c := range cases {
			syscall.Sync()
			if err := s.forgetPeak(); err != nil {
				return fmt.Errorf("resetting the peak of memory: %w", err)
			}
			c.job.endpoint, c.job.Bucket = s.endpoint, bucket
			got, err := c.job.do(ctx)
			if err != nil {
				return err
			}
			peak, err := s.peak()
			if err != nil {
				return err
			}
			measured := fmt.Sprintf("%d MiB", peak>>20)
			fmt.Fprintf(out, "%-32s %-10s peak %s at %.0f MiB/s\n", c.what, s.name, measured, got.mebibytes())
			if s.name == "strongroom" {
				r.add(row{what: "peak memory, " + c.what, limit: "< 100 MiB", measured: measured, ratio: float64(peak) / memoryLimit, met: peak < memoryLimit})
			}
		}
	}
	return nil
}

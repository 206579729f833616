package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// microbenchmarks runs the Go benchmarks that the budget names, which live beside
// the packages they measure.
func microbenchmarks(ctx context.Context, root, temp string, p plan, r *report) error {
	appends, err := goBenchmark(ctx, root, temp, p, "./internal/store", "BenchmarkAppend", 0)
	if err != nil {
		return err
	}
	one, many := appends["BenchmarkAppend/1-callers"], appends["BenchmarkAppend/256-callers"]
	r.add(
		row{what: "raw fsync of 4 KiB, p50", measured: microseconds(one["fsync-p50-ns"])},
		row{what: "durable record, 1 caller, p50", limit: "≤ 2 × fsync", measured: microseconds(one["p50-ns"]),
			ratio: one["p50-ns"] / one["fsync-p50-ns"], met: one["p50-ns"] <= 2*one["fsync-p50-ns"]},
		row{what: "durable records, 1 caller", measured: perSecond(one["records/s"])},
		row{what: "durable records, 256 callers", limit: "≥ 10,000/s", measured: perSecond(many["records/s"]),
			ratio: many["records/s"] / 10_000, met: many["records/s"] >= 10_000},
	)
	unwraps, err := goBenchmark(ctx, root, temp, p, "./keyserver", "BenchmarkUnwrap", 1)
	if err != nil {
		return err
	}
	u := unwraps["BenchmarkUnwrap"]
	r.add(
		row{what: "proof-checked durable unwraps, one core", limit: "≥ 2,000/s", measured: perSecond(u["unwraps/s"]),
			ratio: u["unwraps/s"] / 2000, met: u["unwraps/s"] >= 2000},
		row{what: "processor time of an unwrap", measured: microseconds(u["cpu-ns/unwrap"])},
	)
	decisions, err := goBenchmark(ctx, root, temp, p, "./limit", "BenchmarkDecide/1000-mixed", 0)
	if err != nil {
		return err
	}
	d := decisions["BenchmarkDecide/1000-mixed"]
	r.add(
		row{what: "policy decision, 1,000 policies, p99", limit: "≤ 100 µs", measured: microseconds(d["p99-ns"]),
			ratio: d["p99-ns"] / 100_000, met: d["p99-ns"] <= 100_000},
		row{what: "of which processor time, p99", measured: microseconds(d["p99-cpu-ns"])},
		row{what: "policy decisions, one caller", measured: perSecond(1e9 / d["ns/op"])},
	)
	return nil
}

func microseconds(ns float64) string { return fmt.Sprintf("%.0f µs", ns/1000) }

func perSecond(n float64) string { return fmt.Sprintf("%.0f/s", n) }

// goBenchmark runs one benchmark and returns its metrics by name and unit. With cores
// above 0 the process gets that many.
func goBenchmark(ctx context.Context, root, temp string, p plan, pkg, name string, cores int) (map[string]map[string]float64, error) {
	pattern := "^" + strings.ReplaceAll(name, "/", "$/^") + "$"
	args := []string{"test", "-run", "^$", "-bench", pattern, "-benchtime", p.benchtime}
	c := exec.CommandContext(ctx, "go", append(args, pkg)...)
	c.Dir = root
	c.Env = append(os.Environ(), "TMPDIR="+temp) // benchmarks keep their files there: on the file system to be measured
	if cores > 0 {
		c.Args = append(c.Args[:len(c.Args)-1], "-cpu", strconv.Itoa(cores), pkg)
		c.Env = append(c.Env, "GOMAXPROCS="+strconv.Itoa(cores))
	}
	said, err := c.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("running %s of %s: %w: %s", name, pkg, err, lastLines(said, 5))
	}
	found := parseBenchmarks(string(said))
	if len(found) == 0 {
		return nil, fmt.Errorf("running %s of %s: there is no such benchmark", name, pkg)
	}
	return found, nil
}

// parseBenchmarks reads lines such as "BenchmarkX/case-2  100  12 ns/op  3 things/s".
func parseBenchmarks(said string) map[string]map[string]float64 {
	found := map[string]map[string]float64{}
	for line := range strings.Lines(said) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := fields[0]
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			if _, err := strconv.Atoi(name[i+1:]); err == nil {
				name = name[:i]
			}
		}
		metrics := map[string]float64{}
		for i := 2; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				metrics[fields[i+1]] = v
			}
		}
		found[name] = metrics
	}
	return found
}

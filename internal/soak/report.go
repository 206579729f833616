package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"strongroom/internal/bench/lean"
)

// Limits that a soak holds the server to.
const (
	mostMemory      = 512 << 20 // resident, at the peak
	mostGrowth      = 64 << 20  // resident, from the end of the first fifth to the end
	spareGoroutines = 40        // more at the end than before the load
	spareFiles      = 400       // open ones: a lease that rests for its quarter of an hour holds some, and 256 may rest
)

// report gathers what is to be told.
type report struct {
	course
	started    time.Time
	minutes    []map[string]*figures
	unexpected []string
	objects    map[string]synthetic
	samples    []sample
	checks     []check
	last       sample
}

// check is one limit and whether it held.
type check struct {
	what, measured, limit string
	held                  bool
}

func (r *report) take(t telling) {
	for len(r.minutes) <= t.Minute {
		r.minutes = append(r.minutes, map[string]*figures{})
	}
	into := r.minutes[t.Minute]
	for operation, f := range t.Figures {
		if into[operation] == nil {
			into[operation] = &figures{Times: histogram{}, Codes: map[string]int{}}
		}
		into[operation].merge(f)
	}
	r.unexpected = append(r.unexpected, t.Unexpected...)
	if r.objects == nil {
		r.objects = map[string]synthetic{}
	}
	maps.Copy(r.objects, t.Objects)
}

func (f *figures) merge(other *figures) {
	f.Times.merge(other.Times)
	for code, n := range other.Codes {
		f.Codes[code] += n
	}
}

func (r *report) check(held bool, what, limit, measured string, args ...any) {
	r.checks = append(r.checks, check{what, fmt.Sprintf(measured, args...), limit, held})
}

func (r *report) checkError(err error, what, limit, measured string) {
	if err != nil {
		measured = err.Error()
	}
	r.check(err == nil, what, limit, "%s", measured)
}

// large stores and removes the one very large upload.
func (c course) large(s *server, r *report) {
	parts := c.parts
	if parts < 0 {
		parts = 0
		var disk syscall.Statfs_t
		if err := syscall.Statfs(s.data, &disk); err == nil && c.length >= 30*time.Minute && int64(disk.Bavail)*disk.Bsize > 10_000*smallestPart*5/4 {
			parts = 10_000
		}
	}
	if parts == 0 {
		return
	}
	began := time.Now()
	size, err := s.uploadLarge(parts)
	r.checkError(err, fmt.Sprintf("an upload of %d parts completes, reads back in places, and is removed", parts), "without error",
		fmt.Sprintf("%.1f GiB in %s", float64(size)/(1<<30), time.Since(began).Round(time.Second)))
}

func (s *server) uploadLarge(parts int) (int64, error) {
	c, err := s.dial()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	path := "/" + bucket + "/large"
	ask := func(c *lean.Caller, r lean.Request) (lean.Answer, error) {
		a, err := c.Do(r)
		if err == nil && !a.OK() {
			err = errors.New(word(a, nil))
		}
		return a, err
	}
	a, err := ask(c, lean.Request{Method: "POST", Path: path, Query: "uploads=", Keep: true})
	if err != nil {
		return 0, fmt.Errorf("beginning it: %w", err)
	}
	upload := lean.Element(a.Body, "UploadId")
	content := synthetic{1, smallestPart}.bytes()
	tags := make([]string, parts)
	next, wrong := make(chan int), make(chan error, 8)
	for range 8 {
		go func() {
			c, err := s.dial()
			if err == nil {
				defer c.Close()
			}
			for n := range next {
				if err != nil {
					continue // the numbers are taken all the same
				}
				var a lean.Answer
				a, err = ask(c, lean.Request{Method: "PUT", Path: path, Query: lean.Query("partNumber", strconv.Itoa(n+1), "uploadId", upload), Body: content})
				if err == nil {
					tags[n] = a.Header.Get("ETag")
				}
			}
			wrong <- err
		}()
	}
	for n := range parts {
		next <- n
	}
	close(next)
	for range 8 {
		err = errors.Join(err, <-wrong)
	}
	if err != nil {
		return 0, fmt.Errorf("uploading its parts: %w", err)
	}
	if c, err = s.dial(); err != nil { // the first has been idle
		return 0, err
	}
	defer c.Close()
	if _, err = ask(c, lean.Request{Method: "POST", Path: path, Query: lean.Query("uploadId", upload), Body: lean.Completion(tags)}); err != nil {
		return 0, fmt.Errorf("completing it: %w", err)
	}
	size := int64(parts) * smallestPart
	for _, from := range []int64{0, size / 2, size - 100} {
		var got strings.Builder
		if _, err = ask(c, lean.Request{Method: "GET", Path: path, From: from, To: from + 100, Into: &got}); err != nil {
			return 0, fmt.Errorf("reading it at %d: %w", from, err)
		}
		at := from % smallestPart
		if want := slices.Concat(content, content)[at : at+100]; got.String() != string(want) {
			return 0, fmt.Errorf("reading it at %d: other bytes than were stored", from)
		}
	}
	if _, err = ask(c, lean.Request{Method: "DELETE", Path: path}); err != nil {
		return 0, fmt.Errorf("removing it: %w", err)
	}
	return size, nil
}

// end makes the last checks, and stops the server.
func (r *report) end(c course, s *server) {
	ctx := context.Background()
	var err error
	r.checkError(compare(s, r.objects), "every object that should be there compares, and no other is listed", "all", fmt.Sprintf("%d objects", len(r.objects)))
	r.checkError(s.filesMatchRows(ctx), "sealed files are those that rows name", "equal", "equal")
	if r.last, err = s.sample(true); err != nil {
		r.check(false, "the server answers at the end", "yes", "%v", err)
	}
	r.check(len(r.unexpected) == 0, "unexpected answers", "0", "%d", len(r.unexpected))
	r.check(r.last.goroutines <= s.calm.goroutines+spareGoroutines, "goroutines at the end", fmt.Sprintf("≤ %d more than before the load", spareGoroutines), "%d, before %d", r.last.goroutines, s.calm.goroutines)
	r.check(r.last.files <= s.calm.files+spareFiles, "open files at the end", fmt.Sprintf("≤ %d more than before the load", spareFiles), "%d, before %d", r.last.files, s.calm.files)
	peak, err := s.peak()
	r.check(err == nil && peak < mostMemory, "peak resident memory", fmt.Sprintf("< %d MiB", mostMemory>>20), "%d MiB", peak>>20)
	slope, over := growth(r.samples, func(s sample) float64 { return float64(s.resident) })
	grown := slope * over.Hours()
	r.check(grown <= mostGrowth, "growth of resident memory after the first fifth, by the slope", fmt.Sprintf("≤ %d MiB", mostGrowth>>20), "%+.1f MiB in %s (%+.0f MiB an hour)", grown/(1<<20), over.Round(time.Second), slope/(1<<20))
	took, err := s.stop()
	r.checkError(err, "a stop by SIGTERM", "in order", "after "+took.Round(10*time.Millisecond).String())
	began := time.Now()
	verified, err := s.verify(ctx)
	r.checkError(err, "ledger verify --state", "passes", fmt.Sprintf("%s (%s)", verified, time.Since(began).Round(100*time.Millisecond)))
	if complaints := strings.Count(s.said.String(), "level=ERROR"); complaints > 0 {
		r.check(false, "errors in the server's log", "0", "%d, such as %s", complaints, firstLine(s.said.String(), "level=ERROR"))
	} else {
		r.check(true, "errors in the server's log", "0", "0")
	}
}

func firstLine(text, with string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, with) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// growth is the slope of a figure by the hour, fitted to the samples after the first
// fifth, and the time that it was fitted over.
func growth(samples []sample, of func(sample) float64) (slope float64, over time.Duration) {
	samples = samples[len(samples)/5:]
	if len(samples) < 3 {
		return 0, 0
	}
	first := samples[0].at
	var n, sumX, sumY, sumXX, sumXY float64
	for _, s := range samples {
		x, y := s.at.Sub(first).Hours(), of(s)
		n, sumX, sumY, sumXX, sumXY = n+1, sumX+x, sumY+y, sumXX+x*x, sumXY+x*y
	}
	return (n*sumXY - sumX*sumY) / (n*sumXX - sumX*sumX), samples[len(samples)-1].at.Sub(first)
}

func row(out io.Writer, cells ...string) { fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | ")) }

func head(out io.Writer, cells ...string) {
	row(out, cells...)
	row(out, slices.Repeat([]string{"---"}, len(cells))...)
}

func (r *report) print(out io.Writer) {
	total := map[string]*figures{}
	requests := 0
	for _, minute := range r.minutes {
		for operation, f := range minute {
			if total[operation] == nil {
				total[operation] = &figures{Times: histogram{}, Codes: map[string]int{}}
			}
			total[operation].merge(f)
			requests += f.Times.count()
		}
	}
	fmt.Fprintf(out, "Soak of %s, begun %s, on %d processors (%s, load average %s): %d requests by %d client processes.\n\n",
		r.length, r.started.UTC().Format("2006-01-02 15:04 UTC"), runtime.NumCPU(), runtime.Version(), loadAverage(), requests, len(roles))
	head(out, "what", "limit", "measured", "held")
	for _, c := range r.checks {
		held := "yes"
		if !c.held {
			held = "**no**"
		}
		row(out, c.what, c.limit, c.measured, held)
	}
	fmt.Fprintf(out, "\nAt the end the ledger has %d records and the data folder %d MiB; the server used %s of processor time.\n\n",
		r.last.records, r.last.disk>>20, r.last.processor.Round(time.Second))
	head(out, "request", "how many", "p50", "p99", "p99 of the worst minute", "answers")
	for _, operation := range slices.Sorted(maps.Keys(total)) {
		f := total[operation]
		var worst time.Duration
		for _, minute := range r.minutes {
			if m := minute[operation]; m != nil && m.Times.count() >= 20 {
				worst = max(worst, m.Times.at(0.99))
			}
		}
		var answers []string
		for _, code := range slices.Sorted(maps.Keys(f.Codes)) {
			answers = append(answers, fmt.Sprintf("%s: %d", code, f.Codes[code]))
		}
		atWorst := "too few"
		if worst > 0 {
			atWorst = inMilliseconds(worst)
		}
		row(out, operation, strconv.Itoa(f.Times.count()), inMilliseconds(f.Times.at(0.5)), inMilliseconds(f.Times.at(0.99)), atWorst, strings.Join(answers, ", "))
	}
	fmt.Fprintln(out)
	head(out, "minute", "requests", "p99 of get", "p99 of put", "resident MiB", "live heap MiB", "goroutines", "open files", "ledger records", "data MiB", "processor")
	for i, minute := range r.minutes {
		if len(r.minutes) > 30 && i%5 != 0 && i != len(r.minutes)-1 {
			continue
		}
		n := 0
		for _, f := range minute {
			n += f.Times.count()
		}
		now, before := r.sampleAt(i+1), r.sampleAt(i)
		p99 := func(operation string) string {
			if f := minute[operation]; f != nil {
				return inMilliseconds(f.Times.at(0.99))
			}
			return "none"
		}
		used := "unknown"
		if passed := now.at.Sub(before.at); passed > 0 {
			used = fmt.Sprintf("%.0f %%", 100*float64(now.processor-before.processor)/float64(passed))
		}
		row(out, strconv.Itoa(i+1), strconv.Itoa(n), p99("get"), p99("put"), fmt.Sprint(now.resident>>20), fmt.Sprint(now.live>>20), strconv.Itoa(now.goroutines),
			strconv.Itoa(now.files), fmt.Sprint(now.records), r.diskBefore(now.at), used)
	}
	for _, u := range r.unexpected {
		fmt.Fprintf(out, "\nunexpected: %s", u)
	}
	fmt.Fprintln(out)
}

// sampleAt is the sample nearest to the end of a minute.
func (r *report) sampleAt(minute int) sample {
	var best sample
	want := r.started.Add(time.Duration(minute) * time.Minute)
	for _, s := range r.samples {
		if best.at.IsZero() || s.at.Sub(want).Abs() < best.at.Sub(want).Abs() {
			best = s
		}
	}
	return best
}

// diskBefore is the newest figure of the disk up to a time.
func (r *report) diskBefore(at time.Time) string {
	var last int64
	for _, s := range r.samples {
		if s.disk > 0 && !s.at.After(at) {
			last = s.disk
		}
	}
	return fmt.Sprint(last >> 20)
}

func inMilliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'g', 3, 64) + " ms"
}

func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(b), " ")
	return one
}

// verdict is an error if anything gave way.
func (r *report) verdict() error {
	var broken []string
	for _, c := range r.checks {
		if !c.held {
			broken = append(broken, c.what+": "+c.measured)
		}
	}
	if len(broken) > 0 {
		return errors.New("did not hold: " + strings.Join(broken, "; "))
	}
	return nil
}

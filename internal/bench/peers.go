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

// trial is one kind of request, put to every server in turn by the light client.
type trial struct {
	what    string
	action  string
	size    int64 // bytes of one request's body
	callers int
	count   int // requests, where not as many as there is time for
	objects int // how many there are to read or list
	prefix  string
	folders bool // list folders, not objects
	rounds  int  // fewer than the plan's, where above 0
}

// bulk tells trials whose bytes matter from those whose number does.
func (t trial) bulk() bool { return t.size >= 1<<20 }

// get tells reads of content.
func (t trial) get() bool { return t.action == "get" || t.action == "down" }

const (
	partSize = 16 << 20
	readable = 64 // objects of a size there are to read
)

func (p plan) trials() []trial {
	var all []trial
	for _, callers := range []int{8, 64} {
		for _, size := range []int64{4 << 10, 1 << 20, 10 << 20} {
			at := fmt.Sprintf("%s, %d callers", bytesOf(size), callers)
			all = append(all,
				trial{what: "PUT " + at, action: "put", size: size, callers: callers},
				trial{what: "GET " + at, action: "get", size: size, callers: callers, objects: readable, prefix: readPrefix(size)})
		}
		all = append(all, trial{what: fmt.Sprintf("HEAD, %d callers", callers), action: "head", callers: callers, objects: readable, prefix: readPrefix(4 << 10)})
	}
	parts := int(p.large / partSize)
	return append(all,
		trial{what: fmt.Sprintf("%s up in parts of %s, 8 callers", bytesOf(p.large), bytesOf(partSize)), action: "up", size: partSize, callers: 8, count: parts, prefix: "large"},
		trial{what: fmt.Sprintf("%s down in ranges of %s, 8 callers", bytesOf(p.large), bytesOf(partSize)), action: "down", size: partSize, callers: 8, count: parts, prefix: "large"},
		trial{what: fmt.Sprintf("%s down in one piece", bytesOf(p.large)), action: "down", size: p.large, callers: 1, count: 1, prefix: "large"},
		trial{what: fmt.Sprintf("PUT 1 byte, %d objects, 32 callers", p.listed), action: "fill", size: 1, callers: 32, count: p.listed, prefix: "listed/", rounds: 1},
		trial{what: fmt.Sprintf("listing %d keys, 1,000 a page", p.listed), action: "list", count: 1, objects: p.listed, prefix: "listed/"},
		trial{what: fmt.Sprintf("listing their %d folders by delimiter", p.listed/1000), action: "list", count: 50, objects: p.listed / 1000, prefix: "listed/", folders: true},
	)
}

// chosen are the trials that -only names, and those that store what they read.
func (p plan) chosen() []trial {
	all := p.trials()
	if len(p.only) == 0 {
		return all
	}
	named := func(t trial) bool {
		return slices.ContainsFunc(p.only, func(word string) bool { return strings.Contains(t.what, strings.TrimSpace(word)) })
	}
	needs := map[string]string{"up": "down", "fill": "list"}
	return slices.DeleteFunc(slices.Clone(all), func(t trial) bool {
		needed := slices.ContainsFunc(all, func(o trial) bool { return named(o) && o.action == needs[t.action] })
		return !named(t) && !needed
	})
}

func bytesOf(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// measure of one trial on one server, over all rounds.
type measure struct {
	rates, seconds    []float64 // of each round: MiB or requests a second
	p50, p99          []time.Duration
	processor, client time.Duration // used by the server and by the client
	bytes             int64
	requests          int
	peak              int64 // resident bytes of the server, the highest of all rounds
}

// besidePeers puts every trial to every server, in rounds in which the servers take
// turns, each round beginning with another one.
func besidePeers(ctx context.Context, out io.Writer, p plan, servers []*server) error {
	for _, s := range servers {
		for _, size := range []int64{4 << 10, 1 << 20, 10 << 20} {
			j := job{endpoint: s.endpoint, Light: true, Action: "put", Bucket: bucket, Prefix: readPrefix(size), Size: size, Callers: callers, Count: readable, Sealed: s.seals()}
			if _, err := j.do(ctx); err != nil {
				return err
			}
		}
	}
	trials := p.chosen()
	if len(trials) == 0 {
		return fmt.Errorf("no request's name contains %s", strings.Join(p.only, " or "))
	}
	measured := make([]map[string]*measure, len(trials))
	for i, t := range trials {
		measured[i] = map[string]*measure{}
		for _, s := range servers {
			measured[i][s.name] = &measure{}
		}
		rounds := p.rounds
		if t.rounds > 0 {
			rounds = t.rounds
		}
		for round := range rounds {
			for k := range servers {
				s := servers[(k+round)%len(servers)]
				if err := t.put(ctx, p, s, round, measured[i][s.name]); err != nil {
					return fmt.Errorf("%s: %w", t.what, err)
				}
			}
		}
		fmt.Fprintln(out, progress(t, servers, measured[i]))
	}
	fmt.Fprintln(out)
	for _, table := range []func(io.Writer, []*server, []trial, []map[string]*measure){ratios, costs, waits} {
		table(out, servers, trials, measured)
		fmt.Fprintln(out)
	}
	return nil
}

// put puts the trial to one server.
func (t trial) put(ctx context.Context, p plan, s *server, round int, m *measure) error {
	j := job{
		endpoint: s.endpoint, Light: true, Action: t.action, Bucket: bucket, Prefix: t.prefix, Size: t.size, Callers: t.callers,
		Count: t.count, Objects: t.objects, Sealed: s.seals(),
	}
	if t.folders {
		j.Delimiter = "/"
	}
	if t.count == 0 {
		j.Time = p.cell
	}
	if t.action == "put" {
		j.Prefix = fmt.Sprintf("written/%d/%d/%d/", t.size, t.callers, round)
	}
	syscall.Sync() // nobody pays for what another left unwritten
	if err := s.forgetPeak(); err != nil {
		return fmt.Errorf("resetting the peak of memory: %w", err)
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
	peak, err := s.peak()
	if err != nil {
		return err
	}
	rate := got.perSecond()
	if t.bulk() {
		rate = got.mebibytes()
	}
	m.rates, m.seconds = append(m.rates, rate), append(m.seconds, got.Seconds)
	m.p50, m.p99 = append(m.p50, got.P50), append(m.p99, got.P99)
	m.processor, m.client = m.processor+after-before, m.client+got.Processor
	m.bytes, m.requests, m.peak = m.bytes+got.Bytes, m.requests+got.Requests, max(m.peak, peak)
	if t.action == "put" && t.bulk() { // or the disk fills
		j.Action, j.Count, j.Time = "delete", got.Requests, 0
		_, err = j.do(ctx)
	}
	return err
}

// rate is how much a server did in a second, or for a listing, how long it took.
func (m *measure) rate(t trial) string {
	switch {
	case t.action == "list":
		each := time.Duration(median(m.seconds) / float64(t.count) * float64(time.Second))
		return milliseconds(each)
	case t.bulk():
		return fmt.Sprintf("%.0f MiB/s", median(m.rates))
	}
	return fmt.Sprintf("%.0f/s", median(m.rates))
}

// cost is the processor time for each GiB, or for each thousand requests.
func cost(t trial, used time.Duration, m *measure) string {
	if t.bulk() {
		return fmt.Sprintf("%.2f s/GiB", used.Seconds()/(float64(m.bytes)/(1<<30)))
	}
	return fmt.Sprintf("%.2f s/1,000", used.Seconds()/(float64(m.requests)/1000))
}

func progress(t trial, servers []*server, of map[string]*measure) string {
	parts := []string{fmt.Sprintf("%-48s", t.what)}
	for _, s := range servers {
		parts = append(parts, fmt.Sprintf("%s %s", s.name, of[s.name].rate(t)))
	}
	return strings.Join(parts, "  ")
}

// markdown prints one row of a table.
func markdown(out io.Writer, cells ...string) {
	fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
}

func names(servers []*server) []string {
	var out []string
	for _, s := range servers {
		out = append(out, map[string]string{"strongroom": "Strongroom", "minio": "MinIO, SSE-KMS", "versitygw": "versitygw, plain"}[s.name])
	}
	return out
}

func rule(columns int) []string { return slices.Repeat([]string{"---"}, columns) }

// ratios is the table of throughput and of what is required of it: as fast as MinIO
// with SSE-KMS, half as fast again as a goal, and for reads nine tenths of versitygw,
// which neither encrypts nor records.
func ratios(out io.Writer, servers []*server, trials []trial, measured []map[string]*measure) {
	head := append([]string{"what"}, names(servers)...)
	for _, s := range servers[1:] {
		head = append(head, "÷ "+strings.TrimSuffix(strings.TrimSuffix(names([]*server{s})[0], ", plain"), ", SSE-KMS"))
	}
	head = append(head, "required", "met")
	markdown(out, head...)
	markdown(out, rule(len(head))...)
	for i, t := range trials {
		row := []string{t.what}
		for _, s := range servers {
			row = append(row, measured[i][s.name].rate(t))
		}
		var required []string
		met, goal := true, true
		ours := median(measured[i]["strongroom"].rates)
		for _, s := range servers[1:] {
			ratio := ours / median(measured[i][s.name].rates)
			row = append(row, fmt.Sprintf("%.2f", ratio))
			switch {
			case s.name == "minio":
				required = append(required, "≥ 1.0 × MinIO")
				met, goal = met && ratio >= 1, goal && ratio >= 1.5
			case t.get():
				required = append(required, "≥ 0.9 × versitygw")
				met = met && ratio >= 0.9
			}
		}
		verdict := "**no**"
		switch {
		case len(required) == 0:
			verdict = ""
		case met && goal:
			verdict = "yes, and the goal"
		case met:
			verdict = "yes"
		}
		markdown(out, append(row, strings.Join(required, ", "), verdict)...)
	}
}

// costs is the table of the servers' processor time and memory.
func costs(out io.Writer, servers []*server, trials []trial, measured []map[string]*measure) {
	head := []string{"processor time of the server (of the client); peak resident memory"}
	head = append(head, names(servers)...)
	markdown(out, head...)
	markdown(out, rule(len(head))...)
	for i, t := range trials {
		row := []string{t.what}
		for _, s := range servers {
			m := measured[i][s.name]
			row = append(row, fmt.Sprintf("%s (%s); %d MiB", cost(t, m.processor, m), strings.Fields(cost(t, m.client, m))[0], m.peak>>20))
		}
		markdown(out, row...)
	}
}

// waits is the table of how long requests took.
func waits(out io.Writer, servers []*server, trials []trial, measured []map[string]*measure) {
	head := []string{"p50 / p99 of a request"}
	head = append(head, names(servers)...)
	markdown(out, head...)
	markdown(out, rule(len(head))...)
	for i, t := range trials {
		row := []string{t.what}
		for _, s := range servers {
			m := measured[i][s.name]
			row = append(row, fmt.Sprintf("%s / %s", milliseconds(median(m.p50)), milliseconds(median(m.p99))))
		}
		markdown(out, row...)
	}
}

// milliseconds is a duration in milliseconds, as exact as it can be read.
func milliseconds(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 10 {
		return fmt.Sprintf("%.2f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
)

// reasons say of every case that Strongroom misses why it does.
type reasons struct {
	order []reason
	of    map[string]map[string]int // suite, case: place in order
}

// reason is a heading of reasons.txt with the text below it.
type reason struct{ title, text string }

// parseReasons reads reasons.txt: a line "# TITLE" begins a reason, the lines "> TEXT"
// after it say more, and each line "SUITE CASE…" names the cases that are missed for it.
func parseReasons(text string) (reasons, error) {
	r := reasons{of: map[string]map[string]int{}}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		fail := func(why string) (reasons, error) { return reasons{}, fmt.Errorf("line %d: %s", number, why) }
		title, isTitle := strings.CutPrefix(line, "# ")
		more, isText := strings.CutPrefix(line, "> ")
		switch {
		case line == "":
		case isTitle:
			if slices.ContainsFunc(r.order, func(o reason) bool { return o.title == title }) {
				return fail("the reason stands there already")
			}
			r.order = append(r.order, reason{title: title})
		case len(r.order) == 0:
			return fail("a reason begins with \"# TITLE\"")
		case isText:
			last := &r.order[len(r.order)-1]
			last.text = strings.TrimSpace(last.text + " " + more)
		default:
			words := strings.Fields(line)
			if !slices.Contains(suiteNames, words[0]) {
				return fail(fmt.Sprintf("there is no suite %q", words[0]))
			}
			if len(words) == 1 {
				return fail("no case is named")
			}
			of := r.of[words[0]]
			if of == nil {
				of = map[string]int{}
				r.of[words[0]] = of
			}
			for _, c := range words[1:] {
				if _, known := of[c]; known {
					return fail(c + " has a reason already")
				}
				of[c] = len(r.order) - 1
			}
		}
	}
	return r, nil
}

// objections name the outcomes that the reasons do not bear out. In a whole run every
// case that has a reason must be there.
func (r reasons) objections(got result, whole bool) []string {
	var said []string
	ran := map[string]bool{}
	for _, o := range got.outcomes {
		ran[o.name] = true
		_, excused := r.of[got.suite][o.name]
		switch {
		case o.passed && excused:
			said = append(said, fmt.Sprintf("%s %s passes: take it out of reasons.txt", got.suite, o.name))
		case !o.passed && !excused:
			said = append(said, fmt.Sprintf("%s %s fails, and reasons.txt does not say why it may: %s", got.suite, o.name, o.said))
		}
	}
	if whole {
		for c := range r.of[got.suite] {
			if !ran[c] {
				said = append(said, fmt.Sprintf("%s has no case %s: take it out of reasons.txt", got.suite, c))
			}
		}
	}
	slices.Sort(said)
	return said
}

// begin and end stand around the part of the page that is written by this command.
const (
	begin = "<!-- written by make compat: begin -->"
	end   = "<!-- written by make compat: end -->"
)

// writePage replaces the page's written part.
func writePage(path string, results []result, known reasons) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the page to write: %w", err)
	}
	before, rest, ok := strings.Cut(string(old), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no part to write: it needs the lines %q and %q", path, begin, end)
	}
	page := before + begin + "\n" + table(results, known) + end + after
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

// table is the figures of every server and Strongroom's misses by reason.
func table(results []result, known reasons) string {
	var b strings.Builder
	b.WriteString("\n| suite | cases |")
	for _, s := range serverNames {
		fmt.Fprintf(&b, " %s |", title[s])
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(serverNames)) + "\n")
	for _, suite := range suiteNames {
		row, cases := "", 0
		for _, server := range serverNames {
			at := slices.IndexFunc(results, func(r result) bool { return r.suite == suite && r.server == server })
			if at < 0 {
				row += " – |"
				continue
			}
			cases = len(results[at].outcomes)
			row += fmt.Sprintf(" %d |", results[at].passed())
		}
		fmt.Fprintf(&b, "| %s | %d |%s\n", title["suite "+suite], cases, row)
	}
	missed := make([]map[string][]string, len(known.order)) // by suite
	counts := make([]int, len(known.order))
	total := 0
	for _, r := range results {
		if r.server != ours {
			continue
		}
		for _, o := range r.outcomes {
			if why, ok := known.of[r.suite][o.name]; ok && !o.passed {
				if missed[why] == nil {
					missed[why] = map[string][]string{}
				}
				missed[why][r.suite] = append(missed[why][r.suite], "`"+o.name+"`")
				counts[why]++
				total++
			}
		}
	}
	fmt.Fprintf(&b, "\n## What Strongroom misses, and why\n\n%d cases.\n", total)
	order := make([]int, 0, len(missed))
	for i := range missed {
		if counts[i] > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(counts[b], counts[a]) })
	for _, i := range order {
		why := known.order[i]
		fmt.Fprintf(&b, "\n### %s (%d)\n\n", why.title, counts[i])
		if why.text != "" {
			b.WriteString(why.text + "\n\n")
		}
		for _, suite := range suiteNames {
			if cases := missed[i][suite]; len(cases) > 0 {
				fmt.Fprintf(&b, "- %s: %s\n", suite, strings.Join(cases, ", "))
			}
		}
	}
	return b.String() + "\n"
}

// title is how the page calls servers and suites.
var title = map[string]string{
	ours: "Strongroom", "minio": "MinIO", "versitygw": "versitygw",
	"suite versitygw": "`versitygw test`, its full flow", "suite minio-go": "minio-go's functional tests",
}

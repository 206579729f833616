package limit

import "strings"

// DiffLine is a line of two texts held against each other.
type DiffLine struct {
	Sign string // "+" for what came, "-" for what went, " " for what stays, "…" for lines left out
	Text string
}

// maxEdits bounds the work of holding two texts against each other: beyond it, all between
// the first and the last difference counts as replaced.
const maxEdits = 1500

// Diff holds two texts against each other by lines, with so many lines around each change.
// It is nil where nothing differs.
func Diff(before, after string, around int) []DiffLine {
	a, b := lines(before), lines(after)
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var all []DiffLine
	add := func(sign string, of []string) {
		for _, l := range of {
			all = append(all, DiffLine{sign, strings.TrimRight(l, "\r\n")})
		}
	}
	add(" ", a[:head])
	all = append(all, edits(a[head:len(a)-tail], b[head:len(b)-tail])...)
	add(" ", a[len(a)-tail:])

	keep := make([]bool, len(all))
	changed := false
	for i, l := range all {
		if l.Sign == " " {
			continue
		}
		changed = true
		for j := max(0, i-around); j <= min(len(all)-1, i+around); j++ {
			keep[j] = true
		}
	}
	if !changed {
		return nil
	}
	var out []DiffLine
	for i, l := range all {
		switch {
		case keep[i]:
			out = append(out, l)
		case len(out) > 0 && out[len(out)-1].Sign != "…":
			out = append(out, DiffLine{Sign: "…"})
		}
	}
	if out[len(out)-1].Sign == "…" {
		out = out[:len(out)-1]
	}
	return out
}

// edits is a shortest way from a to b (Myers), or all of a replaced by all of b where that
// would take too long to find.
func edits(a, b []string) []DiffLine {
	var out []DiffLine
	add := func(sign string, l string) { out = append(out, DiffLine{sign, strings.TrimRight(l, "\r\n")}) }
	most := min(len(a)+len(b), maxEdits)
	var trace [][]int
	at := map[int]int{1: 0}
	found := -1
search:
	for d := 0; d <= most; d++ {
		row := make([]int, 2*d+1)
		for k := -d; k <= d; k += 2 {
			x := at[k-1] + 1
			if k == -d || k != d && at[k-1] < at[k+1] {
				x = at[k+1]
			}
			y := x - k
			for x < len(a) && y < len(b) && a[x] == b[y] {
				x, y = x+1, y+1
			}
			at[k], row[k+d] = x, x
			if x >= len(a) && y >= len(b) {
				trace, found = append(trace, row), d
				break search
			}
		}
		trace = append(trace, row)
	}
	if found < 0 {
		for _, l := range a {
			add("-", l)
		}
		for _, l := range b {
			add("+", l)
		}
		return out
	}
	x, y := len(a), len(b)
	var back []DiffLine
	step := func(sign, l string) { back = append(back, DiffLine{sign, strings.TrimRight(l, "\r\n")}) }
	for d := found; d > 0; d-- {
		k := x - y
		before := trace[d-1]
		value := func(k int) int {
			if i := k + d - 1; i >= 0 && i < len(before) {
				return before[i]
			}
			return -1
		}
		from := k - 1
		if k == -d || k != d && value(k-1) < value(k+1) {
			from = k + 1
		}
		fx := value(from)
		fy := fx - from
		for x > fx && y > fy && x > 0 && y > 0 && a[x-1] == b[y-1] && !(x-1 < fx || y-1 < fy) {
			x, y = x-1, y-1
			step(" ", a[x])
		}
		if from == k+1 {
			y--
			step("+", b[y])
		} else {
			x--
			step("-", a[x])
		}
	}
	for x > 0 {
		x--
		step(" ", a[x])
	}
	for i := len(back) - 1; i >= 0; i-- {
		out = append(out, back[i])
	}
	return out
}

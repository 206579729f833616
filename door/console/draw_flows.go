package console

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"strongroom/know"
)

// Columns of a picture of flows.
const (
	flowFrom = iota // systems, suppliers, sources
	flowVia         // interfaces
	flowIn          // buckets, and sources that something is sent to
	flowTo          // who gets it
	flowColumns
)

// flowsDrawn bounds how many flows one picture shows; the table beside it has all.
const flowsDrawn = 60

type flowNode struct {
	column     int
	name, sort string
	supplier   string  // whose it is, "" for the company's own
	weight     float64 // where its neighbours are
	row        int
}

type flowEdge struct {
	from, to    *flowNode
	state, says string
}

// flowPicture lays out what sends what where.
type flowPicture struct {
	nodes map[string]*flowNode
	order []*flowNode
	edges []flowEdge
}

func (f *flowPicture) node(column int, sort, name string) *flowNode {
	key := fmt.Sprint(column, sort, name)
	n := f.nodes[key]
	if n == nil {
		n = &flowNode{column: column, name: name, sort: sort}
		f.nodes[key], f.order = n, append(f.order, n)
	}
	return n
}

// end is the node of one end of a flow.
func (f *flowPicture) end(column int, e know.End) *flowNode {
	switch {
	case e.Bucket != "":
		return f.node(flowIn, "bucket", e.Bucket)
	case e.Source != "":
		return f.node(column, "source", e.Source)
	case e.Supplier != "":
		n := f.node(column, "supplier", e.System+" ("+e.Supplier+")")
		n.supplier = e.Supplier
		return n
	case e.System == know.Unknown:
		return f.node(column, "unknown", "?")
	}
	return f.node(column, "system", e.System)
}

// flowState is how a flow is drawn.
func flowState(j *know.Joined) string {
	switch j.State {
	case know.SeenOnly:
		return "undeclared"
	case know.NotSeen:
		return "missing"
	case know.Quiet:
		return "quiet"
	case know.Unseeable:
		return "unseeable"
	}
	return "seen"
}

func (f *flowPicture) add(j *know.Joined, says string) {
	state := flowState(j)
	into := flowIn
	if j.From.Bucket != "" {
		into = flowTo
	}
	from, to := f.end(flowFrom, bare(j, j.From)), f.end(into, bare(j, j.To))
	if j.Via != "" && from.column == flowFrom {
		via := f.node(flowVia, "via", j.Via)
		f.edges = append(f.edges, flowEdge{from, via, state, says}, flowEdge{via, to, state, says})
		return
	}
	if from.column == flowFrom && to.column == flowIn {
		lane := f.node(flowVia, "lane", fmt.Sprint(len(f.edges))) // between the interfaces, so that none hides it
		f.edges = append(f.edges, flowEdge{from, lane, state, says}, flowEdge{lane, to, state, says})
		return
	}
	f.edges = append(f.edges, flowEdge{from, to, state, says})
}

// bare is an end of a flow that was seen and not declared, without the kind of principal
// before its name.
func bare(j *know.Joined, e know.End) know.End {
	if kind, name, two := strings.Cut(e.System, " "); j.State == know.SeenOnly && two && known("flow.kind."+kind) {
		e.System = name
	}
	return e
}

// drawFlows draws flows in four columns, each beside those that it is tied to.
func (v *visit) drawFlows(joined []know.Joined, readers map[string]int) template.HTML {
	f := flowPicture{nodes: map[string]*flowNode{}}
	for i := range joined[:min(len(joined), flowsDrawn)] {
		j := &joined[i]
		f.add(j, fmt.Sprintf("%s → %s: %s", v.endName(j, j.From), v.endName(j, j.To), v.page.T("flow."+flowState(j))))
	}
	for _, b := range slices.Sorted(maps.Keys(readers)) {
		people := f.node(flowTo, "people", v.page.T("flow.people"))
		f.edges = append(f.edges, flowEdge{f.node(flowIn, "bucket", b), people, "seen", b + " → " + v.page.N("flow.people.many", readers[b])})
	}
	const wide, high, gap, top, step = 186.0, 44.0, 10.0, 34.0, 236.0
	var columns [flowColumns][]*flowNode
	for _, n := range f.order {
		n.row = len(columns[n.column])
		columns[n.column] = append(columns[n.column], n)
	}
	for range 4 { // towards their neighbours, as long as it helps
		for _, n := range f.order {
			sum, many := 0.0, 0
			for _, e := range f.edges {
				switch n {
				case e.from:
					sum, many = sum+float64(e.to.row), many+1
				case e.to:
					sum, many = sum+float64(e.from.row), many+1
				}
			}
			if n.weight = float64(n.row); many > 0 {
				n.weight = sum / float64(many)
			}
		}
		for _, column := range columns {
			slices.SortStableFunc(column, func(a, b *flowNode) int { return cmp.Compare(a.weight, b.weight) })
			for i, n := range column {
				n.row = i
			}
		}
	}
	rows := 1
	for _, c := range columns {
		rows = max(rows, len(c))
	}
	height := top + float64(rows)*(high+gap) + 4
	at := func(n *flowNode) (x, y float64) {
		free := float64(rows-len(columns[n.column])) / 2 * (high + gap)
		return 2 + float64(n.column)*step, top + free + float64(n.row)*(high+gap)
	}
	d := newDrawing("flows", "flows", v.page.T("flow.title"), v.page.N("flow.says", len(joined)), int(2+3*step+wide+2), int(height))
	for i, name := range []string{"from", "via", "in", "to"} {
		if slices.ContainsFunc(columns[i], func(n *flowNode) bool { return n.sort != "lane" }) {
			d.text("name", "start", 4+float64(i)*step, 16, v.page.T("flow.column."+name))
		}
	}
	for _, e := range f.edges {
		x1, y1 := at(e.from)
		x2, y2 := at(e.to)
		x1, y1, y2 = x1+wide, y1+high/2, y2+high/2
		if e.to.column <= e.from.column { // to a neighbour in the same column
			x2 += wide
		}
		bend, across := max(30, (x2-x1)/2), ""
		if e.to.sort == "lane" {
			across = fmt.Sprintf("h%.1f", wide)
		}
		d.raw(`<g class="flow %s"><title>%s</title><path d="M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f%s" fill="none"/>`, e.state, escaped(e.says), x1, y1, x1+bend, y1, x2-bend, y2, x2, y2, across)
		if e.to.column > e.from.column && e.to.sort != "lane" {
			d.raw(`<path class="tip" d="M%.1f %.1fl-7-4v8z"/>`, x2, y2)
		}
		if e.state == "undeclared" && e.to.sort != "lane" {
			mx, my := (x1+x2)/2, (y1+y2)/2
			d.raw(`<circle class="warn" cx="%.1f" cy="%.1f" r="8"/><text class="warn" text-anchor="middle" x="%.1f" y="%.1f">!</text>`, mx, my, mx, my+4)
		}
		d.raw(`</g>`)
	}
	for _, n := range f.order {
		if n.sort == "lane" {
			continue
		}
		x, y := at(n)
		d.raw(`<g class="node %s"><title>%s</title><rect x="%.1f" y="%.1f" width="%.0f" height="%.0f" rx="6"/>`, n.sort, escaped(v.page.T("flow.sort."+n.sort)+": "+n.name), x, y, wide, high)
		if n.supplier != "" {
			d.text("", "start", x+10, y+19, cut(strings.TrimSuffix(n.name, " ("+n.supplier+")"), 24))
			d.text("name", "start", x+10, y+35, cut(n.supplier, 26))
		} else {
			d.text("", "start", x+10, y+27, cut(n.name, 24))
		}
		d.raw(`</g>`)
	}
	return d.done()
}

// trend is a picture of one number over time.
type trend struct {
	lang, name, title, description string
	values                         []int64
	labels, says                   []string
	write                          func(int64) string
}

func (g *trend) draw() template.HTML {
	const width, height, left, top, bottom = 860, 220, 70, 12, 34
	d := newDrawing(g.name, "trend", g.title, g.description, width, height)
	most := max(1, slices.Max(g.values))
	x := func(i int) float64 { return left + float64(width-left-12)*float64(i)/float64(max(1, len(g.values)-1)) }
	y := func(n int64) float64 { return top + float64(height-top-bottom)*(1-float64(n)/float64(most)) }
	d.line("grid", left, top, width, top)
	d.text("name", "end", left-8, top+5, g.write(most))
	d.text("name", "end", left-8, y(0)+4, g.write(0))
	path := ""
	for i, n := range g.values {
		path += fmt.Sprintf("%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[i == 0], x(i), y(n))
	}
	last := len(g.values) - 1
	d.raw(`<path class="area" d="%sL%.1f %.1fL%.1f %.1fz"/><path class="curve" fill="none" d="%s"/>`, path, x(last), y(0), x(0), y(0), path)
	for i, n := range g.values {
		d.raw(`<g><title>%s</title><circle class="dot" cx="%.1f" cy="%.1f" r="3.5"/></g>`, escaped(g.says[i]), x(i), y(n))
		if g.labels[i] != "" {
			d.text("name", map[bool]string{true: "end", false: "middle"}[i == last], x(i), height-8, g.labels[i])
		}
	}
	d.line("axis", left, y(0), width, y(0))
	return d.done()
}

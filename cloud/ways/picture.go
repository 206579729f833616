package ways

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"

	"strongroom/cloud/reach"
)

// Columns of the picture.
const (
	pictureWho = iota
	pictureRoute
	pictureThrough
	pictureWhat
	pictureColumns
)

// pictureRows bounds how many nodes a column has; what is beyond them is one node more.
var pictureRows = [pictureColumns]int{12, 12, 8, 6}

// Picture is who gets where by which route: principals who take the same routes together,
// at left; then the route by which they leave, whose rights they end with, and what they
// reach. However many there are, it has at most 42 nodes.
type Picture struct {
	lang    string
	columns [pictureColumns][]*pictureNode
	edges   []*pictureEdge
	Lights  []Light
}

// Light is one chain that can be lit: that of a node at left.
type Light struct {
	ID   string // lit-1 …
	Who  []reach.Principal
	Way  *Way
	Ways []*Way // all of the node's
	Sure reach.Certainty
	more int // groups that it stands for beyond its own
}

type pictureNode struct {
	column     int
	key        string
	name, note string
	says       string
	kind       string // class
	light      int    // 1 …, of a node at left
	lit        []int  // lights that go through it
	count      int
	y          float64
	sort       float64
}

type pictureEdge struct {
	from, to *pictureNode
	count    int
	sure     reach.Certainty
	lit      []int
}

// Picture lays the picture of a report out, in a language.
func (out *Report) Picture(lang string) *Picture {
	p := &Picture{lang: lang}
	s := speaker{lang}
	home := out.Account
	// Who takes the same routes, with the same certainty.
	type person struct {
		principal reach.Principal
		ways      []*Way
		sure      reach.Certainty
	}
	var people []*person
	byARN := map[string]*person{}
	for i := range out.Ways {
		w := &out.Ways[i]
		if len(w.Chain.Steps) == 0 {
			continue
		}
		for _, who := range w.Who {
			x := byARN[who.ARN]
			if x == nil {
				x = &person{principal: who}
				byARN[who.ARN] = x
				people = append(people, x)
			}
			x.ways = append(x.ways, w)
			x.sure = max(x.sure, w.Certainty)
		}
	}
	type group struct {
		who  []reach.Principal
		ways []*Way
		sure reach.Certainty
		many int // groups in one, where they are too many
		has  map[*Way]bool
	}
	join := func(g *group, ways []*Way) {
		for _, w := range ways {
			if !g.has[w] {
				g.has[w] = true
				g.ways = append(g.ways, w)
			}
		}
	}
	var groups []*group
	byRoutes := map[string]*group{}
	for _, x := range people {
		routes := []string{}
		for _, w := range x.ways {
			routes = append(routes, w.Chain.Steps[0].Rule)
		}
		slices.Sort(routes)
		key := fmt.Sprint(x.sure, outside(x.principal), slices.Compact(routes))
		g := byRoutes[key]
		if g == nil {
			g = &group{sure: x.sure, has: map[*Way]bool{}}
			byRoutes[key] = g
			groups = append(groups, g)
		}
		g.who = append(g.who, x.principal)
		join(g, x.ways)
	}
	slices.SortStableFunc(groups, func(a, b *group) int {
		return cmp.Or(-cmp.Compare(a.sure, b.sure), -cmp.Compare(outside(a.who[0]), outside(b.who[0])), -cmp.Compare(len(a.who), len(b.who)), cmp.Compare(a.who[0].ARN, b.who[0].ARN))
	})
	if most := pictureRows[pictureWho]; len(groups) > most {
		rest := &group{many: len(groups) - most + 1, has: map[*Way]bool{}}
		for _, g := range groups[most-1:] {
			rest.who = append(rest.who, g.who...)
			join(rest, g.ways)
			rest.sure = max(rest.sure, g.sure)
		}
		groups = append(groups[:most-1], rest)
	}
	// How much goes through each route, role and target decides which have nodes of their own.
	weigh := [pictureColumns]map[string]int{{}, {}, {}, {}}
	for _, g := range groups {
		for _, w := range g.ways {
			r, t := stations(w)
			weigh[pictureRoute][r] += len(w.Who) * len(w.Rights)
			weigh[pictureThrough][t] += len(w.Who) * len(w.Rights)
			for _, right := range w.Rights {
				weigh[pictureWhat][target(right)] += len(w.Who)
			}
		}
	}
	kept := [pictureColumns]map[string]bool{}
	for column := pictureRoute; column < pictureColumns; column++ {
		kept[column] = most(weigh[column], pictureRows[column])
	}
	nodes := map[string]*pictureNode{}
	node := func(column int, key string, make func() *pictureNode) *pictureNode {
		if column != pictureWho && !kept[column][key] {
			key = "\x00more"
			make = func() *pictureNode {
				n := len(weigh[column]) - len(kept[column])
				return &pictureNode{name: s.T("pic.more", s.number(n)), says: s.T("pic.more", s.number(n)), kind: "more"}
			}
		}
		id := fmt.Sprint(column, key)
		n := nodes[id]
		if n == nil {
			n = make()
			n.column, n.key = column, key
			nodes[id] = n
			p.columns[column] = append(p.columns[column], n)
		}
		return n
	}
	edges := map[[2]*pictureNode]*pictureEdge{}
	edge := func(from, to *pictureNode, count int, sure reach.Certainty, light int) {
		k := [2]*pictureNode{from, to}
		e := edges[k]
		if e == nil {
			e = &pictureEdge{from: from, to: to}
			edges[k] = e
			p.edges = append(p.edges, e)
		}
		e.count += count
		e.sure = max(e.sure, sure)
		if light > 0 && !slices.Contains(e.lit, light) {
			e.lit = append(e.lit, light)
		}
		for _, n := range k {
			if light > 0 && !slices.Contains(n.lit, light) {
				n.lit = append(n.lit, light)
			}
		}
	}
	for i, g := range groups {
		light := i + 1
		p.Lights = append(p.Lights, Light{ID: fmt.Sprintf("lit-%d", light), Who: g.who, Way: g.ways[0], Ways: g.ways, Sure: g.sure, more: g.many})
		from := node(pictureWho, fmt.Sprint(i), func() *pictureNode {
			n := &pictureNode{kind: g.sure.String(), light: light, count: len(g.who)}
			n.name = s.crowd(g.who, home)
			n.note = s.T("sure." + g.sure.String())
			if g.many > 0 {
				n.note = s.T("pic.groups", s.number(g.many))
				n.kind = "more"
			} else if len(g.who) > 1 {
				n.note += " · " + s.names(g.who, home, 1)
			}
			n.says = s.names(g.who, home, 12) + s.T("colon") + s.T("sure."+g.sure.String())
			return n
		})
		in := map[string]bool{}
		for _, x := range g.who {
			in[x.ARN] = true
		}
		for j, w := range g.ways {
			count := 0
			for _, x := range w.Who {
				if in[x.ARN] {
					count++
				}
			}
			lit := 0
			if j == 0 {
				lit = light
			}
			r, t := stations(w)
			first := w.Chain.Steps[0]
			route := node(pictureRoute, r, func() *pictureNode {
				return &pictureNode{name: first.Title.In(lang), note: r, says: first.Title.In(lang) + " (" + r + ")", kind: "route"}
			})
			through := node(pictureThrough, t, func() *pictureNode {
				if t == "" {
					return &pictureNode{name: s.T("pic.directly"), says: s.T("pic.directly"), kind: "directly"}
				}
				name := s.at(w.end(), home)
				return &pictureNode{name: name, note: s.T("pic.rights"), says: name, kind: "through"}
			})
			edge(from, route, count, w.Certainty, lit)
			edge(route, through, count, w.Certainty, lit)
			for i, right := range w.Rights {
				what := node(pictureWhat, target(right), func() *pictureNode {
					return &pictureNode{name: s.target(right, home), note: s.T("pic." + string(right.Kind)), says: s.right(right, home), kind: "what"}
				})
				if i > 0 {
					lit = 0 // one chain is lit
				}
				edge(through, what, count, w.Certainty, lit)
			}
		}
	}
	p.place()
	return p
}

// stations are what a way goes by: its first route, and whose rights it ends with ("" its own).
func stations(w *Way) (route, through string) {
	end := w.end()
	switch {
	case end.Kind == reach.AtNew:
		through = newKind(end)
	case len(w.Chain.Steps) > 1 && end.ARN != w.Who[0].ARN:
		through = end.ARN
	}
	return w.Chain.Steps[0].Rule, through
}

// end is who takes the last step.
func (w *Way) end() reach.Node { return w.Chain.Steps[len(w.Chain.Steps)-1].From }

func target(r reach.Right) string { return string(r.Kind) + " " + r.Target }

// most are the heaviest of many: all, or as many as have room beside a node for the rest.
func most(weigh map[string]int, rows int) map[string]bool {
	keys := make([]string, 0, len(weigh))
	for k := range weigh {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(-cmp.Compare(weigh[a], weigh[b]), cmp.Compare(a, b)) })
	if len(keys) > rows {
		keys = keys[:rows-1]
	}
	out := map[string]bool{}
	for _, k := range keys {
		out[k] = true
	}
	return out
}

// crowd names principals by their kinds: "12 users, 3 roles", or the one that it is.
func (s speaker) crowd(who []reach.Principal, home string) string {
	if len(who) == 1 {
		return s.who(who[0], home)
	}
	users, roles := 0, 0
	for _, p := range who {
		switch p.Kind {
		case reach.User:
			users++
		case reach.Role:
			roles++
		}
	}
	var parts []string
	if users > 0 {
		parts = append(parts, s.N("users", users))
	}
	if roles > 0 {
		parts = append(parts, s.N("roles", roles))
	}
	if others := len(who) - users - roles; others > 0 {
		parts = append(parts, s.N("others", others))
	}
	return strings.Join(parts, ", ")
}

// Sizes of the picture.
const (
	pictureWide = 232.0
	pictureHigh = 44.0
	pictureGap  = 12.0
	pictureStep = 290.0
	pictureTop  = 34.0
	letterWide  = 8.1 // of a name, on average, on the wide side
)

// place puts each node beside those that it is tied to.
func (p *Picture) place() {
	rows := 1
	for _, c := range p.columns {
		rows = max(rows, len(c))
	}
	high := func(c []*pictureNode) float64 { return float64(len(c))*(pictureHigh+pictureGap) - pictureGap }
	all := float64(rows)*(pictureHigh+pictureGap) - pictureGap
	for column := range p.columns {
		if column != pictureWho {
			for _, n := range p.columns[column] {
				sum, weight := 0.0, 0.0
				for _, e := range p.edges {
					if e.to == n {
						w := 1 + math.Log2(float64(e.count+1))
						sum, weight = sum+w*e.from.y, weight+w
					}
				}
				n.sort = sum / max(1, weight)
			}
			slices.SortStableFunc(p.columns[column], func(a, b *pictureNode) int {
				return cmp.Or(cmp.Compare(a.sort, b.sort), cmp.Compare(a.key, b.key))
			})
		}
		c := p.columns[column]
		step := pictureHigh + pictureGap
		start := 0.0
		if column != pictureWho && len(c) > 0 {
			// As high up as what leads there, within the picture.
			mean := 0.0
			for _, n := range c {
				mean += n.sort / float64(len(c))
			}
			start = min(max(0, mean-pictureTop-high(c)/2+pictureHigh/2), all-high(c))
		}
		for i, n := range c {
			n.y = pictureTop + start + float64(i)*step
		}
	}
}

// Empty says whether there is nothing to draw.
func (p *Picture) Empty() bool { return len(p.Lights) == 0 }

// size of the picture, in pixels.
func (p *Picture) size() (width, height int) {
	bottom := pictureTop + pictureHigh
	for _, c := range p.columns {
		for _, n := range c {
			bottom = max(bottom, n.y+pictureHigh)
		}
	}
	return int(3*pictureStep + pictureWide + 4), int(bottom + 6)
}

// escaped is text for markup, without what cannot be seen.
func escaped(s string) string { return html.EscapeString(printable(s)) }

// SVG draws the picture with the classes of Style and no style of its own. Its nodes at left
// are links to #lit-1 and so on: whatever shows it gives those ids to what tells the chains,
// and lights .l1 and so on with them.
func (p *Picture) SVG() string { return p.draw("", true) }

// WriteSVG writes the picture as a file of its own, with its style; the most important chain
// is lit.
func (p *Picture) WriteSVG(w io.Writer) error {
	_, err := io.WriteString(w, p.draw("<style>"+pictureTheme+Style+pictureAlone+"</style>", false)+"\n")
	return err
}

func (p *Picture) draw(style string, links bool) string {
	s := speaker{p.lang}
	var b strings.Builder
	raw := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	width, height := p.size()
	role := `role="img"`
	if links {
		role = `role="group"`
	}
	raw(`<svg xmlns="http://www.w3.org/2000/svg" class="ways-picture" %s lang="%s" aria-labelledby="ways-t ways-d" viewBox="0 0 %d %d" width="%d" height="%d">`, role, p.lang, width, height, width, height)
	raw(`<title id="ways-t">%s</title><desc id="ways-d">%s</desc>`, escaped(s.T("title")), escaped(s.T("pic.says")))
	b.WriteString(style)
	if style != "" {
		raw(`<rect class="paper" width="%d" height="%d"/>`, width, height)
	}
	for i, key := range []string{"pic.who", "pic.route", "pic.through", "pic.what"} {
		raw(`<text class="column" x="%.0f" y="16">%s</text>`, 4+float64(i)*pictureStep, escaped(s.T(key)))
	}
	lit := func(list []int) string {
		out := ""
		for _, l := range list {
			out += fmt.Sprintf(" l%d", l)
		}
		return out
	}
	// Those that can be lit lie above the others.
	for _, first := range []bool{true, false} {
		for _, e := range p.edges {
			if (len(e.lit) == 0) != first {
				continue
			}
			x1, x2 := 2+float64(e.from.column)*pictureStep+pictureWide, 2+float64(e.to.column)*pictureStep
			y1, y2 := e.from.y+pictureHigh/2, e.to.y+pictureHigh/2
			bend := (x2 - x1) / 2
			raw(`<g class="edge %s%s"><title>%s → %s: %s</title><path fill="none" stroke-width="%.1f" d="M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f"/><path class="tip" d="M%.1f %.1fl-8-4.5v9z"/></g>`,
				e.sure, lit(e.lit), escaped(e.from.name), escaped(e.to.name), escaped(s.N("principals", e.count)),
				1.2+0.5*math.Log2(float64(e.count)), x1, y1, x1+bend, y1, x2-bend, y2, x2-6, y2, x2, y2)
		}
	}
	letters := int(math.Floor((pictureWide - 20) / letterWide))
	for _, c := range p.columns {
		for _, n := range c {
			x := 2 + float64(n.column)*pictureStep
			if n.light > 0 && links {
				raw(`<a href="#lit-%d" aria-label="%s">`, n.light, escaped(n.says))
			}
			raw(`<g class="node %s%s"><title>%s</title><rect x="%.1f" y="%.1f" width="%.0f" height="%.0f" rx="7"/>`, n.kind, lit(n.lit), escaped(n.says), x, n.y, pictureWide, pictureHigh)
			y := n.y + 18
			if n.note == "" {
				y = n.y + 26
			}
			name, rest := n.name, ""
			if n.kind == "route" {
				name, rest = twoLines(n.name, letters)
			}
			raw(`<text class="name" x="%.1f" y="%.1f" unicode-bidi="isolate">%s</text>`, x+10, y, escaped(cut(name, letters)))
			switch {
			case rest != "":
				raw(`<text class="name" x="%.1f" y="%.1f" unicode-bidi="isolate">%s</text>`, x+10, n.y+35, escaped(cut(rest, letters)))
			case n.note != "":
				raw(`<text class="note" x="%.1f" y="%.1f" unicode-bidi="isolate">%s</text>`, x+10, n.y+35, escaped(cut(n.note, letters+5)))
			}
			raw(`</g>`)
			if n.light > 0 && links {
				raw(`</a>`)
			}
		}
	}
	return b.String() + "</svg>"
}

// Style is the style sheet of the picture, for pages that have the variables of the house's
// style sheet.
const Style = `
.ways-picture { display: block; font-family: var(--body); }
.ways-picture .column { fill: var(--quiet); font-size: 12px; font-weight: 600; }
.ways-picture .node rect { fill: var(--card); stroke: var(--edge); stroke-width: 1; }
.ways-picture .node .name { fill: var(--ink); font-size: 12.5px; font-weight: 600; }
.ways-picture .node .note { fill: var(--quiet); font-size: 11px; }
.ways-picture .node.what rect { fill: var(--raised); stroke: var(--ink); }
.ways-picture .node.directly rect, .ways-picture .node.more rect { fill: var(--paper); stroke-dasharray: 3 3; }
.ways-picture .node.directly .name, .ways-picture .node.more .name { font-weight: 400; fill: var(--quiet); }
.ways-picture .edge path { stroke: var(--edge); opacity: 0.45; }
.ways-picture .edge .tip { stroke: none; fill: var(--edge); }
.ways-picture .edge.possible path { stroke-dasharray: 8 4; }
.ways-picture .edge.unknown path { stroke-dasharray: 2 4; }
.ways-picture a:hover rect { stroke: var(--mark); stroke-width: 2; }
`

// pictureTheme gives a picture that stands alone the house's colours.
const pictureTheme = `
svg { color-scheme: light dark; --paper: #f7f6f3; --card: #fff; --raised: #f1efea; --ink: #18212a; --quiet: #55626e; --edge: #8a8478; --mark: #0b5d4d; --mark-soft: #e0efea; --bad: #a3231b; --bad-soft: #fbe9e6; --body: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; }
@media (prefers-color-scheme: dark) { svg { --paper: #11161b; --card: #1a2128; --raised: #222b33; --ink: #ebe8e2; --quiet: #a9b4be; --edge: #74808b; --mark: #74d3bb; --mark-soft: #173a33; --bad: #ff9f94; --bad-soft: #43201d; } }
.paper { fill: var(--paper); }
`

// litRules are what lights one chain.
func litRules(where, class string) string {
	return where + ".ways-picture .edge." + class + " path { stroke: var(--bad); opacity: 1; stroke-width: 3; }\n" +
		where + ".ways-picture .edge." + class + " .tip { stroke: none; fill: var(--bad); }\n" +
		where + ".ways-picture .node." + class + " rect { stroke: var(--bad); stroke-width: 2.5; fill: var(--bad-soft); }\n"
}

var pictureAlone = litRules("", "l1")

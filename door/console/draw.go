package console

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
	"unicode"
)

// drawing is an SVG picture that is drawn by code. Its colours are classes of draw.css; it
// has no style of its own, and whatever is written in it is escaped.
type drawing struct {
	b             strings.Builder
	width, height int
	name          string // id prefix of title and description
}

// newDrawing begins a picture that is told as title and description.
func newDrawing(name, class, title, description string, width, height int) *drawing {
	d := &drawing{width: width, height: height, name: name}
	d.raw(`<svg class="drawn %s" role="img" aria-labelledby="%s-t %s-d" viewBox="0 0 %d %d" width="%d" height="%d" font-size="12">`, class, name, name, width, height, width, height)
	d.raw(`<title id="%s-t">%s</title><desc id="%s-d">%s</desc>`, name, escaped(title), name, escaped(description))
	return d
}

// raw writes markup; its arguments are numbers, classes, or escaped before.
func (d *drawing) raw(format string, args ...any) { fmt.Fprintf(&d.b, format, args...) }

func (d *drawing) rect(class string, x, y, w, h float64) {
	d.raw(`<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2"/>`, class, x, y, w, h)
}

// text writes words that end, begin or lie in the middle at a place.
func (d *drawing) text(class, anchor string, x, y float64, s string) {
	d.raw(`<text class="%s" text-anchor="%s" x="%.1f" y="%.1f" unicode-bidi="isolate">%s</text>`, class, anchor, x, y, escaped(s))
}

// slanted writes words upwards from a place.
func (d *drawing) slanted(class string, x, y float64, s string) {
	d.raw(`<text class="%s" transform="translate(%.1f %.1f) rotate(-40)" unicode-bidi="isolate">%s</text>`, class, x, y, escaped(s))
}

func (d *drawing) line(class string, x1, y1, x2, y2 float64) {
	d.raw(`<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, x1, y1, x2, y2)
}

// done is the picture.
func (d *drawing) done() template.HTML { return template.HTML(d.b.String() + "</svg>") }

// escaped is text for markup, without what cannot be seen and turns other text around.
func escaped(s string) string { return html.EscapeString(printable(s)) }

// printable is text without what cannot be seen: it could turn the text after it around.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) || c == '\u202f' || c == '\u00a0' {
			return c
		}
		return '\uFFFD'
	}, s)
}

// cut shortens a name to fit so many letters.
func cut(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}

// shade is how dark a count is drawn, from 0 for none to 4 for the most there is.
func shade(n, most int64) int {
	if n <= 0 || most <= 0 {
		return 0
	}
	return 1 + min(3, int(4*math.Sqrt(float64(n)/float64(most))*0.999))
}

// brief is a number that fits into a small field.
func brief(lang string, n int64) string {
	for _, unit := range []struct {
		of   int64
		name string
	}{{1_000_000, "M"}, {1_000, "k"}} {
		if n < unit.of {
			continue
		}
		v := float64(n) / float64(unit.of)
		if v < 10 {
			return decimal(lang, v) + unit.name
		}
		return fmt.Sprintf("%.0f%s", v, unit.name)
	}
	return fmt.Sprint(n)
}

// decimal is a number with one digit after the point, or the comma.
func decimal(lang string, v float64) string {
	s := strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
	if lang == french {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s
}

// heatMap is a picture of counts in rows and columns.
type heatMap struct {
	lang, name, title, description string
	left, top, cell                int
	slant                          bool // column names are written upwards
	columns                        []string
	rows                           []string
	most                           int64
	at                             func(row, column int) heatCell
}

// heatCell is one field: what it counts, the mark of how it stands to the usual, what it
// says, and what it leads to: the id of a link in the table beside the picture.
type heatCell struct {
	count      int64
	mark, says string
	leads      string
}

func (h *heatMap) draw() template.HTML {
	d := newDrawing(h.name, "map", h.title, h.description, h.left+len(h.columns)*h.cell+h.top, h.top+len(h.rows)*heatRow+4)
	for i, name := range h.columns {
		x := float64(h.left + i*h.cell)
		if h.slant {
			d.slanted("name", x+float64(h.cell)/2, float64(h.top-8), cut(name, 22))
		} else if name != "" {
			d.text("name", "start", x+2, float64(h.top-8), name)
		}
	}
	for r, name := range h.rows {
		y := float64(h.top + r*heatRow)
		d.text("name", "end", float64(h.left-8), y+17, cut(name, (h.left-12)/7))
		for c := range h.columns {
			x, cell := float64(h.left+c*h.cell), h.at(r, c)
			class, leads := fmt.Sprintf("cell s%d", shade(cell.count, h.most)), ""
			if cell.leads != "" {
				leads = fmt.Sprintf(` data-leads="%s"`, cell.leads)
			}
			d.raw(`<g class="%s"%s><title>%s</title>`, class, leads, escaped(cell.says))
			d.rect("", x+1, y+1, float64(h.cell-2), heatRow-2)
			if cell.count > 0 && h.cell >= 30 {
				d.text("", "middle", x+float64(h.cell)/2-2, y+17, brief(h.lang, cell.count))
			}
			d.raw(`%s</g>`, markPath(cell.mark, x+float64(h.cell)-9, y+4))
		}
	}
	return d.done()
}

// heatRow is how high a row is.
const heatRow = 26

// markPath draws how a count stands to the usual: each mark has a form of its own.
func markPath(mark string, x, y float64) string {
	switch mark {
	case "more":
		return fmt.Sprintf(`<path class="mark" d="M%.1f %.1fl3.500 6h-7z"/>`, x+3, y)
	case "less":
		return fmt.Sprintf(`<path class="mark" d="M%.1f %.1fl3.500-6h-7z"/>`, x+3, y+6)
	case "new":
		return fmt.Sprintf(`<circle class="mark" cx="%.1f" cy="%.1f" r="3"/>`, x+3, y+3)
	}
	return ""
}

// bars is a picture of two series over time: one upwards, one downwards.
type bars struct {
	lang, name, title, description string
	up, down                       []int64
	labels                         []string // below, "" for none
	says                           []string // of each
}

func (g *bars) draw() template.HTML {
	const width, height, left, top, bottom = 860, 220, 52, 12, 34
	d := newDrawing(g.name, "bars", g.title, g.description, width, height)
	var most, least int64 = 1, 0
	for i := range g.up {
		most, least = max(most, g.up[i]), max(least, g.down[i])
	}
	unit := float64(height-top-bottom) / float64(most+least)
	axis := top + float64(most)*unit
	d.text("name", "end", left-8, top+9, brief(g.lang, most))
	d.line("grid", left, top, width, top)
	d.text("name", "end", left-8, axis+4, "0")
	if least > 0 && float64(least)*unit > 14 {
		d.text("name", "end", left-8, axis+float64(least)*unit+4, brief(g.lang, least))
	}
	step := float64(width-left) / float64(max(1, len(g.up)))
	wide := max(1, step-min(2, step/4))
	for i := range g.up {
		x := left + float64(i)*step
		d.raw(`<g><title>%s</title>`, escaped(g.says[i]))
		d.rect("field", x, top, step, float64(height-top-bottom))
		if g.up[i] > 0 {
			d.rect("up", x, axis-float64(g.up[i])*unit, wide, max(1, float64(g.up[i])*unit))
		}
		if g.down[i] > 0 {
			d.rect("down", x, axis+1, wide, max(2, float64(g.down[i])*unit))
		}
		d.raw(`</g>`)
		if g.labels[i] != "" {
			d.text("name", "start", x, height-10, g.labels[i])
		}
	}
	d.line("axis", left, axis, width, axis)
	return d.done()
}

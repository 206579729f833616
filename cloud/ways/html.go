package ways

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"strongroom/cloud/reach"
)

//go:embed report.css
var reportCSS string

//go:embed report.html
var reportHTML string

var reportTemplate = template.Must(template.New("report").Parse(reportHTML))

// sheet is the one style of a page, and hash what its policy permits it by.
var sheet, sheetHash = func() (string, string) {
	var b strings.Builder
	b.WriteString(reportCSS)
	b.WriteString(Style)
	b.WriteString(litRules("main:not(:has(.lit:target)) ", "l1"))
	for i := range pictureRows[pictureWho] {
		b.WriteString(litRules(fmt.Sprintf("main:has(#lit-%d:target) ", i+1), fmt.Sprintf("l%d", i+1)))
	}
	sum := sha256.Sum256([]byte(b.String()))
	return b.String(), "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}()

// waysShown bounds how many ways a page tells.
const waysShown = 1000

// view is what the page's template reads.
type view struct {
	speaker
	R       *Report
	Picture *Picture
	first   map[string][]reach.Principal
}

// WriteHTML writes a report as one page that asks for nothing else: no script, no request, and
// a content security policy that permits neither.
func (out *Report) WriteHTML(w io.Writer, lang string) error {
	v := &view{speaker: speaker{lang}, R: out, Picture: out.Picture(lang), first: out.firstSteps()}
	if err := reportTemplate.Execute(w, v); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

func (v *view) Lang() string                 { return v.lang }
func (v *view) Style() template.CSS          { return template.CSS(sheet) }
func (v *view) StyleHash() template.HTMLAttr { return template.HTMLAttr(sheetHash) }
func (v *view) SVG() template.HTML           { return template.HTML(v.Picture.SVG()) }
func (v *view) Number(n int) string          { return v.number(n) }
func (v *view) Clean(s string) string        { return printable(s) }
func (v *view) Thing(arn string) string      { return v.thing(arn, v.R.Account) }
func (v *view) Asked() []string              { return v.asked(v.R) }
func (v *view) Day(t time.Time) string       { return v.day(t) }
func (v *view) Why(s string) string          { return v.why(s) }
func (v *view) Join(l []string) string       { return printable(strings.Join(l, ", ")) }
func (v *view) Groups() []Group              { return v.R.listed() }
func (v *view) All() bool                    { return len(v.R.Question.From) == 0 }
func (v *view) Counts(c Change) string       { return v.counts(c, v.R) }
func (v *view) Closing() string              { return v.closing(v.R.Plan) }

func (v *view) Time(t *time.Time) string { return v.time(*t) }

func (v *view) Head() string { return v.head(v.R) }

// Summary leaves out what has a place of its own: the counts of routes and the best change.
func (v *view) Summary() []string {
	lines := v.summary(v.R)[1:]
	if v.R.Best() != nil {
		lines = lines[:len(lines)-1]
	}
	return lines
}

func (v *view) Status(s reach.Status) string               { return v.T("status." + s.String()) }
func (v *view) Who(p reach.Principal) string               { return v.who(p, v.R.Account) }
func (v *view) Right(r reach.Right) string                 { return v.right(r, v.R.Account) }
func (v *view) Found() int                                 { return v.R.found }
func (v *view) Rights(list []reach.Right, n int) string    { return v.rights(list, v.R.Account, n) }
func (v *view) Cause(c Cause) string                       { return v.cause(c, v.R.Account) }
func (v *view) Crowd(l []reach.Principal) string           { return v.crowd(l, v.R.Account) }
func (v *view) Names(l []reach.Principal, most int) string { return v.names(l, v.R.Account, most) }

func (v *view) Sure(c reach.Certainty) string {
	if c == reach.No {
		return v.T("diff.no")
	}
	return v.T("sure." + c.String())
}

// Beside says what a route does that does not lead to content.
func (v *view) Beside(r reach.Route) string {
	if leads(r) {
		return ""
	}
	return v.T(r.Effect)
}

// Takers names those whose chain begins with a route, and counts who else can take it; or
// says why nobody is known to.
func (v *view) Takers(r reach.Route) string {
	if len(r.Who) == 0 {
		return printable(r.Why.In(v.lang))
	}
	n := v.N("principals", max(r.WhoTotal, len(r.Who)))
	if who := v.first[r.ID]; len(who) > 0 {
		n += v.T("semicolon") + v.T("route.first", v.names(who, v.R.Account, 4))
	}
	if len(r.Into) > 0 {
		n += v.T("semicolon") + v.T("route.into", v.roles(r.Into, v.R.Account, 5))
	}
	return n
}

// MissingOf says what a way still depends on.
func (v *view) MissingOf(w Way) string {
	if w.Certainty == reach.Unknown {
		return v.T("missing.for", v.Join(w.Missing))
	}
	return v.T("missing.could", v.Join(w.Missing))
}

// Decisive are the missing inputs on which the answer depends; Other are the rest.
func (v *view) Decisive() []Missing { return v.inputs(true) }
func (v *view) Other() []Missing    { return v.inputs(false) }

func (v *view) inputs(decides bool) []Missing {
	var out []Missing
	for _, m := range v.R.Missing {
		if m.Decides == decides {
			out = append(out, m)
		}
	}
	return out
}

func (v *view) Shown() []Way { return v.R.Ways[:min(len(v.R.Ways), waysShown)] }
func (v *view) Hidden() int  { return len(v.R.Ways) - len(v.Shown()) }

// shownStep is a step as the page tells it.
type shownStep struct {
	Title, Via, To      string
	Details, Conditions []string
}

// Chain prepares a chain for the template of that name.
func (v *view) Chain(c reach.Chain) any {
	var steps []shownStep
	for _, s := range c.Steps {
		x := shownStep{Title: s.Title.In(v.lang), To: v.leadsTo(s.To, v.R.Account)}
		if s.Via != "" {
			x.Via = v.via(s, v.R.Account)
		}
		x.Details = v.acts(s)
		for _, c := range s.Conditions {
			x.Conditions = append(x.Conditions, v.condition(c))
		}
		steps = append(steps, x)
	}
	return struct{ Steps []shownStep }{steps}
}

// twinRow is a row of the table beside the picture.
type twinRow struct{ Who, Route, Through, What, Sure string }

// Twin says in a table what the picture shows.
func (v *view) Twin() []twinRow {
	var out []twinRow
	for _, l := range v.Picture.Lights {
		seen := map[twinRow]bool{}
		for _, w := range l.Ways {
			_, through := stations(w)
			for _, right := range w.Rights {
				row := twinRow{Who: v.crowd(l.Who, v.R.Account), Route: w.Chain.Steps[0].Title.In(v.lang), Through: v.T("pic.directly"), What: v.target(right, v.R.Account), Sure: v.Sure(w.Certainty)}
				if len(l.Who) > 1 {
					row.Who += " (" + v.names(l.Who, v.R.Account, 3) + ")"
				}
				if through != "" {
					row.Through = v.at(w.end(), v.R.Account)
				}
				if len(seen) == 40 {
					break
				}
				if !seen[row] {
					seen[row] = true
					out = append(out, row)
				}
			}
		}
	}
	return out
}

// Patch is a JSON patch, an operation a line.
func (v *view) Patch(list []Operation) string {
	var b strings.Builder
	for i, o := range list {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(o.Op + " " + o.Path)
		if len(o.Value) > 0 {
			b.WriteString(" " + string(o.Value))
		}
	}
	return printableLines(b.String())
}

func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

// Rows are the effect of the plan.
func (v *view) Rows() any {
	type shown struct {
		Name          string
		Before, After int
	}
	var out []shown
	for _, r := range v.R.rows() {
		out = append(out, shown{v.T(r.key), r.before, r.after})
	}
	return out
}

// Parts are the parts of the difference.
func (v *view) Parts() any {
	type shown struct {
		Key  string
		List []FindingChange
	}
	var out []shown
	for _, p := range v.R.Diff.parts() {
		out = append(out, shown{p.key, p.list})
	}
	return out
}

// Counted says what was looked at.
func (v *view) Counted() string { return v.counted(v.R) }

func (s speaker) counted(out *Report) string {
	x := out.Examined
	return s.T("counted", s.N("principals", x.Principals), s.N("buckets", x.Buckets), s.N("keys", x.Keys), s.N("compute", x.Compute), s.N("rules", x.Rules))
}

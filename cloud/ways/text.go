package ways

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"strongroom/cloud/reach"
)

// columns is how wide text is.
const columns = 100

// page is text that is being written.
type page struct {
	speaker
	b    strings.Builder
	home string // the account's number
}

func (p *page) line(format string, args ...any) {
	fmt.Fprintf(&p.b, format, args...)
	p.b.WriteByte('\n')
}

func (p *page) section(s string) {
	p.line("")
	p.line("%s", s)
}

// wrap writes text that begins after first and goes on, in further lines, after rest. A word
// that is longer than a line is not cut: people copy them.
func (p *page) wrap(first, rest, s string) {
	line := first
	began := false
	for _, word := range strings.FieldsFunc(s, func(c rune) bool { return c == ' ' }) {
		if began && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > columns {
			p.line("%s", strings.TrimRight(line, " "))
			line, began = rest, false
		}
		if began {
			line += " "
		}
		line += word
		began = true
	}
	p.line("%s", strings.TrimRight(line, " "))
}

// pad fills up to n letters.
func pad(s string, n int) string {
	if k := utf8.RuneCountInString(s); k < n {
		return s + strings.Repeat(" ", n-k)
	}
	return s
}

// names lists the first few and counts the rest.
func (s speaker) names(who []reach.Principal, home string, most int) string {
	var out []string
	for i, p := range who {
		if i == most {
			out = append(out, s.T("and.more", s.number(len(who)-most)))
			break
		}
		out = append(out, s.who(p, home))
	}
	return strings.Join(out, ", ")
}

// roles names roles, and counts the rest.
func (s speaker) roles(arns []string, home string, most int) string {
	var out []reach.Principal
	for _, arn := range arns {
		out = append(out, reach.Principal{Kind: reach.Role, ARN: arn, Name: arn[strings.LastIndex(arn, "/")+1:]})
	}
	return s.names(out, home, most)
}

// rights lists the first few and counts the rest.
func (s speaker) rights(list []reach.Right, home string, most int) string {
	var out []string
	for i, r := range list {
		if i == most {
			out = append(out, s.T("and.more", s.number(len(list)-most)))
			break
		}
		out = append(out, s.right(r, home))
	}
	return strings.Join(out, ", ")
}

// TextOptions say how a report is printed.
type TextOptions struct {
	Lang string // en, fr
	Top  int    // how many ways and changes are printed in full; 0 all
}

// WriteText prints a report for people, at most 100 columns wide wherever no single word is
// wider.
func (out *Report) WriteText(w io.Writer, o TextOptions) error {
	p := &page{speaker: speaker{o.Lang}, home: out.Account}
	p.top(out)
	p.inputs(out, o.Top == 0)
	p.routes(out)
	p.ways(out, o.Top)
	p.plan(out, o.Top)
	p.diff(out, o.Top)
	p.line("")
	p.wrap("", "", p.counted(out))
	_, err := io.WriteString(w, p.b.String())
	return err
}

// asked says what was asked, a line for each right.
func (s speaker) asked(out *Report) []string {
	var list []string
	seen := map[reach.Right]bool{}
	for _, r := range out.Asked {
		if !seen[r] {
			seen[r] = true
			list = append(list, s.right(r, out.Account))
		}
	}
	return list
}

// head says of which account a report is, and from when.
func (s speaker) head(out *Report) string {
	head := s.T("account.unknown")
	if out.Account != "" {
		head = s.T("account", printable(out.Account))
	}
	if out.Taken != nil {
		head += ", " + s.T("taken", s.time(*out.Taken))
	}
	return head
}

func (p *page) top(out *Report) {
	p.line("%s", p.head(out))
	p.wrap("", "  ", p.T("asked", cut(strings.Join(p.asked(out), ", "), 600)))
	if len(out.Question.From) > 0 {
		p.wrap("", "  ", p.T("asked.from", printable(strings.Join(out.Question.From, ", "))))
	}
	for _, i := range out.Question.Intended {
		p.wrap("", "  ", p.T("asked.intended", p.thing(i.Role, out.Account)))
	}
	p.line("")
	for _, s := range p.summary(out) {
		p.wrap("", "  ", s)
	}
}

// summary is what stands at the top, a sentence a line.
func (s speaker) summary(out *Report) []string {
	var lines []string
	c := out.Summary.Routes
	if len(out.Question.From) == 0 {
		lines = append(lines, s.T("sum.routes", c.Open, c.Open+c.Closed+c.Unknown, c.Closed, c.Unknown))
	} else {
		n := 0
		for _, g := range out.listed() {
			n += len(g.Routes)
		}
		lines = append(lines, s.T("sum.theirs", n))
	}
	sum := out.Summary
	switch {
	case sum.Certain+sum.Possible > 0:
		lines = append(lines, s.T("sum.who", s.N("principals", sum.Certain+sum.Possible), sum.Certain, sum.Possible))
	case out.Unknown():
		lines = append(lines, s.T("sum.nobody.but"))
	default:
		lines = append(lines, s.T("sum.nobody"))
	}
	if sum.Unknown > 0 {
		lines = append(lines, s.T("sum.unknown", s.N("principals", sum.Unknown)))
	}
	if sum.Intended > 0 {
		lines = append(lines, s.T("sum.intended", s.N("principals", sum.Intended)))
	}
	if b := sum.Beside; b.Open > 0 && len(out.Question.From) == 0 {
		lines = append(lines, s.T("sum.beside", b.Open, b.Open+b.Closed+b.Unknown))
	}
	if best := out.Best(); best != nil {
		lines = append(lines, s.T("sum.best", printable(best.What.In(s.lang)), best.Closes, out.found))
	}
	return lines
}

// Few things are told one by one; of more, the names.
const (
	fewInputs = 6
	fewFaults = 3
)

func (p *page) inputs(out *Report, all bool) {
	var decisive, others []string
	for _, m := range out.Missing {
		list := &others
		if m.Decides {
			list = &decisive
		}
		if name := printable(m.Input); !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}
	if len(decisive)+len(others) > 0 {
		p.section(p.T("not.looked"))
	}
	if all || len(decisive) <= fewInputs {
		for _, m := range out.Missing {
			if !m.Decides && !all {
				continue
			}
			name := printable(m.Input)
			for _, more := range []string{m.Of, m.Region} {
				if more != "" {
					name += " " + printable(more)
				}
			}
			line := p.why(m.Why)
			if text := m.Means.In(p.lang); text != "" {
				line += p.T("colon") + text
			}
			p.wrap("  "+pad(name, 24)+" ", strings.Repeat(" ", 27), line)
			if m.Command != "" {
				p.wrap("    $ ", "      ", m.Command)
			}
		}
		decisive = nil
	}
	if len(decisive) > 0 {
		p.wrap("  ", "    ", p.T("not.decides", p.N("inputs", len(decisive)), strings.Join(decisive, ", ")))
	}
	if len(others) > 0 && !all {
		p.wrap("  ", "    ", p.T("not.other", strings.Join(others, ", ")))
	}
	if len(decisive)+len(others) > 0 && !all {
		p.wrap("  ", "    ", p.T("not.how"))
	}
	if len(out.Faults) > 0 {
		p.section(p.T("wrong"))
		for i, f := range out.Faults {
			if i == fewFaults && !all {
				p.line("  %s", p.T("and.more", p.number(len(out.Faults)-i)))
				break
			}
			p.wrap("  ", "    ", f.String())
		}
	}
}

func (f Fault) String() string {
	s := printable(f.File)
	if f.Line > 0 {
		s += fmt.Sprintf(":%d", f.Line)
	}
	for _, more := range []string{f.Path, f.What} {
		if more != "" {
			if s != "" {
				s += ": "
			}
			s += printable(more)
		}
	}
	return s
}

func (p *page) routes(out *Report) {
	first := out.firstSteps()
	for _, g := range out.listed() {
		p.section(g.Title.In(p.lang))
		var closed []string
		unknown := map[string][]string{}
		var missing []string
		for _, r := range g.Routes {
			switch r.Status {
			case reach.Closed:
				closed = append(closed, r.ID)
			case reach.Open:
				title := r.Title.In(p.lang)
				if r.Effect == "cover" || r.Effect == "loosen" {
					title += " (" + p.T(r.Effect) + ")"
				}
				if n := max(r.WhoTotal, len(r.Who)); n > 0 {
					title += ", " + p.N("principals", n)
				}
				p.wrap("  "+pad(strings.ToUpper(p.T("status.open")), 9)+pad(r.ID, 25)+" ", strings.Repeat(" ", 37), title)
				if who := first[r.ID]; len(who) > 0 {
					p.wrap(strings.Repeat(" ", 37), strings.Repeat(" ", 37), p.T("route.first", p.names(who, out.Account, 3)))
				}
				if len(r.Into) > 0 {
					p.wrap(strings.Repeat(" ", 37), strings.Repeat(" ", 37), p.T("route.into", p.roles(r.Into, out.Account, 5)))
				}
			default:
				why := r.Why.In(p.lang)
				if len(r.Missing) > 0 {
					why = p.T("missing.for", printable(strings.Join(r.Missing, ", ")))
				}
				if _, there := unknown[why]; !there {
					missing = append(missing, why)
				}
				unknown[why] = append(unknown[why], r.ID)
			}
		}
		for _, why := range missing {
			line := strings.Join(unknown[why], ", ")
			if why != "" {
				line += " (" + why + ")"
			}
			p.wrap("  "+pad(p.T("status.unknown"), 9), strings.Repeat(" ", 11), line)
		}
		if len(closed) > 0 {
			p.wrap("  "+pad(p.T("routes.closed"), 9), strings.Repeat(" ", 11), strings.Join(closed, ", "))
		}
	}
}

// firstSteps are, for each route, the principals whose shortest chain begins with it: they
// need it, where others who can take it have no need to.
func (out *Report) firstSteps() map[string][]reach.Principal {
	first := map[string][]reach.Principal{}
	seen := map[[2]string]bool{}
	for _, w := range out.Ways {
		if len(w.Chain.Steps) == 0 {
			continue
		}
		rule := w.Chain.Steps[0].Rule
		for _, p := range w.Who {
			if k := [2]string{rule, p.ARN}; !seen[k] {
				seen[k] = true
				first[rule] = append(first[rule], p)
			}
		}
	}
	return first
}

func (p *page) ways(out *Report, top int) {
	if len(out.Ways) == 0 {
		return
	}
	p.section(p.T("who.head"))
	for i, w := range out.Ways {
		if top > 0 && i == top {
			p.line("")
			p.line("  %s", p.T("who.more", p.number(len(out.Ways)-top)))
			return
		}
		p.line("")
		p.wrap(fmt.Sprintf("%3d ", i+1), "    ", p.names(w.Who, out.Account, 4)+p.T("colon")+p.T("sure."+w.Certainty.String())+", "+p.rights(w.Rights, out.Account, 4))
		p.chain(w.Chain)
		if w.Since != nil {
			p.wrap("    ", "      ", p.T("since", p.day(w.Since.NotBefore), printable(w.Since.Because.In(p.lang))))
		}
		if missing := w.Missing; len(missing) > 0 {
			key := "missing.could"
			if w.Certainty == reach.Unknown {
				key = "missing.for"
			}
			p.wrap("    ", "      ", p.T(key, printable(strings.Join(missing, ", "))))
		}
	}
}

// chain writes the steps of a chain.
func (p *page) chain(c reach.Chain) {
	for i, step := range c.Steps {
		p.wrap(fmt.Sprintf("    %d. ", i+1), "       ", p.step(step, p.home))
		for _, line := range p.details(step) {
			p.wrap("       ", "         ", line)
		}
	}
}

// step is a step in a sentence: what is done, through what, and where it leads.
func (s speaker) step(step reach.Step, home string) string {
	text := step.Title.In(s.lang)
	if step.Via != "" {
		text += ", " + s.via(step, home)
	}
	return text + " → " + s.leadsTo(step.To, home)
}

// via says through what a step goes.
func (s speaker) via(step reach.Step, home string) string {
	key := "via"
	if step.ViaUnknown {
		key = "via.unknown"
	}
	return s.T(key, s.thing(step.Via, home))
}

// details are the actions of a step with what grants them, and its conditions.
func (s speaker) details(step reach.Step) []string {
	out := s.acts(step)
	for _, c := range step.Conditions {
		out = append(out, s.condition(c))
	}
	return out
}

// acts are the actions of a step with what grants them.
func (s speaker) acts(step reach.Step) []string {
	var out []string
	for _, act := range step.Actions {
		var by []string
		for _, b := range act.Because {
			if text := s.because(b); !slices.Contains(by, text) {
				by = append(by, text)
			}
		}
		if len(by) > 3 {
			by = append(by[:3], s.T("and.more", s.number(len(by)-3)))
		}
		if from, _ := splitARN(step.From.ARN); len(by) == 0 && from.resource == "root" {
			by = []string{s.T("by.root")}
		}
		on := printable(act.Resource)
		if len(act.Only) > 0 {
			on = s.T("act.only", on, printable(strings.Join(act.Only, ", ")))
		}
		if len(act.Except) > 0 {
			on = s.T("act.except", on, printable(strings.Join(act.Except, ", ")))
		}
		if len(by) == 0 {
			out = append(out, s.T("step.act", printable(act.Action), on))
			continue
		}
		out = append(out, s.T("step.by", printable(act.Action), on, strings.Join(by, s.T("semicolon"))))
	}
	return out
}

func (p *page) plan(out *Report, top int) {
	plan := out.Plan
	if plan == nil {
		return
	}
	p.section(p.T("close.head"))
	p.wrap("  ", "  ", p.closing(plan))
	for i, c := range plan.Changes {
		if top > 0 && i == top {
			p.line("  %s", p.T("who.more", p.number(len(plan.Changes)-top)))
			break
		}
		p.wrap(fmt.Sprintf("%3d ", i+1), "    ", printable(c.What.In(p.lang)))
		p.wrap("    ", "      ", p.counts(c, out))
		for _, o := range c.Patch {
			if o.Op != "test" {
				p.wrap("    "+pad(o.Op, 8), "            ", printable(o.Path+" "+string(o.Value)))
			}
		}
		if len(c.Patch) == 0 {
			p.line("    %s", p.T("close.nopatch"))
		}
	}
	if len(plan.Left) > 0 {
		p.section(p.T("close.left"))
		for i, l := range plan.Left {
			if top > 0 && i == top {
				p.line("  %s", p.T("who.more", p.number(len(plan.Left)-top)))
				break
			}
			p.wrap("  ", "    ", p.thing(l.Principal, out.Account)+", "+p.right(l.Right, out.Account)+p.T("colon")+printable(l.Why.In(p.lang)))
		}
	}
	if plan.After == nil {
		return
	}
	p.section(p.T("effect.head"))
	p.line("  %s %8s %8s", pad("", 24), p.T("effect.before"), p.T("effect.after"))
	for _, row := range out.rows() {
		p.line("  %s %8d %8d", pad(p.T(row.key), 24), row.before, row.after)
	}
	for _, s := range plan.Skipped {
		p.wrap("  ", "    ", p.T("effect.skipped", printable(s.In(p.lang))))
	}
}

// counts says how many need what a change takes away.
func (s speaker) counts(c Change, out *Report) string {
	key := "close.counts.many"
	if c.Closes == 1 || s.lang == "fr" && c.Closes == 0 {
		key = "close.counts.one"
	}
	return s.T(key, c.Closes, out.found)
}

// closing says how good a plan is.
func (s speaker) closing(plan *Plan) string {
	n := s.N("changes", len(plan.Changes))
	switch {
	case len(plan.Changes) == 0:
		return s.T("close.none")
	case len(plan.Left) > 0:
		return s.T("close.partly", n, len(plan.Left), plan.Considered)
	case plan.Smallest:
		return s.T("close.smallest", n, plan.Considered)
	}
	return s.T("close.enough", n, plan.Considered)
}

func (p *page) diff(out *Report, top int) {
	d := out.Diff
	if d == nil {
		return
	}
	head := p.T("diff.head")
	if d.Taken != nil {
		head += " (" + p.time(*d.Taken) + ")"
	}
	p.section(head)
	if d.Empty() {
		p.line("  %s", p.T("diff.same"))
		return
	}
	for _, r := range d.Routes {
		p.wrap("  "+pad(strings.ToUpper(p.T("status."+r.Now.String())), 9)+pad(r.ID, 24)+" ", strings.Repeat(" ", 36), r.Title.In(p.lang)+", "+p.T("diff.was", p.T("status."+r.Then.String())))
	}
	for _, part := range d.parts() {
		for i, c := range part.list {
			if top > 0 && i == top {
				p.line("  %s", p.T("who.more", p.number(len(part.list)-top)))
				break
			}
			was := p.T("diff.no")
			if c.Then != reach.No {
				was = p.T("sure." + c.Then.String())
			}
			now := p.T("diff.no")
			if c.Now != reach.No {
				now = p.T("sure." + c.Now.String())
			}
			p.wrap("  "+pad(p.T(part.key), 16)+" ", strings.Repeat(" ", 19), p.who(c.Principal, out.Account)+", "+p.right(c.Right, out.Account)+p.T("colon")+was+" → "+now)
			for _, b := range c.Because {
				p.wrap(strings.Repeat(" ", 19), strings.Repeat(" ", 21), p.T("diff.because")+" "+p.cause(b, out.Account))
			}
		}
	}
}

package ways

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"strongroom/cloud/account"
	"strongroom/cloud/reach"
)

// LogonForm names the JSON form of a Logon: docs/formats/cloud-ways.md.
const LogonForm = "strongroom-cloud-logon/1"

// Logon says of every server that may hold a role whether anybody gets a shell on it.
type Logon struct {
	Form    string     `json:"form"`
	Account string     `json:"account"`
	Taken   *time.Time `json:"taken,omitempty"`
	Roles   []string   `json:"roles"` // ARNs of the roles that were asked about
	// Without is the answer to "are the servers without remote log-on?": Closed is yes,
	// Open is no.
	Without reach.Status `json:"shell"`
	Counts  Counts       `json:"counts"`
	// Servers are those that can be logged on to first, then those of which it is not known.
	Servers []reach.Server `json:"servers"`
	// Unlisted are the inputs that would name further servers and were not supplied.
	Unlisted []string  `json:"unlisted,omitempty"`
	Missing  []Missing `json:"missing,omitempty"`
	Faults   []Fault   `json:"faults,omitempty"`
}

// listing are the inputs that name what runs with a role and can be logged on to.
var listing = []string{"instances", "functions", "tasks", "services", "task-definition-list", "auto-scaling-groups", "projects", "notebooks", "dev-endpoints", "glue-jobs", "stacks", "batch-job-definitions", "apprunner-services", "data-pipelines", "code-interpreters", "state-machines", "managed-instances", "pod-identities"}

// NewLogon makes the report of the servers of a result; roles are those that it asked about.
func NewLogon(a *account.Account, r *reach.Result, roles []string) *Logon {
	whole := New(a, r)
	out := &Logon{Form: LogonForm, Account: r.Account, Taken: whole.Taken, Roles: roles, Servers: []reach.Server{}, Faults: whole.Faults}
	for _, s := range r.Logon {
		if len(s.Ways) > 0 { // else nobody logs on to such a thing: a stack, a schedule
			out.Servers = append(out.Servers, s)
		}
	}
	worst := map[reach.Status]int{reach.Open: 0, reach.NotKnown: 1, reach.Closed: 2}
	slices.SortStableFunc(out.Servers, func(x, y reach.Server) int { return cmp.Compare(worst[x.Shell], worst[y.Shell]) })
	needed := map[string]bool{}
	for _, s := range out.Servers {
		out.Counts.add(s.Shell)
		for _, w := range s.Ways {
			for _, m := range w.Missing {
				needed[m] = true
			}
		}
	}
	for _, m := range whole.Missing {
		lists := slices.Contains(listing, m.Input)
		if lists && !slices.Contains(out.Unlisted, m.Input) {
			out.Unlisted = append(out.Unlisted, m.Input)
		}
		if m.Decides = lists || needed[m.Input]; m.Decides {
			out.Missing = append(out.Missing, m)
		}
	}
	slices.Sort(out.Unlisted)
	switch {
	case out.Counts.Open > 0:
		out.Without = reach.Open
	case out.Counts.Unknown > 0 || len(out.Unlisted) > 0 || len(out.Faults) > 0:
		out.Without = reach.NotKnown
	default:
		out.Without = reach.Closed
	}
	return out
}

// answer is the report's answer in a sentence.
func (s speaker) answer(out *Logon) (word, because string) {
	word = s.T(map[reach.Status]string{reach.Closed: "logon.yes", reach.Open: "logon.no", reach.NotKnown: "logon.unknown"}[out.Without])
	n := len(out.Servers)
	switch {
	case n == 0 && out.Without == reach.Closed:
		because = s.T("logon.none")
	case n == 0:
		because = s.T("logon.none.but")
	default:
		because = s.T("logon.sum", s.N("servers", n), out.Counts.Closed, out.Counts.Open, out.Counts.Unknown)
	}
	if len(out.Unlisted) > 0 && n > 0 {
		because += s.T("semicolon") + s.T("logon.unlisted")
	}
	return word, because
}

// conditions are what must be so for the surest of those who take a way.
func conditions(w reach.LogonWay) []reach.Condition {
	if len(w.Who) == 0 || w.Who[0].Certainty == reach.Certain {
		return nil
	}
	return w.Who[0].Step.Conditions
}

// takers names who takes a way to log on.
func (s speaker) takers(w reach.LogonWay, home string, most int) string {
	var names []string
	for i, t := range w.Who {
		if i == most {
			names = append(names, s.T("and.more", s.number(len(w.Who)-most)))
			break
		}
		names = append(names, s.thing(t.Principal, home)+" ("+s.T("sure."+t.Certainty.String())+")")
	}
	return strings.Join(names, ", ")
}

// WriteText prints the report, at most 100 columns wide wherever no single word is wider.
func (out *Logon) WriteText(w io.Writer, o TextOptions) error {
	p := &page{speaker: speaker{o.Lang}, home: out.Account}
	head := &Report{Account: out.Account, Taken: out.Taken}
	p.line("%s", p.head(head))
	word, because := p.answer(out)
	p.wrap("", "  ", p.T("logon.title")+p.T("colon")+strings.ToUpper(word)+", "+p.T("logon.because")+p.T("colon")+because)
	if len(out.Missing)+len(out.Faults) > 0 {
		p.inputs(&Report{Missing: out.Missing, Faults: out.Faults}, o.Top == 0)
	}
	var without []string
	for i, s := range out.Servers {
		if s.Shell == reach.Closed && o.Top > 0 {
			without = append(without, p.thing(s.ARN, out.Account))
			continue
		}
		if o.Top > 0 && i == o.Top {
			p.line("")
			p.line("%s", p.T("who.more", p.number(len(out.Servers)-i)))
			break
		}
		note := p.T("logon.holds", p.thing(s.Role, out.Account))
		if !s.Declared {
			note += ", " + p.T("logon.other")
		}
		p.line("")
		p.wrap("", "  ", p.thing(s.ARN, out.Account)+" ("+printable(s.Kind)+", "+note+")"+p.T("colon")+p.T("shell."+s.Shell.String())+", "+printable(s.Why.In(p.lang)))
		var closed []string
		for _, way := range s.Ways {
			if way.Status == reach.Closed {
				closed = append(closed, way.Rule)
				continue
			}
			p.wrap("  "+pad(strings.ToUpper(p.T("status."+way.Status.String())), 9)+pad(way.Rule, 25)+" ", strings.Repeat(" ", 37), way.Title.In(p.lang))
			if who := p.takers(way, out.Account, 4); who != "" {
				p.wrap(strings.Repeat(" ", 37), strings.Repeat(" ", 37), who)
			}
			for _, c := range conditions(way) {
				p.wrap(strings.Repeat(" ", 37), strings.Repeat(" ", 39), p.condition(c))
			}
			if len(way.Missing) > 0 {
				p.wrap(strings.Repeat(" ", 37), strings.Repeat(" ", 37), p.T("missing.for", printable(strings.Join(way.Missing, ", "))))
			}
		}
		if len(closed) > 0 {
			p.wrap("  "+pad(p.T("routes.closed"), 9), strings.Repeat(" ", 11), strings.Join(closed, ", "))
		}
	}
	if len(without) > 0 {
		p.section(p.T("shell.closed"))
		const shown = 30
		if len(without) > shown {
			without = append(without[:shown], p.T("and.more", p.number(len(without)-shown)))
		}
		p.wrap("  ", "  ", strings.Join(without, ", "))
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

//go:embed logon.html
var logonHTML string

var logonTemplate = template.Must(template.New("logon").Parse(logonHTML))

// logonView is what the page's template reads.
type logonView struct {
	view
	L *Logon
}

// WriteHTML writes the report as one page that asks for nothing else.
func (out *Logon) WriteHTML(w io.Writer, lang string) error {
	v := &logonView{view{speaker: speaker{lang}, R: &Report{Account: out.Account, Taken: out.Taken, Missing: out.Missing, Faults: out.Faults}}, out}
	if err := logonTemplate.Execute(w, v); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

func (v *logonView) Answer() string  { word, _ := v.answer(v.L); return word }
func (v *logonView) Because() string { _, because := v.answer(v.L); return because }

// Roles names those that were asked about.
func (v *logonView) Roles() string {
	if len(v.L.Roles) == 0 {
		return v.T("logon.norole")
	}
	var who []reach.Principal
	for _, r := range v.L.Roles {
		who = append(who, reach.Principal{ARN: r})
	}
	return v.names(who, v.L.Account, 6)
}

func (v *logonView) WhoOf(w reach.LogonWay) string {
	return v.takers(w, v.L.Account, 20)
}
func (v *logonView) Shell(s reach.Status) string { return v.T("shell." + s.String()) }

package ways

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"strongroom/cloud/account"
	"strongroom/cloud/reach"
)

// Form names the JSON form of a Report: docs/formats/cloud-ways.md.
const Form = "strongroom-cloud-ways/1"

// Report is all that is said of an account. The same account and question give the same bytes.
type Report struct {
	Form     string         `json:"form"`
	Account  string         `json:"account"`
	Taken    *time.Time     `json:"taken,omitempty"` // of the snapshot, where it says
	Question reach.Question `json:"question"`
	// Asked are the rights that the question asks about, resolved.
	Asked   []reach.Right `json:"asked"`
	Summary Summary       `json:"summary"`
	// Missing and Faults are what was not looked at, or not whole, and why.
	Missing []Missing `json:"missing,omitempty"`
	Faults  []Fault   `json:"faults,omitempty"`
	Groups  []Group   `json:"groups"`
	// Ways are the findings, those that go the same way together: by certainty, then how
	// many there are.
	Ways     []Way           `json:"ways"`
	Findings []reach.Finding `json:"findings"`
	Intended []reach.Finding `json:"intended"`
	Plan     *Plan           `json:"plan,omitempty"`
	Diff     *Diff           `json:"since,omitempty"`
	Examined reach.Examined  `json:"examined"`

	// found counts the findings; result tells of them where Findings has not got them.
	found  int
	result *reach.Result
	onWays map[string]bool // the routes on anybody's chains, where the question is about some
}

// each tells of every finding.
func (out *Report) each(visit func(reach.Finding, reach.Chains)) {
	r := out.result
	if r == nil {
		r = &reach.Result{Findings: out.Findings}
	}
	r.Walk(visit)
}

// Summary is what stands at the top.
type Summary struct {
	// Routes are those that lead to what was asked about; Beside are those that blind who
	// watches, or loosen a restriction of the network.
	Routes Counts `json:"routes"`
	Beside Counts `json:"beside"`
	// Principals who reach any of it, each counted once, by the surest.
	Certain  int `json:"certain"`
	Possible int `json:"possible"`
	Unknown  int `json:"unknown"`
	// Intended is how many principals are on a path that is meant to be there.
	Intended int `json:"intended"`
}

// Counts counts routes by status.
type Counts struct {
	Open    int `json:"open"`
	Closed  int `json:"closed"`
	Unknown int `json:"unknown"`
}

func (c *Counts) add(s reach.Status) {
	switch s {
	case reach.Open:
		c.Open++
	case reach.Closed:
		c.Closed++
	default:
		c.Unknown++
	}
}

// Group is a group of routes.
type Group struct {
	ID     string        `json:"id"`
	Title  reach.Text    `json:"title"`
	Counts Counts        `json:"counts"`
	Routes []reach.Route `json:"routes"`
}

// Way is one way in and everybody who goes it: the same steps by the same policies, a
// principal's own inline policies apart, to the same places: each of Who gets to each of
// Rights by it.
type Way struct {
	ID        string            `json:"id"` // the same in every snapshot where the way exists
	Rights    []reach.Right     `json:"rights"`
	Certainty reach.Certainty   `json:"certainty"`
	Who       []reach.Principal `json:"who"`
	// Chain is that of the first of them to the first right; Others are further ones of
	// whoever was met first on the same steps.
	Chain  reach.Chain   `json:"chain"`
	Others []reach.Chain `json:"others,omitempty"`
	// Since is the earliest time at which it can have been open to any of them, where the
	// dates of all are known.
	Since   *Since   `json:"since,omitempty"`
	Missing []string `json:"missing,omitempty"`
}

// Since is a bound: the way was not open before, because something that it needs was not
// there. When it was opened, no export says for inline policies and attachments.
type Since struct {
	NotBefore time.Time  `json:"notBefore"`
	Because   reach.Text `json:"because"` // what came to be then
}

// Missing is an input that was not supplied, or not whole.
type Missing struct {
	Input   string     `json:"input"`
	Of      string     `json:"of,omitempty"`
	Region  string     `json:"region,omitempty"`
	Why     string     `json:"why"`
	Means   reach.Text `json:"means"`
	Command string     `json:"command,omitempty"`
	// Decides says that the answer to the question depends on it.
	Decides bool `json:"decides"`
}

// Fault is what is wrong with a file, and where.
type Fault struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	Path string `json:"path,omitempty"`
	What string `json:"what"`
}

// New makes the report of an account and what was found in it.
func New(a *account.Account, r *reach.Result) *Report {
	b := newBuilder(a, r.Question)
	r.Walk(b.visit)
	out := b.report(a, r)
	out.Findings = r.Findings
	if out.Findings == nil {
		out.Findings = []reach.Finding{}
	}
	return out
}

// Make asks a question of an account and makes its report. The report does not hold the
// findings, which is what an answer about a large account consists of; where they are
// written, they are worked out once more.
func Make(a *account.Account, q reach.Question) (*Report, *reach.Result, error) {
	b := newBuilder(a, q)
	r, err := reach.Walk(a, q, b.visit)
	if err != nil {
		return nil, nil, err
	}
	out := b.report(a, r)
	out.result = r
	return out, r, nil
}

// builder gathers what a report says of findings, as it is told of them.
type builder struct {
	dates   datesOf
	from    bool
	on      map[string]bool
	found   int
	missing map[string]bool
	surest  map[string]reach.Certainty
	ways    []Way
	at      map[string]int // ways by their steps and people
	others  map[string][]reach.Chain
	right   reach.Right
	here    map[string]*Way // to right, by their steps
	order   []string
	key     []byte
}

func newBuilder(a *account.Account, q reach.Question) *builder {
	return &builder{dates: dates(a), from: len(q.From) > 0, on: map[string]bool{}, missing: map[string]bool{}, surest: map[string]reach.Certainty{}, ways: []Way{},
		at: map[string]int{}, others: map[string][]reach.Chain{}, here: map[string]*Way{}}
}

func (b *builder) visit(f reach.Finding, chains reach.Chains) {
	if f.Right != b.right {
		b.next()
		b.right = f.Right
	}
	b.found++
	b.surest[f.Principal.ARN] = max(b.surest[f.Principal.ARN], f.Certainty)
	if b.from {
		for _, c := range chains(0) {
			for _, s := range c.Steps {
				b.on[s.Rule] = true
			}
		}
	}
	var chain reach.Chain
	missing := f.Missing
	if first := chains(1); len(first) > 0 {
		chain = first[0]
		if missing == nil {
			missing = chain.Missing
		}
	}
	for _, m := range missing {
		b.missing[m] = true
	}
	b.key = sameWay(b.key[:0], f, chain)
	since := b.dates.since(f.Principal, chain)
	w := b.here[string(b.key)]
	if w == nil {
		key := string(b.key)
		others, met := b.others[key]
		if !met {
			if all := chains(0); len(all) > 1 {
				others = all[1:]
			}
			b.others[key] = others
		}
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s %s", key, f.Right.Kind, f.Right.Target))
		w = &Way{ID: "w" + hex.EncodeToString(sum[:8]), Rights: []reach.Right{f.Right}, Certainty: f.Certainty, Chain: chain, Others: others, Missing: missing, Since: since}
		b.here[key] = w
		b.order = append(b.order, key)
	}
	w.Who = append(w.Who, f.Principal)
	w.earliest(since)
}

// earliest makes a bound one of all who go a way.
func (w *Way) earliest(since *Since) {
	if since == nil || w.Since != nil && since.NotBefore.Before(w.Since.NotBefore) {
		w.Since = since
	}
}

// next puts the ways to a right to those that the same people go by the same steps to others.
func (b *builder) next() {
	for _, key := range b.order {
		w := b.here[key]
		h := sha256.New()
		h.Write([]byte(key))
		for _, p := range w.Who {
			h.Write([]byte(p.ARN + "\n"))
		}
		same := string(h.Sum(nil))
		i, there := b.at[same]
		if !there {
			b.at[same] = len(b.ways)
			b.ways = append(b.ways, *w)
			continue
		}
		b.ways[i].Rights = append(b.ways[i].Rights, w.Rights...)
		b.ways[i].earliest(w.Since)
	}
	clear(b.here)
	b.order = b.order[:0]
}

// report is what was gathered, and what else a result says.
func (b *builder) report(a *account.Account, r *reach.Result) *Report {
	b.next()
	out := &Report{Form: Form, Account: r.Account, Question: r.Question, Asked: r.Rights, Intended: r.Intended, Examined: r.Examined, Ways: b.ways, found: b.found, onWays: b.on}
	if !r.Taken.IsZero() {
		out.Taken = &r.Taken
	}
	if out.Asked == nil {
		out.Asked = []reach.Right{}
	}
	if out.Intended == nil {
		out.Intended = []reach.Finding{}
	}
	out.inputs(a, r, decisive(r, b.missing))
	out.groups(r)
	slices.SortStableFunc(out.Ways, func(x, y Way) int {
		return cmp.Or(
			-cmp.Compare(x.Certainty, y.Certainty),
			-cmp.Compare(outside(x.Who[0]), outside(y.Who[0])),
			-cmp.Compare(len(x.Who)*len(x.Rights), len(y.Who)*len(y.Rights)),
			cmp.Compare(len(x.Chain.Steps), len(y.Chain.Steps)),
			cmp.Compare(x.Who[0].ARN, y.Who[0].ARN),
			cmp.Compare(x.ID, y.ID))
	})
	intended := map[string]bool{}
	for _, f := range r.Intended {
		intended[f.Principal.ARN] = true
	}
	for _, c := range b.surest {
		switch c {
		case reach.Certain:
			out.Summary.Certain++
		case reach.Possible:
			out.Summary.Possible++
		case reach.Unknown:
			out.Summary.Unknown++
		}
	}
	out.Summary.Intended = len(intended)
	return out
}

// inputs gathers what was not looked at. An input that the analysis names and the account
// does not (a part of one that was supplied) is there too.
func (out *Report) inputs(a *account.Account, r *reach.Result, decides []string) {
	known := map[string]account.Input{}
	for name, text := range inNoExport {
		known[name] = account.Input{Name: name, Means: text.EN}
	}
	for _, in := range account.Inputs() {
		known[in.Name] = in
	}
	named := map[string]bool{}
	for _, m := range a.Missing {
		named[m.Input] = true
		out.Missing = append(out.Missing, Missing{m.Input, m.Of, m.Region, m.Why, means(m.Input, m.Means), m.Command, slices.ContainsFunc(decides, about(m.Input, m.Of))})
	}
	for _, name := range slices.Concat(decides, r.Missing) {
		input, of, _ := strings.Cut(name, " ")
		if named[input] {
			continue
		}
		named[input] = true
		in, why := known[input], "not whole"
		if _, ok := inNoExport[input]; ok {
			why = "in no export"
		}
		out.Missing = append(out.Missing, Missing{Input: input, Of: of, Why: why, Means: means(input, in.Means), Command: in.Command, Decides: slices.Contains(decides, name)})
	}
	slices.SortStableFunc(out.Missing, func(x, y Missing) int {
		if x.Decides != y.Decides {
			if x.Decides {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(x.Input, y.Input), cmp.Compare(x.Of, y.Of), cmp.Compare(x.Region, y.Region))
	})
	for _, f := range a.Faults {
		out.Faults = append(out.Faults, Fault(f))
	}
	for _, f := range r.Faults {
		if !slices.ContainsFunc(out.Faults, func(x Fault) bool { return strings.Contains(f, x.What) }) {
			out.Faults = append(out.Faults, Fault{What: f})
		}
	}
}

// decisive are the inputs without which a route or a finding is not as sure as it could be.
func decisive(r *reach.Result, in map[string]bool) []string {
	for _, route := range r.Routes {
		for _, m := range route.Missing {
			in[m] = true
		}
	}
	for _, s := range r.Logon {
		for _, w := range s.Ways {
			for _, m := range w.Missing {
				in[m] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(in))
}

// about matches the name of a missing input as reach gives it ("bucket-policy", or
// "bucket-policy calls").
func about(input, of string) func(string) bool {
	return func(s string) bool { return s == input || of != "" && s == input+" "+of }
}

func (out *Report) groups(r *reach.Result) {
	at := map[string]int{}
	out.Groups = []Group{}
	titles := map[string]reach.Text{}
	for _, g := range reach.DefaultRules().Groups {
		titles[g.ID] = g.Title
	}
	for _, route := range r.Routes {
		i, there := at[route.Group]
		if !there {
			i = len(out.Groups)
			at[route.Group] = i
			title := titles[route.Group]
			if title.EN == "" {
				title = reach.Text{EN: route.Group, FR: route.Group}
			}
			out.Groups = append(out.Groups, Group{ID: route.Group, Title: title})
		}
		g := &out.Groups[i]
		g.Routes = append(g.Routes, route)
		g.Counts.add(route.Status)
		if leads(route) {
			out.Summary.Routes.add(route.Status)
		} else {
			out.Summary.Beside.add(route.Status)
		}
	}
}

// leads says whether a route leads to what was asked about.
func leads(r reach.Route) bool { return r.Effect == "" || r.Effect == "reach" }

// outside says how far from the account a principal is.
func outside(p reach.Principal) int {
	switch p.Kind {
	case reach.Anonymous:
		return 4
	case reach.External, reach.Federated:
		return 3
	case reach.Root:
		return 0 // every account has one
	}
	return 1
}

// sameWay writes what the way of a finding's first chain consists of, whoever goes it to
// whatever of its kind.
func sameWay(to []byte, f reach.Finding, c reach.Chain) []byte {
	add := func(parts ...string) {
		for _, s := range parts {
			to = append(append(to, s...), '\n')
		}
	}
	own := func(arn string) string {
		switch arn {
		case f.Principal.ARN:
			return "self"
		case f.Right.Target:
			return "target"
		}
		return arn
	}
	at := func(n reach.Node) string {
		if n.Kind == reach.AtNew { // whatever its name
			return newKind(n)
		}
		return own(n.ARN)
	}
	add(string(f.Principal.Kind), string(f.Right.Kind), f.Certainty.String())
	for _, s := range c.Steps {
		add(s.Rule, at(s.From), string(s.To.Kind), at(s.To), own(s.Via))
		for _, act := range s.Actions {
			add(act.Action)
			add(act.Only...)
			add(act.Except...)
			for _, w := range act.Because {
				add(w.Source.Kind, own(w.Source.Owner))
				if w.Source.Owner != f.Principal.ARN { // else its own inline policy
					add(w.Source.Name)
					to = strconv.AppendInt(to, int64(w.Statement), 10)
				}
			}
		}
		for _, w := range s.Conditions {
			add("if", w.Operator, w.Key)
			add(w.Values...)
		}
	}
	return to
}

// known dates of an account, by ARN.
type datesOf map[string]dated

type dated struct {
	at   time.Time
	kind string // of words
	name string
}

func dates(a *account.Account) datesOf {
	d := datesOf{}
	add := func(arn, kind, name string, t time.Time) {
		if arn != "" && !t.IsZero() {
			d[arn] = dated{t, kind, name}
		}
	}
	for _, u := range a.Users {
		add(u.ARN, "kind.user", u.Name, u.Created)
	}
	for _, r := range a.Roles {
		add(r.ARN, "kind.role", r.Name, r.Created)
	}
	for _, g := range a.Groups {
		add(g.ARN, "kind.group", g.Name, g.Created)
	}
	for _, m := range a.Managed {
		for _, v := range m.Versions {
			if v.ID == m.Default || v.Default {
				add(m.ARN, "kind.policy", m.Name+", "+v.ID, v.Created)
			}
		}
	}
	for _, b := range a.Buckets {
		add(b.ARN, "kind.bucket", b.Name, b.Created)
	}
	for _, k := range a.Keys {
		add(k.ARN, "kind.key", k.ID, k.Created)
	}
	for _, w := range a.Workloads {
		add(w.ARN, "kind.workload", w.Kind+" "+w.Name, w.Created)
	}
	return d
}

// since is the latest of the dates of all that a chain needs.
func (d datesOf) since(p reach.Principal, c reach.Chain) *Since {
	var last dated
	see := func(arn string) {
		if x, ok := d[arn]; ok && x.at.After(last.at) {
			last = x
		}
	}
	see(p.ARN)
	for _, s := range c.Steps {
		see(s.From.ARN)
		see(s.To.ARN)
		see(s.Via)
		for _, act := range s.Actions {
			for _, b := range act.Because {
				see(b.Source.Owner)
			}
		}
	}
	if last.at.IsZero() {
		return nil
	}
	return &Since{last.at.UTC(), reach.Text{EN: speaker{"en"}.T(last.kind, last.name), FR: speaker{"fr"}.T(last.kind, last.name)}}
}

// Open says whether anybody who was asked about gets there, certainly or possibly.
func (out *Report) Open() bool {
	return out.Summary.Certain+out.Summary.Possible > 0 || len(out.Question.From) == 0 && out.Summary.Routes.Open > 0
}

// Unknown says whether anything is unknown: a route, a principal, or an input that decides.
func (out *Report) Unknown() bool {
	return out.Summary.Unknown > 0 || len(out.Question.From) == 0 && out.Summary.Routes.Unknown > 0 || len(out.Faults) > 0 ||
		slices.ContainsFunc(out.Missing, func(m Missing) bool { return m.Decides })
}

// listed are the groups as they are shown: where the question is about some principals, only
// the routes on their chains, since the status of a route is about everybody.
func (out *Report) listed() []Group {
	if len(out.Question.From) == 0 {
		return out.Groups
	}
	on := out.onWays
	var groups []Group
	for _, g := range out.Groups {
		n := Group{ID: g.ID, Title: g.Title}
		for _, r := range g.Routes {
			if on[r.ID] {
				n.Routes = append(n.Routes, r)
				n.Counts.add(r.Status)
			}
		}
		if len(n.Routes) > 0 {
			groups = append(groups, n)
		}
	}
	return groups
}

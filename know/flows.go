package know

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Flow says that something sends something somewhere, as declared in a file.
type Flow struct {
	Name      string        `json:"name"`
	From      End           `json:"from"`
	To        End           `json:"to"`
	Via       string        `json:"via,omitempty"`       // the interface: an export, an API, a mail box
	Principal string        `json:"principal,omitempty"` // whom the ledger shows doing it
	What      []string      `json:"what,omitempty"`      // kinds of thing that go
	Owner     string        `json:"owner,omitempty"`     // a principal's name
	Why       string        `json:"why,omitempty"`
	Since     time.Time     `json:"since,omitzero"`
	Every     time.Duration `json:"every,omitempty"` // something comes at least so often
	Line      int           `json:"line"`            // of the file
}

// End is one end of a flow. Of System, Bucket and Source one is set.
type End struct {
	System   string `json:"system,omitempty"`   // somebody's, ours or a supplier's
	Supplier string `json:"supplier,omitempty"` // whose system it is, as principals' attribute vendor has it
	Bucket   string `json:"bucket,omitempty"`   // of the room
	Source   string `json:"source,omitempty"`   // a source that was declared, by name
}

func (e End) String() string {
	switch {
	case e.Bucket != "":
		return "bucket " + e.Bucket
	case e.Source != "":
		return "source " + e.Source
	case e.Supplier != "":
		return fmt.Sprintf("%s (%s)", e.System, e.Supplier)
	}
	return e.System
}

// FlowFile is a file of flows as it was taken in.
type FlowFile struct {
	Name     string    `json:"name"`
	Text     []byte    `json:"-"`
	Digest   string    `json:"digest"` // hex SHA-256 of the text
	Imported time.Time `json:"imported"`
	By       string    `json:"by"`
}

// Bounds of a file of flows.
const (
	MaxFlowFile = 1 << 20 // bytes
	MaxFlows    = 2000
	maxText     = 1000 // bytes of a free text
	maxWhat     = 32
	maxProblems = 20
)

// Problem is something wrong with a file of flows, and how to mend it.
type Problem struct {
	File         string
	Line, Column int
	What, Fix    string
}

func (p *Problem) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.What)
	if p.Fix != "" {
		s += "; " + p.Fix
	}
	return s
}

// Problems are what is wrong with a file; none of it is taken.
type Problems []*Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// reader reads a file of flows strictly: everything in it means something, or it is wrong.
type reader struct {
	file     string
	problems Problems
}

func (r *reader) bad(n *yaml.Node, what, fix string) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, &Problem{r.file, n.Line, n.Column, what, fix})
	}
}

// ParseFlows reads a file of flows, whose schema is in docs/know.md. The error is Problems,
// each with file, line, column and what to do.
func ParseFlows(file string, text []byte) ([]Flow, error) {
	r := &reader{file: file}
	top := &yaml.Node{Line: 1, Column: 1}
	if len(text) > MaxFlowFile {
		r.bad(top, fmt.Sprintf("it is larger than %d bytes", MaxFlowFile), "split what it describes, or shorten it")
		return nil, r.problems
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	var document, more yaml.Node
	err := d.Decode(&document)
	if errors.Is(err, io.EOF) {
		r.bad(top, "it is empty", "begin with `version: 1` and a list `flows:`")
		return nil, r.problems
	} else if err != nil {
		return nil, Problems{yamlProblem(file, err)}
	}
	if err := d.Decode(&more); err == nil {
		r.bad(&more, "there is a second document", "put all flows into one, without ---")
		return nil, r.problems
	} else if !errors.Is(err, io.EOF) {
		return nil, Problems{yamlProblem(file, err)}
	}
	flows := r.document(document.Content[0])
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	return flows, nil
}

// yamlProblem finds the line in what the YAML library says.
func yamlProblem(file string, err error) *Problem {
	p := &Problem{File: file, Line: 1, Column: 1, What: strings.TrimPrefix(err.Error(), "yaml: "), Fix: "mend the YAML: lists and fields are indented with spaces"}
	if _, scanErr := fmt.Sscanf(p.What, "line %d:", &p.Line); scanErr == nil {
		_, p.What, _ = strings.Cut(p.What, ": ")
		p.Line = max(1, p.Line)
	}
	return p
}

// fields goes through a mapping, each field once and only those known.
func (r *reader) fields(n *yaml.Node, what string, known []string, each func(name string, key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.bad(n, fmt.Sprintf("%s is %s, not fields", what, kindOf(n)), "write it as "+strings.Join(known[:min(3, len(known))], ": …, ")+": …")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode || !slices.Contains(known, key.Value):
			r.bad(key, fmt.Sprintf("%s has no field %q", what, clip(key.Value)), nearest(key.Value, known))
		case seen[key.Value]:
			r.bad(key, fmt.Sprintf("%s has the field %q twice", what, key.Value), "keep one of them")
		case value.Kind == yaml.AliasNode || value.Anchor != "":
			r.bad(value, "anchors and aliases are not read", "write the value out")
		default:
			seen[key.Value] = true
			each(key.Value, key, value)
		}
	}
}

func (r *reader) document(n *yaml.Node) []Flow {
	var list *yaml.Node
	version := false
	r.fields(n, "the file", []string{"version", "flows"}, func(name string, _, value *yaml.Node) {
		switch name {
		case "version":
			if version = true; value.Value != "1" || value.Kind != yaml.ScalarNode {
				r.bad(value, fmt.Sprintf("version %s is not known", clip(value.Value)), "write `version: 1`")
			}
		case "flows":
			list = value
		}
	})
	if n.Kind != yaml.MappingNode {
		return nil
	}
	if !version {
		r.bad(n, "it does not say its version", "begin with `version: 1`")
	}
	if list == nil {
		r.bad(n, "it has no flows", "add a list `flows:`, empty as `flows: []`")
		return nil
	}
	if list.Kind != yaml.SequenceNode {
		r.bad(list, "flows is "+kindOf(list)+", not a list", "begin each flow with `- name: …`")
		return nil
	}
	if len(list.Content) > MaxFlows {
		r.bad(list, fmt.Sprintf("there are %d flows", len(list.Content)), fmt.Sprintf("at most %d are read", MaxFlows))
		return nil
	}
	out := make([]Flow, 0, len(list.Content))
	names := map[string]int{}
	for _, item := range list.Content {
		f := r.flow(item)
		if first, taken := names[f.Name]; taken && f.Name != "" {
			r.bad(item, fmt.Sprintf("the flow %q stands at line %d already", f.Name, first), "give each its own name")
		}
		names[f.Name] = item.Line
		out = append(out, f)
	}
	return out
}

var flowFields = []string{"name", "from", "to", "via", "principal", "what", "owner", "why", "since", "every"}

func (r *reader) flow(n *yaml.Node) Flow {
	f := Flow{Line: n.Line}
	var from, to *yaml.Node
	before := len(r.problems)
	r.fields(n, "a flow", flowFields, func(name string, _, v *yaml.Node) {
		switch name {
		case "name":
			f.Name = r.text(v, name, MaxName)
		case "from":
			from, f.From = v, r.end(v, "from")
		case "to":
			to, f.To = v, r.end(v, "to")
		case "via":
			f.Via = r.text(v, name, maxText)
		case "principal":
			f.Principal = r.text(v, name, MaxName)
		case "what":
			f.What = r.words(v)
		case "owner":
			f.Owner = r.text(v, name, MaxName)
		case "why":
			f.Why = r.text(v, name, maxText)
		case "since":
			t, err := time.Parse(time.DateOnly, r.text(v, name, MaxName))
			if err != nil {
				r.bad(v, fmt.Sprintf("since is no day: %q", clip(v.Value)), "write it as 2026-03-01")
			}
			f.Since = t
		case "every":
			d, err := ParseInterval(r.text(v, name, MaxName))
			if err != nil {
				r.bad(v, fmt.Sprintf("every is no time span: %q", clip(v.Value)), "write 15m, 24h or 7d")
			}
			f.Every = d
		}
	})
	if len(r.problems) > before {
		return f
	}
	for _, part := range []struct {
		name string
		is   bool
	}{{"name", f.Name != ""}, {"from", from != nil}, {"to", to != nil}} {
		if !part.is {
			r.bad(n, "the flow has no "+part.name, fmt.Sprintf("add `%s:`", part.name))
			return f
		}
	}
	switch {
	case f.From == f.To:
		r.bad(to, "the flow goes from "+clip(f.From.String())+" to itself", "name another end")
	case f.Principal != "" && f.From.Bucket == "" && f.To.Bucket == "":
		r.bad(n, "it names a principal, and neither end is a bucket of the room", "take the principal out, or name the bucket")
	case f.From.Bucket != "" && f.Principal == "" && f.To.Supplier == "", f.To.Bucket != "" && f.From.Bucket == "" && f.Principal == "" && f.From.Supplier == "" && f.From.Source == "":
		r.bad(n, "nothing says how the ledger would show this flow", "add `principal:` with the name of the principal that stores or reads, or the `supplier:` whose identities do")
	}
	return f
}

func (r *reader) end(n *yaml.Node, what string) End {
	var e End
	before := len(r.problems)
	r.fields(n, what, []string{"system", "supplier", "bucket", "source"}, func(name string, _, v *yaml.Node) {
		s := r.text(v, name, MaxName)
		switch name {
		case "system":
			e.System = s
		case "supplier":
			e.Supplier = s
		case "bucket":
			e.Bucket = s
		case "source":
			e.Source = s
		}
	})
	if len(r.problems) > before {
		return e
	}
	n1 := 0
	for _, s := range []string{e.System, e.Bucket, e.Source} {
		if s != "" {
			n1++
		}
	}
	if n1 != 1 {
		r.bad(n, fmt.Sprintf("%s names %d of system, bucket and source", what, n1), "name exactly one of them")
	} else if e.Supplier != "" && e.System == "" {
		r.bad(n, what+" names a supplier of something that is no system", "a supplier goes with `system:`")
	}
	return e
}

// text reads a scalar that is not empty.
func (r *reader) text(n *yaml.Node, what string, most int) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Tag == "!!binary" {
		r.bad(n, fmt.Sprintf("%s is %s, not a text", what, kindOf(n)), fmt.Sprintf("write `%s: some text`", what))
		return ""
	}
	if n.Value == "" || len(n.Value) > most {
		r.bad(n, fmt.Sprintf("%s has %d bytes", what, len(n.Value)), fmt.Sprintf("it has 1 to %d", most))
		return ""
	}
	if err := checkName(what, n.Value[:min(len(n.Value), MaxName)]); err != nil && len(n.Value) <= MaxName {
		r.bad(n, what+" has control characters or is not UTF-8", "take them out")
		return ""
	}
	for _, c := range n.Value {
		if c < 0x20 && c != '\n' || c == 0x7f || c == 0xfffd {
			r.bad(n, what+" has control characters or is not UTF-8", "take them out")
			return ""
		}
	}
	return n.Value
}

func (r *reader) words(n *yaml.Node) []string {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 || len(n.Content) > maxWhat {
		r.bad(n, "what is no list of 1 to 32 kinds", "write `what: [call, screen]`")
		return nil
	}
	var out []string
	for _, item := range n.Content {
		if item.Kind == yaml.AliasNode || item.Anchor != "" {
			r.bad(item, "anchors and aliases are not read", "write the value out")
			continue
		}
		w := r.text(item, "a kind", MaxName)
		if slices.Contains(out, w) {
			r.bad(item, fmt.Sprintf("%q stands twice", clip(w)), "keep one of them")
		}
		out = append(out, w)
	}
	return out
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a set of fields"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	if n.Value == "" || n.Tag == "!!null" {
		return "empty"
	}
	return fmt.Sprintf("%q", clip(n.Value))
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}

// nearest says which field was perhaps meant.
func nearest(s string, known []string) string {
	best := slices.MinFunc(known, func(a, b string) int { return cmp.Compare(distance(s, a), distance(s, b)) })
	if distance(s, best) <= 2 {
		return fmt.Sprintf("perhaps %q is meant", best)
	}
	return "there are " + strings.Join(known, ", ")
}

// distance is how many letters must be changed, for short words.
func distance(a, b string) int {
	if len(a) > 40 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(cost, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}

// ParseInterval reads a time span: as Go has them, or in days, such as 7d.
func ParseInterval(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days, "%d", &n); err != nil || n < 1 || n > 36500 || fmt.Sprint(n) != days {
			return 0, fmt.Errorf("%q is no number of days", clip(s))
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(s)
	if err == nil && d < time.Minute {
		err = errors.New("it is shorter than a minute")
	}
	return d, err
}

package alert

import (
	_ "embed"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"strongroom"
)

//go:embed conditions.yaml
var table []byte

// Condition is one row of the table: which records, or which trouble, alert when.
type Condition struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	Off      bool     `json:"off,omitempty"`

	On      On       `json:"on"`
	Trouble []string `json:"trouble,omitempty"`
	Where   Where    `json:"where,omitempty"`
	Per     Per      `json:"per"`
	Measure Measure  `json:"measure"`

	Window    Duration `json:"window"`
	Threshold int64    `json:"threshold"`
	// Factor × what is usual for the principal in an hour fires too, from Least on.
	Factor float64  `json:"usual_factor,omitempty"`
	Least  int64    `json:"usual_least,omitempty"`
	Learn  Duration `json:"learn,omitempty"`
	Remind Duration `json:"remind"`

	Name  Words `json:"name"`
	Says  Words `json:"says"`
	Blind Words `json:"not_looked_at"`
}

// On says which records a condition is about; empty lists and strings mean any.
type On struct {
	Kinds      []string                   `json:"kinds,omitempty"`
	Acts       []string                   `json:"acts,omitempty"`
	Outcome    string                     `json:"outcome,omitempty"` // permit or deny
	Principals []strongroom.PrincipalKind `json:"principals,omitempty"`
}

func (o *On) matches(e *strongroom.Event) bool {
	if len(o.Kinds) > 0 && !slices.Contains(o.Kinds, e.Kind) || len(o.Acts) > 0 && !slices.Contains(o.Acts, e.Did) || o.Outcome != "" && o.Outcome != e.Outcome {
		return false
	}
	if len(o.Principals) == 0 {
		return true
	}
	p := e.Principal()
	return p == nil || slices.Contains(o.Principals, p.Kind) // who is not known counts
}

// Where is what must hold of a record besides.
type Where string

const (
	Always       Where = ""
	OutsideQueue Where = "outside-queue" // an object of a queue that is not the person's
	OutOfHours   Where = "out-of-hours"  // outside the room's working hours
	FirstTouch   Where = "first-touch"   // of a class of data by this person
	PastLeaving  Where = "past-leaving"  // the principal's leaving date or end has passed
	Suspended    Where = "suspended"     // the principal is suspended
	PolicyFails  Where = "policy-fails"  // a policy did not evaluate
	// PolicyLoosened: the change of policy permits more, or may. It is looked for only in
	// records that come while somebody watches.
	PolicyLoosened Where = "policy-loosened"
)

// Per says for whom a condition counts.
type Per string

const (
	PerActor Per = "actor"
	PerRoom  Per = "room"
)

// Measure says what a condition counts.
type Measure string

const (
	Events  Measure = "events"
	Objects Measure = "objects" // different ones
	Counts  Measure = "counts"  // what records of counts add up to
)

// Kinds of trouble that the server reports of itself.
const (
	TroubleLedger  = "ledger"  // a record could not be appended
	TroubleCustody = "custody" // the holder of the keys gave none
	TroubleWatch   = "watch"   // who watches the ledger could not be told what it records
)

const (
	leastWindow, longestWindow = time.Minute, 31 * 24 * time.Hour
	// maxThreshold bounds how many hits one window remembers.
	maxThreshold = 5000
)

// Conditions answers the built-in table.
var Conditions = sync.OnceValues(func() ([]Condition, error) { return parseTable("conditions.yaml", table) })

func parseTable(file string, text []byte) ([]Condition, error) {
	s := &strict{file: file}
	var out []Condition
	root := s.read(text)
	if root == nil && s.err() == nil {
		return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: file + ": it is empty"}
	}
	if root != nil {
		s.fields(root, map[string]func(*yaml.Node){"conditions": func(n *yaml.Node) {
			s.list(n, 256, func(n *yaml.Node) {
				c := s.condition(n)
				if slices.ContainsFunc(out, func(o Condition) bool { return o.ID == c.ID }) {
					s.wrong(n, "there are two conditions %q", c.ID)
				}
				out = append(out, c)
			})
		}})
	}
	return out, s.err()
}

func (s *strict) condition(n *yaml.Node) Condition {
	var c Condition
	words := func(to *Words) func(*yaml.Node) {
		return func(n *yaml.Node) {
			there := s.fields(n, map[string]func(*yaml.Node){"en": s.text(&to.EN, 512), "fr": s.text(&to.FR, 512)})
			if !there["en"] || !there["fr"] {
				s.wrong(n, "a text is given in en and in fr")
			}
		}
	}
	fields := s.changeable(&c)
	for name, read := range map[string]func(*yaml.Node){
		"on": func(n *yaml.Node) {
			var kinds []string
			s.fields(n, map[string]func(*yaml.Node){
				"kinds": s.texts(&c.On.Kinds, 64), "acts": s.texts(&c.On.Acts, 64), "principals": s.texts(&kinds, 64),
				"outcome": oneOf(s, &c.On.Outcome, strongroom.Permitted, strongroom.Refused),
			})
			for _, k := range kinds {
				c.On.Principals = append(c.On.Principals, strongroom.PrincipalKind(k))
			}
		},
		"trouble": s.texts(&c.Trouble, 64),
		"where":   oneOf(s, &c.Where, OutsideQueue, OutOfHours, FirstTouch, PastLeaving, Suspended, PolicyFails, PolicyLoosened),
		"per":     oneOf(s, &c.Per, PerActor, PerRoom),
		"measure": oneOf(s, &c.Measure, Events, Objects, Counts),
		"name":    words(&c.Name), "says": words(&c.Says), "blind": words(&c.Blind),
	} {
		fields[name] = read
	}
	there := s.fields(n, fields)
	for _, name := range []string{"id", "severity", "per", "measure", "window", "threshold", "remind", "name", "says", "blind"} {
		if !there[name] {
			s.wrong(n, "a condition needs %q", name)
		}
	}
	if there["on"] == there["trouble"] {
		s.wrong(n, "a condition is either about records (on) or about trouble")
	}
	if there["learn"] && c.Where != FirstTouch {
		s.wrong(n, "learn has a meaning only where first-touch")
	}
	return c
}

// changeable are the keys that a room's own file may give a condition.
func (s *strict) changeable(c *Condition) map[string]func(*yaml.Node) {
	return map[string]func(*yaml.Node){
		"id":        s.text(&c.ID, 64),
		"severity":  oneOf(s, &c.Severity, severities...),
		"off":       s.flag(&c.Off),
		"window":    s.duration(&c.Window, leastWindow, longestWindow),
		"threshold": s.number(&c.Threshold, 1, maxThreshold),
		"learn":     s.duration(&c.Learn, 0, longestWindow),
		"remind":    s.duration(&c.Remind, leastWindow, longestWindow),
		"usual": func(n *yaml.Node) {
			there := s.fields(n, map[string]func(*yaml.Node){"factor": s.factor(&c.Factor, 1, 1000), "least": s.number(&c.Least, 1, maxThreshold)})
			if !there["factor"] || !there["least"] {
				s.wrong(n, "usual needs a factor and a least")
			}
		},
	}
}

// Settings are what a room says about its alerts.
type Settings struct {
	PublicURL string // where people reach the console, for links; "" for none
	Contact   string // mailto: or https:, for push services; "" for none
	Hours     *Hours // working hours; nil where nobody has said them
	// Conditions are all of the table, as the room changed them.
	Conditions []Condition
}

// Default is what holds in a room that has said nothing.
func Default() (Settings, error) {
	all, err := Conditions()
	return Settings{Conditions: slices.Clone(all)}, err
}

// ParseSettings reads a room's own file: working hours, and changes to the table.
func ParseSettings(file string, text []byte) (Settings, error) {
	settings, err := Default()
	if err != nil {
		return settings, err
	}
	s := &strict{file: file}
	changed := map[string]bool{}
	if root := s.read(text); root != nil {
		s.fields(root, map[string]func(*yaml.Node){
			"public_url": s.address(&settings.PublicURL, "https", "http"),
			"contact":    s.address(&settings.Contact, "https", "mailto"),
			"hours": func(n *yaml.Node) {
				h := Hours{Zone: time.UTC, Days: [7]bool{true, true, true, true, true, true, true}}
				if there := s.keysOf(n); there["days"] {
					h.Days = [7]bool{}
				}
				there := s.fields(n, s.hourFields(&h))
				if !there["from"] || !there["to"] || !there["time_zone"] {
					s.wrong(n, "working hours need from, to and time_zone")
				}
				settings.Hours = &h
			},
			"conditions": func(n *yaml.Node) {
				s.list(n, 256, func(n *yaml.Node) { s.change(n, &settings, changed) })
			},
		})
	}
	return settings, s.err()
}

// keysOf answers the keys of a mapping before it is read.
func (s *strict) keysOf(n *yaml.Node) map[string]bool {
	there := map[string]bool{}
	if n.Kind == yaml.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			there[n.Content[i].Value] = true
		}
	}
	return there
}

func (s *strict) change(n *yaml.Node, settings *Settings, changed map[string]bool) {
	var named Condition
	quiet := &strict{file: s.file}
	quiet.fields(n, quiet.changeable(&named))
	i := slices.IndexFunc(settings.Conditions, func(c Condition) bool { return c.ID == named.ID })
	switch {
	case i < 0:
		var known []string
		for _, c := range settings.Conditions {
			known = append(known, c.ID)
		}
		s.wrong(n, "there is no condition %q; there are %s", short(named.ID), strings.Join(known, ", "))
		return
	case changed[named.ID]:
		s.wrong(n, "the condition %q stands here twice", named.ID)
	}
	changed[named.ID] = true
	c := settings.Conditions[i]
	there := s.fields(n, s.changeable(&c))
	if there["usual"] && (c.Measure != Objects || c.Per != PerActor) {
		s.wrong(n, "what is usual is known only of the objects that a principal opens")
	}
	if there["learn"] && c.Where != FirstTouch {
		s.wrong(n, "learn has a meaning only for first-touch")
	}
	if c.ID == alertingChanged && (c.Off || c.Threshold != settings.Conditions[i].Threshold) {
		s.wrong(n, "%s stays on, from the first change: whoever changes alerting must not be able to keep that quiet", c.ID)
	}
	settings.Conditions[i] = c
}

// address reads a URL of one of these schemes, without credentials.
func (s *strict) address(to *string, schemes ...string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		t, ok := s.scalar(n, 512)
		if !ok {
			return
		}
		u, err := url.Parse(t)
		if err != nil || !slices.Contains(schemes, u.Scheme) || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Host == "" && u.Opaque == "" {
			s.wrong(n, "an address is expected here that begins with %s and holds no credentials, query or fragment", strings.Join(schemes, ": or ")+":")
			return
		}
		*to = strings.TrimRight(t, "/")
	}
}

// condition finds one by its id.
func (s *Settings) condition(id string) (Condition, bool) {
	i := slices.IndexFunc(s.Conditions, func(c Condition) bool { return c.ID == id })
	if i < 0 {
		return Condition{}, false
	}
	return s.Conditions[i], true
}

// Idle says why a condition that is not off tells nothing, or "".
func (s *Settings) Idle(c Condition) string {
	if c.Where == OutOfHours && s.Hours == nil {
		return "nobody has said the room's working hours"
	}
	return ""
}

// forms are two forms of a word: for one, and for more.
var forms = regexp.MustCompile(`\[([^|\]]*)\|([^\]]*)\]`)

// fill puts figures into a text of the table, and takes the form of a word that goes with
// how many were seen.
func (w Words) fill(seen, threshold int64, usual *float64, window, learn Duration) Words {
	put := func(l Language, text, unknown string) string {
		u := unknown
		if usual != nil {
			if u = strconv.FormatFloat(*usual, 'f', -1, 64); l == French {
				u = strings.Replace(u, ".", ",", 1)
			}
		}
		form := "$2"
		if seen == 1 {
			form = "$1"
		}
		return strings.NewReplacer("{seen}", figure(l, seen), "{threshold}", figure(l, threshold), "{usual}", u, "{window}", window.In(l), "{learn}", learn.In(l)).
			Replace(forms.ReplaceAllString(text, form))
	}
	return Words{put(English, w.EN, "not known yet"), put(French, w.FR, "pas encore connu")}
}

// figure groups digits by three.
func figure(l Language, n int64) string {
	gap := ","
	if l == French {
		gap = "\u202f"
	}
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + gap + digits[i:]
	}
	return digits
}

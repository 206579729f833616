package alert

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Rota says who is told of an alert, and who after them while nobody acknowledges it.
type Rota struct {
	People []Member
	Levels []Level
	// Repeat is how long after the last level everyone is told again, 0 for never.
	Repeat Duration
}

// Member is a person who is told, and how.
type Member struct {
	Name     string   // of a principal of the room
	Channels []string // in this order: the next one where one fails
}

// Level is who is told so long after the alert was made.
type Level struct {
	After    Duration
	From     Severity // only alerts of this severity and above come here
	People   []string // around the clock
	Shifts   []Shift
	Channels []string // of nobody in particular
	Everyone bool     // every channel that there is
}

// Shift is who is on duty in some hours of the week.
type Shift struct {
	Hours
	People []string
}

// Target is one who is told: by the first channel, or where that fails by the next.
type Target struct {
	Person   string   `json:"person,omitempty"`
	Channels []string `json:"channels"`
}

const maxRepeats = 24

// ParseRota reads a file of rotas.
func ParseRota(file string, text []byte) (*Rota, error) {
	s := &strict{file: file}
	r := &Rota{}
	root := s.read(text)
	if root == nil {
		if s.err() == nil {
			s.problems = append(s.problems, file+": it is empty")
		}
		return nil, s.err()
	}
	zone := time.UTC
	type named struct {
		at   *yaml.Node
		name string
	}
	var people []named // used, to be held against those who are there
	use := func(to *[]string) func(*yaml.Node) {
		return func(n *yaml.Node) {
			s.texts(to, 128)(n)
			for _, c := range n.Content {
				people = append(people, named{c, c.Value})
			}
		}
	}
	if there := s.keysOf(root); there["time_zone"] { // wherever it stands, it holds for all
		for i := 0; i+1 < len(root.Content); i += 2 {
			if root.Content[i].Value == "time_zone" {
				(&strict{}).zone(&zone)(root.Content[i+1])
			}
		}
	}
	there := s.fields(root, map[string]func(*yaml.Node){
		"time_zone": s.zone(&zone),
		"repeat":    s.duration(&r.Repeat, 5*time.Minute, 7*24*time.Hour),
		"people": func(n *yaml.Node) {
			s.list(n, 1000, func(n *yaml.Node) {
				var m Member
				there := s.fields(n, map[string]func(*yaml.Node){"name": s.text(&m.Name, 128), "channels": s.texts(&m.Channels, 64)})
				if !there["name"] || len(m.Channels) == 0 {
					s.wrong(n, "a person has a name, and channels in the order in which they are tried")
				}
				if slices.ContainsFunc(r.People, func(o Member) bool { return o.Name == m.Name }) {
					s.wrong(n, "%q stands among the people twice", short(m.Name))
				}
				r.People = append(r.People, m)
			})
		},
		"levels": func(n *yaml.Node) {
			s.list(n, 16, func(n *yaml.Node) {
				l := Level{From: Low}
				s.fields(n, map[string]func(*yaml.Node){
					"after": s.duration(&l.After, 0, 7*24*time.Hour), "severity": oneOf(s, &l.From, severities...),
					"people": use(&l.People), "channels": s.texts(&l.Channels, 64), "everyone": s.flag(&l.Everyone),
					"shifts": func(n *yaml.Node) {
						s.list(n, 256, func(n *yaml.Node) {
							f := Shift{Hours: Hours{Zone: zone}}
							if !s.keysOf(n)["days"] {
								f.Days = [7]bool{true, true, true, true, true, true, true}
							}
							fields := s.hourFields(&f.Hours)
							fields["people"] = use(&f.People)
							there := s.fields(n, fields)
							if !there["from"] || !there["to"] || len(f.People) == 0 {
								s.wrong(n, "a shift needs from, to and people")
							}
							l.Shifts = append(l.Shifts, f)
						})
					},
				})
				if len(l.People)+len(l.Shifts)+len(l.Channels) == 0 && !l.Everyone {
					s.wrong(n, "a level tells nobody: give people, shifts, channels, or everyone: true")
				}
				if k := len(r.Levels); k > 0 && l.After <= r.Levels[k-1].After {
					s.wrong(n, "a level comes later than the one before it, which is at %s", r.Levels[k-1].After)
				} else if k == 0 && l.After != 0 {
					s.wrong(n, "the first level is told at once: after: 0s, or nothing")
				}
				r.Levels = append(r.Levels, l)
			})
		},
	})
	if !there["levels"] || len(r.Levels) == 0 && s.err() == nil {
		s.wrong(root, "a rota needs levels")
	}
	for _, p := range people {
		if !slices.ContainsFunc(r.People, func(m Member) bool { return m.Name == p.name }) {
			s.wrong(p.at, "%q is not among the people", short(p.name))
		}
	}
	return r, s.err()
}

// On answers who is told at a level at a time, each once; none where nobody is on duty or
// the level is not for such alerts. Everyone is answered as a target without a person for
// each channel of all.
func (r *Rota) On(level int, at time.Time, s Severity, all []string) []Target {
	var out []Target
	l := r.Levels[level]
	if s.rank() < l.From.rank() {
		return nil
	}
	add := func(names []string) {
		for _, name := range names {
			if slices.ContainsFunc(out, func(t Target) bool { return t.Person == name }) {
				continue
			}
			for _, m := range r.People {
				if m.Name == name {
					out = append(out, Target{m.Name, m.Channels})
				}
			}
		}
	}
	add(l.People)
	for _, f := range l.Shifts {
		if f.Hold(at) {
			add(f.People)
		}
	}
	channels := l.Channels
	if l.Everyone {
		channels = append(slices.Clone(channels), all...)
	}
	for _, c := range channels {
		if !slices.ContainsFunc(out, func(t Target) bool { return slices.Contains(t.Channels, c) && (t.Person == "" || t.Channels[0] == c) }) {
			out = append(out, Target{Channels: []string{c}})
		}
	}
	return out
}

// Gap is a time in which the first level tells nobody.
type Gap struct {
	From, To time.Time
}

// Gaps are the times within a week from a time on in which nobody is on duty at the first
// level, to the minute; at most a hundred.
func (r *Rota) Gaps(from time.Time) []Gap {
	var out []Gap
	from = from.Truncate(time.Minute)
	for minute := range 7 * 24 * 60 {
		at := from.Add(time.Duration(minute) * time.Minute)
		if len(r.On(0, at, Critical, []string{"any"})) > 0 {
			continue
		}
		if k := len(out); k > 0 && out[k-1].To.Equal(at) {
			out[k-1].To = at.Add(time.Minute)
		} else if k < 100 {
			out = append(out, Gap{at, at.Add(time.Minute)})
		}
	}
	return out
}

// Unknown says which names of the rota are nobody's and nothing's.
func (r *Rota) Unknown(person, channel func(name string) bool) []string {
	var out []string
	note := func(format, name string) {
		if text := fmt.Sprintf(format, name); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	for _, m := range r.People {
		if !person(m.Name) {
			note("there is no principal %q", m.Name)
		}
		for _, c := range m.Channels {
			if !channel(c) {
				note("there is no channel %q", c)
			}
		}
	}
	for _, l := range r.Levels {
		for _, c := range l.Channels {
			if !channel(c) {
				note("there is no channel %q", c)
			}
		}
	}
	return out
}

// Describe says who a level tells, in a line.
func (t Target) Describe() string {
	if t.Person == "" {
		return strings.Join(t.Channels, " then ")
	}
	return t.Person + " by " + strings.Join(t.Channels, " then ")
}

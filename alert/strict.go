package alert

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"bytes"

	"go.yaml.in/yaml/v3"

	"strongroom"
)

const (
	// maxFile bounds a file of settings, in bytes.
	maxFile = 256 << 10
	// maxProblems is how many things that are wrong with a file are told at once.
	maxProblems = 10
)

// strict reads YAML in which every key is known, and says of whatever is wrong with it
// where that stands: file:line:column.
type strict struct {
	file     string
	problems []string
	more     int
}

// read parses one document without anchors, aliases and tags; nil is an empty one.
func (s *strict) read(text []byte) *yaml.Node {
	if len(text) > maxFile {
		s.problems = append(s.problems, fmt.Sprintf("%s: it has %d bytes, more than %d", s.file, len(text), maxFile))
		return nil
	}
	if !utf8.Valid(text) {
		s.problems = append(s.problems, s.file+": it is not UTF-8")
		return nil
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	var document, another yaml.Node
	if err := d.Decode(&document); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		s.problems = append(s.problems, s.file+": "+strings.TrimPrefix(err.Error(), "yaml: "))
		return nil
	}
	if err := d.Decode(&another); !errors.Is(err, io.EOF) {
		s.problems = append(s.problems, s.file+": there is more than one document")
		return nil
	}
	root := document.Content[0]
	if !s.plain(root, 0) {
		return nil
	}
	return root
}

func (s *strict) plain(n *yaml.Node, depth int) bool {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		s.wrong(n, "anchors and aliases are not read")
		return false
	case depth > 16:
		s.wrong(n, "it is nested too deeply")
		return false
	}
	return !slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return !s.plain(c, depth+1) })
}

func (s *strict) wrong(n *yaml.Node, format string, args ...any) {
	if len(s.problems) == maxProblems {
		s.more++
		return
	}
	s.problems = append(s.problems, fmt.Sprintf("%s:%d:%d: ", s.file, n.Line, n.Column)+fmt.Sprintf(format, args...))
}

// err is all that was wrong, or nil.
func (s *strict) err() error {
	if len(s.problems) == 0 {
		return nil
	}
	message := strings.Join(s.problems, "\n")
	if s.more > 0 {
		message += fmt.Sprintf("\nand %d more", s.more)
	}
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: message}
}

// fields reads a mapping whose keys are these; it answers which were there.
func (s *strict) fields(n *yaml.Node, known map[string]func(*yaml.Node)) map[string]bool {
	there := map[string]bool{}
	if n.Kind != yaml.MappingNode {
		s.wrong(n, "keys and values are expected here")
		return there
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read := known[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || read == nil:
			var names []string
			for name := range known {
				names = append(names, name)
			}
			slices.Sort(names)
			s.wrong(key, "%q is not known here; known are %s", short(key.Value), strings.Join(names, ", "))
		case there[key.Value]:
			s.wrong(key, "%q stands here twice", key.Value)
		default:
			read(value)
		}
		there[key.Value] = true
	}
	return there
}

func (s *strict) list(n *yaml.Node, most int, each func(*yaml.Node)) {
	switch {
	case n.Kind != yaml.SequenceNode:
		s.wrong(n, "a list is expected here")
	case len(n.Content) > most:
		s.wrong(n, "the list has %d entries, more than %d", len(n.Content), most)
	default:
		for _, c := range n.Content {
			each(c)
		}
	}
}

// scalar answers one line of 1 to most bytes.
func (s *strict) scalar(n *yaml.Node, most int) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		s.wrong(n, "one value is expected here")
		return "", false
	}
	if t := n.Value; t == "" || len(t) > most || strings.ContainsFunc(t, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		s.wrong(n, "one line of 1 to %d bytes is expected here", most)
		return "", false
	}
	return n.Value, true
}

func (s *strict) text(to *string, most int) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if t, ok := s.scalar(n, most); ok {
			*to = t
		}
	}
}

func (s *strict) texts(to *[]string, most int) func(*yaml.Node) {
	return func(n *yaml.Node) {
		s.list(n, 256, func(n *yaml.Node) {
			t, ok := s.scalar(n, most)
			switch {
			case ok && slices.Contains(*to, t):
				s.wrong(n, "%q stands in the list twice", t)
			case ok:
				*to = append(*to, t)
			}
		})
	}
}

func oneOf[T ~string](s *strict, to *T, known ...T) func(*yaml.Node) {
	return func(n *yaml.Node) {
		t, ok := s.scalar(n, 64)
		if ok && !slices.Contains(known, T(t)) {
			s.wrong(n, "%q is not one of %s", short(t), strings.Trim(fmt.Sprint(known), "[]"))
		} else if ok {
			*to = T(t)
		}
	}
}

func (s *strict) flag(to *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
			s.wrong(n, "true or false is expected here")
			return
		}
		*to = n.Value == "true" || n.Value == "True" || n.Value == "TRUE"
	}
}

func (s *strict) number(to *int64, least, most int64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.ParseInt(n.Value, 10, 64)
		if n.Kind != yaml.ScalarNode || err != nil || v < least || v > most {
			s.wrong(n, "a whole number from %d to %d is expected here", least, most)
			return
		}
		*to = v
	}
}

func (s *strict) factor(to *float64, least, most float64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.ParseFloat(n.Value, 64)
		if n.Kind != yaml.ScalarNode || err != nil || !(v >= least && v <= most) {
			s.wrong(n, "a number from %g to %g is expected here", least, most)
			return
		}
		*to = v
	}
}

func (s *strict) duration(to *Duration, least, most time.Duration) func(*yaml.Node) {
	return func(n *yaml.Node) {
		d, err := parseDuration(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || time.Duration(d) < least || time.Duration(d) > most {
			s.wrong(n, "a time from %s to %s is expected here, as in 10m, 24h or 7d", Duration(least), Duration(most))
			return
		}
		*to = d
	}
}

func parseDuration(text string) (Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("%q is no number of days", short(text))
		}
		return Duration(n) * Duration(24*time.Hour), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no time, such as 10m, 24h or 7d", short(text))
	}
	return Duration(d), nil
}

func (s *strict) zone(to **time.Location) func(*yaml.Node) {
	return func(n *yaml.Node) {
		name, ok := s.scalar(n, 64)
		if !ok {
			return
		}
		zone, err := time.LoadLocation(name)
		if err != nil || name == "Local" {
			s.wrong(n, "%q is no time zone such as Europe/Paris or UTC", short(name))
			return
		}
		*to = zone
	}
}

// short keeps what somebody wrote within a message.
func short(t string) string {
	if len(t) > 64 {
		return strings.ToValidUTF8(t[:64], "") + "…"
	}
	return t
}

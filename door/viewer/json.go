package viewer

import (
	"bytes"
	"encoding/json"
)

// Bounds on JSON: what is small as it is written may be very large as it is read.
const (
	jsonDepth    = 24
	jsonElements = 250_000 // of lists, in all
)

// outline is what reading and indenting a JSON text would come to.
type outline struct {
	depth, elements int
	indented        int64 // bytes, at least, with two spaces a level
}

// outlineOf looks through a text as far as it is JSON. Of what is deeper than may be read it
// tells no more than that.
func outlineOf(b []byte) outline {
	o := outline{indented: int64(len(b))}
	var lists [jsonDepth + 1]bool
	level, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			if level++; level > jsonDepth {
				o.depth = level
				return o
			}
			o.depth = max(o.depth, level)
			if lists[level] = c == '['; lists[level] {
				o.elements++
			}
			o.indented += int64(1 + 2*level)
		case c == '}', c == ']':
			if level--; level < 0 {
				return o // no JSON
			}
			o.indented += int64(1 + 2*level)
		case c == ',':
			if lists[level] {
				o.elements++
			}
			o.indented += int64(1 + 2*level)
		}
	}
	return o
}

// Indented sets out JSON that was written on one line, where that stays within what is
// shown; anything else it answers as it is.
func Indented(content []byte) []byte {
	b := bytes.TrimSpace(content)
	if len(b) < 2 || b[0] != '{' && b[0] != '[' || bytes.Count(b, []byte("\n")) >= 3 {
		return content
	}
	if o := outlineOf(b); o.depth > jsonDepth || o.indented > 2*TextMost {
		return content
	}
	var out bytes.Buffer
	if json.Indent(&out, b, "", "  ") != nil {
		return content
	}
	return out.Bytes()
}

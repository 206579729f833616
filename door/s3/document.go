package s3

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"
)

const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// document is an XML answer being written.
type document struct{ b []byte }

func (d *document) start() { d.b = append(d.b, xml.Header...) }

// root writes the outermost element, which bears the namespace.
func (d *document) root(name string, inside func()) {
	d.start()
	d.within(name, inside)
}

// within is root of a document that has begun.
func (d *document) within(name string, inside func()) {
	d.b = append(d.b, "<"+name+` xmlns="`+namespace+`">`...)
	inside()
	d.b = append(d.b, "</"+name+">"...)
}

func (d *document) element(name string, inside func()) {
	d.b = append(d.b, "<"+name+">"...)
	inside()
	d.b = append(d.b, "</"+name+">"...)
}

func (d *document) text(name, value string) {
	d.element(name, func() { d.b = appendText(d.b, value) })
}

func (d *document) number(name string, n int64) { d.text(name, strconv.FormatInt(n, 10)) }
func (d *document) boolean(name string, b bool) { d.text(name, strconv.FormatBool(b)) }
func (d *document) time(name string, t time.Time) {
	d.text(name, t.UTC().Format("2006-01-02T15:04:05.000Z"))
}

// appendText escapes s. Characters that XML 1.0 has no place for become character
// references, as S3 writes them: a lenient reader then still gets the key exactly,
// and others ask for encoding-type=url.
func appendText(b []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '&':
			b = append(b, "&amp;"...)
		case r == '<':
			b = append(b, "&lt;"...)
		case r == '>':
			b = append(b, "&gt;"...)
		case r == '"':
			b = append(b, "&#34;"...)
		case r < 0x20 || r == 0x7f || r == 0xfffe || r == 0xffff:
			b = fmt.Appendf(b, "&#x%X;", r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

// answer sends a whole XML document.
func (x *exchange) answer(status int, d *document) {
	h := x.w.Header()
	h.Set("Content-Type", "application/xml")
	h.Set("Content-Length", strconv.Itoa(len(d.b)))
	x.header(status)
	if x.r.Method != http.MethodHead {
		x.w.Write(d.b) // an error here means that the client has gone
	}
}

// header sends the status and the headers set so far.
func (x *exchange) header(status int) {
	x.begun = true
	x.control.SetWriteDeadline(time.Now().Add(x.PaceWindow))
	x.w.WriteHeader(status)
}

// node is an element of an XML body.
type node struct {
	name     string
	text     []byte // may come in many pieces
	children []*node
}

const (
	maxDepth = 6       // LifecycleConfiguration, Rule, Filter, And, Tag, Key
	maxTag   = 4 << 10 // bytes between < and >
)

// parseDocument reads an XML body of at most limit elements whose root is name.
// Only elements and text are let through: no document type, no entities but the
// five of XML, no processing instruction but the declaration.
func parseDocument(data []byte, name string, limit int) (*node, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // a byte order mark may begin it
	if err := boundTags(data); err != nil {
		return nil, err
	}
	decoder := xml.NewDecoder(bytes.NewReader(data))
	var root *node
	var open []*node
	for {
		token, err := decoder.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, malformed("it is not well-formed")
		}
		switch t := token.(type) {
		case xml.StartElement:
			if limit--; limit < 0 {
				return nil, malformed("it has too many elements")
			}
			if len(open) == maxDepth {
				return nil, malformed("its elements are nested too deeply")
			}
			n := &node{name: t.Name.Local}
			switch {
			case t.Name.Space != "":
				return nil, malformed("it uses a namespace prefix")
			case len(open) > 0:
				parent := open[len(open)-1]
				parent.children = append(parent.children, n)
			case root != nil:
				return nil, malformed("it has more than one root")
			default:
				root = n
			}
			for _, a := range t.Attr {
				if n.name == "Grantee" && a.Name.Space == "xsi" && a.Name.Local == "type" {
					continue
				}
				if a.Name.Space != "xmlns" && (a.Name.Space != "" || a.Name.Local != "xmlns" || a.Value != namespace) {
					return nil, malformed("the element " + n.name + " has an attribute that it may not have")
				}
			}
			open = append(open, n)
		case xml.EndElement:
			if len(open) == 0 || t.Name.Space != "" || open[len(open)-1].name != t.Name.Local {
				return nil, malformed("it is not well-formed")
			}
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				n := open[len(open)-1]
				n.text = append(n.text, t...)
			} else if len(bytes.TrimSpace(t)) > 0 {
				return nil, malformed("it has text outside its root")
			}
		case xml.ProcInst:
			if t.Target != "xml" || root != nil {
				return nil, malformed("it has a processing instruction")
			}
		case xml.Directive:
			return nil, malformed("it has a document type, which is not allowed")
		}
	}
	if root == nil || len(open) > 0 {
		return nil, malformed("it ends too early")
	}
	if root.name != name {
		return nil, malformed("its root is not " + name)
	}
	return root, nil
}

// boundTags refuses tags that are too long, because the decoder would take in all
// attributes of a tag at once.
func boundTags(data []byte) error {
	for {
		i := bytes.IndexByte(data, '<')
		if i < 0 {
			return nil
		}
		data = data[i:]
		j := bytes.IndexByte(data[:min(len(data), maxTag)], '>')
		if j < 0 {
			return malformed("a tag is too long or does not end")
		}
		data = data[j+1:]
	}
}

func malformed(why string) *failure {
	f := refuse("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema.")
	f.extra = []element{{"Detail", why}}
	return f
}

// leaf is the text of an element that may hold nothing else.
func (n *node) leaf() (string, error) {
	if len(n.children) > 0 {
		return "", malformed("the element " + n.name + " holds other elements")
	}
	return string(n.text), nil
}

// branch is the children of an element that may hold no text but white space.
func (n *node) branch() ([]*node, error) {
	if len(bytes.TrimSpace(n.text)) > 0 {
		return nil, malformed("the element " + n.name + " holds text")
	}
	return n.children, nil
}

package viewer

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"regexp"
	"strings"
)

// Bounds on mails.
const (
	MailMost  = 16 << 20 // bytes read
	mailParts = 100
	mailDepth = 6
)

// Header is a line of a mail's head.
type Header struct{ Name, Value string }

// Letter is a mail as text.
type Letter struct {
	Head  []Header
	Lines []string
	HTML  bool     // it said nothing but in HTML, of which this is the text
	Files []string // names of what is attached
	Cut   bool
}

// ReadMail reads a mail: what it says as text, never as HTML, and what is attached by name.
func ReadMail(content []byte) (Letter, error) {
	if len(content) > MailMost {
		return Letter{}, fmt.Errorf("%w: a mail of more than %d MiB", ErrForm, MailMost>>20)
	}
	m, err := mail.ReadMessage(bytes.NewReader(content))
	if err != nil {
		return Letter{}, fmt.Errorf("%w: %v", ErrForm, err)
	}
	var l Letter
	for _, name := range []string{"From", "To", "Cc", "Date", "Subject"} {
		if v := m.Header.Get(name); v != "" {
			v, _ = shortened(visible(unfold(v)), lineMost)
			l.Head = append(l.Head, Header{name, v})
		}
	}
	r := mailReader{parts: mailParts}
	r.read(textproto.MIMEHeader(m.Header), m.Body, 0)
	text := r.plain
	if strings.TrimSpace(text) == "" && r.html != "" {
		text, l.HTML = textOf(r.html), true
	}
	var cut bool
	l.Lines, cut = split(text)
	l.Cut, l.Files = cut || r.cut, r.files
	return l, nil
}

func unfold(s string) string {
	words := mime.WordDecoder{CharsetReader: func(charset string, in io.Reader) (io.Reader, error) {
		b, err := io.ReadAll(io.LimitReader(in, 64<<10))
		return strings.NewReader(decodedAs(b, charset)), err
	}}
	if d, err := words.DecodeHeader(s); err == nil {
		s = d
	}
	return strings.Join(strings.Fields(s), " ")
}

// decodedAs makes UTF-8 of a text: what is not UTF-8 is taken for Latin-1.
func decodedAs(b []byte, charset string) string {
	if c := strings.ToLower(charset); c == "iso-8859-1" || c == "windows-1252" || c == "iso-8859-15" {
		out := make([]rune, len(b))
		for i, c := range b {
			out[i] = rune(c)
		}
		return string(out)
	}
	return decoded(b)
}

type mailReader struct {
	parts       int
	plain, html string
	files       []string
	cut         bool
}

func (r *mailReader) read(h textproto.MIMEHeader, body io.Reader, depth int) {
	if r.parts--; r.parts < 0 || depth > mailDepth {
		r.cut = true
		return
	}
	kind, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		kind, parameters = "text/plain", nil
	}
	disposition, named, _ := mime.ParseMediaType(h.Get("Content-Disposition"))
	name := first(named["filename"], parameters["name"])
	switch {
	case strings.HasPrefix(kind, "multipart/") && parameters["boundary"] != "":
		m := multipart.NewReader(body, parameters["boundary"])
		for {
			p, err := m.NextRawPart()
			if err != nil {
				r.cut = r.cut || !errors.Is(err, io.EOF)
				return
			}
			if r.parts <= 0 {
				r.cut = true
				return
			}
			r.read(p.Header, p, depth+1)
		}
	case disposition == "attachment", name != "", !strings.HasPrefix(kind, "text/"):
		if name == "" {
			name = kind
		}
		name, _ = shortened(visible(unfold(name)), 200)
		r.files = append(r.files, name)
		return
	}
	switch strings.ToLower(strings.TrimSpace(h.Get("Content-Transfer-Encoding"))) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	b, err := io.ReadAll(io.LimitReader(body, TextMost+1))
	if len(b) > TextMost || err != nil {
		b, r.cut = b[:min(len(b), TextMost)], true
	}
	text := decodedAs(b, parameters["charset"])
	switch {
	case kind == "text/html" && r.html == "":
		r.html = text
	case kind != "text/html" && len(r.plain)+len(text) <= TextMost:
		r.plain += text + "\n"
	}
}

var (
	unsaid = regexp.MustCompile(`(?is)<(script|style|head|title)\b.*?</(script|style|head|title)\s*>|<!--.*?-->`)
	breaks = regexp.MustCompile(`(?i)<(br|/p|/div|/tr|/li|/h[1-6]|/table|hr)\b[^>]*>`)
	spaces = regexp.MustCompile(`[ \t\r\n]+`)
	blank  = regexp.MustCompile(`\n\s*\n\s*\n+`)
	anyTag = regexp.MustCompile(`<[^>]*>`)
)

// textOf is what stands in HTML, roughly: for reading, and for nothing else.
func textOf(html string) string {
	s := spaces.ReplaceAllString(unsaid.ReplaceAllString(html, " "), " ")
	s = anyTag.ReplaceAllString(breaks.ReplaceAllString(s, "\n"), "")
	s = strings.NewReplacer("&nbsp;", " ", "&lt;", "<", "&gt;", ">", "&quot;", `"`, "&#39;", "'", "&apos;", "'", "&amp;", "&").Replace(s)
	return strings.TrimSpace(blank.ReplaceAllString(s, "\n\n"))
}

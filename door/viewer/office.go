package viewer

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Bounds on office documents, which are archives of XML.
const (
	OfficeMost  = 24 << 20 // bytes of the archive
	officeFiles = 4000
	officePart  = 12 << 20 // bytes of one file in it, unpacked
	officeTotal = 24 << 20 // bytes unpacked in all
	officeDepth = 200      // of XML
	officeToken = 1 << 20  // bytes of one tag, text or comment, which is read whole
	officeText  = 2 << 20  // bytes of text
	officeCells = 200      // of a row
	officeTexts = 400000   // texts that cells share
)

// Section is a part of a document under its own heading: a sheet, a slide, the notes.
type Section struct {
	Name  string // sheet, slide, notes, comments, header; "" for what the document itself says
	Of    string // number or name of the sheet or slide
	Lines []string
}

// OfficeText answers what an office document says: docx, xlsx, pptx and those of
// OpenDocument. Pictures, charts and forms are left out; nothing is computed.
func OfficeText(content []byte) (sections []Section, cut bool, err error) {
	if len(content) > OfficeMost {
		return nil, true, fmt.Errorf("%w: a document of more than %d MiB", ErrForm, OfficeMost>>20)
	}
	if n := bytes.Count(content, []byte("PK\x01\x02")); n > officeFiles { // each is read at once
		return nil, true, fmt.Errorf("%w: it holds some %d files", ErrForm, n)
	}
	z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, false, fmt.Errorf("%w: %v", ErrForm, err)
	}
	if len(z.File) > officeFiles {
		return nil, true, fmt.Errorf("%w: it holds %d files", ErrForm, len(z.File))
	}
	o := office{files: map[string]*zip.File{}, left: officeTotal, room: officeText}
	for _, f := range z.File {
		if _, twice := o.files[f.Name]; !twice {
			o.files[f.Name] = f
		}
	}
	switch {
	case o.files["word/document.xml"] != nil:
		o.word()
	case o.files["xl/workbook.xml"] != nil:
		o.sheets()
	case o.files["ppt/presentation.xml"] != nil:
		o.slides()
	case o.files["content.xml"] != nil:
		o.part("content.xml", "", "", openDocument)
	default:
		return nil, false, fmt.Errorf("%w: it is no document that is known here", ErrForm)
	}
	if len(o.sections) == 0 && o.err != nil {
		return nil, false, o.err
	}
	return o.sections, o.cut || o.err != nil, nil
}

type office struct {
	files    map[string]*zip.File
	left     int64 // bytes that may still be unpacked
	room     int   // bytes of text that may still be answered
	sections []Section
	cut      bool
	full     bool
	err      error // the first part that could not be read
}

// limited fails beyond a number of bytes, where io.LimitedReader would just end.
type limited struct {
	in   io.Reader
	left *int64
	part int64
}

var errBeyond = fmt.Errorf("%w: it unpacks to more than may be read", ErrForm)

func (l *limited) Read(b []byte) (int, error) {
	most := min(*l.left, l.part)
	if most <= 0 {
		return 0, errBeyond
	}
	n, err := l.in.Read(b[:min(int64(len(b)), most)])
	*l.left -= int64(n)
	l.part -= int64(n)
	return n, err
}

// tokens gives a decoder of XML so many bytes for each token, and fails beyond.
type tokens struct {
	*bufio.Reader
	left int
}

func (t *tokens) ReadByte() (byte, error) {
	if t.left--; t.left < 0 {
		return 0, errToken
	}
	return t.Reader.ReadByte()
}

var errToken = fmt.Errorf("%w: one tag or text in it is longer than %d KiB", ErrForm, officeToken>>10)

// walk visits the elements of one XML file of the archive: begin with each start, end with
// each end, say with texts. Names are without their namespaces.
func (o *office) walk(name string, begin func(xml.StartElement), end func(string), say func([]byte)) {
	f := o.files[name]
	if f == nil {
		return
	}
	err := func() error {
		r, err := f.Open()
		if err != nil {
			return err
		}
		defer r.Close()
		in := &tokens{Reader: bufio.NewReader(&limited{r, &o.left, officePart})}
		d := xml.NewDecoder(in)
		depth := 0
		for !o.full {
			in.left = officeToken
			token, err := d.RawToken()
			if err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			switch e := token.(type) {
			case xml.StartElement:
				if depth++; depth > officeDepth {
					return fmt.Errorf("%w: its XML is more than %d deep", ErrForm, officeDepth)
				}
				begin(e)
			case xml.EndElement:
				depth--
				end(e.Name.Local)
			case xml.CharData:
				say(e)
			}
		}
		return nil
	}()
	if err != nil && o.err == nil {
		o.err = fmt.Errorf("%w: %s: %v", ErrForm, name, err)
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// dialect is what the elements of a document's text are called.
type dialect struct {
	text, skip  []string // elements whose text counts: any, where there is none; and does not
	lines       []string // elements that end a line
	tabs        []string
	breaks      []string
	cells, rows string
}

var (
	wordML       = dialect{text: []string{"t", "delText"}, lines: []string{"p"}, tabs: []string{"tab"}, breaks: []string{"br", "cr"}, cells: "tc"}
	drawingML    = dialect{text: []string{"t"}, lines: []string{"p"}, tabs: []string{"tab"}, breaks: []string{"br"}, cells: "tc"}
	openDocument = dialect{skip: []string{"automatic-styles", "styles", "scripts", "font-face-decls", "binary-data"}, lines: []string{"p", "h"}, tabs: []string{"tab", "s"}, breaks: []string{"line-break"}, cells: "table-cell", rows: "table-row"}
)

// part reads the text of one file of the archive into a section of its own.
func (o *office) part(file, name, of string, d dialect) {
	s := Section{Name: name, Of: of}
	var line strings.Builder
	inText, inSkip, inRow := 0, 0, 0
	flush := func() {
		text := strings.TrimRight(line.String(), " \t")
		line.Reset()
		if text != "" {
			o.line(&s, text)
		}
	}
	o.walk(file, func(e xml.StartElement) {
		switch name := e.Name.Local; {
		case slices.Contains(d.skip, name):
			inSkip++
		case slices.Contains(d.text, name):
			inText++
		case slices.Contains(d.tabs, name):
			line.WriteByte('\t')
		case slices.Contains(d.breaks, name):
			flush()
		case name == d.rows && d.rows != "":
			inRow++
		}
	}, func(name string) {
		switch {
		case slices.Contains(d.skip, name):
			inSkip--
		case slices.Contains(d.text, name):
			inText--
		case name == d.cells && inRow > 0:
			line.WriteByte('\t')
		case name == d.rows && d.rows != "":
			inRow--
			flush()
		case slices.Contains(d.lines, name):
			if inRow > 0 {
				line.WriteByte(' ')
			} else {
				flush()
			}
		}
	}, func(text []byte) {
		if inSkip <= 0 && (inText > 0 || len(d.text) == 0 && strings.TrimSpace(string(text)) != "") && line.Len() < lineMost*4 {
			line.Write(text)
		}
	})
	flush()
	if len(s.Lines) > 0 {
		o.sections = append(o.sections, s)
	}
}

// line adds a line to a section, as far as there is room.
func (o *office) line(s *Section, text string) {
	text, short := shortened(text, lineMost)
	text = visible(strings.ReplaceAll(text, "\n", " "))
	if o.cut = o.cut || short; o.room < len(text)+1 {
		o.cut, o.full = true, true
		return
	}
	o.room -= len(text) + 1
	s.Lines = append(s.Lines, text)
}

func (o *office) word() {
	o.part("word/document.xml", "", "", wordML)
	for _, more := range []struct{ prefix, name string }{{"word/header", "header"}, {"word/footer", "header"}, {"word/footnotes", "notes"}, {"word/endnotes", "notes"}, {"word/comments", "comments"}} {
		for _, name := range o.numbered(more.prefix) {
			o.part(name, more.name, "", wordML)
		}
	}
}

var trailing = regexp.MustCompile(`^(\d{0,6})\.xml$`)

// numbered are the files whose names are a prefix and a number, in order of it.
func (o *office) numbered(prefix string) []string {
	number := func(name string) (int, bool) {
		m := trailing.FindStringSubmatch(strings.TrimPrefix(name, prefix))
		if m == nil || !strings.HasPrefix(name, prefix) {
			return 0, false
		}
		n, _ := strconv.Atoi(m[1])
		return n, true
	}
	var names []string
	for name := range o.files {
		if _, ok := number(name); ok {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		x, _ := number(a)
		y, _ := number(b)
		if x != y {
			return x - y
		}
		return strings.Compare(a, b)
	})
	return names
}

func (o *office) slides() {
	for i, name := range o.numbered("ppt/slides/slide") {
		o.part(name, "slide", strconv.Itoa(i+1), drawingML)
	}
	for _, prefix := range []string{"ppt/notesSlides/notesSlide", "ppt/comments/comment"} {
		for i, name := range o.numbered(prefix) {
			kind := "notes"
			if strings.Contains(prefix, "comment") {
				kind = "comments"
			}
			o.part(name, kind, strconv.Itoa(i+1), drawingML)
		}
	}
}

// sheets reads the cells of a workbook, row by row, as they are kept: of a formula its last
// result, of a date its number.
func (o *office) sheets() {
	var shared []string
	var text strings.Builder
	inText, inPhonetic := false, 0
	o.walk("xl/sharedStrings.xml", func(e xml.StartElement) {
		switch e.Name.Local {
		case "t":
			inText = true
		case "rPh":
			inPhonetic++
		}
	}, func(name string) {
		switch name {
		case "t":
			inText = false
		case "rPh":
			inPhonetic--
		case "si":
			if len(shared) < officeTexts {
				shared = append(shared, text.String())
			}
			text.Reset()
		}
	}, func(b []byte) {
		if inText && inPhonetic <= 0 && text.Len() < lineMost*4 {
			text.Write(b)
		}
	})
	var names []string
	o.walk("xl/workbook.xml", func(e xml.StartElement) {
		if e.Name.Local == "sheet" && len(names) < officeFiles {
			names = append(names, attribute(e, "name"))
		}
	}, func(string) {}, func([]byte) {})
	for i, file := range o.numbered("xl/worksheets/sheet") {
		name := strconv.Itoa(i + 1)
		if i < len(names) && names[i] != "" {
			name, _ = shortened(visible(names[i]), 60)
		}
		o.sheet(file, name, shared)
	}
	for i, file := range o.numbered("xl/comments") {
		o.part(file, "comments", strconv.Itoa(i+1), dialect{text: []string{"t"}, lines: []string{"comment"}})
	}
	for i, file := range o.numbered("xl/drawings/drawing") {
		o.part(file, "notes", strconv.Itoa(i+1), drawingML)
	}
}

func (o *office) sheet(file, name string, shared []string) {
	s := Section{Name: "sheet", Of: name}
	var cells []string
	wide := 0 // bytes of them
	var value strings.Builder
	kind, inValue := "", false
	o.walk(file, func(e xml.StartElement) {
		switch e.Name.Local {
		case "row":
			cells, wide = cells[:0], 0
		case "c":
			kind = attribute(e, "t")
			value.Reset()
		case "v", "t":
			inValue = true
		}
	}, func(end string) {
		switch end {
		case "v", "t":
			inValue = false
		case "c":
			text := value.String()
			if kind == "s" {
				if n, err := strconv.Atoi(strings.TrimSpace(text)); err == nil && n >= 0 && n < len(shared) {
					text = shared[n]
				}
			}
			if wide < lineMost && len(cells) < officeCells {
				text, _ = shortened(text, lineMost)
				cells = append(cells, strings.ReplaceAll(text, "\t", " "))
				wide += len(text)
			} else {
				o.cut = true
			}
		case "row":
			if line := strings.TrimRight(strings.Join(cells, "\t"), "\t "); line != "" {
				o.line(&s, line)
			}
		}
	}, func(b []byte) {
		if inValue && value.Len() < lineMost*4 {
			value.Write(b)
		}
	})
	if len(s.Lines) > 0 {
		o.sections = append(o.sections, s)
	}
}

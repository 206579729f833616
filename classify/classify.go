// Package classify decides what is confidential, and says why. What is looked for in texts
// is a table of detectors, each with its validator, keywords and examples; see detectors.yaml.
// A recording is confidential by nature, and everything else is until a person has said
// otherwise: that nothing was found shows only that these detectors found nothing.
package classify

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/gabriel-vasile/mimetype"

	"strongroom"
)

// byKind are the classes that a declared kind brings (attribute "kind").
var byKind = map[string]string{
	"call":       "voice",
	"screen":     "screen",
	"chat":       "conversation",
	"email":      "conversation",
	"message":    "conversation",
	"transcript": "conversation",
	"document":   "document",
	"metadata":   "metadata",
}

// byType are the classes that a media type brings.
var byType = []struct{ prefix, class string }{
	{"audio/", "voice"},
	{"application/ogg", "voice"},
	{"video/", "screen"},
	{"image/", "image"},
	{"text/", "text"},
	{"application/json", "metadata"},
	{"application/pdf", "document"},
}

// byNature are the classes that make content confidential whatever is found in it.
var byNature = map[string]bool{"voice": true, "screen": true, "image": true, "conversation": true}

// sniffed is how much of the beginning decides about the type, in bytes. Whoever calls Arriving gives
// as much of the content as it has up to there, so that what is shorter is whole.
const sniffed = 4096

// Judgement is what looking at some content came to.
type Judgement struct {
	Label    strongroom.Label `json:"label"`
	Type     string           `json:"type"`               // by content
	Platform string           `json:"platform,omitempty"` // whose metadata it is
	Text     bool             `json:"text"`               // it was looked through as text
	Whole    bool             `json:"whole"`              // and to its end
	Extent   Extent           `json:"looked_at"`
	Size     int64            `json:"size"`            // bytes; -1 where not known
	Found    map[string]int   `json:"found,omitempty"` // by detector
	Version  string           `json:"detectors"`
}

// Arriving labels content as it is stored, by its first bytes, the type that was
// declared, and the user metadata.
func Arriving(head []byte, declaredType string, meta map[string]string) strongroom.Label {
	size := int64(-1)
	if len(head) > 0 && len(head) < sniffed {
		size = int64(len(head))
	}
	j, err := judge(bytes.NewReader(head), size, int64(len(head)), declaredType, meta, nil)
	if err != nil { // a reader in memory has none
		j.Label.Reasons = append(j.Label.Reasons, "its beginning could not be read")
	}
	return j.Label
}

// Judge labels content by as much of it as most bytes, and tells what it finds where found is
// not nil. Size is the bytes there are, -1 where that is not known before.
func Judge(content io.Reader, size, most int64, declaredType string, meta map[string]string, found Found) (Judgement, error) {
	return judge(content, size, most, declaredType, meta, found)
}

func judge(content io.Reader, size, most int64, declaredType string, meta map[string]string, found Found) (Judgement, error) {
	j := Judgement{Label: strongroom.Label{Confidential: true}, Size: size, Version: Version(), Found: map[string]int{}}
	head := make([]byte, min(sniffed, most))
	n, err := io.ReadFull(content, head)
	if err != nil && !ended(err) {
		return j, err
	}
	head = head[:n]
	j.declared(declaredType, meta)
	if n == 0 {
		j.otherwise()
		j.reason("", "nothing of its content was looked at")
		return j, nil
	}
	t := mimetype.Detect(head)
	j.Type = t.String()
	j.sniffed(t)
	if !readable(t, head) {
		j.otherwise()
		j.reason("", fmt.Sprintf("what it says was not looked at: detectors read text, and it is %s", j.Type))
		return j, nil
	}
	j.Text = true
	if p, ok := readPlatform(head); ok {
		j.Platform = p.name
		for _, class := range p.classes {
			j.reason(class, p.reason)
		}
	}
	rest := &counted{r: io.LimitReader(content, most-int64(n))}
	tallies := map[string]*tally{}
	pool := &scanners
	if most <= sniffed {
		pool = &headScanners
	}
	scanner := pool.Get().(*Scanner)
	j.Extent, err = scanner.Scan(io.MultiReader(bytes.NewReader(head), rest), func(s *Span, text []byte) error {
		k := tallies[s.Detector]
		if k == nil {
			k = &tally{first: s.Start, class: s.Class, detector: s.Detector}
			tallies[s.Detector] = k
		}
		k.n++
		k.confidence = max(k.confidence, s.Confidence)
		if found != nil {
			return found(s, text)
		}
		return nil
	})
	clear(scanner.buffer) // content is not kept longer than it is looked at
	pool.Put(scanner)
	if err != nil {
		return j, err
	}
	looked := int64(n) + rest.n
	var more [1]byte
	m, err := content.Read(more[:])
	if err != nil && !errors.Is(err, io.EOF) {
		return j, err
	}
	j.Whole = looked == size || size < 0 && m == 0 && looked < most
	j.finds(tallies)
	j.otherwise()
	switch {
	case j.Whole:
		j.reason("", fmt.Sprintf("all %d bytes were looked at, by detectors %s", looked, Version()))
	case size >= 0:
		j.reason("", fmt.Sprintf("the first %d of %d bytes were looked at, by detectors %s; what follows was not", looked, size, Version()))
	default:
		j.reason("", fmt.Sprintf("the first %d bytes were looked at, by detectors %s; what follows was not", looked, Version()))
	}
	return j, nil
}

// Scanners that wait for content, and for the beginnings of it.
var (
	scanners     = sync.Pool{New: func() any { return NewScanner() }}
	headScanners = sync.Pool{New: func() any { s := NewScanner(); s.chunk = 2 * sniffed; return s }}
)

type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// tally is what was found by one detector.
type tally struct {
	detector, class string
	n               int
	first           int64
	confidence      Confidence
}

// reason adds a class, "" for none, with the reason for it.
func (j *Judgement) reason(class, reason string) {
	if class != "" {
		if slices.Contains(j.Label.Classes, class) {
			return
		}
		j.Label.Classes = append(j.Label.Classes, class)
	}
	if !slices.Contains(j.Label.Reasons, reason) {
		j.Label.Reasons = append(j.Label.Reasons, reason)
	}
}

// declared goes by what whoever stored it said.
func (j *Judgement) declared(declaredType string, meta map[string]string) {
	if kind := meta[strongroom.AttributePrefix+"kind"]; byKind[kind] != "" {
		j.reason(byKind[kind], "declared as "+kind)
	}
	for _, t := range byType {
		if strings.HasPrefix(strings.ToLower(declaredType), t.prefix) {
			j.reason(t.class, "its type was declared as "+t.prefix+"…")
		}
	}
	switch strings.ToLower(meta[strongroom.AttributePrefix+"sensitive"]) {
	case "true", "yes", "1":
		j.reason("sensitive", "declared as sensitive")
	}
	for _, name := range []string{"customer", "agent", "participants"} {
		if meta[strongroom.AttributePrefix+name] != "" {
			j.reason("participants", "its metadata says who took part: "+name)
		}
	}
}

// sniffed goes by what the content is.
func (j *Judgement) sniffed(t *mimetype.MIME) {
	for _, b := range byType {
		if b.class != "text" && strings.HasPrefix(t.String(), b.prefix) {
			j.reason(b.class, "its content begins as "+b.prefix+strings.TrimPrefix(strings.SplitN(t.String(), ";", 2)[0], b.prefix))
		}
	}
	if t.Is("text/plain") {
		j.reason("text", "its content is text")
	}
}

// otherwise says that it is confidential all the same where no reason for that is there.
func (j *Judgement) otherwise() {
	if !slices.ContainsFunc(j.Label.Classes, func(c string) bool { return byNature[c] || !declarable[c] }) {
		j.reason("", "nothing shows that it is not confidential")
	}
}

// declarable are the classes that say what something is, and not what is in it.
var declarable = map[string]bool{"text": true, "document": true, "metadata": true}

// readable reports whether detectors can read it: text by its type, or by its beginning.
func readable(t *mimetype.MIME, head []byte) bool {
	if len(head) > 1 && (head[0] == 0xFF && head[1] == 0xFE || head[0] == 0xFE && head[1] == 0xFF) {
		return true
	}
	for p := t; p != nil; p = p.Parent() {
		if p.Is("text/plain") {
			return true
		}
	}
	strange := 0
	for _, b := range head {
		if b == 0 {
			return false
		}
		if b < ' ' && b != '\n' && b != '\r' && b != '\t' && b != '\f' && b != 0x1B {
			strange++
		}
	}
	return t.Is("application/octet-stream") && strange*50 < len(head)
}

// finds gives classes for what was found: for medium and high confidence. What is less sure is
// told and brings none.
func (j *Judgement) finds(all map[string]*tally) {
	var sorted []*tally
	for _, k := range all {
		j.Found[k.detector] = k.n
		sorted = append(sorted, k)
	}
	slices.SortFunc(sorted, func(a, b *tally) int {
		return cmp.Or(cmp.Compare(b.confidence, a.confidence), cmp.Compare(b.n, a.n), strings.Compare(a.detector, b.detector))
	})
	for _, k := range sorted {
		times := "once"
		if k.n > 1 {
			times = fmt.Sprintf("%d times", k.n)
		}
		text := fmt.Sprintf("found %s %s, with %s confidence, first at byte %d", k.detector, times, k.confidence, k.first)
		if k.confidence < Medium {
			j.reason("", text+", which is too little for a class")
			continue
		}
		if k.class == "card-code" {
			text += "; such codes may not be kept after authorisation, even encrypted (PCI DSS 3.3.1)"
		}
		if slices.Contains(j.Label.Classes, k.class) {
			j.reason("", text)
		} else {
			j.reason(k.class, text)
		}
	}
}

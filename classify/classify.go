// Package classify decides what is confidential, and says why. While content
// streams in it sees only how the content begins and what was declared about it,
// so it errs on the safe side: a recording is confidential by nature, and
// everything else is until something shows otherwise.
package classify

import (
	"net/http"
	"strings"

	"strongroom"
)

// byKind are the classes that a declared kind brings (attribute "kind").
var byKind = map[string]string{
	"call":       "voice",
	"screen":     "screen",
	"chat":       "conversation",
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

// Arriving labels content as it is stored, by its first bytes, the type that was
// declared, and the user metadata.
func Arriving(head []byte, declaredType string, meta map[string]string) strongroom.Label {
	l := strongroom.Label{Confidential: true}
	add := func(class, reason string) {
		for _, have := range l.Classes {
			if have == class {
				return
			}
		}
		l.Classes = append(l.Classes, class)
		l.Reasons = append(l.Reasons, reason)
	}
	if kind := meta[strongroom.AttributePrefix+"kind"]; byKind[kind] != "" {
		add(byKind[kind], "declared as "+kind)
	}
	sniffed := ""
	if len(head) > 0 {
		sniffed = http.DetectContentType(head)
	}
	for _, t := range byType {
		if strings.HasPrefix(sniffed, t.prefix) && t.class != "text" {
			add(t.class, "its content begins as "+sniffed)
		}
		if strings.HasPrefix(strings.ToLower(declaredType), t.prefix) {
			add(t.class, "its type was declared as "+t.prefix+"…")
		}
	}
	if len(l.Reasons) == 0 {
		l.Reasons = []string{"nothing shows that it is not confidential"}
	}
	return l
}

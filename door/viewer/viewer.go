// Package viewer reads content as far as it takes to show it: of which form it is, how loud
// a recording is, who said what and when, the text of documents and mails. It is given
// bytes, and knows neither rooms nor pages. Whatever it reads may have been made to harm
// it, so every form has its bounds, and nothing of content ever runs.
package viewer

import (
	"bytes"
	"errors"
	"path"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Kind is how a content is shown.
type Kind string

const (
	Audio  Kind = "audio"
	Video  Kind = "video"
	Image  Kind = "image"
	PDF    Kind = "pdf"
	Office Kind = "office"
	Mail   Kind = "mail"
	Text   Kind = "text"
	None   Kind = "none" // not at all
)

// Form is of which form a content is.
type Form struct {
	Kind Kind
	// Type is what a browser is told, one of a few that run nothing; "" where it is given
	// none of the content.
	Type string
	Wave bool // a WAVE file, whose loudness can be read
}

// HeadSize is how much of a content FormOf looks at.
const HeadSize = 4096

// FormOf tells of which form a content is by how it begins, and where that leaves a choice
// by its name and the type that it was stored with.
func FormOf(head []byte, name, stored string) Form {
	head = head[:min(len(head), HeadSize)]
	begins := func(s string) bool { return strings.HasPrefix(string(head[:min(len(head), 64)]), s) }
	at := func(from int, s string) bool { return len(head) >= from+len(s) && string(head[from:from+len(s)]) == s }
	ending := strings.ToLower(path.Ext(name))
	stored = strings.ToLower(stored)
	sounds := strings.HasPrefix(stored, "audio/")
	switch {
	case (begins("RIFF") || begins("RF64")) && at(8, "WAVE"):
		return Form{Kind: Audio, Type: "audio/wav", Wave: true}
	case begins("RIFF") && at(8, "WEBP"):
		return Form{Kind: Image, Type: "image/webp"}
	case begins("OggS"):
		if bytes.Contains(head, []byte("\x80theora")) {
			return Form{Kind: Video, Type: "video/ogg"}
		}
		return Form{Kind: Audio, Type: "audio/ogg"}
	case begins("fLaC"):
		return Form{Kind: Audio, Type: "audio/flac"}
	case begins("ID3"), len(head) > 2 && head[0] == 0xff && (head[1] == 0xfb || head[1] == 0xf3 || head[1] == 0xf2 || head[1] == 0xfa):
		return Form{Kind: Audio, Type: "audio/mpeg"}
	case len(head) > 2 && head[0] == 0xff && (head[1] == 0xf1 || head[1] == 0xf9):
		return Form{Kind: Audio, Type: "audio/aac"}
	case at(4, "ftyp"):
		if at(8, "M4A ") || at(8, "M4B ") || sounds {
			return Form{Kind: Audio, Type: "audio/mp4"}
		}
		return Form{Kind: Video, Type: "video/mp4"}
	case begins("\x1a\x45\xdf\xa3"):
		if sounds || ending == ".weba" {
			return Form{Kind: Audio, Type: "audio/webm"}
		}
		return Form{Kind: Video, Type: "video/webm"}
	case begins("\x89PNG\r\n\x1a\n"):
		return Form{Kind: Image, Type: "image/png"}
	case begins("\xff\xd8\xff"):
		return Form{Kind: Image, Type: "image/jpeg"}
	case begins("GIF87a"), begins("GIF89a"):
		return Form{Kind: Image, Type: "image/gif"}
	case begins("BM") && len(head) > 30 && head[6] == 0 && head[7] == 0 && head[8] == 0 && head[9] == 0:
		return Form{Kind: Image, Type: "image/bmp"}
	case bytes.Contains(head[:min(len(head), 1024)], []byte("%PDF-")):
		return Form{Kind: PDF}
	case begins("PK\x03\x04"):
		switch ending {
		case ".docx", ".docm", ".xlsx", ".xlsm", ".pptx", ".pptm", ".odt", ".ods", ".odp":
			return Form{Kind: Office}
		}
		if strings.Contains(stored, "officedocument") || strings.Contains(stored, "opendocument") ||
			bytes.Contains(head, []byte("[Content_Types].xml")) || bytes.Contains(head, []byte("application/vnd.oasis.opendocument")) {
			return Form{Kind: Office}
		}
		return Form{Kind: None}
	case begins("{\\rtf"):
		return Form{Kind: None}
	case !isText(head):
		return Form{Kind: None}
	case ending == ".eml", strings.HasPrefix(stored, "message/rfc822"), looksLikeMail(head):
		return Form{Kind: Mail}
	}
	return Form{Kind: Text}
}

// isText reports whether something begins as text does: without control characters.
func isText(head []byte) bool {
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return len(head)%2 == 0
	}
	for _, c := range head {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b || c == 0x7f {
			return false
		}
	}
	return true
}

func looksLikeMail(head []byte) bool {
	for _, first := range []string{"Return-Path:", "Received:", "Delivered-To:", "MIME-Version:", "Message-ID:", "From:"} {
		if len(head) >= len(first) && strings.EqualFold(string(head[:len(first)]), first) {
			return bytes.Contains(head, []byte("\nSubject:")) || bytes.Contains(head, []byte("\nDate:"))
		}
	}
	return false
}

// Bounds on text that is shown.
const (
	TextMost  = 2 << 20 // bytes read
	linesMost = 5000
	lineMost  = 2000 // characters of one line
)

// ErrForm says that a content is not of the form it seemed to be, or beyond the bounds.
var ErrForm = errors.New("it cannot be read")

// Lines makes lines of text for showing, and reports whether something is missing of them.
func Lines(content []byte) (lines []string, cut bool) {
	return split(decoded(content))
}

func split(text string) (lines []string, cut bool) {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if len(lines) == linesMost {
			return lines, true
		}
		line, short := shortened(line, lineMost)
		cut = cut || short
		lines = append(lines, visible(line))
	}
	return lines, cut
}

// shortened bounds a text to so many characters.
func shortened(s string, most int) (string, bool) {
	if len(s) <= most {
		return s, false
	}
	n := 0
	for i := range s {
		if n == most {
			return s[:i] + "…", true
		}
		n++
	}
	return s, false
}

// visible shows what would act on a text's neighbours instead of standing in it: control
// characters, and those that turn the direction of what follows.
func visible(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\t':
			return c
		case c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0, c >= 0x202a && c <= 0x202e, c >= 0x2066 && c <= 0x2069, c == 0xfeff:
			return utf8.RuneError
		}
		return c
	}, s)
}

// decoded makes UTF-8 of a text: UTF-16 with a mark at its beginning, UTF-8, or else Latin-1.
func decoded(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		b = b[3:]
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		low := 0
		if b[0] == 0xfe {
			low = 1
		}
		var units []uint16
		for i := 2; i+1 < len(b); i += 2 {
			units = append(units, uint16(b[i+low])|uint16(b[i+1-low])<<8)
		}
		return string(utf16.Decode(units))
	}
	if end := len(b); !utf8.Valid(b) {
		for cut := range min(3, end) { // it may be cut within a character
			if utf8.Valid(b[:end-cut-1]) {
				return string(b[:end-cut-1])
			}
		}
		out := make([]rune, len(b))
		for i, c := range b {
			out[i] = rune(c)
		}
		return string(out)
	}
	return string(b)
}

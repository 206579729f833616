package viewer

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Transcript is who said what, and where it is told when.
type Transcript struct {
	Timed bool
	Turns []Turn
	Cut   bool // more was said than is shown
}

// Turn is one sentence, or as little of a conversation as the transcript tells apart.
type Turn struct {
	Speaker  string  // agent, customer, or as the transcript names them; "" where it does not
	Again    bool    // the same as before
	From, To float64 // seconds from the beginning
	Text     string
}

// Bounds on transcripts.
const (
	TranscriptMost = 8 << 20 // bytes read
	turnsMost      = 10000
	turnMost       = 2000 // characters
	wordsMost      = 400000
)

// ReadTranscript reads a transcript: JSON as platforms write it (phrases, segments, turns or
// messages), WebVTT, SubRip, or plain lines of text.
func ReadTranscript(content []byte) (Transcript, error) {
	if len(content) > TranscriptMost {
		return Transcript{}, fmt.Errorf("%w: a transcript of more than %d MiB", ErrForm, TranscriptMost>>20)
	}
	text := strings.TrimSpace(decoded(content))
	var t transcriber
	switch {
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "[") && !timed.MatchString(text[:min(len(text), 32)]):
		if err := t.json([]byte(text)); err != nil {
			return Transcript{}, err
		}
	case strings.HasPrefix(text, "WEBVTT"), cue.MatchString(text[:min(len(text), 256)]):
		t.cues(text)
	default:
		t.lines(text)
	}
	if len(t.Turns) == 0 {
		return Transcript{}, fmt.Errorf("%w: it holds nothing that was said", ErrForm)
	}
	for i := range t.Turns {
		t.Turns[i].Again = i > 0 && t.Turns[i].Speaker == t.Turns[i-1].Speaker && t.Turns[i].Speaker != ""
	}
	return t.Transcript, nil
}

type transcriber struct {
	Transcript
	words int
}

func (t *transcriber) add(speaker string, from, to float64, text string) {
	text = strings.Join(strings.Fields(visible(text)), " ")
	if text == "" {
		return
	}
	if len(t.Turns) >= turnsMost {
		t.Cut = true
		return
	}
	text, short := shortened(text, turnMost)
	t.Cut = t.Cut || short
	if !(from >= 0 && from < 1e6) { // NaN included
		from = 0
	}
	if !(to >= from && to < 1e6) {
		to = from
	}
	t.Turns = append(t.Turns, Turn{Speaker: speakerOf(speaker), From: from, To: to, Text: text})
}

// speakerOf has the same words for the two sides, whatever the platform calls them.
func speakerOf(name string) string {
	name = strings.TrimSpace(visible(name))
	switch strings.ToLower(name) {
	case "agent", "internal", "user", "system agent":
		return "agent"
	case "customer", "external", "caller", "client":
		return "customer"
	}
	name, _ = shortened(name, 60)
	return name
}

// number is a number of JSON, also where it is written as a text.
type number float64

func (n *number) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err != nil || math.IsInf(v, 0) {
		v = math.NaN()
	}
	*n = number(v)
	return nil
}

// loose decodes a value as far as it fits, and else leaves it as it was: what one platform
// has as a list is a text to another.
type loose[T any] struct{ is T }

func (l *loose[T]) UnmarshalJSON(b []byte) error {
	var v T
	if json.Unmarshal(b, &v) == nil {
		l.is = v
	}
	return nil
}

type spoken struct {
	Text        loose[string] `json:"text"`
	Transcript  loose[string] `json:"transcript"`
	Content     loose[string] `json:"content"`
	Participant loose[string] `json:"participant"`
	Purpose     loose[string] `json:"participantPurpose"`
	Side        loose[string] `json:"participantId"`
	Speaker     loose[string] `json:"speaker"`
	By          loose[string] `json:"from"`

	StartMs  *number `json:"startMs"`
	Clock    *number `json:"startTimeMs"` // since 1970, or since the beginning
	Begin    *number `json:"beginOffsetMillis"`
	EndMs    *number `json:"endOffsetMillis"`
	Duration *number `json:"durationMs"`
	Offset   loose[struct {
		Millis *number `json:"milliseconds"`
	}] `json:"offset"`
	Lasts loose[struct {
		Millis *number `json:"milliseconds"`
	}] `json:"duration"`
	Start *number         `json:"start"` // seconds
	End   *number         `json:"end"`
	Words loose[[]spoken] `json:"words"`
	Word  loose[string]   `json:"word"`
}

func first(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

func (s *spoken) text() string {
	return first(s.Text.is, s.Content.is, s.Transcript.is, s.Word.is)
}

// when answers from when to when it was said, in seconds.
func (s *spoken) when(base float64) (from, to float64, told bool) {
	for _, ms := range []*number{s.StartMs, s.Offset.is.Millis, s.Begin} {
		if ms != nil {
			from, told = float64(*ms)/1000, true
			break
		}
	}
	if !told && s.Clock != nil {
		from, told = (float64(*s.Clock)-base)/1000, true
	}
	if !told && s.Start != nil {
		from, told = float64(*s.Start), true
		if s.End != nil {
			return from, float64(*s.End), true
		}
	}
	to = from
	switch {
	case s.Duration != nil:
		to += float64(*s.Duration) / 1000
	case s.Lasts.is.Millis != nil:
		to += float64(*s.Lasts.is.Millis) / 1000
	case s.EndMs != nil:
		to = float64(*s.EndMs) / 1000
	}
	return from, to, told
}

func (t *transcriber) json(content []byte) error {
	if o := outlineOf(content); o.depth > jsonDepth || o.elements > jsonElements {
		return fmt.Errorf("%w: it is more than %d deep, or its lists have more than %d elements", ErrForm, jsonDepth, jsonElements)
	}
	type phrases struct {
		Phrases loose[[]spoken] `json:"phrases"`
	}
	var d struct {
		phrases
		Transcripts loose[[]phrases] `json:"transcripts"`
		Transcript  loose[[]spoken]  `json:"transcript"` // names are matched in either case
		Segments    loose[[]spoken]  `json:"segments"`
		Utterances  loose[[]spoken]  `json:"utterances"`
		Messages    loose[[]spoken]  `json:"messages"`
	}
	var all []spoken
	if content[0] == '[' {
		if err := json.Unmarshal(content, &all); err != nil {
			return fmt.Errorf("%w: %v", ErrForm, err)
		}
	} else if err := json.Unmarshal(content, &d); err != nil {
		return fmt.Errorf("%w: %v", ErrForm, err)
	}
	all = append(all, d.Phrases.is...)
	for _, one := range d.Transcripts.is {
		all = append(all, one.Phrases.is...)
	}
	for _, some := range [][]spoken{d.Transcript.is, d.Segments.is, d.Utterances.is, d.Messages.is} {
		all = append(all, some...)
	}
	base := 0.0 // of times that count from 1970
	for i := range all {
		if c := all[i].Clock; c != nil && float64(*c) > 1e11 && (base == 0 || float64(*c) < base) {
			base = float64(*c)
		}
	}
	t.Timed = len(all) > 0
	for i := range all {
		s := &all[i]
		speaker := first(s.Participant.is, s.Purpose.is, s.Side.is, s.Speaker.is, s.By.is)
		from, to, told := s.when(base)
		t.Timed = t.Timed && told
		if !t.sentences(s, speaker, base) {
			t.add(speaker, from, to, s.text())
		}
	}
	return nil
}

// sentences adds what was said sentence by sentence, where the words have times.
func (t *transcriber) sentences(s *spoken, speaker string, base float64) bool {
	words := s.Words.is
	if t.words += len(words); len(words) == 0 || t.words > wordsMost {
		return false
	}
	for i := range words {
		if _, _, told := words[i].when(base); !told || words[i].text() == "" {
			return false
		}
	}
	var b strings.Builder
	var from, to float64
	for i := range words {
		begins, ends, _ := words[i].when(base)
		if b.Len() == 0 {
			from = begins
		} else {
			b.WriteByte(' ')
		}
		b.WriteString(words[i].text())
		to = ends
		last, _ := utf8.DecodeLastRuneInString(words[i].text())
		if i == len(words)-1 || strings.ContainsRune(".?!…", last) && b.Len() > 12 {
			t.add(speaker, from, to, b.String())
			b.Reset()
		}
	}
	return true
}

var (
	cue   = regexp.MustCompile(`(?:^|\n)\s*((?:\d{1,3}:)?\d{1,2}:\d{1,2}[.,]\d{1,3})[ \t]+-->[ \t]+((?:\d{1,3}:)?\d{1,2}:\d{1,2}[.,]\d{1,3})`)
	voice = regexp.MustCompile(`^<v(?:\.[^ >]{0,60})? ([^>]{1,60})>`)
	tag   = regexp.MustCompile(`<[^<>]{0,200}>`)
	timed = regexp.MustCompile(`^\[(?:\d{1,3}:)?\d{1,2}:\d{2}`)
	named = regexp.MustCompile(`^(?:\[?((?:\d{1,3}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?)\]?[ \t]+)?(?:([\p{L}][\p{L}\p{N} ._'’-]{0,39}):[ \t]+)?(.*)$`)
)

// seconds reads 1:02:03.5, 02:03,500 and 2:03.
func seconds(s string) float64 {
	total := 0.0
	for part := range strings.SplitSeq(strings.ReplaceAll(s, ",", "."), ":") {
		v, err := strconv.ParseFloat(part, 64)
		if err != nil {
			return 0
		}
		total = total*60 + v
	}
	return total
}

// cues reads WebVTT and SubRip.
func (t *transcriber) cues(text string) {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	t.Timed = true
	for block := range strings.SplitSeq(text, "\n\n") {
		m := cue.FindStringSubmatchIndex(block)
		if m == nil {
			continue // a heading, a note, a style
		}
		from, to := seconds(block[m[2]:m[3]]), seconds(block[m[4]:m[5]])
		_, body, _ := strings.Cut(block[m[5]:], "\n")
		speaker := ""
		if v := voice.FindStringSubmatch(body); v != nil {
			speaker = v[1]
		}
		body = unescape(tag.ReplaceAllString(body, ""))
		if n := named.FindStringSubmatch(body); speaker == "" && n != nil && n[1] == "" && n[2] != "" && !strings.Contains(body, "\n") {
			speaker, body = n[2], n[3]
		}
		t.add(speaker, from, to, body)
	}
}

func unescape(s string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&nbsp;", " ", "&lrm;", "", "&rlm;", "", "&amp;", "&").Replace(s)
}

// lines reads plain text: lines that may begin with a time, and who speaks.
func (t *transcriber) lines(text string) {
	t.Timed = true
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r", "\n"), "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		line, _ = shortened(line, 2*turnMost)
		m := named.FindStringSubmatch(line)
		if m == nil {
			m = []string{line, "", "", line}
		}
		t.Timed = t.Timed && m[1] != ""
		t.add(m[2], seconds(m[1]), 0, m[3])
	}
}

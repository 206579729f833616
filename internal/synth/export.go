package synth

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"strongroom"
)

// stamp is how the platform writes times.
const stamp = "2006-01-02T15:04:05.000Z"

// Metadata is the platform's description of one recording, exported beside it.
type Metadata struct {
	MediaType        string   `json:"mediaType"` // Call, Chat or Screen here
	Provider         string   `json:"provider"`
	RecordingID      string   `json:"recordingId"`
	ConversationID   string   `json:"conversationId"`
	OrganisationID   string   `json:"organizationId"`
	UserIDs          []string `json:"userIds"`
	Queue            string   `json:"queue"`
	Direction        string   `json:"direction"`
	InitialDirection string   `json:"initialDirection"`
	ANI              string   `json:"ani,omitempty"`
	Language         string   `json:"language"`
	StartTime        string   `json:"startTime"`
	EndTime          string   `json:"endTime"`
	DurationMs       int64    `json:"durationMs"`
	FileName         string   `json:"fileName"`
	ContentType      string   `json:"contentType"`
}

// Transcript is what was said in a recording, word by word; times are in
// milliseconds from its start.
type Transcript struct {
	RecordingID    string   `json:"recordingId"`
	ConversationID string   `json:"conversationId"`
	Language       string   `json:"language"`
	Phrases        []Phrase `json:"phrases"`
}

// Phrase is one turn of a Transcript.
type Phrase struct {
	Participant string `json:"participant"` // agent or customer
	Channel     int    `json:"channel"`
	StartMs     int64  `json:"startMs"`
	DurationMs  int64  `json:"durationMs"`
	Text        string `json:"text"`
	Words       []Word `json:"words"`
}

// Word is one word of a Phrase.
type Word struct {
	Text       string `json:"text"`
	StartMs    int64  `json:"startMs"`
	DurationMs int64  `json:"durationMs"`
}

type chatMessage struct {
	From string `json:"from"`
	Time string `json:"time"`
	Text string `json:"text"`
}

type chat struct {
	RecordingID    string        `json:"recordingId"`
	ConversationID string        `json:"conversationId"`
	Messages       []chatMessage `json:"messages"`
}

// CallFiles yields the recording, its metadata and its transcript, then chat and
// screen where there are any.
func (c *Centre) CallFiles(call *Call) iter.Seq[File] {
	return func(yield func(File) bool) {
		start := c.Start(call)
		audio, mediaType := wav, "audio/wav"
		if call.Codec == "ogg" {
			audio, mediaType = func(s []int16) []byte { return oggFLAC(s, uint32(call.seed[1])) }, "audio/ogg"
		}
		media := []struct {
			kind, id, name, mediaType, provider, contentType string
			start                                            time.Time
			lasts                                            time.Duration
			body                                             func() []byte
		}{
			{KindCall, call.Recording, "Call", "." + call.Codec, "Edge", mediaType, start, call.Duration, func() []byte { return audio(sound(call)) }},
			{KindChat, call.ChatID, "Chat", ".json", "Webchat", "application/json", start.Add(-10 * time.Minute), 3 * time.Minute, func() []byte { return c.chat(call) }},
			{KindScreen, call.ScreenID, "Screen", ".gif", "Edge", "image/gif", start, call.Duration, func() []byte { return screen(call) }},
		}
		for _, m := range media {
			if m.id == "" {
				continue
			}
			file := m.id + m.mediaType
			attributes := c.attributes(call, m.start)
			attributes["duration"] = strconv.FormatFloat(m.lasts.Seconds(), 'f', -1, 64)
			if !yield(c.file(call, file, m.contentType, m.kind, attributes, m.body())) {
				return
			}
			metadata := Metadata{
				MediaType: m.name, Provider: m.provider, RecordingID: m.id,
				ConversationID: call.Conversation, OrganisationID: c.OrganisationID,
				UserIDs: []string{call.Agent.UserID}, Queue: call.Queue,
				Direction: direction(call), InitialDirection: direction(call), Language: call.Language,
				StartTime: m.start.Format(stamp), EndTime: m.start.Add(m.lasts).Format(stamp),
				DurationMs: m.lasts.Milliseconds(), FileName: file, ContentType: m.contentType,
			}
			if m.kind == KindCall {
				metadata.ANI = "tel:" + strings.ReplaceAll(call.Customer.Phone, " ", "")
			}
			if !yield(c.file(call, m.id+"_metadata.json", "application/json", KindMetadata, attributes, asJSON(metadata))) {
				return
			}
			if m.kind == KindCall && !yield(c.file(call, m.id+"_transcript.json", "application/json", KindTranscript, attributes, asJSON(transcript(call)))) {
				return
			}
		}
	}
}

// folder is where the platform puts everything of a conversation.
func (c *Centre) folder(call *Call) string {
	return c.OrganisationID + c.Start(call).Format("/year=2006/month=01/day=02/hour=15/conversation_id=") + call.Conversation
}

func (c *Centre) attributes(call *Call, recorded time.Time) map[string]string {
	return map[string]string{
		"queue": call.Queue, "agent": call.Agent.Name, "conversation": call.Conversation,
		"customer": call.Customer.ID, "language": call.Language, "recorded-at": recorded.Format(time.RFC3339),
	}
}

func (c *Centre) file(call *Call, name, contentType, kind string, attributes map[string]string, body []byte) File {
	return File{Key: path.Join(c.folder(call), name), ContentType: contentType, Meta: meta(kind, attributes), Body: body}
}

// meta puts the prefix before the names that policies rely on.
func meta(kind string, attributes map[string]string) map[string]string {
	m := map[string]string{strongroom.AttributePrefix + "kind": kind}
	for name, value := range maps.All(attributes) {
		m[strongroom.AttributePrefix+name] = value
	}
	return m
}

func direction(call *Call) string {
	if call.Inbound {
		return "inbound"
	}
	return "outbound"
}

func transcript(call *Call) Transcript {
	t := Transcript{RecordingID: call.Recording, ConversationID: call.Conversation, Language: call.Language}
	for _, line := range call.Lines {
		phrase := Phrase{
			Participant: "customer", Channel: 1, Text: line.Text,
			StartMs: line.Start.Milliseconds(), DurationMs: (line.End - line.Start).Milliseconds(),
		}
		if line.Agent {
			phrase.Participant, phrase.Channel = "agent", 0
		}
		// A word lasts as long as its share of the letters.
		letters, before := int64(utf8.RuneCountInString(line.Text)), int64(0)
		for word := range strings.SplitSeq(line.Text, " ") {
			n := int64(utf8.RuneCountInString(word))
			from, to := phrase.DurationMs*before/letters, phrase.DurationMs*(before+n)/letters
			phrase.Words = append(phrase.Words, Word{Text: word, StartMs: phrase.StartMs + from, DurationMs: to - from})
			before += n + 1
		}
		t.Phrases = append(t.Phrases, phrase)
	}
	return t
}

// chat is what the customer typed to the web assistant before calling.
func (c *Centre) chat(call *Call) []byte {
	start := c.Start(call).Add(-10 * time.Minute)
	turns := []string{
		"Hello, what can we do for you?",
		fmt.Sprintf("Hi, I am %s %s, customer %s.", call.Customer.Given, call.Customer.Family, call.Customer.ID),
		"What is it about?",
		fmt.Sprintf("I would rather talk to somebody. My number is %s, my address is %s.", call.Customer.Phone, call.Customer.Email),
	}
	if call.Language == "fr" {
		turns = []string{
			"Bonjour, que pouvons-nous faire pour vous ?",
			fmt.Sprintf("Bonjour, je suis %s %s, client %s.", call.Customer.Given, call.Customer.Family, call.Customer.ID),
			"De quoi s'agit-il ?",
			fmt.Sprintf("Je préfère parler à quelqu'un. Mon numéro est le %s, mon adresse %s.", call.Customer.Phone, call.Customer.Email),
		}
	}
	out := chat{RecordingID: call.ChatID, ConversationID: call.Conversation}
	for i, text := range turns {
		from := "assistant"
		if i%2 == 1 {
			from = "customer"
		}
		out.Messages = append(out.Messages, chatMessage{From: from, Time: start.Add(time.Duration(i) * 45 * time.Second).Format(stamp), Text: text})
	}
	return asJSON(out)
}

// asJSON lays out what this package declares, which always encodes.
func asJSON(v any) []byte {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("synth: encoding %T: %v", v, err))
	}
	return append(b, '\n')
}

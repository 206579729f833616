package classify

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"strongroom"
)

// TestArriving: what is stored is confidential with the reasons that its beginning and what was
// declared give, and never because of what its reasons repeat.
func TestArriving(t *testing.T) {
	wav := append([]byte("RIFF\x24\x00\x00\x00WAVEfmt "), make([]byte, 200)...)
	long := strings.Repeat("nothing to see. ", 300)[:sniffed]
	for name, c := range map[string]struct {
		head     string
		declared string
		meta     map[string]string
		classes  []string
		reasons  []string // parts of reasons, each in one
	}{
		"a recording":       {head: string(wav), classes: []string{"voice"}, reasons: []string{"its content begins as audio/wav", "what it says was not looked at"}},
		"declared only":     {declared: "audio/wav", classes: []string{"voice"}, reasons: []string{"its type was declared as audio/…", "nothing of its content was looked at"}},
		"a kind":            {meta: map[string]string{"strongroom-kind": "chat"}, classes: []string{"conversation"}, reasons: []string{"declared as chat"}},
		"sensitive":         {meta: map[string]string{"strongroom-sensitive": "True", "strongroom-customer": "c-17"}, classes: []string{"sensitive", "participants"}, reasons: []string{"declared as sensitive", "who took part: customer"}},
		"nothing known":     {reasons: []string{"nothing shows that it is not confidential", "nothing of its content was looked at"}},
		"a text":            {head: "hello", classes: []string{"text"}, reasons: []string{"nothing shows that it is not confidential", "all 5 bytes were looked at"}},
		"the head of one":   {head: long, classes: []string{"text"}, reasons: []string{"nothing shows", fmt.Sprintf("the first %d bytes were looked at", sniffed), "what follows was not"}},
		"a card":            {head: "carte 4111 1111 1111 1111", classes: []string{"text", "card"}, reasons: []string{"found card-number once, with high confidence, first at byte 6"}},
		"perhaps a card":    {head: "ref 9000000000000001", classes: []string{"text"}, reasons: []string{"found card-checksum once, with low confidence, first at byte 4, which is too little for a class"}},
		"a code":            {head: "CVV 123", classes: []string{"text", "card-code"}, reasons: []string{"PCI DSS 3.3.1"}},
		"bytes":             {head: strings.Repeat("\x00\x01\x02", 50), reasons: []string{"what it says was not looked at: detectors read text, and it is application/octet-stream"}},
		"genesys":           {head: `{"conversationId":"0b1","mediaType":"Call","initialDirection":"inbound","queueIds":["q"],"userIds":["u"],"durationMs":12}`, classes: []string{"metadata", "voice", "participants"}, reasons: []string{"metadata of genesys-cloud: it describes a call, names a queue, inbound, names who took part"}},
		"contact lens":      {head: `{"Channel":"VOICE","Participants":[{"ParticipantRole":"AGENT"}],"CustomerMetadata":{"ContactId":"c"},"Transcript":[{"Content":"mail a@example.fr"}]}`, classes: []string{"metadata", "conversation", "voice", "participants", "contact"}, reasons: []string{"metadata of amazon-connect: it describes a voice", "found email once"}},
		"twilio":            {head: `{"sid":"RE1","call_sid":"CA1","channels":1,"encryption_details":{"type":"rsa"}}`, classes: []string{"metadata", "voice"}, reasons: []string{"metadata of twilio", "encrypted by the platform"}},
		"webex":             {head: `{"participants":["a"],"channel1":"agent","sensitive":true}`, classes: []string{"metadata", "voice", "participants", "sensitive"}, reasons: []string{"is marked sensitive"}},
		"transcribe":        {head: `{"jobName":"j","results":{"transcripts":[{"transcript":"hello"}]}}`, classes: []string{"metadata", "conversation"}, reasons: []string{"metadata of amazon-transcribe"}},
		"lines in JSON":     {head: `{"text":"mobile\n06 12 34 56 78\nmerci"}`, classes: []string{"metadata", "contact"}, reasons: []string{"found fr-phone once, with high"}},
		"UTF-16":            {head: "\xff\xfea\x00@\x00b\x00.\x00f\x00r\x00", classes: []string{"text", "contact"}, reasons: []string{"found email once, with high confidence, first at byte 2", "all 14 bytes"}},
		"French in Latin 1": {head: "t\xe9l\xe9phone 06 12 34 56 78", classes: []string{"text", "contact"}, reasons: []string{"found fr-phone once, with medium"}},
	} {
		l := Arriving([]byte(c.head), c.declared, c.meta)
		if !l.Confidential {
			t.Errorf("%s: not confidential", name)
		}
		have, want := slices.Sorted(slices.Values(l.Classes)), slices.Sorted(slices.Values(c.classes))
		if !slices.Equal(have, want) {
			t.Errorf("%s: classes %v, want %v", name, have, want)
		}
		for _, part := range c.reasons {
			if !slices.ContainsFunc(l.Reasons, func(r string) bool { return strings.Contains(r, part) }) {
				t.Errorf("%s: no reason says %q: %q", name, part, l.Reasons)
			}
		}
		for _, r := range l.Reasons {
			if strings.Contains(r, "4111") || strings.Contains(r, "c-17") || strings.Contains(r, "example") {
				t.Errorf("%s: a reason tells what was found: %q", name, r)
			}
		}
	}
}

// TestJudge: how much was looked at is said, where there is more than was asked for as well.
func TestJudge(t *testing.T) {
	text := strings.Repeat("word ", 2000) + "a@example.fr"
	for _, c := range []struct {
		size, most int64
		whole      bool
		found      int
		reason     string
	}{
		{int64(len(text)), 1 << 20, true, 1, fmt.Sprintf("all %d bytes were looked at", len(text))},
		{-1, 1 << 20, true, 1, fmt.Sprintf("all %d bytes were looked at", len(text))},
		{int64(len(text)), 5000, false, 0, fmt.Sprintf("the first 5000 of %d bytes were looked at", len(text))},
		{-1, 5000, false, 0, "the first 5000 bytes were looked at"},
		{int64(len(text)) + 9, 1 << 20, false, 1, "the first "}, // it ended too soon
		{100, 100, true, 0, "all 100 bytes"},
	} {
		told := 0
		content := text[:min(int64(len(text)), max(c.size, int64(len(text))*int64(min(1, -min(c.size, 0))), 100))]
		j, err := Judge(iotest.HalfReader(strings.NewReader(content)), c.size, c.most, "", nil, func(*Span, []byte) error { told++; return nil })
		if err != nil || j.Whole != c.whole || told != c.found || j.Found["email"] != c.found {
			t.Errorf("%+v: %+v, %v, told %d", c, j, err, told)
		}
		if !slices.ContainsFunc(j.Label.Reasons, func(r string) bool { return strings.HasPrefix(r, c.reason) }) {
			t.Errorf("%+v: %q", c, j.Label.Reasons)
		}
	}
	if _, err := Judge(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(text))), -1, 1<<20, "", nil, nil); err == nil {
		t.Error("a reader that fails")
	}
}

func FuzzArriving(f *testing.F) {
	f.Add([]byte(`{"mediaType":"Call","conversationId":"x","a":[[[[{}]]]]}`), "application/json", "call")
	f.Add([]byte("RIFF"), "audio/wav", "")
	f.Add([]byte("\xef\xbb\xbf{\"a\":"), "", "chat")
	f.Fuzz(func(t *testing.T, head []byte, declared, kind string) {
		if len(head) > sniffed {
			head = head[:sniffed]
		}
		l := Arriving(head, declared, map[string]string{strongroom.AttributePrefix + "kind": kind})
		if !l.Confidential || len(l.Reasons) == 0 || len(l.Reasons) > 64 {
			t.Fatalf("%+v", l)
		}
		for _, r := range l.Reasons {
			if len(r) > 300 {
				t.Fatalf("a reason of %d bytes", len(r))
			}
		}
	})
}

// BenchmarkArriving is what labelling costs a store of a text.
func BenchmarkArriving(b *testing.B) {
	for name, head := range map[string][]byte{"text": ordinary(sniffed)[:sniffed], "recording": append([]byte("RIFF\x24\x00\x00\x00WAVEfmt "), bytes.Repeat([]byte{7}, sniffed-16)...)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Arriving(head, "", nil)
			}
		})
	}
}

package viewer

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom/internal/synth"
)

func TestFormOf(t *testing.T) {
	for _, c := range []struct {
		head, name, stored string
		want               Form
	}{
		{"RIFF\x24\x00\x00\x00WAVEfmt ", "a", "", Form{Audio, "audio/wav", true}},
		{"RIFF\x24\x00\x00\x00WEBPVP8 ", "a.wav", "audio/wav", Form{Image, "image/webp", false}},
		{"OggS\x00\x02", "a.html", "text/html", Form{Audio, "audio/ogg", false}},
		{"\x00\x00\x00\x20ftypisom", "", "video/mp4", Form{Video, "video/mp4", false}},
		{"\x00\x00\x00\x20ftypM4A ", "", "", Form{Audio, "audio/mp4", false}},
		{"\x1a\x45\xdf\xa3\x01", "screen.webm", "", Form{Video, "video/webm", false}},
		{"\x89PNG\r\n\x1a\n", "", "", Form{Image, "image/png", false}},
		{"%PDF-1.7\n", "", "", Form{Kind: PDF}},
		{"PK\x03\x04\x14", "a.docx", "", Form{Kind: Office}},
		{"PK\x03\x04\x14", "a.zip", "", Form{Kind: None}},
		{"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "a.svg", "image/svg+xml", Form{Kind: Text}},
		{"<!doctype html><script>alert(1)</script>", "a.html", "text/html", Form{Kind: Text}},
		{"From: a@example.com\nSubject: hello\n\nbody", "", "", Form{Kind: Mail}},
		{"From: here on, all is text", "", "", Form{Kind: Text}},
		{"a,b\n1,2\n", "a.csv", "", Form{Kind: Text}},
		{"\x7fELF\x01\x01\x00", "a.txt", "text/plain", Form{Kind: None}},
		{"", "", "", Form{Kind: Text}},
	} {
		if got := FormOf([]byte(c.head), c.name, c.stored); got != c.want {
			t.Errorf("%q %q is %+v, want %+v", c.head, c.name, got, c.want)
		}
	}
}

// wave makes a WAVE file of samples, interleaved.
func wave(format, channels, bits int, data []byte, said uint32) []byte {
	var b bytes.Buffer
	b.WriteString("RIFF\xff\xff\xff\xffWAVELIST\x03\x00\x00\x00abc\x00fmt ")
	for _, v := range []any{uint32(16), uint16(format), uint16(channels), uint32(8000), uint32(8000 * channels * bits / 8), uint16(channels * bits / 8), uint16(bits)} {
		binary.Write(&b, binary.LittleEndian, v)
	}
	b.WriteString("data")
	binary.Write(&b, binary.LittleEndian, said)
	b.Write(data)
	return b.Bytes()
}

func TestReadWave(t *testing.T) {
	// The left channel swells, the right is loud in its second half.
	const frames = 8000
	left := func(i int) int { return int(32767 * float64(i) / frames * math.Sin(float64(i))) }
	right := func(i int) int {
		if i < frames/2 {
			return 0
		}
		return 20000 * (1 - 2*(i%2))
	}
	for _, bits := range []int{8, 16, 24, 32} {
		var data []byte
		for i := range frames {
			for _, v := range []int{left(i), right(i)} {
				switch bits {
				case 8:
					data = append(data, byte(v>>8+128))
				case 16:
					data = binary.LittleEndian.AppendUint16(data, uint16(v))
				case 24:
					data = append(data, 0, byte(v), byte(v>>8))
				case 32:
					data = append(data, 0, 0, byte(v), byte(v>>8))
				}
			}
		}
		for _, said := range []uint32{uint32(len(data)), 0, 0xffffffff} {
			file := wave(soundPCM, 2, bits, data, said)
			w, err := ReadWave(bytes.NewReader(file), int64(len(file)), 100)
			if err != nil {
				t.Fatal(err)
			}
			if w.Seconds != 1 || len(w.Peaks) != 2 || len(w.Peaks[0]) != 100 || w.Peaks[0][2] > 12 || w.Peaks[0][99] < 245 || w.Peaks[1][49] > 1 || w.Peaks[1][50] < 150 || w.Peaks[1][50] > 160 {
				t.Errorf("%d bits, said to have %d bytes: %v seconds, %v", bits, said, w.Seconds, w.Peaks)
			}
		}
	}
	// The loudest and the softest of A-law and µ-law.
	for format, bytes2 := range map[int][2]byte{soundALaw: {0xaa, 0xd5}, soundMuLaw: {0x80, 0xff}} {
		file := wave(format, 1, 8, append(slices.Repeat([]byte{bytes2[0]}, 100), slices.Repeat([]byte{bytes2[1]}, 100)...), 200)
		w, err := ReadWave(bytes.NewReader(file), int64(len(file)), 2)
		if err != nil || w.Peaks[0][0] < 245 || w.Peaks[0][1] > 1 {
			t.Errorf("format %d: %v, %v", format, w, err)
		}
	}
	for _, bad := range [][]byte{nil, []byte("RIFF"), wave(3, 2, 32, make([]byte, 800), 800), wave(soundPCM, 0, 16, nil, 0), wave(soundPCM, 9, 16, make([]byte, 800), 800), wave(soundPCM, 2, 16, nil, 0)} {
		if w, err := ReadWave(bytes.NewReader(bad), int64(len(bad)), 100); !errors.Is(err, ErrForm) {
			t.Errorf("%q answers %v, %v", bad, w, err)
		}
	}
}

func FuzzReadWave(f *testing.F) {
	f.Add(wave(soundPCM, 2, 16, make([]byte, 64), 64))
	f.Add(wave(soundMuLaw, 1, 8, make([]byte, 64), 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := ReadWave(bytes.NewReader(b), int64(len(b)), 50)
		if err != nil {
			return
		}
		for _, c := range w.Peaks {
			if len(c) < 1 || len(c) > 50 || len(w.Peaks) > waveChannels || w.Seconds <= 0 {
				t.Errorf("%d peaks of %d channels, %f seconds", len(c), len(w.Peaks), w.Seconds)
			}
		}
	})
}

func TestReadTranscript(t *testing.T) {
	text := func(tr Transcript) string {
		var b strings.Builder
		for _, turn := range tr.Turns {
			fmt.Fprintf(&b, "%s %.1f-%.1f %s\n", turn.Speaker, turn.From, turn.To, turn.Text)
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		in, want string
		timed    bool
	}{
		"words": {`{"phrases":[{"participant":"agent","startMs":1000,"durationMs":4000,"text":"Good morning to you. How are you?","words":[
			{"text":"Good","startMs":1000,"durationMs":500},{"text":"morning","startMs":1500,"durationMs":500},{"text":"to","startMs":2000,"durationMs":100},{"text":"you.","startMs":2100,"durationMs":400},
			{"text":"How","startMs":3000,"durationMs":500},{"text":"are","startMs":3500,"durationMs":500},{"text":"you?","startMs":4000,"durationMs":1000}]}]}`,
			"agent 1.0-2.5 Good morning to you.\nagent 3.0-5.0 How are you?\n", true},
		"since 1970":  {`{"transcripts":[{"phrases":[{"participantPurpose":"external","startTimeMs":1600000001000,"duration":{"milliseconds":500},"text":"b"},{"participantPurpose":"internal","startTimeMs":1600000000000,"text":"a"}]}]}`, "customer 1.0-1.5 b\nagent 0.0-0.0 a\n", true},
		"lens":        {`{"Transcript":[{"ParticipantId":"AGENT","Content":"hello","BeginOffsetMillis":10,"EndOffsetMillis":500}]}`, "agent 0.0-0.5 hello\n", true},
		"segments":    {`{"text":"all","segments":[{"start":1.5,"end":"2.5","speaker":"Speaker 1","text":" x "}]}`, "Speaker 1 1.5-2.5 x\n", true},
		"chat":        {`{"messages":[{"from":"customer","time":"2026-11-20T10:00:00Z","text":"hi"}]}`, "customer 0.0-0.0 hi\n", false},
		"WebVTT":      {"WEBVTT\n\nNOTE not this\n\n1\n00:01.000 --> 00:02.500 align:start\n<v Ines>Hello <b>there</b> &amp; you\n\n01:00:00.000 --> 01:00:01.000\nTom: fine\n", "Ines 1.0-2.5 Hello there & you\nTom 3600.0-3601.0 fine\n", true},
		"SubRip":      {"1\r\n00:00:01,000 --> 00:00:02,000\r\nhello\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\nthere\r\n", " 1.0-2.0 hello\n 3.0-4.0 there\n", true},
		"plain":       {"Agent: Hello\nCustomer: It costs 5: too much\nand more", "agent 0.0-0.0 Hello\ncustomer 0.0-0.0 It costs 5: too much\n 0.0-0.0 and more\n", false},
		"plain timed": {"[00:01] Agent: Hello\n[1:02:03] Client: Bye", "agent 1.0-1.0 Hello\ncustomer 3723.0-3723.0 Bye\n", true},
		"turning":     {`[{"text":"a\u202eb\u0007","start":-5,"end":"x"}]`, " 0.0-0.0 a�b�\n", true},
	} {
		tr, err := ReadTranscript([]byte(c.in))
		if err != nil || text(tr) != c.want || tr.Timed != c.timed {
			t.Errorf("%s: %v, timed %v\n%swant\n%s", name, err, tr.Timed, text(tr), c.want)
		}
	}
	for _, bad := range []string{"", "{}", "{", "[1,2]", `{"phrases":"x"}`} {
		if tr, err := ReadTranscript([]byte(bad)); !errors.Is(err, ErrForm) {
			t.Errorf("%q answers %v, %v", bad, tr, err)
		}
	}
	for file := range synth.New(1, 3).Files() {
		if file.Meta["strongroom-kind"] != synth.KindTranscript {
			continue
		}
		tr, err := ReadTranscript(file.Body)
		if err != nil || !tr.Timed || len(tr.Turns) < 2 {
			t.Errorf("%s: %v, %d turns", file.Key, err, len(tr.Turns))
		}
	}
}

func FuzzReadTranscript(f *testing.F) {
	f.Add([]byte(`{"phrases":[{"participant":"agent","startMs":1,"words":[{"text":"a.","startMs":1}]}],"segments":[{"start":1,"text":"x"}]}`))
	f.Add([]byte("WEBVTT\n\n00:01.000 --> 00:02.000\n<v A>b"))
	f.Add([]byte("[00:01] Agent: hello"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tr, err := ReadTranscript(b)
		if err == nil && (len(tr.Turns) == 0 || len(tr.Turns) > turnsMost) {
			t.Errorf("%d turns", len(tr.Turns))
		}
		for _, turn := range tr.Turns {
			if !(turn.From >= 0 && turn.To >= turn.From && turn.To < 1e6) || turn.Text == "" {
				t.Errorf("%+v", turn)
			}
		}
	})
}

// TestRealDocuments reads documents that office programs wrote, where they are at hand.
func TestRealDocuments(t *testing.T) {
	folder := os.Getenv("STRONGROOM_CORPORA")
	if folder == "" {
		folder = "../../../shared/corpora"
	}
	for name, want := range map[string]string{
		"testComment.docx": "[comments ]", "testComment.pptx": "[slide 1]", "testEXCEL.xlsx": "[sheet Feuil1]",
		"testEXCEL_textbox.xlsx": "[notes 1]", "testPhoneNumberExtractor.odt": "[ ]", "footnotes.docx": "[notes ]", "testMailMerge.docx": "[ ]",
	} {
		content, err := os.ReadFile(filepath.Join(folder, "office-documents", name))
		if err != nil {
			t.Skip("the corpora are not here: set STRONGROOM_CORPORA to their folder")
		}
		s, cut, err := OfficeText(content)
		if text := said(s); err != nil || cut || !strings.Contains(text, want) {
			t.Errorf("%s answers, cut %v, %v\n%.600s", name, cut, err, text)
		}
	}
	content, err := os.ReadFile(filepath.Join(folder, "office-documents", "testRFC822_multipart_attachments.eml"))
	if err != nil {
		t.Skip("the corpora are not here")
	}
	if l, err := ReadMail(content); err != nil || len(l.Head) < 3 || len(l.Lines) < 2 {
		t.Errorf("%+v, %v", l, err)
	}
}

func said(sections []Section) string {
	var b strings.Builder
	for _, s := range sections {
		fmt.Fprintf(&b, "[%s %s]\n%s\n", s.Name, s.Of, strings.Join(s.Lines, "\n"))
	}
	return b.String()
}

func packed(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is made to harm its reader takes bounded time and memory.
func TestOfficeBounds(t *testing.T) {
	start := time.Now()
	for name, files := range map[string]map[string]string{
		"a bomb":      {"word/document.xml": "<w><p><t>" + strings.Repeat(" ", 64<<20) + "</t></p></w>"},
		"deep":        {"word/document.xml": strings.Repeat("<p>", 100000)},
		"entities":    {"word/document.xml": `<!DOCTYPE x [<!ENTITY a "aaaa">]><w><p><t>&a;</t></p></w>`},
		"no document": {"x": "y"},
		"not XML":     {"content.xml": "<<<"},
	} {
		if s, _, err := OfficeText(packed(t, files)); !errors.Is(err, ErrForm) {
			t.Errorf("%s answers %d sections, %v", name, len(s), err)
		}
	}
	many := map[string]string{"word/document.xml": "<w/>"}
	for i := range officeFiles {
		many[fmt.Sprint("x", i)] = ""
	}
	if _, _, err := OfficeText(packed(t, many)); !errors.Is(err, ErrForm) {
		t.Errorf("many files: %v", err)
	}
	rows := "<worksheet>" + strings.Repeat("<row>"+strings.Repeat("<c t=\"s\"><v>0</v></c>", 300)+"</row>", 1000) + "</worksheet>"
	s, cut, err := OfficeText(packed(t, map[string]string{"xl/workbook.xml": "<x/>", "xl/sharedStrings.xml": "<sst><si><t>" + strings.Repeat("x", 5000) + "</t></si></sst>", "xl/worksheets/sheet1.xml": rows}))
	if err != nil || !cut || len(said(s)) > officeText+1000 {
		t.Errorf("a sheet that repeats one text answers %d bytes, cut %v, %v", len(said(s)), cut, err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

// A tag is read whole, with each of its attributes: what one may cost is bounded, and what
// was read before it is shown as cut.
func TestOfficeTagsAreBounded(t *testing.T) {
	before := "<w><p><t>before</t></p>"
	for name, tag := range map[string]string{
		"attributes": "<p" + strings.Repeat(" a=''", officePart/6) + "/>",
		"one value":  "<p a='" + strings.Repeat("x", officePart/2) + "'/>",
		"a name":     "<" + strings.Repeat("x", officePart/2) + "/>",
		"a comment":  "<!--" + strings.Repeat("x", officePart/2) + "-->",
		"a text":     "<p><t>" + strings.Repeat("x", officePart/2) + "</t></p>",
	} {
		content := packed(t, map[string]string{"word/document.xml": before + tag + "<p><t>after</t></p></w>"})
		var was, is runtime.MemStats
		runtime.ReadMemStats(&was)
		s, cut, err := OfficeText(content)
		runtime.ReadMemStats(&is)
		if err != nil || !cut || !strings.HasPrefix(said(s), "[ ]\nbefore\n") || strings.Contains(said(s), "after") {
			t.Errorf("%s: it says %.80q, cut %v, %v", name, said(s), cut, err)
		}
		if took := (is.TotalAlloc - was.TotalAlloc) >> 20; took > 64 {
			t.Errorf("%s: %d bytes that unpack to %d MiB took %d MiB", name, len(content), len(tag)>>20, took)
		}
	}
	fits := "<w><p a='" + strings.Repeat("x", officeToken/2) + "'><t>whole</t></p></w>"
	if s, cut, err := OfficeText(packed(t, map[string]string{"word/document.xml": fits})); err != nil || cut || said(s) != "[ ]\nwhole\n" {
		t.Errorf("a tag as drawings have it: %.80q, cut %v, %v", said(s), cut, err)
	}
}

func TestWordText(t *testing.T) {
	s, cut, err := OfficeText(packed(t, map[string]string{
		"word/document.xml": `<?xml version="1.0"?><w:document xmlns:w="x"><w:body><w:p><w:r><w:t>Dear </w:t></w:r><w:r><w:t>Sir</w:t><w:br/><w:t>second</w:t></w:r></w:p><w:p/><w:p><w:instrText>HYPERLINK</w:instrText><w:t>a</w:t><w:tab/><w:t>b</w:t></w:p></w:body></w:document>`,
		"word/comments.xml": `<w:comments xmlns:w="x"><w:p><w:t>a comment</w:t></w:p></w:comments>`,
	}))
	if err != nil || cut || said(s) != "[ ]\nDear Sir\nsecond\na\tb\n[comments ]\na comment\n" {
		t.Errorf("%q, %v, %v", said(s), cut, err)
	}
}

func FuzzOfficeText(f *testing.F) {
	f.Add([]byte(`<w><p><t>a</t></p></w>`), byte(0))
	f.Add([]byte(`<x><row><c t="s"><v>0</v></c></row></x>`), byte(1))
	f.Fuzz(func(t *testing.T, b []byte, kind byte) {
		names := [][]string{{"word/document.xml"}, {"xl/workbook.xml", "xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"}, {"ppt/presentation.xml", "ppt/slides/slide1.xml"}, {"content.xml"}}
		files := map[string]string{}
		for _, name := range names[int(kind)%len(names)] {
			files[name] = string(b)
		}
		for _, archive := range [][]byte{packed(t, files), b} {
			s, _, err := OfficeText(archive)
			if err == nil && len(said(s)) > officeText+officeFiles*100 {
				t.Errorf("%d bytes of text", len(said(s)))
			}
		}
	})
}

func TestReadMail(t *testing.T) {
	l, err := ReadMail([]byte("From: =?utf-8?q?In=C3=A9s?= <i@example.com>\r\nSubject: =?iso-8859-1?q?pr=EAt?=\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n" +
		"--y\r\nContent-Type: text/html\r\n\r\n<b>no</b>\r\n--y\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nBonjour =C3=A0 tous=\r\n !\r\n--y--\r\n" +
		"--x\r\nContent-Type: application/pdf; name=\"policy.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n--x--\r\n"))
	if err != nil || strings.TrimSpace(strings.Join(l.Lines, "|")) != "Bonjour à tous !" || fmt.Sprint(l.Head) != "[{From Inés <i@example.com>} {Subject prêt}]" || !slices.Equal(l.Files, []string{"policy.pdf"}) || l.HTML || l.Cut {
		t.Errorf("%+v, %v", l, err)
	}
	l, err = ReadMail([]byte("From: a@b.c\nContent-Type: text/html\n\n<style>x</style><p>Hello<br>you &lt;script&gt;</p><script>alert(1)</script>"))
	if err != nil || strings.Join(l.Lines, "|") != "Hello|you <script>" || !l.HTML {
		t.Errorf("%+v, %v", l, err)
	}
	deep := "From: a@b.c\n"
	for i := range 50 {
		deep += fmt.Sprintf("Content-Type: multipart/mixed; boundary=x%d\n\n--x%d\n", i, i)
	}
	if l, err := ReadMail([]byte(deep)); err != nil || !l.Cut {
		t.Errorf("%+v, %v", l, err)
	}
}

func FuzzReadMail(f *testing.F) {
	f.Add([]byte("From: a\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/html\n\n<b>\n--x--"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ReadMail(b)
		if err == nil && (len(l.Lines) > linesMost || len(l.Files) > mailParts) {
			t.Errorf("%d lines, %d files", len(l.Lines), len(l.Files))
		}
	})
}

func TestLines(t *testing.T) {
	lines, cut := Lines([]byte("a\r\nb\tc\x1b[31m\n" + strings.Repeat("x", 3000) + "\n"))
	if len(lines) != 3 || lines[0] != "a" || lines[1] != "b\tc�[31m" || len(lines[2]) > 2010 || !cut {
		t.Errorf("%q, %v", lines, cut)
	}
	if lines, _ := Lines([]byte("\xff\xfea\x00\xe9\x00")); len(lines) != 1 || lines[0] != "aé" {
		t.Errorf("%q", lines)
	}
	if lines, _ := Lines([]byte("caf\xe9 \xe0 tous, tous les jours")); lines[0] != "café à tous, tous les jours" {
		t.Errorf("%q", lines)
	}
	if lines, cut := Lines(bytes.Repeat([]byte("\n"), 10000)); len(lines) != linesMost || !cut {
		t.Errorf("%d lines, %v", len(lines), cut)
	}
}

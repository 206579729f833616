package synth

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image/gif"
	"image/png"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"strongroom"
)

func digest(c *Centre) string {
	h := sha256.New()
	for f := range c.Files() {
		fmt.Fprintf(h, "%q %q %v %x\n", f.Key, f.ContentType, f.Meta, sha256.Sum256(f.Body))
	}
	fmt.Fprintf(h, "%v", c.People())
	return hex.EncodeToString(h.Sum(nil))
}

func TestSameSeedSameBytes(t *testing.T) {
	c := New(7, 4)
	first := digest(c)
	if again := digest(c); again != first {
		t.Error("walking the files a second time gave other bytes")
	}
	if again := digest(New(7, 4)); again != first {
		t.Error("the same seed gave other bytes")
	}
	if other := digest(New(8, 4)); other == first {
		t.Error("another seed gave the same bytes")
	}
}

func TestFilesStopWhenTheCallerStops(t *testing.T) {
	n := 0
	for range New(1, 4).Files() {
		if n++; n == 5 {
			break
		}
	}
	if n != 5 {
		t.Errorf("got %d files", n)
	}
}

var exported = regexp.MustCompile(`^[0-9a-f-]{36}/year=(\d{4})/month=(\d\d)/day=(\d\d)/hour=(\d\d)/conversation_id=([0-9a-f-]{36})/([0-9a-f-]{36})(\.wav|\.ogg|\.gif|\.json|_metadata\.json|_transcript\.json)$`)

func TestEveryFile(t *testing.T) {
	const many = 6
	c := New(1, many)
	calls := map[string]*Call{}
	for i := range c.Calls {
		calls[c.Calls[i].Recording] = &c.Calls[i]
	}
	keys := map[string]bool{}
	kinds := map[string]int{}
	extensions := map[string]int{}
	var described []string
	for f := range c.Files() {
		if keys[f.Key] {
			t.Errorf("%q comes twice", f.Key)
		}
		keys[f.Key] = true
		if len(f.Key) == 0 || len(f.Key) > 1024 || !utf8.ValidString(f.Key) {
			t.Errorf("%q is no legal key (%d bytes)", f.Key, len(f.Key))
		}
		if len(f.Body) == 0 || len(f.Body) > MaxBody {
			t.Errorf("%q has %d bytes", f.Key, len(f.Body))
		}
		for name, value := range f.Meta {
			if !strings.HasPrefix(name, strongroom.AttributePrefix) || !printable(name) || !printable(value) || value == "" {
				t.Errorf("%q has metadata %q: %q, which no header carries", f.Key, name, value)
			}
		}
		object := strongroom.Object{Meta: f.Meta}
		kind := object.Attribute("kind")
		kinds[kind]++
		for _, name := range []string{"queue", "agent", "customer", "language", "recorded-at"} {
			if object.Attribute(name) == "" {
				t.Errorf("%q has no attribute %s", f.Key, name)
			}
		}
		recorded, err := time.Parse(time.RFC3339, object.Attribute("recorded-at"))
		if err != nil || recorded.After(c.Until) || recorded.Before(c.Until.AddDate(0, 0, -41)) {
			t.Errorf("%q was recorded at %q", f.Key, object.Attribute("recorded-at"))
		}
		if kind == KindDocument {
			continue
		}
		parts := exported.FindStringSubmatch(f.Key)
		if parts == nil {
			t.Errorf("%q is not laid out as the platform does", f.Key)
			continue
		}
		if parts[5] != object.Attribute("conversation") {
			t.Errorf("%q says conversation %s", f.Key, object.Attribute("conversation"))
		}
		extensions[parts[7]]++
		switch parts[7] {
		case ".wav":
			checkSound(t, calls[parts[6]], readWAV(t, f.Body))
		case ".ogg":
			samples := readOggFLAC(t, f.Body)
			if !slices.Equal(samples, sound(calls[parts[6]])) {
				t.Errorf("%q does not decode to what was encoded", f.Key)
			}
			checkSound(t, calls[parts[6]], samples)
		case ".gif":
			movie, err := gif.DecodeAll(bytes.NewReader(f.Body))
			if err != nil || len(movie.Image) < 4 {
				t.Errorf("%q: %v", f.Key, err)
			}
		case ".json":
			var messages chat
			strict(t, f, &messages)
			if len(messages.Messages) < 2 {
				t.Errorf("%q has no messages", f.Key)
			}
		case "_metadata.json":
			var m Metadata
			strict(t, f, &m)
			described = append(described, path.Dir(f.Key)+"/"+m.FileName)
			checkMetadata(t, c, f, m, parts)
		case "_transcript.json":
			var words Transcript
			strict(t, f, &words)
			checkTranscript(t, calls[words.RecordingID], words)
		}
	}
	for _, kind := range []string{KindCall, KindScreen, KindChat, KindTranscript, KindDocument, KindMetadata} {
		if kinds[kind] == 0 {
			t.Errorf("there is no %s", kind)
		}
	}
	if kinds[KindCall] != many || kinds[KindTranscript] != many || extensions[".wav"] == 0 || extensions[".ogg"] == 0 {
		t.Errorf("%d calls gave %v, %v", many, kinds, extensions)
	}
	for _, key := range described {
		if !keys[key] {
			t.Errorf("metadata describes %q, which is not there", key)
		}
	}
	if len(described) != kinds[KindCall]+kinds[KindChat]+kinds[KindScreen] {
		t.Errorf("%d recordings are described", len(described))
	}
}

func TestOddKeys(t *testing.T) {
	var all []string
	for f := range New(1, 0).Files() {
		all = append(all, f.Key)
	}
	for _, part := range []string{"//", "/../", "/./", "  ", "\t", "%20", "+", "顧客", "é", "e\u0301", "🎧", `\`} {
		if !slices.ContainsFunc(all, func(key string) bool { return strings.Contains(key, part) }) {
			t.Errorf("no key has %q in it", part)
		}
	}
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' })
}

func strict(t *testing.T, f File, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(f.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Errorf("%q: %v", f.Key, err)
	}
}

func checkMetadata(t *testing.T, c *Centre, f File, m Metadata, key []string) {
	t.Helper()
	start, err := time.Parse(stamp, m.StartTime)
	if err != nil {
		t.Fatal(err)
	}
	end, err := time.Parse(stamp, m.EndTime)
	if err != nil || end.Sub(start).Milliseconds() != m.DurationMs || end.After(c.Until) {
		t.Errorf("%q runs from %s to %s (%v)", f.Key, m.StartTime, m.EndTime, err)
	}
	if m.MediaType == "Call" && start.Format("2006 01 02 15") != strings.Join(key[1:5], " ") {
		t.Errorf("%q starts at %s", f.Key, m.StartTime)
	}
	object := strongroom.Object{Meta: f.Meta}
	if m.ConversationID != key[5] || m.RecordingID != key[6] || m.Queue != object.Attribute("queue") {
		t.Errorf("%q describes %s of %s in %s", f.Key, m.RecordingID, m.ConversationID, m.Queue)
	}
	for _, p := range c.People() {
		if p.Name == object.Attribute("agent") {
			if !slices.Equal(p.Aliases, m.UserIDs) || !slices.Contains(p.Attributes["queues"], m.Queue) {
				t.Errorf("%q is %s's, on queue %s", f.Key, p.Name, m.Queue)
			}
			return
		}
	}
	t.Errorf("%q is by nobody we know", f.Key)
}

func checkTranscript(t *testing.T, call *Call, got Transcript) {
	t.Helper()
	if got.Language != call.Language || len(got.Phrases) != len(call.Lines) {
		t.Fatalf("%s has %d phrases in %s", got.RecordingID, len(got.Phrases), got.Language)
	}
	var before int64
	for _, p := range got.Phrases {
		var words []string
		for _, w := range p.Words {
			if w.StartMs < before || w.StartMs+w.DurationMs > p.StartMs+p.DurationMs {
				t.Errorf("%s: %q is at %d for %d ms, in a phrase at %d for %d ms", got.RecordingID, w.Text, w.StartMs, w.DurationMs, p.StartMs, p.DurationMs)
			}
			before = w.StartMs + w.DurationMs
			words = append(words, w.Text)
		}
		if strings.Join(words, " ") != p.Text || strings.ContainsAny(p.Text, "{}") {
			t.Errorf("%s says %q", got.RecordingID, p.Text)
		}
	}
	if before > call.Duration.Milliseconds() {
		t.Errorf("%s is longer than its recording", got.RecordingID)
	}
}

// checkSound finds who speaks when, and nobody elsewhere.
func checkSound(t *testing.T, call *Call, samples []int16) {
	t.Helper()
	if n := time.Duration(len(samples)/2) * time.Second / sampleRate; n < 4*time.Second-time.Millisecond || n > 20*time.Second || n.Round(time.Millisecond) != call.Duration {
		t.Errorf("%s lasts %v, should %v", call.Recording, n, call.Duration)
	}
	loudest := func(channel int, from, to time.Duration) int {
		most := 0
		for i := from * sampleRate / time.Second; i < to*sampleRate/time.Second; i++ {
			s := int(samples[2*int(i)+channel])
			most = max(most, s, -s)
		}
		return most
	}
	var at time.Duration
	for _, line := range call.Lines {
		speaker, other := 1, 0
		if line.Agent {
			speaker, other = 0, 1
		}
		if n := loudest(speaker, line.Start, line.End); n < 1000 || n > 20000 {
			t.Errorf("%s at %v: the speaker reaches %d", call.Recording, line.Start, n)
		}
		if n := max(loudest(other, line.Start, line.End), loudest(0, at, line.Start), loudest(1, at, line.Start)); n > 100 {
			t.Errorf("%s at %v: the silence reaches %d", call.Recording, line.Start, n)
		}
		at = line.End
	}
}

func readWAV(t *testing.T, b []byte) []int16 {
	t.Helper()
	if len(b) < 44 || string(b[:4]) != "RIFF" || string(b[8:16]) != "WAVEfmt " || string(b[36:40]) != "data" {
		t.Fatalf("this is no WAV file: %q", b[:min(len(b), 44)])
	}
	for _, field := range []struct{ at, want int }{{4, len(b) - 8}, {16, 16}, {24, 8000}, {28, 32000}, {40, len(b) - 44}} {
		if got := int(binary.LittleEndian.Uint32(b[field.at:])); got != field.want {
			t.Errorf("byte %d says %d, want %d", field.at, got, field.want)
		}
	}
	for _, field := range []struct{ at, want int }{{20, 1}, {22, 2}, {32, 4}, {34, 16}} {
		if got := int(binary.LittleEndian.Uint16(b[field.at:])); got != field.want {
			t.Errorf("byte %d says %d, want %d", field.at, got, field.want)
		}
	}
	samples := make([]int16, (len(b)-44)/2)
	binary.Read(bytes.NewReader(b[44:]), binary.LittleEndian, samples)
	return samples
}

func TestDocuments(t *testing.T) {
	found := map[string]File{}
	for f := range New(3, 0).Files() {
		if !strings.Contains(f.Key, "customer=") {
			continue
		}
		found[path.Ext(f.Key)] = f
	}
	if len(found) != 6 {
		t.Fatalf("there are %d documents", len(found))
	}
	if rows, err := csv.NewReader(bytes.NewReader(found[".csv"].Body)).ReadAll(); err != nil || len(rows) != 13 {
		t.Errorf("the table has %d rows: %v", len(rows), err)
	}
	if picture, err := png.Decode(bytes.NewReader(found[".png"].Body)); err != nil || picture.Bounds().Dx() < 600 {
		t.Errorf("the picture: %v", err)
	}
	if b := found[".html"].Body; !bytes.Contains(b, []byte("</html>")) || bytes.Contains(b, []byte("{{")) {
		t.Errorf("the letter reads %s", b)
	}
	checkMail(t, found[".eml"].Body)
	checkPDF(t, found[".pdf"].Body)
}

func checkMail(t *testing.T, body []byte) {
	t.Helper()
	if bytes.Count(body, []byte("\n")) != bytes.Count(body, []byte("\r\n")) {
		t.Error("the mail has lines that do not end in CR LF")
	}
	message, err := mail.ReadMessage(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if from, err := message.Header.AddressList("From"); err != nil || !strings.HasSuffix(from[0].Address, "@example.fr") {
		t.Errorf("the mail is from %v: %v", from, err)
	}
	_, parameters, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for parts := multipart.NewReader(message.Body, parameters["boundary"]); ; {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		var decoded io.Reader = quotedprintable.NewReader(part)
		if part.Header.Get("Content-Transfer-Encoding") == "base64" {
			decoded = base64.NewDecoder(base64.StdEncoding, part)
		}
		text, err := io.ReadAll(decoded)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	if len(texts) != 2 || !strings.Contains(texts[0], "numéro de téléphone") || !strings.Contains(texts[1], "IBAN : ") {
		t.Errorf("the mail says %q", texts)
	}
}

// checkPDF follows the file as a reader does: startxref, the table, each object.
func checkPDF(t *testing.T, body []byte) {
	t.Helper()
	tail := regexp.MustCompile(`startxref\n(\d+)\n%%EOF\n$`).FindSubmatch(body)
	if tail == nil {
		t.Fatalf("the PDF ends %q", body[max(0, len(body)-40):])
	}
	at, _ := strconv.Atoi(string(tail[1]))
	var count int
	if _, err := fmt.Sscanf(string(body[at:at+20]), "xref\n0 %d\n", &count); err != nil {
		t.Fatalf("the table begins %q: %v", body[at:at+20], err)
	}
	entries := body[at+len(fmt.Sprintf("xref\n0 %d\n", count)):]
	for i := 1; i < count; i++ {
		offset, err := strconv.Atoi(string(entries[20*i : 20*i+10]))
		if want := fmt.Sprintf("%d 0 obj\n", i); err != nil || !bytes.HasPrefix(body[offset:], []byte(want)) {
			t.Errorf("object %d is not at %d: %v", i, offset, err)
		}
	}
	stream := regexp.MustCompile(`(?s)/Length (\d+) >>\nstream\n(.*)\nendstream`).FindSubmatch(body)
	if stream == nil || string(stream[1]) != strconv.Itoa(len(stream[2])) {
		t.Error("the length of the page's text is wrong")
	}
}

func TestIdentityCardZone(t *testing.T) {
	// The numbers and check digits of the specimen in ICAO 9303 part 5.
	birth, expiry := time.Date(1974, 8, 12, 0, 0, 0, 0, time.UTC), time.Date(2012, 4, 15, 0, 0, 0, 0, time.UTC)
	got := machineZone("D23145890", birth, expiry, Customer{Given: "Inès", Family: "Lefèvre"})
	want := [3]string{"IDFRAD231458907<<<<<<<<<<<<<<<", "7408122X1204159FRA<<<<<<<<<<<6", "LEFEVRE<<INES<<<<<<<<<<<<<<<<<"}
	if got != want {
		t.Errorf("the zone reads %q, want %q", got, want)
	}
}

var (
	cardShape  = regexp.MustCompile(`\b(?:\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}|3\d{3}[ -]?\d{6}[ -]?\d{5})\b`)
	ibanShape  = regexp.MustCompile(`\b[A-Z]{2}\d{2}[A-Z0-9 ]{10,34}[A-Z0-9]`)
	nirShape   = regexp.MustCompile(`\b[12] \d\d \d\d \d\d \d{3} \d{3} \d\d\b`)
	mailShape  = regexp.MustCompile(`[\w.]+@[\w.-]*\w`)
	phoneShape = regexp.MustCompile(`\b0\d[\d ]{8,12}\d\b`)
	notDigit   = regexp.MustCompile(`\D`)
)

func TestIdentifiersAreValidAndNobodys(t *testing.T) {
	counts := map[string]int{}
	c := New(5, 60)
	files := slices.Collect(c.Documents())
	for i := range c.Calls {
		call := &c.Calls[i]
		files = append(files, File{Key: call.Recording, ContentType: "text/json", Body: asJSON(transcript(call))})
	}
	for _, f := range files {
		if !strings.HasPrefix(f.ContentType, "text/") {
			continue
		}
		text := string(f.Body)
		for _, iban := range ibanShape.FindAllString(text, -1) {
			counts["iban"]++
			if !validIBAN(strings.ReplaceAll(iban, " ", "")) {
				t.Errorf("%q: IBAN %q does not check", f.Key, iban)
			}
		}
		text = ibanShape.ReplaceAllString(text, "")
		for _, nir := range nirShape.FindAllString(text, -1) {
			counts["nir"]++
			digits := notDigit.ReplaceAllString(nir, "")
			number, _ := strconv.Atoi(digits[:13])
			if key := 97 - number%97; fmt.Sprintf("%02d", key) != digits[13:] || digits[7:9] != "99" {
				t.Errorf("%q: NIR %q has the wrong key, or could be somebody's", f.Key, nir)
			}
		}
		text = nirShape.ReplaceAllString(text, "")
		for _, number := range cardShape.FindAllString(text, -1) {
			counts["card"]++
			if digits := notDigit.ReplaceAllString(number, ""); !luhn(digits) || !slices.Contains(testCards, digits) {
				t.Errorf("%q: card %q is no test number", f.Key, number)
			}
		}
		text = cardShape.ReplaceAllString(text, "")
		for _, address := range mailShape.FindAllString(text, -1) {
			counts["mail"]++
			if !strings.HasSuffix(address, "@example.com") && !strings.HasSuffix(address, "@example.fr") {
				t.Errorf("%q: mail address %q", f.Key, address)
			}
		}
		for _, number := range phoneShape.FindAllString(text, -1) {
			counts["phone"]++
			if !slices.ContainsFunc([]string{"0199", "0639 98", "02079460", "07700900"}, func(reserved string) bool {
				return strings.HasPrefix(strings.ReplaceAll(number, " ", ""), strings.ReplaceAll(reserved, " ", ""))
			}) {
				t.Errorf("%q: telephone number %q is not a reserved one", f.Key, number)
			}
		}
	}
	for _, kind := range []string{"iban", "nir", "card", "mail", "phone"} {
		if counts[kind] < 3 {
			t.Errorf("%d times %s in 60 calls", counts[kind], kind)
		}
	}
	for _, number := range testCards {
		if !luhn(number) {
			t.Errorf("test card %s fails the Luhn sum", number)
		}
	}
}

func luhn(digits string) bool {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			d = d*2/10 + d*2%10
		}
		sum += d
	}
	return sum%10 == 0
}

func validIBAN(iban string) bool {
	var digits strings.Builder
	for _, c := range iban[4:] + iban[:4] {
		if c >= 'A' {
			fmt.Fprint(&digits, c-'A'+10)
		} else {
			digits.WriteRune(c)
		}
	}
	n, ok := new(big.Int).SetString(digits.String(), 10)
	return ok && n.Mod(n, big.NewInt(97)).Int64() == 1
}

func TestPeople(t *testing.T) {
	c := New(1, 40)
	groups := map[string]int{}
	names := map[string]bool{}
	workers := map[string]int{}
	supervised := map[string]bool{}
	for _, p := range c.People() {
		if names[p.Name] || names[p.ID.String()] || !printable(p.Name) || strings.ContainsAny(p.Name, " ") {
			t.Errorf("%q is no name of its own", p.Name)
		}
		names[p.Name], names[p.ID.String()] = true, true
		for _, group := range p.Groups {
			groups[group]++
		}
		for _, queue := range p.Attributes["queues"] {
			workers[queue]++
		}
		for _, queue := range p.Attributes["supervises"] {
			supervised[queue] = true
		}
		if (p.Kind == strongroom.Vendor) != slices.Equal(p.Groups, []string{"vendors"}) {
			t.Errorf("%q is a %s in %v", p.Name, p.Kind, p.Groups)
		}
	}
	for _, group := range []string{"agents", "supervisors", "quality", "vendors", "platform-administrators", "auditors", "security-officers"} {
		if groups[group] == 0 {
			t.Errorf("nobody is in %s", group)
		}
	}
	for _, queue := range c.Queues {
		if workers[queue] < 2 || !supervised[queue] {
			t.Errorf("queue %s has %d agents, supervisor %v", queue, workers[queue], supervised[queue])
		}
	}
}

func TestUntilMovesTheCentre(t *testing.T) {
	c := New(1, 5)
	c.Until = time.Date(2031, 3, 1, 0, 0, 0, 0, time.UTC)
	newest := c.Start(&c.Calls[3])
	if age := c.Until.Sub(newest); age < 0 || age > 11*24*time.Hour {
		t.Errorf("the newest call began %v before", age)
	}
	if folder := c.folder(&c.Calls[3]); !strings.Contains(folder, "/year=2031/month=02/") {
		t.Errorf("the newest call lies in %q", folder)
	}
}

func BenchmarkFiles(b *testing.B) {
	for b.Loop() {
		n := 0
		for f := range New(1, 24).Files() {
			n += len(f.Body)
		}
		b.SetBytes(int64(n))
	}
}

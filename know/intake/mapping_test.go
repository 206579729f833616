package intake

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func parse(t testing.TB, text string) *Mapping {
	t.Helper()
	m, err := ParseMapping([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func builtin(t testing.TB, name string) *Mapping {
	t.Helper()
	m, err := Named(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const (
	uuid1 = "0b6b1f0e-6a7c-4b0e-9a55-0f3b6a1c2d3e"
	uuid2 = "7626da7f-e083-4085-b77a-85bfea18fe24"
)

// TestBuiltInMappings: keys as the platforms' documents and exports show them.
func TestBuiltInMappings(t *testing.T) {
	genesys := "1f2e3d4c-0000-4000-8000-000000000001/year=2026/month=11/day=20/hour=09/conversation_id=" + uuid2 + "/"
	for _, c := range []struct {
		mapping, key string
		as, kind     string
		joins        string // a key that it is joined with
		captures     map[string]string
	}{
		{"genesys-cloud", genesys + uuid1 + ".opus", AsRecording, "", genesys + uuid1 + ".opus_metadata.json", map[string]string{"conversation": uuid2, "recording": uuid1}},
		{"genesys-cloud", genesys + uuid1, AsRecording, "", genesys + uuid1 + "_metadata.json", nil},
		{"genesys-cloud", genesys + uuid1 + ".wav", AsRecording, "", genesys + uuid1 + "_metadata.json", nil},
		{"genesys-cloud", genesys + uuid1 + "_metadata.json", AsMetadata, "", "", nil},
		{"genesys-cloud", genesys + uuid1 + "_transcript.json", AsRecording, "transcript", genesys + uuid1 + "_metadata.json", nil},
		{"genesys-cloud", genesys + uuid1 + ".json", AsRecording, "", genesys + uuid1 + "_metadata.json", nil}, // a chat
		{"genesys-cloud", "readme.txt", "", "", "", nil},
		{"amazon-connect", "connect/acme/CallRecordings/2020/09/23/" + uuid2 + "_20200923T18:24_UTC.wav", AsRecording, "call", "Analysis/Voice/2020/09/23/" + uuid2 + "_analysis_2020-09-23T18:24:16Z.json", map[string]string{"contact": uuid2, "stamp": "20200923T18:24"}},
		{"amazon-connect", "Analysis/Voice/Redacted/2020/09/23/" + uuid2 + "_analysis_redacted_2020-09-23T18:24:16Z.json", AsMetadata, "", "", nil},
		{"amazon-connect", "Analysis/Voice/Redacted/2020/09/23/" + uuid2 + "_call_recording_redacted_2020-09-23T18:24:16Z.wav", AsRecording, "redacted-call", "Analysis/Voice/2020/09/23/" + uuid2 + "_analysis_2020-09-23T18:24:16Z.json", nil},
		{"amazon-connect", "connect/acme/ChatTranscripts/2020/09/23/" + uuid2 + "_20200923T18:24_UTC.json", AsRecording, "chat", "", nil},
		{"amazon-connect", "connect/acme/Reports/2020/x.csv", "", "", "", nil},
		{"twilio", "AC0123/RE" + strings.Repeat("0a", 16), AsRecording, "call", "AC0123/RE" + strings.Repeat("0a", 16) + ".json", nil},
		{"twilio", "RE" + strings.Repeat("0a", 16) + ".wav", AsRecording, "call", "RE" + strings.Repeat("0a", 16) + ".json", nil},
		{"twilio", "AC0123/index.html", "", "", "", nil},
		{"plain", "any/thing at all.bin", AsRecording, "", "any/thing at all.bin.metadata.json", nil},
		{"plain", "any/thing.wav.part", AsLeave, "", "", nil},
	} {
		m := builtin(t, c.mapping)
		f, ok := m.recognise(c.key)
		if c.as == "" {
			if ok {
				t.Errorf("%s: %s is taken for a %s", c.mapping, c.key, f.rule.As)
			}
			continue
		}
		if !ok || f.rule.As != c.as || f.rule.Kind != c.kind {
			t.Errorf("%s: %s: got %+v, want %s %s", c.mapping, c.key, f.rule, c.as, c.kind)
			continue
		}
		for name, value := range c.captures {
			if f.captures[name] != value {
				t.Errorf("%s: %s: {%s} is %q, want %q", c.mapping, c.key, name, f.captures[name], value)
			}
		}
		if c.joins != "" {
			other, ok := m.recognise(c.joins)
			if !ok || other.rule.As != AsMetadata || other.join != f.join || f.join == "" {
				t.Errorf("%s: %s is not joined with %s: %q, %q", c.mapping, c.key, c.joins, f.join, other.join)
			}
		}
		if c.as != AsLeave {
			if bucket, key := m.destination(f, "recordings"); bucket != "recordings" || key != c.key {
				t.Errorf("%s: %s goes to %s/%s", c.mapping, c.key, bucket, key)
			}
		}
	}
}

func TestAttributes(t *testing.T) {
	const text = `{"mediaType":"Screen","userIds":["u-1","u-2"],"queue":" Réclamations ","startTime":"2026-11-20T10:00:00.500+01:00",
		"durationMs":61234,"initialDirection":"INBOUND","conversationId":null,"nested":{"a/b":[{"~":"deep"}]},"big":9007199254740993}`
	genesys := builtin(t, "genesys-cloud")
	document, err := genesys.parseMetadata([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	f, _ := genesys.recognise("o/conversation_id=c-1/" + uuid1 + ".webm")
	got, problems := genesys.attributes(f.rule, facts{captures: f.captures, metadata: []any{document}})
	want := map[string]string{
		"kind": "screen", "agent": "u-1", "queue": "Réclamations", "started": "2026-11-20T09:00:00Z", "duration": "61.234",
		"direction": "inbound", "conversation": "c-1", "recording": uuid1,
	}
	if !maps.Equal(got, want) || len(problems) > 0 {
		t.Errorf("got %v, %q; want %v", got, problems, want)
	}

	m := parse(t, `{"name":"x","files":[{"as":"recording","kind":"call","key":"{day:digits}/{name}"}],"attributes":{
		"deep":{"json":"/nested/a~1b/0/~0"},"big":{"json":"/big"},"object":{"json":"/nested"},"missing":[{"json":"/no"},{"text":"fallback"}],
		"mapped":{"key":"day","map":{"1":"one","*":"other"}},"unmapped":{"key":"name","map":{"x":"y"}},"header":{"header":"Agent-Name"},"tag":{"tag":"Queue"},
		"bad":{"json":"/queue","form":"seconds"},"when":{"key":"day","form":"time","layout":"20060102"}}}`)
	f, _ = m.recognise("20261120/a")
	got, problems = m.attributes(f.rule, facts{f.captures, []any{document}, map[string]string{"agent-name": "lea"}, map[string]string{"Queue": "billing"}})
	want = map[string]string{
		"kind": "call", "deep": "deep", "big": "9007199254740993", "missing": "fallback", "mapped": "other", "header": "lea", "tag": "billing", "when": "2026-11-20T00:00:00Z",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if len(problems) != 1 || !strings.HasPrefix(problems[0], "attribute bad: ") {
		t.Errorf("problems: %q", problems)
	}
}

// TestAttributeOutOfBounds: what a policy cannot rely on is left out, never cut short.
func TestAttributeOutOfBounds(t *testing.T) {
	m := parse(t, `{"name":"x","files":[{"as":"recording","key":"{n}"}],"attributes":{"queue":[{"header":"q"},{"text":"default"}]}}`)
	f, _ := m.recognise("a")
	for _, value := range []string{strings.Repeat("x", MaxAttribute+1), "a\nb", "a\x00b", "\xff"} {
		got, problems := m.attributes(f.rule, facts{captures: f.captures, headers: map[string]string{"q": value}})
		if got["queue"] != "default" || len(problems) != 1 {
			t.Errorf("%q: got %v, %q", value, got, problems)
		}
	}
}

func TestMappingRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{`:            "unexpected EOF",
		`{"name":"x"}`: "1 to 64 files",
		`{"name":"x","files":[{"as":"recording","key":"{a}"}]} {}`:                                                                "something follows",
		`{"name":"x","fils":[]}`:                                                                                                  "unknown field",
		`{"name":"x","files":[{"as":"recordings","key":"{a}"}]}`:                                                                  "not recording, metadata or leave",
		`{"name":"x","files":[{"as":"recording","key":"{a"}]}`:                                                                    "without its }",
		`{"name":"x","files":[{"as":"recording","key":"a}"}]}`:                                                                    "without its {",
		`{"name":"x","files":[{"as":"recording","key":"{A}"}]}`:                                                                   "is no name",
		`{"name":"x","files":[{"as":"recording","key":"{a:.*}"}]}`:                                                                "no form that is known",
		`{"name":"x","files":[{"as":"recording","key":"{key}"}]}`:                                                                 "cannot be captured",
		`{"name":"x","files":[{"as":"recording","key":"{a}","into":"{b}"}]}`:                                                      "does not capture",
		`{"name":"x","files":[{"as":"recording","key":"{a}"}],"into":{"bucket":"b-{z}"}}`:                                         "does not capture",
		`{"name":"x","files":[{"as":"metadata","key":"{a}"}]}`:                                                                    "join names no capture",
		`{"name":"x","join":["b"],"files":[{"as":"metadata","key":"{a}"}]}`:                                                       "by which metadata is joined",
		`{"name":"x","metadata":"expected","files":[{"as":"recording","key":"{a}"}]}`:                                             "no file is metadata",
		`{"name":"x","files":[{"as":"recording","key":"{a}"}],"attributes":{"scrubbed":{"text":"true"}}}`:                         "not a mapping's to set",
		`{"name":"x","files":[{"as":"recording","key":"{a}"}],"attributes":{"intake":{"text":"other"}}}`:                          "not a mapping's to set",
		`{"name":"x","files":[{"as":"recording","key":"{a}"}],"attributes":{"q":{"json":"/a","text":"b"}}}`:                       "exactly one of",
		`{"name":"x","files":[{"as":"recording","key":"{a}"}],"attributes":{"q":{"json":"a"}}}`:                                   "begins with /",
		`{"name":"x","files":[{"as":"recording","key":"{a}"}],"attributes":{"q":{"key":"b"}}}`:                                    "no file captures",
		`{"name":"x","files":[{"as":"recording","key":"{a}"}],"attributes":{"q":{"text":"a","form":"date"}}}`:                     "form is",
		`{"name":"x","files":[{"as":"recording","key":"{a}"}],"wait":"-1s"}`:                                                      "not between 0 and",
		`{"name":"x","files":[{"as":"recording","key":"{a}"}],"limits":{"metadata_bytes":1000000000}}`:                            "metadata_bytes is",
		`{"name":"x","comment":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `,"files":[{"as":"recording","key":"a"}]}`: "nested deeper",
	} {
		if _, err := ParseMapping([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

func TestMetadataLimits(t *testing.T) {
	m := parse(t, `{"name":"x","join":["a"],"files":[{"as":"metadata","key":"{a}.json"},{"as":"recording","key":"{a}"}],"limits":{"metadata_depth":4}}`)
	for text, ok := range map[string]bool{
		`{"a":[[["x"]]]}`: true, `{"a":[[[["x"]]]]}`: false, `{"a":"[[[[[["}`: true, `{"a":"\"[[[[[["}`: true, `{} {}`: false, `{`: false, "\ufeff{}": true, ``: false,
	} {
		if _, err := m.parseMetadata([]byte(text)); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestPrefix: a hint leads to its partners without listing everything, and misses none of
// them: what they need not share is not looked for.
func TestPrefix(t *testing.T) {
	genesys := builtin(t, "genesys-cloud")
	twilio := builtin(t, "twilio")
	legs := parse(t, `{"name":"x","join":["call"],"files":[{"as":"metadata","key":"{call}/about.json"},{"as":"recording","key":"{call}/{leg}.wav"}]}`)
	days := parse(t, `{"name":"x","join":["call"],"files":[{"as":"metadata","key":"{day}/{call}.json"},{"as":"recording","key":"{day}/{call}-{leg}.wav"}]}`)
	folder := "org/year=2026/conversation_id=c-1/" + uuid1
	for _, c := range []struct {
		mapping *Mapping
		key     string
		rule    int
		want    string
		sure    bool
	}{
		{genesys, folder + ".opus", 0, folder + "_metadata.json", true},
		{genesys, folder + ".opus", 1, folder + ".", true},
		{genesys, folder + "_metadata.json", 3, folder + ".", true},
		{twilio, "calls/RE0a.wav", 2, "calls/RE0a.", false},
		{twilio, "RE0a.wav", 4, "RE0a.", true},
		{twilio, "RE0a.wav", 2, "", true},
		{legs, "c-1/a.wav", 1, "c-1/", true},
		{legs, "c-1/a.wav", 0, "c-1/about.json", true},
		{days, "monday/c-1-a.wav", 1, "monday/c-1-", false},
		{days, "monday/c-1.json", 1, "monday/c-1-", false},
	} {
		f, ok := c.mapping.recognise(c.key)
		if !ok {
			t.Fatal(c.key)
		}
		if got, sure := c.mapping.Files[c.rule].pattern.prefix(f.captures, c.mapping.Join); got != c.want || sure != c.sure {
			t.Errorf("%s, rule %d: got %q, %v", c.key, c.rule, got, sure)
		}
	}
}

func TestSameNameTwiceMeansTheSame(t *testing.T) {
	p, err := newPattern("{id}/{id}.wav")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := p.match("7/7.wav"); !ok {
		t.Error("7/7.wav does not match")
	}
	if _, ok := p.match("7/8.wav"); ok {
		t.Error("7/8.wav matches")
	}
}

func TestDurationsAreText(t *testing.T) {
	b, err := json.Marshal(Duration(90 * time.Second))
	if err != nil || string(b) != `"1m30s"` {
		t.Errorf("%s, %v", b, err)
	}
}

func FuzzParseMapping(f *testing.F) {
	for _, name := range BuiltIn() {
		text, err := Text(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, "a/conversation_id=c/"+uuid1+".wav", []byte(`{"mediaType":"Call"}`))
	}
	f.Add([]byte(`{"name":"x","files":[{"as":"recording","key":"{a}/{a}.{e:wav|mp3}"}],"attributes":{"q":{"json":"/0/~1"}}}`), "7/7.wav", []byte(`[{"/":1}]`))
	f.Fuzz(func(t *testing.T, text []byte, key string, metadata []byte) {
		m, err := ParseMapping(text)
		if err != nil {
			return
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseMapping(again); err != nil {
			t.Fatalf("%s: written out it is refused: %v", again, err)
		}
		file, ok := m.recognise(key)
		if !ok || file.rule.As == AsLeave {
			return
		}
		if file.captures["key"] != key {
			t.Fatal("the whole key is not captured")
		}
		if prefix, _ := file.rule.pattern.prefix(file.captures, m.Join); !strings.HasPrefix(key, prefix) {
			t.Fatal("a key does not begin with its prefix")
		}
		document, err := m.parseMetadata(metadata)
		if err != nil {
			return
		}
		attributes, _ := m.attributes(file.rule, facts{captures: file.captures, metadata: []any{document}})
		for name, value := range attributes {
			if slices.Contains(reserved, name) || len(value) > MaxAttribute || checkText(name, value) != nil {
				t.Fatalf("attribute %s is %q", name, value)
			}
		}
	})
}

func TestParseNotices(t *testing.T) {
	s3 := `{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"landing"},"object":{"key":"a+b/c%C3%A9.wav","size":1}}},
		{"eventName":"s3:ObjectCreated:CompleteMultipartUpload","s3":{"bucket":{"name":"landing"},"object":{"key":"d"}}},
		{"eventName":"ObjectRemoved:Delete","s3":{"bucket":{"name":"landing"},"object":{"key":"gone"}}},
		{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"landing"},"object":{"key":"%zz"}}}]}`
	wrapped, err := json.Marshal(map[string]string{"Type": "Notification", "Message": s3})
	if err != nil {
		t.Fatal(err)
	}
	want := []Notice{{"landing", "a b/cé.wav"}, {"landing", "d"}}
	for name, c := range map[string]struct {
		body string
		want []Notice
		bad  bool
	}{
		"s3":          {s3, want, false},
		"sns":         {string(wrapped), want, false},
		"eventbridge": {`{"version":"0","source":"aws.s3","detail-type":"Object Created","detail":{"bucket":{"name":"landing"},"object":{"key":"a+b.wav"}}}`, []Notice{{"landing", "a+b.wav"}}, false},
		"other event": {`{"source":"aws.s3","detail-type":"Object Deleted","detail":{"bucket":{"name":"landing"},"object":{"key":"a"}}}`, nil, false},
		"test":        {`{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"landing"}`, nil, false},
		"garbage":     {`hello`, nil, true},
		"other":       {`{"a":1}`, nil, true},
		"deep":        {strings.Repeat("[", 100) + strings.Repeat("]", 100), nil, true},
		"huge":        {`{"Records":"` + strings.Repeat("x", maxMessage) + `"}`, nil, true},
	} {
		got, err := ParseNotices([]byte(c.body))
		if !slices.Equal(got, c.want) || (err != nil) != c.bad {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func FuzzParseNotices(f *testing.F) {
	f.Add([]byte(`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"a+b"}}}]}`))
	f.Add([]byte(`{"Type":"Notification","Message":"{\"source\":\"aws.s3\",\"detail-type\":\"Object Created\",\"detail\":{\"bucket\":{\"name\":\"b\"},\"object\":{\"key\":\"k\"}}}"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		notices, err := ParseNotices(body)
		if err != nil && notices != nil || len(notices) > maxNotices {
			t.Fatal(len(notices), err)
		}
		for _, n := range notices {
			if !plausible(n.Bucket, n.Key) {
				t.Fatalf("%+v", n)
			}
		}
	})
}

// TestBuiltInMappingsAreDocumented: the manual names each.
func TestBuiltInMappingsAreDocumented(t *testing.T) {
	manual, err := os.ReadFile(filepath.Join("..", "..", "docs", "intake.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range BuiltIn() {
		if !strings.Contains(string(manual), "`"+name+"`") {
			t.Errorf("docs/intake.md does not name %s", name)
		}
	}
	_, example, _ := strings.Cut(string(manual), "```json\n")
	example, _, _ = strings.Cut(example, "```")
	m := parse(t, example)
	f, ok := m.recognise("lyon/20261120/" + uuid1 + ".wav")
	if bucket, key := m.destination(f, ""); !ok || bucket != "calls-lyon" || key != "20261120/"+uuid1+".wav" {
		t.Errorf("the manual's example takes it to %s/%s", bucket, key)
	}
}

package trail

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// made is one event as CloudTrail writes it, with what the test changes.
func made(id string, change func(map[string]any)) []byte {
	e := map[string]any{
		"eventVersion": "1.11",
		"userIdentity": map[string]any{
			"type": "AssumedRole", "principalId": "AROAEXAMPLEAPP000001:i-0a1b", "arn": "arn:aws:sts::111122223333:assumed-role/app/i-0a1b", "accountId": "111122223333", "accessKeyId": "ASIAEXAMPLE",
			"sessionContext": map[string]any{
				"sessionIssuer": map[string]any{"type": "Role", "principalId": "AROAEXAMPLEAPP000001", "arn": "arn:aws:iam::111122223333:role/app", "accountId": "111122223333", "userName": "app"},
				"attributes":    map[string]any{"creationDate": "2026-11-02T07:00:00Z", "mfaAuthenticated": "false"},
			},
		},
		"eventTime": "2026-11-02T08:15:30Z", "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "awsRegion": "eu-west-1",
		"sourceIPAddress": "10.0.1.17", "userAgent": "[aws-sdk-go-v2/1.47 \"quoted\" \\ back]",
		"requestParameters": map[string]any{"bucketName": "calls", "key": "2026/11/02/é \"call\".wav", "Host": "calls.s3.eu-west-1.amazonaws.com"},
		"responseElements":  nil, "requestID": "R", "eventID": id, "readOnly": true,
		"resources": []any{
			map[string]any{"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::calls/2026/11/02/é \"call\".wav"},
			map[string]any{"accountId": "111122223333", "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::calls"},
		},
		"eventType": "AwsApiCall", "managementEvent": false, "recipientAccountId": "111122223333", "vpcEndpointId": "vpce-0f0e", "eventCategory": "Data",
	}
	if change != nil {
		change(e)
	}
	b, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return b
}

// memory is a place in memory.
type memory struct {
	names []string
	files map[string][]byte
}

func files(pairs ...any) *memory {
	m := &memory{files: map[string][]byte{}}
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i].(string)
		m.names = append(m.names, name)
		switch v := pairs[i+1].(type) {
		case string:
			m.files[name] = []byte(v)
		case []byte:
			m.files[name] = v
		}
	}
	return m
}

func (*memory) String() string { return "trail" }
func (m *memory) Files(context.Context) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		for _, n := range m.names {
			if !yield(File{n, int64(len(m.files[n]))}, nil) {
				return
			}
		}
	}
}
func (m *memory) Open(_ context.Context, name string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(m.files[name])), nil
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

func records(events ...[]byte) []byte {
	return []byte(`{"Records":[` + string(bytes.Join(events, []byte(","))) + `]}`)
}

// read reads all of a place; events are copies.
func read(t *testing.T, places ...Place) ([]Event, *Reading) {
	t.Helper()
	var all []Event
	r, err := Read(t.Context(), places, func(e *Event) error {
		c := *e
		c.Resources = append([]Resource(nil), e.Resources...)
		c.Parameters = bytes.Clone(e.Parameters)
		c.Raw = bytes.Clone(e.Raw)
		all = append(all, c)
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return all, r
}

func TestForms(t *testing.T) {
	a, b := made("a", nil), made("b", nil)
	var indented bytes.Buffer
	_ = json.Indent(&indented, records(a, b), "", "   ")
	lookup, _ := json.Marshal(map[string]any{"NextToken": "x", "Events": []any{
		map[string]any{"EventId": "a", "EventName": "GetObject", "CloudTrailEvent": string(a)},
		map[string]any{"EventId": "b", "CloudTrailEvent": string(b)},
	}})
	for name, content := range map[string][]byte{
		"records":               records(a, b),
		"records.gz":            zipped(records(a, b)),
		"two members of gzip":   append(zipped([]byte(`{"Records":[`+string(a)+`,`)), zipped([]byte(string(b)+`]}`))...),
		"indented":              indented.Bytes(),
		"a list":                []byte("[" + string(a) + ",\n" + string(b) + "]\n"),
		"lines":                 []byte(string(a) + "\n\n" + string(b) + "\n"),
		"lines of records":      append(append(records(a), '\n'), records(b)...),
		"lookup-events":         lookup,
		"byte order mark":       append([]byte("\xef\xbb\xbf"), records(a, b)...),
		"other members beside":  []byte(`{"ResponseMetadata":{"a":[1,"}"]},"Records":[` + string(a) + `,` + string(b) + `],"x":null}`),
		"events with the token": []byte(`{"Events":[],"NextToken":"x"}` + string(a) + string(b)),
	} {
		got, r := read(t, files(name, content))
		if len(got) != 2 || r.Events != 2 || len(r.Faults) != 0 || r.Broken != 0 {
			t.Errorf("%s: %d events, %+v", name, len(got), r)
			continue
		}
		for i, id := range []string{"a", "b"} {
			e := got[i]
			if e.ID != id || e.Source != "s3.amazonaws.com" || e.Name != "GetObject" || e.Region != "eu-west-1" || e.Category != "Data" || e.Endpoint != "vpce-0f0e" || !e.ReadOnly ||
				!e.Time.Equal(time.Date(2026, 11, 2, 8, 15, 30, 0, time.UTC)) || e.Recipient != "111122223333" || e.Address != "10.0.1.17" {
				t.Errorf("%s: %+v", name, e)
			}
			if id := e.Identity; id.Type != "AssumedRole" || id.Issuer.ARN != "arn:aws:iam::111122223333:role/app" || id.Issuer.PrincipalID != "AROAEXAMPLEAPP000001" || id.MFA != "false" || id.PrincipalID != "AROAEXAMPLEAPP000001:i-0a1b" {
				t.Errorf("%s: %+v", name, id)
			}
			if len(e.Resources) != 2 || e.Resources[0] != (Resource{ARN: `arn:aws:s3:::calls/2026/11/02/é "call".wav`, Type: "AWS::S3::Object"}) || e.Resources[1].Account != "111122223333" {
				t.Errorf("%s: %+v", name, e.Resources)
			}
			var p map[string]string
			if err := json.Unmarshal(e.Parameters, &p); err != nil || p["bucketName"] != "calls" {
				t.Errorf("%s: %q: %v", name, e.Parameters, err)
			}
			if !json.Valid(e.Raw) {
				t.Errorf("%s: raw: %q", name, e.Raw)
			}
		}
	}
}

// TestFaults holds what is said of files and events that are not as they should be: nothing
// is passed over silently, and what can be read is read.
func TestFaults(t *testing.T) {
	ok := made("ok", nil)
	other := made("other", nil)
	long := made("long", func(e map[string]any) { e["userAgent"] = strings.Repeat(`\"{`, mostEvent) })
	for _, c := range []struct {
		name      string
		content   []byte
		events    int64
		malformed int64
		broken    int64
		says      string
	}{
		{"not json", []byte("hello"), 0, 0, 1, "an object or a list is missing"},
		{"empty", nil, 0, 0, 0, ""},
		{"cut", records(ok, other)[:len(ok)+200], 1, 0, 1, "it ends in the middle of event 1"},
		{"cut after an event", []byte(`{"Records":[` + string(ok) + `,`), 1, 0, 1, "it ends after 1 events"},
		{"cut gzip", zipped(records(ok, other))[:200], 0, 0, 1, "unexpected EOF"},
		{"spoilt gzip", append([]byte{0x1f, 0x8b}, ok...), 0, 0, 1, "it cannot be unpacked"},
		{"no name", records(ok, made("x", func(e map[string]any) { delete(e, "eventName") }), other), 2, 1, 0, "event 1 (counted from 0): it has no eventName"},
		{"no source", records(made("x", func(e map[string]any) { e["eventSource"] = 7 })), 0, 1, 0, "it has no eventSource"},
		{"no time", records(made("x", func(e map[string]any) { delete(e, "eventTime") })), 0, 1, 0, "it has no eventTime"},
		{"a wrong time", records(made("x", func(e map[string]any) { e["eventTime"] = "2026-02-30T00:00:00Z" }), ok), 1, 1, 0, `its eventTime "2026-02-30T00:00:00Z" is no time`},
		{"a number", []byte(`[1,` + string(ok) + `]`), 1, 1, 0, "it is not an object"},
		{"not JSON in a list", []byte(`[` + string(ok) + `,{"eventName" "x"},` + string(other) + `]`), 1, 0, 1, "event 1: it is not JSON"},
		{"not JSON in a line", []byte(string(ok) + "\n{\"eventName\" \"x\"}\n" + string(other)), 2, 1, 0, "event 1 (counted from 0): it is not JSON"},
		{"too long", records(ok, long, other), 2, 1, 0, "it has more than 4 MiB"},
		{"lookup of no event", []byte(`{"Events":[{"CloudTrailEvent":"{\"eventName\":"}]}`), 0, 1, 0, "its CloudTrailEvent ends in the middle"},
	} {
		_, r := read(t, files(c.name, c.content))
		said := fmt.Sprint(r.Faults)
		if r.Events != c.events || r.Malformed != c.malformed || r.Broken != c.broken || !strings.Contains(said, c.says) || c.says != "" && !strings.Contains(said, "trail/"+c.name) {
			t.Errorf("%s: %d events, %d malformed, %d broken, want %d, %d, %d: %s", c.name, r.Events, r.Malformed, r.Broken, c.events, c.malformed, c.broken, said)
		}
	}
}

func TestDuplicates(t *testing.T) {
	a, b := made("a", nil), made("b", nil)
	got, r := read(t, files("1", records(a, b)), files("2", records(b, a), "3", records(a)))
	if len(got) != 2 || r.Duplicates != 3 || r.Forgot {
		t.Errorf("%d events, %+v", len(got), r)
	}
	// Beyond what is remembered it is said.
	s := newIDs(10)
	for i := range 20 {
		if !s.add(fmt.Sprint(i)) {
			t.Fatal(i)
		}
	}
	if s.forgot || s.add("5") {
		t.Error("forgot among the last 20")
	}
	s.add("20")
	if !s.forgot || len(s.now)+len(s.old) > 20 {
		t.Error("does not say that it forgot")
	}
}

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/02/111122223333_CloudTrail_eu-west-1_20261102T0820Z_b.json.gz":         zipped(records(made("2", nil))),
		"AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/02/111122223333_CloudTrail_eu-west-1_20261102T0815Z_a.json.gz":         zipped(records(made("1", nil))),
		"AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/02/111122223333_CloudTrail_us-east-1_20261102T0815Z_a.json":            records(made("3", nil)),
		"AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2026/11/02/111122223333_CloudTrail-Digest_eu-west-1_x_20261102.json.gz": zipped([]byte(`{"digestStartTime":"x"}`)),
		"README.md": []byte("no events"),
	} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	place, err := Path(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, r := read(t, place)
	order := ""
	for _, e := range got {
		order += e.ID
	}
	if order != "123" || r.Files != 3 || r.PassedOver != 1 || len(r.Faults) != 0 || r.Bytes == 0 {
		t.Errorf("order %q, %+v", order, r)
	}
	if _, err := Path(filepath.Join(dir, "nowhere")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing path: %v", err)
	}
}

func TestStops(t *testing.T) {
	boom := errors.New("boom")
	if _, err := Read(t.Context(), []Place{files("a", records(made("a", nil)))}, func(*Event) error { return boom }, nil); !errors.Is(err, boom) {
		t.Errorf("the taker's error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, []Place{files("a", records(made("a", nil)))}, func(*Event) error { return nil }, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// slow gives n bytes at a time: every value is cut somewhere.
type slow struct {
	b []byte
	n int
}

func (s *slow) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.n)], s.b)
	s.b = s.b[n:]
	return n, nil
}

// FuzzRead holds the reader against encoding/json: whatever that accepts as a list of
// records is read with the same texts, however it is cut, and nothing makes it fail otherwise
// than by saying so.
func FuzzRead(f *testing.F) {
	f.Add(records(made("a", nil), made("b", nil)), 7)
	f.Add([]byte(`{"Records":[{"eventName":"A\u00e9\ud83d\ude00\ud83d","eventSource":"s","eventTime":"2026-11-02T08:15:30Z","userIdentity":null,"resources":{}}]}`), 1)
	f.Add([]byte(`[{"eventName":"A","eventSource":"s","eventTime":"2026-11-02T08:15:30+01:00","eventName":"B"},{}]`), 3)
	f.Add([]byte(`{"NextToken":"x","Events":[{"CloudTrailEvent":"{\"eventName\":\"A\"}"}]}`), 5)
	f.Add(made("a", nil), 100)
	f.Fuzz(func(t *testing.T, content []byte, n int) {
		if len(content) > 1<<16 {
			return
		}
		type told struct{ id, name, source, arn string }
		collect := func(r io.Reader) (out []told, bad int, err error) {
			s := &stream{parser: parser{words: &words{}}, buf: make([]byte, 64)}
			err = s.file(r, func(_ int, e *Event, err error) error {
				if err != nil {
					bad++
				} else {
					out = append(out, told{e.ID, e.Name, e.Source, e.Identity.ARN})
				}
				return nil
			})
			return out, bad, err
		}
		got, bad, err := collect(bytes.NewReader(content))
		again, badAgain, errAgain := collect(&slow{content, max(1, n%97)})
		if fmt.Sprint(got, bad, err) != fmt.Sprint(again, badAgain, errAgain) {
			t.Fatalf("cut into pieces of %d it reads otherwise: %v %d %v, %v %d %v", n, got, bad, err, again, badAgain, errAgain)
		}
		var want struct{ Records []json.RawMessage }
		d := json.NewDecoder(bytes.NewReader(content))
		if !bytes.HasPrefix(content, []byte(`{"Records":[`)) || d.Decode(&want) != nil || d.More() || strings.Count(string(content), "ecords") != 1 {
			return
		}
		if err != nil || len(got)+bad != len(want.Records) {
			t.Fatalf("encoding/json reads %d records, this reads %d and finds fault with %d: %v", len(want.Records), len(got), bad, err)
		}
	})
}

// corpus is a folder of real events, or the test is skipped.
func corpus(t testing.TB, name string) string {
	root := os.Getenv("STRONGROOM_CORPORA")
	if root == "" {
		root = "../../../shared/corpora"
	}
	dir := filepath.Join(root, name)
	if _, err := os.Stat(dir); err != nil {
		t.Skip(err)
	}
	return dir
}

// TestCorpus reads real events, and the same ones with encoding/json.
func TestCorpus(t *testing.T) {
	dir := corpus(t, "cloudtrail")
	place, err := Path(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, r := read(t, place)
	if r.Malformed+r.Broken != 0 || r.Events < 2900 {
		t.Errorf("%+v", r)
	}
	seen := map[string]bool{}
	n := 0
	err = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(p, ".json") {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		type event struct {
			EventID, EventName, EventSource, ErrorCode string
			EventTime                                  time.Time
			UserIdentity                               struct {
				ARN, PrincipalID string
				SessionContext   struct{ SessionIssuer struct{ ARN string } }
			}
			RequestParameters json.RawMessage
			Resources         []struct{ ARN string }
		}
		var wrapper struct{ Records []event }
		if json.Unmarshal(b, &wrapper) != nil {
			if err := json.Unmarshal(b, &wrapper.Records); err != nil {
				return err
			}
		}
		for _, w := range wrapper.Records {
			if seen[w.EventID] {
				continue
			}
			seen[w.EventID] = true
			g := got[n]
			n++
			if g.ID != w.EventID || g.Name != w.EventName || g.Source != w.EventSource || g.Error != w.ErrorCode || !g.Time.Equal(w.EventTime) || g.Identity.ARN != w.UserIdentity.ARN ||
				g.Identity.PrincipalID != w.UserIdentity.PrincipalID || g.Identity.Issuer.ARN != w.UserIdentity.SessionContext.SessionIssuer.ARN || len(g.Resources) != len(w.Resources) {
				t.Errorf("%s: %+v, want %+v", p, g, w)
			}
			if string(w.RequestParameters) != "null" && !bytes.Equal(g.Parameters, w.RequestParameters) {
				t.Errorf("%s: parameters %s, want %s", p, g.Parameters, w.RequestParameters)
			}
		}
		return nil
	})
	if err != nil || n != len(got) {
		t.Errorf("%d events here, %d there: %v", len(got), n, err)
	}
	t.Logf("%d events, %d duplicates in %d files", r.Events, r.Duplicates, r.Files)
}

// BenchmarkRead reads events as they lie in a bucket: packed, 1,000 in a file.
func BenchmarkRead(b *testing.B) {
	for _, packed := range []bool{false, true} {
		b.Run(fmt.Sprintf("packed=%v", packed), func(b *testing.B) {
			var events [][]byte
			for i := range 1000 {
				events = append(events, made(fmt.Sprintf("00000000-0000-4000-8000-%012d", i), func(e map[string]any) {
					e["requestParameters"].(map[string]any)["key"] = fmt.Sprintf("2026/11/02/%d.wav", i)
				}))
			}
			content := records(events...)
			if packed {
				content = zipped(content)
			}
			s := &stream{parser: parser{words: &words{}}}
			b.SetBytes(int64(len(records(events...))))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if err := s.file(bytes.NewReader(content), func(int, *Event, error) error { n++; return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

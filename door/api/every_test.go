package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/door/api"
	"strongroom/limit"
	"strongroom/people"
)

// Why a write sent to another server, or after a restart, may be done again.
const (
	asksOnly = "it changes nothing"
	sameEnd  = "done twice it ends the same"
)

// write is one write that succeeds where those before it in the table were done.
type write struct {
	operation string
	as        func(*scene) client
	path      string // with {names} of what was kept before
	body      any
	status    int
	keep      string // the name under which the answer's id is kept
	again     string // why it may be done again, "" for never
}

func owner(s *scene) client { return s.owner }
func ines(s *scene) client  { return s.ines }
func carol(s *scene) client { return s.carol }

func machine(s *scene) client { return s.machine }

type body = map[string]any

func writes(s *scene) []write {
	soon := time.Now().Add(time.Hour).UTC()
	request := body{"bucket": "calls", "objects": []body{{"key": "2026/call-7.wav"}}, "purpose": body{"text": "complaint of 3 March"}}
	return []write{
		{operation: "PUT /principals/{name}", as: owner, path: "/principals/zoe", body: body{"kind": "person"}, status: 200},
		{operation: "POST /principals/{name}/suspend", as: owner, path: "/principals/zoe/suspend", status: 200},
		{operation: "POST /principals/{name}/resume", as: owner, path: "/principals/zoe/resume", status: 200},
		{operation: "POST /keys", as: owner, path: "/keys", body: body{"principal": "machine"}, status: 201, keep: "key"},
		{operation: "PUT /keys/{id}/purpose", as: owner, path: "/keys/{key}/purpose", body: body{"purpose": body{"text": "nightly transcription"}, "expires": soon, "per_hour": 60}, status: 200},
		{operation: "DELETE /keys/{id}/purpose", as: owner, path: "/keys/{key}/purpose", status: 204},
		{operation: "POST /keys/{id}/rotate", as: owner, path: "/keys/{key}/rotate", body: body{}, status: 201},
		{operation: "POST /keys/{id}/expire", as: owner, path: "/keys/{key}/expire", body: body{"at": soon}, status: 204},
		{operation: "DELETE /keys/{id}", as: owner, path: "/keys/{key}", status: 204},
		{operation: "POST /tokens", as: owner, path: "/tokens", body: body{"principal": "machine", "name": "report", "scopes": []string{"api:read"}, "days": 1}, status: 201, keep: "token"},
		{operation: "DELETE /tokens/{id}", as: owner, path: "/tokens/{token}", status: 204},
		{operation: "PUT /directory", as: owner, path: "/directory", body: body{"protect": []string{"legal"}}, status: 200},
		{operation: "PUT /providers", as: owner, path: "/providers", body: body{"issuer": "https://id.example.com", "audiences": []string{"strongroom"}, "claim": "email"}, status: 200},
		{operation: "DELETE /providers", as: owner, path: "/providers?issuer=https://id.example.com", status: 204},

		{operation: "PUT /policy", as: owner, path: "/policy", body: body{"text": string(limit.Default().Text()) + "\n// another line\n"}, status: 200},
		{operation: "POST /policy/replay", as: owner, path: "/policy/replay", body: body{"text": string(limit.Default().Text())}, status: 200, again: asksOnly},
		{operation: "POST /requests", as: carol, path: "/requests", body: request, status: 201, keep: "request"},
		{operation: "POST /requests/{id}/approve", as: ines, path: "/requests/{request}/approve", body: body{"comment": "as agreed"}, status: 200},
		{operation: "POST /requests/{id}/refuse", as: ines, path: "/requests/{request}/refuse", body: body{"reason": "not any more"}, status: 200},
		{operation: "POST /requests", as: carol, path: "/requests", body: request, status: 201, keep: "another"},
		{operation: "POST /requests/{id}/withdraw", as: carol, path: "/requests/{another}/withdraw", status: 200},
		{operation: "PUT /limit/bounds", as: owner, path: "/limit/bounds", body: body{"answer_seconds": 7200, "hold_seconds": 3600}, status: 200},
		{operation: "PUT /limit/tickets", as: owner, path: "/limit/tickets", body: body{"url": s.hook.URL}, status: 200},
		{operation: "POST /limit/tickets/try", as: owner, path: "/limit/tickets/try", body: body{"ticket": "CASE-1", "principal": "carol"}, status: 200, again: asksOnly},
		{operation: "DELETE /limit/tickets", as: owner, path: "/limit/tickets", status: 204},
		{operation: "POST /break-glass", as: ines, path: "/break-glass", body: body{"reason": "threat to life"}, status: 201, keep: "opening"},
		{operation: "POST /break-glass/end", as: ines, path: "/break-glass/end", status: 200},
		{operation: "POST /reviews/{id}/done", as: owner, path: "/reviews/{opening}/done", body: body{"finding": "nothing was opened"}, status: 200},

		{operation: "PUT /buckets/{bucket}/label", as: owner, path: "/buckets/texts/label?key=chat-2.txt", body: body{"classes": []string{"health", "text"}, "reason": "a diagnosis"}, status: 200},
		{operation: "POST /classifications", as: owner, path: "/classifications", body: body{"bucket": "texts"}, status: 202, keep: "run", again: sameEnd},

		{operation: "PUT /flows", as: owner, path: "/flows", body: body{"name": "flows.yaml", "text": "version: 1\nflows:\n  - name: calls\n    from: { system: genesys-cloud, supplier: Genesys }\n    to: { bucket: calls }\n"}, status: 200, again: sameEnd},
		{operation: "PUT /owners/buckets/{bucket}", as: owner, path: "/owners/buckets/calls", body: body{"owner": "dora"}, status: 200},
		{operation: "PUT /owners/sources/{name}", as: owner, path: "/owners/sources/share", body: body{"owner": "dora"}, status: 200, again: sameEnd},

		{operation: "POST /alerting/channels", as: owner, path: "/alerting/channels", body: body{"name": "soc", "kind": "webhook", "url": s.hook.URL, "secret": strings.Repeat("s", 32)}, status: 201},
		{operation: "PUT /alerting/conditions", as: owner, path: "/alerting/conditions", body: body{"text": "conditions:\n  - {id: first-touch, off: true}\n"}, status: 200},
		{operation: "PUT /alerting/rota", as: owner, path: "/alerting/rota", body: body{"text": "people:\n  - {name: dora, channels: [soc]}\nlevels:\n  - people: [dora]\n"}, status: 200},
		{operation: "POST /alerting/test", as: owner, path: "/alerting/test", body: body{}, status: 200, again: "a test message is sent again"},
		{operation: "POST /alerts/{id}/acknowledge", as: owner, path: "/alerts/{alert}/acknowledge", body: body{"note": "known"}, status: 200},
		{operation: "POST /findings", as: machine, path: "/findings", body: body{"kind": "landing-overdue", "detail": "3 files since 09:00"}, status: 204, again: "it is told of again"},
		{operation: "DELETE /alerting/channels/{name}", as: owner, path: "/alerting/channels/soc", status: 204},

		{operation: "POST /holds", as: owner, path: "/holds", body: body{"attribute": "customer", "value": "4711", "matter": "2026/118", "reason": "a claim"}, status: 201, keep: "hold"},
		{operation: "POST /holds/{id}/lift", as: owner, path: "/holds/{hold}/lift", body: body{"reason": "settled"}, status: 200},
		{operation: "PUT /retention/{name}", as: owner, path: "/retention/calls", body: body{"bucket": "calls", "minimum": "1d", "maximum": "7y", "basis": "the contract", "reason": "as decided"}, status: 200},
		{operation: "DELETE /retention/{name}", as: owner, path: "/retention/calls?reason=decided+anew", status: 204},
	}
}

// Every write with an idempotency key happens once: sent again it is answered the same and
// nothing more is put on record, and another server refuses it unless the table says why not.
// Whoever has no right is refused every operation, on record. Every list in pages has what
// it has in one page. A new operation has to stand in these tables.
func TestEveryOperation(t *testing.T) {
	s := newScene(t)
	other := httptest.NewServer(api.New(api.Config{Rooms: rooms{s.Room}, Log: s.House.Room.Log}))
	defer other.Close()
	kept := map[string]string{}
	fill := func(path string) string {
		for name, id := range kept {
			path = strings.ReplaceAll(path, "{"+name+"}", id)
		}
		return path
	}
	table := writes(s)
	for i, w := range table {
		if strings.Contains(w.path, "{alert}") {
			kept["alert"] = s.alerted(t, "break-glass").String()
		}
		method, _, _ := strings.Cut(w.operation, " ")
		path, key := fill(w.path), fmt.Sprintf("every-%d", i)
		first := w.as(s).want(w.status, method, path, w.body, nil, "Idempotency-Key", key)
		answered, _ := io.ReadAll(first.Body)
		size := s.House.Book.Head().Size
		second := w.as(s).want(w.status, method, path, w.body, nil, "Idempotency-Key", key)
		if again, _ := io.ReadAll(second.Body); string(again) != string(answered) || second.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s: answered %s, and then %s", w.operation, answered, again)
		}
		if w.operation != "POST /classifications" && s.House.Book.Head().Size != size { // whose run goes on by itself
			t.Errorf("%s: sent again it left %d records more", w.operation, s.House.Book.Head().Size-size)
		}
		if w.keep != "" {
			var made struct{ ID string }
			if err := json.Unmarshal(answered, &made); err != nil || made.ID == "" {
				t.Fatalf("%s answered %s", w.operation, answered)
			}
			kept[w.keep] = made.ID
		}
		if w.again == "" {
			if resp := w.as(s).on(other).ask(method, path, w.body, nil, "Idempotency-Key", key); resp.StatusCode < 400 || resp.StatusCode >= 500 {
				text, _ := io.ReadAll(resp.Body)
				t.Errorf("%s: another server did it again: %d %s", w.operation, resp.StatusCode, text)
			}
		}
	}
	names, by := describe(t).operations()
	for _, name := range names {
		if !strings.HasPrefix(name, "GET ") && !slices.ContainsFunc(table, func(w write) bool { return w.operation == name }) {
			t.Errorf("%s does not stand in the table of writes", name)
		}
	}
	t.Run("who may", func(t *testing.T) { whoMay(t, s, table, names, fill) })
	t.Run("pages", func(t *testing.T) { pages(t, s, names, by, fill) })
}

// openToAll are operations that need no right, with the status that somebody without any gets
// and the least number of records that it leaves.
var openToAll = map[string]struct {
	status, records int
	why             string
}{
	"GET /me":                      {200, 0, "everybody may know who they are"},
	"GET /ledger/head":             {200, 0, "the ledger's state is shown to be kept by anyone"},
	"GET /limit/bounds":            {200, 0, "whoever asks for approval meets them"},
	"GET /detectors":               {200, 0, "they are the program's, and no room's"},
	"GET /requests":                {200, 1, "one's own, and those that wait for oneself"},
	"GET /requests/{id}":           {400, 1, "for who may not see it there is none"},
	"POST /requests/{id}/withdraw": {400, 0, "only the asker's own are looked for"},
	"POST /break-glass/end":        {400, 0, "only one's own is looked for"},
}

// reads are the paths of reads that need more than what is in the description.
var reads = map[string]string{
	"GET /principals/{name}":        "/principals/owner",
	"GET /buckets/{bucket}/objects": "/buckets/calls/objects",
	"GET /buckets/{bucket}/object":  "/buckets/calls/object?key=2026/call-7.wav",
	"GET /buckets/{bucket}/label":   "/buckets/calls/label?key=2026/call-7.wav",
	"GET /ledger/records/{index}":   "/ledger/records/0",
	"GET /requests/{id}":            "/requests/{request}",
	"GET /reviews/{id}":             "/reviews/{opening}",
	"GET /classifications/{id}":     "/classifications/{run}",
	"GET /alerts/{id}":              "/alerts/{alert}",
	"GET /usage/people/{name}":      "/usage/people/owner",
	"GET /usage/object":             "/usage/object?bucket=calls&key=2026/call-7.wav",
}

func read(name string) string {
	if path := reads[name]; path != "" {
		return path
	}
	return strings.TrimPrefix(name, "GET ")
}

func whoMay(t *testing.T, s *scene, table []write, names []string, fill func(string) string) {
	var as string
	for n, name := range names {
		if n%8 == 0 { // more of one person's refusals in a second are recorded as counts
			as = fmt.Sprintf("nobody-%d", n)
			s.Person(strongroom.Principal{Name: as})
			s.nobody.token = tokenOf(t, s.Room, as, people.ScopeAPI)
		}
		method, _, _ := strings.Cut(name, " ")
		path, content := read(name), any(nil)
		if i := slices.IndexFunc(table, func(w write) bool { return w.operation == name }); i >= 0 {
			path, content = table[i].path, table[i].body
		}
		size := s.House.Book.Head().Size
		resp := s.nobody.ask(method, fill(path), content, nil)
		text, _ := io.ReadAll(resp.Body)
		want, records := http.StatusForbidden, 1
		o, open := openToAll[name]
		if open {
			want, records = o.status, o.records
		} else if !strings.Contains(string(text), `"kind":"denied"`) {
			t.Errorf("%s answers nobody %s", name, text)
		}
		if resp.StatusCode != want {
			t.Errorf("%s answers nobody %d %s, want %d", name, resp.StatusCode, text, want)
		}
		if left := s.recordsOf(t, size, as, !open); left < records {
			t.Errorf("%s: nobody's question left %d records of theirs", name, left)
		}
	}
}

// identities are what tells the items of a list apart, where it is not their id.
var identities = map[string][]string{
	"GET /principals": {"name"}, "GET /buckets": {"name"}, "GET /providers": {"issuer"}, "GET /sources": {"name"}, "GET /alerting/channels": {"name"},
	"GET /retention": {"name"}, "GET /lifecycle": {"bucket"}, "GET /buckets/{bucket}/objects": {"key"}, "GET /owners": {"what", "name"},
	"GET /inventory": {"place", "kind", "label", "class", "owner"}, "GET /flows": {"state", "from", "to", "name"},
	"GET /usage/who": {"actor"}, "GET /usage/what": {"bucket", "queue", "classes"}, "GET /usage/often": {"actor"}, "GET /usage/object": {"actor", "version"},
	"GET /calendar": {"when", "bucket", "label", "kept", "why"},
}

func pages(t *testing.T, s *scene, names []string, by map[string]operation, fill func(string) string) {
	for _, rule := range []string{"a", "b", "c"} {
		s.owner.want(http.StatusOK, "PUT", "/retention/"+rule, body{"minimum": "1d", "basis": "test"}, nil)
		s.owner.want(http.StatusCreated, "POST", "/holds", body{"attribute": "case", "value": rule, "matter": rule, "reason": "test"}, nil)
		s.owner.want(http.StatusCreated, "POST", "/alerting/channels", body{"name": rule, "kind": "webhook", "url": s.hook.URL, "secret": strings.Repeat("s", 32)}, nil)
		s.carol.want(http.StatusCreated, "POST", "/requests", body{"bucket": "calls", "objects": []body{{"key": "2026/call-7.wav"}}, "purpose": body{"text": rule}}, nil)
	}
	several := 0
	for _, name := range names {
		if !slices.ContainsFunc(by[name].Parameters, func(p struct {
			Name, In string
			Required bool
			Schema   map[string]any
		}) bool {
			return p.Name == "cursor"
		}) || name == "GET /ledger/records" { // which each page makes longer
			continue
		}
		path := fill(read(name))
		switch name {
		case "GET /requests":
			path += "?which=all&ended=true"
		case "GET /reviews":
			path += "?all=true"
		case "GET /holds":
			path += "?lifted=true"
		}
		walk := func(size int) (all []string) {
			for next := ""; ; {
				var page struct {
					Items []map[string]any
					Next  string
				}
				query := fmt.Sprintf("limit=%d&cursor=%s", size, url.QueryEscape(next))
				if strings.Contains(path, "?") {
					query = "&" + query
				} else {
					query = "?" + query
				}
				s.owner.want(http.StatusOK, "GET", path+query, nil, &page)
				if len(page.Items) > size {
					t.Errorf("%s: a page of %d has %d", name, size, len(page.Items))
				}
				for _, item := range page.Items {
					fields := identities[name]
					if fields == nil {
						fields = []string{"id"}
					}
					one := ""
					for _, f := range fields {
						one += fmt.Sprint(item[f], " ")
					}
					all = append(all, one)
				}
				if next = page.Next; next == "" || len(all) > 2000 {
					return all
				}
			}
		}
		whole := walk(1000)
		if got := walk(1); !slices.Equal(got, whole) {
			t.Errorf("%s: by ones %q, at once %q", name, got, whole)
		}
		unique := slices.Clone(whole)
		slices.Sort(unique)
		if len(slices.Compact(unique)) != len(whole) {
			t.Errorf("%s repeats: %q", name, whole)
		}
		if len(whole) > 1 {
			several++
		}
		s.owner.want(http.StatusBadRequest, "GET", path+map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")]+"cursor=***", nil, nil)
	}
	if several < 14 {
		t.Errorf("only %d lists had several items", several)
	}
}

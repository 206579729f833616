package scim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/door/scim"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/people"
	"strongroom/vault"
)

// served is a real room behind the door, and a directory's token.
type served struct {
	*housetest.Room
	url, token string
	t          testing.TB
}

type rooms struct{ room *vault.Room }

func (r rooms) ByToken(ctx context.Context, presented string) (scim.Room, vault.TokenCredential, error) {
	c, err := r.room.TokenCaller(ctx, presented)
	return r.room, c, err
}

func serve(t testing.TB) *served {
	t.Helper()
	r := housetest.New(t, house.Options{})
	s := httptest.NewServer(scim.New(scim.Config{Rooms: rooms{r.House.Room}}))
	t.Cleanup(s.Close)
	out := &served{Room: r, url: s.URL + scim.Root, t: t}
	if _, err := r.House.Room.PutPrincipal(t.Context(), r.Owner, strongroom.Principal{Name: "directory", Kind: strongroom.Workload, Groups: []string{"security-officers"}}); err != nil {
		t.Fatal(err)
	}
	out.token = out.newToken("directory", people.ScopeSCIM)
	return out
}

func (s *served) newToken(principal string, scope people.Scope) string {
	s.t.Helper()
	_, presented, err := s.House.Room.CreateToken(s.t.Context(), s.Owner, vault.TokenRequest{Principal: principal, Name: "test", Scopes: []people.Scope{scope}, Lifetime: time.Hour})
	if err != nil {
		s.t.Fatal(err)
	}
	return presented
}

// do sends a request and answers status, headers and the JSON of the body.
func (s *served) do(method, path, body string, headers ...string) (int, http.Header, map[string]any) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var out map[string]any
	if len(text) > 0 {
		if kind := answer.Header.Get("Content-Type"); kind != "application/scim+json" {
			s.t.Errorf("%s %s: the answer is %s", method, path, kind)
		}
		if err := json.Unmarshal(text, &out); err != nil {
			s.t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
	if answer.StatusCode >= 400 && (out["detail"] == "" || out["status"] != strconv.Itoa(answer.StatusCode)) {
		s.t.Errorf("%s %s: an error without its form: %s", method, path, text)
	}
	return answer.StatusCode, answer.Header, out
}

// at finds a value by a path with dots; a URN goes up to the first key that is there.
func at(v any, path string) (any, bool) {
	for path != "" {
		switch have := v.(type) {
		case map[string]any:
			found := false
			for key, inner := range have {
				if path == key || strings.HasPrefix(path, key+".") {
					v, path, found = inner, strings.TrimPrefix(strings.TrimPrefix(path, key), "."), true
					break
				}
			}
			if !found {
				return nil, false
			}
		case []any:
			name, rest, _ := strings.Cut(path, ".")
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(have) {
				return nil, false
			}
			v, path = have[i], rest
		default:
			return nil, false
		}
	}
	return v, true
}

// TestProviders replays what directories send.
func TestProviders(t *testing.T) {
	for _, name := range []string{"entra", "okta"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile("testdata/" + name + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			s := serve(t)
			ids := map[string]string{}
			fill := func(text string) string {
				for name, id := range ids {
					text = strings.ReplaceAll(text, "{{"+name+"}}", id)
				}
				return text
			}
			steps := strings.Split("\n"+string(text), "\n###")[1:]
			for i, step := range steps {
				title, step, _ := strings.Cut(step, "\n")
				request, expected, _ := strings.Cut(step, "\n>")
				line, body, _ := strings.Cut(request, "\n")
				method, path, _ := strings.Cut(line, " ")
				status, _, got := s.do(method, fill(path), fill(body))
				where := fmt.Sprintf("step %d (%s): %s", i+1, strings.TrimSpace(title), line)
				for n, want := range strings.Split(expected, "\n>") {
					name, value, _ := strings.Cut(strings.TrimSpace(want), " ")
					if n == 0 {
						if strconv.Itoa(status) != name {
							t.Fatalf("%s: %d, want %s: %v", where, status, name, got)
						}
						if save, ok := strings.CutPrefix(value, "save "); ok {
							ids[save] = got["id"].(string)
						}
						continue
					}
					have, there := at(got, name)
					encoded, _ := json.Marshal(have)
					value = fill(value)
					var wanted any
					if value != "absent" {
						if err := json.Unmarshal([]byte(value), &wanted); err != nil {
							t.Fatalf("%s: %q: %v", where, value, err)
						}
					}
					again, _ := json.Marshal(wanted)
					if value == "absent" && there || value != "absent" && !bytes.Equal(encoded, again) {
						t.Errorf("%s: %s is %s, want %s", where, name, encoded, value)
					}
				}
			}
			if len(steps) < 15 {
				t.Errorf("only %d steps were replayed", len(steps))
			}
			// All of it is on record, and the rows are as the records say.
			var deactivations int
			for _, e := range s.events() {
				if e.Did == "principal-deactivate" {
					deactivations++
				}
			}
			if deactivations < 1 {
				t.Error("no deactivation is on record")
			}
		})
	}
}

func (s *served) events() []strongroom.Event {
	s.t.Helper()
	var out []strongroom.Event
	for r, err := range s.House.Book.Records(s.t.Context(), 0, s.House.Book.Head().Size) {
		if err != nil {
			s.t.Fatal(err)
		}
		e, err := vault.EventOf(r)
		if err != nil {
			s.t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

func (s *served) user(name string) string {
	s.t.Helper()
	status, _, got := s.do("POST", "/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"active":true}`, name))
	if status != 201 {
		s.t.Fatalf("%s: %d %v", name, status, got)
	}
	return got["id"].(string)
}

// What a directory gives and takes is what the room's decisions go by: a member of the
// group opens calls, and nobody who was deactivated does.
func TestProvisionedPeopleAndTheirRights(t *testing.T) {
	s := serve(t)
	s.Bucket("calls")
	s.Put("calls", "one", []byte("in confidence"), map[string]string{"strongroom-agent": "ana"})
	id := s.user("ana")
	k, err := s.House.Room.CreateKey(t.Context(), s.Owner, "ana", 0)
	if err != nil {
		t.Fatal(err)
	}
	reads := func() error {
		c, err := s.House.Room.Credential(k.ID)
		if err != nil {
			return err
		}
		_, err = s.Get(s.Caller(c, ""), "calls", "one", 0, -1)
		return err
	}
	if reads() == nil {
		t.Error("somebody of no group reads")
	}
	status, _, group := s.do("POST", "/Groups", fmt.Sprintf(`{"displayName":"Agents","members":[{"value":%q}]}`, id))
	if status != 201 {
		t.Fatalf("%d %v", status, group)
	}
	if err := reads(); err != nil {
		t.Errorf("an agent does not read their own call: %v", err)
	}
	s.do("PATCH", "/Users/"+id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":"False"}]}`)
	if reads() == nil {
		t.Error("somebody deactivated reads")
	}
	s.do("PATCH", "/Users/"+id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":"True"}]}`)
	if err := reads(); err != nil {
		t.Errorf("somebody who is back does not read: %v", err)
	}
	if status, _, _ := s.do("DELETE", "/Users/"+id, ""); status != 204 {
		t.Fatal(status)
	}
	if reads() == nil {
		t.Error("somebody deleted reads")
	}
	// Somebody lets the directory have the name again: the old key stays dead.
	if err := s.House.Room.Adopt(t.Context(), s.Owner, "ana"); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := s.do("PATCH", "/Users/"+id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":true}}]}`); status != 200 {
		t.Fatal(status)
	}
	if p, _ := s.House.Room.PrincipalByName("ana"); p.Suspended || len(p.Groups) != 0 {
		t.Errorf("adopted: %+v", p)
	}
	if reads() == nil {
		t.Error("the key of somebody deleted works again")
	}
}

// A directory reaches nobody whom it did not provision, and gives nothing that governs.
func TestWhatADirectoryMayNot(t *testing.T) {
	s := serve(t)
	s.Person(strongroom.Principal{Name: "by.hand", Groups: []string{"agents"}, Aliases: []string{"genesys-9"}})
	hand, _ := s.House.Room.PrincipalByName("by.hand")
	owner, _ := s.House.Room.PrincipalByName("owner")
	mine := s.user("mine")
	expect := func(want int, method, path, body string) map[string]any {
		t.Helper()
		status, _, got := s.do(method, path, body)
		if status != want {
			t.Errorf("%s %s %s: %d, want %d: %v", method, path, body, status, want, got["detail"])
		}
		return got
	}
	for _, id := range []strongroom.ID{hand.ID, owner.ID} {
		expect(404, "GET", "/Users/"+id.String(), "")
		expect(404, "DELETE", "/Users/"+id.String(), "")
		expect(404, "PUT", "/Users/"+id.String(), `{"userName":"x"}`)
		expect(404, "PATCH", "/Users/"+id.String(), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}`)
		expect(400, "POST", "/Groups", fmt.Sprintf(`{"displayName":"some","members":[{"value":%q}]}`, id))
	}
	if got := expect(200, "GET", "/Users", ""); got["totalResults"] != 1.0 {
		t.Errorf("it sees %v users", got["totalResults"])
	}
	expect(409, "POST", "/Users", `{"userName":"BY.hand"}`)
	expect(409, "POST", "/Users", `{"userName":"genesys-9"}`)
	expect(409, "PUT", "/Users/"+mine, `{"userName":"genesys-9"}`)
	expect(400, "POST", "/Users", `{"userName":"strongroom-lifecycle"}`)
	expect(400, "POST", "/Users", `{"userName":"a b"}`)
	for _, name := range []string{"data-owners", "Security Officers", "PLATFORM ADMINISTRATORS", "auditors"} {
		expect(403, "POST", "/Groups", fmt.Sprintf(`{"displayName":%q,"members":[{"value":%q}]}`, name, mine))
	}
	// A group that a policy of the room's own gives power to is found by the policy.
	policy := s.policyWith(`@id("helpdesk-manages-people") permit (principal in Group::"helpdesk", action == Action::"managePeople", resource);
@id("listeners-open-all") @requires("purpose") permit (principal in Group::"listeners", action == Action::"readObject", resource);`)
	for _, name := range []string{"helpdesk", "listeners"} {
		expect(201, "POST", "/Groups", fmt.Sprintf(`{"displayName":"%s before"}`, name))
	}
	s.putPolicy(policy)
	expect(403, "POST", "/Groups", `{"displayName":"Helpdesk"}`)
	expect(403, "POST", "/Groups", `{"displayName":"Listeners"}`)
	group := expect(201, "POST", "/Groups", `{"displayName":"Everyday"}`)["id"].(string)
	expect(403, "PATCH", "/Groups/"+group, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"displayName","value":"Helpdesk"}]}`)
	// Unless the room says so.
	if err := s.House.Room.PutDirectorySettings(t.Context(), s.Owner, people.DirectorySettings{Allow: []string{"helpdesk"}, Protect: []string{"everyday"}}); err != nil {
		t.Fatal(err)
	}
	expect(201, "POST", "/Groups", `{"displayName":"Helpdesk"}`)
	expect(403, "PATCH", "/Groups/"+group, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":%q}]}`, mine))
	expect(403, "DELETE", "/Groups/"+group, "")
	refused := 0
	for _, e := range s.events() {
		if e.Kind == "refusal" && strings.Contains(e.Detail, "a directory may not") {
			refused++
		}
	}
	if refused < 8 {
		t.Errorf("%d refusals are on record", refused)
	}
}

// policyWith is the room's policy set with more behind it.
func (s *served) policyWith(more string) []byte {
	s.t.Helper()
	hash, err := s.House.Room.PolicyInForce()
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := s.House.Room.PolicySet(s.t.Context(), hash)
	if err != nil {
		s.t.Fatal(err)
	}
	return append(text, []byte("\n"+more)...)
}

func (s *served) putPolicy(text []byte) {
	s.t.Helper()
	if _, err := s.House.Room.PutPolicy(s.t.Context(), s.Owner, text); err != nil {
		s.t.Fatal(err)
	}
}

// Who shows no token, a wrong one, one for something else, or one of somebody who may not
// manage people, is refused, and what proved nobody is counted.
func TestWhoAsks(t *testing.T) {
	s := serve(t)
	s.Person(strongroom.Principal{Name: "ana", Groups: []string{"agents"}})
	good := s.token
	for token, want := range map[string]int{
		"": 401, "srt_x": 401, good + "0": 401, s.newToken("directory", people.ScopeAPI): 403, s.newToken("ana", people.ScopeSCIM): 403, good: 200,
	} {
		s.token = token
		if status, h, _ := s.do("GET", "/Users", ""); status != want {
			t.Errorf("%.8s…: %d, want %d", token, status, want)
		} else if want == 401 && h.Get("WWW-Authenticate") == "" {
			t.Error("401 without WWW-Authenticate")
		}
	}
	s.token = good
	if _, err := s.House.Room.ChangePrincipal(t.Context(), s.Owner, "directory", func(p *strongroom.Principal) { p.Suspended = true }); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := s.do("GET", "/Users", ""); status != 401 {
		t.Errorf("a suspended directory: %d", status)
	}
}

// Two changes at once: the one that names the version it has seen loses, and nothing of
// it is kept.
func TestVersions(t *testing.T) {
	s := serve(t)
	id := s.user("ana")
	_, h, _ := s.do("GET", "/Users/"+id, "")
	seen := h.Get("ETag")
	if seen == "" {
		t.Fatal("no ETag")
	}
	if status, _, _ := s.do("GET", "/Users/"+id, "", "If-None-Match", seen); status != 304 {
		t.Errorf("unchanged: %d", status)
	}
	patch := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":"%s"}]}`
	status, h, _ := s.do("PATCH", "/Users/"+id, fmt.Sprintf(patch, "first"), "If-Match", seen)
	if status != 200 || h.Get("ETag") == seen {
		t.Fatalf("%d, ETag %s after %s", status, h.Get("ETag"), seen)
	}
	for method, body := range map[string]string{"PATCH": fmt.Sprintf(patch, "second"), "PUT": `{"userName":"ana","title":"second"}`, "DELETE": ""} {
		if status, _, _ := s.do(method, "/Users/"+id, body, "If-Match", seen); status != 412 {
			t.Errorf("%s with an old version: %d", method, status)
		}
	}
	if _, _, got := s.do("GET", "/Users/"+id, ""); got["title"] != "first" {
		t.Errorf("title %v", got["title"])
	}
}

// Pages of a listing neither skip nor repeat anybody while people come and go.
func TestPaging(t *testing.T) {
	s := serve(t)
	var want []string
	ids := map[string]string{}
	for i := range 25 {
		name := fmt.Sprintf("user-%02d", 24-i)
		want = append(want, name)
		ids[name] = s.user(name)
	}
	for _, query := range []string{"", "sortBy=userName&", "sortBy=userName&sortOrder=descending&", "filter=" + url.QueryEscape(`userName sw "user-"`) + "&"} {
		var got []string
		for start := 1; ; {
			status, _, page := s.do("GET", fmt.Sprintf("/Users?%sstartIndex=%d&count=7", query, start), "")
			if status != 200 {
				t.Fatal(status, page)
			}
			list := page["Resources"].([]any)
			for _, one := range list {
				got = append(got, one.(map[string]any)["userName"].(string))
			}
			if len(list) == 0 {
				break
			}
			start += len(list)
			if len(got) == 7 { // between the pages one goes, one comes, and one changes its place
				s.do("DELETE", "/Users/"+ids[got[2]], "")
				extra := s.user("aa-" + strconv.Itoa(len(query)))
				t.Cleanup(func() { _ = extra })
				s.do("PATCH", "/Users/"+ids[got[3]], `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"displayName","value":"moved"}]}`)
			}
		}
		seen := map[string]bool{}
		for _, name := range got {
			if seen[name] {
				t.Errorf("%q: %s was told twice", query, name)
			}
			seen[name] = true
		}
		for _, name := range want {
			if _, still := s.House.Room.PrincipalByName(name); still && !seen[name] && s.active(name) {
				t.Errorf("%q: %s was skipped", query, name)
			}
		}
		if strings.HasPrefix(query, "sortBy") {
			sorted := slices.IsSortedFunc(got, func(a, b string) int {
				if strings.Contains(query, "descending") {
					return strings.Compare(b, a)
				}
				return strings.Compare(a, b)
			})
			if !sorted {
				t.Errorf("%q: not in order: %v", query, got)
			}
		}
	}
}

func (s *served) active(name string) bool {
	p, ok := s.House.Room.PrincipalByName(name)
	return ok && !p.Suspended
}

// What is too much, and what is no SCIM, is refused in SCIM's words.
func TestBounds(t *testing.T) {
	s := serve(t)
	id := s.user("ana")
	members := strings.Repeat(`{"value":"`+id+`"},`, 1001)
	for _, c := range []struct {
		method, path, body string
		headers            []string
		want               int
	}{
		{"POST", "/Users", `{"userName":"` + strings.Repeat("x", 1<<20) + `"}`, nil, 413},
		{"POST", "/Users", `{"userName":"x"`, nil, 400},
		{"POST", "/Users", `{"userName":"x","username":"y"}`, nil, 400},
		{"POST", "/Users", `[]`, nil, 400},
		{"POST", "/Users", `{"userName":"x","active":"perhaps"}`, nil, 400},
		{"POST", "/Users", `{"userName":"x"}`, []string{"Content-Type", "text/plain"}, 415},
		{"PATCH", "/Groups/" + id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[` + strings.TrimSuffix(members, ",") + `]}]}`, nil, 413},
		{"PATCH", "/Users/" + id, `{"Operations":[{"op":"add","path":"title","value":"x"}]}`, nil, 400},
		{"GET", "/Users?filter=" + strings.Repeat("(", 17) + "title+pr" + strings.Repeat(")", 17), "", nil, 400},
		{"GET", "/Users?filter=title+pr+or+", "", nil, 400},
		{"GET", "/Users?count=many", "", nil, 400},
		{"GET", "/Users?" + strings.Repeat("x", 9000), "", nil, 414},
		{"GET", "/Users/nobody", "", nil, 404},
		{"GET", "/Nothing", "", nil, 404},
		{"POST", "/Bulk", `{}`, nil, 501},
		{"POST", "/Users/" + id, `{}`, nil, 405},
		{"GET", "/Schemas", "", nil, 200},
		{"GET", "/Schemas/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "", nil, 200},
		{"GET", "/ResourceTypes/Group", "", nil, 200},
		{"GET", "/ServiceProviderConfig", "", nil, 200},
	} {
		if status, _, got := s.do(c.method, c.path, c.body, c.headers...); status != c.want {
			t.Errorf("%s %.60s %.60s: %d, want %d: %v", c.method, c.path, c.body, status, c.want, got["detail"])
		}
	}
}

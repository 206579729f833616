package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"strongroom"
	"strongroom/door"
	"strongroom/door/api"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/ledger"
	"strongroom/limit"
	"strongroom/people"
	"strongroom/vault"
)

// rooms is one room.
type rooms struct{ r *housetest.Room }

func (r rooms) ByToken(ctx context.Context, presented string) (door.Room, vault.TokenCredential, error) {
	c, err := r.r.House.Room.TokenCaller(ctx, presented)
	return r.r.House.Door(), c, err
}

// client asks the API in somebody's name.
type client struct {
	t     *testing.T
	url   string
	token string
}

func open(t *testing.T) (*housetest.Room, client) {
	t.Helper()
	r := housetest.New(t, house.Options{})
	server := httptest.NewServer(api.New(api.Config{Rooms: rooms{r}, Log: r.House.Room.Log}))
	t.Cleanup(server.Close)
	return r, client{t, server.URL + api.Prefix, tokenOf(t, r, "owner", people.ScopeAPI)}
}

func tokenOf(t *testing.T, r *housetest.Room, name string, scopes ...people.Scope) string {
	t.Helper()
	_, presented, err := r.House.Room.CreateToken(t.Context(), r.Owner, vault.TokenRequest{Principal: name, Name: "test", Scopes: scopes, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return presented
}

// ask sends a request and decodes its answer into out, where not nil.
func (c client) ask(method, path string, body, out any, headers ...string) *http.Response {
	c.t.Helper()
	var content io.Reader
	if text, ok := body.(string); ok {
		content = strings.NewReader(text)
	} else if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		content = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, content)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			c.t.Fatalf("%s %s: %d %s: %v", method, path, resp.StatusCode, answer, err)
		}
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	return resp
}

func (c client) want(status int, method, path string, body, out any, headers ...string) *http.Response {
	c.t.Helper()
	resp := c.ask(method, path, body, nil, headers...)
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != status {
		c.t.Fatalf("%s %s: %d %s, want %d", method, path, resp.StatusCode, answer, status)
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			c.t.Fatalf("%s %s: %s: %v", method, path, answer, err)
		}
	}
	return resp
}

type problem struct {
	Status  int
	Kind    string
	Detail  string
	Missing []string
}

// Nobody gets in without a token that is good for what they ask.
func TestTokens(t *testing.T) {
	r, c := open(t)
	r.Person(strongroom.Principal{Name: "nobody"})
	var p problem
	for name, token := range map[string]string{
		"none": "", "nonsense": "x", "unknown": "srt_" + strings.Repeat("a", 20) + "_" + strings.Repeat("0", 64), "of scim": tokenOf(t, r, "owner", people.ScopeSCIM),
	} {
		status := http.StatusUnauthorized
		if name == "of scim" {
			status = http.StatusForbidden
		}
		resp := client{t, c.url, token}.want(status, "GET", "/principals", nil, &p)
		if resp.Header.Get("Content-Type") != "application/problem+json" || p.Kind != "denied" || p.Detail == "" {
			t.Errorf("%s: %+v, %v", name, p, resp.Header)
		}
	}
	reader := client{t, c.url, tokenOf(t, r, "owner", people.ScopeAPIRead)}
	reader.want(http.StatusOK, "GET", "/principals", nil, nil)
	reader.want(http.StatusForbidden, "POST", "/principals/nobody/suspend", nil, nil)

	nobody := client{t, c.url, tokenOf(t, r, "nobody", people.ScopeAPI)}
	var me api.Me
	nobody.want(http.StatusOK, "GET", "/me", nil, &me)
	if me.Principal.Name != "nobody" || me.Room != r.House.Room.ID {
		t.Errorf("I am %+v", me)
	}
	c.want(http.StatusOK, "POST", "/principals/nobody/suspend", nil, nil)
	nobody.want(http.StatusUnauthorized, "GET", "/me", nil, &p)
}

// What the API answers is what the room holds.
func TestPeopleAndKeys(t *testing.T) {
	r, c := open(t)
	var p strongroom.Principal
	c.want(http.StatusOK, "PUT", "/principals/ines.martin", map[string]any{"kind": "person", "groups": []string{"supervisors"}, "attributes": map[string][]string{"supervises": {"billing"}}}, &p)
	if kept, known := r.House.Room.PrincipalByName("ines.martin"); !known || kept.ID != p.ID || kept.Groups[0] != "supervisors" {
		t.Errorf("%+v is kept as %+v", p, kept)
	}
	c.want(http.StatusOK, "POST", "/principals/ines.martin/suspend", nil, nil)
	c.want(http.StatusOK, "PUT", "/principals/ines.martin", map[string]any{"kind": "person"}, &p)
	if !p.Suspended {
		t.Error("writing a principal ended the suspension")
	}
	var wrong problem
	c.want(http.StatusUnprocessableEntity, "PUT", "/principals/x", map[string]any{"kind": "robot"}, &wrong)
	c.want(http.StatusUnprocessableEntity, "PUT", "/principals/x", map[string]any{"kind": "person", "admin": true}, &wrong)
	c.want(http.StatusBadRequest, "PUT", "/principals/x", `{"kind":"person"} {"kind":"vendor"}`, &wrong)
	c.want(http.StatusBadRequest, "PUT", "/principals/strongroom-x", map[string]any{"kind": "person"}, &wrong)
	c.want(http.StatusUnprocessableEntity, "GET", "/principals?limt=3", nil, &wrong)
	c.want(http.StatusNotFound, "GET", "/principals/who", nil, &wrong)

	var key struct{ ID, Secret string }
	c.want(http.StatusCreated, "POST", "/keys", map[string]any{"principal": "owner", "days": 3}, &key)
	if len(key.Secret) < 30 {
		t.Errorf("the key is %+v", key.ID)
	}
	if listed, _ := io.ReadAll(c.want(http.StatusOK, "GET", "/keys", nil, nil).Body); !bytes.Contains(listed, []byte(key.ID)) || bytes.Contains(listed, []byte(key.Secret)) {
		t.Error("a secret is listed")
	}
	if _, err := r.House.Room.Credential(key.ID); err != nil {
		t.Error(err)
	}
	c.want(http.StatusNoContent, "DELETE", "/keys/"+key.ID, nil, nil)
	if _, err := r.House.Room.Credential(key.ID); err == nil {
		t.Error("a revoked key is believed")
	}
	var made struct{ ID, Token string }
	c.want(http.StatusCreated, "POST", "/tokens", map[string]any{"principal": "owner", "name": "second", "scopes": []string{"api:read"}, "days": 1}, &made)
	second := client{t, c.url, made.Token}
	second.want(http.StatusOK, "GET", "/me", nil, nil)
	body, _ := io.ReadAll(c.want(http.StatusOK, "GET", "/tokens", nil, nil).Body)
	if bytes.Contains(body, []byte(made.Token)) || bytes.Contains(body, []byte("hash")) {
		t.Errorf("the list tells %s", body)
	}
	c.want(http.StatusNoContent, "DELETE", "/tokens/"+made.ID, nil, nil)
	second.want(http.StatusUnauthorized, "GET", "/me", nil, nil)
}

// Pages of any size, with things coming and going meanwhile, hold what stayed exactly once.
func TestPaging(t *testing.T) {
	r, c := open(t)
	r.Bucket("calls")
	var stays []string
	for i := range 23 {
		key := fmt.Sprintf("stays/%02d é", i)
		stays = append(stays, key)
		if _, err := r.House.Room.Put(t.Context(), r.Owner, vault.PutRequest{Bucket: "calls", Key: key, Size: 1}, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	for _, size := range []int{1, 2, 7, 100} {
		var got []string
		next, n := "", 0
		for {
			var page struct {
				Items []struct{ Key string }
				Next  string
			}
			c.want(http.StatusOK, "GET", fmt.Sprintf("/buckets/calls/objects?limit=%d&cursor=%s", size, next), nil, &page)
			for _, o := range page.Items {
				if strings.HasPrefix(o.Key, "stays/") {
					got = append(got, o.Key)
				}
			}
			if next = page.Next; next == "" {
				break
			}
			if n++; n > 4 {
				continue
			}
			// Some come before and behind where the reader is.
			for _, key := range []string{fmt.Sprintf("a/%d-%d", size, n), fmt.Sprintf("stayz/%d-%d", size, n)} {
				if _, err := r.House.Room.Put(t.Context(), r.Owner, vault.PutRequest{Bucket: "calls", Key: key, Size: 1}, strings.NewReader("x")); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !slices.Equal(got, stays) {
			t.Errorf("pages of %d: %v", size, got)
		}
	}
	for i := range 9 {
		r.Person(strongroom.Principal{Name: fmt.Sprintf("p%d", i)})
	}
	var names []string
	for next := ""; ; {
		var page struct {
			Items []struct{ Name string }
			Next  string
		}
		c.want(http.StatusOK, "GET", "/principals?limit=4&cursor="+next, nil, &page)
		for _, p := range page.Items {
			names = append(names, p.Name)
		}
		if next = page.Next; next == "" {
			break
		}
	}
	if len(names) != 10 || !slices.IsSorted(names) {
		t.Errorf("principals: %v", names)
	}
	c.want(http.StatusBadRequest, "GET", "/principals?cursor=***", nil, nil)
	c.want(http.StatusUnprocessableEntity, "GET", "/principals?limit=0", nil, nil)
	c.want(http.StatusUnprocessableEntity, "GET", "/principals?limit=1001", nil, nil)
}

// A write with an idempotency key happens once: sent again it is answered the same, at
// once or at the same time, and by another server it is refused rather than done again.
func TestIdempotency(t *testing.T) {
	r, c := open(t)
	keys := func() int {
		t.Helper()
		all, err := r.House.Room.AccessKeys(t.Context(), r.Owner)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	before := keys()
	body := map[string]any{"principal": "owner"}
	var answers [8]string
	var work sync.WaitGroup
	for i := range answers {
		work.Go(func() {
			resp := c.ask("POST", "/keys", body, nil, "Idempotency-Key", "one")
			answer, _ := io.ReadAll(resp.Body)
			answers[i] = fmt.Sprint(resp.StatusCode, string(answer))
		})
	}
	work.Wait()
	for _, a := range answers {
		if a != answers[0] || !strings.HasPrefix(a, "201") {
			t.Errorf("%s, %s", a, answers[0])
		}
	}
	if made := keys() - before; made != 1 {
		t.Errorf("%d keys were made", made)
	}
	var p problem
	c.want(http.StatusUnprocessableEntity, "POST", "/keys", map[string]any{"principal": "owner", "days": 1}, &p, "Idempotency-Key", "one")
	// Somebody else's key of that name is another.
	r.Person(strongroom.Principal{Name: "dora", Groups: []string{"data-owners"}})
	before = keys() - 1
	client{t, c.url, tokenOf(t, r, "dora", people.ScopeAPI)}.want(http.StatusCreated, "POST", "/keys", body, nil, "Idempotency-Key", "one")

	// Another server, which has not seen the answer, does not do it again.
	other := httptest.NewServer(api.New(api.Config{Rooms: rooms{r}, Log: r.House.Room.Log}))
	defer other.Close()
	again := client{t, other.URL + api.Prefix, c.token}
	again.want(http.StatusConflict, "POST", "/keys", body, &p, "Idempotency-Key", "one")
	if p.Kind != "repeated" {
		t.Errorf("%+v", p)
	}
	if made := keys() - before; made != 2 {
		t.Errorf("%d keys were made", made)
	}
	// What was refused may be asked again.
	c.want(http.StatusBadRequest, "POST", "/keys", map[string]any{"principal": "who"}, nil, "Idempotency-Key", "two")
	c.want(http.StatusCreated, "POST", "/keys", body, nil, "Idempotency-Key", "three")
	if err := r.House.Room.Book.(interface{ Refresh(context.Context) error }).Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Replay, usage and proposals are what the engines say; a record's proof verifies.
func TestPolicyAndLedger(t *testing.T) {
	r, c := open(t)
	r.Bucket("calls")
	var set struct{ Hash, Text string }
	c.want(http.StatusOK, "GET", "/policy", nil, &set)
	if set.Text != string(limit.Default().Text()) || set.Hash != limit.Default().Hash() {
		t.Errorf("the policy in force is %s", set.Hash)
	}
	fewer := strings.Replace(set.Text, `Action::"createBucket", `, "", 1)
	var report limit.ReplayReport
	c.want(http.StatusOK, "POST", "/policy/replay", map[string]any{"text": fewer}, &report)
	if report.Refused != 1 || len(report.Changes) != 1 || report.Changes[0].Bucket != "calls" {
		t.Errorf("%+v", report)
	}
	c.want(http.StatusBadRequest, "POST", "/policy/replay", map[string]any{"text": "permit"}, nil)
	var usage limit.UsageReport
	c.want(http.StatusOK, "GET", "/limit/unused", nil, &usage)
	if len(usage.People) != 1 || usage.People[0].Principal != "owner" || usage.People[0].Used == 0 {
		t.Errorf("%+v", usage)
	}
	// What nobody asked for in the window counts as granted all the same.
	if _, err := r.House.Room.Put(t.Context(), r.Owner, vault.PutRequest{Bucket: "calls", Key: "unread", Size: 1}, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	since := time.Now().UTC().Add(time.Millisecond)
	time.Sleep(5 * time.Millisecond)
	c.want(http.StatusOK, "GET", "/limit/unused?since="+since.Format("2006-01-02T15:04:05.000Z"), nil, &usage)
	if !slices.ContainsFunc(usage.Classes, func(c limit.ClassRights) bool {
		return c.Shape.Bucket == "calls" && c.Shape.Object && c.Granted == 1 && c.Used == 0
	}) {
		t.Errorf("an object that nobody asked for is not among %+v", usage.Classes)
	}
	var proposed limit.Proposed
	c.want(http.StatusOK, "GET", "/limit/proposals", nil, &proposed)
	if len(proposed.Proposals) == 0 || proposed.Caution == "" {
		t.Errorf("%+v", proposed)
	}

	var page struct {
		Items []strongroom.Event
		Next  string
	}
	c.want(http.StatusOK, "GET", "/ledger/records?limit=3", nil, &page)
	if len(page.Items) != 3 || page.Items[2].Index != 2 || page.Next == "" {
		t.Errorf("%+v", page)
	}
	c.want(http.StatusOK, "GET", "/ledger/records?cursor="+page.Next, nil, &page)
	if page.Items[0].Index != 3 {
		t.Errorf("the next page begins at %d", page.Items[0].Index)
	}
	var p struct {
		Record     ledger.Record
		Size       int64
		Proof      tlog.RecordProof
		Checkpoint string
	}
	c.want(http.StatusOK, "GET", "/ledger/records/1", nil, &p)
	checkpoint, _, err := ledger.OpenCheckpoint([]byte(p.Checkpoint), r.House.Ledger)
	if err != nil {
		t.Fatal(err)
	}
	if err := tlog.CheckRecord(p.Proof, p.Size, checkpoint.Root, 1, tlog.RecordHash(p.Record.Leaf)); err != nil {
		t.Errorf("the proof does not verify: %v", err)
	}
	c.want(http.StatusNotFound, "GET", "/ledger/records/100000", nil, nil)
}

// The description is served without a token, names everything and loads nothing from elsewhere.
func TestDescription(t *testing.T) {
	_, c := open(t)
	c.token = ""
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	c.want(http.StatusOK, "GET", "/openapi.json", nil, &doc)
	if doc.OpenAPI != "3.1.0" || doc.Paths[api.Prefix+"/principals/{name}"]["put"] == nil {
		t.Errorf("%s, %d paths", doc.OpenAPI, len(doc.Paths))
	}
	page, _ := io.ReadAll(c.want(http.StatusOK, "GET", "/", nil, nil).Body)
	for path := range doc.Paths {
		if !bytes.Contains(page, []byte(path)) {
			t.Errorf("the page does not name %s", path)
		}
	}
	if bytes.Contains(page, []byte("<script")) || bytes.Contains(page, []byte("http://")) || bytes.Contains(page, []byte("https://")) {
		t.Errorf("the page loads something: %s", page)
	}
}

func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add("eyJhIjoxfQ")
	f.Add("IiI")
	f.Fuzz(func(t *testing.T, text string) { api.TryCursor(text) })
}

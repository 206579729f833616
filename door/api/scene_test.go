package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"strongroom"
	"strongroom/door"
	"strongroom/door/api"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/know"
	"strongroom/people"
	"strongroom/vault"
)

// scene is a room with people, objects, a source and somewhere for messages and questions
// about tickets to go.
type scene struct {
	*housetest.Room
	owner, ines, carol, dora, nobody client // a data owner, two supervisors, another data owner
	machine                          client
	hook                             *httptest.Server
	posted                           atomic.Int64 // to the hook
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{Room: housetest.New(t, house.Options{})}
	// It takes messages, and knows CASE-1 alone, which is everybody's.
	s.hook = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.posted.Add(1)
		var q struct{ Ticket string }
		_ = json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&q)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		there := q.Ticket == "CASE-1"
		fmt.Fprintf(w, `{"ticket":%q,"exists":%t,"open":%t,"assigned":%t}`, q.Ticket, there, there, there)
	}))
	t.Cleanup(s.hook.Close)
	server := httptest.NewServer(api.New(api.Config{Rooms: rooms{s.Room}, Log: s.House.Room.Log}))
	t.Cleanup(server.Close)
	s.Bucket("calls")
	s.Bucket("texts")
	s.Put("calls", "2026/call-7.wav", []byte("RIFF a call"), map[string]string{"strongroom-queue": "billing", "strongroom-customer": "4711"})
	s.Put("calls", "2026/call-8.wav", []byte("RIFF another"), map[string]string{"strongroom-queue": "sales"})
	s.Put("texts", "chat-1.txt", []byte("please take card 4111 1111 1111 1111, it expires 12/29"), nil)
	s.Put("texts", "chat-2.txt", []byte("hello"), nil)
	for _, p := range []strongroom.Principal{
		{Name: "ines", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}},
		{Name: "carol", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"sales"}}},
		{Name: "dora", Groups: []string{"data-owners"}},
		{Name: "nobody"},
		{Name: "machine", Kind: strongroom.Workload},
	} {
		s.Person(p)
	}
	if _, err := s.Get(s.Owner, "calls", "2026/call-7.wav", 0, -1); err != nil {
		t.Fatal(err)
	}
	store, err := s.House.OpenInventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.PutSource(t.Context(), know.Source{ID: strongroom.NewID(), Name: "share", Location: "file:///srv/share", Declared: time.Now().UTC()}); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	as := func(name string) client {
		return client{t, server.URL + api.Prefix, tokenOf(t, s.Room, name, people.ScopeAPI)}
	}
	s.owner, s.ines, s.carol, s.dora, s.nobody = as("owner"), as("ines"), as("carol"), as("dora"), as("nobody")
	s.machine = as("machine")
	return s
}

// on is the same client asking another server.
func (c client) on(server *httptest.Server) client {
	c.url = server.URL + api.Prefix
	return c
}

// recordsOf counts the records since an index of what a principal asked, or of refusals alone.
func (s *scene) recordsOf(t *testing.T, since int64, name string, refused bool) (n int) {
	t.Helper()
	for r, err := range s.House.Book.Records(t.Context(), since, s.House.Book.Head().Size) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := vault.EventOf(r)
		if err != nil {
			t.Fatal(err)
		}
		theirs := e.Question != nil && e.Question.Principal.Name == name || strings.HasSuffix(e.Detail, "by "+name)
		if theirs && (!refused || e.Outcome == strongroom.Refused) {
			n++
		}
	}
	return n
}

// alerted waits for an open alert of a condition.
func (s *scene) alerted(t *testing.T, condition string) strongroom.ID {
	t.Helper()
	for range 200 {
		var page struct {
			Items []struct {
				ID        strongroom.ID
				Condition string
			}
		}
		s.owner.want(http.StatusOK, "GET", "/alerts?state=open", nil, &page)
		for _, a := range page.Items {
			if a.Condition == condition {
				return a.ID
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("nothing alerted of %s", condition)
	return strongroom.ID{}
}

// callerOf is somebody who asks the vault itself.
func (s *scene) callerOf(p strongroom.Principal, purpose string) vault.Caller {
	return s.Caller(vault.Credential{KeyID: p.Name, Principal: p}, purpose)
}

// bare is a room whose engines are not there.
type bare struct{ rooms }

func (b bare) ByToken(ctx context.Context, presented string) (door.Room, vault.TokenCredential, error) {
	r, c, err := b.rooms.ByToken(ctx, presented)
	return door.Room{Vault: r.Vault}, c, err
}

// Where an engine is not there its operations say so.
func (s *scene) without(t *testing.T) {
	server := httptest.NewServer(api.New(api.Config{Rooms: bare{rooms{s.Room}}, Log: s.House.Room.Log}))
	defer server.Close()
	c := s.owner.on(server)
	for _, path := range []string{"/usage/who", "/usage/object?bucket=calls&key=x", "/inventory", "/flows", "/owners", "/sources", "/alerts", "/alerting/rota", "/limit/unused", "/classifications/" + strongroom.NewID().String()} {
		var p problem
		if c.want(http.StatusNotImplemented, "GET", path, nil, &p); p.Kind != "unsupported" {
			t.Errorf("%s: %+v", path, p)
		}
	}
}

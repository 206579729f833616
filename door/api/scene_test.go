package api_test

import (
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
	"strongroom/door/api"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/know"
	"strongroom/people"
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

// record is what the newest record of a kind tells; there must be one since an index.
func (s *scene) record(t *testing.T, since int64, action string) {
	t.Helper()
	for i := since; i < s.House.Book.Head().Size; i++ {
		r, err := s.House.Book.Record(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(r.Evidence), fmt.Sprintf("%q", action)) {
			return
		}
	}
	t.Errorf("no record of %s", action)
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

package vault_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/tickets"
	"strongroom/release"
	"strongroom/vault"
)

// ticketSystem is a ticket system on this machine that knows some tickets.
type ticketSystem struct {
	*httptest.Server
	asked atomic.Int64
	down  atomic.Bool
	known map[string]string // ticket → exists, open, assigned as "yyn"
}

func newTicketSystem(t testing.TB, known map[string]string) *ticketSystem {
	s := &ticketSystem{known: known}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		var q tickets.Question
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || s.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		is := s.known[q.Ticket]
		if is == "" {
			is = "nnn"
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"ticket":%q,"exists":%t,"open":%t,"assigned":%t}`, q.Ticket, is[0] == 'y', is[1] == 'y', is[2] == 'y' && q.Principal.Name == "carol")
	}))
	t.Cleanup(s.Close)
	return s
}

var ticketSecret = []byte(strings.Repeat("k", 32))

func named(c vault.Caller, ticket string) vault.Caller {
	c.Purpose = strongroom.Purpose{Text: "complaint 12", Ticket: ticket}
	return c
}

func TestTicketsAreAskedOnlyWhereItDepends(t *testing.T) {
	a := newAsking(t)
	a.wantRead(t, named(a.carol, "anything"), "tickets", "call.wav", "for a ticket")
	s := newTicketSystem(t, map[string]string{"T-1": "yyy", "T-2": "yny", "T-3": "yyn"})
	wantKind(t, a.House.Room.SetTickets(t.Context(), a.ines, s.URL, ticketSecret), strongroom.KindDenied)
	if err := a.House.Room.SetTickets(t.Context(), a.dora, s.URL+"/check?code=hidden", ticketSecret); err != nil {
		t.Fatal(err)
	}
	shown, err := a.House.Room.TicketSystem(t.Context(), a.dora)
	if err != nil || shown.URL != s.URL || shown.Secret != nil {
		t.Errorf("shown as %+v, %v", shown, err)
	}

	// Reads that need no ticket, with one and without.
	a.wantRead(t, named(a.dora, "T-9"), "calls", "call.wav", "what was there")
	a.wantRefused(t, named(a.carol, "T-1"), "other", "call.wav")
	a.wantRefused(t, a.carol, "tickets", "call.wav")
	if n := s.asked.Load(); n != 0 {
		t.Fatalf("it was asked %d times for nothing", n)
	}
	from := a.Book.Head().Size
	for range 5 {
		a.wantRead(t, named(a.carol, "T-1"), "tickets", "call.wav", "for a ticket")
	}
	if n := s.asked.Load(); n != 1 {
		t.Errorf("it was asked %d times within a minute", n)
	}
	if c := ofKind(records(t, a.Room, from), release.KindRelease)[0].personal.Question.Context; c.Ticket != strongroom.TicketGood {
		t.Errorf("the release's context is %+v", c)
	}
	for ticket, state := range map[string]strongroom.TicketState{"T-2": strongroom.TicketClosed, "T-3": strongroom.TicketNotYours, "T-4": strongroom.TicketUnknown} {
		from := a.Book.Head().Size
		a.wantRefused(t, named(a.carol, ticket), "tickets", "call.wav")
		if got := ofKind(records(t, a.Room, from), vault.KindRefusal)[0].personal.Question.Context.Ticket; got != state {
			t.Errorf("%s is on record as %q", ticket, got)
		}
	}
	// Somebody else's good ticket is not theirs.
	other := a.Person(strongroom.Principal{Name: "colin", Groups: []string{"complaints"}})
	a.wantRefused(t, named(other, "T-1"), "tickets", "call.wav")

	// What was good is so for a minute, whatever becomes of the ticket system.
	s.down.Store(true)
	a.clock.advance(59 * time.Second)
	a.wantRead(t, named(a.carol, "T-1"), "tickets", "call.wav", "for a ticket")
	a.clock.advance(2 * time.Second)
	refusal := a.wantRefused(t, named(a.carol, "T-1"), "tickets", "call.wav")
	if !strings.Contains(refusal.Message, "the ticket system cannot be reached") || refusal.Hint != "try again shortly" {
		t.Errorf("the refusal is %q", refusal)
	}
	asked := s.asked.Load()
	a.wantRefused(t, named(a.carol, "T-1"), "tickets", "call.wav")
	if s.asked.Load() != asked {
		t.Error("a ticket system that is down is asked again at once")
	}
	a.wantRead(t, named(a.dora, "T-1"), "calls", "call.wav", "what was there")
	s.down.Store(false)
	a.clock.advance(6 * time.Second)
	a.wantRead(t, named(a.carol, "T-1"), "tickets", "call.wav", "for a ticket")

	if state, err := a.House.Room.TryTicket(t.Context(), a.dora, "T-3", "carol"); err != nil || state != strongroom.TicketNotYours {
		t.Errorf("tried: %q, %v", state, err)
	}
	if err := a.House.Room.RemoveTickets(t.Context(), a.dora); err != nil {
		t.Fatal(err)
	}
	a.wantRead(t, named(a.carol, "anything"), "tickets", "call.wav", "for a ticket")
	for _, k := range records(t, a.Room, 0) {
		if strings.Contains(string(k.Evidence)+string(k.Personal), "hidden") || strings.Contains(string(k.Evidence)+string(k.Personal), string(ticketSecret)) {
			t.Errorf("record %d shows the secret or the address", k.Index)
		}
	}
	a.redecide(t)
}

func TestManyAskAboutOneTicketOnce(t *testing.T) {
	a := newAsking(t)
	s := newTicketSystem(t, map[string]string{"T-1": "yyy"})
	if err := a.House.Room.SetTickets(t.Context(), a.dora, s.URL, ticketSecret); err != nil {
		t.Fatal(err)
	}
	atOnce(16, func(int) {
		if _, err := a.Get(named(a.carol, "T-1"), "tickets", "call.wav", 0, -1); err != nil {
			t.Error(err)
		}
	})
	if n := s.asked.Load(); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
}

func TestTicketSettings(t *testing.T) {
	a := newAsking(t)
	for _, address := range []string{
		"", "tickets.example.com", "http://tickets.example.com/", "http://localhost.example.com/", "https://", "https://user:word@tickets.example.com/",
		"https://tickets.example.com/#x", "ftp://localhost/", "http://127.0.0.1.example.com/", "https:tickets.example.com", "https://" + strings.Repeat("x", 2048),
	} {
		if err := a.House.Room.SetTickets(t.Context(), a.dora, address, ticketSecret); strongroom.KindOf(err) != strongroom.KindInvalid {
			t.Errorf("%q is taken: %v", address, err)
		}
	}
	for _, n := range []int{0, 31, 257} {
		if err := a.House.Room.SetTickets(t.Context(), a.dora, "https://tickets.example.com", make([]byte, n)); strongroom.KindOf(err) != strongroom.KindInvalid {
			t.Errorf("a secret of %d bytes is taken: %v", n, err)
		}
	}
	wantKind(t, a.House.Room.RemoveTickets(t.Context(), a.dora), strongroom.KindInvalid)
	for _, address := range []string{"https://tickets.example.com/x?y=z", "http://localhost:1/", "http://127.8.0.1/", "http://[::1]:8080/"} {
		if err := a.House.Room.SetTickets(t.Context(), a.dora, address, ticketSecret); err != nil {
			t.Errorf("%q is not taken: %v", address, err)
		}
	}
	if got := fmt.Sprintf("%v %+v %s", vault.TicketSetting{URL: "https://h/x?code=hidden", Secret: ticketSecret}, vault.TicketSetting{Secret: ticketSecret}, vault.TicketSetting{Secret: ticketSecret}); strings.Contains(got, "hidden") || strings.Contains(got, "kkk") {
		t.Errorf("it prints as %s", got)
	}
}

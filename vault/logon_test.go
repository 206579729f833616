package vault_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/people"
	"strongroom/vault"
)

var somewhere = vault.From{Source: "192.0.2.1", Browser: "a browser"}

func passkey(n byte, count uint32) people.Passkey {
	return people.Passkey{Credential: []byte{n, 1, 2, 3}, PublicKey: []byte{n, 4, 5, 6}, Party: "localhost", Count: count}
}

// logonRoom is a room whose clock a test moves.
func logonRoom(t *testing.T) (*housetest.Room, *setClock) {
	clock := clockAt(time.Now())
	return housetest.New(t, house.Options{Clock: clock.now}), clock
}

func invite(t *testing.T, r *housetest.Room, by vault.Caller, name string) string {
	t.Helper()
	_, token, err := r.House.Room.Invite(t.Context(), by, name)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func kinds(t *testing.T, r *housetest.Room, from int64) string {
	t.Helper()
	var out []string
	for record, err := range r.Book.Records(t.Context(), from, r.Book.Head().Size) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := vault.EventOf(record)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.TrimSuffix(e.Kind+"/"+e.Did+"/"+e.Outcome, "/"))
	}
	return strings.Join(out, " ")
}

// One link makes one passkey, within its time; each act is a record.
func TestInvitation(t *testing.T) {
	r, clock := logonRoom(t)
	ines := r.Person(strongroom.Principal{Name: "ines", Groups: []string{"supervisors"}})
	r.Person(strongroom.Principal{Name: "robot", Kind: strongroom.Workload})
	ctx, room := t.Context(), r.House.Room
	if _, _, err := room.Invite(ctx, ines, "ines"); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("a supervisor invites: %v", err)
	}
	for _, name := range []string{"robot", "nobody"} {
		if _, _, err := room.Invite(ctx, r.Owner, name); strongroom.KindOf(err) != strongroom.KindInvalid {
			t.Errorf("%s is invited: %v", name, err)
		}
	}
	first, second := invite(t, r, r.Owner, "ines"), invite(t, r, r.Owner, "ines")
	for _, token := range []string{first, "", "00", strings.Repeat("ab", 32)} {
		if _, err := room.SetUp(ctx, token, passkey(1, 0), somewhere); !errors.Is(err, vault.ErrNoInvitation) {
			t.Errorf("token %.4s sets up: %v", token, err)
		}
	}
	from := r.Book.Head().Size
	l, err := room.SetUp(ctx, second, passkey(1, 0), somewhere)
	if err != nil || l.Principal.Name != "ines" {
		t.Fatal(l, err)
	}
	if got := kinds(t, r, from); got != "people/passkey-add/permit logon/logon/permit" {
		t.Errorf("the records are %s", got)
	}
	if _, err := room.SetUp(ctx, second, passkey(2, 0), somewhere); !errors.Is(err, vault.ErrNoInvitation) {
		t.Errorf("a link is used twice: %v", err)
	}
	late := invite(t, r, r.Owner, "owner")
	clock.advance(people.InvitationLife)
	if _, err := room.Invited(ctx, late); !errors.Is(err, vault.ErrNoInvitation) {
		t.Errorf("a link is good after its time: %v", err)
	}
	if n, err := room.EndSessions(ctx); err != nil || n < 2 { // the link of the founding, that of the owner, and the session
		t.Errorf("%d ended, %v", n, err)
	}
}

// Whoever lost their passkey gets in again through somebody else, and what they had ends.
func TestRecovery(t *testing.T) {
	r, _ := logonRoom(t)
	paul := r.Person(strongroom.Principal{Name: "paul", Groups: []string{"data-owners"}})
	ctx, room := t.Context(), r.House.Room
	lost, err := room.SetUp(ctx, invite(t, r, r.Owner, "paul"), passkey(1, 0), somewhere)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := room.Invite(ctx, paul, "paul"); strongroom.KindOf(err) != strongroom.KindDenied || !strings.Contains(err.Error(), "nobody recovers their own") {
		t.Errorf("paul recovers his own log-on: %v", err)
	}
	back, err := room.SetUp(ctx, invite(t, r, r.Owner, "paul"), passkey(2, 0), somewhere)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := room.ConsoleCaller(lost.Token); !errors.Is(err, vault.ErrNoSession) {
		t.Errorf("the session of the lost passkey goes on: %v", err)
	}
	if _, err := room.LogOn(ctx, vault.PasskeyProof{Passkey: lost.Passkey}, somewhere); !errors.Is(err, vault.ErrLogOn) {
		t.Errorf("the lost passkey logs on: %v", err)
	}
	if _, err := room.ConsoleCaller(back.Token); err != nil {
		t.Error(err)
	}
}

// Who logged on by a provider makes no passkey of their own out of it, under whatever name.
func TestNobodyInvitesThemselvesFromTheConsole(t *testing.T) {
	r, _ := logonRoom(t)
	paul := r.Person(strongroom.Principal{Name: "paul", Aliases: []string{"p.roy"}, Groups: []string{"data-owners"}})
	r.Person(strongroom.Principal{Name: "P.Roy"})
	paul.Method = vault.MethodConsole
	for _, name := range []string{"paul", "P.Roy"} {
		from := r.Book.Head().Size
		if _, _, err := r.House.Room.Invite(t.Context(), paul, name); strongroom.KindOf(err) != strongroom.KindDenied {
			t.Errorf("paul invites %s: %v", name, err)
		}
		if got := kinds(t, r, from); got != "refusal/managePeople/deny" {
			t.Errorf("the records are %s", got)
		}
	}
	invite(t, r, r.Owner, "paul")
}

func TestConsoleSessionEnds(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, r *housetest.Room, clock *setClock, l vault.Logon){
		"unused": func(_ *testing.T, _ *housetest.Room, clock *setClock, _ vault.Logon) {
			clock.advance(people.ConsoleIdle)
		},
		"long": func(t *testing.T, r *housetest.Room, clock *setClock, l vault.Logon) {
			for until := clock.now().Add(people.ConsoleLongest); clock.now().Before(until); clock.advance(20 * time.Minute) {
				if _, err := r.House.Room.ConsoleCaller(l.Token); err != nil {
					t.Fatalf("a session in use ended early: %v", err)
				}
			}
		},
		"suspended": func(t *testing.T, r *housetest.Room, clock *setClock, _ vault.Logon) {
			clock.advance(time.Second)
			for _, suspended := range []bool{true, false} { // and does not come back
				if _, err := r.House.Room.ChangePrincipal(t.Context(), r.Owner, "paul", func(p *strongroom.Principal) { p.Suspended = suspended }); err != nil {
					t.Fatal(err)
				}
			}
		},
		"by themselves": func(t *testing.T, r *housetest.Room, _ *setClock, l vault.Logon) {
			c, err := r.House.Room.ConsoleCaller(l.Token)
			if err == nil {
				err = r.House.Room.EndSession(t.Context(), c.Caller(), l.ID)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"by whoever manages people": func(t *testing.T, r *housetest.Room, _ *setClock, l vault.Logon) {
			if err := r.House.Room.EndSession(t.Context(), r.Owner, l.ID); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, clock := logonRoom(t)
			r.Person(strongroom.Principal{Name: "paul", Groups: []string{"agents"}})
			tom := r.Person(strongroom.Principal{Name: "tom", Groups: []string{"agents"}})
			room := r.House.Room
			l, err := room.SetUp(t.Context(), invite(t, r, r.Owner, "paul"), passkey(1, 0), somewhere)
			if err != nil {
				t.Fatal(err)
			}
			if c, err := room.ConsoleCaller(l.Token); err != nil || c.Holder.Name != "paul" || c.Token != "" {
				t.Fatal(c, err)
			}
			if err := room.EndSession(t.Context(), tom, l.ID); strongroom.KindOf(err) != strongroom.KindDenied {
				t.Errorf("tom ends paul's session: %v", err)
			}
			end(t, r, clock, l)
			if _, err := room.ConsoleCaller(l.Token); !errors.Is(err, vault.ErrNoSession) {
				t.Errorf("the session goes on: %v", err)
			}
			if _, err := room.EndSessions(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := kinds(t, r, 0); strings.Count(got, "logoff/logoff") != 1 {
				t.Errorf("the records are %s", got)
			}
		})
	}
}

// A passkey whose count goes back may have been copied: it proves nothing, on record.
func TestLogOn(t *testing.T) {
	r, _ := logonRoom(t)
	ctx, room := t.Context(), r.House.Room
	paul := r.Person(strongroom.Principal{Name: "paul"})
	l, err := room.SetUp(ctx, invite(t, r, r.Owner, "paul"), passkey(1, 7), somewhere)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		count uint32
		good  bool
	}{{8, true}, {8, false}, {7, false}, {0, false}, {9, true}} {
		from := r.Book.Head().Size
		_, err := room.LogOn(ctx, vault.PasskeyProof{Passkey: l.Passkey, Count: c.count}, somewhere)
		got := kinds(t, r, from)
		if c.good && (err != nil || !strings.HasSuffix(got, "logon/logon/permit")) || !c.good && (!errors.Is(err, vault.ErrLogOn) || got != "logon/logon/deny") {
			t.Errorf("count %d: %v; the records are %s", c.count, err, got)
		}
	}
	if _, err := room.LogOn(ctx, vault.PasskeyProof{Passkey: "PKNOBODY"}, somewhere); !errors.Is(err, vault.ErrLogOn) {
		t.Errorf("an unknown passkey logs on: %v", err)
	}
	// A fresh proof confirms for its owner alone.
	if err := room.Confirm(ctx, r.Owner, vault.PasskeyProof{Passkey: l.Passkey, Count: 10}, "approve x"); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("paul's passkey confirms for the owner: %v", err)
	}
	if err := room.Confirm(ctx, paul, vault.PasskeyProof{Passkey: l.Passkey, Count: 10}, "approve x"); err != nil {
		t.Error(err)
	}
}

// A restart ends no session that was in use, and none that was not goes on.
func TestConsoleSessionsOverRestart(t *testing.T) {
	clock := clockAt(time.Now())
	options := house.Options{Clock: clock.now}
	r := housetest.New(t, options)
	room := r.House.Room
	l, err := room.SetUp(t.Context(), strings.SplitAfter(r.Founded.SetupURL, "#")[1], passkey(1, 0), somewhere)
	if err != nil {
		t.Fatal(err)
	}
	clock.advance(people.ConsoleIdle - time.Minute)
	if _, err := room.ConsoleCaller(l.Token); err != nil {
		t.Fatal(err)
	}
	r.Stop()
	clock.advance(people.ConsoleIdle - time.Minute)
	r = housetest.Open(t, r, options)
	if _, err := r.House.Room.ConsoleCaller(l.Token); err != nil {
		t.Errorf("a session in use ended with the restart: %v", err)
	}
	clock.advance(people.ConsoleIdle)
	if _, err := r.House.Room.ConsoleCaller(l.Token); err == nil {
		t.Error("a session that was not used goes on")
	}
}

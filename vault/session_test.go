package vault_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/people"
	"strongroom/vault"
)

// billing opens a room whose supervisors may open "calls/billing.wav" for a purpose.
func billing(t testing.TB, o house.Options) *housetest.Room {
	t.Helper()
	r := stocked(t, o)
	r.Put("calls", "billing.wav", []byte("in confidence"), map[string]string{"strongroom-queue": "billing"})
	return r
}

func supervisor(r *housetest.Room, name string, kind strongroom.PrincipalKind) vault.Caller {
	return r.Person(strongroom.Principal{Name: name, Kind: kind, Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}, Aliases: []string{name + "@idp"}})
}

// with is a caller who signs with a key, as a door makes one.
func with(t testing.TB, r *housetest.Room, keyID string) vault.Caller {
	t.Helper()
	c, err := r.House.Room.Credential(keyID)
	if err != nil {
		t.Fatal(err)
	}
	who := r.Caller(c, "")
	who.Purpose = vault.PurposeOf(strongroom.Purpose{}, c.Purpose)
	return who
}

func TestSessionsEndWithWhatTheyCameFrom(t *testing.T) {
	r := billing(t, house.Options{})
	room := r.House.Room
	her := supervisor(r, "ines", strongroom.Person)
	asked := her
	asked.Purpose = strongroom.Purpose{Text: "complaint", Ticket: "T-1"}
	from := r.Book.Head().Size
	s, err := room.StartSession(t.Context(), asked, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	made := ofKind(records(t, r, from), vault.KindAccessKey)
	if len(made) != 1 || made[0].evidence.Action != "session-start" || made[0].evidence.Decision != "permit" || made[0].evidence.Actor == "" || len(made[0].evidence.Rows) != 1 ||
		!strings.Contains(made[0].personal.Subject, s.ID) || !strings.Contains(made[0].personal.Detail, "complaint") || strings.Contains(string(made[0].Record.Personal), s.Token) || strings.Contains(string(made[0].Record.Evidence), s.ID) {
		t.Errorf("recorded as %+v", made)
	}

	// It brings its purpose along, and opens what she may open.
	me := with(t, r, s.ID)
	if me.Purpose != asked.Purpose || me.Principal.ID != her.Principal.ID {
		t.Errorf("the session is of %s, for %+v", me.Principal.Name, me.Purpose)
	}
	if got, err := r.Get(me, "calls", "billing.wav", 0, -1); err != nil || string(got) != "in confidence" {
		t.Errorf("the session reads %q, %v", got, err)
	}
	_, err = r.Get(me, "calls", "call.wav", 0, -1)
	wantKind(t, err, strongroom.KindDenied)
	_, err = room.Principals(t.Context(), me)
	wantKind(t, err, strongroom.KindDenied)

	// Its token, and no other, proves it.
	c, _ := room.Credential(s.ID)
	lasting, _ := room.Credential(her.Session)
	if !c.ProvesToken(s.Token) || c.ProvesToken("") || c.ProvesToken(s.Token+"x") || c.ProvesToken(c.Session.Token) || !lasting.ProvesToken("") || lasting.ProvesToken(s.Token) {
		t.Error("a token proves what it should not, or does not prove what it should")
	}
	_, err = room.StartSession(t.Context(), me, time.Hour)
	wantKind(t, err, strongroom.KindDenied)

	valid := func() bool { _, err := room.Credential(s.ID); return err == nil }
	suspend := func(yes bool) {
		p := her.Principal
		p.Suspended = yes
		if _, err := room.PutPrincipal(t.Context(), r.Owner, p); err != nil {
			t.Fatal(err)
		}
	}
	if suspend(true); valid() {
		t.Error("a suspended person's session is valid")
	}
	_, err = r.Get(me, "calls", "billing.wav", 0, -1)
	wantKind(t, err, strongroom.KindDenied)
	_, err = room.StartSession(t.Context(), asked, time.Hour)
	wantKind(t, err, strongroom.KindDenied)
	if suspend(false); valid() {
		t.Error("the suspension is over, and a session from before it is valid again")
	}
	if s, err = room.StartSession(t.Context(), asked, time.Hour); err != nil || !valid() {
		t.Errorf("the suspension is over, and there is no new session: %v", err)
	}

	// It survives a restart, and ends with the key that it was made with.
	r.Stop()
	r = housetest.Open(t, r, house.Options{})
	room = r.House.Room
	if !valid() {
		t.Error("after a restart the session is not valid")
	}
	if err := room.RevokeKey(t.Context(), r.Owner, her.Session); err != nil {
		t.Fatal(err)
	}
	if c, err := room.Credential(s.ID); err == nil || c.Expired || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("with its key revoked: %v", err)
	}
}

func TestSessionsExpire(t *testing.T) {
	now := &clock{}
	r := billing(t, house.Options{Clock: now.now})
	room := r.House.Room
	her := supervisor(r, "ines", strongroom.Person)
	short, err := room.CreateKey(t.Context(), r.Owner, "ines", 2*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key        string
		ask, grant time.Duration
	}{{her.Session, time.Hour, time.Hour}, {her.Session, 36 * time.Hour, 12 * time.Hour}, {her.Session, time.Second, 15 * time.Minute}, {short.ID, 12 * time.Hour, 2 * time.Hour}} {
		who := her
		who.Session = c.key
		s, err := room.StartSession(t.Context(), who, c.ask)
		if got := s.Expires.Sub(now.now()).Round(time.Minute); err != nil || got != c.grant {
			t.Errorf("asked for %s, granted %s, %v", c.ask, got, err)
		}
	}

	// 600 sessions, and their rows go an hour after they have expired, in batches, on record.
	var last atomic.Value
	atOnce(600, func(int) {
		s, err := room.StartSession(t.Context(), her, 15*time.Minute)
		if err != nil {
			t.Error(err)
		}
		last.Store(s.ID)
	})
	id := last.Load().(string)
	now.advance(15*time.Minute + time.Second)
	if c, err := room.Credential(id); err == nil || !c.Expired || c.Secret == "" {
		t.Errorf("expired, and the credential is %+v, %v", c, err)
	}
	if n, err := room.DropSessions(t.Context()); n != 0 || err != nil {
		t.Errorf("%d sessions were dropped at once, %v", n, err)
	}
	now.advance(time.Hour)
	from := r.Book.Head().Size
	var dropped []int
	for {
		n, err := room.DropSessions(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		dropped = append(dropped, n)
	}
	if fmt.Sprint(dropped) != "[256 256 89]" { // with the one that was asked for a second
		t.Errorf("dropped in batches of %v", dropped)
	}
	all := ofKind(records(t, r, from), vault.KindAccessKey)
	if len(all) != len(dropped) || all[0].evidence.Action != "session-drop" || len(all[0].evidence.Rows) != 256 {
		t.Errorf("dropping took %d records", len(all))
	}
	if c, err := room.Credential(id); err == nil || c.KeyID != "" {
		t.Errorf("dropped, and the credential is %+v", c)
	}
	rows := 0
	for _, err := range r.Book.Rows(t.Context(), "access-key", "") {
		if err != nil {
			t.Fatal(err)
		}
		rows++
	}
	keys, err := room.AccessKeys(t.Context(), r.Owner)
	if err != nil || len(keys) != rows {
		t.Errorf("%d keys are known, %d rows are kept, %v", len(keys), rows, err)
	}
	for _, k := range keys {
		if k.Secret != "" || k.Session != nil && k.Session.Token != "" {
			t.Errorf("the listing tells the secrets of %s", k.ID)
		}
	}
}

// One principal cannot fill the room with sessions.
func TestSessionsAreBounded(t *testing.T) {
	r := billing(t, house.Options{})
	her, him := supervisor(r, "ines", strongroom.Person), supervisor(r, "omar", strongroom.Person)
	var made, refused atomic.Int64
	atOnce(64, func(int) {
		for range 70 {
			switch _, err := r.House.Room.StartSession(t.Context(), her, time.Hour); strongroom.KindOf(err) {
			case "":
				made.Add(1)
			case strongroom.KindBusy:
				refused.Add(1)
			default:
				t.Error(err)
			}
		}
	})
	// Those that arrive together may all find one place left.
	if made.Load() < 4096 || made.Load() > 4096+64 || refused.Load() == 0 {
		t.Errorf("%d sessions were made, %d refused", made.Load(), refused.Load())
	}
	if _, err := r.House.Room.StartSession(t.Context(), him, time.Hour); err != nil {
		t.Errorf("somebody else is refused a session: %v", err)
	}
}

func TestWebIdentities(t *testing.T) {
	r := billing(t, house.Options{})
	room := r.House.Room
	her := supervisor(r, "ines", strongroom.Person)
	supervisor(r, "omar", strongroom.Person)
	const issuer = "https://login.example.com"
	id := func(subject string) people.Identity {
		return people.Identity{Issuer: issuer, Subject: subject, Audience: "strongroom", PreferredUsername: "omar"}
	}
	nobody := vault.Caller{Method: "web-identity", Source: "192.0.2.7", RequestID: "r", Purpose: strongroom.Purpose{Text: "complaint"}}
	start := func(who people.Identity) (vault.IssuedSession, error) {
		return room.StartWebSession(t.Context(), nobody, who, "CASE-1", time.Hour)
	}
	_, err := start(id("ines@idp"))
	wantKind(t, err, strongroom.KindDenied)
	p := people.Provider{Issuer: issuer, Audiences: []string{"strongroom"}, Claim: "sub"}
	wantKind(t, room.PutProvider(t.Context(), her, p), strongroom.KindDenied)
	wantKind(t, room.PutProvider(t.Context(), r.Owner, people.Provider{Issuer: "http://login.example.com", Audiences: p.Audiences, Claim: "sub"}), strongroom.KindInvalid)
	if err := room.PutProvider(t.Context(), r.Owner, p); err != nil {
		t.Fatal(err)
	}

	s, err := start(id("ines@idp"))
	if err != nil || s.Principal.ID != her.Principal.ID {
		t.Fatalf("the session is of %s, %v", s.Principal.Name, err)
	}
	if me := with(t, r, s.ID); me.Purpose.Text != "complaint" {
		t.Errorf("its purpose is %+v", me.Purpose)
	} else if _, err := r.Get(me, "calls", "billing.wav", 0, -1); err != nil {
		t.Error(err)
	}
	if s, err := start(id("ines")); err != nil || s.Principal.ID != her.Principal.ID {
		t.Errorf("by name: %v", err)
	}

	// Somebody whom the room does not know is refused, on record; so is a name of two.
	supervisor(r, "ines@idp", strongroom.Person)
	from := r.Book.Head().Size
	for _, subject := range []string{"stranger", "", "ines@idp"} {
		_, err := start(id(subject))
		wantKind(t, err, strongroom.KindDenied)
	}
	refusals := ofKind(records(t, r, from), vault.KindRefusal)
	if len(refusals) != 3 || refusals[0].evidence.Actor != "" || refusals[0].evidence.Decision != "deny" || !strings.Contains(refusals[0].personal.Detail, "stranger") ||
		!strings.Contains(refusals[0].personal.Detail, "192.0.2.7") || !strings.Contains(refusals[2].personal.Detail, "names 2 principals") {
		t.Errorf("recorded as %+v", refusals)
	}
	began := time.Now()
	for range 200 { // and cannot fill the ledger
		_, err := start(id("stranger"))
		wantKind(t, err, strongroom.KindDenied)
	}
	if n := len(ofKind(records(t, r, from), vault.KindRefusal)); n > 3+20*(2+int(time.Since(began)/time.Second)) {
		t.Errorf("%d refusals of strangers are on record", n)
	}
	wrong := id("ines")
	wrong.Audience = "another"
	_, err = start(wrong)
	wantKind(t, err, strongroom.KindDenied)

	// The trust ends, and with it every session that rests on it, after a restart too.
	if err := room.RemoveProvider(t.Context(), r.Owner, issuer); err != nil {
		t.Fatal(err)
	}
	if _, err := room.Credential(s.ID); err == nil || !strings.Contains(err.Error(), "no longer trusted") {
		t.Errorf("with its provider removed: %v", err)
	}
	wantKind(t, room.RemoveProvider(t.Context(), r.Owner, issuer), strongroom.KindInvalid)
	r.Stop()
	r = housetest.Open(t, r, house.Options{})
	room = r.House.Room
	if _, err := room.Credential(s.ID); err == nil {
		t.Error("after a restart the session is valid again")
	}
	if all, err := room.Providers(t.Context(), r.Owner); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestStandingPurposes(t *testing.T) {
	now := &clock{}
	o := house.Options{Clock: now.now}
	r := billing(t, o)
	room := r.House.Room
	machine, her := supervisor(r, "transcriber", strongroom.Workload), supervisor(r, "ines", strongroom.Person)
	standing := people.Standing{Purpose: strongroom.Purpose{Text: "transcription"}, Expires: now.now().Add(24 * time.Hour), PerHour: 5}
	wantKind(t, room.SetStanding(t.Context(), r.Owner, her.Session, &standing), strongroom.KindInvalid)
	wantKind(t, room.SetStanding(t.Context(), her, machine.Session, &standing), strongroom.KindDenied)
	wantKind(t, room.SetStanding(t.Context(), r.Owner, "SRNOSUCH", &standing), strongroom.KindInvalid)
	for _, bad := range []people.Standing{
		{Expires: standing.Expires, PerHour: 5},
		{Purpose: standing.Purpose, PerHour: 5},
		{Purpose: standing.Purpose, Expires: now.now().Add(-time.Second), PerHour: 5},
		{Purpose: standing.Purpose, Expires: now.now().Add(400 * 24 * time.Hour), PerHour: 5},
		{Purpose: standing.Purpose, Expires: standing.Expires},
	} {
		wantKind(t, room.SetStanding(t.Context(), r.Owner, machine.Session, &bad), strongroom.KindInvalid)
	}
	if err := room.SetStanding(t.Context(), r.Owner, machine.Session, &standing); err != nil {
		t.Fatal(err)
	}
	s, err := room.StartSession(t.Context(), machine, 12*time.Hour) // without a purpose of its own
	if err != nil {
		t.Fatal(err)
	}
	read := func(key string) error {
		_, err := r.Get(with(t, r, key), "calls", "billing.wav", 0, -1)
		return err
	}

	// Of 20 at once, by the key and its session, exactly as many as it may; the others are
	// told so, and that is on record.
	from := r.Book.Head().Size
	var ok, busy atomic.Int64
	atOnce(20, func(i int) {
		key := machine.Session
		if i%2 == 0 {
			key = s.ID
		}
		switch err := read(key); {
		case err == nil:
			ok.Add(1)
		case strongroom.KindOf(err) == strongroom.KindBusy && strings.Contains(err.Error(), "5 releases an hour"):
			busy.Add(1)
		default:
			t.Error(err)
		}
	})
	if ok.Load() != 5 || busy.Load() != 15 || releases(t, r, from) != 5 {
		t.Errorf("%d read, %d were told to slow down, %d releases", ok.Load(), busy.Load(), releases(t, r, from))
	}
	if refused := ofKind(records(t, r, from), vault.KindRefusal); len(refused) != 15 || refused[0].evidence.Decision != "deny" || !strings.Contains(refused[0].personal.Detail, "5 releases an hour") {
		t.Errorf("%d refusals are on record: %+v", len(refused), refused)
	}
	if err := func() error { _, err := r.Get(r.Owner, "calls", "billing.wav", 0, -1); return err }(); err != nil {
		t.Errorf("somebody else is held up: %v", err)
	}

	// A restart does not forget; an hour does.
	r.Stop()
	r = housetest.Open(t, r, o)
	room = r.House.Room
	wantKind(t, read(machine.Session), strongroom.KindBusy)
	now.advance(59 * time.Minute)
	wantKind(t, read(s.ID), strongroom.KindBusy)
	now.advance(3 * time.Minute)
	for range 5 {
		if err := read(machine.Session); err != nil {
			t.Fatal(err)
		}
	}
	wantKind(t, read(machine.Session), strongroom.KindBusy)

	// What the session or the request states goes before; a machine that becomes a person has none.
	asked := machine
	asked.Purpose = strongroom.Purpose{Text: "audit"}
	own, err := room.StartSession(t.Context(), asked, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if p := with(t, r, own.ID).Purpose.Text; p != "audit" {
		t.Errorf("the session's purpose is %q", p)
	}
	person := machine.Principal
	person.Kind = strongroom.Person
	if _, err := room.PutPrincipal(t.Context(), r.Owner, person); err != nil {
		t.Fatal(err)
	}
	if p := with(t, r, machine.Session).Purpose; p != (strongroom.Purpose{}) {
		t.Errorf("a person's key has the purpose %+v", p)
	}
	if _, err := room.PutPrincipal(t.Context(), r.Owner, machine.Principal); err != nil {
		t.Fatal(err)
	}
	// It ends by itself, and when it is taken away.
	if p := with(t, r, machine.Session).Purpose; p != standing.Purpose {
		t.Errorf("the key's purpose is %+v", p)
	}
	now.advance(24 * time.Hour)
	if p := with(t, r, machine.Session).Purpose; p != (strongroom.Purpose{}) {
		t.Errorf("a purpose that has expired is %+v", p)
	}
	wantKind(t, read(machine.Session), strongroom.KindDenied)
	if err := room.SetStanding(t.Context(), r.Owner, machine.Session, nil); err != nil {
		t.Fatal(err)
	}
}

func TestPurposeOf(t *testing.T) {
	brought := strongroom.Purpose{Text: "session", Ticket: "S"}
	for _, c := range []struct{ said, want strongroom.Purpose }{
		{strongroom.Purpose{}, brought},
		{strongroom.Purpose{Text: "header"}, strongroom.Purpose{Text: "header"}},
		{strongroom.Purpose{Text: "header", Ticket: "H"}, strongroom.Purpose{Text: "header", Ticket: "H"}},
		{strongroom.Purpose{Ticket: "H"}, strongroom.Purpose{Text: "session", Ticket: "H"}},
	} {
		if got := vault.PurposeOf(c.said, brought); got != c.want {
			t.Errorf("%+v becomes %+v", c.said, got)
		}
	}
}

// A refusal that a purpose would lift says what to run, and where.
func TestRefusalsSayWhatToRun(t *testing.T) {
	r := billing(t, house.Options{})
	her := supervisor(r, "ines", strongroom.Person)
	for endpoint, want := range map[string]string{
		"":                       "`strongroom credentials --purpose WHY`",
		"https://store.internal": "`strongroom credentials --endpoint https://store.internal --purpose WHY`",
	} {
		her.Endpoint = endpoint
		_, err := r.Get(her, "calls", "billing.wav", 0, -1)
		wantKind(t, err, strongroom.KindDenied)
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "x-strongroom-purpose") || !strings.Contains(err.Error(), "credential_process") {
			t.Errorf("at %q she is told: %v", endpoint, err)
		}
	}
	// What no purpose would lift comes without advice about one.
	nobody := r.Person(strongroom.Principal{Name: "nobody"})
	_, err := r.Get(nobody, "calls", "call.wav", 0, -1)
	if wantKind(t, err, strongroom.KindDenied); strings.Contains(err.Error(), "credentials") {
		t.Errorf("they are told: %v", err)
	}
}

// A read under way is broken off when what the session rests on goes.
func TestSessionEndsInTheMiddleOfARead(t *testing.T) {
	var now clock
	r := stocked(t, house.Options{Clock: now.now})
	room := r.House.Room
	provider := people.Provider{Issuer: "https://login.example.com", Audiences: []string{"strongroom"}, Claim: "sub"}
	if err := room.PutProvider(t.Context(), r.Owner, provider); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		web bool
		end func(her, session string) error
	}{
		"its access key revoked":        {false, func(her, _ string) error { return room.RevokeKey(context.Background(), r.Owner, her) }},
		"the session revoked by itself": {false, func(_, s string) error { return room.RevokeKey(context.Background(), r.Owner, s) }},
		"its provider removed": {true, func(string, string) error {
			return room.RemoveProvider(context.Background(), r.Owner, provider.Issuer)
		}},
	} {
		person := r.Person(strongroom.Principal{Name: "leaver" + strongroom.NewID().String()[:8], Groups: []string{"data-owners"}})
		person.Purpose = r.Owner.Purpose
		s, err := room.StartSession(t.Context(), person, time.Hour)
		if c.web {
			s, err = room.StartWebSession(t.Context(), person, people.Identity{Issuer: provider.Issuer, Audience: "strongroom", Subject: person.Principal.Name}, "xx", time.Hour)
		}
		if err != nil {
			t.Fatal(err)
		}
		n, err := readSlowly(t, r, with(t, r, s.ID), func() {
			if err := c.end(person.Session, s.ID); err != nil {
				t.Error(err)
			}
			now.advance(2 * time.Second)
		})
		if strongroom.KindOf(err) != strongroom.KindDenied || n >= 3_000_000 {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
		if _, err := room.Credential(s.ID); err == nil {
			t.Errorf("%s: the session still proves", name)
		}
	}
}

// The secret of a provider's client is kept where it is left out, and shown to nobody.
func TestProviderSecret(t *testing.T) {
	r := housetest.New(t, house.Options{})
	room, ctx := r.House.Room, t.Context()
	p := people.Provider{Issuer: "https://login.example", Audiences: []string{"strongroom"}, Claim: "sub", Client: "strongroom", Secret: "s3cret"}
	put := func() {
		t.Helper()
		if err := room.PutProvider(ctx, r.Owner, p); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() people.Secret {
		p, _ := room.Provider("https://login.example")
		return p.Secret
	}
	put()
	p.Secret, p.Label = "", "Example"
	if put(); kept() != "s3cret" {
		t.Error("a secret that was left out is gone")
	}
	if listed, err := room.Providers(ctx, r.Owner); err != nil || len(listed) != 1 || listed[0].Secret != "" || listed[0].Client != "strongroom" {
		t.Errorf("the list is %+v, %v", listed, err)
	}
	if shown := fmt.Sprintf("%v %+v %s %q %x", p, room.LogOnProviders(), kept(), kept(), kept()); strings.Contains(shown, "s3cret") || strings.Contains(shown, "733363726574") {
		t.Errorf("printing shows the secret: %s", shown)
	}
	p.Client, p.Audiences = "another", []string{"another"}
	if put(); kept() != "" {
		t.Error("another client has the secret of the last")
	}
	p.Client = "third"
	if err := room.PutProvider(ctx, r.Owner, p); strongroom.KindOf(err) != strongroom.KindInvalid {
		t.Errorf("a client that is none of the audiences: %v", err)
	}
}

package vault_test

import (
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/release"
	"strongroom/vault"
)

var emergency = strongroom.Purpose{Text: "threat to life", Ticket: "INC-9"}

func (a *asking) breakGlass(t testing.TB, c vault.Caller, lasting time.Duration) vault.Opening {
	t.Helper()
	o, err := a.House.Room.BreakGlass(t.Context(), c, emergency, lasting)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestBehindBrokenGlassEverythingNamesTheOpening(t *testing.T) {
	a := newAsking(t)
	if got, err := a.Get(func() vault.Caller { c := a.ines; c.Purpose = emergency; return c }(), "calls", "call.wav", 0, 4); err != nil || string(got) != "what" {
		t.Fatalf("%q, %v", got, err) // a lease of her own queue's call is open
	}
	a.wantRefused(t, a.ines, "calls", "sales.wav")
	from := a.Book.Head().Size
	o := a.breakGlass(t, a.ines, 0)
	if o.Until.Sub(o.Opened) != time.Hour {
		t.Errorf("it lasts %s", o.Until.Sub(o.Opened))
	}
	if broken := ofKind(records(t, a.Room, from), vault.KindBreakGlass); len(broken) != 1 || broken[0].personal.Subject != o.ID.String() || !strings.Contains(broken[0].personal.Detail, emergency.Text) {
		t.Fatalf("the opening is recorded as %+v", broken)
	}
	_, err := a.House.Room.BreakGlass(t.Context(), a.ines, emergency, 0)
	wantKind(t, err, strongroom.KindInvalid)

	from = a.Book.Head().Size
	a.wantRead(t, a.ines, "calls", "sales.wav", "another queue") // the opening's reason is the purpose
	own := a.ines
	own.Purpose.Text = "the caller's address"
	a.wantRead(t, own, "calls", "sales.wav", "another queue")
	same := a.ines
	same.Purpose = emergency
	if got, err := a.Get(same, "calls", "call.wav", 0, 4); err != nil || string(got) != "what" {
		t.Errorf("%q, %v", got, err)
	}
	_, err = a.House.Room.List(t.Context(), a.ines, vault.ListRequest{Bucket: "calls", Max: 10})
	wantKind(t, err, strongroom.KindDenied)
	found := records(t, a.Room, from)
	releases := ofKind(found, release.KindRelease)
	if len(releases) != 3 {
		t.Fatalf("%d releases: behind broken glass each is its own", len(releases))
	}
	for _, k := range append(releases, ofKind(found, vault.KindRefusal)...) {
		if c := k.personal.Question.Context; c.BreakGlass != o.ID || c.Purpose.Text == "" {
			t.Errorf("record %d does not name the opening or its purpose: %+v", k.Index, c)
		}
	}
	if purpose := releases[0].personal.Question.Context.Purpose; purpose != emergency {
		t.Errorf("the purpose is %+v", purpose)
	}
	// It is hers alone.
	a.wantRefused(t, a.Person(strongroom.Principal{Name: "ivan", Groups: []string{"supervisors"}}), "calls", "sales.wav")

	// Nobody reviews it while it runs, nor she at any time.
	_, err = a.House.Room.FinishReview(t.Context(), a.dora, o.ID, "fine")
	wantKind(t, err, strongroom.KindInvalid)
	deliveries(t, a.Room, from, 2)
	if early, err := a.House.Room.ReviewOf(t.Context(), a.dora, o.ID); err != nil || early.Bytes != 2*13 || early.Unended != 1 {
		t.Errorf("while a lease is open, %d bytes of all but %d releases: %v", early.Bytes, early.Unended, err)
	}
	a.clock.advance(time.Hour)
	a.wantRefused(t, a.ines, "calls", "sales.wav")
	a.Room.Stop() // so that the open lease's delivery is on record
	a.Room = housetest.Open(t, a.Room, house.Options{Clock: a.clock.now})
	a.wantRefused(t, a.ines, "calls", "sales.wav")

	all, err := a.House.Room.Reviews(t.Context(), a.dora, false)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d reviews, %v", len(all), err)
	}
	if b := all[0]; b.Releases != 3 || b.Objects != 2 || b.Bytes != 2*13+4 || b.Unended != 0 || b.Refusals != 1 || b.Acts != nil || b.Overdue(a.clock.now()) {
		t.Errorf("behind it lies %+v", b)
	}
	shown, err := a.House.Room.ReviewOf(t.Context(), a.dora, o.ID)
	if err != nil || len(shown.Acts) != 4 || shown.Acts[0].Key != "sales.wav" || shown.Acts[0].Bytes != 13 || !shown.Acts[0].Permit {
		t.Errorf("its acts are %+v, %v", shown.Acts, err)
	}
	_, err = a.House.Room.Reviews(t.Context(), a.ines, false)
	wantKind(t, err, strongroom.KindDenied)
	if _, err := a.House.Room.FinishReview(t.Context(), a.dora, o.ID, "justified, the police confirmed"); err != nil {
		t.Fatal(err)
	}
	done := ofKind(records(t, a.Room, from), vault.KindReview)
	if last := done[len(done)-1]; last.evidence.Action != "review-done" || !strings.Contains(last.personal.Detail, "3 releases of 2 objects, 30 bytes; 1 refusals") {
		t.Errorf("the review is recorded as %+v", last)
	}
	_, err = a.House.Room.FinishReview(t.Context(), a.dan, o.ID, "again")
	wantKind(t, err, strongroom.KindInvalid)
	if all, err := a.House.Room.Reviews(t.Context(), a.dora, false); err != nil || len(all) != 0 {
		t.Errorf("%d still wait, %v", len(all), err)
	}
	if all, err := a.House.Room.Reviews(t.Context(), a.dora, true); err != nil || len(all) != 1 || all[0].Reviewed.Name != "dora" {
		t.Errorf("%+v, %v", all, err)
	}
	a.redecide(t)
}

func TestWhoBreaksTheGlass(t *testing.T) {
	a := newAsking(t)
	person := func(name string, groups ...string) vault.Caller {
		return a.Person(strongroom.Principal{Name: name, Groups: groups})
	}
	for _, c := range []vault.Caller{
		a.carol, person("agent", "agents"), person("officer", "security-officers", "supervisors"), person("admin", "platform-administrators", "data-owners"), person("nobody"),
	} {
		from := a.Book.Head().Size
		_, err := a.House.Room.BreakGlass(t.Context(), c, emergency, 0)
		wantKind(t, err, strongroom.KindDenied)
		if n := len(ofKind(records(t, a.Room, from), vault.KindRefusal)); n != 1 {
			t.Errorf("%s: %d refusals are on record", c.Principal.Name, n)
		}
	}
	for name, tt := range map[string]struct {
		why  strongroom.Purpose
		last time.Duration
	}{
		"no reason":      {strongroom.Purpose{Text: " "}, 0},
		"too long":       {emergency, 4*time.Hour + time.Second},
		"a moment":       {emergency, time.Second},
		"negative":       {emergency, -time.Hour},
		"control codes":  {strongroom.Purpose{Text: "a\x07"}, 0},
		"an endless one": {strongroom.Purpose{Text: strings.Repeat("x", 513)}, 0},
	} {
		if _, err := a.House.Room.BreakGlass(t.Context(), a.ines, tt.why, tt.last); strongroom.KindOf(err) != strongroom.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A suspension ends it at once.
	a.breakGlass(t, a.ines, 0)
	a.wantRead(t, a.ines, "calls", "sales.wav", "another queue")
	if _, err := a.House.Room.ChangePrincipal(t.Context(), a.Owner, "ines", func(p *strongroom.Principal) { p.Suspended = true }); err != nil {
		t.Fatal(err)
	}
	a.wantRefused(t, a.ines, "calls", "sales.wav")
	a.redecide(t)
}

func TestUnreviewedOpeningsAreBounded(t *testing.T) {
	a := newAsking(t)
	alias := a.Person(strongroom.Principal{Name: "ines.second", Groups: []string{"supervisors", "data-owners"}, Aliases: []string{"ines"}})
	var opened []vault.Opening
	for range vault.MaxUnreviewed {
		opened = append(opened, a.breakGlass(t, a.ines, time.Hour))
		a.wantRead(t, a.ines, "calls", "sales.wav", "another queue")
		if _, err := a.House.Room.MendGlass(t.Context(), a.ines); err != nil {
			t.Fatal(err)
		}
		a.wantRefused(t, a.ines, "calls", "sales.wav")
		a.clock.advance(time.Minute)
	}
	_, err := a.House.Room.MendGlass(t.Context(), a.ines)
	wantKind(t, err, strongroom.KindInvalid)
	for _, c := range []vault.Caller{a.ines, alias} {
		_, err := a.House.Room.BreakGlass(t.Context(), c, emergency, 0)
		wantKind(t, err, strongroom.KindDenied)
	}
	// Neither she nor her other account reviews them.
	_, err = a.House.Room.FinishReview(t.Context(), alias, opened[0].ID, "fine")
	wantKind(t, err, strongroom.KindDenied)
	_, err = a.House.Room.FinishReview(t.Context(), a.ines, opened[0].ID, "fine")
	wantKind(t, err, strongroom.KindDenied)
	_, err = a.House.Room.FinishReview(t.Context(), a.dora, opened[1].ID, "")
	wantKind(t, err, strongroom.KindInvalid)
	if _, err := a.House.Room.FinishReview(t.Context(), a.dora, opened[1].ID, "justified"); err != nil {
		t.Fatal(err)
	}
	a.clock.advance(72*time.Hour - 2*time.Minute)
	again := a.breakGlass(t, a.ines, time.Minute)
	all, err := a.House.Room.Reviews(t.Context(), a.dora, false)
	if err != nil || len(all) != 3 {
		t.Fatalf("%d wait, %v", len(all), err)
	}
	if !all[0].Overdue(a.clock.now()) || all[0].ID != opened[0].ID || all[1].Overdue(a.clock.now()) || all[2].ID != again.ID {
		t.Errorf("the overdue is not on top: %+v", all)
	}
	for i, b := range all[:2] {
		if b.Releases != 1 {
			t.Errorf("%d releases are behind opening %d", b.Releases, i)
		}
	}
	a.clock.advance(91 * 24 * time.Hour)
	if n, err := a.House.Room.DropOpenings(t.Context()); err != nil || n != 1 {
		t.Errorf("%d openings were dropped, %v: those that nobody reviewed stay", n, err)
	}
	a.redecide(t)
}

func TestGlassBrokenAtOnce(t *testing.T) {
	a := newAsking(t)
	atOnce(8, func(int) {
		if _, err := a.House.Room.BreakGlass(t.Context(), a.ines, emergency, 0); err != nil && strongroom.KindOf(err) != strongroom.KindInvalid {
			t.Error(err)
		}
	})
	if all, err := a.House.Room.Reviews(t.Context(), a.dora, false); err != nil || len(all) != 1 {
		t.Errorf("%d openings, %v", len(all), err)
	}
	mend := breakLedger(t, a.Room)
	_, err := a.House.Room.BreakGlass(t.Context(), a.dora, emergency, 0)
	wantKind(t, err, strongroom.KindUnavailable)
	mend()
	if all, err := a.House.Room.Reviews(t.Context(), a.dan, false); err != nil || len(all) != 1 {
		t.Errorf("%d openings, one of them unrecorded, %v", len(all), err)
	}
}

// A read under way ends with the opening that permitted it.
func TestReadUnderWayEndsWithTheOpening(t *testing.T) {
	a := newAsking(t)
	a.Put("calls", "long", content(t, 3_000_000), map[string]string{"strongroom-queue": "sales"})
	a.breakGlass(t, a.ines, 0)
	n, err := readOn(t, a.Room, a.ines, func() {
		if _, err := a.House.Room.MendGlass(t.Context(), a.ines); err != nil {
			t.Error(err)
		}
		a.clock.advance(2 * time.Second)
	})
	if strongroom.KindOf(err) != strongroom.KindDenied || n >= 3_000_000 {
		t.Errorf("%d bytes went out after the glass was mended, %v", n, err)
	}
}

// An opening ends for good when its opener is deactivated, and the glass can be broken anew
// after they come back.
func TestDeactivationEndsAnOpening(t *testing.T) {
	a := newAsking(t)
	a.breakGlass(t, a.ines, 0)
	a.wantRead(t, a.ines, "calls", "sales.wav", "another queue")
	for _, suspended := range []bool{true, false} {
		if _, err := a.House.Room.ChangePrincipal(t.Context(), a.Owner, "ines", func(p *strongroom.Principal) { p.Suspended = suspended }); err != nil {
			t.Fatal(err)
		}
	}
	a.wantRefused(t, a.ines, "calls", "sales.wav")
	a.breakGlass(t, a.ines, 0)
	a.wantRead(t, a.ines, "calls", "sales.wav", "another queue")
}

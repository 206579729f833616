package vault_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/limit"
	"strongroom/release"
	"strongroom/vault"
)

// approvalPolicies are what the rooms of these tests have besides the default set.
const approvalPolicies = `
@id("complaints-with-approval") @requires("purpose,approval")
permit (principal in Group::"complaints", action in [Action::"readObject", Action::"readMetadata"], resource in Bucket::"calls");
@id("complaints-with-two") @requires("approval:2")
permit (principal in Group::"complaints", action == Action::"readObject", resource in Bucket::"sealed");
@id("complaints-with-a-ticket") @requires("ticket")
permit (principal in Group::"complaints", action == Action::"readObject", resource in Bucket::"tickets");
`

// asking is a room in which carol needs approvals, and dora and dan may give them.
type asking struct {
	*housetest.Room
	clock            *clock
	carol, dora, dan vault.Caller
	ines             vault.Caller // a supervisor of billing
	bySet            map[string]*limit.Set
}

func newAsking(t testing.TB) *asking {
	t.Helper()
	c := &clock{}
	r := housetest.New(t, house.Options{Clock: c.now})
	a := &asking{Room: r, clock: c, bySet: map[string]*limit.Set{}}
	if _, err := r.Room.PutPolicy(t.Context(), r.Owner, append(limit.Default().Text(), approvalPolicies...)); err != nil {
		t.Fatal(err)
	}
	for _, b := range []string{"calls", "sealed", "tickets", "other"} {
		r.Bucket(b)
	}
	r.Put("calls", "call.wav", []byte("what was there"), map[string]string{"strongroom-queue": "billing"})
	r.Put("calls", "sales.wav", []byte("another queue"), map[string]string{"strongroom-queue": "sales"})
	r.Put("sealed", "call.wav", []byte("for four eyes"), nil)
	r.Put("tickets", "call.wav", []byte("for a ticket"), nil)
	r.Put("other", "call.wav", []byte("for nobody"), nil)
	a.carol = r.Person(strongroom.Principal{Name: "carol", Groups: []string{"complaints"}, Aliases: []string{"genesys-9"}})
	a.dora = r.Person(strongroom.Principal{Name: "dora", Groups: []string{"data-owners"}})
	a.dan = r.Person(strongroom.Principal{Name: "dan", Groups: []string{"data-owners"}})
	a.ines = r.Person(strongroom.Principal{Name: "ines", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}})
	return a
}

func (a *asking) request(t testing.TB, c vault.Caller, bucket string, keys ...string) vault.Request {
	t.Helper()
	q, err := a.ask(t, c, bucket, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func (a *asking) ask(t testing.TB, c vault.Caller, bucket string, keys ...string) (vault.Request, error) {
	req := vault.AccessRequest{Bucket: bucket, Purpose: strongroom.Purpose{Text: "complaint 12"}}
	for _, k := range keys {
		req.Objects = append(req.Objects, vault.ObjectName{Key: k})
	}
	return a.House.Room.RequestAccess(t.Context(), c, req)
}

func (a *asking) approve(t testing.TB, c vault.Caller, id strongroom.ID) vault.Request {
	t.Helper()
	q, err := a.House.Room.Approve(t.Context(), c, id, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// wantRead reads as somebody and checks what comes.
func (a *asking) wantRead(t testing.TB, c vault.Caller, bucket, key, want string) {
	t.Helper()
	got, err := a.Get(c, bucket, key, 0, -1)
	if err != nil || string(got) != want {
		t.Fatalf("%s/%s reads as %q, %v", bucket, key, got, err)
	}
}

func (a *asking) wantRefused(t testing.TB, c vault.Caller, bucket, key string) *strongroom.Error {
	t.Helper()
	_, err := a.Get(c, bucket, key, 0, -1)
	wantKind(t, err, strongroom.KindDenied)
	return err.(*strongroom.Error)
}

// redecide makes every decision on record again, and reads the state from the ledger.
func (a *asking) redecide(t testing.TB) {
	t.Helper()
	n := 0
	for _, k := range records(t, a.Room, 0) {
		if k.personal.Question == nil || k.personal.Decision == nil {
			continue
		}
		hash := k.personal.Decision.PolicySet
		if a.bySet[hash] == nil {
			text, err := a.House.Room.PolicySet(t.Context(), hash)
			if err != nil {
				t.Fatal(err)
			}
			if a.bySet[hash], err = limit.Parse(text); err != nil {
				t.Fatal(err)
			}
		}
		if err := limit.Redecide(a.bySet[hash], *k.personal.Question, *k.personal.Decision); err != nil {
			t.Errorf("record %d (%s, %s): %v", k.Index, k.kind, k.evidence.Action, err)
		}
		n++
	}
	if n == 0 {
		t.Error("no decision is on record")
	}
	sound(t, a.Room)
}

func TestApprovedReadNamesWhoApproved(t *testing.T) {
	a := newAsking(t)
	refusal := a.wantRefused(t, a.carol, "calls", "call.wav")
	if want := "`strongroom limit request calls/call.wav --purpose WHY`"; !strings.Contains(refusal.Hint, want) {
		t.Errorf("the hint does not name the command %s: %s", want, refusal.Hint)
	}
	from := a.Book.Head().Size
	q := a.request(t, a.carol, "calls", "call.wav")
	if q.Quorum != 1 || q.Status(a.clock.now()) != vault.RequestWaiting {
		t.Fatalf("the request is %+v", q)
	}
	made := records(t, a.Room, from)
	if len(made) != 1 || made[0].kind != vault.KindRequest || made[0].evidence.Decision != "" || made[0].personal.Decision.Permit {
		t.Fatalf("the request is recorded as %+v", made)
	}
	a.wantRefused(t, a.carol, "calls", "call.wav")
	from = a.Book.Head().Size
	a.approve(t, a.dora, q.ID)
	if approved := ofKind(records(t, a.Room, from), vault.KindApproval); len(approved) != 1 || approved[0].evidence.Decision != "permit" || approved[0].personal.Question.Action != strongroom.ActionApproveRequest {
		t.Fatalf("the approval is recorded as %+v", approved)
	}

	from = a.Book.Head().Size
	a.wantRead(t, a.carol, "calls", "call.wav", "what was there")
	released := ofKind(records(t, a.Room, from), release.KindRelease)
	if len(released) != 1 {
		t.Fatalf("%d releases", len(released))
	}
	c := released[0].personal.Question.Context
	if !slices.Equal(c.Approvals, []strongroom.ID{a.dora.Principal.ID}) || c.Request != q.ID || c.Purpose.Text != "complaint 12" {
		t.Errorf("the release's context is %+v", c)
	}
	// A range, the same purpose said, and a metadata read, which was not asked for.
	same, other := a.carol, a.carol
	same.Purpose.Text, other.Purpose.Text = "complaint 12", "curiosity"
	if got, err := a.Get(same, "calls", "call.wav", 5, 3); err != nil || string(got) != "was" {
		t.Errorf("a range reads as %q, %v", got, err)
	}
	a.wantRefused(t, other, "calls", "call.wav")
	_, err := a.House.Room.Head(t.Context(), a.carol, "calls", "call.wav", "")
	wantKind(t, err, strongroom.KindDenied)
	a.wantRefused(t, a.carol, "calls", "sales.wav")
	another := a.Person(strongroom.Principal{Name: "colin", Groups: []string{"complaints"}})
	a.wantRefused(t, another, "calls", "call.wav")
	a.redecide(t)
}

func TestApprovalIsOfTheVersionThatWasThere(t *testing.T) {
	for _, versioned := range []bool{false, true} {
		t.Run(fmt.Sprintf("versioned %t", versioned), func(t *testing.T) {
			a := newAsking(t)
			if versioned {
				a.Configure("calls", func(b *strongroom.Bucket) { b.Versioning = strongroom.VersioningEnabled })
				a.Put("calls", "call.wav", []byte("what was there"), nil)
			}
			q := a.request(t, a.carol, "calls", "call.wav")
			a.approve(t, a.dora, q.ID)
			a.wantRead(t, a.carol, "calls", "call.wav", "what was there")
			a.Put("calls", "call.wav", []byte("something else"), nil)
			a.wantRefused(t, a.carol, "calls", "call.wav")

			// One that is replaced before it is approved.
			a.request(t, a.carol, "calls", "call.wav")
			q = a.request(t, a.carol, "calls", "call.wav")
			a.Put("calls", "call.wav", []byte("yet another"), nil)
			_, err := a.House.Room.Approve(t.Context(), a.dora, q.ID, "", 0)
			if versioned {
				if err != nil {
					t.Fatal(err)
				}
				old, err := a.House.Room.Open(t.Context(), a.carol, vault.GetRequest{Bucket: "calls", Key: "call.wav", Version: q.Objects[0].Version.String(), Plan: whole})
				if err != nil {
					t.Fatalf("the version that was approved: %v", err)
				}
				old.Close()
			} else {
				wantKind(t, err, strongroom.KindConflict)
			}
			a.wantRefused(t, a.carol, "calls", "call.wav")
			a.redecide(t)
		})
	}
}

func TestWhoMayNotAnswer(t *testing.T) {
	a := newAsking(t)
	q := a.request(t, a.carol, "calls", "call.wav", "sales.wav")
	refused := func(name string, c vault.Caller) {
		t.Helper()
		from := a.Book.Head().Size
		_, err := a.House.Room.Approve(t.Context(), c, q.ID, "", 0)
		wantKind(t, err, strongroom.KindDenied)
		_, err = a.House.Room.RefuseRequest(t.Context(), c, q.ID, "no")
		wantKind(t, err, strongroom.KindDenied)
		if n := len(ofKind(records(t, a.Room, from), vault.KindRefusal)); n != 2 {
			t.Errorf("%s: %d refusals are on record", name, n)
		}
	}
	refused("a supervisor of one queue of two", a.ines)
	refused("somebody without any right", a.Person(strongroom.Principal{Name: "nadia"}))
	refused("another account of hers, by alias", a.Person(strongroom.Principal{Name: "carol.admin", Groups: []string{"data-owners"}, Aliases: []string{"GENESYS-9"}}))
	machine := a.Person(strongroom.Principal{Name: "robot", Kind: strongroom.Workload, Groups: []string{"data-owners"}})
	refused("a machine", machine)
	if _, err := a.House.Room.ChangePrincipal(t.Context(), a.Owner, "carol", func(p *strongroom.Principal) { p.Groups = append(p.Groups, "data-owners") }); err != nil {
		t.Fatal(err)
	}
	refused("herself, with every right", a.carol)
	if _, err := a.House.Room.ChangePrincipal(t.Context(), a.Owner, "carol", func(p *strongroom.Principal) { p.Groups = []string{"complaints"} }); err != nil {
		t.Fatal(err)
	}
	suspended := a.Person(strongroom.Principal{Name: "sven", Groups: []string{"data-owners"}})
	if _, err := a.House.Room.ChangePrincipal(t.Context(), a.Owner, "sven", func(p *strongroom.Principal) { p.Suspended = true }); err != nil {
		t.Fatal(err)
	}
	refused("somebody suspended", suspended)
	a.wantRefused(t, a.carol, "calls", "call.wav")

	own := a.request(t, a.carol, "calls", "call.wav")
	a.approve(t, a.ines, own.ID) // of her queue alone
	a.wantRead(t, a.carol, "calls", "call.wav", "what was there")
	a.wantRefused(t, a.carol, "calls", "sales.wav")

	// Who sees what.
	for name, want := range map[*vault.Caller][2]int{&a.carol: {2, 0}, &a.ines: {0, 0}, &a.dora: {0, 1}, &machine: {0, 1}} {
		mine, err := a.House.Room.Requests(t.Context(), *name, vault.RequestsMine, false)
		if err != nil {
			t.Fatal(err)
		}
		waiting, err := a.House.Room.Requests(t.Context(), *name, vault.RequestsWaiting, false)
		if err != nil || len(mine) != want[0] || len(waiting) != want[1] {
			t.Errorf("%s: %d of their own and %d waiting, %v; want %v", name.Principal.Name, len(mine), len(waiting), err, want)
		}
	}
	_, err := a.House.Room.Requests(t.Context(), a.ines, vault.RequestsAll, true)
	wantKind(t, err, strongroom.KindDenied)
	if all, err := a.House.Room.Requests(t.Context(), a.dora, vault.RequestsAll, true); err != nil || len(all) != 2 {
		t.Errorf("%d requests in all, %v", len(all), err)
	}
	for c, want := range map[*vault.Caller]strongroom.Kind{&a.carol: "", &a.dora: "", &a.ines: strongroom.KindInvalid} {
		if _, err := a.House.Room.Request(t.Context(), *c, q.ID); strongroom.KindOf(err) != want {
			t.Errorf("%s looks at it: %v", c.Principal.Name, err)
		}
	}
	a.redecide(t)
}

func TestQuorumIsOfDifferentPeopleWhoCountNow(t *testing.T) {
	a := newAsking(t)
	q := a.request(t, a.carol, "sealed", "call.wav")
	if q.Quorum != 2 {
		t.Fatalf("it needs %d approvals", q.Quorum)
	}
	a.approve(t, a.dora, q.ID)
	if again := a.approve(t, a.dora, q.ID); len(again.Approvals) != 1 {
		t.Errorf("one person's approvals count as %d", len(again.Approvals))
	}
	if missing := a.wantRefused(t, a.carol, "sealed", "call.wav").Missing; !slices.Equal(missing, []strongroom.Obligation{strongroom.ObligeApprovals(2)}) {
		t.Errorf("missing is %q", missing)
	}
	a.approve(t, a.Person(strongroom.Principal{Name: "dora2", Groups: []string{"data-owners"}, Aliases: []string{"dora"}}), q.ID)
	a.wantRefused(t, a.carol, "sealed", "call.wav")
	a.approve(t, a.dan, q.ID)
	a.wantRead(t, a.carol, "sealed", "call.wav", "for four eyes")

	suspend := func(suspended bool) {
		if _, err := a.House.Room.ChangePrincipal(t.Context(), a.Owner, "dan", func(p *strongroom.Principal) { p.Suspended = suspended }); err != nil {
			t.Fatal(err)
		}
	}
	suspend(true)
	a.wantRefused(t, a.carol, "sealed", "call.wav")
	suspend(false)
	a.wantRefused(t, a.carol, "sealed", "call.wav") // what they approved before they were suspended stays gone
	a.approve(t, a.dan, q.ID)
	a.wantRead(t, a.carol, "sealed", "call.wav", "for four eyes")
	// Two requests with one approval each are not one with two.
	if _, err := a.House.Room.WithdrawRequest(t.Context(), a.carol, q.ID); err != nil {
		t.Fatal(err)
	}
	a.wantRefused(t, a.carol, "sealed", "call.wav")
	for _, by := range []vault.Caller{a.dora, a.dan} {
		a.approve(t, by, a.request(t, a.carol, "sealed", "call.wav").ID)
	}
	a.wantRefused(t, a.carol, "sealed", "call.wav")
	a.redecide(t)
}

func TestRequestsEnd(t *testing.T) {
	a := newAsking(t)
	withdrawn := a.request(t, a.carol, "calls", "call.wav")
	a.approve(t, a.dora, withdrawn.ID)
	_, err := a.House.Room.WithdrawRequest(t.Context(), a.dora, withdrawn.ID)
	wantKind(t, err, strongroom.KindInvalid) // for her there is no such request of her own
	if _, err := a.House.Room.WithdrawRequest(t.Context(), a.carol, withdrawn.ID); err != nil {
		t.Fatal(err)
	}
	a.wantRefused(t, a.carol, "calls", "call.wav")
	_, err = a.House.Room.Approve(t.Context(), a.dora, withdrawn.ID, "", 0)
	wantKind(t, err, strongroom.KindInvalid)

	// Another person ends what was approved.
	ended := a.request(t, a.carol, "calls", "call.wav")
	a.approve(t, a.dora, ended.ID)
	a.wantRead(t, a.carol, "calls", "call.wav", "what was there")
	_, err = a.House.Room.RefuseRequest(t.Context(), a.dan, ended.ID, "")
	wantKind(t, err, strongroom.KindInvalid)
	if _, err := a.House.Room.RefuseRequest(t.Context(), a.dan, ended.ID, "not her case"); err != nil {
		t.Fatal(err)
	}
	a.wantRefused(t, a.carol, "calls", "call.wav")

	// An approval holds for eight hours at most, and less where said.
	over := a.request(t, a.carol, "calls", "call.wav")
	_, err = a.House.Room.Approve(t.Context(), a.dora, over.ID, "", 9*time.Hour)
	wantKind(t, err, strongroom.KindInvalid)
	if _, err := a.House.Room.Approve(t.Context(), a.dora, over.ID, "", time.Hour); err != nil {
		t.Fatal(err)
	}
	a.clock.advance(59 * time.Minute)
	a.wantRead(t, a.carol, "calls", "call.wav", "what was there")
	a.clock.advance(2 * time.Minute)
	a.wantRefused(t, a.carol, "calls", "call.wav")
	a.approve(t, a.dora, over.ID)
	a.clock.advance(8*time.Hour - time.Minute)
	a.wantRead(t, a.carol, "calls", "call.wav", "what was there")
	a.clock.advance(2 * time.Minute)
	a.wantRefused(t, a.carol, "calls", "call.wav")

	// What nobody answers expires after a day; what was approved is over.
	expired := a.request(t, a.carol, "calls", "call.wav")
	a.clock.advance(24*time.Hour + time.Minute)
	_, err = a.House.Room.Approve(t.Context(), a.dora, expired.ID, "", 0)
	wantKind(t, err, strongroom.KindInvalid)
	if n, err := a.House.Room.EndRequests(t.Context()); err != nil || n != 2 {
		t.Errorf("%d requests ended, %v", n, err)
	}
	how := map[strongroom.ID]string{withdrawn.ID: vault.RequestWithdrawn, ended.ID: vault.RequestRefused, over.ID: vault.RequestOver, expired.ID: vault.RequestExpired}
	all, err := a.House.Room.Requests(t.Context(), a.carol, vault.RequestsMine, true)
	if err != nil || len(all) != len(how) {
		t.Fatalf("%d requests, %v", len(all), err)
	}
	for _, q := range all {
		if q.Ended == nil || q.Ended.How != how[q.ID] {
			t.Errorf("%s ended as %+v, not as %s", q.ID, q.Ended, how[q.ID])
		}
	}
	a.clock.advance(8 * 24 * time.Hour)
	if n, err := a.House.Room.EndRequests(t.Context()); err != nil || n != len(how) {
		t.Errorf("%d requests were dropped, %v", n, err)
	}
	if all, err := a.House.Room.Requests(t.Context(), a.dora, vault.RequestsAll, true); err != nil || len(all) != 0 {
		t.Errorf("%d requests are left, %v", len(all), err)
	}
	a.redecide(t)
}

func TestWhatCanBeAskedFor(t *testing.T) {
	a := newAsking(t)
	for name, tt := range map[string]struct {
		by          vault.Caller
		bucket, key string
		kind        strongroom.Kind
	}{
		"what no approval permits":      {a.carol, "other", "call.wav", strongroom.KindDenied},
		"what needs a ticket":           {a.carol, "tickets", "call.wav", strongroom.KindDenied},
		"what is not there":             {a.carol, "calls", "nothing.wav", strongroom.KindDenied},
		"in a bucket that is not there": {a.carol, "nowhere", "call.wav", strongroom.KindDenied},
		"what is permitted anyway":      {a.dora, "calls", "call.wav", strongroom.KindInvalid},
		"by somebody in no group":       {a.Person(strongroom.Principal{Name: "nadia"}), "calls", "call.wav", strongroom.KindDenied},
	} {
		from := a.Book.Head().Size
		_, err := a.ask(t, tt.by, tt.bucket, tt.key)
		if strongroom.KindOf(err) != tt.kind {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(ofKind(records(t, a.Room, from), vault.KindRefusal)); (n == 1) != (tt.kind == strongroom.KindDenied) {
			t.Errorf("%s: %d refusals are on record", name, n)
		}
	}
	objects := make([]vault.ObjectName, 51)
	for name, req := range map[string]vault.AccessRequest{
		"no purpose":       {Bucket: "calls", Objects: []vault.ObjectName{{Key: "call.wav"}}},
		"another action":   {Bucket: "calls", Objects: []vault.ObjectName{{Key: "call.wav"}}, Purpose: strongroom.Purpose{Text: "x"}, Action: strongroom.ActionManagePeople},
		"nothing":          {Bucket: "calls", Purpose: strongroom.Purpose{Text: "x"}},
		"too much":         {Bucket: "calls", Purpose: strongroom.Purpose{Text: "x"}, Objects: objects},
		"twice the same":   {Bucket: "calls", Purpose: strongroom.Purpose{Text: "x"}, Objects: []vault.ObjectName{{Key: "call.wav"}, {Key: "call.wav"}}},
		"the past":         {Bucket: "calls", Purpose: strongroom.Purpose{Text: "x"}, Objects: []vault.ObjectName{{Key: "call.wav"}}, Until: a.clock.now().Add(-time.Hour)},
		"for ever":         {Bucket: "calls", Purpose: strongroom.Purpose{Text: "x"}, Objects: []vault.ObjectName{{Key: "call.wav"}}, Until: a.clock.now().Add(33 * time.Hour)},
		"a broken purpose": {Bucket: "calls", Purpose: strongroom.Purpose{Text: "x\x1b"}, Objects: []vault.ObjectName{{Key: "call.wav"}}},
	} {
		if _, err := a.House.Room.RequestAccess(t.Context(), a.carol, req); strongroom.KindOf(err) != strongroom.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 100 {
		a.request(t, a.carol, "calls", "call.wav")
	}
	_, err := a.ask(t, a.carol, "calls", "call.wav")
	wantKind(t, err, strongroom.KindBusy)
	a.redecide(t)
}

func TestBoundsOfTheRoom(t *testing.T) {
	a := newAsking(t)
	wantKind(t, a.House.Room.SetRequestBounds(t.Context(), a.ines, vault.RequestBounds{Answer: 3600, Hold: 600}), strongroom.KindDenied)
	wantKind(t, a.House.Room.SetRequestBounds(t.Context(), a.dora, vault.RequestBounds{Answer: 3600, Hold: 25 * 3600}), strongroom.KindInvalid)
	wantKind(t, a.House.Room.SetRequestBounds(t.Context(), a.dora, vault.RequestBounds{Answer: 1 << 40, Hold: 600}), strongroom.KindInvalid)
	if err := a.House.Room.SetRequestBounds(t.Context(), a.dora, vault.RequestBounds{Answer: 3600, Hold: 600}); err != nil {
		t.Fatal(err)
	}
	q := a.request(t, a.carol, "calls", "call.wav")
	a.approve(t, a.dora, q.ID)
	a.wantRead(t, a.carol, "calls", "call.wav", "what was there")
	a.clock.advance(11 * time.Minute)
	a.wantRefused(t, a.carol, "calls", "call.wav")
	a.clock.advance(time.Hour)
	_, err := a.House.Room.Approve(t.Context(), a.dora, q.ID, "", 0)
	wantKind(t, err, strongroom.KindInvalid)
}

func TestApprovalsSurviveARestart(t *testing.T) {
	a := newAsking(t)
	q := a.request(t, a.carol, "calls", "call.wav")
	a.approve(t, a.dora, q.ID)
	open := a.request(t, a.carol, "sealed", "call.wav")
	a.Stop()
	a.Room = housetest.Open(t, a.Room, house.Options{Clock: a.clock.now})
	a.wantRead(t, a.carol, "calls", "call.wav", "what was there")
	a.approve(t, a.dora, open.ID)
	a.approve(t, a.dan, open.ID)
	a.wantRead(t, a.carol, "sealed", "call.wav", "for four eyes")
	a.redecide(t)
}

func TestAnswersAtOnce(t *testing.T) {
	a := newAsking(t)
	var owners []vault.Caller
	for i := range 6 {
		owners = append(owners, a.Person(strongroom.Principal{Name: fmt.Sprintf("owner-%d", i), Groups: []string{"data-owners"}}))
	}
	t.Run("many approve", func(t *testing.T) {
		q := a.request(t, a.carol, "sealed", "call.wav")
		atOnce(len(owners), func(i int) {
			if _, err := a.House.Room.Approve(t.Context(), owners[i], q.ID, "", 0); err != nil {
				t.Error(err)
			}
		})
		got, err := a.House.Room.Request(t.Context(), a.carol, q.ID)
		if err != nil || len(got.Approvals) != len(owners) {
			t.Fatalf("%d approvals, %v", len(got.Approvals), err)
		}
		a.wantRead(t, a.carol, "sealed", "call.wav", "for four eyes")
	})
	t.Run("approved while withdrawn", func(t *testing.T) {
		for range 8 {
			q := a.request(t, a.carol, "calls", "call.wav")
			var both sync.WaitGroup
			both.Go(func() {
				if _, err := a.House.Room.WithdrawRequest(t.Context(), a.carol, q.ID); err != nil {
					t.Error(err)
				}
			})
			both.Go(func() {
				if _, err := a.House.Room.Approve(t.Context(), owners[0], q.ID, "", 0); err != nil && strongroom.KindOf(err) != strongroom.KindInvalid {
					t.Error(err)
				}
			})
			both.Wait()
			got, err := a.House.Room.Request(t.Context(), a.carol, q.ID)
			if err != nil || got.Ended == nil || got.Ended.How != vault.RequestWithdrawn {
				t.Fatalf("it is %+v, %v", got, err)
			}
			a.wantRefused(t, a.carol, "calls", "call.wav")
		}
	})
	t.Run("approved while overwritten", func(t *testing.T) {
		for i := range 8 {
			q := a.request(t, a.carol, "calls", "call.wav")
			var both sync.WaitGroup
			both.Go(func() { a.Put("calls", "call.wav", fmt.Appendf(nil, "new %d", i), nil) })
			both.Go(func() {
				if _, err := a.House.Room.Approve(t.Context(), owners[0], q.ID, "", 0); err != nil && strongroom.KindOf(err) != strongroom.KindConflict {
					t.Error(err)
				}
			})
			both.Wait()
			a.wantRefused(t, a.carol, "calls", "call.wav")
		}
	})
	a.redecide(t)
}

// Whoever was deactivated comes back without what they had asked for, and their approvals
// of others' requests count no more.
func TestApprovalsEndWithADeactivation(t *testing.T) {
	for _, who := range []string{"carol", "dora"} {
		t.Run(who, func(t *testing.T) {
			a := newAsking(t)
			a.approve(t, a.dora, a.request(t, a.carol, "calls", "call.wav").ID)
			a.wantRead(t, a.carol, "calls", "call.wav", "what was there")
			for _, suspended := range []bool{true, false} {
				if _, err := a.House.Room.ChangePrincipal(t.Context(), a.Owner, who, func(p *strongroom.Principal) { p.Suspended = suspended }); err != nil {
					t.Fatal(err)
				}
			}
			a.wantRefused(t, a.carol, "calls", "call.wav")
			a.approve(t, a.dora, a.request(t, a.carol, "calls", "call.wav").ID)
			a.wantRead(t, a.carol, "calls", "call.wav", "what was there")
			a.redecide(t)
		})
	}
}

// A read under way ends with the approval that permitted it.
func TestReadUnderWayEndsWithItsApproval(t *testing.T) {
	a := newAsking(t)
	a.Put("calls", "long", content(t, 3_000_000), nil)
	q := a.request(t, a.carol, "calls", "long")
	a.approve(t, a.dora, q.ID)
	n, err := readOn(t, a.Room, a.carol, func() {
		if _, err := a.House.Room.RefuseRequest(t.Context(), a.dora, q.ID, "it was a mistake"); err != nil {
			t.Error(err)
		}
		a.clock.advance(2 * time.Second)
	})
	if strongroom.KindOf(err) != strongroom.KindDenied || n >= 3_000_000 {
		t.Errorf("%d bytes went out beyond the approval's end, %v", n, err)
	}
}

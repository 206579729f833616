package vault_test

import (
	"testing"
	"time"

	"strongroom"
	"strongroom/vault"
)

// Who answers a request is told what each object is, as far as they may know it, and what the
// asker asked for earlier, as far as they may see that.
func TestWhatAnApproverSees(t *testing.T) {
	a := newAsking(t)
	first := a.request(t, a.carol, "calls", "sales.wav")
	a.clock.advance(time.Minute)
	second := a.request(t, a.carol, "calls", "call.wav")
	a.approve(t, a.dora, second.ID)
	a.clock.advance(25 * time.Hour) // no approval holds so long
	q := a.request(t, a.carol, "calls", "call.wav", "sales.wav")
	see := func(c vault.Caller) vault.RequestSeen {
		t.Helper()
		d, err := a.House.Room.SeeRequest(t.Context(), c, q.ID)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	from := a.Book.Head().Size
	d := see(a.dora)
	if len(d.What) != 2 || d.What[0].Queue != "billing" || d.What[1].Queue != "sales" || d.What[0].Sort == "" || d.What[0].Version != q.Objects[0].Version {
		t.Errorf("an owner is told that the objects are %+v", d.What)
	}
	if len(d.Earlier) != 2 || d.Earlier[0].ID != second.ID || len(d.Earlier[0].Approvals) != 1 || d.Earlier[1].ID != first.ID {
		t.Errorf("an owner is told of %+v before", d.Earlier)
	}
	if got := ofKind(records(t, a.Room, from), vault.KindRequest); len(got) != 1 || got[0].evidence.Names != 4 {
		t.Errorf("on record is %+v, want one look at four", got)
	}
	// Carol may know what they are with an approval only, which she has of one.
	if d = see(a.carol); d.What[0].Sort != "" || d.What[1].Sort != "" || d.What[0].Key != "call.wav" || len(d.Earlier) != 2 {
		t.Errorf("the asker is told %+v and %d before", d.What, len(d.Earlier))
	}
	// A supervisor of billing sees of what is before only what they could have answered.
	third := a.request(t, a.carol, "calls", "call.wav")
	got, err := a.House.Room.SeeRequest(t.Context(), a.ines, third.ID)
	if err != nil || len(got.Earlier) != 1 || got.Earlier[0].ID != second.ID || got.What[0].Queue != "billing" {
		t.Errorf("a supervisor sees %+v, %v", got, err)
	}
	if _, err := a.House.Room.SeeRequest(t.Context(), a.ines, q.ID); strongroom.KindOf(err) != strongroom.KindInvalid {
		t.Errorf("a supervisor of one queue of two is answered %v", err)
	}
	// What is gone by then is told by its name alone.
	gone, err := a.House.Room.Delete(t.Context(), a.Owner, "calls", []vault.DeleteRequest{{Key: "sales.wav"}})
	if err != nil || len(gone) != 1 || gone[0].Err != nil {
		t.Fatal(gone, err)
	}
	if d = see(a.dora); d.What[1].Sort != "" || d.What[1].Key != "sales.wav" || d.What[0].Queue != "billing" {
		t.Errorf("after erasing one they are %+v", d.What)
	}
}

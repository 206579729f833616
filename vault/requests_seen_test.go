package vault_test

import (
	"testing"
	"time"

	"strongroom"
	"strongroom/limit"
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

// Who reviews emergency access is told what was opened, as far as they may know it; that they
// were told, and of how many, is on record.
func TestWhatAReviewerSees(t *testing.T) {
	a := newAsking(t)
	o := a.breakGlass(t, a.ines, time.Hour)
	for _, key := range []string{"sales.wav", "call.wav", "sales.wav"} {
		if _, err := a.Get(a.ines, "calls", key, 0, -1); err != nil {
			t.Fatal(err)
		}
	}
	a.clock.advance(2 * time.Hour)
	see := func(c vault.Caller, most int) vault.ReviewSeen {
		t.Helper()
		d, err := a.House.Room.SeeReview(t.Context(), c, o.ID, most)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	from := a.Book.Head().Size
	d := see(a.dora, 10)
	if len(d.Acts) != 3 || d.Untold != 0 || len(d.What) != 2 || d.What[d.Acts[0].Version].Queue != "sales" || d.What[d.Acts[1].Version].Queue != "billing" {
		t.Errorf("an owner is told that the acts %+v were on %+v", d.Acts, d.What)
	}
	if got := ofKind(records(t, a.Room, from), vault.KindReview); len(got) != 1 || got[0].evidence.Action != "review-read" || got[0].evidence.Names != 2 {
		t.Errorf("on record is %+v, want one look at two", got)
	}
	if d = see(a.dora, 1); len(d.Acts) != 1 || d.Untold != 2 || len(d.What) != 1 {
		t.Errorf("of one act are told %+v and %+v, %d more", d.Acts, d.What, d.Untold)
	}
	// Gone by then, it has its name alone.
	if gone, err := a.House.Room.Delete(t.Context(), a.Owner, "calls", []vault.DeleteRequest{{Key: "sales.wav"}}); err != nil || len(gone) != 1 || gone[0].Err != nil {
		t.Fatal(gone, err)
	}
	if d = see(a.dora, 10); d.What[d.Acts[0].Version].Sort != "" || d.Acts[0].Key != "sales.wav" || d.What[d.Acts[1].Version].Queue != "billing" {
		t.Errorf("after erasing one they are %+v", d.What)
	}
	// Who reviews and may not know what objects are is told their names alone.
	text := string(limit.Default().Text()) + `
@id("reviewers-review")
permit (principal in Group::"reviewers", action == Action::"reviewAccess", resource);
`
	if _, err := a.House.Room.PutPolicy(t.Context(), a.Owner, []byte(text)); err != nil {
		t.Fatal(err)
	}
	from = a.Book.Head().Size
	d = see(a.Person(strongroom.Principal{Name: "rosa", Groups: []string{"reviewers"}}), 10)
	if h := d.What[d.Acts[1].Version]; len(d.Acts) != 3 || h.Sort != "" || h.Queue != "" || h.Key != "call.wav" {
		t.Errorf("somebody who may not know is told %+v", d.What)
	}
	if got := ofKind(records(t, a.Room, from), vault.KindReview); len(got) != 1 || got[0].evidence.Names != 0 {
		t.Errorf("on record is %+v, want a look at none", got)
	}
}

// Who looks at what was used is told what it was, as far as they may know it, on record as one
// read; of the rest the names alone.
func TestWhatWasUsed(t *testing.T) {
	a := newAsking(t)
	var used []vault.Hit
	for _, key := range []string{"sales.wav", "call.wav"} {
		o, err := a.House.Room.Head(t.Context(), a.Owner, "calls", key, "")
		if err != nil {
			t.Fatal(err)
		}
		used = append(used, vault.Hit{Bucket: "calls", Key: key, Version: o.Version})
	}
	used = append(used, vault.Hit{Bucket: "calls", Key: "gone.wav", Version: strongroom.NewID()}, vault.Hit{Bucket: "none", Key: "x", Version: strongroom.NewID()})
	see := func(c vault.Caller) ([]vault.Hit, []kept) {
		t.Helper()
		from := a.Book.Head().Size
		got, err := a.House.Room.SeeUsed(t.Context(), c, used)
		if err != nil {
			t.Fatal(err)
		}
		return got, records(t, a.Room, from)
	}
	got, noted := see(a.Owner)
	if len(got) != 4 || got[0].Queue != "sales" || got[1].Queue != "billing" || got[2].Sort != "" || got[2].Key != "gone.wav" || got[3].Sort != "" {
		t.Errorf("an owner is told %+v", got)
	}
	if len(noted) != 1 || noted[0].evidence.Action != vault.KindMetadataRead || noted[0].evidence.Version != used[0].Version || noted[0].evidence.Names != 1 {
		t.Errorf("on record is %+v, want one read, of one more", noted)
	}
	got, noted = see(a.ines) // who answers for billing alone
	if got[0].Sort != "" || got[0].Queue != "" || got[0].Key != "sales.wav" || got[1].Queue != "billing" {
		t.Errorf("a supervisor is told %+v", got)
	}
	if len(noted) != 1 || noted[0].evidence.Version != used[1].Version || noted[0].evidence.Names != 0 {
		t.Errorf("on record is %+v, want one read of her own", noted)
	}
}

package vault_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/people"
	"strongroom/vault"
)

// Who may mark copies scrubbed begins an upload as one; who may only store puts raw
// content into it.
func TestOnlyScrubbersFinishScrubbedCopies(t *testing.T) {
	r := stocked(t, house.Options{})
	scrubber := r.Person(strongroom.Principal{Name: "scrub", Kind: strongroom.Workload, Groups: []string{"scrubbers"}})
	recorder := r.Person(strongroom.Principal{Name: "rec", Kind: strongroom.Workload, Groups: []string{"recorders"}})
	u, err := r.Room.CreateUpload(t.Context(), scrubber, vault.UploadRequest{Bucket: "calls", Key: "copy", Declared: vault.Declared{Meta: map[string]string{"strongroom-scrubbed": "true"}}})
	if err != nil {
		t.Fatal(err)
	}
	put := func(c vault.Caller) (vault.Part, error) {
		return r.Room.PutPart(t.Context(), c, vault.PartRequest{Bucket: "calls", Key: "copy", Upload: u.ID, Number: 1, Size: 3}, strings.NewReader("raw"))
	}
	if _, err := put(recorder); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("a recorder's part of a scrubbed copy: %v", err)
	}
	p, err := put(scrubber)
	if err != nil {
		t.Fatal(err)
	}
	complete := vault.CompleteRequest{Bucket: "calls", Key: "copy", Upload: u.ID, Parts: []vault.CompletePart{{Number: 1, ETag: p.ETag}}}
	if _, err := r.Room.Complete(t.Context(), recorder, complete); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("a recorder's completion of a scrubbed copy: %v", err)
	}
	if o, err := r.Room.Complete(t.Context(), scrubber, complete); err != nil || !o.Scrubbed {
		t.Errorf("the scrubber's own: %v, %v", o.Scrubbed, err)
	}
}

// A link that went astray is used from elsewhere while the owner plays the call.
func TestRangesFromElsewhereAreReleasesOfTheirOwn(t *testing.T) {
	r := stocked(t, house.Options{})
	from := r.Book.Head().Size
	stray := r.Owner
	stray.Source, stray.Method = "203.0.113.9", "sigv4-presigned"
	for _, c := range []vault.Caller{r.Owner, stray} {
		if _, err := r.Get(c, "calls", "call.wav", 1, 2); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range records(t, r, from) {
		if k.kind == "release" && k.personal.Question.Context.Source == stray.Source {
			return
		}
	}
	t.Error("content went to 203.0.113.9, and no release says so")
}

// One reader who gives a new purpose with each range holds only so many keys and files.
func TestRestingLeasesAreBounded(t *testing.T) {
	r := stocked(t, house.Options{})
	c := r.Owner
	open := func() (n int) {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("no /proc to count open files in")
		}
		for _, f := range fds {
			if to, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil && strings.HasPrefix(to, filepath.Join(r.Path, "blobs")) && !strings.Contains(to, "/journal/") {
				n++
			}
		}
		return n
	}
	for i := range 150 {
		c.Purpose.Text = fmt.Sprint("purpose ", i)
		if _, err := r.Get(c, "calls", "call.wav", 1, 1); err != nil {
			t.Fatal(err)
		}
	}
	if n := open(); n > 64 {
		t.Errorf("%d blobs are open for one reader at rest", n)
	}
}

// slow does something after the first write, as a slow client gives time for.
type slow struct {
	bytes.Buffer
	after func()
}

func (s *slow) Write(p []byte) (int, error) {
	n, err := s.Buffer.Write(p)
	if s.after != nil {
		s.after()
		s.after = nil
	}
	return n, err
}

// readSlowly reads an object of 3 MB and does something once the first bytes are out.
func readSlowly(t *testing.T, r *housetest.Room, c vault.Caller, after func()) (int64, error) {
	t.Helper()
	r.Put("calls", "long", content(t, 3_000_000), nil)
	return readOn(t, r, c, after)
}

// readOn is readSlowly of what is there.
func readOn(t *testing.T, r *housetest.Room, c vault.Caller, after func()) (int64, error) {
	t.Helper()
	o, err := r.Room.Open(t.Context(), c, vault.GetRequest{Bucket: "calls", Key: "long", Plan: whole})
	if err != nil {
		t.Fatal(err)
	}
	n, err := o.WriteTo(&slow{after: after})
	if closing := o.Close(); closing != nil {
		t.Error(closing)
	}
	return n, err
}

func TestSuspendedInTheMiddleOfARead(t *testing.T) {
	var c clock
	r := stocked(t, house.Options{Clock: c.now})
	person := r.Person(strongroom.Principal{Name: "leaver", Groups: []string{"data-owners"}})
	person.Purpose = r.Owner.Purpose
	n, err := readSlowly(t, r, person, func() {
		p := person.Principal
		p.Suspended = true
		if _, err := r.Room.PutPrincipal(context.Background(), r.Owner, p); err != nil {
			t.Error(err)
		}
		c.advance(2 * time.Second)
	})
	if strongroom.KindOf(err) != strongroom.KindDenied || n >= 3_000_000 {
		t.Errorf("%d bytes went to somebody suspended, %v", n, err)
	}
}

// The house's own workload is nobody who could have left: its reads that last are not
// broken off.
func TestClassifierReadsForLongerThanASecond(t *testing.T) {
	var c clock
	r := stocked(t, house.Options{Clock: c.now})
	who := vault.Caller{Principal: vault.Classifier, Method: "local", Secure: true, Purpose: strongroom.Purpose{Text: vault.PurposeClassification}}
	if n, err := readSlowly(t, r, who, func() { c.advance(2 * time.Second) }); err != nil || n != 3_000_000 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// A read that outlasts its lease goes on under a renewal, which is on record, as long
// as policy permits; not beyond the longest lease.
func TestLeaseIsRenewedOnRecord(t *testing.T) {
	var c clock
	r := stocked(t, house.Options{Clock: c.now})
	from := r.Book.Head().Size
	if n, err := readSlowly(t, r, r.Owner, func() { c.advance(time.Hour) }); err != nil || n != 3_000_000 {
		t.Errorf("%d bytes, %v", n, err)
	}
	renewals := ofKind(records(t, r, from), vault.KindRenewal)
	if len(renewals) != 1 || renewals[0].personal.Question == nil || renewals[0].evidence.Release == nil {
		t.Errorf("%d renewals are on record", len(renewals))
	}
	if n, err := readSlowly(t, r, r.Owner, func() { c.advance(13 * time.Hour) }); strongroom.KindOf(err) != strongroom.KindDenied || n >= 3_000_000 {
		t.Errorf("13 hours after its release: %d bytes, %v", n, err)
	}
}

// What was delivered before a crash is not known, so a resumed lease does not close
// with what came after it.
func TestResumedLeaseDoesNotHideWhatCameBefore(t *testing.T) {
	r := stocked(t, house.Options{})
	r.Put("calls", "b", content(t, 300_000), nil)
	from := r.Book.Head().Size
	if _, err := r.Get(r.Owner, "calls", "b", 0, 299_999); err != nil {
		t.Fatal(err)
	}
	again := housetest.Open(t, abandon(t, r), house.Options{})
	if _, err := again.Get(again.Owner, "calls", "b", 0, 1); err != nil {
		t.Fatal(err)
	}
	dir := &housetest.Room{Dir: again.Dir, Founded: again.Founded}
	again.Stop()
	last := housetest.Open(t, dir, house.Options{})
	deliveries := ofKind(records(t, last, from), vault.KindDelivery)
	if len(deliveries) == 0 {
		t.Fatal("no delivery is on record")
	}
	for _, k := range deliveries {
		if k.evidence.Final && !k.evidence.Resumed {
			t.Errorf("the lease is closed on record with %d bytes, as if nothing had been delivered before", k.evidence.Bytes)
		}
	}
}

// A digest of the content is for those who may open it.
func TestDigestsAreForThoseWhoMayOpen(t *testing.T) {
	r := stocked(t, house.Options{})
	auditor := r.Person(strongroom.Principal{Name: "aud", Groups: []string{"auditors"}})
	_, err := r.Room.Put(t.Context(), r.Owner, vault.PutRequest{Bucket: "calls", Key: "sum", Size: 3, AtEOF: func() (map[string]string, error) {
		return map[string]string{"sha256": "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="}, nil
	}}, strings.NewReader("abc"))
	if err != nil {
		t.Fatal(err)
	}
	if o, err := r.Room.Head(t.Context(), auditor, "calls", "sum", ""); err != nil || len(o.Checksums) != 0 {
		t.Errorf("an auditor is told %v, %v", o.Checksums, err)
	}
	owner := r.Owner
	owner.Purpose = strongroom.Purpose{}
	if o, err := r.Room.Head(t.Context(), owner, "calls", "sum", ""); err != nil || len(o.Checksums) != 1 {
		t.Errorf("who may open it is told %v, %v", o.Checksums, err)
	}
}

// A key is revoked by another process, and its row then cannot be read: in doubt, so
// denied.
func TestUnreadableRowOfAnotherProcess(t *testing.T) {
	r := stocked(t, house.Options{})
	p := r.Person(strongroom.Principal{Name: "leaver", Groups: []string{"data-owners"}})
	db := otherHand(t, r)
	if _, err := db.Exec("CREATE TRIGGER flip AFTER UPDATE ON book_row WHEN new.kind = 'access-key' AND length(new.body) > 1 BEGIN UPDATE book_row SET body = x'00' WHERE id = new.id; END"); err != nil {
		t.Fatal(err)
	}
	other, err := house.Open(t.Context(), r.Dir, r.Info, house.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Room.RevokeKey(t.Context(), r.Owner, p.Session); err != nil {
		t.Fatal(err)
	}
	if err := other.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := r.Book.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Room.Credential(p.Session); err == nil {
		t.Error("the key whose revocation could not be read is still believed")
	}
}

// A custodian whose ledger was removed would trust a room that was rolled back.
func TestCustodianWithoutItsLedgerIsNotServed(t *testing.T) {
	r := stocked(t, house.Options{})
	dir, info, path := r.Dir, r.Info, r.Path
	r.Stop()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(path, "custodian", "custodian.db"+suffix)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	h, err := house.Open(t.Context(), dir, info, house.Options{Serve: true})
	if err == nil {
		h.Close(t.Context())
		t.Fatal("the room is served by a custodian that has forgotten everything")
	}
	if _, err := os.Stat(filepath.Join(path, "custodian", "custodian.db")); err == nil {
		t.Error("a new ledger was made for the custodian")
	}
}

// However long what was asked for, the refusal is on record.
func TestARefusalOfAnythingIsOnRecord(t *testing.T) {
	r := stocked(t, house.Options{})
	nobody := r.Person(strongroom.Principal{Name: "nobody"})
	from := r.Book.Head().Size
	_, err := r.Room.List(t.Context(), nobody, vault.ListRequest{Bucket: "calls", Prefix: strings.Repeat("\x01", 12_000), Max: 10})
	if strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("the listing: %v", err)
	}
	if len(ofKind(records(t, r, from), vault.KindRefusal)) != 1 {
		t.Error("the refusal is not on record")
	}
}

// A revocation that was acknowledged stands, whatever else is done to the key at the
// same moment.
func TestRevocationIsNotUndone(t *testing.T) {
	r := housetest.New(t, house.Options{})
	m := r.Person(strongroom.Principal{Name: "batch", Kind: strongroom.Workload, Groups: []string{"recorders"}})
	for i := range 12 {
		key, err := r.Room.CreateKey(t.Context(), r.Owner, "batch", 0)
		if err != nil {
			t.Fatal(err)
		}
		standing := &people.Standing{Purpose: strongroom.Purpose{Text: "nightly"}, Expires: time.Now().Add(time.Hour), PerHour: 10}
		var revoked error
		atOnce(4, func(j int) {
			if j == i%4 {
				revoked = r.Room.RevokeKey(context.Background(), r.Owner, key.ID)
			} else {
				r.Room.SetStanding(context.Background(), r.Owner, key.ID, standing)
			}
		})
		if _, err := r.Room.Credential(key.ID); revoked == nil && err == nil {
			t.Fatal("the revoked key is valid again")
		}
	}
	if _, err := r.Room.Credential(m.Session); err != nil {
		t.Errorf("the other key: %v", err)
	}
}

// Nor is a suspension undone by a change of something else.
func TestSuspensionIsNotUndone(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Person(strongroom.Principal{Name: "ana"})
	for range 10 {
		if _, err := r.Room.ChangePrincipal(t.Context(), r.Owner, "ana", func(p *strongroom.Principal) { p.Suspended = false }); err != nil {
			t.Fatal(err)
		}
		atOnce(3, func(j int) {
			r.Room.ChangePrincipal(context.Background(), r.Owner, "ana", func(p *strongroom.Principal) {
				if j == 0 {
					p.Suspended = true
				} else {
					p.Groups = append(p.Groups, fmt.Sprint("g", len(p.Groups)))
				}
			})
		})
		if p, _ := r.Room.PrincipalByName("ana"); !p.Suspended {
			t.Fatal("the suspension was undone")
		}
	}
}

// Sessions are no way to more of a room's places than a principal may hold.
func TestSessionsShareOnePrincipalsPlaces(t *testing.T) {
	r := housetest.New(t, house.Options{})
	c := r.Person(strongroom.Principal{Name: "batch", Kind: strongroom.Workload, Groups: []string{"recorders"}})
	for range 5 {
		s, err := r.Room.StartSession(t.Context(), c, 0)
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := r.Room.Enter(t.Context(), s.ID); err != nil {
				break
			}
		}
	}
	if _, err := r.Room.Enter(t.Context(), r.Owner.Session); err != nil {
		t.Errorf("one principal's sessions shut everybody else out: %v", err)
	}
}

package vault_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/limit"
	"strongroom/release"
	"strongroom/vault"
)

// asks are the ways to learn something from a room, or to change it.
func asks(r *housetest.Room, c vault.Caller) map[string]func() error {
	ctx := context.Background()
	put := func() error {
		_, err := r.Room.Put(ctx, c, vault.PutRequest{Bucket: "calls", Key: "new", Size: 3}, strings.NewReader("abc"))
		return err
	}
	return map[string]func() error{
		"read": func() error { _, err := r.Get(c, "calls", "call.wav", 0, -1); return err },
		"read a range": func() error {
			_, err := r.Get(c, "calls", "call.wav", 1, 2)
			return err
		},
		"head":        func() error { _, err := r.Room.Head(ctx, c, "calls", "call.wav", ""); return err },
		"head absent": func() error { _, err := r.Room.Head(ctx, c, "calls", "absent", ""); return err },
		"a condition that fails": func() error {
			o, err := r.Room.Open(ctx, c, vault.GetRequest{Bucket: "calls", Key: "call.wav", Plan: func(strongroom.Object) (int64, int64, error) {
				return 0, 0, errors.New("not modified")
			}})
			if o != nil {
				o.Close()
			}
			return err
		},
		"list": func() error {
			_, err := r.Room.List(ctx, c, vault.ListRequest{Bucket: "calls", Max: 10})
			return err
		},
		"list buckets":  func() error { _, err := r.Room.ListBuckets(ctx, c); return err },
		"head bucket":   func() error { _, err := r.Room.HeadBucket(ctx, c, "calls"); return err },
		"put":           put,
		"delete":        func() error { return deleted(r.Room.Delete(ctx, c, "calls", []vault.DeleteRequest{{Key: "call.wav"}})) },
		"delete absent": func() error { return deleted(r.Room.Delete(ctx, c, "calls", []vault.DeleteRequest{{Key: "absent"}})) },
		"make a bucket": func() error { _, err := r.Room.CreateBucket(ctx, c, vault.BucketRequest{Name: "other"}); return err },
		"drop a bucket": func() error { return r.Room.DeleteBucket(ctx, c, "empty") },
		"begin an upload": func() error {
			_, err := r.Room.CreateUpload(ctx, c, vault.UploadRequest{Bucket: "calls", Key: "big"})
			return err
		},
		"list uploads": func() error {
			_, err := r.Room.ListUploads(ctx, c, vault.ListUploadsRequest{Bucket: "calls", Max: 10})
			return err
		},
		"read the ledger": func() error {
			seq, err := r.Room.ReadLedger(ctx, c, 0, 1)
			if err == nil {
				_, err = drain(seq)
			}
			return err
		},
		"list people": func() error { _, err := r.Room.Principals(ctx, c); return err },
		"list keys":   func() error { _, err := r.Room.AccessKeys(ctx, c); return err },
		"add a person": func() error {
			_, err := r.Room.PutPrincipal(ctx, c, strongroom.Principal{Name: "new", Kind: strongroom.Person})
			return err
		},
		"make a key":      func() error { _, err := r.Room.CreateKey(ctx, c, "owner", 0); return err },
		"revoke a key":    func() error { return r.Room.RevokeKey(ctx, c, r.Founded.KeyID) },
		"change policies": func() error { _, err := r.Room.PutPolicy(ctx, c, limit.Default().Text()); return err },
	}
}

func deleted(results []vault.DeleteResult, err error) error {
	for _, d := range results {
		err = errors.Join(err, d.Err)
	}
	return err
}

func stocked(t testing.TB, o house.Options) *housetest.Room {
	r := housetest.New(t, o)
	r.Bucket("calls")
	r.Bucket("empty")
	r.Put("calls", "call.wav", []byte("in confidence"), nil)
	return r
}

// P1: the ledger cannot be written, so nothing leaves and nothing changes.
func TestNoRecordNoByte(t *testing.T) {
	c := &custodian{}
	r := stocked(t, house.Options{Wrap: c.wrap})
	if _, err := r.Get(r.Owner, "calls", "call.wav", 1, 2); err != nil { // a lease is open
		t.Fatal(err)
	}
	before, stored, unwrapped := r.Book.Head().Size, len(files(t, r)), c.unwraps.Load()
	mend := breakLedger(t, r)

	for name, ask := range asks(r, r.Owner) {
		if name == "read a range" {
			continue // stands under the release of its lease
		}
		if err := ask(); strongroom.KindOf(err) != strongroom.KindUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	o, err := r.Room.Open(t.Context(), r.Owner, vault.GetRequest{Bucket: "calls", Key: "call.wav", Plan: whole})
	wantKind(t, err, strongroom.KindUnavailable)
	if o != nil {
		t.Fatal("there is something to read from")
	}
	if e, _ := errors.AsType[*strongroom.Error](err); e.Hint == "" || strings.Contains(e.Error(), "disk I/O") {
		t.Errorf("what the asker is told: %v", err)
	}
	if n := c.unwraps.Load(); n != unwrapped {
		t.Errorf("%d keys were given without a record", n-unwrapped)
	}

	mend()
	if n := r.Book.Head().Size; n != before {
		t.Errorf("the ledger has %d records more", n-before)
	}
	if got, err := r.Get(r.Owner, "calls", "call.wav", 0, -1); err != nil || string(got) != "in confidence" {
		t.Errorf("afterwards it reads as %q, %v", got, err)
	}
	if got := keys(t, r, "calls"); got != "call.wav" {
		t.Errorf("afterwards the bucket holds %q", got)
	}
	if _, known := r.Room.PrincipalByName("new"); known {
		t.Error("a person was added without a record")
	}
	if _, err := r.Room.Credential(r.Founded.KeyID); err != nil {
		t.Errorf("a key was revoked without a record: %v", err)
	}
	housetest.Eventually(t, "what the refused stores wrote is removed", func() bool { return len(files(t, r)) == stored })
}

// P1: when the first byte leaves, the record is in the database for anybody to see.
func TestTheRecordIsThereBeforeTheByte(t *testing.T) {
	r := stocked(t, house.Options{})
	object := r.Put("calls", "b", content(t, 200_000), nil)
	db := otherHand(t, r)
	from := r.Book.Head().Size
	for _, plan := range []func(strongroom.Object) (int64, int64, error){whole, span(5, 1000)} {
		o, err := r.Room.Open(t.Context(), r.Owner, vault.GetRequest{Bucket: "calls", Key: "b", Plan: plan})
		if err != nil {
			t.Fatal(err)
		}
		checked := 0
		_, err = o.WriteTo(writer(func(p []byte) (int, error) {
			if checked++; checked > 1 {
				return len(p), nil
			}
			var evidence []byte
			var size int64
			if err := db.QueryRow("SELECT evidence FROM record WHERE idx >= $1 AND CAST(evidence AS TEXT) LIKE '%\"action\":\"release\"%' ORDER BY idx DESC", from).Scan(&evidence); err != nil {
				t.Errorf("no release is on record: %v", err)
			}
			if err := db.QueryRow("SELECT size FROM head").Scan(&size); err != nil || size <= from {
				t.Errorf("no signed head covers it: %d, %v", size, err)
			}
			if e, err := release.ParseEvidence(release.KindRelease, evidence); err != nil || e.Version != object.Version {
				t.Errorf("the record is of %v, %v", e.Version, err)
			}
			return len(p), nil
		}))
		if err := errors.Join(err, o.Close()); err != nil || checked == 0 {
			t.Fatalf("%d writes, %v", checked, err)
		}
		from = r.Book.Head().Size
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// P3: whatever was asked is on record, with what the decision was made from.
func TestEverythingAskedIsOnRecord(t *testing.T) {
	var c clock
	r := stocked(t, house.Options{Clock: c.now})
	agent := r.Person(strongroom.Principal{Name: "ines.martin", Groups: []string{"agents"}, Attributes: map[string][]string{"queues": {"billing"}}})
	agent.Purpose = strongroom.Purpose{Text: "curiosity", Ticket: "T-1"}
	set, err := r.Room.PolicyInForce()
	if err != nil {
		t.Fatal(err)
	}
	for name, ask := range asks(r, agent) {
		c.advance(time.Second) // only so many a second are recorded one by one
		from := r.Book.Head().Size
		wantKind(t, ask(), strongroom.KindDenied)
		found := records(t, r, from)
		if len(found) != 1 || found[0].kind != vault.KindRefusal {
			t.Fatalf("%s: refused, and recorded as %d records", name, len(found))
		}
		e, p := found[0].evidence, found[0].personal
		if e.Decision != "deny" || e.PolicySet != set || e.Actor == "" || e.Actor == agent.Principal.ID.String() {
			t.Errorf("%s: the evidence is %+v", name, e)
		}
		q := p.Question
		if q == nil || p.Decision == nil || p.Decision.Permit {
			t.Fatalf("%s: the decision is not on record", name)
		}
		if q.Principal.Name != "ines.martin" || !slices.Equal(q.Principal.Groups, []string{"agents"}) ||
			!slices.Equal(q.Principal.Attributes["queues"], []string{"billing"}) || q.Context.Purpose != agent.Purpose ||
			q.Context.Time.IsZero() || string(q.Action) != e.Action {
			t.Errorf("%s: the question on record is %+v", name, q)
		}
		if err := limit.Redecide(limit.Default(), *q, *p.Decision); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}

	last := []string{"revoke a key", "delete"} // the others need what they take away
	for name, ask := range asks(r, r.Owner) {
		if !slices.Contains(last, name) {
			ownerIsRecorded(t, r, name, ask)
		}
	}
	ownerIsRecorded(t, r, "delete", asks(r, r.Owner)["delete"])
	ownerIsRecorded(t, r, "revoke a key", asks(r, r.Owner)["revoke a key"])
}

func ownerIsRecorded(t *testing.T, r *housetest.Room, name string, ask func() error) {
	t.Helper()
	from := r.Book.Head().Size
	if err := ask(); err != nil && name != "head absent" && name != "a condition that fails" {
		t.Fatalf("%s: %v", name, err)
	}
	for _, k := range records(t, r, from) {
		if k.kind == vault.KindDelivery {
			continue
		}
		q, d := k.personal.Question, k.personal.Decision
		if q == nil || d == nil || !d.Permit || q.Principal.Name != "owner" {
			t.Errorf("%s: recorded as %s without its decision", name, k.kind)
		} else if err := limit.Redecide(limit.Default(), *q, *d); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return
	}
	t.Errorf("%s left no record", name)
}

// P3: noise is counted, not recorded one by one; so is a flood of refusals.
func TestNoiseIsCounted(t *testing.T) {
	r := stocked(t, house.Options{})
	agent := r.Person(strongroom.Principal{Name: "agent", Groups: []string{"agents"}})
	from := r.Book.Head().Size
	const unsigned, refused = 5000, 300
	atOnce(10, func(int) {
		for range unsigned / 10 {
			r.Room.Noise("unsigned")
		}
		for range refused / 10 {
			if _, err := r.Get(agent, "calls", "call.wav", 0, -1); strongroom.KindOf(err) != strongroom.KindDenied {
				t.Error(err)
			}
		}
	})
	path := r.Path
	r.Stop() // flushes the counts
	_, book, err := house.OpenBook(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	found := records(t, &housetest.Room{House: &house.House{Book: book}}, from)
	if len(found) > 150 {
		t.Errorf("noise took %d records", len(found))
	}
	recorded, counted, unsignedCounted := int64(0), int64(0), int64(0)
	for _, k := range found {
		if k.kind == vault.KindRefusal {
			recorded++
		}
		for kind, n := range k.evidence.Counts {
			if kind == "unsigned" {
				unsignedCounted += n
			} else {
				counted += n
			}
		}
	}
	if unsignedCounted != unsigned {
		t.Errorf("%d unsigned requests are counted as %d", unsigned, unsignedCounted)
	}
	if n := recorded + counted; n != refused || recorded == 0 {
		t.Errorf("of %d refusals %d are recorded and %d counted", refused, recorded, counted)
	}
}

// P3: a legal hold is a refusal too, also under a policy that would permit.
func TestLegalHoldIsARefusal(t *testing.T) {
	r := stocked(t, house.Options{})
	policy := `@id("all") permit (principal, action, resource);`
	if _, err := r.Room.PutPolicy(t.Context(), r.Owner, []byte(policy)); err != nil {
		t.Fatal(err)
	}
	r.Configure("calls", func(b *strongroom.Bucket) {
		b.Versioning, b.Lock = strongroom.VersioningEnabled, &strongroom.LockRule{}
	})
	held, err := r.Room.Put(t.Context(), r.Owner, vault.PutRequest{Bucket: "calls", Key: "held", Size: 1, Declared: vault.Declared{LegalHold: true}}, strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]func() error{
		"delete": func() error {
			return deleted(r.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: "held", Version: held.VersionName()}}))
		},
		"delete with bypass": func() error {
			return deleted(r.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: "held", Version: held.VersionName(), Bypass: true}}))
		},
	} {
		from := r.Book.Head().Size
		wantKind(t, ask(), strongroom.KindHeld)
		found := records(t, r, from)
		if len(found) != 1 || found[0].kind != vault.KindRefusal || found[0].evidence.Decision != "deny" || found[0].personal.Detail != "legal hold" {
			t.Errorf("%s: recorded as %+v", name, found)
		}
	}
}

// P3: what else had to be permitted for a store or a deletion is on record behind it.
func TestDecisionsBesideAreRecorded(t *testing.T) {
	r := stocked(t, house.Options{})
	if _, err := r.Room.PutPolicy(t.Context(), r.Owner, []byte(`@id("all") permit (principal, action, resource);`)); err != nil {
		t.Fatal(err)
	}
	r.Put("calls", "plain", []byte("x"), nil)
	from := r.Book.Head().Size
	r.Put("calls", "plain", []byte("y"), nil) // in a bucket without versions: what was there is deleted
	r.Configure("calls", func(b *strongroom.Bucket) {
		b.Versioning, b.Lock = strongroom.VersioningEnabled, &strongroom.LockRule{}
	})
	until := strongroom.Retention{Mode: strongroom.Governance, Until: time.Now().Add(time.Hour)}
	o, err := r.Room.Put(t.Context(), r.Owner, vault.PutRequest{Bucket: "calls", Key: "kept", Size: 1, Declared: vault.Declared{
		Retention: until, Tags: []strongroom.Tag{{Key: "case", Value: "7"}},
	}}, strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	until.Until = until.Until.Add(-time.Minute)
	if _, err := r.Room.SetRetention(t.Context(), r.Owner, "calls", "kept", "", until, true); err != nil {
		t.Fatal(err)
	}
	if err := deleted(r.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: "kept", Version: o.VersionName(), Bypass: true}})); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range records(t, r, from) {
		switch x.kind {
		case vault.KindBeside:
			if q := x.personal.Question; q == nil || string(q.Action) != x.evidence.Action || x.evidence.Decision != "permit" || len(x.evidence.Policies) != 1 || x.evidence.Version.IsZero() {
				t.Errorf("recorded as %+v", x)
			}
			got = append(got, "+"+x.evidence.Action)
		case vault.KindStore, vault.KindDelete, vault.KindAmend:
			got = append(got, x.evidence.Action)
		}
	}
	want := "store +deleteObject store +tagObject +retainObject retention +bypassRetention delete +bypassRetention"
	if strings.Join(got, " ") != want {
		t.Errorf("the ledger has %s, want %s", got, want)
	}
}

// P5: without the custodian stores go on and nothing is released; afterwards
// everything reads.
func TestCustodianDown(t *testing.T) {
	c := &custodian{}
	r := stocked(t, house.Options{Wrap: c.wrap})
	c.down.Store(true)
	one := content(t, 70_000)
	r.Put("calls", "one", one, nil)
	two := content(t, 3)
	u, err := r.Room.CreateUpload(t.Context(), r.Owner, vault.UploadRequest{Bucket: "calls", Key: "two"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.Room.PutPart(t.Context(), r.Owner, vault.PartRequest{Bucket: "calls", Key: "two", Upload: u.ID, Number: 1, Size: 3}, bytes.NewReader(two))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Room.Complete(t.Context(), r.Owner, vault.CompleteRequest{Bucket: "calls", Key: "two", Upload: u.ID, Parts: []vault.CompletePart{{Number: 1, ETag: p.ETag}}}); err != nil {
		t.Fatal(err)
	}
	from := r.Book.Head().Size
	for _, length := range []int64{-1, 2} {
		_, err = r.Get(r.Owner, "calls", "one", 0, length)
		wantKind(t, err, strongroom.KindUnavailable)
		if strings.Contains(err.Error(), errDown.Error()) {
			t.Errorf("the asker is told the operator's cause: %v", err)
		}
	}
	for _, d := range deliveries(t, r, from, 2) {
		if d.Bytes != 0 || d.Whole || !d.Final {
			t.Errorf("nothing left, and the record says %+v", d)
		}
	}
	if _, err := r.Room.Head(t.Context(), r.Owner, "calls", "one", ""); err != nil {
		t.Errorf("metadata needs no custodian: %v", err)
	}
	c.down.Store(false)
	for key, want := range map[string][]byte{"one": one, "two": two, "call.wav": []byte("in confidence")} {
		if got, err := r.Get(r.Owner, "calls", key, 0, -1); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", key, len(got), err)
		}
	}
}

// P2, as the vault sees it: whatever reason the custodian gives, nothing leaves.
func TestCustodianRefuses(t *testing.T) {
	var refusal error
	c := &custodian{before: func(release.UnwrapRequest) error { return refusal }}
	r := stocked(t, house.Options{Wrap: c.wrap})
	for code, kind := range map[string]strongroom.Kind{"proof": strongroom.KindUnavailable, "rate": strongroom.KindBusy, "fork": strongroom.KindUnavailable} {
		refusal = &release.Refusal{Code: code, Message: "for the log"}
		_, err := r.Get(r.Owner, "calls", "call.wav", 0, -1)
		wantKind(t, err, kind)
		if strings.Contains(err.Error(), "for the log") {
			t.Errorf("%s: the asker is told %v", code, err)
		}
	}
}

// P6: a policy that cannot be evaluated denies, and its record says why.
func TestPolicyThatFailsDenies(t *testing.T) {
	r := stocked(t, house.Options{})
	text := string(limit.Default().Text()) + `
@id("fails") forbid (principal, action == Action::"readObject", resource) when { resource.size + 9223372036854775807 < 0 };`
	if _, err := r.Room.PutPolicy(t.Context(), r.Owner, []byte(text)); err != nil {
		t.Fatal(err)
	}
	from := r.Book.Head().Size
	_, err := r.Get(r.Owner, "calls", "call.wav", 0, -1)
	wantKind(t, err, strongroom.KindDenied)
	found := records(t, r, from)
	if len(found) != 1 || found[0].kind != vault.KindRefusal {
		t.Fatalf("recorded as %+v", found)
	}
	d := found[0].personal.Decision
	if d == nil || d.Permit || len(d.Errors) != 1 || !strings.Contains(d.Errors[0], "overflow") || !slices.Contains(found[0].evidence.Policies, "fails") {
		t.Errorf("the decision on record is %+v", d)
	}
	if strings.Contains(err.Error(), "overflow") || strings.Contains(err.Error(), "fails") {
		t.Errorf("the asker is told the inside of a policy: %v", err)
	}
}

// P6: an invalid set, or one that locks its author out, leaves the old one in force.
func TestBadPolicyLeavesTheOldOne(t *testing.T) {
	r := stocked(t, house.Options{})
	old, err := r.Room.PolicyInForce()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"no Cedar":     "allow everything please",
		"no schema":    `@id("x") permit (principal, action, resource) when { resource.colour == "red" };`,
		"no way back":  `@id("x") permit (principal, action == Action::"readObject", resource);`,
		"nothing":      "",
		"binary":       "\x00\xff",
		"without @ids": `permit (principal, action, resource);`,
	} {
		_, err := r.Room.PutPolicy(t.Context(), r.Owner, []byte(text))
		if wantKind(t, err, strongroom.KindInvalid); t.Failed() {
			t.Fatal(name)
		}
		if now, err := r.Room.PolicyInForce(); err != nil || now != old {
			t.Fatalf("%s: %s is in force, %v", name, now, err)
		}
	}
}

// P6: without a policy row, or with one that names a set which is not there,
// nothing is permitted.
func TestNoPolicyDenies(t *testing.T) {
	for name, statement := range map[string]string{
		"no row in force": "DELETE FROM book_row WHERE kind = 'policy'",
		"no set":          "DELETE FROM book_row WHERE kind = 'policy-set'",
	} {
		t.Run(name, func(t *testing.T) {
			r := stocked(t, house.Options{})
			r.Stop()
			db, err := sql.Open("sqlite", "file:"+house.Path(r.Dir, house.Info{ID: r.Founded.Room})+"/content.db")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
			db.Close()
			open := housetest.Open(t, r, house.Options{})
			for name, ask := range asks(open, r.Owner) {
				if err := ask(); strongroom.KindOf(err) != strongroom.KindDenied {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// P6: with the clock far behind the newest record nothing is recorded, hence nothing
// released or stored.
func TestClockFarBehind(t *testing.T) {
	var c clock
	r := stocked(t, house.Options{Clock: c.now})
	c.advance(-10 * time.Minute)
	for name, ask := range asks(r, r.Owner) {
		if err := ask(); strongroom.KindOf(err) != strongroom.KindUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.advance(10 * time.Minute)
	if got, err := r.Get(r.Owner, "calls", "call.wav", 0, -1); err != nil || string(got) != "in confidence" {
		t.Errorf("with the clock mended: %q, %v", got, err)
	}
	if got := keys(t, r, "calls"); got != "call.wav" {
		t.Errorf("the bucket holds %q", got)
	}
}

// P6: from the next request on, also within a lease.
func TestNoLongerWelcome(t *testing.T) {
	var c clock
	r := stocked(t, house.Options{Clock: c.now})
	reader := func(name string) (vault.Caller, strongroom.Principal) {
		caller := r.Person(strongroom.Principal{Name: name, Groups: []string{"data-owners"}})
		caller.Purpose.Text = "testing"
		if _, err := r.Get(caller, "calls", "call.wav", 1, 2); err != nil {
			t.Fatal(err)
		}
		return caller, caller.Principal
	}
	for name, end := range map[string]func(strongroom.Principal) error{
		"suspended": func(p strongroom.Principal) error {
			p.Suspended = true
			_, err := r.Room.PutPrincipal(t.Context(), r.Owner, p)
			return err
		},
		"expired": func(p strongroom.Principal) error {
			p.Expires = c.now().Add(-time.Second)
			_, err := r.Room.PutPrincipal(t.Context(), r.Owner, p)
			return err
		},
		"regrouped": func(p strongroom.Principal) error {
			p.Groups = nil
			_, err := r.Room.PutPrincipal(t.Context(), r.Owner, p)
			return err
		},
	} {
		caller, p := reader(name)
		if err := end(p); err != nil {
			t.Fatal(err)
		}
		from := r.Book.Head().Size
		for _, length := range []int64{2, -1} {
			_, err := r.Get(caller, "calls", "call.wav", 1, length) // the door's caller is as it was
			wantKind(t, err, strongroom.KindDenied)
		}
		if n := len(ofKind(records(t, r, from), vault.KindRefusal)); n != 2 {
			t.Errorf("%s: %d refusals on record", name, n)
		}
		if _, err := r.Room.Credential(caller.Session); name != "regrouped" && strongroom.KindOf(err) != strongroom.KindDenied {
			t.Errorf("%s: the key still proves: %v", name, err)
		}
	}

	caller, _ := reader("revoked")
	if err := r.Room.RevokeKey(t.Context(), r.Owner, caller.Session); err != nil {
		t.Fatal(err)
	}
	_, err := r.Room.Credential(caller.Session)
	wantKind(t, err, strongroom.KindDenied)

	k, err := r.Room.CreateKey(t.Context(), r.Owner, "owner", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Room.Credential(k.ID); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Minute)
	_, err = r.Room.Credential(k.ID)
	wantKind(t, err, strongroom.KindDenied)

	stranger := r.Owner
	stranger.Principal.ID = strongroom.NewID()
	_, err = r.Get(stranger, "calls", "call.wav", 0, -1)
	wantKind(t, err, strongroom.KindDenied)
}

// P7: nobody reads without the policy's leave: not the first person, not who runs the
// platform, not who hands out rights, not the vault's own methods.
func TestAdministeringIsNotReading(t *testing.T) {
	r := stocked(t, house.Options{})
	nothing := `@id("rule") permit (principal, action in [Action::"managePolicy", Action::"managePeople"], resource);`
	administrator := r.Person(strongroom.Principal{Name: "root", Groups: []string{"platform-administrators", "data-owners"}})
	officer := r.Person(strongroom.Principal{Name: "officer", Groups: []string{"security-officers", "data-owners"}})
	for _, c := range []*vault.Caller{&administrator, &officer} {
		c.Purpose.Text = "because I can"
		_, err := r.Get(*c, "calls", "call.wav", 0, -1)
		wantKind(t, err, strongroom.KindDenied)
	}
	for name, ask := range asks(r, administrator) {
		if err := ask(); strongroom.KindOf(err) != strongroom.KindDenied {
			t.Errorf("a platform administrator may %s: %v", name, err)
		}
	}
	if _, err := r.Room.PutPolicy(t.Context(), r.Owner, []byte(nothing)); err != nil {
		t.Fatal(err)
	}
	for name, ask := range asks(r, r.Owner) {
		err := ask()
		governs := slices.Contains([]string{"list people", "list keys", "add a person", "make a key", "revoke a key", "change policies"}, name)
		if name == "change policies" && err == nil {
			if _, err := r.Room.PutPolicy(t.Context(), r.Owner, []byte(nothing)); err != nil {
				t.Fatal(err)
			}
		}
		if governs != (strongroom.KindOf(err) != strongroom.KindDenied) {
			t.Errorf("the first person, whom no policy lets: %s: %v", name, err)
		}
	}
}

// P10: what was acknowledged is there, whether the process stopped or just ended.
func TestAcknowledgedIsThere(t *testing.T) {
	r := stocked(t, house.Options{})
	var want [8][4][]byte
	atOnce(len(want), func(i int) {
		for j := range want[i] {
			want[i][j] = content(t, 1+50_000*j)
			key := hex.EncodeToString([]byte{byte(i), byte(j)})
			_, err := r.Room.Put(t.Context(), r.Owner, vault.PutRequest{Bucket: "calls", Key: key, Size: -1}, bytes.NewReader(want[i][j]))
			if err != nil {
				t.Error(err)
			}
		}
	})
	head := r.Book.Head()
	check := func(name string, from *housetest.Room) {
		open := housetest.Open(t, from, house.Options{})
		defer open.Stop()
		if open.Book.Head().Size < head.Size {
			t.Errorf("%s: the ledger ends at %d of %d", name, open.Book.Head().Size, head.Size)
		}
		for i := range want {
			for j := range want[i] {
				got, err := open.Get(open.Owner, "calls", hex.EncodeToString([]byte{byte(i), byte(j)}), 0, -1)
				if err != nil || !bytes.Equal(got, want[i][j]) {
					t.Errorf("%s: object %d/%d: %d bytes, %v", name, i, j, len(got), err)
				}
			}
		}
	}
	check("after it was abandoned", abandon(t, r))
	r.Stop()
	check("after it was stopped", r)
}

// A store that fails leaves nothing, whatever fails.
func TestFailedStoreLeavesNothing(t *testing.T) {
	r := stocked(t, house.Options{})
	stored := len(files(t, r))
	broken := errors.New("the line broke")
	for name, c := range map[string]struct {
		size int64
		body io.Reader
		end  vault.AtEOF
		want func(error) bool
	}{
		"the body breaks off": {-1, io.MultiReader(strings.NewReader("abc"), failing{broken}), nil, func(err error) bool { return errors.Is(err, broken) }},
		"it breaks off late":  {-1, io.MultiReader(bytes.NewReader(content(t, 300_000)), failing{broken}), nil, func(err error) bool { return errors.Is(err, broken) }},
		"too short":           {10, strings.NewReader("abc"), nil, invalid},
		"too long":            {2, strings.NewReader("abc"), nil, invalid},
		"the checksum differs": {3, strings.NewReader("abc"), func() (map[string]string, error) { return nil, broken },
			func(err error) bool { return errors.Is(err, broken) }},
	} {
		from := r.Book.Head().Size
		_, err := r.Room.Put(t.Context(), r.Owner, vault.PutRequest{Bucket: "calls", Key: "call.wav", Size: c.size, AtEOF: c.end}, c.body)
		if !c.want(err) {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(ofKind(records(t, r, from), vault.KindStore)); n != 0 {
			t.Errorf("%s: a store is on record", name)
		}
	}
	if got, err := r.Get(r.Owner, "calls", "call.wav", 0, -1); err != nil || string(got) != "in confidence" {
		t.Errorf("what was there before reads as %q, %v", got, err)
	}
	housetest.Eventually(t, "half-written files are removed", func() bool { return len(files(t, r)) == stored })
}

func invalid(err error) bool { return strongroom.KindOf(err) == strongroom.KindInvalid }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

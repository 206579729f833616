package vault_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strongroom"
	"strongroom/book"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/internal/store"
	"strongroom/ledger"
	"strongroom/vault"
)

// tampered is a stopped room whose database somebody has his hands on.
type tampered struct {
	t       *testing.T
	path    string
	room    strongroom.ID
	key     string
	earlier []byte // a checkpoint that somebody kept
	objects []string
}

// untouched makes an honest room.
func untouched(t *testing.T) *tampered {
	t.Helper()
	r := housetest.New(t, house.Options{})
	v := &tampered{t: t, path: r.Path, room: r.ID, key: r.LedgerKey}
	r.Bucket("calls")
	for i := range 5 {
		o := r.Put("calls", fmt.Sprint(i), []byte("x"), nil)
		v.objects = append(v.objects, o.Version.String())
	}
	u, err := r.Room.CreateUpload(t.Context(), r.Owner, vault.UploadRequest{Bucket: "calls", Key: "up"})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 3; n++ {
		if _, err := r.Room.PutPart(t.Context(), r.Owner, vault.PartRequest{Bucket: "calls", Key: "up", Upload: u.ID, Number: n, Size: -1}, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Room.Abort(t.Context(), r.Owner, "calls", "up", u.ID); err != nil { // a family of rows goes
		t.Fatal(err)
	}
	if err := deleted(r.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: "4"}})); err != nil {
		t.Fatal(err)
	}
	v.earlier = r.Book.Head().Checkpoint
	r.Stop()
	return v
}

// tamper copies what an audit of an honest room reads, and changes it.
func (v *tampered) tamper(t *testing.T, statements ...string) *tampered {
	t.Helper()
	changed := *v
	changed.t, changed.path = t, t.TempDir()
	if err := os.Mkdir(filepath.Join(changed.path, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"room.json", "content.db", "secrets/room.key", "secrets/ledger.key"} {
		if err := copyFile(filepath.Join(v.path, name), filepath.Join(changed.path, name)); err != nil {
			t.Fatal(err)
		}
	}
	changed.exec(statements...)
	return &changed
}

func (v *tampered) exec(statements ...string) {
	v.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(v.path, "content.db"))
	if err != nil {
		v.t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		for i, id := range v.objects {
			s = strings.ReplaceAll(s, fmt.Sprintf("$object%d", i), "'"+id+"'")
		}
		result, err := db.Exec(s)
		if err != nil {
			v.t.Fatalf("%s: %v", s, err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			v.t.Fatalf("%s changed nothing: %v", s, err)
		}
	}
}

// read opens the book as it lies there.
func (v *tampered) read() *store.Book {
	v.t.Helper()
	_, b, err := house.AuditBook(v.t.Context(), v.path)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { b.Close() })
	return b
}

// state compares the rows with the records.
func (v *tampered) state() book.StateReport {
	v.t.Helper()
	b := v.read()
	state := book.NewState()
	for r, err := range b.Records(v.t.Context(), 0, b.Head().Size) {
		if err != nil {
			v.t.Fatal(err)
		}
		if err := state.Add(r); err != nil {
			v.t.Fatal(err)
		}
	}
	report, err := state.Compare(v.t.Context(), b.Rows(v.t.Context(), "", ""))
	if err != nil {
		v.t.Fatal(err)
	}
	return report
}

// audit recomputes the ledger and holds it against the checkpoint kept.
func (v *tampered) audit(kept bool) (ledger.Result, error) {
	v.t.Helper()
	key, err := ledger.ParseVerifier(v.key)
	if err != nil {
		v.t.Fatal(err)
	}
	b := v.read()
	a := ledger.NewAudit(v.room)
	if kept {
		c, _, err := ledger.OpenCheckpoint(v.earlier, key)
		if err != nil {
			v.t.Fatal(err)
		}
		if err := a.AddEarlier(c); err != nil {
			v.t.Fatal(err)
		}
	}
	n, err := b.Last(v.t.Context())
	if err != nil {
		v.t.Fatal(err)
	}
	for r, err := range b.Records(v.t.Context(), 0, n) {
		if err != nil {
			v.t.Fatal(err)
		}
		if err := a.Add(r); err != nil {
			break // Finish answers it again
		}
	}
	head, _, err := ledger.OpenCheckpoint(b.Head().Checkpoint, key)
	if err != nil {
		return ledger.Result{}, err
	}
	return a.Finish(head)
}

// P4: the rows that decisions trust are those on record, or it shows.
func TestRowsThatWereTamperedWith(t *testing.T) {
	honest := untouched(t)
	sound := honest.state()
	if !sound.Sound() || sound.Rows < 8 {
		t.Fatalf("an honest room: %+v", sound)
	}
	for name, c := range map[string]struct {
		statement string
		want      func(*tampered, book.StateReport) bool
	}{
		"a row deleted": {"DELETE FROM book_row WHERE id = $object1", func(v *tampered, s book.StateReport) bool {
			return len(s.Missing) == 1 && s.Missing[0] == book.RowKey{Kind: "object", ID: v.objects[1]} && len(s.Altered)+len(s.Extra)+len(s.Unread) == 0
		}},
		"a row added": {"INSERT INTO book_row SELECT kind, $object4, parent, tag, ref, salt, body FROM book_row WHERE id = $object1", func(_ *tampered, s book.StateReport) bool {
			return len(s.Unread) == 1 && len(s.Missing)+len(s.Altered) == 0
		}},
		"rows swapped": {"UPDATE book_row SET id = CASE id WHEN $object1 THEN $object2 || 'x' WHEN $object2 THEN $object1 || 'x' END WHERE id IN ($object1, $object2)",
			func(_ *tampered, s book.StateReport) bool { return len(s.Unread) == 2 && len(s.Missing) == 2 }},
		"bodies swapped": {"UPDATE book_row SET body = (SELECT b.body FROM book_row b WHERE b.id = $object2) WHERE id = $object1",
			func(_ *tampered, s book.StateReport) bool { return len(s.Unread) == 1 && len(s.Missing) == 1 }},
		"which blob a key names": {"UPDATE book_row SET ref = (SELECT b.ref FROM book_row b WHERE b.id = $object2) WHERE id = $object1",
			func(_ *tampered, s book.StateReport) bool { return len(s.Unread) == 1 && len(s.Missing) == 1 }},
		"a bit of a body": {"UPDATE book_row SET body = zeroblob(40) WHERE kind = 'principal'",
			func(_ *tampered, s book.StateReport) bool {
				return len(s.Unread) == 1 && len(s.Missing) == 1 && s.Missing[0].Kind == "principal"
			}},
	} {
		t.Run(name, func(t *testing.T) {
			v := honest.tamper(t, c.statement)
			report := v.state()
			if report.Sound() || !c.want(v, report) {
				t.Errorf("found %+v", report)
			}
		})
	}
}

// P4: a row that once was true, put back by somebody who kept a copy, or written by
// somebody who has the room key, is found too.
func TestRowPutBack(t *testing.T) {
	r := housetest.New(t, house.Options{})
	p := r.Person(strongroom.Principal{Name: "leaver", Groups: []string{"data-owners"}}).Principal
	db := otherHand(t, r)
	if _, err := db.Exec("CREATE TABLE keep AS SELECT * FROM book_row WHERE id = $1", p.ID.String()); err != nil {
		t.Fatal(err)
	}
	p.Suspended = true
	if _, err := r.Room.PutPrincipal(t.Context(), r.Owner, p); err != nil {
		t.Fatal(err)
	}
	v := &tampered{t: t, path: r.Path, room: r.ID, key: r.LedgerKey, earlier: r.Book.Head().Checkpoint}
	r.Stop()
	if report := v.state(); !report.Sound() {
		t.Fatalf("before: %+v", report)
	}
	v.exec("DELETE FROM book_row WHERE kind = 'principal' AND id IN (SELECT id FROM keep)", "INSERT INTO book_row SELECT * FROM keep")
	report := v.state()
	if len(report.Altered) != 1 || report.Altered[0] != (book.RowKey{Kind: "principal", ID: p.ID.String()}) || len(report.Missing)+len(report.Unread) != 0 {
		t.Errorf("found %+v", report)
	}
}

// P4: any change to a past record is found; the last ones missing, or an older
// database put back, given the checkpoint that somebody kept.
func TestLedgerThatWasTamperedWith(t *testing.T) {
	honest := untouched(t)
	if result, err := honest.audit(true); err != nil || result.Matched == 0 {
		t.Fatalf("an honest room: %+v, %v", result, err)
	}
	for name, c := range map[string]struct {
		statements []string
		want       func(error) bool
	}{
		"a record edited": {[]string{`UPDATE record SET evidence = CAST(replace(CAST(evidence AS TEXT), '"permit"', '"denied"') AS BLOB) WHERE idx = 3`}, altered(3)},
		"a leaf edited":   {[]string{"UPDATE record SET leaf = (SELECT r.leaf FROM record r WHERE r.idx = 2) WHERE idx = 3"}, altered(3)},
		"a record edited with its leaf": {[]string{"UPDATE record SET (leaf, evidence, evidence_salt, personal) = (SELECT r.leaf, r.evidence, r.evidence_salt, r.personal FROM record r WHERE r.idx = 2) WHERE idx = 3"},
			func(err error) bool { _, ok := errors.AsType[*ledger.RootError](err); return ok }},
		"a record taken out": {[]string{"DELETE FROM record WHERE idx = 3"}, altered(3)},
		"records swapped": {[]string{"UPDATE record SET idx = -1 WHERE idx = 3", "UPDATE record SET idx = 3 WHERE idx = 4", "UPDATE record SET idx = 4 WHERE idx = -1"},
			func(err error) bool { _, ok := errors.AsType[*ledger.RootError](err); return ok }},
		"the last deleted": {[]string{"DELETE FROM record WHERE idx = (SELECT max(idx) FROM record)"},
			func(err error) bool { _, ok := errors.AsType[*ledger.TruncatedError](err); return ok }},
		"a personal part erased": {[]string{"UPDATE record SET personal = NULL WHERE idx = 3"}, missing(3)},
		"a personal part altered": {[]string{"UPDATE record SET personal = zeroblob(100) WHERE idx = 3"},
			missing(3)},
		"personal parts swapped": {[]string{"UPDATE record SET personal = (SELECT r.personal FROM record r WHERE r.idx = 2) WHERE idx = 3"}, missing(3)},
	} {
		t.Run(name, func(t *testing.T) {
			v := honest.tamper(t, c.statements...)
			if _, err := v.audit(false); !c.want(err) {
				t.Errorf("found: %v", err)
			}
			if name == "a personal part erased" || name == "a personal part altered" || name == "personal parts swapped" {
				return // the room still opens: a lawful erasure looks so before its record is seen
			}
			if _, b, err := house.OpenBook(t.Context(), v.path, nil); err == nil { // what the last signature does not cover is not signed over
				defer b.Close()
				if _, err := v.audit(true); err == nil {
					t.Error("the book opens, and an audit with the checkpoint finds nothing")
				}
			}
		})
	}
}

func altered(index int64) func(error) bool {
	return func(err error) bool { e, ok := errors.AsType[*ledger.AlteredError](err); return ok && e.Index == index }
}

func missing(index int64) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[*ledger.MissingPartError](err)
		return ok && e.Index == index && e.Part == ledger.PartPersonal
	}
}

// P4: an older database, put back whole, is consistent in itself; the checkpoint that
// somebody kept shows it, and so does the custodian, who gives no key to a fork of it.
func TestDatabaseRolledBack(t *testing.T) {
	r := stocked(t, house.Options{})
	old := filepath.Join(t.TempDir(), "old.db")
	if err := r.Book.Snapshot(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := r.Get(r.Owner, "calls", "call.wav", 0, -1); err != nil {
			t.Fatal(err)
		}
	}
	v := &tampered{t: t, path: r.Path, room: r.ID, key: r.LedgerKey, earlier: r.Book.Head().Checkpoint}
	r.Stop()
	if err := copyFile(old, filepath.Join(v.path, "content.db")); err != nil {
		t.Fatal(err)
	}
	if _, err := v.audit(false); err != nil {
		t.Fatalf("by itself it looks as it did: %v", err)
	}
	_, err := v.audit(true)
	if _, ok := errors.AsType[*ledger.TruncatedError](err); !ok {
		t.Errorf("with the checkpoint: %v", err)
	}

	back := housetest.Open(t, r, house.Options{})
	_, err = back.Get(back.Owner, "calls", "call.wav", 0, -1)
	wantKind(t, err, strongroom.KindUnavailable)
	for i := range 30 { // grow past what the custodian has witnessed
		back.Put("calls", fmt.Sprint(i), []byte("x"), nil)
	}
	_, err = back.Get(back.Owner, "calls", "call.wav", 0, -1)
	wantKind(t, err, strongroom.KindUnavailable)
	back.Stop()
	_, err = v.audit(true)
	if _, ok := errors.AsType[*ledger.RootError](err); !ok {
		t.Errorf("grown again: %v", err)
	}
}

// A part that was erased with a record of it passes; the same part gone without one
// does not.
func TestErasureNeedsItsRecord(t *testing.T) {
	for _, recorded := range []bool{true, false} {
		r := stocked(t, house.Options{})
		index := r.Book.Head().Size - 1
		db := otherHand(t, r)
		if recorded {
			entry := ledger.Entry{Kind: ledger.KindErasure, Evidence: fmt.Appendf(nil, `{"action":"erase","records":[{"index":%d,"part":"personal"}]}`, index)}
			if _, err := r.Book.Apply(context.Background(), book.Change{Entries: []ledger.Entry{entry}}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := db.Exec("UPDATE record SET personal = NULL WHERE idx = $1", index); err != nil {
			t.Fatal(err)
		}
		v := &tampered{t: t, path: r.Path, room: r.ID, key: r.LedgerKey, earlier: r.Book.Head().Checkpoint}
		r.Stop()
		result, err := v.audit(true)
		if recorded && (err != nil || result.Erased != 1) {
			t.Errorf("erased on record: %+v, %v", result, err)
		}
		if !recorded && !missing(index)(err) {
			t.Errorf("erased without a record: %v", err)
		}
	}
}

package crash_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/keyserver"
	"strongroom/ledger"
	"strongroom/release"
	"strongroom/vault"
)

// survivor is what a crash left: a data folder, and what a client and an auditor
// know of it.
type survivor struct {
	data        string
	founded     house.Founded
	journal     *journal
	checkpoints string // folder of all that were seen
}

// found makes a room and its bucket, and keeps it open.
func found(t testing.TB, data string) (*survivor, *server, *client) {
	t.Helper()
	v := &survivor{data: data, founded: initRoom(t, data), journal: newJournal(), checkpoints: filepath.Join(t.TempDir(), "checkpoints")}
	if err := os.Mkdir(v.checkpoints, 0o700); err != nil {
		t.Fatal(err)
	}
	s := start(t, data)
	c := connect(t, s, v.founded)
	if err := c.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return v, s, c
}

// inspect holds what a crash left against the journal, first as it lies there and
// then through a server started on it, which is returned.
func (v *survivor) inspect(t testing.TB, r *rand.Rand) (*server, *client) {
	t.Helper()
	v.verify(t)
	v.releases(t)
	swept := r.IntN(3) == 0
	if swept {
		v.age(t)
	}
	s := start(t, v.data)
	c := connect(t, s, v.founded)
	v.temporaries(t)
	if swept {
		v.swept(t)
	}
	l := &load{t: t, c: c, journal: v.journal}
	v.objects(t, l)
	v.multiparts(t, l, r)
	v.objects(t, l)
	if t.Failed() {
		t.Logf("the server's log:\n%s", s.logged())
	}
	return s, c
}

// verify runs the auditor's command, with every checkpoint of before.
func (v *survivor) verify(t testing.TB) {
	t.Helper()
	args := []string{"ledger", "verify", "--state", "--data", v.data}
	files, err := filepath.Glob(filepath.Join(v.checkpoints, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		args = append(args, "--checkpoint", f)
	}
	if out, err := command(t, args...).CombinedOutput(); err != nil {
		t.Errorf("ledger verify with %d checkpoints: %v\n%s", len(files), err, out)
	}
}

// releases finds the record of every read that delivered a byte: in the room's
// ledger the release, in the custodian's the unwrapping.
func (v *survivor) releases(t testing.TB) {
	t.Helper()
	info, err := house.Find(v.data, "")
	if err != nil {
		t.Fatal(err)
	}
	path := house.Path(v.data, info)
	unwrapped := unwrappings(t, path)
	_, b, err := house.AuditBook(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	type released struct {
		index int64
		key   string
	}
	byTicket := map[string]released{}
	last, err := b.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for record, err := range b.Records(t.Context(), 0, last) {
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := ledger.ParseLeaf(record.Leaf)
		if err != nil {
			t.Fatal(err)
		}
		if leaf.Kind != release.KindRelease {
			continue
		}
		if _, err := release.ParseEvidence(leaf.Kind, record.Evidence); err != nil {
			t.Errorf("record %d: %v", record.Index, err)
		}
		var p vault.Personal
		if err := json.Unmarshal(record.Personal, &p); err != nil || p.Question == nil {
			t.Fatalf("record %d: the personal part cannot be read: %v", record.Index, err)
		}
		byTicket[p.Question.Context.Purpose.Ticket] = released{record.Index, p.Question.Resource.Key}
	}
	for _, read := range v.journal.reads {
		on, ok := byTicket[read.ticket]
		switch {
		case !ok:
			t.Errorf("%d bytes of %s reached the client (%s), and no release is on record", read.bytes, read.key, read.ticket)
		case on.key != read.key:
			t.Errorf("%d bytes of %s reached the client (%s), and the release on record is of %s", read.bytes, read.key, read.ticket, on.key)
		case !unwrapped[on.index]:
			t.Errorf("%d bytes of %s reached the client (%s), and the custodian has no unwrapping for record %d", read.bytes, read.key, read.ticket, on.index)
		}
	}
	v.journal.reads = nil // what is on record the next checkpoint holds
}

// unwrappings audits the custodian's own ledger and returns the releases it gave
// keys for.
func unwrappings(t testing.TB, room string) map[int64]bool {
	t.Helper()
	text := func(name string) string {
		content, err := os.ReadFile(filepath.Join(room, "custodian", name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(content))
	}
	id, err := strongroom.ParseID(text("id"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ledger.ParseVerifier(text("ledger.pub"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[int64]bool{}
	b, err := house.AuditCustodian(t.Context(), room)
	if errors.Is(err, fs.ErrNotExist) {
		return out // it never had anything to write
	} else if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	last, err := b.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if last == 0 {
		return out
	}
	audit := ledger.NewAudit(id)
	for record, err := range b.Records(t.Context(), 0, last) {
		if err == nil {
			err = audit.Add(record)
		}
		if err != nil {
			t.Fatalf("the custodian's ledger: %v", err)
		}
		var e struct {
			Action string
			Index  *int64
		}
		if err := json.Unmarshal(record.Evidence, &e); err != nil {
			t.Fatalf("the custodian's record %d: %v", record.Index, err)
		}
		if e.Action == keyserver.KindUnwrap {
			if out[*e.Index] {
				t.Errorf("the custodian gave the key for release %d twice", *e.Index)
			}
			out[*e.Index] = true
		}
	}
	head, _, err := ledger.OpenCheckpoint(b.Head().Checkpoint, key)
	if err == nil {
		_, err = audit.Finish(head)
	}
	if err != nil {
		t.Errorf("the custodian's ledger: %v", err)
	}
	return out
}

// files walks through the sealed files.
func (v *survivor) files(t testing.TB, do func(path string)) {
	t.Helper()
	folder := filepath.Join(v.data, "rooms", v.founded.Room.String(), "blobs")
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // erased meanwhile, or never made
		}
		if err == nil && entry.IsDir() && entry.Name() == "journal" {
			return fs.SkipDir // copies, for the next server
		}
		if err == nil && !entry.IsDir() {
			do(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// temporaries finds what opening should have removed.
func (v *survivor) temporaries(t testing.TB) {
	t.Helper()
	v.files(t, func(path string) {
		if strings.HasPrefix(filepath.Base(path), ".") {
			t.Errorf("%s is left after the restart", path)
		}
	})
}

// age makes every sealed file as old as those that a sweep takes, and the journal whose
// files are as old as it.
func (v *survivor) age(t testing.TB) {
	t.Helper()
	before := time.Now().Add(-48 * time.Hour)
	old := func(path string) {
		if err := os.Chtimes(path, before, before); err != nil {
			t.Fatal(err)
		}
	}
	v.files(t, old)
	segments, err := filepath.Glob(filepath.Join(v.data, "rooms", v.founded.Room.String(), "blobs", "journal", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range segments {
		old(path)
	}
}

// swept waits until no file is left that no row names, and fails if one stays. That
// nothing else went is for whoever reads the objects.
func (v *survivor) swept(t testing.TB) {
	t.Helper()
	_, b, err := house.AuditBook(t.Context(), filepath.Join(v.data, "rooms", v.founded.Room.String()))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var dead []string
	for wait := time.Now().Add(15 * time.Second); time.Now().Before(wait); time.Sleep(50 * time.Millisecond) {
		dead = nil
		v.files(t, func(path string) {
			rows, err := b.Referring(t.Context(), filepath.Base(path)[:32])
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) == 0 {
				dead = append(dead, filepath.Base(path))
			}
		})
		if len(dead) == 0 {
			return
		}
	}
	t.Errorf("%d files are left that no row names, among them %s", len(dead), dead[0])
}

// objects reads everything back: each key holds something that it can hold, and is
// listed as that.
func (v *survivor) objects(t testing.TB, l *load) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	listed, err := l.c.list(ctx)
	if err != nil {
		t.Fatalf("listing after the crash: %v", err)
	}
	for _, key := range v.journal.keys() {
		now := v.journal.now()
		possible := v.journal.possible(key, now, now)
		ticket := fmt.Sprintf("ticket-%d", seeds.Add(1))
		body, err := l.c.get(ctx, key, ticket, 0, -1, 0)
		if len(body) > 0 {
			v.journal.delivered(read{key, ticket, int64(len(body))})
		}
		n, isListed := listed[key]
		delete(listed, key)
		if status(err) == 404 {
			if !slices.Contains(possible, absent) {
				t.Errorf("%s is lost: it must hold one of %v", key, possible)
			}
			if isListed {
				t.Errorf("%s is listed with %d bytes, and is not there", key, n)
			}
			v.journal.settle(key, absent)
			continue
		}
		if err != nil {
			t.Errorf("%s cannot be read, after %d bytes: %v; it may hold one of %v", key, len(body), err, possible)
			continue
		}
		holds, ok := match(possible, body, 0, -1, false)
		if !ok {
			t.Errorf("%s holds %d bytes that are none of %v", key, len(body), possible)
		}
		if !isListed || n != int64(len(body)) {
			t.Errorf("%s has %d bytes, and is listed (%t) with %d", key, len(body), isListed, n)
		}
		v.journal.settle(key, holds)
	}
	for key := range listed {
		t.Errorf("%s is listed, and nobody stored it", key)
	}
}

// multiparts finds every upload that was begun, with its parts, and completes or
// aborts it.
func (v *survivor) multiparts(t testing.TB, l *load, r *rand.Rand) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	page, err := l.c.ListMultipartUploads(ctx, bucket, "", "", "", "", 1000)
	if err != nil {
		t.Fatalf("listing uploads after the crash: %v", err)
	}
	open := map[string]string{}
	for _, u := range page.Uploads {
		open[u.UploadID] = u.Key
	}
	for id, u := range v.journal.uploads {
		key, found := open[id]
		delete(open, id)
		delete(v.journal.uploads, id)
		if !found {
			if !u.ending {
				t.Errorf("the upload %s of %s is lost", id, u.key)
			}
			continue
		}
		if key != u.key {
			t.Errorf("the upload %s is of %s, and was begun for %s", id, key, u.key)
		}
		whole := v.parts(t, l, u)
		if !whole || r.IntN(3) == 0 {
			if err := l.c.AbortMultipartUpload(ctx, bucket, u.key, id); err != nil {
				t.Errorf("aborting the upload of %s after the crash: %v", u.key, err)
			}
			continue
		}
		w := v.journal.begin(u.key, u.value)
		if _, err := l.c.CompleteMultipartUpload(ctx, bucket, u.key, id, u.list(), minio.PutObjectOptions{}); err != nil {
			t.Errorf("completing the upload of %s after the crash: %v", u.key, err)
			continue
		}
		v.journal.acknowledge(w)
	}
	for id, key := range open { // begun without an answer
		if err := l.c.AbortMultipartUpload(ctx, bucket, key, id); err != nil {
			t.Errorf("aborting an upload of %s after the crash: %v", key, err)
		}
	}
}

// parts holds the parts of an upload against those that were acknowledged, and
// reports whether there are all that its object needs.
func (v *survivor) parts(t testing.TB, l *load, u *upload) bool {
	t.Helper()
	page, err := l.c.ListObjectParts(context.WithoutCancel(t.Context()), bucket, u.key, u.id, 0, 1000)
	if err != nil {
		t.Errorf("listing the parts of %s after the crash: %v", u.key, err)
		return false
	}
	stored := map[int]minio.ObjectPart{}
	for _, p := range page.ObjectParts {
		stored[p.PartNumber] = p
	}
	whole := true
	for i := range u.cuts {
		n := i + 1
		p, there := stored[n]
		etag, acknowledged := u.etags[n]
		switch {
		case !there:
			whole = false
			if acknowledged {
				t.Errorf("part %d of %s is lost", n, u.key)
			}
			continue
		case !acknowledged && !u.unsure[n]:
			t.Errorf("part %d of %s is there, and nobody sent it", n, u.key)
		case acknowledged && !u.unsure[n] && strings.Trim(p.ETag, `"`) != strings.Trim(etag, `"`):
			t.Errorf("part %d of %s is another one than the one acknowledged", n, u.key)
		}
		if p.Size != int64(len(u.part(n))) {
			t.Errorf("part %d of %s has %d bytes, and had %d", n, u.key, p.Size, len(u.part(n)))
		}
		u.etags[n] = strings.Trim(p.ETag, `"`)
	}
	return whole
}

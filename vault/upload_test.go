package vault_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/seal"
	"strongroom/vault"
)

// upload is a multipart upload that a test makes.
type upload struct {
	*housetest.Room
	t  testing.TB
	id strongroom.ID
}

const uploadKey = "big.wav"

func begin(t testing.TB, r *housetest.Room) upload {
	t.Helper()
	u, err := r.Room.CreateUpload(t.Context(), r.Owner, vault.UploadRequest{Bucket: "calls", Key: uploadKey})
	if err != nil {
		t.Fatal(err)
	}
	return upload{r, t, u.ID}
}

func (u upload) put(number int, content []byte) vault.CompletePart {
	u.t.Helper()
	p, err := u.Room.Room.PutPart(u.t.Context(), u.Owner, vault.PartRequest{Bucket: "calls", Key: uploadKey, Upload: u.id, Number: number, Size: int64(len(content))}, bytes.NewReader(content))
	if err != nil {
		u.t.Fatal(err)
	}
	return vault.CompletePart{Number: number, ETag: p.ETag}
}

func (u upload) complete(parts ...vault.CompletePart) (strongroom.Object, error) {
	return u.Room.Room.Complete(context.Background(), u.Owner, vault.CompleteRequest{Bucket: "calls", Key: uploadKey, Upload: u.id, Parts: parts})
}

// Parts in any order, over a restart, one of them twice; ranges across the borders.
func TestUploadInParts(t *testing.T) {
	r := stocked(t, house.Options{})
	u := begin(t, r)
	part := func(n int) []byte { return content(t, n) }
	want := [][]byte{part(vault.SmallestPart), part(vault.SmallestPart + 70_001), part(vault.SmallestPart), part(5)}
	listed := make([]vault.CompletePart, 4)
	listed[2] = u.put(30, want[2])
	u.put(7, []byte("to be replaced"))
	listed[0] = u.put(2, want[0])
	unused := part(10)
	u.put(10_000, unused)

	r.Stop()
	r = housetest.Open(t, r, house.Options{})
	u.Room = r
	listed[3] = u.put(31, want[3])
	listed[1] = u.put(7, want[1])
	page, err := r.Room.ListParts(t.Context(), r.Owner, "calls", uploadKey, u.id, 2, 2)
	if err != nil || !page.Truncated || len(page.Parts) != 2 || page.Parts[0].Number != 7 || page.Parts[1].Number != 30 || page.Parts[0].Size != int64(len(want[1])) {
		t.Errorf("parts after 2: %+v, %v", page, err)
	}
	if got := keys(t, r, "calls"); got != "call.wav" {
		t.Errorf("before it is complete the bucket shows %q", got)
	}
	o, err := u.complete(listed...)
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Concat(want...)
	var sizes []int64
	for _, p := range o.Parts {
		sizes = append(sizes, p.Size)
	}
	if o.Size != int64(len(all)) || !slices.Equal(sizes, []int64{int64(len(want[0])), int64(len(want[1])), int64(len(want[2])), 5}) {
		t.Errorf("the object is %+v", o)
	}
	got, err := r.Get(r.Owner, "calls", uploadKey, 0, -1)
	if err != nil || !bytes.Equal(got, all) {
		t.Fatalf("%d bytes of %d came back, %v", len(got), len(all), err)
	}
	first, second := int64(len(want[0])), int64(len(want[0])+len(want[1]))
	for _, s := range [][2]int64{{first - 1, 2}, {first, 1}, {first - 1, 1}, {second - 70_000, 140_000}, {o.Size - 6, 6}, {o.Size - 5, 5}, {first - 10, second - first + 20}, {o.Size, 0}} {
		got, err := r.Get(r.Owner, "calls", uploadKey, s[0], s[1])
		if err != nil || !bytes.Equal(got, all[s[0]:s[0]+s[1]]) {
			t.Errorf("range %v: %d bytes, %v", s, len(got), err)
		}
	}
	// The manifest, its sidecar, four segments; and the one object that was there before.
	housetest.Eventually(t, "segments that are not used are removed", func() bool { return len(files(t, r)) == 2+1+1+4 })

	// The answer may have been lost: completing again says the same again, and only that.
	again, err := u.complete(listed...)
	if err != nil || again.Version != o.Version || again.ETag != o.ETag {
		t.Errorf("completing again: %+v, %v", again, err)
	}
	_, err = u.complete(listed[:1]...)
	wantKind(t, err, strongroom.KindNoUpload)
	_, err = r.Room.PutPart(t.Context(), r.Owner, vault.PartRequest{Bucket: "calls", Key: uploadKey, Upload: u.id, Number: 1, Size: -1}, strings.NewReader("late"))
	wantKind(t, err, strongroom.KindNoUpload)
}

// A list of parts that does not fit is refused, and can be corrected.
func TestUploadRefusesWrongLists(t *testing.T) {
	r := stocked(t, house.Options{})
	u := begin(t, r)
	big := content(t, vault.SmallestPart)
	one, two, small, last := u.put(1, big), u.put(2, big), u.put(3, []byte("small")), u.put(4, []byte("last"))
	wrong := two
	wrong.ETag = one.ETag
	for name, c := range map[string]struct {
		parts []vault.CompletePart
		want  strongroom.Kind
	}{
		"none":            {nil, strongroom.KindInvalid},
		"missing":         {[]vault.CompletePart{one, {Number: 9, ETag: one.ETag}}, strongroom.KindInvalidPart},
		"wrong etag":      {[]vault.CompletePart{one, wrong}, strongroom.KindInvalidPart},
		"no etag":         {[]vault.CompletePart{{Number: 1}}, strongroom.KindInvalidPart},
		"descending":      {[]vault.CompletePart{two, one}, strongroom.KindPartOrder},
		"twice":           {[]vault.CompletePart{one, one}, strongroom.KindPartOrder},
		"too small":       {[]vault.CompletePart{one, small, last}, strongroom.KindPartTooSmall},
		"too small first": {[]vault.CompletePart{small, last}, strongroom.KindPartTooSmall},
	} {
		_, err := u.complete(c.parts...)
		if strongroom.KindOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, number := range []int{-1, 0, seal.MaxParts + 1} {
		_, err := r.Room.PutPart(t.Context(), r.Owner, vault.PartRequest{Bucket: "calls", Key: uploadKey, Upload: u.id, Number: number, Size: -1}, strings.NewReader("x"))
		wantKind(t, err, strongroom.KindInvalid)
	}
	_, err := r.Room.PutPart(t.Context(), r.Owner, vault.PartRequest{Bucket: "calls", Key: uploadKey, Upload: u.id, Number: 1, Size: vault.MaxObject + 1}, strings.NewReader("x"))
	wantKind(t, err, strongroom.KindTooLarge)
	_, err = r.Room.PutPart(t.Context(), r.Owner, vault.PartRequest{Bucket: "calls", Key: "another key", Upload: u.id, Number: 1, Size: -1}, strings.NewReader("x"))
	wantKind(t, err, strongroom.KindNoUpload)
	quoted := last
	quoted.ETag = `"` + last.ETag + `"`
	if o, err := u.complete(one, two, quoted); err != nil || o.Size != 2*vault.SmallestPart+4 {
		t.Errorf("in the end: %+v, %v", o, err)
	}
}

// Fifty parts arrive at once, which is as many as there are segments in the end.
func TestUploadManyParts(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 250 MiB")
	}
	r := stocked(t, house.Options{})
	u := begin(t, r)
	const parts = 50
	body := content(t, vault.SmallestPart)
	listed := make([]vault.CompletePart, parts)
	slots := make(chan struct{}, 4)
	atOnce(parts, func(i int) {
		slots <- struct{}{}
		defer func() { <-slots }()
		listed[i] = u.put(1+i*200, body)
	})
	o, err := u.complete(listed...)
	if err != nil || o.Size != parts*vault.SmallestPart || len(o.Parts) != parts {
		t.Fatalf("%d bytes in %d parts, %v", o.Size, len(o.Parts), err)
	}
	atOnce(8, func(i int) { // more segments than are kept open, at once
		for n := i; n < parts-1; n += 8 {
			border := int64(n+1) * vault.SmallestPart
			got, err := r.Get(r.Owner, "calls", uploadKey, border-100, 200)
			if err != nil || !bytes.Equal(got, append(slices.Clone(body[len(body)-100:]), body[:100]...)) {
				t.Errorf("across border %d: %d bytes, %v", n, len(got), err)
			}
		}
	})
}

// Aborting removes what was stored, and nothing can be added afterwards.
func TestAbortRemovesFiles(t *testing.T) {
	r := stocked(t, house.Options{})
	stored := len(files(t, r))
	u := begin(t, r)
	one := u.put(1, content(t, 100_000))
	u.put(2, content(t, 5))
	if n := len(files(t, r)); n != stored+3 {
		t.Fatalf("an upload of two parts has %d files", n-stored)
	}
	wantKind(t, r.Room.DeleteBucket(t.Context(), r.Owner, "calls"), strongroom.KindNotEmpty)
	if err := r.Room.Abort(t.Context(), r.Owner, "calls", uploadKey, u.id); err != nil {
		t.Fatal(err)
	}
	wantKind(t, r.Room.Abort(t.Context(), r.Owner, "calls", uploadKey, u.id), strongroom.KindNoUpload)
	_, err := u.complete(one)
	wantKind(t, err, strongroom.KindNoUpload)
	housetest.Eventually(t, "its files are removed", func() bool { return len(files(t, r)) == stored })
	page, err := r.Room.ListUploads(t.Context(), r.Owner, vault.ListUploadsRequest{Bucket: "calls", Max: 10})
	if err != nil || len(page.Uploads) != 0 {
		t.Errorf("still listed: %+v, %v", page, err)
	}
}

// Of several who complete at once with different lists one wins, and whoever asked for
// the same; its object is whole; a part that arrives meanwhile does not harm it.
func TestCompletingAtOnce(t *testing.T) {
	r := stocked(t, house.Options{})
	for range 5 {
		u := begin(t, r)
		big := content(t, vault.SmallestPart)
		one, two := u.put(1, big), u.put(2, []byte("end"))
		lists := [][]vault.CompletePart{{one, two}, {one}, {two}, {one, two}}
		var won sync.Map // versions
		atOnce(len(lists)+4, func(i int) {
			if i >= len(lists) {
				_, err := r.Room.PutPart(t.Context(), r.Owner, vault.PartRequest{Bucket: "calls", Key: uploadKey, Upload: u.id, Number: 1 + i%2, Size: -1}, bytes.NewReader(big[:10]))
				if err != nil && strongroom.KindOf(err) != strongroom.KindNoUpload {
					t.Errorf("a part: %v", err)
				}
				return
			}
			switch o, err := u.complete(lists[i]...); strongroom.KindOf(err) {
			case "":
				if err == nil {
					won.Store(o.Version, true)
				} else {
					t.Error(err)
				}
			case strongroom.KindNoUpload, strongroom.KindInvalidPart, strongroom.KindPartTooSmall:
			default:
				t.Errorf("completing: %v", err)
			}
		})
		winners := 0
		won.Range(func(any, any) bool { winners++; return true })
		switch winners {
		case 0: // the parts were replaced first
			if err := r.Room.Abort(t.Context(), r.Owner, "calls", uploadKey, u.id); err != nil {
				t.Error(err)
			}
		case 1:
			time.Sleep(20 * time.Millisecond) // what is to be erased is
			o, err := r.Room.Head(t.Context(), r.Owner, "calls", uploadKey, "")
			if err != nil {
				t.Fatal(err)
			}
			if got, err := r.Get(r.Owner, "calls", uploadKey, 0, -1); err != nil || int64(len(got)) != o.Size {
				t.Errorf("the object of %v reads as %d bytes, %v", o.Parts, len(got), err)
			}
		default:
			t.Errorf("one upload became %d versions", winners)
		}
	}
}

// A segment that is gone is damage: the read breaks off before it.
func TestMissingSegment(t *testing.T) {
	r := stocked(t, house.Options{})
	u := begin(t, r)
	big := content(t, vault.SmallestPart)
	o, err := u.complete(u.put(1, big), u.put(2, []byte("end")))
	if err != nil {
		t.Fatal(err)
	}
	segments, err := filepath.Glob(filepath.Join(r.Path, "blobs", o.Blob.String()[:2], o.Blob.String()+".2.*"))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	if err := os.Remove(segments[0]); err != nil {
		t.Fatal(err)
	}
	got, err := r.Get(r.Owner, "calls", uploadKey, 0, -1)
	wantKind(t, err, strongroom.KindDamaged)
	if !bytes.Equal(got, big) {
		t.Errorf("%d bytes of the first part left", len(got))
	}
}

// What a crash left behind is swept, what lives is not.
func TestSweep(t *testing.T) {
	r := stocked(t, house.Options{})
	u := begin(t, r)
	one := u.put(1, content(t, 100))
	done := begin(t, r)
	if _, err := done.complete(done.put(1, []byte("whole"))); err != nil {
		t.Fatal(err)
	}
	settled := len(files(t, r))

	orphan, o, live := strongroom.NewID().String(), strongroom.NewID(), u.blob(t)
	stale := []string{
		orphan, orphan + ".stanzas", o.String() + ".1." + strongroom.NewID().String(),
		live + ".1." + strongroom.NewID().String(), // an attempt that never got a row
		live + ".2." + strongroom.NewID().String(),
	}
	for _, name := range stale {
		w, err := r.Blobs.Create(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := r.Room.Sweep(t.Context(), time.Now().Add(-time.Hour)); err != nil || n != 0 {
		t.Errorf("what is young was swept: %d, %v", n, err)
	}
	if n, err := r.Room.Sweep(t.Context(), time.Now().Add(time.Hour)); err != nil || n != len(stale) {
		t.Errorf("%d files were swept of %d, %v", n, len(stale), err)
	}
	housetest.Eventually(t, "the files that no row names go", func() bool { return len(files(t, r)) == settled })
	if got, err := r.Get(r.Owner, "calls", uploadKey, 0, -1); err != nil || string(got) != "whole" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := r.Get(r.Owner, "calls", "call.wav", 0, -1); err != nil || string(got) != "in confidence" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := u.complete(one); err != nil {
		t.Errorf("the upload in progress: %v", err)
	}
	if got, err := r.Get(r.Owner, "calls", uploadKey, 0, -1); err != nil || len(got) != 100 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// Nothing is swept while a backup copies what rows named when it began.
func TestSweepDuringBackup(t *testing.T) {
	r := stocked(t, house.Options{})
	settled := len(files(t, r))
	w, err := r.Blobs.Create(t.Context(), strongroom.NewID().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	backup, err := os.OpenFile(filepath.Join(r.Path, "erase.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(backup.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Room.Sweep(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 1 {
		t.Errorf("%d files were swept, %v", n, err)
	}
	time.Sleep(100 * time.Millisecond) // in which the file would go
	if n := len(files(t, r)); n != settled+1 {
		t.Errorf("%d files are left of %d", n, settled+1)
	}
	if err := backup.Close(); err != nil {
		t.Fatal(err)
	}
	housetest.Eventually(t, "the file goes", func() bool { return len(files(t, r)) == settled })
}

// blob finds the blob that an upload's parts belong to.
func (u upload) blob(t testing.TB) string {
	t.Helper()
	row, err := u.Book.Row(t.Context(), "upload", u.id.String())
	if err != nil {
		t.Fatal(err)
	}
	return row.Ref
}

// Announced and Checksums may end a completion; the upload stays.
func TestCompletionThatTheDoorRefuses(t *testing.T) {
	r := stocked(t, house.Options{})
	u := begin(t, r)
	one := u.put(1, []byte("abc"))
	no := errors.New("the checksum is another")
	_, err := r.Room.Complete(t.Context(), r.Owner, vault.CompleteRequest{Bucket: "calls", Key: uploadKey, Upload: u.id, Parts: []vault.CompletePart{one},
		Checksums: func([]vault.Part) (map[string]string, string, error) { return nil, "", no }})
	if !errors.Is(err, no) {
		t.Fatal(err)
	}
	if _, err := u.complete(one); err != nil {
		t.Error(err)
	}
}

// A bucket with nothing but uploads in progress may go, and takes them along, on record.
func TestDeleteBucketAbortsUploads(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	u, err := r.Room.CreateUpload(t.Context(), r.Owner, vault.UploadRequest{Bucket: "calls", Key: "big"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Room.PutPart(t.Context(), r.Owner, vault.PartRequest{Bucket: "calls", Key: "big", Upload: u.ID, Number: 1, Size: 3}, strings.NewReader("abc")); err != nil {
		t.Fatal(err)
	}
	r.Put("calls", "k", []byte("x"), nil)
	wantKind(t, r.Room.DeleteBucket(t.Context(), r.Owner, "calls"), strongroom.KindNotEmpty)
	if _, err := r.Room.ListParts(t.Context(), r.Owner, "calls", "big", u.ID, 0, 10); err != nil {
		t.Errorf("a bucket that stays keeps its uploads: %v", err)
	}
	if err := deleted(r.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: "k"}})); err != nil {
		t.Fatal(err)
	}
	from := r.Book.Head().Size
	if err := r.Room.DeleteBucket(t.Context(), r.Owner, "calls"); err != nil {
		t.Fatal(err)
	}
	var did []string
	for _, k := range records(t, r, from) {
		did = append(did, k.evidence.Action)
	}
	if want := []string{"upload-abort", "bucket-delete"}; !slices.Equal(did, want) {
		t.Errorf("recorded as %q, want %q", did, want)
	}
	housetest.Eventually(t, "no file is left", func() bool { return len(files(t, r)) == 0 })
}

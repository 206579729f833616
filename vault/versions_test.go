package vault_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

// modelled is what S3's documentation says a bucket holds: of each key the versions,
// the newest first.
type modelled struct {
	versioning strongroom.Versioning
	keys       map[string][]modelVersion
}

type modelVersion struct {
	name   string // as clients see it
	marker bool
	body   string
}

// add makes a version current, replacing the null version where it is one.
func (m *modelled) add(key string, v modelVersion) {
	if v.name == "null" {
		m.remove(key, "null")
	}
	m.keys[key] = append([]modelVersion{v}, m.keys[key]...)
}

func (m *modelled) remove(key, version string) {
	m.keys[key] = slices.DeleteFunc(m.keys[key], func(v modelVersion) bool { return v.name == version })
	if len(m.keys[key]) == 0 {
		delete(m.keys, key)
	}
}

// versions goes through every page of a listing of versions.
func versions(t testing.TB, r *housetest.Room, q vault.ListVersionsRequest) (names []string) {
	t.Helper()
	for range 10_000 {
		page, err := r.Room.ListVersions(t.Context(), r.Owner, q)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(page.Versions) + len(page.Prefixes); n > q.Max || page.Truncated && n != q.Max {
			t.Fatalf("a page of %d entries, %t more, where %d were asked for", n, page.Truncated, q.Max)
		}
		for _, o := range page.Versions {
			names = append(names, fmt.Sprintf("%s %s marker=%t latest=%t", o.Key, o.VersionName(), o.Marker, o.Latest))
		}
		names = append(names, page.Prefixes...)
		if !page.Truncated {
			return names
		}
		q.AfterKey, q.AfterVersion = page.NextKey, page.NextVersion
	}
	t.Fatal("the listing does not end")
	return nil
}

// A bucket's versions are what S3's rules make of them, whatever is done in whatever
// order, before and after a restart, and the ledger says the same.
func TestVersionsFollowTheModel(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	random := rand.New(rand.NewPCG(1, 2))
	m := modelled{keys: map[string][]modelVersion{}}
	names := []string{"a", "a/1", "a/2", "b", "b/1/x", "c"}
	check := func(step int) {
		t.Helper()
		var want, current []string
		for _, key := range slices.Sorted(func(yield func(string) bool) {
			for k := range m.keys {
				if !yield(k) {
					return
				}
			}
		}) {
			for i, v := range m.keys[key] {
				want = append(want, fmt.Sprintf("%s %s marker=%t latest=%t", key, v.name, v.marker, i == 0))
				if i == 0 && !v.marker {
					current = append(current, key)
				}
			}
		}
		if got := versions(t, r, vault.ListVersionsRequest{Bucket: "calls", Max: 1 + random.IntN(5)}); !slices.Equal(got, want) {
			t.Fatalf("after step %d the versions are\n%s\nand should be\n%s", step, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if got := keys(t, r, "calls"); got != strings.Join(current, " ") {
			t.Fatalf("after step %d the keys are %q, and should be %q", step, got, current)
		}
		key := names[random.IntN(len(names))]
		for _, v := range m.keys[key] {
			o, err := r.Room.Open(t.Context(), r.Owner, vault.GetRequest{Bucket: "calls", Key: key, Version: v.name, Plan: whole})
			if v.marker {
				wantKind(t, err, strongroom.KindMarker)
				continue
			}
			if err != nil {
				t.Fatalf("after step %d reading %s %s: %v", step, key, v.name, err)
			}
			var got bytes.Buffer
			_, err = o.WriteTo(&got)
			o.Close()
			if err != nil || got.String() != v.body {
				t.Fatalf("after step %d %s %s reads %q, %v, and was stored as %q", step, key, v.name, got.String(), err, v.body)
			}
		}
		_, err := r.Get(r.Owner, "calls", key, 0, -1)
		if all := m.keys[key]; len(all) == 0 || all[0].marker {
			wantKind(t, err, strongroom.KindNoObject)
		} else if err != nil {
			t.Fatalf("after step %d reading %s: %v", step, key, err)
		}
	}
	for step := range 120 {
		key := names[random.IntN(len(names))]
		switch n := random.IntN(100); {
		case n < 35:
			body := fmt.Sprint("body ", step)
			o := r.Put("calls", key, []byte(body), nil)
			if null := m.versioning != strongroom.VersioningEnabled; o.Null != null {
				t.Fatalf("stored as %+v under versioning %q", o, m.versioning)
			}
			m.add(key, modelVersion{name: o.VersionName(), body: body})
		case n < 50: // a copy of a version that is there
			from := names[random.IntN(len(names))]
			if len(m.keys[from]) == 0 {
				continue
			}
			v := m.keys[from][random.IntN(len(m.keys[from]))]
			if v.marker {
				continue
			}
			c, err := r.Room.Copy(t.Context(), r.Owner, vault.CopyRequest{Bucket: "calls", Key: key, Source: vault.Source{Bucket: "calls", Key: from, Version: v.name}})
			if err != nil {
				t.Fatal(err)
			}
			m.add(key, modelVersion{name: c.Object.VersionName(), body: v.body})
		case n < 65:
			results, err := r.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: key}})
			if err := deleted(results, err); err != nil {
				t.Fatal(err)
			}
			if m.versioning == strongroom.Unversioned {
				m.remove(key, "null")
			} else {
				if !results[0].Marker {
					t.Fatalf("no marker was made: %+v", results[0])
				}
				m.add(key, modelVersion{name: results[0].MarkerVersion, marker: true})
			}
		case n < 90:
			if len(m.keys[key]) == 0 {
				continue
			}
			v := m.keys[key][random.IntN(len(m.keys[key]))]
			results, err := r.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: key, Version: v.name}})
			if err := deleted(results, err); err != nil {
				t.Fatal(err)
			}
			if results[0].Marker != v.marker {
				t.Fatalf("deleting %+v answered %+v", v, results[0])
			}
			m.remove(key, v.name)
		case n < 97:
			if step > 20 {
				m.versioning = []strongroom.Versioning{strongroom.VersioningEnabled, strongroom.VersioningSuspended}[random.IntN(2)]
				r.Configure("calls", func(b *strongroom.Bucket) { b.Versioning = m.versioning })
			}
		default:
			r.Stop()
			r = housetest.Open(t, r, house.Options{})
		}
		check(step)
	}
	v := &tampered{t: t, path: r.Path, room: r.ID, key: r.LedgerKey}
	r.Stop()
	if report := v.state(); !report.Sound() {
		t.Errorf("the rows are not what the ledger says: %+v", report)
	}
}

// Whatever many do to one key at once, it keeps one current version, no version is
// lost, and the listing in memory is the one that a restart reads.
func TestVersionsUnderContention(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	r.Configure("calls", func(b *strongroom.Bucket) { b.Versioning = strongroom.VersioningEnabled })
	const callers, each = 8, 12
	made := make([][]string, callers)
	gone := make([][]string, callers)
	atOnce(callers, func(i int) {
		for j := range each {
			o, err := r.Room.Put(context.Background(), r.Owner, vault.PutRequest{Bucket: "calls", Key: "k", Size: 1}, strings.NewReader("x"))
			if err != nil {
				if strongroom.KindOf(err) != strongroom.KindConflict {
					t.Error(err)
				}
				continue
			}
			made[i] = append(made[i], o.VersionName())
			if j%3 == 2 { // the current one as likely as not
				results, err := r.Room.Delete(context.Background(), r.Owner, "calls", []vault.DeleteRequest{{Key: "k", Version: o.VersionName()}})
				if err := deleted(results, err); err != nil {
					if strongroom.KindOf(err) != strongroom.KindConflict {
						t.Error(err)
					}
					continue
				}
				gone[i] = append(gone[i], o.VersionName())
			}
		}
	})
	all, dropped := slices.Concat(made...), slices.Concat(gone...)
	want := slices.DeleteFunc(all, func(v string) bool { return slices.Contains(dropped, v) })
	before := versions(t, r, vault.ListVersionsRequest{Bucket: "calls", Max: 7})
	if len(before) != len(want) || len(want) == 0 {
		t.Errorf("%d versions are left, %d should be", len(before), len(want))
	}
	for i, line := range before {
		if latest := strings.HasSuffix(line, "latest=true"); latest != (i == 0) {
			t.Errorf("entry %d: %s", i, line)
		}
		if !slices.Contains(want, strings.Fields(line)[1]) {
			t.Errorf("a version that was deleted is there: %s", line)
		}
	}
	r.Stop()
	r = housetest.Open(t, r, house.Options{})
	if after := versions(t, r, vault.ListVersionsRequest{Bucket: "calls", Max: 1000}); !slices.Equal(after, before) {
		t.Errorf("after a restart the versions are\n%s\nand were\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
}

// A page goes on where the last one ended, also when what it ended with was deleted.
func TestListVersionsWhileDeleting(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	r.Configure("calls", func(b *strongroom.Bucket) { b.Versioning = strongroom.VersioningEnabled })
	for i := range 30 {
		r.Put("calls", fmt.Sprint("k", i%3), []byte("x"), nil)
	}
	q, seen := vault.ListVersionsRequest{Bucket: "calls", Max: 4}, 0
	for {
		page, err := r.Room.ListVersions(t.Context(), r.Owner, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Versions {
			seen++
			if err := deleted(r.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: o.Key, Version: o.VersionName()}})); err != nil {
				t.Fatal(err)
			}
		}
		if !page.Truncated {
			break
		}
		q.AfterKey, q.AfterVersion = page.NextKey, page.NextVersion
	}
	if left := versions(t, r, vault.ListVersionsRequest{Bucket: "calls", Max: 100}); seen != 30 || len(left) != 0 {
		t.Errorf("%d versions were told and %q are left", seen, left)
	}
	if err := r.Room.DeleteBucket(t.Context(), r.Owner, "calls"); err != nil {
		t.Errorf("the bucket is empty: %v", err)
	}
}

// A delimiter rolls up versions as it does keys.
func TestListVersionsRollsUp(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	r.Configure("calls", func(b *strongroom.Bucket) { b.Versioning = strongroom.VersioningEnabled })
	for _, key := range []string{"a/1", "a/2", "b", "c/1"} {
		r.Put("calls", key, []byte("x"), nil)
		r.Put("calls", key, []byte("y"), nil)
	}
	for most := 1; most < 6; most++ {
		var short []string
		for _, line := range versions(t, r, vault.ListVersionsRequest{Bucket: "calls", Delimiter: "/", Max: most}) {
			short = append(short, strings.Fields(line)[0])
		}
		slices.Sort(short)
		if want := []string{"a/", "b", "b", "c/"}; !slices.Equal(short, want) {
			t.Errorf("%d a page: %q, want %q", most, short, want)
		}
	}
}

// A write whose condition does not hold changes nothing; of many that must find nothing
// one succeeds.
func TestPreconditions(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	put := func(key string, p vault.Precondition) (strongroom.Object, error) {
		return r.Room.Put(context.Background(), r.Owner, vault.PutRequest{Bucket: "calls", Key: key, Size: 1, Precondition: p}, strings.NewReader("x"))
	}
	for _, versioning := range []strongroom.Versioning{strongroom.Unversioned, strongroom.VersioningEnabled} {
		if versioning != "" {
			r.Configure("calls", func(b *strongroom.Bucket) { b.Versioning = versioning })
		}
		key := "k" + string(versioning)
		_, err := put(key, vault.Precondition{IfMatch: "*"})
		wantKind(t, err, strongroom.KindNoObject)
		won := 0
		results := make([]error, 8)
		atOnce(len(results), func(i int) { _, results[i] = put(key, vault.Precondition{IfNoneMatch: true}) })
		for _, err := range results {
			if err == nil {
				won++
			} else {
				wantKind(t, err, strongroom.KindPrecondition)
			}
		}
		if won != 1 {
			t.Errorf("%d of %d stores found nothing before them", won, len(results))
		}
		o, err := r.Room.Head(t.Context(), r.Owner, "calls", key, "")
		if err != nil {
			t.Fatal(err)
		}
		_, err = put(key, vault.Precondition{IfMatch: "0123"})
		wantKind(t, err, strongroom.KindPrecondition)
		second, err := put(key, vault.Precondition{IfMatch: o.ETag})
		if err != nil {
			t.Fatal(err)
		}
		_, err = put(key, vault.Precondition{IfMatch: o.ETag})
		wantKind(t, err, strongroom.KindPrecondition)
		wantKind(t, deleted(r.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: key, IfMatch: o.ETag}})), strongroom.KindPrecondition)
		if err := deleted(r.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: key, IfMatch: second.ETag}})); err != nil {
			t.Error(err)
		}
		if _, err := put(key, vault.Precondition{IfNoneMatch: true}); err != nil {
			t.Errorf("after the deletion there is nothing: %v", err)
		}
	}
}

// A copy shares the sealed bytes: they stay as long as one of the two is there. It asks
// for the right to open the source, and leaves a record of its own.
func TestCopy(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	r.Bucket("other")
	want := content(t, 200_000)
	source := r.Put("calls", "call.wav", want, map[string]string{"strongroom-queue": "billing"})
	stored := len(files(t, r))

	c := r.Owner
	c.Purpose = strongroom.Purpose{}
	request := vault.CopyRequest{Bucket: "other", Key: "copy.wav", Source: vault.Source{Bucket: "calls", Key: "call.wav"}}
	from := r.Book.Head().Size
	_, err := r.Room.Copy(t.Context(), c, request)
	wantKind(t, err, strongroom.KindDenied)
	if found := records(t, r, from); len(found) != 1 || found[0].kind != vault.KindRefusal || found[0].evidence.Action != string(strongroom.ActionReadObject) {
		t.Errorf("a copy without a purpose is recorded as %+v", found)
	}

	from = r.Book.Head().Size
	made, err := r.Room.Copy(t.Context(), r.Owner, request)
	if err != nil {
		t.Fatal(err)
	}
	found := records(t, r, from)
	if len(found) != 2 || found[0].kind != vault.KindStore || found[1].kind != vault.KindCopy {
		t.Fatalf("a copy is recorded as %+v", found)
	}
	if e := found[1].evidence; e.Version != source.Version || e.Blob != source.Blob || found[0].evidence.Version != made.Object.Version {
		t.Errorf("the records name %+v and %+v", found[0].evidence, e)
	}
	if made.Object.Blob != source.Blob || made.Object.ETag != source.ETag || made.Object.Attribute("queue") != "billing" {
		t.Errorf("the copy is %+v", made.Object)
	}
	if n := len(files(t, r)); n != stored {
		t.Errorf("the copy made files: %d where %d were", n, stored)
	}

	if err := deleted(r.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: "call.wav"}})); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // what is to be erased is
	if got, err := r.Get(r.Owner, "other", "copy.wav", 0, -1); err != nil || !bytes.Equal(got, want) {
		t.Errorf("without its source the copy does not open: %v", err)
	}
	if err := deleted(r.Room.Delete(t.Context(), r.Owner, "other", []vault.DeleteRequest{{Key: "copy.wav"}})); err != nil {
		t.Fatal(err)
	}
	housetest.Eventually(t, "the shared bytes are erased with the last of the two", func() bool { return len(files(t, r)) == stored-2 })
	_, err = r.Room.Copy(t.Context(), r.Owner, request)
	wantKind(t, err, strongroom.KindNoObject)
}

// Whoever may not declare a scrubbed copy cannot do it by copying either.
func TestCopyDoesNotScrub(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	r.Put("calls", "raw", []byte("x"), nil)
	_, err := r.Room.Copy(t.Context(), r.Owner, vault.CopyRequest{
		Bucket: "calls", Key: "scrubbed", Source: vault.Source{Bucket: "calls", Key: "raw"},
		ReplaceMeta: true, Declared: vault.Declared{Meta: map[string]string{"strongroom-scrubbed": "true"}},
	})
	wantKind(t, err, strongroom.KindDenied)
}

// A part may be a range of another object; what was copied is a release like any other.
func TestCopyPart(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	want := content(t, 300_000)
	r.Put("calls", "source", want, nil)
	u, err := r.Room.CreateUpload(t.Context(), r.Owner, vault.UploadRequest{Bucket: "calls", Key: "made"})
	if err != nil {
		t.Fatal(err)
	}
	from := r.Book.Head().Size
	p, source, err := r.Room.CopyPart(t.Context(), r.Owner, vault.PartCopyRequest{
		Bucket: "calls", Key: "made", Upload: u.ID, Number: 3,
		Source: vault.Source{Bucket: "calls", Key: "source", Plan: span(1000, 200_000)},
	})
	if err != nil || source.Key != "source" || p.Size != 200_000 {
		t.Fatalf("%+v, %+v, %v", p, source, err)
	}
	deliveries(t, r, from, 1)
	if _, err := r.Room.Complete(t.Context(), r.Owner, vault.CompleteRequest{Bucket: "calls", Key: "made", Upload: u.ID, Parts: []vault.CompletePart{{Number: 3, ETag: p.ETag}}}); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Get(r.Owner, "calls", "made", 0, -1); err != nil || !bytes.Equal(got, want[1000:201_000]) {
		t.Errorf("the copied part is not the range, %v", err)
	}
}

// Retention keeps a version until its time: compliance from everybody, governance from
// all but those who may bypass it and say so.
func TestRetention(t *testing.T) {
	var now clock
	r := housetest.New(t, house.Options{Clock: now.now})
	if _, err := r.Room.CreateBucket(t.Context(), r.Owner, vault.BucketRequest{Name: "kept", Lock: true}); err != nil {
		t.Fatal(err)
	}
	put := func(mode strongroom.LockMode, d time.Duration) strongroom.Object {
		t.Helper()
		var keep strongroom.Retention
		if mode != "" {
			keep = strongroom.Retention{Mode: mode, Until: now.now().Add(d)}
		}
		o, err := r.Room.Put(t.Context(), r.Owner, vault.PutRequest{Bucket: "kept", Key: "k", Size: 1, Declared: vault.Declared{Retention: keep}}, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	remove := func(o strongroom.Object, bypass bool) error {
		return deleted(r.Room.Delete(t.Context(), r.Owner, "kept", []vault.DeleteRequest{{Key: "k", Version: o.VersionName(), Bypass: bypass}}))
	}
	set := func(o strongroom.Object, mode strongroom.LockMode, d time.Duration, bypass bool) error {
		_, err := r.Room.SetRetention(t.Context(), r.Owner, "kept", "k", o.VersionName(), strongroom.Retention{Mode: mode, Until: now.now().Add(d)}, bypass)
		return err
	}
	soft, hard := put(strongroom.Governance, time.Hour), put(strongroom.Compliance, time.Hour)
	if err := deleted(r.Room.Delete(t.Context(), r.Owner, "kept", []vault.DeleteRequest{{Key: "k"}})); err != nil {
		t.Errorf("a delete marker deletes no version: %v", err)
	}
	wantKind(t, remove(soft, false), strongroom.KindHeld)
	wantKind(t, remove(hard, true), strongroom.KindHeld)
	wantKind(t, set(hard, strongroom.Compliance, time.Minute, true), strongroom.KindHeld)
	wantKind(t, set(hard, strongroom.Governance, 2*time.Hour, true), strongroom.KindHeld)
	wantKind(t, set(soft, strongroom.Governance, time.Minute, false), strongroom.KindHeld)
	without := r.Owner
	without.Purpose = strongroom.Purpose{}
	_, err := r.Room.SetRetention(t.Context(), without, "kept", "k", soft.VersionName(), strongroom.Retention{}, true)
	wantKind(t, err, strongroom.KindDenied) // to bypass asks for a purpose
	if err := set(soft, strongroom.Governance, 2*time.Hour, false); err != nil {
		t.Errorf("longer: %v", err)
	}
	if err := set(soft, strongroom.Governance, time.Minute, true); err != nil {
		t.Errorf("shorter, by those who may: %v", err)
	}
	if err := remove(soft, true); err != nil {
		t.Errorf("by those who may: %v", err)
	}
	r.Configure("kept", func(b *strongroom.Bucket) { b.Lock = &strongroom.LockRule{Mode: strongroom.Compliance, Days: 2} })
	byDefault := put("", 0)
	now.advance(90 * time.Minute)
	if err := remove(hard, false); err != nil {
		t.Errorf("after its time: %v", err)
	}
	wantKind(t, remove(byDefault, false), strongroom.KindHeld)
	if _, err := r.Room.SetLegalHold(t.Context(), r.Owner, "kept", "k", byDefault.VersionName(), true); err != nil {
		t.Fatal(err)
	}
	now.advance(48 * time.Hour)
	if err := remove(byDefault, true); err == nil {
		t.Error("what is under legal hold was deleted")
	}
	if _, err := r.Room.SetLegalHold(t.Context(), r.Owner, "kept", "k", byDefault.VersionName(), false); err != nil {
		t.Fatal(err)
	}
	if err := remove(byDefault, false); err != nil {
		t.Errorf("after hold and time: %v", err)
	}
	err = r.Room.ConfigureBucket(t.Context(), r.Owner, "kept", "test", func(b *strongroom.Bucket) error { b.Lock = nil; return nil })
	wantKind(t, err, strongroom.KindBadState)
}

// A hold that is placed while an object is being replaced or deleted is never run over:
// either the hold came too late and finds nothing, or what it holds stays.
func TestHoldRacesDeletion(t *testing.T) {
	r := housetest.New(t, house.Options{})
	if _, err := r.Room.CreateBucket(t.Context(), r.Owner, vault.BucketRequest{Name: "kept", Lock: true}); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		o := r.Put("kept", "k", []byte("x"), nil)
		var held, removed error
		atOnce(2, func(j int) {
			if j == i%2 {
				_, held = r.Room.SetLegalHold(context.Background(), r.Owner, "kept", "k", o.VersionName(), true)
			} else {
				removed = deleted(r.Room.Delete(context.Background(), r.Owner, "kept", []vault.DeleteRequest{{Key: "k", Version: o.VersionName()}}))
			}
		})
		_, err := r.Room.Head(t.Context(), r.Owner, "kept", "k", o.VersionName())
		if held == nil && (removed == nil || err != nil) {
			t.Fatalf("held, and deleted: %v, %v", removed, err)
		}
		if held != nil && removed != nil {
			t.Fatalf("neither: %v, %v", held, removed)
		}
	}
}

// Tags are replaced as a whole, and a version named keeps its own.
func TestTags(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	r.Configure("calls", func(b *strongroom.Bucket) { b.Versioning = strongroom.VersioningEnabled })
	first := r.Put("calls", "k", []byte("1"), nil)
	r.Put("calls", "k", []byte("2"), nil)
	set := func(version, value string) {
		t.Helper()
		if _, err := r.Room.SetTags(t.Context(), r.Owner, "calls", "k", version, []strongroom.Tag{{Key: "team", Value: value}}); err != nil {
			t.Fatal(err)
		}
	}
	set("", "current")
	set(first.VersionName(), "older")
	for version, want := range map[string]string{"": "current", first.VersionName(): "older"} {
		o, err := r.Room.Head(t.Context(), r.Owner, "calls", "k", version)
		if err != nil || len(o.Tags) != 1 || o.Tags[0].Value != want {
			t.Errorf("%q: %+v, %v", version, o.Tags, err)
		}
	}
	if got, err := r.Get(r.Owner, "calls", "k", 0, -1); err != nil || string(got) != "2" {
		t.Errorf("a tagged object reads %q, %v", got, err)
	}
}

// A bucket policy holds as long as the bucket has it, beside the room's own, and is in
// the ledger with the policy set.
func TestBucketPolicy(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	r.Put("calls", "k", []byte("x"), nil)
	ana := r.Person(strongroom.Principal{Name: "ana"})
	ana.Purpose = strongroom.Purpose{Text: "testing"}
	read := func() strongroom.Kind {
		_, err := r.Get(ana, "calls", "k", 0, -1)
		return strongroom.KindOf(err)
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Sid":"ana","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/ana"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::calls/*"}]}`
	if k := read(); k != strongroom.KindDenied {
		t.Errorf("without a policy: %q", k)
	}
	if err := r.Room.SetBucketPolicy(t.Context(), r.Owner, "calls", []byte(policy)); err != nil {
		t.Fatal(err)
	}
	if k := read(); k != "" {
		t.Errorf("with the policy: %q", k)
	}
	wantKind(t, r.Room.SetBucketPolicy(t.Context(), ana, "calls", nil), strongroom.KindDenied)
	wantKind(t, r.Room.SetBucketPolicy(t.Context(), r.Owner, "calls", []byte("{")), strongroom.KindNotPolicy)
	everybody := strings.ReplaceAll(policy, `{"AWS":"arn:aws:iam::000000000000:user/ana"}`, `"*"`)
	wantKind(t, r.Room.SetBucketPolicy(t.Context(), r.Owner, "calls", []byte(everybody)), strongroom.KindDenied)

	// Another set for the room leaves the bucket's in force, and it survives a restart.
	if _, err := r.Room.PutPolicy(t.Context(), r.Owner, []byte(`@id("owners") permit (principal in Group::"data-owners", action, resource);`)); err != nil {
		t.Fatal(err)
	}
	r.Stop()
	r = housetest.Open(t, r, house.Options{})
	if k := read(); k != "" {
		t.Errorf("after another set was put: %q", k)
	}
	if err := r.Room.SetBucketPolicy(t.Context(), r.Owner, "calls", nil); err != nil {
		t.Fatal(err)
	}
	if k := read(); k != strongroom.KindDenied {
		t.Errorf("after it was taken away: %q", k)
	}
	if err := r.Room.SetBucketPolicy(t.Context(), r.Owner, "calls", []byte(policy)); err != nil {
		t.Fatal(err)
	}
	if err := deleted(r.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: "k"}})); err != nil {
		t.Fatal(err)
	}
	if err := r.Room.DeleteBucket(t.Context(), r.Owner, "calls"); err != nil {
		t.Fatal(err)
	}
	r.Bucket("calls")
	r.Put("calls", "k", []byte("x"), nil)
	if k := read(); k != strongroom.KindDenied {
		t.Errorf("another bucket of the same name has the old one's policy: %q", k)
	}
	v := &tampered{t: t, path: r.Path, room: r.ID, key: r.LedgerKey}
	r.Stop()
	if report := v.state(); !report.Sound() {
		t.Errorf("the rows are not what the ledger says: %+v", report)
	}
}

// Configuration and versions are checked at commit, so that a store under way while
// versioning is enabled does not replace what is to be kept.
func TestVersioningEnabledMeanwhile(t *testing.T) {
	for i := range 8 {
		r := housetest.New(t, house.Options{})
		r.Bucket("calls")
		first := r.Put("calls", "k", []byte("first"), nil)
		atOnce(2, func(j int) {
			if j == 0 {
				r.Configure("calls", func(b *strongroom.Bucket) { b.Versioning = strongroom.VersioningEnabled })
			} else {
				r.Room.Put(context.Background(), r.Owner, vault.PutRequest{Bucket: "calls", Key: "k", Size: 1}, strings.NewReader("x"))
			}
		})
		all := versions(t, r, vault.ListVersionsRequest{Bucket: "calls", Max: 10})
		o, err := r.Room.Head(t.Context(), r.Owner, "calls", "k", "null")
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case len(all) == 1 && o.Version != first.Version: // the store came first
		case len(all) == 2 && o.Version == first.Version:
		default:
			t.Errorf("round %d: %q, and the null version is %s", i, all, cmp.Or(o.Version.String(), "none"))
		}
		r.Stop()
	}
}

// Of many policies put at once none is lost: what is in force at the end is what the
// room and its buckets say.
func TestPoliciesUnderContention(t *testing.T) {
	r := housetest.New(t, house.Options{})
	const buckets = 4
	for i := range buckets {
		r.Bucket(fmt.Sprint("calls-", i))
		r.Put(fmt.Sprint("calls-", i), "k", []byte("x"), nil)
	}
	ana := r.Person(strongroom.Principal{Name: "ana"})
	ana.Purpose = strongroom.Purpose{Text: "testing"}
	results := make([]error, buckets+1)
	atOnce(buckets+1, func(i int) {
		if i == buckets {
			_, results[i] = r.Room.PutPolicy(context.Background(), r.Owner, []byte(`@id("owners") permit (principal in Group::"data-owners", action, resource);`))
			return
		}
		policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/ana"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::calls-%d/*"}]}`, i)
		results[i] = r.Room.SetBucketPolicy(context.Background(), r.Owner, fmt.Sprint("calls-", i), []byte(policy))
	})
	for i, err := range results {
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	for i := range buckets {
		if _, err := r.Get(ana, fmt.Sprint("calls-", i), "k", 0, -1); err != nil {
			t.Errorf("the policy of bucket %d is not in force: %v", i, err)
		}
	}
}

// A copy bears the hold that its source bore when the copy was committed, whichever way
// it was made; where there is no object lock it can still be lifted.
func TestCopyBearsTheHold(t *testing.T) {
	r := housetest.New(t, house.Options{})
	if _, err := r.Room.CreateBucket(t.Context(), r.Owner, vault.BucketRequest{Name: "locked", Lock: true}); err != nil {
		t.Fatal(err)
	}
	r.Bucket("plain")
	r.Put("locked", "k", []byte("evidence"), nil)
	classify, armed := r.Room.Classify, true
	r.Room.Classify = func(head []byte, declared string, meta map[string]string) strongroom.Label {
		if armed { // the copy is under way, and its source has been read
			armed = false
			if _, err := r.Room.SetLegalHold(t.Context(), r.Owner, "locked", "k", "", true); err != nil {
				t.Error(err)
			}
		}
		l := classify(head, declared, meta)
		if meta["strongroom-kind"] == "card" {
			l.Classes = append(l.Classes, "card")
		}
		return l
	}
	source := vault.Source{Bucket: "locked", Key: "k", Plan: whole}
	c, err := r.Room.Copy(t.Context(), r.Owner, vault.CopyRequest{Bucket: "locked", Key: "copy", Source: source})
	if err != nil || !c.Object.LegalHold {
		t.Errorf("a copy committed after the hold: hold %t, %v", c.Object.LegalHold, err)
	}
	r.Put("locked", "k", []byte("evidence"), map[string]string{"strongroom-kind": "card"})
	if _, err := r.Room.SetLegalHold(t.Context(), r.Owner, "locked", "k", "", true); err != nil {
		t.Fatal(err)
	}
	u, err := r.Room.CreateUpload(t.Context(), r.Owner, vault.UploadRequest{Bucket: "plain", Key: "parts"})
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := r.Room.CopyPart(t.Context(), r.Owner, vault.PartCopyRequest{Bucket: "plain", Key: "parts", Upload: u.ID, Number: 1, Source: source})
	if err != nil {
		t.Fatal(err)
	}
	o, err := r.Room.Complete(t.Context(), r.Owner, vault.CompleteRequest{Bucket: "plain", Key: "parts", Upload: u.ID, Parts: []vault.CompletePart{{Number: 1, ETag: p.ETag}}})
	if err != nil || !o.LegalHold || !slices.Contains(o.Label.Classes, "card") {
		t.Errorf("made of a copied part: hold %t, label %+v, %v", o.LegalHold, o.Label, err)
	}
	remove := func() error {
		return deleted(r.Room.Delete(t.Context(), r.Owner, "plain", []vault.DeleteRequest{{Key: "parts"}}))
	}
	if remove() == nil {
		t.Error("what is held was deleted")
	}
	if _, err := r.Room.SetLegalHold(t.Context(), r.Owner, "plain", "parts", "", false); err != nil {
		t.Errorf("lifting a hold that a copy brought along: %v", err)
	}
	if err := remove(); err != nil {
		t.Errorf("after the hold was lifted: %v", err)
	}
}

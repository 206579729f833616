package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

// neighbours are two rooms in one data folder.
func neighbours(t testing.TB, o house.Options) (a, b *housetest.Room) {
	dir := t.TempDir()
	a = housetest.Open(t, housetest.Found(t, dir), o)
	b = housetest.Open(t, housetest.Found(t, dir), o)
	a.Bucket("calls")
	b.Bucket("calls")
	return a, b
}

// P8: nothing of one room reaches the other: no key, id, name, blob or upload.
func TestRoomsDoNotMeet(t *testing.T) {
	a, b := neighbours(t, house.Options{})
	secret := a.Put("calls", "of a", []byte("said in room a"), nil)
	mine := b.Put("calls", "of b", []byte("said in room b"), nil)

	if _, err := b.Room.Credential(a.Founded.KeyID); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("an access key of another room: %v", err)
	}
	for name, ask := range asks(b, a.Owner) {
		if err := ask(); strongroom.KindOf(err) != strongroom.KindDenied {
			t.Errorf("a person of another room may %s: %v", name, err)
		}
	}
	forged := b.Owner // of the other room's name and groups, with an id of this room's own
	forged.Principal.Groups = append(forged.Principal.Groups, "platform-administrators")
	if _, err := b.Get(forged, "calls", "of b", 0, -1); err != nil {
		t.Errorf("the principal's row decides, not what a door passes on: %v", err)
	}
	_, err := b.Get(b.Owner, "calls", "of a", 0, -1)
	wantKind(t, err, strongroom.KindNoObject)
	if got := keys(t, b, "calls"); got != "of b" {
		t.Errorf("room b shows %q", got)
	}
	u, err := a.Room.CreateUpload(t.Context(), a.Owner, vault.UploadRequest{Bucket: "calls", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Room.PutPart(t.Context(), b.Owner, vault.PartRequest{Bucket: "calls", Key: "k", Upload: u.ID, Number: 1, Size: -1}, strings.NewReader("x"))
	wantKind(t, err, strongroom.KindNoUpload)
	if _, known := b.Room.PrincipalByName("nobody"); known {
		t.Error("a name that is in no room is known")
	}
	if err := b.Room.RevokeKey(t.Context(), b.Owner, a.Founded.KeyID); strongroom.KindOf(err) != strongroom.KindInvalid {
		t.Errorf("another room's key was revoked: %v", err)
	}
	if _, err := a.Room.Credential(a.Founded.KeyID); err != nil {
		t.Errorf("room a's key: %v", err)
	}
	if _, err := b.Room.PolicySet(t.Context(), strings.Repeat("0", 64)); err == nil {
		t.Error("a set that was never put is there")
	}

	// Whoever moves sealed files between rooms moves nothing readable.
	path := func(r *housetest.Room, blob strongroom.ID) string {
		return filepath.Join(r.Path, "blobs", blob.String()[:2], blob.String())
	}
	if err := os.Remove(path(b, mine.Blob)); err != nil {
		t.Fatal(err)
	}
	if err := copyFile(path(a, secret.Blob), path(b, mine.Blob)); err != nil {
		t.Fatal(err)
	}
	got, err := b.Get(b.Owner, "calls", "of b", 0, -1)
	wantKind(t, err, strongroom.KindDamaged)
	if len(got) != 0 {
		t.Errorf("%d bytes of room a left through room b", len(got))
	}

	// The ledgers are apart, each with a key of its own.
	if bytes.Equal(a.Book.Head().Checkpoint, b.Book.Head().Checkpoint) || a.LedgerKey == b.LedgerKey {
		t.Error("the rooms share a ledger")
	}
	for _, k := range records(t, b, 0) {
		for _, leak := range []string{a.ID.String(), secret.Blob.String(), secret.Version.String()} {
			if strings.Contains(string(k.Evidence)+string(k.Leaf), leak) {
				t.Errorf("record %d of room b names %s of room a", k.Index, leak)
			}
		}
	}
}

// Only one process serves a room.
func TestOneServes(t *testing.T) {
	r := housetest.New(t, house.Options{})
	info, err := house.Find(r.Dir, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = house.Open(t.Context(), r.Dir, info, house.Options{Serve: true})
	wantKind(t, err, strongroom.KindConflict)
	beside, err := house.Open(t.Context(), r.Dir, info, house.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close(context.Background())
	r.Bucket("calls")
	r.Put("calls", "k", []byte("x"), nil)
	if err := beside.Book.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = beside.Room.Open(t.Context(), r.Owner, vault.GetRequest{Bucket: "calls", Key: "k", Plan: whole})
	wantKind(t, err, strongroom.KindUnavailable)
}

// P8: the room's own limits: one access key has at most a quarter of the slots, and
// all together no more than there are.
func TestSlots(t *testing.T) {
	r := housetest.New(t, house.Options{Concurrent: 8})
	enter := func(session string, want int) (leave []func()) {
		t.Helper()
		for {
			l, err := r.Room.Enter(t.Context(), session)
			if err != nil {
				wantKind(t, err, strongroom.KindBusy)
				break
			}
			leave = append(leave, l)
		}
		if len(leave) != want {
			t.Fatalf("%s holds %d slots, not %d", session, len(leave), want)
		}
		return leave
	}
	first := enter("a", 2)
	enter("b", 2)
	enter("c", 2)
	enter("d", 2)
	enter("e", 0)
	for _, leave := range first {
		leave()
	}
	enter("a", 2)
}

// p99 of n reads of a small object.
func p99(t *testing.T, r *housetest.Room, n int) time.Duration {
	t.Helper()
	took := make([]time.Duration, n)
	for i := range took {
		start := time.Now()
		if got, err := r.Get(r.Owner, "calls", "call.wav", 0, -1); err != nil || string(got) != "in confidence" {
			t.Fatalf("%q, %v", got, err)
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return took[n*99/100]
}

// P8: a room flooded with junk leaves its neighbour's latency and its own releases
// alive: the neighbour's p99 stays below ten times what it was (and 250 ms, since a
// machine with two busy processors has its own). Each flooding client waits 5 ms
// between requests, as the nearest network would have it.
func TestFloodedRoom(t *testing.T) {
	quiet, flooded := neighbours(t, house.Options{Concurrent: 64})
	quiet.Put("calls", "call.wav", []byte("in confidence"), nil)
	flooded.Put("calls", "call.wav", []byte("in confidence"), nil)
	stranger := flooded.Person(strongroom.Principal{Name: "stranger"})
	before := p99(t, quiet, 100)

	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var mu sync.Mutex
	junk, busy := 0, 0
	for i := range 32 {
		all.Go(func() {
			c := stranger
			c.Session = fmt.Sprintf("key %d", i%4)
			for n := 0; ctx.Err() == nil; n++ {
				time.Sleep(5 * time.Millisecond)
				leave, err := flooded.Room.Enter(ctx, c.Session)
				if err != nil {
					mu.Lock()
					busy++
					mu.Unlock()
					continue
				}
				switch n % 4 {
				case 0:
					flooded.Room.Noise("unsigned")
				case 1:
					_, err = flooded.Get(c, "calls", "call.wav", 0, -1)
				case 2:
					_, err = flooded.Room.Put(ctx, c, vault.PutRequest{Bucket: "calls", Key: "junk", Size: -1}, strings.NewReader("junk"))
				case 3:
					_, err = flooded.Room.List(ctx, c, vault.ListRequest{Bucket: "calls", Max: 1000})
				}
				leave()
				if err != nil && strongroom.KindOf(err) != strongroom.KindDenied && !errors.Is(err, context.Canceled) {
					t.Errorf("junk was answered with %v", err)
				}
				mu.Lock()
				junk++
				mu.Unlock()
			}
		})
	}
	// The machine may be busy with something else for a while: the best of a few tries counts.
	began, limit := time.Now(), max(10*before, 250*time.Millisecond)
	during, own := p99(t, quiet, 100), p99(t, flooded, 50)
	for try := 1; try < 6 && (during > limit || own > 2*time.Second); try++ {
		during, own = min(during, p99(t, quiet, 100)), min(own, p99(t, flooded, 50))
	}
	housetest.Eventually(t, "500 junk requests", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return junk >= 500
	})
	stop()
	all.Wait()
	t.Logf("p99 of a read: %v before, %v beside the flood, %v within it; %d junk requests, %d turned away", before, during, own, junk, busy)
	if during > limit {
		t.Errorf("the neighbour's p99 went from %v to %v", before, during)
	}
	if own > 2*time.Second {
		t.Errorf("the flooded room's own releases take %v", own)
	}
	if n := flooded.Book.Head().Size; n > 1000+100*int64(time.Since(began)/time.Second) {
		t.Errorf("the flood filled the ledger with %d records", n)
	}
}

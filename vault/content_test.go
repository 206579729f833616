package vault_test

import (
	"bytes"
	"slices"
	"testing"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

// What is done with content is told apart on record: opened, delivered, played, its
// transcript read, downloaded.
func TestContentIsToldApart(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	call := r.Put("calls", "a/one.wav", bytes.Repeat([]byte("sound"), 1000), map[string]string{"strongroom-queue": "billing"})
	words := r.Put("calls", "a/one_transcript.json", []byte(`{"phrases":[]}`), map[string]string{"strongroom-queue": "billing"})
	ines := r.Person(strongroom.Principal{Name: "ines.martin", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}})
	stranger := r.Person(strongroom.Principal{Name: "tom.keller", Groups: []string{"agents"}})
	why := ines
	why.Purpose = strongroom.Purpose{Text: "complaint 12"}
	whole := func(o strongroom.Object) (int64, int64, error) { return 0, o.Size, nil }
	at := vault.ObjectAt{Bucket: "calls", Key: "a/one.wav"}
	get := vault.GetRequest{Bucket: "calls", Key: "a/one.wav", Plan: whole, Shared: true}

	var lease strongroom.ID
	for i := range 3 {
		o, err := r.Room.Open(t.Context(), why, get)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && o.Lease != lease {
			t.Error("reads of the whole that are to share a lease do not")
		}
		lease = o.Lease
		if _, err := o.WriteTo(&bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
		if err := r.Room.NotePlayed(t.Context(), why, at, vault.Played{Release: o.Release, Lease: o.Lease, Millis: int64(1000 * i), Length: 20000}); err != nil {
			t.Fatal(err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		get.Inward = true // what comes next stays inside
	}
	// A transcript is opened for itself, and is the recording's on record.
	words2, ok, err := r.Room.Companion(t.Context(), why, "calls", []string{"a/one.vtt", "a/one_transcript.json"})
	if err != nil || !ok || words2.Version != words.Version {
		t.Fatalf("the transcript is not found: %v, %v", ok, err)
	}
	if _, ok, _ := r.Room.Companion(t.Context(), stranger, "calls", []string{"a/one_transcript.json"}); ok {
		t.Error("somebody who may not open a transcript is told of it")
	}
	o, err := r.Room.OpenTranscript(t.Context(), why, at, vault.GetRequest{Bucket: "calls", Key: "a/one_transcript.json", Plan: whole, Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	o.Close()
	if _, err := r.Room.OpenTranscript(t.Context(), stranger, at, vault.GetRequest{Bucket: "calls", Key: "a/one_transcript.json", Plan: whole}); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("a stranger's transcript: %v", err)
	}

	// What took a recording's place was not played, and its transcript not read.
	other := at
	other.Is = words.Version
	if err := r.Room.NotePlayed(t.Context(), why, other, vault.Played{Release: 1, Lease: lease, Millis: 9000, Length: 20000}); strongroom.KindOf(err) != strongroom.KindNoVersion {
		t.Errorf("another version was played: %v", err)
	}
	if _, err := r.Room.OpenTranscript(t.Context(), why, other, vault.GetRequest{Bucket: "calls", Key: "a/one_transcript.json", Plan: whole}); strongroom.KindOf(err) != strongroom.KindNoVersion {
		t.Errorf("another version's transcript: %v", err)
	}

	// To open is not to download.
	if _, err := r.Room.Download(t.Context(), why, vault.GetRequest{Bucket: "calls", Key: "a/one.wav", Plan: whole}); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("a supervisor downloads without an approval: %v", err)
	}
	o, err = r.Room.Download(t.Context(), r.Owner, vault.GetRequest{Bucket: "calls", Key: "a/one.wav", Plan: whole})
	if err != nil {
		t.Fatal(err)
	}
	o.Close()
	if err := r.Room.NotePlayed(t.Context(), why, at, vault.Played{Millis: -1}); strongroom.KindOf(err) != strongroom.KindInvalid {
		t.Errorf("less than nothing was played: %v", err)
	}
	if err := r.Room.NotePlayed(t.Context(), stranger, at, vault.Played{Millis: 1}); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("a stranger's player is believed: %v", err)
	}
	r.Stop()

	r2 := housetest.Open(t, r, house.Options{})
	var acts []string
	var played, inward, delivered int64
	for record, err := range r2.Book.Records(t.Context(), 0, r2.Book.Head().Size) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := vault.EventOf(record)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case e.Kind == vault.KindContent:
			if e.Version != call.Version || e.Principal() == nil {
				t.Errorf("%s is of %s by %v", e.Did, e.Version, e.Principal())
			}
			acts = append(acts, e.Did)
			played = max(played, e.Played)
		case e.Kind == vault.KindRefusal && e.Did == string(strongroom.ActionDownload):
			acts = append(acts, "download-refused")
		case e.Kind == vault.KindDelivery && e.Version == call.Version && e.Lease == lease:
			delivered, inward = e.Bytes, e.Inward
		}
	}
	want := []string{vault.ContentPlayed, vault.ContentPlayed, vault.ContentPlayed, vault.ContentTranscript, "download-refused", vault.ContentDownload}
	if !slices.Equal(acts, want) || played != 2000 || delivered != call.Size || inward != 2*call.Size {
		t.Errorf("on record are %q, played %d ms, delivered %d, inward %d", acts, played, delivered, inward)
	}
}

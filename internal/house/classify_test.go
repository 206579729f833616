package house_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strongroom"
	"strongroom/classify"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

// finished waits for a run.
func finished(t *testing.T, h *house.House, id strongroom.ID) *house.ClassifyRun {
	t.Helper()
	var run *house.ClassifyRun
	housetest.Eventually(t, "the run ends", func() bool {
		x, err := h.ClassifyRun(id)
		run = x
		return err == nil && x.State != house.ClassifyQueued && x.State != house.ClassifyRunning
	})
	return run
}

// TestClassifyRun: a run that another process asks for opens texts under the classifier's own name
// and purpose, makes labels stricter, leaves recordings closed, and says what it proposes.
func TestClassifyRun(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("docs")
	lead := strings.Repeat("words that say nothing. ", 300) // so that the beginning shows nothing
	r.Put("docs", "card.txt", []byte(lead+"carte 4111 1111 1111 1111, cryptogramme 123"), nil)
	r.Put("docs", "plain.txt", []byte(lead), nil)
	r.Put("docs", "call.wav", append([]byte("RIFF\x24\x00\x00\x00WAVEfmt "), make([]byte, 9000)...), map[string]string{"strongroom-kind": "call"})
	r.Put("docs", "picture.bin", bytes.Repeat([]byte{0, 1, 2, 3}, 3000), nil)
	r.Put("docs", "person.txt", []byte(lead+"zoe@example.fr"), nil)
	reason := "Zoé agreed to it"
	if _, _, err := r.House.Room.Relabel(t.Context(), r.Owner, vault.Relabelling{Bucket: "docs", Key: "person.txt", Classes: []string{"text", "legal"}, Reason: reason}); err != nil {
		t.Fatal(err)
	}
	beside, err := house.Open(t.Context(), r.Dir, r.Info, house.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close(t.Context())
	run := func(x house.ClassifyRun) *house.ClassifyRun {
		t.Helper()
		asked, err := beside.AskClassify(t.Context(), r.Owner, x)
		if err != nil {
			t.Fatal(err)
		}
		return finished(t, beside, asked.ID)
	}
	label := func(key string) (strongroom.Label, vault.Labelling) {
		t.Helper()
		o, l, err := r.House.Room.LabelOf(t.Context(), r.Owner, "docs", key, "")
		if err != nil {
			t.Fatal(err)
		}
		return o.Label, l
	}
	notes := func(x *house.ClassifyRun) (out []string) {
		for _, n := range x.Notes {
			out = append(out, n.Kind+" "+n.Key)
		}
		slices.Sort(out)
		return out
	}
	want := []string{"disputed person.txt", "may-be-loosened plain.txt", "tightened card.txt"}

	// Dry: nothing changes.
	x := run(house.ClassifyRun{Bucket: "docs", Dry: true})
	if x.State != house.ClassifyDone || x.Seen != 5 || x.Scanned != 4 || x.Media != 1 || x.Unread != 1 || x.Tightened != 1 || !slices.Equal(notes(x), want) {
		t.Fatalf("%+v", x)
	}
	if l, _ := label("card.txt"); slices.Contains(l.Classes, "card") {
		t.Fatalf("a dry run changed %+v", l)
	}
	x = run(house.ClassifyRun{})
	if x.State != house.ClassifyDone || x.Scanned != 4 || x.Tightened != 1 || x.Failed+x.Refused != 0 || !slices.Equal(notes(x), want) || x.Found["card-number"] != 1 {
		t.Fatalf("%+v", x)
	}
	l, from := label("card.txt")
	if !slices.Contains(l.Classes, "card") || !slices.Contains(l.Classes, "card-code") || !l.Confidential || from.By != "strongroom-classifier" || from.Detectors != classify.Version() {
		t.Fatalf("%+v %+v", l, from)
	}
	for _, reason := range l.Reasons {
		if strings.Contains(reason, "4111") || strings.Contains(reason, "123,") {
			t.Errorf("a reason tells what was found: %s", reason)
		}
	}
	if l, from = label("person.txt"); slices.Contains(l.Classes, "contact") || !from.Override || from.Reason != reason {
		t.Fatalf("%+v %+v", l, from)
	}
	// Once more: there is nothing to do.
	if x = run(house.ClassifyRun{}); x.Scanned != 0 || x.Current != 4 || x.Media != 1 {
		t.Fatalf("%+v", x)
	}
	// The releases are the classifier's, for its purpose, and the recording is not among them.
	opened := 0
	for record, err := range r.Book.Records(t.Context(), 0, r.Book.Head().Size) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := vault.EventOf(record)
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == "release" {
			opened++
			if q := e.Question; q.Principal.Name != "strongroom-classifier" || q.Context.Purpose.Text != "classification" || q.Resource.Key == "call.wav" {
				t.Errorf("released %+v", e.Question)
			}
		}
	}
	if opened != 8 { // two runs, four objects
		t.Errorf("%d releases", opened)
	}
	// Nothing that names an object lies in the clear beside the database.
	files, err := filepath.Glob(filepath.Join(r.Path, "classify", "*"))
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, f := range append(files, filepath.Join(r.Path, "ops.db")) {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(body, []byte("docs")) || bytes.Contains(body, []byte("card.txt")) {
			t.Errorf("%s names things", f)
		}
	}
	// Who may not set labels may not have them looked for.
	agent := r.Person(strongroom.Principal{Name: "agent", Groups: []string{"agents"}})
	if _, err := beside.AskClassify(t.Context(), agent, house.ClassifyRun{}); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("an agent asked for a run: %v", err)
	}
}

// TestClassifyGoesOn: a run that was broken off goes on when the room is served again, and looks at nothing twice.
func TestClassifyGoesOn(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("docs")
	for _, key := range []string{"a", "b", "c"} {
		r.Put("docs", key, []byte("mail "+key+"@example.com"), nil)
	}
	// The first was looked at, then the power went.
	info := r.Info
	r.Stop()
	beside, err := house.Open(t.Context(), r.Dir, info, house.Options{})
	if err != nil {
		t.Fatal(err)
	}
	owner := r.Owner
	x, err := beside.AskClassify(t.Context(), owner, house.ClassifyRun{Bucket: "docs", Prefix: "b"})
	if err != nil {
		t.Fatal(err)
	}
	y, err := beside.AskClassify(t.Context(), owner, house.ClassifyRun{})
	if err != nil {
		t.Fatal(err)
	}
	if err := beside.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := housetest.Open(t, r, house.Options{})
	if x = finished(t, again.House, x.ID); x.Scanned != 1 || x.Seen != 1 {
		t.Fatalf("%+v", x)
	}
	if y = finished(t, again.House, y.ID); y.Scanned != 2 || y.Current != 1 || y.State != house.ClassifyDone {
		t.Fatalf("%+v", y)
	}
}

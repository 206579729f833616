package vault_test

import (
	"slices"
	"strings"
	"testing"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

// TestRelabel: a stricter label is set at once and recorded, a looser one asks for a second person;
// the classifier only tightens and leaves what a person set.
func TestRelabel(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("docs")
	r.Configure("docs", func(b *strongroom.Bucket) { b.Versioning = strongroom.VersioningEnabled })
	older := r.Put("docs", "a.txt", []byte("nothing in it"), nil)
	o := r.Put("docs", "a.txt", []byte("nothing in it either"), nil)
	ctx, no, yes := t.Context(), false, true
	set := func(c vault.Caller, x vault.Relabelling) (strongroom.Object, vault.Labelling, error) {
		x.Bucket, x.Key = "docs", "a.txt"
		return r.House.Room.Relabel(ctx, c, x)
	}
	classifier := vault.Caller{Principal: vault.Classifier, Method: "local", Purpose: strongroom.Purpose{Text: vault.PurposeClassification}}
	found := strongroom.Label{Confidential: true, Classes: []string{"text", "card"}, Reasons: []string{"found card-number once"}}

	// What was never set has no provenance.
	if _, l, err := r.House.Room.LabelOf(ctx, r.Owner, "docs", "a.txt", ""); err != nil || l.By != "" {
		t.Fatalf("%+v, %v", l, err)
	}
	// The classifier tightens, for its purpose only.
	silent := classifier
	silent.Purpose.Text = "curiosity"
	_, _, err := set(silent, vault.Relabelling{Judged: &vault.Judged{Of: o.Version, Label: found, Detectors: "1"}})
	wantKind(t, err, strongroom.KindDenied)
	got, l, err := set(classifier, vault.Relabelling{Judged: &vault.Judged{Of: o.Version, Label: found, Detectors: "1"}})
	if err != nil || !slices.Contains(got.Label.Classes, "card") || l.By != "strongroom-classifier" || l.Override || l.Detectors != "1" || got.Version != o.Version {
		t.Fatalf("%+v %+v %v", got.Label, l, err)
	}
	// What it does not find any more stays, and so does why.
	got, l, err = set(classifier, vault.Relabelling{Judged: &vault.Judged{Of: o.Version, Label: strongroom.Label{Reasons: []string{"all looked at"}}, Detectors: "2"}})
	if err != nil || !got.Label.Confidential || !slices.Contains(got.Label.Classes, "card") || !slices.Contains(got.Label.Reasons, "found card-number once") || l.Detectors != "2" {
		t.Fatalf("%+v %+v %v", got.Label, l, err)
	}
	// A person sets more at once, and it is on record with the reason.
	before := r.Book.Head().Size
	got, l, err = set(r.Owner, vault.Relabelling{Classes: []string{"health", "card", "text"}, Reason: "a diagnosis on page 2"})
	if err != nil || !slices.Equal(got.Label.Classes, []string{"card", "health", "text"}) || !l.Override || l.By != "owner" || got.Label.Reasons[0] != "set: a diagnosis on page 2" {
		t.Fatalf("%+v %+v %v", got.Label, l, err)
	}
	recorded := ofKind(records(t, r, before), vault.KindAmend)
	if len(recorded) != 1 || recorded[0].evidence.Action != "relabel" || recorded[0].evidence.Version != o.Version || !strings.Contains(recorded[0].personal.Detail, "a diagnosis on page 2") {
		t.Fatalf("recorded %+v", recorded)
	}
	// Less takes a second person: the refusal says so, is on record, and nothing changed.
	for _, x := range []vault.Relabelling{{Confidential: &no, Reason: "a flyer"}, {Classes: []string{"text"}, Reason: "a flyer"}} {
		before = r.Book.Head().Size
		_, _, err = set(r.Owner, x)
		wantKind(t, err, strongroom.KindDenied)
		if e := err.(*strongroom.Error); !slices.Equal(e.Missing, []strongroom.Obligation{strongroom.ObligeApproval}) {
			t.Errorf("missing %v", e.Missing)
		}
		if refused := ofKind(records(t, r, before), vault.KindRefusal); len(refused) != 1 || refused[0].evidence.Action != "loosenLabel" {
			t.Errorf("recorded %+v", refused)
		}
	}
	if again, _, err := r.House.Room.LabelOf(ctx, r.Owner, "docs", "a.txt", ""); err != nil || !slices.Equal(again.Label.Classes, got.Label.Classes) || !again.Label.Confidential {
		t.Fatalf("%+v, %v", again.Label, err)
	}
	// The classifier leaves what a person set, and notes only that it looked.
	got, l, err = set(classifier, vault.Relabelling{Judged: &vault.Judged{Of: o.Version, Label: strongroom.Label{Confidential: true, Classes: []string{"bank"}}, Detectors: "3"}})
	if err != nil || slices.Contains(got.Label.Classes, "bank") || !l.Override || l.By != "owner" || l.Detectors != "3" {
		t.Fatalf("%+v %+v %v", got.Label, l, err)
	}
	// Each version has its own label.
	if was, l, err := r.House.Room.LabelOf(ctx, r.Owner, "docs", "a.txt", older.VersionName()); err != nil || l.By != "" || slices.Contains(was.Label.Classes, "health") {
		t.Fatalf("%+v %+v %v", was.Label, l, err)
	}
	// A copy bears the classes, but nobody has set them there.
	if _, err := r.House.Room.Copy(ctx, r.Owner, vault.CopyRequest{Bucket: "docs", Key: "b.txt", Source: vault.Source{Bucket: "docs", Key: "a.txt"}}); err != nil {
		t.Fatal(err)
	}
	if copied, l, err := r.House.Room.LabelOf(ctx, r.Owner, "docs", "b.txt", ""); err != nil || l.Override || !slices.Contains(copied.Label.Classes, "health") {
		t.Fatalf("%+v %+v %v", copied.Label, l, err)
	}
	// What a label may not say.
	for _, x := range []vault.Relabelling{{Confidential: &yes}, {Classes: []string{"Card!"}, Reason: "x"}, {Classes: make([]string, 33), Reason: "x"}, {Reason: strings.Repeat("x", 513)}} {
		_, _, err = set(r.Owner, x)
		wantKind(t, err, strongroom.KindInvalid)
	}
	// An agent may not.
	agent := r.Person(strongroom.Principal{Name: "agent", Groups: []string{"agents"}})
	_, _, err = set(agent, vault.Relabelling{Confidential: &yes, Reason: "x"})
	wantKind(t, err, strongroom.KindDenied)
	if err := r.House.Room.MayClassify(ctx, agent, "", ""); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("an agent has the room looked through: %v", err)
	}
	if err := r.House.Room.MayClassify(ctx, r.Owner, "", ""); err != nil {
		t.Error(err)
	}
}

// What was found in one content says nothing of what took its place, also where both bear
// the same version's name.
func TestJudgementIsOfTheContentThatWasRead(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("docs")
	read := r.Put("docs", "a.txt", []byte("a card"), nil)
	r.Put("docs", "a.txt", []byte("what nobody has looked at"), nil)
	classifier := vault.Caller{Principal: vault.Classifier, Method: "local", Purpose: strongroom.Purpose{Text: vault.PurposeClassification}}
	_, _, err := r.House.Room.Relabel(t.Context(), classifier, vault.Relabelling{
		Bucket: "docs", Key: "a.txt", Version: "null",
		Judged: &vault.Judged{Of: read.Version, Label: strongroom.Label{Confidential: true, Classes: []string{"card"}}, Detectors: "1"},
	})
	wantKind(t, err, strongroom.KindNoVersion)
	if o, l, err := r.House.Room.LabelOf(t.Context(), r.Owner, "docs", "a.txt", ""); err != nil || l.Detectors != "" || slices.Contains(o.Label.Classes, "card") {
		t.Errorf("%+v %+v %v", o.Label, l, err)
	}
}

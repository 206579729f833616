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

// What others approve is the label that they saw: no other, of no other version, and only
// while they count.
func TestApprovedLoosening(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("docs")
	r.Put("docs", "flyer.txt", []byte("come and see"), nil)
	ctx, room := t.Context(), r.House.Room
	second := r.Person(strongroom.Principal{Name: "second", Groups: []string{"data-owners"}})
	no := false
	set := func(x vault.Relabelling) error {
		x.Bucket, x.Key, x.Reason = "docs", "flyer.txt", "published last year"
		_, _, err := room.Relabel(ctx, r.Owner, x)
		return err
	}
	ask := func(to *vault.NewLabel) (vault.Request, error) {
		return room.RequestAccess(ctx, r.Owner, vault.AccessRequest{
			Action: strongroom.ActionLoosenLabel, Bucket: "docs", Objects: []vault.ObjectName{{Key: "flyer.txt"}}, To: to, Purpose: strongroom.Purpose{Text: "testing"},
		})
	}
	if err := set(vault.Relabelling{Classes: []string{"health", "text"}}); err != nil {
		t.Fatal(err)
	}
	for _, to := range []*vault.NewLabel{nil, {}, {Classes: []string{"health", "text", "card"}}, {Classes: []string{"Not a class"}}} {
		if _, err := ask(to); strongroom.KindOf(err) != strongroom.KindInvalid {
			t.Errorf("asking for %+v: %v", to, err)
		}
	}
	if _, err := room.RequestAccess(ctx, r.Owner, vault.AccessRequest{
		Action: strongroom.ActionReadObject, Bucket: "docs", Objects: []vault.ObjectName{{Key: "flyer.txt"}}, To: &vault.NewLabel{Confidential: &no}, Purpose: strongroom.Purpose{Text: "x"},
	}); strongroom.KindOf(err) != strongroom.KindInvalid {
		t.Errorf("a label with a read: %v", err)
	}
	q, err := ask(&vault.NewLabel{Classes: []string{"text"}})
	if err != nil {
		t.Fatal(err)
	}
	less := vault.Relabelling{Classes: []string{"text"}}
	wantKind(t, set(less), strongroom.KindDenied) // nobody has approved yet
	if _, err := room.Approve(ctx, second, q.ID, "", 0); err != nil {
		t.Fatal(err)
	}
	for _, other := range []vault.Relabelling{{Classes: []string{}}, {Confidential: &no}, {Classes: []string{"text"}, Confidential: &no}, {Classes: []string{"health"}}} {
		wantKind(t, set(other), strongroom.KindDenied)
	}
	before := r.Book.Head().Size
	if err := set(less); err != nil {
		t.Fatal(err)
	}
	recorded := ofKind(records(t, r, before), vault.KindAmend)
	if len(recorded) != 1 || recorded[0].evidence.Action != "loosenLabel" {
		t.Fatalf("recorded %+v", recorded)
	}
	asked := recorded[0].personal.Question.Context
	if asked.Request != q.ID || !slices.Equal(asked.Approvals, []strongroom.ID{second.Principal.ID}) || asked.To == nil || !slices.Equal(asked.To.Classes, []string{"text"}) || !asked.To.Confidential {
		t.Errorf("the record says %+v", asked)
	}
	if o, _, err := room.LabelOf(ctx, r.Owner, "docs", "flyer.txt", ""); err != nil || !slices.Equal(o.Label.Classes, []string{"text"}) || !o.Label.Confidential {
		t.Errorf("%+v, %v", o.Label, err)
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

// What is found in something after its label may be loosened was approved by nobody.
func TestApprovalToLoosenIsOfWhatWasKnown(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("docs")
	o := r.Put("docs", "a.txt", []byte("nothing in it"), nil)
	second := r.Person(strongroom.Principal{Name: "second", Groups: []string{"data-owners"}})
	ctx, room, no := t.Context(), r.House.Room, false
	to := vault.NewLabel{Confidential: &no, Classes: []string{}}
	q, err := room.RequestAccess(ctx, r.Owner, vault.AccessRequest{Action: strongroom.ActionLoosenLabel, Bucket: "docs", Objects: []vault.ObjectName{{Key: "a.txt"}}, To: &to, Purpose: strongroom.Purpose{Text: "a flyer"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := room.Approve(ctx, second, q.ID, "", 0); err != nil {
		t.Fatal(err)
	}
	classifier := vault.Caller{Principal: vault.Classifier, Method: "local", Purpose: strongroom.Purpose{Text: vault.PurposeClassification}}
	found := strongroom.Label{Confidential: true, Classes: []string{"card"}, Reasons: []string{"found card-number once"}}
	if _, _, err := room.Relabel(ctx, classifier, vault.Relabelling{Bucket: "docs", Key: "a.txt", Judged: &vault.Judged{Of: o.Version, Label: found, Detectors: "2"}}); err != nil {
		t.Fatal(err)
	}
	c := r.Owner
	c.Purpose = strongroom.Purpose{}
	less := vault.Relabelling{Bucket: "docs", Key: "a.txt", Confidential: &no, Classes: []string{}, Reason: "a flyer"}
	_, _, err = room.Relabel(ctx, c, less)
	wantKind(t, err, strongroom.KindDenied)
	// Asked for and approved with that known, it is loosened, to no class at all.
	if q, err = room.RequestAccess(ctx, r.Owner, vault.AccessRequest{Action: strongroom.ActionLoosenLabel, Bucket: "docs", Objects: []vault.ObjectName{{Key: "a.txt"}}, To: &to, Purpose: strongroom.Purpose{Text: "a flyer"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := room.Approve(ctx, second, q.ID, "", 0); err != nil {
		t.Fatal(err)
	}
	if got, _, err := room.Relabel(ctx, c, less); err != nil || got.Label.Confidential || len(got.Label.Classes) > 0 {
		t.Errorf("%+v, %v", got.Label, err)
	}
}

// Who says what something is means what they have seen, not what took its place.
func TestLabelIsOfTheVersionThatWasSeen(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("docs")
	seen := r.Put("docs", "a.txt", []byte("a flyer"), nil)
	now := r.Put("docs", "a.txt", []byte("what nobody has looked at"), nil)
	set := func(of strongroom.ID) error {
		_, _, err := r.House.Room.Relabel(t.Context(), r.Owner, vault.Relabelling{Bucket: "docs", Key: "a.txt", Of: of, Classes: append(slices.Clone(now.Label.Classes), "name"), Reason: "as it says"})
		return err
	}
	wantKind(t, set(seen.Version), strongroom.KindNoVersion)
	if err := set(now.Version); err != nil {
		t.Error(err)
	}
}

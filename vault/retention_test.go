package vault_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/book"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

// epoch lies after whatever the clock of the machine says while a room is founded.
var epoch = time.Date(2040, 3, 1, 9, 30, 0, 0, time.UTC)

func ruledRoom(t testing.TB) (*housetest.Room, *setClock) {
	t.Helper()
	clock := clockAt(epoch)
	return housetest.New(t, house.Options{Clock: clock.now}), clock
}

func period(t testing.TB, s string) vault.Period {
	t.Helper()
	p, err := vault.ParsePeriod(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Periods end with the last hour of the day that has the same number, as laws count them.
func TestPeriod(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct{ period, from, to string }{
		{"5y", "2026-03-01 10:30", "2031-03-02 00:00"},
		{"5y", "2026-03-01 00:00", "2031-03-02 00:00"},
		{"1y", "2028-02-29 23:59", "2029-03-01 00:00"},
		{"6m", "2026-08-31 12:00", "2027-03-01 00:00"},
		{"1m", "2026-12-31 12:00", "2027-02-01 00:00"},
		{"18m", "2026-06-15 12:00", "2027-12-16 00:00"},
		{"90d", "2026-01-01 12:00", "2026-04-02 00:00"},
		{"1y2m3d", "2026-01-01 12:00", "2027-03-05 00:00"},
	} {
		p := period(t, c.period)
		if got := p.After(at(c.from)); !got.Equal(at(c.to)) {
			t.Errorf("%s from %s is over at %s, want %s", c.period, c.from, got, c.to)
		}
		if p.String() != c.period {
			t.Errorf("%s is written %s", c.period, p)
		}
	}
	for _, bad := range []string{"", "5", "y", "5 y", "-5y", "5Y", "1d1y", "0d", "0y0m", "1001y", "99999y", "999999d", "5y ", "P5Y"} {
		if p, err := vault.ParsePeriod(bad); err == nil {
			t.Errorf("%q was read as %s", bad, p)
		}
	}
}

func FuzzParsePeriod(f *testing.F) {
	for _, s := range []string{"5y", "18m", "90d", "1y6m3d", "", "y", "0d", "1000y", "01y", "9999999d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := vault.ParsePeriod(s)
		if err != nil {
			return
		}
		again, err := vault.ParsePeriod(p.String())
		if err != nil || again != p {
			t.Fatalf("%q is %s, and that is %v (%v)", s, p, again, err)
		}
		if end := p.After(epoch); !end.After(epoch) || end.Year() > 9999 {
			t.Fatalf("%q from %s is over at %s", s, epoch, end)
		}
	})
}

func TestPresetsSayWhatTheLawSays(t *testing.T) {
	have := map[string]vault.Preset{}
	presets, err := vault.Presets()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range presets {
		if p.Basis == "" || p.Says == "" || p.Minimum.IsZero() && p.Maximum.IsZero() && p.Needs == "" {
			t.Errorf("%+v is no rule", p)
		}
		have[p.Name] = p
	}
	if have["mifid2"].Minimum != (vault.Period{Years: 5}) || have["mifid2-seven-years"].Minimum != (vault.Period{Years: 7}) || have["sec-17a-4-communications"].Minimum != (vault.Period{Years: 3}) {
		t.Errorf("%+v", have)
	}
	for _, name := range []string{"pci-dss-account-data", "gdpr-storage-limitation"} {
		if have[name].Needs != "maximum" {
			t.Errorf("%s: nobody has said how long", name)
		}
	}
}

func (r governed) remove(c vault.Caller, bucket, key, version string) error {
	results, err := r.Room.Room.Delete(context.Background(), c, bucket, []vault.DeleteRequest{{Key: key, Version: version}})
	if err != nil {
		return err
	}
	return results[0].Err
}

type governed struct{ *housetest.Room }

func (r governed) put(t testing.TB, bucket, key string, change ...func(*vault.PutRequest)) (strongroom.Object, error) {
	t.Helper()
	req := vault.PutRequest{Bucket: bucket, Key: key, Size: 4, Declared: vault.Declared{Headers: map[string]string{"Content-Type": "audio/wav"}}}
	for _, c := range change {
		c(&req)
	}
	return r.Room.Room.Put(t.Context(), r.Owner, req, bytes.NewReader([]byte("RIFF")))
}

func (r governed) run(t testing.TB, dry bool) vault.LifecycleReport {
	t.Helper()
	report, err := r.Room.Room.RunLifecycle(t.Context(), vault.LifecycleRequest{Dry: dry})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func (r governed) rule(t testing.TB, rule vault.RetentionRule) {
	t.Helper()
	if rule.Basis == "" {
		rule.Basis = "because"
	}
	if _, err := r.Room.Room.PutRetention(t.Context(), r.Owner, rule, "a test"); err != nil {
		t.Fatal(err)
	}
}

// sound holds every row against the ledger.
func sound(t testing.TB, r *housetest.Room) {
	t.Helper()
	state := book.NewState()
	for record, err := range r.Book.Records(t.Context(), 0, r.Book.Head().Size) {
		if err != nil {
			t.Fatal(err)
		}
		if err := state.Add(record); err != nil {
			t.Fatal(err)
		}
	}
	report, err := state.Compare(t.Context(), r.Book.Rows(t.Context(), "", ""))
	if err != nil || !report.Sound() {
		t.Fatalf("the rows are not what the ledger says: %+v %v", report, err)
	}
}

// A minimum stands against everybody until it is over: who replaces, who deletes, the
// bucket's own rules. It is told until when, and why to those who may know.
func TestMinimumRetention(t *testing.T) {
	room, clock := ruledRoom(t)
	r := governed{room}
	r.Bucket("calls")
	r.Bucket("other")
	clerk := r.Person(strongroom.Principal{Name: "clerk", Groups: []string{"clerks"}})
	text, err := room.Room.PolicySet(t.Context(), must(room.Room.PolicyInForce()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := room.Room.PutPolicy(t.Context(), r.Owner, append(text, "\n@id(\"clerks\")\npermit (principal in Group::\"clerks\", action == Action::\"deleteObject\", resource);"...)); err != nil {
		t.Fatal(err)
	}
	for _, bucket := range []string{"calls", "other"} {
		if _, err := r.put(t, bucket, "a"); err != nil {
			t.Fatal(err)
		}
	}
	r.rule(t, vault.RetentionRule{Name: "short", Minimum: period(t, "10d"), Bucket: "calls"})
	r.rule(t, vault.RetentionRule{Name: "long", Minimum: period(t, "1m"), Bucket: "calls", Class: "voice", Basis: "MiFID II Art. 16(7)"})
	r.rule(t, vault.RetentionRule{Name: "none", Minimum: period(t, "9y"), Bucket: "calls", Class: "health"})
	r.Configure("calls", func(b *strongroom.Bucket) {
		b.Lifecycle = []strongroom.LifecycleRule{{ID: "soon", Enabled: true, Days: 5}}
	})
	const until = "2040-04-02T00:00:00Z"
	from := r.Book.Head().Size
	for who, c := range map[string]vault.Caller{"owner": r.Owner, "clerk": clerk} {
		err := r.remove(c, "calls", "a", "")
		wantKind(t, err, strongroom.KindKept)
		if told := strings.Contains(err.Error(), "MiFID II"); !strings.Contains(err.Error(), until) || told != (who == "owner") {
			t.Errorf("the %s is told %q", who, err)
		}
	}
	_, err = r.put(t, "calls", "a")
	wantKind(t, err, strongroom.KindKept)
	if refused := ofKind(records(t, room, from), vault.KindRefusal); len(refused) != 3 || refused[0].personal.Detail != "minimum retention" || refused[0].evidence.Decision != "deny" {
		t.Errorf("%d refusals are on record: %+v", len(refused), refused)
	}
	if err := r.remove(r.Owner, "other", "a", ""); err != nil {
		t.Errorf("a bucket without a rule: %v", err)
	}
	clock.advance(20 * 24 * time.Hour)
	from = r.Book.Head().Size
	if report := r.run(t, false); report.Done != 0 || report.Kept["minimum retention"] != 1 {
		t.Errorf("%+v", report)
	}
	if all := records(t, room, from); len(all) != 0 {
		t.Errorf("what is only kept left %d records", len(all))
	}
	end, _ := time.Parse(time.RFC3339, until)
	clock.at.Store(end.Add(-time.Second).UnixNano())
	wantKind(t, r.remove(r.Owner, "calls", "a", ""), strongroom.KindKept)
	clock.advance(time.Second)
	if report := r.run(t, false); report.Done != 1 || len(report.ByRule) != 1 || report.ByRule[0] != (vault.LifecycleTally{Bucket: "calls", By: "lifecycle", Rule: "soon", Act: "delete", Done: 1, Bytes: 4}) {
		t.Errorf("%+v", report)
	}
	deleted := ofKind(records(t, room, from), vault.KindDelete)
	if len(deleted) != 1 || deleted[0].evidence.Action != "lifecycle-expire" || deleted[0].personal.Detail != "lifecycle rule soon" ||
		deleted[0].personal.Question.Principal.Name != "strongroom-lifecycle" || !slices.Contains(deleted[0].evidence.Policies, "lifecycle-deletes-what-is-due") {
		t.Errorf("the deletion is on record as %+v", deleted)
	}
	if runs := ofKind(records(t, room, from), vault.KindLifecycle); len(runs) != 1 || runs[0].evidence.Counts["done"] != 1 || runs[0].evidence.Bytes != 4 {
		t.Errorf("the run is on record as %+v", runs)
	}
	sound(t, room)
}

func must(s string, err error) string {
	if err != nil {
		panic(err)
	}
	return s
}

// What lets more be destroyed than before needs a reason; what is stricter does not.
func TestLooseningNeedsAReason(t *testing.T) {
	room, _ := ruledRoom(t)
	room.Bucket("calls")
	put := func(minimum, maximum, bucket, class, reason string) error {
		rule := vault.RetentionRule{Name: "rule", Bucket: bucket, Class: class, Basis: "b"}
		if minimum != "" {
			rule.Minimum = period(t, minimum)
		}
		if maximum != "" {
			rule.Maximum = period(t, maximum)
		}
		_, err := room.Room.PutRetention(t.Context(), room.Owner, rule, reason)
		return err
	}
	for i, c := range []struct {
		minimum, maximum, bucket, class string
		loosens                         bool
	}{
		{"1y", "", "calls", "voice", false},
		{"366d", "", "calls", "voice", false}, // never shorter than a year
		{"365d", "", "calls", "voice", true},  // in a leap year
		{"2y", "", "calls", "", false},
		{"2y", "", "", "", false},
		{"2y", "", "calls", "", true},
		{"2y", "9y", "calls", "", true},
		{"2y", "10y", "calls", "", false},
		{"3y", "10y", "", "", true},
		{"", "10y", "", "", true},
		{"", "10y", "calls", "", false},
		{"", "8y", "calls", "", true},
	} {
		err := put(c.minimum, c.maximum, c.bucket, c.class, "")
		if (err != nil) != c.loosens {
			t.Errorf("%d: %+v without a reason: %v", i, c, err)
		}
		if err := put(c.minimum, c.maximum, c.bucket, c.class, "decided"); err != nil {
			t.Errorf("%d: %+v with a reason: %v", i, c, err)
		}
	}
	from := room.Book.Head().Size
	if err := put("5y", "", "calls", "", ""); err != nil {
		t.Fatal(err)
	}
	wantKind(t, room.Room.DropRetention(t.Context(), room.Owner, "rule", ""), strongroom.KindInvalid)
	if err := room.Room.DropRetention(t.Context(), room.Owner, "rule", "board of 3 March"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, room.Room.DropRetention(t.Context(), room.Owner, "rule", "again"), strongroom.KindInvalid)
	kept := ofKind(records(t, room, from), vault.KindRetention)
	if len(kept) != 2 || kept[0].evidence.Action != "retention-put" || kept[1].evidence.Action != "retention-remove" || !strings.Contains(kept[1].personal.Detail, "board of 3 March") {
		t.Errorf("%+v", kept)
	}
	agent := room.Person(strongroom.Principal{Name: "agent", Groups: []string{"agents"}})
	_, err := room.Room.PutRetention(t.Context(), agent, vault.RetentionRule{Name: "x", Minimum: period(t, "1y"), Basis: "b"}, "")
	wantKind(t, err, strongroom.KindDenied)
	wantKind(t, room.Room.DropRetention(t.Context(), agent, "rule", "r"), strongroom.KindDenied)
	_, _, err = room.Room.Retention(t.Context(), agent)
	wantKind(t, err, strongroom.KindDenied)
	_, err = room.Room.Calendar(t.Context(), agent, vault.CalendarRequest{})
	wantKind(t, err, strongroom.KindDenied)
	for name, rule := range map[string]vault.RetentionRule{
		"no name": {Minimum: period(t, "1y"), Basis: "b"}, "no period": {Name: "x", Basis: "b"}, "no basis": {Name: "x", Minimum: period(t, "1y")},
		"upside down": {Name: "x", Minimum: period(t, "1y"), Maximum: period(t, "1m"), Basis: "b"}, "two lines": {Name: "x", Minimum: period(t, "1y"), Basis: "b\nc"},
		"long": {Name: strings.Repeat("x", 65), Minimum: period(t, "1y"), Basis: "b"}, "class": {Name: "x", Class: "Voice", Minimum: period(t, "1y"), Basis: "b"},
	} {
		_, err := room.Room.PutRetention(t.Context(), room.Owner, rule, "r")
		if wantKind(t, err, strongroom.KindInvalid); err == nil {
			t.Error(name)
		}
	}
}

// A hold keeps what it names, whatever is stored later, until it is lifted; policy does
// not help, and hiding is no way around it for the rules.
func TestHolds(t *testing.T) {
	room, clock := ruledRoom(t)
	r := governed{room}
	r.Bucket("calls")
	r.Bucket("versioned")
	r.Configure("versioned", func(b *strongroom.Bucket) {
		b.Versioning = strongroom.VersioningEnabled
		b.Lifecycle = []strongroom.LifecycleRule{{ID: "days", Enabled: true, Days: 1, NoncurrentDays: 1}}
	})
	with := func(name, value string) func(*vault.PutRequest) {
		return func(q *vault.PutRequest) { q.Meta = map[string]string{"strongroom-" + name: value} }
	}
	store := func(bucket, key string, change ...func(*vault.PutRequest)) strongroom.Object {
		o, err := r.put(t, bucket, key, change...)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	place := func(h vault.Hold) vault.Hold {
		h.Matter, h.Reason = "2040/7", "claim"
		h, err := room.Room.PlaceHold(t.Context(), r.Owner, h)
		if err != nil {
			t.Fatal(err)
		}
		clock.advance(time.Second) // they are listed as they were placed
		return h
	}
	store("calls", "a", with("customer", "4711"))
	store("calls", "b", with("conversation", "4711"))
	store("calls", "c", with("case", "4711"))
	store("calls", "d")
	first := store("versioned", "k")
	store("versioned", "k")
	store("versioned", "l")
	customer := place(vault.Hold{Attribute: "customer", Value: "4711"})
	key := place(vault.Hold{Bucket: "calls", Key: "d"})
	version := place(vault.Hold{Bucket: "versioned", Key: "k", Version: first.Version.String()})
	twice := place(vault.Hold{Attribute: "customer", Value: "4711"})
	store("calls", "later", with("customer", "4711"))

	for _, k := range []string{"a", "d", "later"} {
		wantKind(t, r.remove(r.Owner, "calls", k, ""), strongroom.KindKept)
		_, err := r.put(t, "calls", k)
		wantKind(t, err, strongroom.KindKept)
	}
	for _, k := range []string{"b", "c"} { // other attributes with that value
		if err := r.remove(r.Owner, "calls", k, ""); err != nil {
			t.Error(err)
		}
	}
	wantKind(t, r.remove(r.Owner, "versioned", "k", first.Version.String()), strongroom.KindKept)

	report, err := room.Room.Holds(t.Context(), r.Owner, vault.HoldsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Holds) != 4 || report.Holds[0].ID != customer.ID || report.Holds[0].Versions != 2 || report.All.Versions != 4 || report.All.Bytes != 16 || !report.All.Oldest.Equal(epoch) || report.Lock.Versions != 0 {
		t.Errorf("%+v", report)
	}
	clock.advance(10 * 24 * time.Hour)
	// k: the newer version is not held, so it is hidden; the older is held. l is hidden.
	if ran := r.run(t, false); ran.Done != 2 || ran.Kept["hold"] != 1 {
		t.Errorf("%+v", ran)
	}
	place(vault.Hold{Bucket: "versioned", Key: "m"})
	store("versioned", "m")
	clock.advance(10 * 24 * time.Hour)
	if ran := r.run(t, false); ran.Kept["hold"] != 2 || ran.Done != 2 { // m is not even hidden; of k and l what was hidden goes
		t.Errorf("%+v", ran)
	}
	for _, h := range []vault.Hold{customer, key, version} {
		if h, err = room.Room.LiftHold(t.Context(), r.Owner, h.ID, "settled"); err != nil || h.Lifted == nil || h.Lifted.By != "owner" {
			t.Errorf("%+v %v", h, err)
		}
	}
	wantKind(t, r.remove(r.Owner, "calls", "a", ""), strongroom.KindKept) // there are two
	_, err = room.Room.LiftHold(t.Context(), r.Owner, customer.ID, "again")
	wantKind(t, err, strongroom.KindInvalid)
	_, err = room.Room.LiftHold(t.Context(), r.Owner, twice.ID, " ")
	wantKind(t, err, strongroom.KindInvalid)
	if _, err = room.Room.LiftHold(t.Context(), r.Owner, twice.ID, "settled too"); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"a", "d", "later"} {
		if err := r.remove(r.Owner, "calls", k, ""); err != nil {
			t.Error(err)
		}
	}
	agent := r.Person(strongroom.Principal{Name: "agent", Groups: []string{"agents"}})
	_, err = room.Room.PlaceHold(t.Context(), agent, vault.Hold{Attribute: "customer", Value: "4711", Matter: "m", Reason: "r"})
	wantKind(t, err, strongroom.KindDenied)
	_, err = room.Room.LiftHold(t.Context(), agent, customer.ID, "r")
	wantKind(t, err, strongroom.KindDenied)
	_, err = room.Room.LiftHold(t.Context(), agent, strongroom.NewID(), "r")
	wantKind(t, err, strongroom.KindDenied)
	_, err = room.Room.Holds(t.Context(), agent, vault.HoldsRequest{})
	wantKind(t, err, strongroom.KindDenied)
	sound(t, room)
}

// Two people have to lift what was placed so: within a week, and not the same one twice.
func TestTwoPeopleLift(t *testing.T) {
	room, clock := ruledRoom(t)
	second := room.Person(strongroom.Principal{Name: "second", Groups: []string{"data-owners"}})
	h, err := room.Room.PlaceHold(t.Context(), room.Owner, vault.Hold{Attribute: "case", Value: "9", Matter: "m", Reason: "r", TwoPeople: true})
	if err != nil {
		t.Fatal(err)
	}
	lift := func(c vault.Caller, want bool) {
		t.Helper()
		h, err := room.Room.LiftHold(t.Context(), c, h.ID, "settled")
		if err != nil || (h.Lifted != nil) != want {
			t.Fatalf("lifted is %v, want %v: %v", h.Lifted, want, err)
		}
	}
	lift(room.Owner, false)
	lift(room.Owner, false)
	clock.advance(vault.LiftTogether + time.Minute)
	lift(second, false) // too late: the first has to ask again, or somebody else with the second
	clock.advance(time.Hour)
	lift(second, false)
	lift(room.Owner, true)
}

// A hold that was acknowledged holds, though another process placed it and this one has
// not noticed yet.
func TestHoldOfAnotherProcess(t *testing.T) {
	room, clock := ruledRoom(t)
	r := governed{room}
	r.Bucket("calls")
	other, err := house.Open(t.Context(), room.Dir, room.Info, house.Options{Clock: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.Background())
	for i := range 8 {
		key := fmt.Sprintf("call-%d", i)
		if _, err := r.put(t, "calls", key); err != nil {
			t.Fatal(err)
		}
		if err := other.Book.Refresh(t.Context()); err != nil { // it knows what there is
			t.Fatal(err)
		}
		if _, err := other.Room.PlaceHold(t.Context(), room.Owner, vault.Hold{Bucket: "calls", Key: key, Matter: "m", Reason: "r"}); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			wantKind(t, r.remove(r.Owner, "calls", key, ""), strongroom.KindKept)
		} else {
			_, err := r.put(t, "calls", key)
			wantKind(t, err, strongroom.KindKept)
		}
	}
}

// A row that keeps something and was taken away, or cannot be read, lets nothing be
// deleted.
func TestDoubtDeletesNothing(t *testing.T) {
	for name, tamper := range map[string]string{
		"a rule is gone": "DELETE FROM book_row WHERE kind = 'retention-rule'",
		"a hold is gone": "DELETE FROM book_row WHERE kind = 'hold'",
		"the count":      "DELETE FROM book_row WHERE kind = 'keeping'",
	} {
		t.Run(name, func(t *testing.T) {
			clock := clockAt(epoch)
			room := housetest.New(t, house.Options{Clock: clock.now})
			r := governed{room}
			r.Bucket("calls")
			if _, err := r.put(t, "calls", "a"); err != nil {
				t.Fatal(err)
			}
			r.rule(t, vault.RetentionRule{Name: "most", Maximum: period(t, "1d")})
			if _, err := room.Room.PlaceHold(t.Context(), r.Owner, vault.Hold{Bucket: "calls", Key: "b", Matter: "m", Reason: "r"}); err != nil {
				t.Fatal(err)
			}
			room.Stop()
			reopened := &housetest.Room{Dir: room.Dir, Founded: room.Founded}
			found, err := house.Find(room.Dir, room.Founded.Room.String())
			if err != nil {
				t.Fatal(err)
			}
			db := otherHand(t, &housetest.Room{House: &house.House{Path: house.Path(room.Dir, found)}})
			if _, err := db.Exec(tamper); err != nil {
				t.Fatal(err)
			}
			clock.advance(48 * time.Hour)
			again := governed{housetest.Open(t, reopened, house.Options{Clock: clock.now})}
			wantKind(t, again.remove(again.Owner, "calls", "a", ""), strongroom.KindUnavailable)
			if _, err := again.Room.Room.RunLifecycle(t.Context(), vault.LifecycleRequest{}); strongroom.KindOf(err) != strongroom.KindUnavailable {
				t.Errorf("a run in doubt: %v", err)
			}
			if _, err := again.put(t, "calls", "new"); err != nil {
				t.Errorf("storing what takes nobody's place: %v", err)
			}
		})
	}
}

// Whoever may hold what is of one queue does not lift a hold from another's by storing a
// version of their own on top.
func TestHoldOfEveryVersion(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	r.Configure("calls", func(b *strongroom.Bucket) { b.Versioning = strongroom.VersioningEnabled })
	r.Put("calls", "k", []byte("evidence"), map[string]string{"strongroom-queue": "hr"})
	h, err := r.Room.PlaceHold(t.Context(), r.Owner, vault.Hold{Bucket: "calls", Key: "k", Matter: "L-14", Reason: "litigation"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Room.PutPolicy(t.Context(), r.Owner, []byte(`
		@id("owners") permit (principal in Group::"data-owners", action, resource);
		@id("billing") permit (principal == Principal::"ben", action in [Action::"holdObject", Action::"storeObject"], resource is Object)
		when { resource has queue && resource.queue == "billing" };`)); err != nil {
		t.Fatal(err)
	}
	ben := r.Person(strongroom.Principal{Name: "ben"})
	if _, err := r.Room.Put(t.Context(), ben, vault.PutRequest{Bucket: "calls", Key: "k", Size: 1,
		Declared: vault.Declared{Meta: map[string]string{"strongroom-queue": "billing"}}}, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	_, err = r.Room.LiftHold(t.Context(), ben, h.ID, "not needed")
	wantKind(t, err, strongroom.KindDenied)
}

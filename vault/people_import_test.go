package vault_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/people"
	"strongroom/vault"
)

func sheet(t testing.TB, text string) people.Sheet {
	t.Helper()
	s, err := people.ReadSheet("staff.csv", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func did(all []vault.Imported) string {
	var out []string
	for _, one := range all {
		out = append(out, one.Name+" "+one.What)
	}
	return strings.Join(out, ", ")
}

// A file is brought in whole, its dry run says beforehand what comes, and a second time
// changes nothing.
func TestImport(t *testing.T) {
	r := housetest.New(t, house.Options{})
	agent := r.Person(agent("by.hand"))
	first := sheet(t, "name,groups,manager,aliases\nana,agents,paul,g-1\nby.hand,quality,,\npaul,supervisors,,\n")
	if _, err := r.Room.ImportPeople(t.Context(), agent, vault.ImportRequest{Sheet: first}); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Fatalf("an agent imported people: %v", err)
	}
	from := r.Book.Head().Size
	plan, err := r.Room.ImportPeople(t.Context(), r.Owner, vault.ImportRequest{Sheet: first, DryRun: true})
	if err != nil || did(plan) != "ana add, by.hand change, paul add" {
		t.Fatalf("%s %v", did(plan), err)
	}
	if changes := strings.Join(plan[1].Changes, "; "); changes != "groups: agents → quality; comes from: here → file" {
		t.Errorf("by.hand: %s", changes)
	}
	if _, known := r.Room.PrincipalByName("ana"); known {
		t.Fatal("a dry run added somebody")
	}
	if got := records(t, r, from); len(got) != 1 || got[0].evidence.Action != "principal-import-dry-run" || len(got[0].evidence.Rows) != 0 {
		t.Errorf("the dry run left %d records", len(got))
	}
	done, err := r.Room.ImportPeople(t.Context(), r.Owner, vault.ImportRequest{Sheet: first})
	if err != nil || did(done) != did(plan) {
		t.Fatalf("%s %v", did(done), err)
	}
	if p, _ := r.Room.PrincipalByName("by.hand"); !slices.Equal(p.Groups, []string{"quality"}) {
		t.Errorf("by.hand is of %v", p.Groups)
	}
	if again, err := r.Room.ImportPeople(t.Context(), r.Owner, vault.ImportRequest{Sheet: first}); err != nil || did(again) != "ana same, by.hand same, paul same" {
		t.Errorf("again: %s %v", did(again), err)
	}

	// One wrong line, and nothing of the file is there.
	bad := sheet(t, "name,groups,manager\nnew,agents,\nana,agents,nobody\n")
	if _, err := r.Room.ImportPeople(t.Context(), r.Owner, vault.ImportRequest{Sheet: bad}); strongroom.KindOf(err) != strongroom.KindInvalid || !strings.Contains(err.Error(), `staff.csv:3:12: the manager "nobody" is neither`) {
		t.Errorf("%v", err)
	}
	if _, known := r.Room.PrincipalByName("new"); known {
		t.Error("half of a file was imported")
	}

	// Who is missing is suspended, if an import brought them; nobody else is.
	from = r.Book.Head().Size
	second := sheet(t, "name\npaul\n")
	if _, err := r.Room.ImportPeople(t.Context(), r.Owner, vault.ImportRequest{Sheet: second, DeactivateMissing: true, AtMost: 1}); err == nil || !strings.Contains(err.Error(), "2 people are not in the file any more") {
		t.Errorf("a file that may have been cut off: %v", err)
	}
	done, err = r.Room.ImportPeople(t.Context(), r.Owner, vault.ImportRequest{Sheet: second, DeactivateMissing: true, AtMost: 2})
	if err != nil || did(done) != "ana deactivate, by.hand deactivate, paul same" {
		t.Fatalf("%s %v", did(done), err)
	}
	if n := len(ofAction(records(t, r, from), "principal-deactivate")); n != 2 {
		t.Errorf("%d deactivations are on record", n)
	}
	if p, _ := r.Room.PrincipalByName("owner"); p.Suspended {
		t.Error("the owner, whom no file brought, was suspended")
	}
	for _, text := range []string{"name,active\nowner,no\n", "name,leaves\nowner,2020-01-01\n"} {
		if _, err := r.Room.ImportPeople(t.Context(), r.Owner, vault.ImportRequest{Sheet: sheet(t, text)}); err == nil || !strings.Contains(err.Error(), "that is you") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if report := verifyRows(t, r); report != "" {
		t.Error(report)
	}
}

// verifyRows says what of the principals' rows is not as recorded.
func verifyRows(t testing.TB, r *housetest.Room) string {
	t.Helper()
	marks := map[string]string{}
	for _, k := range records(t, r, 0) {
		for _, m := range k.evidence.Rows {
			marks[m.Kind+"/"+m.ID] = m.Digest
		}
	}
	for _, kind := range []string{"principal", "directory-entry", "departure"} {
		n := 0
		for row, err := range r.Book.Rows(t.Context(), kind, "") {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if marks[kind+"/"+row.ID] != row.Digest() {
				return fmt.Sprintf("%s %s is not as recorded", kind, row.ID)
			}
		}
		if n == 0 {
			return "no row of kind " + kind
		}
	}
	return ""
}

// What one change may hold is brought in by one change.
func TestImportMany(t *testing.T) {
	if testing.Short() {
		t.Skip("ten thousand people take some seconds")
	}
	r := housetest.New(t, house.Options{})
	var text strings.Builder
	text.WriteString("name,groups,department,aliases\n")
	for i := range people.MaxSheetRows {
		fmt.Fprintf(&text, "agent-%d,agents,Billing,genesys-%d\n", i, i)
	}
	start := time.Now()
	done, err := r.Room.ImportPeople(t.Context(), r.Owner, vault.ImportRequest{Sheet: sheet(t, text.String())})
	if err != nil || len(done) != people.MaxSheetRows {
		t.Fatalf("%d: %v", len(done), err)
	}
	t.Logf("%d people in %s", len(done), time.Since(start).Round(time.Millisecond))
	if _, known := r.Room.PrincipalByName("agent-9999"); !known {
		t.Error("the last one is not there")
	}
}

// A session of a token has the groups that the token claims and the table lists, beside
// the person's own, and no others.
func TestClaimedGroups(t *testing.T) {
	r := billing(t, house.Options{})
	p := strongroom.Principal{Name: "ana", Kind: strongroom.Person, Groups: []string{"agents"}, Attributes: map[string][]string{"supervises": {"billing"}}}
	if _, err := r.Room.PutPrincipal(t.Context(), r.Owner, p); err != nil {
		t.Fatal(err)
	}
	provider := people.Provider{Issuer: "https://login.example", Audiences: []string{"strongroom"}, Claim: "sub", GroupsClaim: "groups",
		Groups: []people.ClaimedGroup{{Claimed: "CC Supervisors", Group: "supervisors"}}}
	if err := r.Room.PutProvider(t.Context(), r.Owner, provider); err != nil {
		t.Fatal(err)
	}
	read := func(groups ...string) error {
		t.Helper()
		s, err := r.Room.StartWebSession(t.Context(), vault.Caller{Source: "127.0.0.1", RequestID: "test", Purpose: strongroom.Purpose{Text: "checking"}},
			people.Identity{Issuer: provider.Issuer, Subject: "ana", Audience: "strongroom", Groups: groups}, "name", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Get(with(t, r, s.ID), "calls", "billing.wav", 0, -1)
		return err
	}
	if err := read("CC Supervisors", "Everybody"); err != nil {
		t.Errorf("a supervisor by claim: %v", err)
	}
	for _, claimed := range [][]string{nil, {"supervisors"}, {"cc supervisors"}, {"data-owners", "Everybody"}} {
		wantKind(t, read(claimed...), strongroom.KindDenied)
	}
	s, err := r.Room.StartWebSession(t.Context(), vault.Caller{Source: "127.0.0.1", RequestID: "test", Purpose: strongroom.Purpose{Text: "checking"}},
		people.Identity{Issuer: provider.Issuer, Subject: "ana", Audience: "strongroom", Groups: []string{"CC Supervisors"}}, "name", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	me := with(t, r, s.ID)
	if _, err := r.Get(me, "calls", "billing.wav", 0, -1); err != nil {
		t.Fatal(err)
	}
	// What the table does not list any more is gone from sessions that are there.
	provider.Groups = []people.ClaimedGroup{{Claimed: "CC Quality", Group: "quality"}}
	if err := r.Room.PutProvider(t.Context(), r.Owner, provider); err != nil {
		t.Fatal(err)
	}
	_, err = r.Get(me, "calls", "billing.wav", 0, -1)
	wantKind(t, err, strongroom.KindDenied)
	// A claim takes nothing away: whoever a group forbids stays forbidden.
	provider.Groups = []people.ClaimedGroup{{Claimed: "CC Supervisors", Group: "supervisors"}}
	if err := r.Room.PutProvider(t.Context(), r.Owner, provider); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Room.ChangePrincipal(t.Context(), r.Owner, "ana", func(p *strongroom.Principal) { p.Groups = []string{"platform-administrators"} }); err != nil {
		t.Fatal(err)
	}
	_, err = r.Get(me, "calls", "billing.wav", 0, -1)
	wantKind(t, err, strongroom.KindDenied)
}

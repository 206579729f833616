package vault_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/limit"
	"strongroom/people"
	"strongroom/vault"
)

// of keeps the records of one action.
func ofAction(all []kept, action string) []kept {
	var out []kept
	for _, k := range all {
		if k.evidence.Action == action {
			out = append(out, k)
		}
	}
	return out
}

func agent(name string) strongroom.Principal {
	return strongroom.Principal{Name: name, Kind: strongroom.Person, Groups: []string{"agents"}}
}

// A deactivation is one record that says how much it ended; afterwards nothing that the
// person had proves anything, and sessions stay over when they come back.
func TestDeactivationEndsEverything(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	r.Put("calls", "one", make([]byte, 1<<20), map[string]string{"strongroom-agent": "ana"})
	ana := r.Person(agent("ana"))
	session, err := r.Room.StartSession(t.Context(), ana, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	_, presented, err := r.Room.CreateToken(t.Context(), r.Owner, vault.TokenRequest{Principal: "ana", Name: "test", Scopes: []people.Scope{people.ScopeAPI}, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Get(ana, "calls", "one", 0, 1000); err != nil { // a lease that rests
		t.Fatal(err)
	}
	from := r.Book.Head().Size
	if _, err := r.Room.ChangePrincipal(t.Context(), r.Owner, "ana", func(p *strongroom.Principal) { p.Suspended = true }); err != nil {
		t.Fatal(err)
	}
	gone := ofAction(records(t, r, from), "principal-deactivate")
	if len(gone) != 1 {
		t.Fatalf("%d records of the deactivation", len(gone))
	}
	if c := gone[0].evidence.Counts; c["keys"] != 1 || c["sessions"] != 1 || c["tokens"] != 1 || c["leases"] != 1 {
		t.Errorf("the record says that it ended %v", c)
	}
	if gone[0].personal.Subject != "ana" || !strings.Contains(gone[0].personal.Detail, "suspended") {
		t.Errorf("the record is about %q: %q", gone[0].personal.Subject, gone[0].personal.Detail)
	}
	for _, d := range deliveries(t, r, from, 1) { // the lease is over, now and not in a quarter of an hour
		if !d.Final {
			t.Errorf("delivery %+v", d)
		}
	}
	refused := func(what, keyID string) {
		t.Helper()
		if _, err := r.Room.Credential(keyID); strongroom.KindOf(err) != strongroom.KindDenied {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("the key of somebody suspended", ana.Session)
	refused("the session of somebody suspended", session.ID)
	if _, err := r.Room.TokenCaller(t.Context(), presented); strongroom.KindOf(err) != strongroom.KindDenied || errors.Is(err, vault.ErrNoToken) {
		t.Errorf("the token of somebody suspended: %v", err)
	}

	from = r.Book.Head().Size
	if _, err := r.Room.ChangePrincipal(t.Context(), r.Owner, "ana", func(p *strongroom.Principal) { p.Suspended = false }); err != nil {
		t.Fatal(err)
	}
	if len(ofAction(records(t, r, from), "principal-activate")) != 1 {
		t.Error("coming back is no event of its own")
	}
	if _, err := r.Room.Credential(ana.Session); err != nil {
		t.Errorf("the key after the suspension: %v", err)
	}
	if _, err := r.Room.TokenCaller(t.Context(), presented); err != nil {
		t.Errorf("the token after the suspension: %v", err)
	}
	refused("the session after the suspension", session.ID)
	if s, err := r.Room.StartSession(t.Context(), ana, time.Hour); err != nil {
		t.Error(err)
	} else if _, err := r.Room.Credential(s.ID); err != nil {
		t.Errorf("a new session: %v", err)
	}
}

// A leaving date that passes while the room is open ends what the person has within
// seconds, breaks off the read under way, and is recorded once, by whoever is there.
func TestLeavingDatePasses(t *testing.T) {
	c := &clock{}
	r := housetest.New(t, house.Options{Clock: c.now})
	r.Bucket("calls")
	content := make([]byte, 4<<20)
	r.Put("calls", "one", content, map[string]string{"strongroom-agent": "ana"})
	p := agent("ana")
	p.Expires = c.now().Add(time.Hour)
	ana := r.Person(p)
	from := r.Book.Head().Size
	o, err := r.Room.Open(t.Context(), ana, vault.GetRequest{Bucket: "calls", Key: "one", Plan: whole})
	if err != nil {
		t.Fatal(err)
	}
	pipe, w := io.Pipe()
	read := make(chan error, 1)
	go func() {
		_, err := o.WriteTo(w)
		w.CloseWithError(err)
		read <- err
	}()
	if _, err := io.ReadFull(pipe, make([]byte, 64<<10)); err != nil {
		t.Fatal(err)
	}
	if got := ofAction(records(t, r, from), "principal-deactivate"); len(got) != 0 {
		t.Error("recorded before the date")
	}
	c.advance(time.Hour + time.Second)
	n, _ := io.Copy(io.Discard, pipe)
	err = <-read
	o.Close()
	if err == nil || 64<<10+n >= int64(len(content)) {
		t.Errorf("the read went on to its end: %d bytes, %v", n, err)
	}
	var gone []kept
	housetest.Eventually(t, "a record of the leaving date", func() bool {
		gone = ofAction(records(t, r, from), "principal-deactivate")
		return len(gone) > 0
	})
	if d := gone[0].personal.Detail; !strings.Contains(d, "leaving date") || gone[0].evidence.Counts["keys"] != 1 || gone[0].evidence.Actor != "" {
		t.Errorf("the record: %q %+v", d, gone[0].evidence)
	}
	if _, err := r.Room.Credential(ana.Session); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("the key after the leaving date: %v", err)
	}
	r.Stop()
	r = housetest.Open(t, r, house.Options{Clock: c.now})
	time.Sleep(1500 * time.Millisecond) // one look at the clock, and more
	if got := ofAction(records(t, r, from), "principal-deactivate"); len(got) != 1 {
		t.Errorf("recorded %d times over a restart", len(got))
	}
}

// Tokens act as their principal while they are valid, and are listed without secrets.
func TestTokens(t *testing.T) {
	c := &clock{}
	r := housetest.New(t, house.Options{Clock: c.now})
	ana := r.Person(agent("ana"))
	req := vault.TokenRequest{Principal: "owner", Name: "sync", Scopes: []people.Scope{people.ScopeSCIM}, Lifetime: time.Hour}
	if _, _, err := r.Room.CreateToken(t.Context(), ana, req); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Fatalf("an agent made a token of the owner: %v", err)
	}
	for _, bad := range []vault.TokenRequest{
		{Principal: "owner", Name: "x", Lifetime: time.Hour}, {Principal: "owner", Name: "x", Scopes: []people.Scope{"root"}, Lifetime: time.Hour},
		{Principal: "owner", Name: "x", Scopes: req.Scopes}, {Principal: "owner", Name: "x", Scopes: req.Scopes, Lifetime: people.MaxToken + 1},
		{Principal: "owner", Name: "", Scopes: req.Scopes, Lifetime: 1}, {Principal: "nobody", Name: "x", Scopes: req.Scopes, Lifetime: 1},
	} {
		if _, _, err := r.Room.CreateToken(t.Context(), r.Owner, bad); strongroom.KindOf(err) != strongroom.KindInvalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	made, presented, err := r.Room.CreateToken(t.Context(), r.Owner, req)
	if err != nil {
		t.Fatal(err)
	}
	proved, err := r.Room.TokenCaller(t.Context(), presented)
	if err != nil || proved.Holder.Name != "owner" || !proved.Has(people.ScopeSCIM) || proved.Has(people.ScopeAPI) || proved.Hash != "" {
		t.Fatalf("%+v %v", proved, err)
	}
	if _, err := r.Room.Principals(t.Context(), proved.Caller()); err != nil {
		t.Errorf("as the owner: %v", err)
	}
	last := presented[len(presented)-1:]
	other := "0"
	if last == "0" {
		other = "1"
	}
	for _, wrong := range []string{"", presented + "0", presented[:len(presented)-1] + other, strings.ToUpper(presented), "srt_" + strings.Repeat("a", 20) + presented[24:]} {
		if _, err := r.Room.TokenCaller(t.Context(), wrong); !errors.Is(err, vault.ErrNoToken) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	all, err := r.Room.Tokens(t.Context(), r.Owner)
	if err != nil || len(all) != 1 || all[0].ID != made.ID || all[0].Hash != "" {
		t.Errorf("%+v %v", all, err)
	}
	secret := presented[len("srt_")+21:]
	for _, k := range records(t, r, 0) {
		if strings.Contains(string(k.Personal)+string(k.Evidence), secret) {
			t.Fatal("the secret is on record")
		}
	}
	r.Stop() // what proves a token survives a restart
	r = housetest.Open(t, r, house.Options{Clock: c.now})
	if _, err := r.Room.TokenCaller(t.Context(), presented); err != nil {
		t.Error(err)
	}
	if used, err := r.Room.LastUsed(t.Context()); err != nil || c.now().Sub(used[made.ID]) > time.Minute {
		t.Errorf("last used %v, %v", used[made.ID], err)
	}
	c.advance(2 * time.Hour)
	if _, err := r.Room.TokenCaller(t.Context(), presented); strongroom.KindOf(err) != strongroom.KindDenied || errors.Is(err, vault.ErrNoToken) {
		t.Errorf("after its end: %v", err)
	}
	c.advance(-2 * time.Hour)
	if err := r.Room.RevokeToken(t.Context(), r.Owner, made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Room.TokenCaller(t.Context(), presented); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("revoked: %v", err)
	}
}

// A rotated key goes on beside its successor for as long as was said, and no longer.
func TestRotateAndExpire(t *testing.T) {
	c := &clock{}
	r := housetest.New(t, house.Options{Clock: c.now})
	if _, err := r.Room.PutPrincipal(t.Context(), r.Owner, strongroom.Principal{Name: "recorder", Kind: strongroom.Workload, Groups: []string{"recorders"}}); err != nil {
		t.Fatal(err)
	}
	k, err := r.Room.CreateKey(t.Context(), r.Owner, "recorder", 90*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	standing := people.Standing{Purpose: strongroom.Purpose{Text: "storing"}, Expires: c.now().Add(24 * time.Hour).UTC(), PerHour: 5}
	if err := r.Room.SetStanding(t.Context(), r.Owner, k.ID, &standing); err != nil {
		t.Fatal(err)
	}
	next, old, err := r.Room.RotateKey(t.Context(), r.Owner, k.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if next.Secret == "" || next.Secret == k.Secret || next.Standing == nil || *next.Standing != standing || next.Expires.Sub(c.now()) < 89*24*time.Hour {
		t.Errorf("the successor: %+v", next.Standing)
	}
	for _, id := range []string{k.ID, next.ID} {
		if _, err := r.Room.Credential(id); err != nil {
			t.Errorf("%s in the time of grace: %v", id, err)
		}
	}
	if end := old.Expires.Sub(c.now()); end > time.Hour || end < 59*time.Minute {
		t.Errorf("the old key ends in %s", end)
	}
	c.advance(61 * time.Minute)
	if _, err := r.Room.Credential(k.ID); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("the old key after it: %v", err)
	}
	if _, err := r.Room.Credential(next.ID); err != nil {
		t.Errorf("the new key after it: %v", err)
	}
	if _, _, err := r.Room.RotateKey(t.Context(), r.Owner, k.ID, time.Hour); strongroom.KindOf(err) != strongroom.KindInvalid {
		t.Errorf("rotating what has ended: %v", err)
	}
	if err := r.Room.ExpireKey(t.Context(), r.Owner, next.ID, c.now().Add(365*24*time.Hour)); strongroom.KindOf(err) != strongroom.KindInvalid {
		t.Errorf("prolonging: %v", err)
	}
	if err := r.Room.ExpireKey(t.Context(), r.Owner, next.ID, c.now()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Room.Credential(next.ID); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("expired: %v", err)
	}
}

// Ids on recordings that belong to nobody are found, with how often and when.
func TestUnmatchedAgents(t *testing.T) {
	c := &clock{}
	r := housetest.New(t, house.Options{Clock: c.now})
	r.Bucket("calls")
	p := agent("ana")
	p.Aliases = []string{"genesys-1"}
	ana := r.Person(p)
	start := c.now()
	for i, id := range []string{"genesys-1", "ana", "genesys-2", "genesys-3", "genesys-2", ""} {
		r.Put("calls", string(rune('a'+i)), []byte("x"), map[string]string{"strongroom-agent": id})
		c.advance(time.Minute)
	}
	if _, _, err := r.Room.UnmatchedAgents(t.Context(), ana); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Fatalf("an agent was told: %v", err)
	}
	from := r.Book.Head().Size
	found, others, err := r.Room.UnmatchedAgents(t.Context(), r.Owner)
	if err != nil || others != 0 || len(found) != 2 {
		t.Fatalf("%+v %d %v", found, others, err)
	}
	if f := found[0]; f.Agent != "genesys-2" || f.Objects != 2 || f.Last.Sub(f.First).Round(time.Minute) != 2*time.Minute || f.First.Before(start) {
		t.Errorf("%+v", f)
	}
	if found[1].Agent != "genesys-3" || found[1].Objects != 1 {
		t.Errorf("%+v", found[1])
	}
	if !slices.ContainsFunc(records(t, r, from), func(k kept) bool { return k.evidence.Action == "principal-unmatched" }) {
		t.Error("it is not on record")
	}
	// An older version bears its id still, a marker none; what is gone bears nothing.
	r.Configure("calls", func(b *strongroom.Bucket) { b.Versioning = strongroom.VersioningEnabled })
	r.Put("calls", "c", []byte("y"), map[string]string{"strongroom-agent": "genesys-1"})
	third, err := r.Room.Head(t.Context(), r.Owner, "calls", "d", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: "e"}, {Key: "d", Version: third.VersionName()}}); err != nil {
		t.Fatal(err)
	}
	if found, _, err = r.Room.UnmatchedAgents(t.Context(), r.Owner); err != nil || len(found) != 1 || found[0].Agent != "genesys-2" || found[0].Objects != 2 {
		t.Errorf("%+v %v", found, err)
	}
}

// What a directory's deletion ended stays ended, whatever else happens to the person
// afterwards: a later suspension ends less, and gives nothing of it back.
func TestDeletionOutlastsALaterSuspension(t *testing.T) {
	r := housetest.New(t, house.Options{})
	eva, err := r.Room.ChangePerson(t.Context(), r.Owner, strongroom.ID{}, func(p *vault.DirectoryPerson) error {
		p.Principal.Name = "eva"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	key, err := r.Room.CreateKey(t.Context(), r.Owner, "eva", 0)
	if err != nil {
		t.Fatal(err)
	}
	_, token, err := r.Room.CreateToken(t.Context(), r.Owner, vault.TokenRequest{Principal: "eva", Name: "test", Scopes: []people.Scope{people.ScopeAPI}, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Room.RemovePerson(t.Context(), r.Owner, eva.Principal.ID, func(vault.DirectoryPerson) error { return nil }); err != nil {
		t.Fatal(err)
	}
	suspend := func(yes bool) {
		t.Helper()
		if _, err := r.Room.ChangePrincipal(t.Context(), r.Owner, "eva", func(p *strongroom.Principal) { p.Suspended = yes }); err != nil {
			t.Fatal(err)
		}
	}
	gone := func(when string) {
		t.Helper()
		if _, err := r.Room.Credential(key.ID); strongroom.KindOf(err) != strongroom.KindDenied {
			t.Errorf("%s the key: %v", when, err)
		}
		if _, err := r.Room.TokenCaller(t.Context(), token); strongroom.KindOf(err) != strongroom.KindDenied {
			t.Errorf("%s the token: %v", when, err)
		}
	}
	suspend(false)
	gone("back from a deletion")
	later, err := r.Room.CreateKey(t.Context(), r.Owner, "eva", 0)
	if err != nil {
		t.Fatal(err)
	}
	suspend(true)
	suspend(false)
	gone("back from a suspension after it")
	if _, err := r.Room.Credential(later.ID); err != nil {
		t.Errorf("a key made since the deletion, after a suspension: %v", err)
	}
}

// A directory may end somebody whom the room itself put into a protected group, and no
// more: a new name would let in whoever bears it, and bringing them back is for people.
func TestDirectoryDoesNotRenameOrBringBackTheProtected(t *testing.T) {
	r := housetest.New(t, house.Options{})
	change := func(id strongroom.ID, what func(*strongroom.Principal)) (vault.DirectoryPerson, error) {
		return r.Room.ChangePerson(t.Context(), r.Owner, id, func(p *vault.DirectoryPerson) error {
			what(&p.Principal)
			return nil
		})
	}
	eva, err := change(strongroom.ID{}, func(p *strongroom.Principal) { p.Name = "eva" })
	if err != nil {
		t.Fatal(err)
	}
	id := eva.Principal.ID
	if _, err := change(id, func(p *strongroom.Principal) { p.Name = "eve" }); err != nil {
		t.Fatalf("somebody in no group: %v", err)
	}
	if _, err := r.Room.ChangePrincipal(t.Context(), r.Owner, "eve", func(p *strongroom.Principal) { p.Groups = []string{"data-owners"} }); err != nil {
		t.Fatal(err)
	}
	from := r.Book.Head().Size
	_, err = change(id, func(p *strongroom.Principal) { p.Name = "mallory@example.org" })
	wantKind(t, err, strongroom.KindDenied)
	if n := len(ofKind(records(t, r, from), vault.KindRefusal)); n != 1 {
		t.Errorf("%d refusals on record", n)
	}
	if _, err := change(id, func(p *strongroom.Principal) { p.Attributes[people.AttributeDepartment] = []string{"north"} }); err != nil {
		t.Errorf("an attribute of somebody protected: %v", err)
	}
	if _, err := change(id, func(p *strongroom.Principal) { p.Suspended = true }); err != nil {
		t.Errorf("suspending somebody protected: %v", err)
	}
	_, err = change(id, func(p *strongroom.Principal) { p.Suspended = false })
	wantKind(t, err, strongroom.KindDenied)
	if err := r.Room.RemovePerson(t.Context(), r.Owner, id, func(vault.DirectoryPerson) error { return nil }); err != nil {
		t.Errorf("deleting somebody protected: %v", err)
	}
}

// A directory hands out no group whose members are the second person that others need.
func TestDirectoryMakesNobodyAnApprover(t *testing.T) {
	r := housetest.New(t, house.Options{})
	policies := append(limit.Default().Text(), `
@id("approvers-approve") permit (principal in Group::"approvers", action == Action::"approveRequest", resource is Object);
@id("curators-loosen") @requires("approval") permit (principal in Group::"curators", action == Action::"loosenLabel", resource is Object);
`...)
	if _, err := r.Room.PutPolicy(t.Context(), r.Owner, policies); err != nil {
		t.Fatal(err)
	}
	for group, may := range map[string]bool{"approvers": false, "curators": false, "agents": true} {
		_, err := r.Room.ChangeGroup(t.Context(), r.Owner, strongroom.ID{}, func(g *vault.DirectoryGroup) error {
			g.DisplayName = group
			return nil
		})
		if may != (err == nil) || !may && strongroom.KindOf(err) != strongroom.KindDenied {
			t.Errorf("a directory hands out %s: %v", group, err)
		}
	}
}

// Whoever saw policies that have changed meanwhile does not put others in the place of what
// they did not see.
func TestPutPolicyOver(t *testing.T) {
	r := housetest.New(t, house.Options{})
	_, seen, err := r.House.Room.ReadPolicy(t.Context(), r.Owner)
	if err != nil {
		t.Fatal(err)
	}
	more := func(id string) []byte {
		return append(limit.Default().Text(), "\n@id(\""+id+"\")\nforbid (principal in Group::\"interns\", action, resource);\n"...)
	}
	next, err := r.House.Room.PutPolicyOver(t.Context(), r.Owner, more("a"), seen)
	if err != nil {
		t.Fatal(err)
	}
	for _, old := range []string{seen, ""} {
		if _, err := r.House.Room.PutPolicyOver(t.Context(), r.Owner, more("b"), old); strongroom.KindOf(err) != strongroom.KindConflict {
			t.Errorf("over %q it is put: %v", old, err)
		}
	}
	if _, now, err := r.House.Room.ReadPolicy(t.Context(), r.Owner); err != nil || now != next {
		t.Errorf("in force is %s, %v; want %s", now, err, next)
	}
}

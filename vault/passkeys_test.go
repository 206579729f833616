package vault_test

import (
	"strings"
	"sync"
	"testing"

	"strongroom"
	"strongroom/people"
	"strongroom/vault"
)

// A person looks after their own passkeys, and never shuts themselves out.
func TestOwnPasskeys(t *testing.T) {
	r, clock := logonRoom(t)
	ctx, room := t.Context(), r.House.Room
	ines := r.Person(strongroom.Principal{Name: "ines"})
	if _, err := room.AddPasskey(ctx, ines, passkey(1, 0)); strongroom.KindOf(err) != strongroom.KindInvalid {
		t.Errorf("a first passkey without a link: %v", err)
	}
	first, err := room.SetUp(ctx, invite(t, r, r.Owner, "ines"), passkey(1, 0), somewhere)
	if err != nil {
		t.Fatal(err)
	}
	who, err := room.ConsoleCaller(first.Token)
	if err != nil {
		t.Fatal(err)
	}
	c := who.Caller()
	one := room.PasskeysOf(ines.Principal.ID)[0]
	if err := room.RevokePasskey(ctx, c, one.ID); strongroom.KindOf(err) != strongroom.KindInvalid {
		t.Errorf("the last passkey is removed: %v", err)
	}
	from := r.Book.Head().Size
	clock.advance(1)
	two, err := room.AddPasskey(ctx, c, passkey(2, 0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := room.AddPasskey(ctx, c, passkey(2, 0)); strongroom.KindOf(err) != strongroom.KindConflict {
		t.Errorf("the same passkey twice: %v", err)
	}
	if err := room.RenamePasskey(ctx, c, two.ID, "  the key on my\nring "); err != nil || room.PasskeysOf(ines.Principal.ID)[1].Name != "the key on my ring" {
		t.Errorf("renaming: %v, %+v", err, room.PasskeysOf(ines.Principal.ID))
	}
	if err := room.RenamePasskey(ctx, c, two.ID, " "); strongroom.KindOf(err) != strongroom.KindInvalid {
		t.Errorf("no name: %v", err)
	}
	tom := r.Person(strongroom.Principal{Name: "tom"})
	if err := room.RenamePasskey(ctx, tom, two.ID, "mine"); strongroom.KindOf(err) != strongroom.KindInvalid {
		t.Errorf("somebody renames another's: %v", err)
	}
	if err := room.RevokePasskey(ctx, tom, two.ID); strongroom.KindOf(err) != strongroom.KindInvalid {
		t.Errorf("somebody removes another's: %v", err)
	}
	clock.advance(1)
	second, err := room.LogOn(ctx, vault.PasskeyProof{Passkey: two.ID}, somewhere)
	if err != nil {
		t.Fatal(err)
	}
	// Each removes the other one at once: one stays.
	var wait sync.WaitGroup
	for _, id := range []string{one.ID, two.ID} {
		wait.Go(func() { _ = room.RevokePasskey(ctx, c, id) })
	}
	wait.Wait()
	left := room.PasskeysOf(ines.Principal.ID)
	if len(left) != 1 {
		t.Fatalf("%d passkeys are left, want one", len(left))
	}
	for token, key := range map[string]string{first.Token: one.ID, second.Token: two.ID} {
		if _, err := room.ConsoleCaller(token); (err == nil) != (left[0].ID == key) {
			t.Errorf("the session by %s: %v, and %s is left", key, err, left[0].ID)
		}
	}
	if got := kinds(t, r, from); !strings.Contains(got, "people/passkey-add/permit people/passkey-rename/permit") || strings.Count(got, "people/passkey-revoke/permit") != 1 || strings.Count(got, "logoff/") != 1 {
		t.Errorf("the ledger has %s", got)
	}
}

// Whoever logs on by a provider may do without passkeys.
func TestLastPasskeyBesideProvider(t *testing.T) {
	r, _ := logonRoom(t)
	ctx, room := t.Context(), r.House.Room
	ines := r.Person(strongroom.Principal{Name: "ines", Aliases: []string{"user-1"}})
	if _, err := room.SetUp(ctx, invite(t, r, r.Owner, "ines"), passkey(1, 0), somewhere); err != nil {
		t.Fatal(err)
	}
	p := people.Provider{Issuer: "https://login.example", Audiences: []string{"strongroom"}, Claim: "sub", Client: "strongroom"}
	if err := room.PutProvider(ctx, r.Owner, p); err != nil {
		t.Fatal(err)
	}
	l, err := room.LogOnByProvider(ctx, people.Identity{Issuer: p.Issuer, Subject: "user-1", Audience: "strongroom"}, somewhere)
	if err != nil {
		t.Fatal(err)
	}
	who, err := room.ConsoleCaller(l.Token)
	if err != nil {
		t.Fatal(err)
	}
	if err := room.RevokePasskey(ctx, who.Caller(), room.PasskeysOf(ines.Principal.ID)[0].ID); err != nil {
		t.Error(err)
	}
	if _, err := room.ConsoleCaller(l.Token); err != nil {
		t.Errorf("the provider's session ended with the passkey: %v", err)
	}
}

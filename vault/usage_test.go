package vault_test

import (
	"strings"
	"testing"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

// Who accessed what is for those whom policy lets, and that they asked is on record, with
// what they asked; that somebody was refused too.
func TestReadUsage(t *testing.T) {
	r := housetest.New(t, house.Options{})
	ctx := t.Context()
	auditor := r.Person(strongroom.Principal{Name: "auditor", Groups: []string{"auditors"}})
	agent := r.Person(strongroom.Principal{Name: "agent", Groups: []string{"agents"}})
	admin := r.Person(strongroom.Principal{Name: "admin", Groups: []string{"platform-administrators", "auditors"}})
	before := r.House.Book.Head().Size

	names, err := r.House.Room.ReadUsage(ctx, auditor, "person agent "+strings.Repeat("é", 1000))
	if err != nil {
		t.Fatal(err)
	}
	actor, known := names.Actor("agent")
	if p, ok := names.Principal(actor); !known || !ok || p.Name != "agent" || p.ID != agent.Principal.ID {
		t.Errorf("the pseudonym of agent stands for %+v", p)
	}
	if _, known := names.Actor("nobody"); known {
		t.Error("somebody who is not there has a pseudonym")
	}
	for _, c := range []vault.Caller{agent, admin} {
		if _, err := r.House.Room.ReadUsage(ctx, c, "person "+c.Principal.Name); strongroom.KindOf(err) != strongroom.KindDenied {
			t.Errorf("%s asks: %v", c.Principal.Name, err)
		}
	}
	var read, refused int
	for record, err := range r.House.Book.Records(ctx, before, r.House.Book.Head().Size) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := vault.EventOf(record)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case e.Kind == vault.KindUsageRead && e.Outcome == strongroom.Permitted && e.Principal().Name == "auditor" && strings.HasPrefix(e.Detail, "person agent éé") && len(e.Detail) < 1100:
			read++
		case e.Kind == vault.KindRefusal && e.Question.Action == strongroom.ActionReadUsage && e.Actor != "":
			refused++
		}
	}
	if read != 1 || refused != 2 {
		t.Errorf("%d readings and %d refusals are on record, not 1 and 2", read, refused)
	}
}

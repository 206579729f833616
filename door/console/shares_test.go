package console

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"strongroom"
	"strongroom/door"
	"strongroom/vault"
)

func twoRooms() (flooded, quiet *keeping) {
	rooms := []door.Room{{Vault: &vault.Room{}}, {Vault: &vault.Room{}}}
	rooms[0].Vault.ID, rooms[1].Vault.ID = strongroom.NewID(), strongroom.NewID()
	all := keepings(rooms)
	return all[rooms[0].Vault.ID], all[rooms[1].Vault.ID]
}

// Whatever the people of one room have opened, looked for and had worked out, those of
// another do the same; and both together stay within what the server bears.
func TestRoomsDoNotFillEachOther(t *testing.T) {
	flooded, quiet := twoRooms()
	now := time.Now()
	hold := make(chan struct{})
	defer close(hold)
	slow := func(context.Context, *task) (any, error) { <-hold; return nil, nil }
	mine := quiet.searches.keep(kept{session: "mine", at: now})
	openedThere, begunThere := 0, 0
	for i := range openingsMost/2 + 50 {
		session, by := fmt.Sprint("s", i), strongroom.NewID()
		if flooded.openings.add(&opening{Began: now, Ends: now.Add(openingLife), by: by, session: session}, now) == nil {
			openedThere++
		}
		if i < tasksMost {
			if _, err := flooded.tasks.start("preview", session, by, now, slow); err == nil {
				begunThere++
			}
		}
		flooded.searches.keep(kept{by: by, session: session, at: now})
	}
	if openedThere != openingsMost/2 || begunThere != tasksMost/2 || len(flooded.searches.kept) != searchesMost/2 {
		t.Errorf("one room of two holds %d openings, %d tasks and %d searches", openedThere, begunThere, len(flooded.searches.kept))
	}
	if err := quiet.openings.add(&opening{Began: now, Ends: now.Add(openingLife), session: "mine"}, now); err != nil {
		t.Errorf("opening in the other: %v", err)
	}
	if _, err := quiet.tasks.start("preview", "mine", strongroom.NewID(), now, slow); err != nil {
		t.Errorf("a task in the other: %v", err)
	}
	if _, ok := quiet.searches.find(mine, "mine", now); !ok {
		t.Error("a search in the other is gone")
	}
}

// A room, and a person, whose documents take long keep no place from the others.
func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flooded, quiet := twoRooms()
		ana, ben, zoe := strongroom.NewID(), strongroom.NewID(), strongroom.NewID()
		enter := func(p *places, by strongroom.ID) func() {
			t.Helper()
			leave, err := p.take(t.Context(), by)
			if err != nil {
				t.Fatal(err)
			}
			return leave
		}
		leaveAna := enter(flooded.waves, ana)
		if _, err := flooded.waves.take(t.Context(), ana); strongroom.KindOf(err) != strongroom.KindBusy {
			t.Errorf("one person holds all places of a room: %v", err)
		}
		leaveBen := enter(flooded.waves, ben)
		if _, err := flooded.waves.take(t.Context(), zoe); strongroom.KindOf(err) != strongroom.KindBusy {
			t.Errorf("one room holds all places of the server: %v", err)
		}
		enter(quiet.waves, zoe)()

		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := flooded.waves.take(gone, zoe); !errors.Is(err, context.Canceled) {
			t.Errorf("whoever went away: %v", err)
		}
		go func() {
			time.Sleep(placeWait / 2)
			leaveAna()
			leaveAna()
		}()
		enter(flooded.waves, zoe)()
		leaveBen()
		if len(flooded.waves.of) != 0 || len(flooded.waves.room) != 0 || len(flooded.waves.all) != 0 {
			t.Errorf("after all left, %d people, %d places of the room and %d of the server are held", len(flooded.waves.of), len(flooded.waves.room), len(flooded.waves.all))
		}
	})
}

// Challenges of one room's people leave those of another, and log-ons, their own.
func TestChallengesOfRooms(t *testing.T) {
	s := ceremonies{inRoom: share(ceremoniesMost/2, 2)}
	now := time.Now()
	flooded, quiet := strongroom.NewID(), strongroom.NewID()
	begun := 0
	for i := range ceremoniesMost/4 + 50 {
		if _, err := s.begin(ceremony{of: fmt.Sprint(i), room: flooded}, now); err == nil {
			begun++
		}
	}
	if begun != ceremoniesMost/4 {
		t.Errorf("one room of two has %d challenges", begun)
	}
	if _, err := s.begin(ceremony{of: "x", room: quiet}, now); err != nil {
		t.Errorf("the other room: %v", err)
	}
	if _, err := s.begin(ceremony{of: "203.0.113.7"}, now); err != nil {
		t.Errorf("logging on: %v", err)
	}
	if _, err := s.begin(ceremony{of: "y", room: flooded}, now.Add(ceremonyLife)); err != nil {
		t.Errorf("after those of before are over: %v", err)
	}
}

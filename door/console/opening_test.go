package console

import (
	"testing"
	"time"

	"strongroom"
)

// An opening is its session's, for its object, for half an hour; and there are only so many.
func TestOpenings(t *testing.T) {
	s := openings{most: 100}
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	version := strongroom.NewID()
	add := func(session string, at time.Time) *opening {
		o := &opening{Version: version, Began: at, Ends: at.Add(openingLife), by: strongroom.NewID(), session: session}
		if err := s.add(o, at); err != nil {
			t.Fatal(err)
		}
		return o
	}
	first := add("a", now)
	if _, ok := s.find(first.ID, "a", version, now.Add(openingLife-time.Second)); !ok || len(first.ID) != 32 {
		t.Error("an opening is not found")
	}
	for name, found := range map[string]bool{
		"over":               second(s.find(first.ID, "a", version, now.Add(openingLife))),
		"another session's":  second(s.find(first.ID, "b", version, now)),
		"of another object":  second(s.find(first.ID, "a", strongroom.NewID(), now)),
		"one that never was": second(s.find("00", "a", version, now)),
	} {
		if found {
			t.Errorf("an opening that is %s is found", name)
		}
	}
	other := add("b", now)
	for i := range openingsInSession {
		add("a", now.Add(time.Duration(i+1)*time.Second))
	}
	if second(s.find(first.ID, "a", version, now)) || !second(s.find(other.ID, "b", version, now)) {
		t.Error("not the oldest of the same session gave way")
	}
	for i := len(s.all); i < s.most; i++ {
		add(strongroom.NewID().String(), now.Add(time.Minute))
	}
	if err := s.add(&opening{session: "c", Ends: now.Add(time.Hour)}, now.Add(time.Minute)); strongroom.KindOf(err) != strongroom.KindBusy {
		t.Errorf("one more than there may be: %v", err)
	}
	if add("c", now.Add(2*openingLife)); len(s.all) != 1 {
		t.Errorf("%d are kept after all but one have ended", len(s.all))
	}
	me := strongroom.NewID()
	for i := range openingsOfEach + 5 {
		session := string(rune('a' + i%10))
		if err := s.add(&opening{Began: now.Add(time.Duration(i)), Ends: now.Add(3 * openingLife), by: me, session: session}, now); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.all) != 1+openingsOfEach {
		t.Errorf("somebody with many sessions holds %d openings", len(s.all)-1)
	}
}

func second[T any](_ T, ok bool) bool { return ok }

package alert_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"strongroom"
	"strongroom/alert"
)

// What is over is forgotten after its time, and of too much the oldest; what is open, or
// still to be sent, stays.
func TestOldOnesGo(t *testing.T) {
	store := openStore(t, t.TempDir(), 0)
	put := func(id byte, state alert.State, at time.Time, messages ...alert.DeliveryState) {
		t.Helper()
		a := alert.Alert{ID: strongroom.ID{id}, Condition: "test", State: state, First: at}
		err := store.Change(t.Context(), func(tx alert.Tx) error {
			for i, m := range messages {
				d := alert.Delivery{ID: strongroom.ID{id, byte(i + 1)}, Alert: a.ID, State: m, Made: at, Due: at.Add(1000 * time.Hour)}
				if err := tx.AddDelivery(d); err != nil {
					return err
				}
			}
			return tx.PutAlert(a)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	old := monday.AddDate(0, 0, -401)
	put(1, alert.Acknowledged, old, alert.Sent, alert.Failed)
	put(2, alert.Past, old)
	put(3, alert.Open, old, alert.Sent, alert.ToSend)
	put(4, alert.Acknowledged, old, alert.ToSend)
	put(5, alert.Tested, monday.AddDate(0, 0, -399), alert.Sent)
	for n := range byte(10) {
		put(10+n, alert.Acknowledged, monday.Add(time.Duration(n)*time.Second), alert.Sent)
	}
	drop := func(alerts, messages int) map[string]int {
		t.Helper()
		err := store.Change(t.Context(), func(tx alert.Tx) error { return tx.DropDone(monday.AddDate(0, 0, -400), alerts, messages) })
		if err != nil {
			t.Fatal(err)
		}
		left := map[string]int{} // alert → messages
		all, err := store.Alerts(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			messages, err := store.Deliveries(t.Context(), a.ID)
			if err != nil {
				t.Fatal(err)
			}
			left[fmt.Sprint(a.ID[0])] = len(messages)
		}
		return left
	}
	want := map[string]int{"3": 1, "4": 1, "5": 1}
	for n := range 10 {
		want[fmt.Sprint(10+n)] = 1
	}
	if got := drop(100, 100); !maps.Equal(got, want) {
		t.Fatalf("left are %v, want %v", got, want)
	}
	delete(want, "5")
	for n := range 6 {
		delete(want, fmt.Sprint(10+n))
	}
	if got := drop(5, 100); len(got) != 7 { // the newest five that are done, the open one, and one to be sent
		t.Errorf("left are %v", got)
	}
	if got := drop(4, 2); len(got) != 6 || got["19"] != 1 || got["18"] != 1 || got["17"] != 0 || got["4"] != 1 || got["3"] != 1 || !maps.EqualFunc(got, want, func(int, int) bool { return true }) {
		t.Errorf("left are %v", got)
	}
}

// A server counts on in memory; what another process counted meanwhile is not forgotten.
func TestCountedByAnother(t *testing.T) {
	store, s := openStore(t, t.TempDir(), 0), &story{at: monday}
	c := &clock{at: monday}
	one, other := newEngine(t, store, c, &inbox{}, alert.Setup{}), newEngine(t, store, c, &inbox{}, alert.Setup{})
	for _, e := range []*alert.Engine{one, other, one} {
		for range 4 {
			s.refusal(person("otto"))
		}
		if err := s.take(t.Context(), e, 100); err != nil {
			t.Fatal(err)
		}
	}
	all, err := store.Alerts(t.Context(), 10)
	if err != nil || len(all) != 1 || all[0].Seen != 10 || len(all[0].Evidence) != 10 {
		t.Fatalf("%+v, %v", all, err)
	}
}

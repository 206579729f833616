package console

import (
	"testing"
	"time"
)

// Where days began is remembered, of however many zones; memory does not grow with them.
func TestDayStartsAreBounded(t *testing.T) {
	var d dayStarts
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i := range 3 * dayStartsMost {
		at := begin.Add(time.Duration(i) * 15 * time.Minute)
		d.keep(at, int64(i))
		if n, ok := d.find(at); !ok || n != int64(i) {
			t.Fatalf("the day that was kept last is remembered as %d, %v", n, ok)
		}
		if len(d.at) > dayStartsMost {
			t.Fatalf("%d days are remembered", len(d.at))
		}
	}
	if _, ok := d.find(begin.AddDate(-1, 0, 0)); ok {
		t.Error("a day that nobody asked for is remembered")
	}
}

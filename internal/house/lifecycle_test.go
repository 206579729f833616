package house

import (
	"strings"
	"testing"
	"time"
)

// A clock that somebody sets while the server runs ends no period.
func TestClockThatLeapsDeletesNothing(t *testing.T) {
	ahead := time.Duration(0)
	clock := func() time.Time { return time.Now().Add(ahead) }
	leap := leapOf(clock)
	if l := leap(); l.Abs() > time.Minute {
		t.Errorf("a clock that goes as it should has leapt %s", l)
	}
	for _, ahead = range []time.Duration{2 * time.Hour, 6 * 365 * 24 * time.Hour, -2 * time.Hour} {
		if l := leap(); (l - ahead).Abs() > time.Minute {
			t.Errorf("set by %s it has leapt %s", ahead, l)
		}
		// There is no room to delete anything from: it must not come to that.
		err := (&House{}).lifecycleOnce(t.Context(), Options{Clock: clock}, leap())
		if err == nil || !strings.Contains(err.Error(), "the clock was set by") {
			t.Errorf("set by %s: %v", ahead, err)
		}
	}
}

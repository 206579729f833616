package synth

import (
	"slices"
	"testing"
	"time"
)

// Two weeks have every sort of act in them, in order, each by somebody who is there, and
// the same ones again for the same seed.
func TestLife(t *testing.T) {
	tell := func() (acts []Act, did map[Deed]int, who map[string]int) {
		c := Within(4711, 60, 14*24*time.Hour)
		r := c.Roles("owner")
		did, who = map[Deed]int{}, map[string]int{}
		var stored []Stored
		for i := range c.Calls {
			call := &c.Calls[i]
			stored = append(stored, Stored{Key: call.Recording, Kind: KindCall, Queue: call.Queue, Agent: call.Agent.Name, At: c.Start(call), Sampled: i%20 == 0, Scrubbed: i%7 == 3})
		}
		first := c.Until.AddDate(0, 0, -14)
		last := first
		for h := first; h.Before(c.Until); h = h.Add(time.Hour) {
			there := stored[:0:0]
			for _, s := range stored {
				if s.At.Before(h) {
					there = append(there, s)
				}
			}
			for _, a := range c.Hour(r, h, int(h.Sub(first).Hours()/24), 14, there) {
				if a.At.Before(last) || a.At.Before(h) || !a.At.Before(h.Add(time.Hour)) {
					t.Fatalf("%+v is out of order in the hour of %v", a, h)
				}
				last = a.At
				if a.Key != "" && !slices.ContainsFunc(there, func(s Stored) bool { return s.Key == a.Key }) {
					t.Fatalf("%+v concerns what is not there yet", a)
				}
				if a.Who == r.Leaver.Name && a.Do == Open && a.Purpose.Text == "" {
					own := slices.IndexFunc(there, func(s Stored) bool { return s.Key == a.Key && s.Agent == a.Who })
					if own < 0 {
						t.Fatalf("the leaver opens what is not theirs: %+v", a)
					}
				}
				did[a.Do]++
				who[a.Who]++
				acts = append(acts, a)
			}
		}
		return acts, did, who
	}
	acts, did, who := tell()
	for _, d := range []Deed{Find, Open, List, Leave, Ask, Answer, BreakGlass, Review} {
		if did[d] == 0 {
			t.Errorf("nobody does %s", d)
		}
	}
	if did[Leave] != 1 || did[BreakGlass] != 2 || did[Open] < 150 {
		t.Errorf("they do %v", did)
	}
	for _, p := range Within(4711, 60, 14*24*time.Hour).Staff {
		if who[p.Name] == 0 && p.Group != "auditors" && p.Group != "security-officers" {
			t.Errorf("%s of %s does nothing", p.Name, p.Group)
		}
	}
	if again, _, _ := tell(); !slices.Equal(acts, again) {
		t.Error("told again, it is another story")
	}
}

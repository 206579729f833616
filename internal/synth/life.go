package synth

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"strongroom"
)

// Deed is what somebody does.
type Deed string

const (
	Find       Deed = "find"        // look at what an object is, without opening it
	Open       Deed = "open"        // read it to its end
	List       Deed = "list"        // the names in the bucket
	Leave      Deed = "leave"       // the organisation: their account is suspended
	Ask        Deed = "ask"         // for an approval
	Answer     Deed = "answer"      // approve what was asked for last
	BreakGlass Deed = "break-glass" // in an emergency
	Review     Deed = "review"      // what was done behind the glass broken last
)

// Act is one thing that somebody does at some time.
type Act struct {
	At      time.Time
	Who     string // name of a principal
	Do      Deed
	Key     string // of an object, where it concerns one
	Purpose strongroom.Purpose
}

// Stored is one file as it came into the repository.
type Stored struct {
	Key, Kind, Queue, Agent string
	At                      time.Time
	Sampled, Scrubbed       bool
}

// Roles are the people of whom the two weeks tell something.
type Roles struct {
	Agents, Supervisors, Quality, Vendors, Administrators, Officers []Person
	Leaver                                                          Person // an agent, who copies what they can before they go
	Curious                                                         Person // an agent, who looks for other people's calls
	Owner                                                           string // the data owner's principal
}

// Roles casts the staff.
func (c *Centre) Roles(owner string) Roles {
	r := Roles{Owner: owner}
	for _, p := range c.Staff {
		switch p.Group {
		case "agents":
			r.Agents = append(r.Agents, p)
		case "supervisors":
			r.Supervisors = append(r.Supervisors, p)
		case "quality":
			r.Quality = append(r.Quality, p)
		case "vendors":
			r.Vendors = append(r.Vendors, p)
		case "platform-administrators":
			r.Administrators = append(r.Administrators, p)
		case "security-officers":
			r.Officers = append(r.Officers, p)
		}
	}
	r.Curious, r.Leaver = r.Agents[1], r.Agents[len(r.Agents)-1]
	return r
}

// workday reports whether people of the centre are at work in the hour that begins at t.
func workday(t time.Time) bool {
	return t.Weekday() != time.Saturday && t.Weekday() != time.Sunday && t.Hour() >= 8 && t.Hour() < 18
}

var purposes = []string{"customer complaint", "coaching", "dispute over a contract", "regulator's question"}

// Hour is what people do in the hour that begins at t, in order of time, with what is
// there: day counts from 0 over days of which there are so many, and below 0 is what went
// before: the same work, and nothing out of the ordinary. The same seed, hour and
// files give the same acts.
func (c *Centre) Hour(r Roles, t time.Time, day, days int, stored []Stored) []Act {
	random := rand.New(rand.NewPCG(c.seed, uint64(t.Unix())))
	var acts []Act
	act := func(p string, do Deed, key string, why strongroom.Purpose) {
		acts = append(acts, Act{At: t.Add(time.Duration(random.IntN(3600)) * time.Second), Who: p, Do: do, Key: key, Purpose: why})
	}
	why := func() strongroom.Purpose {
		p := strongroom.Purpose{Text: purposes[random.IntN(len(purposes))]}
		if random.IntN(2) == 0 {
			p.Ticket = fmt.Sprintf("CASE-%d", 4000+random.IntN(900))
		}
		return p
	}
	which := func(fits func(Stored) bool) (Stored, bool) {
		var some []Stored
		for _, s := range stored {
			if s.Kind == KindCall && fits(s) {
				some = append(some, s)
			}
		}
		if len(some) == 0 {
			return Stored{}, false
		}
		return some[random.IntN(len(some))], true
	}
	leaves := days * 2 / 3 // the leaver's last day
	gone := func(p Person) bool { return p.Name == r.Leaver.Name && day > leaves }

	if workday(t) {
		for _, p := range r.Agents {
			if gone(p) || random.IntN(4) != 0 {
				continue
			}
			if own, ok := which(func(s Stored) bool { return s.Agent == p.Name && t.Sub(s.At) < 29*24*time.Hour }); ok {
				act(p.Name, Find, own.Key, strongroom.Purpose{})
				act(p.Name, Open, own.Key, strongroom.Purpose{})
			}
		}
		for _, p := range r.Supervisors {
			if random.IntN(2) != 0 {
				continue
			}
			if call, ok := which(func(s Stored) bool { return slices.Contains(p.Supervises, s.Queue) }); ok {
				act(p.Name, Find, call.Key, strongroom.Purpose{})
				if random.IntN(8) == 0 {
					act(p.Name, Open, call.Key, strongroom.Purpose{}) // forgot to say why
				}
				act(p.Name, Open, call.Key, why())
			}
		}
		for _, p := range r.Quality {
			if call, ok := which(func(s Stored) bool { return s.Sampled }); ok && random.IntN(3) == 0 {
				act(p.Name, Open, call.Key, strongroom.Purpose{Text: "quality sample"})
			}
		}
		for _, p := range r.Vendors {
			if copied, ok := which(func(s Stored) bool { return s.Scrubbed }); ok && random.IntN(4) == 0 {
				act(p.Name, Open, copied.Key, strongroom.Purpose{Text: "transcription"})
			}
		}
	}
	// The curious agent: a few every day, then evenings, for calls that are not theirs.
	if t.Weekday() != time.Sunday && (t.Hour() == 12 || t.Hour() == 21) && day >= days/3 {
		for range 1 + day/4 {
			if other, ok := which(func(s Stored) bool { return s.Agent != r.Curious.Name }); ok {
				act(r.Curious.Name, Open, other.Key, strongroom.Purpose{})
			}
		}
	}
	// One evening they go through what is there, one after the other.
	if day == days/2+2 && t.Hour() == 21 {
		for i, s := range stored[:min(14, len(stored))] {
			acts = append(acts, Act{At: t.Add(time.Duration(30+i/2) * time.Minute).Add(time.Duration(i%2*20) * time.Second), Who: r.Curious.Name, Do: Open, Key: s.Key})
		}
	}
	// The leaver: everything of their own in the last two evenings, and a try from outside.
	if (day == leaves || day == leaves-1) && t.Hour() == 19 {
		for _, s := range stored {
			if s.Agent == r.Leaver.Name {
				act(r.Leaver.Name, Open, s.Key, strongroom.Purpose{})
			}
		}
	}
	if day == leaves && t.Hour() == 20 {
		act(r.Owner, Leave, "", strongroom.Purpose{})
	}
	if day == leaves+1 && t.Hour() == 22 {
		if own, ok := which(func(s Stored) bool { return s.Agent == r.Leaver.Name }); ok {
			act(r.Leaver.Name, Open, own.Key, strongroom.Purpose{Text: "customer complaint"})
		}
	}
	// The administrator tries whether administering is reading, once at night.
	if day == days/2 && t.Hour() == 2 {
		for _, p := range r.Administrators {
			act(p.Name, List, "", strongroom.Purpose{Text: "checking the disk"})
			if any, ok := which(func(Stored) bool { return true }); ok {
				act(p.Name, Open, any.Key, strongroom.Purpose{Text: "checking the disk"})
			}
		}
	}
	// The supplier tries the original, once.
	if day == days/2 && t.Hour() == 11 {
		for _, p := range r.Vendors {
			if raw, ok := which(func(s Stored) bool { return !s.Scrubbed }); ok {
				act(p.Name, Open, raw.Key, strongroom.Purpose{Text: "transcription"})
			}
		}
	}
	// An approval asked for and given; an emergency, reviewed, and one that is not yet.
	if day == days/2+1 && t.Hour() == 10 {
		if call, ok := which(func(s Stored) bool { return slices.Contains(r.Supervisors[1].Supervises, s.Queue) }); ok {
			at := t.Add(7 * time.Minute)
			for i, do := range []Deed{Ask, Answer, Open} {
				who := []string{r.Supervisors[0].Name, r.Owner, r.Supervisors[0].Name}[i]
				acts = append(acts, Act{At: at.Add(time.Duration(i) * 4 * time.Minute), Who: who, Do: do, Key: call.Key, Purpose: strongroom.Purpose{Text: "holiday cover", Ticket: "CASE-4999"}})
			}
		}
	}
	if (day == days/3 || day == days-2) && t.Hour() == 23 {
		if call, ok := which(func(Stored) bool { return true }); ok {
			p := r.Supervisors[day%2]
			emergency := strongroom.Purpose{Text: "a threat was made on a call, the police wait", Ticket: "CASE-911"}
			for i, do := range []Deed{BreakGlass, Open} {
				acts = append(acts, Act{At: t.Add(time.Duration(5+i) * time.Minute), Who: p.Name, Do: do, Key: call.Key, Purpose: emergency})
			}
		}
	}
	if day == days/3+1 && t.Hour() == 9 {
		act(r.Owner, Review, "", strongroom.Purpose{Text: "the police confirmed it"})
	}
	slices.SortStableFunc(acts, func(a, b Act) int { return a.At.Compare(b.At) })
	return acts
}

package know

import (
	"math"
	"strings"
	"testing"
	"time"

	"strongroom"
)

// The interval's values are those of Wilson's formula as others compute it (R's
// prop.test without correction, and tables in Newcombe 1998).
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		positives, n int64
		low, high    float64
	}{{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}, {20, 20, 0.8389, 1}, {0, 0, 0, 1}} {
		low, high := Wilson(c.positives, c.n, z95)
		if math.Abs(low-c.low) > 0.0001 || math.Abs(high-c.high) > 0.0001 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", c.positives, c.n, low, high, c.low, c.high)
		}
	}
}

// What was not looked at is never shown as free of something.
func TestSharesSayWhatIsUnknown(t *testing.T) {
	s := Scan{Phase: PhaseDone, Rows: []Row{
		{Group{Kind: "text"}, Sum{Count: 12_000}}, {Group{Kind: "audio"}, Sum{Count: 5}}, {Group{Kind: "image"}, Sum{Count: 2}}, {Group{Kind: "key"}, Sum{Count: 4}},
	}, Looked: map[string]*Looked{
		"text":  {Drawn: 400, Unreadable: 4, Partly: 7, Classes: map[string]int64{"card": 13, NoClass: 383}},
		"image": {Drawn: 2, Classes: map[string]int64{"image": 2}},
		"key":   {Drawn: 3, Unreadable: 3},
	}}
	shares := s.Shares("share")
	var all []string
	for _, share := range shares {
		all = append(all, share.String())
	}
	text := strings.Join(all, "\n")
	for _, want := range []string{
		"unknown: none of the 5 audio files was looked at\n",
		"unknown: none of the 3 drawn from the 4 key files could be read\n",
		"2 of the 2 image files hold image (all were read)",
		"between 1.9 % and 6.7 % of the 12000 text files hold card, at 95 % (400 drawn by chance: 13 hits, 4 not readable, 7 read in part)",
		"showed nothing to the detectors, which is not the same as holding nothing",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("not there: %q in\n%s", want, text)
		}
	}
	if !strings.HasPrefix(text, "unknown: none of the 5 audio") || shares[1].Class != Unknown || shares[1].High != 1 {
		t.Errorf("the unknown is not first:\n%s", text)
	}
	// Half a sample says nothing yet.
	s.Phase = PhaseRead
	for _, share := range s.Shares("share") {
		if share.Class != Unknown || share.Low != 0 || share.High != 1 {
			t.Errorf("before all was read: %+v", share)
		}
	}
}

func TestFold(t *testing.T) {
	old, now := time.Unix(1e9, 0).UTC(), time.Unix(1.7e9, 0).UTC()
	tally := Tally{}
	add := func(place, kind, class, owner string, at time.Time) {
		label, class := labelOf(strongroom.Label{Confidential: true, Classes: strings.Fields(class)})
		tally.of(Group{Place: place, Kind: kind, Label: label, Class: class, Age: Age(at, now), Owner: owner}).add(10, at, now.Add(-time.Hour))
	}
	add("calls", "call", "voice card voice", "ines", old)
	add("calls", "call", "card voice", "ines", now)
	add("misc", Unknown, "", "", old)
	rows := Fold(tally.Rows(), []string{"place", "class"})
	if len(rows) != 2 || rows[0].Place != "misc" || rows[0].Class != Unknown {
		t.Fatalf("%+v", rows)
	}
	if r := rows[1]; r.Class != "card+voice" || r.Count != 2 || r.Bytes != 20 || !r.Oldest.Equal(old) || !r.Newest.Equal(now) || r.New != 1 || r.NewBytes != 10 {
		t.Errorf("%+v", r)
	}
	if total := Total(tally.Rows()); total.Count != 3 || total.Bytes != 30 {
		t.Errorf("%+v", total)
	}
	// Kinds without end are counted together at some point, and none is lost.
	many := Tally{}
	for i := range maxGroups + 500 {
		many.of(Group{Place: "calls", Kind: strings.Repeat("k", 1+i%50) + string(rune('a'+i/1000)) + time.Duration(i).String()}).add(1, now, time.Time{})
	}
	if total := Total(many.Rows()); len(many) > maxGroups+1 || total.Count != maxGroups+500 {
		t.Errorf("%d groups, %d counted", len(many), total.Count)
	}
}

func TestAge(t *testing.T) {
	now := time.Unix(1.7e9, 0)
	for days, want := range map[int]string{0: "under a day", 1: "under a week", 7: "under 30 days", 89: "under 90 days", 364: "under a year", 365: "under 3 years", 2556: oldestAge, -1: futureAge} {
		if got := Age(now.AddDate(0, 0, -days), now); got != want {
			t.Errorf("%d days: %s, want %s", days, got, want)
		}
	}
}

func TestParseSample(t *testing.T) {
	for _, s := range []string{"0", "-1", "0%", "101%", "x", "1000001", "%", "NaN%", "1e9", "2 %%"} {
		if got, err := ParseSample(s); err == nil {
			t.Errorf("%q: %+v", s, got)
		}
	}
	for s, want := range map[string]Sample{"2.5%": {Percent: 2.5}, "400": {Number: 400}, "": {}, "100%": {Percent: 100}} {
		if got, err := ParseSample(s); err != nil || got != want {
			t.Errorf("%q: %+v %v", s, got, err)
		}
	}
}

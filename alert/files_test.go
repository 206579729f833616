package alert_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom/alert"
)

func TestSettings(t *testing.T) {
	s, err := alert.ParseSettings("room.yaml", []byte(`
public_url: https://room.example/
contact: mailto:security@example.com
hours: {time_zone: Europe/Paris, days: [mon-fri], from: "07:30", to: "20:00"}
conditions:
  - {id: bulk-releases, threshold: 80, window: 2h, usual: {factor: 8, least: 20}}
  - {id: first-touch, off: true}
`))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(s.Conditions, func(c alert.Condition) bool { return c.ID == "bulk-releases" })
	if c := s.Conditions[i]; c.Threshold != 80 || c.Window.String() != "2h" || c.Factor != 8 || c.Severity != alert.High {
		t.Errorf("%+v", c)
	}
	if s.Hours.String() != "mon,tue,wed,thu,fri 07:30–20:00 Europe/Paris" || s.PublicURL != "https://room.example" {
		t.Errorf("%s %s", s.Hours, s.PublicURL)
	}
	built, err := alert.Conditions()
	if err != nil || built[i].Threshold != 60 {
		t.Errorf("the built-in table has changed with it: %+v %v", built[i], err)
	}
	for text, want := range map[string]string{
		"conditions:\n  - {id: bulk-release, threshold: 3}":                                                                      `room.yaml:2:5: there is no condition "bulk-release"`,
		"conditions:\n  - {id: bulk-releases, treshold: 3}":                                                                      `room.yaml:2:25: "treshold" is not known here`,
		"conditions:\n  - {id: bulk-releases, threshold: 0}":                                                                     "room.yaml:2:36: a whole number from 1 to 5000",
		"conditions:\n  - {id: bulk-releases, name: {en: x}}":                                                                    `room.yaml:2:25: "name" is not known here`,
		"conditions:\n  - {id: out-of-hours, usual: {factor: 2, least: 3}}\n  - {id: break-glass, usual: {factor: 2, least: 3}}": "room.yaml:3:5: what is usual is known only",
		"hours: {from: \"07:00\", to: \"25:00\", time_zone: UTC}":                                                                "room.yaml:1:28: a time of day",
		"hours: {from: \"07:00\", to: \"12:00\", time_zone: Mars/North}":                                                         `"Mars/North" is no time zone`,
		"hours: {from: \"07:00\", to: \"12:00\"}":                                                                                "room.yaml:1:8: working hours need",
		"public_url: ftp://x":                                 "room.yaml:1:13: an address",
		"public_url: https://user:secret@x":                   "an address",
		"a: &x 1\nb: *x":                                      "anchors and aliases",
		"public_url: https://x\npublic_url: https://y":        "stands here twice",
		"a: 1\n---\nb: 2":                                     "more than one document",
		"conditions: [{id: alerting-changed, off: true}]":     "alerting-changed stays on",
		"conditions: [{id: alerting-changed, threshold: 99}]": "alerting-changed stays on",
		"\xff":          "not UTF-8",
		"conditions: [": "room.yaml: ",
	} {
		if _, err := alert.ParseSettings("room.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

const rotaText = `
time_zone: Europe/Paris
people:
  - {name: ines, channels: [ines-phone, mail]}
  - {name: otto, channels: [otto-phone]}
  - {name: pia, channels: [pia-phone]}
levels:
  - shifts:
      - {days: [mon-fri], from: "08:00", to: "20:00", people: [ines]}
      - {days: [mon-fri], from: "20:00", to: "08:00", people: [otto]}
      - {days: [sat, sun], from: "08:00", to: "08:00", people: [otto]}
    channels: [soc]
  - {after: 10m, people: [pia], severity: high}
  - {after: 30m, everyone: true}
repeat: 2h
`

func TestRota(t *testing.T) {
	r, err := alert.ParseRota("rota.yaml", []byte(rotaText))
	if err != nil {
		t.Fatal(err)
	}
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	all := []string{"ines-phone", "mail", "soc"}
	who := func(level int, at time.Time, s alert.Severity) string {
		var out []string
		for _, target := range r.On(level, at, s, all) {
			out = append(out, target.Describe())
		}
		return strings.Join(out, "; ")
	}
	for _, c := range []struct {
		at    time.Time
		level int
		s     alert.Severity
		want  string
	}{
		{time.Date(2026, 11, 2, 8, 0, 0, 0, paris), 0, alert.Low, "ines by ines-phone then mail; soc"},
		{time.Date(2026, 11, 2, 7, 59, 59, 0, paris), 0, alert.Low, "otto by otto-phone; soc"}, // Sunday's shift
		{time.Date(2026, 11, 2, 20, 0, 0, 0, paris), 0, alert.Low, "otto by otto-phone; soc"},
		{time.Date(2026, 11, 7, 7, 0, 0, 0, paris), 0, alert.Low, "otto by otto-phone; soc"},               // Friday's night
		{time.Date(2026, 7, 6, 6, 30, 0, 0, time.UTC), 0, alert.Low, "ines by ines-phone then mail; soc"},  // summer: 08:30 there
		{time.Date(2026, 11, 2, 7, 30, 0, 0, time.UTC), 0, alert.Low, "ines by ines-phone then mail; soc"}, // winter: 08:30 there
		{time.Date(2026, 7, 6, 5, 30, 0, 0, time.UTC), 0, alert.Low, "otto by otto-phone; soc"},
		{time.Date(2026, 11, 2, 8, 0, 0, 0, paris), 1, alert.Medium, ""},
		{time.Date(2026, 11, 2, 8, 0, 0, 0, paris), 1, alert.Critical, "pia by pia-phone"},
		{time.Date(2026, 11, 2, 8, 0, 0, 0, paris), 2, alert.Low, "ines-phone; mail; soc"},
	} {
		if got := who(c.level, c.at, c.s); got != c.want {
			t.Errorf("level %d at %s: %q, want %q", c.level, c.at, got, c.want)
		}
	}
	if gaps := r.Gaps(monday); len(gaps) != 0 {
		t.Errorf("gaps %v", gaps)
	}
	hole, err := alert.ParseRota("r", []byte("people: [{name: i, channels: [c]}]\nlevels:\n  - shifts: [{days: [mon-sun], from: \"08:00\", to: \"20:00\", people: [i]}]"))
	if err != nil {
		t.Fatal(err)
	}
	if gaps := hole.Gaps(monday); len(gaps) != 7 || gaps[0].From.Hour() != 20 || gaps[0].To.Hour() != 8 {
		t.Errorf("gaps %v", gaps)
	}
	yes, no := func(string) bool { return true }, func(string) bool { return false }
	if got := r.Unknown(yes, no); len(got) != 5 || got[0] != `there is no channel "ines-phone"` {
		t.Errorf("%v", got)
	}
	if got := r.Unknown(no, yes); len(got) != 3 {
		t.Errorf("%v", got)
	}
	for text, want := range map[string]string{
		"":                              "rota.yaml: it is empty",
		"levels: []":                    "a rota needs levels",
		"levels:\n  - {people: [ines]}": `rota.yaml:2:15: "ines" is not among the people`,
		"levels:\n  - {after: 5m, everyone: true}":                               "the first level is told at once",
		"levels:\n  - {everyone: true}\n  - {everyone: true}":                    "rota.yaml:3:5: a level comes later",
		"levels:\n  - {after: 0s}":                                               "a level tells nobody",
		"people:\n  - {name: ines, channels: []}\nlevels:\n  - {everyone: true}": "a person has a name, and channels",
		"levels:\n  - shifts: [{days: [mo], from: \"08:00\", to: \"9:00\"}]":     `"mo" is no day`,
		"levels:\n  - {everyone: yes}":                                           "true or false",
		"time_zone: Nowhere\nlevels:\n  - {everyone: true}":                      "is no time zone",
		"levels:\n  - {everyone: true, channels: [a, a]}":                        "stands in the list twice",
	} {
		if _, err := alert.ParseRota("rota.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzRota(f *testing.F) {
	f.Add([]byte(rotaText))
	f.Add([]byte("levels:\n  - {everyone: true}"))
	f.Add([]byte("a: &x [*x]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := alert.ParseRota("r", text)
		if err != nil {
			return
		}
		for level := range r.Levels {
			for _, target := range r.On(level, monday, alert.Critical, []string{"a"}) {
				if len(target.Channels) == 0 {
					t.Error("somebody is told by no channel")
				}
			}
		}
	})
}

func FuzzSettings(f *testing.F) {
	f.Add([]byte("hours: {time_zone: UTC, from: \"07:30\", to: \"20:00\"}\nconditions:\n  - {id: bulk-releases, threshold: 80}"))
	f.Add([]byte("public_url: https://x\ncontact: mailto:a@b"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := alert.ParseSettings("r", text)
		if err != nil {
			return
		}
		for _, c := range s.Conditions {
			if c.Threshold < 1 || c.Window <= 0 || c.Remind <= 0 || c.Name.FR == "" {
				t.Errorf("%+v", c)
			}
		}
	})
}

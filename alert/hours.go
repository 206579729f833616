package alert

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // rotas name time zones, and not every machine knows them

	"go.yaml.in/yaml/v3"
)

// Hours is a span of the day on some days of the week, by the clock on the wall of a time
// zone. Where it ends no later than it begins it goes over midnight and belongs to the day
// that it begins on.
type Hours struct {
	Zone     *time.Location
	Days     [7]bool // by time.Weekday
	From, To int     // minutes since midnight; 24:00 is 1440
}

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Hold reports whether t lies in the hours.
func (h *Hours) Hold(t time.Time) bool {
	t = t.In(h.Zone)
	minute, day := t.Hour()*60+t.Minute(), int(t.Weekday())
	if h.From < h.To {
		return h.Days[day] && minute >= h.From && minute < h.To
	}
	return h.Days[day] && minute >= h.From || h.Days[(day+6)%7] && minute < h.To
}

func (h *Hours) String() string {
	var days []string
	for i := range 7 {
		if d := (i + 1) % 7; h.Days[d] {
			days = append(days, dayNames[d])
		}
	}
	return fmt.Sprintf("%s %02d:%02d–%02d:%02d %s", strings.Join(days, ","), h.From/60, h.From%60, h.To/60, h.To%60, h.Zone)
}

// hourFields are the keys by which a mapping says hours, to be put beside others of its.
func (s *strict) hourFields(h *Hours) map[string]func(*yaml.Node) {
	return map[string]func(*yaml.Node){
		"time_zone": s.zone(&h.Zone),
		"from":      s.clock(&h.From, 1439),
		"to":        s.clock(&h.To, 1440),
		"days": func(n *yaml.Node) {
			s.list(n, 7, func(n *yaml.Node) {
				t, ok := s.scalar(n, 16)
				if !ok {
					return
				}
				first, last, span := strings.Cut(t, "-")
				if !span {
					last = first
				}
				from, to := slices.Index(dayNames, first), slices.Index(dayNames, last)
				if from < 0 || to < 0 {
					s.wrong(n, "%q is no day, such as mon or mon-fri", short(t))
					return
				}
				for d := from; ; d = (d + 1) % 7 {
					h.Days[d] = true
					if d == to {
						break
					}
				}
			})
		},
	}
}

// clock reads a time of day, which YAML's older form would take for a number where it is
// not quoted.
func (s *strict) clock(to *int, most int) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var hour, minute int
		if _, err := fmt.Sscanf(n.Value, "%02d:%02d", &hour, &minute); err != nil || n.Kind != yaml.ScalarNode || len(n.Value) != 5 || hour < 0 || minute < 0 || minute > 59 || hour*60+minute > most {
			s.wrong(n, "a time of day is expected here, as in \"07:30\"")
			return
		}
		*to = hour*60 + minute
	}
}

package console

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Languages of the console; English where somebody wants neither.
const (
	english = "en"
	french  = "fr"
)

// said is a text in both languages. One that depends on a number has its two forms parted
// by a bar: for one, and for more.
type said struct{ en, fr string }

func (s said) in(lang string) string {
	if lang == french {
		return s.fr
	}
	return s.en
}

// say answers a text, its verbs filled in; an unknown key shows as itself, and a test finds it.
func say(lang, key string, args ...any) string {
	s, ok := words[key]
	if !ok {
		return key
	}
	if len(args) == 0 {
		return s.in(lang)
	}
	return fmt.Sprintf(s.in(lang), args...)
}

// sayN answers the form of a text that goes with n. French counts nought as one.
func sayN(lang, key string, n int, args ...any) string {
	one, more, _ := strings.Cut(say(lang, key), "|")
	form := more
	if n == 1 || n == 0 && lang == french {
		form = one
	}
	return fmt.Sprintf(form, append([]any{number(lang, int64(n))}, args...)...)
}

// number groups digits by three, as the language does.
func number(lang string, n int64) string {
	digits := strconv.FormatInt(n, 10)
	gap := ","
	if lang == french {
		gap = "\u202f"
	}
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + gap + digits[i:]
	}
	return sign + digits
}

var frenchMonths = [...]string{"janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."}

// date is a time in the reader's zone and form, to the minute. A line may end between
// day and time, nowhere else.
func date(lang string, t time.Time) string {
	if lang == french {
		return day(lang, t) + " à\u00a0" + t.Format("15:04")
	}
	return day(lang, t) + ", " + t.Format("15:04")
}

// away is how far a time is from now, in the greatest unit that fits.
func away(lang string, t, now time.Time) string {
	d := t.Sub(now)
	past := d < 0
	d = d.Abs()
	var text string
	switch {
	case d < time.Minute:
		return say(lang, "time.now")
	case d < time.Hour:
		text = fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		text = fmt.Sprintf("%d h", int(d.Hours()))
	default:
		text = sayN(lang, "time.days", int(d.Hours()/24))
	}
	if past {
		return say(lang, "time.ago", text)
	}
	return say(lang, "time.in", text)
}

// language picks the page's language from Accept-Language: the one of English and French
// that is wanted most.
func language(accept string) string {
	best, most := english, 0.0
	for part := range strings.SplitSeq(accept, ",") {
		tag, weight, weighed := strings.Cut(strings.ToLower(part), ";")
		wanted := 1.0
		if weighed {
			var err error
			if wanted, err = strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64); err != nil {
				continue
			}
		}
		primary, _, _ := strings.Cut(strings.TrimSpace(tag), "-")
		if (primary == english || primary == french) && wanted > most {
			best, most = primary, wanted
		}
	}
	return best
}

func known(key string) bool {
	_, ok := words[key]
	return ok
}

// day is a day in the reader's form.
func day(lang string, t time.Time) string {
	if lang == french {
		return fmt.Sprintf("%d\u00a0%s\u00a0%d", t.Day(), frenchMonths[t.Month()-1], t.Year())
	}
	return t.Format("2\u00a0Jan\u00a02006")
}

// frenchMarks keep a mark with the word that it belongs to.
var frenchMarks = strings.NewReplacer(" :", "\u00a0:", " ;", "\u00a0;", " ?", "\u00a0?", " !", "\u00a0!", " »", "\u00a0»", "« ", "«\u00a0", " %%", "\u00a0%%")

package trail

import (
	"errors"
	"fmt"
	"strings"

	"strongroom/cloud/reach"
)

// Text is a sentence in each language of the reports.
type Text = reach.Text

func both(en, fr string) Text { return Text{EN: en, FR: fr} }

// say puts the same things into a sentence in both languages.
func say(en, fr string, args ...any) Text {
	return Text{EN: fmt.Sprintf(en, args...), FR: fmt.Sprintf(fr, args...)}
}

// told is an error in both languages.
type told struct {
	Text
	cause error
}

func (t *told) Error() string { return t.EN }
func (t *told) Unwrap() error { return t.cause }

// tell wraps an error with what was being read.
func tell(cause error, en, fr string, args ...any) error {
	return &told{say(en, fr, args...), cause}
}

// textOf is an error as a sentence; one from elsewhere says the same in both languages.
func textOf(err error) Text {
	if t, ok := errors.AsType[*told](err); ok {
		return t.Text
	}
	if s, ok := errors.AsType[*syntaxError](err); ok {
		return s.text()
	}
	if s, ok := errors.AsType[shapeError](err); ok {
		return s.Text
	}
	return Text{EN: err.Error(), FR: err.Error()}
}

// text says in both languages what is missing.
func (e *syntaxError) text() Text {
	fr := map[string]string{"a value": "une valeur", "a comma": "une virgule", "a name in quotes": "un nom entre guillemets", "a comma or }": "une virgule ou }",
		"a comma or ]": "une virgule ou ]", "an object or a list": "un objet ou une liste"}[e.want]
	if fr == "" {
		fr = e.want // a character
	}
	return Text{EN: e.Error(), FR: "ce n’est pas du JSON : il manque " + fr}
}

// Text says where a policy stands.
func (s Source) Text() Text {
	out := both("inline policy "+s.Name, "politique en ligne "+s.Name)
	if s.ARN != "" {
		out = both("managed policy "+s.Name, "politique gérée "+s.Name)
	}
	if s.From != "" {
		out = both("group "+s.From+", "+out.EN, "groupe "+s.From+", "+out.FR)
	}
	return out
}

// counted is a number with its noun; in French 0 and 1 are singular.
func counted(n int, one, many, un, plusieurs string) Text {
	out := both(fmt.Sprintf("%d %s", n, many), fmt.Sprintf("%d %s", n, plusieurs))
	if n == 1 {
		out.EN = "1 " + one
	}
	if n < 2 {
		out.FR = fmt.Sprintf("%d %s", n, un)
	}
	return out
}

// texts are sentences in one language.
func texts(list []Text, language string) []string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = t.In(language)
	}
	return out
}

// joined puts sentences behind each other.
func joined(list []Text, between string) Text {
	return both(strings.Join(texts(list, "en"), between), strings.Join(texts(list, "fr"), between))
}

// same are sentences that say the same in both languages.
func same(list []string) []Text {
	var out []Text
	for _, s := range list {
		out = append(out, both(s, s))
	}
	return out
}

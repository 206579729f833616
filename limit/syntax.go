package limit

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	cedarPlace = regexp.MustCompile(`^(?:parse error at )?<input>:(\d+):(\d+)(?: ("(?:[^"\\]|\\.)*"))?: `)
	cedarGot   = regexp.MustCompile(`^(?:exact )?got (.*) want (.+)$`)
	cedarNamed = regexp.MustCompile("^(?:(unexpected effect|duplicate annotation|duplicate key): (.+)|`(.+)` is (not a function|a method, not a function|not a method|a function, not a method)|(.+) (expects no arguments|expects one argument))$")
)

// syntaxFault says what Cedar's parser found wrong in sentences of our own: what, where,
// and what to do. What the parser said itself is kept as a detail.
func syntaxFault(text []byte, err error) error {
	said := strings.TrimPrefix(err.Error(), "parser error: ")
	f := &Fault{Detail: said}
	ends, problem := false, said
	if at := cedarPlace.FindStringSubmatch(said); at != nil {
		f.Line, _ = strconv.Atoi(at[1])
		f.Column, _ = strconv.Atoi(at[2])
		problem, ends = said[len(at[0]):], at[3] == `""`
	}
	if number := regexp.MustCompile(`parsing "(-?\d+)"`).FindStringSubmatch(said); number != nil && f.Line == 0 {
		if i := strings.Index(string(text), number[1]); i >= 0 {
			f.Line, f.Column = 1+strings.Count(string(text[:i]), "\n"), 1+utf8.RuneCount(text[strings.LastIndexByte(string(text[:i]), '\n')+1:i])
		}
	}
	token := func() string { // that the parser has just passed
		var word string
		word, f.Line, f.Column = tokenBefore(text, f.Line, f.Column)
		return word
	}
	f.Message = syntaxWords(problem, ends, token)
	return f
}

// syntaxWords classifies what the parser said. ends means that the text came to its end
// there.
func syntaxWords(problem string, ends bool, token func() string) string {
	says := fmt.Sprintf
	if m := cedarGot.FindStringSubmatch(problem); m != nil || strings.HasPrefix(problem, "exact got  want ") {
		got, want := "", strings.TrimPrefix(problem, "exact got  want ")
		if m != nil {
			got, want = m[1], m[2]
		}
		if got != "" && strings.HasPrefix(problem, "exact") {
			token() // the place of what was got
		}
		switch {
		case got == "" && want == ";":
			return says("the text ends before the policy does; put a semicolon at its end")
		case got == "":
			return says("the text ends where %q is expected; complete the policy", want)
		case want == ";":
			return says("%q stands where the policy ends or its next condition begins; put a semicolon before it, or begin the condition with when or unless", got)
		case want == "principal" || want == "action" || want == "resource":
			return says("%q stands where the head of the policy names %s; write permit (principal, action, resource), each with what narrows it", got, want)
		case got == "=" || got == "&" || got == "|":
			return says("there is no operator %q; write %q", got, got+got)
		case want == "::":
			return says("%q stands where %q is expected; name things by their type and id, for instance Group::\"agents\"", got, want)
		case want == "{" || want == "}":
			return says("%q stands where %q is expected; a condition stands between braces and is one expression, with && and || between its parts", got, want)
		}
		return says("%q stands where %q is expected; put it there, or take away what is too much", got, want)
	}
	if m := cedarNamed.FindStringSubmatch(problem); m != nil {
		switch m[1] + m[4] + m[6] {
		case "unexpected effect":
			token()
			return says("%q begins no policy; a policy begins with permit or forbid, behind its annotations", m[2])
		case "duplicate annotation":
			token()
			return says("the annotation %s stands twice before one policy; keep one", m[2])
		case "duplicate key":
			token()
			return says("the record has the key %q twice; keep one", m[2])
		case "not a function":
			return says("there is no function %q; Cedar has ip, decimal, datetime and duration, and methods stand behind a value and a dot", m[3])
		case "a method, not a function":
			return says("%q is a method; write it behind a value and a dot, for instance principal.queues.contains(…)", m[3])
		case "not a method":
			return says("there is no method %q; see which ones Cedar has: contains, containsAll, containsAny, isEmpty, hasTag, getTag and those of ip, decimal, datetime and duration", m[3])
		case "a function, not a method":
			return says("%q is a function; write it by itself, not behind a dot", m[3])
		case "expects no arguments":
			return says("%q takes nothing between its brackets; leave them empty", m[5])
		case "expects one argument":
			return says("%q takes one value between its brackets", m[5])
		}
	}
	switch {
	case strings.HasPrefix(problem, "literal not terminated"):
		return says("a text begins here and does not end on its line; put a double quote at its end")
	case strings.HasPrefix(problem, "comment not terminated"):
		return says("a comment begins here and does not end; put */ at its end")
	case strings.Contains(problem, "char escape"), strings.Contains(problem, "escape sequence"), strings.Contains(problem, "unicode rune"):
		return says("a backslash in this text is followed by what it cannot stand for; write \\\\ for a backslash and \\\" for a double quote")
	case strings.HasPrefix(problem, "invalid character NUL"):
		return says("the text holds a zero byte; take it away")
	case strings.Contains(problem, "value out of range"):
		return says("a number is too large: Cedar counts to 9223372036854775807")
	case ends:
		return says("the text ends in the midst of a policy; complete it, and put a semicolon at its end")
	}
	word := token()
	switch problem {
	case "invalid primary":
		return says("%q stands where a value is expected; values are principal, action, resource, context, texts between double quotes, whole numbers, true, false and lists", word)
	case "expected string", "expected string literal":
		return says("%q stands where a text is expected; write texts between double quotes", word)
	case "expected ident or string":
		return says("%q stands where the name of an attribute is expected; write it without quotes, or as a text between double quotes", word)
	case "expected ident or reserved keyword":
		return says("%q is no name of an annotation; write for instance @id(\"a-name\")", word)
	case "expected ident", "expected ident after dot":
		return says("%q stands where a name is expected; write a type as Group, a thing as Group::\"agents\" and an attribute behind a dot, as in resource.queue", word)
	}
	return says("Cedar does not understand %q here; look at what stands before it for a comma, a bracket or a quote that is missing", word)
}

// tokenBefore answers the word or sign that ends before a place of a text, and where it
// begins; lines and columns count from 1, columns in characters.
func tokenBefore(text []byte, line, column int) (string, int, int) {
	lines := strings.Split(string(text), "\n")
	if line < 1 || line > len(lines) {
		return "", line, column
	}
	left := lines[line-1]
	if at := []rune(left); column-1 < len(at) {
		left = string(at[:max(0, column-1)])
	}
	for {
		if left = strings.TrimRightFunc(left, unicode.IsSpace); left != "" || line == 1 {
			break
		}
		line--
		left, _, _ = strings.Cut(lines[line-1], "//")
	}
	if left == "" {
		return "", line, column
	}
	from := len(left)
	inWord := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	last, size := utf8.DecodeLastRuneInString(left)
	switch from -= size; {
	case last == '"':
		if i := strings.LastIndexByte(left[:from], '"'); i >= 0 {
			from = i
		}
	case inWord(last):
		from = strings.LastIndexFunc(left, func(r rune) bool { return !inWord(r) })
		if from >= 0 {
			_, size = utf8.DecodeRuneInString(left[from:])
			from += size
		} else {
			from = 0
		}
	default:
		for _, sign := range []string{"::", "==", "!=", "<=", ">=", "&&", "||"} {
			if strings.HasSuffix(left, sign) {
				from = len(left) - 2
			}
		}
	}
	word := left[from:]
	if r := []rune(word); len(r) > 40 {
		word = string(r[:40]) + "…"
	}
	return word, line, utf8.RuneCountInString(left[:from]) + 1
}

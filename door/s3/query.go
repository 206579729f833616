package s3

import "strings"

// query is the parameters of a request's URL, decoded, in the order given.
type query []element

// parseQuery decodes a raw query. A parameter may occur once only, so that what
// was signed and what is acted on cannot differ.
func parseQuery(raw string) (query, error) {
	var q query
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		if len(q) == maxQuery {
			return nil, refuse("InvalidURI", "the URL has more than %d query parameters", maxQuery)
		}
		name, value, _ := strings.Cut(pair, "=")
		name, ok1 := unescape(name, true)
		value, ok2 := unescape(value, true)
		if !ok1 || !ok2 {
			return nil, refuse("InvalidURI", "the URL's query has a percent sign that is not followed by two hexadecimal digits")
		}
		if _, twice := q.find(name); twice {
			return nil, refuse("InvalidArgument", "a query parameter occurs more than once")
		}
		q = append(q, element{name, value})
	}
	return q, nil
}

func (q query) find(name string) (string, bool) {
	for _, e := range q {
		if e.name == name {
			return e.value, true
		}
	}
	return "", false
}

func (q query) get(name string) string { v, _ := q.find(name); return v }
func (q query) has(name string) bool   { _, ok := q.find(name); return ok }

// unescape undoes percent-encoding; with plus, a plus sign is a space.
func unescape(s string, plus bool) (string, bool) {
	if !strings.ContainsAny(s, "%+") {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+' && plus:
			b = append(b, ' ')
		case c != '%':
			b = append(b, c)
		default:
			if i+2 >= len(s) {
				return "", false
			}
			hi, lo := hexDigit(s[i+1]), hexDigit(s[i+2])
			if hi < 0 || lo < 0 {
				return "", false
			}
			b = append(b, byte(hi<<4|lo))
			i += 2
		}
	}
	return string(b), true
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

package trail

import (
	"bytes"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Event is one event of a trail: what somebody asked of AWS, and what came of it.
type Event struct {
	Time      time.Time // eventTime, UTC, whole seconds
	ID        string    // eventID
	Source    string    // eventSource: "s3.amazonaws.com"
	Name      string    // eventName: "GetObject", "UpdateFunctionCode20150331v2"
	Region    string    // awsRegion
	Type      string    // eventType: "AwsApiCall", "AwsServiceEvent", "AwsConsoleSignIn", …
	Category  string    // eventCategory: "Management", "Data", "Insight", "NetworkActivity"; "" in old events
	Error     string    // errorCode, "" where there was none
	Recipient string    // recipientAccountId: whose trail it is
	Address   string    // sourceIPAddress, or the name of a service
	Endpoint  string    // vpcEndpointId, "" where it did not come through one
	ReadOnly  bool
	Identity  Identity
	Resources []Resource // valid until the next event is read

	// Parameters is requestParameters as it was written, or nothing. Raw is the whole event.
	// Both are valid until the next event is read.
	Parameters []byte
	Raw        []byte
}

// Identity is userIdentity.
type Identity struct {
	Type        string // "IAMUser", "AssumedRole", "Root", "FederatedUser", "AWSService", "AWSAccount", …
	PrincipalID string // "AIDA…", or "AROA…:session"
	ARN         string // of the session, for a role: "arn:aws:sts::123456789012:assumed-role/app/i-0123"
	Account     string
	User        string // userName
	InvokedBy   string // the service that asked, or through which somebody asked
	Issuer      Issuer
	MFA         string // sessionContext.attributes.mfaAuthenticated: "true", "false", or "" where it is not said
	OnBehalfOf  string // the id of a person of IAM Identity Center
}

// Issuer is sessionContext.sessionIssuer: whose session it is.
type Issuer struct {
	Type        string // "Role", "User", "Root"
	PrincipalID string // "AROA…"
	ARN         string // "arn:aws:iam::123456789012:role/app"
	Account     string
}

// Resource is one of an event's resources.
type Resource struct {
	ARN     string
	Type    string // "AWS::S3::Object"
	Account string
}

var (
	// errShort means that the text ends before the value does.
	errShort error = &told{Text: Text{EN: "it ends in the middle of a value", FR: "il s’arrête au milieu d’une valeur"}}
	// errEscape is of a string that no JSON writes.
	errEscape error = &told{Text: Text{EN: "a string has an escape that is none", FR: "une chaîne contient une séquence d’échappement qui n’en est pas une"}}
)

// syntaxError is of text that is not JSON at a place.
type syntaxError struct {
	at   int
	want string
}

func (e *syntaxError) Error() string { return "it is not JSON: " + e.want + " is missing" }

// shapeError is of JSON that is no event.
type shapeError struct{ Text }

func (e shapeError) Error() string { return e.EN }

// parser reads JSON values out of b, from i on. It checks as much of the grammar as it
// needs to find its way: what it skips may be no JSON.
type parser struct {
	b     []byte
	i     int
	words *words
	plain []byte // a string without its escapes
}

// words keeps one copy of every text that comes again and again.
type words struct{ known map[string]string }

// mostWords bounds what is kept, in texts; longestWord in bytes.
const (
	mostWords   = 1 << 16
	longestWord = 512
)

func (w *words) of(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := w.known[string(b)]; ok {
		return s
	}
	s := string(b)
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	if len(b) > longestWord {
		return s
	}
	if w.known == nil || len(w.known) >= mostWords {
		w.known = make(map[string]string, 1024)
	}
	w.known[string(b)] = s
	return s
}

func (p *parser) space() {
	for p.i < len(p.b) {
		switch p.b[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// next skips white space and says what stands there.
func (p *parser) next() (byte, error) {
	p.space()
	if p.i >= len(p.b) {
		return 0, errShort
	}
	return p.b[p.i], nil
}

func (p *parser) expect(c byte) error {
	got, err := p.next()
	if err != nil {
		return err
	}
	if got != c {
		return &syntaxError{p.i, fmt.Sprintf("%q", c)}
	}
	p.i++
	return nil
}

// quoted reads a string as it was written, between its quotes. It begins at a quote.
func (p *parser) quoted() (raw []byte, escaped bool, err error) {
	start := p.i + 1
	from, end := start, -1 // end is the next quote at or after from
	for {
		if end < from {
			at := bytes.IndexByte(p.b[from:], '"')
			if at < 0 {
				return nil, false, errShort
			}
			end = from + at
		}
		slash := bytes.IndexByte(p.b[from:end], '\\')
		if slash < 0 {
			p.i = end + 1
			return p.b[start:end], escaped, nil
		}
		escaped = true
		from += slash + 2 // what follows it ends nothing
	}
}

// text reads a string. What it gives is valid until the next one.
func (p *parser) text() ([]byte, error) {
	raw, escaped, err := p.quoted()
	if err != nil || !escaped {
		return raw, err
	}
	p.plain, err = unescape(p.plain[:0], raw)
	return p.plain, err
}

// unescape appends to dst what a string's inside means.
func unescape(dst, raw []byte) ([]byte, error) {
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c != '\\' {
			dst = append(dst, c)
			continue
		}
		i++
		if i >= len(raw) {
			return dst, errEscape
		}
		switch c := raw[i]; c {
		case '"', '\\', '/':
			dst = append(dst, c)
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, ok := hex4(raw[i+1:])
			if !ok {
				return dst, errEscape
			}
			i += 4
			if r >= 0xd800 && r < 0xdc00 && i+6 < len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u' {
				if low, ok := hex4(raw[i+3:]); ok && low >= 0xdc00 && low < 0xe000 {
					r = (r-0xd800)<<10 | (low - 0xdc00) + 0x10000
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r) // half a pair becomes U+FFFD
		default:
			return dst, errEscape
		}
	}
	return dst, nil
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// skip passes over one value.
func (p *parser) skip() error {
	c, err := p.next()
	if err != nil {
		return err
	}
	switch c {
	case '"':
		_, _, err := p.quoted()
		return err
	case '{', '[':
		return p.skipNested()
	case '}', ']', ',', ':':
		return &syntaxError{p.i, "a value"}
	}
	for p.i < len(p.b) {
		switch p.b[p.i] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return nil
		case '"', '{', '[', ':':
			return &syntaxError{p.i, "a comma"}
		}
		p.i++
	}
	return errShort
}

// skipNested passes over an object or a list: what opens is closed.
func (p *parser) skipNested() error {
	depth := 0
	for i := p.i; i < len(p.b); i++ {
		switch p.b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				p.i = i + 1
				return nil
			}
		case '"':
			p.i = i
			if _, _, err := p.quoted(); err != nil {
				return err
			}
			i = p.i - 1
		}
	}
	return errShort
}

// members calls do for every member of an object, which it must read or skip. The name is
// valid until do reads a string with escapes.
func (p *parser) members(do func(name []byte) error) error {
	if err := p.expect('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		c, err := p.next()
		if err != nil {
			return err
		}
		if first && c == '}' {
			p.i++
			return nil
		}
		if c != '"' {
			return &syntaxError{p.i, "a name in quotes"}
		}
		name, err := p.text()
		if err != nil {
			return err
		}
		if err := p.expect(':'); err != nil {
			return err
		}
		if err := do(name); err != nil {
			return err
		}
		if c, err = p.next(); err != nil {
			return err
		}
		p.i++
		switch c {
		case ',':
		case '}':
			return nil
		default:
			p.i--
			return &syntaxError{p.i, "a comma or }"}
		}
	}
}

// elements calls do for every element of a list, which it must read or skip.
func (p *parser) elements(do func() error) error {
	if err := p.expect('['); err != nil {
		return err
	}
	for first := true; ; first = false {
		c, err := p.next()
		if err != nil {
			return err
		}
		if first && c == ']' {
			p.i++
			return nil
		}
		if err := do(); err != nil {
			return err
		}
		if c, err = p.next(); err != nil {
			return err
		}
		p.i++
		switch c {
		case ',':
		case ']':
			return nil
		default:
			p.i--
			return &syntaxError{p.i, "a comma or ]"}
		}
	}
}

// word reads a text into to; another kind of value leaves it as it is.
func (p *parser) word(to *string) error {
	c, err := p.next()
	if err != nil {
		return err
	}
	if c != '"' {
		return p.skip()
	}
	b, err := p.text()
	if err == nil {
		*to = p.words.of(b)
	}
	return err
}

// object reads an object's members; another kind of value is passed over.
func (p *parser) object(do func(name []byte) error) error {
	c, err := p.next()
	if err != nil {
		return err
	}
	if c != '{' {
		return p.skip()
	}
	return p.members(do)
}

// event reads one event. The error is errShort where the text ends too early, and a
// *syntaxError where it is not JSON; with a shapeError the value has been read, and is no event.
func (p *parser) event(e *Event) error {
	c, err := p.next()
	if err != nil {
		return err
	}
	start := p.i
	if c != '{' {
		if err := p.skip(); err != nil {
			return err
		}
		return shapeError{Text{EN: "it is not an object", FR: "ce n’est pas un objet"}}
	}
	*e = Event{Resources: e.Resources[:0]}
	var when, wrapped []byte
	err = p.members(func(name []byte) error {
		switch string(name) {
		case "eventTime":
			if c, err := p.next(); err != nil || c != '"' {
				return errors.Join(err, p.skip())
			}
			when, _, err = p.quoted()
			return err
		case "eventID":
			if c, err := p.next(); err != nil || c != '"' {
				return errors.Join(err, p.skip())
			}
			b, err := p.text()
			e.ID = string(b)
			return err
		case "eventSource":
			return p.word(&e.Source)
		case "eventName":
			return p.word(&e.Name)
		case "awsRegion":
			return p.word(&e.Region)
		case "eventType":
			return p.word(&e.Type)
		case "eventCategory":
			return p.word(&e.Category)
		case "errorCode":
			return p.word(&e.Error)
		case "recipientAccountId":
			return p.word(&e.Recipient)
		case "sourceIPAddress":
			return p.word(&e.Address)
		case "vpcEndpointId":
			return p.word(&e.Endpoint)
		case "readOnly":
			c, err := p.next()
			e.ReadOnly = c == 't'
			return errors.Join(err, p.skip())
		case "userIdentity":
			return p.identity(&e.Identity)
		case "resources":
			return p.resources(e)
		case "requestParameters":
			c, err := p.next()
			if err != nil {
				return err
			}
			from := p.i
			if err := p.skip(); err != nil {
				return err
			}
			if c == '{' {
				e.Parameters = p.b[from:p.i]
			}
			return nil
		case "CloudTrailEvent":
			// What lookup-events gives: the event as a text in a member of its own.
			c, err := p.next()
			if err != nil || c != '"' {
				return errors.Join(err, p.skip())
			}
			raw, _, err := p.quoted()
			if err != nil {
				return err
			}
			wrapped, err = unescape(nil, raw)
			return err
		}
		return p.skip()
	})
	if err != nil {
		return err
	}
	if wrapped != nil {
		inner := parser{b: wrapped, words: p.words}
		switch err := inner.event(e); {
		case errors.Is(err, errShort):
			return shapeError{Text{EN: "its CloudTrailEvent ends in the middle", FR: "son CloudTrailEvent s’arrête au milieu"}}
		case err != nil:
			return shapeError{Text{EN: "its CloudTrailEvent: " + err.Error(), FR: "son CloudTrailEvent : " + textOf(err).FR}}
		}
		return nil
	}
	e.Raw = p.b[start:p.i]
	switch {
	case e.Name == "":
		return shapeError{Text{EN: "it has no eventName", FR: "il n’a pas d’eventName"}}
	case e.Source == "":
		return shapeError{Text{EN: "it has no eventSource", FR: "il n’a pas d’eventSource"}}
	case when == nil:
		return shapeError{Text{EN: "it has no eventTime", FR: "il n’a pas d’eventTime"}}
	}
	var ok bool
	if e.Time, ok = parseTime(when); !ok {
		return shapeError{say("its eventTime %.40q is no time", "son eventTime %.40q n’est pas une date", when)}
	}
	return nil
}

func (p *parser) identity(id *Identity) error {
	return p.object(func(name []byte) error {
		switch string(name) {
		case "type":
			return p.word(&id.Type)
		case "principalId":
			return p.word(&id.PrincipalID)
		case "arn":
			return p.word(&id.ARN)
		case "accountId":
			return p.word(&id.Account)
		case "userName":
			return p.word(&id.User)
		case "invokedBy":
			return p.word(&id.InvokedBy)
		case "onBehalfOf":
			return p.object(func(name []byte) error {
				if string(name) == "userId" {
					return p.word(&id.OnBehalfOf)
				}
				return p.skip()
			})
		case "sessionContext":
			return p.object(func(name []byte) error {
				switch string(name) {
				case "sessionIssuer":
					return p.object(func(name []byte) error {
						switch string(name) {
						case "type":
							return p.word(&id.Issuer.Type)
						case "principalId":
							return p.word(&id.Issuer.PrincipalID)
						case "arn":
							return p.word(&id.Issuer.ARN)
						case "accountId":
							return p.word(&id.Issuer.Account)
						}
						return p.skip()
					})
				case "attributes":
					return p.object(func(name []byte) error {
						if string(name) == "mfaAuthenticated" {
							return p.word(&id.MFA)
						}
						return p.skip()
					})
				}
				return p.skip()
			})
		}
		return p.skip()
	})
}

// mostResources bounds how many resources of one event are kept.
const mostResources = 256

func (p *parser) resources(e *Event) error {
	c, err := p.next()
	if err != nil {
		return err
	}
	if c != '[' {
		return p.skip()
	}
	return p.elements(func() error {
		var r Resource
		err := p.object(func(name []byte) error {
			switch string(name) {
			case "ARN", "arn":
				return p.word(&r.ARN)
			case "type":
				return p.word(&r.Type)
			case "accountId":
				return p.word(&r.Account)
			}
			return p.skip()
		})
		if r.ARN != "" && len(e.Resources) < mostResources {
			e.Resources = append(e.Resources, r)
		}
		return err
	})
}

// parseTime reads "2006-01-02T15:04:05Z" fast, and RFC 3339 otherwise.
func parseTime(b []byte) (time.Time, bool) {
	const form = "2006-01-02T15:04:05Z"
	if len(b) == len(form) && b[4] == '-' && b[7] == '-' && b[10] == 'T' && b[13] == ':' && b[16] == ':' && b[19] == 'Z' {
		n := func(from, to int) int {
			v := 0
			for _, c := range b[from:to] {
				if c < '0' || c > '9' {
					return -1 << 20
				}
				v = v*10 + int(c-'0')
			}
			return v
		}
		y, mo, d, h, mi, s := n(0, 4), n(5, 7), n(8, 10), n(11, 13), n(14, 16), n(17, 19)
		if y < 0 || mo < 1 || mo > 12 || d < 1 || d > 31 || h < 0 || h > 23 || mi < 0 || mi > 59 || s < 0 || s > 59 {
			return time.Time{}, false
		}
		t := time.Date(y, time.Month(mo), d, h, mi, s, 0, time.UTC)
		return t, t.Day() == d
	}
	t, err := time.Parse(time.RFC3339, string(b))
	return t.UTC().Truncate(time.Second), err == nil
}

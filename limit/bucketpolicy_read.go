package limit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// MaxBucketPolicy is the length of a bucket policy in bytes, as in S3.
	MaxBucketPolicy = 20 << 10

	maxDocumentDepth = 8
)

// MalformedPolicy says why a text is no bucket policy, in the words of S3, which
// answers it with 400 MalformedPolicy.
type MalformedPolicy struct{ Message string }

func (e *MalformedPolicy) Error() string { return e.Message }

func malformed(format string, args ...any) error {
	return &MalformedPolicy{Message: fmt.Sprintf(format, args...)}
}

// member is one member of a JSON object; a policy may not repeat a name, and the
// order decides which fault is told.
type member struct {
	name  string
	value any // string, bool, json.Number, []any or []member
}

func lookup(of []member, name string) (any, bool) {
	i := slices.IndexFunc(of, func(m member) bool { return m.name == name })
	if i < 0 {
		return nil, false
	}
	return of[i].value, true
}

// readDocument reads JSON more strictly than encoding/json does: valid UTF-8, no
// name twice, no null, bounded depth, nothing behind it.
func readDocument(text []byte) ([]member, error) {
	if len(text) > MaxBucketPolicy {
		return nil, malformed("The policy exceeds the maximum allowed document size.")
	}
	if len(text) == 0 || text[0] != '{' {
		return nil, malformed("Policies must be valid JSON and the first byte must be '{'")
	}
	if !utf8.Valid(text) {
		return nil, malformed("This policy contains invalid Json")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	value, err := readValue(d, 0)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return value.([]member), nil
		}
	}
	return nil, malformed("This policy contains invalid Json")
}

func readValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxDocumentDepth {
		return nil, errors.New("too deep")
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case nil:
		return nil, errors.New("null says nothing here")
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := readValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	case json.Delim('{'):
		members := []member{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			if _, twice := lookup(members, name.(string)); twice {
				return nil, errors.New("a name twice")
			}
			v, err := readValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			members = append(members, member{name.(string), v})
		}
		_, err := d.Token()
		return members, err
	}
	return token, nil
}

// oneOrMore reads a string or a list of strings; scalars count as strings where
// the grammar of conditions has it so.
func oneOrMore(v any, scalars bool) ([]string, bool) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out []string
	for _, v := range list {
		switch v := v.(type) {
		case string:
			out = append(out, v)
		case bool:
			if !scalars {
				return nil, false
			}
			out = append(out, fmt.Sprint(v))
		case json.Number:
			if !scalars {
				return nil, false
			}
			out = append(out, v.String())
		default:
			return nil, false
		}
	}
	return out, true
}

// statement is one of a policy, read and checked as S3 checks it.
type statement struct {
	name       string // as ids and errors name it: the Sid where it can, else the number
	allow      bool
	variables  bool // the version of the language has policy variables
	everyone   bool
	principals []string // names in the room, sorted
	covers     []*permission
	bucket     bool   // the bucket itself is covered
	keys       *keys  // keys that are covered; nil: none
	tests      []test // of the Condition
	refusal    error  // first reason why it cannot be translated
}

// keys are those that match one of the patterns, or none of them.
type keys struct {
	except   bool
	patterns []pattern
}

func (st *statement) refuse(format string, args ...any) {
	if st.refusal == nil {
		st.refusal = &UntranslatablePolicy{Statement: st.name, Reason: fmt.Sprintf(format, args...)}
	}
}

var sidForm = regexp.MustCompile(`^[0-9A-Za-z]{0,31}[A-Za-z][0-9A-Za-z]{0,31}$`)

// readStatements checks text as S3 does.
func readStatements(bucket string, text []byte, isPrincipal func(string) bool) ([]*statement, error) {
	document, err := readDocument(text)
	if err != nil {
		return nil, err
	}
	variables := false
	for _, m := range document {
		switch m.name {
		case "Statement":
		case "Version":
			switch m.value {
			case "2012-10-17":
				variables = true
			case "2008-10-17":
			default:
				return nil, malformed("The policy must contain a valid version string")
			}
		case "Id":
			if _, ok := m.value.(string); !ok {
				return nil, malformed("Invalid policy syntax.")
			}
		default:
			return nil, malformed("Unknown field %s", clip(m.name))
		}
	}
	given, ok := lookup(document, "Statement")
	if !ok {
		return nil, malformed("Missing required field Statement")
	}
	list, ok := given.([]any)
	if !ok {
		list = []any{given}
	}
	if len(list) == 0 {
		return nil, malformed("Could not parse the policy: Statement is empty!")
	}
	var out []*statement
	taken := map[string]bool{}
	for i, v := range list {
		of, ok := v.([]member)
		if !ok {
			return nil, malformed("Invalid policy syntax.")
		}
		st := &statement{name: fmt.Sprint(i + 1), variables: variables}
		if sid, ok := lookup(of, "Sid"); ok {
			sid, ok := sid.(string)
			if !ok {
				return nil, malformed("Invalid policy syntax.")
			}
			if sidForm.MatchString(sid) && !taken[sid] {
				st.name, taken[sid] = sid, true
			}
		}
		if err := st.read(bucket, of, isPrincipal); err != nil {
			return nil, err
		}
		out = append(out, st)
	}
	return out, nil
}

func (st *statement) read(bucket string, of []member, isPrincipal func(string) bool) error {
	for _, m := range of {
		switch m.name {
		case "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition":
		default:
			return malformed("Unknown field %s", clip(m.name))
		}
	}
	effect, ok := lookup(of, "Effect")
	switch {
	case !ok:
		return malformed("Missing required field Effect")
	case effect == "Allow":
		st.allow = true
	case effect == "Deny":
	default:
		return malformed("Invalid effect: %s", clip(fmt.Sprint(effect)))
	}
	one, not, err := eitherOf(of, "Principal")
	if err != nil {
		return err
	}
	if not != nil {
		if st.allow {
			return malformed("Allow with NotPrincipal is not allowed.")
		}
		st.refuse("NotPrincipal compares accounts, roles and sessions, which this room does not have; name those who are denied, or deny * with the condition ArnNotEquals on aws:PrincipalArn")
		one = not
	}
	principal := one
	one, not, err = eitherOf(of, "Action")
	if err != nil {
		return err
	}
	elements, err := st.readActions(one, not)
	if err != nil {
		return err
	}
	one, not, err = eitherOf(of, "Resource")
	if err != nil {
		return err
	}
	if err := st.readResources(bucket, one, not); err != nil {
		return err
	}
	for _, e := range elements {
		if !slices.ContainsFunc(e.permissions, st.concerns) {
			return malformed("Action does not apply to any resource(s) in statement")
		}
	}
	st.covers = slices.DeleteFunc(st.covers, func(p *permission) bool { return !st.concerns(p) })
	// Who is meant is asked last, as in S3: what else is wrong is told first.
	if err := st.readPrincipal(principal, isPrincipal); err != nil {
		return err
	}
	if given, ok := lookup(of, "Condition"); ok {
		return st.readCondition(given, elements)
	}
	return nil
}

// concerns reports whether p is about something that the statement's resources cover.
func (st *statement) concerns(p *permission) bool {
	switch p.level {
	case onObject:
		return st.keys != nil
	case onBucket:
		return st.bucket
	}
	return false
}

// eitherOf finds an element or its negation, exactly one of which must be there.
func eitherOf(of []member, name string) (one, not any, err error) {
	one, ok := lookup(of, name)
	not, okNot := lookup(of, "Not"+name)
	switch {
	case !ok && !okNot:
		return nil, nil, malformed("Missing required field %s", name)
	case ok && okNot:
		return nil, nil, malformed("Statement cannot contain both %s and Not%s", name, name)
	}
	return one, not, nil
}

var (
	userForm    = regexp.MustCompile(`^arn:aws:iam::[0-9]{12}:user/(?:[^/*?]+/)*([^/*?]+)$`)
	accountForm = regexp.MustCompile(`^(?:[0-9]{12}|arn:aws:iam::[0-9]{12}:root)$`)
	roleForm    = regexp.MustCompile(`^arn:aws:(?:iam::[0-9]{12}:role/[^*?]+|sts::[0-9]{12}:(?:assumed-role|federated-user)/[^*?]+)$`)
)

func (st *statement) readPrincipal(given any, isPrincipal func(string) bool) error {
	if given == "*" {
		st.everyone = true
		return nil
	}
	kinds, ok := given.([]member)
	if !ok {
		return malformed("Invalid principal in policy")
	}
	if len(kinds) == 0 {
		return malformed("Missing required field Principal cannot be empty!")
	}
	for _, kind := range kinds {
		names, ok := oneOrMore(kind.value, false)
		if !ok || len(names) == 0 || slices.Contains(names, "") {
			return malformed("Invalid principal in policy")
		}
		switch kind.name {
		case "AWS":
		case "CanonicalUser":
			st.refuse("this room has no canonical user ids; name users as arn:aws:iam::ACCOUNT:user/NAME")
			continue
		case "Service":
			st.refuse("no service of AWS acts in this room; leave the statement out")
			continue
		case "Federated":
			st.refuse("this room knows its principals by name, whoever vouched for them; name users as arn:aws:iam::ACCOUNT:user/NAME")
			continue
		default:
			return malformed("Invalid principal in policy")
		}
		for _, name := range names {
			if name == "*" {
				st.everyone = true
			} else if user := userForm.FindStringSubmatch(name); user != nil {
				if !isPrincipal(user[1]) {
					return malformed("Invalid principal in policy")
				}
				st.principals = append(st.principals, user[1])
			} else if accountForm.MatchString(name) {
				st.refuse("an account is no principal of this room, and its administrators have no rights of their own; name users, or * for everyone in the room")
			} else if roleForm.MatchString(name) {
				st.refuse("this room has no roles; name users as arn:aws:iam::ACCOUNT:user/NAME")
			} else {
				return malformed("Invalid principal in policy")
			}
		}
	}
	slices.Sort(st.principals)
	st.principals = slices.Compact(st.principals)
	return nil
}

// element is one string of an Action element and what it names.
type element struct {
	permissions []*permission
	wildcard    bool
}

// readActions answers the elements of Action, which must each be worth something;
// those of NotAction need not.
func (st *statement) readActions(one, not any) ([]element, error) {
	given, ok := oneOrMore(firstOf(one, not), false)
	if !ok || len(given) == 0 {
		return nil, malformed("Policy has invalid action")
	}
	var elements []element
	listed := map[*permission]bool{}
	for _, action := range given {
		found := named(action)
		if len(found) == 0 {
			return nil, malformed("Policy has invalid action")
		}
		elements = append(elements, element{found, strings.ContainsAny(action, "*?")})
		for _, p := range found {
			listed[p] = true
		}
	}
	for _, p := range permissions {
		if listed[p] == (not == nil) {
			st.covers = append(st.covers, p)
		}
	}
	if not != nil {
		return nil, nil
	}
	return elements, nil
}

func firstOf(a, b any) any {
	if a != nil {
		return a
	}
	return b
}

func (st *statement) readResources(bucket string, one, not any) error {
	given, ok := oneOrMore(firstOf(one, not), false)
	if !ok || len(given) == 0 {
		return malformed("Policy has invalid resource")
	}
	var patterns []pattern
	for _, arn := range given {
		name, ok := strings.CutPrefix(arn, "arn:aws:s3:::")
		if arn == "*" {
			name, ok = arn, true
		}
		if !ok {
			return malformed("Policy has invalid resource")
		}
		p, err := st.pattern(name)
		if err != nil {
			return err
		}
		itself, within := p.matches(bucket), p.after(bucket+"/")
		if !itself && len(within) == 0 {
			return malformed("Policy has invalid resource")
		}
		st.bucket = st.bucket || itself
		patterns = append(patterns, within...)
	}
	if not != nil {
		st.bucket = !st.bucket
		if !slices.ContainsFunc(patterns, pattern.matchesAll) {
			st.keys = &keys{except: true, patterns: patterns}
		}
		return nil
	}
	if slices.ContainsFunc(patterns, pattern.matchesAll) {
		st.keys = &keys{except: true}
	} else if len(patterns) > 0 {
		st.keys = &keys{patterns: patterns}
	}
	return nil
}

// clip keeps what somebody wrote from filling an answer.
func clip(s string) string {
	if len(s) > 64 {
		s = strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}

// pattern is a text with wildcards, and perhaps with the asker's name in it.
type pattern []piece

type piece struct {
	kind    pieceKind
	literal rune
}

type pieceKind int

const (
	literal  pieceKind = iota
	anyText            // *
	anyOne             // ?
	userName           // ${aws:username}
)

// wildcard reads * and ? only.
func wildcard(s string) pattern {
	var p pattern
	for _, r := range s {
		switch r {
		case '*':
			p = append(p, piece{kind: anyText})
		case '?':
			p = append(p, piece{kind: anyOne})
		default:
			p = append(p, piece{literal: r})
		}
	}
	return p
}

// plain reads no wildcards.
func plain(s string) pattern {
	var p pattern
	for _, r := range s {
		p = append(p, piece{literal: r})
	}
	return p
}

// pattern reads a text with wildcards and, where the policy's version has them,
// variables. A variable that stands for nothing known here makes the statement
// untranslatable.
func (st *statement) pattern(s string) (pattern, error) { return st.withVariables(s, wildcard) }

func (st *statement) withVariables(s string, read func(string) pattern) (pattern, error) {
	if !st.variables {
		return read(s), nil
	}
	var p pattern
	for {
		before, rest, found := strings.Cut(s, "${")
		p = append(p, read(before)...)
		if !found {
			return p, nil
		}
		variable, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, malformed("Invalid policy syntax.")
		}
		switch variable {
		case "*", "?", "$":
			p = append(p, plain(variable)...)
		default:
			if !strings.EqualFold(variable, "aws:username") {
				st.refuse("the policy variable ${%s} stands for nothing that policies here know; only ${aws:username} does", clip(variable))
			}
			p = append(p, piece{kind: userName})
		}
		s = after
	}
}

// closure adds the positions that a * lets one reach without reading anything.
func (p pattern) closure(at map[int]bool) {
	for i := range p {
		if at[i] && p[i].kind == anyText {
			at[i+1] = true
		}
	}
}

// read answers the positions that p can be at once it has read s. A name that is
// not known yet matches nothing.
func (p pattern) read(s string) map[int]bool {
	at := map[int]bool{0: true}
	p.closure(at)
	for _, r := range s {
		next := map[int]bool{}
		for i := range at {
			if i == len(p) {
				continue
			}
			switch {
			case p[i].kind == anyText:
				next[i] = true
			case p[i].kind == anyOne, p[i].kind == literal && p[i].literal == r:
				next[i+1] = true
			}
		}
		at = next
		p.closure(at)
	}
	return at
}

func (p pattern) matches(s string) bool { return p.read(s)[len(p)] }

// matchesAll reports whether p matches every text.
func (p pattern) matchesAll() bool {
	return len(p) > 0 && !slices.ContainsFunc(p, func(x piece) bool { return x.kind != anyText })
}

// after answers the patterns of what may follow prefix in a text that p matches,
// except for those of no text at all, which is no key.
func (p pattern) after(prefix string) []pattern {
	var out []pattern
	at := p.read(prefix)
	for i := range p {
		if !at[i] || i > 0 && at[i-1] && p[i-1].kind == anyText {
			continue // what follows a * that may still read on is part of what the * matches
		}
		out = append(out, p[i:])
	}
	return out
}

// named puts a name in the place of ${aws:username}.
func (p pattern) named(name string) pattern {
	var out pattern
	for _, x := range p {
		if x.kind == userName {
			out = append(out, plain(name)...)
		} else {
			out = append(out, x)
		}
	}
	return out
}

func (p pattern) has(kind pieceKind) bool {
	return slices.ContainsFunc(p, func(x piece) bool { return x.kind == kind })
}

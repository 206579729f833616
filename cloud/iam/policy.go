package iam

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Policy is one policy document as it was written. Its strings are AWS's: wildcards and
// policy variables are still in them.
type Policy struct {
	// Name says where it comes from, as a person knows it: "user alice, inline policy p1".
	Name string
	// Version is the policy language's: 2012-10-17 or 2008-10-17, which is also what a
	// document without one has, and which knows no policy variables.
	Version    string
	ID         string
	Statements []Statement
	// Document is what was parsed, so that a change can be written against it. It is shared,
	// and not to be written to.
	Document []byte
	// Faults are what could not be understood. A policy with faults may say more than its
	// statements do: whatever depends on it is Unknown, unless it is denied anyway.
	Faults []Fault
}

// Statement is one statement of a policy.
type Statement struct {
	Index int    // in its policy, from 0
	Sid   string // "" where it has none
	Allow bool   // else it denies

	// Principals is nil where the statement has no Principal element, as in a policy of an
	// identity.
	Principals *Principals

	Actions    []string
	NotActions bool // every action but these

	Resources    []string
	NotResources bool // every resource but these; a trust policy has neither

	// Conditions must all hold. Sorted by operator and key.
	Conditions []Condition
}

// Principals is the Principal or NotPrincipal element. Each list keeps the order and the
// spelling of the document; "*" alone is AWS: ["*"] and, beside it, Anyone.
type Principals struct {
	Not           bool
	Anyone        bool // the element is "*", or has AWS: "*"
	AWS           []string
	Service       []string
	Federated     []string
	CanonicalUser []string
}

// Condition is one operator and one key of a Condition element.
type Condition struct {
	Operator string // as written: "StringLike", "ForAnyValue:StringEqualsIfExists"
	Key      string // as written: "aws:SourceVpce"
	Values   []string
}

// Fault is what is wrong with a document, and where.
type Fault struct {
	Policy string // the policy's name
	Path   string // "Statement[2].Action"
	What   string
}

func (f Fault) String() string {
	if f.Path == "" {
		return f.Policy + ": " + f.What
	}
	return f.Policy + ": " + f.Path + ": " + f.What
}

// maxPolicy bounds a document. AWS's largest are 20,480 characters (a bucket's), 32,768 (a
// key's) and 10,240 (a role's inline policies together), not counting white space.
const maxPolicy = 1 << 20

// maxText bounds one value, of a policy or of a request: no document of AWS's is longer.
const maxText = 32768

// Parse reads a policy document: JSON as AWS accepts it (single values beside lists, one
// statement beside a list of them, elements in any letter case). An error means that it is
// not a policy at all; what is wrong with parts of it are its Faults.
func Parse(name string, document []byte) (*Policy, error) {
	if len(document) > maxPolicy {
		return nil, fmt.Errorf("%s: the policy has %d bytes; AWS takes no document beyond 32,768 characters, and %d are read here", name, len(document), maxPolicy)
	}
	p := &Policy{Name: name, Version: "2008-10-17", Document: document}
	top, err := object(document)
	if err != nil {
		return nil, fmt.Errorf("%s: not a policy: %w", name, err)
	}
	fault := func(path, format string, args ...any) {
		p.Faults = append(p.Faults, Fault{name, path, fmt.Sprintf(format, args...)})
	}
	seen := map[string]bool{}
	for _, m := range top {
		if seen[m.folded] {
			fault(m.name, "it is there twice")
			continue
		}
		seen[m.folded] = true
		switch m.folded {
		case "version":
			if err := json.Unmarshal(m.value, &p.Version); err != nil || p.Version != "2012-10-17" && p.Version != "2008-10-17" {
				fault("Version", "%s is neither 2012-10-17 nor 2008-10-17", short(m.value))
			}
		case "id":
			if err := json.Unmarshal(m.value, &p.ID); err != nil {
				fault("Id", "%s is not text", short(m.value))
			}
		case "statement":
			list := []json.RawMessage{m.value}
			if bytes.HasPrefix(m.value, []byte("[")) {
				if err := json.Unmarshal(m.value, &list); err != nil {
					return nil, fmt.Errorf("%s: Statement: %w", name, err)
				}
			}
			for i, raw := range list {
				if s, ok := statement(i, raw, fault); ok {
					p.Statements = append(p.Statements, s)
				}
			}
		default:
			fault(m.name, "a policy has no such element")
		}
	}
	if !seen["statement"] {
		fault("Statement", "it is missing")
	}
	return p, nil
}

// statement reads one statement. One that cannot be understood is left out, with a fault.
func statement(i int, raw json.RawMessage, fault func(path, format string, args ...any)) (Statement, bool) {
	at := func(element string) string { return fmt.Sprintf("Statement[%d].%s", i, element) }
	s := Statement{Index: i}
	members, err := object(raw)
	if err != nil {
		fault(fmt.Sprintf("Statement[%d]", i), "%v", err)
		return s, false
	}
	ok, effect := true, false
	seen := map[string]bool{}
	for _, m := range members {
		bad := func(format string, args ...any) {
			fault(at(m.name), format, args...)
			ok = false
		}
		if seen[m.folded] {
			bad("it is there twice")
			continue
		}
		seen[m.folded] = true
		switch m.folded {
		case "sid":
			if json.Unmarshal(m.value, &s.Sid) != nil {
				bad("%s is not text", short(m.value))
			}
		case "effect":
			var e string
			_ = json.Unmarshal(m.value, &e)
			switch e {
			case "Allow":
				s.Allow, effect = true, true
			case "Deny":
				effect = true
			default:
				bad("%s is neither Allow nor Deny", short(m.value))
			}
		case "principal", "notprincipal":
			if s.Principals != nil {
				bad("a statement has Principal or NotPrincipal, not both")
				continue
			}
			who, err := principals(m.value)
			if err != nil {
				bad("%v", err)
				continue
			}
			who.Not = m.folded == "notprincipal"
			s.Principals = who
		case "action", "notaction":
			if s.Actions != nil {
				bad("a statement has Action or NotAction, not both")
				continue
			}
			s.NotActions = m.folded == "notaction"
			if s.Actions, err = texts(m.value); err != nil {
				bad("%v", err)
				continue
			}
			for _, a := range s.Actions {
				switch service, name, found := strings.Cut(a, ":"); {
				case a == "*" || a == "*:*":
				case !found || service == "" || name == "":
					bad("%q is not an action: service:Name", a)
				case strings.ContainsAny(service, "*?"):
					bad("%q: wildcards stand in an action's name, not in its service", a)
				}
			}
			if s.NotActions && len(s.Actions) == 0 {
				bad("it is empty")
			}
		case "resource", "notresource":
			if s.Resources != nil {
				bad("a statement has Resource or NotResource, not both")
				continue
			}
			s.NotResources = m.folded == "notresource"
			if s.Resources, err = texts(m.value); err != nil {
				bad("%v", err)
			} else if s.NotResources && len(s.Resources) == 0 {
				bad("it is empty")
			}
		case "condition":
			if s.Conditions, err = conditions(m.value); err != nil {
				bad("%v", err)
			}
		default:
			bad("a statement has no such element")
		}
	}
	if !effect && !seen["effect"] {
		fault(at("Effect"), "it is missing")
		ok = false
	}
	if s.Actions == nil && !seen["action"] && !seen["notaction"] {
		fault(at("Action"), "it is missing")
		ok = false
	}
	return s, ok
}

func principals(raw json.RawMessage) (*Principals, error) {
	var all string
	if json.Unmarshal(raw, &all) == nil {
		if all != "*" {
			return nil, fmt.Errorf("%q is not a principal: write {\"AWS\": …}, {\"Service\": …}, or \"*\"", all)
		}
		return &Principals{Anyone: true, AWS: []string{"*"}}, nil
	}
	members, err := object(raw)
	if err != nil {
		return nil, err
	}
	if m := twice(members); m != "" {
		return nil, fmt.Errorf("%s: it is there twice", m)
	}
	p := &Principals{}
	for _, m := range members {
		list, err := texts(m.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		switch m.folded {
		case "aws":
			p.AWS = append(p.AWS, list...)
			p.Anyone = p.Anyone || slices.Contains(list, "*")
		case "service":
			p.Service = append(p.Service, list...)
		case "federated":
			p.Federated = append(p.Federated, list...)
		case "canonicaluser":
			p.CanonicalUser = append(p.CanonicalUser, list...)
		default:
			return nil, fmt.Errorf("%q is not a kind of principal: AWS, Service, Federated, CanonicalUser", m.name)
		}
	}
	if len(members) == 0 {
		return nil, errors.New("it names nobody")
	}
	return p, nil
}

func conditions(raw json.RawMessage) ([]Condition, error) {
	operators, err := object(raw)
	if err != nil {
		return nil, err
	}
	if m := twice(operators); m != "" {
		return nil, fmt.Errorf("%s: it is there twice", m)
	}
	var out []Condition
	for _, o := range operators {
		keys, err := object(o.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.name, err)
		}
		if m := twice(keys); m != "" {
			return nil, fmt.Errorf("%s: %s: it is there twice", o.name, m)
		}
		for _, k := range keys {
			values, err := texts(k.value)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", o.name, k.name, err)
			}
			out = append(out, Condition{Operator: o.name, Key: k.name, Values: values})
		}
	}
	slices.SortStableFunc(out, func(a, b Condition) int {
		if c := strings.Compare(a.Operator, b.Operator); c != 0 {
			return c
		}
		return strings.Compare(a.Key, b.Key)
	})
	return out, nil
}

// texts reads one value or a list of them. Numbers and truth values are texts too, as they
// are to AWS.
func texts(raw json.RawMessage) ([]string, error) {
	list := []json.RawMessage{raw}
	if bytes.HasPrefix(raw, []byte("[")) {
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, err
		}
	}
	out := make([]string, len(list))
	for i, v := range list {
		switch {
		case bytes.HasPrefix(v, []byte(`"`)):
			if err := json.Unmarshal(v, &out[i]); err != nil {
				return nil, err
			}
			if len(out[i]) > maxText {
				return nil, fmt.Errorf("%s has %d bytes, and at most %d are read", short(v), len(out[i]), maxText)
			}
		case bytes.HasPrefix(v, []byte("{")), bytes.HasPrefix(v, []byte("[")), bytes.Equal(v, []byte("null")):
			return nil, fmt.Errorf("%s is not text", short(v))
		default:
			out[i] = string(v)
		}
	}
	return out, nil
}

// member is one member of a JSON object, in the order of the document.
type member struct {
	name, folded string
	value        json.RawMessage
}

// object reads a JSON object with what encoding/json would not tell: members that are there
// twice.
func object(raw []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	open, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	if open != json.Delim('{') {
		return nil, fmt.Errorf("%s is not an object", short(raw))
	}
	var out []member
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("it is not JSON: %w", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("it is not JSON: %w", err)
		}
		out = append(out, member{name.(string), strings.ToLower(name.(string)), bytes.TrimSpace(value)})
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the object")
	}
	return out, nil
}

// twice is the name of a member that is there twice, in any letter case, or "".
func twice(members []member) string {
	seen := map[string]bool{}
	for _, m := range members {
		if seen[m.folded] {
			return m.name
		}
		seen[m.folded] = true
	}
	return ""
}

// short is the beginning of what somebody wrote, for a message.
func short(raw []byte) string {
	const most = 60
	s := string(bytes.ToValidUTF8(raw, []byte("?")))
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}

package ways

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Operation is one operation of a JSON patch (RFC 6902): test, add, remove or replace.
type Operation struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"` // RFC 6901; "" is the whole document
	Value json.RawMessage `json:"value,omitempty"`
}

// decode reads JSON with its numbers as they are written.
func decode(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return v, nil
}

// encode writes JSON as AWS's policies are written: <, > and & stay.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // of values that came from JSON
	}
	return bytes.TrimSpace(b.Bytes())
}

// same says whether two values say the same.
func same(a, b any) bool { return bytes.Equal(encode(a), encode(b)) }

// ApplyPatch applies a JSON patch to a document. Where an operation fails the error says which
// and the document is as it was.
func ApplyPatch(document []byte, patch []Operation) ([]byte, error) {
	doc, err := decode(document)
	if err != nil {
		return nil, fmt.Errorf("the document is not JSON: %w", err)
	}
	for i, o := range patch {
		if doc, err = o.apply(doc); err != nil {
			return nil, fmt.Errorf("operation %d (%s %s): %w", i, o.Op, o.Path, err)
		}
	}
	return encode(doc), nil
}

func (o Operation) apply(doc any) (any, error) {
	var value any
	if o.Op != "remove" {
		var err error
		if value, err = decode(o.Value); err != nil {
			return nil, fmt.Errorf("its value is not JSON: %w", err)
		}
	}
	if o.Path == "" {
		switch o.Op {
		case "test":
			if !same(doc, value) {
				return nil, errors.New("the document is another than the patch was made for")
			}
			return doc, nil
		case "add", "replace":
			return value, nil
		}
		return nil, errors.New("the whole document cannot be removed")
	}
	if !strings.HasPrefix(o.Path, "/") {
		return nil, errors.New("a path begins with /")
	}
	parts := strings.Split(o.Path[1:], "/")
	for i, p := range parts {
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(p)
	}
	return o.at(doc, parts, value)
}

// at applies an operation below a value, and gives what the value is then.
func (o Operation) at(v any, path []string, value any) (any, error) {
	name, last := path[0], len(path) == 1
	switch v := v.(type) {
	case map[string]any:
		child, there := v[name]
		if !there && (o.Op != "add" || !last) {
			return nil, fmt.Errorf("there is no %q", name)
		}
		if !last {
			changed, err := o.at(child, path[1:], value)
			if err != nil {
				return nil, err
			}
			v[name] = changed
			return v, nil
		}
		switch o.Op {
		case "add", "replace":
			v[name] = value
		case "remove":
			delete(v, name)
		case "test":
			if !same(child, value) {
				return nil, errors.New("it is another than the patch was made for")
			}
		default:
			return nil, fmt.Errorf("%q is none of test, add, remove, replace", o.Op)
		}
		return v, nil
	case []any:
		if last && o.Op == "add" && name == "-" {
			return append(v, value), nil
		}
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 || i > len(v) || i == len(v) && (o.Op != "add" || !last) || strconv.Itoa(i) != name {
			return nil, fmt.Errorf("there is no entry %q among %d", name, len(v))
		}
		if !last {
			changed, err := o.at(v[i], path[1:], value)
			if err != nil {
				return nil, err
			}
			v[i] = changed
			return v, nil
		}
		switch o.Op {
		case "add":
			return slices.Insert(v, i, value), nil
		case "replace":
			v[i] = value
		case "remove":
			return slices.Delete(v, i, i+1), nil
		case "test":
			if !same(v[i], value) {
				return nil, errors.New("it is another than the patch was made for")
			}
		default:
			return nil, fmt.Errorf("%q is none of test, add, remove, replace", o.Op)
		}
		return v, nil
	}
	return nil, fmt.Errorf("there is nothing below %q", name)
}

// document is a policy document while a plan changes it.
type document struct {
	doc any
	// at is where each statement of the original stands now; -1 where it was taken out.
	at   []int
	ops  []Operation // of the change that is being made
	name string      // of the member Statement, as the document spells it
}

// emptyPolicy is what a policy that is made begins with.
const emptyPolicy = `{"Version":"2012-10-17","Statement":[]}`

func openDocument(raw []byte) (*document, error) {
	doc, err := decode(raw)
	if err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	top, ok := doc.(map[string]any)
	if !ok {
		return nil, errors.New("it is not an object")
	}
	d := &document{doc: doc}
	var st any
	if d.name, st = fold(top, "Statement"); d.name == "" {
		return nil, errors.New("it has no Statement")
	}
	n := 1
	if list, ok := st.([]any); ok {
		n = len(list)
	}
	for i := range n {
		d.at = append(d.at, i)
	}
	return d, nil
}

// fold finds a member in any letter case.
func fold(m map[string]any, name string) (string, any) {
	if v, ok := m[name]; ok {
		return name, v
	}
	for k, v := range m {
		if strings.EqualFold(k, name) {
			return k, v
		}
	}
	return "", nil
}

func escapePointer(s string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) }

// do applies an operation and keeps it.
func (d *document) do(op, path string, value any) error {
	o := Operation{Op: op, Path: path}
	if op != "remove" {
		o.Value = encode(value)
	}
	doc, err := o.apply(d.doc)
	if err != nil {
		return err
	}
	d.doc = doc
	d.ops = append(d.ops, o)
	return nil
}

// list makes a single statement a list of one, so that others can stand beside it.
func (d *document) list() error {
	st := d.doc.(map[string]any)[d.name]
	if _, ok := st.([]any); ok {
		return nil
	}
	return d.do("replace", "/"+escapePointer(d.name), []any{st})
}

// statement is one of the original's statements, and where it is.
func (d *document) statement(i int) (map[string]any, string, error) {
	if i < 0 || i >= len(d.at) {
		return nil, "", fmt.Errorf("it has no statement %d", i+1)
	}
	if d.at[i] < 0 {
		return nil, "", errGone
	}
	st := d.doc.(map[string]any)[d.name]
	path := "/" + escapePointer(d.name)
	if list, ok := st.([]any); ok {
		st = list[d.at[i]]
		path += "/" + strconv.Itoa(d.at[i])
	}
	m, ok := st.(map[string]any)
	if !ok {
		return nil, "", fmt.Errorf("statement %d is not an object", i+1)
	}
	return m, path, nil
}

var errGone = errors.New("the statement was taken out by a change before")

// expect tests that a statement is the one that a change was made for.
func (d *document) expect(path string, v any) error { return d.do("test", path, v) }

// removeStatement takes a statement out.
func (d *document) removeStatement(i int) error {
	st, _, err := d.statement(i)
	if errors.Is(err, errGone) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := d.list(); err != nil {
		return err
	}
	path := "/" + escapePointer(d.name) + "/" + strconv.Itoa(d.at[i])
	if err := d.expect(path, st); err != nil {
		return err
	}
	if err := d.do("remove", path, nil); err != nil {
		return err
	}
	for j := range d.at {
		if d.at[j] > d.at[i] {
			d.at[j]--
		}
	}
	d.at[i] = -1
	return nil
}

// addStatement adds a statement at the end.
func (d *document) addStatement(st any) error {
	if err := d.list(); err != nil {
		return err
	}
	for _, there := range d.doc.(map[string]any)[d.name].([]any) {
		if same(there, st) {
			return nil
		}
	}
	return d.do("add", "/"+escapePointer(d.name)+"/-", st)
}

// values are the entries of one value or a list of them.
func values(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

// removeActions takes actions out of a statement: entries that name one go; where a wildcard
// grants it too, a Deny of the same resources (or of those given) is added; a NotAction gets
// them in.
func (d *document) removeActions(i int, actions, resources []string) error {
	st, path, err := d.statement(i)
	if errors.Is(err, errGone) {
		return nil
	}
	if err != nil {
		return err
	}
	if name, not := fold(st, "NotAction"); name != "" {
		list := slices.Clone(values(not))
		for _, a := range actions {
			if !slices.ContainsFunc(list, func(v any) bool { s, _ := v.(string); return strings.EqualFold(s, a) }) {
				list = append(list, a)
			}
		}
		at := path + "/" + escapePointer(name)
		if err := d.expect(at, not); err != nil {
			return err
		}
		return d.do("replace", at, list)
	}
	name, granted := fold(st, "Action")
	if name == "" {
		return fmt.Errorf("statement %d has no Action", i+1)
	}
	at := path + "/" + escapePointer(name)
	list := values(granted)
	exact := func(v any) bool {
		s, _ := v.(string)
		return slices.ContainsFunc(actions, func(a string) bool { return strings.EqualFold(a, s) })
	}
	var deny []string
	for _, a := range actions {
		if slices.ContainsFunc(list, func(v any) bool {
			s, _ := v.(string)
			return strings.ContainsAny(s, "*?") && wildcard(strings.ToLower(s), strings.ToLower(a))
		}) {
			deny = append(deny, a)
		}
	}
	kept := slices.DeleteFunc(slices.Clone(list), exact)
	original := clone(st)
	switch {
	case len(kept) == 0:
		if err := d.removeStatement(i); err != nil {
			return err
		}
	case len(kept) < len(list):
		if err := d.expect(at, granted); err != nil {
			return err
		}
		// From the last to the first, so that what is before stays where it is.
		for j := len(list) - 1; j >= 0; j-- {
			if exact(list[j]) {
				if err := d.do("remove", at+"/"+strconv.Itoa(j), nil); err != nil {
					return err
				}
			}
		}
	}
	if len(deny) == 0 {
		return nil
	}
	return d.addStatement(denial(original, deny, resources))
}

// clone copies a value that came from JSON.
func clone(v map[string]any) map[string]any {
	c, err := decode(encode(v))
	if err != nil {
		panic(err) // it was encoded a moment ago
	}
	return c.(map[string]any)
}

// denial is a statement that refuses what another grants, of some actions, whatever the
// conditions.
func denial(st map[string]any, actions, resources []string) map[string]any {
	deny := map[string]any{"Effect": "Deny", "Action": anys(actions)}
	for _, member := range []string{"Principal", "NotPrincipal", "Resource", "NotResource"} {
		if name, v := fold(st, member); name != "" {
			deny[member] = v
		}
	}
	if len(resources) > 0 {
		delete(deny, "NotResource")
		deny["Resource"] = anys(resources)
	}
	return deny
}

func anys(list []string) any {
	if len(list) == 1 {
		return list[0]
	}
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// removePrincipals takes principals out of a statement; it goes where nobody is left.
func (d *document) removePrincipals(i int, who []string) error {
	st, path, err := d.statement(i)
	if errors.Is(err, errGone) {
		return nil
	}
	if err != nil {
		return err
	}
	name, principal := fold(st, "Principal")
	kinds, ok := principal.(map[string]any)
	if !ok { // "*", which names all that there are
		return d.removeStatement(i)
	}
	type removal struct {
		kind string
		list []any
		gone []int
	}
	var removals []removal
	left := 0
	for kind, v := range kinds {
		r := removal{kind: kind, list: values(v)}
		for j, one := range r.list {
			s, _ := one.(string)
			if slices.ContainsFunc(who, func(w string) bool { return samePrincipal(s, w) }) {
				r.gone = append(r.gone, j)
			}
		}
		left += len(r.list) - len(r.gone)
		if len(r.gone) > 0 {
			removals = append(removals, r)
		}
	}
	if len(removals) == 0 {
		return fmt.Errorf("statement %d does not name %s", i+1, strings.Join(who, ", "))
	}
	if left == 0 {
		return d.removeStatement(i)
	}
	slices.SortFunc(removals, func(a, b removal) int { return strings.Compare(a.kind, b.kind) })
	at := path + "/" + escapePointer(name)
	if err := d.expect(at, principal); err != nil {
		return err
	}
	for _, r := range removals {
		of := at + "/" + escapePointer(r.kind)
		if len(r.gone) == len(r.list) {
			if err := d.do("remove", of, nil); err != nil {
				return err
			}
			continue
		}
		for _, j := range slices.Backward(r.gone) {
			if err := d.do("remove", of+"/"+strconv.Itoa(j), nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// samePrincipal compares principals as policies name them: an account is its number or its
// root's ARN.
func samePrincipal(a, b string) bool {
	if a == b {
		return true
	}
	number := func(s string) string {
		if p, ok := splitARN(s); ok && p.resource == "root" {
			return p.account
		}
		return s
	}
	return number(a) == number(b)
}

// empty says whether no statement is left.
func (d *document) empty() bool {
	list, ok := d.doc.(map[string]any)[d.name].([]any)
	return ok && len(list) == 0
}

// wildcard matches a pattern of * and ?.
func wildcard(pattern, s string) bool {
	star, back := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, back = i, j
			i++
		case i < len(pattern) && (pattern[i] == '?' || pattern[i] == s[j]):
			i++
			j++
		case star >= 0:
			back++
			i, j = star+1, back
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i] == '*' {
		i++
	}
	return i == len(pattern)
}

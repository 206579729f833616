package scim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// readDocument reads a JSON object.
func readDocument(body []byte) (document, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var out document
	if err := d.Decode(&out); err != nil || out == nil {
		return nil, refuse(400, "invalidSyntax", "the body is no JSON object")
	}
	if d.More() {
		return nil, refuse(400, "invalidSyntax", "there is something behind the JSON object")
	}
	return out, nil
}

// normalise takes a resource as a directory sends it to one with the names and types that
// the schema has. What is read-only, not kept or of another schema is left out; a name
// that stands there twice, in two spellings, is refused.
func (t resourceType) normalise(sent document) (document, error) {
	out := document{}
	for written, v := range sent {
		if t.extension != "" && strings.EqualFold(written, t.extension) {
			d, ok := v.(document)
			if v == nil {
				continue
			} else if !ok {
				return nil, refuse(400, "invalidValue", "%s is no object", t.extension)
			}
			if _, twice := out[t.extension]; twice {
				return nil, refuse(400, "invalidSyntax", "%s is there twice", t.extension)
			}
			extended, err := normaliseAll(t.extended, d)
			if err != nil {
				return nil, err
			}
			if len(extended) > 0 {
				out[t.extension] = extended
			}
			continue
		}
		a, known := t.top(written)
		if !known {
			continue
		}
		if err := set(out, a, v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func normaliseAll(attributes []attribute, sent document) (document, error) {
	out := document{}
	for written, v := range sent {
		if a, known := find(attributes, written); known {
			if err := set(out, a, v); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// set puts a value that was sent into a document in which it must not be yet.
func set(out document, a attribute, sent any) error {
	if a.readOnly || a.dropped {
		return nil
	}
	if _, twice := out[a.name]; twice {
		return refuse(400, "invalidSyntax", "%s is there twice", a.name)
	}
	v, err := a.convert(sent)
	if err == nil && present(v) {
		out[a.name] = v
	}
	return err
}

// convert takes what was sent as the value of an attribute: all of its values where it
// has several. It answers nil for none. Directories write true and false as text, and
// references to others as text, objects, or an array of one.
func (a attribute) convert(sent any) (any, error) {
	if !a.multi {
		if list, ok := sent.([]any); ok && a.kind == complexly && len(list) == 1 {
			sent = list[0]
		}
		return a.one(sent)
	}
	if sent == nil {
		return nil, nil
	}
	list, ok := sent.([]any)
	if !ok {
		list = []any{sent}
	}
	out := []any{}
	for _, s := range list {
		v, err := a.one(s)
		if err != nil {
			return nil, err
		}
		if present(v) {
			out = append(out, v)
		}
	}
	return out, nil
}

func (a attribute) one(sent any) (any, error) {
	wrong := func(what string) (any, error) {
		return nil, refuse(400, "invalidValue", "%s is %s, and that was not", a.name, what)
	}
	switch v := sent.(type) {
	case nil:
		return nil, nil
	case string:
		switch a.kind {
		case boolean:
			switch strings.ToLower(v) {
			case "true":
				return true, nil
			case "false":
				return false, nil
			}
			return wrong("true or false")
		case complexly:
			if v == "" {
				return nil, nil
			}
			return a.one(document{"value": v})
		}
		if len(v) > 1024 {
			return nil, refuse(400, "invalidValue", "%s has more than 1,024 bytes", a.name)
		}
		return v, nil
	case json.Number:
		if a.kind == text {
			return v.String(), nil
		}
	case bool:
		if a.kind == boolean {
			return v, nil
		}
	case document:
		if a.kind == complexly {
			return normaliseAll(a.sub, v)
		}
	}
	switch a.kind {
	case boolean:
		return wrong("true or false")
	case complexly:
		return wrong("an object")
	}
	return wrong("text")
}

// Bounds of a patch.
const (
	maxOperations = 200
	maxMembers    = 1000 // values in one patch
)

// operation is one of a patch.
type operation struct {
	op    string // add, replace or remove
	path  string
	value any
}

// readPatch reads the body of a PATCH. Names and operators may be in any case.
func readPatch(sent document) ([]operation, error) {
	schemas, _ := lookup(sent, "schemas").([]any)
	patch := false
	for _, s := range schemas {
		urn, _ := s.(string)
		patch = patch || strings.EqualFold(urn, urnPatch)
	}
	if !patch {
		return nil, refuse(400, "invalidSyntax", "schemas does not name %s", urnPatch)
	}
	list, ok := lookup(sent, "Operations").([]any)
	if !ok || len(list) == 0 || len(list) > maxOperations {
		return nil, refuse(400, "invalidSyntax", "Operations is an array of 1 to %d", maxOperations)
	}
	var out []operation
	values := 0
	for i, one := range list {
		d, ok := one.(document)
		if !ok {
			return nil, refuse(400, "invalidSyntax", "operation %d is no object", i+1)
		}
		var o operation
		op, _ := lookup(d, "op").(string)
		o.op = strings.ToLower(op)
		if o.op != "add" && o.op != "replace" && o.op != "remove" {
			return nil, refuse(400, "invalidSyntax", "operation %d has op %q; there are add, replace and remove", i+1, clip(op))
		}
		if written := lookup(d, "path"); written != nil {
			if o.path, ok = written.(string); !ok {
				return nil, refuse(400, "invalidPath", "the path of operation %d is no text", i+1)
			}
		}
		o.value = lookup(d, "value")
		values += countValues(o.value)
		out = append(out, o)
	}
	if values > maxMembers {
		return nil, refuse(413, "tooMany", "a patch changes at most %d values; send several", maxMembers)
	}
	return out, nil
}

func countValues(v any) int {
	switch v := v.(type) {
	case []any:
		return len(v)
	case document:
		n := 0
		for _, one := range v {
			n += countValues(one)
		}
		return n
	}
	return 0
}

func lookup(d document, name string) any {
	if v, ok := d[name]; ok {
		return v
	}
	for written, v := range d {
		if strings.EqualFold(written, name) {
			return v
		}
	}
	return nil
}

// patch applies operations to a resource, in order.
func (t resourceType) patch(doc document, operations []operation) error {
	for i, o := range operations {
		if err := t.apply(doc, o); err != nil {
			if e, ok := err.(*failure); ok {
				e.detail = fmt.Sprintf("operation %d: %s", i+1, e.detail)
			}
			return err
		}
	}
	return nil
}

func (t resourceType) apply(doc document, o operation) error {
	if o.path != "" {
		return t.applyAt(doc, o, false)
	}
	if o.op == "remove" {
		return refuse(400, "noTarget", "remove needs a path")
	}
	values, ok := o.value.(document)
	if !ok {
		return refuse(400, "invalidValue", "without a path the value is an object")
	}
	for _, name := range sortedNames(values) {
		v := values[name]
		if extended, ok := v.(document); ok && t.extension != "" && strings.EqualFold(name, t.extension) {
			for _, sub := range sortedNames(extended) {
				if err := t.applyAt(doc, operation{o.op, t.extension + ":" + sub, extended[sub]}, true); err != nil {
					return err
				}
			}
			continue
		}
		if err := t.applyAt(doc, operation{o.op, name, v}, true); err != nil {
			return err
		}
	}
	return nil
}

// applyAt applies an operation at its path. Where the resource itself was sent, what is
// read-only in it is passed over.
func (t resourceType) applyAt(doc document, o operation, lenient bool) error {
	p, err := parsePath(o.path, t)
	if err != nil {
		return refuse(400, "invalidPath", "the path %q: %s", clip(o.path), err)
	}
	if p.attribute.readOnly || p.sub != nil && p.sub.readOnly {
		if lenient {
			return nil
		}
		return refuse(400, "mutability", "%s is not changed by directories", p.name(t))
	}
	if p.attribute.dropped || p.sub != nil && p.sub.dropped {
		return nil
	}
	at := doc
	if p.extension {
		extended, ok := doc[t.extension].(document)
		if !ok {
			extended = document{}
			doc[t.extension] = extended
		}
		at = extended
		defer func() {
			if len(extended) == 0 {
				delete(doc, t.extension)
			}
		}()
	}
	if p.attribute.multi {
		return applyMulti(at, p, o)
	}
	return applySingle(at, p, o)
}

func applySingle(at document, p path, o operation) error {
	a := p.attribute
	if p.sub != nil {
		d, ok := at[a.name].(document)
		if !ok {
			d = document{}
		}
		if err := assign(d, *p.sub, o); err != nil {
			return err
		}
		if delete(at, a.name); len(d) > 0 {
			at[a.name] = d
		}
		return nil
	}
	if o.op == "add" && a.kind == complexly {
		v, err := a.convert(o.value)
		if err != nil {
			return err
		}
		added, _ := v.(document)
		d, ok := at[a.name].(document)
		if !ok {
			d = document{}
		}
		for name, v := range added {
			d[name] = v
		}
		if len(d) > 0 {
			at[a.name] = d
		}
		return nil
	}
	return assign(at, a, o)
}

// assign sets or removes an attribute with one value.
func assign(at document, a attribute, o operation) error {
	if o.op == "remove" {
		delete(at, a.name)
		return nil
	}
	v, err := a.convert(o.value)
	if err != nil {
		return err
	}
	if delete(at, a.name); present(v) {
		at[a.name] = v
	}
	return nil
}

func applyMulti(at document, p path, o operation) error {
	a := p.attribute
	have, _ := at[a.name].([]any)
	keep := func(values []any) error {
		if delete(at, a.name); len(values) > 0 {
			at[a.name] = values
		}
		return nil
	}
	chosen := func(v any) bool {
		d, ok := v.(document)
		return p.filter == nil || ok && p.filter.holds(inside(d))
	}
	if p.sub != nil || p.filter != nil {
		var out []any
		hit := false
		for _, v := range have {
			d, isDocument := v.(document)
			if !chosen(v) || !isDocument {
				out = append(out, v)
				continue
			}
			hit = true
			switch {
			case o.op == "remove" && p.sub == nil:
				continue
			case p.sub != nil:
				if err := assign(d, *p.sub, o); err != nil {
					return err
				}
			default:
				sent, err := a.one(o.value)
				if err != nil {
					return err
				}
				changed, _ := sent.(document)
				if o.op == "replace" {
					clear(d)
				}
				for name, v := range changed {
					d[name] = v
				}
			}
			if len(d) > 0 {
				out = append(out, d)
			}
		}
		if hit {
			return keep(primaryOnce(out))
		}
		if o.op == "remove" {
			return refuse(400, "noTarget", "nothing is at the path %q", clip(o.path))
		}
		// Directories add and replace alike under a filter that finds nothing yet: what the
		// filter says is then what the new value has.
		made, plain := pairs(p.filter)
		if p.filter == nil {
			made, plain = document{}, true
		}
		if !plain {
			return refuse(400, "noTarget", "nothing is at the path %q", clip(o.path))
		}
		var err error
		if p.sub != nil {
			err = assign(made, *p.sub, o)
		} else {
			var sent any
			if sent, err = a.one(o.value); err == nil {
				added, _ := sent.(document)
				for name, v := range added {
					made[name] = v
				}
			}
		}
		if err != nil {
			return err
		}
		if !present(made["value"]) {
			return nil // there is nothing to keep
		}
		return keep(primaryOnce(append(have, made)))
	}
	v, err := a.convert(o.value)
	if err != nil {
		return err
	}
	sent, _ := v.([]any)
	switch {
	case o.op == "remove" && o.value == nil:
		return keep(nil)
	case o.op == "remove":
		gone := map[string]bool{}
		for _, s := range sent {
			gone[valueOf(s)] = true
		}
		var out []any
		for _, v := range have {
			if !gone[valueOf(v)] {
				out = append(out, v)
			}
		}
		return keep(out)
	case o.op == "replace":
		return keep(distinct(sent))
	}
	return keep(primaryOnce(distinct(append(have, sent...))))
}

// primaryOnce leaves the last of several primary values the only one.
func primaryOnce(values []any) []any {
	taken := false
	for i := len(values) - 1; i >= 0; i-- {
		d, ok := values[i].(document)
		if !ok || d["primary"] != true {
			continue
		}
		if taken {
			d["primary"] = false
		}
		taken = true
	}
	return values
}

// valueOf is what tells the values of an attribute apart.
func valueOf(v any) string {
	if d, ok := v.(document); ok {
		v = d["value"]
	}
	s, _ := v.(string)
	return s
}

// distinct leaves the last of those with the same value and type.
func distinct(values []any) []any {
	key := func(v any) string {
		d, _ := v.(document)
		kind, _ := d["type"].(string)
		return valueOf(v) + "\x00" + strings.ToLower(kind)
	}
	last := map[string]int{}
	for i, v := range values {
		last[key(v)] = i
	}
	var out []any
	for i, v := range values {
		if last[key(v)] == i {
			out = append(out, v)
		}
	}
	return out
}

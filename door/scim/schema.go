package scim

import (
	"maps"
	"slices"
	"strings"
)

// URNs of schemas and messages, RFC 7643 §8.7 and RFC 7644 §8.2.
const (
	urnUser       = "urn:ietf:params:scim:schemas:core:2.0:User"
	urnGroup      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	urnEnterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	urnList       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	urnPatch      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	urnError      = "urn:ietf:params:scim:api:messages:2.0:Error"
	urnProvider   = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	urnType       = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	urnSchema     = "urn:ietf:params:scim:schemas:core:2.0:Schema"
)

// kind is the type of an attribute's values.
type kind string

const (
	text      kind = "string"
	boolean   kind = "boolean"
	moment    kind = "dateTime"
	reference kind = "reference"
	complexly kind = "complex"
)

// attribute is one attribute of a resource, as RFC 7643 §7 describes it.
type attribute struct {
	name     string
	kind     kind
	about    string
	multi    bool
	required bool
	exact    bool // case counts
	readOnly bool
	unique   bool
	sub      []attribute
	// dropped attributes are those of the core schema that directories send and nothing
	// here needs: they are taken and not kept, and no schema of ours lists them.
	dropped bool
}

// common attributes belong to every resource.
var common = []attribute{
	{name: "schemas", kind: reference, multi: true, exact: true, readOnly: true},
	{name: "id", kind: text, exact: true, readOnly: true, unique: true},
	{name: "externalId", kind: text, exact: true},
	{name: "meta", kind: complexly, readOnly: true, sub: []attribute{
		{name: "resourceType", kind: text, exact: true, readOnly: true}, {name: "created", kind: moment, readOnly: true},
		{name: "lastModified", kind: moment, readOnly: true}, {name: "location", kind: reference, exact: true, readOnly: true},
		{name: "version", kind: text, exact: true, readOnly: true},
	}},
}

var userAttributes = []attribute{
	{name: "userName", kind: text, required: true, unique: true, about: "The principal's name in the room: 1 to 128 letters, digits or . _ @ + -"},
	{name: "name", kind: complexly, about: "The person's name", sub: []attribute{
		{name: "formatted", kind: text, about: "The whole name"}, {name: "familyName", kind: text, about: "Family name"}, {name: "givenName", kind: text, about: "Given name"},
		{name: "middleName", kind: text, dropped: true}, {name: "honorificPrefix", kind: text, dropped: true}, {name: "honorificSuffix", kind: text, dropped: true},
	}},
	{name: "displayName", kind: text, about: "Name for display"},
	{name: "title", kind: text, about: "Job title"},
	{name: "preferredLanguage", kind: text, about: "Language"},
	{name: "active", kind: boolean, about: "False suspends the principal: nothing that it has proves anything any more"},
	{name: "emails", kind: complexly, multi: true, about: "Addresses; no right follows from one", sub: []attribute{
		{name: "value", kind: text, about: "The address"}, {name: "type", kind: text, about: "work, home or other"}, {name: "primary", kind: boolean, about: "At most one is"},
		{name: "display", kind: text, dropped: true},
	}},
	{name: "groups", kind: complexly, multi: true, readOnly: true, about: "Groups that the directory manages and the user is in", sub: []attribute{
		{name: "value", kind: text, exact: true, readOnly: true, about: "The group's id"}, {name: "$ref", kind: reference, exact: true, readOnly: true, about: "Its address"},
		{name: "display", kind: text, readOnly: true, about: "Its display name"},
	}},
	{name: "nickName", kind: text, dropped: true}, {name: "profileUrl", kind: reference, dropped: true}, {name: "userType", kind: text, dropped: true},
	{name: "locale", kind: text, dropped: true}, {name: "timezone", kind: text, dropped: true}, {name: "password", kind: text, dropped: true},
	{name: "phoneNumbers", kind: complexly, multi: true, dropped: true, sub: plural()},
	{name: "ims", kind: complexly, multi: true, dropped: true, sub: plural()}, {name: "photos", kind: complexly, multi: true, dropped: true, sub: plural()},
	{name: "addresses", kind: complexly, multi: true, dropped: true, sub: append(plural(), attribute{name: "formatted", kind: text},
		attribute{name: "streetAddress", kind: text}, attribute{name: "locality", kind: text}, attribute{name: "region", kind: text},
		attribute{name: "postalCode", kind: text}, attribute{name: "country", kind: text})},
	{name: "entitlements", kind: complexly, multi: true, dropped: true, sub: plural()}, {name: "roles", kind: complexly, multi: true, dropped: true, sub: plural()},
	{name: "x509Certificates", kind: complexly, multi: true, dropped: true, sub: plural()},
}

func plural() []attribute {
	return []attribute{{name: "value", kind: text}, {name: "type", kind: text}, {name: "primary", kind: boolean}, {name: "display", kind: text}, {name: "$ref", kind: reference}}
}

var enterpriseAttributes = []attribute{
	{name: "employeeNumber", kind: text, about: "The attribute employee_number"},
	{name: "costCenter", kind: text, about: "The attribute cost_center"},
	{name: "organization", kind: text, about: "The attribute organization"},
	{name: "division", kind: text, about: "The attribute division"},
	{name: "department", kind: text, about: "The attribute department"},
	{name: "manager", kind: complexly, about: "The attribute manager", sub: []attribute{
		{name: "value", kind: text, exact: true, about: "The manager's id"}, {name: "$ref", kind: reference, exact: true, about: "Its address"},
		{name: "displayName", kind: text, readOnly: true, about: "The manager's name"},
	}},
}

var groupAttributes = []attribute{
	{name: "displayName", kind: text, required: true, unique: true, about: "The group's name in the room, in lower case and with - for spaces: letters a to z, digits and -"},
	{name: "members", kind: complexly, multi: true, about: "Users of this directory", sub: []attribute{
		{name: "value", kind: text, exact: true, about: "The user's id"}, {name: "$ref", kind: reference, exact: true, about: "Its address"},
		{name: "display", kind: text, readOnly: true, about: "Its userName"}, {name: "type", kind: text, about: "User"},
	}},
}

// resourceType is what may be asked for under one path.
type resourceType struct {
	name, path, urn, about string
	core                   []attribute
	extension              string // URN of the schema extension, or ""
	extended               []attribute
}

var userType = resourceType{
	name: "User", path: "Users", urn: urnUser, about: "Principals that the directory provisions", core: userAttributes,
	extension: urnEnterprise, extended: enterpriseAttributes,
}

var groupType = resourceType{name: "Group", path: "Groups", urn: urnGroup, about: "Groups that the directory manages", core: groupAttributes}

func find(attributes []attribute, name string) (attribute, bool) {
	i := slices.IndexFunc(attributes, func(a attribute) bool { return strings.EqualFold(a.name, name) })
	if i < 0 {
		return attribute{}, false
	}
	return attributes[i], true
}

// top finds an attribute of the core schema, or a common one.
func (t resourceType) top(name string) (attribute, bool) {
	if a, ok := find(t.core, name); ok {
		return a, true
	}
	return find(common, name)
}

// target is what an attribute's path names: an attribute, in the extension or not, and
// perhaps a sub-attribute of it.
type target struct {
	extension bool
	attribute attribute
	sub       *attribute
}

// name is the path as it is written canonically.
func (p target) name(t resourceType) string {
	out := p.attribute.name
	if p.extension {
		out = t.extension + ":" + out
	}
	if p.sub != nil {
		out += "." + p.sub.name
	}
	return out
}

// resolve finds what a path such as emails, name.givenName or
// urn:…:enterprise:2.0:User:manager.value names.
func (t resourceType) resolve(path string) (target, bool) {
	var out target
	attributes := t.core
	rest := path
	if len(path) > 4 && strings.EqualFold(path[:4], "urn:") {
		var ok bool
		if rest, ok = cutPrefixFold(path, t.urn+":"); !ok {
			if rest, ok = cutPrefixFold(path, t.extension+":"); !ok || t.extension == "" {
				return out, false
			}
			out.extension, attributes = true, t.extended
		}
	}
	name, sub, dotted := strings.Cut(rest, ".")
	var ok bool
	if out.attribute, ok = find(attributes, name); !ok && !out.extension {
		out.attribute, ok = find(common, name)
	}
	if !ok {
		return out, false
	}
	if dotted {
		s, ok := find(out.attribute.sub, sub)
		if !ok {
			return out, false
		}
		out.sub = &s
	}
	return out, true
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// document is a resource in JSON.
type document = map[string]any

// describe is an attribute as /Schemas shows it.
func (a attribute) describe() document {
	mutability, uniqueness := "readWrite", "none"
	if a.readOnly {
		mutability = "readOnly"
	}
	if a.unique {
		uniqueness = "server"
	}
	out := document{
		"name": a.name, "type": string(a.kind), "multiValued": a.multi, "description": a.about, "required": a.required, "mutability": mutability, "returned": "default",
	}
	switch a.kind {
	case complexly:
		out["subAttributes"] = described(a.sub)
	case text, reference:
		out["caseExact"], out["uniqueness"] = a.exact, uniqueness
	}
	if a.kind == reference {
		out["referenceTypes"] = []string{"User", "Group"}
	}
	return out
}

func described(attributes []attribute) []document {
	out := []document{}
	for _, a := range attributes {
		if !a.dropped {
			out = append(out, a.describe())
		}
	}
	return out
}

func clone(d document) document {
	out := maps.Clone(d)
	for name, v := range out {
		out[name] = cloneValue(v)
	}
	return out
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case document:
		return clone(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = cloneValue(v[i])
		}
		return out
	}
	return v
}

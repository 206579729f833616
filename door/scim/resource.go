package scim

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"strongroom"
	"strongroom/people"
	"strongroom/vault"
)

// enterprise is which attribute of a principal each attribute of the extension is.
var enterprise = map[string]string{
	"employeeNumber": people.AttributeEmployeeNumber, "costCenter": people.AttributeCostCenter, "organization": people.AttributeOrganization,
	"division": people.AttributeDivision, "department": people.AttributeDepartment,
}

// showUser is a principal as SCIM has it.
func showUser(p vault.DirectoryPerson, base string) document {
	e := p.Entry
	id := p.Principal.ID.String()
	out := document{"schemas": []any{urnUser}, "id": id, "userName": p.Principal.Name, "active": !p.Principal.Suspended}
	put := func(d document, name, value string) {
		if value != "" {
			d[name] = value
		}
	}
	put(out, "externalId", e.ExternalID)
	put(out, "displayName", e.DisplayName)
	put(out, "title", e.Title)
	put(out, "preferredLanguage", e.Language)
	name := document{}
	put(name, "formatted", e.FullName)
	put(name, "givenName", e.GivenName)
	put(name, "familyName", e.FamilyName)
	if len(name) > 0 {
		out["name"] = name
	}
	var emails []any
	for _, m := range e.Emails {
		one := document{"value": m.Value, "primary": m.Primary}
		put(one, "type", m.Type)
		emails = append(emails, one)
	}
	if len(emails) > 0 {
		out["emails"] = emails
	}
	var groups []any
	for _, g := range p.Groups {
		groups = append(groups, document{"value": g.ID.String(), "$ref": base + "/Groups/" + g.ID.String(), "display": g.DisplayName})
	}
	if len(groups) > 0 {
		out["groups"] = groups
	}
	extended := document{}
	for attribute, ours := range enterprise {
		put(extended, attribute, strings.Join(p.Principal.Attributes[ours], ", "))
	}
	if !p.Manager.IsZero() {
		extended["manager"] = document{
			"value": p.Manager.String(), "$ref": base + "/Users/" + p.Manager.String(), "displayName": strings.Join(p.Principal.Attributes[people.AttributeManager], ""),
		}
	}
	if len(extended) > 0 {
		out["schemas"] = []any{urnUser, urnEnterprise}
		out[urnEnterprise] = extended
	}
	return withMeta(out, "User", base+"/Users/"+id, e.Created, e.Modified)
}

// showGroup is a group as SCIM has it.
func showGroup(g vault.DirectoryGroup, base string) document {
	id := g.ID.String()
	out := document{"schemas": []any{urnGroup}, "id": id, "displayName": g.DisplayName}
	if g.ExternalID != "" {
		out["externalId"] = g.ExternalID
	}
	var members []any
	for _, m := range g.Members {
		members = append(members, document{"value": m.ID.String(), "$ref": base + "/Users/" + m.ID.String(), "display": m.Name, "type": "User"})
	}
	if len(members) > 0 {
		out["members"] = members
	}
	return withMeta(out, "Group", base+"/Groups/"+id, g.Created, g.Modified)
}

// withMeta adds what every resource has, with a version that is another whenever
// anything in the resource is.
func withMeta(out document, kind, location string, created, modified time.Time) document {
	meta := document{
		"resourceType": kind, "created": created.UTC().Format(time.RFC3339Nano), "lastModified": modified.UTC().Format(time.RFC3339Nano), "location": location,
	}
	out["meta"] = meta
	encoded, _ := json.Marshal(out) // texts, booleans, lists: always encodes
	sum := sha256.Sum256(encoded)
	meta["version"] = `W/"` + hex.EncodeToString(sum[:12]) + `"`
	return out
}

func versionOf(d document) string {
	meta, _ := d["meta"].(document)
	v, _ := meta["version"].(string)
	return v
}

// takeUser makes a person what a resource says.
func takeUser(p *vault.DirectoryPerson, d document) error {
	p.Principal.Name = str(d, "userName")
	if p.Principal.Name == "" {
		return refuse(400, "invalidValue", "userName is missing")
	}
	if active, ok := d["active"].(bool); ok {
		p.Principal.Suspended = !active
	}
	e := &p.Entry
	e.ExternalID, e.DisplayName, e.Title, e.Language = str(d, "externalId"), str(d, "displayName"), str(d, "title"), str(d, "preferredLanguage")
	name, _ := d["name"].(document)
	e.FullName, e.GivenName, e.FamilyName = str(name, "formatted"), str(name, "givenName"), str(name, "familyName")
	e.Emails = nil
	emails, _ := d["emails"].([]any)
	for _, v := range emails {
		one, _ := v.(document)
		primary, _ := one["primary"].(bool)
		e.Emails = append(e.Emails, people.Email{Value: str(one, "value"), Type: str(one, "type"), Primary: primary})
	}
	extended, _ := d[urnEnterprise].(document)
	for attribute, ours := range enterprise {
		if v := str(extended, attribute); v != "" {
			p.Principal.Attributes[ours] = []string{v}
		} else {
			delete(p.Principal.Attributes, ours)
		}
	}
	p.Manager = strongroom.ID{}
	manager, _ := extended["manager"].(document)
	if v := str(manager, "value"); v != "" {
		id, err := strongroom.ParseID(v)
		if err != nil {
			return refuse(400, "invalidValue", "manager.value is the id of no user")
		}
		p.Manager = id
	}
	return nil
}

// takeGroup makes a group what a resource says.
func takeGroup(g *vault.DirectoryGroup, d document) error {
	if g.DisplayName = str(d, "displayName"); g.DisplayName == "" {
		return refuse(400, "invalidValue", "displayName is missing")
	}
	g.ExternalID, g.Members = str(d, "externalId"), nil
	members, _ := d["members"].([]any)
	for _, v := range members {
		one, _ := v.(document)
		if kind := str(one, "type"); kind != "" && !strings.EqualFold(kind, "User") {
			return refuse(400, "invalidValue", "a member of a group is a User here; groups within groups are not supported: have the directory send their users")
		}
		id, err := strongroom.ParseID(str(one, "value"))
		if err != nil {
			return refuse(400, "invalidValue", "the member %q is the id of no user", clip(str(one, "value")))
		}
		if !g.Has(id) {
			g.Members = append(g.Members, vault.DirectoryMember{ID: id})
		}
	}
	return nil
}

func str(d document, name string) string {
	s, _ := d[name].(string)
	return s
}

// project leaves of a resource what a request wants to see: attributes alone, or all but
// excluded ones. Both are paths; id and schemas are always there.
func (t resourceType) project(d document, attributes, excluded []target) document {
	if len(attributes) == 0 && len(excluded) == 0 {
		return d
	}
	d = clone(d)
	out := d
	if len(attributes) > 0 {
		out = document{"schemas": d["schemas"], "id": d["id"]}
		for _, p := range attributes {
			from, to := t.place(d, p), t.place(out, p)
			if from == nil {
				continue
			}
			v, ok := from[p.attribute.name]
			if !ok {
				continue
			}
			if to == nil {
				to = document{}
				out[t.extension] = to
			}
			if p.sub != nil {
				v = only(v, to[p.attribute.name], p.sub.name)
			}
			to[p.attribute.name] = v
		}
		return out
	}
	for _, p := range excluded {
		from := t.place(d, p)
		switch {
		case from == nil || p.attribute.name == "id" || p.attribute.name == "schemas":
		case p.sub == nil:
			delete(from, p.attribute.name)
		default:
			without(from[p.attribute.name], p.sub.name)
		}
	}
	return out
}

func (t resourceType) place(d document, p target) document {
	if !p.extension {
		return d
	}
	extended, _ := d[t.extension].(document)
	return extended
}

// only leaves one sub-attribute of a value, beside those that were left before.
func only(v, before any, sub string) any {
	switch v := v.(type) {
	case document:
		out, ok := before.(document)
		if !ok {
			out = document{}
		}
		if s, has := v[sub]; has {
			out[sub] = s
		}
		return out
	case []any:
		had, _ := before.([]any)
		var out []any
		for i, one := range v {
			var b any
			if i < len(had) {
				b = had[i]
			}
			out = append(out, only(one, b, sub))
		}
		return out
	}
	return v
}

func without(v any, sub string) {
	switch v := v.(type) {
	case document:
		delete(v, sub)
	case []any:
		for _, one := range v {
			without(one, sub)
		}
	}
}

// order sorts resources by an attribute; those without it come last, whichever way.
func (t resourceType) order(all []document, by target, descending bool) {
	key := func(d document) (string, bool) {
		for _, v := range (resource{d, t}).find(by) {
			if one, ok := v.(document); ok {
				v = one["value"]
			}
			switch v := v.(type) {
			case string:
				if a, _ := by.compared(); !a.exact {
					v = strings.ToLower(v)
				}
				return v, true
			case bool:
				return map[bool]string{false: "0", true: "1"}[v], true
			}
		}
		return "", false
	}
	slices.SortStableFunc(all, func(a, b document) int {
		x, hasX := key(a)
		y, hasY := key(b)
		switch {
		case !hasX || !hasY:
			return cmp.Compare(map[bool]int{true: 0, false: 1}[hasX], map[bool]int{true: 0, false: 1}[hasY])
		case descending:
			return strings.Compare(y, x)
		}
		return strings.Compare(x, y)
	})
}

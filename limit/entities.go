package limit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"

	"strongroom"
)

const (
	typePrincipal types.EntityType = "Principal"
	typeGroup     types.EntityType = "Group"
	typeRoom      types.EntityType = "Room"
	typeBucket    types.EntityType = "Bucket"
	typeObject    types.EntityType = "Object"
	typeAction    types.EntityType = "Action"
)

// facts is a question as Cedar sees it. What the question does not say is left
// out rather than made up: a policy that needs it then fails, and that denies.
type facts struct {
	request                     cedar.Request
	principal, resource, bucket cedar.Entity
}

// Get implements cedar.EntityGetter.
func (f *facts) Get(uid types.EntityUID) (types.Entity, bool) {
	switch uid {
	case f.principal.UID:
		return f.principal, true
	case f.resource.UID:
		return f.resource, true
	case f.bucket.UID:
		return f.bucket, true
	}
	return types.Entity{}, false
}

// attribute gives one attribute of an entity, or nil when the question does not say.
type attribute struct {
	name types.String
	of   func(*strongroom.Question) types.Value
}

// The attributes of the schema. Those that no policy of a set mentions are not
// computed for it.
var (
	principalAttributes = []attribute{
		{"name", func(q *strongroom.Question) types.Value { return types.String(q.Principal.Name) }},
		{"kind", func(q *strongroom.Question) types.Value { return nonEmpty(string(q.Principal.Kind)) }},
		{"aliases", func(q *strongroom.Question) types.Value { return stringSet(q.Principal.Aliases) }},
		{"queues", func(q *strongroom.Question) types.Value { return stringSet(q.Principal.Attributes["queues"]) }},
		{"supervises", func(q *strongroom.Question) types.Value { return stringSet(q.Principal.Attributes["supervises"]) }},
		{"vendor", func(q *strongroom.Question) types.Value {
			if vendor := q.Principal.Attributes["vendor"]; len(vendor) == 1 {
				return nonEmpty(vendor[0])
			}
			return nil
		}},
	}
	bucketAttributes = []attribute{
		{"name", func(q *strongroom.Question) types.Value { return types.String(q.Resource.Bucket) }},
		{"custody", func(q *strongroom.Question) types.Value { return nonEmpty(q.Resource.Custody) }},
	}
	objectAttributes = []attribute{
		{"bucket", func(q *strongroom.Question) types.Value { return types.String(q.Resource.Bucket) }},
		{"key", func(q *strongroom.Question) types.Value { return types.String(q.Resource.Key) }},
		{"custody", func(q *strongroom.Question) types.Value { return nonEmpty(q.Resource.Custody) }},
		{"size", func(q *strongroom.Question) types.Value { return types.Long(q.Resource.Size) }},
		{"created", created},
		{"queue", declared("queue")},
		{"agent", declared("agent")},
		{"kind", declared("kind")},
		{"customer", declared("customer")},
		{"conversation", declared("conversation")},
		{"language", declared("language")},
		{"confidential", func(q *strongroom.Question) types.Value { return types.Boolean(q.Resource.Label.Confidential) }},
		{"classes", func(q *strongroom.Question) types.Value { return stringSet(q.Resource.Label.Classes) }},
		{"legalHold", func(q *strongroom.Question) types.Value { return types.Boolean(q.Resource.LegalHold) }},
		{"scrubbed", func(q *strongroom.Question) types.Value { return types.Boolean(q.Resource.Scrubbed) }},
		{"sampled", func(q *strongroom.Question) types.Value { return types.Boolean(Sampled(q.Resource.Version)) }},
	}
)

func nonEmpty(s string) types.Value {
	if s == "" {
		return nil
	}
	return types.String(s)
}

// declared is an attribute that the storer declared; declared empty is not
// declared, so that it matches no empty name.
func declared(name string) func(*strongroom.Question) types.Value {
	return func(q *strongroom.Question) types.Value { return nonEmpty(q.Resource.Attributes[name]) }
}

// created of an object about to be stored is now, also where the question is about
// what comes with it: its tags, hold or retention.
func created(q *strongroom.Question) types.Value {
	if !q.Resource.Created.IsZero() {
		return types.NewDatetime(q.Resource.Created)
	}
	switch q.Action {
	case strongroom.ActionStoreObject, strongroom.ActionTagObject, strongroom.ActionHoldObject, strongroom.ActionRetainObject:
		return types.NewDatetime(q.Context.Time)
	}
	return nil
}

func isAttribute(of []attribute, name string) bool {
	return slices.ContainsFunc(of, func(a attribute) bool { return string(a.name) == name })
}

// needs says which facts the policies of a set mention.
type needs struct {
	principal, bucket, object []attribute
	tags                      bool
}

func (n *needs) record(of []attribute, q *strongroom.Question) types.Record {
	m := make(types.RecordMap, len(of))
	for _, a := range of {
		if v := a.of(q); v != nil {
			m[a.name] = v
		}
	}
	return types.NewRecord(m)
}

// factsOf translates q, or says why q is no question that policy can answer. Of
// listObjects, the resource is the bucket and a key is the prefix of the names.
func (n *needs) factsOf(q *strongroom.Question) (*facts, error) {
	switch {
	case q.Principal.Name == "":
		return nil, errors.New("the question names no principal")
	case q.Context.Time.IsZero():
		return nil, errors.New("the question has no time")
	case q.Resource.Key != "" && q.Resource.Bucket == "":
		return nil, errors.New("the question names a key without its bucket")
	}
	f := &facts{}
	f.principal = n.principalEntity(q)
	switch r := &q.Resource; {
	case r.Bucket == "":
		f.resource = cedar.Entity{UID: types.NewEntityUID(typeRoom, "room")}
	case r.Key == "" || q.Action == strongroom.ActionListObjects:
		f.resource = n.bucketEntity(q)
	default:
		f.bucket = n.bucketEntity(q)
		f.resource = n.objectEntity(q, f.bucket.UID)
	}
	f.request = cedar.Request{
		Principal: f.principal.UID,
		Action:    types.NewEntityUID(typeAction, types.String(q.Action)),
		Resource:  f.resource.UID,
	}
	action, ok := roomSchema().Actions[f.request.Action]
	if !ok {
		return nil, errors.New("the question names an action that policy does not know")
	}
	if !slices.Contains(action.AppliesTo.Resources, f.resource.UID.Type) {
		return nil, fmt.Errorf("%s does not concern a resource of type %s", q.Action, f.resource.UID.Type)
	}
	var err error
	f.request.Context, err = contextRecord(q)
	return f, err
}

func (n *needs) principalEntity(q *strongroom.Question) cedar.Entity {
	p := &q.Principal
	groups := make([]types.EntityUID, len(p.Groups))
	for i, g := range p.Groups {
		groups[i] = types.NewEntityUID(typeGroup, types.String(g))
	}
	tags := types.RecordMap{}
	if n.tags {
		for name, values := range p.Attributes {
			if !isAttribute(principalAttributes, name) {
				tags[types.String(name)] = stringSet(values)
			}
		}
	}
	return cedar.Entity{
		UID:        types.NewEntityUID(typePrincipal, types.String(p.Name)),
		Parents:    types.NewEntityUIDSet(groups...),
		Attributes: n.record(n.principal, q),
		Tags:       types.NewRecord(tags),
	}
}

func (n *needs) bucketEntity(q *strongroom.Question) cedar.Entity {
	return cedar.Entity{
		UID:        types.NewEntityUID(typeBucket, types.String(q.Resource.Bucket)),
		Attributes: n.record(n.bucket, q),
	}
}

func (n *needs) objectEntity(q *strongroom.Question, bucket types.EntityUID) cedar.Entity {
	tags := types.RecordMap{}
	if n.tags {
		for name, value := range q.Resource.Attributes {
			if value != "" && !isAttribute(objectAttributes, name) {
				tags[types.String(name)] = types.String(value)
			}
		}
	}
	return cedar.Entity{
		UID:        types.NewEntityUID(typeObject, types.String(q.Resource.Bucket+"/"+q.Resource.Key)),
		Parents:    types.NewEntityUIDSet(bucket),
		Attributes: n.record(n.object, q),
		Tags:       types.NewRecord(tags),
	}
}

func contextRecord(q *strongroom.Question) (types.Record, error) {
	c := &q.Context
	m := types.RecordMap{
		"time":       types.NewDatetime(c.Time),
		"secure":     types.Boolean(c.Secure),
		"approvals":  types.Long(approvals(q)),
		"breakGlass": types.Boolean(!c.BreakGlass.IsZero()),
		"byVersion":  types.Boolean(q.Resource.ByVersion),
	}
	if c.Method != "" {
		m["method"] = types.String(c.Method)
	}
	if purpose := strings.TrimSpace(c.Purpose.Text); purpose != "" {
		m["purpose"] = types.String(purpose)
	}
	if ticket := strings.TrimSpace(c.Purpose.Ticket); ticket != "" {
		m["ticket"] = types.String(ticket)
	}
	if q.Action == strongroom.ActionListObjects && q.Resource.Key != "" {
		m["prefix"] = types.String(q.Resource.Key)
	}
	if c.Source != "" {
		address, err := netip.ParseAddr(c.Source)
		if err != nil {
			return types.Record{}, errors.New("the question's source is not a network address")
		}
		address = address.Unmap().WithZone("")
		m["source"] = types.IPAddr(netip.PrefixFrom(address, address.BitLen()))
	}
	return types.NewRecord(m), nil
}

// approvals counts the different principals other than the asker who approved.
// An asker without an id could be any of them, so none counts.
func approvals(q *strongroom.Question) int {
	if q.Principal.ID.IsZero() {
		return 0
	}
	n := 0
	for i, id := range q.Context.Approvals {
		if !id.IsZero() && id != q.Principal.ID && !slices.Contains(q.Context.Approvals[:i], id) {
			n++
		}
	}
	return n
}

// Sampled reports whether a version belongs to the sample: one in twenty, chosen
// by its random id, so that neither the storer nor the reader chooses.
func Sampled(version strongroom.ID) bool {
	return !version.IsZero() && binary.BigEndian.Uint64(version[:8])%20 == 0
}

func stringSet(values []string) types.Set {
	if len(values) == 0 {
		return types.Set{}
	}
	out := make([]types.Value, 0, len(values))
	for _, v := range values {
		if v != "" {
			out = append(out, types.String(v))
		}
	}
	return types.NewSet(out...)
}

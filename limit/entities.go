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

// objectAttributes are the declared attributes that the schema names; all others are tags.
var objectAttributes = []string{"queue", "agent", "kind", "customer", "conversation", "language"}

// principalSets are the attributes of principals that the schema names as sets.
var principalSets = []string{"queues", "supervises"}

// factsOf translates q, or says why q is no question that policy can answer.
func factsOf(q *strongroom.Question) (*facts, error) {
	switch {
	case q.Principal.Name == "":
		return nil, errors.New("the question names no principal")
	case q.Context.Time.IsZero():
		return nil, errors.New("the question has no time")
	case q.Resource.Key != "" && q.Resource.Bucket == "":
		return nil, errors.New("the question names a key without its bucket")
	}
	f := &facts{}
	f.principal = principalEntity(&q.Principal)
	switch r := &q.Resource; {
	case r.Bucket == "":
		f.resource = cedar.Entity{UID: types.NewEntityUID(typeRoom, "room")}
	case r.Key == "":
		f.resource = bucketEntity(r)
	default:
		f.bucket = bucketEntity(r)
		f.resource = objectEntity(q, f.bucket.UID)
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

func principalEntity(p *strongroom.Principal) cedar.Entity {
	groups := make([]types.EntityUID, len(p.Groups))
	for i, g := range p.Groups {
		groups[i] = types.NewEntityUID(typeGroup, types.String(g))
	}
	attributes := types.RecordMap{
		"name":    types.String(p.Name),
		"aliases": stringSet(p.Aliases),
	}
	if p.Kind != "" {
		attributes["kind"] = types.String(p.Kind)
	}
	for _, name := range principalSets {
		attributes[types.String(name)] = stringSet(p.Attributes[name])
	}
	if vendor := p.Attributes["vendor"]; len(vendor) == 1 && vendor[0] != "" {
		attributes["vendor"] = types.String(vendor[0])
	}
	var tags types.RecordMap
	for name, values := range p.Attributes {
		if name != "vendor" && !slices.Contains(principalSets, name) {
			if tags == nil {
				tags = types.RecordMap{}
			}
			tags[types.String(name)] = stringSet(values)
		}
	}
	return cedar.Entity{
		UID:        types.NewEntityUID(typePrincipal, types.String(p.Name)),
		Parents:    types.NewEntityUIDSet(groups...),
		Attributes: types.NewRecord(attributes),
		Tags:       types.NewRecord(tags),
	}
}

func bucketEntity(r *strongroom.Resource) cedar.Entity {
	attributes := types.RecordMap{"name": types.String(r.Bucket)}
	if r.Custody != "" {
		attributes["custody"] = types.String(r.Custody)
	}
	return cedar.Entity{
		UID:        types.NewEntityUID(typeBucket, types.String(r.Bucket)),
		Attributes: types.NewRecord(attributes),
	}
}

func objectEntity(q *strongroom.Question, bucket types.EntityUID) cedar.Entity {
	r := &q.Resource
	attributes := types.RecordMap{
		"bucket":       types.String(r.Bucket),
		"key":          types.String(r.Key),
		"size":         types.Long(r.Size),
		"confidential": types.Boolean(r.Label.Confidential),
		"classes":      stringSet(r.Label.Classes),
		"legalHold":    types.Boolean(r.LegalHold),
		"scrubbed":     types.Boolean(r.Scrubbed),
		"sampled":      types.Boolean(Sampled(r.Version)),
	}
	if r.Custody != "" {
		attributes["custody"] = types.String(r.Custody)
	}
	switch {
	case !r.Created.IsZero():
		attributes["created"] = types.NewDatetime(r.Created)
	case q.Action == strongroom.ActionStoreObject:
		attributes["created"] = types.NewDatetime(q.Context.Time)
	}
	var tags types.RecordMap
	for name, value := range r.Attributes {
		switch {
		case value == "": // declared empty is not declared: it must match no empty alias
		case slices.Contains(objectAttributes, name):
			attributes[types.String(name)] = types.String(value)
		default:
			if tags == nil {
				tags = types.RecordMap{}
			}
			tags[types.String(name)] = types.String(value)
		}
	}
	return cedar.Entity{
		UID:        types.NewEntityUID(typeObject, types.String(r.Bucket+"/"+r.Key)),
		Parents:    types.NewEntityUIDSet(bucket),
		Attributes: types.NewRecord(attributes),
		Tags:       types.NewRecord(tags),
	}
}

func contextRecord(q *strongroom.Question) (types.Record, error) {
	c := &q.Context
	m := types.RecordMap{
		"time":      types.NewDatetime(c.Time),
		"secure":    types.Boolean(c.Secure),
		"approvals": types.Long(approvals(q)),
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

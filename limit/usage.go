package limit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cedar-policy/cedar-go"

	"strongroom"
)

// Shape is a sort of resource that rights are counted for: objects that differ only in
// their names, dates and people are one shape. The zero Shape is the room.
type Shape struct {
	Bucket       string `json:"bucket,omitempty"`
	Object       bool   `json:"object,omitempty"` // an object in the bucket, else the bucket itself
	Kind         string `json:"kind,omitempty"`   // attribute kind: call, screen, document …
	Queue        string `json:"queue,omitempty"`
	Confidential bool   `json:"confidential,omitempty"`
	Scrubbed     bool   `json:"scrubbed,omitempty"`
}

// ShapeOf answers the shape of a resource.
func ShapeOf(r strongroom.Resource) Shape {
	if r.Key == "" {
		return Shape{Bucket: r.Bucket}
	}
	return Shape{Bucket: r.Bucket, Object: true, Kind: r.Attributes["kind"], Queue: r.Attributes["queue"], Confidential: r.Label.Confidential, Scrubbed: r.Scrubbed}
}

func (s Shape) String() string {
	if s.Bucket == "" {
		return "the room"
	}
	if !s.Object {
		return s.Bucket
	}
	words := []string{s.Bucket + "/" + cmp.Or(s.Kind, "*")}
	if s.Queue != "" {
		words = append(words, "queue "+s.Queue)
	}
	if s.Scrubbed {
		words = append(words, "scrubbed")
	}
	return strings.Join(words, ", ")
}

// perShape is how many resources stand for a shape when it is judged what is granted.
const perShape = 8

// Usage gathers what the ledger shows was permitted and used, to hold it against what
// policy grants. It is safe for concurrent use.
type Usage struct {
	mu      sync.Mutex
	from    time.Time
	to      time.Time
	uses    map[useKey]*use
	policy  map[string]*PolicyUse
	by      map[policyActor]struct{}
	actions map[policyAction]int64
	shapes  map[Shape][]strongroom.Resource
	puts    []put
	permits int64
	erased  int64
	// erasedBy counts, by policy, permits whose personal part was erased: evidence still
	// says which policies decided.
	erasedBy map[string]int64
}

type useKey struct {
	principal strongroom.ID
	action    strongroom.Action
	shape     Shape
}

type use struct {
	count int64
	last  time.Time
}

type policyActor struct {
	policy    string
	principal strongroom.ID
}

type policyAction struct {
	policy string
	action strongroom.Action
}

// put is a policy set that was put in force.
type put struct {
	at   time.Time
	hash string
}

// NewUsage returns an empty one.
func NewUsage() *Usage {
	return &Usage{
		uses: map[useKey]*use{}, policy: map[string]*PolicyUse{}, by: map[policyActor]struct{}{}, actions: map[policyAction]int64{},
		shapes: map[Shape][]strongroom.Resource{}, erasedBy: map[string]int64{},
	}
}

// Take counts an event.
func (u *Usage) Take(e *strongroom.Event) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.from.IsZero() || e.Time.Before(u.from) {
		u.from = e.Time
	}
	if e.Time.After(u.to) {
		u.to = e.Time
	}
	decision, replayable := decided(e)
	if !replayable {
		if decision && e.Outcome == strongroom.Permitted {
			u.erased++
			for _, id := range e.Policies {
				u.erasedBy[id]++
			}
		}
		return
	}
	q := e.Question
	shape := ShapeOf(q.Resource)
	u.see(shape, q.Resource)
	if e.PolicySet != "" && (len(u.puts) == 0 || u.puts[len(u.puts)-1].hash != e.PolicySet) {
		u.puts = append(u.puts, put{e.Time, e.PolicySet})
	}
	if !e.Decision.Permit || e.Outcome == strongroom.Refused {
		return
	}
	u.permits++
	key := useKey{q.Principal.ID, q.Action, shape}
	if u.uses[key] == nil {
		u.uses[key] = &use{}
	}
	u.uses[key].count++
	if e.Time.After(u.uses[key].last) {
		u.uses[key].last = e.Time
	}
	for _, id := range e.Decision.Policies {
		p := u.policy[id]
		if p == nil {
			p = &PolicyUse{}
			u.policy[id] = p
		}
		p.Decided++
		if e.Time.After(p.Last) {
			p.Last = e.Time
		}
		if _, known := u.by[policyActor{id, q.Principal.ID}]; !known {
			u.by[policyActor{id, q.Principal.ID}] = struct{}{}
			p.People++
		}
		u.actions[policyAction{id, q.Action}]++
	}
}

// See adds a resource that exists, whether or not anybody asked for it.
func (u *Usage) See(r strongroom.Resource) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.see(ShapeOf(r), r)
}

func (u *Usage) see(s Shape, r strongroom.Resource) {
	if len(u.shapes[s]) < perShape {
		u.shapes[s] = append(u.shapes[s], r)
	}
}

// PolicyUse is what one policy decided.
type PolicyUse struct {
	ID      string    `json:"policy"`
	Effect  string    `json:"effect"`
	Decided int64     `json:"decided"` // permits that it was a reason of
	People  int       `json:"principals"`
	Last    time.Time `json:"last,omitzero"`
	// Since is when the policy came into force as it stands, where that was within the
	// window: too late to say that it is not needed.
	Since time.Time `json:"since,omitzero"`
}

// Right is one thing that somebody may do, and how often they did.
type Right struct {
	Action strongroom.Action `json:"action"`
	Shape  Shape             `json:"shape"`
	// Own: only on what bears their own name or alias.
	Own      bool      `json:"own,omitempty"`
	Policies []string  `json:"policies"`
	Used     int64     `json:"used"`
	Last     time.Time `json:"last,omitzero"`
}

// PersonRights is what one principal may do against what they did.
type PersonRights struct {
	Principal string                   `json:"principal"`
	Kind      strongroom.PrincipalKind `json:"kind"`
	Groups    []string                 `json:"groups,omitempty"`
	Granted   int                      `json:"granted"` // rights
	Used      int                      `json:"used"`    // of them, in the window
	Last      time.Time                `json:"last,omitzero"`
	Rights    []Right                  `json:"rights"` // unused ones first
}

// GroupRights is the same for the members of a group together.
type GroupRights struct {
	Group   string `json:"group"`
	Members int    `json:"members"`
	Active  int    `json:"active"` // members who used any right
	Granted int    `json:"granted"`
	Used    int    `json:"used"`
	// Idle are the members who used nothing that the group's policies give them, whatever
	// the action, where no forbid speaks of the group: whoever left it would be rid of that.
	Idle []string `json:"idle,omitempty"`
}

// ClassRights is the same for a sort of resource.
type ClassRights struct {
	Shape   Shape     `json:"shape"`
	Granted int       `json:"granted"` // principals who may open it
	Used    int       `json:"used"`    // principals who did
	Last    time.Time `json:"last,omitzero"`
}

// UsageReport holds what is granted against what was used.
type UsageReport struct {
	PolicySet string         `json:"policy_set"`
	From      time.Time      `json:"from,omitzero"`
	To        time.Time      `json:"to,omitzero"`
	Permits   int64          `json:"permits"`        // uses that were counted
	Erased    int64          `json:"not_replayable"` // uses whose personal part was erased: somebody's, not known whose
	People    []PersonRights `json:"people"`
	Groups    []GroupRights  `json:"groups"`
	Classes   []ClassRights  `json:"classes"`
	Policies  []PolicyUse    `json:"policies"`
	Unjudged  []string       `json:"unjudged"` // what was not looked at
}

// watched are the actions whose use is held against what is granted.
var watched = []strongroom.Action{
	strongroom.ActionReadObject, strongroom.ActionDownload, strongroom.ActionReadMetadata, strongroom.ActionListObjects, strongroom.ActionStoreObject, strongroom.ActionDeleteObject,
	strongroom.ActionReadLedger, strongroom.ActionManagePeople, strongroom.ActionManagePolicy, strongroom.ActionReadPolicy,
}

// Unused holds what set grants these principals against what was used. Sets answers the
// text of a policy set that was in force, by its hash.
func (u *Usage) Unused(set *Set, people []strongroom.Principal, now time.Time, sets func(hash string) (*Set, error)) UsageReport {
	u.mu.Lock()
	defer u.mu.Unlock()
	report := UsageReport{
		PolicySet: set.Hash(), From: u.from, To: u.to, Permits: u.permits, Erased: u.erased,
		People: []PersonRights{}, Groups: []GroupRights{}, Classes: []ClassRights{}, Policies: []PolicyUse{},
		Unjudged: []string{
			"conditions on the network address, the time of day and the exact name: a right that holds only there counts as not granted",
			fmt.Sprintf("more than %d objects of a sort: a right to few of many may be missing", perShape),
		},
	}
	through := map[strongroom.ID]map[string]bool{} // principal → groups of which a policy speaks that permitted them something
	for by := range u.by {
		if g := set.groupOf(by.policy); g != "" {
			if through[by.principal] == nil {
				through[by.principal] = map[string]bool{}
			}
			through[by.principal][g] = true
		}
	}
	classes := map[Shape]*ClassRights{}
	groups := map[string]*GroupRights{}
	for _, p := range people {
		if p.Suspended || !p.Expires.IsZero() && !now.Before(p.Expires) {
			continue
		}
		row := PersonRights{Principal: p.Name, Kind: p.Kind, Groups: p.Groups, Rights: u.rights(set, p, now)}
		for _, r := range row.Rights {
			row.Granted++
			if r.Used > 0 {
				row.Used++
			}
			if r.Last.After(row.Last) {
				row.Last = r.Last
			}
			if r.Action == strongroom.ActionReadObject {
				c := classes[r.Shape]
				if c == nil {
					c = &ClassRights{Shape: r.Shape}
					classes[r.Shape] = c
				}
				c.Granted++
				if r.Used > 0 {
					c.Used++
				}
				if r.Last.After(c.Last) {
					c.Last = r.Last
				}
			}
		}
		for _, name := range p.Groups {
			g := groups[name]
			if g == nil {
				g = &GroupRights{Group: name}
				groups[name] = g
			}
			g.Members++
			g.Granted += row.Granted
			g.Used += row.Used
			if row.Used > 0 {
				g.Active++
			}
			if set.grants(name) && !set.forbids(name) && !through[p.ID][name] {
				g.Idle = append(g.Idle, p.Name)
			}
		}
		report.People = append(report.People, row)
	}
	for _, c := range classes {
		report.Classes = append(report.Classes, *c)
	}
	for _, g := range groups {
		report.Groups = append(report.Groups, *g)
	}
	for _, p := range set.Policies() {
		used := PolicyUse{ID: p.ID, Effect: p.Effect, Since: u.since(set, p.ID, sets)}
		if had := u.policy[p.ID]; had != nil {
			used.Decided, used.People, used.Last = had.Decided, had.People, had.Last
		}
		report.Policies = append(report.Policies, used)
	}
	slices.SortFunc(report.People, func(a, b PersonRights) int {
		return cmp.Or(cmp.Compare(b.Granted-b.Used, a.Granted-a.Used), cmp.Compare(a.Principal, b.Principal))
	})
	slices.SortFunc(report.Groups, func(a, b GroupRights) int {
		return cmp.Or(cmp.Compare(len(b.Idle), len(a.Idle)), cmp.Compare(a.Group, b.Group))
	})
	slices.SortFunc(report.Classes, func(a, b ClassRights) int {
		return cmp.Or(cmp.Compare(b.Granted-b.Used, a.Granted-a.Used), cmp.Compare(a.Shape.String(), b.Shape.String()))
	})
	return report
}

// rights are what a set grants p, unused ones first.
func (u *Usage) rights(set *Set, p strongroom.Principal, now time.Time) []Right {
	var out []Right
	for _, action := range watched {
		for shape, examples := range u.shapes {
			if !fits(action, shape) {
				continue
			}
			right := Right{Action: action, Shape: shape, Own: true}
			granted := false
			for _, example := range examples {
				for _, own := range []bool{false, true} {
					if own && !shape.Object {
						continue
					}
					if d := set.Decide(possible(p, action, example, own, now)); d.Permit {
						granted = true
						right.Own = right.Own && own
						right.Policies = append(right.Policies, d.Policies...)
					}
				}
			}
			if !granted {
				continue
			}
			right.Policies = sortedOnce(right.Policies)
			if had := u.uses[useKey{p.ID, action, shape}]; had != nil {
				right.Used, right.Last = had.count, had.last
			}
			out = append(out, right)
		}
	}
	slices.SortFunc(out, func(a, b Right) int {
		return cmp.Or(cmp.Compare(min(a.Used, 1), min(b.Used, 1)), slices.Index(watched, a.Action)-slices.Index(watched, b.Action), cmp.Compare(a.Shape.String(), b.Shape.String()))
	})
	return out
}

// fits reports whether an action concerns resources of a shape.
func fits(action strongroom.Action, s Shape) bool {
	switch action {
	case strongroom.ActionReadObject, strongroom.ActionDownload, strongroom.ActionReadMetadata, strongroom.ActionStoreObject, strongroom.ActionDeleteObject:
		return s.Object
	case strongroom.ActionListObjects:
		return s.Bucket != "" && !s.Object
	default:
		return s.Bucket == ""
	}
}

// possible is the question in which p says all that they can say themselves: what they could
// do without asking anybody.
func possible(p strongroom.Principal, action strongroom.Action, r strongroom.Resource, own bool, now time.Time) strongroom.Question {
	if own {
		attributes := map[string]string{}
		for k, v := range r.Attributes {
			attributes[k] = v
		}
		attributes["agent"] = p.Name
		r.Attributes = attributes
	}
	if r.Key != "" {
		r.Created = now
	}
	return strongroom.Question{Action: action, Principal: p, Resource: r, Context: strongroom.Context{
		Time: now, Purpose: strongroom.Purpose{Text: "a purpose", Ticket: "a ticket"}, Method: "sigv4", Secure: true,
	}}
}

// groupOf answers the group that a policy's principal has to be in, or "".
func (s *Set) groupOf(id string) string {
	p := s.policies[id]
	if p == nil {
		return ""
	}
	for _, at := range scopesOf(p.compiled) {
		if at.group {
			return at.principal
		}
	}
	return ""
}

// grants reports whether some permit speaks of a group.
func (s *Set) grants(group string) bool {
	for id, p := range s.policies {
		if p.compiled.Effect() == cedar.Permit && s.groupOf(id) == group {
			return true
		}
	}
	return false
}

// forbids reports whether some forbid speaks of a group.
func (s *Set) forbids(group string) bool {
	for id, p := range s.policies {
		if p.compiled.Effect() == cedar.Forbid && s.groupOf(id) == group {
			return true
		}
	}
	return false
}

// since answers when a policy came into force as it stands, if the window began without it.
func (u *Usage) since(set *Set, id string, sets func(string) (*Set, error)) time.Time {
	text := set.policyText(id)
	slices.SortFunc(u.puts, func(a, b put) int { return a.at.Compare(b.at) })
	known := map[string]bool{} // hash → has the policy
	var since time.Time
	for i, p := range u.puts {
		has, looked := known[p.hash]
		if !looked {
			other, err := sets(p.hash)
			has = err == nil && other.policyText(id) == text
			known[p.hash] = has
		}
		switch {
		case has && i == 0:
			return time.Time{} // from the beginning of the window
		case has && since.IsZero():
			since = p.at
		case !has:
			since = time.Time{}
		}
	}
	if since.IsZero() && len(u.puts) > 0 {
		return u.to // it was never in force while anybody asked
	}
	return since
}

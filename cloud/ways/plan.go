package ways

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
	"strongroom/cloud/reach"
)

// Plan is a set of changes that closes what was found, as changes to documents.
type Plan struct {
	Irredundant bool         `json:"irredundant"` // none can be left out
	Smallest    bool         `json:"smallest"`    // proven: no set of fewer changes does it
	Considered  int          `json:"considered"`  // candidates
	Changes     []Change     `json:"changes"`
	Left        []reach.Left `json:"left,omitempty"` // what stays open, and why
	// Documents are the policies that it changes, each as it is after all of it.
	Documents []Document `json:"documents,omitempty"`
	// After is the summary of the changed account, and Skipped what was not applied to it;
	// absent where the account was not looked at again.
	After   *Summary     `json:"after,omitempty"`
	Skipped []reach.Text `json:"skipped,omitempty"`
}

// Change is one change, and the JSON patch (RFC 6902) that makes it in the policy's document.
// Patches of one document are to be applied in their order.
type Change struct {
	reach.Change
	Patch []Operation `json:"patch,omitempty"`
}

// Document is one policy as the plan leaves it.
type Document struct {
	Policy reach.Source `json:"policy"`
	// Made says that no such policy was there: it is a new inline policy.
	Made bool `json:"made,omitempty"`
	// Emptied says that no statement is left. AWS takes no such document: the policy is to
	// be deleted or detached.
	Emptied bool            `json:"emptied,omitempty"`
	Before  json.RawMessage `json:"-"`
	After   json.RawMessage `json:"after"`
}

// Best is the change that closes most; nil where there is no plan, or nothing in it.
func (out *Report) Best() *Change {
	if out.Plan == nil || len(out.Plan.Changes) == 0 {
		return nil
	}
	best := slices.MaxFunc(out.Plan.Changes, func(a, b Change) int { return cmp.Compare(a.Closes, b.Closes) })
	return &best
}

// sourceKey tells documents apart.
func sourceKey(s reach.Source) string { return s.Kind + "\n" + s.Owner + "\n" + s.Name }

// NewPlan writes the changes of a plan as patches of the account's policy documents.
func NewPlan(a *account.Account, p reach.Plan) *Plan {
	out := &Plan{Irredundant: p.Irredundant, Smallest: p.Smallest, Considered: p.Considered, Changes: []Change{}, Left: p.Left}
	type opened struct {
		*document
		source reach.Source
		before json.RawMessage
		made   bool
	}
	docs := map[string]*opened{}
	var order []string
	cannot := func(c reach.Change, err error) {
		out.Skipped = append(out.Skipped, reach.Text{
			EN: fmt.Sprintf("%s (%v)", c.What.EN, err),
			FR: fmt.Sprintf("%s (%v)", c.What.FR, err),
		})
	}
	for _, c := range p.Changes {
		change := Change{Change: c}
		if c.Op == reach.Set {
			out.Changes = append(out.Changes, change)
			continue
		}
		key := sourceKey(c.Policy)
		d := docs[key]
		if d == nil {
			raw, made := json.RawMessage(emptyPolicy), true
			if policy := policyAt(a, c.Policy); policy != nil && len(policy.Document) > 0 {
				raw, made = policy.Document, false
			}
			doc, err := openDocument(raw)
			if err != nil {
				cannot(c, err)
				out.Changes = append(out.Changes, change)
				continue
			}
			d = &opened{doc, c.Policy, raw, made}
			docs[key] = d
			order = append(order, key)
			if made {
				d.ops = []Operation{{Op: "add", Path: "", Value: raw}}
			}
		}
		before, at := encode(d.doc), slices.Clone(d.at)
		if err := d.change(c); err != nil {
			d.doc, _ = decode(before)
			d.at, d.ops = at, nil
			cannot(c, err)
		}
		change.Patch, d.ops = d.ops, nil
		out.Changes = append(out.Changes, change)
	}
	for _, key := range order {
		d := docs[key]
		after := encode(d.doc)
		out.Documents = append(out.Documents, Document{Policy: d.source, Made: d.made, Emptied: d.empty(), Before: d.before, After: after})
	}
	return out
}

// change makes one change in a document.
func (d *document) change(c reach.Change) error {
	switch c.Op {
	case reach.RemoveActions:
		return d.removeActions(c.Statement, c.Actions, c.Resources)
	case reach.RemoveStatement:
		return d.removeStatement(c.Statement)
	case reach.TightenTrust:
		return d.removePrincipals(c.Statement, c.Principals)
	case reach.AddDeny:
		st, err := decode(c.Document)
		if err != nil {
			return fmt.Errorf("the statement that it adds is not JSON: %w", err)
		}
		return d.addStatement(st)
	}
	return fmt.Errorf("%q is not a change to a document", c.Op)
}

// Apply is the account as it is after the plan, and adds to Skipped what could not be applied
// to it. The account itself stays as it is.
func (p *Plan) Apply(a *account.Account) (*account.Account, error) {
	changed := copyOf(a)
	for _, d := range p.Documents {
		name := d.Policy.Name
		if old := policyAt(a, d.Policy); old != nil {
			name = old.Name
		}
		policy, err := iam.Parse(name, d.After)
		if err != nil {
			return nil, fmt.Errorf("%s after the changes: %w", name, err)
		}
		if !put(changed, d, policy) {
			p.Skipped = append(p.Skipped, reach.Text{
				EN: fmt.Sprintf("the change to %s %s: the account has no such place", d.Policy.Kind, d.Policy.Owner),
				FR: fmt.Sprintf("la modification de %s %s : le compte n’a pas un tel endroit", d.Policy.Kind, d.Policy.Owner),
			})
		}
	}
	for _, c := range p.Changes {
		if c.Op == reach.Set && !set(changed, c.Change) {
			p.Skipped = append(p.Skipped, c.What)
		}
	}
	return changed, nil
}

// copyOf copies an account as deeply as changes go. What no change touches is shared.
func copyOf(a *account.Account) *account.Account {
	c := *a
	groups := map[*account.Group]*account.Group{}
	c.Groups = make([]*account.Group, len(a.Groups))
	for i, g := range a.Groups {
		n := *g
		n.Inline, n.Attached = slices.Clone(g.Inline), slices.Clone(g.Attached)
		c.Groups[i], groups[g] = &n, &n
	}
	bounded := func(id *account.Identity) {
		id.Inline, id.Attached = slices.Clone(id.Inline), slices.Clone(id.Attached)
		if id.Boundary != nil {
			b := *id.Boundary
			id.Boundary = &b
		}
	}
	c.Users = make([]*account.User, len(a.Users))
	for i, u := range a.Users {
		n := *u
		bounded(&n.Identity)
		n.Groups = make([]*account.Group, len(u.Groups))
		for j, g := range u.Groups {
			if n.Groups[j] = groups[g]; n.Groups[j] == nil {
				n.Groups[j] = g // one that only the user names
			}
		}
		c.Users[i] = &n
	}
	c.Roles = make([]*account.Role, len(a.Roles))
	for i, r := range a.Roles {
		n := *r
		bounded(&n.Identity)
		c.Roles[i] = &n
	}
	c.Managed = pointers(a.Managed)
	for _, m := range c.Managed {
		m.Versions = slices.Clone(m.Versions)
	}
	c.Buckets = pointers(a.Buckets)
	c.AccessPoints = pointers(a.AccessPoints)
	c.Keys = pointers(a.Keys)
	for _, k := range c.Keys {
		k.Grants.V = slices.Clone(k.Grants.V)
	}
	c.Workloads = pointers(a.Workloads)
	for _, w := range c.Workloads {
		if w.Instance != nil {
			n := *w.Instance
			w.Instance = &n
		}
		if w.Task != nil {
			n := *w.Task
			w.Task = &n
		}
	}
	c.SecurityGroups = pointers(a.SecurityGroups)
	c.SerialConsole = maps.Clone(a.SerialConsole)
	if o := a.Organization.V; o != nil {
		n := *o
		n.Levels = slices.Clone(o.Levels)
		for i := range n.Levels {
			n.Levels[i].SCPs.V = slices.Clone(n.Levels[i].SCPs.V)
			n.Levels[i].RCPs.V = slices.Clone(n.Levels[i].RCPs.V)
		}
		c.Organization.V = &n
	}
	return &c
}

// pointers copies what a list points at.
func pointers[T any](list []*T) []*T {
	out := make([]*T, len(list))
	for i, p := range list {
		n := *p
		out[i] = &n
	}
	return out
}

// put gives a policy its new document, wherever it is in force.
func put(a *account.Account, d Document, policy *iam.Policy) bool {
	attached := func(list []account.Attached) {
		for i := range list {
			if list[i].ARN == d.Policy.Owner {
				list[i].Policy = policy
			}
		}
	}
	switch d.Policy.Kind {
	case "managed", "boundary":
		there := false
		for _, m := range a.Managed {
			if m.ARN == d.Policy.Owner {
				m.Policy, there = policy, true
				for i, v := range m.Versions {
					if v.ID == m.Default || v.Default {
						m.Versions[i].Policy = policy
					}
				}
			}
		}
		identity := func(id *account.Identity) {
			attached(id.Attached)
			if id.Boundary != nil && id.Boundary.ARN == d.Policy.Owner {
				id.Boundary.Policy = policy
			}
		}
		for _, u := range a.Users {
			identity(&u.Identity)
		}
		for _, r := range a.Roles {
			identity(&r.Identity)
		}
		for _, g := range a.Groups {
			attached(g.Attached)
		}
		return there
	case "scp", "rcp":
		there := false
		if o := a.Organization.V; o != nil {
			for i := range o.Levels {
				for _, list := range [][]account.Attached{o.Levels[i].SCPs.V, o.Levels[i].RCPs.V} {
					for j := range list {
						if list[j].ARN == d.Policy.Owner {
							list[j].Policy, there = policy, true
						}
					}
				}
			}
		}
		return there
	}
	if at := place(a, d.Policy); at != nil {
		*at = policy
		return true
	}
	// A new inline policy.
	made := account.Attached{Name: d.Policy.Name, Policy: policy}
	switch d.Policy.Kind {
	case "user-inline":
		for _, u := range a.Users {
			if u.ARN == d.Policy.Owner {
				u.Inline = append(u.Inline, made)
				return true
			}
		}
	case "role-inline":
		for _, r := range a.Roles {
			if r.ARN == d.Policy.Owner {
				r.Inline = append(r.Inline, made)
				return true
			}
		}
	case "group-inline":
		for _, g := range a.Groups {
			if g.ARN == d.Policy.Owner {
				g.Inline = append(g.Inline, made)
				return true
			}
		}
	}
	return false
}

// set changes a setting. False: the account does not hold it.
func set(a *account.Account, c reach.Change) bool {
	return false
}

// row is one line of the effect of a plan.
type row struct {
	key           string
	before, after int
}

func (p *Plan) rows(before Summary) []row {
	a := p.After
	return []row{
		{"effect.open", before.Routes.Open, a.Routes.Open},
		{"effect.unknown", before.Routes.Unknown, a.Routes.Unknown},
		{"effect.certain", before.Certain, a.Certain},
		{"effect.possible", before.Possible, a.Possible},
		{"effect.notknown", before.Unknown, a.Unknown},
		{"effect.intended", before.Intended, a.Intended},
	}
}

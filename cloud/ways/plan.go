package ways

import (
	"cmp"
	"encoding/json"
	"fmt"
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
	// After is the summary of the changed account; absent where that was not looked at.
	// Skipped are changes that could not be written as a patch.
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
			if policy := c.Policy.Policy(a); policy != nil && len(policy.Document) > 0 {
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
	case reach.TightenTrust, reach.RemovePrincipals:
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

// Apply is the account as it is after the plan: its settings changed, and each policy read
// again from the document that the patches make. The account itself stays as it is.
func (p *Plan) Apply(a *account.Account) (*account.Account, error) {
	changes := make([]reach.Change, len(p.Changes))
	for i, c := range p.Changes {
		changes[i] = c.Change
	}
	changed, err := reach.Apply(a, changes) // a copy, with every place that a change makes
	if err != nil {
		return nil, err
	}
	for _, d := range p.Documents {
		name := d.Policy.Kind + " of " + d.Policy.Owner
		if made := d.Policy.Policy(changed); made != nil {
			name = made.Name
		}
		policy, err := iam.Parse(name, d.After)
		if err != nil {
			return nil, fmt.Errorf("%s after the changes: %w", name, err)
		}
		if d.Emptied {
			policy.Faults = nil // no statement is what is meant
		}
		if err := reach.Replace(changed, d.Policy, policy); err != nil {
			return nil, err
		}
	}
	return changed, nil
}

// row is one line of the effect of a plan.
type row struct {
	key           string
	before, after int
}

// rows compare the summaries before and after. Where the question is about some principals,
// routes are left out: their status is about everybody.
func (out *Report) rows() []row {
	before, a := out.Summary, out.Plan.After
	var rows []row
	if len(out.Question.From) == 0 {
		rows = append(rows, row{"effect.open", before.Routes.Open, a.Routes.Open}, row{"effect.unknown", before.Routes.Unknown, a.Routes.Unknown})
	}
	return append(rows, []row{
		{"effect.certain", before.Certain, a.Certain},
		{"effect.possible", before.Possible, a.Possible},
		{"effect.notknown", before.Unknown, a.Unknown},
		{"effect.intended", before.Intended, a.Intended},
	}...)
}

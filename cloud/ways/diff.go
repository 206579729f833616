package ways

import (
	"cmp"
	"slices"
	"time"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
	"strongroom/cloud/reach"
)

// Diff is what has changed between two snapshots.
type Diff struct {
	Taken  *time.Time    `json:"taken,omitempty"` // of the earlier one
	Routes []RouteChange `json:"routes,omitempty"`
	// Opened: reached now, certainly or possibly, and not before. Closed: the other way
	// round, and known to be. Unknown: not known now, and known before. Changed: reached
	// before and now, but surer or less sure; or known now and not before, where it is closed.
	Opened  []FindingChange `json:"opened,omitempty"`
	Closed  []FindingChange `json:"closed,omitempty"`
	Unknown []FindingChange `json:"unknown,omitempty"`
	Changed []FindingChange `json:"changed,omitempty"`
}

// RouteChange is a route whose status changed.
type RouteChange struct {
	ID    string       `json:"id"`
	Group string       `json:"group"`
	Title reach.Text   `json:"title"`
	Then  reach.Status `json:"then"`
	Now   reach.Status `json:"now"`
}

// FindingChange is a principal and a right of which another thing is true now.
type FindingChange struct {
	Principal reach.Principal `json:"principal"`
	Right     reach.Right     `json:"right"`
	Then      reach.Certainty `json:"then"`
	Now       reach.Certainty `json:"now"`
	// Chain is how, now or before.
	Chain *reach.Chain `json:"chain,omitempty"`
	// Because is what of the chain one of the snapshots has and the other has not.
	Because []Cause `json:"because,omitempty"`
}

// Cause is one thing that changed. Kind: principal-new, principal-gone, statement-new,
// statement-gone, input-missing, untold.
type Cause struct {
	Kind string `json:"kind"`
	What string `json:"what,omitempty"` // an ARN, or the name of an input
	// Statement is of the two kinds about statements.
	Statement *reach.Because `json:"statement,omitempty"`
}

// Empty says whether nothing has changed.
func (d *Diff) Empty() bool {
	return len(d.Routes)+len(d.Opened)+len(d.Closed)+len(d.Unknown)+len(d.Changed) == 0
}

type diffPart struct {
	key  string
	list []FindingChange
}

func (d *Diff) parts() []diffPart {
	return []diffPart{{"diff.opened", d.Opened}, {"diff.closed", d.Closed}, {"diff.unknown", d.Unknown}, {"diff.changed", d.Changed}}
}

// Compare says what has changed from an earlier report and account to a later one.
func Compare(before, after *Report, then, now *account.Account) *Diff {
	d := &Diff{Taken: before.Taken}
	earlier, later := side{then, names(then)}, side{now, names(now)}
	status := map[string]reach.Status{}
	for _, g := range before.Groups {
		for _, r := range g.Routes {
			status[r.ID] = r.Status
		}
	}
	for _, g := range after.Groups {
		for _, r := range g.Routes {
			if was, there := status[r.ID]; there && was != r.Status {
				d.Routes = append(d.Routes, RouteChange{r.ID, r.Group, r.Title, was, r.Status})
			}
		}
	}
	type key struct {
		who   string
		right reach.Right
	}
	old, seen := map[key]reach.Certainty{}, map[key]bool{}
	before.each(func(f reach.Finding, _ reach.Chains) { old[key{f.Principal.ARN, f.Right}] = f.Certainty })
	missing := func() []Cause {
		was := map[string]bool{}
		for _, m := range before.Missing {
			was[m.Input+"\n"+m.Of+"\n"+m.Region] = true
		}
		var out []Cause
		for _, m := range after.Missing {
			if m.Decides && !was[m.Input+"\n"+m.Of+"\n"+m.Region] {
				out = append(out, Cause{Kind: "input-missing", What: m.Input})
			}
		}
		return out
	}()
	after.each(func(f reach.Finding, chains reach.Chains) {
		k := key{f.Principal.ARN, f.Right}
		seen[k] = true
		was := old[k]
		if was == f.Certainty {
			return
		}
		c := FindingChange{Principal: f.Principal, Right: f.Right, Then: was, Now: f.Certainty}
		if first := chains(1); len(first) > 0 {
			c.Chain = &first[0]
		}
		c.Because = causes(earlier, later, f.Principal, c.Chain, "new")
		switch {
		case f.Certainty == reach.Unknown:
			c.Because = append(c.Because, missing...)
			d.Unknown = append(d.Unknown, c.told())
		case was < reach.Possible:
			d.Opened = append(d.Opened, c.told())
		default:
			d.Changed = append(d.Changed, c.told())
		}
	})
	before.each(func(f reach.Finding, chains reach.Chains) {
		if seen[key{f.Principal.ARN, f.Right}] {
			return
		}
		c := FindingChange{Principal: f.Principal, Right: f.Right, Then: f.Certainty, Now: reach.No}
		if first := chains(1); len(first) > 0 {
			c.Chain = &first[0]
		}
		c.Because = causes(later, earlier, f.Principal, c.Chain, "gone")
		d.Closed = append(d.Closed, c.told())
	})
	for _, p := range d.parts() {
		slices.SortStableFunc(p.list, func(x, y FindingChange) int {
			return cmp.Or(-cmp.Compare(max(x.Then, x.Now), max(y.Then, y.Now)), cmp.Compare(x.Principal.ARN, y.Principal.ARN), cmp.Compare(x.Right.Target, y.Right.Target))
		})
	}
	return d
}

// told says that nothing was found to say, where nothing was.
func (c FindingChange) told() FindingChange {
	if len(c.Because) == 0 {
		c.Because = []Cause{{Kind: "untold"}}
	}
	return c
}

// side is one of the two accounts that are compared.
type side struct {
	*account.Account
	names map[string]bool
}

// causes are the parts of a chain that the account without it has not.
func causes(without, with side, p reach.Principal, c *reach.Chain, end string) []Cause {
	var out []Cause
	add := func(x Cause) {
		if !slices.ContainsFunc(out, func(y Cause) bool {
			return x.Kind == y.Kind && x.What == y.What && (x.Statement == nil) == (y.Statement == nil) &&
				(x.Statement == nil || x.Statement.Source == y.Statement.Source && x.Statement.Statement == y.Statement.Statement)
		}) {
			out = append(out, x)
		}
	}
	one := func(arn string) {
		if with.names[arn] && !without.names[arn] {
			add(Cause{Kind: "principal-" + end, What: arn})
		}
	}
	one(p.ARN)
	if c == nil {
		return out
	}
	for _, s := range c.Steps {
		one(s.From.ARN)
		one(s.To.ARN)
		one(s.Via)
		for _, act := range s.Actions {
			for _, b := range act.Because {
				if !stands(without.Account, with.Account, b) {
					add(Cause{Kind: "statement-" + end, What: b.Source.Owner, Statement: &b})
				}
			}
		}
	}
	return out
}

// names are the ARNs of what an account has: principals, groups, and what runs.
func names(a *account.Account) map[string]bool {
	out := map[string]bool{}
	for _, u := range a.Users {
		out[u.ARN] = true
	}
	for _, r := range a.Roles {
		out[r.ARN] = true
	}
	for _, g := range a.Groups {
		out[g.ARN] = true
	}
	for _, w := range a.Workloads {
		out[w.ARN] = true
	}
	return out
}

// stands says whether a statement of one account stands in the same policy of the other,
// wherever in it.
func stands(without, with *account.Account, b reach.Because) bool {
	have := b.Source.Policy(with)
	if have == nil {
		return true // nothing to compare
	}
	i := slices.IndexFunc(have.Statements, func(s iam.Statement) bool { return s.Index == b.Statement })
	if i < 0 {
		return true
	}
	other := b.Source.Policy(without)
	if other == nil {
		return false
	}
	return slices.ContainsFunc(other.Statements, func(s iam.Statement) bool { return equal(s, have.Statements[i]) })
}

// equal says whether two statements say the same, wherever they stand.
func equal(a, b iam.Statement) bool {
	return a.Allow == b.Allow && a.NotActions == b.NotActions && a.NotResources == b.NotResources &&
		slices.Equal(a.Actions, b.Actions) && slices.Equal(a.Resources, b.Resources) &&
		(a.Principals == nil) == (b.Principals == nil) &&
		(a.Principals == nil || a.Principals.Not == b.Principals.Not && slices.Equal(a.Principals.AWS, b.Principals.AWS) &&
			slices.Equal(a.Principals.Service, b.Principals.Service) && slices.Equal(a.Principals.Federated, b.Principals.Federated) &&
			slices.Equal(a.Principals.CanonicalUser, b.Principals.CanonicalUser)) &&
		slices.EqualFunc(a.Conditions, b.Conditions, func(x, y iam.Condition) bool {
			return x.Operator == y.Operator && x.Key == y.Key && slices.Equal(x.Values, y.Values)
		})
}

// cause says what changed.
func (s speaker) cause(c Cause, home string) string {
	switch c.Kind {
	case "principal-new":
		return s.T("diff.new", s.thing(c.What, home))
	case "principal-gone":
		return s.T("diff.gone", s.thing(c.What, home))
	case "statement-new":
		return s.T("diff.statement", s.because(*c.Statement))
	case "statement-gone":
		return s.T("diff.removed", s.because(*c.Statement))
	case "input-missing":
		return s.T("diff.input", printable(c.What))
	}
	return s.T("diff.untold")
}

package reach

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
)

// Policy is the policy that a source names, nil where the account holds none.
func (s Source) Policy(a *account.Account) *iam.Policy {
	if p := s.place(a); p != nil {
		return *p
	}
	return nil
}

// place is where a policy hangs in an account.
func (s Source) place(a *account.Account) **iam.Policy {
	inline := func(list []account.Attached) **iam.Policy {
		for i := range list {
			if list[i].Name == s.Name {
				return &list[i].Policy
			}
		}
		return nil
	}
	switch s.Kind {
	case "user-inline":
		for _, u := range a.Users {
			if u.ARN == s.Owner {
				return inline(u.Inline)
			}
		}
	case "role-inline", "trust":
		for _, r := range a.Roles {
			if r.ARN != s.Owner {
				continue
			}
			if s.Kind == "trust" {
				return &r.Trust
			}
			return inline(r.Inline)
		}
	case "group-inline":
		for _, g := range a.Groups {
			if g.ARN == s.Owner {
				return inline(g.Inline)
			}
		}
	case "managed", "boundary":
		for _, m := range a.Managed {
			if m.ARN == s.Owner {
				return &m.Policy
			}
		}
	case "bucket":
		for _, b := range a.Buckets {
			if b.ARN == s.Owner {
				return &b.Policy.V
			}
		}
	case "access-point":
		for _, p := range a.AccessPoints {
			if p.ARN == s.Owner {
				return &p.Policy.V
			}
		}
	case "key":
		for _, k := range a.Keys {
			if k.ARN == s.Owner {
				return &k.Policy.V
			}
		}
	case "scp", "rcp":
		if o := a.Organization.V; o != nil {
			for i := range o.Levels {
				list := o.Levels[i].SCPs.V
				if s.Kind == "rcp" {
					list = o.Levels[i].RCPs.V
				}
				for j := range list {
					if list[j].ARN == s.Owner {
						return &list[j].Policy
					}
				}
			}
		}
	}
	return nil
}

// Replace puts another document in a policy's place, and wherever the policy is attached. The
// account is written to: it is one that Apply made.
func Replace(a *account.Account, s Source, p *iam.Policy) error {
	at := s.place(a)
	if at == nil {
		return fmt.Errorf("the account has no %s of %s", s.Kind, s.Owner)
	}
	*at = p
	spread(a, s, p)
	return nil
}

// Apply is the account as it is after changes. The account itself stays as it is. An error
// says which change does not fit it.
func Apply(a *account.Account, changes []Change) (*account.Account, error) {
	c := copyAccount(a)
	// Statements are taken out last, from the end, so that indexes stay what they were.
	gone := map[Source]map[int]bool{}
	for _, ch := range changes {
		if ch.Op == Set {
			if err := c.set(ch); err != nil {
				return nil, err
			}
			continue
		}
		p := ch.Policy.place(&c.Account)
		if p == nil && ch.Op == AddDeny {
			p = c.inline(ch.Policy)
		}
		if p == nil {
			return nil, fmt.Errorf("change %s: the account has no %s of %s", ch.ID, ch.Policy.Kind, ch.Policy.Owner)
		}
		old := *p
		if old == nil {
			old = &iam.Policy{Name: ch.Policy.Kind + " " + ch.Policy.Owner, Version: "2012-10-17"}
		}
		n := *old
		n.Document = nil
		n.Statements = slices.Clone(old.Statements)
		at := func() (*iam.Statement, error) {
			i := slices.IndexFunc(n.Statements, func(s iam.Statement) bool { return s.Index == ch.Statement })
			if i < 0 {
				return nil, fmt.Errorf("change %s: %s has no statement %d", ch.ID, n.Name, ch.Statement)
			}
			return &n.Statements[i], nil
		}
		switch ch.Op {
		case AddDeny:
			doc := append(append([]byte(`{"Version":"2012-10-17","Statement":[`), ch.Document...), "]}"...)
			d, err := iam.Parse(n.Name, doc)
			if err != nil || len(d.Statements) != 1 {
				return nil, fmt.Errorf("change %s: what it adds is no statement: %w", ch.ID, err)
			}
			s := d.Statements[0]
			for _, x := range n.Statements {
				s.Index = max(s.Index, x.Index+1)
			}
			n.Statements = append(n.Statements, s)
		case RemoveActions:
			s, err := at()
			if err != nil {
				return nil, err
			}
			s.Actions = slices.DeleteFunc(slices.Clone(s.Actions), func(x string) bool {
				return slices.ContainsFunc(ch.Actions, func(y string) bool { return strings.EqualFold(x, y) })
			})
			if len(s.Actions) == 0 {
				mark(gone, ch)
			}
		case RemoveStatement:
			if _, err := at(); err != nil {
				return nil, err
			}
			mark(gone, ch)
		case TightenTrust, RemovePrincipals:
			s, err := at()
			if err != nil {
				return nil, err
			}
			if s.Principals == nil {
				return nil, fmt.Errorf("change %s: statement %d of %s names nobody", ch.ID, ch.Statement, n.Name)
			}
			who := *s.Principals
			out := func(list []string) []string {
				return slices.DeleteFunc(slices.Clone(list), func(x string) bool { return slices.Contains(ch.Principals, x) })
			}
			who.AWS, who.Federated, who.Service = out(who.AWS), out(who.Federated), out(who.Service)
			who.Anyone = slices.Contains(who.AWS, "*")
			s.Principals = &who
			if len(who.AWS)+len(who.Federated)+len(who.Service)+len(who.CanonicalUser) == 0 {
				mark(gone, ch)
			}
		default:
			return nil, fmt.Errorf("change %s: %q is no change that is known", ch.ID, ch.Op)
		}
		*p = &n
		spread(&c.Account, ch.Policy, &n)
	}
	for _, s := range slices.SortedFunc(maps.Keys(gone), func(x, y Source) int { return strings.Compare(x.Kind+x.Owner+x.Name, y.Kind+y.Owner+y.Name) }) {
		p := s.place(&c.Account)
		n := **p
		n.Statements = slices.DeleteFunc(slices.Clone(n.Statements), func(x iam.Statement) bool { return gone[s][x.Index] })
		*p = &n
		spread(&c.Account, s, &n)
	}
	return &c.Account, nil
}

func mark(gone map[Source]map[int]bool, c Change) {
	if gone[c.Policy] == nil {
		gone[c.Policy] = map[int]bool{}
	}
	gone[c.Policy][c.Statement] = true
}

// copied is an account that changes may write to.
type copied struct{ account.Account }

func copyAccount(a *account.Account) *copied {
	c := &copied{*a}
	each := func(i *account.Identity) {
		i.Inline, i.Attached = slices.Clone(i.Inline), slices.Clone(i.Attached)
		if i.Boundary != nil {
			b := *i.Boundary
			i.Boundary = &b
		}
	}
	groups := map[*account.Group]*account.Group{}
	c.Groups = fresh(a.Groups)
	for i, g := range c.Groups {
		g.Inline, g.Attached = slices.Clone(g.Inline), slices.Clone(g.Attached)
		groups[a.Groups[i]] = g
	}
	c.Users = fresh(a.Users)
	for _, u := range c.Users {
		each(&u.Identity)
		u.Groups = slices.Clone(u.Groups)
		for i, g := range u.Groups {
			if n := groups[g]; n != nil {
				u.Groups[i] = n
			}
		}
	}
	c.Roles = fresh(a.Roles)
	for _, r := range c.Roles {
		each(&r.Identity)
	}
	c.Managed, c.Buckets, c.Keys, c.Workloads, c.SecurityGroups = fresh(a.Managed), fresh(a.Buckets), fresh(a.Keys), fresh(a.Workloads), fresh(a.SecurityGroups)
	for _, m := range c.Managed {
		m.Versions = slices.Clone(m.Versions)
	}
	c.AccessPoints = fresh(a.AccessPoints)
	if o := a.Organization.V; o != nil {
		n := *o
		n.Levels = slices.Clone(o.Levels)
		for i := range n.Levels {
			l := &n.Levels[i]
			l.SCPs.V, l.RCPs.V = slices.Clone(l.SCPs.V), slices.Clone(l.RCPs.V)
		}
		c.Organization.V = &n
	}
	c.SerialConsole = maps.Clone(a.SerialConsole)
	return c
}

// fresh copies what a list points at.
func fresh[T any](list []*T) []*T {
	out := make([]*T, len(list))
	for i, p := range list {
		n := *p
		out[i] = &n
	}
	return out
}

// inline makes an inline policy where there is none yet; a bucket without a policy gets one.
func (c *copied) inline(s Source) **iam.Policy {
	made := account.Attached{Name: s.Name, Policy: &iam.Policy{Name: s.Name + " of " + s.Owner, Version: "2012-10-17"}}
	switch s.Kind {
	case "user-inline":
		for _, u := range c.Users {
			if u.ARN == s.Owner {
				u.Inline = append(u.Inline, made)
				return &u.Inline[len(u.Inline)-1].Policy
			}
		}
	case "role-inline":
		for _, r := range c.Roles {
			if r.ARN == s.Owner {
				r.Inline = append(r.Inline, made)
				return &r.Inline[len(r.Inline)-1].Policy
			}
		}
	}
	return nil
}

// spread puts a managed policy's new document wherever it is attached.
func spread(c *account.Account, s Source, p *iam.Policy) {
	switch s.Kind {
	case "bucket":
		for _, b := range c.Buckets {
			if b.ARN == s.Owner {
				b.Policy.Known = true
			}
		}
	case "managed", "boundary":
		to := func(list []account.Attached) {
			for i := range list {
				if list[i].ARN == s.Owner {
					list[i].Policy = p
				}
			}
		}
		each := func(i *account.Identity) {
			to(i.Attached)
			if i.Boundary != nil && i.Boundary.ARN == s.Owner {
				i.Boundary.Policy = p
			}
		}
		for _, u := range c.Users {
			each(&u.Identity)
		}
		for _, r := range c.Roles {
			each(&r.Identity)
		}
		for _, g := range c.Groups {
			to(g.Attached)
		}
		for _, m := range c.Managed {
			for i := range m.Versions {
				if m.ARN == s.Owner && (m.Versions[i].Default || m.Versions[i].ID == m.Default) {
					m.Versions[i].Policy = p
				}
			}
		}
	}
}

// set changes a setting.
func (c *copied) set(ch Change) error {
	for _, w := range c.Workloads {
		if w.ARN != ch.Target || w.Instance == nil {
			continue
		}
		in := *w.Instance
		switch ch.Setting {
		case "imdsv2":
			in.MetadataV1 = account.Is(false)
			w.Instance = &in
			return nil
		case "ingress-22", "ingress-3389":
			port := 22
			if ch.Setting == "ingress-3389" {
				port = 3389
			}
			for _, g := range c.SecurityGroups {
				if !slices.Contains(in.SecurityGroups, g.ID) {
					continue
				}
				g.Ingress = slices.Clone(g.Ingress)
				for i := range g.Ingress {
					x := &g.Ingress[i]
					if x.Protocol == "-1" || x.Protocol == "tcp" && x.From <= port && port <= x.To {
						x.CIDRs = slices.DeleteFunc(slices.Clone(x.CIDRs), func(s string) bool { return s == "0.0.0.0/0" || s == "::/0" })
					}
				}
			}
			return nil
		}
	}
	return fmt.Errorf("change %s: the account has no %s to set on %s", ch.ID, ch.Setting, ch.Target)
}

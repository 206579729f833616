package trail

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
)

// Options say how a proposal is made.
type Options struct {
	// Exact keeps the very resources that were used. Otherwise an object stands for its
	// bucket's objects, and ids that AWS makes up anew (of instances, volumes, tasks) for
	// all of their type, as far as the present policy grants these.
	Exact bool
	// Complete says that the trail has every data event: what is not in it was not used.
	// Otherwise rights whose use it would not show are kept as they are granted.
	Complete bool
}

// Proposal is policies for one principal that are enough for everything it used, in the
// place of those it has.
type Proposal struct {
	Principal string `json:"principal"`
	Kind      string `json:"kind"`
	// Nothing says why nothing is proposed.
	Nothing *Text `json:"nothing,omitempty"`

	Policies []Policy `json:"policies"`
	// Replaces are the policies whose place they take: inline ones to delete, managed ones
	// to detach, groups to leave. Stays are those that are left, since nobody knows what
	// they say.
	Replaces []Source `json:"replaces"`
	Stays    []Source `json:"stays,omitempty"`

	GrantedBefore int `json:"grantedBefore"` // actions, as in a report
	GrantedAfter  int `json:"grantedAfter"`
	// Unlogged are the actions that are kept since the trail would not show their use.
	Unlogged []string `json:"unlogged,omitempty"`
	Notes    []Text   `json:"notes,omitempty"`

	// Replayed is what deciding every event again under the proposal came to.
	Replayed *Replayed `json:"replayed,omitempty"`

	h        *holder
	compiled []*iam.Compiled
}

// Policy is one document, of a size that AWS takes for a managed policy.
type Policy struct {
	Name     string   `json:"name"`
	Document Document `json:"document"`
}

// Document is a policy as AWS writes it.
type Document struct {
	Version   string      `json:"Version"`
	Statement []Statement `json:"Statement"`
}

// Statement is one statement of it.
type Statement struct {
	Sid         string                         `json:"Sid,omitempty"`
	Effect      string                         `json:"Effect"`
	Action      []string                       `json:"Action,omitempty"`
	NotAction   []string                       `json:"NotAction,omitempty"`
	Resource    []string                       `json:"Resource,omitempty"`
	NotResource []string                       `json:"NotResource,omitempty"`
	Condition   map[string]map[string][]string `json:"Condition,omitempty"`
}

// Limits of AWS (IAM User Guide, "IAM and AWS STS quotas"): characters of a managed policy
// without white space, and managed policies of one principal unless more were asked for.
const (
	mostCharacters = 6144
	mostAttached   = 10
)

// Propose makes a proposal for one principal of the account: an ARN.
func (s *Survey) Propose(arn string, o Options) (*Proposal, error) {
	h := s.holders[arn]
	if h == nil {
		return nil, fmt.Errorf("%s is no user or role of the account's files", arn)
	}
	p := &Proposal{Principal: arn, Kind: h.kind, h: h, Policies: []Policy{}, Replaces: []Source{}}
	for _, src := range h.sources {
		if src.Whole {
			p.Replaces = append(p.Replaces, src)
		} else {
			p.Stays = append(p.Stays, src)
		}
	}
	var why Text
	switch {
	case h.linked:
		why = both("it is a service-linked role: only its service can change it", "c’est un rôle lié à un service : seul ce service peut le modifier")
	case len(h.own.Unknown) > 0:
		unknown := strings.Join(h.own.Unknown, "; ")
		why = both("what it has is not known: "+unknown, "ce qu’il a n’est pas connu : "+unknown)
	case len(p.Replaces) == 0 && len(p.Stays) > 0:
		why = both("none of its policies could be read", "aucune de ses politiques n’a pu être lue")
	case len(p.Replaces) == 0:
		why = both("it has no policies", "il n’a aucune politique")
	case s.first.IsZero():
		why = both("the trail has no events", "le journal n’a aucun événement")
	}
	if why.EN != "" {
		p.Nothing = &why
		return p, nil
	}
	var statements []Statement
	unlogged := map[string]bool{}
	for _, policy := range h.policies {
		for _, st := range policy.Statements() {
			statements = append(statements, s.narrow(h, policy, st, o, unlogged)...)
		}
	}
	for a := range unlogged {
		p.Unlogged = append(p.Unlogged, a)
	}
	slices.Sort(p.Unlogged)
	statements = distinct(statements)
	p.Policies = pack(h.kind+"-"+h.own.Name, statements)
	if n := len(p.Policies); n > mostAttached {
		p.Notes = append(p.Notes, say("%d documents are more than the %d managed policies that AWS lets one principal have at first: leave out --exact, or ask AWS for more", "%d documents dépassent les %d politiques gérées qu’AWS accorde d’abord à une identité : omettez --exact, ou demandez-en plus à AWS", n, mostAttached))
	}
	if len(h.uses) == 0 {
		p.Notes = append(p.Notes, both("it used nothing in the window: it may not be needed at all", "il n’a rien utilisé dans la fenêtre : peut-être est-il inutile"))
	}
	if len(p.Unlogged) > 0 {
		p.Notes = append(p.Notes, say("%d rights are kept as they are granted, since the trail would not show their use; with --complete they go where it shows none", "%d droits sont gardés tels qu’accordés, car le journal ne montrerait pas leur usage ; avec --complete ils disparaissent là où il n’en montre aucun", len(p.Unlogged)))
	}
	if len(h.beside) > 0 {
		p.Notes = append(p.Notes, say("%d rights that it used are not allowed by its policies as they are now (a resource's policy may, or they have changed), and are not added", "%d droits qu’il a utilisés ne sont pas accordés par ses politiques actuelles (la politique d’une ressource le fait peut-être, ou elles ont changé), et ne sont pas ajoutés", len(h.beside)))
	}
	if len(p.Stays) > 0 {
		p.Notes = append(p.Notes, both("what nobody could read is left as it is", "ce que personne n’a pu lire reste tel quel"))
	}
	for _, src := range p.Replaces {
		if src.From != "" {
			p.Notes = append(p.Notes, both("rights that come from groups are given directly: it leaves the groups", "les droits venus de groupes sont donnés directement : il quitte les groupes"))
			break
		}
	}
	for _, doc := range p.Policies {
		b, err := json.Marshal(doc.Document)
		if err != nil {
			return nil, err
		}
		parsed, err := iam.Parse(doc.Name, b)
		if err != nil {
			return nil, err
		}
		c := iam.Compile(parsed)
		if len(c.Faults) > 0 {
			return nil, fmt.Errorf("the proposed policy has faults: %v", c.Faults[0])
		}
		p.compiled = append(p.compiled, c)
	}
	g := &granter{map[*iam.Compound]actionSet{}, map[*iam.Policy]*iam.Compiled{}}
	before := g.holderGrants(h)
	after := g.holderGrants(&holder{policies: p.compiled, boundary: h.boundary})
	for i := range catalogued().actions {
		if before.has(i) {
			p.GrantedBefore++
		}
		if after.has(i) {
			p.GrantedAfter++
		}
	}
	return p, nil
}

// narrow is what of a statement has to stay.
func (s *Survey) narrow(h *holder, policy *iam.Compiled, st *iam.Compound, o Options, unlogged map[string]bool) []Statement {
	whole := written(st.Statement, policy.Version)
	if !st.Allow {
		return []Statement{whole}
	}
	used := h.kept[st]
	var out []Statement
	var keep []string
	if !o.Complete {
		s.hidden(st, func(row string, numbers []int, all bool) {
			if all {
				keep = append(keep, row)
			}
			for _, i := range numbers {
				name := catalogued().actions[i].Name
				unlogged[name] = true
				if !all {
					keep = append(keep, name)
				}
			}
		})
	}
	if len(keep) > 0 {
		one := whole
		one.Action, one.NotAction = keep, nil
		out = append(out, one)
	}
	byResources := map[string]*Statement{}
	var order []string
	actions := make([]string, 0, len(used))
	for a := range used {
		actions = append(actions, a)
	}
	slices.Sort(actions)
	for _, action := range actions {
		if slices.ContainsFunc(keep, func(k string) bool { return iam.ActionPattern(k).Match(strings.ToLower(action)) }) {
			continue // it stays on all that is granted
		}
		one := whole
		one.NotAction = nil
		if r := used[action]; !r.unknown {
			if list, ok := generalised(st, r, o.Exact); ok {
				one.Resource, one.NotResource = list, nil
			}
		}
		key := strings.Join(one.Resource, "\x00")
		if at := byResources[key]; at != nil {
			at.Action = append(at.Action, action)
			continue
		}
		one.Action = []string{action}
		byResources[key] = &one
		order = append(order, key)
	}
	slices.Sort(order)
	for _, key := range order {
		out = append(out, *byResources[key])
	}
	return out
}

// hidden tells the actions of a statement whose use the trail would not show: for each row of
// the table of data events, the numbers of those that the statement has, and whether these
// are all that the row stands for.
func (s *Survey) hidden(st *iam.Compound, tell func(row string, numbers []int, all bool)) {
	c := catalogued()
	for _, row := range actions().DataEvents {
		svc, _, _ := strings.Cut(row, ":")
		if s.logged(st, svc) {
			continue
		}
		var some []int
		for _, i := range c.data[row] {
			if st.Concerns(c.lower[i]) {
				some = append(some, i)
			}
		}
		if len(some) > 0 {
			tell(row, some, len(some) == len(c.data[row]))
		}
	}
}

// logged says whether the trail has the data events of all that a statement grants of a
// service: of S3, where each bucket that it names has some.
func (s *Survey) logged(st *iam.Compound, svc string) bool {
	if svc != "s3" || st.NotResources {
		return false
	}
	named := false
	for _, r := range st.Resources {
		a, ok := iam.ParseARN(r)
		if !ok {
			return false
		}
		if a.Service != "s3" && !strings.ContainsAny(a.Service, "*?") {
			continue
		}
		bucket, _, _ := strings.Cut(a.Resource, "/")
		if !s.dataOf[bucket] {
			return false
		}
		named = true
	}
	return named
}

// changing are resources whose ids AWS makes up anew, so that those of the window will not
// come again: type and how many parts of the name behind it stay.
var changing = []struct{ service, kind string }{
	{"ec2", "instance"}, {"ec2", "volume"}, {"ec2", "snapshot"}, {"ec2", "network-interface"}, {"ec2", "subnet"}, {"ec2", "vpc"}, {"ec2", "security-group"}, {"ec2", "image"}, {"ec2", "natgateway"}, {"ec2", "route-table"}, {"ec2", "internet-gateway"},
	{"ecs", "task"}, {"batch", "job"}, {"states", "execution"}, {"codebuild", "build"}, {"ssm", "session"},
}

// wider is the resource that stands for one: an object's bucket's objects, all of a type
// whose ids change.
func wider(arn string) string {
	a, ok := iam.ParseARN(arn)
	if !ok {
		return arn
	}
	prefix := strings.TrimSuffix(arn, a.Resource)
	if a.Service == "s3" && a.Account == "" {
		if bucket, _, object := strings.Cut(a.Resource, "/"); object {
			return prefix + bucket + "/*"
		}
		return arn
	}
	for _, c := range changing {
		if c.service != a.Service {
			continue
		}
		for _, end := range []string{"/", ":"} {
			if rest, ok := strings.CutPrefix(a.Resource, c.kind+end); ok {
				if i := strings.LastIndexAny(rest, "/:"); i >= 0 {
					return prefix + c.kind + end + rest[:i+1] + "*" // of a cluster, of a state machine
				}
				return prefix + c.kind + end + "*"
			}
		}
	}
	return arn
}

// literal writes an ARN so that nothing in it is a wildcard or a variable, but for the
// wildcards of a set that stands for a resource.
func literal(arn string) string {
	if strings.HasSuffix(arn, "-??????") || strings.HasSuffix(arn, "/*") && strings.Contains(arn, ":cloudformation:") {
		return arn
	}
	return strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}").Replace(arn)
}

// generalised are the resources to keep of a statement for those that were used: none that
// the statement does not grant. Not ok: all that the statement has.
func generalised(st *iam.Compound, used *resources, exact bool) ([]string, bool) {
	if st.NotResources && used.more {
		return nil, false
	}
	variable := slices.ContainsFunc(st.Resources, func(r string) bool { return strings.Contains(r, "${") })
	if variable {
		return nil, false // ${aws:username} is as narrow as it gets
	}
	var granted []iam.Pattern
	for _, r := range st.Resources {
		granted = append(granted, iam.ResourcePattern(r))
	}
	set := iam.Of(granted...)
	if st.NotResources {
		set = iam.Everything().Minus(set)
	}
	var out []string
	add := func(r string) {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	for _, arn := range used.list() {
		if arn == "*" {
			return []string{"*"}, slices.Contains(st.Resources, "*") && !st.NotResources
		}
		if used.more && wider(arn) == arn {
			return nil, false
		}
		if exact && !used.more {
			add(literal(arn))
			continue
		}
		w := wider(arn)
		if w == arn {
			add(literal(arn))
			continue
		}
		wide := iam.Of(iam.ResourcePattern(w))
		if set.Includes(wide) == iam.Yes {
			add(w)
			continue
		}
		// A part of it is granted: as the policy writes it.
		found := false
		for i, g := range granted {
			if !st.NotResources && g.Match(arn) && wide.Includes(iam.Of(g)) == iam.Yes {
				add(st.Resources[i])
				found = true
				break
			}
		}
		switch {
		case found:
		case used.more:
			return nil, false
		default:
			add(literal(arn))
		}
	}
	slices.Sort(out)
	return out, len(out) > 0
}

// written is a statement as a document of the present version has it.
func written(st *iam.Statement, version string) Statement {
	plain := func(list []string) []string {
		out := slices.Clone(list)
		if version != "2012-10-17" { // which knows no variables
			for i, v := range out {
				out[i] = strings.ReplaceAll(v, "${", "${$}{")
			}
		}
		return out
	}
	out := Statement{Sid: st.Sid, Effect: "Deny"}
	if st.Allow {
		out.Effect = "Allow"
	}
	if st.NotActions {
		out.NotAction = slices.Clone(st.Actions)
	} else {
		out.Action = slices.Clone(st.Actions)
	}
	if st.NotResources {
		out.NotResource = plain(st.Resources)
	} else {
		out.Resource = plain(st.Resources)
	}
	for _, c := range st.Conditions {
		if out.Condition == nil {
			out.Condition = map[string]map[string][]string{}
		}
		if out.Condition[c.Operator] == nil {
			out.Condition[c.Operator] = map[string][]string{}
		}
		out.Condition[c.Operator][c.Key] = plain(c.Values)
	}
	return out
}

// distinct leaves out statements that say what another says, and makes Sids differ.
func distinct(list []Statement) []Statement {
	var out []Statement
	seen := map[string]bool{}
	sids := map[string]int{}
	for _, s := range list {
		sid := s.Sid
		s.Sid = ""
		b, _ := json.Marshal(s) // strings only
		if seen[string(b)] {
			continue
		}
		seen[string(b)] = true
		if sid != "" {
			if sids[sid]++; sids[sid] > 1 {
				sid = fmt.Sprintf("%s%d", sid, sids[sid])
			}
		}
		s.Sid = sid
		out = append(out, s)
	}
	return out
}

// characters counts as AWS does: without white space.
func characters(s Statement) int {
	b, _ := json.Marshal(s)
	return len([]rune(string(b)))
}

// pack puts statements into documents that AWS takes.
func pack(name string, statements []Statement) []Policy {
	const frame = 50 // of the document around them
	var small []Statement
	for _, s := range statements {
		// One that is too large by itself is cut by its resources, then by its actions.
		for characters(s)+frame > mostCharacters {
			head := s
			cut := 0
			switch {
			case len(s.Resource) > 1:
				cut = len(s.Resource) / 2
				head.Resource, s.Resource = s.Resource[:cut], s.Resource[cut:]
			case len(s.Action) > 1:
				cut = len(s.Action) / 2
				head.Action, s.Action = s.Action[:cut], s.Action[cut:]
			}
			if cut == 0 {
				break
			}
			if s.Sid != "" {
				head.Sid = "" // the rest keeps it
			}
			small = append(small, pieces(head)...)
		}
		small = append(small, s)
	}
	var out []Policy
	size := 0
	for _, s := range small {
		n := characters(s) + 1
		if len(out) == 0 || size+n > mostCharacters {
			out = append(out, Policy{Name: fmt.Sprintf("%s-used-%d", name, len(out)+1), Document: Document{Version: "2012-10-17"}})
			size = frame
		}
		d := &out[len(out)-1].Document
		d.Statement = append(d.Statement, s)
		size += n
	}
	return out
}

// pieces cuts a statement in halves until each fits.
func pieces(s Statement) []Statement {
	if characters(s)+50 <= mostCharacters || len(s.Resource) < 2 && len(s.Action) < 2 {
		return []Statement{s}
	}
	a, b := s, s
	if n := len(s.Resource); n > 1 {
		a.Resource, b.Resource = s.Resource[:n/2], s.Resource[n/2:]
	} else {
		n = len(s.Action)
		a.Action, b.Action = s.Action[:n/2], s.Action[n/2:]
	}
	return append(pieces(a), pieces(b)...)
}

// Present is the policies that the proposal replaces, as text, and Proposed those that it
// puts in their place: for a comparison by lines.
func (p *Proposal) Present() string {
	var out bytes.Buffer
	for _, src := range p.Replaces {
		d := Document{Version: "2012-10-17"}
		for i := range src.policy.Statements {
			d.Statement = append(d.Statement, written(&src.policy.Statements[i], src.policy.Version))
		}
		text(&out, src.String(), d)
	}
	return out.String()
}

func (p *Proposal) Proposed() string {
	var out bytes.Buffer
	for _, doc := range p.Policies {
		text(&out, "managed policy "+doc.Name, doc.Document)
	}
	return out.String()
}

func text(out *bytes.Buffer, name string, d Document) {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	out.WriteString(name + "\n")
	_ = e.Encode(d)
}

// Terraform is the proposal as Terraform text: the policies, attached.
func (p *Proposal) Terraform() string {
	var out strings.Builder
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, p.Kind+"_"+p.h.own.Name)
	for _, src := range p.Replaces {
		what := "delete"
		switch {
		case src.From != "":
			what = "leave group " + src.From + ", which gives it"
		case src.ARN != "":
			what = "detach"
		}
		fmt.Fprintf(&out, "# %s: %s %s\n", strings.ReplaceAll(p.Principal, "\n", " "), what, strings.ReplaceAll(src.Name, "\n", " "))
	}
	for i, doc := range p.Policies {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		_ = e.Encode(doc.Document)
		body := strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strings.TrimSpace(b.String()))
		id := fmt.Sprintf("%s_used_%d", name, i+1)
		fmt.Fprintf(&out, "\nresource \"aws_iam_policy\" %q {\n  name   = %q\n  policy = <<-EOT\n%s\n  EOT\n}\n", id, doc.Name, indent(body, "    "))
		fmt.Fprintf(&out, "\nresource \"aws_iam_%s_policy_attachment\" %q {\n  %s = %q\n  policy_arn = aws_iam_policy.%s.arn\n}\n", p.Kind, id, fmt.Sprintf("%-10s", p.Kind), p.h.own.Name, id)
	}
	return out.String()
}

func indent(s, by string) string { return by + strings.ReplaceAll(s, "\n", "\n"+by) }

// On is the account as it would be with the proposals in force: what they replace is gone.
func On(a *account.Account, proposals []*Proposal) *account.Account {
	out := *a
	out.Managed = slices.Clone(a.Managed)
	by := map[string]*Proposal{}
	for _, p := range proposals {
		if p.Nothing == nil {
			by[p.Principal] = p
		}
	}
	change := func(id account.Identity) account.Identity {
		p := by[id.ARN]
		stays := func(list []account.Attached) []account.Attached {
			return slices.DeleteFunc(slices.Clone(list), func(at account.Attached) bool {
				return !slices.ContainsFunc(p.Stays, func(s Source) bool { return s.From == "" && s.Name == at.Name && s.ARN == at.ARN })
			})
		}
		id.Inline, id.Attached = stays(id.Inline), stays(id.Attached)
		for i, c := range p.compiled {
			m := &account.Managed{ARN: strings.SplitN(id.ARN, ":"+p.Kind+"/", 2)[0] + ":policy/" + p.Policies[i].Name, Name: p.Policies[i].Name, Path: "/", Default: "v1", Policy: c.Policy}
			m.Versions = []account.Version{{ID: "v1", Default: true, Policy: c.Policy}}
			out.Managed = append(out.Managed, m)
			id.Attached = append(id.Attached, account.Attached{Name: m.Name, ARN: m.ARN, Policy: c.Policy})
		}
		return id
	}
	out.Users = slices.Clone(a.Users)
	for i, u := range out.Users {
		if p := by[u.ARN]; p != nil {
			c := *u
			c.Identity = change(u.Identity)
			c.Groups = slices.DeleteFunc(slices.Clone(u.Groups), func(g *account.Group) bool {
				return !slices.ContainsFunc(p.Stays, func(s Source) bool { return s.From == g.Name })
			})
			out.Users[i] = &c
		}
	}
	out.Roles = slices.Clone(a.Roles)
	for i, r := range out.Roles {
		if by[r.ARN] != nil {
			c := *r
			c.Identity = change(r.Identity)
			out.Roles[i] = &c
		}
	}
	slices.SortFunc(out.Managed, func(x, y *account.Managed) int { return strings.Compare(x.ARN, y.ARN) })
	return &out
}

package reach

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
)

const (
	// DefaultBudget is how long Close searches for a smallest set.
	DefaultBudget = 10 * time.Second

	closingChains = maxChains // of each finding, in the runs of a search
	closingRounds = 60        // runs at most
	closingMost   = 20_000    // findings
	denyName      = "closed-ways"
)

// closer searches for changes that close findings.
type closer struct {
	a       *account.Account
	q       Question
	rules   *Rules
	changes map[string]Change
	chains  []closing
	known   map[string]int
	left    map[string]Left
	budget  time.Time
	proven  bool
	base    []Finding // the intended paths before
}

// closing is a chain and the changes each of which breaks it.
type closing struct {
	finding Finding
	options []string
	replica bool // no policy lets it: S3 replicates
}

// Close finds changes that close every open way of a result (certain and possible), except
// those that no change of a policy in the account closes: root users' and administrators'.
// No intended path breaks by them. It is told how long to look for a smallest set.
//
// Each set of changes is tried by a new analysis of the changed account; the chains that are
// still there are the next search's. So a set that is answered has been seen to close what
// it closes, and each change in it is the only one that breaks some chain.
func Close(a *account.Account, res *Result, budget time.Duration) (*Plan, error) {
	if budget <= 0 {
		budget = DefaultBudget
	}
	if res.found > closingMost {
		return nil, fmt.Errorf("%d ways are more than can be closed at once (%d): ask about fewer buckets, or about some principals", res.found, closingMost)
	}
	q := res.Question
	q.Progress, q.Chains = nil, closingChains
	c := &closer{a: a, q: q, rules: res.engine.rules, changes: map[string]Change{}, known: map[string]int{}, left: map[string]Left{}, budget: time.Now().Add(budget), proven: true, base: res.Intended}
	now, err := AnalyzeWith(a, q, c.rules)
	if err != nil {
		return nil, err
	}
	var chosen []string
	for round := 0; ; round++ {
		fresh := c.learn(now, chosen)
		if res.Question.Progress != nil {
			res.Question.Progress(Progress{"closing", round + 1, closingRounds})
		}
		if !fresh {
			break
		}
		if round == closingRounds || time.Now().After(c.budget.Add(2*budget)) {
			c.giveUp(now)
			c.proven = false
			break
		}
		chosen = c.solve()
		changed, err := Apply(a, c.list(chosen))
		if err != nil {
			return nil, err
		}
		if now, err = AnalyzeWith(changed, q, c.rules); err != nil {
			return nil, err
		}
		if broken := c.breaks(now); broken {
			c.forbid(chosen)
			chosen = nil
			if now, err = AnalyzeWith(a, q, c.rules); err != nil {
				return nil, err
			}
		}
	}
	plan := &Plan{Irredundant: true, Smallest: c.proven, Considered: len(c.changes)}
	for _, id := range chosen {
		ch := c.changes[id]
		closes := map[string]bool{}
		for _, k := range c.chains {
			if slices.Contains(k.options, id) {
				closes[findingKey(k.finding)] = true
			}
		}
		ch.Closes = len(closes)
		plan.Changes = append(plan.Changes, ch)
	}
	slices.SortStableFunc(plan.Changes, func(x, y Change) int { return cmp.Or(-cmp.Compare(x.Closes, y.Closes), cmp.Compare(x.ID, y.ID)) })
	for _, k := range slices.Sorted(maps.Keys(c.left)) {
		plan.Left = append(plan.Left, c.left[k])
	}
	return plan, nil
}

func findingKey(f Finding) string {
	return f.Principal.ARN + "|" + string(f.Right.Kind) + "|" + f.Right.Target
}

func (c *closer) list(ids []string) []Change {
	out := make([]Change, len(ids))
	for i, id := range ids {
		out[i] = c.changes[id]
	}
	return out
}

// breaks says whether an intended path is no longer what it was.
func (c *closer) breaks(now *Result) bool {
	for _, f := range c.base {
		if !slices.ContainsFunc(now.Intended, func(g Finding) bool { return findingKey(g) == findingKey(f) && g.Certainty >= f.Certainty }) {
			return true
		}
	}
	return false
}

// forbid takes changes out of the search that together broke an intended path.
func (c *closer) forbid(ids []string) {
	for _, id := range ids {
		changed, err := Apply(c.a, c.list([]string{id}))
		if err != nil {
			continue
		}
		if now, err := AnalyzeWith(changed, c.q, c.rules); err == nil && c.breaks(now) {
			delete(c.changes, id)
			for i := range c.chains {
				c.chains[i].options = slices.DeleteFunc(c.chains[i].options, func(o string) bool { return o == id })
			}
		}
	}
}

// learn adds the chains of what is still open. False: nothing is.
func (c *closer) learn(now *Result, chosen []string) bool {
	fresh := false
	for _, f := range now.Findings {
		if f.Certainty < Possible {
			continue
		}
		if why, no := unclosable(now, f); no {
			c.left[findingKey(f)] = Left{Principal: f.Principal.ARN, Right: f.Right, Why: why}
			continue
		}
		for _, chain := range f.Chains {
			if chain.Certainty < Possible {
				continue
			}
			key := findingKey(f) + "|" + chain.ID
			if at, ok := c.known[key]; ok {
				// The changes did not break it after all.
				k := &c.chains[at]
				k.options = slices.DeleteFunc(k.options, func(o string) bool { return slices.Contains(chosen, o) })
				fresh = true
				continue
			}
			k := closing{finding: f, replica: chain.Steps[len(chain.Steps)-1].Rule == "replica"}
			for _, s := range chain.Steps {
				for _, ch := range options(now, s) {
					if _, ok := c.changes[ch.ID]; !ok {
						c.changes[ch.ID] = ch
					}
					if !slices.Contains(k.options, ch.ID) {
						k.options = append(k.options, ch.ID)
					}
				}
			}
			c.known[key] = len(c.chains)
			c.chains = append(c.chains, k)
			fresh = true
		}
	}
	for _, k := range c.chains {
		if len(k.options) == 0 {
			why := Text{
				"no single change of those considered breaks one of its chains: it has to be redesigned",
				"aucune modification envisagée ne rompt l’une de ses chaînes : il faut la repenser"}
			if k.replica {
				why = Text{
					"S3 replicates the content there: the rule has to go from the bucket’s replication configuration, and what is there already is the other account’s",
					"S3 y réplique le contenu : la règle doit être retirée de la configuration de réplication du compartiment, et ce qui y est déjà appartient à l’autre compte"}
			}
			c.left[findingKey(k.finding)] = Left{Principal: k.finding.Principal.ARN, Right: k.finding.Right, Why: why}
		}
	}
	// What is left open is not searched for again.
	kept := 0
	for _, f := range now.Findings {
		if _, ok := c.left[findingKey(f)]; f.Certainty >= Possible && !ok {
			kept++
		}
	}
	return fresh && kept > 0
}

// giveUp leaves open what so many changed accounts have not closed.
func (c *closer) giveUp(now *Result) {
	for _, f := range now.Findings {
		if f.Certainty < Possible {
			continue
		}
		if _, ok := c.left[findingKey(f)]; !ok {
			c.left[findingKey(f)] = Left{Principal: f.Principal.ARN, Right: f.Right, Why: Text{
				"it has more ways than were tried in the time: take its rights away altogether, or ask for it alone",
				"il a plus de voies qu’on n’a pu en essayer dans le temps imparti : retirez-lui tous ses droits, ou posez la question pour lui seul"}}
		}
	}
}

// unclosable says of whom no policy of the account keeps the content.
func unclosable(now *Result, f Finding) (Text, bool) {
	a := now.engine.byARN[f.Principal.ARN]
	if f.Principal.Kind == Root {
		return Text{"no policy of the account binds its root user: a service control policy of the organization does, and a locked-away credential",
			"aucune politique du compte ne lie son utilisateur racine : une politique de contrôle des services de l’organisation le fait, et des identifiants mis sous clé"}, true
	}
	if a != nil && now.engine.administrator(a) {
		return Text{"it is an administrator, who takes every change back: take the rights away, or bind it by a service control policy",
			"c’est un administrateur, qui annule toute modification : retirez-lui ces droits, ou liez-le par une politique de contrôle des services"}, true
	}
	return Text{}, false
}

func (e *engine) administrator(a *actor) bool {
	if e.admins == nil {
		e.admins = map[int32]bool{}
		for _, r := range e.goalAdmin() {
			for _, x := range r.who.entries {
				e.admins[x.class] = true
			}
		}
	}
	return e.admins[int32(a.class.id)]
}

// options are the changes each of which breaks a step.
func options(res *Result, s Step) []Change {
	e := res.engine
	var out []Change
	add := func(c Change) {
		c.ID = ""
		b, _ := json.Marshal(c)
		h := sha256.Sum256(b)
		c.ID = hex.EncodeToString(h[:6])
		if !slices.ContainsFunc(out, func(x Change) bool { return x.ID == c.ID }) {
			out = append(out, c)
		}
	}
	intended := e.q.Intended
	if s.To.Kind == AtRight && len(intended) > 0 && (s.To.Right == ReadBucket || s.To.Right == UseKey) {
		if c, ok := guard(e, s.To); ok {
			add(c)
		}
	}
	switch s.Rule {
	case "metadata-v1":
		if !s.ViaUnknown {
			add(Change{Op: Set, Statement: -1, Target: s.Via, Setting: "imdsv2", Value: "required", What: Text{"Require session tokens for the metadata of " + s.Via, "Exiger des jetons de session pour les métadonnées de " + s.Via}})
		}
	case "ssh-open", "rdp-open":
		if !s.ViaUnknown {
			port := map[string]string{"ssh-open": "22", "rdp-open": "3389"}[s.Rule]
			add(Change{Op: Set, Statement: -1, Target: s.Via, Setting: "ingress-" + port, Value: "closed", What: Text{"Close port " + port + " of " + s.Via + " to the internet", "Fermer le port " + port + " de " + s.Via + " à Internet"}})
		}
	}
	if s.From.Kind == AtRights || s.From.Kind == AtNew {
		return out // it may take back what is changed in its policies
	}
	a := e.byARN[s.From.ARN]
	if a == nil || a.role != nil && a.role.ServiceLinked() {
		return out
	}
	for _, act := range s.Actions {
		for _, c := range withdrawals(e, a, act) {
			add(c)
		}
		grants := 0
		for _, b := range act.Because {
			if b.Effect == "Allow" && b.Source.Kind != "builtin" {
				grants++
			}
		}
		for _, b := range act.Because {
			src := b.Source
			switch src.Kind {
			case "user-inline", "role-inline", "group-inline", "managed":
				p := src.Policy(e.a)
				if p == nil || src.Kind == "managed" && strings.Contains(src.Owner, ":iam::aws:policy/") {
					continue
				}
				exact := b.Statement < len(p.Statements) && !p.Statements[b.Statement].NotActions && slices.ContainsFunc(p.Statements[b.Statement].Actions, func(x string) bool { return strings.EqualFold(x, act.Action) })
				if exact && grants == 1 && p.Statements[b.Statement].Index == b.Statement {
					what := Text{fmt.Sprintf("Take %s out of %s", act.Action, p.Name), fmt.Sprintf("Retirer %s de %s", act.Action, p.Name)}
					if len(p.Statements[b.Statement].Actions) == 1 {
						add(Change{Op: RemoveStatement, Policy: src, Statement: b.Statement, Actions: []string{act.Action}, What: what})
					} else {
						add(Change{Op: RemoveActions, Policy: src, Statement: b.Statement, Actions: []string{act.Action}, What: what})
					}
				} else {
					add(deny(src, act, Text{fmt.Sprintf("Deny %s in %s", act.Action, p.Name), fmt.Sprintf("Refuser %s dans %s", act.Action, p.Name)}))
				}
			case "trust":
				p := src.Policy(e.a)
				if p == nil || b.Statement >= len(p.Statements) || p.Statements[b.Statement].Principals == nil {
					continue
				}
				var names []string
				for _, n := range p.Statements[b.Statement].Principals.AWS {
					at := e.nameOf(n)
					if n == a.principal.ARN || n == a.who.ID || n == "*" || n == a.who.Account || strings.HasSuffix(n, "::"+a.who.Account+":root") || a.role != nil && at == "session:"+a.who.Account+":"+a.who.Name() {
						names = append(names, n)
					}
				}
				names = append(names, matching(p.Statements[b.Statement].Principals.Federated, a.principal.ARN)...)
				if len(names) > 0 {
					who := strings.Join(names, ", ")
					add(Change{Op: TightenTrust, Policy: src, Statement: b.Statement, Principals: names, What: Text{fmt.Sprintf("Take %s out of the trust of %s", who, src.Owner), fmt.Sprintf("Retirer %s de l’approbation de %s", who, src.Owner)}})
				}
			}
		}
		if kind := map[PrincipalKind]string{User: "user-inline", Role: "role-inline"}[a.principal.Kind]; kind != "" {
			add(deny(Source{Kind: kind, Owner: a.principal.ARN, Name: denyName}, act, Text{fmt.Sprintf("Deny %s to %s", act.Action, a.principal.Name), fmt.Sprintf("Refuser %s à %s", act.Action, a.principal.Name)}))
		}
	}
	return out
}

// withdrawals take back what the policy of a bucket, an access point or a key itself grants
// somebody: the statement that grants it, or whom it names there. Where several statements
// of that policy grant it, none of them alone would do, and a Deny of it is added there.
func withdrawals(e *engine, a *actor, act Act) []Change {
	var grants []Because // of resources' policies
	of, others := map[Source]int{}, 0
	for _, b := range act.Because {
		switch kind := b.Source.Kind; {
		case b.Effect != "Allow" || kind == "builtin":
		case kind == "bucket" || kind == "access-point" || kind == "key":
			grants = append(grants, b)
			of[b.Source]++
		default:
			others++
		}
	}
	if a.who.Account == e.a.ID && (others > 0 || len(of) > 1) {
		return nil // within one account either side is enough
	}
	var out []Change
	for _, b := range grants {
		p := b.Source.Policy(e.a)
		if p == nil || p.Name != b.Policy {
			continue // one that a step writes
		}
		i := slices.IndexFunc(p.Statements, func(st iam.Statement) bool { return st.Index == b.Statement })
		if i < 0 || p.Statements[i].Principals == nil || b.Source.Kind == "key" && !e.keepsKey(p, p.Statements[i]) {
			continue
		}
		st := p.Statements[i]
		names, everybody := named(e, st.Principals, a)
		en, fr := resourceNames[b.Source.Kind].EN+last(b.Source.Owner), resourceNames[b.Source.Kind].FR+last(b.Source.Owner)
		c := Change{Policy: b.Source, Statement: b.Statement}
		switch who := strings.Join(names, ", "); {
		case of[b.Source] > 1 && len(names) > 0 && !everybody:
			if principals := denied(st.Principals, names); principals != nil {
				c.Op, c.Statement, c.Principals, c.Actions, c.Resources = AddDeny, -1, names, []string{act.Action}, []string{act.Resource}
				if b.Source.Kind == "key" {
					c.Resources = []string{"*"}
				}
				c.Document = statementOf(c.Actions, c.Resources, map[string]any{"Principal": principals})
				c.What = Text{fmt.Sprintf("Deny %s to %s in the policy of %s", act.Action, who, en), fmt.Sprintf("Refuser %s à %s dans la politique %s", act.Action, who, fr)}
				out = append(out, c)
			}
		case of[b.Source] > 1:
		case everybody:
			c.Op = RemoveStatement
			c.What = Text{fmt.Sprintf("Take statement %d out of the policy of %s", b.Statement+1, en), fmt.Sprintf("Retirer l’instruction %d de la politique %s", b.Statement+1, fr)}
			out = append(out, c)
		case len(names) > 0:
			c.Op, c.Principals = RemovePrincipals, names
			c.What = Text{fmt.Sprintf("Take %s out of statement %d of the policy of %s", who, b.Statement+1, en), fmt.Sprintf("Retirer %s de l’instruction %d de la politique %s", who, b.Statement+1, fr)}
			out = append(out, c)
		}
	}
	return out
}

var resourceNames = map[string]Text{
	"bucket":       {"bucket ", "du compartiment "},
	"access-point": {"access point ", "du point d’accès "},
	"key":          {"key ", "de la clé "},
}

// keepsKey says whether a key's policy without one of its statements still lets the account
// itself manage the key: without that, AWS refuses it, or nobody could ever change it again.
func (e *engine) keepsKey(p *iam.Policy, without iam.Statement) bool {
	root := e.arn("iam", "", "root")
	return slices.ContainsFunc(p.Statements, func(s iam.Statement) bool {
		return s.Index != without.Index && s.Allow && s.Principals != nil && !s.Principals.Not && (slices.Contains(s.Principals.AWS, root) || slices.Contains(s.Principals.AWS, e.a.ID)) &&
			!s.NotActions && len(s.Conditions) == 0 && slices.ContainsFunc(s.Actions, func(x string) bool {
			return x == "*" || strings.EqualFold(x, "kms:*") || strings.EqualFold(x, "kms:PutKeyPolicy")
		})
	})
}

// named are the names by which a statement of a resource's policy means somebody; everybody
// says that it names them among all, or by leaving them out.
func named(e *engine, who *iam.Principals, a *actor) (names []string, everybody bool) {
	if who.Not || who.Anyone {
		return nil, true
	}
	for _, n := range who.AWS {
		session := a.role != nil && e.nameOf(n) == "session:"+a.who.Account+":"+a.who.Name()
		account := a.who.Account != "" && a.who.Account != e.a.ID && (n == a.who.Account || strings.HasSuffix(n, "::"+a.who.Account+":root"))
		if n == a.principal.ARN || n == a.who.ID || session || account {
			names = append(names, n)
		}
	}
	names = append(names, matching(who.Federated, a.principal.ARN)...)
	return append(names, matching(who.Service, a.principal.ARN)...), false
}

// denied is the Principal of a Deny for names of a statement; nil where they are of several
// kinds.
func denied(who *iam.Principals, names []string) map[string]any {
	for kind, list := range map[string][]string{"AWS": who.AWS, "Federated": who.Federated, "Service": who.Service} {
		if !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(list, n) }) {
			return map[string]any{kind: names}
		}
	}
	return nil
}

func matching(list []string, name string) []string {
	if slices.Contains(list, name) {
		return []string{name}
	}
	return nil
}

func statementOf(actions, resources []string, more map[string]any) json.RawMessage {
	m := map[string]any{"Effect": "Deny", "Action": actions, "Resource": resources}
	maps.Copy(m, more)
	b, _ := json.Marshal(m)
	return b
}

// deny denies an action: of data where it was granted, of everything else everywhere, since
// whoever may do it to one thing may often do it to the next.
func deny(src Source, act Act, what Text) Change {
	if !strings.HasPrefix(act.Action, "s3:") && !strings.HasPrefix(act.Action, "kms:") {
		act.Resource = "*"
	}
	return Change{Op: AddDeny, Policy: src, Statement: -1, Actions: []string{act.Action}, Resources: []string{act.Resource}, Document: statementOf([]string{act.Action}, []string{act.Resource}, nil), What: what}
}

// guard denies everybody but the intended roles, in the bucket's or the key's own policy,
// and keeps that policy from being rewritten by others.
func guard(e *engine, to Node) (Change, bool) {
	var roles []string
	for _, i := range e.q.Intended {
		roles = append(roles, i.Role)
	}
	roles = append(roles, e.arn("iam", "", "root"))
	slices.Sort(roles)
	more := map[string]any{"Principal": "*", "Sid": "OnlyIntended", "Condition": map[string]any{
		"ArnNotEquals": map[string]any{"aws:PrincipalArn": roles}, "BoolIfExists": map[string]any{"aws:PrincipalIsAWSService": "false"}}}
	if to.Right == UseKey {
		actions := []string{"kms:CreateGrant", "kms:Decrypt", "kms:PutKeyPolicy", "kms:ReEncryptFrom", "kms:ReplicateKey"}
		return Change{Op: AddDeny, Policy: Source{Kind: "key", Owner: to.ARN}, Statement: -1, Actions: actions, Resources: []string{"*"}, Document: statementOf(actions, []string{"*"}, more),
			What: Text{"In the policy of key " + last(to.ARN) + ", deny its use to everybody but the intended roles", "Dans la politique de la clé " + last(to.ARN) + ", en refuser l’usage à tous sauf aux rôles prévus"}}, true
	}
	if e.bucket(to.ARN) == nil {
		return Change{}, false
	}
	actions := []string{"s3:DeleteBucketPolicy", "s3:GetObject", "s3:GetObjectTorrent", "s3:GetObjectVersion", "s3:PutBucketAcl", "s3:PutBucketOwnershipControls", "s3:PutBucketPolicy", "s3:PutObjectAcl", "s3:PutReplicationConfiguration"}
	resources := []string{to.ARN, to.ARN + "/*"}
	return Change{Op: AddDeny, Policy: Source{Kind: "bucket", Owner: to.ARN}, Statement: -1, Actions: actions, Resources: resources, Document: statementOf(actions, resources, more),
		What: Text{"In the policy of bucket " + last(to.ARN) + ", deny reads, and changes of the policy, to everybody but the intended roles and the root user", "Dans la politique du compartiment " + last(to.ARN) + ", refuser la lecture et la modification de la politique à tous sauf aux rôles prévus et à l’utilisateur racine"}}, true
}

// solve is a smallest set of changes that breaks every known chain, or, where there is no
// time to prove one, a small one without a change too many. Of changes that break as much,
// what takes a grant back comes before another Deny.
func (c *closer) solve() []string {
	var sets [][]string
	for _, k := range c.chains {
		if _, left := c.left[findingKey(k.finding)]; left || len(k.options) == 0 {
			continue
		}
		set := make([]string, len(k.options))
		for i, id := range k.options {
			set[i] = "0" + id
			if c.changes[id].Op == AddDeny {
				set[i] = "1" + id
			}
		}
		sets = append(sets, set)
	}
	best := greedy(sets)
	s := &search{budget: c.budget, best: best}
	s.run(sets, nil)
	if s.late {
		c.proven = false
	}
	out := make([]string, len(s.best))
	for i, o := range s.best {
		out[i] = o[1:]
	}
	slices.Sort(out)
	return out
}

// greedy takes the change that breaks most of what is left, and in the end leaves out what
// the others do without it.
func greedy(sets [][]string) []string {
	in, count := map[string][]int{}, map[string]int{}
	for i, s := range sets {
		for _, o := range s {
			in[o] = append(in[o], i)
			count[o]++
		}
	}
	options := slices.Sorted(maps.Keys(in))
	broken := make([]int, len(sets)) // by how many of those taken
	var out []string
	for left := len(sets); left > 0; {
		top := ""
		for _, o := range options {
			if top == "" || count[o] > count[top] {
				top = o
			}
		}
		if count[top] == 0 {
			break
		}
		out = append(out, top)
		for _, i := range in[top] {
			if broken[i]++; broken[i] > 1 {
				continue
			}
			left--
			for _, o := range sets[i] {
				count[o]--
			}
		}
	}
	for i := len(out) - 1; i >= 0; i-- {
		if slices.ContainsFunc(in[out[i]], func(s int) bool { return broken[s] == 1 }) {
			continue
		}
		for _, s := range in[out[i]] {
			broken[s]--
		}
		out = slices.Delete(out, i, i+1)
	}
	return out
}

// search is branch and bound for a smallest hitting set.
type search struct {
	budget time.Time
	best   []string
	late   bool
}

func (s *search) run(sets [][]string, chosen []string) {
	if time.Now().After(s.budget) {
		s.late = true
	}
	if s.late {
		return
	}
	if len(sets) == 0 {
		if len(chosen) < len(s.best) {
			s.best = slices.Clone(chosen)
		}
		return
	}
	// Chains without a change in common need one each.
	bound, used := 0, map[string]bool{}
	sorted := slices.Clone(sets)
	slices.SortStableFunc(sorted, func(a, b []string) int { return len(a) - len(b) })
	for _, x := range sorted {
		if !slices.ContainsFunc(x, func(o string) bool { return used[o] }) {
			bound++
			for _, o := range x {
				used[o] = true
			}
		}
	}
	if len(chosen)+bound >= len(s.best) {
		return
	}
	count := map[string]int{}
	for _, x := range sets {
		for _, o := range x {
			count[o]++
		}
	}
	tried := map[string]bool{}
	first := slices.Clone(sorted[0])
	slices.SortStableFunc(first, func(a, b string) int { return cmp.Or(count[b]-count[a], strings.Compare(a, b)) })
	for _, o := range first {
		// What was tried here before is not needed again in this branch.
		var next [][]string
		dead := false
		for _, x := range sets {
			if slices.Contains(x, o) {
				continue
			}
			y := slices.DeleteFunc(slices.Clone(x), func(p string) bool { return tried[p] })
			if len(y) == 0 {
				dead = true
				break
			}
			next = append(next, y)
		}
		tried[o] = true
		if !dead {
			s.run(next, append(slices.Clip(chosen), o))
		}
	}
}

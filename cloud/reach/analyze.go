package reach

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"strongroom/cloud/account"
)

const (
	defaultChains = 3
	maxChains     = 20
	maxWho        = 100 // takers that a route lists
)

// Analyze answers a question about an account. The account is not written to, and may be
// shared. An error says that the question cannot be asked of it; what the account's inputs
// lack is in the result.
func Analyze(a *account.Account, q Question) (*Result, error) {
	return AnalyzeWith(a, q, DefaultRules())
}

// AnalyzeWith is Analyze with rules of one's own.
func AnalyzeWith(a *account.Account, q Question, rules *Rules) (*Result, error) {
	var findings []Finding
	res, err := walk(a, q, rules, func(f Finding, chains Chains) {
		f.Chains = chains(q.Chains)
		f.Missing = missingOf(f.Chains[:1])
		findings = append(findings, f)
	})
	if err != nil {
		return nil, err
	}
	res.Findings = findings
	return res, nil
}

// Chains works out the best few chains of a finding, the first alone at a fraction of the
// cost of several; 0 is as many as the question asks for. It answers only while its finding is
// visited.
type Chains func(most int) []Chain

// Walk is Analyze without a list of findings, which is what an answer about a large account
// consists of: visit is told of each, in the order of Result.Findings, without chains.
// Result.Walk tells of them again.
func Walk(a *account.Account, q Question, visit func(Finding, Chains)) (*Result, error) {
	return walk(a, q, DefaultRules(), visit)
}

// Walk tells of each finding once more, by as many searches. It is not for use by several at
// once.
func (r *Result) Walk(visit func(Finding, Chains)) {
	if r.engine == nil || r.Findings != nil {
		for _, f := range r.Findings {
			visit(f, func(most int) []Chain {
				if most > 0 && most < len(f.Chains) {
					return f.Chains[:most]
				}
				return f.Chains
			})
		}
		return
	}
	e := r.engine
	for _, right := range r.Rights {
		e.forget()
		e.findings(nil, e.search(right, e.goal(right), r.Question.Chains), visit)
	}
	e.fleeting = nil
}

func walk(a *account.Account, q Question, rules *Rules, visit func(Finding, Chains)) (*Result, error) {
	if len(q.Buckets)+len(q.Keys) == 0 && !q.Admin {
		return nil, fmt.Errorf("nothing is asked: name buckets or keys, or ask who can get administrative rights")
	}
	if q.Chains == 0 {
		q.Chains = defaultChains
	}
	if q.Chains < 1 || q.Chains > maxChains {
		return nil, fmt.Errorf("%d chains for each finding: write 1 to %d", q.Chains, maxChains)
	}
	e := newEngine(a, q, rules)
	rights, err := e.rights()
	if err != nil {
		return nil, err
	}
	told := time.Time{}
	e.progress = func(phase string, done, total int) {
		if q.Progress != nil && (done == total || time.Since(told) > 200*time.Millisecond) {
			told = time.Now()
			q.Progress(Progress{phase, done, total})
		}
	}
	e.progress("rights", 0, 1)
	e.people()
	if err := e.checkNames(); err != nil {
		return nil, err
	}
	e.classify()
	e.everybody()
	e.variants()
	e.everybody()
	clear(e.by)
	e.serviceReaders()
	for _, a := range e.actors {
		if a.base == nil && !a.absent && (len(q.From) == 0 || a == e.everyone || slices.ContainsFunc(q.From, func(f string) bool { return e.isFrom(f, a) })) {
			e.reported = append(e.reported, a)
		}
	}
	e.progress("rights", 1, 1)

	res := &Result{Account: a.ID, Taken: a.Taken, Question: q, Rights: rights, engine: e}
	takers := e.newTakers()
	for i, right := range rights {
		e.forget()
		p := e.search(right, e.goal(right), q.Chains)
		takers.pass(p)
		e.findings(res, p, visit)
		e.progress("chains", i+1, len(rights))
	}
	e.fleeting = nil
	sortFindings(res.Intended)
	e.routes(res, takers)
	e.logon(res)
	for _, m := range a.Missing {
		e.missing[m.Input] = true
	}
	res.Missing = slices.Sorted(maps.Keys(e.missing))
	for _, f := range a.Faults {
		res.Faults = append(res.Faults, strings.TrimPrefix(fmt.Sprintf("%s: %s: %s", f.File, f.Path, f.What), ": "))
	}
	res.Faults = append(res.Faults, e.faults...)
	n := 0
	for _, x := range e.actors {
		if x.base == nil && x != e.everyone {
			n++
		}
	}
	res.Examined = Examined{Principals: n, Classes: len(e.classes), Buckets: len(q.Buckets), Keys: len(q.Keys), Compute: len(a.Workloads), Rules: len(rules.Rules)}
	return res, nil
}

// rights reads what the question asks about.
func (e *engine) rights() ([]Right, error) {
	var out []Right
	for _, name := range e.q.Buckets {
		b := e.bucket(name)
		if b == nil {
			if e.known("buckets") {
				return nil, fmt.Errorf("bucket %s is not among the %d buckets of the account", name, len(e.a.Buckets))
			}
			plain := strings.TrimPrefix(name[strings.LastIndexByte(name, ':')+1:], "")
			b = &account.Bucket{Name: plain, ARN: "arn:" + cmp.Or(e.a.Partition, "aws") + ":s3:::" + plain}
			own := *e.a
			own.Buckets = append(slices.Clip(own.Buckets), b)
			e.a = &own
			e.buckets = nil
		}
		out = append(out, Right{ReadBucket, b.ARN})
	}
	for _, name := range e.q.Keys {
		k := e.key(name)
		switch {
		case k != nil:
			out = append(out, Right{UseKey, k.ARN})
		case e.known("keys"):
			return nil, fmt.Errorf("key %s is not among the %d keys of the account", name, len(e.a.Keys))
		case strings.HasPrefix(name, "arn:"):
			out = append(out, Right{UseKey, name})
		default:
			return nil, fmt.Errorf("key %s: no list of keys was supplied, so name it by its ARN", name)
		}
	}
	if e.q.Admin {
		out = append(out, Right{BeAdmin, e.a.ID})
	}
	slices.SortStableFunc(out, func(x, y Right) int {
		return cmp.Or(-cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Target, y.Target))
	})
	return slices.Compact(out), nil
}

// checkNames holds the principals that the question names against the account.
func (e *engine) checkNames() error {
	for _, f := range e.q.From {
		if e.asker(f) == nil {
			return fmt.Errorf("%s is no principal of the account: write the ARN of a user or role, or of another account", f)
		}
	}
	for _, i := range e.q.Intended {
		a := e.byARN[i.Role]
		if a == nil || a.role == nil {
			return fmt.Errorf("intended role %s is not among the %d roles of the account", i.Role, len(e.a.Roles))
		}
	}
	return nil
}

func (e *engine) asker(name string) *actor {
	if a := e.byARN[name]; a != nil {
		return a
	}
	if len(name) == 12 {
		return e.byARN["arn:"+cmp.Or(e.a.Partition, "aws")+":iam::"+name+":root"]
	}
	return nil
}

// isFrom says whether a name that the question is asked from means somebody. Another account
// is whoever in it the account's policies name as well: its root's ARN and its number name the
// whole account (IAM User Guide, "JSON policy elements: Principal").
func (e *engine) isFrom(name string, a *actor) bool {
	asker := e.asker(name)
	return asker == a || asker.principal.Kind == External && a.principal.Kind == External && asker.who.Account == a.who.Account &&
		strings.HasSuffix(asker.principal.ARN, ":root")
}

// everybody is the list of all who act.
func (e *engine) everybody() {
	var out []entry
	for _, c := range e.classes {
		if c.rep.acts() {
			out = append(out, entry{int32(c.id), Certain})
		}
	}
	e.acting = e.intern(out)
}

// replicator is the service that replicates buckets. It asks for old versions' rights, of its
// own or anybody's (Amazon S3 User Guide, "Setting up permissions for live replication"), and
// for nothing else; another service that the role trusts may not use the first.
const replicator = "s3.amazonaws.com"

// serviceReaders adds, for roles with which a service reads, who it is then.
func (e *engine) serviceReaders() {
	services := map[string]bool{}
	for _, alt := range e.alts {
		if alt.rule.Gives == "data" {
			for _, s := range alt.rule.Trusts {
				services[s] = true
			}
		}
	}
	for _, a := range slices.Clone(e.actors) {
		if a.base != nil || a.role == nil || a.role.Trust == nil {
			continue
		}
		reads := func(mods string) *actor {
			d := &actor{principal: a.principal, who: a.who, role: a.role, base: a, mods: mods, data: true, class: a.class}
			e.add(d)
			return d
		}
		trusted := false
		for s := range services {
			trusted = trusted || e.trust(a.role, s) != No
		}
		if trusted {
			a.reader = reads("data")
		}
		if e.trust(a.role, replicator) != No {
			a.replica = reads("replica")
		}
		if a.reader != nil || a.replica != nil {
			a.class.served = append(a.class.served, a)
		}
	}
}

func (e *engine) intended(a *actor) *Intended {
	for i := range e.q.Intended {
		if e.q.Intended[i].Role == a.principal.ARN {
			return &e.q.Intended[i]
		}
	}
	return nil
}

// findings tells who reaches a pass's right. The intended go into the result.
func (e *engine) findings(res *Result, p *pass, visit func(Finding, Chains)) {
	type found struct {
		a *actor
		Finding
		chains []Chain // where they had to be worked out
	}
	var list []found
	for _, a := range e.reported {
		s := p.states[a.id]
		if s.level == No || a == e.everyone && !e.someUntold(p) {
			continue
		}
		f := found{a: a, Finding: Finding{Principal: a.principal, Right: p.right, Certainty: s.level}}
		if e.intended(a) != nil && p.right.Kind != BeAdmin {
			direct, other := splitDirect(p.chainsOf(a))
			if len(direct) > 0 && res != nil {
				in := f.Finding
				in.Chains, in.Certainty, in.Missing = direct, direct[0].Certainty, missingOf(direct)
				res.Intended = append(res.Intended, in)
			}
			if len(other) == 0 {
				continue
			}
			f.chains, f.Certainty = other, other[0].Certainty
		}
		list = append(list, f)
	}
	slices.SortFunc(list, func(x, y found) int {
		return cmp.Or(-cmp.Compare(x.Certainty, y.Certainty), cmp.Compare(x.Principal.ARN, y.Principal.ARN))
	})
	if res != nil {
		res.found += len(list)
	}
	for _, f := range list {
		visit(f.Finding, func(most int) []Chain {
			switch {
			case f.chains != nil:
			case most == 1 || f.a == e.root: // of its many, the shortest says it
				return []Chain{p.first(f.a)}
			default:
				f.chains = p.chainsOf(f.a)
			}
			if most > 0 && most < len(f.chains) {
				return f.chains[:most]
			}
			return f.chains
		})
	}
}

// someUntold says whether any of those whom the question is about is nobody of whom it is told
// anyhow how they reach a pass's right.
func (e *engine) someUntold(p *pass) bool {
	return len(e.q.From) == 0 || slices.ContainsFunc(e.q.From, func(f string) bool {
		a := e.asker(f)
		return (a.user != nil || a.role != nil) && p.states[a.id].level == No
	})
}

// sortFindings orders by right, then certainty, then principal.
func sortFindings(list []Finding) {
	slices.SortStableFunc(list, func(x, y Finding) int {
		return cmp.Or(-cmp.Compare(x.Right.Kind, y.Right.Kind), cmp.Compare(x.Right.Target, y.Right.Target), -cmp.Compare(x.Certainty, y.Certainty), cmp.Compare(x.Principal.ARN, y.Principal.ARN))
	})
}

// splitDirect tells reading as intended from every other way.
func splitDirect(chains []Chain) (direct, other []Chain) {
	for _, c := range chains {
		if len(c.Steps) == 1 && (c.Steps[0].Rule == "s3-get" || c.Steps[0].Rule == "s3-get-version" || c.Steps[0].Rule == "kms-decrypt" || c.Steps[0].Rule == "s3-access-point") {
			direct = append(direct, c)
		} else {
			other = append(other, c)
		}
	}
	return direct, other
}

func missingOf(chains []Chain) []string {
	var out []string
	for _, c := range chains {
		out = union(out, c.Missing)
	}
	return out
}

// taker is somebody who can take a route, with the step.
type taker struct {
	a     *actor
	level Certainty
	right Right // that the step leads to, in the end or directly
	ed    edge
}

// takers are all who can take a rule's step to somewhere from where the rights that are asked
// about are reached.
type takers struct {
	e     *engine
	rules []struct {
		list []taker
		at   []int32 // by actor: one more than the index in the list
	}
	seen map[told]bool
	into map[*Rule]map[string]bool // the roles that a route for anybody leads to, by ARN
}

// told is what was noted once: the same step by the same list of people.
type told struct {
	alt, list, first int
	cap, level       Certainty
}

func (e *engine) newTakers() *takers {
	t := &takers{e: e, seen: map[told]bool{}, into: map[*Rule]map[string]bool{}}
	t.rules = append(t.rules, make([]struct {
		list []taker
		at   []int32
	}, len(e.rules.Rules))...)
	return t
}

func (t *takers) note(rule int, a *actor, level Certainty, right Right, ed edge) {
	if a.base != nil || level == No || a == t.e.root && t.e.rules.Rules[rule].By != "root" {
		return
	}
	m := &t.rules[rule]
	if m.at == nil {
		m.at = make([]int32, len(t.e.actors))
	}
	switch i := m.at[a.id]; {
	case i == 0:
		m.list = append(m.list, taker{a, level, right, ed})
		m.at[a.id] = int32(len(m.list))
	case level > m.list[i-1].level || level == m.list[i-1].level && ed.n < m.list[i-1].ed.n:
		m.list[i-1] = taker{a, level, right, ed}
	}
}

// slim is a step without the list of who can take it, which is long.
func (r *ref) slim() *ref {
	if r == nil {
		return nil
	}
	out := *r
	out.who, out.first = none, r.first.slim()
	return &out
}

func (t *takers) fresh(r *ref, level Certainty) bool {
	k := told{r.alt.id, r.who.id, 0, r.cap, level}
	if r.first != nil {
		k.first = r.first.alt.id + 1
	}
	if t.seen[k] {
		return false
	}
	t.seen[k] = true
	return true
}

// pass notes who takes which step in a search.
func (t *takers) pass(p *pass) {
	e := t.e
	for _, r := range p.goal {
		if r.alt.rule.By == "replication" || !t.fresh(r, No) {
			continue
		}
		slim, n := r.slim(), r.length()
		for _, x := range r.who.entries {
			if !e.classes[x.class].told {
				continue
			}
			for _, a := range e.classes[x.class].members {
				ed := edge{slim, nil, min(x.level, r.cap), n}
				t.note(e.ruleAt[r.alt.rule], a, ed.level, p.right, ed)
				if r.first != nil {
					t.note(e.ruleAt[r.first.alt.rule], a, ed.level, p.right, edge{slim.first, nil, min(r.first.who.of(a.class.id), r.first.cap), 1})
				}
			}
		}
	}
	for _, h := range p.inOrder {
		targets := p.landed(h)
		if !t.fresh(h.ref, targets[0].st.level) {
			continue
		}
		for _, x := range h.ref.who.entries {
			if !e.classes[x.class].told {
				continue
			}
			for _, a := range e.classes[x.class].members {
				for _, to := range targets {
					if to.to.root != a.root {
						t.note(e.ruleAt[to.ref.alt.rule], a, min(x.level, to.ref.cap, to.st.level), p.right, edge{to.ref, to.to, 0, to.st.n})
						break
					}
				}
			}
		}
	}
	for _, h := range p.helpers {
		if !t.fresh(h.ref, h.st.level) {
			continue
		}
		for _, x := range h.ref.who.entries {
			if !e.classes[x.class].told {
				continue
			}
			for _, a := range e.classes[x.class].members {
				if a.root != h.to.root {
					t.note(e.ruleAt[h.ref.alt.rule], a, min(x.level, h.ref.cap, h.st.level), p.right, edge{h.ref, h.to, 0, h.st.n})
				}
			}
		}
	}
	if e.root != nil {
		s := p.states[e.root.id]
		for i, rule := range e.rules.Rules {
			if rule.By == "root" {
				ed := s.edge
				if ed.ref != nil && ed.to == nil {
					ed.ref = ed.ref.slim()
				}
				t.note(i, e.root, s.level, p.right, ed)
			}
		}
	}
	for _, a := range e.actors {
		for _, r := range a.open {
			if rule := r.alt.rule; p.states[a.id].level != No && e.anyTold(r.who) {
				if t.into[rule] == nil {
					t.into[rule] = map[string]bool{}
				}
				t.into[rule][a.principal.ARN] = true
			}
		}
		for _, ed := range p.personal[a.id] {
			t.note(e.ruleAt[ed.ref.alt.rule], a, ed.level, p.right, ed)
		}
	}
}

// anyTold says whether a finding may be about one of them.
func (e *engine) anyTold(l *list) bool {
	return slices.ContainsFunc(l.entries, func(x entry) bool { return e.classes[x.class].told })
}

// routes says of every rule whether anybody can take it.
func (e *engine) routes(res *Result, takers *takers) {
	for i, rule := range e.rules.Rules {
		if rule.Gives == "admin" && !e.q.Admin || rule.By == "replication" { // which is where another route ends
			continue
		}
		r := Route{Group: rule.Group, ID: rule.ID, Title: rule.Title, Effect: rule.Effect}
		if rule.Effect != "reach" {
			type step struct {
				list int
				cap  Certainty
			}
			noted := map[step]bool{} // the same people, as surely: the first thing they can do it to is told
			for _, alt := range e.alts {
				if alt.rule != rule {
					continue
				}
				for _, t := range e.aside(rule.Target) {
					ref, ok := e.step(alt, t)
					if !ok || noted[step{ref.who.id, ref.cap}] {
						continue
					}
					noted[step{ref.who.id, ref.cap}] = true
					for _, x := range ref.who.entries {
						if !e.classes[x.class].told {
							continue
						}
						for _, a := range e.classes[x.class].members {
							if a.base == nil && a.principal.Kind != External && a != e.root {
								level := min(x.level, ref.cap)
								takers.note(i, a, level, Right{}, edge{ref, nil, level, 1})
							}
						}
					}
				}
			}
		}
		all := takers.rules[i].list
		slices.SortFunc(all, func(x, y taker) int {
			return cmp.Or(-cmp.Compare(x.level, y.level), cmp.Compare(x.a.principal.ARN, y.a.principal.ARN))
		})
		best := No
		var lacked []string
		for _, t := range all {
			in := e.intended(t.a) != nil && (rule.ID == "s3-get" || rule.ID == "s3-get-version" || rule.ID == "kms-decrypt" || rule.ID == "s3-access-point")
			if !in {
				best = max(best, t.level)
				r.WhoTotal++
			}
			if len(r.Who) < maxWho {
				var s Step
				if t.right != (Right{}) {
					s = e.steps(t.right, t.a, node(t.a), t.ed)[0]
				} else {
					s = e.write(t.a, t.ed.ref, node(t.a), Node{Kind: AtRight, ARN: t.ed.ref.to.arn}, t.level)
				}
				r.Who = append(r.Who, Taker{Principal: t.a.principal.ARN, Certainty: t.level, Step: s, Intended: in})
				lacked = union(lacked, s.Missing)
			}
		}
		r.Missing = e.lacks(rule)
		switch {
		case best >= Possible:
			r.Status = Open
			r.Why = Text{fmt.Sprintf("%s can take it", principals(r.WhoTotal)), fmt.Sprintf("%s l’emprunter", principauxPeuvent(r.WhoTotal))}
			r.Into = slices.Sorted(maps.Keys(takers.into[rule]))
			r.Missing = nil
		case best == Unknown || len(r.Missing) > 0:
			r.Status = NotKnown
			r.Why = Text{"nobody was found, but this was not supplied: " + strings.Join(r.Missing, ", "), "personne n’a été trouvé, mais il manque : " + strings.Join(r.Missing, ", ")}
			if best == Unknown {
				r.Missing = union(r.Missing, lacked)
				r.Why = Text{fmt.Sprintf("%s can take it if what was not supplied is as needed", principals(r.WhoTotal)), fmt.Sprintf("%s l’emprunter si ce qui manque est comme il le faut", principauxPeuvent(r.WhoTotal))}
			}
		case rule.By == "root" && e.rootActs():
			r.Status = NotKnown
			r.Why = Text{"every way that is known is refused to the root user, who may still let other accounts in and make policies that no rule knows", "toutes les voies connues sont refusées à l’utilisateur racine, qui peut encore laisser entrer d’autres comptes et créer des politiques qu’aucune règle ne connaît"}
		default:
			r.Status = Closed
			r.Why = Text{"nobody can take it, by everything that was supplied", "personne ne peut l’emprunter, d’après tout ce qui a été fourni"}
		}
		res.Routes = append(res.Routes, r)
		e.progress("routes", i+1, len(e.rules.Rules))
	}
}

// rootActs says whether the root user is left any step that leads somewhere.
func (e *engine) rootActs() bool {
	if e.root == nil {
		return true
	}
	for _, alt := range e.alts {
		if alt.rule.By == "" && alt.rule.Gives != "" && len(alt.ordered) > 0 && !slices.ContainsFunc(alt.ordered, func(n *Need) bool {
			return e.whoSome(n.Action, n.Given, "").of(e.root.class.id) == No
		}) {
			return true
		}
	}
	return false
}

func principals(n int) string {
	if n == 1 {
		return "1 principal"
	}
	return fmt.Sprintf("%d principals", n)
}

func principauxPeuvent(n int) string {
	if n < 2 {
		return fmt.Sprintf("%d principal peut", n)
	}
	return fmt.Sprintf("%d principaux peuvent", n)
}

// aside are the targets of routes that do not lead to what is asked about.
func (e *engine) aside(kind string) []*target {
	var out []*target
	switch kind {
	case "account":
		out = append(out, &target{kind: kind, arn: e.arn("iam", "", "root")})
	case "bucket":
		for _, b := range e.asked() {
			out = append(out, &target{kind: kind, arn: b.ARN, bucket: b})
		}
	case "trail":
		for _, t := range e.a.Trails {
			out = append(out, &target{kind: kind, arn: t.ARN})
		}
		if len(e.a.Trails) == 0 && !e.known("trails") {
			out = append(out, &target{kind: kind, pattern: e.arn("cloudtrail", "*", "trail/*")})
		}
	case "log-bucket":
		for _, b := range e.asked() {
			if l := e.bucket(loggedTo(b)); l != nil {
				out = append(out, &target{kind: kind, arn: l.ARN, bucket: l})
			}
		}
	case "state-bucket":
		for _, b := range e.a.Buckets {
			n := strings.ToLower(b.Name)
			if strings.Contains(n, "terraform") || strings.Contains(n, "tfstate") || strings.Contains(n, "artifact") || strings.Contains(n, "codepipeline") || strings.Contains(n, "deploy") {
				out = append(out, &target{kind: kind, arn: b.ARN, bucket: b})
			}
		}
	case "secret":
		for _, r := range e.a.Resources {
			if r.Kind == "secretsmanager:secret" {
				out = append(out, &target{kind: kind, arn: r.ARN, resource: r})
			}
		}
		if len(out) == 0 && !e.known("secrets") {
			out = append(out, &target{kind: kind, pattern: e.fill(e.rules.Things["secretsmanager:secret"])})
		}
	case "server":
		out = append(out, &target{kind: kind, arn: e.arn("iam", "", "root")})
	case "user":
		for _, u := range e.a.Users {
			if a := e.byARN[u.ARN]; a != nil {
				out = append(out, &target{kind: kind, arn: u.ARN, actor: a})
			}
		}
	}
	return out
}

// asksPolicies says whether policies decide on a rule: it has an action, and no fact that is
// never so.
func asksPolicies(r *Rule) bool {
	return slices.ContainsFunc(r.Alternatives, func(need []Need) bool {
		return slices.ContainsFunc(need, func(n Need) bool { return n.Action != "" }) && !slices.ContainsFunc(need, func(n Need) bool { return n.Is == "torrents-served" })
	})
}

// lacks are the inputs without which a route cannot be said to be closed.
func (e *engine) lacks(rule *Rule) []string {
	var need []string
	need = append(need, "authorization-details")
	switch rule.Target {
	case "bucket", "log-bucket":
		for _, b := range e.holding() {
			if !b.Policy.Known && asksPolicies(rule) {
				need = append(need, "bucket-policy")
			}
		}
		if rule.ID == "s3-public" {
			need = append(need, "bucket-public-access-block")
		}
		if rule.Target == "log-bucket" {
			need = append(need, "bucket-logging")
		}
	case "state-bucket":
		need = append(need, "buckets")
	case "access-point":
		need = append(need, "access-points", "multi-region-access-points")
		for _, b := range e.holding() {
			for _, to := range e.doors("access-point", b) {
				if !to.point.Policy.Known {
					need = append(need, accessPointPolicy(to.point))
				}
			}
		}
	case "object-lambda":
		need = append(need, "object-lambda-access-points")
	case "access-grant":
		need = append(need, "access-grants")
	case "key":
		for _, b := range e.holding() {
			if !b.Encryption.Known {
				need = append(need, "bucket-encryption")
			} else if u := e.keyOf(b); u.needed && !u.key.Policy.Known {
				need = append(need, "key-policy")
			} else if u.needed && !u.key.Grants.Known {
				need = append(need, "key-grants")
			}
		}
	case "replica":
		for _, b := range e.asked() {
			if !b.Replication.Known {
				need = append(need, "bucket-replication")
			}
		}
	case "trail":
		need = append(need, "trails")
	case "saml-provider":
		need = append(need, "saml-providers")
	case "oidc-provider":
		need = append(need, "oidc-providers")
	case "image-user":
		need = append(need, "task-definition-list", "task-definition", "functions", "repositories", "repository-policy")
	case "secret":
		need = append(need, "secrets", "secret-policy")
	case "layer-user":
		need = append(need, "functions")
	default:
		if k, ok := kinds[rule.Target]; ok {
			need = append(need, k.inputs...)
		}
	}
	for _, alt := range rule.Alternatives {
		for _, n := range alt {
			switch n.Is {
			case "agent":
				need = append(need, "managed-instances")
			case "port-22", "port-22-open", "port-3389", "port-3389-open":
				need = append(need, "security-groups")
			case "serial-console":
				need = append(need, "serial-console")
			case "connect-endpoint":
				need = append(need, "instance-connect-endpoints")
			case "empty-profile":
				need = append(need, "instance-profiles")
			case "anywhere-profile":
				need = append(need, "rolesanywhere-profiles")
			case "trust-anchor", "private-authority":
				need = append(need, "trust-anchors")
			case "center-here":
				need = append(need, "identity-center")
			case "backed-up":
				need = append(need, "protected-resources")
			}
		}
	}
	var out []string
	for _, n := range need {
		known := e.known(n)
		switch n {
		case "bucket-policy", "bucket-encryption", "key-policy", "key-grants", "access-point-policy", "multi-region-access-point-policy", "bucket-replication":
			known = false // looked at above, for the buckets that are asked about
		case "bucket-public-access-block":
			known = !slices.ContainsFunc(e.holding(), func(b *account.Bucket) bool { return !b.PublicAccess.Known })
		case "bucket-logging":
			known = !slices.ContainsFunc(e.asked(), func(b *account.Bucket) bool { return !b.Logging.Known })
		}
		if !known {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// logon says of every server that may hold an intended role how somebody gets a shell.
func (e *engine) logon(res *Result) {
	for _, in := range e.q.Intended {
		t := e.byARN[in.Role]
		servers := e.workloads[in.Role]
		for _, w := range servers {
			s := Server{ARN: w.ARN, Kind: w.Kind, Role: in.Role, Declared: len(in.Servers) == 0 || slices.Contains(in.Servers, w.ARN)}
			best, missing := No, []string{}
			for _, rule := range e.rules.Rules {
				if !rule.Logon || rule.Target != w.Kind {
					continue
				}
				way := LogonWay{Rule: rule.ID, Title: rule.Title, Status: Closed}
				found := map[*actor]*ref{}
				levels := map[*actor]Certainty{}
				for _, alt := range e.alts {
					if alt.rule != rule {
						continue
					}
					ref, ok := e.step(alt, &target{kind: w.Kind, arn: w.ARN, workload: w, role: in.Role, actor: t})
					if !ok {
						continue
					}
					if rule.By != "" {
						// Nobody's rights are asked: whoever is there.
						a := e.byARN["*"]
						if rule.By == "everybody" {
							a = e.everyone
						}
						if ref.cap > levels[a] {
							found[a], levels[a] = ref, ref.cap
						}
						continue
					}
					for _, x := range ref.who.entries {
						for _, a := range e.classes[x.class].members {
							if level := min(x.level, ref.cap); a.base == nil && a != e.root && level > levels[a] {
								found[a], levels[a] = ref, level
							}
						}
					}
				}
				for _, a := range slices.SortedFunc(maps.Keys(found), func(x, y *actor) int {
					return cmp.Or(-cmp.Compare(levels[x], levels[y]), cmp.Compare(x.principal.ARN, y.principal.ARN))
				}) {
					if len(way.Who) < maxWho {
						way.Who = append(way.Who, Taker{Principal: a.principal.ARN, Certainty: levels[a], Step: e.write(a, found[a], node(a), Node{Kind: AtPrincipal, ARN: in.Role}, levels[a])})
					}
				}
				way.Missing = e.lacks(rule)
				top := No
				if len(way.Who) > 0 {
					top = way.Who[0].Certainty
				}
				if top == Unknown {
					for _, w := range way.Who {
						way.Missing = union(way.Missing, w.Step.Missing)
					}
				}
				n := len(found)
				switch {
				case top >= Possible:
					way.Status, way.Missing = Open, nil
					way.Why = Text{principals(n) + " can", fmt.Sprintf("%s le faire", principauxPeuvent(n))}
				case top == Unknown || len(way.Missing) > 0:
					way.Status = NotKnown
					way.Why = Text{"not supplied: " + strings.Join(way.Missing, ", "), "il manque : " + strings.Join(way.Missing, ", ")}
				default:
					way.Why = Text{"nobody can", "personne ne peut le faire"}
				}
				best = max(best, top)
				missing = union(missing, way.Missing)
				s.Ways = append(s.Ways, way)
			}
			open := 0
			for _, way := range s.Ways {
				if way.Status == Open {
					open++
				}
			}
			switch {
			case open > 0:
				s.Shell = Open
				s.Why = Text{fmt.Sprintf("ways to a shell or to code of one’s own: %d, open: %d", len(s.Ways), open), fmt.Sprintf("accès à un interpréteur de commandes ou à l’exécution de son propre code : %d, dont ouverts : %d", len(s.Ways), open)}
			case len(missing) > 0:
				s.Shell = NotKnown
				s.Why = Text{"no way to a shell was found, but this was not supplied: " + strings.Join(missing, ", "), "aucun accès à un interpréteur de commandes n’a été trouvé, mais il manque : " + strings.Join(missing, ", ")}
			default:
				s.Shell = Closed
				s.Why = Text{"no way to a shell: each was looked at", "aucun accès à un interpréteur de commandes : chacun a été examiné"}
			}
			res.Logon = append(res.Logon, s)
		}
	}
	slices.SortFunc(res.Logon, func(a, b Server) int { return cmp.Or(cmp.Compare(a.ARN, b.ARN), cmp.Compare(a.Role, b.Role)) })
}

func loggedTo(b *account.Bucket) string {
	if b.Logging.V == nil {
		return ""
	}
	return b.Logging.V.Bucket
}

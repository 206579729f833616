package iam

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A small universe, in which everything can be tried.
var (
	someActions   = []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}
	someResources = []string{"arn:aws:s3:::calls/a", "arn:aws:s3:::calls/b/a", "arn:aws:s3:::notes/a"}
	somebody      = []string{"arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:user/bob", "arn:aws:sts::111122223333:assumed-role/app/s", "arn:aws:iam::444455556666:user/carol", "arn:aws:iam::111122223333:root", "anonymous", "ec2.amazonaws.com"}
	someKeys      = []string{"aws:SourceVpc", "s3:prefix"}
	someValues    = []string{"x", "xy", "z"}
)

// world makes random policies.
type world struct{ *rand.Rand }

func pick[T any](w world, list []T) T { return list[w.IntN(len(list))] }

func (w world) chance(percent int) bool { return w.IntN(100) < percent }

func (w world) several(list []string) []string {
	out := []string{pick(w, list)}
	for w.chance(30) {
		out = append(out, pick(w, list))
	}
	return out
}

func (w world) statement(allow, names, resource bool) map[string]any {
	s := map[string]any{"Effect": "Deny"}
	if allow {
		s["Effect"] = "Allow"
	}
	not := func(name string) string {
		if w.chance(15) {
			return "Not" + name
		}
		return name
	}
	s[not("Action")] = w.several([]string{"*", "s3:*", "s3:Get*", "s3:??tObject", "s3:*Object", "s3:PutObject", "ec2:*"})
	if resource {
		s[not("Resource")] = w.several([]string{"*", "arn:aws:s3:::*", "arn:aws:s3:::calls/*", "arn:aws:s3:::calls/?", "arn:aws:s3:::*/a", "arn:aws:s3:::notes/a", "arn:aws:s3:::calls/${s3:prefix}"})
		if _, ok := s["Resource"]; ok && !names && w.chance(10) {
			s["Resource"] = w.several([]string{"arn:aws:s3", "arn:aws:ec2", "arn:aws:sqs:*"})
		}
	}
	if names {
		switch {
		case w.chance(15):
			s["Principal"] = "*"
		case w.chance(10):
			s["Principal"] = map[string]any{"Service": "ec2.amazonaws.com"}
		default:
			s["Principal"] = map[string]any{"AWS": w.several([]string{"111122223333", "444455556666", "*", somebody[0], somebody[2], somebody[3], "arn:aws:iam::111122223333:role/app", somebody[4]})}
			if w.chance(10) {
				s["NotPrincipal"] = map[string]any{"AWS": append(w.several([]string{"444455556666", somebody[0], somebody[2], somebody[3]}), pick(w, [][]string{nil, {somebody[4]}, {somebody[4], "arn:aws:iam::111122223333:role/app"}})...)}
				delete(s, "Principal")
			}
		}
	}
	if w.chance(40) {
		operators := []string{"StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIfExists", "StringNotEqualsIfExists", "ForAllValues:StringLike", "ForAllValues:StringNotEquals", "ForAnyValue:StringEquals", "ForAnyValue:StringNotLike", "ForAllValues:StringEqualsIfExists", "ForAnyValue:StringLikeIfExists"}
		c := map[string]any{}
		for range 1 + w.IntN(2) {
			c[pick(w, operators)] = map[string]any{pick(w, someKeys): w.several([]string{"x", "x*", "?", "z", "${s3:prefix}", "${s3:prefix, 'x'}*"})}
		}
		if w.chance(20) {
			c["Null"] = map[string]any{pick(w, someKeys): fmt.Sprint(w.chance(50))}
		}
		s["Condition"] = c
	}
	return s
}

func (w world) document(allow int, names bool) map[string]any {
	var list []any
	for range 1 + w.IntN(3) {
		list = append(list, w.statement(w.chance(allow), names, true))
	}
	return map[string]any{"Version": "2012-10-17", "Statement": list}
}

func (w world) list(allow int, most int) []any {
	out := []any{}
	for range w.IntN(most + 1) {
		out = append(out, w.document(allow, false))
	}
	return out
}

// simulation is a random one, in the form of a file.
func (w world) simulation() map[string]any {
	context := map[string]any{}
	for _, k := range someKeys {
		switch {
		case w.chance(50):
			context[k] = pick(w, someValues)
		case w.chance(20):
			context[k] = []string{}
		case w.chance(20):
			context[k] = w.several(someValues)
		}
	}
	s := map[string]any{
		"request": map[string]any{"principal": pick(w, somebody), "action": pick(w, someActions),
			"resource": map[string]any{"resource": pick(w, someResources), "accountId": pick(w, []string{"111122223333", "111122223333", "444455556666"})}, "context": context},
		"identityPolicies": w.list(80, 3),
	}
	if w.chance(60) {
		s["resourcePolicy"] = w.document(80, true)
	}
	if w.chance(30) {
		s["permissionBoundaryPolicies"] = []any{w.document(85, false)}
	}
	if w.chance(20) {
		s["sessionPolicy"] = w.document(85, false)
	}
	if w.chance(20) {
		s["vpcEndpointPolicies"] = []any{w.document(85, true)}
	}
	if w.chance(40) {
		var levels []any
		for range 1 + w.IntN(2) {
			policies := append(w.list(80, 1), map[string]any{"Version": "2012-10-17", "Statement": map[string]any{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}})
			levels = append(levels, map[string]any{"orgIdentifier": "r", "policies": policies})
		}
		s["serviceControlPolicies"] = levels
	}
	if w.chance(20) {
		s["resourceControlPolicies"] = []any{map[string]any{"Version": "2012-10-17", "Statement": []any{func() map[string]any {
			d := w.statement(false, true, true)
			delete(d, "NotPrincipal")
			d["Principal"] = "*"
			return d
		}()}}}
	}
	return s
}

func read(t testing.TB, s map[string]any) *Simulation {
	t.Helper()
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	out, err := ParseSimulation(data)
	if err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	if len(out.Faults) > 0 {
		t.Fatalf("%s: %v", data, out.Faults)
	}
	return out
}

func text(s any) string {
	data, _ := json.MarshalIndent(s, "", " ")
	return string(data)
}

func rounds(many int) int {
	if testing.Short() {
		return many / 10
	}
	return many
}

// A Deny, wherever it is added, never lets more through; an Allow never less.
func TestMoreStatements(t *testing.T) {
	w := world{rand.New(rand.NewPCG(3, 3))}
	moved := 0
	for range rounds(2500) {
		s := w.simulation()
		before := read(t, s).Evaluate().Decision
		allow := w.chance(50)
		switch where := w.IntN(4); {
		case where == 0:
			s["identityPolicies"] = append(s["identityPolicies"].([]any), map[string]any{"Version": "2012-10-17", "Statement": w.statement(allow, false, true)})
		case where == 1 && s["resourcePolicy"] != nil:
			d := s["resourcePolicy"].(map[string]any)
			d["Statement"] = append(d["Statement"].([]any), w.statement(allow, true, true))
		case where == 2 && s["permissionBoundaryPolicies"] != nil:
			d := s["permissionBoundaryPolicies"].([]any)[0].(map[string]any)
			d["Statement"] = append(d["Statement"].([]any), w.statement(allow, false, true))
		case where == 3 && s["serviceControlPolicies"] != nil:
			level := pick(w, s["serviceControlPolicies"].([]any)).(map[string]any)
			level["policies"] = append(level["policies"].([]any), map[string]any{"Version": "2012-10-17", "Statement": w.statement(allow, false, true)})
		}
		after := read(t, s).Evaluate().Decision
		if allow && after.rank() < before.rank() || !allow && after.rank() > before.rank() {
			t.Fatalf("allow %v was added, and %v became %v:\n%s", allow, before, after, text(s))
		}
		if after != before {
			moved++
		}
	}
	if moved < rounds(2500)/50 {
		t.Errorf("only %d decisions changed", moved)
	}
}

// The order of policies, statements and values does not matter.
func TestOrder(t *testing.T) {
	w := world{rand.New(rand.NewPCG(4, 4))}
	var shuffle func(v any)
	shuffle = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				if k != "serviceControlPolicies" || len(x.([]any)) < 3 {
					shuffle(x)
				}
			}
		case []any:
			w.Shuffle(len(v), func(i, j int) { v[i], v[j] = v[j], v[i] })
			for _, x := range v {
				shuffle(x)
			}
		case []string:
			w.Shuffle(len(v), func(i, j int) { v[i], v[j] = v[j], v[i] })
		}
	}
	for range rounds(800) {
		s := w.simulation()
		before := read(t, s).Evaluate().Decision
		shuffle(s)
		if after := read(t, s).Evaluate().Decision; after != before {
			t.Fatalf("in another order %v became %v:\n%s", before, after, text(s))
		}
	}
}

// What is said while something is not known stays true when it becomes known.
func TestUnknownBecomesKnown(t *testing.T) {
	w := world{rand.New(rand.NewPCG(5, 5))}
	seen := map[Decision]int{}
	for range rounds(800) {
		raw := w.simulation()
		s := read(t, raw)
		s.Request.Context = Context{}
		for _, k := range someKeys {
			if w.chance(40) {
				s.Request.Context.Set(k, pick(w, someValues))
			}
		}
		if w.chance(30) {
			s.Policies.SCPs = Levels{}
		}
		if w.chance(30) {
			s.Policies.Resource = Layer{}
		}
		unknown := s.Evaluate()
		seen[unknown.Decision]++
		for range 8 {
			known := *s
			known.Request.Context = s.Request.Context.Clone()
			known.Request.Context.Whole = true
			for _, k := range someKeys {
				if _, given := s.Request.Context.values[strings.ToLower(k)]; !given && w.chance(70) {
					known.Request.Context.Set(k, pick(w, someValues))
				}
			}
			other := read(t, w.simulation())
			if !s.Policies.SCPs.Known {
				known.Policies.SCPs = other.Policies.SCPs
			}
			if !s.Policies.Resource.Known {
				known.Policies.Resource = other.Policies.Resource
			}
			now := known.Evaluate().Decision
			if r := unknown.Decision.rank(); r != 1 && r != now.rank() {
				t.Fatalf("%v became %v:\n%s", unknown.Decision, now, text(raw))
			}
		}
	}
	if seen[Unknown] == 0 || seen[Allowed] == 0 || seen[ExplicitlyDenied] == 0 {
		t.Errorf("the cases say too little: %v", seen)
	}
}

// Scope says of each resource what Evaluate says of it alone.
func TestScopeAgreesWithEvaluate(t *testing.T) {
	w := world{rand.New(rand.NewPCG(6, 6))}
	for range rounds(800) {
		raw := w.simulation()
		s := read(t, raw)
		s.Request.Context.Whole = w.chance(50)
		if w.chance(10) {
			s.Policies.Boundary = Layer{}
		}
		got := Scope(s.Request.Question, Of(ResourcePattern("arn:aws:s3:::*/*")), s.Policies)
		for _, r := range someResources {
			one := s.Request
			one.Resource = r
			d := Evaluate(one, s.Policies).Decision.rank()
			if got.Certain.Has(r) != (d == 2) || got.Possible.Has(r) != (d > 0) {
				t.Fatalf("%s alone is %v; of all, certain are %v, possible %v:\n%s", r, d, got.Certain, got.Possible, text(raw))
			}
		}
	}
}

// Evaluation agrees with a second one that was written for this universe alone, step by step
// as the user guide's flow charts go, over texts that are tried one by one.
func TestEvaluateAgreesWithBruteForce(t *testing.T) {
	w := world{rand.New(rand.NewPCG(7, 7))}
	seen := map[string]int{}
	for range rounds(2500) {
		raw := w.simulation()
		got := read(t, raw).Evaluate().Decision.String()
		want := brute(raw)
		if want != "" && got != want {
			t.Fatalf("%s, brute force says %s:\n%s", got, want, text(raw))
		}
		seen[want]++
	}
	if seen["Allowed"] < rounds(2500)/50 || seen["ExplicitlyDenied"] < rounds(2500)/50 || seen["ImplicitlyDenied"] < rounds(2500)/50 || seen[""] > rounds(2500)/4 {
		t.Errorf("the cases say too little: %v", seen)
	}
}

// brute answers a simulation of this universe, "" where that is not known.
func brute(s map[string]any) string {
	request := s["request"].(map[string]any)
	who, action := request["principal"].(string), request["action"].(string)
	resource := request["resource"].(map[string]any)["resource"].(string)
	owner := request["resource"].(map[string]any)["accountId"].(string)
	context := request["context"].(map[string]any)
	account := ""
	if strings.HasPrefix(who, "arn:") {
		account = strings.Split(who, ":")[4]
	}
	unsure := false
	value := func(key string) []string {
		switch v := context[key].(type) {
		case string:
			return []string{v}
		case []string:
			return v
		}
		return nil
	}
	some := func(list any, f func(string) bool) bool { return slices.ContainsFunc(list.([]string), f) }
	// fill puts the value of the one variable into a text, "" where it has none.
	fill := func(p string) string {
		v := value("s3:prefix")
		switch {
		case !strings.Contains(p, "${"):
		case len(v) > 1:
			unsure = true
			return ""
		case len(v) == 1:
			return strings.NewReplacer("${s3:prefix}", v[0], "${s3:prefix, 'x'}", v[0]).Replace(p)
		case strings.Contains(p, "${s3:prefix}"):
			return ""
		}
		return strings.ReplaceAll(p, "${s3:prefix, 'x'}", "x")
	}
	met := func(op string, have []string, want any) bool {
		if op == "Null" {
			return (len(have) == 0) == (want == "true")
		}
		base, ifExists := strings.CutSuffix(op, "IfExists")
		set, base, found := strings.Cut(base, ":")
		if !found {
			set, base = "", set
		}
		one := func(v string) bool {
			return strings.Contains(base, "Not") != some(want, func(p string) bool {
				if p = fill(p); strings.HasSuffix(base, "Like") {
					return p != "" && naive(p, v)
				}
				return p == v
			})
		}
		all, any := true, false
		for _, v := range have {
			m := one(v)
			all, any = all && m, any || m
		}
		switch {
		case set == "ForAllValues":
			return all
		case set == "ForAnyValue":
			unsure = unsure || len(have) == 0 && ifExists
			return any
		case len(have) == 0:
			return ifExists || strings.Contains(base, "Not")
		}
		unsure = unsure || all != any // several values need a set operator
		return all
	}
	condition := func(c map[string]any) bool {
		ok, before := true, unsure
		for op, keys := range c {
			for key, want := range keys.(map[string]any) {
				unsure = false
				m := met(op, value(key), want)
				if !m && !unsure {
					unsure = before
					return false
				}
				ok, before = ok && m, before || unsure
			}
		}
		unsure = before
		return ok
	}
	// excepts says how NotPrincipal names the principal: not at all where the list has all of it.
	excepts := func(list []string, deny bool) string {
		user, session := strings.Contains(who, ":user/"), strings.Contains(who, ":assumed-role/")
		has := func(n string) bool { return slices.Contains(list, n) }
		role := has("arn:aws:iam::111122223333:role/app") && strings.Contains(who, "assumed-role/app/")
		owner := account != "" && (has(account) || has("arn:aws:iam::"+account+":root"))
		switch {
		case deny && (user || session) && s["permissionBoundaryPolicies"] != nil:
			return "self"
		case strings.HasSuffix(who, ":root") && owner, user && has(who) && owner, session && has(who) && role && owner:
			return ""
		case has(who) || role || !deny && owner:
			unsure = true
		}
		return "self"
	}
	// matches gives "", or how the statement names the principal: account, role, self.
	matches := func(st map[string]any) string {
		match := func(p string) bool { return naive(strings.ToLower(p), strings.ToLower(action)) }
		if a, ok := st["Action"]; ok && !some(a, match) {
			return ""
		}
		if a, ok := st["NotAction"]; ok && some(a, match) {
			return ""
		}
		invalid := false
		about := func(p string) bool {
			if strings.HasPrefix(p, "arn:") && strings.Count(p, ":") < 5 {
				return strings.HasPrefix(resource, strings.TrimSuffix(p, "*"))
			}
			if strings.Contains(p, "${s3:prefix}") {
				v := value("s3:prefix")
				if len(v) != 1 {
					invalid = invalid || naive(strings.Replace(p, "${s3:prefix}", "*", 1), resource)
					return false
				}
				p = strings.Replace(p, "${s3:prefix}", v[0], 1)
			}
			return naive(p, resource)
		}
		if r, ok := st["Resource"]; ok && !some(r, about) {
			return ""
		}
		if r, ok := st["NotResource"]; ok {
			if some(r, about) {
				return ""
			}
			unsure = unsure || invalid // what a statement then says, nobody wrote
		}
		if c, ok := st["Condition"]; ok && !condition(c.(map[string]any)) {
			return ""
		}
		if not, ok := st["NotPrincipal"]; ok {
			return excepts(not.(map[string]any)["AWS"].([]string), st["Effect"] == "Deny")
		}
		p, ok := st["Principal"]
		if !ok || p == "*" {
			return "self"
		}
		named := p.(map[string]any)
		if named["Service"] == who {
			return "self"
		}
		how := ""
		if list, ok := named["AWS"].([]string); ok {
			for _, n := range list {
				switch {
				case n == "*", n == who, n == account && strings.HasSuffix(who, ":root"):
					return "self"
				case n == account && account != "", n == "arn:aws:iam::"+account+":root":
					if how == "" {
						how = "account"
					}
				case n == "arn:aws:iam::111122223333:role/app" && strings.Contains(who, "assumed-role/app/"):
					how = "role"
				}
			}
		}
		return how
	}
	statements := func(docs []any) (out []map[string]any) {
		for _, d := range docs {
			switch st := d.(map[string]any)["Statement"].(type) {
			case []any:
				for _, x := range st {
					out = append(out, x.(map[string]any))
				}
			case map[string]any:
				if a, ok := st["Action"].(string); ok { // the one that is written by hand
					st = map[string]any{"Effect": st["Effect"], "Action": []string{a}, "Resource": []string{"*"}}
				}
				out = append(out, st)
			}
		}
		return out
	}
	docs := func(name string) []any {
		switch v := s[name].(type) {
		case []any:
			return v
		case map[string]any:
			return []any{v}
		}
		return nil
	}
	denied := false
	allows := func(list []any) string {
		best := ""
		for _, st := range statements(list) {
			how := matches(st)
			switch {
			case how == "":
			case st["Effect"] == "Deny":
				denied = true
			case how == "self" || best == "" || best == "account" && how == "role":
				best = how
			}
		}
		return best
	}
	user := strings.Contains(who, ":user/") || strings.Contains(who, ":assumed-role/")
	root := strings.HasSuffix(who, ":root")
	scp := true
	if user || root {
		for _, level := range docs("serviceControlPolicies") {
			scp = allows(level.(map[string]any)["policies"].([]any)) != "" && scp
		}
	}
	allows(docs("resourceControlPolicies"))
	granted := allows(docs("resourcePolicy"))
	within := func(name string) bool {
		return docs(name) == nil || allows(docs(name)) != ""
	}
	for _, st := range statements(docs("vpcEndpointPolicies")) {
		named, ok := st["Principal"].(map[string]any)
		if list, _ := named["AWS"].([]string); ok && !root && !slices.Contains(list, "*") && matches(st) != "" {
			unsure = true // S3's gateway endpoints name everybody, its others anybody
		}
	}
	endpoint := within("vpcEndpointPolicies")
	identity, boundary, session := false, true, true
	if user {
		identity = allows(docs("identityPolicies")) != ""
		boundary, session = within("permissionBoundaryPolicies"), within("sessionPolicy")
	}
	switch {
	case unsure:
		return ""
	case denied:
		return "ExplicitlyDenied"
	case !scp || !endpoint:
		return "ImplicitlyDenied"
	}
	ok := false
	switch {
	case root && account == owner:
		ok = true
	case root:
		ok = granted != ""
	case !user:
		ok = granted == "self"
	case account != owner:
		ok = granted != "" && identity && boundary && session
	case granted == "self":
		ok = true
	case granted == "role" && boundary && session:
		ok = true
	default:
		ok = identity && boundary && session
	}
	if ok {
		return "Allowed"
	}
	return "ImplicitlyDenied"
}

// Nothing that can be written down makes evaluation fail, and one denial is enough.
func FuzzSimulation(f *testing.F) {
	w := world{rand.New(rand.NewPCG(8, 8))}
	for range 20 {
		f.Add([]byte(text(w.simulation())))
	}
	f.Add([]byte(`{"request": {"principal": "*", "action": "a:b", "resource": "*"}, "serviceControlPolicies": [{"policies": []}], "grants": [{"GranteePrincipal": "x", "Operations": ["Decrypt"]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSimulation(data)
		if err != nil {
			return
		}
		a := s.Evaluate()
		if a.Decision == Allowed && len(s.Faults) == 0 && slices.ContainsFunc(a.Considered, func(b Because) bool {
			return !b.Statement.Allow && b.Holds != No && b.Kind != ResourceControl && b.Kind != ServiceControl
		}) {
			t.Errorf("%s is allowed beside a denial: %+v", data, a)
		}
	})
}

// No value of a condition makes comparing fail, and an operator and its opposite never both
// hold.
func FuzzCondition(f *testing.F) {
	f.Add("DateLessThan", "2026-01-01T00:00:00Z", "1e9")
	f.Add("NumericEquals", "1.5", "-.5")
	f.Add("IpAddress", "2001:db8::/32", "::ffff:10.0.0.1")
	f.Add("ArnLike", "arn:aws:*:*:*:a:${aws:username}", "arn:aws:s3:::a:b")
	f.Add("StringLike", "${a, 'b'}${*}", "b*")
	opposite := map[string]string{"StringEquals": "StringNotEquals", "StringLike": "StringNotLike", "StringEqualsIgnoreCase": "StringNotEqualsIgnoreCase", "NumericEquals": "NumericNotEquals", "DateEquals": "DateNotEquals", "IpAddress": "NotIpAddress", "ArnLike": "ArnNotLike", "DateLessThan": "DateGreaterThanEquals", "NumericLessThan": "NumericGreaterThanEquals"}
	f.Fuzz(func(t *testing.T, op, want, have string) {
		holds := func(op string) (Truth, bool) {
			c, err := compileCondition(&Condition{op, "k", []string{want}}, true)
			if err != nil {
				return No, false
			}
			p := Principal{Kind: User, ARN: "arn:aws:iam::111122223333:user/a", Account: "111122223333"}
			ctx := Context{Whole: true}
			ctx.Set("k", have)
			return c.holds(&asked{&p, "", &ctx}), true
		}
		yes, ok := holds(op)
		if other, found := opposite[op]; found && ok {
			if no, _ := holds(other); yes == Yes && no == Yes {
				t.Errorf("%s and %s of %q both hold for %q", op, other, want, have)
			}
		}
	})
}

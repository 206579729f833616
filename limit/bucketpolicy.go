package limit

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/types"

	"strongroom"
)

// lifecycleWorkload is the house's own, which carries out lifecycle rules. As in S3,
// no bucket policy grants it anything or stands in its way.
const lifecycleWorkload = "strongroom-lifecycle"

// maxTranslation bounds the Cedar text of one bucket policy.
const maxTranslation = 256 << 10

// Translation is what a bucket policy says, in Cedar.
type Translation struct {
	// Cedar is a text that Parse accepts when it is not empty. It is empty where the
	// policy says nothing that concerns this house. Ids begin bucket/NAME/.
	Cedar string
	// Public reports whether S3 calls the policy public: whether it grants something
	// to everyone, and not only from fixed addresses.
	Public bool
	// Everyone reports whether it grants something to everyone in the room, under
	// whatever conditions. Nobody outside the room is ever granted anything.
	Everyone bool
}

// UntranslatablePolicy says why a well-formed bucket policy cannot be said exactly
// in the policies of a room. A door answers 501 NotImplemented.
type UntranslatablePolicy struct {
	Statement string // its Sid, or its number from 1
	Reason    string // what cannot be said, and what to write instead
}

func (e *UntranslatablePolicy) Error() string {
	return fmt.Sprintf("statement %s of the bucket policy cannot be carried out exactly, so none of it is: %s", e.Statement, e.Reason)
}

// BucketPolicy translates the policy of a bucket, AWS policy JSON, into Cedar. The
// translation says exactly what the policy says, with the exceptions that
// docs/policies.md lists; what cannot be said is an *UntranslatablePolicy, and what
// S3 would not accept is a *MalformedPolicy. isPrincipal reports whether the room has
// a principal of that name.
func BucketPolicy(bucket string, text []byte, isPrincipal func(name string) bool) (Translation, error) {
	statements, err := readStatements(bucket, text, isPrincipal)
	if err != nil {
		return Translation{}, err
	}
	var out Translation
	var cedar strings.Builder
	for _, st := range statements {
		if st.refusal != nil {
			return Translation{}, st.refusal
		}
		policies, err := st.translate(bucket)
		if err != nil {
			return Translation{}, &UntranslatablePolicy{Statement: st.name, Reason: err.Error()}
		}
		for _, p := range policies {
			cedar.WriteString(p)
		}
		if cedar.Len() > maxTranslation {
			return Translation{}, &UntranslatablePolicy{Statement: st.name, Reason: "the policy becomes too long in Cedar; name fewer users beside ${aws:username}, or give the users a group and write a policy of the room"}
		}
		if st.allow && st.everyone {
			out.Everyone = true
			out.Public = out.Public || !slices.ContainsFunc(st.tests, test.confines)
		}
	}
	out.Cedar = cedar.String()
	if out.Cedar != "" {
		if _, err := Parse([]byte(out.Cedar)); err != nil {
			return Translation{}, fmt.Errorf("checking the translation of the bucket policy: %w", err)
		}
	}
	return out, nil
}

// confines reports whether t keeps a grant to everyone from being public, as S3
// defines it: fixed principals, or addresses no broader than /8 (IPv6: /32).
func (t test) confines() bool {
	if t.negated || t.ifExists {
		return false
	}
	switch {
	case t.of == sourceAddress && t.operator == "IpAddress":
		return !slices.ContainsFunc(t.ranges, func(p netip.Prefix) bool {
			return p.Bits() < 8 || p.Addr().Is6() && p.Bits() < 32
		})
	case t.of == askerARN && t.operator != "Null":
		return !slices.ContainsFunc(t.patterns, func(p pattern) bool { return p.has(anyText) || p.has(anyOne) || p.has(userName) })
	}
	return false
}

// group is what goes into one Cedar policy: rights that everything else is the
// same for.
type group struct {
	on      level
	which   which
	listing bool // the condition on s3:prefix applies
	purpose bool
}

// actionOrder is that of the actions within a policy.
var actionOrder = []strongroom.Action{
	strongroom.ActionReadObject, strongroom.ActionReadMetadata, strongroom.ActionStoreObject, strongroom.ActionDeleteObject,
	strongroom.ActionTagObject, strongroom.ActionHoldObject, strongroom.ActionRetainObject, strongroom.ActionBypassRetention,
	strongroom.ActionListObjects, strongroom.ActionListBuckets, strongroom.ActionReadBucket, strongroom.ActionConfigureBucket,
	strongroom.ActionDeleteBucket,
}

func (st *statement) translate(bucket string) ([]string, error) {
	rights, err := st.rights()
	if err != nil {
		return nil, err
	}
	askers := []string{""}
	if !st.everyone && st.speaksOfTheAsker() {
		askers = st.principals
	}
	groups, actions := st.group(rights)
	var out []string
	for _, asker := range askers {
		for _, g := range groups {
			conditions, never, err := st.conditions(g, asker)
			if err != nil {
				return nil, err
			}
			if never {
				continue
			}
			policy := st.policy(bucket, len(out), asker, g, actions[g], conditions)
			if len(policy) >= maxPolicyText {
				return nil, fmt.Errorf("it becomes a policy of %d bytes in Cedar, more than the %d allowed; split it", len(policy), maxPolicyText)
			}
			out = append(out, policy)
		}
	}
	return out, nil
}

// rights weighs the permissions that the statement covers.
func (st *statement) rights() ([]right, error) {
	var out []right
	covered := map[string]bool{}
	for _, p := range st.covers {
		covered[p.name] = true
		out = append(out, p.gives...)
	}
	for _, class := range []strongroom.Action{strongroom.ActionReadBucket, strongroom.ActionConfigureBucket} {
		var missing []string
		some := false
		for _, p := range permissions {
			if p.class != class {
				continue
			}
			if covered[p.name] {
				some = true
			} else {
				missing = append(missing, "s3:"+p.name)
			}
		}
		if some && len(missing) > 0 {
			return nil, fmt.Errorf("a bucket's configuration is one thing here, which somebody may %s as a whole or not at all; name the others as well (%s), or none", map[strongroom.Action]string{
				strongroom.ActionReadBucket: "read", strongroom.ActionConfigureBucket: "change",
			}[class], strings.Join(missing, ", "))
		}
		if some {
			out = append(out, right{class, onBucket, everyVersion})
		}
	}
	if covered["ListBucketMultipartUploads"] && st.onPrefix() {
		return nil, errors.New("uploads in progress are listed here as objects are, with their prefix, which S3 does not compare for s3:ListBucketMultipartUploads; name s3:ListBucket and s3:ListBucketVersions without a wildcard")
	}
	for _, p := range st.covers {
		if len(p.within) == 0 {
			continue
		}
		n := 0
		for _, name := range p.within {
			if covered[name] {
				n++
			}
		}
		list := "s3:" + strings.Join(p.within, " and s3:")
		switch {
		case st.allow && n == 0:
			return nil, fmt.Errorf("s3:%s is no right of its own here, but part of what %s give; allow one of those as well, or leave it out", p.name, list)
		case !st.allow && n < len(p.within):
			return nil, fmt.Errorf("s3:%s is no right of its own here, but part of what %s give; deny those as well, or leave it out", p.name, list)
		}
	}
	return out, nil
}

// onPrefix reports whether there is a condition on s3:prefix.
func (st *statement) onPrefix() bool {
	return slices.ContainsFunc(st.tests, func(t test) bool { return t.of == namesBegin })
}

// speaksOfTheAsker reports whether ${aws:username} stands somewhere.
func (st *statement) speaksOfTheAsker() bool {
	speaks := func(p pattern) bool { return p.has(userName) }
	if st.keys != nil && slices.ContainsFunc(st.keys.patterns, speaks) {
		return true
	}
	return slices.ContainsFunc(st.tests, func(t test) bool { return slices.ContainsFunc(t.patterns, speaks) })
}

// group sorts rights into policies. A right on current and on named versions is one
// on every version.
func (st *statement) group(rights []right) ([]group, map[group][]strongroom.Action) {
	both := func(r right) bool {
		other := r
		other.which = currentVersion + namedVersion - r.which
		return slices.Contains(rights, other)
	}
	onPrefix := st.onPrefix()
	var groups []group
	actions := map[group][]strongroom.Action{}
	for _, r := range rights {
		g := group{on: r.on, which: r.which}
		if r.which != everyVersion && both(r) {
			g.which = everyVersion
		}
		g.listing = onPrefix && r.action == strongroom.ActionListObjects
		g.purpose = st.allow && (r.action == strongroom.ActionReadObject || r.action == strongroom.ActionBypassRetention)
		if !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
		if !slices.Contains(actions[g], r.action) {
			actions[g] = append(actions[g], r.action)
		}
	}
	for _, of := range actions {
		slices.SortFunc(of, func(a, b strongroom.Action) int { return slices.Index(actionOrder, a) - slices.Index(actionOrder, b) })
	}
	return groups, actions
}

// conditions says in Cedar what beside principal, action and bucket has to be so.
func (st *statement) conditions(g group, asker string) (out []string, never bool, err error) {
	when := func(text string) { out = append(out, "when { "+text+" }") }
	switch g.which {
	case currentVersion:
		when("!context.byVersion")
	case namedVersion:
		when("context.byVersion")
	}
	if g.on == onObject && len(st.keys.patterns) > 0 {
		one, err := matchesOne("resource.key", st.keys.patterns, asker)
		if err != nil {
			return nil, false, err
		}
		if st.keys.except {
			out = append(out, "unless { "+one+" }")
		} else {
			when(one)
		}
	}
	for _, t := range st.tests {
		c, err := t.clause(st.allow, g.listing, asker)
		if err != nil {
			return nil, false, err
		}
		if c.never {
			return nil, true, nil
		}
		if c.text != "" {
			when(c.text)
		}
	}
	if st.everyone {
		out = append(out, `unless { principal == `+entity(typePrincipal, lifecycleWorkload)+` }`)
	}
	return out, false, nil
}

func entity(of types.EntityType, name string) string {
	return string(types.NewEntityUID(of, types.String(name)).MarshalCedar())
}

func (st *statement) policy(bucket string, n int, asker string, g group, actions []strongroom.Action, conditions []string) string {
	var b strings.Builder
	id := "bucket/" + bucket + "/" + st.name
	if n > 0 {
		id += fmt.Sprintf(".%d", n+1)
	}
	fmt.Fprintf(&b, "@id(%q)\n@description(\"From the bucket policy of %s, statement %s.\")\n", id, bucket, st.name)
	effect := "forbid"
	if st.allow {
		effect = "permit"
	}
	if g.purpose {
		b.WriteString("@requires(\"purpose\")\n")
	}
	principal := "principal"
	switch {
	case st.everyone:
	case asker != "":
		principal += " == " + entity(typePrincipal, asker)
	case len(st.principals) == 1:
		principal += " == " + entity(typePrincipal, st.principals[0])
	default:
		var names []string
		for _, p := range st.principals {
			names = append(names, entity(typePrincipal, p))
		}
		conditions = append([]string{"when { [" + strings.Join(names, ", ") + "].contains(principal) }"}, conditions...)
	}
	var list []string
	for _, a := range actions {
		list = append(list, entity(typeAction, string(a)))
	}
	action := "action == " + list[0]
	if len(list) > 1 {
		action = "action in [" + strings.Join(list, ", ") + "]"
	}
	resource := "resource == " + entity(typeBucket, bucket)
	if g.on == onObject {
		resource = "resource is Object in " + entity(typeBucket, bucket)
	}
	fmt.Fprintf(&b, "%s (\n  %s,\n  %s,\n  %s\n)", effect, principal, action, resource)
	for _, c := range conditions {
		b.WriteString("\n" + c)
	}
	b.WriteString(";\n\n")
	return b.String()
}

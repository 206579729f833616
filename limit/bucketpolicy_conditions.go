package limit

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go/types"
)

// fact is what a condition key is about, where policies here know it.
type fact int

const (
	unknownFact fact = iota
	sourceAddress
	transport
	clock
	namesBegin
	askerName
	askerARN
)

// conditionKeys are those that S3 knows, in lower case: case does not count. Those
// that end in a slash begin a key.
var conditionKeys = func() map[string]fact {
	known := map[string]fact{
		"aws:sourceip": sourceAddress, "aws:securetransport": transport, "aws:currenttime": clock,
		"s3:prefix": namesBegin, "aws:username": askerName, "aws:principalarn": askerARN,
	}
	for key := range strings.FieldsSeq(`
		aws:calledvia aws:calledviafirst aws:calledvialast aws:ec2instancesourcevpc aws:ec2instancesourceprivateipv4
		aws:epochtime aws:federatedprovider aws:multifactorauthage aws:multifactorauthpresent aws:principalaccount
		aws:principalisawsservice aws:principalorgid aws:principalorgpaths aws:principalservicename
		aws:principalservicenameslist aws:principaltag/ aws:principaltype aws:referer aws:requestedregion
		aws:requesttag/ aws:resourceaccount aws:resourceorgid aws:resourceorgpaths aws:resourcetag/ aws:sourceaccount
		aws:sourcearn aws:sourceidentity aws:sourceorgid aws:sourceorgpaths aws:sourceowner aws:sourcevpc
		aws:sourcevpcarn aws:sourcevpce aws:tagkeys aws:tokenissuetime aws:useragent aws:userid aws:viaawsservice
		aws:vpceaccount aws:vpceorgid aws:vpceorgpaths aws:vpcsourceip
		s3:accessgrantsinstancearn s3:accesspointnetworkorigin s3:authtype s3:buckettag/ s3:dataaccesspointaccount
		s3:dataaccesspointarn s3:delimiter s3:destinationregion s3:existingobjecttag/ s3:if-match s3:if-none-match
		s3:inventoryaccessibleoptionalfields s3:jobsuspendedcause s3:locationconstraint s3:max-keys
		s3:object-lock-legal-hold s3:object-lock-mode s3:object-lock-remaining-retention-days
		s3:object-lock-retain-until-date s3:objectcreationoperation s3:requestjoboperation s3:requestjobpriority
		s3:requestobjecttag/ s3:requestobjecttagkeys s3:resourceaccount s3:signatureage s3:signatureversion
		s3:tlsversion s3:versionid s3:x-amz-acl s3:x-amz-content-sha256 s3:x-amz-copy-source
		s3:x-amz-grant-full-control s3:x-amz-grant-read s3:x-amz-grant-read-acp s3:x-amz-grant-write
		s3:x-amz-grant-write-acp s3:x-amz-metadata-directive s3:x-amz-object-ownership
		s3:x-amz-server-side-encryption s3:x-amz-server-side-encryption-aws-kms-key-id
		s3:x-amz-server-side-encryption-customer-algorithm s3:x-amz-storage-class
		s3:x-amz-website-redirect-location`) {
		known[key] = unknownFact
	}
	return known
}()

var operators = strings.Fields(`
	StringEquals StringNotEquals StringEqualsIgnoreCase StringNotEqualsIgnoreCase StringLike StringNotLike
	NumericEquals NumericNotEquals NumericLessThan NumericLessThanEquals NumericGreaterThan NumericGreaterThanEquals
	DateEquals DateNotEquals DateLessThan DateLessThanEquals DateGreaterThan DateGreaterThanEquals
	Bool BinaryEquals IpAddress NotIpAddress ArnEquals ArnNotEquals ArnLike ArnNotLike Null`)

// test is one operator on one key. It holds if one of its values fits; where it is
// negated, if none does.
type test struct {
	of       fact
	operator string // without IfExists and without Not
	negated  bool
	ifExists bool
	patterns []pattern      // of strings and ARNs
	ranges   []netip.Prefix // of addresses
	times    []time.Time
	truths   []bool // of Bool and Null
}

func (st *statement) readCondition(given any, elements []element) error {
	blocks, ok := given.([]member)
	if !ok {
		return malformed("Invalid policy syntax.")
	}
	for _, block := range blocks {
		operator := strings.TrimPrefix(strings.TrimPrefix(block.name, "ForAnyValue:"), "ForAllValues:")
		everyValue := operator != block.name
		operator, ifExists := strings.CutSuffix(operator, "IfExists")
		if !slices.Contains(operators, operator) || ifExists && operator == "Null" {
			return malformed("Invalid Condition type : %s", clip(block.name))
		}
		on, ok := block.value.([]member)
		if !ok {
			return malformed("Invalid policy syntax.")
		}
		for _, m := range on {
			of, ok := conditionKey(m.name)
			if !ok {
				return malformed("Policy has an invalid condition key")
			}
			if of == namesBegin {
				for _, e := range elements {
					applies := func(p *permission) bool { return p.prefix }
					if e.wildcard && !slices.ContainsFunc(e.permissions, applies) || !e.wildcard && !applies(e.permissions[0]) {
						return malformed("Conditions do not apply to combination of actions and resources in statement")
					}
				}
			}
			values, ok := oneOrMore(m.value, true)
			if !ok || len(values) == 0 {
				return malformed("Invalid policy syntax.")
			}
			t := test{of: of, ifExists: ifExists}
			t.operator, t.negated = operator, false
			if strings.Contains(operator, "Not") {
				t.operator, t.negated = strings.Replace(operator, "Not", "", 1), true
			}
			if err := st.readTest(&t, m.name, values); err != nil {
				return err
			}
			if everyValue {
				st.refuse("ForAllValues and ForAnyValue compare sets, and no condition key that policies here know is one; leave the prefix out")
			}
			st.tests = append(st.tests, t)
		}
	}
	return nil
}

func conditionKey(name string) (fact, bool) {
	name = strings.ToLower(name)
	if first, tag, tagged := strings.Cut(name, "/"); tagged {
		if tag == "" {
			return unknownFact, false
		}
		name = first + "/"
	}
	of, ok := conditionKeys[name]
	return of, ok
}

// readTest reads the values of t as its operator has it, and refuses what policies
// here cannot ask.
func (st *statement) readTest(t *test, key string, values []string) error {
	switch t.operator {
	case "Bool", "Null":
		for _, v := range values {
			truth := strings.EqualFold(v, "true")
			if !truth && !strings.EqualFold(v, "false") {
				return malformed("Invalid policy syntax.")
			}
			t.truths = append(t.truths, truth)
		}
	case "IpAddress":
		for _, v := range values {
			p, err := addressRange(v)
			if err != nil {
				return malformed("Invalid IP address range: %s", clip(v))
			}
			t.ranges = append(t.ranges, p)
		}
	}
	switch {
	case t.of == unknownFact:
		st.refuse("the condition key %s is about something that policies here do not know", clip(key))
		return nil
	case t.operator == "Null":
		if t.of == namesBegin {
			st.refuse("a listing without a prefix and one with an empty prefix are one question here, so that Null on s3:prefix cannot tell them apart")
		}
		return nil
	case t.of == sourceAddress && t.operator == "IpAddress", t.of == transport && t.operator == "Bool":
		return nil
	case t.of == clock && strings.HasPrefix(t.operator, "Date") && t.operator != "DateEquals":
		for _, v := range values {
			at, err := instant(v)
			if err != nil {
				return malformed("Invalid policy syntax.")
			}
			if at.Nanosecond()%int(time.Millisecond) != 0 {
				st.refuse("the time %s is finer than a millisecond", clip(v))
			}
			t.times = append(t.times, at)
		}
		return nil
	}
	read, wild := plain, false
	switch {
	case t.operator == "StringLike", t.of == askerARN && (t.operator == "ArnEquals" || t.operator == "ArnLike"):
		read, wild = wildcard, true
	case t.operator == "StringEquals":
	default:
		st.refuse("the operator %s on %s cannot be said here", t.operator, clip(key))
		return nil
	}
	switch t.of {
	case namesBegin, askerName:
	case askerARN:
		for i, v := range values {
			name, ok := userOf(v, wild)
			if !ok {
				st.refuse("every principal of this room is arn:aws:iam::ACCOUNT:user/NAME, which %s cannot be compared with; name users", clip(v))
				return nil
			}
			values[i] = name
		}
	default:
		st.refuse("the operator %s on %s cannot be said here", t.operator, clip(key))
		return nil
	}
	for _, v := range values {
		p, err := st.withVariables(v, read)
		if err != nil {
			return err
		}
		t.patterns = append(t.patterns, p)
	}
	if t.of == namesBegin {
		// A listing without a prefix and one with an empty one are the same question;
		// S3 tells them apart.
		matchesEmpty := slices.ContainsFunc(t.patterns, func(p pattern) bool { return p.matches("") })
		if absent := t.negated || t.ifExists; absent != (matchesEmpty != t.negated) {
			st.refuse("a listing without a prefix and one with an empty prefix are one question here, and this condition on s3:prefix answers them differently; leave out the values that match an empty prefix, and IfExists")
		}
	}
	return nil
}

var userARN = regexp.MustCompile(`^arn:aws:iam::(?:[0-9]{12}|\*):user/([^/]+)$`)

// userOf answers the name of the user that an ARN names, with wildcards where the
// operator has them. Paths are not kept here, so that an ARN with one is the user
// behind it.
func userOf(arn string, wild bool) (string, bool) {
	if user := userForm.FindStringSubmatch(arn); user != nil {
		return user[1], true
	}
	if user := userARN.FindStringSubmatch(arn); user != nil && wild {
		return user[1], true
	}
	return "", false
}

func addressRange(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" || a.Is4In6() {
			return netip.Prefix{}, fmt.Errorf("%q is no address", s)
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is no range", s)
	}
	return p.Masked(), nil
}

// instant reads a time as AWS has it: ISO 8601, a day, or seconds since 1970.
func instant(s string) (time.Time, error) {
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
		if at := time.Unix(seconds, 0).UTC(); seconds >= 0 && at.Year() <= 9999 {
			return at, nil
		}
		return time.Time{}, fmt.Errorf("%q lies too far off", s)
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", time.DateOnly} {
		if at, err := time.Parse(layout, s); err == nil && at.UTC().Year() >= 1 && at.UTC().Year() <= 9999 {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time", s)
}

// clause is a condition in Cedar; one that is always or never met has no text.
type clause struct {
	never bool
	text  string
}

// clause says t in Cedar for the asker named by name ("" where it is everyone or
// does not matter). listing says that the question is one that s3:prefix is about.
func (t test) clause(allow, listing bool, name string) (clause, error) {
	if t.operator == "Null" {
		switch {
		case slices.Contains(t.truths, true) && slices.Contains(t.truths, false):
			return clause{}, nil
		case t.of == sourceAddress && t.truths[0]:
			return clause{text: "!(context has source)"}, nil
		case t.of == sourceAddress:
			return clause{text: "context has source"}, nil
		}
		return clause{never: t.truths[0]}, nil // the key is always there
	}
	switch t.of {
	case transport:
		yes, no := slices.Contains(t.truths, true), slices.Contains(t.truths, false)
		switch {
		case yes && no:
			return clause{}, nil
		case yes:
			return clause{text: "context.secure"}, nil
		}
		return clause{text: "!context.secure"}, nil
	case clock:
		sign := map[string]string{"DateLessThan": "<", "DateLessThanEquals": "<=", "DateGreaterThan": ">", "DateGreaterThanEquals": ">="}[t.operator]
		var either []string
		for _, at := range t.times {
			either = append(either, fmt.Sprintf("context.time %s datetime(%q)", sign, at.Format("2006-01-02T15:04:05.000Z")))
		}
		return clause{text: strings.Join(either, " || ")}, nil
	case sourceAddress:
		var either []string
		for _, p := range t.ranges {
			either = append(either, fmt.Sprintf("context.source.isInRange(ip(%q))", p))
		}
		within := strings.Join(either, " || ")
		// AWS always knows the address. Where it is not known here, that is a doubt:
		// what is allowed then is not, what is denied is.
		inDoubt := t.ifExists || !allow
		return clause{text: present("source", within, t.negated, inDoubt)}, nil
	case namesBegin:
		if !listing {
			return clause{never: !t.negated && !t.ifExists}, nil
		}
		matches, err := matchesOne("context.prefix", t.patterns, name)
		return clause{text: present("prefix", matches, t.negated, t.negated || t.ifExists)}, err
	}
	matches, err := matchesOne("principal.name", t.patterns, name)
	if t.negated {
		matches = "!(" + matches + ")"
	}
	return clause{text: matches}, err
}

// present says that an optional attribute of the context is there and holds (or
// does not), or, where absent is true, is not there.
func present(attribute, holds string, negated, absent bool) string {
	switch {
	case negated && absent:
		return fmt.Sprintf("!(context has %s && (%s))", attribute, holds)
	case negated:
		return fmt.Sprintf("context has %s && !(%s)", attribute, holds)
	case absent:
		return fmt.Sprintf("!(context has %s && !(%s))", attribute, holds)
	}
	return fmt.Sprintf("context has %s && (%s)", attribute, holds)
}

// matchesOne says in Cedar that subject matches one of the patterns.
func matchesOne(subject string, patterns []pattern, name string) (string, error) {
	var either []string
	for _, p := range patterns {
		if p.has(userName) && name == "" && len(p) == 1 {
			either = append(either, subject+" == principal.name")
			continue
		}
		if name != "" {
			p = p.named(name)
		}
		switch {
		case p.has(userName):
			return "", fmt.Errorf("${aws:username} within a text stands for a different text for each asker, which Cedar cannot say of everyone; name the users in Principal")
		case p.has(anyOne):
			return "", fmt.Errorf("the wildcard ? cannot be said in Cedar, which has * only; spell the names out, or use *")
		}
		var parts []any
		var text strings.Builder
		for _, x := range p {
			if x.kind == anyText {
				parts = append(parts, text.String(), types.Wildcard{})
				text.Reset()
			} else {
				text.WriteRune(x.literal)
			}
		}
		if len(parts) == 0 {
			either = append(either, fmt.Sprintf("%s == %s", subject, types.String(text.String()).MarshalCedar()))
		} else {
			either = append(either, fmt.Sprintf("%s like %s", subject, types.NewPattern(append(parts, text.String())...).MarshalCedar()))
		}
	}
	return strings.Join(either, " || "), nil
}

package iam

import (
	"encoding/base64"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// operator is how a condition compares (IAM User Guide, "JSON policy elements: Condition
// operators").
type operator int8

const (
	stringEquals operator = iota
	stringEqualsIgnoreCase
	stringLike
	numericEquals
	numericLess
	numericLessEquals
	numericGreater
	numericGreaterEquals
	dateEquals
	dateLess
	dateLessEquals
	dateGreater
	dateGreaterEquals
	boolean
	binary64
	ipAddress
	arnLike
	null
)

var operators = map[string]struct {
	op      operator
	negated bool
}{
	"stringequals":              {stringEquals, false},
	"stringnotequals":           {stringEquals, true},
	"stringequalsignorecase":    {stringEqualsIgnoreCase, false},
	"stringnotequalsignorecase": {stringEqualsIgnoreCase, true},
	"stringlike":                {stringLike, false},
	"stringnotlike":             {stringLike, true},
	"numericequals":             {numericEquals, false},
	"numericnotequals":          {numericEquals, true},
	"numericlessthan":           {numericLess, false},
	"numericlessthanequals":     {numericLessEquals, false},
	"numericgreaterthan":        {numericGreater, false},
	"numericgreaterthanequals":  {numericGreaterEquals, false},
	"dateequals":                {dateEquals, false},
	"datenotequals":             {dateEquals, true},
	"datelessthan":              {dateLess, false},
	"datelessthanequals":        {dateLessEquals, false},
	"dategreaterthan":           {dateGreater, false},
	"dategreaterthanequals":     {dateGreaterEquals, false},
	"bool":                      {boolean, false},
	"binaryequals":              {binary64, false},
	"ipaddress":                 {ipAddress, false},
	"notipaddress":              {ipAddress, true},
	"arnequals":                 {arnLike, false},
	"arnlike":                   {arnLike, false},
	"arnnotequals":              {arnLike, true},
	"arnnotlike":                {arnLike, true},
	"null":                      {null, false},
}

// quantifier is the prefix of an operator, for keys with several values.
type quantifier int8

const (
	single quantifier = iota
	forAll
	forAny
)

// condition is a Condition, read once.
type condition struct {
	*Condition
	op       operator
	negated  bool
	quant    quantifier
	ifExists bool
	key      string // in lower case
	values   []value
}

// value is one value of a policy's condition.
type value struct {
	text    template
	pattern Pattern    // stringLike without variables
	arn     [6]Pattern // arnLike without variables
	number  *big.Rat
	date    time.Time
	prefix  netip.Prefix
	flag    bool
}

// errValue is a value of a policy that cannot be read as what its operator compares.
type errValue struct{ error }

// compileCondition reads a condition. It says what is wrong with it; after an errValue the
// condition is what the other values make it.
func compileCondition(c *Condition, variables bool) (condition, error) {
	out := condition{Condition: c, key: strings.ToLower(c.Key)}
	name := strings.ToLower(c.Operator)
	if rest, ok := strings.CutPrefix(name, "forallvalues:"); ok {
		name, out.quant = rest, forAll
	} else if rest, ok := strings.CutPrefix(name, "foranyvalue:"); ok {
		name, out.quant = rest, forAny
	}
	if rest, ok := strings.CutSuffix(name, "ifexists"); ok && rest != "null" {
		name, out.ifExists = rest, true
	}
	o, ok := operators[name]
	if !ok {
		return out, fmt.Errorf("%q is not a condition operator", c.Operator)
	}
	if o.op == null && out.quant != single {
		return out, fmt.Errorf("%q: Null takes no ForAllValues or ForAnyValue", c.Operator)
	}
	if c.Key == "" {
		return out, fmt.Errorf("%s: a condition needs a key", c.Operator)
	}
	out.op, out.negated = o.op, o.negated
	stringy := o.op <= stringLike || o.op == arnLike
	var unread error
	for _, text := range c.Values {
		v := value{text: compileTemplate(text, variables && stringy)}
		if !v.text.variable {
			if err := v.read(o.op, text); err != nil {
				unread = errValue{fmt.Errorf("%s: %s: %w", c.Operator, c.Key, err)}
				continue
			}
		}
		out.values = append(out.values, v)
	}
	return out, unread
}

// read reads a value as what an operator compares.
func (v *value) read(op operator, text string) error {
	ok, what := true, ""
	switch op {
	case stringLike:
		v.pattern = newPattern(v.text.tokens(nil), text)
	case arnLike:
		if v.arn, ok = arnPattern(v.text.tokens(nil), text); !ok {
			what = "an ARN"
		}
	case numericEquals, numericLess, numericLessEquals, numericGreater, numericGreaterEquals:
		if v.number, ok = number(text); !ok {
			what = "a number"
		}
	case dateEquals, dateLess, dateLessEquals, dateGreater, dateGreaterEquals:
		if v.date, ok = date(text); !ok {
			what = "a date (ISO 8601, or seconds since 1970)"
		}
	case ipAddress:
		if v.prefix, ok = prefix(text); !ok {
			what = "an IP address or range"
		}
	case boolean, null:
		v.flag, ok = flag(text)
		what = "true or false"
	}
	if !ok {
		return fmt.Errorf("%q is not %s", text, what)
	}
	return nil
}

// holds says whether a condition is met.
func (c *condition) holds(a *asked) Truth {
	have, there := a.key(c.key)
	begins, begun := Pattern{}, false
	if there == Maybe {
		begins, begun = a.beginning(c.key)
	}
	if c.op == null {
		if begun {
			there = Yes
		}
		out := No
		for _, v := range c.values {
			if v.flag {
				out = max(out, there.Not())
			} else {
				out = max(out, there)
			}
		}
		return out
	}
	switch there {
	case Maybe:
		if begun {
			return c.begun(begins)
		}
		return Maybe
	case No:
		switch {
		case c.ifExists && c.quant == forAny:
			return Maybe // the guide says both; AWS is said to look at IfExists value by value
		case c.ifExists || c.quant == forAll:
			return Yes
		case c.quant == forAny:
			return No
		}
		return truth(c.negated)
	}
	if c.quant != single && !slices.ContainsFunc(have, func(h string) bool { return h != "" }) {
		return truth(c.quant == forAll) // empty texts are a null data set
	}
	switch c.quant {
	case forAll:
		out := Yes
		for _, h := range have {
			out = min(out, c.one(h, a))
		}
		return out
	case forAny:
		out := No
		for _, h := range have {
			out = max(out, c.one(h, a))
		}
		return out
	}
	// A key with several values needs ForAllValues or ForAnyValue; what AWS does without is
	// not written, unless all of them say the same.
	out := c.one(have[0], a)
	for _, h := range have[1:] {
		if c.one(h, a) != out {
			return Maybe
		}
	}
	return out
}

// one compares one value of the request with all of the policy's: one must match, or none
// where the operator is negated.
func (c *condition) one(have string, a *asked) Truth {
	out := No
	for i := range c.values {
		if out = max(out, c.values[i].matches(c.op, c.negated, have, a)); out == Yes {
			break
		}
	}
	if c.negated {
		return out.Not()
	}
	return out
}

// begun compares a value of which only the beginning is known: what any value with it would
// say, if all say the same.
func (c *condition) begun(have Pattern) Truth {
	out := No
	for i := range c.values {
		v := &c.values[i]
		is := Maybe
		switch {
		case v.text.variable:
		case c.op == stringEquals && !have.Match(v.text.literal):
			is = No
		case c.op == stringEqualsIgnoreCase && !NewPattern(strings.ToLower(have.String())).Match(strings.ToLower(v.text.literal)):
			is = No
		case c.op == stringLike && v.pattern.covers(have):
			is = Yes
		case c.op == stringLike && v.pattern.apart(have):
			is = No
		}
		out = max(out, is)
	}
	if c.negated {
		return out.Not()
	}
	return out
}

func (v *value) matches(op operator, negated bool, have string, a *asked) Truth {
	// What cannot be read as a number, a date … equals none; whether it differs from one is
	// not written.
	unreadable := No
	if negated {
		unreadable = Maybe
	}
	want := v.text.literal
	var tokens []rune
	if v.text.variable {
		filled, there := v.text.fill(a)
		if there != Yes {
			return there // null: equal to nothing, and like nothing, so a negated operator is met
		}
		tokens, want = filled, plain(filled)
	}
	switch op {
	case stringEquals:
		return truth(want == have)
	case stringEqualsIgnoreCase:
		return truth(strings.EqualFold(want, have))
	case stringLike:
		if tokens != nil {
			return truth(newPattern(tokens, "").Match(have))
		}
		return truth(v.pattern.Match(have))
	case arnLike:
		patterns := v.arn
		if tokens != nil {
			var ok bool
			if patterns, ok = arnPattern(tokens, ""); !ok {
				return unreadable
			}
		}
		parts := strings.SplitN(have, ":", 6)
		if len(parts) != 6 {
			return unreadable
		}
		for i, p := range patterns {
			if !p.Match(parts[i]) {
				return No
			}
		}
		return Yes
	case numericEquals, numericLess, numericLessEquals, numericGreater, numericGreaterEquals:
		n, ok := number(have)
		if !ok {
			return unreadable
		}
		return truth(ordered(op-numericEquals, n.Cmp(v.number)))
	case dateEquals, dateLess, dateLessEquals, dateGreater, dateGreaterEquals:
		d, ok := date(have)
		if !ok {
			return unreadable
		}
		return truth(ordered(op-dateEquals, d.Compare(v.date)))
	case boolean:
		b, ok := flag(have)
		return truth(ok && b == v.flag)
	case binary64:
		return truth(sameBytes(want, have))
	case ipAddress:
		ip, err := netip.ParseAddr(have)
		if err != nil {
			return unreadable
		}
		return truth(v.prefix.Contains(ip.WithZone("")))
	}
	return Maybe
}

// ordered says whether a comparison came out as an operator wants, in the order of the
// constants: equals, less, less or equals, greater, greater or equals.
func ordered(op operator, c int) bool {
	return [...]bool{c == 0, c < 0, c <= 0, c > 0, c >= 0}[op]
}

func arnPattern(tokens []rune, text string) (out [6]Pattern, ok bool) {
	part, from := 0, 0
	for i, t := range tokens {
		if t == ':' && part < 5 {
			out[part] = newPattern(tokens[from:i], "")
			part, from = part+1, i+1
		}
	}
	out[part] = newPattern(tokens[from:], text)
	return out, part == 5
}

// number reads a decimal number. Longer ones than any key has are not read.
func number(text string) (*big.Rat, bool) {
	if text == "" || len(text) > 64 || strings.Trim(text, "0123456789+-.") != "" {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// date reads ISO 8601 as W3C profiles it (www.w3.org/TR/NOTE-datetime), or seconds since
// 1970. Four digits are a year.
func date(text string) (time.Time, bool) {
	if len(text) != 4 {
		if n, ok := number(text); ok && n.IsInt() && n.Num().IsInt64() {
			return time.Unix(n.Num().Int64(), 0).UTC(), true
		}
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

func prefix(text string) (netip.Prefix, bool) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		return netip.PrefixFrom(ip, ip.BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	return p, err == nil
}

func flag(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

func sameBytes(a, b string) bool {
	if a == b {
		return true
	}
	x, err := base64.StdEncoding.DecodeString(a)
	y, other := base64.StdEncoding.DecodeString(b)
	return err == nil && other == nil && string(x) == string(y)
}

// String is the condition for people: StringLike aws:PrincipalTag/team "a*", "b".
func (c Condition) String() string {
	values := make([]string, len(c.Values))
	for i, v := range c.Values {
		values[i] = fmt.Sprintf("%q", v)
	}
	return c.Operator + " " + c.Key + " " + strings.Join(values, ", ")
}

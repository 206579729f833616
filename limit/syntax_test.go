package limit

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// broken are policies that somebody mistyped, what is said of each, and at which column of
// its last line.
var broken = []struct {
	text, says string
	column     int
}{
	{`permit`, "the text ends where", 7},
	{`permit (principal, action, resource)`, "put a semicolon at its end", 37},
	{`permit (principal, action, resource) when { true }`, "put a semicolon at its end", 51},
	{`permit (principal, action, resource) whenn { true };`, `"whenn" stands where the policy ends`, 38},
	{`permt (principal, action, resource);`, `"permt" begins no policy`, 1},
	{`$`, "begins no policy", 1},
	{`@`, "the text ends in the midst", 2},
	{`permit (principal, action, resource`, "the text ends where", 36},
	{`permit (principal action, resource);`, `"action" stands where "," is expected`, 19},
	{`permit principal, action, resource);`, `"principal" stands where "(" is expected`, 8},
	{`permit (principal, action);`, `")" stands where "," is expected`, 26},
	{`permit (user, action, resource);`, `"user" stands where the head of the policy names principal`, 9},
	{`permit (principal, action in Action::"readObject", Action::"x", resource);`, `"Action" stands where the head of the policy names resource`, 52},
	{`@id(a) permit (principal, action, resource);`, `"a" stands where a text is expected`, 5},
	{`@id("a" permit (principal, action, resource);`, `"permit" stands where ")" is expected`, 9},
	{`@id("a") @id("b") permit (principal, action, resource);`, "the annotation @id stands twice", 11},
	{`@"id"("a") permit (principal, action, resource);`, "is no name of an annotation", 2},
	{`@id("a) permit (principal, action, resource);`, "does not end on its line", 5},
	{`permit (principal == Group, action, resource);`, `"," stands where "::" is expected`, 27},
	{`permit (principal in Group::agents, action, resource);`, `stands where "::" is expected`, 35},
	{`permit (principal in "agents", action, resource);`, "stands where a name is expected", 22},
	{`permit (principal is , action, resource);`, `"," stands where a name is expected`, 22},
	{`permit (principal, action in [Action::"a" Action::"b"], resource);`, `"Action" stands where "," is expected`, 43},
	{`permit (principal, action = Action::"readObject", resource);`, `write "=="`, 27},
	{`permit (principal, action, resource) when resource.confidential;`, `"resource" stands where "{" is expected`, 43},
	{`permit (principal, action, resource) when { resource.queue = "b" };`, `there is no operator "="`, 60},
	{`permit (principal, action, resource) when { resource.scrubbed & true };`, `write "&&"`, 63},
	{`permit (principal, action, resource) when { };`, `"}" stands where a value is expected`, 45},
	{`permit (principal, action, resource) when { resource.queue == };`, `"}" stands where a value is expected`, 63},
	{`permit (principal, action, resource) when { resource. };`, `"}" stands where a name is expected`, 55},
	{`permit (principal, action, resource) when { resource.queue == "b" and true };`, `"and" stands where "}" is expected`, 67},
	{`permit (principal, action, resource) when { resource.queue == 'b' };`, "stands where a value is expected", 63},
	{`permit (principal, action, resource) when { foo("x") == 1 };`, `there is no function "foo"`, 49},
	{`permit (principal, action, resource) when { resource.startsWith("x") };`, `there is no method "startsWith"`, 70},
	{`permit (principal, action, resource) when { resource.ip("x") };`, `"ip" is a function`, 62},
	{`permit (principal, action, resource) when { {a: 1, a: 2} == 1 };`, "twice; keep one", 55},
	{`permit (principal, action, resource) when { principal.aliases.contains() };`, `"contains" takes one value`, 74},
	{`permit (principal, action, resource) when { principal.aliases.isEmpty(1) };`, `"isEmpty" takes nothing`, 74},
	{`permit (principal, action, resource) when { resource.queue == "b\q" };`, "a backslash in this text", 63},
	{`permit (principal, action, resource) when { resource.queue == "\u{zz}" };`, "a backslash in this text", 63},
	{`permit (principal, action, resource) when { resource.queue like b };`, `"b" stands where a text is expected`, 65},
	{`permit (principal, action, resource) when { resource has 3 };`, `"3" stands where the name of an attribute is expected`, 58},
	{`permit (principal, action, resource) when { resource.queue == "b };`, "does not end on its line", 63},
	{`permit (principal, action, resource) when { (true };`, `"}" stands where ")" is expected`, 51},
	{`permit (principal, action, resource) when { true; };`, `";" stands where "}" is expected`, 49},
	{`permit (principal, action, resource) when { 99999999999999999999 == 1 };`, "a number is too large", 45},
	{`/* why permit (principal, action, resource);`, "a comment begins here", 1},
}

// Whatever is mistyped, the sentence says what and where in our own words, and keeps what
// the parser said apart.
func TestBrokenPolicies(t *testing.T) {
	for _, c := range broken {
		for _, before := range []string{"", "// déjà là\n\n"} {
			_, err := Parse([]byte(before + c.text))
			f, ok := errors.AsType[*Fault](err)
			if !ok {
				t.Errorf("%s: the fault is %v", c.text, err)
				continue
			}
			if line := 1 + strings.Count(before, "\n"); !strings.Contains(f.Message, c.says) || f.Line != line || f.Column != c.column && !strings.HasPrefix(c.says, "a comment") {
				t.Errorf("%s: said as %q at %d:%d, want %q at %d:%d", c.text, f.Message, f.Line, f.Column, c.says, line, c.column)
			}
			if f.Detail == "" || strings.Contains(f.Message, f.Detail) || !strings.Contains(err.Error(), f.Detail) {
				t.Errorf("%s: the parser's own words %q do not stand apart in %q", c.text, f.Detail, err)
			}
		}
	}
}

func FuzzSyntaxFault(f *testing.F) {
	for _, c := range broken {
		f.Add([]byte(c.text))
	}
	f.Add([]byte("permit (principal, action, resource) when { \"ä\n\" };"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := Parse(text)
		if err == nil {
			return
		}
		for _, fault := range Faults(err) {
			lines := strings.Split(string(text), "\n")
			if fault.Detail != "" && (fault.Message == "" || !utf8.ValidString(fault.Message)) {
				t.Errorf("%q is told as %q", text, fault.Message)
			}
			if fault.Line < 0 || fault.Line > len(lines) || fault.Detail != "" && fault.Line > 0 && (fault.Column < 1 || fault.Column > len(lines[fault.Line-1])+2) {
				t.Errorf("%q has a fault at %d:%d", text, fault.Line, fault.Column)
			}
		}
	})
}

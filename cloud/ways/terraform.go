package ways

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"strongroom/cloud/reach"
)

// WriteTerraform writes the plan as Terraform (1.5 or newer, provider hashicorp/aws): one
// resource for each policy that it changes, with the document as it is after all changes, and
// an import block, so that it takes over what is there in place of making another. What no
// resource can say stands as a comment.
func (out *Report) WriteTerraform(w io.Writer) error {
	t := &terraform{names: map[string]bool{}}
	of := "an account"
	if out.Account != "" {
		of = "account " + out.Account
	}
	t.comment("Closes ways in, of %s. Look at it before you apply it.", of)
	t.comment("Where your own configuration holds one of these policies already, change it there and delete it here.")
	if out.Plan == nil || len(out.Plan.Changes) == 0 {
		t.comment("There is nothing to change.")
		_, err := io.WriteString(w, t.b.String())
		return err
	}
	if !out.Plan.Smallest {
		t.comment("None of the changes can be left out; that no smaller set closes the same is not proven.")
	}
	for _, l := range out.Plan.Left {
		t.comment("Stays open: %s, %s: %s", l.Principal, speaker{"en"}.right(l.Right, out.Account), l.Why.EN)
	}
	for _, d := range out.Plan.Documents {
		t.line("")
		for _, c := range out.Plan.Changes {
			if c.Op != reach.Set && c.Policy == d.Policy {
				t.comment("%s", c.What.EN)
			}
		}
		t.document(d)
	}
	for _, c := range out.Plan.Changes {
		if c.Op == reach.Set {
			t.line("")
			t.comment("By hand: %s", c.What.EN)
			t.comment("%s: %s = %s", c.Target, c.Setting, c.Value)
		}
	}
	_, err := io.WriteString(w, t.b.String())
	return err
}

type terraform struct {
	b     strings.Builder
	names map[string]bool
}

func (t *terraform) line(format string, args ...any) {
	fmt.Fprintf(&t.b, format, args...)
	t.b.WriteByte('\n')
}

// comment writes a line that nothing in it can end: what cannot be seen is taken out.
func (t *terraform) comment(format string, args ...any) {
	t.line("# %s", printable(fmt.Sprintf(format, args...)))
}

// label is a name for a resource that no other has.
func (t *terraform) label(kind string, parts ...string) string {
	var b strings.Builder
	for _, c := range strings.Join(parts, "_") {
		switch {
		case c < unicode.MaxASCII && (unicode.IsLetter(c) || unicode.IsDigit(c)):
			b.WriteRune(unicode.ToLower(c))
		default:
			b.WriteByte('_')
		}
	}
	name := b.String()
	if name == "" || unicode.IsDigit(rune(name[0])) {
		name = "p" + name
	}
	for i, plain := 2, name; t.names[kind+"."+name]; i++ {
		name = fmt.Sprintf("%s_%d", plain, i)
	}
	t.names[kind+"."+name] = true
	return name
}

// resource writes a resource and the import of what it takes over.
func (t *terraform) resource(kind, label, id string, d Document, members [][2]string, ignored ...string) {
	if id != "" && !d.Made {
		t.line("import {")
		t.line("  to = %s.%s", kind, label)
		t.line("  id = %s", quote(id))
		t.line("}")
		t.line("")
	}
	t.line("resource %s %s {", quote(kind), quote(label))
	wide := 0
	for _, m := range members {
		if m[1] != "" {
			wide = max(wide, len(m[0]))
		}
	}
	for _, m := range members {
		if m[1] == "" { // the document
			t.line("")
			v, err := decode(d.After)
			if err != nil {
				panic(err) // it was encoded here
			}
			t.line("  %s = jsonencode(%s)", m[0], hcl(v, "  "))
			continue
		}
		t.line("  %s = %s", pad(m[0], wide), m[1])
	}
	if len(ignored) > 0 {
		t.line("")
		t.line("  lifecycle {")
		t.line("    ignore_changes = [%s]", strings.Join(ignored, ", "))
		t.line("  }")
	}
	t.line("}")
}

func (t *terraform) document(d Document) {
	owner, _ := splitARN(d.Policy.Owner)
	name := owner.resource[strings.LastIndex(owner.resource, "/")+1:]
	switch {
	case d.Emptied && d.Policy.Kind == "trust":
		t.comment("Nobody is left in the trust policy of %s, and IAM takes no empty one: delete the role.", d.Policy.Owner)
		return
	case d.Emptied:
		t.comment("No statement is left in %s %s %s, and AWS takes no empty document:", d.Policy.Kind, d.Policy.Owner, d.Policy.Name)
		t.comment("%s", deletion(d.Policy, name))
		return
	}
	switch d.Policy.Kind {
	case "user-inline", "role-inline", "group-inline":
		of, _, _ := strings.Cut(d.Policy.Kind, "-")
		kind := "aws_iam_" + of + "_policy"
		t.resource(kind, t.label(kind, name, d.Policy.Name), name+":"+d.Policy.Name, d,
			[][2]string{{of, quote(name)}, {"name", quote(d.Policy.Name)}, {"policy", ""}})
	case "managed", "boundary":
		kind := "aws_iam_policy"
		path := strings.TrimSuffix(strings.TrimPrefix(owner.resource, "policy"), name)
		t.resource(kind, t.label(kind, name), d.Policy.Owner, d,
			[][2]string{{"name", quote(name)}, {"path", quote(path)}, {"policy", ""}}, "description", "tags", "tags_all")
	case "trust":
		kind := "aws_iam_role"
		path := strings.TrimSuffix(strings.TrimPrefix(owner.resource, "role"), name)
		t.resource(kind, t.label(kind, name), name, d,
			[][2]string{{"name", quote(name)}, {"path", quote(path)}, {"assume_role_policy", ""}},
			"description", "max_session_duration", "permissions_boundary", "force_detach_policies", "tags", "tags_all")
	case "bucket":
		kind := "aws_s3_bucket_policy"
		t.resource(kind, t.label(kind, name), name, d, [][2]string{{"bucket", quote(name)}, {"policy", ""}})
	case "access-point":
		kind := "aws_s3control_access_point_policy"
		id := d.Policy.Owner
		t.resource(kind, t.label(kind, name), id, d, [][2]string{{"access_point_arn", quote(id)}, {"policy", ""}})
	case "key":
		kind := "aws_kms_key_policy"
		t.resource(kind, t.label(kind, "key", name), name, d, [][2]string{{"key_id", quote(name)}, {"policy", ""}})
	case "scp", "rcp":
		kind := "aws_organizations_policy"
		shape := map[string]string{"scp": "SERVICE_CONTROL_POLICY", "rcp": "RESOURCE_CONTROL_POLICY"}[d.Policy.Kind]
		t.comment("Apply it in the organization's management account.")
		t.resource(kind, t.label(kind, d.Policy.Name, name), name, d,
			[][2]string{{"name", quote(cmp.Or(d.Policy.Name, name))}, {"type", quote(shape)}, {"content", ""}}, "description", "tags", "tags_all")
	default:
		t.comment("By hand: no resource for %s %s", d.Policy.Kind, d.Policy.Owner)
	}
}

// deletion is how a policy of which no statement is left is taken away.
func deletion(s reach.Source, name string) string {
	switch s.Kind {
	case "user-inline", "role-inline", "group-inline":
		of, _, _ := strings.Cut(s.Kind, "-")
		return fmt.Sprintf("aws iam delete-%s-policy --%s-name %q --policy-name %q", of, of, name, s.Name)
	case "bucket":
		return fmt.Sprintf("aws s3api delete-bucket-policy --bucket %q", name)
	case "access-point":
		owner, _ := splitARN(s.Owner)
		return fmt.Sprintf("aws s3control delete-access-point-policy --account-id %q --name %q", owner.account, name)
	}
	return "detach it wherever it is attached"
}

// hcl is a value as an expression of HCL's native syntax.
func hcl(v any, indent string) string {
	in := indent + "  "
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			return "{}"
		}
		keys := slices.Sorted(maps.Keys(v))
		text := make([]string, len(keys))
		for i, k := range keys {
			text[i] = hcl(v[k], in)
		}
		// Neighbours of one line each have their = below each other, as terraform fmt has it.
		wide := make([]int, len(keys))
		for i := 0; i < len(keys); {
			j, most := i, 0
			for ; j < len(keys) && !strings.Contains(text[j], "\n"); j++ {
				most = max(most, utf8.RuneCountInString(quote(keys[j])))
			}
			for k := i; k < j; k++ {
				wide[k] = most
			}
			i = max(j, i+1)
		}
		var b strings.Builder
		b.WriteString("{\n")
		for i, k := range keys {
			fmt.Fprintf(&b, "%s%s = %s\n", in, pad(quote(k), wide[i]), text[i])
		}
		return b.String() + indent + "}"
	case []any:
		if len(v) == 0 {
			return "[]"
		}
		var b strings.Builder
		b.WriteString("[\n")
		for _, one := range v {
			fmt.Fprintf(&b, "%s%s,\n", in, hcl(one, in))
		}
		return b.String() + indent + "]"
	case string:
		return quote(v)
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	return "null"
}

// quote is a quoted template of HCL without any interpolation
// (github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md, "Quoted Templates").
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	runes := []rune(s)
	for i, c := range runes {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case (c == '$' || c == '%') && i+1 < len(runes) && runes[i+1] == '{':
			b.WriteRune(c)
			b.WriteRune(c)
		case c > 0xffff && !unicode.IsPrint(c):
			fmt.Fprintf(&b, `\U%08x`, c)
		case !unicode.IsPrint(c):
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

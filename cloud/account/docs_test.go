package account

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The table in docs/cloud.md is what is read: neither more nor less.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/cloud.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "| input | command |")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := strings.Split(strings.TrimSpace(table), "\n")[2:]
	all := Inputs()
	if len(rows) != len(all) {
		t.Errorf("%d rows for %d inputs", len(rows), len(all))
	}
	for _, in := range all {
		if row := fmt.Sprintf("| `%s` | `%s` | %s |", in.Name, in.Command, in.Means); !strings.Contains(table, row) {
			t.Errorf("docs/cloud.md lacks the row\n%s", row)
		}
	}
}

// Every error that means that there is none is in the description of the form.
func TestErrorsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/formats/cloud-snapshot.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range inputs {
		for _, code := range in.none {
			if !strings.Contains(string(doc), "`"+code+"`") {
				t.Errorf("%s: %s is not described", in.Name, code)
			}
		}
	}
}

// The description's vector says what it says.
func TestVector(t *testing.T) {
	doc, err := os.ReadFile("../../docs/formats/cloud-snapshot.md")
	if err != nil {
		t.Fatal(err)
	}
	_, vector, _ := strings.Cut(string(doc), "## Vector")
	m := regexp.MustCompile("(?s)```json\n(.*?)```").FindStringSubmatch(vector)
	if m == nil {
		t.Fatal("there is no vector")
	}
	a := load(t, "vector.jsonl", m[1])
	if a.ID != "123456789012" || len(a.Faults) > 0 || len(a.Buckets) != 1 || !a.Buckets[0].Policy.Known || a.Buckets[0].Policy.V != nil || a.Buckets[0].ACL.Known || a.Known("authorization-details") {
		t.Errorf("%+v %v", a.Buckets, a.Faults)
	}
}

// A snapshot that is cut off, anywhere, makes nothing of it known as whole.
func TestCutOff(t *testing.T) {
	lines := []string{
		`{"snapshot":"strongroom-cloud/1","account":"123456789012","partition":"aws"}`,
		`{"input":"buckets","answer":{"Buckets":[]}}`,
		`{"input":"saml-providers","answer":{"SAMLProviderList":[]}}`,
		`{"end":2}`,
	}
	if a := load(t, "s.jsonl", strings.Join(lines, "\n")+"\n"); !a.Known("buckets") || len(a.Faults) > 0 {
		t.Fatalf("whole, and not known: %v", a.Faults)
	}
	whole := strings.Join(lines, "\n") + "\n"
	for n := len(lines[0]); n < len(whole)-2; n++ {
		if a := load(t, "s.jsonl", whole[:n]); a.Known("buckets") || len(a.Faults) == 0 {
			t.Errorf("cut off after %d bytes, and taken for whole", n)
		}
	}
	for _, text := range []string{
		strings.Replace(whole, `{"end":2}`, `{"end":3}`, 1),
		strings.Replace(whole, `"answer":{"Buckets":[]}`, `"answer":[]`, 1),
		strings.Replace(whole, lines[1], "{", 1),
	} {
		if a := load(t, "s.jsonl", text); a.Known("buckets") || len(a.Faults) == 0 {
			t.Errorf("taken for whole: %s", text)
		}
	}
}

func TestAnotherVersion(t *testing.T) {
	l := NewLoader()
	if err := l.Read("s", strings.NewReader(`{"snapshot":"strongroom-cloud/2","account":"123456789012"}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Account(); err == nil || !strings.Contains(err.Error(), "strongroom-cloud/2") {
		t.Errorf("%v", err)
	}
}

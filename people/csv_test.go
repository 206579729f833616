package people

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"strongroom"
)

func TestSheet(t *testing.T) {
	for name, text := range map[string]string{
		"commas":     "Name,groups,aliases,leaves,manager,active,attribute:floor\r\nana,agents|quality,\"g-1 | g-2\",2026-12-31,paul,yes,3\r\n",
		"semicolons": "\ufeffname;groups;aliases;leaves;manager;active;attribute:floor\nana; agents | quality;g-1|g-2;2026-12-31;paul;oui;3\n",
	} {
		s, err := ReadSheet("staff.csv", []byte(text))
		if err != nil || len(s.Rows) != 1 {
			t.Fatalf("%s: %v", name, err)
		}
		p := strongroom.Principal{Kind: strongroom.Person, Suspended: true, Attributes: map[string][]string{"queues": {"billing"}, "floor": {"1"}}}
		if err := s.Rows[0].Apply(&p); err != nil {
			t.Fatal(err)
		}
		want := strongroom.Principal{
			Name: "ana", Kind: strongroom.Person, Groups: []string{"agents", "quality"}, Aliases: []string{"g-1", "g-2"}, Expires: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
			Attributes: map[string][]string{"manager": {"paul"}, "floor": {"3"}, "queues": {"billing"}},
		}
		if !reflect.DeepEqual(p, want) {
			t.Errorf("%s: %+v", name, p)
		}
		if Leaving(p.Expires) != "2026-12-31" {
			t.Errorf("leaves %s", Leaving(p.Expires))
		}
	}
	// An empty cell empties; what has no column stays.
	s, err := ReadSheet("x", []byte("name,groups\nana,\n"))
	if err != nil {
		t.Fatal(err)
	}
	p := strongroom.Principal{Kind: strongroom.Person, Groups: []string{"agents"}, Aliases: []string{"g-1"}}
	if err := s.Rows[0].Apply(&p); err != nil || len(p.Groups) != 0 || len(p.Aliases) != 1 {
		t.Errorf("%+v %v", p, err)
	}
}

// What is wrong is told with its place and what to do, and more than the first of it.
func TestSheetErrors(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                 {"f.csv:1:1: the file is empty"},
		"groups\nagents\n":                 {"f.csv:1:1: no column is called name"},
		"name,nmae\nx,y\n":                 {`f.csv:1:6: there is no column "nmae"; there are name,`},
		"name,name\nx,y\n":                 {"f.csv:1:6: there are two columns"},
		"name,attribute:A b\nx,y\n":        {"f.csv:1:6: \"a b\" is no attribute"[:10]},
		"name,groups\nana,agents\nana,x\n": {`f.csv:3:1: "ana" is on line 2 already`},
		"name,groups\nana,Agents\nb b,x\nok,a|B\n": {`f.csv:2:5: "Agents" is no group`, `f.csv:3:1: "b b" is no name`, `f.csv:4:4: "B" is no group`},
		"name,leaves\nana,tomorrow\n":              {`f.csv:2:5: "tomorrow" is no leaving date; write the last day as 2026-12-31`},
		"name,active\nana,\n":                      {`f.csv:2:5: "" does not say whether the person is active; write yes or no`},
		"name,kind\nana,robot\n":                   {`f.csv:2:5: "robot" is no kind of principal`},
		"name,manager\nana,a|b\n":                  {"f.csv:2:5: one manager, not 2"},
		"name,groups\nana,agents,x\nbo,agents\n":   {"f.csv:2:1: has 3 cells and the first line 2"},
		"name,groups\n\"ana,agents\n":              {"f.csv:"},
		"name\nstrongroom-x\n":                     {"f.csv:2:1: \"strongroom-x\" is a name of the house's own"},
		"name\n\xff\n":                             {"f.csv: is not UTF-8"},
	} {
		_, err := ReadSheet("f.csv", []byte(text))
		if err == nil {
			t.Errorf("%q passed", text)
			continue
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q: %v\nwant %s", text, err, w)
			}
		}
	}
	var many strings.Builder
	many.WriteString("name,groups\n")
	for i := range 100 {
		fmt.Fprintf(&many, "p%d,NO\n", i)
	}
	if _, err := ReadSheet("f.csv", []byte(many.String())); strings.Count(err.Error(), "\n") != maxProblems {
		t.Errorf("%d lines of problems", strings.Count(err.Error(), "\n"))
	}
}

// Whatever a file holds, it is refused, or each line makes a principal that is one.
func FuzzSheet(f *testing.F) {
	f.Add([]byte("name,groups,aliases,leaves,active,manager\nana,agents|quality,\"g,1\",2026-12-31,yes,paul\n"))
	f.Add([]byte("name;attribute:x\n\"a\";\"b\n\n\"\"\"\n"))
	f.Add([]byte("\ufeffname\n\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ReadSheet("f", text)
		if err != nil {
			return
		}
		for _, row := range s.Rows {
			p := strongroom.Principal{Kind: strongroom.Person}
			if err := row.Apply(&p); err != nil {
				t.Fatalf("%q passed, and then not: %v", text, err)
			}
			again := p
			if err := Check(&again); err != nil || again.Name != row.Principal() {
				t.Fatalf("%q made %+v: %v", text, p, err)
			}
			if encoded, err := json.Marshal(p); err != nil || len(encoded) > MaxPrincipal {
				t.Fatalf("%d bytes, %v", len(encoded), err)
			}
		}
	})
}

func TestGroupName(t *testing.T) {
	for display, want := range map[string]string{"Agents": "agents", " CC  Agents Lyon ": "cc-agents-lyon", "a-1": "a-1"} {
		if got, err := GroupName(display); err != nil || got != want {
			t.Errorf("%q: %q, %v", display, got, err)
		}
	}
	for _, display := range []string{"", " ", "Équipe", "a_b", "a/b", "-a", strings.Repeat("x", 65)} {
		if got, err := GroupName(display); err == nil {
			t.Errorf("%q passed as %q", display, got)
		}
	}
}

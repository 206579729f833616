package scim

import (
	"encoding/json"
	"strings"
	"testing"
)

const somebody = `{"id":"ab","userName":"Ines.Martin","active":true,"title":"Agent","externalId":"X-1",
"name":{"familyName":"Martin"},"emails":[{"value":"ines@work.example","type":"work","primary":true},{"value":"ines@home.example","type":"home","primary":false}],
"meta":{"created":"2026-01-02T03:04:05Z","resourceType":"User"},
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Billing","manager":{"value":"cd"}}}`

func person(t testing.TB) resource {
	t.Helper()
	var d document
	if err := json.Unmarshal([]byte(somebody), &d); err != nil {
		t.Fatal(err)
	}
	return resource{d, userType}
}

func TestFilter(t *testing.T) {
	r := person(t)
	for text, want := range map[string]bool{
		`userName eq "ines.martin"`:                true,
		`USERNAME Eq "INES.MARTIN"`:                true,
		`userName ne "ines.martin"`:                false,
		`externalId eq "x-1"`:                      false, // case counts
		`externalId eq "X-1"`:                      true,
		`userName sw "ines" and userName ew "tin"`: true,
		`userName co "s.m"`:                        true,
		`title pr`:                                 true,
		`displayName pr`:                           false,
		`not (displayName pr)`:                     true,
		`displayName eq null`:                      true,
		`title eq null`:                            false,
		`title ne null`:                            true,
		`displayName ne "x"`:                       true,
		`active eq true`:                           true,
		`active eq false`:                          false,
		`userName gt "a" and userName lt "z"`:      true,
		`userName ge "ines.martin" and userName le "ines.martin"`: true,
		// and binds closer than or, not closer than and
		`title eq "x" and active eq true or active eq true`:                                             true,
		`title eq "x" and (active eq true or active eq true)`:                                           false,
		`active eq true or title eq "x" and title eq "y"`:                                               true,
		`not (active eq true) or title pr`:                                                              true,
		`not (active eq true or title pr)`:                                                              false,
		`name.familyName eq "martin"`:                                                                   true,
		`emails eq "ines@home.example"`:                                                                 true,
		`emails.type eq "home"`:                                                                         true,
		`emails[type eq "work" and value co "home"]`:                                                    false,
		`emails[type eq "home" and value co "home"]`:                                                    true,
		`emails[type eq "home"].value eq "ines@home.example"`:                                           true,
		`emails[type eq "home"].value eq "ines@work.example"`:                                           false,
		`emails[not (type eq "work")] and title pr`:                                                     true,
		`emails[primary eq true].type eq "home" or active eq false`:                                     false,
		`meta.created gt "2026-01-01T00:00:00Z"`:                                                        true,
		`meta.created eq "2026-01-02T04:04:05+01:00"`:                                                   true,
		`meta.created lt "2026-01-01T00:00:00Z"`:                                                        false,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "billing"`:            true,
		`URN:ietf:params:scim:schemas:extension:enterprise:2.0:USER:manager.value eq "cd"`:              true,
		`urn:ietf:params:scim:schemas:core:2.0:User:userName sw "ines"`:                                 true,
		`phoneNumbers[type eq "work"].value pr`:                                                         false, // not kept
		`userName eq "a\"b" or userName eq "\u0069nes.martin"`:                                          true,
		`((((userName pr))))`:                                                                           true,
		`groups pr`:                                                                                     false,
		`emails[type eq "work"] and not (emails[type eq "other"]) and emails[value sw "ines@"].type pr`: true,
	} {
		f, err := parseFilter(text, userType)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := f.holds(r); got != want {
			t.Errorf("%s: %v", text, got)
		}
		again, err := parseFilter(f.String(), userType)
		if err != nil || again.String() != f.String() || again.holds(r) != want {
			t.Errorf("%s becomes %s: %v", text, f, err)
		}
	}
	for _, text := range []string{
		``, ` `, `userName`, `userName eq`, `eq "x"`, `userName eq x`, `userName eq "x`, `userName is "x"`, `userName eq "x" and`, `(userName pr`, `userName pr)`,
		`userName eq 1`, `active eq "true"`, `active gt true`, `userName eq true`, `userName gt null`, `emails[type eq "work"`, `emails[]`, `userName[type pr]`,
		`emails[emails[type pr]]`, `emails[userName pr]`, `emails.nothing pr`, `nothing pr`, `meta.created gt "yesterday"`, `meta.created co "2026"`, `name eq "x"`,
		`not title pr`, `userName eq "x" or or title pr`, `urn:x:y pr`, `urn:ietf:params:scim:schemas:core:2.0:Group:displayName pr`, "userName eq \"\xff\"",
		strings.Repeat("not (", 17) + "title pr" + strings.Repeat(")", 17), strings.Repeat("title pr or ", 200) + "title pr", strings.Repeat(" ", maxFilter+1),
	} {
		if f, err := parseFilter(text, userType); err == nil {
			t.Errorf("%.60q passed as %s", text, f)
		}
	}
}

func TestPath(t *testing.T) {
	for text, want := range map[string]string{
		`members`: "members", `members[value eq "x"]`: "members", `MEMBERS[Value eq "x" ].display`: "members.display", ` displayName `: "displayName",
	} {
		p, err := parsePath(text, groupType)
		if err != nil || p.target.name(groupType) != want || strings.Contains(text, "[") != (p.filter != nil) {
			t.Errorf("%q: %v %v", text, p.target.name(groupType), err)
		}
	}
	for _, text := range []string{``, `nothing`, `members[`, `members[]`, `members[value eq "x"`, `members[value eq "x"]x`, `members[value eq "x"].`, `displayName[value eq "x"]`, `members value`, `members.value[type pr]`} {
		if p, err := parsePath(text, groupType); err == nil {
			t.Errorf("%q passed as %+v", text, p)
		}
	}
}

// Whatever is sent is a filter or an error; a filter means the same after it was written
// down and read again.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`userName eq "x" and not (title pr or emails[type eq "work" and primary eq true].value co "y")`, `meta.created gt "2026-01-01T00:00:00Z"`,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq null`, `((a`, `emails[`, `x eq 1e9`, `not (not (title pr))`,
	} {
		f.Add(seed)
	}
	r := person(f)
	f.Fuzz(func(t *testing.T, text string) {
		one, err := parseFilter(text, userType)
		if err != nil {
			return
		}
		written := one.String()
		again, err := parseFilter(written, userType)
		if err != nil {
			if len(written) <= maxFilter && !strings.Contains(err.Error(), "levels") {
				t.Fatalf("%q became %q: %v", text, written, err)
			}
			return
		}
		if again.String() != written || again.holds(r) != one.holds(r) {
			t.Fatalf("%q became %q, and that %q", text, written, again)
		}
	})
}

// Whatever patch is sent, what comes of it has the names and types of the schema.
func FuzzPatch(f *testing.F) {
	for _, seed := range []string{
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Add","path":"emails[type eq \"work\"].value","value":"x"},{"op":"replace","value":{"active":"False","name.givenName":"x"}}]}`,
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"emails","value":[{"value":"ines@work.example"}]}]}`,
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":[{"value":"x"}]}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		sent, err := readDocument(body)
		if err != nil {
			return
		}
		operations, err := readPatch(sent)
		if err != nil {
			return
		}
		doc := person(t).doc
		if userType.patch(doc, operations) != nil {
			return
		}
		again, err := userType.normalise(doc)
		if err != nil {
			t.Fatalf("%s left %v: %v", body, doc, err)
		}
		for name, v := range doc {
			if a, known := userType.top(name); !known && name != urnEnterprise || a.dropped {
				t.Fatalf("%s left %s: %v", body, name, v)
			} else if _, kept := again[name]; !kept && !a.readOnly && present(v) {
				t.Fatalf("%s left a %s that is none: %v", body, name, v)
			}
		}
		if doc["id"] != "ab" {
			t.Fatal("the id changed")
		}
	})
}

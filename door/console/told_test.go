package console

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"strongroom/classify"
)

// Every format of sentences that the parts beneath the console show on its pages has a
// French one.
func TestToldInFrench(t *testing.T) {
	var formats []string
	in := func(path string, each func(n ast.Node) []ast.Expr) {
		t.Helper()
		file, err := parser.ParseFile(token.NewFileSet(), "../../"+path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		ast.Inspect(file, func(n ast.Node) bool {
			for _, e := range each(n) {
				if f := strings.ReplaceAll(format(e), "%s%s", "%s"); strings.Trim(f, "%sdqvw:; ") != "" {
					formats, found = append(formats, f), found+1
				}
			}
			return true
		})
		if found == 0 {
			t.Errorf("%s says nothing any more: is this test at the right place?", path)
		}
	}
	for path, lists := range map[string][]string{
		"classify/classify.go": {"Reasons"}, "classify/platform.go": {"says"}, "know/source.go": {"out"}, "know/inventory.go": {"NotLookedAt"},
		"limit/propose.go": {"Kept"}, "limit/compare.go": {"says"}, "limit/usage.go": {"Unjudged"},
	} {
		in(path, func(n ast.Node) []ast.Expr { return added(n, lists) })
	}
	in("classify/classify.go", func(n ast.Node) []ast.Expr {
		if call, ok := n.(*ast.CallExpr); ok && name(call.Fun) == "reason" {
			return call.Args[1:]
		}
		return nil
	})
	in("limit/set.go", func(n ast.Node) []ast.Expr {
		switch call, ok := n.(*ast.CallExpr); {
		case ok && (name(call.Fun) == "Errorf" || name(call.Fun) == "New" && len(call.Args) == 1):
			return []ast.Expr{call}
		case ok && name(call.Fun) == "faultAt":
			return call.Args[1:2]
		}
		return nil
	})
	in("limit/syntax.go", func(n ast.Node) []ast.Expr {
		if call, ok := n.(*ast.CallExpr); ok && name(call.Fun) == "says" {
			return call.Args[:1]
		}
		return nil
	})
	in("vault/labels.go", func(n ast.Node) []ast.Expr {
		if call, ok := n.(*ast.CallExpr); ok && name(call.Fun) == "wrong" {
			return call.Args[:1]
		}
		return nil
	})
	for _, path := range []string{
		"vault/requests.go", "vault/breakglass.go", "vault/people.go", "vault/people_keys.go", "vault/logon.go", "vault/content.go",
		"vault/policy.go", "vault/read.go", "vault/lease.go", "vault/search.go", "vault/room.go", "alert/desk.go", "alert/device.go", "know/gather.go", "door/bundle.go", "door/policy.go",
		"door/console/opening.go", "door/console/passkey.go", "door/console/shares.go", "door/console/task.go",
	} {
		in(path, func(n ast.Node) []ast.Expr {
			lit, ok := n.(*ast.CompositeLit)
			if !ok || name(lit.Type) != "Error" {
				return nil
			}
			var says []ast.Expr
			for _, e := range lit.Elts {
				switch kv, ok := e.(*ast.KeyValueExpr); {
				case !ok:
				case name(kv.Key) == "Kind" && name(kv.Value) == "KindUnavailable": // told in one sentence
					return nil
				case name(kv.Key) == "Message" || name(kv.Key) == "Hint":
					says = append(says, kv.Value)
				}
			}
			return says
		})
	}
	for _, f := range formats {
		_, there := toldFrench[f]
		if !strings.Contains(f, "%") { // perhaps by a format of another
			_, there = told(french, f)
		}
		if end, more := strings.CutPrefix(f, "%s, "); more { // added to another
			for known := range toldFrench {
				there = there || strings.HasSuffix(known, ", "+end)
			}
		}
		if !there {
			t.Errorf("no French for %q (door/console/told.go)", f)
		}
	}
	if len(formats) < 80 {
		t.Errorf("only %d formats were found", len(formats))
	}
	for f, fr := range toldFrench {
		verbs := verbs.FindAllString(f, -1)
		for _, gap := range gaps.FindAllStringSubmatch(fr, -1) {
			if n, _ := strconv.Atoi(gap[1]); n >= len(verbs) {
				t.Errorf("%q has no part %d", f, n)
			}
		}
		english := regexp.MustCompile(`%[sdqvw]`).ReplaceAllStringFunc(f, func(verb string) string {
			return map[string]string{"%d": "3", "%q": `"x y"`}[verb] + map[bool]string{true: "x"}[verb != "%d" && verb != "%q"]
		})
		if got, ok := told(french, english); !ok || strings.ContainsAny(strings.ReplaceAll(got, "principal, action", ""), "{}") || strings.Contains(got, " | ") {
			t.Errorf("%q is told as %q", english, got)
		}
	}
}

// added are the expressions that a list of one of those names gets: by append, or where it is made.
func added(n ast.Node, lists []string) []ast.Expr {
	switch n := n.(type) {
	case *ast.CallExpr:
		if name(n.Fun) == "append" && len(n.Args) > 1 && slices.Contains(lists, name(n.Args[0])) {
			return n.Args[1:]
		}
	case *ast.KeyValueExpr:
		if list, ok := n.Value.(*ast.CompositeLit); ok && slices.Contains(lists, name(n.Key)) {
			return list.Elts
		}
	}
	return nil
}

func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// format is what an expression says, with a verb for each part that differs.
func format(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return text
		}
	case *ast.CallExpr:
		if of := name(e.Fun); len(e.Args) > 0 && (of == "Sprintf" || of == "Errorf" || of == "New") {
			return format(e.Args[0])
		}
	case *ast.BinaryExpr:
		return format(e.X) + format(e.Y)
	}
	return "%s"
}

// What is told in French has its figures and forms, and leaves names and people's words alone.
func TestTold(t *testing.T) {
	for english, want := range map[string]string{
		"all 1 bytes were looked at, by detectors 1-ab":                    "1 octet examiné, soit tout, par les détecteurs 1-ab",
		"all 12345 bytes were looked at, by detectors 1-ab":                "les 12\u202f345 octets ont tous été examinés, par les détecteurs 1-ab",
		"metadata of twilio: it describes a voice, names a queue, inbound": "métadonnées de twilio : décrit un contenu « voice », nomme une file, entrant",
		"source NAS: 4 × permission":                                       "source NAS : 4 × lecture refusée",
		"p lets people tag an object, declare an object a scrubbed copy, which is also decided beside another act, whose record does not tell": "p permet ceci : étiqueter un objet, déclarer un objet comme copie expurgée ; cela se décide aussi à côté d’un autre acte, dont l’inscription ne le dit pas",
		"source NAS: never scanned": "source NAS : jamais analysée",
		"set: high":                 "attribuée : high",
		`policy "a" (line 3): @requires names "tickets"; use purpose, with commas between`:                                                                                        "politique « a » (ligne 3) : @requires nomme « tickets » ; utilisez purpose, séparés par des virgules",
		`line 3, column 2: "foo" begins no policy; a policy begins with permit or forbid, behind its annotations (Cedar: parse error at <input>:3:2 "(": unexpected effect: foo)`: `ligne 3, colonne 2 : « foo » ne commence pas une politique ; une politique commence par permit ou forbid, après ses annotations (Cedar : parse error at <input>:3:2 "(": unexpected effect: foo)`,
	} {
		want = frenchMarks.Replace(want)
		if got, ok := told(french, english); !ok || got != want {
			t.Errorf("%q is told as %q (%v), not %q", english, got, ok, want)
		}
		if got, _ := told("en", english); got != english {
			t.Errorf("%q is told as %q", english, got)
		}
	}
	for _, theirs := range []string{"whatever somebody wrote", fmt.Sprint("calls/", 7)} {
		if got, ok := told(french, theirs); ok || got != theirs {
			t.Errorf("%q is told as %q", theirs, got)
		}
	}
}

func TestRelabelled(t *testing.T) {
	for detail, want := range map[string][2]string{
		"confidential card+name, was confidential name, by detectors 1-b178": {
			"Confidential (card number, name); before that: Confidential (name) · by detectors 1-b178",
			"Confidentiel (numéro de carte, nom)\u00a0; auparavant\u00a0: Confidentiel (nom) · par les détecteurs 1-b178",
		},
		"non-confidential, was confidential text: a press release, was sent": {
			"Not confidential; before that: Confidential (text) · a press release, was sent",
			"Non confidentiel\u00a0; auparavant\u00a0: Confidentiel (texte) · a press release, was sent",
		},
		"until 2027-01-01, was without": {"until 2027-01-01, was without", "until 2027-01-01, was without"},
	} {
		for i, lang := range []string{english, french} {
			if got := (&page{Lang: lang}).relabelled(detail); got != want[i] {
				t.Errorf("%q is told as %q, not %q", detail, got, want[i])
			}
		}
	}
}

// A reason that a detector gave says in words what was found, in both languages.
func TestDetectorsInWords(t *testing.T) {
	for _, d := range classify.Detectors() {
		if !known("detector." + d.ID) {
			t.Errorf("there are no words for what detector %s finds (door/console/detectors.go)", d.ID)
		}
	}
	const found = "found fr-nir 2 times, with high confidence, first at byte 1200"
	for lang, want := range map[string]string{
		english: "found French social security number, 2 times, with high confidence, first at byte 1200",
		french:  "trouvé\u00a0: numéro de sécurité sociale, 2 fois, avec une confiance élevée, d’abord à l’octet 1\u202f200",
	} {
		if got, _ := told(lang, found); got != want {
			t.Errorf("in %s: %q, want %q", lang, got, want)
		}
	}
	p := page{Lang: french}
	if got, want := p.ToldAll("wider: permit a-b; it tightens as well (1 answers); as Ines said"), "s’élargit\u00a0: permit a-b\u00a0; elle restreint aussi (1 réponse)\u00a0; as Ines said"; got != want {
		t.Errorf("several sentences are told as %q, want %q", got, want)
	}
	if got, _ := told(english, "found house-rule once, with low confidence, first at byte 3"); !strings.HasPrefix(got, "found house-rule, once") {
		t.Errorf("what is not known here is told as %q", got)
	}
}

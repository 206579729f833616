package limit

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"strongroom"
)

var updateSentences = flag.Bool("update-sentences", false, "write testdata/sentences.txt anew")

// Every policy that a new room starts with, and every one that the examples of bucket
// policies become, reads as testdata/sentences.txt says, in both languages.
func TestSentences(t *testing.T) {
	sets := []*Set{Default()}
	files, err := filepath.Glob("testdata/bucketpolicy/*.cedar")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 0 {
			sets = append(sets, parsed(t, string(text)))
		}
	}
	var b strings.Builder
	for _, set := range sets {
		for _, p := range set.Policies() {
			fmt.Fprintf(&b, "%s\n  en: %s\n  fr: %s\n", p.ID, set.Sentence(p.ID, "en"), set.Sentence(p.ID, "fr"))
			for _, lang := range []string{"en", "fr"} {
				for _, piece := range set.Sentence(p.ID, lang) {
					if piece.Form == PieceCode && !strings.HasPrefix(piece.Text, `"`) {
						t.Errorf("%s in %s has no words for %s", p.ID, lang, piece.Text)
					}
				}
			}
		}
	}
	const golden = "testdata/sentences.txt"
	if *updateSentences {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || b.String() != string(want) {
		t.Errorf("the sentences are not those of %s (-update-sentences writes them): %v\n%s", golden, err, b.String())
	}
}

func parsed(t testing.TB, text string) *Set {
	t.Helper()
	set, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return set
}

// What words cannot say stands as Cedar; names that would break the sentence do too.
func TestSentenceShowsCedar(t *testing.T) {
	for _, c := range []struct{ policy, en, fr string }{
		{
			`permit (principal in Group::"agents", action == Action::"readObject", resource is Object) when { if resource.scrubbed then true else context.secure };`,
			"Members of agents may open any object, if `if resource.scrubbed then true else context.secure` holds.",
			"Les membres du groupe agents peuvent ouvrir tout objet, si `if resource.scrubbed then true else context.secure` est vérifié.",
		},
		{
			`permit (principal, action == Action::"readObject", resource is Object) when { resource.size + 1 < 10 && resource.scrubbed };`,
			"Everybody may open any object, if `resource.size + 1 < 10` holds and it is a scrubbed copy.",
			"Chacun peut ouvrir tout objet, si `resource.size + 1 < 10` est vérifié et s’il s’agit d’une copie expurgée.",
		},
		{
			`forbid (principal == Principal::"a\" or\nb", action, resource);`,
			"`Principal::\"a\\\" or\\nb\"` may never do anything.",
			"`Principal::\"a\\\" or\\nb\"` ne peut jamais rien faire.",
		},
		{
			`permit (principal, action == Action::"readObject", resource is Object) when { resource has queue && resource.queue == "x”, or it is “y" };`,
			"Everybody may open any object, if its queue is `\"x”, or it is “y\"`.",
			"Chacun peut ouvrir tout objet, si sa file est `\"x”, or it is “y\"`.",
		},
		{
			`permit (principal, action == Action::"readObject", resource is Object) when { context.time.toTime() >= duration("8h") && context.time.toTime() < duration("18h30m") };`,
			"Everybody may open any object, if it is 08:00 or after (UTC) and it is before 18:30 (UTC).",
			"Chacun peut ouvrir tout objet, si l’heure UTC ne précède pas 08:00 et si l’heure UTC précède 18:30.",
		},
		{
			`@requires("purpose,ticket,approval:2") permit (principal in Group::"complaints", action == Action::"readObject", resource in Bucket::"recordings");`,
			"Members of complaints may, given a purpose, a ticket and approvals by 2 other people, open any object in the bucket recordings.",
			"Les membres du groupe complaints peuvent, avec un motif, un ticket et l’approbation de 2 autres personnes, ouvrir tout objet du compartiment recordings.",
		},
		{ // a queue that it has not is not "not billing"
			`permit (principal, action == Action::"readObject", resource is Object) when { resource has queue && resource.queue != "billing" };`,
			"Everybody may open any object, if its queue is known and its queue is not “billing”.",
			"Chacun peut ouvrir tout objet, si on connaît sa file et si sa file n’est pas «\u00a0billing\u00a0».",
		},
		{
			`permit (principal, action == Action::"readObject", resource is Object) when { resource.scrubbed || (resource.sampled && context.secure) } unless { resource.legalHold && resource.confidential };`,
			"Everybody may open any object, if it is a scrubbed copy or (it is in the sample of one version in twenty and the connection uses TLS), unless it is under legal hold and it is confidential.",
			"Chacun peut ouvrir tout objet, s’il s’agit d’une copie expurgée ou (il fait partie de l’échantillon d’une version sur vingt et la connexion utilise TLS), sauf s’il est sous conservation légale et il est confidentiel.",
		},
	} {
		set := parsed(t, `@id("x")`+c.policy)
		if got := set.Sentence("x", "en").String(); got != c.en {
			t.Errorf("%s\nreads %s\nwant  %s", c.policy, got, c.en)
		}
		if got := set.Sentence("x", "fr").String(); got != c.fr {
			t.Errorf("%s\nreads %s\nwant  %s", c.policy, got, c.fr)
		}
	}
	if Default().Sentence("nobody-has-this", "en") != nil {
		t.Error("a policy that is not there reads as something")
	}
}

// Both languages have words for every action, attribute and circumstance of the schema.
func TestTonguesAreWhole(t *testing.T) {
	for lang, tongue := range tongues {
		for uid, action := range roomSchema().Actions {
			deed, ok := tongue.acts[strongroom.Action(uid.ID)]
			for _, kind := range action.AppliesTo.Resources {
				if !ok || kind == typeRoom && deed.room == "" || kind != typeRoom && (!strings.Contains(deed.first, "{0}") || deed.next == "") {
					t.Errorf("%s has no words for %s with %s", lang, uid.ID, kind)
				}
			}
			for name := range action.AppliesTo.Context {
				at := "context." + string(name)
				if _, is := tongue.facts[at]; tongue.terms[at] == "" && !is {
					t.Errorf("%s has no words for %s", lang, at)
				}
			}
		}
		for kind, entity := range roomSchema().Entities {
			for name := range entity.Shape {
				at := "resource." + string(name)
				if kind == typePrincipal {
					at = "principal." + string(name)
				}
				if _, is := tongue.facts[at]; tongue.terms[at] == "" && !is {
					t.Errorf("%s has no words for %s", lang, at)
				}
			}
		}
	}
}

// madeUp writes a random policy over few names, so that different texts often come close.
func madeUp(r *rand.Rand) string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	var condition func(depth int) string
	condition = func(depth int) string {
		if depth > 0 && r.IntN(3) > 0 {
			a, b := condition(depth-1), condition(depth-1)
			switch r.IntN(5) {
			case 0, 1:
				return "(" + a + " && " + b + ")"
			case 2, 3:
				return "(" + a + " || " + b + ")"
			}
			return "!(" + a + ")"
		}
		return pick(
			`resource.scrubbed`, `resource.legalHold`, `context.secure`, `context.byVersion`, `resource.scrubbed == true`,
			`resource has queue`, `(resource has queue && resource.queue == "a")`, `(resource has queue && resource.queue != "a")`, `(resource has queue && !(resource.queue == "a"))`,
			`(resource has queue && principal.supervises.contains(resource.queue))`, `(resource has queue && ["a", "b"].contains(resource.queue))`,
			`(resource has queue && (resource.queue == "a" || resource.queue == "b"))`, `(resource has queue && (resource.queue == "a" || resource.scrubbed))`,
			`principal.supervises.contains("a")`, `principal.supervises.containsAll(["a", "b"])`, `principal.supervises.containsAny(["a", "b"])`,
			`resource.key like "k*"`, `resource.key like "*k"`, `resource.key == "k"`, `resource.key like "k"`, `resource.key like "*1*"`, `resource.key like "k*1"`, `resource.key like "\*"`,
			`principal in Group::"g"`, `principal in [Group::"g", Group::"h"]`, `principal == Principal::"ann"`, `[Principal::"ann", Principal::"ben"].contains(principal)`,
			`principal.kind == "person"`, `principal.name == "ann"`, `resource in Bucket::"calls"`, `resource is Object`,
			`(context has source && context.source.isInRange(ip("192.0.2.0/24")))`, `(context has source && !context.source.isInRange(ip("192.0.2.0/24")))`,
			`context.time < resource.created.offset(duration("1d"))`, `resource.created.offset(duration("1d")) < context.time`, `resource.created.offset(duration("24h")) <= context.time`,
			`context.time >= datetime("2026-03-10T00:00:00Z")`, `datetime("2026-03-10T00:00:00Z") > context.time`, `resource.created < datetime("2026-03-10T00:00:00Z")`, `resource.created < context.time`,
			`context.time.toTime() < duration("12h")`, `duration("12h") < context.time.toTime()`, `context.time.toTime() >= duration("12h")`,
			`context.approvals >= 1`, `1 <= context.approvals`, `context.approvals > 1`, `resource.size < 10`, `resource.size + 1 < 10`, `context.approvals < resource.size`,
			`(context has purpose && context.purpose == "audit")`, `context has purpose`, `(principal.hasTag("site") && principal.getTag("site").contains("a"))`,
			`(resource.hasTag("site") && resource.getTag("site") == "a")`, `resource.hasTag("site")`, `(if resource.scrubbed then context.secure else true)`, `true`,
		)
	}
	text := pick("", "", "", `@requires("purpose")`, `@requires("scrubbed-copy")`, `@requires("purpose,approval")`)
	effect := "permit"
	if text == "" {
		effect = pick("permit", "forbid")
	}
	text += effect + "(" + pick("principal", `principal in Group::"g"`, `principal == Principal::"ann"`, `principal is Principal`, `principal is Principal in Group::"g"`, `principal in Principal::"ann"`) + ", " +
		pick("action", `action == Action::"readObject"`, `action in [Action::"readObject", Action::"readMetadata"]`, `action in [Action::"readMetadata", Action::"readObject"]`, `action in [Action::"readObject"]`) + ", " +
		pick("resource is Object", "resource is Object", `resource in Bucket::"calls"`, `resource is Object in Bucket::"calls"`, `resource == Object::"calls/k1"`) + ")"
	for range r.IntN(3) {
		text += pick(" when", " when", " unless") + " { " + condition(2) + " }"
	}
	return text + ";"
}

func askedOf(r *rand.Rand) strongroom.Question {
	some := func(of ...string) string { return of[r.IntN(len(of))] }
	q := strongroom.Question{
		Action:    strongroom.Action(some("readObject", "readObject", "readMetadata", "deleteObject")),
		Principal: strongroom.Principal{ID: strongroom.ID{1}, Name: some("ann", "ben", "cleo"), Kind: strongroom.PrincipalKind(some("person", "workload")), Attributes: map[string][]string{}},
		Resource: strongroom.Resource{
			Bucket: some("calls", "calls", "mail"), Key: some("k", "k1", "1k", "*", "x"), Custody: "standard", Size: int64(r.IntN(3) * 6), Version: strongroom.ID{byte(r.IntN(256))},
			Created: time.Date(2026, 3, 8+r.IntN(4), 12*r.IntN(2), 0, 0, 0, time.UTC), Attributes: map[string]string{}, Scrubbed: r.IntN(2) == 0, LegalHold: r.IntN(2) == 0,
		},
		Context: strongroom.Context{Time: time.Date(2026, 3, 8+r.IntN(4), 12*r.IntN(2), 0, 0, 0, time.UTC), Method: "sigv4", Secure: r.IntN(2) == 0, Source: some("", "192.0.2.7", "198.51.100.7")},
	}
	q.Resource.ByVersion = r.IntN(2) == 0
	for _, g := range []string{"g", "h"} {
		if r.IntN(2) == 0 {
			q.Principal.Groups = append(q.Principal.Groups, g)
		}
	}
	for _, name := range []string{"queue", "site"} {
		if v := some("", "a", "b"); v != "" {
			q.Resource.Attributes[name] = v
		}
	}
	for _, name := range []string{"supervises", "site"} {
		for _, v := range []string{"a", "b"} {
			if r.IntN(2) == 0 {
				q.Principal.Attributes[name] = append(q.Principal.Attributes[name], v)
			}
		}
	}
	q.Context.Purpose.Text = some("", "audit", "other")
	for i := range r.IntN(3) {
		q.Context.Approvals = append(q.Context.Approvals, strongroom.ID{byte(2 + i)})
	}
	return q
}

// Two policies that read the same decide the same: whatever bears on a decision stands in
// the sentence, so none claims to permit more than it does.
func TestSentencesSayAll(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	same := map[string][]*Set{}
	texts := map[string]bool{}
	made, again, coded := 0, 0, 0
	for made < 6_000 {
		text := madeUp(r)
		set, err := Parse([]byte(`@id("x")` + text))
		if err != nil {
			continue // not one that a room would take
		}
		made++
		en, fr := set.Sentence("x", "en"), set.Sentence("x", "fr")
		if slices.ContainsFunc(en, func(p Piece) bool { return p.Form == PieceCode }) {
			coded++
		}
		for lang, s := range map[string]Sentence{"en": en, "fr": fr} {
			if got := s.String(); !strings.HasSuffix(got, ".") || strings.Contains(got, "{") && !strings.Contains(got, "`") || strings.Contains(got, "  ") || !utf8.ValidString(got) {
				t.Fatalf("%s\nreads %q", text, got)
			}
			key := lang + s.String()
			if !texts[key+text] && len(same[key]) < 8 {
				texts[key+text] = true
				same[key] = append(same[key], set)
			}
		}
	}
	for key, sets := range same {
		for _, other := range sets[1:] {
			again++
			for range 60 {
				q := askedOf(r)
				a, b := sets[0].Decide(q), other.Decide(q)
				forbids := sets[0].Policies()[0].Effect == "forbid"
				if a.Permit != b.Permit || forbids && len(a.Policies) != len(b.Policies) {
					t.Fatalf("%s\nreads the same of\n%s\nand\n%s\nand they answer %+v with %+v and %+v", key, sets[0].Text(), other.Text(), q, a, b)
				}
			}
		}
	}
	if again < 300 || coded < 100 {
		t.Errorf("only %d policies read like another one, and %d have Cedar in their sentence", again, coded)
	}
	t.Logf("%d policies, %d of which read like another one and decide like it; %d have Cedar in their sentence", made, again, coded)
}

// No policy that Parse accepts breaks its sentence.
func FuzzSentence(f *testing.F) {
	f.Add(string(defaultText))
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		f.Add(`@id("x")` + madeUp(r))
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := Parse([]byte(text))
		if err != nil {
			return
		}
		for _, p := range set.Policies() {
			for _, lang := range []string{"en", "fr", "de"} {
				if s := set.Sentence(p.ID, lang).String(); s == "" || !utf8.ValidString(s) || strings.ContainsAny(s, "\n\r\x00\x1b") {
					t.Errorf("%s reads %q", p.ID, s)
				}
			}
		}
	})
}

// Two actions are never said alike, in neither language.
func TestDeedsDiffer(t *testing.T) {
	for _, lang := range []string{"en", "fr"} {
		said := map[string]string{}
		for uid := range roomSchema().Actions {
			name := string(uid.ID)
			says := DeedWords(strongroom.Action(name), lang)
			if says == "" || says == name || strings.Contains(says, "{") || strings.Contains(says, "de un ") {
				t.Errorf("%s in %s is said as %q", name, lang, says)
			}
			if other, twice := said[says]; twice {
				t.Errorf("%s and %s in %s are both said as %q", name, other, lang, says)
			}
			said[says] = name
		}
	}
	if got := DeedWords("somethingNew", "fr"); got != "somethingNew" {
		t.Errorf("an unknown action is said as %q", got)
	}
}

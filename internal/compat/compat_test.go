package main

import (
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The list of reasons in this folder can be read, and every reason excuses something.
func TestReasonsStand(t *testing.T) {
	known, err := parseReasons(reasonsText)
	if err != nil {
		t.Fatal(err)
	}
	used := make([]bool, len(known.order))
	for _, of := range known.of {
		for _, why := range of {
			used[why] = true
		}
	}
	for i, u := range used {
		if !u {
			t.Errorf("nothing is missed because of %q: take it out", known.order[i].title)
		}
	}
}

const someReasons = `
# By design: tags of entities are opaque
> An ETag is
> no digest.
versitygw A_one A_two
minio-go testA

# Not S3
versitygw B
`

func TestParseReasons(t *testing.T) {
	r, err := parseReasons(someReasons)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.order) != 2 || r.order[0] != (reason{"By design: tags of entities are opaque", "An ETag is no digest."}) || r.order[1].title != "Not S3" {
		t.Errorf("the reasons are %q", r.order)
	}
	if of := r.of["versitygw"]; len(of) != 3 || of["A_two"] != 0 || of["B"] != 1 || r.of["minio-go"]["testA"] != 0 {
		t.Errorf("the cases are %v", r.of)
	}
	for text, want := range map[string]string{
		"versitygw A\n":                        "line 1: a reason begins",
		"# a\n# a\n":                           "line 2: the reason stands there already",
		"# a\nversitygw A\n# b\nversitygw A\n": "line 4: A has a reason already",
		"# a\nversitygw\n":                     "no case is named",
		"# a\nsome other line\n":               `there is no suite "some"`,
		"# a\n\nversitygw A A\n":               "line 3: A has a reason already",
	} {
		if _, err := parseReasons(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestObjections(t *testing.T) {
	known, err := parseReasons(someReasons)
	if err != nil {
		t.Fatal(err)
	}
	got := result{"versitygw", ours, []outcome{{"A_one", true, ""}, {"A_two", false, "as ever"}, {"C", false, "why"}, {"D", true, ""}}}
	said := known.objections(got, false)
	if len(said) != 2 || !strings.HasPrefix(said[0], "versitygw A_one passes") || !strings.HasSuffix(said[1], "C fails, and reasons.txt does not say why it may: why") {
		t.Errorf("the objections are %q", said)
	}
	if said := known.objections(got, true); len(said) != 3 || !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, "versitygw has no case B") }) {
		t.Errorf("the objections to a whole run are %q", said)
	}
}

func TestWritePage(t *testing.T) {
	known, err := parseReasons(someReasons)
	if err != nil {
		t.Fatal(err)
	}
	pass := func(n int) []outcome {
		out := []outcome{{"A_one", false, "x"}, {"A_two", false, "x"}, {"B", false, "x"}}
		for i := range n {
			out[i].passed = true
		}
		return out
	}
	results := []result{
		{"versitygw", ours, pass(1)}, {"versitygw", "minio", pass(2)}, {"versitygw", "versitygw", pass(3)},
		{"minio-go", ours, []outcome{{"testA", false, "x"}}}, {"minio-go", "minio", []outcome{{"testA", true, ""}}},
	}
	page := filepath.Join(t.TempDir(), "page.md")
	for range 2 { // what is written is replaced by the next run
		if _, err := os.Stat(page); err != nil {
			if err := os.WriteFile(page, []byte("above\n"+begin+"\n"+end+"\nbelow\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := writePage(page, results, known); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := "above\n" + begin + `

| suite | cases | Strongroom | MinIO | versitygw |
|---|---|---|---|---|
| ` + "`versitygw test`" + `, its full flow | 3 | 1 | 2 | 3 |
| minio-go's functional tests | 1 | 0 | 1 | – |

## What Strongroom misses, and why

3 cases.

### By design: tags of entities are opaque (2)

An ETag is no digest.

- versitygw: ` + "`A_two`" + `
- minio-go: ` + "`testA`" + `

### Not S3 (1)

- versitygw: ` + "`B`" + `

` + end + "\nbelow\n"
	if string(text) != want {
		t.Errorf("the page is\n%s\nwant\n%s", text, want)
	}
	if err := os.WriteFile(page, []byte("nothing to write in"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writePage(page, results, known); err == nil {
		t.Error("a page without a place to write was written")
	}
}

// What one run writes another reads.
func TestReadResults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := &output{Writer: io.Discard, results: f}
	want := []result{
		{"versitygw", "minio", []outcome{{"A", true, ""}, {"B", false, "expected x, got y"}}},
		{"minio-go", "minio", []outcome{{"testA", true, ""}}},
	}
	for _, r := range want {
		for _, o := range r.outcomes {
			if err := w.tell(r.suite, r.server, o); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := readResults(file); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, %v; written was %+v", got, err, want)
	}
}

func TestVersityOutcome(t *testing.T) {
	for _, c := range []struct {
		name, said string
		err        error
		want       outcome
	}{
		{"passed", "\x1b[36mRUN  \x1b[0mA\n\x1b[32mPASS \x1b[0mA\n", nil, outcome{"A", true, ""}},
		{"failed", "\x1b[36mRUN  \x1b[0mA\n\x1b[31mFAIL \x1b[0mA: expected x,  got y\n", errors.New("exit status 1"), outcome{"A", false, "expected x, got y"}},
		{"passed, and its bucket stayed", "RUN  A\nPASS A\nA: failed to delete the bucket: z\n", errors.New("exit status 1"),
			outcome{"A", false, "exit status 1: PASS A; A: failed to delete the bucket: z"}},
		{"said nothing", "", nil, outcome{"A", false, "it did not say that it passed:"}},
		{"took too long", "RUN A", errors.New("not done within 2m0s"), outcome{"A", false, "not done within 2m0s: RUN A"}},
	} {
		if got := versityOutcome("A", c.said, c.err); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestMinioOutcome(t *testing.T) {
	pass := `{"time":"t","level":"INFO","name":"minio-go: f","status":"PASS"}` + "\n"
	for _, c := range []struct {
		name, said string
		err        error
		want       outcome
	}{
		{"passed", pass + pass, nil, outcome{"f", true, ""}},
		{"failed", pass + `{"function":"Put()","status":"FAIL","message":"no","error":"x"}` + "\npanic: y", errors.New("exit status 2"), outcome{"f", false, "Put(): no: x"}},
		{"not implemented", pass + `{"function":"Put()","status":"NA","alert":"Put is NotImplemented"}` + "\n", nil, outcome{"f", false, "Put(): Put is NotImplemented"}},
		{"broke off", "panic: y", errors.New("exit status 2"), outcome{"f", false, "exit status 2: panic: y"}},
		{"ended well and said nothing", "", nil, outcome{"f", true, ""}},
	} {
		if got := minioOutcome("f", c.said, c.err); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// The cases are taken from the suites' sources.
func TestCasesOf(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "", `package p
func TestFullFlow(ts *TestState) { TestOne(ts); if ts.versions { TestTwo(ts) }; TestOne(ts) }
func TestOne(ts *TestState) { ts.Run(A); ts.Run(B) }
func TestTwo(ts *TestState) { ts.Run(C); ts.Run(A); ts.Wait() }
func TestOther(ts *TestState) { ts.Run(D) }
func A(s *S3Conf) error { return handler(s, func() error { return nil }) }
func B(s *S3Conf) error { return handler(s, func() error { return makeUser(s) }) }
func C(s *S3Conf) error { return nil }
func makeUser(s *S3Conf) error { return execCommand("admin") }
func GetIntTests() IntTests { return IntTests{"A": A, "C": C} }
`, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	s := newSource()
	s.add(file)
	if got := s.casesOf("TestFullFlow", []string{"execCommand"}); !slices.Equal(got, []string{"A", "C"}) {
		t.Errorf("the cases are %v", got)
	}
	if len(s.commands) != 2 || !s.commands["A"] || !s.commands["C"] {
		t.Errorf("the commands are %v", s.commands)
	}
}

func TestFunctionalTests(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "", `package main
func main() {
	tls := mustParseBool("x")
	if isFullMode() {
		testA()
		testB()
		if tls { testSecret() }
		if kms { testC() }
	} else {
		testA()
	}
}`, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	if got := functionalTests(file); !slices.Equal(got, []string{"testA", "testB", "testC"}) {
		t.Errorf("the functions are %v", got)
	}
}

// What a case leaves on a server makes the next get another; here there is none at all.
func TestCleanAsksTheServer(t *testing.T) {
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{address: address, accessKey: "a", secret: "b", ended: make(chan struct{})}
	if s.clean(t.Context()) {
		t.Error("a server that is not there is clean")
	}
}

// A case that does not end is ended, with what it started.
func TestAttemptEnds(t *testing.T) {
	said, err := attempt(t.Context(), 200_000_000, t.TempDir(), []string{"PATH=" + os.Getenv("PATH")}, "sh", "-c", "echo begun; sleep 60 & wait")
	if err == nil || err.Error() != "not done within 200ms" || said != "begun\n" {
		t.Errorf("it said %q and ended with %v", said, err)
	}
}

package ways

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"strongroom/cloud/account"
	"strongroom/cloud/reach"
)

func printed(t *testing.T, r *Report, o TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteText(&b, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextSaysWhoHowAndWhatIsMissing(t *testing.T) {
	got := printed(t, New(load(t, details), sample()), TextOptions{Lang: "en", Top: 20})
	for _, want := range []string{
		"account 111122223333, snapshot of 2026-11-22 09:00 UTC",
		"who reads bucket calls",
		"open routes: 2 of 4 (closed: 1, unknown: 1)",
		"get there: 2 principals (certainly: 1, possibly: 1)",
		"Not looked at",
		"bucket-acl",
		"OPEN     s3-get                    Read objects, 1 principal",
		"first step of user alice",
		"unknown  s3-acl (not known without: bucket-acl)",
		"closed   saml",
		"user alice: certain, reads bucket calls",
		"1. Read objects → reads bucket calls",
		"s3:GetObject on arn:aws:s3:::calls/*, by statement 1 (Read) of user alice, inline policy p1",
		"not open before 2025-01-02 (user alice)",
		"1. Assume the role → acts as role content",
		"if aws:SourceIp IpAddress 10.0.0.0/8",
		"not open before 2026-03-04 (policy Deploy, v2)",
		"could still be refused by: organization-scps",
		"Stop the trail (blinds who watches)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
	for line := range strings.Lines(got) {
		if utf8.RuneCountInString(strings.TrimSpace(line)) > columns {
			t.Errorf("wider than %d columns: %s", columns, line)
		}
	}
	french := printed(t, New(load(t, details), sample()), TextOptions{Lang: "fr", Top: 20})
	for _, want := range []string{"qui lit le compartiment calls", "voies ouvertes\u00a0: 2 sur 4", "utilisateur alice\u00a0: certain", "Endosser le rôle → agit en tant que rôle content"} {
		if !strings.Contains(french, want) {
			t.Errorf("it does not say %q:\n%s", want, french)
		}
	}
}

// TestNeverASilentClean: whoever finds nothing but lacks an input is told so, and --fail-on
// unknown sees it.
func TestNeverASilentClean(t *testing.T) {
	r := sample()
	r.Findings = nil
	for i := range r.Routes {
		r.Routes[i].Status = reach.Closed
	}
	r.Routes[0].Status, r.Routes[0].Missing = reach.NotKnown, []string{"bucket-policy"}
	r.Missing = []string{"bucket-policy"}
	report := New(load(t, details), r)
	if report.Open() || !report.Unknown() {
		t.Errorf("open %v, unknown %v", report.Open(), report.Unknown())
	}
	if got := printed(t, report, TextOptions{Lang: "en"}); !strings.Contains(got, "what is missing may hide somebody") || !strings.Contains(got, "bucket-policy") {
		t.Errorf("%s", got)
	}
	a := load(t, strings.Replace(details, `"Effect": "Allow", "Action": "s3:GetObject"`, `"Effect": "allow!", "Action": "s3:GetObject"`, 1))
	r.Routes[0].Status, r.Routes[0].Missing = reach.Closed, nil
	r.Missing = nil
	report = New(a, r)
	if !report.Unknown() || len(report.Faults) == 0 {
		t.Errorf("a statement that nobody can read is not told: %+v", report.Faults)
	}
	if got := printed(t, report, TextOptions{Lang: "en"}); !strings.Contains(got, "allow!") || !strings.Contains(got, "Wrong in the files") {
		t.Errorf("%s", got)
	}
}

// TestHostileNames: what an account holds neither steers a terminal nor turns text around.
func TestHostileNames(t *testing.T) {
	r := sample()
	evil := reach.Principal{Kind: reach.User, ARN: home + "user/\x1b[2J\u202eecila\u0007"}
	r.Findings = append(r.Findings, reach.Finding{Principal: evil, Right: calls, Certainty: reach.Certain, Chains: []reach.Chain{direct(evil, byInline)}})
	got := printed(t, New(load(t, details), r), TextOptions{Lang: "en"})
	if strings.ContainsAny(got, "\x1b\u202e\u0007") {
		t.Errorf("%q", got)
	}
}

func TestWaysPutTheSameTogether(t *testing.T) {
	report := New(load(t, details), many(1000))
	if len(report.Findings) != 1000 || len(report.Ways) > 700 {
		t.Errorf("%d findings in %d ways", len(report.Findings), len(report.Ways))
	}
	n := 0
	for i, w := range report.Ways {
		n += len(w.Who)
		if i > 0 && w.Certainty > report.Ways[i-1].Certainty {
			t.Errorf("way %d is surer than the one before it", i)
		}
	}
	if n != 1000 {
		t.Errorf("%d principals in the ways", n)
	}
	if a, b := printed(t, report, TextOptions{Lang: "en", Top: 20}), printed(t, New(load(t, details), many(1000)), TextOptions{Lang: "en", Top: 20}); a != b {
		t.Error("the same question has two answers")
	} else if n := strings.Count(a, "\n"); n > 400 {
		t.Errorf("%d lines: nobody reads that", n)
	}
}

func TestReportsComeBackFromJSON(t *testing.T) {
	in := New(load(t, details), sample())
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out Report
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(&out)
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("%v\n%s\n%s", err, b, again)
	}
	if out.Form != Form || len(out.Findings) != 2 || out.Findings[0].Certainty != reach.Certain {
		t.Errorf("%+v", out)
	}
}

func TestWordsAreThereInBothLanguages(t *testing.T) {
	for key, w := range words {
		if w.EN == "" || w.FR == "" {
			t.Errorf("%s: %+v", key, w)
		}
		if strings.Count(w.EN, "%") != strings.Count(w.FR, "%") {
			t.Errorf("%s does not say the same in both: %+v", key, w)
		}
		if strings.Contains(w.FR, "'") {
			t.Errorf("%s: a typewriter's apostrophe: %s", key, w.FR)
		}
	}
}

func TestInputsAreThereInFrench(t *testing.T) {
	for _, in := range account.Inputs() {
		if w := inputFrench[in.Name]; w == "" || strings.Contains(w, "'") {
			t.Errorf("%s: %q", in.Name, w)
		}
	}
}

// TestFromIsAboutThem: where the question is about some, others' routes are neither listed nor
// counted as open.
func TestFromIsAboutThem(t *testing.T) {
	r := sample()
	bob := r.Findings[1]
	r.Question.From, r.Findings = []string{bob.Principal.ARN}, []reach.Finding{bob}
	got := printed(t, New(load(t, details), r), TextOptions{Lang: "en", Top: 20})
	if !strings.Contains(got, "routes on their chains: 2") || strings.Contains(got, "trail-stop") || strings.Contains(got, "user alice") && strings.Contains(got, "closed") {
		t.Errorf("%s", got)
	}
	r.Findings = nil
	if report := New(load(t, details), r); report.Open() {
		t.Error("what others reach counts as theirs")
	}
}

// TestWordsThatAreSaidAreThere: each key in the code and in the pages has its words.
func TestWordsThatAreSaidAreThere(t *testing.T) {
	files, err := filepath.Glob("*")
	if err != nil {
		t.Fatal(err)
	}
	said := 0
	for _, file := range files {
		if ext := filepath.Ext(file); ext != ".go" && ext != ".html" || strings.HasSuffix(file, "_test.go") {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\b([TN])(?:\(| )"([^"]+)"`).FindAllStringSubmatch(string(b), -1) {
			keys := []string{m[2]}
			if m[1] == "N" {
				keys = []string{m[2] + ".one", m[2] + ".many"}
			}
			for _, key := range keys {
				if said++; !strings.HasSuffix(key, ".") && words[key].EN == "" {
					t.Errorf("%s says %s, of which there are no words", file, key)
				}
			}
		}
	}
	if said < 100 {
		t.Errorf("%d keys were found", said)
	}
}

// BenchmarkReport makes the report of 10,000 principals and writes every form of it.
func BenchmarkReport(b *testing.B) {
	a, r := load(b, details), many(10_000)
	for b.Loop() {
		report := New(a, r)
		for _, write := range []func(io.Writer) error{
			func(w io.Writer) error { return report.WriteText(w, TextOptions{Lang: "en", Top: 20}) },
			func(w io.Writer) error { return report.WriteHTML(w, "en") },
			func(w io.Writer) error { return report.WriteSARIF(w, "en", nil) },
			report.Picture("en").WriteSVG,
		} {
			if err := write(io.Discard); err != nil {
				b.Fatal(err)
			}
		}
	}
}

package ways

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"strongroom/cloud/reach"
)

// full is a report with everything in it.
func full(t testing.TB, r *reach.Result) *Report {
	t.Helper()
	a := load(t, details)
	out := New(a, r)
	plan := closing()
	plan.Left = []reach.Left{{Principal: "*", Right: calls, Why: text("nothing considered closes it")}}
	out.Plan = NewPlan(a, plan)
	if _, err := out.Plan.Apply(a); err != nil {
		t.Fatal(err)
	}
	after := out.Summary
	after.Routes.Open = 0
	out.Plan.After = &after
	earlier := sample()
	earlier.Findings = earlier.Findings[1:]
	earlier.Routes[0].Status = reach.Closed
	out.Diff = Compare(New(a, earlier), out, a, a)
	return out
}

func html5(t testing.TB, r *Report, lang string) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteHTML(&b, lang); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestPageIsSelfContained: no script, nothing asked of anybody, and a policy that permits the
// one style sheet by its hash and nothing else.
func TestPageIsSelfContained(t *testing.T) {
	for _, lang := range Languages {
		page := html5(t, full(t, sample()), lang)
		for _, bad := range []string{"<script", "<link", "<img", "<iframe", "url(", "@import", "javascript:", "ZgotmplZ"} {
			if strings.Contains(page, bad) {
				t.Errorf("%s: it has %s", lang, bad)
			}
		}
		if m := regexp.MustCompile(`\s(on[a-z]+|style|src)="`).FindString(page); m != "" {
			t.Errorf("%s: it has an attribute%s", lang, m)
		}
		style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindAllStringSubmatch(page, -1)
		if len(style) != 1 {
			t.Fatalf("%s: %d styles", lang, len(style))
		}
		sum := sha256.Sum256([]byte(style[0][1]))
		if want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(html.UnescapeString(page), want) || !strings.Contains(page, "default-src 'none'") {
			t.Errorf("%s: its policy does not permit its style: %s", lang, want)
		}
		for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			if id, ok := strings.CutPrefix(m[1], "#"); !ok || !strings.Contains(page, `id="`+id+`"`) {
				t.Errorf("%s: %s leads nowhere here", lang, m[1])
			}
		}
		if !strings.Contains(page, `<html lang="`+lang+`"`) {
			t.Errorf("%s: it does not say its language", lang)
		}
	}
}

// TestPageOfHostileNames: whatever is in an account is text.
func TestPageOfHostileNames(t *testing.T) {
	const evil = `<script>alert(1)</script>"onload='x'` + "\u202e"
	r := sample()
	p := reach.Principal{Kind: reach.User, ARN: home + "user/" + evil, Name: evil}
	c := direct(p, reach.Because{Policy: evil, Sid: evil, Source: reach.Source{Kind: "?", Owner: evil}})
	c.Steps[0].Via, c.Steps[0].Conditions = home+"role/"+evil, []reach.Condition{{Operator: "StringLike", Key: evil, Values: []string{evil}}}
	r.Findings = append(r.Findings, reach.Finding{Principal: p, Right: reach.Right{Kind: reach.ReadBucket, Target: "arn:aws:s3:::" + evil}, Certainty: reach.Certain, Chains: []reach.Chain{c}, Missing: []string{evil}})
	r.Rights = append(r.Rights, reach.Right{Kind: reach.UseKey, Target: evil})
	r.Faults = []string{evil}
	r.Routes[1].Missing = append(r.Routes[1].Missing, "bucket-policy "+evil)
	r.Question.From, r.Question.Intended = []string{evil}, []reach.Intended{{Role: home + "role/" + evil}}
	report := full(t, r)
	report.Plan.Changes[0].What = text(evil)
	var svg, sarif bytes.Buffer
	if err := report.Picture("fr").WriteSVG(&svg); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteSARIF(&sarif, "fr", []string{"account.json"}); err != nil {
		t.Fatal(err)
	}
	page := html5(t, report, "fr")
	for name, got := range map[string]string{"the page": page, "the picture": svg.String()} {
		if strings.Contains(got, "<script>alert") || strings.Contains(got, `"onload='`) {
			t.Errorf("%s has the name as markup", name)
		}
		if strings.Contains(got, "\u202e") {
			t.Errorf("%s has a character that turns text around", name)
		}
		if !strings.Contains(got, "&lt;script&gt;") {
			t.Errorf("%s does not show the name", name)
		}
	}
	for _, s := range []string{svg.String()} {
		wellFormed(t, s)
	}
}

func wellFormed(t *testing.T, s string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(s))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("not XML: %v", err)
		}
	}
}

// TestPictureIsBounded: it can be read whoever many there are, no two nodes lie over each
// other, and everybody is counted at left.
func TestPictureIsBounded(t *testing.T) {
	for _, n := range []int{0, 1, 10, 100, 1000} {
		report := New(load(t, details), many(n))
		p := report.Picture("en")
		var b bytes.Buffer
		if err := p.WriteSVG(&b); err != nil {
			t.Fatal(err)
		}
		wellFormed(t, b.String())
		if b.Len() > 100_000 {
			t.Errorf("%d principals: %d bytes", n, b.Len())
		}
		people := 0
		for column, nodes := range p.columns {
			if len(nodes) > pictureRows[column] {
				t.Errorf("%d principals: %d nodes in column %d", n, len(nodes), column)
			}
			for i, x := range nodes {
				if column == pictureWho {
					people += x.count
				}
				for _, y := range nodes[:i] {
					if x.y < y.y+pictureHigh && y.y < x.y+pictureHigh {
						t.Errorf("%d principals: %q lies over %q", n, x.name, y.name)
					}
				}
			}
		}
		if people != n {
			t.Errorf("%d principals: %d are in the picture", n, people)
		}
		if n > 0 && (len(p.Lights) == 0 || !strings.Contains(p.SVG(), `href="#lit-1"`)) {
			t.Errorf("%d principals: nothing can be lit", n)
		}
	}
}

func TestPageSaysWhatIsMissingFirst(t *testing.T) {
	page := html5(t, full(t, sample()), "en")
	doubt, routes := strings.Index(page, "depends on 2 inputs"), strings.Index(page, `id="routes"`)
	if doubt < 0 || doubt > routes {
		t.Errorf("what is missing is told at %d, the routes at %d", doubt, routes)
	}
	if !strings.Contains(page, "aws organizations list-policies-for-target") {
		t.Error("the command that gets what is missing is not told")
	}
}

// TestPagesForLooking writes pages to the folder of STRONGROOM_LOOK, for people to look at.
func TestPagesForLooking(t *testing.T) {
	folder := os.Getenv("STRONGROOM_LOOK")
	if folder == "" {
		t.Skip("STRONGROOM_LOOK names no folder")
	}
	for _, n := range []int{2, 10, 100, 1000} {
		r := sample()
		if n > 2 {
			r = many(n)
		}
		for _, lang := range Languages {
			if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("ways-%d-%s.html", n, lang)), []byte(html5(t, full(t, r), lang)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

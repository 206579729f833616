// Command accuracy measures the detectors of package classify on corpora with known answers, and prints
// tables in Markdown: how much of what should be redacted would be, how much of what would be should be,
// and for each label how many finds are right. Nothing of the corpora is printed.
//
// The corpora are looked for in the folder named by STRONGROOM_CORPORA, else in ../shared/corpora beside
// the repository: pii/en/synth_dataset_v2.json and pii/fr/*.json with their *.txt.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"strongroom/classify"
)

// span is a stretch of a text in Unicode code points, and what it is said to be.
type span struct {
	start, end int64
	label      string
}

// document is a text with its known answers.
type document struct {
	text string
	gold []span
}

// covered are the labels of the corpora that detectors look for by form and validator, and
// partly those that they find only after a cue such as "my name is" or a title.
var (
	covered = map[string][]string{
		"CREDIT_CARD":       {"card-number", "card-checksum"},
		"IBAN_CODE":         {"iban"},
		"EMAIL_ADDRESS":     {"email"},
		"PHONE_NUMBER":      {"fr-phone", "fr-phone-plain", "phone-international", "us-phone", "phone-announced"},
		"US_SSN":            {"us-ssn", "us-ssn-plain"},
		"IP_ADDRESS":        {"ip-address"},
		"DOMAIN_NAME":       {"web-address"},
		"US_DRIVER_LICENSE": {"driving-license", "driving-license-digits"},
	}
	partly = map[string][]string{
		"PERSON":         {"name-introduced", "name-titled"},
		"STREET_ADDRESS": {"fr-street-address", "street-address"},
		"DATE_TIME":      {"birth-date", "birth-date-in-words"},
	}
)

// labelOf is the label that a detector stands for, or "".
func labelOf(detector string) string {
	for _, labels := range []map[string][]string{covered, partly} {
		for label, detectors := range labels {
			if slices.Contains(detectors, detector) {
				return label
			}
		}
	}
	return ""
}

// find answers what the detectors find with medium and high confidence, which is what labels go by.
func find(text string) []span {
	var out []span
	for _, s := range classify.Text([]byte(text)) {
		if s.Confidence >= classify.Medium {
			out = append(out, span{s.StartChar, s.EndChar, s.Detector})
		}
	}
	return out
}

// chars marks the characters that spans cover.
func chars(length int, spans []span) []bool {
	marked := make([]bool, length)
	for _, s := range spans {
		for i := max(0, s.start); i < min(s.end, int64(length)); i++ {
			marked[i] = true
		}
	}
	return marked
}

// share is a part of a whole.
type share struct{ part, whole int }

func (s share) String() string {
	if s.whole == 0 {
		return "–"
	}
	return fmt.Sprintf("%.3f", float64(s.part)/float64(s.whole))
}

func (s *share) add(o share) { s.part, s.whole = s.part+o.part, s.whole+o.whole }

// overlapOf is how much of what some spans cover others cover too, in characters.
func overlapOf(length int, of, by []span) share {
	a, b := chars(length, of), chars(length, by)
	var s share
	for i := range a {
		if a[i] {
			s.whole++
			if b[i] {
				s.part++
			}
		}
	}
	return s
}

// score counts finds of one label against the known answers.
type score struct{ right, found, known int }

func (s score) f1() share { return share{2 * s.right, s.found + s.known} }

// match pairs finds with answers, each once: the same place, or some of it.
func match(found, known []span, exact bool) (right int) {
	used := make([]bool, len(known))
	for _, f := range found {
		for i, k := range known {
			if used[i] || exact && (f.start != k.start || f.end != k.end) || f.start >= k.end || k.start >= f.end {
				continue
			}
			used[i] = true
			right++
			break
		}
	}
	return right
}

// result is what a corpus came to.
type result struct {
	name                    string
	documents, characters   int
	coveredRecall, coverPre share
	allRecall, allPre       share
	exact, overlap          map[string]*score
}

// measure holds the detectors against a corpus.
func measure(name string, all []document) result {
	r := result{name: name, documents: len(all), exact: map[string]*score{}, overlap: map[string]*score{}}
	only := func(spans []span, want func(string) bool) (out []span) {
		for _, s := range spans {
			if want(s.label) {
				out = append(out, s)
			}
		}
		return out
	}
	for _, d := range all {
		length := len([]rune(d.text))
		r.characters += length
		found := find(d.text)
		isCovered := func(label string) bool { return covered[label] != nil }
		byCovered := only(found, func(detector string) bool { return isCovered(labelOf(detector)) })
		r.coveredRecall.add(overlapOf(length, only(d.gold, isCovered), found))
		r.coverPre.add(overlapOf(length, byCovered, d.gold))
		r.allRecall.add(overlapOf(length, d.gold, found))
		r.allPre.add(overlapOf(length, found, d.gold))
		labels := map[string]bool{}
		for _, s := range d.gold {
			labels[s.label] = true
		}
		for _, s := range found {
			if l := labelOf(s.label); l != "" {
				labels[l] = true
			}
		}
		for label := range labels {
			known := only(d.gold, func(l string) bool { return l == label })
			mine := only(found, func(detector string) bool { return labelOf(detector) == label })
			for exact, scores := range map[bool]map[string]*score{true: r.exact, false: r.overlap} {
				if scores[label] == nil {
					scores[label] = &score{}
				}
				s := scores[label]
				s.right += match(mine, known, exact)
				s.found += len(mine)
				s.known += len(known)
			}
		}
	}
	return r
}

// write prints the tables of a corpus.
func (r result) write(w io.Writer) {
	fmt.Fprintf(w, "**%s**: %d documents, %d characters, detectors %s.\n\n", r.name, r.documents, r.characters, classify.Version())
	fmt.Fprintf(w, "| characters | recall | precision |\n|---|---|---|\n")
	if r.coveredRecall.whole > 0 {
		fmt.Fprintf(w, "| of covered labels | %s (%d of %d) | %s (%d of %d) |\n", r.coveredRecall, r.coveredRecall.part, r.coveredRecall.whole, r.coverPre, r.coverPre.part, r.coverPre.whole)
	}
	fmt.Fprintf(w, "| of everything labelled | %s (%d of %d) | %s (%d of %d) |\n\n", r.allRecall, r.allRecall.part, r.allRecall.whole, r.allPre, r.allPre.part, r.allPre.whole)
	fmt.Fprintf(w, "| label | looked for | known | found | exact F1 | overlap precision | overlap recall | overlap F1 |\n|---|---|---|---|---|---|---|---|\n")
	var labels []string
	for l := range r.exact {
		labels = append(labels, l)
	}
	rank := func(l string) int {
		switch {
		case covered[l] != nil:
			return 0
		case partly[l] != nil:
			return 1
		}
		return 2
	}
	slices.SortFunc(labels, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(r.exact[b].known, r.exact[a].known), strings.Compare(a, b))
	})
	for _, l := range labels {
		e, o := r.exact[l], r.overlap[l]
		if e.known == 0 && len(labels) > 0 && rank(l) < 2 && e.found == 0 {
			continue
		}
		fmt.Fprintf(w, "| %s | %s | %d | %d | %s | %s | %s | %s |\n", l, []string{"yes", "after a cue", "no"}[rank(l)], e.known, e.found, e.f1(),
			share{o.right, o.found}, share{o.right, o.known}, o.f1())
	}
	fmt.Fprintln(w)
}

// corpora is the folder with the corpora.
func corpora() string {
	if dir := os.Getenv("STRONGROOM_CORPORA"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "..", "shared", "corpora")
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
		} else {
			break
		}
	}
	return filepath.Join("..", "shared", "corpora")
}

// readEnglish reads the corpus pii/en: synthetic sentences with the places of what they contain.
func readEnglish(dir string) ([]document, error) {
	body, err := os.ReadFile(filepath.Join(dir, "pii", "en", "synth_dataset_v2.json"))
	if err != nil {
		return nil, err
	}
	var rows []struct {
		Text  string `json:"full_text"`
		Spans []struct {
			Type  string `json:"entity_type"`
			Start int64  `json:"start_position"`
			End   int64  `json:"end_position"`
		} `json:"spans"`
	}
	if err := json.Unmarshal(body, &rows); err != nil {
		return nil, err
	}
	var out []document
	for _, r := range rows {
		d := document{text: r.Text}
		for _, s := range r.Spans {
			d.gold = append(d.gold, span{s.Start, s.End, s.Type})
		}
		out = append(out, d)
	}
	return out, nil
}

// readFrench reads the corpus pii/fr: interviews, letters and minutes, each with its answers beside it.
func readFrench(dir string) ([]document, error) {
	files, err := filepath.Glob(filepath.Join(dir, "pii", "fr", "*.json"))
	if err != nil || len(files) == 0 {
		return nil, cmp.Or(err, error(fs.ErrNotExist))
	}
	var out []document
	for _, f := range files {
		body, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		var answers struct {
			Entities []struct {
				Type  string `json:"entity_type"`
				Start int64  `json:"start_pos"`
				End   int64  `json:"end_pos"`
			} `json:"entities"`
		}
		if err := json.Unmarshal(body, &answers); err != nil {
			return nil, fmt.Errorf("reading %s: %w", f, err)
		}
		text, err := os.ReadFile(strings.TrimSuffix(f, ".json") + ".txt")
		if err != nil {
			return nil, err
		}
		d := document{text: string(text)}
		for _, e := range answers.Entities {
			if s := (span{e.Start, e.End, e.Type}); !slices.Contains(d.gold, s) { // some are there twice
				d.gold = append(d.gold, s)
			}
		}
		out = append(out, d)
	}
	return out, nil
}

// Marks in a document between which the tables stand.
const (
	begin = "<!-- accuracy: written by make accuracy -->\n"
	end   = "<!-- accuracy: end -->\n"
)

func run(out io.Writer, dir, into string) error {
	var tables bytes.Buffer
	for _, c := range []struct {
		name string
		read func(string) ([]document, error)
	}{{"pii/en", readEnglish}, {"pii/fr", readFrench}} {
		all, err := c.read(dir)
		if err != nil {
			return fmt.Errorf("reading the corpus %s in %s: %w", c.name, dir, err)
		}
		measure(c.name, all).write(&tables)
	}
	if into == "" {
		_, err := tables.WriteTo(out)
		return err
	}
	page, err := os.ReadFile(into)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s has no place for the tables: it needs the lines %q and %q", into, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return os.WriteFile(into, []byte(before+begin+"\n"+tables.String()+end+after), 0o644)
}

func main() {
	into := flag.String("write", "", "write the tables into this Markdown file, between its marks")
	flag.Parse()
	if err := run(os.Stdout, corpora(), *into); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
}

package classify

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed detectors.yaml
var tableText []byte

// engineVersion changes with the code of scanner and validators, as the table's digest
// changes with the rows: what one version looked at is looked at again by the next.
const engineVersion = "1"

// Version names the detectors in force: of engine and table.
var Version = sync.OnceValue(func() string {
	sum := sha256.Sum256(tableText)
	return engineVersion + "-" + hex.EncodeToString(sum[:4])
})

// Confidence says how sure a find is.
type Confidence uint8

const (
	// Low finds are told and counted, and bring no class by themselves.
	Low Confidence = iota + 1
	Medium
	High
)

var confidenceNames = []string{"", "low", "medium", "high"}

func (c Confidence) String() string { return confidenceNames[min(int(c), len(confidenceNames)-1)] }

// MarshalText gives a Confidence its name in JSON.
func (c Confidence) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads low, medium or high.
func (c *Confidence) UnmarshalText(b []byte) error {
	for i, name := range confidenceNames {
		if string(b) == name {
			*c = Confidence(i)
			return nil
		}
	}
	return fmt.Errorf("a confidence is low, medium or high, not %q", b)
}

// UnmarshalYAML reads the same from a table.
func (c *Confidence) UnmarshalYAML(n *yaml.Node) error { return c.UnmarshalText([]byte(n.Value)) }

// Detector is a row of the table: what is looked for, how sure a find is with a keyword
// nearby and without, and examples that are tests.
type Detector struct {
	ID        string   `yaml:"id" json:"id"`
	Class     string   `yaml:"class" json:"class"`
	Languages []string `yaml:"languages" json:"languages,omitempty"` // of the keywords; none: in any text
	// Form is what makes the scanner try the row:
	//   digits  a number of so many digits, with separators within it
	//   token   a word of at most four letters before a digit
	//   at      the sign @
	//   prefix  a word that begins as one of the keywords says
	//   after   what follows one of the keywords
	Form      string `yaml:"form" json:"form"`
	Validator string `yaml:"validator" json:"validator"`
	Lengths   [2]int `yaml:"lengths" json:"lengths,omitzero"` // digits at least and at most, of the form digits
	// Whole: no other digit is joined to the number by a point, a hyphen or a slash.
	Whole    bool     `yaml:"whole" json:"whole,omitempty"`
	Keywords []string `yaml:"keywords" json:"keywords,omitempty"` // a * at the end: the word may go on
	// Before and After are how many bytes before the find a keyword may end, and after it begin.
	Before int `yaml:"before" json:"before,omitempty"`
	After  int `yaml:"after" json:"after,omitempty"`
	// Alone and Near are the confidence without and with a keyword; none means no find.
	Alone Confidence `yaml:"alone" json:"alone,omitempty"`
	Near  Confidence `yaml:"near" json:"near,omitempty"`
	Match []string   `yaml:"match" json:"-"` // texts with the find between ⟦ and ⟧
	Not   []string   `yaml:"not" json:"-"`   // texts in which this row finds nothing
}

// Reach of rows and validators, in bytes: what a find is told by lies between lookBehind
// before its start and lookAhead after it.
const (
	maxWindow  = 128
	maxKeyword = 48
	maxSpan    = 8 << 10
	lookBehind = 512
	lookAhead  = maxSpan + 512
)

// parseTable reads a table of detectors and holds every row to the schema.
func parseTable(text []byte) ([]Detector, error) {
	var file struct {
		Keywords  map[string][]string `yaml:"keywords"`
		Detectors []Detector          `yaml:"detectors"`
	}
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("reading the table of detectors: %w", err)
	}
	if len(file.Detectors) == 0 || len(file.Detectors) > 64 {
		return nil, fmt.Errorf("the table has %d detectors, it may have 1 to 64", len(file.Detectors))
	}
	seen := map[string]bool{}
	for i := range file.Detectors {
		row := &file.Detectors[i]
		var words []string
		for _, k := range row.Keywords {
			if name, ok := strings.CutPrefix(k, "$"); ok {
				shared := file.Keywords[name]
				if len(shared) == 0 {
					return nil, fmt.Errorf("detector %q: there are no keywords %q", row.ID, k)
				}
				words = append(words, shared...)
			} else {
				words = append(words, k)
			}
		}
		row.Keywords = words
		if row.Before == 0 && row.After == 0 && len(words) > 0 {
			row.Before, row.After = 60, 30
		}
		if err := row.check(); err != nil {
			return nil, fmt.Errorf("detector %q: %w", row.ID, err)
		}
		if seen[row.ID] {
			return nil, fmt.Errorf("detector %q is there twice", row.ID)
		}
		seen[row.ID] = true
	}
	return file.Detectors, nil
}

func (d *Detector) check() error {
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if d.ID == "" || d.Class == "" {
		wrong("a row needs an id and a class")
	}
	known := false
	switch d.Form {
	case "digits":
		_, known = numberValidators[d.Validator]
		if d.Lengths[0] < 3 || d.Lengths[1] < d.Lengths[0] || d.Lengths[1] > maxDigits {
			wrong("lengths are [least, most], within 3 and %d", maxDigits)
		}
	case "token", "at":
		_, known = textValidators[d.Validator]
	case "prefix", "after":
		_, known = textValidators[d.Validator]
		if len(d.Keywords) == 0 || d.Alone != 0 || d.Near == 0 {
			wrong("the form %s goes by keywords: it needs some, near, and no alone", d.Form)
		}
	default:
		wrong("there is no form %q", d.Form)
	}
	if !known {
		wrong("the form %q has no validator %q", d.Form, d.Validator)
	}
	if d.Form != "digits" && (d.Whole || d.Lengths != [2]int{}) {
		wrong("lengths and whole belong to the form digits")
	}
	if d.Alone == 0 && d.Near == 0 || d.Near != 0 && d.Near < d.Alone {
		wrong("a keyword makes a find surer, and a row finds something")
	}
	if (len(d.Keywords) > 0) != (d.Near != 0) {
		wrong("keywords and near belong together")
	}
	if d.Before < 0 || d.After < 0 || d.Before > maxWindow || d.After > maxWindow {
		wrong("before and after are within 0 and %d bytes", maxWindow)
	}
	for _, k := range d.Keywords {
		if n := len(normal(k)); n < 1 || n > maxKeyword || !isLetter(normal(k)[0]) {
			wrong("keyword %q: it begins with a letter and has at most %d bytes", k, maxKeyword)
		}
	}
	if len(d.Match) == 0 || len(d.Not) == 0 {
		wrong("a row brings examples that must and that must not match")
	}
	for _, m := range d.Match {
		if strings.Count(m, "⟦") != 1 || strings.Count(m, "⟧") != 1 {
			wrong("example %q: the find stands between ⟦ and ⟧", m)
		}
	}
	return errors.Join(problems...)
}

package intake

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"strongroom"
)

// Mapping says what the files of a landing place are and what becomes of them. It is
// data: a new platform is a new file. docs/intake.md describes the format.
type Mapping struct {
	Name    string   `json:"name"`
	Comment []string `json:"comment,omitempty"` // what it is for, and where the layout is described
	Files   []Rule   `json:"files"`             // the first whose key matches wins
	// Join names the captures that a recording and its metadata have in common.
	Join []string `json:"join,omitempty"`
	// Metadata is "expected" (wait for it, then take the recording marked unjoined) or
	// "optional" (wait as long, then take it as it is).
	Metadata string   `json:"metadata,omitempty"`
	Wait     Duration `json:"wait,omitempty"`
	// Alone is how long metadata without a recording stays before it is taken by itself;
	// nothing means that it stays, as a finding.
	Alone      Duration          `json:"alone,omitempty"`
	Into       Into              `json:"into,omitzero"`
	Attributes map[string]Values `json:"attributes,omitempty"`
	// ContentTypes by the ending of the key, where neither its rule nor the source says.
	ContentTypes map[string]string `json:"content_types,omitempty"`
	Limits       Limits            `json:"limits,omitzero"`

	into, bucket          []piece
	hasMetadata, usesTags bool
}

// Into is where things go: templates over what was captured, and {key}, the whole key.
type Into struct {
	Bucket string `json:"bucket,omitempty"`
	Key    string `json:"key,omitempty"` // default {key}
}

// Limits bound what is read of a metadata file.
type Limits struct {
	MetadataBytes int64 `json:"metadata_bytes,omitempty"` // default 1 MiB
	MetadataDepth int   `json:"metadata_depth,omitempty"` // default 32
}

// Rule recognises one sort of file.
type Rule struct {
	Key         string `json:"key"`
	As          string `json:"as"`                     // recording, metadata or leave
	Kind        string `json:"kind,omitempty"`         // the attribute kind, unless Attributes say otherwise
	ContentType string `json:"content_type,omitempty"` // in place of the source's
	Into        string `json:"into,omitempty"`         // in place of Mapping.Into.Key

	pattern *pattern
	into    []piece
}

// What a Rule makes of a file.
const (
	AsRecording = "recording"
	AsMetadata  = "metadata"
	AsLeave     = "leave" // known, and not for us
)

// Value is one place where an attribute may be found. Exactly one of JSON, Key, Header,
// Tag and Text is set.
type Value struct {
	JSON   string `json:"json,omitempty"`   // RFC 6901 pointer into a metadata file
	Key    string `json:"key,omitempty"`    // a capture
	Header string `json:"header,omitempty"` // user metadata of the recording at the source
	Tag    string `json:"tag,omitempty"`    // tag of the recording at the source
	Text   string `json:"text,omitempty"`   // always this

	Form   string            `json:"form,omitempty"`   // text (default), lower, seconds, milliseconds, time
	Layout string            `json:"layout,omitempty"` // of a time, in Go's notation; default RFC 3339
	Map    map[string]string `json:"map,omitempty"`    // what becomes of which value; of any other nothing, or what "*" says
}

// Values are tried in order; the first that holds something counts. In JSON one may
// stand without its list.
type Values []Value

// UnmarshalJSON reads a list, or one value.
func (v *Values) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if trimmed := bytes.TrimSpace(b); len(trimmed) > 0 && trimmed[0] == '{' {
		var one Value
		if err := d.Decode(&one); err != nil {
			return err
		}
		*v = Values{one}
		return nil
	}
	var list []Value
	if err := d.Decode(&list); err != nil {
		return err
	}
	*v = list
	return nil
}

// Duration is a time.Duration as people write it: "10m".
type Duration time.Duration

// MarshalText and UnmarshalText give a Duration its text form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err == nil && (v < 0 || v > 366*24*time.Hour) {
		err = fmt.Errorf("%s is not between 0 and 366 days", v)
	}
	*d = Duration(v)
	return err
}

const (
	maxMapping    = 256 << 10
	maxAttributes = 32
	// MaxAttribute bounds the value of one attribute, in bytes.
	MaxAttribute = 256
	// maxUserMetadata is what S3 allows an object in all.
	maxUserMetadata = 2 << 10
)

var attributeName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,47}$`)

// reserved attributes are not a mapping's to set: the first three are intake's own, and
// a platform's export is never a copy made safe to share.
var reserved = []string{"intake", "unjoined", "taken-alone", "scrubbed"}

//go:embed mappings/*.json
var builtIn embed.FS

// BuiltIn lists the mappings that are in the program.
func BuiltIn() []string {
	files, err := fs.Glob(builtIn, "mappings/*.json")
	if err != nil {
		panic("intake: " + err.Error()) // the pattern is malformed
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(path.Base(f), ".json"))
	}
	return names
}

// Named returns a mapping that is in the program.
func Named(name string) (*Mapping, error) {
	text, err := Text(name)
	if err != nil {
		return nil, err
	}
	return ParseMapping(text)
}

// Text is a built-in mapping's file, for whoever wants to begin their own with it.
func Text(name string) ([]byte, error) {
	text, err := builtIn.ReadFile("mappings/" + name + ".json")
	if err != nil {
		return nil, &strongroom.Error{
			Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no built-in mapping %q", clip(name)),
			Hint: "built in are " + strings.Join(BuiltIn(), ", ") + "; any other is a file, named with a / or ending in .json",
		}
	}
	return text, nil
}

// ParseMapping reads a mapping and checks all of it.
func ParseMapping(text []byte) (*Mapping, error) {
	if len(text) > maxMapping {
		return nil, fmt.Errorf("the mapping is longer than %d bytes", maxMapping)
	}
	if err := checkDepth(text, 16); err != nil {
		return nil, fmt.Errorf("reading the mapping: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var m Mapping
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("reading the mapping: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("reading the mapping: something follows its end")
	}
	if err := m.compile(); err != nil {
		return nil, fmt.Errorf("the mapping %q: %w", clip(m.Name), err)
	}
	return &m, nil
}

func (m *Mapping) compile() (err error) {
	if m.Name == "" || len(m.Files) == 0 || len(m.Files) > 64 {
		return errors.New("it needs a name and 1 to 64 files")
	}
	if m.Limits.MetadataBytes == 0 {
		m.Limits.MetadataBytes = 1 << 20
	}
	if m.Limits.MetadataDepth == 0 {
		m.Limits.MetadataDepth = 32
	}
	if m.Limits.MetadataBytes < 1 || m.Limits.MetadataBytes > 64<<20 || m.Limits.MetadataDepth < 1 || m.Limits.MetadataDepth > 1000 {
		return errors.New("limits: metadata_bytes is 1 to 64 MiB, metadata_depth 1 to 1,000")
	}
	if m.Into.Key == "" {
		m.Into.Key = "{key}"
	}
	if m.into, err = pieces(m.Into.Key); err != nil {
		return fmt.Errorf("into.key: %w", err)
	}
	if m.Into.Bucket != "" {
		if m.bucket, err = pieces(m.Into.Bucket); err != nil {
			return fmt.Errorf("into.bucket: %w", err)
		}
	}
	for i := range m.Files {
		if err := m.compileRule(&m.Files[i]); err != nil {
			return fmt.Errorf("files[%d]: %w", i, err)
		}
		m.hasMetadata = m.hasMetadata || m.Files[i].As == AsMetadata
	}
	switch m.Metadata {
	case "":
		m.Metadata = "optional"
		if m.hasMetadata {
			m.Metadata = "expected"
		}
	case "expected", "optional":
	default:
		return fmt.Errorf("metadata is %q, not expected or optional", clip(m.Metadata))
	}
	if m.Metadata == "expected" && !m.hasMetadata {
		return errors.New("metadata is expected, and no file is metadata")
	}
	if m.hasMetadata && len(m.Join) == 0 {
		return errors.New("join names no capture, so no metadata can be joined to its recording")
	}
	return m.checkAttributes()
}

func (m *Mapping) compileRule(r *Rule) (err error) {
	switch r.As {
	case AsRecording, AsMetadata, AsLeave:
	default:
		return fmt.Errorf("as is %q, not recording, metadata or leave", clip(r.As))
	}
	if r.pattern, err = newPattern(r.Key); err != nil {
		return err
	}
	if r.pattern.has("key") {
		return errors.New("{key} is the whole key and cannot be captured")
	}
	if r.As == AsLeave {
		return nil
	}
	r.into = m.into
	if r.Into != "" {
		if r.into, err = pieces(r.Into); err != nil {
			return fmt.Errorf("into: %w", err)
		}
	}
	for _, p := range slices.Concat(r.into, m.bucket) {
		if p.name != "" && p.name != "key" && !r.pattern.has(p.name) {
			return fmt.Errorf("where it goes depends on {%s}, which %q does not capture", p.name, clip(r.Key))
		}
		if p.form != "" {
			return fmt.Errorf("{%s:%s}: a destination only names what was captured", p.name, p.form)
		}
	}
	if r.As == AsMetadata {
		for _, name := range m.Join {
			if !r.pattern.has(name) {
				return fmt.Errorf("%q captures no {%s}, by which metadata is joined", clip(r.Key), clip(name))
			}
		}
	}
	if r.Kind != "" {
		return checkText("kind", r.Kind)
	}
	return nil
}

func (m *Mapping) checkAttributes() error {
	if len(m.Attributes) > maxAttributes {
		return fmt.Errorf("it has more than %d attributes", maxAttributes)
	}
	for name, values := range m.Attributes {
		if !attributeName.MatchString(name) {
			return fmt.Errorf("%q is no attribute: a lower-case letter, then letters, digits or -", clip(name))
		}
		if slices.Contains(reserved, name) {
			return fmt.Errorf("the attribute %q is not a mapping's to set", name)
		}
		if len(values) == 0 || len(values) > 16 {
			return fmt.Errorf("the attribute %s needs 1 to 16 places where it may be found", name)
		}
		for _, v := range values {
			if err := m.checkValue(v); err != nil {
				return fmt.Errorf("the attribute %s: %w", name, err)
			}
			m.usesTags = m.usesTags || v.Tag != ""
		}
	}
	return nil
}

func (m *Mapping) checkValue(v Value) error {
	set := 0
	for _, s := range []string{v.JSON, v.Key, v.Header, v.Tag, v.Text} {
		if s != "" {
			set++
		}
	}
	if set != 1 {
		return errors.New("each place is exactly one of json, key, header, tag and text")
	}
	if v.JSON != "" && (v.JSON[0] != '/' || len(v.JSON) > maxPattern) {
		return fmt.Errorf("%q is no JSON pointer: it begins with /", clip(v.JSON))
	}
	if v.Key != "" && v.Key != "key" && !slices.ContainsFunc(m.Files, func(r Rule) bool { return r.pattern.has(v.Key) }) {
		return fmt.Errorf("no file captures {%s}", clip(v.Key))
	}
	switch v.Form {
	case "", "text", "lower", "seconds", "milliseconds", "time":
	default:
		return fmt.Errorf("form is %q, not text, lower, seconds, milliseconds or time", clip(v.Form))
	}
	if v.Layout != "" && v.Form != "time" {
		return errors.New("only a time has a layout")
	}
	return checkText("text", v.Text)
}

func checkText(what, s string) error {
	if len(s) > MaxAttribute || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%s is longer than %d bytes, not UTF-8, or has control characters", what, MaxAttribute)
	}
	return nil
}

// file is a key that a rule has recognised.
type file struct {
	rule     *Rule
	captures map[string]string // with "key"
	join     string            // what it is joined by; "" joins with nothing
}

// recognise applies the first rule that matches.
func (m *Mapping) recognise(key string) (file, bool) {
	for i := range m.Files {
		r := &m.Files[i]
		captures, ok := r.pattern.match(key)
		if !ok {
			continue
		}
		captures["key"] = key
		f := file{rule: r, captures: captures}
		var by []string
		for _, name := range m.Join {
			v, captured := captures[name]
			if !captured {
				return f, true
			}
			by = append(by, strconv.Itoa(len(v))+":"+v)
		}
		f.join = strings.Join(by, "")
		return f, true
	}
	return file{}, false
}

// destination is where a file goes: of its key alone, so that it is the same after a
// restart and whatever else has arrived.
func (m *Mapping) destination(f file, into string) (bucket, key string) {
	if into == "" {
		into = expand(m.bucket, f.captures)
	}
	return into, expand(f.rule.into, f.captures)
}

// capturesBucket reports whether the bucket depends on the key.
func (m *Mapping) capturesBucket() bool {
	return slices.ContainsFunc(m.bucket, func(c piece) bool { return c.name != "" })
}

// facts are what attributes are read from.
type facts struct {
	captures map[string]string
	metadata []any // decoded metadata files
	headers  map[string]string
	tags     map[string]string
}

// attributes reads all attributes; problems names those that were there and could not
// be used.
func (m *Mapping) attributes(r *Rule, from facts) (out map[string]string, problems []string) {
	out = map[string]string{}
	if r.Kind != "" {
		out["kind"] = r.Kind
	} else if r.As == AsMetadata {
		out["kind"] = "metadata"
	}
	for name, values := range m.Attributes {
		if r.As == AsMetadata && name == "kind" {
			continue // it is the metadata of a call, not a call
		}
		for _, v := range values {
			text, err := v.read(from)
			if err != nil {
				problems = append(problems, fmt.Sprintf("attribute %s: %v", name, err))
				continue
			}
			if text != "" {
				out[name] = text
				break
			}
		}
	}
	slices.Sort(problems)
	return out, problems
}

func (v Value) read(from facts) (string, error) {
	var text string
	switch {
	case v.JSON != "":
		for _, document := range from.metadata {
			if text = scalar(point(document, v.JSON)); text != "" {
				break
			}
		}
	case v.Key != "":
		text = from.captures[v.Key]
	case v.Header != "":
		text = from.headers[strings.ToLower(v.Header)]
	case v.Tag != "":
		text = from.tags[v.Tag]
	default:
		text = v.Text
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return "", nil
	}
	if v.Map != nil {
		to, ok := v.Map[text]
		if !ok {
			to = v.Map["*"]
		}
		text = to
	}
	text, err := v.form(text)
	if err != nil || text == "" {
		return "", err
	}
	return text, checkText("its value", text)
}

func (v Value) form(text string) (string, error) {
	switch v.Form {
	case "lower":
		return strings.ToLower(text), nil
	case "seconds", "milliseconds":
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n >= 0 && n < 1e15) {
			return "", fmt.Errorf("its value is not a number of %s", v.Form)
		}
		if v.Form == "milliseconds" {
			n /= 1000
		}
		return strconv.FormatFloat(n, 'f', -1, 64), nil
	case "time":
		layout := v.Layout
		if layout == "" {
			layout = time.RFC3339
		}
		t, err := time.Parse(layout, text)
		if err != nil {
			return "", errors.New("its value is not a time of the layout expected")
		}
		return t.UTC().Format(time.RFC3339), nil
	}
	return text, nil
}

// point follows an RFC 6901 pointer; what is not there is nil.
func point(document any, pointer string) any {
	for token := range strings.SplitSeq(pointer[1:], "/") {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		switch d := document.(type) {
		case map[string]any:
			document = d[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(d) || strconv.Itoa(i) != token {
				return nil
			}
			document = d[i]
		default:
			return nil
		}
	}
	return document
}

// scalar is the text of a string, number or truth value; anything else has none.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// parseMetadata reads a metadata file within the mapping's limits.
func (m *Mapping) parseMetadata(text []byte) (any, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if err := checkDepth(text, m.Limits.MetadataDepth); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, errors.New("it is not JSON")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows its end")
	}
	return v, nil
}

// checkDepth refuses nesting deeper than a limit before anything is built of it.
func checkDepth(text []byte, limit int) error {
	depth, quoted, escaped := 0, false, false
	for _, c := range text {
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped = c == '\\'
			quoted = c != '"'
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return fmt.Errorf("it is nested deeper than %d", limit)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// contentType says what a file is: its rule, else the source, else its ending.
func (m *Mapping) contentType(r *Rule, key, declared string) string {
	if r.ContentType != "" {
		return r.ContentType
	}
	switch declared {
	case "", "binary/octet-stream", "application/octet-stream":
		if t := m.ContentTypes[strings.ToLower(strings.TrimPrefix(path.Ext(key), "."))]; t != "" {
			return t
		}
	}
	return declared
}

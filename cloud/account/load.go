package account

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"strongroom/cloud/iam"
)

const (
	maxFile   = 4 << 30  // of one file, unpacked
	maxValue  = 64 << 20 // of one answer, or one entry of authorization details
	maxFaults = 1000     // that are kept; the rest are counted
	maxFiles  = 100_000  // below one folder
)

// Load reads an account from files and folders (with all that is below them), in any mix:
// answers of the AWS CLI as docs/cloud.md lists them, and snapshots, each gzipped or not.
// What is wrong inside them is in the account's Faults and Missing; an error means that a
// path could not be read at all, or that no file says anything about an account.
func Load(paths ...string) (*Account, error) { return LoadOf("", paths...) }

// LoadOf reads one account, by its number, from files that may hold several: the entries of
// the others are left out, and told. Without a number it is the first that a file names.
func LoadOf(id string, paths ...string) (*Account, error) {
	l := NewLoader()
	if id != "" {
		if len(id) != 12 || strings.Trim(id, "0123456789") != "" {
			return nil, fmt.Errorf("%q is no number of an AWS account: twelve digits", id)
		}
		l.a.ID, l.chosen = id, true
	}
	for _, p := range paths {
		if err := l.Add(p); err != nil {
			return nil, err
		}
	}
	return l.Account()
}

// Loader gathers an account from several sources.
type Loader struct {
	a          *Account
	idFrom     string // the file that named the account first
	chosen     bool   // the account was named before any file
	met        bool   // something in the files is the account's
	policies   map[[sha256.Size]byte]*iam.Policy
	seen       map[string][sha256.Size]byte // what was said of an id, by kind and id
	doubts     map[string]string            // kind and id: why it is unknown
	broken     map[supplied]string          // an input that was supplied, but not whole
	pages      map[supplied]pages
	refused    map[supplied]string // error code
	others     map[string]int      // entries of other accounts, left out
	understood int                 // documents
	more       int                 // faults beyond maxFaults

	users   map[string]*User // by ARN, as all the others
	roles   map[string]*Role
	groups  map[string]*Group
	member  map[*User][]string // names of groups
	managed map[string]*Managed

	buckets        map[string]*Bucket      // by name
	accessPoints   map[string]*AccessPoint // by kind, region and name
	keys           map[string]*Key         // by id
	aliases        []string                // regions whose aliases were listed
	workloads      map[string]*Workload    // by kind and ARN, or region and name
	instances      map[string]*Workload    // by id
	agents         map[string]*Agent       // by instance
	agentRegions   map[string]bool
	namedRoles     map[*Workload]string // names or ARNs of roles
	profiled       map[*Workload]string // what launch configurations start instances with
	scaling        []scaling
	securityGroups map[string]*SecurityGroup
	templates      map[string]*LaunchTemplate
	endpoints      map[string]*Endpoint
	images         map[string]*Share
	snapshots      map[string]*Share
	trails         map[string]*Trail
	clients        map[string]Provider  // by URL
	resources      map[string]*Resource // by ARN
	centers        map[string]*Center   // by ARN
	setNames       map[string]string    // of permission sets, by ARN
	assigned       map[string][]Assignment
	sightings      map[string]*sightings
	listedKeys     map[string][]AccessKey

	org            *Organization
	noOrganization bool
	rootID         string
	parents        map[string]string   // by child
	attachedAt     map[string][]string // ids of policies, by input and level
	orgNames       map[string]string
	orgARNs        map[string]string
	orgPolicies    map[string]*iam.Policy

	expected map[string]map[string]bool // resources that inputs should tell of
	later    []later                    // answers that wait for others
	cut      string                     // a snapshot that does not end
}

// later is an answer that can be placed when the others are read.
type later struct {
	d document
	v value
}

// pages counts the pages of a listing: how many say that more follows, and how many end it.
type pages struct {
	open, last int
	file       string
}

// NewLoader makes an empty loader.
func NewLoader() *Loader {
	return &Loader{
		a:        &Account{Partition: "aws", Ignored: map[string]int{}, have: map[supplied]bool{}},
		policies: map[[sha256.Size]byte]*iam.Policy{},
		seen:     map[string][sha256.Size]byte{},
		doubts:   map[string]string{},
		broken:   map[supplied]string{},
		pages:    map[supplied]pages{},
		refused:  map[supplied]string{},
		others:   map[string]int{},
		users:    map[string]*User{},
		roles:    map[string]*Role{},
		groups:   map[string]*Group{},
		member:   map[*User][]string{},
		managed:  map[string]*Managed{},

		buckets:        map[string]*Bucket{},
		accessPoints:   map[string]*AccessPoint{},
		keys:           map[string]*Key{},
		workloads:      map[string]*Workload{},
		instances:      map[string]*Workload{},
		agents:         map[string]*Agent{},
		agentRegions:   map[string]bool{},
		namedRoles:     map[*Workload]string{},
		profiled:       map[*Workload]string{},
		securityGroups: map[string]*SecurityGroup{},
		templates:      map[string]*LaunchTemplate{},
		endpoints:      map[string]*Endpoint{},
		images:         map[string]*Share{},
		snapshots:      map[string]*Share{},
		trails:         map[string]*Trail{},
		clients:        map[string]Provider{},
		resources:      map[string]*Resource{},
		centers:        map[string]*Center{},
		setNames:       map[string]string{},
		assigned:       map[string][]Assignment{},
		sightings:      map[string]*sightings{},
		listedKeys:     map[string][]AccessKey{},
		parents:        map[string]string{},
		attachedAt:     map[string][]string{},
		orgNames:       map[string]string{},
		orgARNs:        map[string]string{},
		orgPolicies:    map[string]*iam.Policy{},
		expected:       map[string]map[string]bool{},
	}
}

// Add reads a file, or every file below a folder. Files whose names begin with a dot are
// left out.
func (l *Loader) Add(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return l.file(path)
	}
	n := 0
	return filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(e.Name(), ".") && p != path {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !e.Type().IsRegular() {
			return nil
		}
		if n++; n > maxFiles {
			return fmt.Errorf("%s holds more than %d files: is it the folder that you mean?", path, maxFiles)
		}
		return l.file(p)
	})
}

func (l *Loader) file(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return l.Read(path, f)
}

// lostEntry says why an input is not whole.
const lostEntry = "an entry of it cannot be read: see the faults"

// document is one answer of AWS, or one value in a file.
type document struct {
	l      *Loader
	file   string
	line   int
	input  *input // nil until it is recognised
	of     string
	region string
	none   bool // AWS said that there is none
	final  bool // no other answer follows
	bad    bool // a fault was found since somebody set it to false
	lost   bool // an entry of it could not be read
}

func (d *document) fault(path, format string, args ...any) {
	if len(d.l.a.Faults) >= maxFaults {
		d.l.more++
		return
	}
	d.l.a.Faults = append(d.l.a.Faults, Fault{d.file, d.line, path, fmt.Sprintf(format, args...)})
}

func (d *document) ignore(at *place) {
	name := at.pattern()
	if d.input != nil {
		name = d.input.Name + ": " + name
	}
	if len(d.l.a.Ignored) < maxFaults || d.l.a.Ignored[name] > 0 {
		d.l.a.Ignored[name]++
	}
}

// leftOut says why a file is not read: it is another account's.
type leftOut string

func (l leftOut) Error() string { return string(l) }

// bounded fails where more is read than allowed since the last reset.
type bounded struct {
	r           io.Reader
	total, left int64
}

var errLarge = fmt.Errorf("one value of it has more than %d MiB", maxValue>>20)

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLarge
	}
	if b.total <= 0 {
		return 0, fmt.Errorf("it has more than %d GiB", maxFile>>30)
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	b.total -= int64(n)
	return n, err
}

func (b *bounded) reset() { b.left = maxValue }

// Read reads one file. What it says about which resource can lie in its name: see
// docs/cloud.md. The error is of reading, never of what is in it.
func (l *Loader) Read(name string, r io.Reader) error {
	d := &document{l: l, file: name}
	in := bufio.NewReaderSize(r, 64<<10)
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			d.fault("", "it begins like a gzip file and is none: %v", err)
			return nil
		}
		in = bufio.NewReaderSize(z, 64<<10)
	}
	b := &bounded{r: in, total: maxFile, left: maxValue}
	err := d.contents(b)
	if err != nil {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			return pe
		}
		if left, ok := errors.AsType[leftOut](err); ok {
			d.fault("", "%v", left)
			return nil
		}
		d.fault("", "%v: what it says from there on is unknown", err)
		d.placed()
		if d.input != nil {
			l.broken[d.subject()] = "it cannot be read to its end: " + name
		}
	}
	return nil
}

// contents reads the JSON values of a file, one after another.
func (d *document) contents(b *bounded) error {
	in := bufio.NewReaderSize(b, 64<<10)
	start, err := in.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if mark := []byte("\ufeff"); bytes.HasPrefix(start, mark) {
		_, _ = in.Discard(len(mark))
		start = start[len(mark):]
	}
	if bytes.HasPrefix(start, []byte{0xff, 0xfe}) || bytes.HasPrefix(start, []byte{0xfe, 0xff}) {
		return errors.New("it is UTF-16, as > writes in Windows PowerShell, and AWS's answers are UTF-8: write it with | Out-File -Encoding utf8")
	}
	trimmed := bytes.TrimSpace(start)
	switch {
	case len(trimmed) == 0:
		d.fault("", "it is empty: the command that should have filled it failed. Run it again with 2>&1, and its error is understood")
		if d.placed(); d.input != nil {
			d.l.broken[d.subject()] = "the file is empty"
		}
		return nil
	case trimmed[0] != '{' && trimmed[0] != '[' && bytes.Contains(start, []byte("An error occurred (")):
		all, err := io.ReadAll(io.LimitReader(in, 64<<10))
		if err != nil {
			return err
		}
		d.said(string(all))
		return nil
	}
	switch {
	case snapshotStart.Match(trimmed):
		return d.snapshot(in, b)
	case bytes.HasPrefix(trimmed, []byte("user,arn,")):
		all, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		d.input = inputs["credential-report"]
		d.credentialReport(string(all))
		d.have()
		return nil
	}
	dec := json.NewDecoder(in)
	for n := 0; ; n++ {
		b.reset()
		t, err := dec.Token()
		if errors.Is(err, io.EOF) && n > 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("it is not JSON: %w", err)
		}
		switch t {
		case json.Delim('{'):
			if err := d.object(dec, b); err != nil {
				return err
			}
		case json.Delim('['): // pages in a list
			for dec.More() {
				b.reset()
				if t, err := dec.Token(); err != nil {
					return fmt.Errorf("it is not JSON: %w", err)
				} else if t != json.Delim('{') {
					return fmt.Errorf("a list of %v: AWS answers with objects", t)
				}
				if err := d.object(dec, b); err != nil {
					return err
				}
			}
			if _, err := dec.Token(); err != nil {
				return fmt.Errorf("it is not JSON: %w", err)
			}
		default:
			return fmt.Errorf("it is %v: AWS answers with an object", t)
		}
	}
}

// object reads what follows an opening brace. The long lists of authorization details are
// read entry by entry; whatever else there is, whole.
func (d *document) object(dec *json.Decoder, b *bounded) error {
	root := &node{kind: object}
	streamed := map[string]bool{}
	d.input = nil
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return fmt.Errorf("it is not JSON: %w", err)
		}
		name := t.(string)
		fold := strings.ToLower(name)
		entry, long := details[fold]
		var raw json.RawMessage
		if !long {
			if err := dec.Decode(&raw); err != nil {
				return fmt.Errorf("%s: it is not JSON: %w", name, err)
			}
			v, err := tree(raw)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			root.members = append(root.members, member{name: name, fold: fold, value: v})
			continue
		}
		t, err = dec.Token()
		if err != nil {
			return fmt.Errorf("%s: it is not JSON: %w", name, err)
		}
		if t != json.Delim('[') {
			return fmt.Errorf("%s: it is %v, not a list", name, t)
		}
		d.input = inputs["authorization-details"]
		kept := &node{kind: list, raw: []byte("[]")}
		for i := 0; dec.More(); i++ {
			b.reset()
			raw = raw[:0]
			if err := dec.Decode(&raw); err != nil {
				return fmt.Errorf("%s[%d]: it is not JSON: %w", name, i, err)
			}
			at := &place{up: &place{name: name}, index: i}
			n, err := tree(slices.Clone(raw))
			if err != nil {
				d.l.understood++
				d.fault(at.String(), "%v", err)
				d.l.broken[d.subject()] = lostEntry
				continue
			}
			v := value{d, at, n}
			if fold == "policies" && !v.get("PolicyVersionList").there() && !v.get("DefaultVersionId").there() {
				kept.items = append(kept.items, n) // a list of policies of something else
				continue
			}
			if n.kind != object {
				v.fault("%s is %s, not an object", short(n.raw), n.kind)
				d.l.broken[d.subject()] = lostEntry
				continue
			}
			streamed[fold] = true
			d.l.understood++
			if entry(d.l, v) {
				v.rest()
			}
		}
		if _, err := dec.Token(); err != nil {
			return fmt.Errorf("%s: it is not JSON: %w", name, err)
		}
		if fold != "policies" {
			streamed[fold] = true
		}
		root.members = append(root.members, member{name: name, fold: fold, value: kept, used: streamed[fold]})
	}
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("it is not JSON: %w", err)
	}
	root.raw = reassemble(root)
	v := value{d, nil, root}
	if len(streamed) > 0 {
		d.l.understood++
		d.input = inputs["authorization-details"]
		d.detailLists(v)
		d.paged(v)
		v.rest()
		return nil
	}
	d.input = nil
	d.answer(v)
	return nil
}

// reassemble is the text of an object whose members were read one by one.
func reassemble(n *node) []byte {
	out := []byte{'{'}
	for i, m := range n.members {
		if i > 0 {
			out = append(out, ',')
		}
		name, _ := json.Marshal(m.name)
		out = append(append(append(out, name...), ':'), m.value.raw...)
	}
	return append(out, '}')
}

// paged notes whether an answer says that more follows it.
func (d *document) paged(v value) {
	open := v.get("IsTruncated").flag() || v.get("Truncated").flag()
	for _, name := range []string{"Marker", "NextToken", "NextMarker", "NextContinuationToken"} {
		if m := v.get(name); m.there() && m.text() != "" {
			open = true
		}
	}
	k := d.subject()
	p := d.l.pages[k]
	if open {
		p.open++
		p.file = d.file
	} else {
		p.last++
	}
	d.l.pages[k] = p
	d.have()
}

// own says whether an ARN is of the account that is being loaded; the first one decides
// which that is. Another account's entry is a fault.
func (d *document) own(v value, arn string) bool {
	partition, account, ok := arnAccount(arn)
	if !ok {
		v.fault("%q is not an ARN with an account: arn:aws:iam::123456789012:…", arn)
		d.l.broken[d.subject()] = "an entry of it cannot be used: see the faults"
		return false
	}
	if account == "aws" || account == "" {
		return true
	}
	l := d.l
	if l.a.ID == "" {
		l.a.ID, l.a.Partition, l.idFrom = account, partition, d.file
	}
	if account != l.a.ID {
		if l.chosen {
			v.fault("%s is of account %s, not of %s: it is left out", arn, account, l.a.ID)
		} else {
			v.fault("%s is of account %s, and %s is of account %s: it is left out; supply one account at a time, or say which by --account-id", arn, account, l.idFrom, l.a.ID)
		}
		l.others[account]++
		return false
	}
	l.met = true
	return true
}

func arnAccount(arn string) (partition, account string, ok bool) {
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 || part[0] != "arn" || part[1] == "" {
		return "", "", false
	}
	return part[1], part[4], true
}

// once says whether an id is seen for the first time. The same entry twice is fine (exports
// overlap); another entry under the same id is a fault, and the id's doubt.
func (d *document) once(kind, id string, v value) bool {
	sum := sha256.Sum256(v.n.raw)
	k := kind + " " + id
	before, there := d.l.seen[k]
	if !there {
		d.l.seen[k] = sum
		return true
	}
	if before != sum {
		v.fault("%s %s is there twice, and the two differ: the first is used, and what depends on it is unknown", kind, id)
		d.l.doubts[k] = "it is in the files twice, and the two differ"
	}
	v.n.whole = true // the first one is what is read
	return false
}

// doubt is why something of which entries were read is unknown.
func (l *Loader) doubt(kind, id string, bad bool) []string {
	var out []string
	if why := l.doubts[kind+" "+id]; why != "" {
		out = append(out, why)
	}
	if bad {
		out = append(out, "parts of its entry cannot be read")
	}
	return out
}

// policy reads a policy document in any of the forms that AWS gives it: an object, JSON as
// text, and that percent-encoded (RFC 3986). It is nil where there is none or nobody can
// read it; the latter is a fault.
func (v value) policy(name string) *iam.Policy {
	if !v.there() {
		return nil
	}
	raw := v.n.raw
	switch v.n.kind {
	case object:
		v.n.whole = true
	case text:
		s := strings.TrimSpace(v.n.text)
		if strings.HasPrefix(s, "%") {
			plain, err := url.PathUnescape(s)
			if err != nil {
				v.fault("%s: the policy is percent-encoded, and wrongly: %v", name, err)
				return nil
			}
			s = plain
		}
		raw = []byte(s)
	default:
		v.fault("%s is %s, not a policy", short(raw), v.n.kind)
		return nil
	}
	p, err := v.d.l.parse(name, raw)
	if err != nil {
		v.fault("%v", err)
		return nil
	}
	for _, f := range p.Faults {
		v.d.fault(v.at.String(), "%s", f)
	}
	return p
}

// parse reads a policy document, or finds one that says the same.
func (l *Loader) parse(name string, raw []byte) (*iam.Policy, error) {
	var compact bytes.Buffer
	if json.Compact(&compact, raw) == nil {
		raw = compact.Bytes()
	}
	sum := sha256.Sum256(raw)
	if p := l.policies[sum]; p != nil {
		c := *p
		c.Name = name
		if len(p.Faults) > 0 {
			c.Faults = slices.Clone(p.Faults)
			for i := range c.Faults {
				c.Faults[i].Policy = name
			}
		}
		return &c, nil
	}
	p, err := iam.Parse(name, raw)
	if err == nil {
		p.Faults = iam.Compile(p).Faults // conditions and ARNs too
		l.policies[sum] = p
	}
	return p, err
}

// Account is what the sources say together. The loader is done with then.
func (l *Loader) Account() (*Account, error) {
	a := l.a
	if l.understood == 0 {
		if len(a.Faults) > 0 {
			f := a.Faults[0]
			return nil, fmt.Errorf("nothing of an AWS account in what was supplied: %s: %s", f.File, f.What)
		}
		return nil, errors.New("nothing of an AWS account in what was supplied: no file")
	}
	if l.chosen && !l.met && len(l.others) > 0 {
		return nil, fmt.Errorf("nothing in what was supplied is of account %s; there is something of %s", a.ID, strings.Join(sortedKeys(l.others), ", "))
	}
	l.finishIAM()
	l.finishResources()
	l.finishMissing()
	if l.more > 0 {
		a.Faults = append(a.Faults, Fault{What: fmt.Sprintf("and %d more faults", l.more)})
	}
	return a, nil
}

func sorted[K cmp.Ordered, V any](m map[K]V) []V {
	out := make([]V, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}

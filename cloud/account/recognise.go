package account

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	regionForm = regexp.MustCompile(`^[a-z]{2,3}(-[a-z]+)+-[0-9]{1,2}$`)
	regionEnd  = regexp.MustCompile(`^(.+)-([a-z]{2,3}(?:-(?:gov|iso|isob))?-(?:north|south|east|west|central|northeast|northwest|southeast|southwest)-[0-9]{1,2})$`)
)

// placed finds input, resource and region in the file's name: INPUT/NAME.json, INPUT.json,
// INPUT/REGION.json, INPUT-REGION.json, and any of them below a folder named for a region.
func (d *document) placed() {
	parts := strings.Split(filepath.ToSlash(d.file), "/")
	last := len(parts) - 1
	base := strings.TrimSuffix(parts[last], ".gz")
	if i := strings.LastIndex(base, "."); i > 0 {
		switch strings.ToLower(base[i:]) {
		case ".json", ".txt", ".csv", ".jsonl":
			base = base[:i]
		}
	}
	if plain, err := url.PathUnescape(base); err == nil {
		base = plain
	}
	if m := regionEnd.FindStringSubmatch(base); m != nil && inputs[m[1]] != nil {
		base, d.region = m[1], m[2]
	}
	for _, p := range parts[:last] {
		if regionForm.MatchString(p) {
			d.region = p
		}
	}
	if in := inputs[base]; in != nil {
		d.input = in
		return
	}
	for _, p := range slices.Backward(parts[:last]) {
		if in := inputs[p]; in != nil {
			d.input = in
			if in.per <= perRegion && regionForm.MatchString(base) {
				d.region = base
			} else if in.per > perRegion {
				d.of = base
			}
			return
		}
	}
	if regionForm.MatchString(base) {
		d.region = base
	}
}

// answer takes one answer of AWS out of a file: which, says the file's name, else its
// shape.
func (d *document) answer(v value) {
	d.input, d.of, d.region, d.none = nil, "", "", false
	for range 2 { // what the API's own JSON wraps around
		if len(v.n.members) <= 2 {
			for i := range v.n.members {
				m := &v.n.members[i]
				if (strings.HasSuffix(m.name, "Response") || strings.HasSuffix(m.name, "Result")) && m.value.kind == object {
					v = value{d, &place{up: v.at, name: m.name}, m.value}
					break
				}
			}
		}
	}
	v.get("ResponseMetadata").n.markWhole()
	d.placed()
	if d.input == nil {
		d.input = d.byShape(v)
	}
	if d.input == nil {
		return
	}
	d.take(v)
}

// byShape finds the input whose members an answer has, most of them first.
func (d *document) byShape(v value) *input {
	has := map[string]bool{}
	for _, m := range v.n.members {
		has[m.fold] = true
	}
	var best []*input
	for _, name := range sortedKeys(inputs) {
		in := inputs[name]
		if len(in.members) == 0 || slices.ContainsFunc(in.members, func(m string) bool { return !has[strings.ToLower(m)] }) {
			continue
		}
		if in.first != "" {
			if l := v.get(in.members[0]); l.is(list) && len(l.n.items) > 0 {
				one := value{d, l.at, l.n.items[0]}
				if (in.first == "-") != one.is(text) || in.first != "-" && !one.get(in.first).there() {
					continue
				}
			}
		}
		if len(best) > 0 && len(best[0].members) > len(in.members) {
			continue
		}
		if len(best) > 0 && len(best[0].members) < len(in.members) {
			best = best[:0]
		}
		best = append(best, in)
	}
	if len(best) == 1 {
		return best[0]
	}
	if has["policy"] && v.get("Policy").is(object) && v.get("Policy").get("PolicySummary").there() {
		return inputs["organization-policy"]
	}
	if has["policy"] || has["statement"] {
		if b := bucketOf(d.peek(v)); b != "" {
			d.of = b
			return inputs["bucket-policy"]
		}
		d.fault("", "it is a policy, and nothing says whose: name its folder for the input (bucket-policy/BUCKET.json, key-policy/KEY-ID.json, function-policy/NAME.json, …)")
		return nil
	}
	d.fault("", "it is no answer of AWS that is known here, or its shape does not say which: name its folder for the input (bucket-versioning/BUCKET.json, …)")
	return nil
}

// subject is what an answer is about, as inputs are told apart by it: a resource, else a
// region.
func (d *document) subject() supplied {
	if d.of == "" && d.input.per == perRegion {
		return supplied{d.input.Name, d.region}
	}
	if d.input.per <= perRegion {
		return supplied{d.input.Name, ""}
	}
	return supplied{d.input.Name, d.of}
}

// take reads an answer whose input is known.
func (d *document) take(v value) {
	in := d.input
	if !d.none && len(in.members) > 0 && !slices.ContainsFunc(in.members, func(m string) bool { return v.get(m).n != nil }) && v.get("Statement").n == nil {
		d.fault("", "it is no answer of %q: it lacks %s", in.Command, strings.Join(in.members, " and "))
		d.l.broken[d.subject()] = "what was supplied is no answer of this command"
		return
	}
	for i := range v.n.members {
		v.n.members[i].used = slices.Contains(pageMembers, v.n.members[i].fold) || v.n.members[i].fold == "responsemetadata"
	}
	meant := len(v.n.members) == 0 || d.none
	faults := len(d.l.a.Faults)
	d.bad, d.lost = false, false
	waiting := len(d.l.later)
	in.read(d, v)
	if len(d.l.later) > waiting {
		return
	}
	for i := range v.n.members {
		meant = meant || v.n.members[i].used
	}
	if d.lost {
		d.l.broken[d.subject()] = lostEntry
	}
	d.l.understood++
	if !meant {
		d.fault("", "it is no answer of %q: nothing in it means anything there", in.Command)
		d.l.broken[d.subject()] = "what was supplied is no answer of this command"
		return
	}
	v.rest()
	if in.per > perRegion && d.of == "" && len(d.l.a.Faults) > faults {
		return // it could not be placed
	}
	d.paged(v)
}

var pageMembers = []string{"istruncated", "truncated", "marker", "nexttoken", "nextmarker", "nextcontinuationtoken", "continuationtoken", "hasmoreresults"}

var refusal = regexp.MustCompile(`An error occurred \(([A-Za-z0-9.:_-]+)\) when calling the ([A-Za-z0-9]+) operation`)

// said takes the AWS CLI's word for why there is no answer.
func (d *document) said(message string) {
	m := refusal.FindStringSubmatch(message)
	if m == nil {
		d.fault("", "%s", short([]byte(message)))
		return
	}
	d.placed()
	if d.input == nil {
		d.input = byOperation(m[2])
	}
	if d.input == nil {
		d.fault("", "AWS refused %s (%s), and nothing here needs that", m[2], m[1])
		return
	}
	d.refused(m[1])
}

// byOperation finds the input that an operation of AWS's API makes.
func byOperation(op string) *input {
	var found *input
	for _, name := range sortedKeys(inputs) {
		word := strings.Fields(inputs[name].Command)
		if strings.EqualFold(strings.ReplaceAll(word[2], "-", ""), op) {
			if found != nil {
				return nil
			}
			found = inputs[name]
		}
	}
	return found
}

// noEndpoint is what a snapshot says where AWS's names have no address for a service in a
// region: the service is not there, and so nothing of it.
const noEndpoint = "NoSuchEndpoint"

// None says whether an error in the place of an input's answer means that there is none.
func None(name, code string) bool {
	in := inputs[name]
	return in != nil && (slices.Contains(in.none, code) || code == noEndpoint && in.per == perRegion)
}

// refused notes AWS's error in the place of an answer.
func (d *document) refused(code string) {
	if None(d.input.Name, code) {
		d.none = true
		d.take(value{d, nil, &node{kind: object, raw: []byte("{}")}})
		return
	}
	d.l.understood++
	d.l.refused[d.subject()] = code
}

// SnapshotVersion begins a snapshot; docs/formats/cloud-snapshot.md describes the form.
const SnapshotVersion = "strongroom-cloud/1"

var snapshotStart = regexp.MustCompile(`^\{\s*"snapshot"\s*:\s*"`)

// snapshot reads the lines of a snapshot.
func (d *document) snapshot(in *bufio.Reader, b *bounded) error {
	lines := 0
	for d.line = 1; ; d.line++ {
		b.reset()
		raw, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("line %d: %w", d.line, err)
		}
		last := err != nil
		if raw = bytes.TrimSpace(raw); len(raw) == 0 {
			if last {
				d.fault("", "the snapshot is cut off after line %d: what it lacks is unknown", d.line-1)
				d.l.cut = d.file
				return nil
			}
			continue
		}
		n, err := tree(raw)
		if err != nil {
			d.fault("", "it is not JSON: %v", err)
			d.l.cut = d.file
			if last {
				return nil
			}
			continue
		}
		if n.kind != object {
			d.fault("", "%s is not an object", short(n.raw))
			continue
		}
		v := value{d, nil, n}
		switch {
		case d.line == 1:
			if err := d.head(v); err != nil {
				return err
			}
		case v.get("end").n != nil:
			if v.get("end").int() != lines {
				d.fault("end", "the snapshot ends after %d answers and says %d: what it lacks is unknown", lines, v.get("end").int())
				d.l.cut = d.file
			}
			return nil
		default:
			lines++
			d.entry(v)
		}
		if last {
			d.fault("", "the snapshot is cut off after line %d: what it lacks is unknown", d.line)
			d.l.cut = d.file
			return nil
		}
	}
}

// head reads a snapshot's first line.
func (d *document) head(v value) error {
	l := d.l
	if s := v.get("snapshot").text(); s != SnapshotVersion {
		return fmt.Errorf("it is a snapshot of the form %q, and %q is what this program reads", s, SnapshotVersion)
	}
	l.understood++
	if id := v.get("account").text(); id != "" {
		switch {
		case l.a.ID == "":
			l.a.ID, l.idFrom = id, d.file
		case l.a.ID != id && l.chosen:
			l.others[id]++
			return leftOut(fmt.Sprintf("it is a snapshot of account %s, not of %s: it is left out", id, l.a.ID))
		case l.a.ID != id:
			return fmt.Errorf("it is a snapshot of account %s, and %s is of account %s: supply one account at a time, or say which by --account-id", id, l.idFrom, l.a.ID)
		}
		l.met = true
	}
	if p := v.get("partition").text(); p != "" {
		l.a.Partition = p
	}
	l.a.Taken = latest(l.a.Taken, v.get("taken").time())
	if l.a.Taken.After(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)) {
		l.a.Taken = time.Time{}
	}
	v.get("regions").texts()
	v.get("program")
	d.input = nil
	v.rest()
	return nil
}

// entry reads one answer of a snapshot.
func (d *document) entry(v value) {
	name := v.get("input").text()
	d.input, d.of, d.region, d.none = inputs[name], v.get("of").text(), v.get("region").text(), false
	if d.input == nil {
		d.l.a.Ignored["snapshot: "+short([]byte(name))]++
		return
	}
	switch a, e := v.get("answer"), v.get("error"); {
	case e.there():
		code := e.get("code").text()
		if code == "" {
			e.fault("an error without a code")
			code = "unknown"
		}
		d.refused(code)
	case a.is(object):
		d.take(a)
	default:
		v.fault("neither an answer nor an error")
		d.l.broken[d.subject()] = "its line in the snapshot has no answer"
	}
}

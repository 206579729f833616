package account

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// expect notes that an input should have an answer about a resource.
func (l *Loader) expect(input, of string) {
	if l.expected[input] == nil {
		l.expected[input] = map[string]bool{}
	}
	if of != "" {
		l.expected[input][of] = true
	}
}

// haveOf notes that an input was supplied about a resource.
func (l *Loader) haveOf(input, of string) {
	l.a.have[supplied{input, of}] = true
	l.a.have[supplied{input: input}] = true
}

// have notes that an answer was read.
func (d *document) have() {
	s := d.subject()
	d.l.haveOf(s.input, s.of)
}

// wanted are the resources or regions about which an input should have an answer each; nil
// where one answer is all.
func (l *Loader) wanted(in *input) []string {
	var out []string
	switch in.per {
	case perRegion:
		return l.a.Regions
	case perBucket:
		for _, name := range sortedKeys(l.buckets) {
			if in.Name != "bucket-location" || l.buckets[name].Region == "" {
				out = append(out, name)
			}
		}
	case perKey:
		for _, id := range sortedKeys(l.keys) {
			if in.Name == "key-policy" || l.keys[id].Manager != "AWS" {
				out = append(out, id)
			}
		}
	case perFunction:
		for _, w := range l.a.Workloads {
			if w.Kind == "lambda:function" {
				out = append(out, w.ARN)
			}
		}
	case perAccessPoint, perObjectLambda, perMultiRegion:
		kind := map[per]string{perAccessPoint: "s3", perObjectLambda: "object-lambda", perMultiRegion: "multi-region"}[in.per]
		for _, p := range l.a.AccessPoints {
			if p.Kind == kind {
				out = append(out, p.Name)
			}
		}
	case perTrail:
		out = sortedKeys(l.trails)
	case perLevel:
		for _, level := range l.levels() {
			if in.Name != "organization-parents" || level.Kind != "root" {
				out = append(out, level.ID)
			}
		}
	case perResource:
		out = sortedKeys(l.expected[in.Name])
	}
	return out
}

// finishMissing says which inputs were not supplied, or not whole.
func (l *Loader) finishMissing() {
	a := l.a
	for k, p := range l.pages {
		if p.open > 0 && p.last == 0 {
			l.broken[k] = "cut off: " + p.file + " says that more follows, and no page ends it"
		}
	}
	missing := func(in *input, of, region, why string) {
		a.Missing = append(a.Missing, Missing{Input: in.Name, Of: of, Region: region, Why: why, Means: in.Means, Command: in.Command})
		a.have[supplied{input: in.Name}] = false
	}
	for id, n := range l.others {
		a.Missing = append(a.Missing, Missing{Input: "account", Of: id, Why: fmt.Sprintf("%d entries of it lie among those of account %s and are left out", n, a.ID),
			Means: "what its principals can reach", Command: "the same with --account-id " + id})
	}
	for _, name := range sortedKeys(inputs) {
		in := inputs[name]
		if name == "caller" && a.ID != "" || name == "organization-roots" && l.org == nil {
			continue
		}
		some := a.have[supplied{input: name}]
		said := map[string]bool{}
		for _, why := range []struct {
			of   map[supplied]string
			text string
		}{{l.broken, ""}, {l.refused, "refused: "}} {
			for k, w := range why.of {
				if k.input != name || said[k.of] {
					continue
				}
				if why.text != "" && a.have[k] {
					continue // another file has the answer
				}
				said[k.of] = true
				a.have[k] = false
				of, region := k.of, ""
				if in.per == perRegion {
					of, region = "", k.of
				}
				missing(in, of, region, why.text+w)
			}
		}
		if name == "authorization-details" && some {
			for _, list := range detailLists {
				if !a.have[supplied{name, list}] {
					missing(in, list, "", "no file has this list: it was filtered out")
				}
			}
		}
		wanted := l.wanted(in)
		switch {
		case in.per == perAccount || len(said) == 0 && !some && (in.per == perRegion || len(wanted) > 0):
			if !some && len(said) == 0 {
				missing(in, "", "", "not supplied")
			}
		case in.per == perRegion:
			var lack []string
			for _, r := range wanted {
				if !a.have[supplied{name, r}] && !said[r] {
					lack = append(lack, r)
				}
			}
			// An answer that does not name its region may be of any.
			if len(lack) > 0 && !a.have[supplied{name, ""}] || len(lack) > 0 && len(lack) < len(wanted) {
				missing(in, "", strings.Join(lack, " "), "not supplied")
			}
		default:
			for _, of := range wanted {
				if !a.have[supplied{name, of}] && !said[of] {
					missing(in, of, "", "not supplied")
				}
			}
		}
	}
	// What came in pages of which some lack is known in part.
	for _, k := range a.Keys {
		k.Grants.Known = k.Grants.Known && a.have[supplied{"key-grants", k.ID}]
		k.Aliases.Known = k.Aliases.Known && (a.have[supplied{"key-aliases", k.Region}] || a.have[supplied{"key-aliases", ""}])
	}
	for i := range a.Centers {
		c := &a.Centers[i]
		c.Sets.Known = a.have[supplied{"permission-sets", c.ARN}]
		for i := range c.Sets.V {
			c.Sets.V[i].Assignments.Known = a.have[supplied{"permission-set-assignments", c.Sets.V[i].ARN}]
		}
	}
	for _, b := range a.Buckets {
		b.Inventories.Known = b.Inventories.Known && a.have[supplied{"bucket-inventory", b.Name}]
	}
	if l.cut != "" {
		a.Missing = append(a.Missing, Missing{Input: "snapshot", Why: "cut off or damaged: " + l.cut, Means: "whatever it lacks", Command: "strongroom cloud snapshot"})
		for _, in := range inputs {
			a.have[supplied{input: in.Name}] = false
		}
	}
	slices.SortFunc(a.Missing, func(x, y Missing) int {
		return cmp.Or(cmp.Compare(x.Input, y.Input), cmp.Compare(x.Of, y.Of), cmp.Compare(x.Region, y.Region))
	})
}

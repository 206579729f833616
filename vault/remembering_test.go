package vault

import (
	"fmt"
	"testing"

	"strongroom"
	"strongroom/book"
)

func TestRemembered(t *testing.T) {
	b := bucketRow{}
	b.ID = strongroom.NewID()
	object := func(key string) objectBody {
		o := objectBody{kind: rowObject}
		o.Key, o.Version, o.salt = key, strongroom.NewID(), [16]byte{1}
		return o
	}
	for name, c := range map[string]struct {
		step book.Step
		kept bool
	}{
		"nothing":                {book.Step{}, true},
		"a person":               {book.Step{Put: []book.Row{{Kind: rowPrincipal, ID: "VERSION"}}}, true},
		"another object":         {book.Step{Put: []book.Row{{Kind: rowObject, ID: "other"}}}, true},
		"the version dropped":    {book.Step{Drop: []book.RowKey{{Kind: rowObject, ID: "VERSION"}}}, false},
		"the version written":    {book.Step{Put: []book.Row{{Kind: rowObject, ID: "VERSION"}}}, false},
		"the version moved":      {book.Step{Put: []book.Row{{Kind: rowVersion, ID: "VERSION"}}}, false},
		"the version touched":    {book.Step{Touched: []book.RowKey{{Kind: rowObject, ID: "VERSION"}}}, false},
		"the parts of an upload": {book.Step{DropUnder: []book.RowKey{{Kind: rowPart, ID: "upload"}}}, true},
		"all of a bucket":        {book.Step{DropUnder: []book.RowKey{{Kind: rowObject, ID: "bucket"}}}, false},
	} {
		var m remembered
		o := object("k")
		m.keep(m.at(), b, o)
		if got, ok := m.find(b, "k"); !ok || got.Version != o.Version || !m.holds(o) {
			t.Fatalf("%s: it is not remembered", name)
		}
		if other := (bucketRow{}); func() bool { _, ok := m.find(other, "k"); return ok }() {
			t.Errorf("%s: it is found in another bucket", name)
		}
		changed := o
		changed.salt = [16]byte{2}
		if m.holds(changed) {
			t.Errorf("%s: another row of the version passes for it", name)
		}
		at := m.at()
		for _, list := range [][]book.RowKey{c.step.Drop, c.step.Touched} {
			for i := range list {
				if list[i].ID == "VERSION" {
					list[i].ID = o.Version.String()
				}
			}
		}
		for i := range c.step.Put {
			if c.step.Put[i].ID == "VERSION" {
				c.step.Put[i].ID = o.Version.String()
			}
		}
		m.follow(book.Committed{Steps: []book.Step{c.step}})
		if _, ok := m.find(b, "k"); ok != c.kept || m.holds(o) != c.kept {
			t.Errorf("%s: remembered %v", name, ok)
		}
		if m.keep(at, b, o); !c.kept && m.holds(o) {
			t.Errorf("%s: what was read before is remembered after", name)
		}
	}
}

// However many are opened, a bounded number is remembered, and each as itself.
func TestRememberedIsBounded(t *testing.T) {
	var m remembered
	b := bucketRow{}
	b.ID = strongroom.NewID()
	versions := map[string]strongroom.ID{}
	for i := range 3 * rememberedObjects {
		o := objectBody{kind: rowObject}
		o.Key, o.Version = fmt.Sprint(i), strongroom.NewID()
		versions[o.Key] = o.Version
		m.keep(m.at(), b, o)
		if len(m.objects) > rememberedObjects || len(m.names) != len(m.objects) {
			t.Fatalf("after %d: %d objects, %d names", i+1, len(m.objects), len(m.names))
		}
	}
	for name, o := range m.objects {
		if versions[name.key] != o.Version || !m.holds(o) {
			t.Errorf("%s is remembered as another", name.key)
		}
	}
	large := objectBody{kind: rowObject}
	large.Key, large.Version, large.Parts = "large", strongroom.NewID(), make([]strongroom.ObjectPart, rememberedParts+1)
	marker := objectBody{kind: rowObject}
	marker.Key, marker.Version, marker.Marker = "marker", strongroom.NewID(), true
	for _, o := range []objectBody{large, marker} {
		m.keep(m.at(), b, o)
		if _, ok := m.find(b, o.Key); ok {
			t.Errorf("%s is remembered", o.Key)
		}
	}
}
